//! Profiles in Amazon's shared files (`~/.aws/config`, `~/.aws/credentials`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::process::Command;
use url::Url;

use super::{Keys, Lease, Written, from_variables, moment, near, read_file, roles};
use crate::identity::http::{Http, Question};
use crate::identity::sigv4::hex;
use crate::identity::{Aws, Failure, Surroundings};

/// Profiles may lead to others, but not in a circle.
const DEEPEST: usize = 8;
const MOST: u64 = 1024 * 1024;
/// A program that gives out keys may have to ask its user.
const PROGRAM_LIMIT: Duration = Duration::from_secs(60);

type Section = HashMap<String, String>;

/// What both files say.
#[derive(Debug, Default)]
struct Files {
    profiles: HashMap<String, Section>,
    sessions: HashMap<String, Section>,
}

pub(super) fn config_file(surroundings: &Surroundings) -> PathBuf {
    file(surroundings, "AWS_CONFIG_FILE", "config")
}

pub(super) fn credentials_file(surroundings: &Surroundings) -> PathBuf {
    file(surroundings, "AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

fn file(surroundings: &Surroundings, variable: &str, name: &str) -> PathBuf {
    match surroundings.get(variable) {
        Some(path) => match path.strip_prefix("~/") {
            Some(rest) => surroundings.home.join(rest),
            None => PathBuf::from(path),
        },
        None => surroundings.home.join(".aws").join(name),
    }
}

impl Files {
    async fn read(surroundings: &Surroundings) -> Result<Self, Failure> {
        let mut files = Self::default();
        for (path, is_config) in [
            (config_file(surroundings), true),
            (credentials_file(surroundings), false),
        ] {
            match read_file(&path, MOST).await {
                Ok(text) => files.take(&text, is_config),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::None(format!("AWS profiles cannot be read: {error}"))),
            }
        }
        Ok(files)
    }

    /// Sections are `[name]`, in the configuration `[profile name]` and `[sso-session name]`. What is
    /// indented belongs to the setting above and is of no use here.
    fn take(&mut self, text: &str, is_config: bool) {
        let mut section: Option<&mut Section> = None;
        for line in text.lines() {
            if line.starts_with([' ', '\t']) || line.starts_with(['#', ';']) {
                continue;
            }
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let words: Vec<&str> = name.split_whitespace().collect();
                section = match words.as_slice() {
                    ["profile", name] if is_config => {
                        Some(self.profiles.entry((*name).to_owned()).or_default())
                    }
                    ["sso-session", name] if is_config => {
                        Some(self.sessions.entry((*name).to_owned()).or_default())
                    }
                    [name] if !is_config || *name == "default" => {
                        Some(self.profiles.entry((*name).to_owned()).or_default())
                    }
                    _ => None,
                };
            } else if let Some((name, value)) = line.split_once('=')
                && let Some(section) = &mut section
            {
                let value = value.split(" #").next().unwrap_or_default();
                section.insert(name.trim().to_lowercase(), value.trim().to_owned());
            }
        }
    }
}

/// The keys of a profile; `None` where it is not there, or says nothing of keys.
pub(super) async fn find(aws: &Aws, name: &str, http: &Http<'_>) -> Result<Option<Lease>, Failure> {
    let files = Files::read(&aws.surroundings).await?;
    Finder {
        aws,
        http,
        files: &files,
    }
    .profile(name, 0)
    .await
}

struct Finder<'a> {
    aws: &'a Aws,
    http: &'a Http<'a>,
    files: &'a Files,
}

impl Finder<'_> {
    async fn profile(&self, name: &str, depth: usize) -> Result<Option<Lease>, Failure> {
        if depth > DEEPEST {
            return Err(Failure::None(format!("the AWS profile {name} leads to itself")));
        }
        let Some(section) = self.files.profiles.get(name) else {
            return Ok(None);
        };
        let get = |key: &str| {
            section
                .get(key)
                .map(String::as_str)
                .filter(|value| !value.is_empty())
        };
        // A profile that is the source of its own role means its own keys.
        let of_itself = depth > 0 && get("source_profile") == Some(name);
        if let Some(role) = get("role_arn").filter(|_| !of_itself) {
            if let Some(file) = get("web_identity_token_file") {
                let lease = roles::with_web_identity(
                    self.aws,
                    self.http,
                    Path::new(file),
                    role,
                    get("role_session_name"),
                );
                return lease.await.map(Some);
            }
            let source = match (get("source_profile"), get("credential_source")) {
                (Some(source), _) => Box::pin(self.profile(source, depth + 1)).await?,
                (None, Some(source)) => self.source(source).await?,
                (None, None) => None,
            };
            let Some((keys, _)) = source else {
                return Err(Failure::None(format!(
                    "the AWS profile {name} wants the role {role}, and says not with which keys"
                )));
            };
            let (session, external) = (get("role_session_name"), get("external_id"));
            let lease = roles::with_keys(self.aws, self.http, &keys, role, session, external);
            return lease.await.map(Some);
        }
        if let (Some(id), Some(secret)) = (get("aws_access_key_id"), get("aws_secret_access_key")) {
            let keys = Keys {
                id: id.to_owned(),
                secret: secret.into(),
                session: get("aws_session_token").map(SecretString::from),
            };
            return Ok(Some((keys, None)));
        }
        if let Some(command) = get("credential_process") {
            return self.program(command, name).await.map(Some);
        }
        if let (Some(account), Some(role)) = (get("sso_account_id"), get("sso_role_name")) {
            return self.single_sign_on(section, account, role, name).await.map(Some);
        }
        Ok(None)
    }

    async fn source(&self, source: &str) -> Result<Option<Lease>, Failure> {
        let surroundings = &self.aws.surroundings;
        match source {
            "Environment" => Ok(from_variables(self.aws).map(|keys| (keys, None))),
            "EcsContainer" => near::from_container(surroundings, self.http).await,
            "Ec2InstanceMetadata" => near::from_machine(surroundings, self.http).await,
            other => Err(Failure::None(format!("{other} is no source of AWS credentials"))),
        }
    }

    /// A program of the user's that prints keys.
    async fn program(&self, command: &str, name: &str) -> Result<Lease, Failure> {
        let failed =
            |what: &str| Failure::None(format!("the credential process of the AWS profile {name} {what}"));
        let program = if cfg!(windows) {
            let mut program = Command::new("cmd");
            program.args(["/C", command]);
            program
        } else {
            let mut program = Command::new("/bin/sh");
            program.args(["-c", command]);
            program
        };
        let said = super::super::program::run(program, PROGRAM_LIMIT)
            .await
            .map_err(|what| failed(&what))?;
        let written: Written =
            serde_json::from_slice(&said).map_err(|_| failed("prints something else than keys"))?;
        let lease = written.lease();
        if lease.1.is_some_and(|until| until < SystemTime::now()) {
            return Err(failed("prints keys that have ended"));
        }
        Ok(lease)
    }

    /// Keys for whoever logged in with `aws sso login`.
    async fn single_sign_on(
        &self,
        section: &Section,
        account: &str,
        role: &str,
        name: &str,
    ) -> Result<Lease, Failure> {
        let session_name = section.get("sso_session");
        let session = session_name.and_then(|name| self.files.sessions.get(name));
        let get = |key: &str| section.get(key).or_else(|| session?.get(key)).map(String::as_str);
        let expired = || {
            Failure::None(format!(
                "the login of the AWS profile {name} has ended: run `aws sso login --profile {name}`"
            ))
        };
        let (Some(start), Some(region)) = (get("sso_start_url"), get("sso_region")) else {
            return Err(Failure::None(format!(
                "the AWS profile {name} lacks sso_start_url or sso_region"
            )));
        };
        let seed = session_name.map_or(start, String::as_str);
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, seed.as_bytes());
        let file = format!(".aws/sso/cache/{}.json", hex(digest.as_ref()));
        let text = read_file(&self.aws.surroundings.home.join(file), MOST)
            .await
            .map_err(|_| expired())?;
        let login: Login = serde_json::from_str(&text).map_err(|_| expired())?;
        if moment(&login.expires_at).is_none_or(|until| until < SystemTime::now()) {
            return Err(expired());
        }
        let base = self.aws.surroundings.get("AWS_ENDPOINT_URL_SSO").map_or_else(
            || format!("https://portal.sso.{region}.amazonaws.com"),
            |address| address.trim_end_matches('/').to_owned(),
        );
        let mut url = Url::parse(&format!("{base}/federation/credentials"))
            .map_err(|_| Failure::None(format!("{base} is no address")))?;
        url.query_pairs_mut()
            .append_pair("role_name", role)
            .append_pair("account_id", account);
        let question =
            Question::get(url).header("x-amz-sso_bearer_token", login.access_token.expose_secret());
        let reply = self.http.ask(question).await?;
        if reply.status == 401 {
            return Err(expired());
        }
        let given: Option<Given> = serde_json::from_str(&reply.body).ok().filter(|_| reply.is_good());
        let Some(Given {
            role_credentials: given,
        }) = given
        else {
            return Err(Failure::None(format!(
                "the role {role} is not given: {}",
                reply.short()
            )));
        };
        let keys = Keys {
            id: given.access_key_id,
            secret: given.secret_access_key,
            session: given.session_token,
        };
        let until = given
            .expiration
            .map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
        Ok((keys, until))
    }
}

/// A login that Amazon's tools left.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    access_token: SecretString,
    expires_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    role_credentials: RoleCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: SecretString,
    #[serde(default)]
    session_token: Option<SecretString>,
    /// Milliseconds since 1970.
    #[serde(default)]
    expiration: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_from_both_files() {
        let mut files = Files::default();
        files.take(
            "# c\n[default]\nregion = eu-west-1\ns3 =\n  key = no\n[profile work] # w\nRole_Arn=arn # note\n\
             [sso-session corp]\nsso_region=us-east-1\n[ignored]\na=b\n[profile]\nx=y\n",
            true,
        );
        files.take(
            "[default]\naws_access_key_id = A\n[work]\naws_secret_access_key=B=C\nno value\n",
            false,
        );
        let get = |name: &str, key: &str| files.profiles.get(name)?.get(key).map(String::as_str);
        assert_eq!(get("default", "region"), Some("eu-west-1"));
        assert_eq!(get("default", "aws_access_key_id"), Some("A"));
        assert_eq!(get("default", "key"), None);
        assert_eq!(get("work", "role_arn"), Some("arn"));
        assert_eq!(get("work", "aws_secret_access_key"), Some("B=C"));
        assert_eq!(get("ignored", "a"), None);
        assert_eq!(files.sessions["corp"]["sso_region"], "us-east-1");
    }
}
