#!/usr/bin/env python3
"""Writes down what the reference program makes of the trees in corpus/*.json.

usage: record.py REFERENCE_BINARY [FILE [NAME]]

Only cases without `expected`, and the named one, are run; those with `beyond` are not the reference's. Each case is built in a fresh folder, a server of the reference is started in it, and its `GET /config` (or
the error that it answers) becomes `expected`. Cases with `ours` behave differently here on purpose: that
value is never touched. Tests do not need this program; it is only run to add cases.
"""
import json, os, pathlib, re, shutil, socket, subprocess, sys, tempfile, threading, time
import http.server, urllib.error, urllib.parse, urllib.request

CORPUS = pathlib.Path(__file__).parent / "corpus"
SCHEMA = "https://opencode.ai/config.json"


def text_of(content):
    return content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)


def remote(answers):
    """A web server that gives `answers`, and its port."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.get(self.path)
            if isinstance(answer, dict) and "needs" in answer:
                name, value = answer["needs"]
                answer = answer["body"] if self.headers.get(name) == value else None
            if isinstance(answer, dict) and "status" in answer:
                status, kind, body = answer["status"], answer.get("type", "text/plain"), answer["text"]
            elif answer is None:
                status, kind, body = 404, "text/plain", "not here"
            else:
                status, kind, body = 200, "application/json", json.dumps(answer)
            body = body.replace("REMOTE", f"http://127.0.0.1:{self.server.server_port}").encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_port


def trimmed(config):
    """Without what is the same in every case."""
    if config.get("$schema") == SCHEMA:
        del config["$schema"]
    if config.get("username") in ("somebody", "root", "unknown"):
        del config["username"]
    for key in ("agent", "mode", "command", "plugin", "plugin_origins"):
        if config.get(key) in ({}, []):
            del config[key]
    return config


def observe(binary, case):
    root = pathlib.Path(tempfile.mkdtemp(prefix="corpus-")).resolve()
    server, port = remote(case.get("remote", {}))
    process = None
    try:
        fill = lambda text: text.replace("ROOT", str(root)).replace("REMOTE", f"http://127.0.0.1:{port}")
        directory = root / case.get("directory", "project/folder")
        directory.mkdir(parents=True, exist_ok=True)
        (root / "project").mkdir(exist_ok=True)
        (root / "home").mkdir(exist_ok=True)
        if case.get("git", True):
            subprocess.run(["git", "init", "-q", root / "project"], check=True)
        for name, content in case.get("files", {}).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_text(fill(text_of(content)))
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(root / "home"), "USER": "somebody", "TMPDIR": str(root),
            "OPENCODE_TEST_MANAGED_CONFIG_DIR": str(root / "managed"), "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_PURE": "1",
            "npm_config_registry": "http://127.0.0.1:9",
        }
        environment |= {name: fill(text_of(value)) for name, value in case.get("environment", {}).items()}
        process = subprocess.Popen([binary, "serve", "--port", "0", "--print-logs"], cwd=directory, env=environment,
                                   stdout=subprocess.PIPE, stderr=open(root / "log", "w"), text=True)
        # A global configuration that is wrong is no hindrance to a server of the reference.
        line = ""
        while "listening" not in line:
            line = process.stdout.readline()
            if not line:
                return {"died": True}
        address = line.split()[-1]
        query = urllib.parse.urlencode({"directory": str(directory)})
        try:
            with urllib.request.urlopen(f"{address}/config?{query}", timeout=30) as answer:
                result = {"config": trimmed(json.load(answer))}
        except urllib.error.HTTPError as error:
            result = {"error": json.load(error)}
        said = json.dumps(result, ensure_ascii=False).replace(str(root), "ROOT")
        return json.loads(said.replace(f"http://127.0.0.1:{port}", "REMOTE"))
    finally:
        if process:
            process.kill()
            process.wait()
        server.shutdown()
        shutil.rmtree(root, ignore_errors=True)


def main():
    binary = sys.argv[1]
    files = [CORPUS / sys.argv[2]] if len(sys.argv) > 2 else sorted(CORPUS.glob("*.json"))
    for file in files:
        cases = json.loads(file.read_text())
        for case in cases:
            named = len(sys.argv) > 3 and sys.argv[3] == case["name"]
            if "beyond" in case or not (named or "expected" not in case):
                continue
            try:
                case["expected"] = observe(binary, case)
            except OSError as error:
                print(file.name, case["name"], "FAILED", error, flush=True)
                continue
            file.write_text(json.dumps(cases, indent=2, ensure_ascii=False) + "\n")
            print(file.name, case["name"], json.dumps(case["expected"], ensure_ascii=False)[:600], flush=True)


main()
