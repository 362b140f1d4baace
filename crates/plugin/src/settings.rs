//! What plugins are started with, and who hears of them.

use std::path::PathBuf;
use std::sync::Arc;

use opencode_config::{Environment, Paths};
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use crate::{Draft, Source};

/// What plugins are started with.
pub struct Settings {
    /// What is loaded.
    pub source: Source,
    /// The folder, absolute.
    pub directory: PathBuf,
    /// Top of its checkout.
    pub worktree: PathBuf,
    /// Its project, as the HTTP interface shows it.
    pub project: Value,
    /// The folders of the program.
    pub paths: Paths,
    /// The environment of the program.
    pub environment: Environment,
    /// Version of the program.
    pub version: &'static str,
    /// Takes connections to the HTTP interface of the engine, for the client that plugins get.
    pub door: Option<mpsc::Sender<DuplexStream>>,
    /// Where the engine can be reached over a network, if it can.
    pub address: Option<url::Url>,
    /// Is told what happens.
    pub listener: Arc<dyn Listener>,
}

/// Is told what happens to plugins. Its calls never wait.
pub trait Listener: Send + Sync {
    /// Something of a plugin failed, without the work of the engine failing by it.
    fn failed(&self, fault: Fault);

    /// What the plugins registered is no longer what it was: tools, or transformations of `draft`.
    fn changed(&self, draft: Option<Draft>);
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Id or specification of the plugin.
    pub plugin: String,
    /// Why, in words for the user.
    pub message: String,
}
