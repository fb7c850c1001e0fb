#!/usr/bin/env python3
"""run_hostile.py PROBE OUT [--slow]: makes the hostile corpus in OUT and checks what PROBE says to each file: the status,
the message, one clean line, no crash, and bounds on time and memory (wider with --slow, for sanitizers)."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import gen_config
import gen_gguf
import gen_onnx_import
import gen_safetensors
import gen_torch
import gen_zip
import gen_tf
import gen_spiece

SECONDS, MEGABYTES = 1.0, 160


def probe(program, path):
    """Exit code, output, seconds of processor time (other work on the machine does not count) and megabytes."""
    child = subprocess.Popen([program, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    hang = threading.Timer(120, child.kill)
    hang.start()
    output = child.stdout.read().decode(errors="backslashreplace")
    _, status, usage = os.wait4(child.pid, 0)
    hang.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def complaints(result, status, message, slow):
    code, output, seconds, megabytes = result
    if not 0 <= code <= 6:
        yield f"ended with {code}"
    line = output.removesuffix("\n")
    if not line.replace("\t", "", 1).isprintable():
        yield "more than one clean line"
    found, _, text = line.partition("\t")
    if found != status:
        yield f"expected {status}"
    if message not in text:
        yield f"expected the message to hold {message!r}"
    if seconds > (20 * SECONDS if slow else SECONDS):
        yield f"took {seconds:.1f} s"
    if not slow and megabytes > MEGABYTES:
        yield f"needed {megabytes:.0f} MB"


def run_corpus(program, out, generate, slow):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    generate(out)
    failed = 0
    cases = [line.split("\t") for line in (out / "expect.tsv").read_text().splitlines()]
    for path, status, message in cases:
        result = probe(program, out / path)
        bad = list(complaints(result, status, message, slow))
        if bad:
            failed += 1
            print(f"{path}: {'; '.join(bad)}\n    {result[1][:300]!r}")
    return len(cases), failed


def main(program, out, slow):
    cases = failed = 0
    for generator in (gen_safetensors, gen_config, gen_zip, gen_torch, gen_tf, gen_gguf, gen_spiece, gen_onnx_import):
        count, bad = run_corpus(program, Path(out) / generator.__name__, generator.main, slow)
        cases, failed = cases + count, failed + bad
    shutil.rmtree(out, ignore_errors=True)
    print(f"{cases} files, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], "--slow" in sys.argv))
