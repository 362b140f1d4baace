//! Keys of Amazon, from wherever its own tools would take them.
//!
//! In this order: configuration; variables, unless a profile is named; the profile's entry in the shared
//! files; a web identity; the container; the machine. What is there and does not work is an error and not
//! a reason to look further, except for the machine, which is only asked whether it is one of Amazon's.

mod near;
mod profile;
mod roles;

use std::io;
use std::path::Path;
use std::time::SystemTime;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use super::http::Http;
use super::{Aws, Failure};

/// Keys that requests are signed with.
#[derive(Clone)]
pub(super) struct Keys {
    /// Its id, which is no secret.
    pub(super) id: String,
    pub(super) secret: SecretString,
    /// Goes with keys that end.
    pub(super) session: Option<SecretString>,
}

/// Keys and their end.
pub(super) type Lease = (Keys, Option<SystemTime>);

/// Keys as services and programs write them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    access_key_id: String,
    secret_access_key: SecretString,
    #[serde(default, alias = "SessionToken")]
    token: Option<SecretString>,
    #[serde(default)]
    expiration: Option<String>,
}

impl Written {
    fn lease(self) -> Lease {
        let keys = Keys {
            id: self.access_key_id,
            secret: self.secret_access_key,
            session: self.token.filter(|token| !token.expose_secret().is_empty()),
        };
        (keys, self.expiration.as_deref().and_then(moment))
    }
}

/// A moment as the services write it.
fn moment(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

/// The keys to sign with.
pub(super) async fn find(aws: &Aws, http: &Http<'_>) -> Result<Lease, Failure> {
    if let Some((id, secret, session)) = &aws.keys {
        let keys = Keys {
            id: id.clone(),
            secret: secret.clone(),
            session: session.clone(),
        };
        return Ok((keys, None));
    }
    let surroundings = &aws.surroundings;
    let named = aws.profile.as_deref().or_else(|| surroundings.get("AWS_PROFILE"));
    if named.is_none()
        && let Some(keys) = from_variables(aws)
    {
        return Ok((keys, None));
    }
    if let Some(lease) = Box::pin(profile::find(aws, named.unwrap_or("default"), http)).await? {
        return Ok(lease);
    }
    if let Some(name) = named {
        return Err(Failure::None(format!(
            "the AWS profile {name} is not there, or says nothing of keys: see {} and {}",
            profile::config_file(surroundings).display(),
            profile::credentials_file(surroundings).display(),
        )));
    }
    if let (Some(file), Some(role)) = (
        surroundings.get("AWS_WEB_IDENTITY_TOKEN_FILE"),
        surroundings.get("AWS_ROLE_ARN"),
    ) {
        let session = surroundings.get("AWS_ROLE_SESSION_NAME");
        return roles::with_web_identity(aws, http, Path::new(file), role, session).await;
    }
    if let Some(lease) = near::from_container(surroundings, http).await? {
        return Ok(lease);
    }
    if let Some(lease) = near::from_machine(surroundings, http).await? {
        return Ok(lease);
    }
    Err(Failure::None(
        "Amazon Bedrock wants to know who asks, and nothing says it. Set AWS_BEARER_TOKEN_BEDROCK, or \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile in AWS_PROFILE"
            .to_owned(),
    ))
}

fn from_variables(aws: &Aws) -> Option<Keys> {
    let text = |name: &str| aws.surroundings.get(name);
    Some(Keys {
        id: text("AWS_ACCESS_KEY_ID")?.to_owned(),
        secret: text("AWS_SECRET_ACCESS_KEY")?.into(),
        session: text("AWS_SESSION_TOKEN").map(SecretString::from),
    })
}

/// A small file, and not more of it than it may have.
pub(super) async fn read_file(path: &Path, most: u64) -> io::Result<String> {
    let file = fs_err::tokio::File::open(path).await?;
    let mut text = String::new();
    file.take(most.saturating_add(1))
        .read_to_string(&mut text)
        .await?;
    if text.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
    }
    Ok(text)
}
