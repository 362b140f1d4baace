#!/usr/bin/env python3
"""What durable sessions cost: events a second, what a step waits for the disk, memory after many turns.

  bench/durable.py [--binary PATH] [--turns 1000] [--steps 300] [--only CASE]

`events` runs the store's own example (`cargo build --release -p opencode-store --example events`). `steps` makes
turns of one step in two servers in turns, one with its database in a file and one with it in memory: the difference
is what is waited for the disk. `memory` reads the resident size after a tenth of the turns and after all of them,
for durable sessions and for the others. The model is a script in this process. Prints one JSON line a case. Needs
Python 3.9, git and Linux.
"""
import argparse, json, os, subprocess, sys, threading, time, urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from server import ROOT, Model, Models, Server  # noqa: E402

EVENTS = ROOT / "target/release/examples/events"
# Turns of a session: what grows with a conversation is not what is measured.
OF_A_SESSION = 20


def events(options, url):
    for line in subprocess.run([EVENTS], capture_output=True, text=True, check=True).stdout.splitlines():
        yield json.loads(line)


def call(server, path, body=None):
    data = json.dumps(body or {}).encode()
    request = urllib.request.Request(server.url + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None


class Talk:
    """Turns with a server, in sessions that are not long."""

    def __init__(self, server, durable):
        self.server, self.durable, self.turns = server, durable, 0

    def turn(self):
        """Milliseconds of one turn."""
        if self.turns % OF_A_SESSION == 0:
            made = call(self.server, "/api/session" if self.durable else "/session")
            self.session = made["data"]["id"] if self.durable else made["id"]
        self.turns += 1
        begun = time.monotonic()
        if self.durable:
            call(self.server, f"/api/session/{self.session}/prompt", {"prompt": {"text": "go on"}})
            call(self.server, f"/api/session/{self.session}/wait")
        else:
            call(self.server, f"/session/{self.session}/message", {"parts": [{"type": "text", "text": "go on"}]})
        return (time.monotonic() - begun) * 1000


def steps(options, url):
    for durable in (True, False):
        disk, memory = Server(options.binary, url), Server(options.binary, url)
        memory.environment["OPENCODE_DB"] = ":memory:"
        with disk, memory:
            on_disk, in_memory = Talk(disk, durable), Talk(memory, durable)
            both = [(on_disk.turn(), in_memory.turn()) for _ in range(options.steps + OF_A_SESSION)][OF_A_SESSION:]
        found = {"durable": durable, "steps": options.steps}
        # The quickest tenth says more than the middle where the machine is busy with other work.
        for name, place in (("median", 0.5), ("tenth", 0.1)):
            file, none = (sorted(column)[int(len(both) * place)] for column in zip(*both))
            found |= {f"file_{name}_ms": round(file, 2), f"memory_{name}_ms": round(none, 2), f"added_{name}_ms": round(file - none, 2)}
        yield found


def memory(options, url):
    for durable in (True, False):
        with Server(options.binary, url) as server:
            talk, sizes = Talk(server, durable), []
            for goal in (options.turns // 10, options.turns):
                while talk.turns < goal:
                    talk.turn()
                time.sleep(2)
                sizes.append(server.memory()[0])
            yield {"durable": durable, "turns": options.turns, "after_a_tenth_mb": sizes[0], "after_all_mb": sizes[1],
                   "more_percent": round((sizes[1] / sizes[0] - 1) * 100, 1)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default=str(ROOT / "target/release/opencode"))
    arguments.add_argument("--turns", type=int, default=1000)
    arguments.add_argument("--steps", type=int, default=300)
    cases = {"events": events, "steps": steps, "memory": memory}
    arguments.add_argument("--only", choices=cases)
    options = arguments.parse_args()
    options.binary = os.path.abspath(options.binary)
    Model.words, Model.pause = 20, 0.0
    model = Models(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{model.server_address[1]}/v1"
    for name, case in cases.items():
        if options.only in (None, name):
            for found in case(options, url):
                print(json.dumps({"case": name, **found}), flush=True)


if __name__ == "__main__":
    main()
