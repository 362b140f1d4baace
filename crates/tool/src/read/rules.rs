//! Rules files that belong to a part of a project (reference `agent-loop.md` §3, «Nested rules on read»).

use std::path::{Path, PathBuf};

use opencode_config::instruction;
use serde_json::Value;

use crate::contract::{Call, Output};
use crate::write::blocking;

/// Adds what the rules files say that concern `path` and that the conversation does not hold yet.
pub(super) async fn attach(call: &Call, path: &Path, output: &mut Output) {
    let (names, file, stop) = (call.scope.rules, path.to_owned(), call.scope.directory.clone());
    let found = blocking(move || instruction::nested(names, &file, &stop)).await;
    let candidates = found.unwrap_or_default();
    if candidates.is_empty() {
        return;
    }
    let news = call.host.claim_instructions(call, candidates).await;
    tell(output, news).await;
}

async fn tell(output: &mut Output, news: Vec<PathBuf>) {
    let read = move || news.iter().filter_map(|path| instruction::read(path)).collect();
    let rules: Vec<instruction::Instruction> = blocking(read).await.unwrap_or_default();
    if rules.is_empty() {
        return;
    }
    let (texts, loaded): (Vec<String>, Vec<Value>) = rules
        .into_iter()
        .map(|rules| {
            let path = rules.path.to_string_lossy().into_owned();
            (
                format!("Instructions from: {path}\n{}", rules.text),
                Value::from(path),
            )
        })
        .unzip();
    output.metadata.insert("loaded".into(), loaded.into());
    // Parity: tools.md §3 «read»: with pictures and documents they only count as told.
    if output.metadata.contains_key("display") {
        output.output.push_str(&format!(
            "\n\n<system-reminder>\n{}\n</system-reminder>",
            texts.join("\n\n")
        ));
    }
}
