//! The `skill` tool: loads a skill's text and tells which files belong to it (reference `tools.md` §3,
//! skill).

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_project::search::{self, Glob};
use opencode_schema::Object;
use opencode_schema::skill::Skill as Entry;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};

pub(crate) const NAME: &str = "skill";
pub(crate) const DESCRIPTION: &str = include_str!("descriptions/skill.md");
/// Files of a skill that are named.
const FILES: usize = 10;

/// The `skill` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skill;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Name of the skill, as listed
    name: String,
}

impl Tool for Skill {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        load(call, input).boxed()
    }
}

/// Loads a skill.
pub(crate) async fn load(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { name } = arguments(NAME, input)?;
    let Some(skill) = call.scope.skills.iter().find(|skill| skill.name == name) else {
        return Err(unknown(&name, &call.scope.skills));
    };
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec![name.clone()],
        always: vec![name],
        metadata: Object::new(),
    })
    .await?;
    loaded(skill, &call.cancel).await
}

/// A skill as whoever calls for it is given it.
async fn loaded(skill: &Entry, cancel: &CancellationToken) -> Result<Output, Failure> {
    let name = skill.name.clone();
    let folder = skill.folder();
    let mut output = format!(
        "<skill_content name=\"{name}\">\n# Skill: {name}\n\n{}\n\n",
        skill.content.trim()
    );
    if let Some(folder) = folder {
        output.push_str(&format!(
            "Base directory for this skill: {}\n\
             Relative paths in the skill start there.\n\
             Not all of its files may be listed here.\n\n",
            folder.display()
        ));
    }
    let files = match folder {
        Some(folder) => files(folder, cancel).await?,
        None => Vec::new(),
    };
    output.push_str(&format!(
        "<skill_files>\n{}\n</skill_files>\n</skill_content>",
        files.join("\n")
    ));
    // Parity: a skill that is built in lies in `.` (§3, skill: metadata `{name, dir}`).
    let dir = folder.map_or_else(|| ".".into(), |folder| folder.to_string_lossy().into_owned());
    Ok(Output {
        title: format!("Loaded skill: {name}"),
        output,
        metadata: Object::from_iter([("name".to_owned(), name.into()), ("dir".to_owned(), dir.into())]),
        ..Output::default()
    })
}

/// A skill that the user calls for in a durable session: nobody is asked whether he may.
///
/// # Errors
/// [`Failure::Aborted`] when it was stopped.
pub async fn for_user(skill: &Entry, cancel: &CancellationToken) -> Result<Output, Failure> {
    let output = loaded(skill, cancel).await?;
    Ok(crate::durable::skill_facts(skill, output))
}

fn unknown(name: &str, skills: &[Entry]) -> Failure {
    let mut names: Vec<&str> = skills.iter().map(|skill| skill.name.as_str()).collect();
    names.sort_unstable();
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    Failure::told(format!("Skill \"{name}\" not found. Available skills: {names}"))
}

/// The first files beside a skill's text, each as a line for the model.
async fn files(folder: &Path, cancel: &CancellationToken) -> Result<Vec<String>, Failure> {
    let query = Glob {
        directory: folder.to_owned(),
        pattern: "!**/SKILL.md".into(),
        hidden: true,
        limit: FILES,
    };
    match search::glob(query, cancel).await {
        Ok(paths) => Ok(paths
            .iter()
            .map(|path| format!("<file>{}</file>", folder.join(path).display()))
            .collect()),
        Err(search::Error::Cancelled) => Err(Failure::Aborted),
        Err(error) => {
            // The text is what was asked for; it may work without its files.
            tracing::warn!(%error, "could not list the files of a skill");
            Ok(Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::contract::schema_of;
    use crate::testing::Bench;

    fn skill(name: &str, location: Option<PathBuf>) -> Entry {
        Entry {
            name: name.into(),
            description: None,
            location: location.map_or_else(
                || Entry::BUILT_IN.into(),
                |path| path.to_string_lossy().into_owned(),
            ),
            content: "\nStep one.\nStep two.\n\n".into(),
        }
    }

    #[tokio::test]
    async fn text_and_files_are_given() {
        let mut bench = Bench::new();
        let location = bench.write(".opencode/skills/ship/SKILL.md", "---");
        for file in ["check.sh", "sub/SKILL.md", "sub/deep.txt", ".hidden"] {
            bench.write(Path::new(".opencode/skills/ship").join(file), "");
        }
        bench.scope.skills = Arc::from(vec![skill("ship", Some(location.clone()))]);
        let output = bench.run(&Skill, json!({"name": "ship"})).await.unwrap();
        assert_eq!(output.title, "Loaded skill: ship");
        let folder = location.parent().unwrap().to_string_lossy().into_owned();
        assert_eq!(
            Value::Object(output.metadata),
            json!({"name": "ship", "dir": folder})
        );
        insta::assert_snapshot!(output.output.replace(&folder, "<dir>"), @r#"
        <skill_content name="ship">
        # Skill: ship

        Step one.
        Step two.

        Base directory for this skill: <dir>
        Relative paths in the skill start there.
        Not all of its files may be listed here.

        <skill_files>
        <file><dir>/.hidden</file>
        <file><dir>/check.sh</file>
        <file><dir>/sub/deep.txt</file>
        </skill_files>
        </skill_content>
        "#);
        let asks = bench.recorded().asks;
        assert_eq!(
            (&*asks[0].patterns, &*asks[0].always),
            (&["ship".to_owned()][..], &["ship".to_owned()][..])
        );
    }

    #[tokio::test]
    async fn few_of_many_files_are_named() {
        let mut bench = Bench::new();
        let location = bench.write("skill/SKILL.md", "");
        for number in 0..25 {
            bench.write(format!("skill/{number}"), "");
        }
        bench.scope.skills = Arc::from(vec![skill("s", Some(location))]);
        let output = bench.run(&Skill, json!({"name": "s"})).await.unwrap();
        assert_eq!(output.output.matches("<file>").count(), FILES);
    }

    #[tokio::test]
    async fn a_built_in_skill_has_no_folder() {
        let mut bench = Bench::new();
        bench.scope.skills = Arc::from(vec![skill("inner", None)]);
        let output = bench.run(&Skill, json!({"name": "inner"})).await.unwrap();
        insta::assert_snapshot!(output.output, @r#"
        <skill_content name="inner">
        # Skill: inner

        Step one.
        Step two.

        <skill_files>

        </skill_files>
        </skill_content>
        "#);
    }

    #[tokio::test]
    async fn an_unknown_skill_is_answered_with_those_there_are() {
        let mut bench = Bench::new();
        let error = bench.run(&Skill, json!({"name": "x"})).await.unwrap_err();
        assert_eq!(error.to_string(), "Skill \"x\" not found. Available skills: none");
        bench.scope.skills = Arc::from(vec![skill("b", None), skill("a", None)]);
        let error = bench.run(&Skill, json!({"name": "x"})).await.unwrap_err();
        assert_eq!(error.to_string(), "Skill \"x\" not found. Available skills: a, b");
        assert_eq!(bench.recorded().asks, []);
    }

    #[test]
    fn parameters() {
        insta::assert_json_snapshot!(schema_of::<Arguments>(), @r#"
        {
          "type": "object",
          "properties": {
            "name": {
              "type": "string",
              "description": "Name of the skill, as listed"
            }
          },
          "required": [
            "name"
          ],
          "$schema": "https://json-schema.org/draft/2020-12/schema"
        }
        "#);
    }
}
