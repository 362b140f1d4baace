//! Whatever happens to the files, a snapshot brings them back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Something that happens to a file.
#[derive(Clone, Debug)]
enum Edit {
    Write(usize, String),
    Remove(usize),
    Folder(usize),
}

const NAMES: [&str; 7] = ["a", "b/c", "b/d", "e f", "g/h/i", "g/j", "ü[1]"];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = 0..NAMES.len();
    let edit = prop_oneof![
        3 => (place.clone(), "[a-c\n]{0,6}").prop_map(|(place, content)| Edit::Write(place, content)),
        1 => place.clone().prop_map(Edit::Remove),
        1 => place.prop_map(Edit::Folder),
    ];
    proptest::collection::vec(edit, 1..6)
}

fn apply(top: &Path, edits: &[Edit]) {
    for edit in edits {
        let (Edit::Write(place, _) | Edit::Remove(place) | Edit::Folder(place)) = edit;
        let path = top.join(NAMES[*place]);
        for parent in path.ancestors().take_while(|parent| *parent != top) {
            if parent.is_file() {
                fs_err::remove_file(parent).unwrap();
            }
        }
        if path.is_dir() {
            fs_err::remove_dir_all(&path).unwrap();
        }
        match edit {
            Edit::Write(_, content) => write(&path, content),
            Edit::Remove(_) => {}
            Edit::Folder(_) => write(&path.join("inside"), "x"),
        }
    }
}

/// All files with their contents.
fn files(top: &Path) -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((!path.ends_with(".git")).then_some(path));
            } else {
                let content = fs_err::read_to_string(&path).unwrap();
                out.insert(path, content);
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn random_edits_are_undone(steps in proptest::collection::vec(edits(), 2..5)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let fixture = Fixture::new(&[("a", "first"), ("b/c", "first")]).await;
            let mut states = Vec::new();
            let mut patches = Vec::new();
            for step in &steps {
                let hash = fixture.track().await;
                states.push((hash.clone(), files(&fixture.top)));
                apply(&fixture.top, step);
                patches.push(PatchPart { files: fixture.snapshots.patch(&hash).await.unwrap(), hash });
            }
            let last = (fixture.track().await, files(&fixture.top));
            let diffs = fixture.snapshots.diff_full(&states[0].0, &last.0).await.unwrap();
            let changed = fixture.snapshots.patch(&states[0].0).await.unwrap();
            prop_assert_eq!(diffs.len(), changed.len());

            // Patch by patch back to the start.
            for (from, (hash, wanted)) in states.iter().enumerate().rev() {
                fixture.snapshots.revert(&patches[from..]).await.unwrap();
                prop_assert_eq!(&files(&fixture.top), wanted);
                prop_assert_eq!(&fixture.track().await, hash);
            }
            // And forward again at once; files of the tree are as they were, others may be there.
            fixture.snapshots.restore(&last.0).await.unwrap();
            let now = files(&fixture.top);
            for (path, content) in &last.1 {
                prop_assert_eq!(now.get(path), Some(content));
            }
            Ok(())
        })?;
    }
}
