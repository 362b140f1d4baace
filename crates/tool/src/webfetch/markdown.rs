//! A page as Markdown, by the rules of turndown, which the reference program uses: headings with `#`,
//! `---` for rules, `-   ` for items, fenced code (reference `tools.md` §3, webfetch).
//!
//! Differences that are meant: tables become tables where they hold data, and `pre` is always fenced. The
//! stack of open elements ends at [`DEEPEST`]; what lies deeper is kept as text.

mod blocks;
mod inline;

use html5ever::LocalName;
use html5ever::tokenizer::Tag;

use super::html::{self, Reader, Token, attribute, is_block, is_void};
use blocks::Rows;

/// Elements within each other that have a form of their own. Chrome draws no deeper than 512.
const DEEPEST: usize = 256;
/// Open elements that are kept track of at all.
const OPEN_LIMIT: usize = 100_000;

/// The Markdown of a page.
pub(super) fn convert(html: &str) -> String {
    let mut reader = Markdown::default();
    html::read(html, &mut reader);
    reader.finish()
}

struct Markdown {
    /// Open elements; the first one is the page.
    open: Vec<Element>,
    /// An element whose content is not for reading, and how many of that name are open within.
    skipped: Option<(LocalName, usize)>,
    /// Whether nothing stands on the current line yet.
    line_start: bool,
    /// Whether a blank is due before the next word.
    blank: bool,
    /// How many [`Kind::Pre`] are open that have a form.
    listings: usize,
    /// How many [`Kind::Code`] are open that have a form.
    codes: usize,
}

struct Element {
    name: LocalName,
    kind: Kind,
    content: String,
}

enum Kind {
    /// No form of its own.
    Inline,
    /// Lines of its own.
    Block,
    Heading(usize),
    Quote,
    /// With the number of the next item, if items are numbered.
    List(Option<i64>),
    Item,
    /// With the language.
    Pre(String),
    Code,
    /// With what stands on both sides.
    Emphasis(&'static str),
    Link {
        address: String,
        title: String,
    },
    Table(Rows),
    Row(Vec<String>),
    Cell,
}

impl Default for Markdown {
    fn default() -> Self {
        let page = Element {
            name: LocalName::from(""),
            kind: Kind::Block,
            content: String::new(),
        };
        Self {
            open: vec![page],
            skipped: None,
            line_start: true,
            blank: false,
            listings: 0,
            codes: 0,
        }
    }
}

impl Reader for Markdown {
    fn take(&mut self, token: Token<'_>) {
        if let Some((name, open)) = &mut self.skipped {
            match token {
                Token::Start(tag) if tag.name == *name => *open += 1,
                Token::End(end) if end == name => *open -= 1,
                _ => {}
            }
            if *open == 0 {
                self.skipped = None;
            }
            return;
        }
        match token {
            Token::Start(tag) => self.start(tag),
            Token::End(name) => self.end(name),
            Token::Text(text) => self.text(text),
        }
    }
}

impl Markdown {
    fn finish(mut self) -> String {
        while self.open.len() > 1 {
            self.close();
        }
        let page = self.open.pop().map(|page| page.content).unwrap_or_default();
        page.trim_matches(['\n', '\r', '\t', ' ']).to_owned()
    }

    /// The element that takes content now.
    fn target(&mut self) -> Option<&mut Element> {
        let deepest = self.open.len().min(DEEPEST);
        self.open.get_mut(deepest.checked_sub(1)?)
    }

    /// Ends the line: what follows is on one of its own, or at least a word of its own.
    fn break_line(&mut self) {
        let flat = self.open.len() >= DEEPEST;
        self.line_start = !flat;
        self.blank = flat;
    }

    fn start(&mut self, tag: &Tag) {
        let name = &*tag.name;
        self.end_implied(name);
        match name {
            "script" | "style" | "template" => self.skipped = Some((tag.name.clone(), 1)),
            "meta" | "link" => {}
            "br" if self.listings > 0 => self.running("\n"),
            "br" => {
                self.blank = false;
                self.inline("  \n");
                self.line_start = true;
            }
            "hr" => self.block("---"),
            "img" => self.image(tag),
            _ if is_void(tag) => {}
            _ => {
                if is_block(name) {
                    self.break_line();
                }
                let kind = self.kind(tag);
                if self.open.len() < OPEN_LIMIT {
                    self.count(&kind, usize::saturating_add);
                    self.open.push(Element {
                        name: tag.name.clone(),
                        kind,
                        content: String::new(),
                    });
                }
            }
        }
    }

    /// Keeps the counts right when an element is about to come or has gone.
    fn count(&mut self, kind: &Kind, change: fn(usize, usize) -> usize) {
        if self.open.len() < DEEPEST {
            match kind {
                Kind::Pre(_) => self.listings = change(self.listings, 1),
                Kind::Code => self.codes = change(self.codes, 1),
                _ => {}
            }
        }
    }

    fn kind(&mut self, tag: &Tag) -> Kind {
        match &*tag.name {
            "h1" => Kind::Heading(1),
            "h2" => Kind::Heading(2),
            "h3" => Kind::Heading(3),
            "h4" => Kind::Heading(4),
            "h5" => Kind::Heading(5),
            "h6" => Kind::Heading(6),
            "blockquote" => Kind::Quote,
            "ul" | "menu" | "dir" => Kind::List(None),
            "ol" => {
                let start = attribute(tag, "start").and_then(|start| start.trim().parse().ok());
                Kind::List(Some(start.unwrap_or(1)))
            }
            "li" => Kind::Item,
            "pre" => Kind::Pre(language(tag)),
            "code" => {
                // The usual form of a listing: `pre` with `code` in it, which names the language.
                match self.open.last_mut().map(|parent| &mut parent.kind) {
                    Some(Kind::Pre(of_pre)) => {
                        let language = language(tag);
                        if !language.is_empty() {
                            *of_pre = language;
                        }
                        Kind::Inline
                    }
                    _ => Kind::Code,
                }
            }
            "em" | "i" => Kind::Emphasis("*"),
            "strong" | "b" => Kind::Emphasis("**"),
            "a" => match attribute(tag, "href") {
                Some(address) => Kind::Link {
                    address: address.to_owned(),
                    title: attribute(tag, "title").unwrap_or_default().to_owned(),
                },
                None => Kind::Inline,
            },
            "table" => Kind::Table(Rows::default()),
            "tr" => Kind::Row(Vec::new()),
            "td" | "th" => Kind::Cell,
            name if is_block(name) => Kind::Block,
            _ => Kind::Inline,
        }
    }

    fn end(&mut self, name: &LocalName) {
        let block = is_block(name);
        let of_table = matches!(&**name, "table" | "thead" | "tbody" | "tfoot" | "tr");
        let found = self
            .open
            .iter()
            .skip(1)
            .rev()
            .take(DEEPEST)
            .position(|element| element.name == *name);
        let Some(above) = found else { return };
        let crossed = self.open.iter().rev().take(above);
        // An element that is still open inside stays so: `</b>` does not end a list, nothing ends a cell.
        let blocked = crossed.into_iter().any(|element| {
            (!block && is_block(&element.name)) || (!of_table && matches!(element.kind, Kind::Cell))
        });
        if !blocked {
            for _ in 0..=above {
                self.close();
            }
        }
    }

    /// Ends what a start tag ends without saying so.
    fn end_implied(&mut self, name: &str) {
        let (ended, within): (&[&str], &[&str]) = match name {
            "li" => (&["li"], &["ul", "ol", "menu", "dir"]),
            "dt" | "dd" => (&["dt", "dd"], &["dl"]),
            "option" | "optgroup" => (&["option"], &["select", "datalist"]),
            "td" | "th" => (&["td", "th"], &["tr", "table"]),
            "tr" => (&["tr"], &["thead", "tbody", "tfoot", "table"]),
            "thead" | "tbody" | "tfoot" => (&["thead", "tbody", "tfoot"], &["table"]),
            _ => (&[], &[]),
        };
        let limit = |element: &&Element| !within.contains(&&*element.name);
        let above = (!ended.is_empty())
            .then(|| {
                let near = self.open.iter().skip(1).rev().take(DEEPEST).take_while(limit);
                // The outermost one: a row ends with its cells.
                near.enumerate()
                    .filter(|(_, element)| ended.contains(&&*element.name))
                    .last()
            })
            .flatten()
            .map(|(above, _)| above);
        let above = above.or_else(|| {
            if is_block(name) {
                self.open_paragraph()
            } else {
                None
            }
        });
        if let Some(above) = above {
            for _ in 0..=above {
                self.close();
            }
        }
    }

    /// How many elements lie above an open paragraph that holds nothing but running text.
    fn open_paragraph(&self) -> Option<usize> {
        let near = self.open.iter().skip(1).rev().take(DEEPEST);
        let (above, element) = near.enumerate().find(|(_, element)| is_block(&element.name))?;
        (&*element.name == "p").then_some(above)
    }
}

fn language(tag: &Tag) -> String {
    let classes = attribute(tag, "class").unwrap_or_default();
    let name = classes
        .split_ascii_whitespace()
        .find_map(|class| class.strip_prefix("language-"));
    name.unwrap_or_default()
        .chars()
        .take(32)
        .filter(|character| *character != '`')
        .collect()
}

#[cfg(test)]
mod tests;
