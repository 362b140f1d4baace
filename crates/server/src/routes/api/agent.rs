//! The agents of a place, in the order of their definition.

use axum::Json;
use opencode_schema::listing::AgentInfo;

use super::Located;
use crate::extract::LocationAt;

pub(crate) async fn list(LocationAt(location): LocationAt) -> Json<Located<Vec<AgentInfo>>> {
    let agents = location.agents.values().map(AgentInfo::from).collect();
    Located::new(&location, agents)
}
