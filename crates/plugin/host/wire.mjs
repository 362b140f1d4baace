// Lines of JSON in both directions: requests `{id, method, params}`, answers `{id, result}` or `{id, error}`, and
// notices, which are requests without an id. They have descriptors of their own where the system lets them, so that
// nothing that a plugin prints or reads comes between.
import fs from "node:fs";
import net from "node:net";

const LIMIT = 32 * 1024 * 1024;
const [INPUT, OUTPUT] = process.platform === "win32" ? [0, 1] : [4, 3];

const asked = new Map();
const running = new Map();
let lastId = 0;

export function messageOf(error) {
  if (error instanceof Error) return error.message || error.name;
  if (typeof error === "object" && error !== null && typeof error.message === "string") return error.message;
  return String(error);
}

export function tell(method, params) {
  write(JSON.stringify({ method, params }));
}

export function ask(method, params) {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    asked.set(id, { resolve, reject });
    write(JSON.stringify({ id, method, params }));
  });
}

// Answers requests by `methods`, functions of parameters and of a call `{id, signal}`, until the other side is gone.
export async function serve(methods) {
  for await (const line of lines()) {
    const message = JSON.parse(line);
    if (message.method === undefined) settle(message);
    else if (message.method === "cancel") running.get(message.params.id)?.abort();
    else if (message.id === undefined) void run(methods, message).catch((error) => console.error(error));
    else void answer(methods, message);
  }
}

function settle({ id, result, error }) {
  const waiting = asked.get(id);
  asked.delete(id);
  if (error) waiting?.reject(new Error(error.message));
  else waiting?.resolve(result);
}

async function run(methods, { id, method, params }) {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    return await methods[method](params, { id, signal: controller.signal });
  } finally {
    running.delete(id);
  }
}

async function answer(methods, message) {
  const { id } = message;
  let line;
  try {
    line = JSON.stringify({ id, result: (await run(methods, message)) ?? null });
    if (Buffer.byteLength(line) > LIMIT) throw new Error(`The answer is larger than ${LIMIT >> 20} MiB`);
  } catch (error) {
    line = JSON.stringify({ id, error: { message: messageOf(error), stack: String(error?.stack ?? "") } });
  }
  write(line);
}

function write(line) {
  let rest = Buffer.from(line + "\n");
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(OUTPUT, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

async function* pieces() {
  if (typeof Bun === "undefined") yield* new net.Socket({ fd: INPUT, readable: true, writable: false });
  else for await (const piece of Bun.file(INPUT).stream()) yield Buffer.from(piece);
}

async function* lines() {
  let begun = [];
  for await (const piece of pieces()) {
    let start = 0;
    for (let end; (end = piece.indexOf(10, start)) >= 0; start = end + 1) {
      begun.push(piece.subarray(start, end));
      yield Buffer.concat(begun).toString("utf8");
      begun = [];
    }
    if (start < piece.length) begun.push(piece.subarray(start));
  }
}
