//! Puts load on a server and says what came of it; `bench/server.py` starts it and measures the server.
//!
//! `load requests URL SECONDS`, `load listeners URL COUNT`, `load pages URL SESSION`, `load prompts URL COUNT`
#![expect(clippy::print_stdout, reason = "its lines are what it is for")]

use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use opencode_client::{Client, NewSession, Options, Prompt, SessionQuery, Signal};
use opencode_schema::input::PartInput;
use opencode_schema::{EventBody, SessionId};
use serde_json::json;

/// Most messages of a page.
const PAGE: u32 = 100;
/// A listener that hears nothing for so long has missed the end.
const SILENCE: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [what, url, how] = words.as_slice() else {
        return Err("load requests|listeners|pages|prompts URL SECONDS|COUNT|SESSION".into());
    };
    let client = Client::new(Options {
        url: url.clone(),
        ..Options::default()
    })?;
    let found = match what.as_str() {
        "requests" => requests(&client, Duration::from_secs(how.parse()?)).await?,
        "listeners" => listeners(&client, how.parse()?).await?,
        "pages" => pages(&client, &SessionId::parse(how.as_str())?).await?,
        "prompts" => prompts(&client, how.parse()?).await?,
        other => return Err(format!("{other} is none of these").into()),
    };
    println!("{found}");
    Ok(())
}

/// Lists the sessions again and again, one request after the other.
async fn requests(client: &Client, length: Duration) -> Result<serde_json::Value> {
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < length {
        client.sessions(&SessionQuery::default()).await?;
        count += 1;
    }
    Ok(json!({ "a_second": f64::from(count) / begin.elapsed().as_secs_f64() }))
}

async fn new_session(client: &Client) -> Result<SessionId> {
    Ok(client.create_session(&NewSession::default()).await?.id)
}

fn go() -> Prompt {
    Prompt {
        parts: vec![PartInput::text("go")],
        ..Prompt::default()
    }
}

/// Has many listen to one turn, and counts what each of them hears.
async fn listeners(client: &Client, count: usize) -> Result<serde_json::Value> {
    let id = new_session(client).await?;
    let mut streams: Vec<_> = (0..count).map(|_| client.events()).collect();
    for stream in &mut streams {
        let first = stream.next().await;
        let Signal::Open { .. } = first else {
            return Err(format!("a stream did not open: {first:?}").into());
        };
    }
    let begin = Instant::now();
    let hear = streams.into_iter().map(|mut stream| {
        let id = id.clone();
        async move {
            let (mut heard, mut cut) = (0_u64, false);
            loop {
                match tokio::time::timeout(SILENCE, stream.next()).await {
                    Ok(Signal::Event(event)) => {
                        heard += 1;
                        if matches!(&event.body, EventBody::SessionIdle { session_id } if *session_id == id) {
                            return (heard, cut);
                        }
                    }
                    Ok(Signal::Open { .. }) => {}
                    Ok(Signal::Lost(_)) => cut = true,
                    Err(_) => return (heard, true),
                }
            }
        }
    });
    let prompt = go();
    let (begun, heard) = tokio::join!(client.prompt_async(&id, &prompt), join_all(hear));
    begun?;
    let most = heard.iter().map(|(heard, _)| *heard).max().unwrap_or_default();
    Ok(json!({
        "events": most,
        "lost": heard.iter().map(|(heard, _)| most - heard).sum::<u64>(),
        "cut_off": heard.iter().filter(|(_, cut)| *cut).count(),
        "seconds": begin.elapsed().as_secs_f64(),
    }))
}

/// Reads a session from its end to its beginning.
async fn pages(client: &Client, id: &SessionId) -> Result<serde_json::Value> {
    let begin = Instant::now();
    let (mut messages, mut pages, mut before) = (0, 0, None);
    loop {
        let page = client.messages(id, PAGE, before.as_deref()).await?;
        messages += page.messages.len();
        pages += 1;
        before = page.older;
        if before.is_none() {
            return Ok(
                json!({ "messages": messages, "pages": pages, "seconds": begin.elapsed().as_secs_f64() }),
            );
        }
    }
}

/// Prompts many sessions at once and waits for all answers.
async fn prompts(client: &Client, count: usize) -> Result<serde_json::Value> {
    let ids = try_join_all((0..count).map(|_| new_session(client))).await?;
    let begin = Instant::now();
    let prompt = go();
    let answers = try_join_all(ids.iter().map(|id| client.prompt(id, &prompt))).await?;
    let failed = answers
        .iter()
        .filter(|answer| {
            answer
                .info
                .as_assistant()
                .is_none_or(|answer| answer.error.is_some())
        })
        .count();
    Ok(json!({ "answers": answers.len(), "failed": failed, "seconds": begin.elapsed().as_secs_f64() }))
}
