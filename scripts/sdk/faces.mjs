// The same operations by the two clients that the package has.
import { createOpencodeClient as createFirst } from "@opencode-ai/sdk";
import { createOpencodeClient as createSecond } from "@opencode-ai/sdk/v2";

/** The older client: path, query and body apart. */
export function first(baseUrl, directory) {
  const client = createFirst({ baseUrl, directory, throwOnError: true });
  const of = (id, body) => ({ path: { id }, body });
  return {
    name: "v1",
    events: async (signal) => (await client.event.subscribe({ signal })).stream,
    create: (title) => client.session.create({ body: { title } }),
    get: (id) => client.session.get(of(id)),
    list: () => client.session.list(),
    rename: (id, title) => client.session.update(of(id, { title })),
    remove: (id) => client.session.delete(of(id)),
    prompt: (id, text) => client.session.prompt(of(id, { parts: [{ type: "text", text }] })),
    messages: (id) => client.session.messages(of(id)),
    fork: (id, messageID) => client.session.fork(of(id, { messageID })),
    revert: (id, messageID) => client.session.revert(of(id, { messageID })),
    unrevert: (id) => client.session.unrevert(of(id)),
    abort: (id) => client.session.abort(of(id)),
    allow: (id, permissionID) =>
      client.postSessionIdPermissionsPermissionId({ path: { id, permissionID }, body: { response: "once" } }),
    agents: () => client.app.agents(),
    providers: () => client.config.providers(),
    path: () => client.path.get(),
  };
}

/** The newer client: one object of parameters. */
export function second(baseUrl, directory) {
  const client = createSecond({ baseUrl, directory, throwOnError: true });
  return {
    name: "v2",
    events: async (signal) => (await client.event.subscribe(undefined, { signal })).stream,
    create: (title) => client.session.create({ title }),
    get: (sessionID) => client.session.get({ sessionID }),
    list: () => client.session.list(),
    rename: (sessionID, title) => client.session.update({ sessionID, title }),
    remove: (sessionID) => client.session.delete({ sessionID }),
    prompt: (sessionID, text) => client.session.prompt({ sessionID, parts: [{ type: "text", text }] }),
    messages: (sessionID) => client.session.messages({ sessionID }),
    fork: (sessionID, messageID) => client.session.fork({ sessionID, messageID }),
    revert: (sessionID, messageID) => client.session.revert({ sessionID, messageID }),
    unrevert: (sessionID) => client.session.unrevert({ sessionID }),
    abort: (sessionID) => client.session.abort({ sessionID }),
    allow: (_, requestID) => client.permission.reply({ requestID, reply: "once" }),
    agents: () => client.app.agents(),
    providers: () => client.config.providers(),
    path: () => client.path.get(),
  };
}

/** The newer client's own generation of sessions. */
export function durable(baseUrl, directory) {
  return createSecond({ baseUrl, directory, throwOnError: true }).v2.session;
}
