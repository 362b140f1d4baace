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

/// The beginning of a day (`2026-11-20`) or month (`2026-11`); `None` for any other text.
#[must_use]
pub fn of_date(text: &str) -> Option<Millis> {
    let date = text.parse::<jiff::civil::Date>();
    let date = date.or_else(|_| format!("{text}-01").parse()).ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_or_months() {
        assert_eq!(of_date("2026-11-20"), Some(1_795_132_800_000));
        assert_eq!(of_date("2026-11"), of_date("2026-11-01"));
        assert_eq!(of_date(""), None);
        assert_eq!(of_date("soon"), None);
    }

    #[test]
    fn iso_keeps_three_digits() {
        assert_eq!(iso(1_795_218_016_342), "2026-11-20T23:40:16.342Z");
        assert_eq!(iso(1_795_218_016_000), "2026-11-20T23:40:16.000Z");
    }
}
