//! Who may ask, and which pages may read the answers (reference `http-api.md` §2.1–2.2).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
    HOST, ORIGIN, UPGRADE, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use serde_json::json;

use crate::audit::{Actor, Audit, Auth, Outcome, Record};
use crate::error::ApiError;
use crate::extract::query_value;
use crate::{audit, execution};

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

/// Who may ask, and which pages may read.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) password: Option<Password>,
    pub(crate) cors: Vec<String>,
    /// The name that the server was told to listen on.
    pub(crate) hostname: String,
    /// Other machines can connect and nobody has to know anything: they may not have things executed.
    pub(crate) is_open_to_all: bool,
    pub(crate) audit: Audit,
}

/// Stands before every operation.
pub(crate) async fn guard(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let allowed = origin
        .as_ref()
        .is_none_or(|origin| origin.to_str().is_ok_and(|origin| access.allows(origin)));
    let is_preflight = request.method() == Method::OPTIONS
        && origin.is_some()
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let actor = access.actor(&request);
    let mut response = if is_preflight {
        preflight(request.headers())
    } else if !access.knows(&request) && !has_ticket(&request) && !introduces_itself_later(&request) {
        access.told(&actor, "auth.fail", &request, StatusCode::UNAUTHORIZED);
        refusal(request.uri().path())
    } else if access.is_open_to_all && execution::executes(request.method(), request.uri().path()) {
        access.told(&actor, "auth.fail", &request, StatusCode::FORBIDDEN);
        open_to_all()
    } else if !access.is_addressed(&request) || (!allowed && !is_harmless(request.method())) {
        forbidden()
    } else {
        request.extensions_mut().insert(actor);
        next.run(request).await
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
    /// Who asks, as far as is known.
    fn actor(&self, request: &Request) -> Actor {
        let user = self.password.as_ref().map(|password| password.username.clone());
        let (auth, user) = match user {
            Some(_) if !self.knows(request) => {
                let auth = if has_ticket(request) {
                    Auth::Ticket
                } else {
                    Auth::None
                };
                (auth, None)
            }
            Some(user) => (Auth::Basic, Some(user)),
            None => (Auth::None, None),
        };
        Actor {
            auth,
            user,
            peer: audit::peer(request.extensions().get()),
        }
    }

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
        self.password.is_some()
            || is_address
            || name.eq_ignore_ascii_case("localhost")
            || name.eq_ignore_ascii_case(&self.hostname)
            || self.cors.iter().any(configured)
    }

    /// Whether the request carries the password. A token in the address goes before the header: streams
    /// and sockets of browsers cannot send headers.
    fn knows(&self, request: &Request) -> bool {
        let Some(wanted) = &self.password else { return true };
        let token = query_value(request.uri().query().unwrap_or_default(), "auth_token");
        let given = token.or_else(|| {
            let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
            let (scheme, token) = header.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("basic")
                .then(|| token.trim().to_owned())
        });
        given.is_some_and(|token| accepted(wanted, &token))
    }

    /// Whether a token, as it stands in an address, is the password.
    pub(crate) fn accepts(&self, token: &str) -> bool {
        self.password
            .as_ref()
            .is_none_or(|wanted| accepted(wanted, token))
    }

    /// Whoever knows the password.
    pub(crate) fn basic(&self) -> Actor {
        Actor {
            auth: Auth::Basic,
            user: self.password.as_ref().map(|password| password.username.clone()),
            peer: None,
        }
    }
}

fn accepted(wanted: &Password, token: &str) -> bool {
    let expected = format!("{}:{}", wanted.username, wanted.password);
    STANDARD
        .decode(token)
        .is_ok_and(|given| same(&given, expected.as_bytes()))
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
    let id = path
        .strip_prefix("/pty/")
        .and_then(|rest| rest.strip_suffix("/connect"));
    id.is_some_and(|id| !id.contains('/'))
        && query_value(request.uri().query().unwrap_or_default(), "ticket")
            .is_some_and(|ticket| !ticket.is_empty())
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

fn refusal(path: &str) -> Response {
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
    response.headers_mut().insert(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"Secure Area\""),
    );
    response
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
