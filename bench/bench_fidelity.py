#!/usr/bin/env python3
"""How near the embeddings of a converted model come to those of the source's f32: a table of cosines.

    bench_fidelity.py BUILD_DIR MODEL TEXTFILE [--calib FILE] [--options "--dtype int4" ...]

MODEL is what albert-convert takes; TEXTFILE has a text a line, or is a .csv whose first two columns are texts (STS-B).
Each row of the table is MODEL converted with other options and run on all texts by albert-run embed: the size of the
file and of its encoder's and tables' share, mean, first percentile and least cosine. --calib adds rows that are fitted
to the texts of FILE, which should be other texts, of another domain. Needs numpy.
"""
import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

ROWS = ("--dtype f16", "--dtype int8", "--dtype f32 --embeddings int8", "--dtype f32 --embeddings int4",
        "--dtype int8 --embeddings int4", "--dtype int6", "--dtype int6 --embeddings int6", "--dtype int5",
        "--dtype int5 --embeddings int5", "--dtype int4", "--dtype int4 --embeddings int4")
CALIBRATED = ("--dtype int6", "--dtype int5", "--dtype int4", "--dtype int4 --embeddings int4")


def read_texts(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if path.endswith(".csv"):
        lines = [cell for row in csv.reader(text.splitlines()) for cell in row[:2]]
    else:
        lines = text.splitlines()
    texts = [" ".join(line.split()) for line in lines if line.strip()]
    return list(dict.fromkeys(texts))


def embed(build, model, texts, folder):
    """The texts' vectors, of length 1."""
    out = folder / "vectors.npy"
    with open(out, "wb") as file:
        subprocess.run([build / "albert-run", "embed", model, "--format", "npy", "-q"], stdout=file, check=True,
                       input="\n".join(texts).encode() + b"\n")
    vectors = numpy.load(out).astype(numpy.float64)
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def convert(build, source, options, folder):
    out = folder / "model.alb"
    subprocess.run([build / "albert-convert", source, "-o", out, "--force", "-q", *options], check=True,
                   stderr=subprocess.DEVNULL)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--calib")
    parser.add_argument("--options", nargs="*", default=None, help="rows instead of the usual ones")
    args = parser.parse_args()
    build, texts = args.build.resolve(), read_texts(args.texts)
    rows = [(row, row.split()) for row in (args.options if args.options is not None else ROWS)]
    if args.calib:
        name = os.path.basename(args.calib)
        rows += [(f"{row} --calib {name}", [*row.split(), "--calib", args.calib])
                 for row in (args.options if args.options is not None else CALIBRATED)]
    print(f"{len(texts)} texts of {os.path.basename(args.texts)}\n\n| options | bytes | mean | 1 % | least |\n"
          "| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        right = embed(build, convert(build, args.model, ["--dtype", "f32"], folder), texts, folder)
        for label, options in rows:
            path = convert(build, args.model, options, folder)
            cosines = (embed(build, path, texts, folder) * right).sum(axis=1)
            print(f"| `{label}` | {path.stat().st_size:,} | {cosines.mean():.6f} | {numpy.percentile(cosines, 1):.4f} "
                  f"| {cosines.min():.4f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
