//! Telling the local network where the server is, by multicast DNS (reference `http-api.md` §1).

use std::net::IpAddr;
use std::time::Duration;

use mdns_sd::{ServiceDaemon, ServiceInfo};

/// What the service is to those who look for one.
const KIND: &str = "_http._tcp.local.";
/// How long the network is told that the server goes.
const FAREWELL: Duration = Duration::from_millis(500);

/// A server that the network knows of.
pub(crate) struct Announced {
    daemon: ServiceDaemon,
    name: String,
}

impl Announced {
    /// Tells the network of a port under the name `domain`. Nobody else could reach what listens on this
    /// machine alone: that is said in the log and told nobody.
    pub(crate) fn new(hostname: &str, port: u16, domain: &str) -> Option<Self> {
        if is_loopback(hostname) {
            tracing::warn!(
                hostname,
                "mDNS is on, but the server listens on this machine alone: nobody is told of it"
            );
            return None;
        }
        match Self::publish(port, domain) {
            Ok(announced) => {
                tracing::info!(port, domain, "the network is told of the server");
                Some(announced)
            }
            Err(error) => {
                tracing::warn!(%error, domain, "the network cannot be told of the server");
                None
            }
        }
    }

    fn publish(port: u16, domain: &str) -> Result<Self, mdns_sd::Error> {
        let name = format!("opencode-{port}");
        let host = format!("{}.", domain.trim_end_matches('.'));
        let properties = [("path", "/")];
        let service = ServiceInfo::new(KIND, &name, &host, "", port, &properties[..])?.enable_addr_auto();
        let name = service.get_fullname().to_owned();
        let daemon = ServiceDaemon::new()?;
        if let Err(error) = daemon.register(service) {
            // A thread that nobody asks anything; it ends with the program.
            let _ = daemon.shutdown();
            return Err(error);
        }
        Ok(Self { daemon, name })
    }

    /// Takes it back.
    pub(crate) async fn withdraw(self) {
        let told = tokio::task::spawn_blocking(move || {
            if let Ok(done) = self.daemon.unregister(&self.name) {
                // Whether it was told in time or not, it is over.
                let _ = done.recv_timeout(FAREWELL);
            }
            self.daemon.shutdown().map(drop)
        });
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the network still hears of the server"),
            Err(error) => tracing::debug!(%error, "the network still hears of the server"),
        }
    }
}

/// Whether nobody but this machine can connect.
fn is_loopback(hostname: &str) -> bool {
    hostname.eq_ignore_ascii_case("localhost")
        || hostname
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_alone() {
        for (hostname, wanted) in [
            ("127.0.0.1", true),
            ("localhost", true),
            ("::1", true),
            ("0.0.0.0", false),
            ("192.0.2.1", false),
            ("box.example", false),
        ] {
            assert_eq!(is_loopback(hostname), wanted, "{hostname}");
        }
    }
}
