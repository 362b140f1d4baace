use pretty_assertions::assert_eq;
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A home with a project in it: files by their paths, and variables.
struct Sandbox {
    root: TempDir,
    environment: Environment,
    paths: Paths,
}

impl Sandbox {
    fn new(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        let root = TempDir::new().unwrap();
        let at = |path: &str| root.path().join(path);
        let mut all = vec![
            ("HOME".to_owned(), at("home").display().to_string()),
            ("XDG_CONFIG_HOME".to_owned(), at("config").display().to_string()),
        ];
        all.extend(variables.iter().map(|(name, value)| {
            (
                (*name).to_owned(),
                value.replace("ROOT", &root.path().display().to_string()),
            )
        }));
        let environment = all.into_iter().collect::<Environment>();
        for folder in ["home", "config/opencode", "project/sub"] {
            fs_err::create_dir_all(at(folder)).unwrap();
        }
        for (path, text) in files {
            fs_err::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs_err::write(at(path), text).unwrap();
        }
        let paths = Paths::new(&environment);
        Self {
            root,
            environment,
            paths,
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn with<T>(&self, work: impl FnOnce(Place<'_>, &Paths, &Environment) -> T) -> T {
        let (directory, worktree) = (self.at("project/sub"), self.at("project"));
        let place = Place {
            directory: &directory,
            worktree: &worktree,
        };
        work(place, &self.paths, &self.environment)
    }

    fn load(&self) -> LoadedTui {
        self.with(load)
    }

    fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.at(path)).unwrap()
    }
}

#[test]
fn nothing_means_defaults() {
    let loaded = Sandbox::new(&[], &[]).load();
    assert_eq!(loaded.config, Tui::default());
    assert!(loaded.errors.is_empty() && loaded.files.is_empty());
    assert_eq!(loaded.config.attention.sound_pack, "opencode.default");
}

#[test]
fn later_files_win() {
    // As the reference told it in its log.
    const ORDER: [&str; 11] = [
        "config/opencode/tui.json",
        "config/opencode/tui.jsonc",
        "chosen.json",
        "tui.json",
        "project/tui.json",
        "project/sub/tui.json",
        "project/sub/.opencode/tui.json",
        "project/.opencode/tui.json",
        ".opencode/tui.json",
        "home/.opencode/tui.json",
        "dir/tui.json",
    ];
    let variables = [
        ("OPENCODE_CONFIG_DIR", "ROOT/dir"),
        ("OPENCODE_TUI_CONFIG", "ROOT/chosen.json"),
    ];
    let text = |name: &str| {
        format!("{{\"theme\": \"{name}\", /* yes */ \"plugin_enabled\": {{\"{name}\": true}},}}")
    };
    let texts = ORDER.map(text);
    let files = ORDER
        .into_iter()
        .zip(texts.iter().map(String::as_str))
        .collect::<Vec<_>>();
    for count in 1..=files.len() {
        let sandbox = Sandbox::new(&files[..count], &variables);
        let loaded = sandbox.load();
        assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
        let read = ORDER[..count].iter().map(|path| sandbox.at(path));
        assert_eq!(loaded.files, read.collect::<Vec<_>>());
        assert_eq!(loaded.config.theme.as_deref(), Some(ORDER[count - 1]));
        assert_eq!(
            loaded.config.plugin_enabled.len(),
            count,
            "the rest of the earlier ones stays"
        );
    }
    let loaded = Sandbox::new(&files, &[("OPENCODE_DISABLE_PROJECT_CONFIG", "1")]).load();
    assert_eq!(loaded.files.len(), 3, "projects do not count: {:?}", loaded.files);
}

#[test]
fn everything_can_be_configured() {
    let text = json!({
        "$schema": SCHEMA,
        "theme": "nord",
        "keybinds": {"model_list": "ctrl+o", "no_such": 7},
        "leader_timeout": 500,
        "plugin": ["a", ["b", {"c": 1}]],
        "plugin_enabled": {"a": false},
        "attention": {"enabled": true, "volume": 1, "sounds": {"done": "./a.wav", "error": "~/b.wav", "default": "/c.wav"}},
        "prompt": {"max_height": 9, "max_width": "auto"},
        "scroll_speed": 0.5,
        "scroll_acceleration": {"enabled": true},
        "diff_style": "stacked",
        "cursor": {"style": "line"},
        "mouse": false,
        "language": "de",
        "plain": true,
    });
    let sandbox = Sandbox::new(&[("config/opencode/tui.json", &text.to_string())], &[]);
    let loaded = sandbox.load();
    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
    let config = loaded.config;
    assert_eq!(
        config.keybinds.len(),
        2,
        "bindings are checked where they are understood"
    );
    assert_eq!((config.leader_timeout, config.plugin.len()), (500, 2));
    assert_eq!(config.plugin_enabled.get("a"), Some(&false));
    assert_eq!(config.prompt.max_width, Some(Width::Auto(Auto::Auto)));
    assert_eq!(config.prompt.max_height, Some(9));
    let sounds = &config.attention.sounds;
    assert_eq!(sounds.get("done"), Some(&sandbox.at("config/opencode/./a.wav")));
    assert_eq!(sounds.get("error"), Some(&sandbox.at("home/b.wav")));
    assert_eq!(sounds.get("default"), Some(&PathBuf::from("/c.wav")));
    assert!(config.attention.enabled && config.attention.sound && config.scroll_acceleration.enabled);
    assert_eq!(
        config.cursor,
        Some(Cursor {
            style: CursorStyle::Line,
            blinking: true
        })
    );
    assert!(!config.mouse && config.diff_style == DiffStyle::Stacked);
    assert_eq!(config.language.as_deref(), Some("de"));
    assert!(config.plain);
}

#[test]
fn what_is_wrong_is_told_and_the_rest_is_in_force() {
    let text = r#"{
  "theme": 7,
  "mouse": false,
  "attention": { "enabled": true, "volume": 5 },
  "leader_timeout": 0,
  "diff_style": "stack",
  "scrollspeed": 3,
  "prompt": { "max_width": 100000 }
}"#;
    let loaded = Sandbox::new(&[("config/opencode/tui.json", text)], &[]).load();
    let [error] = loaded.errors.as_slice() else {
        panic!("{:?}", loaded.errors);
    };
    let told = error.to_string();
    for (key, place) in [
        ("theme", "line 2"),
        ("attention.volume", "line 4"),
        ("leader_timeout", "line 5"),
        ("diff_style", "line 6"),
        ("scrollspeed", "line 7"),
        ("prompt.max_width", "line 8"),
    ] {
        let line = told.lines().find(|line| line.contains(&format!(" {key} ")));
        assert!(
            line.is_some_and(|line| line.contains(place)),
            "{key} {place}: {told}"
        );
    }
    assert!(told.contains("did you mean \"scroll_speed\"?"), "{told}");
    assert!(!loaded.config.mouse && loaded.config.attention.enabled);
    assert_eq!(loaded.config.leader_timeout, 2000);
    assert_eq!(loaded.config.theme, None);
}

#[test]
fn a_file_that_is_no_json_does_not_stop_the_others() {
    let sandbox = Sandbox::new(
        &[
            ("config/opencode/tui.json", "{ \"theme\": "),
            ("project/tui.json", r#"{"theme": "nord"}"#),
            ("project/sub/tui.json", "[]"),
        ],
        &[],
    );
    let loaded = sandbox.load();
    assert_eq!(loaded.errors.len(), 2, "{:?}", loaded.errors);
    assert_eq!(loaded.config.theme.as_deref(), Some("nord"));
}

#[test]
fn keys_of_an_object_of_their_own_count() {
    let sandbox = Sandbox::new(
        &[(
            "config/opencode/tui.json",
            r#"{"mouse": true, "tui": {"diff_style": "stacked", "mouse": false}}"#,
        )],
        &[],
    );
    let loaded = sandbox.load();
    assert!(loaded.errors.is_empty() && loaded.config.mouse);
    assert_eq!(loaded.config.diff_style, DiffStyle::Stacked);
}

#[test]
fn older_settings_are_moved_once() {
    let before = r#"{
  // a remark
  "theme": "nord",
  "model": "a/b",
  "keybinds": { "model_list": "ctrl+o" },
  "tui": { "scroll_speed": 2, "other": 1 }
}
"#;
    let sandbox = Sandbox::new(
        &[
            ("config/opencode/opencode.json", before),
            ("project/opencode.json", r#"{"theme": "kept"}"#),
            ("project/tui.json", "{}"),
            ("project/sub/opencode.json", "{ broken"),
        ],
        &[],
    );
    let (moved, errors) = sandbox.with(migrate);
    assert!(errors.is_empty(), "{errors:?}");
    let folder = |name: &str| sandbox.at("config/opencode").join(name);
    assert_eq!(
        moved,
        [Migrated {
            from: folder("opencode.json"),
            to: folder("tui.json"),
            backup: folder("opencode.json.tui-migration.bak"),
        }]
    );
    let written: Value = serde_json::from_str(&sandbox.read("config/opencode/tui.json")).unwrap();
    assert_eq!(
        written,
        json!({"$schema": SCHEMA, "theme": "nord", "keybinds": {"model_list": "ctrl+o"}, "scroll_speed": 2})
    );
    assert_eq!(
        sandbox.read("config/opencode/opencode.json.tui-migration.bak"),
        before
    );
    let after = sandbox.read("config/opencode/opencode.json");
    assert!(after.contains("// a remark") && after.contains("a/b"), "{after}");
    for key in ["theme", "keybinds", "tui"] {
        assert!(!after.contains(key), "{key}: {after}");
    }
    assert_eq!(sandbox.read("project/opencode.json"), r#"{"theme": "kept"}"#);
    assert_eq!(sandbox.read("project/sub/opencode.json"), "{ broken");
    let (moved, _) = sandbox.with(migrate);
    assert!(moved.is_empty());
    assert_eq!(sandbox.load().config.theme.as_deref(), Some("nord"));
}

#[test]
fn the_schema_names_what_there_is() {
    let document: Value = serde_json::from_str(schema_document()).unwrap();
    let keys = document["properties"].as_object().unwrap();
    assert_eq!(keys.len(), 15);
    for (key, schema) in keys {
        assert!(schema["description"].is_string(), "{key} says nothing");
    }
}
