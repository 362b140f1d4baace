//! Sessions (reference `sessions.md` §2).

use serde::{Deserialize, Serialize};

use crate::permission::Ruleset;
use crate::time::{Millis, iso};
use crate::{MessageId, Object, PartId, SessionId, number};

/// A conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// A name of two words, for addresses.
    pub slug: String,
    /// The project it belongs to.
    #[serde(rename = "projectID")]
    pub project_id: String,
    /// The workspace it runs in.
    #[serde(rename = "workspaceID", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// The folder it works in, absolute.
    pub directory: String,
    /// That folder relative to the worktree; empty at its root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The session that started this one.
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SessionId>,
    /// What changed in files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// US dollars so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Tokens so far, summed over all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// Where it is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What lists show.
    pub title: String,
    /// The agent of the last prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model of the last prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<SessionModel>,
    /// Version of the program that made it.
    pub version: String,
    /// Anything a client keeps with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// When it was made and changed.
    pub time: Times,
    /// Rules that come after those of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Ruleset>,
    /// Set while messages are taken back but not yet dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revert: Option<Revert>,
}

/// US dollars, written without a fraction when whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(#[serde(with = "number")] pub f64);

/// Counts of changed lines and files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// Files touched.
    pub files: u64,
    /// The changes themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diffs: Option<Vec<FileDiff>>,
}

/// How one file changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileDiff {
    /// Path relative to the worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Unified diff with full context; empty for binary files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// What happened to the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<FileStatus>,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileStatus {
    /// New.
    Added,
    /// Gone.
    Deleted,
    /// Changed.
    Modified,
}

/// Where a session is shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Public address.
    pub url: String,
}

/// The model of a session; note that the field names differ from those on a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionModel {
    /// Model id within the provider.
    pub id: String,
    /// Provider id.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Named set of options; `default` when none was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// When a session was made, changed, compacted and archived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When it was made.
    pub created: Millis,
    /// When something last happened in it.
    pub updated: Millis,
    /// Since when it is being compacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compacting: Option<Millis>,
    /// When it was put away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<Millis>,
}

/// A point to which a session was taken back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Revert {
    /// The first message that is taken back.
    #[serde(rename = "messageID")]
    pub message_id: MessageId,
    /// The first part of that message that is taken back, when not all of it is.
    #[serde(rename = "partID", skip_serializing_if = "Option::is_none")]
    pub part_id: Option<PartId>,
    /// Tree of the files before reverting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// What reverting changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// The same by files, for durable sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<RevertedFile>>,
}

/// A file that taking back has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevertedFile {
    /// Path relative to the worktree.
    pub path: String,
    /// What happened to it.
    pub status: FileStatus,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// Unified diff.
    pub patch: String,
}

/// Tokens by kind; `input` is without cached tokens, `output` without reasoning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// As the provider reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Sent and not cached.
    pub input: u64,
    /// Answered, without reasoning.
    pub output: u64,
    /// Spent on reasoning.
    pub reasoning: u64,
    /// Read from and written to the provider's cache.
    pub cache: CacheTokens,
}

/// Tokens of a provider's prompt cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheTokens {
    /// Served from the cache.
    pub read: u64,
    /// Put into the cache.
    pub write: u64,
}

/// One entry of a session's list of things to do; the values of `status` and `priority` are not checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// What to do.
    pub content: String,
    /// `pending`, `in_progress`, `completed` or `cancelled`.
    pub status: String,
    /// `high`, `medium` or `low`.
    pub priority: String,
}

/// What a session is doing now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Status {
    /// Nothing.
    Idle,
    /// Waits to ask the provider again.
    Retry {
        /// Which retry, from 1.
        attempt: u32,
        /// Why.
        message: String,
        /// What the user can do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        action: Option<RetryAction>,
        /// When it will ask again.
        next: Millis,
    },
    /// Works.
    Busy,
}

/// What the user can do about a failing provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryAction {
    /// `free_tier_limit` or `account_rate_limit`.
    pub reason: String,
    /// The provider.
    pub provider: String,
    /// Heading.
    pub title: String,
    /// Explanation.
    pub message: String,
    /// Text of the link.
    pub label: String,
    /// Address to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

const ROOT_TITLE: &str = "New session - ";
const CHILD_TITLE: &str = "Child session - ";

/// The title of a session that nobody has named yet.
#[must_use]
pub fn default_title(child: bool, at: Millis) -> String {
    format!("{}{}", if child { CHILD_TITLE } else { ROOT_TITLE }, iso(at))
}

/// Whether a title is one that [`default_title`] makes, so that a better one may replace it.
#[must_use]
pub fn is_default_title(title: &str) -> bool {
    let Some(rest) = title
        .strip_prefix(ROOT_TITLE)
        .or_else(|| title.strip_prefix(CHILD_TITLE))
    else {
        return false;
    };
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    rest.len() == FORM.len()
        && rest.bytes().zip(FORM).all(|(byte, form)| {
            if *form == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == *form
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_titles_are_known_again() {
        assert!(is_default_title(&default_title(false, 1_795_218_016_342)));
        assert!(is_default_title("Child session - 2026-11-20T23:40:16.342Z"));
        for other in [
            "New session - soon",
            "New session - 2026-11-20",
            "My own title",
            "",
        ] {
            assert!(!is_default_title(other), "{other}");
        }
    }

    #[test]
    fn whole_costs_have_no_fraction() {
        assert_eq!(serde_json::to_string(&Cost(0.0)).unwrap(), "0");
        assert_eq!(serde_json::to_string(&Cost(0.00267)).unwrap(), "0.00267");
    }
}
