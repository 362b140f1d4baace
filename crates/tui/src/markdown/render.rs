//! One block of Markdown as rows.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Tag, TagEnd};
use ratatui::style::{Modifier, Style};

use super::Look;
use super::table::Table;
use crate::highlight::Language;
use crate::row::{Row, Span, wrap};

/// Quotations and lists in each other that are still moved to the right.
const NESTING: usize = 12;

/// A block that was drawn.
#[derive(Default)]
pub(crate) struct Drawn {
    pub(crate) rows: Vec<Row>,
    pub(crate) is_close: bool,
    pub(crate) is_waiting: bool,
}

/// Draws a block out of its events and the text that their ranges are of.
pub(crate) fn block(events: &[(Event, Range<usize>)], source: &str, look: Look) -> Drawn {
    let base = Style::new().fg(look.theme.markdown_text);
    let mut renderer = Renderer {
        look,
        source,
        drawn: Drawn::default(),
        before: Vec::new(),
        marker: None,
        line: Vec::new(),
        styles: vec![base],
        lists: Vec::new(),
        code: None,
        table: None,
        links: Vec::new(),
        wants_gap: false,
    };
    for (index, (event, range)) in events.iter().enumerate() {
        renderer.take(event, range, events.get(index + 1).map(|(event, _)| event));
    }
    renderer.flush();
    renderer.drawn
}

struct Renderer<'a> {
    look: Look<'a>,
    source: &'a str,
    drawn: Drawn,
    /// What stands before each row: bars of quotations and indents of lists, one for each level.
    before: Vec<Span>,
    /// What stands in the place of one of these in the next row: the mark of a list's item.
    marker: Option<(usize, Span)>,
    line: Vec<Span>,
    styles: Vec<Style>,
    /// The lists that are open: the next number, and whether items stand apart.
    lists: Vec<(Option<u64>, bool)>,
    code: Option<(Option<Language>, String)>,
    table: Option<Table>,
    /// The links that are open: where they lead and what is written after their text.
    links: Vec<String>,
    /// Whether something stands above that the next block is to be set off from.
    wants_gap: bool,
}

impl Renderer<'_> {
    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn push_style(&mut self, change: impl FnOnce(Style) -> Style) {
        self.styles.push(change(self.style()));
    }

    fn pop_style(&mut self) {
        if self.styles.len() > 1 {
            self.styles.pop();
        }
    }

    fn raw(&self, range: &Range<usize>) -> &str {
        self.source.get(range.clone()).unwrap_or_default()
    }

    /// A mark of the source, if marks are shown.
    fn mark(&mut self, text: &str) {
        if !self.look.conceal {
            self.line.push(Span::new(text, self.style()));
        }
    }

    fn take(&mut self, event: &Event, range: &Range<usize>, next: Option<&Event>) {
        if let Some((_, code)) = &mut self.code {
            match event {
                Event::Text(text) => code.push_str(text),
                Event::End(TagEnd::CodeBlock) => self.end_code(),
                _ => {}
            }
            return;
        }
        match event {
            Event::Start(tag) => self.start(tag, range, next),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) | Event::InlineHtml(text) => self.words(text),
            Event::Html(html) => self.words(html.trim_end_matches('\n')),
            Event::Code(code) => {
                let style = Style::new().fg(self.look.theme.markdown_code);
                let text = if self.look.conceal {
                    code.to_string()
                } else {
                    self.raw(range).to_owned()
                };
                self.line.push(Span::new(text.replace('\n', " "), style));
            }
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.words(text);
            }
            Event::SoftBreak | Event::HardBreak if self.table.is_some() => self.words(" "),
            Event::SoftBreak | Event::HardBreak => self.end_line(),
            Event::Rule => {
                self.gap();
                let style = Style::new().fg(self.look.theme.markdown_horizontal_rule);
                let line = "─".repeat(self.room());
                self.push_row(Row::new(vec![Span::frame(line, style)]));
                self.wants_gap = true;
            }
            Event::TaskListMarker(is_done) => {
                let style = Style::new().fg(self.look.theme.markdown_list_item);
                self.line
                    .push(Span::new(if *is_done { "[x] " } else { "[ ] " }, style));
            }
        }
    }

    fn words(&mut self, text: &str) {
        for (index, piece) in text.split('\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            if !piece.is_empty() {
                self.line.push(Span::new(piece, self.style()));
            }
        }
    }

    fn start(&mut self, tag: &Tag, range: &Range<usize>, next: Option<&Event>) {
        let theme = self.look.theme;
        match tag {
            Tag::Paragraph => self.gap(),
            Tag::HtmlBlock => {
                self.drawn.is_close = self.drawn.rows.is_empty();
                self.gap();
            }
            Tag::Heading { level, .. } => {
                self.gap();
                let mut style = Style::new()
                    .fg(theme.markdown_heading)
                    .add_modifier(Modifier::BOLD);
                if *level == HeadingLevel::H1 {
                    style = style.add_modifier(Modifier::UNDERLINED);
                }
                self.styles.push(style);
                self.mark(&format!("{} ", "#".repeat(*level as usize)));
            }
            Tag::BlockQuote(_) => {
                self.gap();
                self.before
                    .push(Span::frame("│ ", Style::new().fg(theme.text_muted)));
                self.push_style(|style| style.add_modifier(Modifier::ITALIC));
                self.wants_gap = false;
            }
            Tag::CodeBlock(kind) => {
                self.gap();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => Language::of_fence(info),
                    CodeBlockKind::Indented => None,
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(first) => {
                self.flush();
                // The mark of an item that begins with a list has a row of its own.
                if self.marker.is_some() {
                    self.end_line();
                }
                if self.lists.last().is_none_or(|(_, is_loose)| *is_loose) {
                    self.gap();
                }
                self.lists.push((*first, false));
            }
            Tag::Item => self.start_item(next),
            Tag::Table(alignments) => {
                self.gap();
                self.table = Some(Table {
                    alignments: alignments.clone(),
                    rows: Vec::new(),
                });
            }
            Tag::TableHead => {
                self.push_style(|style| style.fg(theme.markdown_heading).add_modifier(Modifier::BOLD));
                self.start_table_row();
            }
            Tag::TableRow => self.start_table_row(),
            Tag::TableCell => self.line.clear(),
            Tag::Emphasis => {
                self.push_style(|style| style.fg(theme.markdown_emphasis).add_modifier(Modifier::ITALIC));
                self.mark_at(range, 1);
            }
            Tag::Strong => {
                self.push_style(|style| style.fg(theme.markdown_strong).add_modifier(Modifier::BOLD));
                self.mark_at(range, 2);
            }
            Tag::Strikethrough => {
                self.push_style(|style| style.fg(theme.text_muted).add_modifier(Modifier::CROSSED_OUT));
                self.mark_at(range, if self.raw(range).starts_with("~~") { 2 } else { 1 });
            }
            Tag::Link {
                link_type, dest_url, ..
            } => self.start_link(*link_type, dest_url, range),
            Tag::Image { dest_url, .. } => {
                let style = Style::new()
                    .fg(theme.markdown_image_text)
                    .add_modifier(Modifier::UNDERLINED);
                self.styles.push(style);
                self.mark("![");
                self.links.push(if self.look.conceal {
                    String::new()
                } else {
                    format!("]({dest_url})")
                });
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: &TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_block(),
            TagEnd::Heading(_) => {
                self.end_block();
                self.pop_style();
            }
            TagEnd::BlockQuote(_) => {
                self.end_block();
                self.before.pop();
                self.pop_style();
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.wants_gap = true;
            }
            TagEnd::Item => {
                // An item without words is its mark.
                if self.marker.is_some() {
                    self.end_line();
                }
                self.flush();
                self.before.pop();
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    let line = Style::new().fg(self.look.theme.text_muted);
                    for row in table.draw(self.room(), line) {
                        self.push_row(row);
                    }
                }
                self.wants_gap = true;
            }
            TagEnd::TableHead => self.pop_style(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.line);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Emphasis => self.end_mark(range, 1),
            TagEnd::Strong => self.end_mark(range, 2),
            TagEnd::Strikethrough => {
                self.end_mark(range, if self.raw(range).starts_with("~~") { 2 } else { 1 });
            }
            TagEnd::Link => {
                self.pop_style();
                let style = Style::new()
                    .fg(self.look.theme.markdown_link)
                    .add_modifier(Modifier::UNDERLINED);
                if let Some(after) = self.links.pop().filter(|after| !after.is_empty()) {
                    if let Some(address) = after.strip_prefix(' ') {
                        self.line.push(Span::new(" ", self.style()));
                        self.line.push(Span::new(address, style));
                    } else {
                        self.line.push(Span::new(after, style));
                    }
                }
            }
            TagEnd::Image => {
                if let Some(after) = self.links.pop().filter(|after| !after.is_empty()) {
                    self.line.push(Span::new(after, self.style()));
                }
                self.pop_style();
            }
            _ => {}
        }
    }

    fn start_link(&mut self, kind: LinkType, address: &str, range: &Range<usize>) {
        let theme = self.look.theme;
        let underlined = |color| Style::new().fg(color).add_modifier(Modifier::UNDERLINED);
        if matches!(kind, LinkType::Autolink | LinkType::Email) {
            let style = underlined(theme.markdown_link);
            self.line.push(Span::new("<", style));
            self.styles.push(style);
            self.links.push(">".to_owned());
            return;
        }
        self.styles.push(underlined(theme.markdown_link_text));
        self.mark("[");
        let raw = self.raw(range);
        let says_address = raw
            .strip_prefix('[')
            .is_some_and(|text| text.starts_with(address));
        self.links.push(match (self.look.conceal, says_address) {
            (false, _) => format!("]({address})"),
            (true, true) => String::new(),
            (true, false) => format!(" ({address})"),
        });
    }

    fn mark_at(&mut self, range: &Range<usize>, length: usize) {
        let mark = self.raw(range).get(..length).unwrap_or_default().to_owned();
        self.mark(&mark);
    }

    fn end_mark(&mut self, range: &Range<usize>, length: usize) {
        self.mark_at(range, length);
        self.pop_style();
    }

    fn start_item(&mut self, next: Option<&Event>) {
        self.flush();
        let is_first = self.marker.is_none() && !self.wants_gap;
        let is_loose = matches!(next, Some(Event::Start(Tag::Paragraph)));
        let mut mark = "- ".to_owned();
        let mut was_loose = false;
        if let Some((number, loose)) = self.lists.last_mut() {
            if let Some(number) = number {
                mark = format!("{number}. ");
                *number = number.saturating_add(1);
            }
            was_loose = *loose;
            *loose = is_loose;
        }
        self.wants_gap = !is_first && (is_loose || was_loose);
        self.gap();
        let style = Style::new().fg(self.look.theme.markdown_list_item);
        self.before
            .push(Span::frame(" ".repeat(mark.len()), Style::new()));
        self.marker = Some((self.before.len() - 1, Span::new(mark, style)));
    }

    fn start_table_row(&mut self) {
        if let Some(table) = &mut self.table {
            table.rows.push(Vec::new());
        }
    }

    fn end_code(&mut self) {
        let Some((language, code)) = self.code.take() else {
            return;
        };
        let code = code.strip_suffix('\n').unwrap_or(&code);
        let colors = self.look.highlighter.colors(language.as_ref(), code);
        self.drawn.is_waiting |= colors.is_waiting;
        let base = Style::new().fg(self.look.theme.markdown_code_block);
        for (index, line) in code.split('\n').enumerate() {
            self.line = colors.line(index, line, base, self.look.theme);
            self.end_line();
        }
        self.wants_gap = true;
    }

    /// Cells of a row beside what stands before it.
    fn room(&self) -> usize {
        let before: usize = self.before.iter().take(NESTING).map(Span::width).sum();
        self.look.width.saturating_sub(before).max(1)
    }

    /// A free row, where one is due.
    fn gap(&mut self) {
        self.flush();
        if self.wants_gap && self.marker.is_none() {
            self.push_row(Row::default());
        }
        self.wants_gap = false;
    }

    fn end_block(&mut self) {
        self.flush();
        self.wants_gap = true;
    }

    fn flush(&mut self) {
        if !self.line.is_empty() && self.table.is_none() {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        for row in wrap(line, self.room()) {
            self.push_row(row);
        }
    }

    fn push_row(&mut self, mut row: Row) {
        let mut before: Vec<Span> = self.before.iter().take(NESTING).cloned().collect();
        if let Some((level, marker)) = self.marker.take() {
            match before.get_mut(level) {
                Some(place) => *place = marker,
                // Deeper than anything is moved to the right.
                None => before.push(marker),
            }
        }
        row.spans.splice(0..0, before);
        self.drawn.rows.push(row);
    }
}
