#!/usr/bin/env python3
"""Runs the GGUF files that albert-convert writes with llama.cpp, and compares the embeddings with `albert-run embed`.

    check_gguf.py BUILD_DIR MODEL_FOLDER ...

Models have to have a tokenizer and say how they pool (all-MiniLM-L6-v2, for instance). Not a part of the default tests: needs
llama.cpp as the Python package xllamacpp, and the package gguf (made with xllamacpp 2026.10.11549 and gguf 0.19.0). llama.cpp
computes gelu by its approximation and normalises all embeddings, so cosines are compared. Its tokenizer does not take Hangul
apart as `tokenizers` does and cuts words of more than 100 characters, which are unknown there: such texts are left out, and
those that are too long for the model. Exit code: 0 all within their bounds, 1 some are not.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import gguf
import xllamacpp

HERE = pathlib.Path(__file__).resolve().parent
BOUNDS = {"f32": 0.99999, "f16": 0.99999, "bf16": 0.9999, "int8": 0.999, "int4": 0.93}
HANGUL = range(0xAC00, 0xD7A4)


def run(*command, text=None):
    return subprocess.run([str(c) for c in command], input=text, capture_output=True, check=True).stdout


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def llama(path, texts):
    params = xllamacpp.CommonParams()
    params.model.path, params.embedding, params.warmup = str(path), True, False
    params.n_ctx = params.n_batch = params.n_ubatch = 512
    params.cpuparams.n_threads = 2
    reply = xllamacpp.Server(params).handle_embeddings({"input": texts, "model": path.name})
    return [d["embedding"] for d in (json.loads(reply) if isinstance(reply, str) else reply)["data"]]


def check(build, source, work):
    texts = [t for t in (HERE / "texts.txt").read_text().splitlines()
             if t.strip() and len(t) < 600 and max(map(len, t.split())) < 100 and not any(ord(c) in HANGUL for c in t)]
    run(build / "albert-convert", "-q", source, "-o", work / "model.alb")
    lines = run(build / "albert-run", "embed", work / "model.alb", text=("\n".join(texts) + "\n").encode()).splitlines()
    expected, failed = [json.loads(line)["embedding"] for line in lines], 0
    for dtype, bound in BOUNDS.items():
        path = work / f"{dtype}.gguf"
        run(build / "albert-convert", "-q", source, "-o", path, "--dtype", dtype)
        tensors = len(gguf.GGUFReader(path).tensors)
        cosines = sorted(map(cosine, llama(path, texts), expected))
        failed += cosines[0] < bound
        print(f"{'ok    ' if cosines[0] >= bound else 'FAILED'}  {source.name} {dtype}: {tensors} tensors, {len(texts)} texts, "
              f"cosine {cosines[0]:.6f} at least, {cosines[len(cosines) // 2]:.6f} in the middle (bound {bound})", flush=True)
    return failed


def main():
    build, failed = pathlib.Path(sys.argv[1]).resolve(), 0
    for source in map(pathlib.Path, sys.argv[2:]):
        with tempfile.TemporaryDirectory() as work:
            failed += check(build, source, pathlib.Path(work))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
