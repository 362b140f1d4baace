//! The `lsp` tool: what language servers know, and the changes that they propose (reference `integrations.md` §B5,
//! §B7). Offered where `OPENCODE_EXPERIMENTAL_LSP_TOOL` says so.
//!
//! Changes go the way of a patch: they are shown and asked for as an edit, written whole or not at all, and formatted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_lsp::edits::{self, Refused, TextEdit};
use opencode_lsp::{Position, Question, Unanswered};
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apply_patch::follow;
use crate::contract::{Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};
use crate::diagnostics;

/// The name of the tool.
pub const NAME: &str = "lsp";

/// Bytes of results that are kept beside the output.
const MOST_KEPT: usize = 1 << 20;

/// Asks language servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lsp;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// What to do
    operation: Operation,
    /// Absolute path, or one from the project's folder
    file_path: String,
    /// Line, from 1
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    line: u64,
    /// Column, from 1
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    character: u64,
    /// Words for workspaceSymbol, the title for codeAction
    query: Option<String>,
    /// The name for rename
    new_name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Operation {
    GoToDefinition,
    FindReferences,
    Hover,
    DocumentSymbol,
    WorkspaceSymbol,
    GoToImplementation,
    PrepareCallHierarchy,
    IncomingCalls,
    OutgoingCalls,
    Rename,
    Format,
    Completion,
    CodeAction,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::GoToDefinition => "goToDefinition",
            Self::FindReferences => "findReferences",
            Self::Hover => "hover",
            Self::DocumentSymbol => "documentSymbol",
            Self::WorkspaceSymbol => "workspaceSymbol",
            Self::GoToImplementation => "goToImplementation",
            Self::PrepareCallHierarchy => "prepareCallHierarchy",
            Self::IncomingCalls => "incomingCalls",
            Self::OutgoingCalls => "outgoingCalls",
            Self::Rename => "rename",
            Self::Format => "format",
            Self::Completion => "completion",
            Self::CodeAction => "codeAction",
        }
    }

    /// The question that it is, if it is no change and is about a file.
    fn question(self) -> Option<Question> {
        Some(match self {
            Self::GoToDefinition => Question::Definition,
            Self::FindReferences => Question::References,
            Self::Hover => Question::Hover,
            Self::DocumentSymbol => Question::DocumentSymbols,
            Self::GoToImplementation => Question::Implementation,
            Self::PrepareCallHierarchy => Question::CallHierarchy,
            Self::IncomingCalls => Question::IncomingCalls,
            Self::OutgoingCalls => Question::OutgoingCalls,
            Self::Completion => Question::Completion,
            Self::CodeAction => Question::CodeActions,
            Self::WorkspaceSymbol | Self::Rename | Self::Format => return None,
        })
    }
}

impl Tool for Lsp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/lsp.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let asking = Asking::new(input, call)?;
            tokio::select! {
                output = asking.run(call) => output,
                () = call.cancel.cancelled() => Err(Failure::Aborted),
            }
        }
        .boxed()
    }
}

/// One call, as it is understood.
struct Asking {
    operation: Operation,
    path: PathBuf,
    at: Position,
    query: Option<String>,
    new_name: Option<String>,
    title: String,
}

impl Asking {
    fn new(input: Value, call: &Call) -> Result<Self, Failure> {
        let given: Arguments = arguments(NAME, input)?;
        let number = |key: &str, value: u64| {
            let from_zero = value.checked_sub(1).and_then(|value| u32::try_from(value).ok());
            from_zero.ok_or_else(|| Failure::told(format!("`{key}` counts from 1, and cannot be {value}")))
        };
        let at = Position {
            line: number("line", given.line)?,
            character: number("character", given.character)?,
        };
        let path = call.scope.resolve(&given.file_path);
        let (name, relative) = (given.operation.name(), call.scope.relative(&path));
        let title = match given.operation {
            Operation::WorkspaceSymbol => name.to_owned(),
            Operation::DocumentSymbol | Operation::Format => format!("{name} {relative}"),
            _ => format!("{name} {relative}:{}:{}", given.line, given.character),
        };
        Ok(Self {
            operation: given.operation,
            path,
            at,
            query: given.query,
            new_name: given.new_name,
            title,
        })
    }

    async fn run(self, call: &Call) -> Result<Output, Failure> {
        let place = call.reach(&self.path, PathKind::File).await?;
        call.ask(Ask {
            permission: NAME.into(),
            patterns: vec!["*".into()],
            always: vec!["*".into()],
            ..Ask::default()
        })
        .await?;
        if !place.target().is_file() {
            return Err(Failure::told(format!("File not found: {}", self.path.display())));
        }
        let languages = &call.scope.languages;
        if !languages.serve(&self.path) {
            return Err(Failure::told("No LSP server available for this file type."));
        }
        languages.catch_up(&self.path).await;
        match self.operation {
            Operation::Rename => {
                let name = self.new_name.as_deref().filter(|name| !name.is_empty());
                let name = name.ok_or_else(|| Failure::told("`rename` needs `newName`"))?;
                let proposal = languages
                    .rename(&self.path, self.at, name)
                    .await
                    .map_err(|error| refused(&error))?;
                self.change(call, edits::of_workspace(&proposal)).await
            }
            Operation::Format => {
                let proposal = languages
                    .format(&self.path)
                    .await
                    .map_err(|error| refused(&error))?;
                let changes = edits::of_document(&proposal);
                self.change(
                    call,
                    changes.map(|changes| BTreeMap::from([(self.path.clone(), changes)])),
                )
                .await
            }
            Operation::CodeAction if self.query.is_some() => self.act(call).await,
            Operation::WorkspaceSymbol => {
                let found = languages.symbols(self.query.as_deref().unwrap_or_default()).await;
                self.answer(&found)
            }
            operation => {
                let found = match operation.question() {
                    Some(question) => languages.ask(&self.path, self.at, question).await,
                    None => Vec::new(),
                };
                self.answer(&found)
            }
        }
    }

    /// Does what a server offers under the title that was asked for.
    async fn act(&self, call: &Call) -> Result<Output, Failure> {
        let languages = &call.scope.languages;
        let offers = languages.ask(&self.path, self.at, Question::CodeActions).await;
        let wanted = self.query.as_deref().unwrap_or_default();
        let Some(offer) = offers.iter().find(|offer| offer["title"] == wanted) else {
            let titles: Vec<_> = offers
                .iter()
                .filter_map(|offer| offer["title"].as_str())
                .collect();
            let titles = if titles.is_empty() {
                "nothing".to_owned()
            } else {
                titles.join("; ")
            };
            return Err(Failure::told(format!(
                "There is no offer '{wanted}' there, but: {titles}"
            )));
        };
        let mut proposal = offer["edit"].clone();
        if proposal.is_null() {
            let resolved = languages
                .resolve(&self.path, offer)
                .await
                .map_err(|error| refused(&error))?;
            proposal = resolved["edit"].clone();
        }
        if proposal.is_null() {
            return Err(Failure::told(format!(
                "'{wanted}' is a command of the language server, which would change files by itself: it is not done here"
            )));
        }
        self.change(call, edits::of_workspace(&proposal)).await
    }

    /// Follows a proposal.
    async fn change(
        &self,
        call: &Call,
        proposal: Result<BTreeMap<PathBuf, Vec<TextEdit>>, Refused>,
    ) -> Result<Output, Failure> {
        let mut changes = proposal.map_err(|error| Failure::told(error.to_string()))?;
        changes.retain(|_, edits| !edits.is_empty());
        if changes.is_empty() {
            return self.answer(&[]);
        }
        let patched = follow(call, changes).await?;
        let said = diagnostics::of_written(call, &patched.paths()).await;
        let mut metadata = patched.metadata();
        metadata.insert("diagnostics".into(), said.metadata());
        Ok(Output {
            title: self.title.clone(),
            output: patched.told(call, &said),
            metadata,
            ..Output::default()
        })
    }

    fn answer(&self, found: &[Value]) -> Result<Output, Failure> {
        let output = if found.is_empty() {
            format!("No results found for {}", self.operation.name())
        } else {
            serde_json::to_string_pretty(found).map_err(|error| Failure::told(error.to_string()))?
        };
        // What is too long is cut in the output, and not kept twice.
        let kept = if output.len() <= MOST_KEPT { found } else { &[] };
        Ok(Output {
            title: self.title.clone(),
            output,
            metadata: Object::from_iter([("result".to_owned(), json!(kept))]),
            ..Output::default()
        })
    }
}

fn refused(error: &Unanswered) -> Failure {
    Failure::told(error.to_string())
}
