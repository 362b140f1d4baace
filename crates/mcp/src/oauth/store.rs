//! Tokens of MCP servers and what this program is called there: `mcp-auth.json` (reference `integrations.md`
//! §A15). Entries of servers that are not ours to judge stay as they are.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use opencode_config::lock::{self, Lock};
use opencode_config::{Paths, replace};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::error::OAuthError;

/// How long another program that writes the file is waited for, and how long it is between two looks.
const WRITING: (Duration, Duration) = (Duration::from_secs(5), Duration::from_millis(10));
/// How long another program that renews a token is waited for.
const RENEWING: Duration = Duration::from_secs(60);

/// What is stored about a server.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Entry {
    /// What requests are made with.
    #[serde(default)]
    pub tokens: Option<Tokens>,
    /// What this program is called there, where it registered itself.
    #[serde(rename = "clientInfo", default)]
    pub client: Option<Client>,
    /// The address that all of it is for.
    #[serde(rename = "serverUrl", default)]
    pub server_url: Option<String>,
    /// Where the server said who gives tokens for it. The reference knows no such key and passes it over.
    #[serde(rename = "resourceMetadata", default)]
    pub resource_metadata: Option<String>,
}

/// What requests are made with.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// Goes with each request.
    #[serde(rename = "accessToken")]
    pub access: SecretString,
    /// Gets another one.
    #[serde(rename = "refreshToken", default)]
    pub refresh: Option<SecretString>,
    /// When the first one ends: seconds since 1970.
    #[serde(default)]
    pub expires_at: Option<f64>,
    /// What they are good for.
    #[serde(default)]
    pub scope: Option<String>,
}

impl Tokens {
    /// Whether the token has ended, or will have in so many seconds.
    pub(super) fn ends_within(&self, seconds: f64) -> bool {
        self.expires_at.is_some_and(|end| end < now() + seconds)
    }
}

/// What this program is called at a server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Its name.
    #[serde(rename = "clientId")]
    pub id: String,
    /// What proves it.
    #[serde(rename = "clientSecret", default)]
    pub secret: Option<SecretString>,
    /// When it was given: seconds since 1970.
    #[serde(rename = "clientIdIssuedAt", default)]
    pub issued_at: Option<Number>,
    /// When the proof ends: seconds since 1970; 0 never.
    #[serde(rename = "clientSecretExpiresAt", default)]
    pub secret_expires_at: Option<Number>,
    /// How it is proved, where the server said so. The reference knows no such key and passes it over.
    #[serde(rename = "tokenEndpointAuthMethod", default)]
    pub method: Option<String>,
}

impl Client {
    /// Parity: integrations.md §A15, a client whose secret has ended is as good as none.
    pub(super) fn is_usable(&self) -> bool {
        let end = self.secret_expires_at.as_ref().and_then(Number::as_f64);
        end.is_none_or(|end| end <= 0.0 || end >= now())
    }
}

impl Entry {
    /// As it stands in the file, secrets and all.
    fn to_value(&self) -> Value {
        let mut value = Map::new();
        if let Some(tokens) = &self.tokens {
            value.insert(
                "tokens".to_owned(),
                without_nulls(json!({
                    "accessToken": tokens.access.expose_secret(),
                    "refreshToken": tokens.refresh.as_ref().map(|token| token.expose_secret()),
                    "expiresAt": tokens.expires_at,
                    "scope": tokens.scope,
                })),
            );
        }
        if let Some(client) = &self.client {
            value.insert(
                "clientInfo".to_owned(),
                without_nulls(json!({
                    "clientId": client.id,
                    "clientSecret": client.secret.as_ref().map(|secret| secret.expose_secret()),
                    "clientIdIssuedAt": client.issued_at,
                    "clientSecretExpiresAt": client.secret_expires_at,
                    "tokenEndpointAuthMethod": client.method,
                })),
            );
        }
        if let Some(url) = &self.server_url {
            value.insert("serverUrl".to_owned(), url.clone().into());
        }
        if let Some(url) = &self.resource_metadata {
            value.insert("resourceMetadata".to_owned(), url.clone().into());
        }
        Value::Object(value)
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// The seconds since 1970.
pub(super) fn now() -> f64 {
    opencode_schema::time::now() as f64 / 1000.0
}

/// The file.
#[derive(Clone, Debug)]
pub(super) struct Store {
    paths: Paths,
}

impl Store {
    pub(super) fn new(paths: Paths) -> Self {
        Self { paths }
    }

    fn path(&self) -> PathBuf {
        self.paths.data.join("mcp-auth.json")
    }

    /// Every entry as it stands there. What is no JSON object is empty.
    fn raw(&self) -> Map<String, Value> {
        match fs_err::read_to_string(self.path()) {
            Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| {
                tracing::warn!(
                    line = error.line(),
                    "mcp-auth.json is no JSON object and counts as empty"
                );
                Map::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, "the logins at MCP servers cannot be read");
                }
                Map::new()
            }
        }
    }

    /// Every entry, by the name of the server. Those that do not fit hold nothing.
    pub(super) fn all(&self) -> Vec<(String, Entry)> {
        let entries = self.raw().into_iter();
        entries
            .map(|(name, value)| (name, Entry::deserialize(value).unwrap_or_default()))
            .collect()
    }

    /// What is stored about a server, if it is for this address.
    pub(super) fn of(&self, name: &str, url: &str) -> Option<Entry> {
        let entry = Entry::deserialize(self.raw().remove(name)?).ok()?;
        (entry.server_url.as_deref() == Some(url)).then_some(entry)
    }

    /// Replaces the entry of a server by what `edit` makes of it; `None` removes it.
    pub(super) async fn change(
        &self,
        name: &str,
        edit: impl FnOnce(Option<Entry>) -> Option<Entry> + Send + 'static,
    ) -> Result<(), OAuthError> {
        let held = self.hold("mcp-auth", WRITING.0).await?;
        let (store, name) = (self.clone(), name.to_owned());
        let written = tokio::task::spawn_blocking(move || {
            let _held = held;
            let mut all = store.raw();
            let before = all.get(&name).and_then(|value| Entry::deserialize(value).ok());
            match edit(before) {
                Some(entry) => {
                    all.insert(name, entry.to_value());
                }
                None if all.shift_remove(&name).is_none() => return Ok(()),
                None => {}
            }
            store.write(&all)
        });
        let written = written.await.map_err(|error| OAuthError::store(&error))?;
        written.map_err(|error| OAuthError::store(&error))
    }

    fn write(&self, all: &Map<String, Value>) -> io::Result<()> {
        replace(&self.path(), &serde_json::to_vec_pretty(all)?)
    }

    /// Waits until no other program renews the token of this server.
    pub(super) async fn hold_renewal(&self, name: &str) -> Result<Lock, OAuthError> {
        // Names may be longer than those of files, and differ in what files cannot be called.
        let digest = hex::encode(Sha256::digest(name));
        let short = digest.get(..16).unwrap_or_default();
        self.hold(&format!("mcp-auth-{short}"), RENEWING).await
    }

    async fn hold(&self, name: &str, limit: Duration) -> Result<Lock, OAuthError> {
        let end = Instant::now() + limit;
        loop {
            match lock::try_hold(&self.paths, name) {
                Ok(Some(held)) => return Ok(held),
                Ok(None) if Instant::now() >= end => {
                    return Err(OAuthError::store(&format!(
                        "another program has held the lock {name} for {limit:?}"
                    )));
                }
                Ok(None) => tokio::time::sleep(WRITING.1).await,
                Err(error) => return Err(OAuthError::store(&error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use opencode_config::Environment;
    use pretty_assertions::assert_eq;

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let home = tempfile::TempDir::new().unwrap();
        let variable = ("HOME".to_owned(), home.path().display().to_string());
        let environment: Environment = [variable].into_iter().collect();
        (home, Store::new(Paths::new(&environment)))
    }

    fn write(store: &Store, text: &str) {
        fs_err::create_dir_all(&store.paths.data).unwrap();
        fs_err::write(store.path(), text).unwrap();
    }

    #[tokio::test]
    async fn entries_are_for_their_address_and_others_stay() {
        let (_home, store) = store();
        let other = json!({ "tokens": { "accessToken": 5 }, "future": [1] });
        let text = json!({
            "other": other,
            "t": { "tokens": { "accessToken": "a-secret", "expiresAt": 1700.5 }, "serverUrl": "http://x/mcp" },
        });
        write(&store, &text.to_string());
        assert!(store.of("t", "http://x/").is_none() && store.of("other", "http://x/").is_none());
        let entry = store.of("t", "http://x/mcp").unwrap();
        assert!(!format!("{entry:?}").contains("a-secret"));
        assert_eq!(store.all().len(), 2);

        let edit = |entry: Option<Entry>| {
            let mut entry = entry.unwrap_or_default();
            entry.client = Some(Client {
                id: "c".to_owned(),
                secret: Some("s".into()),
                issued_at: Some(7.into()),
                secret_expires_at: None,
                method: None,
            });
            Some(entry)
        };
        store.change("t", edit).await.unwrap();
        let text = fs_err::read_to_string(store.path()).unwrap();
        let all: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            all,
            json!({
                "other": other,
                "t": {
                    "tokens": { "accessToken": "a-secret", "expiresAt": 1700.5 },
                    "clientInfo": { "clientId": "c", "clientSecret": "s", "clientIdIssuedAt": 7 },
                    "serverUrl": "http://x/mcp",
                },
            })
        );
        assert!(text.contains("\n  \"t\": {\n    \"tokens\""), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs_err::metadata(store.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store.change("t", |_| None).await.unwrap();
        store.change("unknown", |_| None).await.unwrap();
        assert_eq!(store.all().len(), 1);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_empty() {
        let (_home, store) = store();
        assert!(store.all().is_empty());
        for text in ["", "nonsense", "[1]", "\u{0}", "{\"a\": "] {
            write(&store, text);
            assert!(store.all().is_empty(), "{text}");
        }
        store.change("t", |_| Some(Entry::default())).await.unwrap();
        assert_eq!(store.all().len(), 1);
    }

    #[tokio::test]
    async fn writers_wait_for_each_other() {
        let (_home, store) = store();
        let writers = (0..20).map(|at| {
            let store = store.clone();
            async move { store.change(&format!("s{at}"), |_| Some(Entry::default())).await }
        });
        for written in futures_util::future::join_all(writers).await {
            written.unwrap();
        }
        assert_eq!(store.all().len(), 20);
    }

    #[test]
    fn secrets_that_have_ended_are_none() {
        let client = |end: Value| {
            let value = json!({ "clientId": "c", "clientSecretExpiresAt": end });
            Client::deserialize(value).unwrap().is_usable()
        };
        assert!(client(Value::Null) && client(json!(0)) && client(json!(now() + 60.0)));
        assert!(!client(json!(1)));
    }
}
