//! Colours as a terminal can show them. Views name any colour; it becomes what there is when cells are written.

use ratatui::style::{Color, Modifier};

use super::event::Rgb;

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// None, because the user does not want any (`NO_COLOR`) or there are none.
    None,
    /// The sixteen of a palette that the user chose.
    Sixteen,
    /// The palette of 256, of which 240 are the same everywhere.
    Palette,
    /// All.
    #[default]
    True,
}

/// Colours and attributes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Of the text.
    pub(crate) foreground: Color,
    /// Behind it.
    pub(crate) background: Color,
    /// Bold and so on.
    pub(crate) modifier: Modifier,
}

impl Look {
    /// As the terminal shows text by itself.
    pub(crate) const PLAIN: Self = Self {
        foreground: Color::Reset,
        background: Color::Reset,
        modifier: Modifier::empty(),
    };

    /// What a terminal of a depth shows for this; `ground` is the colour of the screen itself.
    pub(crate) fn shown(self, depth: Depth, ground: Color) -> Self {
        let Self {
            foreground,
            background,
            modifier,
        } = self;
        match depth {
            Depth::True => self,
            Depth::Palette => Self {
                foreground: to_palette(foreground),
                background: to_palette(background),
                modifier,
            },
            Depth::Sixteen => {
                let (foreground, background) = to_sixteen(foreground, background);
                Self {
                    foreground,
                    background,
                    modifier,
                }
            }
            // A row in another colour is the chosen one: without colours it is shown reversed.
            Depth::None => Self {
                foreground: Color::Reset,
                background: Color::Reset,
                modifier: match stands_out(background, ground) {
                    true => modifier | Modifier::REVERSED,
                    false => modifier,
                },
            },
        }
    }
}

fn stands_out(background: Color, ground: Color) -> bool {
    let ground = rgb(ground).unwrap_or_default();
    rgb(background).is_some_and(|background| contrast(background, ground) > 2.5)
}

/// The red, green and blue of a colour; none of the terminal's own.
pub(crate) fn rgb(color: Color) -> Option<Rgb> {
    let index = match color {
        Color::Reset => return None,
        Color::Rgb(red, green, blue) => return Some(Rgb(red, green, blue)),
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    Some(indexed(index))
}

/// xterm's colours of the sixteen, which terminals may show otherwise.
const SIXTEEN: [Rgb; 16] = [
    Rgb(0, 0, 0),
    Rgb(205, 0, 0),
    Rgb(0, 205, 0),
    Rgb(205, 205, 0),
    Rgb(0, 0, 238),
    Rgb(205, 0, 205),
    Rgb(0, 205, 205),
    Rgb(229, 229, 229),
    Rgb(127, 127, 127),
    Rgb(255, 0, 0),
    Rgb(0, 255, 0),
    Rgb(255, 255, 0),
    Rgb(92, 92, 255),
    Rgb(255, 0, 255),
    Rgb(0, 255, 255),
    Rgb(255, 255, 255),
];

/// The steps of the palette's cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colour of a place in the palette of 256.
pub(crate) fn indexed(index: u8) -> Rgb {
    if let Some(color) = SIXTEEN.get(usize::from(index)) {
        return *color;
    }
    if index >= 232 {
        let grey = 8 + 10 * (index - 232);
        return Rgb(grey, grey, grey);
    }
    let step = |number: u8| STEPS.get(usize::from(number % 6)).copied().unwrap_or_default();
    let index = index - 16;
    Rgb(step(index / 36), step(index / 6), step(index))
}

fn to_palette(color: Color) -> Color {
    let Color::Rgb(red, green, blue) = color else {
        return color;
    };
    let nearest = |value: u8| {
        let steps = (0_u8..6).zip(STEPS);
        steps
            .min_by_key(|(_, step)| step.abs_diff(value))
            .map_or(0, |(number, _)| number)
    };
    let cube = 16 + 36 * nearest(red) + 6 * nearest(green) + nearest(blue);
    let average = (u16::from(red) + u16::from(green) + u16::from(blue)) / 3;
    let grey = 232 + u8::try_from(average.saturating_sub(3) / 10).unwrap_or(23).min(23);
    let wanted = Rgb(red, green, blue);
    let nearest = [cube, grey]
        .into_iter()
        .min_by_key(|index| distance(indexed(*index), wanted));
    Color::Indexed(nearest.unwrap_or(cube))
}

/// Both colours of a cell, so that a text keeps its contrast where both would become the same.
fn to_sixteen(foreground: Color, background: Color) -> (Color, Color) {
    let shown = (nearest_of_sixteen(foreground), nearest_of_sixteen(background));
    match shown {
        (Color::Indexed(text), Color::Indexed(ground)) if text == ground && foreground != background => {
            let light = luminance(indexed(ground)) > 0.3;
            (Color::Indexed(if light { 0 } else { 15 }), Color::Indexed(ground))
        }
        shown => shown,
    }
}

fn nearest_of_sixteen(color: Color) -> Color {
    if color == Color::Reset || matches!(color, Color::Indexed(0..=15)) {
        return color;
    }
    let Some(wanted) = rgb(color) else {
        return color;
    };
    let nearest = (0_u8..16).min_by_key(|index| distance(indexed(*index), wanted));
    Color::Indexed(nearest.unwrap_or(7))
}

/// How unlike two colours look, roughly as eyes weigh them.
fn distance(one: Rgb, other: Rgb) -> u32 {
    let square = |one: u8, other: u8| u32::from(one.abs_diff(other)).pow(2);
    let red = (u32::from(one.0) + u32::from(other.0)) / 2;
    (2 * 256 + red) * square(one.0, other.0) / 256
        + 4 * square(one.1, other.1)
        + (2 * 256 + 255 - red) * square(one.2, other.2) / 256
}

/// How bright a colour is, from 0 to 1, as WCAG counts it.
pub(crate) fn luminance(color: Rgb) -> f32 {
    let linear = |part: u8| {
        let part = f32::from(part) / 255.0;
        match part <= 0.040_45 {
            true => part / 12.92,
            false => ((part + 0.055) / 1.055).powf(2.4),
        }
    };
    0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
}

/// The contrast of two colours, from 1 to 21, as WCAG counts it.
pub(crate) fn contrast(one: Rgb, other: Rgb) -> f32 {
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_what_there_is() {
        let text = Color::Rgb(250, 178, 131);
        let ground = Color::Rgb(10, 10, 10);
        let look = |foreground, background| Look {
            foreground,
            background,
            modifier: Modifier::BOLD,
        };
        let cases = [
            ("all", look(text, ground), Depth::True, look(text, ground)),
            (
                "256",
                look(text, ground),
                Depth::Palette,
                look(Color::Indexed(216), Color::Indexed(232)),
            ),
            (
                "256, a grey",
                look(Color::Rgb(128, 128, 128), Color::Reset),
                Depth::Palette,
                look(Color::Indexed(244), Color::Reset),
            ),
            (
                "256, the ends of the ramp",
                look(Color::Rgb(255, 255, 255), Color::Rgb(0, 0, 0)),
                Depth::Palette,
                look(Color::Indexed(231), Color::Indexed(16)),
            ),
            (
                "16",
                look(Color::Rgb(250, 20, 20), ground),
                Depth::Sixteen,
                look(Color::Indexed(9), Color::Indexed(0)),
            ),
            (
                "16, two darks",
                look(Color::Rgb(30, 30, 30), ground),
                Depth::Sixteen,
                look(Color::Indexed(15), Color::Indexed(0)),
            ),
            (
                "none",
                look(text, Color::Rgb(20, 20, 20)),
                Depth::None,
                look(Color::Reset, Color::Reset),
            ),
            (
                "none, a chosen row",
                look(ground, text),
                Depth::None,
                Look {
                    modifier: Modifier::BOLD | Modifier::REVERSED,
                    ..Look::PLAIN
                },
            ),
        ];
        for (name, look, depth, expected) in cases {
            assert_eq!(look.shown(depth, ground), expected, "{name}");
        }
    }

    #[test]
    fn the_palette_finds_itself() {
        for index in 16..=255 {
            let Rgb(red, green, blue) = indexed(index);
            let Color::Indexed(found) = to_palette(Color::Rgb(red, green, blue)) else {
                panic!("{index} is not in the palette");
            };
            assert_eq!(indexed(found), indexed(index));
        }
    }

    #[test]
    fn contrast_is_counted_as_wcag_does() {
        let (black, white) = (Rgb(0, 0, 0), Rgb(255, 255, 255));
        assert!((contrast(black, white) - 21.0).abs() < 0.01);
        assert!((contrast(white, white) - 1.0).abs() < 0.01);
    }
}
