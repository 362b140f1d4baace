use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

#[test]
fn commands_are_listed_as_the_reference_lists_them() {
    for (typed, wanted) in [
        (
            "/m",
            "models move mcps timeline variants undo init compact timestamps themes",
        ),
        (
            "/re",
            "rename review sessions hello share undo fork export compact connect",
        ),
        (
            "/s",
            "skills share sessions status compact agents themes models new timestamps",
        ),
        (
            "/st",
            "status timestamps themes copy export models agents sessions variants init",
        ),
        (
            "/mo",
            "models move variants timeline sessions rename compact hello review",
        ),
        ("/ex", "exit export thinking"),
        ("/zzzz", ""),
    ] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        let wanted: Vec<_> = wanted.split_whitespace().map(|name| format!("/{name}")).collect();
        assert_eq!(prompt.autocomplete.labels(), wanted, "{typed}");
    }
    let mut all = prompt();
    type_in(&mut all, "/");
    assert_eq!(all.autocomplete.labels().len(), COMMANDS.len());
    all.command("prompt.autocomplete.prev");
    assert_eq!(all.autocomplete.selected().unwrap().label, "/variants");
}

#[test]
fn what_can_be_named_is_listed() {
    let files = ["src/", "src/lib.rs", "README.md"];
    for (typed, query, wanted) in [
        (
            "@",
            Some(""),
            "@handbook @explore @general Schema src/ src/lib.rs README.md",
        ),
        ("see @g", Some("g"), "@general src/ src/lib.rs README.md"),
        ("@hand", Some("hand"), "@handbook src/ src/lib.rs README.md"),
        ("a@b", None, ""),
        ("@src x", None, ""),
        ("!cat @lib", Some("lib"), "src/ src/lib.rs README.md"),
        ("@lib.rs#12", Some("lib.rs"), "src/ src/lib.rs#12 README.md#12"),
        (
            "@lib.rs#12-40",
            Some("lib.rs"),
            "src/ src/lib.rs#12-40 README.md#12-40",
        ),
        ("@lib.rs#40-12", Some("lib.rs"), "src/ src/lib.rs#40 README.md#40"),
        ("@lib.rs#", Some("lib.rs"), "src/ src/lib.rs README.md"),
        ("@lib.rs#x", Some("lib.rs#x"), "src/ src/lib.rs README.md"),
    ] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        assert_eq!(prompt.has_list(), query.is_some(), "{typed}");
        let asked = outcomes(&mut prompt).pop();
        if let Some(query) = query {
            assert_eq!(asked, Some(Outcome::FindFiles { query: query.into() }), "{typed}");
            find(&mut prompt, "another question", &["no.rs"]);
            find(&mut prompt, query, &files);
        }
        let labels: Vec<_> = prompt.autocomplete.labels();
        assert_eq!(labels.join(" "), wanted, "{typed}");
    }
}

#[test]
fn the_list_opens_again_and_ends_with_the_word() {
    let mut prompt = prompt();
    type_in(&mut prompt, "@ab cd");
    assert!(!prompt.has_list());
    for _ in 0..3 {
        prompt.command("input.backspace");
    }
    assert!(prompt.has_list());
    assert_eq!(prompt.command("prompt.autocomplete.hide"), Handled::Yes);
    assert_eq!(prompt.command("prompt.autocomplete.hide"), Handled::No);
    prompt.command("input.move.left");
    assert!(!prompt.has_list());
    type_in(&mut prompt, "x");
    assert!(prompt.has_list());
    prompt.command("input.buffer.home");
    assert!(!prompt.has_list());
    // While it is open, Enter is its own.
    type_in(&mut prompt, "@z");
    assert_eq!(send(&mut prompt), None);
}

#[test]
fn choosing_a_row_writes_what_it_stands_for() {
    for (typed, files, id, shown, outcome) in [
        ("/mod", &[][..], "select", "", Some(Outcome::Run("model.list"))),
        ("/hell", &[], "select", "/hello ", None),
        (
            "@src",
            &["src/"],
            "complete",
            "@src/",
            Some(Outcome::FindFiles { query: "src/".into() }),
        ),
        ("@src", &["src/"], "select", "@src/ ", None),
        ("@zz", &["a b.rs"], "complete", "@a b.rs ", None),
        ("@zzz", &[], "select", "@zzz", None),
    ] {
        let mut prompt = prompt();
        type_in(&mut prompt, typed);
        outcomes(&mut prompt);
        find(&mut prompt, &typed[1..], files);
        prompt.command(&format!("prompt.autocomplete.{id}"));
        assert_eq!(prompt.entry().input, shown, "{typed}");
        if outcome.is_some() {
            assert_eq!(outcomes(&mut prompt).pop(), outcome, "{typed}");
        }
    }
    // Before a blank there is none to be written.
    let mut between = prompt();
    type_in(&mut between, "a b");
    between.command("input.move.left");
    between.command("input.move.left");
    type_in(&mut between, " @exp");
    between.command("prompt.autocomplete.select");
    assert_eq!(
        (between.entry().input.as_str(), between.editor.cursor()),
        ("a @explore b", 10)
    );
    let mut prompt = prompt();
    type_in(&mut prompt, "@with#3-9");
    find(&mut prompt, "with", &["docs/with space.md"]);
    prompt.command("prompt.autocomplete.select");
    type_in(&mut prompt, "@Schem");
    prompt.command("prompt.autocomplete.select");
    let parts: Vec<_> = prompt.entry().parts.iter().map(Placed::to_wire).collect();
    assert_eq!(
        json!(parts),
        json!([
            {"type": "file", "mime": "text/plain", "filename": "docs/with space.md#3-9",
             "url": "file:///home/demo/docs/with%20space.md?start=3&end=9",
             "source": {"type": "file", "path": "docs/with space.md",
                        "text": {"start": 0, "end": 23, "value": "@docs/with space.md#3-9"}}},
            {"type": "file", "mime": "text/plain", "filename": "Schema", "url": "db://schema",
             "source": {"type": "resource", "clientName": "db", "uri": "db://schema",
                        "text": {"start": 24, "end": 31, "value": "@Schema"}}},
        ])
    );
}

#[test]
fn files_that_are_named_are_noted() {
    let mut prompt = prompt();
    let mut name = |file: &str| {
        type_in(&mut prompt, "@zz");
        find(&mut prompt, "zz", &[file]);
        outcomes(&mut prompt);
        prompt.command("prompt.autocomplete.select");
        outcomes(&mut prompt)
    };
    let write = |path: &str, frequency: u32| {
        let line = format!("{{\"path\":\"{path}\",\"frequency\":{frequency},\"lastOpen\":{NOW}}}\n");
        vec![Outcome::Write(StateFile::Frecency, Write::Append(line))]
    };
    assert_eq!(name("README.md"), write("/home/demo/README.md", 1));
    assert_eq!(name("README.md"), write("/home/demo/README.md", 2));
    assert_eq!(name("docs/"), write("/home/demo/docs", 1));
    let day = 86_400_000;
    prompt.read_state(
        StateFile::Frecency,
        "{\"path\":\"/a\",\"frequency\":1,\"lastOpen\":0}\nx\n{\"path\":\"/a\",\"frequency\":3,\"lastOpen\":0}\n",
    );
    assert_eq!(prompt.frecency.score("/a", 2 * day), 1.0);
    assert_eq!(prompt.frecency.score("/b", 2 * day), 0.0);
    let many: String = (0..1_200)
        .map(|number| format!("{{\"path\":\"/{number}\",\"frequency\":1,\"lastOpen\":{number}}}\n"))
        .collect();
    prompt.read_state(StateFile::Frecency, &many);
    let Some(Outcome::Write(_, Write::Replace(file))) = outcomes(&mut prompt).pop() else {
        panic!("the file was not shortened");
    };
    assert_eq!(
        (file.lines().count(), prompt.frecency.score("/199", 199)),
        (1_000, 0.0)
    );
}
