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
        (Pointer::Drag, (9, 1), Handled::No, 4, Some("ne ")),
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
    prompt.mouse(Pointer::Press, Position::new(6, 1));
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

#[test]
fn colours_say_what_things_are() {
    let look = |prompt: &Prompt, y: u16, info: &Info<'_>| {
        let screen = Rect::new(0, 0, 120, 6);
        let mut buffer = Buffer::empty(screen);
        let area = Rect::new(0, 1, 120, 5);
        prompt.view(area, &mut buffer, &theme(), &Words::english(), info);
        prompt.view_list(area, &mut buffer, &theme(), &Words::english());
        looks(&buffer, y).join("\n")
    };
    let mut full = info();
    full.variant = Some("low");
    insta::assert_snapshot!(look(&rich(), 2, &full), @"
    ┃ | secondary on background
    日 本  look | text on backgroundElement
    @README.md | warning on backgroundElement bold
    and | text on backgroundElement
    @explore | secondary on backgroundElement bold
    @handbook | warning on backgroundElement bold
    [Pasted ~4 lines] | background on warning bold
    [Image 1] | background on warning bold
    [PDF 1] | background on warning bold
    [SVG: a pic.svg] | background on warning bold
    ");
    insta::assert_snapshot!(look(&rich(), 4, &full), @"
    ┃ | secondary on background
    Build | secondary on backgroundElement
    · | textMuted on backgroundElement
    Thinker | text on backgroundElement
    Scripted · | textMuted on backgroundElement
    low | warning on backgroundElement bold
    ");
    insta::assert_snapshot!(look(&rich(), 5, &full), @"
    ╹ | secondary on background
    ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ | backgroundElement on background
    ");
    let mut prompt = prompt();
    insta::assert_snapshot!(look(&prompt, 2, &full), @r#"
    ┃ | secondary on background
    Ask anything… "Fix broken tests" | textMuted on backgroundElement
    "#);
    type_in(&mut prompt, "!");
    insta::assert_snapshot!(look(&prompt, 4, &full), @"
    ┃ | primary on background
    Shell | primary on backgroundElement
    ");
    prompt.clear_for_tests();
    prompt.leave_shell();
    type_in(&mut prompt, "/");
    insta::assert_snapshot!(look(&prompt, 0, &full), @"
    ┃ | border on background
    /agents       Switch agent | selectedListItemText on primary
    ┃ | border on background
    ");
    prompt.clear_for_tests();
    type_in(&mut prompt, "select");
    prompt.command("input.select.word.backward");
    insta::assert_snapshot!(look(&prompt, 2, &full), @"
    ┃ | secondary on background
    select | backgroundElement on text
    ");
}
