//! What stays of shortened messages besides the summary, without asking a model: what the user said, the list of
//! things to do, the files that were worked on (beyond the reference). It is put into requests and never stored,
//! and made of messages that do not change any more, so that the beginning of requests stays the same.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opencode_schema::part::ToolPart;
use opencode_schema::{Message, MessageId, MessageWithParts, Part, PartBody, PartId, SessionId, ToolState};
use opencode_store::{Cursor, Error, View};
use serde_json::Value;

use super::{is_request, is_summary};
use crate::prompt::synthetic;

/// Messages that are read at a time, from the newest back.
const PAGE: usize = 100;
/// Messages that are looked at.
const LOOK_BACK: usize = 5_000;
/// Characters of one thing that the user said: its beginning, and its end.
const SAID_BEGIN: usize = 3_000;
const SAID_END: usize = 1_000;
/// Files of each kind that are named.
const FILES: usize = 40;

/// The request that the history begins with, if it is one that was answered by a summary.
pub(crate) fn request_of(history: &[MessageWithParts]) -> Option<&MessageId> {
    let request = history.first().filter(|message| is_request(message))?;
    history.get(1).filter(|message| is_summary(message))?;
    Some(&request.info.id)
}

/// Puts what is kept into the request that the history begins with.
pub(crate) fn add_to(history: &mut [MessageWithParts], kept: &str) {
    let Some(request) = history.first_mut() else {
        return;
    };
    let part = Part {
        id: PartId::new(),
        session_id: request.info.session_id.clone(),
        message_id: request.info.id.clone(),
        body: synthetic(kept),
    };
    request.parts.push(part);
}

/// What is kept of the messages that are older than those of `history`, in about so many characters; `None` when
/// the summary and the messages that stayed say all of it.
pub(crate) fn of(
    view: &View<'_>,
    session_id: &SessionId,
    history: &[MessageWithParts],
    characters: usize,
) -> Result<Option<String>, Error> {
    let Some(oldest) = oldest_shown(history) else {
        return Ok(None);
    };
    let mut found = Found::new(history, characters);
    let mut cursor = Some(Cursor {
        id: oldest.id.clone(),
        time: oldest.created(),
    });
    let mut looked = 0;
    while let Some(from) = cursor.take().filter(|_| looked < LOOK_BACK) {
        let page = view.messages_before(session_id, Some(&from), PAGE)?;
        looked += PAGE;
        for info in page.messages {
            let parts = view.parts(&info.id)?;
            found.look_at(&MessageWithParts { info, parts });
        }
        cursor = page.oldest;
    }
    Ok(found.into_text())
}

/// The oldest message that is still shown as it was: the request, or the first of those that were kept.
fn oldest_shown(history: &[MessageWithParts]) -> Option<&Message> {
    request_of(history)?;
    history
        .iter()
        .map(|message| &message.info)
        .min_by_key(|info| (info.created(), info.id.clone()))
}

/// What was found, the newest first.
struct Found {
    /// What the model sees anyway.
    shown: String,
    room: usize,
    said: Vec<String>,
    seen: HashSet<String>,
    left_out: usize,
    /// The first thing that the user said, when there was no room for it.
    first: Option<String>,
    todos: Option<String>,
    changed: Vec<String>,
    read: Vec<String>,
}

impl Found {
    fn new(history: &[MessageWithParts], room: usize) -> Self {
        let mut shown = String::new();
        let mut todos = None;
        for part in history.iter().flat_map(|message| &message.parts) {
            match &part.body {
                PartBody::Text(part) => {
                    shown.push_str(&part.text);
                    shown.push('\n');
                }
                // A newer list takes the place of the older one.
                PartBody::Tool(part) if part.tool == "todowrite" => todos = Some(String::new()),
                _ => {}
            }
        }
        Self {
            shown,
            room,
            said: Vec::new(),
            seen: HashSet::new(),
            left_out: 0,
            first: None,
            todos,
            changed: Vec::new(),
            read: Vec::new(),
        }
    }

    fn look_at(&mut self, message: &MessageWithParts) {
        let is_user = message.info.as_user().is_some();
        for part in message.parts.iter().rev() {
            match &part.body {
                PartBody::Text(part)
                    if is_user && part.synthetic != Some(true) && part.ignored != Some(true) =>
                {
                    self.say(part.text.trim());
                }
                PartBody::Subtask(part) if is_user => self.say(part.prompt.trim()),
                PartBody::Tool(part) => self.call(part),
                PartBody::Patch(part) => {
                    for file in &part.files {
                        note(&mut self.changed, file);
                    }
                }
                _ => {}
            }
        }
    }

    fn say(&mut self, text: &str) {
        if text.is_empty() || self.shown.contains(text) || !self.seen.insert(text.to_owned()) {
            return;
        }
        let text = shortened(text);
        let length = text.chars().count();
        if length <= self.room {
            self.room -= length;
            self.said.push(text);
            return;
        }
        self.left_out += 1;
        self.first = Some(text);
    }

    fn call(&mut self, part: &ToolPart) {
        let ToolState::Completed { input, .. } = &part.state else {
            return;
        };
        match part.tool.as_str() {
            "todowrite" => {
                self.todos.get_or_insert_with(|| todo_list(input));
            }
            "read" => {
                if let Some(path) = input["filePath"].as_str() {
                    note(&mut self.read, path);
                }
            }
            "edit" | "write" | "multiedit" => {
                if let Some(path) = input["filePath"].as_str() {
                    note(&mut self.changed, path);
                }
            }
            _ => {}
        }
    }

    fn into_text(mut self) -> Option<String> {
        let mut blocks = Vec::new();
        let first = self.first.take();
        let mut said: Vec<String> = first.into_iter().collect();
        if self.left_out > 1 {
            said.push(format!("({} more left out here)", self.left_out - 1));
        }
        said.extend(self.said.into_iter().rev());
        if !said.is_empty() {
            let lines: Vec<String> = said
                .iter()
                .map(|text| format!("- {}", text.replace('\n', "\n  ")))
                .collect();
            blocks.push(format!(
                "What I said in the older part of this conversation, word for word, the oldest first. Newer words count where they differ, and what is done is done:\n<user-words>\n{}\n</user-words>",
                lines.join("\n")
            ));
        }
        if let Some(todos) = self.todos.filter(|todos| !todos.is_empty()) {
            blocks.push(format!("The list of things to do as it was then:\n{todos}"));
        }
        let shown = &self.shown;
        for (title, files) in [
            ("Files that were changed", self.changed),
            ("Files that were read", self.read),
        ] {
            let files: Vec<String> = files
                .into_iter()
                .filter(|file| !shown.contains(file.as_str()))
                .collect();
            if !files.is_empty() {
                blocks.push(format!("{title}:\n{}", files.join("\n")));
            }
        }
        (!blocks.is_empty()).then(|| blocks.join("\n\n"))
    }
}

fn note(files: &mut Vec<String>, file: &str) {
    if files.len() < FILES && !files.iter().any(|known| known == file) {
        files.push(file.to_owned());
    }
}

fn todo_list(input: &Value) -> String {
    let todos = input["todos"].as_array().into_iter().flatten();
    let lines = todos.map(|todo| {
        let text = |key: &str| todo[key].as_str().unwrap_or_default().to_owned();
        format!("- [{}] {}", text("status"), text("content"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The beginning and the end of a long text.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= SAID_BEGIN + SAID_END {
        return text.to_owned();
    }
    let begin: String = text.chars().take(SAID_BEGIN).collect();
    let end: String = text.chars().skip(length - SAID_END).collect();
    format!(
        "{begin}\n[{} characters left out]\n{end}",
        length - SAID_BEGIN - SAID_END
    )
}

/// What is kept, as it was found last, for requests that were looked at lately.
#[derive(Default)]
pub(crate) struct KeptWords(Mutex<Findings>);

type Findings = HashMap<MessageId, Option<Arc<str>>>;

/// Requests whose findings are remembered.
const REMEMBERED: usize = 32;

impl KeptWords {
    /// What was found for a request; `None` when nothing was looked for yet.
    pub(crate) fn get(&self, request: &MessageId) -> Option<Option<Arc<str>>> {
        self.lock().get(request).cloned()
    }

    /// Remembers what was found.
    pub(crate) fn put(&self, request: &MessageId, kept: Option<Arc<str>>) {
        let mut all = self.lock();
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(request.clone(), kept);
    }

    /// Messages were taken out or replaced.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Findings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
