#!/usr/bin/env python3
"""What MCP servers cost that are configured and not used.

    cargo build --release -p opencode-cli --bin opencode
    bench/mcp.py [--binary target/release/opencode] [--servers 10] [--runs 11]

Compares a place without MCP servers to one with ten, each a program in Python that takes half a second to begin and
has 20 tools. Prints the median wall, in turns, of: the start of a server up to its first healthy answer; a `run` up to
the model's first request; the whole of that `run`; and the first two of a place that has never seen its servers, where
a turn waits for them once. The model is a script in this process. Needs Python 3.9, git and Linux.
"""

import argparse
import http.server
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

TOOLS = 20
# Seconds that a server takes to begin: what those that come from npm take at least.
BEGINS = 0.5


def be_server():
    """An MCP server over standard input and output."""
    time.sleep(BEGINS)
    tools = [
        {"name": f"tool_{at}", "description": f"Does thing number {at}.",
         "inputSchema": {"type": "object", "properties": {"what": {"type": "string"}}}}
        for at in range(TOOLS)
    ]
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        result = {}
        if message["method"] == "initialize":
            version = message["params"]["protocolVersion"]
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
        elif message["method"] == "tools/list":
            result = {"tools": tools}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)


class Model(http.server.ThreadingHTTPServer):
    """Answers with a word, and keeps when it was asked and of how many tools it was told."""

    asked = None

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            # Titles have no tools.
            if body.get("tools") and self.server.asked is None:
                self.server.asked = time.perf_counter(), len(body["tools"])
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for choice in ({"delta": {"content": "done"}}, {"delta": {}, "finish_reason": "stop"}):
                self.wfile.write(f"data: {json.dumps({'choices': [{'index': 0, **choice}]})}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Place:
    """A home and a project of their own."""

    def __init__(self, binary, model, servers):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.binary, self.model, home = os.path.abspath(binary), model, self.folder.name
        self.project, self.cache = f"{home}/project", f"{home}/.cache/opencode/mcp"
        os.makedirs(self.project)
        subprocess.run(["git", "init", "-q"], cwd=self.project, check=True)
        self.environment = {"HOME": home, "PATH": os.environ["PATH"], "SHELL": "/bin/bash", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"http://127.0.0.1:{model.server_port}", "apiKey": "k"},
            "models": {"scripted": {"limit": {"context": 200_000, "output": 8192}}},
        }
        local = {"type": "local", "command": [sys.executable, os.path.abspath(__file__), "--be-server"]}
        config = {"model": "bench/scripted", "provider": {"bench": provider}, "mcp": {f"s{at}": local for at in range(servers)}}
        with open(f"{self.project}/opencode.json", "w") as file:
            json.dump(config, file)

    def forget(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def turn(self):
        """Milliseconds up to the first request and up to the end, and how many tools the model was told of."""
        self.model.asked = None
        begun = time.perf_counter()
        subprocess.run([self.binary, "run", "go"], cwd=self.project, env=self.environment, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        taken = time.perf_counter() - begun
        asked, tools = self.model.asked
        return (asked - begun) * 1e3, taken * 1e3, tools

    def start(self):
        """Milliseconds up to the first healthy answer of a server."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        begun = time.perf_counter()
        process = subprocess.Popen([self.binary, "serve", "--port", str(port)], cwd=self.project, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=10).read()
                    return (time.perf_counter() - begun) * 1e3
                except OSError:
                    assert process.poll() is None, "the server ended"
                    time.sleep(0.0005)
        finally:
            process.terminate()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/opencode")
    parser.add_argument("--servers", type=int, default=10)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--be-server", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.be_server:
        return be_server()
    model = Model()
    none, many = (Place(given.binary, model, servers) for servers in (0, given.servers))
    for place in (none, many):
        place.turn(), place.start()
    # The first turn may have ended before all servers had been asked what they have.
    while many.turn()[2] < none.turn()[2] + given.servers * TOOLS:
        pass
    rows = {"start of a server": ([], []), "run: first request": ([], []), "run: whole": ([], [])}
    for _ in range(given.runs):
        for at, place in enumerate((none, many)):
            first, whole, _ = place.turn()
            for row, value in zip(rows.values(), (place.start(), first, whole)):
                row[at].append(value)
    new = []
    for _ in range(3):
        many.forget()
        new.append(many.turn()[:2])
    print(f"| what | none | {given.servers} servers | more |\n|---|---|---|---|")
    for name, (without, with_them) in rows.items():
        without, with_them = statistics.median(without), statistics.median(with_them)
        print(f"| {name} | {without:.0f} ms | {with_them:.0f} ms | {with_them - without:+.0f} ms |")
    for name, values in zip(("run: first request, servers never seen", "run: whole, servers never seen"), zip(*new)):
        print(f"| {name} | | {statistics.median(values):.0f} ms | |")


if __name__ == "__main__":
    main()
