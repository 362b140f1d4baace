//! Terminals (reference `http-api.md` §6.9, `openapi.json`: `Pty`).

use serde::{Deserialize, Serialize};

use crate::PtyId;

/// A terminal with a program in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pty {
    /// Its id.
    pub id: PtyId,
    /// What it is called.
    pub title: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder in which it was started.
    pub cwd: String,
    /// What the program does.
    pub status: Status,
    /// The process id of the program.
    pub pid: u32,
    /// How the program ended.
    #[serde(rename = "exitCode", default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
}

/// What the program in a terminal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It runs.
    Running,
    /// It has ended.
    Exited,
}
