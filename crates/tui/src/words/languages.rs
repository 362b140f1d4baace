//! The languages of this face, and which of them is meant (reference `web-desktop-i18n.md` §3).

use opencode_config::Environment;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language {
    /// What it is called in configuration and in the names of tables.
    pub(crate) code: &'static str,
    /// Its BCP 47 tag.
    pub(crate) tag: &'static str,
    /// Its own name.
    pub(crate) name: &'static str,
    /// Whether it is written from right to left.
    pub(crate) is_right_to_left: bool,
    /// Its texts, as a table.
    pub(super) table: &'static str,
}

macro_rules! languages {
    ($($code:literal $tag:literal $name:literal,)*) => {
        /// All of them, in the order of lists.
        pub(crate) const LANGUAGES: &[Language] = &[$(Language {
            code: $code,
            tag: $tag,
            name: $name,
            is_right_to_left: matches!($code.as_bytes(), b"ar"),
            table: include_str!(concat!($code, ".txt")),
        }),*];
    };
}

languages! {
    "en" "en" "English",
    "zh" "zh-Hans" "简体中文",
    "zht" "zh-Hant" "繁體中文",
    "ko" "ko" "한국어",
    "de" "de" "Deutsch",
    "es" "es" "Español",
    "fr" "fr" "Français",
    "da" "da" "Dansk",
    "ja" "ja" "日本語",
    "pl" "pl" "Polski",
    "ru" "ru" "Русский",
    "uk" "uk" "Українська",
    "bs" "bs" "Bosanski",
    "ar" "ar" "العربية",
    "no" "nb-NO" "Norsk",
    "br" "pt-BR" "Português (Brasil)",
    "th" "th" "ไทย",
    "tr" "tr" "Türkçe",
    "hi" "hi-IN" "हिन्दी",
    "nl" "nl-NL" "Nederlands",
    "id" "id-ID" "Bahasa Indonesia",
    "vi" "vi-VN" "Tiếng Việt",
    "it" "it-IT" "Italiano",
}

impl Language {
    /// English.
    pub(crate) fn english() -> &'static Self {
        const ENGLISH: Language = LANGUAGES[0];
        &ENGLISH
    }

    /// The language that a name means: a code, a BCP 47 tag, or a locale of POSIX such as `pt_BR.UTF-8`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let name = name.split(['.', '@']).next().unwrap_or_default();
        let name = name.replace('_', "-").to_ascii_lowercase();
        let mut parts = name.split('-');
        let base = parts.next().unwrap_or_default();
        let rest = parts.collect::<Vec<_>>();
        let code = match base {
            "c" | "posix" => "en",
            "nb" | "nn" => "no",
            "pt" => "br",
            // The script decides, whoever does not say it is known by the region.
            "zh" if rest.contains(&"hans") => "zh",
            "zh" if rest
                .iter()
                .any(|part| matches!(*part, "hant" | "tw" | "hk" | "mo")) =>
            {
                "zht"
            }
            base => base,
        };
        LANGUAGES.iter().find(|language| language.code == code)
    }

    /// The language that is configured, else that of the environment, else English.
    pub(crate) fn chosen(configured: Option<&str>, environment: &Environment) -> &'static Self {
        if let Some(language) = configured.and_then(Self::named) {
            return language;
        }
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| {
            let value = environment.get(name)?;
            (!value.is_empty()).then_some(value)
        });
        let Some(locale) = locale else {
            return Self::english();
        };
        // As gettext has it: a list of languages counts unless the locale is the plain one.
        let wants_none = matches!(locale, "C" | "POSIX") || locale.starts_with("C.");
        let listed = environment.get("LANGUAGE").filter(|_| !wants_none);
        let listed = listed.into_iter().flat_map(|list| list.split(':'));
        let mut wanted = listed.filter(|name| !name.is_empty()).chain([locale]);
        wanted.find_map(Self::named).unwrap_or_else(Self::english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], &'a str);

    #[test]
    fn names_mean_languages() {
        let cases = [
            ("de", Some("de")),
            ("de_AT.UTF-8", Some("de")),
            ("DE", Some("de")),
            ("pt_BR.UTF-8", Some("br")),
            ("pt-PT", Some("br")),
            ("br", Some("br")),
            ("nb_NO", Some("no")),
            ("nn", Some("no")),
            ("zh_CN.GB18030", Some("zh")),
            ("zh_TW.UTF-8", Some("zht")),
            ("zh-Hant-HK", Some("zht")),
            ("zh-Hans-HK", Some("zh")),
            ("zht", Some("zht")),
            ("sr_RS@latin", None),
            ("C", Some("en")),
            ("C.UTF-8", Some("en")),
            ("en_US.UTF-8", Some("en")),
            ("", None),
            ("xx", None),
        ];
        for (name, expected) in cases {
            let found = Language::named(name).map(|language| language.code);
            assert_eq!(found, expected, "{name}");
        }
        for language in LANGUAGES {
            assert_eq!(Language::named(language.tag), Some(language), "{}", language.tag);
        }
    }

    #[test]
    fn configuration_comes_before_the_environment() {
        let cases: [Case<'_>; 10] = [
            (None, &[], "en"),
            (None, &[("LANG", "de_DE.UTF-8")], "de"),
            (Some("fr"), &[("LANG", "de_DE.UTF-8")], "fr"),
            (Some("xx"), &[("LANG", "de_DE.UTF-8")], "de"),
            (None, &[("LANG", "de_DE"), ("LC_MESSAGES", "ja_JP")], "ja"),
            (None, &[("LANG", "de_DE"), ("LC_ALL", "C")], "en"),
            (None, &[("LANG", "de_DE"), ("LC_ALL", "")], "de"),
            (None, &[("LANG", "en_US"), ("LANGUAGE", "xx:tr:de")], "tr"),
            (None, &[("LANG", "C"), ("LANGUAGE", "de")], "en"),
            (None, &[("LANG", "xx_XX")], "en"),
        ];
        for (configured, variables, expected) in cases {
            let variables = variables.iter();
            let environment = variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<Environment>();
            let chosen = Language::chosen(configured, &environment);
            assert_eq!(chosen.code, expected, "{configured:?} {environment:?}");
        }
    }
}
