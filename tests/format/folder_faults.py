#!/usr/bin/env python3
"""Faults while albert-convert writes a folder or a GGUF file: killed at every call that changes files, and every such call
failing. The target is what it was, or the new output, whole; errors are reported and leave nothing beside it.

folder_faults.py ALBERT_CONVERT SOURCE    Needs strace; exit 77 without.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CALLS = ("openat", "mkdir", "mkdirat", "pwrite64", "fsync", "linkat", "rename", "renameat2", "flock", "unlinkat", "rmdir", "unlink")
ERRORS = {"openat": "EMFILE", "mkdir": "EACCES", "mkdirat": "ENOSPC", "pwrite64": "ENOSPC", "fsync": "EIO", "linkat": "EIO",
          "rename": "EROFS", "renameat2": "EROFS", "flock": "ENOLCK"}


class Bench:
    def __init__(self, program, source, name, options=()):
        self.command = [program, "-q", "-f", source, *options, "-o"]
        self.folder, self.name, self.runs = pathlib.Path(tempfile.mkdtemp()), name, 0
        self.old, self.new = self.made([]), self.made(["--dtype", "f16"])

    def target(self):
        return self.folder / self.name.rstrip("/")

    def state(self):
        """What stands at the target: None, the bytes of a file, or those of a folder's files by name."""
        target = self.target()
        if target.is_dir():
            return {str(p.relative_to(target)): p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()}
        return target.read_bytes() if target.exists() else None

    def made(self, options):
        self.clear()
        subprocess.run([*self.command, str(self.folder / self.name), *options], check=True)
        return self.state()

    def clear(self):
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def reset(self, old):
        self.clear()
        if old:
            subprocess.run([*self.command, str(self.folder / self.name)], check=True)

    def run(self, *options):
        """A run that writes the new output; its exit code and message."""
        self.runs += 1
        done = subprocess.run(["strace", "-f", *options, *self.command, str(self.folder / self.name), "--dtype", "f16"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stderr.decode(errors="replace")

    def counts(self):
        with tempfile.NamedTemporaryFile() as log:
            self.run("-o", log.name, "-e", "trace=" + ",".join(f"?{call}" for call in CALLS))
            text = pathlib.Path(log.name).read_text(errors="replace")
        return {call: len(re.findall(rf"^\d+ +{call}\(", text, re.MULTILINE)) for call in CALLS}

    def leftovers(self):
        return [p.name for p in self.folder.iterdir() if p != self.target()]


def expect(condition, *message):
    if not condition:
        raise SystemExit("folder_faults.py: " + " ".join(map(str, message)))


def inject(call, what, when):
    return "-o", os.devnull, "-e", f"inject={call}:{what}:when={when}"


def kills(bench, old):
    bench.reset(old)
    before, seen = bench.old if old else None, []
    for call, count in bench.counts().items():
        for k in range(1, count + 1):
            bench.reset(old)
            bench.run(*inject(call, "signal=SIGKILL", k))
            where = f"{bench.name} killed at {call} {k}"
            seen.append(bench.state())
            expect(bench.state() in (before, bench.new), where, "left something else")
            expect(len(bench.leftovers()) <= 1, where, "left", bench.leftovers())
            if bench.leftovers():
                subprocess.run([*bench.command, str(bench.folder / bench.name)], check=True)
                expect(not bench.leftovers(), where, "what it left was not removed:", bench.leftovers())
    expect(before in seen, bench.name, "was never killed before the change")


def failures(bench, old):
    bench.reset(old)
    before = bench.old if old else None
    for call, count in bench.counts().items():
        for k in range(1, count + 1 if call in ERRORS else 1):
            bench.reset(old)
            code, text = bench.run(*inject(call, f"error={ERRORS[call]}", k))
            where = f"{bench.name}, {call} {ERRORS[call]} at {k}:"
            expect(bench.state() in (before, bench.new), where, "left something else")
            expect(not bench.leftovers(), where, "left", bench.leftovers())
            expect(code != 0 or bench.state() == bench.new, where, "reports success without the output")
            expect(code in (0, 2, 5, 6) and (code == 0 or text.count("\n") == 1), where, "exit code", code, text)


def main(program, source):
    if not shutil.which("strace") or subprocess.run(["strace", "-o", os.devnull, "true"], stderr=subprocess.DEVNULL,
                                                     check=False).returncode:
        print("strace is not there or may not trace")
        return 77
    for name in ("out/", "out.gguf"):
        bench = Bench(program, source, name)
        for old in (False, True):
            kills(bench, old)
            failures(bench, old)
        print(f"{name}: {bench.runs} runs, every one left what was there or the new output")
        shutil.rmtree(bench.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
