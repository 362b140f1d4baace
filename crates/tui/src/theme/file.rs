//! Theme files (reference `tui.md` §12): names for colours in `defs`, and colours by meaning in `theme`.

use ratatui::style::Color;
use serde_json::{Map, Value};

use super::Theme;
use crate::terminal::color::{luminance, rgb};
use crate::terminal::event::Mode;

/// Why a file is no theme. The texts are for the log and the list of themes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ThemeError {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// It has no `theme` object.
    #[error("it has no object \"theme\"")]
    NoTheme,
    /// A value is no colour.
    #[error("\"{key}\": {value} is no colour; write \"#rrggbb\", a name, a number from 0 to 255 or \"none\"")]
    Value {
        /// Where.
        key: String,
        /// What stands there.
        value: String,
    },
    /// A name that stands for nothing.
    #[error("\"{key}\": nothing is called \"{name}\" in \"defs\" or \"theme\"")]
    Name {
        /// Where.
        key: String,
        /// The name.
        name: String,
    },
    /// Names that stand for each other.
    #[error("\"{key}\" stands for itself")]
    Cycle {
        /// One of them.
        key: String,
    },
    /// There is no theme of this name.
    #[error("there is no theme \"{0}\"")]
    Unknown(String),
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// Names may stand for names, but nobody needs this many.
const DEPTH: usize = 32;

/// The colours of a theme file. What it leaves out is taken from `base`.
pub(crate) fn parse(text: &str, mode: Mode, base: &Theme) -> Result<Theme, ThemeError> {
    let file: Value = serde_json::from_str(text).map_err(|error| ThemeError::Json(error.to_string()))?;
    let empty = Map::new();
    let colors = file
        .get("theme")
        .and_then(Value::as_object)
        .ok_or(ThemeError::NoTheme)?;
    let names = file.get("defs").and_then(Value::as_object).unwrap_or(&empty);
    let resolver = Resolver { names, colors, mode };

    let mut theme = base.clone();
    for (key, color) in theme.colors_mut() {
        if let Some(value) = colors.get(key) {
            *color = resolver.color(key, value, DEPTH)?;
        }
    }
    if let Some(opacity) = colors.get("thinkingOpacity").and_then(Value::as_f64) {
        #[expect(clippy::cast_possible_truncation, reason = "a share needs no more than this")]
        let opacity = opacity.clamp(0.0, 1.0) as f32;
        theme.thinking_opacity = opacity;
    }
    if !colors.contains_key("backgroundMenu") {
        theme.background_menu = theme.background_element;
    }
    if !colors.contains_key("selectedListItemText") {
        theme.selected_list_item_text = match theme.background {
            Color::Reset => black_or_white(theme.primary),
            background => background,
        };
    }
    Ok(theme)
}

/// Which of the two can be read on a colour.
pub(crate) fn black_or_white(ground: Color) -> Color {
    match rgb(ground) {
        Some(ground) if luminance(ground) > 0.18 => Color::Rgb(0, 0, 0),
        Some(_) => Color::Rgb(255, 255, 255),
        None => Color::Reset,
    }
}

struct Resolver<'a> {
    names: &'a Map<String, Value>,
    colors: &'a Map<String, Value>,
    mode: Mode,
}

impl Resolver<'_> {
    fn color(&self, key: &str, value: &Value, depth: usize) -> Result<Color, ThemeError> {
        let wrong = || ThemeError::Value {
            key: key.to_owned(),
            value: value.to_string(),
        };
        if depth == 0 {
            return Err(ThemeError::Cycle { key: key.to_owned() });
        }
        match value {
            Value::Number(number) => {
                let index = number.as_u64().and_then(|number| u8::try_from(number).ok());
                index.map(Color::Indexed).ok_or_else(wrong)
            }
            Value::Object(both) => {
                let side = match self.mode {
                    Mode::Dark => "dark",
                    Mode::Light => "light",
                };
                self.color(key, both.get(side).ok_or_else(wrong)?, depth - 1)
            }
            Value::String(text) if text == "none" || text == "transparent" => Ok(Color::Reset),
            Value::String(text) if text.starts_with('#') => hexadecimal(text).ok_or_else(wrong),
            Value::String(name) => {
                let value = self.names.get(name).or_else(|| self.colors.get(name));
                let value = value.ok_or_else(|| ThemeError::Name {
                    key: key.to_owned(),
                    name: name.clone(),
                })?;
                self.color(key, value, depth - 1)
            }
            _ => Err(wrong()),
        }
    }
}

/// `#rgb`, `#rrggbb`, and `#rrggbbaa`, whose last part no terminal can show.
pub(crate) fn hexadecimal(text: &str) -> Option<Color> {
    let digits = text.strip_prefix('#')?.as_bytes();
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    let part = |high: usize, low: usize| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    match digits.len() {
        3 => Some(Color::Rgb(part(0, 0)?, part(1, 1)?, part(2, 2)?)),
        6 | 8 => Some(Color::Rgb(part(0, 1)?, part(2, 3)?, part(4, 5)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    const RED: Color = Color::Rgb(255, 0, 0);
    const BLUE: Color = Color::Rgb(0, 0, 255);

    /// The primary colour and the background of a file, dark and light.
    fn primary(value: &Value) -> [Result<Color, ThemeError>; 2] {
        let file = json!({
            "defs": {"red": "#ff0000", "blue": "#00f", "both": {"dark": "red", "light": "blue"}, "a": "b", "b": "a"},
            "theme": {"primary": value, "accent": "primary", "text": "#ff0000"},
        });
        [Mode::Dark, Mode::Light].map(|mode| {
            let theme = parse(&file.to_string(), mode, &Theme::plain())?;
            assert_eq!(theme.accent, theme.primary);
            Ok(theme.primary)
        })
    }

    #[test]
    fn every_value_is_understood() {
        let cases = [
            ("a colour", json!("#ff0000"), RED, RED),
            ("a short one", json!("#00F"), BLUE, BLUE),
            ("with opacity", json!("#0000ff80"), BLUE, BLUE),
            ("a name", json!("red"), RED, RED),
            ("another key", json!("text"), RED, RED),
            ("both", json!({"dark": "#ff0000", "light": "blue"}), RED, BLUE),
            ("a name of both", json!("both"), RED, BLUE),
            ("a number", json!(12), Color::Indexed(12), Color::Indexed(12)),
            ("none", json!("none"), Color::Reset, Color::Reset),
            (
                "transparent",
                json!({"dark": "transparent", "light": 255}),
                Color::Reset,
                Color::Indexed(255),
            ),
        ];
        for (name, value, dark, light) in cases {
            assert_eq!(primary(&value), [Ok(dark), Ok(light)], "{name}");
        }
    }

    #[test]
    fn what_is_no_colour_is_told() {
        let wrong = |value: &str| ThemeError::Value {
            key: "primary".into(),
            value: value.into(),
        };
        let cycle = || ThemeError::Cycle {
            key: "primary".into(),
        };
        let cases = [
            ("a number too large", json!(256), wrong("256")),
            ("a number below 0", json!(-1), wrong("-1")),
            ("no digits", json!("#ff00zz"), wrong("\"#ff00zz\"")),
            (
                "not the right number of digits",
                json!("#ff00"),
                wrong("\"#ff00\""),
            ),
            ("not ASCII", json!("#éé"), wrong("\"#éé\"")),
            ("a list", json!([]), wrong("[]")),
            (
                "one side only",
                json!({"dark": "red"}),
                wrong("{\"dark\":\"red\"}"),
            ),
            ("itself", json!("primary"), cycle()),
            ("a cycle", json!("a"), cycle()),
            (
                "no name",
                json!("green"),
                ThemeError::Name {
                    key: "primary".into(),
                    name: "green".into(),
                },
            ),
        ];
        for (name, value, expected) in cases {
            assert_eq!(primary(&value)[1], Err(expected), "{name}");
        }
        let file = |text: &str| parse(text, Mode::Dark, &Theme::plain());
        assert_eq!(file("{}"), Err(ThemeError::NoTheme));
        assert!(matches!(file("{"), Err(ThemeError::Json(_))));
    }

    #[test]
    fn what_is_left_out_follows() {
        let parse = |theme: Value| {
            let file = json!({"theme": theme}).to_string();
            parse(&file, Mode::Dark, &Theme::plain()).unwrap()
        };
        let theme =
            parse(json!({"background": "#ff0000", "backgroundElement": "#0000ff", "thinkingOpacity": 0.5}));
        assert_eq!(
            (theme.selected_list_item_text, theme.background_menu),
            (RED, BLUE)
        );
        assert!((theme.thinking_opacity - 0.5).abs() < f32::EPSILON);
        let theme = parse(json!({"primary": "#ffffff", "backgroundMenu": 3, "thinkingOpacity": 7}));
        assert_eq!(
            theme.selected_list_item_text,
            Color::Rgb(0, 0, 0),
            "black on white where the ground is unknown"
        );
        assert_eq!(theme.background_menu, Color::Indexed(3));
        assert!((theme.thinking_opacity - 1.0).abs() < f32::EPSILON);
    }
}
