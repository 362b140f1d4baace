//! Connections and logins together, as they are in the program.

use opencode_schema::mcp::ServerConfig;
use pretty_assertions::assert_eq;
use tokio_util::sync::CancellationToken;

use super::connections::entry;
use super::*;
use crate::{Error, Servers, Settings};

fn servers(world: &World, oauth: &OAuth) -> Servers {
    Servers::new(Settings {
        directory: world.home.path().to_owned(),
        version: "0",
        cache: None,
        may_ask: false,
        authorizers: Arc::new(oauth.clone()),
        listener: Box::new(|_| {}),
    })
}

async fn look(servers: &Servers) -> Result<Value, Error> {
    let cancel = CancellationToken::new();
    let called = servers.call("t", "look", json!({}), &cancel, None, None);
    Ok(within(called).await?["content"][0]["text"].take())
}

#[tokio::test]
async fn a_server_is_there_when_somebody_has_logged_in() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    let servers = servers(&world, &world.oauth);
    within(servers.add("t", ServerConfig::Remote(remote(&server)))).await;
    assert_eq!(servers.status("t").unwrap(), Status::NeedsAuth);
    assert_eq!(world.oauth.fingerprint("t", &remote(&server)), None);
    world.log_in(&remote(&server)).await.unwrap();
    assert!(world.oauth.fingerprint("t", &remote(&server)).is_some());
    assert_eq!(within(servers.connect("t")).await.unwrap(), Status::Connected);
    assert_eq!(look(&servers).await.unwrap(), "seen");
    within(servers.close()).await;
}

#[tokio::test]
async fn a_token_that_ends_under_way_is_renewed() {
    let (world, server) = (World::new(), Server::start(Script::default()).await);
    world.store(&entry(&server, 3600.0));
    let servers = servers(&world, &world.oauth);
    within(servers.add("t", ServerConfig::Remote(remote(&server)))).await;
    assert_eq!(servers.status("t").unwrap(), Status::Connected);
    server.revoke();
    assert_eq!(look(&servers).await.unwrap(), "seen");
    assert_eq!(server.all("POST /token").len(), 1);
    // When there is nothing to renew it with, somebody has to log in, and then it goes on.
    server.revoke();
    server.script().refresh_error = Some((400, "invalid_grant"));
    let error = look(&servers).await.unwrap_err().to_string();
    assert!(error.contains("Authentication required"), "{error}");
    world.log_in(&remote(&server)).await.unwrap();
    within(servers.connect("t")).await.unwrap();
    assert_eq!(look(&servers).await.unwrap(), "seen");
    within(servers.close()).await;
}

#[tokio::test]
async fn what_is_missing_is_its_status() {
    let script = Script {
        registers: false,
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    let servers = servers(&world, &world.oauth);
    within(servers.add("t", ServerConfig::Remote(remote(&server)))).await;
    let status = servers.status("t").unwrap();
    assert!(
        matches!(status, Status::NeedsClientRegistration { .. }),
        "{status:?}"
    );
    let mut off = remote(&server);
    off.oauth = Some(Configured::Switch(false));
    within(servers.add("t", ServerConfig::Remote(off))).await;
    let status = servers.status("t").unwrap();
    assert!(matches!(status, Status::Failed { .. }), "{status:?}");
    within(servers.close()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_call_that_needs_more_waits_for_the_user() {
    use super::connections::steps::{open_next, opener};
    let script = Script {
        needed: [("tools/call", "read write")].into_iter().collect(),
        ..Script::default()
    };
    let (world, server) = (World::new(), Server::start(script).await);
    let pipe = opener(&world);
    world.store(&entry(&server, 3600.0));
    let servers = servers(&world, &world.oauth);
    within(servers.add("t", ServerConfig::Remote(remote(&server)))).await;
    let (seen, page) = tokio::join!(look(&servers), open_next(&pipe));
    assert_eq!(seen.unwrap(), "seen");
    assert_eq!(page["scope"], "read write");
    assert_eq!(look(&servers).await.unwrap(), "seen");
    assert_eq!(server.all("GET /authorize").len(), 1);
    within(servers.close()).await;
}
