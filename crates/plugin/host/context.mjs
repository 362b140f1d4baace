// What plugins of the newer form are given, and the object `opencode` that is there for all.
import { KINDS } from "./drafts.mjs";
import { add, changed, register, remove } from "./lifecycle.mjs";
import { Plugin, owner, plugins } from "./registry.mjs";
import { describe, isTool } from "./tools.mjs";

const START_LIMIT = 25_000;

let sdk;

export async function setUp(plugin, setup, options) {
  const domains = transforms(() => plugin);
  domains.integration.connection = connection;
  await setup({ options, ...domains, plugin: domain, aisdk });
}

export function installGlobal(client) {
  sdk = client;
  globalThis.opencode = {
    client,
    session: client.session,
    tool: { register: registerTool },
    event: { subscribe },
    plugin: domain,
    ...transforms(owner),
  };
}

const domain = {
  add: async ({ id, setup }) => {
    if (typeof id !== "string" || typeof setup !== "function") throw new TypeError("a plugin is {id, setup}");
    await domain.remove(id);
    const plugin = new Plugin(id, owner().file);
    await add(plugin, `Failed to load plugin ${id}`, START_LIMIT, () => setUp(plugin, setup, {}));
  },
  remove: async (id) => {
    for (const plugin of plugins.filter((plugin) => plugin.id === id)) await remove(plugin);
  },
};

const connection = {
  active: async (id) => {
    const { data } = await sdk.v2.integration.get({ path: { id } });
    return data?.data?.connections?.[0];
  },
  resolve: async ({ type, name }) => {
    if (type !== "env") throw new Error("stored credentials are not given to plugins");
    return process.env[name] ? { type: "key", key: process.env[name] } : undefined;
  },
};

// Models are called by the program itself, not by a library of JavaScript that could be replaced.
const unavailable = async () => {
  throw new Error("plugins cannot replace how models are called");
};
const aisdk = { sdk: unavailable, language: unavailable };

function transforms(pluginOf) {
  const domainOf = (kind) => ({
    transform: async (callback) => {
      if (typeof callback !== "function") throw new TypeError(`a transformation of ${kind} is a function`);
      return register(pluginOf(), { kind, callback });
    },
    reload: async () => changed(kind),
  });
  return Object.fromEntries(KINDS.map((kind) => [kind, domainOf(kind)]));
}

async function registerTool({ name, description, args = {}, execute }) {
  const plugin = owner();
  const definition = { description, args, execute };
  if (typeof name !== "string" || !isTool(definition)) {
    throw new TypeError("a tool is {name, description, args, execute}");
  }
  return register(plugin, { kind: "tool", name, ...(await describe(definition, plugin.file)) });
}

async function subscribe(type, callback) {
  if (typeof callback !== "function") throw new TypeError("who subscribes to events gives a function");
  return register(owner(), { kind: "event", type, callback });
}
