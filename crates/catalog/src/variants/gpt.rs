//! Efforts of GPT models.

/// Models from this day on can be told not to think.
const NONE_SINCE: &str = "2025-11-13";
/// Models from this day on can be told to think very much.
const XHIGH_SINCE: &str = "2025-12-04";

const PLAIN: &[&str] = &["low", "medium", "high"];
const FROM_NONE: &[&str] = &["none", "low", "medium", "high"];
const UP_TO_XHIGH: &[&str] = &["low", "medium", "high", "xhigh"];
const ALL: &[&str] = &["none", "low", "medium", "high", "xhigh"];

/// What is told of a GPT model by its name.
enum Kind {
    /// Its efforts are these.
    Known(&'static [&'static str]),
    /// The first of its generation, which also takes `minimal`.
    Five,
    /// Nothing.
    Unknown,
}

/// Efforts of a model by its name, if the name tells.
pub(super) fn by_name(id: &str) -> Option<&'static [&'static str]> {
    match kind(id) {
        Kind::Known(efforts) => Some(efforts),
        Kind::Five | Kind::Unknown => None,
    }
}

/// Efforts of a model of OpenAI.
pub(super) fn efforts(id: &str, release_date: &str) -> Vec<&'static str> {
    if id.contains("deep-research") {
        return vec!["medium"];
    }
    let minimal = match kind(id) {
        Kind::Known(efforts) => return efforts.to_vec(),
        Kind::Five => true,
        Kind::Unknown => false,
    };
    let mut efforts = Vec::with_capacity(6);
    efforts.extend((release_date >= NONE_SINCE).then_some("none"));
    efforts.extend(minimal.then_some("minimal"));
    efforts.extend(PLAIN);
    efforts.extend((release_date >= XHIGH_SINCE).then_some("xhigh"));
    efforts
}

/// Whether a model was released when very much thinking was already known.
pub(super) fn knows_xhigh(release_date: &str) -> bool {
    release_date >= XHIGH_SINCE
}

fn kind(id: &str) -> Kind {
    let Some(rest) = after_name(id) else {
        return Kind::Unknown;
    };
    let mut words = rest
        .split(['-', '.', '@', ':'])
        .filter(|word| !word.is_empty())
        .peekable();
    // A date is no version.
    let version = words
        .peek()
        .and_then(|word| (word.len() <= 2).then(|| word.parse::<u32>().ok())?);
    let has = |name: &str| rest.split(['-', '.', '@', ':']).any(|word| word == name);
    let chat = has("chat");
    if has("codex") {
        return Kind::Known(match version {
            Some(3..) => ALL,
            Some(2) => UP_TO_XHIGH,
            _ if has("max") => UP_TO_XHIGH,
            _ => PLAIN,
        });
    }
    match version {
        None if chat => Kind::Known(&[]),
        Some(_) if chat => Kind::Known(&["medium"]),
        None if has("pro") => Kind::Known(&["high"]),
        Some(_) if has("pro") => Kind::Known(&["medium", "high", "xhigh"]),
        None => Kind::Five,
        Some(0 | 1) => Kind::Known(FROM_NONE),
        Some(_) => Kind::Known(ALL),
    }
}

/// What follows the name of the fifth generation: nothing, or a separator and more. The name stands at the
/// beginning of the id, or of its last part.
fn after_name(id: &str) -> Option<&str> {
    let name = id.rsplit('/').next()?;
    let rest = name.strip_prefix("gpt-5")?;
    (rest.is_empty() || rest.starts_with(['-', '.', '@', ':'])).then_some(rest)
}
