//! The event parser: tables, and the promise that no split changes anything.

use opencode_llm::sse::{Parser, TooLarge};
use proptest::prelude::*;

/// The events of bytes that come in the given pieces, and what is left over.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<String>) {
    let mut parser = Parser::new(1 << 20);
    let mut events = Vec::new();
    let mut bytes = 0;
    for piece in pieces {
        bytes += piece.len() as u64;
        parser.push(piece, |data| events.push(data.to_owned())).unwrap();
    }
    assert_eq!(parser.received(), bytes);
    assert_eq!(parser.events(), events.len() as u64);
    let rest = parser.finish();
    (events, rest)
}

/// Name, input, events, and what is left over.
type Row = (
    &'static str,
    &'static [u8],
    &'static [&'static str],
    Option<&'static str>,
);

#[test]
fn events_are_found() {
    let table: [Row; 19] = [
        ("one", b"data: a\n\n", &["a"], None),
        ("two", b"data: a\n\ndata: b\n\n", &["a", "b"], None),
        (
            "carriage returns and line feeds",
            b"data: a\r\n\r\ndata: b\r\n\r\n",
            &["a", "b"],
            None,
        ),
        ("carriage returns", b"data: a\r\rdata: b\r\r", &["a", "b"], None),
        (
            "mixed ends",
            b"data: a\r\n\ndata: b\n\r\ndata: c\r\n\r",
            &["a", "b", "c"],
            None,
        ),
        ("several lines", b"data: a\ndata: b\n\n", &["a\nb"], None),
        ("comments", b": hello\n\ndata: a\n: more\n\n", &["a"], None),
        (
            "other fields",
            b"event: x\nid: 1\nretry: 5\ndata: a\nfoo\n\n",
            &["a"],
            None,
        ),
        ("no space", b"data:a\n\n", &["a"], None),
        ("two spaces", b"data:  a\n\n", &[" a"], None),
        ("no value", b"data\n\n", &[""], None),
        ("empty value", b"data:\n\n", &[""], None),
        (
            "other names that begin so",
            b"database: x\n\ndata: a\n\n",
            &["a"],
            None,
        ),
        ("blank lines", b"\n\n\r\ndata: a\n\n\n\n", &["a"], None),
        ("a mark at the start", b"\xef\xbb\xbfdata: a\n\n", &["a"], None),
        (
            "half a mark at the start",
            b"\xef\xbbdata: a\n\ndata: b\n\n",
            &["b"],
            None,
        ),
        (
            "bytes that are no characters",
            b"data: a\xffb\n\n",
            &["a\u{fffd}b"],
            None,
        ),
        (
            "no blank line at the end",
            b"data: a\n\ndata: b\n",
            &["a"],
            Some("b"),
        ),
        (
            "no end of line at the end",
            b"data: a\n\ndata: b\ndata: c",
            &["a"],
            Some("b\nc"),
        ),
    ];
    for (name, input, expected, rest) in table {
        let whole = events([input]);
        assert_eq!(whole.0, expected, "{name}");
        assert_eq!(whole.1.as_deref(), rest, "{name}");
        assert_eq!(events(input.chunks(1)), whole, "{name}, byte by byte");
    }
}

#[test]
fn events_beyond_the_limit_are_refused() {
    let mut parser = Parser::new(16);
    assert_eq!(
        parser.push(b"data: 0123456789abcdef", |_| {}),
        Err(TooLarge { limit: 16 })
    );
    let mut parser = Parser::new(16);
    for _ in 0..100 {
        parser
            .push(b"data: 012345\n\n", |data| assert_eq!(data, "012345"))
            .unwrap();
    }
    let mut parser = Parser::new(16);
    let lines = std::iter::repeat_n(b"data: 01234\n".as_slice(), 100);
    let outcome: Result<Vec<()>, _> = lines.map(|line| parser.push(line, |_| {})).collect();
    assert_eq!(outcome, Err(TooLarge { limit: 16 }));
}

/// Bytes that look like events often enough.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"data: ".to_vec()),
        Just(b"data".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b": comment".to_vec()),
        Just(b"event: x".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just("ä€𝄞".as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_split_changes_the_events(bytes in stream(), cuts in proptest::collection::vec(0usize..400, 0..12)) {
        let whole = events([bytes.as_slice()]);
        prop_assert_eq!(&events(bytes.chunks(1)), &whole);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&bytes[from..cut]);
            from = cut;
        }
        pieces.push(&bytes[from..]);
        prop_assert_eq!(&events(pieces), &whole);
    }
}
