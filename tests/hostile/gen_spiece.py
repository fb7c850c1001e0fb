#!/usr/bin/env python3
"""gen_spiece.py OUT: bad SentencePiece models, character maps and Unigram models of tokenizer.json, and valid twins;
OUT/expect.tsv says what each must give."""

import base64
import json
import struct
import sys
from pathlib import Path

from corpus import ALBERT, Corpus, model, safetensors

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tokenizer"))
import spiece  # noqa: E402
from spiece import BYTE, CONTROL, UNKNOWN, USER_DEFINED, field, varint  # noqa: E402

MARK = "\u2581"
SPECIALS = [("<pad>", 0.0, CONTROL), ("<unk>", 0.0, UNKNOWN), ("[CLS]", 0.0, CONTROL), ("[SEP]", 0.0, CONTROL),
            ("[MASK]", 0.0, CONTROL)]
PIECES = SPECIALS + [("(", 0.0, USER_DEFINED), (MARK, -2.0), ("a", -3.0), (MARK + "a", -2.5), ("9,", -4.0), ("\u00e9", -5.0)]
MAP = {"\u0301": "", "\u00bd": "1\u20442", "e\u0301": "\u00e9", "\t": " "}
ROWS = 600
CONFIG = {**ALBERT, "vocab_size": ROWS}
WEIGHTS = safetensors(model(CONFIG))


def case(c, name, status, message, data, **files):
    c.add(name, status, message, {"config.json": CONFIG, "model.safetensors": WEIGHTS, "spiece.model": data, **files})


def with_pieces(c, name, status, message, pieces, trainer=b"", normalizer=b""):
    case(c, name, status, message, spiece.model(pieces, trainer, normalizer))


def pieces(c):
    for name, status, message, more in (
            ("large", "LIMIT", "piece 11 has 1048576 bytes, at most 4096", [("x" * (1 << 20), -1.0)]),
            ("longest", "OK", "", [("x" * 4096, -1.0)]), ("empty", "MALFORMED", "piece 11 is empty", [("", -1.0)]),
            ("nul", "MALFORMED", "piece 11 has a NUL", [("a\0b", -1.0)]),
            ("twice", "DUPLICATE", '"a" occurs twice', [("a", -7.0)]),
            ("special-twice", "DUPLICATE", '"[CLS]" occurs twice', [("[CLS]", 0.0, CONTROL)]),
            ("utf8", "MALFORMED", "piece 11 is not UTF-8", [(b"\xff", -1.0)]),
            ("overlong", "MALFORMED", "piece 11 is not UTF-8", [(b"\xc0\x80", -1.0)]),
            ("surrogate", "MALFORMED", "piece 11 is not UTF-8", [(b"\xed\xa0\x80", -1.0)]),
            ("nan", "NONFINITE", "score of piece 11", [("x", float("nan"))]),
            ("infinite", "NONFINITE", "score of piece 11", [("x", float("inf"))]),
            ("minus-infinite", "NONFINITE", "score of piece 11", [("x", float("-inf"))]),
            ("score-largest", "OK", "", [("x", 3e38), ("y", -3e38)]),
            ("type-0", "MALFORMED", "piece 11 has type 0", [("x", 0.0, 0)]),
            ("type-7", "MALFORMED", "piece 11 has type 7", [("x", 0.0, 7)]),
            ("type-huge", "MALFORMED", "piece 11 has type 4294967297", [("x", 0.0, (1 << 32) + 1)]),
            ("two-unknown", "MALFORMED", "2 pieces of type unknown", [("<unk2>", 0.0, UNKNOWN)]),
            ("too-many", "SHAPE", "the model has 600 rows", [(f"p{i}", -1.0) for i in range(ROWS)])):
        with_pieces(c, f"piece-{name}", status, message, PIECES + more)
    with_pieces(c, "no-pieces", "MALFORMED", "no pieces", [])
    with_pieces(c, "no-unknown", "MALFORMED", "0 pieces of type unknown", PIECES[:1] + PIECES[2:])
    with_pieces(c, "twin-no-cls", "OK", "", [p for p in PIECES if p[0] != "[CLS]"])
    case(c, "many-empty", "MALFORMED", "piece 0 is empty", b"\x0a\0" * 5_000_000)
    # Pieces that begin alike: sorting and the trie stay linear in the bytes.
    with_pieces(c, "twin-alike", "OK", "", PIECES + [("a" * n, -1.0 / n) for n in range(2, 500)])


def trainer(c):
    for name, status, message, fields in (
            ("bpe", "UNSUPPORTED", 'model type "bpe"', field(3, 2)), ("word", "UNSUPPORTED", '"word"', field(3, 3)),
            ("char", "UNSUPPORTED", '"char"', field(3, 4)), ("kind-0", "MALFORMED", "model type 0", field(3, 0)),
            ("kind-99", "MALFORMED", "model type 99", field(3, 99)),
            ("unk-id", "MALFORMED", "unk_id is 0, the unknown piece is 1", field(40, 0)),
            ("unk-id-negative", "MALFORMED", "unk_id is -2", field(40, -2)),
            ("unk-id-right", "OK", "", field(40, 1)), ("bos-none", "OK", "", field(41, -1) + field(42, -1)),
            ("bos", "MALFORMED", "bos_id is -2", field(41, -2)), ("eos", "MALFORMED", "eos_id is 11 of 11", field(42, 11)),
            ("pad", "MALFORMED", "pad_id is 2147483647", field(43, 2147483647)),
            ("suffix", "UNSUPPORTED", "treat_whitespace_as_suffix", field(24, 1)),
            ("unknown-fields", "OK", "", field(999, 5) + field(1000, "text") + field(1001, 1.5)),
            ("vocab-size", "OK", "", field(4, 32000)), ("large", "OK", "", field(1, b"x" * 3_000_000)),
            ("fallback-without-bytes", "MALFORMED", "0 pieces of bytes, byte_fallback is 1", field(35, 1))):
        with_pieces(c, f"trainer-{name}", status, message, PIECES, field(3, 1) + fields)


def byte_pieces(c):
    every = [(f"<0x{i:02X}>", 0.0, BYTE) for i in range(256)]
    fallback = field(35, 1)
    with_pieces(c, "twin-bytes", "OK", "", PIECES + every, fallback)
    with_pieces(c, "bytes-missing", "MALFORMED", "255 pieces of bytes", PIECES + every[:-1], fallback)
    with_pieces(c, "bytes-without", "MALFORMED", "256 pieces of bytes, byte_fallback is 0", PIECES + every)
    for i, text in enumerate(("<0x-1>", "<0xZZ>", "<0x100>", "<0x4>", "<0xab>", "x", "<0x41>\u00e9")):
        with_pieces(c, f"byte-{i}", "MALFORMED", "is not a byte", PIECES + every[:-1] + [(text, 0.0, BYTE)], fallback)


def wire(c):
    good = spiece.model(PIECES)
    for name, status, message, data in (
            ("empty", "MALFORMED", "no pieces", b""), ("text", "MALFORMED", "not a SentencePiece model", b"[PAD]\n[UNK]\n"),
            ("zeros", "MALFORMED", "field number", bytes(64)), ("ones", "MALFORMED", "number", b"\xff" * 64),
            ("cut", "MALFORMED", "ends early", good[:40]), ("group", "MALFORMED", "wire type", good + b"\x0b\x0c"),
            ("length-2g", "MALFORMED", "ends early", good + b"\x0a\xff\xff\xff\xff\x07"),
            ("length-64", "MALFORMED", "ends early", good + b"\x0a" + varint(2**64 - 1)),
            ("length-70", "MALFORMED", "more than 64 bits", good + b"\x0a" + b"\xff" * 10 + b"\x01"),
            ("tag-large", "MALFORMED", "field number", good + varint(1 << 40) + b"\0"),
            ("piece-cut", "MALFORMED", "ends early", good + field(1, b"\x0a\x05x")),
            ("piece-number", "MALFORMED", "piece 11 is empty", good + field(1, field(1, 7))),
            ("twin-again", "OK", "", good + field(2, b"") + field(3, b"")),
            ("twin-other-fields", "OK", "", good + field(4, "self test") + field(5, "denormalizer") + field(99, 1.0))):
        case(c, f"wire-{name}", status, message, data)


def charsmaps(c):
    good = spiece.charsmap(MAP)
    size = struct.unpack("<I", good[:4])[0]
    units, texts = good[4:4 + size], good[4 + size:]

    def patched(at, value):
        return good[:4 + 4 * at] + struct.pack("<I", value) + good[8 + 4 * at:]

    last = size // 4 - 1
    cases = [("twin", "OK", "", good), ("twin-none", "OK", "", b""), ("one", "MALFORMED", "charsmap: 1 bytes", b"\0"),
             ("three", "MALFORMED", "charsmap: 3 bytes", good[:3]), ("size-0", "MALFORMED", "trie of 0", bytes(4) + texts),
             ("size-huge", "MALFORMED", "trie of 2147483647", struct.pack("<I", 0x7fffffff) + units + texts),
             ("size-odd", "MALFORMED", f"trie of {size - 2}", struct.pack("<I", size - 2) + units + texts),
             ("size-past", "MALFORMED", "trie of", struct.pack("<I", len(good)) + units + texts),
             ("block", "MALFORMED", "leads to unit", struct.pack("<I", size - 4) + units[:-4] + texts),
             ("no-end", "MALFORMED", "the last text has no end", good[:-1]),
             ("no-texts", "MALFORMED", "its text at", good[:4 + size]),
             ("utf8", "MALFORMED", "not UTF-8", good[:-2] + b"\xff\0"),
             ("root-value", "MALFORMED", "the root is a value", patched(0, 1 << 31)),
             ("root-far", "MALFORMED", "unit 0 leads to", patched(0, 0x7ffffe00)),
             ("last-far", "MALFORMED", f"unit {last} leads to", patched(last, 0x3ffffc00)),
             ("key-without-value", "MALFORMED", "without a value", patched(last, 1 << 8)),
             ("twin-cycle", "OK", "", patched(last, 0x61))]
    for i in range(size // 4):
        if struct.unpack_from("<I", units, 4 * i)[0] >> 31:
            cases.append(("value-past", "MALFORMED", "its text at 1073741824", patched(i, 1 << 31 | 1 << 30)))
            break
    for name, status, message, data in cases:
        with_pieces(c, f"map-{name}", status, message, PIECES, b"", field(2, data))
        if name != "twin-none":
            unigram(c, f"map-json-{name}", status, message, normalizer={
                "type": "Precompiled", "precompiled_charsmap": base64.b64encode(data).decode()})
    with_pieces(c, "map-large", "LIMIT", "at most 16777216", PIECES, b"", field(2, bytes(17 << 20)))
    for name, status, message, fields in (
            ("escape", "UNSUPPORTED", "escape_whitespaces", field(5, 0)),
            ("spaces", "UNSUPPORTED", "remove_extra_whitespaces", field(4, 0)), ("twin-no-prefix", "OK", "", field(3, 0))):
        with_pieces(c, f"normalizer-{name}", status, message, PIECES, b"", fields)


def unigram(c, name, status, message, normalizer=None, **changes):
    vocab = [[p[0], p[1]] for p in PIECES]
    tree = {"version": "1.0", "added_tokens": [], "normalizer": normalizer, "pre_tokenizer": None, "post_processor": None,
            "decoder": None, "model": {"type": "Unigram", "unk_id": 1, "vocab": vocab, "byte_fallback": False, **changes}}
    c.add(name, status, message, {"config.json": CONFIG, "model.safetensors": WEIGHTS, "tokenizer.json": json.dumps(tree)})


def json_models(c):
    for name, status, message, changes in (
            ("twin", "OK", "", {}), ("unk-null", "OK", "", {"unk_id": None}),
            ("unk-past", "MALFORMED", '"unk_id" is 11 of 11', {"unk_id": 11}),
            ("unk-huge", "LIMIT", '"unk_id"', {"unk_id": 2**40}), ("unk-negative", "MALFORMED", '"unk_id"', {"unk_id": -1}),
            ("unk-text", "MALFORMED", '"unk_id"', {"unk_id": "1"}), ("empty", "MALFORMED", "no pieces", {"vocab": []}),
            ("object", "MALFORMED", '"vocab"', {"vocab": {"a": 0}}), ("single", "MALFORMED", "piece 0", {"vocab": [["a"]]}),
            ("triple", "MALFORMED", "piece 0", {"vocab": [["a", 0, 0]]}),
            ("score-text", "MALFORMED", "piece 0", {"vocab": [["a", "0"]]}),
            ("twice", "DUPLICATE", '"a"', {"vocab": [["a", 0], ["b", 0], ["a", 0]]}),
            ("long", "LIMIT", "token of 5000 bytes", {"vocab": [["a" * 5000, 0]]}),
            ("option", "UNSUPPORTED", '"nbest_size"', {"nbest_size": 2})):
        unigram(c, f"json-{name}", status, message, **changes)
    unigram(c, "json-base64", "MALFORMED", "base64", {"type": "Precompiled", "precompiled_charsmap": "%%%%"})
    unigram(c, "json-map-missing", "MISSING", "precompiled_charsmap", {"type": "Precompiled"})


def options(c):
    good = spiece.model(PIECES)

    def with_config(name, status, message, **config):
        case(c, f"option-{name}", status, message, good, **{"tokenizer_config.json": config})
    with_config("twin", "OK", "", do_lower_case=False, keep_accents=True, remove_space=True, tokenizer_class="AlbertTokenizer")
    with_config("twin-fast", "OK", "", tokenizer_class="AlbertTokenizerFast")
    with_config("class", "UNSUPPORTED", '"XLNetTokenizer"', tokenizer_class="XLNetTokenizer")
    with_config("lower", "MALFORMED", "do_lower_case", do_lower_case="yes")
    with_config("accents", "MALFORMED", "keep_accents", keep_accents=1)
    with_config("token", "OK", "", mask_token="<new mask>")
    with_config("decoder", "MALFORMED", "added token", added_tokens_decoder={"0": "<pad>"})


def main(out):
    c = Corpus(out)
    for part in (pieces, trainer, byte_pieces, wire, charsmaps, json_models, options):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
