//! The `plan_exit` tool: asks whether the plan is carried out, and hands the session over to the agent that builds
//! (reference `tools.md` §3, plan_exit; `agent-loop.md` §12).

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use opencode_schema::question::{Choice, Question};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};

/// The name that models call.
pub const NAME: &str = "plan_exit";
const DESCRIPTION: &str = include_str!("descriptions/plan_exit.md");
/// Who carries plans out.
const BUILDER: &str = "build";
const YES: &str = "Yes";
const NO: &str = "No";

/// The `plan_exit` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanExit;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {}

impl Tool for PlanExit {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        ask(call, input).boxed()
    }
}

async fn ask(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments {} = arguments(NAME, input)?;
    let plan = call.scope.relative(&call.host.plan_file(call)?);
    let choice = |label: &str, description: &str| Choice {
        label: label.to_owned(),
        description: description.to_owned(),
    };
    let question = Question {
        question: format!("The plan in {plan} is complete. Should the build agent carry it out now?"),
        header: "Build Agent".to_owned(),
        options: vec![
            choice(YES, "Go on with the build agent, which carries the plan out"),
            choice(NO, "Stay with the plan agent, and plan further"),
        ],
        multiple: None,
        custom: Some(false),
    };
    let answers = call.host.question(call, vec![question]).await?;
    // Nothing but a clear yes lets files be changed.
    if answers
        .first()
        .and_then(|answer| answer.first())
        .map(String::as_str)
        != Some(YES)
    {
        return Err(Failure::Rejected("The user dismissed this question".to_owned()));
    }
    let words = format!("The plan in {plan} is approved: files may be changed now. Carry it out.");
    call.host.hand_over(call, BUILDER, words).await?;
    Ok(Output {
        title: "Switching to build agent".to_owned(),
        output: "The user wants the plan carried out by the build agent. Wait for what comes next."
            .to_owned(),
        metadata: Object::new(),
        ..Output::default()
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn a_yes_hands_over() {
        let bench = Bench::answering(vec![vec!["Yes".to_owned()]]);
        let output = bench.run(&PlanExit, json!({})).await.unwrap();
        assert_eq!(output.title, "Switching to build agent");
        let recorded = bench.recorded();
        assert_eq!(
            recorded.handed_over,
            [(
                "build".to_owned(),
                "The plan in plan.md is approved: files may be changed now. Carry it out.".to_owned()
            )]
        );
        let asked = &recorded.questions[0];
        assert_eq!(
            (asked.header.as_str(), asked.custom),
            ("Build Agent", Some(false))
        );
        assert!(asked.question.contains("plan.md"), "{}", asked.question);
    }

    #[tokio::test]
    async fn anything_else_does_not() {
        for answer in [
            vec![],
            vec![vec![]],
            vec![vec!["No".to_owned()]],
            vec![vec!["yes please".to_owned()]],
        ] {
            let bench = Bench::answering(answer.clone());
            let failure = bench.run(&PlanExit, json!({})).await.unwrap_err();
            assert!(matches!(failure, Failure::Rejected(_)), "{answer:?}: {failure}");
            assert_eq!(bench.recorded().handed_over, []);
        }
    }
}
