#!/usr/bin/env python3
"""What it costs to continue a long session by one prompt.

  bench/history.py [--binary PATH] [--against PATH ...] [--messages 100,10000] [--runs 5]

Each binary imports a made-up session, once with a summary every hundred messages (as a session has that was
shortened whenever the model's context was full) and once without any, and is then asked one more thing by
`run --session`. The model is a script in this process that answers at once. Prints one JSON line a case:
wall and CPU in milliseconds (medians after one run that is not counted), the greatest resident size in MB,
and how many messages the model was sent. Needs Python 3.9, git and Linux.
"""
import argparse, http.server, json, os, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

START = 1_760_000_000_000
ROOT = Path(__file__).resolve().parent.parent


class Model(http.server.BaseHTTPRequestHandler):
    """Speaks OpenAI chat completions; keeps how many messages it was sent."""

    protocol_version = "HTTP/1.1"
    sent = 0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body.get("tools"):
            Model.sent = len(body["messages"])
        chunks = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Done."}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}},
        ]
        lines = [json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted", **c}) for c in chunks]
        answer = "".join(f"data: {line}\n\n" for line in lines + ["[DONE]"]).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def session(count, summaries, folder):
    """An export of `count` messages, one tool call in each answer."""
    sid = "ses_" + "0" * 26
    model = {"providerID": "scripted", "modelID": "scripted"}
    tokens = {"input": 100, "output": 10, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    messages, user = [], None
    for n in range(count):
        mid, at = f"msg_{n:012x}{'0' * 14}", START + n
        compacts = summaries and n % 100 in (98, 99)

        def part(k, kind, **body):
            return {"id": f"prt_{n * 8 + k:012x}{'0' * 14}", "sessionID": sid, "messageID": mid, "type": kind, **body}

        if n % 2 == 0:
            user = mid
            info = {"id": mid, "sessionID": sid, "role": "user", "time": {"created": at}, "agent": "build", "model": model}
            parts = [part(0, "compaction", auto=True)] if compacts else [part(0, "text", text=f"Question {n}: what is in the next file?")]
        else:
            info = {"id": mid, "sessionID": sid, "role": "assistant", "time": {"created": at, "completed": at}, "parentID": user,
                    **model, "mode": "build", "agent": "build", "path": {"cwd": folder, "root": folder}, "cost": 0, "tokens": tokens,
                    "finish": "stop", **({"summary": True} if compacts else {})}
            text = part(2, "text", text=f"Answer {n}. " + "It holds what was expected of it. " * 10, time={"start": at, "end": at})
            call = part(1, "tool", callID=f"call_{n}", tool="read", state={
                "status": "completed", "input": {"filePath": f"{folder}/file-{n}.txt"}, "title": f"file-{n}.txt", "metadata": {},
                "output": "\n".join(f"{i}: line {i} of file {n}" for i in range(40)), "time": {"start": at, "end": at}})
            parts = [text] if compacts else [call, text]
        messages.append({"info": info, "parts": parts})
    info = {"id": sid, "slug": "long", "projectID": "global", "directory": folder, "title": "A long session", "version": "1.18.33",
            "time": {"created": START, "updated": START + count}}
    return {"info": info, "messages": messages}


def run(command, **options):
    """Wall and CPU in ms and the peak of resident memory in MB of one process."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    peak = 0
    reader = threading.Thread(target=lambda: setattr(process, "said", process.stdout.read() + process.stderr.read()))
    reader.start()
    # The peak that `wait4` gives begins with the size of this process, so the child's own is read while it runs.
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")])
        except OSError:
            pass
        time.sleep(0.001)
    wall = time.monotonic() - begun
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    reader.join()
    if process.returncode != 0:
        sys.exit(f"{command} failed: {process.said.decode()}")
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, peak / 1024


def measure(binary, count, summaries, runs, url):
    with tempfile.TemporaryDirectory() as root:
        home, project = Path(root, "home"), Path(root, "project")
        home.mkdir(), project.mkdir()
        subprocess.run(["git", "init", "-q", project], check=True)
        config = {"model": "scripted/scripted", "provider": {"scripted": {
            "npm": "@ai-sdk/openai-compatible", "options": {"baseURL": url, "apiKey": "none"},
            "models": {"scripted": {"limit": {"context": 200_000_000, "output": 8192}}}}}}
        (project / "opencode.json").write_text(json.dumps(config))
        (project / "long.json").write_text(json.dumps(session(count, summaries, str(project))))
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
        options = {"cwd": project, "env": environment}
        run([binary, "import", "long.json"], **options)
        ask = [binary, "run", "--session", "ses_" + "0" * 26, "And now?"]
        rows = [run(ask, **options) for _ in range(runs + 1)][1:]
        wall, cpu, rss = (round(statistics.median(column), 1) for column in zip(*rows))
        return {"wall_ms": wall, "cpu_ms": cpu, "rss_mb": rss, "sent": Model.sent}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default=str(ROOT / "target/release/opencode"))
    arguments.add_argument("--against", nargs="*", default=[])
    arguments.add_argument("--messages", default="100,10000")
    arguments.add_argument("--runs", type=int, default=5)
    given = arguments.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    for binary in [given.binary, *given.against]:
        for summaries in (True, False):
            for count in map(int, given.messages.split(",")):
                result = measure(os.path.abspath(binary), count, summaries, given.runs, url)
                print(json.dumps({"binary": binary, "messages": count, "summaries": summaries, **result}), flush=True)


if __name__ == "__main__":
    main()
