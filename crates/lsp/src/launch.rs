//! How a language server is started: its program, wherever that is, and what it is told at its start (reference
//! `integrations.md` §B2).

use std::path::{Path, PathBuf};
use std::time::Duration;

use opencode_process::Program;
use serde_json::{Value, json};

use crate::config::Server;
use crate::packages::{Packages, program_in};
use crate::table::{JULIA, Needs, Row};

/// How long a program may take to say what it can.
const HELP_LIMIT: Duration = Duration::from_secs(5);

/// Where servers are started.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The folder of the location, absolute.
    pub directory: PathBuf,
    /// The top of its checkout; `/` without one.
    pub worktree: PathBuf,
    /// Programs.
    pub packages: Packages,
    /// Whether what is not here may be installed.
    pub may_install: bool,
    /// Python's environment that is active.
    pub virtual_env: Option<PathBuf>,
    /// The home folder.
    pub home: PathBuf,
}

/// What to start.
pub(crate) struct Launch {
    pub(crate) program: Program,
    pub(crate) initialization: Option<Value>,
}

/// A server's program, and what comes with it.
struct Found {
    program: PathBuf,
    arguments: Vec<String>,
    variable: Option<(&'static str, PathBuf)>,
    initialization: Option<Value>,
}

impl Found {
    fn of(program: PathBuf, arguments: &str) -> Self {
        Self {
            program,
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            variable: None,
            initialization: None,
        }
    }
}

impl Ground {
    /// How a server is started for a project; nothing where it is not to be had.
    pub(crate) async fn launch(&self, server: &Server, root: &Path) -> Option<Launch> {
        let (mut program, builtin) = match (&server.command, server.row) {
            (Some(command), row) => {
                let (name, arguments) = command.split_first()?;
                let known = row.and_then(|row| self.options(row, root));
                (
                    Program::new(self.packages.find(name).unwrap_or_else(|| name.into())).args(arguments),
                    known,
                )
            }
            (None, Some(row)) => {
                let found = self.find(row, root).await?;
                let mut program = Program::new(found.program).args(found.arguments);
                if let Some((name, value)) = found.variable {
                    program = program.variable(name, value);
                }
                (program, found.initialization)
            }
            (None, None) => return None,
        };
        program = program
            .directory(root)
            .variable("PATH", self.packages.search_path());
        for (name, value) in &server.variables {
            program = program.variable(name, value);
        }
        let initialization = match (builtin, server.initialization.clone()) {
            (Some(mut ours), Some(theirs)) => {
                merge(&mut ours, theirs);
                Some(ours)
            }
            (ours, theirs) => theirs.or(ours),
        };
        Some(Launch {
            program,
            initialization,
        })
    }

    async fn find(&self, row: &'static Row, root: &Path) -> Option<Found> {
        let (initialization, mut found) = match row.needs {
            Needs::TypescriptServer => {
                let Some(options) = self.options(row, root) else {
                    return self.native_typescript();
                };
                (Some(options), self.program(row).await?)
            }
            Needs::TypescriptFolder | Needs::EmptyOptions | Needs::NoTelemetry | Needs::Terraform => {
                (Some(self.options(row, root)?), self.program(row).await?)
            }
            Needs::Python => (self.options(row, root), self.program(row).await?),
            Needs::PythonProgram => {
                let own = self
                    .environments(root)
                    .find_map(|folder| program_in(&folder.join("bin"), row.program));
                let found = match own {
                    Some(program) => Found::of(program, row.arguments),
                    None => self.program(row).await?,
                };
                (self.options(row, root), found)
            }
            Needs::Eslint => {
                self.of_node_modules("eslint/package.json")?;
                (None, self.program(row).await?)
            }
            Needs::Oxlint => (None, self.oxlint(row).await?),
            Needs::OfProject => {
                let own = self.of_node_modules(&format!(".bin/{}", row.program));
                let program = own.or_else(|| self.packages.find(row.program))?;
                (None, Found::of(program, row.arguments))
            }
            Needs::DataFolder => {
                let mut found = self.program(row).await?;
                let name = format!("jdtls-{:016x}", hash_of(root));
                let data = std::env::temp_dir().join("opencode").join(name);
                found
                    .arguments
                    .extend(["-data".to_owned(), data.to_string_lossy().into_owned()]);
                (None, found)
            }
            Needs::Razor => {
                let parts = self.razor()?;
                let mut found = self.program(row).await?;
                found.arguments.extend(parts);
                (None, found)
            }
            Needs::Xcrun => match self.program(row).await {
                Some(found) => (None, found),
                None => (None, Found::of(self.packages.on_path("xcrun")?, row.program)),
            },
            Needs::Nothing if row.id == "julials" => {
                let mut found = self.program(row).await?;
                found.arguments = JULIA.iter().map(|one| (*one).to_owned()).collect();
                (None, found)
            }
            Needs::Nothing => (None, self.program(row).await?),
        };
        found.initialization = initialization;
        Some(found)
    }

    /// The program on the path or in the cache, installed if that may be.
    async fn program(&self, row: &'static Row) -> Option<Found> {
        if let Some(program) = self.packages.find(row.program) {
            return Some(Found::of(program, row.arguments));
        }
        let source = row.source?;
        let program = match self.packages.installed(row.program, source) {
            Some(program) => program,
            None if self.may_install => self.packages.install(row.program, source).await?,
            None => return None,
        };
        Some(Found {
            variable: self.packages.variable(source),
            ..Found::of(program, row.arguments)
        })
    }

    /// What a server of the program is told at its start; nothing when the project lacks what it needs.
    fn options(&self, row: &Row, root: &Path) -> Option<Value> {
        match row.needs {
            Needs::TypescriptServer => {
                let server = self.of_node_modules("typescript/lib/tsserver.js")?;
                Some(json!({ "tsserver": { "path": server } }))
            }
            Needs::TypescriptFolder => {
                let server = self.of_node_modules("typescript/lib/tsserver.js")?;
                Some(json!({ "typescript": { "tsdk": server.parent()? } }))
            }
            Needs::EmptyOptions => Some(json!({})),
            Needs::NoTelemetry => Some(json!({ "telemetry": { "enabled": false } })),
            Needs::Terraform => Some(json!({
                "experimentalFeatures": { "prefillRequiredFields": true, "validateOnSave": true },
            })),
            Needs::Python | Needs::PythonProgram => {
                let python = self.environments(root).find_map(|folder| {
                    program_in(
                        &folder.join(if cfg!(windows) { "Scripts" } else { "bin" }),
                        "python",
                    )
                })?;
                Some(json!({ "pythonPath": python }))
            }
            _ => None,
        }
    }

    /// Python's environments of a project, the active one first.
    fn environments(&self, root: &Path) -> impl Iterator<Item = PathBuf> {
        let own = [root.join(".venv"), root.join("venv")];
        self.virtual_env.clone().into_iter().chain(own)
    }

    /// A file of a package that the project can load.
    fn of_node_modules(&self, path: &str) -> Option<PathBuf> {
        let folders = self.directory.ancestors();
        folders
            .map(|folder| folder.join("node_modules").join(path))
            .find(|path| path.is_file())
    }

    /// Compilers of the newer kind speak the protocol themselves (beyond the reference, which then has no server).
    fn native_typescript(&self) -> Option<Found> {
        self.of_node_modules("typescript/package.json")?;
        let compiler = self.of_node_modules(".bin/tsc")?;
        let version = fs_err::read_to_string(self.of_node_modules("typescript/package.json")?).ok()?;
        let version: Value = serde_json::from_str(&version).ok()?;
        let major: u32 = version["version"].as_str()?.split('.').next()?.parse().ok()?;
        (major >= 7).then(|| Found::of(compiler, "--lsp --stdio"))
    }

    async fn oxlint(&self, row: &Row) -> Option<Found> {
        let program = self
            .of_node_modules(".bin/oxlint")
            .or_else(|| self.packages.find(row.program));
        if let Some(program) = program {
            let asked = Program::new(&program).arg("--help").directory(&self.directory);
            let help = asked.timeout(HELP_LIMIT).run().await.ok()?;
            if help.text().contains("--lsp") {
                return Some(Found::of(program, row.arguments));
            }
        }
        let other = "oxc_language_server";
        let program = self.of_node_modules(&format!(".bin/{other}"));
        Some(Found::of(program.or_else(|| self.packages.find(other))?, ""))
    }

    /// The parts of an editor's extension for C# that understand pages.
    fn razor(&self) -> Option<Vec<String>> {
        let extensions = fs_err::read_dir(self.home.join(".vscode/extensions")).ok()?;
        let folders = extensions.flatten().map(|entry| entry.path());
        let mut found: Vec<_> = folders
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("ms-dotnettools.csharp-") && path.join(".razorExtension").is_dir()
            })
            .collect();
        found.sort();
        let folder = found.pop()?.join(".razorExtension");
        let part = |path: &str| folder.join(path).to_string_lossy().into_owned();
        Some(vec![
            "--razorSourceGenerator".to_owned(),
            part("Microsoft.CodeAnalysis.Razor.Compiler.dll"),
            "--razorDesignTimePath".to_owned(),
            part("Targets/Microsoft.NET.Sdk.Razor.DesignTime.targets"),
            "--extension".to_owned(),
            part("Microsoft.VisualStudioCode.RazorExtension.dll"),
        ])
    }
}

fn hash_of(path: &Path) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// Puts what is in `more` over `value`, objects key by key.
fn merge(value: &mut Value, more: Value) {
    match (value, more) {
        (Value::Object(value), Value::Object(more)) => {
            for (key, more) in more {
                merge(value.entry(key).or_insert(Value::Null), more);
            }
        }
        (value, more) => *value = more,
    }
}

/// What configuration says of a section (`a.b`) of a server's settings; all of it without one.
pub(crate) fn section(settings: Option<&Value>, section: Option<&str>) -> Value {
    let Some(settings) = settings else {
        return Value::Null;
    };
    let Some(section) = section.filter(|section| !section.is_empty()) else {
        return settings.clone();
    };
    let found = section.split('.').try_fold(settings, |value, key| value.get(key));
    found.cloned().unwrap_or_default()
}
