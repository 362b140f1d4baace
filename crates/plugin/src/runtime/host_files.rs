//! The scripts of `host/checks`, with every program that is here: what stands in for Bun on Node is held to what Bun
//! does.

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// The folder of `scripts/install-plugin-runtimes`.
const RUNTIMES: &str = "OPENCODE_PLUGIN_RUNTIMES";
/// How long a script may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Every program that is here: Bun, Node, and a Node of another release.
async fn runtimes() -> Vec<Runtime> {
    let environment = Environment::capture();
    let mut names = vec!["bun".to_owned(), "node".to_owned()];
    names.extend(
        environment
            .get(RUNTIMES)
            .map(|folder| format!("{folder}/node/node")),
    );
    let mut found = Vec::new();
    for name in names {
        let named = [(VARIABLE.to_owned(), name)];
        match Runtime::find(&environment.with(named)).await {
            Ok(runtime) => found.push(runtime),
            Err(missing) => eprintln!("left out: {missing}"),
        }
    }
    found
}

/// A cache with the host files, and what plugins borrow.
struct Cache(TempDir);

impl Cache {
    fn new() -> Self {
        let cache = Self(TempDir::new().unwrap());
        for (name, text) in FILES {
            cache.write(&format!("plugin-host/x/{name}"), text);
        }
        let lent = format!(
            "packages/@opencode-ai/plugin@{}/node_modules",
            env!("CARGO_PKG_VERSION")
        );
        let exports = json!({ ".": { "import": "./index.js" }, "./tool": { "import": "./index.js" } });
        for (name, exports, text) in [
            (
                "@opencode-ai/plugin",
                exports,
                "export const tool = \"lent tool\"",
            ),
            ("zod", json!("./index.js"), "export default \"lent zod\""),
        ] {
            let manifest = json!({ "name": name, "type": "module", "exports": exports });
            cache.write(&format!("{lent}/{name}/package.json"), &manifest.to_string());
            cache.write(&format!("{lent}/{name}/index.js"), text);
        }
        cache
    }

    fn path(&self, name: &str) -> PathBuf {
        // As programs see it: loaders name files by where they really are.
        fs_err::canonicalize(self.0.path()).unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// Brings what Node needs for TypeScript, if it needs anything; whether it is there.
    #[cfg(unix)]
    async fn brings_types(&self, runtime: &Runtime) -> bool {
        let has_own = "process.exit(require('node:module').stripTypeScriptTypes ? 0 : 1)";
        let asked = Program::new(runtime.program()).args(["-e", has_own]).run().await;
        if runtime.is_bun() || asked.unwrap().success() {
            return true;
        }
        let Some(folder) = Environment::capture().get(RUNTIMES).map(PathBuf::from) else {
            return false;
        };
        let place = self.path("packages/amaro@1.1.10");
        fs_err::create_dir_all(&place).unwrap();
        fs_err::os::unix::fs::symlink(folder.join("node_modules"), place.join("node_modules")).unwrap();
        place.join("node_modules/amaro/package.json").is_file()
    }

    async fn run(&self, runtime: &Runtime, script: &str) {
        let host = self.path("plugin-host/x/host.mjs");
        fs_err::write(&host, script).unwrap();
        let mut program = Program::new(runtime.program())
            .args(runtime.arguments(&host))
            .arg(self.path("plugin"))
            .directory(self.path(""))
            .variable("HOME", self.path("home"))
            // Whatever is not there must not be fetched.
            .variable("npm_config_registry", "http://127.0.0.1:1")
            .variable("npm_config_fetch_retries", "0")
            .timeout(LIMIT);
        for (name, value) in runtime.variables(&host) {
            program = program.variable(name, value);
        }
        let finished = program.run().await.unwrap();
        assert!(
            finished.success(),
            "{}: {}",
            runtime.program().display(),
            finished.error_text()
        );
    }
}

#[tokio::test]
async fn files_of_plugins_are_loaded_as_bun_loads_them() {
    for runtime in runtimes().await {
        let cache = Cache::new();
        if cache.brings_types(&runtime).await {
            cache
                .run(&runtime, include_str!("../../host/checks/loading.mjs"))
                .await;
        } else {
            eprintln!("left out: what this Node needs for TypeScript is not here ({RUNTIMES})");
        }
    }
}

#[tokio::test]
async fn the_shell_of_plugins_does_what_that_of_bun_does() {
    // Bun's own now and then waits for ever on redirections to buffers, so it is not asked.
    let all = runtimes().await;
    for runtime in all.into_iter().filter(|runtime| !runtime.is_bun()) {
        let script = include_str!("../../host/checks/shell.mjs").replace("../shell.mjs", "./shell.mjs");
        Cache::new().run(&runtime, &script).await;
    }
}

#[tokio::test]
async fn what_plugins_use_of_bun_is_there() {
    for runtime in runtimes().await {
        let script = include_str!("../../host/checks/bun.mjs").replace("../bun.mjs", "./bun.mjs");
        Cache::new().run(&runtime, &script).await;
    }
}

#[tokio::test]
async fn what_cannot_be_lent_says_so() {
    for runtime in runtimes().await {
        let cache = Cache::new();
        fs_err::remove_dir_all(cache.path("packages")).unwrap();
        let script = r#"
            import assert from "node:assert/strict";
            import { writeFileSync } from "node:fs";
            const path = `${process.argv[2]}.mjs`;
            writeFileSync(path, 'import { tool } from "@opencode-ai/plugin"; export default tool');
            await assert.rejects(import(path), /@opencode-ai\/plugin@.* is needed, but cannot be installed/);
        "#;
        cache.run(&runtime, script).await;
    }
}
