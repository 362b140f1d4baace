//! What a search service answers: JSON-RPC as plain JSON or as an event stream.

use serde::Deserialize;

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// What was found.
    Found(String),
    /// That nothing was found.
    Nothing,
    /// That it did not work, and why.
    Failed(String),
    /// Nothing that is a reply.
    Unclear,
}

/// An answer while it comes. Whoever feeds it bounds how much that is.
#[derive(Debug, Default)]
pub(super) struct Reply {
    form: Form,
    /// Bytes that are no whole line of events yet; of JSON all of them.
    open: Vec<u8>,
    /// Data of the event that is not complete yet.
    data: Vec<u8>,
    /// Some event was a reply, though an empty one.
    answered: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Unknown,
    Json,
    Events,
}

#[derive(Deserialize)]
struct Message {
    result: Option<Outcome>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(default)]
    content: Vec<Content>,
    #[serde(default)]
    is_error: bool,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    message: String,
}

impl Reply {
    /// Takes some bytes. What the answer says, as soon as that is clear.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Option<Said> {
        if self.form == Form::Unknown {
            bytes = bytes.trim_ascii_start();
            self.form = match bytes.first()? {
                b'{' => Form::Json,
                _ => Form::Events,
            };
        }
        if self.form == Form::Json {
            self.open.extend_from_slice(bytes);
            return None;
        }
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(at);
            self.open.extend_from_slice(line);
            bytes = rest.get(1..).unwrap_or_default();
            let line = std::mem::take(&mut self.open);
            if let Some(said) = self.line(&line) {
                return Some(said);
            }
        }
        self.open.extend_from_slice(bytes);
        None
    }

    /// The answer is over.
    pub(super) fn end(mut self) -> Said {
        let rest = std::mem::take(&mut self.open);
        let said = match self.form {
            Form::Json => self.message(&rest),
            Form::Events | Form::Unknown => self.line(&rest).or_else(|| self.event()),
        };
        match said {
            Some(said) => said,
            None if self.answered => Said::Nothing,
            None => Said::Unclear,
        }
    }

    fn line(&mut self, line: &[u8]) -> Option<Said> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.event();
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            self.data.extend_from_slice(data);
            self.data.push(b'\n');
        }
        None
    }

    fn event(&mut self) -> Option<Said> {
        let data = std::mem::take(&mut self.data);
        self.message(&data)
    }

    /// Messages that are no reply, such as reports of progress, are passed over.
    fn message(&mut self, json: &[u8]) -> Option<Said> {
        let message: Message = serde_json::from_slice(json).ok()?;
        if let Some(fault) = message.error {
            return Some(Said::Failed(fault.message));
        }
        let outcome = message.result?;
        self.answered = true;
        let mut texts = outcome.content.into_iter().map(|content| content.text);
        let text = texts.find(|text| !text.is_empty())?;
        Some(if outcome.is_error {
            Said::Failed(text)
        } else {
            Said::Found(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    use super::*;

    fn said(bytes: &[u8], pieces: usize) -> Said {
        let mut reply = Reply::default();
        for piece in bytes.chunks(pieces.max(1)) {
            if let Some(said) = reply.take(piece) {
                return said;
            }
        }
        reply.end()
    }

    const FOUND: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"image"},{"type":"text","text":""},{"type":"text","text":"ä page"},{"type":"text","text":"more"}]}}"#;

    #[test]
    fn forms_of_answers_at_any_split() {
        let found = || Said::Found("ä page".into());
        for (body, wanted) in [
            (FOUND.to_owned(), found()),
            (format!("\n  {FOUND}\n"), found()),
            (format!("event: message\ndata: {FOUND}\n\n"), found()),
            (format!("event: message\r\ndata:{FOUND}\r\n\r\n"), found()),
            (format!("data: {FOUND}"), found()),
            (
                format!(
                    ": hello\n\ndata: {{\"method\":\"notifications/progress\"}}\n\nid: 7\ndata: {FOUND}\n\ndata: later\n\n"
                ),
                found(),
            ),
            (
                "data: {\"result\":\ndata: {\"content\":[{\"text\":\"two lines\"}]}}\n\n".into(),
                Said::Found("two lines".into()),
            ),
            (r#"{"result":{"content":[]}}"#.into(), Said::Nothing),
            ("data: {\"result\":{}}\n\n".into(), Said::Nothing),
            (
                r#"{"error":{"code":-32000,"message":"no credit"}}"#.into(),
                Said::Failed("no credit".into()),
            ),
            (
                r#"{"result":{"isError":true,"content":[{"text":"bad query"}]}}"#.into(),
                Said::Failed("bad query".into()),
            ),
            ("<html>login</html>".into(), Said::Unclear),
            ("{broken".into(), Said::Unclear),
            ("data: [1]\n\n".into(), Said::Unclear),
            (String::new(), Said::Unclear),
            (" \n".into(), Said::Unclear),
        ] {
            for pieces in 1..=body.len().max(1) {
                assert_eq!(
                    said(body.as_bytes(), pieces),
                    wanted,
                    "{body} in pieces of {pieces}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), pieces in 1usize..20) {
            said(&bytes, pieces);
        }
    }
}
