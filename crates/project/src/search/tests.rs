use std::path::Path;

use pretty_assertions::assert_eq;

use super::*;

/// A folder that looks like a repository, with files of all kinds.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, content) in [
        (".git/HEAD", b"needle".as_slice()),
        (".gitignore", b"ignored/\n*.log\n!keep.log\n"),
        (".ignore", b"by-ignore.txt\n"),
        (".rgignore", b"by-rgignore.txt\n"),
        (".hidden.md", b"needle\n"),
        (".hidden/h.md", b"needle\n"),
        ("UPPER.MD", b"x\n"),
        ("a.md", b"needle one\nx\nneedle two"),
        ("by-ignore.txt", b"needle\n"),
        ("by-rgignore.txt", b"needle\n"),
        ("crlf.txt", b"x\r\nneedle\r\n"),
        ("ignored/i.md", b"needle\n"),
        ("keep.log", b"needle\n"),
        ("latin.txt", b"caf\xe9 needle\n"),
        ("nul.dat", b"needle\nabc\0\nneedle\n"),
        ("src/[a].md", b"q\n"),
        ("src/deep/y.js", b"// needle\n"),
        ("src/deep/z.ts", b"//\n"),
        ("src/x.js", b"needle(needle)\n"),
        ("sub/.gitignore", b"*.tmp\n"),
        ("sub/q.md", b"needle\n"),
        ("sub/q.tmp", b"needle\n"),
        ("trace.log", b"needle\n"),
        ("utf16.txt", b"\xff\xfen\0e\0e\0d\0l\0e\0 \x001\x006\0\n\0"),
    ] {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        fs_err::write(path, content).expect("writable");
    }
    folder
}

async fn globbed(directory: &Path, pattern: &str, limit: usize) -> String {
    let query = Glob {
        directory: directory.to_owned(),
        pattern: pattern.into(),
        hidden: false,
        limit,
    };
    let paths = glob(query, &CancellationToken::new())
        .await
        .expect("a good pattern");
    paths
        .iter()
        .map(|path| path.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn globs_are_those_of_ripgrep() {
    let folder = tree();
    for (directory, pattern, wanted) in [
        (".", "*.md", ".hidden.md a.md src/[a].md sub/q.md"),
        (".", "**/*.md", ".hidden.md a.md src/[a].md sub/q.md"),
        (".", "src/*.md", "src/[a].md"),
        (".", "/a.md", "a.md"),
        (".", "./a.md", ""),
        (".", "src/**", "src/[a].md src/deep/y.js src/deep/z.ts src/x.js"),
        (".", "src", ""),
        (".", "src/", ""),
        (".", "*.{js,ts}", "src/deep/y.js src/deep/z.ts src/x.js"),
        (".", "deep/*.js", ""),
        (".", "**/deep/*.js", "src/deep/y.js"),
        ("src", "deep/*.js", "deep/y.js"),
        (".", "*.MD", "UPPER.MD"),
        (".", "a?md", "a.md"),
        (".", "src/\\[a\\].md", "src/[a].md"),
        (".", "src/[[]a].md", "src/[a].md"),
        (".", "*.log", "keep.log trace.log"),
        (".", "ignored/**", ""),
        ("ignored", "*", "i.md"),
        (".", "by-*", "by-ignore.txt by-rgignore.txt"),
        (".", "*.tmp", "sub/q.tmp"),
        (
            ".",
            ".*",
            ".gitignore .hidden.md .ignore .rgignore sub/.gitignore",
        ),
        (".", ".hidden/*", ""),
        (".", "**/HEAD", ""),
        (".git", "HEAD", "HEAD"),
        (
            ".",
            "!*.{md,js}",
            "UPPER.MD crlf.txt keep.log latin.txt nul.dat src/deep/z.ts utf16.txt",
        ),
        (
            ".",
            "",
            "UPPER.MD a.md crlf.txt keep.log latin.txt nul.dat src/[a].md src/deep/y.js src/deep/z.ts src/x.js sub/q.md utf16.txt",
        ),
        (
            ".",
            "*",
            ".gitignore .hidden/h.md .hidden.md .ignore .rgignore UPPER.MD a.md by-ignore.txt by-rgignore.txt crlf.txt ignored/i.md keep.log latin.txt nul.dat src/[a].md src/deep/y.js src/deep/z.ts src/x.js sub/.gitignore sub/q.md sub/q.tmp trace.log utf16.txt",
        ),
    ] {
        assert_eq!(
            globbed(&folder.path().join(directory), pattern, 100).await,
            wanted,
            "{directory} {pattern}"
        );
    }
    assert_eq!(globbed(folder.path(), "*.md", 2).await, ".hidden.md a.md");
}

#[tokio::test]
async fn without_a_repository_only_its_own_ignore_files_count() {
    let folder = tree();
    fs_err::remove_dir_all(folder.path().join(".git")).expect("writable");
    assert_eq!(
        globbed(folder.path(), "!*.{md,js,txt}", 100).await,
        "UPPER.MD keep.log nul.dat src/deep/z.ts sub/q.tmp trace.log"
    );
}

async fn grepped(directory: &Path, pattern: &str, include: Option<&str>) -> String {
    let query = Grep {
        directory: directory.to_owned(),
        pattern: pattern.into(),
        include: include.map(Into::into),
        limit: 100,
    };
    let matches = grep(query, &CancellationToken::new())
        .await
        .expect("a good pattern");
    let line = |found: &Match| {
        let spans: Vec<_> = found
            .submatches
            .iter()
            .map(|part| format!("{}-{}", part.start, part.end))
            .collect();
        format!(
            "{}:{}:{}:{}:{}",
            found.path.display(),
            found.line,
            found.offset,
            spans.join(","),
            found.text.escape_debug()
        )
    };
    matches.iter().map(line).collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn greps_are_those_of_ripgrep() {
    let folder = tree();
    for (directory, pattern, include, wanted) in [
        (".", "needle o", None, "a.md:1:0:0-8:needle one\\n"),
        (
            ".",
            "^needle",
            Some("*.md"),
            ".hidden/h.md:1:0:0-6:needle\\n | .hidden.md:1:0:0-6:needle\\n | a.md:1:0:0-6:needle one\\n | a.md:3:13:0-6:needle two | sub/q.md:1:0:0-6:needle\\n",
        ),
        (
            "src",
            "needle",
            None,
            "deep/y.js:1:0:3-9:// needle\\n | x.js:1:0:0-6,7-13:needle(needle)\\n",
        ),
        (
            ".",
            "caf.? needle|caf",
            None,
            "latin.txt:1:0:0-3:caf\u{fffd} needle\\n",
        ),
        (".", "needle", Some("trace.log"), "trace.log:1:0:0-6:needle\\n"),
        (".", "needle", Some("ignored/*"), ""),
        (".", "needle", Some("nul.dat"), ""),
        (".", "needle$", Some("crlf.txt"), ""),
        (
            ".",
            "needle\\s",
            Some("crlf.txt"),
            "crlf.txt:2:3:0-7:needle\\r\\n",
        ),
        (".", "needle 16", None, "utf16.txt:1:0:0-9:needle 16\\n"),
        (".", "(?i)NEEDLE TWO", None, "a.md:3:13:0-10:needle two"),
        (".", "NEEDLE", None, ""),
        (".", "two$", None, "a.md:3:13:7-10:needle two"),
    ] {
        assert_eq!(
            grepped(&folder.path().join(directory), pattern, include).await,
            wanted,
            "{pattern}"
        );
    }
}

#[tokio::test]
async fn the_first_files_are_those_of_a_walk_in_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Names whose order as texts is not that of their folders.
    for outer in ["a", "a-b", "a.b", "ab", "b", ".hidden", "ignored"] {
        for inner in ["", "x", "x-y", "x.y", "z/deep"] {
            let inner = folder.path().join(outer).join(inner);
            fs_err::create_dir_all(&inner).expect("writable");
            for file in 0..20 {
                fs_err::write(inner.join(format!("{file}.txt")), "").expect("writable");
                fs_err::write(inner.join(format!("{file}.log")), "").expect("writable");
            }
        }
    }
    fs_err::write(folder.path().join(".ignore"), "ignored\n*.log\n").expect("writable");
    for (pattern, hidden) in [
        ("*.txt", false),
        ("a*/**", true),
        ("*.log", false),
        ("none", false),
    ] {
        let in_order: Vec<PathBuf> = walk::files(folder.path(), Some(pattern), hidden)
            .expect("a good pattern")
            .flatten()
            .collect();
        for limit in [0, 1, 2, 21, 100, 10_000] {
            let query = Glob {
                directory: folder.path().to_owned(),
                pattern: pattern.into(),
                hidden,
                limit,
            };
            let found = glob(query, &CancellationToken::new())
                .await
                .expect("a good pattern");
            let wanted: Vec<PathBuf> = in_order.iter().take(limit).cloned().collect();
            assert_eq!(found, wanted, "{pattern}, {limit}");
        }
    }
}

#[tokio::test]
async fn the_first_matches_in_order_are_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in 0..300 {
        fs_err::write(folder.path().join(format!("{file:03}")), "hit\nhit\nhit\n").expect("writable");
    }
    let query = Grep {
        directory: folder.path().to_owned(),
        pattern: "hit".into(),
        include: None,
        limit: 100,
    };
    let matches = grep(query, &CancellationToken::new())
        .await
        .expect("a good pattern");
    let found: Vec<_> = matches
        .iter()
        .map(|found| (found.path.display().to_string(), found.line))
        .collect();
    let wanted: Vec<_> = (0..100)
        .map(|index| (format!("{:03}", index / 3), index % 3 + 1))
        .collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn bad_queries_say_why() {
    let folder = tree();
    let none = CancellationToken::new();
    let at = |directory: &str, pattern: &str| Grep {
        directory: folder.path().join(directory),
        pattern: pattern.into(),
        include: None,
        limit: 1,
    };
    assert!(matches!(
        grep(at("nowhere", "x"), &none).await,
        Err(Error::Directory { source: Some(_), .. })
    ));
    assert!(matches!(
        grep(at("a.md", "x"), &none).await,
        Err(Error::Directory { source: None, .. })
    ));
    for pattern in ["(", "a{2,1}", "(?=x)", "\\1"] {
        let Err(Error::Pattern(error)) = grep(at(".", pattern), &none).await else {
            panic!("{pattern}")
        };
        assert!(error.to_string().starts_with("regex parse error:\n"), "{error}");
    }
    for pattern in ["one\\nx", "\\x00", "\\w{1000}{1000}"] {
        let Err(Error::Pattern(error)) = grep(at(".", pattern), &none).await else {
            panic!("{pattern}")
        };
        assert!(!error.to_string().contains("regex parse error"), "{error}");
    }
    let bad = Glob {
        directory: folder.path().to_owned(),
        pattern: "[".into(),
        hidden: false,
        limit: 1,
    };
    assert!(matches!(glob(bad.clone(), &none).await, Err(Error::Glob(_))));
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    assert!(matches!(
        grep(at(".", "needle"), &cancelled).await,
        Err(Error::Cancelled)
    ));
    assert!(matches!(
        glob(
            Glob {
                pattern: "*".into(),
                ..bad
            },
            &cancelled
        )
        .await,
        Err(Error::Cancelled)
    ));
}

#[tokio::test]
async fn long_lines_are_cut_and_longer_ones_end_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    fs_err::write(path("cut"), format!("{}needle\n", "\u{1f600}".repeat(1500))).expect("writable");
    fs_err::write(path("edge"), format!("{}needle\n", "é".repeat(1993))).expect("writable");
    fs_err::write(path("wide"), format!("needle {}\n", "x".repeat(100_000))).expect("writable");
    fs_err::write(
        path("without-end"),
        [b"needle\n".as_slice(), &vec![b'x'; 20 << 20], b"needle"].concat(),
    )
    .expect("writable");
    let query = Grep {
        directory: folder.path().to_owned(),
        pattern: "needle".into(),
        include: None,
        limit: 100,
    };
    let matches = grep(query, &CancellationToken::new())
        .await
        .expect("a good pattern");
    let told: Vec<_> = matches
        .iter()
        .map(|found| {
            (
                found.path.display().to_string(),
                found.text.len(),
                found.submatches.len(),
            )
        })
        .collect();
    let wanted = [
        ("cut", 4003, 1),
        ("edge", 1993 * 2 + 7, 1),
        ("wide", 2003, 0),
        ("without-end", 7, 1),
    ];
    assert_eq!(
        told,
        wanted.map(|(path, text, parts)| (path.to_owned(), text, parts))
    );
}

#[cfg(unix)]
#[tokio::test]
async fn pipes_and_links_are_passed_by() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("pipes can be made");
    fs_err::write(folder.path().join("file"), "needle\n").expect("writable");
    std::os::unix::fs::symlink("file", folder.path().join("link")).expect("links can be made");
    assert_eq!(globbed(folder.path(), "*", 100).await, "file");
    assert_eq!(
        grepped(folder.path(), "needle", None).await,
        "file:1:0:0-6:needle\\n"
    );
    assert_eq!(
        open_regular(&pipe).expect_err("a pipe").kind(),
        io::ErrorKind::InvalidInput
    );
    assert!(open_regular(&folder.path().join("link")).is_ok());
    assert!(open_regular(folder.path()).is_err());
}
