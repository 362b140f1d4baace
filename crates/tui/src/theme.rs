//! Colours by meaning (reference `tui.md` §12). Nothing else in this room names a colour.

use ratatui::style::Color;

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
