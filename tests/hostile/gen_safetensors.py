#!/usr/bin/env python3
"""gen_safetensors.py OUT: bad weights files, one per rule, and valid twins; OUT/expect.tsv says what each must give."""

import json
import os
import random
import socket
import struct
import sys

from corpus import CONFIG, Corpus, container, header_of, model, safetensors

ENTRY = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}


def one(corpus, name, status, message, content):
    corpus.add(name, status, message, {"model.safetensors": content, "config.json": CONFIG})


def with_entry(data=b"abcd", name="x", **changes):
    return container({name: {**ENTRY, **changes}}, data)


def raw_entry(offsets="[0,4]", shape="[4]", dtype='"U8"', data=b"abcd"):
    return container(f'{{"x":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}}}', data)


def other_forms(c):
    def form(name, status, message, content):
        one(c, f"form-{name}", status, message, content)
    form("empty", "TRUNCATED", "file is empty", b"")
    form("1-byte", "TRUNCATED", "needs at least", b"x")
    form("7-bytes", "TRUNCATED", "7 bytes", b"\2\0\0\0\0\0\0")
    form("8-bytes", "TRUNCATED", "8 bytes", struct.pack("<Q", 2))
    form("lfs", "MALFORMED", "Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    form("html", "MALFORMED", "web page", "\n <!DOCTYPE html><html></html>")
    form("html-small", "MALFORMED", "web page", "<!doctype html>")
    form("error", "MALFORMED", "error message", '{"error":"Entry not found"}')
    form("json", "MALFORMED", "looks like JSON", json.dumps(CONFIG))
    form("zip", "TRUNCATED", "zip: no end record", b"PK\3\4\x14\0\x08\x08\x08\0" + bytes(80))
    form("zip-empty", "MALFORMED", "empty zip", b"PK\5\6" + bytes(18))
    form("torch-old", "TRUNCATED", "machine: pickle: 0 bytes", b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.")
    form("pickle", "UNSUPPORTED", "pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.")
    form("onnx", "MISSING", "the model has no graph", b"\x08\x07\x12\x07pytorch\x1a\x051.9.0")
    form("hdf5", "UNSUPPORTED", "HDF5", b"\x89HDF\r\n\x1a\n" + bytes(64))
    form("gzip", "UNSUPPORTED", "gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + bytes(10))
    form("bzip2", "UNSUPPORTED", "bzip2", b"BZh91AY&SY" + bytes(10))
    form("xz", "UNSUPPORTED", "xz", b"\xfd7zXZ\0\0\4" + bytes(24))
    form("zstd", "UNSUPPORTED", "zstd", b"\x28\xb5\x2f\xfd\x04\0" + bytes(24))
    form("7z", "UNSUPPORTED", "7z", b"7z\xbc\xaf\x27\x1c" + bytes(24))
    form("npy", "UNSUPPORTED", "NumPy", b"\x93NUMPY\x01\0v\0{'descr': '<f4'}" + bytes(100))
    form("tar", "UNSUPPORTED", "tar", bytes(257) + b"ustar\0" + bytes(300))
    form("tensorflow", "TRUNCATED", "TensorFlow checkpoint: a block", bytes(40) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb")
    form("saved-model", "UNSUPPORTED", "variables/variables", b"\x08\x01\x12\x05\x0a\x03abc")
    form("tf-list", "IO", "x.index: no such file", 'model_checkpoint_path: "../../x"\n')
    for tensors in (32, 91, 123):  # bytes 8.. look like a header's beginning
        form(f"gguf-{tensors}", "TRUNCATED", "metadata values", b"GGUF" + struct.pack("<IQQ", 3, tensors, 4) + bytes(64))
    noise = random.Random(1)
    for i in range(20):
        form(f"noise-{i}", "MALFORMED", "known form", b"\xff" + noise.randbytes(15 + i * 31))


def special_files(c):
    def folder(name):
        c.out.joinpath(name).mkdir()
        return str(c.out / name / "model.safetensors")
    os.mkfifo(folder("file-fifo"))
    c.note("file-fifo", "IO", "not a regular file")
    c.note("file-fifo/model.safetensors", "IO", "not a regular file")
    os.symlink("/dev/zero", folder("file-zero"))
    c.note("file-zero", "IO", "not a regular file")
    os.symlink("nowhere", folder("file-dangling"))
    c.note("file-dangling", "IO", "No such file")
    os.symlink("model.safetensors", folder("file-loop"))
    c.note("file-loop", "IO", "symbolic links")
    path = folder("file-socket")
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # socket names are short
    socket.socket(socket.AF_UNIX).bind("model.safetensors")
    os.chdir(here)
    c.note("file-socket", "IO", "cannot be opened")
    os.mkdir(folder("file-folder"))
    c.note("file-folder", "IO", "not a regular file")
    c.note("file-missing", "IO", "no such file or folder")
    folder("file-none")
    c.note("file-none", "IO", "looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin, ")
    c.add("file-bin-only", "TRUNCATED", "pytorch_model.bin: zip: no end record", {"pytorch_model.bin": b"PK\3\4", "config.json": CONFIG})
    c.add("file-no-config", "MISSING", "no config.json", {"model.safetensors": safetensors(model())})
    with open(folder("file-sparse"), "wb") as f:
        f.write(struct.pack("<Q", 10) + b'{        }')
        f.truncate(1 << 40)
    c.note("file-sparse", "MALFORMED", "follow the last tensor")


def sizes(c):
    for name, n in (("max", 2**64 - 1), ("100000001", 100000001), ("2-63", 2**63), ("0", 0)):
        one(c, f"size-{name}", "LIMIT", f"header size is {n}, allowed", struct.pack("<Q", n) + b'{"x":1}  ')
    one(c, "size-beyond", "TRUNCATED", "header of 1000 bytes", struct.pack("<Q", 1000) + b'{"x":1}  ')
    full = safetensors(model())
    header = struct.unpack("<Q", full[:8])[0]
    for cut in (9, 10, 8 + header // 2, 7 + header):
        one(c, f"cut-{cut}", "TRUNCATED", f"header of {header} bytes", full[:cut])
    for cut in (8 + header, 9 + header, len(full) - 1):
        one(c, f"cut-{cut}", "TRUNCATED", "beyond the end", full[:cut])


def texts(c):
    good = json.dumps({"x": ENTRY})
    for name, text in (("byte", b"\xff"), ("overlong", b"\xc0\x80"), ("surrogate", b"\xed\xa0\x80"), ("cut", b"\xe2\x82")):
        one(c, f"utf8-{name}", "MALFORMED", "not UTF-8 (offset 10)", container(b'{"' + text + good[2:].encode(), b"abcd"))
    one(c, "text-bom", "MALFORMED", "expected { (offset 8)", container(b"\xef\xbb\xbf" + good.encode(), b"abcd"))
    one(c, "text-array", "MALFORMED", "expected {", container("[" * 100000))
    one(c, "text-deep", "LIMIT", "deeper than 64", container('{"x":{"a":' + "[" * 100000))
    one(c, "text-deep-objects", "LIMIT", "deeper than 64", container('{"x":{"q":' + '{"a":' * 100000))
    one(c, "text-nul-padding", "MALFORMED", "something follows", container(good + "\0\0", b"abcd"))
    one(c, "text-two", "MALFORMED", "something follows", container(good + good, b"abcd"))
    one(c, "text-comma", "MALFORMED", 'expected "', container(good[:-1] + ",}", b"abcd"))
    one(c, "text-open", "MALFORMED", "expected }", container(good[:-1], b"abcd"))
    one(c, "text-escape", "MALFORMED", "unknown escape", container(good.replace("x", "\\x"), b"abcd"))
    one(c, "text-lone", "MALFORMED", "surrogate stands alone", container(good.replace("x", "\\ud800"), b"abcd"))
    one(c, "text-skipped-lone", "MALFORMED", "surrogate stands alone",
        container(good.replace('"dtype"', '"q": "\\udc00", "dtype"'), b"abcd"))


def entries(c):
    two = '{"x":%s,"x":%s}'
    same, other = json.dumps(ENTRY), json.dumps({**ENTRY, "dtype": "I8", "data_offsets": [4, 8]})
    one(c, "twice-name", "DUPLICATE", 'tensor "x" stands twice', container(two % (same, other), b"abcdefgh"))
    one(c, "twice-escaped", "DUPLICATE", 'tensor "x" stands twice',
        container((two % (same, other)).replace('"x"', '"\\u0078"', 1), b"abcdefgh"))
    empty = json.dumps({"dtype": "U8", "shape": [0], "data_offsets": [0, 0]})
    one(c, "twice-empty", "DUPLICATE", 'tensor "x" stands twice', container(two % (empty, empty)))
    for field in ENTRY:
        text = same[:-1] + f', "{field}": {json.dumps(ENTRY[field])}}}'
        one(c, f"twice-{field}", "DUPLICATE", "a field stands twice", container('{"x":%s}' % text, b"abcd"))
        rest = {k: v for k, v in ENTRY.items() if k != field}
        one(c, f"without-{field}", "MALFORMED", "needs dtype, shape and data_offsets", container({"x": rest}, b"abcd"))
    one(c, "entry-null", "MALFORMED", "expected {", container({"x": None}))
    one(c, "entry-empty", "MALFORMED", "needs dtype", container({"x": {}}))
    for name, message, offsets, data in (
            ("backwards", "ends before it begins", [4, 0], b"abcd"), ("hole", "hole before", [1, 5], b"abcde"),
            ("trailing", "1 bytes follow", [0, 4], b"abcde"), ):
        one(c, f"place-{name}", "MALFORMED", message, with_entry(data, data_offsets=offsets))
    one(c, "place-beyond", "TRUNCATED", "beyond the end", with_entry(b"abc"))
    one(c, "place-far", "TRUNCATED", "beyond the end", with_entry(data_offsets=[0, 2**64 - 1]))
    one(c, "place-overlap", "MALFORMED", "overlaps",
        container({"x": ENTRY, "y": {**ENTRY, "data_offsets": [3, 7]}}, b"abcdefg"))
    one(c, "place-same", "MALFORMED", "overlaps", container({"x": ENTRY, "y": ENTRY}, b"abcd"))
    for i, number in enumerate(("-1", "0.0", "1e2", "00", '"0"', "null", "true", "2.5", str(2**64), "9" * 400)):
        one(c, f"number-{i}", "MALFORMED", "number", raw_entry(offsets=f"[{number},4]"))
        one(c, f"number-shape-{i}", "MALFORMED", "number", raw_entry(shape=f"[{number}]"))
    one(c, "offsets-three", "MALFORMED", "expected ]", raw_entry(offsets="[0,4,4]"))
    one(c, "offsets-one", "MALFORMED", "expected ,", raw_entry(offsets="[0]"))


def shapes(c):
    f32 = {"dtype": "F32"}
    for i, (status, message, shape) in enumerate((
            ("LIMIT", "limit is 2^48", [2, 2**64 - 2]), ("LIMIT", "limit is 2^48", [2, 2**63 - 1]),
            ("OVERFLOW", "overflows", [2**32, 2**32]), ("OVERFLOW", "overflows", [2**32, 2**31, 2]),
            ("OVERFLOW", "overflows", [2**40, 2**22]), ("OVERFLOW", "overflows", [2**48, 2**48, 0]),
            ("LIMIT", "limit is 2^48", [0, 2**64 - 1, 2**64 - 1]),
            ("LIMIT", "limit is 2^48", [2**64 - 1, 2**64 - 1, 0]), ("LIMIT", "rank", [1] * 9),
            ("LIMIT", "rank", [1] * 100000), ("SHAPE", "needs 16 bytes, found 4", [4]),
            ("SHAPE", "needs 0 bytes, found 4", [4, 0]))):
        one(c, f"shape-{i}", status, message, with_entry(**f32, shape=shape))
    one(c, "bytes-less", "SHAPE", "needs 4 bytes, found 3", with_entry(b"abc", data_offsets=[0, 3]))
    one(c, "bytes-more", "SHAPE", "needs 4 bytes, found 5", with_entry(b"abcde", data_offsets=[0, 5]))
    for i, dtype in enumerate(("f32", "F32 ", "", "X" * 300, "F32\0", "F3")):
        one(c, f"dtype-{i}", "MALFORMED", "is not one of the format", with_entry(dtype=dtype))
    for dtype in ("F8_E4M3", "F4", "U16", "C64"):
        one(c, f"dtype-{dtype}", "UNSUPPORTED", f'dtype "{dtype}" is not supported', with_entry(dtype=dtype))
    one(c, "dtype-number", "MALFORMED", 'expected "', raw_entry(dtype="1"))


def names(c):
    for name, text in (("empty", ""), ("nul", "a\0b"), ("long", "n" * 4097)):
        one(c, f"name-{name}", "MALFORMED", "1 to 4096 bytes and no NUL", with_entry(name=text))
    escape = "\x1b[31m\u202e\nred"
    one(c, "name-escape", "SHAPE", "\\x1b[31m\\xe2\\x80\\xae\\x0ared", with_entry(name=escape, shape=[3]))
    for name, text in (("int", '{"a":1}'), ("nested", '{"a":{}}'), ("list", "[]"), ("text", '"a"')):
        message = "something else than strings" if text[0] == "{" else "expected {"
        one(c, f"metadata-{name}", "MALFORMED", message, container('{"__metadata__":%s}' % text))
    one(c, "metadata-twice", "DUPLICATE", "__metadata__ stands twice",
        container('{"__metadata__":{},"__metadata__":{}}'))


def heavy(c):
    """Large and slow if anything is worse than linear."""
    one(c, "heavy-spaces", "MALFORMED", "expected {", container(b" " * 20_000_000))
    entry = '"%07d":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}'
    overlapping = "{" + ",".join(entry % i for i in range(200_000)) + "}"
    one(c, "heavy-overlap", "MALFORMED", "overlaps", container(overlapping, b"abcd"))
    empty = '"%07d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    many = "{" + ",".join(empty % i for i in range(200_000)) + "}"
    one(c, "heavy-many", "MISSING", "and 195904 more", container(many))


def twins(c):
    """Odd, but valid: all must load."""
    tensors = model()

    def twin(name, content):
        one(c, f"twin-{name}", "OK", "", content)
    twin("plain", safetensors(tensors))
    for dtype in ("F16", "BF16", "F64"):
        twin(dtype, safetensors(model(dtype=dtype)))
    twin("metadata", safetensors(tensors, {"format": "pt", "b": "\u00e9\n", "long": "m" * 1_000_000}))
    header, data = header_of(tensors)
    twin("metadata-null", container({"__metadata__": None, **header}, data))
    twin("spaces", container(" \n\t" + json.dumps(header, indent=3) + " " * 777, data))
    odd = {"odd": ("U8", [1], b"x"), **tensors}
    twin("unaligned", safetensors(odd))
    twin("reversed", container(dict(reversed(header.items())), data))
    twin("unknown-field", container({k: {"note": [{"a": [1.5e3, None]}], **v} for k, v in header.items()}, data))
    twin("escaped-names", container(json.dumps(header).replace("embeddings", "\\u0065mbeddings"), data))
    twin("scalar", safetensors({**tensors, "scalar": ("F32", [], b"abcd")}))
    twin("rank-8", safetensors({**tensors, "rank8": ("U8", [1] * 8, b"a")}))
    twin("empty", safetensors({"none": ("I64", [0, 5], b""), **tensors, "last": ("I64", [0], b"")}))
    twin("bool", safetensors({**tensors, "mask": ("BOOL", [3], b"\0\1\2")}))
    twin("unicode-twins", safetensors({**tensors, "\u00e9": ("U8", [1], b"a"), "e\u0301": ("U8", [1], b"a")}))
    for low in (0x7B, 0x08, 0x80, 0x50, 0x89):  # a header size that begins as another form does
        text = json.dumps(header)
        text += " " * ((low - len(text)) % 256)
        twin(f"size-{low:02x}", container(text, data))
    c.add("twin-any-name", "OK", "", {"my..weights.bin": safetensors(tensors), "config.json": CONFIG}, "my..weights.bin")
    c.add("twin-cache", "OK", "", {"config.json": CONFIG, "blobs/abc": safetensors(tensors)})
    os.symlink("blobs/abc", c.out / "twin-cache/model.safetensors")


def nonfinite(c):
    bad = {"F32": ("<f", float("nan")), "F64": ("<d", float("-inf")), "F16": ("<e", float("inf")),
           "BF16": ("<H", 0xFF80)}
    for dtype, (form, value) in bad.items():
        tensors = model(dtype=dtype)
        name = "encoder.layer.1.output.dense.weight"
        _, shape, content = tensors[name]
        packed = struct.pack(form, value)
        content = content[:7 * len(packed)] + packed + content[8 * len(packed):-len(packed)] + packed
        tensors[name] = (dtype, shape, content)
        one(c, f"nonfinite-{dtype}", "NONFINITE", f'"{name}": 2 of 128 values are NaN or infinite, the first at index 7',
            safetensors(tensors))
    tensors = model(dtype="F64")
    tensors["embeddings.LayerNorm.bias"] = ("F64", [8], struct.pack("<d", 1e300) * 8)
    one(c, "nonfinite-f64-range", "NONFINITE", "8 of 8", safetensors(tensors))
    tensors = model()
    small = struct.pack("<f", 1e-42) + struct.pack("<f", -0.0) + struct.pack("<f", 3.4028234e38) * 6
    tensors["embeddings.LayerNorm.bias"] = ("F32", [8], small)
    one(c, "twin-extreme", "OK", "", safetensors(tensors))


def shards(c):
    items = list(model().items())
    parts = {"a.safetensors": dict(items[:20]), "b.safetensors": dict(items[20:])}
    place = {name: part for part, tensors in parts.items() for name in tensors}
    first, last = items[0][0], items[-1][0]

    def sharded(name, status, message, weight_map=place, files=None, index=None):
        content = {part: safetensors(tensors) for part, tensors in (parts if files is None else files).items()}
        content |= {"config.json": CONFIG, "model.safetensors.index.json":
                    {"metadata": {"total_size": 1}, "weight_map": weight_map} if index is None else index}
        c.add(f"shards-{name}", status, message, content)
    sharded("twin", "OK", "")
    c.add("shards-twin-file", "OK", "", {**{p: safetensors(t) for p, t in parts.items()}, "config.json": CONFIG,
                                         "any.txt": {"weight_map": place}}, "any.txt")
    for i, bad in enumerate(("../x", "/etc/passwd", "", "..", "sub/a.safetensors", "a.safetensors\0")):
        sharded(f"path-{i}", "MALFORMED", "not a file of this folder", {**place, first: bad})
    sharded("number", "MALFORMED", "is not mapped to a file", {**place, first: 7})
    sharded("missing", "IO", "c.safetensors: no such file", {**place, first: "c.safetensors"})
    sharded("self", "MALFORMED", "looks like JSON", {**place, first: "model.safetensors.index.json"})
    sharded("wrong-place", "MALFORMED", f'"{first}" should lie in b.safetensors', {**place, first: "b.safetensors"})
    sharded("not-listed", "MALFORMED", "is not in the index", {k: v for k, v in place.items() if k != first})
    sharded("in-none", "MISSING", '"ghost" is in no shard', {**place, "ghost": "a.safetensors"})
    both = {"a.safetensors": parts["a.safetensors"], "b.safetensors": {**parts["b.safetensors"], first: items[0][1]}}
    sharded("in-two", "DUPLICATE", f'"{first}" stands twice', files=both)
    sharded("broken", "TRUNCATED", "b.safetensors: safetensors", {**place, last: "b.safetensors"}, index=None,
            files=parts | {"b.safetensors": parts["b.safetensors"]})
    path = c.out / "shards-broken/b.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    sharded("empty", "MALFORMED", "weight_map", {})
    sharded("no-map", "MALFORMED", "looks like JSON", index={"metadata": {}})
    sharded("list", "MALFORMED", "weight_map", index={"weight_map": []})
    sharded("twice", "DUPLICATE", "duplicate object key", index='{"weight_map":{"a":"x","a":"x"}}')
    sharded("depth", "LIMIT", "deeper than 64", index='{"weight_map":' + '{"a":' * 100000)
    many = {f"t{i}": f"{i}.safetensors" for i in range(5000)}
    sharded("many", "LIMIT", "more than 4096 shards", many)


def main(out):
    c = Corpus(out)
    for part in (other_forms, special_files, sizes, texts, entries, shapes, names, heavy, twins, nonfinite, shards):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
