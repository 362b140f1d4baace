//! What plugins make of providers and models: changes of the configuration, from which the catalogue is made.

use indexmap::IndexMap;
use opencode_catalog::Catalog;
use opencode_schema::Object;
use serde_json::{Value, json};

use super::super::{put, value};
use super::table;

/// The state of the catalogue: the connected providers with their models.
pub(crate) fn catalog(catalog: &Catalog, effective: &Value) -> Value {
    let models = catalog.listed_models();
    let providers = catalog.listed_providers().into_iter().map(|provider| {
        let own: Vec<_> = models
            .iter()
            .filter(|model| model.provider_id == provider.id)
            .collect();
        json!({ "provider": value(&provider), "models": value(&own) })
    });
    let mut state = json!({ "providers": providers.collect::<Value>() });
    let default = effective.get("model").and_then(Value::as_str);
    let default = default.and_then(|model| model.split_once('/'));
    put(
        &mut state,
        "default",
        default.map(|(provider, model)| json!({ "providerID": provider, "modelID": model })),
    );
    state
}

/// The configuration with providers and models as plugins made them.
pub(crate) fn with_catalog(effective: &mut Value, given: &Value, made: &Value) {
    let (before, now) = (records(given), records(made));
    for id in before.keys().filter(|id| !now.contains_key(*id)) {
        add(effective.as_object_mut(), "disabled_providers", id);
    }
    for (id, record) in &now {
        let known = before.get(id);
        if known == Some(record) {
            continue;
        }
        let Some(config) = table(effective, "provider").and_then(|all| {
            let own = all.entry(id.clone()).or_insert_with(|| json!({}));
            own.as_object_mut()
        }) else {
            continue;
        };
        if known.map(|known| &known.0) != Some(&record.0) {
            provider(config, &record.0, known.map(|known| &known.0));
        }
        models(config, &record.1, known.map(|known| &known.1));
    }
    let text = |key: &str| made.get("default")?.get(key)?.as_str();
    if given.get("default") != made.get("default")
        && let (Some(provider), Some(model)) = (text("providerID"), text("modelID"))
        && let Some(effective) = effective.as_object_mut()
    {
        effective.insert("model".to_owned(), format!("{provider}/{model}").into());
    }
}

/// A provider and its models by id.
type Record = (Value, IndexMap<String, Value>);

fn records(state: &Value) -> IndexMap<String, Record> {
    let list = state.get("providers").and_then(Value::as_array);
    let records = list.into_iter().flatten().filter_map(|record| {
        let provider = record.get("provider")?.clone();
        let id = provider.get("id")?.as_str()?.to_owned();
        let models = record
            .get("models")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let models = models.filter_map(|model| Some((model.get("id")?.as_str()?.to_owned(), model.clone())));
        Some((id, (provider, models.collect())))
    });
    records.collect()
}

/// Adds a name to a list of names.
fn add(object: Option<&mut Object>, key: &str, name: &str) {
    let list = object.map(|object| object.entry(key).or_insert_with(|| json!([])));
    if let Some(list) = list.and_then(Value::as_array_mut)
        && !list.iter().any(|known| known == name)
    {
        list.push(name.into());
    }
}

/// What differs of a provider.
fn provider(config: &mut Object, now: &Value, before: Option<&Value>) {
    let field = |path: &str| changed(now, before, path);
    if let Some(name) = field("/name") {
        config.insert("name".to_owned(), name.clone());
    }
    if let Some(package) = field("/api/package") {
        config.insert("npm".to_owned(), package.clone());
    }
    let mut options = Object::new();
    for path in ["/api/settings", "/request/body"] {
        options.extend(
            field(path)
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        );
    }
    if let Some(url) = field("/api/url") {
        options.insert("baseURL".to_owned(), url.clone());
    }
    if let Some(headers) = field("/request/headers") {
        options.insert("headers".to_owned(), headers.clone());
    }
    if let Some(own) = config
        .entry("options")
        .or_insert_with(|| json!({}))
        .as_object_mut()
    {
        own.extend(options);
    }
}

/// What differs of the models of a provider.
fn models(config: &mut Object, now: &IndexMap<String, Value>, before: Option<&IndexMap<String, Value>>) {
    let none = IndexMap::new();
    let before = before.unwrap_or(&none);
    for id in before.keys().filter(|id| !now.contains_key(*id)) {
        add(Some(config), "blacklist", id);
    }
    for (id, model) in now {
        let known = before.get(id);
        if known == Some(model) {
            continue;
        }
        if changed(model, known, "/enabled") == Some(&Value::Bool(false)) {
            add(Some(config), "blacklist", id);
        }
        let all = config.entry("models").or_insert_with(|| json!({}));
        let own = all
            .as_object_mut()
            .map(|all| all.entry(id.clone()).or_insert_with(|| json!({})));
        if let Some(own) = own.and_then(Value::as_object_mut) {
            own.extend(facts(model, known));
        }
    }
}

/// What differs of a model, in the words of the configuration.
fn facts(now: &Value, before: Option<&Value>) -> Object {
    /// Where the list has what and what configuration calls it.
    const PLAIN: [(&str, &str); 9] = [
        ("/name", "name"),
        ("/family", "family"),
        ("/api/id", "id"),
        ("/status", "status"),
        ("/limit", "limit"),
        ("/capabilities/tools", "tool_call"),
        ("/request/body", "options"),
        ("/request/headers", "headers"),
        ("/cost/0/input", "cost"),
    ];
    let mut facts = Object::new();
    for (path, key) in PLAIN {
        let Some(content) = changed(now, before, path) else {
            continue;
        };
        let content = match key {
            "cost" => cost(now),
            // Nobody knows.
            "limit" if content.get("context").and_then(Value::as_u64) == Some(0) => continue,
            _ => content.clone(),
        };
        facts.insert(key.to_owned(), content);
    }
    let kinds = |path: &str| now.pointer(path).cloned().unwrap_or_else(|| json!([]));
    let is_known = kinds("/capabilities/input")
        .as_array()
        .is_some_and(|kinds| !kinds.is_empty());
    let takes = changed(now, before, "/capabilities/input").is_some();
    if is_known && (takes || changed(now, before, "/capabilities/output").is_some()) {
        let modalities =
            json!({ "input": kinds("/capabilities/input"), "output": kinds("/capabilities/output") });
        facts.insert("modalities".to_owned(), modalities);
    }
    let variants = changed(now, before, "/variants").and_then(Value::as_array);
    if let Some(variants) = variants.filter(|variants| !variants.is_empty()) {
        let of = |variant: &Value| {
            Some((
                variant.get("id")?.as_str()?.to_owned(),
                variant.get("body")?.clone(),
            ))
        };
        facts.insert(
            "variants".to_owned(),
            Value::Object(variants.iter().filter_map(of).collect()),
        );
    }
    facts
}

/// The base price of a model.
fn cost(model: &Value) -> Value {
    let price = |path: &str| model.pointer(path).and_then(Value::as_f64);
    let mut cost = json!({
        "input": price("/cost/0/input").unwrap_or_default(),
        "output": price("/cost/0/output").unwrap_or_default(),
    });
    put(&mut cost, "cache_read", price("/cost/0/cache/read"));
    put(&mut cost, "cache_write", price("/cost/0/cache/write"));
    cost
}

/// What stands at a place, if it is not what stood there.
fn changed<'a>(now: &'a Value, before: Option<&Value>, path: &str) -> Option<&'a Value> {
    let own = now.pointer(path).filter(|own| !own.is_null())?;
    (before.and_then(|before| before.pointer(path)) != Some(own)).then_some(own)
}
