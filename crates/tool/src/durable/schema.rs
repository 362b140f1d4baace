//! The form in which durable sessions describe arguments: closed objects, bounds under `allOf`, named types under
//! `$defs`; and the counts that arguments are made of.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::contract::{Definition, schema_in};

/// With the arguments that a tool reads.
pub(super) fn definition<Arguments: JsonSchema>(description: &str) -> Definition {
    let mut parameters = schema_in::<Arguments>(false);
    if let Some(root) = parameters.as_object_mut() {
        root.shift_remove("$schema");
    }
    close(&mut parameters);
    Definition {
        description: description.trim_end().to_owned(),
        parameters,
    }
}

/// Nothing else may be in the objects. What is there all the same is overlooked when a call is read.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            // What may be left out is not null.
            if let Some(Value::Array(choices)) = object.get("anyOf")
                && let [Value::Object(only), null] = &choices[..]
                && null.get("type").is_some_and(|kind| kind == "null")
            {
                let only = only.clone();
                object.shift_remove("anyOf");
                object.extend(only);
            }
            if object.get("properties").is_some_and(Value::is_object) {
                object.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// Stands for no upper bound.
pub(super) const UNBOUNDED: u64 = 9_007_199_254_740_991;

/// A whole number from 1 to `MOST`. As JavaScript knows it: `2.0` is one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count<const MOST: u64>(pub(super) u64);

impl<const MOST: u64> Count<MOST> {
    /// The number, as one of items in memory.
    pub(super) fn items(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const MOST: u64> Deserialize<'de> for Count<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.fract() != 0.0 || number < 1.0 || number > MOST as f64 {
            return Err(D::Error::custom(if MOST == UNBOUNDED {
                format!("expected a whole number greater than 0, got {number}")
            } else {
                format!("expected a whole number from 1 to {MOST}, got {number}")
            }));
        }
        Ok(Self(number as u64))
    }
}

impl<const MOST: u64> JsonSchema for Count<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        if MOST == UNBOUNDED {
            json_schema!({ "type": "integer", "allOf": [{ "exclusiveMinimum": 0 }] })
        } else {
            json_schema!({ "type": "integer", "allOf": [{ "exclusiveMinimum": 0 }, { "maximum": MOST }] })
        }
    }
}
