//! Questions to language servers about places in files (reference `integrations.md` §B5, §B7). Answers are passed on
//! as servers give them, those of all servers in one list.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::Client;
use crate::connection::Unanswered;
use crate::languages::Languages;
use crate::location::{self, Position, range};

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Symbols of a project that one server is believed.
const MOST_SYMBOLS: usize = 10;
/// Symbols of a project that are looked through.
const MOST_LOOKED_AT: usize = 20_000;
/// Words that could follow, of one server.
const MOST_COMPLETIONS: usize = 50;

/// A question about a place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Where what stands there is defined.
    Definition,
    /// Where it is used.
    References,
    /// What it is.
    Hover,
    /// What the file declares.
    DocumentSymbols,
    /// What implements it.
    Implementation,
    /// What it is among calls.
    CallHierarchy,
    /// What calls it.
    IncomingCalls,
    /// What it calls.
    OutgoingCalls,
    /// What could follow.
    Completion,
    /// What could be done about it.
    CodeActions,
}

/// Symbols of a project that are worth a line: class, method, enumeration, interface, function, variable, constant,
/// structure.
#[must_use]
pub fn symbol_kinds() -> [u64; 8] {
    [5, 6, 10, 11, 12, 13, 14, 23]
}

impl Languages {
    /// Whether some server runs for a file; those that do not are started, and see it as it is now.
    pub async fn are_there_for(&self, path: &Path) -> bool {
        !self.clients(path).await.is_empty()
    }

    /// What all servers for a file answer. A server that fails answers nothing.
    pub async fn ask(&self, path: &Path, at: Position, question: Question) -> Vec<Value> {
        let clients = self.clients(path).await;
        let answers = clients
            .iter()
            .map(|client| client.answer(path, at, question, self));
        let answers = join_all(answers).await.into_iter();
        let answers = answers.zip(&clients).filter_map(|(answer, client)| match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(server = client.id, ?question, %error, "no answer");
                None
            }
        });
        answers.flat_map(flat).collect()
    }

    /// What the projects of all servers that run declare under names that fit; kinds that nobody looks for are left
    /// out.
    pub async fn symbols(&self, query: &str) -> Vec<Value> {
        let clients = self.running();
        let found = clients.iter().map(|client| async move {
            let params = json!({ "query": query });
            let answer = client
                .ask("workspace/symbol", params, LIMIT)
                .await
                .unwrap_or_default();
            let Value::Array(symbols) = answer else {
                return Vec::new();
            };
            let kinds = symbol_kinds();
            let wanted = symbols
                .into_iter()
                .take(MOST_LOOKED_AT)
                .filter(|symbol| symbol["kind"].as_u64().is_some_and(|kind| kinds.contains(&kind)));
            wanted.take(MOST_SYMBOLS).collect()
        });
        join_all(found).await.into_iter().flatten().collect()
    }

    /// The change that gives what stands there another name.
    ///
    /// # Errors
    /// Why no server can do that.
    pub async fn rename(&self, path: &Path, at: Position, name: &str) -> Result<Value, Unanswered> {
        let params = json!({
            "textDocument": { "uri": location::address(path) },
            "position": at.value(),
            "newName": name,
        });
        self.first(path, "textDocument/rename", &params).await
    }

    /// The changes that bring a file into form.
    ///
    /// # Errors
    /// Why no server can do that.
    pub async fn format(&self, path: &Path) -> Result<Value, Unanswered> {
        let params = json!({
            "textDocument": { "uri": location::address(path) },
            "options": { "tabSize": 4, "insertSpaces": true },
        });
        self.first(path, "textDocument/formatting", &params).await
    }

    /// Gives an action of a server its change, if it has none yet.
    ///
    /// # Errors
    /// No server knows it.
    pub async fn resolve(&self, path: &Path, action: &Value) -> Result<Value, Unanswered> {
        self.first(path, "codeAction/resolve", action).await
    }

    /// The first answer that is something.
    async fn first(&self, path: &Path, method: &'static str, params: &Value) -> Result<Value, Unanswered> {
        let mut failure = None;
        for client in self.clients(path).await {
            match client.ask(method, params.clone(), LIMIT).await {
                Ok(Value::Null) => {}
                Ok(answer) => return Ok(answer),
                // The refusal of a server that can do it says more than that of one that cannot.
                Err(error) if failure.is_none() || client.offers(method) => failure = Some(error),
                Err(_) => {}
            }
        }
        failure.map_or(Ok(Value::Null), Err)
    }
}

/// What is in an answer: the rows of a list, one thing, or nothing.
fn flat(answer: Value) -> Vec<Value> {
    match answer {
        Value::Null => Vec::new(),
        Value::Array(rows) => rows.into_iter().filter(|row| !row.is_null()).collect(),
        one => vec![one],
    }
}

impl Client {
    /// Whether it says that it can do something.
    fn offers(&self, method: &str) -> bool {
        let key = match method {
            "textDocument/rename" => "renameProvider",
            "textDocument/formatting" => "documentFormattingProvider",
            _ => "codeActionProvider",
        };
        let provider = &self.capabilities[key];
        provider.is_object() || *provider == true
    }

    async fn answer(
        self: &Arc<Self>,
        path: &Path,
        at: Position,
        question: Question,
        languages: &Languages,
    ) -> Result<Value, Unanswered> {
        let document = json!({ "uri": location::address(path) });
        let place = json!({ "textDocument": document, "position": at.value() });
        match question {
            Question::Definition => self.ask("textDocument/definition", place, LIMIT).await,
            Question::Hover => self.ask("textDocument/hover", place, LIMIT).await,
            Question::Implementation => self.ask("textDocument/implementation", place, LIMIT).await,
            Question::References => {
                let mut params = place;
                params["context"] = json!({ "includeDeclaration": true });
                self.ask("textDocument/references", params, LIMIT).await
            }
            Question::DocumentSymbols => {
                let params = json!({ "textDocument": document });
                self.ask("textDocument/documentSymbol", params, LIMIT).await
            }
            Question::CallHierarchy => self.ask("textDocument/prepareCallHierarchy", place, LIMIT).await,
            Question::IncomingCalls => self.calls(place, "callHierarchy/incomingCalls").await,
            Question::OutgoingCalls => self.calls(place, "callHierarchy/outgoingCalls").await,
            Question::Completion => {
                let answer = self.ask("textDocument/completion", place, LIMIT).await?;
                Ok(completions(answer))
            }
            Question::CodeActions => {
                let known = languages.diagnostics();
                let here: Vec<&Value> = known
                    .get(path)
                    .into_iter()
                    .flatten()
                    .filter(|item| range(&item["range"]).is_some_and(|(start, end)| start <= at && at <= end))
                    .collect();
                let params = json!({
                    "textDocument": document,
                    "range": { "start": at.value(), "end": at.value() },
                    "context": { "diagnostics": here },
                });
                self.ask("textDocument/codeAction", params, LIMIT).await
            }
        }
    }

    /// The calls of the first thing that stands there.
    async fn calls(&self, place: Value, method: &'static str) -> Result<Value, Unanswered> {
        let prepared = self
            .ask("textDocument/prepareCallHierarchy", place, LIMIT)
            .await?;
        match flat(prepared).into_iter().next() {
            Some(item) => self.ask(method, json!({ "item": item }), LIMIT).await,
            None => Ok(Value::Null),
        }
    }
}

/// The first words that could follow, with what one wants to know of them.
fn completions(mut answer: Value) -> Value {
    let items = if answer.is_array() {
        answer
    } else {
        answer["items"].take()
    };
    let Value::Array(mut items) = items else {
        return Value::Null;
    };
    let order = |item: &Value| {
        let text = item["sortText"].as_str().or_else(|| item["label"].as_str());
        text.unwrap_or_default().to_owned()
    };
    items.sort_by_cached_key(order);
    let short = |item: &Value| {
        let keys = ["label", "kind", "detail", "insertText"];
        let known = keys.iter().filter(|key| !item[**key].is_null());
        known
            .map(|key| ((*key).to_owned(), item[*key].clone()))
            .collect::<serde_json::Map<_, _>>()
    };
    items
        .iter()
        .take(MOST_COMPLETIONS)
        .map(|item| Value::Object(short(item)))
        .collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn answers_become_one_list() {
        for (answer, wanted) in [
            (json!(null), vec![]),
            (json!([]), vec![]),
            (json!([1, null, 2]), vec![json!(1), json!(2)]),
            (json!({ "contents": "x" }), vec![json!({ "contents": "x" })]),
        ] {
            assert_eq!(flat(answer), wanted);
        }
    }

    #[test]
    fn completions_are_few_and_short() {
        let many: Vec<_> = (0..80)
            .map(|at| json!({ "label": format!("l{at}"), "sortText": format!("{:03}", 80 - at), "data": 1 }))
            .collect();
        let answer = completions(json!({ "isIncomplete": false, "items": many }));
        let rows = answer.as_array().unwrap();
        assert_eq!((rows.len(), &rows[0]), (50, &json!({ "label": "l79" })));
        assert_eq!(
            completions(json!([{ "label": "a", "kind": 3, "detail": null }])),
            json!([{ "label": "a", "kind": 3 }])
        );
        assert_eq!(completions(json!(null)), json!(null));
    }
}
