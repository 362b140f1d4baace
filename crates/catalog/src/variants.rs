//! Reasoning variants: named sets of options that make a model think more or less
//! (reference `providers.md` §8).
//!
//! The catalogue may declare which efforts or budgets a model takes; `usual` knows what models take when it
//! does not. In which words an adapter wants them is in `forms`.

mod claude;
mod forms;
mod gpt;
mod usual;

use indexmap::IndexMap;
use opencode_schema::Object;
use opencode_schema::model::Model;

use self::claude::Claude;
use self::forms::Form;
use crate::snapshot::ReasoningOption;

/// Variants by name, the weakest first.
pub(crate) type Variants = IndexMap<String, Object>;

/// The largest thinking budget that is ever asked for.
const BUDGET_LIMIT: i64 = 31_999;
/// The budget of «high» where nothing else is known.
const HIGH_BUDGET: i64 = 16_000;

/// The variants of a model; none for one that does not reason.
pub(crate) fn of(model: &Model, options: Option<&[ReasoningOption]>) -> Variants {
    if !model.capabilities.reasoning {
        return Variants::new();
    }
    let form = Form::of(model);
    let declared = match options {
        Some([]) => return Variants::new(),
        Some(options) => declared(model, form, options),
        None => Variants::new(),
    };
    if declared.is_empty() {
        usual::of(model, form)
    } else {
        declared
    }
}

/// What the catalogue itself says about a model.
fn declared(model: &Model, form: Form, options: &[ReasoningOption]) -> Variants {
    let efforts = options.iter().find_map(|option| match option {
        ReasoningOption::Effort { values } => Some(values),
        _ => None,
    });
    if let Some(values) = efforts {
        let names = values.iter().map(|value| value.as_deref().unwrap_or("none"));
        return names
            .filter_map(|name| Some((name.to_owned(), forms::effort(model, form, name)?)))
            .collect();
    }
    let switch = options
        .contains(&ReasoningOption::Toggle)
        .then(|| forms::switch(form))
        .flatten();
    let limits = options.iter().find_map(|option| match option {
        ReasoningOption::BudgetTokens { min, max } => Some((min.unwrap_or(0), *max)),
        _ => None,
    });
    let mut variants = Variants::new();
    if let Some((off, _)) = &switch {
        variants.insert("none".to_owned(), off.clone());
    }
    if let Some((min, max)) = limits {
        let most = max
            .unwrap_or(BUDGET_LIMIT)
            .min(output_of(model).saturating_sub(1))
            .min(BUDGET_LIMIT);
        let high = (most.saturating_add(1) / 2).max(min).min(most);
        variants.extend(
            [("high", high), ("max", most)]
                .into_iter()
                .filter_map(|(name, tokens)| Some((name.to_owned(), forms::budget(model, form, tokens)?))),
        );
    } else if let Some((_, on)) = switch {
        variants.insert("high".to_owned(), on);
    }
    variants
}

/// Whether an id names a Claude model of this version or a newer one; without a number it does not say.
pub(crate) fn claude_since(id: &str, major: u32, minor: u32) -> bool {
    Claude::of(id).is_some_and(|version| version >= Claude::new(major, minor) && !version.is_unnumbered())
}

/// How long an answer of the model may be.
fn output_of(model: &Model) -> i64 {
    i64::try_from(model.limit.output).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
