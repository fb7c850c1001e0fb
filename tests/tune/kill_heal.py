#!/usr/bin/env python3
"""albert-convert heal, killed with SIGKILL at random moments and resumed: the file is that of a run that nobody stopped.

    kill_heal.py [--seed N] [--kills 20] [--seconds 1.5] BUILD_DIR [-- OPTION ...]

The options are given to every run. First an undisturbed run is made, of about --seconds; then runs are killed after a random part of its
time and resumed, until there were --kills of them; each run that ends must have written the same bytes. The seed of the moments
is printed. Exit code: 0 all as expected, 1 not.
"""
import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "tests" / "e2e" / "models" / "bert-relu"
TEXTS, PROBE_STEPS, SAVE_STEPS = 40, 200, 7
MOST_STEPS = 20000


class Heal:
    """One training, started again and again in its folder."""

    def __init__(self, build, folder, options):
        self.build, self.folder, self.options, self.steps = build, folder, options, PROBE_STEPS
        words = (MODEL / "vocab.txt").read_text().splitlines()[:TEXTS]
        (folder / "t.txt").write_text("".join(word + "\n" for word in words))

    def start(self, output, *more):
        command = [self.build / "albert-convert", "heal", MODEL, "-o", output, "--text", "t.txt", "--steps", str(self.steps),
                   "--save-steps", str(SAVE_STEPS), "-q", *self.options, *more]
        return subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE)

    def whole(self, output):
        """An undisturbed run; its seconds."""
        started = time.monotonic()
        process = self.start(output)
        errors = process.communicate()[1].decode()
        if process.returncode:
            raise SystemExit(f"heal failed ({process.returncode}): {errors}")
        return time.monotonic() - started


def killed(process, seconds):
    """True when the process was still at work then."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    errors = process.communicate()[1].decode()
    if process.returncode == -signal.SIGKILL:
        return True
    if process.returncode == 0:
        return False
    raise SystemExit(f"heal ended with {process.returncode}: {errors}")


def run(heal, kills, whole_seconds, moments):
    """How many trainings ended, and how many kills found a checkpoint."""
    out, checkpoint = heal.folder / "out.alb", heal.folder / "out.alb.heal"
    expected = (heal.folder / "whole.alb").read_bytes()
    ended = found = 0
    while kills or checkpoint.exists():
        process = heal.start(out.name, "--resume")
        if killed(process, moments.random() * whole_seconds if kills else None):
            kills -= 1
            found += checkpoint.exists()
        elif checkpoint.exists():
            raise SystemExit("a run that ended left its checkpoint")
        if not out.exists():
            continue
        ended += 1
        if out.read_bytes() != expected:
            raise SystemExit("the file differs from that of an undisturbed run")
        out.unlink()
        checkpoint.unlink(missing_ok=True)  # the kill came between the two
    return ended, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.5, help="of an undisturbed run, about")
    parser.add_argument("options", nargs="*", help="of every run")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        heal = Heal(args.build.resolve(), pathlib.Path(name), args.options)
        heal.steps = min(MOST_STEPS, max(SAVE_STEPS + 1, int(PROBE_STEPS * args.seconds / heal.whole("probe.alb"))))
        seconds = heal.whole("whole.alb")
        ended, found = run(heal, args.kills, seconds, random.Random(args.seed))
    print(f"{args.kills} kills of trainings of {heal.steps} steps, {found} of them with a checkpoint; {ended} trainings ended, each "
          "with the same bytes")
    if not found:
        raise SystemExit("no kill came after a checkpoint: this showed nothing")


if __name__ == "__main__":
    sys.exit(main())
