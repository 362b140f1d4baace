//! The client that plugins get, against a small HTTP interface behind the door.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::{Desk, Project, Running, call, in_time, project};

struct Inside(mpsc::Receiver<DuplexStream>);

impl Listener for Inside {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(connection) => (connection, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Operations as the HTTP interface documents them; every answer says what was asked.
fn document() -> Value {
    let operation =
        |id: &str| json!({"operationId": id, "responses": {"200": {"content": {"application/json": {}}}}});
    let stream =
        |id: &str| json!({"operationId": id, "responses": {"200": {"content": {"text/event-stream": {}}}}});
    json!({"paths": {
        "/session": {"get": operation("session.list"), "post": operation("session.create")},
        "/session/{sessionID}": {"get": operation("session.get"), "delete": operation("session.delete")},
        "/session/{sessionID}/message": {"post": operation("session.prompt")},
        "/session/{sessionID}/message/{messageID}": {"get": operation("session.message")},
        "/session/{sessionID}/prompt_async": {"post": operation("session.prompt_async")},
        "/session/{sessionID}/permissions/{permissionID}": {"post": operation("permission.respond")},
        "/find/file": {"get": operation("find.files")},
        "/tui/show-toast": {"post": operation("tui.showToast")},
        "/api/integration/{integrationID}": {"get": operation("v2.integration.get")},
        "/event": {"get": stream("event.subscribe")},
        "/global/event": {"get": stream("global.event")},
    }})
}

async fn answer(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let events = "data: {\"type\":\"one\"}\n\n: nothing\n\nid: 2\ndata: {\"type\":\ndata: \"two\"}\n\n";
    match uri.path() {
        "/doc" => axum::Json(document()).into_response(),
        "/event" | "/global/event" => ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response(),
        "/session/ses_missing" => {
            let error = json!({"name": "NotFoundError", "data": {"message": "it is not there"}});
            (StatusCode::NOT_FOUND, axum::Json(error)).into_response()
        }
        "/api/integration/acme" => {
            let connections =
                json!([{"type": "env", "name": "PATH"}, {"type": "credential", "id": "c", "label": "C"}]);
            axum::Json(json!({"data": {"id": "acme", "connections": connections}})).into_response()
        }
        "/session/ses_empty" => StatusCode::NO_CONTENT.into_response(),
        _ => {
            let directory = headers
                .get("x-opencode-directory")
                .and_then(|value| value.to_str().ok());
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            axum::Json(json!([method.as_str(), uri.to_string(), directory, body])).into_response()
        }
    }
}

/// Runs what a plugin does with its client; gives what it returns.
async fn run(mut project: Project, script: &str) -> (Value, Running) {
    let text = format!(
        "export default async ({{ client, directory }}) => ({{ tool: {{ run: {{ description: '', args: {{}},
            execute: async () => JSON.stringify(await (async () => {{ {script} }})()) }} }} }})"
    );
    project.plugin("one.mjs", &text);
    let running = project.start().await;
    let never = CancellationToken::new();
    let desk = Arc::new(Desk::default());
    let output = in_time(running.plugins.run("run", json!({}), call(), desk, &never))
        .await
        .unwrap();
    (serde_json::from_str(&output.output).unwrap(), running)
}

fn with_door(project: &mut Project) -> tokio_util::task::AbortOnDropHandle<()> {
    let (door, connections) = mpsc::channel(1);
    project.door = Some(door);
    let server = axum::serve(Inside(connections), Router::new().fallback(answer));
    tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move { server.await.unwrap() }))
}

#[cfg(unix)]
#[tokio::test]
async fn it_has_the_operations_by_their_names() {
    let Some(mut project) = project() else { return };
    let _server = with_door(&mut project);
    let folder = project.path();
    let (made, _running) = run(
        project,
        "const results = await Promise.all([
            client.session.list(),
            client.session.get({ path: { id: 'ses_1' } }),
            client.session.message({ path: { id: 'ses_1', messageID: 'msg/1' } }),
            client.session.message({ path: { messageID: 'msg_1', sessionID: 'ses_1' } }),
            client.find.files({ query: { query: 'a b', directory: '/other', list: [1, 2], deep: { x: 1 }, none: undefined } }),
            client.session.create({ body: { title: 'é' } }),
            client.session.promptAsync({ path: { id: 'ses_1' }, body: { parts: [] } }),
            client.postSessionIdPermissionsPermissionId({ path: { id: 'ses_1', permissionID: 'per_1' }, body: { response: 'once' } }),
            client.tui.showToast({ body: { message: 'x' }, headers: { 'x-opencode-directory': 'mine' } }),
            opencode.session.prompt({ path: { id: 'ses_1' }, body: { parts: [{ type: 'text', text: 'hi' }] } }),
            client._client.post({ url: '/session' }),
         ])
         return results.map(({ data }) => data)",
    )
    .await;
    let folder = folder.to_string_lossy();
    let encoded: String = url::form_urlencoded::byte_serialize(folder.as_bytes()).collect();
    let get = |uri: &str| json!(["GET", format!("{uri}?directory={encoded}"), null, null]);
    let post = |uri: &str, body: Value| json!(["POST", uri, encoded, body]);
    let expected = json!([
        get("/session"),
        get("/session/ses_1"),
        get("/session/ses_1/message/msg%2F1"),
        get("/session/ses_1/message/msg_1"),
        [
            "GET",
            "/find/file?query=a+b&directory=%2Fother&list=1&list=2&deep%5Bx%5D=1",
            null,
            null
        ],
        post("/session", json!({"title": "é"})),
        post("/session/ses_1/prompt_async", json!({"parts": []})),
        post(
            "/session/ses_1/permissions/per_1",
            json!({"response": "once"})
        ),
        ["POST", "/tui/show-toast", "mine", {"message": "x"}],
        post(
            "/session/ses_1/message",
            json!({"parts": [{"type": "text", "text": "hi"}]})
        ),
        post("/session", Value::Null),
    ]);
    assert_eq!(made, expected);
}

#[cfg(unix)]
#[tokio::test]
async fn errors_are_values_or_thrown_as_one_wants() {
    let Some(mut project) = project() else { return };
    let _server = with_door(&mut project);
    let (made, _running) = run(
        project,
        "const path = { id: 'ses_missing' }
         const { data, error, request, response } = await client.session.get({ path })
         const thrown = await client.session.get({ path, throwOnError: true }).catch(({ message, cause }) => [message, cause.status])
         const unknown = await client.session.nothing().catch(({ name, message }) => [name, message])
         const unnamed = await client.session.get().catch(({ name }) => name)
         const empty = await client.session.delete({ path: { id: 'ses_empty' } })
         return [data === undefined, error, request.method, response.status, thrown, unknown, unnamed, empty.data,
            await client === undefined, typeof client.session.get]",
    )
    .await;
    assert_eq!(
        made,
        json!([
            true,
            {"name": "NotFoundError", "data": {"message": "it is not there"}},
            "GET",
            404,
            ["it is not there", 404],
            ["TypeError", "client.session.nothing is not a function"],
            "TypeError",
            {},
            false,
            "function",
        ])
    );
}

#[cfg(unix)]
#[tokio::test]
async fn events_are_a_stream() {
    let Some(mut project) = project() else { return };
    let _server = with_door(&mut project);
    let (made, _running) = run(
        project,
        "const seen = []
         for (const { stream } of [await client.event.subscribe(), await client.global.event()]) {
            for await (const event of stream) seen.push(event.type)
         }
         return seen",
    )
    .await;
    assert_eq!(made, json!(["one", "two", "one", "two"]));
}

#[cfg(unix)]
#[tokio::test]
async fn connections_of_integrations_are_known() {
    let Some(mut project) = project() else { return };
    let _server = with_door(&mut project);
    project.plugin(
        "two.mjs",
        "export default { id: 'two', setup: ({ integration }) => { globalThis.connection = integration.connection } }",
    );
    let (made, running) = run(
        project,
        "const active = await connection.active('acme')
         const key = await connection.resolve(active)
         const unset = await connection.resolve({ type: 'env', name: 'NO_SUCH_VARIABLE' })
         const stored = await connection.resolve({ type: 'credential', id: 'c' }).catch(({ message }) => message)
         return [active, key.type, key.key === process.env.PATH, unset === undefined, stored]",
    )
    .await;
    assert_eq!(running.heard.faults(), []);
    assert_eq!(
        made,
        json!([{"type": "env", "name": "PATH"}, "key", true, true, "stored credentials are not given to plugins"])
    );
}

#[tokio::test]
async fn without_a_door_it_says_so() {
    let Some(project) = project() else { return };
    let (made, running) = run(
        project,
        "return [await client.session.list().catch((error) => error.message)]",
    )
    .await;
    assert_eq!(
        made,
        json!(["the HTTP interface of the program cannot be reached from plugins here"])
    );
    assert_eq!(running.heard.faults(), []);
}
