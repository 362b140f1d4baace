//! What is configured and what was switched, and the files where that is kept (reference `tui.md` §2, §13).

mod models;
mod pins;
mod switches;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use opencode_config::environment::variable;
use opencode_config::tui::{self, Auto, DiffStyle, LoadedTui, Tui, Width};
use opencode_config::{Environment, Paths, Place};

use crate::keymap::{Keymap, LEADER_TIMEOUT};
use crate::prompt::{Prompt, StateFile};
use crate::terminal::event::{Mode, Rgb, Slot};
use crate::terminal::sequence::Modes;
use crate::theme::package::{self, Plugin};
use crate::theme::system::Palette;
use crate::theme::{self, Theme, builtin, folder};
use crate::words::{Language, Words};

pub(crate) use models::{ModelRef, Models};
pub(crate) use pins::Pins;
pub(crate) use switches::Switches;

/// What is configured and what was switched.
pub struct Settings {
    /// What was switched.
    pub(crate) switches: Switches,
    /// Models that were used, are favourites, and their variants.
    pub(crate) models: Models,
    /// Sessions that are pinned.
    pub(crate) pins: Pins,
    /// The program's environment.
    pub(crate) environment: Environment,
    /// The program's folders.
    pub(crate) paths: Paths,
    directory: String,
    home: String,
    version: String,
    terminal: String,
    /// What `tui.json` says.
    pub(crate) tui: Tui,
    /// The plugins that it names.
    pub(crate) plugins: Vec<Plugin>,
    /// What is wrong with it.
    pub(crate) problems: Vec<String>,
    zone: TimeZone,
    seed: u64,
    /// What the terminal says of itself.
    terminal_mode: Option<Mode>,
    palette: Palette,
    /// The theme that is looked at.
    tried: Option<String>,
}

impl Settings {
    /// Reads what is kept; what cannot be read is as if it were not there.
    pub fn read(environment: &Environment, paths: &Paths, directory: String, version: String) -> Self {
        let state = |name: &str| fs_err::read_to_string(paths.state.join(name)).unwrap_or_default();
        let folder = Path::new(&directory);
        let place = place(folder);
        let (_, unmoved) = tui::migrate(place, paths, environment);
        let loaded = tui::load(place, paths, environment);
        let mut problems = unmoved.iter().map(ToString::to_string).collect::<Vec<_>>();
        problems.extend(problems_of(&loaded));
        let seed = std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |time| u64::from(time.subsec_millis()));
        Self {
            switches: Switches::parse(&state("kv.json")),
            models: Models::parse(&state("model.json")),
            pins: Pins::parse(&state("session.json")),
            environment: environment.clone(),
            paths: paths.clone(),
            directory,
            home: paths.home.display().to_string(),
            version,
            terminal: environment.get("TERM").unwrap_or_default().to_owned(),
            plugins: plugins_of(&loaded.config, paths, environment),
            tui: loaded.config,
            problems,
            zone: TimeZone::system(),
            seed,
            terminal_mode: None,
            palette: Palette::default(),
            tried: None,
        }
    }

    /// Whether a built-in plugin is switched on; those that are asked for here are off unless somebody says so.
    pub(crate) fn is_plugin_enabled(&self, name: &str) -> bool {
        let configured = self.tui.plugin_enabled.get(name).copied();
        self.switches.plugin(name).or(configured).unwrap_or(false)
    }

    /// The keys.
    pub(crate) fn keymap(&self) -> Keymap {
        let timeout = Duration::from_millis(self.tui.leader_timeout);
        Keymap::new(&self.tui.keybinds, timeout).0
    }

    /// The colours; a theme that cannot be read is the default one.
    pub(crate) fn theme(&self) -> Theme {
        let name = self.theme_name();
        // A theme of the user's own comes before one of a plugin.
        let file = folder::find(&self.theme_folders(), name);
        let brought = || {
            self.plugins_on()
                .find_map(|plugin| plugin.themes.get(name).cloned())
        };
        let file = file.or_else(brought);
        let custom = file.and_then(|file| folder::read(&file).ok());
        let mode = self.mode();
        let loaded = Theme::load(name, custom.as_deref(), mode, &self.palette);
        loaded.unwrap_or_else(|error| {
            tracing::warn!(%error, name, "the theme cannot be used");
            builtin::fallback(mode)
        })
    }

    /// The colours of what is printed: the terminal's own, so that it stays readable there.
    pub(crate) fn printed_theme(&self) -> Theme {
        self.palette.printed()
    }

    fn theme_folders(&self) -> Vec<PathBuf> {
        folder::folders(&self.paths.config, std::path::Path::new(&self.directory))
    }

    /// The name of the theme in force.
    pub(crate) fn theme_name(&self) -> &str {
        self.tried
            .as_deref()
            .or(self.tui.theme.as_deref())
            .or(self.switches.theme.as_deref())
            .unwrap_or(builtin::DEFAULT)
    }

    /// Names of all themes.
    pub(crate) fn theme_names(&self) -> Vec<String> {
        let custom = folder::list(&self.theme_folders()).into_keys();
        let mut names: Vec<String> = builtin::names().map(str::to_owned).chain(custom).collect();
        names.extend(self.plugins_on().flat_map(|plugin| plugin.themes.keys().cloned()));
        if self.palette.is_known() {
            names.push(builtin::SYSTEM.to_owned());
        }
        names.sort();
        names.dedup();
        names
    }

    /// Looks at a theme.
    pub(crate) fn try_theme(&mut self, name: &str) {
        self.tried = Some(name.to_owned());
    }

    fn mode(&self) -> Mode {
        let locked = match self.switches.theme_mode_lock.as_deref() {
            Some("light") => Some(Mode::Light),
            Some("dark") => Some(Mode::Dark),
            _ => None,
        };
        theme::mode(locked, self.terminal_mode.or(self.palette.mode()))
    }

    /// Whether things are shown dark.
    pub(crate) fn is_dark(&self) -> bool {
        self.mode() == Mode::Dark
    }

    /// Whether light or dark stays as it is, whatever the terminal says.
    pub(crate) fn is_mode_locked(&self) -> bool {
        self.switches.theme_mode_lock.is_some()
    }

    /// The terminal is light or dark; says whether it was not before.
    pub(crate) fn set_terminal_mode(&mut self, mode: Mode) {
        self.terminal_mode = Some(mode);
    }

    /// One of the terminal's own colours.
    pub(crate) fn set_color(&mut self, slot: Slot, color: Rgb) {
        self.palette.set(slot, color);
    }

    /// What is asked of the terminal.
    pub(crate) fn modes(&self) -> Modes {
        Modes::of(&self.tui, &self.environment, self.keymap().wants_releases())
    }

    /// Whether both sides of a difference always stand one below the other.
    pub(crate) fn is_diff_stacked(&self) -> bool {
        self.tui.diff_style == DiffStyle::Stacked || self.is_plain()
    }

    /// Whether things are drawn for readers of screens: words in place of signs, no borders, nothing that moves, one
    /// thing below the other.
    pub(crate) fn is_plain(&self) -> bool {
        self.tui.plain || self.environment.is_on(variable::PLAIN)
    }

    /// Whether anything moves.
    pub(crate) fn has_animations(&self) -> bool {
        self.switches.animations && !self.is_plain()
    }

    /// Whether what is selected is copied when the button goes up.
    pub(crate) fn copies_on_select(&self) -> bool {
        !self.environment.is_on(variable::DISABLE_COPY_ON_SELECT)
    }

    /// The prompt, with what was written before.
    pub(crate) fn prompt(&self) -> Prompt {
        let mut prompt = Prompt::default();
        for file in [StateFile::History, StateFile::Stash, StateFile::Frecency] {
            let text = fs_err::read_to_string(self.file(file.name())).unwrap_or_default();
            prompt.read_state(file, &text);
        }
        prompt
    }

    /// Reads again what a user changes by hand.
    pub(crate) fn reload(&mut self) {
        self.tried = None;
        let directory = PathBuf::from(&self.directory);
        let loaded = tui::load(place(&directory), &self.paths, &self.environment);
        self.problems = problems_of(&loaded);
        self.tui = loaded.config;
        self.plugins = plugins_of(&self.tui, &self.paths, &self.environment);
    }

    /// Whether plugins are left out.
    pub(crate) fn is_pure(&self) -> bool {
        self.environment.is_on(variable::PURE)
    }

    /// Whether a plugin is used: what was switched wins over what is configured.
    pub(crate) fn is_plugin_on(&self, id: &str) -> bool {
        let switched = self.switches.plugin_enabled.get(id);
        switched.or_else(|| self.tui.plugin_enabled.get(id)).copied() != Some(false)
    }

    fn plugins_on(&self) -> impl Iterator<Item = &Plugin> {
        let plugins = self.plugins.iter();
        plugins.filter(|plugin| self.is_plugin_on(&plugin.id))
    }

    /// The texts.
    pub(crate) fn words(&self) -> Words {
        let language = Language::chosen(self.tui.language.as_deref(), &self.environment);
        Words::of(language)
    }

    /// The user's home.
    pub(crate) fn home(&self) -> &str {
        &self.home
    }

    /// The folder in which the program was started.
    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    /// The program's version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// What the terminal calls itself.
    pub(crate) fn terminal(&self) -> &str {
        &self.terminal
    }

    /// The user's time zone.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The same everywhere, for tests.
    #[cfg(test)]
    pub(crate) fn in_utc(mut self) -> Self {
        self.zone = TimeZone::UTC;
        self
    }

    /// A number that is another at every start.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// A file of state.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.paths.state.join(name)
    }

    /// Columns of the prompt at the start, if configuration says how many.
    pub(crate) fn prompt_width(&self, screen: u16) -> Option<u16> {
        self.tui.prompt.max_width.map(|width| match width {
            Width::Columns(columns) => columns,
            Width::Auto(Auto::Auto) => (screen / 10 * 7).max(75),
        })
    }

    /// Rows of the prompt's text at most, if configuration says how many.
    pub(crate) fn prompt_rows(&self) -> Option<u16> {
        self.tui.prompt.max_height
    }

    /// The screen that the environment names for the beginning.
    pub(crate) fn first_screen(&self) -> Option<crate::app::First> {
        let named = self.environment.get(variable::ROUTE)?;
        match serde_json::from_str(named) {
            Ok(first) => Some(first),
            Err(error) => {
                tracing::warn!(%error, "{} names no screen", variable::ROUTE);
                None
            }
        }
    }

    /// Whether the terminal gets a name.
    pub(crate) fn has_title(&self) -> bool {
        self.switches.terminal_title && !self.environment.is_on(variable::DISABLE_TERMINAL_TITLE)
    }

    /// Whether there are workspaces.
    pub(crate) fn has_workspaces(&self) -> bool {
        self.environment.is_experiment_on(variable::WORKSPACES)
    }

    /// Whether the user wants to be called.
    pub(crate) fn calls_for_attention(&self) -> bool {
        self.tui.attention.enabled
    }

    /// Lines that a step of the wheel scrolls.
    pub(crate) fn scroll_lines(&self) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
        {
            self.tui.scroll_speed.round().clamp(1.0, 100.0) as i32
        }
    }
}

fn plugins_of(tui: &Tui, paths: &Paths, environment: &Environment) -> Vec<Plugin> {
    match environment.is_on(variable::PURE) {
        true => Vec::new(),
        false => package::plugins(&tui.plugin, &paths.cache),
    }
}

/// The folder with the root of the worktree that it is in.
fn place(folder: &Path) -> Place<'_> {
    let worktree = folder.ancestors().find(|folder| folder.join(".git").exists());
    Place {
        directory: folder,
        worktree: worktree.unwrap_or(Path::new("/")),
    }
}

/// What of the configuration is not in force, and why.
fn problems_of(loaded: &LoadedTui) -> Vec<String> {
    let files = loaded.errors.iter().map(ToString::to_string);
    let (_, keys) = Keymap::new(&loaded.config.keybinds, LEADER_TIMEOUT);
    let problems = files
        .chain(keys.iter().map(ToString::to_string))
        .collect::<Vec<_>>();
    for problem in &problems {
        tracing::warn!(problem, "configuration of the terminal is not in force");
    }
    problems
}
