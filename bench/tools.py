#!/usr/bin/env python3
"""Measures tools inside a turn of the whole program against a scripted model.

    cargo build --release -p opencode-cli --bin opencode
    bench/tools.py [--binary target/release/opencode] [--runs 5]

Prints how long an edit and a patch of a file of 50 000 lines take, from the call to its result, as it is stored;
and how long a turn takes that makes 16 calls of half a second each at once.
"""

import argparse
import http.server
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time

LINES = 50_000
CALLS = 16


class Model(http.server.ThreadingHTTPServer):
    """Answers with the calls that are set, and then with a word."""

    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            calls, delta = [], {"content": "done"}
            if body.get("tools"):
                calls, self.server.calls = self.server.calls, []
            if calls:
                delta = {
                    "tool_calls": [
                        {"index": at, "id": f"call_{at}", "function": {"name": name, "arguments": json.dumps(given)}}
                        for at, (name, given) in enumerate(calls)
                    ]
                }
            reason = "tool_calls" if calls else "stop"
            choices = [{"delta": delta}, {"delta": {}, "finish_reason": reason}]
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for choice in choices:
                self.wfile.write(f"data: {json.dumps({'choices': [{'index': 0, **choice}]})}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Place:
    """A home and a project of their own."""

    def __init__(self, binary, model, patches):
        self.folder = tempfile.TemporaryDirectory()
        self.binary, self.model, home = os.path.abspath(binary), model, self.folder.name
        self.project = f"{home}/project"
        os.makedirs(self.project)
        subprocess.run(["git", "init", "-q"], cwd=self.project, check=True)
        self.environment = {
            "HOME": home,
            "PATH": os.environ["PATH"],
            "SHELL": "/bin/bash",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
        }
        name = "gpt-5" if patches else "scripted"
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"http://127.0.0.1:{model.server_port}", "apiKey": "k"},
            "models": {name: {}},
        }
        config = {"model": f"bench/{name}", "provider": {"bench": provider}, "snapshot": False}
        with open(f"{self.project}/opencode.json", "w") as file:
            json.dump(config, file)

    def turn(self, calls):
        """The wall of a turn that makes these calls, and the stored parts of the calls."""
        self.model.calls = calls
        start = time.perf_counter()
        run = self.call("run", "--format", "json", "go")
        wall = time.perf_counter() - start
        session = json.loads(run.splitlines()[0])["sessionID"]
        messages = json.loads(self.call("export", session))["messages"]
        parts = [part for message in messages for part in message["parts"] if part["type"] == "tool"]
        for part in parts:
            assert part["state"]["status"] == "completed", part
        return wall, parts

    def call(self, *arguments):
        done = subprocess.run(
            [self.binary, *arguments], cwd=self.project, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout


def text(mark):
    return "".join(f"line {at} of a long file, with some words in it\n" for at in range(LINES)).replace(
        f"line {LINES // 2} ", f"{mark} "
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/opencode")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    model = Model()

    def took(name, patches, make):
        place = Place(given.binary, model, patches)
        path = f"{place.project}/long.txt"
        times = []
        for _ in range(given.runs + 1):
            with open(path, "w") as file:
                file.write(text("here"))
            _, parts = place.turn([make(path)])
            times.append(parts[0]["state"]["time"]["end"] - parts[0]["state"]["time"]["start"])
            with open(path) as file:
                assert file.read() == text("there")
        print(f"| {name}, {LINES} lines | {statistics.median(times[1:]):.0f} ms |")

    def old(mark):
        return f"{mark} of a long file, with some words in it"

    def nearly(path):
        # Found only by the matcher that looks at lines without their margins.
        return "edit", {"filePath": path, "oldString": f"  {old('here')}", "newString": old('there')}

    def exact(path):
        return "edit", {"filePath": path, "oldString": "here of", "newString": "there of"}

    def patch(path):
        body = f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old('here')}\n+{old('there')}\n*** End Patch"
        return "apply_patch", {"patchText": body}

    print("| what | time |\n|---|---|")
    took("edit, found at once", False, exact)
    took("edit, found by trimmed lines", False, nearly)
    took("apply_patch", True, patch)
    place = Place(given.binary, model, False)
    walls = [place.turn([("bash", {"command": f"sleep 0.5; echo {at}"}) for at in range(CALLS)])[0] for _ in range(3)]
    print(f"| turn with {CALLS} calls of half a second | {statistics.median(walls) * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
