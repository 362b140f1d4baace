//! Logins of plugins, and what they make of credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use opencode_plugin::{Authorization, Credentials, Draft, Error, LoginKind, Prompting, Way};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::support::{Running, in_time, project};

const PLUGIN: &str = "export default async () => ({
    auth: {
        provider: 'acme',
        methods: [
            { type: 'oauth', label: 'By page',
                prompts: [
                    { type: 'select', key: 'plan', message: 'Which?', options: [{ label: 'A', value: 'a' }] },
                    { type: 'text', key: 'host', message: 'Where?', when: { key: 'plan', op: 'eq', value: 'b' },
                        validate: (value) => value.startsWith('http') ? undefined : 'no address' },
                    { type: 'text', key: 'old', message: 'Old?', condition: (inputs) => inputs.plan === 'c' },
                ],
                authorize: async ({ plan }) => ({ url: 'https://acme.test/' + plan, instructions: 'Go', method: 'code',
                    callback: async (code) => code === 'right'
                        ? { type: 'success', access: 'a', refresh: 'r', expires: 1 } : { type: 'failed' } }) },
            { type: 'api', label: 'Key' },
            { type: 'api', label: 'Made', authorize: async (inputs) => ({ type: 'success', key: inputs.host }) },
        ],
        loader: async (credential, provider) => ({
            apiKey: (await credential()).key + ' of ' + provider.id,
            hidden: () => {},
            fetch: async (url, { method, headers, body, signal }) => {
                if (url.endsWith('/bad')) throw new Error('no way')
                const { key } = await credential()
                const said = [String(url), method, headers['x-mine'], body ?? null, key, signal.aborted]
                return new Response(JSON.stringify(said), { status: 201, headers: { 'x-answer': 'yes' } })
            },
        }),
    },
    provider: { id: 'acme', models: async ({ id, models }, { auth }) => ({ ...models, [id]: { key: auth?.key ?? null } }) },
})";

/// Credentials that count how often they were asked for.
struct Counted(std::sync::atomic::AtomicUsize);

impl Credentials for Counted {
    fn of<'a>(&'a self, provider: &'a str) -> BoxFuture<'a, Option<Value>> {
        let count = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Box::pin(async move { Some(json!({"type": "api", "key": format!("{provider} {count}")})) })
    }
}

async fn running() -> Option<Running> {
    let mut project = project()?;
    project.plugin(
        "early.mjs",
        "export default async () => ({ auth: { provider: 'acme', methods: [] } })",
    );
    project.plugin("acme.mjs", PLUGIN);
    Some(project.start().await)
}

fn inputs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn thrown(message: &str) -> Error {
    Error::Thrown {
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn plugins_offer_ways_to_log_in_and_ask_before() {
    let Some(Running { plugins, .. }) = running().await else {
        return;
    };
    let logins = plugins.logins();
    assert_eq!(logins.len(), 1, "of one provider the last counts");
    assert!(logins[0].loads && logins[0].provider == "acme");
    let methods: Vec<_> = logins[0]
        .methods
        .iter()
        .map(|method| {
            (
                method.kind,
                method.label.as_str(),
                method.prompts.len(),
                method.authorizes,
            )
        })
        .collect();
    assert_eq!(
        methods,
        [
            (LoginKind::Oauth, "By page", 3, true),
            (LoginKind::Api, "Key", 0, false),
            (LoginKind::Api, "Made", 0, true),
        ]
    );
    let host = json!({"type": "text", "key": "host", "message": "Where?", "when": {"key": "plan", "op": "eq", "value": "b"}});
    assert_eq!(logins[0].methods[0].prompts[1], host);

    let never = CancellationToken::new();
    let ask = async |prompt, pairs: &[(&str, &str)]| {
        let inputs = inputs(pairs);
        in_time(plugins.prompt("acme", 0, prompt, &inputs, &never))
            .await
            .unwrap()
    };
    let answer = |asked, problem: Option<&str>| Prompting {
        asked,
        problem: problem.map(str::to_owned),
    };
    assert_eq!(ask(0, &[]).await, answer(true, None));
    assert_eq!(ask(1, &[]).await, answer(false, None));
    assert_eq!(ask(1, &[("plan", "a")]).await, answer(false, None));
    assert_eq!(ask(1, &[("plan", "b")]).await, answer(true, None));
    assert_eq!(
        ask(1, &[("plan", "b"), ("host", "x")]).await,
        answer(true, Some("no address"))
    );
    assert_eq!(
        ask(1, &[("plan", "b"), ("host", "http://x")]).await,
        answer(true, None)
    );
    assert_eq!(ask(2, &[("plan", "b")]).await, answer(false, None));
    assert_eq!(ask(2, &[("plan", "c")]).await, answer(true, None));
}

#[tokio::test]
async fn a_login_goes_from_its_page_to_its_outcome() {
    let Some(Running { plugins, .. }) = running().await else {
        return;
    };
    let never = CancellationToken::new();
    let way = |method| Way::Provider {
        provider: "acme".to_owned(),
        method,
    };
    for (code, outcome) in [
        ("wrong", json!({"type": "failed"})),
        (
            "right",
            json!({"type": "success", "access": "a", "refresh": "r", "expires": 1}),
        ),
    ] {
        let (way, inputs) = (way(0), inputs(&[("plan", "a")]));
        let Ok(Authorization::Page(page)) = in_time(plugins.authorize(&way, &inputs, &never)).await else {
            panic!("it has a page");
        };
        assert_eq!(
            (page.url.as_str(), page.instructions.as_str(), page.mode.as_str()),
            ("https://acme.test/a", "Go", "code")
        );
        assert_eq!(
            in_time(plugins.callback(page.id, Some(code), &never)).await,
            Ok(outcome)
        );
        let again = in_time(plugins.callback(page.id, Some("wrong"), &never)).await;
        let ended = Err(thrown("this login has ended"));
        let failed = Ok(json!({"type": "failed"}));
        assert_eq!(again, if code == "wrong" { failed } else { ended });
    }
    let made = in_time(plugins.authorize(&way(2), &inputs(&[("host", "h")]), &never)).await;
    assert_eq!(
        made,
        Ok(Authorization::Done(json!({"type": "success", "key": "h"})))
    );
    for (method, message) in [
        (1, "acme has nothing to ask for here"),
        (7, "no plugin logs in at acme in this way"),
    ] {
        let outcome = in_time(plugins.authorize(&way(method), &inputs(&[]), &never)).await;
        assert_eq!(outcome, Err(thrown(message)));
    }
}

#[tokio::test]
async fn a_loader_adds_options_and_sends_requests_itself() {
    let Some(Running { plugins, .. }) = running().await else {
        return;
    };
    let never = CancellationToken::new();
    let credentials = Arc::new(Counted(0.into()));
    let loaded = plugins.load("acme", json!({"id": "acme"}), credentials, &never);
    let loaded = in_time(loaded).await.unwrap();
    assert_eq!(Value::Object(loaded.options), json!({"apiKey": "acme 0 of acme"}));
    let address: url::Url = loaded.fetch.unwrap().parse().unwrap();
    assert_eq!(address.host_str(), Some("127.0.0.1"));

    let send = async |path: &str, target: &str| {
        let port = address.port().unwrap();
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-opencode-target: {target}\r\nx-mine: m\r\n\
             content-length: 2\r\n\r\nhi"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        in_time(stream.read_to_string(&mut answer)).await.unwrap();
        answer
    };
    let answer = send(address.path(), "https://api.acme.test/v1").await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(answer.to_lowercase().contains("x-answer: yes"), "{answer}");
    let said = r#"["https://api.acme.test/v1","POST","m","hi","acme 1",false]"#;
    assert!(answer.contains(said), "{answer}");
    let failed = send(address.path(), "https://api.acme.test/bad").await;
    assert!(
        failed.starts_with("HTTP/1.1 502 ") && failed.contains("no way"),
        "{failed}"
    );
    let other = send("/0000", "https://api.acme.test/v1").await;
    assert!(other.starts_with("HTTP/1.1 404 "), "{other}");

    let nothing = plugins.load("other", json!({}), Arc::new(Counted(0.into())), &never);
    assert_eq!(in_time(nothing).await, Ok(opencode_plugin::Loaded::default()));
}

#[tokio::test]
async fn plugins_list_the_models_of_a_provider() {
    let Some(Running { plugins, .. }) = running().await else {
        return;
    };
    assert!(plugins.lists("acme") && !plugins.lists("other"));
    let never = CancellationToken::new();
    let info = json!({"id": "acme", "models": {"known": {}}});
    let made = plugins.models("acme", info, Some(json!({"type": "api", "key": "k"})), &never);
    assert_eq!(
        in_time(made).await,
        Ok(json!({"known": {}, "acme": {"key": "k"}}))
    );
}

#[tokio::test]
async fn integrations_log_in_by_what_a_transformation_brought() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "one.mjs",
        "export default { id: 'one', setup: async ({ integration }) => {
            await integration.transform((draft) => draft.method.update({
                integrationID: 'acme',
                method: { type: 'oauth', id: 'page', label: 'By page' },
                authorize: async () => ({ url: 'https://acme.test', instructions: '', mode: 'auto',
                    callback: async () => ({ type: 'oauth', methodID: 'page', access: 'a', refresh: 'r', expires: 1 }) }),
            }))
         } }",
    );
    let Running { plugins, .. } = project.start().await;
    let never = CancellationToken::new();
    let way = Way::Integration {
        integration: "acme".to_owned(),
        method: "page".to_owned(),
    };
    let too_early = in_time(plugins.authorize(&way, &inputs(&[]), &never)).await;
    assert_eq!(too_early, Err(thrown("no plugin logs in at acme in this way")));
    let state = json!({"integrations": [], "methods": {}});
    let made = in_time(plugins.transform(Draft::Integration, state)).await;
    assert_eq!(
        made,
        json!({
            "integrations": [{"id": "acme", "name": "acme"}],
            "methods": {"acme": [{"type": "oauth", "id": "page", "label": "By page"}]},
        })
    );
    let Ok(Authorization::Page(page)) = in_time(plugins.authorize(&way, &inputs(&[]), &never)).await else {
        panic!("it has a page");
    };
    assert_eq!(page.mode, "auto");
    let credential = in_time(plugins.callback(page.id, None, &never)).await;
    assert_eq!(
        credential,
        Ok(json!({"type": "oauth", "methodID": "page", "access": "a", "refresh": "r", "expires": 1}))
    );
}
