//! Tickets: what a page shows instead of the password when it opens a socket
//! (reference `http-api.md` §2.1, §6.9).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opencode_schema::PtyId;

/// How long a ticket is good for.
pub(crate) const LIFE: Duration = Duration::from_secs(60);
/// Tickets that are kept; beyond it the oldest are not good any more.
const MOST: usize = 10_000;

/// What a ticket is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) pty: PtyId,
    pub(crate) directory: PathBuf,
}

#[derive(Debug)]
struct Ticket {
    text: String,
    until: Instant,
    good_for: Admission,
}

/// The tickets that were given out and not used, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<VecDeque<Ticket>>);

impl Tickets {
    /// A new ticket; `None` without a source of randomness, because one that can be guessed is worse.
    pub(crate) fn give(&self, good_for: Admission) -> Option<String> {
        self.give_at(good_for, Instant::now())
    }

    fn give_at(&self, good_for: Admission, now: Instant) -> Option<String> {
        let text = random_uuid()?;
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tickets
            .front()
            .is_some_and(|oldest| oldest.until <= now || tickets.len() >= MOST)
        {
            tickets.pop_front();
        }
        tickets.push_back(Ticket {
            text: text.clone(),
            until: now + LIFE,
            good_for,
        });
        Some(text)
    }

    /// Takes a ticket; whether it was good for that. It is spent in any case.
    pub(crate) fn take(&self, text: &str, wanted: &Admission) -> bool {
        self.take_at(text, wanted, Instant::now())
    }

    fn take_at(&self, text: &str, wanted: &Admission, now: Instant) -> bool {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = tickets.iter().position(|ticket| ticket.text == text);
        let taken = found.and_then(|at| tickets.remove(at));
        taken.is_some_and(|ticket| ticket.until > now && ticket.good_for == *wanted)
    }
}

/// A random UUID (version 4).
fn random_uuid() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let text = hex::encode(bytes);
    let group = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    Some(format!(
        "{}-{}-{}-{}-{}",
        group(0, 8),
        group(8, 12),
        group(12, 16),
        group(16, 20),
        group(20, 32)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(pty: &str) -> Admission {
        Admission {
            pty: PtyId::trusted(pty),
            directory: PathBuf::from("/p"),
        }
    }

    #[test]
    fn a_ticket_is_good_once_for_one_thing_and_not_for_long() {
        let tickets = Tickets::default();
        let one = admission("pty_1");
        let text = tickets.give(one.clone()).unwrap();
        assert_eq!((text.len(), text.matches('-').count()), (36, 4));
        assert!(tickets.take(&text, &one));
        assert!(!tickets.take(&text, &one), "it is spent");

        let text = tickets.give(one.clone()).unwrap();
        assert!(!tickets.take(&text, &admission("pty_2")));
        assert!(!tickets.take(&text, &one), "a wrong try spends it");

        let now = Instant::now();
        let text = tickets.give_at(one.clone(), now).unwrap();
        assert!(!tickets.take_at(&text, &one, now + LIFE), "it is too old");
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let tickets = Tickets::default();
        let one = admission("pty_1");
        let first = tickets.give(one.clone()).unwrap();
        let second = tickets.give(one.clone()).unwrap();
        for _ in 0..MOST - 1 {
            tickets.give(one.clone()).unwrap();
        }
        assert!(!tickets.take(&first, &one));
        assert!(tickets.take(&second, &one));
    }
}
