//! What to say when there is no model to talk to.

use std::time::Duration;

use opencode_catalog::{DEMO_MODEL, DEMO_PROVIDER, Error};
use opencode_config::Environment;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a local server may take to say that it is there.
const LIMIT: Duration = Duration::from_millis(400);
/// Bytes of its answer that are read.
const ANSWER_LIMIT: u64 = 256 * 1024;

/// A model that does not exist, with what could have been meant.
pub(crate) fn unknown_model(error: &Error) -> String {
    format!(
        "{error}\n\
         To see the models that can be used: opencode models\n\
         Providers and models are set in opencode.json, keys in the environment"
    )
}

/// Nothing is connected: what can be done about it, the nearest first.
pub(crate) async fn no_provider(environment: &Environment) -> String {
    let mut text = "No model is connected yet.\n".to_owned();
    for server in answering(environment).await {
        text.push_str(&server.advice());
    }
    text.push_str(&format!(
        "\nTo connect a provider, set its key in the environment:\n  \
           ANTHROPIC_API_KEY, OPENROUTER_API_KEY, GROQ_API_KEY, DEEPSEEK_API_KEY, …\n\
         To connect any server that speaks OpenAI's protocol, name it in opencode.json:\n  \
           {{\"provider\": {{\"local\": {{\"npm\": \"@ai-sdk/openai-compatible\",\n    \
             \"options\": {{\"baseURL\": \"http://localhost:8080/v1\"}},\n    \
             \"models\": {{\"my-model\": {{}}}}}}}}}}\n\
         To see what OpenCode does, without any account or network:\n  \
           opencode run -m {DEMO_PROVIDER}/{DEMO_MODEL} \"show me around\""
    ));
    text
}

/// A local server that answers.
struct LocalServer {
    name: &'static str,
    id: &'static str,
    url: String,
    models: Vec<String>,
}

impl LocalServer {
    fn advice(&self) -> String {
        let Self {
            name,
            id,
            url,
            models,
        } = self;
        let Some(first) = models.first() else {
            return format!(
                "\n{name} answers at {url}, but has no model yet. Load one there, then try again.\n"
            );
        };
        let config = serde_json::json!({
            "model": format!("{id}/{first}"),
            "provider": { *id: {
                "npm": "@ai-sdk/openai-compatible", "name": name, "options": { "baseURL": format!("{url}/v1") },
                "models": models.iter().map(|model| (model.clone(), serde_json::json!({}))).collect::<serde_json::Map<_, _>>(),
            } },
        });
        format!(
            "\n{name} answers at {url} with {}.\nTo use it, put this into opencode.json:\n  {config}\n",
            models.join(", ")
        )
    }
}

/// The local servers that answer now.
async fn answering(environment: &Environment) -> Vec<LocalServer> {
    let ollama = environment
        .get("OLLAMA_HOST")
        .map_or_else(|| "127.0.0.1:11434".to_owned(), host_and_port);
    let (ollama, studio) = tokio::join!(
        ask("Ollama", "ollama", &ollama),
        ask("LM Studio", "lmstudio", "127.0.0.1:1234")
    );
    [ollama, studio].into_iter().flatten().collect()
}

/// `host:port` of an address as Ollama takes it; a host that listens everywhere is asked here.
fn host_and_port(value: &str) -> String {
    let value = value.trim_start_matches("http://").trim_end_matches('/');
    let (host, port) = value.rsplit_once(':').unwrap_or((value, "11434"));
    let host = if matches!(host, "" | "0.0.0.0") {
        "127.0.0.1"
    } else {
        host
    };
    format!("{host}:{port}")
}

async fn ask(name: &'static str, id: &'static str, address: &str) -> Option<LocalServer> {
    let answer = tokio::time::timeout(LIMIT, get(address, "/v1/models"))
        .await
        .ok()?
        .ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    // Chunked answers have lengths around the object.
    let body = body.get(body.find('{')?..body.rfind('}')? + 1)?;
    let list: Value = serde_json::from_str(body).ok()?;
    let models = list.get("data")?.as_array()?.iter();
    let models = models
        .filter_map(|model| Some(model.get("id")?.as_str()?.to_owned()))
        .collect();
    Some(LocalServer {
        name,
        id,
        url: format!("http://{address}"),
        models,
    })
}

async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ollama() {
        for (value, wanted) in [
            ("http://127.0.0.1:11434", "127.0.0.1:11434"),
            ("0.0.0.0", "127.0.0.1:11434"),
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("http://box:9/", "box:9"),
        ] {
            assert_eq!(host_and_port(value), wanted);
        }
    }

    #[tokio::test]
    async fn a_server_that_answers_is_named_with_its_models() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\n\r\n{\"data\": [{\"id\": \"qwen3\"}, {\"id\": \"llama\"}]}";
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let found = ask("Ollama", "ollama", &address).await.unwrap();
        server.await.unwrap();
        assert_eq!(found.models, ["qwen3", "llama"]);
        let advice = found.advice();
        assert!(
            advice.contains(&address) && advice.contains("\"model\":\"ollama/qwen3\""),
            "{advice}"
        );
        assert!(ask("Ollama", "ollama", "127.0.0.1:1").await.is_none());
    }
}
