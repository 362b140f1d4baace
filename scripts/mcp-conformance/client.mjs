// The client under test: `node client.mjs URL`, as the suite starts it. Uses the binary as a user does, with a
// home, a project and a browser of its own. OPENCODE_BINARY says which binary.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startModel } from "./model.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const url = process.argv.at(-1);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");

// What the model calls, where a scenario needs a call.
const CALLS = {
  tools_call: ["t_add_numbers", { a: 2, b: 3 }],
  "sse-retry": ["t_test_reconnection", {}],
  "elicitation-sep1034-client-defaults": ["t_test_client_elicitation_defaults", {}],
  "auth/scope-step-up": ["t_test-tool", {}],
  "auth/scope-retry-limit": ["t_test-tool", {}],
};
const call = CALLS[scenario];

const oauth = {};
if (scenario === "auth/basic-cimd") oauth.clientId = "https://conformance-test.local/client-metadata.json";
if (context.client_id) oauth.clientId = context.client_id;
if (context.client_secret) oauth.clientSecret = context.client_secret;

const root = realpathSync(mkdtempSync(join(tmpdir(), "opencode-conformance-")));
const [home, project, bin] = ["home", "project", "bin"].map((name) => join(root, name));
for (const folder of [home, project, bin]) mkdirSync(folder);
const browser = join(bin, "xdg-open");
writeFileSync(browser, `#!/bin/sh\nexec '${process.execPath}' '${join(here, "open.mjs")}' "$1"\n`);
chmodSync(browser, 0o755);

const model = await startModel(...(call ?? []));
const server = { type: "remote", url };
if (Object.keys(oauth).length > 0) server.oauth = oauth;
const config = {
  mcp: { t: server },
  model: "scripted/scripted",
  small_model: "scripted/scripted",
  provider: {
    scripted: {
      npm: "@ai-sdk/openai-compatible",
      name: "Scripted",
      options: { baseURL: model.url, apiKey: "test-key" },
      models: { scripted: { name: "Scripted", limit: { context: 128000, output: 8192 } } },
    },
  },
};
writeFileSync(join(project, "opencode.json"), JSON.stringify(config));

const env = {
  PATH: `${bin}${delimiter}${process.env.PATH}`,
  HOME: home,
  PWD: project,
  TMPDIR: tmpdir(),
  LANG: process.env.LANG ?? "C.UTF-8",
  NO_COLOR: "1",
  OPENCODE_DISABLE_MODELS_FETCH: "1",
  XDG_CONFIG_HOME: join(home, "c"),
  XDG_DATA_HOME: join(home, "d"),
  XDG_STATE_HOME: join(home, "s"),
  XDG_CACHE_HOME: join(home, "k"),
};

const run = (...words) =>
  new Promise((done) => {
    console.log(`$ opencode ${words.join(" ")}`);
    const child = spawn(process.env.OPENCODE_BINARY, words, { cwd: project, env, stdio: ["ignore", "inherit", "inherit"] });
    const late = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.on("exit", (code) => { clearTimeout(late); done(code ?? 1); });
    child.on("error", () => { clearTimeout(late); done(1); });
  });

let code = 0;
try {
  if (scenario.startsWith("auth/")) code ||= await run("mcp", "auth", "t");
  code ||= await run("run", "go");
} finally {
  model.close();
  rmSync(root, { recursive: true, force: true });
}
process.exit(code);
