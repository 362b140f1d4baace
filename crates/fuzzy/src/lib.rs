//! How well a text fits what somebody typed: the scores of fuzzysort 3.1 (reference `http-api.md` §6.6).
//!
//! All letters must occur in their order. What counts most is that they stand together, begin words, and
//! stand near the beginning; short texts come before long ones. A score is 0 for the text itself and
//! falls with every flaw. Several words are looked for each on its own, in any order.
//!
//! Scores only: what is looked through, and in which order equals stand, is the business of who asks.

/// Ways back that are tried before a text counts as a loose fit: without a bound some texts take for ever.
const BACKTRACKS: usize = 200;
/// Words of a text above which beginnings of words say little.
const MANY_WORDS: usize = 24;

/// What somebody typed.
#[derive(Clone, Debug)]
pub struct Needle {
    whole: Vec<char>,
    /// Its words, each once; empty when there is only one.
    words: Vec<Vec<char>>,
}

impl Needle {
    /// Reads what was typed.
    pub fn new(text: &str) -> Self {
        let whole = text.trim();
        let mut words: Vec<Vec<char>> = Vec::new();
        if whole.contains(char::is_whitespace) {
            for word in whole.split_whitespace().map(lower) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        Self {
            whole: lower(whole),
            words,
        }
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }
}

fn lower(text: &str) -> Vec<char> {
    text.chars().map(lower_char).collect()
}

fn lower_char(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    // A letter that becomes several stays one: places are counted.
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

/// Scores texts; keeps its memory between them.
#[derive(Debug, Default)]
pub struct Scorer {
    target: Vec<char>,
    /// For each place the next at which a word begins; the length when none does.
    next: Vec<usize>,
    loose: Vec<usize>,
    strict: Vec<usize>,
}

/// A fit.
#[derive(Debug)]
struct Fit {
    score: f64,
    /// Where each letter was found.
    places: Vec<usize>,
}

impl Scorer {
    /// How well `target` fits; `None` when it does not at all.
    pub fn score(&mut self, needle: &Needle, target: &str) -> Option<f64> {
        self.target.clear();
        self.target.extend(target.chars().map(lower_char));
        let occurs = if needle.words.is_empty() {
            self.occurs(&needle.whole)
        } else {
            needle.words.iter().all(|word| self.occurs(word))
        };
        if !occurs {
            return None;
        }
        self.find_beginnings(target);
        if needle.words.is_empty() {
            return self.fit(&needle.whole).map(|fit| fit.score);
        }
        let by_words = self.fit_words(&needle.words)?;
        self.find_beginnings(target);
        let as_typed = self.fit(&needle.whole).map(|fit| fit.score);
        Some(as_typed.map_or(by_words, |as_typed| as_typed.max(by_words)))
    }

    fn occurs(&self, word: &[char]) -> bool {
        let mut letters = self.target.iter();
        word.iter().all(|wanted| letters.any(|letter| letter == wanted))
    }

    /// A word begins at every sign, after every sign, and at a capital after a small letter.
    fn find_beginnings(&mut self, target: &str) {
        self.next.clear();
        let (mut was_capital, mut was_letter) = (false, false);
        for (at, letter) in target.chars().enumerate() {
            let is_capital = letter.is_ascii_uppercase();
            let is_letter = letter.is_ascii_alphanumeric();
            if (is_capital && !was_capital) || !was_letter || !is_letter {
                self.next.resize(at, at);
            }
            (was_capital, was_letter) = (is_capital, is_letter);
        }
        self.next.resize(self.target.len(), self.target.len());
    }

    fn next_after(&self, place: usize) -> usize {
        self.next.get(place).copied().unwrap_or(self.target.len())
    }

    /// Each word on its own; a word that follows the one before it counts as a beginning.
    fn fit_words(&mut self, words: &[Vec<char>]) -> Option<f64> {
        let count = words.len() as f64;
        let (mut score, mut first_before) = (0.0, 0);
        for word in words {
            let fit = self.fit(word)?;
            let (first, last) = (*fit.places.first()?, *fit.places.last()?);
            score += fit.score / count;
            if first < first_before {
                score -= ((first_before - first) * 2) as f64;
            }
            first_before = first;
            if last - first + 1 == fit.places.len() {
                let after = last + 1;
                let replaced = self.next_after(last);
                for next in self.next.iter_mut().take(after).rev() {
                    if *next != replaced {
                        break;
                    }
                    *next = after;
                }
            }
        }
        Some(score)
    }

    fn fit(&mut self, word: &[char]) -> Option<Fit> {
        self.find_loose(word)?;
        let is_strict = self.find_strict(word);
        let whole = self.find_whole(word);
        let (mut start, mut begins) = (whole, false);
        if let Some(at) = whole {
            begins = at == 0 || self.next_after(at - 1) == at;
            if !begins && let Some(better) = self.whole_at_beginning(word, at) {
                (start, begins) = (Some(better), true);
            }
        }
        let places = match start {
            Some(at) if begins || !is_strict => (at..at + word.len()).collect(),
            _ if is_strict => self.strict.clone(),
            _ => self.loose.clone(),
        };
        let score = self.tally(&places, is_strict, whole.is_some(), begins);
        Some(Fit { score, places })
    }

    /// The first place of each letter after the one before.
    fn find_loose(&mut self, word: &[char]) -> Option<()> {
        self.loose.clear();
        let mut letters = self.target.iter().enumerate();
        for wanted in word {
            let (at, _) = letters.find(|(_, letter)| *letter == wanted)?;
            self.loose.push(at);
        }
        (!word.is_empty()).then_some(())
    }

    /// Places where each letter follows the one before it or begins a word.
    fn find_strict(&mut self, word: &[char]) -> bool {
        self.strict.clear();
        let mut at = match self.loose.first() {
            Some(0) | None => 0,
            Some(first) => self.next_after(first - 1),
        };
        let mut backtracks = 0;
        loop {
            let Some(letter) = self.target.get(at) else {
                let Some(last) = self.strict.pop() else {
                    return false;
                };
                backtracks += 1;
                if backtracks > BACKTRACKS {
                    return false;
                }
                at = self.next_after(last);
                continue;
            };
            if word.get(self.strict.len()) == Some(letter) {
                self.strict.push(at);
                if self.strict.len() == word.len() {
                    return true;
                }
                at += 1;
            } else {
                at = self.next_after(at);
            }
        }
    }

    /// Where the word stands as a whole; that one letter does says nothing.
    fn find_whole(&self, word: &[char]) -> Option<usize> {
        let from = *self.loose.first()?;
        if word.len() < 2 {
            return None;
        }
        let rest = self.target.get(from..)?;
        rest.windows(word.len())
            .position(|window| window == word)
            .map(|at| from + at)
    }

    /// A later place where the word stands as a whole and begins a word.
    fn whole_at_beginning(&self, word: &[char], after: usize) -> Option<usize> {
        let mut at = self.next_after(after);
        while at < self.target.len() {
            if self.target.get(at..at + word.len()) == Some(word) {
                return Some(at);
            }
            at = self.next_after(at);
        }
        None
    }

    fn tally(&self, places: &[usize], is_strict: bool, is_whole: bool, begins: bool) -> f64 {
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return 0.0;
        };
        let (length, word) = (self.target.len() as f64, places.len() as f64);
        let mut score = 0.0;
        let mut groups = 0.0;
        for pair in places.windows(2) {
            if let [before, place] = pair
                && place - before != 1
            {
                score -= *place as f64;
                groups += 1.0;
            }
        }
        let unmatched = (last - first) as f64 - (word - 1.0);
        score -= (12.0 + unmatched) * groups;
        score -= (first * first) as f64 * 0.2;
        if is_strict {
            let beginnings = 1 + self.beginnings();
            if beginnings > MANY_WORDS {
                score *= ((beginnings - MANY_WORDS) * 10) as f64;
            }
        } else {
            score *= 1000.0;
        }
        score -= (length - word) / 2.0;
        for holds in [is_whole, begins] {
            if holds {
                score /= 1.0 + word * word;
            }
        }
        score - (length - word) / 2.0
    }

    /// Beginnings of words after the first place.
    fn beginnings(&self) -> usize {
        let mut at = self.next_after(0);
        let mut count = 0;
        while at < self.target.len() {
            count += 1;
            at = self.next_after(at);
        }
        count
    }
}

/// The score between 0 and 1 that fuzzysort tells its callers; 1 is the text itself.
pub fn between_0_and_1(score: f64) -> f64 {
    (-2.0 * ((1.0 - score.min(1.0)).powf(0.043_07) - 1.0)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_fuzzysort() {
        let mut scorer = Scorer::default();
        let many = format!("{}/{}z", "x".repeat(50), "a.b.".repeat(30));
        for (typed, target, wanted) in [
            ("server", "crates/server/src/lib.rs", -9.01373265157049),
            ("server", "crates/llm/tests/driver.rs", -127020.0),
            ("srv", "crates/cli/src/serve.rs", -81020.0),
            ("lmrq", "crates/llm/src/request.rs", -104821.0),
            ("README", "README.md", -1.5010956902848795),
            ("Cargo.toml", "crates/llm/fuzz/Cargo.toml", -8.005803352612489),
            (
                "step calls",
                "crates/session/src/step/calls.rs",
                -13.994327255789194,
            ),
            (
                "calls step",
                "crates/session/src/step/calls.rs",
                -23.994327255789194,
            ),
            ("c man", "CheatManager.h", -9.3025),
            ("c man", "Manifest.cpp", -33.8725),
            ("upc", "src/components/UserProfileCard.tsx", -163.0),
            ("xhr", "src/HTTPServer/XMLHttpRequest.ts", -119029.0),
            (
                "HTTP server",
                "src/HTTPServer/XMLHttpRequest.ts",
                -13.539180721917091,
            ),
            ("e f", "a_b-c.d/e f/g", -5.178),
            ("ab.z", many.as_str(), -992346.0),
            ("a", "README.md", -808.0),
            (
                "tests/all/serve",
                "crates/cli/tests/all/serve.rs",
                -7.000610854413032,
            ),
        ] {
            let score = scorer.score(&Needle::new(typed), target).unwrap();
            assert!(
                (score - wanted).abs() < 1e-9 * wanted.abs().max(1.0),
                "{typed} in {target}: {score}"
            );
        }
        for (typed, target) in [("zzz", "README.md"), ("da", "bad"), ("c man x", "CheatManager.h")] {
            assert_eq!(
                scorer.score(&Needle::new(typed), target),
                None,
                "{typed} in {target}"
            );
        }
    }

    #[test]
    fn a_text_that_fits_in_many_ways_is_given_up() {
        let mut scorer = Scorer::default();
        let target = format!("{}b", "a/".repeat(50_000));
        let score = scorer.score(&Needle::new(&format!("{}c", "a".repeat(40))), &target);
        assert_eq!(score, None);
        assert!(scorer.score(&Needle::new(&"a".repeat(40)), &target).is_some());
    }

    #[test]
    fn scores_between_0_and_1_are_those_of_fuzzysort() {
        for (score, wanted) in [
            (0.0, 1.0),
            (-100.0, 0.644_158_400_751),
            (-10_000.0, 0.377_644_974_320),
            (-127_020.0, 0.267_716_054_935),
        ] {
            let told = between_0_and_1(score);
            assert!((told - wanted).abs() < 1e-9, "{score}: {told}");
        }
    }
}
