//! The dialects of the Responses protocol, as data.

/// How one provider speaks Responses.
#[derive(Debug)]
pub struct Dialect {
    /// Names under which options and metadata come; the first that is given counts, metadata goes under the
    /// first.
    pub namespaces: &'static [&'static str],
    /// How the conversation is written and the answer read.
    pub items: Items,
    /// File data that begins so is the id of a file that the provider has.
    pub file_ids: &'static [&'static str],
    /// What was written to the cache is counted.
    pub counts_cache_writes: bool,
    /// Nothing is kept from one request to the next: no ids, no sealed thoughts. Efforts come with a summary.
    pub forgets: bool,
    /// Options with a field of their own.
    pub options: &'static [(&'static str, &'static str)],
}

/// How a conversation is written as items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// As OpenAI does.
    OpenAi,
    /// As xAI does: ids and states on every call, plain texts, and answers that name tools by their parts.
    Xai,
}

impl Dialect {
    /// The name under which metadata goes.
    #[must_use]
    pub fn namespace(&self) -> &'static str {
        self.namespaces.first().copied().unwrap_or_default()
    }
}

const OPENAI_OPTIONS: &[(&str, &str)] = &[
    ("conversation", "conversation"),
    ("maxToolCalls", "max_tool_calls"),
    ("metadata", "metadata"),
    ("parallelToolCalls", "parallel_tool_calls"),
    ("previousResponseId", "previous_response_id"),
    ("store", "store"),
    ("user", "user"),
    ("instructions", "instructions"),
    ("serviceTier", "service_tier"),
    ("include", "include"),
    ("promptCacheKey", "prompt_cache_key"),
    ("promptCacheOptions", "prompt_cache_options"),
    ("promptCacheRetention", "prompt_cache_retention"),
    ("safetyIdentifier", "safety_identifier"),
    ("truncation", "truncation"),
];

/// OpenAI, and all who say that they do as it does.
pub static OPENAI: Dialect = Dialect {
    namespaces: &["openai"],
    items: Items::OpenAi,
    file_ids: &["file-"],
    counts_cache_writes: true,
    forgets: false,
    options: OPENAI_OPTIONS,
};

/// OpenAI's models on Azure.
pub static AZURE: Dialect = Dialect {
    namespaces: &["azure", "openai"],
    file_ids: &["assistant-"],
    ..OPENAI
};

/// OpenAI's protocol on Bedrock, which keeps no files.
pub static MANTLE: Dialect = Dialect {
    file_ids: &[],
    ..OPENAI
};

/// GitHub Copilot. Its item ids change while an answer comes.
pub static COPILOT: Dialect = Dialect {
    namespaces: &["copilot", "openai"],
    counts_cache_writes: false,
    ..OPENAI
};

/// xAI. `store` is only sent to say no.
pub static XAI: Dialect = Dialect {
    namespaces: &["xai"],
    items: Items::Xai,
    file_ids: &[],
    counts_cache_writes: false,
    forgets: false,
    options: &[
        ("topLogprobs", "top_logprobs"),
        ("include", "include"),
        ("previousResponseId", "previous_response_id"),
        ("prompt_cache_key", "prompt_cache_key"),
    ],
};

/// OpenAI's models behind GitLab's gateway.
pub static GITLAB: Dialect = Dialect {
    namespaces: &["gitlab"],
    counts_cache_writes: false,
    forgets: true,
    options: &[("instructions", "instructions")],
    ..OPENAI
};
