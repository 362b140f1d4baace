// Loading: all modules are imported at the same time, then their plugins start one after the other.
import path from "node:path";
import { pathToFileURL } from "node:url";
import { setUp } from "./context.mjs";
import { add, started } from "./lifecycle.mjs";
import { Plugin, failed, plugins } from "./registry.mjs";
import { within } from "./time.mjs";
import { describe, isTool } from "./tools.mjs";
import { messageOf } from "./wire.mjs";

// Milliseconds that a plugin gets although others took all the time that there was.
const MOMENT = 250;

export async function load({ plugins: entries, tools: files, limit }, input) {
  const deadline = Date.now() + limit;
  const left = () => Math.max(deadline - Date.now(), MOMENT);
  const importing = (file) => within(left(), import(pathToFileURL(file).href));
  const [toolModules, pluginModules] = await Promise.all([
    Promise.allSettled(files.map(importing)),
    Promise.allSettled(entries.map((entry) => importing(entry.entry))),
  ]);
  for (const [at, file] of files.entries()) {
    await loading(file, `Failed to load tool ${file}`, toolModules[at], (module) => addToolFile(file, module));
  }
  for (const [at, entry] of entries.entries()) {
    const what = `Failed to load plugin ${entry.spec}`;
    await loading(entry.id, what, pluginModules[at], async (module) => {
      for (const { id, start } of startsOf(module, entry)) {
        const plugin = new Plugin(id, entry.entry);
        await add(plugin, what, left(), () => start(plugin, input));
      }
    });
  }
  started();
}

async function loading(id, what, outcome, work) {
  try {
    if (outcome.status === "rejected") throw outcome.reason;
    await work(outcome.value);
  } catch (error) {
    console.error(error);
    failed(id, `${what}: ${messageOf(error)}`);
  }
}

async function addToolFile(file, module) {
  const plugin = new Plugin(file, file);
  plugin.isToolFile = true;
  const base = path.basename(file, path.extname(file));
  for (const [name, value] of Object.entries(module)) {
    if (!isTool(value) || !("args" in value)) continue;
    plugin.tools.set(name === "default" ? base : `${base}_${name}`, await describe(value, file));
  }
  plugins.push(plugin);
}

// What a module wants to be started: one plugin in the newer forms, every function that it exports in the older one.
function startsOf(module, entry) {
  const main = module.default;
  if (typeof main === "object" && main !== null) {
    const start = startOf(main, entry);
    const id = main.id ?? (entry.package ? entry.id : undefined);
    if (start && id === undefined) throw new Error(`Path plugin ${entry.spec} must export id`);
    if (start) return [{ id, start }];
  }
  return [...new Set(Object.values(module))].map((value) => {
    const server = typeof value === "function" ? value : value?.server;
    if (typeof server !== "function") throw new Error("Plugin export is not a function");
    return { id: entry.id, start: serverStart(server, entry) };
  });
}

function startOf(main, entry) {
  if (typeof main.server === "function") return serverStart(main.server.bind(main), entry);
  if (typeof main.setup === "function") {
    return (plugin) => setUp(plugin, main.setup.bind(main), entry.options ?? {});
  }
  if (typeof main.effect === "function") throw new Error("plugins of v2/effect are not run, those of v2/promise are");
  return undefined;
}

function serverStart(server, entry) {
  return async (plugin, input) => {
    const hooks = (await server(input, entry.options ?? undefined)) ?? {};
    for (const [name, definition] of Object.entries(hooks.tool ?? {})) {
      plugin.tools.set(name, await describe(definition, entry.entry));
    }
    plugin.hooks = hooks;
  };
}
