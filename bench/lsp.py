#!/usr/bin/env python3
"""What diagnostics after an edit cost beside what the language server itself takes.

    OPENCODE_LANGUAGE_TOOLS=FOLDER scripts/language-tools
    cargo build --release -p opencode-cli --bin opencode
    bench/lsp.py --tools FOLDER [--binary target/release/opencode] [--edits 11] [--modules 200]

A made-up Python project is edited again and again in one session, each time so that another error is there; pyright
runs from the first edit on. Prints the median time of an edit from the call to its result, as it is stored; the same
without language servers; and what pyright takes by itself from a change to the diagnostics of the file, asked in the
same way by this script. Then the server is left alone for longer than `experimental.lsp_idle_seconds` allows, and it is
told how many of its language servers are left. Needs Python 3.9, git, node and Linux.
"""

import argparse
import json
import os
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tools import Model  # noqa: E402

IDLE = 3


def source(at):
    """The edited module, whose only error is in a line that changes."""
    return f"from m0 import f0\n\n\ndef g() -> int:\n    return f0(1)\n\n\nx{at}: int = \"{at}\"\n"


def error(at):
    """What pyright says of that line, and of no other."""
    return f'"Literal[\'{at}\']"'


def fill(project, modules):
    for at in range(modules):
        other = f"from m{at - 1} import f{at - 1}\n\n\n" if at else ""
        body = f"f{at - 1}(a)" if at else "a"
        Path(project, f"m{at}.py").write_text(f"{other}def f{at}(a: int) -> int:\n    return {body}\n")
    Path(project, "main.py").write_text(source(0))


class Pyright:
    """The server, spoken to as the program does it."""

    def __init__(self, command, project):
        self.process = subprocess.Popen(command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.heard, self.last = queue.Queue(), 0
        threading.Thread(target=self.listen, daemon=True).start()
        self.uri = Path(project, "main.py").as_uri()
        root = Path(project).as_uri()
        result = self.ask("initialize", {
            "processId": os.getpid(), "rootUri": root, "workspaceFolders": [{"name": "workspace", "uri": root}],
            "capabilities": {"workspace": {"configuration": True}, "window": {"workDoneProgress": True},
                             "textDocument": {"publishDiagnostics": {"versionSupport": False},
                                              "diagnostic": {"dynamicRegistration": True, "relatedDocumentSupport": True}}}})["result"]
        self.pulls = result["capabilities"].get("diagnosticProvider")
        self.tell("initialized", {})

    def listen(self):
        while True:
            length = 0
            while (line := self.process.stdout.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if not length:
                return
            message = json.loads(self.process.stdout.read(length))
            if "method" in message and "id" in message:
                asked = message.get("params") or {}
                for wish in asked.get("registrations", []):
                    if wish["method"] == "textDocument/diagnostic":
                        self.pulls = wish.get("registerOptions", {})
                        self.heard.put({"registered": True})
                items = asked.get("items", [])
                self.send({"id": message["id"], "result": [None for _ in items] or None})
            else:
                self.heard.put(message)

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def wait(self, fits):
        until = time.monotonic() + 60
        while True:
            message = self.heard.get(timeout=until - time.monotonic())
            if fits(message):
                return message

    def ask(self, method, params):
        self.last += 1
        self.send({"id": self.last, "method": method, "params": params})
        return self.wait(lambda message: message.get("id") == self.last)

    def show(self, version, text):
        """Seconds up to the diagnostics of this very text."""
        begun = time.perf_counter()
        document = {"uri": self.uri, "version": version}
        if version:
            self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        else:
            self.tell("textDocument/didOpen", {"textDocument": {**document, "languageId": "python", "text": text}})

        def pull():
            if self.pulls is not None:
                self.last += 1
                wanted = {"textDocument": {"uri": self.uri}, "identifier": self.pulls.get("identifier")}
                self.send({"id": self.last, "method": "textDocument/diagnostic", "params": wanted})

        def fits(message):
            said = message.get("params") or {}
            is_it = message.get("method") == "textDocument/publishDiagnostics" and said.get("uri") == self.uri
            found = said["diagnostics"] if is_it else []
            if "registered" in message:
                pull()
            if message.get("id") == self.last and "method" not in message:
                found = (message.get("result") or {}).get("items", [])
                if not found:
                    pull()
            # Each text has its own error.
            return any(error(version) in one["message"] for one in found)

        # What it tells by itself and what it answers: whichever comes first, as the program has it.
        pull()
        self.wait(fits)
        return time.perf_counter() - begun

    def end(self):
        self.process.kill()
        self.process.wait()


class Server:
    """The program as a server, in a home of its own."""

    def __init__(self, binary, model, tools, modules, with_languages):
        self.model = model
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        home = self.folder.name
        self.project = f"{home}/project"
        os.makedirs(self.project)
        subprocess.run(["git", "init", "-q"], cwd=self.project, check=True)
        fill(self.project, modules)
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"http://127.0.0.1:{model.server_port}", "apiKey": "k"},
            "models": {"scripted": {}},
        }
        config = {"model": "bench/scripted", "provider": {"bench": provider}, "snapshot": False, "lsp": with_languages,
                  "experimental": {"lsp_idle_seconds": IDLE}}
        Path(self.project, "opencode.json").write_text(json.dumps(config))
        environment = {"HOME": home, "PATH": f"{tools}/bin:{os.environ['PATH']}", "SHELL": "/bin/bash", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.process = subprocess.Popen([os.path.abspath(binary), "serve", "--port", str(port)], cwd=self.project, env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = next(line.split()[-1] for line in self.process.stdout if "listening on" in line)
        self.session = self.ask("POST", "/session", {})["id"]

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def edit(self, at):
        """Seconds of the edit that puts one error in the place of another."""
        path = f"{self.project}/main.py"
        old, new = source(at - 1).splitlines()[-1], source(at).splitlines()[-1]
        self.model.calls = [("edit", {"filePath": path, "oldString": old, "newString": new})]
        self.ask("POST", f"/session/{self.session}/message", {"parts": [{"type": "text", "text": "go"}]})
        messages = self.ask("GET", f"/session/{self.session}/message")
        part = [part for message in messages for part in message["parts"] if part["type"] == "tool"][-1]
        state = part["state"]
        assert state["status"] == "completed", state
        return (state["time"]["end"] - state["time"]["start"]) / 1e3, state["output"]

    def end(self):
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/opencode")
    parser.add_argument("--tools", default=os.environ.get("OPENCODE_LANGUAGE_TOOLS"))
    parser.add_argument("--edits", type=int, default=11)
    parser.add_argument("--modules", type=int, default=200)
    given = parser.parse_args()
    program = Path(given.tools or "", "bin/pyright-langserver").absolute()
    if not program.exists():
        sys.exit("left out: there is no pyright (scripts/language-tools installs it; --tools names its folder)")
    edits = range(1, given.edits + 1)
    model = Model()

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as project:
        fill(project, given.modules)
        pyright = Pyright([program, "--stdio"], project)
        first = pyright.show(0, source(0))
        alone = [pyright.show(at, source(at)) for at in edits]
        pyright.end()

    plain = Server(given.binary, model, given.tools, given.modules, False)
    without = [plain.edit(at)[0] for at in edits]
    plain.end()

    server = Server(given.binary, model, given.tools, given.modules, True)
    # With the first edit pyright is started.
    begun, _ = server.edit(1)
    times = []
    for at in range(2, given.edits + 2):
        taken, output = server.edit(at)
        assert error(at) in output and "LSP errors detected" in output, output
        times.append(taken)
    running = len(server.ask("GET", "/lsp"))
    limit = time.monotonic() + IDLE + 30
    while (left := len(server.ask("GET", "/lsp"))) and time.monotonic() < limit:
        time.sleep(0.5)
    server.end()

    median = statistics.median
    own, edit = median(alone), median(times)
    print("| what | first | later |\n|---|---|---|")
    print(f"| pyright by itself, from a change to its diagnostics | {first * 1e3:.0f} ms | {own * 1e3:.0f} ms |")
    print(f"| an edit without language servers | | {median(without) * 1e3:.0f} ms |")
    print(f"| an edit with pyright's diagnostics | {begun * 1e3:.0f} ms | {edit * 1e3:.0f} ms |")
    print(f"| more than pyright by itself | | {(edit - own) * 1e3:+.0f} ms |")
    print(f"| language servers after the edits, and after {IDLE} s without work | {running} | {left} |")


if __name__ == "__main__":
    main()
