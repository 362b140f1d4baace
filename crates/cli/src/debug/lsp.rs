//! What language servers say (reference `integrations.md` §B6).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opencode_session::{Languages, Mode, Position, Question};
use serde_json::{Map, Value};

use crate::arguments::DebugLsp;
use crate::context::Context;
use crate::failure::Failure;

/// Files of the project that are looked at for one that a server is for.
const MOST_FILES: usize = 20_000;

pub(super) async fn run(context: &Context, command: DebugLsp) -> Result<(), Failure> {
    let directory = context.directory()?;
    let (engine, location) = context.here().await?;
    let languages = &location.languages;
    let answer = match command {
        DebugLsp::Diagnostics { file } => {
            let path = opencode_project::path::absolute(&directory, &file);
            languages.touch(&path, Mode::Full).await;
            let all = languages.diagnostics().into_iter();
            let rows = all.map(|(path, items)| (path.to_string_lossy().into_owned(), Value::Array(items)));
            Ok(Value::Object(rows.collect::<Map<_, _>>()))
        }
        DebugLsp::Symbols { query } => {
            begin(languages, &directory).await;
            Ok(Value::Array(languages.symbols(&query).await))
        }
        DebugLsp::DocumentSymbols { uri } => match file_of(&directory, &uri) {
            Some(path) => {
                let found = languages
                    .ask(&path, Position::default(), Question::DocumentSymbols)
                    .await;
                Ok(Value::Array(found))
            }
            None => Err(Failure::told(format!("{uri} is not the address of a file"))),
        },
    };
    engine.shutdown().await;
    super::json(context, &answer?)
}

/// The file of an address, or of a path from here.
fn file_of(directory: &Path, uri: &str) -> Option<PathBuf> {
    if !uri.contains("://") {
        return Some(opencode_project::path::absolute(directory, uri));
    }
    let url = url::Url::parse(uri).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok()
}

/// Starts the servers of a project, each with a file that it is for: none runs yet, and only those that run know
/// symbols.
async fn begin(languages: &Languages, directory: &Path) {
    let Ok(files) = opencode_project::search::files(directory, &[]) else {
        return;
    };
    let mut seen = BTreeSet::new();
    for file in files.take(MOST_FILES).flatten() {
        let end = file
            .extension()
            .or_else(|| file.file_name())
            .map(ToOwned::to_owned);
        if seen.insert(end) {
            languages.touch(&directory.join(file), Mode::Document).await;
        }
    }
}
