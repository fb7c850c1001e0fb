#!/usr/bin/env python3
"""Two readers, one opinion: mutants of a sound file, checksums repaired, judged by the C reader and
by the one written from docs/format.md. They must accept and refuse the same files.

compare_readers.py JUDGE COUNT FILE...
"""
import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import read_format  # noqa: E402
import xxh3  # noqa: E402

ODD = (0, 1, 2, 3, 63, 64, 127, 128, 255)


def repair(data):
    """Checksums that fit what the prefix says, as far as that is possible."""
    table, count = struct.unpack_from("<QI", data, 24)
    at = table + 24 * count
    if not 128 < table < len(data) or at > len(data):
        return
    for begin in range(128, table, 65536):
        if at + 8 <= len(data):
            struct.pack_into("<Q", data, at, xxh3.xxh64(bytes(data[begin:min(begin + 65536, table)])))
        at += 8
    rest = bytes(data[:48]) + bytes(16) + bytes(data[64:128]) + bytes(data[table:])
    data[48:64] = xxh3.xxh128(rest) if len(rest) > 128 else bytes(16)


def regions(file):
    """Where to change something, and how often: the tables and the manifest most of all."""
    offset, size = file.sections[3]
    keep = list(range(offset, offset + size))
    ranges = [list(range(8, 48)) + list(range(64, 128)), list(range(file.table, file.table + 24 * file.sections_n)),
              list(range(file.sections[2][0], sum(file.sections[2])))]
    if 4 in file.sections:
        ranges.append(list(range(file.sections[4][0], sum(file.sections[4]))))
    ranges.append(list(range(128, file.sections[3][0])))
    return ranges + [keep] * 8


def mutant(file, places, chance):
    data = bytearray(file.data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.choice(chance.choice(places))
        old = data[at]
        data[at] = chance.choice((old ^ 1 << chance.randrange(8), old + 1 & 255, old - 1 & 255, chance.choice(ODD)))
    repair(data)
    return bytes(data)


def verdict(data):
    try:
        read_format.File(data)
        return "OK"
    except read_format.Malformed as error:
        return str(error)


def main(judge_path, count, paths):
    chance = random.Random(7)
    judge = subprocess.Popen([judge_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    accepted = differing = 0
    for path in paths:
        with open(path, "rb") as stream:
            file = read_format.File(stream.read())
        places = regions(file)
        for _ in range(count):
            data = mutant(file, places, chance)
            judge.stdin.write(struct.pack("<I", len(data)) + data)
            judge.stdin.flush()
            ours, theirs = judge.stdout.readline().decode().strip(), verdict(data)
            accepted += theirs == "OK"
            if ours.startswith("OK ") != (theirs == "OK"):
                differing += 1
                changed = [i for i in range(len(data)) if data[i] != file.data[i] and not 48 <= i < 64][:4]
                print("%s: bytes %s: C says %s, the second reader %s" % (path, changed, ours, theirs))
    judge.stdin.close()
    print("%d mutants, %d accepted, %d verdicts differ" % (count * len(paths), accepted, differing))
    return 0 if judge.wait() == 0 and not differing and accepted else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
