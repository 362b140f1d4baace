//! Which database sessions are in.

use opencode_config::environment::variable;
use opencode_config::{Environment, Paths};
use opencode_store::{Database, Error, ServerAddress};

/// The database that the environment names: a server, a file, or one in memory.
///
/// # Errors
/// The address of the server is none.
pub fn database(paths: &Paths, environment: &Environment) -> Result<Database, Error> {
    Ok(
        match environment
            .get(variable::DATABASE_URL)
            .filter(|url| !url.is_empty())
        {
            Some(url) => Database::Server(ServerAddress::parse(url)?),
            None => paths
                .database(environment)
                .map_or(Database::Memory, Database::File),
        },
    )
}
