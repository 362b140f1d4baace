//! Who differs how. A flat table.

use super::{
    AnswerRules, CacheRead, CacheWrite, CallRules, Citations, Dialect, Facts, Files, MessageStyle,
    OptionField, OptionForm, OtherOptions, Piece, PlainStyle, ReasoningPlace, RequestFinish, RequestRules,
    StrictSchema, Structured, Sums, ToolDemand, Unfinished, UsageRequest, UsageRules, WithoutIndex,
};
use crate::stream::FinishReason;

const fn same(name: &'static str, field: &'static str) -> OptionField {
    OptionField {
        name,
        field,
        form: OptionForm::Same,
    }
}

/// An option that only steers the encoder.
const fn steering(name: &'static str) -> OptionField {
    same(name, "")
}

const COMPATIBLE_REQUEST: RequestRules = RequestRules {
    messages: MessageStyle::Plain(PlainStyle {
        null_beside_calls: false,
        reasoning: Some("reasoning_content"),
        files: Files::Common,
        spread: true,
        renamed: None,
    }),
    limit_field: "max_tokens",
    top_k: false,
    stop: true,
    frequency_penalty: true,
    presence_penalty: true,
    seed: Some("seed"),
    options: &[
        same("user", "user"),
        same("reasoningEffort", "reasoning_effort"),
        same("textVerbosity", "verbosity"),
        steering("strictJsonSchema"),
    ],
    other_options: OtherOptions::Sent,
    shared_namespaces: &["openai-compatible", "openaiCompatible"],
    structured: Structured::BySetting,
    strict_schema: StrictSchema::ByOption { default: true },
    schema_description: true,
    usage: UsageRequest::BySetting {
        default: true,
        field: "include_usage",
    },
    open_tool_schemas: false,
    strict_tools: true,
    demand: ToolDemand::ByName,
    finish: RequestFinish::Nothing,
};

const COMPATIBLE_ANSWER: AnswerRules = AnswerRules {
    reasoning: ReasoningPlace::ContentElsePlain,
    repeats_reasoning: false,
    closes_text: false,
    opens_empty_text: false,
    echoes: false,
    think_tag_models: &[],
    calls: CallRules {
        without_index: WithoutIndex::Next,
        early: true,
        unfinished: Unfinished::GivenOut,
        late_names: false,
        late_start: false,
        invents_ids: false,
        by_id: false,
        set_reason: false,
    },
    citations: Citations::Nowhere,
    annotations: false,
    usage: UsageRules {
        in_x_groq: false,
        cache_read: CacheRead::Details,
        cache_write: CacheWrite::Nowhere,
        reasoning_beside: false,
        reasoning_or_zero: true,
        sums: Sums::Right,
        absent_is_zero: false,
    },
    error_ends: true,
    early_errors: false,
    json_hides_calls: false,
    end_words: &[],
    order: &[Piece::Text, Piece::Reasoning, Piece::Calls, Piece::Sources],
    facts: Facts::Predictions,
};

/// Providers that do as OpenAI does, as far as anyone knows.
pub static COMPATIBLE: Dialect = Dialect {
    request: COMPATIBLE_REQUEST,
    answer: COMPATIBLE_ANSWER,
};

/// Snowflake Cortex.
pub static CORTEX: Dialect = Dialect {
    request: RequestRules {
        limit_field: "max_completion_tokens",
        ..COMPATIBLE_REQUEST
    },
    answer: COMPATIBLE_ANSWER,
};

/// OpenAI itself.
pub static OPENAI: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: true,
            reasoning: None,
            files: Files::OpenAi,
            spread: false,
            renamed: None,
        }),
        options: &[
            same("logitBias", "logit_bias"),
            steering("logprobs"),
            same("user", "user"),
            same("parallelToolCalls", "parallel_tool_calls"),
            same("textVerbosity", "verbosity"),
            same("maxCompletionTokens", "max_completion_tokens"),
            same("store", "store"),
            same("metadata", "metadata"),
            same("prediction", "prediction"),
            same("reasoningEffort", "reasoning_effort"),
            same("serviceTier", "service_tier"),
            same("promptCacheKey", "prompt_cache_key"),
            same("promptCacheOptions", "prompt_cache_options"),
            same("promptCacheRetention", "prompt_cache_retention"),
            same("safetyIdentifier", "safety_identifier"),
            steering("strictJsonSchema"),
            steering("systemMessageMode"),
            steering("forceReasoning"),
        ],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::Always,
        usage: UsageRequest::Always,
        finish: RequestFinish::OpenAi,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Nowhere,
        opens_empty_text: true,
        calls: CallRules {
            early: false,
            ..COMPATIBLE_ANSWER.calls
        },
        annotations: true,
        usage: UsageRules {
            cache_write: CacheWrite::Written,
            ..COMPATIBLE_ANSWER.usage
        },
        early_errors: true,
        order: &[Piece::Text, Piece::Calls, Piece::Sources],
        ..COMPATIBLE_ANSWER
    },
};

/// Groq.
pub static GROQ: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: false,
            reasoning: Some("reasoning"),
            files: Files::Images,
            spread: false,
            renamed: None,
        }),
        options: &[
            same("user", "user"),
            same("parallelToolCalls", "parallel_tool_calls"),
            same("reasoningFormat", "reasoning_format"),
            same("reasoningEffort", "reasoning_effort"),
            same("serviceTier", "service_tier"),
            steering("structuredOutputs"),
            steering("strictJsonSchema"),
        ],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::ByOption,
        usage: UsageRequest::Never,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Plain,
        calls: CallRules {
            unfinished: Unfinished::Dropped,
            ..COMPATIBLE_ANSWER.calls
        },
        usage: UsageRules {
            in_x_groq: true,
            cache_read: CacheRead::Nowhere,
            reasoning_or_zero: false,
            ..COMPATIBLE_ANSWER.usage
        },
        facts: Facts::Nothing,
        ..COMPATIBLE_ANSWER
    },
};

/// xAI, where its older protocol is still wanted.
pub static XAI: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: false,
            reasoning: None,
            files: Files::Images,
            spread: false,
            renamed: None,
        }),
        limit_field: "max_completion_tokens",
        stop: false,
        frequency_penalty: false,
        presence_penalty: false,
        options: &[
            OptionField {
                name: "logprobs",
                field: "logprobs",
                form: OptionForm::WhenTrue,
            },
            OptionField {
                name: "topLogprobs",
                field: "logprobs",
                form: OptionForm::AsTrue,
            },
            same("topLogprobs", "top_logprobs"),
            same("reasoningEffort", "reasoning_effort"),
            same("parallel_function_calling", "parallel_function_calling"),
            OptionField {
                name: "searchParameters",
                field: "search_parameters",
                form: OptionForm::SnakeKeys {
                    renamed: &[("x_handles", "included_x_handles")],
                },
            },
        ],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::Always,
        strict_schema: StrictSchema::Always,
        schema_description: false,
        usage: UsageRequest::Always,
        open_tool_schemas: true,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Content,
        repeats_reasoning: true,
        echoes: true,
        calls: CallRules {
            by_id: true,
            ..COMPATIBLE_ANSWER.calls
        },
        citations: Citations::Anywhere,
        usage: UsageRules {
            sums: Sums::Apart,
            absent_is_zero: true,
            ..COMPATIBLE_ANSWER.usage
        },
        error_ends: false,
        facts: Facts::Nothing,
        ..COMPATIBLE_ANSWER
    },
};

/// The younger form of the compatible dialect, which some packages have.
const YOUNGER_ANSWER: AnswerRules = AnswerRules {
    calls: CallRules {
        early: false,
        late_names: true,
        ..COMPATIBLE_ANSWER.calls
    },
    ..COMPATIBLE_ANSWER
};

const OWN_NAME_REQUEST: RequestRules = RequestRules {
    usage: UsageRequest::Never,
    ..COMPATIBLE_REQUEST
};

/// Cerebras.
pub static CEREBRAS: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: true,
            reasoning: Some("reasoning_content"),
            files: Files::Common,
            spread: true,
            renamed: Some(("reasoning_content", "reasoning")),
        }),
        structured: Structured::Always,
        ..OWN_NAME_REQUEST
    },
    answer: AnswerRules {
        json_hides_calls: true,
        ..YOUNGER_ANSWER
    },
};

/// DeepInfra.
pub static DEEPINFRA: Dialect = Dialect {
    request: OWN_NAME_REQUEST,
    answer: AnswerRules {
        usage: UsageRules {
            sums: Sums::ApartIfLarger,
            ..COMPATIBLE_ANSWER.usage
        },
        ..COMPATIBLE_ANSWER
    },
};

/// Together AI.
pub static TOGETHER: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: true,
            reasoning: Some("reasoning_content"),
            files: Files::Common,
            spread: true,
            renamed: None,
        }),
        usage: UsageRequest::Always,
        ..COMPATIBLE_REQUEST
    },
    answer: YOUNGER_ANSWER,
};

/// GitHub Copilot.
pub static COPILOT: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Copilot,
        options: &[
            same("user", "user"),
            same("reasoningEffort", "reasoning_effort"),
            same("textVerbosity", "verbosity"),
            same("thinking_budget", "thinking_budget"),
        ],
        // Parity: what its Responses take under the same name is not for its chat.
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        strict_schema: StrictSchema::Never,
        usage: UsageRequest::Never,
        strict_tools: false,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::TextAndOpaque,
        facts: Facts::Opaque,
        ..COMPATIBLE_ANSWER
    },
};

/// AIHubMix.
pub static AIHUBMIX: Dialect = Dialect {
    request: RequestRules {
        structured: Structured::Always,
        usage: UsageRequest::Always,
        ..COMPATIBLE_REQUEST
    },
    answer: COMPATIBLE_ANSWER,
};

/// SaladCloud.
pub static SALAD: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: true,
            reasoning: None,
            files: Files::Images,
            spread: false,
            renamed: None,
        }),
        top_k: true,
        options: &[same("reasoningEffort", "reasoning_effort"), same("topK", "top_k")],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::Always,
        strict_schema: StrictSchema::Never,
        usage: UsageRequest::Never,
        strict_tools: false,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        calls: CallRules {
            without_index: WithoutIndex::Last,
            ..YOUNGER_ANSWER.calls
        },
        facts: Facts::Nothing,
        ..COMPATIBLE_ANSWER
    },
};

/// v0 of Vercel.
pub static VERCEL: Dialect = Dialect {
    request: OWN_NAME_REQUEST,
    answer: COMPATIBLE_ANSWER,
};

/// Alibaba.
pub static ALIBABA: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Alibaba,
        top_k: true,
        frequency_penalty: false,
        options: &[
            same("enableThinking", "enable_thinking"),
            same("thinkingBudget", "thinking_budget"),
            OptionField {
                name: "parallelToolCalls",
                field: "parallel_tool_calls",
                form: OptionForm::WithTools,
            },
        ],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::Always,
        strict_schema: StrictSchema::Never,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Content,
        closes_text: true,
        calls: CallRules {
            unfinished: Unfinished::Dropped,
            ..COMPATIBLE_ANSWER.calls
        },
        usage: UsageRules {
            cache_write: CacheWrite::CreatedOrZero,
            ..COMPATIBLE_ANSWER.usage
        },
        error_ends: false,
        facts: Facts::Nothing,
        ..COMPATIBLE_ANSWER
    },
};

/// DeepSeek models on Azure.
pub static AZURE_DEEPSEEK: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::DeepSeek,
        seed: None,
        options: &[
            same("reasoningEffort", "reasoning_effort"),
            steering("strictJsonSchema"),
            steering("thinking"),
        ],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::Always,
        usage: UsageRequest::Always,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Content,
        calls: CallRules {
            early: false,
            ..COMPATIBLE_ANSWER.calls
        },
        usage: UsageRules {
            cache_read: CacheRead::Hits,
            ..COMPATIBLE_ANSWER.usage
        },
        end_words: &[("insufficient_system_resource", FinishReason::Error)],
        order: &[Piece::Reasoning, Piece::Calls, Piece::Text],
        facts: Facts::CacheHits,
        ..COMPATIBLE_ANSWER
    },
};

/// Mistral.
pub static MISTRAL: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Mistral,
        seed: Some("random_seed"),
        options: &[
            same("safePrompt", "safe_prompt"),
            same("reasoningEffort", "reasoning_effort"),
            same("documentImageLimit", "document_image_limit"),
            same("documentPageLimit", "document_page_limit"),
            same("prompt_cache_key", "prompt_cache_key"),
            OptionField {
                name: "parallelToolCalls",
                field: "parallel_tool_calls",
                form: OptionForm::WithTools,
            },
            steering("structuredOutputs"),
            steering("strictJsonSchema"),
        ],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::ByOption,
        strict_schema: StrictSchema::ByOption { default: false },
        usage: UsageRequest::Never,
        demand: ToolDemand::Any,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Nowhere,
        closes_text: true,
        calls: CallRules {
            without_index: WithoutIndex::Last,
            invents_ids: true,
            by_id: true,
            ..COMPATIBLE_ANSWER.calls
        },
        usage: UsageRules {
            cache_read: CacheRead::NumCached,
            reasoning_or_zero: false,
            ..COMPATIBLE_ANSWER.usage
        },
        error_ends: false,
        end_words: &[("model_length", FinishReason::Length)],
        order: &[Piece::Text, Piece::Calls],
        facts: Facts::Nothing,
        ..COMPATIBLE_ANSWER
    },
};

/// OpenRouter.
pub static OPENROUTER: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::OpenRouter,
        top_k: true,
        options: &[same("cacheControl", "cache_control")],
        other_options: OtherOptions::SentLast,
        shared_namespaces: &[],
        structured: Structured::Always,
        strict_schema: StrictSchema::Always,
        usage: UsageRequest::Never,
        strict_tools: false,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Details,
        calls: CallRules {
            without_index: WithoutIndex::Last,
            early: true,
            unfinished: Unfinished::Repaired,
            late_names: false,
            late_start: true,
            invents_ids: true,
            by_id: false,
            set_reason: true,
        },
        annotations: true,
        usage: UsageRules {
            cache_write: CacheWrite::Written,
            ..COMPATIBLE_ANSWER.usage
        },
        order: &[
            Piece::Reasoning,
            Piece::Text,
            Piece::Calls,
            Piece::Images,
            Piece::Sources,
        ],
        facts: Facts::OpenRouter,
        ..COMPATIBLE_ANSWER
    },
};

/// Venice.
pub static VENICE: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Venice,
        limit_field: "max_completion_tokens",
        top_k: true,
        options: &[
            same("user", "user"),
            same("n", "n"),
            same("stopTokenIds", "stop_token_ids"),
            same("maxTemp", "max_temp"),
            same("minTemp", "min_temp"),
            same("minP", "min_p"),
            same("repetitionPenalty", "repetition_penalty"),
            same("logprobs", "logprobs"),
            same("topLogprobs", "top_logprobs"),
            same("promptCacheKey", "prompt_cache_key"),
            same("promptCacheRetention", "prompt_cache_retention"),
            same("parallelToolCalls", "parallel_tool_calls"),
            OptionField {
                name: "veniceParameters",
                field: "venice_parameters",
                form: OptionForm::SnakeKeys { renamed: &[] },
            },
            same("maxTokens", "max_completion_tokens"),
            same("maxCompletionTokens", "max_completion_tokens"),
            same("reasoning", "reasoning"),
            steering("reasoningEffort"),
            steering("stream"),
            steering("streamOptions"),
            steering("structuredOutputs"),
            steering("strictJsonSchema"),
        ],
        usage: UsageRequest::BySetting {
            default: false,
            field: "includeUsage",
        },
        finish: RequestFinish::Venice,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        think_tag_models: &["qwen3-4b"],
        usage: UsageRules {
            cache_write: CacheWrite::Created,
            ..COMPATIBLE_ANSWER.usage
        },
        facts: Facts::PredictionsAndDetails,
        ..COMPATIBLE_ANSWER
    },
};

/// Perplexity.
pub static PERPLEXITY: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Perplexity,
        top_k: true,
        stop: false,
        seed: None,
        options: &[],
        other_options: OtherOptions::SentLast,
        shared_namespaces: &[],
        structured: Structured::Always,
        usage: UsageRequest::Never,
        finish: RequestFinish::Perplexity,
        ..COMPATIBLE_REQUEST
    },
    answer: AnswerRules {
        reasoning: ReasoningPlace::Nowhere,
        opens_empty_text: true,
        citations: Citations::Repeated,
        usage: UsageRules {
            cache_read: CacheRead::Nowhere,
            reasoning_beside: true,
            ..COMPATIBLE_ANSWER.usage
        },
        error_ends: false,
        order: &[Piece::Text, Piece::Sources],
        facts: Facts::Perplexity,
        ..COMPATIBLE_ANSWER
    },
};

/// OpenAI's models behind GitLab's gateway: words and calls, and the effort.
pub static GITLAB: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: true,
            reasoning: None,
            files: Files::OpenAi,
            spread: false,
            renamed: None,
        }),
        limit_field: "max_completion_tokens",
        frequency_penalty: false,
        presence_penalty: false,
        seed: None,
        options: &[same("reasoningEffort", "reasoning_effort")],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::Always,
        usage: UsageRequest::Always,
        ..COMPATIBLE_REQUEST
    },
    answer: OPENAI.answer,
};

/// What is inside of SAP's orchestration.
pub static SAP: Dialect = Dialect {
    request: RequestRules {
        messages: MessageStyle::Plain(PlainStyle {
            null_beside_calls: false,
            reasoning: None,
            files: Files::Common,
            spread: false,
            renamed: None,
        }),
        options: &[],
        other_options: OtherOptions::Dropped,
        shared_namespaces: &[],
        structured: Structured::Always,
        usage: UsageRequest::Never,
        ..COMPATIBLE_REQUEST
    },
    answer: COMPATIBLE_ANSWER,
};
