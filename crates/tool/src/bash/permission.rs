//! What a command line needs permission for (reference `tools.md` §3, bash, «Permission parsing»).
//!
//! Two questions at most: one for all folders outside that it names, one for all commands in it.

use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use opencode_process::script::{self, SimpleCommand};
use opencode_schema::Object;

use crate::contract::{Ask, Call, Failure, external_pattern};

/// What a command line needs permission for; each thing once, in the order of the text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Folders outside that it works on or in.
    pub(crate) directories: IndexSet<PathBuf>,
    /// Texts of its commands.
    pub(crate) patterns: IndexSet<String>,
    /// What «always» allows for them.
    always: IndexSet<String>,
}

/// Asks for everything that `command` needs when it is run in `directory`.
pub(super) async fn ask(call: &Call, command: &str, directory: &Path) -> Result<(), Failure> {
    let needs = {
        let (call, command, directory) = (call.clone(), command.to_owned(), directory.to_owned());
        // Parsing takes up to half a second, and folders are looked up.
        tokio::task::spawn_blocking(move || Needs::of(&call, &command, &directory)).await
    };
    let needs =
        needs.map_err(|error| Failure::told(format!("The command could not be examined: {error}")))?;
    if !needs.directories.is_empty() {
        let patterns: Vec<String> = needs
            .directories
            .iter()
            .map(|path| external_pattern(path))
            .collect();
        let directories: Vec<String> = needs
            .directories
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        let mut metadata = command_metadata(command);
        metadata.insert("directories".into(), directories.into());
        metadata.insert("patterns".into(), patterns.clone().into());
        call.ask(Ask {
            permission: "external_directory".into(),
            patterns: patterns.clone(),
            always: patterns,
            metadata,
        })
        .await?;
    }
    if needs.patterns.is_empty() {
        return Ok(());
    }
    call.ask(Ask {
        permission: super::NAME.into(),
        patterns: needs.patterns.into_iter().collect(),
        always: needs.always.into_iter().collect(),
        metadata: command_metadata(command),
    })
    .await
}

fn command_metadata(command: &str) -> Object {
    Object::from_iter([("command".to_owned(), command.into())])
}

impl Needs {
    /// Touches the disk: an argument that is a folder stands for itself, a file for its folder.
    pub(crate) fn of(call: &Call, command: &str, directory: &Path) -> Self {
        let script = script::parse(command);
        let home = std::env::home_dir().unwrap_or_default();
        let mut needs = Self::default();
        for simple in &script.commands {
            for argument in script::file_arguments(&simple.words) {
                let Some(path) = script::file_argument(argument, &home) else {
                    continue;
                };
                let path = opencode_project::path::absolute(directory, &path);
                if call.is_internal(&path) {
                    continue;
                }
                let folder = if path.is_dir() {
                    path.as_path()
                } else {
                    path.parent().unwrap_or(&path)
                };
                needs.directories.insert(folder.to_owned());
            }
            needs.add(simple);
        }
        if !script.complete {
            // Stricter than the reference, which runs what it cannot read without asking.
            let whole = command.trim().to_owned();
            needs.patterns.insert(whole.clone());
            needs.always.insert(whole);
        }
        if !call.is_internal(directory) {
            needs.directories.insert(directory.to_owned());
        }
        needs
    }

    fn add(&mut self, simple: &SimpleCommand) {
        if simple.source.is_empty() || simple.words.is_empty() || script::changes_directory(&simple.words) {
            return;
        }
        let prefix = script::prefix(&simple.words).join(" ");
        // A command without a name (`X=1 > file`) is only ever allowed as it stands.
        let always = if prefix.trim().is_empty() {
            simple.source.clone()
        } else {
            format!("{prefix} *")
        };
        self.patterns.insert(simple.source.clone());
        self.always.insert(always);
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    async fn asks(bench: &Bench, command: &str, directory: &Path) -> Vec<Ask> {
        ask(&bench.call(), command, directory).await.unwrap();
        bench.recorded().asks
    }

    fn bash_ask(command: &str, patterns: &[&str], always: &[&str]) -> Ask {
        Ask {
            permission: "bash".into(),
            patterns: patterns.iter().map(|text| (*text).to_owned()).collect(),
            always: always.iter().map(|text| (*text).to_owned()).collect(),
            metadata: command_metadata(command),
        }
    }

    #[tokio::test]
    async fn commands_are_asked_for_together() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            (
                "git status -s && ls",
                &["git status -s", "ls"],
                &["git status *", "ls *"],
            ),
            ("cp a b; cp a b; cp c d", &["cp a b", "cp c d"], &["cp *"]),
            ("cd sub; make all > log", &["make all > log"], &["make all *"]),
            // What is not understood is asked for as a whole, beside what is.
            ("ls; (", &["ls", "ls; ("], &["ls *", "ls; ("]),
            (" if ", &["if"], &["if"]),
            ("> out.txt", &["> out.txt"], &["> out.txt"]),
            ("X=1 > out.txt", &["X=1 > out.txt"], &["X=1 > out.txt"]),
            ("ls &&", &["ls", "ls &&"], &["ls *", "ls &&"]),
        ];
        for (command, patterns, always) in rows {
            let bench = Bench::new();
            let asked = asks(&bench, command, &bench.scope.directory).await;
            assert_eq!(asked, [bash_ask(command, patterns, always)], "{command}");
        }
    }

    #[tokio::test]
    async fn harmless_commands_are_not_asked_for() {
        for command in ["cd sub", "X=1", "# nothing", "   ", "[ -f x ]"] {
            let bench = Bench::new();
            assert_eq!(
                asks(&bench, command, &bench.scope.directory).await,
                [],
                "{command}"
            );
        }
    }

    #[tokio::test]
    async fn a_command_that_is_too_long_to_parse_is_asked_for_as_a_whole() {
        let bench = Bench::new();
        let command = format!("echo {}", "x".repeat(script::SOURCE_LIMIT));
        let asked = asks(&bench, &command, &bench.scope.directory).await;
        assert_eq!(asked, [bash_ask(&command, &[&command], &[&command])]);
    }

    #[tokio::test]
    async fn folders_outside_are_asked_for_first() {
        let bench = Bench::new();
        let root = bench.root();
        fs_err::create_dir_all(root.join("other/deep")).unwrap();
        let at = |path: &str| root.join(path).to_string_lossy().into_owned();
        let command = format!(
            "rm -rf {} ../other/file sub/x {}/* $HOME/y; ls /",
            at("other/deep"),
            at("other")
        );
        let asked = asks(&bench, &command, &bench.scope.directory).await;
        let patterns = [at("other/deep/*"), at("other/*")];
        assert_eq!(asked.len(), 2);
        assert_eq!(
            asked[0],
            Ask {
                permission: "external_directory".into(),
                patterns: patterns.to_vec(),
                always: patterns.to_vec(),
                metadata: match json!({
                    "command": command,
                    "directories": [at("other/deep"), at("other")],
                    "patterns": patterns,
                }) {
                    serde_json::Value::Object(metadata) => metadata,
                    _ => unreachable!(),
                },
            }
        );
        assert_eq!(asked[1].permission, "bash");
    }

    #[tokio::test]
    async fn arguments_count_from_the_folder_of_the_command() {
        let bench = Bench::new();
        let outside = bench.root().join("other");
        fs_err::create_dir_all(&outside).unwrap();
        let asked = asks(&bench, "cat file ../project/a ../x", &outside).await;
        let wanted = [outside.join("*"), bench.root().join("*")];
        assert_eq!(
            asked[0].patterns,
            wanted.map(|path| path.to_string_lossy().into_owned())
        );
    }

    #[tokio::test]
    async fn the_folder_of_the_command_comes_last() {
        let bench = Bench::new();
        let asked = asks(&bench, "cat /etc/hostname", &bench.root()).await;
        assert_eq!(
            asked[0].patterns,
            ["/etc/*".to_owned(), external_pattern(&bench.root())]
        );
    }

    #[tokio::test]
    async fn a_no_to_the_folder_ends_the_questions() {
        let bench = Bench::asking(|ask| match ask.permission.as_str() {
            "external_directory" => Err(Failure::Rejected("no".into())),
            _ => Ok(()),
        });
        let refused = ask(&bench.call(), "cat /etc/hostname", &bench.scope.directory).await;
        assert_eq!(refused, Err(Failure::Rejected("no".into())));
        assert_eq!(bench.recorded().asks.len(), 1);
    }
}
