//! Options over options.

use opencode_schema::Object;
use serde_json::Value;

/// Sets in `base` what `over` says; objects in both are merged key by key.
pub(crate) fn merge(base: &mut Object, over: &Object) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Object(base)), Value::Object(over)) => merge(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}
