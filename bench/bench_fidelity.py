#!/usr/bin/env python3
"""How near the embeddings of a converted model come to those of the source's f32: a table of cosines.

    bench_fidelity.py BUILD_DIR MODEL TEXTFILE [--calib FILE] [--options "--dtype int4" ...] [--files FILE.alb ...]

MODEL is what albert-convert takes; TEXTFILE has a text a line, or is a .csv whose first two columns are texts (STS-B).
Each row of the table is MODEL converted with other options and run on all texts by albert-run embed: the size of the
file and of its encoder's and tables' share, mean, first percentile and least cosine. --calib adds rows that are fitted
to the texts of FILE, which should be other texts, of another domain. --files measures files that are there, healed ones
for example, instead. Where a .csv has scores in its third column (STS-B's: how alike people find the two texts), the last
column is Spearman's rank correlation of the pairs' cosines with them. Needs numpy.
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


def read_scores(path):
    """Pairs of texts and their scores; none where there are none."""
    if not path.endswith(".csv"):
        return []
    rows = csv.reader(pathlib.Path(path).read_text(encoding="utf-8").splitlines())
    return [(*(" ".join(cell.split()) for cell in row[:2]), float(row[2])) for row in rows if len(row) > 2]


def ranks(values):
    """From 0; equal values have the mean of their ranks."""
    _, inverse, counts = numpy.unique(values, return_inverse=True, return_counts=True)
    return (numpy.cumsum(counts) - (counts + 1) / 2)[inverse]


def spearman(vectors, texts, scores):
    at = {text: i for i, text in enumerate(texts)}
    cosines = [vectors[at[a]] @ vectors[at[b]] for a, b, _ in scores]
    return numpy.corrcoef(ranks(cosines), ranks([score for _, _, score in scores]))[0, 1]


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


def conversions(args):
    """Labels and options of the rows that are converted."""
    rows = [(row, row.split()) for row in (args.options if args.options is not None else ROWS)]
    if args.calib:
        name = os.path.basename(args.calib)
        rows += [(f"{row} --calib {name}", [*row.split(), "--calib", args.calib])
                 for row in (args.options if args.options is not None else CALIBRATED)]
    return rows


def print_row(label, path, vectors, right, texts, scores):
    cosines = (vectors * right).sum(axis=1)
    print(f"| `{label}` | {path.stat().st_size:,} | {cosines.mean():.6f} | {numpy.percentile(cosines, 1):.4f} "
          f"| {cosines.min():.4f} |{f' {spearman(vectors, texts, scores):.4f} |' if scores else ''}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--calib")
    parser.add_argument("--options", nargs="*", default=None, help="rows instead of the usual ones")
    parser.add_argument("--files", nargs="*", type=pathlib.Path, default=[], help="files to measure instead")
    args = parser.parse_args()
    build, texts, scores = args.build.resolve(), read_texts(args.texts), read_scores(args.texts)
    print(f"{len(texts)} texts of {os.path.basename(args.texts)}\n\n| options | bytes | mean | 1 % | least |"
          f"{' Spearman |' if scores else ''}\n| --- | ---: | ---: | ---: | ---: |{' ---: |' if scores else ''}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source = convert(build, args.model, ["--dtype", "f32"], folder)
        right = embed(build, source, texts, folder)
        print_row("--dtype f32", source, right, right, texts, scores)
        for path in args.files:
            print_row(path.name, path, embed(build, path, texts, folder), right, texts, scores)
        for label, options in [] if args.files else conversions(args):
            path = convert(build, args.model, options, folder)
            print_row(label, path, embed(build, path, texts, folder), right, texts, scores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
