// A model that answers by a script, over OpenAI's chat protocol.
import { createServer } from "node:http";

/** Starts it. `steps` are taken one by one; a request for a title gets one of its own. */
export async function startModel() {
  let steps = [];
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const asked = JSON.parse(body);
    const head = JSON.stringify(asked.messages).toLowerCase();
    const isTitle = !asked.tools && head.includes("title");
    const step = isTitle ? { text: "A title" } : steps.shift() ?? { text: "done" };
    if (!isTitle) requests.push(asked);
    const chunk = (delta, finish = null, more = {}) =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "scripted", choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ role: "assistant", content: "" }));
    for (const word of (step.text ?? "").match(/\S+\s*/g) ?? []) response.write(chunk({ content: word }));
    (step.tools ?? []).forEach(({ name, input }, index) => {
      const call = { index, id: `call_${requests.length}_${index}`, type: "function", function: { name, arguments: JSON.stringify(input) } };
      response.write(chunk({ tool_calls: [call] }));
    });
    response.write(chunk({}, step.tools ? "tool_calls" : "stop", { usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }));
    response.end("data: [DONE]\n\n");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    answers: (...next) => { steps = next; },
    requests,
    close: () => { server.close(); server.closeAllConnections(); },
  };
}
