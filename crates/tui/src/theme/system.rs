//! The theme of the terminal itself, made of the colours that it tells (reference `tui.md` §12).

use ratatui::style::Color;

use super::file::black_or_white;
use super::{Theme, builtin};
use crate::terminal::color::contrast;
use crate::terminal::event::{Mode, Rgb, Slot};

/// The colours that a terminal has told so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Palette {
    foreground: Option<Rgb>,
    background: Option<Rgb>,
    colors: [Option<Rgb>; 16],
}

impl Palette {
    /// Takes an answer. Whether it was news is told.
    pub(crate) fn set(&mut self, slot: Slot, color: Rgb) -> bool {
        let place = match slot {
            Slot::Foreground => Some(&mut self.foreground),
            Slot::Background => Some(&mut self.background),
            Slot::Palette(index) => self.colors.get_mut(usize::from(index)),
        };
        place.is_some_and(|place| place.replace(color) != Some(color))
    }

    /// Whether the terminal is light or dark, by its background.
    pub(crate) fn mode(&self) -> Option<Mode> {
        let background = self.background?;
        let Rgb(red, green, blue) = background;
        let bright = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
        Some(match bright > 127_500 {
            true => Mode::Light,
            false => Mode::Dark,
        })
    }

    /// Whether there is enough for a theme.
    pub(crate) fn is_known(&self) -> bool {
        self.background.is_some() && self.colors.iter().take(8).all(Option::is_some)
    }

    /// The theme of what is printed on the terminal's own ground and stays there, whatever colours it gets later.
    pub(crate) fn printed(&self) -> Theme {
        let known = self.theme();
        let is_known = known.is_some();
        let mut theme = known
            .or_else(|| Self::usual().theme())
            .unwrap_or_else(|| builtin::fallback(Mode::Dark));
        let plain = [
            &mut theme.text,
            &mut theme.background,
            &mut theme.markdown_text,
            &mut theme.markdown_heading,
            &mut theme.markdown_strong,
            &mut theme.markdown_code_block,
            &mut theme.syntax_variable,
            &mut theme.syntax_punctuation,
        ];
        for color in plain {
            *color = Color::Reset;
        }
        if is_known {
            return theme;
        }
        // Greys are mixed of colours that are not known: the terminal's own stand for them.
        let grounds = [
            &mut theme.background_panel,
            &mut theme.background_element,
            &mut theme.background_menu,
            &mut theme.diff_added_background,
            &mut theme.diff_removed_background,
            &mut theme.diff_context_background,
            &mut theme.diff_added_line_number_background,
            &mut theme.diff_removed_line_number_background,
        ];
        for color in grounds {
            *color = Color::Reset;
        }
        let greys = [
            &mut theme.text_muted,
            &mut theme.border,
            &mut theme.border_active,
            &mut theme.border_subtle,
            &mut theme.diff_context,
            &mut theme.diff_hunk_header,
            &mut theme.diff_line_number,
            &mut theme.markdown_horizontal_rule,
            &mut theme.syntax_comment,
        ];
        for color in greys {
            *color = Color::Indexed(8);
        }
        theme
    }

    /// The colours that most terminals have.
    fn usual() -> Self {
        let dark = [
            (0, 0, 0),
            (205, 0, 0),
            (0, 205, 0),
            (205, 205, 0),
            (0, 0, 238),
            (205, 0, 205),
            (0, 205, 205),
            (229, 229, 229),
        ];
        let mut palette = Self {
            background: Some(Rgb(0, 0, 0)),
            ..Self::default()
        };
        for (place, (red, green, blue)) in palette.colors.iter_mut().zip(dark) {
            *place = Some(Rgb(red, green, blue));
        }
        palette
    }

    /// The theme, if there is enough for one.
    pub(crate) fn theme(&self) -> Option<Theme> {
        let background = self.background.filter(|_| self.is_known())?;
        let mode = self.mode()?;
        let foreground = self.foreground.or(self.colors[7]).unwrap_or(match mode {
            Mode::Dark => Rgb(229, 229, 229),
            Mode::Light => Rgb(26, 26, 26),
        });
        let grey = |share: f32| color(mix(background, foreground, share));
        let tint = match mode {
            Mode::Dark => 0.22,
            Mode::Light => 0.14,
        };
        // A colour that cannot be told from the ground is of no use, whoever chose it.
        let seen = |index: u8| {
            let known = self.colors.get(usize::from(index)).copied().flatten();
            match known {
                Some(known) if contrast(known, background) < 2.0 => color(mix(known, foreground, 0.6)),
                _ => Color::Indexed(index),
            }
        };
        let tinted = |index: usize, share: f32| {
            let known = self.colors.get(index).copied().flatten().unwrap_or(foreground);
            color(mix(background, known, share))
        };
        let text = color(foreground);
        let muted = readable(background, foreground);
        let (red, green, yellow, blue) = (seen(1), seen(2), seen(3), seen(4));
        let (magenta, cyan) = (seen(5), seen(6));
        Some(Theme {
            primary: cyan,
            secondary: magenta,
            accent: cyan,
            error: red,
            warning: yellow,
            success: green,
            info: cyan,
            text,
            text_muted: muted,
            selected_list_item_text: match cyan {
                Color::Indexed(6) => black_or_white(self.colors[6].map_or(Color::Indexed(6), color)),
                cyan => black_or_white(cyan),
            },
            background: Color::Reset,
            background_panel: grey(0.06),
            background_element: grey(0.1),
            background_menu: grey(0.1),
            border: grey(0.3),
            border_active: grey(0.5),
            border_subtle: grey(0.2),
            diff_added: green,
            diff_removed: red,
            diff_context: muted,
            diff_hunk_header: muted,
            diff_highlight_added: green,
            diff_highlight_removed: red,
            diff_added_background: tinted(2, tint),
            diff_removed_background: tinted(1, tint),
            diff_context_background: grey(0.04),
            diff_line_number: muted,
            diff_added_line_number_background: tinted(2, tint * 0.7),
            diff_removed_line_number_background: tinted(1, tint * 0.7),
            markdown_text: text,
            markdown_heading: text,
            markdown_link: blue,
            markdown_link_text: cyan,
            markdown_code: green,
            markdown_block_quote: yellow,
            markdown_emphasis: yellow,
            markdown_strong: text,
            markdown_horizontal_rule: grey(0.3),
            markdown_list_item: blue,
            markdown_list_enumeration: cyan,
            markdown_image: blue,
            markdown_image_text: cyan,
            markdown_code_block: text,
            syntax_comment: muted,
            syntax_keyword: magenta,
            syntax_function: blue,
            syntax_variable: text,
            syntax_string: green,
            syntax_number: yellow,
            syntax_type: cyan,
            syntax_operator: cyan,
            syntax_punctuation: text,
            thinking_opacity: 0.6,
        })
    }
}

/// The faintest grey between two colours that can still be read.
fn readable(background: Rgb, foreground: Rgb) -> Color {
    let shares = [0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9];
    let mut greys = shares.into_iter().map(|share| mix(background, foreground, share));
    color(
        greys
            .find(|grey| contrast(*grey, background) >= 4.0)
            .unwrap_or(foreground),
    )
}

fn color(Rgb(red, green, blue): Rgb) -> Color {
    Color::Rgb(red, green, blue)
}

/// A colour between two: 0 is the first one, 1 the second.
fn mix(from: Rgb, to: Rgb, share: f32) -> Rgb {
    let part = |from: u8, to: u8| {
        let value = f32::from(from) + (f32::from(to) - f32::from(from)) * share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between two of 0 to 255"
        )]
        let value = value.round().clamp(0.0, 255.0) as u8;
        value
    };
    Rgb(part(from.0, to.0), part(from.1, to.1), part(from.2, to.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::color::{indexed, rgb};

    fn palette(foreground: Rgb, background: Rgb) -> Palette {
        let mut palette = Palette::default();
        assert!(palette.set(Slot::Foreground, foreground));
        assert!(palette.set(Slot::Background, background));
        assert!(!palette.is_known() && palette.theme().is_none());
        for index in 0..16 {
            assert!(palette.set(Slot::Palette(index), indexed(index)));
        }
        assert!(!palette.set(Slot::Palette(0), indexed(0)), "it is no news");
        assert!(
            !palette.set(Slot::Palette(200), indexed(200)),
            "nobody asked for it"
        );
        palette
    }

    #[test]
    fn it_is_made_of_what_the_terminal_has() {
        let (dark, light) = (Rgb(29, 31, 33), Rgb(253, 246, 227));
        for (foreground, background, mode) in [(light, dark, Mode::Dark), (dark, light, Mode::Light)] {
            let palette = palette(foreground, background);
            assert_eq!(palette.mode(), Some(mode));
            let theme = palette.theme().unwrap();
            assert_eq!(theme.background, Color::Reset);
            for (name, color, least) in [
                ("text", theme.text, 7.0),
                ("muted", theme.text_muted, 4.0),
                ("error", theme.error, 2.0),
                ("warning", theme.warning, 1.9),
            ] {
                let found = contrast(rgb(color).unwrap(), background);
                assert!(found >= least, "{mode:?} {name}: {found}");
            }
            for ground in [theme.diff_added_background, theme.diff_removed_background] {
                assert!(contrast(rgb(theme.text).unwrap(), rgb(ground).unwrap()) >= 4.5);
            }
        }
    }
}
