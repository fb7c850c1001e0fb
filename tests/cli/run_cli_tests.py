#!/usr/bin/env python3
"""Runs the command lines of tests/cli/*.cases and checks exit code, output and files.

    run_cli_tests.py BUILD_DIR [FILE.cases ...] [--only TEXT] [--verbose]

A case is a block of lines; blocks are separated by blank lines; # starts a comment line. Each case runs in an empty
folder of its own, with the programs on PATH, $EXAMPLE (examples/albert-reactions), $TINY (tests/e2e/models), $TWINS
(tests/e2e/twins), $ONNX (tests/onnx/exports) and $ROOT set, and standard input empty.

    case: what is shown              the name
    setup: COMMAND                   shell, before; has to succeed; may be repeated
    run: COMMAND                     shell; the exit code and outputs that the lines below are about
    exit: N                          default 0; [35] means 3 or 5
    stdout: TEXT | stderr: TEXT      the text is in the output; may be repeated
    stdout~ REGEX | stderr~ REGEX    so is a match of the expression (lines by themselves: ^ and $ work)
    stdout! REGEX | stderr! REGEX    no match of it is
    stdout empty | stderr empty      nothing came
    stderr line                      one line came, in the form "albert-...: ..."
    json: EXPRESSION                 stdout is JSON, d; the Python expression holds
    lines: EXPRESSION                stdout is JSON lines, the list d; the Python expression holds
    exists: PATH | missing: PATH     a path in the folder after the run
    needs: COMMAND                   shell; the case is skipped, by name, unless it succeeds
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ERROR_LINE = re.compile(r"\Aalbert-(convert|run): [^\n]+\n\Z")
MOST_SECONDS = 300  # of a command, in the slowest build on a busy machine


def parse(path):
    """The cases of a file: dictionaries of lists, in order, keyed by what stands before the text."""
    cases, case = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            case = None
            continue
        match = re.match(r"(case|setup|run|exit|json|lines|exists|missing|needs|stdout|stderr)([:~! ])\s*(.*)", line)
        if not match:
            raise SystemExit(f"{path}:{number}: not understood: {line}")
        if case is None:
            case = {"where": f"{path.name}:{number}", "lines": []}
            cases.append(case)
        case["lines"].append(match.groups())
    return cases


def shell(command, folder, environment):
    """What came of a command; exit code 124 where it was stopped."""
    bash = ["bash", "-c", command]
    try:
        return subprocess.run(bash, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(bash, 124, b"", f"still running after {MOST_SECONDS} s".encode())


def texts_of(case, key):
    return [text for k, _, text in case["lines"] if k == key]


def check_stream(name, kind, text, output):
    """What is wrong with an output, or None."""
    if kind == ":":
        return None if text in output else f"{name} does not hold: {text}"
    if kind == "~":
        return None if re.search(text, output, re.MULTILINE) else f"{name} does not match: {text}"
    if kind == "!":
        return f"{name} matches: {text}" if re.search(text, output, re.MULTILINE) else None
    if text == "empty":
        return f"{name} is not empty" if output else None
    if text == "line":
        return None if ERROR_LINE.match(output) else f"{name} is not one line of the form \"program: ...\""
    return f"not understood: {name} {text}"


def check_json(key, expression, output):
    try:
        d = json.loads(output) if key == "json" else [json.loads(line) for line in output.splitlines()]
        return None if eval(expression, {"d": d}) else f"{key}: does not hold: {expression}"
    except (ValueError, LookupError, TypeError) as error:
        return f"{key}: {type(error).__name__}: {error}: {expression}"


def check_line(key, kind, text, done, folder):
    if key == "exit":
        return None if re.fullmatch(text, str(done.returncode)) else f"exit code {done.returncode}, expected {text}"
    if key in ("stdout", "stderr"):
        return check_stream(key, kind, text, getattr(done, key).decode(errors="replace"))
    if key in ("json", "lines"):
        return check_json(key, text, done.stdout.decode(errors="replace"))
    if key in ("exists", "missing"):
        there = bool(list(folder.glob(text)))
        return None if there == (key == "exists") else f"{text}: {'not there' if key == 'exists' else 'is there'}"
    return None


def run_case(case, environment):
    """("ok" | "skipped" | "FAILED", details)."""
    with tempfile.TemporaryDirectory(prefix="alb cli ") as name:
        folder = pathlib.Path(name)
        for command in texts_of(case, "needs"):
            if shell(command, folder, environment).returncode != 0:
                return "skipped", [f"needs: {command}"]
        for command in texts_of(case, "setup"):
            done = shell(command, folder, environment)
            if done.returncode != 0:
                return "FAILED", [f"setup: {command}: exit {done.returncode}: {done.stderr.decode(errors='replace')}"]
        done = shell("\n".join(texts_of(case, "run")), folder, environment)
        lines = case["lines"] if texts_of(case, "exit") else [("exit", ":", "0"), *case["lines"]]
        problems = [p for p in (check_line(*line, done, folder) for line in lines) if p]
        if problems:
            problems += [f"{k}: {getattr(done, k).decode(errors='replace')[:2000]}" for k in ("stdout", "stderr")]
        return "FAILED" if problems else "ok", problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="*")
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    parser.add_argument("--verbose", action="store_true", help="name the cases that are ok, too")
    options = parser.parse_args()
    environment = dict(os.environ, PATH=f"{options.build.resolve()}:{os.environ['PATH']}", ROOT=str(ROOT), LC_ALL="C.UTF-8",
                       EXAMPLE=str(ROOT / "examples" / "albert-reactions"), TINY=str(HERE.parent / "e2e" / "models"),
                       TWINS=str(HERE.parent / "e2e" / "twins"), ONNX=str(HERE.parent / "onnx" / "exports"))
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    for path in options.files or sorted(HERE.glob("*.cases")):
        for case in parse(path):
            name = " ".join(texts_of(case, "case"))
            if options.only not in name:
                continue
            verdict, details = run_case(case, environment)
            counts[verdict] += 1
            if verdict != "ok" or options.verbose:
                print(f"{verdict:8}{case['where']}: {name}")
            for detail in details:
                print(f"        {detail}")
    print(f"{counts['ok']} passed, {counts['FAILED']} failed, {counts['skipped']} skipped")
    return 1 if counts["FAILED"] else 0 if counts["ok"] else 77


if __name__ == "__main__":
    sys.exit(main())
