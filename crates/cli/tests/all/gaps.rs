//! The table of gaps that are closed names tests that are there.

use std::collections::BTreeSet;
use std::path::Path;

/// Names of all functions below a folder.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs_err::read_to_string(&path).unwrap();
            let found = text.lines().filter_map(|line| {
                let (_, rest) = line.split_once("fn ")?;
                Some(rest.split(['(', '<']).next()?.to_owned())
            });
            names.extend(found);
        }
    }
}

#[test]
fn gaps_that_are_closed_have_their_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names = BTreeSet::new();
    functions(&root.join("crates"), &mut names);
    let table = fs_err::read_to_string(root.join("conformance/gaps.md")).unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| gap"));
    let mut count = 0;
    for row in rows {
        let tests = row.split('|').nth(3).unwrap();
        let told: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!told.is_empty(), "no test: {row}");
        for test in told {
            assert!(names.contains(test), "{test} is not there: {row}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
