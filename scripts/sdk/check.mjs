// Drives the binary with @opencode-ai/sdk: `node check.mjs PATH-OF-OPENCODE`. Ends with 1 when something
// does not hold. Needs no network: the model is a script, the home a temporary folder.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { createOpencode } from "@opencode-ai/sdk";
import { durable, first, second } from "./faces.mjs";
import { startModel } from "./model.mjs";

/** How long anything is waited for. */
const LIMIT = 20_000;
const within = (what, promise) => {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: nothing after ${LIMIT} ms`)), LIMIT); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const binary = resolve(process.argv[2] ?? "../../target/debug/opencode");
const root = realpathSync(mkdtempSync(join(tmpdir(), "opencode-sdk-")));
const project = join(root, "project");
const tools = join(root, "bin");
for (const folder of [project, tools, join(root, "home")]) mkdirSync(folder);
symlinkSync(binary, join(tools, "opencode"));
// The client starts what it finds under this name, with this environment, in this folder.
const home = join(root, "home");
Object.assign(process.env, {
  PATH: `${tools}${delimiter}${process.env.PATH}`, HOME: home, PWD: project,
  XDG_CONFIG_HOME: join(home, "c"), XDG_DATA_HOME: join(home, "d"), XDG_STATE_HOME: join(home, "s"), XDG_CACHE_HOME: join(home, "k"),
});
process.chdir(project);
const git = (...words) => execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...words], { stdio: "ignore" });
git("init", "-q");
git("commit", "-q", "--allow-empty", "-m", "start");

const model = await startModel();
const config = {
  model: "scripted/scripted", small_model: "scripted/scripted", permission: { bash: "ask" },
  provider: { scripted: {
    npm: "@ai-sdk/openai-compatible", name: "Scripted", options: { baseURL: model.url, apiKey: "k" },
    models: { scripted: { name: "Scripted", limit: { context: 128000, output: 8192 } } },
  } },
};

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

async function drive(face) {
  const say = (what) => `${face.name}: ${what}`;
  let session, said;
  const heard = [];
  const ending = new AbortController();
  const listeners = [];
  const wait = (kind, test = () => true) => {
    const match = (event) => event.type === kind && test(event.properties);
    const past = heard.find(match);
    if (past) return Promise.resolve(past.properties);
    return new Promise((done) => listeners.push((event) => match(event) && done(event.properties)));
  };

  await check(say("the stream of events begins"), async () => {
    const stream = await face.events(ending.signal);
    (async () => {
      for await (const event of stream) {
        heard.push(event);
        listeners.forEach((listener) => listener(event));
      }
    })().catch(() => {});
    await wait("server.connected");
  });
  await check(say("a session is made, found and renamed"), async () => {
    session = (await face.create("First title")).data;
    assert.match(session.id, /^ses_/);
    assert.equal(session.directory, project);
    assert.equal((await face.get(session.id)).data.title, "First title");
    assert.equal((await face.rename(session.id, "Second title")).data.title, "Second title");
    assert.ok((await face.list()).data.some((one) => one.id === session.id));
  });
  await check(say("a prompt is answered, with a permission in between"), async () => {
    model.answers({ text: "I look.", tools: [{ name: "bash", input: { command: "echo from the shell", description: "say it" } }] }, { text: "It says so." });
    const answer = face.prompt(session.id, "what does it say?");
    const asked = await wait("permission.asked", (one) => one.sessionID === session.id);
    assert.equal(asked.permission, "bash");
    await face.allow(session.id, asked.id);
    const { info, parts } = (await answer).data;
    assert.equal(info.finish, "stop");
    assert.equal(parts.find((part) => part.type === "text").text, "It says so.");
    await wait("session.idle", (one) => one.sessionID === session.id);
    for (const kind of ["message.updated", "message.part.updated", "message.part.delta", "permission.replied"]) {
      assert.ok(heard.some((event) => event.type === kind), kind);
    }
  });
  await check(say("messages are listed"), async () => {
    said = (await face.messages(session.id)).data;
    assert.deepEqual(said.map((one) => one.info.role), ["user", "assistant", "assistant"]);
    const call = said[1].parts.find((part) => part.type === "tool");
    assert.equal(call.state.output.trim(), "from the shell");
  });
  await check(say("a session is forked, whole and up to a message"), async () => {
    const whole = (await face.fork(session.id)).data;
    assert.equal(whole.title, "Second title (fork #1)");
    assert.equal((await face.messages(whole.id)).data.length, 3);
    const begun = (await face.fork(session.id, said[2].info.id)).data;
    assert.equal((await face.messages(begun.id)).data.length, 2);
    assert.equal((await face.remove(begun.id)).data, true);
  });
  await check(say("messages are taken back and brought back, with their files"), async () => {
    const file = join(project, `${face.name}.txt`);
    model.answers({ tools: [{ name: "write", input: { filePath: file, content: "written" } }] }, { text: "Written." });
    await face.prompt(session.id, "write it");
    assert.equal(readFileSync(file, "utf8"), "written");
    const prompt = (await face.messages(session.id)).data.findLast((one) => one.info.role === "user");
    const reverted = (await face.revert(session.id, prompt.info.id)).data;
    assert.equal(reverted.revert.messageID, prompt.info.id);
    assert.ok(!existsSync(file));
    const restored = (await face.unrevert(session.id)).data;
    assert.equal(restored.revert, undefined);
    assert.equal(readFileSync(file, "utf8"), "written");
  });
  await check(say("what is there is listed"), async () => {
    assert.ok((await face.agents()).data.some((agent) => agent.name === "build"));
    assert.equal((await face.providers()).data.default.scripted, "scripted");
    assert.equal((await face.path()).data.directory, project);
    assert.equal((await face.abort(session.id)).data, true);
  });
  await check(say("a session is deleted, and then it is not found"), async () => {
    assert.equal((await face.remove(session.id)).data, true);
    await wait("session.deleted", (one) => one.info.id === session.id);
    const error = await face.get(session.id).then(() => assert.fail("it is still there"), (error) => error);
    const body = error?.name === "NotFoundError" ? error : error?.cause?.body ?? error?.error ?? error;
    assert.match(JSON.stringify(body) + String(error), /NotFoundError|not found/i);
  });
  ending.abort();
}

/** Sessions that are prompted through an inbox. Answers hold `data`, in which the server says `data`, too. */
async function driveDurable(face) {
  const say = (what) => `durable: ${what}`;
  let sessionID, admitted;
  const rest = () => face.wait({ sessionID });
  const messages = async () => (await face.messages({ sessionID, order: "asc" })).data.data;
  await check(say("a session is made, and made again"), async () => {
    const made = (await face.create({ id: "ses_durable1", agent: "build" })).data.data;
    sessionID = made.id;
    assert.equal(made.location.directory, project);
    assert.deepEqual((await face.create({ id: sessionID })).data.data, made);
    assert.ok((await face.list()).data.data.some((one) => one.id === sessionID));
  });
  await check(say("a prompt is admitted once and answered, with a permission in between"), async () => {
    model.answers({ text: "I look.", tools: [{ name: "bash", input: { command: "echo from the shell" } }] }, { text: "It says so." });
    const prompt = { sessionID, id: "msg_durable1", prompt: { text: "what does it say?" } };
    admitted = (await face.prompt(prompt)).data.data;
    assert.equal(admitted.delivery, "steer");
    assert.equal((await face.prompt(prompt)).data.data.admittedSeq, admitted.admittedSeq);
    let asked = [];
    while (!asked.length) asked = (await face.permission.list({ sessionID })).data.data;
    assert.equal(asked[0].action, "bash");
    await face.permission.reply({ sessionID, requestID: asked[0].id, reply: "once" });
    await rest();
    const said = await messages();
    assert.deepEqual(said.map((one) => one.type), ["user", "assistant", "assistant"]);
    assert.match(said[1].content.find((one) => one.type === "tool").state.content[0].text, /from the shell/);
  });
  await check(say("what happened is told page by page and as a stream"), async () => {
    const { data, hasMore } = (await face.history({ sessionID, limit: 1000 })).data;
    assert.equal(hasMore, false);
    const last = data.at(-1).durable.seq;
    const seen = [];
    const ending = new AbortController();
    for await (const event of (await face.events({ sessionID, after: admitted.admittedSeq }, { signal: ending.signal })).stream) {
      seen.push(event.durable.seq);
      if (event.durable.seq === last) break;
    }
    ending.abort();
    assert.deepEqual(seen, data.map((event) => event.durable.seq).filter((seq) => seq > admitted.admittedSeq));
  });
  await check(say("a session is shortened, switched and interrupted"), async () => {
    await face.switchAgent({ sessionID, agent: "plan" });
    assert.equal((await face.get({ sessionID })).data.data.agent, "plan");
    await face.interrupt({ sessionID });
    model.answers({ text: "A summary." });
    await face.compact({ sessionID });
    await rest();
    assert.ok((await face.context({ sessionID })).data.data.length >= 1);
  });
  await check(say("what is not there is told by its tag"), async () => {
    const error = await face.get({ sessionID: "ses_none" }).then(() => assert.fail("it is there"), (error) => error);
    assert.match(JSON.stringify(error?.cause?.body ?? error?.error ?? error) + String(error), /SessionNotFoundError|not found/i);
  });
}

try {
  const free = createServer();
  await new Promise((done) => free.listen(0, "127.0.0.1", done));
  const { port } = free.address();
  await new Promise((done) => free.close(done));
  const { server } = await within("the server starts", createOpencode({ port, config }));
  try {
    await drive(first(server.url));
    await drive(second(server.url, project));
    await driveDurable(durable(server.url, project));
  } finally {
    server.close();
  }
} catch (error) {
  failures += 1;
  console.log(`FAIL ${error?.stack ?? error}`);
} finally {
  model.close();
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
process.exit(failures ? 1 : 0);
