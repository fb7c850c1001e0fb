#!/usr/bin/env python3
"""run_exports.py BUILD_DIR [DIR ...]: ONNX files of many exporters give what ONNX Runtime gave for them, or are refused.

Every NAME.onnx of a directory (tests/onnx/exports unless others are named) has a NAME.json beside it, both written by
make_exports.py. It says what the outputs are and how near ours must be; or which words the refusal (exit code 4) has; or
which model of tests/e2e/models holds the same weights, so that the blobs must be the same, byte for byte.
Exit code: 0 all well, 1 not. Standard library only."""
import array
import json
import math
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
READER = HERE.parent / "format" / "read_format.py"
TWINS = HERE.parent / "e2e" / "models"
OPTIONS = [[], ["--share", "none"], ["--share", "all"], ["--dtype", "int8"], ["--dtype", "f16", "--share", "none"]]


class Failed(Exception):
    """What is wrong, in words."""


def run(command, text=b"", expect=0):
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, check=False, timeout=120)
    if done.returncode != expect:
        shown = " ".join(map(str, command))
        raise Failed(f"exit {done.returncode}, expected {expect}: {shown}: {done.stderr.decode(errors='replace')[-400:]}")
    return done


def floats(data):
    values = array.array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()


def outputs_of(build, model, what, case):
    """The rows of an output for one sequence: "hidden" or a head."""
    n = len(case["input_ids"])
    rows = range(n) if what == "mlm" else []
    numbers = [1, n, *case["input_ids"], *case["token_type_ids"], len(rows), *rows]
    return floats(run([build / "tests" / "run_model", model, what], " ".join(map(str, numbers)).encode()).stdout)


def compare(name, got, expected, width, bound):
    if len(got) != len(expected):
        raise Failed(f"{name}: {len(got)} numbers, expected {len(expected)}")
    if "difference" in bound:
        largest = max(map(abs, expected))
        worst = max((abs(g - e) if g == g else math.inf) for g, e in zip(got, expected)) / largest
        if not worst <= bound["difference"]:
            raise Failed(f"{name}: differs by {worst:.3g}, allowed {bound['difference']:g}")
        return
    for start in range(0, len(got), width):
        a, b = got[start:start + width], expected[start:start + width]
        cosine = sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
        if not cosine >= bound["cosine"]:
            raise Failed(f"{name}: cosine {cosine:.5f} of row {start // width}, expected {bound['cosine']}")


def head_of(name, shape, tokens, vocabulary):
    """Which of our outputs a graph's output is, by its name and shape; None: none of them."""
    if name == "last_hidden_state":
        return "hidden"
    if name == "pooler_output":
        return "pooler"
    if name == "sentence_embedding":
        return "embed"
    if len(shape) == 3 and shape[1] == tokens:
        return "mlm" if shape[2] == vocabulary else "ner"
    return "classify" if len(shape) == 2 else None


def check_spans(build, model, case, bound):
    """Starts and ends are two outputs of the graph and two columns of ours."""
    both = [output["values"] for output in case["outputs"].values()]
    got = outputs_of(build, model, "qa", case)
    for column, expected in enumerate(both):
        compare(f"qa column {column}", got[column::2], expected, len(expected), bound)


def check_outputs(build, model, facts, vocabulary):
    for case in facts["cases"]:
        tokens, checked = len(case["input_ids"]), 0
        shapes = [o["shape"] for o in case["outputs"].values()]
        if len(shapes) == 2 and all(shape == [1, tokens] for shape in shapes):
            check_spans(build, model, case, facts["bound"])
            continue
        for name, output in case["outputs"].items():
            what = head_of(name, output["shape"], tokens, vocabulary)
            if what is None or (name == "seq_relationship_score"):
                continue
            compare(what, outputs_of(build, model, what, case), output["values"], output["shape"][-1], facts["bound"])
            checked += 1
        if not checked:
            raise Failed("no output was compared")


def contents(path):
    """What the tensors of an .alb file are: name, type, shape, bytes, scales."""
    said = json.loads(run([sys.executable, "-B", READER, "--json", path]).stdout)
    data = path.read_bytes()

    def blob(i):
        return None if i is None else data[said["blobs"][i]["offset"]:][:said["blobs"][i]["size"]]
    tensors = {t["name"]: (t["dtype"], t["dims"], blob(t["blob"]), blob(t["scale_blob"])) for t in said["tensors"]}
    if tensors.get("mlm.decoder.weight") == tensors["embeddings.word"]:
        del tensors["mlm.decoder.weight"]  # the words again: a tensor in some sources, the words themselves in others
    return tensors


def check_twin(build, source, twin, work):
    for i, options in enumerate(OPTIONS):
        ours, theirs = work / f"ours-{i}.alb", work / f"theirs-{i}.alb"
        run([build / "albert-convert", source, "-o", ours, "-q", *options])
        run([build / "albert-convert", TWINS / twin, "-o", theirs, "-q", *options])
        a, b = contents(ours), contents(theirs)
        differing = sorted(n for n in a.keys() | b.keys() if a.get(n) != b.get(n))
        if differing:
            raise Failed(f"{options}: not as from safetensors: {differing[:5]}")


def check(build, source, facts, work):
    model = work / "model.alb"
    convert = [build / "albert-convert", source, "-o", model, "-q", "-f"]
    if "refused" in facts:
        said = run(convert, expect=4).stderr.decode()
        if facts["refused"] not in said or said.count("\n") != 1 or model.exists():
            raise Failed(f"refused with other words than \"{facts['refused']}\": {said}")
        return
    run(convert)
    said = json.loads(run([build / "albert-convert", "inspect", model, "--json"]).stdout)
    check_outputs(build, model, facts, said["config"]["vocab"])
    if "twin" in facts:
        check_twin(build, source, facts["twin"], work)


def main(build, *folders):
    build, failed, passed = pathlib.Path(build).resolve(), 0, 0
    for folder in folders or [HERE / "exports"]:
        for source in sorted(pathlib.Path(folder).glob("*.onnx")):
            with tempfile.TemporaryDirectory(prefix="alb-onnx-") as work:
                try:
                    check(build, source, json.loads(source.with_suffix(".json").read_text()), pathlib.Path(work))
                    passed += 1
                except (Failed, subprocess.TimeoutExpired, KeyError, ValueError) as error:
                    failed += 1
                    print(f"FAILED  {source.stem}: {error!r}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
