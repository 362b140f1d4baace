// Logins that plugins offer, and what they make of credentials: the hooks `auth` and `provider`, and the methods of
// integrations.
import { serveFetch } from "./fetch.mjs";
import { inside, plugins } from "./registry.mjs";
import { ask } from "./wire.mjs";

// Authorizations whose end nobody has asked for yet: the newest ones.
const KEPT = 64;

const waiting = new Map();
const integrations = new Map();
let lastId = 0;

// Takes what a transformation said of methods, once it counts.
export function takeMethods(plugin, methods) {
  for (const registration of methods) {
    if (typeof registration.authorize !== "function") continue;
    integrations.set(keyOf(registration.integrationID, registration.method.id), { plugin, registration });
  }
}

// Whether a question is asked after these inputs, and what is wrong with its answer among them.
export async function prompt({ provider, method, prompt: index, inputs }) {
  const { plugin, value } = methodOf(provider, method);
  const { key, when, condition, validate } = value.prompts?.[index] ?? {};
  return inside(plugin, () => {
    const holds = !when || (when.key in inputs && (inputs[when.key] === when.value) === (when.op === "eq"));
    const asked = holds && (typeof condition !== "function" || Boolean(condition(inputs)));
    const problem = key in inputs && typeof validate === "function" ? validate(inputs[key]) : undefined;
    return { asked, problem: problem ?? null };
  });
}

export async function authorize({ provider, method, integration, inputs }) {
  const { plugin, value } = integration ? integrationOf(integration, method) : methodOf(provider, method);
  if (typeof value.authorize !== "function") throw new Error(`${provider ?? integration} has nothing to ask for here`);
  const begun = await inside(plugin, () => value.authorize(inputs));
  if (typeof begun?.callback !== "function") return { outcome: begun };
  const id = ++lastId;
  waiting.set(id, { plugin, callback: begun.callback });
  if (waiting.size > KEPT) waiting.delete(waiting.keys().next().value);
  const { url, instructions } = begun;
  return { id, url: String(url), instructions: String(instructions ?? ""), mode: begun.method ?? begun.mode };
}

export async function callback({ id, code }) {
  const authorization = waiting.get(id);
  if (!authorization) throw new Error("this login has ended");
  const outcome = await inside(authorization.plugin, () => authorization.callback(code ?? undefined));
  // Who brought a wrong code may bring another.
  if (outcome?.type !== "failed") waiting.delete(id);
  return outcome;
}

// What a plugin adds to the options of a provider. A `fetch` among them is served at an address.
export async function loader({ provider, info }) {
  const plugin = plugins.findLast((plugin) => plugin.hooks.auth?.provider === provider);
  const load = plugin?.hooks.auth.loader;
  if (typeof load !== "function") return { options: {} };
  const credential = () => ask("credential", { provider });
  const { fetch, ...options } = (await inside(plugin, () => plugin.hooks.auth.loader(credential, info))) ?? {};
  if (typeof fetch !== "function") return { options };
  return { options, fetch: await serveFetch((...request) => inside(plugin, () => fetch(...request))) };
}

export async function models({ provider, info, credential }) {
  for (const plugin of plugins) {
    const hook = plugin.hooks.provider;
    if (hook?.id !== provider || typeof hook.models !== "function") continue;
    info = { ...info, models: await inside(plugin, () => hook.models(info, { auth: credential ?? undefined })) };
  }
  return info.models;
}

function methodOf(provider, index) {
  const plugin = plugins.findLast((plugin) => plugin.hooks.auth?.provider === provider);
  const value = plugin?.hooks.auth.methods?.[index];
  if (!value) throw new Error(`no plugin logs in at ${provider} in this way`);
  return { plugin, value };
}

function integrationOf(integration, method) {
  const found = integrations.get(keyOf(integration, method));
  if (!found || !plugins.includes(found.plugin)) throw new Error(`no plugin logs in at ${integration} in this way`);
  return { plugin: found.plugin, value: found.registration };
}

function keyOf(integration, method) {
  return JSON.stringify([integration, method]);
}
