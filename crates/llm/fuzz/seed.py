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
    "openai_chat": (["openai-chat", "openai-compatible-chat", "mistral", "openrouter"], ["compatible", "openrouter", "mistral"]),
    "openai_responses": (["openai-responses", "xai-responses"], ["@ai-sdk/openai", "xai"]),
    "gemini": (["gemini"], ["google"]),
    "bedrock": (["bedrock-converse"], ["bedrock"]),
    "cohere": (["cohere"], ["cohere"]),
}
# Targets that take their first byte as a choice among adapters.
CHOOSING = {"openai_chat", "openai_responses", "gemini"}


def main():
    cases = [case for name in ("answers.json", "responses.json", "clouds.json") for case in json.loads((CASES / name).read_text())]
    for target, (folders, packages) in TARGETS.items():
        answers = [case["answer"].encode() for case in cases
                   if isinstance(case.get("answer"), str) and any(part in case.get("package", "") for part in packages)]
        for folder in folders:
            for path in (SHARED / "fixtures" / "providers" / folder).glob("*/*"):
                if path.name in ("stream.txt", "stream.bin", "response.json"):
                    answers.append(path.read_bytes())
        corpus = HERE / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        for number, answer in enumerate(answers):
            head = bytes([number % 64]) if target in CHOOSING else b""
            (corpus / f"seed-{number}").write_bytes(head + answer[:LARGEST])
        print(f"{target}: {len(answers)}")
    requests = json.loads((CASES / "requests.json").read_text())
    corpus = HERE / "corpus" / "request"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(requests):
        (corpus / f"seed-{number}").write_bytes(bytes([number % 64]) + json.dumps(case.get("input", case.get("request", {}))).encode())
    print(f"request: {len(requests)}")


main()
