//! A PostgreSQL database to test with.

use postgres::{Client, NoTls};

/// The variable that holds the address of a server whose user may make databases (`scripts/with-postgres` sets it).
const SERVER: &str = "OPENCODE_TEST_POSTGRES";

/// A database of its own on a PostgreSQL server, gone when it is dropped.
#[derive(Debug)]
pub struct ServerDatabase {
    server: String,
    name: String,
}

impl ServerDatabase {
    /// A new database, or `None` where there is no server to test with.
    #[must_use]
    pub fn new() -> Option<Self> {
        let server = std::env::var(SERVER).ok()?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("random bytes");
        let name = format!("test_{:016x}", u64::from_ne_bytes(random));
        let made = Self { server, name };
        made.ask(&format!("CREATE DATABASE {} TEMPLATE template0", made.name));
        Some(made)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        let (place, rest) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (host, _) = place.rsplit_once('/').expect("an address with a database");
        format!("{host}/{}?{rest}", self.name)
    }

    /// Has the server end all connections to it, as one that is started again does.
    pub fn disconnect_all(&self) {
        let name = &self.name;
        self.ask(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
    }

    /// Runs a statement on the server, from a thread of its own: that waits, and a test may be where one must not.
    fn ask(&self, sql: &str) {
        let work = || {
            let mut client = Client::connect(&self.server, NoTls).expect("the server of the tests");
            client.batch_execute(sql).expect("a statement of the tests");
        };
        std::thread::scope(|scope| scope.spawn(work).join().expect("the server of the tests"));
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        self.ask(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
