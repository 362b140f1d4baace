//! What is listed for what was typed, and in which order (reference `tui.md` §9).

use opencode_fuzzy::{Needle, Scorer, between_0_and_1};

use super::{Found, Pick, ROWS, Row, Sources, range};
use crate::prompt::frecency::Frecency;

/// A score below which what is behind `@` was not meant.
const MEANT: f64 = 0.5;
/// The score below which a second field that fits adds nothing.
const WEAK: f64 = -1_000.0;

/// Commands: all of them by name, or those that fit.
pub(super) fn commands(sources: &Sources, query: &str) -> Vec<Row> {
    let mut rows: Vec<_> = sources
        .commands
        .iter()
        .map(|command| Candidate {
            row: Row {
                label: command.label.clone(),
                description: Some(command.description.clone()).filter(|text| !text.is_empty()),
                pick: Pick::Slash(command.action.clone()),
            },
            fields: vec![
                command.label.clone(),
                command.description.clone(),
                command.aliases.join(" "),
            ],
            frecency: 0.0,
        })
        .collect();
    rows.sort_by(|one, other| one.row.label.cmp(&other.row.label));
    if query.is_empty() {
        return rows.into_iter().map(|candidate| candidate.row).collect();
    }
    fitting(rows, query, &format!("/{query}"), f64::NEG_INFINITY)
}

/// What can be named: what fits of references, agents and resources, then files in the server's order.
pub(super) fn mentions(
    sources: &Sources,
    query: &str,
    files: &[Found],
    frecency: &Frecency,
    now: i64,
) -> Vec<Row> {
    let (name, lines) = range::split(query);
    let references = sources.references.iter().map(|reference| Candidate {
        row: Row {
            label: format!("@{}", reference.name),
            description: Some(reference.path.clone()),
            pick: Pick::Reference(reference.clone()),
        },
        fields: vec![reference.name.clone()],
        frecency: frecency.score(&join(&sources.directory, &reference.name), now),
    });
    let agents = sources.agents.iter().map(|agent| Candidate {
        row: Row {
            label: format!("@{agent}"),
            description: None,
            pick: Pick::Agent(agent.clone()),
        },
        fields: vec![agent.clone()],
        frecency: 0.0,
    });
    let resources = sources.resources.iter().map(|resource| Candidate {
        row: Row {
            label: resource.name.clone(),
            description: resource.description.clone(),
            pick: Pick::Resource(resource.clone()),
        },
        fields: vec![resource.name.clone()],
        frecency: 0.0,
    });
    let named: Vec<_> = references.chain(agents).chain(resources).collect();
    let mut rows = if name.is_empty() {
        named.into_iter().map(|candidate| candidate.row).collect()
    } else {
        fitting(named, name, &format!("@{name}"), MEANT)
    };
    rows.extend(files.iter().map(|file| {
        let lines = lines.filter(|_| !file.is_directory);
        Row {
            label: file.path.clone() + &lines.map(range::Lines::suffix).unwrap_or_default(),
            description: None,
            pick: Pick::File(file.clone(), lines),
        }
    }));
    rows.truncate(ROWS);
    rows
}

/// A path below a folder, without a slash at its end.
pub(in crate::prompt) fn join(directory: &str, path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.starts_with('/') {
        return path.to_owned();
    }
    format!("{}/{path}", directory.trim_end_matches('/'))
}

struct Candidate {
    row: Row,
    /// What is compared with what was typed; how it begins is looked at in the first.
    fields: Vec<String>,
    frecency: f64,
}

fn fitting(candidates: Vec<Candidate>, query: &str, beginning: &str, least: f64) -> Vec<Row> {
    let needle = Needle::new(query);
    if needle.is_empty() {
        return Vec::new();
    }
    let mut scorer = Scorer::default();
    let mut best = Best::default();
    for candidate in candidates {
        let Some(score) = of_fields(&mut scorer, &needle, &candidate.fields) else {
            continue;
        };
        let mut score = between_0_and_1(score);
        if candidate
            .fields
            .first()
            .is_some_and(|field| field.starts_with(beginning))
        {
            score *= 2.0;
        }
        score *= 1.0 + candidate.frecency;
        if score >= least {
            best.add(score, candidate.row);
        }
    }
    best.into_rows()
}

/// The rows with the highest scores.
///
/// Parity: rows of equal scores come out in the order that a binary heap happens to give them, and the
/// reference shows that order.
#[derive(Default)]
struct Best {
    heap: Vec<(f64, Row)>,
}

impl Best {
    fn add(&mut self, score: f64, row: Row) {
        if self.heap.len() < ROWS {
            self.heap.push((score, row));
            self.rise(self.heap.len() - 1);
        } else if self.score(0) < score
            && let Some(lowest) = self.heap.first_mut()
        {
            *lowest = (score, row);
            self.sink();
        }
    }

    fn score(&self, at: usize) -> f64 {
        self.heap.get(at).map_or(f64::INFINITY, |(score, _)| *score)
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.score(at) < self.score((at - 1) / 2) {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    /// The first goes down to the very end of the lower ones, and from there up to its place.
    fn sink(&mut self) {
        let mut at = 0;
        while 2 * at + 1 < self.heap.len() {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = if self.score(right) < self.score(left) {
                right
            } else {
                left
            };
            self.heap.swap(at, child);
            at = child;
        }
        self.rise(at);
    }

    fn into_rows(mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        while !self.heap.is_empty() {
            rows.push(self.heap.swap_remove(0).1);
            self.sink();
        }
        rows.reverse();
        rows
    }
}

/// The best score of several fields; one more that fits well makes it better.
fn of_fields(scorer: &mut Scorer, needle: &Needle, fields: &[String]) -> Option<f64> {
    let scores = fields.iter().filter(|field| !field.is_empty());
    let scores = scores.filter_map(|field| scorer.score(needle, field));
    scores.fold(None, |best: Option<f64>, score| {
        let Some(best) = best else {
            return Some(score);
        };
        let both = if score > WEAK { (best + score) / 4.0 } else { best };
        Some(best.max(both).max(score))
    })
}
