#!/usr/bin/env python3
"""run_bridge.py BUILD_DIR [--models DIR] [--no-real] [--real-only]: folds go out as folders, examples/train_fold.py trains them, and
what layers shared is found again when they come back: the same sets, bit for bit, and the embeddings that transformers computes.

Needs torch and transformers of this Python (requirements.txt); skipped by name without. A tiny model of six layers is made here;
models/minilm-l6 is skipped by name where tools/fetch_models.sh has not brought it.
"""
import contextlib
import io
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

try:
    import torch
    import transformers
except ImportError as error:
    print(f"bridge: skipped, this Python has no {error.name} (tests/e2e/requirements.txt)")
    sys.exit(77)

import run_folding
from run_folding import Failed, need

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "examples"))
import train_fold

LAYERS = run_folding.LAYERS
# name: options of the fold, sets of attention and of FFN matrices
FOLDS = {"all": (["--share", "all"], 1, 1), "attention": (["--share", "attention"], 1, LAYERS), "ffn": (["--share", "ffn"], LAYERS, 1),
         "two groups": (["--share", "all", "--groups", "2"], 2, 2), "FFN of two groups": (["--share", "ffn", "--groups", "2"], LAYERS, 2),
         "ALBERT": (["--share", "all", "--share-norms"], 1, 1), "f16": (["--share", "all", "--dtype", "f16"], 1, 1)}
REAL = ("attention", "two groups")
BOUND = 1e-5  # of unit vectors: f32 sums in another order


class Bench:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder

    def run(self, program, *arguments, text=None):
        done = subprocess.run([str(self.build / program), *map(str, arguments)], input=text, capture_output=True, text=True)
        need(done.returncode == 0, f"{program} {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def convert(self, source, out, *options):
        return json.loads(self.run("albert-convert", source, "-o", out, "--force", "--json", "-q", *options).stdout)

    def fold(self, source, *options):
        out = self.folder / "folded"
        self.convert(source, f"{out}/", *options)
        return out

    def train(self, source, folded, texts, *options):
        """Trains in this process; the folder, and loss before and after."""
        out, said = self.folder / "trained", io.StringIO()
        shutil.rmtree(out, ignore_errors=True)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            train_fold.main([str(a) for a in (source, folded, out, "--text", texts, "--device", "cpu", *options)])
        words = said.getvalue().replace(",", "").split()
        return out, float(words[words.index("loss") + 1]), float(words[words.index("loss") + 3])


# ---- sources and texts ----

def make_tiny(folder):
    """A model of six layers, with all files that sentence-transformers has."""
    source = HERE / "models/bert-relu"
    layers, prefix, rest = run_folding.layers_of(source)
    shutil.copytree(source, folder)
    config = json.loads((source / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": len(layers)}))
    named = {f"{prefix}{i}.{part}": t for i, layer in enumerate(layers) for part, t in layer.items()}
    run_folding.write(folder / "model.safetensors", {**rest, **named})
    return folder


def make_texts(path, vocabulary, count):
    words = [w for w in vocabulary.read_text().splitlines() if w.isalpha()]
    chosen = random.Random(1)
    path.write_text("".join(" ".join(chosen.choices(words, k=chosen.randint(2, 9))) + "\n" for _ in range(count)))
    return path


# ---- what must hold ----

def partition(folder):
    """For each role of layers, which layers have the same bytes."""
    roles = {}
    for name, (_, _, values) in run_folding.read(folder / "model.safetensors").items():
        numbers = [w for w in name.split(".") if w.isdigit()]
        if numbers:
            roles.setdefault(".".join(w for w in name.split(".") if not w.isdigit()), {}).setdefault(values, []).append(numbers)
    return {role: sorted(same.values()) for role, same in roles.items()}


def unit(rows):
    return torch.nn.functional.normalize(torch.as_tensor(rows, dtype=torch.float32), dim=-1)


def embeddings(folder, lines):
    """What transformers computes of a folder."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model, rows = train_fold.load(folder), []
    with torch.no_grad():
        for line in lines:
            ids, mask = train_fold.padded([tokenizer(line)["input_ids"]])
            rows.append(train_fold.pool(train_fold.states(model, ids, mask)[-1], mask, train_fold.pooling_of(folder))[0])
    return unit(torch.stack(rows))


def check_files(folded, trained):
    names = [sorted(str(p.relative_to(f)) for p in f.rglob("*")) for f in (folded, trained)]
    need(names[0] == names[1], f"other files: {names}")
    for name in names[0]:
        if (folded / name).is_file() and name != "model.safetensors":
            need((folded / name).read_bytes() == (trained / name).read_bytes(), f"{name} was changed")
    before, after = (run_folding.read(f / "model.safetensors") for f in (folded, trained))
    need(before.keys() == after.keys(), "other tensors")
    need(any(before[k] != after[k] for k in before), "nothing was trained")
    for name in before:
        need(before[name][:2] == after[name][:2], f"{name}: another type or shape")
        need("layer" in name or before[name] == after[name], f"{name} was trained, it is not of a layer")


def check_fold(bench, source, texts, fold, options):
    how, attention, ffn = FOLDS[fold]
    folded = bench.fold(source, *how)
    trained, before, after = bench.train(source, folded, texts, *options)
    need(after < before, f"the loss went from {before} to {after}")
    check_files(folded, trained)
    need(partition(trained) == partition(folded), "other layers are equal than before")
    student, healed = (bench.convert(f, bench.folder / f"{f.name}.alb") for f in (folded, trained))
    sets = [(r["parameter_sets"], r["attention_sets"], r["ffn_sets"]) for r in (student, healed)]
    need(sets[0] == sets[1] and sets[1][1:] == (attention, ffn), f"sets {sets}, expected {attention} and {ffn}")
    need(healed["fidelity"] == "LOSSLESS", f"the way back is {healed['fidelity']}")
    lines = texts.read_text().splitlines()[:7]
    ours = bench.run("albert-run", "embed", bench.folder / "trained.alb", text="".join(line + "\n" for line in lines)).stdout
    ours = unit([json.loads(line)["embedding"] for line in ours.splitlines()])
    apart = float((ours - embeddings(trained, lines)).abs().max())
    need(apart <= BOUND, f"embeddings are {apart:.3g} apart")
    return f"loss {before:.4f} to {after:.4f}, {attention} and {ffn} sets, embeddings within {apart:.2g}"


def check_head(bench, _, texts):
    """A head stays as it is, under its names; texts are for another vocabulary, but tokens all the same."""
    source = HERE / "models/bert-classify"
    folded = bench.fold(source, "--share", "all")
    trained, before, after = bench.train(source, folded, texts, "--steps", 10, "--batch-tokens", 64)
    need(after < before, f"the loss went from {before} to {after}")
    check_files(folded, trained)
    need("classifier.weight" in run_folding.read(trained / "model.safetensors"), "there is no head")
    need(bench.convert(trained, bench.folder / "head.alb")["ffn_sets"] == 1, "the FFN is not shared")
    return f"loss {before:.4f} to {after:.4f}"


def check_program(bench, source, texts):
    """By itself, as people run it, twice: the same bytes, and how to go on."""
    folded, made = bench.fold(source, "--share", "ffn"), []
    for out in (bench.folder / "one", bench.folder / "two"):
        done = subprocess.run([sys.executable, "-B", ROOT / "examples/train_fold.py", source, folded, out, "--text", texts, "--steps", "3",
                               "--device", "cpu"], capture_output=True, text=True)
        need(done.returncode == 0, done.stderr)
        need(done.stdout.startswith(f"{out}: held-out loss "), done.stdout)
        made.append((out / "model.safetensors").read_bytes())
    need(made[0] == made[1], "the same command made other bytes")
    return "the same bytes twice"


def refusal(bench, source, folded, texts, *options):
    out = bench.folder / "refused"
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            train_fold.main([str(a) for a in (source, folded, out, "--text", texts, "--steps", 1, *options)])
    except SystemExit as end:
        need(not out.exists(), "something was written")
        return str(end.code)
    raise Failed("not refused")


def other_embeddings(folded, out):
    shutil.copytree(folded, out)
    tensors = run_folding.read(out / "model.safetensors")
    name = next(n for n in tensors if n.endswith("word_embeddings.weight"))
    dtype, shape, values = tensors[name]
    row = 4 * shape[1]  # words in the opposite order
    tensors[name] = dtype, shape, b"".join(values[len(values) - row * (i + 1):len(values) - row * i] for i in range(shape[0]))
    run_folding.write(out / "model.safetensors", tensors)
    return out


def without(folded, out, words):
    shutil.copytree(folded, out)
    tensors = run_folding.read(out / "model.safetensors")
    run_folding.write(out / "model.safetensors", {k: v for k, v in tensors.items() if words not in k})
    return out


def check_refused(bench, source, texts):
    folded = shutil.copytree(bench.fold(source, "--share", "all"), bench.folder / "kept")
    apart = shutil.copytree(bench.fold(source, "--share", "none"), bench.folder / "apart")
    narrow = shutil.copytree(bench.fold(HERE / "models/bert-classify", "--share", "all"), bench.folder / "narrow")
    short = shutil.copytree(bench.fold(HERE / "models/bert-relu", "--share", "all"), bench.folder / "short")
    empty, nothing = bench.folder / "empty.txt", bench.folder / "nothing"
    empty.write_text("\n \n")
    nothing.mkdir()
    cases = [(source, narrow, texts, "not of this source: hidden_size is 16, the source's is 24"),
             (source, short, texts, "not of this source: it has 2 layers, the source 6"),
             (source, other_embeddings(folded, bench.folder / "others"), texts, "not of this source: its embeddings are others"),
             (source, apart, texts, "no two layers share a matrix"),
             (source, without(folded, bench.folder / "holes", "layer.1.attention"), texts, "tensors are missing: encoder.layer.1.attention"),
             (source, folded, empty, "empty.txt: no texts"),
             (source, folded, bench.folder / "no.txt", "no.txt: No such file"),
             (source, nothing, texts, "nothing: no model.safetensors there"),
             (nothing, folded, texts, "nothing: no folder with a config.json")]
    for where, fold, lines, message in cases:
        said = refusal(bench, where, fold, lines)
        need(message in said and "\n" not in said and said.startswith("train_fold.py: "), f"expected \"{message}\", it says \"{said}\"")
    return f"{len(cases)} refused, each in one line"


def attempts(bench, given):
    """Name, work: all that is to be done; None where a model is not there."""
    if not given.real_only:
        source = make_tiny(bench.folder / "tiny")
        texts = make_texts(bench.folder / "tiny.txt", source / "vocab.txt", 60)
        for fold in FOLDS:
            yield f"tiny: {fold}", lambda f=fold: check_fold(bench, source, texts, f, ("--steps", 10, "--batch-tokens", 64))
        for name, check in (("head", check_head), ("program", check_program), ("refused", check_refused)):
            yield f"tiny: {name}", lambda c=check: c(bench, source, texts)
    real = given.models / "minilm-l6"
    if not given.no_real and not real.is_dir():
        yield "minilm-l6", None
    elif not given.no_real:
        lines = bench.folder / "real.txt"
        lines.write_text("".join((ROOT / "bench/texts.txt").read_text().splitlines(True)[:48]))
        for fold in REAL:
            yield f"minilm-l6: {fold}", lambda f=fold: check_fold(bench, real, lines, f, ("--steps", 6, "--batch-tokens", 128, "--lr", "5e-4"))


def main():
    given = run_folding.parse()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)  # products are small
    failures, skipped, count = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for name, work in attempts(Bench(given.build.resolve(), pathlib.Path(folder)), given):
            if work:
                run_folding.attempt(name, failures, work)
                count += 1
            else:
                print(f"{name}: skipped, is not there (tools/fetch_models.sh)")
                skipped += 1
    print(f"{count - len(failures)} passed, {len(failures)} failed, {skipped} skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
