#!/usr/bin/env python3
"""Compares a tokenizer with the `tokenizers` library: ids, type ids and offsets, line by line.

usage: compare_hf.py [--build BUILD] [--records] [--odd] FOLDER [TEXTFILE...]
FOLDER is a source that albert-convert takes, with tokenizer.json, or with ALBERT's spiece.model (and, for its options,
tokenizer_config.json). --records: only the tokenizer is asked, by tokenize_records, so that FOLDER needs no weights.
--odd: made-up texts too (with --records): every code point with its neighbours, long lines, broken UTF-8.
Needs tokenizers from PyPI. Exit code 1: a line differs.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer, models

import records
import spiece

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def from_spiece(data, lower=True, keep_accents=False):
    """Their tokenizer for a spiece.model of ALBERT, made as transformers makes it: the scores never become text, of which
    they would read some one off in the last place."""
    spec = spiece.albert_json(data, lower, keep_accents)
    tokenizer, model = Tokenizer.from_str(json.dumps(spec)), spec["model"]
    tokenizer.model = models.Unigram([tuple(piece) for piece in model["vocab"]], model["unk_id"], model["byte_fallback"])
    return tokenizer


def reference(folder):
    """Their tokenizer for a folder."""
    path = folder / "tokenizer.json"
    if path.exists():
        tokenizer = Tokenizer.from_file(str(path))
    else:
        path = folder / "tokenizer_config.json"
        config = json.loads(path.read_text()) if path.exists() else {}
        tokenizer = from_spiece((folder / "spiece.model").read_bytes(), config.get("do_lower_case", True),
                                config.get("keep_accents", False))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def lines_of(path):
    lines = pathlib.Path(path).read_bytes().split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def odd_texts():
    """Texts that no file has."""
    chance = random.Random(1)
    points = [c for c in range(1, 0x110000) if not 0xd800 <= c < 0xe000]
    assigned = [c for c in points if c < 0x3400 or 0xa000 <= c < 0xac00 or 0xf900 <= c < 0x1f000 and c % 3 == 0]
    marks = [*range(0x300, 0x370), 0x483, 0x591, 0x5b0, 0x64b, 0x93c, 0x94d, 0x9cd, 0xd4d, 0xe31, 0x1039, 0x17d2, 0x200d,
             0x200c, 0x20dd, 0x302a, 0x3099, 0xfe0f, 0xfe20, 0x600, 0x110bd, 0x1f3fd, 0x1f1e6, 0xd, 0xa, 0x20, 0x2581]
    texts = ["".join(map(chr, points[i:i + 256])) for i in range(0, len(points), 256)]
    texts += ["a%sb %s%s %s\u0301x" % ((chr(c),) * 4) for c in points if c < 0x30000 or c > 0xe0000]
    for _ in range(40000):
        texts.append("".join(chr(chance.choice(chance.choice((assigned, marks, assigned[:300])))) for _ in range(12)))
    for _ in range(3000):
        texts.append(bytes(chance.choice((chance.randrange(256), chance.randrange(128))) for _ in range(30)))
    words = (ROOT / "README.md").read_text().replace("\n", " ") + "日本語中文 Ｆｕｌｌ ﷺ ½ e\u0301 "
    return texts + [words * (100000 // len(words)), words * (1000000 // len(words)), "a" * 100000, "a" * 1000000,
                    "\u0301" * 100000, " " * 1000000, "x " * 500000, "é" * 300000, "\ufdfa" * 30000, "👨‍👩‍👧" * 30000]


def from_program(program, model, path):
    with open(path, "rb") as stream:
        done = subprocess.run([str(program), "tokenize", str(model)], stdin=stream, stdout=subprocess.PIPE, check=True)
    got = [json.loads(line) for line in done.stdout.split(b"\n") if line]
    return [(g["ids"], g["type_ids"], g["offsets"]) for g in got]


def compare(name, texts, got, tokenizer):
    if len(got) != len(texts):
        print(f"{name}: {len(got)} answers for {len(texts)} texts")
        return 1
    different = tokens = 0
    expected = tokenizer.encode_batch([t if isinstance(t, str) else t.decode("utf-8", "replace") for t in texts])
    for number, (g, e) in enumerate(zip(got, expected), 1):
        tokens += len(e.ids)
        if (g[0], g[1], [tuple(o) for o in g[2]]) == (e.ids, e.type_ids, e.offsets):
            continue
        different += 1
        if different <= 5:
            what = "ids" if g[0] != e.ids else "offsets"
            print(f"{name}:{number}: {texts[number - 1][:60]!r}\n  ours   {g[0][:30] if what == 'ids' else g[2][:20]}\n"
                  f"  theirs {e.ids[:30] if what == 'ids' else e.offsets[:20]}")
    print(f"{name}: {len(texts)} texts, {len(texts) - different} equal, {tokens} tokens")
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--records", action="store_true")
    parser.add_argument("--odd", action="store_true")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("texts", nargs="*")
    args = parser.parse_args()
    tokenizer, different = reference(args.folder), 0
    with tempfile.TemporaryDirectory() as temporary:
        model = pathlib.Path(temporary) / "model.alb"
        if not args.records:
            subprocess.run([str(args.build / "albert-convert"), str(args.folder), "-o", str(model), "-q"], check=True)
        for path in args.texts:
            lines = lines_of(path)
            got = (records.tokenize(args.build / "tests/tokenize_records", args.folder, lines) if args.records else
                   from_program(args.build / "albert-run", model, path))
            different += compare(path, lines, got, tokenizer)
    if args.odd:
        texts = odd_texts()
        got = records.tokenize(args.build / "tests/tokenize_records", args.folder, texts)
        different += compare("odd texts", texts, got, tokenizer)
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
