//! The name of the terminal (reference `tui.md` §14).

use opencode_schema::session::is_default_title;

use super::{App, Route};
use crate::effect::Effect;
use crate::safe;

const PRODUCT: &str = "OpenCode";
/// Letters of a session's title, with the sign of what was cut.
const LONGEST: usize = 40;

impl App {
    /// Names the terminal, if its name is another than before.
    pub(super) fn name_terminal(&mut self) {
        if !self.settings.has_title() {
            return;
        }
        let title = match &self.route {
            Route::Home => PRODUCT.to_owned(),
            Route::Diff => "OC | diff".to_owned(),
            Route::Session(_) => match self.session() {
                Some(session) if !is_default_title(&session.title) => {
                    format!("OC | {}", shorten(&safe::line(&session.title)))
                }
                _ => PRODUCT.to_owned(),
            },
        };
        if title != self.title {
            self.title.clone_from(&title);
            self.effect(Effect::Title(title));
        }
    }
}

fn shorten(title: &str) -> String {
    if title.chars().count() <= LONGEST {
        return title.to_owned();
    }
    let kept: String = title.chars().take(LONGEST - 3).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::shorten;

    #[test]
    fn titles_are_shortened() {
        assert_eq!(shorten("Demo chat"), "Demo chat");
        assert_eq!(shorten(&"ä".repeat(41)), format!("{}…", "ä".repeat(37)));
    }
}
