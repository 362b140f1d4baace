//! Passes to GitLab's gateway: the user's instance gives them out (reference `providers.md` §3.3).

use std::time::{Duration, SystemTime};

use indexmap::IndexMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::Failure;
use super::http::{Http, Question};

const PATH: &str = "/api/v4/ai/third_party_agents/direct_access";
/// Parity: a pass is taken to last so long, whatever it says.
const LIFETIME: Duration = Duration::from_secs(25 * 60);
/// The pass's own key for the maker, which the gateway does not want to see.
const NOT_FORWARDED: &str = "x-api-key";

/// An instance of GitLab, and who its user is.
#[derive(Clone)]
pub struct GitLab {
    /// Address of the instance.
    pub instance: String,
    /// The user's token.
    pub token: SecretString,
    /// Features to switch on.
    pub features: Map<String, Value>,
    /// Headers that the instance gets besides.
    pub headers: IndexMap<String, String>,
}

#[derive(Deserialize)]
struct Given {
    token: SecretString,
    headers: IndexMap<String, SecretString>,
}

/// A pass: its token, the headers that go with it, and its end.
pub(super) type Pass = (SecretString, Vec<(String, SecretString)>, SystemTime);

/// Asks the instance.
pub(super) async fn find(gitlab: &GitLab, http: &Http<'_>) -> Result<Pass, Failure> {
    let instance = gitlab.instance.trim_end_matches('/');
    let none = |words: String| Failure::None(format!("{instance} {words}"));
    let url = Url::parse(&format!("{instance}{PATH}"))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| none("is no address of a GitLab instance".to_owned()))?;
    let mut question = Question::json(url, &json!({"feature_flags": gitlab.features})).header(
        "authorization",
        format!("Bearer {}", gitlab.token.expose_secret()),
    );
    for (name, value) in &gitlab.headers {
        question = question.header(name.clone(), value.clone());
    }
    let reply = http.ask(question).await?;
    match reply.status {
        200..300 => {}
        401 => {
            return Err(none(
                "does not accept the token: log in again with `opencode auth login -p gitlab`".to_owned(),
            ));
        }
        403 => {
            return Err(none(format!(
                "does not let this account use its AI features: GitLab Duo or its agents may be off there, or \
                 not be part of the account ({})",
                reply.short()
            )));
        }
        429 | 500.. => {
            return Err(Failure::Connection {
                url: format!("{instance}{PATH}"),
                message: reply.short(),
            });
        }
        _ => return Err(none(format!("gives no pass to its gateway: {}", reply.short()))),
    }
    // Words of the parser may show what stands in the answer.
    let given: Given = serde_json::from_str(&reply.body)
        .map_err(|_| none("answers with something that is no pass to its gateway".to_owned()))?;
    let headers = given
        .headers
        .into_iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case(NOT_FORWARDED));
    Ok((given.token, headers.collect(), SystemTime::now() + LIFETIME))
}
