// The process that runs plugins: everything it does, it is asked for over the wire.
import * as auth from "./auth.mjs";
import { client } from "./client.mjs";
import { installGlobal } from "./context.mjs";
import { transform } from "./drafts.mjs";
import * as hooks from "./hooks.mjs";
import { load } from "./load.mjs";
import { shell } from "./shell.mjs";
import * as tools from "./tools.mjs";
import { serve } from "./wire.mjs";

const methods = {
  start: (params) => load(params, inputOf(params)),
  hook: hooks.call,
  config: hooks.configure,
  event: hooks.event,
  dispose: hooks.dispose,
  tool: tools.run,
  transform,
  prompt: auth.prompt,
  authorize: auth.authorize,
  callback: auth.callback,
  loader: auth.loader,
  models: auth.models,
};

process.on("uncaughtException", (error) => console.error(error));
process.on("unhandledRejection", (error) => console.error(error));
await serve(methods);
process.exit(0);

function inputOf({ directory, worktree, project, address, socket }) {
  const sdk = client({ socket, directory, address });
  installGlobal(sdk);
  return {
    client: sdk,
    project,
    worktree,
    directory,
    experimental_workspace: {
      register: (type) => console.warn(`the workspace adapter ${type} is not used`),
    },
    serverUrl: new URL(address),
    $: typeof Bun === "undefined" ? shell() : Bun.$,
  };
}
