// The plugins that are loaded, in order, and what each of them has registered. Tool files stand before them, as
// plugins that have nothing but tools.
import { AsyncLocalStorage } from "node:async_hooks"
import { within } from "./time.mjs"
import { messageOf, tell } from "./wire.mjs"

const current = new AsyncLocalStorage()
let isStarted = false

export const plugins = []

export class Plugin {
  constructor(id, file) {
    this.id = id
    this.file = file
    this.hooks = {}
    this.tools = new Map()
    this.registrations = new Set()
  }
}

// What runs in `work`, also later, belongs to the plugin.
export function inside(plugin, work) {
  return current.run(plugin, work)
}

export function owner() {
  const plugin = current.getStore()
  if (!plugin) throw new Error("only what a plugin runs can register something")
  return plugin
}

export function failed(plugin, error) {
  tell("failed", { plugin, message: messageOf(error) })
}

// Starts a plugin; one that fails is told of and leaves nothing behind.
export async function add(plugin, what, limit, start) {
  plugins.push(plugin)
  try {
    await within(limit, Promise.resolve(inside(plugin, start)))
    changed("tool")
  } catch (error) {
    console.error(error)
    await remove(plugin).catch(() => {})
    failed(plugin.id, `${what}: ${messageOf(error)}`)
  }
}

export async function remove(plugin) {
  const at = plugins.indexOf(plugin)
  if (at < 0) return
  plugins.splice(at, 1)
  const kinds = new Set([...plugin.registrations].map((entry) => entry.kind))
  if (plugin.tools.size > 0) kinds.add("tool")
  plugin.registrations.clear()
  for (const kind of kinds) changed(kind)
  await inside(plugin, () => plugin.hooks.dispose?.())
}

// Registers `entry` (`{kind, …}`) for a plugin until it is disposed of, or the plugin goes.
export function register(plugin, entry) {
  plugin.registrations.add(entry)
  changed(entry.kind)
  return {
    dispose: async () => {
      if (plugin.registrations.delete(entry)) changed(entry.kind)
    },
  }
}

export function registered(kind) {
  return plugins.flatMap((plugin) => {
    const entries = [...plugin.registrations].filter((entry) => entry.kind === kind)
    return entries.map((entry) => ({ plugin, ...entry }))
  })
}

// Tools by name, in order; of several of one name the last counts.
export function tools() {
  const all = new Map()
  for (const plugin of plugins) {
    for (const [name, tool] of plugin.tools) all.set(name, { plugin, ...tool })
    for (const entry of plugin.registrations) {
      if (entry.kind === "tool") all.set(entry.name, { plugin, ...entry })
    }
  }
  return all
}

// Tells what there is now; once all have started, also what is no longer as it was.
export function changed(kind) {
  if (isStarted) tell("offer", { ...offer(), changed: kind })
}

export function started() {
  isStarted = true
  tell("offer", offer())
}

function offer() {
  const hooks = new Set()
  for (const plugin of plugins) {
    for (const [name, hook] of Object.entries(plugin.hooks)) {
      if (typeof hook === "function") hooks.add(name)
    }
  }
  const kinds = new Set(plugins.flatMap((plugin) => [...plugin.registrations].map((entry) => entry.kind)))
  if (kinds.has("event")) hooks.add("event")
  const shown = [...tools()].map(([name, { definition, parameters }]) => {
    return { name, description: String(definition.description ?? ""), parameters }
  })
  return { hooks: [...hooks], tools: shown, drafts: [...kinds] }
}
