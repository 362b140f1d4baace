//! Tokens of Microsoft Entra for Azure, from Azure's own command line (reference `providers.md` §12.5).

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::SecretString;
use serde::Deserialize;
use tokio::process::Command;

use super::{Failure, program};

/// As long before its end a token is asked for anew.
pub(super) const MARGIN: Duration = Duration::from_secs(60);
/// It asks a server, and is not fast itself.
const LIMIT: Duration = Duration::from_secs(60);

/// Where tokens of Azure are, and for what.
#[derive(Clone, Debug)]
pub struct Azure {
    /// The program `az`.
    pub program: PathBuf,
    /// What the token is for.
    pub scope: &'static str,
}

/// The services of a resource.
pub const SERVICES: &str = "https://cognitiveservices.azure.com/.default";
/// Models of other makers that a resource has.
const MODELS: &str = "https://ai.azure.com/.default";

impl Azure {
    /// Tokens for an address.
    #[must_use]
    pub fn for_address(program: PathBuf, address: &str) -> Self {
        let url = url::Url::parse(address).ok();
        let other = url.is_some_and(|url| {
            let host = url.host_str().unwrap_or_default();
            host.ends_with(".services.ai.azure.com") && !url.path().starts_with("/models")
        });
        Self {
            program,
            scope: if other { MODELS } else { SERVICES },
        }
    }

    /// Whether the user is logged in there.
    ///
    /// # Errors
    ///
    /// Why there is no token.
    pub async fn check(&self) -> Result<(), String> {
        find(self).await.map(|_| ()).map_err(|failure| match failure {
            Failure::None(message) | Failure::Connection { message, .. } => message,
        })
    }
}

#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "accessToken")]
    access_token: SecretString,
    /// Seconds since 1970.
    #[serde(default)]
    expires_on: Option<u64>,
    /// The same as older versions write it: a local time.
    #[serde(default, rename = "expiresOn")]
    local_end: Option<String>,
}

/// A token and its end.
pub(super) async fn find(azure: &Azure) -> Result<(SecretString, SystemTime), Failure> {
    let failed = |what: String| {
        Failure::None(format!(
            "Azure's command line, which says who asks, {what}. Log in with `az login`"
        ))
    };
    let mut command = Command::new(&azure.program);
    command.args([
        "account",
        "get-access-token",
        "--scope",
        azure.scope,
        "--output",
        "json",
    ]);
    let said = program::run(command, LIMIT).await.map_err(failed)?;
    let printed: Printed =
        serde_json::from_slice(&said).map_err(|_| failed("prints something else than a token".to_owned()))?;
    let seconds = printed
        .expires_on
        .or_else(|| local(printed.local_end.as_deref()?));
    let end = seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let end = end.ok_or_else(|| failed("does not say when its token ends".to_owned()))?;
    Ok((printed.access_token, end))
}

/// Seconds since 1970 of a local time.
fn local(text: &str) -> Option<u64> {
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(_) => {
            let plain: jiff::civil::DateTime = text.parse().ok()?;
            plain.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp()
        }
    };
    u64::try_from(moment.as_second()).ok()
}
