//! A page as a stream of tags and texts.
//!
//! Only html5ever's tokenizer is used, not its tree: a tree costs a stack frame for every level and, for
//! some pages, a node for every pair of tags, so a small page could end the process. The readers of the
//! stream ([`super::markdown`], [`super::text`]) keep a stack of their own and stay linear.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use html5ever::LocalName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token as Raw, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// How long a page may take: its later part is left out. The tokenizer is slow only for tags with very
/// many attributes.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Bytes between two looks at the clock.
const CHUNK: usize = 4 << 10;

/// A piece of a page.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'a> {
    /// A start tag.
    Start(&'a Tag),
    /// An end tag, by its name.
    End(&'a LocalName),
    /// Text between two tags, all of it.
    Text(&'a str),
}

/// What reads a page.
pub(super) trait Reader {
    /// Takes the next piece.
    fn take(&mut self, token: Token<'_>);
}

/// The value of an attribute.
pub(super) fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| &*attribute.value)
}

/// Whether an element never has content.
pub(super) fn is_void(tag: &Tag) -> bool {
    const VOID: &[&str] = &[
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
        "track", "wbr",
    ];
    // Elements of HTML do not close themselves, whatever they say; those of drawings do.
    VOID.contains(&&*tag.name) || (tag.self_closing && !is_block(&tag.name))
}

/// Whether an element stands on lines of its own.
pub(super) fn is_block(name: &str) -> bool {
    const BLOCK: &[&str] = &[
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "frameset",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hgroup",
        "hr",
        "html",
        "isindex",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "noframes",
        "noscript",
        "ol",
        "optgroup",
        "option",
        "p",
        "pre",
        "section",
        "select",
        "summary",
        "table",
        "tbody",
        "td",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    ];
    BLOCK.binary_search(&name).is_ok()
}

/// Gives a page to `reader`, piece by piece.
pub(super) fn read(html: &str, reader: &mut impl Reader) {
    read_until(html, reader, Instant::now() + TIME_LIMIT);
}

fn read_until(html: &str, reader: &mut impl Reader, end: Instant) {
    let tokenizer = Tokenizer::new(
        Sink(RefCell::new(State {
            reader,
            text: String::new(),
        })),
        TokenizerOpts::default(),
    );
    let input = BufferQueue::default();
    let mut rest = html;
    while !rest.is_empty() && Instant::now() < end {
        let (chunk, after) = rest.split_at(rest.ceil_char_boundary(CHUNK));
        rest = after;
        input.push_back(StrTendril::from_slice(chunk));
        // It never stops for a script: the sink below does not ask for that.
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
}

struct Sink<'a, R>(RefCell<State<'a, R>>);

struct State<'a, R> {
    reader: &'a mut R,
    /// Text since the last tag; the tokenizer splits it at will.
    text: String,
}

impl<R: Reader> State<'_, R> {
    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.reader.take(Token::Text(&self.text));
            self.text.clear();
        }
    }
}

impl<R: Reader> TokenSink for Sink<'_, R> {
    type Handle = ();

    fn process_token(&self, token: Raw, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            Raw::CharacterTokens(text) => state.text.push_str(&text),
            Raw::TagToken(tag) => {
                state.flush();
                match tag.kind {
                    TagKind::StartTag => {
                        state.reader.take(Token::Start(&tag));
                        return content_of(&tag.name);
                    }
                    TagKind::EndTag => state.reader.take(Token::End(&tag.name)),
                }
            }
            Raw::EOFToken => state.flush(),
            Raw::DoctypeToken(_) | Raw::CommentToken(_) | Raw::NullCharacterToken | Raw::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the content of an element is to be read.
fn content_of(name: &str) -> TokenSinkResult<()> {
    match name {
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Reader for Log {
        fn take(&mut self, token: Token<'_>) {
            self.0.push(match token {
                Token::Start(tag) => format!("<{}>", tag.name),
                Token::End(name) => format!("</{name}>"),
                Token::Text(text) => text.to_owned(),
            });
        }
    }

    fn tokens(html: &str) -> Vec<String> {
        let mut log = Log::default();
        read(html, &mut log);
        log.0
    }

    #[test]
    fn texts_are_whole() {
        assert_eq!(
            tokens("<!doctype html><P>a &amp;\nb\r\nc&#x41;<!-- no --> d</p>e"),
            ["<p>", "a &\nb\ncA d", "</p>", "e"]
        );
        let long = "é".repeat(3 * CHUNK);
        assert_eq!(tokens(&long), [long]);
    }

    #[test]
    fn raw_content_is_text() {
        assert_eq!(
            tokens("<script>if (a<b) '</p>'</script><title>a<b>&lt;</title><style>p{}</style>"),
            [
                "<script>",
                "if (a<b) '</p>'",
                "</script>",
                "<title>",
                "a<b><",
                "</title>",
                "<style>",
                "p{}",
                "</style>"
            ]
        );
    }

    #[test]
    fn a_page_that_takes_too_long_is_left() {
        // Every attribute is compared with all others of its tag.
        let attributes: String = (0..200_000).map(|number| format!(" a{number}")).collect();
        let start = Instant::now();
        read_until(
            &format!("before<p{attributes}>"),
            &mut Log::default(),
            start + Duration::from_millis(200),
        );
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }

    #[test]
    fn names_are_in_order() {
        // They are searched by halves.
        for name in ["address", "h1", "p", "ul", "title", "optgroup"] {
            assert!(is_block(name), "{name}");
        }
        assert!(!is_block("span") && !is_block("a"));
    }
}
