//! What rules decide.

use opencode_schema::permission::{Action, Rule};

use crate::wildcard::matches;

/// Lets MCP servers ask the model: they spend the user's money, so that only a rule that names it allows this.
pub const MCP_SAMPLING: &str = "mcp_sampling";

/// Whether a rule is about this permission for this object. What allows everything allows no [`MCP_SAMPLING`].
#[must_use]
pub fn fits(permission: &str, pattern: &str, rule: &Rule) -> bool {
    let is_meant =
        permission != MCP_SAMPLING || rule.action != Action::Allow || !rule.permission.contains('*');
    is_meant && matches(permission, &rule.permission) && matches(pattern, &rule.pattern)
}

/// The last rule that fits decides; without one the user is asked.
#[must_use]
pub fn evaluate(permission: &str, pattern: &str, rules: &[&[Rule]]) -> Action {
    deciding(permission, pattern, rules).map_or(Action::Ask, |rule| rule.action)
}

/// The rule that decides, if one fits.
#[must_use]
pub fn deciding<'a>(permission: &str, pattern: &str, rules: &[&'a [Rule]]) -> Option<&'a Rule> {
    rules
        .iter()
        .rev()
        .flat_map(|set| set.iter().rev())
        .find(|rule| fits(permission, pattern, rule))
}

/// Whether a tool with this permission is kept from the model altogether: the last rule for the
/// permission forbids everything. Rules for single objects do not hide a tool.
#[must_use]
pub fn hides(permission: &str, rules: &[&[Rule]]) -> bool {
    rules
        .iter()
        .rev()
        .flat_map(|set| set.iter().rev())
        .find(|rule| matches(permission, &rule.permission))
        .is_some_and(|rule| rule.pattern == "*" && rule.action == Action::Deny)
}

/// Whether some rule is about this permission by its very name.
#[must_use]
pub fn names(permission: &str, rules: &[&[Rule]]) -> bool {
    rules
        .iter()
        .any(|set| set.iter().any(|rule| rule.permission == permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(permission: &str, pattern: &str, action: Action) -> Rule {
        Rule::new(permission, pattern, action)
    }

    #[test]
    fn the_last_that_fits_decides() {
        use Action::{Allow, Ask, Deny};
        let agent = [
            rule("*", "*", Allow),
            rule("read", "*", Allow),
            rule("read", "*.env", Ask),
            rule("read", "*.env.example", Allow),
            rule("bash", "git push *", Deny),
        ];
        let session = [rule("edit", "*", Deny), rule("edit", "docs/*", Ask)];
        for (permission, pattern, wanted) in [
            ("webfetch", "https://example.com", Allow),
            ("read", "src/a.rs", Allow),
            ("read", "a/.env", Ask),
            ("read", "x.env.example", Allow),
            ("bash", "git push origin", Deny),
            ("bash", "git push", Deny),
            ("bash", "git pull", Allow),
            ("edit", "src/a.rs", Deny),
            ("edit", "docs/a.md", Ask),
        ] {
            assert_eq!(
                evaluate(permission, pattern, &[&agent, &session]),
                wanted,
                "{permission} {pattern}"
            );
        }
        assert_eq!(evaluate("anything", "at all", &[]), Ask);
    }

    #[test]
    fn only_a_rule_that_names_it_lets_servers_ask_the_model() {
        use Action::{Allow, Ask, Deny};
        let all = || rule("*", "*", Allow);
        for (about, rules, wanted) in [
            ("nothing is said", vec![], Ask),
            ("everything is allowed", vec![all()], Ask),
            ("everything of a kind is", vec![rule("mcp_*", "*", Allow)], Ask),
            ("allowed", vec![all(), rule(MCP_SAMPLING, "*", Allow)], Allow),
            (
                "allowed to this server",
                vec![rule(MCP_SAMPLING, "s", Allow)],
                Allow,
            ),
            (
                "allowed to another one",
                vec![rule(MCP_SAMPLING, "t", Allow)],
                Ask,
            ),
            ("forbidden", vec![all(), rule(MCP_SAMPLING, "*", Deny)], Deny),
            ("everything is forbidden", vec![rule("*", "*", Deny)], Deny),
            (
                "everything but this",
                vec![rule("*", "*", Deny), rule(MCP_SAMPLING, "*", Allow)],
                Allow,
            ),
        ] {
            assert_eq!(evaluate(MCP_SAMPLING, "s", &[&rules]), wanted, "{about}");
        }
    }

    #[test]
    fn only_a_last_word_on_everything_hides() {
        use Action::{Allow, Deny};
        for (name, rules, wanted) in [
            ("no rule", vec![], false),
            ("all denied", vec![rule("*", "*", Deny)], true),
            (
                "denied, then one object allowed",
                vec![rule("edit", "*", Deny), rule("edit", "docs/*", Allow)],
                false,
            ),
            (
                "one object denied",
                vec![rule("*", "*", Allow), rule("edit", "*.lock", Deny)],
                false,
            ),
            (
                "allowed, then denied",
                vec![rule("*", "*", Allow), rule("edit", "*", Deny)],
                true,
            ),
            ("another permission denied", vec![rule("bash", "*", Deny)], false),
        ] {
            assert_eq!(hides("edit", &[&rules]), wanted, "{name}");
        }
    }
}
