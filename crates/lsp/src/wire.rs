//! JSON-RPC over a pair of pipes, as language servers speak it: messages with a header that tells their length.
//!
//! What a server sends is bounded: a message that is too large, and a stream that is no protocol, end the
//! connection. Lines that are no header are read over, because some servers print a greeting first.

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Bytes of one message.
pub(crate) const MOST_BYTES: usize = 32 << 20;
/// Bytes between two messages that are no header.
const MOST_NOISE: usize = 1 << 20;
/// Bytes of one line of a header.
const LONGEST_LINE: u64 = 8 << 10;

/// Why no more messages come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The other side is gone.
    #[error("the language server closed its output")]
    Closed,
    /// A message is larger than anyone may send.
    #[error("the language server sent a message of {0} bytes, more than {MOST_BYTES}")]
    TooLarge(usize),
    /// It says something else than messages.
    #[error("the language server prints what is no message")]
    Noise,
    /// A message is no JSON.
    #[error("the language server sent a message that is no JSON")]
    Json(#[source] serde_json::Error),
    /// The pipe failed.
    #[error("the connection to the language server failed")]
    Pipe(#[from] std::io::Error),
}

/// Reads the next message.
///
/// # Errors
/// [`Broken`]: nothing can be read after that.
pub(crate) async fn read(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Value, Broken> {
    let mut length: Option<usize> = None;
    let mut noise = 0;
    loop {
        let mut line = Vec::new();
        let count = (&mut *input)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .await?;
        if count == 0 {
            return Err(Broken::Closed);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        match text.split_once(':') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            Some((name, _)) if name.trim().eq_ignore_ascii_case("content-type") => {}
            _ if text.is_empty() => {
                let Some(length) = length.take() else { continue };
                return body(input, length).await;
            }
            _ => {
                length = None;
                noise += count;
                if noise > MOST_NOISE {
                    return Err(Broken::Noise);
                }
            }
        }
    }
}

async fn body(input: &mut (impl AsyncBufRead + Unpin), length: usize) -> Result<Value, Broken> {
    if length > MOST_BYTES {
        return Err(Broken::TooLarge(length));
    }
    let mut bytes = Vec::new();
    let count = input.take(length as u64).read_to_end(&mut bytes).await?;
    if count < length {
        return Err(Broken::Closed);
    }
    serde_json::from_slice(&bytes).map_err(Broken::Json)
}

/// Writes a message.
///
/// # Errors
/// The pipe is closed.
pub(crate) async fn write(output: &mut (impl AsyncWrite + Unpin), message: &Value) -> std::io::Result<()> {
    let body = serde_json::to_vec(message)?;
    output
        .write_all(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes())
        .await?;
    output.write_all(&body).await?;
    output.flush().await
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;
    use tokio::io::BufReader;

    use super::*;

    async fn all(bytes: &[u8]) -> (Vec<Value>, String) {
        let mut input = BufReader::new(bytes);
        let mut messages = Vec::new();
        loop {
            match read(&mut input).await {
                Ok(message) => messages.push(message),
                Err(broken) => return (messages, broken.to_string()),
            }
        }
    }

    #[tokio::test]
    async fn messages_are_read_whatever_is_around_them() {
        let closed = "the language server closed its output";
        let two = b"Content-Length: 2\r\n\r\n{}content-length:4\r\nContent-Type: x\r\n\r\nnull";
        for (name, bytes, wanted) in [
            ("two", two.as_slice(), vec![json!({}), json!(null)]),
            ("only line feeds", b"Content-Length: 2\n\n[]", vec![json!([])]),
            (
                "a greeting",
                b"Welcome: to X\nhello\n\nContent-Length: 1\r\n\r\n1",
                vec![json!(1)],
            ),
            ("nothing", b"", vec![]),
            ("cut in the body", b"Content-Length: 20\r\n\r\n{}", vec![]),
            ("cut in the header", b"Content-Le", vec![]),
        ] {
            assert_eq!(all(bytes).await, (wanted, closed.to_owned()), "{name}");
        }
    }

    #[tokio::test]
    async fn what_is_no_protocol_ends_the_connection() {
        let noise = vec![b'x'; MOST_NOISE * 2];
        for (bytes, wanted) in [
            (noise.as_slice(), "prints what is no message"),
            (
                b"Content-Length: 104857600\r\n\r\n{",
                "sent a message of 104857600 bytes",
            ),
            (b"Content-Length: 5\r\n\r\nhello", "no JSON"),
        ] {
            let (messages, broken) = all(bytes).await;
            assert!(messages.is_empty() && broken.contains(wanted), "{broken}");
        }
    }

    #[tokio::test]
    async fn what_is_written_can_be_read() {
        let mut bytes = Vec::new();
        let message = json!({ "method": "größe", "params": [1] });
        write(&mut bytes, &message).await.unwrap();
        assert_eq!(all(&bytes).await.0, [message]);
    }
}
