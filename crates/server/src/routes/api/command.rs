//! The commands of a place. Skills, which the older list has among them, have a list of their own.

use axum::Json;
use opencode_schema::command::Source;
use opencode_schema::listing::CommandInfo;

use super::Located;
use crate::extract::LocationAt;

pub(crate) async fn list(LocationAt(location): LocationAt) -> Json<Located<Vec<CommandInfo>>> {
    let all = location.current_commands().await;
    let commands = all.values();
    let own = commands.filter(|command| command.source != Source::Skill);
    Located::new(&location, own.map(CommandInfo::from).collect())
}
