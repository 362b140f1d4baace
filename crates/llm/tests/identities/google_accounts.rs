//! Accounts that Google trusts: those of others, and those that act for another.

use opencode_llm::Error;
use opencode_llm::identity::Identity;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{bearers, client, header, provider, send, surroundings, token, write};
use crate::server::{Reply, Seen, Server};

const ALLOW: (&str, &str) = ("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");

/// The token that a request carries when these credentials are the user's, or why there is none.
async fn bearer(home: &TempDir, file: &Value, variables: &[(&str, &str)]) -> Result<String, String> {
    let path = write(home, "credentials.json", &file.to_string());
    let mut all = vec![("GOOGLE_APPLICATION_CREDENTIALS", &*path)];
    all.extend(variables);
    let identity = Identity::Google(surroundings(home.path(), &all));
    let (server, target) = provider("@ai-sdk/google-vertex", identity, 1).await;
    match send(&client(), &target).await {
        Error::Http(_) => Ok(bearers(&server).remove(0)),
        Error::NoIdentity { message, .. } => Err(message),
        other => panic!("{other:?}"),
    }
}

fn fields(seen: &Seen) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&seen.body).into_owned().collect()
}

fn field(seen: &Seen, name: &str) -> Option<String> {
    fields(seen)
        .into_iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

fn lent(name: &str) -> Reply {
    Reply::new(200, "application/json")
        .body([json!({"accessToken": name, "expireTime": "2999-01-01T00:00:00Z"}).to_string()])
}

fn external(server: &Server, source: Value) -> Value {
    let mut file = json!({"type": "external_account", "audience": "//iam/pool", "subject_token_type": "jwt",
        "token_url": format!("{}/sts", server.url())});
    file["credential_source"] = source;
    file
}

#[tokio::test]
async fn one_account_acts_for_another() {
    let home = TempDir::new().unwrap();
    let server = Server::start(vec![token("source", 3600), lent("other")]).await;
    let source = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
        "token_uri": format!("{}/token", server.url())});
    let file = json!({"type": "impersonated_service_account", "delegates": ["d"], "source_credentials": source,
        "service_account_impersonation_url": format!("{}/act", server.url())});
    assert_eq!(bearer(&home, &file, &[]).await, Ok("Bearer other".to_owned()));
    let seen = &server.requests()[1];
    assert_eq!(
        (&*seen.path, header(seen, "authorization")),
        ("/act", Some("Bearer source"))
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&seen.body).unwrap(),
        json!({"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s", "delegates": ["d"]})
    );

    let twice = json!({"type": "impersonated_service_account", "source_credentials": file,
        "service_account_impersonation_url": "http://127.0.0.1:9/act"});
    let refused = bearer(&home, &twice, &[]).await.unwrap_err();
    assert!(refused.contains("acts for another"), "{refused}");
}

#[tokio::test]
async fn tokens_of_others_are_exchanged() {
    let home = TempDir::new().unwrap();
    let path = write(&home, "theirs.json", r#"{"inner": "file-token"}"#);
    let server = Server::start(vec![
        token("from file", 3600),
        Reply::new(200, "text/plain").body(["url-token\n"]),
        token("source", 3600),
        lent("from address"),
    ])
    .await;
    let format = json!({"type": "json", "subject_token_field_name": "inner"});
    let mut file = external(&server, json!({"file": path, "format": format}));
    file["workforce_pool_user_project"] = json!("project");
    assert_eq!(bearer(&home, &file, &[]).await, Ok("Bearer from file".to_owned()));
    let source = json!({"url": format!("{}/theirs", server.url()), "headers": {"x-who": "me"}});
    let mut file = external(&server, source);
    file["service_account_impersonation_url"] = json!(format!("{}/act", server.url()));
    file["client_id"] = json!("id");
    file["client_secret"] = json!("secret");
    assert_eq!(
        bearer(&home, &file, &[]).await,
        Ok("Bearer from address".to_owned())
    );

    let seen = server.requests();
    let wanted = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", "//iam/pool"),
        ("scope", "https://www.googleapis.com/auth/cloud-platform"),
        (
            "requested_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
        ("subject_token", "file-token"),
        ("subject_token_type", "jwt"),
        ("options", r#"{"userProject":"project"}"#),
    ];
    let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields(&seen[0]), wanted);
    assert_eq!(header(&seen[1], "x-who"), Some("me"));
    assert_eq!(field(&seen[2], "subject_token").as_deref(), Some("url-token"));
    assert_eq!(header(&seen[2], "authorization"), Some("Basic aWQ6c2VjcmV0"));
    assert_eq!(header(&seen[3], "authorization"), Some("Bearer source"));
}

#[tokio::test]
async fn a_program_is_run_only_when_it_is_allowed() {
    let home = TempDir::new().unwrap();
    let program = |text: &str| {
        let path = write(&home, "program.sh", text);
        json!({"executable": {"command": format!("/bin/sh \"{path}\" word"), "timeout_millis": 20_000}})
    };
    let good = "printf '{\"success\":true,\"id_token\":\"%s\"}' \"$1-$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE\"";
    let server = Server::start(vec![token("ran", 3600)]).await;
    let file = external(&server, program(good));
    let refused = bearer(&home, &file, &[]).await.unwrap_err();
    assert!(refused.contains(ALLOW.0), "{refused}");
    assert_eq!(bearer(&home, &file, &[ALLOW]).await, Ok("Bearer ran".to_owned()));
    let asked = field(&server.requests()[0], "subject_token");
    assert_eq!(asked.as_deref(), Some("word-//iam/pool"));
    for (text, words) in [
        ("printf '{\"success\":false,\"message\":\"locked\"}'", "locked"),
        ("echo nonsense", "something else"),
        ("echo cause >&2; exit 3", "cause"),
    ] {
        let file = external(&server, program(text));
        let failed = bearer(&home, &file, &[ALLOW]).await.unwrap_err();
        assert!(failed.contains(words), "{failed}");
    }
}

#[tokio::test]
async fn a_signed_question_to_amazon_is_a_token() {
    let home = TempDir::new().unwrap();
    let server = Server::start(vec![token("amazon", 3600)]).await;
    let verify = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
    let file = external(
        &server,
        json!({"environment_id": "aws1", "regional_cred_verification_url": verify}),
    );
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "KEY"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "st"),
    ];
    assert_eq!(
        bearer(&home, &file, &variables).await,
        Ok("Bearer amazon".to_owned())
    );
    let token = field(&server.requests()[0], "subject_token").unwrap();
    let token = percent_decode(&token);
    let question: Value = serde_json::from_str(&token).unwrap();
    assert_eq!(
        question["url"],
        "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    );
    let line = |name: &str| {
        let lines = question["headers"].as_array().unwrap();
        let line = lines.iter().find(|line| line["key"] == name);
        line.map(|line| line["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(line("host").as_deref(), Some("sts.eu-west-1.amazonaws.com"));
    assert_eq!(
        line("x-goog-cloud-target-resource").as_deref(),
        Some("//iam/pool")
    );
    assert_eq!(line("x-amz-security-token").as_deref(), Some("st"));
    let signed = line("authorization").unwrap();
    assert!(
        signed.contains("Credential=KEY/")
            && signed.contains("/eu-west-1/sts/aws4_request")
            && signed
                .contains("SignedHeaders=host;x-amz-date;x-amz-security-token;x-goog-cloud-target-resource"),
        "{signed}"
    );
    let nowhere = bearer(&home, &file, &variables[1..]).await.unwrap_err();
    assert!(nowhere.contains("AWS_REGION"), "{nowhere}");
}

fn percent_decode(text: &str) -> String {
    let spaced = text.replace('+', "%2B");
    let pair = format!("t={spaced}");
    let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap();
    value.into_owned()
}

#[tokio::test]
async fn a_login_of_others_is_renewed() {
    let home = TempDir::new().unwrap();
    let server = Server::start(vec![token("renewed", 3600)]).await;
    let file = json!({"type": "external_account_authorized_user", "client_id": "id", "client_secret": "secret",
        "refresh_token": "r", "token_url": format!("{}/oauth", server.url())});
    assert_eq!(bearer(&home, &file, &[]).await, Ok("Bearer renewed".to_owned()));
    let seen = &server.requests()[0];
    assert_eq!(header(seen, "authorization"), Some("Basic aWQ6c2VjcmV0"));
    assert_eq!(field(seen, "refresh_token").as_deref(), Some("r"));
}

#[tokio::test]
async fn broken_credentials_are_told() {
    let home = TempDir::new().unwrap();
    let server = Server::start(vec![]).await;
    let other = json!({"type": "gdch_service_account"});
    for (file, words) in [
        (other, "kind"),
        (external(&server, json!({})), "no source"),
        (
            external(&server, json!({"file": "/nowhere/token"})),
            "/nowhere/token",
        ),
        (
            json!({"type": "external_account", "audience": 5}),
            "not what they should be",
        ),
    ] {
        let failed = bearer(&home, &file, &[]).await.unwrap_err();
        assert!(failed.contains(words), "{failed}");
    }
}
