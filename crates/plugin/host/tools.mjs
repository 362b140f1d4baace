// Tools of files and plugins: what a model is told of them, and their calls.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { inside, tools } from "./registry.mjs";
import { ask, tell } from "./wire.mjs";

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

export function isTool(value) {
  return typeof value === "object" && value !== null && typeof value.execute === "function" && "description" in value;
}

// `{definition, parameters}` of a tool that `file` defines.
export async function describe(definition, file) {
  return { definition, parameters: await parametersOf(definition.args ?? {}, file) };
}

export async function run({ tool: name, arguments: values, call }, { id, signal }) {
  const tool = tools().get(name);
  if (!tool) throw new Error(`There is no tool ${name}`);
  const context = {
    ...call,
    abort: signal,
    extra: {},
    metadata: ({ title, metadata } = {}) => tell("metadata", { call: id, title, metadata }),
    ask: async (question) => void (await ask("ask", { call: id, question })),
  };
  const result = await inside(tool.plugin, () => tool.definition.execute(values, context));
  if (typeof result === "string") return { output: result };
  if (typeof result !== "object" || result === null) throw new Error(`The tool ${name} gave no text`);
  const { title, output, metadata, attachments } = result;
  return { title, output: typeof output === "string" ? output : String(output ?? ""), metadata, attachments };
}

async function parametersOf(shape, file) {
  const values = Object.values(shape);
  const zod = values.some(isZod) ? await zodOf(file) : undefined;
  const convert = (value) => zod.toJSONSchema(value, { io: "input", override: describeLikeItself });
  let schema = { $schema: DRAFT, type: "object", properties: {} };
  if (zod && values.every(isZod)) {
    schema = convert(zod.object(shape));
  } else if (values.length > 0) {
    const properties = Object.entries(shape).map(([name, value]) => [name, isZod(value) ? convert(value) : value]);
    schema = { type: "object", properties: Object.fromEntries(properties), required: Object.keys(shape) };
  }
  return JSON.parse(JSON.stringify(schema));
}

// Descriptions come first. Another copy of zod keeps its own where this one does not look.
function describeLikeItself({ zodSchema, jsonSchema }) {
  const { description = zodSchema.description, ...rest } = jsonSchema;
  if (description === undefined) return;
  for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
  Object.assign(jsonSchema, { description, ...rest });
}

function isZod(value) {
  return typeof value === "object" && value !== null && "_zod" in value;
}

// The zod that a file gets: that of the package for plugins, or its own. Where neither is there, it was lent one.
async function zodOf(file) {
  const plugin = packageFolder("@opencode-ai/plugin", file);
  const origins = [plugin && path.join(plugin, "package.json"), file].filter(Boolean);
  for (const origin of origins) {
    for (const name of ["zod", "zod/v4"]) {
      const zod = await importFrom(origin, name);
      if (zod) return zod;
    }
  }
  const { tool } = await import("@opencode-ai/plugin/tool");
  return tool.schema;
}

async function importFrom(origin, name) {
  try {
    const module = await import(pathToFileURL(createRequire(fs.realpathSync(origin)).resolve(name)).href);
    return [module, module.z, module.default].find((zod) => typeof zod?.toJSONSchema === "function");
  } catch {
    return undefined;
  }
}

function packageFolder(name, file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "node_modules", name);
    if (fs.existsSync(path.join(candidate, "package.json"))) return fs.realpathSync(candidate);
    if (folder === path.dirname(folder)) return undefined;
  }
}
