//! `opencode providers login` at a provider whose logins are those of a plugin (reference `plugins.md` §5).

use opencode_catalog::login::{Inputs, LoginError, Proceeding};
use opencode_schema::Object;
use opencode_session::{LoginKind, LoginMethod, PluginCredential, PluginLogins};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::ask::{Ask, Entry};
use crate::context::Context;
use crate::failure::Failure;

/// A way to log in, and where its plugin has it.
pub(super) struct Way<'a> {
    pub(super) plugins: &'a PluginLogins,
    pub(super) provider: &'a str,
    pub(super) place: usize,
}

/// A question of a way.
#[derive(Deserialize)]
struct Prompt {
    #[serde(rename = "type")]
    kind: String,
    key: String,
    message: String,
    placeholder: Option<String>,
    #[serde(default)]
    options: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    label: String,
    value: String,
    #[serde(default)]
    hint: String,
}

/// Logs in and stores what comes of it.
pub(super) async fn run(
    context: &Context,
    ask: Ask,
    way: Way<'_>,
    mut inputs: Inputs,
) -> Result<(), Failure> {
    let methods = way.plugins.methods(way.provider).unwrap_or_default();
    let Some(method) = methods.get(way.place) else {
        return Err(Failure::told(format!("Unknown provider \"{}\"", way.provider)));
    };
    answers(ask, &way, method, &mut inputs).await?;
    let given = match method.kind {
        LoginKind::Oauth => by_page(context, ask, &way, &inputs).await?,
        LoginKind::Api | LoginKind::Other => by_key(ask, &way, inputs).await?,
    };
    let stored = way.plugins.store(&given.provider, given.entry).await;
    stored.map_err(|error| told(&error))
}

/// Asks what the way to log in wants to know and nobody has said.
async fn answers(ask: Ask, way: &Way<'_>, method: &LoginMethod, inputs: &mut Inputs) -> Result<(), Failure> {
    for (place, prompt) in method.prompts.iter().enumerate() {
        let prompt: Prompt = serde_json::from_value(prompt.clone()).map_err(|error| {
            let label = &method.label;
            Failure::told(format!(
                "The plugin asks for «{label}» what makes no sense: {error}"
            ))
        })?;
        let said = way.plugins.prompt(way.provider, way.place, place, inputs).await;
        let said = said.map_err(|error| told(&error))?;
        if !said.asked {
            continue;
        }
        if inputs.contains_key(&prompt.key) {
            if let Some(problem) = said.problem {
                return Err(Failure::told(format!("{}: {problem}", prompt.key)));
            }
            continue;
        }
        let answer = if prompt.kind == "select" {
            let entries = prompt.options.iter().map(|option| Entry {
                label: option.label.clone(),
                id: option.value.clone(),
                hint: option.hint.clone(),
            });
            let at = ask.pick(&prompt.message, entries.collect()).await?;
            prompt.options.into_iter().nth(at).map(|option| option.value)
        } else {
            let fault = fault(way, place, &prompt.key, inputs);
            let answer = ask.text(&prompt.message, prompt.placeholder.as_deref(), fault);
            Some(answer.await?)
        };
        inputs.insert(prompt.key, answer.unwrap_or_default());
    }
    Ok(())
}

/// Asks the plugin what is wrong with an answer. It runs on the thread that waits for the user.
fn fault(
    way: &Way<'_>,
    prompt: usize,
    key: &str,
    inputs: &Inputs,
) -> impl Fn(&str) -> Option<String> + Send + 'static {
    let (plugins, provider, method) = (way.plugins.clone(), way.provider.to_owned(), way.place);
    let (key, inputs, runtime) = (key.to_owned(), inputs.clone(), Handle::current());
    move |answer| {
        let mut inputs = inputs.clone();
        inputs.insert(key.clone(), answer.to_owned());
        let said = runtime.block_on(plugins.prompt(&provider, method, prompt, &inputs));
        match said {
            Ok(said) => said.problem,
            Err(error) => Some(error.to_string()),
        }
    }
}

async fn by_page(
    context: &Context,
    ask: Ask,
    way: &Way<'_>,
    inputs: &Inputs,
) -> Result<PluginCredential, Failure> {
    let begun = way.plugins.authorize(way.provider, way.place, inputs).await;
    let begun = begun.map_err(|error| told(&error))?;
    let Some(page) = begun else {
        return Err(Failure::told(format!(
            "{} has no page to log in at",
            way.provider
        )));
    };
    if !page.url.is_empty() {
        context.output.data(format_args!("●  Go to: {}\n│", page.url))?;
    }
    if !page.instructions.is_empty() {
        context.output.data(format_args!("●  {}\n│", page.instructions))?;
    }
    let code = match page.method {
        Proceeding::Code => {
            let required = |code: &str| code.is_empty().then(|| "Required".to_owned());
            Some(
                ask.text("Paste the authorization code here", None, required)
                    .await?,
            )
        }
        Proceeding::Auto => {
            context.output.say("Waiting for authorization …");
            None
        }
    };
    let ended = way.plugins.end(way.provider, code.as_deref()).await;
    ended.map_err(|error| told(&error))
}

async fn by_key(ask: Ask, way: &Way<'_>, inputs: Inputs) -> Result<PluginCredential, Failure> {
    let key = ask.secret("Enter your API key").await?;
    let made = way.plugins.key(way.provider, way.place, &inputs).await;
    let mut given = made
        .map_err(|error| told(&error))?
        .unwrap_or_else(|| PluginCredential {
            provider: way.provider.to_owned(),
            entry: json!({ "type": "api", "key": key }),
        });
    // What was answered stays beside the key, below what the plugin says.
    let mut facts: Object = inputs
        .into_iter()
        .map(|(key, answer)| (key, Value::from(answer)))
        .collect();
    if let Some(own) = given.entry.get("metadata").and_then(Value::as_object) {
        facts.extend(own.clone());
    }
    if !facts.is_empty() {
        given.entry["metadata"] = facts.into();
    }
    Ok(given)
}

fn told(error: &LoginError) -> Failure {
    Failure::told(error.to_string())
}
