//! Logins with a code that the user types into a page (RFC 8628; reference `providers.md` §12.3–12.5).

use std::time::Duration;

use opencode_config::credential::Credential;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::flow::{fill, filled};
use super::method::Device;
use super::methods::{CHATGPT, CHATGPT_CLIENT, CHATGPT_TOKENS};
use super::token::{self, Tokens};
use super::{Inputs, LoginError, Options};
use crate::http::{Answer, Call, Http};

/// Seconds that are waited in addition each time, because clocks differ.
const MARGIN: u64 = 3;
/// Seconds between two questions if nobody says.
const USUAL_INTERVAL: u64 = 5;
/// Seconds by which the questions slow down when they are too many.
const SLOWER: u64 = 5;
/// Seconds that the user has if nobody says.
const USUAL_PATIENCE: u64 = 900;
/// Seconds that the user has at most.
const MOST_PATIENCE: u64 = 3600;
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A login that waits for the user to type a code.
pub(super) struct Waiting {
    /// The page.
    pub(super) url: String,
    /// The code to type.
    pub(super) code: String,
    kind: Asked,
    interval: u64,
    patience: u64,
}

enum Asked {
    Device {
        device: &'static Device,
        issuer: String,
        device_code: String,
        own_host: Option<String>,
    },
    Headless {
        device_auth_id: String,
    },
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: Option<String>,
    verification_uri_complete: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    interval: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct HeadlessBegun {
    device_auth_id: String,
    #[serde(alias = "usercode")]
    user_code: String,
    #[serde(default, deserialize_with = "seconds")]
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct HeadlessDone {
    authorization_code: String,
    code_verifier: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pending {
    error: Option<String>,
    error_description: Option<String>,
    #[serde(deserialize_with = "seconds")]
    interval: Option<u64>,
}

/// Seconds as a number or as a text.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64().map(|number| number as u64),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// Begins a login with a code.
pub(super) async fn begin(
    device: &'static Device,
    inputs: &Inputs,
    http: &Http,
    options: &Options,
) -> Result<Waiting, LoginError> {
    let own_host = device
        .issuer_input
        .and_then(|name| filled(inputs, name))
        .map(host);
    let issuer = match &own_host {
        Some(host) => format!("https://{host}"),
        None => fill(device.issuer, inputs).unwrap_or_else(|| device.issuer.to_owned()),
    };
    let mut fields = vec![("client_id", device.client_id), ("scope", device.scope)];
    fields.extend(device.extra);
    let call = call(device.json, options.url(&issuer, device.start), &fields);
    let begun: Begun = http.send(call).await?.accepted()?.read()?;
    let page = begun.verification_uri_complete.or(begun.verification_uri);
    Ok(Waiting {
        url: page.ok_or_else(|| LoginError::Failed {
            reason: "the provider names no page for its code".to_owned(),
        })?,
        code: begun.user_code,
        interval: begun.interval.unwrap_or(USUAL_INTERVAL),
        patience: begun.expires_in.unwrap_or(USUAL_PATIENCE),
        kind: Asked::Device {
            device,
            issuer,
            device_code: begun.device_code,
            own_host,
        },
    })
}

/// Begins a login with a code, as ChatGPT does it.
pub(super) async fn begin_headless(http: &Http, options: &Options) -> Result<Waiting, LoginError> {
    let url = options.url(CHATGPT, "/api/accounts/deviceauth/usercode");
    let body = object(&[("client_id", CHATGPT_CLIENT)]);
    let begun: HeadlessBegun = http.send(Call::json(url, &body)).await?.accepted()?.read()?;
    Ok(Waiting {
        url: options.url(CHATGPT, "/codex/device"),
        code: begun.user_code,
        interval: begun.interval.unwrap_or(USUAL_INTERVAL).max(1),
        patience: USUAL_PATIENCE,
        kind: Asked::Headless {
            device_auth_id: begun.device_auth_id,
        },
    })
}

/// What one question brought.
enum Step {
    Done(Credential),
    Wait,
    /// So many seconds from now on.
    Slower(u64),
}

impl Waiting {
    /// Asks again and again, until the user is done.
    pub(super) async fn finish(self, http: &Http, options: &Options) -> Result<Credential, LoginError> {
        let second = |count: u64| {
            options
                .second
                .saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
        };
        let patience = self.patience.clamp(1, MOST_PATIENCE);
        let end = Instant::now() + second(patience);
        let mut interval = self.interval;
        loop {
            let pause: Duration = second(interval.saturating_add(MARGIN));
            if Instant::now() + pause > end {
                return Err(LoginError::Failed {
                    reason: "the code was not used in time".to_owned(),
                });
            }
            tokio::time::sleep(pause).await;
            let step = match &self.kind {
                Asked::Device {
                    device,
                    issuer,
                    device_code,
                    own_host,
                } => {
                    Self::ask(
                        device,
                        issuer,
                        device_code,
                        own_host.as_deref(),
                        interval,
                        http,
                        options,
                    )
                    .await?
                }
                Asked::Headless { device_auth_id } => {
                    Self::ask_headless(device_auth_id, &self.code, http, options).await?
                }
            };
            match step {
                Step::Done(credential) => return Ok(credential),
                Step::Wait => {}
                Step::Slower(seconds) => interval = seconds,
            }
        }
    }

    async fn ask(
        device: &Device,
        issuer: &str,
        device_code: &str,
        own_host: Option<&str>,
        interval: u64,
        http: &Http,
        options: &Options,
    ) -> Result<Step, LoginError> {
        let fields = [
            ("client_id", device.client_id),
            ("device_code", device_code),
            ("grant_type", GRANT),
        ];
        let url = options.url(issuer, device.token.url);
        let answer = http.send(call(device.json, url, &fields)).await?;
        // Some say with a good status that the user is not done.
        let said: Pending = answer.read().unwrap_or_default();
        match said.error.as_deref() {
            Some("authorization_pending") => Ok(Step::Wait),
            Some("slow_down") => Ok(Step::Slower(said.interval.unwrap_or(interval + SLOWER))),
            Some(error) => Err(LoginError::Failed {
                reason: format!(
                    "the login did not take place: {}",
                    said.error_description.as_deref().unwrap_or(error)
                ),
            }),
            None => {
                let tokens: Tokens = answer.accepted()?.read()?;
                let mut stored = tokens.credential(device.token, None)?;
                if let Credential::Oauth {
                    refresh,
                    access,
                    expires,
                    enterprise_url,
                    ..
                } = &mut stored
                {
                    if device.forever {
                        *refresh = access.clone();
                        *expires = 0;
                    }
                    *enterprise_url = own_host.map(str::to_owned);
                }
                Ok(Step::Done(stored))
            }
        }
    }

    async fn ask_headless(
        device_auth_id: &str,
        code: &str,
        http: &Http,
        options: &Options,
    ) -> Result<Step, LoginError> {
        let url = options.url(CHATGPT, "/api/accounts/deviceauth/token");
        let body = object(&[("device_auth_id", device_auth_id), ("user_code", code)]);
        let answer: Answer = http.send(Call::json(url, &body)).await?;
        if matches!(answer.status, 403 | 404) {
            return Ok(Step::Wait);
        }
        let done: HeadlessDone = answer.accepted()?.read()?;
        let redirect = format!("{}/deviceauth/callback", options.base(CHATGPT));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", done.authorization_code.as_str()),
            ("redirect_uri", &redirect),
            ("client_id", CHATGPT_CLIENT),
            ("code_verifier", &done.code_verifier),
        ];
        let url = options.url(CHATGPT, CHATGPT_TOKENS.url);
        let tokens = token::ask(http, &url, &CHATGPT_TOKENS, &fields).await?;
        tokens.credential(&CHATGPT_TOKENS, None).map(Step::Done)
    }
}

fn call<'a>(json: bool, url: String, fields: &[(&str, &str)]) -> Call<'a> {
    if json {
        Call::json(url, &object(fields))
    } else {
        Call::form(url, fields)
    }
}

fn object(fields: &[(&str, &str)]) -> Value {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// The host of an address, or what is one already.
fn host(text: &str) -> String {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    text.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}
