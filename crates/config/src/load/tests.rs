use pretty_assertions::assert_eq;
use tempfile::TempDir;

use super::*;

/// A home, a project in it, and a folder in the project.
struct Tree(TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(TempDir::new().unwrap());
        fs_err::create_dir_all(tree.0.path().join("project/folder")).unwrap();
        for (name, content) in files {
            let path = tree.0.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        tree
    }

    fn environment(&self, variables: &[(&str, &str)]) -> Environment {
        let root = self.0.path().display().to_string();
        let home = [("HOME", "ROOT/home")];
        home.iter()
            .chain(variables)
            .map(|(name, value)| ((*name).to_owned(), value.replace("ROOT", &root)))
            .collect()
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<Loaded, Error> {
        let root = self.0.path();
        let environment = self.environment(variables);
        let place = Place {
            directory: &root.join("project/folder"),
            worktree: &root.join("project"),
        };
        load(place, &Paths::new(&environment), &environment)
    }

    fn config(&self, variables: &[(&str, &str)]) -> Value {
        let mut config = self.load(variables).unwrap().effective;
        let all = config.as_object_mut().unwrap();
        all.shift_remove("username");
        all.shift_remove("$schema");
        for name in ["agent", "mode", "command", "plugin"] {
            if all[name] == json!({}) || all[name] == json!([]) {
                all.shift_remove(name);
            }
        }
        config
    }
}

const GLOBAL: &str = "home/.config/opencode/opencode.json";

#[test]
fn later_sources_win() {
    let model = |name: &str| format!(r#"{{"model": "{name}"}}"#);
    let sources = [
        ("home/.config/opencode/config.json", "1"),
        (GLOBAL, "2"),
        ("home/.config/opencode/opencode.jsonc", "3"),
        ("custom.json", "4"),
        ("project/opencode.json", "5"),
        ("project/opencode.jsonc", "6"),
        ("project/folder/opencode.json", "7"),
        ("project/folder/.opencode/opencode.json", "8"),
        ("project/.opencode/opencode.json", "9"),
        ("home/.opencode/opencode.jsonc", "10"),
    ];
    let variables = [("OPENCODE_CONFIG", "ROOT/custom.json")];
    for last in 1..=sources.len() {
        let texts: Vec<_> = sources[..last]
            .iter()
            .map(|(path, name)| (*path, model(name)))
            .collect();
        let files: Vec<_> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let merged = Tree::new(&files).config(if last >= 4 { &variables } else { &[] });
        assert_eq!(
            merged,
            json!({ "model": last.to_string() }),
            "{}",
            sources[last - 1].0
        );
    }
    let tree = Tree::new(&[(GLOBAL, &model("2"))]);
    let content = [(
        "OPENCODE_CONFIG_CONTENT",
        r#"{"model": "content", // inline
    }"#,
    )];
    assert_eq!(tree.config(&content), json!({ "model": "content" }));
}

#[test]
fn the_project_can_be_left_out() {
    let tree = Tree::new(&[
        (GLOBAL, r#"{"model": "global"}"#),
        ("project/opencode.json", r#"{"model": "project"}"#),
        (
            "project/.opencode/opencode.json",
            r#"{"model": "project folder"}"#,
        ),
    ]);
    assert_eq!(
        tree.config(&[("OPENCODE_DISABLE_PROJECT_CONFIG", "1")]),
        json!({ "model": "global" })
    );
}

#[test]
fn a_project_does_not_weaken_the_sandbox() {
    let project = r#"{"sandbox": {"network": true, "write": ["/"]}}"#;
    let content = [("OPENCODE_CONFIG_CONTENT", r#"{"sandbox": false}"#)];
    for (global, project, variables, wanted) in [
        ("{}", project, None, json!({ "network": true, "write": ["/"] })),
        (r#"{"sandbox": true}"#, project, None, json!(true)),
        (r#"{"sandbox": true}"#, r#"{"sandbox": false}"#, None, json!(true)),
        (
            r#"{"sandbox": {"network": true}}"#,
            project,
            None,
            json!({ "network": true }),
        ),
        (r#"{"sandbox": false}"#, r#"{"sandbox": true}"#, None, json!(true)),
        (r#"{"sandbox": true}"#, project, Some(&content[..]), json!(false)),
    ] {
        let tree = Tree::new(&[(GLOBAL, global), ("project/opencode.json", project)]);
        let config = tree.config(variables.unwrap_or_default());
        assert_eq!(config["sandbox"], wanted, "{global} {project}");
    }
}

#[test]
fn a_project_does_not_weaken_the_sandbox_by_a_profile() {
    let profile = [("OPENCODE_PROFILE", "p")];
    let weak = r#"{"profile": {"p": {"sandbox": {"network": true}}}, "sandbox": {"write": ["/"]}}"#;
    let users = r#"{"profile": {"p": {"sandbox": {"read": ["/r"]}}}}"#;
    for (name, global, project, wanted) in [
        ("the user wants one", r#"{"sandbox": true}"#, weak, json!(true)),
        (
            "the user's profile wants one",
            users,
            weak,
            json!({ "read": ["/r"] }),
        ),
        (
            "the user's profile wants none",
            r#"{"sandbox": true, "profile": {"p": {"sandbox": false}}}"#,
            "{}",
            json!(false),
        ),
        (
            "the project's profile wants one",
            "{}",
            r#"{"profile": {"p": {"sandbox": true}}}"#,
            json!(true),
        ),
    ] {
        let tree = Tree::new(&[(GLOBAL, global), ("project/.opencode/opencode.json", project)]);
        assert_eq!(tree.config(&profile)["sandbox"], wanted, "{name}");
    }
}

#[test]
fn a_project_does_not_weaken_the_sandbox_of_the_administrator_or_of_the_home() {
    let project = r#"{"sandbox": {"network": true, "write": ["/"]}}"#;
    let wanted = json!({ "read": ["/r"] });
    let managed = [("OPENCODE_TEST_MANAGED_CONFIG_DIR", "ROOT/managed")];
    for (file, variables) in [
        ("managed/opencode.json", &managed[..]),
        ("home/.opencode/opencode.json", &[]),
    ] {
        let stricter = json!({ "sandbox": wanted }).to_string();
        let tree = Tree::new(&[(file, &stricter), ("project/opencode.json", project)]);
        assert_eq!(tree.config(variables)["sandbox"], wanted, "{file}");
    }
}

#[test]
fn files_are_those_that_are_read() {
    let texts = [
        (GLOBAL, true),
        ("custom.json", true),
        ("project/opencode.toml", false),
        ("project/folder/.opencode/opencode.json", false),
        ("project/.opencode/opencode.json", false),
        ("home/.opencode/opencode.jsonc", true),
        ("chosen/opencode.json", true),
        ("managed/opencode.json", true),
    ];
    let tree = Tree::new(&texts.map(|(path, _)| (path, if path.ends_with("toml") { "" } else { "{}" })));
    let variables = [
        ("OPENCODE_CONFIG", "ROOT/custom.json"),
        ("OPENCODE_CONFIG_DIR", "ROOT/chosen"),
        ("OPENCODE_TEST_MANAGED_CONFIG_DIR", "ROOT/managed"),
    ];
    let root = tree.0.path();
    let environment = tree.environment(&variables);
    let place = Place {
        directory: &root.join("project/folder"),
        worktree: &root.join("project"),
    };
    let found = source::files(place, &Paths::new(&environment), &environment);
    let found: Vec<(&str, bool)> = found
        .iter()
        .map(|file| {
            (
                file.path.strip_prefix(root).unwrap().to_str().unwrap(),
                file.is_global,
            )
        })
        .collect();
    assert_eq!(found, texts);
    let read: Vec<String> = tree
        .load(&variables)
        .unwrap()
        .layers
        .iter()
        .map(|layer| layer.name.clone())
        .collect();
    let listed: Vec<String> = texts[1..]
        .iter()
        .map(|(path, _)| root.join(path).display().to_string())
        .collect();
    assert_eq!(read[1..], listed);
}

#[test]
fn nothing_above_the_worktree_counts() {
    let tree = Tree::new(&[("opencode.json", r#"{"model": "above"}"#)]);
    assert_eq!(tree.config(&[]), json!({}));
}

#[test]
fn older_keys_are_folded() {
    for (name, text, wanted) in [
        (
            "tools become permissions below explicit ones",
            r#"{"tools": {"write": false, "bash": false}, "permission": {"bash": "ask"}}"#,
            json!({ "permission": { "edit": "deny", "bash": "ask" }, "tools": { "write": false, "bash": false } }),
        ),
        (
            "modes become primary agents",
            r#"{"mode": {"review": {"prompt": "p"}}, "agent": {"review": {"prompt": "q", "temperature": 1}}}"#,
            json!({
                "mode": { "review": { "prompt": "p", "options": {}, "permission": {} } },
                "agent": { "review": { "prompt": "p", "temperature": 1, "mode": "primary", "options": {}, "permission": {} } },
            }),
        ),
        (
            "maxSteps becomes steps",
            r#"{"agent": {"a": {"maxSteps": 3}}}"#,
            json!({ "agent": { "a": { "steps": 3, "maxSteps": 3, "options": {}, "permission": {} } } }),
        ),
        (
            "one action is an action for everything",
            r#"{"permission": "ask", "agent": {"a": {"permission": "deny", "tools": {"bash": true}}}}"#,
            json!({
                "permission": { "*": "ask" },
                "agent": { "a": { "tools": { "bash": true }, "options": {}, "permission": { "bash": "allow", "*": "deny" } } },
            }),
        ),
        (
            "autoshare shares",
            r#"{"autoshare": true}"#,
            json!({ "autoshare": true, "share": "auto" }),
        ),
        (
            "unknown keys are ignored, those of agents kept",
            r#"{"theme": "x", "agent": {"a": {"reasoningEffort": "low"}}}"#,
            json!({ "agent": { "a": { "reasoningEffort": "low", "options": { "reasoningEffort": "low" }, "permission": {} } } }),
        ),
    ] {
        assert_eq!(Tree::new(&[(GLOBAL, text)]).config(&[]), wanted, "{name}");
    }
}

#[test]
fn permissions_from_the_environment_are_merged_over() {
    let tree = Tree::new(&[(GLOBAL, r#"{"permission": {"bash": "ask", "edit": "ask"}}"#)]);
    let wanted = json!({ "permission": { "bash": "deny", "edit": "ask" } });
    assert_eq!(
        tree.config(&[("OPENCODE_PERMISSION", r#"{"bash": "deny"}"#)]),
        wanted
    );
    let unchanged = json!({ "permission": { "bash": "ask", "edit": "ask" } });
    for nonsense in ["{", "5", r#"{"bash": "maybe"}"#] {
        assert_eq!(
            tree.config(&[("OPENCODE_PERMISSION", nonsense)]),
            unchanged,
            "{nonsense}"
        );
    }
}

#[test]
fn a_wrong_value_names_file_and_key() {
    let tree = Tree::new(&[(
        "project/opencode.json",
        r#"{"provider": {"p": {"models": {"m": {"limit": {"context": "big", "output": 1}}}}}}"#,
    )]);
    let error = tree.load(&[]).unwrap_err();
    let Error::Invalid { path, issues } = &error else {
        panic!("{error}")
    };
    assert!(path.ends_with("project/opencode.json"));
    assert_eq!(issues[0].key.join("."), "provider.p.models.m.limit.context");
    assert!(
        error.to_string().contains("↳ Expected number, got \"big\""),
        "{error}"
    );
}
