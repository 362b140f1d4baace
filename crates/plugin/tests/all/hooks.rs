//! Hooks of plugins.

use opencode_plugin::{Error, Hook};
use pretty_assertions::assert_eq;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{in_time, project, until};

#[tokio::test]
async fn plugins_change_one_output_in_their_order() {
    let Some(mut project) = project() else { return };
    for name in ["one", "two"] {
        let text = format!(
            "export const plugin = async () => ({{ 'shell.env': async (input, output) => {{
                output.env.ORDER = (output.env.ORDER ?? '') + '{name} ' + input.cwd + ' '
                output.env.NUMBER = 3
            }} }})"
        );
        project.plugin(&format!("{name}.js"), &text);
    }
    let running = project.start().await;
    assert!(running.plugins.has(Hook::ShellEnv));
    assert!(!running.plugins.has(Hook::ChatMessage));
    let never = CancellationToken::new();
    let variables = running
        .plugins
        .shell_variables(json!({"cwd": "/x"}), &never)
        .await
        .unwrap();
    assert_eq!(
        variables,
        [("ORDER".to_owned(), "one /x two /x ".to_owned())].into()
    );

    let output = json!({"as": "it is"});
    let same = running
        .plugins
        .call(Hook::ChatParams, json!({}), output.clone(), &never)
        .await;
    assert_eq!(same, Ok(output), "no plugin has it");
    assert_eq!(running.heard.faults(), []);
    running.plugins.end().await;
}

#[tokio::test]
async fn what_a_plugin_throws_is_told() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "one.js",
        "export default async () => ({
            'tool.execute.before': async ({ tool }) => { throw new Error(`no ${tool} today`) },
            'text.complete': 3,
        })",
    );
    let running = project.start().await;
    let never = CancellationToken::new();
    let outcome = running
        .plugins
        .call(
            Hook::ToolExecuteBefore,
            json!({"tool": "bash"}),
            json!({"args": {}}),
            &never,
        )
        .await;
    let message = "no bash today".to_owned();
    assert_eq!(outcome, Err(Error::Thrown { message }));
}

#[tokio::test]
async fn a_hook_can_be_given_up() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "one.js",
        "export default async () => ({ 'chat.message': () => new Promise(() => {}), 'chat.headers': () => {} })",
    );
    let running = project.start().await;
    let stop = CancellationToken::new();
    stop.cancel();
    let outcome = in_time(
        running
            .plugins
            .call(Hook::ChatMessage, json!({}), json!({}), &stop),
    )
    .await;
    let what = "chat.message".to_owned();
    assert_eq!(outcome, Err(Error::Stopped { what }));
    let never = CancellationToken::new();
    let others = in_time(
        running
            .plugins
            .call(Hook::ChatHeaders, json!({}), json!({}), &never),
    )
    .await;
    assert_eq!(others, Ok(json!({})));
}

#[tokio::test]
async fn plugins_change_the_configuration() {
    let Some(mut project) = project() else { return };
    let bad = project.plugin(
        "bad.js",
        "export default async () => ({ config: async (config) => { config.seen = 1; throw new Error('oh') } })",
    );
    project.plugin(
        "good.js",
        "export default async () => ({ config: async (config) => { config.agent = { extra: {} } } })",
    );
    let running = project.start().await;
    let changed = running.plugins.configure(json!({"model": "a/b"})).await;
    assert_eq!(
        changed,
        json!({"model": "a/b", "seen": 1, "agent": {"extra": {}}})
    );
    until(|| running.heard.faults() == [(bad.clone(), "oh".to_owned())]).await;
}

#[tokio::test]
async fn plugins_hear_events_and_end_what_they_began() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "one.js",
        "import fs from 'node:fs'
         export default async ({ directory }) => ({
            event: async ({ event }) => {
                fs.appendFileSync(directory + '/seen', event.type + '\\n')
                if (event.type === 'bad') throw new Error('nobody waits for this')
            },
            dispose: async () => fs.appendFileSync(directory + '/seen', 'dispose\\n'),
        })",
    );
    let running = project.start().await;
    assert!(running.plugins.listens());
    for kind in ["session.created", "bad", "session.idle"] {
        running
            .plugins
            .tell(&json!({"id": "evt_1", "type": kind, "properties": {}}));
    }
    let seen = || fs_err::read_to_string(project.path().join("seen")).unwrap_or_default();
    until(|| seen() == "session.created\nbad\nsession.idle\n").await;
    in_time(running.plugins.end()).await;
    assert_eq!(seen(), "session.created\nbad\nsession.idle\ndispose\n");
    assert!(!running.plugins.listens());
    assert_eq!(running.heard.faults(), []);
}
