#!/usr/bin/env python3
"""run_tensorflow.py BUILD_DIR: TensorFlow checkpoints (tests/e2e/tensorflow, written by TensorFlow itself) give the same
blobs, byte for byte, as the same weights from safetensors; they validate, and a real one with a vocabulary runs on text.
Exit code: 0 all well, 1 not. Standard library only."""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
READER = HERE.parent / "format" / "read_format.py"

# Checkpoint, as it is named on the command line, and its twin.
TWINS = [("bert-google", "bert-pretraining"), ("bert-google/bert_model.ckpt", "bert-pretraining"),
         ("bert-google/bert_model.ckpt.index", "bert-pretraining"), ("bert-sharded", "bert-equal-layers"),
         ("bert-sharded/checkpoint", "bert-equal-layers"), ("bert-partitioned", "bert-pretraining"),
         ("albert-google", "albert-groups"), ("bert-paths/model", "bert-pretraining"),
         ("bert-saved-model/variables/variables", "bert-pretraining"), ("bert-keras", "bert-pretraining"),
         ("albert-keras", "albert-gelu-new"), ("bert-garden", "bert-pretraining"),
         ("albert-garden", "albert-gelu-new")]
OPTIONS = [[], ["--share", "none"], ["--share", "all"], ["--dtype", "int8"], ["--dtype", "f16", "--share", "none"]]


def run(*command, text=None, expect=0):
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, check=False, timeout=120)
    if done.returncode != expect:
        raise AssertionError(f"exit {done.returncode}: {' '.join(map(str, command))}: {done.stderr.decode()[-400:]}")
    return done


def contents(path):
    """What the tensors of an .alb file are, in order: name, type, shape, bytes, scales."""
    said = json.loads(run(sys.executable, "-B", READER, "--json", path).stdout)
    data = path.read_bytes()

    def blob(i):
        return None if i is None else data[said["blobs"][i]["offset"]:][:said["blobs"][i]["size"]]
    return [(t["name"], t["dtype"], t["dims"], blob(t["blob"]), blob(t["scale_blob"])) for t in said["tensors"]]


def compare_twins(convert, work, source, twin):
    again = "google/" in source or source.endswith("/checkpoint")  # another name of one that has gone through all options
    for i, options in enumerate(OPTIONS[:1] if again else OPTIONS):
        ours, theirs = work / "tensorflow.alb", work / f"{twin}-{i}.alb"
        run(convert, HERE / "tensorflow" / source, "-o", ours, "-q", "-f", *options)
        if not theirs.exists():
            run(convert, HERE / "models" / twin, "-o", theirs, "-q", *options)
        a, b = contents(ours), contents(theirs)
        if a != b:
            names = [x[0] for x, y in zip(a, b) if x != y]
            raise AssertionError(f"{source} {options}: {len(a)} and {len(b)} tensors; different: {names[:5]}")
        if "all" not in options:
            run(convert, "validate", HERE / "tensorflow" / source, ours)


def run_toy(build, work):
    """The checkpoint of the keras-bert tests, complete with Adam's slots and a vocabulary."""
    model = work / "toy.alb"
    said = run(build / "albert-convert", HERE / "tensorflow" / "bert-toy", "-o", model).stderr.decode()
    assert "not used  cls/seq_relationship/output_bias, cls/seq_relationship/output_weights\n" in said, said
    run(build / "albert-convert", "validate", model)
    reply = json.loads(run(build / "albert-run", "embed", model, text=b"All work and no play\n").stdout)
    assert reply["tokens"] == 7 and len(reply["embedding"]) == 4, reply
    ids = json.loads(run(build / "albert-run", "tokenize", model, text=b"jack a dull boy\n").stdout)["ids"]
    assert ids == [2, 11, 12, 13, 14, 3], ids


def main(build):
    build, failed, passed = pathlib.Path(build).resolve(), 0, 0
    with tempfile.TemporaryDirectory(prefix="alb-tf-") as work:
        work = pathlib.Path(work)
        steps = [lambda t=t: compare_twins(build / "albert-convert", work, *t) for t in TWINS]
        for step in steps + [lambda: run_toy(build, work)]:
            try:
                step()
                passed += 1
            except (AssertionError, subprocess.TimeoutExpired, KeyError, ValueError) as error:
                failed += 1
                print(f"FAILED  {error}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
