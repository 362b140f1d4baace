//! What the calls of a model used and cost.

use opencode_schema::session::{Cost, Tokens};
use opencode_store::Spent;

/// What was used and what it cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Billed {
    tokens: Tokens,
    cost: f64,
}

impl Billed {
    /// Adds one call of a model.
    pub(crate) fn add(&mut self, tokens: &Tokens, cost: Cost) {
        let own = &mut self.tokens;
        own.input += tokens.input;
        own.output += tokens.output;
        own.reasoning += tokens.reasoning;
        own.cache.read += tokens.cache.read;
        own.cache.write += tokens.cache.write;
        own.total = own
            .total
            .zip(tokens.total)
            .map(|(own, more)| own + more)
            .or(tokens.total);
        self.cost += cost.0;
    }

    /// Adds what was added elsewhere.
    pub(crate) fn join(&mut self, other: Self) {
        let (cost, tokens) = other.into_parts();
        self.add(&tokens, cost);
    }

    /// The cost and the tokens, as messages hold them.
    pub(crate) fn into_parts(self) -> (Cost, Tokens) {
        (Cost(self.cost), self.tokens)
    }

    /// All of it, as limits count it.
    pub(crate) fn spent(&self) -> Spent {
        let tokens = &self.tokens;
        let all = [
            tokens.input,
            tokens.output,
            tokens.reasoning,
            tokens.cache.read,
            tokens.cache.write,
        ];
        Spent {
            cost: self.cost,
            tokens: all.into_iter().fold(0, u64::saturating_add),
        }
    }
}
