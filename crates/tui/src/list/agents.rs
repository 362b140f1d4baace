//! Agents that a prompt can be for.

use crate::app::App;
use crate::choice::Choice;
use crate::dialog::{Item, Outcome, Select};
use crate::safe;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    let title = app.words.get("agents.title");
    let list = Select::new(app, title, items, |app, name: &String| {
        app.choice.set_agent(name);
        Outcome::Close
    });
    app.open_dialog(list);
}

fn items(app: &App) -> Vec<Item<String>> {
    let chosen = app.choice.agent_name(&app.store);
    Choice::agents(&app.store)
        .map(|agent| {
            let described = if agent.native == Some(true) {
                app.words.get("agents.native").to_owned()
            } else {
                safe::line(agent.description.as_deref().unwrap_or_default()).into_owned()
            };
            Item::new(agent.name.clone(), safe::line(&agent.name))
                .describe(described)
                .current(agent.name == chosen)
        })
        .collect()
}
