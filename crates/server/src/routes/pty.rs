//! Terminals and the sockets to them (reference `http-api.md` §6.9).

mod connection;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use indexmap::IndexMap;
use opencode_process::shells;
use opencode_schema::PtyId;
use opencode_schema::pty::Pty;
use opencode_session::{Location, NewTerminal, OpenTerminal, TerminalChange, TerminalsOf};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::{self, Actor, Auth, Outcome, Record};
use crate::error::{ApiError, Kind};
use crate::extract::{At, Body, Folder, Named, Query};
use crate::listen::App;
use crate::socket::FRAME_LIMIT;
use crate::ticket::{self, Admission};

/// What a page must send to get a ticket: a foreign page cannot.
const TICKET_HEADER: &str = "x-opencode-ticket";

pub(crate) async fn shells(_: At) -> Result<Json<Value>, ApiError> {
    let installed = tokio::task::spawn_blocking(shells::installed).await;
    let installed = installed.map_err(|error| ApiError::unexpected(&error))?;
    let row = |shell: shells::Shell| json!({ "path": shell.path, "name": shell.name, "acceptable": shell.is_usual });
    Ok(Json(installed.into_iter().map(row).collect()))
}

/// What is different between the older and the newer interface.
#[derive(Clone, Copy)]
pub(crate) struct Face {
    /// Its terminals.
    pub(crate) of: TerminalsOf,
    /// What a refusal is called.
    pub(crate) forbidden: &'static str,
}

const FACE: Face = Face {
    of: |ground| &ground.terminals,
    forbidden: "PtyForbiddenError",
};

pub(crate) async fn list(At(location): At) -> Json<Vec<Pty>> {
    Json(location.terminals.all())
}

#[derive(Deserialize)]
pub(crate) struct Creation {
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    cwd: Option<String>,
    title: Option<String>,
    #[serde(default)]
    env: IndexMap<String, String>,
}

pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Body(wanted): Body<Creation>,
) -> Result<Json<Pty>, ApiError> {
    FACE.open(&app, &actor, &location, wanted).await.map(Json)
}

pub(crate) async fn get(At(location): At, Named(id): Named<PtyId>) -> Result<Json<Pty>, ApiError> {
    FACE.info(&location, &id).map(Json)
}

pub(crate) async fn update(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Named(id): Named<PtyId>,
    Body(change): Body<Change>,
) -> Result<Json<Pty>, ApiError> {
    FACE.change(&app, &actor, &location, &id, change).await.map(Json)
}

pub(crate) async fn remove(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Named(id): Named<PtyId>,
) -> Result<Json<bool>, ApiError> {
    FACE.remove(&app, &actor, &location, &id).await?;
    Ok(Json(true))
}

/// A ticket for [`connect`], for pages that cannot send the password with a socket.
pub(crate) async fn connect_token(
    State(app): State<App>,
    At(location): At,
    Named(id): Named<PtyId>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    FACE.ticket(&app, &location, id, &headers).map(Json)
}

/// Makes the connection a socket to a terminal.
pub(crate) async fn connect(
    State(app): State<App>,
    actor: Actor,
    folder: Folder,
    Named(id): Named<PtyId>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let visit = Visit {
        actor,
        directory: folder.path,
        id,
        wanted,
        headers,
    };
    FACE.connect(app, visit, upgrade).await
}

impl Face {
    /// Opens a terminal.
    pub(crate) async fn open(
        self,
        app: &App,
        actor: &Actor,
        location: &Arc<Location>,
        wanted: Creation,
    ) -> Result<Pty, ApiError> {
        let bad = wanted
            .env
            .iter()
            .find(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0'));
        if let Some((name, _)) = bad {
            let reason = format!("a variable cannot be set\n  at [\"env\"][{name:?}]");
            return Err(ApiError::bad_request(Kind::Payload, reason));
        }
        let texts = wanted.args.iter().chain(&wanted.command).chain(&wanted.cwd);
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err(ApiError::bad_request(
                Kind::Payload,
                "a program and its arguments have no NUL",
            ));
        }
        let asked = json!({ "command": wanted.command, "args": wanted.args, "cwd": wanted.cwd });
        let new = NewTerminal {
            command: wanted.command,
            arguments: wanted.args,
            directory: wanted.cwd,
            title: wanted.title,
            variables: wanted.env.into_iter().collect(),
        };
        let opened = app.engine.open_terminal(location, self.of, new).await;
        let (detail, outcome) = match &opened {
            Ok(info) => (of(info), Outcome::Ok),
            Err(_) => (asked, Outcome::Error),
        };
        app.audit.record(
            &Record::new(actor, "pty.create", detail)
                .at(location)
                .with(outcome, None),
        );
        Ok(opened?)
    }

    /// What is known of one.
    pub(crate) fn info(self, location: &Location, id: &PtyId) -> Result<Pty, ApiError> {
        (self.of)(location).info(id).ok_or_else(|| unknown(id))
    }

    /// Changes title or size.
    pub(crate) async fn change(
        self,
        app: &App,
        actor: &Actor,
        location: &Location,
        id: &PtyId,
        change: Change,
    ) -> Result<Pty, ApiError> {
        let size = change.size.map(|size| (size.rows, size.cols));
        let detail = json!({ "pty": id, "title": change.title, "size": size });
        let change = TerminalChange {
            title: change.title,
            size,
        };
        let updated = (self.of)(location).update(id, change).await?;
        let updated = updated.ok_or_else(|| unknown(id))?;
        app.audit
            .record(&Record::new(actor, "pty.update", detail).at(location));
        Ok(updated)
    }

    /// Ends one with all that runs in it.
    pub(crate) async fn remove(
        self,
        app: &App,
        actor: &Actor,
        location: &Location,
        id: &PtyId,
    ) -> Result<(), ApiError> {
        if !(self.of)(location).remove(id).await? {
            return Err(unknown(id));
        }
        let detail = json!({ "pty": id });
        app.audit
            .record(&Record::new(actor, "pty.remove", detail).at(location));
        Ok(())
    }

    /// Gives a ticket for one.
    pub(crate) fn ticket(
        self,
        app: &App,
        location: &Location,
        id: PtyId,
        headers: &HeaderMap,
    ) -> Result<Value, ApiError> {
        let is_asked = headers.get(TICKET_HEADER).is_some_and(|value| value == "1");
        if !is_asked || !app.access.may_connect(headers) {
            return Err(self.forbid("This page gets no ticket for a terminal"));
        }
        self.info(location, &id)?;
        let admission = Admission {
            pty: id,
            directory: location.directory.clone(),
        };
        let ticket = app.tickets.give(admission);
        let ticket = ticket.ok_or_else(|| ApiError::unexpected(&"there is no source of randomness"))?;
        Ok(json!({ "ticket": ticket, "expires_in": ticket::LIFE.as_secs() }))
    }

    /// Makes a connection a socket to a terminal.
    pub(crate) async fn connect(
        self,
        app: App,
        visit: Visit,
        upgrade: Upgrade,
    ) -> Result<Response, ApiError> {
        let Visit {
            actor,
            directory,
            id,
            wanted,
            headers,
        } = visit;
        let ticket = wanted.ticket.filter(|ticket| !ticket.is_empty());
        // Whoever has nothing but a ticket learns and causes nothing by a wrong one.
        if actor.auth != Auth::Ticket {
            self.find(&app, &directory, &id).await?;
        }
        let admission = Admission {
            pty: id.clone(),
            directory: directory.clone(),
        };
        // Looked at in any case: a foreign page needs no password where there is none.
        let may_connect = app.access.may_connect(&headers);
        let is_good = ticket.is_none_or(|ticket| app.tickets.take(&ticket, &admission));
        if !may_connect || !is_good {
            let detail = json!({ "pty": id, "reason": if may_connect { "ticket" } else { "origin" } });
            let directory = directory.to_string_lossy().into_owned();
            let record = Record::new(&actor, "pty.connect", detail).in_folder(directory);
            app.audit
                .record(&record.with(Outcome::Denied, Some(StatusCode::FORBIDDEN.as_u16())));
            return Err(self.forbid("This connection to a terminal is not allowed"));
        }
        let (location, open) = self.find(&app, &directory, &id).await?;
        let upgrade = match upgrade {
            Ok(upgrade) => upgrade,
            Err(rejection) => return Err(ApiError::bad_request(Kind::Query, rejection.body_text())),
        };
        let from = connection::From::parse(wanted.cursor.as_deref());
        // Held by the socket from now on, so that the end of the server waits for it.
        let token = app.sockets.token();
        let upgrade = upgrade.max_message_size(FRAME_LIMIT).max_frame_size(FRAME_LIMIT);
        let upgraded = upgrade.on_upgrade(move |socket| async move {
            let detail = json!({ "pty": id });
            app.audit
                .record(&Record::new(&actor, "pty.connect", detail).at(&location));
            let began = std::time::Instant::now();
            let traffic = connection::serve(socket, open.as_deref(), from, &app.ending).await;
            let detail = json!({ "pty": id, "bytes_in": traffic.typed, "bytes_out": traffic.shown });
            let record = Record::new(&actor, "pty.disconnect", detail).at(&location);
            app.audit.record(&record.took(began.elapsed()));
            drop(token);
        });
        Ok(upgraded.into_response())
    }

    /// A terminal with its location; nothing in its place when its program has ended.
    async fn find(
        self,
        app: &App,
        directory: &Path,
        id: &PtyId,
    ) -> Result<(Arc<Location>, Option<Arc<OpenTerminal>>), ApiError> {
        let location = app.engine.location(directory).await?;
        let terminals = (self.of)(&location);
        let open = terminals.get(id);
        if open.is_none() && terminals.info(id).is_none() {
            return Err(unknown(id));
        }
        Ok((location, open))
    }

    fn forbid(self, message: &str) -> ApiError {
        ApiError::tagged(StatusCode::FORBIDDEN, self.forbidden, message)
    }
}

/// What the audit log says of a terminal.
fn of(info: &Pty) -> Value {
    let args: Vec<String> = info.args.iter().map(|text| audit::command(text)).collect();
    json!({
        "pty": info.id,
        "command": audit::command(&info.command),
        "args": args,
        "cwd": info.cwd,
        "pid": info.pid,
    })
}

#[derive(Deserialize)]
pub(crate) struct Change {
    title: Option<String>,
    size: Option<Size>,
}

#[derive(Deserialize)]
struct Size {
    #[serde(deserialize_with = "lines")]
    rows: u16,
    #[serde(deserialize_with = "lines")]
    cols: u16,
}

/// A size is a whole number above 0; what no terminal can have is as large as one can be.
fn lines<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() != 0.0 || number < 1.0 {
        return Err(serde::de::Error::custom(format!(
            "expected an integer greater than 0, got {number}"
        )));
    }
    Ok(number.min(f64::from(u16::MAX)) as u16)
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    cursor: Option<String>,
    ticket: Option<String>,
}

/// A connection that shall become a socket.
pub(crate) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Who wants to connect to which terminal, and how.
pub(crate) struct Visit {
    pub(crate) actor: Actor,
    pub(crate) directory: PathBuf,
    pub(crate) id: PtyId,
    pub(crate) wanted: Wanted,
    pub(crate) headers: HeaderMap,
}

fn unknown(id: &PtyId) -> ApiError {
    ApiError::tagged(
        StatusCode::NOT_FOUND,
        "PtyNotFoundError",
        format!("PTY session not found: {id}"),
    )
    .with("ptyID", id.as_str())
}
