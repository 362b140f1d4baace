//! Going on with a step of a durable session whose program was ended while calls of its answer were run
//! (reference `v2.md` §14 row 27).

use opencode_llm::stream::{Finish, FinishReason, ProviderMetadata, Usage};
use opencode_schema::part::{StepStartPart, ToolPart};
use opencode_schema::session::Status;
use opencode_schema::{MessageError, MessageId, PartBody};
use opencode_tool::Failure;

use super::{Draft, Step, StepInput, StepOutcome, new_message, not_prepared, refuse, request};
use crate::Error;

/// Runs `calls` of its whole `answer` again.
pub(crate) async fn go_on(
    input: StepInput<'_>,
    id: MessageId,
    calls: Vec<ToolPart>,
) -> Result<StepOutcome, Error> {
    let prepared = tokio::select! {
        prepared = request::prepare(&input) => prepared,
        () = input.cancel.cancelled() => return refuse(&input, MessageError::aborted()).await,
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&input, not_prepared(&input, &error)).await,
    };
    let mut message = new_message(&input);
    message.id = id;
    let start = PartBody::StepStart(StepStartPart {
        snapshot: input.known_tree.clone(),
    });
    let parts = std::iter::once(start).chain(calls.iter().cloned().map(PartBody::Tool));
    let draft = Draft::resumed(input.store(), message, parts.collect());
    let (mut step, ..) = Step::new(input, prepared, draft);
    step.start_part = Some(0);
    step.finish = Some(Finish {
        reason: FinishReason::ToolCalls,
        raw: Some(FinishReason::ToolCalls.as_str().to_owned()),
        // What it used was not written down any more.
        usage: Usage::default(),
        metadata: ProviderMetadata::default(),
    });
    step.status(Status::Busy).await?;
    for (place, call) in calls.into_iter().enumerate() {
        step.run_again(place + 1, call).await?;
    }
    let ended = step.wait_for_calls().await?;
    Box::pin(step.conclude(ended)).await
}

impl Step<'_> {
    /// Runs a call again that another program left without a result.
    async fn run_again(&mut self, place: usize, call: ToolPart) -> Result<(), Error> {
        self.calls.places.insert(call.call_id.clone(), place);
        self.calls.made += 1;
        if !self.offered.contains(&call.tool) {
            let told = format!("Unknown tool: {}", call.tool);
            return self.settle(place, Err(Failure::Told(told))).await;
        }
        self.start(call.call_id, &call.tool, call.state.input());
        Ok(())
    }
}
