//! Who asks Amazon: keys from everywhere they may come.

use std::path::Path;

use opencode_llm::Error;
use opencode_llm::identity::{Aws, Identity};
use pretty_assertions::assert_eq;
use serde_json::json;
use tempfile::TempDir;

use super::{client, header, provider, send, surroundings, write};
use crate::server::{Reply, Server};

const ROLE: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLEKEY</AccessKeyId>\
    <SecretAccessKey>role+secret/</SecretAccessKey><SessionToken>role-session</SessionToken>\
    <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

fn aws(home: &Path, variables: &[(&str, &str)]) -> Aws {
    Aws {
        service: "bedrock",
        region: "eu-west-1".to_owned(),
        profile: None,
        keys: None,
        surroundings: surroundings(home, variables),
    }
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
