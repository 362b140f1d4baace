//! Waiting for what a server says of a text that it was just shown (reference `integrations.md` §B4).
//!
//! A server is asked, where it wants that, and listened to at the same time. The wait ends with an answer that has
//! something about the file, or when what it told about this text has not changed for a moment. An answer that has
//! nothing ends it (beyond the reference, which then waits to the limit) when the server tells of no other work.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use crate::client::{Client, Sent, Wish};
use crate::location;

/// How long one question may take.
const PULL_LIMIT: Duration = Duration::from_secs(3);
/// How long what is told must stay as it is.
const SETTLE: Duration = Duration::from_millis(150);
/// How long a server must be without work after it answered that there is nothing; longer for a text that is new to
/// it, because it may only begin to load a project.
const CALM: Duration = Duration::from_millis(200);
const FIRST_CALM: Duration = Duration::from_secs(1);

/// How thoroughly a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The file alone.
    Document,
    /// All files, where a server can tell.
    Full,
}

impl Mode {
    /// How long it is waited for.
    fn limit(self) -> Duration {
        match self {
            Self::Document => Duration::from_secs(5),
            Self::Full => Duration::from_secs(10),
        }
    }
}

/// What came of asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pulled {
    /// There is something about the file.
    found: bool,
    /// There was an answer.
    answered: bool,
}

impl Client {
    /// Waits until it is known what it says of a text that it was shown, or the limit is reached.
    pub(crate) async fn wait_for_diagnostics(&self, path: &Path, sent: Sent, mode: Mode) {
        if timeout(mode.limit(), self.settle(path, sent, mode))
            .await
            .is_err()
        {
            tracing::debug!(server = self.id, file = %path.display(), "no diagnostics in time");
        }
    }

    async fn settle(&self, path: &Path, sent: Sent, mode: Mode) {
        let diagnostics = &self.shared.diagnostics;
        let mut changes = diagnostics.changes();
        let mut wishes = self.wishes();
        let mut refreshes = self.shared.refreshes();
        let mut pull = Box::pin(self.pull(path, mode, wishes.clone()));
        let mut pulled: Option<Pulled> = None;
        let mut calm_since = Instant::now();
        loop {
            let push = diagnostics.last_push(path).filter(|push| {
                push.at >= sent.at && push.version.is_none_or(|version| version == sent.version)
            });
            let settled = push.map(|push| push.at + SETTLE);
            let has_nothing = pulled.is_some_and(|pulled| pulled.answered) && !self.shared.is_busy();
            let calm = has_nothing.then(|| calm_since + if sent.version == 0 { FIRST_CALM } else { CALM });
            // A push says when the server is done, so it decides when there is one.
            let over = settled.or(calm);
            tokio::select! {
                outcome = &mut pull, if pulled.is_none() => {
                    if outcome.found {
                        return;
                    }
                    pulled = Some(outcome);
                    calm_since = Instant::now();
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    calm_since = Instant::now();
                    let now = self.wishes();
                    let is_stale = self.shared.refreshes() != refreshes
                        || (pulled.is_some_and(|pulled| !pulled.answered) && !self.shared.is_busy());
                    if now != wishes || (is_stale && !now.is_empty()) {
                        wishes = now;
                        refreshes = self.shared.refreshes();
                        pull = Box::pin(self.pull(path, mode, wishes.clone()));
                        pulled = None;
                    }
                }
                () = until(over), if over.is_some() => return,
                () = self.connection.closed().cancelled() => return,
            }
        }
    }

    /// Asks everything that it wants to be asked, and keeps the answers.
    async fn pull(&self, path: &Path, mode: Mode, wishes: Vec<Wish>) -> Pulled {
        let questions = wishes.iter().map(|wish| async move {
            let (document, workspace) = tokio::join!(self.pull_document(path, wish), async {
                if mode == Mode::Full && wish.of_workspace {
                    self.pull_workspace(path, wish).await
                } else {
                    Pulled::default()
                }
            });
            [document, workspace]
        });
        let outcomes = join_all(questions).await.into_iter().flatten();
        outcomes.fold(Pulled::default(), |all, one| Pulled {
            found: all.found || one.found,
            answered: all.answered || one.answered,
        })
    }

    async fn pull_document(&self, path: &Path, wish: &Wish) -> Pulled {
        let mut params = json!({ "textDocument": { "uri": location::address(path) } });
        if let Some(identifier) = &wish.identifier {
            params["identifier"] = identifier.as_str().into();
        }
        match self.ask("textDocument/diagnostic", params, PULL_LIMIT).await {
            Ok(mut answer) => {
                let mut found = self.keep(path, wish, &mut answer);
                if let Value::Object(related) = answer["relatedDocuments"].take() {
                    for (uri, mut report) in related {
                        if let Some(other) = location::path(&uri) {
                            found |= self.keep(&other, wish, &mut report) && other == path;
                        }
                    }
                }
                Pulled {
                    found,
                    answered: true,
                }
            }
            Err(error) => {
                tracing::debug!(server = self.id, %error, "no answer about diagnostics");
                Pulled::default()
            }
        }
    }

    async fn pull_workspace(&self, path: &Path, wish: &Wish) -> Pulled {
        let mut params = json!({ "previousResultIds": [] });
        if let Some(identifier) = &wish.identifier {
            params["identifier"] = identifier.as_str().into();
        }
        let Ok(mut answer) = self.ask("workspace/diagnostic", params, PULL_LIMIT).await else {
            return Pulled::default();
        };
        let mut found = false;
        if let Value::Array(reports) = answer["items"].take() {
            for mut report in reports {
                if let Some(other) = report["uri"].as_str().and_then(location::path) {
                    found |= self.keep(&other, wish, &mut report) && other == path;
                }
            }
        }
        Pulled {
            found,
            answered: true,
        }
    }

    /// Keeps a report; says whether it has anything.
    fn keep(&self, path: &Path, wish: &Wish, report: &mut Value) -> bool {
        let Value::Array(items) = report["items"].take() else {
            return false;
        };
        let found = !items.is_empty();
        let question = wish.identifier.as_deref().unwrap_or_default();
        self.shared.diagnostics.pull(path.to_owned(), question, items);
        found
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
