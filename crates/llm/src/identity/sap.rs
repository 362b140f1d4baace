//! Tokens of SAP AI Core for a service key, and the deployment that answers (reference `providers.md` §3.3).

use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::Failure;
use super::http::{Http, Question, Reply};

/// A token lasts so long if nobody says.
const LIFETIME: u64 = 3600;
/// What stands for the deployment in an address.
const SOME: &str = "/deployments/-/";
/// Where the deployments lie below the same address.
const DEPLOYMENTS: &str = "/v2/lm/deployments?scenarioId=orchestration&status=RUNNING";
/// The folder of everything that is sent to a deployment.
const INFERENCE: &str = "/v2/inference/";

/// Who asks SAP AI Core, and where.
#[derive(Clone)]
pub struct Sap {
    /// The key.
    pub key: ServiceKey,
    /// Which part of the account is meant.
    pub resource_group: String,
    /// The deployment to ask; the first that runs if `None`.
    pub deployment: Option<String>,
}

/// A service key, as SAP gives it out.
#[derive(Clone)]
pub struct ServiceKey {
    id: String,
    secret: SecretString,
    /// Where tokens are.
    tokens: Url,
    /// Where the service is, without a path.
    api: String,
}

#[derive(Deserialize)]
struct Written {
    clientid: String,
    #[serde(default)]
    clientsecret: Option<SecretString>,
    url: String,
    serviceurls: Addresses,
}

#[derive(Deserialize)]
struct Addresses {
    #[serde(rename = "AI_API_URL")]
    api: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Deployments {
    resources: Vec<Deployment>,
}

#[derive(Deserialize)]
struct Deployment {
    id: String,
}

impl ServiceKey {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the words hold nothing of the key.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let written: Written = serde_json::from_str(text).map_err(
            |_| "it is not the JSON of a service key, with clientid, clientsecret, url and serviceurls",
        )?;
        let secret = written
            .clientsecret
            .ok_or("it has no clientsecret; keys with a certificate are not taken")?;
        let address = |text: &str| {
            Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
        };
        let mut tokens = address(&written.url).ok_or("its url is no address")?;
        tokens.set_path("/oauth/token");
        let api = address(&written.serviceurls.api).ok_or("its AI_API_URL is no address")?;
        Ok(Self {
            id: written.clientid,
            secret,
            tokens,
            api: api.origin().ascii_serialization(),
        })
    }

    /// Address of the service.
    #[must_use]
    pub fn api(&self) -> &str {
        &self.api
    }
}

impl Sap {
    /// Everything that tells it from others.
    pub(super) fn mark(&self, add: &mut impl FnMut(&str)) {
        add(&self.key.id);
        add(self.key.secret.expose_secret());
        add(self.key.tokens.as_str());
        add(&self.key.api);
        add(&self.resource_group);
        add(self.deployment.as_deref().unwrap_or_default());
    }
}

/// A token, the deployment, and the end of the token.
pub(super) async fn find(
    sap: &Sap,
    url: &Url,
    http: &Http<'_>,
) -> Result<(SecretString, String, SystemTime), Failure> {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &*sap.key.id),
        ("client_secret", sap.key.secret.expose_secret()),
    ];
    let reply = http.ask(Question::form(sap.key.tokens.clone(), &fields)).await?;
    let token: Token = read(&reply, "SAP does not accept the service key", "token")?;
    let lifetime = Duration::from_secs(token.expires_in.unwrap_or(LIFETIME).min(24 * LIFETIME));
    let until = SystemTime::now() + lifetime;
    if let Some(deployment) = &sap.deployment {
        return Ok((token.access_token, deployment.clone(), until));
    }
    let list = url.as_str().split(INFERENCE).next().unwrap_or_default();
    let list = Url::parse(&format!("{list}{DEPLOYMENTS}"))
        .map_err(|_| Failure::None("the address of SAP AI Core is none".to_owned()))?;
    let question = Question::get(list)
        .header(
            "authorization",
            format!("Bearer {}", token.access_token.expose_secret()),
        )
        .header("ai-resource-group", sap.resource_group.clone());
    let reply = http.ask(question).await?;
    let found: Deployments = read(&reply, "SAP does not say what is deployed", "list of deployments")?;
    let first = found.resources.into_iter().next().ok_or_else(|| {
        Failure::None(format!(
            "no orchestration is deployed and running in the resource group {}: deploy one, or name another group \
             in AICORE_RESOURCE_GROUP",
            sap.resource_group
        ))
    })?;
    Ok((token.access_token, first.id, until))
}

fn read<T: serde::de::DeserializeOwned>(reply: &Reply, refused: &str, wanted: &str) -> Result<T, Failure> {
    if matches!(reply.status, 429 | 500..) {
        return Err(Failure::Connection {
            url: "SAP AI Core".to_owned(),
            message: reply.short(),
        });
    }
    if !reply.is_good() {
        return Err(Failure::None(format!("{refused}: {}", reply.short())));
    }
    serde_json::from_str(&reply.body)
        .map_err(|_| Failure::None(format!("{refused}: the answer holds no {wanted}")))
}

/// Puts the deployment into an address.
pub(super) fn lead(url: &mut Url, deployment: &str) {
    let Some((before, after)) = url.path().split_once(SOME) else {
        return;
    };
    let path = format!("{before}/deployments/{deployment}/{after}");
    url.set_path(&path);
}
