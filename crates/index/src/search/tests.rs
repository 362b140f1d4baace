use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::Fill;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs_err::create_dir(folder.root()).unwrap();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("project")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data/index.db")
    }

    fn open(&self) -> Index {
        Index::open(&self.path(), &self.root()).unwrap()
    }
}

fn fill(index: &Index) -> crate::Filled {
    index
        .fill(&Fill::default(), &CancellationToken::new(), |_| {})
        .unwrap()
}

fn found(index: &Index, text: &str) -> Vec<String> {
    let question = Question {
        text: text.into(),
        limit: 5,
        ..Question::default()
    };
    let hits = index.search(&question, None).unwrap();
    hits.into_iter()
        .map(|hit| format!("{}:{}", hit.path, hit.first))
        .collect()
}

const FILES: [(&str, &str); 5] = [
    (
        "src/session/title.rs",
        "/// Makes the title of a session from its first prompt.\npub fn make_title(prompt: &str) -> String {\n    prompt.lines().next().unwrap().to_owned()\n}\n",
    ),
    (
        "src/retry.rs",
        "/// Waits longer after each attempt that failed.\npub fn exponential_backoff(attempt: u32) -> Duration {\n    BASE * 2_u32.pow(attempt)\n}\n",
    ),
    (
        "web/login.ts",
        "export class LoginForm {\n  validatePassword(text: string) { return text.length > 8 }\n}\n",
    ),
    ("ignored/notes.md", "exponential backoff and titles of sessions"),
    (".gitignore", "ignored\n"),
];

#[test]
fn what_is_meant_is_found() {
    let folder = Folder::new(&FILES);
    fs_err::create_dir(folder.root().join(".git")).unwrap();
    folder.write(".env", "PASSWORD=validate");
    let index = folder.open();
    assert_eq!(found(&index, "anything"), Vec::<String>::new());
    assert_eq!(fill(&index).changed, 3);
    for (question, wanted) in [
        ("where is the session title made?", "src/session/title.rs:1"),
        ("how long do we wait between attempts", "src/retry.rs:1"),
        ("exponentialBackoff", "src/retry.rs:1"),
        ("validate password", "web/login.ts:1"),
        ("login form", "web/login.ts:1"),
    ] {
        assert_eq!(
            found(&index, question).first().map(String::as_str),
            Some(wanted),
            "{question}"
        );
    }
    let question = Question {
        text: "title password attempt".into(),
        below: Some("src/".into()),
        language: Some("Rust".into()),
        limit: 1,
    };
    let hits = index.search(&question, None).unwrap();
    assert_eq!(hits.len(), 1);
    assert!(
        hits[0].path.starts_with("src/") && hits[0].text.contains("pub fn"),
        "{hits:?}"
    );
}

#[test]
fn words_that_are_everywhere_cost_little() {
    let mut files: Vec<(String, String)> = (0..30)
        .map(|at| (format!("{at:02}.txt"), format!("some usual words, number {at}\n")))
        .collect();
    files.push(("28.rs".into(), "fn usual() -> u32 {\n    28\n}\n".into()));
    files.push(("29.rs".into(), "fn words_of_usual() -> u32 {\n    29\n}\n".into()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let folder = Folder::new(&files);
    let index = folder.open();
    fill(&index);
    let bounds = Bounds {
        alone: 5,
        together: 70,
        ranked: 4,
    };
    let found = |text: &str| {
        let ids = by_words(&index.reader(), text, bounds).unwrap();
        let paths = ids
            .iter()
            .map(|id| hit(&index.reader(), *id).unwrap().unwrap().path);
        paths.collect::<Vec<_>>()
    };
    // Those that are named so, and of the others as many as are ranked.
    let usual = found("usual");
    assert_eq!(usual.len(), 6, "{usual:?}");
    let mut named = usual[..2].to_vec();
    named.sort();
    assert_eq!(named, ["28.rs", "29.rs"]);
    assert_eq!(found("usual words")[0], "29.rs");
    // A word that is rare counts even where the others are left out.
    assert_eq!(found("usual words number some 17")[0], "17.txt");
    // Each alone holds more than may be looked at.
    let most = Bounds {
        together: 1,
        ..bounds
    };
    assert_eq!(by_words(&index.reader(), "usual words", most).unwrap().len(), 5);
}

#[test]
fn what_changes_is_followed() {
    let folder = Folder::new(&FILES);
    let index = folder.open();
    fill(&index);
    assert_eq!(fill(&index), crate::Filled::default());
    folder.write("src/retry.rs", "fn give_up_quickly() {}\n");
    fs_err::remove_file(folder.root().join("web/login.ts")).unwrap();
    folder.write("src/new.rs", "fn brand_new_thing() {}\n");
    assert_eq!(
        fill(&index),
        crate::Filled {
            changed: 2,
            removed: 1
        }
    );
    assert_eq!(found(&index, "give up quickly"), ["src/retry.rs:1"]);
    assert_eq!(found(&index, "validatePassword"), Vec::<String>::new());
    drop(index);

    let index = folder.open();
    assert_eq!(found(&index, "brand new thing"), ["src/new.rs:1"]);
    folder.write("src/new.rs", "fn other() {}\n// longer than before\n");
    let paths = ["src/new.rs", "src/gone.rs"].map(PathBuf::from);
    assert_eq!(index.refresh(&paths).unwrap(), 1);
    assert_eq!(found(&index, "brand thing"), Vec::<String>::new());
    fs_err::remove_file(folder.root().join("src/new.rs")).unwrap();
    assert_eq!(index.refresh(&paths).unwrap(), 1);
    assert_eq!(found(&index, "other"), Vec::<String>::new());
}

#[test]
fn vectors_take_part() {
    let folder = Folder::new(&FILES);
    let index = folder.open();
    fill(&index);
    index.use_model("a").unwrap();
    let pending = index.pending(10).unwrap();
    assert!(pending.len() >= 3 && pending.iter().any(|one| one.text.contains("LoginForm")));
    let axis = |at: usize| -> Vec<f32> {
        (0..8)
            .map(|number| if number == at { 1.0 } else { -0.1 })
            .collect()
    };
    let vectors: Vec<(i64, Vec<f32>)> = pending
        .iter()
        .enumerate()
        .map(|(at, one)| (one.id, axis(at)))
        .collect();
    index.put_vectors(&vectors).unwrap();
    assert_eq!(index.pending(10).unwrap(), []);
    for (at, one) in pending.iter().enumerate() {
        let question = Question {
            text: "unheard".into(),
            limit: 1,
            ..Question::default()
        };
        let hits = index.search(&question, Some(&axis(at))).unwrap();
        assert!(one.text.starts_with(&hits[0].path), "{hits:?}");
    }
    index.use_model("b").unwrap();
    assert_eq!(index.pending(10).unwrap().len(), pending.len());
    assert_eq!(index.status().unwrap().model.as_deref(), Some("b"));
}

#[test]
fn what_another_program_changes_is_followed() {
    let folder = Folder::new(&FILES);
    let (index, other) = (folder.open(), folder.open());
    fill(&index);
    let near = || {
        let question = Question {
            limit: 5,
            ..Question::default()
        };
        let hits = index.search(&question, Some(&[1.0, 0.0])).unwrap();
        hits.into_iter().map(|hit| hit.path).collect::<Vec<_>>()
    };
    let put = |by: &Index| {
        let pending = by.pending(100).unwrap();
        let vectors: Vec<_> = pending.into_iter().map(|one| (one.id, vec![1.0, 0.0])).collect();
        by.put_vectors(&vectors).unwrap();
    };
    put(&index);
    assert!(near().contains(&"src/retry.rs".to_owned()));
    fs_err::remove_file(folder.root().join("src/retry.rs")).unwrap();
    folder.write("src/new.rs", "fn brand_new_thing() {}\n");
    fill(&other);
    put(&other);
    let found = near();
    assert!(found.contains(&"src/new.rs".to_owned()), "{found:?}");
    assert!(!found.contains(&"src/retry.rs".to_owned()), "{found:?}");
}

#[test]
fn a_vector_that_comes_late_is_of_no_other_chunk() {
    let folder = Folder::new(&[("a.rs", "fn one() {}\n")]);
    let index = folder.open();
    fill(&index);
    let late: Vec<_> = index
        .pending(10)
        .unwrap()
        .into_iter()
        .map(|one| (one.id, vec![1.0]))
        .collect();
    folder.write("a.rs", "fn another_thing() {}\n");
    fill(&index);
    index.put_vectors(&late).unwrap();
    assert_eq!(index.pending(10).unwrap().len(), 1);
}

#[test]
fn a_damaged_index_is_made_anew_and_a_stopped_one_goes_on() {
    let folder = Folder::new(&FILES);
    fs_err::create_dir_all(folder.path().parent().unwrap()).unwrap();
    fs_err::write(
        folder.path(),
        "no database at all, but long enough to be looked at as one",
    )
    .unwrap();
    let index = folder.open();
    let stopped = CancellationToken::new();
    stopped.cancel();
    let result = index.fill(&Fill::default(), &stopped, |_| {});
    assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
    fill(&index);
    assert_eq!(
        found(&index, "login form").first().map(String::as_str),
        Some("web/login.ts:1")
    );
    assert!(index.status().unwrap().filled.is_some());
    drop(index);
    Index::remove(&folder.path());
    assert!(!Path::new(&folder.path()).exists());
}

#[test]
fn data_is_no_text_and_patterns_leave_files_out() {
    let folder = Folder::new(&FILES);
    folder.write("data.bin", "password\0");
    folder.write("long.txt", &"password ".repeat(200_000));
    let index = folder.open();
    let leaving_out = Fill {
        exclude: vec!["*.ts".into()],
    };
    index
        .fill(&leaving_out, &CancellationToken::new(), |_| {})
        .unwrap();
    assert_eq!(found(&index, "password"), Vec::<String>::new());
}

#[test]
fn an_index_that_several_begin_at_once_is_made_once() {
    for _ in 0..20 {
        let folder = Folder::new(&FILES);
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| fill(&folder.open()))).collect();
            for one in opened {
                one.join().unwrap();
            }
        });
        let found = found(&folder.open(), "exponentialBackoff");
        assert_eq!(found[0], "src/retry.rs:1");
    }
}
