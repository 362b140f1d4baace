//! Which command a key means (reference `tui.md` §8).
//!
//! Whoever has the keyboard says what is live now as [`Layer`]s, the nearest first; [`Keymap::resolve`] tells
//! which of those commands the key is bound to. It holds no state but the keys of a sequence that has begun.

mod actions;
mod binding;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::key::{Code, Modifiers, Motion, Press, Stroke};
pub(crate) use actions::{ACTIONS, Action};
use binding::{Binding, BindingError, Step};

/// How long the keyboard waits for what follows the leader, unless configuration says otherwise.
pub(crate) const LEADER_TIMEOUT: Duration = Duration::from_millis(2000);

/// Commands that are live now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'a> {
    /// What they belong to, such as `prompt`.
    pub(crate) name: &'static str,
    /// Their ids.
    pub(crate) commands: &'a [&'static str],
}

/// What a key means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// These commands, the nearest first. The first that can do something does it, and so does the next one if
    /// [`Keymap::falls_through`] says so.
    Commands(Vec<&'static str>),
    /// A sequence has begun; [`Keymap::expire`] ends it after [`Keymap::timeout`].
    Pending,
    /// The key took back a key of a sequence, or all of them; nobody else gets it.
    Swallowed,
    /// Nothing here: it may be text. So may a key that a sequence did not expect; it ends the sequence.
    Nothing,
}

/// An entry of `keybinds` that is not in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// No action has this name; another one is near.
    #[error("keybinds.{0}: there is no such action{hint}", hint = hint(*.1))]
    Unknown(String, Option<&'static str>),
    /// The value is no binding; the default is in force.
    #[error("keybinds.{0}: {1}; the default is in force")]
    Value(String, BindingError),
}

/// All bindings.
#[derive(Debug, Clone)]
pub(crate) struct Keymap {
    leaders: Vec<Stroke>,
    bindings: Vec<(&'static str, Binding)>,
    timeout: Duration,
    pending: Vec<Stroke>,
    generation: u64,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&Map::new(), LEADER_TIMEOUT).0
    }
}

impl Keymap {
    /// The bindings that `keybinds` of `tui.json` and the defaults make, and what of `keybinds` is not in force.
    pub(crate) fn new(keybinds: &Map<String, Value>, timeout: Duration) -> (Self, Vec<Problem>) {
        Self::with(keybinds, timeout, cfg!(unix))
    }

    fn with(keybinds: &Map<String, Value>, timeout: Duration, job_control: bool) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        for name in keybinds.keys().filter(|name| Action::named(name).is_none()) {
            problems.push(Problem::Unknown(name.clone(), nearest(name)));
        }
        let mut bindings = Vec::new();
        let mut leaders = Vec::new();
        for action in ACTIONS {
            let default = match job_control {
                true => action.default,
                false => action.default_without_job_control(),
            };
            let configured = keybinds.get(action.key).map(binding::parse);
            let parsed = match configured {
                Some(Ok(parsed)) => parsed,
                Some(Err(error)) => {
                    problems.push(Problem::Value(action.key.to_owned(), error));
                    binding::parse_text(default).unwrap_or_default()
                }
                None => binding::parse_text(default).unwrap_or_default(),
            };
            if action.key == "leader" {
                leaders.extend(
                    parsed
                        .iter()
                        .filter_map(|binding| match binding.steps.as_slice() {
                            [Step::Key(stroke)] => Some(*stroke),
                            _ => None,
                        }),
                );
            } else {
                bindings.extend(parsed.into_iter().map(|binding| (action.command, binding)));
            }
        }
        if leaders.is_empty() {
            bindings.retain(|(_, binding)| !binding.steps.contains(&Step::Leader));
        }
        let keymap = Self {
            leaders,
            bindings,
            timeout,
            pending: Vec::new(),
            generation: 0,
        };
        (keymap, problems)
    }

    /// What a key means where these layers are live.
    pub(crate) fn resolve(&mut self, press: Press, layers: &[Layer<'_>]) -> Resolved {
        if press.motion == Motion::Release {
            let commands = self.exact(&[press.stroke], Motion::Release, layers);
            return found(commands, Resolved::Nothing);
        }
        if is_modifier(press.code()) {
            return Resolved::Nothing;
        }
        let mut keys = std::mem::take(&mut self.pending);
        let begun = !keys.is_empty();
        for stroke in [Some(press.stroke), press.latin].into_iter().flatten() {
            keys.push(stroke);
            if self.continues(&keys, layers) {
                return self.wait(keys);
            }
            let commands = self.exact(&keys, press.motion, layers);
            if !commands.is_empty() {
                return Resolved::Commands(commands);
            }
            keys.pop();
        }
        // Parity: seen in the reference. In a sequence, backspace takes its last key back and escape ends it; any
        // other key ends it, too, and is typed if it is text, but runs nothing.
        let is = |code| press.stroke == Stroke::new(code, Modifiers::NONE);
        if !begun || !(is(Code::Backspace) || is(Code::Escape)) {
            return Resolved::Nothing;
        }
        if is(Code::Backspace) && keys.len() > 1 {
            keys.pop();
            return self.wait(keys);
        }
        Resolved::Swallowed
    }

    fn wait(&mut self, keys: Vec<Stroke>) -> Resolved {
        self.pending = keys;
        self.generation += 1;
        Resolved::Pending
    }

    /// Whether a binding answers to keys that go up, which a terminal has to be asked to tell.
    pub(crate) fn wants_releases(&self) -> bool {
        self.bindings.iter().any(|(_, binding)| binding.release)
    }

    /// How long a sequence waits for its next key.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Which wait it is that goes on, for [`Self::expire`]. A later key of the same sequence is a wait of its own.
    pub(crate) fn waiting(&self) -> Option<u64> {
        (!self.pending.is_empty()).then_some(self.generation)
    }

    /// Ends a wait if it still goes on. What was typed may mean something without more keys.
    pub(crate) fn expire(&mut self, waiting: u64, layers: &[Layer<'_>]) -> Resolved {
        if self.waiting() != Some(waiting) {
            return Resolved::Nothing;
        }
        let keys = std::mem::take(&mut self.pending);
        found(self.exact(&keys, Motion::Press, layers), Resolved::Swallowed)
    }

    /// The keys of a sequence that has begun.
    pub(crate) fn pending(&self) -> &[Stroke] {
        &self.pending
    }

    /// What can follow the keys typed so far: the keys that are left, and the command.
    pub(crate) fn continuations(&self, layers: &[Layer<'_>]) -> Vec<(String, &'static str)> {
        let live = self
            .bindings
            .iter()
            .filter(|(command, _)| is_live(command, layers));
        live.filter(|(_, binding)| self.begins(binding, &self.pending))
            .map(|(command, binding)| {
                let rest = binding.steps.get(self.pending.len()..).unwrap_or_default();
                (self.show(rest), *command)
            })
            .collect()
    }

    /// How a command's first binding is shown, such as `ctrl+x m`.
    pub(crate) fn label(&self, command: &str) -> Option<String> {
        self.labels(command).next()
    }

    /// How all bindings of a command are shown.
    pub(crate) fn labels(&self, command: &str) -> impl Iterator<Item = String> {
        let bindings = self.bindings.iter().filter(move |(bound, _)| *bound == command);
        bindings.map(|(_, binding)| self.show(&binding.steps))
    }

    /// Whether the command's binding lets others on the same key run, too.
    pub(crate) fn falls_through(&self, press: Press, command: &str) -> bool {
        self.named(press, command).any(|binding| binding.falls_through)
    }

    /// Whether the command's binding leaves the key to the text field as well.
    pub(crate) fn passes_on(&self, press: Press, command: &str) -> bool {
        self.named(press, command).any(|binding| binding.passes_on)
    }

    /// The bindings of a command that end with a key.
    fn named(&self, press: Press, command: &str) -> impl Iterator<Item = &Binding> {
        let bindings = self.bindings.iter().filter(move |(bound, _)| *bound == command);
        bindings.map(|(_, binding)| binding).filter(move |binding| {
            let last = binding.steps.last();
            binding.answers(press.motion) && last.is_some_and(|step| self.matches(*step, press.stroke))
        })
    }

    fn matches(&self, step: Step, stroke: Stroke) -> bool {
        match step {
            Step::Leader => self.leaders.contains(&stroke),
            Step::Key(key) => key == stroke,
        }
    }

    /// Whether keys are the beginning of a binding and not all of it.
    fn begins(&self, binding: &Binding, keys: &[Stroke]) -> bool {
        let mut pairs = binding.steps.iter().zip(keys);
        binding.steps.len() > keys.len()
            && !binding.release
            && pairs.all(|(step, key)| self.matches(*step, *key))
    }

    fn continues(&self, keys: &[Stroke], layers: &[Layer<'_>]) -> bool {
        let mut begun = self
            .bindings
            .iter()
            .filter(|(_, binding)| self.begins(binding, keys));
        begun.any(|(command, _)| is_live(command, layers))
    }

    fn exact(&self, keys: &[Stroke], motion: Motion, layers: &[Layer<'_>]) -> Vec<&'static str> {
        let is = |binding: &Binding| {
            let mut pairs = binding.steps.iter().zip(keys);
            binding.steps.len() == keys.len()
                && binding.answers(motion)
                && pairs.all(|(step, key)| self.matches(*step, *key))
        };
        let bound = self.bindings.iter().filter(|(_, binding)| is(binding));
        let bound = bound.map(|(command, _)| *command).collect::<Vec<_>>();
        let mut commands = Vec::new();
        for layer in layers {
            // A layer names the nearest of its commands first: choosing in a list comes before submitting.
            for command in layer.commands {
                if bound.contains(command) && !commands.contains(command) {
                    tracing::trace!(command, layer = layer.name, "a key means this");
                    commands.push(*command);
                }
            }
        }
        commands
    }

    fn show(&self, steps: &[Step]) -> String {
        let step = |step: &Step| match step {
            Step::Leader => self.leaders.first().map(Stroke::to_string),
            Step::Key(stroke) => Some(stroke.to_string()),
        };
        steps.iter().filter_map(step).collect::<Vec<_>>().join(" ")
    }
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean \"{near}\"?"))
        .unwrap_or_default()
}

fn found(commands: Vec<&'static str>, otherwise: Resolved) -> Resolved {
    match commands.is_empty() {
        true => otherwise,
        false => Resolved::Commands(commands),
    }
}

fn is_live(command: &str, layers: &[Layer<'_>]) -> bool {
    layers.iter().any(|layer| layer.commands.contains(&command))
}

fn is_modifier(code: Code) -> bool {
    let Code::Other(name) = code else {
        return false;
    };
    let side = name.strip_prefix("left").or_else(|| name.strip_prefix("right"));
    side.is_some_and(|name| Modifiers::named(name).is_some())
        || name.starts_with("iso_level")
        || name.ends_with("lock")
}

/// The action whose name is most like a name that no action has.
fn nearest(name: &str) -> Option<&'static str> {
    let distance = |key: &str| strsim::damerau_levenshtein(name, key);
    let near = ACTIONS.iter().map(|action| (distance(action.key), action.key));
    let near = near.min_by_key(|(distance, _)| *distance)?;
    (near.0 <= 3 && near.0 < name.chars().count()).then_some(near.1)
}

#[cfg(test)]
mod tests;
