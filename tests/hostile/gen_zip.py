#!/usr/bin/env python3
"""gen_zip.py OUT: PyTorch archives whose zip container is bad, one per rule, and odd but valid twins; OUT/expect.tsv says
what each must give."""

import copy
import struct
import sys

import pickles as p
from corpus import CONFIG, Corpus, model
from pickles import Entry, archive

BODY, DATA = p.state(model())
PICKLE = p.pickled(BODY)


def one(c, name, status, message, content):
    c.add(name, status, message, {"pytorch_model.bin": content, "config.json": CONFIG})


def good(**keys):
    return p.entries(PICKLE, DATA, **keys)


def at(index, entries=None, **changes):
    """The good entries with changes of one of them."""
    entries = good() if entries is None else entries
    for key, value in changes.items():
        setattr(entries[index], key, value)
    return entries


def parts(entries=None):
    entries = good() if entries is None else entries
    data = p.body(entries)
    directory = b"".join(map(p.central_header, entries))
    return data, directory, (len(entries), len(directory), len(data))


def twins(c):
    def twin(name, content):
        one(c, f"twin-{name}", "OK", "", content)
    twin("plain", archive(good()))
    twin("wide", archive(good(), wide=True))
    twin("deflated", archive(good(method=8)))
    twin("plain-flags", archive(good(flags=0)))
    twin("deflated-plain", archive(good(flags=0, method=8)))
    for form in (12, 16, 20, 24):
        twin(f"descriptor-{form}", archive(good(descriptor=form)))
        twin(f"descriptor-deflated-{form}", archive(good(descriptor=form, method=8)))
    twin("padded", archive(good(local_extra=b"FB" + struct.pack("<H", 50) + b"Z" * 50)))
    twin("comment", archive(good(), comment=b"c" * 65535))
    twin("folders", archive([Entry("archive/"), Entry("archive/data/")] + good()))
    twin("others", archive(good() + [Entry("archive/.data/serialization_id", b"1234"), Entry("archive/.format_version", b"1")]))
    twin("root", archive(p.entries(PICKLE, DATA, root="epoch 27 \u00e9.x")))
    entries = good()
    for e in entries:  # sizes and place in ZIP64 fields, as in files above 4 GB
        n = len(e.content)
        e.central = {"size": 0xFFFFFFFF, "csize": 0xFFFFFFFF}
        e.central_extra = struct.pack("<HHQQ", 1, 16, n, n)
    twin("wide-sizes", archive(entries, wide=True))
    entries = good()
    p.body(entries)
    for e in entries:  # a partial field: the place alone
        e.central = {"offset": 0xFFFFFFFF}
        e.central_extra = b"zz\2\0ab" + struct.pack("<HHQ", 1, 8, e.offset)
        e.descriptor = 24
    p.body(entries)
    for e in entries:
        e.central_extra = b"zz\2\0ab" + struct.pack("<HHQ", 1, 8, e.offset)
    twin("wide-places", archive(entries, wide=True))
    entries = good(flags=0)
    for e in entries:
        e.local = {"size": 0xFFFFFFFF, "csize": 0xFFFFFFFF}
        e.local_extra = struct.pack("<HHQQ", 1, 16, len(e.content), len(e.content))
    twin("wide-local", archive(entries))
    data, directory, end = parts()
    begin = len(data) + len(directory)
    twin("wide-end", data + directory + p.end64(*end, begin) +
         p.end_record(*end, here=0xFFFF, count=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF))
    shuffled = copy.deepcopy(good())
    p.body(shuffled)
    twin("order", p.body(shuffled) + b"".join(p.central_header(e) for e in reversed(shuffled)) +
         p.end_record(len(shuffled), len(directory), len(data)))


def ends(c):
    data, directory, end = parts()
    whole, begin = data + directory, len(data) + len(directory)
    full = archive(good())
    for cut in (1, 4, 21, 22, 23, 100, len(full) - 31):
        one(c, f"end-cut-{cut}", "TRUNCATED", "no end record", full[:-cut])
    one(c, "end-comment-long", "TRUNCATED", "no end record", whole + p.end_record(*end, comment=b"abc")[:-1])
    inner = p.end_record(0, 0, 0)
    one(c, "end-in-comment", "MALFORMED", "not where the end record says", archive(good(), comment=b"x" * 10 + inner))
    one(c, "end-two", "MALFORMED", "not where the end record says", full + full[-22:])
    one(c, "end-behind", "MALFORMED", "zip: 100 bytes follow the archive", full + b"j" * 100)
    one(c, "end-far-behind", "TRUNCATED", "no end record", full + b"j" * 70000)
    one(c, "end-before", "MALFORMED", "100 bytes off", b"PK\3\4" + b"j" * 96 + full)
    moved = p.end_record(len(DATA) + 3, len(directory), len(data) + 100)
    one(c, "end-before-moved", "MALFORMED", "its header lies over the central directory", b"PK\3\4" + b"j" * 96 + whole + moved)
    one(c, "end-empty", "MALFORMED", "empty", b"PK\3\4" + bytes(26) + p.end_record(0, 0, 30))
    for key in ("disk", "start"):
        one(c, f"end-{key}", "UNSUPPORTED", "several files", whole + p.end_record(*end, **{key: 1}))
    one(c, "end-here", "UNSUPPORTED", "several files", whole + p.end_record(*end, here=1))
    for key, value in (("count", 0xFFFF), ("size", 0xFFFFFFFF), ("offset", 0xFFFFFFFF)):
        changes = {key: value} | ({"here": value} if key == "count" else {})
        one(c, f"end-wide-{key}", "MALFORMED", "ZIP64 end record: is missing", whole + p.end_record(*end, **changes))
    for name, changes in (("size", {"size": begin + 1}), ("offset", {"offset": begin + 1}), ("huge", {"size": 0xFFFFFFFE})):
        one(c, f"end-{name}", "MALFORMED", "beyond its end record", whole + p.end_record(*end, **changes))
    one(c, "end-size-less", "MALFORMED", "not where", whole + p.end_record(*end, size=10))
    n = len(DATA) + 3
    for name, changes, message in (
            ("more", {"here": n + 1, "count": n + 1}, f"entry {n} of the central directory is not there"),
            ("less", {"here": n - 1, "count": n - 1}, "follow the last entry")):
        one(c, f"end-count-{name}", "MALFORMED", message, whole + p.end_record(*end, **changes))
    one(c, "end-count-claimed", "TRUNCATED", "65534 entries in a central directory", b"PK\3\4" + bytes(60) +
        p.end_record(65534, 64, 0))
    wide = {"here": 10**7, "count": 10**7}
    one(c, "end64-count", "TRUNCATED", "10000000 entries", whole + p.end64(*end, begin, **wide) +
        p.end_record(*end, here=0xFFFF, count=0xFFFF))
    for i, (status, message, changes) in enumerate((
            ("MALFORMED", "outside the file", {"at": 2**63}), ("MALFORMED", "outside the file", {"at": begin + 30}),
            ("MALFORMED", "is not where", {"at": begin - 1}), ("MALFORMED", "does not end", {"length": 45}),
            ("MALFORMED", "does not end", {"length": 2**64 - 1}), ("UNSUPPORTED", "several files", {"disks": 2}),
            ("UNSUPPORTED", "several files", {"disk": 1}), ("UNSUPPORTED", "several files", {"here": 1}),
            ("MALFORMED", "differs from the end record", {"size": 5}), ("MALFORMED", "differs", {"offset": 5}),
            ("MALFORMED", "differs", {"count": 5, "here": 5}))):
        one(c, f"end64-{i}", status, message, whole + p.end64(*end, begin, **changes) + p.end_record(*end))
    one(c, "end64-overflow", "MALFORMED", "beyond its end record", whole +
        p.end64(*end, begin, size=2**64 - 8, offset=16) + p.end_record(*end, size=0xFFFFFFFF, offset=0xFFFFFFFF))


def names(c):
    for i, name in enumerate(("a//b", "./a", "../a", "a/..", "a/./b", "/etc/passwd", "a\\b", "a\0b", "", "/",
                              b"\xff\xfe", b"\xc3", "a//")):
        one(c, f"name-{i}", "MALFORMED", "is not a plain relative name", archive(good() + [Entry(name)]))
    one(c, "name-twice", "DUPLICATE", '"archive/data/0": stands twice', archive(good() + [Entry("archive/data/0", b"x")]))
    one(c, "name-case", "DUPLICATE", '"archive/DATA/0": stands twice', archive(good() + [Entry("archive/DATA/0", b"x")]))
    one(c, "name-folder", "MALFORMED", "is a folder with content", archive(good() + [Entry("archive/x/", b"x")]))
    one(c, "name-escape", "MALFORMED", "\\x1b[31m", archive(good() + [Entry("\x1b[31m\\")]))


def mismatches(c):
    for where in (0, 5):
        for key, value, message in (("name", b"archive/data.pkX", "another name"), ("name", b"short", "another name"),
                                    ("method", 8, "another method"), ("flags", 0x0800, "other flags"),
                                    ("flags", 0x0809, "other flags"), ("crc", 5, "another checksum"),
                                    ("size", 7, "other sizes"), ("csize", 7, "other sizes"),
                                    ("signature", 0x04034b51, "no header at its offset")):
            if (where, key) == (0, "signature"):
                continue  # the file would be of no known form
            one(c, f"local-{where}-{key}-{value}", "MALFORMED", message, archive(at(where, local={key: value})))
    for key in ("crc", "size", "csize"):
        one(c, f"local-plain-{key}", "MALFORMED", "in its header", archive(at(0, good(flags=0), local={key: 0})))
    wide = struct.pack("<HHQQ", 1, 16, 5, 5)
    one(c, "local-wide-wrong", "MALFORMED", "other sizes",
        archive(at(0, good(flags=0), local={"size": 0xFFFFFFFF, "csize": 0xFFFFFFFF}, local_extra=wide)))
    one(c, "local-wide-none", "MALFORMED", "other sizes", archive(at(0, good(flags=0), local={"size": 0xFFFFFFFF})))
    for key, value, message in (("offset", 2**31, "outside the archive"), ("offset", 7, "no header"),
                                ("offset", 0xFFFFFFFE, "outside the archive"), ("signature", 7, "is not there"),
                                ("comment", 9, "is not there"), ("name", b"x" * 60000, "another name")):
        one(c, f"central-{key}-{value if key != 'name' else 'long'}", "MALFORMED", message, archive(at(3, central={key: value})))
    one(c, "central-last-cut", "TRUNCATED", "is cut", archive(at(-1, central={"comment": 5})))
    one(c, "central-disk", "UNSUPPORTED", "another file", archive(at(3, central={"disk": 1})))
    for key in ("size", "csize", "offset"):
        one(c, f"central-wide-{key}", "MALFORMED", "no ZIP64 field", archive(at(3, central={key: 0xFFFFFFFF})))
        short = struct.pack("<HHI", 1, 4, 5)
        one(c, f"central-wide-short-{key}", "MALFORMED", "no ZIP64 field",
            archive(at(3, central={key: 0xFFFFFFFF}, central_extra=short)))
    cut = struct.pack("<HH", 1, 16) + b"abcd"
    one(c, "central-wide-cut", "MALFORMED", "no ZIP64", archive(at(3, central={"size": 0xFFFFFFFF}, central_extra=cut)))
    huge = struct.pack("<HHQQ", 1, 16, 2**64 - 1, 2**64 - 1)
    one(c, "central-wide-huge", "MALFORMED", "lie over the central",
        archive(at(3, central={"size": 0xFFFFFFFF, "csize": 0xFFFFFFFF}, central_extra=huge)))
    one(c, "central-sizes", "MALFORMED", "two sizes", archive(at(3, central={"size": 5})))
    one(c, "central-beyond", "MALFORMED", "lie over the central", archive(at(3, central={"size": 10**6, "csize": 10**6})))
    one(c, "central-forged", "MALFORMED", "lie over the central",
        archive(at(3, central={"size": 0xFFFFFFFE, "csize": 0xFFFFFFFE})))


def overlaps(c):
    entries = good()
    p.body(entries)
    twice = entries + [Entry("archive/again", entries[-1].content)]
    data, directory, (n, _, begin) = parts(entries)
    twice[-1].central = {"offset": entries[-1].offset}
    directory += p.central_header(twice[-1])
    one(c, "overlap-name", "MALFORMED", "another name in its header",
        data + directory + p.end_record(n + 1, len(directory), begin))
    inside = Entry("archive/in", b"abcd")
    outer = Entry("archive/out", p.local_header(inside) + b"abcd" + p.descriptor(inside) + b"tail")
    entries = good() + [outer]
    data = p.body(entries)
    inside.offset = outer.offset + len(p.local_header(outer))
    directory = b"".join(map(p.central_header, entries + [inside]))
    one(c, "overlap-quoted", "MALFORMED", "overlaps the next entry",
        data + directory + p.end_record(len(entries) + 1, len(directory), len(data)))
    for i, extra in enumerate((b"j", b"j" * 100)):
        entries = at(2, flags=0)
        entries[2].descriptor = b""
        data = b""
        for k, e in enumerate(entries):
            e.offset = len(data)
            data += p.local_header(e) + p.packed_bytes(e) + p.descriptor(e) + extra * (k == 2)
        directory = b"".join(map(p.central_header, entries))
        one(c, f"gap-{i}", "MALFORMED", f"{len(extra)} bytes behind it belong to no entry",
            data + directory + p.end_record(len(entries), len(directory), len(data)))
    first = good()[0]
    junk = b"PK\3\4" + b"j" * 40
    entries = good()
    data = junk
    for e in entries:
        e.offset = len(data)
        data += p.local_header(e) + p.packed_bytes(e) + p.descriptor(e)
    directory = b"".join(map(p.central_header, entries))
    one(c, "gap-before", "MALFORMED", "44 bytes stand before the first entry",
        data + directory + p.end_record(len(entries), len(directory), len(data)))
    kernel = p.local_header(first) + first.content
    many = b"".join(p.central_header(Entry(f"archive/{i:05}", first.content)) for i in range(20000))
    one(c, "overlap-kernel", "MALFORMED", "another name", kernel + many + p.end_record(20000, len(many), len(kernel)))
    same = Entry("x", b"abcd", flags=0)
    kernel = p.local_header(same) + b"abcd"
    twice = p.central_header(same) * 2
    one(c, "overlap-full", "DUPLICATE", "stands twice", kernel + twice + p.end_record(2, len(twice), len(kernel)))


def descriptors(c):
    e = good()[3]
    crc, n = struct.pack("<I", p.truth(e)["crc"]), struct.pack("<I", len(e.content))
    for i, wrong in enumerate((b"", b"PK\7\x08" + crc + n, b"PK\7\x08" + crc + n + b"\1\0\0\0", b"PK\7\x08" + b"abcd" + n + n,
                               b"PK\7\x09" + crc + n + n, crc + n + n + b"j", b"PK\7\x08" + crc + n + n + b"jjjj",
                               crc + n + b"\0\0\0\1" + n + b"\0\0\0\0")):
        one(c, f"descriptor-{i}", "MALFORMED", '"archive/data/1": its data descriptor is wrong', archive(at(3, descriptor=wrong)))


def methods(c):
    for method, name in ((1, "shrink"), (9, "deflate64"), (12, "bzip2"), (14, "lzma"), (93, "zstd"), (99, "AES"), (7, "unknown")):
        one(c, f"method-{method}", "UNSUPPORTED", f"method {method} ({name})", archive(at(0, method=method)))
    one(c, "encrypted", "UNSUPPORTED", "is encrypted", archive(at(0, flags=0x0809)))
    one(c, "encrypted-aes", "UNSUPPORTED", "is encrypted", archive(at(0, flags=0x0809, method=99)))
    for flags in (0x0828, 0x0848, 0x2808):
        one(c, f"flags-{flags:x}", "UNSUPPORTED", f"flags 0x{flags:04x}", archive(at(0, flags=flags)))


def inflating(c):
    content = good()[0].content
    packed = p.deflate(content)

    def bad(name, status, message, packed, size=None):
        entries = at(0, method=8, packed=packed)
        if size is not None:
            entries[0].central = {"size": size}
            form = struct.pack("<IIII", 0x08074b50, p.truth(entries[0])["crc"], len(packed), size)
            entries[0].descriptor = form
        one(c, f"inflate-{name}", status, message, archive(entries))
    damaged = "deflated data are damaged"
    bad("short", "MALFORMED", damaged, packed, len(content) - 1)
    bad("long", "MALFORMED", damaged, packed, len(content) + 1)
    bad("cut", "MALFORMED", damaged, packed[:-1])
    bad("behind", "MALFORMED", damaged, packed + b"\0")
    bad("empty", "MALFORMED", damaged, b"", 1)
    bad("no-end", "MALFORMED", damaged, packed[:len(packed) // 2])
    for name, raw in (("block-3", b"\7"), ("code-286", b"\x1b\x07\x00"), ("distance", b"\x63\x02\x00"), ("length", b"\1\5\0\0\0abcde"),
                      ("oversubscribed", bytes.fromhex("0500ffffffff")), ("incomplete", bytes.fromhex("05c0810000000090"))):
        bad(name, "MALFORMED", damaged, raw + bytes(100))
    bad("ratio", "LIMIT", "cannot give", packed, 1032 * len(packed) + 65)
    bad("ratio-wide", "LIMIT", "cannot give", packed, 0xFFFFFFFE)
    zeros = p.deflate(bytes(3_000_000))
    entries = at(2, good(method=8), content=bytes(3_000_000), packed=zeros)
    one(c, "inflate-size", "MALFORMED", "storage 0: 96 elements of f32 need 384 bytes, found 3000000", archive(entries))


def checksums(c):
    for index, name in ((0, "data.pkl"), (2, "data/0"), (9, "data/7")):
        for method in (0, 8):
            entries = good(method=method)
            entries[index].central = {"crc": 12345}
            one(c, f"crc-{index}-{method}", "CHECKSUM", f'"archive/{name}": checksum is', archive(entries))
    entries = good()
    content = bytearray(entries[2].content)
    content[5] ^= 1
    entries[2].packed = bytes(content)
    one(c, "crc-content", "CHECKSUM", '"archive/data/0"', archive(entries))
    entries = at(-1, central={"crc": 5})  # nobody reads it
    one(c, "twin-crc-unread", "OK", "", archive(entries))


def heavy(c):
    """Large and slow if anything is worse than linear."""
    count = 60_000
    one(c, "heavy-entries", "OK", "", archive(good() + [Entry(f"archive/extra/{i}", b"") for i in range(count)]))
    same = [Entry(f"a/{i}", b"x", flags=0) for i in range(count)]
    one(c, "heavy-none", "UNSUPPORTED", "without NAME/data.pkl", archive(same))


def main(out):
    c = Corpus(out)
    for part in (twins, ends, names, mismatches, overlaps, descriptors, methods, inflating, checksums, heavy):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
