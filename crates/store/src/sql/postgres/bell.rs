//! Hearing of what other programs commit (<https://www.postgresql.org/docs/current/sql-notify.html>).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opencode_schema::EventId;
use tokio::sync::watch;

use super::{ServerAddress, client};
use crate::Error;

/// How long it is waited before a lost connection is made again, and how soon the end of the store is seen.
const LOOK: Duration = Duration::from_secs(1);

/// Rings whenever another program has committed something. Stops listening when it is dropped.
pub(crate) struct Bell {
    rung: watch::Receiver<u64>,
    ended: Arc<AtomicBool>,
}

impl Bell {
    pub(crate) fn elsewhere(&self) -> Elsewhere {
        let mut rung = self.rung.clone();
        rung.mark_unchanged();
        Elsewhere(Some(rung))
    }
}

/// Hears of what other programs store, from when it was made on.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere(Option<watch::Receiver<u64>>);

impl Elsewhere {
    /// Waits until another program has stored something since the last time, where that is told at once: on a
    /// PostgreSQL server. Else, and while the server is away, for ever: whoever waits looks now and then by itself, too.
    pub async fn stored(&mut self) {
        let told = match &mut self.0 {
            Some(rung) => rung.changed().await.is_ok(),
            None => false,
        };
        if !told {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Listens from a thread of its own. What is committed while the connection is lost is not heard: who waits looks now
/// and then by itself, and is rung for once it stands again.
pub(crate) fn listen(address: ServerAddress, own: EventId) -> Result<Bell, Error> {
    let (bell, rung) = watch::channel(0);
    let ended = Arc::new(AtomicBool::new(false));
    let has_ended = Arc::clone(&ended);
    std::thread::Builder::new()
        .name("database bell".into())
        .spawn(move || {
            while !has_ended.load(Ordering::Relaxed) {
                if let Err(error) = hear(&address, &own, &bell, &has_ended) {
                    tracing::warn!(%error, "what other programs store is not heard of at once");
                    std::thread::sleep(LOOK);
                }
            }
        })
        .map_err(|error| Error::Address {
            reason: error.to_string(),
        })?;
    Ok(Bell { rung, ended })
}

fn hear(
    address: &ServerAddress,
    own: &EventId,
    bell: &watch::Sender<u64>,
    ended: &AtomicBool,
) -> Result<(), Error> {
    use postgres::fallible_iterator::FallibleIterator as _;
    let mut client = client(address)?;
    let failed = |error: &postgres::Error| Error::server(address, error);
    client
        .batch_execute("LISTEN opencode")
        .map_err(|error| failed(&error))?;
    let ring = || bell.send_modify(|count| *count += 1);
    ring();
    while !ended.load(Ordering::Relaxed) {
        let told = client.notifications().timeout_iter(LOOK).next();
        match told.map_err(|error| failed(&error))? {
            Some(told) if told.payload() == own.as_str() => {}
            Some(_) => ring(),
            None if client.is_closed() => break,
            None => {}
        }
    }
    Ok(())
}
