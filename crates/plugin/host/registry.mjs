// The plugins that are loaded, in order, and what each of them has registered. Tool files stand before them, as
// plugins that have nothing but tools.
import { AsyncLocalStorage } from "node:async_hooks";
import { messageOf, tell } from "./wire.mjs";

const current = new AsyncLocalStorage();

export const plugins = [];

export class Plugin {
  constructor(id, file) {
    this.id = id;
    this.file = file;
    this.hooks = {};
    this.tools = new Map();
    this.registrations = new Set();
  }
}

// What runs in `work`, also later, belongs to the plugin.
export function inside(plugin, work) {
  return current.run(plugin, work);
}

export function owner() {
  const plugin = current.getStore();
  if (!plugin) throw new Error("only what a plugin runs can register something");
  return plugin;
}

export function failed(plugin, error) {
  tell("failed", { plugin, message: messageOf(error) });
}

export function registered(kind) {
  return plugins.flatMap((plugin) => {
    const entries = [...plugin.registrations].filter((entry) => entry.kind === kind);
    return entries.map((entry) => ({ plugin, ...entry }));
  });
}

// Tools by name, in order; of several of one name the last counts.
export function tools() {
  const all = new Map();
  for (const plugin of plugins) {
    for (const [name, tool] of plugin.tools) all.set(name, { plugin, ...tool });
    for (const entry of plugin.registrations) {
      if (entry.kind === "tool") all.set(entry.name, { plugin, ...entry });
    }
  }
  return all;
}
