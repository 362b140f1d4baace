//! The adapters (reference `providers.md` §3.2). A flat table; the dialects of chat completions are in
//! [`crate::openai_chat::dialect`].

use super::{Adapter, Addressing, Api, FailureShape, Key, ModelPath, Namespace, Protocol, Variables};
use crate::openai_chat::dialect;
use crate::{anthropic, bedrock, demo, gemini, openai_responses};

const CHAT: &str = "/chat/completions";

const OPENAI_URL: &str = "https://api.openai.com/v1";
const OPENAI_VARIABLES: Variables = Variables {
    key: Some("OPENAI_API_KEY"),
    base_url: Some("OPENAI_BASE_URL"),
};
const NO_VARIABLES: Variables = Variables {
    key: None,
    base_url: None,
};
const COPILOT: &str = "@ai-sdk/github-copilot";
const MANTLE: &str = "@ai-sdk/amazon-bedrock/mantle";
const AIHUBMIX: &str = "@aihubmix/ai-sdk-provider";
/// Who asks, as its own package says.
const AIHUBMIX_CODE: (&str, &str) = ("APP-Code", "WHVL9885");
const AIHUBMIX_HEADERS: &[(&str, &str)] = &[AIHUBMIX_CODE];
const XAI_URL: &str = "https://api.x.ai/v1";

/// Both services of Google.
const GEMINI: Addressing = Addressing::Model {
    id: ModelPath::Folder,
    streamed: ":streamGenerateContent?alt=sse",
    whole: ":generateContent",
};

/// What most rows share: chat completions with a bearer key.
const fn chat(
    package: &'static str,
    dialect: &'static crate::openai_chat::Dialect,
    base_url: &'static str,
    namespace: &'static str,
    key_variable: &'static str,
) -> Adapter {
    Adapter {
        package,
        api: Api::Chat,
        protocol: Protocol::OpenAiChat(dialect),
        base_url: Some(base_url),
        path: CHAT,
        addressing: Addressing::Plain,
        key: Key::bearer(true),
        headers: &[],
        namespace: Namespace::Fixed(namespace),
        failure: FailureShape::Nested,
        nothing_to_add: None,
        variables: Variables {
            key: Some(key_variable),
            base_url: None,
        },
    }
}

/// What the Responses protocol has in common.
const fn responses(
    package: &'static str,
    dialect: &'static openai_responses::Dialect,
    base_url: &'static str,
    namespace: &'static str,
    key_variable: &'static str,
) -> Adapter {
    Adapter {
        api: Api::Responses,
        protocol: Protocol::OpenAiResponses(dialect),
        path: "/responses",
        ..chat(package, &dialect::COMPATIBLE, base_url, namespace, key_variable)
    }
}

/// GitLab's gateway to the makers of models, with a pass that the user's instance gives out.
const fn gitlab(dialect: &'static crate::openai_chat::Dialect) -> Adapter {
    Adapter {
        path: "/ai/v1/proxy/openai/v1/chat/completions",
        key: Key::bearer(false),
        variables: Variables {
            key: Some("GITLAB_TOKEN"),
            base_url: Some("GITLAB_AI_GATEWAY_URL"),
        },
        ..chat(
            "gitlab-ai-provider",
            dialect,
            "https://cloud.gitlab.com",
            "gitlab",
            "",
        )
    }
}

/// All adapters; the first row of a package is the one that the product uses.
pub static ADAPTERS: &[Adapter] = &[
    Adapter {
        package: "@ai-sdk/anthropic",
        api: Api::Messages,
        protocol: Protocol::AnthropicMessages(&anthropic::ANTHROPIC),
        base_url: Some("https://api.anthropic.com/v1"),
        path: "/messages",
        addressing: Addressing::Anthropic,
        key: Key::bare("x-api-key"),
        headers: &[("anthropic-version", "2023-06-01")],
        namespace: Namespace::Provider,
        failure: FailureShape::Anthropic,
        nothing_to_add: None,
        variables: Variables {
            key: Some("ANTHROPIC_API_KEY"),
            base_url: Some("ANTHROPIC_BASE_URL"),
        },
    },
    Adapter {
        base_url: None,
        key: Key::bearer(false),
        namespace: Namespace::Provider,
        variables: Variables {
            key: None,
            base_url: None,
        },
        ..chat("@ai-sdk/openai-compatible", &dialect::COMPATIBLE, "", "", "")
    },
    Adapter {
        api: Api::Cortex,
        base_url: None,
        key: Key::bearer(false),
        namespace: Namespace::Provider,
        nothing_to_add: Some("conversation complete"),
        variables: NO_VARIABLES,
        ..chat("@ai-sdk/openai-compatible", &dialect::CORTEX, "", "", "")
    },
    Adapter {
        variables: OPENAI_VARIABLES,
        ..responses(
            "@ai-sdk/openai",
            &openai_responses::dialect::OPENAI,
            OPENAI_URL,
            "openai",
            "",
        )
    },
    Adapter {
        variables: OPENAI_VARIABLES,
        ..chat("@ai-sdk/openai", &dialect::OPENAI, OPENAI_URL, "openai", "")
    },
    Adapter {
        failure: FailureShape::NestedTyped,
        ..chat(
            "@ai-sdk/groq",
            &dialect::GROQ,
            "https://api.groq.com/openai/v1",
            "groq",
            "GROQ_API_KEY",
        )
    },
    Adapter {
        failure: FailureShape::Xai,
        ..chat("@ai-sdk/xai", &dialect::XAI, XAI_URL, "xai", "XAI_API_KEY")
    },
    Adapter {
        failure: FailureShape::Xai,
        ..responses(
            "@ai-sdk/xai",
            &openai_responses::dialect::XAI,
            XAI_URL,
            "xai",
            "XAI_API_KEY",
        )
    },
    Adapter {
        failure: FailureShape::Flat,
        ..chat(
            "@ai-sdk/cerebras",
            &dialect::CEREBRAS,
            "https://api.cerebras.ai/v1",
            "cerebras",
            "CEREBRAS_API_KEY",
        )
    },
    Adapter {
        path: "/openai/chat/completions",
        ..chat(
            "@ai-sdk/deepinfra",
            &dialect::DEEPINFRA,
            "https://api.deepinfra.com/v1",
            "deepinfra",
            "DEEPINFRA_API_KEY",
        )
    },
    chat(
        "@ai-sdk/togetherai",
        &dialect::TOGETHER,
        "https://api.together.xyz/v1",
        "togetherai",
        "TOGETHER_API_KEY",
    ),
    Adapter {
        failure: FailureShape::NestedOrType,
        ..chat(
            "@ai-sdk/perplexity",
            &dialect::PERPLEXITY,
            "https://api.perplexity.ai",
            "perplexity",
            "PERPLEXITY_API_KEY",
        )
    },
    chat(
        "@ai-sdk/vercel",
        &dialect::VERCEL,
        "https://api.v0.dev/v1",
        "vercel",
        "VERCEL_API_KEY",
    ),
    chat(
        "@ai-sdk/alibaba",
        &dialect::ALIBABA,
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "alibaba",
        "ALIBABA_API_KEY",
    ),
    Adapter {
        failure: FailureShape::Mistral,
        ..chat(
            "@ai-sdk/mistral",
            &dialect::MISTRAL,
            "https://api.mistral.ai/v1",
            "mistral",
            "MISTRAL_API_KEY",
        )
    },
    Adapter {
        api: Api::Cohere,
        protocol: Protocol::Cohere,
        path: "/chat",
        failure: FailureShape::Bare,
        ..chat(
            "@ai-sdk/cohere",
            &dialect::COMPATIBLE,
            "https://api.cohere.com/v2",
            "cohere",
            "COHERE_API_KEY",
        )
    },
    Adapter {
        failure: FailureShape::OpenRouter,
        ..chat(
            "@openrouter/ai-sdk-provider",
            &dialect::OPENROUTER,
            "https://openrouter.ai/api/v1",
            "openrouter",
            "OPENROUTER_API_KEY",
        )
    },
    Adapter {
        namespace: Namespace::Provider,
        ..chat(
            "venice-ai-sdk-provider",
            &dialect::VENICE,
            "https://api.venice.ai/api/v1",
            "",
            "VENICE_API_KEY",
        )
    },
    Adapter {
        base_url: None,
        addressing: Addressing::Azure,
        key: Key::bare("api-key"),
        ..responses(
            "@ai-sdk/azure",
            &openai_responses::dialect::AZURE,
            "",
            "azure",
            "AZURE_API_KEY",
        )
    },
    Adapter {
        base_url: None,
        addressing: Addressing::Azure,
        key: Key::bare("api-key"),
        ..chat("@ai-sdk/azure", &dialect::OPENAI, "", "openai", "AZURE_API_KEY")
    },
    Adapter {
        api: Api::DeepSeek,
        base_url: None,
        addressing: Addressing::Azure,
        key: Key::bare("api-key"),
        ..chat(
            "@ai-sdk/azure",
            &dialect::AZURE_DEEPSEEK,
            "",
            "azure",
            "AZURE_API_KEY",
        )
    },
    Adapter {
        base_url: None,
        key: Key::bearer(false),
        variables: NO_VARIABLES,
        ..chat(COPILOT, &dialect::COPILOT, "", "copilot", "")
    },
    Adapter {
        base_url: None,
        key: Key::bearer(false),
        variables: NO_VARIABLES,
        ..responses(COPILOT, &openai_responses::dialect::COPILOT, "", "copilot", "")
    },
    Adapter {
        package: "@ai-sdk/google",
        api: Api::Gemini,
        protocol: Protocol::Gemini(&gemini::GOOGLE),
        path: "/",
        addressing: GEMINI,
        key: Key::bare("x-goog-api-key"),
        failure: FailureShape::Google,
        ..chat(
            "",
            &dialect::COMPATIBLE,
            "https://generativelanguage.googleapis.com/v1beta",
            "google",
            "GOOGLE_GENERATIVE_AI_API_KEY",
        )
    },
    // With a key it needs no project («express mode»); without one the catalogue gives address and identity.
    Adapter {
        package: "@ai-sdk/google-vertex",
        api: Api::Gemini,
        protocol: Protocol::Gemini(&gemini::VERTEX),
        path: "/",
        addressing: GEMINI,
        key: Key::optional("x-goog-api-key"),
        failure: FailureShape::Google,
        ..chat(
            "",
            &dialect::COMPATIBLE,
            "https://aiplatform.googleapis.com/v1/publishers/google",
            "vertex",
            "GOOGLE_VERTEX_API_KEY",
        )
    },
    Adapter {
        package: "@ai-sdk/google-vertex/anthropic",
        api: Api::Messages,
        protocol: Protocol::AnthropicMessages(&anthropic::VERTEX),
        base_url: None,
        path: "/",
        addressing: Addressing::Model {
            id: ModelPath::Plain,
            streamed: ":streamRawPredict",
            whole: ":rawPredict",
        },
        key: Key::bearer(false),
        headers: &[],
        failure: FailureShape::Anthropic,
        variables: Variables {
            key: None,
            base_url: None,
        },
        ..chat("", &dialect::COMPATIBLE, "", "anthropic", "")
    },
    Adapter {
        package: "@ai-sdk/amazon-bedrock",
        api: Api::Converse,
        protocol: Protocol::BedrockConverse,
        base_url: None,
        path: "/model/",
        addressing: Addressing::Model {
            id: ModelPath::Encoded,
            streamed: "/converse-stream",
            whole: "/converse",
        },
        key: Key::bearer(false),
        failure: FailureShape::Bedrock,
        ..chat(
            "",
            &dialect::COMPATIBLE,
            "",
            bedrock::NAMESPACE,
            "AWS_BEARER_TOKEN_BEDROCK",
        )
    },
    // OpenAI's own protocols, with the keys of the cloud.
    Adapter {
        base_url: None,
        key: Key::bearer(false),
        ..responses(
            MANTLE,
            &openai_responses::dialect::MANTLE,
            "",
            "openai",
            "AWS_BEARER_TOKEN_BEDROCK",
        )
    },
    Adapter {
        base_url: None,
        key: Key::bearer(false),
        ..chat(MANTLE, &dialect::OPENAI, "", "openai", "AWS_BEARER_TOKEN_BEDROCK")
    },
    // A key of the account; with the token of a deployment the catalogue says so in place of this header.
    Adapter {
        package: "@ai-sdk/gateway",
        api: Api::Gateway,
        protocol: Protocol::Gateway,
        path: "/language-model",
        headers: &[
            ("ai-gateway-protocol-version", "0.0.1"),
            ("ai-gateway-auth-method", "api-key"),
            ("ai-language-model-specification-version", "3"),
        ],
        failure: FailureShape::Gateway,
        ..chat(
            "",
            &dialect::COMPATIBLE,
            "https://ai-gateway.vercel.sh/v3/ai",
            "gateway",
            "AI_GATEWAY_API_KEY",
        )
    },
    Adapter {
        headers: AIHUBMIX_HEADERS,
        ..chat(
            AIHUBMIX,
            &dialect::AIHUBMIX,
            "https://aihubmix.com/v1",
            "aihubmix",
            "AIHUBMIX_API_KEY",
        )
    },
    Adapter {
        api: Api::Messages,
        protocol: Protocol::AnthropicMessages(&anthropic::ANTHROPIC),
        path: "/messages",
        key: Key::bare("x-api-key"),
        headers: &[("anthropic-version", "2023-06-01"), AIHUBMIX_CODE],
        failure: FailureShape::Anthropic,
        ..chat(
            AIHUBMIX,
            &dialect::COMPATIBLE,
            "https://aihubmix.com/v1",
            "anthropic",
            "AIHUBMIX_API_KEY",
        )
    },
    Adapter {
        api: Api::Gemini,
        protocol: Protocol::Gemini(&gemini::GOOGLE),
        path: "/",
        addressing: GEMINI,
        key: Key::bare("x-goog-api-key"),
        headers: AIHUBMIX_HEADERS,
        failure: FailureShape::Google,
        ..chat(
            AIHUBMIX,
            &dialect::COMPATIBLE,
            "https://aihubmix.com/gemini/v1beta",
            "google",
            "AIHUBMIX_API_KEY",
        )
    },
    Adapter {
        variables: Variables {
            key: Some("SALAD_CLOUD_API_KEY"),
            base_url: Some("SALAD_CLOUD_BASE_URL"),
        },
        ..chat(
            "@saladtechnologies-oss/ai-sdk-provider",
            &dialect::SALAD,
            "https://ai.salad.cloud/v1",
            "saladCloud",
            "",
        )
    },
    // A server on this machine; it takes any key.
    Adapter {
        key: Key::bearer(false),
        ..chat(
            "@qvac/ai-sdk-provider",
            &dialect::VERCEL,
            "http://127.0.0.1:11435/v1",
            "qvac",
            "QVAC_API_KEY",
        )
    },
    Adapter {
        api: Api::Messages,
        protocol: Protocol::AnthropicMessages(&anthropic::GITLAB),
        path: "/ai/v1/proxy/anthropic/v1/messages",
        headers: &[("anthropic-version", "2023-06-01")],
        ..gitlab(&dialect::GITLAB)
    },
    gitlab(&dialect::GITLAB),
    Adapter {
        api: Api::Responses,
        protocol: Protocol::OpenAiResponses(&openai_responses::dialect::GITLAB),
        path: "/ai/v1/proxy/openai/v1/responses",
        ..gitlab(&dialect::GITLAB)
    },
    // The service key says where it is, and the identity which deployment stands for the dash.
    Adapter {
        package: "@jerome-benoit/sap-ai-provider-v2",
        api: Api::Orchestration,
        protocol: Protocol::Sap,
        base_url: None,
        path: "/v2/inference/deployments/-/v2/completion",
        key: Key::bearer(false),
        namespace: Namespace::Provider,
        failure: FailureShape::Sap,
        ..chat("", &dialect::SAP, "", "", "AICORE_SERVICE_KEY")
    },
    Adapter {
        package: demo::PACKAGE,
        api: Api::Demo,
        protocol: Protocol::Demo,
        key: Key::bearer(false),
        variables: Variables {
            key: None,
            base_url: None,
        },
        ..chat("", &dialect::COMPATIBLE, "", demo::NAMESPACE, "")
    },
];
