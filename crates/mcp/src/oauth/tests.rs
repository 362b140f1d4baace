//! Logins against a scripted server: every way to find out who gives tokens, and everything that can go wrong.

mod connections;
mod doors;
mod whole;

use std::sync::Arc;

use opencode_config::{Environment, Paths};
use opencode_schema::mcp::{OAuth as Configured, OAuthSettings, Remote, Status};
use pretty_assertions::assert_eq;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::authorization::{Authorizer, Authorizers as _, Challenge, Unauthorized};
use opencode_testkit::oauth::{Script, Server, browse};

/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// A home with a program in it.
struct World {
    home: tempfile::TempDir,
    oauth: OAuth,
}

impl World {
    fn new() -> Self {
        Self::with(Options {
            port: 0,
            ..Options::default()
        })
    }

    fn with(options: Options) -> Self {
        let home = tempfile::TempDir::new().unwrap();
        let oauth = program(home.path(), options);
        Self { home, oauth }
    }

    /// Another program of the same user.
    fn another(&self) -> OAuth {
        program(
            self.home.path(),
            Options {
                port: 0,
                ..Options::default()
            },
        )
    }

    fn file(&self) -> std::path::PathBuf {
        self.home.path().join(".local/share/opencode/mcp-auth.json")
    }

    fn stored(&self) -> Value {
        let text = fs_err::read_to_string(self.file()).unwrap_or_else(|_| "{}".to_owned());
        serde_json::from_str(&text).unwrap()
    }

    fn store(&self, value: &Value) {
        fs_err::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs_err::write(self.file(), value.to_string()).unwrap();
    }

    /// Logs in as a user with a browser does.
    async fn log_in(&self, remote: &Remote) -> Result<(), OAuthError> {
        let begun = self.oauth.begin("t", remote).await?;
        let login = self.oauth.logins().get("t").cloned().unwrap();
        browse(&begun.url).await;
        within(login.end()).await
    }
}

fn program(home: &std::path::Path, options: Options) -> OAuth {
    let variables = [
        ("HOME".to_owned(), home.display().to_string()),
        // Nothing that opens pages is there, unless a test puts it there.
        ("PATH".to_owned(), home.join("bin").display().to_string()),
    ];
    let environment: Environment = variables.into_iter().collect();
    OAuth::new(Paths::new(&environment), environment, options)
}

/// The same logins, and what is told of them.
fn listened(oauth: &OAuth) -> (OAuth, tokio::sync::mpsc::UnboundedReceiver<Notice>) {
    let (sender, notices) = tokio::sync::mpsc::unbounded_channel();
    let oauth = oauth.telling(move |notice| sender.send(notice).unwrap());
    (oauth, notices)
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, wait).await.unwrap()
}

/// The server as it is configured.
fn remote(server: &Server) -> Remote {
    Remote {
        url: server.url(),
        ..Remote::default()
    }
}

fn settings(settings: OAuthSettings) -> Option<Configured> {
    Some(Configured::Settings(settings))
}

fn query(url: &str) -> HashMap<String, String> {
    url::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

fn authorizer(oauth: &OAuth, remote: &Remote) -> Arc<dyn Authorizer> {
    oauth.of("t", remote).unwrap()
}

#[tokio::test]
async fn whoever_gives_tokens_is_found() {
    let path = "/.well-known/oauth-protected-resource/mcp";
    let root = "/.well-known/oauth-protected-resource";
    let server = "/.well-known/oauth-authorization-server";
    let cases: Vec<(&str, Script, Vec<&str>)> = vec![
        ("where it says", Script::default(), vec![path, server]),
        (
            "where it says, at a place of its own",
            Script {
                resource_metadata: Some("/own/place.json"),
                ..Script::default()
            },
            vec!["/own/place.json", server],
        ),
        (
            "where everybody has it",
            Script {
                says_where: false,
                ..Script::default()
            },
            vec![path, server],
        ),
        (
            "at the root",
            Script {
                resource_metadata: Some(root),
                says_where: false,
                ..Script::default()
            },
            vec![path, root, server],
        ),
        (
            "with a path",
            Script {
                issuer_path: "/tenant",
                metadata: Some("/.well-known/oauth-authorization-server/tenant"),
                ..Script::default()
            },
            vec![path, "/.well-known/oauth-authorization-server/tenant"],
        ),
        (
            "OpenID",
            Script {
                metadata: Some("/.well-known/openid-configuration"),
                ..Script::default()
            },
            vec![path, server, "/.well-known/openid-configuration"],
        ),
        (
            "OpenID behind a path",
            Script {
                issuer_path: "/tenant",
                metadata: Some("/tenant/.well-known/openid-configuration"),
                ..Script::default()
            },
            vec![
                path,
                "/.well-known/oauth-authorization-server/tenant",
                "/.well-known/openid-configuration/tenant",
                "/tenant/.well-known/openid-configuration",
            ],
        ),
        (
            "as of 2025-03-26",
            Script {
                resource_metadata: None,
                issuer_path: "/oauth",
                ..Script::default()
            },
            vec![path, root, server],
        ),
        (
            "as of 2025-03-26, and it says nothing",
            Script {
                resource_metadata: None,
                metadata: None,
                ..Script::default()
            },
            vec![path, root, server, "/.well-known/openid-configuration"],
        ),
    ];
    for (name, script, wanted) in cases {
        let says_resource = script.resource_metadata.is_some();
        let (world, server) = (World::new(), Server::start(script).await);
        world
            .log_in(&remote(&server))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let looked: Vec<String> = server
            .asked()
            .into_iter()
            .filter_map(|asked| Some(asked.strip_prefix("GET ")?.to_owned()))
            .filter(|path| path.contains(".well-known") || path.contains("own"))
            .collect();
        assert_eq!(looked, wanted, "{name}");
        let stored = &world.stored()["t"];
        assert_eq!(stored["serverUrl"], json!(server.url()), "{name}");
        assert_eq!(stored["clientInfo"]["clientId"], "made-for-you", "{name}");
        let token = world
            .oauth
            .entry("t", &remote(&server))
            .unwrap()
            .tokens
            .unwrap()
            .access;
        let proved = authorizer(&world.oauth, &remote(&server)).token().await.unwrap();
        assert_eq!(proved.unwrap().expose_secret(), token.expose_secret());
        assert_eq!(
            world.oauth.status("t", &remote(&server)),
            AuthStatus::Authenticated
        );
        let all = server.asked();
        let door = all.iter().find(|asked| asked.ends_with("/token")).unwrap();
        let asked = server.all(door).remove(0);
        assert_eq!(asked.form().contains_key("resource"), says_resource, "{name}");
    }
}

#[tokio::test]
async fn what_is_asked_for() {
    let script = Script {
        demanded: Some("read write"),
        resource_scopes: Some(vec!["all"]),
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    let begun = world.oauth.begin("t", &remote(&server)).await.unwrap();
    let query = query(&begun.url);
    assert_eq!(query["state"], begun.state);
    assert!(begun.state.len() == 64 && begun.state.chars().all(|c| c.is_ascii_hexdigit()));
    let redirect = &query["redirect_uri"];
    assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/mcp/oauth/callback"));
    assert_eq!(
        [
            &query["response_type"],
            &query["client_id"],
            &query["code_challenge_method"],
            &query["scope"]
        ],
        ["code", "made-for-you", "S256", "read write"]
    );
    assert_eq!(query["resource"], format!("{}/mcp", server.base()));
    let registered = server.all("POST /register").remove(0).json();
    assert_eq!(
        registered,
        json!({
            "redirect_uris": [redirect],
            "client_name": "OpenCode",
            "client_uri": "https://opencode.ai",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": "read write",
        })
    );
    let version = server
        .all("GET /.well-known/oauth-authorization-server")
        .remove(0);
    assert_eq!(version.header("mcp-protocol-version"), Some("2025-11-25"));

    // What configuration wants comes first; its headers go to the server itself.
    let mut remote = remote(&server);
    remote.headers = Some([("x-own".to_owned(), "h".to_owned())].into_iter().collect());
    remote.oauth = settings(OAuthSettings {
        scope: Some("mine".to_owned()),
        ..OAuthSettings::default()
    });
    let begun = world.oauth.begin("t", &remote).await.unwrap();
    assert_eq!(self::query(&begun.url)["scope"], "mine");
    let first = server.all("POST /mcp").pop().unwrap();
    assert_eq!(first.header("x-own"), Some("h"));
}

#[tokio::test]
async fn programs_prove_themselves_as_the_server_wants() {
    for (method, secret) in [
        ("client_secret_basic", Some("s3/=")),
        ("client_secret_post", Some("s3/=")),
        ("none", None),
    ] {
        let script = Script {
            client_secret: secret,
            more: json!({ "token_endpoint_auth_methods_supported": [method] }),
            ..Script::default()
        };
        let (world, server) = (World::new(), Server::start(script).await);
        world.log_in(&remote(&server)).await.unwrap();
        let asked = server.all("POST /token").remove(0);
        let form = asked.form();
        assert_eq!(
            asked.header("authorization").is_some(),
            method == "client_secret_basic"
        );
        assert_eq!(form.contains_key("client_secret"), method == "client_secret_post");
        assert_eq!(form.contains_key("client_id"), method != "client_secret_basic");
    }
}

#[tokio::test]
async fn a_client_that_configuration_names_is_not_made_or_stored() {
    let script = Script {
        client_secret: Some("known"),
        registers: false,
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    let mut remote = remote(&server);
    remote.oauth = settings(OAuthSettings {
        client_id: Some("named".to_owned()),
        client_secret: Some("known".to_owned()),
        ..OAuthSettings::default()
    });
    world.log_in(&remote).await.unwrap();
    assert_eq!(server.all("POST /register").len(), 0);
    assert_eq!(world.stored()["t"]["clientInfo"], Value::Null);
}

#[tokio::test]
async fn documents_about_programs_are_used_where_they_are_read() {
    let document = "https://example.test/client.json";
    for (reads, registers, wanted) in [
        (true, true, document),
        (false, true, "made-for-you"),
        (false, false, document),
    ] {
        let script = Script {
            registers,
            more: json!({ "client_id_metadata_document_supported": reads }),
            ..Script::default()
        };
        let (world, server) = (World::new(), Server::start(script).await);
        let mut remote = remote(&server);
        remote.oauth = settings(OAuthSettings {
            client_id: Some(document.to_owned()),
            ..OAuthSettings::default()
        });
        let begun = world.oauth.begin("t", &remote).await.unwrap();
        assert_eq!(query(&begun.url)["client_id"], wanted);
    }
}

#[tokio::test]
async fn programs_for_themselves_need_no_browser() {
    let script = Script {
        client_secret: Some("known"),
        more: json!({
            "grant_types_supported": ["client_credentials"],
            "authorization_endpoint": null,
        }),
        expires_in: Some(1),
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    let mut remote = remote(&server);
    remote.oauth = settings(OAuthSettings {
        client_id: Some("named".to_owned()),
        client_secret: Some("known".to_owned()),
        ..OAuthSettings::default()
    });
    assert_eq!(world.oauth.begin("t", &remote).await.unwrap().url, "");
    let first = world.stored()["t"]["tokens"]["accessToken"].clone();
    // It ends at once, and another one needs nobody either.
    let second = authorizer(&world.oauth, &remote).token().await.unwrap().unwrap();
    assert_ne!(json!(second.expose_secret()), first);
    assert_eq!(server.all("POST /token").len(), 2);
}

#[tokio::test]
async fn servers_that_want_nothing_need_no_login() {
    let open = vec!["initialize", "notifications/initialized", "tools/list"];
    let script = Script {
        open,
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    let begun = world.oauth.begin("t", &remote(&server)).await.unwrap();
    assert_eq!(begun.url, "");
    let messages = server.all("POST /mcp");
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2].header("mcp-session-id"), Some("s1"));
    assert_eq!(messages[2].header("mcp-protocol-version"), Some("2025-06-18"));
    assert_eq!(server.all("DELETE /mcp").len(), 1);

    // What is inside wants one.
    server.script().open = vec!["initialize"];
    assert_ne!(world.oauth.begin("t", &remote(&server)).await.unwrap().url, "");
}

#[tokio::test]
async fn servers_that_are_not_who_they_should_be_are_refused() {
    let mismatch = "does not match";
    let issuer = "its tokens are not accepted";
    let cases: Vec<(&str, Script, &str)> = vec![
        (
            "another host",
            Script {
                resource: Some("http://evil.test/mcp".to_owned()),
                ..Script::default()
            },
            mismatch,
        ),
        (
            "no address",
            Script {
                resource: Some("evil".to_owned()),
                ..Script::default()
            },
            mismatch,
        ),
        (
            "another issuer",
            Script {
                issuer: Some("http://evil.test".to_owned()),
                ..Script::default()
            },
            issuer,
        ),
        (
            "an issuer below",
            Script {
                issuer_path: "/a",
                metadata: Some("/.well-known/oauth-authorization-server/a"),
                issuer: Some("http://127.0.0.1".to_owned()),
                ..Script::default()
            },
            issuer,
        ),
        (
            "no S256",
            Script {
                more: json!({ "code_challenge_methods_supported": ["plain"] }),
                ..Script::default()
            },
            "S256",
        ),
        (
            "no code",
            Script {
                more: json!({ "response_types_supported": ["token"] }),
                ..Script::default()
            },
            "code",
        ),
        (
            "a script for a page",
            Script {
                more: json!({ "authorization_endpoint": "javascript:alert(1)" }),
                ..Script::default()
            },
            "javascript",
        ),
        (
            "a file for tokens",
            Script {
                more: json!({ "token_endpoint": "file:///etc/passwd" }),
                ..Script::default()
            },
            "file",
        ),
        (
            "no registration",
            Script {
                registers: false,
                ..Script::default()
            },
            "clientId",
        ),
        (
            "metadata that do not fit",
            Script {
                more: json!({ "issuer": 5 }),
                ..Script::default()
            },
            "do not fit",
        ),
    ];
    for (name, script, wanted) in cases {
        let (world, server) = (World::new(), Server::start(script).await);
        let error = match world.oauth.begin("t", &remote(&server)).await {
            Err(error) => error.to_string(),
            // Where tokens are given is only asked when there is a code.
            Ok(_) => world.log_in(&remote(&server)).await.unwrap_err().to_string(),
        };
        assert!(error.contains(wanted), "{name}: {error}");
        assert_eq!(world.stored(), json!({}), "{name}");
        assert_eq!(server.all("POST /token").len(), 0, "{name}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_errors() {
    let long = "x".repeat(2 << 20);
    for (path, status, body) in [
        ("/register", 201, "nonsense"),
        ("/register", 201, "{}"),
        ("/register", 201, r#"{"client_id":"\u001b[2J"}"#),
        (
            "/register",
            400,
            r#"{"error":"invalid_redirect_uri","error_description":"no"}"#,
        ),
        ("/register", 500, "<html>"),
        ("/register", 201, long.as_str()),
        ("/token", 200, "nonsense"),
        ("/token", 200, r#"{"access_token":5}"#),
        ("/token", 200, r#"{"error":"slow_down"}"#),
        (
            "/token",
            400,
            r#"{"error":"invalid_grant","error_description":"no"}"#,
        ),
        ("/token", 502, ""),
        ("/.well-known/oauth-authorization-server", 503, ""),
    ] {
        let (world, server) = (World::new(), Server::start(Script::default()).await);
        server
            .script()
            .instead
            .insert(path.to_owned(), (status, body.to_owned()));
        let before = json!({ "t": { "tokens": { "accessToken": "before" }, "serverUrl": "x" } });
        world.store(&before);
        let error = world.log_in(&remote(&server)).await.unwrap_err().to_string();
        let told = error.contains("invalid_redirect_uri")
            || error.contains("slow_down")
            || error.contains("answers")
            || error.contains("invalid_grant: no");
        assert!(told, "{path}: {error}");
        assert_eq!(
            error.starts_with("OAuth completion failed: "),
            path == "/token",
            "{error}"
        );
        // A login that does not take place changes nothing.
        assert_eq!(world.stored(), before);
    }
}

#[tokio::test]
async fn what_cannot_be_logged_in_to() {
    let world = World::new();
    let remote = |url: &str| Remote {
        url: url.to_owned(),
        ..Remote::default()
    };
    let error = world.oauth.begin("t", &remote("nonsense")).await.unwrap_err();
    assert_eq!(error.to_string(), "Invalid MCP URL for \"t\"");
    let error = world.oauth.begin("t", &remote("ftp://x/")).await.unwrap_err();
    assert_eq!(error.to_string(), "Invalid MCP URL for \"t\"");
    let mut off = remote("http://127.0.0.1:9/");
    off.oauth = Some(Configured::Switch(false));
    let error = world.oauth.begin("t", &off).await.unwrap_err();
    assert_eq!(error.to_string(), "MCP server t does not support OAuth");
    assert!(world.oauth.of("t", &off).is_none());
    let error = world.oauth.finish("t", "code").await.unwrap_err();
    assert_eq!(error.to_string(), "No pending OAuth flow for MCP server: t");
}
