//! The process: what it survives, and its end.

use opencode_plugin::{Error, Hook};
use pretty_assertions::assert_eq;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{in_time, project, until};

#[tokio::test]
async fn what_plugins_print_and_read_disturbs_nothing() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "noisy.mjs",
        "import fs from 'node:fs'
         import { execFileSync } from 'node:child_process'
         console.log('{\"id\":1,\"result\":\"wrong\"}')
         fs.writeSync(1, 'no line\\n{')
         process.stdout.write('x'.repeat(100000) + '\\n')
         console.error('\\u0000')
         Promise.reject(new Error('unheard'))
         setTimeout(() => { throw new Error('unheard, too') })
         export default async () => ({ 'chat.headers': async (_, output) => {
            output.read = String(execFileSync('cat', { stdio: ['inherit', 'pipe', 'inherit'] }))
         } })",
    );
    let running = project.start().await;
    let never = CancellationToken::new();
    let ask = || {
        running
            .plugins
            .call(Hook::ChatHeaders, json!({}), json!({}), &never)
    };
    let both = in_time(async { tokio::join!(ask(), ask()) }).await;
    assert_eq!(both, (Ok(json!({"read": ""})), Ok(json!({"read": ""}))));
    assert_eq!(running.heard.faults(), []);
}

#[tokio::test]
async fn an_answer_that_is_no_json_or_too_large_is_an_error() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "odd.mjs",
        "export default async () => ({ 'chat.headers': async ({ kind }, output) => {
            if (kind === 'circle') output.self = output
            if (kind === 'number') output.number = 3n
            if (kind === 'large') output.text = 'x'.repeat(33 * 1024 * 1024)
         } })",
    );
    let running = project.start().await;
    let never = CancellationToken::new();
    for kind in ["circle", "number", "large"] {
        let answer = running
            .plugins
            .call(Hook::ChatHeaders, json!({"kind": kind}), json!({}), &never);
        let outcome = in_time(answer).await;
        assert!(
            matches!(outcome, Err(Error::Thrown { .. })),
            "{kind}: {outcome:?}"
        );
    }
    let large = json!({"text": "x".repeat(33 << 20)});
    let outcome = running
        .plugins
        .call(Hook::ChatHeaders, json!({}), large, &never)
        .await;
    assert!(matches!(outcome, Err(Error::Thrown { .. })), "{outcome:?}");
    let fine = in_time(
        running
            .plugins
            .call(Hook::ChatHeaders, json!({}), json!({"a": 1}), &never),
    )
    .await;
    assert_eq!(fine, Ok(json!({"a": 1})));
}

#[tokio::test]
async fn its_death_is_told_once_and_takes_the_hooks_with_it() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "dies.mjs",
        "export default async () => ({
            'chat.message': () => new Promise(() => {}),
            'chat.headers': () => process.exit(3),
        })",
    );
    let running = project.start().await;
    let never = CancellationToken::new();
    let call = |hook| running.plugins.call(hook, json!({}), json!({}), &never);
    let both = in_time(async { tokio::join!(call(Hook::ChatMessage), call(Hook::ChatHeaders)) }).await;
    assert!(
        matches!(both, (Err(Error::Ended { .. }), Err(Error::Ended { .. }))),
        "{both:?}"
    );
    assert!(!running.plugins.has(Hook::ChatMessage));
    assert_eq!(
        in_time(call(Hook::ChatMessage)).await,
        Ok(json!({})),
        "there is no hook"
    );
    until(|| running.heard.faults().len() == 1).await;
    in_time(running.plugins.end()).await;
    assert_eq!(running.heard.faults().len(), 1);
}

#[tokio::test]
async fn its_death_at_the_start_is_told_once() {
    let Some(mut project) = project() else { return };
    project.plugin("dies.mjs", "export default async () => process.exit(7)");
    let running = project.start().await;
    assert!(running.plugins.loaded().is_empty());
    let message = "the process that runs plugins ended: exit code 7".to_owned();
    assert_eq!(running.heard.faults(), [("plugins".to_owned(), message)]);
    in_time(running.plugins.end()).await;
    assert_eq!(running.heard.faults().len(), 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_it_started_ends_with_it() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "starts.mjs",
        "import { spawn } from 'node:child_process'
         export default async () => {
            const children = [false, true].map((detached) => spawn('sleep', ['1000'], { detached, stdio: 'inherit' }))
            return { 'chat.headers': (_, output) => { output.ids = [process.pid, ...children.map(({ pid }) => pid)] } }
         }",
    );
    for is_told in [true, false] {
        let running = project.start().await;
        let never = CancellationToken::new();
        let output = running
            .plugins
            .call(Hook::ChatHeaders, json!({}), json!({}), &never)
            .await
            .unwrap();
        let ids: Vec<u64> = output["ids"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|id| id.as_u64())
            .collect();
        assert_eq!(ids.len(), 3);
        let another = running.plugins.clone();
        assert!(ids.iter().all(|id| is_alive(*id)));
        if is_told {
            in_time(running.plugins.end()).await;
            assert!(!ids.iter().any(|id| is_alive(*id)));
        } else {
            drop((running, another));
            until(|| !ids.iter().any(|id| is_alive(*id))).await;
        }
    }
}

#[cfg(target_os = "linux")]
fn is_alive(id: u64) -> bool {
    let stat = fs_err::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}
