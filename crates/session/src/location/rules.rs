//! Rules that every model is told in a location (reference `agent-loop.md` §3).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use opencode_config::instruction::{self, Instruction};

use crate::Location;
use crate::web::Web;

/// How long rules at an address may take, how long they may be, and how many are asked for at once.
const PAGE_LIMIT: Duration = Duration::from_secs(5);
const PAGE_BYTES: usize = 1 << 20;
const PAGES_AT_ONCE: usize = 4;

impl Location {
    /// Rules files that every model is told here, as they are now: those of folders, then those of addresses
    /// (reference `agent-loop.md` §3).
    pub(crate) async fn instructions(self: &Arc<Self>) -> Vec<Instruction> {
        let (mut all, fetched) = tokio::join!(self.instruction_files(), self.instruction_pages());
        all.extend(fetched);
        all
    }

    /// Patterns make it look through folders, which is done on a thread of its own.
    async fn instruction_files(self: &Arc<Self>) -> Vec<Instruction> {
        let location = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let configured = location.config.instructions.as_deref().unwrap_or_default();
            let found = instruction::find(
                location.place(),
                &location.paths,
                &location.environment,
                configured,
            );
            found.iter().filter_map(|path| instruction::read(path)).collect()
        });
        reading.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the rules files could not be read");
            Vec::new()
        })
    }

    /// What addresses in `instructions` answer. One that cannot be had is left out.
    async fn instruction_pages(&self) -> Vec<Instruction> {
        let configured = self.config.instructions.as_deref().unwrap_or_default();
        let addresses = configured
            .iter()
            .filter(|entry| entry.starts_with("http://") || entry.starts_with("https://"));
        let pages: Vec<_> = addresses
            .map(|address| page(self.web.clone(), address.clone()))
            .collect();
        let pages: Vec<Option<Instruction>> = stream::iter(pages).buffered(PAGES_AT_ONCE).collect().await;
        pages
            .into_iter()
            .flatten()
            .filter(|page| !page.text.is_empty())
            .collect()
    }
}

/// Rules at an address.
async fn page(web: Web, address: String) -> Option<Instruction> {
    let answer = match web.client().map(|client| client.get(&address)) {
        Ok(request) => Web::answer(request, PAGE_LIMIT, PAGE_BYTES).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(bytes) => Some(Instruction {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            path: PathBuf::from(address),
        }),
        Err(error) => {
            tracing::warn!(address, error, "rules at an address are left out");
            None
        }
    }
}
