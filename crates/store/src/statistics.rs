//! What was used: sessions, messages, tokens, money, tools (reference `sessions.md` §9).
//!
//! The database adds up; no message is held in memory.

use crate::sql::{Row, params};
use opencode_schema::session::{CacheTokens, Tokens};
use opencode_schema::time::Millis;

use crate::{Error, View};

/// Which sessions count.
#[derive(Debug, Clone, Default)]
pub struct StatisticsFilter {
    /// Only those of this project.
    pub project_id: Option<String>,
    /// Only those changed since then.
    pub updated_from: Option<Millis>,
}

/// What was used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// How many sessions there are.
    pub sessions: u64,
    /// How many messages they have.
    pub messages: u64,
    /// What they cost.
    pub cost: f64,
    /// Their tokens.
    pub tokens: Tokens,
    /// All tokens of the session in the middle.
    pub median_tokens: f64,
    /// When the first one was made, and the last one changed.
    pub span: Option<(Millis, Millis)>,
    /// Each model, the one with most messages first.
    pub models: Vec<ModelUse>,
    /// Each tool and how often it was called, the most used first.
    pub tools: Vec<(String, u64)>,
}

/// What a model was used for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelUse {
    /// `provider/model`.
    pub name: String,
    /// Its messages.
    pub messages: u64,
    /// Its tokens; reasoning counts as output.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: f64,
}

/// A number that is never negative, unless somebody else wrote it.
fn count(row: &Row<'_>, at: usize) -> Result<u64, Error> {
    row.get::<_, i64>(at).map(|number| number.max(0).unsigned_abs())
}

/// The sessions that count; everything below begins with it.
const CHOSEN: &str = "WITH chosen AS (SELECT * FROM session
    WHERE (?1 IS NULL OR project_id = ?1) AND (?2 IS NULL OR time_updated >= ?2))";
const TOTAL: &str =
    "tokens_input + tokens_output + tokens_reasoning + tokens_cache_read + tokens_cache_write";

impl View<'_> {
    /// What was used in the sessions that count.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn statistics(&self, filter: &StatisticsFilter) -> Result<Statistics, Error> {
        let values = params![filter.project_id, filter.updated_from];
        let mut all = self.raw().prepare_cached(&format!(
            "{CHOSEN} SELECT count(*), coalesce(sum(cost), 0.0), CAST(coalesce(sum(tokens_input), 0) AS bigint),
               CAST(coalesce(sum(tokens_output), 0) AS bigint), CAST(coalesce(sum(tokens_reasoning), 0) AS bigint),
               CAST(coalesce(sum(tokens_cache_read), 0) AS bigint), CAST(coalesce(sum(tokens_cache_write), 0) AS bigint),
               min(CASE WHEN ?2 IS NULL THEN time_created ELSE time_updated END), max(time_updated),
               (SELECT count(*) FROM message WHERE session_id IN (SELECT id FROM chosen)),
               (SELECT CAST(avg(total) AS double precision) FROM (SELECT {TOTAL} AS total FROM chosen ORDER BY 1
                 LIMIT 2 - (SELECT count(*) FROM chosen) % 2
                 OFFSET (SELECT (count(*) - 1) / 2 FROM chosen)) AS middle)
             FROM chosen"
        ))?;
        let mut statistics = all.query_row(values, |row| {
            let first: Option<Millis> = row.get(7)?;
            let last: Option<Millis> = row.get(8)?;
            Ok(Statistics {
                sessions: count(row, 0)?,
                cost: row.get(1)?,
                tokens: Tokens {
                    total: None,
                    input: count(row, 2)?,
                    output: count(row, 3)?,
                    reasoning: count(row, 4)?,
                    cache: CacheTokens {
                        read: count(row, 5)?,
                        write: count(row, 6)?,
                    },
                },
                span: first.zip(last),
                messages: count(row, 9)?,
                median_tokens: row.get::<_, Option<f64>>(10)?.unwrap_or_default(),
                ..Statistics::default()
            })
        })?;
        statistics.models = self.model_uses(filter)?;
        statistics.tools = self.tool_uses(filter)?;
        Ok(statistics)
    }

    fn model_uses(&self, filter: &StatisticsFilter) -> Result<Vec<ModelUse>, Error> {
        let number =
            |path: &str| format!("CAST(coalesce(json_extract(data, '{path}'), '0') AS double precision)");
        let mut statement = self.raw().prepare_cached(&format!(
            "{CHOSEN} SELECT
               coalesce(json_extract(data, '$.providerID'), '') || '/' || coalesce(json_extract(data, '$.modelID'), ''),
               count(*), CAST(sum({}) AS bigint), CAST(sum({} + {}) AS bigint), CAST(sum({}) AS bigint),
               CAST(sum({}) AS bigint), sum({})
             FROM message WHERE session_id IN (SELECT id FROM chosen)
               AND json_valid(data) AND json_extract(data, '$.role') = 'assistant'
             GROUP BY 1 ORDER BY 2 DESC, min(time_created)",
            number("$.tokens.input"),
            number("$.tokens.output"),
            number("$.tokens.reasoning"),
            number("$.tokens.cache.read"),
            number("$.tokens.cache.write"),
            number("$.cost"),
        ))?;
        let rows = statement.query_map(params![filter.project_id, filter.updated_from], |row| {
            Ok(ModelUse {
                name: row.get(0)?,
                messages: count(row, 1)?,
                tokens: Tokens {
                    input: count(row, 2)?,
                    output: count(row, 3)?,
                    cache: CacheTokens {
                        read: count(row, 4)?,
                        write: count(row, 5)?,
                    },
                    ..Tokens::default()
                },
                cost: row.get(6)?,
            })
        })?;
        rows.collect()
    }

    fn tool_uses(&self, filter: &StatisticsFilter) -> Result<Vec<(String, u64)>, Error> {
        let mut statement = self.raw().prepare_cached(&format!(
            "{CHOSEN} SELECT json_extract(data, '$.tool'), count(*) FROM part
             WHERE session_id IN (SELECT id FROM chosen) AND json_valid(data)
               AND json_extract(data, '$.type') = 'tool' AND coalesce(json_extract(data, '$.tool'), '') <> ''
             GROUP BY 1 ORDER BY 2 DESC, min(time_created), 1"
        ))?;
        let rows = statement.query_map(params![filter.project_id, filter.updated_from], |row| {
            Ok((row.get(0)?, count(row, 1)?))
        })?;
        rows.collect()
    }
}
