//! A model without an account: a short tour of the program, always the same, played without a network.
//!
//! It answers any conversation by really calling tools: it looks at the folder, keeps a list of things to
//! do, writes and edits a file in a scratch folder and runs a command. What it says is written here; only
//! the calls and their results are real. It knows where it is in the tour from the conversation alone.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::request::{Content, Message, Request, Tool, ToolOutput};
use crate::stream::{Finish, FinishReason, ProviderMetadata, StreamPart, ToolCall, Usage};

/// Name of the adapter in the catalogue.
pub const PACKAGE: &str = "opencode/demo";
/// Under which options and metadata go.
pub const NAMESPACE: &str = "demo";
/// The option that names the scratch folder.
pub const SCRATCH_OPTION: &str = "scratch";

const NOTE: &str = "# A note from the tour\n\nstatus: written\n";
const BEFORE: &str = "status: written";
const AFTER: &str = "status: edited";

/// The whole answer to a request.
#[must_use]
pub fn answer(request: &Request) -> Vec<StreamPart> {
    let scene = if request.tools.is_empty() {
        Scene::said(title(request))
    } else {
        tour(request)
    };
    scene.into_parts(request)
}

/// What is said and called in one step.
#[derive(Debug, Default, PartialEq)]
struct Scene {
    text: String,
    calls: Vec<(&'static str, Value)>,
}

impl Scene {
    fn said(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            calls: Vec::new(),
        }
    }

    fn calling(mut self, tool: &'static str, input: Value) -> Self {
        self.calls.push((tool, input));
        self
    }
}

fn title(request: &Request) -> String {
    let words = last_words(request).unwrap_or_default();
    let short: String = words.chars().take(32).collect();
    if short.is_empty() {
        "A tour of OpenCode".to_owned()
    } else {
        format!("Tour: {short}")
    }
}

/// What the user said last.
fn last_words(request: &Request) -> Option<String> {
    request.prompt.iter().rev().find_map(|message| match message {
        Message::User { content, .. } => content.iter().rev().find_map(|part| match part {
            Content::Text { text, .. } => Some(text.trim().trim_matches('"').to_owned()),
            _ => None,
        }),
        _ => None,
    })
}

/// The messages since the user spoke last.
fn since_user(request: &Request) -> &[Message] {
    let last = request
        .prompt
        .iter()
        .rposition(|message| matches!(message, Message::User { .. }));
    last.map_or(&[], |at| &request.prompt[at + 1..])
}

/// The next scene of the tour. Scenes whose tools are not there are left out.
fn tour(request: &Request) -> Scene {
    let played = since_user(request)
        .iter()
        .filter(|message| matches!(message, Message::Assistant { .. }))
        .count();
    let offered = |name: &str| {
        request
            .tools
            .iter()
            .any(|Tool::Function { name: tool, .. }| tool == name)
    };
    let mut scenes = scenes(request);
    for scene in &mut scenes {
        scene.calls.retain(|(tool, _)| offered(tool));
    }
    scenes.retain(|scene| !scene.calls.is_empty());
    if played < scenes.len() {
        return scenes.swap_remove(played);
    }
    ending(request)
}

fn scenes(request: &Request) -> Vec<Scene> {
    let file = scratch(request).join("note.md").to_string_lossy().into_owned();
    let wish = last_words(request).unwrap_or_default();
    let wish: String = wish.lines().next().unwrap_or_default().chars().take(80).collect();
    let todos = |done: usize| {
        let steps = [
            "Look at this folder",
            "Write a file in a scratch folder",
            "Edit it",
            "Run a command on it",
        ];
        let entry = |(at, content): (usize, &str)| {
            let status = match at.cmp(&done) {
                std::cmp::Ordering::Less => "completed",
                std::cmp::Ordering::Equal => "in_progress",
                std::cmp::Ordering::Greater => "pending",
            };
            json!({ "content": content, "status": status, "priority": "medium" })
        };
        json!({ "todos": steps.into_iter().enumerate().map(entry).collect::<Vec<_>>() })
    };
    vec![
        Scene::said(format!(
            "This is a demonstration: no language model is behind it, and «{wish}» is not really answered. \
             The tools are real, though, and so is everything they do. First a plan, and a look around."
        ))
        .calling("todowrite", todos(0))
        .calling("read", json!({ "filePath": "." })),
        Scene::said("Now I write a file, outside your project, so that nothing of yours is touched.")
            .calling("write", json!({ "filePath": file, "content": NOTE }))
            .calling("todowrite", todos(1)),
        Scene::said("An edit replaces exactly what was named, and shows the difference.")
            .calling(
                "edit",
                json!({ "filePath": file, "oldString": BEFORE, "newString": AFTER }),
            )
            .calling("todowrite", todos(2)),
        Scene::said("Last, a command, to see that the edit is really there.")
            .calling(
                "bash",
                json!({ "command": format!("grep -n status {}", quoted(&file)) }),
            )
            .calling("todowrite", todos(4)),
    ]
}

/// Where the tour may write. The session names its folder, so that two tours do not meet.
fn scratch(request: &Request) -> PathBuf {
    let option = request
        .provider_options
        .get(NAMESPACE)
        .and_then(|options| options.get(SCRATCH_OPTION));
    let base = option
        .and_then(Value::as_str)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let session = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-session-id"));
    let name: String = session
        .map(|(_, id)| {
            id.chars()
                .filter(char::is_ascii_alphanumeric)
                .rev()
                .take(8)
                .collect()
        })
        .unwrap_or_default();
    base.join(format!("tour-{name}"))
}

/// A path as a word of a shell command.
fn quoted(path: &str) -> String {
    let plain = path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if plain {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

fn ending(request: &Request) -> Scene {
    let failed = since_user(request).iter().any(|message| match message {
        Message::Tool { content, .. } => content.iter().any(|part| match part {
            Content::ToolResult { output, .. } => {
                matches!(output, ToolOutput::ErrorText(_) | ToolOutput::ErrorJson(_))
            }
            _ => false,
        }),
        _ => false,
    });
    let note = if failed {
        "Not every call went through; the lines above say why. "
    } else {
        ""
    };
    Scene::said(format!(
        "That was the tour. {note}A real model does the same, only that it decides by itself what to call. \
         Everything is kept in a session: `opencode run -c \"…\"` goes on with it, `opencode session list` shows it.\n\n\
         To connect a model, set a key such as ANTHROPIC_API_KEY or OPENROUTER_API_KEY, or name any server that \
         speaks OpenAI's protocol under `provider` in opencode.json, and run again without `-m demo/tour`."
    ))
}

impl Scene {
    fn into_parts(self, request: &Request) -> Vec<StreamPart> {
        let none = ProviderMetadata::new;
        let mut parts = vec![StreamPart::TextStart {
            id: "0".to_owned(),
            metadata: none(),
        }];
        for delta in self.text.split_inclusive(' ') {
            parts.push(StreamPart::TextDelta {
                id: "0".to_owned(),
                delta: delta.to_owned(),
                metadata: none(),
            });
        }
        parts.push(StreamPart::TextEnd {
            id: "0".to_owned(),
            metadata: none(),
        });
        let reason = if self.calls.is_empty() {
            FinishReason::Stop
        } else {
            FinishReason::ToolCalls
        };
        let output = self.text.len() / 4
            + self
                .calls
                .iter()
                .map(|(_, input)| input.to_string().len() / 4)
                .sum::<usize>();
        let turn = since_user(request).len();
        for (at, (tool, input)) in self.calls.into_iter().enumerate() {
            let id = format!("tour_{turn}_{at}");
            let name = tool.to_owned();
            parts.push(StreamPart::ToolInputStart {
                id: id.clone(),
                name: name.clone(),
                provider_executed: false,
            });
            parts.push(StreamPart::ToolInputEnd { id: id.clone() });
            let input = input.to_string();
            parts.push(StreamPart::ToolCall(ToolCall {
                id,
                name,
                input,
                provider_executed: false,
                metadata: none(),
            }));
        }
        let input = serde_json::to_string(&request.prompt).map_or(0, |text| text.len() / 4);
        let count = |n: usize| u64::try_from(n).ok();
        let usage = Usage {
            input: count(input),
            output: count(output),
            total: count(input + output),
            ..Usage::default()
        };
        let raw = Some(reason.as_str().to_owned());
        parts.push(StreamPart::Finish(Finish {
            reason,
            raw,
            usage,
            metadata: none(),
        }));
        parts
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::request::ProviderOptions;

    fn tools(names: &[&str]) -> Vec<Tool> {
        names
            .iter()
            .map(|name| Tool::Function {
                name: (*name).to_owned(),
                description: None,
                input_schema: json!({}),
                strict: None,
                provider_options: ProviderOptions::new(),
            })
            .collect()
    }

    fn calls(parts: &[StreamPart]) -> Vec<&str> {
        parts
            .iter()
            .filter_map(|part| match part {
                StreamPart::ToolCall(call) => Some(call.name.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Plays the tour to its end and gives the calls of each step.
    fn play(offered: &[&str]) -> Vec<Vec<String>> {
        let mut request = Request {
            prompt: vec![Message::user("hello")],
            tools: tools(offered),
            ..Request::default()
        };
        let mut all = Vec::new();
        loop {
            let parts = answer(&request);
            let called: Vec<String> = calls(&parts).into_iter().map(str::to_owned).collect();
            all.push(called.clone());
            if called.is_empty() {
                return all;
            }
            request.prompt.push(Message::assistant("…"));
            request.prompt.push(Message::Tool {
                content: Vec::new(),
                provider_options: ProviderOptions::new(),
            });
        }
    }

    #[test]
    fn the_tour_goes_through_its_tools_and_ends() {
        assert_eq!(
            play(&["bash", "edit", "read", "todowrite", "write"]),
            [
                vec!["todowrite", "read"],
                vec!["write", "todowrite"],
                vec!["edit", "todowrite"],
                vec!["bash", "todowrite"],
                vec![]
            ]
        );
    }

    #[test]
    fn what_is_not_offered_is_left_out() {
        assert_eq!(play(&["read", "bash"]), [vec!["read"], vec!["bash"], vec![]]);
        assert_eq!(play(&["other"]), [Vec::<String>::new()]);
    }

    #[test]
    fn a_second_prompt_begins_again() {
        let mut request = Request {
            prompt: vec![Message::user("a")],
            tools: tools(&["read"]),
            ..Request::default()
        };
        request.prompt.push(Message::assistant("…"));
        request.prompt.push(Message::user("b"));
        assert_eq!(calls(&answer(&request)), ["read"]);
    }

    #[test]
    fn without_tools_it_names_the_conversation() {
        let request = Request {
            prompt: vec![Message::user("\"show me around\"")],
            ..Request::default()
        };
        let text: String = answer(&request)
            .iter()
            .filter_map(|part| match part {
                StreamPart::TextDelta { delta, .. } => Some(delta.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, "Tour: show me around");
    }
}
