use std::collections::HashSet;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

const PROMPT: Layer<'_> = Layer {
    name: "prompt",
    commands: &["prompt.clear", "input.delete", "input.undo", "prompt.editor"],
};
const SESSION: Layer<'_> = Layer {
    name: "session",
    commands: &["session.interrupt", "session.toggle.conceal", "session.page.up"],
};
const BASE: Layer<'_> = Layer {
    name: "base",
    commands: &[
        "app.exit",
        "model.list",
        "model.cycle_recent",
        "command.palette.show",
    ],
};

fn keymap(keybinds: &Value) -> Keymap {
    let keybinds = keybinds.as_object().cloned().unwrap_or_default();
    Keymap::with(&keybinds, LEADER_TIMEOUT, true).0
}

/// Presses what a binding would name, and tells the last answer.
fn typed(keymap: &mut Keymap, keys: &str, layers: &[Layer<'_>]) -> Resolved {
    let mut last = Resolved::Nothing;
    let [binding] = binding::parse_text(keys).unwrap().try_into().unwrap();
    for step in binding.steps {
        let Step::Key(stroke) = step else { continue };
        last = keymap.resolve(Press::new(stroke.code, stroke.modifiers), layers);
    }
    last
}

fn commands(ids: &[&'static str]) -> Resolved {
    Resolved::Commands(ids.to_vec())
}

#[test]
fn the_table_is_complete_and_can_be_read() {
    assert_eq!(ACTIONS.len(), 184);
    let mut keys = HashSet::new();
    for action in ACTIONS {
        assert!(keys.insert(action.key), "{} stands twice", action.key);
        for default in [action.default, action.default_without_job_control()] {
            let parsed = binding::parse_text(default);
            assert!(parsed.is_ok(), "{}: {parsed:?}", action.key);
        }
    }
}

#[test]
fn keys_mean_what_is_live() {
    let cases: [(&str, &str, &[Layer<'_>], Resolved); 12] = [
        ("one layer", "f2", &[BASE], commands(&["model.cycle_recent"])),
        ("a key of nobody", "z", &[PROMPT, BASE], Resolved::Nothing),
        ("a key that is not live", "f2", &[PROMPT], Resolved::Nothing),
        (
            "the nearest first",
            "ctrl+d",
            &[PROMPT, BASE],
            commands(&["input.delete", "app.exit"]),
        ),
        (
            "layered control-c",
            "ctrl+c",
            &[PROMPT, SESSION, BASE],
            commands(&["prompt.clear", "app.exit"]),
        ),
        ("the leader alone", "ctrl+x", &[BASE], Resolved::Pending),
        ("a sequence", "ctrl+x m", &[BASE], commands(&["model.list"])),
        (
            "one that depends on the screen",
            "ctrl+x h",
            &[SESSION],
            commands(&["session.toggle.conceal"]),
        ),
        ("a sequence of nobody", "ctrl+x z", &[BASE], Resolved::Nothing),
        (
            "escape in a sequence",
            "ctrl+x escape",
            &[BASE, SESSION],
            Resolved::Swallowed,
        ),
        (
            "after escape all is as before",
            "ctrl+x escape f2",
            &[BASE],
            commands(&["model.cycle_recent"]),
        ),
        (
            "the leader where it leads nowhere",
            "ctrl+x",
            &[PROMPT_WITHOUT_LEADER],
            Resolved::Nothing,
        ),
    ];
    for (name, keys, layers, expected) in cases {
        assert_eq!(typed(&mut keymap(&json!({})), keys, layers), expected, "{name}");
    }
}

const PROMPT_WITHOUT_LEADER: Layer<'_> = Layer {
    name: "prompt",
    commands: &["prompt.clear"],
};

#[test]
fn configuration_changes_bindings() {
    let cases = [
        (
            "another key",
            json!({"model_list": "ctrl+o"}),
            "ctrl+o",
            commands(&["model.list"]),
        ),
        (
            "not the old one",
            json!({"model_list": "ctrl+o"}),
            "ctrl+x m",
            Resolved::Nothing,
        ),
        (
            "another leader",
            json!({"leader": "ctrl+b"}),
            "ctrl+b m",
            commands(&["model.list"]),
        ),
        (
            "two leaders",
            json!({"leader": "ctrl+b,ctrl+x"}),
            "ctrl+x m",
            commands(&["model.list"]),
        ),
        (
            "no leader",
            json!({"leader": "none"}),
            "ctrl+x",
            Resolved::Nothing,
        ),
        (
            "no binding",
            json!({"model_cycle_recent": false}),
            "f2",
            Resolved::Nothing,
        ),
        (
            "a sequence of three",
            json!({"model_list": "<leader>gm"}),
            "ctrl+x g m",
            commands(&["model.list"]),
        ),
        (
            "a capital",
            json!({"model_list": "M"}),
            "shift+m",
            commands(&["model.list"]),
        ),
    ];
    for (name, keybinds, keys, expected) in cases {
        assert_eq!(
            typed(&mut keymap(&keybinds), keys, &[SESSION, BASE]),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_sequence_ends_by_itself() {
    let mut keymap = keymap(&json!({}));
    assert_eq!(typed(&mut keymap, "ctrl+x", &[BASE]), Resolved::Pending);
    assert_eq!(keymap.pending().len(), 1);
    let waiting = keymap.waiting().unwrap();
    assert_eq!(
        keymap.expire(waiting + 1, &[BASE]),
        Resolved::Nothing,
        "another wait"
    );
    assert_eq!(keymap.expire(waiting, &[BASE]), Resolved::Swallowed);
    assert_eq!(keymap.expire(waiting, &[BASE]), Resolved::Nothing, "it is over");
    assert_eq!(typed(&mut keymap, "m", &[BASE]), Resolved::Nothing);
}

#[test]
fn a_key_that_also_begins_a_sequence_waits() {
    let mut keymap = keymap(&json!({"model_list": "g", "model_cycle_recent": "gg"}));
    assert_eq!(
        typed(&mut keymap, "g g", &[BASE]),
        commands(&["model.cycle_recent"])
    );
    assert_eq!(typed(&mut keymap, "g", &[BASE]), Resolved::Pending);
    let waiting = keymap.waiting().unwrap();
    assert_eq!(keymap.expire(waiting, &[BASE]), commands(&["model.list"]));
}

#[test]
fn backspace_takes_a_key_back() {
    let mut keymap = keymap(&json!({"model_list": "<leader>gm"}));
    assert_eq!(
        typed(&mut keymap, "ctrl+x g backspace", &[BASE]),
        Resolved::Pending
    );
    assert_eq!(typed(&mut keymap, "g m", &[BASE]), commands(&["model.list"]));
    assert_eq!(
        typed(&mut keymap, "ctrl+x backspace", &[BASE]),
        Resolved::Swallowed
    );
    assert_eq!(keymap.waiting(), None);
}

#[test]
fn movements_of_keys() {
    let mut keymap = keymap(&json!({"model_list": {"key": "f9", "event": "release"}}));
    let f9 = Press::new(Code::Function(9), Modifiers::NONE);
    assert!(keymap.wants_releases() && !Keymap::default().wants_releases());
    assert_eq!(keymap.resolve(f9, &[BASE]), Resolved::Nothing);
    assert_eq!(
        keymap.resolve(f9.moving(Motion::Release), &[BASE]),
        commands(&["model.list"])
    );
    let f2 = Press::new(Code::Function(2), Modifiers::NONE);
    assert_eq!(
        keymap.resolve(f2.moving(Motion::Repeat), &[BASE]),
        commands(&["model.cycle_recent"])
    );
    assert_eq!(
        keymap.resolve(f2.moving(Motion::Release), &[BASE]),
        Resolved::Nothing
    );

    let leader = Press::new(Code::Char('x'), Modifiers::CONTROL);
    let letter = Press::new(Code::Char('m'), Modifiers::NONE);
    assert_eq!(
        keymap.resolve(leader, &[BASE, SESSION, PROMPT]),
        Resolved::Pending
    );
    keymap.resolve(leader.moving(Motion::Release), &[BASE]);
    keymap.resolve(Press::new(Code::Other("leftshift"), Modifiers::SHIFT), &[BASE]);
    assert!(
        keymap.waiting().is_some(),
        "letting the leader go does not end its sequence"
    );
    assert_eq!(keymap.resolve(letter, &[BASE]), Resolved::Nothing);
}

#[test]
fn labels_are_what_is_bound() {
    let cases = [
        ("a sequence", json!({}), "model.list", Some("ctrl+x m")),
        ("a key", json!({}), "command.palette.show", Some("ctrl+p")),
        ("the first of several", json!({}), "app.exit", Some("ctrl+c")),
        ("short names", json!({}), "session.page.up", Some("pgup")),
        (
            "another leader",
            json!({"leader": "ctrl+b"}),
            "model.list",
            Some("ctrl+b m"),
        ),
        ("unbound", json!({}), "help.show", None),
        ("no leader", json!({"leader": "none"}), "model.list", None),
        (
            "no leader, an alternative",
            json!({"leader": false, "app_exit": "<leader>q,ctrl+q"}),
            "app.exit",
            Some("ctrl+q"),
        ),
        ("no command", json!({}), "no.such", None),
    ];
    for (name, keybinds, command, expected) in cases {
        assert_eq!(keymap(&keybinds).label(command).as_deref(), expected, "{name}");
    }
    let keymap = keymap(&json!({}));
    assert_eq!(
        keymap.labels("app.exit").collect::<Vec<_>>(),
        ["ctrl+c", "ctrl+d", "ctrl+x q"]
    );
}

#[test]
fn what_can_follow_is_told() {
    let mut keymap = keymap(&json!({}));
    typed(&mut keymap, "ctrl+x", &[PROMPT, BASE]);
    assert_eq!(keymap.pending().len(), 1);
    assert_eq!(
        keymap.continuations(&[PROMPT, BASE]),
        [
            ("q".to_owned(), "app.exit"),
            ("e".to_owned(), "prompt.editor"),
            ("m".to_owned(), "model.list")
        ]
    );
}

#[test]
fn what_is_wrong_is_told_and_the_rest_is_in_force() {
    let keybinds = json!({
        "model_lst": "ctrl+o",
        "something_else_entirely": "ctrl+o",
        "model_list": "ctrl+nowhere",
        "model_cycle_recent": "f3",
    });
    let (mut keymap, problems) = Keymap::with(keybinds.as_object().unwrap(), LEADER_TIMEOUT, true);
    assert_eq!(
        problems,
        [
            Problem::Unknown("model_lst".into(), Some("model_list")),
            Problem::Unknown("something_else_entirely".into(), None),
            Problem::Value("model_list".into(), BindingError::Key("nowhere".into())),
        ]
    );
    assert_eq!(typed(&mut keymap, "ctrl+x m", &[BASE]), commands(&["model.list"]));
    assert_eq!(
        typed(&mut keymap, "f3", &[BASE]),
        commands(&["model.cycle_recent"])
    );
}

#[test]
fn without_job_control_the_key_undoes() {
    let (mut keymap, _) = Keymap::with(&Map::new(), LEADER_TIMEOUT, false);
    let layer = Layer {
        name: "prompt",
        commands: &["terminal.suspend", "input.undo"],
    };
    assert_eq!(typed(&mut keymap, "ctrl+z", &[layer]), commands(&["input.undo"]));
    assert_eq!(keymap.label("terminal.suspend"), None);
}

#[test]
fn bindings_that_share_a_key_say_so() {
    let keymap = keymap(&json!({
        "model_list": {"key": "f9", "fallthrough": true, "preventDefault": false},
        "model_cycle_recent": "f9",
    }));
    let f9 = Press::new(Code::Function(9), Modifiers::NONE);
    let told = |command| (keymap.falls_through(f9, command), keymap.passes_on(f9, command));
    assert_eq!(told("model.list"), (true, true));
    assert_eq!(told("model.cycle_recent"), (false, false));
    assert_eq!(told("app.exit"), (false, false));
}

#[test]
fn bindings_hold_on_keyboards_of_other_scripts() {
    let mut keymap = keymap(&json!({}));
    let mut press = Press::new(Code::Char('з'), Modifiers::CONTROL);
    assert_eq!(keymap.resolve(press, &[BASE]), Resolved::Nothing);
    press.latin = Some(Stroke::new(Code::Char('p'), Modifiers::CONTROL));
    assert_eq!(
        keymap.resolve(press, &[BASE]),
        commands(&["command.palette.show"])
    );
}
