//! Stored credentials: `auth.json` (reference `config.md` §9).

use std::io;
use std::sync::{Mutex, PoisonError};

use indexmap::IndexMap;
use opencode_schema::time::Millis;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::environment::variable;
use crate::{Environment, Paths};

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

/// Credentials by provider id or address.
pub type Credentials = IndexMap<String, Credential>;

/// The stored credentials. Entries that do not fit are left out; a file that cannot be read or is no JSON
/// object counts as empty and is logged, because everything that needs no credential still works.
#[must_use]
pub fn read(paths: &Paths, environment: &Environment) -> Credentials {
    if let Some(content) = environment.get(variable::AUTH_CONTENT)
        && let Ok(credentials) = parse(content)
    {
        return credentials;
    }
    let path = paths.credentials();
    match fs_err::read_to_string(&path) {
        Ok(text) => parse(&text).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "stored credentials are no JSON object and are ignored");
            Credentials::new()
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Credentials::new(),
        Err(error) => {
            tracing::warn!(%error, "stored credentials cannot be read");
            Credentials::new()
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
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = paths.credentials();
    let mut entries: IndexMap<String, Value> = match fs_err::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => IndexMap::new(),
        Err(error) => return Err(error),
    };
    match entry {
        Some(entry) => {
            entries.insert(id.to_owned(), entry);
        }
        None => {
            entries.shift_remove(id);
        }
    }
    fs_err::create_dir_all(&paths.data)?;
    // A temporary file is for its owner alone from the beginning.
    let mut file = tempfile::NamedTempFile::new_in(&paths.data)?;
    serde_json::to_writer_pretty(&mut file, &entries)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

fn parse(text: &str) -> Result<Credentials, serde_json::Error> {
    let entries: IndexMap<String, Value> = serde_json::from_str(text)?;
    Ok(entries
        .into_iter()
        .filter_map(|(id, entry)| Some((id, serde_json::from_value(entry).ok()?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

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
