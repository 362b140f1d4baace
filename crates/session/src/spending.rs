//! Limits of what may be spent (beyond the reference): money and tokens, of a session with its subagents, of a day
//! and of a run. They are looked at before each call of a model; a call that goes on is not broken off, so that
//! a limit is passed by at most one call of each session that works.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use opencode_schema::SessionId;
use opencode_schema::config::{Config, Limits};
use opencode_schema::time::{Millis, now};
use opencode_store::Spent;

use crate::{Engine, Error, Location};

const DAY: Millis = 24 * 60 * 60 * 1000;

/// What was spent of what may be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// What was spent.
    pub spent: Spent,
    /// Dollars that may be.
    pub cost: Option<f64>,
    /// Tokens that may be.
    pub tokens: Option<u64>,
}

/// The spending of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spending {
    /// All sessions of its tree, ever.
    pub session: Use,
    /// All sessions of the database, today.
    pub day: Use,
    /// Its tree, in the run that goes on.
    pub run: Use,
    /// The limit of the run's cost was given on the command line.
    is_capped: bool,
}

/// What trees of sessions had spent when their runs began.
#[derive(Default)]
pub(crate) struct Runs {
    begun: Mutex<HashMap<SessionId, Begun>>,
    /// What sessions spent that is not stored yet.
    held: Mutex<Vec<(SessionId, Spent)>>,
    /// Dollars that each run of this program may cost.
    cap: OnceLock<f64>,
}

/// What a session spent that is not stored yet: because tools of the step still work, or because the summary is
/// made of more pieces. It is forgotten when it is dropped.
pub(crate) struct Held {
    runs: Arc<Runs>,
    what: (SessionId, Spent),
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.runs.held();
        if let Some(place) = held.iter().position(|what| *what == self.what) {
            held.swap_remove(place);
        }
    }
}

struct Begun {
    /// The session whose turn began the run.
    by: SessionId,
    before: Spent,
}

impl Runs {
    /// What a tree had spent when its run began, which is now when none goes on.
    fn before(&self, root: &SessionId, session: &SessionId, now: Spent) -> Spent {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = begun.entry(root.clone()).or_insert_with(|| Begun {
            by: session.clone(),
            before: now,
        });
        entry.before
    }

    /// Counts what a session spent until that is stored.
    pub(crate) fn hold(self: &Arc<Self>, session: &SessionId, spent: Spent) -> Held {
        let what = (session.clone(), spent);
        self.held().push(what.clone());
        Held {
            runs: Arc::clone(self),
            what,
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<(SessionId, Spent)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, if a run goes on.
    fn known(&self, root: &SessionId) -> Option<Spent> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.get(root).map(|begun| begun.before)
    }

    /// A session rests.
    pub(crate) fn end(&self, session: &SessionId) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|_, begun| begun.by != *session);
    }
}

impl Engine {
    /// Lets each run of this program cost so many dollars at most.
    pub fn cap_runs(&self, dollars: f64) {
        // Who says it twice means the first.
        let _ = self.inner.runs.cap.set(dollars);
    }

    /// What the tree of a session spent and what all sessions spent today, if that is wanted, and who stands
    /// above the tree.
    async fn spent(&self, session: &SessionId, of_day: bool) -> Result<(Spent, Spent, SessionId), Error> {
        let id = session.clone();
        let today = start_of_day();
        let held = self.inner.runs.held().clone();
        let read = self.inner.store.read(move |view| {
            let root = view.root_session(&id)?;
            let mut tree = view.spent_below(&root)?;
            let mut day = if of_day {
                view.spent_since(today)?
            } else {
                Spent::default()
            };
            for (session, spent) in &held {
                if view.root_session(session)? == root {
                    tree = sum(tree, *spent);
                }
                day = sum(day, *spent);
            }
            Ok((tree, day, root))
        });
        Ok(read.await?)
    }

    /// What a session spent, and may spend.
    ///
    /// # Errors
    /// The database failed.
    pub async fn spending(&self, location: &Location, session: &SessionId) -> Result<Spending, Error> {
        let (tree, day, root) = self.spent(session, true).await?;
        let run = self.inner.runs.known(&root).map(|before| since(tree, before));
        Ok(self.limited(&location.config, tree, day, run.unwrap_or_default()))
    }

    /// What all sessions spent today, and may spend.
    ///
    /// # Errors
    /// The database failed.
    pub async fn spending_of_today(&self, config: &Config) -> Result<Use, Error> {
        let today = start_of_day();
        let spent = self.inner.store.read(move |view| view.spent_since(today)).await?;
        Ok(self
            .limited(config, Spent::default(), spent, Spent::default())
            .day)
    }

    /// Why a session may ask no model, if a limit is reached. Nothing is read where there are no limits.
    pub(crate) async fn refused_spending(
        &self,
        location: &Arc<Location>,
        session: &SessionId,
    ) -> Result<Option<String>, Error> {
        let limits = location.config.limits.as_ref();
        let cap = self.inner.runs.cap.get();
        let of_day = limits.is_some_and(|limits| {
            limits.cost.as_ref().is_some_and(|cost| cost.day.is_some())
                || limits.tokens.as_ref().is_some_and(|tokens| tokens.day.is_some())
        });
        if cap.is_none() && limits.is_none_or(|limits| limits.cost.is_none() && limits.tokens.is_none()) {
            return Ok(None);
        }
        let (tree, day, root) = self.spent(session, of_day).await?;
        let run = since(tree, self.inner.runs.before(&root, session, tree));
        Ok(self.limited(&location.config, tree, day, run).reached())
    }

    fn limited(&self, config: &Config, session: Spent, day: Spent, run: Spent) -> Spending {
        let limits = config.limits.clone().unwrap_or_default();
        let Limits { cost, tokens, .. } = limits;
        let (cost, tokens) = (cost.unwrap_or_default(), tokens.unwrap_or_default());
        let cap = self.inner.runs.cap.get().copied();
        let is_capped = cap.is_some_and(|cap| cost.run.is_none_or(|own| cap <= own));
        let limited = |spent, cost, tokens| Use { spent, cost, tokens };
        Spending {
            session: limited(session, cost.session, tokens.session),
            day: limited(day, cost.day, tokens.day),
            run: limited(run, if is_capped { cap } else { cost.run }, tokens.run),
            is_capped,
        }
    }
}

impl Spending {
    /// Which limit is reached, and where it is set.
    #[must_use]
    pub fn reached(&self) -> Option<String> {
        let all = [
            ("run", "this run", self.run),
            ("session", "this session with its subagents", self.session),
            ("day", "all sessions today", self.day),
        ];
        all.into_iter().find_map(|(key, who, used)| {
            if let Some(limit) = used.cost.filter(|limit| used.spent.cost >= *limit) {
                let set = if key == "run" && self.is_capped {
                    "--max-cost".to_owned()
                } else {
                    format!("limits.cost.{key}")
                };
                return Some(format!(
                    "The spending limit is reached: {who} cost {} of {} ({set})",
                    dollars(used.spent.cost),
                    dollars(limit)
                ));
            }
            let limit = used.tokens.filter(|limit| used.spent.tokens >= *limit)?;
            Some(format!(
                "The limit of tokens is reached: {who} used {} of {limit} (limits.tokens.{key})",
                used.spent.tokens
            ))
        })
    }
}

/// An amount of dollars, exact enough for small ones.
fn dollars(amount: f64) -> String {
    if amount == 0.0 || amount >= 0.01 {
        format!("${amount:.2}")
    } else {
        format!("${amount:.6}")
    }
}

fn sum(one: Spent, other: Spent) -> Spent {
    Spent {
        cost: one.cost + other.cost,
        tokens: one.tokens.saturating_add(other.tokens),
    }
}

/// Removed messages may have taken their cost with them.
fn since(now: Spent, before: Spent) -> Spent {
    Spent {
        cost: (now.cost - before.cost).max(0.0),
        tokens: now.tokens.saturating_sub(before.tokens),
    }
}

/// Midnight where the user lives.
fn start_of_day() -> Millis {
    let today = jiff::Zoned::now().start_of_day();
    today.map_or_else(|_| now() - DAY, |today| today.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_is_told() {
        let used = |cost, tokens, limits: (Option<f64>, Option<u64>)| Use {
            spent: Spent { cost, tokens },
            cost: limits.0,
            tokens: limits.1,
        };
        let none = Use::default();
        for (spending, wanted) in [
            (Spending::default(), None),
            (
                Spending {
                    session: used(0.9, 5, (Some(1.0), Some(6))),
                    ..Spending::default()
                },
                None,
            ),
            (
                Spending {
                    session: used(1.5, 0, (Some(1.0), None)),
                    ..Spending::default()
                },
                Some("this session with its subagents cost $1.50 of $1.00 (limits.cost.session)"),
            ),
            (
                Spending {
                    day: used(0.0, 7, (None, Some(7))),
                    ..Spending::default()
                },
                Some("all sessions today used 7 of 7 (limits.tokens.day)"),
            ),
            (
                Spending {
                    run: used(0.002, 0, (Some(0.001), None)),
                    day: none,
                    ..Spending::default()
                },
                Some("this run cost $0.002000 of $0.001000 (limits.cost.run)"),
            ),
            (
                Spending {
                    run: used(0.0, 0, (Some(0.0), None)),
                    is_capped: true,
                    ..Spending::default()
                },
                Some("this run cost $0.00 of $0.00 (--max-cost)"),
            ),
        ] {
            let told = spending.reached();
            assert_eq!(told.is_some(), wanted.is_some(), "{told:?}");
            assert!(told.unwrap_or_default().ends_with(wanted.unwrap_or_default()));
        }
    }

    #[test]
    fn what_is_held_anew_outlives_what_was_held_before() {
        let runs = Arc::new(Runs::default());
        let session = SessionId::trusted("ses_a");
        let spent = |cost| Spent { cost, tokens: 1 };
        let before = runs.hold(&session, spent(1.0));
        let after = runs.hold(&session, spent(2.0));
        drop(before);
        assert_eq!(*runs.held(), [(session, spent(2.0))]);
        drop(after);
        assert!(runs.held().is_empty());
    }

    #[test]
    fn a_run_begins_once_and_ends_with_the_session_that_began_it() {
        let runs = Runs::default();
        let [root, child] = ["ses_root", "ses_child"].map(SessionId::trusted);
        let spent = |cost| Spent { cost, tokens: 0 };
        assert_eq!(runs.before(&root, &root, spent(1.0)), spent(1.0));
        assert_eq!(runs.before(&root, &child, spent(2.0)), spent(1.0));
        runs.end(&child);
        assert_eq!(runs.known(&root), Some(spent(1.0)));
        runs.end(&root);
        assert_eq!(runs.before(&root, &root, spent(3.0)), spent(3.0));
    }
}
