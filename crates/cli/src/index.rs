//! `opencode index`: the search index of the folder (reference `integrations-2.md` §Q).

use opencode_session::{Engine, IndexQuestion, IndexStatus};
use serde_json::json;

use crate::arguments::{Index, IndexAction};
use crate::context::Context;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context, command: Index) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    let result = match command.action {
        IndexAction::Build => {
            let talk = context.output;
            let mut told = 0;
            let progress = move |progress: opencode_session::IndexProgress| {
                // One line a tenth.
                let tenth = progress.done * 10 / progress.total.max(1);
                if tenth > told {
                    told = tenth;
                    talk.say(format_args!("{} of {} files", progress.done, progress.total));
                }
            };
            match engine.build_index(&location, progress).await {
                Ok(status) => show(context, &status),
                Err(error) => Err(error.into()),
            }
        }
        IndexAction::Status => match engine.index_status(&location).await {
            Ok(status) => show(context, &status),
            Err(error) => Err(error.into()),
        },
        IndexAction::Clear => {
            engine.clear_index(&location).await;
            Ok(())
        }
        IndexAction::Search { words, limit, json } => {
            let question = IndexQuestion {
                text: words.join(" "),
                limit,
                ..IndexQuestion::default()
            };
            search(context, &engine, &location, question, json).await
        }
    };
    engine.shutdown().await;
    result
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn show(context: &Context, status: &IndexStatus) -> Result<(), Failure> {
    let IndexStatus {
        files,
        chunks,
        vectors,
        bytes,
        model,
        ..
    } = status;
    let mut line = format!("{files} files, {chunks} pieces, {:.1} MB", megabytes(*bytes));
    if let Some(model) = model {
        line += &format!(", {vectors} vectors of {}", model.trim_end_matches(" 0"));
    }
    context.output.data(line)
}

async fn search(
    context: &Context,
    engine: &Engine,
    location: &std::sync::Arc<opencode_session::Location>,
    question: IndexQuestion,
    as_json: bool,
) -> Result<(), Failure> {
    let hits = engine.search_code(location, question).await?;
    if as_json {
        let rows = hits.iter().map(|hit| {
            json!({
                "path": hit.path, "first": hit.first, "last": hit.last, "names": hit.names,
                "score": hit.score, "text": hit.text,
            })
        });
        let rows: Vec<_> = rows.collect();
        return context.output.data(serde_json::to_string_pretty(&rows)?);
    }
    if hits.is_empty() {
        context.output.say("Nothing found");
    }
    for hit in hits {
        let names = hit.names.join(", ");
        context
            .output
            .data(format_args!("{}:{}-{}  {names}", hit.path, hit.first, hit.last))?;
    }
    Ok(())
}
