//! What rules and approvals say of a question, without asking anybody.

use opencode_schema::permission::{Action, Origin, Rule, Ruling};

use super::{Question, Refusal};
use crate::rules::deciding;
use crate::wildcard::matches;

/// What the rules, then the approvals say of each object. Approvals that are kept only count where the user
/// would be asked: what configuration forbids stays forbidden.
pub(super) fn judge(
    question: &Question,
    rules: &[&[Rule]],
    approved: &[Rule],
    saved: &[Rule],
) -> Vec<Ruling> {
    let one = |pattern: &String| {
        let find = |rules: &[&[Rule]]| deciding(&question.permission, pattern, rules).cloned();
        let approval = find(&[approved]).map(|rule| (rule, Origin::Approval));
        let decided = approval.or_else(|| find(rules).map(|rule| (rule, Origin::Rules)));
        let undecided = decided
            .as_ref()
            .is_none_or(|(rule, _)| rule.action == Action::Ask);
        let kept = undecided.then(|| find(&[saved])).flatten();
        let decided = kept.map(|rule| (rule, Origin::Saved)).or(decided);
        let (rule, from) = decided.map_or((None, Origin::None), |(rule, from)| (Some(rule), from));
        Ruling {
            pattern: pattern.clone(),
            action: rule.as_ref().map_or(Action::Ask, |rule| rule.action),
            rule,
            from,
        }
    };
    question.patterns.iter().map(one).collect()
}

/// What several rulings mean together.
pub(super) fn whole(rulings: &[Ruling]) -> Action {
    let any = |action| rulings.iter().any(|ruling| ruling.action == action);
    match (any(Action::Deny), any(Action::Ask)) {
        (true, _) => Action::Deny,
        (false, true) => Action::Ask,
        (false, false) => Action::Allow,
    }
}

/// The refusal, with the rules that it comes from.
pub(super) fn denied(permission: &str, rules: &[&[Rule]]) -> Refusal {
    let relevant: Vec<&Rule> = rules
        .iter()
        .flat_map(|set| set.iter())
        .filter(|rule| matches(permission, &rule.permission))
        .collect();
    Refusal::Denied {
        rules: serde_json::to_string(&relevant).unwrap_or_default(),
    }
}
