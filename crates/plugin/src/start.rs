//! How the plugins of a location are started.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::door::Door;
use crate::link::Link;
use crate::package::{self, Kind, Place, Resolved};
use crate::plugins::Process;
use crate::{Error, Fault, Runtime, Settings, host, keeper};

/// How long all plugins may take together to be initialised.
const LIMIT: Duration = Duration::from_secs(30);
/// How much of it they are told of: what is late by then is left out, and the others count.
const TOLD_LIMIT: Duration = Duration::from_secs(25);
/// Where the HTTP interface is said to be when no port is open (reference `plugins.md` §3).
const NO_ADDRESS: &str = "http://localhost:4096/";

/// Starts the process; nothing where there is nothing to start, or where it cannot be.
pub(crate) async fn start(settings: Settings) -> Option<Process> {
    if settings.source.is_empty() {
        return None;
    }
    let listener = Arc::clone(&settings.listener);
    let fail = |message: String| {
        listener.failed(Fault {
            plugin: "plugins".to_owned(),
            message,
        });
    };
    let runtime = match Runtime::find(&settings.environment).await {
        Ok(runtime) => runtime,
        Err(missing) => {
            fail(missing.to_string());
            return None;
        }
    };
    let plugins = resolve(&settings, &runtime).await;
    if plugins.is_empty() && settings.source.tools.is_empty() {
        return None;
    }
    match run(settings, &runtime, &plugins).await {
        Ok(process) => Some(process),
        Err(message) => {
            fail(message);
            None
        }
    }
}

async fn resolve(settings: &Settings, runtime: &Runtime) -> Vec<Resolved> {
    let place = Place {
        paths: settings.paths.clone(),
        environment: settings.environment.clone(),
        version: settings.version,
        runtime: runtime.clone(),
    };
    let mut found = Vec::new();
    for outcome in package::resolve(&settings.source.plugins, &place).await {
        match outcome {
            Ok(resolved) => found.push(resolved),
            Err(fault) => settings.listener.failed(fault),
        }
    }
    found
}

async fn run(settings: Settings, runtime: &Runtime, plugins: &[Resolved]) -> Result<Process, String> {
    let cache = settings.paths.cache.clone();
    let host = match spawn_blocking(move || host::unpack(&cache)).await {
        Ok(Ok(host)) => host,
        Ok(Err(error)) => return Err(format!("what runs plugins cannot be written: {error}")),
        Err(error) => return Err(error.to_string()),
    };
    let door = settings.door.and_then(|engine| match Door::open(engine) {
        Ok(door) => Some(door),
        Err(error) => {
            tracing::warn!(%error, "plugins have no way to the HTTP interface");
            None
        }
    });
    let address = settings
        .address
        .map_or_else(|| NO_ADDRESS.to_owned(), String::from);
    let params = json!({
        "plugins": plugins.iter().map(entry).collect::<Vec<_>>(),
        "tools": settings.source.tools,
        "directory": settings.directory,
        "worktree": settings.worktree,
        "project": settings.project,
        "address": address,
        "socket": door.as_ref().map(Door::socket),
        "limit": u64::try_from(TOLD_LIMIT.as_millis()).unwrap_or(u64::MAX),
    });
    let (peer, pipes) = keeper::start(runtime, &host, &settings.directory, &settings.environment)
        .map_err(|error| format!("{} cannot be started: {error}", runtime.program().display()))?;

    let (link, load) = Link::new(settings.listener);
    let end = CancellationToken::new();
    let keeper = TaskTracker::new();
    let beside = async {
        if let Some(door) = door {
            door.serve().await;
        }
    };
    keeper.spawn(keeper::keep(
        peer,
        pipes,
        Arc::clone(&link),
        load,
        beside,
        end.clone(),
    ));
    keeper.close();
    let process = Process { link, end, keeper };
    let never = CancellationToken::new();
    let started = process.link.ask("start", "start", &params, LIMIT, &never).await;
    match started {
        // That it ended is told by its keeper.
        Ok(_) | Err(Error::Ended { .. }) => Ok(process),
        Err(error) => Err(error.to_string()),
    }
}

fn entry(plugin: &Resolved) -> Value {
    json!({
        "id": plugin.id,
        "spec": plugin.spec,
        "entry": plugin.entry,
        "options": plugin.options,
        "package": plugin.kind == Kind::Package,
    })
}
