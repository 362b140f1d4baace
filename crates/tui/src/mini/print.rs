//! What is printed next: the head, notes, and what was said since.

use opencode_schema::{MessageBody, MessageWithParts, SessionId};
use ratatui::style::{Modifier, Style};

use crate::app::App;
use crate::row::{Row, Span, paragraph};
use crate::safe;
use crate::store::Conversation;
use crate::transcript::flow::{Flow, Printed};
use crate::view;

/// Messages that are printed again at most.
const REPLAYED: usize = 2000;

/// What is printed, and what follows it as long as it may change.
#[derive(Default)]
pub(crate) struct Prints {
    /// Whether what the terminal shows goes first.
    pub(crate) is_anew: bool,
    /// Rows that stay.
    pub(crate) done: Vec<Row>,
    /// Rows that may change.
    pub(crate) rest: Vec<Row>,
}

impl App {
    /// What is printed next, and counts as printed from now on.
    pub(crate) fn print(&mut self) -> Prints {
        let mut prints = Prints::default();
        let shown = self.session_id().cloned();
        let head = self.mini.as_ref().is_some_and(|mini| !mini.has_head);
        if head {
            prints.done.extend(self.head());
        }
        let heading = self.heading(shown.as_ref());
        let Some(mini) = &mut self.mini else {
            return prints;
        };
        mini.has_head = true;
        prints.is_anew = std::mem::take(&mut mini.is_anew);
        prints.done.extend(heading);
        if mini.session != shown {
            mini.session.clone_from(&shown);
            mini.printed = None;
            mini.asked = None;
        }
        let Some(id) = shown else { return prints };
        let printed = mini.printed.take().or_else(|| self.beginning(&id));
        let Some(mut printed) = printed else { return prints };
        let width = usize::from(self.size.0);
        let flow = self.with_scene(&id, |transcript, scene| {
            transcript.flow(scene, width, &mut printed)
        });
        let Flow { done, rest } = flow.unwrap_or_default();
        prints.done.extend(done);
        prints.rest = rest;
        if let Some(mini) = &mut self.mini {
            mini.printed = Some(printed);
        }
        prints
    }

    /// Where printing of a session begins, once that is known: what it is to begin with has to be read before.
    fn beginning(&mut self, id: &SessionId) -> Option<Printed> {
        let mini = self.mini.as_mut()?;
        let replay = mini.replay;
        let conversation = self.store.conversations.get(id).filter(|known| known.is_loaded)?;
        let count = conversation.entries.len();
        let most = replay.limit.unwrap_or(REPLAYED);
        if !replay.is_wanted {
            return Some(Printed::up_to(settled(conversation)));
        }
        if conversation.older.is_some() && count < most && mini.asked != Some(count) {
            if !conversation.is_loading {
                mini.asked = Some(count);
            }
            self.want_older();
            return None;
        }
        if conversation.is_loading {
            return None;
        }
        let before = count.checked_sub(most + 1);
        let before = before.and_then(|last| conversation.entries.get(last));
        Some(match before {
            Some(entry) => Printed::up_to(Some(entry.message.info.id.clone())),
            None => Printed::default(),
        })
    }

    /// The name of the program, and the folder that it works in.
    fn head(&self) -> Vec<Row> {
        let bold = Style::new().fg(self.theme.text).add_modifier(Modifier::BOLD);
        let muted = Style::new().fg(self.theme.text_muted);
        let known = self.store.path.as_ref().map(|path| path.directory.as_str());
        let folder = self.home_path(known.unwrap_or(self.settings.directory()));
        let beside = [
            ("OpenCode".to_owned(), bold),
            (safe::line(&folder).into_owned(), muted),
        ];
        let mut beside = beside.into_iter();
        let rows = view::MARK.iter().map(|mark| {
            let mut spans = vec![Span::new(*mark, muted)];
            if let Some((text, style)) = beside.next() {
                spans.push(Span::new(format!("  {text}"), style));
            }
            Row::new(spans)
        });
        std::iter::once(Row::default()).chain(rows).collect()
    }

    /// What tells that another session is shown than before.
    fn heading(&self, shown: Option<&SessionId>) -> Vec<Row> {
        let before = self.mini.as_ref().and_then(|mini| mini.session.as_ref());
        let text = match (before, shown) {
            (Some(before), Some(shown)) if before != shown => {
                let session = self.store.sessions.get(shown);
                session.map(|session| safe::line(&session.title).into_owned())
            }
            (Some(_), None) => Some(self.words.get("mini.new").to_owned()),
            _ => None,
        };
        let Some(text) = text else { return Vec::new() };
        let muted = Style::new().fg(self.theme.text_muted);
        let rows = paragraph(&text, muted, usize::from(self.size.0));
        std::iter::once(Row::default()).chain(rows).collect()
    }
}

/// The last of the messages before the first that may still change.
fn settled(conversation: &Conversation) -> Option<opencode_schema::MessageId> {
    let messages = conversation.entries.iter().map(|entry| &entry.message);
    let last = messages.take_while(|message| is_settled(message)).last();
    last.map(|message| message.info.id.clone())
}

fn is_settled(message: &MessageWithParts) -> bool {
    match &message.info.body {
        MessageBody::User(_) => true,
        MessageBody::Assistant(answer) => answer.time.completed.is_some() || answer.error.is_some(),
    }
}
