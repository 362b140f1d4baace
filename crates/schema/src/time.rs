//! Times: milliseconds since the epoch, in UTC.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// The time now.
#[must_use]
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// `2026-11-20T23:40:16.342Z`: the form JavaScript's `toISOString` gives, always with milliseconds.
#[must_use]
pub fn iso(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |t| format!("{t:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_keeps_three_digits() {
        assert_eq!(iso(1_795_218_016_342), "2026-11-20T23:40:16.342Z");
        assert_eq!(iso(1_795_218_016_000), "2026-11-20T23:40:16.000Z");
    }
}
