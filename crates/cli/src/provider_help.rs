//! What to say when there is no model to talk to.

use opencode_catalog::{Catalog, DEMO_MODEL, DEMO_PROVIDER, Error};
use opencode_schema::model::Provider;

/// Servers on this machine that list their models.
const LOCAL: [&str; 2] = ["ollama", "lmstudio"];

/// A model that does not exist, with what could have been meant.
pub(crate) fn unknown_model(error: &Error) -> String {
    format!(
        "{error}\n\
         To see the models that can be used: opencode models\n\
         Providers and models are set in opencode.json, keys in the environment"
    )
}

/// Nothing is connected: what can be done about it, the nearest first.
pub(crate) async fn no_provider(catalog: &Catalog) -> String {
    let mut text = "No model is connected yet.\n".to_owned();
    catalog.discover().await;
    for provider in LOCAL.iter().filter_map(|id| catalog.provider(id)) {
        text.push_str(&advice(&provider));
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

/// How to use a server on this machine that answers.
fn advice(provider: &Provider) -> String {
    let Provider { id, name, models, .. } = provider;
    let names: Vec<&str> = models.keys().map(String::as_str).collect();
    match names.first() {
        Some(first) => format!(
            "\n{name} answers with {}.\nTo use it:\n  opencode run -m {id}/{first} \"…\"\n",
            names.join(", ")
        ),
        None => String::new(),
    }
}
