//! No floor looks up: the manifests against the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use toml_edit::DocumentMut;

#[derive(Debug)]
struct Room {
    /// None for what only tests use.
    floor: Option<u32>,
    uses: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rooms as the table says them.
fn table() -> BTreeMap<String, Room> {
    let text = fs_err::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, floor, room, _, uses, _] = cells[..] else {
            return None;
        };
        let room = room.strip_prefix('`')?.strip_suffix('`')?;
        let uses = uses
            .split(", ")
            .filter(|name| *name != "–")
            .map(str::to_owned)
            .collect();
        Some((
            room.to_owned(),
            Room {
                floor: floor.parse().ok(),
                uses,
            },
        ))
    });
    rows.collect()
}

/// The rooms that a manifest says a room uses, and those that only its tests use.
fn manifest(room: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = fs_err::read_to_string(root().join("crates").join(room).join("Cargo.toml")).unwrap();
    let manifest: DocumentMut = text.parse().unwrap();
    assert_eq!(
        manifest["package"]["name"].as_str(),
        Some(&*format!("opencode-{}", room.replace('_', "-")))
    );
    let rooms = |section: &str| {
        let table = manifest.get(section).and_then(|section| section.as_table());
        let names = table
            .into_iter()
            .flat_map(|table| table.iter())
            .map(|(name, _)| name.to_owned());
        names
            .filter_map(|name| name.strip_prefix("opencode-").map(|room| room.replace('-', "_")))
            .collect()
    };
    (rooms("dependencies"), rooms("dev-dependencies"))
}

#[test]
fn every_room_is_in_the_table_and_uses_what_it_says() {
    let table = table();
    let folders: BTreeSet<String> = fs_err::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(table.keys().cloned().collect::<BTreeSet<_>>(), folders);
    for (name, room) in &table {
        let (used, _) = manifest(name);
        assert_eq!(used, room.uses, "{name}");
    }
}

#[test]
fn no_floor_looks_up() {
    let table = table();
    for (name, room) in &table {
        for used in &room.uses {
            let below = table
                .get(used)
                .unwrap_or_else(|| panic!("{name} uses {used}, which is no room"));
            assert!(
                below.floor < room.floor && below.floor.is_some(),
                "{name} looks up to {used}"
            );
        }
        let (_, of_tests) = manifest(name);
        for used in of_tests {
            assert!(
                table[&used].floor < room.floor,
                "the tests of {name} look up to {used}"
            );
        }
    }
}
