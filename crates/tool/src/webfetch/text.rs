//! A page as plain text: what a person would read, without its form.

use html5ever::LocalName;

use super::html::{self, Reader, Token, is_block, is_void};

/// The text of a page.
pub(super) fn convert(html: &str) -> String {
    let mut reader = Text::default();
    html::read(html, &mut reader);
    reader.out.trim().to_owned()
}

#[derive(Default)]
struct Text {
    out: String,
    /// Space is due before the next word, and how much: nothing, a blank, or line breaks.
    due: Due,
    /// Elements within each other whose content is not for reading: the outermost one's name and how
    /// many of that name are open.
    skipped: Option<(LocalName, usize)>,
    /// How many `pre` are open.
    preformatted: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    #[default]
    Nothing,
    Blank,
    Tab,
    Line,
    Paragraph,
}

impl Reader for Text {
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
            Token::Start(tag) => {
                self.separate(&tag.name);
                if is_skipped(&tag.name) && !is_void(tag) {
                    self.skipped = Some((tag.name.clone(), 1));
                } else if &*tag.name == "pre" {
                    self.preformatted += 1;
                }
            }
            Token::End(name) => {
                self.separate(name);
                if &**name == "pre" {
                    self.preformatted = self.preformatted.saturating_sub(1);
                }
            }
            Token::Text(text) if self.preformatted > 0 => {
                self.settle();
                self.out.push_str(text);
            }
            Token::Text(text) => self.words(text),
        }
    }
}

impl Text {
    fn separate(&mut self, name: &str) {
        let due = match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre" | "blockquote" | "table" | "ul" | "ol"
            | "dl" | "title" | "hr" => Due::Paragraph,
            "td" | "th" => Due::Tab,
            "br" => Due::Line,
            name if is_block(name) => Due::Line,
            _ => Due::Nothing,
        };
        self.due = self.due.max(due);
    }

    fn settle(&mut self) {
        let due = std::mem::take(&mut self.due);
        if self.out.is_empty() {
            return;
        }
        self.out.push_str(match due {
            Due::Nothing => "",
            Due::Blank => " ",
            Due::Tab => "\t",
            Due::Line => "\n",
            Due::Paragraph => "\n\n",
        });
    }

    fn words(&mut self, text: &str) {
        let space = |character: char| matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{c}');
        for (number, word) in text.split(space).enumerate() {
            if number > 0 {
                self.due = self.due.max(Due::Blank);
            }
            if !word.is_empty() {
                self.settle();
                self.out.push_str(word);
            }
        }
    }
}

fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "script" | "style" | "noscript" | "iframe" | "object" | "embed" | "template"
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn text_is_what_a_person_reads() {
        for (html, wanted) in [
            ("", ""),
            ("plain", "plain"),
            (
                "<title>T</title><h1>Head</h1><p>Some  <b>bo</b>ld\n text.</p>",
                "T\n\nHead\n\nSome bold text.",
            ),
            ("<div>a</div><div>b</div>c<br>d", "a\nb\nc\nd"),
            ("<ul><li>one<li>two</ul>x", "one\ntwo\n\nx"),
            ("<table><tr><td>1<td>2<tr><td>3<td>4</table>", "1\t2\n3\t4"),
            ("<pre>a\n  b\n</pre>c", "a\n  b\n\n\nc"),
            (
                "a<script>x()</script>b<style>p{}</style><noscript><p>no</noscript><iframe>f</iframe>c",
                "ab\nc",
            ),
            ("a<object><object>x</object>y</object>b<embed>c", "abc"),
            ("a &lt;b&gt; &amp; c&nbsp;d", "a <b> & c\u{a0}d"),
            ("<p>unclosed <b>bold<p>next", "unclosed bold\n\nnext"),
        ] {
            assert_eq!(convert(html), wanted, "{html}");
        }
    }

    #[test]
    fn depth_costs_nothing() {
        assert_eq!(convert(&format!("{}x", "<div>".repeat(50_000))), "x");
        assert_eq!(convert(&"<object>".repeat(50_000)), "");
    }
}
