// Bun's shell `$` for Node: the template becomes a command line for the user's shell, with every value in it quoted
// for the place where it stands. Pipes, globs, redirections and built-ins are those of that shell.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const FIRST_DESCRIPTOR = 3;
const LAST_DESCRIPTOR = 9;
const SIGNALLED = 128;
const NOT_STARTED = 127;

/** How a command ended: what it wrote and its exit code. */
export class ShellOutput {
  constructor(stdout, stderr, exitCode) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.exitCode = exitCode;
  }
}

/** A command that ended with another exit code than 0. */
export class ShellError extends Error {
  constructor(output) {
    super(`Failed with exit code ${output.exitCode}`);
    this.name = "ShellError";
    this.exitCode = output.exitCode;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
  }
}

const reading = {
  text(encoding) {
    return this.stdout.toString(encoding);
  },
  json() {
    return JSON.parse(this.stdout.toString());
  },
  arrayBuffer() {
    return exactly(this.stdout);
  },
  bytes() {
    return new Uint8Array(exactly(this.stdout));
  },
  blob() {
    return new Blob([this.stdout]);
  },
};
for (const kind of [ShellOutput, ShellError]) {
  for (const [name, value] of Object.entries(reading)) {
    Object.defineProperty(kind.prototype, name, { value, writable: true, configurable: true });
  }
}

/** A command that starts when somebody waits for it. */
export class ShellPromise extends Promise {
  #start;
  #settings;

  static get [Symbol.species]() {
    return Promise;
  }

  constructor(template, settings) {
    let settle;
    super((resolve, reject) => (settle = { resolve, reject }));
    this.#settings = { ...settings, quiet: false };
    let started = false;
    this.#start = () => {
      if (started) return;
      started = true;
      execute(template, this.#settings).then(settle.resolve, settle.reject);
    };
  }

  then(fulfilled, rejected) {
    this.#start();
    return super.then(fulfilled, rejected);
  }

  run() {
    this.#start();
    return this;
  }

  cwd(folder) {
    this.#settings.cwd = folder;
    return this;
  }

  env(variables) {
    this.#settings.env = variables;
    return this;
  }

  quiet(isQuiet = true) {
    this.#settings.quiet = isQuiet;
    return this;
  }

  throws(shouldThrow) {
    this.#settings.throws = shouldThrow;
    return this;
  }

  nothrow() {
    return this.throws(false);
  }

  async text(encoding) {
    return (await this.quiet()).text(encoding);
  }

  async json() {
    return (await this.quiet()).json();
  }

  async arrayBuffer() {
    return (await this.quiet()).arrayBuffer();
  }

  async bytes() {
    return (await this.quiet()).bytes();
  }

  async blob() {
    return (await this.quiet()).blob();
  }

  async *lines() {
    yield* (await this.text()).split(/\r?\n/);
  }
}

/** A new `$` with settings of its own. */
export function shell() {
  const settings = { cwd: undefined, env: undefined, throws: true };
  const $ = (strings, ...values) => new ShellPromise(compose(strings, values), settings);
  const set = (name, value) => {
    settings[name] = value;
    return $;
  };
  return Object.assign($, {
    cwd: (folder) => set("cwd", folder),
    env: (variables) => set("env", variables),
    throws: (shouldThrow) => set("throws", Boolean(shouldThrow)),
    nothrow: () => set("throws", false),
    braces,
    escape,
    Shell: function Shell() {
      return shell();
    },
    ShellError,
    ShellOutput,
    ShellPromise,
  });
}

/** One word for a shell, as it is where it needs no quotes. */
export function escape(value) {
  const text = String(value);
  if (text !== "" && !/[\s"'`$&|;<>()[\]{}*?!#~=\\]/.test(text)) return text;
  return `"${insideDouble(text)}"`;
}

/** The words that a pattern in braces stands for. */
export function braces(pattern) {
  let depth = 0;
  let open = -1;
  let commas = [];
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at];
    if (letter === "\\") at++;
    else if (letter === "{" && depth++ === 0) [open, commas] = [at, []];
    else if (letter === "," && depth === 1) commas.push(at);
    else if (letter === "}" && depth > 0 && --depth === 0 && commas.length > 0) {
      const [before, after] = [pattern.slice(0, open), braces(pattern.slice(at + 1))];
      const cuts = [open, ...commas, at];
      const parts = cuts.slice(1).flatMap((cut, index) => braces(pattern.slice(cuts[index] + 1, cut)));
      return parts.flatMap((part) => after.map((end) => before + part + end));
    }
  }
  return [pattern];
}

/** A template as a command line, and what its redirections read and write. */
function compose(strings, values) {
  const line = { text: "", sources: [], targets: [] };
  // What encloses the place that has been reached: quotes, or `(` of a substitution.
  const stack = [];
  strings.raw.forEach((piece, index) => {
    line.text += piece;
    follow(stack, piece);
    if (index < values.length) insert(line, values[index], stack.at(-1));
  });
  return line;
}

function follow(stack, piece) {
  for (let at = 0; at < piece.length; at++) {
    const [letter, inside] = [piece[at], stack.at(-1)];
    if (inside === "'") {
      if (letter === "'") stack.pop();
    } else if (letter === "\\") at++;
    else if (letter === inside && letter === '"') stack.pop();
    else if (letter === '"' || (letter === "'" && inside !== '"')) stack.push(letter);
    else if (letter === "$" && piece[at + 1] === "(") {
      stack.push("(");
      at++;
    } else if (letter === "(" && inside === "(") stack.push("(");
    else if (letter === ")" && inside === "(") stack.pop();
  }
}

function insert(line, value, inside) {
  const redirection = inside === '"' || inside === "'" ? undefined : /(&|[012])?(<|>>?)\s*$/.exec(line.text);
  if (redirection && isData(value)) return redirect(line, redirection, value);
  line.text += Array.isArray(value)
    ? value.flat(Infinity).map((item) => word(item, inside)).join(" ")
    : word(value, inside);
}

function word(value, inside) {
  if (value !== null && typeof value === "object" && typeof value.raw === "string") return value.raw;
  const text = plain(value);
  if (text.includes("\0")) throw new TypeError("A shell command cannot have a null byte in it");
  if (inside === '"') return insideDouble(text);
  const quoted = text.replaceAll("'", "'\\''");
  return inside === "'" ? quoted : `'${quoted}'`;
}

function plain(value) {
  if (value !== null && typeof value === "object") {
    if (typeof value.name === "string" && typeof value.arrayBuffer === "function") return value.name;
    if (value.toString === Object.prototype.toString) {
      throw new TypeError("An object cannot be put into a shell command; make a text of it first");
    }
  }
  return String(value);
}

function insideDouble(text) {
  return text.replace(/[\\"`$]/g, "\\$&");
}

/** Whether a value is what a redirection reads or writes, and not the name of a file. */
function isData(value) {
  if (value === null || typeof value !== "object" || typeof value.name === "string") return false;
  const isBytes = ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
  return isBytes || value instanceof Response || value instanceof Blob || value instanceof ReadableStream;
}

function redirect(line, [whole, from, arrow], value) {
  const descriptor = FIRST_DESCRIPTOR + line.sources.length + line.targets.length;
  if (descriptor > LAST_DESCRIPTOR) throw new RangeError("A shell command has too many redirections to buffers");
  const start = line.text.slice(0, line.text.length - whole.length);
  if (arrow === "<") {
    line.sources.push({ descriptor, value });
    line.text = `${start}<&${descriptor}`;
    return;
  }
  if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) {
    throw new TypeError("A shell command can only write to a buffer or a file");
  }
  line.targets.push({ descriptor, value });
  line.text = from === "&" ? `${start}>&${descriptor} 2>&1` : `${start}${from ?? ""}>&${descriptor}`;
}

async function execute({ text, sources, targets }, settings) {
  const inputs = await Promise.all(sources.map(async (source) => ({ ...source, bytes: await bytesOf(source.value) })));
  const env = { ...(settings.env ?? process.env) };
  const pipes = [...sources, ...targets].map(() => "pipe");
  const child = spawn(program(), ["-c", text], {
    cwd: settings.cwd || undefined,
    env,
    stdio: ["ignore", "pipe", "pipe", ...pipes],
  });
  for (const { descriptor, bytes } of inputs) {
    const pipe = child.stdio[descriptor];
    // A command need not read what it is given.
    pipe?.on("error", () => {});
    pipe?.end(bytes);
  }
  const written = targets.map(async ({ descriptor, value }) => {
    const bytes = await buffered(child.stdio[descriptor]);
    const room = value instanceof ArrayBuffer ? new Uint8Array(value) : viewOf(value);
    room.set(bytes.subarray(0, room.length));
  });
  const echo = (to) => (settings.quiet ? undefined : (piece) => to.write(piece));
  const collected = [buffered(child.stdout, echo(process.stdout)), buffered(child.stderr, echo(process.stderr))];
  const exitCode = await new Promise((resolve, reject) => {
    child.on("error", (error) => (child.pid === undefined ? reject(error) : undefined));
    child.on("close", (code, signal) => resolve(code ?? (signal ? SIGNALLED + signalNumber(signal) : NOT_STARTED)));
  });
  await Promise.all(written);
  const output = new ShellOutput(...(await Promise.all(collected)), exitCode);
  if (exitCode !== 0 && settings.throws) throw new ShellError(output);
  return output;
}

/** Bash where it is: its `echo` writes texts as they are, and it knows braces. */
function program() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, "bash")).find((path) => existsSync(path)) ?? "/bin/sh";
}

function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGTERM: 15 }[signal] ?? 0;
}

async function bytesOf(value) {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return viewOf(value);
  const body = value instanceof ReadableStream ? new Response(value) : value;
  return new Uint8Array(await body.arrayBuffer());
}

function viewOf(value) {
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function exactly(buffer) {
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}

/** Everything that a stream gives, each piece told as it comes. */
export async function buffered(stream, tell) {
  const pieces = [];
  for await (const piece of stream ?? []) {
    pieces.push(piece);
    tell?.(piece);
  }
  return Buffer.concat(pieces);
}
