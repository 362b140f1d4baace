//! How the database finds what durable sessions read all the time: by an index that also has the order, so that a
//! read costs what it gives, however long the log is (reference `v2.md` §14 row 14). What is read of each row is in
//! the row itself; reads that only ask whether there is one stay within the index.

use std::ffi::CStr;

use opencode_schema::prompt::Delivery;
use opencode_schema::{MessageId, SessionId};
use rusqlite::ffi;

use crate::sql::Connection;
use crate::{Direction, Error, View, migration};

/// The statements that a read made.
#[expect(unsafe_code, reason = "the library does not list its statements")]
fn statements(connection: &rusqlite::Connection) -> Vec<String> {
    let mut found = Vec::new();
    let mut statement = std::ptr::null_mut();
    loop {
        // SAFETY: the connection is open, nobody else uses it, and each statement is one of its own, kept by its cache.
        statement = unsafe { ffi::sqlite3_next_stmt(connection.handle(), statement) };
        if statement.is_null() {
            return found;
        }
        // SAFETY: the text belongs to the statement, which is still there.
        let text = unsafe { CStr::from_ptr(ffi::sqlite3_sql(statement)) };
        found.push(text.to_string_lossy().into_owned());
    }
}

/// How the statements of a read are carried out, a line for each table and each sorting.
fn plans(read: impl Fn(&View<'_>, &SessionId) -> Result<(), Error>) -> Vec<String> {
    let file = rusqlite::Connection::open_in_memory().unwrap();
    file.execute_batch(migration::SCHEMA).unwrap();
    file.set_prepared_statement_cache_capacity(64);
    let connection = Connection::from(file);
    read(&View::new(&connection), &SessionId::trusted("ses_1")).unwrap();
    let Connection::Sqlite(file) = &connection else {
        unreachable!()
    };
    let mut lines = Vec::new();
    for statement in statements(file) {
        let mut explained = file.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let count = explained.parameter_count();
        let rows = explained
            .query_map(rusqlite::params_from_iter(vec!["1"; count]), |row| {
                row.get::<_, String>(3)
            })
            .unwrap();
        lines.extend(rows.map(Result::unwrap));
    }
    assert!(!lines.is_empty());
    lines
}

#[test]
fn gap_14_reads_of_durable_sessions_go_by_their_indexes() {
    let by_seq = "SEARCH session_message USING INDEX session_message_session_seq_idx (session_id=? AND seq";
    let messages = |direction| {
        move |view: &View<'_>, id: &SessionId| view.session_messages(id, direction, None, 50).map(drop)
    };
    let context = plans(|view, id| view.session_context(id).map(drop));
    assert!(context.iter().any(|line| line.starts_with(by_seq)), "{context:?}");
    let newest_summary = "SEARCH session_message USING COVERING INDEX session_message_session_type_seq_idx (session_id=? AND type=?)";
    assert!(context.iter().any(|line| line == newest_summary), "{context:?}");
    let cases = [
        (plans(messages(Direction::Ascending)), by_seq),
        (plans(messages(Direction::Descending)), by_seq),
        (
            plans(|view, id| view.newest_answer(id).map(drop)),
            "SEARCH session_message USING INDEX session_message_session_type_seq_idx (session_id=? AND type=?)",
        ),
        (
            plans(|view, id| view.history(id, -1, 50).map(drop)),
            "SEARCH event USING INDEX event_aggregate_seq_idx (aggregate_id=? AND seq>?)",
        ),
        (
            plans(|view, id| view.waiting_inputs(id, Delivery::Steer).map(drop)),
            "SEARCH session_input USING INDEX session_input_session_pending_delivery_seq_idx \
             (session_id=? AND promoted_seq=? AND delivery=?)",
        ),
        (
            plans(|view, id| view.has_waiting_inputs(id).map(drop)),
            "SEARCH session_input USING COVERING INDEX session_input_session_promoted_seq_idx \
             (session_id=? AND promoted_seq=?)",
        ),
        (
            plans(|view, _| view.session_input(&MessageId::trusted("msg_1")).map(drop)),
            "SEARCH session_input USING INDEX sqlite_autoindex_session_input_1 (id=?)",
        ),
    ];
    for (lines, wanted) in &cases {
        assert!(
            lines.len() == 1 && lines[0].starts_with(wanted),
            "{lines:?}\n{wanted}"
        );
    }
    for line in context.iter().chain(cases.iter().flat_map(|(lines, _)| lines)) {
        assert!(!line.contains("SCAN") && !line.contains("TEMP B-TREE"), "{line}");
    }
}
