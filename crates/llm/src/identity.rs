//! Who asks, where a key in a header is not enough: signatures of Amazon, tokens of Google, Azure and
//! SAP, passes of GitLab (reference `providers.md` §3.3–3.4).
//!
//! A [`Target`](crate::Target) says where an identity may be found, as plain data; it is looked up when a
//! request goes out, kept until shortly before it ends, and never put into the environment of the process.
//! Requests that need the same identity at the same time wait for one look-up.

mod aws;
mod azure;
mod gitlab;
mod google;
mod http;
mod program;
mod sap;
mod sigv4;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

pub use self::azure::{Azure, SERVICES as AZURE_SERVICES};
pub use self::gitlab::GitLab;
use self::http::Http;
pub use self::sap::{Sap, ServiceKey};
use crate::client::connection::Connections;

/// As long before its end an identity is looked up anew.
const MARGIN: Duration = Duration::from_secs(300);
/// As many identities are kept; a server with more of them looks some up again.
const MOST_KEPT: usize = 256;

/// Where an identity may be found.
#[derive(Clone)]
pub enum Identity {
    /// Amazon: requests are signed.
    Aws(Aws),
    /// Google: requests carry a token.
    Google(Surroundings),
    /// GitLab: requests carry a pass that the user's instance gives out.
    GitLab(GitLab),
    /// SAP: requests carry a token, and go to a deployment of the user's.
    Sap(Sap),
    /// Azure: requests carry a token of the user's.
    Azure(Azure),
}

/// Where an identity of Amazon may be found.
#[derive(Clone)]
pub struct Aws {
    /// The region that is asked.
    pub region: String,
    /// The name of the service, which signatures hold.
    pub service: &'static str,
    /// The profile that was named; the variable's if `None`.
    pub profile: Option<String>,
    /// Keys that configuration itself holds: id, secret, and the token of a session.
    pub keys: Option<(String, SecretString, Option<SecretString>)>,
    /// Where all others may be found.
    pub surroundings: Surroundings,
}

/// The part of the user's surroundings that tells who they are.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Variables by name. Some are secrets.
    pub variables: BTreeMap<String, SecretString>,
    /// The user's home.
    pub home: PathBuf,
}

impl Surroundings {
    /// A variable that is not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.expose_secret();
        Some(value.trim()).filter(|value| !value.is_empty())
    }
}

impl Identity {
    /// Somebody else gives it out and may take it back before its end.
    pub(crate) fn is_given_out(&self) -> bool {
        matches!(self, Self::GitLab(_) | Self::Sap(_) | Self::Azure(_))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(aws) => formatter
                .debug_struct("Aws")
                .field("region", &aws.region)
                .field("profile", &aws.profile)
                .finish_non_exhaustive(),
            Self::Google(_) => formatter.debug_struct("Google").finish_non_exhaustive(),
            Self::GitLab(_) => formatter.debug_struct("GitLab").finish_non_exhaustive(),
            Self::Azure(azure) => formatter.debug_tuple("Azure").field(azure).finish(),
            Self::Sap(_) => formatter.debug_struct("Sap").finish_non_exhaustive(),
        }
    }
}

/// Why an identity cannot be had.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is none, or it is refused. The words say what was looked at.
    None(String),
    /// Who gives it out cannot be reached; later it may be there.
    Connection { url: String, message: String },
}

/// What was looked up.
#[derive(Clone)]
enum Found {
    Keys(aws::Keys),
    Token(SecretString),
    /// A token, and headers that go with it.
    Pass(SecretString, Vec<(String, SecretString)>),
    /// A token, and the deployment to ask.
    Place(SecretString, String),
}

/// Something that was looked up, and its end.
#[derive(Clone)]
struct Held {
    found: Found,
    until: Option<SystemTime>,
    margin: Duration,
}

impl Held {
    fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| {
            until
                .duration_since(SystemTime::now())
                .is_ok_and(|left| left > self.margin)
        })
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

/// Identities that are known. It belongs to a client.
#[derive(Default)]
pub(crate) struct Identities {
    slots: Mutex<HashMap<[u8; 32], Slot>>,
}

impl fmt::Debug for Identities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identities").finish_non_exhaustive()
    }
}

/// A request that is about to be sent.
pub(crate) struct Letter<'a> {
    pub(crate) url: &'a mut Url,
    pub(crate) headers: &'a mut HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Identities {
    /// Adds to a request what shows who asks.
    pub(crate) async fn introduce(
        &self,
        identity: &Identity,
        connections: &Connections,
        letter: Letter<'_>,
    ) -> Result<(), Failure> {
        if matches!(identity, Identity::Google(_)) && letter.headers.contains_key(AUTHORIZATION) {
            // The user's own header wins.
            return Ok(());
        }
        let found = self.find(identity, letter.url, connections).await?;
        match (identity, found) {
            (Identity::Aws(aws), Found::Keys(keys)) => {
                sigv4::sign(letter, &keys, &aws.region, aws.service, &sigv4::now())
                    .map_err(|what| Failure::None(format!("the keys cannot be used: {what}")))
            }
            (Identity::Azure(_), Found::Token(token)) => {
                // Who asks by a token has no key, and one that is there is not for this.
                for name in ["api-key", "x-api-key"] {
                    letter.headers.remove(name);
                }
                bear(letter.headers, &token)
            }
            (_, Found::Token(token)) => bear(letter.headers, &token),
            (_, Found::Pass(token, headers)) => {
                for (name, value) in headers {
                    let (Ok(name), Ok(mut value)) = (
                        HeaderName::from_bytes(name.as_bytes()),
                        HeaderValue::from_str(value.expose_secret()),
                    ) else {
                        return Err(Failure::None(format!(
                            "the header {name} of the pass cannot be sent"
                        )));
                    };
                    value.set_sensitive(true);
                    // What the request says itself wins.
                    letter.headers.entry(name).or_insert(value);
                }
                bear(letter.headers, &token)
            }
            (_, Found::Place(token, deployment)) => {
                sap::lead(letter.url, &deployment);
                bear(letter.headers, &token)
            }
            (_, Found::Keys(_)) => Err(Failure::None("keys of another provider were found".to_owned())),
        }
    }

    /// The provider does not accept what was found: it is looked up anew next time.
    pub(crate) async fn forget(&self, identity: &Identity) {
        let slot = self.slot(identity);
        *slot.lock().await = None;
    }

    async fn find(
        &self,
        identity: &Identity,
        url: &Url,
        connections: &Connections,
    ) -> Result<Found, Failure> {
        let slot = self.slot(identity);
        let mut held = slot.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.is_fresh()) {
            return Ok(held.found.clone());
        }
        let http = Http { connections };
        let fresh = match identity {
            Identity::Aws(aws) => {
                let (keys, until) = Box::pin(aws::find(aws, &http)).await?;
                Held {
                    found: Found::Keys(keys),
                    until,
                    margin: MARGIN,
                }
            }
            Identity::Google(surroundings) => {
                let (token, until) = Box::pin(google::find(surroundings, &http)).await?;
                Held {
                    found: Found::Token(token),
                    until: Some(until),
                    margin: MARGIN,
                }
            }
            Identity::Azure(azure) => {
                let (token, until) = Box::pin(azure::find(azure)).await?;
                Held {
                    found: Found::Token(token),
                    until: Some(until),
                    margin: azure::MARGIN,
                }
            }
            Identity::GitLab(gitlab) => {
                let (token, headers, until) = Box::pin(gitlab::find(gitlab, &http)).await?;
                Held {
                    found: Found::Pass(token, headers),
                    until: Some(until),
                    margin: Duration::ZERO,
                }
            }
            Identity::Sap(sap) => {
                let (token, deployment, until) = Box::pin(sap::find(sap, url, &http)).await?;
                Held {
                    found: Found::Place(token, deployment),
                    until: Some(until),
                    margin: MARGIN,
                }
            }
        };
        *held = Some(fresh.clone());
        Ok(fresh.found)
    }

    fn slot(&self, identity: &Identity) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = mark(identity);
        if slots.len() >= MOST_KEPT && !slots.contains_key(&mark) {
            slots.clear();
        }
        Arc::clone(slots.entry(mark).or_default())
    }
}

/// Lets a request carry a token.
fn bear(headers: &mut HeaderMap, token: &SecretString) -> Result<(), Failure> {
    let value = format!("Bearer {}", token.expose_secret());
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| Failure::None("the token cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

/// What tells identities apart: everything that they may be found by, as a digest, so that no secret stays
/// longer than it must.
fn mark(identity: &Identity) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut add = |text: &str| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    let surroundings = match identity {
        Identity::Aws(aws) => {
            add("aws");
            add(aws.profile.as_deref().unwrap_or_default());
            if let Some((id, secret, session)) = &aws.keys {
                add(id);
                add(secret.expose_secret());
                add(session.as_ref().map_or("", |session| session.expose_secret()));
            }
            Some(&aws.surroundings)
        }
        Identity::Google(surroundings) => {
            add("google");
            Some(surroundings)
        }
        Identity::GitLab(gitlab) => {
            add("gitlab");
            add(&gitlab.instance);
            add(gitlab.token.expose_secret());
            add(&serde_json::Value::Object(gitlab.features.clone()).to_string());
            for (name, value) in &gitlab.headers {
                add(name);
                add(value);
            }
            None
        }
        Identity::Azure(azure) => {
            add("azure");
            add(&azure.program.to_string_lossy());
            add(azure.scope);
            None
        }
        Identity::Sap(sap) => {
            add("sap");
            sap.mark(&mut add);
            None
        }
    };
    if let Some(surroundings) = surroundings {
        add(&surroundings.home.to_string_lossy());
        for (name, value) in &surroundings.variables {
            add(name);
            add(value.expose_secret());
        }
    }
    let mut mark = [0; 32];
    for (to, from) in mark.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    mark
}
