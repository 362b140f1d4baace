//! The dialects of chat completions, as data.
//!
//! The types here say in which ways providers differ, the rows say who differs how (reference
//! `providers.md` §4.2).

mod rows;

use crate::stream::FinishReason;

pub use rows::{
    AIHUBMIX, ALIBABA, AZURE_DEEPSEEK, CEREBRAS, COMPATIBLE, COPILOT, CORTEX, DEEPINFRA, GITLAB, GROQ,
    MISTRAL, OPENAI, OPENROUTER, PERPLEXITY, SALAD, SAP, TOGETHER, VENICE, VERCEL, XAI,
};

/// How one provider speaks chat completions.
#[derive(Debug)]
pub struct Dialect {
    /// How it wants to be asked.
    pub request: RequestRules,
    /// How it answers.
    pub answer: AnswerRules,
}

/// How a provider wants to be asked.
#[derive(Clone, Copy, Debug)]
pub struct RequestRules {
    /// How messages are written.
    pub messages: MessageStyle,
    /// Field of the output limit.
    pub limit_field: &'static str,
    /// `top_k` is known.
    pub top_k: bool,
    /// `stop` is known.
    pub stop: bool,
    /// `frequency_penalty` is known.
    pub frequency_penalty: bool,
    /// `presence_penalty` is known.
    pub presence_penalty: bool,
    /// Field of the seed, if there is one.
    pub seed: Option<&'static str>,
    /// Options that have a field of their own.
    pub options: &'static [OptionField],
    /// What becomes of other options.
    pub other_options: OtherOptions,
    /// Names under which its options also come, weaker than its own name.
    pub shared_namespaces: &'static [&'static str],
    /// Whether answers of a schema can be asked for.
    pub structured: Structured,
    /// `strict` of such a schema.
    pub strict_schema: StrictSchema,
    /// `description` of such a schema is known.
    pub schema_description: bool,
    /// Whether the usage record is asked for in a stream.
    pub usage: UsageRequest,
    /// `additionalProperties: false` is taken out of tool schemas.
    pub open_tool_schemas: bool,
    /// `strict` of tools is known.
    pub strict_tools: bool,
    /// How a tool is demanded.
    pub demand: ToolDemand,
    /// A last touch.
    pub finish: RequestFinish,
}

/// An option with a field of its own.
#[derive(Clone, Copy, Debug)]
pub struct OptionField {
    /// Name of the option.
    pub name: &'static str,
    /// Field on the wire; empty when the option only steers the encoder.
    pub field: &'static str,
    /// Its form on the wire.
    pub form: OptionForm,
}

/// The form of an option on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionForm {
    /// As it is.
    Same,
    /// Keys in `snake_case`, at every depth.
    SnakeKeys {
        /// Older names and those that took their place, if that is not given.
        renamed: &'static [(&'static str, &'static str)],
    },
    /// As it is, but only when it says yes.
    WhenTrue,
    /// A yes, whatever it says.
    AsTrue,
    /// As it is, but only beside tools.
    WithTools,
}

/// What becomes of options that have no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherOptions {
    /// They are not sent.
    Dropped,
    /// They are sent under their name; fields of the encoder's own win.
    Sent,
    /// They are sent under their name and win over everything.
    SentLast,
}

/// Whether answers of a schema can be asked for; otherwise any JSON is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structured {
    /// Yes.
    Always,
    /// If the provider's settings say so.
    BySetting,
    /// Unless the option `structuredOutputs` says no.
    ByOption,
}

/// How a tool is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolDemand {
    /// By `required`, or by its name.
    ByName,
    /// By `any`; a tool of a name by offering no other.
    Any,
}

/// `strict` of an answer's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictSchema {
    /// What the option `strictJsonSchema` says.
    ByOption {
        /// When it says nothing.
        default: bool,
    },
    /// True.
    Always,
    /// Not known.
    Never,
}

/// Whether the usage record is asked for in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageRequest {
    /// Always.
    Always,
    /// Never: it comes by itself, or not at all.
    Never,
    /// If the provider's settings say so.
    BySetting {
        /// When they say nothing.
        default: bool,
        /// The field in `stream_options`.
        field: &'static str,
    },
}

/// A last touch to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFinish {
    /// None.
    Nothing,
    /// What the maker's reasoning models refuse is taken out, and their names for things are used.
    OpenAi,
    /// Reasoning and the provider's own parameters get objects.
    Venice,
    /// There are no tools, and of a wanted form only the schema counts.
    Perplexity,
}

/// How messages are written.
#[derive(Clone, Copy, Debug)]
pub enum MessageStyle {
    /// As most do.
    Plain(PlainStyle),
    /// Parts with cache marks; reasoning is part of the text.
    Alibaba,
    /// Its own fields; reasoning together with what only it can read of it.
    Copilot,
    /// Text only; reasoning of the current turn in a field of its own.
    DeepSeek,
    /// Parts only from the user; reasoning is part of the text; names of tools beside their results.
    Mistral,
    /// Parts with cache marks; reasoning with signatures; media in tool results.
    OpenRouter,
    /// Media of tool results in a message of the user.
    Venice,
    /// Words, pictures and PDF of user and model alike; no tools.
    Perplexity,
}

/// Differences in messages as most write them.
#[derive(Clone, Copy, Debug)]
pub struct PlainStyle {
    /// An assistant message that only calls tools has the text `null`, not an empty one.
    pub null_beside_calls: bool,
    /// Field for reasoning; it is not sent back if `None`.
    pub reasoning: Option<&'static str>,
    /// Files in user messages.
    pub files: Files,
    /// Options under `openaiCompatible` become fields of the message or part that has them.
    pub spread: bool,
    /// A field of assistant messages that has another name here, wherever it came from.
    pub renamed: Option<(&'static str, &'static str)>,
}

/// Files that a user message may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Pictures.
    Images,
    /// Pictures, sound, PDF, text.
    Common,
    /// Pictures with a level of detail, sound, PDF by content or by id.
    OpenAi,
}

/// How a provider answers.
#[derive(Clone, Copy, Debug)]
pub struct AnswerRules {
    /// Where reasoning is.
    pub reasoning: ReasoningPlace,
    /// Reasoning that is the same as what came just before is a repetition.
    pub repeats_reasoning: bool,
    /// Reasoning ends an open text, and tool calls do so, too.
    pub closes_text: bool,
    /// An empty text opens the text already.
    pub opens_empty_text: bool,
    /// The answer may begin with the last message of the request, which is no news.
    pub echoes: bool,
    /// Models that think inside `<think>` tags of the text.
    pub think_tag_models: &'static [&'static str],
    /// How tool calls come.
    pub calls: CallRules,
    /// Addresses in `citations`.
    pub citations: Citations,
    /// Addresses in `annotations`.
    pub annotations: bool,
    /// The usage record.
    pub usage: UsageRules,
    /// An error inside the stream is also the reason of the end.
    pub error_ends: bool,
    /// An error before any content counts as a failed call.
    pub early_errors: bool,
    /// Where JSON was asked for and text came, calls beside it are a mistake of the model.
    pub json_hides_calls: bool,
    /// Further words for the end.
    pub end_words: &'static [(&'static str, FinishReason)],
    /// Order of the pieces of an answer that came whole.
    pub order: &'static [Piece],
    /// Facts in the metadata of the end.
    pub facts: Facts,
}

/// Addresses in `citations`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Citations {
    /// There are none.
    Nowhere,
    /// In any chunk.
    Anywhere,
    /// In every chunk, all of them each time.
    Repeated,
}

/// Where reasoning is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningPlace {
    /// Nowhere.
    Nowhere,
    /// `reasoning_content`.
    Content,
    /// `reasoning`.
    Plain,
    /// `reasoning_content`, else `reasoning`.
    ContentElsePlain,
    /// `reasoning_text`, and in `reasoning_opaque` what only the provider can read of it.
    TextAndOpaque,
    /// `reasoning_details`, else `reasoning`; none after the text has begun.
    Details,
}

/// How tool calls come in a stream.
#[derive(Clone, Copy, Debug)]
pub struct CallRules {
    /// What a piece without an index belongs to.
    pub without_index: WithoutIndex,
    /// A call is given out as soon as its arguments are whole JSON; otherwise at the end.
    pub early: bool,
    /// What becomes of calls whose arguments never were whole JSON.
    pub unfinished: Unfinished,
    /// The name of a call may come after its first piece.
    pub late_names: bool,
    /// A call is announced with its second piece.
    pub late_start: bool,
    /// Ids may be missing or come twice; others are made up for them.
    pub invents_ids: bool,
    /// A piece with another id begins another call, whatever its index.
    pub by_id: bool,
    /// Calls turn other reasons of the end into tool calls.
    pub set_reason: bool,
}

/// What a piece of a call without an index belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutIndex {
    /// To a new call.
    Next,
    /// To the last call.
    Last,
}

/// What becomes of unfinished calls at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// They are given out as they are.
    GivenOut,
    /// They are dropped.
    Dropped,
    /// They are given out, without what cannot be read, if the answer ended for its calls.
    Repaired,
}

/// The usage record.
#[derive(Clone, Copy, Debug)]
pub struct UsageRules {
    /// It may be in `x_groq`.
    pub in_x_groq: bool,
    /// Prompt from the cache.
    pub cache_read: CacheRead,
    /// Prompt into the cache.
    pub cache_write: CacheWrite,
    /// Reasoning may be counted beside the details.
    pub reasoning_beside: bool,
    /// Reasoning counts as zero when it is not reported.
    pub reasoning_or_zero: bool,
    /// What is wrong with the sums.
    pub sums: Sums,
    /// Without a record everything counts as zero; otherwise as unknown.
    pub absent_is_zero: bool,
}

/// Where the count of cache reads is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheRead {
    /// Nowhere.
    Nowhere,
    /// `prompt_tokens_details.cached_tokens`, else zero.
    Details,
    /// `prompt_cache_hit_tokens`, else zero.
    Hits,
    /// `num_cached_tokens`, else the details in either spelling; unknown if zero.
    NumCached,
}

/// Where the count of cache writes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheWrite {
    /// Nowhere.
    Nowhere,
    /// `prompt_tokens_details.cache_write_tokens`.
    Written,
    /// `prompt_tokens_details.cache_creation_input_tokens`.
    Created,
    /// The same, else zero.
    CreatedOrZero,
}

/// What is wrong with the sums of a usage record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// Nothing.
    Right,
    /// Reasoning is not in the output; the cached prompt may not be in the prompt.
    Apart,
    /// Reasoning is not in the output when it is larger.
    ApartIfLarger,
}

/// A piece of an answer that came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The text.
    Text,
    /// The reasoning.
    Reasoning,
    /// The tool calls.
    Calls,
    /// Pictures.
    Images,
    /// What it refers to.
    Sources,
}

/// Facts in the metadata of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// None.
    Nothing,
    /// Predicted tokens that were right and wrong.
    Predictions,
    /// The same, and the reasoning details.
    PredictionsAndDetails,
    /// The reasoning as only the provider can read it.
    Opaque,
    /// Prompt that was and was not in the cache.
    CacheHits,
    /// Provider, cost, reasoning details, annotations of files.
    OpenRouter,
    /// Pictures, searches, cost.
    Perplexity,
}
