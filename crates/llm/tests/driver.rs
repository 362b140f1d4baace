//! The driver against a server on this machine: limits, failures, and endings of every kind.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use opencode_llm::adapter::{Api, by_package_and_api};
use opencode_llm::request::Message;
use opencode_llm::stream::StreamPart;
use opencode_llm::target::{Detour, Limits};
use opencode_llm::{Client, ClientOptions, Error, Request, Target};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Server};
use crate::shared::package;

const HELLO: &str =
    "data: {\"id\":\"r\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n";
const STOP: &str =
    "data: {\"id\":\"r\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn client() -> Client {
    Client::new(ClientOptions {
        system_proxies: false,
        ..ClientOptions::default()
    })
}

fn target(server: &Server) -> Target {
    let mut target = Target::new(package("@ai-sdk/openai-compatible"), "local", "model");
    target.base_url = Some(server.url());
    target.api_key = Some("hunter2".into());
    target
}

fn hello() -> Request {
    Request {
        prompt: vec![Message::user("hello")],
        ..Request::default()
    }
}

/// All that comes: the parts, and the error that ends them.
async fn run(target: &Target, cancel: CancellationToken) -> (Vec<StreamPart>, Option<Error>) {
    let mut parts = Vec::new();
    let mut stream = match client().stream(target, &hello(), cancel).await {
        Ok(stream) => stream,
        Err(error) => return (parts, Some(error)),
    };
    while let Some(next) = stream.next().await {
        match next {
            Ok(part) => parts.push(part),
            Err(error) => {
                assert!(stream.next().await.is_none(), "an error is the last that comes");
                return (parts, Some(error));
            }
        }
    }
    (parts, None)
}

fn text(parts: &[StreamPart]) -> String {
    let deltas = parts.iter().filter_map(|part| match part {
        StreamPart::TextDelta { delta, .. } => Some(delta.as_str()),
        _ => None,
    });
    deltas.collect()
}

fn finished(parts: &[StreamPart]) -> bool {
    parts.iter().any(|part| matches!(part, StreamPart::Finish(_)))
}

#[tokio::test]
async fn headers_go_out_in_the_order_of_who_wins() {
    let server = Server::start(vec![Reply::events().body([HELLO, STOP])]).await;
    let mut target = target(&server);
    target
        .headers
        .insert("User-Agent".into(), "opencode/1.18.33".into());
    target.headers.insert("X-Both".into(), "target".into());
    let mut request = hello();
    request.headers.insert("x-both".into(), "request".into());
    client()
        .stream(&target, &request, CancellationToken::new())
        .await
        .unwrap();
    let seen = server.requests().pop().unwrap();
    let header = |wanted: &str| {
        seen.headers
            .iter()
            .filter(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(header("user-agent"), ["opencode/1.18.33"]);
    assert_eq!(header("x-both"), ["request"]);
    assert_eq!(header("authorization"), ["Bearer hunter2"]);
    assert_eq!(header("content-type"), ["application/json"]);
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/chat/completions")
    );
}

#[tokio::test]
async fn an_own_header_takes_the_place_of_the_key() {
    let server = Server::start(vec![Reply::new(500, "text/plain")]).await;
    let mut target = Target::new(package("@ai-sdk/anthropic"), "anthropic", "model");
    target.base_url = Some(server.url());
    let missing = client().stream(&target, &hello(), CancellationToken::new()).await;
    assert!(matches!(missing, Err(Error::MissingKey { provider }) if provider == "anthropic"));
    target.headers.insert("Authorization".into(), "Bearer own".into());
    assert!(matches!(
        run(&target, CancellationToken::new()).await.1,
        Some(Error::Http(_))
    ));
    assert!(
        server.requests()[0]
            .headers
            .contains(&("authorization".into(), "Bearer own".into()))
    );
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_refused_without_their_value() {
    let server = Server::start(vec![]).await;
    let mut target = target(&server);
    target.api_key = Some("hunter2\nx".into());
    let error = run(&target, CancellationToken::new()).await.1.unwrap();
    assert!(matches!(error, Error::Unsupported { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn refusals_carry_words_headers_and_whether_to_try_again() {
    let table = [
        (400, r#"{"error":{"message":"too long"}}"#, "too long", false),
        (
            401,
            r#"{"error":{"message":"who are you"}}"#,
            "who are you",
            false,
        ),
        (404, "", "Not Found", false),
        (408, "", "Request Timeout", true),
        (409, "x", "Conflict", true),
        (429, r#"{"error":{"message":"slow down"}}"#, "slow down", true),
        (500, "<html></html>", "Internal Server Error", true),
        (503, "{}", "Service Unavailable", true),
    ];
    for (status, body, message, retryable) in table {
        let reply = Reply::new(status, "application/json")
            .header("Retry-After", "7")
            .body([body]);
        let server = Server::start(vec![reply]).await;
        let (parts, error) = run(&target(&server), CancellationToken::new()).await;
        let Some(Error::Http(http)) = error else {
            panic!("{status}: {error:?}")
        };
        assert!(parts.is_empty());
        assert_eq!(
            (http.status, http.message.as_str(), http.retryable),
            (status, message, retryable)
        );
        assert_eq!(http.headers["retry-after"], "7");
        assert_eq!(http.body, body);
        assert!(!format!("{http:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn unknown_models_of_some_providers_are_worth_another_try() {
    let server = Server::start(vec![Reply::new(404, "application/json")]).await;
    let mut target = target(&server);
    target.provider_id = "openai-like".into();
    let error = run(&target, CancellationToken::new()).await.1;
    assert!(matches!(error, Some(Error::Http(http)) if http.retryable));
}

#[tokio::test]
async fn bodies_of_refusals_are_bounded() {
    let flood = vec![b'x'; 256 * 1024];
    let server = Server::start(vec![
        Reply::new(500, "text/plain").body(std::iter::repeat_n(flood, 8)),
    ])
    .await;
    let error = run(&target(&server), CancellationToken::new()).await.1;
    assert!(matches!(error, Some(Error::Http(http)) if http.body.len() == 1024 * 1024));
}

#[tokio::test]
async fn answers_split_inside_characters_are_put_together() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"ä€𝄞\"}}]}\n\n";
    let server = Server::start(vec![
        Reply::events().body(event.as_bytes().chunks(1)).body([STOP]),
    ])
    .await;
    let (parts, error) = run(&target(&server), CancellationToken::new()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(text(&parts), "ä€𝄞");
    assert!(finished(&parts));
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let packed = gzip(&format!("{HELLO}{STOP}"));
    let reply = Reply::events()
        .header("content-encoding", "gzip")
        .body(packed.chunks(5));
    let server = Server::start(vec![reply]).await;
    let (parts, error) = run(&target(&server), CancellationToken::new()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(text(&parts), "Hello");
}

#[tokio::test]
async fn answers_that_are_packed_wrong_say_so() {
    let reply = Reply::events().header("content-encoding", "gzip").body([HELLO]);
    let server = Server::start(vec![reply]).await;
    let error = run(&target(&server), CancellationToken::new()).await.1;
    assert!(matches!(error, Some(Error::Decompression { .. })), "{error:?}");
}

#[tokio::test]
async fn a_broken_connection_comes_after_the_parts() {
    let server = Server::start(vec![Reply::events().body([HELLO]).cut()]).await;
    let (parts, error) = run(&target(&server), CancellationToken::new()).await;
    assert_eq!(text(&parts), "Hello");
    assert!(!finished(&parts));
    assert!(
        matches!(&error, Some(Error::Connection { code: Some(code), .. }) if code == "ECONNRESET"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_connection_that_closes_before_the_answer_is_reset() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = tokio::spawn(async move { drop(listener.accept().await) });
    let mut target = Target::new(package("@ai-sdk/openai-compatible"), "local", "model");
    target.base_url = Some(format!("http://{address}"));
    let error = run(&target, CancellationToken::new()).await.1;
    accept.await.unwrap();
    assert!(
        matches!(&error, Some(Error::Connection { code: Some(code), .. }) if code == "ECONNRESET" || code == "EPIPE"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut target = Target::new(package("@ai-sdk/openai-compatible"), "local", "model");
    target.base_url = Some(format!("http://user:hunter2@{address}/v1?key=hunter2"));
    let error = run(&target, CancellationToken::new()).await.1.unwrap();
    assert!(
        matches!(&error, Error::Connection { code: Some(code), .. } if code == "ECONNREFUSED"),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_headers_run_into_their_limit() {
    let server = Server::start(vec![Reply::events().wait(&Arc::new(Notify::new()))]).await;
    let mut target = target(&server);
    target.limits.header = Some(Duration::from_millis(40));
    let error = run(&target, CancellationToken::new()).await.1;
    assert!(
        matches!(error, Some(Error::HeaderTimeout { timeout_ms: 40, .. })),
        "{error:?}"
    );
}

/// The error of an answer that says hello and then nothing more, for as long as it takes.
async fn silence(limits: Limits) -> Error {
    let server = Server::start(vec![Reply::events().body([HELLO]).wait(&Arc::new(Notify::new()))]).await;
    let mut target = target(&server);
    target.limits = limits;
    let mut stream = client()
        .stream(&target, &hello(), CancellationToken::new())
        .await
        .unwrap();
    while !matches!(
        stream.next().await.unwrap().unwrap(),
        StreamPart::TextDelta { .. }
    ) {}
    // From here on, waiting takes no time.
    tokio::time::pause();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(stream.next().await.is_none());
    error
}

#[tokio::test]
async fn silence_runs_into_its_limit_after_the_parts() {
    let error = silence(Limits::default()).await;
    assert!(
        matches!(
            error,
            Error::IdleTimeout {
                timeout_ms: 300_000,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_whole_call_runs_into_its_limit() {
    let error = silence(Limits {
        request: Some(Duration::from_secs(200)),
        ..Limits::default()
    })
    .await;
    assert!(
        matches!(
            error,
            Error::RequestTimeout {
                timeout_ms: 200_000,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn cancelling_drops_the_connection() {
    let server = Server::start(vec![Reply::events().body([HELLO]).wait(&Arc::new(Notify::new()))]).await;
    let cancel = CancellationToken::new();
    let mut stream = client()
        .stream(&target(&server), &hello(), cancel.clone())
        .await
        .unwrap();
    let mut seen = String::new();
    while seen.is_empty() {
        if let StreamPart::TextDelta { delta, .. } = stream.next().await.unwrap().unwrap() {
            seen = delta;
        }
    }
    cancel.cancel();
    let error = stream.next().await.unwrap();
    assert!(matches!(error, Err(Error::Cancelled)), "{error:?}");
    server.dropped.notified().await;
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn cancelling_ends_the_wait_for_headers() {
    let server = Server::start(vec![Reply::events().wait(&Arc::new(Notify::new()))]).await;
    let cancel = CancellationToken::new();
    let (client, target, request) = (client(), target(&server), hello());
    let call = client.stream(&target, &request, cancel.clone());
    let stop = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(call, stop);
    assert!(matches!(outcome, Err(Error::Cancelled)));
    server.dropped.notified().await;
}

#[tokio::test]
async fn dropping_the_stream_drops_the_connection() {
    let server = Server::start(vec![Reply::events().body([HELLO]).wait(&Arc::new(Notify::new()))]).await;
    let stream = client()
        .stream(&target(&server), &hello(), CancellationToken::new())
        .await
        .unwrap();
    drop(stream);
    server.dropped.notified().await;
}

#[tokio::test]
async fn web_pages_are_no_answers() {
    for reply in [Reply::new(200, "text/html"), Reply::events()] {
        let server = Server::start(vec![reply.body(["\n <!DOCTYPE html>", "<p>Log in</p>"])]).await;
        let error = run(&target(&server), CancellationToken::new()).await.1;
        assert!(
            matches!(&error, Some(Error::InvalidAnswer { message, .. }) if message.contains("web page")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn errors_with_a_good_status_are_errors() {
    let body = r#"{"error":{"message":"model not loaded","code":"x"}}"#;
    let server = Server::start(vec![Reply::new(200, "application/json").body([body])]).await;
    let error = run(&target(&server), CancellationToken::new()).await.1;
    assert!(
        matches!(&error, Some(Error::Http(http)) if http.message == "model not loaded" && !http.retryable),
        "{error:?}"
    );
}

#[tokio::test]
async fn whole_answers_to_streaming_requests_are_taken() {
    let body = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
    let server = Server::start(vec![
        Reply::new(200, "application/json").body(body.as_bytes().chunks(9)),
    ])
    .await;
    let (parts, error) = run(&target(&server), CancellationToken::new()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(text(&parts), "Hello");
    assert!(finished(&parts));
}

#[tokio::test]
async fn documents_of_other_kinds_are_no_answers() {
    let server = Server::start(vec![Reply::new(200, "application/json").body([r#"{"hello":1}"#])]).await;
    let error = run(&target(&server), CancellationToken::new()).await.1;
    assert!(
        matches!(&error, Some(Error::InvalidAnswer { body: Some(body), .. }) if body == r#"{"hello":1}"#),
        "{error:?}"
    );
}

#[tokio::test]
async fn overload_at_the_start_of_a_stream_is_a_refusal() {
    let event = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let server = Server::start(vec![Reply::events().header("x-request-id", "1").body([event])]).await;
    let mut target = target(&server);
    target.adapter = package("@ai-sdk/anthropic");
    let (parts, error) = run(&target, CancellationToken::new()).await;
    assert!(parts.is_empty());
    let Some(Error::Http(http)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (http.status, http.message.as_str(), http.retryable),
        (529, "Overloaded", true)
    );
    assert_eq!(http.headers["x-request-id"], "1");
}

#[tokio::test]
async fn redirections_are_followed_but_keys_stay_at_home() {
    let home = Server::start(vec![Reply::events().body([HELLO, STOP])]).await;
    let same = Server::start(vec![
        Reply::new(308, "text/plain").header("location", "/moved"),
        Reply::events().body([HELLO, STOP]),
    ])
    .await;
    let other = Server::start(vec![
        Reply::new(307, "text/plain").header("location", &home.url()),
    ])
    .await;

    assert!(run(&target(&same), CancellationToken::new()).await.1.is_none());
    let [_, second] = same.requests().try_into().unwrap();
    assert_eq!(second.path, "/moved");
    assert!(second.headers.iter().any(|(name, _)| name == "authorization"));

    let mut with_own_key = target(&other);
    with_own_key.headers.insert("x-own-key".into(), "secret".into());
    assert!(run(&with_own_key, CancellationToken::new()).await.1.is_none());
    let moved = home.requests().pop().unwrap();
    assert!(
        !moved
            .headers
            .iter()
            .any(|(name, _)| name == "authorization" || name == "x-own-key")
    );
    assert!(!moved.body.is_empty());
}

#[tokio::test]
async fn endless_redirections_end() {
    let replies = (0..12)
        .map(|_| Reply::new(307, "text/plain").header("location", "/again"))
        .collect();
    let server = Server::start(replies).await;
    let error = run(&target(&server), CancellationToken::new()).await.1;
    assert!(matches!(error, Some(Error::InvalidAnswer { .. })), "{error:?}");
}

#[tokio::test]
async fn whole_answers_come_as_parts() {
    let body = r#"{"id":"r","choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#;
    let server = Server::start(vec![Reply::new(200, "application/json").body([body])]).await;
    let parts = client()
        .generate(&target(&server), &hello(), CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(text(&parts), "Hello");
    assert!(finished(&parts));
    let seen: serde_json::Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
    assert_eq!(seen.get("stream"), None);
}

#[tokio::test]
async fn secure_addresses_are_tried_securely() {
    let server = Server::start(vec![Reply::events()]).await;
    let mut target = target(&server);
    target.base_url = Some(server.url().replace("http:", "https:"));
    let error = run(&target, CancellationToken::new()).await.1;
    assert!(matches!(error, Some(Error::Connection { .. })), "{error:?}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn further_certificates_that_are_none_do_no_harm() {
    let file = std::env::temp_dir().join("opencode-llm-there-is-no-such-file.pem");
    let client = Client::new(ClientOptions {
        extra_roots: Some(file),
        system_proxies: false,
    });
    let server = Server::start(vec![Reply::events().body([HELLO, STOP])]).await;
    let mut stream = client
        .stream(&target(&server), &hello(), CancellationToken::new())
        .await
        .unwrap();
    while let Some(next) = stream.next().await {
        next.unwrap();
    }
    assert_eq!(stream.received(), (HELLO.len() + STOP.len()) as u64);
}

#[tokio::test]
async fn calls_can_be_made_from_any_task() {
    let server = Server::start(vec![Reply::events().body([HELLO, STOP])]).await;
    let (client, target) = (client(), target(&server));
    let task = tokio::spawn(async move {
        let mut stream = client.stream(&target, &hello(), CancellationToken::new()).await?;
        let mut parts = Vec::new();
        while let Some(part) = stream.next().await {
            parts.push(part?);
        }
        Ok::<_, Error>(parts)
    });
    assert!(finished(&task.await.unwrap().unwrap()));
}

#[tokio::test]
async fn a_refusal_may_mean_that_there_is_nothing_to_add() {
    let refusal = || {
        Reply::new(400, "application/json")
            .body([r#"{"message": "The Conversation complete, nothing to do"}"#])
    };
    for (api, ends) in [(Api::Cortex, true), (Api::Chat, false)] {
        let server = Server::start(vec![refusal(), refusal()]).await;
        let adapter = by_package_and_api("@ai-sdk/openai-compatible", api).unwrap();
        let mut target = Target::new(adapter, "snowflake-cortex", "m");
        target.base_url = Some(server.url());
        let request = Request {
            prompt: vec![Message::user("hello")],
            max_output_tokens: Some(7),
            ..Request::default()
        };
        let client = Client::new(ClientOptions {
            system_proxies: false,
            ..ClientOptions::default()
        });
        let whole = client.generate(&target, &request, CancellationToken::new()).await;
        let streamed = client.stream(&target, &request, CancellationToken::new()).await;
        assert_eq!((whole.is_ok(), streamed.is_ok()), (ends, ends), "{api:?}");
        let body: serde_json::Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
        let field = if ends {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        assert_eq!(body[field], 7);
        if let Ok(mut stream) = streamed {
            let Some(Ok(StreamPart::Finish(finish))) = stream.next().await else {
                panic!("an end")
            };
            assert_eq!(finish.reason, opencode_llm::stream::FinishReason::Stop);
            assert!(stream.next().await.is_none());
        }
    }
}

#[tokio::test]
async fn somebody_else_sends_the_request_and_his_address_stays_secret() {
    let server = Server::start(vec![Reply::events().body([HELLO, STOP])]).await;
    let mut target = target(&server);
    target.base_url = Some("https://model.test/v1".to_owned());
    target.through = Some(Detour {
        url: format!("{}/secret", server.url()),
        header: "x-for",
    });
    let (parts, error) = run(&target, CancellationToken::new()).await;
    assert!(error.is_none() && text(&parts) == "Hello", "{error:?}");
    let seen = server.requests().pop().unwrap();
    assert!(seen.path.ends_with("/secret"), "{}", seen.path);
    let header = |name: &str| seen.headers.iter().find(|(known, _)| known == name);
    assert_eq!(
        header("x-for").unwrap().1,
        "https://model.test/v1/chat/completions"
    );
    assert_eq!(header("authorization").unwrap().1, "Bearer hunter2");

    target.through = Some(Detour {
        url: "http://127.0.0.1:1/secret".to_owned(),
        header: "x-for",
    });
    let (_, error) = run(&target, CancellationToken::new()).await;
    let told = format!("{error:?} {target:?}");
    assert!(
        told.contains("model.test") && !told.contains("secret") && !told.contains("127.0.0.1"),
        "{told}"
    );
}
