//! Why a turn is tried again (reference `tui.md` §3, §10): all of it, and what the user can do.

use opencode_schema::session::Status;

use crate::app::App;
use crate::dialog::{Alert, Confirm};
use crate::safe;

/// Shows why a turn is tried again in full: what of it the row below the prompt cannot show, and what can be done.
pub(super) fn show(app: &mut App) -> bool {
    let Some(id) = app.session_id() else {
        return false;
    };
    let Status::Retry { message, action, .. } = app.store.status(id) else {
        return false;
    };
    let action = action.clone();
    let message = safe::text(message).into_owned();
    match action {
        Some(action) => {
            let title = safe::line(&action.title).into_owned();
            let mut text = safe::text(&action.message).into_owned();
            let Some(link) = action.link else {
                app.open_dialog(Alert::new(title, text));
                return true;
            };
            text = format!("{text}\n\n{}: {}", safe::line(&action.label), safe::line(&link));
            let confirm = Confirm::new(title, text, move |app, is_wanted| {
                if is_wanted {
                    app.browse(&link);
                }
            });
            app.open_dialog(confirm.labels("confirm.cancel", "retry.open"));
        }
        None => {
            let title = app.words.get("retry.title");
            app.open_dialog(Alert::new(title, message).large());
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use crate::stage::Stage;

    const SESSION: &str = "ses_0123456789abcdefghijklmnop";

    /// Clicks on the reason of a retry.
    fn clicked(action: &Value) -> Stage {
        let mut stage = Stage::in_session(100, 30, SESSION, "Demo");
        let mut status = json!({
            "type": "retry", "attempt": 2, "next": 0, "message": format!("Too many \u{1b}[31m{}end", "words ".repeat(20)),
        });
        if !action.is_null() {
            status["action"] = action.clone();
        }
        stage.hear(
            "session.status",
            &json!({ "sessionID": SESSION, "status": status }),
        );
        let screen = stage.buffer();
        let row = (0..30).find(|y| {
            let row: String = (0..100).map(|x| screen[(x, *y)].symbol()).collect();
            row.contains("Too many")
        });
        stage.click(20, row.expect("the reason"));
        stage
    }

    #[test]
    fn a_click_shows_the_whole_reason() {
        let mut stage = clicked(&Value::Null);
        let shown = stage.dialog();
        assert!(shown.contains("end") && !shown.contains('\u{1b}'), "{shown}");
        stage.squeeze();
    }

    #[test]
    fn what_can_be_done_is_offered() {
        for (link, opened) in [
            (
                "https://zed.test/plans",
                vec!["Browse https://zed.test/plans".to_owned()],
            ),
            ("file:///etc/passwd", vec![]),
        ] {
            let mut stage = clicked(&json!({
                "reason": "account_rate_limit", "provider": "zed", "title": "Limit reached",
                "message": "Wait or pay.", "label": "Plans", "link": link,
            }));
            let shown = stage.dialog();
            for text in ["Limit reached", "Wait or pay.", "Plans:", "Open in browser"] {
                assert!(shown.contains(text), "{text}: {shown}");
            }
            stage.wants.clear();
            stage.keys("enter");
            assert_eq!(stage.wants, opened);
        }
    }
}
