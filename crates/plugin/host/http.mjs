// `fetch` over a socket of this machine.
import http from "node:http";
import { Readable } from "node:stream";

const WITHOUT_CONTENT = [101, 204, 205, 304];

export async function open(socket, request) {
  if (!socket) throw new Error("the HTTP interface of the program cannot be reached from plugins here");
  const { pathname, search } = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const headers = { ...Object.fromEntries(request.headers), host: "localhost" };
  if (body.length > 0) headers["content-length"] = String(body.length);
  return new Promise((resolve, reject) => {
    const options = { socketPath: socket, method: request.method, path: pathname + search, headers, agent: false };
    const asking = http.request(options, (answer) => resolve(responseOf(answer)));
    asking.on("error", reject);
    request.signal.addEventListener("abort", () => asking.destroy(request.signal.reason));
    asking.end(body);
  });
}

export async function* lines(stream) {
  const decoder = new TextDecoder();
  let begun = "";
  for await (const piece of stream) {
    const parts = (begun + decoder.decode(piece, { stream: true })).split(/\r?\n/);
    begun = parts.pop();
    yield* parts;
  }
}

function responseOf(answer) {
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const one of [value].flat()) headers.append(name, one);
  }
  const isEmpty = WITHOUT_CONTENT.includes(answer.statusCode);
  const init = { status: answer.statusCode, statusText: answer.statusMessage, headers };
  return new Response(isEmpty ? null : Readable.toWeb(answer), init);
}
