//! The methods of the protocol (reference `integrations.md` §D1–D2).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use agent_client_protocol_schema::v1::{
    AuthenticateRequest, CancelNotification, CloseSessionRequest, ContentBlock, ForkSessionRequest,
    InitializeRequest, ListSessionsRequest, LoadSessionRequest, McpServer, NewSessionRequest,
    ResumeSessionRequest, SetSessionModeRequest,
};
use opencode_client::{Client, NewSession};
use opencode_schema::time::{Millis, iso};
use opencode_schema::{Session, SessionId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, Announced};
use crate::choice::Offer;
use crate::rpc::{Failure, params};
use crate::session::Known;
use crate::{prompt, replay, servers};

/// The only version that there is an agreement on.
const VERSION: u16 = 1;
/// The way to log in, which is a command of this program.
const LOGIN: &str = "opencode-login";
/// Sessions of a page.
const PAGE: u32 = 100;

/// What is answered, and what is told right after.
struct Answer {
    value: Value,
    then: Option<(SessionId, Value)>,
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self { value, then: None }
    }
}

/// A prompt; the crate's type has no room for the id that a client gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptRequest {
    session_id: String,
    prompt: Vec<ContentBlock>,
    #[serde(default)]
    message_id: Option<String>,
}

/// Not in the protocol any more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetModelRequest {
    session_id: String,
    model_id: String,
}

/// All options here are lists to choose from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetOptionRequest {
    session_id: String,
    config_id: String,
    value: String,
}

/// The work that a request asks for. What must be in order with what the client says next is done before the
/// work begins.
pub(crate) fn begin(
    agent: &Arc<Agent>,
    id: Value,
    method: String,
    params: Option<Value>,
) -> impl Future<Output = ()> + Send + 'static {
    let turn = begin_turn(agent, &method, params.as_ref());
    let agent = Arc::clone(agent);
    async move {
        let began = Instant::now();
        let answer = perform(&agent, &method, params, turn).await;
        if let Some(profile) = &agent.options.profile {
            let took = began.elapsed().as_millis();
            profile(&format!(
                "[acp-profile] acp.{} {took}ms",
                method.replace('/', ".")
            ));
        }
        let (result, then) = match answer {
            Ok(answer) => (Ok(answer.value), answer.then),
            Err(failure) => {
                tracing::info!(method, reason = failure.message, "a request failed");
                (Err(failure), None)
            }
        };
        agent.wire.respond(id, result).await;
        if let Some((session, update)) = then {
            agent.update(&session, update).await;
        }
    }
}

/// The token of the turn that a prompt begins.
fn begin_turn(agent: &Agent, method: &str, params: Option<&Value>) -> Option<CancellationToken> {
    let id = params?.get("sessionId").filter(|_| method == "session/prompt")?;
    let known = agent.find(&SessionId::parse(id.as_str()?).ok()?)?;
    Some(known.begin())
}

/// Does what is not answered; what makes no sense is logged.
pub(crate) fn notice(agent: &Agent, method: &str, given: Option<Value>) {
    if method != "session/cancel" {
        tracing::debug!(method, "a notification that means nothing here");
        return;
    }
    match params::<CancelNotification>(given) {
        Ok(notice) => {
            let known = SessionId::parse(notice.session_id.0.to_string())
                .ok()
                .and_then(|id| agent.find(&id));
            if let Some(known) = known {
                known.cancel();
            }
        }
        Err(failure) => tracing::warn!(?failure, "a turn was not stopped"),
    }
}

async fn perform(
    agent: &Arc<Agent>,
    method: &str,
    given: Option<Value>,
    turn: Option<CancellationToken>,
) -> Result<Answer, Failure> {
    match method {
        "initialize" => Ok(initialize(agent, given)?.into()),
        "authenticate" => Ok(authenticate(given)?.into()),
        "session/new" => new(agent, params(given)?).await,
        "session/load" => {
            let LoadSessionRequest {
                session_id,
                cwd,
                mcp_servers,
                ..
            } = params(given)?;
            let opened = open(agent, &session_id.0, &cwd, &mcp_servers, Replay::All);
            opened.await
        }
        "session/resume" => {
            let ResumeSessionRequest {
                session_id,
                cwd,
                mcp_servers,
                ..
            } = params(given)?;
            let opened = open(agent, &session_id.0, &cwd, &mcp_servers, Replay::Nothing);
            opened.await
        }
        "session/fork" => fork(agent, params(given)?).await,
        "session/list" => Ok(list(agent, params(given)?).await?.into()),
        "session/close" => {
            let request: CloseSessionRequest = params(given)?;
            Ok(close(agent, &request.session_id.0).await?.into())
        }
        "session/prompt" => {
            let request: PromptRequest = params(given)?;
            let known = known(agent, &request.session_id)?;
            let turn = turn.unwrap_or_else(|| known.begin());
            let heard = agent.hear(&known.directory).await?;
            let mut result = prompt::run(agent, &known, &request.prompt, turn, heard).await?;
            if let Some(id) = request.message_id {
                result["userMessageId"] = json!(id);
            }
            Ok(result.into())
        }
        "session/set_mode" => {
            let request: SetSessionModeRequest = params(given)?;
            let known = known(agent, &request.session_id.0)?;
            let mut choice = known.choice();
            Offer::read(&known.client)
                .await?
                .set_mode(&mut choice, &request.mode_id.0)?;
            known.choose(choice);
            Ok(json!({}).into())
        }
        "session/set_model" => {
            let request: SetModelRequest = params(given)?;
            let known = known(agent, &request.session_id)?;
            set_option(agent, &known, "model", &request.model_id).await?;
            Ok(json!({}).into())
        }
        "session/set_config_option" => {
            let request: SetOptionRequest = params(given)?;
            let known = known(agent, &request.session_id)?;
            let options = set_option(agent, &known, &request.config_id, &request.value).await?;
            Ok(json!({ "configOptions": options }).into())
        }
        _ => Err(Failure::unknown_method(method)),
    }
}

fn initialize(agent: &Agent, given: Option<Value>) -> Result<Value, Failure> {
    let request: InitializeRequest = params(given)?;
    let client = &request.client_capabilities;
    agent.announce(Announced {
        writes_files: client.fs.write_text_file,
        shows_forms: client
            .elicitation
            .as_ref()
            .is_some_and(|kinds| kinds.form.is_some()),
    });
    let mut login = json!({
        "id": LOGIN,
        "name": "Login with opencode",
        "description": "Run `opencode auth login` in the terminal",
    });
    let has_terminal = |meta: &Map<String, Value>| meta.get("terminal-auth") == Some(&Value::Bool(true));
    if client.meta.as_ref().is_some_and(has_terminal) {
        login["_meta"] = json!({ "terminal-auth": {
            "command": "opencode", "args": ["auth", "login"], "label": "OpenCode Login",
        } });
    }
    Ok(json!({
        "protocolVersion": VERSION,
        "agentCapabilities": {
            "loadSession": true,
            "mcpCapabilities": { "http": true, "sse": true },
            "promptCapabilities": { "embeddedContext": true, "image": true },
            "sessionCapabilities": { "close": {}, "fork": {}, "list": {}, "resume": {} },
        },
        "authMethods": [login],
        "agentInfo": { "name": "OpenCode", "version": agent.options.version },
    }))
}

fn authenticate(given: Option<Value>) -> Result<Value, Failure> {
    let request: AuthenticateRequest = params(given)?;
    let method: &str = &request.method_id.0;
    if method == LOGIN {
        return Ok(json!({}));
    }
    let reason = format_args!("unknown auth method: {method}");
    Err(Failure::invalid(reason, json!({ "methodId": method })))
}

fn missing(id: &str) -> Failure {
    let reason = format_args!("session not found: {id}");
    Failure::invalid(reason, json!({ "sessionId": id }))
}

/// A session that the client works with.
fn known(agent: &Agent, id: &str) -> Result<Arc<Known>, Failure> {
    let parsed = SessionId::parse(id).map_err(|_| missing(id))?;
    agent.find(&parsed).ok_or_else(|| missing(id))
}

/// The folder that a client names, as it is written in requests.
fn folder(agent: &Agent, cwd: &Path) -> Result<String, Failure> {
    let path = whole(agent, cwd);
    if path.is_dir() {
        return Ok(path.to_string_lossy().into_owned());
    }
    let reason = format_args!("{} is no folder", path.display());
    Err(Failure::invalid(reason, json!({ "cwd": cwd })))
}

/// The path of a folder, always in the same form.
fn whole(agent: &Agent, cwd: &Path) -> PathBuf {
    agent.options.directory.join(cwd).components().collect()
}

async fn new(agent: &Arc<Agent>, request: NewSessionRequest) -> Result<Answer, Failure> {
    let directory = folder(agent, &request.cwd)?;
    let client = agent.client(&directory);
    let (offer, ()) = tokio::join!(
        Offer::read(&client),
        servers::connect(agent, &client, &directory, &request.mcp_servers),
    );
    let offer = offer?;
    let choice = offer.usual();
    let new = NewSession {
        agent: choice.mode.clone(),
        model: choice.session_model(),
        ..NewSession::default()
    };
    let session = client.create_session(&new).await?;
    let known = agent.enter(session.id, &directory, choice).await?;
    opened(&known, &offer, true).await
}

/// What of a conversation is told to a client that opens it.
enum Replay {
    Nothing,
    Newest,
    All,
}

async fn open(
    agent: &Arc<Agent>,
    id: &str,
    cwd: &Path,
    given: &[McpServer],
    replay: Replay,
) -> Result<Answer, Failure> {
    let directory = folder(agent, cwd)?;
    let client = agent.client(&directory);
    let session = find(&client, id).await?;
    let (offer, ()) = tokio::join!(
        Offer::read(&client),
        servers::connect(agent, &client, &directory, given),
    );
    take_up(agent, &client, &session, &directory, &offer?, replay, false).await
}

async fn fork(agent: &Arc<Agent>, request: ForkSessionRequest) -> Result<Answer, Failure> {
    let directory = folder(agent, &request.cwd)?;
    let client = agent.client(&directory);
    let original = find(&client, &request.session_id.0).await?;
    let session = client.fork_session(&original.id, None).await?;
    let (offer, ()) = tokio::join!(
        Offer::read(&client),
        servers::connect(agent, &client, &directory, &request.mcp_servers),
    );
    let replay = Replay::Newest;
    take_up(agent, &client, &session, &directory, &offer?, replay, true).await
}

async fn find(client: &Client, id: &str) -> Result<Session, Failure> {
    let parsed = SessionId::parse(id).map_err(|_| missing(id))?;
    client.session(&parsed).await.map_err(|error| {
        if error.is_not_found() {
            missing(id)
        } else {
            error.into()
        }
    })
}

/// Takes up a session that was there before.
async fn take_up(
    agent: &Arc<Agent>,
    client: &Client,
    session: &Session,
    directory: &str,
    offer: &Offer,
    replay: Replay,
    is_new: bool,
) -> Result<Answer, Failure> {
    let newest = match replay {
        Replay::All => None,
        Replay::Newest | Replay::Nothing => Some(replay::NEWEST),
    };
    let known = agent.enter(session.id.clone(), directory, offer.usual()).await?;
    {
        // What happens from now on waits, and follows.
        let mut transcript = known.transcript.lock().await;
        let (messages, statuses) =
            tokio::try_join!(replay::messages(client, &session.id, newest), client.statuses())?;
        known.choose(offer.of_session(session, &messages));
        known.hear(statuses.contains_key(&session.id));
        let told = match replay {
            Replay::Nothing => &[],
            Replay::Newest | Replay::All => &messages[..],
        };
        for message in told {
            for update in replay::updates(message, &known.directory, &mut transcript) {
                agent.update(&known.id, update).await;
            }
        }
        // Events of what was stored a moment ago, as a copy is, may be on their way still: they say nothing new.
        let newest = told.iter().rev().take(replay::NEWEST);
        for message in newest.filter(|message| message.info.as_assistant().is_some()) {
            for part in &message.parts {
                transcript.known(part, &known.directory);
            }
        }
    }
    opened(&known, offer, is_new).await
}

/// The answer to a client that has opened a session.
async fn opened(known: &Known, offer: &Offer, is_new: bool) -> Result<Answer, Failure> {
    let mut value = json!({ "configOptions": offer.options(&known.choice()) });
    if is_new {
        value["sessionId"] = json!(known.id);
    }
    let update = available_commands(&known.client).await?;
    let then = Some((known.id.clone(), update));
    Ok(Answer { value, then })
}

/// Commands and skills, by their names.
async fn available_commands(client: &Client) -> Result<Value, Failure> {
    let (commands, skills) = tokio::try_join!(client.commands(), client.skills())?;
    let commands = commands
        .into_iter()
        .map(|command| (command.name, command.description));
    let skills = skills.into_iter().map(|skill| (skill.name, skill.description));
    let mut rows: Vec<(String, Option<String>)> = Vec::new();
    for row in commands.chain(skills) {
        if !rows.iter().any(|(name, _)| *name == row.0) {
            rows.push(row);
        }
    }
    rows.sort();
    let rows = rows
        .into_iter()
        .map(|(name, description)| json!({ "name": name, "description": description.unwrap_or_default() }));
    Ok(json!({
        "sessionUpdate": "available_commands_update",
        "availableCommands": rows.collect::<Vec<_>>(),
    }))
}

async fn list(agent: &Agent, request: ListSessionsRequest) -> Result<Value, Failure> {
    let directory = request
        .cwd
        .as_ref()
        .map(|cwd| whole(agent, cwd).to_string_lossy().into_owned());
    // Parity: integrations.md §D2, a cursor that is none begins at the beginning.
    let before: Option<Millis> = request.cursor.and_then(|cursor| cursor.parse().ok());
    let client = &agent.options.client;
    let page = client.session_page(directory.as_deref(), PAGE, before).await?;
    let sessions = page.sessions.iter().map(|session| {
        json!({
            "sessionId": session.id,
            "cwd": session.directory,
            "title": session.title,
            "updatedAt": iso(session.time.updated),
        })
    });
    let mut value = json!({ "sessions": sessions.collect::<Vec<_>>() });
    if let Some(older) = page.older {
        value["nextCursor"] = json!(older.to_string());
    }
    Ok(value)
}

/// Forgets a session and ends what it does. Parity: integrations.md §D2, also one that nobody knows.
async fn close(agent: &Agent, id: &str) -> Result<Value, Failure> {
    if let Ok(id) = SessionId::parse(id)
        && let Some(known) = agent.leave(&id).await
    {
        known.cancel();
        known.closed.cancel();
        known.client.abort(&known.id).await?;
    }
    Ok(json!({}))
}

/// Sets an option and gives all of them. Another model changes which options there are, which is told.
async fn set_option(agent: &Agent, known: &Known, option: &str, value: &str) -> Result<Value, Failure> {
    let offer = Offer::read(&known.client).await?;
    let mut choice = known.choice();
    match option {
        "model" => offer.set_model(&mut choice, value)?,
        "effort" => offer.set_effort(&mut choice, value)?,
        "mode" => offer.set_mode(&mut choice, value)?,
        _ => {
            let reason = format_args!("unknown config option: {option}");
            return Err(Failure::invalid(reason, json!({ "configId": option })));
        }
    }
    let options = offer.options(&choice);
    known.choose(choice);
    if option == "model" {
        let update = json!({ "sessionUpdate": "config_option_update", "configOptions": options });
        agent.update(&known.id, update).await;
    }
    Ok(options)
}
