//! Transformations and other registrations of plugins of the newer form (rows 30 and 31 of the plan).

use std::sync::Arc;

use opencode_plugin::Draft;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Desk, Running, call, in_time, project, until};

fn provider(id: &str, models: &[&str]) -> Value {
    let models: Vec<Value> = models
        .iter()
        .map(|model| json!({"id": model, "providerID": id, "enabled": true}))
        .collect();
    json!({"provider": {"id": id, "name": id, "api": {"type": "native"}}, "models": models})
}

async fn run(running: &Running, tool: &str) -> String {
    let never = CancellationToken::new();
    let desk = Arc::new(Desk::default());
    let run = running.plugins.run(tool, json!({}), call(), desk, &never);
    in_time(run)
        .await
        .map_or_else(|error| error.to_string(), |output| output.output)
}

#[tokio::test]
async fn row_30_a_transformation_that_throws_halfway_leaves_the_state_as_it_was() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "first.mjs",
        "export default { id: 'first', setup: async ({ catalog }) => {
            await catalog.transform((draft) => draft.model.update('one', 'a', (model) => { model.enabled = false }))
         } }",
    );
    project.plugin(
        "halfway.mjs",
        "export default { id: 'halfway', setup: async ({ catalog }) => {
            await catalog.transform((draft) => {
                draft.provider.remove('one')
                draft.provider.get('two').models.clear()
                throw new Error('lost the thread')
            })
            await catalog.transform((draft) => draft.provider.update('two', (provider) => { provider.self = provider }))
         } }",
    );
    project.plugin(
        "last.mjs",
        "export default { id: 'last', setup: async ({ catalog }) => {
            await catalog.transform(async (draft) => {
                const known = draft.provider.list().map(({ provider, models }) => [provider.id, ...models.keys()].join('/'))
                draft.provider.update('three', (provider) => {
                    provider.name = known.join(' ')
                    provider.request.body.baseURL = 'http://localhost:1/v1'
                })
                draft.model.update('three', 'c', () => {})
                draft.model.default.set('three', 'c')
                draft.model.remove('two', 'b')
            })
         } }",
    );
    let running = project.start().await;
    assert!(running.plugins.transforms(Draft::Catalog) && !running.plugins.transforms(Draft::Agent));
    let state = json!({"providers": [provider("one", &["a"]), provider("two", &["b"])]});
    let made = running.plugins.transform(Draft::Catalog, state).await;

    let mut one = provider("one", &["a"]);
    one["models"][0]["enabled"] = json!(false);
    let three = json!({
        "provider": {
            "id": "three",
            "name": "one/a two/b",
            "api": {"type": "native", "settings": {}, "url": "http://localhost:1/v1"},
            "request": {"headers": {}, "body": {}},
        },
        "models": [{
            "id": "c",
            "providerID": "three",
            "name": "c",
            "api": {"id": "c", "type": "native", "settings": {}},
            "capabilities": {"tools": false, "input": [], "output": []},
            "request": {"headers": {}, "body": {}},
            "variants": [],
            "time": {"released": 0},
            "cost": [],
            "status": "active",
            "enabled": true,
            "limit": {"context": 0, "output": 0},
        }],
    });
    let expected = json!({
        "providers": [one, provider("two", &[]), three],
        "default": {"providerID": "three", "modelID": "c"},
    });
    assert_eq!(made, expected);
    let faults = running.heard.faults();
    let plugins: Vec<&str> = faults.iter().map(|(plugin, _)| plugin.as_str()).collect();
    assert_eq!(plugins, ["halfway", "halfway"]);
    assert_eq!(faults[0].1, "lost the thread");
}

#[tokio::test]
async fn row_30_every_kind_of_draft_is_changed() {
    let Some(mut project) = project() else { return };
    project.plugin_with(
        "all.mjs",
        &json!({"name": "mine"}),
        "export default { id: 'all', setup: async ({ options: { name }, agent, command, integration, reference, skill }) => {
            await agent.transform((draft) => {
                draft.update(name, (agent) => { agent.description = draft.list().map(({ id }) => id).join() })
                draft.remove('plan')
                draft.default(name)
            })
            await command.transform((draft) => {
                draft.update('init', (command) => { command.template = 'Other' })
                draft.update(name, (command) => { command.template = 'Do it'; command.name = 'no' })
            })
            await integration.transform((draft) => {
                draft.update('one', (integration) => { integration.name = 'One' })
                draft.method.update({ integrationID: name, method: { type: 'key', label: 'Key' } })
                draft.method.update({ integrationID: name, method: { type: 'key', label: 'Other key' } })
                draft.method.remove('one', { type: 'key' })
                draft.remove('two')
            })
            await reference.transform((draft) => {
                draft.add(name, { type: 'local', path: '/x' })
                draft.remove(draft.list()[0][0])
            })
            await skill.transform((draft) => {
                for (const source of draft.list()) draft.source({ ...source })
                draft.source({ type: 'directory', path: '/y' })
            })
         } }",
    );
    let running = project.start().await;
    let made = async |draft, state| running.plugins.transform(draft, state).await;
    assert!(
        Draft::ALL
            .iter()
            .filter(|draft| **draft != Draft::Catalog)
            .all(|draft| running.plugins.transforms(*draft))
    );

    let agents = json!({"agents": [{"id": "build"}, {"id": "plan"}]});
    let mine = json!({"id": "mine", "request": {"headers": {}, "body": {}}, "mode": "all", "hidden": false,
        "permissions": [], "description": "build,plan,mine"});
    assert_eq!(
        made(Draft::Agent, agents).await,
        json!({"agents": [{"id": "build"}, mine], "default": "mine"})
    );
    assert_eq!(
        made(Draft::Command, json!([{"name": "init", "template": "Begin"}])).await,
        json!([{"name": "init", "template": "Other"}, {"name": "mine", "template": "Do it"}])
    );
    let integrations = json!({
        "integrations": [{"id": "one", "name": "one"}, {"id": "two", "name": "two"}],
        "methods": {"one": [{"type": "key", "label": "Key"}], "two": []},
    });
    assert_eq!(
        made(Draft::Integration, integrations).await,
        json!({
            "integrations": [{"id": "one", "name": "One"}, {"id": "mine", "name": "mine"}],
            "methods": {"one": [], "mine": [{"type": "key", "label": "Other key"}]},
        })
    );
    assert_eq!(
        made(
            Draft::Reference,
            json!([["docs", {"type": "local", "path": "/d"}]])
        )
        .await,
        json!([["mine", {"type": "local", "path": "/x"}]])
    );
    let directory = |path: &str| json!({"type": "directory", "path": path});
    assert_eq!(
        made(Draft::Skill, json!([directory("/x")])).await,
        json!([directory("/x"), directory("/y")])
    );
    assert_eq!(running.heard.faults(), []);
}

#[tokio::test]
async fn row_31_registrations_come_and_go_with_their_plugin() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "outer.mjs",
        "const execute = async () => ''
         const inner = { id: 'inner', setup: async ({ agent }) => {
            await opencode.tool.register({ name: 'inner_tool', description: 'Inner', args: {}, execute: async () => 'inner' })
            await agent.transform((draft) => draft.update('inner', () => {}))
            await opencode.agent.transform((draft) => draft.update('also', () => {}))
         } }
         let own
         const acts = {
            load: ({ plugin }) => plugin.add(inner),
            reload: ({ plugin }) => plugin.add(inner),
            unload: ({ plugin }) => plugin.remove('inner'),
            register: async () => {
                own = await opencode.tool.register({ name: 'own', description: 'Own', execute })
            },
            dispose: () => own.dispose(),
            again: ({ agent }) => agent.reload(),
            bad: ({ plugin }) => plugin.add({ id: 'bad', setup: async () => {
                await opencode.tool.register({ name: 'bad', description: '', execute })
                throw new Error('oh')
            } }),
         }
         export default { id: 'outer', setup: async (context) => {
            for (const [name, act] of Object.entries(acts)) {
                const run = async () => String(await act(context))
                await opencode.tool.register({ name, description: '', args: {}, execute: run })
            }
         } }",
    );
    let running = project.start().await;
    let names = || {
        let tools = running.plugins.tools();
        let names: Vec<String> = tools.iter().map(|tool| tool.name.clone()).collect();
        names.into_iter().skip(7).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(), "");
    assert_eq!(
        running.heard.changes(),
        [],
        "all that is there at the start is no change"
    );

    for round in ["load", "reload"] {
        assert_eq!(run(&running, round).await, "undefined");
        assert_eq!(names(), "inner_tool");
        assert_eq!(running.plugins.loaded(), ["outer", "inner"]);
        assert_eq!(run(&running, "inner_tool").await, "inner");
        let state = running
            .plugins
            .transform(Draft::Agent, json!({"agents": []}))
            .await;
        assert_eq!(state["agents"].as_array().map(Vec::len), Some(2), "{state}");
    }
    assert_eq!(run(&running, "unload").await, "undefined");
    assert_eq!(running.plugins.loaded(), ["outer"]);
    assert_eq!(names(), "");
    assert!(!running.plugins.transforms(Draft::Agent));
    assert_eq!(run(&running, "inner_tool").await, "There is no tool inner_tool");
    let changes = running.heard.changes();
    assert!(
        changes.contains(&None) && changes.contains(&Some(Draft::Agent)),
        "{changes:?}"
    );

    run(&running, "register").await;
    assert_eq!(names(), "own");
    run(&running, "dispose").await;
    assert_eq!(names(), "");
    run(&running, "bad").await;
    assert_eq!(names(), "", "what fails leaves nothing behind");
    assert_eq!(
        running.heard.faults(),
        [("bad".to_owned(), "Failed to load plugin bad: oh".to_owned())]
    );
    let before = running.heard.changes().len();
    run(&running, "again").await;
    assert_eq!(running.heard.changes()[before..], [Some(Draft::Agent)]);
}

#[tokio::test]
async fn row_31_plugins_subscribe_to_events_of_a_type() {
    let Some(mut project) = project() else { return };
    project.plugin(
        "one.mjs",
        "import fs from 'node:fs'
         export default { id: 'one', setup: async () => {
            const note = (event) => fs.appendFileSync(process.cwd() + '/seen', event.type + event.properties.n + '\\n')
            const registration = await opencode.event.subscribe('a', async (event) => {
                note(event)
                if (event.properties.n === 2) await registration.dispose()
            })
         } }",
    );
    project.plugin(
        "two.mjs",
        "try { await opencode.event.subscribe('a', () => {}) } catch {}
         export default { id: 'two', setup: () => opencode.event.subscribe('b', 'no function') }",
    );
    let running = project.start().await;
    assert_eq!(running.heard.faults().len(), 1, "{:?}", running.heard.faults());
    assert!(running.plugins.listens());
    for (kind, n) in [("a", 1), ("b", 1), ("a", 2), ("a", 3)] {
        running
            .plugins
            .tell(&json!({"id": "evt", "type": kind, "properties": {"n": n}}));
    }
    until(|| !running.plugins.listens()).await;
    let seen = fs_err::read_to_string(project.path().join("seen")).unwrap();
    assert_eq!(seen, "a1\na2\n");
}
