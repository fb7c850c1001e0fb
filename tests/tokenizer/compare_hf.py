#!/usr/bin/env python3
"""Compares `albert-run tokenize` with the `tokenizers` library, line by line: ids, type ids and offsets.

usage: compare_hf.py [--build BUILD] MODEL_DIR TEXTFILE...
MODEL_DIR is a source that albert-convert takes, with tokenizer.json. Needs tokenizers from PyPI. Exit code 1: a line
differs.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def ours(program, model, path):
    with open(path, "rb") as stream:
        done = subprocess.run([str(program), "tokenize", str(model)], stdin=stream, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.split(b"\n") if line]


def theirs(tokenizer, path):
    lines = pathlib.Path(path).read_bytes().split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines, tokenizer.encode_batch([line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines])


def compare(program, model, tokenizer, path):
    got, (lines, expected) = ours(program, model, path), theirs(tokenizer, path)
    if len(got) != len(expected):
        print(f"{path}: {len(got)} answers for {len(expected)} lines")
        return 1
    different = 0
    for number, (g, e) in enumerate(zip(got, expected), 1):
        if (g["ids"], g["type_ids"], [tuple(o) for o in g["offsets"]]) == (e.ids, e.type_ids, e.offsets):
            continue
        different += 1
        if different <= 5:
            print(f"{path}:{number}: {lines[number - 1][:100]!r}\n  ours   {g['ids'][:40]}\n  theirs {e.ids[:40]}")
    print(f"{path}: {len(expected)} lines, {len(expected) - different} equal, {sum(len(e.ids) for e in expected)} tokens")
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("texts", nargs="+")
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model.alb"
        subprocess.run([str(args.build / "albert-convert"), str(args.model), "-o", str(model), "-q"], check=True)
        sys.exit(any([compare(args.build / "albert-run", model, tokenizer, path) for path in args.texts]))


if __name__ == "__main__":
    main()
