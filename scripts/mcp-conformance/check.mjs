// Runs the client scenarios of the suite one after the other, because all of them may want the same port:
//   node check.mjs BINARY FOLDER-OF-THE-SUITE [SCENARIO …]
// Prints a row for each, with what the reference program gives. Ends with 1 when one that should pass does not.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [binary, suite, ...wanted] = process.argv.slice(2);
const { scenarios } = JSON.parse(readFileSync(join(here, "expected.json"), "utf8"));
const index = join(suite, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const env = { ...process.env, OPENCODE_BINARY: resolve(binary) };

const listed = spawnSync(process.execPath, [index, "list", "--client"], { encoding: "utf8" }).stdout;
const all = listed.slice(listed.indexOf("Client scenarios")).matchAll(/^ {2}- (\S+)/gm);
const unknown = [...all].map(([, name]) => name).filter((name) => !(name in scenarios));
if (unknown.length > 0) {
  console.error(`expected.json does not know: ${unknown.join(", ")}`);
  process.exit(1);
}

/** The checks that a run left in a folder. */
const checks = (folder) => {
  const file = readdirSync(folder, { recursive: true }).find((name) => name.endsWith("checks.json"));
  return file ? JSON.parse(readFileSync(join(folder, file), "utf8")) : [];
};

let failed = 0;
for (const [name, { reference, reason }] of Object.entries(scenarios)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  if (reason) {
    console.log(`left out  ${name}: ${reason}`);
    continue;
  }
  const folder = mkdtempSync(join(tmpdir(), "opencode-conformance-"));
  // The suite splits the command at spaces and appends the address.
  const command = `${process.execPath} ${join(here, "client.mjs")}`;
  const words = [index, "client", "--command", command, "--scenario", name, "--timeout", "90000", "-o", folder];
  const run = spawnSync(process.execPath, words, { encoding: "utf8", env, timeout: 120_000 });
  const found = checks(folder);
  rmSync(folder, { recursive: true, force: true });
  const count = (status) => found.filter((check) => check.status === status);
  const [good, bad, odd] = ["SUCCESS", "FAILURE", "WARNING"].map(count);
  const passes = run.status === 0 && good.length > 0 && bad.length + odd.length === 0;
  const result = `${good.length}/${good.length + bad.length + odd.length}`;
  console.log(`${passes ? "pass    " : "FAIL    "}  ${name}  ${result}  (reference: ${reference})`);
  if (passes) continue;
  failed += 1;
  for (const check of [...bad, ...odd]) console.log(`            ${check.id}: ${check.errorMessage ?? check.description}`);
  console.log(`${run.stdout}${run.stderr}`.trim().split("\n").slice(-60).map((line) => `            | ${line}`).join("\n"));
}
process.exit(failed > 0 ? 1 : 0);
