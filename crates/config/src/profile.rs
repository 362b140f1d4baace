//! Named sets of configuration (beyond the reference): objects under `profile`, of which one can be chosen.
//! It is merged over everything that the user writes, and under what the administrator prescribes.

use serde_json::{Map, Value, json};

use crate::load::Layer;
use crate::schema::Issue;
use crate::{Error, merge};

/// The key that they stand under.
pub(crate) const KEY: &str = "profile";

/// Takes the profiles out of one source.
pub(crate) fn take(source: &mut Value) -> Option<Value> {
    source.as_object_mut()?.shift_remove(KEY)
}

/// Puts them back, each checked by `check`.
pub(crate) fn put_back(
    source: &mut Value,
    profiles: Option<Value>,
    check: impl Fn(Value) -> Result<Value, Error>,
) -> Result<(), Error> {
    let Some(profiles) = profiles else {
        return Ok(());
    };
    // What is no table of tables is somebody else's key of the same name.
    let Value::Object(profiles) = profiles else {
        return Ok(());
    };
    let mut checked = Map::new();
    for (name, mut profile) in profiles {
        take(&mut profile);
        let in_profile = |error| match error {
            Error::Invalid { path, issues } => Error::Invalid {
                path,
                issues: issues.into_iter().map(|issue| below(&name, issue)).collect(),
            },
            other => other,
        };
        let profile = check(profile).map_err(in_profile)?;
        checked.insert(name, profile);
    }
    if let Value::Object(source) = source {
        source.insert(KEY.to_owned(), Value::Object(checked));
    }
    Ok(())
}

fn below(name: &str, mut issue: Issue) -> Issue {
    issue.key.splice(0..0, [KEY.to_owned(), name.to_owned()]);
    issue
}

/// The chosen profile as all sources together define it.
///
/// # Errors
/// No source defines it.
pub(crate) fn chosen<'a>(name: &str, layers: impl IntoIterator<Item = &'a Layer>) -> Result<Layer, Error> {
    let mut profiles = json!({});
    for layer in layers {
        if let Some(more) = layer.value.get(KEY) {
            merge::deep(&mut profiles, more.clone());
        }
    }
    match profiles.get(name) {
        Some(profile) => Ok(Layer::new(format!("profile {name}"), profile.clone())),
        None => Err(Error::NoProfile {
            name: name.to_owned(),
            available: profiles
                .as_object()
                .map(|all| all.keys().cloned().collect())
                .unwrap_or_default(),
        }),
    }
}
