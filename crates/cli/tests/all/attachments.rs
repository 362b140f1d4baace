//! What is attached is read, fetched, made smaller or refused before it is stored.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session, stored, stored_calls};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::new(width, height)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn size(url: &str) -> (u32, u32) {
    let (_, data) = url.split_once(";base64,").unwrap();
    let picture = image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap();
    (picture.width(), picture.height())
}

async fn with_eyes(steps: impl IntoIterator<Item = Step>) -> (Home, ScriptedModel, Served) {
    let model = ScriptedModel::start(steps).await;
    let home = home();
    let sees = json!({ "modalities": { "input": ["text", "image", "pdf"], "output": ["text"] } });
    home.configure(
        &model.url(),
        json!({
            "attachment": { "image": { "max_width": 40, "max_height": 40 } },
            "provider": { "scripted": { "models": { "scripted": sees } } },
        }),
    );
    let server = home.serve().await;
    (home, model, server)
}

async fn attach(server: &Served, session: &str, file: Value) -> (u16, Value) {
    let mut file = file;
    file["type"] = "file".into();
    let body = json!({ "parts": [{ "type": "text", "text": "look" }, file] });
    let path = format!("/session/{session}/message");
    let answer = server.send("POST", &path, Some(body)).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn what_no_model_can_be_sent_is_refused_and_nothing_is_stored() {
    let (home, model, server) = with_eyes([]).await;
    let session = new_session(&server).await;
    for (file, wanted) in [
        (
            json!({ "mime": "image/png", "url": "data:image/png;base64,iVBORw0KGgpyZXN0" }),
            "decoded",
        ),
        (
            json!({ "mime": "image/png", "url": "data:image/png;base64,@@@" }),
            "not valid",
        ),
        (
            json!({ "mime": "text/plain", "url": "data:text/plain;base64,@@@" }),
            "not valid",
        ),
        (json!({ "mime": "application/pdf", "url": "nonsense" }), "address"),
        (
            json!({ "mime": "application/pdf", "url": "ftp://a/b", "filename": "b.pdf" }),
            "b.pdf",
        ),
        (
            json!({ "mime": "application/pdf", "url": "http://127.0.0.1:1/b.pdf" }),
            "fetched",
        ),
    ] {
        for _ in 0..2 {
            let (status, body) = attach(&server, &session, file.clone()).await;
            assert_eq!(status, 400, "{file}: {body}");
            assert_eq!(body["_tag"], "BadRequest", "{body}");
            assert!(body["message"].as_str().unwrap().contains(wanted), "{body}");
        }
    }
    assert_eq!(stored(&home, &session).len(), 0);
    assert_eq!(model.all_requests().len(), 0);
}

#[tokio::test]
async fn pictures_are_made_smaller_for_prompts_and_results() {
    let (home, model, server) = with_eyes([
        Step::tool("read", json!({ "filePath": "wide.png" }))
            .and_tool("read", json!({ "filePath": "broken.png" })),
        Step::text("Seen."),
    ])
    .await;
    home.write("wide.png", png(80, 10));
    home.write("broken.png", &png(80, 10)[..60]);
    let session = new_session(&server).await;
    let url = format!("data:image/png;base64,{}", STANDARD.encode(png(20, 80)));
    let (status, body) = attach(&server, &session, json!({ "mime": "image/png", "url": url })).await;
    assert_eq!(status, 200, "{body}");
    let prompt = &stored(&home, &session)[0].1[1];
    assert_eq!(size(prompt["url"].as_str().unwrap()), (10, 40));
    let calls = stored_calls(&home, &session);
    let wide = &calls[0]["state"]["attachments"][0];
    assert_eq!(size(wide["url"].as_str().unwrap()), (40, 5));
    let broken = &calls[1]["state"];
    assert!(broken["attachments"].is_null(), "{broken}");
    assert!(
        broken["output"].as_str().unwrap().contains("[1 image omitted:"),
        "{broken}"
    );
    let sent = Value::Array(model.requests()[1].conversation()).to_string();
    assert_eq!(sent.matches("data:image/").count(), 2, "{sent}");
}

#[tokio::test]
async fn files_of_the_web_are_fetched_once() {
    let (home, model, server) = with_eyes([Step::text("Read."), Step::text("Again.")]).await;
    let web = opencode_testkit::Service::start(200, json!("words of the web")).await;
    let session = new_session(&server).await;
    let url = format!("{}/a.txt", web.url());
    let file = json!({ "mime": "text/plain", "url": url, "filename": "a.txt" });
    let (status, body) = attach(&server, &session, file).await;
    assert_eq!(status, 200, "{body}");
    let parts = &stored(&home, &session)[0].1;
    assert_eq!(parts[2]["text"], "\"words of the web\"");
    assert!(
        parts[3]["url"]
            .as_str()
            .unwrap()
            .starts_with("data:text/plain;base64,"),
        "{parts:?}"
    );
    let sent = Value::Array(model.requests()[0].conversation()).to_string();
    assert!(sent.contains("words of the web"), "{sent}");
    assert_eq!(web.asked().len(), 1);
}
