//! The services that search: Exa and Parallel, each one tool of an MCP server that is called without a session.

use std::time::Duration;

use opencode_config::Environment;
use opencode_config::environment::variable;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::reply::{Reply, Said};
use super::{Arguments, Websearch};
use crate::contract::{Call, Failure};
use crate::web::with_causes;

const EXA: &str = "https://mcp.exa.ai/mcp";
const PARALLEL: &str = "https://search.parallel.ai/mcp";

/// How long a search may take, from the request to the end of the answer.
const LIMIT: Duration = Duration::from_secs(25);
/// Bytes of an answer at most.
pub(super) const MOST_BYTES: usize = 262_144;
const RESULTS: f64 = 8.0;
const MOST_RESULTS: f64 = 20.0;
const MOST_CHARACTERS: f64 = 50_000.0;
/// Characters of a model's name that Parallel takes.
const MODEL_LENGTH: usize = 100;
const MOST_REDIRECTS: usize = 5;

/// A service that searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// exa.ai.
    Exa,
    /// parallel.ai.
    Parallel,
}

impl Who {
    /// Its name on the wire.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Exa => "exa",
            Self::Parallel => "parallel",
        }
    }

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exa => "Exa Web Search",
            Self::Parallel => "Parallel Web Search",
        }
    }

    /// The tool of its server.
    fn tool(self) -> &'static str {
        match self {
            Self::Exa => "web_search_exa",
            Self::Parallel => "web_search",
        }
    }
}

/// Who searches, where, and with which key.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    chosen: Option<Who>,
    exa: bool,
    parallel: bool,
    exa_key: Option<SecretString>,
    parallel_key: Option<SecretString>,
    exa_address: Option<String>,
    parallel_address: Option<String>,
}

impl Settings {
    /// As the environment says.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let any = |names: &[&str]| names.iter().any(|name| environment.is_on(name));
        let secret = |name| environment.get(name).map(SecretString::from);
        let text = |name| environment.get(name).map(str::to_owned);
        Self {
            chosen: match environment.get(variable::WEBSEARCH_PROVIDER) {
                Some("exa") => Some(Who::Exa),
                Some("parallel") => Some(Who::Parallel),
                _ => None,
            },
            exa: any(&[
                variable::EXPERIMENTAL,
                variable::ENABLE_EXA,
                variable::EXPERIMENTAL_EXA,
            ]),
            parallel: any(&[variable::ENABLE_PARALLEL, variable::EXPERIMENTAL_PARALLEL]),
            exa_key: secret(variable::EXA_API_KEY),
            parallel_key: secret(variable::PARALLEL_API_KEY),
            exa_address: text(variable::EXA_URL),
            parallel_address: text(variable::PARALLEL_URL),
        }
    }

    /// Whether models of every provider are offered web search.
    #[must_use]
    pub fn is_for_everybody(&self) -> bool {
        self.exa || self.parallel
    }

    /// Who searches for a session.
    #[must_use]
    pub fn who(&self, session_id: &str) -> Who {
        match self.chosen {
            Some(who) => who,
            None if self.parallel => Who::Parallel,
            None if self.exa => Who::Exa,
            None if checksum(session_id).is_multiple_of(2) => Who::Exa,
            None => Who::Parallel,
        }
    }

    fn address(&self, who: Who) -> Result<Url, Failure> {
        let (set, usual) = match who {
            Who::Exa => (&self.exa_address, EXA),
            Who::Parallel => (&self.parallel_address, PARALLEL),
        };
        let mut url = Url::parse(set.as_deref().unwrap_or(usual)).map_err(|error| {
            let name = match who {
                Who::Exa => variable::EXA_URL,
                Who::Parallel => variable::PARALLEL_URL,
            };
            Failure::told(format!("The address in {name} cannot be used: {error}"))
        })?;
        if let (Who::Exa, Some(key)) = (who, &self.exa_key) {
            url.query_pairs_mut()
                .append_pair("exaApiKey", key.expose_secret());
        }
        Ok(url)
    }
}

/// FNV-1a of 32 bits. Ids of sessions are ASCII, so bytes are what the reference takes.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

impl Websearch {
    /// Asks the service. Nothing when it found nothing.
    pub(super) async fn ask_service(
        &self,
        call: &Call,
        who: Who,
        arguments: &Arguments,
    ) -> Result<Option<String>, Failure> {
        let request = self.request(call, who, arguments)?;
        let tool = who.tool();
        let searched = tokio::select! {
            searched = tokio::time::timeout(LIMIT, read(request, tool)) => searched,
            () = call.cancel.cancelled() => return Err(Failure::Aborted),
        };
        searched.map_err(|_| Failure::told(format!("{tool} request timed out")))?
    }

    fn request(&self, call: &Call, who: Who, arguments: &Arguments) -> Result<RequestBuilder, Failure> {
        let arguments = match who {
            Who::Exa => for_exa(arguments),
            Who::Parallel => for_parallel(call, arguments),
        };
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": { "name": who.tool(), "arguments": arguments },
        });
        let client = self.client.client(|| Policy::custom(redirect));
        let client = client.map_err(|error| Failure::told(format!("The web cannot be reached: {error}")))?;
        let mut request = client
            .post(self.settings.address(who)?)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, format!("opencode/{}", call.scope.version))
            .body(body.to_string());
        if let (Who::Parallel, Some(key)) = (who, &self.settings.parallel_key) {
            let mut proof = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
                .map_err(|_| Failure::told("PARALLEL_API_KEY holds characters that no key has"))?;
            proof.set_sensitive(true);
            request = request.header(AUTHORIZATION, proof);
        }
        Ok(request)
    }
}

fn for_exa(arguments: &Arguments) -> Value {
    let Arguments {
        query,
        num_results,
        livecrawl,
        kind,
        context_max_characters,
    } = arguments;
    let results = num_results.filter(|number| *number != 0.0).unwrap_or(RESULTS);
    let mut wanted = json!({
        "query": query,
        "type": kind.unwrap_or_default(),
        "numResults": results.clamp(1.0, MOST_RESULTS) as u64,
        "livecrawl": livecrawl.unwrap_or_default(),
    });
    if let Some(characters) = context_max_characters {
        wanted["contextMaxCharacters"] = (characters.clamp(1.0, MOST_CHARACTERS) as u64).into();
    }
    wanted
}

fn for_parallel(call: &Call, arguments: &Arguments) -> Value {
    let mut wanted = json!({
        "objective": arguments.query,
        "search_queries": [arguments.query],
        "session_id": call.session_id,
    });
    if let Some(model) = &call.model {
        wanted["model_name"] = model.chars().take(MODEL_LENGTH).collect::<String>().into();
    }
    wanted
}

/// Only what stays a search, and only within the host that has the key.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let keeps_method = matches!(
        attempt.status(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    );
    let first = attempt.previous().first();
    let same_host = first.is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps_method && same_host && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

async fn read(request: RequestBuilder, tool: &str) -> Result<Option<String>, Failure> {
    // The address may hold a key.
    let failed = |error: reqwest::Error| {
        Failure::told(format!(
            "{tool} request failed: {}",
            with_causes(&error.without_url())
        ))
    };
    let mut response = request.send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(Failure::told(format!(
            "{tool} request failed: the server answered {}",
            response.status()
        )));
    }
    let mut reply = Reply::default();
    let mut read = 0;
    let said = loop {
        let Some(chunk) = response.chunk().await.map_err(failed)? else {
            break reply.end();
        };
        read += chunk.len();
        if read > MOST_BYTES {
            return Err(Failure::told(format!(
                "{tool} response exceeded {MOST_BYTES} bytes"
            )));
        }
        // A stream may stay open after the answer.
        if let Some(said) = reply.take(&chunk) {
            break said;
        }
    };
    match said {
        Said::Found(text) => Ok(Some(text)),
        Said::Nothing => Ok(None),
        Said::Failed(message) => Err(Failure::told(format!("{tool} failed: {message}"))),
        Said::Unclear => Err(Failure::told(format!(
            "{tool} request failed: the server's answer is no reply to a search"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::of(&variables.collect())
    }

    #[test]
    fn who_searches() {
        // The reference's hash of these is even and odd.
        let (even, odd) = ("ses_a", "ses_b");
        assert_eq!((checksum("a"), checksum("")), (0xe40c_292c, 0x811c_9dc5));
        assert_eq!((checksum(even) % 2, checksum(odd) % 2), (0, 1));
        for (variables, session, for_everybody, who) in [
            (&[][..], even, false, Who::Exa),
            (&[], odd, false, Who::Parallel),
            (&[("OPENCODE_EXPERIMENTAL", "1")], odd, true, Who::Exa),
            (&[("OPENCODE_ENABLE_EXA", "true")], odd, true, Who::Exa),
            (&[("OPENCODE_EXPERIMENTAL_EXA", "1")], odd, true, Who::Exa),
            (&[("OPENCODE_ENABLE_PARALLEL", "1")], even, true, Who::Parallel),
            (
                &[("OPENCODE_EXPERIMENTAL_PARALLEL", "1")],
                even,
                true,
                Who::Parallel,
            ),
            (
                &[("OPENCODE_ENABLE_PARALLEL", "1"), ("OPENCODE_ENABLE_EXA", "1")],
                even,
                true,
                Who::Parallel,
            ),
            (
                &[
                    ("OPENCODE_ENABLE_PARALLEL", "1"),
                    ("OPENCODE_WEBSEARCH_PROVIDER", "exa"),
                ],
                odd,
                true,
                Who::Exa,
            ),
            (
                &[("OPENCODE_WEBSEARCH_PROVIDER", "parallel")],
                even,
                false,
                Who::Parallel,
            ),
            (&[("OPENCODE_WEBSEARCH_PROVIDER", "bing")], even, false, Who::Exa),
        ] {
            let settings = settings(variables);
            assert_eq!(
                (settings.is_for_everybody(), settings.who(session)),
                (for_everybody, who),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let settings = settings(&[("EXA_API_KEY", "k1-secret"), ("PARALLEL_API_KEY", "k2-secret")]);
        assert!(!format!("{settings:?}").contains("secret"));
        let address = settings.address(Who::Exa).unwrap();
        assert_eq!(address.as_str(), "https://mcp.exa.ai/mcp?exaApiKey=k1-secret");
    }
}
