//! Ctrl-C and its relatives.

use tokio_util::sync::CancellationToken;

/// What a shell sees of a program that ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// What the user, or the system, wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Stop what is being done (Ctrl-C).
    Interrupt,
    /// End the program.
    End,
}

/// Stops on the first signal, and ends the program on the second.
pub(crate) async fn wait(stop: CancellationToken) {
    let Some(mut signals) = Signals::new() else { return };
    signals.next().await;
    stop.cancel();
    signals.next().await;
    end();
}

/// Ends the program at once, as a signal would.
pub(crate) fn end() -> ! {
    std::process::exit(INTERRUPTED)
}

/// The signals, one after the other; none that comes between two waits is missed.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// None when the system does not give them.
    pub(crate) fn new() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let [Ok(interrupt), Ok(terminate), Ok(hangup)] = kinds.map(signal) else {
            return None;
        };
        Some(Self {
            interrupt,
            terminate,
            hangup,
        })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::End,
            _ = self.hangup.recv() => Signal::End,
        }
    }
}

/// The signals.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> Option<Self> {
        Some(Self)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
