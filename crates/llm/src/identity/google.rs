//! Tokens of Google: the application default credentials.
//!
//! In this order: the file that `GOOGLE_APPLICATION_CREDENTIALS` names; the one that `gcloud auth
//! application-default login` left; the machine's own account, where the program runs on Google's. A file may
//! be that of a service account, of a user, of an account of others, or say as whom another one may act.

mod external;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use self::external::External;
use super::http::{Http, Question, Reply};
use super::{Failure, Surroundings};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKENS: &str = "https://oauth2.googleapis.com/token";
const MACHINE: &str = "http://metadata.google.internal";
const MACHINE_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
/// As long as a token is asked for.
const LIFETIME: u64 = 3600;
/// A file with credentials is not larger.
const MOST: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount {
        client_email: String,
        private_key: SecretString,
        #[serde(default)]
        private_key_id: Option<String>,
        #[serde(default)]
        token_uri: Option<String>,
    },
    AuthorizedUser {
        client_id: String,
        client_secret: SecretString,
        refresh_token: SecretString,
        #[serde(default)]
        token_uri: Option<String>,
    },
    ExternalAccount(Box<External>),
    ExternalAccountAuthorizedUser {
        client_id: String,
        client_secret: SecretString,
        refresh_token: SecretString,
        token_url: String,
    },
    ImpersonatedServiceAccount {
        source_credentials: Box<File>,
        service_account_impersonation_url: String,
        #[serde(default)]
        delegates: Vec<String>,
    },
    #[serde(other)]
    Other,
}

/// A token for an account that another one may act as.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lent {
    access_token: SecretString,
    expire_time: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// A token and its end.
pub(super) async fn find(
    surroundings: &Surroundings,
    http: &Http<'_>,
) -> Result<(SecretString, SystemTime), Failure> {
    if let Some(path) = surroundings.get("GOOGLE_APPLICATION_CREDENTIALS") {
        return from_file(Path::new(path), surroundings, http).await;
    }
    let path = well_known(surroundings);
    if tokio::fs::try_exists(&path).await.unwrap_or(false) {
        return from_file(&path, surroundings, http).await;
    }
    from_machine(surroundings, http).await.map_err(|failure| match failure {
        Failure::Connection { .. } => Failure::None(format!(
            "Google wants to know who asks, and nothing says it. Set GOOGLE_APPLICATION_CREDENTIALS to a file \
             with credentials, or run `gcloud auth application-default login` ({} is not there)",
            path.display()
        )),
        none => none,
    })
}

/// Where the tools of Google leave credentials.
fn well_known(surroundings: &Surroundings) -> PathBuf {
    let folder = match (surroundings.get("CLOUDSDK_CONFIG"), surroundings.get("APPDATA")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(folder)) if cfg!(windows) => Path::new(folder).join("gcloud"),
        _ => surroundings.home.join(".config/gcloud"),
    };
    folder.join("application_default_credentials.json")
}

async fn from_file(
    path: &Path,
    surroundings: &Surroundings,
    http: &Http<'_>,
) -> Result<(SecretString, SystemTime), Failure> {
    let unusable = |what: String| Failure::None(format!("the credentials in {} {what}", path.display()));
    let text = super::aws::read_file(path, MOST)
        .await
        .map_err(|error| unusable(format!("cannot be read: {error}")))?;
    // Words of the parser may show what stands in the file.
    let file: File = serde_json::from_str(&text)
        .map_err(|error| unusable(format!("are not what they should be (line {})", error.line())))?;
    let lent = match file {
        File::ImpersonatedServiceAccount {
            source_credentials,
            service_account_impersonation_url,
            delegates,
        } => {
            let (source, _) = of_file(*source_credentials, &unusable, surroundings, http).await?;
            return impersonate(&service_account_impersonation_url, &source, &delegates, http).await;
        }
        file => file,
    };
    of_file(lent, &unusable, surroundings, http).await
}

/// A token for whoever a file is of, and its end.
async fn of_file(
    file: File,
    unusable: &impl Fn(String) -> Failure,
    surroundings: &Surroundings,
    http: &Http<'_>,
) -> Result<(SecretString, SystemTime), Failure> {
    let address = |address: Option<String>| {
        let address = address.unwrap_or_else(|| TOKENS.to_owned());
        Url::parse(&address).map_err(|_| unusable(format!("name a token address that is none: {address}")))
    };
    let question = match file {
        File::ServiceAccount {
            client_email,
            private_key,
            private_key_id,
            token_uri,
        } => {
            let url = address(token_uri)?;
            let claim = claim(
                &client_email,
                &private_key,
                private_key_id.as_deref(),
                url.as_str(),
            )
            .map_err(|what| unusable(format!("hold a private key that {what}")))?;
            Question::form(
                url,
                &[
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", &claim),
                ],
            )
        }
        File::AuthorizedUser {
            client_id,
            client_secret,
            refresh_token,
            token_uri,
        } => Question::form(
            address(token_uri)?,
            &[
                ("grant_type", "refresh_token"),
                ("client_id", &client_id),
                ("client_secret", client_secret.expose_secret()),
                ("refresh_token", refresh_token.expose_secret()),
            ],
        ),
        File::ExternalAccount(account) => {
            return Box::pin(external::find(&account, surroundings, http)).await;
        }
        File::ExternalAccountAuthorizedUser {
            client_id,
            client_secret,
            refresh_token,
            token_url,
        } => Question::form(
            address(Some(token_url))?,
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token.expose_secret()),
            ],
        )
        .header("authorization", external::basic(&client_id, &client_secret)),
        File::ImpersonatedServiceAccount { .. } => {
            return Err(unusable("act for an account that acts for another".to_owned()));
        }
        File::Other => {
            return Err(unusable(
                "are of a kind that is not known here: use those of a service account, of a user or of an account \
                 of others"
                    .to_owned(),
            ));
        }
    };
    token(&http.ask(question).await?).map_err(|what| unusable(format!("are refused: {what}")))
}

/// A token for an account that another one may act as.
async fn impersonate(
    url: &str,
    source: &SecretString,
    delegates: &[String],
    http: &Http<'_>,
) -> Result<(SecretString, SystemTime), Failure> {
    let body = json!({"scope": [SCOPE], "lifetime": format!("{LIFETIME}s"), "delegates": delegates});
    let question = Question::json(parse(url)?, &body)
        .header("authorization", format!("Bearer {}", source.expose_secret()));
    let reply = http.ask(question).await?;
    let refused =
        |what: String| Failure::None(format!("the Google account may not act as the other one: {what}"));
    if !reply.is_good() {
        return Err(refused(reply.short()));
    }
    let lent: Lent =
        serde_json::from_str(&reply.body).map_err(|_| refused("the answer holds no token".to_owned()))?;
    let end = lent.expire_time.parse::<jiff::Timestamp>().map(SystemTime::from);
    let end = end.unwrap_or_else(|_| SystemTime::now() + Duration::from_secs(LIFETIME));
    Ok((lent.access_token, end))
}

fn parse(address: &str) -> Result<Url, Failure> {
    let url = Url::parse(address).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| {
            Failure::None(format!(
                "the credentials of Google name an address that is none: {address}"
            ))
        })
}

async fn from_machine(
    surroundings: &Surroundings,
    http: &Http<'_>,
) -> Result<(SecretString, SystemTime), Failure> {
    let base = match surroundings
        .get("GCE_METADATA_HOST")
        .or_else(|| surroundings.get("GCE_METADATA_IP"))
    {
        Some(host) => format!("http://{host}"),
        None => MACHINE.to_owned(),
    };
    let mut url = Url::parse(&format!("{base}{MACHINE_PATH}"))
        .map_err(|_| Failure::None(format!("{base} is no address")))?;
    url.query_pairs_mut().append_pair("scopes", SCOPE);
    let question = Question::get(url).near().header("metadata-flavor", "Google");
    token(&http.ask(question).await?)
        .map_err(|what| Failure::None(format!("the machine's account gives no token: {what}")))
}

fn token(reply: &Reply) -> Result<(SecretString, SystemTime), String> {
    if !reply.is_good() {
        return Err(reply.short());
    }
    let token: Token =
        serde_json::from_str(&reply.body).map_err(|_| "the answer holds no token".to_owned())?;
    let lifetime = Duration::from_secs(token.expires_in.unwrap_or(LIFETIME).min(24 * LIFETIME));
    Ok((token.access_token, SystemTime::now() + lifetime))
}

/// The account's own word for who it is, signed.
fn claim(
    email: &str,
    key: &SecretString,
    key_id: Option<&str>,
    audience: &str,
) -> Result<String, &'static str> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut head = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = key_id.filter(|id| !id.is_empty()) {
        head["kid"] = id.into();
    }
    let body = json!({
        "iss": email,
        "scope": SCOPE,
        "aud": audience,
        "iat": now,
        "exp": now.saturating_add(LIFETIME),
    });
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let signed = format!(
        "{}.{}",
        encode(head.to_string().as_bytes()),
        encode(body.to_string().as_bytes())
    );
    let pair = key_pair(key.expose_secret())?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .map_err(|_| "cannot sign")?;
    Ok(format!("{signed}.{}", encode(&signature)))
}

/// A key between its lines of dashes.
fn key_pair(pem: &str) -> Result<RsaKeyPair, &'static str> {
    let inner: String = pem
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = STANDARD
        .decode(inner.as_bytes())
        .map_err(|_| "is not written as keys are")?;
    let pair = if pem.contains("BEGIN RSA PRIVATE KEY") {
        RsaKeyPair::from_der(&bytes)
    } else {
        RsaKeyPair::from_pkcs8(&bytes)
    };
    pair.map_err(|_| "is no RSA key")
}
