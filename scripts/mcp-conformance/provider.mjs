// Logs in at a certified provider (the package oidc-provider) that gives tokens for an MCP server:
//   node provider.mjs BINARY FOLDER-OF-THE-PACKAGES
// Registration, PKCE, consent, tokens that end at once and are renewed, each renewal with another token, and the end
// of a login that is taken back. Ends with 1 when something does not hold.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startModel } from "./model.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const [binary, folder] = process.argv.slice(2).map((path) => resolve(path));
// What a provider for tests says of itself is not for us.
for (const way of ["info", "warn"]) console[way] = () => {};
const packages = join(folder, "node_modules");
const { default: Provider } = await import(pathToFileURL(join(packages, "oidc-provider/lib/index.js")));

const listen = async (handler) => {
  const server = createServer(handler);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { server, base: `http://127.0.0.1:${server.address().port}` };
};

// Tokens last for less than the time in which they are renewed beforehand.
const LASTS = 10;
let provider;
const authorization = await listen((request, response) => provider.callback()(request, response));
const asked = [];
const mcp = await listen(async (request, response) => {
  const send = (status, body, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body && JSON.stringify(body));
  };
  if (request.url === "/.well-known/oauth-protected-resource/mcp") {
    return send(200, { resource: `${mcp.base}/mcp`, authorization_servers: [authorization.base], scopes_supported: ["mcp"] });
  }
  if (request.url !== "/mcp") return send(404);
  if (request.method === "GET") return send(405);
  const token = await provider.AccessToken.find(request.headers.authorization?.replace("Bearer ", "") ?? "");
  if (!token || token.aud !== `${mcp.base}/mcp` || !token.scope.split(" ").includes("mcp")) {
    const where = `${mcp.base}/.well-known/oauth-protected-resource/mcp`;
    return send(401, undefined, { "www-authenticate": `Bearer resource_metadata="${where}"` });
  }
  let text = "";
  for await (const piece of request) text += piece;
  const { id, method } = JSON.parse(text || "{}");
  asked.push(method);
  const results = {
    initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } },
    "tools/list": { tools: [{ name: "look", inputSchema: { type: "object" } }] },
    "tools/call": { content: [{ type: "text", text: "seen" }] },
  };
  return id === undefined ? send(202) : send(200, { jsonrpc: "2.0", id, result: results[method] ?? {} });
});
const events = [];
provider = new Provider(authorization.base, {
  scopes: ["openid", "offline_access", "mcp"],
  features: {
    registration: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({ audience: resource, scope: "mcp", accessTokenTTL: LASTS }),
      useGrantedResource: () => true,
    },
  },
  // It is for a test: what is issued to whoever may have it.
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  pkce: { required: () => true },
});
for (const event of ["registration_create.success", "grant.success", "grant.error", "grant.revoked"]) {
  provider.on(event, (context) => events.push(`${event} ${context?.oidc?.params?.grant_type ?? ""}`.trim()));
}
provider.on("server_error", (_, error) => events.push(`server_error ${error.message}`));

const root = realpathSync(mkdtempSync(join(tmpdir(), "opencode-provider-")));
const [home, project, bin] = ["home", "project", "bin"].map((name) => join(root, name));
for (const made of [home, project, bin]) mkdirSync(made);
const opener = join(bin, "xdg-open");
writeFileSync(opener, `#!/bin/sh\nexec '${process.execPath}' '${join(here, "login.mjs")}' "$1"\n`);
chmodSync(opener, 0o755);
const missing = [];
const model = await startModel("t_look", {}, (line) => missing.push(line));
const options = { baseURL: model.url, apiKey: "test-key" };
const models = { scripted: { name: "Scripted", limit: { context: 128000, output: 8192 } } };
writeFileSync(join(project, "opencode.json"), JSON.stringify({
  mcp: { t: { type: "remote", url: `${mcp.base}/mcp` } },
  model: "scripted/scripted",
  small_model: "scripted/scripted",
  provider: { scripted: { npm: "@ai-sdk/openai-compatible", name: "Scripted", options, models } },
}));
const env = {
  PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: home, PWD: project, TMPDIR: tmpdir(), NO_COLOR: "1", LANG: "C.UTF-8",
  OPENCODE_DISABLE_MODELS_FETCH: "1", XDG_CONFIG_HOME: join(home, "c"), XDG_DATA_HOME: join(home, "d"),
  XDG_STATE_HOME: join(home, "s"), XDG_CACHE_HOME: join(home, "k"),
};
const run = (...words) =>
  new Promise((done) => {
    const child = spawn(binary, words, { cwd: project, env, stdio: ["ignore", "pipe", "pipe"] });
    let told = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => { told += piece; });
    const late = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.on("close", (code) => { clearTimeout(late); done({ code, told }); });
  });
const file = join(home, "d/opencode/mcp-auth.json");
const stored = () => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).t : undefined);

let failure;
try {
  const login = await run("mcp", "auth", "t");
  assert.match(login.told, /Authentication successful!/, login.told);
  assert.deepEqual(events.slice(0, 2), ["registration_create.success", "grant.success authorization_code"]);
  const first = stored();
  assert.ok(first.tokens.refreshToken && first.tokens.expiresAt && first.clientInfo.clientId, "what is stored");
  assert.equal(first.tokens.scope.includes("mcp"), true);

  // A turn with a call: the token has less time left than it should have, so it is renewed before it is used.
  const before = events.length;
  asked.length = 0;
  const turn = await run("run", "go");
  assert.equal(turn.code, 0, turn.told);
  assert.ok(asked.includes("tools/call"), turn.told);
  assert.deepEqual(missing, []);
  const renewals = events.slice(before);
  assert.ok(renewals.length > 0 && renewals.every((event) => event === "grant.success refresh_token"), renewals.join("\n"));
  assert.notEqual(stored().tokens.refreshToken, first.tokens.refreshToken, "each renewal brings another token");

  // The login is taken back: it is over, and the turn goes on without the server.
  const token = await provider.RefreshToken.find(stored().tokens.refreshToken);
  await provider.RefreshToken.revokeByGrantId(token.grantId);
  await provider.AccessToken.revokeByGrantId(token.grantId);
  const last = await run("run", "go");
  assert.equal(last.code, 0, last.told);
  assert.notEqual(missing.length, 0, "the tools of the server are gone");
  assert.equal(stored().tokens, undefined, "what is good for nothing is gone");
  const list = await run("mcp", "auth", "list");
  assert.match(list.told, /✗ t not authenticated/);
  console.log(`pass      a certified provider: registration, PKCE, ${renewals.length} renewals, the end of a login`);
} catch (error) {
  failure = error;
  console.error(error, events);
} finally {
  model.close();
  for (const { server } of [authorization, mcp]) { server.closeAllConnections(); server.close(); }
  rmSync(root, { recursive: true, force: true });
}
process.exit(failure ? 1 : 0);
