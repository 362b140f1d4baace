//! Tokens as providers give them, and credentials as they are stored.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use opencode_config::credential::Credential;
use opencode_schema::time::{Millis, now};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::LoginError;
use super::method::Exchange;
use crate::http::{Call, Http};

/// What a provider gives.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Tokens {
    access_token: Option<String>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    expires_in: Option<f64>,
    api_key: Option<String>,
    api_key_expires_in: Option<f64>,
}

/// Asks for tokens.
pub(super) async fn ask(
    http: &Http,
    url: &str,
    exchange: &Exchange,
    fields: &[(&str, &str)],
) -> Result<Tokens, LoginError> {
    let mut call = Call::form(url, fields);
    if let Some((login, password)) = exchange.basic {
        let word = STANDARD.encode(format!("{login}:{password}"));
        call = call.header("authorization", format!("Basic {word}"));
    }
    Ok(http.send(call).await?.accepted()?.read()?)
}

impl Tokens {
    /// The credential that is stored; `before` is the one that it replaces.
    pub(super) fn credential(
        self,
        exchange: &Exchange,
        before: Option<&Credential>,
    ) -> Result<Credential, LoginError> {
        let (kept_refresh, kept_account, kept_url) = match before {
            Some(Credential::Oauth {
                refresh,
                account_id,
                enterprise_url,
                ..
            }) => (Some(refresh.clone()), account_id.clone(), enterprise_url.clone()),
            _ => (None, None, None),
        };
        let account = self.id_token.as_deref().and_then(account_id);
        let account = account.or_else(|| self.access_token.as_deref().and_then(account_id));
        let lasts = self
            .api_key_expires_in
            .or(self.expires_in)
            .unwrap_or(exchange.lasts as f64);
        let access = self
            .api_key
            .or(self.access_token)
            .filter(|token| !token.is_empty());
        let access: SecretString = match access {
            Some(token) => token.into(),
            None => {
                return Err(LoginError::Failed {
                    reason: "the provider gave no token".to_owned(),
                });
            }
        };
        let refresh = self.refresh_token.map(SecretString::from).or(kept_refresh);
        Ok(Credential::Oauth {
            refresh: refresh.unwrap_or_else(|| access.clone()),
            access,
            expires: now().saturating_add((lasts.clamp(0.0, 1e10) * 1000.0) as Millis),
            account_id: account.or(kept_account),
            enterprise_url: kept_url,
        })
    }
}

/// The claims of a token. They are believed only as far as they route requests; nothing is verified.
pub(super) fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

/// The account of a token of ChatGPT.
pub(super) fn account_id(token: &str) -> Option<String> {
    let claims = claims(token)?;
    let own = &claims["chatgpt_account_id"];
    let nested = &claims["https://api.openai.com/auth"]["chatgpt_account_id"];
    let organization = &claims["organizations"][0]["id"];
    [own, nested, organization]
        .into_iter()
        .find_map(Value::as_str)
        .map(str::to_owned)
}

#[cfg(test)]
pub(super) fn test_token(claims: &Value) -> String {
    format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_account_is_found_where_it_may_be() {
        for (claims, wanted) in [
            (json!({ "chatgpt_account_id": "a" }), Some("a")),
            (
                json!({ "https://api.openai.com/auth": { "chatgpt_account_id": "b" } }),
                Some("b"),
            ),
            (json!({ "organizations": [{ "id": "c" }] }), Some("c")),
            (json!({ "organizations": [] }), None),
            (json!([]), None),
        ] {
            assert_eq!(account_id(&test_token(&claims)).as_deref(), wanted, "{claims}");
        }
        for broken in ["", "a.b", "a.!!.c", "a.bnVsbA.c"] {
            assert_eq!(account_id(broken), None);
        }
    }

    #[test]
    fn a_new_token_keeps_what_it_does_not_bring() {
        let before = Credential::Oauth {
            refresh: "old".into(),
            access: "x".into(),
            expires: 0,
            account_id: Some("acc".into()),
            enterprise_url: Some("https://host".into()),
        };
        let exchange = &crate::login::methods::CHATGPT_TOKENS;
        let tokens: Tokens = serde_json::from_value(json!({ "access_token": "new" })).unwrap();
        let Credential::Oauth {
            refresh,
            access,
            expires,
            account_id,
            enterprise_url,
        } = tokens.credential(exchange, Some(&before)).unwrap()
        else {
            panic!()
        };
        assert_eq!((refresh.expose_secret(), access.expose_secret()), ("old", "new"));
        assert_eq!(
            (account_id.as_deref(), enterprise_url.as_deref()),
            (Some("acc"), Some("https://host"))
        );
        let left = expires - now();
        assert!((3_590_000..=3_600_000).contains(&left), "{left}");
        assert!(Tokens::default().credential(exchange, None).is_err());
    }
}
