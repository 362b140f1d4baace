//! Opens a page in the user's browser, by the program that the system has for that.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long the opener may take to say that it cannot. Parity: integrations.md §A15.6.
const PATIENCE: Duration = Duration::from_millis(500);

/// Opens `url`; the program that does has these variables and no others.
///
/// # Errors
/// Why it was not opened, in words.
pub async fn open<'a>(
    url: &str,
    environment: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), String> {
    let (program, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(before).arg(url);
    command.env_clear().envs(environment);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut opener = command
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    match tokio::time::timeout(PATIENCE, opener.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(format!("{program} ended with {status}")),
        Ok(Err(error)) => Err(format!("{program} cannot be waited for: {error}")),
        // It has opened the page, or is busy with it: some browsers are their own opener.
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}
