//! The screen for readers of screens: what is drawn only, borders, blocks and signs, is left out, because it would be
//! read aloud letter by letter. What matters is said in words where it is drawn.

use ratatui::buffer::Buffer;

/// Signs of this face that are not in the ranges of what is drawn only.
const SIGNS: &[char] = &['⇆', '⋯', '⊙', '⚙', '⚠', '✓', '✗', '✱', '⬝'];

/// Leaves out what is drawn only.
pub(super) fn spell(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().chars().next().is_some_and(is_drawing) {
            cell.set_symbol(" ");
        }
    }
}

/// Lines and corners, blocks, shapes, and the dots of what turns.
pub(super) fn is_drawing(letter: char) -> bool {
    matches!(letter, '\u{2500}'..='\u{25ff}' | '\u{2800}'..='\u{28ff}') || SIGNS.contains(&letter)
}

#[cfg(test)]
mod tests;
