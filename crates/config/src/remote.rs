//! Configuration that organisations give to those who are logged in with them (reference `config.md` §3).
//! Nothing is fetched here: [`logins`] says what to ask, [`First`] and [`First::finish`] read the answers,
//! and the last good one is kept in a file, so that a server that is gone does not keep anybody from working.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use opencode_schema::time::{Millis, now};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::credential::Credential;
use crate::text::{self, Source};
use crate::{Environment, Error, Paths, credential, merge, replace};

/// A log-in that may have configuration.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its address, without slashes at its end.
    pub address: String,
    variable: String,
    token: SecretString,
}

/// What is asked for.
#[derive(Debug)]
pub struct Request {
    /// The address.
    pub url: String,
    /// Headers that go with it; they may be secret.
    pub headers: Vec<(String, SecretString)>,
}

/// What came.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The `content-type`.
    pub kind: &'a str,
    /// The text.
    pub body: &'a str,
}

/// The answer of the log-in itself.
#[derive(Debug)]
pub struct First {
    config: Map<String, Value>,
    /// Where more is asked for.
    pub more: Option<Request>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    fetched: Millis,
    config: Value,
}

/// An answer that was good, and how old it is.
#[derive(Debug)]
pub struct LastGood {
    /// Milliseconds since it came.
    pub age: Millis,
    pub(crate) config: Value,
}

/// All log-ins of that kind.
#[must_use]
pub fn logins(paths: &Paths, environment: &Environment) -> Vec<Login> {
    let all = credential::read(paths, environment).into_iter();
    all.filter_map(|(address, credential)| match credential {
        Credential::Wellknown { key, token } => Some(Login {
            address: address.trim_end_matches('/').to_owned(),
            variable: key,
            token,
        }),
        _ => None,
    })
    .collect()
}

/// The environment that `{env:…}` of files sees: with the tokens of the log-ins.
pub(crate) fn with_tokens(environment: &Environment, logins: &[Login]) -> Environment {
    if logins.is_empty() {
        return environment.clone();
    }
    environment.with(logins.iter().map(|login| {
        let token = login.token.expose_secret().to_owned();
        (login.variable.clone(), token)
    }))
}

impl Login {
    /// What is asked for first.
    #[must_use]
    pub fn request(&self) -> Request {
        Request {
            url: self.source(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn source(&self) -> String {
        format!("{}/.well-known/opencode", self.address)
    }

    /// Reads the first answer.
    ///
    /// # Errors
    /// It is something else than was asked for.
    pub fn first(
        &self,
        answer: Answer<'_>,
        paths: &Paths,
        environment: &Environment,
    ) -> Result<First, Error> {
        let url = self.source();
        let undecodable = |reason: &str| self.undecodable(&url, reason);
        let Value::Object(mut object) = self.object(answer, &url)? else {
            return Err(undecodable("expected object"));
        };
        let config = match object.shift_remove("config") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(config)) => config,
            Some(_) => return Err(undecodable("\"config\" is no object")),
        };
        let more = match object.shift_remove("remote_config") {
            None | Some(Value::Null) => None,
            Some(more) => Some(self.more(more, paths, environment)?),
        };
        Ok(First { config, more })
    }

    fn more(&self, more: Value, paths: &Paths, environment: &Environment) -> Result<Request, Error> {
        #[derive(Deserialize)]
        struct More {
            url: String,
            #[serde(default)]
            headers: IndexMap<String, String>,
        }
        let source = self.source();
        let more: More = serde_json::from_value(more)
            .map_err(|error| self.undecodable(&source, &format!("\"remote_config\": {error}")))?;
        let environment = with_tokens(environment, std::slice::from_ref(self));
        let source = Source {
            path: Path::new(&source),
            folder: Path::new(&self.address),
            environment: &environment,
            paths,
        };
        let headers = more.headers.iter().map(|(name, value)| {
            let value = text::plain(value, &source)?;
            Ok((name.clone(), SecretString::from(value)))
        });
        Ok(Request {
            url: text::plain(&more.url, &source)?,
            headers: headers.collect::<Result<_, Error>>()?,
        })
    }

    fn object(&self, answer: Answer<'_>, url: &str) -> Result<Value, Error> {
        let start: String = answer.body.trim_start().chars().take(16).collect();
        let start = start.to_ascii_lowercase();
        if answer.kind.contains("text/html") || start.starts_with("<!doctype") || start.starts_with("<html") {
            return Err(Error::RemoteLogin {
                address: self.address.clone(),
                remote: url.to_owned(),
            });
        }
        serde_json::from_str(answer.body).map_err(|error| self.undecodable(url, &error.to_string()))
    }

    fn undecodable(&self, url: &str, reason: &str) -> Error {
        Error::Remote {
            // What stands behind the `?` may be a token.
            address: url.split('?').next().unwrap_or(url).to_owned(),
            reason: format!("its answer cannot be read: {reason}"),
        }
    }

    /// The last good answer, if there was one.
    #[must_use]
    pub fn last_good(&self, paths: &Paths) -> Option<LastGood> {
        let text = fs_err::read_to_string(self.file(paths)).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        Some(LastGood {
            age: now().saturating_sub(kept.fetched),
            config: kept.config,
        })
    }

    /// Keeps a good answer. It may hold secrets and is for the user alone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, config: &Value, paths: &Paths) -> std::io::Result<()> {
        let kept = json!({ "fetched": now(), "config": config });
        replace(&self.file(paths), kept.to_string().as_bytes())
    }

    /// Another token may be given another configuration.
    fn file(&self, paths: &Paths) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(self.address.as_bytes());
        hash.update([0]);
        hash.update(self.token.expose_secret().as_bytes());
        let name = format!("{}.json", hex::encode(hash.finalize()));
        paths.cache.join("remote-config").join(name)
    }
}

impl First {
    /// The whole configuration, with what more was asked for.
    ///
    /// # Errors
    /// The further answer is no object.
    pub fn finish(self, login: &Login, further: Option<(&str, Answer<'_>)>) -> Result<Value, Error> {
        let mut config = Value::Object(self.config);
        if let Some((url, answer)) = further {
            let mut more = login.object(answer, url)?;
            if !more.is_object() {
                return Err(login.undecodable(url, "expected object"));
            }
            if more.get("config").is_some_and(Value::is_object) {
                more = more["config"].take();
            }
            merge::deep(&mut config, more);
        }
        Ok(config)
    }
}
