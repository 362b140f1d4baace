//! Which language code is in.

use syntect::parsing::{SyntaxReference, SyntaxSet};

/// A language as a fence or a file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// The first word after a fence, in lower case.
    Fence(String),
    /// The name of a file, without its folder.
    File(String),
}

impl Language {
    /// The language of a fenced block; none if it names none.
    pub(crate) fn of_fence(info: &str) -> Option<Self> {
        let word = info
            .split(|letter: char| letter.is_whitespace() || ",{:".contains(letter))
            .next()?;
        let word = word.trim_start_matches('.').to_lowercase();
        let is_plain = matches!(
            word.as_str(),
            "" | "text" | "txt" | "plain" | "plaintext" | "output" | "none"
        );
        (!is_plain).then_some(Self::Fence(word))
    }

    /// The language of a file.
    pub(crate) fn of_file(path: &str) -> Option<Self> {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        (!name.is_empty()).then(|| Self::File(name.to_owned()))
    }

    pub(super) fn syntax<'a>(&self, set: &'a SyntaxSet) -> Option<&'a SyntaxReference> {
        match self {
            Self::Fence(word) => set
                .find_syntax_by_token(alias(word))
                .or_else(|| set.find_syntax_by_token(word)),
            Self::File(name) => {
                let whole = set.find_syntax_by_extension(name);
                let ending = || set.find_syntax_by_extension(alias(name.rsplit_once('.')?.1));
                whole.or_else(ending)
            }
        }
    }
}

/// Names that grammars do not know themselves by.
fn alias(word: &str) -> &str {
    match word {
        "shell" | "shellscript" | "console" | "shell-session" | "zsh" | "ksh" => "bash",
        "jsonc" | "json5" | "jsonl" => "json",
        "golang" => "go",
        "node" | "mjs" | "cjs" => "js",
        "mts" | "cts" => "ts",
        "py3" | "python3" => "python",
        "docker" => "dockerfile",
        "make" => "makefile",
        "c++" => "cpp",
        "csharp" => "cs",
        "patch" => "diff",
        _ => word,
    }
}
