// Drafts: what plugins transform as a whole. Each transformation gets a copy that takes the place of the state only
// when it has not failed.
import { takeMethods } from "./auth.mjs";
import { failed, inside, registered } from "./registry.mjs";
import { within } from "./time.mjs";

export const KINDS = ["agent", "catalog", "command", "integration", "reference", "skill"];

const LIMIT = 15_000;

export async function transform({ draft: kind, state }) {
  for (const { plugin, callback } of registered(kind)) {
    try {
      const { draft, close, methods = [] } = open[kind](structuredClone(state));
      await within(LIMIT, Promise.resolve(inside(plugin, () => callback(draft))));
      state = JSON.parse(JSON.stringify(close()));
      takeMethods(plugin, methods);
    } catch (error) {
      failed(plugin.id, error);
    }
  }
  return state;
}

const request = () => ({ headers: {}, body: {} });

const emptyAgent = (id) => ({ id, request: request(), mode: "all", hidden: false, permissions: [] });

const emptyProvider = (id) => ({ id, name: id, api: { type: "native", settings: {} }, request: request() });

const emptyModel = (providerID, id) => ({
  id,
  providerID,
  name: id,
  api: { id, type: "native", settings: {} },
  capabilities: { tools: false, input: [], output: [] },
  request: request(),
  variants: [],
  time: { released: 0 },
  cost: [],
  status: "active",
  enabled: true,
  limit: { context: 0, output: 0 },
});

const open = { agent, catalog, command, integration, reference, skill };

function agent(state) {
  const choose = (id) => {
    state.default = id;
  };
  return { draft: { ...records(state.agents, "id", emptyAgent), default: choose }, close: () => state };
}

function command(commands) {
  const draft = records(commands, "name", (name) => ({ name, template: "" }));
  return { draft, close: () => commands };
}

function skill(sources) {
  const source = (added) => {
    const same = JSON.stringify(added);
    if (!sources.some((known) => JSON.stringify(known) === same)) sources.push(added);
  };
  return { draft: { source, list: () => [...sources] }, close: () => sources };
}

function reference(list) {
  const references = new Map(list);
  const draft = {
    add: (name, source) => void references.set(name, source),
    remove: (name) => void references.delete(name),
    list: () => [...references],
  };
  return { draft, close: () => [...references] };
}

function catalog(state) {
  const providers = new Map();
  for (const { provider, models } of state.providers) {
    providers.set(provider.id, { provider, models: new Map(models.map((model) => [model.id, model])) });
  }
  const record = (id) => {
    if (!providers.has(id)) providers.set(id, { provider: emptyProvider(id), models: new Map() });
    return providers.get(id);
  };
  const provider = {
    list: () => [...providers.values()],
    get: (id) => providers.get(id),
    update: (id, change) => {
      const { provider } = record(id);
      change(provider);
      provider.id = id;
      moveAddress(provider);
    },
    remove: (id) => void providers.delete(id),
  };
  const model = {
    get: (providerID, id) => providers.get(providerID)?.models.get(id),
    update: (providerID, id, change) => {
      const { models } = record(providerID);
      const model = models.get(id) ?? emptyModel(providerID, id);
      models.set(id, model);
      change(model);
      Object.assign(model, { id, providerID });
      moveAddress(model);
    },
    remove: (providerID, id) => void providers.get(providerID)?.models.delete(id),
    default: {
      get: () => state.default,
      set: (providerID, modelID) => {
        state.default = { providerID, modelID };
      },
    },
  };
  const close = () => {
    const list = [...providers.values()].map(({ provider, models }) => ({ provider, models: [...models.values()] }));
    return { ...state, providers: list };
  };
  return { draft: { provider, model }, close };
}

// An address among the settings of a request is that of the interface.
function moveAddress(item) {
  if (typeof item.request?.body?.baseURL !== "string") return;
  item.api.url = item.request.body.baseURL;
  delete item.request.body.baseURL;
}

function integration(state) {
  const integrations = records(state.integrations, "id", (id) => ({ id, name: id }));
  const registrations = [];
  const methodsOf = (id) => (state.methods[id] ??= []);
  const isSame = (one) => (other) => one.type === other.type && (one.type !== "oauth" || one.id === other.id);
  const method = {
    list: (id) => [...(state.methods[id] ?? [])],
    update: (registration) => {
      const { integrationID, method } = registration;
      registrations.push(registration);
      integrations.update(integrationID, () => {});
      const methods = methodsOf(integrationID);
      const at = methods.findIndex(isSame(method));
      if (at < 0) methods.push(method);
      else methods[at] = method;
    },
    remove: (integrationID, method) => {
      state.methods[integrationID] = methodsOf(integrationID).filter((known) => !isSame(method)(known));
    },
  };
  const remove = (id) => {
    integrations.remove(id);
    delete state.methods[id];
  };
  return { draft: { ...integrations, remove, method }, close: () => state, methods: registrations };
}

// A list of objects that `key` names; what is not there yet is made when it is updated.
function records(list, key, empty) {
  const at = (id) => list.findIndex((item) => item[key] === id);
  return {
    list: () => [...list],
    get: (id) => list[at(id)],
    update: (id, change) => {
      if (at(id) < 0) list.push(empty(id));
      const item = list[at(id)];
      change(item);
      item[key] = id;
    },
    remove: (id) => {
      if (at(id) >= 0) list.splice(at(id), 1);
    },
  };
}
