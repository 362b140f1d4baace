//! Who asks, against servers on this machine: what the tests of all clouds share.

mod amazon;
#[cfg(unix)]
mod azure;
mod gitlab;
mod google;
mod google_accounts;
mod sap;

use std::path::Path;

use opencode_llm::identity::{Identity, Surroundings};
use opencode_llm::request::Message;
use opencode_llm::{Client, ClientOptions, Error, Request, Target};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Seen, Server};
use crate::shared::package;

fn client() -> Client {
    Client::new(ClientOptions {
        system_proxies: false,
        ..ClientOptions::default()
    })
}

fn hello() -> Request {
    Request {
        prompt: vec![Message::user("hello")],
        ..Request::default()
    }
}

fn surroundings(home: &Path, variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect(),
        home: home.to_owned(),
    }
}

/// A server that has no answer, and a target that leads to it.
async fn provider(name: &str, identity: Identity, answers: usize) -> (Server, Target) {
    let answer = || Reply::new(500, "text/plain");
    let server = Server::start((0..answers).map(|_| answer()).collect()).await;
    let mut target = Target::new(package(name), "cloud", "model");
    target.base_url = Some(server.url());
    target.identity = Some(identity);
    (server, target)
}

async fn send(client: &Client, target: &Target) -> Error {
    let sent = client.stream(target, &hello(), CancellationToken::new()).await;
    sent.unwrap_err()
}

fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

fn write(home: &TempDir, name: &str, text: &str) -> String {
    let path = home.path().join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn token(name: &str, lifetime: u64) -> Reply {
    Reply::new(200, "application/json")
        .body([json!({"access_token": name, "expires_in": lifetime}).to_string()])
}

fn bearers(server: &Server) -> Vec<String> {
    let seen = server.requests();
    let values = seen
        .iter()
        .map(|seen| header(seen, "authorization").unwrap_or_default().to_owned());
    values.collect()
}
