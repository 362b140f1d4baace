// What plugins rely on of `$`. Can be run with Bun, too, which says what is right (and does not manage all of it).

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { $ } = process.versions.bun ? Bun : { $: (await import("../shell.mjs")).shell() };
const folder = realpathSync(mkdtempSync(join(tmpdir(), "shell-")));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

// Values are words, whatever is in them.
const awkward = "a b; $(echo no) `echo no` \"q\" 'p' \\ * ~ | > & {x,y}\n$HOME";
assert.equal(await $`printf %s ${awkward}`.text(), awkward);
assert.equal(await $`printf %s "in ${awkward} quotes"`.text(), `in ${awkward} quotes`);
assert.equal(await $`printf %s a${"b c"}d`.text(), "ab cd");
assert.equal(await $`printf "%s," ${["x y", "z"]}`.text(), "x y,z,");
assert.equal(await $`printf "%s," a ${[]} b`.text(), "a,b,");
assert.equal(await $`printf "%s," ${5} ${true}`.text(), "5,true,");
assert.equal(await $`${{ raw: "printf '%s,' a b" }}`.text(), "a,b,");
assert.equal(await $`echo "$(printf %s ${"x  y"})"`.text(), "x  y\n");
assert.equal(await $`echo ${"a\\nb"}`.text(), "a\\nb\n");
assert.throws(() => void $`echo ${{ a: 1 }}`, /object/i);

// It is a shell.
assert.equal(await $`printf "b\na\n" | sort && true || echo no; echo end`.text(), "a\nb\nend\n");
assert.equal(await $`X=1 sh -c 'echo $X'`.text(), "1\n");
assert.equal(await $`echo {a,b}.x`.text(), "a.x b.x\n");
writeFileSync(join(folder, "one.txt"), "1\n");
writeFileSync(join(folder, "two.txt"), "2\n");
assert.equal(await $`ls *.txt | sort`.cwd(folder).text(), "one.txt\ntwo.txt\n");
assert.equal(await $`cd ${folder} && pwd`.text(), `${folder}\n`);
assert.equal(await $`echo $ONE`.env({ ...process.env, ONE: "1" }).text(), "1\n");

// Redirections from and to buffers and files.
assert.equal(await $`cat < ${Buffer.from("from a buffer")}`.text(), "from a buffer");
assert.equal(await $`cat < ${new Response("from a response")} | tr a-z A-Z`.text(), "FROM A RESPONSE");
const room = Buffer.alloc(8);
await $`printf hello > ${room}`;
assert.equal(room.toString(), "hello\0\0\0");
const long = new Uint8Array(3);
await $`printf hello > ${long}`;
assert.deepEqual([...long], [..."hel"].map((letter) => letter.charCodeAt(0)));
await $`echo written > ${join(folder, "three.txt")}`;
assert.equal(readFileSync(join(folder, "three.txt"), "utf8"), "written\n");
const large = Buffer.alloc(1 << 20, "x");
assert.equal((await $`cat < ${large}`.arrayBuffer()).byteLength, 1 << 20);

// What comes of it.
assert.deepEqual(await $`echo '{"a": 1}'`.json(), { a: 1 });
assert.equal(await (await $`echo blob`.blob()).text(), "blob\n");
const lines = [];
for await (const line of $`printf "a\nb"`.lines()) lines.push(line);
assert.deepEqual(lines, ["a", "b"]);
const output = await $`echo out; echo err >&2`.quiet();
assert.deepEqual([output.exitCode, output.text(), output.stderr.toString()], [0, "out\n", "err\n"]);
assert.ok(Buffer.isBuffer(output.stdout) && output.bytes() instanceof Uint8Array);

// Failures.
const failure = await $`echo out; echo err >&2; exit 3`.quiet().then(assert.fail, (error) => error);
assert.ok(failure instanceof Error && failure instanceof $.ShellError);
assert.deepEqual([failure.name, failure.exitCode, failure.message], ["ShellError", 3, "Failed with exit code 3"]);
assert.deepEqual([failure.stdout.toString(), failure.stderr.toString()], ["out\n", "err\n"]);
assert.equal((await $`exit 4`.nothrow().quiet()).exitCode, 4);
assert.equal((await $`exit 5`.throws(false).quiet()).exitCode, 5);
assert.notEqual((await $`no-such-program-here`.nothrow().quiet()).exitCode, 0);
assert.ok($`true` instanceof Promise);

// A command that nobody waits for does not run.
$`touch ${join(folder, "lazy")}`.quiet();
assert.equal(await $`ls lazy`.cwd(folder).nothrow().quiet().text(), "");

// Settings of a shell of one's own.
assert.deepEqual($.braces("a{b,c{1,2}}d"), ["abd", "ac1d", "ac2d"]);
const escaped = ["ab", "a b", 'a$b`"\\x'].map((text) => $.escape(text));
assert.deepEqual(escaped, ["ab", '"a b"', '"a\\$b\\`\\"\\\\x"']);
$.nothrow();
assert.equal((await $`exit 6`.quiet()).exitCode, 6);
$.throws(true).cwd(folder);
assert.equal(await $`pwd`.text(), `${folder}\n`);
