//! Colours by meaning (reference `tui.md` §12). Nothing else in this room names a colour.

pub(crate) mod builtin;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod package;
pub(crate) mod system;

use ratatui::style::Color;

use crate::terminal::event::Mode;
use file::ThemeError;
use system::Palette;

macro_rules! theme {
    ($($(#[$doc:meta])* $name:ident = $wire:literal,)*) => {
        /// The colours of everything that is drawn. [`Color::Reset`] shows the terminal's own.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct Theme {
            $($(#[$doc])* pub(crate) $name: Color,)*
            /// How much of a thought's text is seen over the background, from 0 to 1.
            pub(crate) thinking_opacity: f32,
        }

        impl Theme {
            /// All colours with their names in theme files.
            pub(crate) fn colors_mut(&mut self) -> Vec<(&'static str, &mut Color)> {
                vec![$(($wire, &mut self.$name),)*]
            }

            /// A theme that shows everything in the terminal's own colours.
            pub(crate) const fn plain() -> Self {
                Self { $($name: Color::Reset,)* thinking_opacity: 0.6 }
            }
        }
    };
}

theme! {
    /// What is chosen, and the program's own accent.
    primary = "primary",
    /// The second accent.
    secondary = "secondary",
    /// The third accent.
    accent = "accent",
    /// Failures.
    error = "error",
    /// What wants attention.
    warning = "warning",
    /// What went well.
    success = "success",
    /// What is worth knowing.
    info = "info",
    /// Text.
    text = "text",
    /// Text that steps back.
    text_muted = "textMuted",
    /// Text on a row in the primary colour.
    selected_list_item_text = "selectedListItemText",
    /// The screen.
    background = "background",
    /// Panels on the screen, such as messages and dialogs.
    background_panel = "backgroundPanel",
    /// What stands on panels, such as the prompt's text.
    background_element = "backgroundElement",
    /// Menus.
    background_menu = "backgroundMenu",
    /// Borders.
    border = "border",
    /// Borders of what has the keyboard.
    border_active = "borderActive",
    /// Borders that step back.
    border_subtle = "borderSubtle",
    /// Signs of added lines.
    diff_added = "diffAdded",
    /// Signs of removed lines.
    diff_removed = "diffRemoved",
    /// Unchanged lines.
    diff_context = "diffContext",
    /// Headings of hunks.
    diff_hunk_header = "diffHunkHeader",
    /// Added words.
    diff_highlight_added = "diffHighlightAdded",
    /// Removed words.
    diff_highlight_removed = "diffHighlightRemoved",
    /// Below added lines.
    diff_added_background = "diffAddedBg",
    /// Below removed lines.
    diff_removed_background = "diffRemovedBg",
    /// Below unchanged lines.
    diff_context_background = "diffContextBg",
    /// Numbers of lines.
    diff_line_number = "diffLineNumber",
    /// Below numbers of added lines.
    diff_added_line_number_background = "diffAddedLineNumberBg",
    /// Below numbers of removed lines.
    diff_removed_line_number_background = "diffRemovedLineNumberBg",
    /// Markdown: text.
    markdown_text = "markdownText",
    /// Markdown: headings.
    markdown_heading = "markdownHeading",
    /// Markdown: addresses.
    markdown_link = "markdownLink",
    /// Markdown: texts of links.
    markdown_link_text = "markdownLinkText",
    /// Markdown: code in a line.
    markdown_code = "markdownCode",
    /// Markdown: quotations.
    markdown_block_quote = "markdownBlockQuote",
    /// Markdown: emphasis.
    markdown_emphasis = "markdownEmph",
    /// Markdown: strong emphasis.
    markdown_strong = "markdownStrong",
    /// Markdown: rules.
    markdown_horizontal_rule = "markdownHorizontalRule",
    /// Markdown: marks of lists.
    markdown_list_item = "markdownListItem",
    /// Markdown: numbers of lists.
    markdown_list_enumeration = "markdownListEnumeration",
    /// Markdown: addresses of pictures.
    markdown_image = "markdownImage",
    /// Markdown: texts of pictures.
    markdown_image_text = "markdownImageText",
    /// Markdown: code of blocks without a language.
    markdown_code_block = "markdownCodeBlock",
    /// Code: comments.
    syntax_comment = "syntaxComment",
    /// Code: keywords.
    syntax_keyword = "syntaxKeyword",
    /// Code: functions.
    syntax_function = "syntaxFunction",
    /// Code: variables.
    syntax_variable = "syntaxVariable",
    /// Code: strings.
    syntax_string = "syntaxString",
    /// Code: numbers.
    syntax_number = "syntaxNumber",
    /// Code: types.
    syntax_type = "syntaxType",
    /// Code: operators.
    syntax_operator = "syntaxOperator",
    /// Code: brackets, commas and the like.
    syntax_punctuation = "syntaxPunctuation",
}

impl Theme {
    /// A theme by its name: the terminal's own, a file of the user (`custom` is its text), or one that comes with
    /// the program.
    pub(crate) fn load(
        name: &str,
        custom: Option<&str>,
        mode: Mode,
        palette: &Palette,
    ) -> Result<Self, ThemeError> {
        match custom {
            Some(text) => file::parse(text, mode, &builtin::fallback(mode)),
            None if name == builtin::SYSTEM => palette
                .theme()
                .ok_or_else(|| ThemeError::Unknown(name.to_owned())),
            None => builtin::load(name, mode),
        }
    }

    /// What can be read on a colour: the theme's own choice for chosen rows, else black or white.
    pub(crate) fn on(&self, ground: Color) -> Color {
        match self.selected_list_item_text {
            Color::Reset => file::black_or_white(ground),
            text => text,
        }
    }

    /// The colour that a configured text names: one of this theme by its name in theme files, or `#rrggbb`.
    pub(crate) fn named(&self, text: &str) -> Option<Color> {
        if let Some(color) = file::hexadecimal(text) {
            return Some(color);
        }
        let mut colors = self.clone();
        let named = colors.colors_mut().into_iter().find(|(name, _)| *name == text);
        named.map(|(_, color)| *color)
    }
}

/// Whether things are shown light or dark: as the user locked it, else as the terminal is, else dark.
pub(crate) fn mode(locked: Option<Mode>, terminal: Option<Mode>) -> Mode {
    locked.or(terminal).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn themes_are_found_by_name() {
        let palette = Palette::default();
        let load = |name, custom| Theme::load(name, custom, Mode::Dark, &palette);
        assert_eq!(load("opencode", None), Ok(builtin::fallback(Mode::Dark)));
        assert_eq!(load("system", None), Err(ThemeError::Unknown("system".into())));
        let custom = load("opencode", Some(r##"{"theme": {"primary": "#010203"}}"##)).unwrap();
        assert_eq!(custom.primary, Color::Rgb(1, 2, 3));
        assert_eq!(
            custom.text,
            builtin::fallback(Mode::Dark).text,
            "what is left out is the default's"
        );
    }

    #[test]
    fn modes() {
        let (dark, light) = (Mode::Dark, Mode::Light);
        for (locked, terminal, expected) in [
            (None, None, dark),
            (None, Some(light), light),
            (Some(dark), Some(light), dark),
        ] {
            assert_eq!(mode(locked, terminal), expected);
        }
    }
}
