//! Who gives tokens for a server, and how he is asked (reference `integrations.md` §A15.3; RFC 9728, RFC 8414).

use std::collections::BTreeSet;

use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::challenge::Demand;
use super::error::OAuthError;
use super::http::{Answer, Call, Http, is_here, shown};

/// The version of the protocol that is offered to servers.
pub(super) const PROTOCOL_VERSION: &str = "2025-11-25";
/// Goes with every question.
pub(super) const VERSION_HEADER: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// What an authorization server says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    registration_endpoint: Option<String>,
    scopes_supported: Option<Vec<String>>,
    response_types_supported: Option<Vec<String>>,
    pub(super) grant_types_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    pub(super) client_id_metadata_document_supported: bool,
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// What a server says of itself.
#[derive(Clone, Debug, Deserialize)]
struct Resource {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Option<Vec<String>>,
}

/// Who gives tokens for a server.
#[derive(Clone, Debug)]
pub(super) struct Discovered {
    /// What tokens are asked for; none where the server does not say.
    pub(super) resource: Option<Url>,
    resource_scopes: Option<Vec<String>>,
    /// Who gives them.
    server: Url,
    metadata: Option<Metadata>,
    /// Whether addresses without encryption are good enough, because the server has one itself.
    may_be_plain: bool,
}

/// Somebody who asks.
pub(super) struct Discovery<'a> {
    pub(super) http: &'a Http,
    /// The server that wants a token.
    pub(super) server: &'a Url,
    /// What configuration wants to be sent to it.
    pub(super) headers: &'a HeaderMap,
}

impl Discovery<'_> {
    /// Finds out who gives tokens.
    pub(super) async fn run(&self, demand: &Demand) -> Result<Discovered, OAuthError> {
        let may_be_plain = self.may_be_plain();
        let resource = self.resource(demand).await?;
        let mut origin = self.server.clone();
        origin.set_path("/");
        origin.set_query(None);
        origin.set_fragment(None);
        let Some(described) = resource else {
            // Parity: servers of the version 2025-03-26 give tokens themselves.
            let metadata = self.metadata(&origin).await?;
            if let Some(metadata) = &metadata {
                let issuer = metadata
                    .issuer
                    .as_deref()
                    .and_then(|issuer| Url::parse(issuer).ok());
                if let Some(issuer) = issuer.filter(|issuer| issuer.origin() != origin.origin()) {
                    return Err(OAuthError::IssuerMismatch {
                        issuer: shown(&issuer),
                        expected: origin.into(),
                    });
                }
            }
            return Ok(Discovered {
                resource: None,
                resource_scopes: None,
                server: origin,
                metadata,
                may_be_plain,
            });
        };
        let resource = self.checked(&described.resource)?;
        let server = match described.authorization_servers.first() {
            Some(server) => secure(server, may_be_plain)?,
            None => origin,
        };
        let metadata = self.metadata(&server).await?;
        if let Some(metadata) = &metadata {
            check_issuer(metadata, &server)?;
        }
        Ok(Discovered {
            resource: Some(resource),
            resource_scopes: described.scopes_supported,
            server,
            metadata,
            may_be_plain,
        })
    }

    /// Whether addresses without encryption, which may be those of this machine, are good enough: a server
    /// elsewhere that has encryption names none.
    fn may_be_plain(&self) -> bool {
        self.server.scheme() == "http" || is_here(self.server)
    }

    /// What the server says of itself, where it does.
    async fn resource(&self, demand: &Demand) -> Result<Option<Resource>, OAuthError> {
        let mut places = Vec::new();
        if let Some(named) = &demand.resource_metadata {
            match secure(named, self.may_be_plain()) {
                Ok(named) => places.push(named),
                Err(error) => tracing::warn!(%error, "the server's metadata is not where it says"),
            }
        }
        let path = self.server.path().trim_end_matches('/');
        let at = |path: String, query: Option<&str>| {
            let mut url = self.server.clone();
            url.set_path(&path);
            url.set_query(query);
            url.set_fragment(None);
            url
        };
        const NAME: &str = "/.well-known/oauth-protected-resource";
        places.push(at(format!("{NAME}{path}"), self.server.query()));
        if !path.is_empty() {
            places.push(at(NAME.to_owned(), None));
        }
        let mut asked = BTreeSet::new();
        for place in places {
            if !asked.insert(place.to_string()) {
                continue;
            }
            let Ok(answer) = self.ask(place).await else {
                continue;
            };
            let described = answer.is_good().then(|| answer.object()).flatten();
            if let Some(Ok(resource)) = described.map(Resource::deserialize) {
                return Ok(Some(resource));
            }
        }
        Ok(None)
    }

    /// The resource that the server names, if it is the server or what the server is a part of.
    fn checked(&self, named: &str) -> Result<Url, OAuthError> {
        let mismatch = || OAuthError::ResourceMismatch {
            resource: named.to_owned(),
            server: shown(self.server),
        };
        let resource = Url::parse(named).map_err(|_| mismatch())?;
        let with_end = |path: &str| format!("{}/", path.trim_end_matches('/'));
        let (own, other) = (with_end(self.server.path()), with_end(resource.path()));
        if resource.origin() != self.server.origin() || !own.starts_with(&other) {
            return Err(mismatch());
        }
        Ok(resource)
    }

    /// What the authorization server says of itself, where it does.
    async fn metadata(&self, server: &Url) -> Result<Option<Metadata>, OAuthError> {
        for place in metadata_places(server) {
            let Ok(answer) = self.ask(place).await else {
                continue;
            };
            if answer.status >= 500 {
                let what = format!("{} when it is asked for its metadata", answer.status);
                return Err(answer.unexpected(what));
            }
            // What is no JSON is somebody's page for what is not there.
            let Some(object) = answer.is_good().then(|| answer.object()).flatten() else {
                continue;
            };
            return match Metadata::deserialize(without_nulls(object)) {
                Ok(metadata) => Ok(Some(metadata)),
                Err(error) => Err(answer.unexpected(format!("with metadata that do not fit: {error}"))),
            };
        }
        Ok(None)
    }

    async fn ask(&self, place: Url) -> Result<Answer, OAuthError> {
        let is_own = place.origin() == self.server.origin();
        let mut call = Call::get(place).header(VERSION_HEADER, PROTOCOL_VERSION);
        if is_own {
            call = call.headers(self.headers);
        }
        self.http.send(call).await
    }
}

/// Where an authorization server may describe itself, in the order in which it is asked.
fn metadata_places(server: &Url) -> Vec<Url> {
    let at = |path: String| {
        let mut url = server.clone();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    let path = server.path().trim_end_matches('/');
    let mut places = vec![
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("/.well-known/openid-configuration{path}")),
    ];
    if !path.is_empty() {
        places.push(at(format!("{path}/.well-known/openid-configuration")));
    }
    places
}

/// RFC 8414 §3.3: whoever describes himself must be who was asked.
fn check_issuer(metadata: &Metadata, server: &Url) -> Result<(), OAuthError> {
    let Some(issuer) = &metadata.issuer else {
        return Ok(());
    };
    let plain = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let parsed = Url::parse(issuer).ok();
    if parsed.as_ref().map(plain) == Some(plain(server)) {
        return Ok(());
    }
    Err(OAuthError::IssuerMismatch {
        issuer: parsed.as_ref().map_or_else(|| "another one".to_owned(), shown),
        expected: shown(server),
    })
}

/// An address that secrets may be sent to.
fn secure(text: &str, may_be_plain: bool) -> Result<Url, OAuthError> {
    let url = Url::parse(text).map_err(|_| OAuthError::Incompatible(format!("{text:?} is no address")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if may_be_plain => Ok(url),
        scheme => Err(OAuthError::Incompatible(format!(
            "{} is a {scheme} address; only https is safe there",
            shown(&url)
        ))),
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

impl Discovered {
    pub(super) fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// Where one of its doors is; where it says nothing of itself, the one that everybody has.
    fn endpoint(&self, named: Option<&String>, usual: &str) -> Result<Url, OAuthError> {
        match (named, &self.metadata) {
            (Some(named), _) => secure(named, self.may_be_plain),
            (None, None) => {
                let mut url = self.server.clone();
                url.set_path(usual);
                url.set_query(None);
                Ok(url)
            }
            (None, Some(_)) => Err(OAuthError::Incompatible(format!(
                "it does not say where {usual} is"
            ))),
        }
    }

    /// Where the user logs in.
    pub(super) fn authorization_endpoint(&self) -> Result<Url, OAuthError> {
        let named = self
            .metadata()
            .and_then(|metadata| metadata.authorization_endpoint.as_ref());
        if let Some(scheme) = named
            .and_then(|named| Url::parse(named).ok())
            .map(|url| url.scheme().to_owned())
            .filter(|scheme| scheme != "https" && scheme != "http")
        {
            return Err(OAuthError::Incompatible(format!(
                "the page to log in has a {scheme} address; only http and https are opened"
            )));
        }
        self.endpoint(named, "/authorize")
    }

    /// Where tokens are given.
    pub(super) fn token_endpoint(&self) -> Result<Url, OAuthError> {
        let named = self
            .metadata()
            .and_then(|metadata| metadata.token_endpoint.as_ref());
        self.endpoint(named, "/token")
    }

    /// Where programs make themselves known.
    pub(super) fn registration_endpoint(&self) -> Result<Url, OAuthError> {
        match &self.metadata {
            Some(Metadata {
                registration_endpoint: None,
                ..
            }) => Err(OAuthError::NoRegistration),
            Some(metadata) => self.endpoint(metadata.registration_endpoint.as_ref(), "/register"),
            None => self.endpoint(None, "/register"),
        }
    }

    /// Whether it can do what a login needs.
    pub(super) fn check(&self) -> Result<(), OAuthError> {
        self.token_endpoint()?;
        let Some(metadata) = &self.metadata else {
            return Ok(());
        };
        let lacks = |list: &Option<Vec<String>>, wanted: &str| {
            list.as_ref()
                .is_some_and(|list| !list.iter().any(|one| one == wanted))
        };
        if lacks(&metadata.response_types_supported, "code") {
            return Err(OAuthError::Incompatible(
                "it does not support the response type code".to_owned(),
            ));
        }
        if lacks(&metadata.code_challenge_methods_supported, "S256") {
            return Err(OAuthError::Incompatible(
                "it does not support the code challenge method S256".to_owned(),
            ));
        }
        Ok(())
    }

    /// Whether tokens are given to programs for themselves, and to nobody else.
    pub(super) fn is_for_programs(&self) -> bool {
        let grants = self
            .metadata()
            .and_then(|metadata| metadata.grant_types_supported.as_ref());
        grants.is_some_and(|grants| {
            let has = |wanted: &str| grants.iter().any(|grant| grant == wanted);
            has("client_credentials") && !has("authorization_code")
        })
    }

    /// What is asked for: what configuration says, else what the server demands, else all that it knows.
    pub(super) fn scope(&self, configured: Option<&str>, demanded: Option<&str>) -> Option<String> {
        let known = || self.resource_scopes.as_ref().map(|scopes| scopes.join(" "));
        let some = |scope: &str| Some(scope.trim().to_owned()).filter(|scope| !scope.is_empty());
        let scope = configured
            .and_then(some)
            .or_else(|| demanded.and_then(some))
            .or_else(|| some(&known()?))?;
        let offered = self
            .metadata()
            .and_then(|metadata| metadata.scopes_supported.as_ref());
        let is_offered = offered.is_some_and(|scopes| scopes.iter().any(|scope| scope == OFFLINE));
        if is_offered && !scope.split_whitespace().any(|one| one == OFFLINE) {
            return Some(format!("{scope} {OFFLINE}"));
        }
        Some(scope)
    }
}

/// The scope without which some servers give no token to renew others with.
pub(super) const OFFLINE: &str = "offline_access";

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn metadata_have_their_places() {
        let places = |url: &str| -> Vec<String> {
            let all = metadata_places(&Url::parse(url).unwrap()).into_iter();
            all.map(String::from).collect()
        };
        assert_eq!(
            places("https://x"),
            [
                "https://x/.well-known/oauth-authorization-server",
                "https://x/.well-known/openid-configuration"
            ]
        );
        assert_eq!(
            places("https://x/tenant/"),
            [
                "https://x/.well-known/oauth-authorization-server/tenant",
                "https://x/.well-known/openid-configuration/tenant",
                "https://x/tenant/.well-known/openid-configuration"
            ]
        );
    }

    #[test]
    fn a_resource_is_the_server_or_above_it() {
        let (http, headers) = (Http::default(), HeaderMap::new());
        let server = Url::parse("https://x:5/a/mcp?q=1").unwrap();
        let discovery = Discovery {
            http: &http,
            server: &server,
            headers: &headers,
        };
        for (named, fits) in [
            ("https://x:5/a/mcp", true),
            ("https://x:5/a/mcp/", true),
            ("https://x:5/a", true),
            ("https://x:5", true),
            ("https://x:5/a/mc", false),
            ("https://x:5/a/mcp/more", false),
            ("https://x:6/a/mcp", false),
            ("https://y:5/a/mcp", false),
            ("http://x:5/a/mcp", false),
            ("nonsense", false),
        ] {
            assert_eq!(discovery.checked(named).is_ok(), fits, "{named}");
        }
    }

    #[test]
    fn secrets_go_nowhere_unprotected() {
        for (address, may_be_plain, fits) in [
            ("https://x/", false, true),
            ("http://x/", false, false),
            ("http://x/", true, true),
            ("http://127.0.0.1:5/", false, false),
            ("http://localhost:5/", true, true),
            ("javascript:alert(1)", true, false),
            ("file:///etc/passwd", true, false),
            ("", true, false),
        ] {
            assert_eq!(secure(address, may_be_plain).is_ok(), fits, "{address}");
        }
    }

    #[test]
    fn scopes_are_chosen() {
        let discovered = |known: &[&str], offered: &[&str]| Discovered {
            resource: None,
            resource_scopes: Some(known.iter().map(|&scope| scope.to_owned()).collect()),
            server: Url::parse("https://x").unwrap(),
            metadata: Some(Metadata {
                scopes_supported: Some(offered.iter().map(|&scope| scope.to_owned()).collect()),
                ..Metadata::default()
            }),
            may_be_plain: false,
        };
        let scope = |known: &[&str], offered: &[&str], configured, demanded| {
            discovered(known, offered).scope(configured, demanded)
        };
        assert_eq!(
            scope(&["a", "b"], &[], Some("c"), Some("d")).as_deref(),
            Some("c")
        );
        assert_eq!(scope(&["a", "b"], &[], None, Some("d")).as_deref(), Some("d"));
        assert_eq!(scope(&["a", "b"], &[], Some(" "), None).as_deref(), Some("a b"));
        assert_eq!(scope(&[], &[OFFLINE], None, None), None);
        assert_eq!(
            scope(&["a"], &[OFFLINE], None, None).as_deref(),
            Some("a offline_access")
        );
        assert_eq!(
            scope(&[OFFLINE], &[OFFLINE], None, None).as_deref(),
            Some(OFFLINE)
        );
    }
}
