//! Formatters: which there are, and which could be used in a place (reference `integrations.md` §C).
//!
//! This version shows them; it does not run them after edits yet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use opencode_process::program::Program;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A formatter as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Ends of names of files that it is for, each with its dot.
    pub extensions: Vec<String>,
    /// Whether it could be used here.
    pub enabled: bool,
}

/// Where formatters are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The folder.
    pub directory: &'a Path,
    /// Where looking upward ends.
    pub worktree: &'a Path,
    /// `PATH` of the environment.
    pub path: &'a str,
}

/// A formatter of the program.
struct BuiltIn {
    name: &'static str,
    /// Without dots, between blanks.
    extensions: &'static str,
    needs: Need,
}

/// What must be there.
enum Need {
    /// A program of the same name.
    Program,
    /// A program, and one of these files in the folder or above.
    Above(&'static [&'static str]),
    /// One of these files in the folder or above, and nothing else.
    File(&'static [&'static str]),
    /// A manifest in the folder or above that lists a package under one of the keys.
    Listed {
        manifest: &'static str,
        keys: &'static [&'static str],
        package: &'static str,
    },
    /// A program that says of itself that it is a formatter: other programs have its name.
    SaysSo,
    /// Python's first choice: a program, and a project that means it.
    Ruff,
    /// Python's second choice, when the first is not there: a program that can format.
    Uv,
    /// Only asked for by an own configuration.
    Never,
}

const NODE: &[&str] = &["dependencies", "devDependencies"];
const WEB: &str = "js jsx mjs cjs ts tsx mts cts html htm css scss sass less vue svelte json jsonc yaml yml toml \
    xml md mdx graphql gql";
const RUBY: &str = "rb rake gemspec ru";

const fn row(name: &'static str, extensions: &'static str, needs: Need) -> BuiltIn {
    BuiltIn {
        name,
        extensions,
        needs,
    }
}

/// In the order in which they are listed.
static BUILT_IN: &[BuiltIn] = &[
    row("zig", "zig zon", Need::Program),
    row("uv", "py pyi", Need::Uv),
    row("terraform", "tf tfvars", Need::Program),
    row("standardrb", RUBY, Need::Program),
    row("shfmt", "sh bash", Need::Program),
    row("rustfmt", "rs", Need::Program),
    row("ruff", "py pyi", Need::Ruff),
    row("rubocop", RUBY, Need::Program),
    row("air", "R", Need::SaysSo),
    row(
        "prettier",
        WEB,
        Need::Listed {
            manifest: "package.json",
            keys: NODE,
            package: "prettier",
        },
    ),
    row(
        "pint",
        "php",
        Need::Listed {
            manifest: "composer.json",
            keys: &["require", "require-dev"],
            package: "laravel/pint",
        },
    ),
    row("oxfmt", "js jsx mjs cjs ts tsx mts cts", Need::Never),
    row("ormolu", "hs", Need::Program),
    row("ocamlformat", "ml mli", Need::Above(&[".ocamlformat"])),
    row("nixfmt", "nix", Need::Program),
    row("mix", "ex exs eex heex leex neex sface", Need::Program),
    row("latexindent", "tex", Need::Program),
    row("ktlint", "kt kts", Need::Program),
    row("htmlbeautifier", "erb html.erb", Need::Program),
    row("gofmt", "go", Need::Program),
    row("gleam", "gleam", Need::Program),
    row("dfmt", "d", Need::Program),
    row("dart", "dart", Need::Program),
    row("cljfmt", "clj cljs cljc edn", Need::Program),
    row(
        "clang-format",
        "c cc cpp cxx c++ h hh hpp hxx h++ ino C H",
        Need::Above(&[".clang-format"]),
    ),
    row("biome", WEB, Need::File(&["biome.json", "biome.jsonc"])),
];

/// What configuration says of one formatter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    disabled: bool,
    command: Option<Vec<String>>,
    extensions: Option<Vec<String>>,
}

/// The formatters of a place; none unless configuration wants them.
pub async fn statuses(config: &Value, ground: Ground<'_>) -> Vec<Status> {
    let none = Map::new();
    let own = match config {
        Value::Bool(true) => &none,
        Value::Object(own) => own,
        _ => return Vec::new(),
    };
    let own = |name: &str| -> Own {
        let own = own.get(name).cloned();
        own.and_then(|own| serde_json::from_value(own).ok())
            .unwrap_or_default()
    };
    let python_is_off = own("ruff").disabled || own("uv").disabled;
    let mut all = Vec::new();
    for one in BUILT_IN {
        let own = own(one.name);
        if own.disabled || (python_is_off && matches!(one.needs, Need::Ruff | Need::Uv)) {
            continue;
        }
        let usual = || one.extensions.split(' ').map(|end| format!(".{end}")).collect();
        all.push(Status {
            name: one.name.to_owned(),
            extensions: own.extensions.unwrap_or_else(usual),
            enabled: own.command.is_some() || ground.has(one).await,
        });
    }
    let names = config.as_object().into_iter().flatten().map(|(name, _)| name);
    for name in names.filter(|name| BUILT_IN.iter().all(|one| one.name != *name)) {
        let own = own(name);
        if !own.disabled {
            all.push(Status {
                name: name.clone(),
                extensions: own.extensions.unwrap_or_default(),
                enabled: own.command.is_some_and(|command| !command.is_empty()),
            });
        }
    }
    all
}

impl Ground<'_> {
    async fn has(self, one: &BuiltIn) -> bool {
        match &one.needs {
            Need::Never => false,
            Need::Program => self.program(one.name).is_some(),
            Need::Above(files) => self.program(one.name).is_some() && self.above(files).next().is_some(),
            Need::File(files) => self.above(files).next().is_some(),
            Need::Listed {
                manifest,
                keys,
                package,
            } => self.above(&[manifest]).any(|path| lists(&path, keys, package)),
            Need::SaysSo => {
                let help = self.help(one.name, &["--help"]).await.unwrap_or_default();
                let first = help.lines().next().unwrap_or_default();
                first.contains("R language") && first.contains("formatter")
            }
            Need::Ruff => self.has_ruff(),
            Need::Uv => !self.has_ruff() && self.help("uv", &["format", "--help"]).await.is_some(),
        }
    }

    fn has_ruff(self) -> bool {
        let means_it = |names: &[&str], word: &str| {
            self.above(names)
                .any(|path| fs_err::read_to_string(path).is_ok_and(|text| text.contains(word)))
        };
        self.program("ruff").is_some()
            && (self.above(&["ruff.toml", ".ruff.toml"]).next().is_some()
                || means_it(&["pyproject.toml"], "[tool.ruff]")
                || means_it(&["requirements.txt", "pyproject.toml", "Pipfile"], "ruff"))
    }

    /// A program on `PATH`.
    fn program(self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(self.path)
            .map(|folder| folder.join(name))
            .find(|path| is_program(path))
    }

    /// What a program prints when it is asked and does not fail.
    async fn help(self, name: &str, arguments: &[&str]) -> Option<String> {
        let program = Program::new(self.program(name)?)
            .args(arguments)
            .directory(self.directory)
            .timeout(HELP_LIMIT);
        let finished = program.run().await.ok()?;
        finished.success().then(|| finished.text())
    }

    /// Files of these names in the folder and above it, up to the worktree.
    fn above(self, names: &[&str]) -> impl Iterator<Item = PathBuf> {
        let mut is_over = false;
        let folders = self.directory.ancestors().take_while(move |folder| {
            let goes_on = !is_over;
            is_over = *folder == self.worktree;
            goes_on
        });
        folders
            .flat_map(|folder| names.iter().map(|name| folder.join(name)))
            .filter(|path| path.is_file())
    }
}

/// How long a program may take to say what it can.
const HELP_LIMIT: Duration = Duration::from_secs(5);

fn lists(manifest: &Path, keys: &[&str], package: &str) -> bool {
    let text = fs_err::read_to_string(manifest).unwrap_or_default();
    let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
    keys.iter().any(|key| !manifest[*key][package].is_null())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs_err::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    ["exe", "cmd", "bat"]
        .iter()
        .any(|end| path.with_extension(end).is_file())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    async fn enabled(files: &[(&str, &str)], programs: &[(&str, &str)], config: Value) -> Vec<String> {
        let tree = TempDir::new().unwrap();
        let (bin, worktree) = (tree.path().join("bin"), tree.path().join("work"));
        let directory = worktree.join("folder");
        for folder in [&bin, &directory] {
            fs_err::create_dir_all(folder).unwrap();
        }
        for (name, text) in files {
            fs_err::write(worktree.join(name), text).unwrap();
        }
        for (name, script) in programs {
            use std::os::unix::fs::PermissionsExt;
            let path = bin.join(name);
            fs_err::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let ground = Ground {
            directory: &directory,
            worktree: &worktree,
            path: bin.to_str().unwrap(),
        };
        let all = statuses(&config, ground).await;
        let enabled = all.into_iter().filter(|one| one.enabled);
        enabled.map(|one| one.name).collect()
    }

    #[tokio::test]
    async fn what_a_place_has() {
        let nothing: &[(&str, &str)] = &[];
        for (name, files, programs, wanted) in [
            ("nothing", nothing, nothing, vec![]),
            (
                "programs",
                nothing,
                &[("gofmt", ""), ("rustfmt", "")][..],
                vec!["rustfmt", "gofmt"],
            ),
            (
                "listed in a manifest",
                &[("package.json", r#"{"devDependencies": {"prettier": "1"}}"#)],
                nothing,
                vec!["prettier"],
            ),
            (
                "a program alone is not enough",
                nothing,
                &[("clang-format", "")],
                vec![],
            ),
            (
                "a program and its file",
                &[(".clang-format", "")],
                &[("clang-format", "")],
                vec!["clang-format"],
            ),
            ("a file alone", &[("biome.json", "{}")], nothing, vec!["biome"]),
            (
                "ruff before uv",
                &[("pyproject.toml", "[tool.ruff]\n")],
                &[("ruff", ""), ("uv", "")],
                vec!["ruff"],
            ),
            (
                "uv that can format",
                nothing,
                &[("ruff", ""), ("uv", "")],
                vec!["uv"],
            ),
            ("uv that cannot", nothing, &[("uv", "exit 2")], vec![]),
            (
                "air of the R language",
                nothing,
                &[("air", "echo 'Air: An R language server and formatter'")],
                vec!["air"],
            ),
            ("another air", nothing, &[("air", "echo live reload")], vec![]),
        ] {
            assert_eq!(enabled(files, programs, json!(true)).await, wanted, "{name}");
        }
    }

    #[tokio::test]
    async fn configuration_adds_changes_and_removes() {
        let programs = [("gofmt", ""), ("uv", "")];
        for off in [json!(false), Value::Null] {
            assert!(enabled(&[], &programs, off).await.is_empty());
        }
        let config = json!({
            "mine": { "command": ["cat", "$FILE"], "extensions": [".own"] },
            "empty": { "extensions": [".x"] },
            "gofmt": { "disabled": true },
            "shfmt": { "command": ["other"] },
            "ruff": { "disabled": true },
        });
        assert_eq!(enabled(&[], &programs, config).await, ["shfmt", "mine"]);
    }
}
