//! The face as a whole: keys and events in, requests and pictures out.

mod long;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::app::{Arguments, Route};
use crate::stage::Stage;

const SESSION: &str = "ses_0000000000000000000000000a";

/// A face in a session.
fn session() -> Stage {
    Stage::in_session(100, 30, SESSION, "Demo")
}

#[test]
fn a_prompt_of_the_start_makes_a_session_and_goes_there() {
    let mut stage = Stage::new(100, 30).connected();
    stage.text("fix it");
    stage.keys("enter");
    assert_eq!(
        stage.asked(),
        [r#"POST /session {"agent":"build","model":{"id":"scripted","providerID":"scripted"}}"#]
    );
    stage.answer(json!({
        "id": SESSION, "slug": "demo", "version": "1", "projectID": "p", "directory": "/home/me/demo",
        "title": "New session - 2026-01-02T03:04:05.006Z", "time": { "created": 1, "updated": 1 },
    }));
    let asked = stage.asked();
    let sent = asked.iter().find(|request| request.contains("/message {"));
    assert_eq!(
        sent.map(String::as_str),
        Some(
            "POST /session/ses_0000000000000000000000000a/message {\"agent\":\"build\",\"model\":{\"providerID\":\"scripted\",\"modelID\":\"scripted\"},\"parts\":[{\"type\":\"text\",\"text\":\"fix it\"}]}"
        )
    );
    assert!(stage.app.prompt.is_empty());
}

#[test]
fn what_could_not_be_sent_stands_in_the_prompt_again() {
    let mut stage = Stage::new(100, 30).connected();
    stage.text("fix it");
    stage.keys("enter");
    stage.refuse("no room on the disk");
    assert!(stage.screen().contains("fix it"), "{}", stage.screen());
    assert!(
        stage.screen().contains("no room on the disk"),
        "{}",
        stage.screen()
    );
}

#[test]
fn what_a_session_did_not_take_stands_in_its_prompt_again() {
    let prompt = |number: u8| {
        json!({ "sessionID": SESSION, "info": {
            "id": format!("msg_{number}"), "sessionID": SESSION, "role": "user", "time": { "created": 1000 },
            "agent": "build", "model": { "providerID": "zed", "modelID": "big" },
        } })
    };
    // Whether the prompt was told of before the connection broke.
    for is_taken in [false, true] {
        let mut stage = session().connected();
        stage.hear("message.updated", &prompt(1));
        stage.text("fix it");
        stage.keys("enter");
        assert!(stage.app.prompt.is_empty());
        if is_taken {
            stage.hear("message.updated", &prompt(2));
        }
        stage.refuse("no way there");
        assert!(stage.screen().contains("no way there"), "{}", stage.screen());
        assert_eq!(stage.app.prompt.is_empty(), is_taken, "{}", stage.screen());
    }
}

#[test]
fn what_is_submitted_early_is_sent_when_the_server_is_there() {
    let mut stage = Stage::new(100, 30).connected();
    stage.act(|app| app.store.is_ready = false);
    stage.text("fix it");
    stage.keys("enter");
    assert!(stage.asked().is_empty());
    stage.act(|app| {
        app.store.is_ready = true;
        app.begin();
    });
    let asked = stage.asked();
    assert!(
        asked.iter().any(|request| request.starts_with("POST /session ")),
        "{asked:?}"
    );
}

#[test]
fn ends_of_input_end_the_program_where_nothing_is_written() {
    for keys in ["ctrl+d", "ctrl+c"] {
        for mut stage in [Stage::new(100, 30), session()] {
            stage.act(|app| app.dialogs.clear());
            stage.text("word");
            stage.keys("home");
            stage.keys(keys);
            assert!(
                !stage.wants.iter().any(|want| want.starts_with("Exit")),
                "{:?}",
                stage.wants
            );
            stage.wants.clear();
            stage.act(|app| {
                app.prompt.command("prompt.clear");
            });
            stage.keys(keys);
            assert!(
                stage.wants.iter().any(|want| want.starts_with("Exit")),
                "{keys}: {:?}",
                stage.wants
            );
            assert!(stage.app.dialogs.is_empty());
        }
    }
}

#[test]
fn interrupting_takes_two_presses() {
    let mut stage = session();
    stage.hear(
        "session.status",
        &json!({ "sessionID": SESSION, "status": { "type": "busy" } }),
    );
    stage.keys("escape");
    assert!(stage.asked().is_empty());
    assert!(
        stage.screen().contains("again to interrupt"),
        "{}",
        stage.screen()
    );
    stage.keys("escape");
    assert_eq!(stage.asked(), [format!("POST /session/{SESSION}/abort {{}}")]);
}

fn ask_permission(stage: &mut Stage) {
    stage.hear("permission.asked", &json!({
        "id": "per_000000000000000000000000aa", "sessionID": SESSION, "permission": "bash",
        "patterns": ["git push origin"], "always": ["git push *"], "metadata": { "command": "git push origin" },
    }));
}

#[test]
fn a_permission_is_given_once_always_or_not() {
    let table: &[(&str, &[&str])] = &[
        ("enter", &[r#"{"reply":"once"}"#]),
        ("right enter enter", &[r#"{"reply":"always"}"#]),
        ("l enter escape enter", &[r#"{"reply":"once"}"#]),
        ("left enter", &[r#"{"reply":"reject"}"#]),
        ("escape", &[r#"{"reply":"reject"}"#]),
        ("right enter right enter", &[]),
    ];
    for (keys, replies) in table {
        let mut stage = session();
        ask_permission(&mut stage);
        assert!(stage.screen().contains("$ git push origin"), "{}", stage.screen());
        stage.keys(keys);
        let path = "POST /permission/per_000000000000000000000000aa/reply ";
        let expected: Vec<String> = replies.iter().map(|reply| format!("{path}{reply}")).collect();
        assert_eq!(stage.asked(), expected, "{keys}");
    }
}

#[test]
fn what_is_not_denied_is_given_by_itself_where_that_is_wanted() {
    let mut stage = session();
    stage.act(|app| app.is_auto = true);
    ask_permission(&mut stage);
    assert_eq!(
        stage.asked(),
        [r#"POST /permission/per_000000000000000000000000aa/reply {"reply":"once"}"#]
    );
    assert!(!stage.screen().contains("Permission required"));
}

fn ask_questions(stage: &mut Stage, questions: &serde_json::Value) {
    stage.hear(
        "question.asked",
        &json!({
            "id": "que_000000000000000000000000aa", "sessionID": SESSION, "questions": questions,
        }),
    );
}

#[test]
fn questions_are_answered_tab_by_tab() {
    let colour = json!({ "question": "Which colour?", "header": "Colour", "options": [
        { "label": "Red", "description": "Warm" }, { "label": "Blue", "description": "Cold" },
    ] });
    let mut sizes = json!({ "question": "Which sizes?", "header": "Sizes", "multiple": true, "options": [
        { "label": "S", "description": "Small" }, { "label": "L", "description": "Large" },
    ] });
    let one = json!([colour]);
    let two = json!([colour, sizes]);
    sizes["custom"] = json!(false);
    let table = [
        ("one is sent at once", &one, "down enter", Some(r#"[["Blue"]]"#)),
        ("by its number", &one, "2", Some(r#"[["Blue"]]"#)),
        (
            "two are looked at before",
            &two,
            "enter 1 2 tab enter",
            Some(r#"[["Red"],["S","L"]]"#),
        ),
        (
            "what is chosen twice is not chosen",
            &two,
            "enter 1 1 2 tab enter",
            Some(r#"[["Red"],["L"]]"#),
        ),
        ("left out", &two, "tab tab enter", Some("[[],[]]")),
        ("not sent yet", &two, "enter", None),
    ];
    for (name, questions, keys, answers) in table {
        let mut stage = session();
        ask_questions(&mut stage, questions);
        stage.keys(keys);
        let expected: Vec<String> = answers
            .iter()
            .map(|answers| {
                format!("POST /question/que_000000000000000000000000aa/reply {{\"answers\":{answers}}}")
            })
            .collect();
        assert_eq!(stage.asked(), expected, "{name}");
    }
    let mut stage = session();
    ask_questions(&mut stage, &one);
    stage.keys("down down enter");
    stage.text("green");
    stage.keys("enter");
    assert_eq!(
        stage.asked(),
        [r#"POST /question/que_000000000000000000000000aa/reply {"answers":[["green"]]}"#]
    );
    let mut stage = session();
    ask_questions(&mut stage, &one);
    stage.keys("escape");
    assert_eq!(
        stage.asked(),
        ["POST /question/que_000000000000000000000000aa/reject {}"]
    );
}

#[test]
fn every_screen_fits_every_terminal() {
    for (width, height) in [
        (1, 1),
        (2, 1),
        (5, 3),
        (20, 5),
        (40, 10),
        (80, 24),
        (121, 30),
        (300, 90),
    ] {
        let mut stages = vec![
            Stage::new(width, height),
            Stage::in_session(width, height, SESSION, "Demo"),
        ];
        let mut asked = Stage::in_session(width, height, SESSION, "Demo");
        ask_permission(&mut asked);
        stages.push(asked);
        let mut asked = Stage::in_session(width, height, SESSION, "Demo");
        ask_questions(
            &mut asked,
            &json!([{ "question": "Which?", "header": "W", "multiple": true, "options": [
                { "label": "S", "description": "Small" },
            ] }, { "question": "Which?", "header": "W", "options": [] }]),
        );
        stages.push(asked);
        for mut stage in stages {
            stage.screen();
            for command in [
                "command.palette.show",
                "theme.switch",
                "model.list",
                "session.list",
                "help.show",
                "opencode.status",
            ] {
                stage.act(move |app| {
                    app.run(command);
                });
                stage.screen();
                stage.keys("escape");
            }
            stage.screen();
        }
    }
}

#[test]
fn a_server_that_is_away_is_told_of_and_comes_back() {
    let mut stage = session();
    stage.lose("connection refused");
    assert!(
        stage.screen().contains("connection refused"),
        "{}",
        stage.screen()
    );
    stage.find_again();
    assert!(!stage.screen().contains("connection refused"));
    assert!(
        stage
            .asked()
            .iter()
            .any(|request| request.contains("/session/status"))
    );
}

#[test]
fn other_programs_can_drive_the_face() {
    let mut stage = session().connected();
    stage.hear("tui.prompt.append", &json!({ "text": "from outside" }));
    assert!(stage.screen().contains("from outside"));
    stage.hear("tui.command.execute", &json!({ "command": "prompt.submit" }));
    assert!(
        stage
            .asked()
            .iter()
            .any(|request| request.contains("from outside"))
    );
    stage.hear("tui.command.execute", &json!({ "command": "help.show" }));
    assert!(stage.screen().contains("Help"));
    stage.hear("tui.command.execute", &json!({ "command": "no.such" }));
    stage.hear(
        "tui.toast.show",
        &json!({ "message": "Look here", "variant": "info" }),
    );
    assert!(stage.screen().contains("Look here"));
}

#[test]
fn what_is_written_as_an_answer_stands_only_where_it_is_written() {
    let colour = json!({ "question": "Which colour?", "header": "Colour", "options": [] });
    let mut stage = session();
    ask_questions(&mut stage, &json!([colour, colour]));
    stage.keys("enter");
    stage.text("first line\nsecond line");
    assert_eq!(
        stage.screen().matches("first line").count(),
        1,
        "{}",
        stage.screen()
    );
    assert!(stage.screen().contains("second line"), "{}", stage.screen());
    stage.keys("enter");
    assert!(stage.screen().contains("enter confirm"), "{}", stage.screen());
}

#[test]
fn the_tab_of_a_question_is_seen_on_a_narrow_screen() {
    let long = |header: &str| json!({ "question": "Which?", "header": header, "options": [] });
    let questions: Vec<_> = [
        "One of them",
        "Another of them",
        "Yet another one",
        "The last of them",
    ]
    .map(long)
    .to_vec();
    let mut stage = Stage::in_session(40, 20, SESSION, "Demo");
    ask_questions(&mut stage, &json!(questions));
    assert!(stage.screen().contains("One"), "{}", stage.screen());
    stage.keys("left");
    assert!(stage.screen().contains("Conf"), "{}", stage.screen());
    let questions: Vec<_> = std::iter::repeat_n(long("Something"), 20).collect();
    let mut stage = Stage::in_session(40, 20, SESSION, "Demo");
    ask_questions(&mut stage, &json!(questions));
    stage.keys("left");
    assert!(stage.screen().contains("Conf"), "{}", stage.screen());
}

#[test]
fn a_pasted_text_answers_nothing() {
    let mut stage = session();
    let colour = json!([{ "question": "Which colour?", "header": "Colour", "options": [
        { "label": "red", "description": "" }, { "label": "green", "description": "" },
    ] }]);
    ask_questions(&mut stage, &colour);
    stage.text("1");
    assert_eq!(stage.asked(), Vec::<String>::new());
    stage.keys("2");
    assert_eq!(
        stage.asked(),
        [r#"POST /question/que_000000000000000000000000aa/reply {"answers":[["green"]]}"#]
    );
}

#[test]
fn questions_and_permissions_are_left_with_escape_whatever_interrupts() {
    let mut stage = session();
    stage.bind("session_interrupt", "ctrl+y");
    ask_permission(&mut stage);
    stage.keys("esc");
    assert_eq!(
        stage.asked(),
        [r#"POST /permission/per_000000000000000000000000aa/reply {"reply":"reject"}"#]
    );
}

#[test]
fn the_palette_shows_what_the_reference_shows() {
    let mut stage = Stage::new(100, 90);
    stage.act(|app| app.dialogs.clear());
    stage.keys("ctrl+p");
    let palette = stage.dialog();
    for row in ["Show tips", "ctrl+x h", "ctrl+c, ctrl+d, ctrl+x q"] {
        assert!(palette.contains(row), "{row}: {palette}");
    }
    let mut stage = Stage::in_session(100, 90, SESSION, "Demo");
    stage.keys("ctrl+p");
    let palette = stage.dialog();
    assert_eq!(palette.matches("Share session").count(), 2, "{palette}");
    let mut stage = Stage::in_session(100, 90, SESSION, "Demo");
    stage.act(|app| app.store.config = json!({ "share": "disabled" }));
    stage.keys("ctrl+p");
    assert!(!stage.dialog().contains("Share session"), "{}", stage.dialog());
}

#[test]
fn sessions_of_folders_within_are_listed_and_others_are_not() {
    let mut stage = Stage::new(100, 40);
    stage.act(|app| {
        app.dialogs.clear();
        let folders = ["/home/me/demo/src", "/home/me/demonstration", "/home/me"];
        for (number, folder) in folders.iter().enumerate() {
            let id = format!("ses_0000000000000000000000000{number}");
            let session: opencode_schema::Session = serde_json::from_value(json!({
                "id": id, "slug": "demo", "version": "1", "projectID": "p", "directory": folder,
                "title": format!("Number {number}"), "time": { "created": 1, "updated": 1 },
            }))
            .unwrap();
            app.store.sessions.insert(session.id.clone(), session);
        }
        app.run("session.list");
    });
    let list = stage.dialog();
    let shown = [0, 1, 2].map(|number| list.contains(&format!("Number {number}")));
    assert_eq!(shown, [true, false, false], "{list}");
}

#[test]
fn below_the_worktree_sessions_are_asked_for_by_their_folder() {
    let mut stage = Stage::new(100, 40);
    stage.act(|app| {
        app.dialogs.clear();
        let path = app.store.path.as_mut().expect("a place");
        path.worktree = "/home/me/demo".to_owned();
        path.directory = "/home/me/demo/crates/one".to_owned();
        app.run("session.list");
    });
    assert_eq!(
        stage.asked(),
        ["GET /session roots=true limit=100 path=crates/one"]
    );
    stage.forget_asked();
    stage.act(|app| {
        app.settings.switches.session_directory_filter = false;
        app.load_sessions();
    });
    assert_eq!(stage.asked(), ["GET /session roots=true limit=100"]);
}

#[test]
fn the_sidebar_helps_who_has_free_models_only_until_that_is_dismissed() {
    let mut stage = Stage::in_session(140, 50, SESSION, "Demo").connected();
    assert!(!stage.screen().contains("Getting started"), "{}", stage.screen());
    stage.act(|app| {
        for provider in &mut app.store.providers {
            provider.id = "opencode".to_owned();
        }
    });
    let screen = stage.screen();
    assert!(screen.contains("/connect"), "{screen}");
    let row = screen
        .lines()
        .position(|row| row.contains("Getting started"))
        .expect("the card");
    let column = screen
        .lines()
        .nth(row)
        .and_then(|row| row.find('✕').map(|at| row[..at].chars().count()));
    let first = stage.first_row();
    stage.click(
        u16::try_from(column.unwrap()).unwrap(),
        u16::try_from(row).unwrap() + first,
    );
    assert!(!stage.screen().contains("Getting started"), "{}", stage.screen());
    assert!(
        stage
            .app
            .settings
            .switches
            .text()
            .contains("dismissed_getting_started")
    );
}

#[test]
fn a_selection_that_ends_on_a_label_runs_nothing() {
    use crate::terminal::event::{Button, MouseKind};
    let mut stage = session().connected();
    stage.screen();
    let mut labels = stage.app.places.labels.iter();
    let (label, _) = *labels
        .find(|(_, command)| *command == "command.palette.show")
        .expect("a label");
    stage.mouse(MouseKind::Down(Button::Left), 3, 3);
    stage.mouse(MouseKind::Drag(Button::Left), label.x, label.y);
    stage.mouse(MouseKind::Up(Button::Left), label.x, label.y);
    assert!(stage.app.dialogs.is_empty());
    stage.click(label.x, label.y);
    assert!(!stage.app.dialogs.is_empty());
}

#[test]
fn thoughts_are_proposed_for_a_file_while_they_are_folded() {
    let mut stage = session();
    stage.run("session.export");
    assert!(
        stage.dialog().contains("[x] Include thinking"),
        "{}",
        stage.dialog()
    );
}

#[test]
fn the_environment_names_the_first_screen() {
    let begun = |route: &str| Stage::in_environment(&[("OPENCODE_ROUTE", route)]);
    let named = format!(r#"{{"type":"session","sessionID":"{SESSION}"}}"#);
    assert_eq!(
        begun(&named).app.session_id().map(ToString::to_string).as_deref(),
        Some(SESSION)
    );
    assert_eq!(begun(r#"{"type":"plugin","id":"diff"}"#).app.route, Route::Diff);
    for other in [r#"{"type":"home"}"#, r#"{"type":"plugin","id":"none"}"#, "{", "7"] {
        assert_eq!(begun(other).app.route, Route::Home, "{other}");
    }
}

#[test]
fn who_has_free_models_only_is_offered_providers_with_them() {
    let mut stage = Stage::new(100, 44).connected();
    stage.act(|app| {
        for provider in &mut app.store.providers {
            provider.id = "opencode".to_owned();
        }
        app.run("model.list");
    });
    assert_eq!(stage.asked(), ["GET /provider"]);
    stage.answer(json!({
        "all": [{ "id": "zed", "name": "Zed" }, { "id": "anthropic", "name": "Anthropic" }],
        "connected": [], "default": {},
    }));
    let list = stage.dialog();
    for shown in [
        "Popular providers",
        "Anthropic (API key)",
        "View all providers ctrl+a",
    ] {
        assert!(list.contains(shown), "{shown}: {list}");
    }
    assert!(!list.contains("Favorite") && !list.contains("Zed"), "{list}");
    stage.keys("end enter");
    assert_eq!(stage.asked(), ["GET /provider/auth"]);
}

#[test]
fn the_demonstration_is_no_provider_that_somebody_connected() {
    let mut stage = Stage::with(100, 30, |path, _| {
        (path == "config/providers").then(|| {
            json!({ "default": {}, "providers": [
                { "id": "demo", "name": "Demonstration", "source": "custom", "env": [], "options": {}, "models": {} },
            ] })
        })
    });
    assert!(
        stage.dialog().contains("Connect a provider"),
        "{}",
        stage.screen()
    );
}

/// A face in a session of forty prompts.
fn long_session() -> Stage {
    let mut stage = session();
    let messages: Vec<_> = (0..40)
        .map(|number| {
            let message = format!("msg_{number:02}");
            json!({
                "info": {
                    "id": message, "sessionID": SESSION, "role": "user", "time": { "created": 1000 + number },
                    "agent": "build", "model": { "providerID": "zed", "modelID": "big" },
                },
                "parts": [{
                    "id": format!("prt_{number:02}"), "sessionID": SESSION, "messageID": message, "type": "text",
                    "text": format!("prompt {number:02}"),
                }],
            })
        })
        .collect();
    let messages = serde_json::from_value(json!(messages)).expect("messages");
    stage.act(move |app| {
        let id = app.session_id().cloned().expect("a session");
        app.store.conversation(&id).begin();
        app.store.conversation(&id).load(messages, None);
    });
    stage
}

#[test]
fn home_and_end_are_for_the_messages_where_the_cursor_cannot_go_further() {
    // What is written, keys, whether the first message is seen then.
    for (text, keys, is_first) in [
        ("", "home", true),
        ("", "home end", false),
        ("word", "home", false),
        ("word", "home home", true),
        ("word", "home home end", true),
        ("word", "home home end end", false),
    ] {
        let mut stage = long_session();
        stage.text(text);
        stage.screen();
        for key in keys.split(' ') {
            stage.keys(key);
            stage.screen();
        }
        let screen = stage.screen();
        let seen = [screen.contains("prompt 00"), screen.contains("prompt 39")];
        assert_eq!(seen, [is_first, !is_first], "{text:?} {keys}: {screen}");
    }
}

#[test]
fn what_the_command_line_names_and_there_is_not_is_told() {
    let arguments = |agent: Option<&str>, model: Option<&str>| Arguments {
        agent: agent.map(str::to_owned),
        model: model.map(str::to_owned),
        ..Arguments::default()
    };
    for (arguments, told) in [
        (arguments(Some("nope"), None), "There is no agent nope"),
        (arguments(None, Some("nope/none")), "There is no model nope/none"),
        (arguments(None, Some("nonsense")), "nonsense names no model"),
    ] {
        let mut stage = Stage::with_arguments(arguments);
        assert!(stage.screen().contains(told), "{told}: {}", stage.screen());
        let mut stage = stage.connected();
        assert!(stage.screen().contains("· Scripted"), "{}", stage.screen());
    }
    // Not listed, and there.
    let mut stage = Stage::with_arguments(arguments(None, Some("demo/tour"))).connected();
    assert!(stage.screen().contains("· tour"), "{}", stage.screen());
}

#[test]
fn a_key_that_is_not_kept_from_the_prompt_is_typed_as_well() {
    let keybinds = json!({
        "agent_cycle": { "key": "é", "preventDefault": false },
        "model_cycle_recent": "è",
        "command_list": { "key": "à", "preventDefault": false },
    });
    let mut stage = Stage::new(100, 30).connected();
    stage.act(move |app| {
        app.settings.tui.keybinds = keybinds.as_object().cloned().unwrap();
        app.keymap = app.settings.keymap();
    });
    stage.keys("a é è");
    assert_eq!(stage.app.prompt.draft().text(), "aé");
    stage.keys("à");
    assert!(stage.dialog().contains("Commands"));
    assert!(!stage.dialog().contains('à'), "it opened the window");
    stage.keys("esc");
    assert_eq!(stage.app.prompt.draft().text(), "aé");
}
