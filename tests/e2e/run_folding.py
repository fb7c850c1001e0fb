#!/usr/bin/env python3
"""run_folding.py BUILD_DIR [--models DIR] [--no-real] [--real-only]: layers that are copies of each other are found, named and
folded with the error that their class allows; an ALBERT that was unshared comes back byte for byte.

Copies are made of models/minilm-l6 (skipped by name where tools/fetch_models.sh has not brought it) and of a tiny model.
Python's standard library only.
"""
import argparse
import array
import json
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

LAYERS = 6
UNSHARED = [ROOT / "examples/albert-reactions", HERE / "models/albert-gelu-new", HERE / "models/albert-groups",
            HERE / "models/albert-f16"]


# ---- safetensors: name -> (dtype, shape, bytes) ----

def read(path):
    data = path.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]])
            for k, v in header.items()}


def write(path, tensors):
    header, offset = {}, 0
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(values)]}
        offset += len(values)
    text = json.dumps(header).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, _, values in tensors.values():
            out.write(values)


# ---- layers ----

def split(tensors):
    """The tensors of each layer, by their name in it, and the prefix that stands before the number of the layer."""
    layers, prefix = {}, None
    for name, tensor in tensors.items():
        if ".layer." not in name:
            continue
        prefix, rest = name.split("layer.", 1)
        number, part = rest.split(".", 1)
        layers.setdefault(int(number), {})[part] = tensor
    return [layers[i] for i in range(len(layers))], prefix + "layer."


def scaled(layer, by):
    return {k: (d, s, array.array("f", [v * by for v in array.array("f", b)]).tobytes()) for k, (d, s, b) in layer.items()}


def is_ffn(part):
    return part.startswith(("intermediate.", "output."))


def with_ffn(layer, ffn):
    return {k: ffn[k] if is_ffn(k) else layer[k] for k in layer}


def permuted(layer, seed):
    """The same FFN with its neurons in another order."""
    shape = layer["intermediate.dense.weight"][1]
    order = list(range(shape[0]))
    random.Random(seed).shuffle(order)
    out = dict(layer)
    for part, width in (("intermediate.dense.weight", 4 * shape[1]), ("intermediate.dense.bias", 4)):
        d, s, b = layer[part]
        out[part] = (d, s, b"".join(b[i * width:(i + 1) * width] for i in order))
    d, s, b = layer["output.dense.weight"]
    values = array.array("f", b)
    rows = [values[r * s[1]:(r + 1) * s[1]] for r in range(s[0])]
    out["output.dense.weight"] = (d, s, b"".join(array.array("f", [row[i] for i in order]).tobytes() for row in rows))
    return out


def rounded(layer):
    """The numbers as f16 holds them, and the largest change."""
    out, worst = {}, 0
    for part, (d, s, b) in layer.items():
        values = array.array("f", b)
        near = struct.unpack(f"<{len(values)}e", struct.pack(f"<{len(values)}e", *values))
        worst = max(worst, max(abs(x - y) for x, y in zip(values, near)))
        out[part] = (d, s, array.array("f", near).tobytes())
    return out, worst


# ---- what is found ----

class Failed(Exception):
    pass


def need(condition, message):
    if not condition:
        raise Failed(message)


class Programs:
    def __init__(self, build, folder):
        self.convert, self.folder = str(build / "albert-convert"), folder

    def run(self, *arguments, code=0):
        done = subprocess.run([self.convert, *map(str, arguments)], capture_output=True, text=True)
        need(done.returncode == code, f"{' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def report(self, source, *options):
        """Converts; the file proves itself against the source afterwards, within its class's tolerance."""
        out = self.folder / "out.alb"
        return json.loads(self.run(source, "-o", out, "--force", "--json", "-q", *options)), out

    def inspect(self, source):
        return json.loads(self.run("inspect", source, "--json"))

    def distance(self, source, out):
        """The largest difference of hidden states, as a part of the largest magnitude."""
        found = json.loads(self.run("validate", source, out, "--json", "--atol", 1e9))
        return max(c["relative"] for c in found["outputs"])


def sets(report):
    return report["attention_sets"], report["ffn_sets"]


def relations(found, block):
    return [(r["kind"], r["of"]) for r in found[block]["relations"]]


def check_cyclic(p, base, make):
    source = make([base[i % 3] for i in range(LAYERS)])
    found = p.inspect(source)
    need(found["attention"]["set_of_layer"] == found["ffn"]["set_of_layer"] == [0, 1, 2, 0, 1, 2], "the cycle is not found")
    report, out = p.report(source, "--require-lossless")
    need(sets(report) == (3, 3) and report["fidelity"] == "LOSSLESS", f"sets {sets(report)}, {report['fidelity']}")
    return p.distance(source, out), 2e-5


def check_sandwich(p, base, make):
    source = make([base[i] for i in (0, 1, 1, 1, 1, 2)])
    report, out = p.report(source, "--share", "all", "--keep-first", 1, "--keep-last", 1, "--require-lossless")
    need(sets(report) == (3, 3) and report["fidelity"] == "LOSSLESS", f"sets {sets(report)}, {report['fidelity']}")
    need(sets(p.report(source)[0]) == (3, 3), "exact does not find the sandwich")
    return p.distance(source, out), 2e-5


def check_ffn(p, base, make):
    source = make([with_ffn(layer, base[0]) for layer in base])
    found = p.inspect(source)
    need(found["shareability"]["verdict"]["ffn"] == "equal", "the verdict is not \"equal\"")
    need(found["shareability"]["verdict"]["all"].startswith("nothing"), "attention that differs is called shareable")
    report, out = p.report(source, "--share", "ffn", "--require-lossless")
    need(sets(report) == (LAYERS, 1) and report["fidelity"] == "LOSSLESS", f"sets {sets(report)}, {report['fidelity']}")
    return p.distance(source, out), 2e-5


def check_permuted(p, base, make):
    source = make([base[0]] + [with_ffn(base[i], permuted(base[0], i)) for i in range(1, LAYERS)])
    found = p.inspect(source)
    need(relations(found, "ffn")[1:] == [("permuted", 0)] * (LAYERS - 1), f"relations {relations(found, 'ffn')}")
    need(found["shareability"]["verdict"]["ffn"] == "equal up to a permutation", found["shareability"]["verdict"]["ffn"])
    report, out = p.report(source, "--require-lossless")
    need(sets(report) == (LAYERS, 1) and report["permuted_blocks"] == LAYERS - 1, f"sets {sets(report)}")
    return p.distance(source, out), 2e-5


def check_rounded(p, base, make):
    near, worst = rounded(base[0])
    source = make([base[0]] + [near] * (LAYERS - 1))
    found = p.inspect(source)
    need(relations(found, "ffn")[1] == ("rounding", 0), f"relations {relations(found, 'ffn')}")
    need(found["shareability"]["verdict"]["all"] == "equal up to rounding", found["shareability"]["verdict"]["all"])
    p.run(source, "-o", p.folder / "no.alb", "--share", "all", "--require-lossless", code=1)
    report, out = p.report(source, "--share", "all")
    need(sets(report) == (1, 1) and report["fidelity"] == "ROUNDING-EQUAL", f"sets {sets(report)}, {report['fidelity']}")
    need(0 < report["max_delta"] <= worst * 1.000001, f"max delta {report['max_delta']}, the largest change is {worst}")
    return p.distance(source, out), 0.02


CHECKS = {"cycle of three": check_cyclic, "sandwich": check_sandwich, "FFN only": check_ffn,
          "neurons permuted": check_permuted, "rounded to f16": check_rounded}


def layers_of(source):
    """Six layers of a checkpoint; where it has two, further ones are made of them."""
    tensors = read(source / "model.safetensors")
    layers, prefix = split(tensors)
    while len(layers) < LAYERS:
        layers.append(scaled(layers[len(layers) % 2], 1 + len(layers) / 8))
    rest = {k: v for k, v in tensors.items() if ".layer." not in k}
    return layers, prefix, rest


def check_copies(programs, source, failures):
    layers, prefix, rest = layers_of(source)

    def make(chosen):
        copy = programs.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)
        config = json.loads((copy / "config.json").read_text())
        config["num_hidden_layers"] = len(chosen)
        (copy / "config.json").write_text(json.dumps(config))
        named = {f"{prefix}{i}.{part}": t for i, layer in enumerate(chosen) for part, t in layer.items()}
        write(copy / "model.safetensors", {**rest, **named})
        return copy

    for name, check in CHECKS.items():
        attempt(f"{source.name}: {name}", failures, lambda: within(*check(programs, layers, make)))


def within(distance, allowed):
    need(distance <= allowed, f"hidden states are {distance:.3g} apart, allowed {allowed:g}")
    return f"hidden states within {distance:.2g}"


def blobs(path):
    """The bytes of each blob of an .alb file, by the tables of docs/format.md; the program has checked the file."""
    data = path.read_bytes()
    table, count = struct.unpack_from("<QI", data, 24)
    sections = {ident: (offset, size) for ident, _, offset, size in
                (struct.unpack_from("<IIQQ", data, table + 24 * i) for i in range(count))}
    offset, size = sections[2]
    places = [struct.unpack_from("<QQ", data, offset + 32 * i) for i in range(size // 32)]
    return [data[at:at + stored] for at, stored in places]


def check_unshared(programs, source):
    first, apart, again = (programs.folder / n for n in ("first.alb", "apart.alb", "again.alb"))
    programs.run(source, "-o", first, "-q", "--force")
    programs.run(first, "-o", apart, "-q", "--force", "--share", "none")
    programs.run(apart, "-o", again, "-q", "--force", "--require-lossless")
    need(len(blobs(apart)) > len(blobs(first)), "nothing was unshared")
    need(blobs(again) == blobs(first), "the blobs are not those of the first file")
    return f"{len(blobs(first))} blobs, unshared {len(blobs(apart))}, again the same"


def attempt(name, failures, work):
    try:
        print(f"{name}: ok, {work()}")
    except (Failed, KeyError) as error:
        failures.append(name)
        print(f"{name}: FAILED: {error!r}" if isinstance(error, KeyError) else f"{name}: FAILED: {error}")


def parse():
    """What all of these programs take."""
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "models")
    parser.add_argument("--no-real", action="store_true")
    parser.add_argument("--real-only", action="store_true")
    return parser.parse_args()


def main():
    given = parse()
    failures, skipped, count = [], 0, 0
    sources = [] if given.real_only else [HERE / "models/bert-gelu"]
    if not given.no_real:
        sources.append(given.models / "minilm-l6")
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(given.build.resolve(), pathlib.Path(folder))
        for source in sources:
            if not source.is_dir():
                print(f"{source.name}: skipped, is not there (tools/fetch_models.sh)")
                skipped += 1
                continue
            check_copies(programs, source, failures)
            count += len(CHECKS)
        for source in [] if given.real_only else UNSHARED:
            attempt(f"{source.name}: unshared and back", failures, lambda s=source: check_unshared(programs, s))
            count += 1
    print(f"{count - len(failures)} passed, {len(failures)} failed, {skipped} skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
