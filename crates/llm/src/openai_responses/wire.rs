//! Events and items as they come. Long values stay unread until somebody asks for them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::Text;

/// An event of a streamed answer. Which fields are there depends on its kind.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(default)]
    pub(super) output_index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) item_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) delta: Option<Text<'a>>,
    #[serde(default)]
    pub(super) summary_index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) annotation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) diff: Option<Text<'a>>,
    /// Chat completions have it, and no event of this protocol.
    #[serde(borrow, default)]
    pub(super) choices: Option<&'a RawValue>,
}

/// As much of an event as says what it is.
#[derive(Deserialize)]
pub(super) struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    _kind: Text<'a>,
}

/// What an event turns out to be.
pub(super) enum Reading<'a> {
    /// One to look at.
    Event(Box<Event<'a>>),
    /// One of another shape than its kind has; providers add to the protocol.
    Strange,
    /// None of this protocol.
    Unreadable(String),
}

/// Reads the data of an event.
pub(super) fn read(data: &str) -> Reading<'_> {
    match serde_json::from_str::<Event<'_>>(data) {
        Ok(event) if event.kind.is_some() => Reading::Event(Box::new(event)),
        Ok(event) if event.choices.is_some() => Reading::Unreadable(
            "the provider answers with chat completions where Responses are spoken; the adapter \
             `@ai-sdk/openai-compatible` fits it"
                .to_owned(),
        ),
        Ok(_) => Reading::Unreadable("an event of the answer does not say what it is".to_owned()),
        Err(error) => {
            if serde_json::from_str::<Kind<'_>>(data).is_ok() {
                Reading::Strange
            } else {
                Reading::Unreadable(format!("an event of the answer cannot be read: {error}"))
            }
        }
    }
}

/// The fields of items that texts, thoughts and calls need.
#[derive(Default, Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) call_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) namespace: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) phase: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) encrypted_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

impl<'a> Item<'a> {
    pub(super) fn read(raw: Option<&'a RawValue>) -> Option<Self> {
        serde_json::from_str(raw?.get()).ok()
    }

    /// Arguments that are a text, as they are for calls of functions.
    pub(super) fn argument_text(&self) -> Option<String> {
        serde_json::from_str(self.arguments?.get()).ok()
    }

    /// The id of the item.
    pub(super) fn item_id(&self) -> &str {
        self.id.as_ref().map(Text::as_str).unwrap_or_default()
    }
}

/// A field as a value; nothing for what is missing or broken.
pub(super) fn value(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or(Value::Null)
}
