// Packages that come with `@opencode-ai/plugin` and are lent to files from which they cannot be found.

export const LENT = new Set(["@opencode-ai/plugin", "@opencode-ai/sdk", "effect", "zod"]);

/** The name of the package in what an import asks for. */
export function nameOf(specifier) {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
