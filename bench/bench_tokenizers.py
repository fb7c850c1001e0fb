#!/usr/bin/env python3
"""Times tokenizers side by side with Hugging Face `tokenizers`, round by round, one thread each, on this machine.

    bench_tokenizers.py BUILD_DIR FOLDER TEXTFILE... [--rounds 5] [--seconds 0.3] [--only check|time]

FOLDER is what albert-convert takes, or a tokenizer alone (tokenizer.json, or ALBERT's spiece.model): then a model of
zeros is made around it. Each line of a file is a text. First the ids and offsets of every line are compared; then both
take turns. Theirs is the best of two calls a round of Tokenizer.encode_batch (with offsets) and of encode_batch_fast
(without), with TOKENIZERS_PARALLELISM=false; ours is `albert-run bench --texts`, which always gives offsets and whose
memory of words is warm, as theirs is; "first" is ours on texts never seen before. Ratios are of medians.
Needs from PyPI: bench/requirements_tokenizers.txt. Exit code 1: a line differs.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/tokenizer"))
import tokenizers  # noqa: E402

import compare_hf  # noqa: E402

WIDTH = 8  # of the stand-in model


def stand_in(source, vocabulary, folder):
    """A model of zeros with the tokenizer of `source`."""
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model"):
        if (source / name).exists():
            shutil.copy(source / name, folder / name)
    (folder / "config.json").write_text(json.dumps(dict(
        model_type="albert", vocab_size=vocabulary, embedding_size=WIDTH, hidden_size=WIDTH, intermediate_size=WIDTH,
        num_attention_heads=1, num_hidden_layers=1, num_hidden_groups=1, inner_group_num=1, max_position_embeddings=512,
        type_vocab_size=2, hidden_act="gelu_new", layer_norm_eps=1e-12)))
    layer = "encoder.albert_layer_groups.0.albert_layers.0."
    shapes = {"embeddings.word_embeddings.weight": [vocabulary, WIDTH],
              "embeddings.position_embeddings.weight": [512, WIDTH],
              "embeddings.token_type_embeddings.weight": [2, WIDTH]}
    for name in ("attention.query", "attention.key", "attention.value", "attention.dense", "ffn", "ffn_output"):
        shapes |= {f"{layer}{name}.weight": [WIDTH, WIDTH], f"{layer}{name}.bias": [WIDTH]}
    shapes |= {"encoder.embedding_hidden_mapping_in.weight": [WIDTH, WIDTH],
               "encoder.embedding_hidden_mapping_in.bias": [WIDTH]}
    for name in ("embeddings.LayerNorm", layer + "attention.LayerNorm", layer + "full_layer_layer_norm"):
        shapes |= {f"{name}.weight": [WIDTH], f"{name}.bias": [WIDTH]}
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    return folder


def convert(args, tokenizer, folder):
    source = args.folder
    if not (source / "model.safetensors").exists():
        (folder / "source").mkdir()
        source = stand_in(source, tokenizer.get_vocab_size(), folder / "source")
    model = folder / "model.alb"
    subprocess.run([args.build / "albert-convert", source, "-o", model, "-q"], check=True)
    return model


def theirs(encode, texts):
    best = float("inf")
    for _ in range(2):
        start = time.perf_counter()
        encode(texts)
        best = min(best, time.perf_counter() - start)
    return best


def ours(args, model, path):
    command = [args.build / "albert-run", "bench", model, "--texts", path, "--seconds", str(args.seconds), "--json",
               "--threads", "1"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def row(args, tokenizer, model, path):
    texts = [line.decode("utf-8", "replace") for line in compare_hf.lines_of(path)]
    rounds = [(ours(args, model, path), theirs(tokenizer.encode_batch, texts),
               theirs(tokenizer.encode_batch_fast, texts)) for _ in range(args.rounds)]
    size, tokens = rounds[0][0]["bytes"], rounds[0][0]["tokens"]
    seconds = [statistics.median(r[0][key] for r in rounds) / 1e3 for key in ("median_ms", "first_ms")]
    seconds += [statistics.median(r[i] for r in rounds) for i in (1, 2)]
    warm, first, full, fast = (size / s / 1e6 for s in seconds)
    print(f"{path.name:24} {full:7.2f} {fast:7.2f} {first:8.1f} {warm:8.1f} {tokens / seconds[0] / 1e6:8.2f} "
          f"{warm / full:7.1f} x {warm / fast:7.1f} x {first / fast:7.1f} x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("texts", type=pathlib.Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--only", choices=("check", "time"))
    args = parser.parse_args()
    tokenizer, different = compare_hf.reference(args.folder), 0
    with tempfile.TemporaryDirectory() as temporary:
        model = convert(args, tokenizer, pathlib.Path(temporary))
        for path in args.texts if args.only != "time" else []:
            got = compare_hf.from_program(args.build / "albert-run", model, path)
            different += compare_hf.compare(path.name, compare_hf.lines_of(path), got, tokenizer)
        if args.only != "check":
            print(f"{args.folder.name}, 1 thread, {args.rounds} rounds; tokenizers {tokenizers.__version__}, "
                  f"{platform.machine()}; MB/s, ours in million tokens/s, and ratios")
            print(f"{'':24} {'theirs':>7} {'fast':>7} {'first':>8} {'ours':>8} {'Mtok/s':>8} {'ours/theirs':>9} "
                  f"{'/fast':>8} {'first/fast':>10}")
            for path in args.texts:
                row(args, tokenizer, model, path)
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
