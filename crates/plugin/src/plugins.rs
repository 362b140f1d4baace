//! The plugins of a location, and what can be asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::link::{Link, Said};
use crate::{Call, CustomTool, Draft, Error, Hook, Output, Settings, ToolHost, start};

/// How long a hook or a transformation may take, all plugins together.
const HOOK_LIMIT: Duration = Duration::from_secs(60);

/// The plugins of a location: one process. A cheap handle; the last one that goes ends the process.
#[derive(Clone)]
pub struct Plugins {
    process: Option<Arc<Process>>,
}

/// A process that was started. Dropping it asks its keeper to end it.
pub(crate) struct Process {
    pub(crate) link: Arc<Link>,
    pub(crate) end: CancellationToken,
    pub(crate) keeper: TaskTracker,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl Plugins {
    /// Starts the process and waits until all plugins are initialised, within a limit. What cannot be started or
    /// loaded is told to the listener; the others count.
    pub async fn start(settings: Settings) -> Self {
        let process = Box::pin(start::start(settings)).await;
        Self {
            process: process.map(Arc::new),
        }
    }

    pub(crate) fn link(&self) -> Option<&Link> {
        self.process.as_ref().map(|process| &*process.link)
    }

    /// Ids of the plugins that run, in order. Those without an id of their own have that of their file.
    #[must_use]
    pub fn loaded(&self) -> Vec<String> {
        self.link().map(Link::loaded).unwrap_or_default()
    }

    /// Whether a plugin has this hook. Without one nothing needs to be made for it.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        self.link().is_some_and(|link| link.has(hook.name()))
    }

    /// Asks every plugin that has the hook, one after the other; each sees what those before it made of `output`.
    ///
    /// # Errors
    /// A plugin threw, or there is no answer.
    pub async fn call(
        &self,
        hook: Hook,
        input: Value,
        output: Value,
        cancel: &CancellationToken,
    ) -> Result<Value, Error> {
        let Some(link) = self.link().filter(|link| link.has(hook.name())) else {
            return Ok(output);
        };
        let params = json!({"hook": hook.name(), "input": input, "output": output});
        link.ask(hook.name(), "hook", &params, HOOK_LIMIT, cancel).await
    }

    /// The configuration as plugins change it (`config`); as it is where they fail.
    pub async fn configure(&self, config: Value) -> Value {
        let Some(link) = self.link().filter(|link| link.has("config")) else {
            return config;
        };
        let params = json!({"config": config});
        let never = CancellationToken::new();
        match link.ask("config", "config", &params, HOOK_LIMIT, &never).await {
            Ok(changed) => changed,
            Err(error) => {
                tracing::warn!(%error, "plugins could not change the configuration");
                config
            }
        }
    }

    /// Tells plugins of an event `{id, type, properties}`. Never waits; what they cannot take in time is left out.
    pub fn tell(&self, event: &Value) {
        if let Some(link) = self.link().filter(|link| link.has("event")) {
            link.tell("event", &json!({"event": event}));
        }
    }

    /// Whether a plugin listens to events.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.link().is_some_and(|link| link.has("event"))
    }

    /// Their tools, in order; of several of one name the last counts.
    #[must_use]
    pub fn tools(&self) -> Arc<[CustomTool]> {
        self.link().map_or_else(|| Arc::from([]), Link::tools)
    }

    /// Runs a tool.
    ///
    /// # Errors
    /// It threw, or there is no answer.
    pub async fn run(
        &self,
        tool: &str,
        arguments: Value,
        call: Call,
        host: Arc<dyn ToolHost>,
        cancel: &CancellationToken,
    ) -> Result<Output, Error> {
        let Some(link) = self.link() else {
            return Err(Error::Thrown {
                message: format!("There is no tool {tool}"),
            });
        };
        let params = json!({"tool": tool, "arguments": arguments, "call": call.to_wire()});
        let run = async {
            let mut pending = link.begin("tool", &params).await?;
            let mut questions = FuturesUnordered::new();
            loop {
                tokio::select! {
                    biased;
                    Some(said) = pending.said.recv() => match said {
                        Said::Metadata(said) => {
                            let title = said["title"].as_str().map(str::to_owned);
                            let metadata = said["metadata"].as_object().cloned().unwrap_or_default();
                            host.metadata(title, metadata);
                        }
                        Said::Question { id, question } => {
                            let host = Arc::clone(&host);
                            questions.push(async move { (id, host.ask(question).await.map(|()| Value::Null)) });
                        }
                    },
                    Some((id, outcome)) = questions.next() => link.reply(id, outcome).await,
                    answer = &mut pending.answer => {
                        return answer.unwrap_or_else(|_| Err(link.ended())).map(Output::from_wire);
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Stopped { what: tool.to_owned() }),
            outcome = run => outcome,
        }
    }

    /// Whether a plugin transforms this.
    #[must_use]
    pub fn transforms(&self, draft: Draft) -> bool {
        self.link().is_some_and(|link| link.transforms(draft.name()))
    }

    /// What the plugins make of a list: each transformation works on a copy that counts only when it does not fail.
    pub async fn transform(&self, draft: Draft, state: Value) -> Value {
        let Some(link) = self.link().filter(|link| link.transforms(draft.name())) else {
            return state;
        };
        let params = json!({"draft": draft.name(), "state": state});
        let never = CancellationToken::new();
        match link
            .ask(draft.name(), "transform", &params, HOOK_LIMIT, &never)
            .await
        {
            Ok(changed) => changed,
            Err(error) => {
                tracing::warn!(%error, draft = draft.name(), "plugins could not transform");
                state
            }
        }
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
            .call(Hook::ShellEnv, input, json!({"env": {}}), cancel)
            .await?;
        let variables = output.get("env").and_then(Value::as_object).cloned();
        let texts = variables.unwrap_or_default().into_iter();
        Ok(texts
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect())
    }

    /// Lets plugins end what they began, then ends the process. Takes a known time.
    pub async fn end(&self) {
        if let Some(process) = &self.process {
            process.end.cancel();
            process.keeper.wait().await;
        }
    }
}
