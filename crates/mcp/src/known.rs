//! What servers had when they were last connected, kept in files: a turn tells its model of their tools before
//! they are started, so that nobody waits for servers that nobody uses.
//!
//! What is read is only what a model is told at first; the connection says what is true. A file that is not there
//! or makes no sense is as good as none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use opencode_config::replace;
use opencode_schema::mcp::ServerConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalogue::{Offer, Tool};

/// Bytes of a file that are read and written.
const LIMIT: u64 = 4 << 20;

/// What is kept of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    tools: Vec<Tool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(default)]
    has_resources: bool,
    #[serde(default)]
    has_prompts: bool,
    /// It took too long to answer.
    #[serde(default)]
    pub(crate) is_slow: bool,
}

impl Known {
    pub(crate) fn of(offer: &Offer) -> Self {
        Self {
            tools: offer.tools.to_vec(),
            instructions: offer.instructions.clone(),
            has_resources: offer.has_resources,
            has_prompts: offer.has_prompts,
            is_slow: false,
        }
    }

    pub(crate) fn slow() -> Self {
        Self {
            is_slow: true,
            ..Self::default()
        }
    }

    pub(crate) fn offer(self) -> Offer {
        Offer {
            tools: self.tools.into(),
            instructions: self.instructions,
            has_resources: self.has_resources,
            has_prompts: self.has_prompts,
        }
    }
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    folder: Option<Arc<Path>>,
    /// The project, on which may depend what servers have.
    place: Arc<Path>,
}

impl Shelf {
    pub(crate) fn new(folder: Option<PathBuf>, place: &Path) -> Self {
        Self {
            folder: folder.map(Into::into),
            place: place.into(),
        }
    }

    fn file(&self, name: &str, server: &ServerConfig) -> Option<PathBuf> {
        let config = serde_json::to_string(server).ok()?;
        let key = format!("{}\0{name}\0{config}", self.place.display());
        let key = hex::encode(Sha256::digest(key));
        Some(self.folder.as_ref()?.join(format!("{key}.json")))
    }

    /// What is known of a server. Reads a file.
    pub(crate) fn read(&self, name: &str, server: &ServerConfig) -> Option<Known> {
        let file = self.file(name, server)?;
        let size = fs_err::metadata(&file).ok()?.len();
        let text = (size <= LIMIT).then(|| fs_err::read(&file).ok())??;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps what is known of a server, on a thread for such work; what cannot be kept is not missed.
    pub(crate) fn keep(&self, name: &str, server: &ServerConfig, known: Known) {
        let Some(file) = self.file(name, server) else {
            return;
        };
        tokio::task::spawn_blocking(move || {
            if let Err(error) = write(&file, &known) {
                tracing::debug!(%error, "what an MCP server has is not kept");
            }
        });
    }
}

/// Writes a file as a whole, or not at all.
fn write(file: &Path, known: &Known) -> std::io::Result<()> {
    let text = serde_json::to_vec(known)?;
    if text.len() as u64 > LIMIT || fs_err::read(file).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    replace(file, &text)
}

#[cfg(test)]
mod tests {
    use opencode_schema::mcp::Local;
    use pretty_assertions::assert_eq;

    use super::*;

    fn server(program: &str) -> ServerConfig {
        ServerConfig::Local(Local {
            command: vec![program.to_owned()],
            ..Local::default()
        })
    }

    #[test]
    fn what_is_written_is_read_by_who_has_the_same_server() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(Some(folder.path().join("mcp")), Path::new("/project"));
        let offer = Offer {
            tools: vec![Tool {
                name: "t".into(),
                description: "d".into(),
                input: Default::default(),
                output: None,
                needs_task: false,
            }]
            .into(),
            instructions: Some("use it".into()),
            has_resources: true,
            has_prompts: false,
        };
        write(&shelf.file("a", &server("x")).unwrap(), &Known::of(&offer)).unwrap();
        assert_eq!(shelf.read("a", &server("x")).map(Known::offer), Some(offer));
        assert_eq!(shelf.read("a", &server("y")), None, "another program");
        assert_eq!(shelf.read("b", &server("x")), None, "another name");
        let elsewhere = Shelf::new(Some(folder.path().join("mcp")), Path::new("/other"));
        assert_eq!(elsewhere.read("a", &server("x")), None, "another project");
        fs_err::write(shelf.file("a", &server("x")).unwrap(), "{").unwrap();
        assert_eq!(shelf.read("a", &server("x")), None, "nonsense");
    }
}
