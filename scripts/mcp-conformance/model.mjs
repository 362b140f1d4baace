// A model that calls one tool once, if it is told which, and then says that it is done.
import { createServer } from "node:http";

/** Starts it; `close` ends it. `complain` hears that it was not told of the tool. */
export async function startModel(tool, input, complain = console.log) {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    const asked = JSON.parse(text || "{}");
    const names = (asked.tools ?? []).map((tool) => tool.function?.name);
    const isAnswered = (asked.messages ?? []).some((message) => message.role === "tool");
    const calls = names.includes(tool) && !isAnswered;
    if (tool && names.length > 0 && !names.includes(tool)) complain(`the model has no ${tool}`);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (delta, finish) => {
      const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "scripted" };
      const choice = { index: 0, delta, finish_reason: finish ?? null };
      response.write(`data: ${JSON.stringify({ ...chunk, choices: [choice] })}\n\n`);
    };
    if (calls) {
      const made = { name: tool, arguments: JSON.stringify(input) };
      send({ role: "assistant", tool_calls: [{ index: 0, id: "call_1", type: "function", function: made }] });
      send({}, "tool_calls");
    } else {
      send({ role: "assistant", content: "done" });
      send({}, "stop");
    }
    response.end("data: [DONE]\n\n");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}/v1`, close: () => server.close() };
}
