//! The `codesearch` tool: pieces of the project's code that fit words (reference `integrations-2.md` §Q). Off
//! until configuration names it.

use std::fmt::Write as _;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_index::{Hit, Question};
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};

/// The name of the tool.
pub const NAME: &str = "codesearch";
/// Pieces that are told when nobody says how many, and at most.
const USUAL: usize = 10;
const MOST: usize = 50;
/// Bytes of a question.
const LONGEST: usize = 4 << 10;

/// Finds code by what it is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codesearch;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// What is looked for, in words or names
    query: String,
    /// Only below this path
    path: Option<String>,
    /// Only this language, e.g. rust, ts
    language: Option<String>,
    /// Most pieces to give; default 10, at most 50
    limit: Option<usize>,
}

impl Tool for Codesearch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/codesearch.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments {
        query,
        path,
        language,
        limit,
    } = arguments(NAME, input)?;
    if query.trim().is_empty() || query.len() > LONGEST {
        return Err(Failure::told(format!("query must have 1 to {LONGEST} bytes")));
    }
    let below = path.as_deref().map(|path| below(&call.scope, path)).transpose()?;
    let optional = [("path", &path), ("language", &language)];
    let optional = optional
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.clone()?)));
    let metadata = [("query", query.clone())].into_iter().chain(optional);
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec![query.clone()],
        always: vec!["*".into()],
        metadata: metadata
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect(),
    })
    .await?;
    let question = Question {
        text: query.clone(),
        below,
        language,
        limit: limit.unwrap_or(USUAL).clamp(1, MOST),
    };
    let hits = call.host.search_code(call, question).await?;
    Ok(Output {
        title: query,
        output: shown(&hits),
        metadata: Object::from_iter([("count".to_owned(), hits.len().into())]),
        ..Output::default()
    })
}

/// A path as the index names it, relative to the folder of the session.
fn below(scope: &Scope, path: &str) -> Result<String, Failure> {
    let absolute = scope.resolve(path);
    let relative = absolute.strip_prefix(&scope.directory).map_err(|_| {
        Failure::told(format!(
            "{path} lies outside {}, and only code in there is indexed: use grep",
            scope.directory.display()
        ))
    })?;
    Ok(relative.to_string_lossy().into_owned())
}

fn shown(hits: &[Hit]) -> String {
    if hits.is_empty() {
        return "Nothing fits. Try other words, or grep.".to_owned();
    }
    let mut text = String::new();
    for hit in hits {
        let names = hit.names.join(", ");
        let gap = if names.is_empty() { "" } else { "  " };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}:{}-{}{gap}{names}", hit.path, hit.first, hit.last);
        for line in hit.text.lines() {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    fn project() -> Bench {
        let bench = Bench::new();
        fs_err::create_dir_all(&bench.scope.temporary).unwrap();
        bench.write(
            "src/retry.rs",
            "/// Waits between attempts.\npub fn backoff() {}\n",
        );
        bench.write("web/retry.ts", "export function backoff() { wait(); }\n");
        bench
    }

    #[tokio::test]
    async fn code_is_found_by_words() {
        let bench = project();
        let output = bench
            .run(
                &Codesearch,
                json!({ "query": "wait between attempts", "language": "rust" }),
            )
            .await
            .unwrap();
        assert_eq!(
            output.output,
            "src/retry.rs:1-2  backoff\n  /// Waits between attempts.\n  pub fn backoff() {}"
        );
        assert_eq!(output.metadata["count"], 1);
        let asks = bench.recorded().asks;
        assert_eq!(
            (asks[0].permission.as_str(), asks[0].patterns.as_slice()),
            (NAME, &["wait between attempts".to_owned()][..])
        );
        assert_eq!(
            Value::from(asks[0].metadata.clone()),
            json!({ "query": "wait between attempts", "language": "rust" })
        );

        let below = json!({ "query": "backoff", "path": bench.path("web").to_string_lossy() });
        let output = bench.run(&Codesearch, below).await.unwrap();
        assert!(output.output.starts_with("web/retry.ts:1-1"), "{}", output.output);
        let output = bench
            .run(&Codesearch, json!({ "query": "unheard" }))
            .await
            .unwrap();
        assert_eq!(output.output, "Nothing fits. Try other words, or grep.");
    }

    #[tokio::test]
    async fn what_cannot_be_searched_is_told() {
        let bench = project();
        for (input, wanted) in [
            (json!({ "query": " " }), "1 to 4096 bytes"),
            (json!({ "query": "x".repeat(5000) }), "1 to 4096 bytes"),
            (json!({ "query": "x", "path": "../other" }), "use grep"),
        ] {
            let failure = bench.run(&Codesearch, input).await.unwrap_err();
            assert!(failure.to_string().contains(wanted), "{failure}");
        }
        assert!(bench.recorded().asks.is_empty());
    }

    #[tokio::test]
    async fn nothing_is_searched_without_permission() {
        let bench = Bench::asking(|_| Err(Failure::told("no")));
        let failure = bench.run(&Codesearch, json!({ "query": "x" })).await;
        assert_eq!(failure, Err(Failure::told("no")));
    }
}
