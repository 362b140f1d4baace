//! Logging in at MCP servers from the command line: the page, what is stored, and what is told.

use opencode_testkit::Home;
use opencode_testkit::oauth::{Script, Server, browse};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::home;

fn configure(home: &Home, servers: &Value) {
    home.write("opencode.json", json!({ "mcp": servers }).to_string());
}

/// A port that nobody has.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A home where no page opens, whatever there is on this machine.
pub(crate) fn without_browser(home: Home) -> Home {
    let mut folders = Vec::new();
    for opener in ["xdg-open", "open"] {
        let path = home.write(&format!(".openers/{opener}"), "#!/bin/sh\nexit 3\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folders = vec![path.parent().unwrap().to_owned()];
    }
    let usual = std::env::var("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&usual));
    let all = std::env::join_paths(folders).unwrap();
    home.with("PATH", all.to_str().unwrap())
}

/// A server of the configuration, which lets browsers come back to a port of this test.
fn remote(server: &Server) -> Value {
    json!({ "type": "remote", "url": server.url(), "oauth": { "callbackPort": free_port() } })
}

fn stored(home: &Home) -> Value {
    let text = fs_err::read_to_string(home.data().join("mcp-auth.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn one_logs_in_looks_and_logs_out() {
    let (home, server) = (without_browser(home()), Server::start(Script::default()).await);
    configure(
        &home,
        &json!({ "t": remote(&server), "l": { "type": "local", "command": ["true"] } }),
    );
    let list = home.run(["mcp", "auth", "list"]).await.success();
    assert!(
        list.stdout
            .starts_with("┌  MCP OAuth Status\n│\n●  ✗ t not authenticated\n"),
        "{}",
        list.stdout
    );
    assert!(
        list.stdout.ends_with("└  1 OAuth-capable server(s)\n\n"),
        "{}",
        list.stdout
    );

    let mut login = home.start(["mcp", "auth", "t"]);
    let page = login.line_with("/authorize").await;
    let (status, _) = browse(page.trim_start_matches("●  ")).await;
    assert_eq!(status, 200);
    let login = login.finish().await.success();
    assert!(
        login.stdout.contains("◇  Authentication successful!"),
        "{}",
        login.stdout
    );
    let entry = &stored(&home)["t"];
    assert_eq!(entry["serverUrl"], json!(server.url()));
    let token = entry["tokens"]["accessToken"].as_str().unwrap();
    for shown in [&login.stdout, &login.stderr] {
        assert!(!shown.contains(token), "{shown}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let about = fs_err::metadata(home.data().join("mcp-auth.json")).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
    }
    let list = home.run(["mcp", "auth", "ls"]).await.success();
    assert!(list.stdout.contains("✓ t authenticated"), "{}", list.stdout);
    // Nobody wants it again.
    let again = home.run_with_input(["mcp", "auth", "t"], "no\n").await.success();
    assert!(again.stdout.ends_with("└  Cancelled\n\n"), "{}", again.stdout);
    let again = home.run(["mcp", "auth", "t"]).await.success();
    assert!(again.stdout.ends_with("└  Cancelled\n\n"), "{}", again.stdout);

    let debug = home.run(["mcp", "debug", "t"]).await.success();
    for wanted in [
        "●  Auth status: ✓ authenticated",
        "●    Access token: ***",
        "●    Refresh token: present",
        "●    Client ID: made-for-you",
        "◇  HTTP response: 401 Unauthorized",
        "●  WWW-Authenticate: Bearer realm=\"test\"",
        "◆  Connection successful (already authenticated)",
        "└  Debug complete",
    ] {
        assert!(debug.stdout.contains(wanted), "{wanted}: {}", debug.stdout);
    }

    let unknown = home.run(["mcp", "logout", "x"]).await.success();
    assert!(
        unknown.stdout.contains("■  No credentials found for: x"),
        "{}",
        unknown.stdout
    );
    // Also when it is not configured any more.
    configure(&home, &json!({}));
    let out = home.run_with_input(["mcp", "logout"], "t\n").await.success();
    assert!(
        out.stdout.contains("◆  Removed OAuth credentials for t"),
        "{}",
        out.stdout
    );
    assert_eq!(stored(&home), json!({}));
    let out = home.run(["mcp", "logout"]).await.success();
    assert!(
        out.stdout.contains("▲  No MCP OAuth credentials stored"),
        "{}",
        out.stdout
    );
}

#[tokio::test]
async fn problems_are_told_in_the_box() {
    let home = home();
    let none = home.run(["mcp", "auth"]).await.success();
    assert!(
        none.stdout.contains("▲  No OAuth-capable MCP servers configured"),
        "{}",
        none.stdout
    );
    let none = home.run(["mcp", "auth", "list"]).await.success();
    assert!(
        none.stdout.contains("▲  No OAuth-capable MCP servers configured"),
        "{}",
        none.stdout
    );

    let server = Server::start(Script {
        registers: false,
        ..Script::default()
    })
    .await;
    let off = json!({ "type": "remote", "url": server.url(), "oauth": false });
    configure(
        &home,
        &json!({ "t": remote(&server), "off": off, "l": { "type": "local", "command": ["true"] } }),
    );
    for (arguments, wanted) in [
        (["auth", "nope"], "■  MCP server not found: nope"),
        (
            ["auth", "off"],
            "■  MCP server off is not an OAuth-capable remote server",
        ),
        (
            ["auth", "l"],
            "■  MCP server l is not an OAuth-capable remote server",
        ),
        (["auth", "t"], "Please provide clientId in config."),
        (["debug", "nope"], "■  MCP server not found: nope"),
        (["debug", "l"], "■  MCP server l is not a remote server"),
        (
            ["debug", "off"],
            "▲  MCP server off has OAuth explicitly disabled",
        ),
        (["debug", "t"], "Please provide clientId in config."),
    ] {
        let told = home.run(["mcp"].iter().chain(&arguments)).await.success();
        assert!(told.stdout.contains(wanted), "{arguments:?}: {}", told.stdout);
        assert!(told.stdout.contains("└  "), "{arguments:?}: {}", told.stdout);
    }
    assert!(!home.data().join("mcp-auth.json").exists());
}

#[tokio::test]
async fn who_says_no_is_told_so() {
    let (home, server) = (without_browser(home()), Server::start(Script::default()).await);
    configure(&home, &json!({ "t": remote(&server) }));
    let mut login = home.start(["mcp", "auth", "t"]);
    let page = login.line_with("/authorize").await;
    let page = url::Url::parse(page.trim_start_matches("●  ")).unwrap();
    let get = |name: &str| {
        page.query_pairs()
            .find(|(key, _)| key == name)
            .unwrap()
            .1
            .into_owned()
    };
    let refused = format!(
        "{}?state={}&error=access_denied&error_description=Not%20you",
        get("redirect_uri"),
        get("state")
    );
    let (status, text) = browse(&refused).await;
    assert!(status == 200 && text.contains("Not you"), "{text}");
    let login = login.finish().await.success();
    assert!(
        login.stdout.contains("■  Authentication failed\n│\n■  Not you\n"),
        "{}",
        login.stdout
    );
    assert!(!home.data().join("mcp-auth.json").exists());
}

/// Two programs at the same time, with a token to renew that is good for once.
#[tokio::test]
async fn programs_renew_together() {
    let (home, server) = (without_browser(home()), Server::start(Script::default()).await);
    configure(&home, &json!({ "t": remote(&server) }));
    server.give("ended", "renew-it", "");
    let entry = json!({ "t": {
        "tokens": { "accessToken": "ended", "refreshToken": "renew-it", "expiresAt": 1.5 },
        "clientInfo": { "clientId": "made-for-you" },
        "serverUrl": server.url(),
    } });
    fs_err::create_dir_all(home.data()).unwrap();
    fs_err::write(home.data().join("mcp-auth.json"), entry.to_string()).unwrap();
    let programs = (0..4).map(|_| home.run(["mcp", "debug", "t"]));
    for program in futures_util::future::join_all(programs).await {
        let program = program.success();
        assert!(
            program.stdout.contains("◆  Connection successful"),
            "{}",
            program.stdout
        );
    }
    let renewed = server.all("POST /token");
    assert_eq!(renewed.len(), 1);
    assert_eq!(renewed[0].form()["refresh_token"], "renew-it");
    assert_ne!(stored(&home)["t"]["tokens"]["accessToken"], "ended");
}
