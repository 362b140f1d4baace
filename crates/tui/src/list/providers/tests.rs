//! Connecting a provider, from the list to the models.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::stage::Stage;

#[test]
fn the_list_opens_by_itself_when_nothing_is_connected() {
    let mut stage = Stage::new(80, 30);
    insta::assert_snapshot!(stage.dialog(), @r#"
      Connect a provider                               esc

      Search

      Popular
      OpenCode Zen (Recommended)
    ✓ Anthropic (API key)

      Providers
      alpha
      Zed
      Other any other provider
    "#);
    stage.squeeze();
}

/// Opens the list and chooses Zed, which offers these ways to log in.
fn chosen(methods: &Value) -> Stage {
    let mut stage = Stage::new(80, 30);
    stage.text("zed");
    stage.keys("enter");
    assert_eq!(stage.asked(), ["GET /provider/auth"]);
    stage.answer(json!({ "zed": methods, "other": [{ "type": "api", "label": "Not this one" }] }));
    stage
}

#[test]
fn a_key_is_stored_and_a_model_chosen() {
    for methods in [json!([]), json!([{ "type": "api", "label": "Zed key" }])] {
        let mut stage = chosen(&methods);
        stage.keys("enter");
        assert_eq!(stage.asked(), Vec::<String>::new(), "no key, no request");
        stage.text(" secret ");
        assert!(!stage.screen().contains("secret"));
        stage.keys("enter");
        assert_eq!(stage.asked(), [r#"PUT /auth/zed {"type":"api","key":"secret"}"#]);
        stage.answer(json!(true));
        assert_eq!(stage.asked(), ["POST /instance/dispose {}"]);
        stage.answer(json!(true));
        assert!(stage.asked().contains(&"GET /config/providers".to_owned()));
        stage.answer_load();
        assert!(stage.screen().contains("Select model"), "{}", stage.screen());
        assert_eq!(stage.app.dialogs.len(), 1);
    }
}

#[test]
fn questions_depend_on_earlier_answers() {
    let method = json!({
        "type": "api", "label": "Enterprise", "prompts": [
            { "type": "select", "key": "kind", "message": "Which?", "options": [
                { "label": "Public", "value": "public" },
                { "label": "Own", "value": "own", "hint": "your server" },
            ] },
            { "type": "text", "key": "url", "message": "Where?", "placeholder": "https://",
              "when": { "key": "kind", "op": "eq", "value": "own" } },
            { "type": "text", "key": "team", "message": "Team?",
              "when": { "key": "kind", "op": "neq", "value": "own" } },
        ],
    });
    let other = json!({ "type": "oauth", "label": "Browser" });
    for (choice, question, answer, body) in [
        (
            "down enter",
            "Where?",
            "https://a",
            r#"{"type":"api","key":"k","metadata":{"kind":"own","url":"https://a"}}"#,
        ),
        (
            "enter",
            "Team?",
            "us",
            r#"{"type":"api","key":"k","metadata":{"kind":"public","team":"us"}}"#,
        ),
    ] {
        let mut stage = chosen(&json!([other.clone(), method.clone()]));
        assert!(stage.screen().contains("Browser"));
        stage.keys("down enter");
        assert!(stage.screen().contains("your server"), "{}", stage.screen());
        stage.keys(choice);
        assert!(stage.screen().contains(question), "{}", stage.screen());
        stage.text(answer);
        stage.keys("enter");
        stage.text("k");
        stage.keys("enter");
        assert_eq!(stage.asked(), [format!("PUT /auth/zed {body}")]);
    }
}

/// Zed sends the user to a page that ends in a way.
fn sent(ending: &str) -> Stage {
    let mut stage = chosen(&json!([{ "type": "oauth", "label": "Browser" }]));
    assert_eq!(
        stage.asked(),
        [r#"POST /provider/zed/oauth/authorize {"method":0}"#]
    );
    stage.answer(json!({
        "url": "https://zed.test/login", "method": ending, "instructions": "Enter code: ABCD-1234\u{1b}[31m",
    }));
    stage
}

#[test]
fn the_browser_is_waited_for() {
    let mut stage = sent("auto");
    assert_eq!(
        stage.asked(),
        [r#"POST /provider/zed/oauth/callback {"method":0}"#]
    );
    insta::assert_snapshot!(stage.dialog(), @r#"
    Browser                                                            esc

    https://zed.test/login
    Enter code: ABCD-1234

    Waiting for the login…

                                             enter open in browser  c copy
    "#);
    stage.keys("c enter");
    assert_eq!(
        stage.wants,
        [r#"Copy "ABCD-1234""#, "Browse https://zed.test/login"]
    );
    stage.squeeze();
    stage.answer(json!(true));
    assert_eq!(stage.asked(), ["POST /instance/dispose {}"]);
    stage.answer(json!(true));
    stage.answer_load();
    assert!(stage.screen().contains("Select model"));
}

#[test]
fn a_window_that_was_closed_stays_closed() {
    let mut stage = sent("auto");
    stage.keys("escape");
    stage.answer(json!(true));
    assert_eq!(stage.asked(), ["POST /instance/dispose {}"]);
    stage.answer(json!(true));
    stage.answer_load();
    assert!(stage.app.dialogs.is_empty());

    let mut stage = sent("auto");
    stage.refuse("nobody came");
    assert!(stage.app.dialogs.is_empty());
    assert!(stage.screen().contains("nobody came"));
}

#[test]
fn a_wrong_code_is_asked_for_again() {
    let mut stage = sent("code");
    assert!(stage.screen().contains("https://zed.test/login"));
    stage.text("1");
    stage.keys("enter");
    let callback = r#"POST /provider/zed/oauth/callback {"method":0,"code":"1"}"#;
    assert_eq!(stage.asked(), [callback]);
    stage.refuse("wrong code");
    assert!(stage.screen().contains("Enter code"), "{}", stage.screen());
    stage.text("2");
    stage.keys("enter");
    stage.answer(json!(true));
    assert_eq!(stage.asked(), ["POST /instance/dispose {}"]);
}

#[test]
fn other_providers_are_named() {
    let mut stage = Stage::new(80, 30);
    stage.keys("end enter");
    for wrong in ["Big", "-a", "a b", "ä"] {
        stage.text(wrong);
        stage.keys("enter ctrl+u");
    }
    assert_eq!(stage.app.dialogs.len(), 1, "still asked");
    stage.text("my_own-1");
    stage.keys("enter");
    stage.text("k");
    stage.keys("enter");
    assert_eq!(stage.asked(), [r#"PUT /auth/my_own-1 {"type":"api","key":"k"}"#]);
    stage.answer(json!(true));
    stage.answer(json!(true));
    stage.answer_load();
    assert!(stage.screen().contains("my_own-1"));
    assert!(stage.app.dialogs.is_empty());
}

#[test]
fn the_slash_word_opens_the_list() {
    for word in ["/connect", "/move", "/diff"] {
        let mut stage = Stage::new(80, 30);
        stage.keys("escape");
        for letter in word.chars() {
            stage.keys(&letter.to_string());
        }
        stage.buffer();
        stage.keys("enter");
        let is_open = !stage.app.dialogs.is_empty() || !stage.asked().is_empty();
        assert!(is_open, "{word}: {}", stage.screen());
    }
}
