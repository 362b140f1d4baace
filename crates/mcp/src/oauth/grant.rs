//! Tokens: for the code of a login, for an older token, and for a program itself (RFC 6749 §4.1.3, §6, §4.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::discovery::Discovered;
use super::error::{OAuthError, words};
use super::http::{Answer, Call, Http};
use super::store::{Client, Tokens, now};

/// How a program proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Basic,
    Post,
    None,
}

impl Method {
    fn named(name: &str) -> Option<Self> {
        match name {
            "client_secret_basic" => Some(Self::Basic),
            "client_secret_post" => Some(Self::Post),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// What was agreed on, else the best that the server supports.
    fn of(client: &Client, supported: Option<&[String]>) -> Self {
        let supported = supported.unwrap_or_default();
        let has_secret = client.secret.is_some();
        let supports = |method: Self| supported.iter().any(|name| Self::named(name) == Some(method));
        let agreed = client.method.as_deref().and_then(Self::named);
        let agreed = agreed.filter(|&method| supported.is_empty() || supports(method));
        match agreed {
            Some(Self::None) => return Self::None,
            Some(method) if has_secret => return method,
            _ => {}
        }
        match has_secret {
            true if supported.is_empty() || supports(Self::Basic) => Self::Basic,
            true if supports(Self::Post) || !supports(Self::None) => Self::Post,
            _ => Self::None,
        }
    }
}

/// What tokens are asked for with.
pub(super) enum Grant<'a> {
    /// The code that a browser brought.
    Code {
        code: &'a str,
        verifier: &'a SecretString,
        redirect: &'a str,
    },
    /// A token to renew others with.
    Refresh(&'a SecretString),
    /// Nothing but the program itself.
    Program { scope: Option<&'a str> },
}

/// Asks for tokens.
pub(super) async fn ask(
    http: &Http,
    discovered: &Discovered,
    client: &Client,
    grant: Grant<'_>,
) -> Result<Tokens, OAuthError> {
    let endpoint = discovered.token_endpoint()?;
    let mut fields: Vec<(&str, &str)> = match &grant {
        Grant::Code {
            code,
            verifier,
            redirect,
        } => vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier.expose_secret()),
            ("redirect_uri", redirect),
        ],
        Grant::Refresh(token) => vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose_secret()),
        ],
        Grant::Program { scope } => {
            let mut fields = vec![("grant_type", "client_credentials")];
            fields.extend(scope.map(|scope| ("scope", scope)));
            fields
        }
    };
    if let Some(resource) = &discovered.resource {
        fields.push(("resource", resource.as_str()));
    }
    let supported = discovered
        .metadata()
        .and_then(|metadata| metadata.token_endpoint_auth_methods_supported.as_deref());
    let secret = client.secret.as_ref().map(|secret| secret.expose_secret());
    let mut proof = None;
    match Method::of(client, supported) {
        Method::Basic => {
            let login = format!("{}:{}", plain(&client.id), plain(secret.unwrap_or_default()));
            proof = Some(format!("Basic {}", STANDARD.encode(login)));
        }
        Method::Post => {
            fields.push(("client_id", &client.id));
            fields.extend(secret.map(|secret| ("client_secret", secret)));
        }
        Method::None => fields.push(("client_id", &client.id)),
    }
    let mut call = Call::form(endpoint, &fields);
    if let Some(proof) = &proof {
        call = call.header(AUTHORIZATION, proof);
    }
    let answer = http.send(call).await?;
    if !answer.is_good() {
        return Err(refusal(&answer));
    }
    let tokens = answer.object().and_then(|value| tokens(&value));
    // Some servers refuse with a good status.
    tokens.ok_or_else(
        || match answer.object().filter(|value| value["error"].is_string()) {
            Some(_) => refusal(&answer),
            None => answer.unexpected("without a token"),
        },
    )
}

fn tokens(value: &Value) -> Option<Tokens> {
    let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty());
    let lasts = &value["expires_in"];
    let lasts = lasts.as_f64().or_else(|| lasts.as_str()?.trim().parse().ok());
    let lasts = lasts.filter(|lasts| lasts.is_finite() && *lasts > 0.0);
    Some(Tokens {
        access: text("access_token")?.into(),
        refresh: text("refresh_token").map(Into::into),
        expires_at: lasts.map(|lasts| now() + lasts.min(1e10)),
        scope: value["scope"].as_str().map(str::to_owned),
    })
}

/// RFC 6749 §2.3.1 wants id and secret encoded as in forms, which many servers do not expect. Only what would be
/// misread is encoded.
fn plain(text: &str) -> String {
    let is_fine = |c: char| c.is_ascii_graphic() && !matches!(c, '%' | '+' | ':');
    let mut encoded = String::new();
    for character in text.chars() {
        if is_fine(character) {
            encoded.push(character);
        } else {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    encoded
}

/// What a server that refuses says of it (RFC 6749 §5.2).
pub(super) fn refusal(answer: &Answer) -> OAuthError {
    let object = answer.object();
    let text = |name: &str| object.as_ref()?[name].as_str().map(words);
    match text("error") {
        Some(code) => OAuthError::Refused {
            code,
            description: text("error_description").unwrap_or_default(),
        },
        None => {
            let body = String::from_utf8_lossy(&answer.body);
            let body = body.trim();
            let told = if body.is_empty() || body.starts_with('<') {
                answer.status.to_string()
            } else {
                format!("{}: {}", answer.status, words(body))
            };
            answer.unexpected(told)
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_prove_who_they_are_as_servers_want() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        let (basic, post, none) = ("client_secret_basic", "client_secret_post", "none");
        let cases = [
            (true, None, names(&[]), Method::Basic),
            (false, None, names(&[]), Method::None),
            (true, None, names(&[basic, post]), Method::Basic),
            (true, None, names(&[post, none]), Method::Post),
            (true, None, names(&[none]), Method::None),
            (true, None, names(&["private_key_jwt"]), Method::Post),
            (false, None, names(&[basic]), Method::None),
            (true, Some(post), names(&[basic, post]), Method::Post),
            (true, Some(post), names(&[basic]), Method::Basic),
            (true, Some(none), names(&[]), Method::None),
            (false, Some(basic), names(&[]), Method::None),
        ];
        for (has_secret, agreed, supported, wanted) in cases {
            let client = Client {
                id: "c".to_owned(),
                secret: has_secret.then(|| "s".into()),
                issued_at: None,
                secret_expires_at: None,
                method: agreed.map(str::to_owned),
            };
            assert_eq!(
                Method::of(&client, Some(&supported)),
                wanted,
                "{has_secret} {agreed:?} {supported:?}"
            );
        }
    }

    #[test]
    fn tokens_are_read_as_they_come() {
        assert!(tokens(&json!({})).is_none() && tokens(&json!({ "access_token": "" })).is_none());
        for (lasts, wanted) in [
            (json!(60), Some(60.0)),
            (json!("60"), Some(60.0)),
            (json!(0), None),
            (json!(-1), None),
            (json!("soon"), None),
            (json!(null), None),
        ] {
            let read = tokens(&json!({ "access_token": "a", "expires_in": lasts })).unwrap();
            let left = read.expires_at.map(|end| end - now());
            assert_eq!(left.is_some(), wanted.is_some(), "{lasts}");
            assert!(left.unwrap_or(0.0) <= wanted.unwrap_or(0.0), "{lasts}");
        }
    }

    #[test]
    fn logins_are_encoded_where_they_would_be_misread() {
        assert_eq!(plain("aZ9-._~/=!"), "aZ9-._~/=!");
        assert_eq!(plain("a:b+c%d e\u{e9}"), "a%3Ab%2Bc%25d%20e%C3%A9");
    }
}
