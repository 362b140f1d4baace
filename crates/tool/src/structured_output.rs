//! The `StructuredOutput` tool: takes the answer of a turn that is wanted as JSON of a schema
//! (reference `agent-loop.md` §5, «Structured output»). It belongs to one prompt, not to the registry.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use serde_json::{Value, json};

use crate::contract::{Call, Definition, Failure, Output, Scope, Tool};

/// Name of the tool.
pub const NAME: &str = "StructuredOutput";

/// The tool for one schema.
#[derive(Clone, Debug)]
pub struct StructuredOutput {
    /// JSON Schema of the answer.
    pub schema: Object,
}

impl Tool for StructuredOutput {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _: &Scope) -> Definition {
        let mut schema = self.schema.clone();
        schema.shift_remove("$schema");
        Definition {
            description:
                "Takes your final answer in the wanted form. Call it exactly once, when everything else \
                is done, with the complete answer as arguments."
                    .to_owned(),
            parameters: Value::Object(schema),
        }
    }

    fn run<'a>(&'a self, _: &'a Call, _: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        let output = Output {
            title: "Structured Output".to_owned(),
            output: "Structured output captured successfully.".to_owned(),
            metadata: Object::from_iter([("valid".to_owned(), json!(true))]),
            ..Output::default()
        };
        std::future::ready(Ok(output)).boxed()
    }
}
