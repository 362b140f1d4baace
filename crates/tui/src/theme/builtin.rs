//! The themes that come with the program. Each is an ordinary theme file, read when it is wanted.

use super::Theme;
use super::file::{self, ThemeError};
use crate::terminal::event::Mode;

/// The theme of who has not chosen one.
pub(crate) const DEFAULT: &str = "opencode";

/// The name of the theme that is made of the terminal's own colours.
pub(crate) const SYSTEM: &str = "system";

macro_rules! builtin {
    ($($name:literal),* $(,)?) => {
        /// Names and files, in the order of the list of themes.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("builtin/", $name, ".json")))),*];
    };
}

builtin![
    "aura",
    "ayu",
    "carbonfox",
    "catppuccin",
    "catppuccin-frappe",
    "catppuccin-macchiato",
    "cobalt2",
    "cursor",
    "dracula",
    "everforest",
    "flexoki",
    "github",
    "gruvbox",
    "kanagawa",
    "lucent-orng",
    "material",
    "matrix",
    "mercury",
    "monokai",
    "nightowl",
    "nord",
    "one-dark",
    "opencode",
    "orng",
    "osaka-jade",
    "palenight",
    "rosepine",
    "solarized",
    "synthwave84",
    "tokyonight",
    "vercel",
    "vesper",
    "zenburn",
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// One of them.
pub(crate) fn load(name: &str, mode: Mode) -> Result<Theme, ThemeError> {
    let file = FILES.iter().find(|(known, _)| *known == name);
    let (_, text) = file.ok_or_else(|| ThemeError::Unknown(name.to_owned()))?;
    // They are complete: nothing is taken from the plain one.
    file::parse(text, mode, &Theme::plain())
}

/// The default. Its file is part of the program and a test reads it; without it everything is plain.
pub(crate) fn fallback(mode: Mode) -> Theme {
    load(DEFAULT, mode).unwrap_or_else(|_| Theme::plain())
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;
    use serde_json::Value;

    use super::*;
    use crate::terminal::color::{Depth, Look, contrast, rgb};
    use crate::terminal::event::Rgb;

    const MODES: [Mode; 2] = [Mode::Dark, Mode::Light];

    #[test]
    fn all_are_there_and_complete() {
        assert_eq!(names().count(), 33);
        let mut sorted = names().collect::<Vec<_>>();
        sorted.sort_unstable();
        assert_eq!(names().collect::<Vec<_>>(), sorted);
        let keys = Theme::plain()
            .colors_mut()
            .into_iter()
            .map(|(key, _)| key)
            .collect::<Vec<_>>();
        for (name, text) in FILES {
            let file: Value = serde_json::from_str(text).unwrap();
            let theme = file.get("theme").and_then(Value::as_object).unwrap();
            for key in &keys {
                assert!(theme.contains_key(*key), "{name} has no {key}");
            }
            for key in theme.keys() {
                assert!(
                    keys.contains(&key.as_str()) || key == "thinkingOpacity",
                    "{name}: {key} is no key"
                );
            }
            for mode in MODES {
                load(name, mode).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
        assert_eq!(
            load("none such", Mode::Dark),
            Err(ThemeError::Unknown("none such".into()))
        );
    }

    /// What stands on what, and how much contrast that needs at least.
    fn pairs(theme: &Theme) -> Vec<(&'static str, Color, Color, f32)> {
        let grounds = [
            theme.background,
            theme.background_panel,
            theme.background_element,
            theme.background_menu,
        ];
        let mut pairs = Vec::new();
        for ground in grounds {
            pairs.push(("text", theme.text, ground, 4.5));
            pairs.push(("muted text", theme.text_muted, ground, 3.0));
            for (name, color) in [
                ("primary", theme.primary),
                ("secondary", theme.secondary),
                ("accent", theme.accent),
                ("error", theme.error),
                ("warning", theme.warning),
                ("success", theme.success),
                ("info", theme.info),
            ] {
                pairs.push((name, color, ground, 3.0));
            }
        }
        for (name, ground) in [
            ("a selected row", theme.primary),
            ("a row in the error's colour", theme.error),
        ] {
            pairs.push((name, theme.selected_list_item_text, ground, 4.5));
        }
        for ground in [
            theme.background,
            theme.background_panel,
            theme.diff_added_background,
            theme.diff_removed_background,
            theme.diff_context_background,
        ] {
            pairs.push(("text in a diff", theme.text, ground, 4.5));
            for (name, color) in [
                ("comment", theme.syntax_comment),
                ("keyword", theme.syntax_keyword),
                ("function", theme.syntax_function),
                ("variable", theme.syntax_variable),
                ("string", theme.syntax_string),
                ("number", theme.syntax_number),
                ("type", theme.syntax_type),
                ("operator", theme.syntax_operator),
                ("punctuation", theme.syntax_punctuation),
            ] {
                pairs.push((name, color, ground, 3.0));
            }
        }
        pairs.extend([
            ("added", theme.diff_added, theme.diff_added_background, 3.0),
            ("removed", theme.diff_removed, theme.diff_removed_background, 3.0),
            (
                "added words",
                theme.diff_highlight_added,
                theme.diff_added_background,
                3.0,
            ),
            (
                "removed words",
                theme.diff_highlight_removed,
                theme.diff_removed_background,
                3.0,
            ),
            ("context", theme.diff_context, theme.diff_context_background, 3.0),
            (
                "hunks",
                theme.diff_hunk_header,
                theme.diff_context_background,
                3.0,
            ),
            (
                "numbers",
                theme.diff_line_number,
                theme.diff_context_background,
                3.0,
            ),
            (
                "added numbers",
                theme.diff_line_number,
                theme.diff_added_line_number_background,
                3.0,
            ),
            (
                "removed numbers",
                theme.diff_line_number,
                theme.diff_removed_line_number_background,
                3.0,
            ),
            ("Markdown", theme.markdown_text, theme.background, 4.5),
            ("headings", theme.markdown_heading, theme.background, 3.0),
            ("links", theme.markdown_link, theme.background, 3.0),
            ("texts of links", theme.markdown_link_text, theme.background, 3.0),
            ("code", theme.markdown_code, theme.background, 3.0),
            ("quotations", theme.markdown_block_quote, theme.background, 3.0),
            ("emphasis", theme.markdown_emphasis, theme.background, 3.0),
            ("strong emphasis", theme.markdown_strong, theme.background, 3.0),
            ("lists", theme.markdown_list_item, theme.background, 3.0),
            (
                "numbers of lists",
                theme.markdown_list_enumeration,
                theme.background,
                3.0,
            ),
            ("blocks of code", theme.markdown_code_block, theme.background, 3.0),
        ]);
        pairs
    }

    #[test]
    fn everything_can_be_read() {
        let mut faint = Vec::new();
        for name in names() {
            for mode in MODES {
                let theme = load(name, mode).unwrap();
                // What shows through is assumed to be what terminals have there.
                let through = match mode {
                    Mode::Dark => Rgb(16, 16, 16),
                    Mode::Light => Rgb(255, 255, 255),
                };
                for (what, text, ground, least) in pairs(&theme) {
                    let found = contrast(rgb(text).unwrap_or(through), rgb(ground).unwrap_or(through));
                    if found < least {
                        faint.push(format!("{name} {mode:?}: {what} has {found:.2} of {least}"));
                    }
                    // The nearest of 256 colours may be off a little, but not so that nothing is seen.
                    let look = Look {
                        foreground: text,
                        background: ground,
                        modifier: ratatui::style::Modifier::empty(),
                    };
                    let look = look.shown(Depth::Palette, theme.background);
                    let found = contrast(
                        rgb(look.foreground).unwrap_or(through),
                        rgb(look.background).unwrap_or(through),
                    );
                    if found < least * 0.6 {
                        faint.push(format!(
                            "{name} {mode:?} in 256 colours: {what} has {found:.2} of {least}"
                        ));
                    }
                }
            }
        }
        assert!(faint.is_empty(), "{}", faint.join("\n"));
    }

    #[test]
    fn places_can_be_told_apart() {
        for name in names() {
            for mode in MODES {
                let theme = load(name, mode).unwrap();
                let colors = [
                    theme.background,
                    theme.background_panel,
                    theme.background_element,
                    theme.border,
                    theme.diff_added_background,
                    theme.diff_removed_background,
                ];
                for (index, color) in colors.iter().enumerate() {
                    assert!(!colors[..index].contains(color), "{name} {mode:?}: {index}");
                }
            }
        }
    }
}
