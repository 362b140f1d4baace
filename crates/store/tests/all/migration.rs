//! The schema of a new file, and files of older releases.

use std::collections::BTreeMap;

use opencode_schema::{MessageId, SessionId};
use opencode_store::{Database, Error, Store};
use pretty_assertions::assert_eq;
use rusqlite::Connection;

use crate::support::{Place, message_updated, user};

/// Columns and indexes by table, whatever order and spelling the statements have.
fn shape(connection: &Connection) -> BTreeMap<String, Vec<String>> {
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap();
    let names: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    names
        .into_iter()
        .map(|table| {
            let mut facts = Vec::new();
            let mut columns = connection
                .prepare("SELECT name, lower(type), \"notnull\", dflt_value, pk FROM pragma_table_info(?1)")
                .unwrap();
            let mut rows = columns.query([&table]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                facts.push(format!(
                    "column {} {} not null {} default {:?} key {}",
                    row.get::<_, String>(0).unwrap(),
                    row.get::<_, String>(1).unwrap(),
                    row.get::<_, bool>(2).unwrap(),
                    row.get::<_, Option<String>>(3).unwrap(),
                    row.get::<_, i64>(4).unwrap(),
                ));
            }
            let mut keys = connection
                .prepare("SELECT \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1)")
                .unwrap();
            let mut rows = keys.query([&table]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let text = |n| row.get::<_, String>(n).unwrap();
                facts.push(format!("refers {} {} {} {}", text(0), text(1), text(2), text(3)));
            }
            let mut indexes = connection
                .prepare(
                    "SELECT l.name, l.\"unique\", group_concat(i.name) FROM pragma_index_list(?1) l, pragma_index_info(l.name) i
                     WHERE l.origin = 'c' GROUP BY l.name",
                )
                .unwrap();
            let mut rows = indexes.query([&table]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let text = |n| row.get::<_, String>(n).unwrap();
                facts.push(format!("index {} unique {} on {}", text(0), row.get::<_, bool>(1).unwrap(), text(2)));
            }
            facts.sort();
            (table, facts)
        })
        .collect()
}

fn reference_shape() -> BTreeMap<String, Vec<String>> {
    let reference = Connection::open_in_memory().unwrap();
    reference
        .execute_batch(include_str!("data/reference-schema.sql"))
        .unwrap();
    shape(&reference)
}

#[tokio::test]
async fn a_new_file_has_the_reference_schema_and_all_its_migrations() {
    let place = Place::file();
    drop(place.open().await);
    let connection = place.sqlite();
    assert_eq!(shape(&connection), reference_shape());
    let marked: i64 = connection
        .query_row("SELECT count(*) FROM migration", [], |row| row.get(0))
        .unwrap();
    assert_eq!(marked, 38);
}

#[tokio::test]
async fn a_file_of_the_first_release_is_brought_to_the_present_schema() {
    let place = Place::file();
    place
        .sqlite()
        .execute_batch(include_str!("data/first-release.sql"))
        .unwrap();
    let store = place.open().await;
    assert_eq!(shape(&place.sqlite()), reference_shape());
    let id = SessionId::trusted("ses_old");
    let of_session = id.clone();
    let session = store.read(move |view| view.session(&of_session)).await.unwrap();
    let tokens = session.tokens.unwrap();
    assert_eq!(
        (
            session.title.as_str(),
            session.cost.unwrap().0,
            tokens.input,
            tokens.cache.write
        ),
        ("Old session", 0.25, 10, 5)
    );
    let of_session = id.clone();
    let transcript = store
        .read(move |view| view.transcript(&of_session))
        .await
        .unwrap();
    assert_eq!(
        transcript
            .iter()
            .map(|message| message.parts.len())
            .collect::<Vec<_>>(),
        [1, 1]
    );
    let of_session = id.clone();
    assert_eq!(
        store
            .read(move |view| view.todos(&of_session))
            .await
            .unwrap()
            .len(),
        1
    );
    let icon = store
        .read(|view| view.project("p1"))
        .await
        .unwrap()
        .unwrap()
        .icon
        .unwrap();
    assert_eq!(icon.r#override.as_deref(), Some("data:icon"));
    // It goes on like any other session.
    store
        .publish(message_updated(&user(&id, 1_770_000_000_400)))
        .await
        .unwrap();
    let first = MessageId::trusted("msg_old1");
    assert_eq!(store.read(move |view| view.parts(&first)).await.unwrap().len(), 1);
    drop(store);
    let again = place.open().await;
    assert!(again.read(move |view| view.session(&id)).await.is_ok());
}

#[tokio::test]
async fn a_file_that_lacks_one_migration_keeps_its_rows() {
    let place = Place::file();
    let store = place.open().await;
    let session = crate::support::stored_session(&store).await;
    drop(store);
    place
        .sqlite()
        .execute_batch(
            "DELETE FROM migration WHERE id LIKE '20260612174303%' OR id >= '20260622';
             ALTER TABLE session_context_epoch ADD COLUMN revision integer;",
        )
        .unwrap();
    let store = place.open().await;
    assert_eq!(shape(&place.sqlite()), reference_shape());
    assert!(store.read(move |view| view.session(&session.id)).await.is_ok());
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let place = Place::file();
    drop(place.open().await);
    place
        .sqlite()
        .execute(
            "INSERT INTO migration VALUES ('20990101000000_far_future', 1)",
            [],
        )
        .unwrap();
    let error = Store::open(Database::File(place.path())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Newer { migration, .. } if migration == "20990101000000_far_future"),
        "{error}"
    );
    let rows: i64 = place
        .sqlite()
        .query_row("SELECT count(*) FROM migration", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 39);
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let place = Place::file();
    place
        .sqlite()
        .execute_batch("CREATE TABLE recipe (name text)")
        .unwrap();
    let error = Store::open(Database::File(place.path())).await.unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
}

/// The copies beside the file, the oldest first.
fn copies(place: &Place) -> Vec<std::path::PathBuf> {
    let folder = place.path().parent().unwrap().to_owned();
    let mut names: Vec<_> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("-before-"))
        .collect();
    names.sort();
    names
}

/// As if the newest migration had not been.
fn make_older(place: &Place) {
    place
        .sqlite()
        .execute_batch("DELETE FROM migration WHERE id >= '202606222'")
        .unwrap();
}

#[tokio::test]
async fn an_older_file_is_copied_before_it_is_changed() {
    let place = Place::file();
    place
        .sqlite()
        .execute_batch(include_str!("data/first-release.sql"))
        .unwrap();
    let before = shape(&place.sqlite());
    drop(place.open().await);
    let kept = copies(&place);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let name = kept[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("opencode.db.20"), "{name}");
    assert!(
        name.ends_with(&format!("Z-before-{}.bak", env!("CARGO_PKG_VERSION"))),
        "{name}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs_err::metadata(&kept[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let copy = Connection::open(&kept[0]).unwrap();
    assert_eq!(shape(&copy), before);
    let title: String = copy
        .query_row("SELECT title FROM session WHERE id = 'ses_old'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(title, "Old session");
    // What is current is not copied again.
    drop(place.open().await);
    assert_eq!(copies(&place).len(), 1);
}

#[tokio::test]
async fn the_newest_three_copies_stay_and_files_without_sessions_get_none() {
    let place = Place::file();
    let store = place.open().await;
    drop(store);
    make_older(&place);
    let store = place.open().await;
    assert_eq!(copies(&place).len(), 0);
    crate::support::stored_session(&store).await;
    drop(store);
    let unfinished = place
        .path()
        .with_file_name("opencode.db.2020-before-1.bak.unfinished");
    fs_err::write(&unfinished, "half").unwrap();
    let mut all = Vec::new();
    for _ in 0..5 {
        make_older(&place);
        drop(place.open().await);
        all.push(copies(&place).pop().unwrap());
    }
    assert_eq!(copies(&place), all[2..]);
}
