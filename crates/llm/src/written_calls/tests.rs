use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::*;
use crate::stream::{Finish, Usage};

fn finish(reason: FinishReason) -> StreamPart {
    StreamPart::Finish(Finish {
        reason,
        raw: None,
        usage: Usage::default(),
        metadata: ProviderMetadata::new(),
    })
}

fn answer(pieces: &[&str]) -> Vec<StreamPart> {
    let metadata = ProviderMetadata::new;
    let mut parts = vec![StreamPart::TextStart {
        id: "t".into(),
        metadata: metadata(),
    }];
    parts.extend(pieces.iter().map(|piece| StreamPart::TextDelta {
        id: "t".into(),
        delta: (*piece).to_owned(),
        metadata: metadata(),
    }));
    parts.push(StreamPart::TextEnd {
        id: "t".into(),
        metadata: metadata(),
    });
    parts.push(finish(FinishReason::Stop));
    parts
}

fn through(parts: Vec<StreamPart>) -> Vec<StreamPart> {
    let tools = ["read", "bash"].map(str::to_owned).to_vec();
    let mut stage = WrittenCalls::new(tools);
    let mut out = VecDeque::new();
    for part in parts {
        stage.take(part, &mut out);
    }
    stage.end(&mut out);
    out.into()
}

/// Text, calls and how it ended: `words|read{…}|ToolCalls`.
fn shown(parts: &[StreamPart]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            StreamPart::TextDelta { delta, .. } => out.push_str(delta),
            StreamPart::ToolCall(call) => out.push_str(&format!("|{}{}", call.name, call.input)),
            StreamPart::Finish(finish) => out.push_str(&format!("|{:?}", finish.reason)),
            _ => {}
        }
    }
    out
}

/// The same for the text whole and letter by letter.
fn of(text: &str) -> String {
    let whole = shown(&through(answer(&[text])));
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    assert_eq!(shown(&through(answer(&letters))), whole, "{text}");
    whole
}

#[test]
fn calls_in_the_forms_of_models() {
    let read = r#"|read{"path":"a"}"#;
    let object = r#"{"name": "read", "arguments": {"path": "a"}}"#;
    for text in [
        format!("<tool_call>\n{object}\n</tool_call>"),
        format!("<tool_call>{object}"),
        format!("<TOOL_CALL>{object}</TOOL_CALL>\n\n"),
        format!("```json\n{object}\n```"),
        format!("```tool_call\n{object}\n```\n"),
        format!("\n {object} \n"),
        format!("[TOOL_CALLS] [{object}]"),
        format!("[TOOL_CALLS]{object}"),
        format!("<|python_tag|>{object}"),
        r#"<function=read>{"path": "a"}</function>"#.to_owned(),
        r#"[{"type": "function", "function": {"name": "read", "arguments": "{\"path\": \"a\"}"}}]"#
            .to_owned(),
        r#"{"tool": "read", "parameters": {"path": "a"}}"#.to_owned(),
    ] {
        assert_eq!(of(&text), format!("{read}|ToolCalls"), "{text}");
    }
    assert_eq!(
        of(&format!("[{object}, {object}]")),
        format!("{read}{read}|ToolCalls")
    );
    assert_eq!(
        of(&format!("{object}\n{object}")),
        format!("{read}{read}|ToolCalls")
    );
    let twice = format!("I look.\n<tool_call>{object}</tool_call>\n<tool_call>{object}</tool_call> done");
    assert_eq!(of(&twice), format!("I look.{read}{read}done|ToolCalls"));
    let fenced = format!("First:\n```json\n{object}\n```");
    assert_eq!(of(&fenced), format!("First:{read}|ToolCalls"));
}

#[test]
fn what_is_no_call_stays_as_it_is() {
    for text in [
        "plain words",
        "",
        "  ",
        "a < b and {c}",
        r#"{"answer": 42}"#,
        r#"{"name": "unknown", "arguments": {}}"#,
        r#"{"name": "read"}"#,
        r#"{"name": "read", "arguments": [1]}"#,
        r#"{"name": "read", "arguments": {"path": "a"}"#,
        r#"{"name": "read", "arguments": {}} is how it is called"#,
        "[1, 2, 3]",
        "[link](there)",
        "```json\n{\"name\": \"x\"}\n```\nand more",
        "```rust\nfn main() {}\n```",
        "<tool_call>nonsense</tool_call> text",
        "<tool_cal",
        "<function=read>nonsense</function>",
        "``",
    ] {
        assert_eq!(of(text), format!("{text}|Stop"));
    }
}

#[test]
fn a_text_that_is_nothing_but_a_call_leaves_no_empty_text() {
    let parts = through(answer(&[r#"{"name": "bash", "arguments": {}}"#]));
    assert!(
        !parts.iter().any(|part| matches!(
            part,
            StreamPart::TextStart { .. } | StreamPart::TextDelta { .. } | StreamPart::TextEnd { .. }
        )),
        "{parts:?}"
    );
    let [
        StreamPart::ToolInputStart { id, .. },
        ..,
        StreamPart::ToolCall(call),
        StreamPart::Finish(_),
    ] = &parts[..]
    else {
        panic!("{parts:?}")
    };
    assert_eq!(&call.id, id);
}

#[test]
fn words_are_not_held_back() {
    let mut stage = WrittenCalls::new(vec!["read".into()]);
    let mut out = VecDeque::new();
    for part in answer(&["Hello ", "world <"]).into_iter().take(3) {
        stage.take(part, &mut out);
    }
    assert_eq!(
        shown(out.make_contiguous()),
        "Hello world",
        "all but the last blanks"
    );
}

#[test]
fn a_model_that_calls_as_it_should_is_left_alone() {
    let call = StreamPart::ToolCall(ToolCall {
        id: "c".into(),
        name: "read".into(),
        input: "{}".into(),
        provider_executed: false,
        metadata: ProviderMetadata::new(),
    });
    let mut parts = answer(&[r#"{"name": "#]);
    parts.truncate(2);
    parts.push(call);
    parts.extend(answer(&[r#"{"name": "read", "arguments": {}}"#]));
    let wanted = r#"{"name": |read{}{"name": "read", "arguments": {}}|Stop"#;
    assert_eq!(shown(&through(parts)), wanted);
}

#[test]
fn an_answer_that_breaks_off_keeps_its_words() {
    let mut parts = answer(&[r#"{"name": "read", "argum"#]);
    parts.truncate(2);
    assert_eq!(shown(&through(parts)), r#"{"name": "read", "argum"#);
}

#[test]
fn too_much_is_given_on() {
    let long = format!("{{\"name\": \"{}", "x".repeat(HELD_LIMIT));
    assert_eq!(
        shown(&through(answer(&[&long, " and on"]))),
        format!("{long} and on|Stop")
    );
}

proptest! {
    #[test]
    fn nothing_is_lost_and_splits_change_nothing(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("<tool_call>".to_owned()), Just("</tool_call>".to_owned()), Just("```json\n".to_owned()),
                Just("```".to_owned()), Just("{".to_owned()), Just("[TOOL_CALLS]".to_owned()),
                Just("<function=".to_owned()), Just("é".to_owned()), "[ -~\\n]{0,6}",
            ],
            0..12,
        )
    ) {
        // Without a tool of that name there is no call, so that every letter must come.
        let text: String = pieces.concat();
        let borrowed: Vec<&str> = pieces.iter().map(String::as_str).collect();
        prop_assert_eq!(shown(&through(answer(&borrowed))), format!("{text}|Stop"));
    }
}
