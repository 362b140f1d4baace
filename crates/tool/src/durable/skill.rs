//! `skill` of durable sessions.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_schema::skill::Skill as Entry;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{facts, schema};
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool};
use crate::skill::{DESCRIPTION, NAME, load};

/// Where skills lie that are built in.
const BUILT_IN: &str = "/builtin";

/// Loads a skill.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skill;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Name of the skill, as listed
    name: String,
}

impl Tool for Skill {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { name } = crate::contract::arguments(NAME, input.clone())?;
    let output = load(call, input).await?;
    let skill = call.scope.skills.iter().find(|skill| skill.name == name);
    Ok(match skill {
        Some(skill) => with_facts(skill, output),
        None => output,
    })
}

/// A loaded skill with the facts that durable sessions keep of it.
pub(crate) fn with_facts(skill: &Entry, mut output: Output) -> Output {
    let directory = skill
        .folder()
        .map_or_else(|| BUILT_IN.into(), |folder| folder.to_string_lossy().into_owned());
    output.metadata = facts(json!({ "name": skill.name, "directory": directory, "output": output.output }));
    output
}
