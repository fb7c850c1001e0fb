#!/usr/bin/env python3
"""Faults while a file is written: killed at every system call, and every call failing once and for
good. The target is the old file or the new one, whole; nothing else stays; errors are reported.

faults.py WRITER...    each WRITER PATH writes the same file over PATH. Needs strace; exit 77 without.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ERRORS = (("openat", "EACCES"), ("openat", "EMFILE"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("pwrite64", "EDQUOT"),
          ("pwrite64", "EINTR"), ("fsync", "EIO"), ("fsync", "ENOSPC"), ("linkat", "EIO"), ("linkat", "EPERM"),
          ("rename", "EROFS"), ("renameat2", "EROFS"), ("renameat2", "EINVAL"), ("mmap", "ENOMEM"),
          ("flock", "ENOLCK"), ("fchmod", "EPERM"), ("close", "EIO"), ("newfstatat", "EACCES"))
OLD = b"the old file"


class Bench:
    def __init__(self, writer):
        self.writer, self.folder = writer, tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "model.alb")
        self.runs = 0
        self.new = self.fresh(False)

    def fresh(self, old):
        """The state before a run: nothing, or the old file. Returns what a run without faults writes."""
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        if old:
            with open(self.path, "wb") as stream:
                stream.write(OLD)
            return OLD
        subprocess.run([self.writer, self.path], check=True)
        content = self.content()
        os.unlink(self.path)
        return content

    def content(self):
        try:
            with open(self.path, "rb") as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def leftovers(self):
        return [name for name in os.listdir(self.folder) if name != "model.alb"]

    def run(self, *options):
        self.runs += 1
        result = subprocess.run(["strace", "-f", "-o", os.devnull, *options, self.writer, self.path],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return result.returncode, result.stderr.decode(errors="replace")

    def trace(self):
        log = os.path.join(self.folder, "..", os.path.basename(self.folder) + ".trace")
        subprocess.run(["strace", "-f", "-o", log, self.writer, self.path], check=True)
        with open(log, errors="replace") as stream:
            lines = stream.readlines()
        os.unlink(log)
        return [re.sub(r"^\d+ +", "", line) for line in lines]


def expect(condition, *message):
    if not condition:
        raise SystemExit("faults.py: " + " ".join(map(str, message)))


def reset(bench, old):
    if old:
        bench.fresh(True)
    else:
        for name in os.listdir(bench.folder):
            os.unlink(os.path.join(bench.folder, name))


def kills(bench, old):
    reset(bench, old)
    calls = len(bench.trace())
    before, seen = OLD if old else None, set()
    for k in range(1, calls + 1):
        reset(bench, old)
        bench.run("-e", "inject=all:signal=SIGKILL:when=%d" % k)
        seen.add(bench.content())
        expect(bench.content() in (before, bench.new), bench.writer, "killed at call", k, "left a third file")
        expect(len(bench.leftovers()) <= 1, bench.writer, "killed at call", k, "left", bench.leftovers())
        if bench.leftovers():
            subprocess.run([bench.writer, bench.path], check=True)
            expect(not bench.leftovers(), bench.writer, "did not remove", bench.leftovers())
    expect(seen == {before, bench.new}, bench.writer, "was not killed on both sides of the change")


def failures(bench, old):
    before = OLD if old else None
    for call, error in ERRORS:
        reset(bench, old)
        count = sum(line.startswith(call + "(") for line in bench.trace())
        for k in range(1, count + 1):
            for when in ("%d",) if error == "EINTR" else ("%d", "%d+"):
                reset(bench, old)
                code, text = bench.run("-e", "inject=%s:error=%s:when=%s" % (call, error, when % k))
                where = "%s, %s %s at %s:" % (bench.writer, call, error, when % k)
                expect(bench.content() in (before, bench.new), where, "left a third file")
                expect(not bench.leftovers(), where, "left", bench.leftovers())
                expect(code != 0 or bench.content() == bench.new, where, "reports success without a file")
                expect(code in (0, 5, 6, 127) or code < 0, where, "exit code", code, text)
                expect(code not in (5, 6) or text.count("\n") == 1, where, "message:", text)


def order(bench):
    """fsync of the file, then its name, then fsync of the folder."""
    reset(bench, True)
    steps = [re.match(r"(fsync|linkat|rename|renameat2|pwrite64)\((\d*)", line) for line in bench.trace()]
    steps = [(m.group(1), m.group(2)) for m in steps if m]
    names = [i for i, (call, _) in enumerate(steps) if call in ("linkat", "rename", "renameat2")]
    fsyncs = [i for i, (call, _) in enumerate(steps) if call == "fsync"]
    writes = [i for i, (call, _) in enumerate(steps) if call == "pwrite64"]
    expect(len(fsyncs) == 2 and max(writes) < fsyncs[0] < min(names) <= max(names) < fsyncs[1], "order:", steps)
    expect(steps[fsyncs[0]][1] == steps[writes[0]][1] != steps[fsyncs[1]][1], "files of fsync:", steps)


def main(writers):
    if not shutil.which("strace") or subprocess.run(["strace", "-o", os.devnull, "true"], stderr=subprocess.DEVNULL).returncode:
        print("strace is not there or may not trace")
        return 77
    for writer in writers:
        bench = Bench(writer)
        for old in (False, True):
            kills(bench, old)
            failures(bench, old)
        order(bench)
        print("%s: %d runs, every one left the old file or the new one" % (os.path.basename(writer), bench.runs))
        shutil.rmtree(bench.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
