//! Ranges of versions as packages write them: `^1.2`, `>=1 <2`, `1.x || 3 - 4`.

/// Three numbers, and whether something stands behind them that makes it an early one.
type Version = ([u64; 3], bool);

/// Whether a version fits a range. A range that cannot be understood fits nothing, and a version that cannot, either.
pub(super) fn fits(range: &str, version: &str) -> bool {
    let Some(version) = exact(version) else {
        return false;
    };
    range.split("||").any(|part| fits_all(part.trim(), version))
}

/// The number before the first dot.
pub(super) fn major(version: &str) -> Option<u64> {
    exact(version).map(|([major, ..], _)| major)
}

fn fits_all(part: &str, version: Version) -> bool {
    if let Some((from, to)) = part.split_once(" - ") {
        return compare(">=", from.trim(), version) && compare("<=", to.trim(), version);
    }
    // A sign may stand apart from its number.
    let mut words = Vec::new();
    let mut sign = String::new();
    for word in part.split_whitespace() {
        sign.push_str(word);
        if word.chars().any(|c| c.is_ascii_alphanumeric() || c == '*') {
            words.push(std::mem::take(&mut sign));
        }
    }
    sign.is_empty() && words.iter().all(|word| fits_one(word, version))
}

fn fits_one(word: &str, version: Version) -> bool {
    let start = word
        .find(|c: char| c.is_ascii_alphanumeric() || c == '*')
        .unwrap_or(word.len());
    let (sign, number) = word.split_at(start);
    compare(sign.trim_end_matches('v'), number, version)
}

fn compare(sign: &str, number: &str, (version, is_early): Version) -> bool {
    let Some((from, given)) = partial(number) else {
        return false;
    };
    // What is left out stands for every number there.
    let above = match (sign, given) {
        (_, 0) => return matches!(sign, "" | "=" | ">=" | "<=" | "^" | "~"),
        ("^", _) => next(
            from,
            from.iter()
                .position(|part| *part > 0)
                .unwrap_or(given - 1)
                .min(given - 1),
        ),
        ("~", 1) => next(from, 0),
        ("~", _) => next(from, 1),
        _ => next(from, given - 1),
    };
    let (at_least, below) = (version >= from && !(is_early && version == from), version < above);
    match sign {
        "" | "=" if given == 3 => version == from && !is_early,
        "" | "=" | "^" | "~" => at_least && below,
        ">=" => at_least,
        ">" => !below,
        "<" => version < from,
        "<=" => below,
        _ => false,
    }
}

/// The first version in which the number at `place` is another one.
fn next([major, minor, patch]: [u64; 3], place: usize) -> [u64; 3] {
    match place {
        0 => [major.saturating_add(1), 0, 0],
        1 => [major, minor.saturating_add(1), 0],
        _ => [major, minor, patch.saturating_add(1)],
    }
}

/// The numbers of a version of which some may be left out or be `x`, and how many there are.
fn partial(text: &str) -> Option<([u64; 3], usize)> {
    let text = text.trim_start_matches('v');
    let plain = text.split(['-', '+']).next()?;
    let mut numbers = [0; 3];
    let mut given = 0;
    for (index, part) in plain.split('.').enumerate() {
        if matches!(part, "x" | "X" | "*") {
            break;
        }
        *numbers.get_mut(index)? = part.parse().ok()?;
        given = index + 1;
    }
    Some((numbers, given))
}

fn exact(text: &str) -> Option<Version> {
    let (numbers, given) = partial(text.trim())?;
    let is_early = text.split('+').next().is_some_and(|text| text.contains('-'));
    (given == 3).then_some((numbers, is_early))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_packages() {
        for (range, inside, outside) in [
            ("*", &["0.0.1", "9.9.9"][..], &["x"][..]),
            ("", &["1.0.0"], &[]),
            ("1.18.33", &["1.18.33"], &["1.18.34", "1.18.33-beta.1"]),
            ("^1.2", &["1.2.0", "1.18.33"], &["1.1.9", "2.0.0"]),
            ("^0.2.3", &["0.2.9"], &["0.3.0", "0.2.2"]),
            ("^0.0.3", &["0.0.3"], &["0.0.4"]),
            ("~1.2.3", &["1.2.9"], &["1.3.0", "1.2.2"]),
            ("~1", &["1.9.0"], &["2.0.0"]),
            ("1.x", &["1.0.0", "1.9.9"], &["2.0.0"]),
            (">=1.0.0 <2", &["1.18.33"], &["2.0.0", "0.9.9"]),
            (">= 1.4 < 1.9", &["1.4.0"], &["1.9.0"]),
            (">1.18", &["1.19.0"], &["1.18.33"]),
            ("<=1.18", &["1.18.99"], &["1.19.0"]),
            ("1.0 - 2.1", &["1.0.0", "2.1.5"], &["2.2.0"]),
            ("^3 || ^1.18", &["1.18.33", "3.1.0"], &["2.0.0"]),
            ("nonsense", &[], &["1.0.0"]),
            (">=", &[], &["1.0.0"]),
            (">=99999999999999999999", &[], &["1.0.0"]),
        ] {
            for version in inside {
                assert!(fits(range, version), "{version} is in {range}");
            }
            for version in outside {
                assert!(!fits(range, version), "{version} is not in {range}");
            }
        }
    }
}
