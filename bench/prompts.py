#!/usr/bin/env python3
"""Bytes of the system prompt and of the tools that a model is sent with the first message, ours and the reference
program's, for a model of each family. Both run in an empty project against a small server of this script.

    bench/prompts.py --ours target/release/opencode --reference PATH
"""
import argparse, json, os, subprocess, tempfile, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = ["claude-sonnet-4-5", "gpt-4o", "gpt-5", "gpt-5-codex", "gemini-2.5-pro", "kimi-k2", "qwen3-coder"]
CHUNKS = [{"delta": {"role": "assistant", "content": "done"}, "index": 0}, {"delta": {}, "index": 0, "finish_reason": "stop"}]


class Model(BaseHTTPRequestHandler):
    requests: list = []

    def do_POST(self):
        Model.requests.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        lines = [json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [one]}) for one in CHUNKS]
        body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def measure(binary, model, port):
    Model.requests.clear()
    with tempfile.TemporaryDirectory() as home:
        project = os.path.join(home, "project")
        os.mkdir(project)
        provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"http://127.0.0.1:{port}/v1", "apiKey": "k"}, "models": {model: {}}}
        config = {"provider": {"p": provider}, "share": "disabled", "autoupdate": False}
        with open(os.path.join(project, "opencode.json"), "w") as file:
            json.dump(config, file)
        environment = {"HOME": home, "PATH": os.environ["PATH"], "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
        subprocess.run([binary, "run", "-m", f"p/{model}", "hello"], cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=180, check=True)
    request = next(request for request in Model.requests if request.get("tools"))
    system = sum(len(message["content"].encode()) for message in request["messages"] if message["role"] == "system")
    tools = {tool["function"]["name"]: len(json.dumps(tool["function"], ensure_ascii=False, separators=(",", ":")).encode()) for tool in request["tools"]}
    return system, tools


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--tools", action="store_true", help="each tool by itself")
    arguments = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    print(f"{'model':20} {'prompt':>8} {'reference':>10} {'tools':>8} {'reference':>10} {'together':>9}")
    for model in MODELS:
        (ours, our_tools), (theirs, their_tools) = (measure(os.path.abspath(binary), model, port) for binary in (arguments.ours, arguments.reference))
        both = [name for name in our_tools if name in their_tools]
        tools, reference = sum(our_tools[name] for name in both), sum(their_tools[name] for name in both)
        print(f"{model:20} {ours:8} {theirs:10} {tools:8} {reference:10} {100 * (ours + tools) / (theirs + reference):8.0f}%")
        if arguments.tools:
            for name in sorted({*our_tools, *their_tools}):
                print(f"    {name:16} {our_tools.get(name, '-'):>8} {their_tools.get(name, '-'):>8}")


main()
