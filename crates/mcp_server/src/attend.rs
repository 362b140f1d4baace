//! Work in a session while somebody waits: what happens is told, what is asked is asked.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_client::Error;
use opencode_schema::EventBody;
use tokio_util::sync::CancellationToken;

use crate::ask;
use crate::call::Call;
use crate::follow::{Asked, Follow, Heard};

/// Things that wait until the user has answered another one.
const WAITING: usize = 64;
/// How long it may take to tell a client that an answer is not wanted any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// How it ended.
pub(crate) enum Ended<T> {
    /// The work is done.
    Done(T),
    /// Nobody wants it any more.
    Stopped,
    /// What happens cannot be heard, so nobody could be asked.
    Unheard(Error),
}

/// What the client's user is asked just now.
struct Asking<'a> {
    id: String,
    settled: CancellationToken,
    answering: BoxFuture<'a, ()>,
}

impl Asking<'_> {
    /// Tells the client that no answer is wanted any more.
    async fn end(self) {
        self.settled.cancel();
        if tokio::time::timeout(FAREWELL, self.answering).await.is_err() {
            tracing::debug!("an MCP client was not told that a question is settled");
        }
    }
}

/// Waits for `work`, which may be taken up again when it was not done.
pub(crate) async fn attend<F: Future>(
    call: &Call,
    follow: &mut Follow,
    mut work: Pin<&mut F>,
    mut tell: impl FnMut(EventBody),
) -> Ended<F::Output> {
    let mut waiting: VecDeque<Asked> = VecDeque::new();
    let mut asking: Option<Asking<'_>> = None;
    let ended = loop {
        if asking.is_none()
            && let Some(asked) = waiting.pop_front()
        {
            let settled = CancellationToken::new();
            asking = Some(Asking {
                id: asked.id().to_owned(),
                settled: settled.clone(),
                answering: async move { ask::answer(call, &asked, &settled).await }.boxed(),
            });
        }
        let answered = async {
            match &mut asking {
                Some(asking) => asking.answering.as_mut().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            result = work.as_mut() => break Ended::Done(result),
            () = call.stopped() => break Ended::Stopped,
            () = answered => asking = None,
            heard = follow.next() => match heard {
                Heard::Event(event) => tell(*event),
                Heard::Asked(asked) => {
                    let is_known = asking.as_ref().is_some_and(|asking| asking.id == asked.id())
                        || waiting.iter().any(|one| one.id() == asked.id());
                    if waiting.len() >= WAITING {
                        ask::refuse(call, &asked, "Too many questions wait for the user").await;
                    } else if !is_known {
                        waiting.push_back(asked);
                    }
                }
                Heard::Settled(id) => {
                    waiting.retain(|asked| asked.id() != id);
                    if let Some(asking) = asking.take_if(|asking| asking.id == id) {
                        asking.end().await;
                    }
                }
                Heard::Gone(error) => break Ended::Unheard(error),
            },
        }
    };
    if let Some(asking) = asking {
        asking.end().await;
    }
    ended
}
