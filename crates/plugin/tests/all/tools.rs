//! Tools of files and plugins.

use std::sync::Arc;

use opencode_plugin::{CustomTool, Error, Output};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Desk, call, in_time, project, until};

const SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

fn tool(name: &str, description: &str, parameters: Value) -> CustomTool {
    CustomTool {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters,
    }
}

#[tokio::test]
async fn tools_come_from_files_and_plugins_the_last_of_a_name_counts() {
    let Some(mut project) = project() else { return };
    project.tool(
        "tool/math.js",
        "const execute = async () => ''
         export default { description: 'Adds', args: { a: { type: 'number' }, b: { type: 'string' } }, execute }
         export const twice = { description: 'Doubles', args: {}, execute }
         export const bare = { description: 'No arguments', execute }
         export const helper = 3
         export function other() {}",
    );
    let broken = project.tool("tool/broken.js", "throw new Error('not today')");
    project.plugin(
        "one.js",
        "export default async () => ({ tool: {
            math: { description: 'Adds better', args: {}, execute: async () => 'better' },
            more: { description: 'More', args: {}, execute: async () => 'more' },
            none: { description: 'No arguments', execute: async () => 'none' },
         } })",
    );
    let running = project.start().await;
    let empty = json!({"$schema": SCHEMA, "type": "object", "properties": {}});
    let expected = [
        tool("math", "Adds better", empty.clone()),
        tool("math_twice", "Doubles", empty.clone()),
        tool("more", "More", empty.clone()),
        tool("none", "No arguments", empty),
    ];
    let mut tools = running.plugins.tools().to_vec();
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(tools, expected);
    let broken = broken.to_string_lossy().into_owned();
    let message = format!("Failed to load tool {broken}: not today");
    assert_eq!(running.heard.faults(), [(broken, message)]);
}

#[tokio::test]
async fn a_tool_gets_its_arguments_as_they_are_and_a_context() {
    let Some(mut project) = project() else { return };
    project.tool(
        "tool/echo.js",
        "export default { description: '', args: { text: { type: 'string', description: 'What' } },
            execute: async (args, context) => {
                context.metadata({ title: 'half', metadata: { done: 0.5 } })
                await context.ask({ permission: 'echo', patterns: ['*'], always: [], metadata: {} })
                const { abort, metadata, ask, ...others } = context
                return JSON.stringify({ args, others, aborted: abort.aborted })
            } }
         export const rich = { description: '', args: {}, execute: async () => ({
            title: 'Title', output: 'text', metadata: { a: 1 },
            attachments: [{ type: 'file', mime: 'text/plain', url: 'data:,x' }] }) }
         export const secret = { description: '', args: {}, execute: async (_, { ask }) => {
            await ask({ permission: 'secret', patterns: [], always: [], metadata: {} })
            return 'told' } }
         export const nothing = { description: '', args: {}, execute: async () => {} }",
    );
    let running = project.start().await;
    let parameters = running
        .plugins
        .tools()
        .iter()
        .find(|tool| tool.name == "echo")
        .unwrap()
        .parameters
        .clone();
    assert_eq!(
        parameters,
        json!({"type": "object", "required": ["text"],
            "properties": {"text": {"type": "string", "description": "What"}}})
    );
    let desk = Arc::new(Desk::default());
    let never = CancellationToken::new();
    let run = |name: &'static str, arguments| {
        in_time(running.plugins.run(name, arguments, call(), desk.clone(), &never))
    };
    let output = run("echo", json!({"text": 3})).await.unwrap();
    let said: Value = serde_json::from_str(&output.output).unwrap();
    let others = json!({"sessionID": "ses_1", "messageID": "msg_1", "callID": "call_1", "agent": "build",
        "directory": "/folder", "worktree": "/", "messages": [], "extra": {}});
    assert_eq!(
        said,
        json!({"args": {"text": 3}, "others": others, "aborted": false})
    );
    let told = desk.told.lock().unwrap().clone();
    assert_eq!(
        told,
        [(
            Some("half".to_owned()),
            json!({"done": 0.5}).as_object().unwrap().clone()
        )]
    );
    assert_eq!(desk.asked.lock().unwrap().len(), 1);

    let rich = Output {
        title: "Title".to_owned(),
        output: "text".to_owned(),
        metadata: json!({"a": 1}).as_object().unwrap().clone(),
        attachments: vec![json!({"type": "file", "mime": "text/plain", "url": "data:,x"})],
    };
    assert_eq!(run("echo_rich", json!({})).await, Ok(rich));
    let thrown = |message: &str| Error::Thrown {
        message: message.to_owned(),
    };
    assert_eq!(
        run("echo_secret", json!({})).await,
        Err(thrown("secrets stay secret"))
    );
    assert_eq!(
        run("echo_nothing", json!({})).await,
        Err(thrown("The tool echo_nothing gave no text"))
    );
    assert_eq!(
        run("other", json!({})).await,
        Err(thrown("There is no tool other"))
    );
}

#[tokio::test]
async fn a_tool_is_told_when_nobody_waits_any_more() {
    let Some(mut project) = project() else { return };
    project.tool(
        "tool/slow.js",
        "import fs from 'node:fs'
         export default { description: '', args: {}, execute: (_, { abort, directory, metadata }) => new Promise(() => {
            abort.addEventListener('abort', () => fs.writeFileSync(directory + '/aborted', ''))
            metadata({ title: 'it runs' })
         }) }",
    );
    let running = project.start().await;
    let desk = Arc::new(Desk::default());
    let stop = CancellationToken::new();
    let mut call = call();
    call.directory = project.path();
    let waiting = async {
        until(|| !desk.told.lock().unwrap().is_empty()).await;
        stop.cancel();
    };
    let run = running.plugins.run("slow", json!({}), call, desk.clone(), &stop);
    let (outcome, ()) = in_time(async { tokio::join!(run, waiting) }).await;
    let what = "slow".to_owned();
    assert_eq!(outcome, Err(Error::Stopped { what }));
    until(|| project.path().join("aborted").exists()).await;
}

#[tokio::test]
async fn schemas_are_made_by_the_zod_that_a_file_gets() {
    let Some(mut project) = project() else { return };
    // What a tool file imports, and the part of it that makes schemas.
    let zod = |name: &str| {
        format!(
            "export const string = (description) => ({{ _zod: {{}}, description }})
             export const object = (shape) => ({{ _zod: {{}}, shape }})
             export const toJSONSchema = ({{ shape }}, {{ io, override }}) => {{
                const properties = {{}}
                for (const [key, zodSchema] of Object.entries(shape)) {{
                    override({{ zodSchema, jsonSchema: (properties[key] = {{ by: '{name}', io }}) }})
                }}
                return {{ properties }}
             }}"
        )
    };
    let module = r#"{"type": "module", "exports": "./index.js"}"#;
    project.file("own/node_modules/zod/package.json", module);
    project.file("own/node_modules/zod/index.js", &zod("own"));
    let plugin = "packages/node_modules/@opencode-ai/plugin";
    project.file(&format!("{plugin}/package.json"), module);
    project.file(&format!("{plugin}/index.js"), "export * as schema from 'zod'");
    project.file(&format!("{plugin}/node_modules/zod/package.json"), module);
    project.file(
        &format!("{plugin}/node_modules/zod/index.js"),
        &zod("of the package"),
    );
    let execute = "execute: async () => ''";
    project.tool(
        "own/tool/one.js",
        &format!("import {{ string }} from 'zod'\nexport default {{ description: '', args: {{ a: string('what') }}, {execute} }}"),
    );
    project.tool(
        "packages/tool/two.js",
        &format!("import {{ schema }} from '@opencode-ai/plugin'\nexport default {{ description: '', args: {{ b: schema.string() }}, {execute} }}"),
    );
    let running = project.start().await;
    let tools = running.plugins.tools();
    let parameters: Vec<&Value> = tools.iter().map(|tool| &tool.parameters).collect();
    assert_eq!(
        parameters,
        [
            &json!({"properties": {"a": {"by": "own", "io": "input", "description": "what"}}}),
            &json!({"properties": {"b": {"by": "of the package", "io": "input"}}}),
        ]
    );
    assert_eq!(running.heard.faults(), []);
}
