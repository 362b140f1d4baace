//! What the scopes of grammars are in colours.

use std::str::FromStr as _;
use std::sync::OnceLock;

use ratatui::style::{Modifier, Style};
use syntect::parsing::{Scope, ScopeStack};

use crate::theme::Theme;

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Comment,
    Keyword,
    Function,
    Variable,
    String,
    Number,
    Type,
    Operator,
    Punctuation,
}

impl Class {
    pub(super) fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Comment => Style::new()
                .fg(theme.syntax_comment)
                .add_modifier(Modifier::ITALIC),
            Self::Keyword => Style::new()
                .fg(theme.syntax_keyword)
                .add_modifier(Modifier::ITALIC),
            Self::Function => Style::new().fg(theme.syntax_function),
            Self::Variable => Style::new().fg(theme.syntax_variable),
            Self::String => Style::new().fg(theme.syntax_string),
            Self::Number => Style::new().fg(theme.syntax_number),
            Self::Type => Style::new().fg(theme.syntax_type),
            Self::Operator => Style::new().fg(theme.syntax_operator),
            Self::Punctuation => Style::new().fg(theme.syntax_punctuation),
        }
    }
}

/// What the innermost scope that says something makes of a place.
pub(super) fn class_of(scopes: &ScopeStack) -> Option<Class> {
    let table = table();
    for scope in scopes.as_slice().iter().rev() {
        if let Some((_, class)) = table.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)) {
            return *class;
        }
    }
    None
}

/// Scopes and what they are, the special ones before the general ones.
fn table() -> &'static [(Scope, Option<Class>)] {
    static TABLE: OnceLock<Vec<(Scope, Option<Class>)>> = OnceLock::new();
    let rows: &[(&str, Option<Class>)] = &[
        ("comment", Some(Class::Comment)),
        ("punctuation.definition.comment", Some(Class::Comment)),
        ("punctuation.definition.string", Some(Class::String)),
        (
            "punctuation.definition.template-expression",
            Some(Class::Operator),
        ),
        ("punctuation.section.interpolation", Some(Class::Operator)),
        ("punctuation.accessor", Some(Class::Operator)),
        ("punctuation.definition.variable", Some(Class::Variable)),
        ("punctuation.definition.keyword", Some(Class::Keyword)),
        ("punctuation.definition.heading", Some(Class::Keyword)),
        ("punctuation", Some(Class::Punctuation)),
        ("meta.interpolation", None),
        ("meta.template.expression", None),
        ("string", Some(Class::String)),
        ("constant.character.escape", Some(Class::Operator)),
        ("constant", Some(Class::Number)),
        ("keyword.operator", Some(Class::Operator)),
        ("keyword.other.unit", Some(Class::Number)),
        ("keyword", Some(Class::Keyword)),
        ("storage.type.function.arrow", Some(Class::Operator)),
        ("storage", Some(Class::Keyword)),
        ("entity.name.function", Some(Class::Function)),
        ("entity.name.macro", Some(Class::Function)),
        ("entity.name.tag", Some(Class::Keyword)),
        ("entity.name.label", Some(Class::Variable)),
        ("entity.name.section", Some(Class::Keyword)),
        ("entity.name.constant", Some(Class::Number)),
        ("entity.name.variable", Some(Class::Variable)),
        ("entity.name", Some(Class::Type)),
        ("entity.other.attribute-name", Some(Class::Variable)),
        ("entity.other.inherited-class", Some(Class::Type)),
        ("support.function", Some(Class::Function)),
        ("support.macro", Some(Class::Function)),
        ("support.constant", Some(Class::Number)),
        ("support.type.property-name", Some(Class::Variable)),
        ("support.variable", Some(Class::Variable)),
        ("support", Some(Class::Type)),
        ("variable.function", Some(Class::Function)),
        ("variable.annotation", Some(Class::Function)),
        ("variable", Some(Class::Variable)),
        ("markup.heading", Some(Class::Keyword)),
        ("markup.inserted", Some(Class::String)),
        ("markup.deleted", Some(Class::Variable)),
        ("markup.raw", Some(Class::String)),
        ("meta.diff.range", Some(Class::Number)),
    ];
    TABLE.get_or_init(|| {
        let scope = |(name, class): &(&str, Option<Class>)| Some((Scope::from_str(name).ok()?, *class));
        rows.iter().filter_map(scope).collect()
    })
}
