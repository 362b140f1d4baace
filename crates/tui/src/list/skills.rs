//! Skills; the one that is chosen is called by the prompt.

use opencode_client::Request;
use opencode_schema::skill::Skill;

use crate::app::App;
use crate::dialog::{Item, LARGE, Outcome, Select};
use crate::safe;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    app.ask(Request::get(&["skill"]), |app, skills: Vec<Skill>| {
        let title = app.words.get("skills.title");
        let list = Select::new(
            app,
            title,
            move |_| items(&skills),
            |app, name: &String| {
                app.prompt.begin_command(name);
                Outcome::Close
            },
        )
        .wide(LARGE)
        .when_empty("skills.none");
        app.open_dialog(list);
    });
}

fn items(skills: &[Skill]) -> Vec<Item<String>> {
    let skills = skills.iter();
    skills
        .map(|skill| {
            let described = skill.description.as_deref().unwrap_or_default();
            Item::new(skill.name.clone(), safe::line(&skill.name)).describe(safe::line(described))
        })
        .collect()
}
