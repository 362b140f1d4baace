//! The end of a step: what is stored of it, and what follows (reference `agent-loop.md` §5, §7).

use std::future::Future;
use std::time::Duration;

use opencode_llm::stream::FinishReason;
use opencode_schema::message::AssistantMessage;
use opencode_schema::part::{PatchPart, StepFinishPart, StepStartPart};
use opencode_schema::session::{Cost, Status, Tokens};
use opencode_schema::time::now;
use opencode_schema::{EventBody, MessageError, PartBody};
use tokio_util::sync::CancellationToken;

use super::draft::Kind;
use super::{Ended, STOP_LIMIT, Step, StepOutcome, UNKNOWN, Verdict, snapshot, tokens_of};
use crate::Error;

impl Step<'_> {
    /// Stores what came of the step.
    pub(super) async fn conclude(mut self, ended: Ended) -> Result<StepOutcome, Error> {
        let failed = match ended {
            Ended::Whole => None,
            Ended::Stopped => Some(MessageError::aborted()),
            Ended::Failed(error) => Some(error),
        };
        let recorded = async { self.snapshot.tree().await };
        let before = match failed {
            None => unless_stopped(&self.cancel, recorded).await.flatten(),
            // Who stops a turn does not wait for a record of the files.
            Some(_) => tokio::time::timeout(STOP_LIMIT, recorded).await.ok().flatten(),
        };
        if self.is_durable && self.start_part.is_none() {
            // The beginning that is told with the end names it, too.
            let body = PartBody::StepStart(StepStartPart {
                snapshot: before.clone(),
            });
            self.start_part = Some(self.draft.add(body).await?);
        }
        let before = before.filter(|_| self.start_part.is_some());
        self.complete_start(before.as_deref()).await?;
        let chain = self.draft.chain().clone();
        let outcome = match failed {
            None => Box::pin(self.conclude_whole(before)).await?,
            Some(error) => Box::pin(self.conclude_failed(error, before)).await?,
        };
        chain.settled().await?;
        Ok(outcome)
    }

    /// The beginning of the step names the tree, also when that came late.
    async fn complete_start(&mut self, tree: Option<&str>) -> Result<(), Error> {
        let Some(place) = self.start_part else {
            return Ok(());
        };
        let wanted = PartBody::StepStart(StepStartPart {
            snapshot: tree.map(str::to_owned),
        });
        if self
            .draft
            .parts()
            .get(place)
            .is_some_and(|part| part.body != wanted)
        {
            self.draft.replace(place, wanted).await?;
        }
        Ok(())
    }

    async fn conclude_whole(mut self, before: Option<String>) -> Result<StepOutcome, Error> {
        let after = self.tree_after(before.clone()).await;
        self.draft.end_all(&[Kind::Reasoning, Kind::Text]).await?;
        // Calls that the model began and never finished.
        self.stop_calls(Duration::ZERO).await?;
        let (reason, tokens) = self.finish_and_tokens();
        let price = self
            .finish
            .as_ref()
            .map(|finish| self.price(finish, &tokens))
            .unwrap_or_default();
        let used = tokens.clone();
        let mut all = std::mem::take(&mut self.billed);
        all.add(&tokens, price);
        // What servers asked counts for the session, but is no part of the conversation that fills the context.
        let (_, tokens) = all.clone().into_parts();
        all.join(self.sampler.billed());
        let (price, tokens_of_all) = all.into_parts();
        let finish_part = StepFinishPart {
            reason: reason.clone(),
            snapshot: after.clone(),
            cost: price,
            tokens: tokens_of_all,
        };
        let broke_off = reason == UNKNOWN;
        let filtered = reason == FinishReason::ContentFilter.as_str();
        self.draft.add(PartBody::StepFinish(finish_part)).await?;
        self.held = None;
        self.sampler.is_stored();
        self.draft
            .change(|message| {
                message.finish = Some(reason);
                message.cost = Cost(message.cost.0 + price.0);
                message.tokens = tokens;
            })
            .await?;
        self.add_patch(before.as_deref(), after.as_deref()).await?;
        if filtered {
            let error = MessageError::ContentFilter {
                message: "The provider stopped the answer because of its content rules".to_owned(),
            };
            self.tell_error(error.clone()).await?;
            self.draft.change(|message| message.error = Some(error)).await?;
        }
        self.draft
            .change(|message| message.time.completed = Some(now()))
            .await?;
        let go_on = self
            .location
            .config
            .experimental
            .as_ref()
            .and_then(|one| one.continue_loop_on_deny);
        let refused = self.calls.refused && go_on != Some(true);
        let is_full = self.location.budget(&self.model).is_full(&used);
        let is_answered = self.conclude_structured().await?;
        let verdict = if refused || filtered || is_answered {
            Verdict::Stop
        } else if is_full && !self.is_summary {
            Verdict::Shorten { overflow: false }
        } else {
            Verdict::Continue
        };
        Ok(StepOutcome {
            verdict,
            // Where nothing ran, the tree is the one before the step, which the user may have left behind.
            tree: after.filter(|_| self.calls.any_ran),
            broke_off,
            failed: filtered,
            overflowed: false,
            called: self.calls.made_any(),
            declined: refused,
        })
    }

    /// Keeps an answer that was wanted in a form of its own, or says that there is none. Gives whether the
    /// turn is over by that.
    async fn conclude_structured(&mut self) -> Result<bool, Error> {
        if self.answer_tool.is_none() {
            return Ok(false);
        }
        let structured = self.structured.take();
        let is_done = |message: &AssistantMessage| {
            let finish = message.finish.as_deref().unwrap_or(UNKNOWN);
            finish != FinishReason::ToolCalls.as_str() && finish != UNKNOWN && message.error.is_none()
        };
        if structured.is_none() && !self.draft.message().as_assistant().is_some_and(is_done) {
            return Ok(false);
        }
        self.draft
            .change(|message| match structured {
                Some(structured) => message.structured = Some(structured),
                None => {
                    message.error = Some(MessageError::StructuredOutput {
                        message: "Model did not produce structured output".to_owned(),
                        retries: 0,
                    });
                }
            })
            .await?;
        Ok(true)
    }

    async fn conclude_failed(
        mut self,
        error: MessageError,
        before: Option<String>,
    ) -> Result<StepOutcome, Error> {
        tracing::warn!(session = %self.session.id, error = error.message(), "a step failed");
        self.tell_error(error.clone()).await?;
        let is_overflow = matches!(error, MessageError::ContextOverflow { .. });
        let is_stopped = matches!(error, MessageError::Aborted { .. });
        if is_overflow && !self.is_summary && self.location.budget(&self.model).is_automatic() {
            return Box::pin(self.conclude_overflow(error, before)).await;
        }
        // Parity: agent-loop.md §7, listeners are told at once that the session rests, before what is left
        // of the step is put in order.
        self.status(Status::Idle).await?;
        if !self.is_durable {
            let idle = EventBody::SessionIdle {
                session_id: self.session.id.clone(),
            };
            self.location.store.announce(idle).await?;
        }
        self.draft.end_all(&[Kind::Text, Kind::Reasoning]).await?;
        self.stop_calls(STOP_LIMIT).await?;
        let after = self.tree_after(before.clone()).await;
        self.add_patch(before.as_deref(), after.as_deref()).await?;
        let mut billed = std::mem::take(&mut self.billed);
        billed.join(self.sampler.billed());
        self.draft.bill(billed).await?;
        self.sampler.is_stored();
        let finish = (is_overflow && self.is_summary).then(|| FinishReason::Error.as_str().to_owned());
        self.draft
            .change(|message| {
                message.finish = finish.or(message.finish.take());
                message.error = Some(error);
                message.time.completed = Some(now());
            })
            .await?;
        Ok(StepOutcome {
            verdict: Verdict::Stop,
            tree: None,
            broke_off: false,
            failed: true,
            overflowed: is_overflow,
            called: false,
            declined: is_stopped,
        })
    }

    /// The conversation did not fit: the message stays without an error, because the turn goes on.
    async fn conclude_overflow(
        mut self,
        error: MessageError,
        before: Option<String>,
    ) -> Result<StepOutcome, Error> {
        self.draft.end_all(&[Kind::Text, Kind::Reasoning]).await?;
        self.stop_calls(STOP_LIMIT).await?;
        let after = self.tree_after(before.clone()).await;
        self.add_patch(before.as_deref(), after.as_deref()).await?;
        let is_durable = self.is_durable;
        self.draft
            .change(|message| {
                // A durable session has it in its log.
                message.error = is_durable.then_some(error);
                message.time.completed = Some(now());
            })
            .await?;
        Ok(StepOutcome {
            verdict: Verdict::Shorten { overflow: true },
            tree: None,
            broke_off: false,
            failed: true,
            overflowed: true,
            called: false,
            declined: false,
        })
    }

    async fn tell_error(&self, error: MessageError) -> Result<(), Error> {
        if self.is_durable {
            // The end of the step says it.
            return Ok(());
        }
        let event = EventBody::SessionError {
            session_id: Some(self.session.id.clone()),
            error: Some(error),
        };
        Ok(self.location.store.announce(event).await?)
    }

    /// The tree of files now; the same as before when no tool of the step could have changed anything.
    async fn tree_after(&self, before: Option<String>) -> Option<String> {
        if !self.calls.any_ran || before.is_none() {
            return before;
        }
        let tracked = unless_stopped(&self.cancel, snapshot::track(self.location.snapshots()));
        tracked.await.flatten().or(before)
    }

    /// Says which files the step changed.
    async fn add_patch(&mut self, before: Option<&str>, after: Option<&str>) -> Result<(), Error> {
        let (Some(before), Some(after), Some(snapshots)) = (before, after, self.location.snapshots()) else {
            return Ok(());
        };
        if before == after {
            return Ok(());
        }
        match snapshots.patch(before).await {
            Ok(files) if files.is_empty() => {}
            Ok(files) => {
                self.draft
                    .add(PartBody::Patch(PatchPart {
                        hash: before.to_owned(),
                        files,
                    }))
                    .await?;
            }
            Err(error) => tracing::warn!(%error, "the changed files could not be told"),
        }
        Ok(())
    }

    /// Why the model stopped, and what it used. An answer that just breaks off has no reason of its own.
    fn finish_and_tokens(&self) -> (String, Tokens) {
        let Some(finish) = &self.finish else {
            return (UNKNOWN.to_owned(), Tokens::default());
        };
        let reason = match finish.reason {
            FinishReason::Other if finish.raw.is_none() => UNKNOWN,
            reason => reason.as_str(),
        };
        (reason.to_owned(), tokens_of(finish))
    }
}

/// What something comes to; `None` when the turn is stopped and it takes longer than that allows.
async fn unless_stopped<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        cancel.cancelled().await;
        tokio::time::sleep(STOP_LIMIT).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = stopped => None,
    }
}
