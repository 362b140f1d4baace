//! Plugins in the engine: the one place that knows the shapes of hooks (reference `plugins.md` §4).
//!
//! [`Hooks`] are the plugins of a view of a location. Each function asks those that have the hook, one after the
//! other, and gives what they made of its output; where none has it, it gives what it was given and costs nothing.
//! [`desk`] starts plugins and keeps them while what they were started with stays the same; [`request`] is what is
//! asked on the way to a model.

pub(crate) mod around;
pub(crate) mod desk;
mod held;
mod integrations;
mod logins;
mod providers;
pub(crate) mod request;
pub(crate) mod transform;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use opencode_catalog::Choice;
use opencode_plugin::{CustomTool, Draft, Error, Hook};
use opencode_schema::input::PartInput;
use opencode_schema::{MessageId, MessageWithParts, Object, Part, SessionId};
use opencode_tool::{Output, Tool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use self::held::Held;
pub use self::logins::{PluginCredential, PluginLogins};

/// The plugins of a view of a location, if it has any. A cheap handle.
#[derive(Clone, Default)]
pub(crate) struct Hooks(Option<Arc<Held>>);

/// What a user's message is made of, as plugins are told.
pub(crate) struct Said<'a> {
    pub(crate) session_id: &'a SessionId,
    pub(crate) agent: Option<&'a str>,
    pub(crate) model: Option<&'a Choice>,
    pub(crate) message_id: Option<&'a MessageId>,
    pub(crate) variant: Option<&'a str>,
}

/// A call of a tool, as plugins are told.
#[derive(Clone, Debug)]
pub(crate) struct CallOf {
    pub(crate) tool: String,
    pub(crate) session_id: SessionId,
    pub(crate) call_id: String,
}

/// What a summary is asked for with.
#[derive(Debug, Default)]
pub(crate) struct Instructions {
    /// Added to the usual instructions.
    pub(crate) context: Vec<String>,
    /// Stands in the place of the usual instructions.
    pub(crate) prompt: Option<String>,
}

impl Hooks {
    /// Whether these are the very same plugins.
    pub(crate) fn are(&self, others: &Self) -> bool {
        match (&self.0, &others.0) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    /// Whether a plugin has this hook.
    pub(crate) fn has(&self, hook: Hook) -> bool {
        self.0.as_ref().is_some_and(|held| held.plugins.has(hook))
    }

    /// Whether a plugin transforms this list.
    pub(crate) fn transforms(&self, draft: Draft) -> bool {
        self.0.as_ref().is_some_and(|held| held.plugins.transforms(draft))
    }

    /// Ids of the plugins that were started.
    pub(crate) fn ids(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |held| &held.ids)
    }

    /// Tells one start of plugins from another.
    pub(crate) fn start(&self) -> usize {
        self.0.as_ref().map_or(0, |held| Arc::as_ptr(held) as usize)
    }

    /// What the plugins and tool files have for tools now.
    pub(crate) fn custom_tools(&self) -> Arc<[CustomTool]> {
        match &self.0 {
            Some(held) => held.plugins.tools(),
            None => Arc::from([]),
        }
    }

    /// The tools of the plugins and tool files as they are now; of durable sessions, or of the others. One that is
    /// as it was is the very same.
    pub(crate) fn tools(&self, is_durable: bool) -> Arc<[Arc<dyn Tool>]> {
        match &self.0 {
            Some(held) => held.tools.all(is_durable),
            None => Arc::from([]),
        }
    }

    /// Asks the plugins that have the hook; nothing when none has it.
    async fn ask(
        &self,
        hook: Hook,
        question: impl FnOnce() -> (Value, Value),
        cancel: &CancellationToken,
    ) -> Result<Option<Value>, Error> {
        let Some(held) = self.0.as_ref().filter(|held| held.plugins.has(hook)) else {
            return Ok(None);
        };
        let (input, output) = question();
        held.plugins.call(hook, input, output, cancel).await.map(Some)
    }

    /// A message of the user, before it is stored (`chat.message`).
    pub(crate) async fn chat_message(
        &self,
        said: Said<'_>,
        message: MessageWithParts,
        cancel: &CancellationToken,
    ) -> Result<MessageWithParts, Error> {
        let question = || {
            let mut input = json!({ "sessionID": said.session_id.as_str() });
            put(&mut input, "agent", said.agent);
            put(&mut input, "messageID", said.message_id);
            put(&mut input, "variant", said.variant);
            let model = said
                .model
                .map(|model| json!({ "providerID": model.provider_id, "modelID": model.model_id }));
            put(&mut input, "model", model);
            (
                input,
                json!({ "message": value(&message.info), "parts": value(&message.parts) }),
            )
        };
        let Some(mut changed) = self.ask(Hook::ChatMessage, question, cancel).await? else {
            return Ok(message);
        };
        let info: opencode_schema::Message = read(Hook::ChatMessage, "message", &mut changed)?;
        let mut parts: Vec<Part> = read_parts(Hook::ChatMessage, &mut changed, &message)?;
        // It stays the message that it is.
        for part in &mut parts {
            part.session_id = message.info.session_id.clone();
            part.message_id = message.info.id.clone();
        }
        let mut info = info;
        info.id = message.info.id;
        info.session_id = message.info.session_id;
        Ok(MessageWithParts { info, parts })
    }

    /// The conversation of a request (`experimental.chat.messages.transform`); nothing where it stays as it is.
    pub(crate) async fn messages(
        &self,
        messages: &[MessageWithParts],
        cancel: &CancellationToken,
    ) -> Result<Option<Vec<MessageWithParts>>, Error> {
        let hook = Hook::MessagesTransform;
        let question = || (json!({}), json!({ "messages": value(&messages) }));
        let Some(mut changed) = self.ask(hook, question, cancel).await? else {
            return Ok(None);
        };
        read(hook, "messages", &mut changed).map(Some)
    }

    /// The parts that a command becomes (`command.execute.before`).
    pub(crate) async fn command(
        &self,
        session_id: &SessionId,
        command: &str,
        arguments: &str,
        parts: Vec<PartInput>,
        cancel: &CancellationToken,
    ) -> Result<Vec<PartInput>, Error> {
        let hook = Hook::CommandExecuteBefore;
        let question = || {
            (
                json!({ "command": command, "sessionID": session_id.as_str(), "arguments": arguments }),
                json!({ "parts": value(&parts) }),
            )
        };
        match self.ask(hook, question, cancel).await? {
            Some(mut changed) => read(hook, "parts", &mut changed),
            None => Ok(parts),
        }
    }

    /// The arguments of a call, before its permission is asked for (`tool.execute.before`).
    pub(crate) async fn tool_before(
        &self,
        call: &CallOf,
        arguments: Value,
        cancel: &CancellationToken,
    ) -> Result<Value, Error> {
        let question = || (call.input(), json!({ "args": arguments }));
        let changed = self.ask(Hook::ToolExecuteBefore, question, cancel).await?;
        Ok(match changed {
            Some(mut changed) => changed.get_mut("args").map(Value::take).unwrap_or_default(),
            None => arguments,
        })
    }

    /// The result of a call that succeeded (`tool.execute.after`). That of a server's tool has its texts as `content`,
    /// too, as servers write results.
    pub(crate) async fn tool_after(
        &self,
        call: &CallOf,
        arguments: &Value,
        mut output: Output,
        is_of_server: bool,
        cancel: &CancellationToken,
    ) -> Result<Output, Error> {
        let hook = Hook::ToolExecuteAfter;
        let question = || {
            let mut input = call.input();
            put(&mut input, "args", Some(arguments));
            let mut told = json!({
                "title": output.title, "output": output.output, "metadata": output.metadata,
            });
            if !output.attachments.is_empty() {
                put(&mut told, "attachments", Some(attachments(&output)));
            }
            if is_of_server {
                put(
                    &mut told,
                    "content",
                    Some(json!([{ "type": "text", "text": output.output }])),
                );
            }
            (input, told)
        };
        let Some(mut changed) = self.ask(hook, question, cancel).await? else {
            return Ok(output);
        };
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        output.title = text(changed.get("title"));
        let before = std::mem::take(&mut output.output);
        output.output = text(changed.get("output"));
        if is_of_server && output.output == before {
            let content = changed.get("content").and_then(Value::as_array);
            let texts = content
                .into_iter()
                .flatten()
                .filter_map(|one| one.get("text")?.as_str());
            output.output = texts.collect::<Vec<_>>().join("\n\n");
        }
        output.metadata = read::<Option<Object>>(hook, "metadata", &mut changed)?.unwrap_or_default();
        let files: Option<Vec<Value>> = read(hook, "attachments", &mut changed)?;
        output.attachments = files
            .unwrap_or_default()
            .iter()
            .filter_map(opencode_tool::custom::attachment)
            .collect();
        Ok(output)
    }

    /// A text of an answer that is complete (`experimental.text.complete`).
    pub(crate) async fn text(
        &self,
        session_id: &SessionId,
        message_id: &MessageId,
        part_id: &str,
        text: String,
        cancel: &CancellationToken,
    ) -> Result<String, Error> {
        let question = || {
            (
                json!({ "sessionID": session_id.as_str(), "messageID": message_id.as_str(), "partID": part_id }),
                json!({ "text": text }),
            )
        };
        match self.ask(Hook::TextComplete, question, cancel).await? {
            Some(mut changed) => read(Hook::TextComplete, "text", &mut changed),
            None => Ok(text),
        }
    }

    /// Variables for a command line or a terminal (`shell.env`).
    pub(crate) async fn variables(
        &self,
        directory: &Path,
        of: Option<(&SessionId, &str)>,
        cancel: &CancellationToken,
    ) -> Result<BTreeMap<String, String>, Error> {
        let Some(held) = self.0.as_ref().filter(|held| held.plugins.has(Hook::ShellEnv)) else {
            return Ok(BTreeMap::new());
        };
        let mut input = json!({ "cwd": directory.to_string_lossy() });
        if let Some((session_id, call_id)) = of {
            put(&mut input, "sessionID", Some(session_id));
            put(&mut input, "callID", Some(call_id).filter(|id| !id.is_empty()));
        }
        held.plugins.shell_variables(input, cancel).await
    }

    /// What a summary is asked for with (`experimental.session.compacting`).
    pub(crate) async fn compacting(
        &self,
        session_id: &SessionId,
        cancel: &CancellationToken,
    ) -> Result<Instructions, Error> {
        let hook = Hook::SessionCompacting;
        let question = || {
            (
                json!({ "sessionID": session_id.as_str() }),
                json!({ "context": [] }),
            )
        };
        let Some(mut changed) = self.ask(hook, question, cancel).await? else {
            return Ok(Instructions::default());
        };
        Ok(Instructions {
            context: read::<Option<_>>(hook, "context", &mut changed)?.unwrap_or_default(),
            prompt: read::<Option<_>>(hook, "prompt", &mut changed)?,
        })
    }

    /// Whether the work goes on after a summary (`experimental.compaction.autocontinue`).
    pub(crate) async fn goes_on(
        &self,
        about: &request::About<'_>,
        overflow: bool,
        cancel: &CancellationToken,
    ) -> Result<bool, Error> {
        let hook = Hook::CompactionAutocontinue;
        let question = || {
            let mut input = about.input();
            put(&mut input, "overflow", Some(overflow));
            // Parity: plugins.md §4, here the provider is told in this form and not as in requests.
            let provider = input.get_mut("provider").map(Value::take).unwrap_or_default();
            let (source, options) = (provider.get("source").cloned(), provider.get("options").cloned());
            put(
                &mut input,
                "provider",
                Some(json!({ "source": source, "info": provider, "options": options })),
            );
            (input, json!({ "enabled": true }))
        };
        match self.ask(hook, question, cancel).await? {
            Some(changed) => Ok(changed.get("enabled") != Some(&Value::Bool(false))),
            None => Ok(true),
        }
    }
}

impl CallOf {
    fn input(&self) -> Value {
        json!({ "tool": self.tool, "sessionID": self.session_id.as_str(), "callID": self.call_id })
    }
}

fn attachments(output: &Output) -> Value {
    let files = output.attachments.iter().map(|file| {
        let mut one = json!({ "type": "file", "mime": file.mime, "url": file.url });
        put(&mut one, "filename", file.filename.as_deref());
        one
    });
    files.collect()
}

/// Anything of the wire as JSON. Its types have no keys that JSON does not know.
fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// Sets a field where there is something.
fn put(object: &mut Value, key: &str, content: Option<impl Serialize>) {
    if let (Some(object), Some(content)) = (object.as_object_mut(), content) {
        object.insert(key.to_owned(), value(&content));
    }
}

/// A field of what plugins made of an output.
fn read<T: DeserializeOwned>(hook: Hook, field: &str, output: &mut Value) -> Result<T, Error> {
    let content = output.get_mut(field).map(Value::take).unwrap_or_default();
    serde_json::from_value(content).map_err(|error| Error::Thrown {
        message: format!(
            "What a plugin left in `{field}` of the hook {} is not what belongs there: {error}",
            hook.name()
        ),
    })
}

/// Parts, of which those that plugins added may leave out whose they are.
fn read_parts(hook: Hook, output: &mut Value, of: &MessageWithParts) -> Result<Vec<Part>, Error> {
    let parts = output.get_mut("parts").and_then(Value::as_array_mut);
    for part in parts.into_iter().flatten().filter_map(Value::as_object_mut) {
        let mut fill = |key: &str, content: Value| {
            part.entry(key).or_insert(content);
        };
        fill("id", value(&opencode_schema::PartId::new()));
        fill("messageID", value(&of.info.id));
        fill("sessionID", value(&of.info.session_id));
    }
    read(hook, "parts", output)
}
