#!/usr/bin/env python3
"""Fills corpus/ with recorded answers and with the cases of the tests: fuzzing begins where real answers end.

The recordings are those that the tests use ($OPENCODE_SHARED/fixtures/providers); without them there are the
cases alone.
"""
import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = HERE.parent / "tests" / "cases"
SHARED = Path(os.environ.get("OPENCODE_SHARED", HERE.parents[3] / "shared"))
LARGEST = 64 * 1024
# Folder of the recordings and package of the cases, by target.
TARGETS = {
    "anthropic": (["anthropic-messages"], ["anthropic"]),
    "openai_chat": (
        ["openai-chat", "openai-compatible-chat", "mistral", "perplexity"],
        ["compatible", "openrouter", "mistral", "groq", "xai", "azure", "alibaba", "togetherai"],
    ),
    "openai_responses": (["openai-responses", "xai-responses"], ["@ai-sdk/openai", "xai"]),
    "gemini": (["gemini"], ["google"]),
    "bedrock": (["bedrock-converse"], ["bedrock"]),
    "cohere": (["cohere"], ["cohere"]),
}
# Targets that take their first byte as a choice among adapters.
CHOOSING = {"openai_chat", "openai_responses", "gemini"}


def store(target, seeds):
    corpus = HERE / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed[:LARGEST])
    print(f"{target}: {len(seeds)}")


def answers(folders, packages, cases):
    for case in cases:
        if isinstance(case.get("answer"), str) and any(part in case.get("package", "") for part in packages):
            yield case["answer"].encode()
    for folder in folders:
        for path in sorted((SHARED / "fixtures" / "providers" / folder).glob("*/*")):
            if path.name in ("stream.txt", "stream.bin", "response.json"):
                yield path.read_bytes()


def main():
    files = ("answers.json", "responses.json", "clouds.json")
    cases = [case for name in files for case in json.loads((CASES / name).read_text())]
    events = []
    for target, (folders, packages) in TARGETS.items():
        found = list(answers(folders, packages, cases))
        chooses = target in CHOOSING
        store(target, [(bytes([number % 64]) if chooses else b"") + answer for number, answer in enumerate(found)])
        events += [bytes([number % 64]) + answer[:8192] for number, answer in enumerate(found[::8])]
    store("sse", events)
    inputs = [case["input"] for name in ("requests.json", "responses_requests.json")
              for case in json.loads((CASES / name).read_text())]
    recorded = sorted((SHARED / "fixtures" / "providers" / "_requests").glob("*/*.json"))
    inputs += [json.loads(path.read_text())["input"] for path in recorded]
    store("request", [bytes([number % 64]) + json.dumps(given).encode() for number, given in enumerate(inputs)])


main()
