//! What language servers say of files that a tool just wrote, for its result (reference `integrations.md` §B4).

use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use indexmap::IndexMap;
use opencode_lsp::Mode;
use opencode_lsp::diagnostics::report;
use serde_json::{Map, Value};

use crate::contract::Call;

/// Other files that `write` tells of.
const MOST_OTHERS: usize = 5;
/// Files whose diagnostics are kept with a result, and bytes of all of them.
const MOST_FILES: usize = 200;
const MOST_BYTES: usize = 1 << 20;

/// What language servers say now.
pub(crate) struct Diagnostics(IndexMap<PathBuf, Vec<Value>>);

/// Shows files to the language servers that are for them, and waits for what those say: no longer than their limit,
/// nor when the call is stopped.
pub(crate) async fn of_written(call: &Call, paths: &[&Path]) -> Diagnostics {
    let languages = &call.scope.languages;
    let touches = paths.iter().map(|path| languages.touch(path, Mode::Document));
    tokio::select! {
        _ = join_all(touches) => {}
        () = call.cancel.cancelled() => {}
    }
    Diagnostics(languages.diagnostics())
}

impl Diagnostics {
    /// All of them, by file.
    pub(crate) fn metadata(&self) -> Value {
        let mut left = MOST_BYTES;
        let kept = self.0.iter().take(MOST_FILES).map(|(path, items)| {
            let fitting = items.iter().take_while(|item| {
                let size = item.to_string().len();
                let is_room = size <= left;
                left = left.saturating_sub(size);
                is_room
            });
            let items: Vec<Value> = fitting.cloned().collect();
            (path.to_string_lossy().into_owned(), Value::Array(items))
        });
        Value::Object(kept.collect::<Map<_, _>>())
    }

    /// The errors in a file, under a line of the tool's.
    pub(crate) fn errors(&self, path: &Path, heading: &str) -> String {
        let report = self.0.get(path).and_then(|items| report(path, items));
        report.map_or_else(String::new, |report| format!("\n\n{heading}\n{report}"))
    }

    /// The errors in a file that was edited.
    pub(crate) fn errors_here(&self, path: &Path) -> String {
        self.errors(path, "LSP errors detected in this file, please fix:")
    }

    /// The errors in files, each as a text of its own.
    pub(crate) fn remarks(&self, paths: &[&Path]) -> Vec<String> {
        let errors = paths.iter().map(|path| self.errors_here(path));
        errors
            .filter(|text| !text.is_empty())
            .map(|text| text.trim_start().to_owned())
            .collect()
    }

    /// The errors in a few other files.
    pub(crate) fn errors_elsewhere(&self, path: &Path) -> String {
        let others = self.0.keys().filter(|other| *other != path);
        let errors = others.map(|other| self.errors(other, "LSP errors detected in other files:"));
        errors
            .filter(|errors| !errors.is_empty())
            .take(MOST_OTHERS)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_with_a_result_is_bounded() {
        let item = json!({ "message": "x".repeat(10_000) });
        let files = (0..300).map(|at| (PathBuf::from(format!("/{at}")), vec![item.clone(); 2]));
        let all = Diagnostics(files.collect()).metadata();
        assert_eq!(all.as_object().unwrap().len(), MOST_FILES);
        assert!((MOST_BYTES - 20_000..MOST_BYTES + 20_000).contains(&all.to_string().len()));
        assert_eq!(all["/0"], json!([item, item]));
    }

    #[test]
    fn errors_of_a_few_other_files_are_told() {
        let error = json!({ "message": "no", "severity": 1 });
        let files = (0..9).map(|at| (PathBuf::from(format!("/{at}")), vec![error.clone()]));
        let said = Diagnostics(files.collect());
        let text = said.errors_elsewhere(Path::new("/2"));
        assert_eq!(
            text.matches("LSP errors detected in other files:").count(),
            MOST_OTHERS
        );
        assert!(!text.contains("\"/2\"") && text.contains("\"/5\"") && !text.contains("\"/6\""));
        assert_eq!(said.remarks(&[Path::new("/2"), Path::new("/none")]).len(), 1);
    }
}
