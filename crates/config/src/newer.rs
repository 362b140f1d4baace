//! Keys of the next generation's configuration, in today's words (reference `config.md` §5.4). Where both
//! are there, today's win; what has no meaning here is told and left out.

use serde_json::{Map, Value, json};

use crate::schema::{self, Issue};

/// What was left out, by key.
pub(crate) type LeftOut = Vec<String>;

/// Keys that only the next generation acts on.
const WITHOUT_MEANING: [&str; 4] = ["plugins", "providers", "websearch", "warming"];

/// What an agent of the newer form may say.
const AGENT_KEYS: [&str; 9] = [
    "model",
    "request",
    "system",
    "description",
    "mode",
    "hidden",
    "color",
    "steps",
    "disabled",
];

/// Language servers that need no extensions, because the program knows them.
const LANGUAGE_SERVERS: &str = include_str!("../data/language-servers.txt");

/// Puts newer keys of one source into today's form.
///
/// # Errors
/// Permissions of the newer form: leaving them out would allow what they forbid.
pub(crate) fn lower(config: &mut Map<String, Value>) -> Result<LeftOut, Vec<Issue>> {
    refuse_permissions(config)?;
    let mut lowering = Lowering::default();
    for key in WITHOUT_MEANING {
        if config.shift_remove(key).is_some() {
            lowering.leave_out(&[key]);
        }
    }
    for (newer, today) in [("snapshots", "snapshot"), ("media", "attachment")] {
        if let Some(value) = config.shift_remove(newer) {
            lowering.set(config, today, value, &[newer]);
        }
    }
    if let Some((model, variant)) = config.get("model").and_then(model) {
        config.insert("model".to_owned(), model.into());
        if variant.is_some() {
            lowering.leave_out(&["model", "variant"]);
        }
    }
    skills(config);
    lowering.compaction(config);
    lowering.experimental(config);
    lowering.agents(config);
    lowering.commands(config);
    lowering.mcp(config);
    lowering.language_servers(config);
    Ok(lowering.left_out)
}

fn refuse_permissions(config: &Map<String, Value>) -> Result<(), Vec<Issue>> {
    let mut keys: Vec<Vec<String>> = Vec::new();
    if config.contains_key("permissions") {
        keys.push(vec!["permissions".to_owned()]);
    }
    for kind in ["agents", "agent", "mode"] {
        for (name, agent) in object(config.get(kind)).into_iter().flatten() {
            if agent.get("permissions").is_some() {
                keys.push(vec![kind.to_owned(), name.clone(), "permissions".to_owned()]);
            }
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    let issue = |key| Issue {
        hint: Some("write them as \"permission\"".to_owned()),
        ..Issue::new(key, "Permissions of the newer form are not understood")
    };
    Err(keys.into_iter().map(issue).collect())
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

/// `provider/model#variant`, or the same as an object: the model and the variant.
fn model(value: &Value) -> Option<(String, Option<String>)> {
    match value {
        Value::String(text) => {
            let (model, variant) = text.split_once('#')?;
            Some((model.to_owned(), Some(variant.to_owned())))
        }
        Value::Object(parts) => {
            let part = |name: &str| parts.get(name).and_then(Value::as_str);
            let variant = match parts.get("variant") {
                None => None,
                Some(variant) => Some(variant.as_str()?.to_owned()),
            };
            Some((format!("{}/{}", part("providerID")?, part("model")?), variant))
        }
        _ => None,
    }
}

fn skills(config: &mut Map<String, Value>) {
    let Some(Value::Array(all)) = config.get("skills") else {
        return;
    };
    if !all.iter().all(Value::is_string) {
        return;
    }
    let is_address = |entry: &&Value| {
        let text = entry.as_str().unwrap_or_default().to_ascii_lowercase();
        text.starts_with("http://") || text.starts_with("https://")
    };
    let (urls, paths): (Vec<&Value>, Vec<&Value>) = all.iter().partition(is_address);
    let split = json!({ "paths": paths, "urls": urls });
    config.insert("skills".to_owned(), split);
}

#[derive(Default)]
struct Lowering {
    left_out: LeftOut,
}

impl Lowering {
    fn leave_out(&mut self, key: &[&str]) {
        self.left_out.push(key.join("."));
    }

    /// Sets a key of today's form unless it is there.
    fn set(&mut self, object: &mut Map<String, Value>, key: &str, value: Value, from: &[&str]) {
        match object.get(key) {
            Some(known) if *known == value => {}
            Some(_) => self.leave_out(from),
            None => {
                object.insert(key.to_owned(), value);
            }
        }
    }

    fn compaction(&mut self, config: &mut Map<String, Value>) {
        let Some(Value::Object(compaction)) = config.get_mut("compaction") else {
            return;
        };
        let kept = compaction
            .shift_remove("keep")
            .and_then(|keep| keep.get("tokens").cloned());
        for (value, today, from) in [
            (
                kept,
                "preserve_recent_tokens",
                &["compaction", "keep", "tokens"][..],
            ),
            (
                compaction.shift_remove("buffer"),
                "reserved",
                &["compaction", "buffer"],
            ),
        ] {
            match value {
                Some(value) if value.is_u64() => self.set(compaction, today, value, from),
                Some(_) => self.leave_out(from),
                None => {}
            }
        }
    }

    fn experimental(&mut self, config: &mut Map<String, Value>) {
        let Some(Value::Object(experimental)) = config.get_mut("experimental") else {
            return;
        };
        if experimental.shift_remove("portable_shell_scanner").is_some() {
            self.leave_out(&["experimental", "portable_shell_scanner"]);
        }
        match experimental.shift_remove("subagent_depth") {
            Some(depth) if depth.is_u64() => {
                self.set(
                    config,
                    "subagent_depth",
                    depth,
                    &["experimental", "subagent_depth"],
                );
            }
            Some(_) => self.leave_out(&["experimental", "subagent_depth"]),
            None => {}
        }
    }

    fn agents(&mut self, config: &mut Map<String, Value>) {
        self.entries(config, "agents", "agent", |lowering, name, agent| {
            let mut agent = agent.as_object()?.clone();
            agent.retain(|key, _| AGENT_KEYS.contains(&key.as_str()));
            with_variant(&mut agent);
            for (newer, today) in [("system", "prompt"), ("disabled", "disable")] {
                if let Some(value) = agent.shift_remove(newer) {
                    agent.insert(today.to_owned(), value);
                }
            }
            if let Some(Value::Object(mut request)) = agent.shift_remove("request") {
                if request.contains_key("headers") {
                    lowering.leave_out(&["agents", name, "request", "headers"]);
                }
                if let Some(body) = request.shift_remove("body") {
                    agent.insert("options".to_owned(), body);
                }
            }
            Some(Value::Object(agent))
        });
    }

    fn commands(&mut self, config: &mut Map<String, Value>) {
        self.entries(config, "commands", "command", |_, _, command| {
            let mut command = command.as_object()?.clone();
            command.get("template")?.as_str()?;
            with_variant(&mut command);
            Some(Value::Object(command))
        });
    }

    /// Entries of a newer table whose names are free in today's.
    fn entries(
        &mut self,
        config: &mut Map<String, Value>,
        newer: &str,
        today: &str,
        lower: impl Fn(&mut Self, &str, &Value) -> Option<Value>,
    ) {
        let entries = match config.shift_remove(newer) {
            Some(Value::Object(entries)) => entries,
            Some(_) => return self.leave_out(&[newer]),
            None => return,
        };
        // What is there and is no table is refused by its own key.
        if config.get(today).is_some_and(|there| !there.is_object()) {
            return;
        }
        let mut table = match config.get(today) {
            Some(Value::Object(table)) => table.clone(),
            _ => Map::new(),
        };
        for (name, entry) in &entries {
            if table.contains_key(name) {
                if table.get(name) != Some(entry) {
                    self.leave_out(&[newer, name]);
                }
                continue;
            }
            // Parity: config.md §5.4, what is no entry of the newer form is left out.
            let fits = |lowered: &Value| schema::configuration(json!({ today: { name: lowered } })).is_ok();
            match lower(self, name, entry).filter(fits) {
                Some(lowered) => {
                    table.insert(name.clone(), lowered);
                }
                None => self.leave_out(&[newer, name]),
            }
        }
        if !table.is_empty() || config.contains_key(today) {
            config.insert(today.to_owned(), Value::Object(table));
        }
    }

    fn mcp(&mut self, config: &mut Map<String, Value>) {
        let Some(Value::Object(mcp)) = config.get("mcp") else {
            return;
        };
        // A server of today's form may have one of these names.
        let is_server = |value: &Value| {
            ["type", "enabled"]
                .iter()
                .any(|key| value.get(*key).is_some_and(|value| !value.is_object()))
        };
        let mut mcp = mcp.clone();
        let newer = |mcp: &mut Map<String, Value>, name: &str| match mcp.get(name) {
            Some(Value::Object(table)) if !is_server(&Value::Object(table.clone())) => {
                mcp.shift_remove(name).and_then(|table| match table {
                    Value::Object(table) => Some(table),
                    _ => None,
                })
            }
            _ => None,
        };
        let servers = newer(&mut mcp, "servers");
        let timeout = newer(&mut mcp, "timeout");
        let mut all = Map::new();
        for (name, server) in &mcp {
            let lowered = if is_newer(server) {
                self.server(&["mcp", name], server)
            } else {
                server.clone()
            };
            all.insert(name.clone(), lowered);
        }
        for (name, server) in servers.iter().flatten() {
            if all.contains_key(name) {
                self.leave_out(&["mcp", "servers", name]);
            } else {
                all.insert(name.clone(), self.server(&["mcp", "servers", name], server));
            }
        }
        config.insert("mcp".to_owned(), Value::Object(all));
        let Some(timeout) = timeout else { return };
        match one_time(&timeout) {
            Some(time) => {
                let mut experimental = match config.get("experimental") {
                    Some(Value::Object(experimental)) => experimental.clone(),
                    Some(_) => return,
                    None => Map::new(),
                };
                self.set(&mut experimental, "mcp_timeout", time, &["mcp", "timeout"]);
                config.insert("experimental".to_owned(), Value::Object(experimental));
            }
            None if timeout.is_empty() => {}
            None => self.leave_out(&["mcp", "timeout"]),
        }
    }

    fn server(&mut self, key: &[&str], server: &Value) -> Value {
        let Value::Object(server) = server else {
            return server.clone();
        };
        let mut server = server.clone();
        if server.shift_remove("codemode").is_some() {
            self.leave_out(&[key, &["codemode"]].concat());
        }
        let disabled = server.shift_remove("disabled") == Some(Value::Bool(true));
        server.entry("enabled").or_insert_with(|| (!disabled).into());
        if let Some(Value::Object(timeout)) = server.get("timeout") {
            let time = one_time(timeout);
            if time.is_none() && !timeout.is_empty() {
                self.leave_out(&[key, &["timeout"]].concat());
            }
            server.shift_remove("timeout");
            server.extend(time.map(|time| ("timeout".to_owned(), time)));
        }
        if let Some(Value::Object(login)) = server.get_mut("oauth") {
            for (newer, today) in [
                ("client_id", "clientId"),
                ("client_secret", "clientSecret"),
                ("callback_port", "callbackPort"),
                ("redirect_uri", "redirectUri"),
            ] {
                if let Some(value) = login.shift_remove(newer) {
                    login.entry(today).or_insert(value);
                }
            }
        }
        Value::Object(server)
    }

    fn language_servers(&mut self, config: &mut Map<String, Value>) {
        let Some(Value::Object(servers)) = config.get_mut("lsp") else {
            return;
        };
        servers.retain(|name, server| {
            let stays = LANGUAGE_SERVERS.lines().any(|known| known == name)
                || server.get("disabled") == Some(&Value::Bool(true))
                || server.get("extensions").is_some()
                // What is no language server is refused by its own key.
                || !server.get("command").is_some_and(Value::is_array);
            if !stays {
                self.leave_out(&["lsp", name]);
            }
            stays
        });
    }
}

/// Whether a server under a name of its own is written in the newer form.
fn is_newer(server: &Value) -> bool {
    const LOGIN: [&str; 4] = ["client_id", "client_secret", "callback_port", "redirect_uri"];
    let login = server.get("oauth");
    server.get("disabled").is_some()
        || server.get("codemode").is_some()
        || server.get("timeout").is_some_and(Value::is_object)
        || LOGIN
            .iter()
            .any(|key| login.and_then(|login| login.get(*key)).is_some())
}

/// Takes model and variant of an agent or a command apart.
fn with_variant(entry: &mut Map<String, Value>) {
    if let Some((model, variant)) = entry.get("model").and_then(model) {
        entry.insert("model".to_owned(), model.into());
        if let Some(variant) = variant {
            entry.insert("variant".to_owned(), variant.into());
        }
    }
}

/// The time that listing and calling tools may take, if it is the same and starting has none of its own.
fn one_time(timeout: &Map<String, Value>) -> Option<Value> {
    let (catalog, execution) = (timeout.get("catalog")?, timeout.get("execution")?);
    (catalog == execution && !timeout.contains_key("startup")).then(|| catalog.clone())
}
