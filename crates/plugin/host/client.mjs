// The client that plugins get: the operations of the HTTP interface, by the names that its own document gives them.
import { lines, open } from "./http.mjs";

// Operations whose names are others in the classic client.
const RENAMED = { "permission.respond": "postSessionIdPermissionsPermissionId" };

export function client({ socket, directory, address }) {
  const raw = rawClient(socket, directory, address);
  let table;
  const operationOf = async (name) => {
    table ??= raw.get({ url: "/doc", throwOnError: true }).then(({ data }) => operationsOf(data));
    table.catch(() => (table = undefined));
    const operation = (await table).get(name);
    if (!operation) throw new TypeError(`client.${name} is not a function`);
    return operation;
  };
  const call = async (name, options = {}) => {
    const { method, url, isStream } = await operationOf(name);
    return isStream ? raw.sse({ ...options, method, url }) : raw.request({ ...options, method, url });
  };
  const member = (names) =>
    new Proxy(() => {}, {
      get: (_, name) => {
        if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
        return name === "_client" ? raw : member([...names, name]);
      },
      apply: (_, __, [options]) => call(names.join("."), options),
    });
  return member([]);
}

function operationsOf(document) {
  const table = new Map();
  for (const [url, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (typeof operation.operationId !== "string") continue;
      const name = operation.operationId.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
      const contents = Object.values(operation.responses ?? {}).map((response) => response.content ?? {});
      const isStream = contents.some((content) => "text/event-stream" in content);
      const entry = { method: method.toUpperCase(), url, isStream };
      table.set(name, entry);
      if (RENAMED[name]) table.set(RENAMED[name], entry);
    }
  }
  return table;
}

function rawClient(socket, directory, address) {
  const base = String(address).replace(/\/$/, "");
  const fetch = (input, init) => open(socket, new Request(input, init));

  const requestOf = ({ method = "GET", url, path, query, headers, body, signal }) => {
    const target = new URL(base + filled(url, path ?? {}));
    for (const [name, value] of Object.entries(query ?? {})) addTo(target.searchParams, name, value);
    const all = new Headers(headers);
    const isRead = method === "GET" || method === "HEAD";
    if (isRead && !target.searchParams.has("directory")) target.searchParams.set("directory", directory);
    if (!isRead && !all.has("x-opencode-directory")) all.set("x-opencode-directory", encodeURIComponent(directory));
    const isText = typeof body === "string" || body instanceof Uint8Array;
    if (body !== undefined && !all.has("content-type")) all.set("content-type", "application/json");
    return new Request(target, { method, headers: all, body: isText ? body : JSON.stringify(body), signal });
  };

  const request = async (options) => {
    const request = requestOf(options);
    const response = await fetch(request);
    const content = contentOf(response, await response.text());
    if (response.ok) return options.responseStyle === "data" ? content : { data: content, request, response };
    if (options.throwOnError) throw errorOf(content, request, response);
    return { error: content, request, response };
  };

  const sse = async (options) => {
    const request = requestOf(options);
    const response = await fetch(request);
    if (!response.ok) throw errorOf(contentOf(response, await response.text()), request, response);
    return { stream: events(response, options) };
  };

  const raw = {
    request,
    sse,
    fetch,
    getConfig: () => ({ baseUrl: base, fetch, headers: new Headers() }),
  };
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    raw[method.toLowerCase()] = (options) => request({ ...options, method });
  }
  return raw;
}

// Values of a path by their names, or else in their order: the classic client has shorter names for some.
function filled(url, values) {
  const names = [...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const others = Object.keys(values).filter((name) => !names.includes(name));
  return url.replace(/\{(\w+)\}/g, (_, name) => {
    const value = name in values ? values[name] : values[others.shift()];
    if (value === undefined) throw new TypeError(`${url} needs ${name}`);
    return encodeURIComponent(String(value));
  });
}

function addTo(parameters, name, value) {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) for (const item of value) addTo(parameters, name, item);
  else if (typeof value === "object")
    for (const key of Object.keys(value)) addTo(parameters, `${name}[${key}]`, value[key]);
  else parameters.append(name, String(value));
}

function contentOf(response, text) {
  if (text === "") return {};
  if (response.ok && !(response.headers.get("content-type") ?? "").includes("json")) return text;
  return parsed(text);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function errorOf(content, request, response) {
  const said = typeof content === "string" ? content : content?.data?.message || content?.message || content?.name;
  const message = said || `${request.method} ${request.url} → ${response.status}`;
  return new Error(message, { cause: { body: content, status: response.status } });
}

async function* events(response, { signal, onSseEvent }) {
  let data = [];
  try {
    for await (const line of lines(response.body)) {
      if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
      if (line !== "" || data.length === 0) continue;
      const event = parsed(data.join("\n"));
      data = [];
      onSseEvent?.({ data: event });
      yield event;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
