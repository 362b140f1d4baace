//! What happened in a durable session, page by page (reference `v2.md` §3 `readAggregate`, §10 `history`).

use crate::sql::params;
use opencode_schema::{Event, SessionId};

use crate::view::stored_event;
use crate::{Error, View};

/// Events that were read together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// In their order.
    pub events: Vec<Event>,
    /// The place up to which the log was read.
    pub read_to: i64,
    /// Whether there are more behind it.
    pub has_more: bool,
}

impl View<'_> {
    /// What happened in a durable session after a place of its log (−1: from the start), at most `limit` events.
    /// What cannot be read is left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn history(&self, session: &SessionId, after: i64, limit: u32) -> Result<Page, Error> {
        // '/' is the letter behind '.'.
        let mut statement = self.raw().prepare_cached(
            "SELECT id, seq, type, data FROM event
             WHERE aggregate_id = ?1 AND seq > ?2 AND type >= 'session.next.' AND type < 'session.next/'
             ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = statement.query(params![session.as_str(), after, i64::from(limit) + 1])?;
        let mut page = Page {
            read_to: after,
            ..Page::default()
        };
        let mut count = 0;
        while let Some(row) = rows.next()? {
            if count == limit {
                page.has_more = true;
                break;
            }
            count += 1;
            page.read_to = row.get(1)?;
            let (id, kind, data): (String, String, String) = (row.get(0)?, row.get(2)?, row.get(3)?);
            match stored_event(&id, page.read_to, &kind, &data) {
                Ok(event) => page.events.push(event),
                Err(error) => tracing::error!(%error, "left out"),
            }
        }
        Ok(page)
    }
}
