//! The terminal as a whole, over a pseudo-terminal.

use std::io::{Read, Write};
use std::time::Duration;

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use tokio::sync::mpsc;

use super::device::{Device, Terminal};
use super::event::Event;
use super::features::Features;
use super::keyboard::Keyboard;
use super::screen::Screen;
use super::sequence::Modes;
use crate::key::{Code, Modifiers, Press};

const SIZE: PtySize = PtySize {
    rows: 4,
    cols: 20,
    pixel_width: 0,
    pixel_height: 0,
};

/// A terminal, and the side of it that a person would see.
fn pair() -> (std::os::fd::OwnedFd, Box<dyn MasterPty + Send>) {
    let pair = native_pty_system().openpty(SIZE).unwrap();
    let name = pair.master.tty_name().unwrap();
    let slave = fs_err::OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .unwrap();
    (slave.into_parts().0.into(), pair.master)
}

/// Everything that is written until a text comes.
fn until(reader: &mut dyn Read, wanted: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = reader.read(&mut piece).unwrap();
        all.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&all);
        if text.contains(wanted) || length == 0 {
            return text.into_owned();
        }
    }
}

fn screen() -> (Screen<Terminal>, std::os::fd::OwnedFd, Box<dyn MasterPty + Send>) {
    let (slave, master) = pair();
    let input = slave.try_clone().unwrap();
    let device = Terminal::on(slave).unwrap();
    let modes = Modes {
        mouse: true,
        ..Modes::default()
    };
    (Screen::new(device, Features::default(), modes), input, master)
}

#[tokio::test]
async fn drawing_and_typing() {
    let (mut screen, input, master) = screen();
    assert_eq!(screen.size().unwrap(), (20, 4));
    let mut seen = master.try_clone_reader().unwrap();
    let mut typing = master.take_writer().unwrap();
    screen.enter().unwrap();
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 4));
    buffer.set_string(2, 1, "grüße", Style::new());
    screen.draw(buffer, Some(Position::new(7, 1))).unwrap();
    let mut parser = vt100::Parser::new(4.try_into().unwrap(), 20.try_into().unwrap(), 0);
    parser.process(until(&mut seen, "\x1b[?2026l").as_bytes());
    assert_eq!(parser.screen().contents(), "\n  grüße");
    assert_eq!(parser.screen().cursor_position(), (1, 7));
    assert!(parser.screen().alternate_screen() && parser.screen().bracketed_paste());

    let (sender, mut events) = mpsc::channel(16);
    let keyboard = Keyboard::start(input, sender).unwrap();
    // Control-c and control-z are keys, not signals, and nothing is echoed.
    typing.write_all(b"\x03\x1a\x1b[200~two\nlines\x1b[201~").unwrap();
    for letter in ['c', 'z'] {
        let key = Event::Key(Press::new(Code::Char(letter), Modifiers::CONTROL));
        assert_eq!(events.recv().await, Some(key));
    }
    let Some(Event::Paste(paste)) = events.recv().await else {
        panic!("no paste");
    };
    assert_eq!(paste.text, "two\nlines");
    drop(keyboard);

    screen.leave().unwrap();
    parser.process(until(&mut seen, "\x1b[?1049l").as_bytes());
    assert!(!parser.screen().alternate_screen() && !parser.screen().bracketed_paste());
    assert_eq!(parser.screen().contents(), "");
}

#[test]
fn lines_are_what_they_were() {
    let (slave, _master) = pair();
    let look = slave.try_clone().unwrap();
    let before = rustix::termios::tcgetattr(&look).unwrap();
    let mut device = Terminal::on(slave).unwrap();
    device.raw(true).unwrap();
    let taken = rustix::termios::tcgetattr(&look).unwrap();
    assert!(!taken.local_modes.contains(rustix::termios::LocalModes::ICANON));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut screen = Screen::new(device, Features::default(), Modes::default());
        screen.enter().unwrap();
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    let after = rustix::termios::tcgetattr(&look).unwrap();
    assert_eq!(after.local_modes, before.local_modes);
    assert_eq!(after.input_modes, before.input_modes);
    assert_eq!(after.output_modes, before.output_modes);
}

/// Ends a program that takes too long, so that a failure does not become a wait without an end. It is called off
/// when what it returns is dropped.
fn bounded(child: &dyn portable_pty::ChildKiller) -> std::sync::mpsc::Sender<()> {
    let (alive, gone) = std::sync::mpsc::channel();
    let mut killer = child.clone_killer();
    std::thread::spawn(move || {
        if gone.recv_timeout(Duration::from_secs(30)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            killer.kill().unwrap();
        }
    });
    alive
}

/// Runs as a program of its own on a pseudo-terminal, for the test below; by itself it does nothing.
#[test]
fn a_program_that_takes_the_terminal() {
    let Ok(what) = std::env::var("OPENCODE_TUI_TEST_DEATH") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (device, input) = Terminal::open().unwrap();
        let mut screen = Screen::new(device, Features::default(), Modes::default());
        let (sender, mut events) = mpsc::channel(16);
        let _keyboard = Keyboard::start(input, sender.clone()).unwrap();
        let signals = super::signals::Signals::new().unwrap();
        tokio::spawn(signals.tell(sender, || None));
        screen.enter().unwrap();
        screen.send("READY").unwrap();
        match what.as_str() {
            "panic" => panic!("this was on purpose"),
            "sleep" => screen.suspend().unwrap(),
            _ => {}
        }
        while let Some(event) = events.recv().await {
            if event == Event::End {
                break;
            }
        }
    });
}

#[test]
fn every_death_gives_the_terminal_back() {
    let own = std::env::current_exe().unwrap();
    let cases = [
        ("panic", None, "this was on purpose"),
        ("terminate", Some(nix::sys::signal::Signal::SIGTERM), ""),
        ("hangup", Some(nix::sys::signal::Signal::SIGHUP), ""),
        ("interrupt", Some(nix::sys::signal::Signal::SIGINT), ""),
    ];
    for (name, signal, said) in cases {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new(&own);
        command.args([
            "--exact",
            "terminal::tests::a_program_that_takes_the_terminal",
            "--nocapture",
        ]);
        command.env("OPENCODE_TUI_TEST_DEATH", name);
        command.env("TERM", "xterm-256color");
        let mut child = pair.slave.spawn_command(command).unwrap();
        let _bounded = bounded(&*child);
        drop(pair.slave);
        let mut seen = pair.master.try_clone_reader().unwrap();
        let before = until(&mut *seen, "READY");
        assert!(before.contains("\x1b[?1049h"), "{name}: {before:?}");
        if let Some(signal) = signal {
            let process = i32::try_from(child.process_id().unwrap()).unwrap();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), signal).unwrap();
        }
        let after = format!("{before}{}", rest(&mut *seen));
        assert!(after.contains("\x1b[?1049l"), "{name}: {after:?}");
        let (_, last) = after.split_once("\x1b[?1049l").unwrap();
        assert!(
            last.contains(said),
            "{name}: the message comes after the screen: {after:?}"
        );
        child.wait().unwrap();
    }
}

/// What is written until the program has ended; its end is an error on this side.
fn rest(reader: &mut dyn Read) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = reader.read(&mut piece) {
        all.extend_from_slice(&piece[..length]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn a_terminal_that_goes_away_ends_it() {
    let (screen, input, master) = screen();
    let (sender, mut events) = mpsc::channel(16);
    let _keyboard = Keyboard::start(input, sender).unwrap();
    drop(master);
    let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await;
    assert_eq!(event, Ok(Some(Event::End)));
    drop(screen);
}

#[test]
fn a_program_sleeps_and_goes_on() {
    use nix::sys::signal::{Signal, kill};

    let pair = native_pty_system().openpty(SIZE).unwrap();
    // Control-z works only where somebody looks after stopped programs; a shell with job control does.
    let mut command = CommandBuilder::new("/bin/sh");
    let own = std::env::current_exe().unwrap();
    let line = format!(
        "set -m; {} --exact terminal::tests::a_program_that_takes_the_terminal --nocapture --test-threads=1; echo STOPPED; fg; echo DONE",
        own.display()
    );
    command.args(["-c", &line]);
    command.env("OPENCODE_TUI_TEST_DEATH", "sleep");
    command.env("TERM", "xterm-256color");
    let mut child = pair.slave.spawn_command(command).unwrap();
    let _bounded = bounded(&*child);
    drop(pair.slave);
    let mut seen = pair.master.try_clone_reader().unwrap();
    let mut all = until(&mut *seen, "STOPPED");
    let stopped = all.find("STOPPED").unwrap();
    assert!(all[..stopped].contains("\x1b[?1049l"), "{all:?}");
    while all[stopped..].matches("\x1b[?1049h").count() == 0 {
        all.push_str(&until(&mut *seen, "\x1b[?1049h"));
    }
    let group = pair.master.process_group_leader().unwrap();
    kill(nix::unistd::Pid::from_raw(-group), Signal::SIGTERM).unwrap();
    let after = rest(&mut *seen);
    assert!(
        after.contains("\x1b[?1049l") && after.contains("DONE"),
        "{after:?}"
    );
    child.wait().unwrap();
}
