use std::cell::RefCell;
use std::rc::Rc;

use pretty_assertions::assert_eq;
use ratatui::style::Style;

use super::*;

/// A terminal in memory that remembers everything that was written.
#[derive(Debug, Clone, Default)]
struct Memory(Rc<RefCell<Log>>);

#[derive(Debug, Default)]
struct Log {
    written: String,
    raw: Vec<bool>,
    slept: usize,
}

impl Device for Memory {
    fn raw(&mut self, on: bool) -> io::Result<()> {
        self.0.borrow_mut().raw.push(on);
        Ok(())
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        Ok((20, 3))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0
            .borrow_mut()
            .written
            .push_str(std::str::from_utf8(bytes).unwrap());
        Ok(())
    }

    fn sleep(&mut self) -> io::Result<()> {
        self.0.borrow_mut().slept += 1;
        Ok(())
    }
}

impl Memory {
    fn take(&self) -> String {
        std::mem::take(&mut self.0.borrow_mut().written)
    }
}

fn buffer(lines: &[(u16, &str, Style)]) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
    for (row, text, style) in lines {
        buffer.set_string(0, *row, text, *style);
    }
    buffer
}

fn screen(depth: Depth) -> (Memory, Screen<Memory>) {
    let memory = Memory::default();
    let features = Features {
        depth,
        ..Features::default()
    };
    (memory.clone(), Screen::new(memory, features, Modes::default()))
}

/// What a terminal shows after all that was written.
fn shown(parser: &mut vt100::Parser, memory: &Memory) -> String {
    parser.process(memory.take().as_bytes());
    parser.screen().contents().trim_end().to_owned()
}

#[test]
fn a_terminal_shows_what_was_drawn() {
    let (memory, mut screen) = screen(Depth::True);
    let mut terminal = vt100::Parser::new(3.try_into().unwrap(), 20.try_into().unwrap(), 0);
    screen.enter().unwrap();
    let plain = Style::new();
    let frames = [
        (vec![(0, "hello", plain), (2, "wörld", plain)], "hello\n\nwörld"),
        (vec![(0, "hello", plain), (2, "world", plain)], "hello\n\nworld"),
        (
            vec![(0, "漢字 is wide", plain), (1, "e\u{301}🙂x", plain)],
            "漢字 is wide\ne\u{301}🙂x",
        ),
        (vec![(0, "a漢字", plain)], "a漢字"),
        (vec![], ""),
    ];
    for (lines, expected) in frames {
        screen.draw(buffer(&lines), None).unwrap();
        assert_eq!(shown(&mut terminal, &memory), expected);
    }
    screen.leave().unwrap();
    terminal.process(memory.take().as_bytes());
    assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
}

#[test]
fn only_what_changed_is_written() {
    let (memory, mut screen) = screen(Depth::True);
    screen.enter().unwrap();
    let style = Style::new().fg(Color::Rgb(1, 2, 3)).bold();
    screen.draw(buffer(&[(0, "hello", Style::new())]), None).unwrap();
    memory.take();
    screen.draw(buffer(&[(0, "hello", Style::new())]), None).unwrap();
    assert_eq!(memory.take(), "\x1b[?2026h\x1b[?25l\x1b[0m\x1b[0m\x1b[?2026l");
    let next = buffer(&[(0, "hexxo", Style::new()), (1, "y", style)]);
    screen.draw(next, Some(Position::new(4, 2))).unwrap();
    assert_eq!(
        memory.take(),
        "\x1b[?2026h\x1b[?25l\x1b[0m\x1b[1;3Hxx\x1b[2;1H\x1b[1;38;2;1;2;3my\x1b[0m\x1b[3;5H\x1b[?25h\x1b[?2026l"
    );
}

#[test]
fn looks_change_in_few_bytes() {
    let red = Look {
        foreground: Color::Red,
        ..Look::PLAIN
    };
    let bold = Look {
        modifier: Modifier::BOLD,
        ..red
    };
    let cases = [
        ("more", red, bold, "\x1b[1m"),
        ("less", bold, red, "\x1b[0;31m"),
        ("nothing any more", bold, Look::PLAIN, "\x1b[0m"),
        ("a colour away", red, Look::PLAIN, "\x1b[39m"),
        (
            "bright and of the palette",
            Look::PLAIN,
            Look {
                foreground: Color::LightBlue,
                background: Color::Indexed(200),
                modifier: Modifier::UNDERLINED,
            },
            "\x1b[4;94;48;5;200m",
        ),
    ];
    for (name, before, wanted, expected) in cases {
        let mut out = String::new();
        write_look(&mut out, before, wanted);
        assert_eq!(out, expected, "{name}");
    }
}

#[test]
fn colours_fit_the_terminal() {
    let style = Style::new()
        .fg(Color::Rgb(250, 178, 131))
        .bg(Color::Rgb(10, 10, 10));
    for (depth, expected) in [
        (Depth::True, "38;2;250;178;131"),
        (Depth::Palette, "38;5;216;48;5;232"),
        (Depth::None, "1;1Hx\x1b"),
    ] {
        let (memory, mut screen) = screen(depth);
        screen.enter().unwrap();
        screen.draw(buffer(&[(0, "x", style)]), None).unwrap();
        let written = memory.take();
        assert!(written.contains(expected), "{depth:?}: {written:?}");
    }
}

#[test]
fn control_characters_are_no_text() {
    let (memory, mut screen) = screen(Depth::True);
    screen.enter().unwrap();
    memory.take();
    let mut next = buffer(&[]);
    next[(0, 0)].set_symbol("\x1b]0;evil\x07");
    next[(1, 0)].set_symbol("\u{9b}");
    next[(2, 0)].set_symbol("");
    screen.draw(next, None).unwrap();
    let written = memory.take();
    assert!(!written.contains("\x1b]") && !written.contains('\u{7}') && !written.contains('\u{9b}'));
}

#[test]
fn the_terminal_is_given_back() {
    let (memory, mut screen) = screen(Depth::True);
    screen.enter().unwrap();
    screen.set_title("OC | x").unwrap();
    screen.suspend().unwrap();
    let log = memory.0.borrow();
    assert_eq!(
        (log.raw.as_slice(), log.slept),
        ([true, false, true].as_slice(), 1)
    );
    let (before, after) = log.written.split_once(sequence::LEAVE).unwrap();
    assert!(before.ends_with(&sequence::title("")) && after.contains("\x1b]2;OC | x"));
    drop(log);
    memory.take();
    screen.resume().unwrap();
    assert_eq!(memory.take(), "", "it was this program that slept");
    screen.resume().unwrap();
    assert!(
        memory.take().contains("\x1b[?1049h"),
        "another one had stopped it"
    );
    drop(screen);
    assert!(memory.take().ends_with(sequence::LEAVE));
    assert_eq!(memory.0.borrow().raw.last(), Some(&false));
}

#[test]
fn a_new_size_is_drawn_whole() {
    let (memory, mut screen) = screen(Depth::True);
    screen.enter().unwrap();
    screen.draw(buffer(&[(0, "hello", Style::new())]), None).unwrap();
    memory.take();
    let mut small = Buffer::empty(Rect::new(0, 0, 2, 1));
    small.set_string(0, 0, "he", Style::new());
    screen.draw(small, None).unwrap();
    let written = memory.take();
    assert!(written.contains("\x1b[2J\x1b[0m\x1b[1;1Hhe"), "{written:?}");
    screen.draw(Buffer::empty(Rect::new(0, 0, 0, 0)), None).unwrap();
}

#[test]
fn questions_are_asked_only_where_they_are_understood() {
    let memory = Memory::default();
    for (answers, expected) in [(false, false), (true, true)] {
        let features = Features {
            answers,
            ..Features::default()
        };
        let mut screen = Screen::new(memory.clone(), features, Modes::default());
        screen.ask().unwrap();
        assert_eq!(memory.take().contains("\x1b]11;?"), expected);
    }
}

/// What is printed, and what a terminal has kept of what scrolled away.
#[test]
fn rows_are_printed_above_what_is_drawn_and_scroll_away() {
    let memory = Memory::default();
    let mut screen = Screen::below(memory.clone(), Features::default(), Modes::default());
    let mut terminal = vt100::Parser::new(4.try_into().unwrap(), 20.try_into().unwrap(), 100);
    terminal.process(b"shell\r\n");
    screen.enter().unwrap();
    let line = |text: &str, rows: u16| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, rows));
        for (y, text) in (0..rows).zip(text.split('\n')) {
            buffer.set_string(0, y, text, Style::new());
        }
        buffer
    };
    let sheet = |text: &str| {
        let rows = u16::try_from(text.split('\n').count()).unwrap();
        below::Sheet {
            is_anew: false,
            drawn: line(text, rows),
            cursor: Some(Position::new(1, 0)),
        }
    };
    let mut draw = |printed: &[&str], drawn: &str| {
        let printed = printed.iter().map(|text| line(text, 1));
        screen.draw_below(printed, sheet(drawn)).unwrap();
        let written = memory.take();
        assert!(
            !written.contains("\x1b[J") && !written.contains("\x1b[2J"),
            "{written:?}"
        );
        terminal.process(written.as_bytes());
        let (row, _) = terminal.screen().cursor_position();
        let shown = terminal.screen().contents();
        assert_eq!(shown.lines().nth(row.into()), drawn.lines().next(), "{shown}");
        shown.trim_end().to_owned()
    };
    assert_eq!(draw(&["head"], ">\nstate"), "shell\nhead\n>\nstate");
    assert_eq!(draw(&[], ">x\nstate"), "shell\nhead\n>x\nstate");
    assert_eq!(draw(&["one", "two"], ">\nstate"), "one\ntwo\n>\nstate");
    assert_eq!(draw(&[], "a\nb\nc\nd"), "a\nb\nc\nd");
    assert_eq!(draw(&["three"], ">"), "three\n>");
    screen.leave().unwrap();
    terminal.process(memory.take().as_bytes());
    assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    terminal.screen_mut().set_scrollback(100);
    let kept = terminal.screen().contents();
    assert!(kept.starts_with("shell\nhead\none\ntwo"), "{kept}");
}

#[test]
fn a_terminal_that_became_narrow_is_cleared_as_far_as_it_broke_rows() {
    let memory = Memory::default();
    let mut screen = Screen::below(memory.clone(), Features::default(), Modes::default());
    screen.enter().unwrap();
    let mut wide = Buffer::empty(Rect::new(0, 0, 20, 2));
    wide.set_string(0, 0, "fifteen letters", Style::new());
    let sheet = below::Sheet {
        is_anew: false,
        drawn: wide,
        cursor: Some(Position::new(0, 1)),
    };
    screen.draw_below(std::iter::empty(), sheet).unwrap();
    memory.take();
    screen.fit(10, 24);
    let sheet = below::Sheet {
        is_anew: false,
        drawn: Buffer::empty(Rect::new(0, 0, 10, 1)),
        cursor: None,
    };
    screen.draw_below(std::iter::empty(), sheet).unwrap();
    let written = memory.take();
    assert!(written.contains("\x1b[2A\x1b[1G"), "{written:?}");
    assert_eq!(written.matches("\x1b[2K").count(), 3, "{written:?}");
}

#[test]
fn what_a_terminal_lost_when_it_became_lower_is_drawn_again() {
    let memory = Memory::default();
    let mut screen = Screen::below(memory.clone(), Features::default(), Modes::default());
    screen.enter().unwrap();
    let sheet = || below::Sheet {
        is_anew: false,
        drawn: buffer(&[(0, "prompt", Style::new()), (2, "state", Style::new())]),
        cursor: Some(Position::new(0, 0)),
    };
    let mut draw = |rows: u16| {
        screen.fit(20, rows);
        screen.draw_below(std::iter::empty(), sheet()).unwrap();
        memory.take()
    };
    draw(10);
    assert!(!draw(10).contains("state"));
    assert!(draw(6).contains("state"), "it may be lost");
    // What is seen stays the same where something else has drawn on it meanwhile.
    screen.forget();
    screen.draw_below(std::iter::empty(), sheet()).unwrap();
    let written = memory.take();
    let (moves, _) = written.split_once("\x1b7").unwrap();
    assert!(!moves.contains('A'), "the cursor is where it was: {written:?}");
}
