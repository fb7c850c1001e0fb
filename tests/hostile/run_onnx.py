#!/usr/bin/env python3
"""run_onnx.py PROBE OUT [--slow]: the hostile corpus of ONNX files, checked as run_hostile.py checks the others."""

import shutil
import sys
from pathlib import Path

import gen_onnx
from run_hostile import run_corpus

if __name__ == "__main__":
    cases, failed = run_corpus(sys.argv[1], Path(sys.argv[2]), gen_onnx.main, "--slow" in sys.argv)
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    print(f"{cases} files, {failed} failed")
    sys.exit(failed > 0)
