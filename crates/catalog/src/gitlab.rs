//! GitLab Duo: which model stands behind a name, and the pass to it (reference `providers.md` §3.3).
//!
//! Models whose work GitLab runs itself (`duo-workflow-*`) are not spoken to from here.

use indexmap::IndexMap;
use opencode_config::credential::Credential;
use opencode_llm::adapter::{self, Adapter, Api};
use opencode_llm::identity::{GitLab, Identity};
use opencode_llm::target::Target;
use opencode_schema::Object;
use opencode_schema::model::{Model, Provider};
use serde_json::Value;

use crate::catalog::{Error, Sources};
use crate::user_agent;

const PACKAGE: &str = "gitlab-ai-provider";
const GITLAB_COM: &str = "https://gitlab.com";
/// Features without which there is no chat of this kind.
const FEATURES: [&str; 3] = [
    "DuoAgentPlatformNext",
    "duo_agent_platform_agentic_chat",
    "duo_agent_platform",
];
/// Every request to the gateway carries it, whoever made the model.
const BETA: &str = "context-1m-2025-08-07";

/// GitLab's names of models, the interface that they are spoken to through, and their makers' names.
const MODELS: &[(&str, Api, &str)] = &[
    ("duo-chat-fable-5-1", Api::Messages, "claude-fable-5-1"),
    ("duo-chat-fable-5", Api::Messages, "claude-fable-5"),
    ("duo-chat-opus-5-5", Api::Messages, "claude-opus-5-5"),
    ("duo-chat-opus-5", Api::Messages, "claude-opus-5"),
    ("duo-chat-opus-4-8", Api::Messages, "claude-opus-4-8"),
    ("duo-chat-opus-4-7", Api::Messages, "claude-opus-4-7"),
    ("duo-chat-opus-4-6", Api::Messages, "claude-opus-4-6"),
    ("duo-chat-opus-4-5", Api::Messages, "claude-opus-4-5-20251101"),
    ("duo-chat-sonnet-5", Api::Messages, "claude-sonnet-5"),
    ("duo-chat-sonnet-4-6", Api::Messages, "claude-sonnet-4-6"),
    ("duo-chat-sonnet-4-5", Api::Messages, "claude-sonnet-4-5-20250929"),
    ("duo-chat-haiku-4-5", Api::Messages, "claude-haiku-4-5-20251001"),
    ("duo-chat-gpt-6-astra", Api::Responses, "gpt-6-astra"),
    ("duo-chat-gpt-6-sol", Api::Responses, "gpt-6-sol"),
    ("duo-chat-gpt-6-luna", Api::Responses, "gpt-6-luna"),
    ("duo-chat-gpt-5-6-sol", Api::Responses, "gpt-5.6-sol"),
    ("duo-chat-gpt-5-6-terra", Api::Responses, "gpt-5.6-terra"),
    ("duo-chat-gpt-5-6-luna", Api::Responses, "gpt-5.6-luna"),
    ("duo-chat-gpt-5-codex", Api::Responses, "gpt-5-codex"),
    ("duo-chat-gpt-5-2-codex", Api::Responses, "gpt-5.2-codex"),
    ("duo-chat-gpt-5-3-codex", Api::Responses, "gpt-5.3-codex"),
    ("duo-chat-gpt-5-1", Api::Chat, "gpt-5.1-2025-11-13"),
    ("duo-chat-gpt-5-2", Api::Chat, "gpt-5.2-2025-12-11"),
    ("duo-chat-gpt-5-4", Api::Chat, "gpt-5.4-2026-03-05"),
    ("duo-chat-gpt-5-5", Api::Chat, "gpt-5.5-2026-04-23"),
    ("duo-chat-gpt-5-mini", Api::Chat, "gpt-5-mini-2025-08-07"),
    ("duo-chat-gpt-5-4-mini", Api::Chat, "gpt-5.4-mini"),
    ("duo-chat-gpt-5-4-nano", Api::Chat, "gpt-5.4-nano"),
];

fn row(id: &str) -> Option<&'static (&'static str, Api, &'static str)> {
    MODELS.iter().find(|(name, ..)| *name == id)
}

pub(crate) fn serves(model: &Model) -> bool {
    model.api.npm == PACKAGE
}

/// The adapter for a model of GitLab's; `None` for one that is not known here.
pub(crate) fn adapter(model: &Model) -> Option<&'static Adapter> {
    let (_, api, _) = row(&model.api.id)?;
    adapter::by_package_and_api(PACKAGE, *api)
}

/// Completes a target of GitLab's. The key is for the instance, which gives out a pass to the gateway.
pub(crate) fn complete(
    target: &mut Target,
    model: &Model,
    provider: &Provider,
    sources: &Sources,
    login: Option<&Credential>,
) -> Result<(), Error> {
    if !serves(model) {
        return Ok(());
    }
    let Some((_, api, id)) = row(&model.api.id) else {
        return Ok(());
    };
    let key = target.api_key.take();
    let access = match login {
        Some(Credential::Oauth { access, .. }) => Some(access.clone()),
        _ => None,
    };
    let Some(token) = access.or(key) else {
        return Err(Error::MissingKey {
            provider_id: provider.id.clone(),
            variables: provider.env.clone(),
        });
    };
    (*id).clone_into(&mut target.model_id);
    target.settings.instructions = *api == Api::Responses;
    if let Some(gateway) = text(&provider.options, "aiGatewayUrl") {
        target.base_url = Some(gateway.to_owned());
    }
    target.headers = IndexMap::from([
        ("User-Agent".to_owned(), user_agent::of_gitlab(sources.version)),
        ("anthropic-beta".to_owned(), BETA.to_owned()),
    ]);
    target
        .headers
        .extend(texts(&provider.options, "aiGatewayHeaders"));
    target.headers.extend(model.headers.clone());
    let mut features: Object = FEATURES
        .iter()
        .map(|name| ((*name).to_owned(), Value::Bool(true)))
        .collect();
    if let Some(Value::Object(own)) = provider.options.get("featureFlags") {
        features.extend(own.clone());
    }
    target.identity = Some(Identity::GitLab(GitLab {
        instance: instance(provider, sources, login).to_owned(),
        token,
        features,
        headers: texts(&provider.options, "headers").collect(),
    }));
    Ok(())
}

/// The user's instance: the configured one, then the one that the token is of.
fn instance<'a>(provider: &'a Provider, sources: &'a Sources, login: Option<&'a Credential>) -> &'a str {
    const NAME: &str = "instanceUrl";
    let config = sources.config.provider.as_ref();
    let configured = config
        .and_then(|all| all.get(&provider.id)?.options.as_ref())
        .and_then(|options| text(options, NAME));
    let own = match login.or_else(|| sources.credentials.get(&provider.id)) {
        Some(Credential::Oauth { enterprise_url, .. }) => enterprise_url.as_deref(),
        Some(Credential::Api { metadata, .. }) => metadata.get(NAME).map(String::as_str),
        _ => None,
    };
    configured
        .or(own.filter(|own| !own.trim().is_empty()))
        .or_else(|| text(&provider.options, NAME))
        .unwrap_or(GITLAB_COM)
}

fn text<'a>(options: &'a Object, name: &str) -> Option<&'a str> {
    let value = options.get(name).and_then(Value::as_str).map(str::trim);
    value.filter(|value| !value.is_empty())
}

fn texts<'a>(options: &'a Object, name: &str) -> impl Iterator<Item = (String, String)> + use<'a> {
    let object = options.get(name).and_then(Value::as_object);
    let all = object.into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
}

#[cfg(test)]
mod tests;
