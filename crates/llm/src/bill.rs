//! What an answer says of its price, where a provider does so: GitHub Copilot, in any of its protocols
//! (reference `providers.md` §4.3, §10).

use serde_json::{Number, Value};

use crate::stream::ProviderMetadata;

/// Under this name and field the price goes into the metadata of the end.
const NAMESPACE: &str = "copilot";
const FIELD: &str = "totalNanoAiu";
/// The record that holds it.
const RECORD: &str = "copilot_usage";

/// The price that an answer has told.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    units: Option<Number>,
}

impl Bill {
    /// Looks for a price in the data of an event, or in a whole answer; the last one counts.
    pub(crate) fn read(&mut self, data: &str) {
        if !data.contains(RECORD) {
            return;
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else {
            return;
        };
        let own = event.get(RECORD).filter(|record| !record.is_null());
        let record = own.or_else(|| event.get("response")?.get(RECORD));
        if let Some(Value::Number(units)) = record.and_then(|record| record.get("total_nano_aiu"))
            && units.as_f64().is_some_and(|units| units >= 0.0)
        {
            self.units = Some(units.clone());
        }
    }

    /// Adds it to the metadata of the end.
    pub(crate) fn add_to(&self, metadata: &mut ProviderMetadata) {
        if let Some(units) = &self.units {
            let fields = metadata.entry(NAMESPACE.to_owned()).or_default();
            fields.insert(FIELD.to_owned(), Value::Number(units.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prices_are_read_where_they_stand() {
        for (data, wanted) in [
            (r#"{"copilot_usage":{"total_nano_aiu":5}}"#, Some(json!(5))),
            (
                r#"{"response":{"copilot_usage":{"total_nano_aiu":2.5}}}"#,
                Some(json!(2.5)),
            ),
            (
                r#"{"copilot_usage":null,"response":{"copilot_usage":{"total_nano_aiu":0}}}"#,
                Some(json!(0)),
            ),
            (r#"{"copilot_usage":{"total_nano_aiu":-1}}"#, None),
            (r#"{"copilot_usage":{"total_nano_aiu":"5"}}"#, None),
            (r#"{"copilot_usage":5}"#, None),
            (r#"{"text":"copilot_usage"}"#, None),
            ("copilot_usage", None),
        ] {
            let mut bill = Bill::default();
            bill.read(data);
            let mut metadata = ProviderMetadata::new();
            bill.add_to(&mut metadata);
            let told = metadata.get(NAMESPACE).and_then(|fields| fields.get(FIELD));
            assert_eq!(told, wanted.as_ref(), "{data}");
        }
    }
}
