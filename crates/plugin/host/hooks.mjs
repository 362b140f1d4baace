// Hooks: each plugin that has one is asked after the other, and changes the same object.
import { failed, inside, plugins, registered } from "./registry.mjs";

const DISPOSE_LIMIT = 4000;

export async function call({ hook, input, output }) {
  for (const plugin of [...plugins]) {
    if (typeof plugin.hooks[hook] === "function") {
      await inside(plugin, () => plugin.hooks[hook](input, output));
    }
  }
  return output;
}

export async function configure({ config }) {
  for (const plugin of [...plugins]) {
    try {
      await inside(plugin, () => plugin.hooks.config?.(config));
    } catch (error) {
      failed(plugin.id, error);
    }
  }
  return config;
}

export function event({ event }) {
  for (const plugin of [...plugins]) {
    quietly(plugin, () => plugin.hooks.event?.({ event }));
  }
  for (const { plugin, type, callback } of registered("event")) {
    if (type === event.type) quietly(plugin, () => callback(event));
  }
}

export async function dispose() {
  const all = plugins.map(async (plugin) => {
    try {
      await inside(plugin, () => plugin.hooks.dispose?.());
    } catch (error) {
      console.error(plugin.id, error);
    }
  });
  await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, DISPOSE_LIMIT))]);
}

async function quietly(plugin, work) {
  try {
    await inside(plugin, work);
  } catch (error) {
    console.error(plugin.id, error);
  }
}
