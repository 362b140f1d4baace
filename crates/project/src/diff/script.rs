//! The shortest list of changes that makes one list of lines into another.
//!
//! Parity: tools.md §3 «diff format». The reference uses the jsdiff library, which is Myers' greedy
//! search with its own choice among equally good ways: a line is added rather than removed when nothing
//! can be removed, or when adding starts from further down the old text. That choice decides which of
//! two equal lines is shown as new, so it is kept exactly.
//!
//! Instead of a chain of steps for every way that was tried, one bit for each (step, diagonal) is kept;
//! walking the bits back and replaying them gives the same list in an eightieth of the memory.

/// Steps and comparisons that one search may take: about a third of a second, and thirteen megabytes of
/// bits. It is enough for some ten thousand changed lines; the reference needs many seconds there.
pub(super) const WORK: usize = 100_000_000;

/// What happens to a run of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It stays.
    Same,
    /// It goes.
    Removed,
    /// It comes.
    Added,
}

/// Lines that follow each other and share their fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) kind: Kind,
    pub(super) count: usize,
}

/// Adds a run to a list, joined to the last one if that is of the same kind.
pub(super) fn push(runs: &mut Vec<Run>, kind: Kind, count: usize) {
    match runs.last_mut() {
        _ if count == 0 => {}
        Some(last) if last.kind == kind => last.count += count,
        _ => runs.push(Run { kind, count }),
    }
}

/// A diagonal that no way leads to.
const NOWHERE: isize = isize::MIN;

/// The changes from `before` to `after`; `None` when `work` runs out.
pub(super) fn shortest(before: &[u32], after: &[u32], work: &mut usize) -> Option<Vec<Run>> {
    let (before_len, after_len) = (before.len().cast_signed(), after.len().cast_signed());
    let mut runs = Vec::new();
    if before.is_empty() || after.is_empty() {
        push(&mut runs, Kind::Removed, before.len());
        push(&mut runs, Kind::Added, after.len());
        return Some(runs);
    }
    // By diagonal (lines consumed of `before` minus those of `after`): how many lines of `before` the
    // furthest way on it has consumed. Diagonals lie between -after_len and before_len, and each looks
    // one further to both sides.
    let mut furthest = vec![NOWHERE; before.len() + after.len() + 3];
    let slot = |diagonal: isize| (diagonal + after_len + 1).cast_unsigned();
    let mut trace = Trace::default();
    let first = snake(before, after, 0, 0, work)?;
    if first == before.len() && first == after.len() {
        push(&mut runs, Kind::Same, first);
        return Some(runs);
    }
    furthest[slot(0)] = first.cast_signed();
    let (mut lowest, mut highest) = (-after_len, before_len);
    if first.cast_signed() == before_len {
        highest = -1;
    }
    if first.cast_signed() == after_len {
        lowest = 1;
    }
    for step in 1..=before_len + after_len {
        let from = lowest.max(-step);
        trace.row(from);
        let mut diagonal = from;
        while diagonal <= highest.min(step) {
            *work = work.checked_sub(1)?;
            let (remove, add) = (furthest[slot(diagonal - 1)], furthest[slot(diagonal + 1)]);
            let can_remove = remove != NOWHERE && remove < before_len;
            let can_add = add != NOWHERE && (0..after_len).contains(&(add - diagonal - 1));
            if !can_remove && !can_add {
                trace.push(false);
                furthest[slot(diagonal)] = NOWHERE;
                diagonal += 2;
                continue;
            }
            let adds = !can_remove || (can_add && remove < add);
            trace.push(adds);
            let old = if adds { add } else { remove + 1 }.cast_unsigned();
            let new = (old.cast_signed() - diagonal).cast_unsigned();
            let same = snake(before, after, old, new, work)?;
            let (old, new) = (old + same, new + same);
            if old == before.len() && new == after.len() {
                return Some(replay(before, after, &trace.back_from(step, diagonal)));
            }
            furthest[slot(diagonal)] = old.cast_signed();
            if old == before.len() {
                highest = highest.min(diagonal - 1);
            }
            if new == after.len() {
                lowest = lowest.max(diagonal + 1);
            }
            diagonal += 2;
        }
    }
    None
}

/// How many lines are the same from here on.
fn snake(before: &[u32], after: &[u32], old: usize, new: usize, work: &mut usize) -> Option<usize> {
    let rest = before.get(old..)?.iter().zip(after.get(new..)?);
    let count = rest.take_while(|(a, b)| a == b).count();
    *work = work.checked_sub(count)?;
    Some(count)
}

/// Makes the list of changes from the choices (true: add) that led to the end.
fn replay(before: &[u32], after: &[u32], choices: &[bool]) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut old, mut new) = (0, 0);
    let mut unlimited = usize::MAX;
    let mut follow = |runs: &mut Vec<Run>, old: &mut usize, new: &mut usize| {
        let same = snake(before, after, *old, *new, &mut unlimited).unwrap_or(0);
        push(runs, Kind::Same, same);
        *old += same;
        *new += same;
    };
    follow(&mut runs, &mut old, &mut new);
    for &adds in choices {
        if adds {
            push(&mut runs, Kind::Added, 1);
            new += 1;
        } else {
            push(&mut runs, Kind::Removed, 1);
            old += 1;
        }
        follow(&mut runs, &mut old, &mut new);
    }
    runs
}

/// What was chosen at each (step, diagonal), one bit each.
#[derive(Default)]
struct Trace {
    bits: Vec<u64>,
    len: usize,
    /// For each step: its first diagonal and that diagonal's bit.
    rows: Vec<(isize, usize)>,
}

impl Trace {
    /// Begins the next step.
    fn row(&mut self, from: isize) {
        self.rows.push((from, self.len));
    }

    fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(64) {
            self.bits.push(0);
        }
        if let Some(word) = self.bits.last_mut() {
            *word |= u64::from(bit) << (self.len % 64);
        }
        self.len += 1;
    }

    /// The choices on the way to `diagonal` at `step`, first to last.
    fn back_from(&self, step: isize, mut diagonal: isize) -> Vec<bool> {
        let mut choices = Vec::with_capacity(step.cast_unsigned());
        for (from, start) in self.rows.iter().take(step.cast_unsigned()).rev() {
            let index = start + ((diagonal - from) / 2).cast_unsigned();
            let adds = self
                .bits
                .get(index / 64)
                .is_some_and(|word| word >> (index % 64) & 1 == 1);
            diagonal += if adds { 1 } else { -1 };
            choices.push(adds);
        }
        choices.reverse();
        choices
    }
}
