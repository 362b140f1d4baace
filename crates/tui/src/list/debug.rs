//! Facts that help when something is wrong (reference `tui.md` §10).

use crate::app::App;
use crate::dialog::Alert;
use crate::dialog::alert::Line;

/// Shows them; entering copies them.
pub(crate) fn open(app: &mut App) {
    let title = app.words.get("debug.title");
    app.open_dialog(Alert::live(title, lines).copied());
}

fn lines(app: &App) -> Vec<Line> {
    let model = app.choice.model(&app.store, &app.settings);
    let model = model.map(|model| format!("{}/{}", model.provider, model.model));
    let session = app.session_id().map(|id| id.as_str().to_owned());
    let date = jiff::Timestamp::from_millisecond(app.clock).map(|time| time.to_string());
    let facts = [
        ("Version", Some(app.settings.version().to_owned())),
        ("Date", date.ok()),
        (
            "System",
            Some(format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ),
        ("Terminal", Some(app.settings.terminal().to_owned())),
        ("Size", Some(format!("{}×{}", app.size.0, app.size.1))),
        ("Session", session),
        ("Model", model),
    ];
    let known = facts.into_iter().filter_map(|(name, fact)| Some((name, fact?)));
    known
        .map(|(name, fact)| -> Line {
            vec![
                (format!("{name}: "), |theme| theme.text_muted),
                (fact, |theme| theme.text),
            ]
        })
        .collect()
}
