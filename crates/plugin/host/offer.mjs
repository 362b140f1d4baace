// What all plugins together have to offer now.
import { plugins, tools } from "./registry.mjs";

export function offer() {
  const hooks = new Set();
  for (const plugin of plugins) {
    for (const [name, hook] of Object.entries(plugin.hooks)) {
      if (typeof hook === "function") hooks.add(name);
    }
  }
  const kinds = new Set(plugins.flatMap((plugin) => [...plugin.registrations].map((entry) => entry.kind)));
  if (kinds.has("event")) hooks.add("event");
  const shown = [...tools()].map(([name, { definition, parameters }]) => {
    return { name, description: String(definition.description ?? ""), parameters };
  });
  const loaded = new Set(plugins.filter((plugin) => !plugin.isToolFile).map((plugin) => plugin.id));
  return {
    plugins: [...loaded],
    hooks: [...hooks],
    tools: shown,
    drafts: [...kinds],
    logins: logins(),
    listers: listers(),
  };
}

// Of several plugins for one provider the last counts.
function logins() {
  const all = new Map();
  for (const { id, hooks } of plugins) {
    if (typeof hooks.auth?.provider !== "string") continue;
    const methods = (hooks.auth.methods ?? []).map(({ type, label, prompts, authorize }) => {
      const shown = { type: String(type), label: String(label ?? ""), prompts: [...(prompts ?? [])] };
      return { ...shown, authorizes: typeof authorize === "function" };
    });
    const { provider, loader } = hooks.auth;
    all.set(provider, { plugin: id, provider, methods, loads: typeof loader === "function" });
  }
  return [...all.values()];
}

function listers() {
  const hooks = plugins.map((plugin) => plugin.hooks.provider);
  const listing = hooks.filter((hook) => typeof hook?.models === "function");
  return listing.map((hook) => String(hook.id));
}
