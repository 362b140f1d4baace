//! What a command line would run, without running it (reference `tools.md` §3, bash, «Permission
//! parsing»).
//!
//! The grammar is the one that the reference program parses with, and the rules that turn its tree into
//! commands and words are the reference's: what a user once allowed must go on meaning the same. Absurd
//! input — megabytes, thousands of levels — costs bounded time and memory; [`Script::complete`] then
//! says that not everything was understood, and who asks for permission must ask for the whole text.

mod paths;
mod prefix;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Node, ParseOptions, Parser, Tree};

pub use paths::{changes_directory, file_argument, file_arguments};
pub use prefix::prefix;

/// Bytes of a command line that is parsed. Linux takes 128 KiB in one argument, so more hardly runs.
pub const SOURCE_LIMIT: usize = 256 << 10;
/// Bytes of all texts taken out together: commands within commands repeat their text at each level.
const TEXT_LIMIT: usize = 4 << 20;
/// How long the parser may think.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// A command line taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The simple commands in it, also those within others, in the order of the text.
    pub commands: Vec<SimpleCommand>,
    /// Whether that is all: `false` when the grammar did not understand something, a redirection stands
    /// alone, or a limit was reached.
    pub complete: bool,
}

/// A simple command: a program or builtin with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimpleCommand {
    /// Its text; with its redirections when it has any.
    pub source: String,
    /// Its name and those arguments that are words, as written: quotes kept, numbers and bare
    /// expansions left out.
    pub words: Vec<String>,
}

/// Takes a command line apart.
#[must_use]
pub fn parse(source: &str) -> Script {
    if source.len() > SOURCE_LIMIT {
        return Script::default();
    }
    match tree(source) {
        Some(tree) => collect(&tree, source),
        None => Script::default(),
    }
}

fn tree(source: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
    let end = Instant::now() + TIME_LIMIT;
    let mut in_time = |_: &_| {
        if Instant::now() < end {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let source = disarm(source);
    let bytes = source.as_bytes();
    parser.parse_with_options(
        &mut |offset, _| bytes.get(offset..).unwrap_or_default(),
        None,
        Some(ParseOptions::new().progress_callback(&mut in_time)),
    )
}

/// `source` with the same offsets, made safe for the grammar.
///
/// Its scanner (tree-sitter-bash 0.25.1) asks C's `isdigit`, a table of 256 entries, about whatever
/// follows `{`, `{1`, `{1..` or `{1..2`: a character beyond U+00FF there is read far outside of the table
/// and ends the process (<https://github.com/tree-sitter/tree-sitter-bash/issues/337>). Control
/// characters in its place are neither letter nor space nor digit either.
fn disarm(source: &str) -> Cow<'_, str> {
    let mut safe = Cow::Borrowed(source);
    for (brace, _) in source.match_indices('{') {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut rest = source.get(brace + 1..).unwrap_or_default();
        for _ in 0..2 {
            rest = rest.get(digits(rest)..).unwrap_or_default();
            let at = source.len() - rest.len();
            match rest.chars().next() {
                Some(next) if next > '\u{ff}' => {
                    safe.to_mut()
                        .replace_range(at..at + next.len_utf8(), &"\u{1}".repeat(next.len_utf8()));
                    break;
                }
                _ => match rest.strip_prefix("..") {
                    Some(after) => rest = after,
                    None => break,
                },
            }
        }
    }
    safe
}

fn collect(tree: &Tree, source: &str) -> Script {
    let mut script = Script {
        commands: Vec::new(),
        complete: !tree.root_node().has_error(),
    };
    let mut redirected = false;
    let mut taken = 0;
    let mut cursor = tree.walk();
    // By hand and not by recursion: the depth of the tree is the input's choice.
    let mut parents: Vec<Node> = Vec::new();
    loop {
        let node = cursor.node();
        redirected |= node.kind() == "file_redirect";
        if node.kind() == "command" {
            let whole = parents
                .last()
                .copied()
                .filter(|parent| parent.kind() == "redirected_statement");
            let command = simple_command(node, whole.unwrap_or(node), source);
            taken += command.source.len();
            if taken > TEXT_LIMIT {
                script.complete = false;
                return script;
            }
            script.commands.push(command);
        }
        if cursor.goto_first_child() {
            parents.push(node);
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                if redirected && script.commands.is_empty() {
                    script.complete = false;
                }
                return script;
            }
            parents.pop();
        }
    }
}

fn simple_command(node: Node, whole: Node, source: &str) -> SimpleCommand {
    let mut cursor = node.walk();
    let words = node
        .children(&mut cursor)
        .filter(|child| {
            matches!(
                child.kind(),
                "command_name" | "word" | "string" | "raw_string" | "concatenation"
            )
        })
        .map(|child| text(child, source).to_owned())
        .collect();
    SimpleCommand {
        source: text(whole, source).trim().to_owned(),
        words,
    }
}

fn text<'a>(node: Node, source: &'a str) -> &'a str {
    source.get(node.byte_range()).unwrap_or_default()
}
