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
# Nobody recorded Vercel's gateway; each of its events is a part.
GATEWAY = [
    {"type": "response-metadata", "id": "r", "modelId": "m"},
    {"type": "reasoning-start", "id": "0", "providerMetadata": {"google": {"thoughtSignature": "A"}}},
    {"type": "reasoning-delta", "id": "0", "delta": "think"},
    {"type": "reasoning-end", "id": "0"},
    {"type": "text-start", "id": "1"},
    {"type": "text-delta", "id": "1", "delta": "said"},
    {"type": "text-end", "id": "1"},
    {"type": "tool-input-start", "id": "c", "toolName": "bash"},
    {"type": "tool-input-delta", "id": "c", "delta": "{}"},
    {"type": "tool-input-end", "id": "c"},
    {"type": "tool-call", "toolCallId": "c", "toolName": "bash", "input": "{}", "providerExecuted": False},
    {"type": "tool-result", "toolCallId": "c", "toolName": "bash", "result": {"n": 1}, "isError": True},
    {"type": "source", "sourceType": "url", "id": "s", "url": "https://a", "title": "A"},
    {"type": "file", "mediaType": "image/png", "data": "QUJD"},
    {"type": "error", "error": {"message": "busy", "statusCode": 529, "isRetryable": True}},
    {"type": "finish", "finishReason": {"unified": "stop", "raw": "STOP"},
     "usage": {"inputTokens": {"total": 5, "cacheRead": 1}, "outputTokens": {"total": 2, "reasoning": 1}}},
]
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


def in_envelope(answer):
    """An answer of chat completions as SAP's orchestration gives it."""
    lines = answer.split(b"\n")
    return b"\n".join(b'data: {"request_id":"r","final_result":' + line[6:] + b"}" if line.startswith(b"data: {") else line
                      for line in lines)


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
    store("sap", [in_envelope(answer) for answer in answers(["openai-chat"], ["compatible"], cases)])
    whole = "".join(f"data: {json.dumps(event)}\n\n" for event in GATEWAY)
    store("gateway", [whole.encode(), json.dumps({"content": GATEWAY, "finishReason": GATEWAY[-1]["finishReason"]}).encode()])
    inputs = [case["input"] for name in ("requests.json", "responses_requests.json")
              for case in json.loads((CASES / name).read_text())]
    recorded = sorted((SHARED / "fixtures" / "providers" / "_requests").glob("*/*.json"))
    inputs += [json.loads(path.read_text())["input"] for path in recorded]
    store("request", [bytes([number % 64]) + json.dumps(given).encode() for number, given in enumerate(inputs)])


main()
