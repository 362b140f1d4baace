//! Identifiers: `<prefix>_` + 12 hex digits of time + 14 random base-62 characters
//! (reference `sessions.md` §1).
//!
//! The hex part is the low 48 bits of `milliseconds * 4096 + counter`, so ids made by one process sort
//! in the order in which they were made. 48 bits hold about 2.2 years of milliseconds and then wrap:
//! never order by id alone, order by `(time.created, id)`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::time::{Millis, now};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 14;
const TIME_MASK: u64 = (1 << 48) - 1;

/// Whether the newest id of a kind sorts last or first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest id sorts last.
    Ascending,
    /// The newest id sorts first.
    Descending,
}

/// Makes a new id text with `prefix`.
///
/// Two ids of one process are never equal in their time part, whichever threads made them; ids of
/// different processes differ by 83 random bits.
#[must_use]
pub fn generate(prefix: &str, order: Order) -> String {
    with_time(prefix, order, next_value(now()))
}

/// A name for a tool call that no model made.
#[must_use]
pub fn call_id() -> String {
    generate("call", Order::Ascending)
}

/// `milliseconds * 4096 + counter`, greater than every value handed out before.
fn next_value(at: Millis) -> u64 {
    // The last value handed out: a later one is always greater, also when more than 4095 ids fall into
    // one millisecond or the clock steps back.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let start = (at.max(0) as u64).wrapping_mul(4096).wrapping_add(1);
    let mut last = LAST.load(Ordering::Relaxed);
    loop {
        let next = start.max(last + 1);
        match LAST.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return next,
            Err(seen) => last = seen,
        }
    }
}

fn with_time(prefix: &str, order: Order, value: u64) -> String {
    let time = match order {
        Order::Ascending => value & TIME_MASK,
        Order::Descending => !value & TIME_MASK,
    };
    let mut id = format!("{prefix}_{time:012x}");
    push_random(&mut id);
    id
}

fn push_random(id: &mut String) {
    let mut wanted = RANDOM_LENGTH;
    let mut bytes = [0_u8; 2 * RANDOM_LENGTH];
    while wanted > 0 {
        if getrandom::fill(&mut bytes).is_err() {
            // No source of randomness: the time part alone is unique within this process.
            bytes = [0; 2 * RANDOM_LENGTH];
        }
        // 248 is the largest multiple of 62 in a byte: what lies above would favour the first letters.
        for byte in bytes.iter().filter(|byte| **byte < 248).take(wanted) {
            id.push(ALPHABET[usize::from(*byte) % ALPHABET.len()] as char);
            wanted -= 1;
        }
    }
}

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongPrefix {
    /// The text that was given.
    pub given: String,
    /// The prefix that it should begin with.
    pub prefix: &'static str,
}

impl fmt::Display for WrongPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an id that starts with `{}`",
            self.given, self.prefix
        )
    }
}

impl std::error::Error for WrongPrefix {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $order:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new, unique id.
            #[must_use]
            pub fn new() -> Self {
                Self(generate($prefix, Order::$order))
            }

            /// Takes an id from outside.
            ///
            /// # Errors
            /// The text does not start with [`Self::PREFIX`].
            pub fn parse(text: impl Into<String>) -> Result<Self, WrongPrefix> {
                let given = text.into();
                if given.starts_with($prefix) {
                    Ok(Self(given))
                } else {
                    Err(WrongPrefix { given, prefix: $prefix })
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes a text that is known to be an id (a column of the database, say), unchecked.
            #[must_use]
            pub fn trusted(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

ids! {
    /// A session; the newest sorts first.
    SessionId = "ses", Descending;
    /// A message.
    MessageId = "msg", Ascending;
    /// A part of a message.
    PartId = "prt", Ascending;
    /// An event.
    EventId = "evt", Ascending;
    /// A request for permission.
    PermissionId = "per", Ascending;
    /// A question to the user.
    QuestionId = "que", Ascending;
    /// A terminal.
    PtyId = "pty", Ascending;
    /// A workspace.
    WorkspaceId = "wrk", Ascending;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_default_id_is_a_new_one() {
        assert!(MessageId::parse(MessageId::default().to_string()).is_ok());
        assert_ne!(MessageId::default(), MessageId::default());
    }

    #[test]
    fn has_the_reference_form() {
        let id = SessionId::new();
        let (prefix, rest) = id.as_str().split_once('_').unwrap();
        assert_eq!(prefix, "ses");
        assert_eq!(rest.len(), 26);
        assert!(
            rest[..12]
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "{rest}"
        );
        assert!(rest[12..].bytes().all(|b| ALPHABET.contains(&b)), "{rest}");
    }

    #[test]
    fn carries_the_time() {
        // Made by the reference program at 1795218016428 (message) and 1795218016342 (session).
        let message = with_time("msg", Order::Ascending, 1_795_218_016_428 * 4096 + 1);
        assert_eq!(&message[..16], "msg_1fb5508ac001");
        let session = with_time("ses", Order::Descending, 1_795_218_016_342 * 4096 + 1);
        assert_eq!(&session[..16], "ses_e04aaf7a9ffe");
    }

    #[test]
    fn descending_sorts_newest_first() {
        let older = generate("ses", Order::Descending);
        let newer = generate("ses", Order::Descending);
        assert!(newer < older, "{newer} {older}");
    }

    #[test]
    fn unique_and_ascending_across_threads() {
        let ids: Vec<Vec<String>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..5_000).map(|_| MessageId::new().to_string()).collect()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|of_thread: &Vec<String>| of_thread.is_sorted()));
        let times: HashSet<&str> = ids.iter().flatten().map(|id| &id[..16]).collect();
        assert_eq!(times.len(), 40_000);
    }

    #[test]
    fn refuses_another_kind() {
        assert_eq!(
            MessageId::parse("ses_1").unwrap_err().to_string(),
            "`ses_1` is not an id that starts with `msg`"
        );
    }
}
