//! The rows (reference `providers.md` §3.3). A flat table.

use super::{Address, Connects, Loader, Setting};

const PLAIN: Loader = Loader {
    provider: "",
    headers: &[],
    connects: Connects::Asked,
    options: &[],
    names: &[],
    keys: &[],
    written_calls: false,
    key_headers: &[],
    variable_headers: &[],
    addresses: &[],
};

const REFERER: &[(&str, &str)] = &[("HTTP-Referer", "https://opencode.ai/"), ("X-Title", "opencode")];

const CLOUDFLARE_ACCOUNT: Setting = Setting {
    name: "CLOUDFLARE_ACCOUNT_ID",
    option: "accountId",
    variables: &["CLOUDFLARE_ACCOUNT_ID"],
    metadata: "accountId",
};
const CLOUDFLARE_GATEWAY: Setting = Setting {
    name: "CLOUDFLARE_GATEWAY_ID",
    option: "gatewayId",
    variables: &["CLOUDFLARE_GATEWAY_ID"],
    metadata: "gatewayId",
};

pub(super) static LOADERS: &[Loader] = &[
    Loader {
        provider: "anthropic",
        headers: &[(
            "anthropic-beta",
            "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14",
        )],
        ..PLAIN
    },
    Loader {
        provider: "ollama",
        written_calls: true,
        ..PLAIN
    },
    Loader {
        provider: "lmstudio",
        written_calls: true,
        ..PLAIN
    },
    Loader {
        provider: "opencode",
        connects: Connects::Free("public"),
        ..PLAIN
    },
    Loader {
        provider: "openrouter",
        headers: REFERER,
        ..PLAIN
    },
    Loader {
        provider: "zenmux",
        headers: REFERER,
        ..PLAIN
    },
    Loader {
        provider: "kilo",
        headers: REFERER,
        ..PLAIN
    },
    Loader {
        provider: "vercel",
        headers: &[("http-referer", "https://opencode.ai/"), ("x-title", "opencode")],
        // What Vercel's own machines and tools set.
        keys: &["AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"],
        key_headers: &[("VERCEL_OIDC_TOKEN", &[("ai-gateway-auth-method", "oidc")])],
        variable_headers: &[
            ("ai-o11y-deployment-id", "VERCEL_DEPLOYMENT_ID"),
            ("ai-o11y-environment", "VERCEL_ENV"),
            ("ai-o11y-region", "VERCEL_REGION"),
            ("ai-o11y-project-id", "VERCEL_PROJECT_ID"),
        ],
        ..PLAIN
    },
    Loader {
        provider: "llmgateway",
        headers: &[
            ("HTTP-Referer", "https://opencode.ai/"),
            ("X-Title", "opencode"),
            ("X-Source", "opencode"),
        ],
        ..PLAIN
    },
    Loader {
        provider: "nvidia",
        headers: &[
            ("HTTP-Referer", "https://opencode.ai/"),
            ("X-Title", "opencode"),
            ("X-BILLING-INVOKE-ORIGIN", "OpenCode"),
        ],
        connects: Connects::Configured,
        ..PLAIN
    },
    Loader {
        provider: "cerebras",
        headers: &[("X-Cerebras-3rd-Party-Integration", "opencode")],
        ..PLAIN
    },
    Loader {
        provider: "gitlab",
        connects: Connects::Set(&["GITLAB_TOKEN"]),
        options: &[Setting {
            name: "instanceUrl",
            option: "instanceUrl",
            variables: &["GITLAB_INSTANCE_URL"],
            metadata: "instanceUrl",
        }],
        ..PLAIN
    },
    Loader {
        provider: "sap-ai-core",
        connects: Connects::Set(&["AICORE_SERVICE_KEY"]),
        options: &[
            Setting {
                name: "deploymentId",
                option: "deploymentId",
                variables: &["AICORE_DEPLOYMENT_ID"],
                metadata: "deploymentId",
            },
            Setting {
                name: "resourceGroup",
                option: "resourceGroup",
                variables: &["AICORE_RESOURCE_GROUP"],
                metadata: "resourceGroup",
            },
        ],
        ..PLAIN
    },
    Loader {
        provider: "cloudflare-workers-ai",
        connects: Connects::Set(&["CLOUDFLARE_API_KEY"]),
        names: &[CLOUDFLARE_ACCOUNT],
        ..PLAIN
    },
    Loader {
        provider: "cloudflare-ai-gateway",
        names: &[CLOUDFLARE_ACCOUNT, CLOUDFLARE_GATEWAY],
        keys: &["CLOUDFLARE_API_TOKEN", "CF_AIG_TOKEN"],
        addresses: &[
            Address {
                prefix: "openai/",
                url: "https://gateway.ai.cloudflare.com/v1/${CLOUDFLARE_ACCOUNT_ID}/${CLOUDFLARE_GATEWAY_ID}/openai",
                key_header: Some("cf-aig-authorization"),
                headers: &[],
                bare: true,
            },
            Address {
                prefix: "anthropic/",
                url: "https://gateway.ai.cloudflare.com/v1/${CLOUDFLARE_ACCOUNT_ID}/${CLOUDFLARE_GATEWAY_ID}/anthropic/v1",
                key_header: Some("cf-aig-authorization"),
                headers: &[],
                bare: true,
            },
            Address {
                prefix: "",
                url: "https://api.cloudflare.com/client/v4/accounts/${CLOUDFLARE_ACCOUNT_ID}/ai/v1",
                key_header: None,
                headers: &[("cf-aig-gateway-id", "${CLOUDFLARE_GATEWAY_ID}")],
                bare: false,
            },
        ],
        ..PLAIN
    },
    Loader {
        provider: "snowflake-cortex",
        names: &[Setting {
            name: "SNOWFLAKE_ACCOUNT",
            option: "account",
            variables: &["SNOWFLAKE_ACCOUNT"],
            metadata: "account",
        }],
        keys: &["SNOWFLAKE_CORTEX_TOKEN", "SNOWFLAKE_CORTEX_PAT"],
        ..PLAIN
    },
];
