//! How much of a conversation fits, and what of it is kept word by word (reference `agent-loop.md` §10).

use opencode_schema::config::Compaction;
use opencode_schema::model::Model;
use opencode_schema::session::Tokens;
use opencode_schema::{MessageWithParts, PartBody};

use crate::history;

/// Tokens that stay free for the answer at most, when configuration does not say.
const RESERVED: u64 = 20_000;
/// The share of the usable tokens that the newest messages may take.
const TAIL_SHARE: u64 = 4;
const TAIL_LEAST: u64 = 2_000;
const TAIL_MOST: u64 = 15_000;
/// The share of the usable tokens that the user's words may take beside a summary.
const KEPT_SHARE: u64 = 8;
const KEPT_LEAST: u64 = 200;
const KEPT_MOST: u64 = 8_000;
/// Characters of JSON that count as a token.
const CHARACTERS_A_TOKEN: usize = 4;

/// What a model can take, as far as shortening is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget<'a> {
    config: Option<&'a Compaction>,
    context: u64,
    usable: u64,
}

impl<'a> Budget<'a> {
    /// The budget of a model whose answers may have `output_limit` tokens.
    pub(crate) fn new(model: &Model, config: Option<&'a Compaction>, output_limit: u64) -> Self {
        let output = match model.limit.output {
            0 => output_limit,
            own => own.min(output_limit),
        };
        let reserved = config
            .and_then(|config| config.reserved)
            .unwrap_or(RESERVED.min(output));
        let usable = match model.limit.input {
            Some(input) if input > 0 => input.saturating_sub(reserved),
            _ => model.limit.context.saturating_sub(output),
        };
        Self {
            config,
            context: model.limit.context,
            usable,
        }
    }

    /// Whether conversations are shortened by themselves.
    pub(crate) fn is_automatic(&self) -> bool {
        self.config.and_then(|config| config.auto) != Some(false)
    }

    /// Whether a step that used this many tokens filled the context.
    pub(crate) fn is_full(&self, tokens: &Tokens) -> bool {
        let parts = [tokens.input, tokens.output, tokens.cache.read, tokens.cache.write];
        let sum = || parts.into_iter().fold(0, u64::saturating_add);
        let used = tokens.total.filter(|total| *total > 0).unwrap_or_else(sum);
        self.is_automatic() && self.context > 0 && used >= self.usable
    }

    /// Characters of a conversation that a summary can be asked of at once. The rest of the context is for the
    /// question, an earlier summary and estimates that were too low.
    pub(super) fn question(&self) -> usize {
        if self.context == 0 {
            return usize::MAX;
        }
        let tokens = usize::try_from(self.usable / 4 * 3).unwrap_or(usize::MAX);
        tokens.saturating_mul(CHARACTERS_A_TOKEN).max(super::LEAST_PIECE)
    }

    /// Characters that what is kept beside a summary may have.
    pub(crate) fn kept(&self) -> usize {
        let tokens = match self.context {
            0 => KEPT_MOST,
            _ => (self.usable / KEPT_SHARE).clamp(KEPT_LEAST, KEPT_MOST),
        };
        usize::try_from(tokens)
            .unwrap_or(usize::MAX)
            .saturating_mul(CHARACTERS_A_TOKEN)
    }

    fn tail(&self) -> u64 {
        let own = self.config.and_then(|config| config.preserve_recent_tokens);
        own.unwrap_or_else(|| (self.usable / TAIL_SHARE).clamp(TAIL_LEAST, TAIL_MOST))
    }

    /// Where the messages begin that are kept word by word; at the end when none are, or when all would
    /// be, which would shorten nothing.
    pub(super) fn tail_start(&self, messages: &[&MessageWithParts], model: &Model) -> usize {
        let none = messages.len();
        let allowed = self
            .config
            .and_then(|config| config.tail_turns)
            .unwrap_or(usize::MAX);
        let budget = self.tail();
        let mut start = none;
        let mut used = 0;
        let turns = messages
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, message)| message.info.as_user().is_some())
            .map(|(at, _)| at);
        for turn in turns.take(allowed) {
            let size = estimate(&messages[turn..start], model);
            if used + size <= budget {
                used += size;
                start = turn;
                continue;
            }
            // Of the turn that does not fit as a whole, its end.
            let fits = (turn + 1..start).find(|at| used + estimate(&messages[*at..start], model) <= budget);
            start = fits.unwrap_or(start);
            break;
        }
        if start == 0 { none } else { start }
    }
}

/// Roughly how many tokens messages take.
fn estimate(messages: &[&MessageWithParts], model: &Model) -> u64 {
    let owned: Vec<MessageWithParts> = messages.iter().map(|message| (*message).clone()).collect();
    let sent = history::conversation(&owned, model, None);
    let length = serde_json::to_string(&sent).map_or(0, |json| json.chars().count());
    ((length + CHARACTERS_A_TOKEN / 2) / CHARACTERS_A_TOKEN) as u64
}

/// Roughly how many tokens a text takes.
pub(super) fn estimate_text(text: &str) -> u64 {
    ((text.chars().count() + CHARACTERS_A_TOKEN / 2) / CHARACTERS_A_TOKEN) as u64
}

/// Whether a message asks for the conversation to be shortened.
pub(super) fn is_request(message: &MessageWithParts) -> bool {
    message
        .parts
        .iter()
        .any(|part| matches!(part.body, PartBody::Compaction(_)))
}

#[cfg(test)]
mod tests {
    use opencode_schema::message::UserMessage;
    use opencode_schema::model::Limit;
    use opencode_schema::part::TextPart;
    use opencode_schema::session::CacheTokens;
    use opencode_schema::{AssistantMessage, Message, MessageBody, MessageId, Part, PartId, SessionId};

    use super::*;

    fn model(context: u64, input: Option<u64>, output: u64) -> Model {
        Model {
            limit: Limit {
                context,
                input,
                output,
            },
            ..Model::default()
        }
    }

    fn message(is_user: bool, length: usize) -> MessageWithParts {
        let body = if is_user {
            MessageBody::User(Box::<UserMessage>::default())
        } else {
            MessageBody::Assistant(Box::<AssistantMessage>::default())
        };
        let info = Message {
            id: MessageId::new(),
            session_id: SessionId::new(),
            body,
        };
        let part = Part {
            id: PartId::new(),
            session_id: info.session_id.clone(),
            message_id: info.id.clone(),
            body: PartBody::Text(TextPart {
                text: "x".repeat(length),
                ..TextPart::default()
            }),
        };
        MessageWithParts {
            info,
            parts: vec![part],
        }
    }

    #[test]
    fn what_is_usable_depends_on_the_limits() {
        let own = Compaction {
            reserved: Some(1_000),
            ..Compaction::default()
        };
        for (name, model, config, wanted) in [
            ("context less output", model(100_000, None, 8_000), None, 92_000),
            (
                "output up to the limit",
                model(100_000, None, 64_000),
                None,
                68_000,
            ),
            (
                "input less reserve",
                model(100_000, Some(50_000), 8_000),
                None,
                42_000,
            ),
            (
                "reserve of its own",
                model(100_000, Some(50_000), 8_000),
                Some(&own),
                49_000,
            ),
            (
                "reserve does not count without input",
                model(100_000, None, 8_000),
                Some(&own),
                92_000,
            ),
            ("never below nothing", model(1_000, None, 8_000), None, 0),
        ] {
            assert_eq!(Budget::new(&model, config, 32_000).usable, wanted, "{name}");
        }
    }

    #[test]
    fn full_is_when_the_tokens_reach_what_is_usable() {
        let model = model(10_000, None, 2_000);
        let budget = Budget::new(&model, None, 32_000);
        let tokens = |total, input, read| Tokens {
            total,
            input,
            cache: CacheTokens { read, write: 0 },
            ..Tokens::default()
        };
        assert!(budget.is_full(&tokens(Some(8_000), 1, 1)));
        assert!(!budget.is_full(&tokens(Some(7_999), 9_000, 0)));
        assert!(budget.is_full(&tokens(None, 4_000, 4_000)));
        let off = Compaction {
            auto: Some(false),
            ..Compaction::default()
        };
        assert!(!Budget::new(&model, Some(&off), 32_000).is_full(&tokens(Some(9_000), 0, 0)));
    }

    #[test]
    fn the_newest_messages_are_kept_as_far_as_they_fit() {
        let model = model(100_000, None, 8_000);
        let kept = |config: &Compaction, messages: &[MessageWithParts]| {
            let messages: Vec<&MessageWithParts> = messages.iter().collect();
            Budget::new(&model, Some(config), 32_000).tail_start(&messages, &model)
        };
        let tokens = |preserve_recent_tokens, tail_turns| Compaction {
            preserve_recent_tokens: Some(preserve_recent_tokens),
            tail_turns,
            ..Compaction::default()
        };
        let messages = [
            message(true, 400),
            message(false, 400),
            message(true, 400),
            message(false, 4_000),
            message(false, 400),
            message(true, 40),
            message(false, 40),
        ];
        assert_eq!(kept(&tokens(100_000, None), &messages), 7, "all would fit");
        assert_eq!(kept(&tokens(100_000, Some(1)), &messages), 5);
        assert_eq!(kept(&tokens(100_000, Some(0)), &messages), 7);
        assert_eq!(kept(&tokens(100, None), &messages), 5, "one turn fits");
        assert_eq!(
            kept(&tokens(250, None), &messages),
            4,
            "and the end of the one before"
        );
        assert_eq!(kept(&tokens(1_350, None), &messages), 2, "two turns fit");
        assert_eq!(kept(&tokens(1, None), &messages), 7);
    }
}
