//! What the crate's door offers: requests and their answers, and no way to run tools (reference `v2.md` §14 rows 13
//! and 46).

use opencode_llm::request::Message;
use opencode_llm::stream::StreamPart;
use opencode_llm::{Client, ClientOptions, Request, Target};
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Server};
use crate::shared::package;

const CALL: &str = "data: {\"id\":\"r\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\
    \"function\":{\"name\":\"look\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn gaps_13_and_46_a_call_of_a_tool_is_given_back_and_not_run() {
    let answer = || Reply::events().body([CALL]);
    let server = Server::start(vec![answer(), answer()]).await;
    let mut target = Target::new(package("@ai-sdk/openai-compatible"), "local", "model");
    target.base_url = Some(server.url());
    target.api_key = Some("key".into());
    let client = Client::new(ClientOptions {
        system_proxies: false,
        ..ClientOptions::default()
    });
    let request = Request {
        prompt: vec![Message::user("look")],
        ..Request::default()
    };
    let streaming = client.stream(&target, &request, CancellationToken::new());
    let mut stream = streaming.await.unwrap();
    let mut calls = Vec::new();
    while let Some(part) = stream.next().await {
        if let StreamPart::ToolCall(call) = part.unwrap() {
            calls.push(call.name);
        }
    }
    assert_eq!(calls, ["look"]);
    assert_eq!(
        server.requests().len(),
        1,
        "one call of the library is one request"
    );
}

/// Everything that a caller can wait for: nothing of it runs tools, or asks again because of what they gave.
#[test]
fn gaps_13_and_46_the_door_has_no_way_to_run_tools() {
    let mut waits = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs_err::read_to_string(&path).unwrap();
            let named = text.lines().filter_map(|line| {
                let (_, rest) = line.split_once("pub async fn ")?;
                Some(rest.split(['(', '<']).next()?.to_owned())
            });
            waits.extend(named);
        }
    }
    waits.sort_unstable();
    assert_eq!(waits, ["check", "embed", "generate", "next", "stream"]);
}
