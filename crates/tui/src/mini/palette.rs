//! The palette of this face: what it can do, and the commands of the server.

use opencode_schema::command::Source;

use crate::app::App;
use crate::command;
use crate::dialog::{Item, Outcome, Select};
use crate::safe;

/// What the palette does.
#[derive(Debug, Clone, PartialEq)]
enum Choice {
    /// Runs a command of this face.
    Run(&'static str),
    /// Begins one of the server's in the prompt.
    Write(String),
}

/// What stands at the right of a command.
#[derive(Clone, Copy)]
enum Foot {
    Nothing,
    Key,
    Text(&'static str),
    /// How many there are.
    Count(&'static str, fn(&App) -> usize),
}

/// Commands of this face that are listed: group, id, title, and what stands at the right.
const LISTED: &[(&str, &str, &str, Foot)] = &[
    (
        "palette.session",
        "prompt.editor",
        "command.prompt.editor",
        Foot::Text("/editor"),
    ),
    (
        "palette.session",
        "session.child.first",
        "mini.tasks.view",
        Foot::Count("mini.tasks.count", tasks),
    ),
    (
        "palette.session",
        "session.new",
        "command.session.new",
        Foot::Text("/new"),
    ),
    (
        "palette.prompt",
        "prompt.skills",
        "command.prompt.skills",
        Foot::Text("/skills"),
    ),
    ("palette.agent", "model.list", "command.model.list", Foot::Nothing),
    (
        "palette.agent",
        "session.queued_prompts",
        "mini.queue.manage",
        Foot::Count("mini.queued", queued),
    ),
    ("palette.agent", "variant.cycle", "mini.variant.cycle", Foot::Key),
    (
        "palette.agent",
        "variant.list",
        "command.variant.list",
        Foot::Nothing,
    ),
];

fn tasks(app: &App) -> usize {
    app.session_id().map_or(0, |id| app.store.children(id).len())
}

fn queued(app: &App) -> usize {
    app.mini.as_ref().map_or(0, |mini| mini.queued())
}

/// Opens the palette.
pub(crate) fn open(app: &mut App) {
    let title = app.words.get("palette.title");
    let palette = Select::new(app, title, items, |app, choice: &Choice| {
        match choice {
            Choice::Run("app.exit") => app.exit(),
            Choice::Run(id) => {
                command::run(app, id);
            }
            Choice::Write(name) => app.prompt.begin_command(name),
        }
        Outcome::Close
    });
    app.open_dialog(palette);
}

fn items(app: &App) -> Vec<Item<Choice>> {
    let own = LISTED.iter().filter(|(_, id, ..)| command::is_live(app, id));
    let own = own.map(|(group, id, title, foot)| {
        let foot = match *foot {
            Foot::Nothing => String::new(),
            Foot::Key => app.key_of(id),
            Foot::Text(text) => text.to_owned(),
            Foot::Count(key, count) => app.words.fill(key, &[("count", &count(app).to_string())]),
        };
        item(app, group, Choice::Run(id), app.words.get(title)).foot(foot)
    });
    let offered = |group: &'static str, is_mcp: bool| {
        let commands = app.store.commands.iter();
        let commands = commands.filter(move |command| {
            command.source != Source::Skill && (command.source == Source::Mcp) == is_mcp
        });
        commands.map(move |command| {
            let suffix = if is_mcp { ":mcp" } else { "" };
            let name = safe::line(&command.name).into_owned();
            let foot = format!("/{name}{suffix}");
            item(app, group, Choice::Write(command.name.clone()), &name).foot(foot)
        })
    };
    let exit = item(
        app,
        "palette.system",
        Choice::Run("app.exit"),
        app.words.get("mini.exit"),
    );
    own.chain(offered("mini.palette.project", false))
        .chain(offered("mini.palette.mcp", true))
        .chain([exit.foot("/exit")])
        .collect()
}

fn item(app: &App, group: &'static str, choice: Choice, title: &str) -> Item<Choice> {
    Item::new(choice, title).within(app.words.get(group))
}
