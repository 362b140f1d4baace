//! What is loaded, and in which forms.

use opencode_plugin::Hook;
use pretty_assertions::assert_eq;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{Running, project};

/// What plugins noted down of themselves (`chat.headers`).
async fn notes(running: &Running) -> serde_json::Value {
    let never = CancellationToken::new();
    let output = json!({"notes": []});
    let output = running
        .plugins
        .call(Hook::ChatHeaders, json!({}), output, &never)
        .await
        .unwrap();
    output["notes"].clone()
}

#[tokio::test]
async fn all_forms_of_plugins_are_started_with_what_they_get() {
    let Some(mut project) = project() else { return };
    let note =
        "const note = (text) => ({ 'chat.headers': async (_, output) => void output.notes.push(text) })\n";
    project.plugin_with(
        "functions.mjs",
        &json!({"key": "value"}),
        &format!(
            "{note}
            export const first = async (input, options) => note([Object.keys(input).sort().join(), options.key])
            export const second = async ({{ project, worktree, directory, serverUrl }}, options) =>
                note([project.id, worktree, typeof directory, String(serverUrl)])
            export const again = first
            export default {{ server: async () => note('server') }}.server"
        ),
    );
    project.plugin(
        "object.mjs",
        &format!("{note} export default {{ id: 'named', server: async (input, options) => note(['object', options === undefined]) }}"),
    );
    let unnamed = project.plugin(
        "unnamed.mjs",
        &format!("{note} export default {{ server: async () => note('never') }}"),
    );
    let constant = project.plugin(
        "constant.mjs",
        &format!("{note} export const LIMIT = 3\nexport const one = async () => note('never')"),
    );
    let throws = project.plugin(
        "throws.mjs",
        "export default async () => { throw new Error('oh') }",
    );
    let wrong = project.plugin("wrong.mjs", "export default async (");
    let missing = project.plugin("missing.mjs", "import 'no-such-package-anywhere'");
    project.plugin("nothing.mjs", "export default async () => {}");
    project.plugin(
        "last.mjs",
        &format!("{note} export default async () => note('last')"),
    );
    let running = project.start().await;

    let keys = "$,client,directory,experimental_workspace,project,serverUrl,worktree";
    assert_eq!(
        notes(&running).await,
        json!([
            [keys, "value"],
            "server",
            ["global", "/", "string", "http://localhost:4096/"],
            ["object", true],
            "last",
        ]),
    );
    let faults = running.heard.faults();
    let plugins: Vec<&String> = faults.iter().map(|(plugin, _)| plugin).collect();
    assert_eq!(plugins, [&unnamed, &constant, &throws, &wrong, &missing]);
    let begins = |at: usize, spec: &str, reason: &str| {
        let (_, message): &(String, String) = &faults[at];
        assert!(
            message.starts_with(&format!("Failed to load plugin {spec}: {reason}")),
            "{message}"
        );
    };
    begins(0, &unnamed, &format!("Path plugin {unnamed} must export id"));
    begins(1, &constant, "Plugin export is not a function");
    begins(2, &throws, "oh");
    begins(3, &wrong, "");
    begins(4, &missing, "");
}

#[tokio::test]
async fn modules_are_imported_together_and_started_in_turn() {
    let Some(mut project) = project() else { return };
    // The first module is ready only when the second one is imported, and starts slowly.
    project.plugin(
        "first.mjs",
        "await new Promise((resolve) => { globalThis.release = resolve })
         globalThis.order = ['first imported']
         export default async () => {
            await new Promise((resolve) => setImmediate(resolve))
            globalThis.order.push('first started')
         }",
    );
    project.plugin(
        "second.mjs",
        "const wait = () => globalThis.release ? globalThis.release() : setImmediate(wait)
         wait()
         export default async () => {
            globalThis.order.push('second started')
            return { 'chat.headers': async (_, output) => { output.notes = globalThis.order } }
         }",
    );
    let running = project.start().await;
    assert_eq!(
        notes(&running).await,
        json!(["first imported", "first started", "second started"])
    );
}

#[tokio::test]
async fn nothing_is_started_for_nothing() {
    let Some(project) = project() else { return };
    let running = project.start().await;
    assert!(!running.plugins.has(Hook::ChatMessage) && running.plugins.tools().is_empty());
    running.plugins.end().await;
    assert!(!project.path().join("home").exists());
}
