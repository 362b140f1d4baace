//! Logging in at the MCP servers of a location (reference `integrations.md` §A14 and §A15).

use std::time::Duration;

use futures_util::future::join_all;
use opencode_mcp::oauth::{AuthStatus, Begun, OAuthError};
use opencode_schema::mcp::{Remote, ServerConfig, Status};

use crate::location::Ground;

/// How long a turn waits for servers at which somebody has just logged in.
const CONNECT: Duration = Duration::from_secs(2);

/// Why a login at a server cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum ServerLoginError {
    /// There is no such server.
    #[error("MCP server not found: {0}")]
    Unknown(String),
    /// It is none, wants none, or cannot be reached.
    #[error(transparent)]
    Login(#[from] OAuthError),
    /// Something else is wrong with the server.
    #[error(transparent)]
    Server(#[from] opencode_mcp::Error),
}

impl Ground {
    /// Begins a login at a server: says which page is to be opened, and whose answer is waited for.
    ///
    /// # Errors
    /// There is no such server, it wants no login, or nobody can be found who gives tokens for it.
    pub async fn begin_server_login(&self, name: &str) -> Result<Begun, ServerLoginError> {
        let remote = self.server_with_login(name)?;
        Ok(self.mcp_logins.begin(name, &remote).await?)
    }

    /// Ends a login with a code that somebody brings, and connects the server.
    ///
    /// # Errors
    /// There is no such server, or no login was begun there.
    pub async fn finish_server_login(&self, name: &str, code: &str) -> Result<Status, ServerLoginError> {
        self.server_with_login(name)?;
        match self.mcp_logins.finish(name, code).await {
            Err(error @ OAuthError::NotBegun { .. }) => Err(error.into()),
            ended => self.after_login(name, ended).await,
        }
    }

    /// Opens the page for a login, waits until it is over, and connects the server.
    ///
    /// # Errors
    /// There is no such server, or it wants no login.
    pub async fn log_in_at_server(&self, name: &str) -> Result<Status, ServerLoginError> {
        let remote = self.server_with_login(name)?;
        let ended = Box::pin(self.mcp_logins.authenticate(name, &remote, |_| {})).await;
        self.after_login(name, ended).await
    }

    /// Forgets the login at a server.
    ///
    /// # Errors
    /// There is no such server, or the file of logins cannot be written.
    pub async fn log_out_from_server(&self, name: &str) -> Result<(), ServerLoginError> {
        self.server_config(name)?;
        Ok(self.mcp_logins.remove(name).await?)
    }

    /// Connects the servers at which somebody has logged in since they asked for it, whichever program he did it
    /// with.
    pub async fn take_logins(&self) {
        let mut connecting = Vec::new();
        for (name, config, status) in self.mcp.configured() {
            let (Status::NeedsAuth, ServerConfig::Remote(remote)) = (status, &*config) else {
                continue;
            };
            if self.mcp_logins.status(&name, remote) != AuthStatus::Authenticated {
                continue;
            }
            if let Some(login) = self.mcp_logins.fingerprint(&name, remote)
                && self.tried_logins().insert(name.clone(), login) != Some(login)
            {
                let mcp = self.mcp.clone();
                connecting.push(async move { mcp.connect(&name).await });
            }
        }
        if !connecting.is_empty() {
            // Those that take longer are there later.
            let _ = tokio::time::timeout(CONNECT, join_all(connecting)).await;
        }
    }

    async fn after_login(
        &self,
        name: &str,
        ended: Result<(), OAuthError>,
    ) -> Result<Status, ServerLoginError> {
        Ok(match ended {
            Ok(()) => self.mcp.connect(name).await?,
            Err(error @ OAuthError::NoRegistration) => Status::NeedsClientRegistration {
                error: error.to_string(),
            },
            Err(error) => Status::Failed {
                error: error.to_string(),
            },
        })
    }

    fn server_config(&self, name: &str) -> Result<ServerConfig, ServerLoginError> {
        let mut all = self.mcp.configured().into_iter();
        let found = all.find(|(known, _, _)| known == name);
        found
            .map(|(_, config, _)| (*config).clone())
            .ok_or_else(|| ServerLoginError::Unknown(name.to_owned()))
    }

    fn server_with_login(&self, name: &str) -> Result<Remote, ServerLoginError> {
        match self.server_config(name)? {
            ServerConfig::Remote(remote) => Ok(remote),
            ServerConfig::Local(_) => Err(OAuthError::Unsupported {
                name: name.to_owned(),
            }
            .into()),
        }
    }
}
