// The coming and going of plugins and of what they register.
import { offer } from "./offer.mjs";
import { failed, inside, plugins } from "./registry.mjs";
import { within } from "./time.mjs";
import { messageOf, tell } from "./wire.mjs";

let isStarted = false;

// Starts a plugin; one that fails is told of and leaves nothing behind.
export async function add(plugin, what, limit, start) {
  plugins.push(plugin);
  try {
    await within(limit, Promise.resolve(inside(plugin, start)));
    changed("tool");
  } catch (error) {
    console.error(error);
    await remove(plugin).catch(() => {});
    failed(plugin.id, `${what}: ${messageOf(error)}`);
  }
}

export async function remove(plugin) {
  const at = plugins.indexOf(plugin);
  if (at < 0) return;
  plugins.splice(at, 1);
  const kinds = new Set([...plugin.registrations].map((entry) => entry.kind));
  if (plugin.tools.size > 0) kinds.add("tool");
  plugin.registrations.clear();
  for (const kind of kinds) changed(kind);
  await inside(plugin, () => plugin.hooks.dispose?.());
}

// Registers `entry` (`{kind, …}`) for a plugin until it is disposed of, or the plugin goes.
export function register(plugin, entry) {
  plugin.registrations.add(entry);
  changed(entry.kind);
  return {
    dispose: async () => {
      if (plugin.registrations.delete(entry)) changed(entry.kind);
    },
  };
}

// Tells what there is now; once all have started, also what is no longer as it was.
export function changed(kind) {
  const now = offer();
  if (isStarted) tell("offer", { ...now, changed: kind });
}

export function started() {
  isStarted = true;
  tell("offer", offer());
}
