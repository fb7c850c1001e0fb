#!/usr/bin/env python3
"""Times other engines and ours side by side on this machine, and writes a table and a chart.

    bench_peers.py BUILD_DIR MODEL [--venv DIR] [--work DIR] [--results DIR] [--name NAME] [--engines NAME ...]
                   [--workloads 1x16 1x128 32x32 mixed] [--threads 1 2] [--rounds 5] [--seconds 0.5] [--prepare]

MODEL is a Hugging Face folder (BERT or ALBERT with mean pooling and a tokenizer), or `bert-base` or `albert-base`: those shapes
with random weights, made on the spot. The peers are installed from PyPI at the versions of peer_engines.py into a virtual
environment of their own; what is there already is kept. Every engine is a process of its own; in a round each has its turn while
the others wait, so that ratios hold where the machine's speed drifts. Results are added to NAME.json in the folder of results,
where a newer result of the same model, threads, workload and engine takes the place of the older one.
"""
import argparse
import array
import collections
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import peer_report
from peer_engines import COMMON, ENGINES, OURS

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = ("bert-base", "albert-base")
FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
TAIL_RUNS = 100  # a p99 of fewer runs says nothing
STARTS_KEPT = 5  # as many loads of a model are remembered
ENOUGH_SECONDS = 20  # of one turn: slower engines get fewer rounds


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- the peers ----

LIST = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def installed(python):
    done = subprocess.run([python, "-c", LIST], capture_output=True, text=True)
    found = json.loads(done.stdout) if done.returncode == 0 else {}
    return {name.lower().replace("_", "-"): version for name, version in found.items()}


def lacks(packages, have):
    pairs = [p.split("==") for p in packages]
    return [f"{name}=={version}" for name, version in pairs if have.get(name, "").split("+")[0] != version]


def install(venv, engines):
    """Installs what lacks, engine by engine; returns the python, and the errors of engines whose packages can't be had."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    errors = {}
    for packages in dict.fromkeys(COMMON + e.packages for e in engines):
        missing = lacks(packages, installed(python))
        if missing:
            say(f"installing {' '.join(missing)}")
            done = subprocess.run([python, "-m", "pip", "install", "-q", *missing], capture_output=True, text=True)
            if done.returncode:
                errors[packages] = "not installed: " + last_line(done.stderr)
    return python, {e.name: errors[COMMON + e.packages] for e in engines if COMMON + e.packages in errors}


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or ["no message"])[-1][:200]


# ---- models and texts ----

def make_source(python, model, work):
    if model not in SHAPES:
        return pathlib.Path(model)
    folder = work / "source-random"
    if not (folder / "modules.json").exists():
        subprocess.run([python, HERE / "peer_inputs.py", "shape", model, folder], check=True)
    return folder


def make_inputs(python, source, work):
    path = work / "inputs.txt"
    if not path.exists():
        subprocess.run([python, HERE / "peer_inputs.py", "texts", source, path], check=True)
    return path


def stale(path, converter):
    """True for files of an older albert-convert than this one."""
    return path.suffix in (".alb", ".gguf") and path.exists() and path.stat().st_mtime < converter.stat().st_mtime


def build(setup, engine):
    """Makes the engine's file unless it is there; returns why it can't be made."""
    path, converter = setup.work / engine.file, setup.programs / "albert-convert"
    if stale(path, converter):
        path.unlink()
    if path.exists():
        return None
    say(f"building {engine.name}")
    done = subprocess.run([setup.python, "-B", HERE / "peer_build.py", engine.name, setup.source, setup.work, setup.inputs,
                           converter], capture_output=True, text=True)
    return "not built: " + last_line(done.stderr) if done.returncode else None


# ---- the engines as processes ----

class Running:
    """An engine's process: peer_worker.py, or peer_albert for ours."""

    def __init__(self, setup, engine, threads):
        self.name = engine.name
        command = [setup.python, "-B", HERE / "peer_worker.py", engine.name]
        if engine.family == OURS:
            command = [setup.programs / "bench" / "peer_albert"]
        env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen([*command, setup.work / engine.file, str(threads), setup.inputs], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.error = self.reply().get("error")

    def reply(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": f"ended (exit code {self.process.wait()})"}

    def ask(self, *words):
        try:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.reply()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(engine):
    """Loads, answers a first text, runs 1x128: what start-up costs."""
    if engine.error:
        return {"error": engine.error}
    loaded, first = engine.ask("load"), engine.ask("run", "1x16", 0, 1)
    error = loaded.get("error") or first.get("error") or engine.ask("run", "1x128", 0, 2).get("error")
    if error:
        engine.error = error
        return {"error": error}
    return {"load_ms": [loaded["load_ms"]], "answer_ms": [loaded["load_ms"] + first["first_ms"]],
            "import_ms": loaded["import_ms"], "memory_mb": [engine.ask("memory")["memory_mb"]]}


def take_turns(engines, workload, rounds, seconds):
    """Milliseconds of every run of every engine: {engine: [[times of round 1] ...]}, or the error."""
    times, errors = {e.name: [] for e in engines}, {}
    for round_number in range(rounds):
        for e in engines:
            spent = sum(map(sum, times[e.name])) / 1000
            if e.name in errors or (round_number > 0 and spent > ENOUGH_SECONDS):
                continue
            reply = e.ask("run", workload, seconds, 1)
            if "error" in reply:
                errors[e.name] = reply["error"]
            else:
                times[e.name].append(reply["times"])
    return times, errors


def summary(rounds):
    every = [ms for times in rounds for ms in times]
    facts = {"median_ms": statistics.median(map(statistics.median, rounds)), "runs": len(every),
             "rounds_ms": [round(statistics.median(r), 4) for r in rounds]}
    if len(every) >= TAIL_RUNS:
        facts["p99_ms"] = peer_report.percentile(every, 0.99)
    return facts


def vectors(engine, workload):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vectors"
        reply = engine.ask("vectors", workload, path)
        if "error" in reply:
            return None
        values, (count, width) = array.array("f", path.read_bytes()), reply["shape"]
        return [values[i * width:(i + 1) * width] for i in range(count)]


def cosine(a, b):
    norm = sum(x * x for x in a) * sum(x * x for x in b)
    return sum(x * y for x, y in zip(a, b)) / norm ** 0.5 if norm else 0.0


def agreement(engines, workload):
    """Lowest and mean cosine of each engine's embeddings with ours in f32: nobody computes something else."""
    found = {e.name: vectors(e, workload) for e in engines}
    want = found.get(f"{OURS}-f32")
    for name, rows in found.items():
        if rows and want:
            cosines = [cosine(a, b) for a, b in zip(rows, want)]
            yield name, {"cosine_min": min(cosines), "cosine_mean": statistics.mean(cosines)}


def measure(args, engines, workload, tokens):
    times, errors = take_turns(engines, workload, args.rounds, args.seconds)
    agreed = dict(agreement([e for e in engines if e.name not in errors], workload))
    for e in engines:
        facts = {"error": errors[e.name]} if e.name in errors else {**summary(times[e.name]), **agreed.get(e.name, {})}
        yield {"engine": e.name, "workload": workload, "tokens": tokens, **facts}
        say(f"  {workload:>6} {e.name:14} " + (errors.get(e.name) or f"{facts['median_ms']:10.3f} ms"))


def count_tokens(inputs, workload):
    return sum(len(line.split()) - 1 for line in inputs.read_text().splitlines() if line.split()[0] == workload)


# ---- results ----

def cpu_facts():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    fact = dict(re.findall(r"^(.*?)\s*: (.*)$", text.split("\n\n")[0], re.M))
    present = set(fact.get("flags", "").split())
    name = f"{fact.get('model name', platform.machine())} (family {fact.get('cpu family')}, model {fact.get('model')})"
    return {"cpu": name, "cores": os.cpu_count(), "flags": " ".join(f for f in FLAGS if f in present),
            "system": f"{platform.system()} {platform.release()}, {platform.machine()}"}


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", text.lower())).strip("-")


def load_results(path, name):
    empty = {"name": name, "commands": [], "versions": {}, "rows": [], "starts": []}
    return json.loads(path.read_text()) if path.exists() else empty


def merge_rows(old, new, keys):
    fresh = {tuple(r[k] for k in keys): r for r in new}
    kept = [fresh.pop(tuple(r[k] for k in keys), r) for r in old]
    return kept + list(fresh.values())


def merge_starts(old, new):
    """Start-up times of the last few calls stand beside each other."""
    before = {(s["model"], s["threads"], s["engine"]): s for s in old}
    for s in new:
        past = before.get((s["model"], s["threads"], s["engine"]), {})
        for key in ("load_ms", "answer_ms", "memory_mb"):
            if key in s:
                s[key] = (past.get(key, []) + s[key])[-STARTS_KEPT:]
    return merge_rows(old, new, ("model", "threads", "engine"))


def save(args, data):
    args.results.mkdir(parents=True, exist_ok=True)
    path = args.results / (data["name"] + ".json")
    path.write_text(json.dumps(data, indent=1) + "\n")
    peer_report.write(path, data)
    say(f"{path}, .md, .svg")


# ---- the whole ----

def one_run(args, data, setup, threads):
    """Every engine at one number of threads."""
    key = {"model": args.model_name, "threads": threads}
    running, starts, rows = [], [], []
    for e in setup.engines:
        if e.name in setup.errors:
            starts.append({**key, "engine": e.name, "error": setup.errors[e.name]})
            continue
        engine = Running(setup, e, threads)
        starts.append({**key, "engine": e.name, **start(engine)})
        if engine.error:
            engine.close()
        else:
            running.append(engine)
    for workload in args.workloads:
        rows += [{**key, **row} for row in measure(args, running, workload, count_tokens(setup.inputs, workload))]
    for engine in running:
        engine.close()
    data["rows"] = merge_rows(data["rows"], rows, ("model", "threads", "workload", "engine"))
    data["starts"] = merge_starts(data["starts"], starts)


# What stands ready: errors are of engines that can't run; programs is the folder of ours.
Setup = collections.namedtuple("Setup", "python programs engines errors source work inputs")


def prepare(args):
    engines = [e for e in ENGINES if not args.engines or e.name in args.engines]
    python, errors = install(args.venv, engines)
    work = args.work / args.model_name
    work.mkdir(parents=True, exist_ok=True)
    source = make_source(python, args.model, work)
    setup = Setup(python, args.build, engines, errors, source, work, make_inputs(python, source, work))
    for e in engines:
        if e.name not in errors:
            error = build(setup, e)
            errors.update({e.name: error} if error else {})
    return setup


def our_version(build_dir):
    done = subprocess.run([build_dir / "albert-run", "--version"], capture_output=True, text=True)
    return last_line(done.stdout).split()[-1]


def versions(setup):
    named = {p.split("==")[0] for e in setup.engines for p in e.packages}
    have = {name: version for name, version in installed(setup.python).items() if name in named}
    return {**have, "albert": our_version(setup.programs)}


def run(args):
    setup = prepare(args)
    if args.prepare:
        for name, error in setup.errors.items():
            say(f"{name}: {error}")
        return
    data = load_results(args.results / (args.name + ".json"), args.name)
    data["machine"] = cpu_facts()
    data["versions"].update(versions(setup))
    for threads in args.threads:
        say(f"{args.model_name}, {threads} thread(s)")
        one_run(args, data, setup, threads)
    data["commands"].append(args.command)
    save(args, data)


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("model")
    parser.add_argument("--venv", type=pathlib.Path, default=HERE / "venv", help="default: bench/venv")
    parser.add_argument("--work", type=pathlib.Path, default=HERE / "work", help="models of the engines (bench/work)")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results")
    parser.add_argument("--name", help="of the files of results (default: after the CPU)")
    parser.add_argument("--engines", nargs="+", choices=[e.name for e in ENGINES], metavar="NAME")
    parser.add_argument("--workloads", nargs="+", choices=["1x16", "1x128", "32x32", "mixed"], metavar="WORKLOAD",
                        default=["1x16", "1x128", "32x32", "mixed"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of an engine's turn at least (0.5)")
    parser.add_argument("--prepare", action="store_true", help="install and build only")
    args = parser.parse_args(argv)
    if args.model not in SHAPES and not (pathlib.Path(args.model) / "config.json").exists():
        parser.error(f"{args.model}: no folder with a config.json, and none of {', '.join(SHAPES)}")
    if not (args.build / "albert-convert").exists():
        parser.error(f"{args.build}: no albert-convert there; build first")
    if args.rounds < 1 or min(args.threads) < 1:
        parser.error("--rounds and --threads start at 1")
    return args


def shown_command(args):
    """What makes these results again, without the places of files."""
    words = ["bench/bench_peers.py", "BUILD_DIR", args.model_name, "--workloads", *args.workloads, "--threads", *args.threads,
             "--rounds", args.rounds, "--seconds", args.seconds]
    return " ".join(map(str, words + (["--engines", *args.engines] if args.engines else [])))


def main(argv=None):
    args = parse(argv)
    args.build, args.model_name = args.build.resolve(), pathlib.Path(args.model).name
    args.name = args.name or slug(cpu_facts()["cpu"])
    args.command = shown_command(args)
    run(args)


if __name__ == "__main__":
    main()
