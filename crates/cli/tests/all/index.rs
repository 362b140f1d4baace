//! The search index from outside (reference `integrations-2.md` §Q).

use opencode_testkit::{ScriptedModel, Service, Step};
use serde_json::{Value, json};

use crate::home;

const RETRY: &str =
    "/// Waits longer after each attempt that failed.\nfn exponential_backoff(attempt: u32) {}\n";

#[tokio::test]
async fn code_is_found_by_what_is_meant() {
    let home = home();
    home.write("src/retry.rs", RETRY);
    home.write(
        "src/login.rs",
        "/// Checks what was typed.\nfn check_password(text: &str) {}\n",
    );
    let found = home
        .run(["index", "search", "how long between attempts"])
        .await
        .success();
    assert_eq!(found.stdout, "src/retry.rs:1-2  exponential_backoff\n");

    // What changes is found at once.
    home.write("src/retry.rs", "fn give_up() {}\n");
    let found = home.run(["index", "search", "--json", "give up"]).await.success();
    let rows: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(rows[0]["text"], "fn give_up() {}\n");
    let none = home.run(["index", "search", "attempts"]).await.success();
    assert_eq!(none.stdout, "");

    let status = home.run(["index", "status"]).await.success();
    assert!(
        status.stdout.starts_with("2 files, 2 pieces"),
        "{}",
        status.stdout
    );
    home.run(["index", "clear"]).await.success();
    let status = home.run(["index", "status"]).await.success();
    assert!(status.stdout.starts_with("0 files"), "{}", status.stdout);
}

#[tokio::test]
async fn vectors_of_a_provider_take_part() {
    let row = |index: usize| json!({ "index": index, "embedding": [1.0, -0.5, 0.25] });
    let service = Service::start(200, json!({ "data": [row(0), row(1)] })).await;
    let home = home();
    home.write("a.rs", RETRY);
    home.write("b.rs", "fn other() {}\n");
    home.write(".gitignore", "opencode.json\n");
    let config = json!({
        "provider": { "p": {
            "npm": "@ai-sdk/openai-compatible",
            "options": { "baseURL": format!("{}/v1", service.url()), "apiKey": "secret" },
            "models": { "chat": {} },
        } },
        "index": { "embedding": { "provider": "p", "model": "embed", "dimensions": 3 } },
    });
    home.write("opencode.json", config.to_string());
    let built = home.run(["index", "build"]).await.success();
    assert!(
        built.stdout.ends_with("2 vectors of p/embed 3\n"),
        "{}",
        built.stdout
    );
    let asked = &service.asked()[0];
    assert_eq!(asked.path, "/v1/embeddings");
    assert_eq!(asked.body["model"], "embed");
    assert_eq!(asked.body["input"].as_array().unwrap().len(), 2);

    // No word fits, the vector does.
    let found = home.run(["index", "search", "unheard"]).await.success();
    assert_eq!(found.stdout.lines().count(), 2, "{}", found.stdout);
}

#[tokio::test]
async fn servers_search_too() {
    let home = home();
    home.write("src/retry.rs", RETRY);
    let server = home.serve().await;
    let typed = || async {
        server
            .send("GET", "/find/file?query=exponential", None)
            .await
            .json()
    };
    assert_eq!(typed().await, json!([]), "nobody has made an index");
    let hits = server
        .send("GET", "/find/semantic?query=backoff&limit=1", None)
        .await
        .json();
    assert_eq!(
        (&hits[0]["path"], &hits[0]["first"]),
        (&json!("src/retry.rs"), &json!(1))
    );
    let none = server
        .send("GET", "/find/semantic?query=backoff&language=py", None)
        .await
        .json();
    assert_eq!(none, json!([]));
    // Files are also offered for what is in them, behind those that are called so.
    assert_eq!(typed().await, json!(["src/retry.rs"]));
    let built = server.send("POST", "/index/build", None).await.json();
    assert_eq!(built, server.send("GET", "/index/status", None).await.json());
    assert_eq!(
        server.send("GET", "/find/semantic?query=", None).await.status,
        400
    );
}

#[tokio::test]
async fn a_model_finds_code_and_what_it_has_just_written() {
    let search = |query: &str| Step::tool("codesearch", json!({ "query": query }));
    let model = ScriptedModel::start([
        search("how long between attempts"),
        Step::tool(
            "write",
            json!({ "filePath": "src/new.rs", "content": "fn brand_new_thing() {}\n" }),
        ),
        search("brand new thing"),
        Step::text("done"),
    ])
    .await;
    let home = home();
    home.write("src/retry.rs", RETRY);
    home.configure(
        &model.url(),
        json!({ "permission": { "*": "allow", "codesearch": "allow" } }),
    );
    let run = home.run(["run", "--format", "json", "where?"]).await.success();
    let outputs: Vec<Value> = run
        .of_type("tool_use")
        .iter()
        .map(|event| event["part"]["state"]["output"].clone())
        .collect();
    assert_eq!(
        outputs[0],
        "src/retry.rs:1-2  exponential_backoff\n  /// Waits longer after each attempt that failed.\n  fn exponential_backoff(attempt: u32) {}"
    );
    assert_eq!(
        outputs[2],
        "src/new.rs:1-1  brand_new_thing\n  fn brand_new_thing() {}"
    );
}
