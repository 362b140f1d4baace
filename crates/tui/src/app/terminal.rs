//! What the terminal tells: keys, pastes, the mouse, its size, its colours.

use ratatui::layout::Position;

use super::App;
use crate::dialog::{Mouse, MouseKind};
use crate::effect::Effect;
use crate::terminal::event::{Button, Event, MouseKind as Told};
use crate::toast::Variant;

impl App {
    /// Takes what the terminal tells.
    pub(super) fn terminal(&mut self, event: Event) {
        match event {
            Event::Key(press) => self.key(press),
            Event::Paste(paste) => {
                self.paste(&paste.text);
                if paste.cut {
                    self.tell(Variant::Warning, "paste.cut");
                }
            }
            Event::Mouse(told) => {
                let lines = self.settings.scroll_lines();
                let kind = match told.kind {
                    Told::Down(Button::Left) => MouseKind::Press,
                    Told::Up(Button::Left) => MouseKind::Release,
                    Told::Drag(Button::Left) => MouseKind::Drag,
                    Told::Down(Button::Right) => MouseKind::Menu,
                    Told::Move => MouseKind::Move,
                    Told::WheelUp => MouseKind::Wheel(-lines),
                    Told::WheelDown => MouseKind::Wheel(lines),
                    _ => return,
                };
                let at = Position::new(told.column, told.row);
                self.mouse(Mouse { kind, at });
            }
            Event::Resize(columns, rows) => self.resize((columns, rows)),
            Event::Focus(has_focus) => self.has_focus = Some(has_focus),
            Event::Mode(mode) => {
                self.settings.set_terminal_mode(mode);
                self.repaint();
            }
            Event::Color(slot, color) => self.settings.set_color(slot, color),
            Event::Answered => self.repaint(),
            Event::FullKeyboard | Event::Resumed => {}
            Event::Reload => {
                self.settings.reload();
                self.keymap = self.settings.keymap();
                self.repaint();
                self.effect(Effect::AskColors);
            }
            Event::End => self.exit(),
        }
    }

    /// The colours are those that are in force now.
    pub(crate) fn repaint(&mut self) {
        self.theme = match self.mini {
            Some(_) => self.settings.printed_theme(),
            None => self.settings.theme(),
        };
    }
}
