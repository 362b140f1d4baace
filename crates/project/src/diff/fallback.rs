//! Comparing texts with so many differences that the shortest list of changes is out of reach.
//!
//! Lines that occur once on each side and in the same order on both are taken as unchanged; what lies
//! between two of them is compared exactly if that is cheap, else shown as replaced.

use std::collections::HashMap;
use std::ops::Range;

use super::script::{Kind, Run, push, shortest};

/// Changes from `before` to `after`, in time that grows with the number of lines plus `work`.
pub(super) fn anchored(before: &[u32], after: &[u32], mut work: usize) -> Vec<Run> {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let room = before.len().min(after.len()) - head;
    let tail = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take(room)
        .take_while(|(a, b)| a == b)
        .count();
    let (before_end, after_end) = (before.len() - tail, after.len() - tail);
    let mut runs = Vec::new();
    push(&mut runs, Kind::Same, head);
    let (mut old, mut new) = (head, head);
    let end = (before_end, after_end);
    for (anchor_old, anchor_new) in anchors(before, after, head..before_end, head..after_end) {
        gap(
            &mut runs,
            before,
            after,
            old..anchor_old,
            new..anchor_new,
            &mut work,
        );
        push(&mut runs, Kind::Same, 1);
        (old, new) = (anchor_old + 1, anchor_new + 1);
    }
    gap(&mut runs, before, after, old..end.0, new..end.1, &mut work);
    push(&mut runs, Kind::Same, tail);
    runs
}

/// Compares what lies between two anchors.
fn gap(
    runs: &mut Vec<Run>,
    before: &[u32],
    after: &[u32],
    old: Range<usize>,
    new: Range<usize>,
    work: &mut usize,
) {
    let (removed, added) = (old.len(), new.len());
    // Half of what is left for each, so that one bad gap does not coarsen all that follow.
    let share = *work / 2;
    let mut left = share;
    let exact = before
        .get(old)
        .zip(after.get(new))
        .and_then(|(old, new)| shortest(old, new, &mut left));
    *work -= if exact.is_some() { share - left } else { share };
    match exact {
        Some(exact) => exact.into_iter().for_each(|run| push(runs, run.kind, run.count)),
        None => {
            push(runs, Kind::Removed, removed);
            push(runs, Kind::Added, added);
        }
    }
}

/// Places (in `before`, in `after`) of lines that occur once in each range: the longest selection whose
/// order is the same on both sides.
fn anchors(before: &[u32], after: &[u32], old: Range<usize>, new: Range<usize>) -> Vec<(usize, usize)> {
    let (old_start, new_start) = (old.start, new.start);
    let once = |lines: Option<&[u32]>, start: usize| {
        let mut places: HashMap<u32, Option<usize>> = HashMap::new();
        for (index, line) in lines.unwrap_or_default().iter().enumerate() {
            places
                .entry(*line)
                .and_modify(|place| *place = None)
                .or_insert(Some(start + index));
        }
        places
    };
    let in_before = once(before.get(old), old_start);
    let in_after = once(after.get(new), new_start);
    let mut pairs: Vec<(usize, usize)> = in_before
        .into_iter()
        .filter_map(|(line, place)| Some((place?, in_after.get(&line).copied().flatten()?)))
        .collect();
    pairs.sort_unstable();
    longest_rising(&pairs)
}

/// The longest selection of `pairs` (sorted by the first) whose second parts rise: patience sorting.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // `tops[n]` is the pair with the smallest second part that ends a rising selection of n + 1 pairs.
    let mut tops: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let second = |index: usize| pairs.get(index).map_or(usize::MAX, |pair| pair.1);
    for index in 0..pairs.len() {
        let pile = tops.partition_point(|top| second(*top) < second(index));
        previous.push(pile.checked_sub(1).and_then(|pile| tops.get(pile).copied()));
        match tops.get_mut(pile) {
            Some(top) => *top = index,
            None => tops.push(index),
        }
    }
    let mut selection = Vec::with_capacity(tops.len());
    let mut next = tops.last().copied();
    while let Some(index) = next {
        selection.extend(pairs.get(index));
        next = previous.get(index).copied().flatten();
    }
    selection.reverse();
    selection
}
