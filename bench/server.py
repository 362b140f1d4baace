#!/usr/bin/env python3
"""What the server bears: requests, listeners, long sessions, many prompts; and what a token costs.

  bench/server.py [--binary NAME=PATH ...] [--listeners 1000] [--messages 10000] [--prompts 32] [--tokens 5000]
                  [--only CASE]

Starts each binary as `serve` in a home of its own, lets the load tool of the client room work on it
(`cargo build --release -p opencode-client --example load`) and watches the server's resident memory. The model
is a script in this process. Prints one JSON line a case. Needs Python 3.9, git and Linux.
"""
import argparse, http.server, json, os, resource, socket, subprocess, sys, tempfile, threading, time, urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from history import ROOT, session  # noqa: E402

LOAD = ROOT / "target/release/examples/load"


class Model(http.server.BaseHTTPRequestHandler):
    """Speaks OpenAI chat completions, word by word."""

    protocol_version = "HTTP/1.1"
    words, pause = 1, 0.0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        # Titles have no tools, and are not what is measured.
        words, pause = (Model.words, Model.pause) if body.get("tools") else (1, 0)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for n in range(words):
            self.say({"choices": [{"index": 0, "delta": {"content": f"word{n} "}}]})
            time.sleep(pause)
        self.say({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.say({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": words, "total_tokens": 100 + words}})
        self.wfile.write(b"data: [DONE]\n\n")

    def say(self, chunk):
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted", **chunk}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Models(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


class Server:
    """A binary that serves, in a home of its own."""

    def __init__(self, binary, url):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory()
        home, self.project = Path(self.folder.name, "home"), Path(self.folder.name, "project")
        home.mkdir(), self.project.mkdir()
        subprocess.run(["git", "init", "-q", self.project], check=True)
        config = {"model": "scripted/scripted", "small_model": "scripted/scripted", "provider": {"scripted": {
            "npm": "@ai-sdk/openai-compatible", "options": {"baseURL": url, "apiKey": "none"},
            "models": {"scripted": {"limit": {"context": 200_000_000, "output": 8192}}}}}}
        (self.project / "opencode.json").write_text(json.dumps(config))
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}

    def run(self, *words):
        subprocess.run([self.binary, *words], cwd=self.project, env=self.environment, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.process = subprocess.Popen([self.binary, "serve", "--port", str(port)], cwd=self.project, env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = next(line.split()[-1] for line in self.process.stdout if "listening on" in line)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def memory(self):
        """Resident now and at most so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        value = lambda name: next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024
        return round(value("VmRSS"), 1), round(value("VmHWM"), 1)

    def processor(self):
        """Seconds that the server and its ended children have worked."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)

    def turn(self, session, words, pause):
        """What a turn of so many words costs, in seconds of processor and of waiting."""
        Model.words, Model.pause = words, pause
        before, begun = self.processor(), time.monotonic()
        self.post(f"/session/{session}/message", {"parts": [{"type": "text", "text": "go"}]})
        taken = time.monotonic() - begun
        time.sleep(1)
        return self.processor() - before, taken

    def load(self, what, how):
        """What the load tool found, and the server's memory before, at most, and after."""
        before, _ = self.memory()
        done = subprocess.run([LOAD, what, self.url, str(how)], capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            return {"failed": done.stderr.strip()[:400]}
        after, peak = self.memory()
        found = {key: round(value, 3) if isinstance(value, float) else value for key, value in json.loads(done.stdout).items()}
        return {**found, "before_mb": before, "peak_mb": peak, "after_mb": after}


def requests(server, options):
    with server:
        server.load("prompts", 20)
        time.sleep(2)
        idle, _ = server.memory()
        return {**server.load("requests", 5), "idle_with_20_sessions_mb": idle}


def listeners(server, options):
    Model.words, Model.pause = 500, 0.01
    with server:
        server.load("prompts", 1)
        return server.load("listeners", options.listeners)


def pages(server, options):
    (server.project / "long.json").write_text(json.dumps(session(options.messages, False, str(server.project))))
    server.run("import", "long.json")
    with server:
        server.load("requests", 0)
        return server.load("pages", "ses_" + "0" * 26)


def prompts(server, options):
    with server:
        server.load("prompts", 1)
        return server.load("prompts", options.prompts)


def tokens(server, options):
    """A word is an event of the model's; they come at the pace of a fast model, and all at once."""
    with server:
        session = server.post("/session", {})["id"]
        events = urllib.request.urlopen(server.url + "/event", timeout=600)
        threading.Thread(target=lambda: all(iter(events.readline, b"")), daemon=True).start()
        server.turn(session, 1, 0)
        base = min(server.turn(session, 1, 0)[0] for _ in range(3))
        found = {}
        for name, pause in (("paced", 0.002), ("at_once", 0)):
            cost, taken = server.turn(session, options.tokens, pause)
            found[f"{name}_us_a_token"] = round((cost - base) / options.tokens * 1e6, 1)
            found[f"{name}_tokens_a_second"] = round(options.tokens / taken)
        return {"tokens": options.tokens, "turn_of_one_ms": round(base * 1e3), **found}


def start(server, options):
    """From the program's start to its first healthy answer, while the catalogue of models is asked for and never comes."""
    silent, kept, asked = socket.create_server(("127.0.0.1", 0)), [], threading.Event()

    def accept():
        while True:
            kept.append(silent.accept())
            asked.set()

    threading.Thread(target=accept, daemon=True).start()
    server.environment.update(OPENCODE_DISABLE_MODELS_FETCH="0",
                              OPENCODE_MODELS_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
    taken, hung = [], 0
    for _ in range(12):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        asked.clear()
        begun = time.monotonic()
        process = subprocess.Popen([server.binary, "serve", "--port", str(port)], cwd=server.project, env=server.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=10).read()
                break
            except OSError:
                time.sleep(0.0005)
        taken.append((time.monotonic() - begun) * 1e3)
        hung += asked.wait(5)
        process.kill()
        process.wait()
    taken = sorted(taken[1:])  # the first one makes the home
    return {"first_health_ms": round(taken[len(taken) // 2], 1), "slowest_ms": round(taken[-1], 1), "catalogue_hung": hung}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", action="append", help="NAME=PATH; without any, ours of the release build")
    arguments.add_argument("--listeners", type=int, default=1000)
    arguments.add_argument("--messages", type=int, default=10000)
    arguments.add_argument("--prompts", type=int, default=32)
    arguments.add_argument("--tokens", type=int, default=5000)
    cases = {"requests": requests, "listeners": listeners, "pages": pages, "prompts": prompts, "tokens": tokens, "start": start}
    arguments.add_argument("--only", choices=cases)
    options = arguments.parse_args()
    # A connection is a file.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    model = Models(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{model.server_address[1]}/v1"
    binaries = options.binary or [f"ours={ROOT / 'target/release/opencode'}"]
    for name, case in cases.items():
        if options.only not in (None, name):
            continue
        for binary in binaries:
            who, path = binary.split("=", 1)
            path = os.path.abspath(path)
            Model.words, Model.pause = 20, 0.0
            print(json.dumps({"case": name, "binary": who, **case(Server(path, url), options)}), flush=True)


if __name__ == "__main__":
    main()
