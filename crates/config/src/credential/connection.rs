//! Stored credentials as clients know them: by an id and a label, without their secrets
//! (reference `v2.md` §12).
//!
//! `auth.json` has the credentials and stays as it is. Ids and labels that somebody gave lie beside it, and
//! only count as long as the credential is the one that they were given to.

use std::io;
use std::path::Path;

use indexmap::IndexMap;
use opencode_schema::id::{Order, generate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Credential, hold, put_held, read, write};
use crate::{Environment, Paths};

/// What every id begins with.
const PREFIX: &str = "cred";
/// Characters of an id behind that, when it is made of a name.
const LENGTH: usize = 26;
/// The label of a credential to which nobody gave one.
const USUAL: &str = "default";

/// A stored credential without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// What it opens: id of a provider.
    pub integration: String,
    /// What the user calls it.
    pub label: String,
}

/// What lies beside `auth.json`, by its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Name {
    id: String,
    label: String,
}

type Names = IndexMap<String, Name>;

/// The stored credentials. Tokens for remote configuration are not among them.
#[must_use]
pub fn connections(paths: &Paths, environment: &Environment) -> Vec<Connection> {
    let names = names(&paths.connections()).unwrap_or_else(|error| {
        tracing::warn!(%error, "labels of credentials cannot be read");
        Names::new()
    });
    let stored = read(paths, environment).into_iter();
    let shown = stored.filter(|(_, credential)| !matches!(credential, Credential::Wellknown { .. }));
    shown
        .map(|(integration, _)| {
            let name = names.get(&integration).cloned();
            let name = name.unwrap_or_else(|| unnamed(&integration));
            Connection {
                id: name.id,
                label: name.label,
                integration,
            }
        })
        .collect()
}

/// Stores a credential under a new id, instead of the one that was there.
///
/// # Errors
/// A file cannot be read or written.
pub fn connect(paths: &Paths, integration: &str, entry: Value, label: Option<&str>) -> io::Result<()> {
    let _writing = hold(paths)?;
    put_held(paths, integration, Some(entry))?;
    let name = Name {
        id: generate(PREFIX, Order::Ascending),
        label: label.unwrap_or(USUAL).to_owned(),
    };
    change(paths, |names| {
        names.insert(integration.to_owned(), name);
    })
}

/// Gives a credential another label; what it opens, or nothing when there is no such credential.
///
/// # Errors
/// A file cannot be read or written.
pub fn relabel(
    paths: &Paths,
    environment: &Environment,
    id: &str,
    label: &str,
) -> io::Result<Option<String>> {
    let _writing = hold(paths)?;
    let Some(found) = find(paths, environment, id) else {
        return Ok(None);
    };
    let name = Name {
        id: found.id,
        label: label.to_owned(),
    };
    change(paths, |names| {
        names.insert(found.integration.clone(), name);
    })?;
    Ok(Some(found.integration))
}

/// Removes a credential; what it opened, or nothing when there is no such credential.
///
/// # Errors
/// A file cannot be read or written.
pub fn disconnect(paths: &Paths, environment: &Environment, id: &str) -> io::Result<Option<String>> {
    let _writing = hold(paths)?;
    let Some(found) = find(paths, environment, id) else {
        return Ok(None);
    };
    put_held(paths, &found.integration, None)?;
    Ok(Some(found.integration))
}

/// Forgets id and label of a credential that is there no more.
pub(super) fn forget(paths: &Paths, integration: &str) -> io::Result<()> {
    if paths.connections().exists() {
        change(paths, |names| {
            names.shift_remove(integration);
        })?;
    }
    Ok(())
}

fn find(paths: &Paths, environment: &Environment, id: &str) -> Option<Connection> {
    let mut all = connections(paths, environment).into_iter();
    all.find(|connection| connection.id == id)
}

/// A credential that came by another way has an id that is made of what it opens.
fn unnamed(integration: &str) -> Name {
    let digest = hex::encode(Sha256::digest(integration));
    Name {
        id: format!("{PREFIX}_{}", digest.get(..LENGTH).unwrap_or_default()),
        label: USUAL.to_owned(),
    }
}

fn names(path: &Path) -> io::Result<Names> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(serde_json::from_str(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Names::new()),
        Err(error) => Err(error),
    }
}

fn change(paths: &Paths, edit: impl FnOnce(&mut Names)) -> io::Result<()> {
    let path = paths.connections();
    // What is damaged holds nothing that cannot be given anew.
    let mut names = names(&path).unwrap_or_default();
    let before = names.clone();
    edit(&mut names);
    if names == before {
        return Ok(());
    }
    write(&path, &names)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::super::put;
    use super::*;

    struct World {
        _home: tempfile::TempDir,
        paths: Paths,
        environment: Environment,
    }

    impl World {
        fn new() -> Self {
            let home = tempfile::TempDir::new().unwrap();
            let home_variable = ("HOME".to_owned(), home.path().display().to_string());
            let environment: Environment = [home_variable].into_iter().collect();
            Self {
                paths: Paths::new(&environment),
                environment,
                _home: home,
            }
        }

        fn shown(&self) -> Vec<(String, String, String)> {
            let all = connections(&self.paths, &self.environment).into_iter();
            all.map(|one| (one.integration, one.id, one.label)).collect()
        }
    }

    fn key(text: &str) -> Value {
        json!({ "type": "api", "key": text })
    }

    #[test]
    fn ids_stay_while_the_credential_does() {
        let world = World::new();
        let World {
            paths, environment, ..
        } = &world;
        connect(paths, "a", key("1"), Some("work")).unwrap();
        let (_, first, label) = world.shown().remove(0);
        assert!(first.starts_with("cred_") && label == "work");
        assert_eq!(
            relabel(paths, environment, &first, "home").unwrap().as_deref(),
            Some("a")
        );
        put(paths, "a", Some(key("1"))).unwrap();
        assert_eq!(
            world.shown(),
            [("a".to_owned(), first.clone(), "home".to_owned())]
        );

        connect(paths, "a", key("2"), None).unwrap();
        let (_, second, label) = world.shown().remove(0);
        assert!(second != first && label == USUAL);
        assert_eq!(relabel(paths, environment, &first, "x").unwrap(), None);
        assert_eq!(disconnect(paths, environment, &first).unwrap(), None);
        assert_eq!(world.shown().len(), 1, "the new one stays");
        assert_eq!(
            disconnect(paths, environment, &second).unwrap().as_deref(),
            Some("a")
        );
        assert_eq!(world.shown(), []);
    }

    #[test]
    fn what_came_by_another_way_has_an_id_and_loses_a_label_that_was_not_its_own() {
        let world = World::new();
        let World {
            paths, environment, ..
        } = &world;
        put(paths, "b", Some(key("1"))).unwrap();
        let before = world.shown();
        assert_eq!(world.shown(), before);
        let id = &before[0].1;
        assert_eq!(id.len(), PREFIX.len() + 1 + LENGTH);
        relabel(paths, environment, id, "mine").unwrap();
        assert_eq!(world.shown()[0].2, "mine");
        put(paths, "b", Some(key("2"))).unwrap();
        assert_eq!(world.shown(), before);
        let text = fs_err::read_to_string(paths.connections()).unwrap();
        assert_eq!(text, "{}");
    }
}
