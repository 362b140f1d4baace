//! `opencode debug` (reference `cli.md` §12): what the program sees and would do.

mod agent;
pub(crate) mod config;
mod files;
mod info;
mod lsp;

use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Debug, DebugFile, DebugRg, DebugSnapshot};
use crate::context::Context;
use crate::failure::Failure;
use crate::signals;

/// How long `debug wait` waits when nobody stops it.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn run(context: &Context, command: Debug) -> Result<(), Failure> {
    match command {
        Debug::Config => config::run(context).await,
        Debug::Paths => info::paths(context),
        Debug::Info => info::run(context).await,
        Debug::Agent(arguments) => agent::run(context, arguments).await,
        Debug::Skill => {
            let (engine, location) = context.here().await?;
            engine.shutdown().await;
            json(context, &location.skills)
        }
        Debug::Scrap => {
            let engine = context.engine().await?;
            let projects = engine.store().read(|view| view.projects()).await;
            engine.shutdown().await;
            json(context, &projects?)
        }
        Debug::Snapshot(command) => snapshot(context, command).await,
        Debug::File(DebugFile::Read { path }) => files::read(context, &path),
        Debug::File(DebugFile::List { path }) => files::list(context, &path),
        Debug::File(DebugFile::Search { query }) => files::names(context, query).await,
        Debug::Rg(DebugRg::Files { query, glob, limit }) => {
            files::find(context, query.as_deref(), glob, limit).await
        }
        Debug::Rg(DebugRg::Search { pattern, glob, limit }) => {
            files::search(context, pattern, glob, limit).await
        }
        Debug::Lsp(command) => lsp::run(context, command).await,
        Debug::Startup => context
            .output
            .data(context.started.elapsed().as_secs_f64() * 1000.0),
        Debug::Wait => {
            let stop = CancellationToken::new();
            let signals = tokio::spawn(signals::wait(stop.clone()));
            // Neither end is a failure.
            let _ = tokio::time::timeout(DAY, stop.cancelled()).await;
            signals.abort();
            Ok(())
        }
    }
}

fn json(context: &Context, value: &impl Serialize) -> Result<(), Failure> {
    context.output.data(serde_json::to_string_pretty(value)?)
}

async fn snapshot(context: &Context, command: DebugSnapshot) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    let none = || Failure::told("Nothing is kept here: this is no git repository, or snapshots are off");
    let result = async {
        let snapshots = location.snapshots().ok_or_else(none)?;
        let told = |error: opencode_project::snapshot::Error| Failure::told(error.to_string());
        match command {
            DebugSnapshot::Track => {
                let hash = snapshots.track().await.map_err(told)?;
                context.output.data(hash.ok_or_else(none)?)
            }
            DebugSnapshot::Patch { hash } => {
                let files = snapshots.patch(&hash).await.map_err(told)?;
                json(context, &serde_json::json!({ "hash": hash, "files": files }))
            }
            DebugSnapshot::Diff { hash } => {
                let diff = snapshots.diff(&hash).await.map_err(told)?;
                context.output.data(diff.trim_end())
            }
        }
    };
    let result = result.await;
    engine.shutdown().await;
    result
}
