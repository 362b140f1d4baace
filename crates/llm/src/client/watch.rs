//! The clock and the caller: how long a call may take, and whether it is still wanted.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::target::Target;

/// Watches one call.
#[derive(Debug)]
pub(super) struct Watch {
    /// The address, as it may be shown.
    pub(super) url: String,
    cancel: CancellationToken,
    header: Option<Duration>,
    request: Option<Duration>,
    started: Instant,
}

impl Watch {
    pub(super) fn new(target: &Target, url: String, cancel: CancellationToken) -> Self {
        let limits = target.limits;
        Self {
            url,
            cancel,
            header: limits.header,
            request: limits.request,
            started: Instant::now(),
        }
    }

    /// Waits for headers.
    pub(super) async fn header<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        let limit = self.header;
        self.wait(limit, future, |url, timeout_ms| Error::HeaderTimeout {
            url,
            timeout_ms,
        })
        .await
    }

    /// Waits for the next piece of an answer.
    pub(super) async fn piece<T>(
        &self,
        idle: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> Result<T, Error> {
        self.wait(idle, future, |url, timeout_ms| Error::IdleTimeout {
            url,
            timeout_ms,
        })
        .await
    }

    async fn wait<T>(
        &self,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
        late: impl FnOnce(String, u64) -> Error,
    ) -> Result<T, Error> {
        let now = Instant::now();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::Cancelled),
            () = at(limit.and_then(|limit| now.checked_add(limit))) => {
                Err(late(self.url.clone(), milliseconds(limit)))
            }
            () = at(self.request.and_then(|limit| self.started.checked_add(limit))) => {
                Err(Error::RequestTimeout { url: self.url.clone(), timeout_ms: milliseconds(self.request) })
            }
            output = future => Ok(output),
        }
    }
}

/// Waits for a moment; for ever if there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn milliseconds(limit: Option<Duration>) -> u64 {
    limit.map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
}
