// Drives `opencode acp` with @agentclientprotocol/sdk: `node check.mjs PATH-OF-OPENCODE`. Ends with 1 when something
// does not hold. Every message of the agent is checked against the schema that the client ships. Needs no network: the
// model is a script, the home a temporary folder.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable, Writable } from "node:stream";
import { client, methods, ndJsonStream } from "@agentclientprotocol/sdk";
import Ajv from "ajv/dist/2020.js";
import { startModel } from "./model.mjs";

/** How long anything is waited for. */
const LIMIT = 30_000;
const within = (what, promise) => {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: nothing after ${LIMIT} ms`)), LIMIT); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const binary = resolve(process.argv[2] ?? "../../target/debug/opencode");
const root = realpathSync(mkdtempSync(join(tmpdir(), "opencode-acp-")));
const [project, home] = [join(root, "project"), join(root, "home")];
for (const folder of [project, home]) mkdirSync(folder);
const env = {
  PATH: process.env.PATH, HOME: home, PWD: project, SHELL: "/bin/bash", OPENCODE_DISABLE_MODELS_FETCH: "1",
  XDG_CONFIG_HOME: join(home, "c"), XDG_DATA_HOME: join(home, "d"), XDG_STATE_HOME: join(home, "s"), XDG_CACHE_HOME: join(home, "k"),
};
const git = (...words) => execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...words], { stdio: "ignore", cwd: project });
git("init", "-q");
git("commit", "-q", "--allow-empty", "-m", "start");
const model = await startModel();
writeFileSync(join(project, "opencode.json"), JSON.stringify({
  model: "scripted/scripted", small_model: "scripted/scripted", enabled_providers: ["scripted"], permission: { edit: "ask" },
  command: { hello: { description: "Says hello", template: "Hello $ARGUMENTS" } },
  provider: { scripted: {
    npm: "@ai-sdk/openai-compatible", name: "Scripted", options: { baseURL: model.url, apiKey: "k" },
    models: { scripted: { name: "Scripted", limit: { context: 128000, output: 8192 } } },
  } },
}));
const file = join(project, "a.txt");
writeFileSync(file, "one\ntwo\n");

// -- every message against the schema ------------------------------------------------------------
const shipped = new URL("node_modules/@agentclientprotocol/sdk/schema/v1/schema.unstable.json", import.meta.url);
const schema = JSON.parse(readFileSync(shipped, "utf8"));
const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addSchema(schema, "acp");
const forms = {
  "initialize": "InitializeResponse", "session/new": "NewSessionResponse", "session/load": "LoadSessionResponse",
  "session/resume": "ResumeSessionResponse", "session/fork": "ForkSessionResponse", "session/list": "ListSessionsResponse",
  "session/close": "CloseSessionResponse", "session/prompt": "PromptResponse", "session/set_mode": "SetSessionModeResponse",
  "session/set_config_option": "SetSessionConfigOptionResponse", "authenticate": "AuthenticateResponse",
  "session/update": "SessionNotification", "session/request_permission": "RequestPermissionRequest",
  "fs/write_text_file": "WriteTextFileRequest", "$/cancel_request": "CancelRequestNotification",
};
const asked = new Map();
const wrong = [];
let checked = 0;
function check_form(name, value) {
  const form = forms[name];
  if (!form) return wrong.push(`${name} has no form`);
  const test = ajv.getSchema(`acp#/$defs/${form}`);
  checked += 1;
  if (!test(value)) wrong.push(`${name}: ${ajv.errorsText(test.errors)}: ${JSON.stringify(value)}`);
}
function look(message) {
  if (message.jsonrpc !== "2.0") wrong.push(`no JSON-RPC: ${JSON.stringify(message)}`);
  if (message.method) check_form(message.method, message.params);
  else if (message.error) check_error(message.error);
  else check_form(asked.get(message.id), message.result);
}
function check_error(error) {
  if (!Number.isInteger(error.code) || typeof error.message !== "string") wrong.push(`no error: ${JSON.stringify(error)}`);
}

// -- the program and the client ------------------------------------------------------------------
const agent = spawn(binary, ["acp"], { cwd: project, env, stdio: ["pipe", "pipe", "inherit"] });
const ended = new Promise((done) => agent.on("exit", done));
const plain = ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout));
const through = (see) => new TransformStream({ transform(message, to) { see(message); to.enqueue(message); } });
const sent = through((message) => { if (message.method && message.id !== undefined) asked.set(message.id, message.method); });
sent.readable.pipeTo(plain.writable).catch(() => {});
const stream = { readable: plain.readable.pipeThrough(through(look)), writable: sent.writable };

let failures = 0;
async function check(what, work) {
  try {
    await within(what, work());
    console.log(`ok   ${what}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${what}: ${error?.stack ?? JSON.stringify(error)}`);
  }
}

const permissions = [];
const written = [];
const told = [];
const app = client({ name: "check" })
  .onRequest(methods.client.session.requestPermission, ({ params }) => {
    permissions.push(params);
    return { outcome: { outcome: "selected", optionId: params.options.find((one) => one.kind === "allow_once").optionId } };
  })
  .onRequest(methods.client.fs.writeTextFile, ({ params }) => { written.push(params); return {}; })
  .onNotification(methods.client.session.update, ({ params }) => { told.push(params.update); });
const kinds = (updates) => updates.map((update) => update.sessionUpdate);
const said = (updates) => updates.filter((one) => one.sessionUpdate === "agent_message_chunk").map((one) => one.content.text).join("");

async function drive(agent) {
  let session;
  await check("the agent introduces itself", async () => {
    const capabilities = { fs: { readTextFile: true, writeTextFile: true }, terminal: true };
    const answer = await agent.request(methods.agent.initialize, { protocolVersion: 1, clientCapabilities: capabilities });
    assert.equal(answer.protocolVersion, 1);
    assert.equal(answer.agentInfo.name, "OpenCode");
  });
  await check("a session is made", async () => {
    session = await agent.buildSession(project).start();
    assert.match(session.sessionId, /^ses_/);
    const { update } = await session.nextUpdate();
    assert.ok(update.availableCommands.some((command) => command.name === "hello"));
  });
  await check("a whole turn, with a permission in between", async () => {
    model.answers(
      { text: "I edit.", tools: [{ name: "edit", input: { filePath: file, oldString: "two", newString: "zwei" } }] },
      { text: "Edited." },
    );
    const turn = session.prompt("change it");
    const updates = [];
    for (;;) {
      const message = await session.nextUpdate();
      if (message.kind === "stop") break;
      updates.push(message.update);
    }
    const result = await turn;
    assert.equal(result.stopReason, "end_turn");
    assert.equal(said(updates), "I edit.Edited.");
    assert.equal(readFileSync(file, "utf8"), "one\nzwei\n");
    assert.equal(permissions.length, 1);
    const [diff] = permissions[0].toolCall.content;
    assert.deepEqual(diff, { type: "diff", path: file, oldText: "one\ntwo\n", newText: "one\nzwei\n" });
    const call = updates.filter((update) => update.toolCallId);
    assert.equal(call[0].sessionUpdate, "tool_call");
    assert.equal(call[0].kind, "edit");
    assert.equal(call.at(-1).status, "completed");
    assert.equal(updates.at(-1).sessionUpdate, "usage_update");
    while (!written.length) await new Promise((done) => setTimeout(done, 10));
    assert.equal(written[0].content, "one\nzwei\n");
  });
  await check("a command is run", async () => {
    model.answers({ text: "Hello back." });
    await session.prompt("/hello world");
    assert.equal(await session.readText(), "Hello back.");
    assert.match(JSON.stringify(model.requests.at(-1).messages.at(-1)), /Hello world/);
  });
  session?.dispose();
  const place = { sessionId: session?.sessionId, cwd: project, mcpServers: [] };
  await check("the session is told again, and copied", async () => {
    told.length = 0;
    const loaded = await agent.request(methods.agent.session.load, place);
    assert.ok(loaded.configOptions.some((option) => option.id === "model"));
    assert.deepEqual(kinds(told).slice(0, 4), ["user_message_chunk", "agent_message_chunk", "tool_call", "tool_call_update"]);
    const copy = await agent.request("session/fork", place);
    assert.notEqual(copy.sessionId, place.sessionId);
    await agent.request(methods.agent.session.resume, place);
  });
  await check("sessions are listed and what is chosen counts", async () => {
    const { sessions } = await agent.request(methods.agent.session.list, { cwd: project });
    assert.equal(sessions.length, 2);
    const option = { sessionId: place.sessionId, configId: "mode", value: "plan" };
    const { configOptions } = await agent.request(methods.agent.session.setConfigOption, option);
    assert.equal(configOptions.find((one) => one.id === "mode").currentValue, "plan");
    await agent.request(methods.agent.session.setMode, { sessionId: place.sessionId, modeId: "build" });
  });
  await check("a turn is stopped", async () => {
    model.answers({ text: "I wait.", tools: [{ name: "bash", input: { command: "sleep 60", description: "wait" } }] });
    told.length = 0;
    const turn = agent.request(methods.agent.session.prompt, { sessionId: place.sessionId, prompt: [{ type: "text", text: "wait" }] });
    while (!told.some((update) => update.status === "in_progress")) await new Promise((done) => setTimeout(done, 10));
    await agent.notify(methods.agent.session.cancel, { sessionId: place.sessionId });
    assert.equal((await turn).stopReason, "cancelled");
  });
  await check("what makes no sense is an error, and a session is closed", async () => {
    const error = await agent.request("session/none", {}).then(() => assert.fail("it is known"), (error) => error);
    assert.equal(error.code, -32601);
    await agent.request(methods.agent.session.close, { sessionId: place.sessionId });
    const prompt = { sessionId: place.sessionId, prompt: [] };
    const gone = await agent.request(methods.agent.session.prompt, prompt).then(() => assert.fail("it is there"), (error) => error);
    assert.equal(gone.code, -32602);
  });
}

try {
  await app.connectWith(stream, drive);
  agent.stdin.end();
  await check("it ends with standard input", async () => assert.equal(await ended, 0));
  await check(`all ${checked} messages have the form of the schema`, async () => assert.deepEqual(wrong, []));
} catch (error) {
  failures += 1;
  console.log(`FAIL ${error?.stack ?? error}`);
} finally {
  agent.kill();
  model.close();
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
process.exit(failures ? 1 : 0);
