//! Search in a session. Messages are first sought in as they are stored; only those that have the words are drawn
//! to see where.

use opencode_schema::{MessageId, MessageWithParts, PartBody, PartId, ToolState};
use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};
use serde_json::Value;

use super::Transcript;
use super::list::List;
use super::piece::Rendered;
use super::scene::Scene;
use super::scroll::Position;
use crate::safe;

/// Bytes of a text that are sought in.
const BYTES: usize = 256 * 1024;
/// Rows between the top of the area and what was found.
const ABOVE: usize = 3;

/// What is sought, and where it was last found.
#[derive(Clone, Debug)]
pub(super) struct Search {
    query: Vec<char>,
    at: Option<(MessageId, usize)>,
}

/// Cells of rows that match: row, first column, column after.
type Found = Vec<(usize, usize, usize)>;

impl Transcript {
    /// Looks for words from the top of the area on, whatever their case; empty ones end the search. Gives whether
    /// they were found.
    pub(crate) fn search(&mut self, scene: &Scene, query: &str) -> bool {
        let query: Vec<char> = safe::line(query).chars().map(lower).collect();
        if query.iter().all(|letter| letter.is_whitespace()) {
            self.search = None;
            return false;
        }
        self.search = Some(Search { query, at: None });
        self.find(scene, true)
    }

    /// Goes to the next place that matches, or to the one before; from the end to the beginning and the other way
    /// round.
    pub(crate) fn find(&mut self, scene: &Scene, is_next: bool) -> bool {
        let Some(search) = self.search.clone() else {
            return false;
        };
        let found = {
            let list = self.list(scene);
            let from = search
                .at
                .as_ref()
                .and_then(|(id, nth)| Some((list.index(id)?, Some(*nth))));
            let (start, nth) = from.unwrap_or_else(|| (self.top(&list).0, None));
            let count = list.len();
            let order = (0..=count).map(|step| {
                if is_next {
                    (start + step) % count.max(1)
                } else {
                    (start + count - step % count.max(1)) % count.max(1)
                }
            });
            let mut order = order.enumerate().filter(|_| count > 0);
            order.find_map(|(step, index)| {
                let (message, _) = scene.messages.get(index).filter(|_| list.id(index).is_some())?;
                let parts = contains(message, &search.query)?;
                let places = found(&list.item(index), &search.query).len();
                let nth = match (step, nth, is_next) {
                    (0, Some(nth), true) => Some(nth + 1).filter(|nth| *nth < places)?,
                    (0, Some(nth), false) => nth.checked_sub(1)?,
                    (_, _, true) => 0,
                    (_, _, false) => places.saturating_sub(1),
                };
                Some((message.info.id.clone(), nth, parts, places == 0))
            })
        };
        let Some((id, nth, parts, is_folded)) = found else {
            return false;
        };
        if is_folded {
            self.open.extend(parts);
        }
        self.search = Some(Search {
            at: Some((id.clone(), nth)),
            ..search
        });
        let to = {
            let list = self.list(scene);
            list.index(&id).map(|index| self.showing(&list, index, nth))
        };
        self.position = to.unwrap_or_else(|| self.position.clone());
        true
    }

    /// Whether something is sought.
    pub(crate) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// Ends the search.
    pub(crate) fn end_search(&mut self) {
        self.search = None;
    }

    /// A position at which a place that was found is seen; the present one, if it is seen there.
    fn showing(&self, list: &List, index: usize, nth: usize) -> Position {
        let item = list.item(index);
        let places = found(&item, self.search.as_ref().map_or(&[], |search| &search.query));
        let row = places
            .get(nth)
            .and_then(|place| place.first())
            .map_or(0, |(row, _, _)| *row);
        let row = row + list.gap(index, &item);
        let (mut top, mut seen) = self.top(list);
        let mut left = usize::from(self.area.get().height);
        while top <= index && left > 0 {
            if top == index {
                if (seen..seen + left).contains(&row) {
                    return self.position.clone();
                }
                break;
            }
            left = left.saturating_sub(list.height(top).saturating_sub(seen));
            (top, seen) = (top + 1, 0);
        }
        self.at(list, index, row.saturating_sub(ABOVE))
    }

    /// Colours what was found in an item.
    pub(super) fn mark_found(
        &self,
        list: &List,
        index: usize,
        item: &Rendered,
        top: i32,
        buffer: &mut Buffer,
    ) {
        let Some(search) = &self.search else { return };
        let theme = list.scene.theme;
        let area = self.area.get();
        let at = search
            .at
            .as_ref()
            .filter(|(id, _)| list.id(index).as_ref() == Some(id))
            .map(|(_, nth)| *nth);
        for (nth, place) in found(item, &search.query).into_iter().enumerate() {
            let color = if at == Some(nth) {
                theme.primary
            } else {
                theme.warning
            };
            // Seen without colours, too.
            let mut style = Style::new()
                .fg(theme.selected_list_item_text)
                .bg(color)
                .add_modifier(Modifier::UNDERLINED);
            if at == Some(nth) {
                style = style.add_modifier(Modifier::BOLD);
            }
            for (row, first, after) in place {
                let y = top.saturating_add(i32::try_from(row).unwrap_or(i32::MAX));
                let Some(y) = u16::try_from(y)
                    .ok()
                    .filter(|y| (area.top()..area.bottom()).contains(y))
                else {
                    continue;
                };
                for column in first..after {
                    let x = u16::try_from(usize::from(area.x) + column)
                        .ok()
                        .filter(|x| *x < area.right());
                    if let Some(x) = x {
                        buffer[(x, y)].set_style(style);
                    }
                }
            }
        }
    }
}

fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

/// The places of an item that match. Lines that were broken are sought in as if they were whole.
fn found(item: &Rendered, query: &[char]) -> Vec<Found> {
    let mut places = Vec::new();
    let mut line: Vec<(char, usize, usize, usize)> = Vec::new();
    for row in 0..=item.height {
        let drawn = item.row(row);
        if !drawn.is_some_and(|row| row.continues) {
            places.extend(in_line(&line, query));
            line.clear();
        }
        let mut column = 0;
        for span in drawn.into_iter().flat_map(|row| &row.spans) {
            for (letter, cells) in safe::graphemes(&span.text) {
                if !span.is_frame {
                    line.extend(
                        letter
                            .chars()
                            .map(|letter| (lower(letter), row, column, column + cells)),
                    );
                }
                column += cells;
            }
        }
    }
    places
}

fn in_line(line: &[(char, usize, usize, usize)], query: &[char]) -> Vec<Found> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(window) = line
        .get(from..from + query.len())
        .filter(|window| !window.is_empty())
    {
        if !window.iter().map(|(letter, ..)| letter).eq(query) {
            from += 1;
            continue;
        }
        let mut place: Found = Vec::new();
        for (_, row, first, after) in window {
            match place.last_mut() {
                Some(last) if last.0 == *row => last.2 = *after,
                _ => place.push((*row, *first, *after)),
            }
        }
        places.push(place);
        from += query.len();
    }
    places
}

/// Whether a message has the words, and the parts of it that may have to be unfolded to see them.
fn contains(message: &MessageWithParts, query: &[char]) -> Option<Vec<PartId>> {
    let has = |text: &str| has_words(text, query);
    let mut folded = Vec::new();
    let mut is_found = false;
    for part in &message.parts {
        let has_words = match &part.body {
            PartBody::Text(text) => text.synthetic != Some(true) && has(&text.text),
            PartBody::Reasoning(reasoning) => has(&reasoning.text),
            PartBody::File(file) => file.filename.as_deref().is_some_and(has),
            PartBody::Tool(call) => {
                let (input, output, metadata) = match &call.state {
                    ToolState::Pending { .. } => (None, None, None),
                    ToolState::Running { input, metadata, .. } => (Some(input), None, metadata.as_ref()),
                    ToolState::Completed {
                        input,
                        output,
                        metadata,
                        ..
                    } => (Some(input), Some(output), Some(metadata)),
                    ToolState::Error {
                        input,
                        error,
                        metadata,
                        ..
                    } => (Some(input), Some(error), metadata.as_ref()),
                };
                // What a command printed so far stands beside its result.
                let printed = metadata
                    .and_then(|metadata| metadata.get("output"))
                    .and_then(Value::as_str);
                has(&call.tool)
                    || output.is_some_and(|text| has(text))
                    || printed.is_some_and(has)
                    || input.is_some_and(|input| in_value(input, query))
            }
            _ => false,
        };
        is_found |= has_words;
        if has_words && !matches!(part.body, PartBody::Text(_)) {
            folded.push(part.id.clone());
        }
    }
    let answer = message.info.as_assistant();
    is_found |= answer.is_some_and(|answer| answer.error.as_ref().is_some_and(|error| has(error.message())));
    is_found.then_some(folded)
}

fn in_value(value: &Value, query: &[char]) -> bool {
    match value {
        Value::String(text) => has_words(text, query),
        Value::Array(values) => values.iter().any(|value| in_value(value, query)),
        Value::Object(values) => values.values().any(|value| in_value(value, query)),
        _ => false,
    }
}

fn has_words(text: &str, query: &[char]) -> bool {
    let text = text.get(..text.floor_char_boundary(BYTES)).unwrap_or(text);
    let Some((first, rest)) = query.split_first() else {
        return false;
    };
    if query.iter().all(char::is_ascii) {
        let has_rest = |text: &[u8]| {
            let same = |(wanted, letter): (&char, &u8)| *wanted == char::from(letter.to_ascii_lowercase());
            text.len() >= rest.len() && rest.iter().zip(text).all(same)
        };
        let bytes = text.as_bytes();
        let mut places = bytes.iter().enumerate();
        return places.any(|(at, letter)| {
            char::from(letter.to_ascii_lowercase()) == *first && bytes.get(at + 1..).is_some_and(has_rest)
        });
    }
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if lower(letter) == *first {
            let mut following = letters.clone();
            let same = |wanted: &char| following.next().is_some_and(|letter| lower(letter) == *wanted);
            if rest.iter().all(same) {
                return true;
            }
        }
    }
    false
}
