//! Prompts that are written while the session works: they wait here, can be changed and taken away, and go out one
//! after the other.

use opencode_schema::SessionId;

use crate::app::App;
use crate::dialog::{Item, LARGE, Outcome, Select};
use crate::prompt::{Draft, Submission};
use crate::safe;
use crate::toast::Variant;

/// Prompts that can wait.
const MOST: usize = 100;

/// A prompt that waits.
pub(super) struct Queued {
    /// Tells it from the others.
    number: u64,
    session: SessionId,
    submission: Submission,
    /// What was written, to be changed.
    draft: Draft,
}

impl App {
    /// Whether a prompt waits.
    pub(crate) fn has_queued(&self) -> bool {
        self.mini.as_ref().is_some_and(|mini| !mini.queue.is_empty())
    }

    /// Whether a session works, or is about to.
    fn is_working(&self, id: &SessionId) -> bool {
        let is_sending = self.mini.as_ref().is_some_and(|mini| mini.sending.contains(id));
        is_sending || self.store.is_busy(id)
    }

    /// Lets a prompt wait if it has to; else gives it back, to be sent.
    pub(crate) fn queue(&mut self, submission: Submission) -> Option<Submission> {
        let shown = self.session_id().cloned();
        let waits = |id: &SessionId| {
            let mini = self.mini.as_ref();
            let others = mini.is_some_and(|mini| mini.queue.iter().any(|queued| queued.session == *id));
            mini.is_some() && (others || self.is_working(id))
        };
        let Some(session) = shown.filter(waits) else {
            return Some(submission);
        };
        let draft = self.unsent.clone().unwrap_or_default();
        let mini = self.mini.as_mut()?;
        if mini.queue.len() >= MOST {
            self.give_back();
            self.tell(Variant::Warning, "mini.queue.full");
            return None;
        }
        let number = mini.queue.back().map_or(0, |last| last.number + 1);
        mini.queue.push_back(Queued {
            number,
            session,
            submission,
            draft,
        });
        None
    }

    /// Sends the prompt that waits longest of a session in which nothing goes on.
    pub(crate) fn send_queued(&mut self) {
        let Some(mini) = &self.mini else { return };
        let next = mini
            .queue
            .iter()
            .position(|queued| !self.is_working(&queued.session));
        let Some(at) = next else { return };
        let Some(model) = self.choice.model(&self.store, &self.settings) else {
            return;
        };
        let next = self.mini.as_mut().and_then(|mini| mini.queue.remove(at));
        if let Some(next) = next {
            self.send_to(&next.session, &next.submission, &model);
        }
    }

    /// A prompt of a session was sent, or its turn has ended.
    pub(crate) fn set_sending(&mut self, id: &SessionId, is_sending: bool) {
        let Some(mini) = &mut self.mini else { return };
        match is_sending {
            true => mini.sending.insert(id.clone()),
            false => mini.sending.remove(id),
        };
    }
}

/// Opens the list of the prompts that wait.
pub(crate) fn open(app: &mut App) -> bool {
    let title = app.words.get("mini.queue");
    let list = Select::new(app, title, items, |app, number: &u64| {
        edit(app, Some(number));
        Outcome::Close
    })
    .wide(LARGE)
    .when_empty("mini.queue.none")
    .action(
        "input.line.end",
        "mini.queue.edit",
        |app, number: Option<&u64>| {
            edit(app, number);
            Outcome::Close
        },
    )
    .action(
        "stash.delete",
        "mini.queue.remove",
        |app, number: Option<&u64>| {
            take(app, number);
            match app.has_queued() {
                true => Outcome::Done,
                false => Outcome::Close,
            }
        },
    );
    app.open_dialog(list);
    true
}

fn items(app: &App) -> Vec<Item<u64>> {
    let queue = app.mini.iter().flat_map(|mini| &mini.queue);
    queue
        .map(|queued| {
            let text = queued.draft.text();
            let first = text.trim().lines().next().unwrap_or_default();
            Item::new(queued.number, safe::line(first)).foot(app.words.get("mini.queue.waits"))
        })
        .collect()
}

fn take(app: &mut App, number: Option<&u64>) -> Option<Queued> {
    let mini = app.mini.as_mut()?;
    let at = mini
        .queue
        .iter()
        .position(|queued| Some(&queued.number) == number)?;
    mini.queue.remove(at)
}

/// Takes a prompt back to be written anew; what is written now is put aside.
fn edit(app: &mut App, number: Option<&u64>) {
    let Some(queued) = take(app, number) else { return };
    if !app.prompt.is_empty() {
        app.tell_prompt("prompt.stash");
    }
    app.prompt.put_draft(&queued.draft);
}
