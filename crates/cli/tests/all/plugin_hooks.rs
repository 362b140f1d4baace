//! Plugins and custom tools from end to end: what they see, what they change, and that they come and go
//! (reference `plugins.md` §4, §6, `v2.md` §14 rows 30 and 31).
#![expect(clippy::print_stderr, reason = "what is left out is said")]

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{durable, home, new_session, stored_calls, with_model};

/// Whether a program is there that runs plugins.
fn can_run() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| {
        ["bun", "node"]
            .iter()
            .any(|program| folder.join(program).is_file())
    });
    if !found {
        eprintln!("left out: neither bun nor node is there");
    }
    found
}

/// A home with a plugin and a model, where plugins can run.
async fn with_plugin(source: &str, steps: impl IntoIterator<Item = Step>) -> Option<(Home, ScriptedModel)> {
    if !can_run() {
        return None;
    }
    let (home, model) = with_model(steps).await;
    home.write(".opencode/plugin/mine.js", source);
    home.write(".opencode/package.json", r#"{"type":"module"}"#);
    Some((home, model))
}

/// What a plugin wrote down, line by line.
fn log(home: &Home) -> Vec<Value> {
    let text = fs_err::read_to_string(home.project().join("log.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const LOGGING: &str = r#"
import fs from "node:fs"
const all = ["chat.message", "chat.params", "chat.headers", "experimental.chat.system.transform",
    "experimental.chat.messages.transform", "tool.execute.before", "tool.execute.after", "shell.env",
    "experimental.text.complete"]
export const Logging = async ({ directory, worktree, project, client }) => {
    const say = (what, input, output) =>
        fs.appendFileSync(directory + "/log.jsonl", JSON.stringify({ what, input, output }) + "\n")
    say("init", { worktree, project: project.id, sessions: (await client.session.list()).data.length })
    const hooks = { dispose: async () => say("dispose"), event: async ({ event }) => say("event", event.type) }
    for (const name of all) hooks[name] = async (input, output) => say(name, input, output)
    return hooks
}
"#;

#[tokio::test]
async fn hooks_are_called_in_the_order_of_a_turn() {
    let steps = [
        Step::tool("bash", json!({ "command": "echo hello", "description": "d" })),
        Step::text("The end."),
    ];
    let Some((home, _model)) = with_plugin(LOGGING, steps).await else {
        return;
    };
    home.run(["run", "--title", "Mine", "go"]).await.success();
    let log = log(&home);
    let names: Vec<&str> = log
        .iter()
        .map(|line| line["what"].as_str().unwrap())
        .filter(|name| *name != "event")
        .collect();
    let request = [
        "experimental.chat.messages.transform",
        "experimental.chat.system.transform",
        "chat.params",
        "chat.headers",
    ];
    let tool = ["tool.execute.before", "shell.env", "tool.execute.after"];
    let mut wanted = vec!["init", "chat.message"];
    wanted.extend(request);
    wanted.extend(tool);
    wanted.extend(request);
    wanted.extend(["experimental.text.complete", "dispose"]);
    assert_eq!(names, wanted);
    let of = |name: &str| log.iter().find(|line| line["what"] == name).unwrap();
    assert_eq!(of("init")["input"]["worktree"], json!(home.project()));
    assert_eq!(of("init")["input"]["sessions"], 0);
    let params = &of("chat.params")["input"];
    assert_eq!(params["agent"], "build");
    assert_eq!(params["provider"]["id"], "scripted");
    assert_eq!(params["message"]["role"], "user");
    assert_eq!(params["model"]["providerID"], "scripted");
    assert_eq!(
        of("tool.execute.before")["output"]["args"]["command"],
        "echo hello"
    );
    assert_eq!(of("tool.execute.after")["output"]["output"], "hello\n");
    assert_eq!(of("shell.env")["input"]["cwd"], json!(home.project()));
    let events: Vec<&Value> = log
        .iter()
        .filter(|line| line["what"] == "event")
        .map(|line| &line["input"])
        .collect();
    assert!(events.contains(&&json!("session.created")), "{events:?}");
    assert!(events.contains(&&json!("session.idle")), "{events:?}");
}

#[tokio::test]
async fn what_hooks_change_counts() {
    let plugin = r#"
export default async () => ({
    config: async (config) => { config.command = { ...config.command, greet: { template: "Say hello to $ARGUMENTS" } } },
    "chat.message": async (input, output) => { output.parts[0].text += " (more)" },
    "chat.params": async (input, output) => { output.temperature = 0.25; output.options.seed = 7 },
    "chat.headers": async (input, output) => { output.headers["x-mine"] = "yes" },
    "experimental.chat.system.transform": async (input, output) => { output.system.push("Second prompt.") },
    "experimental.chat.messages.transform": async (input, output) => {
        for (const { parts } of output.messages)
            for (const part of parts) if (part.type === "text") part.text = part.text.replace("secret", "******")
    },
    "tool.definition": async (input, output) => { if (input.toolID === "glob") output.description = "Finds files." },
    "tool.execute.before": async (input, output) => { output.args.command = 'echo "$ADDED"' },
    "tool.execute.after": async (input, output) => { output.output += "and after"; output.title = "Titled" },
    "shell.env": async (input, output) => { output.env.ADDED = "by a plugin" },
    "experimental.text.complete": async (input, output) => { output.text = output.text.toUpperCase() },
    "command.execute.before": async (input, output) => { output.parts[0].text += ` (${input.command})` },
})
"#;
    let steps = [
        Step::tool("bash", json!({ "command": "echo no", "description": "d" })),
        Step::text("The end."),
        Step::text("Hello."),
    ];
    let Some((home, model)) = with_plugin(plugin, steps).await else {
        return;
    };
    let done = home
        .run(["run", "--format", "json", "--title", "Mine", "my", "secret"])
        .await
        .success();
    let session = done.session();
    assert_eq!(done.of_type("text")[0]["part"]["text"], "THE END.");
    let first = &model.requests()[0];
    assert_eq!(first.header("x-mine"), Some("yes"));
    assert_eq!(first.body["temperature"], 0.25);
    assert_eq!(first.body["seed"], 7);
    let messages = first.body["messages"].as_array().unwrap();
    assert_eq!(
        messages[1],
        json!({ "role": "system", "content": "Second prompt." })
    );
    assert_eq!(messages[2]["content"], "my ****** (more)");
    let glob = first.body["tools"].as_array().unwrap().iter();
    let mut glob = glob.filter(|tool| tool["function"]["name"] == "glob");
    assert_eq!(glob.next().unwrap()["function"]["description"], "Finds files.");
    let call = &stored_calls(&home, &session)[0];
    assert_eq!(call["state"]["input"]["command"], "echo \"$ADDED\"");
    assert_eq!(call["state"]["output"], "by a plugin\nand after");
    assert_eq!(call["state"]["title"], "Titled");
    // What is stored is what the user said, as the first hook left it.
    let (_, parts) = &crate::stored(&home, &session)[0];
    assert_eq!(parts[0]["text"], "my secret (more)");

    home.run(["run", "--title", "Other", "--command", "greet", "otters"])
        .await
        .success();
    let last = model.requests().pop().unwrap();
    let said = last.body["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    assert_eq!(said, "Say hello to otters (greet) (more)");
    let config = home.serve().await.send("GET", "/config", None).await.json();
    assert_eq!(config["command"]["greet"]["template"], "Say hello to $ARGUMENTS");
}

#[tokio::test]
async fn a_plugin_that_throws_refuses_a_call_or_fails_the_prompt() {
    let plugin = r#"
export default async () => ({
    "tool.execute.before": async (input) => { if (input.tool === "bash") throw new Error("not that one") },
    "chat.message": async (input, output) => { if (output.parts[0].text.includes("stop")) throw new Error("not a word") },
    "chat.params": async (input) => { if (input.message.agent === "plan") throw new Error("not this agent") },
})
"#;
    let steps = [
        Step::tool("bash", json!({ "command": "echo no", "description": "d" })),
        Step::text("I see."),
    ];
    let Some((home, model)) = with_plugin(plugin, steps).await else {
        return;
    };
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    let ask = |agent: &str, text: &str| {
        Some(json!({ "agent": agent, "parts": [{ "type": "text", "text": text }] }))
    };
    assert_eq!(server.send("POST", &path, ask("build", "go")).await.status, 200);
    let call = &stored_calls(&home, &session)[0];
    assert_eq!(call["state"]["status"], "error");
    assert_eq!(call["state"]["error"], "not that one");
    let asked = model.asked();
    assert_eq!(server.send("POST", &path, ask("build", "stop")).await.status, 500);
    let answer = server.send("POST", &path, ask("plan", "go on")).await.json();
    assert_eq!(answer["info"]["error"]["data"]["message"], "not this agent");
    assert_eq!(model.asked(), asked);
}

const GREET: &str = r#"
export default {
    description: "Greets somebody.",
    args: { name: { type: "string", description: "Who" } },
    async execute({ name }, context) {
        context.metadata({ title: "Greeting", metadata: { at: 1 } })
        await context.ask({ permission: "greet", patterns: [name], always: ["*"], metadata: {} })
        return { title: "Greeted", output: `Hello ${name}, ${context.messages.length} message(s).`, metadata: { done: true } }
    },
}
export const loud = { description: "Shouts.", args: {}, execute: async () => { throw new Error("no voice") } }
"#;

#[tokio::test]
async fn tools_of_files_and_plugins_are_called() {
    let plugin = r#"
export default async () => ({ tool: {
    glob: { description: "Another glob.", args: {}, execute: async () => "in its place" },
} })
"#;
    let steps = [
        Step::tool("greet", json!({ "name": "otter" }))
            .and_tool("greet_loud", json!({}))
            .and_tool("glob", json!({ "pattern": "*" }))
            .and_tool("greet", json!({ "name": "heron" })),
        Step::text("done"),
    ];
    let Some((home, model)) = with_plugin(plugin, steps).await else {
        return;
    };
    home.write(".opencode/tool/greet.js", GREET);
    home.configure(
        &model.url(),
        json!({ "permission": { "greet": { "*": "allow", "heron": "deny" } } }),
    );
    let done = home
        .run(["run", "--format", "json", "--title", "Mine", "go"])
        .await
        .success();
    let tools = model.requests()[0].tools();
    for name in ["greet", "greet_loud"] {
        assert!(tools.iter().any(|tool| tool == name), "{name} in {tools:?}");
    }
    assert_eq!(tools.iter().filter(|tool| *tool == "glob").count(), 1);
    let mut calls = stored_calls(&home, &done.session());
    for call in &mut calls {
        call["state"].as_object_mut().unwrap().shift_remove("time");
    }
    let state = |at: usize| calls[at]["state"].clone();
    assert_eq!(
        state(0),
        json!({ "status": "completed", "input": { "name": "otter" }, "output": "Hello otter, 1 message(s).",
            "title": "Greeted", "metadata": { "done": true, "truncated": false } })
    );
    assert_eq!(state(1)["error"], "no voice");
    assert_eq!(state(2)["output"], "in its place");
    assert_eq!(state(3)["status"], "error");

    let ids = home.serve().await;
    let ids = ids.send("GET", "/experimental/tool/ids", None).await.json();
    let ids = ids.as_array().unwrap();
    assert!(ids.contains(&json!("greet_loud")), "{ids:?}");
}

#[tokio::test]
async fn without_plugins_none_run_and_tool_files_stay() {
    let plugin = r#"
import fs from "node:fs"
export default async ({ directory }) => { fs.writeFileSync(directory + "/ran", ""); return {} }
"#;
    let Some((home, model)) = with_plugin(plugin, [Step::text("done")]).await else {
        return;
    };
    home.write(".opencode/tool/greet.js", GREET);
    home.run(["run", "--pure", "--title", "Mine", "go"])
        .await
        .success();
    assert!(!home.project().join("ran").exists());
    assert!(model.requests()[0].tools().iter().any(|tool| tool == "greet"));
}

#[tokio::test]
async fn a_durable_session_has_hooks_and_tools_too() {
    let plugin = r#"
export default async () => ({
    "chat.message": async (input, output) => { output.parts[0].text += " (more)" },
    "chat.params": async (input, output) => { output.temperature = 0.5 },
    "tool.execute.before": async (input, output) => { output.args.name = "heron" },
    "experimental.text.complete": async (input, output) => { output.text = output.text.toUpperCase() },
})
"#;
    let steps = [
        Step::tool("greet", json!({ "name": "otter" })),
        Step::text("The end."),
    ];
    let Some((home, model)) = with_plugin(plugin, steps).await else {
        return;
    };
    home.write(".opencode/tool/greet.js", GREET);
    let server = home.serve().await;
    let session = durable::session(&server).await;
    durable::say(&server, &session, "go").await;
    durable::settle(&server, &session).await;
    let requests = model.requests();
    assert_eq!(requests[0].body["temperature"], 0.5);
    assert!(requests[0].body["messages"].to_string().contains("go (more)"));
    let told = requests[1].body["messages"].to_string();
    assert!(told.contains("Hello heron"), "{told}");
    let messages = json!(durable::messages(&server, &session).await);
    assert!(messages.to_string().contains("THE END."), "{messages}");
}

/// Waits for an event about something of this name, or id, while something is done.
async fn hears(server: &Served, kind: &str, name: &str, act: impl FnOnce()) {
    let (kind, name) = (kind.to_owned(), name.to_owned());
    server
        .events(
            "/event",
            || async move { act() },
            move |event| {
                let about = &event["properties"];
                event["type"] == kind.as_str() && [&about["name"], &about["id"]].contains(&&json!(name))
            },
        )
        .await;
}

#[tokio::test]
async fn row_31_tools_come_and_go_while_the_server_runs() {
    if !can_run() {
        return;
    }
    let model = ScriptedModel::start([]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let turn = async || {
        model.now_answers([Step::text("done")]);
        let body = json!({ "parts": [{ "type": "text", "text": "go" }] });
        let path = format!("/session/{session}/message");
        assert_eq!(server.send("POST", &path, Some(body)).await.status, 200);
        model.requests().pop().unwrap().tools()
    };
    assert!(!turn().await.iter().any(|tool| tool == "wave"));

    let plugin = |name: &str| {
        format!(
            "export default async () => ({{ tool: {{ {name}: {{ description: 'd', args: {{}}, execute: async () => 'x' }} }} }})"
        )
    };
    hears(&server, "tool.added", "wave", || {
        home.write(".opencode/plugin/mine.js", plugin("wave"));
    })
    .await;
    assert!(turn().await.iter().any(|tool| tool == "wave"));

    hears(&server, "tool.added", "nod", || {
        home.write(".opencode/plugin/mine.js", plugin("nod"));
    })
    .await;
    let tools = turn().await;
    assert!(tools.iter().any(|tool| tool == "nod") && !tools.iter().any(|tool| tool == "wave"));

    hears(&server, "tool.removed", "nod", || {
        fs_err::remove_file(home.project().join(".opencode/plugin/mine.js")).unwrap();
    })
    .await;
    assert!(!turn().await.iter().any(|tool| tool == "nod"));

    // By its own id, not by its file.
    let named = "export default { id: 'heron', server: async () => ({}) }";
    hears(&server, "plugin.added", "heron", || {
        home.write(".opencode/plugin/mine.js", named);
    })
    .await;
}

#[tokio::test]
async fn row_30_what_plugins_make_of_lists_counts_unless_they_throw() {
    if !can_run() {
        return;
    }
    let model = ScriptedModel::start([]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    home.write(".opencode/package.json", r#"{"type":"module"}"#);
    home.write(
        ".opencode/plugin/a.js",
        r#"export default { id: "halfway", setup: async ({ agent, catalog }) => {
            await agent.transform((draft) => {
                draft.remove("build")
                throw new Error("lost the thread")
            })
            await catalog.transform((draft) => {
                draft.provider.remove("scripted")
                throw new Error("lost it again")
            })
        } }"#,
    );
    home.write(
        ".opencode/plugin/b.js",
        r#"export default { id: "whole", setup: async ({ agent, catalog, command, reference, skill }) => {
            await agent.transform((draft) => {
                draft.update("heron", (heron) => {
                    heron.description = draft.list().map(({ id }) => id).sort().join()
                    heron.system = "You wait."
                    heron.permissions = [{ action: "*", resource: "*", effect: "deny" }]
                })
                draft.remove("plan")
            })
            await catalog.transform((draft) => {
                draft.model.update("scripted", "second", (model) => {
                    model.name = "Second"
                    model.limit = { context: 1000, output: 100 }
                })
            })
            await command.transform((draft) => {
                draft.update("wait", (command) => { command.template = "Wait for $ARGUMENTS" })
                draft.remove("init")
            })
            await reference.transform((draft) => draft.add("pond", { type: "local", path: "/tmp", description: "A pond." }))
            await skill.transform((draft) => draft.source({ type: "embedded",
                skill: { name: "fishing", description: "Catch fish.", location: "/embedded.md", content: "Look." } }))
        } }"#,
    );
    let server = home.serve().await;
    let get = async |path: &str| server.send("GET", path, None).await.json();
    let names = |list: &Value, key: &str| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        let mut names: Vec<String> = list.map(|one| one[key].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let agents = get("/agent").await;
    let all = names(&agents, "name");
    assert!(
        all.contains(&"build".to_owned()) && !all.contains(&"plan".to_owned()),
        "{all:?}"
    );
    let heron = agents
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["name"] == "heron")
        .unwrap();
    assert_eq!(heron["prompt"], "You wait.");
    assert!(
        heron["description"].as_str().unwrap().contains("build"),
        "{heron}"
    );
    assert_eq!(
        heron["permission"],
        json!([{ "permission": "*", "pattern": "*", "action": "deny" }])
    );
    let commands = get("/command").await;
    let all = names(&commands, "name");
    assert!(
        all.contains(&"wait".to_owned()) && !all.contains(&"init".to_owned()),
        "{all:?}"
    );
    let models = get("/api/model").await["data"].clone();
    let second = models
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["id"] == "second");
    assert_eq!(second.unwrap()["name"], "Second");
    assert!(
        models
            .as_array()
            .unwrap()
            .iter()
            .any(|model| model["id"] == "scripted")
    );
    assert!(names(&get("/skill").await, "name").contains(&"fishing".to_owned()));
    let references = get("/api/reference").await["data"].clone();
    assert_eq!(references[0]["name"], "pond", "{references}");
}
