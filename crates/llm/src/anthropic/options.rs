//! The options of this adapter (`providerOptions.anthropic`, and the same under the provider's id).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::json::Body;
use crate::request::{Object, ProviderOptions};

/// The shared name of the options.
pub(super) const NAMESPACE: &str = "anthropic";

/// Options of a call. What is not listed is not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Options {
    pub(super) send_reasoning: Option<bool>,
    pub(super) structured_output_mode: Option<String>,
    pub(super) thinking: Option<Thinking>,
    pub(super) disable_parallel_tool_use: Option<bool>,
    pub(super) cache_control: Option<Value>,
    pub(super) metadata: Option<Metadata>,
    pub(super) mcp_servers: Vec<McpServer>,
    pub(super) container: Option<Container>,
    pub(super) tool_streaming: Option<bool>,
    pub(super) effort: Option<String>,
    pub(super) task_budget: Option<TaskBudget>,
    pub(super) speed: Option<String>,
    pub(super) inference_geo: Option<String>,
    pub(super) fallbacks: Option<Value>,
    pub(super) anthropic_beta: Vec<String>,
    pub(super) context_management: Option<ContextManagement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thinking {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) budget_tokens: Option<u64>,
    pub(super) display: Option<String>,
    pub(super) block_binding: Option<BlockBinding>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockBinding {
    pub(super) prefix_mismatch_behavior: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) user_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct McpServer {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    url: String,
    authorization_token: Option<String>,
    tool_configuration: Option<McpTools>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct McpTools {
    enabled: Option<bool>,
    allowed_tools: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    id: Option<String>,
    #[serde(default)]
    pub(super) skills: Vec<Skill>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Skill {
    #[serde(rename = "type")]
    kind: String,
    skill_id: String,
    version: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TaskBudget {
    #[serde(rename = "type")]
    kind: String,
    total: u64,
    remaining: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ContextManagement {
    edits: Vec<Object>,
}

impl Options {
    /// The options of a call; those under the provider's own name win, key by key.
    pub(super) fn read(options: &ProviderOptions, provider: &str) -> Result<Self, Error> {
        let mut merged = Object::new();
        for namespace in [NAMESPACE, provider] {
            if let Some(object) = options.get(namespace) {
                merged.extend(object.clone());
            }
        }
        merged.retain(|_, value| !value.is_null());
        serde_json::from_value(Value::Object(merged)).map_err(|error| Error::Unsupported {
            message: format!("the {NAMESPACE} options are not usable: {error}"),
        })
    }

    /// Which way answers of a schema are asked for: by the model's own means, or by a tool.
    pub(super) fn native_format(&self, supported: bool) -> bool {
        match self.structured_output_mode.as_deref() {
            Some("outputFormat") => true,
            Some("jsonTool") => false,
            _ => supported,
        }
    }
}

impl Thinking {
    /// Switched on, with or without a budget.
    pub(super) fn is_on(&self) -> bool {
        matches!(self.kind.as_str(), "enabled" | "adaptive")
    }

    /// On the wire.
    pub(super) fn to_wire(&self) -> Value {
        const DEFAULT_BUDGET: u64 = 1024;
        // Parity: with the default budget nothing else of the option is sent (§4.1).
        if self.kind == "enabled" && self.budget_tokens.is_none() {
            return json!({"type": "enabled", "budget_tokens": DEFAULT_BUDGET});
        }
        let mut wire = Body::new();
        wire.set("type", self.kind.as_str());
        wire.put("budget_tokens", self.budget().map(Value::from));
        let display = self.display.as_deref().filter(|_| self.kind == "adaptive");
        wire.put("display", display.map(Value::from));
        if let Some(binding) = self.binding() {
            wire.set(
                "block_binding",
                json!({"prefix_mismatch_behavior": binding.prefix_mismatch_behavior}),
            );
        }
        wire.into_value()
    }

    /// Tokens that thinking adds to the output limit.
    pub(super) fn added_tokens(&self) -> u64 {
        self.to_wire()
            .get("budget_tokens")
            .and_then(Value::as_u64)
            .unwrap_or(0)
    }

    /// How thinking blocks are bound to what stands before them.
    pub(super) fn binding(&self) -> Option<&BlockBinding> {
        self.block_binding.as_ref().filter(|_| self.is_on())
    }

    fn budget(&self) -> Option<u64> {
        self.budget_tokens.filter(|_| self.kind == "enabled")
    }
}

impl McpServer {
    pub(super) fn to_wire(&self) -> Value {
        let mut wire = Body::new();
        wire.set("type", self.kind.as_str());
        wire.set("name", self.name.as_str());
        wire.set("url", self.url.as_str());
        wire.put(
            "authorization_token",
            self.authorization_token.as_deref().map(Value::from),
        );
        if let Some(tools) = &self.tool_configuration {
            let mut configuration = Body::new();
            configuration.put(
                "allowed_tools",
                tools.allowed_tools.as_ref().map(|names| json!(names)),
            );
            configuration.put("enabled", tools.enabled.map(Value::from));
            wire.set("tool_configuration", configuration.into_value());
        }
        wire.into_value()
    }
}

impl Container {
    /// An id alone is a text, with skills it is an object.
    pub(super) fn to_wire(&self) -> Option<Value> {
        if self.skills.is_empty() {
            return self.id.as_deref().map(Value::from);
        }
        let mut wire = Body::new();
        wire.put("id", self.id.as_deref().map(Value::from));
        wire.set(
            "skills",
            self.skills.iter().map(Skill::to_wire).collect::<Vec<_>>(),
        );
        Some(wire.into_value())
    }
}

impl Skill {
    fn to_wire(&self) -> Value {
        let mut wire = Body::new();
        wire.set("type", self.kind.as_str());
        wire.set("skill_id", self.skill_id.as_str());
        wire.put("version", self.version.as_deref().map(Value::from));
        wire.into_value()
    }
}

impl TaskBudget {
    pub(super) fn to_wire(&self) -> Value {
        let mut wire = Body::new();
        wire.set("type", self.kind.as_str());
        wire.set("total", self.total);
        wire.put("remaining", self.remaining.map(Value::from));
        wire.into_value()
    }
}

/// Fields of the edits that the provider's context management knows, here and on the wire.
const EDITS: [(&str, &[(&str, &str)]); 3] = [
    (
        "clear_tool_uses_20250919",
        &[
            ("trigger", "trigger"),
            ("keep", "keep"),
            ("clearAtLeast", "clear_at_least"),
            ("clearToolInputs", "clear_tool_inputs"),
            ("excludeTools", "exclude_tools"),
        ],
    ),
    ("clear_thinking_20251015", &[("keep", "keep")]),
    (
        COMPACTION,
        &[
            ("trigger", "trigger"),
            ("pauseAfterCompaction", "pause_after_compaction"),
            ("instructions", "instructions"),
        ],
    ),
];

const COMPACTION: &str = "compact_20260112";

impl ContextManagement {
    /// On the wire; edits of unknown kinds are left out.
    pub(super) fn to_wire(&self) -> Value {
        let edits: Vec<Value> = self.edits.iter().filter_map(edit_to_wire).collect();
        json!({"edits": edits})
    }

    /// The provider may replace the history by a summary.
    pub(super) fn compacts(&self) -> bool {
        self.edits
            .iter()
            .any(|edit| edit.get("type").and_then(Value::as_str) == Some(COMPACTION))
    }
}

fn edit_to_wire(edit: &Object) -> Option<Value> {
    let kind = edit.get("type").and_then(Value::as_str)?;
    let Some((_, fields)) = EDITS.iter().find(|(name, _)| *name == kind) else {
        tracing::warn!(kind, "unknown kind of context edit is not sent");
        return None;
    };
    let mut wire = Body::new();
    wire.set("type", kind);
    for (name, wire_name) in *fields {
        wire.put(wire_name, edit.get(*name).cloned());
    }
    Some(wire.into_value())
}
