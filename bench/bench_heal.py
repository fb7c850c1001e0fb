#!/usr/bin/env python3
"""Times `albert-convert heal` beside the same training in PyTorch, in turns, and writes a table.

    bench_heal.py BUILD_DIR MODEL [--text FILE] [--share all] [--threads 1 2] [--steps 20] [--rounds 3] [--seed 1]
                  [--venv DIR | --python PYTHON] [--work DIR] [--results DIR] [--name NAME]

MODEL is a Hugging Face folder (a BERT with mean pooling and a tokenizer), or `bert-base`: that shape with random weights, made on
the spot. FILE has a text a line; without, the texts of bench_peers.py are taken. PyTorch (heal_torch.py) is installed from PyPI
at the versions of peer_engines.py into a virtual environment of its own, or PYTHON is taken as it is, which has torch and
transformers. Both sides fold MODEL in the same way and train the fold on the same batches by the same rule; in a round each has
its turn of `--steps` steps while the other waits. Tokens are those of texts: padding, which only PyTorch has, does not count.
The loss on texts held out, before and after, shows that both compute the same. Results are added to NAME-heal.json, where a newer
one of the same model, texts, mode and threads takes the place of the older one.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import bench_peers
import peer_inputs
from bench_peers import HERE, say
from peer_engines import COMMON, TORCH

ENGINES = ("albert", "torch")
RATE = 2e-3
MEASURE = 50  # steps after which ours measures, which costs time that PyTorch does not spend here


# ---- what is trained ----

def make_texts(args, work):
    if args.text:
        return args.text.resolve()
    path = work / "texts.txt"
    path.write_text("".join(text + "\n" for _, text in peer_inputs.stored_texts()))
    return path


def make_fold(args, source, work):
    """The fold that ours starts from, as transformers loads it."""
    folder = work / f"fold-{args.share}"
    subprocess.run([args.build / "albert-convert", source, "-o", f"{folder}/", "--share", args.share, "--dtype", "f32", "--force",
                    "-q"], check=True, stderr=subprocess.DEVNULL)
    return folder


def python_of(args):
    if args.python:
        return args.python
    python, errors = bench_peers.install(args.venv, [e for e in bench_peers.ENGINES if e.name == "torch-f32"])
    if errors:
        sys.exit(f"bench_heal.py: {COMMON + TORCH}: {errors['torch-f32']}")
    return python


# ---- the two sides ----

class Torch:
    """heal_torch.py, which stays in memory and trains from the start each time."""

    def __init__(self, args, python, source, fold, texts, threads):
        command = [python, "-B", HERE / "heal_torch.py", source, fold, texts, threads, args.steps, RATE, args.seed]
        env = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen([str(c) for c in command], env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.versions = self.reply()

    def reply(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"bench_heal.py: heal_torch.py ended (exit code {self.process.wait()})")
        return json.loads(line)

    def train(self):
        self.process.stdin.write("train\n")
        self.process.stdin.flush()
        return self.reply()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Albert:
    """A program that ends after each training; only its steps are counted, as on the other side."""

    def __init__(self, args, source, texts, work, threads):
        self.command = [args.build / "albert-convert", "heal", source, "-o", work / "healed.alb", "--force", "--share", args.share,
                        "--text", texts, "--steps", args.steps, "--lr", RATE, "--seed", args.seed, "--threads", threads, "--json"]

    def train(self):
        done = subprocess.run([str(c) for c in self.command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(done.stdout)["healed"]


def take_turns(args, sides):
    """What each side says of each round: {engine: [facts ...]}."""
    said = {name: [] for name in ENGINES}
    for number in range(args.rounds):
        for name in ENGINES:
            said[name].append(sides[name].train())
        speeds = [said[name][-1]["tokens"] / said[name][-1]["seconds"] for name in ENGINES]
        say(f"  round {number + 1}: albert {speeds[0]:7.0f} tokens/s, PyTorch {speeds[1]:7.0f}, ratio {speeds[0] / speeds[1]:.2f}")
    return said


def summary(rounds):
    """Rounds are the same training again: only their time differs."""
    first = rounds[0]
    speeds = [r["tokens"] / r["seconds"] for r in rounds]
    facts = {"tokens": first["tokens"], "tokens_per_s": round(statistics.median(speeds), 1),
             "rounds_tokens_per_s": [round(s, 1) for s in speeds]}
    return facts | {key: round(first[key], 6) for key in ("padded", "loss_before", "loss_after") if key in first}


def ratios(row):
    return [a / b for a, b in zip(*(row[name]["rounds_tokens_per_s"] for name in ENGINES))]


# ---- results ----

def table(data):
    """The rows as Markdown."""
    lines = ["| model | texts | fold | threads | ours, tokens/s | PyTorch, tokens/s | ratio (rounds) | padding | loss, ours | PyTorch's |",
             "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for row in data["rows"]:
        ours, torch = (row[name] for name in ENGINES)
        every = ratios(row)
        losses = [f"{side['loss_before']:.4f} to {side['loss_after']:.4f}" for side in (ours, torch)]
        lines.append(f"| {row['model']} | {row['texts']} | {row['share']} | {row['threads']} | {ours['tokens_per_s']:.0f} | "
                     f"{torch['tokens_per_s']:.0f} | {statistics.median(every):.2f} ({min(every):.2f} to {max(every):.2f}) | "
                     f"{100 * (torch['padded'] / torch['tokens'] - 1):.0f} % | {losses[0]} | {losses[1]} |")
    return "\n".join(lines) + "\n"


def page(data):
    machine = data["machine"]
    head = (f"# Healing: `albert-convert heal` and the same training in PyTorch\n\n{machine['cpu']}, {machine['cores']} cores "
            f"({machine['flags']}), {machine['system']}; albert {data['versions']['albert']}, torch {data['versions']['torch']}, "
            f"transformers {data['versions']['transformers']}.\n\nThe ratio is the median of the rounds' ratios; `padding` is what "
            "PyTorch computes beside the texts' own tokens; losses are on texts held out, before and after the steps.\n\n")
    commands = "".join(f"    {c}\n" for c in dict.fromkeys(data["commands"]))
    return f"{head}{table(data)}\nMade by\n\n{commands}"


def save(args, data):
    args.results.mkdir(parents=True, exist_ok=True)
    path = args.results / f"{args.name}-heal"
    path.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")
    path.with_suffix(".md").write_text(page(data))
    say(f"{path}.json, .md")


def run(args):
    work = args.work / args.model_name
    work.mkdir(parents=True, exist_ok=True)
    python = python_of(args)
    source = bench_peers.make_source(python, args.model, work)
    texts, fold = make_texts(args, work), make_fold(args, source, work)
    data = bench_peers.load_results(args.results / f"{args.name}-heal.json", args.name)
    data.pop("starts", None)
    data["machine"] = bench_peers.cpu_facts()
    for threads in args.threads:
        say(f"{args.model_name}, --share {args.share}, {threads} thread(s), {args.steps} steps")
        torch = Torch(args, python, source, fold, texts, threads)
        said = take_turns(args, {"torch": torch, "albert": Albert(args, source, texts, work, threads)})
        torch.close()
        data["versions"] = torch.versions | {"albert": bench_peers.our_version(args.build)}
        row = {"model": args.model_name, "texts": texts.name, "share": args.share, "threads": threads, "steps": args.steps,
               **{name: summary(said[name]) for name in ENGINES}}
        data["rows"] = bench_peers.merge_rows(data["rows"], [row], ("model", "texts", "share", "threads"))
    data["commands"].append(args.command)
    print(table(data), end="")
    save(args, data)


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("model")
    parser.add_argument("--text", type=pathlib.Path, help="a text a line (default: those of bench_peers.py)")
    parser.add_argument("--share", choices=("all", "attention", "ffn"), default="all")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--venv", type=pathlib.Path, default=HERE / "venv", help="default: bench/venv")
    parser.add_argument("--python", type=pathlib.Path, help="has torch and transformers; nothing is installed")
    parser.add_argument("--work", type=pathlib.Path, default=HERE / "work", help="folds and texts (bench/work)")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results")
    parser.add_argument("--name", help="of the files of results (default: after the CPU)")
    args = parser.parse_args(argv)
    if args.model != "bert-base" and not (pathlib.Path(args.model) / "config.json").exists():
        parser.error(f"{args.model}: no folder with a config.json, and not bert-base")
    if not (args.build / "albert-convert").exists():
        parser.error(f"{args.build}: no albert-convert there; build first")
    if args.rounds < 1 or min(args.threads) < 1 or not 1 <= args.steps < MEASURE:
        parser.error(f"--rounds and --threads start at 1, --steps is 1 to {MEASURE - 1}")
    if args.text and not args.text.exists():
        parser.error(f"{args.text}: no such file")
    return args


def shown_command(args):
    """What makes these results again, without the places of files."""
    words = ["bench/bench_heal.py", "BUILD_DIR", args.model_name, "--share", args.share, "--threads", *args.threads, "--steps",
             args.steps, "--rounds", args.rounds, "--seed", args.seed]
    return " ".join(map(str, words + (["--text", args.text.name] if args.text else [])))


def main(argv=None):
    args = parse(argv)
    args.build, args.model_name = args.build.resolve(), pathlib.Path(args.model).name
    args.name = args.name or bench_peers.slug(bench_peers.cpu_facts()["cpu"])
    args.command = shown_command(args)
    run(args)


if __name__ == "__main__":
    main()
