//! The assistant message of a step while it is written: its parts, what is still open, and what listeners
//! are told (reference `agent-loop.md` §5, «Stream handling»).

use std::time::Duration;

use opencode_llm::stream::{FinishReason, ProviderMetadata};
use opencode_plugin::Hook;
use opencode_schema::part::{ReasoningPart, Span, StepFinishPart, TextPart, ToolPart};
use opencode_schema::time::now;
use opencode_schema::{
    AssistantMessage, EventBody, Message, MessageBody, Object, Part, PartBody, PartId, SessionEvent,
    ToolState,
};
use opencode_store::{Attempt, Chain, Owed, Spent, Store};
use opencode_tool::Output;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Billed;
use super::told::Told;
use crate::Error;
use crate::plugin::Hooks;

/// How long text is collected before listeners are told: short enough to look immediate.
const TELL_AFTER: Duration = Duration::from_millis(16);
/// Bytes of a growing text that are told at once.
const DELTA_LIMIT: usize = 4096;

/// The message of a step and its parts, each change stored and told.
pub(crate) struct Draft {
    /// Nobody waits for each change to be stored; see [`Draft::chain`].
    chain: Chain,
    message: Message,
    parts: Vec<Part>,
    open: Vec<Open>,
    /// Arguments of calls that were not told yet, by the place of the call.
    written: Vec<(usize, String)>,
    /// When listeners are told at the latest what was added.
    tell_at: Option<Instant>,
    /// Of a durable session: what was told in its words. Others are told message and parts themselves.
    told: Option<Told>,
    /// Plugins that have a say in whole texts.
    hooks: Hooks,
    /// Stops them.
    cancel: CancellationToken,
    /// Why they did not have their say.
    fault: Option<opencode_plugin::Error>,
}

/// A text or thought that grows. What is stored is its beginning and its end; between them listeners are
/// told what is added.
struct Open {
    /// What the stream calls it.
    stream_id: String,
    kind: Kind,
    part: usize,
    text: String,
    /// What was not told yet.
    untold: String,
    start: i64,
    metadata: Option<Object>,
}

/// What can be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Text,
    Reasoning,
}

impl Draft {
    /// Stores a new message; that of a durable session with the first that is told of it.
    pub(crate) async fn begin(store: Store, message: Message, is_durable: bool) -> Result<Self, Error> {
        let mut draft = Self {
            chain: Chain::new(store),
            message,
            parts: Vec::new(),
            open: Vec::new(),
            written: Vec::new(),
            tell_at: None,
            told: is_durable.then(Told::default),
            hooks: Hooks::default(),
            cancel: CancellationToken::new(),
            fault: None,
        };
        draft.change(|_| {}).await?;
        Ok(draft)
    }

    /// The message of an answer that another program left, with those parts that something is still to be said of.
    pub(crate) fn resumed(store: Store, message: Message, bodies: Vec<PartBody>) -> Self {
        let name = |body: &PartBody| match body {
            PartBody::Tool(tool) => tool.call_id.clone(),
            _ => String::new(),
        };
        let tree = bodies.iter().find_map(|body| match body {
            PartBody::StepStart(start) => start.snapshot.clone(),
            _ => None,
        });
        let told = Told::resumed(bodies.iter().map(name).collect(), tree);
        let part = |body| Part {
            id: PartId::new(),
            session_id: message.session_id.clone(),
            message_id: message.id.clone(),
            body,
        };
        Self {
            parts: bodies.into_iter().map(part).collect(),
            chain: Chain::new(store),
            message,
            open: Vec::new(),
            written: Vec::new(),
            tell_at: None,
            told: Some(told),
            hooks: Hooks::default(),
            cancel: CancellationToken::new(),
            fault: None,
        }
    }

    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    /// Lets plugins have a say in whole texts.
    pub(crate) fn completed_by(&mut self, hooks: &Hooks, cancel: &CancellationToken) {
        self.hooks = hooks.clone();
        self.cancel = cancel.clone();
    }

    /// Why plugins did not have their say in a text, told once.
    pub(crate) fn take_fault(&mut self) -> Option<opencode_plugin::Error> {
        self.fault.take()
    }

    /// Its changes as they are stored, one after the other. Before something is done that is to be known of after a
    /// crash, and at the end, they are waited for.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Changes the message.
    pub(crate) async fn change(&mut self, change: impl FnOnce(&mut AssistantMessage)) -> Result<(), Error> {
        if let MessageBody::Assistant(assistant) = &mut self.message.body {
            change(assistant);
        }
        if let Some(told) = &mut self.told {
            let events = told.message(&self.message);
            return self.store_end(events).await;
        }
        let event = EventBody::MessageUpdated {
            session_id: self.message.session_id.clone(),
            info: Box::new(self.message.clone()),
        };
        Ok(self.chain.publish(event).await?)
    }

    /// Counts what was used for a message that comes to nothing, if anything was.
    pub(crate) async fn bill(&mut self, billed: Billed) -> Result<(), Error> {
        if billed.spent() == Spent::default() {
            return Ok(());
        }
        let (cost, tokens) = billed.into_parts();
        self.add(PartBody::StepFinish(StepFinishPart {
            reason: FinishReason::Error.as_str().to_owned(),
            snapshot: None,
            cost,
            tokens: tokens.clone(),
        }))
        .await?;
        self.change(|message| (message.cost, message.tokens) = (cost, tokens))
            .await
    }

    /// Adds a part and gives its place.
    pub(crate) async fn add(&mut self, body: PartBody) -> Result<usize, Error> {
        let part = Part {
            id: PartId::new(),
            session_id: self.message.session_id.clone(),
            message_id: self.message.id.clone(),
            body,
        };
        self.parts.push(part);
        let place = self.parts.len() - 1;
        self.publish(place).await?;
        Ok(place)
    }

    /// Replaces a part.
    pub(crate) async fn replace(&mut self, place: usize, body: PartBody) -> Result<(), Error> {
        let Some(part) = self.parts.get_mut(place) else {
            return Ok(());
        };
        part.body = body;
        self.publish(place).await
    }

    /// Replaces a part for listeners; what is stored stays as it was.
    pub(crate) async fn show(&mut self, place: usize, body: PartBody) -> Result<(), Error> {
        let Some(part) = self.parts.get_mut(place) else {
            return Ok(());
        };
        part.body = body;
        self.tell().await?;
        if self.told.is_some() {
            return Ok(());
        }
        let event = self.updated(place);
        Ok(self.chain.announce(event).await?)
    }

    /// Whether something was told that cannot be taken back.
    pub(crate) fn is_bound(&self) -> bool {
        self.told.as_ref().is_some_and(Told::has_begun)
    }

    /// A call has this result: what of it does not stand in its part.
    pub(crate) fn has_result(&mut self, place: usize, output: &Output) {
        if let Some(told) = &mut self.told {
            told.has_result(place, output);
        }
    }

    /// Tells something that belongs to no part.
    pub(crate) async fn say(&self, event: SessionEvent) -> Result<(), Error> {
        self.store_all(vec![event]).await
    }

    /// Writes down how far the request of a durable session is.
    pub(crate) async fn attempt(&self, state: Attempt) -> Result<(), Error> {
        let session = self.message.session_id.clone();
        let written = self
            .chain
            .write(move |transaction| transaction.set_attempt(&session, Some(state)));
        Ok(written.await?)
    }

    /// Writes down that the request of a durable session failed in a way that may pass. One that was answered has
    /// had no effect: it is as if it had not left.
    pub(crate) async fn failed_attempt(&self, retries: u32, was_answered: bool) -> Result<(), Error> {
        let session = self.message.session_id.clone();
        let written = self.chain.write(move |transaction| {
            transaction.set_retries(&session, retries)?;
            if was_answered {
                transaction.set_attempt(&session, Some(Attempt::Prepared))?;
            }
            Ok(())
        });
        Ok(written.await?)
    }

    async fn store_beginning(&self, events: Vec<SessionEvent>) -> Result<(), Error> {
        let session = self.message.session_id.clone();
        let stored = self.chain.write(move |transaction| {
            transaction.set_attempt(&session, Some(Attempt::Output))?;
            transaction.note_progress(&session)?;
            let mut events = events.into_iter();
            events.try_for_each(|event| transaction.publish(event.into()))
        });
        Ok(stored.await?)
    }

    /// The end of the step: from then on, what is owed is that the model is told what its calls gave.
    async fn store_end(&self, events: Vec<SessionEvent>) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        let calls = |event: &SessionEvent| matches!(event, SessionEvent::StepEnded { finish, .. } if finish == FinishReason::ToolCalls.as_str());
        let goes_on = events.iter().any(calls);
        let session = self.message.session_id.clone();
        let stored = self.chain.write(move |transaction| {
            transaction.set_attempt(&session, None)?;
            if goes_on {
                transaction.owe(&session, Owed::Continuation)?;
            }
            let mut events = events.into_iter();
            events.try_for_each(|event| transaction.publish(event.into()))
        });
        Ok(stored.await?)
    }

    async fn store_all(&self, events: Vec<SessionEvent>) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        let stored = self.chain.write(move |transaction| {
            let mut events = events.into_iter();
            events.try_for_each(|event| transaction.publish(event.into()))
        });
        Ok(stored.await?)
    }

    /// The arguments of a call grow.
    pub(crate) async fn arguments_grow(&mut self, place: usize, delta: String) -> Result<(), Error> {
        if self.told.is_none() {
            return Ok(());
        }
        let untold = match self.written.iter_mut().find(|(of, _)| *of == place) {
            Some((_, untold)) => untold,
            None => &mut self.written.push_mut((place, String::new())).1,
        };
        untold.push_str(&delta);
        let length = untold.len();
        self.tell_in_time(length).await
    }

    /// Tells what was added when that is much, or is due; else it is due in a moment.
    async fn tell_in_time(&mut self, length: usize) -> Result<(), Error> {
        let now = Instant::now();
        // A stream that always has more does not keep listeners waiting.
        if length >= DELTA_LIMIT || self.tell_at.is_some_and(|due| due <= now) {
            return self.tell().await;
        }
        self.tell_at.get_or_insert(now + TELL_AFTER);
        Ok(())
    }

    /// The arguments of a call are whole, as the model wrote them.
    pub(crate) async fn arguments_end(&mut self, place: usize, text: &str) -> Result<(), Error> {
        self.tell().await?;
        let Some(told) = &self.told else { return Ok(()) };
        let event = told.written(&self.message, place, text.to_owned());
        self.store_all(event.into_iter().collect()).await
    }

    async fn publish(&mut self, place: usize) -> Result<(), Error> {
        // What was said before goes before.
        self.tell().await?;
        if let Some(told) = &mut self.told {
            let is_first = !told.has_begun();
            let events = told.part(&self.message, place, &self.parts[place]);
            if is_first && !events.is_empty() {
                return self.store_beginning(events).await;
            }
            return self.store_all(events).await;
        }
        Ok(self.chain.publish(self.updated(place)).await?)
    }

    fn updated(&self, place: usize) -> EventBody {
        let part = Box::new(self.parts[place].clone());
        EventBody::PartUpdated {
            session_id: self.message.session_id.clone(),
            part,
            time: now(),
        }
    }

    /// Takes back all parts from `place` on.
    pub(crate) async fn take_back(&mut self, place: usize) -> Result<(), Error> {
        self.open.clear();
        self.written.clear();
        if self.told.is_some() {
            self.parts.truncate(place);
            return Ok(());
        }
        for part in self.parts.split_off(place.min(self.parts.len())) {
            let (session_id, message_id) = (part.session_id, part.message_id);
            let event = EventBody::PartRemoved {
                session_id,
                message_id,
                part_id: part.id,
            };
            self.chain.publish(event).await?;
        }
        Ok(())
    }

    /// A text or thought begins.
    pub(crate) async fn start(
        &mut self,
        kind: Kind,
        stream_id: &str,
        metadata: &ProviderMetadata,
    ) -> Result<(), Error> {
        let start = now();
        let metadata = stored_metadata(metadata);
        let part = self
            .add(kind.body(String::new(), Span { start, end: None }, metadata.clone()))
            .await?;
        let stream_id = stream_id.to_owned();
        self.open.push(Open {
            stream_id,
            kind,
            part,
            text: String::new(),
            untold: String::new(),
            start,
            metadata,
        });
        Ok(())
    }

    /// A text or thought grows; one that did not begin begins now.
    pub(crate) async fn grow(
        &mut self,
        kind: Kind,
        stream_id: &str,
        delta: &str,
        metadata: &ProviderMetadata,
    ) -> Result<(), Error> {
        if self.find(kind, stream_id).is_none() {
            self.start(kind, stream_id, metadata).await?;
        }
        let Some(open) = self.find(kind, stream_id) else {
            return Ok(());
        };
        if !metadata.is_empty() {
            open.metadata = stored_metadata(metadata);
        }
        open.text.push_str(delta);
        open.untold.push_str(delta);
        let length = open.untold.len();
        self.tell_in_time(length).await
    }

    /// A text or thought is whole.
    pub(crate) async fn end(
        &mut self,
        kind: Kind,
        stream_id: &str,
        metadata: &ProviderMetadata,
    ) -> Result<(), Error> {
        self.tell().await?;
        let place = self
            .open
            .iter()
            .position(|open| open.kind == kind && open.stream_id == stream_id);
        let Some(place) = place else { return Ok(()) };
        let mut open = self.open.remove(place);
        if !metadata.is_empty() {
            open.metadata = stored_metadata(metadata);
        }
        self.close(open).await
    }

    /// Whatever is open of a kind is whole, because nothing more comes.
    pub(crate) async fn end_all(&mut self, kinds: &[Kind]) -> Result<(), Error> {
        self.tell().await?;
        let (ended, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|open| kinds.contains(&open.kind));
        self.open = open;
        let ended: Vec<Open> = ended;
        for open in ended {
            self.close(open).await?;
        }
        Ok(())
    }

    async fn close(&mut self, mut open: Open) -> Result<(), Error> {
        if open.kind == Kind::Text && self.hooks.has(Hook::TextComplete) {
            open.text = self.completed(open.part, open.text).await;
        }
        let span = Span {
            start: open.start,
            end: Some(now()),
        };
        self.replace(open.part, open.kind.body(open.text, span, open.metadata))
            .await
    }

    /// A whole text as plugins want it; as it is where they fail, which is kept.
    async fn completed(&mut self, place: usize, text: String) -> String {
        let (session_id, message_id) = (&self.message.session_id, &self.message.id);
        let part_id = self.parts.get(place).map(|part| part.id.to_string());
        let part_id = part_id.unwrap_or_default();
        let changed = self
            .hooks
            .text(session_id, message_id, &part_id, text.clone(), &self.cancel);
        match changed.await {
            Ok(changed) => changed,
            Err(error) => {
                self.fault.get_or_insert(error);
                text
            }
        }
    }

    fn find(&mut self, kind: Kind, stream_id: &str) -> Option<&mut Open> {
        self.open
            .iter_mut()
            .find(|open| open.kind == kind && open.stream_id == stream_id)
    }

    /// Waits until listeners should be told what was added; for ever when nothing was.
    pub(crate) async fn time_to_tell(&self) {
        match self.tell_at {
            Some(moment) => tokio::time::sleep_until(moment).await,
            None => std::future::pending().await,
        }
    }

    /// Tells listeners what was added.
    pub(crate) async fn tell(&mut self) -> Result<(), Error> {
        self.tell_at = None;
        for open in self.open.iter_mut().filter(|open| !open.untold.is_empty()) {
            let part = &self.parts[open.part];
            let delta = std::mem::take(&mut open.untold);
            let event = match &self.told {
                Some(told) => told
                    .delta(&self.message, open.part, part, delta)
                    .map(EventBody::from),
                None => Some(EventBody::PartDelta {
                    session_id: self.message.session_id.clone(),
                    message_id: self.message.id.clone(),
                    part_id: part.id.clone(),
                    field: "text".to_owned(),
                    delta,
                }),
            };
            if let Some(event) = event {
                self.chain.announce(event).await?;
            }
        }
        for (place, delta) in self.written.drain(..) {
            let told = self.told.as_ref();
            let event = told.and_then(|told| told.delta(&self.message, place, &self.parts[place], delta));
            if let Some(event) = event {
                self.chain.announce(event.into()).await?;
            }
        }
        Ok(())
    }

    /// The tool part at a place.
    pub(crate) fn tool(&self, place: usize) -> Option<&ToolPart> {
        match &self.parts.get(place)?.body {
            PartBody::Tool(part) => Some(part),
            _ => None,
        }
    }

    /// Changes the state of the tool part at a place.
    pub(crate) async fn set_state(&mut self, place: usize, state: ToolState) -> Result<(), Error> {
        let Some(part) = self.tool(place).cloned() else {
            return Ok(());
        };
        self.replace(place, PartBody::Tool(ToolPart { state, ..part }))
            .await
    }
}

impl Kind {
    fn body(self, text: String, time: Span, metadata: Option<Object>) -> PartBody {
        match self {
            Self::Text => PartBody::Text(TextPart {
                text,
                time: Some(time),
                metadata,
                ..TextPart::default()
            }),
            Self::Reasoning => PartBody::Reasoning(ReasoningPart { text, metadata, time }),
        }
    }
}

/// Metadata of a provider as parts keep it; none when there is nothing in it.
pub(crate) fn stored_metadata(metadata: &ProviderMetadata) -> Option<Object> {
    if metadata.is_empty() {
        return None;
    }
    Some(
        metadata
            .iter()
            .map(|(name, facts)| (name.clone(), Value::Object(facts.clone())))
            .collect(),
    )
}
