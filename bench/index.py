#!/usr/bin/env python3
"""Fills a search index with a made-up project of 100 000 files and asks it.

    cargo build --release -p opencode-index --example measure
    bench/index.py [--measure target/release/examples/measure] [--files 100000] [--tree FOLDER] [QUESTION …]

Words are as unequally common as those of real texts: some are in nearly every file, most in a few.
"""

import argparse
import itertools
import os
import random
import subprocess
import tempfile

IN_FOLDER = 100
COMMON = """
self let return value string function if error result match new name path file test type data key list index
option string number length parse read write configuration connection request response server client message
entry insert map set update remove create open close start stop wait time retry retries backoff exponential
between accepted connections where the a of are store event session user token cache buffer stream
""".split()


def make(tree, files):
    """The same project each time: about 30 lines a file, a definition every ten lines."""
    pick = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    rare = ["".join(pick.choices(letters, k=pick.randint(3, 12))) for _ in range(30_000)]
    words = list(dict.fromkeys(COMMON + rare))
    weights = list(itertools.accumulate(1 / (place + 3) for place in range(len(words))))
    for number in range(files):
        folder = f"{tree}/package{number // IN_FOLDER // 20:03}/module{number // IN_FOLDER % 20:02}"
        os.makedirs(folder, exist_ok=True)
        said = iter(pick.choices(words, cum_weights=weights, k=400))
        lines = []
        for line in range(pick.randint(10, 50)):
            some = list(itertools.islice(said, pick.randint(2, 8)))
            if not some:
                break
            if line % 10 == 0:
                lines += ["}", "", f"fn {'_'.join(some[:3])}({some[-1]}: u32) {{"]
            else:
                lines.append(f"    {some[0]}.{'_'.join(some[1:3])}({', '.join(some[3:])}); // {' '.join(some[-2:])}")
        with open(f"{folder}/{words[number % len(words)]}{number % IN_FOLDER}.rs", "w") as file:
            file.write("\n".join(lines[2:]) + "\n}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", default="target/release/examples/measure")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--tree")
    parser.add_argument("question", nargs="*")
    given = parser.parse_args()
    own = tempfile.TemporaryDirectory()
    tree = given.tree or f"{own.name}/tree"
    if not os.path.exists(tree):
        make(tree, given.files)
    subprocess.run([given.measure, tree, *given.question], check=True)


if __name__ == "__main__":
    main()
