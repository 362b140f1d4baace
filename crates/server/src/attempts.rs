//! How often a peer may guess (reference `seed-http.md` §6): ten times a minute, programs of this machine
//! as often as they like.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Wrong guesses in a window.
const MOST: u32 = 10;
/// The window, from the first wrong guess on.
const WINDOW: Duration = Duration::from_secs(60);
/// Peers that are remembered at once.
const MOST_PEERS: usize = 4096;

/// Wrong guesses of peers.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, Guesses>>);

#[derive(Debug, Clone, Copy)]
struct Guesses {
    since: Instant,
    wrong: u32,
}

impl Attempts {
    /// How long a peer must wait before it is heard again.
    pub(crate) fn wait(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let guesses = self.lock().get(&owner(peer)?).copied()?;
        let rest = WINDOW.checked_sub(now.duration_since(guesses.since))?;
        (guesses.wrong >= MOST && !rest.is_zero()).then_some(rest)
    }

    /// Counts a wrong guess.
    pub(crate) fn count(&self, peer: IpAddr, now: Instant) {
        let Some(owner) = owner(peer) else { return };
        let mut peers = self.lock();
        if peers.len() >= MOST_PEERS && !peers.contains_key(&owner) {
            peers.retain(|_, guesses| now.duration_since(guesses.since) < WINDOW);
            let oldest = peers.iter().min_by_key(|(_, guesses)| guesses.since);
            if let Some(oldest) = oldest
                .map(|(peer, _)| *peer)
                .filter(|_| peers.len() >= MOST_PEERS)
            {
                peers.remove(&oldest);
            }
        }
        let guesses = peers.entry(owner).or_insert(Guesses { since: now, wrong: 0 });
        if now.duration_since(guesses.since) >= WINDOW {
            *guesses = Guesses { since: now, wrong: 0 };
        }
        guesses.wrong = guesses.wrong.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Guesses>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who guesses: an address, or the network of one that has as many as it likes. Nobody for this machine.
fn owner(peer: IpAddr) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if peer.is_loopback() {
        return None;
    }
    Some(match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ten_guesses_a_minute() {
        let attempts = Attempts::default();
        let now = Instant::now();
        let peer = ip("192.0.2.1");
        for _ in 0..MOST {
            assert_eq!(attempts.wait(peer, now), None);
            attempts.count(peer, now);
        }
        assert_eq!(attempts.wait(peer, now), Some(WINDOW));
        assert_eq!(attempts.wait(ip("::ffff:192.0.2.1"), now), Some(WINDOW));
        assert_eq!(attempts.wait(ip("192.0.2.2"), now), None);
        let later = now + Duration::from_secs(45);
        assert_eq!(attempts.wait(peer, later), Some(Duration::from_secs(15)));
        assert_eq!(attempts.wait(peer, now + WINDOW), None);
        attempts.count(peer, now + WINDOW);
        assert_eq!(attempts.wait(peer, now + WINDOW), None);
    }

    #[test]
    fn networks_guess_together_and_this_machine_freely() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for at in 0..20 {
            attempts.count(ip(&format!("2001:db8::{at}")), now);
            attempts.count(ip("127.0.0.1"), now);
            attempts.count(ip("::1"), now);
        }
        assert!(attempts.wait(ip("2001:db8::ffff"), now).is_some());
        assert!(attempts.wait(ip("2001:db8:0:1::"), now).is_none());
        assert!(attempts.wait(ip("127.0.0.1"), now).is_none());
        assert!(attempts.wait(ip("::1"), now).is_none());
    }

    #[test]
    fn few_peers_are_remembered() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for peer in 0..(MOST_PEERS as u32 + 10) {
            attempts.count(IpAddr::V4((0x0a00_0000 + peer).into()), now);
        }
        assert_eq!(attempts.lock().len(), MOST_PEERS);
    }
}
