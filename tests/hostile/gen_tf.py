#!/usr/bin/env python3
"""gen_tf.py OUT: bad TensorFlow checkpoints and valid twins, their tables, checksums and Snappy blocks written by hand;
OUT/expect.tsv says what each must give."""

import os
import struct
import sys

from corpus import ALBERT, CONFIG, Corpus, model

MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
TYPES = {"F32": 1, "F64": 2, "I32": 3, "STRING": 7, "I64": 9, "BF16": 14, "F16": 19, "RESOURCE": 20, "VARIANT": 21,
         "U32": 22}
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
CRC = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    CRC.append(_byte)


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def mask(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# ---- protocol buffers ----

def varint(n):
    n &= 2**64 - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def fixed32(field, value):
    return varint(field << 3 | 5) + struct.pack("<I", value)


def header(shards=1, endianness=None, version=b"\x08\x01"):
    out = number(1, shards) if shards is not None else b""
    out += number(2, endianness) if endianness is not None else b""
    return out + message(3, version)


def shape_of(dims):
    return b"".join(message(2, number(1, d)) for d in dims)


def entry(dtype, dims, at, content, place=0, **other):
    """A BundleEntryProto; `other` replaces fields."""
    f = {"type": number(1, TYPES[dtype]), "shape": message(2, shape_of(dims)), "shard": number(3, place),
         "offset": number(4, at), "size": number(5, len(content)), "crc": fixed32(6, mask(crc32c(content))),
         "slices": b"", **other}
    return b"".join(f[k] for k in ("type", "shape", "shard", "offset", "size", "crc", "slices"))


# ---- tables ----

def snappy_literals(data):
    """Valid Snappy: literals of at most 60 bytes, and a copy where bytes repeat the 8 before."""
    out, i = varint(len(data)), 0
    while i < len(data):
        if i >= 8 and data[i:i + 8] == data[i - 8:i] and len(data) - i >= 8:
            n = 8
            while n < 64 and i + n < len(data) and data[i + n] == data[i + n - 8]:
                n += 1
            out += bytes([(n - 1) << 2 | 2]) + struct.pack("<H", 8)
            i += n
        else:
            piece = data[i:i + 8]
            out += bytes([(len(piece) - 1) << 2]) + piece
            i += len(piece)
    return out


def block(entries, interval=16, restarts=None):
    out, before, points = b"", b"", []
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % interval == 0:
            points.append(len(out))
        else:
            shared = len(os.path.commonprefix([key, before]))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    points = (points or [0]) if restarts is None else restarts
    return out + b"".join(struct.pack("<I", p) for p in points) + struct.pack("<I", len(points))


def framed(content, compression=0, crc=None):
    content += bytes([compression])
    return content + struct.pack("<I", mask(crc32c(content)) if crc is None else crc)


def table_of(blocks, metaindex=None, compression=0, footer=None):
    """A file of data blocks, each (last key, bytes as they stand in the file with their trailers)."""
    out, index = b"", []
    for key, content in blocks:
        index.append((key, varint(len(out)) + varint(len(content) - 5)))
        out += content
    places = []
    for content in (block([]) if metaindex is None else metaindex, block(index, 1)):
        places.append(varint(len(out)) + varint(len(snappy_literals(content)) if compression else len(content)))
        out += framed(snappy_literals(content) if compression else content, compression)
    handles = b"".join(places)
    return out + (handles.ljust(40, b"\0") if footer is None else footer) + MAGIC


def table(entries, per_block=20, compression=0, interval=16):
    items = sorted(entries.items())
    blocks = []
    for i in range(0, len(items), per_block):
        part = items[i:i + per_block]
        content = block(part, interval)
        blocks.append((part[-1][0], framed(snappy_literals(content) if compression else content, compression)))
    return table_of(blocks, compression=compression)


def one_block(content, **framing):
    return table_of([(b"zzz", framed(content, **framing))])


# ---- checkpoints ----

def google(config=CONFIG, dtype="F32"):
    """The tensors of corpus.model under Google's names; all bytes of one tensor are equal, so kernels only change shape."""
    albert = {"attention.LayerNorm": "LayerNorm", "attention.dense": "attention_1/output/dense",
              "full_layer_layer_norm": "LayerNorm_1", "ffn": "ffn_1/intermediate/dense",
              "ffn_output": "ffn_1/intermediate/output/dense"}
    out = {}
    for name, (kind, shape, content) in model(config, dtype).items():
        stem, _, last = name.rpartition(".")
        if "albert_layer" in stem:
            part = stem.split(".", 5)[5]
            part = albert.get(part, "attention_1/self/" + part.removeprefix("attention."))
            stem = f"encoder/transformer/group_{stem.split('.')[2]}/inner_group_{stem.split('.')[4]}/{part}"
        if stem.startswith("embeddings.") and "LayerNorm" not in stem:
            stem, last = "embeddings", stem.removeprefix("embeddings.")
        elif "LayerNorm" in stem:
            last = {"weight": "gamma", "bias": "beta"}[last]
        elif last == "weight":
            last, shape = "kernel", shape[::-1]
        stem = stem.replace("encoder.layer.", "encoder/layer_").replace(".", "/")
        out[f"bert/{stem}/{last}"] = (kind, shape, content)
    return out


def string(text):
    """A tensor of one string as it lies in the data, and its checksum."""
    length = struct.pack("<I", len(text))
    stored = struct.pack("<I", mask(crc32c(length)))
    return varint(len(text)) + stored + text, mask(crc32c(length + stored + text))


def checkpoint(tensors, name="m", shards=1, changes=None, extra=None, head=None, config=CONFIG, config_name="config.json",
               graph=None, **options):
    """The files of a checkpoint. changes: name -> fields of its entry; extra: key -> value (None: no such entry)."""
    data = [b""] * shards
    entries = {b"": header(shards) if head is None else head}
    for i, (key, (kind, shape, content)) in enumerate(tensors.items()):
        shard = i % shards
        fields = (changes or {}).get(key, {})
        raw = key if isinstance(key, bytes) else key.encode("utf-8", "surrogateescape")
        entries[raw] = entry(kind, shape, len(data[shard]), content, shard, **fields)
        data[shard] += content
    if graph is not None:
        content, crc = string(graph)
        entries[GRAPH.encode()] = entry("STRING", [], len(data[0]), content, crc=fixed32(6, crc))
        data[0] += content
    entries |= extra or {}
    entries = {k: v for k, v in entries.items() if v is not None}
    files = {f"{name}.data-{i:05}-of-{shards:05}": d for i, d in enumerate(data)}
    return {f"{name}.index": table(entries, **options), config_name: config, **files}


def ordered_number(n):
    raw = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([len(raw)]) + raw


def ordered_signed(n):
    """The ordered code of numbers from -64 to 8191."""
    return bytes([0x80 ^ (n & 255)]) if -64 <= n < 64 else struct.pack(">H", 0xC000 ^ n)


def slice_key(name, extents):
    return (b"\0" + name.encode() + b"\0\1" + ordered_number(len(extents)) +
            b"".join(ordered_signed(s) + ordered_signed(n) for s, n in extents))


def slices_field(parts):
    """BundleEntryProto.slices of lists of (start, length); length -1: all."""
    extent = [[message(1, b"" if n == -1 else number(1, s) + number(2, n)) for s, n in part] for part in parts]
    return b"".join(message(7, b"".join(e)) for e in extent)


def with_slices(name, parts, axis, drop=(), stated=None, change=None):
    """google(), with one tensor in parts of (start, length) along an axis."""
    tensors, whole = {}, google()[name]
    kind, shape, content = whole
    for key, value in google().items():
        if key != name:
            tensors[key] = value
    extents = [[(s, n) if d == axis else (0, -1) for d in range(len(shape))] for s, n in parts]
    for i, (part, (_, n)) in enumerate(zip(extents, parts)):
        dims = [n if d == axis else shape[d] for d in range(len(shape))]
        size = len(content) // shape[axis] * n
        if i not in drop:
            tensors[slice_key(name, part)] = (change or kind, dims, content[:1] * size)
    fields = {"slices": slices_field(extents if stated is None else stated), "size": b"", "crc": b"", "offset": b""}
    return {**tensors, name: (kind, shape, b"")}, {name: fields}


WORD = "bert/embeddings/word_embeddings"
QUERY = "bert/encoder/layer_1/attention/self/query/kernel"


def tables(c):
    files = checkpoint(google())
    good, rest = files.pop("m.index"), files

    def case(name, status, text, index):
        c.add(f"table-{name}", status, text, {"m.index": index, **rest})
    case("twin", "OK", "", good)
    case("empty", "TRUNCATED", "file is empty", b"")
    for cut in (1, 8, 40, 47):
        case(f"short-{cut}", "TRUNCATED", f"{cut} bytes" if cut > 8 else "bytes", good[-cut:])
    case("magic", "MALFORMED", "known form", good[:-1] + b"\xda")
    case("cut-front", "CHECKSUM", "checksum", good[1:])
    case("varint-11", "MALFORMED", "bad handles", good[:-48] + b"\x80" * 10 + b"\1".ljust(30, b"\0") + MAGIC)
    case("varint-unended", "MALFORMED", "bad handles", good[:-48] + b"\xff" * 40 + MAGIC)
    for i, (offset, size) in enumerate(((len(good) - 48, 0), (0, 2**64 - 1), (2**64 - 1, 2**64 - 1), (2**64 - 3, 8),
                                        (0, len(good) - 52), (2**63, 5))):
        handles = varint(offset) + varint(size) + varint(0) + varint(8)
        case(f"handle-{i}", "TRUNCATED", "beyond the end", good[:-48] + handles.ljust(40, b"\0") + MAGIC)
    for i in (0, 100, len(good) // 2, len(good) - 60):
        bad = bytearray(good)
        bad[i] ^= 4
        case(f"flip-{i}", "CHECKSUM", "checksum", bytes(bad))
    first = [(b"", header())]
    case("compression", "UNSUPPORTED", "compression 2", one_block(block(first), compression=2))
    case("overlap", "MALFORMED", "blocks overlap", twice(block(first)))
    case("no-blocks", "MISSING", "no header", table_of([]))


def twice(content):
    """Two entries of the index that name one block."""
    out = framed(content)
    place = varint(0) + varint(len(content))
    index = block([(b"a", place), (b"b", place)], 1)
    meta = block([])
    handles = varint(len(out)) + varint(len(meta)) + varint(len(out) + len(meta) + 5) + varint(len(index))
    return out + framed(meta) + framed(index) + handles.ljust(40, b"\0") + MAGIC


def raw_entry(key, value):
    """An entry of a block that shares nothing with the one before."""
    return varint(0) + varint(len(key)) + varint(len(value)) + key + value


def blocks(c):
    rest = {k: v for k, v in checkpoint(google()).items() if k != "m.index"}
    head = (b"", header())

    def case(name, status, text, content, **framing):
        c.add(f"block-{name}", status, text, {"m.index": one_block(content, **framing), **rest})
    case("restarts-0", "MALFORMED", "0 restart points", block([head], restarts=[]))
    case("restarts-many", "MALFORMED", "4294967295 restart points", block([head])[:-4] + b"\xff" * 4)
    case("restarts-past", "MALFORMED", "restart points", block([head])[:-4] + struct.pack("<I", 99))
    case("restart-first", "MALFORMED", "first restart point", block([head], restarts=[1]))
    case("restart-back", "MALFORMED", "is not an entry", block([head], restarts=[0, 0]))
    case("restart-between", "MALFORMED", "is not an entry", block([head], restarts=[0, 1]))
    case("restart-beyond", "MALFORMED", "is not an entry", block([head], restarts=[0, 10000]))
    shared = block([head, (b"ab", b""), (b"ac", b"")])
    case("restart-shares", "MALFORMED", "at a restart point", block(
        [head, (b"ab", b""), (b"ac", b"")], restarts=[0, len(shared) - 8 - 4]))
    begin, end = block([head])[:-8], struct.pack("<II", 0, 1)  # the header's entry, and one restart point
    case("shared-long", "MALFORMED", "shares more", begin + varint(1) + varint(1) + varint(0) + b"a" + end)
    step = entry("I64", [], 0, bytes(8))
    case("unsorted", "MALFORMED", "do not rise", begin + raw_entry(b"b", step) + raw_entry(b"a", step) + end)
    case("unsorted-shorter", "MALFORMED", "do not rise", begin + raw_entry(b"bb", step) + raw_entry(b"b", step) + end)
    case("twice", "MALFORMED", "do not rise", begin + raw_entry(b"b", step) + raw_entry(b"b", step) + end)
    case("twice-header", "MALFORMED", "do not rise", begin + raw_entry(b"", head[1]) + end)
    case("key-gigabyte", "MALFORMED", "longer than its block", varint(0) + varint(1 << 30) + varint(0) + b"a" * 40 +
         struct.pack("<II", 0, 1))
    case("key-long", "LIMIT", "more than 8192 bytes", block([head, (b"k" * 9000, b"")]))
    case("value-long", "MALFORMED", "longer than its block", varint(0) + varint(0) + varint(2**64 - 1) + bytes(9) +
         struct.pack("<II", 0, 1))
    case("entry-cut", "MALFORMED", "cut short", b"\x80\x80" + struct.pack("<II", 0, 1))
    case("small", "TRUNCATED", "a block of 3 bytes", b"\0\0\0")
    case("crc-unmasked", "CHECKSUM", "checksum", block([head]), crc=crc32c(block([head]) + b"\0"))
    many = [head] + [(b"x" * 4000 + b"%08d" % i, entry("U32", [], 0, b"")) for i in range(9000)]
    case("names-many", "LIMIT", "bytes of names", block(many, interval=99))


def snappies(c):
    rest = {k: v for k, v in checkpoint(google()).items() if k != "m.index"}
    c.add("snappy-twin", "OK", "", checkpoint(google(), compression=1))
    c.add("snappy-twin-small-blocks", "OK", "", checkpoint(google(), compression=1, per_block=2, interval=3))
    for name, status, text, content in (
            ("empty", "MALFORMED", "bad length", b""), ("length-long", "MALFORMED", "bad length", b"\xff" * 11),
            ("gigabytes", "MALFORMED", "are said to be in", varint(2**32 - 1) + bytes(9)),
            ("64-bit", "MALFORMED", "bad length", varint(2**40) + bytes(9)),
            ("before-start", "MALFORMED", "before the block", varint(10) + b"\0a" + bytes([5 << 2 | 2]) + b"\2\0"),
            ("offset-0", "MALFORMED", "before the block", varint(10) + b"\0a" + bytes([5 << 2 | 2]) + b"\0\0"),
            ("past-end", "MALFORMED", "longer than the block", varint(4) + b"\0a" + bytes([9 << 2 | 2]) + b"\1\0"),
            ("literal-past", "MALFORMED", "longer than the block", varint(2) + b"\x08abc"),
            ("literal-cut", "MALFORMED", "inside a literal", varint(3) + b"\x08ab"),
            ("copy-cut", "MALFORMED", "inside an element", varint(5) + b"\0a" + bytes([3 << 2 | 2]) + b"\1"),
            ("long-literal", "MALFORMED", "longer than the block", varint(5) + b"\xfc\xff\xff\xff\xff"),
            ("short", "MALFORMED", "ends too early", varint(5) + b"\0a"),
            ("limit", "LIMIT", "at most", varint(17 << 20) + b"\0a" + b"\xfe\1\0" * ((17 << 20) // 64))):
        c.add(f"snappy-{name}", status, text, {"m.index": one_block(content, compression=1), **rest})


def headers(c):
    def case(name, status, text, head):
        files = checkpoint(google(), extra={b"": head})
        c.add(f"header-{name}", status, text, files)
    case("missing", "MISSING", "has no header", None)
    case("shards-none", "MALFORMED", "0 shards", header(None))
    case("shards-0", "MALFORMED", "0 shards", header(0))
    case("shards-minus", "MALFORMED", "-1 shards", header(-1))
    case("shards-large", "LIMIT", "2147483647 shards", header(2**31 - 1))
    case("shards-64", "MALFORMED", "shards", header(2**40))
    case("big-endian", "UNSUPPORTED", "big-endian", header(1, 1))
    case("version", "VERSION", "needs a reader of version 2", header(1, None, number(1, 2) + number(2, 2)))
    case("version-bad", "MALFORMED", "bad version", header(1, None, b"\xff"))
    case("cut", "MALFORMED", "bad header", header()[:-1])
    case("v1", "UNSUPPORTED", "first format", message(1, b"\x0a\0"))
    case("twin-producer", "OK", "", header(1, 0, number(1, 9) + number(2, 1) + number(3, 7)))


def entries(c):
    full = google()

    def case(name, status, text, fields, key=WORD):
        c.add(f"entry-{name}", status, text, checkpoint(full, changes={key: fields}))
    case("shard-minus", "MALFORMED", "a shard that there is not", {"shard": number(3, -1)})
    case("shard-1", "MALFORMED", "a shard that there is not", {"shard": number(3, 1)})
    case("shard-large", "MALFORMED", "a shard that there is not", {"shard": number(3, 2**31 - 1)})
    case("offset-minus", "OVERFLOW", "overflows", {"offset": number(4, -1)})
    case("size-minus", "OVERFLOW", "overflows", {"size": number(5, -1)})
    case("sum", "OVERFLOW", "overflows", {"offset": number(4, 2**63 - 1)})
    case("past", "TRUNCATED", "beyond the end", {"offset": number(4, 10**9)})
    case("size-more", "SHAPE", "shape needs 384 bytes, found 385", {"size": number(5, 385)})
    case("size-less", "SHAPE", "shape needs 384 bytes, found 383", {"size": number(5, 383)})
    case("overlap", "MALFORMED", "overlap", {"offset": number(4, 383)}, "bert/embeddings/position_embeddings")
    case("crc", "CHECKSUM", "the data have checksum", {"crc": fixed32(6, 1)})
    case("crc-0", "CHECKSUM", "stored is 00000000", {"crc": fixed32(6, 0)})
    case("crc-none", "CHECKSUM", "stored is 00000000", {"crc": b""})
    case("crc-unmasked", "CHECKSUM", "the data have checksum", {"crc": fixed32(6, crc32c(full[WORD][2]))})
    case("type-wire", "MALFORMED", "bad entry", {"type": message(1, b"")})
    case("crc-wire", "MALFORMED", "bad entry", {"crc": number(6, 1)})
    case("cut", "MALFORMED", "bad entry", {"crc": b"\x35\0"})
    case("group", "MALFORMED", "bad entry", {"slices": b"\x43"})
    case("field-0", "MALFORMED", "bad entry", {"slices": b"\0\0"})
    case("field-unknown", "OK", "", {"slices": message(99, b"anything")})
    for i, (status, text, shape) in enumerate((
            ("MALFORMED", "bad dimension", shape_of([-1, 8])), ("MALFORMED", "has no shape", number(3, 1)),
            ("LIMIT", "rank", shape_of([1] * 300)), ("OVERFLOW", "overflows", shape_of([2**32, 2**32])),
            ("OVERFLOW", "overflows", shape_of([2**48, 2**48, 0])), ("LIMIT", "2^48", shape_of([2**49, 8])),
            ("LIMIT", "2^48", shape_of([0, 2**62])), ("SHAPE", "needs 0 bytes", shape_of([0, 8])),
            ("OVERFLOW", "size in bytes overflows", shape_of([2**31, 2**31])), ("MALFORMED", "bad shape", number(2, 7)),
            ("SHAPE", "needs 4 bytes, found 384", b""), ("SHAPE", "config.json makes it", shape_of([8, 12])),
            ("MALFORMED", "bad dimension", message(2, message(1, b""))), ("MALFORMED", "bad shape", b"\xff"))):
        case(f"shape-{i}", status, text, {"shape": message(2, shape)})
    flipped = checkpoint(full)
    data = bytearray(flipped["m.data-00000-of-00001"])
    data[200] ^= 1
    c.add("entry-flip", "CHECKSUM", "the data have checksum", {**flipped, "m.data-00000-of-00001": bytes(data)})
    for i, key in enumerate((b"a\0b", b"\xff\xfe", b"n" * 4097)):
        c.add(f"entry-name-{i}", "MALFORMED", "1 to 4096 bytes of UTF-8", checkpoint({**full, key: full[WORD]}))
    escape = "\x1b[31m\u202e\nred"
    c.add("entry-escape", "SHAPE", "\\x1b[31m\\xe2\\x80\\xae\\x0ared",
          checkpoint({**full, escape: ("F32", [3], b"")}))
    c.add("entry-missing", "MISSING", f"missing tensors (1): {QUERY}; unused tensors (0): none",
          checkpoint({k: v for k, v in full.items() if k != QUERY}))
    c.add("entry-turned", "SHAPE", "[hidden_size 8, intermediate_size 16], found [16, 8]", checkpoint(
        {**full, "bert/encoder/layer_0/intermediate/dense/kernel": ("F32", [16, 8], bytes(512))}))
    c.add("entry-lost-layer", "MALFORMED", "not to one of the 2 layers", checkpoint(
        {**full, "bert/encoder/layer_2/output/dense/bias": ("F32", [8], bytes(32))}))
    nan = struct.pack("<f", float("nan"))
    c.add("entry-nan", "NONFINITE", "1 of 64 values", checkpoint({**full, QUERY: ("F32", [8, 8], bytes(252) + nan)}))


def others(c):
    """Types that hold no weights, slots and counters, are passed over without being looked at."""
    full = google()
    for kind in ("STRING", "RESOURCE", "VARIANT", "U32"):
        c.add(f"type-{kind}", "OK", "", checkpoint({**full, "other": (kind, [1], b"\1abcd")}, changes={
            "other": {"shape": message(2, number(3, 1)), "crc": fixed32(6, 1)}}))
    c.add("type-unknown", "OK", "", checkpoint({**full, "other": ("F32", [1], bytes(4))}, changes={
        "other": {"type": number(1, 99)}}))
    c.add("type-weight", "MISSING", f"missing tensors (1): {QUERY}", checkpoint(full, changes={QUERY: {"type": number(1, 7)}}))
    slots = {f"{QUERY}/adam_m": ("F32", [8, 8], b"\xff" * 256), f"{QUERY}/adam_v": ("F32", [8, 8], b"\xff" * 256),
             "global_step": ("I64", [], bytes(8))}
    c.add("slots", "OK", "", checkpoint({**full, **slots}))
    c.add("slots-crc", "OK", "", checkpoint({**full, **slots}, changes={f"{QUERY}/adam_m": {"crc": fixed32(6, 1)}}))


def slices(c):
    def case(name, status, text, tensor, parts, axis, **options):
        tensors, changes = with_slices(tensor, parts, axis, **options)
        c.add(f"slices-{name}", status, text, checkpoint(tensors, changes=changes))
    thirds = [(0, 4), (4, 4), (8, 4)]
    case("twin-rows", "OK", "", WORD, thirds, 0)
    case("twin-columns", "OK", "", QUERY, [(0, 3), (3, 5)], 1)
    case("twin-one", "OK", "", WORD, [(0, 12)], 0)
    case("twin-order", "OK", "", WORD, thirds[::-1], 0)
    case("twin-vector", "OK", "", "bert/embeddings/LayerNorm/beta", [(0, 1), (1, 7)], 0)
    case("hole", "MALFORMED", "leave a hole", WORD, [(0, 4), (5, 7)], 0)
    case("overlap", "MALFORMED", "overlap", WORD, [(0, 5), (4, 8)], 0)
    case("short", "MALFORMED", "do not make the whole", WORD, [(0, 4), (4, 7)], 0)
    case("long", "MALFORMED", "do not make the whole", WORD, [(0, 4), (4, 9)], 0)
    case("gone", "MISSING", "one of its slices is not there", WORD, thirds, 0, drop=(1,))
    case("rank", "MALFORMED", "another rank", WORD, thirds, 0, stated=[[(0, 4)]])
    case("type", "SHAPE", "another type or shape", WORD, [(0, 6), (6, 6)], 0, change="I32")
    case("axes", "UNSUPPORTED", "more than one dimension", WORD, thirds, 0, stated=[[(0, 4), (0, 4)]])
    case("start-minus", "MALFORMED", "bad slice", WORD, thirds, 0, stated=[[(-5, 4), (0, -1)]])
    case("length-large", "MISSING", "not there", WORD, thirds, 0, stated=[[(0, 2**62), (0, -1)]])
    tensors, changes = with_slices(WORD, thirds, 0)
    inner = google()
    inner["x"] = ("F32", [2, 2, 2], b"")
    key = slice_key("x", [(0, -1), (0, -1), (0, 1)])
    inner[key] = ("F32", [2, 2, 1], bytes(16))
    c.add("slices-inner", "UNSUPPORTED", "inner dimension", checkpoint(inner, changes={
        "x": {"slices": slices_field([[(0, -1), (0, -1), (0, 1)]]), "size": b""}}))
    c.add("slices-scalar", "MALFORMED", "single number", checkpoint({**google(), "x": ("F32", [], b"")}, changes={
        "x": {"slices": message(7, b""), "size": b""}}))
    c.add("slices-bad", "MALFORMED", "bad slice", checkpoint(tensors, changes={
        WORD: {**changes[WORD], "slices": message(7, message(1, b"\xff"))}}))
    many = message(7, message(1, b"") * 2)
    c.add("slices-many", "LIMIT", "too many slices", checkpoint(google(), changes={WORD: {"slices": many * 140000}}))


def shards(c):
    full = google()
    good = checkpoint(full, shards=3)
    c.add("shards-twin", "OK", "", good)
    c.add("shards-twin-extra", "OK", "", {**good, "m.data-00003-of-00004": b"x"})
    second = "m.data-00001-of-00003"
    c.add("shards-missing", "IO", f"{second}: no such file", {k: v for k, v in good.items() if k != second})
    c.add("shards-short", "TRUNCATED", f"beyond the end of {second}", {**good, second: good[second][:-1]})
    c.add("shards-empty", "TRUNCATED", f"beyond the end of {second}", {**good, second: b""})
    for name, target in (("link", "other"), ("link-dangling", "nowhere")):
        files = {k: v for k, v in good.items() if k != second}
        c.add(f"shards-{name}", "OK" if name == "link" else "IO", "" if name == "link" else "No such file",
              {**files, "other": good[second]})
        os.symlink(target, c.out / f"shards-{name}" / second)
    files = {k: v for k, v in good.items() if k != second}
    c.add("shards-fifo", "IO", "not a regular file", files)
    os.mkfifo(c.out / "shards-fifo" / second)


def lists(c):
    good = checkpoint(google(), name="model.ckpt-9")
    other = checkpoint(google(), name="other")

    def case(name, status, text, content, files=good, source="."):
        c.add(f"list-{name}", status, text, {**files, "checkpoint": content}, source)
    case("twin", "OK", "", 'model_checkpoint_path: "model.ckpt-9"\nall_model_checkpoint_paths: "x"\n', {**good, **other})
    case("twin-file", "OK", "", 'model_checkpoint_path: "model.ckpt-9"', good, "checkpoint")
    case("twin-absolute", "OK", "", 'model_checkpoint_path: "/somewhere/else/model.ckpt-9"')
    case("above", "IO", "x.index: no such file", 'model_checkpoint_path: "../../x"\n')
    case("dots", "MALFORMED", "no file's name", 'model_checkpoint_path: ".."\n')
    case("folder", "MALFORMED", "no file's name", 'model_checkpoint_path: "a/"\n')
    case("long", "MALFORMED", "no file's name", 'model_checkpoint_path: "' + "x" * 1_000_000 + '"\n')
    case("unended", "MALFORMED", "no path in quotes", 'model_checkpoint_path: "' + "x" * 1_000_000)
    case("bare", "MALFORMED", "no path in quotes", "model_checkpoint_path: model.ckpt-9\n")
    case("end", "MALFORMED", "no path in quotes", "model_checkpoint_path")
    case("escape", "MALFORMED", "backslash or NUL", 'model_checkpoint_path: "a\\x2f\\q"\n')
    case("nul", "MALFORMED", "backslash or NUL", b'model_checkpoint_path: "a\0b"\n')
    case("self", "MALFORMED", "is not a TensorFlow checkpoint's index", 'model_checkpoint_path: "loop"\n',
         {**good, "loop.index": 'model_checkpoint_path: "loop"\n'})
    c.add("folder-two", "USAGE", "several TensorFlow checkpoints (model.ckpt-9.index, other.index)", {**good, **other})
    c.add("folder-one", "OK", "", good)
    c.add("prefix", "OK", "", {**good, **other}, "other")
    c.add("data", "OK", "", {**good, **other}, "other.data-00000-of-00001")
    c.add("data-alone", "MALFORMED", "known form", {"other.data-00000-of-00001": b"\xff" * 99}, "other.data-00000-of-00001")
    c.add("data-missing", "IO", "no such file or folder", {"config.json": CONFIG}, "other.data-00000-of-00001")
    c.add("index", "OK", "", {**good, **other}, "other.index")
    c.add("renamed", "MALFORMED", "its name must be NAME.index", {"any": good["model.ckpt-9.index"], "config.json": CONFIG}, "any")
    c.add("saved-model", "UNSUPPORTED", "variables/variables", {"saved_model.pb": b"\x08\x01\x12\x05\x0a\x03abc"})
    parts = {f"variables/{k}": v for k, v in checkpoint(google(), name="variables").items() if k != "config.json"}
    c.add("saved-model-inside", "OK", "", {**parts, "saved_model.pb": b"\x08\x01\x12", "config.json": CONFIG},
          "variables/variables")


def object_keys(tensors):
    return {f"m/{i}{VALUE}": value for i, value in enumerate(tensors.values())}


def object_graph(names, extra=b"", nodes=b""):
    """A node for each variable, with its full name and its key m/NUMBER."""
    out = b""
    for i, name in enumerate(names):
        attribute = message(1, b"VARIABLE_VALUE") + message(2, name.encode()) + message(3, f"m/{i}{VALUE}".encode())
        out += message(1, message(1, number(1, i)) + message(2, attribute) + extra)
    return out + nodes


def graphs(c):
    full = google()
    keyed = object_keys(full)
    graph = object_graph(full)

    def case(name, status, text, graph, tensors=keyed, **options):
        c.add(f"graph-{name}", status, text, checkpoint(tensors, graph=graph, **options))
    case("twin", "OK", "", graph)
    case("twin-root", "OK", "", object_graph([f"tf_bert_model/{n}:0" for n in full]))
    case("twin-slots", "OK", "", graph, {**keyed, f"m/0/.OPTIMIZER_SLOT/optimizer/m{VALUE}": ("F32", [2], bytes(8)),
                                         f"optimizer/x{VALUE}": ("F32", [2], bytes(8)),
                                         f"save_counter{VALUE}": ("I64", [], bytes(8))})
    case("twin-loops", "OK", "", graph + message(1, message(1, number(1, 0))))
    case("twin-paths", "OK", "", object_graph(["Variable"] * len(full)),
         {n.replace("/", ".S") + VALUE: v for n, v in full.items()})
    case("child", "MALFORMED", "no node of the graph", graph + message(1, message(1, number(1, 10**6))))
    case("child-minus", "MALFORMED", "no node of the graph", graph + message(1, message(1, number(1, -1))))
    case("many", "OK", "", graph + b"\x0a\0" * 1_000_000)
    case("deep", "MALFORMED", "bad child", graph + message(1, message(1, b"\x0b" * 100000)))
    case("cut", "MALFORMED", "cut short", graph + b"\x0a\x7f")
    case("node", "MALFORMED", "bad node", graph + message(1, b"\xff"))
    case("attribute", "MALFORMED", "bad attribute", graph + message(1, message(2, b"\xff")))
    case("no-name", "MISSING", "missing tensors", graph.replace(b"\x12" + varint(len(WORD)) + WORD.encode(),
                                                               b"\x32" + varint(len(WORD)) + WORD.encode()))
    case("name", "MALFORMED", "not a text", object_graph(["a\0b"] + list(full)[1:]))
    case("same-names", "MISSING", "missing tensors", object_graph([list(full)[0]] * len(full)))
    case("none", "MISSING", "missing tensors", None)
    bad = checkpoint(keyed, graph=graph)
    data = bad["m.data-00000-of-00001"]
    c.add("graph-flip", "CHECKSUM", GRAPH, {**bad, "m.data-00000-of-00001": data[:-1] + bytes([data[-1] ^ 1])})
    place = len(data) - len(string(graph)[0])
    for name, status, text, at, change in (("length", "MALFORMED", "not one string", 0, 1),
                                           ("length-crc", "CHECKSUM", "checksum of its length", 3, 1)):
        broken = bytearray(data)
        broken[place + at] ^= change
        c.add(f"graph-{name}", status, text, {**bad, "m.data-00000-of-00001": bytes(broken)})


def configs(c):
    plain = {k: v for k, v in CONFIG.items() if k != "model_type"}
    albert = {k: v for k, v in ALBERT.items() if k != "model_type"}
    c.add("config-google", "OK", "", checkpoint(google(), config=plain, config_name="bert_config.json"))
    c.add("config-plain", "OK", "", checkpoint(google(), config=plain))
    c.add("config-albert", "OK", "", checkpoint(google(ALBERT), config=albert, config_name="albert_config.json"))
    c.add("config-albert-names", "MISSING", "bert/encoder/transformer/group_0", checkpoint(
        google(), config={**albert, "embedding_size": 8}, config_name="albert_config.json"))
    bad = {**plain, "hidden_size": 0}
    c.add("config-bad", "MALFORMED", 'bert_config.json: "hidden_size" is 0', checkpoint(
        google(), config=bad, config_name="bert_config.json"))
    c.add("config-shape", "SHAPE", "bert_config.json makes it [vocab_size 13", checkpoint(
        google(), config={**plain, "vocab_size": 13}, config_name="bert_config.json"))
    c.add("config-none", "MISSING", "no config.json", {k: v for k, v in checkpoint(google()).items() if k != "config.json"})
    for dtype in ("F16", "BF16", "F64"):
        c.add(f"dtype-{dtype}", "OK", "", checkpoint(google(dtype=dtype)))


def heavy(c):
    """Large and slow if anything is worse than linear."""
    empty = {f"v{i:06}": ("F32", [0], b"") for i in range(30_000)}
    c.add("heavy-many", "MISSING", "more", checkpoint(empty))
    parts = [[(0, -1), (i, 1)] for i in range(4000)]
    tensors = {**google(), "x": ("F32", [2, 4000], b"")}
    for part in parts:
        tensors[slice_key("x", part)] = ("F32", [2, 1], bytes(8))
    c.add("heavy-slices", "OK", "", checkpoint(tensors, changes={"x": {"slices": slices_field(parts), "size": b"",
                                                                     "crc": b"", "offset": b""}}))


def main(out):
    c = Corpus(out)
    for part in (tables, blocks, snappies, headers, entries, others, slices, shards, lists, graphs, configs, heavy):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
