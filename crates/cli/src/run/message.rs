//! The message of `run`: words, standard input, files (reference `cli.md` §3.1–3.2).

use std::io::{IsTerminal, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencode_schema::input::PartInput;
use opencode_schema::part::FilePart;
use url::Url;

use crate::arguments::Run;
use crate::failure::Failure;

/// A message that can be sent.
pub(super) struct Message {
    /// Its words; for a command, the arguments.
    pub(super) text: String,
    /// What it is made of; for a command, the files beside it.
    pub(super) parts: Vec<PartInput>,
}

/// Most bytes of a file that is sent to a server elsewhere.
const SENT_LIMIT: u64 = 10 * 1024 * 1024;

/// Puts the message together. Files lie under `directory`; `attach` makes parts of them.
pub(super) fn read(
    arguments: &Run,
    directory: &Path,
    attach: impl Fn(&str, &Path) -> Result<PartInput, Failure>,
) -> Result<Message, Failure> {
    let (files, words) = split_files(&arguments.file, &arguments.message, directory);
    let mut parts = files
        .iter()
        .map(|file| attach(file, directory))
        .collect::<Result<Vec<_>, _>>()?;
    let text = with_input(joined(&words), standard_input()?);
    if arguments.command.is_some() {
        return Ok(Message { text, parts });
    }
    if text.trim().is_empty() {
        return Err(Failure::told("You must provide a message or a command"));
    }
    parts.push(PartInput::text(&text));
    Ok(Message { text, parts })
}

/// Which of the values of `--file` are files. The option takes all words that follow it, so what follows a
/// file and is none is the message, if there is no other.
fn split_files<'a>(
    files: &'a [String],
    message: &'a [String],
    directory: &Path,
) -> (Vec<&'a String>, Vec<&'a String>) {
    let is_file =
        |(at, name): &(usize, &String)| *at == 0 || !message.is_empty() || directory.join(name).exists();
    let (files, words): (Vec<_>, Vec<_>) = files.iter().enumerate().partition(is_file);
    let names = |values: Vec<(usize, &'a String)>| values.into_iter().map(|(_, name)| name);
    (
        names(files).collect(),
        message.iter().chain(names(words)).collect(),
    )
}

/// Words with a space get quotation marks, so that the model sees what belonged together.
fn joined(words: &[&String]) -> String {
    let quoted = |word: &&String| {
        if word.contains(' ') {
            format!("\"{}\"", word.replace('"', "\\\""))
        } else {
            (*word).clone()
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// What is piped in, or nothing when standard input is a terminal.
fn standard_input() -> Result<String, Failure> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    input
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::told(format!("Standard input cannot be read: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn with_input(words: String, input: String) -> String {
    match (words.is_empty(), input.is_empty()) {
        (_, true) => words,
        (true, false) => input,
        (false, false) => format!("{words}\n{input}"),
    }
}

/// A file as a program on this machine finds it.
pub(super) fn attach(name: &str, directory: &Path) -> Result<PartInput, Failure> {
    let path = opencode_project::path::absolute(directory, name);
    let missing = || Failure::told(format!("File not found: {name}"));
    let metadata = fs_err::metadata(&path).map_err(|_| missing())?;
    let url = Url::from_file_path(&path).map_err(|()| missing())?;
    Ok(PartInput::file(FilePart {
        // Parity: cli.md §3.2, what a file really is shows when it is read.
        mime: if metadata.is_dir() {
            "application/x-directory"
        } else {
            "text/plain"
        }
        .to_owned(),
        filename: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        url: url.to_string(),
        source: None,
    }))
}

/// A file with its content, for a server elsewhere.
pub(super) fn enclose(name: &str, directory: &Path) -> Result<PartInput, Failure> {
    let path = opencode_project::path::absolute(directory, name);
    let metadata = fs_err::metadata(&path).map_err(|_| Failure::told(format!("File not found: {name}")))?;
    if !metadata.is_file() {
        return Err(Failure::told(format!(
            "{name} is no regular file, and only those can be sent to a server"
        )));
    }
    let unreadable = |error: std::io::Error| Failure::told(error.to_string());
    let mut bytes = Vec::new();
    fs_err::File::open(&path)
        .map_err(unreadable)?
        // It may grow while it is read.
        .take(SENT_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > SENT_LIMIT {
        let limit = SENT_LIMIT / 1024 / 1024;
        return Err(Failure::told(format!(
            "{name} is larger than {limit} MiB, which is the most that is sent to a server"
        )));
    }
    let mime = mime(&path, &bytes);
    Ok(PartInput::file(FilePart {
        mime: mime.to_owned(),
        filename: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        url: format!("data:{mime};base64,{}", STANDARD.encode(&bytes)),
        source: None,
    }))
}

/// What a file is: text if it can be, else what its name says.
pub(crate) fn mime(path: &Path, bytes: &[u8]) -> &'static str {
    if std::str::from_utf8(bytes).is_ok() {
        return "text/plain";
    }
    let extension = path.extension().map(|name| name.to_string_lossy().to_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "png" => "image/png",
        "jpg" | "jpeg" | "jpe" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "avif" => "image/avif",
        "tif" | "tiff" => "image/tiff",
        "ico" => "image/vnd.microsoft.icon",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn what_is_sent_is_named() {
        for (path, bytes, wanted) in [
            ("a.png", b"\x89PNG".as_slice(), "image/png"),
            ("a.png", b"only words", "text/plain"),
            ("a.PDF", b"%PDF\xff", "application/pdf"),
            ("a", b"\xff\xfe", "application/octet-stream"),
            ("empty.zip", b"", "text/plain"),
        ] {
            assert_eq!(mime(Path::new(path), bytes), wanted, "{path}");
        }
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn words_are_joined() {
        let words = owned(&["say", "two words", "and \"so\" on", "end"]);
        assert_eq!(
            joined(&words.iter().collect::<Vec<_>>()),
            r#"say "two words" "and \"so\" on" end"#
        );
    }

    #[test]
    fn input_follows_words() {
        for (words, input, wanted) in [
            ("a", "", "a"),
            ("", "piped\n", "piped\n"),
            ("a", "piped", "a\npiped"),
            ("", "", ""),
        ] {
            assert_eq!(with_input(words.into(), input.into()), wanted);
        }
    }

    #[test]
    fn what_follows_a_file_and_is_none_is_the_message() {
        let folder = tempfile::TempDir::new().unwrap();
        fs_err::write(folder.path().join("a.txt"), "").unwrap();
        fs_err::write(folder.path().join("b.txt"), "").unwrap();
        for (files, message, wanted_files, wanted_words) in [
            (
                vec!["a.txt", "b.txt"],
                vec!["look"],
                vec!["a.txt", "b.txt"],
                vec!["look"],
            ),
            (
                vec!["a.txt", "b.txt", "look here"],
                vec![],
                vec!["a.txt", "b.txt"],
                vec!["look here"],
            ),
            (vec!["gone.txt"], vec![], vec!["gone.txt"], vec![]),
            (
                vec!["a.txt", "gone.txt"],
                vec!["look"],
                vec!["a.txt", "gone.txt"],
                vec!["look"],
            ),
        ] {
            let (files, message) = (owned(&files), owned(&message));
            let (found, words) = split_files(&files, &message, folder.path());
            assert_eq!(
                (found, words),
                (
                    owned(&wanted_files).iter().collect(),
                    owned(&wanted_words).iter().collect()
                )
            );
        }
    }
}
