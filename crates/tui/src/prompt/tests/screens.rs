use pretty_assertions::assert_eq;
use ratatui::layout::Position;

use super::*;

#[test]
fn the_prompt_looks_as_on_the_screens() {
    let mut prompt = prompt();
    insta::assert_snapshot!(drawn(&prompt, 44, 5, &info()).0, @r#"
    ┃
    ┃  Ask anything… "Fix broken tests"
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    prompt.paste(&(1..=12).map(|n| format!("{n}\n")).collect::<String>());
    let mut full = info();
    full.variant = Some("low");
    full.is_auto = true;
    insta::assert_snapshot!(drawn(&prompt, 44, 5, &full).0, @"
    ┃
    ┃  [Pasted ~12 lines]
    ┃
    ┃  Build auto · Thinker Scripted · low
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    ");
    prompt.clear_for_tests();
    type_in(&mut prompt, "!");
    insta::assert_snapshot!(drawn(&prompt, 44, 5, &info()).0, @r#"
    ┃
    ┃  Run a command… "ls -la"
    ┃
    ┃  Shell
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    "#);
    type_in(&mut prompt, "ls");
    let (screen, cursor) = drawn(&prompt, 44, 5, &info());
    insta::assert_snapshot!(screen, @"
    ┃
    ┃  ls
    ┃
    ┃  Shell
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    ");
    assert_eq!(cursor, Some(Position::new(5, 1)));
}

#[test]
fn the_lists_look_as_on_the_screens() {
    let mut prompt = prompt();
    type_in(&mut prompt, "/s");
    insta::assert_snapshot!(drawn(&prompt, 44, 12, &info()).0, @"
    ┃ /skills       Skills                     ┃
    ┃ /share        Share session              ┃
    ┃ /sessions     Switch session             ┃
    ┃ /status       View status                ┃
    ┃ /compact      Compact session            ┃
    ┃ /agents       Switch agent               ┃
    ┃ /themes       Switch theme               ┃
    ┃
    ┃  /s
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    ");
    prompt.clear_for_tests();
    type_in(&mut prompt, "look at @lib");
    find(
        &mut prompt,
        "lib",
        &[
            "src/lib.rs",
            "src/a/very/long/path/of/folders/to/a/file/main.rs",
            "\u{202e}x\u{1b}",
        ],
    );
    insta::assert_snapshot!(drawn(&prompt, 44, 8, &info()).0, @"
    ┃ src/lib.rs                               ┃
    ┃ src/a/very/long/path…rs/to/a/file/main.rs┃
    ┃ �x                                       ┃
    ┃
    ┃  look at @lib
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    ");
    prompt.clear_for_tests();
    type_in(&mut prompt, "/zzz");
    insta::assert_snapshot!(drawn(&prompt, 44, 6, &info()).0, @"
    ┃ No matching items                        ┃
    ┃
    ┃  /zzz
    ┃
    ┃  Build · Thinker Scripted
    ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    ");
}

#[test]
fn the_prompt_grows_and_then_scrolls() {
    let mut prompt = prompt();
    for (lines, screen, most, wanted) in [
        (1, 36, None, 5),
        (4, 36, None, 8),
        (40, 36, None, 16),
        (40, 12, None, 10),
        (40, 8, None, 8),
        (40, 36, Some(3), 7),
    ] {
        prompt.clear_for_tests();
        prompt.insert_text(&"\n".repeat(lines - 1));
        assert_eq!(prompt.height(40, screen, most), wanted, "{lines} on {screen}");
    }
}

#[test]
fn every_size_of_screen_is_drawn() {
    for width in [1, 2, 3, 4, 5, 20, 80] {
        for height in [1, 2, 3, 4, 5, 6, 24] {
            let mut prompt = rich();
            drawn(&prompt, width, height, &info());
            type_in(&mut prompt, "@");
            drawn(&prompt, width, height, &info());
            prompt.mouse(Pointer::Drag, Position::new(width, height));
            prompt.mouse(Pointer::Wheel(-3), Position::new(0, 0));
        }
    }
}

#[test]
fn the_mouse_works_on_text_and_list() {
    let mut prompt = prompt();
    type_in(&mut prompt, "one two");
    drawn(&prompt, 40, 5, &info());
    for (pointer, at, handled, cursor, selected) in [
        (Pointer::Press, (4, 1), Handled::Yes, 1, None),
        (Pointer::Drag, (7, 1), Handled::Yes, 4, Some("ne ")),
        (Pointer::Press, (1, 0), Handled::No, 4, Some("ne ")),
        (Pointer::Move, (5, 1), Handled::No, 4, Some("ne ")),
        (Pointer::Press, (30, 1), Handled::Yes, 7, None),
    ] {
        assert_eq!(
            prompt.mouse(pointer, Position::from(at)),
            handled,
            "{pointer:?} {at:?}"
        );
        assert_eq!(
            (prompt.editor.cursor(), prompt.selected_text()),
            (cursor, selected),
            "{pointer:?} {at:?}"
        );
    }
    prompt.mouse(Pointer::Drag, Position::new(4, 1));
    assert!(prompt.unselect());
    assert!(!prompt.unselect());
    prompt.clear_for_tests();
    type_in(&mut prompt, "/s");
    drawn(&prompt, 40, 20, &info());
    prompt.mouse(Pointer::Move, Position::new(5, 7));
    assert_eq!(prompt.autocomplete.selected().unwrap().label, "/sessions");
    outcomes(&mut prompt);
    prompt.mouse(Pointer::Press, Position::new(5, 6));
    assert_eq!(outcomes(&mut prompt), [Outcome::Run("model.list")]);
}
