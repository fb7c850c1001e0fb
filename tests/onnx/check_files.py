#!/usr/bin/env python3
"""Checks exported ONNX files with the standard library alone (read_onnx.py): form, weights, and numbers.

    check_files.py BUILD_DIR [--verbose]

Of small models, in several forms: every name is defined once and before its use; no weight is there twice; the weights are
the source's, bit for bit, or its int8; a padded batch gives the expected values of tests/e2e/expected.
Exit code 0 or 1. tests/onnx/check_exports.py does more, with ONNX Runtime.
"""
import argparse
import json
import math
import pathlib
import struct
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE)]
import read_onnx  # noqa: E402
import run_e2e  # noqa: E402

ROOT = HERE.parent.parent
MODELS = ["bert-gelu", "bert-gelu-new", "bert-relu", "bert-silu", "bert-f16", "bert-bf16", "bert-pretraining", "bert-odd",
          "albert-gelu-new", "albert-groups", "albert-inner"]

# name: (options, how far numbers may be from the expected ones, as part of the largest)
FORMS = {
    "plain": ([], 2e-5),
    "opset 18": (["--opset", "18"], 2e-5),
    "opset 20": (["--opset", "20"], 2e-5),
    "functions": (["--onnx-functions", "--opset", "21"], 2e-5),
    "external": (["--onnx-external", "8K"], 2e-5),
    "int8": (["--dtype", "int8"], 0.1),
    "int8, integer, functions": (["--dtype", "int8", "--onnx-int8", "integer", "--onnx-functions"], 0.2),
}


class Wrong(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Wrong(what)


def check_names(model):
    """SSA: each name once, defined before its use, in the graph and in each function."""
    def walk(nodes, known):
        for node in nodes:
            require(node.op in read_onnx.OPERATORS or node.op in model.functions, f"operator {node.op}")
            require(bool(node.domain) == (node.op in model.functions), f"domain of {node.op}")
            for name in node.inputs:
                require(name in known, f"{name} is used before it is defined")
            for name in node.outputs:
                require(name and name not in known, f"{name} is defined twice")
                known.add(name)
        return known

    ports = [name for name, _, _ in model.inputs]
    known = walk(model.nodes, set(ports) | set(model.initializers))
    require(not set(ports) & set(model.initializers), "an input is an initializer")
    for name, _, _ in model.outputs:
        require(name in known, f"output {name} is not defined")
    for function in model.functions.values():
        require(function.domain in model.opsets, f"no opset of domain {function.domain}")
        walk(function.nodes, set(function.inputs))


def turned(tensor):
    """The bytes of the transposed matrix."""
    size = len(tensor.raw) // max(math.prod(tensor.dims), 1)
    rows, columns = tensor.dims
    return b"".join(tensor.raw[(r * columns + c) * size:(r * columns + c + 1) * size] for c in range(columns) for r in range(rows))


def check_weights(model):
    """No weight twice, not even transposed; every one used."""
    used = {name for node in model.nodes for name in node.inputs}
    seen = {}
    for tensor in model.initializers.values():
        require(tensor.name in used, f"{tensor.name} is not used")
        forms = {(tensor.dtype, tensor.raw)} | ({(tensor.dtype, turned(tensor))} if len(tensor.dims) == 2 else set())
        for form in forms:
            require(form not in seen or min(tensor.dims) == 1, f"{tensor.name} is {seen.get(form)} again")
        seen |= dict.fromkeys(forms, tensor.name)


def read_source(folder):
    """{name: (dtype, shape, bytes)} of all shards."""
    tensors = {}
    for path in folder.glob("*.safetensors"):
        data = path.read_bytes()
        end = 8 + struct.unpack("<Q", data[:8])[0]
        for name, entry in json.loads(data[8:end]).items():
            if name != "__metadata__":
                begin, stop = entry["data_offsets"]
                tensors[name] = (entry["dtype"], entry["shape"], data[end + begin:end + stop])
    return tensors


def check_bits(model, case):
    """Every f32, f16 or bf16 matrix of the file is one of the source's, transposed or not."""
    source = {raw for _, shape, raw in read_source(case.source).values() if len(shape) == 2}
    for tensor in model.initializers.values():
        if len(tensor.dims) == 2:
            require(tensor.raw in source or turned(tensor) in source, f"{tensor.name} is no matrix of the source")


def check_external(model, path):
    """Data beside the model: aligned, back to back but for that, to the last byte."""
    end = 0
    for tensor in model.initializers.values():
        if tensor.external:
            require(tensor.external["location"] == path.name + ".data", "location")
            begin = int(tensor.external["offset"])
            require(begin % 4096 == 0 and 0 <= begin - end < 4096, f"{tensor.name} at {begin}, {end} was the end before it")
            end = begin + int(tensor.external["length"])
    require(end and end == pathlib.Path(f"{path}.data").stat().st_size, "size of the data")


def feed_of(model, inputs):
    length = max(len(i["input_ids"]) for i in inputs)
    pad = lambda key, fill: read_onnx.Array((len(inputs), length), [v for i in inputs for v in
                                            (i[key] + [fill] * (length - len(i[key])))])
    masked = [{"mask": [1] * len(i["input_ids"]), **i} for i in inputs]
    inputs = masked
    feed = {"input_ids": pad("input_ids", 1), "token_type_ids": pad("token_type_ids", 0), "attention_mask": pad("mask", 0)}
    return {name: feed[name] for name, _, _ in model.inputs}


OUTPUTS = {"hidden": "last_hidden_state", "pooler": "pooler_output", "logits": "logits"}


def check_numbers(model, case, bound):
    """A padded batch of the short inputs against the expected values."""
    chosen = [i for i, source in enumerate(case.inputs) if len(source["input_ids"]) <= 8][:3]
    got = model.run(feed_of(model, [case.inputs[i] for i in chosen]))
    compared = 0
    for check in case.checks:
        name = OUTPUTS.get(check["what"])
        if name not in got or check["input"] not in chosen:
            continue
        array, row = got[name], chosen.index(check["input"])
        size = math.prod(array.dims[1:])
        part = array.values[row * size:(row + 1) * size]
        if check["what"] != "pooler":
            part = run_e2e.select(part[:len(case.inputs[check["input"]]["input_ids"]) * array.dims[2]], array.dims[2], check)
        difference = run_e2e.difference(part, case.expected(check), None)
        require(difference <= bound, f"{check['what']} of input {check['input']} differs by {difference:.3g}, at most {bound}")
        compared += 1
    require(compared, "nothing to compare")


def check_interface(model, opset):
    names = [name for name, _, _ in model.inputs]
    require(names in (["input_ids", "attention_mask", "token_type_ids"], ["input_ids", "attention_mask"]), f"inputs {names}")
    for _, dtype, dims in model.inputs:
        require((dtype, dims) == ("i64", ["batch_size", "sequence_length"]), f"an input of {dtype}{dims}")
    require(model.outputs[0][0] == "last_hidden_state", "the first output")
    for name, dtype, dims in model.outputs:
        require(dtype == "f32" and dims[0] == "batch_size", f"{name}: {dtype}{dims}")
    require(model.opsets[""] == opset and model.producer == "albert-convert", "opset or producer")


def check(case, form, out):
    options, bound = FORMS[form]
    command = [case.build / "albert-convert", case.source, "-o", out, "-q", "-f", *options]
    run_e2e.run(command)
    first = out.read_bytes()
    run_e2e.run(command)
    require(out.read_bytes() == first, "another file the second time")
    model = read_onnx.Model(out)
    check_interface(model, int(options[options.index("--opset") + 1]) if "--opset" in options else 17)
    check_names(model)
    check_weights(model)
    require(bool(model.functions) == ("functions" in form), "local functions")
    if "int8" in form:
        matrices = [t for t in model.initializers.values() if len(t.dims) == 2]
        require(matrices and all(t.dtype == "int8" for t in matrices), "a matrix is not int8")
    elif case.name not in ("bert-f64", "bert-mixed"):
        check_bits(model, case)
    if form == "external":
        check_external(model, out)
    check_numbers(model, case, bound)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for name in MODELS:
            case = run_e2e.Case(name, args.build.resolve(), ROOT / "tests" / "e2e" / "models" / name, work)
            for form in FORMS:
                try:
                    check(case, form, work / "m.onnx")
                except (Wrong, run_e2e.Failed, ValueError, KeyError, IndexError) as error:
                    failed += 1
                    print(f"{name}, {form}: FAILED: {error!r}")
                else:
                    passed += 1
                    if args.verbose:
                        print(f"{name}, {form}: ok")
                for path in work.iterdir():
                    path.unlink()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
