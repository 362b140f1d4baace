//! Whether a formatter could be used in a place, and by which program.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use opencode_lsp::Source;
use opencode_lsp::packages::program_in;
use opencode_process::program::Program;
use serde_json::Value;

use super::table::{BuiltIn, Need};
use super::{Command, Formatter, Formatters, Ground};

/// How long a program may take to say what it can.
const HELP_LIMIT: Duration = Duration::from_secs(5);

impl Formatters {
    pub(super) async fn is_enabled(&self, one: &Formatter) -> bool {
        match &one.command {
            Command::Own(command) => !command.is_empty(),
            Command::BuiltIn(one) => self.has(one).await,
        }
    }

    async fn has(&self, one: &'static BuiltIn) -> bool {
        let ground = &self.ground;
        match &one.needs {
            Need::Program => ground.program(one.name).is_some(),
            Need::Above(files) => ground.program(one.name).is_some() && ground.above(files).next().is_some(),
            Need::File { files, .. } => ground.above(files).next().is_some(),
            Need::Listed { package } => ground.npm_lists(package),
            Need::Experiment { package } => ground.with_oxfmt && ground.npm_lists(package),
            Need::Vendor { package, .. } => {
                ground.lists("composer.json", &["require", "require-dev"], package)
            }
            Need::SaysSo => self.asked(one.name, &["--help"], says_so).await,
            Need::Ruff => ground.has_ruff(),
            Need::Uv => !ground.has_ruff() && self.asked("uv", &["format", "--help"], |_| true).await,
        }
    }

    /// The program of a formatter that is enabled.
    pub(super) async fn program(&self, one: &BuiltIn) -> Option<PathBuf> {
        let ground = &self.ground;
        let source = match &one.needs {
            Need::Vendor { program, .. } => return program_in(&ground.directory, program),
            Need::File {
                package: "@biomejs/biome",
                ..
            } => Source::Npm(&["@biomejs/biome"]),
            Need::Listed { package: "prettier" } => Source::Npm(&["prettier"]),
            Need::Experiment { package: "oxfmt" } => Source::Npm(&["oxfmt"]),
            _ => return ground.program(one.name),
        };
        let of_project = ground.folders();
        let of_project = of_project
            .map(|folder| folder.join("node_modules/.bin"))
            .find_map(|folder| program_in(&folder, one.name));
        match of_project.or_else(|| ground.program(one.name)) {
            Some(program) => Some(program),
            None => ground.packages.install(one.name, source).await,
        }
    }

    /// Whether what a program prints, when it is asked and does not fail, is what is wanted. It is asked once.
    async fn asked(&self, name: &'static str, arguments: &[&str], wanted: fn(&str) -> bool) -> bool {
        let Some(program) = self.ground.program(name) else {
            return false;
        };
        let known = self
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied();
        if let Some(known) = known {
            return known;
        }
        let program = Program::new(program)
            .args(arguments)
            .directory(&self.ground.directory)
            .timeout(HELP_LIMIT);
        let answer = match program.run().await {
            Ok(finished) => finished.success() && wanted(&finished.text()),
            Err(_) => false,
        };
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, answer);
        answer
    }
}

fn says_so(help: &str) -> bool {
    let first = help.lines().next().unwrap_or_default();
    first.contains("R language") && first.contains("formatter")
}

impl Ground {
    fn has_ruff(&self) -> bool {
        let means_it = |names: &[&str], word: &str| {
            self.above(names)
                .any(|path| fs_err::read_to_string(path).is_ok_and(|text| text.contains(word)))
        };
        self.program("ruff").is_some()
            && (self.above(&["ruff.toml", ".ruff.toml"]).next().is_some()
                || means_it(&["pyproject.toml"], "[tool.ruff]")
                || means_it(&["requirements.txt", "pyproject.toml", "Pipfile"], "ruff"))
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        self.packages.on_path(name)
    }

    fn npm_lists(&self, package: &str) -> bool {
        self.lists("package.json", &["dependencies", "devDependencies"], package)
    }

    /// Whether a manifest in the folder or above lists a package under one of the keys.
    fn lists(&self, manifest: &str, keys: &[&str], package: &str) -> bool {
        self.above(&[manifest]).any(|path| {
            let text = fs_err::read_to_string(path).unwrap_or_default();
            let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
            keys.iter().any(|key| !manifest[*key][package].is_null())
        })
    }

    /// Files of these names in the folder and above it, up to the worktree.
    fn above(&self, names: &[&str]) -> impl Iterator<Item = PathBuf> {
        self.folders()
            .flat_map(|folder| names.iter().map(|name| folder.join(name)))
            .filter(|path| path.is_file())
    }

    /// The folder and those above it, up to the worktree.
    fn folders(&self) -> impl Iterator<Item = &Path> {
        let mut is_over = false;
        self.directory.ancestors().take_while(move |folder| {
            let goes_on = !is_over;
            is_over = *folder == self.worktree;
            goes_on
        })
    }
}
