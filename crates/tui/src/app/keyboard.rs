//! What a key does: the nearest layer of commands that is live gets it first; what is bound to nothing is text.

use super::{App, Route};
use crate::command::{self, Where};
use crate::dialog::{Dialog, Outcome};
use crate::key::{Code, Modifiers, Motion, Press};
use crate::keymap::{ACTIONS, Layer, Resolved};
use crate::permission;
use crate::question;
use crate::viewer;

/// Commands of text fields.
pub(crate) fn field_commands() -> Vec<&'static str> {
    let ids = ACTIONS.iter().map(|action| action.command);
    ids.filter(|id| id.starts_with("input.")).collect()
}

/// Commands as a layer of the keymap.
pub(crate) fn layer<'a>((name, commands): &'a (&'static str, Vec<&'static str>)) -> Layer<'a> {
    Layer { name, commands }
}

/// Commands that are live whatever has the keyboard.
const ALWAYS: &[&str] = &["app.exit", "terminal.suspend", "prompt.clear"];

/// The variable with which the letter o breaks the state, for tests of what becomes of mistakes.
#[cfg(test)]
pub(crate) const BREAKS: &str = "OPENCODE_TEST_BREAKS";

impl App {
    /// Takes a key.
    pub(super) fn key(&mut self, press: Press) {
        #[cfg(test)]
        assert!(
            press.code() != Code::Char('o') || self.settings.environment.get(BREAKS).is_none(),
            "broken on purpose"
        );
        if press.code() == Code::Escape && press.motion != Motion::Release && !self.dialogs.is_empty() {
            return self.close_dialog();
        }
        // Fixed: the reference, whose keys can be bound, has no search.
        if press.code() == Code::Function(3) && press.motion != Motion::Release && self.dialogs.is_empty() {
            self.find(!press.modifiers().contains(Modifiers::SHIFT));
            return;
        }
        let layers = self.layers();
        let layers: Vec<Layer<'_>> = layers.iter().map(layer).collect();
        match self.keymap.resolve(press, &layers) {
            Resolved::Commands(commands) => {
                for id in commands {
                    let windows = self.dialogs.len();
                    if self.run(id) && !self.keymap.falls_through(press, id) {
                        // A window that the key has opened is not what it was typed into.
                        if self.keymap.passes_on(press, id) && self.dialogs.len() == windows {
                            self.type_key(press);
                        }
                        return;
                    }
                }
                self.type_key(press);
            }
            Resolved::Pending => self.wait_for_more(),
            Resolved::Swallowed => {}
            Resolved::Nothing => self.type_key(press),
        }
    }

    /// A sequence of keys that does not go on ends.
    fn wait_for_more(&mut self) {
        if let Some(waiting) = self.keymap.waiting() {
            self.preview_keys(waiting);
            self.after(self.keymap.timeout(), move |app| app.keys_ended(waiting));
        }
    }

    fn keys_ended(&mut self, waiting: u64) {
        let layers = self.layers();
        let layers: Vec<Layer<'_>> = layers.iter().map(layer).collect();
        if let Resolved::Commands(commands) = self.keymap.expire(waiting, &layers) {
            commands.into_iter().find(|id| self.run(id));
        }
    }

    fn type_key(&mut self, press: Press) {
        if press.motion == Motion::Release || self.fixed_key(press) {
            return;
        }
        if self.route == Route::Diff && self.dialogs.is_empty() {
            return self.viewer_key(press);
        }
        if let Some(letter) = press.typed {
            self.write(letter.encode_utf8(&mut [0; 4]));
        }
    }

    /// Does what a key means in windows and panels whatever is bound to it elsewhere.
    fn fixed_key(&mut self, press: Press) -> bool {
        let is_window = !self.dialogs.is_empty();
        if !is_window && self.permission.is_none() && self.question.is_none() {
            return false;
        }
        let meant: &[&'static str] = match (press.code(), press.modifiers()) {
            (Code::Tab, Modifiers::NONE) => &["agent.cycle"],
            (Code::Tab, Modifiers::SHIFT) => &["agent.cycle.reverse"],
            (_, modifiers) if is_window || modifiers != Modifiers::NONE => return false,
            (Code::Escape, _) => &["session.interrupt"],
            (Code::Enter, _) => &["dialog.select.submit", "dialog.prompt.submit"],
            (Code::Up, _) => &["dialog.select.prev"],
            (Code::Down, _) => &["dialog.select.next"],
            (Code::Left, _) => &["input.move.left"],
            (Code::Right, _) => &["input.move.right"],
            _ => return false,
        };
        let layers = self.layers_of_screen();
        let nearest = layers
            .first()
            .map_or(&[][..], |(_, commands)| commands.as_slice());
        let command = meant.iter().find(|id| nearest.contains(id));
        command.is_some_and(|id| self.run(id))
    }

    /// Takes a text that was typed.
    fn write(&mut self, text: &str) {
        self.stay();
        if !self.dialogs.is_empty() {
            self.with_dialog(|app, dialog| dialog.text(app, text));
        } else if self.permission.is_some() {
            self.permission_text(text);
        } else if self.question.is_some() {
            self.question_text(text);
        } else if self.has_prompt() {
            self.prompt_text(text);
        }
    }

    /// Takes a text that was pasted.
    pub(super) fn paste(&mut self, text: &str) {
        self.stay();
        if !self.dialogs.is_empty() {
            let line = text.lines().next().unwrap_or_default().to_owned();
            self.write(&line);
        } else if let Some(panel) = &self.permission {
            // Where nothing is written, a text is no answer.
            if panel.is_written() {
                self.permission_text(text);
            }
        } else if let Some(panel) = &self.question {
            if panel.is_written() {
                self.question_text(text);
            }
        } else if self.has_prompt() {
            self.prompt_paste(text);
        }
    }

    /// Lets the dialog on top do something; it stays below those that it opens.
    pub(super) fn with_dialog(&mut self, act: impl FnOnce(&mut Self, &mut dyn Dialog) -> Outcome) -> Outcome {
        let Some(mut dialog) = self.dialogs.pop() else {
            return Outcome::Ignored;
        };
        let place = self.dialogs.len();
        let outcome = act(self, dialog.as_mut());
        if outcome != Outcome::Close {
            let place = place.min(self.dialogs.len());
            self.dialogs.insert(place, dialog);
        }
        outcome
    }

    /// Whether the screen has a prompt.
    pub(crate) fn has_prompt(&self) -> bool {
        match &self.route {
            Route::Home => true,
            Route::Diff => false,
            Route::Session(_) => self.session().is_none_or(|session| session.parent_id.is_none()),
        }
    }

    /// Commands that are live now, the nearest first.
    pub(crate) fn layers(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut layers = self.layers_of_screen();
        layers.insert(0, ("which-key", self.which_key_commands()));
        layers
    }

    fn layers_of_screen(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        if let Some(dialog) = self.dialogs.last() {
            return vec![
                ("dialog", dialog.commands()),
                ("field", field_commands()),
                ("always", vec!["app.exit", "terminal.suspend"]),
            ];
        }
        let scroll = command::ids(self, Where::Transcript);
        if let Some(panel) = &self.permission {
            return vec![
                ("permission", permission::commands(panel)),
                ("scroll", scroll),
                ("always", ALWAYS.to_vec()),
            ];
        }
        if let Some(panel) = &self.question {
            return vec![
                ("question", question::commands(panel)),
                ("scroll", scroll),
                ("always", ALWAYS.to_vec()),
            ];
        }
        let mut layers = Vec::new();
        if self.has_queued() {
            layers.push(("queue", vec!["session.queued_prompts"]));
        }
        if self.route == Route::Diff {
            layers.push(("diff", viewer::COMMANDS.to_vec()));
        }
        if self.has_prompt() {
            layers.push(("prompt", super::prompting::commands(self)));
        }
        layers.push(("scroll", scroll));
        layers.push(("app", command::ids(self, Where::Everywhere)));
        layers
    }

    /// Runs a command, wherever it belongs; says whether it meant something.
    pub(crate) fn run(&mut self, id: &str) -> bool {
        if self.which_key_command(id) {
            return true;
        }
        if !self.dialogs.is_empty() {
            if id == "app.exit" {
                self.close_dialog();
                return true;
            }
            let outcome = self.with_dialog(|app, dialog| dialog.command(app, id));
            return outcome != Outcome::Ignored || id == "terminal.suspend" && command::run(self, id);
        }
        if self.route == Route::Diff && self.viewer_command(id) {
            return true;
        }
        if id == "app.exit" && self.mini.is_some() && self.permission.is_none() && self.question.is_none() {
            return self.leave_at_second_press();
        }
        if self.permission.is_some() && self.permission_command(id) {
            return true;
        }
        if self.permission.is_none() && self.question.is_some() && self.question_command(id) {
            return true;
        }
        let asks = self.permission.is_some() || self.question.is_some();
        if !asks && self.has_prompt() && self.prompt_command(id) {
            return true;
        }
        command::run(self, id)
    }

    /// Runs a command that another program asks for: no window stands in its way.
    pub(super) fn run_foreign(&mut self, id: &str) {
        let asked = ACTIONS
            .iter()
            .map(|action| action.command)
            .find(|known| *known == id);
        if let Some(id) = asked {
            self.dialogs.clear();
            self.run(id);
        }
    }
}
