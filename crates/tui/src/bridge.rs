//! What an editor beside the terminal tells (reference `tui.md` §9, Editor integration): what is selected in it,
//! and files that it mentions. What is selected goes with the next prompt, once.

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::safe;

/// A place in a file, as the editor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// The line.
    #[serde(deserialize_with = "number")]
    pub(crate) line: i64,
    /// The letter in it.
    #[serde(deserialize_with = "number")]
    pub(crate) character: i64,
}

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// The first place.
    pub(crate) start: Point,
    /// The place behind the last.
    pub(crate) end: Point,
}

/// Something that is selected, or the cursor's place if nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    /// The text.
    pub(crate) text: String,
    /// Where it is.
    pub(crate) selection: Span,
}

/// What is selected in an editor: a file, and at least one range of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Told")]
pub(crate) struct Selection {
    /// The file.
    pub(crate) path: String,
    /// What is selected in it.
    pub(crate) ranges: Vec<Range>,
}

/// The forms in which editors tell it: several ranges, or one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    file_path: String,
    ranges: Option<Vec<Range>>,
    text: Option<String>,
    selection: Option<Span>,
}

impl TryFrom<Told> for Selection {
    type Error = &'static str;

    fn try_from(told: Told) -> Result<Self, Self::Error> {
        let one = || {
            let (text, selection) = told.text.zip(told.selection)?;
            Some(vec![Range { text, selection }])
        };
        let ranges = told.ranges.or_else(one).unwrap_or_default();
        if ranges.is_empty() {
            return Err("nothing says what is selected");
        }
        Ok(Self {
            path: told.file_path,
            ranges,
        })
    }
}

/// Lines of a file that the user sends from the editor to the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mention {
    /// The file.
    #[serde(rename = "filePath")]
    pub(crate) path: String,
    /// The first line.
    #[serde(deserialize_with = "number")]
    pub(crate) line_start: i64,
    /// The last one.
    #[serde(deserialize_with = "number")]
    pub(crate) line_end: i64,
}

/// Something that an editor tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Something else is selected.
    Selected(Selection),
    /// A file is meant for the prompt.
    Mentioned(Mention),
}

/// Numbers come as they are written in JavaScript, where there is one kind.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a conversion of floats stays in bounds"
    )]
    Ok(f64::deserialize(deserializer)? as i64)
}

impl Range {
    fn is_empty(&self) -> bool {
        self.selection.start == self.selection.end
    }

    /// Its lines, as they stand behind a name; nothing if it is empty.
    fn lines(&self) -> Option<String> {
        let Span { start, end } = self.selection;
        match (self.is_empty(), start.line == end.line) {
            (true, _) => None,
            (false, true) => Some(format!("#{}", start.line)),
            (false, false) => Some(format!("#{}-{}", start.line, end.line)),
        }
    }
}

impl Selection {
    /// A short name for people: the file's own, with the lines.
    fn label(&self) -> String {
        let path = Path::new(&self.path);
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let own = name(path).unwrap_or_default();
        // Such a name says nothing without its folder.
        let is_index = path.file_stem().is_some_and(|stem| stem == "index") && own.matches('.').count() == 1;
        let folder = path.parent().and_then(name).filter(|_| is_index);
        let mut label = folder.map_or_else(String::new, |folder| format!("{folder}/")) + &own;
        let shown = self.ranges.iter().find(|range| !range.is_empty());
        let shown = shown.or(self.ranges.first());
        let mut notes: Vec<String> = shown.and_then(Range::lines).into_iter().collect();
        if self.ranges.len() > 1 {
            notes.push(format!("+{}", self.ranges.len() - 1));
        }
        label.push_str(&notes.join(" "));
        safe::line(&label).into_owned()
    }

    /// The words for the model.
    fn words(&self) -> String {
        let path = &self.path;
        let selected: Vec<&Range> = self.ranges.iter().filter(|range| !range.is_empty()).collect();
        let mut text = String::from("<system-reminder>\n");
        if selected.is_empty() {
            text.push_str(&format!("The file {path} is open in the user's editor."));
        } else {
            for range in selected {
                let lines = range.lines().unwrap_or_default();
                let selected = &range.text;
                text.push_str(&format!(
                    "Selected by the user in the editor, {path}{lines}:\n```\n{selected}\n```\n"
                ));
            }
        }
        text.push_str("\nIt may have nothing to do with what is asked.\n</system-reminder>\n");
        text
    }

    /// The part that goes with a prompt.
    fn part(&self) -> Value {
        json!({
            "type": "text",
            "text": self.words(),
            "synthetic": true,
            "metadata": {
                "kind": "editor_context",
                "source": "websocket",
                "filePath": self.path,
                "ranges": self.ranges,
            },
        })
    }
}

/// What is known of the editor.
#[derive(Debug, Default)]
pub(crate) struct Bridge {
    selection: Option<Selection>,
    /// It went with a prompt.
    is_sent: bool,
    /// It went with the prompt that makes a session: entering it forgets nothing.
    is_kept: bool,
    /// What the user does not want to be sent.
    refused: Option<Selection>,
    /// The folder for which an editor is looked for.
    folder: Option<String>,
}

impl Bridge {
    /// Something else is selected.
    pub(crate) fn select(&mut self, selection: Selection) {
        if self.selection.as_ref() != Some(&selection) {
            self.is_sent = false;
            self.selection = Some(selection);
        }
    }

    /// What is selected, unless the user does not want it to be sent.
    pub(crate) fn wanted(&self) -> Option<&Selection> {
        let selection = self.selection.as_ref()?;
        (self.refused.as_ref() != Some(selection)).then_some(selection)
    }

    /// What is selected is not sent.
    pub(crate) fn refuse(&mut self) {
        self.refused = self.selection.take();
    }

    /// Its short name, and whether it waits to be sent.
    pub(crate) fn label(&self) -> Option<(String, bool)> {
        Some((self.wanted()?.label(), !self.is_sent))
    }

    /// What goes with a prompt that is sent now, which is for a new session or for one that is there.
    pub(crate) fn take(&mut self, is_new: bool) -> Option<Value> {
        let part = self.wanted().filter(|_| !self.is_sent)?.part();
        self.is_sent = true;
        self.is_kept = is_new;
        Some(part)
    }

    /// The prompt could not be sent.
    pub(crate) fn give_back(&mut self) {
        if std::mem::take(&mut self.is_kept) {
            self.is_sent = false;
        }
    }

    /// Another session is shown: what was selected before was not meant for it.
    pub(crate) fn enter(&mut self) {
        if !std::mem::take(&mut self.is_kept) {
            self.selection = None;
        }
    }

    /// Work goes on in a folder; says whether it is another one.
    pub(crate) fn work_in(&mut self, folder: &str) -> bool {
        let is_other = self.folder.as_deref() != Some(folder);
        if is_other {
            self.folder = Some(folder.to_owned());
        }
        is_other
    }
}

#[cfg(test)]
mod tests;
