//! `/doc/compat`: the OpenAPI document of this surface, made from its table.

use axum::Json;
use axum::extract::State;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::{FRAMES, Input, JSON, Operation, all};
use crate::listen::App;

/// Gives the document.
pub(super) async fn get(State(app): State<App>) -> Json<Value> {
    Json(document(&all(), app.version))
}

/// The schema of what an operation takes.
pub(super) fn schema_of<T: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>()
}

fn document(operations: &[Operation], version: &str) -> Value {
    let mut paths = Map::new();
    for operation in operations {
        let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
        entry[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "opencode: sessions, chat, tools and files", "version": version },
        "paths": paths,
        "components": { "schemas": { "Error": {
            "type": "object",
            "properties": { "_tag": { "type": "string" }, "message": { "type": "string" } },
            "required": ["_tag", "message"],
        } } },
    })
}

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let mut body = None;
    for input in &operation.inputs {
        match input {
            Input::Body(schema) => body = Some(schema),
            Input::Query(schema) => parameters.extend(in_query(schema)),
        }
    }
    parameters.push(json!({
        "name": "directory", "in": "query", "required": false, "schema": { "type": "string" },
    }));
    let ok = match operation.answers {
        FRAMES => json!({ "101": { "description": "A socket of JSON frames" } }),
        media => {
            let schema = if media == JSON {
                json!({ "type": "object" })
            } else {
                json!({})
            };
            json!({ "200": { "description": "What was asked for", "content": { media: { "schema": schema } } } })
        }
    };
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": ok,
    });
    described["responses"]["default"] = json!({
        "description": "What went wrong",
        "content": { JSON: { "schema": { "$ref": "#/components/schemas/Error" } } },
    });
    if let Some(schema) = body {
        described["requestBody"] = json!({ "content": { JSON: { "schema": schema } } });
    }
    described
}

/// The keys of an object as parameters.
fn in_query(schema: &Schema) -> Vec<Value> {
    let none = Map::new();
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array);
    properties
        .iter()
        .map(|(name, schema)| {
            let is_required = required.is_some_and(|names| names.iter().any(|one| one == name));
            json!({ "name": name, "in": "query", "required": is_required, "schema": schema })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_described_with_what_it_takes() {
        let document = document(&all(), "1");
        let paths = document["paths"].as_object().unwrap();
        let described: usize = paths
            .values()
            .map(|methods| methods.as_object().unwrap().len())
            .sum();
        assert_eq!(described, all().len());
        let message = &paths["/api/chat/message"]["post"];
        let body = &message["requestBody"]["content"][JSON]["schema"];
        assert_eq!(body["required"], json!(["message"]));
        assert_eq!(message["parameters"][0]["name"], "timeout");
        assert_eq!(paths["/api/sessions/{id}"]["get"]["parameters"][0]["in"], "path");
    }
}
