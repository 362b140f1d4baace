//! Whether a file is well, and what is said when it is not.

use opencode_store::{Database, Report, check};
use pretty_assertions::assert_eq;

use crate::support::{
    Place, assistant, message_updated, part_updated, step_finish, stored_session, text, user,
};

/// A session with a question and an answer, and the ids of the session, the answer and a part of it.
async fn conversation(place: &Place) -> (String, String, String) {
    let store = place.open().await;
    let session = stored_session(&store).await;
    let (question, answer) = (user(&session.id, 11), assistant(&session.id, 12));
    let part = text(&answer, "Yes.");
    let bodies = vec![
        message_updated(&question),
        part_updated(&text(&question, "Is it?")),
        message_updated(&answer),
        part_updated(&part),
        part_updated(&step_finish(&answer, 0.5, 7)),
    ];
    for body in bodies {
        store.publish(body).await.unwrap();
    }
    (session.id.to_string(), answer.id.to_string(), part.id.to_string())
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[tokio::test]
async fn a_file_that_is_well_has_no_problems_and_stays_as_it_is() {
    let place = Place::file();
    conversation(&place).await;
    let before = place.count("event");
    let wanted = Report {
        notes: lines(&[
            "structure: whole",
            "references: whole",
            "log: 1 sessions agree with it",
        ]),
        problems: Vec::new(),
    };
    assert_eq!(place.check(), wanted);
    assert_eq!(place.count("event"), before);
}

#[tokio::test]
async fn rows_that_are_not_what_the_log_says_are_named() {
    let place = Place::new();
    let (session, answer, part) = conversation(&place).await;
    place.execute("UPDATE session SET title = 'Another'");
    place.execute(&format!(
        "UPDATE part SET data = replace(data, 'Yes.', 'No.') WHERE id = '{part}'"
    ));
    place.execute(&format!(
        "DELETE FROM part WHERE message_id = '{answer}' AND id != '{part}'"
    ));
    let problems = place.check().problems;
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(
        problems[0],
        format!("{session}: the session {session} is not what the log says: title differs")
    );
    assert_eq!(
        problems[1],
        format!("{session}: the part {part} is not what the log says: data differs")
    );
    assert!(problems[2].ends_with("it is missing"), "{problems:?}");
}

#[tokio::test]
async fn a_log_with_a_gap_is_named_and_one_that_begins_later_is_not_compared() {
    let place = Place::new();
    let (session, ..) = conversation(&place).await;
    place.execute("DELETE FROM event WHERE seq = 2");
    assert_eq!(
        place.check().problems,
        [format!("{session}: the log goes from the place 1 to 3")]
    );
    place.execute("DELETE FROM event WHERE seq < 4");
    let report = place.check();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(
        report.notes.last().unwrap(),
        "log: 1 sessions are older than it or were imported, and cannot be compared"
    );
}

#[tokio::test]
async fn rows_without_their_owner_are_named() {
    let place = Place::file();
    conversation(&place).await;
    place
        .sqlite()
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM project;")
        .unwrap();
    assert_eq!(
        place.check().problems,
        ["references: 1 of the table session belong to a project that is not there"]
    );
}

#[tokio::test]
async fn a_damaged_file_is_told() {
    let place = Place::file();
    conversation(&place).await;
    // A copy, because the writer may still be closing the file itself.
    let copy = place.path().with_file_name("damaged.db");
    place
        .sqlite()
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    let mut bytes = fs_err::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[4096..middle] {
        *byte ^= 0x5a;
    }
    fs_err::write(&copy, bytes).unwrap();
    let damaged = Database::File(copy.clone());
    let report = check(&damaged).unwrap();
    assert!(
        report.problems.iter().all(|line| line.starts_with("structure: ")) && !report.problems.is_empty(),
        "{report:?}"
    );
    fs_err::write(&copy, "no database at all, but long enough to be looked at").unwrap();
    assert!(check(&damaged).is_err());
}
