#!/usr/bin/env python3
"""size_budget.py STRIP LIMIT FILE [LIMIT FILE ...]: the stripped size of each file, in bytes, stays within its limit.

Prints what takes how much of it, by archive and by object, from the linker's map FILE.map."""
import collections
import os
import re
import subprocess
import sys
import tempfile

ARCHIVES, OBJECTS = 12, 16  # lines of each table
# An input section that takes bytes of the file: " .text.name  0xaddress  0xsize  file", the name often on a line by itself.
SECTION = re.compile(r"^ \.(text|rodata|data|tdata|eh_frame|gcc_except_table|init_array|lrodata)\S*\s+"
                     r"0x([0-9a-f]+)\s+0x([0-9a-f]+) (.*)$", re.M)


def stripped_size(strip, file):
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run([strip, "-o", copy.name, file], check=True)
        return os.path.getsize(copy.name)


def object_sizes(text):
    """{(archive, object): bytes}; an object that stands outside of archives is in ""."""
    sizes = collections.Counter()
    placed = text[text.index("Linker script and memory map"):]
    for address, size, file in (match.groups()[1:] for match in SECTION.finditer(placed)):
        archive, _, member = file.rpartition("(")
        if int(address, 16):  # what the linker threw away stands at 0
            sizes[os.path.basename(archive), os.path.basename(member.rstrip(")"))] += int(size, 16)
    return sizes


def print_table(title, sizes, most):
    print(f"  {title}")
    for name, size in sizes.most_common(most):
        print(f"  {size:9,d}  {name}")
    rest = sum(sizes.values()) - sum(size for _, size in sizes.most_common(most))
    print(f"  {rest:9,d}  all others")


def print_parts(file):
    with open(file + ".map", encoding="utf-8", errors="replace") as text:
        objects = object_sizes(text.read())
    archives = collections.Counter()
    for (archive, _), size in objects.items():
        archives[archive or "objects"] += size
    if len(archives) > 3:
        print_table("bytes by archive", archives, ARCHIVES)
    print_table("bytes by object", collections.Counter({name: size for (_, name), size in objects.items()}), OBJECTS)


def main(strip, *pairs):
    over = False
    for limit, file in zip(map(int, pairs[::2]), pairs[1::2]):
        size = stripped_size(strip, file)
        print(f"{os.path.basename(file)}: {size:,d} of {limit:,d} bytes stripped: "
              f"{'ok' if size <= limit else 'OVER THE LIMIT'}")
        print_parts(file)
        over |= size > limit
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
