// What files of plugins may be written in. Loads those of the folder beside it; `plugin` and `zod` in the cache are
// stand-ins of the test's.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const isBun = Boolean(process.versions.bun);
const write = (name, text) => {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const load = (name) => import(pathToFileURL(join(folder, name)).href);

write("types.ts", "export interface Shape { a: number }; export const value: number = 3;");
write("lib/index.ts", "export const inLib: string = 'lib';");
write("data.json", '{ "x": 1 }');
write("note.txt", "a note");
write("note.html", "<p>");
write("common.js", 'module.exports = { common: require("./data.json").x };');
write("typed.ts", `
// Types are often imported as if they were values.
import { Shape } from "./types"
import { type Shape as Other, value } from "./types.js";
import { inLib } from "./lib"
import data from "./data.json"
import again from "./data.json" with { type: "json" }
import note from "./note.txt"
import page from "./note.html" with { type: "text" }
import common from "./common"
/**
 * A Shape of sorts.
 */
// Shape, too.
enum Colour { Red = 1, Green }
namespace Inner { export const deep = 1 }
class Point { constructor(private readonly x: number) {} get double(): number { return this.x * 2 } }
const required = require("node:path") as typeof import("node:path")
const shape = { a: value } satisfies Shape as Other
export default {
  shape, inLib, data, again, note, page, common, colour: Colour[2], deep: Inner.deep, point: new Point(4).double,
  joined: required.join("a", "b"), dir: import.meta.dir, path: import.meta.path, file: import.meta.file, bun: typeof Bun.version,
}
`);
assert.deepEqual((await load("typed.ts")).default, {
  shape: { a: 3 },
  inLib: "lib",
  data: { x: 1 },
  again: { x: 1 },
  note: "a note",
  page: "<p>",
  common: { common: 1 },
  colour: "Green",
  deep: 1,
  point: 8,
  joined: "a/b",
  dir: folder,
  path: join(folder, "typed.ts"),
  file: "typed.ts",
  bun: "string",
});

write("plain.js", `#!/usr/bin/env bun
import { $ } from "bun"
const { x } = require("./data.json")
export default [x, __dirname, __filename, await $\`echo hi\`.text()]`);
assert.deepEqual((await load("plain.js")).default, [1, folder, join(folder, "plain.js"), "hi\n"]);
assert.deepEqual((await load("common.js")).default, { common: 1 });

// What a file declares itself stays its own.
write("declared.js", `import { createRequire } from "node:module"
const require = createRequire(import.meta.url)
const { __dirname, other } = { __dirname: "mine", other: 1 }
export default [require("./data.json").x, __dirname, other]`);
assert.deepEqual((await load("declared.js")).default, [1, "mine", 1]);

// A text that looks like an import stays as it is.
write("text.ts", 'const example = `\nimport { Nothing } from "nowhere"\n`\nexport default example');
assert.equal((await load("text.ts")).default, '\nimport { Nothing } from "nowhere"\n');

// Packages that ask where they are find Node; those that do not find what they were written for.
const packaged = (name, text) => {
  write(`node_modules/${name}/package.json`, JSON.stringify({ name, type: "module", exports: "./index.js" }));
  write(`node_modules/${name}/index.js`, text);
};
packaged("careful", 'export default typeof Bun === "undefined" ? "node" : "bun"');
packaged("sure", "export default typeof Bun.file");
write("packages.ts", 'import careful from "careful"; import sure from "sure"; export default [careful, sure]');
assert.deepEqual((await load("packages.ts")).default, [isBun ? "bun" : "node", "function"]);

// Packages that are lent, and those that a folder has itself.
write("lent.ts", `import { tool, type Plugin } from "@opencode-ai/plugin"
import { tool as again } from "@opencode-ai/plugin/tool"
import z from "zod"
export default [tool, again, z]`);
assert.deepEqual((await load("lent.ts")).default, ["lent tool", "lent tool", "lent zod"]);
write("own/node_modules/zod/package.json", '{ "name": "zod", "type": "module", "exports": "./index.js" }');
write("own/node_modules/zod/index.js", 'export default "own zod"');
write("own/own.js", 'import z from "zod"; export default z');
assert.equal((await load("own/own.js")).default, "own zod");

// What cannot be loaded says why.
write("gone.ts", 'import x from "./gone-too"; export default x');
await assert.rejects(load("gone.ts"), /gone-too/);
write("wrong.ts", "export default = 1");
await assert.rejects(load("wrong.ts"));
write("unknown.ts", 'import x from "no-such-package"; export default x');
await assert.rejects(load("unknown.ts"), /no-such-package/);
if (!isBun) {
  await assert.rejects(load("wrong.ts"), /wrong\.ts: .*xpression/);
  write("face.tsx", "export default <p/>");
  await assert.rejects(load("face.tsx"), /face\.tsx has JSX in it, which needs Bun/);
  write("sqlite.ts", 'import { Database } from "bun:sqlite"; export default Database');
  await assert.rejects(load("sqlite.ts"), /bun:sqlite is only there/);
}
