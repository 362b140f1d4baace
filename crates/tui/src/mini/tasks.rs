//! The subagents of a session: which there are, and what one of them says, while it does.

use opencode_schema::SessionId;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::App;
use crate::dialog::{Dialog, Item, LARGE, Outcome, Select};
use crate::safe;
use crate::transcript::Transcript;
use crate::transcript::flow::Printed;

/// Rows of what a subagent says.
const ROWS: u16 = 14;

/// Opens the list.
pub(crate) fn open(app: &mut App) -> bool {
    let Some(root) = app.session_id().cloned() else {
        return false;
    };
    let title = app.words.get("mini.tasks");
    let list = Select::new(
        app,
        title,
        move |app| items(app, &root),
        |app, id: &SessionId| {
            let id = id.clone();
            if !app.store.conversations.contains_key(&id) {
                app.load_session(&id);
            }
            let title = app.store.sessions.get(&id).map(|session| session.title.as_str());
            let title = safe::line(title.unwrap_or_default()).into_owned();
            app.open_dialog(Task {
                id,
                title,
                transcript: Transcript::default(),
                above: 0,
                room: 1,
            });
            Outcome::Close
        },
    )
    .wide(LARGE)
    .when_empty("mini.tasks.none");
    app.open_dialog(list);
    true
}

fn items(app: &App, root: &SessionId) -> Vec<Item<SessionId>> {
    let children = app.store.children(root);
    let newest_first = children.into_iter().rev();
    newest_first
        .map(|session| {
            let key = match app.store.is_busy(&session.id) {
                true => "mini.tasks.running",
                false => "mini.tasks.done",
            };
            Item::new(session.id.clone(), safe::line(&session.title)).foot(app.words.get(key))
        })
        .collect()
}

/// What a subagent says.
struct Task {
    id: SessionId,
    title: String,
    transcript: Transcript,
    /// Rows that are below what is seen.
    above: usize,
    room: usize,
}

impl Dialog for Task {
    fn title(&self) -> &str {
        &self.title
    }

    fn width(&self) -> u16 {
        LARGE
    }

    fn height(&self, _app: &App, _width: u16, screen: u16) -> u16 {
        ROWS.min(screen.saturating_sub(6)).max(1)
    }

    fn commands(&self) -> Vec<&'static str> {
        vec![
            "dialog.select.prev",
            "dialog.select.next",
            "dialog.select.page_up",
            "dialog.select.page_down",
            "dialog.select.home",
            "dialog.select.end",
        ]
    }

    fn command(&mut self, _app: &mut App, id: &str) -> Outcome {
        self.above = match id {
            "dialog.select.prev" => self.above + 1,
            "dialog.select.next" => self.above.saturating_sub(1),
            "dialog.select.page_up" => self.above + self.room,
            "dialog.select.page_down" => self.above.saturating_sub(self.room),
            "dialog.select.home" => usize::MAX / 2,
            "dialog.select.end" => 0,
            _ => return Outcome::Ignored,
        };
        Outcome::Done
    }

    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let width = usize::from(area.width);
        let flow = app.scene(&self.id, |scene| {
            self.transcript.flow(scene, width, &mut Printed::default())
        });
        let flow = flow.unwrap_or_default();
        let rows = flow.done.iter().chain(&flow.rest);
        let rows: Vec<_> = rows.skip_while(|row| row.spans.is_empty()).collect();
        self.room = usize::from(area.height).max(1);
        self.above = self.above.min(rows.len().saturating_sub(self.room));
        let end = rows.len() - self.above;
        let start = end.saturating_sub(self.room);
        let seen = rows.get(start..end).unwrap_or_default();
        for (y, row) in (area.y..area.bottom()).zip(seen) {
            row.draw(buffer, area.x, y, area.width);
        }
        None
    }
}
