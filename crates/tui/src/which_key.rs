//! The panel that lists which keys mean something now (reference `tui.md` §8): by groups, or what may follow the keys
//! of a sequence that has begun. It is off unless `plugin_enabled` says `which-key`, in `tui.json` or `kv.json`.

mod draw;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::app::App;
use crate::command;
use crate::keymap::ACTIONS;
use crate::toast::Variant;

pub(crate) use draw::{HEIGHT, draw};

/// The name by which it is switched on.
pub(crate) const NAME: &str = "which-key";
/// How long a sequence waits until what may follow is shown.
const PREVIEW: Duration = Duration::from_millis(900);

/// Commands of the panel while it is closed.
const CLOSED: &[&str] = &[
    "which-key.toggle",
    "which-key.layout.toggle",
    "which-key.pending.toggle",
];
/// Those that need it open, too.
const OPEN: &[&str] = &[
    "which-key.group.previous",
    "which-key.group.next",
    "which-key.scroll.up",
    "which-key.scroll.down",
    "which-key.page.up",
    "which-key.page.down",
    "which-key.home",
    "which-key.end",
];

/// The beginnings of ids, and the group that their commands are in.
const GROUPS: &[(&str, &str)] = &[
    ("agent.", "palette.agent"),
    ("model.", "palette.agent"),
    ("variant.", "palette.agent"),
    ("prompt.editor", "palette.session"),
    ("prompt.", "palette.prompt"),
    ("input.", "which.editing"),
    ("session.", "palette.session"),
    ("messages.", "palette.session"),
    ("diff.", "which.diff"),
    ("dialog.", "which.dialog"),
    ("permission.", "which.dialog"),
    ("stash.", "which.dialog"),
];

/// What the panel shows.
#[derive(Debug, Default)]
pub(crate) struct WhichKey {
    /// The user wants to see it.
    is_open: bool,
    /// A sequence has waited long enough.
    is_preview: bool,
    /// The group that is shown, by its title.
    group: String,
    /// Rows above what is seen.
    above: usize,
    /// How many there can be, and how many are seen at once, since it was drawn.
    most: usize,
    page: usize,
}

/// A key and what it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    group: &'static str,
    title: String,
    key: String,
}

impl App {
    /// Whether there is such a panel.
    pub(crate) fn has_which_key(&self) -> bool {
        self.mini.is_none() && self.settings.is_plugin_enabled(NAME)
    }

    /// Commands of the panel that are live now.
    pub(crate) fn which_key_commands(&self) -> Vec<&'static str> {
        let open = if self.which_key.is_open { OPEN } else { &[] };
        match self.has_which_key() {
            true => CLOSED.iter().chain(open).copied().collect(),
            false => Vec::new(),
        }
    }

    /// Whether the panel is seen.
    pub(crate) fn shows_which_key(&self) -> bool {
        let panel = &self.which_key;
        let is_preview = panel.is_preview && !self.keymap.pending().is_empty();
        self.has_which_key() && (panel.is_open || is_preview)
    }

    /// A sequence of keys has begun or goes on.
    pub(crate) fn preview_keys(&mut self, waiting: u64) {
        if self.keymap.pending().len() == 1 {
            self.which_key.is_preview = false;
            self.which_key.above = 0;
        }
        if !self.has_which_key() || !self.settings.switches.which_key_preview {
            return;
        }
        self.after(PREVIEW, move |app| app.show_preview(waiting));
    }

    /// A sequence has waited long enough, unless it has ended.
    pub(crate) fn show_preview(&mut self, waiting: u64) {
        if self.keymap.waiting() == Some(waiting) {
            self.which_key.is_preview = true;
        }
    }

    /// Does a command of the panel; says whether it is one.
    pub(crate) fn which_key_command(&mut self, id: &str) -> bool {
        if !self.which_key_commands().contains(&id) {
            return false;
        }
        match id {
            "which-key.toggle" => {
                self.which_key = WhichKey {
                    is_open: !self.which_key.is_open,
                    ..WhichKey::default()
                };
            }
            "which-key.layout.toggle" => {
                self.switch(|switches| switches.which_key_overlay = !switches.which_key_overlay);
            }
            "which-key.pending.toggle" => {
                self.switch(|switches| switches.which_key_preview = !switches.which_key_preview);
                self.tell(
                    Variant::Info,
                    match self.settings.switches.which_key_preview {
                        true => "which.preview.on",
                        false => "which.preview.off",
                    },
                );
            }
            "which-key.group.previous" => self.change_group(-1),
            "which-key.group.next" => self.change_group(1),
            id => {
                let panel = &mut self.which_key;
                panel.above = match id {
                    "which-key.scroll.up" => panel.above.saturating_sub(1),
                    "which-key.scroll.down" => panel.above + 1,
                    "which-key.page.up" => panel.above.saturating_sub(panel.page),
                    "which-key.page.down" => panel.above + panel.page,
                    "which-key.home" => 0,
                    _ => panel.most,
                }
                .min(panel.most);
            }
        }
        true
    }

    fn change_group(&mut self, by: isize) {
        let entries = self.keys_now();
        let groups = groups(&entries);
        let at = groups
            .iter()
            .position(|group| self.words.get(group) == self.which_key.group);
        let next = crate::choice::step(at.unwrap_or(0), by, groups.len());
        if let Some(group) = next.and_then(|next| groups.get(next)) {
            self.words.get(group).clone_into(&mut self.which_key.group);
            self.which_key.above = 0;
        }
    }

    /// The keys that mean something now: those that are pressed alone, or those that may follow a sequence.
    fn keys_now(&self) -> Vec<Entry> {
        let is_begun = !self.keymap.pending().is_empty();
        let layers = self.layers();
        let layers: Vec<_> = layers.iter().map(crate::app::layer).collect();
        let mut entries: Vec<Entry> = self
            .keymap
            .continuations(&layers)
            .into_iter()
            .filter(|(key, command)| (is_begun || !key.contains(' ')) && !command.starts_with(NAME))
            .map(|(key, command)| Entry {
                group: group_of(command),
                title: title_of(self, command),
                key,
            })
            .collect();
        entries.sort_by(|a, b| {
            let name = |entry: &Entry| self.words.get(entry.group);
            (name(a), &a.title, &a.key).cmp(&(name(b), &b.title, &b.key))
        });
        entries.dedup();
        entries
    }
}

/// The groups of some entries, in their order.
fn groups(entries: &[Entry]) -> Vec<&'static str> {
    let mut groups: Vec<&'static str> = entries.iter().map(|entry| entry.group).collect();
    groups.dedup();
    groups
}

fn group_of(id: &str) -> &'static str {
    let known = GROUPS.iter().find(|(beginning, _)| id.starts_with(beginning));
    known.map_or("palette.system", |(_, group)| group)
}

/// What a command is called: as in the palette, else as in the configuration of keys.
fn title_of(app: &App, id: &str) -> String {
    if let Some(title) = command::title(app, id) {
        return title.to_owned();
    }
    let key = ACTIONS
        .iter()
        .find(|action| action.command == id)
        .map_or(id, |action| action.key);
    let key = key.strip_prefix("input_").unwrap_or(key);
    let words = key.replace(['_', '.'], " ");
    crate::transcript::paint::capitalised(&words)
}
