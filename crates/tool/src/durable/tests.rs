mod change;
mod look;
mod run;
mod web;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::contract::Ask;
use crate::registry::{Audience, Registry};
use crate::testing::Bench;

/// The tools of a place where somebody can be asked.
fn registry() -> Registry {
    Registry::durable(Settings {
        may_ask: true,
        ..Settings::default()
    })
}

/// Runs a tool once.
async fn run(bench: &Bench, tool: &str, input: Value) -> Result<Output, Failure> {
    let registry = registry();
    let tool = registry.get(tool).expect("there is such a tool");
    bench.run(&**tool, input).await
}

/// As [`run`], for a call that goes well: its facts and its texts.
async fn told(bench: &Bench, tool: &str, input: Value) -> (Value, Vec<String>) {
    let output = run(bench, tool, input).await.expect("it goes well");
    let texts = output.texts().map(str::to_owned).collect();
    (output.metadata.into(), texts)
}

/// As [`run`], for a call that does not: what the model is told.
async fn failed(bench: &Bench, tool: &str, input: Value) -> String {
    match run(bench, tool, input).await {
        Err(Failure::Told(text)) => text,
        other => panic!("it fails, and the model is told: {other:?}"),
    }
}

/// Questions for permission so far: action, resources, save.
fn asked(bench: &Bench) -> Vec<(String, Vec<String>, Vec<String>)> {
    let asks = bench.recorded().asks.into_iter();
    asks.map(
        |Ask {
             permission,
             patterns,
             always,
             ..
         }| (permission, patterns, always),
    )
    .collect()
}

/// A question for permission.
fn ask(action: &str, resource: &str, save: &str) -> (String, Vec<String>, Vec<String>) {
    (
        action.to_owned(),
        vec![resource.to_owned()],
        vec![save.to_owned()],
    )
}

#[test]
fn every_model_is_told_of_all() {
    let registry = registry();
    for api_id in ["gpt-5", "claude-x"] {
        let audience = Audience {
            provider_id: "scripted",
            api_id,
        };
        let visible = registry.visible(&[], Some(audience));
        assert_eq!(
            visible.iter().map(|tool| tool.name()).collect::<Vec<_>>(),
            [
                "apply_patch",
                "bash",
                "edit",
                "glob",
                "grep",
                "question",
                "read",
                "skill",
                "todowrite",
                "webfetch",
                "websearch",
                "write"
            ]
        );
    }
    assert!(Registry::durable(Settings::default()).get("question").is_none());
}

#[test]
fn what_the_reference_does_not_have_is_there_where_configuration_wants_it() {
    use opencode_schema::permission::{Action, Rule};
    let names = |settings: Settings, rules: &[Rule]| -> Vec<String> {
        let registry = Registry::durable(settings);
        let visible = registry.visible(&[rules], None);
        let all = visible.iter().map(|tool| tool.name().to_owned());
        all.filter(|name| name == "task" || name == "job").collect()
    };
    let all = Rule::new("*", "*", Action::Allow);
    let task = Rule::new("task", "*", Action::Allow);
    let named = || Settings {
        named: vec!["task".to_owned()],
        ..Settings::default()
    };
    let none: [&str; 0] = [];
    assert_eq!(names(Settings::default(), &[all.clone(), task.clone()]), none);
    assert_eq!(
        names(named(), std::slice::from_ref(&all)),
        none,
        "another agent's"
    );
    assert_eq!(names(named(), &[all.clone(), task.clone()]), ["task"]);
    let background = Settings {
        background_tasks: true,
        ..named()
    };
    assert_eq!(names(background, &[all.clone(), task]), ["job", "task"]);
    let commands = Settings {
        background: true,
        ..Settings::default()
    };
    assert_eq!(names(commands, &[all]), ["job"]);
}

#[test]
fn the_background_is_offered_where_it_is_switched_on() {
    let mut bench = Bench::new();
    let settings = Settings {
        background: true,
        named: vec!["task".to_owned()],
        ..Settings::default()
    };
    let registry = Registry::durable(settings);
    let keys = |bench: &Bench, tool: &str| -> Vec<String> {
        let definition = registry.get(tool).unwrap().definition(&bench.scope);
        assert_eq!(definition.parameters["additionalProperties"], false, "{tool}");
        let properties = definition.parameters["properties"].as_object().unwrap();
        properties.keys().cloned().collect()
    };
    assert_eq!(keys(&bench, "bash"), ["command", "workdir", "timeout"]);
    bench.scope.jobs = Some(Arc::default());
    assert_eq!(
        keys(&bench, "bash"),
        ["command", "workdir", "timeout", "background"]
    );
    assert_eq!(keys(&bench, "job"), ["action", "id", "text", "end", "wait"]);
    assert_eq!(
        keys(&bench, "task"),
        ["description", "prompt", "subagent_type", "task_id", "command"]
    );
}

#[test]
fn arguments_have_the_form_of_the_reference() {
    fn without_words(schema: &mut Value) {
        match schema {
            Value::Object(object) => {
                if object.get("description").is_some_and(Value::is_string) {
                    object.shift_remove("description");
                }
                object.values_mut().for_each(without_words);
            }
            Value::Array(values) => values.iter_mut().for_each(without_words),
            _ => {}
        }
    }
    let text = json!({ "type": "string" });
    let flag = json!({ "type": "boolean" });
    let positive = json!({ "type": "integer", "allOf": [{ "exclusiveMinimum": 0 }] });
    let up_to =
        |most: u64| json!({ "type": "integer", "allOf": [{ "exclusiveMinimum": 0 }, { "maximum": most }] });
    let object = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let with = |mut schema: Value, definitions: Value| {
        schema["$defs"] = definitions;
        schema
    };
    let bench = Bench::new();
    for (tool, wanted) in [
        (
            "apply_patch",
            object(json!({ "patchText": text }), &["patchText"]),
        ),
        (
            "bash",
            object(
                json!({ "command": text, "workdir": text, "timeout": up_to(600_000) }),
                &["command"],
            ),
        ),
        (
            "edit",
            object(
                json!({ "path": text, "oldString": text, "newString": text, "replaceAll": flag }),
                &["path", "oldString", "newString"],
            ),
        ),
        (
            "glob",
            object(
                json!({ "pattern": text, "path": text, "limit": positive }),
                &["pattern"],
            ),
        ),
        (
            "grep",
            object(
                json!({ "pattern": text, "path": text, "include": text, "limit": positive }),
                &["pattern"],
            ),
        ),
        (
            "question",
            with(
                object(
                    json!({ "questions": { "type": "array", "items": { "$ref": "#/$defs/QuestionV2.Prompt" } } }),
                    &["questions"],
                ),
                json!({
                    "QuestionV2.Option": object(json!({ "label": text, "description": text }), &["label", "description"]),
                    "QuestionV2.Prompt": object(
                        json!({
                            "question": text,
                            "header": text,
                            "options": { "type": "array", "items": { "$ref": "#/$defs/QuestionV2.Option" } },
                            "multiple": flag,
                        }),
                        &["question", "header", "options"],
                    ),
                }),
            ),
        ),
        (
            "read",
            object(
                json!({ "path": text, "offset": positive, "limit": up_to(2000) }),
                &["path"],
            ),
        ),
        ("skill", object(json!({ "name": text }), &["name"])),
        (
            "todowrite",
            with(
                object(
                    json!({ "todos": { "type": "array", "items": { "$ref": "#/$defs/Todo" } } }),
                    &["todos"],
                ),
                json!({ "Todo": object(
                    json!({ "content": text, "status": text, "priority": text }),
                    &["content", "status", "priority"],
                ) }),
            ),
        ),
        (
            "webfetch",
            object(
                json!({
                    "url": text,
                    "format": { "type": "string", "enum": ["text", "markdown", "html"] },
                    "timeout": {
                        "allOf": [{ "exclusiveMinimum": 0 }, { "maximum": 120 }],
                        "anyOf": [
                            { "type": "number" },
                            { "type": "string", "enum": ["NaN"] },
                            { "type": "string", "enum": ["Infinity"] },
                            { "type": "string", "enum": ["-Infinity"] },
                        ],
                    },
                }),
                &["url"],
            ),
        ),
        (
            "websearch",
            object(
                json!({
                    "query": text,
                    "numResults": up_to(20),
                    "livecrawl": { "type": "string", "enum": ["fallback", "preferred"] },
                    "type": { "type": "string", "enum": ["auto", "fast", "deep"] },
                    "contextMaxCharacters": up_to(50_000),
                }),
                &["query"],
            ),
        ),
        (
            "write",
            object(json!({ "path": text, "content": text }), &["path", "content"]),
        ),
    ] {
        let registry = registry();
        let definition = registry
            .get(tool)
            .expect("there is such a tool")
            .definition(&bench.scope);
        assert!(
            !definition.description.is_empty() && !definition.description.contains("{lines}"),
            "{tool}"
        );
        let mut parameters = definition.parameters;
        // A property may have the name of the word for words.
        without_words(&mut parameters);
        assert_eq!(parameters, wanted, "{tool}");
    }
}

#[tokio::test]
async fn arguments_out_of_bounds_are_refused_and_unknown_ones_overlooked() {
    let bench = Bench::new();
    bench.write("a.txt", "one\n");
    for (tool, input) in [
        ("read", json!({ "path": "a.txt", "offset": 0 })),
        ("read", json!({ "path": "a.txt", "limit": 2001 })),
        ("read", json!({})),
        ("bash", json!({ "command": "true", "timeout": 600_001 })),
        ("bash", json!({ "command": "true", "timeout": 1.5 })),
        ("glob", json!({ "pattern": "*", "limit": 0 })),
        (
            "webfetch",
            json!({ "url": "http://127.0.0.1:1/", "timeout": 121 }),
        ),
        ("websearch", json!({ "query": "q", "numResults": 21 })),
        ("question", json!({ "questions": "none" })),
    ] {
        failed(&bench, tool, input.clone()).await;
        assert_eq!(bench.recorded().asks, [], "{tool} {input}");
    }
    let input = json!({ "path": "a.txt", "limit": 1.0, "unknown": true });
    assert_eq!(told(&bench, "read", input).await.0["content"], "one");
}
