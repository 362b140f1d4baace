//! The sandbox that the user or the administrator wants stays as they want it: a project may want one of its
//! own, but who writes the project's files is just whom it is against.

use opencode_schema::config::SandboxConfig;
use serde_json::Value;

use super::Layer;
use crate::source::Writer;
use crate::{merge, profile};

const KEY: &str = "sandbox";

/// Takes what the project says of the sandbox, in profiles too, out of `layers` where the other sources, those of
/// the administrator among them, together want one.
pub(super) fn keep(layers: &mut [Layer], managed: &[Layer], chosen: Option<&str>) {
    let users: Vec<&Layer> = layers
        .iter()
        .filter(|layer| layer.writer == Writer::User)
        .collect();
    // One that only the project defines says nothing for the user.
    let profile = chosen.and_then(|name| profile::chosen(name, users.iter().copied()).ok());
    let mut wanted = Value::Null;
    for layer in users.into_iter().chain(&profile).chain(managed) {
        if let Some(value) = layer.value.get(KEY) {
            merge::deep(&mut wanted, value.clone());
        }
    }
    let wanted: Option<SandboxConfig> = serde_json::from_value(wanted).ok();
    if wanted.is_none_or(|wanted| wanted.settings().is_none()) {
        return;
    }
    for layer in layers.iter_mut().filter(|layer| layer.writer == Writer::Project) {
        let Some(said) = layer.value.as_object_mut() else {
            continue;
        };
        said.shift_remove(KEY);
        let profiles = said.get_mut(profile::KEY).and_then(Value::as_object_mut);
        for profile in profiles.into_iter().flat_map(|profiles| profiles.values_mut()) {
            if let Some(profile) = profile.as_object_mut() {
                profile.shift_remove(KEY);
            }
        }
    }
}
