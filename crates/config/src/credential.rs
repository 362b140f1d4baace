//! Stored credentials: `auth.json` (reference `config.md` §9).

mod connection;

use std::io;
use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use opencode_schema::time::Millis;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::environment::variable;
use crate::lock::{self, Lock};
use crate::{Environment, Paths, replace};

pub use connection::{Connection, connect, connections, disconnect, relabel};

/// How often one looks whether another program has written its credential, and how long it is between two
/// looks.
const LOOKS: (u32, Duration) = (500, Duration::from_millis(10));

/// A stored credential. Secrets print as redacted.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Credential {
    /// A key.
    Api {
        /// The key.
        key: SecretString,
        /// Further facts, an account id for example.
        #[serde(default)]
        metadata: IndexMap<String, String>,
    },
    /// A login.
    Oauth {
        /// Gets a new access token.
        refresh: SecretString,
        /// Goes with each request.
        access: SecretString,
        /// When `access` ends.
        expires: Millis,
        /// The account.
        #[serde(rename = "accountId", default)]
        account_id: Option<String>,
        /// Address of an own installation.
        #[serde(rename = "enterpriseUrl", default)]
        enterprise_url: Option<String>,
    },
    /// A token for remote configuration.
    Wellknown {
        /// The variable that holds it.
        key: String,
        /// The token.
        token: SecretString,
    },
}

impl Credential {
    /// The entry of `auth.json`. It holds the secrets as they are.
    #[must_use]
    pub fn to_entry(&self) -> Value {
        let mut entry = match self {
            Self::Api { key, metadata } => {
                json!({ "type": "api", "key": key.expose_secret(), "metadata": metadata })
            }
            Self::Oauth {
                refresh,
                access,
                expires,
                account_id,
                enterprise_url,
            } => json!({
                "type": "oauth",
                "refresh": refresh.expose_secret(),
                "access": access.expose_secret(),
                "expires": expires,
                "accountId": account_id,
                "enterpriseUrl": enterprise_url,
            }),
            Self::Wellknown { key, token } => {
                json!({ "type": "wellknown", "key": key, "token": token.expose_secret() })
            }
        };
        if let Some(entry) = entry.as_object_mut() {
            entry.retain(|_, value| !value.is_null() && value != &json!({}));
        }
        entry
    }

    /// Whether it is the same key or login. Tokens of a login change while it lasts.
    fn is_same_login(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Oauth {
                    account_id,
                    enterprise_url,
                    ..
                },
                Self::Oauth {
                    account_id: other_account,
                    enterprise_url: other_url,
                    ..
                },
            ) => account_id == other_account && enterprise_url == other_url,
            _ => self.to_entry() == other.to_entry(),
        }
    }
}

/// Whether both hold the same keys and logins. Tokens of a login change while it lasts, which makes no
/// difference here.
#[must_use]
pub fn are_same_logins(some: &Credentials, others: &Credentials) -> bool {
    let mut pairs = some.iter().zip(others);
    some.len() == others.len()
        && pairs.all(|((id, one), (other_id, other))| id == other_id && one.is_same_login(other))
}

/// Credentials by provider id or address.
pub type Credentials = IndexMap<String, Credential>;

/// The stored credentials. Entries that do not fit are left out; a file that cannot be read or is no JSON
/// object counts as empty and is logged, because everything that needs no credential still works.
#[must_use]
pub fn read(paths: &Paths, environment: &Environment) -> Credentials {
    let entries = entries(paths, environment).into_iter();
    entries
        .filter_map(|(id, entry)| Some((id, serde_json::from_value(entry).ok()?)))
        .collect()
}

/// The same as they are written, with fields that only those know who wrote them. Entries are left out that are no
/// credentials.
#[must_use]
pub fn entries(paths: &Paths, environment: &Environment) -> IndexMap<String, Value> {
    let mut entries = written(paths, environment);
    entries.retain(|_, entry| check(entry).is_ok());
    entries
}

fn written(paths: &Paths, environment: &Environment) -> IndexMap<String, Value> {
    if let Some(content) = environment.get(variable::AUTH_CONTENT)
        && let Ok(entries) = serde_json::from_str(content)
    {
        return entries;
    }
    let path = paths.credentials();
    match fs_err::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "stored credentials are no JSON object and are ignored");
            IndexMap::new()
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => IndexMap::new(),
        Err(error) => {
            tracing::warn!(%error, "stored credentials cannot be read");
            IndexMap::new()
        }
    }
}

/// Whether an entry is a credential.
///
/// # Errors
/// What is wrong with it; the message holds no secret.
pub fn check(entry: &Value) -> Result<(), serde_json::Error> {
    Credential::deserialize(entry).map(drop)
}

/// Stores an entry of `auth.json`, or removes it. The other entries stay as they are; the file is replaced
/// as a whole and is the user's alone.
///
/// # Errors
/// The file cannot be read or written, or holds something else than an object: then it stays as it is.
pub fn put(paths: &Paths, id: &str, entry: Option<Value>) -> io::Result<()> {
    let _writing = hold(paths)?;
    put_held(paths, id, entry)
}

/// The same for somebody who holds the file.
fn put_held(paths: &Paths, id: &str, entry: Option<Value>) -> io::Result<()> {
    let plain = id.trim_end_matches('/');
    let path = paths.credentials();
    let mut entries: IndexMap<String, Value> = match fs_err::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => IndexMap::new(),
        Err(error) => return Err(error),
    };
    // Parity: config.md §9, an address has one entry, without slashes at its end.
    entries.retain(|known, _| known == plain || known.trim_end_matches('/') != plain);
    let credential = |entry: &Value| Credential::deserialize(entry).ok();
    let before = entries.get(plain).and_then(credential);
    let now = entry.as_ref().and_then(credential);
    match entry {
        Some(entry) => {
            entries.insert(plain.to_owned(), entry);
        }
        None => {
            entries.shift_remove(plain);
        }
    }
    write(&path, &entries)?;
    match (before, now) {
        (Some(before), Some(now)) if before.is_same_login(&now) => Ok(()),
        _ => connection::forget(paths, plain),
    }
}

fn write(path: &Path, content: &impl Serialize) -> io::Result<()> {
    replace(path, &serde_json::to_vec_pretty(content)?)
}

/// Waits until no other program writes credentials.
fn hold(paths: &Paths) -> io::Result<Lock> {
    let (looks, pause) = LOOKS;
    for _ in 0..looks {
        if let Some(held) = lock::try_hold(paths, "auth")? {
            return Ok(held);
        }
        std::thread::sleep(pause);
    }
    Err(io::Error::new(
        io::ErrorKind::WouldBlock,
        "another program is writing the credentials and does not end",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(home: &std::path::Path, content: Option<&str>) -> Environment {
        let mut all = vec![("HOME".to_owned(), home.display().to_string())];
        all.extend(content.map(|content| (variable::AUTH_CONTENT.to_owned(), content.to_owned())));
        all.into_iter().collect()
    }

    #[test]
    fn entries_that_do_not_fit_are_left_out() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join(".local/share/opencode/auth.json");
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(
            &path,
            r#"{"a": {"type": "api", "key": "k1", "more": 1}, "b": {"type": "api"}, "c": 5,
                "d": {"type": "oauth", "refresh": "r", "access": "x", "expires": 0}}"#,
        )
        .unwrap();
        let environment = environment(home.path(), None);
        let credentials = read(&Paths::new(&environment), &environment);
        assert_eq!(credentials.keys().collect::<Vec<_>>(), ["a", "d"]);
        let Credential::Api { key, .. } = &credentials["a"] else {
            panic!()
        };
        assert_eq!(key.expose_secret(), "k1");
        assert!(!format!("{credentials:?}").contains("k1"));
    }

    #[test]
    fn the_environment_replaces_the_file_unless_it_is_broken() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join(".local/share/opencode/auth.json");
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, r#"{"file": {"type": "api", "key": "k"}}"#).unwrap();
        for (content, wanted) in [(r#"{"env": {"type": "api", "key": "k"}}"#, "env"), ("{", "file")] {
            let environment = environment(home.path(), Some(content));
            let credentials = read(&Paths::new(&environment), &environment);
            assert_eq!(credentials.keys().collect::<Vec<_>>(), [wanted]);
        }
    }

    #[test]
    fn what_is_written_is_read_and_addresses_have_one_entry() {
        let home = tempfile::TempDir::new().unwrap();
        let environment = environment(home.path(), None);
        let paths = Paths::new(&environment);
        let login = Credential::Oauth {
            refresh: "r".into(),
            access: "a".into(),
            expires: 5,
            account_id: None,
            enterprise_url: Some("h".into()),
        };
        let key = Credential::Api {
            key: "k".into(),
            metadata: IndexMap::new(),
        };
        fs_err::create_dir_all(&paths.data).unwrap();
        fs_err::write(
            paths.credentials(),
            r#"{"https://x//": {"type": "api", "key": "old"}}"#,
        )
        .unwrap();
        put(&paths, "https://x/", Some(key.to_entry())).unwrap();
        put(&paths, "p", Some(login.to_entry())).unwrap();
        let text = fs_err::read_to_string(paths.credentials()).unwrap();
        let entries: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            entries,
            json!({
                "https://x": { "type": "api", "key": "k" },
                "p": { "type": "oauth", "refresh": "r", "access": "a", "expires": 5, "enterpriseUrl": "h" },
            })
        );
        assert!(text.contains("\n  \"p\": {\n    "), "{text}");
        let read = read(&paths, &environment);
        assert_eq!(read["p"].to_entry(), login.to_entry());
        put(&paths, "https://x", None).unwrap();
        assert_eq!(
            super::read(&paths, &environment).keys().collect::<Vec<_>>(),
            ["p"]
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs_err::metadata(paths.credentials())
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn no_file_and_a_broken_file_are_empty() {
        let home = tempfile::TempDir::new().unwrap();
        let environment = environment(home.path(), None);
        let paths = Paths::new(&environment);
        assert!(read(&paths, &environment).is_empty());
        fs_err::create_dir_all(&paths.data).unwrap();
        fs_err::write(paths.credentials(), "not json").unwrap();
        assert!(read(&paths, &environment).is_empty());
    }
}
