use super::*;

fn run(arguments: &[&str]) -> Run {
    let all = ["opencode", "run"].into_iter().chain(arguments.iter().copied());
    match Arguments::try_parse_from(all).unwrap().command {
        Some(Command::Run(run)) => run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definitions_are_sound() {
    use clap::CommandFactory;
    Arguments::command().debug_assert();
}

#[test]
fn messages_and_options_mix() {
    let parsed = run(&[
        "do",
        "--format=json",
        "this",
        "-m",
        "a/b",
        "--",
        "--not-an-option",
    ]);
    assert_eq!(parsed.message, ["do", "this", "--not-an-option"]);
    assert_eq!(
        (parsed.format, parsed.model.as_deref()),
        (Format::Json, Some("a/b"))
    );
}

#[test]
fn a_title_may_be_empty() {
    assert_eq!(run(&["x"]).title, None);
    assert_eq!(run(&["x", "--title"]).title.as_deref(), Some(""));
    assert_eq!(
        run(&["x", "--title", "My title"]).title.as_deref(),
        Some("My title")
    );
}

#[test]
fn older_names_of_auto_are_understood() {
    for name in ["--auto", "--yolo", "--dangerously-skip-permissions"] {
        assert!(run(&["x", name]).auto, "{name}");
    }
}
