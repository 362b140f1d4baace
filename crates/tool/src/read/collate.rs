//! Names in the order that people expect: `a.txt`, `A.txt`, `ä.txt`, `b.txt`.
//!
//! Parity: tools.md §3 «read»: the reference sorts entries of a folder with JavaScript's `localeCompare`,
//! that is by the Unicode Collation Algorithm in its root form: first by letters alone, then by accents,
//! then by case, each over the whole name. Here are its weights for what names of files are made of: ASCII
//! and the Latin and Cyrillic letters of Europe. Other scripts come in the order of that algorithm, and
//! within a script in the order of code points. A complete implementation would bring a megabyte of tables.

use std::cmp::Reverse;

/// White space, punctuation and symbols, in order.
const SIGNS: &str = "\t\n\u{b}\u{c}\r _-,;:!¡?¿.·'\"«»()[]{}§¶@*/\\&#%`´^¯¨¸°©®+±÷×<=>¬|¦~";

/// Signs of money, in order; other symbols come between those above and these.
const MONEY: &str = "¤¢$£¥";

/// Letters with accents by the letter they are sorted with, in order.
const ACCENTS: [(char, &str); 22] = [
    ('a', "áàăâåäãąā"),
    ('c', "ćĉčċç"),
    ('d', "ďđð"),
    ('e', "éèĕêěëėęē"),
    ('g', "ğĝġģ"),
    ('h', "ĥħ"),
    ('i', "íìĭîïĩįī"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺľļłŀ"),
    ('n', "ńňñņ"),
    ('o', "óòŏôöőõøō"),
    ('r', "ŕřŗ"),
    ('s', "śŝšşſ"),
    ('t', "ťţ"),
    ('u', "úùŭûůüűũųū"),
    ('w', "ŵ"),
    ('y', "ýŷÿ"),
    ('z', "źžż"),
    ('г', "ґ"),
    ('е', "ё"),
    ('і', "ї"),
];

/// Letters that are sorted as two.
const PAIRS: [(char, [char; 2]); 4] = [
    ('æ', ['a', 'e']),
    ('œ', ['o', 'e']),
    ('ĳ', ['i', 'j']),
    ('ß', ['s', 's']),
];

/// Letters that come directly after another one.
const AFTER: [(char, char); 7] = [
    ('ı', 'i'),
    ('ŋ', 'n'),
    ('ĸ', 'q'),
    ('ŧ', 't'),
    ('þ', 'z'),
    ('є', 'е'),
    ('і', 'и'),
];

/// Sorts names.
pub(crate) fn sort(names: &mut [String]) {
    // Equal weights are left to the names themselves, so that the order never depends on the disk's.
    names.sort_by_cached_key(|name| (Weights::of(name), name.clone()));
}

/// Weights of a name, the most important ones first. Each list has one place for each letter or sign.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Weights {
    letters: Vec<(Group, u32)>,
    accents: Vec<u32>,
    // Small letters come first.
    cases: Vec<Reverse<bool>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Sign,
    Symbol,
    Money,
    Digit,
    Latin,
    OtherLetter,
    Hangul,
    Kana,
    Han,
}

impl Weights {
    fn of(name: &str) -> Self {
        let mut weights = Self::default();
        for char in name.chars() {
            weights.add(char);
        }
        weights
    }

    fn add(&mut self, char: char) {
        if is_ignored(char) {
            return;
        }
        if ('\u{300}'..='\u{36f}').contains(&char) {
            if let Some(accent) = self.accents.last_mut() {
                *accent = u32::from(char);
            }
            return;
        }
        let small = char.to_lowercase().next().unwrap_or(char);
        let is_small = small == char;
        if let Some((_, pair)) = PAIRS.iter().find(|(letter, _)| *letter == small) {
            for (accent, letter) in [1, 0].into_iter().zip(pair) {
                self.push(*letter, accent, is_small);
            }
            return;
        }
        let (letter, accent) = accented(small).unwrap_or((small, 0));
        self.push(letter, accent, is_small);
    }

    fn push(&mut self, letter: char, accent: u32, is_small: bool) {
        self.letters.push(weight(letter));
        self.accents.push(accent);
        self.cases.push(Reverse(is_small));
    }
}

/// Control characters and those without width have no weight at all.
fn is_ignored(char: char) -> bool {
    (char.is_control() && !SIGNS.contains(char))
        || matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
}

/// The letter that `small` is sorted with, and its rank among the accents of that letter.
fn accented(small: char) -> Option<(char, u32)> {
    ACCENTS
        .iter()
        .find_map(|(letter, variants)| Some((*letter, place(variants, small)? + 1)))
}

/// Weight of a small letter without accent, a digit or a sign. One is left free after each letter.
fn weight(small: char) -> (Group, u32) {
    if let Some((_, before)) = AFTER.iter().find(|(letter, _)| *letter == small) {
        let (group, weight) = weight(*before);
        return (group, weight + 1);
    }
    if let Some(digit) = small.to_digit(10) {
        return (Group::Digit, digit);
    }
    if let Some(place) = place(SIGNS, small) {
        return (Group::Sign, place);
    }
    if let Some(place) = place(MONEY, small) {
        return (Group::Money, place);
    }
    let group = match small {
        'a'..='z' => Group::Latin,
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}' => Group::Hangul,
        '\u{3041}'..='\u{30ff}' => Group::Kana,
        '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => Group::Han,
        letter if letter.is_alphabetic() => Group::OtherLetter,
        _ => Group::Symbol,
    };
    (group, u32::from(small) * 2)
}

/// Where `char` stands in `list`.
fn place(list: &str, char: char) -> Option<u32> {
    list.chars()
        .position(|other| other == char)
        .and_then(|place| u32::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn the_order_is_that_of_the_reference() {
        let wanted = [
            " lead",
            "_u",
            "-d",
            "!r",
            ".dot",
            "(p)",
            "[q]",
            "@s",
            "#x",
            "+t",
            "=v",
            "~t",
            "😀",
            "01",
            "1",
            "10.txt",
            "9.txt",
            "a b.txt",
            "a_b",
            "a-b",
            "a.b.c",
            "a.txt",
            "A.txt",
            "ä.txt",
            "a.txt.bak",
            "ab",
            "b.txt",
            "B.txt",
            "dir-x",
            "dir/",
            "dir2/",
            "e",
            "é",
            "f",
            "ss.txt",
            "ß.txt",
            "st.txt",
            "z.txt",
            "Z.txt",
            "Ж",
            "日",
        ];
        let mut names: Vec<String> = wanted.iter().rev().map(ToString::to_string).collect();
        sort(&mut names);
        assert_eq!(names, wanted);
    }

    #[test]
    fn weights_are_compared_over_the_whole_name() {
        for pair in [
            ["aB", "Ab"],
            ["AA", "aa b"],
            ["resume", "résumé"],
            ["cote", "coté"],
            ["coté", "côte"],
            ["ab", "a\u{1}c"],
            ["o\u{308}", "oz"],
            ["œ", "of"],
            ["ø", "oz"],
            ["nz", "ŋ"],
            ["$", "0"],
            ["\u{20ac}", "0"],
            ["еда", "ёж"],
            ["еж", "ёж"],
            ["и", "і"],
            ["і", "й"],
            ["가", "ア"],
            ["あ", "日"],
        ] {
            let mut names = pair.map(ToOwned::to_owned);
            names.reverse();
            sort(&mut names);
            assert_eq!(names, pair);
        }
    }
}
