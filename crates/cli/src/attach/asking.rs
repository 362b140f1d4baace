//! What the user is asked, and what an answer means.

use opencode_schema::permission::{self, Reply};
use opencode_schema::question::{self, Answer, Question};

/// Something that waits for the user.
#[derive(Debug)]
pub(super) enum Asked {
    Permission(Box<permission::Request>),
    Question {
        request: Box<question::Request>,
        /// Answers so far, each in its place.
        answers: Vec<Answer>,
    },
}

/// What an answer comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is not understood.
    Unclear,
    /// The next question of the same request.
    More,
    Reply(Reply),
    Answers(Vec<Answer>),
    /// The questions are not answered.
    Reject,
}

impl Asked {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Permission(request) => request.id.as_str(),
            Self::Question { request, .. } => request.id.as_str(),
        }
    }

    /// What the user reads; the answer is written behind it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Permission(request) => {
                let what = &request.permission;
                let patterns = request.patterns.join(", ");
                let always = match request.always.as_slice() {
                    [] => "[a]lways".to_owned(),
                    patterns => format!("[a]lways ({})", patterns.join(", ")),
                };
                format!("? {what}: {patterns}\n  [o]nce, {always}, [r]eject: ")
            }
            Self::Question { request, answers } => {
                let Some(question) = request.questions.get(answers.len()) else {
                    return String::new();
                };
                let mut text = format!("? {}\n", question.question);
                for (at, option) in question.options.iter().enumerate() {
                    text.push_str(&format!("  {}. {}", at + 1, option.label));
                    if !option.description.is_empty() {
                        text.push_str(&format!(" – {}", option.description));
                    }
                    text.push('\n');
                }
                let several = if question.multiple == Some(true) {
                    "numbers with commas"
                } else {
                    "a number"
                };
                let own = if question.custom == Some(false) {
                    ""
                } else {
                    ", or words of your own"
                };
                format!("{text}  {several}{own}; nothing to leave it open: ")
            }
        }
    }

    /// Takes an answer.
    pub(super) fn answer(&mut self, line: &str) -> Meaning {
        let line = line.trim();
        match self {
            Self::Permission(_) => match line.to_lowercase().as_str() {
                "o" | "once" | "y" | "yes" => Meaning::Reply(Reply::Once),
                "a" | "always" => Meaning::Reply(Reply::Always),
                "r" | "reject" | "n" | "no" => Meaning::Reply(Reply::Reject),
                _ => Meaning::Unclear,
            },
            Self::Question { .. } if line.is_empty() => Meaning::Reject,
            Self::Question { request, answers } => {
                let chosen = request
                    .questions
                    .get(answers.len())
                    .and_then(|question| choose(question, line));
                let Some(chosen) = chosen else {
                    return Meaning::Unclear;
                };
                answers.push(chosen);
                if answers.len() < request.questions.len() {
                    Meaning::More
                } else {
                    Meaning::Answers(std::mem::take(answers))
                }
            }
        }
    }
}

/// Numbers are options, a label is its option, and all else is the user's own answer where that is allowed.
fn choose(question: &Question, line: &str) -> Option<Answer> {
    let option = |word: &str| {
        let word = word.trim();
        let by_number = word
            .parse::<usize>()
            .ok()
            .and_then(|number| question.options.get(number.checked_sub(1)?));
        let by_label = || {
            question
                .options
                .iter()
                .find(|option| option.label.eq_ignore_ascii_case(word))
        };
        by_number.or_else(by_label).map(|option| option.label.clone())
    };
    let chosen: Option<Answer> = if question.multiple == Some(true) {
        line.split(',').map(option).collect()
    } else {
        option(line).map(|label| vec![label])
    };
    chosen.or_else(|| (question.custom != Some(false)).then(|| vec![line.to_owned()]))
}

#[cfg(test)]
mod tests {
    use opencode_schema::question::Choice;
    use pretty_assertions::assert_eq;

    use super::*;

    fn question(multiple: bool, custom: bool) -> Question {
        let options = ["Red", "Blue"].map(|label| Choice {
            label: label.into(),
            description: String::new(),
        });
        Question {
            question: "Which?".into(),
            options: options.into(),
            multiple: Some(multiple),
            custom: Some(custom),
            ..Question::default()
        }
    }

    #[test]
    fn answers() {
        for (multiple, custom, line, wanted) in [
            (false, true, "1", Some(vec!["Red"])),
            (false, true, "blue", Some(vec!["Blue"])),
            (false, true, "3", Some(vec!["3"])),
            (false, false, "3", None),
            (false, false, "0", None),
            (true, true, "2, red", Some(vec!["Blue", "Red"])),
            (true, true, "2, green", Some(vec!["2, green"])),
            (true, false, "2, green", None),
        ] {
            let wanted = wanted.map(|labels| labels.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(choose(&question(multiple, custom), line), wanted, "{line}");
        }
    }
}
