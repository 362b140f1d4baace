//! Logging in and out, with lines of standard input for answers, and over HTTP; the catalogue of models.

use opencode_testkit::{ScriptedModel, Service, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::home;

fn stored(home: &opencode_testkit::Home) -> Value {
    let text = fs_err::read_to_string(home.data().join("auth.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_key_is_asked_for_stored_used_and_forgotten() {
    let home = home();
    let login = home
        .run_with_input(["auth", "login", "-p", "groq"], "gsk-secret\n")
        .await
        .success();
    assert!(login.stdout.contains("Login successful"), "{}", login.stdout);
    assert!(
        !login.stdout.contains("gsk-secret") && !login.stderr.contains("gsk-secret"),
        "a key is not shown"
    );
    assert_eq!(
        stored(&home),
        json!({ "groq": { "type": "api", "key": "gsk-secret" } })
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let about = fs_err::metadata(home.data().join("auth.json")).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
    }
    let list = home.run(["auth", "list"]).await.success();
    assert!(list.stdout.contains("Groq api") && list.stdout.contains("1 credential"));
    let models = home.run(["models", "groq"]).await.success();
    assert!(models.stdout.starts_with("groq/"));

    // By its name as well as by its id.
    let unknown = home.run(["auth", "logout", "nobody"]).await;
    assert_eq!(unknown.code(), Some(1));
    assert!(unknown.stderr.contains("Unknown configured provider \"nobody\""));
    let out = home.run(["auth", "logout", "Groq"]).await.success();
    assert!(out.stdout.contains("Logout successful"));
    assert_eq!(stored(&home), json!({}));
    let again = home.run(["auth", "logout"]).await.success();
    assert!(again.stdout.contains("No credentials found"));
}

#[tokio::test]
async fn answers_are_lines_and_flags() {
    let home = home();
    // Provider, way, key.
    home.run_with_input(["providers", "login"], "xAI\nManually enter API Key\nk1\n")
        .await
        .success();
    home.run_with_input(["providers", "login", "-p", "openai", "--key"], "k2\n")
        .await
        .success();
    home.run_with_input(
        ["providers", "login", "-p", "cloudflare-ai-gateway"],
        "acc\ngate\nk3\n",
    )
    .await
    .success();
    let told = [
        "providers",
        "login",
        "-p",
        "azure",
        "--input",
        "resourceName=mine",
    ];
    home.run_with_input(told, "k4\n").await.success();
    home.run_with_input(["providers", "login"], "other\nmy-own\nk5\n")
        .await
        .success();
    assert_eq!(
        stored(&home),
        json!({
            "xai": { "type": "api", "key": "k1" },
            "openai": { "type": "api", "key": "k2" },
            "cloudflare-ai-gateway": {
                "type": "api", "key": "k3", "metadata": { "accountId": "acc", "gatewayId": "gate" },
            },
            "azure": { "type": "api", "key": "k4", "metadata": { "resourceName": "mine" } },
            "my-own": { "type": "api", "key": "k5" },
        })
    );
}

#[tokio::test]
async fn what_does_not_fit_is_said_and_nothing_is_stored() {
    let home = home();
    for (arguments, input, wanted) in [
        (&["-p", "nobody"][..], "", "Unknown provider \"nobody\""),
        (
            &["-p", "openai", "-m", "magic"],
            "",
            "Unknown method \"magic\" for openai. Available: ChatGPT Pro/Plus (browser), ",
        ),
        (&["-p", "groq", "-m", "magic"], "", "Available: none"),
        (&["-p", "groq"], "", "no answer"),
        (&["-p", "groq"], "\n", "no answer"),
        (&[], "nonsense\n", "«nonsense» is none of the answers"),
        (
            &["-p", "gitlab"],
            "GitLab Personal Access Token\nnowhere\n",
            "https://",
        ),
        (
            &["-p", "azure", "--input", "resourceName"],
            "",
            "Expected NAME=VALUE",
        ),
        (&["http://127.0.0.1:1"], "", "cannot be reached"),
    ] {
        let login = home
            .run_with_input(["auth", "login"].iter().chain(arguments), input)
            .await;
        assert_eq!(login.code(), Some(1), "{arguments:?}");
        assert!(login.stderr.contains(wanted), "{arguments:?}: {}", login.stderr);
        assert!(!home.data().join("auth.json").exists(), "{arguments:?}");
    }
}

#[tokio::test]
async fn only_providers_that_may_be_used_are_offered() {
    let home = home();
    for (config, refused, taken) in [
        (json!({ "disabled_providers": ["groq"] }), "groq", "mistral"),
        (json!({ "enabled_providers": ["mistral"] }), "gitlab", "mistral"),
    ] {
        home.write("opencode.json", config.to_string());
        let login = home.run_with_input(["auth", "login", "-p", refused], "k\n").await;
        assert_eq!(login.code(), Some(1), "{}", login.stdout);
        assert!(
            login.stderr.contains(&format!("Unknown provider \"{refused}\"")),
            "{}",
            login.stderr
        );
        home.run_with_input(["auth", "login", "-p", taken], "k\n")
            .await
            .success();
    }
}

#[tokio::test]
async fn an_organisation_names_the_command_that_gives_the_token() {
    let home = home();
    let answer = |script: &str| json!({ "auth": { "command": ["sh", "-c", script], "env": "ORG_TOKEN" } });
    let service = Service::start(200, answer("echo '  token-1 '")).await;
    let url = format!("{}/", service.url());
    let login = home.run(["auth", "login", &url]).await.success();
    assert!(
        login.stdout.contains("echo"),
        "the command is shown: {}",
        login.stdout
    );
    assert_eq!(service.asked()[0].path, "/.well-known/opencode");
    assert_eq!(
        stored(&home),
        json!({ service.url(): { "type": "wellknown", "key": "ORG_TOKEN", "token": "token-1" } })
    );
    let failing = Service::start(200, answer("echo no; exit 3")).await;
    let login = home.run(["auth", "login", &failing.url()]).await.success();
    assert!(login.stdout.contains("Failed") && login.stdout.contains("Done"));
    assert_eq!(stored(&home).as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn logins_over_http() {
    let home = home();
    let server = home.serve().await;
    let ways = server.send("GET", "/provider/auth", None).await.json();
    assert_eq!(
        ways["openai"][0],
        json!({ "type": "oauth", "label": "ChatGPT Pro/Plus (browser)" })
    );
    assert_eq!(ways["snowflake-cortex"][0]["prompts"][0]["key"], "account");
    let ask = async |path: &str, body: Value| {
        let answer = server
            .send("POST", &format!("/provider/{path}"), Some(body))
            .await;
        (answer.status, answer.json())
    };
    assert_eq!(
        ask("openai/oauth/authorize", json!({ "method": 2 })).await,
        (200, Value::Null)
    );
    let (status, error) = ask("openai/oauth/authorize", json!({ "method": "x" })).await;
    assert_eq!((status, error["name"].as_str()), (400, Some("BadRequest")));
    let (status, error) = ask("nobody/oauth/authorize", json!({ "method": 0 })).await;
    assert_eq!((status, error["name"].as_str()), (500, Some("UnknownError")));
    assert_eq!(
        ask("openai/oauth/callback", json!({ "method": 0 })).await,
        (
            400,
            json!({ "name": "ProviderAuthOauthMissing", "data": { "providerID": "openai" } })
        )
    );
    let (status, error) = ask(
        "gitlab/oauth/authorize",
        json!({ "method": 0, "inputs": { "instanceUrl": "nowhere" } }),
    )
    .await;
    assert_eq!(
        (status, error["name"].as_str(), error["data"]["field"].as_str()),
        (400, Some("ProviderAuthValidationFailed"), Some("instanceUrl"))
    );

    // A login that goes on, and one that its page stops.
    let (status, begun) = ask("poe/oauth/authorize", json!({ "method": 0 })).await;
    assert_eq!((status, begun["method"].as_str()), (200, Some("auto")));
    let page = url::Url::parse(begun["url"].as_str().unwrap()).unwrap();
    let (_, back) = page
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap();
    let back = url::Url::parse(&back).unwrap();
    let stopping = async {
        let address = back.socket_addrs(|| None).unwrap()[0];
        let mut page = tokio::net::TcpStream::connect(address).await.unwrap();
        page.write_all(b"GET /cancel HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        page.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let waiting = ask("poe/oauth/callback", json!({ "method": 0 }));
    let ((status, error), ()) = tokio::join!(waiting, stopping);
    assert_eq!(
        (status, error["name"].as_str()),
        (400, Some("ProviderAuthOauthCallbackFailed"))
    );
    server.stop().await;
}

#[tokio::test]
async fn two_chats_with_different_keys_never_mix() {
    let model = ScriptedModel::start((0..12).map(|_| Step::text("done"))).await;
    let home = home();
    let folders = ["first", "second"].map(|name| home.path().join(name));
    for (folder, key) in folders.iter().zip(["key-one", "key-two"]) {
        fs_err::create_dir_all(folder).unwrap();
        home.configure(
            &model.url(),
            json!({ "provider": { "scripted": { "options": { "apiKey": key } } } }),
        );
        fs_err::rename(home.project().join("opencode.json"), folder.join("opencode.json")).unwrap();
    }
    let server = home.serve().await;
    let server = &server;
    let chat = async |at: usize| {
        let query = format!("directory={}", folders[at].display());
        let made = server
            .send(
                "POST",
                &format!("/session?{query}"),
                Some(json!({ "title": "t" })),
            )
            .await;
        let id = made.json()["id"].as_str().unwrap().to_owned();
        for _ in 0..5 {
            let text = format!("I am number {at}");
            let body = json!({ "parts": [{ "type": "text", "text": text }] });
            let answer = server
                .send("POST", &format!("/session/{id}/message?{query}"), Some(body))
                .await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    };
    tokio::join!(chat(0), chat(1));
    let requests = model.all_requests();
    assert_eq!(requests.len(), 10);
    for request in requests {
        let first = request.body.to_string().contains("I am number 0");
        let wanted = if first { "Bearer key-one" } else { "Bearer key-two" };
        assert_eq!(request.header("authorization"), Some(wanted));
    }
}

#[tokio::test]
async fn a_newer_catalogue_is_fetched_when_asked_for_and_by_servers() {
    let catalogue = json!({ "p": { "id": "p", "name": "P", "env": ["P_KEY"], "npm": "@ai-sdk/openai-compatible",
        "api": "http://127.0.0.1:1", "models": { "swift-1": { "id": "swift-1", "name": "Swift",
        "release_date": "2026-01-01", "limit": { "context": 10, "output": 5 } } } } });
    let service = Service::start(200, catalogue).await;
    let home = home()
        .with("OPENCODE_MODELS_URL", &service.url())
        .with("P_KEY", "k");
    let cache = home.path().join(".cache/opencode");
    let name: String = Sha1::digest(service.url())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let file = cache.join(format!("models-{name}.json"));

    let models = home.run(["models", "--refresh"]).await.success();
    assert_eq!(models.stderr, "Models cache refreshed\n");
    assert_eq!(models.stdout, "p/swift-1\n");
    assert_eq!(
        home.run(["models", "swift"]).await.success().stdout,
        "p/swift-1\n"
    );
    let none = home.run(["models", "nothing-like-it"]).await;
    assert_eq!(none.code(), Some(1));
    assert!(none.stderr.contains("Provider not found: nothing-like-it"));
    assert_eq!(service.asked().len(), 1);

    fs_err::remove_file(&file).unwrap();
    let home = home.with("OPENCODE_DISABLE_MODELS_FETCH", "0");
    home.run(["models"]).await.success();
    assert_eq!(
        service.asked().len(),
        1,
        "what does not run for long does not fetch by itself"
    );
    let server = home.serve().await;
    home.wait_for_file(file.to_str().unwrap()).await;
    let list = server.send("GET", "/config/providers", None).await.json();
    assert_eq!(list["providers"][0]["id"], "p");
    server.stop().await;
}

#[tokio::test]
async fn a_local_model_is_found_and_its_written_calls_are_called() {
    let call = r#"{"name": "bash", "arguments": {"command": "echo from-the-tool"}}"#;
    let model = ScriptedModel::start([
        Step::text(&format!("I look.\n<tool_call>{call}</tool_call>")),
        Step::text("It says from-the-tool"),
    ])
    .await;
    // What the scripted model serves below /v1 is what Ollama would; its list is served beside it.
    let list = Service::start(200, json!({ "models": [{ "name": "small:1" }] })).await;
    let home = home().with("OLLAMA_HOST", &list.url());
    let models = home.run(["models", "ollama"]).await.success();
    assert_eq!(models.stdout, "ollama/small:1\n");
    assert!(
        models.stderr.contains("context of 4096 tokens"),
        "{}",
        models.stderr
    );
    let all = home.run(["models"]).await.success();
    assert!(all.stdout.contains("ollama/small:1"));
    home.write("opencode.json", r#"{"disabled_providers": ["opencode"]}"#);
    let advice = home.run(["run", "hello"]).await;
    assert!(
        advice.stderr.contains("opencode run -m ollama/small:1"),
        "{}",
        advice.stderr
    );

    let config = json!({ "model": "ollama/small:1", "permission": "allow", "provider": {
        "ollama": { "models": { "small:1": { "provider": { "api": model.url() } } } },
        "opencode": {},
    } });
    home.write("opencode.json", config.to_string());
    let run = home
        .run(["run", "--format", "json", "--title", "t", "look"])
        .await
        .success();
    let calls = run.of_type("tool_use");
    assert_eq!(calls.len(), 1, "{}", run.stdout);
    assert_eq!(
        calls[0]["part"]["state"]["input"]["command"],
        "echo from-the-tool"
    );
    let texts: Vec<Value> = run
        .of_type("text")
        .iter()
        .map(|line| line["part"]["text"].clone())
        .collect();
    assert_eq!(texts, ["I look.", "It says from-the-tool"]);
    let sent = &model.requests()[1].body["messages"];
    assert!(sent.to_string().contains("from-the-tool"), "{sent}");

    let switched = home.with("OPENCODE_DISABLE_LOCAL_MODELS", "1");
    fs_err::remove_file(switched.project().join("opencode.json")).unwrap();
    let models = switched.run(["models"]).await.success();
    assert!(!models.stdout.contains("ollama/"));
}
