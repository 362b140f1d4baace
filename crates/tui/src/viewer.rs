//! The screen of differences (reference `tui.md` §10, Diff viewer): the files that changed as a tree, and their
//! patches, all of them or one, beside each other or one below the other.

mod draw;
mod patches;
mod tree;

use std::collections::{HashMap, HashSet};

use opencode_client::{Error, Request};
use opencode_schema::SessionId;
use opencode_schema::session::FileDiff;
use ratatui::layout::Rect;

use crate::app::{App, Route};
use crate::dialog::{Alert, Item, Mouse, MouseKind, Outcome, Select};
use crate::key::{Code, Modifiers, Press};
use patches::Patches;
use tree::Tree;

pub(crate) use draw::draw;

/// Commands of this screen; their keys are configured.
pub(crate) const COMMANDS: [&str; 15] = [
    "diff.close",
    "diff.toggle",
    "diff.expand",
    "diff.expand_all",
    "diff.collapse",
    "diff.switch_focus",
    "diff.next_hunk",
    "diff.previous_hunk",
    "diff.next_file",
    "diff.previous_file",
    "diff.toggle_file_tree",
    "diff.single_patch",
    "diff.switch_source",
    "diff.toggle_view",
    "diff.help",
];
/// Marks a file as reviewed; its key is fixed.
const MARK: &str = "diff.mark";

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Source {
    /// The files as they are with the last commit.
    #[default]
    Working,
    /// This branch with the main one.
    Branch,
    /// What the last turn of the session changed.
    Turn,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Working => "viewer.working",
            Self::Branch => "viewer.branch",
            Self::Turn => "viewer.turn",
        }
    }
}

/// Whether the differences are there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Loading,
    Ready,
    Failed(String),
}

/// The screen of differences.
pub(crate) struct Viewer {
    /// The screen that it was opened from.
    back: Route,
    source: Source,
    state: State,
    /// Files in the order of the tree.
    files: Vec<FileDiff>,
    tree: Tree,
    patches: Patches,
    /// What was reviewed: paths, and the patches that were seen.
    reviewed: HashMap<String, String>,
    /// The tree has the keyboard.
    is_in_tree: bool,
    has_tree: bool,
    /// Whether one patch is shown only.
    is_single: bool,
    /// Whether both sides stand beside each other, if that was chosen.
    is_split: Option<bool>,
    /// Which request is waited for.
    asked: u64,
    tree_area: Rect,
    patch_area: Rect,
}

/// Opens the screen.
pub(crate) fn open(app: &mut App) {
    if app.route == Route::Diff {
        return;
    }
    app.dialogs.clear();
    let mut viewer = Viewer::new(app.route.clone());
    viewer.has_tree = !app.settings.is_plain();
    app.viewer = Some(Box::new(viewer));
    app.show(Route::Diff);
    load(app, Source::default());
}

/// Goes back to the screen that this one was opened from.
fn close(app: &mut App) {
    let back = app.viewer.take().map_or(Route::Home, |viewer| viewer.back);
    match back {
        Route::Session(id) if app.store.sessions.contains_key(&id) => app.open_session(&id),
        _ => app.go_home(),
    }
}

fn load(app: &mut App, source: Source) {
    let Some(viewer) = &mut app.viewer else {
        return;
    };
    viewer.source = source;
    viewer.state = State::Loading;
    viewer.asked += 1;
    let asked = viewer.asked;
    let session = viewer.session().cloned();
    let request = match (source, session) {
        (Source::Turn, Some(session)) => {
            let mut request = Request::get(&["session", session.as_str(), "diff"]);
            let conversation = app.store.conversations.get(&session);
            if let Some(prompt) = conversation.and_then(|known| known.prompts().next()) {
                request = request.query("messageID", prompt.info.id.as_str());
            }
            request
        }
        (Source::Branch, _) => Request::get(&["vcs", "diff"]).query("mode", "branch"),
        _ => Request::get(&["vcs", "diff"]).query("mode", "git"),
    };
    app.try_ask(request, move |app, answer: Result<Vec<FileDiff>, Error>| {
        let Some(viewer) = app.viewer.as_mut().filter(|viewer| viewer.asked == asked) else {
            return;
        };
        match answer {
            Ok(files) => viewer.take(files),
            Err(error) => viewer.state = State::Failed(error.to_string()),
        }
    });
}

impl Viewer {
    fn new(back: Route) -> Self {
        Self {
            back,
            source: Source::default(),
            state: State::Loading,
            files: Vec::new(),
            tree: Tree::default(),
            patches: Patches::default(),
            reviewed: HashMap::new(),
            is_in_tree: false,
            has_tree: true,
            is_single: false,
            is_split: None,
            asked: 0,
            tree_area: Rect::ZERO,
            patch_area: Rect::ZERO,
        }
    }

    fn session(&self) -> Option<&SessionId> {
        match &self.back {
            Route::Session(id) => Some(id),
            _ => None,
        }
    }

    fn take(&mut self, mut files: Vec<FileDiff>) {
        tree::sort(&mut files);
        self.tree = Tree::new(&files);
        self.patches = Patches::new(files.len());
        // A file that changed since has to be looked at again.
        let patches: HashMap<&str, &str> = files.iter().map(|file| (path(file), patch(file))).collect();
        self.reviewed
            .retain(|path, seen| patches.get(path.as_str()) == Some(&seen.as_str()));
        self.files = files;
        self.state = State::Ready;
        self.tree.select(0);
    }

    fn is_reviewed(&self, file: usize) -> bool {
        let file = self.files.get(file);
        file.is_some_and(|file| self.reviewed.contains_key(path(file)))
    }

    /// The file that is meant: that of the tree if it has the keyboard, else the one at the top.
    fn current(&self) -> usize {
        let selected = self.tree.selected_file().filter(|_| self.is_in_tree);
        selected.unwrap_or(self.patches.file())
    }

    fn mark(&mut self) {
        let Some(file) = self.files.get(self.current()) else {
            return;
        };
        let name = path(file).to_owned();
        if self.reviewed.remove(&name).is_none() {
            let patch = patch(file).to_owned();
            self.reviewed.insert(name, patch);
        }
    }

    /// Shows a file at the top.
    fn go(&mut self, file: usize) {
        if file < self.files.len() {
            self.patches.go(file);
            self.tree.select(file);
        }
    }

    fn in_tree(&mut self, id: &str) -> bool {
        match id {
            "diff.toggle" => {
                if !self.tree.toggle()
                    && let Some(file) = self.tree.selected_file()
                {
                    self.patches.go(file);
                }
            }
            "diff.expand" => self.tree.fold(false),
            "diff.collapse" => self.tree.fold(true),
            _ => return false,
        }
        true
    }

    fn move_by(&mut self, app: &App, rows: isize) {
        if self.is_in_tree {
            self.tree.go(rows);
            if let Some(file) = self.tree.selected_file() {
                self.patches.go(file);
            }
            return;
        }
        let look = self.look(app);
        self.patches.scroll(&self.files, &look, rows, self.is_single);
        self.tree.select(self.patches.file());
    }

    fn page(&self) -> isize {
        let area = if self.is_in_tree {
            self.tree_area
        } else {
            self.patch_area
        };
        isize::try_from(area.height.max(2) - 1).unwrap_or(1)
    }
}

/// The path of a file.
fn path(file: &FileDiff) -> &str {
    file.file.as_deref().unwrap_or_default()
}

/// How it changed.
fn patch(file: &FileDiff) -> &str {
    file.patch.as_deref().unwrap_or_default()
}

impl App {
    fn with_viewer<T>(&mut self, act: impl FnOnce(&mut Self, &mut Viewer) -> T) -> Option<T> {
        let mut viewer = self.viewer.take()?;
        let result = act(self, &mut viewer);
        self.viewer = Some(viewer);
        Some(result)
    }

    /// Does a command of this screen; says whether it is one.
    pub(crate) fn viewer_command(&mut self, id: &str) -> bool {
        match id {
            "diff.close" => close(self),
            "diff.switch_source" => choose_source(self),
            "diff.help" => help(self),
            _ => {
                let done = self.with_viewer(|app, viewer| viewer.command(app, id));
                return done.unwrap_or(false);
            }
        }
        true
    }

    /// Takes a key of this screen that is not configured.
    pub(crate) fn viewer_key(&mut self, press: Press) {
        let has_control = press.modifiers() == Modifiers::CONTROL;
        let is_plain = press.modifiers() == Modifiers::NONE;
        self.with_viewer(|app, viewer| {
            let page = viewer.page();
            match press.code() {
                Code::Up => viewer.move_by(app, -1),
                Code::Down => viewer.move_by(app, 1),
                Code::Char('k') if is_plain => viewer.move_by(app, -1),
                Code::Char('j') if is_plain => viewer.move_by(app, 1),
                Code::PageUp => viewer.move_by(app, -page),
                Code::PageDown => viewer.move_by(app, page),
                Code::Char('b') if has_control => viewer.move_by(app, -page),
                Code::Char('f') if has_control => viewer.move_by(app, page),
                Code::Char('m') if is_plain => viewer.mark(),
                _ => {}
            }
        });
    }

    /// Takes the mouse on this screen.
    pub(crate) fn viewer_mouse(&mut self, mouse: Mouse) {
        self.with_viewer(|app, viewer| {
            let is_tree = viewer.tree_area.contains(mouse.at);
            match mouse.kind {
                MouseKind::Wheel(rows) => {
                    let had = std::mem::replace(&mut viewer.is_in_tree, is_tree);
                    viewer.move_by(app, isize::try_from(rows).unwrap_or(0));
                    viewer.is_in_tree = had;
                }
                MouseKind::Release if is_tree => {
                    viewer.is_in_tree = true;
                    let row = usize::from(mouse.at.y - viewer.tree_area.y);
                    if viewer.tree.click(row) {
                        viewer.in_tree("diff.toggle");
                    }
                }
                MouseKind::Release if viewer.patch_area.contains(mouse.at) => viewer.is_in_tree = false,
                _ => {}
            }
        });
    }
}

impl Viewer {
    fn command(&mut self, app: &App, id: &str) -> bool {
        let file = self.patches.file();
        match id {
            "diff.switch_focus" => self.is_in_tree = self.has_tree && !self.is_in_tree,
            "diff.toggle_file_tree" => {
                self.has_tree = !self.has_tree;
                self.is_in_tree = false;
            }
            "diff.single_patch" => {
                self.is_single = !self.is_single;
                self.patches.go(self.current());
            }
            "diff.toggle_view" => self.is_split = Some(!self.splits(app)),
            "diff.next_file" => self.go(file + 1),
            "diff.previous_file" => self.go(file.saturating_sub(1)),
            "diff.next_hunk" | "diff.previous_hunk" => {
                let look = self.look(app);
                let by = if id == "diff.next_hunk" { 1 } else { -1 };
                self.patches.hunk(&self.files, &look, by, self.is_single);
                self.tree.select(self.patches.file());
            }
            "diff.expand_all" => self.tree.unfold_all(),
            MARK => self.mark(),
            id => return self.is_in_tree && self.in_tree(id),
        }
        true
    }
}

fn choose_source(app: &mut App) {
    let title = app.words.get("viewer.source");
    let list = Select::new(
        app,
        title,
        |app| {
            let Some(viewer) = &app.viewer else {
                return Vec::new();
            };
            let mut sources = vec![Source::Working, Source::Branch];
            if viewer.session().is_some() {
                sources.push(Source::Turn);
            }
            let item = |source: Source| {
                Item::new(source, app.words.get(source.name())).current(source == viewer.source)
            };
            sources.into_iter().map(item).collect()
        },
        |app, source: &Source| {
            load(app, *source);
            Outcome::Close
        },
    );
    app.open_dialog(list);
}

/// All keys of this screen.
fn help(app: &mut App) {
    let title = app.words.get("viewer.help");
    let alert = Alert::live(title, |app| {
        let mut seen = HashSet::new();
        let configured = COMMANDS.iter().filter(|id| seen.insert(**id)).map(|id| {
            let word = draw::word(id);
            (app.key_of(id), app.words.get(word))
        });
        let fixed = [
            ("↑ k / ↓ j".to_owned(), "viewer.key.lines"),
            ("pgup ctrl+b / pgdn ctrl+f".to_owned(), "viewer.key.pages"),
            ("m".to_owned(), "viewer.key.mark"),
        ];
        let fixed = fixed.map(|(key, word)| (key, app.words.get(word)));
        let rows = configured.chain(fixed).filter(|(key, _)| !key.is_empty());
        rows.map(|(key, word)| {
            let key: (String, fn(&crate::theme::Theme) -> _) = (format!("{key:<28}"), |theme| theme.text);
            vec![key, (word.to_owned(), |theme| theme.text_muted)]
        })
        .collect()
    });
    app.open_dialog(alert.large());
}

#[cfg(test)]
mod tests;
