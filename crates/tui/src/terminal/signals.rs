//! What the system tells a program on a terminal (reference `tui.md` §14).

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Sender;

use super::event::Event;

/// The signals that matter, listened to from now on.
#[derive(Debug)]
pub(crate) struct Signals {
    resize: Signal,
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
    reload: Signal,
    resume: Signal,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn new() -> io::Result<Self> {
        /// What the job control of shells sends to those who go on.
        const CONTINUE: i32 = nix::sys::signal::Signal::SIGCONT as i32;
        Ok(Self {
            resize: signal(SignalKind::window_change())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::user_defined2())?,
            resume: signal(SignalKind::from_raw(CONTINUE))?,
        })
    }

    /// Tells what comes until nobody listens. The size is asked of `size`.
    pub(crate) async fn tell(mut self, events: Sender<Event>, size: impl Fn() -> Option<(u16, u16)>) {
        loop {
            let event = tokio::select! {
                Some(()) = self.resize.recv() => size().map(|(columns, rows)| Event::Resize(columns, rows)),
                Some(()) = self.terminate.recv() => Some(Event::End),
                Some(()) = self.hangup.recv() => Some(Event::End),
                Some(()) = self.interrupt.recv() => Some(Event::End),
                Some(()) = self.reload.recv() => Some(Event::Reload),
                Some(()) = self.resume.recv() => Some(Event::Resumed),
                () = events.closed() => return,
            };
            if let Some(event) = event
                && events.send(event).await.is_err()
            {
                return;
            }
        }
    }
}
