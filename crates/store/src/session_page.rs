//! Lists of sessions by when they were made (reference `v2.md` §10).

use crate::sql::Owned as SqlValue;
use opencode_schema::time::Millis;
use opencode_schema::{Session, SessionId};

use crate::view::{SESSION_COLUMNS, conditions, readable, session_of};
use crate::{Direction, Error, SessionFilter, View};

/// A place in a list of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionAnchor {
    /// A session.
    pub id: SessionId,
    /// When it was made.
    pub time: Millis,
}

impl View<'_> {
    /// Sessions that a filter lets through, by when they were made, from behind `anchor` in the direction of the
    /// list. The filter's offset does not count.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sessions_by_creation(
        &self,
        filter: &SessionFilter,
        direction: Direction,
        anchor: Option<&SessionAnchor>,
    ) -> Result<Vec<Session>, Error> {
        let (mut condition, mut values) = conditions(filter);
        let (order, sign) = match direction {
            Direction::Ascending => ("ASC", '>'),
            Direction::Descending => ("DESC", '<'),
        };
        if let Some(anchor) = anchor {
            let and = if condition.is_empty() { "WHERE" } else { " AND" };
            condition += &format!("{and} (time_created, id) {sign} (?, ?)");
            values.extend([SqlValue::from(anchor.time), anchor.id.to_string().into()]);
        }
        let limit = filter.limit.map_or(i64::MAX, i64::from);
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT {SESSION_COLUMNS} FROM session {condition}
             ORDER BY time_created {order}, id {order} LIMIT {limit}"
        ))?;
        let rows = statement.query_map(values, |row| Ok(session_of(row)))?;
        readable(rows)
    }
}
