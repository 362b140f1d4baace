//! `/doc`: the contract, cut down to the operations that are built.

use std::collections::BTreeSet;
use std::io::Read;

use axum::Json;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::operations::{self, Operation};

/// The contract of the reference program, without its words.
static CONTRACT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));
const SCHEMAS: &str = "#/components/schemas/";

/// Gives the document.
pub(crate) async fn get() -> Result<Json<Value>, ApiError> {
    let made = tokio::task::spawn_blocking(|| document(&operations::all()));
    let document = made.await.map_err(|error| ApiError::unexpected(&error))?;
    document.map(Json).map_err(|error| ApiError::unexpected(&error))
}

fn contract() -> std::io::Result<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(CONTRACT).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

fn document(operations: &[Operation]) -> std::io::Result<Value> {
    let mut document = contract()?;
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, methods) in paths.iter_mut() {
            let Some(methods) = methods.as_object_mut() else {
                continue;
            };
            methods.retain(|method, contract| {
                operations.iter().any(|operation| {
                    operation.path == path
                        && operation.method.as_str().eq_ignore_ascii_case(method)
                        && contract["operationId"] == operation.id
                })
            });
        }
        paths.retain(|_, methods| methods.as_object().is_some_and(|methods| !methods.is_empty()));
    }
    let used = used_schemas(&document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| used.contains(name));
    }
    Ok(document)
}

/// Names of the schemas that the paths need, and those that these need.
fn used_schemas(document: &Value) -> BTreeSet<String> {
    let none = Map::new();
    let schemas = document["components"]["schemas"].as_object().unwrap_or(&none);
    let mut used = BTreeSet::new();
    let mut open = vec![&document["paths"]];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => open.extend(object.values()),
            Value::Array(array) => open.extend(array),
            Value::String(text) => {
                if let Some(name) = text.strip_prefix(SCHEMAS)
                    && let Some(schema) = schemas.get(name)
                    && used.insert(name.to_owned())
                {
                    open.push(schema);
                }
            }
            _ => {}
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_stands_in_the_contract() {
        let contract = contract().unwrap();
        for operation in operations::all() {
            let method = operation.method.as_str().to_lowercase();
            let entry = &contract["paths"][operation.path][&method];
            assert_eq!(entry["operationId"], operation.id, "{method} {}", operation.path);
        }
    }

    #[test]
    fn the_document_lists_what_is_built_and_what_that_needs() {
        let document = document(&operations::all()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let listed: usize = paths
            .values()
            .map(|methods| methods.as_object().unwrap().len())
            .sum();
        assert_eq!(listed, operations::all().len());
        let named = |document: &Value| document["components"]["schemas"].as_object().unwrap().len();
        assert!(document["components"]["schemas"]["Session"].is_object());
        assert!(named(&document) < named(&contract().unwrap()));
    }
}
