//! Accounts of others that Google trusts («workload identity federation»): a token of theirs is exchanged.
//!
//! Theirs comes from a file, an address, a program, or from Amazon, where a signed question stands for it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use super::super::http::{Http, Question};
use super::super::{Aws, Failure, Letter, Surroundings, aws, program, sigv4};
use super::{MOST, SCOPE, impersonate, token};

const STS: &str = "https://sts.googleapis.com/v1/token";
const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Without this variable at 1 no program is run.
const ALLOW: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";
const PROGRAM_LIMIT: u64 = 30_000;
const LONGEST_PROGRAM_LIMIT: u64 = 120_000;
const TARGET_RESOURCE: &str = "x-goog-cloud-target-resource";

/// An account of others.
#[derive(Deserialize)]
pub(super) struct External {
    audience: String,
    subject_token_type: String,
    #[serde(default)]
    token_url: Option<String>,
    credential_source: Source,
    #[serde(default)]
    service_account_impersonation_url: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<SecretString>,
    #[serde(default)]
    workforce_pool_user_project: Option<String>,
}

/// Where their token is.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    file: Option<String>,
    url: Option<String>,
    headers: serde_json::Map<String, Value>,
    format: Format,
    executable: Option<Executable>,
    environment_id: Option<String>,
    region_url: Option<String>,
    regional_cred_verification_url: Option<String>,
}

/// How it is written.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    subject_token_field_name: Option<String>,
}

#[derive(Deserialize)]
struct Executable {
    command: String,
    #[serde(default)]
    timeout_millis: Option<u64>,
    #[serde(default)]
    output_file: Option<String>,
}

/// What the program prints.
#[derive(Deserialize)]
struct Printed {
    success: bool,
    #[serde(default)]
    code: Option<Value>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    id_token: Option<SecretString>,
    #[serde(default)]
    saml_response: Option<SecretString>,
}

/// A token of Google's for such an account, and its end.
pub(super) async fn find(
    account: &External,
    surroundings: &Surroundings,
    http: &Http<'_>,
) -> Result<(SecretString, SystemTime), Failure> {
    let theirs = account.subject_token(surroundings, http).await?;
    let url = super::parse(account.token_url.as_deref().unwrap_or(STS))?;
    let mut fields = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", &*account.audience),
        ("scope", SCOPE),
        ("requested_token_type", TOKEN_TYPE),
        ("subject_token", theirs.expose_secret()),
        ("subject_token_type", &*account.subject_token_type),
    ];
    let project = account.workforce_pool_user_project.as_deref();
    let options = project.map(|project| json!({"userProject": project}).to_string());
    if let (Some(options), None) = (&options, &account.client_id) {
        fields.push(("options", options));
    }
    let mut question = Question::form(url, &fields);
    if let (Some(id), Some(secret)) = (&account.client_id, &account.client_secret) {
        question = question.header("authorization", basic(id, secret));
    }
    let lease = token(&http.ask(question).await?).map_err(|what| {
        Failure::None(format!(
            "Google does not take the token of another account: {what}"
        ))
    })?;
    match &account.service_account_impersonation_url {
        Some(url) => impersonate(url, &lease.0, &[], http).await,
        None => Ok(lease),
    }
}

/// Login and password in a header.
pub(super) fn basic(id: &str, secret: &SecretString) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{id}:{}", secret.expose_secret()))
    )
}

impl External {
    async fn subject_token(
        &self,
        surroundings: &Surroundings,
        http: &Http<'_>,
    ) -> Result<SecretString, Failure> {
        let source = &self.credential_source;
        if let Some(executable) = &source.executable {
            return self.ask_program(executable, surroundings).await;
        }
        if source
            .environment_id
            .as_deref()
            .is_some_and(|id| id.starts_with("aws"))
        {
            return self.ask_amazon(surroundings, http).await;
        }
        if let Some(path) = &source.file {
            let text = aws::read_file(Path::new(path), MOST)
                .await
                .map_err(|error| Failure::None(format!("the token in {path} cannot be read: {error}")))?;
            return source.format.token(&text, path);
        }
        let Some(address) = &source.url else {
            return Err(Failure::None(
                "the credentials of Google name no source of a token that is known here".to_owned(),
            ));
        };
        let mut question = Question::get(super::parse(address)?);
        for (name, value) in &source.headers {
            question = question.header(name.clone(), value.as_str().unwrap_or_default());
        }
        let reply = http.ask(question).await?;
        if !reply.is_good() {
            return Err(Failure::None(format!(
                "{address} gives no token: {}",
                reply.short()
            )));
        }
        source.format.token(&reply.body, address)
    }

    async fn ask_program(
        &self,
        executable: &Executable,
        surroundings: &Surroundings,
    ) -> Result<SecretString, Failure> {
        if surroundings.get(ALLOW) != Some("1") {
            return Err(Failure::None(format!(
                "the credentials of Google want to run a program: allow it by setting {ALLOW} to 1"
            )));
        }
        let words = program::words(&executable.command);
        let Some((name, arguments)) = words.split_first() else {
            return Err(Failure::None(
                "the credentials of Google name no program".to_owned(),
            ));
        };
        let failed =
            |what: String| Failure::None(format!("the program {name} of Google's credentials {what}"));
        let mut command = Command::new(name);
        command
            .args(arguments)
            .env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", &self.audience)
            .env("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", &self.subject_token_type)
            .env("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0");
        if let Some(path) = &executable.output_file {
            command.env("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", path);
        }
        let limit = executable.timeout_millis.unwrap_or(PROGRAM_LIMIT);
        let limit = Duration::from_millis(limit.min(LONGEST_PROGRAM_LIMIT));
        let said = program::run(command, limit).await.map_err(failed)?;
        let printed: Printed = serde_json::from_slice(&said)
            .map_err(|_| failed("prints something else than a token".to_owned()))?;
        if !printed.success {
            return Err(failed(format!(
                "has no token: {} {}",
                printed
                    .code
                    .as_ref()
                    .map(crate::json::stringify)
                    .unwrap_or_default(),
                printed.message.unwrap_or_default()
            )));
        }
        printed
            .id_token
            .or(printed.saml_response)
            .ok_or_else(|| failed("prints no token".to_owned()))
    }

    /// A question to Amazon who we are, signed; Google asks it in our place.
    async fn ask_amazon(
        &self,
        surroundings: &Surroundings,
        http: &Http<'_>,
    ) -> Result<SecretString, Failure> {
        let source = &self.credential_source;
        let set = surroundings
            .get("AWS_REGION")
            .or_else(|| surroundings.get("AWS_DEFAULT_REGION"));
        let region = match (set, &source.region_url) {
            (Some(region), _) => region.to_owned(),
            (None, Some(url)) => {
                let reply = http.ask(Question::get(super::parse(url)?).near()).await?;
                // The address answers with a zone, which is a region and a letter.
                let mut zone = reply.body.trim().to_owned();
                zone.pop();
                if reply.is_good() { zone } else { String::new() }
            }
            (None, None) => String::new(),
        };
        if region.is_empty() {
            return Err(Failure::None(
                "no region of Amazon is known: set AWS_REGION".to_owned(),
            ));
        }
        let account = Aws {
            region: region.clone(),
            service: "sts",
            profile: None,
            keys: None,
            surroundings: surroundings.clone(),
        };
        let (keys, _) = Box::pin(aws::find(&account, http)).await?;
        let address = source
            .regional_cred_verification_url
            .as_deref()
            .unwrap_or("https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15")
            .replace("{region}", &region);
        let mut url: Url = super::parse(&address)?;
        let unusable = |_| Failure::None("the audience of Google's credentials cannot be sent".to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(TARGET_RESOURCE),
            HeaderValue::from_str(&self.audience).map_err(unusable)?,
        );
        let letter = Letter {
            url: &mut url,
            headers: &mut headers,
            body: b"",
        };
        sigv4::sign(letter, &keys, &region, "sts", &sigv4::now())
            .map_err(|what| Failure::None(format!("the keys cannot be used: {what}")))?;
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let mut lines = vec![json!({"key": "host", "value": host})];
        lines.extend(headers.iter().map(
            |(name, value)| json!({"key": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes())}),
        ));
        let question = json!({"url": url.as_str(), "method": "POST", "headers": lines}).to_string();
        let encoded = percent_encoding::utf8_percent_encode(&question, percent_encoding::NON_ALPHANUMERIC);
        Ok(encoded.to_string().into())
    }
}

impl Format {
    fn token(&self, text: &str, from: &str) -> Result<SecretString, Failure> {
        if self.kind != "json" {
            return Ok(text.trim().into());
        }
        let name = self.subject_token_field_name.as_deref().unwrap_or("access_token");
        let fields: Option<Value> = serde_json::from_str(text).ok();
        let found = fields.as_ref().and_then(|fields| fields.get(name)?.as_str());
        found
            .map(SecretString::from)
            .ok_or_else(|| Failure::None(format!("{from} holds no token under {name}")))
    }
}
