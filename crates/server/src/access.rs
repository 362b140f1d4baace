//! Who may ask, and which pages may read the answers (reference `http-api.md` §2.1–2.2,
//! `seed-http.md` §6).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
    HOST, ORIGIN, RETRY_AFTER, UPGRADE, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use serde_json::json;

use crate::attempts::Attempts;
use crate::audit::{Actor, Audit, Auth, Deeds, Outcome, Record};
use crate::connections::Peer;
use crate::error::ApiError;
use crate::execution;
use crate::extract::query_value;

/// What a client must know.
#[derive(Clone)]
pub struct Password {
    /// The name that goes with it.
    pub username: String,
    /// The word itself.
    pub password: String,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What a client may show instead of a password, as it is.
#[derive(Clone)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// Who may ask, and which pages may read.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) password: Option<Password>,
    pub(crate) token: Option<Token>,
    pub(crate) attempts: Attempts,
    pub(crate) cors: Vec<String>,
    /// The name that the server was told to listen on.
    pub(crate) hostname: String,
    /// The name that the network knows it by.
    pub(crate) mdns_domain: Option<String>,
    /// Other machines can connect and nobody has to know anything: they may not have things executed.
    pub(crate) is_open_to_all: bool,
    pub(crate) audit: Audit,
}

/// Stands before every operation.
pub(crate) async fn guard(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let allowed = origin.as_ref().is_none_or(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| access.allows(origin) || is_own(origin, &request))
    });
    let is_preflight = request.method() == Method::OPTIONS
        && origin.is_some()
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        preflight(request.headers())
    } else {
        match access.admit(&request) {
            Err(refusal) => *refusal,
            Ok(_) if !access.is_addressed(&request) || (!allowed && !is_harmless(request.method())) => {
                forbidden()
            }
            Ok(actor) => {
                let deeds = Deeds::of(&access.audit, &actor);
                request.extensions_mut().insert(actor);
                request.extensions_mut().insert(deeds);
                next.run(request).await
            }
        }
    };
    if let Some(origin) = origin.filter(|_| allowed) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response
            .headers_mut()
            .append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

impl Access {
    /// Writes down that a request was refused.
    fn told(&self, actor: &Actor, action: &'static str, request: &Request, status: StatusCode) {
        // Without the query, in which there may be tokens.
        let detail = json!({ "method": request.method().as_str(), "path": request.uri().path() });
        let record = Record::new(actor, action, detail).with(Outcome::Denied, Some(status.as_u16()));
        self.audit.record(&record);
    }

    /// Whether a page may open a socket: unlike answers, what comes over one can be read by every page. Programs
    /// that are no browsers send no origin.
    pub(crate) fn may_connect(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else { return false };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let is_own = host.is_some() && origin.split_once("://").map(|(_, host)| host) == host;
        is_own || self.allows(origin)
    }

    /// Pages of this machine, of the desktop program, of the project's own site, and of the configuration.
    fn allows(&self, origin: &str) -> bool {
        let begins = ["http://localhost:", "http://127.0.0.1:", "oc://renderer"];
        let exactly = [
            "tauri://localhost",
            "http://tauri.localhost",
            "https://tauri.localhost",
            "https://opencode.ai",
        ];
        let of_site = origin
            .strip_prefix("https://")
            .and_then(|host| host.strip_suffix(".opencode.ai"))
            .is_some_and(|name| {
                name.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
                })
            });
        begins.iter().any(|start| origin.starts_with(start))
            || exactly.contains(&origin)
            || of_site
            || self.cors.iter().any(|one| one == origin)
    }

    /// Whether the request means this server. A page whose name was bent to this machine's address sends
    /// its own name; without a password, that is all that tells it from a program of the user.
    fn is_addressed(&self, request: &Request) -> bool {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let Some(host) = host.or_else(|| request.uri().host()) else {
            return true;
        };
        let name = name_of(host);
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let configured = |origin: &String| {
            origin
                .split("://")
                .nth(1)
                .is_some_and(|host| name_of(host) == name)
        };
        self.is_closed()
            || is_address
            || name.eq_ignore_ascii_case("localhost")
            || name.eq_ignore_ascii_case(&self.hostname)
            || self
                .mdns_domain
                .as_ref()
                .is_some_and(|domain| name.eq_ignore_ascii_case(domain))
            || self.cors.iter().any(configured)
    }

    /// Who asks, or why nobody is let in. A peer that guessed wrong too often is not heard for a while, not
    /// even with the right word.
    fn admit(&self, request: &Request) -> Result<Actor, Box<Response>> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        let actor = |auth| self.actor(auth, peer);
        if !self.is_closed() {
            if self.is_open_to_all && execution::executes(request.method(), request.uri().path()) {
                self.told(&actor(Auth::None), "auth.fail", request, StatusCode::FORBIDDEN);
                return Err(Box::new(open_to_all()));
            }
            return Ok(actor(Auth::None));
        }
        let (peer, now) = (peer.map(|peer| peer.ip()), Instant::now());
        if let Some(wait) = peer.and_then(|peer| self.attempts.wait(peer, now)) {
            return Err(Box::new(too_often(wait)));
        }
        let given = given(request);
        if let Some(auth) = given.as_ref().and_then(|given| self.knows(given)) {
            return Ok(actor(auth));
        }
        if has_ticket(request) {
            return Ok(actor(Auth::Ticket));
        }
        if given.is_none() && introduces_itself_later(request) {
            return Ok(actor(Auth::None));
        }
        if let (Some(peer), Some(_)) = (peer, given) {
            tracing::warn!(%peer, "a wrong password or token");
            self.attempts.count(peer, now);
        }
        self.told(&actor(Auth::None), "auth.fail", request, StatusCode::UNAUTHORIZED);
        Err(Box::new(self.refusal(request.uri().path())))
    }

    fn actor(&self, auth: Auth, peer: Option<SocketAddr>) -> Actor {
        let user = self.password.as_ref().filter(|_| auth == Auth::Basic);
        Actor {
            auth,
            user: user.map(|password| password.username.clone()),
            peer: peer.map(|peer| peer.to_string()),
        }
    }

    /// Who shows a token, as it stands in an address; nobody when it is wrong.
    pub(crate) fn accepts(&self, token: &str) -> Option<Actor> {
        if !self.is_closed() {
            return Some(self.actor(Auth::None, None));
        }
        let auth = self.knows(&Given::Either(token.to_owned()))?;
        Some(self.actor(auth, None))
    }

    fn is_closed(&self) -> bool {
        self.password.is_some() || self.token.is_some()
    }

    /// What of what is wanted a request shows.
    fn knows(&self, given: &Given) -> Option<Auth> {
        let (basic, bearer) = match given {
            Given::Basic(basic) => (Some(basic), None),
            Given::Bearer(token) => (None, Some(token)),
            Given::Either(token) => (Some(token), Some(token)),
        };
        let by_password = || {
            let (wanted, given) = (self.password.as_ref()?, STANDARD.decode(basic?).ok()?);
            let expected = format!("{}:{}", wanted.username, wanted.password);
            Some(same(&given, expected.as_bytes()))
        };
        let by_token = || {
            let (Token(wanted), given) = (self.token.as_ref()?, bearer?);
            Some(same(given.as_bytes(), wanted.as_bytes()))
        };
        if by_password() == Some(true) {
            Some(Auth::Basic)
        } else if by_token() == Some(true) {
            Some(Auth::Bearer)
        } else {
            None
        }
    }

    fn refusal(&self, path: &str) -> Response {
        let mut response = if path.starts_with("/api/") {
            ApiError::tagged(
                StatusCode::UNAUTHORIZED,
                "UnauthorizedError",
                "Authentication required",
            )
            .into_response()
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        };
        let schemes = match (&self.password, &self.token) {
            (_, None) => "Basic realm=\"Secure Area\"",
            (None, Some(_)) => "Bearer",
            (Some(_), Some(_)) => "Basic realm=\"Secure Area\", Bearer",
        };
        let schemes = HeaderValue::from_static(schemes);
        response.headers_mut().insert(WWW_AUTHENTICATE, schemes);
        response
    }
}

/// What a request shows.
enum Given {
    /// Base64 of name and password.
    Basic(String),
    /// The token.
    Bearer(String),
    /// One of them, in the address.
    Either(String),
}

/// What a request shows. A token in the address goes before the header: streams and sockets of browsers
/// cannot send headers.
fn given(request: &Request) -> Option<Given> {
    if let Some(token) = query_value(request.uri().query().unwrap_or_default(), "auth_token") {
        return Some(Given::Either(token));
    }
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = header.split_once(' ')?;
    let value = value.trim().to_owned();
    if scheme.eq_ignore_ascii_case("basic") {
        Some(Given::Basic(value))
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Some(Given::Bearer(value))
    } else {
        None
    }
}

fn too_often(wait: Duration) -> Response {
    let mut response = ApiError::tagged(
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequestsError",
        "Too many wrong passwords or tokens",
    )
    .into_response();
    let seconds = HeaderValue::from(wait.as_secs().max(1));
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

/// Whether a request opens a socket whose first frame says who it is, and brings nothing else that does.
fn introduces_itself_later(request: &Request) -> bool {
    request.method() == Method::GET
        && request.uri().path() == "/api/chat/ws"
        && request.headers().contains_key(UPGRADE)
        && !request.headers().contains_key(AUTHORIZATION)
        && query_value(request.uri().query().unwrap_or_default(), "auth_token").is_none()
}

/// Whether a request brings a ticket to where tickets are looked at.
fn has_ticket(request: &Request) -> bool {
    let path = request.uri().path();
    let id = ["/pty/", "/api/pty/"]
        .into_iter()
        .find_map(|start| path.strip_prefix(start))
        .and_then(|rest| rest.strip_suffix("/connect"));
    id.is_some_and(|id| !id.contains('/'))
        && query_value(request.uri().query().unwrap_or_default(), "ticket")
            .is_some_and(|ticket| !ticket.is_empty())
}

/// Whether a page is the server's own, which it is wherever the server is reached under its name. Names that
/// were bent to this machine are refused before this counts.
fn is_own(origin: &str, request: &Request) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let of_page = origin.split_once("://").map(|(_, host)| host);
    of_page.is_some() && of_page == host
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a method only reads: a page that cannot read the answer gets nothing by it.
fn is_harmless(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Compares in a time that does not tell how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn forbidden() -> Response {
    ApiError::tagged(
        StatusCode::FORBIDDEN,
        "ForbiddenError",
        "This page may not use the server; start it with `--cors <origin>` if it should",
    )
    .into_response()
}

fn open_to_all() -> Response {
    ApiError::tagged(
        StatusCode::FORBIDDEN,
        "ForbiddenError",
        "Other machines can reach this server and nobody needs a password, so nothing is executed or written. \
         Set OPENCODE_SERVER_PASSWORD, or start it with `--insecure`",
    )
    .into_response()
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, PUT, PATCH, POST, DELETE"),
    );
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    response
}
