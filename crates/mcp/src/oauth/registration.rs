//! What this program is called at an authorization server (reference `integrations.md` §A15.4; RFC 7591).

use opencode_schema::mcp::OAuthSettings;
use serde::Deserialize;
use serde_json::{Number, Value, json};
use url::Url;

use super::discovery::Discovered;
use super::error::OAuthError;
use super::grant::refusal;
use super::http::{Call, Http};
use super::store::Client;

/// What a server answers to a registration.
#[derive(Deserialize)]
struct Registered {
    client_id: String,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    client_id_issued_at: Option<Number>,
    #[serde(default)]
    client_secret_expires_at: Option<Number>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
}

/// The client that configuration names; none when this program is to register itself.
///
/// An id that is an address is the address of a document about the program (SEP-991). It is good where the
/// server reads such documents; where it does not, and registers programs, that is the better way.
pub(super) fn configured(settings: &OAuthSettings, discovered: &Discovered) -> Option<Client> {
    let id = settings.client_id.as_ref().filter(|id| !id.is_empty())?;
    let reads_documents = discovered
        .metadata()
        .is_some_and(|metadata| metadata.client_id_metadata_document_supported);
    if is_document(id) && !reads_documents && discovered.registration_endpoint().is_ok() {
        return None;
    }
    Some(Client {
        id: id.clone(),
        secret: settings.client_secret.clone().map(Into::into),
        issued_at: None,
        secret_expires_at: None,
        method: None,
    })
}

fn is_document(id: &str) -> bool {
    Url::parse(id).is_ok_and(|url| url.scheme() == "https" && url.path() != "/")
}

/// Registers this program.
pub(super) async fn register(
    http: &Http,
    discovered: &Discovered,
    settings: &OAuthSettings,
    redirect: &str,
    scope: Option<&str>,
) -> Result<Client, OAuthError> {
    let endpoint = discovered.registration_endpoint()?;
    let has_secret = settings.client_secret.is_some();
    let mut body = json!({
        "redirect_uris": [redirect],
        "client_name": "OpenCode",
        "client_uri": "https://opencode.ai",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": if has_secret { "client_secret_post" } else { "none" },
    });
    if let Some(scope) = scope {
        body["scope"] = scope.into();
    }
    let answer = http.send(Call::json(endpoint, &body)).await?;
    if !answer.is_good() {
        return Err(refusal(&answer));
    }
    let value = answer.object().map(|mut value| {
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|_, field: &mut Value| !field.is_null());
        }
        value
    });
    let Some(Ok(registered)) = value.map(Registered::deserialize) else {
        return Err(answer.unexpected("without a client id"));
    };
    if registered.client_id.is_empty() || registered.client_id.chars().any(char::is_control) {
        return Err(answer.unexpected("with a client id that is none"));
    }
    Ok(Client {
        id: registered.client_id,
        secret: registered.client_secret.map(Into::into),
        issued_at: registered.client_id_issued_at,
        secret_expires_at: registered.client_secret_expires_at,
        method: registered.token_endpoint_auth_method,
    })
}
