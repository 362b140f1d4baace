// Functions that send requests, served on the loopback interface: who knows the address of one sends it a request,
// with the address that it is for in a header, and gets the answer piece by piece.
import { randomBytes } from "node:crypto";
import http from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf } from "./wire.mjs";

const TARGET = "x-opencode-target";
// Of the connection to here, not of the request; the last ones are no longer true once an answer was unpacked.
const OURS = [TARGET, "host", "connection", "transfer-encoding", "content-length", "accept-encoding"];
const NOT_PASSED = ["content-encoding", "content-length", "transfer-encoding", "connection"];
const BODY_LIMIT = 64 * 1024 * 1024;

const functions = new Map();
let listening;

export async function serveFetch(fetch) {
  const { port } = await (listening ??= listen());
  const secret = randomBytes(24).toString("hex");
  functions.set(`/${secret}`, fetch);
  return `http://127.0.0.1:${port}/${secret}`;
}

function listen() {
  return new Promise((resolve, reject) => {
    const server = http.createServer((request, response) => {
      answer(request, response).catch((error) => {
        console.error(error);
        if (response.headersSent) response.destroy();
        else response.writeHead(502, { "content-type": "text/plain; charset=utf-8" }).end(messageOf(error));
      });
    });
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server.address()));
  });
}

async function answer(request, response) {
  const fetch = functions.get(request.url);
  const target = request.headers[TARGET];
  if (!fetch || !target) return void response.writeHead(404).end();
  const headers = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!OURS.includes(name)) headers[name] = String(value);
  }
  const controller = new AbortController();
  response.on("close", () => controller.abort());
  const body = await bodyOf(request);
  const { method } = request;
  const answered = await fetch(target, { method, headers, body: body || undefined, signal: controller.signal });
  const passed = [...answered.headers].filter(([name]) => !NOT_PASSED.includes(name));
  response.writeHead(answered.status, Object.fromEntries(passed));
  if (answered.body) await pipeline(Readable.fromWeb(answered.body), response);
  else response.end();
}

async function bodyOf(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > BODY_LIMIT) throw new Error(`a request of more than ${BODY_LIMIT >> 20} MiB is not sent`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
