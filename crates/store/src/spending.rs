//! What was spent, for limits (beyond the reference).

use crate::sql::{Optional as _, Row, params};
use opencode_schema::SessionId;
use opencode_schema::time::Millis;

use crate::{Error, View};

/// Money and tokens, those of caches too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Dollars.
    pub cost: f64,
    /// Tokens.
    pub tokens: u64,
}

/// How many sessions may stand above one.
const DEPTH: u32 = 64;
/// How long a turn may go on in a session that nobody touched.
const UNTOUCHED: Millis = 7 * 24 * 60 * 60 * 1000;

fn spent(row: &Row<'_>) -> Result<Spent, Error> {
    let tokens: i64 = row.get(1)?;
    Ok(Spent {
        cost: row.get(0)?,
        tokens: tokens.max(0).unsigned_abs(),
    })
}

impl View<'_> {
    /// The session that stands above all others of a session's tree: itself, where it has no parent.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn root_session(&self, session: &SessionId) -> Result<SessionId, Error> {
        let mut statement = self.raw().prepare_cached(
            "WITH RECURSIVE above(id, parent, depth) AS (
               SELECT id, parent_id, 0 FROM session WHERE id = ?1
               UNION ALL
               SELECT session.id, session.parent_id, depth + 1 FROM above
                 JOIN session ON session.id = above.parent WHERE depth < ?2)
             SELECT id FROM above ORDER BY depth DESC LIMIT 1",
        )?;
        let found: Option<String> = statement
            .query_row(params![session.as_str(), DEPTH], |row| row.get(0))
            .optional()?;
        Ok(found.map_or_else(|| session.clone(), SessionId::trusted))
    }

    /// What a session and all sessions below it spent.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn spent_below(&self, root: &SessionId) -> Result<Spent, Error> {
        let mut statement = self.raw().prepare_cached(
            "WITH RECURSIVE tree(id) AS (
               SELECT id FROM session WHERE id = ?1
               UNION SELECT session.id FROM tree JOIN session ON session.parent_id = tree.id)
             SELECT coalesce(sum(cost), 0.0), CAST(coalesce(sum(tokens_input + tokens_output + tokens_reasoning
               + tokens_cache_read + tokens_cache_write), 0) AS bigint)
             FROM tree JOIN session ON session.id = tree.id",
        )?;
        statement.query_row([root.as_str()], spent)
    }

    /// What all sessions spent from a moment on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn spent_since(&self, since: Millis) -> Result<Spent, Error> {
        let number = |path: &str| {
            format!("CAST(coalesce(json_extract(message.data, '{path}'), '0') AS double precision)")
        };
        // The order of the join matters: few sessions were touched lately, and each has an index of its messages.
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT coalesce(sum({}), 0.0), CAST(coalesce(sum({} + {} + {} + {} + {}), 0) AS bigint)
             FROM session CROSS JOIN message
             WHERE message.session_id = session.id AND session.time_updated >= ?2 AND message.time_created >= ?1
               AND json_valid(message.data) AND json_extract(message.data, '$.role') = 'assistant'",
            number("$.cost"),
            number("$.tokens.input"),
            number("$.tokens.output"),
            number("$.tokens.reasoning"),
            number("$.tokens.cache.read"),
            number("$.tokens.cache.write"),
        ))?;
        statement.query_row(params![since, since.saturating_sub(UNTOUCHED)], spent)
    }
}
