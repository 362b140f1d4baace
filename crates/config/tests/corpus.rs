//! Trees of configuration files and what comes of them. What the reference program makes of each stands in
//! `corpus/*.json` (written by `record.py`); where this program differs on purpose, `ours` says how and `why`.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opencode_config::remote::{self, Answer};
use opencode_config::{Environment, Error, Paths, Place, convert, load};
use pretty_assertions::assert_eq;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// Where the servers of log-ins stand; nothing is asked, the answers stand in the tree.
const REMOTE: &str = "http://remote.test";

#[test]
fn precedence() {
    check(include_str!("corpus/precedence.json"), 25);
}

#[test]
fn merging() {
    check(include_str!("corpus/merge.json"), 25);
}

#[test]
fn texts() {
    check(include_str!("corpus/text.json"), 25);
}

#[test]
fn older_and_newer_keys() {
    check(include_str!("corpus/older-and-newer-keys.json"), 40);
}

#[test]
fn markdown() {
    check(include_str!("corpus/markdown.json"), 15);
}

#[test]
fn errors() {
    check(include_str!("corpus/errors.json"), 30);
}

#[test]
fn log_ins() {
    check(include_str!("corpus/remote.json"), 12);
}

#[test]
fn beyond_the_reference() {
    check(include_str!("corpus/beyond.json"), 10);
}

/// Every file of every tree in today's keys: what is in force stays the same, but for the older keys themselves,
/// also where files of other places say something of the same thing, and there is nothing left to convert.
#[test]
fn gap_32_converting_changes_nothing_that_is_in_force() {
    let mut converted = 0;
    for cases in [
        include_str!("corpus/older-and-newer-keys.json"),
        include_str!("corpus/precedence.json"),
        include_str!("corpus/merge.json"),
        include_str!("corpus/text.json"),
        include_str!("corpus/beyond.json"),
    ] {
        let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
        // What quotes its own text changes with it.
        let all = cases
            .iter()
            .filter(|case| case["name"] != "a file that names the configuration itself");
        for case in all {
            let tree = Tree::of(case);
            let Ok(before) = tree.load() else { continue };
            let files = case["files"].as_object().unwrap().keys();
            for file in files.map(|file| tree.root.join(file)) {
                converted += usize::from(convert_one(&tree, &file));
            }
            let name = &case["name"];
            let after = tree.load().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(in_force(after), in_force(before), "{name}");
        }
    }
    assert!(converted >= 100, "{converted} files");
}

#[test]
fn gap_32_what_would_mean_something_else_beside_other_files_stays() {
    let case = json!({ "files": {
        "home/.config/opencode/opencode.json": {
            "permission": { "edit": "ask" }, "share": "manual", "agent": { "m": { "prompt": "theirs" } }
        },
        "project/opencode.jsonc": "{\n  // never\n  \"tools\": { \"write\": false, \"bash\": false },\n  \
            \"autoshare\": true,\n  \"mode\": { \"m\": { \"prompt\": \"ours\" }, \"n\": { \"steps\": 2 } }\n}\n",
        "project/folder/opencode.json": { "agent": { "m": { "prompt": "nearer" } } }
    } });
    let tree = Tree::of(&case);
    let before = tree.load().unwrap();
    let file = tree.root.join("project/opencode.jsonc");
    let among = convert::Among {
        place: tree.place(),
        paths: &tree.paths,
        environment: &tree.environment,
    };
    let converted = convert::file_among(&file, None, among).unwrap();
    let stays = "stays: beside the other files it would mean something else in today's form";
    assert_eq!(
        converted.report,
        [
            format!("mode.m {stays}"),
            "mode.n → agent.n".to_owned(),
            format!("tools {stays}"),
            format!("autoshare {stays}"),
        ]
    );
    assert!(
        converted.text.contains("  // never\n  \"tools\""),
        "{}",
        converted.text
    );
    convert::write(&file, &converted, &tree.paths, &tree.environment).unwrap();
    assert_eq!(in_force(tree.load().unwrap()), in_force(before));
}

/// Whether it is a file of configuration.
fn convert_one(tree: &Tree, file: &Path) -> bool {
    let name = file.file_name().unwrap().to_string_lossy();
    let is_configuration = ["opencode", "config", "managed"]
        .iter()
        .any(|start| name.starts_with(start));
    // The oldest file, which has no extension, is taken over beside another one.
    if !is_configuration || !file.is_file() || file.extension().is_none() {
        return false;
    }
    let among = convert::Among {
        place: tree.place(),
        paths: &tree.paths,
        environment: &tree.environment,
    };
    let Ok(first) = convert::file_among(file, None, among) else {
        return false;
    };
    convert::write(file, &first, &tree.paths, &tree.environment).unwrap();
    let second = convert::file_among(&first.path, None, among).unwrap();
    assert_eq!(second.text, first.text);
    let left: Vec<&String> = second
        .report
        .iter()
        .filter(|line| !line.contains(" stays"))
        .collect();
    assert_eq!(left, [""; 0], "{}", second.text);
    true
}

/// Without the older keys, which stand beside what they mean; rules in their order.
fn in_force(mut effective: Value) -> String {
    let object = effective.as_object_mut().unwrap();
    if let Some(older) = object.shift_remove("reference") {
        object.entry("references").or_insert(older);
    }
    object.retain(|key, _| !["mode", "tools", "autoshare", "layout"].contains(&key.as_str()));
    let written = |object: &mut Map<String, Value>| {
        if let Some(permission) = object.get_mut("permission") {
            *permission = permission.to_string().into();
        }
    };
    written(object);
    for (_, agent) in object["agent"].as_object_mut().unwrap() {
        let agent = agent.as_object_mut().unwrap();
        agent.shift_remove("tools");
        agent.shift_remove("maxSteps");
        written(agent);
    }
    effective.sort_all_objects();
    serde_json::to_string_pretty(&effective).unwrap()
}

/// Builds each tree and compares. Tells of all that differ at once.
fn check(cases: &str, at_least: usize) {
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() >= at_least, "{} trees are left", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), cases.len(), "names are taken twice");
    let mut wanted = Map::new();
    let mut seen = Map::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        assert_eq!(
            case.get("ours").is_some(),
            case.get("why").is_some(),
            "{name}: what differs has a reason"
        );
        let expected = case.get("ours").unwrap_or(&case["expected"]);
        assert!(expected.is_object(), "{name} says nothing of what is expected");
        wanted.insert(name.to_owned(), comparable(expected));
        seen.insert(name.to_owned(), comparable(&observe(case)));
    }
    wanted.retain(|name, value| seen.get(name) != Some(value));
    seen.retain(|name, _| wanted.contains_key(name));
    assert_eq!(Value::Object(seen), Value::Object(wanted));
}

/// Of errors, what programs act on: name, file, keys, place. Words are every program's own.
fn comparable(outcome: &Value) -> Value {
    let Some(error) = outcome.get("error") else {
        return outcome.clone();
    };
    let mut keys: Vec<&Value> = error["data"]["issues"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|issue| &issue["path"])
        .collect();
    // Several branches may say the same of one key, and everybody has another order.
    keys.sort_by_key(|key| key.to_string());
    keys.dedup();
    json!({ "name": error["name"], "path": error["data"]["path"], "keys": keys, "places": error.get("places") })
}

fn text(content: &Value) -> String {
    content
        .as_str()
        .map_or_else(|| serde_json::to_string_pretty(content).unwrap(), str::to_owned)
}

/// A tree of files on disk.
struct Tree {
    _folder: TempDir,
    root: PathBuf,
    directory: PathBuf,
    worktree: PathBuf,
    environment: Environment,
    paths: Paths,
}

impl Tree {
    fn of(case: &Value) -> Self {
        let folder = TempDir::new().unwrap();
        let root = fs_err::canonicalize(folder.path()).unwrap();
        let filled = |content: &Value| {
            text(content)
                .replace("ROOT", root.to_str().unwrap())
                .replace("REMOTE", REMOTE)
        };
        let directory = root.join(case["directory"].as_str().unwrap_or("project/folder"));
        fs_err::create_dir_all(&directory).unwrap();
        for (name, content) in case["files"].as_object().unwrap() {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            match content {
                Value::Null => fs_err::create_dir_all(&path).unwrap(),
                content => fs_err::write(&path, filled(content)).unwrap(),
            }
        }
        let mut variables = vec![
            ("HOME".to_owned(), root.join("home").display().to_string()),
            ("USER".to_owned(), "somebody".to_owned()),
            (
                "OPENCODE_TEST_MANAGED_CONFIG_DIR".to_owned(),
                root.join("managed").display().to_string(),
            ),
        ];
        let own = case["environment"].as_object().into_iter().flatten();
        variables.extend(own.map(|(name, value)| (name.clone(), filled(value))));
        let environment: Environment = variables.into_iter().collect();
        let worktree = match case.get("git") {
            Some(Value::Bool(false)) => Path::new("/").to_owned(),
            _ => root.join("project"),
        };
        Self {
            paths: Paths::new(&environment),
            _folder: folder,
            root,
            directory,
            worktree,
            environment,
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            directory: &self.directory,
            worktree: &self.worktree,
        }
    }

    fn load(&self) -> Result<Value, Error> {
        load(self.place(), &self.paths, &self.environment).map(|loaded| loaded.effective)
    }
}

fn observe(case: &Value) -> Value {
    let tree = Tree::of(case);
    let root = &tree.root;
    let outcome = log_in(case, &tree.paths, &tree.environment).and_then(|()| tree.load());
    let outcome = match outcome {
        Ok(effective) => json!({ "config": trimmed(effective) }),
        Err(error) => json!({ "error": error_object(&error, case) }),
    };
    let told = outcome.to_string().replace(root.to_str().unwrap(), "ROOT");
    serde_json::from_str(&told.replace(REMOTE, "REMOTE")).unwrap()
}

/// Answers what log-ins ask.
fn log_in(case: &Value, paths: &Paths, environment: &Environment) -> Result<(), Error> {
    let answer = |request: &remote::Request| -> Result<(String, String), Error> {
        use secrecy::ExposeSecret as _;
        let path = request.url.strip_prefix(REMOTE).unwrap_or(&request.url);
        let mut answer = case["remote"].get(path);
        if let Some(needs) = answer.and_then(|answer| answer.get("needs")) {
            let has = request
                .headers
                .iter()
                .any(|(name, value)| needs[0] == name.as_str() && needs[1] == value.expose_secret());
            answer = answer.and_then(|answer| answer.get("body")).filter(|_| has);
        }
        let refused = |status: &Value| Error::Remote {
            address: request.url.clone(),
            reason: format!("it answers {status}"),
        };
        let answer = answer.ok_or_else(|| refused(&json!(404)))?;
        match answer.get("status") {
            Some(status) if *status == 200 => Ok((text(&answer["type"]), text(&answer["text"]))),
            Some(status) => Err(refused(status)),
            None => Ok((
                "application/json".to_owned(),
                answer.to_string().replace("REMOTE", REMOTE),
            )),
        }
    };
    for login in remote::logins(paths, environment) {
        let (kind, body) = answer(&login.request())?;
        let first = login.first(
            Answer {
                kind: &kind,
                body: &body,
            },
            paths,
            environment,
        )?;
        let more = match &first.more {
            Some(request) => Some((request.url.clone(), answer(request)?)),
            None => None,
        };
        let further = more
            .as_ref()
            .map(|(url, (kind, body))| (url.as_str(), Answer { kind, body }));
        let config = first.finish(&login, further)?;
        login.keep(&config, paths).unwrap();
    }
    Ok(())
}

fn trimmed(mut config: Value) -> Value {
    let all = config.as_object_mut().unwrap();
    if all.get("$schema") == Some(&json!("https://opencode.ai/config.json")) {
        all.shift_remove("$schema");
    }
    if all.get("username") == Some(&json!("somebody")) {
        all.shift_remove("username");
    }
    for key in ["agent", "mode", "command", "plugin", "plugin_origins"] {
        if all.get(key) == Some(&json!({})) || all.get(key) == Some(&json!([])) {
            all.shift_remove(key);
        }
    }
    config
}

fn error_object(error: &Error, case: &Value) -> Value {
    let mut object = match error {
        Error::Invalid { path, issues } => {
            let issues: Vec<Value> = issues
                .iter()
                .map(|issue| json!({ "message": issue.message, "path": issue.key }))
                .collect();
            json!({ "name": "ConfigInvalidError", "data": { "path": path, "issues": issues } })
        }
        Error::Syntax { path, .. } | Error::Unreadable { path, .. } | Error::Unwritable { path, .. } => {
            json!({ "name": "ConfigJsonError", "data": { "path": path } })
        }
        Error::BadReference { path, .. } => json!({ "name": "ConfigInvalidError", "data": { "path": path } }),
        Error::RemoteLogin { .. } => json!({ "name": "ConfigRemoteAuthError", "data": {} }),
        Error::Remote { .. } => json!({ "name": "UnknownError", "data": {} }),
        Error::NoProfile { .. } => json!({ "name": "NoProfile", "data": {} }),
    };
    if case["expected"]["error"].get("places").is_some() {
        let places: Vec<Value> = match error {
            Error::Invalid { issues, .. } => issues
                .iter()
                .map(|issue| json!([issue.place, issue.hint]))
                .collect(),
            Error::Syntax { line, column, .. } => vec![json!([[line, column], null])],
            _ => Vec::new(),
        };
        object["places"] = places.into();
    }
    object
}
