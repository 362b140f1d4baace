//! The clipboard by the tools of the system, where there are some; the terminal's own way is
//! [`sequence::clipboard`](super::sequence::clipboard) (reference `tui.md` §9 and §14).

use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opencode_config::Environment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// How long one tool may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest content that is read, in bytes.
const LIMIT: usize = 32 * 1024 * 1024;

/// What was in the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A picture in PNG.
    Image(Vec<u8>),
    /// A text.
    Text(String),
}

/// A command line.
type Line = &'static [&'static str];

/// The tools of a system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tools {
    copy: Vec<Line>,
    image: Vec<Line>,
    text: Vec<Line>,
    /// Whether the picture comes in base64.
    encoded: bool,
}

const POWERSHELL_COPY: &str = "[Console]::InputEncoding = [Text.Encoding]::UTF8; \
    Set-Clipboard -Value ([Console]::In.ReadToEnd())";
const POWERSHELL_TEXT: &str = "[Console]::OutputEncoding = [Text.Encoding]::UTF8; Get-Clipboard -Raw";
const POWERSHELL_IMAGE: &str = "Add-Type -AssemblyName System.Windows.Forms; \
    $i = [Windows.Forms.Clipboard]::GetImage(); \
    if ($i) { $s = New-Object IO.MemoryStream; $i.Save($s, [Drawing.Imaging.ImageFormat]::Png); \
    [Convert]::ToBase64String($s.ToArray()) }";
/// Hexadecimal digits between `«data PNGf` and `»`.
const APPLE_IMAGE: &str = "the clipboard as «class PNGf»";

impl Tools {
    fn of(environment: &Environment) -> Self {
        let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
        let mut tools = Self::default();
        if cfg!(target_os = "macos") {
            tools.copy.push(&["pbcopy"]);
            tools.image.push(&["osascript", "-e", APPLE_IMAGE]);
            tools.text.push(&["pbpaste"]);
            tools.encoded = true;
            return tools;
        }
        if cfg!(windows) || is_set("WSL_DISTRO_NAME") {
            tools.copy.push(&[
                "powershell.exe",
                "-NoProfile",
                "-NonInteractive",
                "-Command",
                POWERSHELL_COPY,
            ]);
            tools.image.push(&[
                "powershell.exe",
                "-NoProfile",
                "-NonInteractive",
                "-STA",
                "-Command",
                POWERSHELL_IMAGE,
            ]);
            tools.text.push(&[
                "powershell.exe",
                "-NoProfile",
                "-NonInteractive",
                "-Command",
                POWERSHELL_TEXT,
            ]);
            tools.encoded = true;
            return tools;
        }
        if is_set("WAYLAND_DISPLAY") {
            tools.copy.push(&["wl-copy"]);
            tools
                .image
                .push(&["wl-paste", "--no-newline", "--type", "image/png"]);
            tools.text.push(&["wl-paste", "--no-newline"]);
        }
        if is_set("DISPLAY") {
            tools.copy.push(&["xclip", "-selection", "clipboard"]);
            tools.copy.push(&["xsel", "--clipboard", "--input"]);
            tools
                .image
                .push(&["xclip", "-selection", "clipboard", "-target", "image/png", "-out"]);
            tools.text.push(&["xclip", "-selection", "clipboard", "-out"]);
            tools.text.push(&["xsel", "--clipboard", "--output"]);
        }
        tools
    }
}

/// Puts a text into the clipboard by the first tool that can. Whether one could is told.
pub(crate) async fn copy(text: &str, environment: &Environment) -> bool {
    for line in Tools::of(environment).copy {
        if run(line, Some(text.as_bytes()), environment).await.is_some() {
            return true;
        }
    }
    false
}

/// What is in the clipboard: a picture, else a text.
pub(crate) async fn paste(environment: &Environment) -> Option<Content> {
    let tools = Tools::of(environment);
    for line in tools.image {
        let Some(bytes) = run(line, None, environment).await else {
            continue;
        };
        let picture = match tools.encoded {
            true => decode(&bytes).unwrap_or_default(),
            false => bytes,
        };
        if picture.starts_with(b"\x89PNG") {
            return Some(Content::Image(picture));
        }
    }
    for line in tools.text {
        let Some(bytes) = run(line, None, environment).await else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !text.is_empty() {
            return Some(Content::Text(text));
        }
    }
    None
}

/// Base64, or the digits of an Apple script.
fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let Some((_, digits)) = text.split_once("PNGf") else {
        return STANDARD.decode(text).ok();
    };
    let digits = digits.trim_end_matches('»').as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

/// What a tool answers; nothing if it is not there, fails, takes too long or says too much.
async fn run(line: Line, input: Option<&[u8]>, environment: &Environment) -> Option<Vec<u8>> {
    let (name, arguments) = line.split_first()?;
    let mut command = Command::new(name);
    command.args(arguments).envs(environment.iter());
    command.stdin(match input {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    });
    // Tools that copy stay behind and would hold the pipe open.
    command.stdout(match input {
        Some(_) => Stdio::null(),
        None => Stdio::piped(),
    });
    command.stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    let work = async {
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            pipe.write_all(input).await.ok()?;
            pipe.shutdown().await.ok()?;
        }
        let mut output = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            let limit = u64::try_from(LIMIT + 1).ok()?;
            pipe.take(limit).read_to_end(&mut output).await.ok()?;
        }
        if output.len() > LIMIT {
            return None;
        }
        child.wait().await.ok()?.success().then_some(output)
    };
    tokio::time::timeout(PATIENCE, work).await.ok().flatten()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with tools that are shell scripts, and an environment that finds them.
    fn with_tools(tools: &[(&str, &str)]) -> (tempfile::TempDir, Environment) {
        let folder = tempfile::TempDir::new().unwrap();
        for (name, script) in tools {
            let path = folder.path().join(name);
            fs_err::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let variables = [
            ("PATH", path.as_str()),
            ("DISPLAY", ":0"),
            ("HERE", folder.path().to_str().unwrap()),
        ];
        let variables = variables.into_iter();
        let environment = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        (folder, environment)
    }

    #[tokio::test]
    async fn the_first_tool_that_can_copies() {
        let (folder, environment) = with_tools(&[("xclip", "exit 1"), ("xsel", "cat > $HERE/copied")]);
        assert!(copy("héllo", &environment).await);
        assert_eq!(
            fs_err::read_to_string(folder.path().join("copied")).unwrap(),
            "héllo"
        );
        let (_folder, environment) = with_tools(&[("xclip", "exit 1"), ("xsel", "exit 1")]);
        assert!(!copy("x", &environment).await);
    }

    #[tokio::test]
    async fn pictures_come_before_texts() {
        let png = r"printf '\211PNG....'";
        let text = "case \"$*\" in *image*) exit 1;; esac; printf text";
        let cases = [
            ("a picture", png, Some(Content::Image(b"\x89PNG....".to_vec()))),
            ("a text", text, Some(Content::Text("text".into()))),
            (
                "what says it is a picture and is none",
                "printf text",
                Some(Content::Text("text".into())),
            ),
            ("nothing", "exit 0", None),
            ("a failure", "exit 1", None),
        ];
        for (name, script, expected) in cases {
            let (_folder, environment) = with_tools(&[("xclip", script), ("xsel", "exit 1")]);
            assert_eq!(paste(&environment).await, expected, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tool_that_hangs_is_given_up() {
        let (_folder, environment) = with_tools(&[("xclip", "exec tail -f /dev/null"), ("xsel", "exit 1")]);
        assert_eq!(paste(&environment).await, None);
    }

    #[test]
    fn pictures_are_decoded() {
        assert_eq!(decode(b"iVBO\n").as_deref(), Some(&b"\x89PN"[..]));
        assert_eq!(
            decode("«data PNGf89504E»\n".as_bytes()).as_deref(),
            Some(&b"\x89PN"[..])
        );
        assert_eq!(decode(b"?"), None);
        assert_eq!(decode(b"\xff"), None);
    }
}
