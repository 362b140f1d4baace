//! Servers elsewhere, as commands are told of them: `--attach`, `--password`, `--username`
//! (reference `cli.md` §3–4).

mod live;

use std::path::PathBuf;

use opencode_client::{Client, Credentials, Error, Options, SessionQuery};
use opencode_config::environment::variable;
use opencode_schema::{Session, SessionId};

use crate::arguments::Continued;
use crate::context::Context;
use crate::failure::Failure;

pub(crate) use live::{Happening, Live};

/// The name when nobody says another.
pub(crate) const USERNAME: &str = "opencode";

/// How a server is reached.
#[derive(Debug, clap::Args)]
pub(crate) struct Access {
    /// Password of the server [default: OPENCODE_SERVER_PASSWORD]
    #[arg(short, long, value_name = "PASSWORD")]
    pub(crate) password: Option<String>,
    /// User name at the server [default: OPENCODE_SERVER_USERNAME, else opencode]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) username: Option<String>,
}

/// A client of the server at `url`, for a folder as the server knows it.
pub(crate) fn client(
    context: &Context,
    url: &str,
    access: &Access,
    directory: Option<String>,
) -> Result<Client, Failure> {
    let environment = &context.environment;
    let given = |option: &Option<String>, name: &str| {
        let option = option.clone().filter(|text| !text.is_empty());
        option.or_else(|| environment.get(name).map(str::to_owned))
    };
    let password = given(&access.password, variable::SERVER_PASSWORD);
    let username = given(&access.username, variable::SERVER_USERNAME);
    let options = Options {
        url: url.to_owned(),
        directory,
        credentials: password.map(|password| Credentials {
            username: username.unwrap_or_else(|| USERNAME.to_owned()),
            password,
        }),
        extra_roots: environment.get("NODE_EXTRA_CA_CERTS").map(PathBuf::from),
    };
    Ok(Client::new(options)?)
}

/// The session that is continued, if one is: the one that is named, the last one of the folder, or a copy
/// of it.
pub(crate) async fn continued(client: &Client, wanted: &Continued) -> Result<Option<Session>, Failure> {
    let found = if let Some(id) = &wanted.session {
        Some(named(client, id).await?)
    } else if wanted.continue_last {
        let query = SessionQuery {
            only_directory: true,
            roots: true,
            limit: Some(1),
        };
        client.sessions(&query).await?.into_iter().next()
    } else {
        None
    };
    match found {
        Some(session) if wanted.fork => Ok(Some(client.fork_session(&session.id, None).await?)),
        found => Ok(found),
    }
}

/// The session with an id that the user typed.
pub(crate) async fn named(client: &Client, id: &str) -> Result<Session, Failure> {
    let missing = || Failure::told("Session not found");
    let id = SessionId::parse(id).map_err(|_| missing())?;
    let session = client.session(&id).await;
    session.map_err(|error| {
        if error.is_not_found() {
            missing()
        } else {
            error.into()
        }
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Unauthorized { .. } => Self::told(format!(
                "{error}\nGive it with --password (and --username), or set {}",
                variable::SERVER_PASSWORD
            )),
            Error::Unreachable { .. } => Self::told(format!(
                "{error}\nIs the server running? `opencode serve` starts one and prints its address"
            )),
            _ => Self::told(error.to_string()),
        }
    }
}
