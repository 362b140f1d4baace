//! `opencode providers login` and `logout` (reference `cli.md` §5, `providers.md` §12).

mod plugin;

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use opencode_catalog::http::{Call, Http};
use opencode_catalog::login::method::Form;
use opencode_catalog::login::{self, Flow, Inputs, Logins, Method, Options};
use opencode_catalog::public::Public;
use opencode_config::credential::{self, Credential};
use opencode_session::{Location, LoginKind, PluginLogins};
use serde::Deserialize;
use tokio::process::Command;

use crate::arguments::{Login, Logout};
use crate::ask::{Ask, Entry};
use crate::context::Context;
use crate::failure::Failure;

/// Providers that lists begin with.
const FIRST: [&str; 7] = [
    "opencode",
    "openai",
    "github-copilot",
    "google",
    "anthropic",
    "openrouter",
    "vercel",
];
/// What stands for a provider that is in no list.
const OTHER: &str = "other";
/// How long a newer list of providers is waited for.
const LIST_LIMIT: Duration = Duration::from_secs(5);
/// How long the command of an organisation may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// Logs in, or stores a key.
pub(crate) async fn run(context: &Context, arguments: Login) -> Result<(), Failure> {
    if let Some(url) = &arguments.url {
        return organisation(context, url).await;
    }
    context.output.data("┌  Add credential\n│")?;
    // Plugins that log in run as long as it does.
    let (engine, location) = context.here().await?;
    let done = log_in(context, &location, arguments).await;
    engine.shutdown().await;
    done?;
    context.output.data("◇  Login successful\n│\n└  Done\n")
}

async fn log_in(context: &Context, location: &Location, arguments: Login) -> Result<(), Failure> {
    let ask = Ask::new(context.output);
    let plugins = location.plugin_logins();
    let known = known(context, location, &plugins).await?;
    let provider = provider(ask, &known, arguments.provider.as_deref()).await?;
    let mut inputs = inputs(&arguments.inputs)?;
    if let Some(methods) = plugins.methods(&provider) {
        let offered = methods.iter().map(|method| Offered {
            label: &method.label,
            is_key: method.kind == LoginKind::Api,
        });
        if let Some(place) = way(ask, &offered.collect::<Vec<_>>(), &arguments, &provider).await? {
            let way = plugin::Way {
                plugins: &plugins,
                provider: &provider,
                place,
            };
            return plugin::run(context, ask, way, inputs).await;
        }
    }
    // What is not offered is at the end, so that the places stay.
    let methods = login::of(&provider).unwrap_or_default();
    let offered = methods
        .iter()
        .take_while(|method| method.is_offered(&context.environment));
    let methods = methods.get(..offered.count()).unwrap_or_default();
    let methods = if plugins.methods(&provider).is_some() {
        &[]
    } else {
        methods
    };
    let logins = Logins::new(
        context.paths.clone(),
        context.environment.clone(),
        Options::default(),
    );
    let offered = methods.iter().map(|method| Offered {
        label: method.label,
        is_key: matches!(method.flow, Flow::Key),
    });
    let chosen = way(ask, &offered.collect::<Vec<_>>(), &arguments, &provider).await?;
    let method = chosen.and_then(|at| Some((at, methods.get(at)?)));
    if let Some((_, method)) = method {
        answers(context, ask, method, &mut inputs).await?;
        let checked = login::check(method, &inputs, &context.environment);
        checked.map_err(|error| Failure::told(error.to_string()))?;
    }
    let told = |error: login::LoginError| Failure::told(error.to_string());
    let begun = match method {
        Some((at, _)) => logins.authorize(&provider, at, &inputs).await.map_err(told)?,
        None => None,
    };
    match (begun, method) {
        (Some(begun), Some((at, _))) => {
            if !begun.url.is_empty() {
                context.output.data(format_args!("●  Go to: {}\n│", begun.url))?;
            }
            context
                .output
                .data(format_args!("●  {}\n│", begun.instructions))?;
            context.output.say("Waiting for authorization …");
            logins.complete(&provider, at).await.map_err(told)
        }
        _ => {
            let key = ask.secret("Enter your API key").await?;
            let stored = Credential::Api {
                key: key.into(),
                metadata: inputs.into_iter().collect(),
            };
            logins.store(&provider, &stored).await.map_err(told)
        }
    }
}

/// A way to log in, as it is offered.
struct Offered<'a> {
    label: &'a str,
    /// It takes a key.
    is_key: bool,
}

/// Which way is taken, by its place; nothing where there is none.
async fn way(
    ask: Ask,
    offered: &[Offered<'_>],
    arguments: &Login,
    provider: &str,
) -> Result<Option<usize>, Failure> {
    match (&arguments.method, offered) {
        (Some(label), _) => named(offered, label, provider).map(Some),
        (None, _) if arguments.key => Ok(offered.iter().position(|way| way.is_key)),
        (None, []) => Ok(None),
        (None, [_]) => Ok(Some(0)),
        (None, _) => {
            let entries = offered.iter().map(|way| Entry {
                label: way.label.to_owned(),
                id: way.label.to_owned(),
                hint: String::new(),
            });
            ask.pick("Login method", entries.collect()).await.map(Some)
        }
    }
}

/// A provider that one can log in to.
struct Known {
    id: String,
    name: String,
    hint: &'static str,
}

/// The providers of the newest catalogue that can be had in a moment.
async fn known(
    context: &Context,
    location: &Location,
    plugins: &PluginLogins,
) -> Result<Vec<Known>, Failure> {
    let catalog = &location.catalog;
    let public = Public::new(&context.paths, &context.environment, env!("CARGO_PKG_VERSION"));
    let public = Arc::new(public);
    if public.may_fetch() {
        // The old list does as well.
        let _ = tokio::time::timeout(LIST_LIMIT, public.refresh(true)).await;
    }
    let snapshot = public.snapshot();
    let heads = snapshot
        .heads()
        .map(|(id, head)| (id.to_owned(), head.name.clone()));
    let mut known: Vec<Known> = heads
        .map(|(id, name)| Known {
            hint: match id.as_str() {
                "opencode" => "recommended",
                "openai" => "ChatGPT Plus/Pro or API key",
                _ => "",
            },
            id,
            name,
        })
        .filter(|one| catalog.is_allowed(&one.id))
        .collect();
    for (id, _) in login::METHODS {
        if catalog.is_allowed(id) && !known.iter().any(|one| one.id == *id) {
            known.push(Known {
                id: (*id).to_owned(),
                name: (*id).to_owned(),
                hint: "",
            });
        }
    }
    known.sort_by_cached_key(|one| {
        let at = FIRST.iter().position(|id| *id == one.id);
        (at.unwrap_or(FIRST.len()), one.name.to_lowercase())
    });
    for id in plugins.providers() {
        if !known.iter().any(|one| one.id == id) {
            let config = location.config.provider.as_ref().and_then(|all| all.get(id));
            known.push(Known {
                id: id.to_owned(),
                name: config
                    .and_then(|config| config.name.clone())
                    .unwrap_or_else(|| id.to_owned()),
                hint: "plugin",
            });
        }
    }
    Ok(known)
}

async fn provider(ask: Ask, known: &[Known], wanted: Option<&str>) -> Result<String, Failure> {
    if let Some(wanted) = wanted {
        let by_id = known.iter().find(|one| one.id == wanted);
        let by_name = || known.iter().find(|one| one.name.eq_ignore_ascii_case(wanted));
        let found = by_id.or_else(by_name);
        return found
            .map(|one| one.id.clone())
            .ok_or_else(|| Failure::told(format!("Unknown provider \"{wanted}\"")));
    }
    let entries = known.iter().map(|one| Entry {
        label: one.name.clone(),
        id: one.id.clone(),
        hint: one.hint.to_owned(),
    });
    let other = Entry {
        label: "Other".to_owned(),
        id: OTHER.to_owned(),
        hint: String::new(),
    };
    let at = ask
        .pick("Select provider", entries.chain([other]).collect())
        .await?;
    match known.get(at) {
        Some(one) => Ok(one.id.clone()),
        None => {
            let fault = |id: &str| {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                let fits = !id.is_empty() && id.chars().all(plain);
                (!fits).then(|| "Only a-z, 0-9 and hyphens".to_owned())
            };
            ask.text("Enter provider id", Some("as in opencode.json"), fault)
                .await
        }
    }
}

fn named(methods: &[Offered<'_>], label: &str, provider: &str) -> Result<usize, Failure> {
    let found = methods
        .iter()
        .position(|method| method.label.eq_ignore_ascii_case(label));
    found.ok_or_else(|| {
        let labels: Vec<&str> = methods.iter().map(|method| method.label).collect();
        let available = if labels.is_empty() {
            "none, it takes a key".to_owned()
        } else {
            labels.join(", ")
        };
        Failure::told(format!(
            "Unknown method \"{label}\" for {provider}. Available: {available}"
        ))
    })
}

fn inputs(given: &[String]) -> Result<Inputs, Failure> {
    let pairs = given.iter().map(|pair| {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::told(format!("Invalid input: {pair}. Expected NAME=VALUE")))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    pairs.collect::<Result<HashMap<_, _>, Failure>>()
}

/// Asks what the way to log in wants to know and nobody has said.
async fn answers(context: &Context, ask: Ask, method: &Method, inputs: &mut Inputs) -> Result<(), Failure> {
    for prompt in method.asked(&context.environment) {
        let applies = prompt
            .when
            .as_ref()
            .is_none_or(|when| inputs.get(when.key).map(String::as_str) == Some(when.value));
        if !applies || inputs.contains_key(prompt.key) {
            continue;
        }
        let answer = match &prompt.form {
            Form::Text => {
                let rule = prompt.rule;
                let fault = move |answer: &str| rule.fault(answer).map(str::to_owned);
                ask.text(prompt.message, prompt.placeholder, fault).await?
            }
            Form::Select { options } => {
                let entries = options.iter().map(|option| Entry {
                    label: option.label.to_owned(),
                    id: option.value.to_owned(),
                    hint: option.hint.to_owned(),
                });
                let at = ask.pick(prompt.message, entries.collect()).await?;
                options
                    .get(at)
                    .map_or_else(String::new, |option| option.value.to_owned())
            }
        };
        inputs.insert(prompt.key.to_owned(), answer);
    }
    Ok(())
}

/// What an organisation says of its logins.
#[derive(Deserialize)]
struct WellKnown {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    command: Vec<String>,
    env: String,
}

/// Logs in to an organisation: it names a command, whose output is the token.
async fn organisation(context: &Context, url: &str) -> Result<(), Failure> {
    let url = url.trim_end_matches('/');
    let output = context.output;
    output.data("┌  Add credential\n│")?;
    let call = Call::get(format!("{url}/.well-known/opencode"));
    let asked = async { Http::default().send(call).await?.accepted()?.read::<WellKnown>() };
    let known = asked.await.map_err(|error| Failure::told(error.to_string()))?;
    let Auth { command, env } = known.auth;
    output.data(format_args!("●  Running `{}`\n│", command.join(" ")))?;
    let Some(token) = token(&command).await else {
        output.error("the command gave no token");
        return output.data("■  Failed\n│\n└  Done\n");
    };
    let stored = Credential::Wellknown {
        key: env,
        token: token.into(),
    };
    let logins = Logins::new(
        context.paths.clone(),
        context.environment.clone(),
        Options::default(),
    );
    let done = logins.store(url, &stored).await;
    done.map_err(|error| Failure::told(error.to_string()))?;
    output.data(format_args!("◇  Logged into {url}\n│\n└  Done\n"))
}

/// What a command prints, if it ends well.
async fn token(command: &[String]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn();
    let ended = match running {
        Ok(running) => tokio::time::timeout(COMMAND_LIMIT, running.wait_with_output())
            .await
            .ok()?,
        Err(error) => Err(error),
    };
    let ended = ended
        .map_err(|error| tracing::warn!(%error, program, "cannot be run"))
        .ok()?;
    let text = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
    (ended.status.success() && !text.is_empty()).then_some(text)
}

/// Forgets a credential.
pub(crate) async fn out(context: &Context, arguments: Logout) -> Result<(), Failure> {
    let output = context.output;
    let stored = credential::read(&context.paths, &context.environment);
    output.data("┌  Remove credential\n│")?;
    if stored.is_empty() {
        return output.data("▲  No credentials found\n│\n└  Done\n");
    }
    let public = Public::new(&context.paths, &context.environment, env!("CARGO_PKG_VERSION"));
    let snapshot = public.snapshot();
    let name = |id: &str| {
        let head = snapshot.heads().find(|(known, _)| *known == id);
        head.map_or_else(|| id.to_owned(), |(_, head)| head.name.clone())
    };
    let ids: Vec<String> = stored.keys().cloned().collect();
    let id = match &arguments.provider {
        Some(wanted) => {
            let plain = wanted.trim_end_matches('/');
            let by_id = ids.iter().find(|id| id.as_str() == plain);
            let found = by_id.or_else(|| ids.iter().find(|id| name(id).eq_ignore_ascii_case(wanted)));
            let unknown = || Failure::told(format!("Unknown configured provider \"{wanted}\""));
            found.cloned().ok_or_else(unknown)?
        }
        None => {
            let entries = ids.iter().map(|id| Entry {
                label: name(id),
                id: id.clone(),
                hint: String::new(),
            });
            let at = Ask::new(output)
                .pick("Select provider", entries.collect())
                .await?;
            ids.get(at).cloned().unwrap_or_default()
        }
    };
    let paths = context.paths.clone();
    let removed = tokio::task::spawn_blocking(move || credential::put(&paths, &id, None)).await;
    let removed = removed.map_err(anyhow::Error::from)?;
    removed.map_err(|error| Failure::told(format!("The credential cannot be removed: {error}")))?;
    output.data("◇  Logout successful\n│\n└  Done\n")
}
