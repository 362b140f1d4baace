//! The plugins of a location, and what can be asked of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use opencode_config::{Environment, Paths};
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Call, CustomTool, Hook, Output, Source, ToolHost};

/// What plugins are started with.
pub struct Settings {
    /// What is loaded.
    pub source: Source,
    /// The folder, absolute.
    pub directory: PathBuf,
    /// Top of its checkout.
    pub worktree: PathBuf,
    /// Its project, as the HTTP interface shows it.
    pub project: Value,
    /// The folders of the program.
    pub paths: Paths,
    /// The environment of the program.
    pub environment: Environment,
    /// Version of the program.
    pub version: &'static str,
    /// Takes connections to the HTTP interface of the engine, for the client that plugins get.
    pub door: Option<mpsc::Sender<DuplexStream>>,
    /// Where the engine can be reached over a network, if it can.
    pub address: Option<url::Url>,
    /// Is told what happens.
    pub listener: Arc<dyn Listener>,
}

/// Is told what happens to plugins. Its calls never wait.
pub trait Listener: Send + Sync {
    /// Something of a plugin failed, without the work of the engine failing by it.
    fn failed(&self, fault: Fault);

    /// What the plugins registered is no longer what it was: tools, or transformations of `draft`.
    fn changed(&self, draft: Option<Draft>);
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Id or specification of the plugin.
    pub plugin: String,
    /// Why, in words for the user.
    pub message: String,
}

/// What plugins may transform as a whole (`@opencode-ai/plugin/v2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Draft {
    /// Agents.
    Agent,
    /// Providers and models.
    Catalog,
    /// Commands.
    Command,
    /// Ways to connect.
    Integration,
    /// Folders that models are told of.
    Reference,
    /// Sources of skills.
    Skill,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A plugin threw.
    #[error("{message}")]
    Thrown {
        /// Its message.
        message: String,
    },
    /// It took too long.
    #[error("the plugins did not answer `{what}` within {seconds} s")]
    TimedOut {
        /// What was asked.
        what: String,
        /// How long they had.
        seconds: u64,
    },
    /// Nobody wanted the answer any more.
    #[error("`{what}` was stopped")]
    Stopped {
        /// What was asked.
        what: String,
    },
    /// The process that runs plugins ended.
    #[error("the process that runs plugins ended: {message}")]
    Ended {
        /// What is known of its end.
        message: String,
    },
}

/// The plugins of a location: one process. A cheap handle; the last one that goes ends the process.
#[derive(Clone)]
pub struct Plugins {
    _inner: Arc<()>,
}

impl Plugins {
    /// Starts the process and waits until all plugins are initialised, within a limit. What cannot be started or
    /// loaded is told to the listener; the others count.
    pub async fn start(_settings: Settings) -> Self {
        Self { _inner: Arc::new(()) }
    }

    /// Whether a plugin has this hook. Without one nothing needs to be made for it.
    #[must_use]
    pub fn has(&self, _hook: Hook) -> bool {
        false
    }

    /// Asks every plugin that has the hook, one after the other; each sees what those before it made of `output`.
    ///
    /// # Errors
    /// A plugin threw, or there is no answer.
    pub async fn call(
        &self,
        _hook: Hook,
        _input: Value,
        output: Value,
        _cancel: &CancellationToken,
    ) -> Result<Value, Error> {
        Ok(output)
    }

    /// The configuration as plugins change it (`config`); as it is where they fail.
    pub async fn configure(&self, config: Value) -> Value {
        config
    }

    /// Tells plugins of an event `{id, type, properties}`. Never waits; what they cannot take in time is left out.
    pub fn tell(&self, _event: &Value) {}

    /// Whether a plugin listens to events.
    #[must_use]
    pub fn listens(&self) -> bool {
        false
    }

    /// Their tools, in order; of several of one name the last counts.
    #[must_use]
    pub fn tools(&self) -> Arc<[CustomTool]> {
        Arc::from([])
    }

    /// Runs a tool.
    ///
    /// # Errors
    /// It threw, or there is no answer.
    pub async fn run(
        &self,
        tool: &str,
        _arguments: Value,
        _call: Call,
        _host: Arc<dyn ToolHost>,
        _cancel: &CancellationToken,
    ) -> Result<Output, Error> {
        Err(Error::Thrown {
            message: format!("There is no tool {tool}"),
        })
    }

    /// Whether a plugin transforms this.
    #[must_use]
    pub fn transforms(&self, _draft: Draft) -> bool {
        false
    }

    /// What the plugins make of a list: each transformation works on a copy that counts only when it does not fail.
    pub async fn transform(&self, _draft: Draft, state: Value) -> Value {
        state
    }

    /// Variables that plugins add for a command (`shell.env`).
    ///
    /// # Errors
    /// A plugin threw, or there is no answer.
    pub async fn shell_variables(
        &self,
        input: Value,
        cancel: &CancellationToken,
    ) -> Result<BTreeMap<String, String>, Error> {
        let output = self
            .call(Hook::ShellEnv, input, serde_json::json!({"env": {}}), cancel)
            .await?;
        let variables = output.get("env").and_then(Value::as_object).cloned();
        let texts = variables.unwrap_or_default().into_iter();
        Ok(texts
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect())
    }

    /// Lets plugins end what they began, then ends the process. Takes a known time.
    pub async fn end(&self) {}
}
