//! Picking one of several by keys: what is typed narrows the list, arrows go through it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Entry, is_stop};
use crate::output::Style;

/// Entries that are shown at once.
const SHOWN: usize = 8;

/// A list of which one is picked.
pub(super) struct Picker<'a> {
    entries: &'a [Entry],
    typed: String,
    /// Places of the entries that fit what was typed.
    fitting: Vec<usize>,
    at: usize,
}

/// What a key did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The picking goes on.
    On,
    /// The entry at this place was picked.
    Done(usize),
    /// The user wants none.
    Stopped,
}

impl<'a> Picker<'a> {
    pub(super) fn new(entries: &'a [Entry]) -> Self {
        Self {
            entries,
            typed: String::new(),
            fitting: (0..entries.len()).collect(),
            at: 0,
        }
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Turn {
        let last = self.fitting.len().saturating_sub(1);
        match key.code {
            _ if is_stop(key) => return Turn::Stopped,
            KeyCode::Enter => return self.fitting.get(self.at).map_or(Turn::On, |at| Turn::Done(*at)),
            KeyCode::Up => self.at = self.at.checked_sub(1).unwrap_or(last),
            KeyCode::Down | KeyCode::Tab => self.at = if self.at >= last { 0 } else { self.at + 1 },
            KeyCode::Backspace => {
                self.typed.pop();
                self.narrow();
            }
            KeyCode::Char(letter) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.typed.push(letter);
                self.narrow();
            }
            _ => {}
        }
        Turn::On
    }

    fn narrow(&mut self) {
        let wanted = self.typed.to_lowercase();
        let fits = |entry: &Entry| {
            entry.label.to_lowercase().contains(&wanted) || entry.id.to_lowercase().contains(&wanted)
        };
        let all = self.entries.iter().enumerate();
        self.fitting = all.filter(|(_, entry)| fits(entry)).map(|(at, _)| at).collect();
        self.at = 0;
    }

    pub(super) fn rows(&self, question: &str) -> Vec<(Style, String)> {
        let mut rows = vec![(Style::Plain, format!("◆  {question}"))];
        if self.entries.len() > SHOWN {
            rows.push((Style::Dim, format!("│  Search: {}", self.typed)));
        }
        let first = self.at.saturating_sub(SHOWN - 1);
        let window = self.fitting.iter().enumerate().skip(first).take(SHOWN);
        for (row, entry) in window.filter_map(|(row, at)| Some((row, self.entries.get(*at)?))) {
            let (mark, style) = if row == self.at {
                ("●", Style::Plain)
            } else {
                ("○", Style::Dim)
            };
            let hint = if entry.hint.is_empty() {
                String::new()
            } else {
                format!(" ({})", entry.hint)
            };
            rows.push((style, format!("│  {mark} {}{hint}", entry.label)));
        }
        let left = self.fitting.len().saturating_sub(first + SHOWN);
        if self.fitting.is_empty() {
            rows.push((Style::Dim, "│  Nothing fits".to_owned()));
        } else if left > 0 {
            rows.push((Style::Dim, format!("│  … {left} more")));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize) -> Vec<Entry> {
        (0..count)
            .map(|at| Entry {
                label: format!("Provider {at}"),
                id: format!("p{at}"),
                hint: String::new(),
            })
            .collect()
    }

    fn keys(picker: &mut Picker<'_>, codes: &[KeyCode]) -> Turn {
        let press = |code: &KeyCode| picker.press(KeyEvent::from(*code));
        codes.iter().map(press).last().unwrap()
    }

    #[test]
    fn arrows_go_around_and_letters_narrow() {
        use KeyCode::{Backspace, Char, Down, Enter, Esc, Up};
        let all = entries(12);
        for (codes, wanted) in [
            (&[Enter][..], Turn::Done(0)),
            (&[Down, Down, Enter], Turn::Done(2)),
            (&[Up, Enter], Turn::Done(11)),
            (&[Up, Down, Enter], Turn::Done(0)),
            (&[Char('P'), Char('1'), Down, Enter], Turn::Done(10)),
            (&[Char('x'), Enter], Turn::On),
            (&[Char('x'), Down, Up, Backspace, Down, Enter], Turn::Done(1)),
            (&[Esc], Turn::Stopped),
        ] {
            assert_eq!(keys(&mut Picker::new(&all), codes), wanted, "{codes:?}");
        }
        let stop = KeyEvent::new(Char('c'), KeyModifiers::CONTROL);
        assert_eq!(Picker::new(&all).press(stop), Turn::Stopped);
    }

    #[test]
    fn the_entry_that_is_meant_is_always_shown() {
        let all = entries(30);
        let mut picker = Picker::new(&all);
        for step in 0..30 {
            let rows = picker.rows("Which?");
            assert!(rows.len() <= SHOWN + 3, "{rows:?}");
            let marked: Vec<_> = rows.iter().filter(|(_, row)| row.contains('●')).collect();
            assert_eq!(marked.len(), 1);
            assert!(marked[0].1.ends_with(&format!("Provider {step}")), "{marked:?}");
            picker.press(KeyEvent::from(KeyCode::Down));
        }
        assert!(picker.rows("Which?")[0].1.contains("Which?"));
        assert!(Picker::new(&[]).rows("Which?")[1].1.contains("Nothing fits"));
    }
}
