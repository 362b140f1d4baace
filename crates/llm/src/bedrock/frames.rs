//! Binary event frames (`application/vnd.amazon.eventstream`): bytes in, named events out.
//!
//! A frame is: its length and that of its headers (32 bits each, the highest byte first), a checksum of
//! these eight bytes, the headers, the content, a checksum of all before. The bytes may be split anywhere
//! (reference `providers.md` §4.5).

/// No real frame is larger: the content of one is at most 16 MiB, its headers 128 KiB.
const FRAME_LIMIT: usize = 17 * 1024 * 1024;
/// Lengths and their checksum.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// The bytes are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A checksum does not fit: bytes were changed or lost on the way.
    #[error("a frame of the answer is damaged: its checksum does not fit")]
    Checksum,
    /// A length that no frame has.
    #[error("a frame of the answer is damaged: its lengths cannot be right")]
    Length,
    /// A header that cannot be read.
    #[error("a frame of the answer is damaged: its headers cannot be read")]
    Header,
    /// The answer ends inside of a frame.
    #[error("the answer ends inside of a frame, {0} bytes after its start")]
    Cut(usize),
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its name; for a failure the kind of failure.
    pub name: &'a str,
    /// It says that something failed.
    pub failed: bool,
    /// Its content, JSON; the words of a failure that has none.
    pub content: &'a [u8],
}

/// An incremental parser of frames.
#[derive(Debug, Default)]
pub struct Parser {
    /// The start of a frame whose end has not come.
    held: Vec<u8>,
}

impl Parser {
    /// Takes bytes and gives each event that they complete to `sink`.
    ///
    /// # Errors
    ///
    /// When the bytes are no frames; the parser is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], mut sink: impl FnMut(Frame<'_>)) -> Result<(), Damage> {
        let mut bytes = bytes;
        while !self.held.is_empty() && !bytes.is_empty() {
            // Only as much as the frame needs is put together, the rest stays where it is.
            let wanted = match frame_length(&self.held)? {
                Some(length) => length,
                None => PRELUDE,
            };
            let missing = wanted.saturating_sub(self.held.len()).min(bytes.len());
            let (head, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.held.extend_from_slice(head);
            bytes = rest;
            if frame_length(&self.held)?.is_some_and(|length| self.held.len() >= length) {
                let frame = std::mem::take(&mut self.held);
                read(&frame, &mut sink)?;
            }
        }
        while let Some(length) = frame_length(bytes)? {
            let Some((frame, rest)) = bytes.split_at_checked(length) else {
                break;
            };
            read(frame, &mut sink)?;
            bytes = rest;
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// The bytes are at their end.
    ///
    /// # Errors
    ///
    /// When they end inside of a frame.
    pub fn finish(&mut self) -> Result<(), Damage> {
        match std::mem::take(&mut self.held).len() {
            0 => Ok(()),
            length => Err(Damage::Cut(length)),
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// The length of the frame that begins here, once enough of it is there to know.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Damage> {
    let (Some(total), Some(headers), Some(checksum)) = (number(bytes, 0), number(bytes, 4), number(bytes, 8))
    else {
        return Ok(None);
    };
    if crc32fast::hash(bytes.get(..8).unwrap_or_default()) != checksum {
        return Err(Damage::Checksum);
    }
    let (total, headers) = (total as usize, headers as usize);
    if total > FRAME_LIMIT || headers.saturating_add(PRELUDE + CHECKSUM) > total {
        return Err(Damage::Length);
    }
    Ok(Some(total))
}

fn read(frame: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> Result<(), Damage> {
    let end = frame.len().saturating_sub(CHECKSUM);
    let (checked, _) = frame.split_at_checked(end).ok_or(Damage::Length)?;
    if number(frame, end) != Some(crc32fast::hash(checked)) {
        return Err(Damage::Checksum);
    }
    let headers_length = number(frame, 4).ok_or(Damage::Length)? as usize;
    let rest = checked.get(PRELUDE..).ok_or(Damage::Length)?;
    let (headers, content) = rest.split_at_checked(headers_length).ok_or(Damage::Length)?;
    let headers = Headers::read(headers).ok_or(Damage::Header)?;
    let event = match headers.message_type {
        Some("exception") => Frame {
            name: headers.exception_type.unwrap_or("exception"),
            failed: true,
            content,
        },
        Some("error") => Frame {
            name: headers.error_code.unwrap_or("error"),
            failed: true,
            content: headers.error_message.unwrap_or_default().as_bytes(),
        },
        // What names no event, and other kinds, say nothing.
        Some("event") => match headers.event_type {
            Some(name) => Frame {
                name,
                failed: false,
                content,
            },
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    sink(event);
    Ok(())
}

/// The headers that matter.
#[derive(Default)]
struct Headers<'a> {
    message_type: Option<&'a str>,
    event_type: Option<&'a str>,
    exception_type: Option<&'a str>,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
}

impl<'a> Headers<'a> {
    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        /// The kind of value that is a text.
        const TEXT: u8 = 7;
        let mut headers = Self::default();
        while let Some((length, rest)) = bytes.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(*length))?;
            let (kind, rest) = rest.split_first()?;
            let (length, rest) = match kind {
                0 | 1 => (0, rest),
                2 => (1, rest),
                3 => (2, rest),
                4 => (4, rest),
                5 | 8 => (8, rest),
                6 | 7 => {
                    let (length, rest) = rest.split_at_checked(2)?;
                    (usize::from(u16::from_be_bytes(length.try_into().ok()?)), rest)
                }
                9 => (16, rest),
                _ => return None,
            };
            let (value, rest) = rest.split_at_checked(length)?;
            if *kind == TEXT {
                let value = std::str::from_utf8(value).ok()?;
                match name {
                    b":message-type" => headers.message_type = Some(value),
                    b":event-type" => headers.event_type = Some(value),
                    b":exception-type" => headers.exception_type = Some(value),
                    b":error-code" => headers.error_code = Some(value),
                    b":error-message" => headers.error_message = Some(value),
                    _ => {}
                }
            }
            bytes = rest;
        }
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    use super::*;

    fn frame(headers: &[u8], content: &[u8]) -> Vec<u8> {
        let total = u32::try_from(PRELUDE + headers.len() + content.len() + CHECKSUM).unwrap();
        let mut frame = total.to_be_bytes().to_vec();
        frame.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame.extend(headers);
        frame.extend(content);
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    fn text(name: &str, value: &str) -> Vec<u8> {
        let mut header = vec![u8::try_from(name.len()).unwrap()];
        header.extend(name.bytes());
        header.push(7);
        header.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        header.extend(value.bytes());
        header
    }

    fn all(bytes: &[u8], size: usize) -> Result<Vec<(String, bool, Vec<u8>)>, Damage> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in bytes.chunks(size) {
            parser.push(piece, |frame| {
                events.push((frame.name.to_owned(), frame.failed, frame.content.to_vec()));
            })?;
        }
        parser.finish()?;
        Ok(events)
    }

    fn stream() -> Vec<u8> {
        let event = [text(":event-type", "messageStop"), text(":message-type", "event")].concat();
        // A flag, a number, bytes and a time before the one that counts.
        let mixed = [
            b"\x01a\x00".to_vec(),
            b"\x01b\x04\0\0\0\x01".to_vec(),
            b"\x01c\x06\0\x02xy".to_vec(),
            b"\x01d\x08\0\0\0\0\0\0\0\x01".to_vec(),
            text(":message-type", "exception"),
            text(":exception-type", "throttlingException"),
        ]
        .concat();
        let error = [
            text(":message-type", "error"),
            text(":error-code", "500"),
            text(":error-message", "no"),
        ];
        [
            frame(&event, b"{\"a\":1}"),
            frame(&mixed, b"{}"),
            frame(&text(":message-type", "ping"), b""),
            frame(&error.concat(), b""),
        ]
        .concat()
    }

    #[test]
    fn events_come_out_however_the_bytes_are_split() {
        let expected = vec![
            ("messageStop".to_owned(), false, b"{\"a\":1}".to_vec()),
            ("throttlingException".to_owned(), true, b"{}".to_vec()),
            ("500".to_owned(), true, b"no".to_vec()),
        ];
        let bytes = stream();
        for size in [1, 2, 3, 5, 11, 12, 13, 64, bytes.len()] {
            assert_eq!(all(&bytes, size), Ok(expected.clone()), "{size}");
        }
    }

    #[test]
    fn damage_is_told() {
        let bytes = stream();
        assert_eq!(all(&bytes[..bytes.len() - 1], 7), Err(Damage::Cut(75)));
        assert_eq!(all(b"{\"message\":\"no frames\"}", 5), Err(Damage::Checksum));
        let mut short = frame(&[], b"");
        short[..4].copy_from_slice(&15_u32.to_be_bytes());
        let checksum = crc32fast::hash(&short[..8]).to_be_bytes();
        short[8..12].copy_from_slice(&checksum);
        assert_eq!(all(&short, 3), Err(Damage::Length));
        let mut large = frame(&[], b"");
        large[..4].copy_from_slice(&u32::MAX.to_be_bytes());
        let checksum = crc32fast::hash(&large[..8]).to_be_bytes();
        large[8..12].copy_from_slice(&checksum);
        assert_eq!(all(&large, 3), Err(Damage::Length));
        assert_eq!(all(&frame(b"\x05abc", b""), 3), Err(Damage::Header));
    }

    proptest! {
        #[test]
        fn changed_bytes_are_always_noticed(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut bytes = stream();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(all(&bytes, 16).is_err());
        }
    }
}
