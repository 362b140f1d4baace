//! `opencode session unfinished`: durable sessions whose program was ended while they were at work. What is to
//! become of them is said over HTTP (`/api/sessions/{id}/attempt`), or by the next prompt.

use opencode_schema::SessionId;
use opencode_session::{Engine, LeftBehind};
use serde_json::{Value, json};

use crate::arguments::ListFormat;
use crate::context::Context;
use crate::failure::Failure;

/// Sessions that are read at a time.
const PAGE: u32 = 200;

/// Lists them.
pub(super) async fn run(context: &Context, format: ListFormat) -> Result<(), Failure> {
    let (engine, _) = context.here().await?;
    let found = find(&engine).await;
    engine.shutdown().await;
    let found = found?;
    match format {
        ListFormat::Json => {
            let rows: Vec<Value> = found.iter().map(|(id, left)| row(id, left)).collect();
            context.output.data(serde_json::to_string_pretty(&rows)?)?;
        }
        ListFormat::Table if found.is_empty() => context.output.say("Nothing is unfinished"),
        ListFormat::Table => {
            for (id, left) in &found {
                let request = match json!(left.attempt) {
                    Value::String(state) => format!("its request was {state}"),
                    _ => "no request was made".to_owned(),
                };
                context.output.data(format_args!("{id}  {request}"))?;
            }
        }
    }
    Ok(())
}

fn row(id: &SessionId, left: &LeftBehind) -> Value {
    json!({ "id": id, "attempt": left.attempt, "activity": left.activity })
}

async fn find(engine: &Engine) -> Result<Vec<(SessionId, LeftBehind)>, Failure> {
    let mut found = Vec::new();
    let mut after: Option<SessionId> = None;
    loop {
        let from = after.clone();
        let page = engine
            .store()
            .read(move |view| view.sessions_with_open_activities(from.as_ref(), PAGE));
        let page = page.await.map_err(opencode_session::Error::from)?;
        let Some(last) = page.last().cloned() else {
            return Ok(found);
        };
        after = Some(last);
        for id in page {
            if let Some(left) = engine.left_behind(&id).await? {
                found.push((id, left));
            }
        }
    }
}
