#!/usr/bin/env python3
"""run_healing.py BUILD_DIR [--models DIR] [--no-real] [--real-only]: what heal says of the texts held out is what the file that it
wrote gives: the mean cosine of their embeddings to the source's. With the file's numbers multiplied out, it is the same to five
digits; by the products of the runtime, which round what they multiply quantised matrices by, it is the same within 1e-3 (of a tiny model 3e-3).

A tiny model and models/minilm-l6 are healed for a few steps (the latter is skipped by name where tools/fetch_models.sh has not
brought it). Python's standard library only.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import run_folding
from run_folding import Failed

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WIDE_BOUND, BOUND, REAL_BOUND = 2e-5, 3e-3, 1e-3
KINDS = [["--dtype", "f32"], ["--dtype", "int4"], ["--dtype", "int4", "--embeddings", "int4"],
         ["--dtype", "int4", "--embeddings", "f16"], ["--dtype", "int4", "--calib", "learned.txt"]]
REAL_KINDS = [["--dtype", "int4"]]


def run(build, folder, program, *arguments, texts=None):
    command = [str(build / program), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, input=texts, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def embeddings(build, folder, model):
    lines = run(build, folder, "albert-run", "embed", model, texts=(folder / "eval.txt").read_text()).splitlines()
    return [json.loads(line)["embedding"] for line in lines]


def cosine(a, b):
    dot, aa, bb = (sum(x * y for x, y in zip(p, q)) for p, q in ((a, b), (a, a), (b, b)))
    return dot / math.sqrt(aa * bb)


def mean_cosine(build, folder, model):
    pairs = list(zip(embeddings(build, folder, "source.alb"), embeddings(build, folder, model)))
    return sum(cosine(a, b) for a, b in pairs) / len(pairs)


def check(build, folder, source, kind, steps, bound):
    printed = run(build, folder, "albert-convert", "heal", source, "-o", "healed.alb", "--force", "--text", "learned.txt", "--eval",
                  "eval.txt", "--steps", steps, "--json", *kind)
    said = json.loads(printed)["healed"]["cosine_after"]
    run(build, folder, "albert-convert", "healed.alb", "-o", "wide/", "--force", "-q")
    run(build, folder, "albert-convert", "wide", "-o", "wide.alb", "--force", "-q")
    found, wide = (mean_cosine(build, folder, model) for model in ("healed.alb", "wide.alb"))
    if not abs(said - wide) <= WIDE_BOUND:
        raise Failed(f"heal says a mean cosine of {said}, the file's numbers give {wide:.6f}")
    if not abs(said - found) <= bound:
        raise Failed(f"heal says a mean cosine of {said}, the file gives {found:.6f}")
    return f"mean cosine {said} said, {wide:.6f} by the file's numbers, {found:.6f} by the runtime's products"


def texts_of(source, real):
    """Texts to learn from and others to measure with."""
    if real:
        lines = [line for line in (HERE / "texts.txt").read_text().splitlines() if 0 < len(line) < 500]  # none is cut off
        return lines[0::2], lines[1::2]
    words = [w for w in (source / "vocab.txt").read_text().splitlines() if not w.startswith("[")]
    return words[0::2] + words[1::4], words[3::4]


def check_model(build, source, kinds, steps, real, failures):
    learned, measured = texts_of(source, real)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "learned.txt").write_text("".join(t + "\n" for t in learned))
        (folder / "eval.txt").write_text("".join(t + "\n" for t in measured))
        run(build, folder, "albert-convert", source, "-o", "source.alb", "-q")
        for kind in kinds:
            run_folding.attempt(f"{source.name} {' '.join(kind)}", failures,
                                lambda k=kind: check(build, folder, source, k, steps, REAL_BOUND if real else BOUND))


def main():
    given = run_folding.parse()
    build, failures, skipped, count = given.build.resolve(), [], 0, 0
    if not given.real_only:
        check_model(build, HERE / "models/bert-relu", KINDS, 100, False, failures)
        count += len(KINDS)
    real = given.models.resolve() / "minilm-l6"
    if not given.no_real and real.is_dir():
        check_model(build, real, REAL_KINDS, 20, True, failures)
        count += len(REAL_KINDS)
    elif not given.no_real:
        print(f"{real.name}: skipped, is not there (tools/fetch_models.sh)")
        skipped += 1
    print(f"{count - len(failures)} passed, {len(failures)} failed, {skipped} skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
