//! A scripted MCP server that gives tokens itself and keeps what it is asked; and the browser of a user who logs
//! in at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How it behaves.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where it says who gives tokens.
    pub resource_metadata: Option<&'static str>,
    /// Whether it says so when it refuses.
    pub says_where: bool,
    /// What it says that it is; by default what it is.
    pub resource: Option<String>,
    /// What tokens for it may be good for.
    pub resource_scopes: Option<Vec<&'static str>>,
    /// The path of who gives tokens.
    pub issuer_path: &'static str,
    /// Who he says that he is; by default who he is.
    pub issuer: Option<String>,
    /// Where he describes himself.
    pub metadata: Option<&'static str>,
    /// What stands there besides, or instead.
    pub more: Value,
    /// Whether programs can make themselves known.
    pub registers: bool,
    /// Instead of an answer to these paths.
    pub instead: HashMap<String, (u16, String)>,
    /// What programs must prove themselves with.
    pub client_secret: Option<&'static str>,
    /// What it asks for when it is asked without a token.
    pub demanded: Option<&'static str>,
    /// What a token must be good for, by the method of the message.
    pub needed: HashMap<&'static str, &'static str>,
    /// Methods that need no token.
    pub open: Vec<&'static str>,
    /// How long tokens last.
    pub expires_in: Option<u64>,
    /// What is refused instead of a renewed token.
    pub refresh_error: Option<(u16, &'static str)>,
    /// Whether what was renewed is good for anything.
    pub renewed_are_good: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            resource_metadata: Some("/.well-known/oauth-protected-resource/mcp"),
            says_where: true,
            resource: None,
            resource_scopes: None,
            issuer_path: "",
            issuer: None,
            metadata: Some("/.well-known/oauth-authorization-server"),
            more: json!({}),
            registers: true,
            instead: HashMap::new(),
            client_secret: None,
            demanded: None,
            needed: HashMap::new(),
            open: Vec::new(),
            expires_in: Some(3600),
            refresh_error: None,
            renewed_are_good: true,
        }
    }
}

/// A request that it got.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET /path`.
    pub what: String,
    headers: HeaderMap,
    /// The body.
    pub body: String,
    /// The query.
    pub query: HashMap<String, String>,
}

impl Asked {
    /// The fields of a form.
    #[must_use]
    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[derive(Default)]
struct Given {
    /// Tokens that are good, and what for.
    tokens: HashMap<String, BTreeSet<String>>,
    /// Tokens to renew others with, and what for.
    refresh: HashMap<String, String>,
    /// Codes, with what they were asked with.
    codes: HashMap<String, HashMap<String, String>>,
    count: usize,
}

struct Shared {
    script: Mutex<Script>,
    asked: Mutex<Vec<Asked>>,
    given: Mutex<Given>,
    base: String,
}

/// The server. It lives as long as the value.
pub struct Server {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts one.
    pub async fn start(script: Script) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            asked: Mutex::default(),
            given: Mutex::default(),
            base,
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { shared, task }
    }

    /// The address of its host.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/mcp", self.base())
    }

    /// How it behaves from now on.
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap()
    }

    /// The requests, as `GET /path`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        let all = self.shared.asked.lock().unwrap();
        all.iter().map(|asked| asked.what.clone()).collect()
    }

    /// The requests of this kind.
    #[must_use]
    pub fn all(&self, what: &str) -> Vec<Asked> {
        let all = self.shared.asked.lock().unwrap();
        all.iter().filter(|asked| asked.what == what).cloned().collect()
    }

    /// A good token with one to renew it.
    pub fn give(&self, token: &str, refresh: &str, scope: &str) {
        let mut given = self.shared.given.lock().unwrap();
        given.tokens.insert(token.to_owned(), words(scope));
        given.refresh.insert(refresh.to_owned(), scope.to_owned());
    }

    /// Takes all tokens back, but not what renews them.
    pub fn revoke(&self) {
        self.shared.given.lock().unwrap().tokens.clear();
    }
}

fn words(scope: &str) -> BTreeSet<String> {
    scope.split_whitespace().map(str::to_owned).collect()
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let asked = Asked {
        what: format!("{method} {}", uri.path()),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        query: query.into_owned().collect(),
    };
    shared.asked.lock().unwrap().push(asked.clone());
    let script = shared.script.lock().unwrap().clone();
    if let Some((status, body)) = script.instead.get(uri.path()) {
        let status = StatusCode::from_u16(*status).unwrap();
        return (status, body.clone()).into_response();
    }
    let issuer = format!("{}{}", shared.base, script.issuer_path);
    let path = uri.path();
    if Some(path) == script.resource_metadata {
        let mut described = json!({
            "resource": script.resource.clone().unwrap_or_else(|| format!("{}/mcp", shared.base)),
            "authorization_servers": [issuer],
        });
        if let Some(scopes) = &script.resource_scopes {
            described["scopes_supported"] = json!(scopes);
        }
        return axum::Json(described).into_response();
    }
    if Some(path) == script.metadata {
        let mut described = json!({
            "issuer": script.issuer.clone().unwrap_or_else(|| issuer.clone()),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        });
        if script.registers {
            described["registration_endpoint"] = json!(format!("{issuer}/register"));
        }
        for (name, value) in script.more.as_object().unwrap() {
            described[name] = value.clone();
        }
        return axum::Json(described).into_response();
    }
    match path.strip_prefix(script.issuer_path).unwrap_or(path) {
        "/mcp" if asked.what.starts_with("GET") => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        "/mcp" => message(&shared, &script, &asked),
        "/register" if script.registers => {
            let mut client = json!({ "client_id": "made-for-you", "client_id_issued_at": 1_700_000_000 });
            if let Some(secret) = script.client_secret {
                client["client_secret"] = secret.into();
                client["client_secret_expires_at"] = 0.into();
            }
            (StatusCode::CREATED, axum::Json(client)).into_response()
        }
        "/authorize" => authorize(&shared, &asked),
        "/token" => token(&shared, &script, &asked),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A message of a client.
fn message(shared: &Shared, script: &Script, asked: &Asked) -> Response {
    let message: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let method = message["method"].as_str().unwrap_or_default();
    let bearer = asked
        .header("authorization")
        .and_then(|header| header.strip_prefix("Bearer "));
    let granted = bearer.and_then(|token| shared.given.lock().unwrap().tokens.get(token).cloned());
    let place = script
        .resource_metadata
        .filter(|_| script.says_where)
        .map(|path| format!(r#", resource_metadata="{}{path}""#, shared.base))
        .unwrap_or_default();
    let needed = words(script.needed.get(method).copied().unwrap_or_default());
    match granted {
        Some(granted) if !needed.is_subset(&granted) => {
            let needed = script.needed[method];
            let demand = format!(r#"Bearer error="insufficient_scope", scope="{needed}"{place}"#);
            (StatusCode::FORBIDDEN, [("www-authenticate", demand)]).into_response()
        }
        None if !script.open.contains(&method) => {
            let scope = script
                .demanded
                .map(|scope| format!(r#", scope="{scope}""#))
                .unwrap_or_default();
            let demand = format!(r#"Bearer realm="test"{scope}{place}"#);
            (StatusCode::UNAUTHORIZED, [("www-authenticate", demand)]).into_response()
        }
        _ => {
            let result = match method {
                "initialize" => json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} },
                    "serverInfo": { "name": "scripted", "version": "1" } }),
                "tools/list" => json!({ "tools": [{ "name": "look", "inputSchema": { "type": "object" } }] }),
                "tools/call" => json!({ "content": [{ "type": "text", "text": "seen" }] }),
                "ping" => json!({}),
                _ => return StatusCode::ACCEPTED.into_response(),
            };
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
            ([("mcp-session-id", "s1")], axum::Json(answer)).into_response()
        }
    }
}

/// The user logs in at once.
fn authorize(shared: &Shared, asked: &Asked) -> Response {
    let mut given = shared.given.lock().unwrap();
    given.count += 1;
    let code = format!("code-{}", given.count);
    given.codes.insert(code.clone(), asked.query.clone());
    let mut back = url::Url::parse(&asked.query["redirect_uri"]).unwrap();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &asked.query["state"]);
    (StatusCode::FOUND, [("location", String::from(back))]).into_response()
}

fn token(shared: &Shared, script: &Script, asked: &Asked) -> Response {
    let refused = |status: u16, code: &str| {
        let body = json!({ "error": code, "error_description": "refused by the script" });
        (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
    };
    let form = asked.form();
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let proof = asked
        .header("authorization")
        .and_then(|header| header.strip_prefix("Basic "));
    let proof = proof.map(|word| String::from_utf8(STANDARD.decode(word).unwrap()).unwrap());
    let (id, secret) = match &proof {
        Some(login) => login.split_once(':').unwrap(),
        None => (
            form.get("client_id").map_or("", String::as_str),
            form.get("client_secret").map_or("", String::as_str),
        ),
    };
    if id.is_empty() || script.client_secret.unwrap_or_default() != secret {
        return refused(401, "invalid_client");
    }
    let mut given = shared.given.lock().unwrap();
    let scope = match field("grant_type").as_str() {
        "authorization_code" => {
            let Some(began) = given.codes.remove(&field("code")) else {
                return refused(400, "invalid_grant");
            };
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
            let same = ["redirect_uri", "client_id", "resource"]
                .into_iter()
                .filter(|name| form.contains_key(*name))
                .all(|name| began.get(name) == form.get(name));
            if began["code_challenge"] != challenge
                || !same
                || began.contains_key("resource") != form.contains_key("resource")
            {
                return refused(400, "invalid_grant");
            }
            began.get("scope").cloned().unwrap_or_default()
        }
        "refresh_token" => {
            if let Some((status, code)) = script.refresh_error {
                return refused(status, code);
            }
            // Each is good for once.
            match given.refresh.remove(&field("refresh_token")) {
                Some(scope) => scope,
                None => return refused(400, "invalid_grant"),
            }
        }
        "client_credentials" => field("scope"),
        _ => return refused(400, "unsupported_grant_type"),
    };
    given.count += 1;
    let (token, refresh) = (
        format!("token-{}", given.count),
        format!("refresh-{}", given.count),
    );
    if field("grant_type") != "refresh_token" || script.renewed_are_good {
        given.tokens.insert(token.clone(), words(&scope));
    }
    let mut answer = json!({ "access_token": token, "token_type": "Bearer" });
    if field("grant_type") != "client_credentials" {
        given.refresh.insert(refresh.clone(), scope.clone());
        answer["refresh_token"] = refresh.into();
    }
    if let Some(lasts) = script.expires_in {
        answer["expires_in"] = lasts.into();
    }
    if !scope.is_empty() {
        answer["scope"] = scope.into();
    }
    axum::Json(answer).into_response()
}

/// A browser that follows what it is told; the status and the text of the last page.
pub async fn browse(url: &str) -> (u16, String) {
    let mut url = url.to_owned();
    for _ in 0..5 {
        let (status, next, text) = open(&url).await;
        match next {
            Some(next) => url = next,
            None => return (status, text),
        }
    }
    panic!("{url} leads nowhere");
}

/// A page: its status, where it leads, and its text.
pub async fn open(url: &str) -> (u16, Option<String>, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let url = url::Url::parse(url).expect("an address");
    let host = format!("127.0.0.1:{}", url.port().expect("a port"));
    let asking = async {
        let mut stream = tokio::net::TcpStream::connect(&host)
            .await
            .expect("somebody listens");
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers");
        String::from_utf8(answer).expect("text")
    };
    let answer = tokio::time::timeout(crate::LIMIT, asking)
        .await
        .expect("an answer");
    let (head, text) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let next = head.lines().find_map(|line| line.strip_prefix("location: "));
    (
        status.expect("a status"),
        next.map(str::to_owned),
        text.to_owned(),
    )
}
