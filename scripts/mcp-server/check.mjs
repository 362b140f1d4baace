// Drives `opencode mcp serve` with real clients:
//   node check.mjs BINARY FOLDER-OF-THE-INSPECTOR FOLDER-OF-THE-SUITE
// Needs no network: the model is a script, the home a temporary folder. Ends with 1 when something does not hold.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startModel } from "../mcp-conformance/model.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const [binary, inspectorFolder, suite] = process.argv.slice(2).map((path) => resolve(path));
const root = realpathSync(mkdtempSync(join(tmpdir(), "opencode-mcp-server-")));
const [project, home] = [join(root, "project"), join(root, "home")];
for (const folder of [project, home]) mkdirSync(folder);
const env = {
  PATH: process.env.PATH, HOME: home, PWD: project, SHELL: "/bin/bash", OPENCODE_DISABLE_MODELS_FETCH: "1",
  XDG_CONFIG_HOME: join(home, "c"), XDG_DATA_HOME: join(home, "d"), XDG_STATE_HOME: join(home, "s"), XDG_CACHE_HOME: join(home, "k"),
};
const git = (...words) => execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...words], { stdio: "ignore", cwd: project });
git("init", "-q");
git("commit", "-q", "--allow-empty", "-m", "start");
const model = await startModel("read", { filePath: "a.txt" });
writeFileSync(join(project, "a.txt"), "one\n");
writeFileSync(join(project, "opencode.json"), JSON.stringify({
  model: "scripted/scripted", small_model: "scripted/scripted", enabled_providers: ["scripted"],
  permission: { edit: "ask" },
  command: {
    hello: { description: "Says hello", template: "Hello $ARGUMENTS" },
    // The suite asks for a prompt by this name.
    test_simple_prompt: { description: "Takes nothing", template: "Say hello." },
  },
  provider: { scripted: {
    npm: "@ai-sdk/openai-compatible", name: "Scripted", options: { baseURL: model.url, apiKey: "k" },
    models: { scripted: { name: "Scripted", limit: { context: 128000, output: 8192 } } },
  } },
}));

/** Waits until a program has printed something that fits. */
const printed = (child, pattern) => new Promise((done, failed) => {
  let text = "";
  const timer = setTimeout(() => failed(new Error(`nothing fits ${pattern}: ${text}`)), 60_000);
  child.stdout.on("data", (piece) => {
    text += piece;
    const found = pattern.exec(text);
    if (!found) return;
    clearTimeout(timer);
    done(found);
  });
  child.on("exit", (code) => failed(new Error(`it ended with ${code}: ${text}`)));
});

/** Runs a program to its end; the scripted model lives in this one, so nobody may block. */
const finished = (program, words, limit) => new Promise((done) => {
  const child = spawn(program, words, { env, cwd: project, timeout: limit });
  const out = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].on("data", (piece) => { out[name] += piece; });
  child.on("close", (status) => done({ status, ...out }));
});

let failed = 0;
const told = (passes, name, more = "") => {
  console.log(`${passes ? "pass    " : "FAIL    "}  ${name}  ${more}`.trimEnd());
  if (!passes) failed += 1;
};

const server = spawn(binary, ["mcp", "serve", "--http"], { env, cwd: project, stdio: ["ignore", "pipe", "inherit"] });
const [, url] = await printed(server, /listening on (http:\S+)/);

const inspector = join(inspectorFolder, "node_modules/@modelcontextprotocol/inspector-cli/build/index.js");
const inspected = async (target, method, ...words) => {
  const run = await finished(process.execPath, [inspector, ...target, "--method", method, ...words], 60_000);
  assert.equal(run.status, 0, run.stderr || run.stdout);
  return JSON.parse(run.stdout);
};
const checks = {
  "tools/list": async (ask) => {
    const names = (await ask("tools/list")).tools.map((tool) => tool.name);
    for (const name of ["prompt", "session_list", "session_read", "read", "glob", "grep", "write", "edit"]) assert(names.includes(name), `${name}: ${names}`);
  },
  "tools/call read": async (ask) => {
    const result = await ask("tools/call", "--tool-name", "read", "--tool-arg", "filePath=a.txt");
    assert.match(result.content[0].text, /one/);
  },
  "tools/call prompt": async (ask) => {
    const result = await ask("tools/call", "--tool-name", "prompt", "--tool-arg", "text=hi");
    assert.equal(result.content[0].text, "done");
    assert.match(result.structuredContent.sessionID, /^ses_/);
  },
  "tools/call session_list": async (ask) => {
    const result = await ask("tools/call", "--tool-name", "session_list");
    assert(result.structuredContent.sessions.length > 0);
  },
  "tools/call write, which must be asked": async (ask) => {
    const result = await ask("tools/call", "--tool-name", "write", "--tool-arg", "filePath=b.txt", "content=x");
    assert.equal(result.isError, true);
    assert(!existsSync(join(project, "b.txt")));
  },
  "resources/list, resources/read": async (ask) => {
    const { uri } = (await ask("resources/list")).resources[0];
    const { contents } = await ask("resources/read", "--uri", uri);
    assert.match(contents[0].text, /## User\n\nhi\n/);
  },
  "resources/templates/list": async (ask) => {
    assert.equal((await ask("resources/templates/list")).resourceTemplates[0].uriTemplate, "opencode://session/{id}");
  },
  "prompts/list, prompts/get": async (ask) => {
    assert((await ask("prompts/list")).prompts.some((prompt) => prompt.name === "hello"));
    const { messages } = await ask("prompts/get", "--prompt-name", "hello", "--prompt-args", "arguments=Ann");
    assert.match(messages[0].content.text, /\/hello Ann/);
  },
};
if (existsSync(inspector)) {
  for (const [name, target] of [["stdio", [binary, "mcp", "serve"]], ["HTTP", [url, "--transport", "http"]]]) {
    for (const [check, run] of Object.entries(checks)) {
      const error = await run((...words) => inspected(target, ...words)).then(() => undefined, (error) => error);
      told(!error, `Inspector over ${name}: ${check}`, error?.message ?? "");
    }
  }
} else {
  console.log("left out: the Inspector is not here");
}

const index = join(suite, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
if (existsSync(index) && Number(process.versions.node.split(".")[0]) >= 22) {
  const { scenarios } = JSON.parse(readFileSync(join(here, "expected.json"), "utf8"));
  const listed = spawnSync(process.execPath, [index, "list", "--server"], { encoding: "utf8" }).stdout;
  for (const [, name] of listed.slice(listed.indexOf("Server scenarios")).matchAll(/^ {2}- (\S+)/gm)) {
    if (!(name in scenarios)) told(false, `expected.json does not know ${name}`);
  }
  for (const [name, { reason }] of Object.entries(scenarios)) {
    if (reason) {
      console.log(`left out  ${name}: ${reason}`);
      continue;
    }
    const folder = mkdtempSync(join(root, "suite-"));
    const run = await finished(process.execPath, [index, "server", "--url", url, "--scenario", name, "-o", folder], 120_000);
    const file = readdirSync(folder, { recursive: true }).find((file) => file.endsWith("checks.json"));
    const found = file ? JSON.parse(readFileSync(join(folder, file), "utf8")) : [];
    const count = (status) => found.filter((check) => check.status === status);
    const [good, bad, odd] = ["SUCCESS", "FAILURE", "WARNING"].map(count);
    const passes = run.status === 0 && good.length > 0 && bad.length + odd.length === 0;
    told(passes, `suite: ${name}`, `${good.length}/${good.length + bad.length + odd.length}`);
    if (passes) continue;
    for (const check of [...bad, ...odd]) console.log(`            ${check.id}: ${check.errorMessage ?? check.description}`);
    if (bad.length + odd.length === 0) console.log(`${run.stdout}${run.stderr}`.trim().split("\n").slice(-30).join("\n"));
  }
} else {
  console.log("left out: the conformance suite, or a Node that it can do with, is not here");
}

server.kill();
model.close();
rmSync(root, { recursive: true, force: true });
process.exit(failed > 0 ? 1 : 0);
