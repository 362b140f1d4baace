// What plugins use most of the global `Bun`, for Node. What is not here is undefined, or says that it needs Bun.

import { spawn as start, spawnSync as startSync } from "node:child_process";
import { accessSync, constants, createReadStream, readdirSync, statSync } from "node:fs";
import { appendFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { delimiter, dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect, isDeepStrictEqual } from "node:util";
import { shell, ShellError } from "./shell.mjs";

/** The Bun whose interface this follows. */
export const version = "1.3.14";
export const env = process.env;
export const argv = process.argv;
export const main = process.argv[1];
export const $ = shell();
export { fileURLToPath, inspect, pathToFileURL, ShellError };

/** What a program that a signal ended is said to have ended with. */
const SIGNALLED = 143;

const TYPES = {
  ".css": "text/css;charset=utf-8",
  ".gif": "image/gif",
  ".html": "text/html;charset=utf-8",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript;charset=utf-8",
  ".json": "application/json;charset=utf-8",
  ".md": "text/markdown",
  ".mjs": "text/javascript;charset=utf-8",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript;charset=utf-8",
  ".txt": "text/plain;charset=utf-8",
  ".webp": "image/webp",
};

/** A file that is read when somebody asks for what is in it. */
class BunFile {
  constructor(path, options) {
    this.name = path instanceof URL || String(path).startsWith("file://") ? fileURLToPath(path) : String(path);
    this.type = options?.type ?? TYPES[extname(this.name).toLowerCase()] ?? "application/octet-stream";
  }

  get size() {
    return statSync(this.name, { throwIfNoEntry: false })?.size ?? 0;
  }

  get lastModified() {
    return Math.trunc(statSync(this.name, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  }

  exists() {
    return stat(this.name).then((found) => found.isFile(), () => false);
  }

  stat() {
    return stat(this.name);
  }

  text() {
    return readFile(this.name, "utf8");
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async bytes() {
    return new Uint8Array(await this.arrayBuffer());
  }

  async arrayBuffer() {
    const bytes = await readFile(this.name);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  }

  stream() {
    return Readable.toWeb(createReadStream(this.name));
  }

  write(data) {
    return write(this, data);
  }

  delete() {
    return rm(this.name);
  }

  unlink() {
    return rm(this.name);
  }

  writer() {
    let end = Promise.resolve(0);
    let isFirst = true;
    return {
      write: (piece) => {
        const put = isFirst ? writeFile : appendFile;
        isFirst = false;
        end = end.then(() => put(this.name, piece)).then(() => piece.length ?? piece.byteLength);
        return piece.length ?? piece.byteLength;
      },
      flush: () => end,
      end: () => end,
    };
  }
}

export function file(path, options) {
  return new BunFile(path, options);
}

/** Writes to a file, whose folder is made if need be; gives the number of bytes. */
export async function write(target, data) {
  const { name } = target instanceof BunFile ? target : new BunFile(target);
  const bytes = await bytesOf(data);
  await mkdir(dirname(resolve(name)), { recursive: true });
  await writeFile(name, bytes);
  return bytes.length;
}

async function bytesOf(data) {
  if (typeof data === "string") return Buffer.from(data);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (Array.isArray(data)) return Buffer.concat(await Promise.all(data.map(bytesOf)));
  if (typeof data?.arrayBuffer === "function") return Buffer.from(await data.arrayBuffer());
  throw new TypeError("Only text, bytes, a Blob, a Response or a file can be written");
}

/** Starts a program. */
export function spawn(...given) {
  const { command, options } = arrange(given, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const child = start(command[0], command.slice(1), {
    argv0: options.argv0,
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: options.stdio.map(channel),
    signal: options.signal,
    timeout: options.timeout,
    killSignal: options.killSignal,
  });
  feed(child.stdin, options.stdio[0]);
  const handle = {
    pid: child.pid,
    stdin: child.stdin && writable(child.stdin, options.stdio[0]),
    stdout: child.stdout ? Readable.toWeb(child.stdout) : undefined,
    stderr: child.stderr ? Readable.toWeb(child.stderr) : undefined,
    get exitCode() {
      return child.exitCode;
    },
    get signalCode() {
      return child.signalCode;
    },
    get killed() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    kill: (signal) => void child.kill(signal),
    ref: () => child.ref(),
    unref: () => child.unref(),
    [Symbol.asyncDispose]: async () => void child.kill(),
  };
  handle.readable = handle.stdout;
  handle.exited = new Promise((settle, fail) => {
    child.on("error", (error) => (child.pid === undefined ? fail(error) : undefined));
    child.on("exit", (code, signal) => {
      settle(code ?? SIGNALLED);
      options.onExit?.(handle, code, signal);
    });
  });
  if (child.pid === undefined) {
    handle.exited.catch(() => {});
    throw notFound(command[0]);
  }
  return handle;
}

/** Runs a program and waits for its end. */
export function spawnSync(...given) {
  const { command, options } = arrange(given, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdin] = options.stdio;
  const ended = startSync(command[0], command.slice(1), {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: options.stdio.map(channel),
    input: isBytes(stdin) ? stdin : undefined,
    timeout: options.timeout,
    maxBuffer: options.maxBuffer ?? 1 << 30,
  });
  if (ended.error?.code === "ENOENT") throw notFound(command[0]);
  return {
    pid: ended.pid,
    exitCode: ended.status,
    signalCode: ended.signal ?? undefined,
    success: ended.status === 0,
    stdout: ended.stdout ?? undefined,
    stderr: ended.stderr ?? undefined,
  };
}

/** Both forms of a call: a command with options, or one object with `cmd` in it. */
function arrange([first, second], defaults) {
  const command = Array.isArray(first) ? first : first.cmd;
  const options = { ...(Array.isArray(first) ? second : first) };
  if (!Array.isArray(command) || command.length === 0) throw new TypeError("A command is a list that is not empty");
  const stdio = ["stdin", "stdout", "stderr"].map((name, index) => options.stdio?.[index] ?? options[name] ?? defaults[name]);
  return { command: command.map(String), options: { ...options, stdio } };
}

function channel(wanted) {
  if (wanted === null) return "ignore";
  return typeof wanted === "string" || typeof wanted === "number" ? wanted : "pipe";
}

function isBytes(value) {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

function feed(stdin, source) {
  if (!stdin || source === "pipe") return;
  stdin.on("error", () => {});
  const stream = source instanceof ReadableStream ? source : undefined;
  const bytes = stream ? new Response(stream).arrayBuffer() : bytesOf(source);
  Promise.resolve(bytes).then((all) => stdin.end(Buffer.from(all)), () => stdin.end());
}

function writable(stdin, source) {
  if (source !== "pipe") return undefined;
  stdin.on("error", () => {});
  const put = (piece) => (stdin.write(isBytes(piece) ? Buffer.from(piece) : String(piece)), piece.length ?? piece.byteLength);
  return { write: put, flush: () => 0, end: () => void stdin.end() };
}

function notFound(name) {
  return Object.assign(new Error(`Executable not found in $PATH: "${name}"`), { code: "ENOENT" });
}

/** The path of a program, or null. */
export function which(name, options = {}) {
  const folders = (options.PATH ?? process.env.PATH ?? "").split(delimiter);
  const ends = process.platform === "win32" ? [".exe", ".cmd", ".bat", ""] : [""];
  const candidates = name.includes("/") || isAbsolute(name)
    ? [resolve(options.cwd ?? ".", name)]
    : folders.flatMap((folder) => ends.map((end) => join(folder, name + end)));
  return candidates.find(isProgram) ?? null;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A pattern for paths: `*`, `**`, `?`, `[…]`, `{a,b}`, and `!` before all of it. */
export class Glob {
  #expression;
  #isNegated;

  constructor(pattern) {
    this.pattern = pattern;
    this.#isNegated = pattern.startsWith("!");
    this.#expression = new RegExp(`^${translate(pattern.replace(/^!/, ""))}$`, "su");
  }

  match(path) {
    return this.#expression.test(path) !== this.#isNegated;
  }

  *scanSync(given = {}) {
    const options = typeof given === "string" ? { cwd: given } : given;
    const top = resolve(options.cwd ?? ".");
    for (const path of walk(top, options)) {
      const name = relative(top, path).split(sep).join("/");
      if (this.match(name)) yield options.absolute ? path : name;
    }
  }

  async *scan(options) {
    yield* this.scanSync(options);
  }
}

function* walk(folder, options) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (options.throwErrorOnBrokenSymlink) throw error;
    return;
  }
  for (const entry of entries) {
    if (entry.name.startsWith(".") && !options.dot) continue;
    const path = join(folder, entry.name);
    const found = entry.isSymbolicLink() ? statSync(path, { throwIfNoEntry: false }) : entry;
    const isFolder = found?.isDirectory() ?? false;
    if (!isFolder || options.onlyFiles === false) yield path;
    if (isFolder && (!entry.isSymbolicLink() || options.followSymlinks)) yield* walk(path, options);
  }
}

function translate(pattern) {
  let expression = "";
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at];
    const isWhole = at === 0 || pattern[at - 1] === "/";
    if (isWhole && pattern.startsWith("**/", at)) {
      expression += "(?:[^/]+/)*";
      at += 2;
    } else if (pattern.startsWith("**", at)) {
      expression += ".*";
      at++;
    } else if (letter === "*") expression += "[^/]*";
    else if (letter === "?") expression += "[^/]";
    else if (letter === "{") {
      depth++;
      expression += "(?:";
    } else if (letter === "}" && depth > 0) {
      depth--;
      expression += ")";
    } else if (letter === "," && depth > 0) expression += "|";
    else if (letter === "[" && pattern.indexOf("]", at + 2) > 0) {
      const end = pattern.indexOf("]", at + 2);
      const letters = pattern.slice(at + 1, end).replace(/^!/, "^").replace(/[\\[&~]/g, "\\$&");
      expression += `[${letters}]`;
      at = end;
    } else {
      const plain = letter === "\\" && at + 1 < pattern.length ? pattern[++at] : letter;
      expression += plain.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    }
  }
  return expression + ")".repeat(depth);
}

export function sleepSync(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

export function nanoseconds() {
  return Math.trunc(performance.now() * 1e6);
}

export function deepEquals(one, other) {
  return isDeepStrictEqual(one, other);
}

export const readableStreamToText = (stream) => new Response(stream).text();
export const readableStreamToJSON = (stream) => new Response(stream).json();
export const readableStreamToArrayBuffer = (stream) => new Response(stream).arrayBuffer();
export const readableStreamToBytes = async (stream) => new Uint8Array(await readableStreamToArrayBuffer(stream));

export const sleep = (time) => pause(time instanceof Date ? Math.max(0, time - Date.now()) : time);

/** The object itself. */
const Bun = {
  $,
  Glob,
  argv,
  deepEquals,
  env,
  file,
  fileURLToPath,
  inspect,
  main,
  nanoseconds,
  pathToFileURL,
  readableStreamToArrayBuffer,
  readableStreamToBytes,
  readableStreamToJSON,
  readableStreamToText,
  sleep,
  sleepSync,
  spawn,
  spawnSync,
  version,
  which,
  write,
};
for (const name of ["build", "connect", "listen", "serve", "udpSocket"]) {
  Bun[name] = () => {
    throw new Error(`Bun.${name} is only there when plugins are run by Bun: install it (https://bun.sh)`);
  };
}

export default Bun;
