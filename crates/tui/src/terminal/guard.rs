//! Messages of panics while the terminal is taken. Printed at once they would be lost on the second screen, or
//! disturb it if the program goes on; so they are kept and told once the terminal is given back, which a
//! [`Screen`](super::screen::Screen) does when it is dropped.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// How many messages are kept.
const LIMIT: usize = 8;

static TAKEN: AtomicBool = AtomicBool::new(false);
static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

/// The terminal is taken from now on.
pub(crate) fn taken() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !TAKEN.load(Ordering::SeqCst) {
                return before(panic);
            }
            tracing::error!("{panic}");
            let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
            if messages.len() < LIMIT {
                messages.push(panic.to_string());
            }
        }));
    });
    TAKEN.store(true, Ordering::SeqCst);
}

/// The terminal is what it was. If that is because of a panic, its message is printed now.
pub(crate) fn given_back() {
    if TAKEN.swap(false, Ordering::SeqCst) && std::thread::panicking() {
        for message in messages() {
            // There is no better place for it, and nobody to tell that this one failed.
            let _ = writeln!(std::io::stderr(), "{message}");
        }
    }
}

/// The messages of panics that the program survived, for the one who ends it.
pub(crate) fn messages() -> Vec<String> {
    std::mem::take(&mut *MESSAGES.lock().unwrap_or_else(PoisonError::into_inner))
}
