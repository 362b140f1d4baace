//! Providers that can be connected (reference `tui.md` §10), and the ways to log in to one: what it wants to
//! know first, a key, a code, or a page in the browser.

mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use opencode_client::{Error, Request};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::dialog::{Ask, Item, Outcome, Select};
use crate::safe;
use crate::store::ProviderName;
use crate::toast::Variant;
use waiting::Waiting;

/// Providers that the list begins with (reference §10).
const POPULAR: [&str; 6] = [
    "opencode",
    "opencode-go",
    "openai",
    "github-copilot",
    "anthropic",
    "google",
];

/// What is chosen in the list.
#[derive(Debug, Clone, PartialEq)]
enum Choice {
    /// A provider that is known.
    Known(String),
    /// One that is in no list.
    Other,
}

/// A way to log in to a provider.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Method {
    #[serde(rename = "type")]
    kind: Kind,
    label: String,
    #[serde(default)]
    prompts: Vec<Prompt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Oauth,
    Api,
}

/// Something that a way to log in wants to know first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Prompt {
    #[serde(rename = "type")]
    kind: Form,
    key: String,
    message: String,
    #[serde(default)]
    placeholder: Option<String>,
    #[serde(default)]
    options: Vec<Answer>,
    #[serde(default)]
    when: Option<When>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Text,
    Select,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Answer {
    label: String,
    value: String,
    #[serde(default)]
    hint: Option<String>,
}

/// What another answer has to be for a question to be asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct When {
    key: String,
    op: Comparison,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Comparison {
    Eq,
    Neq,
}

impl When {
    /// Whether it is so; what was not answered is like nothing.
    fn holds(&self, inputs: &BTreeMap<String, String>) -> bool {
        let is_same = inputs.get(&self.key).is_some_and(|answer| *answer == self.value);
        match self.op {
            Comparison::Eq => is_same,
            Comparison::Neq => !is_same,
        }
    }
}

/// Where the user is sent to log in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Authorization {
    url: String,
    method: Return,
    instructions: String,
}

/// How the login comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Return {
    /// By itself.
    Auto,
    /// By a code that the user brings.
    Code,
}

/// A login that is under way.
#[derive(Debug, Clone)]
struct Login {
    provider: String,
    /// The place of the way among those of the provider, which is its name on the wire.
    place: usize,
    method: Method,
    inputs: BTreeMap<String, String>,
}

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    app.load_all_providers();
    let title = app.words.get("providers.title");
    let list = Select::new(app, title, items, |app, choice: &Choice| {
        match choice {
            Choice::Known(provider) => begin(app, provider.clone()),
            Choice::Other => ask_other(app),
        }
        Outcome::Close
    });
    app.open_dialog(list);
}

/// What speaks for a provider.
fn why(app: &App, provider: &str) -> &'static str {
    match provider {
        "opencode" => app.words.get("providers.recommended"),
        "opencode-go" => app.words.get("providers.low_cost"),
        "openai" => app.words.get("providers.openai"),
        "anthropic" => app.words.get("providers.by_key"),
        _ => "",
    }
}

/// The providers that the list begins with, as far as there are such, and what speaks for them.
pub(crate) fn popular(app: &App) -> Vec<(&ProviderName, &'static str)> {
    let all = &app.store.all_providers.all;
    let known = POPULAR
        .iter()
        .filter_map(|id| all.iter().find(|provider| provider.id == **id));
    known.map(|provider| (provider, why(app, &provider.id))).collect()
}

fn items(app: &App) -> Vec<Item<Choice>> {
    let providers = &app.store.all_providers;
    let mut known: Vec<_> = providers.all.iter().collect();
    let place = |id: &str| POPULAR.iter().position(|popular| *popular == id);
    known.sort_by_cached_key(|provider| {
        (
            place(&provider.id).unwrap_or(POPULAR.len()),
            provider.name.to_lowercase(),
        )
    });
    let mut items: Vec<Item<Choice>> = known
        .into_iter()
        .map(|provider| {
            let group = match place(&provider.id) {
                Some(_) => "providers.popular",
                None => "providers.all",
            };
            let item = Item::new(Choice::Known(provider.id.clone()), safe::line(&provider.name))
                .describe(why(app, &provider.id))
                .within(app.words.get(group));
            if providers.connected.contains(&provider.id) {
                item.mark("✓", |theme| theme.success)
            } else {
                item
            }
        })
        .collect();
    let other = Item::new(Choice::Other, app.words.get("providers.other"));
    items.push(
        other
            .describe(app.words.get("providers.other.why"))
            .within(app.words.get("providers.all")),
    );
    items
}

/// Asks for the name of a provider that is in no list.
fn ask_other(app: &mut App) {
    let title = app.words.get("providers.other");
    let placeholder = app.words.get("providers.other.placeholder");
    let message = app.words.get("providers.other.message");
    let ask = Ask::new(title, placeholder, "", |app, id| {
        let id = id.trim();
        if !is_id(id) {
            app.tell(Variant::Error, "providers.other.wrong");
            return Outcome::Done;
        }
        let method = by_key(app);
        start(app, id.to_owned(), 0, method);
        Outcome::Close
    });
    app.open_dialog(ask.explained(message));
}

/// Whether a text can be the id of a provider.
fn is_id(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.starts_with(is_plain)
        && text
            .chars()
            .all(|letter| is_plain(letter) || matches!(letter, '-' | '_'))
}

/// The way that every provider has.
fn by_key(app: &App) -> Method {
    Method {
        kind: Kind::Api,
        label: app.words.get("providers.key").to_owned(),
        prompts: Vec::new(),
    }
}

/// Asks the server how one logs in to a provider, and lets the user choose if there are several ways.
pub(crate) fn begin(app: &mut App, provider: String) {
    let request = Request::get(&["provider", "auth"]);
    app.ask(request, move |app, mut methods: HashMap<String, Vec<Method>>| {
        let mut offered = methods.remove(&provider).unwrap_or_default();
        match offered.len() {
            0 => {
                let method = by_key(app);
                start(app, provider, 0, method);
            }
            1 => {
                let method = offered.swap_remove(0);
                start(app, provider, 0, method);
            }
            _ => choose_method(app, provider, offered),
        }
    });
}

fn choose_method(app: &mut App, provider: String, methods: Vec<Method>) {
    let title = app.words.get("providers.method");
    let labels: Vec<Item<usize>> = methods
        .iter()
        .enumerate()
        .map(|(place, method)| Item::new(place, safe::line(&method.label)))
        .collect();
    let list = Select::new(
        app,
        title,
        move |_| labels.clone(),
        move |app, place: &usize| {
            if let Some(method) = methods.get(*place) {
                start(app, provider.clone(), *place, method.clone());
            }
            Outcome::Close
        },
    );
    app.open_dialog(list);
}

fn start(app: &mut App, provider: String, place: usize, method: Method) {
    let inputs = BTreeMap::new();
    let login = Login {
        provider,
        place,
        method,
        inputs,
    };
    ask_next(app, login, 0);
}

/// Asks the next question of a way to log in, then logs in.
fn ask_next(app: &mut App, login: Login, from: usize) {
    let mut rest = login.method.prompts.iter().enumerate().skip(from);
    let next = rest.find(|(_, prompt)| prompt.when.as_ref().is_none_or(|when| when.holds(&login.inputs)));
    let Some((at, prompt)) = next.map(|(at, prompt)| (at, prompt.clone())) else {
        return log_in(app, login);
    };
    let answered = move |app: &mut App, login: &Login, key: &str, answer: &str| {
        let mut login = login.clone();
        login.inputs.insert(key.to_owned(), answer.to_owned());
        ask_next(app, login, at + 1);
        Outcome::Close
    };
    let title = safe::line(&prompt.message).into_owned();
    let key = prompt.key;
    match prompt.kind {
        Form::Text => {
            let placeholder = prompt.placeholder.unwrap_or_default();
            let placeholder = safe::line(&placeholder).into_owned();
            let ask = Ask::new(title, &placeholder, "", move |app, answer| {
                let answer = answer.trim();
                if answer.is_empty() {
                    return Outcome::Done;
                }
                answered(app, &login, &key, answer)
            });
            app.open_dialog(ask);
        }
        Form::Select => {
            let items: Vec<Item<String>> = prompt
                .options
                .iter()
                .map(|option| {
                    let hint = option.hint.as_deref().unwrap_or_default();
                    Item::new(option.value.clone(), safe::line(&option.label)).describe(safe::line(hint))
                })
                .collect();
            let source = move |_: &App| items.clone();
            let list = Select::new(app, title, source, move |app, answer: &String| {
                answered(app, &login, &key, answer)
            });
            app.open_dialog(list);
        }
    }
}

fn log_in(app: &mut App, login: Login) {
    if login.method.kind == Kind::Api {
        return ask_key(app, login);
    }
    let mut body = json!({ "method": login.place });
    if !login.inputs.is_empty() {
        body["inputs"] = json!(login.inputs);
    }
    let request = Request::post(&["provider", &login.provider, "oauth", "authorize"], body);
    app.ask(
        request,
        move |app, authorization: Option<Authorization>| match authorization {
            None => ask_key(app, login),
            Some(authorization) => match authorization.method {
                Return::Auto => wait(app, login, &authorization),
                Return::Code => ask_code(app, login, authorization),
            },
        },
    );
}

/// Asks for a key and has it stored.
fn ask_key(app: &mut App, login: Login) {
    let title = safe::line(&login.method.label).into_owned();
    let placeholder = app.words.get("providers.key");
    let ask = Ask::new(title, placeholder, "", move |app, key| {
        let key = key.trim();
        if key.is_empty() {
            return Outcome::Done;
        }
        let mut body = json!({ "type": "api", "key": key });
        if !login.inputs.is_empty() {
            body["metadata"] = json!(login.inputs);
        }
        let provider = login.provider.clone();
        let request = Request::put(&["auth", &provider], body);
        app.ask(request, move |app, _: Value| connected(app, provider));
        Outcome::Close
    })
    .secret();
    app.open_dialog(ask);
}

/// Asks for the code that a page in the browser gave; a wrong one is asked for again.
fn ask_code(app: &mut App, login: Login, authorization: Authorization) {
    let title = safe::line(&login.method.label).into_owned();
    let placeholder = app.words.get("providers.code");
    let message = format!(
        "{}\n{}",
        safe::text(&authorization.instructions),
        safe::line(&authorization.url)
    );
    let ask = Ask::new(title, placeholder, "", move |app, code| {
        let code = code.trim();
        if code.is_empty() {
            return Outcome::Done;
        }
        let body = json!({ "method": login.place, "code": code });
        let request = Request::post(&["provider", &login.provider, "oauth", "callback"], body).turn();
        let (login, authorization) = (login.clone(), authorization.clone());
        app.try_ask(request, move |app, answer: Result<Value, Error>| match answer {
            Ok(_) => connected(app, login.provider),
            Err(error) => {
                app.complain(&error);
                ask_code(app, login, authorization);
            }
        });
        Outcome::Close
    });
    app.open_dialog(ask.explained(message));
}

/// Waits until a page in the browser has told the server.
fn wait(app: &mut App, login: Login, authorization: &Authorization) {
    let title = safe::line(&login.method.label).into_owned();
    let waiting = Waiting::new(title, &authorization.url, &authorization.instructions);
    let is_open = Rc::downgrade(&waiting.is_open);
    app.open_dialog(waiting);
    let body = json!({ "method": login.place });
    let request = Request::post(&["provider", &login.provider, "oauth", "callback"], body).turn();
    app.try_ask(request, move |app, answer: Result<Value, Error>| {
        // Who closed the window does not want to choose a model now, and knows why it failed.
        let is_awaited = is_open.strong_count() > 0;
        if is_awaited {
            app.dialogs.clear();
        }
        match answer {
            Ok(_) if is_awaited => connected(app, login.provider),
            Ok(_) => renew(app, |_| {}),
            Err(error) if is_awaited => app.complain(&error),
            Err(_) => {}
        }
    });
}

/// A provider is connected: what is known is read anew, and one of its models chosen.
fn connected(app: &mut App, provider: String) {
    renew(app, move |app| {
        let is_known = app
            .store
            .all_providers
            .all
            .iter()
            .any(|known| known.id == provider);
        if is_known {
            super::models::open(app, Some(provider));
        } else {
            let text = app.words.fill("providers.stored", &[("provider", &provider)]);
            app.toast(Variant::Success, text);
        }
    });
}

/// Has the server begin anew with the credentials that it has now.
fn renew(app: &mut App, then: impl FnOnce(&mut App) + 'static) {
    let request = Request::post(&["instance", "dispose"], json!({}));
    app.ask(request, move |app, _: Value| {
        app.load();
        then(app);
    });
}

#[cfg(test)]
mod tests;
