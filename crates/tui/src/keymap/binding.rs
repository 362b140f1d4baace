//! The forms in which `tui.json` says what a command is bound to (reference `tui.md` §8).

use serde_json::Value;

use crate::key::{Code, Modifiers, Motion, Stroke};

/// One key of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// What the leader is bound to.
    Leader,
    /// A key.
    Key(Stroke),
}

/// Keys, one after the other, that run a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The keys.
    pub(crate) steps: Vec<Step>,
    /// Whether it answers to the key going up instead of down.
    pub(crate) release: bool,
    /// Whether other commands on the same keys run, too.
    pub(crate) falls_through: bool,
    /// Whether what the keyboard is in gets the key as well.
    pub(crate) passes_on: bool,
}

impl Binding {
    fn new(steps: Vec<Step>) -> Self {
        Self {
            steps,
            release: false,
            falls_through: false,
            passes_on: false,
        }
    }

    /// Whether it answers to this movement of a key.
    pub(crate) fn answers(&self, motion: Motion) -> bool {
        self.release == (motion == Motion::Release)
    }
}

/// Why a value is no binding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BindingError {
    /// A key that nobody knows.
    #[error("\"{0}\" is not the name of a key")]
    Key(String),
    /// Modifiers without a key.
    #[error("\"{0}\" has modifiers and no key")]
    NoKey(String),
    /// A word in angle brackets other than the leader.
    #[error("\"<{0}>\" is not known here, only \"<leader>\" is")]
    Token(String),
    /// A value of another type.
    #[error("a binding is a text, false, an object with \"name\" or \"key\", or a list of these")]
    Shape,
    /// More than anyone binds.
    #[error("a sequence may have {LONGEST} keys at most")]
    Long,
    /// An event other than a key going down or up.
    #[error("\"event\" is \"press\" or \"release\"")]
    Event,
}

const LONGEST: usize = 8;

/// What a value of `keybinds` says; nothing for `none` and `false`.
pub(crate) fn parse(value: &Value) -> Result<Vec<Binding>, BindingError> {
    match value {
        Value::Bool(false) => Ok(Vec::new()),
        Value::String(text) => parse_text(text),
        Value::Object(_) => parse_object(value),
        Value::Array(values) => {
            let parsed = values.iter().map(|value| match value {
                Value::Array(_) => Err(BindingError::Shape),
                value => parse(value),
            });
            Ok(parsed.collect::<Result<Vec<_>, _>>()?.concat())
        }
        _ => Err(BindingError::Shape),
    }
}

/// A text: alternatives with commas between them.
pub(crate) fn parse_text(text: &str) -> Result<Vec<Binding>, BindingError> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    let alternatives = alternatives(text).into_iter();
    let bindings = alternatives.map(|text| Ok(Binding::new(sequence(text)?)));
    bindings.collect()
}

/// A comma is a key where no key stands before it: after a `+`, and alone.
fn alternatives(text: &str) -> Vec<&str> {
    if text == " " {
        return vec![text];
    }
    let mut found = Vec::new();
    let mut begin = 0;
    for (at, _) in text.match_indices(',') {
        let Some(before) = text.get(begin..at) else {
            continue;
        };
        if before.trim_end().ends_with('+') && before.trim() != "+" {
            continue;
        }
        found.push(before);
        begin = at + 1;
    }
    found.extend(text.get(begin..));
    if text.trim() == "," {
        return vec![text.trim()];
    }
    found.retain(|text| !text.trim().is_empty());
    found
}

/// Keys that follow each other, with or without spaces between them.
fn sequence(text: &str) -> Result<Vec<Step>, BindingError> {
    if text == " " {
        return Ok(vec![Step::Key(Stroke::new(Code::Char(' '), Modifiers::NONE))]);
    }
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (step, length) = step(rest)?;
        steps.push(step);
        rest = rest.get(length..).unwrap_or_default().trim_start();
        if steps.len() > LONGEST {
            return Err(BindingError::Long);
        }
    }
    Ok(steps)
}

/// The key with which a text begins, and how much of the text it takes.
fn step(text: &str) -> Result<(Step, usize), BindingError> {
    if let Some((token, _)) = text.strip_prefix('<').and_then(|text| text.split_once('>')) {
        if token.trim().eq_ignore_ascii_case("leader") {
            return Ok((Step::Leader, token.len() + 2));
        }
        return Err(BindingError::Token(token.to_owned()));
    }
    let mut modifiers = Modifiers::NONE;
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('+') {
        let Some(modifier) = Modifiers::named(name.trim()) else {
            break;
        };
        modifiers = modifiers.with(modifier);
        rest = after.trim_start();
    }
    let Some(first) = rest.chars().next() else {
        return Err(BindingError::NoKey(text.to_owned()));
    };
    let (code, length) = Code::leading(rest).unwrap_or((Code::Char(first), first.len_utf8()));
    if code == Code::Char(first) {
        misspelt(rest)?;
    }
    let taken = text.len() - rest.len() + length;
    Ok((Step::Key(Stroke::new(code, modifiers)), taken))
}

/// Letters may follow each other as keys, but a word of many is rather a name that is misspelt.
fn misspelt(text: &str) -> Result<(), BindingError> {
    let letters = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let word = text.split(|character| !letters(character)).next();
    match word {
        Some(word) if word.len() > 3 => Err(BindingError::Key(word.to_owned())),
        _ => Ok(()),
    }
}

fn parse_object(value: &Value) -> Result<Vec<Binding>, BindingError> {
    let Some(key) = value.get("key") else {
        return Ok(vec![Binding::new(vec![Step::Key(stroke(value)?)])]);
    };
    let mut bindings = match key {
        Value::String(text) => parse_text(text)?,
        Value::Object(_) => vec![Binding::new(vec![Step::Key(stroke(key)?)])],
        _ => return Err(BindingError::Shape),
    };
    let release = match value.get("event") {
        None => false,
        Some(Value::String(event)) if event == "press" => false,
        Some(Value::String(event)) if event == "release" => true,
        Some(_) => return Err(BindingError::Event),
    };
    for binding in &mut bindings {
        binding.release = release;
        binding.falls_through = value.get("fallthrough") == Some(&Value::Bool(true));
        binding.passes_on = value.get("preventDefault") == Some(&Value::Bool(false));
    }
    Ok(bindings)
}

fn stroke(object: &Value) -> Result<Stroke, BindingError> {
    let name = object
        .get("name")
        .and_then(Value::as_str)
        .ok_or(BindingError::Shape)?;
    let mut characters = name.chars();
    let code = match (characters.next(), characters.next()) {
        (Some(character), None) => Code::Char(character),
        _ => Code::named(name.trim()).ok_or_else(|| BindingError::Key(name.to_owned()))?,
    };
    let modifiers = ["ctrl", "shift", "meta", "alt", "super", "hyper"];
    let modifiers = modifiers
        .into_iter()
        .filter(|modifier| object.get(modifier) == Some(&Value::Bool(true)))
        .filter_map(Modifiers::named)
        .fold(Modifiers::NONE, Modifiers::with);
    Ok(Stroke::new(code, modifiers))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(bindings: &[Binding]) -> String {
        let step = |step: &Step| match step {
            Step::Leader => "<leader>".to_owned(),
            Step::Key(stroke) => stroke.to_string(),
        };
        let binding = |binding: &Binding| {
            let mut text = binding.steps.iter().map(step).collect::<Vec<_>>().join(" ");
            for (set, mark) in [
                (binding.release, " (release)"),
                (binding.falls_through, " (falls through)"),
                (binding.passes_on, " (passes on)"),
            ] {
                if set {
                    text.push_str(mark);
                }
            }
            text
        };
        bindings.iter().map(binding).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn every_form_is_understood() {
        let cases = [
            ("a key", json!("tab"), "tab"),
            (
                "alternatives",
                json!("ctrl+c, ctrl+d,<leader>q"),
                "ctrl+c | ctrl+d | <leader> q",
            ),
            ("none", json!("none"), ""),
            ("false", json!(false), ""),
            ("nothing", json!(""), ""),
            (
                "other names",
                json!("return,esc,pgup,pgdown"),
                "enter | esc | pgup | pgdn",
            ),
            (
                "other cases",
                json!("Ctrl+Shift+A,F2,PageUp"),
                "ctrl+shift+a | f2 | pgup",
            ),
            ("a capital", json!("E"), "shift+e"),
            ("meta and option", json!("meta+f,option+b"), "alt+f | alt+b"),
            (
                "signs",
                json!("?,],[,ctrl+-,ctrl+.,ctrl+alt+["),
                "? | ] | [ | ctrl+- | ctrl+. | ctrl+alt+[",
            ),
            ("a comma", json!(","), ","),
            (
                "a comma with a modifier",
                json!("ctrl+,,ctrl+x"),
                "ctrl+, | ctrl+x",
            ),
            ("the name of a comma", json!("ctrl+comma"), "ctrl+,"),
            ("a plus", json!("+,ctrl++"), "+ | ctrl++"),
            ("a space", json!(" "), "space"),
            ("space by name", json!("ctrl+space"), "ctrl+space"),
            ("a sequence", json!("gg"), "g g"),
            ("a sequence with spaces", json!("ctrl+x ctrl+m"), "ctrl+x ctrl+m"),
            ("names in a sequence", json!("<leader>down"), "<leader> down"),
            (
                "the leader twice",
                json!("<leader><Leader>x"),
                "<leader> <leader> x",
            ),
            ("another script", json!("ctrl+ж"), "ctrl+ж"),
            (
                "an object",
                json!({"name": "m", "ctrl": true, "meta": true}),
                "ctrl+alt+m",
            ),
            (
                "an object with a named key",
                json!({"name": "pageup", "shift": true}),
                "shift+pgup",
            ),
            (
                "a binding as object",
                json!({"key": "a,b", "event": "release", "fallthrough": true, "preventDefault": false}),
                "a (release) (falls through) (passes on) | b (release) (falls through) (passes on)",
            ),
            (
                "an object in an object",
                json!({"key": {"name": "x", "super": true}}),
                "super+x",
            ),
            (
                "a list",
                json!(["a", {"name": "b"}, false, "c,d"]),
                "a | b | c | d",
            ),
        ];
        for (name, value, expected) in cases {
            let parsed = parse(&value).map(|bindings| shown(&bindings));
            assert_eq!(parsed.as_deref(), Ok(expected), "{name}");
        }
    }

    #[test]
    fn what_is_no_binding_is_told() {
        let cases = [
            ("a number", json!(7), BindingError::Shape),
            ("true", json!(true), BindingError::Shape),
            ("nothing at all", json!(null), BindingError::Shape),
            ("a list in a list", json!([["a"]]), BindingError::Shape),
            ("an empty object", json!({}), BindingError::Shape),
            ("a key that is a number", json!({"key": 1}), BindingError::Shape),
            (
                "modifiers alone",
                json!("ctrl+shift+"),
                BindingError::NoKey("ctrl+shift+".into()),
            ),
            (
                "a misspelt name",
                json!("ctrl+pagupe"),
                BindingError::Key("pagupe".into()),
            ),
            (
                "a misspelt name in an object",
                json!({"name": "entr"}),
                BindingError::Key("entr".into()),
            ),
            (
                "another token",
                json!("<header>x"),
                BindingError::Token("header".into()),
            ),
            (
                "another event",
                json!({"key": "a", "event": "hold"}),
                BindingError::Event,
            ),
            ("a long sequence", json!("a b c d e f g h i"), BindingError::Long),
        ];
        for (name, value, expected) in cases {
            assert_eq!(parse(&value), Err(expected), "{name}");
        }
    }
}
