use pretty_assertions::assert_eq;

use super::*;
use crate::key::{Motion, Stroke};
use crate::terminal::event::{Button, Mode, Mouse, MouseKind, Rgb, Slot};

fn parse(bytes: &[u8]) -> Vec<Event> {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    parser.feed(bytes, &mut events);
    if parser.patience().is_some() {
        parser.give_up(&mut events);
    }
    events
}

/// Events in short, as they are easy to compare.
fn told(bytes: &[u8]) -> String {
    let tell = |event: Event| match event {
        Event::Key(press) => {
            let motion = match press.motion {
                Motion::Press => "",
                Motion::Repeat => "~",
                Motion::Release => "^",
            };
            format!("{}{motion}", press.stroke)
        }
        Event::Paste(paste) => format!("paste {:?}", paste.text),
        event => format!("{event:?}"),
    };
    parse(bytes).into_iter().map(tell).collect::<Vec<_>>().join(" ")
}

#[test]
fn keys() {
    let cases: [(&[u8], &str); 46] = [
        (b"a", "a"),
        (b"E?", "shift+e ?"),
        ("é漢🙂".as_bytes(), "é 漢 🙂"),
        (b"\r\t\x7f\x08", "enter tab backspace backspace"),
        (b"\x01\x0a\x1a\x00", "ctrl+a ctrl+j ctrl+z ctrl+space"),
        (b"\x1c\x1d\x1f", "ctrl+\\ ctrl+] ctrl+-"),
        (b"\x1b", "esc"),
        (b"\x1b\x1b", "esc esc"),
        (b"\x1b\x1bx", "esc alt+x"),
        (b"\x1ba\x1bA", "alt+a shift+alt+a"),
        (b"\x1b\r\x1b\x7f", "alt+enter alt+backspace"),
        ("\x1bé".as_bytes(), "alt+é"),
        (b"\x1b\x02", "ctrl+alt+b"),
        (b"\x1b[", "alt+["),
        (b"\x1b]", "alt+]"),
        (b"\x1bO", "shift+alt+o"),
        (b"\x1bP", "shift+alt+p"),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", "up down right left"),
        (b"\x1bOA\x1bOH\x1bOF", "up home end"),
        (b"\x1b[1;2A\x1b[1;5C\x1b[1;3D", "shift+up ctrl+right alt+left"),
        (b"\x1b[1;7H", "ctrl+alt+home"),
        (b"\x1b\x1b[A", "alt+up"),
        (
            b"\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~",
            "home end home end home end",
        ),
        (b"\x1b[5~\x1b[6~\x1b[2~\x1b[3~", "pgup pgdn insert del"),
        (b"\x1b[5;7~\x1b[3;2~", "ctrl+alt+pgup shift+del"),
        (b"\x1bOP\x1b[12~\x1b[[C\x1b[15~\x1b[24~", "f1 f2 f3 f5 f12"),
        (b"\x1b[1;2Q\x1b[25~", "shift+f2 f13"),
        (b"\x1b[Z", "shift+tab"),
        (b"\x1b[27;2;13~", "shift+enter"),
        (b"\x1b[27;5;13~\x1b[27;6;65~", "ctrl+enter ctrl+shift+a"),
        (
            b"\x1b[13;2u\x1b[13;5u\x1b[13;3u",
            "shift+enter ctrl+enter alt+enter",
        ),
        (b"\x1b[27u\x1b[9;2u\x1b[127;5u", "esc shift+tab ctrl+backspace"),
        (b"\x1b[97;5u", "ctrl+a"),
        (b"\x1b[97:65;6u", "ctrl+shift+a"),
        (b"\x1b[47:63;2u", "?"),
        (b"\x1b[45;5u\x1b[46;5u", "ctrl+- ctrl+."),
        (b"\x1b[122;9u\x1b[122;10u", "super+z shift+super+z"),
        (b"\x1b[97;65u", "a"),
        (b"\x1b[97;1:2u\x1b[97;1:3u\x1b[1;1:3A", "a~ a^ up^"),
        (b"\x1b[57399u\x1b[57414u\x1b[57417u\x1b[57413u", "0 enter left +"),
        (
            b"\x1b[57376u\x1b[57441;2u\x1b[57358u",
            "f13 shift+leftshift capslock",
        ),
        (b"\x1b[57344u", ""),
        (b"\x1b[1;9999999999999A", "up"),
        (b"\x1b[;;;;;;A", "up"),
        (b"\x1b[u\x1b[~\x1b[99~", ""),
        (b"\xff\xfea\xc3", "a"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(told(bytes), expected, "{:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn keyboards_of_other_scripts_tell_the_latin_key() {
    let events = parse(b"\x1b[1089::99;5u");
    let [Event::Key(press)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(press.stroke.to_string(), "ctrl+с");
    let latin = Stroke::new(Code::Char('c'), Modifiers::CONTROL);
    assert_eq!(press.latin, Some(latin));
}

#[test]
fn the_mouse() {
    let mouse = |kind, column, row, modifiers| {
        Event::Mouse(Mouse {
            kind,
            column,
            row,
            modifiers,
        })
    };
    let none = Modifiers::NONE;
    let cases: [(&[u8], Vec<Event>); 11] = [
        (
            b"\x1b[<0;1;1M",
            vec![mouse(MouseKind::Down(Button::Left), 0, 0, none)],
        ),
        (
            b"\x1b[<0;300;200m",
            vec![mouse(MouseKind::Up(Button::Left), 299, 199, none)],
        ),
        (
            b"\x1b[<2;5;6M",
            vec![mouse(MouseKind::Down(Button::Right), 4, 5, none)],
        ),
        (
            b"\x1b[<32;5;6M",
            vec![mouse(MouseKind::Drag(Button::Left), 4, 5, none)],
        ),
        (b"\x1b[<35;5;6M", vec![mouse(MouseKind::Move, 4, 5, none)]),
        (b"\x1b[<64;5;6M", vec![mouse(MouseKind::WheelUp, 4, 5, none)]),
        (
            b"\x1b[<69;5;6M",
            vec![mouse(MouseKind::WheelDown, 4, 5, Modifiers::SHIFT)],
        ),
        (
            b"\x1b[M !!",
            vec![mouse(MouseKind::Down(Button::Left), 0, 0, none)],
        ),
        (b"\x1b[M#!!", vec![mouse(MouseKind::Up(Button::Left), 0, 0, none)]),
        (b"\x1b[<0;0;0M", vec![]),
        (b"\x1b[<0;70000;1M\x1b[<;M", vec![]),
    ];
    for (bytes, expected) in cases {
        assert_eq!(parse(bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn answers_and_reports() {
    let cases: [(&[u8], Vec<Event>); 12] = [
        (b"\x1b[I\x1b[O", vec![Event::Focus(true), Event::Focus(false)]),
        (b"\x1b[?997;1n", vec![Event::Mode(Mode::Dark)]),
        (b"\x1b[?997;2n", vec![Event::Mode(Mode::Light)]),
        (
            b"\x1b]11;rgb:2828/2a2a/36ff\x1b\\",
            vec![Event::Color(Slot::Background, Rgb(0x28, 0x2a, 0x37))],
        ),
        (
            b"\x1b]10;rgba:f/8/0/f\x07",
            vec![Event::Color(Slot::Foreground, Rgb(255, 136, 0))],
        ),
        (
            b"\x1b]4;12;#102030\x07",
            vec![Event::Color(Slot::Palette(12), Rgb(16, 32, 48))],
        ),
        (b"\x1b]4;300;#102030\x07\x1b]11;red\x07\x1b]11\x07", vec![]),
        (b"\x1b[?62;22c", vec![Event::Answered]),
        (b"\x1b[?5u", vec![Event::FullKeyboard]),
        (b"\x1b[?2026;1$y\x1b[>0;276;0c\x1b[12;40R", vec![]),
        (b"\x1bP1$r0m\x1b\\\x1b_Gi=1;OK\x1b\\", vec![]),
        (
            // A string that never ended does not take the keys that come after it.
            b"\x1b]11;rgb:28\x1b[I",
            vec![Event::Focus(true)],
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(parse(bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn pasted_texts() {
    let cases: [(&[u8], &str); 6] = [
        (b"\x1b[200~hi\r\nyou\x1b[201~", "paste \"hi\\r\\nyou\""),
        (b"\x1b[200~\x1b[201~x", "paste \"\" x"),
        (
            b"\x1b[200~a\x1b[31mb\x1b[201\x1b[201~",
            "paste \"a\\u{1b}[31mb\\u{1b}[201\"",
        ),
        (b"\x1b[200~\xff\xfe\x1b[201~", "paste \"\u{fffd}\u{fffd}\""),
        (b"\x1b[200~never ended", "paste \"never ended\""),
        (b"a\x1b[201~b", "a b"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(told(bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_long_text_is_cut() {
    let mut bytes = b"\x1b[200~a".to_vec();
    bytes.extend("é".repeat(PASTE_LIMIT / 2 + 10).into_bytes());
    bytes.extend(b"\x1b[201~x");
    let mut parser = Parser::default();
    let mut events = Vec::new();
    for piece in bytes.chunks(64 * 1024) {
        parser.feed(piece, &mut events);
    }
    let [Event::Paste(paste), Event::Key(_)] = events.as_slice() else {
        panic!("{} events", events.len());
    };
    assert!(paste.cut && paste.text.len() == PASTE_LIMIT - 1 && paste.text.ends_with('é'));
}

#[test]
fn pieces_make_no_difference() {
    let bytes =
        "a\x1b[1;5Aé\x1b[200~pasted\u{1b}text\x1b[201~\x1b]11;rgb:00/00/00\x1b\\🙂\x1b[<0;10;20M\x1bOPz";
    let whole = parse(bytes.as_bytes());
    for size in 1..12 {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in bytes.as_bytes().chunks(size) {
            parser.feed(piece, &mut events);
        }
        assert_eq!(events, whole, "in pieces of {size}");
    }
}

#[test]
fn garbage_does_no_harm() {
    // A generator of numbers, so that a failure can be seen again.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let alphabet = b"\x1b\x1b\x1b[[]O?<>;:0123456789~uMmPAR\\\x07\x9b\x80\xc3\xe6\xff\x00 az";
    for _ in 0..2000 {
        let length = random() % 60;
        let pick = |number: u64| alphabet[usize::try_from(number).unwrap() % alphabet.len()];
        let garbage = (0..length).map(|_| pick(random())).collect::<Vec<_>>();
        let mut parser = Parser::default();
        let mut events = Vec::new();
        parser.feed(&garbage, &mut events);
        parser.give_up(&mut events);
        events.clear();
        parser.feed(b"\x1b[A", &mut events);
        let up = Event::Key(Press::new(Code::Up, Modifiers::NONE));
        assert_eq!(events, [up], "after {}", garbage.escape_ascii());
    }
}

#[test]
fn a_sequence_without_an_end_is_given_up() {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    parser.feed(b"\x1b[", &mut events);
    for _ in 0..100 {
        parser.feed(&[b'1'; 1000], &mut events);
    }
    assert!(parser.pending.len() <= SEQUENCE_LIMIT + 1000);
    parser.give_up(&mut events);
    events.clear();
    parser.feed(b"x", &mut events);
    assert_eq!(events.len(), 1);
}
