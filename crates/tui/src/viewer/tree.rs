//! Files as a tree: folders first, each of which can be folded.

use std::cmp::Ordering;
use std::collections::HashSet;

use opencode_schema::session::FileDiff;

use super::path;

/// Folders in folders that are told apart; what is deeper stands in the name of the file.
const DEPTH: usize = 32;

/// A row of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// What stands before the name: lines to the rows around it.
    pub(super) guides: String,
    /// Its own name.
    pub(super) name: String,
    /// The file, or the folder's path.
    pub(super) what: What,
    depth: usize,
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The place of a file.
    File(usize),
    /// The path of a folder.
    Folder(String),
}

/// Files as a tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    entries: Vec<Entry>,
    folded: HashSet<String>,
    /// The row that is selected, among those that are shown.
    pub(super) selected: usize,
    /// The first row on the screen.
    top: usize,
}

/// Puts files into the order of the tree.
pub(super) fn sort(files: &mut [FileDiff]) {
    files.sort_by(|a, b| compare(path(a), path(b)));
}

fn parts(path: &str) -> Vec<&str> {
    path.splitn(DEPTH, '/').collect()
}

fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    for (index, (one, other)) in a.iter().zip(&b).enumerate() {
        let is_file = (index + 1 == a.len(), index + 1 == b.len());
        let order = is_file.0.cmp(&is_file.1).then_with(|| one.cmp(other));
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

impl Tree {
    /// The tree of files that are in its order.
    pub(super) fn new(files: &[FileDiff]) -> Self {
        let mut entries = Vec::new();
        let mut open: Vec<&str> = Vec::new();
        for (place, file) in files.iter().enumerate() {
            let parts = parts(path(file));
            let Some((name, folders)) = parts.split_last() else {
                continue;
            };
            let common = open
                .iter()
                .zip(folders)
                .take_while(|(one, other)| one == other)
                .count();
            open.truncate(common);
            for folder in folders.iter().skip(common) {
                let depth = open.len();
                open.push(folder);
                entries.push(Entry {
                    guides: String::new(),
                    name: (*folder).to_owned(),
                    what: What::Folder(open.join("/")),
                    depth,
                });
            }
            entries.push(Entry {
                guides: String::new(),
                name: (*name).to_owned(),
                what: What::File(place),
                depth: open.len(),
            });
        }
        draw_guides(&mut entries);
        Self {
            entries,
            ..Self::default()
        }
    }

    /// Rows that no folded folder hides.
    pub(super) fn shown(&self) -> Vec<&Entry> {
        let mut shown = Vec::new();
        let mut hidden_below = usize::MAX;
        for entry in &self.entries {
            if entry.depth > hidden_below {
                continue;
            }
            hidden_below = if self.is_folded(entry) {
                entry.depth
            } else {
                usize::MAX
            };
            shown.push(entry);
        }
        shown
    }

    /// Whether a row is a folder that is folded.
    pub(super) fn is_folded(&self, entry: &Entry) -> bool {
        matches!(&entry.what, What::Folder(path) if self.folded.contains(path))
    }

    /// The file that is selected.
    pub(super) fn selected_file(&self) -> Option<usize> {
        match self.shown().get(self.selected)?.what {
            What::File(file) => Some(file),
            What::Folder(_) => None,
        }
    }

    fn selected_folder(&self) -> Option<String> {
        match &self.shown().get(self.selected)?.what {
            What::File(_) => None,
            What::Folder(path) => Some(path.clone()),
        }
    }

    /// Selects a file, if it is shown.
    pub(super) fn select(&mut self, file: usize) {
        let mut shown = self.shown().into_iter();
        if let Some(place) = shown.position(|entry| entry.what == What::File(file)) {
            self.selected = place;
        }
    }

    /// Selects another row.
    pub(super) fn go(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// Selects a row of the screen; says whether there is one.
    pub(super) fn click(&mut self, row: usize) -> bool {
        let place = self.top + row;
        let is_there = place < self.shown().len();
        if is_there {
            self.selected = place;
        }
        is_there
    }

    /// Folds the folder that is selected, or unfolds it; says whether it is one.
    pub(super) fn toggle(&mut self) -> bool {
        let Some(folder) = self.selected_folder() else {
            return false;
        };
        if !self.folded.remove(&folder) {
            self.folded.insert(folder);
        }
        true
    }

    /// Folds the folder that is selected or unfolds it. Folding what cannot be folded goes to the folder it is in.
    pub(super) fn fold(&mut self, is_folded: bool) {
        match self.selected_folder() {
            Some(folder) if !is_folded => {
                self.folded.remove(&folder);
            }
            Some(folder) if !self.folded.contains(&folder) => {
                self.folded.insert(folder);
            }
            _ if is_folded => {
                let shown = self.shown();
                let Some(depth) = shown.get(self.selected).map(|entry| entry.depth) else {
                    return;
                };
                let mut above = shown.iter().take(self.selected);
                if let Some(parent) = above.rposition(|entry| entry.depth < depth) {
                    self.selected = parent;
                }
            }
            _ => {}
        }
    }

    /// Unfolds all folders; what is selected stays so.
    pub(super) fn unfold_all(&mut self) {
        let what = self.shown().get(self.selected).map(|entry| entry.what.clone());
        self.folded.clear();
        let mut shown = self.shown().into_iter();
        let place = what.and_then(|what| shown.position(|entry| entry.what == what));
        self.selected = place.unwrap_or(0);
    }

    /// The first row that is on a screen of so many rows, so that the selected one is seen.
    pub(super) fn top(&mut self, room: usize) -> usize {
        let count = self.shown().len();
        if self.selected < self.top {
            self.top = self.selected;
        } else if self.selected >= self.top + room {
            self.top = (self.selected + 1).saturating_sub(room);
        }
        self.top = self.top.min(count.saturating_sub(room));
        self.top
    }
}

/// Draws the lines before the names, from the last row to the first.
fn draw_guides(entries: &mut [Entry]) {
    // Whether something follows at a depth.
    let mut more: Vec<bool> = Vec::new();
    for entry in entries.iter_mut().rev() {
        let depth = entry.depth;
        more.resize(depth + 1, false);
        let is_last = !more.get(depth).copied().unwrap_or(false);
        let above = more.iter().take(depth);
        let mut guides: String = above.map(|more| if *more { "│  " } else { "   " }).collect();
        guides.push_str(match (&entry.what, depth, is_last) {
            (What::Folder(_), 0, _) => " ",
            (_, _, true) => "└─ ",
            (_, _, false) => "├─ ",
        });
        entry.guides = guides;
        if let Some(more) = more.get_mut(depth) {
            *more = true;
        }
    }
}
