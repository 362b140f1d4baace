//! One socket to a terminal: what was shown, then what is shown, and what is typed.
//!
//! The socket keeps a place in the terminal's output and nothing else: one that reads too slowly finds its
//! place gone and is cut, and comes back with the place that it knows.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::FutureExt;
use opencode_process::Terminal;
use opencode_session::OpenTerminal;
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::socket::{self, Close, Gone, PING, Receiver, Sender};

/// UTF-16 units of one frame.
const PIECE: u64 = 65_536;
/// What the frame begins with that says where the replay ended.
const META: u8 = 0;
/// How long a terminal that is closed may take to say so before its sockets are closed anyhow.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The program has ended; what is known of it is remembered.
const EXITED: Close = Close::new(4404, "session exited");

/// Where a client wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// With what comes.
    Now,
    /// With this unit of the output.
    Place(u64),
}

impl From {
    /// What is no place is the beginning.
    pub(super) fn parse(cursor: Option<&str>) -> Self {
        match cursor.and_then(|text| text.trim().parse::<i64>().ok()) {
            Some(-1) => Self::Now,
            place => Self::Place(place.and_then(|place| u64::try_from(place).ok()).unwrap_or(0)),
        }
    }
}

/// Bytes that went over a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) typed: u64,
    pub(super) shown: u64,
}

#[derive(Default)]
struct Counters {
    typed: AtomicU64,
    shown: AtomicU64,
}

/// Serves a socket until one of both sides, or the server, ends. `open` is nothing when the program has ended.
pub(super) async fn serve(
    socket: WebSocket,
    open: Option<&OpenTerminal>,
    from: From,
    ending: &CancellationToken,
) -> Traffic {
    let counters = Counters::default();
    let (mut sender, mut receiver) = socket::halves(socket);
    let close = match open.map(|open| &open.terminal) {
        None => Some(EXITED),
        Some(terminal) if terminal.is_over() => Some(Close::MISSING),
        Some(terminal) => tokio::select! {
            biased;
            () = ending.cancelled() => Some(Close::ENDING),
            close = show(&mut sender, terminal, from, &counters.shown) => close.ok(),
            Gone = typed(&mut receiver, terminal, &counters.typed) => None,
        },
    };
    if let Some(close) = close {
        socket::close(sender, receiver, close).await;
    }
    Traffic {
        typed: counters.typed.into_inner(),
        shown: counters.shown.into_inner(),
    }
}

/// Sends output until there is none any more.
async fn show(
    sender: &mut Sender,
    terminal: &Terminal,
    from: From,
    shown: &AtomicU64,
) -> Result<Close, Gone> {
    let now = terminal.end();
    let mut place = match from {
        From::Now => now,
        From::Place(place) => place.max(terminal.start_of_history()).min(now),
    };
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    place = send_until(sender, terminal, place..now, shown, &mut pings).await?;
    let mut meta = vec![META];
    meta.extend(json!({ "cursor": now }).to_string().into_bytes());
    sender.send(Message::Binary(meta.into())).await?;
    loop {
        tokio::select! {
            biased;
            _ = pings.tick() => sender.ping().await?,
            grows = terminal.grows_beyond(place) => {
                if !grows {
                    return Ok(Close::DONE);
                }
                if place < terminal.start_of_history() {
                    return Ok(Close::SLOW);
                }
                place = send_until(sender, terminal, place..terminal.end(), shown, &mut pings).await?;
            }
        }
    }
}

/// Sends output in pieces; gives the place that was reached. A client that only listens shows life by answering
/// pings, which therefore go between the pieces, too.
async fn send_until(
    sender: &mut Sender,
    terminal: &Terminal,
    range: Range<u64>,
    shown: &AtomicU64,
    pings: &mut Interval,
) -> Result<u64, Gone> {
    let mut place = range.start;
    while place < range.end {
        if pings.tick().now_or_never().is_some() {
            sender.ping().await?;
        }
        let (text, next) = terminal.read(place, PIECE.min(range.end - place));
        if text.is_empty() {
            break;
        }
        shown.fetch_add(text.len() as u64, Ordering::Relaxed);
        sender.send(Message::Text(text.into())).await?;
        place = next;
    }
    Ok(place)
}

/// Types what the client sends, until it goes.
async fn typed(receiver: &mut Receiver, terminal: &Terminal, count: &AtomicU64) -> Gone {
    loop {
        let bytes = match receiver.next().await {
            Ok(Message::Text(text)) => text.as_str().as_bytes().to_vec(),
            // Keys are text, whatever they come in.
            Ok(Message::Binary(bytes)) if std::str::from_utf8(&bytes).is_ok() => bytes.to_vec(),
            Ok(_) => continue,
            Err(gone) => return gone,
        };
        count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if terminal.write(bytes).await.is_err() {
            // Its end is told by the other side.
            tokio::time::sleep(AFTERMATH).await;
            return Gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_place_or_the_beginning() {
        for (cursor, wanted) in [
            (None, From::Place(0)),
            (Some("-1"), From::Now),
            (Some("7"), From::Place(7)),
            (Some("-2"), From::Place(0)),
            (Some("x"), From::Place(0)),
            (Some(""), From::Place(0)),
        ] {
            assert_eq!(From::parse(cursor), wanted, "{cursor:?}");
        }
    }
}
