// Packages that loading needs, in the cache that the program keeps for plugins: used as they are when they are there,
// installed by the package manager of the runtime when they are not. Nothing is installed before somebody asks.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The release whose plugin package is lent to plugins that have none. */
export const VERSION = "1.18.33";
const LIMIT = 120_000;
const FAILED = new Map();

// Host files are in `<cache>/plugin-host/<hash>`.
const PACKAGES = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "packages");

/** The folder from which a package can be imported; it is installed if need be. Throws when it cannot be had. */
export function installed(name, version) {
  const specification = `${name}@${version}`;
  const folder = join(PACKAGES, specification);
  const wanted = join(folder, "node_modules", name, "package.json");
  if (existsSync(wanted)) return folder;
  if (!FAILED.has(specification)) {
    const failure = install(specification, folder, wanted);
    if (failure === undefined) return folder;
    FAILED.set(specification, failure);
  }
  throw new Error(`${specification} is needed, but cannot be installed: ${FAILED.get(specification)}`);
}

/** Puts a package in its place; gives the reason when that cannot be done. */
function install(specification, folder, wanted) {
  const fresh = join(PACKAGES, `.new-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    mkdirSync(fresh, { recursive: true });
    writeFileSync(join(fresh, "package.json"), '{ "private": true }\n');
    const [program, ...words] = process.versions.bun
      ? [process.execPath, "add", "--ignore-scripts", "--no-progress"]
      : ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix=."];
    const ended = spawnSync(program, [...words, specification], {
      cwd: fresh,
      encoding: "utf8",
      timeout: LIMIT,
      shell: process.platform === "win32",
    });
    if (ended.error) return ended.error.message;
    if (ended.status !== 0) return reason(ended.stderr);
    mkdirSync(dirname(folder), { recursive: true });
    try {
      // What another program left there without the package is in the way.
      if (!existsSync(wanted)) rmSync(folder, { recursive: true, force: true });
      renameSync(fresh, folder);
    } catch (error) {
      // Another program may have put the same there meanwhile: either is good.
      if (!existsSync(wanted)) return error.message;
    }
  } catch (error) {
    return error.message;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** The first thing that a package manager complains of, without numbers and names of it. */
function reason(text) {
  const complaints = [...text.matchAll(/^(?:npm (?:error|ERR!)|error:) ?(.*)$/gm)].map(([, line]) => line.trim());
  const said = complaints.find((line) => line && !/^(code|errno|syscall|address|port|path|dest) /.test(line));
  return said ?? (text.trim().split("\n").at(-1) || "the package manager failed");
}
