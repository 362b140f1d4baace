//! Sessions that are pinned: `session.json` (reference `tui.md` §2).

use serde::{Deserialize, Serialize};

/// Sessions that are pinned, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pins {
    pinned: Vec<String>,
}

impl Pins {
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> &[String] {
        &self.pinned
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.pinned.iter().any(|known| known == id)
    }

    pub(crate) fn toggle(&mut self, id: &str) {
        match self.pinned.iter().position(|known| known == id) {
            Some(at) => {
                self.pinned.remove(at);
            }
            None => self.pinned.push(id.to_owned()),
        }
    }
}
