#!/usr/bin/env python3
"""Runs exported ONNX files in ONNX Runtime and compares them with the expected values of tests/e2e/expected.

    check_exports.py BUILD_DIR [--models DIR] [--only NAME ...] [--verbose]

Needs onnx, onnxruntime and numpy (tests/onnx/requirements.txt). Each model of tests/e2e/models and examples, those of DIR
that are there, and an ALBERT-base with random weights are written in several forms. Each file must pass the ONNX checker
with shape inference, hold no weight twice, give the expected values, and give the same in a padded batch as alone.
Ends with "N passed, N failed, N skipped"; exit code 0 or 1.
"""
import argparse
import json
import pathlib
import struct
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import run_e2e  # noqa: E402

ROOT = HERE.parent.parent
LARGE = 5_000_000  # bytes of weights from which on a model is written in fewer forms

# name: (options, what its numbers are compared by). "exact": the bounds of the expected values; a number: the least
# cosine of any hidden state. The integer form quantises activations of a whole batch with one scale, and loses more.
FORMS = {
    "f32": ([], "exact"),
    "opset 18": (["--opset", "18"], "exact"),
    "opset 19": (["--opset", "19"], "exact"),
    "opset 20": (["--opset", "20"], "exact"),
    "opset 21": (["--opset", "21"], "exact"),
    "functions": (["--onnx-functions"], "exact"),
    "functions, opset 21": (["--onnx-functions", "--opset", "21"], "exact"),
    "external": (["--onnx-external", "16K"], "exact"),
    "share none": (["--share", "none"], "exact"),
    "f16": (["--dtype", "f16"], 0.999),
    "bf16": (["--dtype", "bf16"], 0.99),
    "int8": (["--dtype", "int8"], 0.99),
    "int8, functions": (["--dtype", "int8", "--onnx-functions"], 0.99),
    "int8, integer": (["--dtype", "int8", "--onnx-int8", "integer"], 0.9),
    "int8, integer, functions": (["--dtype", "int8", "--onnx-int8", "integer", "--onnx-functions"], 0.9),
}
FEW = ("f32", "functions", "int8")


class Wrong(Exception):
    pass


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feed_of(runner, inputs):
    """A padded batch; the padding is full of ids that would be seen if the mask did not hide them."""
    length = max(len(i["input_ids"]) for i in inputs)
    ids, types, mask = (np.full((len(inputs), length), fill, np.int64) for fill in (1, 0, 0))
    for row, source in enumerate(inputs):
        n = len(source["input_ids"])
        ids[row, :n], types[row, :n], mask[row, :n] = source["input_ids"], source["token_type_ids"], 1
    feed = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
    return {i.name: feed[i.name] for i in runner.get_inputs()}


def run_one(runner, source):
    names = [o.name for o in runner.get_outputs()]
    return {name: value[0] for name, value in zip(names, runner.run(None, feed_of(runner, [source])))}


def check_file(path, external):
    """The checker, shape inference, no weight twice, data where it is to be."""
    onnx.checker.check_model(str(path), full_check=True)
    inferred = onnx.shape_inference.infer_shapes(onnx.load(str(path)), check_type=True, strict_mode=True)
    model = onnx.load(str(path), load_external_data=True)
    if pathlib.Path(f"{path}.data").exists() != external:
        raise Wrong("data beside the model" if not external else "no data beside the model")
    used = {name for node in model.graph.node for name in node.input}
    for item in model.graph.initializer:
        if item.name not in used:
            raise Wrong(f"weight {item.name} is not used")
    if len(inferred.graph.output) != len(model.graph.output):
        raise Wrong("outputs")
    return model


def check_unique(model):
    seen = {}
    for item in model.graph.initializer:
        key = (item.data_type, tuple(sorted(item.dims)), item.raw_data)
        turned = onnx.numpy_helper.to_array(item).T.tobytes() if len(item.dims) == 2 else item.raw_data
        for k in (key, (item.data_type, key[1], turned)):
            if k in seen and seen[k] != item.name:
                raise Wrong(f"weights {seen[k]} and {item.name} are one")
            seen[k] = item.name


def int8_products(model):
    """(products of weights that are int8, products of weights): follows each back to an initializer."""
    types = {i.name: i.data_type for i in model.graph.initializer}
    functions = {f.name: f for f in model.functions}
    found = []

    def walk(nodes, names):
        producers = {o: n for n in nodes for o in n.output}

        def source(name):
            name = names.get(name, name)
            node = producers.get(name)
            while node is not None and node.op_type in ("DequantizeLinear", "Transpose", "Cast"):
                name = names.get(node.input[0], node.input[0])
                node = producers.get(name)
            return name

        for node in nodes:
            if node.op_type in ("MatMul", "Gemm", "MatMulInteger"):
                name = source(node.input[1])
                if name in types:
                    found.append(types[name] == onnx.TensorProto.INT8)
            if node.op_type in functions:
                body = functions[node.op_type]
                walk(body.node, {formal: source(given) for formal, given in zip(body.input, node.input)})

    walk(model.graph.node, {})
    return sum(found), len(found)


def cosine(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return ((a * b).sum(-1) / np.maximum(np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1), 1e-30)).min()


def relative(got, expected):
    return float(np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-30))


OUTPUTS = {"hidden": "last_hidden_state", "pooler": "pooler_output", "logits": "logits", "embed": "sentence_embedding"}


def outputs_of(check):
    """The outputs that a check is about; none when it is about something else."""
    if check["what"] == "head":
        return ["start_logits", "end_logits"] if check["task"] == "qa" else ["logits"]
    return [OUTPUTS[check["what"]]] if check["what"] in OUTPUTS else []


def compare_check(case, check, got, bound):
    expected = np.frombuffer(case.expected(check).tobytes(), np.float32).reshape(check["shape"])
    parts = [got[name] for name in outputs_of(check)]
    value = parts[0] if len(parts) == 1 else np.stack(parts, -1)
    if check["what"] in ("hidden", "logits"):
        value = value[list(check.get("rows", range(len(value))))][:, ::check.get("column_step", 1)]
    label = f"{check['what']} of input {check['input']}"
    if bound != "exact":
        if check["what"] == "hidden" and not cosine(value, expected) >= bound:
            raise Wrong(f"{label}: cosine {cosine(value, expected):.6f}, at least {bound}")
        return
    absolute = check.get("measure") == "absolute"
    difference = float(np.abs(value - expected).max()) if absolute else relative(value, expected)
    if not difference <= check["bound"]:
        raise Wrong(f"{label}: difference {difference:.3g}, at most {check['bound']}")


def compare(case, runner, bound):
    names = {o.name for o in runner.get_outputs()}
    checks = [c for c in case.checks if outputs_of(c) and names.issuperset(outputs_of(c))]
    if not any(c["what"] == "hidden" for c in checks):
        raise Wrong("nothing to compare")
    alone = {}
    for check in checks:
        index = check["input"]
        if index not in alone:
            alone[index] = run_one(runner, case.inputs[index])
        compare_check(case, check, alone[index], bound)
    return alone


def compare_padded(case, runner, alone, bound):
    """A batch with padding gives what single runs give; roughly so in the integer form, which quantises it as one."""
    indices = [i for i in alone if len(case.inputs[i]["input_ids"]) <= 64]
    batch = runner.run(None, feed_of(runner, [case.inputs[i] for i in indices]))
    for output, value in zip(runner.get_outputs(), batch):
        for row, index in enumerate(indices):
            single = alone[index][output.name]
            part = value[row, :len(single)] if output.shape[1] == "sequence_length" else value[row]
            if bound == "cosine":
                if not cosine(part, single) >= 0.9:
                    raise Wrong(f"padded {output.name} of input {index}: cosine {cosine(part, single):.6f}")
            elif not relative(part, single) <= 1e-5:
                raise Wrong(f"padded {output.name} of input {index} differs by {relative(part, single):.3g}")


def check_form(case, name, out):
    options, bound = FORMS[name]
    pathlib.Path(f"{out}.data").unlink(missing_ok=True)
    run_e2e.run([case.build / "albert-convert", case.source, "-o", out, "-q", "-f", *options])
    model = check_file(out, name == "external")
    opset = int(options[options.index("--opset") + 1]) if "--opset" in options else 17
    if model.opset_import[0].version != opset:
        raise Wrong(f"opset {model.opset_import[0].version}, expected {opset}")
    if name != "share none":
        check_unique(model)
    integers, products = int8_products(model)
    if integers != (products if "int8" in name else 0) or not products:
        raise Wrong(f"{integers} of {products} products are int8")
    runner = session(out)
    alone = compare(case, runner, bound)
    compare_padded(case, runner, alone, "cosine" if "integer" in name else bound)
    for file in (out, pathlib.Path(f"{out}.data")):
        file.unlink(missing_ok=True)


def check_from_alb(case, work):
    """The same model through an .alb file gives the same numbers, f32 and int8."""
    for dtype in ("f32", "int8"):
        alb, out, direct = work / "a.alb", work / "from-alb.onnx", work / "direct.onnx"
        run_e2e.run([case.build / "albert-convert", case.source, "-o", alb, "-q", "-f", "--dtype", dtype])
        run_e2e.run([case.build / "albert-convert", alb, "-o", out, "-q", "-f"])
        run_e2e.run([case.build / "albert-convert", case.source, "-o", direct, "-q", "-f", "--dtype", dtype])
        model = check_file(out, False)
        check_unique(model)
        for path in (out, direct):
            if dtype == "f32":
                compare(case, session(path), "exact")
        weights = [sorted(i.raw_data for i in onnx.load(str(p)).graph.initializer) for p in (out, direct)]
        if weights[0] != weights[1]:
            raise Wrong(f"{dtype}: other weights through .alb")


def write_albert_base(folder):
    """ALBERT-base's sizes with random weights, as transformers would save them."""
    random = np.random.default_rng(7)
    layer = "encoder.albert_layer_groups.0.albert_layers.0."
    shapes = {"embeddings.word_embeddings.weight": (30000, 128), "embeddings.position_embeddings.weight": (512, 128),
              "embeddings.token_type_embeddings.weight": (2, 128), "encoder.embedding_hidden_mapping_in.weight": (768, 128),
              "encoder.embedding_hidden_mapping_in.bias": (768,), layer + "ffn.weight": (3072, 768),
              layer + "ffn.bias": (3072,), layer + "ffn_output.weight": (768, 3072), layer + "ffn_output.bias": (768,),
              "pooler.weight": (768, 768), "pooler.bias": (768,)}
    for part in ("query", "key", "value", "dense"):
        shapes |= {f"{layer}attention.{part}.weight": (768, 768), f"{layer}attention.{part}.bias": (768,)}
    norms = {"embeddings.LayerNorm": 128, layer + "attention.LayerNorm": 768, layer + "full_layer_layer_norm": 768}
    for name, width in norms.items():
        shapes |= {name + ".weight": (width,), name + ".bias": (width,)}
    header, parts, end = {}, [], 0
    for name, shape in sorted(shapes.items()):
        values = random.standard_normal(shape, np.float32) * 0.05
        values += 1 if name.rpartition(".")[0] in norms and name.endswith("weight") else 0
        parts.append(values.tobytes())
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    (folder / "config.json").write_text(json.dumps({
        "model_type": "albert", "architectures": ["AlbertModel"], "vocab_size": 30000, "embedding_size": 128,
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
        "hidden_act": "gelu_new", "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12}))


def check_albert_base(build, work):
    """The sizes that are promised, 74 of 74 products from int8, and the runtime's own numbers."""
    source = work / "albert-base"
    source.mkdir()
    write_albert_base(source)
    random = np.random.default_rng(3)
    inputs = [{"input_ids": random.integers(5, 30000, n).tolist(), "token_type_ids": [0] * n} for n in (3, 40, 17)]
    run_e2e.run([build / "albert-convert", source, "-o", work / "base.alb", "-q"])
    shape, values = run_e2e.parse_npy(run_e2e.run([build / "albert-run", "hidden", work / "base.alb", "--ids", "--format", "npy"],
                                                  run_e2e.id_lines(inputs)))
    expected = np.array(values, np.float32).reshape(shape)
    for dtype, limit in (("f32", 48_000_000), ("int8", 13_000_000)):
        out = work / f"base-{dtype}.onnx"
        run_e2e.run([build / "albert-convert", source, "-o", out, "-q", "--dtype", dtype])
        if out.stat().st_size > limit:
            raise Wrong(f"{dtype}: {out.stat().st_size} bytes, at most {limit}")
        model = check_file(out, False)
        if int8_products(model) != ((74, 74) if dtype == "int8" else (0, 74)):
            raise Wrong(f"{dtype}: products {int8_products(model)}")
        runner = session(out)
        feed = feed_of(runner, inputs)
        got = runner.run(["last_hidden_state"], feed)[0][feed["attention_mask"].astype(bool)]
        print(f"  albert-base {dtype}: {out.stat().st_size} bytes, difference {relative(got, expected):.3g}, "
              f"least cosine {cosine(got, expected):.6f}")
        if dtype == "f32" and not relative(got, expected) <= 2e-5:
            raise Wrong("f32 differs")
        if not cosine(got, expected) >= 0.999:
            raise Wrong(f"{dtype}: cosine {cosine(got, expected):.6f}")


def cases(build, models, only, work):
    folders = [*(ROOT / "tests" / "e2e" / "models").iterdir(), *(ROOT / "examples").iterdir()]
    folders += [f for f in models.iterdir()] if models and models.is_dir() else []
    for folder in sorted(folders):
        known = (ROOT / "tests" / "e2e" / "expected" / f"{folder.name}.json").exists()
        if known and (not only or folder.name in only):
            yield run_e2e.Case(folder.name, build, folder, work)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    counts = {"passed": 0, "failed": 0}

    def attempt(label, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # the errors of ONNX Runtime have no common class
            counts["failed"] += 1
            print(f"{label}: FAILED: {str(error).strip()[:400]}")
        else:
            counts["passed"] += 1
            if args.verbose:
                print(f"{label}: ok")

    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for case in cases(args.build.resolve(), args.models, args.only, work):
            large = sum(f.stat().st_size for f in case.source.glob("*.safetensors")) > LARGE
            for name in FEW if large else FORMS:
                attempt(f"{case.name}, {name}", check_form, case, name, work / "model.onnx")
            attempt(f"{case.name}, from .alb", check_from_alb, case, work)
        if not args.only:
            attempt("albert-base", check_albert_base, args.build.resolve(), work)
    print(f"{counts['passed']} passed, {counts['failed']} failed, 0 skipped")
    return int(counts["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
