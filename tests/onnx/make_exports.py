#!/usr/bin/env python3
"""Writes tiny BERT and ALBERT exports as the exporters and optimisers that people use write them, with what ONNX
Runtime computes for them.

    make_exports.py OUT_DIR [--only NAME ...] [--list]

Each export is OUT_DIR/NAME.onnx with OUT_DIR/NAME.json beside it: the versions of what wrote it, and for a few
sequences the ids, the type ids and the outputs (flat lists and shapes). tests/onnx/exports holds the few that are
committed (COMMITTED below); the others are for checking by hand. Needs torch, transformers, onnx, onnxscript,
onnxruntime and onnxslim. Weights come from numpy's PCG64 seeded by names, so they do not change from run to run.
"""
import argparse
import contextlib
import hashlib
import io
import json
import pathlib
import shutil
import sys
import tempfile
import traceback
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import transformers

warnings.filterwarnings("ignore")
BERT = dict(hidden_size=16, num_attention_heads=2, intermediate_size=24, num_hidden_layers=2, vocab_size=61,
            max_position_embeddings=20, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12)
ALBERT = dict(BERT, embedding_size=12, num_hidden_layers=3, hidden_act="gelu_new")
COMMITTED = """bert-ts14-sdpa bert-ts17-fixed bert-dynamo bert-dynamo-23 albert-ts14-slim albert-dynamo bert-mlm bert-classify
bert-qa bert-sentence bert-ort-extended bert-ort-fused bert-ort-mha bert-int8 bert-int8-fused bert-qdq bert-fp16
bert-weight-only other-distilbert other-electra twin-bert-relu twin-bert-equal-layers twin-albert-groups refused-cnn refused-roberta refused-causal
refused-gpt2 refused-scale""".split()


def seeded(text):
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed))


def fill(model, name):
    """Weights large enough that attention is far from uniform and activations far from linear."""
    for key, tensor in model.state_dict().items():
        if not tensor.dtype.is_floating_point:
            continue
        values = seeded(f"{name}/{key}").standard_normal(tuple(tensor.shape))
        if "norm" in key.lower() and key.endswith("weight"):
            values = 1 + 0.3 * values
        elif tensor.dim() == 1:
            values = 0.2 * values
        else:
            values = (0.7 if "embeddings" in key else 1.2 / np.sqrt(tensor.shape[1])) * values
        tensor.copy_(torch.tensor(values, dtype=tensor.dtype))
    return model.eval()


class Plain(torch.nn.Module):
    """A model as a function of three tensors that gives a tuple of tensors."""

    def __init__(self, model, pick):
        super().__init__()
        self.model, self.pick = model, pick

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return tuple(out[key] for key in self.pick)


class Sentence(torch.nn.Module):
    """Mean pooling over the mask and normalisation, as sentence embedding exports have them."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return hidden, torch.nn.functional.normalize(mean, p=2, dim=1)


HEADS = {
    "encoder": ("Model", ["last_hidden_state"]),
    "pooled": ("Model", ["last_hidden_state", "pooler_output"]),
    "mlm": ("ForMaskedLM", ["logits"]),
    "classify": ("ForSequenceClassification", ["logits"]),
    "tokens": ("ForTokenClassification", ["logits"]),
    "qa": ("ForQuestionAnswering", ["start_logits", "end_logits"]),
}


def make(kind, head, attention, config):
    config_class = transformers.BertConfig if kind == "Bert" else transformers.AlbertConfig
    suffix, pick = HEADS["encoder" if head == "sentence" else head]
    model_class = getattr(transformers, kind + suffix)
    options = {"add_pooling_layer": False} if suffix == "Model" and head != "pooled" else {}
    config = config_class(**config, num_labels=3 if head in ("classify", "tokens") else 2)
    config._attn_implementation = attention
    model = fill(model_class(config, **options), kind)
    return (Sentence(model) if head == "sentence" else Plain(model, pick)).eval(), \
        (["last_hidden_state", "sentence_embedding"] if head == "sentence" else pick)


def export(path, kind="Bert", head="encoder", opset=14, attention="eager", fixed=0, dynamo=False, fold=True, half=False,
           **config):
    base = dict(BERT if kind == "Bert" else ALBERT, **config)
    model, names = make(kind, head, attention, base)
    if half:
        model = model.half()
    length = fixed or 7
    ids = torch.arange(length).unsqueeze(0) * 5 % base["vocab_size"]
    inputs = (ids, torch.ones_like(ids), (ids > 20).long() % base["type_vocab_size"])
    keys = ["input_ids", "attention_mask", "token_type_ids"]
    if dynamo:
        shapes = None
        if not fixed:
            axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
            inputs, shapes = tuple(torch.cat([t, t]) for t in inputs), tuple(axes for _ in inputs)
        torch.onnx.export(model, inputs, path, input_names=keys, output_names=names, opset_version=opset, dynamo=True,
                          dynamic_shapes=shapes, external_data=False, optimize=fold, verbose=False)
        return
    axes = None if fixed else {key: {0: "batch", 1: "sequence"} for key in keys + names}
    torch.onnx.export(model, inputs, path, input_names=keys, output_names=names, opset_version=opset, dynamo=False,
                      dynamic_axes=axes, do_constant_folding=fold)


def slim(path, out):
    import onnxslim
    onnxslim.slim(str(path), str(out))


def ort_optimise(path, out, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(out)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def ort_fuse(path, out, half=False, options=None):
    from onnxruntime.transformers import optimizer
    model = optimizer.optimize_model(str(path), model_type="bert", num_heads=2, hidden_size=16, opt_level=0,
                                     optimization_options=options)
    if half:
        model.convert_float_to_float16(keep_io_types=True)
    model.save_model_to_file(str(out))


def fuse_mha(path, out):
    from onnxruntime.transformers.fusion_options import FusionOptions
    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    options.disable_attention_mask = False
    ort_fuse(path, out, options=options)


def int8(path, out):
    from onnxruntime.quantization import quantize_dynamic
    quantize_dynamic(str(path), str(out), extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def int8_channels(path, out):
    from onnxruntime.quantization import quantize_dynamic
    quantize_dynamic(str(path), str(out), per_channel=True, reduce_range=False)


def qdq(path, out):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.items = iter([feeds(onnx.load(path), s) for s in sequences(7)])

        def get_next(self):
            return next(self.items, None)
    quantize_static(str(path), str(out), Reader(), quant_format=QuantFormat.QDQ, per_channel=False,
                    op_types_to_quantize=["MatMul", "Gather", "Add"])


def half_convert(path, out):
    from onnxruntime.transformers.float16 import convert_float_to_float16
    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), out)


def strip(path, out):
    """Leaves out what the dynamo exporter notes about where nodes come from: most of a small file."""
    model = onnx.load(path)
    for item in [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output,
                 *model.graph.initializer]:
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    onnx.save(model, out)


def another_scale(path, out):
    """The attention of the second layer multiplies by another number than one over the root of a head's width."""
    model = onnx.load(path)
    numbers = [n for n in model.graph.node if n.op_type == "Constant" and "layer.1/attention" in n.output[0]
               and n.attribute[0].t.data_type == onnx.TensorProto.FLOAT]
    for node in numbers:
        value = onnx.numpy_helper.to_array(node.attribute[0].t)
        if value.size == 1 and abs(value - 8 ** -0.5) < 1e-3:
            node.attribute[0].t.CopyFrom(onnx.numpy_helper.from_array(np.array(0.32, np.float32)))
    onnx.save(model, out)


def weight_only(path, out):
    """Weights as int8 with a DequantizeLinear in front, activations in f32."""
    model = onnx.load(path)
    nodes, graph = [], model.graph
    weights = {i.name: i for i in graph.initializer if len(i.dims) == 2 and i.data_type == onnx.TensorProto.FLOAT}
    for name, tensor in weights.items():
        array = onnx.numpy_helper.to_array(tensor)
        scale = np.abs(array).max(axis=0) / 127
        graph.initializer.remove(tensor)
        graph.initializer.append(onnx.numpy_helper.from_array(np.rint(array / scale).astype(np.int8), name + "_q"))
        graph.initializer.append(onnx.numpy_helper.from_array(scale.astype(np.float32), name + "_s"))
        nodes.append(onnx.helper.make_node("DequantizeLinear", [name + "_q", name + "_s"], [name], axis=1))
    for i, node in enumerate(nodes):
        graph.node.insert(i, node)
    onnx.save(model, out)


def other(name):
    """Models that are no BERT: some compute the same, the others are refused."""
    small = dict(hidden_size=16, num_attention_heads=2, intermediate_size=24, num_hidden_layers=2, vocab_size=61)
    if name == "cnn":
        return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5))
    if name == "roberta":
        config = transformers.RobertaConfig(**small, max_position_embeddings=24, attn_implementation="eager")
        return transformers.RobertaModel(config, add_pooling_layer=False)
    if name == "distilbert":
        config = transformers.DistilBertConfig(dim=16, n_heads=2, n_layers=2, hidden_dim=24, vocab_size=61,
                                               max_position_embeddings=20, attn_implementation="eager")
        return transformers.DistilBertModel(config)
    if name == "electra":
        config = transformers.ElectraConfig(**small, embedding_size=12, max_position_embeddings=20,
                                            attn_implementation="eager")
        return transformers.ElectraModel(config)
    if name == "causal":
        config = transformers.BertConfig(**small, max_position_embeddings=20, is_decoder=True, use_cache=False,
                                         attn_implementation="eager")
        return transformers.BertModel(config, add_pooling_layer=False)
    config = transformers.GPT2Config(n_embd=16, n_head=2, n_layer=2, vocab_size=61, n_positions=20, use_cache=False,
                                     attn_implementation="eager")
    return transformers.GPT2Model(config)


class OneInput(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids)[0]


def export_other(path, name):
    model = fill(other(name), name)
    if name == "cnn":
        torch.onnx.export(model, (torch.zeros(1, 3, 8, 8),), path, input_names=["pixels"], opset_version=14, dynamo=False)
        return
    ids = torch.arange(7).unsqueeze(0) * 5 % 61
    if name == "gpt2":  # the older exporter does not know an operator of it
        torch.onnx.export(OneInput(model), (ids,), path, input_names=["input_ids"], opset_version=18, dynamo=True,
                          external_data=False, verbose=False)
        return
    torch.onnx.export(OneInput(model), (ids,), path, input_names=["input_ids"], output_names=["last_hidden_state"],
                      opset_version=17, dynamo=False, dynamic_axes={"input_ids": {0: "batch", 1: "sequence"}})


def export_twin(path, name):
    """A model of tests/e2e/models with all its heads: its blobs must come out the same from both files."""
    folder = pathlib.Path(__file__).resolve().parent.parent / "e2e" / "models" / name
    kind = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    pick = ["logits"] if kind.endswith("LM") else ["last_hidden_state", "pooler_output"]
    ids = torch.arange(7).unsqueeze(0) * 5 % model.config.vocab_size
    inputs = (ids, torch.ones_like(ids), (ids > 20).long() % model.config.type_vocab_size)
    keys = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(Plain(model, pick).eval(), inputs, path, input_names=keys, output_names=pick, opset_version=17,
                      dynamo=False, dynamic_axes={key: {0: "batch", 1: "sequence"} for key in keys})


# Sound graphs that are no encoder of ours, and what the refusal says.
REFUSED = {
    "refused-cnn": ([dict(other="cnn")], "input \"pixels\""),
    "refused-roberta": ([dict(other="roberta")], "position"),
    "refused-causal": ([dict(other="causal")], "all tokens seeing all"),
    "refused-gpt2": ([dict(other="gpt2"), strip], "expected"),
    "refused-scale": ([dict(), another_scale], "softmax(q k^T / sqrt(width of a head))"),
}

# How near the outputs must be, by a part of the name: largest difference / largest magnitude, or cosine of every row.
BOUNDS = {"qdq": {"cosine": 0.9}, "int8": {"cosine": 0.98}, "fp16": {"difference": 2e-2}, "half": {"difference": 2e-2}}

# name: what is exported, and what is done with it then
EXPORTS = {
    "bert-ts11": [dict(opset=11)],
    "bert-ts14": [dict(head="pooled")],
    "bert-ts14-sdpa": [dict(attention="sdpa")],
    "bert-ts14-unfolded": [dict(fold=False)],
    "bert-ts17-fixed": [dict(opset=17, fixed=9, head="pooled", hidden_act="relu", layer_norm_eps=1e-5)],
    "bert-dynamo": [dict(dynamo=True, opset=18), strip],
    "bert-dynamo-raw": [dict(dynamo=True, opset=18, fold=False)],
    "bert-dynamo-sdpa": [dict(dynamo=True, opset=18, attention="sdpa", head="pooled")],
    "bert-dynamo-20": [dict(dynamo=True, opset=20)],
    "bert-dynamo-23": [dict(dynamo=True, opset=23, attention="sdpa"), strip],
    "bert-dynamo-fixed": [dict(dynamo=True, opset=18, fixed=8)],
    "albert-ts14": [dict(kind="Albert", head="pooled")],
    "albert-ts14-slim": [dict(kind="Albert", num_hidden_layers=2), slim],
    "albert-dynamo": [dict(kind="Albert", dynamo=True, opset=18, attention="sdpa"), strip],
    "albert-equal-width": [dict(kind="Albert", embedding_size=16, num_hidden_groups=1)],
    "albert-mlm": [dict(kind="Albert", head="mlm", num_hidden_layers=2)],
    "bert-slim": [dict(head="pooled", opset=17), slim],
    "bert-mlm": [dict(head="mlm", hidden_act="silu")],
    "bert-classify": [dict(head="classify", attention="sdpa")],
    "bert-tokens": [dict(head="tokens")],
    "bert-qa": [dict(head="qa", opset=17)],
    "bert-one-type": [dict(type_vocab_size=1)],
    "bert-tanh": [dict(hidden_act="gelu_pytorch_tanh", opset=17, attention="sdpa")],
    "bert-sentence": [dict(head="sentence")],
    "bert-ort-basic": [dict(head="pooled"), lambda a, b: ort_optimise(a, b, "BASIC")],
    "bert-ort-extended": [dict(head="pooled"), lambda a, b: ort_optimise(a, b, "EXTENDED")],
    "bert-ort-all": [dict(head="pooled", attention="sdpa"), lambda a, b: ort_optimise(a, b, "ALL")],
    "bert-ort-fused": [dict(head="pooled"), ort_fuse],
    "bert-ort-fused-sdpa": [dict(head="pooled", attention="sdpa"), ort_fuse],
    "bert-ort-mha": [dict(head="pooled"), fuse_mha],
    "bert-ort-fp16": [dict(head="pooled"), lambda a, b: ort_fuse(a, b, half=True)],
    "albert-ort-extended": [dict(kind="Albert"), lambda a, b: ort_optimise(a, b, "EXTENDED")],
    "bert-fp16": [dict(), half_convert],
    "bert-half": [dict(half=True, layer_norm_eps=1e-5)],
    "bert-int8": [dict(head="pooled"), int8],
    "bert-int8-channels": [dict(), int8_channels],
    "bert-int8-fused": [dict(), ort_fuse, int8],
    "bert-int8-extended": [dict(), int8, lambda a, b: ort_optimise(a, b, "EXTENDED")],
    "bert-qdq": [dict(head="pooled", num_hidden_layers=1), qdq],
    "bert-weight-only": [dict(), weight_only],
    "other-distilbert": [dict(other="distilbert")],
    "other-electra": [dict(other="electra")],
    "twin-bert-relu": [dict(twin="bert-relu")],
    "twin-bert-equal-layers": [dict(twin="bert-equal-layers"), lambda a, b: ort_optimise(a, b, "EXTENDED")],
    "twin-albert-groups": [dict(twin="albert-groups"), slim],
    "twin-albert-inner": [dict(twin="albert-inner")],
}


def sequences(length):
    """Ids and type ids of three sequences: of another length each, unless the length is fixed."""
    out = []
    for i, n in enumerate([length] * 3 if length else [9, 3, 16]):
        rng = seeded(f"sequence {i} {n}")
        out.append((rng.integers(0, BERT["vocab_size"], n).tolist(), [int(2 * t >= n) for t in range(n)]))
    return out


def feeds(model, sequence):
    ids, types = (np.array([s], np.int64) for s in sequence)
    ones = np.ones_like(ids)
    every = {"input_ids": ids, "attention_mask": ones, "input_mask": ones, "token_type_ids": types, "segment_ids": types}
    wanted = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
    return {k: v.astype(np.int32 if wanted[k] == onnx.TensorProto.INT32 else np.int64) for k, v in every.items()
            if k in wanted}


def expected(path, fixed, types):
    model = onnx.load(path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    cases = []
    for ids, type_ids in sequences(fixed):
        type_ids = [min(t, types - 1) for t in type_ids]
        given = feeds(model, (ids, type_ids))
        out = session.run(None, given)
        cases.append({"input_ids": ids, "token_type_ids": type_ids if "token_type_ids" in given else [0] * len(ids),
                      "outputs": {o.name: {"shape": list(a.shape), "values": [float(f"{v:.8g}") for v in a.ravel()]}
                                  for o, a in zip(session.get_outputs(), out) if a.dtype.kind == "f"}})
    return cases


def write(name, out):
    (recipe, *steps), refusal = (EXPORTS[name], None) if name in EXPORTS else REFUSED[name]
    with tempfile.TemporaryDirectory() as work:
        path = pathlib.Path(work) / "0.onnx"
        quiet = io.StringIO()
        with torch.no_grad(), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            if "other" in recipe:
                export_other(str(path), recipe["other"])
            elif "twin" in recipe:
                export_twin(str(path), recipe["twin"])
            else:
                export(str(path), **recipe)
            for i, step in enumerate(steps):
                after = pathlib.Path(work) / f"{i + 1}.onnx"
                step(path, after)
                path = after
        facts = {"versions": {m.__name__: m.__version__ for m in (torch, transformers, onnx, onnxruntime)}}
        if refusal:
            facts["refused"] = refusal
        else:
            types = 1 if "twin" in recipe or "other" in recipe else recipe.get("type_vocab_size", 2)
            facts["cases"] = expected(path, recipe.get("fixed", 0), types)
            facts["bound"] = next((bound for key, bound in BOUNDS.items() if key in name), {"difference": 2e-5})
        if "twin" in recipe:
            facts["twin"] = recipe["twin"]
        (out / f"{name}.json").write_text(json.dumps(facts) + "\n")
        shutil.copyfile(path, out / f"{name}.onnx")


def stored(model, case, out, name):
    """Somebody else's export with the inputs and outputs that came with it (.pb); masked tokens are left out."""
    def read(kind):
        tensors = []
        for path in sorted(case.glob(f"{kind}_*.pb")):
            tensors.append(onnx.TensorProto.FromString(path.read_bytes()))
        return {t.name: onnx.numpy_helper.to_array(t) for t in tensors}
    given, gives = read("input"), read("output")
    mask = next(a for key, a in given.items() if "mask" in key)[0] > 0
    ids = next(a for key, a in given.items() if "input_ids" in key)[0][mask].tolist()
    types = next(a for key, a in given.items() if "segment" in key or "type" in key)[0][mask].tolist()
    outputs = {}
    for key, array in gives.items():
        array = array[:, mask] if array.shape[1] == len(mask) else array
        outputs[key] = {"shape": list(array.shape), "values": [float(f"{v:.8g}") for v in array.ravel()]}
    (out / f"{name}.json").write_text(json.dumps({
        "cases": [{"input_ids": ids, "token_type_ids": types, "outputs": outputs}], "bound": {"difference": 1e-4}}) + "\n")
    shutil.copyfile(model, out / f"{name}.onnx")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", choices=sorted({**EXPORTS, **REFUSED}))
    parser.add_argument("--committed", action="store_true", help="only those that are committed")
    parser.add_argument("--stored", nargs=3, metavar=("MODEL", "CASE_DIR", "NAME"), help="an export with .pb files")
    parser.add_argument("--run", nargs=2, metavar=("MODEL", "NAME"), help="an export without; ONNX Runtime says what it gives")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    if args.stored:
        return stored(pathlib.Path(args.stored[0]), pathlib.Path(args.stored[1]), args.out, args.stored[2])
    if args.run:
        shutil.copyfile(args.run[0], args.out / f"{args.run[1]}.onnx")
        facts = {"versions": {"onnxruntime": onnxruntime.__version__}, "cases": expected(args.run[0], 0, 2),
                 "bound": {"difference": 1e-4}}
        (args.out / f"{args.run[1]}.json").write_text(json.dumps(facts) + "\n")
        return 0
    for name in args.only or (COMMITTED if args.committed else [*EXPORTS, *REFUSED]):
        try:
            write(name, args.out)
            print(f"{name}: {(args.out / f'{name}.onnx').stat().st_size} bytes")
        except Exception:  # every exporter has its own errors; the others still run
            failed += 1
            print(f"{name}: FAILED: {traceback.format_exc().strip().splitlines()[-1]}")
            if args.only:
                traceback.print_exc()
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
