#!/usr/bin/env python3
"""Compares the programs with the expected values of tests/e2e/expected. README.md beside this file says what they are.

    run_e2e.py BUILD_DIR [--models DIR] [--real-only | --no-real] [--only NAME ...] [--test NAME ...] [--quick] [--verbose]

Exit code: 0 all within their bounds, 1 some are not, 77 nothing could run. Standard library only.
"""
import argparse
import array
import concurrent.futures
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TIMEOUT = 600


class Failed(Exception):
    """A program failed, or gave something that is not even of the right form."""


def run(command, text=None, expect=0):
    """Standard output of a program that has to end with the expected exit code."""
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, timeout=TIMEOUT, check=False)
    if done.returncode != expect:
        shown = " ".join(str(c) for c in command)
        raise Failed(f"exit {done.returncode}: {shown}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return done.stdout


def parse_npy(data):
    """(shape, values) of a float32 .npy file of version 1 to 3 in C order."""
    if data[:6] != b"\x93NUMPY":
        raise Failed("not an .npy file")
    width, start = (2, 10) if data[6] == 1 else (4, 12)
    length = int.from_bytes(data[8:8 + width], "little")
    header = data[start:start + length].decode("latin-1")
    if "'<f4'" not in header or "'fortran_order': False" not in header:
        raise Failed(f"not float32 in C order: {header}")
    shape = [int(n) for n in header.partition("'shape': (")[2].partition(")")[0].split(",") if n.strip()]
    values = floats(data[start + length:])
    if len(values) != math.prod(shape):
        raise Failed(f"{len(values)} numbers for the shape {shape}")
    return shape, values


def floats(data):
    values = array.array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def difference(got, expected, measure):
    """Largest difference, by default as part of the largest expected magnitude; infinite for NaN and wrong sizes."""
    if len(got) != len(expected):
        raise Failed(f"{len(got)} numbers, expected {len(expected)}")
    worst = 0.0
    for g, e in zip(got, expected):
        d = abs(g - e)
        if not d <= worst:
            worst = d if d == d else math.inf
    return worst if measure == "absolute" else worst / max(max(map(abs, expected)), 1e-30)


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def select(values, width, check):
    """The rows and columns of a [rows, width] array that a check names."""
    rows = check.get("rows", range(len(values) // width))
    step = check.get("column_step", 1)
    return [v for row in rows for v in values[row * width:(row + 1) * width:step]]


class Case:
    """One model of tests/e2e/expected, converted, and the ways to ask the programs about it."""

    def __init__(self, name, build, source, work, quick=False):
        self.name, self.build, self.source, self.work, self.quick = name, build, source, work, quick
        spec = json.loads((HERE / "expected" / f"{name}.json").read_text())
        self.inputs, self.checks = spec["inputs"], spec["checks"]
        self.raw = (HERE / "expected" / f"{name}.f32").read_bytes()
        self.config = json.loads((source / "config.json").read_text())

    def convert(self, suffix="f32", source=None, *options):
        out = self.work / f"{self.name}-{suffix}.alb"
        if not out.exists():
            run([self.build / "albert-convert", source or self.source, "-o", out, "-q", *options])
        return out

    def expected(self, check):
        size = 4 * math.prod(check["shape"])
        return floats(self.raw[check["offset"]:check["offset"] + size])

    def of_kind(self, what, **fields):
        return [c for c in self.checks if c["what"] == what and all(c.get(k) == v for k, v in fields.items())]

    def albert_run(self, command, model, *options, text=b""):
        return run([self.build / "albert-run", command, model, *options], text)

    def run_model(self, model, what, inputs, rows=(), threads=1):
        numbers = [len(inputs)]
        for i in inputs:
            numbers += [len(i["input_ids"]), *i["input_ids"], *i["token_type_ids"]]
        numbers += [len(rows), *rows]
        return floats(run([self.build / "tests" / "run_model", model, what, threads], " ".join(map(str, numbers)).encode()))


def id_lines(inputs):
    return "".join(json.dumps({k: i[k] for k in ("input_ids", "token_type_ids")}) + "\n" for i in inputs).encode()


def text_lines(texts):
    return ("\n".join(texts) + "\n").encode()


def json_lines(data, count):
    lines = [json.loads(line) for line in data.decode().splitlines()]
    if len(lines) != count:
        raise Failed(f"{len(lines)} lines of output for {count} lines of input")
    return lines


# Each test takes a case and yields (label, measured, bound, whether larger is better). A test without anything to look
# at in a case yields nothing.

def test_hidden(case):
    """All inputs in one call, packed; then the first ones alone and with other thread counts: the same bits."""
    checks = case.of_kind("hidden")
    inputs = [case.inputs[c["input"]] for c in checks]
    width = case.config["hidden_size"]
    model = case.convert()
    shape, values = parse_npy(case.albert_run("hidden", model, "--ids", "--format", "npy", text=id_lines(inputs)))
    if shape != [sum(len(i["input_ids"]) for i in inputs), width]:
        raise Failed(f"shape {shape}")
    start = 0
    for check, source in zip(checks, inputs):
        part = values[start:start + len(source["input_ids"]) * width]
        start += len(part)
        yield f"{len(source['input_ids'])} tokens", difference(select(part, width, check), case.expected(check),
                                                               check.get("measure")), check["bound"], False
        if len(source["input_ids"]) <= (7 if case.quick else 64):
            for threads in ("1", "3"):
                _, alone = parse_npy(case.albert_run("hidden", model, "--ids", "--format", "npy", "--threads", threads,
                                                     text=id_lines([source])))
                same = alone.tobytes() == part.tobytes()
                yield f"{len(source['input_ids'])} tokens alone, {threads} threads: bits that differ", int(not same), 0, False


def test_layers(case):
    for index in sorted({c["input"] for c in case.of_kind("layer")}):
        source = case.inputs[index]
        values = case.run_model(case.convert(), "layers", [source])
        size = len(source["input_ids"]) * case.config["hidden_size"]
        for check in case.of_kind("layer", input=index):
            got = values[check["layer"] * size:(check["layer"] + 1) * size]
            yield f"layer {check['layer']}", difference(got, case.expected(check), None), check["bound"], False


def test_pooler(case):
    for check in case.of_kind("pooler"):
        got = case.run_model(case.convert(), "pooler", [case.inputs[check["input"]]])
        yield "pooler", difference(got, case.expected(check), None), check["bound"], False


def test_logits(case):
    for check in case.of_kind("logits"):
        source = case.inputs[check["input"]]
        rows = check.get("rows", range(len(source["input_ids"])))
        got = case.run_model(case.convert(), "mlm", [source], rows)
        got = select(got, case.config["vocab_size"], {"column_step": check.get("column_step", 1)})
        yield f"{len(source['input_ids'])} tokens", difference(got, case.expected(check), None), check["bound"], False


def test_pool(case):
    """The model with files beside it that state each pooling."""
    for check in case.of_kind("pool"):
        kind, name = check["pooling"], {"cls": "cls_token"}.get(check["pooling"], check["pooling"] + "_tokens")
        folder = case.work / f"{case.name}-{kind}"
        shutil.copytree(case.source, folder, dirs_exist_ok=True)
        (folder / "1_Pooling").mkdir(exist_ok=True)
        modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                   {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
        (folder / "modules.json").write_text(json.dumps(modules))
        flags = {f"pooling_mode_{n}": n == name for n in ("cls_token", "mean_tokens", "max_tokens")}
        (folder / "1_Pooling" / "config.json").write_text(
            json.dumps({"word_embedding_dimension": case.config["hidden_size"], **flags}))
        _, got = parse_npy(case.albert_run("embed", case.convert(kind, folder), "--ids", "--format", "npy",
                                           text=id_lines([case.inputs[check["input"]]])))
        yield kind, difference(got, case.expected(check), None), check["bound"], False


def test_embed_ids(case):
    checks = [c for c in case.of_kind("embed") if "text" not in case.inputs[c["input"]]]
    for check in checks:
        _, got = parse_npy(case.albert_run("embed", case.convert(), "--ids", "--format", "npy",
                                           text=id_lines([case.inputs[check["input"]]])))
        yield "embed", difference(got, case.expected(check), check.get("measure")), check["bound"], False


def test_embed_text(case):
    checks = [c for c in case.of_kind("embed") if "text" in case.inputs[c["input"]]]
    if not checks:
        return
    sources = [case.inputs[c["input"]] for c in checks]
    replies = json_lines(case.albert_run("embed", case.convert(), text=text_lines(s["text"] for s in sources)), len(checks))
    for number, (check, source, reply) in enumerate(zip(checks, sources, replies)):
        label = f"text {number}"
        yield label, difference(reply["embedding"], case.expected(check), check.get("measure")), check["bound"], False
        said = [reply["index"], reply["tokens"], reply["truncated"]]
        right = [number, len(source["input_ids"]), source["truncated"]]
        yield f"{label}: {said}, expected {right}", int(said != right), 0, False


def text_cosines(case, dtype):
    """Cosines between the type's and f32 embeddings of real text, sorted (real models only: random weights are not text)."""
    checks = [c for c in case.of_kind("embed") if "text" in case.inputs[c["input"]]]
    if not checks:
        return []
    texts = text_lines(case.inputs[c["input"]]["text"] for c in checks)
    replies = json_lines(case.albert_run("embed", case.convert(dtype, None, "--dtype", dtype), text=texts), len(checks))
    return sorted(cosine(r["embedding"], case.expected(c)) for c, r in zip(checks, replies))


def test_embed_int8(case):
    cosines = text_cosines(case, "int8")
    if cosines:
        yield "median cosine", cosines[len(cosines) // 2], 0.999, True


def test_embed_int6(case):
    cosines = text_cosines(case, "int6")
    if cosines:
        yield "median cosine", cosines[len(cosines) // 2], 0.997, True


def test_embed_int5(case):
    cosines = text_cosines(case, "int5")
    if cosines:
        yield "median cosine", cosines[len(cosines) // 2], 0.988, True


def test_embed_int4(case):
    cosines = text_cosines(case, "int4")
    if cosines:
        yield "median cosine", cosines[len(cosines) // 2], 0.96, True
        yield "least cosine", cosines[0], 0.9, True


def test_tokenize(case):
    sources = [i for i in case.inputs if "text" in i]
    if not sources:
        return
    replies = json_lines(case.albert_run("tokenize", case.convert(), text=text_lines(s["text"] for s in sources)),
                         len(sources))
    for source, reply in zip(sources, replies):
        # tokenize gives all tokens; where the model's limit cuts the text, all but the last [SEP] stand at the front.
        end = len(source["input_ids"]) - 1 if source.get("truncated") else len(reply["ids"])
        pairs = [("ids", "input_ids"), ("type_ids", "token_type_ids"), ("offsets", "offsets")]
        wrong = any(key in source and reply[name][:end] != source[key][:end] for name, key in pairs)
        wrong = wrong or len(reply["ids"]) < len(source["input_ids"])
        yield f"{source['text'][:40]!r}", int(wrong), 0, False


def by_mask(reply):
    """Replies of fill-mask for one text: a list of proposals for one mask, a list of such lists for several."""
    return reply if reply and isinstance(reply[0], list) else [reply]


def test_fill_mask(case):
    for check in case.of_kind("fill-mask"):
        text = case.inputs[check["input"]]["text"]
        reply = json.loads(case.albert_run("fill-mask", case.convert(), text, "--json"))
        got = [[p["score"] for p in proposals] for proposals in by_mask(reply)]
        tokens = [[[p["token"], p["token_str"]] for p in proposals] for proposals in by_mask(reply)]
        right = [[list(pair) for pair in zip(*row)] for row in zip(check["tokens"], check["token_str"])]
        yield f"{text}: {tokens}, expected {right}", int(tokens != right), 0, False
        yield text, difference(sum(got, []), case.expected(check), None), check["bound"], False


def test_head(case):
    """Logits of heads on token ids, all in one call."""
    checks = case.of_kind("head")
    if not checks:
        return
    inputs, task = [case.inputs[c["input"]] for c in checks], checks[0]["task"]
    model = case.convert()
    shape, values = parse_npy(case.albert_run(task, model, "--ids", "--format", "npy", text=id_lines(inputs)))
    replies = json_lines(case.albert_run(task, model, "--ids", "--logits", text=id_lines(inputs)), len(inputs))
    if shape != [sum(c["shape"][0] if len(c["shape"]) == 2 else 1 for c in checks), checks[0]["shape"][-1]]:
        raise Failed(f"shape {shape}")
    start = 0
    for check, source, reply in zip(checks, inputs, replies):
        part = values[start:start + math.prod(check["shape"])]
        start += len(part)
        yield f"{len(source['input_ids'])} tokens", difference(part, case.expected(check), None), check["bound"], False
        rows = reply["logits"] if len(check["shape"]) == 2 else [reply["logits"]]
        same = array.array("f", sum(rows, [])) == part and reply["tokens"] == len(source["input_ids"])
        yield f"{len(source['input_ids'])} tokens: JSON differs from the array", int(not same), 0, False


def pipeline_replies(case, check):
    """What albert-run replies to the inputs of a pipeline, without the mark of texts that were cut."""
    task, inputs, model = check["task"], check["inputs"], case.convert()
    if task == "rerank":
        return [json.loads(case.albert_run("rerank", model, "--", *inputs))]
    if task in ("qa", "pairs"):
        lines = text_lines(json.dumps(i, ensure_ascii=n % 2 == 0) for n, i in enumerate(inputs))
        if task == "qa":
            return json_lines(case.albert_run("qa", model, text=lines), len(inputs))
        return json_lines(case.albert_run("classify", model, "--pairs", text=lines), len(inputs))
    # texts may have line feeds in them, so they go as operands
    return json_lines(case.albert_run(task, model, "--", *inputs), len(inputs))


def test_pipeline(case):
    """Replies to texts: members and their order, texts, places equal; scores within the bound."""
    for check in case.of_kind("pipeline"):
        expected = [check["replies"]] if check["task"] == "rerank" else check["replies"]
        for number, (got, right) in enumerate(zip(pipeline_replies(case, check), expected)):
            got, right = ([r] if isinstance(r, dict) else r for r in (got, right))
            kept = [{k: v for k, v in row.items() if k not in ("score", "truncated")} for row in got]
            wanted = [{k: v for k, v in row.items() if k != "score"} for row in right]
            label = f"{check['task']} {number}"
            yield f"{label}: {kept}, expected {wanted}", int(kept != wanted), 0, False
            if kept == wanted and right:
                scores = [[row["score"] for row in rows] for rows in (got, right)]
                yield f"{label}: scores", difference(*scores, None), check["bound"], False


def test_top1(case):
    """On masks in real text: as many right answers as transformers gives, in f32 and in int8."""
    for check in case.of_kind("top1"):
        rows = check["rows"][:10] if case.quick else check["rows"]
        texts, expected = text_lines(row[0] for row in rows), sum(row[1] == row[2] for row in rows)
        for dtype in ("f32", "int8"):
            model = case.convert(dtype, None, "--dtype", dtype)
            replies = json_lines(case.albert_run("fill-mask", model, text=texts), len(rows))
            best = [by_mask(reply)[0][0]["token"] for reply in replies]
            right = sum(b == row[1] for b, row in zip(best, rows))
            agree = sum(b == row[2] for b, row in zip(best, rows))
            label = f"{dtype}: {right} right of {len(rows)}, expected {expected}, {agree} agree"
            yield label, abs(right - expected) / len(rows), check["bound"], False


def test_sharing(case):
    """Undoing and redoing exact sharing changes no bit of the result."""
    inputs = [i for i in case.inputs if len(i["input_ids"]) <= 64]
    results = [case.albert_run("hidden", case.convert(f"share-{mode}", None, "--share", mode), "--ids", "--format", "npy",
                               text=id_lines(inputs)) for mode in ("exact", "none")]
    yield "--share none against exact: bits that differ", int(results[0] != results[1]), 0, False


def test_sizes(case):
    """inspect says to the byte what each mode and weight type gives; of large models only f32 and int8 of some modes."""
    if case.quick:
        return
    predicted = json.loads(run([case.build / "albert-convert", "inspect", case.source, "--json"]))["sizes"]
    small = sum(file.stat().st_size for file in case.source.glob("*.safetensors")) < 5_000_000
    for mode, sizes in predicted.items():
        dtypes = ["f32", "int8"] + ["f16", "bf16", "int4"] * (mode == "exact")
        dtypes = dtypes if small else ["int8", "int4"] + ["f32"] * (mode in ("exact", "all"))
        for dtype in dtypes:
            out = case.work / "size.alb"
            run([case.build / "albert-convert", case.source, "-o", out, "-q", "-f", "--share", mode, "--dtype", dtype])
            yield f"--share {mode} --dtype {dtype}", abs(out.stat().st_size - sizes[dtype]), 0, False


def test_modes(case):
    """Every mode runs and validates: 0 where nothing was lost, else the difference is printed (exit 0 or 1)."""
    modes = {mode: ["--share", mode] for mode in ("exact", "none", "all", "attention", "ffn")}
    if case.config["num_hidden_layers"] % 2 == 0:
        modes["groups"] = ["--share", "all", "--groups", "2"]
    for name, options in modes.items():
        model = case.convert(f"mode-{name}", None, *options)
        _, values = parse_npy(case.albert_run("hidden", model, "--ids", "--format", "npy", text=id_lines(case.inputs[:1])))
        done = subprocess.run([case.build / "albert-convert", "validate", case.source, model], capture_output=True, check=False,
                              timeout=TIMEOUT)
        wrong = done.returncode not in ((0,) if name in ("exact", "none") else (0, 1)) or b"cosine" not in done.stdout
        yield f"{name}: validate ended with {done.returncode}", int(wrong or not all(map(math.isfinite, values))), 0, False
        model.unlink()


def test_second_reader(case):
    """Files of every kind are sound to the reader that was written from docs/format.md alone (small files: it is slow)."""
    kinds = {"f32": [], "f16": ["--dtype", "f16"], "bf16": ["--dtype", "bf16"], "int8": ["--dtype", "int8"],
             "int4": ["--dtype", "int4"], "int4-compressed": ["--dtype", "int4", "--compress"],
             "int4-tables": ["--dtype", "int8", "--embeddings", "int4"],
             "int5": ["--dtype", "int5", "--embeddings", "int6"], "int6": ["--dtype", "int6", "--embeddings", "int5"],
             "none": ["--share", "none"], "all": ["--share", "all"], "attention": ["--share", "attention"],
             "ffn": ["--share", "ffn"], "norms": ["--share", "all", "--share-norms"], "compressed": ["--compress"]}
    if sum(file.stat().st_size for file in case.source.glob("*.safetensors")) > 200_000:
        return
    files = [case.convert(f"kind-{kind}", None, *options) for kind, options in kinds.items()]
    run([sys.executable, "-B", ROOT / "tests" / "format" / "read_format.py", *files])
    yield f"{len(files)} files", 0, 0, False


def safetensors(folder):
    """{name: (dtype, shape, bytes)} of a folder's weights; names without the prefix of the encoder, old names of norms new."""
    out = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        for name, entry in json.loads(data[8:start]).items():
            if name == "__metadata__":
                continue
            for old, new in (("bert.", ""), ("albert.", ""), (".gamma", ".weight"), (".beta", ".bias")):
                name = name.removeprefix(old) if not new else name[:-len(old)] + new if name.endswith(old) else name
            begin, end = entry["data_offsets"]
            out[name] = entry["dtype"], entry["shape"], data[start + begin:start + end]
    return out


def test_folders(case):
    """From the source and from its .alb file to folders: the source's tensors, and from there the same results."""
    if case.quick and sum(file.stat().st_size for file in case.source.glob("*.safetensors")) > 5_000_000:
        return
    alb, folders, source = case.convert(), {}, safetensors(case.source)
    for kind, start in (("source", case.source), ("file", alb)):
        folders[kind] = case.work / f"{case.name}-folder-{kind}"
        run([case.build / "albert-convert", "-q", start, "-o", f"{folders[kind]}/"])
        written = safetensors(folders[kind])
        lossless = {t for t, _, _ in source.values() if t != "I64"} in ({"F32"}, {"F16"}, {"BF16"})
        differ = [n for n, t in written.items() if lossless and n in source and t != source[n]]
        new = [n for n in written if n not in source and not n.endswith("decoder.bias")
               and "embedding_hidden_mapping_in" not in n]
        same_layout = json.loads((folders[kind] / "config.json").read_text())["model_type"] == case.config["model_type"]
        if same_layout and not set(written) & set(source) >= {n for n in source if "LayerNorm" in n or "query" in n}:
            raise Failed(f"{kind}: tensors are missing")
        yield f"{kind}: tensors that differ: {differ + new}", len(differ) + len(new) * same_layout, 0, False
    weights = [(folder / "model.safetensors").read_bytes() for folder in folders.values()]
    yield "weights written from the file and from the source differ", int(weights[0] != weights[1]), 0, False
    back = case.work / f"{case.name}-back.alb"
    run([case.build / "albert-convert", "-q", folders["file"], "-o", back])
    inputs = [i for i in case.inputs if len(i["input_ids"]) <= 64]
    hidden = [case.albert_run("hidden", model, "--ids", "--format", "npy", text=id_lines(inputs)) for model in (alb, back)]
    yield "bits that differ after file, folder, file", int(hidden[0] != hidden[1]), 0, False
    again = case.work / f"{case.name}-folder-again"
    run([case.build / "albert-convert", "-q", back, "-o", f"{again}/"])
    same = (again / "model.safetensors").read_bytes() == weights[0]
    yield "weights after folder, file, folder differ", int(not same), 0, False


def test_gguf(case):
    """To a GGUF file and back: the same results, and the same file again. What GGUF can't hold is refused by exit code 4."""
    gguf, back = case.work / f"{case.name}.gguf", case.work / f"{case.name}-gguf.alb"
    told = case.config
    narrow = told["model_type"] == "albert"  # all of the repository's have narrow embeddings
    refused = narrow or told.get("hidden_act", "gelu") not in ("gelu", "gelu_new", "gelu_pytorch_tanh")
    if not refused and (case.source / "tokenizer.json").exists():
        model = json.loads((case.source / "tokenizer.json").read_text())
        refused = (model["pre_tokenizer"] or {}).get("type") != "BertPreTokenizer"
    if refused:
        run([case.build / "albert-convert", "-q", case.source, "-o", gguf], expect=4)
        yield "refused", int(gguf.exists()), 0, False
        return
    run([case.build / "albert-convert", "-q", case.convert(), "-o", gguf])
    run([case.build / "albert-convert", "-q", gguf, "-o", back])
    exact = told.get("hidden_act", "gelu") == "gelu"  # the file does not say which gelu
    inputs = [i for i in case.inputs if len(i["input_ids"]) <= 64]
    hidden = [case.albert_run("hidden", model, "--ids", "--format", "npy", text=id_lines(inputs))
              for model in (case.convert(), back)]
    if exact:
        yield "bits that differ after file, GGUF, file", int(hidden[0] != hidden[1]), 0, False
    texts = [i["text"] for i in case.inputs if "text" in i]
    if texts:
        ids = [case.albert_run("tokenize", model, text=text_lines(texts)) for model in (case.convert(), back)]
        yield "other ids after GGUF", int(ids[0] != ids[1]), 0, False
    again = case.work / f"{case.name}-again.gguf"
    run([case.build / "albert-convert", "-q", back, "-o", again])
    yield "GGUF of GGUF differs", int(again.read_bytes() != gguf.read_bytes()), 0, False


def check_groups(case, dtype, least):
    """A file of int4 to int6 is near its source; a folder and a GGUF file made from it have its matrices to the bit."""
    if case.quick and sum(file.stat().st_size for file in case.source.glob("*.safetensors")) > 5_000_000:
        return
    convert, alb = case.build / "albert-convert", case.convert(dtype, None, "--dtype", dtype)
    gguf, folders = case.work / f"{case.name}-{dtype}.gguf", [case.work / f"{case.name}-{dtype}-{n}" for n in ("file", "gguf")]
    report = json.loads(run([convert, "validate", "--json", "--atol", "1000", case.source, alb]))
    hidden = next(c for c in report["outputs"] if c["name"] == "hidden")
    yield "hidden states, mean cosine", hidden["cosine_mean"], least, True  # small random weights; trained ones: embed_int4
    run([convert, "-q", alb, "-o", f"{folders[0]}/"])
    written = safetensors(folders[0])
    yield "types", int({t for t, _, _ in written.values()} != {"F32"}), 0, False
    done = subprocess.run([convert, "-q", alb, "-o", gguf], capture_output=True, check=False, timeout=TIMEOUT)
    if done.returncode == 4:
        return  # test_gguf says which models GGUF can't hold
    run([convert, "-q", gguf, "-o", f"{folders[1]}/"])
    back = safetensors(folders[1])
    matrices = [n for n, (_, shape, _) in back.items() if n.startswith("encoder.") and len(shape) == 2]
    differ = [n for n in matrices if back[n] != written[n]]
    yield f"{len(matrices)} matrices, those that differ: {differ}", len(differ) + (not matrices), 0, False


def test_int4(case):
    yield from check_groups(case, "int4", 0.8)


def test_int5(case):
    yield from check_groups(case, "int5", 0.9)


def test_int6(case):
    yield from check_groups(case, "int6", 0.96)


TESTS = [test_hidden, test_layers, test_pooler, test_logits, test_pool, test_embed_ids, test_embed_text, test_embed_int8,
         test_embed_int6, test_embed_int5, test_embed_int4, test_int4, test_int5, test_int6, test_tokenize, test_fill_mask, test_head, test_pipeline, test_top1, test_sharing, test_sizes, test_folders, test_gguf,
         test_modes, test_second_reader]


def run_test(case, test, verbose):
    """Runs one test of one model: whether all is within its bound (None: nothing to look at), and the lines that say so."""
    title = f"{case.name}: {test.__name__[5:].replace('_', ' ')}"
    results = []
    try:
        results.extend(test(case))
    except (Failed, KeyError, TypeError, ValueError, IndexError, struct.error, subprocess.TimeoutExpired) as error:
        return False, [f"FAILED  {title}: {type(error).__name__}: {error}"]
    if not results:
        return None, []
    good = [measured >= bound if larger else measured <= bound for _, measured, bound, larger in results]
    lines = [f"        {title}: {label}: {measured:.3g} (bound {bound:g})"
             for (label, measured, bound, _), g in zip(results, good) if verbose or not g]
    _, measured, bound, _ = max(results, key=lambda r: -r[1] if r[3] else r[1] / r[2] if r[2] else r[1])
    verdict = "ok    " if all(good) else "FAILED"
    return all(good), lines + [f"{verdict}  {title}: {len(results)} comparisons, worst {measured:.3g} (bound {bound:g})"]


def run_model_tests(name, source, options):
    """All tests of one model: (passed, failed, skipped, lines)."""
    if not source.is_dir():
        return 0, 0, 1, [f"skipped {name}: not in {options.models} (tools/fetch_models.sh brings it)"]
    passed, failed, lines = 0, 0, []
    with tempfile.TemporaryDirectory(prefix="alb-e2e-") as work:
        case = Case(name, options.build.resolve(), source, pathlib.Path(work), options.quick)
        for test in TESTS:
            if options.test and test.__name__[5:] not in options.test:
                continue
            good, said = run_test(case, test, options.verbose)
            passed, failed, lines = passed + (good is True), failed + (good is False), lines + said
    return passed, failed, 0, lines


def find_source(name, models):
    """Where a model of tests/e2e/expected lies, and whether it is one that has to be fetched."""
    spec = json.loads((HERE / "expected" / f"{name}.json").read_text())["model"]
    return (ROOT / spec, False) if "/" in spec else (models / spec, True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "models")
    parser.add_argument("--real-only", action="store_true", help="only the models that tools/fetch_models.sh brings")
    parser.add_argument("--no-real", action="store_true", help="only the models of the repository")
    parser.add_argument("--only", action="append", help="only this model (may be repeated)")
    parser.add_argument("--test", action="append", help="only this test, for instance layers (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="fewer texts, no sizes: for slow builds (sanitizers)")
    parser.add_argument("--verbose", action="store_true", help="every comparison, not the worst alone")
    options = parser.parse_args()
    chosen = []
    for path in sorted((HERE / "expected").glob("*.json")):
        source, real = find_source(path.stem, options.models)
        if not (real and options.no_real or not real and options.real_only or options.only and path.stem not in options.only):
            chosen.append((path.stem, source))
    totals = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for *counts, lines in pool.map(lambda c: run_model_tests(*c, options), chosen):
            totals = [t + c for t, c in zip(totals, counts)]
            print("\n".join(lines), flush=True)
    print("{} passed, {} failed, {} skipped".format(*totals))
    return 1 if totals[1] else 0 if totals[0] else 77


if __name__ == "__main__":
    sys.exit(main())
