#!/usr/bin/env python3
"""Checks the tokenizer.json that albert-convert makes from an .alb file with the `tokenizers` library: ids, type ids, offsets.

usage: check_rebuilt.py [--build BUILD]

Every case of tests/tokenizer/cases goes into a tiny model, that into an .alb file, that into a folder; the folder's
tokenizer.json has to give what expected.jsonl says. Not a part of the default tests: needs tokenizers from PyPI (made with
0.23.3). Exit code 1: a text differs.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIZE = 2


def tensors(vocab):
    """Names and shapes of a BERT of one layer."""
    yield "embeddings.word_embeddings.weight", (vocab, SIZE)
    yield "embeddings.position_embeddings.weight", (512, SIZE)
    yield "embeddings.token_type_embeddings.weight", (2, SIZE)
    layer = "encoder.layer.0."
    linears = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
               "intermediate.dense", "output.dense")
    for name in linears:
        yield f"{layer}{name}.weight", (SIZE, SIZE)
        yield f"{layer}{name}.bias", (SIZE,)
    for name in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        yield f"{name}.weight", (SIZE,)
        yield f"{name}.bias", (SIZE,)


def write_model(folder, tokenizer):
    ids = list(tokenizer["model"]["vocab"].values()) + [t["id"] for t in tokenizer.get("added_tokens") or []]
    vocab, header, offset = max(ids) + 1 + len(tokenizer.get("added_tokens") or []), {}, 0
    for name, shape in tensors(vocab):
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))
    (folder / "config.json").write_text(json.dumps(
        {"model_type": "bert", "hidden_size": SIZE, "num_attention_heads": 1, "intermediate_size": SIZE,
         "num_hidden_layers": 1, "vocab_size": vocab}))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def rebuilt(program, case, work):
    source, alb, out = work / "source", work / "model.alb", work / "out"
    source.mkdir()
    write_model(source, json.loads((case / "tokenizer.json").read_text()))
    for command in ((source, "-o", alb), (alb, "-o", f"{out}/")):
        subprocess.run([program, "-q", *command], check=True)
    return Tokenizer.from_file(str(out / "tokenizer.json"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    program = parser.parse_args().build.resolve() / "albert-convert"
    wrong = texts = 0
    for case in sorted(p.parent for p in (HERE / "cases").glob("*/tokenizer.json")):
        with tempfile.TemporaryDirectory() as work:
            tokenizer = rebuilt(program, case, pathlib.Path(work))
        for line in (case / "expected.jsonl").read_text().splitlines():
            record = json.loads(line)
            if record["max"] or "hex" in record:  # truncation is not in tokenizer.json; hex: not UTF-8
                continue
            got = tokenizer.encode(record["text"], record.get("pair"), add_special_tokens=not record["bare"])
            texts += 1
            if got.ids != record["ids"] or got.type_ids != record["types"] or sum(got.offsets, ()) != tuple(record["offsets"]):
                wrong += 1
                print(f"{case.name}: {record['text'][:60]!r}: {got.ids[:12]}, expected {record['ids'][:12]}")
    print(f"{texts} texts, {wrong} differ")
    return 1 if wrong or not texts else 0


if __name__ == "__main__":
    sys.exit(main())
