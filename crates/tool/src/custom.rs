//! Tools of plugins and tool files, as models know them (reference `plugins.md` §6).
//!
//! The work is done where plugins run. Nothing is checked or asked for them: they get what the model wrote, and ask
//! for permissions themselves.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_plugin::{CustomTool, Error, Plugins, ToolHost};
use opencode_schema::Object;
use serde_json::Value;

use crate::contract::{Ask, Attachment, Call, Definition, Failure, Output, Scope, Tool};
use crate::durable;

/// The tools of the plugins of a place.
pub struct CustomTools {
    plugins: Plugins,
    made: Mutex<Made>,
}

/// What was made of a list.
#[derive(Default)]
struct Made {
    list: Option<Arc<[CustomTool]>>,
    tools: Vec<Arc<Custom>>,
    all: Arc<[Arc<dyn Tool>]>,
    durable: Arc<[Arc<dyn Tool>]>,
}

impl CustomTools {
    /// Of these plugins.
    #[must_use]
    pub fn new(plugins: Plugins) -> Self {
        Self {
            plugins,
            made: Mutex::default(),
        }
    }

    /// Those that there are now, in their order; of durable sessions, or of the others. Of several of one name the
    /// last counts. One that is as it was is the very same.
    #[must_use]
    pub fn all(&self, is_durable: bool) -> Arc<[Arc<dyn Tool>]> {
        let list = self.plugins.tools();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = made.list.as_ref().is_some_and(|known| Arc::ptr_eq(known, &list));
        if !is_same {
            *made = self.make(&made, list);
        }
        Arc::clone(if is_durable { &made.durable } else { &made.all })
    }

    fn make(&self, before: &Made, list: Arc<[CustomTool]>) -> Made {
        let (mut tools, mut all, mut durable) = (Vec::new(), Vec::new(), Vec::new());
        for (at, tool) in list.iter().enumerate() {
            if list[at + 1..].iter().any(|later| later.name == tool.name) {
                continue;
            }
            let known = before.tools.iter().position(|known| known.tool == *tool);
            let known = known.and_then(|at| Some((before.tools.get(at)?, before.durable.get(at)?)));
            let (made, face) = match known {
                Some((made, face)) => (Arc::clone(made), Arc::clone(face)),
                None => {
                    let made = Arc::new(Custom {
                        tool: tool.clone(),
                        plugins: self.plugins.clone(),
                    });
                    let face = durable::of_server(Arc::clone(&made) as Arc<dyn Tool>);
                    (made, face)
                }
            };
            all.push(Arc::clone(&made) as Arc<dyn Tool>);
            tools.push(made);
            durable.push(face);
        }
        Made {
            list: Some(list),
            tools,
            all: all.into(),
            durable: durable.into(),
        }
    }
}

struct Custom {
    tool: CustomTool,
    plugins: Plugins,
}

impl Tool for Custom {
    fn name(&self) -> &str {
        &self.tool.name
    }

    fn definition(&self, _: &Scope) -> Definition {
        Definition {
            description: self.tool.description.clone(),
            parameters: self.tool.parameters.clone(),
        }
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let told = opencode_plugin::Call {
                session_id: call.session_id.to_string(),
                message_id: call.message_id.to_string(),
                call_id: call.call_id.clone(),
                agent: call.agent.clone(),
                directory: call.scope.directory.clone(),
                worktree: call.scope.worktree.clone(),
                messages: call.host.conversation(call).await,
            };
            let desk = Arc::new(Desk {
                call: call.clone(),
                refused: Mutex::default(),
            });
            let host = Arc::clone(&desk) as Arc<dyn ToolHost>;
            let ran = self
                .plugins
                .run(&self.tool.name, input, told, host, &call.cancel)
                .await;
            match ran {
                Ok(output) => Ok(Output {
                    title: output.title,
                    output: output.output,
                    metadata: output.metadata,
                    attachments: output.attachments.iter().filter_map(attachment).collect(),
                    ..Output::default()
                }),
                Err(Error::Stopped { .. }) => Err(Failure::Aborted),
                Err(error) => Err(desk.refusal().unwrap_or_else(|| Failure::Told(error.to_string()))),
            }
        }
        .boxed()
    }
}

/// What a running tool may ask.
struct Desk {
    call: Call,
    /// The user's no, which ends the turn if the tool ends because of it.
    refused: Mutex<Option<Failure>>,
}

impl Desk {
    fn refusal(&self) -> Option<Failure> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ToolHost for Desk {
    fn metadata(&self, title: Option<String>, metadata: Object) {
        self.call.host.progress(&self.call, title, metadata);
    }

    fn ask<'a>(&'a self, question: Value) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let texts = |key: &str| -> Vec<String> {
                let list = question.get(key).and_then(Value::as_array);
                let texts = list.into_iter().flatten().filter_map(Value::as_str);
                texts.map(str::to_owned).collect()
            };
            let permission = question.get("permission").and_then(Value::as_str);
            let permission = permission.filter(|name| !name.is_empty());
            let Some(permission) = permission else {
                return Err("A question for a permission names it: `permission` is missing.".to_owned());
            };
            let ask = Ask {
                permission: permission.to_owned(),
                patterns: texts("patterns"),
                always: texts("always"),
                metadata: question
                    .get("metadata")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default(),
            };
            self.call.ask(ask).await.map_err(|failure| {
                let told = failure.to_string();
                if failure != Failure::Told(told.clone()) {
                    *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                }
                told
            })
        }
        .boxed()
    }
}

/// A file of a result; none where it does not say what and where it is.
#[must_use]
pub fn attachment(file: &Value) -> Option<Attachment> {
    let text = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Attachment {
        mime: text("mime")?,
        url: text("url")?,
        filename: text("filename"),
    })
}
