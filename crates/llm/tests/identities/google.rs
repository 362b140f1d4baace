//! Who asks Google: tokens of users, service accounts and machines.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opencode_llm::identity::Identity;
use opencode_llm::{Error, Target};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{bearers, client, header, hello, provider, send, surroundings, token, write};
use crate::server::{Reply, Server};
use crate::shared::package;

fn user_file(home: &TempDir, tokens: &Server) -> String {
    let file = json!({"type": "authorized_user", "client_id": "cid", "client_secret": "cs", "refresh_token": "rt",
        "token_uri": format!("{}/token", tokens.url())});
    write(home, "user.json", &file.to_string())
}

#[tokio::test]
async fn tokens_are_kept_until_shortly_before_their_end_and_asked_for_once() {
    let home = TempDir::new().unwrap();
    let tokens = Server::start(vec![token("short", 60), token("long", 3600)]).await;
    let file = user_file(&home, &tokens);
    let identity = Identity::Google(surroundings(
        home.path(),
        &[("GOOGLE_APPLICATION_CREDENTIALS", &file)],
    ));
    let (server, target) = provider("@ai-sdk/google-vertex", identity, 4).await;
    let client = client();
    send(&client, &target).await;
    tokio::join!(send(&client, &target), send(&client, &target));
    send(&client, &target).await;
    assert_eq!(
        bearers(&server),
        ["Bearer short", "Bearer long", "Bearer long", "Bearer long"]
    );
    let asked = String::from_utf8(tokens.requests()[0].body.clone()).unwrap();
    assert_eq!(
        asked,
        "grant_type=refresh_token&client_id=cid&client_secret=cs&refresh_token=rt"
    );
    assert_eq!(
        server.requests()[0].path,
        "/models/model:streamGenerateContent?alt=sse"
    );
}

#[tokio::test]
async fn a_token_that_is_refused_is_forgotten() {
    let home = TempDir::new().unwrap();
    let tokens = Server::start(vec![token("one", 3600), token("two", 3600)]).await;
    let file = user_file(&home, &tokens);
    let identity = Identity::Google(surroundings(
        home.path(),
        &[("GOOGLE_APPLICATION_CREDENTIALS", &file)],
    ));
    let server = Server::start(vec![Reply::new(401, "text/plain"), Reply::new(500, "text/plain")]).await;
    let mut target = Target::new(package("@ai-sdk/google-vertex/anthropic"), "cloud", "claude-x@1");
    target.base_url = Some(server.url());
    target.identity = Some(identity);
    let client = client();
    send(&client, &target).await;
    send(&client, &target).await;
    assert_eq!(bearers(&server), ["Bearer one", "Bearer two"]);
    let seen = &server.requests()[0];
    assert_eq!(seen.path, "/claude-x@1:streamRawPredict");
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body["anthropic_version"], "vertex-2023-10-16");
    assert_eq!(body.get("model"), None);
}

#[tokio::test]
async fn identities_do_not_mix() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let tokens = Server::start(vec![token("one", 3600), token("two", 3600)]).await;
    let client = client();
    for (home, expected) in [(&one, "Bearer one"), (&two, "Bearer two"), (&one, "Bearer one")] {
        let file = user_file(home, &tokens);
        let identity = Identity::Google(surroundings(
            home.path(),
            &[("GOOGLE_APPLICATION_CREDENTIALS", &file)],
        ));
        let (server, target) = provider("@ai-sdk/google-vertex", identity, 1).await;
        send(&client, &target).await;
        assert_eq!(bearers(&server), [expected]);
    }
}

#[tokio::test]
async fn service_accounts_sign_for_themselves() {
    let home = TempDir::new().unwrap();
    let tokens = Server::start(vec![token("account", 3600)]).await;
    let address = format!("{}/token", tokens.url());
    // A key that was made for this test.
    let pem = include_str!("../cases/account.pem");
    let file = json!({"type": "service_account", "client_email": "a@b", "private_key": pem, "private_key_id": "kid",
        "token_uri": address});
    let folder = home.path().join(".config/gcloud");
    write(
        &home,
        ".config/gcloud/application_default_credentials.json",
        &file.to_string(),
    );
    let variables = [("CLOUDSDK_CONFIG", folder.to_str().unwrap())];
    let identity = Identity::Google(surroundings(home.path(), &variables));
    let (server, target) = provider("@ai-sdk/google-vertex", identity, 1).await;
    send(&client(), &target).await;
    assert_eq!(bearers(&server), ["Bearer account"]);

    let body = tokens.requests()[0].body.clone();
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    assert_eq!(fields[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let parts: Vec<&str> = fields[1].1.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let json = |part: &str| -> Value { serde_json::from_slice(&decode(part)).unwrap() };
    assert_eq!(
        json(parts[0]),
        json!({"alg": "RS256", "typ": "JWT", "kid": "kid"})
    );
    let claim = json(parts[1]);
    assert_eq!(claim["iss"], "a@b");
    assert_eq!(claim["aud"], address);
    assert_eq!(claim["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(
        claim["exp"].as_u64().unwrap() - claim["iat"].as_u64().unwrap(),
        3600
    );
    let inner: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(inner).unwrap();
    let pair = ring::signature::RsaKeyPair::from_pkcs8(&der).unwrap();
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        pair.public().as_ref(),
    );
    public
        .verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &decode(parts[2]))
        .unwrap();
}

#[tokio::test]
async fn machines_of_google_have_tokens_and_own_headers_win() {
    let home = TempDir::new().unwrap();
    let machine = Server::start(vec![token("machine", 3600)]).await;
    let host = machine.url().replace("http://", "");
    let identity = Identity::Google(surroundings(home.path(), &[("GCE_METADATA_HOST", &host)]));
    let (server, mut target) = provider("@ai-sdk/google-vertex", identity, 2).await;
    let client = client();
    send(&client, &target).await;
    target
        .headers
        .insert("Authorization".to_owned(), "Bearer own".to_owned());
    send(&client, &target).await;
    assert_eq!(bearers(&server), ["Bearer machine", "Bearer own"]);
    let asked = &machine.requests()[0];
    assert!(
        asked
            .path
            .starts_with("/computeMetadata/v1/instance/service-accounts/default/token")
    );
    assert_eq!(header(asked, "metadata-flavor"), Some("Google"));
}

#[tokio::test]
async fn files_that_are_no_use_are_named_and_not_shown() {
    let home = TempDir::new().unwrap();
    for (text, words) in [
        ("hunter2", "not what they should be"),
        (
            r#"{"type":"gdch_service_account","secret":"hunter2"}"#,
            "not known here",
        ),
        (
            r#"{"type":"service_account","client_email":"a","private_key":"hunter2!"}"#,
            "private key",
        ),
    ] {
        let file = write(&home, "bad.json", text);
        let identity = Identity::Google(surroundings(
            home.path(),
            &[("GOOGLE_APPLICATION_CREDENTIALS", &file)],
        ));
        let (_server, target) = provider("@ai-sdk/google-vertex", identity, 1).await;
        let Error::NoIdentity { message, .. } = send(&client(), &target).await else {
            panic!("{text}");
        };
        assert!(
            message.contains(words) && message.contains("bad.json"),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
        assert!(!format!("{target:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn waiting_for_an_identity_can_be_cancelled() {
    let home = TempDir::new().unwrap();
    let never = std::sync::Arc::new(tokio::sync::Notify::new());
    let tokens = Server::start(vec![Reply::new(200, "application/json").wait(&never)]).await;
    let file = user_file(&home, &tokens);
    let identity = Identity::Google(surroundings(
        home.path(),
        &[("GOOGLE_APPLICATION_CREDENTIALS", &file)],
    ));
    let (_server, target) = provider("@ai-sdk/google-vertex", identity, 1).await;
    let cancel = CancellationToken::new();
    let (client, request) = (client(), hello());
    let sending = client.stream(&target, &request, cancel.clone());
    let (sent, ()) = tokio::join!(sending, async {
        while tokens.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert!(matches!(sent, Err(Error::Cancelled)), "{sent:?}");
}
