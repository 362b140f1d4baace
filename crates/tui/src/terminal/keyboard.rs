//! The thread that reads the terminal. It sleeps until there is something to read.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::Sender;

use super::event::{Event, Mouse, MouseKind};
use super::parser::Parser;

/// How long to wait for the thread to stop reading. It stops at once unless nobody takes its events.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the terminal tells, as long as this is kept.
#[derive(Debug)]
pub(crate) struct Keyboard {
    wake: UnixStream,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// Asked not to read.
    Pausing,
    /// Not reading.
    Paused,
    Ended,
}

impl Keyboard {
    /// Reads a terminal and sends what it tells, until nobody listens or the terminal is gone.
    pub(crate) fn start(input: OwnedFd, events: Sender<Event>) -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        let shared = Arc::new((Mutex::new(State::Reading), Condvar::new()));
        let reader = Reader {
            input: input.into(),
            woken,
            shared: Arc::clone(&shared),
            events,
        };
        let thread = std::thread::Builder::new().name("keyboard".to_owned());
        thread.spawn(move || reader.run())?;
        Ok(Self { wake, shared })
    }

    /// Stops reading, so that another program gets what is typed. What is typed meanwhile is not lost.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        let (state, changed) = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != State::Reading {
            return Ok(());
        }
        *state = State::Pausing;
        self.wake.write_all(&[0])?;
        let waited = changed.wait_timeout_while(state, PATIENCE, |state| *state == State::Pausing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// Reads again.
    pub(crate) fn resume(&mut self) {
        let (state, changed) = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != State::Ended {
            *state = State::Reading;
        }
        changed.notify_all();
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        let (state, changed) = &*self.shared;
        *state.lock().unwrap_or_else(PoisonError::into_inner) = State::Ended;
        changed.notify_all();
        // A thread that has ended does not read it.
        let _ = self.wake.write_all(&[0]);
    }
}

struct Reader {
    input: std::fs::File,
    woken: UnixStream,
    shared: Arc<(Mutex<State>, Condvar)>,
    events: Sender<Event>,
}

impl Reader {
    fn run(mut self) {
        let ended = self.read();
        if let Err(error) = ended {
            tracing::info!("the terminal cannot be read any more: {error}");
            // If nobody listens, nobody has to be told.
            let _ = self.events.blocking_send(Event::End);
        }
        let (state, changed) = &*self.shared;
        *state.lock().unwrap_or_else(PoisonError::into_inner) = State::Ended;
        changed.notify_all();
    }

    /// Reads until nobody listens, which is no error.
    fn read(&mut self) -> io::Result<()> {
        let mut parser = Parser::default();
        let mut buffer = vec![0; 64 * 1024];
        let mut events = Vec::new();
        loop {
            let Some(ready) = self.wait(parser.patience())? else {
                return Ok(());
            };
            match ready {
                Ready::Input => match self.input.read(&mut buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(length) => parser.feed(buffer.get(..length).unwrap_or_default(), &mut events),
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                        ) => {}
                    Err(error) => return Err(error),
                },
                Ready::Nothing => parser.give_up(&mut events),
            }
            only_last_moves(&mut events);
            for event in events.drain(..) {
                if self.events.blocking_send(event).is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// Waits for something to read; nothing if it is over.
    fn wait(&mut self, patience: Option<Duration>) -> io::Result<Option<Ready>> {
        loop {
            let (state, changed) = &*self.shared;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            while *state != State::Reading {
                if *state == State::Ended {
                    return Ok(None);
                }
                *state = State::Paused;
                changed.notify_all();
                state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);

            let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
            let mut sources = [
                PollFd::new(&self.input, PollFlags::IN),
                PollFd::new(&self.woken, PollFlags::IN),
            ];
            match poll(&mut sources, patience.as_ref()) {
                Ok(0) => return Ok(Some(Ready::Nothing)),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [input, woken] = sources.map(|source| !source.revents().is_empty());
            if woken {
                // What is in it only wakes.
                let _ = self.woken.read(&mut [0; 64])?;
                continue;
            }
            if input {
                return Ok(Some(Ready::Input));
            }
        }
    }
}

enum Ready {
    Input,
    Nothing,
}

/// Of movements of the mouse that follow each other only the last one matters.
fn only_last_moves(events: &mut Vec<Event>) {
    let moves = |event: Option<&Event>| {
        matches!(
            event,
            Some(Event::Mouse(Mouse {
                kind: MouseKind::Move,
                ..
            }))
        )
    };
    let mut at = 0;
    let kept = (0..events.len()).map(|index| !(moves(events.get(index)) && moves(events.get(index + 1))));
    let kept = kept.collect::<Vec<_>>();
    events.retain(|_| {
        at += 1;
        kept.get(at - 1).copied().unwrap_or(true)
    });
}

#[cfg(test)]
mod tests;
