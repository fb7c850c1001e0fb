"""Pickles and PyTorch archives by hand, for the generators: opcodes as PyTorch writes them, and any others."""

import struct
import zlib
from dataclasses import dataclass, field

from corpus import WIDTHS, elements

STORAGES = {"F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage",
            "I64": "LongStorage", "I32": "IntStorage", "I16": "ShortStorage", "I8": "CharStorage", "U8": "ByteStorage",
            "BOOL": "BoolStorage"}
PROTO, STOP, MARK, NONE, TRUE, FALSE = b"\x80\2", b".", b"(", b"N", b"\x88", b"\x89"
EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT = b")", b"]", b"}"
TUPLE, REDUCE, BUILD, APPEND, APPENDS, SETITEM, SETITEMS, PERSID = b"t", b"R", b"b", b"a", b"e", b"s", b"u", b"Q"


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def glob(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def tup(*items):
    return MARK + b"".join(items) + TUPLE


def mapping(items, empty=EMPTY_DICT):
    return empty + MARK + b"".join(text(k) + v for k, v in items.items()) + SETITEMS


def ordered():
    return glob("collections", "OrderedDict") + EMPTY_TUPLE + REDUCE


def storage(key="0", dtype="F32", count=4, device="cpu", kind="storage", more=b""):
    return tup(text(kind), glob("torch", STORAGES[dtype]), text(key), text(device), number(count), more) + PERSID


def strides(shape):
    out, step = [], 1
    for dim in reversed(shape):
        out.insert(0, step)
        step *= max(dim, 1)
    return out


def tensor(shape, held=None, offset=0, stride=None, function=("torch._utils", "_rebuild_tensor_v2"), more=b""):
    held = storage(count=elements(shape)) if held is None else held
    stride = strides(shape) if stride is None else stride
    rest = FALSE + ordered() if function[1].endswith("v2") else b""
    return (glob(*function) + tup(held, number(offset), tup(*map(number, shape)), tup(*map(number, stride)), rest, more) +
            REDUCE)


def pickled(body):
    return PROTO + body + STOP


# ---- zip ----

@dataclass
class Entry:
    """A zip entry; what is given in `local` and `central` stands there in the place of the truth."""
    name: object
    content: bytes = b""
    method: int = 0
    flags: int = 0x0808
    descriptor: object = 16  # 12, 16, 20, 24: its form; bytes: itself; with flag 8 only
    packed: object = None
    local: dict = field(default_factory=dict)
    central: dict = field(default_factory=dict)
    local_extra: bytes = b""
    central_extra: bytes = b""
    offset: int = 0


def raw_name(name):
    return name if isinstance(name, bytes) else name.encode()


def deflate(content):
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(content) + stream.flush()


def packed_bytes(e):
    if e.packed is not None:
        return e.packed
    return deflate(e.content) if e.method == 8 else e.content


def truth(e):
    return {"method": e.method, "flags": e.flags, "crc": zlib.crc32(e.content), "csize": len(packed_bytes(e)),
            "size": len(e.content), "name": raw_name(e.name)}


def local_header(e):
    v = truth(e)
    if e.flags & 8:
        v |= {"crc": 0, "csize": 0, "size": 0}
    v |= e.local
    return struct.pack("<IHHHHHIIIHH", v.get("signature", 0x04034b50), 0, v["flags"], v["method"], 0, 0, v["crc"], v["csize"],
                       v["size"], len(v["name"]), len(e.local_extra)) + v["name"] + e.local_extra


def descriptor(e):
    if not e.flags & 8 or isinstance(e.descriptor, bytes):
        return e.descriptor if isinstance(e.descriptor, bytes) else b""
    v = truth(e) | e.central
    v["size"], v["csize"] = len(e.content), len(packed_bytes(e))
    sizes = struct.pack("<IQQ" if e.descriptor in (20, 24) else "<III", v["crc"], v["csize"], v["size"])
    return b"PK\7\x08" * (e.descriptor in (16, 24)) + sizes


def central_header(e):
    v = truth(e) | {"offset": e.offset, "disk": 0} | e.central
    return struct.pack("<IHHHHHHIIIHHHHHII", v.get("signature", 0x02014b50), 0, 0, v["flags"], v["method"], 0, 0, v["crc"],
                       v["csize"], v["size"], len(v["name"]), len(e.central_extra), v.get("comment", 0), v["disk"], 0, 0,
                       v["offset"]) + v["name"] + e.central_extra


def end_record(count, size, offset, /, comment=b"", **changes):
    v = {"disk": 0, "start": 0, "here": count, "count": count, "size": size, "offset": offset, "comment": len(comment)}
    v |= changes  # also of what was given by place
    return struct.pack("<IHHHHIIH", 0x06054b50, v["disk"], v["start"], v["here"], v["count"], v["size"], v["offset"],
                       v["comment"]) + comment


def end64(count, size, offset, at, /, **changes):
    """The ZIP64 end record and its locator, at that place of the file."""
    v = {"length": 44, "disk": 0, "here": count, "count": count, "size": size, "offset": offset, "at": at, "disks": 1} | changes
    return (struct.pack("<IQHHIIQQQQ", 0x06064b50, v["length"], 0, 0, v["disk"], 0, v["here"], v["count"], v["size"],
                        v["offset"]) + struct.pack("<IIQI", 0x07064b50, 0, v["at"], v["disks"]))


def body(entries):
    out = b""
    for e in entries:
        e.offset = len(out)
        out += local_header(e) + packed_bytes(e) + descriptor(e)
    return out


def archive(entries, wide=False, **changes):
    data = body(entries)
    directory = b"".join(central_header(e) for e in entries)
    end = (len(entries), len(directory), len(data))
    more = end64(*end, len(data) + len(directory)) if wide else b""
    return data + directory + more + end_record(*end, **changes)


# ---- PyTorch ----

def state(tensors):
    """The pickle's body of a state dict, and the bytes of its storages by key."""
    items, data = {}, {}
    for i, (name, (dtype, shape, content)) in enumerate(tensors.items()):
        data[str(i)] = content
        items[name] = tensor(shape, storage(str(i), dtype, len(content) // WIDTHS[dtype]))
    return mapping(items, ordered()), data


def entries(pickle, data, root="archive", **keys):
    """The entries that torch.save writes."""
    out = [Entry(f"{root}/data.pkl", pickle, **keys), Entry(f"{root}/byteorder", b"little", **keys)]
    out += [Entry(f"{root}/data/{key}", content, **keys) for key, content in data.items()]
    return out + [Entry(f"{root}/version", b"3\n", **keys)]


LEGACY_HEAD = (b"\x80\2\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\2M\xe9\3.")


def machine(little=TRUE):
    return pickled(mapping({"protocol_version": number(1001), "little_endian": little, "type_sizes": EMPTY_DICT}))


def legacy(pickle, data, sizes, keys=None, head=LEGACY_HEAD, about=None):
    """A file as before version 1.6: keys and numbers of elements as given."""
    keys = list(data) if keys is None else keys
    listed = pickled(EMPTY_LIST + MARK + b"".join(map(text, keys)) + APPENDS)
    return (head + (machine() if about is None else about) + pickle + listed +
            b"".join(struct.pack("<Q", sizes[k]) + data[k] for k in keys if k in data))
