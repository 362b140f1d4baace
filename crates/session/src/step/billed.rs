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
        // Where nothing was used, no total was told either, and that of the rest stays good.
        if other.spent() == Spent::default() {
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_nothing_changes_nothing() {
        let tokens = |input, total| Tokens {
            input,
            total,
            ..Tokens::default()
        };
        let mut all = Billed::default();
        all.add(&tokens(5, Some(5)), Cost(1.0));
        all.join(Billed::default());
        assert_eq!(all.clone().into_parts(), (Cost(1.0), tokens(5, Some(5))));
        let mut more = Billed::default();
        more.add(&tokens(2, Some(2)), Cost(0.5));
        all.join(more);
        assert_eq!(all.into_parts(), (Cost(1.5), tokens(7, Some(7))));
    }
}
