#!/usr/bin/env python3
"""A second reader of .alb files, written from docs/format.md alone (standard library only).

read_format.py FILE... [--json]     checks every rule of the document; prints what is inside
Exit code: 0 all files are sound, 3 a file is malformed, 5 a file can't be read.
"""
import json
import math
import os
import struct
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xxh3  # noqa: E402


class Malformed(Exception):
    pass


def need(condition, *message):
    if not condition:
        raise Malformed(" ".join(str(part) for part in message))


def align(n):
    return (n + 63) // 64 * 64


# ---- section 7: the protobuf encoding, canonical form only ----

SCHEMA = {
    "Manifest": {1: ("config", "Config"), 2: ("tensors", "Tensor[]"), 3: ("sets", "ParameterSet[]"),
                 4: ("functions", "Function[]"), 5: ("tokenizer", "Tokenizer"), 6: ("labels", "text[]"),
                 7: ("embedding", "Embedding"), 9: ("provenance", "Provenance"), 10: ("golden", "Golden[]")},
    "Config": {1: ("architecture", "text"), 2: ("task", "text"), 3: ("layers", "u32"), 4: ("hidden", "u32"),
               5: ("embedding", "u32"), 6: ("heads", "u32"), 7: ("intermediate", "u32"), 8: ("vocab", "u32"),
               9: ("max_positions", "u32"), 10: ("type_vocab", "u32"), 11: ("position_offset", "u32"),
               12: ("activation", "text"), 13: ("layer_norm_eps", "f32"), 14: ("dtype", "text"),
               15: ("share", "text"), 16: ("pad_id", "u32"), 17: ("class_score", "text"), 18: ("rank_score", "text")},
    "Tensor": {1: ("name", "text"), 2: ("dtype", "u32"), 3: ("dims", "u64[]"), 4: ("blob", "u32"),
               5: ("scale_blob", "u32"), 6: ("left_blob", "u32"), 7: ("right_blob", "u32")},
    "ParameterSet": {1: ("name", "text"), 2: ("tensors", "u32[]")},
    "Function": {1: ("name", "text"), 2: ("inputs", "Type[]"), 3: ("parameters", "text[]"), 4: ("nodes", "Node[]"),
                 5: ("outputs", "u32[]")},
    "Type": {1: ("dtype", "u32"), 2: ("dims", "s64[]")},
    "Node": {1: ("op", "u32"), 2: ("operands", "u32[]"), 3: ("callee", "u32"), 4: ("set", "u32"),
             5: ("activation", "u32"), 6: ("heads", "u32"), 7: ("eps", "f32"), 8: ("pooling", "u32"),
             9: ("layer", "u32")},
    "Embedding": {1: ("pooling", "text"), 2: ("normalize", "bool"), 3: ("stated", "bool"), 4: ("prompts", "Prompt[]"),
                  5: ("default_prompt", "text")},
    "Prompt": {1: ("name", "text"), 2: ("text", "text")},
    "Provenance": {1: ("tool", "text"), 2: ("options", "text"), 3: ("files", "SourceFile[]"), 4: ("fold", "text")},
    "SourceFile": {1: ("name", "text"), 2: ("size", "u64"), 3: ("xxh128", "bytes")},
    "Golden": {1: ("ids", "u32[]"), 2: ("type_ids", "u32[]"), 3: ("outputs", "GoldenOutput[]")},
    "GoldenOutput": {1: ("function", "text"), 2: ("dims", "u64[]"), 3: ("values", "bytes"), 4: ("rows", "u32[]")},
    "Tokenizer": {1: ("model", "text"), 2: ("unk", "u32"), 3: ("continuing_prefix", "text"), 4: ("max_word_chars", "u32"),
                  5: ("normalizers", "TokenizerStage[]"), 6: ("splitters", "TokenizerStage[]"),
                  7: ("added", "AddedToken[]"), 8: ("single", "TemplatePiece[]"), 9: ("pair", "TemplatePiece[]"),
                  10: ("max_length", "u32"), 11: ("named", "NamedToken[]"), 12: ("clean_up", "bool"),
                  13: ("clean_up_text", "bool"), 14: ("decode_prefix", "text"), 15: ("scores", "bytes"),
                  16: ("byte_fallback", "bool"), 17: ("decoders", "TokenizerStage[]")},
    "TokenizerStage": {1: ("type", "text"), 2: ("pattern", "text"), 3: ("regex", "bool"), 4: ("content", "text"),
                       5: ("behavior", "text"), 6: ("invert", "bool"), 7: ("left", "bool"), 8: ("right", "bool"), 9: ("charsmap", "bytes"),
                       10: ("scheme", "text"), 11: ("whole", "bool"), 12: ("start", "u32"), 13: ("stop", "u32")},
    "AddedToken": {1: ("id", "u32"), 2: ("content", "text"), 3: ("single_word", "bool"), 4: ("lstrip", "bool"),
                   5: ("rstrip", "bool"), 6: ("normalized", "bool"), 7: ("special", "bool"), 8: ("outside", "bool")},
    "TemplatePiece": {1: ("kind", "u32"), 2: ("id", "u32"), 3: ("type_id", "u32")},
    "NamedToken": {1: ("name", "text"), 2: ("id", "u32")},
}
VARINTS = ("u32", "u64", "s64", "bool")
DEFAULTS = {"u32": 0, "u64": 0, "s64": 0, "bool": False, "f32": 0.0, "text": "", "bytes": b""}


class Message(dict):
    __getattr__ = dict.__getitem__


def varint(data, at):
    value = 0
    for i in range(10):
        need(at + i < len(data), "manifest: varint ends early")
        byte = data[at + i]
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            need(i == 0 or byte, "manifest: varint is longer than it must be")
            need(value < 1 << 64, "manifest: varint above 64 bits")
            return value, at + i + 1
    raise Malformed("manifest: varint of more than 10 bytes")


def number(kind, raw):
    need(kind != "u32" or raw < 1 << 32, "manifest:", raw, "in a u32")
    need(kind != "bool" or raw < 2, "manifest:", raw, "in a bool")
    return (raw >> 1) ^ -(raw & 1) if kind == "s64" else bool(raw) if kind == "bool" else raw


def packed(kind, data):
    values, at = [], 0
    while at < len(data):
        raw, at = varint(data, at)
        values.append(number(kind, raw))
    need(values, "manifest: empty packed field")
    return values


def single(kind, data, minor):
    if kind == "text":
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("manifest: text is not UTF-8")
        need("\0" not in text, "manifest: NUL in a text")
        return text
    return data if kind == "bytes" else decode(kind, data, minor)


def decode(name, data, minor):
    """One message; fields in order, none twice, no default written out."""
    schema, at, last = SCHEMA[name], 0, 0
    message = Message((field, [] if kind.endswith("[]") else DEFAULTS.get(kind)) for field, kind in schema.values())
    while at < len(data):
        tag, at = varint(data, at)
        field, wire = tag >> 3, tag & 7
        need(tag < 1 << 32 and field, "manifest: tag", tag)
        label, kind = schema.get(field, (None, None))
        repeats = kind is not None and kind.endswith("[]") and kind[:-2] not in VARINTS
        need(field > last or (field == last and (repeats or kind is None)), "manifest: field", field, "of", name,
             "after field", last)
        last = field
        kind = kind and kind.replace("[]", "")
        if wire == 0:
            raw, at = varint(data, at)
        else:
            need(wire in (1, 2, 5), "manifest: wire type", wire)
            size = 8 if wire == 1 else 4
            if wire == 2:
                size, at = varint(data, at)
            need(size <= len(data) - at, "manifest: field", field, "of", name, "ends after its message")
            raw, at = data[at:at + size], at + size
        if kind is None:
            need(minor > 4 and field > max(schema), "manifest: unknown field", field, "of", name)
            continue
        many = isinstance(message[label], list)
        expected = 2 if many else 0 if kind in VARINTS else 5 if kind == "f32" else 2
        need(wire == expected, "manifest: field", field, "of", name, "has wire type", wire)
        if kind in VARINTS:
            value = packed(kind, raw) if many else number(kind, raw)
        elif kind == "f32":
            need(raw != b"\0\0\0\x80", "manifest: -0")
            value = struct.unpack("<f", raw)[0]
        else:
            value = single(kind, raw, minor)
        if many and kind not in VARINTS:
            message[label].append(value)
        else:
            need(many or kind not in DEFAULTS or value != DEFAULTS[kind], "manifest:", name, label, "is a default")
            message[label] = value
    return message


# ---- sections 2 to 6: frame, blobs, vocabulary ----

class File:
    def __init__(self, data):
        self.data = data
        self.read_prefix()
        self.read_sections()
        self.check_chunks()
        self.read_blobs()
        self.read_vocab()
        self.read_manifest()

    def zero(self, begin, end, where):
        need(not any(self.data[begin:end]), where, "is not zero")

    def read_prefix(self):
        data = self.data
        need(data[:8] == b"\x89ALB\r\n\x1a\n"[:len(data)] and len(data) >= 128, "no .alb file, or cut within the prefix")
        (self.major, self.minor, size, self.size, self.table, self.sections_n, log2, flags) = struct.unpack_from(
            "<HHIQQIII", data, 8)
        need(self.major == 1, "major version", self.major)
        need(size == 128, "prefix_size", size)
        need(log2 == 16, "chunk_log2", log2)
        need(self.size == len(data), "file_size", self.size, "but the file has", len(data))
        need(self.size <= 1 << 48, "file is too large")
        need(self.sections_n <= 64, "section_count", self.sections_n)
        need(self.table % 64 == 0 and 128 <= self.table <= self.size, "table_offset", self.table)
        self.chunks_n = -(-(self.table - 128) // 65536)
        need(self.table + 24 * self.sections_n + 8 * self.chunks_n == self.size, "tables do not end with the file")
        root = xxh3.xxh128(data[:48] + b"\0" * 16 + data[64:128] + data[self.table:])
        need(root == data[48:64], "root hash")
        self.root = root.hex()
        need(flags == 0, "flags", flags)
        self.zero(44, 48, "prefix")
        self.zero(64, 128, "prefix")

    def read_sections(self):
        self.sections, end, last = {}, 128, 0
        for i in range(self.sections_n):
            ident, flags, offset, size = struct.unpack_from("<IIQQ", self.data, self.table + 24 * i)
            need(ident > last, "section id", ident, "after", last)
            need(flags == 1 if ident <= 4 else flags == 0, "section", ident, "flags", flags)
            need(offset == align(end) and offset + size <= self.table, "section", ident, "at", offset, "of", size)
            self.zero(end, offset, "padding before section %d" % ident)
            self.sections[ident] = (offset, size)
            end, last = offset + size, ident
        need(align(end) == self.table, "section table does not follow on the last section")
        self.zero(end, self.table, "padding before the section table")
        need(all(ident in self.sections for ident in (1, 2, 3)), "a section is missing")

    def check_chunks(self):
        stored = struct.unpack_from("<%dQ" % self.chunks_n, self.data, self.table + 24 * self.sections_n)
        for i, value in enumerate(stored):
            begin = 128 + 65536 * i
            need(xxh3.xxh64(self.data[begin:min(begin + 65536, self.table)]) == value, "checksum of chunk", i)

    def read_blobs(self):
        offset, size = self.sections[2]
        data_end = sum(self.sections[1])
        need(size % 32 == 0 and size // 32 <= 1 << 20, "blob table of", size)
        self.blobs, end = [], 128
        for i in range(size // 32):
            at, stored, n, encoding, width = struct.unpack_from("<QQQII", self.data, offset + 32 * i)
            need(at == align(end) and at + stored <= data_end, "blob", i, "at", at, "of", stored)
            self.zero(end, at, "padding before blob %d" % i)
            need(width in (1, 2, 4, 8) and n and n % width == 0, "blob", i, "size", n, "width", width)
            need(encoding in (0, 1), "blob", i, "encoding", encoding)
            need(n == stored if encoding == 0 else n <= 1032 * stored + 64, "blob", i, "size", n, "stored", stored)
            blob = Message(id=i, offset=at, stored=stored, size=n, encoding=encoding, width=width)
            blob["bytes"] = self.inflate(blob)
            self.blobs.append(blob)
            end = at + stored
        need(end == data_end, "DATA ends at", data_end, "the last blob at", end)

    def inflate(self, blob):
        raw = self.data[blob.offset:blob.offset + blob.stored]
        if blob.encoding == 0:
            return raw
        stream = zlib.decompressobj()
        try:
            planes = stream.decompress(raw, blob.size + 1)
            need(len(planes) == blob.size, "blob", blob.id, "inflates to another size")
            if not stream.eof:
                planes += stream.decompress(stream.unconsumed_tail, 1)
        except zlib.error as error:
            raise Malformed("blob %d: %s" % (blob.id, error))
        need(len(planes) == blob.size and stream.eof and not stream.unused_data and not stream.unconsumed_tail,
             "blob", blob.id, "stream does not end with its bytes")
        out = bytearray(blob.size)
        for at in range(0, blob.size, 1 << 20):
            n = min(1 << 20, blob.size - at)
            count = n // blob.width
            for k in range(blob.width):
                out[at + k:at + n:blob.width] = planes[at + k * count:at + (k + 1) * count]
        return bytes(out)

    def read_vocab(self):
        self.tokens = []
        if 4 not in self.sections:
            return
        offset, size = self.sections[4]
        need(size >= 4, "vocabulary of", size)
        count = struct.unpack_from("<I", self.data, offset)[0]
        need(1 <= count <= 1 << 24 and 8 + 4 * count <= size <= 8 + 4 * count + (1 << 30), "vocabulary of", count)
        offsets = struct.unpack_from("<%dI" % (count + 1), self.data, offset + 4)
        text = self.data[offset + 8 + 4 * count:offset + size]
        need(offsets[0] == 0 and offsets[-1] == len(text), "vocabulary offsets")
        for i in range(count):
            need(offsets[i] <= offsets[i + 1] <= len(text), "offset of token", i + 1)
            try:
                self.tokens.append(text[offsets[i]:offsets[i + 1]].decode("utf-8"))
            except UnicodeDecodeError:
                raise Malformed("token %d is not UTF-8" % i)

    def read_manifest(self):
        offset, size = self.sections[3]
        need(size <= 64 << 20, "manifest of", size)
        self.manifest = decode("Manifest", self.data[offset:offset + size], self.minor)
        Rules(self).check()


# ---- sections 7 and 8: what a manifest says ----

WIDTHS = {1: 4, 2: 2, 3: 2, 4: 1, 5: 8, 6: 2, 7: 4, 8: 8, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1}
DTYPES = {1: "f32", 2: "f16", 3: "bf16", 4: "int8", 11: "int4", 12: "int5", 13: "int6"}
INT8, GROUP = 4, 32
BITS = {11: 4, 12: 5, 13: 6}  # of an element of int4, int5, int6
ACTIVATIONS = ("none", "gelu", "gelu_tanh", "relu", "silu", "tanh", "sigmoid")
POOLINGS = ("none", "mean", "cls", "max", "last")
OPERATORS = {  # name, operand counts, attributes
    1: ("embedding", (2,), ()), 2: ("add", (2,), ()), 3: ("linear", (2, 3), ("activation",)),
    4: ("layer_norm", (3,), ("eps",)), 5: ("activation", (1,), ("activation",)), 6: ("attention", (1, 3), ("heads",)),
    7: ("pool", (1,), ("pooling",)), 8: ("normalize", (1,), ()), 9: ("add_norm", (4,), ("eps",)),
    10: ("embed_norm", (8,), ("eps",)), 11: ("call", (1, 2, 3), ("callee", "set"))}
RANGES = (("layers", 4096), ("hidden", 1 << 20), ("embedding", 1 << 20), ("heads", 1 << 20), ("intermediate", 1 << 20),
          ("vocab", 1 << 24), ("max_positions", 1 << 20), ("type_vocab", 1 << 20))


def name_ok(text, where):
    need(1 <= len(text.encode()) <= 4096, where, "name of", len(text.encode()), "bytes")


def names_ok(texts, where):
    for text in texts:
        name_ok(text, where)
    need(len(set(texts)) == len(texts), where, "names occur twice")


class Rules:
    def __init__(self, file):
        self.file, self.m = file, file.manifest

    def check(self):
        m = self.m
        need(m.config is not None, "no config")
        self.check_config(m.config)
        need(max(len(m.tensors), len(m.labels)) <= 1 << 20 and len(m.sets) <= 65536 and len(m.functions) <= 256,
             "too many tensors, labels, sets or functions")
        self.check_tensors()
        for s in m.sets:
            name_ok(s.name, "set")
            need(all(t < len(m.tensors) for t in s.tensors), "set", s.name, "names a tensor that is not there")
        names_ok([f.name for f in m.functions], "function")
        self.extents = []
        for i, f in enumerate(m.functions):
            self.check_function(i, f)
        need((m.tokenizer is None) == (not self.file.tokens), "vocabulary and tokenizer: one without the other")
        need(len(self.file.tokens) <= m.config.vocab, "more tokens than config.vocab")
        self.check_small()
        for golden in m.golden:
            self.check_golden(golden)

    def check_config(self, c):
        for name, most in RANGES:
            need(1 <= c[name] <= most, "config:", name, c[name])
        need(c.hidden % c.heads == 0, "config: heads do not divide hidden")
        need(c.position_offset < c.max_positions and c.pad_id < c.vocab, "config: position_offset or pad_id")
        need(c.activation in ACTIVATIONS[1:], "config: activation", c.activation)
        need({c.class_score, c.rank_score} <= {"", "softmax", "sigmoid", "none"}, "config: class_score or rank_score")
        need(0 < c.layer_norm_eps < 1, "config: layer_norm_eps", c.layer_norm_eps)
        name_ok(c.architecture, "architecture")

    def check_tensors(self):
        names_ok([t.name for t in self.m.tensors], "tensor")
        blobs, used, checked, columns = self.file.blobs, set(), set(), {}
        self.check_factors(blobs, used)
        for t in self.m.tensors:
            need(t.dtype in DTYPES, t.name, "dtype", t.dtype)
            need(len(t.dims) <= 8 and all(1 <= d <= 1 << 48 for d in t.dims), t.name, "dims", t.dims)
            need(t.blob < len(blobs), t.name, "blob", t.blob)
            need(t.dtype != INT8 and t.dtype not in BITS or len(t.dims) == 2, t.name, "rank")
            blob, groups = blobs[t.blob], -(-t.dims[-1] // GROUP) if t.dtype in BITS else 0
            size = t.dims[0] * groups * 4 * BITS[t.dtype] if groups else math.prod(t.dims) * WIDTHS[t.dtype]
            need(blob.width == WIDTHS[t.dtype] and blob.size == size, t.name, "does not fit blob", t.blob)
            used.add(t.blob)
            if t.dtype != INT8 and t.dtype not in BITS:
                need(t.scale_blob == 0, t.name, "scales of", DTYPES[t.dtype])
                continue
            need(1 <= t.scale_blob <= len(blobs), t.name, "scales")
            used.add(t.scale_blob - 1)
            self.check_scales(t, blobs[t.scale_blob - 1], groups, checked)
            if t.dtype == INT8:
                need(b"\x80" not in blob["bytes"], t.name, "element -128")
                continue
            rows = (t.dtype, t.dims[1])
            need(columns.setdefault(t.blob, rows) == rows, t.name, "dtype and columns of a blob")
            self.check_filling(t, blob["bytes"], groups, BITS[t.dtype])
        need(len(used) == len(blobs), "a blob is no tensor's")

    def check_factors(self, blobs, used):
        """Tensors that are a base and a product of two factors; their bases are checked as other tensors are."""
        lefts, sums = set(), 0
        for t in self.m.tensors:
            if not t.left_blob and not t.right_blob:
                continue
            need(1 <= t.left_blob <= len(blobs) and 1 <= t.right_blob <= len(blobs), t.name, "left_blob, right_blob")
            need(len(t.dims) == 2 and all(t.dims), t.name, "factors with dims", t.dims)
            need(t.left_blob not in lefts, t.name, "left_blob is another tensor's")
            lefts.add(t.left_blob)
            used.update((t.left_blob - 1, t.right_blob - 1))
            left, right, (rows, columns) = blobs[t.left_blob - 1], blobs[t.right_blob - 1], t.dims
            need(left.width == right.width and left.width in (2, 4), t.name, "width of factors")
            rank = left.size // (left.width * rows)
            need(1 <= rank <= min(rows, columns), t.name, "rank", rank)
            need(left.size == left.width * rows * rank and right.size == left.width * rank * columns, t.name,
                 "size of factors")
            sums += 4 * rows * columns
            need(sums <= 1032 * self.file.size, t.name, "matrices with factors of", sums, "bytes")

    def check_scales(self, t, scales, groups, checked):
        width, count = (2, t.dims[0] * groups) if groups else (4, t.dims[0])
        need(scales.width == width and scales.size == width * count, t.name, "number of scales")
        if (t.scale_blob, width) in checked:
            return
        checked.add((t.scale_blob, width))
        values = struct.unpack("<%d%s" % (count, "e" if groups else "f"), scales["bytes"])
        if groups:
            need(all(s and math.isfinite(s) for s in values), t.name, "scales")
        else:
            need(all(0 < s < math.inf for s in values), t.name, "scales")

    def check_filling(self, t, data, groups, bits):
        """What fills the last group of each row up is 0, stored as half of all there is."""
        size = 4 * bits
        for end in range(size * groups, len(data) + 1, size * groups):
            last = data[end - size:end]
            elements = [byte & 15 for byte in last[:16]] + [byte >> 4 for byte in last[:16]]
            for bit in range(4, bits):
                plane = last[4 * bit:4 * bit + 4]
                elements = [e | (plane[i // 8] >> i % 8 & 1) << bit for i, e in enumerate(elements)]
            need(set(elements[t.dims[1] - GROUP * (groups - 1):]) <= {1 << bits - 1}, t.name, "filling of a row")

    def check_function(self, ident, f):
        for t in f.inputs:
            need(t.dtype in WIDTHS and t.dtype not in BITS and len(t.dims) <= 8, f.name, "input type")
            need(all(d in (-1, -2, -3) or 1 <= d <= 1 << 48 for d in t.dims), f.name, "input dims", t.dims)
        names_ok(f.parameters, "parameter")
        size = depth = 0
        for i, node in enumerate(f.nodes):
            callee = self.check_node(ident, f, i, node)
            size, depth = size + 1 + callee[0], max(depth, callee[1] + 1)
        need(size <= 1 << 20 and depth <= 16, f.name, "is too large with its calls written out")
        self.extents.append((size, depth))
        need(f.outputs and all(v < len(f.inputs) + len(f.nodes) for v in f.outputs), f.name, "outputs")

    def check_node(self, ident, f, i, node):
        where = "%s, node %d:" % (f.name, i)
        need(node.op in OPERATORS, where, "operator", node.op)
        _, counts, attributes = OPERATORS[node.op]
        need(len(node.operands) in counts, where, len(node.operands), "operands")
        ends = {1: len(f.inputs) + i, 2: len(self.m.tensors), 3: len(f.parameters)}
        need(all(o >> 2 < ends.get(o & 3, 0) for o in node.operands), where, "operands", node.operands)
        for a in ("activation", "heads", "eps", "pooling", "callee", "set"):
            need(a in attributes or node[a] == 0, where, "attribute", a)
        need(node.activation < len(ACTIVATIONS) and (node.op != 5 or node.activation), where, "activation")
        need(node.pooling < len(POOLINGS) and (node.op != 7 or node.pooling), where, "pooling")
        need("heads" not in attributes or 1 <= node.heads <= 1 << 20, where, "heads", node.heads)
        need("eps" not in attributes or 0 < node.eps < 1, where, "eps", node.eps)
        need(node.layer <= self.m.config.layers, where, "layer", node.layer)
        if node.op != 11:
            return 0, 0
        need(node.callee < ident, where, "callee", node.callee)
        callee = self.m.functions[node.callee]
        need(len(callee.inputs) == len(node.operands) and len(callee.outputs) == 1, where, "callee's inputs or outputs")
        need(all(o & 3 == 1 for o in node.operands), where, "operand is no value")
        need(node.set < len(self.m.sets) and len(self.m.sets[node.set].tensors) == len(callee.parameters), where,
             "set", node.set)
        return self.extents[node.callee]

    def check_small(self):
        e, p = self.m.embedding, self.m.provenance
        if e is not None:
            need(e.pooling in POOLINGS[1:], "pooling", e.pooling)
            for prompt in e.prompts:
                name_ok(prompt.name, "prompt")
            need(not e.default_prompt or e.default_prompt in [q.name for q in e.prompts], "default_prompt")
        for file in p.files if p is not None else ():
            need(len(file.xxh128) == 16, "hash of", file.name)

    def check_golden(self, g):
        c = self.m.config
        need(1 <= len(g.ids) <= c.max_positions - c.position_offset and len(g.type_ids) == len(g.ids), "golden ids")
        need(all(i < c.vocab for i in g.ids) and all(i < c.type_vocab for i in g.type_ids), "golden ids")
        for o in g.outputs:
            need(any(f.name == o.function and not f.parameters for f in self.m.functions), "golden of", o.function)
            need(len(o.dims) <= 8 and all(o.dims) and len(o["values"]) == 4 * math.prod(o.dims), "golden dims", o.dims)
            values = struct.unpack("<%df" % (len(o["values"]) // 4), o["values"])
            need(all(map(math.isfinite, values)), "golden values")
            need(all(a < b for a, b in zip(o.rows, o.rows[1:] + [len(g.ids)])), "golden rows", o.rows)
            need(not o.rows or o.dims[:1] == [len(o.rows)], "golden rows", o.rows)


# ---- what is inside ----

def summary(file):
    m = file.manifest
    users = {}
    for t in m.tensors:
        users.setdefault(t.blob, []).append(t.name)
    blobs = [{"id": b.id, "offset": b.offset, "stored": b.stored, "size": b.size, "encoding": b.encoding,
              "width": b.width, "tensors": users.get(b.id, [])} for b in file.blobs]
    tensors = [{"id": i, "name": t.name, "dtype": DTYPES[t.dtype], "dims": t.dims, "blob": t.blob,
                "scale_blob": t.scale_blob - 1 if t.scale_blob else None,
                **({"factors": [t.left_blob - 1, t.right_blob - 1]} if t.left_blob else {})} for i, t in enumerate(m.tensors)]
    functions = [{"name": f.name, "inputs": len(f.inputs), "parameters": len(f.parameters),
                  "nodes": [OPERATORS[n.op][0] for n in f.nodes], "sets": [n.set for n in f.nodes if n.op == 11]}
                 for f in m.functions]
    return {"version": "%d.%d" % (file.major, file.minor), "file_size": file.size, "root": file.root,
            "config": dict(m.config), "tokens": len(file.tokens), "labels": m.labels, "golden": len(m.golden),
            "blobs": blobs, "tensors": tensors, "functions": functions,
            "sets": [{"name": s.name, "tensors": s.tensors} for s in m.sets]}


def show(path, s):
    print("%s: version %s, %d bytes, root %s" % (path, s["version"], s["file_size"], s["root"]))
    print("  %(architecture)s, %(layers)d layers, hidden %(hidden)d, %(dtype)s, share %(share)s" % s["config"])
    for t in s["tensors"]:
        shared = len(s["blobs"][t["blob"]]["tensors"])
        print("  tensor %4d  blob %4d  %-5s %-14s %s%s" % (
            t["id"], t["blob"], t["dtype"], "x".join(map(str, t["dims"])), t["name"],
            "  (shared by %d)" % shared if shared > 1 else ""))
    for f in s["functions"]:
        print("  function %s: %d nodes%s" % (f["name"], len(f["nodes"]),
                                             ", calls with sets %s" % f["sets"] if f["sets"] else ""))
    stored, size = sum(b["stored"] for b in s["blobs"]), sum(b["size"] for b in s["blobs"])
    print("  %d tensors in %d blobs, %d bytes (%d stored); %d tokens; %d golden inputs" % (
        len(s["tensors"]), len(s["blobs"]), size, stored, s["tokens"], s["golden"]))


def main(arguments):
    paths = [a for a in arguments if a != "--json"]
    if not paths:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    for path in paths:
        try:
            with open(path, "rb") as stream:
                file = File(stream.read())
        except OSError as error:
            print("read_format.py: %s: %s" % (path, error.strerror), file=sys.stderr)
            return 5
        except Malformed as error:
            print("read_format.py: %s: %s" % (path, error), file=sys.stderr)
            return 3
        if "--json" in arguments:
            print(json.dumps(summary(file)))
        else:
            show(path, summary(file))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
