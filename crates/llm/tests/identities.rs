//! Who asks: keys of Amazon and tokens of Google, from everywhere they may come, against servers on this
//! machine.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opencode_llm::adapter::{Api, by_package_and_api};
use opencode_llm::identity::{AZURE_SERVICES, Aws, Azure, GitLab, Identity, Sap, ServiceKey, Surroundings};
use opencode_llm::request::Message;
use opencode_llm::{Client, ClientOptions, Error, Request, Target};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Seen, Server};
use crate::shared::package;

const ROLE: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLEKEY</AccessKeyId>\
    <SecretAccessKey>role+secret/</SecretAccessKey><SessionToken>role-session</SessionToken>\
    <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

pub(crate) fn client() -> Client {
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

pub(crate) fn surroundings(home: &Path, variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect(),
        home: home.to_owned(),
    }
}

fn aws(home: &Path, variables: &[(&str, &str)]) -> Aws {
    Aws {
        service: "bedrock",
        region: "eu-west-1".to_owned(),
        profile: None,
        keys: None,
        surroundings: surroundings(home, variables),
    }
}

/// A server that has no answer, and a target that leads to it.
pub(crate) async fn provider(name: &str, identity: Identity, answers: usize) -> (Server, Target) {
    let answer = || Reply::new(500, "text/plain");
    let server = Server::start((0..answers).map(|_| answer()).collect()).await;
    let mut target = Target::new(package(name), "cloud", "model");
    target.base_url = Some(server.url());
    target.identity = Some(identity);
    (server, target)
}

pub(crate) async fn send(client: &Client, target: &Target) -> Error {
    let sent = client.stream(target, &hello(), CancellationToken::new()).await;
    sent.unwrap_err()
}

pub(crate) fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

/// The id of the key that a request to Bedrock is signed with, and the token of its session.
async fn signed_with(aws: Aws) -> Result<(String, Option<String>), String> {
    let (server, target) = provider("@ai-sdk/amazon-bedrock", Identity::Aws(aws), 1).await;
    match send(&client(), &target).await {
        Error::NoIdentity { message, .. } => Err(message),
        Error::Connection { message, .. } => Err(message),
        Error::Http(_) => {
            let seen = server.requests().pop().unwrap();
            let value = header(&seen, "authorization").unwrap().to_owned();
            let id = value
                .split_once("Credential=")
                .unwrap()
                .1
                .split('/')
                .next()
                .unwrap();
            let session = header(&seen, "x-amz-security-token").map(str::to_owned);
            Ok((id.to_owned(), session))
        }
        other => panic!("{other:?}"),
    }
}

fn keys_json(id: &str) -> String {
    json!({"AccessKeyId": id, "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-01T00:00:00Z"})
        .to_string()
}

pub(crate) fn write(home: &TempDir, name: &str, text: &str) -> String {
    let path = home.path().join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn found(id: &str, session: Option<&str>) -> Result<(String, Option<String>), String> {
    Ok((id.to_owned(), session.map(str::to_owned)))
}

#[tokio::test]
async fn variables_and_configuration_have_keys() {
    let home = TempDir::new().unwrap();
    let variables = [
        ("AWS_ACCESS_KEY_ID", "VARKEY"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "vt"),
    ];
    assert_eq!(
        signed_with(aws(home.path(), &variables)).await,
        found("VARKEY", Some("vt"))
    );
    let configured = Aws {
        keys: Some(("OWNKEY".to_owned(), "s".into(), None)),
        ..aws(home.path(), &variables)
    };
    assert_eq!(signed_with(configured).await, found("OWNKEY", None));
}

#[tokio::test]
async fn profiles_have_keys() {
    let home = TempDir::new().unwrap();
    let program = "printf '{\"Version\":1,\"AccessKeyId\":\"PROGRAM\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"pt\"}'";
    write(
        &home,
        ".aws/config",
        &format!(
            "[default]\nregion=x\n[profile program]\ncredential_process = {program}\n[profile circle]\nrole_arn = r\n\
             source_profile = circle2\n[profile circle2]\nrole_arn = r\nsource_profile = circle\n[profile bare]\nregion = x\n"
        ),
    );
    write(
        &home,
        ".aws/credentials",
        "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = s\n",
    );
    let named = |profile: &str, variables: &[(&str, &str)]| Aws {
        profile: Some(profile.to_owned()),
        ..aws(home.path(), variables)
    };
    assert_eq!(signed_with(aws(home.path(), &[])).await, found("DEFAULT", None));
    // A profile that is named wins over variables.
    let variables = [("AWS_ACCESS_KEY_ID", "V"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert_eq!(
        signed_with(named("program", &variables)).await,
        found("PROGRAM", Some("pt"))
    );
    assert_eq!(
        signed_with(aws(home.path(), &[("AWS_PROFILE", "program")])).await,
        found("PROGRAM", Some("pt"))
    );
    for (profile, words) in [
        ("circle", "leads to itself"),
        ("bare", "bare"),
        ("nowhere", "nowhere"),
    ] {
        let failed = signed_with(named(profile, &[])).await.unwrap_err();
        assert!(failed.contains(words), "{profile}: {failed}");
    }
}

#[tokio::test]
async fn roles_are_taken_with_keys_and_with_web_identities() {
    let home = TempDir::new().unwrap();
    let sts = Server::start(vec![
        Reply::new(200, "text/xml").body([ROLE]),
        Reply::new(200, "text/xml").body([ROLE]),
        Reply::new(403, "text/xml").body(["<Error><Code>AccessDenied</Code></Error>"]),
    ])
    .await;
    let url = format!("{}/", sts.url());
    write(
        &home,
        ".aws/config",
        "[profile role]\nrole_arn = arn:role\nsource_profile = source\nexternal_id = ex\n[profile source]\n\
         aws_access_key_id = SOURCE\naws_secret_access_key = s\n",
    );
    let profile = [("AWS_PROFILE", "role"), ("AWS_ENDPOINT_URL_STS", &*url)];
    assert_eq!(
        signed_with(aws(home.path(), &profile)).await,
        found("ROLEKEY", Some("role-session"))
    );
    let token = write(&home, "token", "web-token\n");
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &*token),
        ("AWS_ROLE_ARN", "arn:web"),
        ("AWS_ENDPOINT_URL_STS", &*url),
    ];
    assert_eq!(
        signed_with(aws(home.path(), &web)).await,
        found("ROLEKEY", Some("role-session"))
    );
    let refused = signed_with(aws(home.path(), &web)).await.unwrap_err();
    assert!(
        refused.contains("arn:web") && refused.contains("AccessDenied"),
        "{refused}"
    );

    let asked: Vec<String> = sts
        .requests()
        .iter()
        .map(|seen| String::from_utf8(seen.body.clone()).unwrap())
        .collect();
    assert_eq!(
        asked[0],
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Arole&RoleSessionName=opencode&ExternalId=ex"
    );
    assert_eq!(
        asked[1],
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aweb&RoleSessionName=opencode&WebIdentityToken=web-token"
    );
    let signed = header(&sts.requests()[0], "authorization").unwrap().to_owned();
    assert!(
        signed.contains("Credential=SOURCE/") && signed.contains("/eu-west-1/sts/"),
        "{signed}"
    );
}

#[tokio::test]
async fn containers_machines_and_logins_have_keys() {
    let home = TempDir::new().unwrap();
    let container = Server::start(vec![Reply::new(200, "application/json").body([keys_json("BOX")])]).await;
    let address = format!("{}/keys", container.url());
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*address),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "box-token"),
    ];
    assert_eq!(
        signed_with(aws(home.path(), &variables)).await,
        found("BOX", Some("t"))
    );
    assert_eq!(
        header(&container.requests()[0], "authorization"),
        Some("box-token")
    );
    let elsewhere = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://keys.example/")];
    let refused = signed_with(aws(home.path(), &elsewhere)).await.unwrap_err();
    assert!(refused.contains("keys.example"), "{refused}");

    let machine = Server::start(vec![
        Reply::new(200, "text/plain").body(["imds-token"]),
        Reply::new(200, "text/plain").body(["my-role\n"]),
        Reply::new(200, "application/json").body([keys_json("MACHINE")]),
    ])
    .await;
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*machine.url())];
    assert_eq!(
        signed_with(aws(home.path(), &variables)).await,
        found("MACHINE", Some("t"))
    );
    let asked = machine.requests();
    let paths: Vec<(&str, &str)> = asked.iter().map(|seen| (&*seen.method, &*seen.path)).collect();
    assert_eq!(
        paths,
        [
            ("PUT", "/latest/api/token"),
            ("GET", "/latest/meta-data/iam/security-credentials/"),
            ("GET", "/latest/meta-data/iam/security-credentials/my-role"),
        ]
    );
    assert_eq!(header(&asked[2], "x-aws-ec2-metadata-token"), Some("imds-token"));

    let portal = Server::start(vec![Reply::new(200, "application/json").body([json!({"roleCredentials": {
        "accessKeyId": "LOGIN", "secretAccessKey": "s", "sessionToken": "lt", "expiration": 32_503_680_000_000_u64}})
    .to_string()])])
    .await;
    write(
        &home,
        ".aws/config",
        "[profile login]\nsso_session = corp\nsso_account_id = 12\nsso_role_name = R\n[sso-session corp]\n\
         sso_start_url = https://x\nsso_region = us-east-1\n",
    );
    let login = aws(
        home.path(),
        &[("AWS_PROFILE", "login"), ("AWS_ENDPOINT_URL_SSO", &*portal.url())],
    );
    let failed = signed_with(login.clone()).await.unwrap_err();
    assert!(failed.contains("aws sso login --profile login"), "{failed}");
    // The name is the SHA-1 of `corp`.
    write(
        &home,
        ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json",
        r#"{"accessToken": "login-token", "expiresAt": "2999-01-01T00:00:00Z"}"#,
    );
    let seen = signed_with(login).await;
    assert_eq!(seen, found("LOGIN", Some("lt")));
    let asked = &portal.requests()[0];
    assert_eq!(asked.path, "/federation/credentials?role_name=R&account_id=12");
    assert_eq!(header(asked, "x-amz-sso_bearer_token"), Some("login-token"));
}

#[tokio::test]
async fn nothing_found_says_what_to_do() {
    let home = TempDir::new().unwrap();
    let off = [("AWS_EC2_METADATA_DISABLED", "true")];
    let failed = signed_with(aws(home.path(), &off)).await.unwrap_err();
    assert!(
        failed.contains("AWS_BEARER_TOKEN_BEDROCK") && failed.contains("AWS_PROFILE"),
        "{failed}"
    );
}

fn user_file(home: &TempDir, tokens: &Server) -> String {
    let file = json!({"type": "authorized_user", "client_id": "cid", "client_secret": "cs", "refresh_token": "rt",
        "token_uri": format!("{}/token", tokens.url())});
    write(home, "user.json", &file.to_string())
}

pub(crate) fn token(name: &str, lifetime: u64) -> Reply {
    Reply::new(200, "application/json")
        .body([json!({"access_token": name, "expires_in": lifetime}).to_string()])
}

pub(crate) fn bearers(server: &Server) -> Vec<String> {
    let seen = server.requests();
    let values = seen
        .iter()
        .map(|seen| header(seen, "authorization").unwrap_or_default().to_owned());
    values.collect()
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
    let pem = include_str!("cases/account.pem");
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

fn gitlab(instance: &Server) -> Identity {
    Identity::GitLab(GitLab {
        instance: format!("{}/", instance.url()),
        token: "pat".into(),
        features: [("duo".to_owned(), true.into())].into_iter().collect(),
        headers: [("x-in".to_owned(), "1".to_owned())].into_iter().collect(),
    })
}

fn pass(token: &str) -> Reply {
    let headers = json!({"x-gitlab-realm": "saas", "anthropic-beta": "given", "x-api-key": "not this"});
    Reply::new(201, "application/json").body([json!({"token": token, "headers": headers}).to_string()])
}

#[tokio::test]
async fn a_pass_is_given_out_once_and_again_when_it_is_taken_back() {
    let instance = Server::start(vec![pass("one"), pass("two")]).await;
    let fine = || {
        let words = r#"{"type":"message","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}"#;
        Reply::new(200, "application/json").body([words])
    };
    let gateway = Server::start(vec![
        fine(),
        Reply::new(401, "application/json").body([r#"{"error":{"message":"token revoked"}}"#]),
        fine(),
    ])
    .await;
    let mut target = Target::new(
        by_package_and_api("gitlab-ai-provider", Api::Messages).unwrap(),
        "gitlab",
        "claude-x",
    );
    target.base_url = Some(gateway.url());
    target
        .headers
        .insert("anthropic-beta".to_owned(), "ours".to_owned());
    target.identity = Some(gitlab(&instance));
    let client = client();
    for _ in 0..2 {
        let answer = client.generate(&target, &hello(), CancellationToken::new()).await;
        answer.unwrap();
    }
    assert_eq!(
        bearers(&gateway),
        ["Bearer one", "Bearer one", "Bearer two"],
        "the pass is kept, and asked for anew when it is refused"
    );
    let asked = instance.requests();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].path, "/api/v4/ai/third_party_agents/direct_access");
    assert_eq!(header(&asked[0], "authorization"), Some("Bearer pat"));
    assert_eq!(header(&asked[0], "x-in"), Some("1"));
    assert_eq!(
        serde_json::from_slice::<Value>(&asked[0].body).unwrap(),
        json!({"feature_flags": {"duo": true}})
    );
    let sent = &gateway.requests()[0];
    assert_eq!(sent.path, "/ai/v1/proxy/anthropic/v1/messages");
    assert_eq!(header(sent, "x-gitlab-realm"), Some("saas"));
    assert_eq!(header(sent, "anthropic-beta"), Some("ours"));
    assert_eq!(header(sent, "x-api-key"), None);
}

#[tokio::test]
async fn who_gets_no_pass_is_told_why() {
    for (reply, words) in [
        (Reply::new(401, "text/plain"), "opencode auth login -p gitlab"),
        (Reply::new(403, "text/plain").body(["no seat"]), "no seat"),
        (Reply::new(200, "text/plain").body(["<html>"]), "no pass"),
        (
            Reply::new(404, "text/plain").body(["no such page"]),
            "no such page",
        ),
    ] {
        let instance = Server::start(vec![reply]).await;
        let mut target = Target::new(package("gitlab-ai-provider"), "gitlab", "claude-x");
        target.identity = Some(gitlab(&instance));
        match send(&client(), &target).await {
            Error::NoIdentity { message, .. } => assert!(message.contains(words), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    let instance = Server::start(vec![Reply::new(503, "text/plain")]).await;
    let mut target = Target::new(package("gitlab-ai-provider"), "gitlab", "claude-x");
    target.identity = Some(gitlab(&instance));
    let later = send(&client(), &target).await;
    assert!(matches!(later, Error::Connection { .. }), "{later:?}");
}

/// A target that leads to a server which is SAP's login and service in one.
fn sap(server: &Server, deployment: Option<&str>) -> Target {
    let url = server.url();
    let key =
        json!({"clientid": "id", "clientsecret": "se cret", "url": url, "serviceurls": {"AI_API_URL": url}});
    let key = ServiceKey::read(&key.to_string()).unwrap();
    let mut target = Target::new(
        package("@jerome-benoit/sap-ai-provider-v2"),
        "sap-ai-core",
        "gpt-4.1",
    );
    target.base_url = Some(key.api().to_owned());
    target.identity = Some(Identity::Sap(Sap {
        key,
        resource_group: "group".to_owned(),
        deployment: deployment.map(str::to_owned),
    }));
    target
}

fn deployed(ids: &[&str]) -> Reply {
    let resources: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "status": "RUNNING"}))
        .collect();
    Reply::new(200, "application/json")
        .body([json!({"count": resources.len(), "resources": resources}).to_string()])
}

#[tokio::test]
async fn sap_is_asked_for_a_token_and_a_deployment_once() {
    let result = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"},
        "finish_reason": "stop"}]});
    let fine = || Reply::new(200, "application/json").body([json!({"final_result": result}).to_string()]);
    let server = Server::start(vec![token("one", 3600), deployed(&["d1", "d2"]), fine(), fine()]).await;
    let client = client();
    let target = sap(&server, None);
    for _ in 0..2 {
        let answer = client.generate(&target, &hello(), CancellationToken::new()).await;
        answer.unwrap();
    }
    let seen = server.requests();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/oauth/token",
            "/v2/lm/deployments?scenarioId=orchestration&status=RUNNING",
            "/v2/inference/deployments/d1/v2/completion",
            "/v2/inference/deployments/d1/v2/completion",
        ]
    );
    assert_eq!(
        String::from_utf8_lossy(&seen[0].body),
        "grant_type=client_credentials&client_id=id&client_secret=se+cret"
    );
    assert_eq!(header(&seen[1], "ai-resource-group"), Some("group"));
    assert_eq!(header(&seen[1], "authorization"), Some("Bearer one"));
    assert_eq!(header(&seen[3], "authorization"), Some("Bearer one"));
}

#[tokio::test]
async fn sap_may_have_no_deployment_and_refuse_keys() {
    let named = Server::start(vec![token("one", 3600), Reply::new(400, "text/plain")]).await;
    let refused = send(&client(), &sap(&named, Some("mine"))).await;
    assert!(matches!(refused, Error::Http(_)), "{refused:?}");
    assert_eq!(
        named.requests()[1].path,
        "/v2/inference/deployments/mine/v2/completion"
    );
    for (replies, words) in [
        (
            vec![Reply::new(401, "text/plain").body(["bad client"])],
            "bad client",
        ),
        (vec![token("one", 3600), deployed(&[])], "group"),
    ] {
        let server = Server::start(replies).await;
        match send(&client(), &sap(&server, None)).await {
            Error::NoIdentity { message, .. } => assert!(message.contains(words), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn azure_is_asked_by_its_command_line() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = TempDir::new().unwrap();
    let az = |text: &str| {
        let path = write(&home, "az", &format!("#!/bin/sh\n{text}\n"));
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::path::PathBuf::from(path)
    };
    let log = home.path().join("log");
    let program = az(&format!(
        "echo \"$*\" >> '{}'; echo '{{\"accessToken\": \"entra\", \"expires_on\": 32503680000}}'",
        log.display()
    ));
    let azure = |address: &str| Azure::for_address(program.clone(), address);
    let identity = Identity::Azure(azure("https://r.openai.azure.com/openai"));
    let (server, mut target) = provider("@ai-sdk/azure", identity, 2).await;
    target.settings.keyless = true;
    target.headers.insert("api-key".to_owned(), "left".to_owned());
    let client = client();
    send(&client, &target).await;
    send(&client, &target).await;
    assert_eq!(bearers(&server), ["Bearer entra", "Bearer entra"]);
    assert_eq!(header(&server.requests()[0], "api-key"), None);
    let asked = fs_err::read_to_string(&log).unwrap();
    assert_eq!(
        asked,
        "account get-access-token --scope https://cognitiveservices.azure.com/.default --output json\n"
    );
    for (address, scope) in [
        (
            "https://r.services.ai.azure.com/anthropic/v1",
            "https://ai.azure.com/.default",
        ),
        ("https://r.services.ai.azure.com/models", AZURE_SERVICES),
        ("https://r.cognitiveservices.azure.com/openai", AZURE_SERVICES),
        ("nonsense", AZURE_SERVICES),
    ] {
        assert_eq!(azure(address).scope, scope, "{address}");
    }
    // Older versions write a local time.
    for (text, words) in [
        (
            "echo '{\"accessToken\": \"t\", \"expiresOn\": \"2999-01-01 00:00:00.000000\"}'",
            None,
        ),
        ("echo '{\"accessToken\": \"t\"}'", Some("ends")),
        ("echo nonsense", Some("something else")),
        (
            "echo 'run az login first' >&2; exit 1",
            Some("run az login first"),
        ),
    ] {
        let checked = Azure::for_address(az(text), "").check().await;
        match words {
            None => assert_eq!(checked, Ok(())),
            Some(words) => assert!(checked.clone().unwrap_err().contains(words), "{checked:?}"),
        }
    }
}
