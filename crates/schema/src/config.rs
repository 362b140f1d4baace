//! The shape of `opencode.json` after merging, as far as this version acts on it
//! (reference `config.md` §6). Unknown keys are ignored at every level.

use indexmap::IndexMap;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Object;
use crate::agent::Mode;
use crate::mcp;
use crate::model::{Interleaved, Status};
use crate::permission::Action;

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Shell for commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Where commands listen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerConfig>,
    /// Where skills are looked for besides the usual places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skills: Option<Skills>,
    /// Whether files are snapshotted, for undo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<bool>,
    /// Providers that are never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_providers: Option<Vec<String>>,
    /// The only providers that are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_providers: Option<Vec<String>>,
    /// `provider/model` for conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `provider/model` for titles and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub small_model: Option<String>,
    /// The agent when none is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_agent: Option<String>,
    /// How deep agents may give tasks to agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subagent_depth: Option<u32>,
    /// The name of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Agents by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<IndexMap<String, AgentConfig>>,
    /// Commands by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<IndexMap<String, CommandConfig>>,
    /// Providers by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<IndexMap<String, ProviderConfig>>,
    /// MCP servers by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcp: Option<IndexMap<String, mcp::Entry>>,
    /// The search index of a project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexConfig>,
    /// Rules files besides the usual ones: paths, patterns, addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<Vec<String>>,
    /// What is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<PermissionConfig>,
    /// Limits of tool results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_output: Option<ToolOutput>,
    /// Who may see sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<ShareMode>,
    /// Services of an organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<Enterprise>,
    /// Shortening of long conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compaction: Option<Compaction>,
    /// What commands of the model may do; everything when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxConfig>,
    /// What is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Attachment>,
    /// What turns may spend and do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Things that may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Experimental>,
}

/// What turns may spend and do (beyond the reference).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostLimits>,
    /// Tokens, those of caches too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenLimits>,
    /// Calls of the model in one turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<std::num::NonZeroU32>,
    /// Tool calls in one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<std::num::NonZeroU32>,
    /// Tool calls of one answer that run at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_calls: Option<std::num::NonZeroU32>,
}

/// Dollars that may be spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CostLimits {
    /// By a session and its subagents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<f64>,
    /// By all sessions in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<f64>,
    /// Between a prompt and the moment when the session rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<f64>,
}

/// Tokens that may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenLimits {
    /// By a session and its subagents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// By all sessions in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<u64>,
    /// Between a prompt and the moment when the session rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}

/// Who may see sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareMode {
    /// Whoever has the address of a session that was shared.
    Manual,
    /// The same, and every session is shared when it is made.
    Auto,
    /// Nobody.
    Disabled,
}

/// What commands of the model may do (beyond the reference). `true` is the same as no settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SandboxConfig {
    /// Whether they run in the sandbox.
    Switch(bool),
    /// They run in the sandbox, with these exceptions.
    Settings(SandboxSettings),
}

/// Exceptions of the sandbox. In it, commands write only into the project, the temporary folder and the folder of
/// whole results, and have no network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SandboxSettings {
    /// Whether they run in it; they do when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether they may use the network; not when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<bool>,
    /// Further files and folders that they may write; `~/` is the home folder, others are relative to the folder
    /// of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Vec<String>>,
    /// The only files and folders that they may read besides those that they may write and those of the system;
    /// everything when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Vec<String>>,
}

impl SandboxConfig {
    /// The settings, if commands run in the sandbox.
    #[must_use]
    pub fn settings(&self) -> Option<SandboxSettings> {
        match self {
            Self::Switch(on) => on.then(SandboxSettings::default),
            Self::Settings(settings) => (settings.enabled != Some(false)).then(|| settings.clone()),
        }
    }
}

/// Services of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Enterprise {
    /// Where sessions are shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Shortening of long conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compaction {
    /// Whether it happens by itself; it does when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto: Option<bool>,
    /// Whether results of tools that are long ago are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune: Option<bool>,
    /// Turns that are kept word by word at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_turns: Option<usize>,
    /// Tokens that are kept word by word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_recent_tokens: Option<u64>,
    /// Tokens that stay free for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<u64>,
}

/// What is attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// Pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageAttachment>,
}

/// Limits of pictures that models are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageAttachment {
    /// Whether larger ones are scaled down; they are when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_resize: Option<bool>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_width: Option<std::num::NonZeroU32>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_height: Option<std::num::NonZeroU32>,
    /// Characters in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_base64_bytes: Option<std::num::NonZeroU32>,
}

/// Where commands listen; only that of the global configuration counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerConfig {
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Name or address of the interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Tells the local network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdns: Option<bool>,
    /// The name that the network is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdns_domain: Option<String>,
    /// Origins of pages that may use the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Vec<String>>,
}

/// Where skills are looked for besides the usual places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skills {
    /// Folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Addresses that list more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urls: Option<Vec<String>>,
}

/// Limits of tool results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolOutput {
    /// Lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lines: Option<std::num::NonZeroU32>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<std::num::NonZeroU32>,
}

/// Things that may change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Experimental {
    /// Tools that subagents do not get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_tools: Option<Vec<String>>,
    /// Commands can go on in the background (beyond the reference).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_commands: Option<bool>,
    /// Milliseconds that MCP servers may take for a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcp_timeout: Option<std::num::NonZeroU64>,
    /// Percent of a model's context that definitions of MCP tools may take before it has to search for them; 0 for
    /// always, 100 for never (beyond the reference).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcp_tools_percent: Option<u64>,
    /// Seconds without work after which a language server is ended; 0 for never (beyond the reference).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsp_idle_seconds: Option<u64>,
    /// Megabytes that a language server may take; 0 for all (beyond the reference).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsp_memory_mb: Option<u64>,
    /// A turn goes on after the user refused a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_loop_on_deny: Option<bool>,
}

/// An agent in configuration; keys that are not known here become options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    /// Another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Named set of options of that model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// System prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Tools on and off (deprecated; folded into `permission`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<IndexMap<String, bool>>,
    /// Removes the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable: Option<bool>,
    /// When to use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may choose it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Not offered to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Options sent with each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Object>,
    /// Colour name or `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Model calls in one run at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Older name of `steps`.
    #[serde(rename = "maxSteps", skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u32>,
    /// What it may do, after the rules for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<PermissionConfig>,
    /// Any other key.
    #[serde(flatten)]
    pub other: Object,
}

/// A command in configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandConfig {
    /// The prompt.
    pub template: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The agent that it is given to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `provider/model` that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Named set of options of that model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Whether it runs in a session of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtask: Option<bool>,
}

/// The search index in configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexConfig {
    /// A model for likeness, besides words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding: Option<IndexEmbedding>,
    /// Patterns of paths that are left out, as in ignore files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// A model that makes vectors of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexEmbedding {
    /// Its provider.
    pub provider: String,
    /// Its id.
    pub model: String,
    /// How many numbers its vectors are to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
}

/// A provider in configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderConfig {
    /// Base address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub npm: Option<String>,
    /// Variables that may hold the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// The only models of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitelist: Option<Vec<String>>,
    /// Models that are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blacklist: Option<Vec<String>>,
    /// Options of the adapter: `apiKey`, `baseURL`, `headers`, timeouts and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Object>,
    /// Models by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<IndexMap<String, ModelConfig>>,
}

/// A model in configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// The id that the provider knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_date: Option<String>,
    /// Takes files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<bool>,
    /// Reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
    /// Takes a temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<bool>,
    /// Calls tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call: Option<bool>,
    /// How reasoning goes back with the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interleaved: Option<Interleaved>,
    /// Prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostConfig>,
    /// Token limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitConfig>,
    /// What it takes and gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modalities: Option<ModalitiesConfig>,
    /// How mature it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Another adapter or address than that of its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<ModelProviderConfig>,
    /// Options sent with each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Object>,
    /// Headers sent with each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<IndexMap<String, String>>,
    /// Named sets of options; `disabled: true` removes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variants: Option<IndexMap<String, Object>>,
}

/// Prices in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostConfig {
    /// Input.
    pub input: f64,
    /// Output.
    pub output: f64,
    /// Read from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<f64>,
    /// Written to the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// Prices when the input is over 200 000 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_over_200k: Option<Box<CostConfig>>,
    /// Prices from a context size on (catalogue only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierConfig>>,
}

/// Prices from a context size on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TierConfig {
    /// Input.
    pub input: f64,
    /// Output.
    pub output: f64,
    /// Read from the cache.
    #[serde(default)]
    pub cache_read: Option<f64>,
    /// Written to the cache.
    #[serde(default)]
    pub cache_write: Option<f64>,
    /// From when on.
    pub tier: crate::model::TierBound,
}

/// Token limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitConfig {
    /// Input and output together.
    pub context: u64,
    /// Input alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Output alone.
    pub output: u64,
}

/// What a model takes and gives: of `text`, `audio`, `image`, `video`, `pdf`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModalitiesConfig {
    /// Takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<String>>,
    /// Gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Vec<String>>,
}

/// Another adapter or address than that of the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelProviderConfig {
    /// The adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub npm: Option<String>,
    /// Base address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}

/// What is allowed: one action for everything, or actions by permission in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PermissionConfig {
    /// For everything.
    All(Action),
    /// By permission.
    By(IndexMap<String, PatternConfig>),
}

/// What is allowed of one permission: one action, or actions by pattern in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PatternConfig {
    /// For every object.
    All(Action),
    /// By pattern of the object.
    By(IndexMap<String, Action>),
}

/// An action or a map, with an error that says so.
trait ActionOrMap: Sized {
    type Value: for<'de> Deserialize<'de>;
    const EXPECTED: &'static str;
    fn action(action: Action) -> Self;
    fn map(map: IndexMap<String, Self::Value>) -> Self;
}

impl ActionOrMap for PermissionConfig {
    type Value = PatternConfig;
    const EXPECTED: &'static str = "\"ask\", \"allow\", \"deny\" or an object of permissions";
    fn action(action: Action) -> Self {
        Self::All(action)
    }
    fn map(map: IndexMap<String, PatternConfig>) -> Self {
        Self::By(map)
    }
}

impl ActionOrMap for PatternConfig {
    type Value = Action;
    const EXPECTED: &'static str = "\"ask\", \"allow\", \"deny\" or an object of patterns";
    fn action(action: Action) -> Self {
        Self::All(action)
    }
    fn map(map: IndexMap<String, Action>) -> Self {
        Self::By(map)
    }
}

struct ActionOrMapVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: ActionOrMap> Visitor<'de> for ActionOrMapVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        match text {
            "ask" => Ok(T::action(Action::Ask)),
            "allow" => Ok(T::action(Action::Allow)),
            "deny" => Ok(T::action(Action::Deny)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        Ok(T::map(IndexMap::deserialize(
            de::value::MapAccessDeserializer::new(map),
        )?))
    }
}

impl<'de> Deserialize<'de> for PermissionConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ActionOrMapVisitor(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for PatternConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ActionOrMapVisitor(std::marker::PhantomData))
    }
}
