//! JSON texts with sorted keys, so that the same arguments are the same text and caches hit.

use std::cmp::Ordering;

use serde_json::Value;

/// Signs in the order in which the usual rules of sorting have them, before digits and letters.
const SIGNS: &str = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// JSON text with sorted keys.
pub(super) fn stringify(value: &Value) -> String {
    crate::json::stringify(&sorted(value))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by(|(left, _), (right, _)| compare(left, right));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Parity: the reference sorts by the rules of language, not by code (§4.2): signs, digits, letters; case
/// only decides between names that are else the same, small letters first.
fn compare(left: &str, right: &str) -> Ordering {
    let weights = |text: &str| text.chars().map(weight).collect::<Vec<_>>();
    let cases = |text: &str| {
        text.chars()
            .map(|letter| letter.is_uppercase())
            .collect::<Vec<_>>()
    };
    weights(left)
        .cmp(&weights(right))
        .then_with(|| cases(left).cmp(&cases(right)))
        .then_with(|| left.cmp(right))
}

fn weight(letter: char) -> (u8, u32) {
    match SIGNS.find(letter) {
        Some(place) => (0, u32::try_from(place).unwrap_or(u32::MAX)),
        None => (1, letter.to_lowercase().next().map_or(0, u32::from)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let input = json!({"b": 1, "B": 2, "a": {"z": 1, "Y": 2}, "_c": 3, "1": [{"d": 1, "c": 2}]});
        assert_eq!(
            stringify(&input),
            r#"{"1":[{"c":2,"d":1}],"_c":3,"a":{"Y":2,"z":1},"b":1,"B":2}"#
        );
    }
}
