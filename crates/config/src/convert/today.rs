//! Older keys in today's words, with what was done.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::comments::Comments;
use crate::{merge, origin, profile, resolve};

/// Keys that moved to the configuration of the terminal.
const OF_THE_TERMINAL: [&str; 3] = ["theme", "keybinds", "tui"];

/// Older keys, which today's stand beside in what is in force.
pub(super) const OLDER: [&str; 4] = ["mode", "tools", "autoshare", "layout"];
/// The same in agents.
pub(super) const OLDER_OF_AGENTS: [&str; 2] = ["maxSteps", "tools"];

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// What was done with which key.
    pub(super) report: Vec<String>,
    /// Keys that were folded and are folded only when all files are one, otherwise: what comes of them there may
    /// be another thing.
    pub(super) shared: Vec<Vec<String>>,
}

/// Folds the older keys of a configuration and of its profiles, but for those that are to stay.
pub(super) fn fold(
    config: &mut Map<String, Value>,
    comments: &mut Comments,
    stay: &BTreeSet<Vec<String>>,
) -> Folded {
    let mut folding = Folding {
        folded: Folded::default(),
        stay,
        comments,
        at: Vec::new(),
    };
    folding.all(config);
    if let Some(Value::Object(profiles)) = config.get_mut(profile::KEY) {
        for (name, inner) in profiles {
            if let Value::Object(inner) = inner {
                folding.at = vec![profile::KEY.to_owned(), name.clone()];
                folding.all(inner);
            }
        }
    }
    folding.folded
}

struct Folding<'a> {
    folded: Folded,
    stay: &'a BTreeSet<Vec<String>>,
    comments: &'a mut Comments,
    /// Where the configuration stands in the file.
    at: Vec<String>,
}

impl Folding<'_> {
    fn key(&self, key: &[&str]) -> Vec<String> {
        let own = key.iter().map(|part| (*part).to_owned());
        self.at.iter().cloned().chain(own).collect()
    }

    fn moved(&mut self, from: &[&str], to: &[&str]) {
        let (from, to) = (self.key(from), self.key(to));
        self.folded
            .report
            .push(format!("{} → {}", origin::written(&from), origin::written(&to)));
        self.comments.rename(&from, &to);
    }

    fn gone(&mut self, key: &[&str], why: &str) {
        let key = self.key(key);
        self.folded
            .report
            .push(format!("{} {why}", origin::written(&key)));
        if let Some((_, parent)) = key.split_last() {
            self.comments.rename(&key, parent);
        }
    }

    /// Whether a key that is otherwise folded when all files are one is folded here.
    fn goes(&mut self, key: &[&str]) -> bool {
        let key = self.key(key);
        let goes = !self.stay.contains(&key);
        if goes {
            self.folded.shared.push(key);
        } else {
            let key = origin::written(&key);
            let told =
                format!("{key} stays: beside the other files it would mean something else in today's form");
            self.folded.report.push(told);
        }
        goes
    }

    fn all(&mut self, config: &mut Map<String, Value>) {
        self.modes(config);
        if let Some(Value::Object(agents)) = config.get_mut("agent") {
            for (name, agent) in agents {
                if let Value::Object(agent) = agent {
                    self.agent(name, agent);
                }
            }
        }
        if config.get("tools").is_some_and(Value::is_object) && self.goes(&["tools"]) {
            self.tools(config, &[]);
        }
        if config.contains_key("autoshare") && self.goes(&["autoshare"]) {
            let autoshare = config.shift_remove("autoshare");
            if autoshare == Some(Value::Bool(true)) && !config.contains_key("share") {
                config.insert("share".to_owned(), json!("auto"));
                self.moved(&["autoshare"], &["share"]);
            } else {
                self.gone(&["autoshare"], "has no effect and is left out");
            }
        }
        if config.contains_key("reference") && self.goes(&["reference"]) {
            let reference = config.shift_remove("reference").unwrap_or_default();
            if config.contains_key("references") {
                self.gone(&["reference"], "has no effect beside references and is left out");
            } else {
                config.insert("references".to_owned(), reference);
                self.moved(&["reference"], &["references"]);
            }
        }
        if config.shift_remove("layout").is_some() {
            self.gone(&["layout"], "has no effect and is left out");
        }
        for key in OF_THE_TERMINAL {
            if config.contains_key(key) {
                let key = origin::written(&self.key(&[key]));
                self.folded
                    .report
                    .push(format!("{key} stays, but belongs into tui.json"));
            }
        }
    }

    fn modes(&mut self, config: &mut Map<String, Value>) {
        let Some(Value::Object(modes)) = config.get("mode").cloned() else {
            return;
        };
        if config.get("agent").is_some_and(|agents| !agents.is_object()) {
            return;
        }
        config.shift_remove("mode");
        for (name, mut mode) in modes {
            if !self.goes(&["mode", &name]) {
                let modes = config.entry("mode").or_insert_with(|| json!({}));
                merge::deep(modes, json!({ name: mode }));
                continue;
            }
            if let Value::Object(mode) = &mut mode {
                self.moved(&["mode", &name], &["agent", &name]);
                self.agent(&name, mode);
                mode.insert("mode".to_owned(), json!("primary"));
            }
            let agents = config.entry("agent").or_insert_with(|| json!({}));
            merge::deep(agents, json!({ name: mode }));
        }
    }

    fn agent(&mut self, name: &str, agent: &mut Map<String, Value>) {
        if let Some(steps) = agent.shift_remove("maxSteps") {
            let key = ["agent", name, "maxSteps"];
            if agent.contains_key("steps") {
                self.gone(&key, "has no effect beside steps and is left out");
            } else {
                agent.insert("steps".to_owned(), steps);
                self.moved(&key, &["agent", name, "steps"]);
            }
        }
        self.tools(agent, &["agent", name]);
    }

    fn tools(&mut self, object: &mut Map<String, Value>, at: &[&str]) {
        let Some(Value::Object(tools)) = object.get("tools") else {
            return;
        };
        let mut permission = object.get("permission").cloned().unwrap_or_else(|| json!({}));
        resolve::as_object(&mut permission);
        let folded = resolve::with_tools(tools, Some(&permission));
        object.shift_remove("tools");
        object.insert("permission".to_owned(), folded);
        self.moved(&[at, &["tools"]].concat(), &[at, &["permission"]].concat());
    }
}
