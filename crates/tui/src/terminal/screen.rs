//! Drawing: what changed between two buffers, in as few bytes as that takes, shown by the terminal at once.

pub(crate) mod below;

use std::fmt::Write;
use std::io;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};

use super::color::{Depth, Look};
use super::device::Device;
use super::features::Features;
use super::sequence::{self, Modes};
use below::Below;

/// A terminal that is drawn on. It is given back when this is dropped, whatever happened.
#[derive(Debug)]
pub(crate) struct Screen<D: Device> {
    device: D,
    features: Features,
    modes: Modes,
    /// The colour of the ground, for terminals without colours.
    ground: Color,
    shown: Option<Buffer>,
    title: String,
    entered: bool,
    /// It was this program that put itself to sleep, and it has taken the terminal since.
    has_slept: bool,
    /// Where it stands below what the terminal shows already, unless it has the second screen.
    below: Option<Below>,
    out: String,
}

impl<D: Device> Screen<D> {
    /// A screen on a terminal that is not taken yet.
    pub(crate) fn new(device: D, features: Features, modes: Modes) -> Self {
        Self {
            device,
            features,
            modes,
            ground: Color::Reset,
            shown: None,
            title: String::new(),
            entered: false,
            has_slept: false,
            below: None,
            out: String::new(),
        }
    }

    /// A screen below what the terminal shows already, for [`Screen::draw_below`].
    pub(crate) fn below(device: D, features: Features, modes: Modes) -> Self {
        let mut screen = Self::new(device, features, modes);
        screen.below = Some(Below::default());
        screen
    }

    /// Takes the terminal.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        self.begin();
        self.entered = true;
        self.device.raw(true)?;
        let taken = match self.below {
            None => sequence::enter(self.modes),
            Some(_) => sequence::enter_below(self.modes),
        };
        self.device.write(taken.as_bytes())?;
        if !self.title.is_empty() {
            self.device.write(sequence::title(&self.title).as_bytes())?;
        }
        Ok(())
    }

    /// Gives the terminal back, for good or for a while.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        if !self.entered {
            return Ok(());
        }
        self.entered = false;
        let title = match self.title.is_empty() {
            true => String::new(),
            false => sequence::title(""),
        };
        // What is below what is printed goes, so that what the shell says stands in its place.
        let (cleared, given_back) = match &self.below {
            None => (String::new(), sequence::LEAVE),
            Some(below) => (below.clearing(), sequence::LEAVE_BELOW),
        };
        self.begin();
        let written = self
            .device
            .write(format!("{cleared}{title}{given_back}").as_bytes());
        // Even if that failed, the line discipline has to be what it was.
        self.device.raw(false).and(written)
    }

    /// Nothing is drawn, wherever the cursor is.
    fn begin(&mut self) {
        self.shown = None;
        if let Some(below) = &mut self.below {
            *below = Below::default();
        }
    }

    /// Asks for the terminal's colours; the answers come as events. To be called after the first frame.
    pub(crate) fn ask(&mut self) -> io::Result<()> {
        match self.features.answers {
            true => self.device.write(sequence::questions().as_bytes()),
            false => Ok(()),
        }
    }

    /// Puts the program to sleep, and takes the terminal again when it wakes up.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.leave()?;
        self.has_slept = true;
        let slept = self.device.sleep();
        self.enter().and(slept)
    }

    /// The program goes on after it was stopped: if not by itself, the terminal may have been changed meanwhile and
    /// is taken anew.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.has_slept) || !self.entered {
            return Ok(());
        }
        self.leave()?;
        self.enter()
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> io::Result<(u16, u16)> {
        self.device.size()
    }

    /// What is known of the terminal.
    pub(crate) fn features(&self) -> Features {
        self.features
    }

    /// Changes what is asked of the terminal, for example after configuration was read again.
    pub(crate) fn set_modes(&mut self, modes: Modes) -> io::Result<()> {
        if self.modes == modes {
            return Ok(());
        }
        self.modes = modes;
        match self.entered {
            true => {
                self.leave()?;
                self.enter()
            }
            false => Ok(()),
        }
    }

    /// The colour of the theme's ground.
    pub(crate) fn set_ground(&mut self, ground: Color) {
        self.ground = ground;
    }

    /// The terminal's title; an empty one clears it.
    pub(crate) fn set_title(&mut self, title: &str) -> io::Result<()> {
        if self.title == title {
            return Ok(());
        }
        title.clone_into(&mut self.title);
        match self.entered {
            true => self.device.write(sequence::title(title).as_bytes()),
            false => Ok(()),
        }
    }

    /// Sends a sequence that draws nothing.
    pub(crate) fn send(&mut self, sequence: &str) -> io::Result<()> {
        self.device.write(sequence.as_bytes())
    }

    /// Everything is drawn anew the next time.
    pub(crate) fn forget(&mut self) {
        self.shown = None;
    }

    /// Shows a buffer and gives back the one before it, to be drawn into again. The cursor stands where it is
    /// said, or is hidden.
    pub(crate) fn draw(&mut self, next: Buffer, cursor: Option<Position>) -> io::Result<Option<Buffer>> {
        self.out.clear();
        let depth = self.features.depth;
        self.out.push_str(sequence::BEGIN);
        self.out.push_str("\x1b[?25l");
        match self.shown.as_ref().filter(|shown| shown.area == next.area) {
            Some(shown) => write_cells(
                &mut self.out,
                shown.diff_iter(&next),
                depth,
                self.ground,
                absolute,
            ),
            None => {
                // Cells that nothing is drawn on are blank on a screen that was cleared.
                self.out.push_str("\x1b[0m\x1b[2J");
                let blank = Buffer::empty(Rect { ..next.area });
                write_cells(
                    &mut self.out,
                    blank.diff_iter(&next),
                    depth,
                    self.ground,
                    absolute,
                );
            }
        }
        if let Some(cursor) = cursor {
            // Writing to a text that is kept in memory cannot fail.
            let _ = write!(self.out, "\x1b[{};{}H\x1b[?25h", cursor.y + 1, cursor.x + 1);
        }
        self.out.push_str(sequence::END);
        self.device.write(self.out.as_bytes())?;
        Ok(self.shown.replace(next))
    }
}

impl<D: Device> Drop for Screen<D> {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.leave();
    }
}

/// Goes to a cell of the screen.
fn absolute(out: &mut String, x: u16, y: u16) {
    // Writing to a text that is kept in memory cannot fail.
    let _ = write!(out, "\x1b[{};{}H", y + 1, x + 1);
}

/// Writes cells that are told in the order of lines; `go` goes to one.
fn write_cells<'a>(
    out: &mut String,
    cells: impl Iterator<Item = (u16, u16, &'a Cell)>,
    depth: Depth,
    ground: Color,
    mut go: impl FnMut(&mut String, u16, u16),
) {
    let mut at = None;
    let mut look = Look::PLAIN;
    // Neighbours mostly look the same: what one becomes here is not searched again for the next.
    let mut known = (Look::PLAIN, Look::PLAIN);
    out.push_str("\x1b[0m");
    for (x, y, cell) in cells {
        if at != Some((x, y)) {
            go(out, x, y);
        }
        let wanted = Look {
            foreground: cell.fg,
            background: cell.bg,
            modifier: cell.modifier,
        };
        if wanted != known.0 {
            known = (wanted, wanted.shown(depth, ground));
        }
        let wanted = known.1;
        if wanted != look {
            write_look(out, look, wanted);
            look = wanted;
        }
        let symbol = cell.symbol();
        // Terminals agree on how far one plain character moves; after all others the place is told.
        let mut characters = symbol.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) if !character.is_control() => {
                out.push(character);
                let is_narrow = character < '\u{300}' || ('\u{2500}'..'\u{25a0}').contains(&character);
                at = is_narrow.then(|| (x.saturating_add(1), y));
            }
            _ => {
                // Whatever a view lets through, no control character reaches the terminal as text.
                out.extend(symbol.chars().filter(|character| !character.is_control()));
                if symbol.is_empty() {
                    out.push(' ');
                }
                at = None;
            }
        }
    }
    out.push_str("\x1b[0m");
}

const ATTRIBUTES: [(Modifier, u8); 9] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::RAPID_BLINK, 6),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

fn write_look(out: &mut String, before: Look, wanted: Look) {
    out.push_str("\x1b[");
    let mut before = before;
    // Attributes cannot be taken back one by one: bold and dim share what ends them.
    if !wanted.modifier.contains(before.modifier) {
        out.push_str("0;");
        before = Look::PLAIN;
    }
    for (attribute, number) in ATTRIBUTES {
        if wanted.modifier.contains(attribute) && !before.modifier.contains(attribute) {
            let _ = write!(out, "{number};");
        }
    }
    if wanted.foreground != before.foreground {
        write_color(out, wanted.foreground, 30);
    }
    if wanted.background != before.background {
        write_color(out, wanted.background, 40);
    }
    if out.ends_with(';') {
        out.pop();
    }
    out.push('m');
}

/// A colour's numbers; those of text begin at 30, those of grounds at 40.
fn write_color(out: &mut String, color: Color, base: u8) {
    let index = match color {
        Color::Reset => None,
        Color::Rgb(red, green, blue) => {
            let _ = write!(out, "{};2;{red};{green};{blue};", base + 8);
            return;
        }
        Color::Indexed(index) => Some(index),
        Color::Black => Some(0),
        Color::Red => Some(1),
        Color::Green => Some(2),
        Color::Yellow => Some(3),
        Color::Blue => Some(4),
        Color::Magenta => Some(5),
        Color::Cyan => Some(6),
        Color::Gray => Some(7),
        Color::DarkGray => Some(8),
        Color::LightRed => Some(9),
        Color::LightGreen => Some(10),
        Color::LightYellow => Some(11),
        Color::LightBlue => Some(12),
        Color::LightMagenta => Some(13),
        Color::LightCyan => Some(14),
        Color::White => Some(15),
    };
    let _ = match index {
        None => write!(out, "{};", base + 9),
        Some(index @ 0..=7) => write!(out, "{};", base + index),
        Some(index @ 8..=15) => write!(out, "{};", base + 60 + index - 8),
        Some(index) => write!(out, "{};5;{index};", base + 8),
    };
}

#[cfg(test)]
mod tests;
