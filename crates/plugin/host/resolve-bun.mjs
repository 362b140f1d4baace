// Loading for Bun: lends the packages that come with `@opencode-ai/plugin` to files that cannot find them. Given to
// Bun as `--preload`. Bun tells nobody of packages that it looks for, but it looks at last for files where `NODE_PATH`
// says: there are empty ones by their names, which become what they stand for when they are loaded.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { installed, VERSION } from "./install.mjs";

const NAMES = [
  "@opencode-ai/plugin",
  "@opencode-ai/plugin/tool",
  "@opencode-ai/plugin/tui",
  "@opencode-ai/plugin/v2/effect",
  "@opencode-ai/plugin/v2/promise",
  "@opencode-ai/sdk",
  "@opencode-ai/sdk/client",
  "@opencode-ai/sdk/server",
  "@opencode-ai/sdk/v2",
  "effect",
  "zod",
  "zod/mini",
  "zod/v3",
  "zod/v4",
];
const SHELF = process.env.NODE_PATH;

if (SHELF) {
  // It was for this program, not for those that plugins start.
  delete process.env.NODE_PATH;
  for (const name of NAMES) {
    const path = join(SHELF, `${name}.js`);
    if (existsSync(path)) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }
  const place = SHELF.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  Bun.plugin({
    name: "opencode-lent",
    setup(build) {
      build.onLoad({ filter: new RegExp(`^${place}[\\\\/].*\\.js$`) }, ({ path }) => {
        const name = relative(SHELF, path).replaceAll("\\", "/").replace(/\.js$/, "");
        const real = JSON.stringify(Bun.resolveSync(name, installed("@opencode-ai/plugin", VERSION)));
        const contents = `import * as all from ${real};\nexport * from ${real};\nexport default all.default;\n`;
        return { contents, loader: "js" };
      });
    },
  });
}
