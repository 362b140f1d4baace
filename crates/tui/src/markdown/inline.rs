//! Marks within lines of a text that is still being written.

/// The text with its open marks closed; nothing if none is open. A half-written word in bold is bold at once, so
/// that nothing jumps when its end arrives.
pub(crate) fn closed(text: &str) -> Option<String> {
    let from = text.rfind("\n\n").map_or(0, |at| at + 2);
    let tail = text.get(from..).unwrap_or_default();
    let fences = |line: &&str| line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
    if text.lines().filter(fences).count() % 2 == 1 {
        return None;
    }
    if let Some(text) = without_underline(text) {
        return Some(text.to_owned());
    }
    let marks = open_marks(tail);
    if marks.is_empty() {
        return None;
    }
    let mut written = text.trim_end();
    let mut closing = String::new();
    for mark in marks.iter().rev() {
        match written.strip_suffix(mark).filter(|_| closing.is_empty()) {
            // It has only just been opened: there is nothing to show yet.
            Some(before) => written = before.trim_end(),
            None => closing.push_str(mark),
        }
    }
    Some(format!("{written}{closing}"))
}

/// The text without a last line that would make a heading of the one before, but is more likely to become a list.
fn without_underline(text: &str) -> Option<&str> {
    let (before, last) = text.rsplit_once('\n')?;
    let mark = last.trim();
    let is_underline =
        !mark.is_empty() && (mark.bytes().all(|byte| byte == b'-') || mark.bytes().all(|byte| byte == b'='));
    let follows_text = before
        .lines()
        .next_back()
        .is_some_and(|line| !line.trim().is_empty());
    (is_underline && mark.len() < 3 && follows_text).then_some(before)
}

/// The marks that are open at the end of a paragraph, the outermost first.
fn open_marks(text: &str) -> Vec<&str> {
    let mut open: Vec<&str> = Vec::new();
    let mut code: Option<&str> = None;
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '~', '\\']) {
        let tail = rest.get(at..).unwrap_or_default();
        let Some(sign) = tail.chars().next() else { break };
        let length = tail.find(|letter| letter != sign).unwrap_or(tail.len());
        let (run, after) = tail.split_at(length);
        let (run, after) = match sign {
            '\\' => (
                "",
                tail.char_indices()
                    .nth(2)
                    .map_or("", |(end, _)| tail.get(end..).unwrap_or_default()),
            ),
            _ => (run, after),
        };
        match (sign, code) {
            ('`', Some(mark)) if mark == run => code = None,
            ('`', None) => code = Some(run),
            ('*', None) if run.len() == 2 => toggle(&mut open, run, after),
            ('~', None) if run.len() == 2 => toggle(&mut open, run, after),
            _ => {}
        }
        rest = after;
    }
    open.extend(code);
    open
}

fn toggle<'a>(open: &mut Vec<&'a str>, mark: &'a str, after: &str) {
    match open.iter().rposition(|known| *known == mark) {
        Some(index) => open.truncate(index),
        None if after.starts_with(char::is_whitespace) => {}
        None => open.push(mark),
    }
}
