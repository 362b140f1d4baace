//! Arguments of a call that come in pieces, each with its place (`$.steps[2].name`).
//!
//! The pieces are put together as a value, which counts in the end, and written down as JSON text while they
//! come, for whoever watches. When pieces come out of order the text is not what the value is; then no more
//! of it is shown.

use serde_json::{Map, Value};

use super::wire::PartialArgument;
use crate::json::stringify;

/// Deeper than this nothing is put: what is read again must not be too deep for the reader.
const DEEPEST: usize = 64;
/// As many empty places as one piece may open in a list.
const WIDEST_GAP: usize = 64;
/// What a place in a list or an object costs at least.
const PLACE_COST: usize = 64;

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The arguments of one call.
#[derive(Debug)]
pub(super) struct Arguments {
    value: Value,
    text: String,
    /// Containers that the text has open below the root, and how many things each holds.
    open: Vec<(Step, bool, usize)>,
    /// Things that the root holds.
    in_root: usize,
    /// The text that is being written, if it goes on.
    open_text: Option<Vec<Step>>,
    held: usize,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            value: Value::Object(Map::new()),
            text: String::new(),
            open: Vec::new(),
            in_root: 0,
            open_text: None,
            held: 0,
        }
    }
}

impl Arguments {
    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.held.saturating_add(self.text.len())
    }

    /// Takes pieces; gives back what they add to the text.
    pub(super) fn take(&mut self, pieces: &[PartialArgument<'_>]) -> String {
        let before = self.text.len();
        for piece in pieces {
            self.take_one(piece);
        }
        self.text.get(before..).unwrap_or_default().to_owned()
    }

    /// The arguments as JSON, and what is left to show of them.
    pub(super) fn finish(self) -> (String, String) {
        let whole = stringify(&self.value);
        let rest = whole.strip_prefix(self.text.as_str()).unwrap_or_default();
        let rest = rest.to_owned();
        (whole, rest)
    }

    fn take_one(&mut self, piece: &PartialArgument<'_>) {
        let Some(path) = path(piece.json_path.as_str()) else {
            return;
        };
        if let Some(more) = &piece.string_value
            && let Some(Value::String(text)) = place(&mut self.value, &path, &mut self.held)
        {
            text.push_str(more.as_str());
            self.held = self.held.saturating_add(more.as_str().len());
            if self.open_text.as_ref() == Some(&path) {
                self.text.push_str(inner(&stringify(&Value::from(more.as_str()))));
            }
            return;
        }
        let Some(value) = value_of(piece) else { return };
        let Some(place) = place(&mut self.value, &path, &mut self.held) else {
            return;
        };
        let fresh = place.is_null();
        let json = stringify(&value);
        self.held = self.held.saturating_add(json.len());
        *place = value;
        if fresh {
            let goes_on = piece.string_value.is_some() && piece.will_continue == Some(true);
            self.write(path, &json, goes_on);
        }
    }

    /// Writes a value at its place behind what is written.
    fn write(&mut self, path: Vec<Step>, json: &str, goes_on: bool) {
        if self.open_text.take().is_some() {
            self.text.push('"');
        }
        if self.text.is_empty() {
            self.text.push('{');
        }
        let Some((leaf, containers)) = path.split_last() else {
            return;
        };
        let shared = self
            .open
            .iter()
            .zip(containers)
            .take_while(|((step, ..), wanted)| step == *wanted)
            .count();
        while self.open.len() > shared {
            if let Some((_, is_list, _)) = self.open.pop() {
                self.text.push(if is_list { ']' } else { '}' });
            }
        }
        for (at, step) in containers.iter().enumerate().skip(shared) {
            self.begin(step);
            let is_list = matches!(containers.get(at + 1).unwrap_or(leaf), Step::Index(_));
            self.text.push(if is_list { '[' } else { '{' });
            self.open.push((step.clone(), is_list, 0));
        }
        self.begin(leaf);
        if goes_on {
            self.text.push_str(json.strip_suffix('"').unwrap_or(json));
            self.open_text = Some(path);
        } else {
            self.text.push_str(json);
        }
    }

    /// A comma if one is needed, and the key.
    fn begin(&mut self, step: &Step) {
        let count = self
            .open
            .last_mut()
            .map_or(&mut self.in_root, |(.., count)| count);
        if *count > 0 {
            self.text.push(',');
        }
        *count += 1;
        if let Step::Key(key) = step {
            self.text.push_str(&stringify(&Value::from(key.as_str())));
            self.text.push(':');
        }
    }
}

fn inner(json: &str) -> &str {
    json.strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'))
        .unwrap_or(json)
}

fn value_of(piece: &PartialArgument<'_>) -> Option<Value> {
    if let Some(text) = &piece.string_value {
        return Some(Value::from(text.as_str()));
    }
    if let Some(number) = &piece.number_value {
        return Some(Value::Number(number.clone()));
    }
    if let Some(flag) = piece.bool_value {
        return Some(Value::Bool(flag));
    }
    piece.null_value.map(|_| Value::Null)
}

/// The steps of a path; `None` for one that is empty or too deep.
fn path(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.strip_prefix("$.").unwrap_or(path).split('.') {
        let (key, indices) = part.split_once('[').unwrap_or((part, ""));
        if !key.is_empty() || indices.is_empty() {
            steps.push(Step::Key(key.to_owned()));
        }
        let numbers = indices.split('[').filter_map(|index| index.strip_suffix(']'));
        let numbers = numbers.filter_map(|index| index.parse().ok().map(Step::Index));
        steps.extend(numbers.take(DEEPEST + 1));
        if steps.len() > DEEPEST {
            return None;
        }
    }
    let named = steps
        .first()
        .is_some_and(|step| matches!(step, Step::Key(key) if !key.is_empty()));
    named.then_some(steps)
}

/// The place of a path in a value, made if it is not there; `None` where something else is in the way.
fn place<'a>(value: &'a mut Value, path: &[Step], held: &mut usize) -> Option<&'a mut Value> {
    let mut place = value;
    for step in path {
        if place.is_null() {
            *place = match step {
                Step::Key(_) => Value::Object(Map::new()),
                Step::Index(_) => Value::Array(Vec::new()),
            };
        }
        place = match (step, place) {
            (Step::Key(key), Value::Object(fields)) => {
                if !fields.contains_key(key) {
                    *held = held.saturating_add(key.len() + PLACE_COST);
                }
                fields.entry(key.clone()).or_insert(Value::Null)
            }
            (Step::Index(index), Value::Array(list)) => {
                if *index > list.len() + WIDEST_GAP {
                    return None;
                }
                if *index >= list.len() {
                    *held = held.saturating_add((index + 1 - list.len()) * PLACE_COST);
                    list.resize(index + 1, Value::Null);
                }
                list.get_mut(*index)?
            }
            _ => return None,
        };
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn run(pieces: &[&str]) -> (String, String) {
        let mut arguments = Arguments::default();
        let mut shown = String::new();
        for piece in pieces {
            shown.push_str(&arguments.take(&[serde_json::from_str(piece).unwrap()]));
        }
        let (whole, rest) = arguments.finish();
        shown.push_str(&rest);
        (whole, shown)
    }

    #[test]
    fn pieces_become_one_object() {
        let table = [
            ("nothing", vec![], "{}", true),
            (
                "a text in pieces",
                vec![
                    r#"{"jsonPath":"$.a","stringValue":"x\"","willContinue":true}"#,
                    r#"{"jsonPath":"$.a","stringValue":"y\n","willContinue":true}"#,
                    r#"{"jsonPath":"$.a","stringValue":""}"#,
                    r#"{"jsonPath":"$.b","numberValue":0.5}"#,
                ],
                r#"{"a":"x\"y\n","b":0.5}"#,
                true,
            ),
            (
                "nested",
                vec![
                    r#"{"jsonPath":"$.r.l[0].n","stringValue":"1"}"#,
                    r#"{"jsonPath":"$.r.l[0].m","boolValue":true}"#,
                    r#"{"jsonPath":"$.r.l[1].n","nullValue":"NULL_VALUE"}"#,
                    r#"{"jsonPath":"$.r.s[0]","stringValue":"s","willContinue":true}"#,
                    r#"{"jsonPath":"$.r.s[0]","stringValue":"t"}"#,
                    r#"{"jsonPath":"$.r.s[1]","stringValue":"u"}"#,
                    r#"{"jsonPath":"$.m[0][1]","numberValue":3}"#,
                ],
                r#"{"r":{"l":[{"n":"1","m":true},{"n":null}],"s":["st","u"]},"m":[[null,3]]}"#,
                false,
            ),
            (
                "out of order",
                vec![
                    r#"{"jsonPath":"$.a.x","numberValue":1}"#,
                    r#"{"jsonPath":"$.b","numberValue":2}"#,
                    r#"{"jsonPath":"$.a.y","numberValue":3}"#,
                ],
                r#"{"a":{"x":1,"y":3},"b":2}"#,
                false,
            ),
            (
                "in the way, too wide, without a name",
                vec![
                    r#"{"jsonPath":"$.a","numberValue":1}"#,
                    r#"{"jsonPath":"$.a.b","numberValue":1}"#,
                    r#"{"jsonPath":"$.l[4000000000]","numberValue":1}"#,
                    r#"{"jsonPath":"$.","numberValue":1}"#,
                    r#"{"jsonPath":"","numberValue":1}"#,
                    r#"{"jsonPath":"$.c"}"#,
                ],
                r#"{"a":1,"l":[]}"#,
                true,
            ),
        ];
        for (name, pieces, expected, in_order) in table {
            let (whole, shown) = run(&pieces);
            assert_eq!(whole, expected, "{name}");
            assert_eq!(shown == whole, in_order, "{name}: {shown}");
        }
    }

    #[test]
    fn what_is_put_is_never_too_deep() {
        let deep = format!(r#"{{"jsonPath":"$.a{}","numberValue":1}}"#, "[0]".repeat(100_000));
        assert_eq!(run(&[&deep]).0, "{}");
    }
}
