//! Unified diffs, as the reference program writes them (reference `tools.md` §3 «diff format»,
//! `sessions.md` §8).
//!
//! Two texts are compared line by line, and the difference is written as a patch in one of two forms:
//! [`Form::Tool`] for the results of file tools, [`Form::Snapshot`] for the files of a snapshot. Which
//! of several equally short differences is shown is part of the parity: stored sessions, forks and
//! front ends compare these texts. Nothing here reads files or applies patches.

mod fallback;
mod indentation;
mod script;
mod whitespace;

use std::collections::HashMap;
use std::fmt::Write as _;

pub use indentation::without_common_indentation;
pub use whitespace::{is_whitespace, trim, trim_start};

use script::{Kind, Run};

/// Lines of context around a change in results of tools.
const TOOL_CONTEXT: usize = 4;

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Four lines of context, plain file lines, common indentation taken out.
    Tool,
    /// As [`Form::Tool`], with the indentation as it is.
    Exact,
    /// The whole file as context, file lines that end with a tab.
    Snapshot,
}

/// How many lines a change adds and removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that are new.
    pub additions: usize,
    /// Lines that are gone.
    pub deletions: usize,
}

/// What differs between two texts, line by line.
///
/// Making one takes bounded time and memory: texts with very many differences are compared more
/// coarsely (their patch is still correct, only longer than it could be).
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    before: Vec<&'a str>,
    after: Vec<&'a str>,
    runs: Vec<Run>,
}

impl<'a> Comparison<'a> {
    /// Compares two texts.
    #[must_use]
    pub fn new(before: &'a str, after: &'a str) -> Self {
        Self::with_work(before, after, script::WORK)
    }

    fn with_work(before: &'a str, after: &'a str, work: usize) -> Self {
        let (before, after) = (lines(before), lines(after));
        let runs = runs(&before, &after, work);
        Self { before, after, runs }
    }

    /// How many lines differ.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let total = |kind| {
            self.runs
                .iter()
                .filter(|run| run.kind == kind)
                .map(|run| run.count)
                .sum()
        };
        Counts {
            additions: total(Kind::Added),
            deletions: total(Kind::Removed),
        }
    }

    /// The difference as the text of a patch of the file `name`.
    #[must_use]
    pub fn patch(&self, name: &str, form: Form) -> String {
        match form {
            Form::Tool => without_common_indentation(&self.unified(name, TOOL_CONTEXT, "")),
            Form::Exact => self.unified(name, TOOL_CONTEXT, ""),
            Form::Snapshot => self.unified(name, usize::MAX, "\t"),
        }
    }

    fn unified(&self, name: &str, context: usize, file_line_end: &str) -> String {
        let rule = "=".repeat(67);
        let mut out =
            format!("Index: {name}\n{rule}\n--- {name}{file_line_end}\n+++ {name}{file_line_end}\n");
        for hunk in self.hunks(context) {
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "@@ -{},{} +{},{} @@",
                start(hunk.before_start, hunk.before_count),
                hunk.before_count,
                start(hunk.after_start, hunk.after_count),
                hunk.after_count
            );
            for (sign, line) in hunk.lines {
                out.push(sign);
                match line.strip_suffix('\n') {
                    Some(line) => out.push_str(line),
                    None => {
                        out.push_str(line);
                        out.push_str("\n\\ No newline at end of file");
                    }
                }
                out.push('\n');
            }
        }
        out
    }

    /// Changes with `context` lines around them; changes whose contexts meet are in one hunk.
    fn hunks(&self, context: usize) -> Vec<Hunk<'a>> {
        let mut hunks = Vec::new();
        let mut open: Option<Hunk<'a>> = None;
        let (mut before_at, mut after_at) = (0, 0);
        for (index, run) in self.runs.iter().enumerate() {
            let (from, at, sign) = match run.kind {
                Kind::Same => (&self.before, before_at, ' '),
                Kind::Removed => (&self.before, before_at, '-'),
                Kind::Added => (&self.after, after_at, '+'),
            };
            let lines = from.iter().skip(at).take(run.count).map(|line| (sign, *line));
            if run.kind == Kind::Same {
                let last = index + 1 == self.runs.len();
                if let Some(mut hunk) = open.take() {
                    let between = !last && run.count <= context.saturating_mul(2);
                    hunk.lines
                        .extend(lines.take(if between { run.count } else { context }));
                    if between {
                        open = Some(hunk);
                    } else {
                        hunks.push(hunk);
                    }
                }
            } else {
                open.get_or_insert_with(|| self.lead_in(before_at, after_at, context))
                    .lines
                    .extend(lines);
            }
            before_at += if run.kind == Kind::Added { 0 } else { run.count };
            after_at += if run.kind == Kind::Removed { 0 } else { run.count };
        }
        hunks.extend(open);
        for hunk in &mut hunks {
            hunk.before_count = hunk.lines.iter().filter(|(sign, _)| *sign != '+').count();
            hunk.after_count = hunk.lines.iter().filter(|(sign, _)| *sign != '-').count();
        }
        hunks
    }

    /// A new hunk with the lines before a change. What stands directly before a change that opens a hunk
    /// is the same on both sides, and if it is shorter than the context, the change is near the top.
    fn lead_in(&self, before_at: usize, after_at: usize, context: usize) -> Hunk<'a> {
        let count = context.min(before_at).min(after_at);
        let lines = self.before.iter().take(before_at).skip(before_at - count);
        Hunk {
            before_start: before_at - count + 1,
            before_count: 0,
            after_start: after_at - count + 1,
            after_count: 0,
            lines: lines.map(|line| (' ', *line)).collect(),
        }
    }
}

#[derive(Clone, Debug)]
struct Hunk<'a> {
    before_start: usize,
    before_count: usize,
    after_start: usize,
    after_count: usize,
    lines: Vec<(char, &'a str)>,
}

/// Where a range starts: an empty one is named by the line before it.
fn start(start: usize, count: usize) -> usize {
    if count == 0 { start - 1 } else { start }
}

/// The lines of a text, with their ends.
fn lines(text: &str) -> Vec<&str> {
    // Counted first: growing takes longer.
    let count = text.bytes().filter(|byte| *byte == b'\n').count();
    let mut lines = Vec::with_capacity(count + 1);
    lines.extend(text.split_inclusive('\n'));
    lines
}

/// What happens to the lines.
///
/// What both texts begin with is the same in every shortest difference, so it is only counted. What both end
/// with is not: which of several equally short differences is found depends on it.
fn runs(before: &[&str], after: &[&str], work: usize) -> Vec<Run> {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (before, after) = numbered(
        before.get(head..).unwrap_or_default(),
        after.get(head..).unwrap_or_default(),
    );
    let rest = work
        .checked_sub(head)
        .and_then(|mut work| script::shortest(&before, &after, &mut work))
        .unwrap_or_else(|| fallback::anchored(&before, &after, work));
    let mut runs = Vec::with_capacity(rest.len() + 1);
    script::push(&mut runs, Kind::Same, head);
    for run in rest {
        script::push(&mut runs, run.kind, run.count);
    }
    runs
}

/// The lines of both texts as numbers: equal lines get equal ones. Most of the time is spent here when a long
/// text has few changes, so what both end with is looked up once.
fn numbered<'a>(before: &[&'a str], after: &[&'a str]) -> (Vec<u32>, Vec<u32>) {
    let equal = before.iter().rev().zip(after.iter().rev());
    let tail = equal.take_while(|(a, b)| a == b).count();
    let (before, end) = before.split_at(before.len() - tail);
    let (after, _) = after.split_at(after.len() - tail);
    let mut numbers = HashMap::with_capacity(before.len() + tail);
    let mut before = number(before, &mut numbers);
    let mut after = number(after, &mut numbers);
    let end = number(end, &mut numbers);
    before.extend_from_slice(&end);
    after.extend(end);
    (before, after)
}

fn number<'a>(lines: &[&'a str], numbers: &mut HashMap<&'a str, u32>) -> Vec<u32> {
    lines
        .iter()
        .map(|line| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(line).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests;
