// Loading for Node: TypeScript, imports without extensions, JSON and texts, and what files expect of Bun. Given to
// Node as `--import`; the same file is then the loader, in a thread of its own.

import { readFile } from "node:fs/promises";
import nodeModule, { createRequire, register } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";
import { installed, VERSION } from "./install.mjs";
import { LENT, nameOf } from "./lent.mjs";

const HERE = new URL("./", import.meta.url).href;
const STRIPPER = ["amaro", "1.1.10"];
const EXTENSIONS = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".json"];
const TYPED = new Set([".ts", ".mts", ".cts"]);
const TEXTS = new Set([".txt", ".md"]);
const AS_TEXT = "opencode-text";
const NOT_THERE = new Set(["ERR_MODULE_NOT_FOUND", "ERR_UNSUPPORTED_DIR_IMPORT", "MODULE_NOT_FOUND"]);

if (isMainThread) register(import.meta.url);

export async function resolve(specifier, context, next) {
  if (specifier === "bun") return { url: new URL("./bun.mjs", import.meta.url).href, shortCircuit: true };
  if (specifier.startsWith("bun:")) {
    throw new Error(`${specifier} is only there when plugins are run by Bun: install it (https://bun.sh)`);
  }
  const attributes = context.importAttributes ?? context.importAssertions;
  if (attributes?.type === "text") {
    const found = await resolve(specifier, { ...context, importAttributes: {}, importAssertions: {} }, next);
    const url = new URL(found.url);
    url.searchParams.set(AS_TEXT, "1");
    return { ...found, url: url.href, importAttributes: {}, importAssertions: {} };
  }
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!NOT_THERE.has(error?.code)) throw error;
    if (/^(\.{0,2}\/|\.{1,2}$|file:)/.test(specifier)) return await nearby(specifier, context, next, error);
    if (!LENT.has(nameOf(specifier))) throw error;
    const folder = installed("@opencode-ai/plugin", VERSION);
    return next(specifier, { ...context, parentURL: pathToFileURL(join(folder, "package.json")).href });
  }
}

/** A file that is named without its extension, by its folder, or by the JavaScript that would be made of it. */
async function nearby(specifier, context, next, error) {
  const bare = specifier.replace(/\/$/, "");
  const candidates = [
    ...EXTENSIONS.map((extension) => bare + extension),
    ...EXTENSIONS.map((extension) => `${bare}/index${extension}`),
  ];
  if (/\.[mc]?js$/.test(bare)) candidates.unshift(bare.replace(/js$/, "ts"));
  for (const candidate of candidates) {
    try {
      return await next(candidate, context);
    } catch (other) {
      if (!NOT_THERE.has(other?.code)) throw other;
    }
  }
  throw error;
}

export async function load(url, context, next) {
  if (!url.startsWith("file:")) return next(url, context);
  const path = fileURLToPath(url);
  const extension = extname(path);
  const read = () => readFile(path, "utf8");
  if (extension === ".tsx" || extension === ".jsx") {
    throw new Error(`${path} has JSX in it, which needs Bun: install it (https://bun.sh)`);
  }
  if (TEXTS.has(extension) || new URL(url).searchParams.has(AS_TEXT)) return asValue(JSON.stringify(await read()));
  if (extension === ".json" && (context.importAttributes ?? context.importAssertions)?.type !== "json") {
    return asValue(JSON.stringify(JSON.parse(await read())));
  }
  if (TYPED.has(extension)) {
    const source = await read();
    const code = withoutUnused(await withoutTypes(source, path));
    if (extension === ".cts" || !isModule(code)) return { format: "commonjs", source: code, shortCircuit: true };
    return { format: "module", source: withBun(code, path), shortCircuit: true };
  }
  if (!/\.m?js$/.test(extension) || url.startsWith(HERE)) return next(url, context);
  const source = await read();
  const isPackaged = path.includes("/node_modules/");
  if (extension === ".js" && context.format !== "module" && (isPackaged || !isModule(source))) return next(url, context);
  const isAware = isPackaged && /\btypeof Bun\b(?!\.)|\bglobalThis\.Bun\b|\bversions\??\.bun\b/.test(source);
  return isAware ? next(url, context) : { format: "module", source: withBun(source, path), shortCircuit: true };
}

function asValue(json) {
  return { format: "module", source: `export default ${json};`, shortCircuit: true };
}

function isModule(code) {
  return /^\s*(?:import\b(?!\s*\()|export\b)/m.test(code) || /\bimport\.meta\b/.test(code) || /^\s*await\b/m.test(code);
}

let strip;

/** JavaScript of TypeScript, with enums and parameter properties; Node's own transformer where Node has one. */
async function withoutTypes(source, path) {
  try {
    strip ??= stripper();
    return strip(source);
  } catch (error) {
    throw new SyntaxError(`${path}: ${error?.message ?? error}`, { cause: error });
  }
}

function stripper() {
  const mode = "transform";
  if (nodeModule.stripTypeScriptTypes) return (source) => nodeModule.stripTypeScriptTypes(source, { mode });
  const require = createRequire(join(installed(...STRIPPER), "package.json"));
  const { transformSync } = require(STRIPPER[0]);
  return (source) => transformSync(source, { mode, sourceMap: false }).code;
}

/** Imports of types are often written as those of values; what nothing uses is left out, as Bun does it. */
export function withoutUnused(code) {
  const statement = /\s*(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/|import\s+(?:([\w$]+)\s*,\s*)?\{([^}]*)\}\s*from\s*("[^"\n]*"|'[^'\n]*');?|import\b[^;]*?(?:"[^"\n]*"|'[^'\n]*')[^;\n]*;?)/y;
  const statements = [];
  let end = 0;
  for (let found = statement.exec(code); found; found = statement.exec(code)) {
    statements.push(found);
    end = statement.lastIndex;
  }
  const rest = code.slice(end);
  // Comments in lines of their own use nothing.
  const spoken = rest.replace(/^[ \t]*(?:\/\/|\*(?!.*\$\{)|\/\*(?!.*\*\/\s*\S)).*$/gm, "");
  const isUsed = (name) => new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`).test(spoken);
  const kept = statements.map(([whole, standard, names, from]) => {
    if (names === undefined) return whole;
    const all = names.split(",").map((name) => name.trim()).filter(Boolean);
    const used = all.filter((name) => isUsed(name.split(/\s+as\s+/).at(-1)));
    if (used.length === all.length) return whole;
    const clauses = [standard && isUsed(standard) ? standard : "", used.length > 0 ? `{ ${used.join(", ")} }` : ""];
    const clause = clauses.filter(Boolean).join(", ");
    const lines = "\n".repeat(whole.split("\n").length - 1);
    return clause ? `${lines}import ${clause} from ${from};` : lines;
  });
  return kept.join("") + rest;
}

/** What files find in Bun without importing it, in their first line. Packages that ask where they are find Node. */
function withBun(code, path) {
  const source = code.startsWith("#!") ? `//${code}` : code;
  const parts = [];
  const lend = (name, value) => {
    const isUsed = new RegExp(`(?<![\\w$.])${name}\\b`).test(source);
    const declaration = `(?:const|let|var|function|class|import)\\s*(?:\\s${name}\\b|[{[][^}\\]]*\\b${name}\\b)`;
    const isDeclared = new RegExp(`\\b${declaration}`).test(source);
    if (isUsed && !isDeclared) parts.push(`const ${name} = ${value};`);
  };
  const folder = dirname(path);
  if (/\bimport\.meta\.(?:dir|file|path|require)\b/.test(source)) {
    const facts = JSON.stringify({ dir: folder, file: path.slice(folder.length + 1), path });
    parts.push(`Object.assign(import.meta, ${facts}, { require: __createRequire(import.meta.url) });`);
  }
  lend("Bun", "__Bun");
  lend("__dirname", JSON.stringify(folder));
  lend("__filename", JSON.stringify(path));
  lend("require", "__createRequire(import.meta.url)");
  const first = parts.join(" ");
  const imports = [
    first.includes("__createRequire(") ? 'import { createRequire as __createRequire } from "node:module"; ' : "",
    first.includes("= __Bun;") ? `import __Bun from ${JSON.stringify(new URL("bun.mjs", HERE).href)}; ` : "",
  ];
  return imports.join("") + first + source;
}
