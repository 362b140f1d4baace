//! What a server says is wrong with files: what it tells by itself and what it answers when asked (reference
//! `integrations.md` §B4).

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

/// Files of one server whose diagnostics are kept; the oldest give way.
const MOST_FILES: usize = 4096;
/// Diagnostics of a file that are kept.
const MOST_PER_FILE: usize = 1000;
/// Diagnostics that are listed of a file.
const LISTED: usize = 20;
/// Letters of one that are listed.
const LONGEST: usize = 4000;

/// What one server said.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    files: Mutex<IndexMap<PathBuf, File>>,
    /// The first that it tells of a file is only half of it.
    begins_with_half: bool,
    /// Counts what it told.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct File {
    pushed: Vec<Value>,
    /// The version of the text that it is about, and when it was told.
    push: Option<Push>,
    was_told: bool,
    /// What was answered, by the name of the question.
    pulled: BTreeMap<String, Vec<Value>>,
}

/// When something was told, and of which version of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Push {
    pub(crate) version: Option<i64>,
    pub(crate) at: Instant,
}

impl Diagnostics {
    pub(crate) fn new(begins_with_half: bool) -> Self {
        Self {
            files: Mutex::default(),
            begins_with_half,
            changes: watch::Sender::new(0),
        }
    }

    /// Takes what was told of a file.
    pub(crate) fn push(&self, path: PathBuf, version: Option<i64>, items: Vec<Value>) {
        {
            let mut files = self.files();
            let file = entry(&mut files, path);
            file.pushed = bounded(items);
            let is_half = self.begins_with_half && !std::mem::replace(&mut file.was_told, true);
            if is_half {
                return;
            }
            file.push = Some(Push {
                version,
                at: Instant::now(),
            });
        }
        self.wake();
    }

    /// Takes what was answered about a file.
    pub(crate) fn pull(&self, path: PathBuf, question: &str, items: Vec<Value>) {
        let mut files = self.files();
        entry(&mut files, path)
            .pulled
            .insert(question.to_owned(), bounded(items));
    }

    /// When it last told something of a file.
    pub(crate) fn last_push(&self, path: &Path) -> Option<Push> {
        self.files().get(path)?.push
    }

    /// Lets everybody who waits look again.
    pub(crate) fn wake(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Sees changes from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Everything that is known now, each once, by file; also files of which it is known that there is nothing.
    pub(crate) fn all(&self) -> Vec<(PathBuf, Vec<Value>)> {
        let files = self.files();
        files
            .iter()
            .map(|(path, file)| (path.clone(), file.items()))
            .collect()
    }

    fn files(&self) -> MutexGuard<'_, IndexMap<PathBuf, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(files: &mut IndexMap<PathBuf, File>, path: PathBuf) -> &mut File {
    if files.len() >= MOST_FILES && !files.contains_key(&path) {
        files.shift_remove_index(0);
    }
    files.entry(path).or_default()
}

fn bounded(mut items: Vec<Value>) -> Vec<Value> {
    items.truncate(MOST_PER_FILE);
    items.retain(Value::is_object);
    items
}

impl File {
    fn items(&self) -> Vec<Value> {
        let all = self.pushed.iter().chain(self.pulled.values().flatten());
        unique(all.cloned())
    }
}

/// Each of several diagnostics once.
pub(crate) fn unique(items: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    let key = |item: &Value| {
        let parts = ["code", "severity", "message", "source", "range"].map(|key| item[key].clone());
        Value::from(parts.to_vec()).to_string()
    };
    items.into_iter().filter(|item| seen.insert(key(item))).collect()
}

/// What a model is told of the errors in a file; nothing when there are none.
#[must_use]
pub fn report(path: &Path, items: &[Value]) -> Option<String> {
    let errors: Vec<_> = items.iter().filter(|item| severity(item) == 1).collect();
    if errors.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = errors.iter().take(LISTED).map(|item| line(item)).collect();
    if errors.len() > LISTED {
        lines.push(format!("... and {} more", errors.len() - LISTED));
    }
    Some(format!(
        "<diagnostics file=\"{}\">\n{}\n</diagnostics>",
        path.display(),
        lines.join("\n")
    ))
}

/// One diagnostic as a line.
#[must_use]
pub fn line(item: &Value) -> String {
    let label = match severity(item) {
        2 => "WARN",
        3 => "INFO",
        4 => "HINT",
        _ => "ERROR",
    };
    let start = &item["range"]["start"];
    let number = |key: &str| start[key].as_u64().unwrap_or(0).saturating_add(1);
    let message = item["message"].as_str().unwrap_or_default();
    let message = match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    };
    format!("{label} [{}:{}] {message}", number("line"), number("character"))
}

/// From 1, an error, to 4, a hint; what says nothing is an error.
fn severity(item: &Value) -> u64 {
    item["severity"].as_u64().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn item(line: u64, severity: u64, message: &str) -> Value {
        json!({
            "range": { "start": { "line": line, "character": 2 }, "end": { "line": line, "character": 3 } },
            "severity": severity,
            "message": message,
        })
    }

    #[test]
    fn only_errors_are_reported_and_not_too_many() {
        let path = Path::new("/a/b.py");
        assert_eq!(report(path, &[item(0, 2, "w"), item(0, 4, "h")]), None);
        let wanted = "<diagnostics file=\"/a/b.py\">\nERROR [1:3] no\n</diagnostics>";
        assert_eq!(
            report(path, &[item(3, 2, "w"), item(0, 1, "no")]).as_deref(),
            Some(wanted)
        );
        let many: Vec<_> = (0..25).map(|line| item(line, 1, "e")).collect();
        let text = report(path, &many).unwrap();
        assert!(
            text.ends_with("ERROR [20:3] e\n... and 5 more\n</diagnostics>"),
            "{text}"
        );
        assert_eq!(line(&json!({})), "ERROR [1:1] ");
        let long = line(&item(0, 1, &"ö".repeat(5000)));
        assert!(long.chars().count() < 4100 && long.ends_with("ö..."));
    }

    #[tokio::test]
    async fn what_is_told_and_what_is_answered_are_one() {
        let diagnostics = Diagnostics::new(false);
        let file = PathBuf::from("/a");
        diagnostics.push(
            file.clone(),
            Some(1),
            vec![item(0, 1, "a"), item(0, 1, "a"), json!(7)],
        );
        diagnostics.pull(file.clone(), "", vec![item(0, 1, "a"), item(1, 2, "b")]);
        assert_eq!(
            diagnostics.all(),
            [(file.clone(), vec![item(0, 1, "a"), item(1, 2, "b")])]
        );
        diagnostics.push(file.clone(), None, vec![]);
        diagnostics.pull(file, "", vec![]);
        assert!(diagnostics.all().iter().all(|(_, items)| items.is_empty()));
        for at in 0..MOST_FILES * 2 {
            diagnostics.push(PathBuf::from(format!("/{at}")), None, vec![item(0, 1, "x")]);
        }
        assert_eq!(diagnostics.all().len(), MOST_FILES);
    }

    #[tokio::test]
    async fn half_of_it_wakes_nobody() {
        let diagnostics = Diagnostics::new(true);
        let file = PathBuf::from("/a");
        let changes = diagnostics.changes();
        diagnostics.push(file.clone(), None, vec![item(0, 1, "a")]);
        assert!(!changes.has_changed().unwrap() && diagnostics.last_push(&file).is_none());
        assert_eq!(diagnostics.all().len(), 1);
        diagnostics.push(file.clone(), Some(3), vec![]);
        assert!(changes.has_changed().unwrap());
        assert_eq!(diagnostics.last_push(&file).unwrap().version, Some(3));
    }
}
