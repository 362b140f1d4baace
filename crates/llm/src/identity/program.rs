//! Programs of the user's that say who they are: with a limit in time, and with bounds to what they print.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// Nothing that such a program has to say is larger.
const MOST: u64 = 1024 * 1024;

/// What a program prints, if it succeeds.
///
/// # Errors
///
/// Why not, to follow the program's name. What it prints on its standard output is not shown: it may be secret.
pub(super) async fn run(mut program: Command, limit: Duration) -> Result<Vec<u8>, String> {
    program
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = program
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let (said, complained) = (child.stdout.take(), child.stderr.take());
    let ran = async {
        let (said, complained) = tokio::join!(read(said), read(complained));
        (child.wait().await, said, complained)
    };
    match tokio::time::timeout(limit, ran).await {
        Ok((Ok(status), said, _)) if status.success() => Ok(said),
        Ok((Ok(status), _, complained)) => {
            let words = String::from_utf8_lossy(&complained);
            let words: String = words.trim().chars().take(300).collect();
            Err(format!("failed ({status}): {words}"))
        }
        Ok((Err(error), ..)) => Err(format!("cannot be waited for: {error}")),
        Err(_) => Err(format!("does not come to an end within {} s", limit.as_secs())),
    }
}

/// The first bytes of a stream; the others are read over.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What came before an error counts.
        let _ = (&mut stream).take(MOST).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    bytes
}

/// Words of a command line: white space parts them, double quotes hold them together.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_words() {
        for (line, wanted) in [
            ("  a b  c", vec!["a", "b", "c"]),
            (r#"/x/y --k="a b" "" c"#, vec!["/x/y", "--k=a b", "", "c"]),
            ("", vec![]),
            (r#""open end"#, vec!["open end"]),
        ] {
            assert_eq!(words(line), wanted, "{line}");
        }
    }
}
