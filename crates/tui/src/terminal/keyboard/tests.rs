use std::os::fd::AsFd;

use tokio::sync::mpsc;

use super::*;
use crate::key::{Code, Modifiers, Press};
use crate::terminal::event::Mouse;

fn key(code: Code) -> Event {
    Event::Key(Press::new(code, Modifiers::NONE))
}

#[tokio::test]
async fn what_is_typed_is_told() {
    let (sender, mut events) = mpsc::channel(16);
    let (mut terminal, input) = UnixStream::pair().unwrap();
    let _keyboard = Keyboard::start(input.into(), sender).unwrap();
    terminal.write_all(b"a\x1b[A").unwrap();
    assert_eq!(events.recv().await, Some(key(Code::Char('a'))));
    assert_eq!(events.recv().await, Some(key(Code::Up)));
    terminal.write_all(b"\x1b").unwrap();
    assert_eq!(events.recv().await, Some(key(Code::Escape)), "nothing followed");
    drop(terminal);
    assert_eq!(events.recv().await, Some(Event::End));
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn others_can_have_the_keys() {
    let (sender, mut events) = mpsc::channel(16);
    let (mut terminal, input) = UnixStream::pair().unwrap();
    let mut editor = UnixStream::from(input.as_fd().try_clone_to_owned().unwrap());
    let mut keyboard = Keyboard::start(input.into(), sender).unwrap();
    keyboard.pause().unwrap();
    terminal.write_all(b"x").unwrap();
    let mut got = [0];
    editor.read_exact(&mut got).unwrap();
    assert_eq!(got, *b"x");
    keyboard.resume();
    terminal.write_all(b"y").unwrap();
    assert_eq!(events.recv().await, Some(key(Code::Char('y'))));
    drop(keyboard);
    assert_eq!(events.recv().await, None, "the thread ends");
}

#[test]
fn the_mouse_does_not_fill_queues() {
    let at = |kind, column| {
        Event::Mouse(Mouse {
            kind,
            column,
            row: 0,
            modifiers: Modifiers::NONE,
        })
    };
    let mut events = vec![
        at(MouseKind::Move, 1),
        at(MouseKind::Move, 2),
        at(MouseKind::WheelUp, 2),
        at(MouseKind::Move, 3),
        key(Code::Up),
        at(MouseKind::Move, 4),
        at(MouseKind::Move, 5),
    ];
    only_last_moves(&mut events);
    assert_eq!(
        events,
        [
            at(MouseKind::Move, 2),
            at(MouseKind::WheelUp, 2),
            at(MouseKind::Move, 3),
            key(Code::Up),
            at(MouseKind::Move, 5),
        ]
    );
}
