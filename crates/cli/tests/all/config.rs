//! `opencode config`: sources, changes, conversion, profiles.

use pretty_assertions::assert_eq;

use super::home;

const GLOBAL: &str = r#"{
  // mine
  "model": "a/b",
  "modle": "typo",
  "instructions": ["g.md"],
  "provider": { "p": { "options": { "apiKey": "hidden-key" } } },
  "profile": { "fast": { "model": "f/f" } }
}
"#;

fn configured() -> opencode_testkit::Home {
    let home = home();
    fs_err::create_dir_all(home.path().join(".config/opencode")).unwrap();
    fs_err::write(home.path().join(".config/opencode/opencode.jsonc"), GLOBAL).unwrap();
    home.write("opencode.toml", "share = \"auto\"\ninstructions = [\"p.md\"]\n");
    home
}

#[tokio::test]
async fn every_value_has_its_source_and_secrets_are_not_shown() {
    let home = configured();
    let shown = home.run(["config"]).await.success();
    let lines: Vec<&str> = shown.stdout.lines().collect();
    for wanted in [
        "share = \"auto\"  # opencode.toml",
        "model = \"a/b\"  # ~/.config/opencode/opencode.jsonc",
        "instructions = [\"g.md\",\"p.md\"]  # ~/.config/opencode/opencode.jsonc, opencode.toml",
        "provider.p.options.apiKey = \"***\"  # ~/.config/opencode/opencode.jsonc",
    ] {
        assert!(lines.contains(&wanted), "{wanted} is not in {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("hidden-key"));
    assert!(
        shown.stderr.contains("modle; did you mean model?"),
        "{}",
        shown.stderr
    );
}

#[tokio::test]
async fn a_profile_is_chosen_by_flag_or_variable() {
    let home = configured();
    let model = ["config", "get", "model"];
    assert_eq!(home.run(model).await.success().stdout, "a/b\n");
    let chosen = home.run(["--profile", "fast", "config", "get", "model"]).await;
    assert_eq!(chosen.success().stdout, "f/f\n");
    let home = home.with("OPENCODE_PROFILE", "fast");
    assert_eq!(home.run(model).await.success().stdout, "f/f\n");
    let unknown = home.run(["config", "get", "model", "--profile", "slow"]).await;
    assert_eq!(unknown.code(), Some(1));
    assert!(unknown.stderr.contains("There are: fast"), "{}", unknown.stderr);
}

#[tokio::test]
async fn keys_change_and_comments_stay() {
    let home = configured();
    let file = home.path().join(".config/opencode/opencode.jsonc");
    home.run(["config", "set", "--global", "model", "c/d"])
        .await
        .success();
    assert_eq!(
        fs_err::read_to_string(&file).unwrap(),
        GLOBAL.replace("a/b", "c/d")
    );
    home.run(["config", "set", "agent.build.temperature", "0.3"])
        .await
        .success();
    let text = || fs_err::read_to_string(home.project().join("opencode.toml")).unwrap();
    assert!(
        text().ends_with("\n[agent.build]\ntemperature = 0.3\n"),
        "{}",
        text()
    );
    let before = text();
    let refused = home.run(["config", "set", "share", "autoo"]).await;
    assert_eq!(refused.code(), Some(1));
    assert!(
        refused.stderr.contains("share (line 1, column 9)")
            && refused.stderr.contains("did you mean \"auto\"?"),
        "{}",
        refused.stderr
    );
    assert_eq!(text(), before, "what would not load is not written");
}

#[tokio::test]
async fn a_file_is_converted_and_means_the_same() {
    let home = configured();
    let before = home.run(["config", "--json"]).await.success();
    let file = home.path().join(".config/opencode/opencode.jsonc");
    let file = file.to_str().unwrap();
    let converted = ["config", "convert", file, "--to", "toml", "--write"];
    home.run(converted).await.success();
    let text = fs_err::read_to_string(file.replace(".jsonc", ".toml")).unwrap();
    assert!(text.starts_with("# mine\nmodel = \"a/b\"\n"), "{text}");
    assert_eq!(fs_err::read_to_string(format!("{file}.bak")).unwrap(), GLOBAL);
    let after = home.run(["config", "--json"]).await.success();
    assert_eq!(
        after.stdout,
        before.stdout.replace("opencode.jsonc", "opencode.toml")
    );
}
