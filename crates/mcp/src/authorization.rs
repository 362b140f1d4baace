//! What a remote server is shown as proof: the door between connections and logging in.
//!
//! A connection asks its [`Authorizer`] for the token of every single request, so that a token that was renewed
//! or replaced counts from the next request on, in connections that exist as well. When a request is refused,
//! the authorizer is told and may get another one; the request is then made once more.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use opencode_schema::mcp::{Remote, Status};
use secrecy::SecretString;

/// Says how requests to servers are authorized.
pub trait Authorizers: Send + Sync {
    /// For the server `name`; none when it wants no tokens (`oauth: false`).
    fn of(&self, name: &str, server: &Remote) -> Option<Arc<dyn Authorizer>>;
}

/// Authorizes the requests to one server.
pub trait Authorizer: Send + Sync {
    /// The bearer token of the next request, renewed before where it is about to end; none when there is none.
    ///
    /// # Errors
    /// There was a token, and another one cannot be had without somebody.
    fn token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Unauthorized>>;

    /// A request was refused. When this succeeds, it is made once more with the token that there is then.
    ///
    /// # Errors
    /// Another token cannot be had without somebody.
    fn refused(&self, challenge: Challenge) -> BoxFuture<'_, Result<(), Unauthorized>>;
}

/// How a server refused a request.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// 401, or 403 where more is needed than the token is good for.
    pub status: u16,
    /// The header `WWW-Authenticate`.
    pub header: Option<String>,
    /// The token that was shown.
    pub token: Option<SecretString>,
}

/// Why a server cannot be used before somebody has done something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// Somebody has to log in.
    #[error("Authentication required")]
    Login,
    /// This program has to be made known to the server.
    #[error("{0}")]
    ClientRegistration(String),
    /// It could not be found out.
    #[error("{0}")]
    Failed(String),
}

impl Unauthorized {
    /// How a server is because of it.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Login => Status::NeedsAuth,
            Self::ClientRegistration(error) => Status::NeedsClientRegistration { error: error.clone() },
            Self::Failed(error) => Status::Failed { error: error.clone() },
        }
    }
}

/// Nobody logs in anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAuthorizers;

impl Authorizers for NoAuthorizers {
    fn of(&self, _: &str, _: &Remote) -> Option<Arc<dyn Authorizer>> {
        None
    }
}
