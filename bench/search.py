#!/usr/bin/env python3
"""Searches a made-up tree of 50 000 files with our search and with ripgrep, in turns, each as a whole process.

    cargo build --release -p opencode-project --example search
    bench/search.py [--search target/release/examples/search] [--rg rg] [--runs 25] [--tree FOLDER]

Prints a table: medians of the walls and of the CPU times, and how they compare.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import tempfile
import time

FOLDERS, INNER, FILES = 50, 20, 50
KINDS = ["rs", "ts", "md", "json", "py", "txt"]


def make(tree):
    """The same tree each time: 50 000 files in 1 000 folders, about 200 MB on disk."""
    pick = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(pick.choices(letters, k=pick.randint(2, 10))) for _ in range(4000)]
    count = 0
    for outer in range(FOLDERS):
        for inner in range(INNER):
            folder = f"{tree}/pkg{outer:02}/mod{inner:02}"
            os.makedirs(folder)
            for number in range(FILES):
                kind = KINDS[(outer + inner + number) % len(KINDS)]
                with open(f"{folder}/file{number:02}.{kind}", "w") as file:
                    for _ in range(pick.randint(5, 80)):
                        file.write(" ".join(pick.choices(words, k=pick.randint(1, 10))) + "\n")
                    if count % 997 == 0:
                        file.write("the needle_of_haystack is here\n")
                count += 1
    with open(f"{tree}/.gitignore", "w") as file:
        file.write("*.log\ntarget/\n")


def run(command, tree):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=tree, stdout=subprocess.DEVNULL, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--search", default="target/release/examples/search")
    parser.add_argument("--rg", default="rg")
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--tree")
    given = parser.parse_args()
    own = tempfile.TemporaryDirectory()
    tree = given.tree or f"{own.name}/tree"
    if not os.path.exists(tree):
        make(tree)
    search = os.path.abspath(given.search)
    files = [given.rg, "--no-config", "--files", "--glob=!**/.git/**"]
    lines = [given.rg, "--no-config", "--json", "--hidden", "--no-messages", "--glob=!**/.git/**", "--"]
    none, few = "not_in_it_[0-9]+", "needle_of_hay[a-z]+"
    cases = [
        ("glob, 8 files", ["glob", tree, "**/pkg49/mod19/*.md"], [*files, "--glob=**/pkg49/mod19/*.md", "."]),
        ("glob, 8 000 files", ["glob", tree, "**/*.rs", "100000"], [*files, "--glob=**/*.rs", "."]),
        ("glob, the first 100", ["glob", tree, "**/*.rs"], [*files, "--glob=**/*.rs", "."]),
        ("grep, nothing", ["grep", tree, none], [*lines, none, "."]),
        ("grep, 51 lines", ["grep", tree, few], [*lines, few, "."]),
        ("grep, the first 100", ["grep", tree, "ab"], [*lines, "ab", "."]),
    ]
    print("| what | ours: wall, CPU | ripgrep: wall, CPU | wall |\n|---|---|---|---|")
    for name, ours, theirs in cases:
        samples = ([], [])
        for turn in range(given.runs + 1):
            for place, command in enumerate(([search, *ours], theirs)):
                sample = run(command, tree)
                if turn:
                    samples[place].append(sample)
        (wall, cpu), (their_wall, their_cpu) = (
            [statistics.median(column) * 1000 for column in zip(*side)] for side in samples
        )
        print(
            f"| {name} | {wall:.0f} ms, {cpu:.0f} ms | {their_wall:.0f} ms, {their_cpu:.0f} ms "
            f"| {wall / their_wall:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
