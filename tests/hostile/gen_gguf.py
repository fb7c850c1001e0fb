#!/usr/bin/env python3
"""gen_gguf.py OUT: GGUF files, one for each rule that the reader checks, and valid twins. Writes OUT/expect.tsv:
path, status, a part of the message."""

import struct
import sys

from corpus import CONFIG, Corpus, elements

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
SCALARS = {UINT8: "<B", INT8: "<b", UINT16: "<H", INT16: "<h", UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<B",
           UINT64: "<Q", INT64: "<q", FLOAT64: "<d"}
F32, F16, Q4_0, Q5_0, Q8_0, Q4_K, BF16 = 0, 1, 2, 6, 8, 12, 30
BLOCKS = {F32: (1, 4), F16: (1, 2), Q4_0: (32, 18), Q5_0: (32, 22), Q8_0: (32, 34), BF16: (1, 2)}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2581the", "\u2581cat", "s", "\u2581.", "\u2581sat", "\u2581a", "b"]
WIDE = {**CONFIG, "hidden_size": 32, "intermediate_size": 64}


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, content):
    if kind == STRING:
        return struct.pack("<I", kind) + text(content)
    if kind == ARRAY:
        inner, items = content
        packed = b"".join(text(i) if inner == STRING else struct.pack(SCALARS[inner], i) for i in items)
        return struct.pack("<IIQ", kind, inner, len(items)) + packed
    return struct.pack("<I", kind) + struct.pack(SCALARS[kind], content)


def metadata(config=CONFIG):
    return {"general.architecture": (STRING, "bert"), "bert.block_count": (UINT32, config["num_hidden_layers"]),
            "bert.embedding_length": (UINT32, config["hidden_size"]),
            "bert.feed_forward_length": (UINT32, config["intermediate_size"]),
            "bert.attention.head_count": (UINT32, config["num_attention_heads"]),
            "bert.attention.layer_norm_epsilon": (FLOAT32, 1e-12), "bert.attention.causal": (BOOL, 0)}


def tokenizer(words=WORDS):
    return {"tokenizer.ggml.model": (STRING, "bert"), "tokenizer.ggml.tokens": (ARRAY, (STRING, words)),
            "tokenizer.ggml.token_type": (ARRAY, (INT32, [3 if i < 5 else 1 for i in range(len(words))])),
            "tokenizer.ggml.unknown_token_id": (UINT32, 1), "tokenizer.ggml.cls_token_id": (UINT32, 2),
            "tokenizer.ggml.seperator_token_id": (UINT32, 3), "tokenizer.ggml.padding_token_id": (UINT32, 0),
            "tokenizer.ggml.mask_token_id": (UINT32, 4)}


def shapes(config=CONFIG):
    h, f = config["hidden_size"], config["intermediate_size"]
    out = {"token_embd.weight": [config["vocab_size"], h], "position_embd.weight": [config["max_position_embeddings"], h],
           "token_types.weight": [config["type_vocab_size"], h], "token_embd_norm.weight": [h], "token_embd_norm.bias": [h]}
    parts = {"attn_q": [h, h], "attn_k": [h, h], "attn_v": [h, h], "attn_output": [h, h], "attn_output_norm": [h],
             "ffn_up": [f, h], "ffn_down": [h, f], "layer_output_norm": [h]}
    for layer in range(config["num_hidden_layers"]):
        for part, shape in parts.items():
            out |= {f"blk.{layer}.{part}.weight": shape, f"blk.{layer}.{part}.bias": shape[:1]}
    return out


def model(config=CONFIG, kind=F32):
    """Name to (type, shape, bytes); vectors are F32."""
    out = {}
    for i, (name, shape) in enumerate(shapes(config).items()):
        used = kind if len(shape) == 2 else F32
        block, size = BLOCKS[used]
        out[name] = (used, shape, bytes([i % 50]) * (elements(shape) // block * size))
    return out


def infos(tensors, alignment=32, offsets=None):
    """Tensor descriptions and the data."""
    head, data = b"", b""
    for name, (kind, shape, content) in tensors.items():
        data += bytes(-len(data) % alignment)
        offset = (offsets or {}).get(name, len(data))
        head += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", d) for d in reversed(shape))
        head += struct.pack("<IQ", kind, offset)
        data += content
    return head, data


def gguf(tensors=None, meta=None, version=3, alignment=32, offsets=None, counts=None, raw=b"", magic=b"GGUF"):
    """A file; raw: metadata as bytes behind the others, not counted."""
    tensors = model() if tensors is None else tensors
    meta = metadata() if meta is None else meta
    tensor_count, value_count = counts or (len(tensors), len(meta))
    head = magic + struct.pack("<IQQ", version, tensor_count, value_count)
    head += b"".join(text(k) + value(*v) for k, v in meta.items()) + raw
    described, data = infos(tensors, alignment, offsets)
    head += described
    return head + bytes(-len(head) % alignment) + data


def one(c, name, status, message, content):
    c.add(name, status, message, {"model.gguf": content})


def twins(c):
    one(c, "twin", "OK", "", gguf())
    one(c, "twin-v2", "OK", "", gguf(version=2))
    for name, kind in (("f16", F16), ("bf16", BF16)):
        one(c, f"twin-{name}", "OK", "", gguf(model(kind=kind)))
    for name, kind in (("q8", Q8_0), ("q5", Q5_0), ("q4", Q4_0)):
        one(c, f"twin-{name}", "OK", "", gguf(model(WIDE, kind), metadata(WIDE)))
    one(c, "twin-alignment", "OK", "", gguf(meta=metadata() | {"general.alignment": (UINT32, 128)}, alignment=128))
    one(c, "twin-tokenizer", "OK", "", gguf(meta=metadata() | tokenizer()))
    one(c, "twin-list-of-all", "OK", "", gguf(meta=metadata() | {
        f"x.{k}": (ARRAY, (k, [1, 0, 1])) for k in SCALARS} | {f"y.{k}": (k, 1) for k in SCALARS}))
    one(c, "twin-unused", "OK", "", gguf(model() | {"extra.weight": (F32, [3], bytes(12))}))
    c.add("twin-name", "OK", "", {"model.bin": gguf()}, "model.bin")


def frames(c):
    whole = gguf()
    for n in (4, 7, 8, 20, 23, 30, 60, 200):
        one(c, f"cut-{n}", "TRUNCATED", "", whole[:n])
    one(c, "cut-data", "TRUNCATED", "the file has", whole[:-1])
    one(c, "version-1", "UNSUPPORTED", "version 1", gguf(version=1))
    one(c, "version-4", "UNSUPPORTED", "version 4", gguf(version=4))
    one(c, "big-endian", "UNSUPPORTED", "big-endian", gguf(version=3 << 24))
    one(c, "count-tensors", "TRUNCATED", "tensors", gguf(counts=(1 << 63, 7)))
    one(c, "count-values", "TRUNCATED", "metadata values", gguf(counts=(37, (1 << 64) - 1)))
    one(c, "count-more", "LIMIT", "name of 0 bytes", gguf(counts=(len(model()) + 1, len(metadata()))))
    one(c, "count-none", "MISSING", "general.architecture", gguf({}, {}) + bytes(64))
    one(c, "magic", "TRUNCATED", "", b"GGUF")
    one(c, "magic-other", "MALFORMED", "not a checkpoint", gguf(magic=b"GGUf"))


def values(c):
    def raw(name, status, message, content, extra=1):
        one(c, f"value-{name}", status, message, gguf(raw=content, counts=(len(model()), len(metadata()) + extra)))
    raw("twin", "OK", "", text("k") + value(UINT32, 1))
    raw("key-long", "TRUNCATED", "are left", struct.pack("<Q", (1 << 64) - 1) + bytes(64))
    raw("key-empty", "LIMIT", "key of the metadata", text("") + value(UINT32, 1))
    raw("key-2000", "LIMIT", "2000 bytes", text("k" * 2000) + value(UINT32, 1))
    raw("key-utf8", "MALFORMED", "UTF-8", text(b"k\xff") + value(UINT32, 1))
    raw("key-nul", "MALFORMED", "UTF-8", text(b"k\0") + value(UINT32, 1))
    raw("key-twice", "DUPLICATE", '"bert.block_count"', text("bert.block_count") + value(UINT32, 2))
    raw("type", "MALFORMED", "type 13", text("k") + struct.pack("<I", 13) + bytes(64))
    raw("text-long", "TRUNCATED", "are left", text("k") + struct.pack("<IQ", STRING, 1 << 60) + bytes(64))
    raw("list-type", "MALFORMED", "type 77", text("k") + struct.pack("<IIQ", ARRAY, 77, 1) + bytes(64))
    raw("list-of-lists", "MALFORMED", "type 9", text("k") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + bytes(64))
    nested = b"".join(struct.pack("<IQ", ARRAY, 1) for _ in range(100000))
    raw("list-depth", "MALFORMED", "type 9", text("k") + struct.pack("<I", ARRAY) + nested)
    for kind, each in ((UINT8, 1), (UINT64, 8), (STRING, 8)):
        raw(f"list-count-{kind}", "TRUNCATED", "says that it has", text("k") + struct.pack("<IIQ", ARRAY, kind, (1 << 64) // each - 1))
    raw("list-text", "TRUNCATED", "are left", text("k") + struct.pack("<IIQQ", ARRAY, STRING, 1, 1 << 40))
    for number, name in ((0, "zero"), (3, "odd"), (1 << 20, "large")):
        raw(f"alignment-{name}", "MALFORMED", f"is {number}", text("general.alignment") + value(UINT32, number))
    raw("alignment-text", "MALFORMED", "general.alignment", text("general.alignment") + value(STRING, "32"))


def tensors(c):
    first, second = "token_embd.weight", "position_embd.weight"

    def changed(name, status, message, kind=None, shape=None, content=None, offsets=None):
        base = model()
        old = base[first]
        base[first] = (old[0] if kind is None else kind, old[1] if shape is None else shape, old[2] if content is None else content)
        one(c, f"tensor-{name}", status, message, gguf(base, offsets=offsets))
    changed("type", "UNSUPPORTED", "type 99", kind=99)
    changed("type-known", "UNSUPPORTED", "Q4_K", kind=Q4_K)
    changed("blocks", "SHAPE", "blocks of 32", kind=Q8_0)
    changed("rank-0", "SHAPE", "0 dimensions", shape=[])
    changed("rank-5", "SHAPE", "5 dimensions", shape=[1] * 5)
    changed("zero", "SHAPE", "sizes are 0", shape=[0, 8])
    changed("overflow", "OVERFLOW", "too large", shape=[1 << 40, 1 << 40])
    changed("overflow-bytes", "OVERFLOW", "too large", shape=[1 << 31, 1 << 31])
    changed("large", "TRUNCATED", "the file has", shape=[1 << 20, 8])
    changed("offset", "MALFORMED", "no multiple of 32", offsets={first: 4})
    changed("offset-far", "TRUNCATED", first, offsets={first: 1 << 62})
    changed("offset-end", "TRUNCATED", first, offsets={first: 1 << 13})
    changed("overlap", "MALFORMED", "overlap", offsets={second: 0})
    changed("shape", "SHAPE", "config.json", shape=[8, 12])
    changed("rank", "SHAPE", first, shape=[12, 8, 1])
    base = model()
    del base["blk.1.ffn_up.bias"]
    one(c, "tensor-missing", "MISSING", "", gguf(base))
    base = model()
    one(c, "tensor-twice", "DUPLICATE", first, gguf_twice(base))
    one(c, "nonfinite", "NONFINITE", first, gguf(base | {first: (F32, [12, 8], struct.pack("<f", float("nan")) * 96)}))
    wide = model(WIDE, Q8_0)
    kind, shape, content = wide[first]
    wide[first] = (kind, shape, struct.pack("<H", 0x7c00) + content[2:])
    one(c, "nonfinite-scale", "NONFINITE", first, gguf(wide, metadata(WIDE)))


def gguf_twice(base):
    """The first tensor once more at the end."""
    meta, name = metadata(), next(iter(base))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(base) + 1, len(meta)) + b"".join(text(k) + value(*v) for k, v in meta.items())
    described, data = infos(base)
    again, _ = infos({name: base[name]})
    head += described + again
    return head + bytes(-len(head) % 32) + data


def configs(c):
    def changed(name, status, message, **meta):
        full = metadata()
        for key, content in meta.items():
            key = {"architecture": "general.architecture", "eps": "bert.attention.layer_norm_epsilon",
                   "layers": "bert.block_count", "heads": "bert.attention.head_count", "causal": "bert.attention.causal",
                   "hidden": "bert.embedding_length", "pooling": "bert.pooling_type"}[key]
            full.pop(key, None)
            if content is not None:
                full[key] = content
        one(c, f"config-{name}", status, message, gguf(meta=full))
    changed("no-architecture", "MISSING", "general.architecture", architecture=None)
    changed("architecture", "UNSUPPORTED", '"llama"', architecture=(STRING, "llama"))
    changed("architecture-number", "MISSING", "general.architecture", architecture=(UINT32, 1))
    changed("no-layers", "MISSING", "bert.block_count", layers=None)
    changed("layers-text", "MALFORMED", "bert.block_count", layers=(STRING, "2"))
    changed("layers-negative", "MALFORMED", "bert.block_count", layers=(INT32, -2))
    changed("layers-huge", "MALFORMED", "bert.block_count", layers=(UINT64, 1 << 63))
    changed("layers-many", "MALFORMED", "num_hidden_layers", layers=(UINT32, 4000000000))
    changed("layers-more", "MISSING", "", layers=(UINT64, 3))
    changed("layers-uint8", "OK", "", layers=(UINT8, 2))
    changed("heads", "MALFORMED", "num_attention_heads", heads=(UINT32, 3))
    changed("hidden", "SHAPE", "token_embd.weight", hidden=(UINT32, 10))
    changed("no-eps", "MISSING", "layer_norm_epsilon", eps=None)
    changed("eps-nan", "MALFORMED", "layer_norm_epsilon", eps=(FLOAT32, float("nan")))
    changed("eps-zero", "MALFORMED", "layer_norm_eps", eps=(FLOAT32, 0.0))
    changed("causal", "UNSUPPORTED", "decoders", causal=(BOOL, 1))
    changed("pooling", "OK", "", pooling=(UINT32, 2))
    changed("pooling-text", "MALFORMED", "bert.pooling_type", pooling=(STRING, "cls"))


def tokenizers(c):
    def changed(name, status, message, words=WORDS, **meta):
        full = metadata() | tokenizer(words)
        for key, content in meta.items():
            full.pop(f"tokenizer.ggml.{key}", None)
            if content is not None:
                full[f"tokenizer.ggml.{key}"] = content
        one(c, f"tokens-{name}", status, message, gguf(meta=full))
    changed("twin", "OK", "")
    changed("no-types", "OK", "", token_type=None)
    changed("model", "UNSUPPORTED", '"gpt2"', model=(STRING, "gpt2"))
    changed("no-model", "UNSUPPORTED", '"none"', model=None)
    changed("numbers", "MALFORMED", "tokenizer.ggml.tokens", tokens=(ARRAY, (UINT32, [1, 2])))
    changed("text", "MALFORMED", "tokenizer.ggml.tokens", tokens=(STRING, "a"))
    changed("few-types", "MALFORMED", "token_type", token_type=(ARRAY, (INT32, [1, 1])))
    changed("types-bytes", "MALFORMED", "token_type", token_type=(ARRAY, (UINT8, [1] * 12)))
    changed("twice", "DUPLICATE", "twice", WORDS[:-1] + ["s"])
    changed("utf8", "MALFORMED", "UTF-8", WORDS[:-1] + [b"\xff"])
    changed("long", "LIMIT", "5000 bytes", WORDS[:-1] + ["x" * 5000])
    changed("more-than-rows", "SHAPE", "12 rows", WORDS + ["more"])
    changed("special", "MISSING", "cls_token_id", cls_token_id=(UINT32, 99))
    changed("special-text", "MALFORMED", "mask_token_id", mask_token_id=(STRING, "[MASK]"))
    changed("none", "MISSING", "unknown_token_id", [])


def main(out):
    c = Corpus(out)
    for part in (twins, frames, values, tensors, configs, tokenizers):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
