//! Small pieces for reading and writing JSON: bodies with optional fields, numbers as JavaScript writes
//! them, and fields that are borrowed from the event they came in.

use std::borrow::Cow;
use std::{fmt, io};

use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

use crate::request::Object;

/// Bytes as a text; those that are no UTF-8 become replacement characters. The check for sound texts comes first,
/// because it is several times as fast as the search for what to replace.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// An object under construction. Putting `None` removes the key, so that a later rule can take back what
/// an earlier one or the user's own options said.
#[derive(Debug, Default)]
pub(crate) struct Body(Object);

impl Body {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets or removes a key; a key that is there keeps its place.
    pub(crate) fn put(&mut self, key: &str, value: Option<Value>) {
        match value {
            Some(value) => {
                self.0.insert(key.to_owned(), value);
            }
            None => {
                self.0.shift_remove(key);
            }
        }
    }

    /// Sets a key.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Sets every key of an object.
    pub(crate) fn spread(&mut self, object: &Object) {
        for (key, value) in object {
            self.0.insert(key.clone(), value.clone());
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// A number as JavaScript writes it: whole ones without a fraction. `None` for what JSON has no form for.
pub(crate) fn number(value: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number)
}

/// JSON text as JavaScript writes it, for JSON inside of texts: there `1.0` and `1` are not the same, nor are
/// objects whose keys have another order.
pub(crate) fn stringify(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, JavaScript);
    // Writing a value into memory has nothing that could fail.
    if Ordered(value).serialize(&mut serializer).is_err() {
        return value.to_string();
    }
    String::from_utf8(bytes).unwrap_or_else(|_| value.to_string())
}

/// A value whose objects have their keys in JavaScript's order: numbers first, by size.
struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(list) => serializer.collect_seq(list.iter().map(Ordered)),
            Value::Object(object) => {
                let mut keys: Vec<(&String, &Value)> = object.iter().collect();
                if object.keys().any(|key| position(key).is_some()) {
                    keys.sort_by_key(|(key, _)| position(key).unwrap_or(u32::MAX));
                }
                serializer.collect_map(keys.into_iter().map(|(key, value)| (key, Ordered(value))))
            }
            other => other.serialize(serializer),
        }
    }
}

/// What a key is as the index of an array, if it is one.
fn position(key: &str) -> Option<u32> {
    let is_canonical = key == "0" || (!key.starts_with(['0', '+']) && !key.is_empty());
    let position = key.parse().ok().filter(|_| is_canonical)?;
    (position < u32::MAX).then_some(position)
}

struct JavaScript;

impl serde_json::ser::Formatter for JavaScript {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size == 0.0 {
            return writer.write_all(b"0");
        }
        if (1e-6..1e21).contains(&size) {
            return write!(writer, "{value}");
        }
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => write!(writer, "{digits}e+{exponent}"),
            _ => writer.write_all(text.as_bytes()),
        }
    }
}

/// A schema without the demand that an object have no further properties.
pub(crate) fn opened(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter(|(key, value)| !(*key == "additionalProperties" && **value == Value::Bool(false)))
                .map(|(key, value)| (key.clone(), opened(value)))
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(opened).collect()),
        other => other.clone(),
    }
}

/// What counts as set in the options of the reference: neither missing nor null.
pub(crate) fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// What counts as true there: also not `false`, `0` or an empty text.
pub(crate) fn truthy(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(_) | Value::Object(_) => true,
    })
}

/// A text field of an event, borrowed from the event where it holds no escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A count of tokens as a provider writes it: any number; below zero counts as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        count(&number)
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a count"))
    }
}

/// A number as a count; fractions are cut off, what is below zero is none.
pub(crate) fn count(number: &Number) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is wanted"
    )]
    number
        .as_u64()
        .or_else(|| number.as_f64().map(|float| float.max(0.0) as u64))
}

/// The count under a key.
pub(crate) fn count_at(value: &Value, key: &str) -> Option<u64> {
    match value.get(key) {
        Some(Value::Number(number)) => count(number),
        _ => None,
    }
}

/// The text under a key.
pub(crate) fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        let table = [
            ("whole", 1.0, Some(json!(1))),
            ("zero", 0.0, Some(json!(0))),
            ("fraction", 0.5, Some(json!(0.5))),
            ("negative", -3.0, Some(json!(-3))),
            ("not a number", f64::NAN, None),
            ("endless", f64::INFINITY, None),
        ];
        for (name, input, expected) in table {
            assert_eq!(number(input), expected, "{name}");
        }
    }

    #[test]
    fn texts_are_those_of_javascript() {
        let table = [
            ("1.0", "1"),
            ("-0.0", "0"),
            ("1.5", "1.5"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("1.5e-7", "1.5e-7"),
            ("0.000001", "0.000001"),
            ("12", "12"),
            (r#"{"b":[1.0,"x"],"a":null}"#, r#"{"b":[1,"x"],"a":null}"#),
            (
                r#"{"b":1,"10":{"x":1,"0":2},"01":3,"9":4,"4294967295":5,"+1":6,"a":7}"#,
                r#"{"9":4,"10":{"0":2,"x":1},"b":1,"01":3,"4294967295":5,"+1":6,"a":7}"#,
            ),
        ];
        for (input, expected) in table {
            assert_eq!(
                stringify(&serde_json::from_str(input).unwrap()),
                expected,
                "{input}"
            );
        }
    }

    #[test]
    fn counts_are_forgiving() {
        let table = [
            ("plain", "7", Some(7)),
            ("fraction", "7.9", Some(7)),
            ("negative", "-2", Some(0)),
            ("text", "\"7\"", None),
        ];
        for (name, input, expected) in table {
            assert_eq!(
                serde_json::from_str::<Count>(input).ok().map(|count| count.0),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn text_is_borrowed_unless_escaped() {
        let plain: Text<'_> = serde_json::from_str("\"abc\"").unwrap();
        assert!(matches!(plain.0, Cow::Borrowed("abc")));
        let escaped: Text<'_> = serde_json::from_str("\"a\\nc\"").unwrap();
        assert!(matches!(escaped.0, Cow::Owned(_)));
    }

    #[test]
    fn putting_nothing_takes_a_key_away() {
        let mut body = Body::new();
        body.set("a", 1);
        body.set("b", 2);
        body.put("a", None);
        body.put("b", Some(json!(3)));
        assert_eq!(body.into_value(), json!({"b": 3}));
    }
}
