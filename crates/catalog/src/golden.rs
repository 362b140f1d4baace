//! The whole catalogue against what the reference made of it.

use std::sync::Arc;

use opencode_config::credential::Credentials;
use opencode_config::{Environment, Paths};
use opencode_schema::config::Config;
use opencode_schema::model::Provider;
use serde_json::{Value, json};

use crate::public::Public;
use crate::{Catalog, DEMO_PROVIDER, Sources};

/// Providers that the recorded program had connected without any key, so that its list lacks models that
/// a key would bring.
const CONNECTED: &[&str] = &["opencode"];

fn golden() -> Option<Value> {
    let shared = std::env::var_os("OPENCODE_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    let path = shared.join("fixtures/provider-catalogue-golden.json");
    match fs_err::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(_) => {
            println!("skipped: {} is not there", path.display());
            None
        }
    }
}

fn catalog(folder: &std::path::Path) -> Catalog {
    let home = [("HOME".to_owned(), folder.display().to_string())];
    let environment: Environment = home.into_iter().collect();
    Catalog::new(Sources {
        public: Arc::new(Public::new(&Paths::new(&environment), &environment, "0.0.0")),
        paths: Paths::new(&environment),
        environment,
        credentials: Credentials::default(),
        config: Arc::new(Config::default()),
        version: "0.0.0",
        logins: crate::login::Options::default(),
        additions: Arc::default(),
    })
}

#[test]
fn fixtures_whole_catalogue_is_as_recorded() {
    let Some(golden) = golden() else { return };
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path());
    let models = golden["models"].as_object().unwrap();
    let mut wrong = Vec::new();
    let (mut providers, mut checked) = (0, 0);
    for provider in catalog.known().filter(|provider| provider.id != DEMO_PROVIDER) {
        providers += 1;
        let id = provider.id.as_str();
        let mut there = Provider::clone(&provider);
        if CONNECTED.contains(&id) {
            there
                .models
                .retain(|model_id, _| models.contains_key(&format!("{id}/{model_id}")));
        }
        let first = Catalog::first_model(&there).map(|model| model.id.as_str());
        let default = golden["default"][id].as_str();
        if first != default {
            wrong.push(format!("{id}: default {first:?}, recorded {default:?}"));
        }
        for model in provider.models.values() {
            let name = format!("{id}/{}", model.id);
            let Some(recorded) = models.get(&name) else {
                if !CONNECTED.contains(&id) {
                    wrong.push(format!("{name}: not recorded"));
                }
                continue;
            };
            checked += 1;
            let set = recorded["variants"].as_u64().unwrap();
            let facts = [
                ("npm", json!(model.api.npm), recorded["npm"].clone()),
                ("url", json!(model.api.url), or(&recorded["url"], "")),
                ("api id", json!(model.api.id), or(&recorded["api_id"], &model.id)),
                (
                    "variants",
                    json!(model.variants),
                    golden["variant_sets"][usize::try_from(set).unwrap()].clone(),
                ),
            ];
            wrong.extend(
                facts
                    .into_iter()
                    // As texts, so that the order of variants counts: the first is that of small requests.
                    .map(|(what, ours, wanted)| (what, ours.to_string(), wanted.to_string()))
                    .filter(|(_, ours, wanted)| ours != wanted)
                    .map(|(what, ours, wanted)| format!("{name}: {what} {ours}, recorded {wanted}")),
            );
        }
    }
    println!("{providers} providers, {checked} models compared");
    assert_eq!(providers, golden["default"].as_object().unwrap().len());
    assert_eq!(checked, models.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn or(value: &Value, otherwise: &str) -> Value {
    if value.is_null() {
        json!(otherwise)
    } else {
        value.clone()
    }
}
