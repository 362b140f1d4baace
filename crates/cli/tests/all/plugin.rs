//! `opencode plugin`: what it installs, and what it writes into which file.
#![expect(clippy::print_stderr, reason = "what is left out is said")]

use opencode_testkit::Home;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::home;

/// A folder with a plugin for both faces, which has options.
fn folder(home: &Home, name: &str) -> String {
    let exports = json!({ "./server": { "import": "./s.js", "config": { "a": 1 } }, "./tui": "./t.js" });
    let manifest = json!({ "name": "both", "version": "1.0.0", "exports": exports });
    home.write(&format!("{name}/package.json"), manifest.to_string());
    home.write(
        &format!("{name}/s.js"),
        "export default { server: async () => ({}) }",
    );
    home.project().join(name).display().to_string()
}

fn read(home: &Home, name: &str) -> Value {
    serde_json::from_str(&fs_err::read_to_string(home.project().join(name)).unwrap()).unwrap()
}

/// A home in which nothing comes from a network; nothing where no program runs plugins.
fn with_packages() -> Option<Home> {
    let has = |name: &str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
    };
    let can_install = has("bun") || (has("node") && has("npm"));
    if !can_install {
        eprintln!("left out: neither Bun nor Node.js with npm is here");
        return None;
    }
    let nowhere = "http://127.0.0.1:1";
    let home = home()
        .with("npm_config_registry", nowhere)
        .with("npm_config_fetch_retries", "0");
    Some(home.with("BUN_CONFIG_REGISTRY", nowhere))
}

/// A packed package in the project, as npm names it.
fn packed(home: &Home, file: &str, manifest: &Value) -> String {
    home.write("packing/package/package.json", manifest.to_string());
    home.write(
        "packing/package/s.js",
        "export default { server: async () => ({}) }",
    );
    let packed = home.project().join(file);
    let mut tar = std::process::Command::new("tar");
    tar.arg("-czf")
        .arg(&packed)
        .arg("-C")
        .arg(home.project().join("packing"))
        .arg("package");
    assert!(tar.status().unwrap().success());
    format!("{}@file:{}", manifest["name"].as_str().unwrap(), packed.display())
}

#[tokio::test]
async fn a_folder_is_configured_for_both_faces() {
    let home = home();
    let path = folder(&home, "plug");
    let project = home.project().display().to_string();
    let added = home.run(["plugin", &path]).await.success();
    let wanted = format!(
        "Added to {project}/.opencode/opencode.json\nAdded to {project}/.opencode/tui.json\n\
         Installed {path} (local: {project}/.opencode)\n"
    );
    assert_eq!(added.stdout, wanted);
    assert_eq!(
        read(&home, ".opencode/opencode.json"),
        json!({ "plugin": [[path, { "a": 1 }]] })
    );
    assert_eq!(read(&home, ".opencode/tui.json"), json!({ "plugin": [path] }));
    let again = home.run(["plug", &path]).await.success();
    assert_eq!(again.stdout, wanted.replace("Added to", "Already configured in"));
    // What is written is what is loaded.
    let shown = home.run(["debug", "info"]).await.success();
    assert!(
        shown.stdout.contains(&format!("file://{path}")),
        "{}",
        shown.stdout
    );
}

#[tokio::test]
async fn a_path_means_the_same_where_it_is_written() {
    let home = home();
    folder(&home, "plug");
    home.run(["plugin", "./plug"]).await.success();
    assert_eq!(read(&home, ".opencode/opencode.json")["plugin"][0][0], "../plug");
    let shown = home.run(["debug", "info"]).await.success();
    let path = home.project().join("plug");
    assert!(
        shown.stdout.contains(&format!("file://{}", path.display())),
        "{}",
        shown.stdout
    );
    let again = home.run(["plugin", path.to_str().unwrap()]).await.success();
    assert!(
        again.stdout.starts_with("Already configured in"),
        "{}",
        again.stdout
    );

    home.write("one.ts", "export default async () => ({})");
    home.run(["plugin", "-g", "./one.ts"]).await.success();
    let global = fs_err::read_to_string(home.path().join(".config/opencode/opencode.json")).unwrap();
    let global: Value = serde_json::from_str(&global).unwrap();
    let one = home.project().join("one.ts").display().to_string();
    assert_eq!(global, json!({ "plugin": [one] }));
}

#[tokio::test]
async fn a_file_that_is_there_is_edited_and_keeps_its_comments() {
    let home = home();
    let path = folder(&home, "plug");
    home.write(
        ".opencode/opencode.jsonc",
        "{\n  // mine\n  \"plugin\": [\n    \"x\" // first\n  ]\n}\n",
    );
    home.write(".opencode/tui.jsonc", "{ /* mine */ }\n");
    home.run(["plugin", &path]).await.success();
    let text = fs_err::read_to_string(home.project().join(".opencode/opencode.jsonc")).unwrap();
    assert!(
        text.contains("// mine") && text.contains("\"x\", // first") && text.contains(&path),
        "{text}"
    );
    assert!(!home.project().join(".opencode/opencode.json").exists());
    assert!(!home.project().join(".opencode/tui.json").exists());
}

#[tokio::test]
async fn a_packed_package_is_installed_and_replaced_by_another() {
    let Some(home) = with_packages() else { return };
    let manifest =
        |version: &str| json!({ "name": "packed", "version": version, "type": "module", "main": "./s.js" });
    let one = packed(&home, "one.tgz", &manifest("1.0.0"));
    let two = packed(&home, "two.tgz", &manifest("2.0.0"));
    let added = home.run(["plugin", &one]).await.success();
    assert!(
        added.stdout.starts_with("Added to") && !added.stdout.contains("tui.json"),
        "{}",
        added.stdout
    );
    let folder = home
        .path()
        .join(".cache/opencode/packages")
        .join(&one)
        .join("node_modules/packed");
    assert!(folder.join("s.js").is_file());
    let kept = home.run(["plugin", &two]).await.success();
    assert!(
        kept.stdout.starts_with("Already configured in"),
        "{}",
        kept.stdout
    );
    assert_eq!(read(&home, ".opencode/opencode.json"), json!({ "plugin": [one] }));
    let replaced = home.run(["plugin", "--force", &two]).await.success();
    assert!(replaced.stdout.starts_with("Replaced in"), "{}", replaced.stdout);
    assert_eq!(read(&home, ".opencode/opencode.json"), json!({ "plugin": [two] }));
}

#[tokio::test]
async fn what_is_no_plugin_is_refused() {
    let home = home();
    home.write("empty/package.json", "{ \"name\": \"empty\" }");
    home.write("broken/package.json", "{ \"name\": ");
    fs_err::create_dir_all(home.project().join("nothing")).unwrap();
    for (module, wanted) in [
        ("", "Error: module is required"),
        ("./empty", "\"./empty\" is no plugin"),
        ("./broken", "is not valid JSON"),
        ("./nothing", "is missing package.json or index file"),
        ("./gone", "there is no file"),
    ] {
        let refused = home.run(["plugin", module]).await;
        assert_eq!(refused.code(), Some(1), "{module}");
        assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
    assert_eq!(home.run(["plugin"]).await.code(), Some(1));
    assert!(!home.project().join(".opencode").exists());

    let path = folder(&home, "plug");
    home.write(".opencode/tui.json", "{\n  \"plugin\": [,\n");
    let refused = home.run(["plugin", &path]).await;
    assert_eq!(refused.code(), Some(1));
    assert!(
        refused.stderr.contains("tui.json is not valid JSON(C)") && refused.stderr.contains("line 2, column"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn a_package_that_cannot_be_had_changes_nothing() {
    let Some(home) = with_packages() else { return };
    let refused = home.run(["plugin", "no-such-plugin-here@1.0.0"]).await;
    assert_eq!(refused.code(), Some(1));
    let wanted = "Could not install \"no-such-plugin-here@1.0.0\": ";
    assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    assert!(!home.project().join(".opencode").exists());

    let home = home.with("PATH", "/nowhere");
    let refused = home.run(["plugin", "no-such-plugin-here@1.0.0"]).await;
    assert!(refused.stderr.contains("https://bun.sh"), "{}", refused.stderr);
}
