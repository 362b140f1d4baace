//! Places that cannot be read or written.

use opencode_store::{Database, Error, Store};

use crate::support::Place;

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let place = Place::file();
    fs_err::write(
        place.path(),
        "once upon a time, there was no database in this file at all",
    )
    .unwrap();
    let error = Store::open(Database::File(place.path())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Open { path, .. } if *path == place.path()),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_named() {
    let place = Place::file();
    fs_err::create_dir(place.path()).unwrap();
    let error = Store::open(Database::File(place.path())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Open { path, .. } if *path == place.path()),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let place = Place::file();
    fs_err::write(place.path(), "in the way").unwrap();
    let inside = place.path().join("deeper").join("opencode.db");
    let error = Store::open(Database::File(inside.clone())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Open { path, .. } if *path == inside),
        "{error}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::file();
    let _store = place.open().await;
    for name in ["opencode.db", "opencode.db-wal"] {
        let mode = fs_err::metadata(place.path().with_file_name(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
