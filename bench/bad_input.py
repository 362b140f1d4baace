#!/usr/bin/env python3
"""Gives tools what never ends, is far too large or is no file, each in a turn of the whole program against a
scripted model, and checks that there is one clear result in bounded time and memory.

    bench/bad_input.py [--binary target/release/opencode] [CASE …]

Needs 600 MB of disk for a moment: a file of 5 GB is a hole, one of 100 MB and 1 GB of output are not.
"""

import argparse
import http.server
import json
import os
import subprocess
import threading
import time

from tools import Model, Place

MEGABYTES = 160


class Web(http.server.BaseHTTPRequestHandler):
    """Pages that never end, fast and slow, and one that leads on for ever."""

    def do_GET(self):
        forwards = self.path.startswith("/forwards")
        self.send_response(302 if forwards else 200)
        self.send_header("content-type", "text/html")
        if forwards:
            self.send_header("location", f"/forwards{time.time_ns()}")
        self.end_headers()
        try:
            while not forwards:
                self.wfile.write(b"x" * (1 if self.path == "/drip" else 65536))
                self.wfile.flush()
                time.sleep(0.05 if self.path == "/drip" else 0)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def fill(project):
    def at(name):
        return os.path.join(project, name)

    for name, start in (("zeros", b""), ("text", b"line one\nline two\n")):
        with open(at(name), "wb") as file:
            file.write(start)
            file.truncate(5 << 30)
    with open(at("line"), "wb") as file:
        for _ in range(100):
            file.write(b"a" * 1_000_000)
        file.write(b"\nend\n")
    with open(at("bytes"), "wb") as file:
        file.write(b"a\xff\xfeb\n")
    with open(at("small"), "wb") as file:
        file.write(b"line one\n")
    os.mkfifo(at("pipe"))


def cases(project, web):
    def bash(command, timeout=4000):
        return "bash", {"command": command, "timeout": timeout}

    def file(tool, name, **more):
        path = name if name.startswith("/") else os.path.join(project, name)
        return tool, {"filePath": path, **more}

    def page(path, timeout):
        return "webfetch", {"url": f"{web}/{path}", "timeout": timeout}

    change = {"oldString": "line one", "newString": "x"}
    # Name, call, state, what the result says, seconds.
    return [
        ("command that leaves a child", bash("sleep 20 & echo begun"), "completed", "begun", 3),
        ("command that leaves a daemon", bash("setsid sleep 20 & echo begun"), "completed", "begun", 3),
        ("command that ignores signals", bash('trap "" TERM INT HUP; while :; do sleep 1; done', 1000), "completed", "timeout 1000 ms", 8),
        ("command that prints 1 GB", bash("yes aaaaaaaa | head -c 1000000000", 60000), "completed", "Full output saved to", 60),
        ("command that wants input", bash("read x; cat; echo got $x"), "completed", "got", 3),
        ("command that wants a terminal", bash("head -c1 < /dev/tty || echo none"), "completed", "none", 3),
        ("read of 5 GB of zeros", file("read", "zeros"), "error", "binary", 3),
        ("read of 5 GB", file("read", "text", offset=2), "error", "binary", 3),
        ("read of a pipe", file("read", "pipe"), "error", "not a regular file", 3),
        ("read of a device", file("read", "/dev/zero"), "error", "not a regular file", 3),
        ("read of what is no UTF-8", file("read", "bytes"), "completed", "1: a", 3),
        ("read of a line of 100 MB", file("read", "line"), "completed", "line truncated", 8),
        ("edit of 5 GB", file("edit", "text", **change), "error", "too large", 3),
        ("edit of a line of 100 MB", file("edit", "line", **change), "error", "too large", 3),
        ("edit of a pipe", file("edit", "pipe", **change), "error", "not a regular file", 3),
        ("write to a pipe", file("write", "pipe", content="x"), "error", "not a regular file", 3),
        ("write to a device", file("write", "/dev/full", content="x"), "error", "not a regular file", 3),
        ("grep through all of it", ("grep", {"pattern": "^line one"}), "completed", "small:\n  Line 1: line one", 30),
        ("page that never ends", page("flood", 20), "error", "too large", 10),
        ("page that comes slowly", page("drip", 2), "error", "timed out", 5),
        ("page that leads on for ever", page("forwards", 20), "error", "too many redirects", 10),
    ]


def turn(place, call):
    """What came of a turn: the state of its call, wall, the program's peak of memory."""
    place.model.calls = [call]
    start = time.perf_counter()
    program = subprocess.Popen(
        [place.binary, "run", "--format", "json", "go"],
        cwd=place.project, env=place.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = threading.Timer(120, program.kill)
    end.start()
    lines = program.stdout.read().decode(errors="replace").splitlines()
    _, _, usage = os.wait4(program.pid, 0)
    end.cancel()
    used = [json.loads(line)["part"]["state"] for line in lines if '"type":"tool_use"' in line]
    return used, time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/opencode")
    parser.add_argument("case", nargs="*")
    given = parser.parse_args()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    web.daemon_threads = True
    threading.Thread(target=web.serve_forever, daemon=True).start()
    place = Place(given.binary, Model(), False)
    path = os.path.join(place.project, "opencode.json")
    with open(path) as file:
        config = json.load(file)
    with open(path, "w") as file:
        json.dump({**config, "permission": {"external_directory": "allow"}}, file)
    fill(place.project)
    failed = 0
    for name, call, status, says, seconds in cases(place.project, f"http://127.0.0.1:{web.server_port}"):
        if given.case and name not in given.case:
            continue
        used, wall, peak = turn(place, call)
        state = used[0] if len(used) == 1 else {}
        result = str(state.get("output") or state.get("error") or "")
        fits = state.get("status") == status and says in result and wall <= seconds and peak <= MEGABYTES
        failed += not fits
        print(f"{'ok  ' if fits else 'FAIL'} {name}: {wall:.1f} s, {peak:.0f} MB", flush=True)
        if not fits:
            print(f"     wanted {status} with {says!r} within {seconds} s and {MEGABYTES} MB; got {len(used)}: {result[-300:]!r}")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
