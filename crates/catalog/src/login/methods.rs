//! The ways to log in, by provider (reference `providers.md` §12.3–12.5). A flat table.
//!
//! Parity: labels and keys are those of the reference, because scripts name them and their place in the list
//! is what HTTP clients send.

use super::method::{
    Back, Brings, Browser, Choice, Device, Exchange, Flow, Form, Method, Prompt, Rule, When,
};

const TEXT: Prompt = Prompt {
    form: Form::Text,
    key: "",
    message: "",
    placeholder: None,
    when: None,
    rule: Rule::Filled,
    unless: None,
};

const fn key(label: &'static str, prompts: &'static [Prompt]) -> Method {
    Method {
        id: "key",
        label,
        prompts,
        flow: Flow::Key,
    }
}

const fn browser(label: &'static str, prompts: &'static [Prompt], browser: &'static Browser) -> Method {
    Method {
        id: "browser",
        label,
        prompts,
        flow: Flow::Browser(browser),
    }
}

const IN_BROWSER: &str = "Log in there; this page is noticed when you are done.";

/// Where ChatGPT's logins are.
pub(super) const CHATGPT: &str = "https://auth.openai.com";
/// Who we are to ChatGPT.
pub(super) const CHATGPT_CLIENT: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
/// How ChatGPT's tokens are asked for.
pub(super) static CHATGPT_TOKENS: Exchange = Exchange {
    url: "/oauth/token",
    basic: None,
    refresh_before: Some(0),
    lasts: 3600,
    refused_ends: false,
};

static CHATGPT_BROWSER: Browser = Browser {
    issuer: CHATGPT,
    issuer_input: None,
    authorize: "/oauth/authorize",
    client_id: CHATGPT_CLIENT,
    client_variable: None,
    scope: "openid profile email offline_access",
    extra: &[
        ("id_token_add_organizations", "true"),
        ("codex_cli_simplified_flow", "true"),
        ("originator", "opencode"),
    ],
    back: Back {
        host: "localhost",
        port: 1455,
        path: "/auth/callback",
    },
    brings: Brings::Code(&CHATGPT_TOKENS),
    state: true,
    patience: 300,
    instructions: IN_BROWSER,
};

static COPILOT: Device = Device {
    issuer: "https://github.com",
    issuer_input: Some("enterpriseUrl"),
    start: "/login/device/code",
    token: &Exchange {
        url: "/login/oauth/access_token",
        basic: None,
        refresh_before: None,
        lasts: 0,
        refused_ends: false,
    },
    json: true,
    client_id: "Ov23li8tweQw6odWQebz",
    scope: "read:user",
    extra: &[],
    forever: true,
};

static XAI: Device = Device {
    issuer: "https://auth.x.ai",
    issuer_input: None,
    start: "/oauth2/device/code",
    token: &Exchange {
        url: "/oauth2/token",
        basic: None,
        refresh_before: Some(120),
        lasts: 3600,
        refused_ends: false,
    },
    json: false,
    client_id: "b1a00492-073a-47ea-816f-4c329264a828",
    scope: "openid profile email offline_access grok-cli:access api:access",
    extra: &[("referrer", "opencode")],
    forever: false,
};

static GITLAB: Browser = Browser {
    issuer: "https://gitlab.com",
    issuer_input: Some("instanceUrl"),
    authorize: "/oauth/authorize",
    client_id: "1d89f9fdb23ee96d4e603201f6861dab6e143c5c3c00469a018a2d94bdc03d4e",
    client_variable: Some("GITLAB_OAUTH_CLIENT_ID"),
    scope: "api",
    extra: &[],
    back: Back {
        host: "127.0.0.1",
        port: 8080,
        path: "/callback",
    },
    brings: Brings::Code(&Exchange {
        url: "/oauth/token",
        basic: None,
        refresh_before: Some(300),
        lasts: 7200,
        refused_ends: true,
    }),
    state: true,
    patience: 120,
    instructions: IN_BROWSER,
};

static POE: Browser = Browser {
    issuer: "https://poe.com",
    issuer_input: None,
    authorize: "/oauth/authorize",
    client_id: "client_728290227fc048cc9262091a1ea197ea",
    client_variable: None,
    scope: "apikey:create",
    extra: &[],
    back: Back {
        host: "127.0.0.1",
        port: 0,
        path: "/callback",
    },
    brings: Brings::Code(&Exchange {
        url: "https://api.poe.com/token",
        basic: None,
        refresh_before: None,
        lasts: 0,
        refused_ends: false,
    }),
    // Parity: this provider is not asked to bring a word back; the proof of PKCE stands alone.
    state: false,
    patience: 300,
    instructions: IN_BROWSER,
};

static DIGITALOCEAN: Browser = Browser {
    issuer: "https://cloud.digitalocean.com",
    issuer_input: None,
    authorize: "/v1/oauth/authorize",
    client_id: "b1a6c5158156caac821fd1b30253ca8acb52454a48fa744420e41889cb589f82",
    client_variable: None,
    scope: "genai:read inference:query",
    extra: &[],
    back: Back {
        host: "localhost",
        port: 1456,
        path: "/auth/callback",
    },
    brings: Brings::Token("/auth/token"),
    state: true,
    patience: 300,
    instructions: IN_BROWSER,
};

static SNOWFLAKE: Browser = Browser {
    issuer: "https://{account}.snowflakecomputing.com",
    issuer_input: None,
    authorize: "/oauth/authorize",
    client_id: "LOCAL_APPLICATION",
    client_variable: None,
    scope: "refresh_token session:role:{role}",
    extra: &[],
    back: Back {
        host: "127.0.0.1",
        port: 0,
        path: "/",
    },
    brings: Brings::Code(&Exchange {
        url: "/oauth/token-request",
        basic: Some(("LOCAL_APPLICATION", "LOCAL_APPLICATION")),
        refresh_before: Some(120),
        lasts: 600,
        refused_ends: false,
    }),
    state: true,
    patience: 300,
    instructions: IN_BROWSER,
};

const GITLAB_INSTANCE: &[Prompt] = &[Prompt {
    key: "instanceUrl",
    message: "GitLab instance URL",
    placeholder: Some("https://gitlab.com"),
    rule: Rule::Address,
    ..TEXT
}];

const CLOUDFLARE_ACCOUNT: Prompt = Prompt {
    key: "accountId",
    message: "Cloudflare account ID",
    placeholder: Some("e.g. 1234567890abcdef1234567890abcdef"),
    unless: Some("CLOUDFLARE_ACCOUNT_ID"),
    ..TEXT
};

const AZURE_RESOURCE: &[Prompt] = &[Prompt {
    key: "resourceName",
    message: "Azure resource name",
    placeholder: Some("e.g. my-models"),
    unless: Some("AZURE_RESOURCE_NAME"),
    ..TEXT
}];

const SNOWFLAKE_ACCOUNT: Prompt = Prompt {
    key: "account",
    message: "Snowflake account identifier",
    placeholder: Some("myorg-myaccount"),
    ..TEXT
};

/// The ways that providers name. A provider that is not here takes a key.
pub static METHODS: &[(&str, &[Method])] = &[
    (
        "openai",
        &[
            Method {
                id: "chatgpt-browser",
                ..browser("ChatGPT Pro/Plus (browser)", &[], &CHATGPT_BROWSER)
            },
            Method {
                id: "chatgpt-headless",
                label: "ChatGPT Pro/Plus (headless)",
                prompts: &[],
                flow: Flow::Headless,
            },
            key("Manually enter API Key", &[]),
        ],
    ),
    (
        "github-copilot",
        &[Method {
            id: "device",
            label: "Login with GitHub Copilot",
            prompts: &[
                Prompt {
                    form: Form::Select {
                        options: &[
                            Choice {
                                label: "GitHub.com",
                                value: "github.com",
                                hint: "Public",
                            },
                            Choice {
                                label: "GitHub Enterprise",
                                value: "enterprise",
                                hint: "Data residency or self-hosted",
                            },
                        ],
                    },
                    key: "deploymentType",
                    message: "Which GitHub?",
                    rule: Rule::Any,
                    ..TEXT
                },
                Prompt {
                    key: "enterpriseUrl",
                    message: "Address or domain of your GitHub Enterprise",
                    placeholder: Some("company.ghe.com or https://company.ghe.com"),
                    when: Some(When {
                        key: "deploymentType",
                        op: "eq",
                        value: "enterprise",
                    }),
                    rule: Rule::Host,
                    ..TEXT
                },
            ],
            flow: Flow::Device(&COPILOT),
        }],
    ),
    (
        "gitlab",
        &[
            browser("GitLab OAuth", GITLAB_INSTANCE, &GITLAB),
            key("GitLab Personal Access Token", GITLAB_INSTANCE),
        ],
    ),
    (
        "poe",
        &[
            browser("Login with Poe (browser)", &[], &POE),
            key("Manually enter API Key", &[]),
        ],
    ),
    ("cloudflare-workers-ai", &[key("API key", &[CLOUDFLARE_ACCOUNT])]),
    (
        "cloudflare-ai-gateway",
        &[key(
            "Gateway API token",
            &[
                CLOUDFLARE_ACCOUNT,
                Prompt {
                    key: "gatewayId",
                    message: "Cloudflare AI Gateway ID",
                    placeholder: Some("e.g. my-gateway"),
                    unless: Some("CLOUDFLARE_GATEWAY_ID"),
                    ..TEXT
                },
            ],
        )],
    ),
    (
        "azure",
        &[
            key("API key", AZURE_RESOURCE),
            // The last, because it is not offered everywhere and the others keep their numbers.
            Method {
                id: "azure-cli",
                label: "Microsoft Entra ID (Azure CLI)",
                prompts: AZURE_RESOURCE,
                flow: Flow::AzureCli,
            },
        ],
    ),
    (
        "digitalocean",
        &[
            browser("Login with DigitalOcean", &[], &DIGITALOCEAN),
            key("Paste Model Access Key", &[]),
        ],
    ),
    (
        "snowflake-cortex",
        &[
            browser(
                "Login with Snowflake (External Browser)",
                &[
                    SNOWFLAKE_ACCOUNT,
                    Prompt {
                        key: "role",
                        message: "Snowflake role (optional)",
                        placeholder: Some("PUBLIC"),
                        rule: Rule::Any,
                        ..TEXT
                    },
                ],
                &SNOWFLAKE,
            ),
            key("Paste PAT or bearer token manually", &[SNOWFLAKE_ACCOUNT]),
        ],
    ),
    (
        "xai",
        &[
            Method {
                id: "device",
                label: "SuperGrok Subscription",
                prompts: &[],
                flow: Flow::Device(&XAI),
            },
            key("Manually enter API Key", &[]),
        ],
    ),
];
