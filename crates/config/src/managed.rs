//! What the administrator of the machine prescribes, over everything that the user writes (reference
//! `config.md` §2 rows 8 and 9): a folder of the system, and on macOS managed preferences.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::Environment;
use crate::environment::variable;
use crate::source::PROJECT_FILES;

/// How long the program that reads preferences may take.
const PREFERENCES_LIMIT: Duration = Duration::from_secs(5);
const PREFERENCES: &str = "/Library/Managed Preferences";
const PREFERENCES_FILE: &str = "ai.opencode.managed.plist";
/// What the system writes into preferences for itself.
const NOT_OURS: [&str; 6] = [
    "PayloadDisplayName",
    "PayloadIdentifier",
    "PayloadType",
    "PayloadUUID",
    "PayloadVersion",
    "_manualProfile",
];

/// The administrator's files, of which the later wins.
pub(crate) fn files(environment: &Environment) -> impl Iterator<Item = PathBuf> + use<> {
    let folder = folder(environment);
    PROJECT_FILES.into_iter().map(move |name| folder.join(name))
}

/// The administrator's folder.
fn folder(environment: &Environment) -> PathBuf {
    if let Some(folder) = environment.get(variable::MANAGED_DIR) {
        return PathBuf::from(folder);
    }
    if cfg!(target_os = "macos") {
        return PathBuf::from("/Library/Application Support/opencode");
    }
    if cfg!(windows) {
        let base = environment.get("ProgramData").unwrap_or(r"C:\ProgramData");
        return Path::new(base).join("opencode");
    }
    PathBuf::from("/etc/opencode")
}

/// Managed preferences of this machine as text, and where they are; `None` on other systems than macOS.
pub(crate) fn preferences(environment: &Environment) -> Option<(PathBuf, String)> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let base = Path::new(PREFERENCES);
    let path = preference_files(base, environment.get("USER")).find(|path| path.is_file())?;
    let json = converted(&path)?;
    Some((path, without_payload(&json)?))
}

fn preference_files(base: &Path, user: Option<&str>) -> impl Iterator<Item = PathBuf> {
    let of_user = user.map(|user| base.join(user).join(PREFERENCES_FILE));
    of_user.into_iter().chain([base.join(PREFERENCES_FILE)])
}

/// A list of properties as JSON, by the program of the system that knows its forms.
fn converted(path: &Path) -> Option<String> {
    let child = Command::new("/usr/bin/plutil")
        .args(["-convert", "json", "-o", "-"])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let child = child
        .inspect_err(|error| tracing::warn!(%error, "managed preferences cannot be read"))
        .ok()?;
    let (sender, receiver) = mpsc::channel();
    // The thread ends with the program that it waits for.
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(PREFERENCES_LIMIT) {
        Ok(Ok(output)) if output.status.success() => String::from_utf8(output.stdout).ok(),
        _ => {
            tracing::warn!(path = %path.display(), "managed preferences cannot be read");
            None
        }
    }
}

/// The preferences without what the system wrote.
fn without_payload(json: &str) -> Option<String> {
    let mut all: Map<String, Value> = serde_json::from_str(json)
        .inspect_err(|error| tracing::warn!(%error, "managed preferences are no object"))
        .ok()?;
    all.retain(|key, _| !NOT_OURS.contains(&key.as_str()));
    Some(Value::Object(all).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_keeps_its_own_keys() {
        let json = r#"{"PayloadUUID": "1", "_manualProfile": true, "share": "disabled"}"#;
        assert_eq!(without_payload(json).unwrap(), r#"{"share":"disabled"}"#);
        assert_eq!(without_payload("[]"), None);
    }

    #[test]
    fn preferences_of_the_user_come_first() {
        let files: Vec<PathBuf> = preference_files(Path::new("/p"), Some("u")).collect();
        let wanted = ["/p/u/ai.opencode.managed.plist", "/p/ai.opencode.managed.plist"];
        assert_eq!(files, wanted.map(PathBuf::from));
    }
}
