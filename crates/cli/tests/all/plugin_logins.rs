//! Logins of plugins from end to end, and what plugins make of credentials (reference `plugins.md` §5).

#![expect(clippy::print_stderr, reason = "what is left out is said")]

use opencode_testkit::{Finished, Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::home;

/// A provider of a plugin: ways of every kind, options for its credentials, and requests that it sends itself.
const ACME: &str = r#"
const ok = { type: "success" }
export default async () => ({
    config: async (config) => {
        const models = { m: { name: "M", limit: { context: 100000, output: 1000 } } }
        config.provider = { ...config.provider, acme: { name: "Acme", npm: "@ai-sdk/openai-compatible",
            options: { baseURL: "MODEL" }, models } }
        config.model = config.small_model = "acme/m"
    },
    auth: {
        provider: "acme",
        loader: async (credential, provider) => {
            const { key, access, metadata } = await credential()
            const options = { headers: { "x-loaded": provider.name + " " + Object.keys(provider.models) } }
            if (key) return { ...options, apiKey: "made-of-" + key, headers: { ...options.headers, "x-region": metadata?.region ?? "none" } }
            return { ...options, apiKey: "", fetch: async (url, init) => {
                const { access } = await credential()
                return fetch(url, { ...init, headers: { ...init.headers, authorization: "Token " + access, "x-sent-by": "plugin" } })
            } }
        },
        methods: [
            { type: "oauth", label: "By page", prompts: [
                { type: "select", key: "plan", message: "Plan?", options: [{ label: "Free", value: "free" }, { label: "Paid", value: "paid", hint: "better" }] },
                { type: "text", key: "host", message: "Host?", when: { key: "plan", op: "eq", value: "paid" },
                    validate: (value) => value.includes(".") ? undefined : "no host" },
                { type: "text", key: "never", message: "Never?", condition: () => false },
              ], authorize: async (inputs) => ({ url: "https://acme.test/" + inputs.plan, instructions: "Agree there", method: "auto",
                callback: async () => ({ ...ok, refresh: "r1", access: "a1", expires: 7, accountId: "me", team: { id: inputs.host ?? null } }) }) },
            { type: "oauth", label: "By code", authorize: async () => ({ url: "https://acme.test/code", instructions: "Copy it", method: "code",
                callback: async (code) => code === "right" ? { ...ok, provider: "acme-of-code", refresh: "r2", access: "a2", expires: 8 } : { type: "failed" } }) },
            { type: "api", label: "By key", prompts: [{ type: "text", key: "region", message: "Region?" }] },
            { type: "api", label: "Made key", prompts: [{ type: "text", key: "region", message: "Region?" }],
              authorize: async ({ region }) => ({ ...ok, key: "made", metadata: { made: "in " + region } }) },
            { type: "oauth", label: "Broken", authorize: async () => { throw new Error("the service is away") } },
        ],
    },
})
"#;

/// A home with the plugin, where one can run, and the model that its provider is.
async fn with_acme(steps: impl IntoIterator<Item = Step>) -> Option<(Home, ScriptedModel)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !is_there("bun") && !is_there("node") {
        eprintln!("left out: neither bun nor node is on the PATH");
        return None;
    }
    let model = ScriptedModel::start(steps).await;
    let home = home();
    home.write(".opencode/package.json", r#"{"type":"module"}"#);
    home.write(".opencode/plugin/acme.js", ACME.replace("MODEL", &model.url()));
    Some((home, model))
}

fn stored(home: &Home) -> Value {
    match fs_err::read_to_string(home.data().join("auth.json")) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => json!({}),
    }
}

fn store(home: &Home, credentials: &Value) {
    fs_err::create_dir_all(home.data()).unwrap();
    fs_err::write(home.data().join("auth.json"), credentials.to_string()).unwrap();
}

async fn log_in(home: &Home, arguments: &[&str], input: &str) -> Finished {
    let arguments = ["auth", "login", "-p", "acme"].iter().chain(arguments);
    home.run_with_input(arguments, input).await
}

async fn ask(server: &Served, path: &str, body: Value) -> (u16, Value) {
    let path = format!("/provider/acme/oauth/{path}");
    let answer = server.send("POST", &path, Some(body)).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn the_command_line_asks_what_a_plugin_wants_to_know_and_stores_what_it_gives() {
    let Some((home, _model)) = with_acme([]).await else {
        return;
    };
    let login = log_in(&home, &["-m", "by page"], "paid\nacme.example\n")
        .await
        .success();
    for wanted in ["Go to: https://acme.test/paid", "Agree there", "Login successful"] {
        assert!(login.stdout.contains(wanted), "{wanted}: {}", login.stdout);
    }
    let by_page = json!({ "type": "oauth", "refresh": "r1", "access": "a1", "expires": 7, "accountId": "me", "team": { "id": "acme.example" } });
    assert_eq!(stored(&home), json!({ "acme": by_page }));

    // The first of the ways is picked, and there is nothing more to ask for this plan.
    let login = home
        .run_with_input(["auth", "login"], "Acme\nBy page\nFree\n")
        .await
        .success();
    assert!(
        login.stdout.contains("https://acme.test/free"),
        "{}",
        login.stdout
    );
    assert_eq!(stored(&home)["acme"]["team"], json!({ "id": null }));

    log_in(&home, &["-m", "By code"], "right\n").await.success();
    let by_code = json!({ "type": "oauth", "refresh": "r2", "access": "a2", "expires": 8 });
    assert_eq!(
        stored(&home)["acme-of-code"],
        by_code,
        "the plugin says whose it is"
    );

    log_in(&home, &["-m", "By key"], "eu\nk1\n").await.success();
    assert_eq!(
        stored(&home)["acme"],
        json!({ "type": "api", "key": "k1", "metadata": { "region": "eu" } })
    );
    log_in(&home, &["-m", "By key", "--input", "region=us"], "k2\n")
        .await
        .success();
    assert_eq!(stored(&home)["acme"]["metadata"], json!({ "region": "us" }));
    log_in(&home, &["-m", "Made key"], "eu\ntyped\n").await.success();
    let facts = json!({ "region": "eu", "made": "in eu" });
    assert_eq!(
        stored(&home)["acme"],
        json!({ "type": "api", "key": "made", "metadata": facts })
    );
}

#[tokio::test]
async fn a_login_of_a_plugin_that_fails_says_so_and_stores_nothing() {
    let Some((home, _model)) = with_acme([]).await else {
        return;
    };
    for (arguments, input, wanted) in [
        (&["-m", "By page"][..], "paid\nnowhere\n", "no host"),
        (
            &["-m", "By page", "--input", "plan=paid", "--input", "host=x"],
            "",
            "host: no host",
        ),
        (&["-m", "By code"], "wrong\n", "acme was not logged in to"),
        (&["-m", "Broken"], "", "the service is away"),
        (
            &["-m", "By magic"],
            "",
            "Unknown method \"By magic\" for acme. Available: By page, By code, By key, Made key, Broken",
        ),
    ] {
        let login = log_in(&home, arguments, input).await;
        assert_eq!(login.code(), Some(1), "{arguments:?} {}", login.stdout);
        assert!(login.stderr.contains(wanted), "{wanted}: {}", login.stderr);
        assert_eq!(stored(&home), json!({}));
    }
}

#[tokio::test]
async fn over_http_plugins_stand_for_the_ways_of_their_provider() {
    let Some((home, _model)) = with_acme([]).await else {
        return;
    };
    home.write(
        ".opencode/plugin/xai.js",
        r#"export default async () => ({ auth: { provider: "xai", methods: [{ type: "api", label: "Mine" }] } })"#,
    );
    let server = home.serve().await;
    let ways = server.send("GET", "/provider/auth", None).await.json();
    assert_eq!(ways["xai"], json!([{ "type": "api", "label": "Mine" }]));
    assert_eq!(ways["openai"][0]["label"], "ChatGPT Pro/Plus (browser)");
    let host = json!({ "type": "text", "key": "host", "message": "Host?", "when": { "key": "plan", "op": "eq", "value": "paid" } });
    assert_eq!(ways["acme"][0]["prompts"][1], host);
    assert_eq!(ways["acme"][1], json!({ "type": "oauth", "label": "By code" }));

    let wrong = ask(
        &server,
        "authorize",
        json!({ "method": 0, "inputs": { "host": "x" } }),
    )
    .await;
    let refused =
        json!({ "name": "ProviderAuthValidationFailed", "data": { "field": "host", "message": "no host" } });
    assert_eq!(wrong, (400, refused));
    assert_eq!(
        ask(&server, "authorize", json!({ "method": 2 })).await,
        (200, Value::Null)
    );
    let (status, error) = ask(&server, "authorize", json!({ "method": 4 })).await;
    assert_eq!(
        (status, error["data"]["message"].as_str()),
        (400, Some("the service is away"))
    );
    let missing = json!({ "name": "ProviderAuthOauthMissing", "data": { "providerID": "acme" } });
    assert_eq!(
        ask(&server, "callback", json!({ "method": 0 })).await,
        (400, missing.clone())
    );

    let begun = ask(
        &server,
        "authorize",
        json!({ "method": 0, "inputs": { "plan": "free" } }),
    )
    .await;
    let page = json!({ "url": "https://acme.test/free", "method": "auto", "instructions": "Agree there" });
    assert_eq!(begun, (200, page));
    assert_eq!(
        ask(&server, "callback", json!({ "method": 0 })).await,
        (200, json!(true))
    );
    assert_eq!(stored(&home)["acme"]["access"], "a1");
    assert_eq!(
        ask(&server, "callback", json!({ "method": 0 })).await,
        (400, missing)
    );

    let (_, begun) = ask(&server, "authorize", json!({ "method": 1 })).await;
    assert_eq!(begun["method"], "code");
    let no_code = json!({ "name": "ProviderAuthOauthCodeMissing", "data": { "providerID": "acme" } });
    assert_eq!(
        ask(&server, "callback", json!({ "method": 1 })).await,
        (400, no_code)
    );
    let (status, error) = ask(&server, "callback", json!({ "method": 1, "code": "wrong" })).await;
    assert_eq!(
        (status, error["name"].as_str()),
        (400, Some("ProviderAuthOauthCallbackFailed"))
    );
    let right = ask(&server, "callback", json!({ "method": 1, "code": "right" })).await;
    assert_eq!(right, (200, json!(true)), "another code may be brought");
    let by_code = json!({ "type": "oauth", "refresh": "r2", "access": "a2", "expires": 8 });
    assert_eq!(
        stored(&home),
        json!({ "acme": by_code }),
        "the provider of the request counts"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_loader_makes_options_of_a_key() {
    let Some((home, model)) = with_acme([Step::text("one"), Step::text("two")]).await else {
        return;
    };
    store(
        &home,
        &json!({ "acme": { "type": "api", "key": "k", "metadata": { "region": "eu" } } }),
    );
    home.run(["run", "hello"]).await.success();
    let request = &model.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer made-of-k"));
    assert_eq!(request.header("x-region"), Some("eu"));
    assert_eq!(
        request.header("x-loaded"),
        Some("Acme m"),
        "it is told of its provider"
    );

    // What is configured wins.
    home.write(
        "opencode.json",
        r#"{ "provider": { "acme": { "options": { "apiKey": "own" } } } }"#,
    );
    let plugin = ACME.replace("MODEL", &model.url());
    let plugin = plugin.replace("options: {", "options: { ...config.provider?.acme?.options, ");
    home.write(".opencode/plugin/acme.js", plugin);
    home.run(["run", "hello"]).await.success();
    assert_eq!(model.requests()[1].header("authorization"), Some("Bearer own"));
}

#[tokio::test]
async fn a_plugin_sends_the_requests_of_its_provider_with_the_newest_tokens() {
    let Some((home, model)) = with_acme((0..3).map(|_| Step::text("done"))).await else {
        return;
    };
    let login =
        |access: &str| json!({ "acme": { "type": "oauth", "refresh": "r", "access": access, "expires": 1 } });
    store(&home, &login("first"));
    let server = home.serve().await;
    let session = crate::new_session(&server).await;
    for token in ["first", "second"] {
        store(&home, &login(token));
        let body = json!({ "parts": [{ "type": "text", "text": "hello" }] });
        let path = format!("/session/{session}/message");
        let answer = server.send("POST", &path, Some(body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["parts"][1]["text"], "done", "{answer:?}");
        let request = model.requests().pop().unwrap();
        assert_eq!(request.path, "/v1/chat/completions");
        assert_eq!(
            request.header("authorization"),
            Some(format!("Token {token}").as_str())
        );
        assert_eq!(request.header("x-sent-by"), Some("plugin"));
        assert_eq!(request.header("x-loaded"), Some("Acme m"));
        assert_eq!(request.header("x-opencode-target"), None);
    }
    let listed = server.send("GET", "/api/provider", None).await.text;
    assert!(
        listed.contains("acme") && !listed.contains("x-loaded"),
        "{listed}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_plugin_lists_the_models_of_a_provider() {
    let Some((home, _model)) = with_acme([]).await else {
        return;
    };
    let home = home.with("ANTHROPIC_API_KEY", "k");
    home.write(
        ".opencode/plugin/lister.js",
        r#"export default async () => ({ provider: { id: "anthropic", models: async ({ models }, { auth }) => {
            const model = models["claude-haiku-4-5"]
            return { mine: { ...model, name: "Mine " + (auth?.key ?? "nobody") }, broken: { name: 5 } }
        } } })"#,
    );
    let models = home.run(["models", "anthropic"]).await.success();
    assert_eq!(models.stdout, "anthropic/mine\n");
    let server = home.serve().await;
    let name = async || {
        let list = server.send("GET", "/config/providers", None).await.json();
        let providers = list["providers"].as_array().unwrap().clone();
        let provider = providers
            .into_iter()
            .find(|one| one["id"] == "anthropic")
            .unwrap();
        provider["models"]["mine"]["name"].clone()
    };
    assert_eq!(name().await, "Mine nobody");
    let key = json!({ "type": "api", "key": "somebody" });
    server.send("PUT", "/auth/anthropic", Some(key)).await;
    assert_eq!(name().await, "Mine somebody", "a credential that changed is told");
    server.stop().await;
}

/// Logins of the newer interface: one that is noticed, one with a code.
const WAYS: &str = r#"
export default { id: "ways", setup: async ({ integration }) => {
    const page = (mode, callback) => async ({ plan }) => ({ url: "https://acme.test/" + plan, instructions: "Agree there", mode, callback })
    const tokens = (methodID, access) => ({ type: "oauth", methodID, refresh: "r", access, expires: 9 })
    await integration.transform((draft) => {
        draft.update("acme", (acme) => { acme.name = "Acme Inc" })
        const add = (id, authorize) => draft.method.update({ integrationID: "acme", method: { type: "oauth", id, label: id }, authorize })
        add("page", page("auto", async () => tokens("page", "a")))
        add("code", page("code", async (code) => { if (code !== "right") throw new Error("wrong code"); return tokens("code", "c") }))
    })
} }
"#;

#[tokio::test]
async fn integrations_have_the_logins_that_plugins_bring() {
    let Some((home, _model)) = with_acme([]).await else {
        return;
    };
    home.write(".opencode/plugin/ways.js", WAYS);
    let server = home.serve().await;
    let oauth = |id: &str| json!({ "type": "oauth", "id": id, "label": id });
    let shown = server.send("GET", "/api/integration/acme", None).await.json();
    assert_eq!(
        shown["data"],
        json!({ "id": "acme", "name": "Acme Inc", "methods": [oauth("page"), oauth("code")], "connections": [] })
    );
    let begin = async |method: &str| {
        let body = json!({ "methodID": method, "inputs": { "plan": "free" } });
        let begun = server
            .send("POST", "/api/integration/acme/connect/oauth", Some(body))
            .await;
        assert_eq!(begun.status, 200, "{begun:?}");
        let data = begun.json()["data"].clone();
        assert_eq!(data["url"], "https://acme.test/free");
        (
            format!("/api/integration/attempt/{}", data["attemptID"].as_str().unwrap()),
            data["mode"].clone(),
        )
    };
    let (attempt, mode) = begin("page").await;
    assert_eq!(mode, "auto");
    let complete = async |attempt: &str, body: Value| {
        let answer = server
            .send("POST", &format!("{attempt}/complete"), Some(body))
            .await;
        let kind = (answer.status != 204).then(|| answer.json()["kind"].clone());
        (answer.status, kind)
    };
    while server.send("GET", &attempt, None).await.json()["data"]["status"] == "pending" {}
    assert_eq!(complete(&attempt, json!({})).await, (204, None));
    let stored_page =
        json!({ "type": "oauth", "methodID": "page", "refresh": "r", "access": "a", "expires": 9 });
    assert_eq!(stored(&home)["acme"], stored_page);

    let (attempt, mode) = begin("code").await;
    assert_eq!(mode, "code");
    let required = Some(json!("integration_code_required"));
    assert_eq!(complete(&attempt, json!({})).await, (400, required));
    let wrong = Some(json!("integration_authorization"));
    assert_eq!(complete(&attempt, json!({ "code": "wrong" })).await, (400, wrong));
    let failed = server.send("GET", &attempt, None).await.json()["data"].clone();
    assert_eq!(
        (failed["status"].as_str(), failed["message"].as_str()),
        (Some("failed"), Some("wrong code"))
    );
    let (attempt, _) = begin("code").await;
    assert_eq!(complete(&attempt, json!({ "code": "right" })).await, (204, None));
    assert_eq!(stored(&home)["acme"]["access"], "c");
    let connected = server.send("GET", "/api/integration/acme", None).await.json();
    assert_eq!(connected["data"]["connections"].as_array().unwrap().len(), 1);
    server.stop().await;
}
