#!/usr/bin/env python3
"""The same weights in two forms of checkpoint make the same blobs: converts both and compares all blobs of the .alb files
byte for byte, as read by the reader that was written from docs/format.md alone. Tensors of the same name must be the same,
too; only a decoder that is the word embeddings may have a name in one source and none in the other.

    run_twins.py BUILD_DIR [--models DIR] [--real-only | --no-real]

Pairs are twins.json beside this file, and real ones here. Exit code: 0 all equal, 1 not, 77 nothing could run.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "format"))
import read_format  # noqa: E402

TIED = "mlm.decoder.weight"

# Real checkpoints (tools/fetch_models.sh): the source, and what has the same weights; None: it must convert and
# validate, there is nothing else to compare it with.
REAL = {
    "albert-rxnmapper": ROOT / "examples" / "albert-reactions",
    "albert-agave/supervised_albert_model.pt": "albert-agave",
    "rxnfp/bert_ft": None,
    "rxnfp/bert_ft_10k_25s": None,
    "rxnfp/bert_pretrained": None,
}


def convert(build, source, out, *options):
    done = subprocess.run([build / "albert-convert", "-q", "-f", source, "-o", out, *options], capture_output=True,
                          check=False)
    if done.returncode:
        raise ValueError(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()}")


def weights(path):
    """Name to (dtype, shape, blob) of all tensors; the blobs."""
    file = read_format.File(path.read_bytes())
    tensors = {t.name: (read_format.DTYPES[t.dtype], tuple(t.dims), t.blob) for t in file.manifest.tensors}
    return tensors, [b["bytes"] for b in file.blobs]


def compare(build, work, source, other):
    """What differs, or None."""
    convert(build, source, work / "a.alb")
    if other is None:
        done = subprocess.run([build / "albert-convert", "validate", source, work / "a.alb"], capture_output=True, check=False)
        return None if done.returncode == 0 else f"validate: exit {done.returncode}"
    convert(build, other, work / "b.alb")
    (a, blobs_a), (b, blobs_b) = weights(work / "a.alb"), weights(work / "b.alb")
    names = {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}
    word = a["embeddings.word"]
    if a.get(TIED, word) == word and b.get(TIED, word) == word:
        names.discard(TIED)
    if names:
        return f"tensors differ: {', '.join(sorted(names)[:5])}"
    return None if blobs_a == blobs_b else "blobs differ"


def pairs(options):
    if not options.real_only:
        for source, other in json.loads((HERE / "twins.json").read_text()).items():
            yield source, HERE / source, HERE / other
    if not options.no_real:
        for source, other in REAL.items():
            yield source, options.models / source, options.models / other if isinstance(other, str) else other


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "models")
    parser.add_argument("--real-only", action="store_true", help="only the models that tools/fetch_models.sh brings")
    parser.add_argument("--no-real", action="store_true", help="only the models of the repository")
    options = parser.parse_args()
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="alb-twins-") as work:
        for name, source, other in pairs(options):
            if not source.exists() or (other and not other.exists()):
                print(f"skipped {name}: not in {options.models} (tools/fetch_models.sh brings it)")
                skipped += 1
                continue
            try:
                differs = compare(options.build.resolve(), pathlib.Path(work), source, other)
            except (ValueError, read_format.Malformed) as error:
                differs = str(error)
            print(f"{'FAILED ' if differs else 'ok     '} {name}: {differs or 'the same weights' if other else differs or 'validates'}")
            passed, failed = passed + (not differs), failed + bool(differs)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0 if passed else 77


if __name__ == "__main__":
    sys.exit(main())
