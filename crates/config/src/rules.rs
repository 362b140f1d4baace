//! Permissions of configuration as rules (reference `agents-commands-permissions.md` §2.1).

use opencode_schema::config::{PatternConfig, PermissionConfig};
use opencode_schema::permission::{Rule, Ruleset};

use crate::Paths;

/// The rules that `config` means, in the order of the file, with `~` and `$HOME` in patterns expanded.
#[must_use]
pub fn of(config: &PermissionConfig, paths: &Paths) -> Ruleset {
    match config {
        PermissionConfig::All(action) => vec![Rule::new("*", "*", *action)],
        PermissionConfig::By(permissions) => permissions
            .iter()
            .flat_map(|(permission, patterns)| match patterns {
                PatternConfig::All(action) => vec![Rule::new(permission, "*", *action)],
                PatternConfig::By(patterns) => patterns
                    .iter()
                    .map(|(pattern, action)| Rule::new(permission, paths.expand(pattern), *action))
                    .collect(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use opencode_schema::permission::Action::{Allow, Ask, Deny};

    use super::*;
    use crate::Environment;

    fn rules(json: &str) -> Ruleset {
        let environment: Environment = [("HOME".to_owned(), "/home/u".to_owned())].into_iter().collect();
        of(&serde_json::from_str(json).unwrap(), &Paths::new(&environment))
    }

    #[test]
    fn keep_the_order_of_the_file() {
        assert_eq!(rules("\"ask\""), [Rule::new("*", "*", Ask)]);
        assert_eq!(
            rules(
                r#"{"bash": {"git push *": "deny", "*": "allow"}, "edit": "ask", "external_directory": {"~/x/*": "allow"}}"#
            ),
            [
                Rule::new("bash", "git push *", Deny),
                Rule::new("bash", "*", Allow),
                Rule::new("edit", "*", Ask),
                Rule::new("external_directory", "/home/u/x/*", Allow),
            ]
        );
    }

    #[test]
    fn a_wrong_action_says_what_is_expected() {
        let error = serde_json::from_str::<PermissionConfig>(r#"{"bash": "maybe"}"#)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(
                r#"invalid value: string "maybe", expected "ask", "allow", "deny" or an object of patterns"#
            ),
            "{error}"
        );
    }
}
