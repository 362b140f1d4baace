//! Colours of code: what it is, how it grows, what bad code costs.

use pretty_assertions::assert_eq;

use super::*;

/// Runs what has come up, as the face does on another thread.
pub(crate) fn work(highlighter: &Highlighter) -> usize {
    let jobs = highlighter.take_jobs();
    let count = jobs.len();
    for job in jobs {
        highlighter.finish(job.run());
    }
    count
}

/// What the words of a line are, for tables.
fn classes(colors: &Colors, line: usize, text: &str) -> Vec<(String, Option<Class>)> {
    let mut rest = text;
    let mut found = Vec::new();
    for (bytes, class) in colors.lines.get(line).into_iter().flatten() {
        let (word, tail) = rest.split_at(*bytes as usize);
        rest = tail;
        if !word.trim().is_empty() {
            found.push((word.trim().to_owned(), *class));
        }
    }
    found
}

#[test]
fn code_is_coloured_by_what_it_is() {
    use Class::*;
    // (language, code, some of its words)
    let table = [
        (
            "rust",
            "let x = 1; // two",
            vec![
                ("let", Some(Keyword)),
                ("1", Some(Number)),
                ("// two", Some(Comment)),
            ],
        ),
        (
            "ts",
            "const a: string = `b`",
            vec![
                ("const", Some(Keyword)),
                ("string", Some(Type)),
                ("`b`", Some(String)),
            ],
        ),
        (
            "shell",
            "echo \"hi\"",
            vec![("echo", Some(Function)), ("\"hi\"", Some(String))],
        ),
        ("json", "{\"a\": 1}", vec![("1", Some(Number))]),
        ("toml", "a = \"b\"", vec![("\"b\"", Some(String))]),
        (
            "python",
            "def f(): return 1",
            vec![("def", Some(Keyword)), ("f", Some(Function))],
        ),
        ("nonsense", "a b c", vec![]),
    ];
    let highlighter = Highlighter::default();
    for (language, code, expected) in table {
        let language = Language::of_fence(language);
        let before = highlighter.colors(language.as_ref(), code);
        assert!(before.is_waiting && before.lines.is_empty());
        let revision = highlighter.revision();
        assert_eq!(work(&highlighter), 1);
        assert_eq!(highlighter.revision(), revision + 1);
        let colors = highlighter.colors(language.as_ref(), code);
        assert!(!colors.is_waiting);
        let found = classes(&colors, 0, code);
        for (word, class) in expected {
            assert!(found.contains(&(word.to_owned(), class)), "{word} in {found:?}");
        }
    }
}

#[test]
fn languages_are_known_by_fences_and_files() {
    let set = two_face::syntax::extra_newlines();
    let name = |language: Option<Language>| language?.syntax(&set).map(|syntax| syntax.name.clone());
    let table = [
        (Language::of_fence("rust,ignore"), Some("Rust")),
        (Language::of_fence("{.python}"), None),
        (Language::of_fence("TSX title=\"a\""), Some("TypeScriptReact")),
        (Language::of_fence("console"), Some("Bourne Again Shell (bash)")),
        (Language::of_fence("text"), None),
        (Language::of_fence(""), None),
        (Language::of_file("/a/b/lib.rs"), Some("Rust")),
        (Language::of_file("Makefile"), Some("Makefile")),
        (Language::of_file("src/x.mts"), Some("TypeScript")),
        (Language::of_file("Dockerfile"), Some("Dockerfile")),
        (Language::of_file("x.unknown"), None),
    ];
    for (language, expected) in table {
        assert_eq!(name(language.clone()).as_deref(), expected, "{language:?}");
    }
}

#[test]
fn code_that_grows_is_read_on() {
    let (highlighter, theme) = (Highlighter::default(), Theme::plain());
    let rust = Language::of_fence("rust");
    let mut code = "/* one\n".to_owned();
    highlighter.colors(rust.as_ref(), &code);
    code.push_str("two");
    highlighter.colors(rust.as_ref(), &code);
    assert_eq!(work(&highlighter), 1, "what grows is asked for once");
    for more in ["\n", "three */ le", "t x = 1;\n"] {
        let colors = highlighter.colors(rust.as_ref(), &code);
        assert_eq!(colors.is_waiting, work(&highlighter) == 1, "{code:?}");
        code.push_str(more);
        let colors = highlighter.colors(rust.as_ref(), &code);
        assert!(
            colors.is_waiting && !colors.lines.is_empty(),
            "what is known stays: {code:?}"
        );
        assert_eq!(work(&highlighter), 1);
        assert!(!highlighter.colors(rust.as_ref(), &code).is_waiting);
        assert_eq!(
            highlighter.inner.borrow().readings.len(),
            1,
            "earlier states are forgotten"
        );
    }
    let grown = highlighter.colors(rust.as_ref(), &code);
    let fresh = Highlighter::default();
    fresh.colors(rust.as_ref(), &code);
    work(&fresh);
    assert_eq!(grown.lines, fresh.colors(rust.as_ref(), &code).lines);
    // Another end of the same beginning has the colours of what is the same.
    let other = "/* one\nlet x */";
    let colors = highlighter.colors(rust.as_ref(), other);
    assert!(colors.is_waiting && colors.line(1, "let x */", Style::new(), &theme).len() == 1);
}

#[test]
fn bad_code_costs_little() {
    let highlighter = Highlighter::default();
    let table = [
        ("one long line", "x".repeat(1_000_000)),
        ("many lines", "let x = 1;\n".repeat(100_000)),
        ("garbage", "\u{fffd}\u{1}\"'`{[((".repeat(100)),
    ];
    for (name, code) in table {
        let rust = Language::of_fence("rust");
        highlighter.colors(rust.as_ref(), &code);
        work(&highlighter);
        let colors = highlighter.colors(rust.as_ref(), &code);
        assert!(!colors.is_waiting, "{name}");
        assert!(colors.lines.len() <= LINES, "{name}");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let highlighter = Highlighter::default();
    for number in 0..2 * TEXTS {
        let nonsense = Language::of_fence("nonsense");
        highlighter.colors(nonsense.as_ref(), &format!("{number} {}", "x".repeat(100)));
        work(&highlighter);
    }
    assert!(highlighter.inner.borrow().readings.len() <= TEXTS);
}
