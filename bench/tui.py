#!/usr/bin/env python3
"""What the terminal interface costs: its start, its memory, keys, streaming, scrolling, rest.

    cargo build --release -p opencode-cli --bin opencode
    bench/tui.py [--binary NAME=PATH …] [--runs 5] [--messages 10000] [--only CASE]

Starts each binary on a pseudo-terminal of 120×36 in a home of its own. `start`: up to the first frame, and up to the
prompt with the model's name, in a home that knows the program; memory then, and processor time in ten seconds of rest.
`keys`: a long session is imported and shown; from a key to the bytes that show it, the median and the slowest of fifty.
`scroll`: the same session a page up sixty times a second for five seconds: share of a core, and the slowest answer.
`stream`: an answer of 200 words a second for ten seconds: share of a core of the whole process, server included.
The model is a script in this process. Prints one JSON line a case. Needs Python 3.9, git and Linux.
"""

import argparse
import fcntl
import json
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from history import ROOT, session  # noqa: E402
from server import Model, Models  # noqa: E402

SESSION = "ses_" + "0" * 26
TICKS = os.sysconf("SC_CLK_TCK")


class Face:
    """A program on a terminal."""

    def __init__(self, command, project, environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.begun, self.seen = time.monotonic(), b""
        self.process = subprocess.Popen(command, cwd=project, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

    def read(self, limit):
        """What is written next, and nothing if nothing is for that long."""
        ready, _, _ = select.select([self.master], [], [], limit)
        if not ready:
            return b""
        try:
            piece = os.read(self.master, 1 << 16)
        except OSError:
            return b""
        self.seen += piece
        return piece

    def until(self, text, limit=60):
        """Seconds since the start when a text stands somewhere in what was written."""
        end = time.monotonic() + limit
        while text not in self.seen:
            if time.monotonic() > end:
                sys.exit(f"{text!r} does not come: {self.seen[-2000:]!r}")
            self.read(0.5)
        return time.monotonic() - self.begun

    def rest(self, quiet=1.0):
        while self.read(quiet):
            pass

    def send(self, keys):
        os.write(self.master, keys)

    def processor(self):
        """Seconds of processor of the process and those that it started."""
        total, waiting = 0, [self.process.pid]
        while waiting:
            pid = waiting.pop()
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
                waiting += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except OSError:
                pass
        return total / TICKS

    def memory(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


class Place:
    """A home and a project with one model."""

    def __init__(self, binary, url, root):
        self.binary, self.project = binary, Path(root, "project")
        home = Path(root, "home")
        home.mkdir(), self.project.mkdir()
        subprocess.run(["git", "init", "-q", self.project], check=True)
        config = {"model": "scripted/scripted", "small_model": "scripted/scripted", "autoupdate": False, "provider": {"scripted": {
            "npm": "@ai-sdk/openai-compatible", "name": "Scripted", "options": {"baseURL": url, "apiKey": "none"},
            "models": {"scripted": {"name": "Scripted", "limit": {"context": 200_000_000, "output": 8192}}}}}}
        (self.project / "opencode.json").write_text(json.dumps(config))
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor",
                            "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}

    def face(self, *arguments):
        return Face([self.binary, *arguments], self.project, self.environment)

    def long(self, messages):
        (self.project / "long.json").write_text(json.dumps(session(messages, False, str(self.project))))
        subprocess.run([self.binary, "import", "long.json"], cwd=self.project, env=self.environment, check=True, capture_output=True)
        face = self.face("-s", SESSION)
        face.until(b"Answer")
        face.rest()
        return face


def start(place, options):
    first, ready, memory, idle = [], [], [], 0
    for run in range(options.runs + 1):
        face = place.face()
        until_first, until_ready = face.until(b"\xe2\x96\x80"), face.until(b"Scripted")
        face.rest(5 if run == options.runs else 2)
        if run:
            first.append(until_first * 1000), ready.append(until_ready * 1000), memory.append(face.memory())
        if run == options.runs:
            before = face.processor()
            time.sleep(10)
            idle = (face.processor() - before) * 10
        face.close()
    row = {"first_frame_ms": first, "ready_ms": ready, "rss_mb": memory}
    return {name: round(statistics.median(column), 1) for name, column in row.items()} | {"idle_percent": round(idle, 2)}


def keys(place, options):
    face, times = place.long(options.messages), []
    for _ in range(50):
        begun = time.perf_counter()
        face.send(b"x")
        while not face.read(5):
            pass
        times.append((time.perf_counter() - begun) * 1000)
        face.rest(0.05)
    memory = face.memory()
    face.close()
    return {"messages": options.messages, "median_ms": round(statistics.median(times), 2), "slowest_ms": round(max(times), 2), "rss_mb": round(memory, 1)}


def scroll(place, options):
    face, slowest = place.long(options.messages), 0
    before, begun = face.processor(), time.monotonic()
    while time.monotonic() - begun < 5:
        sent = time.perf_counter()
        face.send(b"\x1b[5~")
        face.read(1)
        slowest = max(slowest, (time.perf_counter() - sent) * 1000)
        time.sleep(max(0, 1 / 60 - (time.perf_counter() - sent)))
    used = (face.processor() - before) / (time.monotonic() - begun) * 100
    face.close()
    return {"messages": options.messages, "processor_percent": round(used, 1), "slowest_ms": round(slowest, 2)}


def stream(place, options):
    Model.words, Model.pause = 2400, 1 / 200
    face = place.face("--prompt", "go")
    face.until(b"word1")
    stop = threading.Event()
    threading.Thread(target=lambda: [face.read(0.1) for _ in iter(lambda: not stop.is_set(), False)], daemon=True).start()
    before, begun = face.processor(), time.monotonic()
    time.sleep(10)
    used = (face.processor() - before) / (time.monotonic() - begun) * 100
    stop.set()
    Model.words, Model.pause = 1, 0.0
    face.close()
    return {"words_a_second": 200, "processor_percent": round(used, 1)}


CASES = {case.__name__: case for case in (start, keys, scroll, stream)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", action="append", metavar="NAME=PATH", help="without any, ours of the release build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--only", choices=CASES)
    options = parser.parse_args()
    models = Models(("127.0.0.1", 0), Model)
    # Who is stopped in the middle of an answer hangs up.
    models.handle_error = lambda *_: None
    threading.Thread(target=models.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{models.server_address[1]}/v1"
    for named in options.binary or [f"ours={ROOT}/target/release/opencode"]:
        name, path = named.split("=", 1)
        for case in [options.only] if options.only else CASES:
            with tempfile.TemporaryDirectory() as root:
                row = CASES[case](Place(str(Path(path).resolve()), url, root), options)
                print(json.dumps({"case": case, "binary": name} | row), flush=True)


if __name__ == "__main__":
    main()
