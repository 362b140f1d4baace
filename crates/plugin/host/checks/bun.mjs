// What plugins use of `Bun`. Runs with Bun, too, which says what is right.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const own = process.versions.bun ? Bun : (await import("../bun.mjs")).default;
const folder = realpathSync(mkdtempSync(join(tmpdir(), "bun-")));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const at = (name) => join(folder, name);

// Files.
assert.equal(await own.write(at("deep/er/a.json"), '{"é": 1}'), 9);
const file = own.file(at("deep/er/a.json"));
assert.deepEqual([await file.json(), file.size, await file.exists()], [{ é: 1 }, 9, true]);
assert.match(file.type, /^application\/json/);
assert.equal(file.name, at("deep/er/a.json"));
assert.equal(await own.file(own.pathToFileURL(at("deep/er/a.json"))).text(), '{"é": 1}');
assert.equal(await own.write(own.file(at("copy")), file), 9);
assert.equal(await own.write(at("bytes"), new Uint8Array([1, 2])), 2);
assert.deepEqual([...(await own.file(at("bytes")).bytes())], [1, 2]);
assert.equal(await own.write(at("response"), new Response("r")), 1);
assert.equal(await new Response(own.file(at("copy")).stream()).text(), '{"é": 1}');
await own.file(at("copy")).delete();
assert.equal(await own.file(at("copy")).exists(), false);
await assert.rejects(own.file(at("copy")).text(), { code: "ENOENT" });
const writer = own.file(at("written")).writer();
writer.write("one ");
writer.write("two");
await writer.end();
assert.equal(await own.file(at("written")).text(), "one two");

// Programs.
const child = own.spawn(["sh", "-c", "cat; echo err >&2; exit 3"], { stdin: new Blob(["in"]), stderr: "pipe", cwd: folder });
assert.equal(await new Response(child.stdout).text(), "in");
assert.equal(await own.readableStreamToText(child.stderr), "err\n");
assert.deepEqual([await child.exited, child.exitCode], [3, 3]);
const piped = own.spawn({ cmd: ["cat"], stdin: "pipe" });
piped.stdin.write("a");
piped.stdin.write("b");
piped.stdin.end();
assert.equal(await new Response(piped.stdout).text(), "ab");
const stopped = own.spawn(["sleep", "60"]);
stopped.kill();
assert.equal(await stopped.exited, 143);
const ended = own.spawnSync(["sh", "-c", "pwd; exit 1"], { cwd: folder });
assert.deepEqual([ended.success, ended.exitCode, ended.stdout.toString()], [false, 1, `${folder}\n`]);
assert.throws(() => own.spawn(["no-such-program-here"]), { code: "ENOENT" });
assert.throws(() => own.spawnSync(["no-such-program-here"]), { code: "ENOENT" });
assert.match(own.which("sh"), /\/sh$/);
assert.equal(own.which("no-such-program-here"), null);
assert.equal(own.which("sh", { PATH: folder }), null);

// Patterns.
for (const [pattern, inside, outside] of [
  ["*.ts", ["a.ts"], ["b/a.ts", "a.tsx", "ats"]],
  ["**/*.ts", ["a.ts", "b/c/a.ts"], ["a.js"]],
  ["b/**", ["b/a", "b/c/d"], ["a/b"]],
  ["{a,b}.{ts,js}", ["a.ts", "b.js"], ["c.ts", "a.tsx"]],
  ["[a-c]?.txt", ["b1.txt"], ["d1.txt", "b.txt"]],
  ["[!a].txt", ["b.txt"], ["a.txt"]],
  ["!*.ts", ["a.js"], ["a.ts"]],
  ["a+(b).ts", ["a+(b).ts"], ["ab.ts"]],
]) {
  const glob = new own.Glob(pattern);
  for (const path of inside) assert.ok(glob.match(path), `${path} is in ${pattern}`);
  for (const path of outside) assert.ok(!glob.match(path), `${path} is not in ${pattern}`);
}
mkdirSync(at("tree/.hidden"), { recursive: true });
for (const name of ["tree/a.ts", "tree/b/c.ts", "tree/.hidden/d.ts"]) await own.write(at(name), "");
symlinkSync(at("tree"), at("tree/b/loop"));
const glob = new own.Glob("**/*.ts");
assert.deepEqual([...glob.scanSync({ cwd: at("tree") })].sort(), ["a.ts", "b/c.ts"]);
assert.deepEqual([...glob.scanSync({ cwd: at("tree"), dot: true })].sort(), [".hidden/d.ts", "a.ts", "b/c.ts"]);
const scanned = [];
for await (const path of glob.scan({ cwd: at("tree"), absolute: true })) scanned.push(path);
assert.deepEqual(scanned.sort(), [at("tree/a.ts"), at("tree/b/c.ts")]);

// The rest.
await own.sleep(1);
assert.equal(await own.$`echo hi`.text(), "hi\n");
assert.equal(own.env, process.env);
assert.match(own.version, /^\d+\.\d+\.\d+$/);
assert.ok(own.deepEquals({ a: [1] }, { a: [1] }) && !own.deepEquals({ a: 1 }, { a: 2 }));
assert.equal(own.fileURLToPath("file:///a%20b"), "/a b");
