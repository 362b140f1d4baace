//! Tool calls, put together from their pieces.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use serde_json::Value;

use super::arguments::Arguments;
use super::details::Details;
use super::wire::CallDelta;
use crate::json::Text;
use crate::openai_chat::dialect::{CallRules, Unfinished, WithoutIndex};
use crate::protocol::Fault;
use crate::request::Object;
use crate::stream::{ProviderMetadata, StreamPart, ToolCall};

/// The calls of one answer.
#[derive(Debug)]
pub(super) struct Calls {
    rules: CallRules,
    calls: BTreeMap<i64, Call>,
    /// The first call with an id.
    places: HashMap<String, i64>,
    /// Calls whose name has not come.
    nameless: BTreeMap<i64, Nameless>,
    ids: HashSet<String>,
    held: usize,
}

/// What has come of a call before its name.
#[derive(Debug, Default)]
struct Nameless {
    id: Option<String>,
    arguments: String,
    signature: Option<String>,
}

#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: Arguments,
    announced: bool,
    given_out: bool,
    signature: Option<String>,
}

impl Calls {
    pub(super) fn new(rules: CallRules) -> Self {
        Self {
            rules,
            calls: BTreeMap::new(),
            places: HashMap::new(),
            nameless: BTreeMap::new(),
            ids: HashSet::new(),
            held: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes a piece of a call.
    pub(super) fn take(
        &mut self,
        piece: &CallDelta<'_>,
        namespace: &str,
        details: &mut Details,
        parts: &mut Vec<StreamPart>,
    ) -> Result<(), Fault> {
        let index = self.index_of(piece);
        let text = piece
            .function
            .as_ref()
            .and_then(|function| function.arguments.as_ref());
        let text = text.map(Text::as_str).unwrap_or_default();
        self.held = self.held.saturating_add(text.len());
        let mut context = Context {
            namespace,
            details,
            parts,
        };
        if let Some(call) = self.calls.get_mut(&index) {
            if call.given_out {
                return Ok(());
            }
            call.announce(context.parts);
            call.grow(text, context.parts);
            if self.rules.early && call.arguments.is_whole() {
                call.give_out(&mut context);
            }
            return Ok(());
        }
        let held = self.nameless.remove(&index).unwrap_or_default();
        let Some(mut call) = self.begin(index, piece, held, text)? else {
            return Ok(());
        };
        let whole = self.rules.early && call.arguments.is_whole();
        if whole || !self.rules.late_start {
            call.announce(context.parts);
        }
        if whole {
            call.give_out(&mut context);
        }
        if self.rules.by_id {
            self.places.entry(call.id.clone()).or_insert(index);
        }
        self.calls.insert(index, call);
        Ok(())
    }

    fn index_of(&self, piece: &CallDelta<'_>) -> i64 {
        let last = self.calls.keys().next_back().copied();
        let next = last.map_or(0, |last| last.saturating_add(1));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, and any number will do as a key"
        )]
        let own = piece.index.map(|index| index as i64);
        if self.rules.by_id
            && let Some(id) = piece.id.as_ref().map(Text::as_str).filter(|id| !id.is_empty())
        {
            let free = own.filter(|index| !self.calls.contains_key(index));
            return self.places.get(id).copied().or(free).unwrap_or(next);
        }
        match (own, self.rules.without_index) {
            (Some(index), _) => index,
            (None, WithoutIndex::Next) => next,
            (None, WithoutIndex::Last) => last.unwrap_or(0),
        }
    }

    /// Begins a call; none while its name has not come.
    fn begin(
        &mut self,
        index: i64,
        piece: &CallDelta<'_>,
        held: Nameless,
        text: &str,
    ) -> Result<Option<Call>, Fault> {
        const CALL_COST: usize = 256;
        let function = piece.function.as_ref();
        let name = function.and_then(|function| function.name.as_ref());
        let texts = [piece.id.as_ref(), name].into_iter().flatten();
        // The id is kept in several lists.
        let texts: usize = texts.map(|text| text.as_str().len().saturating_mul(3)).sum();
        let extra = piece.extra_content.map_or(0, |raw| raw.get().len());
        self.held = self
            .held
            .saturating_add(CALL_COST)
            .saturating_add(texts)
            .saturating_add(extra);
        let own_signature = || {
            piece
                .extra_content
                .and_then(|raw| signature(&serde_json::from_str(raw.get()).ok()?))
        };
        let mut held = Nameless {
            id: held
                .id
                .or_else(|| piece.id.as_ref().map(|id| id.as_str().to_owned())),
            arguments: held.arguments,
            signature: held.signature.or_else(own_signature),
        };
        held.arguments.push_str(text);
        let Some(name) = name else {
            if !(self.rules.late_names && piece.index.is_some()) {
                return Err(without("name"));
            }
            self.nameless.insert(index, held);
            return Ok(None);
        };
        let id = if self.rules.invents_ids {
            let id = held
                .id
                .filter(|id| !id.is_empty() && !self.ids.contains(id))
                .unwrap_or_else(new_id);
            self.ids.insert(id.clone());
            id
        } else {
            held.id.ok_or_else(|| without("id"))?
        };
        let mut arguments = Arguments::default();
        arguments.push(&held.arguments);
        Ok(Some(Call {
            id,
            name: name.as_str().to_owned(),
            arguments,
            announced: false,
            given_out: false,
            signature: held.signature,
        }))
    }

    /// The answer has ended.
    pub(super) fn end(
        &mut self,
        ended_for_calls: bool,
        namespace: &str,
        details: &mut Details,
        parts: &mut Vec<StreamPart>,
    ) -> Result<(), Fault> {
        if !self.nameless.is_empty() {
            return Err(without("name"));
        }
        let mut context = Context {
            namespace,
            details,
            parts,
        };
        for call in self.calls.values_mut().filter(|call| !call.given_out) {
            match self.rules.unfinished {
                Unfinished::Dropped => {}
                Unfinished::GivenOut => {
                    call.announce(context.parts);
                    call.give_out(&mut context);
                }
                Unfinished::Repaired if ended_for_calls => {
                    if !call.arguments.is_whole() {
                        call.arguments = Arguments::default();
                        call.arguments.push("{}");
                    }
                    call.announce(context.parts);
                    call.give_out(&mut context);
                }
                Unfinished::Repaired => {}
            }
        }
        Ok(())
    }
}

fn without(what: &str) -> Fault {
    Fault::Broken {
        message: format!("a tool call of the answer comes without its {what}"),
    }
}

/// What a call needs to be given out.
struct Context<'a> {
    namespace: &'a str,
    details: &'a mut Details,
    parts: &'a mut Vec<StreamPart>,
}

impl Call {
    /// Says that the call begins, and what has come of it so far.
    fn announce(&mut self, parts: &mut Vec<StreamPart>) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        parts.push(StreamPart::ToolInputStart {
            id: self.id.clone(),
            name: self.name.clone(),
            provider_executed: false,
        });
        if !self.arguments.as_str().is_empty() {
            parts.push(StreamPart::ToolInputDelta {
                id: self.id.clone(),
                delta: self.arguments.as_str().to_owned(),
            });
        }
    }

    fn grow(&mut self, text: &str, parts: &mut Vec<StreamPart>) {
        if !text.is_empty() {
            self.arguments.push(text);
            parts.push(StreamPart::ToolInputDelta {
                id: self.id.clone(),
                delta: text.to_owned(),
            });
        }
    }

    fn give_out(&mut self, context: &mut Context<'_>) {
        self.given_out = true;
        let input = std::mem::take(&mut self.arguments).into_string();
        context
            .parts
            .push(StreamPart::ToolInputEnd { id: self.id.clone() });
        context.parts.push(StreamPart::ToolCall(ToolCall {
            id: self.id.clone(),
            name: self.name.clone(),
            input: if input.is_empty() { "{}".to_owned() } else { input },
            provider_executed: false,
            metadata: call_metadata(self.signature.as_deref(), context.namespace, context.details),
        }));
    }
}

/// What the provider wants back with a call.
pub(super) fn call_metadata(
    signature: Option<&str>,
    namespace: &str,
    details: &mut Details,
) -> ProviderMetadata {
    if let Some(metadata) = details.opaque(namespace) {
        return metadata;
    }
    if let Some(metadata) = details.for_first_call(namespace) {
        return metadata;
    }
    let Some(signature) = signature else {
        return ProviderMetadata::new();
    };
    let fields = Object::from_iter([("thoughtSignature".to_owned(), Value::from(signature))]);
    ProviderMetadata::from([(namespace.to_owned(), fields)])
}

/// The signature of the thoughts behind a call.
pub(super) fn signature(extra: &Value) -> Option<String> {
    let signature = extra.pointer("/google/thought_signature")?.as_str()?;
    if signature.is_empty() {
        None
    } else {
        Some(signature.to_owned())
    }
}

/// An id for a call that has none.
pub(crate) fn new_id() -> String {
    // Each state is seeded anew by the standard library, from the system's randomness.
    let draw = || RandomState::new().build_hasher().finish();
    format!("call_{:016x}{:016x}", draw(), draw())
}
