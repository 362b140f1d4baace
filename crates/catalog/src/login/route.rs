//! How requests go with a login: where to, with which words of proof, and for which models
//! (reference `providers.md` §12.3–12.5). One row a provider.

use indexmap::IndexMap;
use opencode_config::credential::Credential;
use opencode_llm::adapter;
use opencode_llm::target::Target;
use opencode_schema::model::{Model, Pricing, Provider};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::token;

/// How requests go with a login to a provider.
struct Route {
    provider: &'static str,
    /// Where they go; the catalogue's address if `None`.
    base_url: Option<&'static str>,
    /// Where they go in an own installation; `{host}` is its name.
    own_base_url: Option<&'static str>,
    /// Headers of every request.
    headers: &'static [(&'static str, &'static str)],
    /// Headers that say what the token says.
    claims: &'static [Claim],
    /// The header that names the account.
    account_header: Option<&'static str>,
    /// The package that speaks to all its models, whatever the public catalogue says.
    package: Option<&'static str>,
    /// Its models for small things, the best first, if its own list has them.
    small: &'static [&'static str],
    /// Which models there are.
    models: Option<fn(&mut Provider)>,
    /// The system prompt is sent as `instructions`.
    instructions: bool,
}

/// A header whose value is in the token.
struct Claim {
    header: &'static str,
    name: &'static str,
    /// A value that is not sent.
    except: &'static str,
}

const PLAIN: Route = Route {
    provider: "",
    base_url: None,
    own_base_url: None,
    headers: &[],
    claims: &[],
    account_header: None,
    package: None,
    small: &[],
    models: None,
    instructions: false,
};

static ROUTES: &[Route] = &[
    Route {
        provider: "openai",
        base_url: Some("https://chatgpt.com/backend-api/codex"),
        claims: &[Claim {
            header: "x-openai-internal-codex-residency",
            name: "chatgpt_compute_residency",
            except: "no_constraint",
        }],
        account_header: Some("ChatGPT-Account-Id"),
        models: Some(chatgpt_models),
        instructions: true,
        ..PLAIN
    },
    Route {
        provider: "github-copilot",
        base_url: Some("https://api.githubcopilot.com"),
        own_base_url: Some("https://copilot-api.{host}"),
        headers: &[
            ("Openai-Intent", "conversation-edits"),
            ("X-GitHub-Api-Version", COPILOT_VERSION),
        ],
        package: Some(COPILOT_PACKAGE),
        small: &["gpt-5.4-nano", "gpt-4.1", "gpt-4o", "gpt-4o-mini"],
        ..PLAIN
    },
    Route {
        provider: "xai",
        ..PLAIN
    },
    Route {
        provider: "poe",
        ..PLAIN
    },
    Route {
        provider: "gitlab",
        ..PLAIN
    },
    Route {
        provider: "snowflake-cortex",
        ..PLAIN
    },
];

/// Version of Copilot's interface.
pub(crate) const COPILOT_VERSION: &str = "2026-06-01";
/// The package that speaks Copilot's kinds of chat and Responses.
const COPILOT_PACKAGE: &str = "@ai-sdk/github-copilot";

fn row(provider_id: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.provider == provider_id)
}

/// Where requests with a login go; `None` where the catalogue says it.
pub(crate) fn base_url(provider_id: &str, credential: &Credential) -> Option<String> {
    let route = row(provider_id)?;
    let own = match credential {
        Credential::Oauth { enterprise_url, .. } => enterprise_url.as_deref(),
        _ => None,
    };
    match (own, route.own_base_url) {
        (Some(host), Some(own)) => Some(own.replace("{host}", host)),
        _ => route.base_url.map(str::to_owned),
    }
}

/// Lets a request go with a login. An address that configuration sets stays.
pub(crate) fn apply(target: &mut Target, credential: &Credential, configured_address: bool) {
    let Credential::Oauth {
        access, account_id, ..
    } = credential
    else {
        return;
    };
    let Some(route) = row(&target.provider_id) else {
        return;
    };
    target.api_key = Some(access.clone());
    target.settings.instructions = route.instructions;
    if !configured_address && let Some(base) = base_url(&target.provider_id, credential) {
        // Parity: Copilot has Anthropic's interface below a folder of its own.
        let messages = target.adapter.api == adapter::Api::Messages;
        target.base_url = Some(if messages { format!("{base}/v1") } else { base });
    }
    for (name, value) in route.headers {
        target.headers.insert((*name).to_owned(), (*value).to_owned());
    }
    if target.adapter.api == adapter::Api::Messages {
        // Such a token is a bearer's, not a key of the protocol's usual kind.
        target.api_key = None;
        let bearer = format!("Bearer {}", access.expose_secret());
        target.headers.insert("Authorization".to_owned(), bearer);
        let beta = "interleaved-thinking-2025-05-14".to_owned();
        target.headers.insert("anthropic-beta".to_owned(), beta);
    }
    if let (Some(header), Some(account)) = (route.account_header, account_id) {
        target.headers.insert(header.to_owned(), account.clone());
    }
    let claims = token::claims(access.expose_secret());
    for claim in route.claims {
        let nested = claims
            .as_ref()
            .map(|claims| &claims["https://api.openai.com/auth"][claim.name]);
        let own = claims.as_ref().map(|claims| &claims[claim.name]);
        let value = own
            .and_then(Value::as_str)
            .or_else(|| nested.and_then(Value::as_str));
        if let Some(value) = value.filter(|value| *value != claim.except) {
            target.headers.insert(claim.header.to_owned(), value.to_owned());
        }
    }
}

/// Leaves the models that there are with a login, as they are then.
pub(crate) fn shape(provider: &mut Provider) {
    if let Some(models) = row(&provider.id).and_then(|route| route.models) {
        models(provider);
    }
}

/// Models of a subscription to ChatGPT: they cost nothing further.
fn chatgpt_models(provider: &mut Provider) {
    const ALLOWED: [&str; 6] = [
        "gpt-5.5",
        "gpt-5.3-codex-spark",
        "gpt-5.4",
        "gpt-5.4-mini",
        "gpt-6-sol",
        "gpt-6-luna",
    ];
    const DENIED: [&str; 2] = ["gpt-5.5-pro", "gpt-5.6"];
    provider.models.retain(|id, model| {
        let api_id = model.api.id.as_str();
        let pro = model.options.get("reasoningMode").and_then(Value::as_str) == Some("pro");
        if pro || DENIED.contains(&api_id) || DENIED.contains(&id.as_str()) {
            return false;
        }
        ALLOWED.contains(&api_id) || gpt_version(api_id).is_some_and(|version| version > (5, 4))
    });
    for model in provider.models.values_mut() {
        model.cost = Pricing::default();
        if model.api.id.contains("gpt-5.5") || model.api.id.contains("gpt-5.6") {
            model.limit.context = 400_000;
            model.limit.input = Some(272_000);
            model.limit.output = 128_000;
        }
    }
}

/// The two numbers of a `gpt-5.4`.
fn gpt_version(id: &str) -> Option<(u32, u32)> {
    let number = |text: &str| -> Option<u32> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..end)?.parse().ok()
    };
    let rest = id.strip_prefix("gpt-")?;
    let major = number(rest)?;
    let minor = rest.split_once('.').and_then(|(_, minor)| number(minor));
    Some((major, minor.unwrap_or(0)))
}

/// The package that speaks to all models of a provider.
pub(crate) fn package(provider_id: &str) -> Option<&'static str> {
    row(provider_id)?.package
}

/// Models of a provider's own list for small things, the best first; they need not be shown.
pub(crate) fn small_models(provider_id: &str) -> &'static [&'static str] {
    row(provider_id).map_or(&[], |row| row.small)
}

/// Whether Copilot is asked for a model through Responses: its list says so, or the model's name.
pub(crate) fn wants_responses(model: &Model) -> bool {
    match model.api.endpoint.as_deref() {
        Some("responses") => true,
        Some("chat") => false,
        // Parity: providers.md §3.3, `gpt-N` with N of 5 or more, the small one aside.
        _ => {
            let id = model.api.id.as_str();
            gpt_version(id).is_some_and(|(major, _)| major >= 5) && !id.starts_with("gpt-5-mini")
        }
    }
}

/// How Copilot is asked for a model of its list: the package, and which of its interfaces.
pub(crate) fn copilot_interface(endpoints: &[String]) -> (&'static str, Option<&'static str>) {
    let has = |path: &str| endpoints.iter().any(|endpoint| endpoint == path);
    if has("/v1/messages") {
        ("@ai-sdk/anthropic", Some("messages"))
    } else if has("/responses") {
        (COPILOT_PACKAGE, Some("responses"))
    } else if has("/chat/completions") {
        (COPILOT_PACKAGE, Some("chat"))
    } else {
        (COPILOT_PACKAGE, None)
    }
}

/// What a request to Copilot says of itself (reference §12.3).
#[must_use]
pub(crate) fn copilot_headers(
    session_id: &str,
    by_agent: bool,
    has_images: bool,
    is_title: bool,
) -> IndexMap<String, String> {
    let mut headers = IndexMap::new();
    let mut put = |name: &str, value: &str| headers.insert(name.to_owned(), value.to_owned());
    put("x-initiator", if by_agent { "agent" } else { "user" });
    put("X-GitHub-Api-Version", COPILOT_VERSION);
    put("X-Interaction-Id", session_id);
    if has_images {
        put("Copilot-Vision-Request", "true");
    }
    if is_title {
        put("X-Interaction-Type", "agent-session-name-generation");
    }
    headers
}

/// Whether a model is one of Copilot's.
pub(crate) fn is_copilot(model: &Model) -> bool {
    model.provider_id.contains("github-copilot")
}

#[cfg(test)]
mod tests;
