//! Fetching the configuration that log-ins give (reference `config.md` §3). Nobody waits long: once an answer
//! was good, it counts until a newer one comes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opencode_config::remote::{self, Answer, First, Login, Request};
use opencode_config::{Environment, Error, Paths};
use opencode_schema::time::now;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::web::{self, Web};

/// How long one answer may take, how long it may be, and how often it is asked for again after which pause.
const LIMIT: Duration = Duration::from_secs(5);
const BYTES: usize = 4 << 20;
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(400)];
/// How long one waits for a newer answer when there is an older one.
const PATIENCE: Duration = Duration::from_secs(1);
/// Milliseconds for which an answer is new.
const FRESH: i64 = 60_000;

/// How much one waits for newer answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A little, where work begins.
    Little,
    /// Not at all, where it goes on: they count from the next reading on.
    No,
}

/// Sees that every log-in has an answer, and tells what is wrong with those that are older than they should
/// be. None is asked more often than answers grow old.
///
/// # Errors
/// A log-in has none, and gives none.
pub(crate) async fn refresh(
    paths: &Paths,
    environment: &Environment,
    wait: Wait,
) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    for login in remote::logins(paths, environment) {
        let age = login.last_good(paths).map(|answer| answer.age);
        let is_fresh = age.is_some_and(|age| (0..FRESH).contains(&age));
        if is_fresh || (wait == Wait::No && was_asked(&login)) {
            continue;
        }
        ask(&login);
        // It goes on when nobody waits any more, within its own limits.
        let fetching = tokio::spawn(fetch_and_keep(login.clone(), paths.clone(), environment.clone()));
        let patience = match (age, wait) {
            (None, _) => LIMIT * 4,
            (Some(_), Wait::Little) => PATIENCE,
            (Some(_), Wait::No) => continue,
        };
        let outcome = match tokio::time::timeout(patience, fetching).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(failed(&login, &error)),
            Err(_) => Err(failed(&login, &"it takes too long to answer")),
        };
        match outcome {
            Ok(()) => {}
            Err(error) if age.is_some() => {
                tracing::warn!(%error, "the last good remote configuration is used");
                warnings.push(format!("{error}\nThe last good one is used"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(warnings)
}

/// When each log-in was asked last, in milliseconds.
static ASKED: Mutex<BTreeMap<String, i64>> = Mutex::new(BTreeMap::new());

fn was_asked(login: &Login) -> bool {
    let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    let age = asked.get(&login.address).map(|asked| now() - asked);
    age.is_some_and(|age| (0..FRESH).contains(&age))
}

fn ask(login: &Login) {
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    asked.insert(login.address.clone(), now());
}

async fn fetch_and_keep(login: Login, paths: Paths, environment: Environment) -> Result<(), Error> {
    let config = fetch(&login, &paths, &environment).await?;
    let kept = tokio::task::spawn_blocking(move || {
        login
            .keep(&config, &paths)
            .map_err(|error| failed(&login, &error))
    });
    kept.await.unwrap_or_else(|error| {
        tracing::error!(%error, "remote configuration could not be kept");
        Ok(())
    })
}

async fn fetch(login: &Login, paths: &Paths, environment: &Environment) -> Result<Value, Error> {
    let web = Web::default();
    let (kind, body) = answer(login, &web, &login.request()).await?;
    let received = Answer {
        kind: &kind,
        body: &body,
    };
    let first: First = login.first(received, paths, environment)?;
    let Some(more) = &first.more else {
        return first.finish(login, None);
    };
    let url = more.url.clone();
    let (kind, body) = answer(login, &web, more).await?;
    let further = Answer {
        kind: &kind,
        body: &body,
    };
    first.finish(login, Some((&url, further)))
}

/// Content type and text of an answer.
async fn answer(login: &Login, web: &Web, request: &Request) -> Result<(String, String), Error> {
    let client = web.client().map_err(|error| failed(login, &error))?;
    let mut pauses = PAUSES.iter();
    loop {
        let mut asking = client
            .get(&request.url)
            .header(ACCEPT, "application/json")
            .timeout(LIMIT);
        for (name, value) in &request.headers {
            asking = asking.header(name, value.expose_secret());
        }
        let error = match asking.send().await {
            Ok(response) if response.status().is_success() => {
                let kind = response.headers().get(CONTENT_TYPE);
                let kind = kind
                    .and_then(|kind| kind.to_str().ok())
                    .unwrap_or_default()
                    .to_owned();
                match Web::body(response, BYTES).await.map(String::from_utf8) {
                    Ok(Ok(text)) => return Ok((kind, text)),
                    Ok(Err(_)) => "its answer is no text".to_owned(),
                    Err(error) => error,
                }
            }
            Ok(response) if !response.status().is_server_error() => {
                return Err(failed(login, &format!("it answers {}", response.status())));
            }
            Ok(response) => format!("it answers {}", response.status()),
            Err(error) => web::told(error),
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => return Err(failed(login, &error)),
        }
    }
}

fn failed(login: &Login, reason: &dyn std::fmt::Display) -> Error {
    Error::Remote {
        address: login.address.clone(),
        reason: reason.to_string(),
    }
}
