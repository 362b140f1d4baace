//! A text that is shown while it grows: without the blank space around it, and never twice.

use opencode_schema::PartId;

/// The text that grows, if one does.
#[derive(Debug, Default)]
pub(super) struct Growing {
    part: Option<PartId>,
    text: String,
    /// Bytes of the text, without the blank space before it, that were shown.
    shown: usize,
}

impl Growing {
    /// A text begins; only texts that have begun are shown.
    pub(super) fn begin(&mut self, part: PartId, text: &str) {
        if self.part.as_ref() != Some(&part) {
            *self = Self {
                part: Some(part),
                text: text.to_owned(),
                shown: 0,
            };
        }
    }

    /// What is to be shown now. Blank space waits until something follows it.
    pub(super) fn grow(&mut self, part: &PartId, more: &str) -> Option<String> {
        if self.part.as_ref() != Some(part) {
            return None;
        }
        self.text.push_str(more);
        let ready = self.text.trim().get(self.shown..)?.to_owned();
        self.shown += ready.len();
        Some(ready).filter(|ready| !ready.is_empty())
    }

    /// What is left when the text is complete; none when nothing of it was shown, or something else.
    pub(super) fn end(&mut self, part: &PartId, text: &str) -> Option<String> {
        if self.part.as_ref() != Some(part) {
            return None;
        }
        let Self {
            text: before, shown, ..
        } = std::mem::take(self);
        let (before, text) = (before.trim(), text.trim());
        if shown == 0 {
            return None;
        }
        let rest = before.get(..shown).and_then(|begun| text.strip_prefix(begun));
        // It may have become another text, which is shown from its beginning.
        Some(rest.map_or_else(|| format!("\n{text}"), str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn everything_is_shown_once() {
        for (pieces, end) in [
            (vec!["one", " two"], "one two"),
            (vec!["\n\n", "one", "\n", "two", "\n"], "\n\none\ntwo\n"),
            (vec!["o", "n"], "one, and what was missed"),
            (vec!["ä", "ö "], "äö"),
        ] {
            let id = PartId::new();
            let mut growing = Growing::default();
            growing.begin(id.clone(), "");
            let mut seen: String = pieces
                .iter()
                .filter_map(|piece| growing.grow(&id, piece))
                .collect();
            seen.push_str(&growing.end(&id, end).unwrap());
            assert_eq!(seen, end.trim());
        }
    }

    #[test]
    fn what_has_not_begun_is_not_shown() {
        let (id, other) = (PartId::new(), PartId::new());
        let mut growing = Growing::default();
        assert_eq!(growing.grow(&id, "x"), None);
        growing.begin(id.clone(), "");
        assert_eq!(growing.grow(&other, "x"), None);
        assert_eq!(growing.end(&id, "whole"), None);
        growing.begin(id.clone(), "");
        growing.grow(&id, "begun");
        assert_eq!(growing.end(&id, "else").as_deref(), Some("\nelse"));
    }
}
