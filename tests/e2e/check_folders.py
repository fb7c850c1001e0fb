#!/usr/bin/env python3
"""Loads the folders that albert-convert writes with transformers, and compares what they compute.

    check_folders.py BUILD_DIR [MODEL_FOLDER ...]

Without folders: the models of tests/e2e/models. Not a part of the default tests: needs torch, transformers and
tokenizers (made with torch 2.14.1, transformers 5.24, tokenizers 0.23.3). Each model is converted with several options
to an .alb file and, from the source and from that file, to folders; AutoModel's last hidden state is compared with
`albert-run hidden` of the file, AutoModelForMaskedLM's logits with those of the source (where nothing was lost), and
AutoTokenizer's ids with `albert-run tokenize`. Exit code: 0 all within their bounds, 1 some are not.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
import transformers

from run_e2e import parse_npy

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = {"exact": [], "none": ["--share", "none"], "all": ["--share", "all"], "attention": ["--share", "attention"],
           "albert": ["--share", "all", "--share-norms"], "f16": ["--dtype", "f16"], "bf16": ["--dtype", "bf16"],
           "int8": ["--dtype", "int8"], "groups": ["--share", "all", "--share-norms", "--groups", "2"]}
LOSSLESS = ("exact", "none")
BOUND = 2e-5  # of the largest magnitude: f32 sums in another order
BOUND_INT8 = 5e-2  # the runtime rounds activations to 8 bits, the folder's weights are multiplied out to f32


def run(*command, text=None):
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {' '.join(map(str, command))}: {done.stderr.decode()}")
    return done.stdout


def load(cls, folder, strict=True):
    model, info = cls.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if not strict:
        return model.eval()
    missing = [k for k in info["missing_keys"] if "pooler" not in k]
    unexpected = [k for k in info["unexpected_keys"] if "predictions" not in k and "pooler" not in k]
    if missing or unexpected or info["mismatched_keys"]:
        raise RuntimeError(f"missing {missing}, unexpected {unexpected}, mismatched {info['mismatched_keys']}")
    return model.eval()


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max())


class Check:
    def __init__(self, build, source, work):
        self.build, self.source, self.work, self.worst, self.failed = build, source, work, 0.0, 0
        self.config = json.loads((source / "config.json").read_text())
        generator = torch.Generator().manual_seed(1)
        n = min(11, self.config.get("max_position_embeddings", 512))
        self.ids = torch.randint(0, self.config["vocab_size"], (1, n), generator=generator)

    def say(self, label, value, bound):
        good = value <= bound
        self.failed += not good
        if not good:
            print(f"FAILED  {self.source.name}: {label}: {value:.3g} (bound {bound:g})")

    def hidden(self, alb):
        line = json.dumps({"input_ids": self.ids[0].tolist()}).encode() + b"\n"
        shape, values = parse_npy(run(self.build / "albert-run", "hidden", alb, "--ids", "--format", "npy", text=line))
        return torch.tensor(values).reshape(shape)

    def folders(self, name, options):
        alb = self.work / f"{name}.alb"
        run(self.build / "albert-convert", "-q", self.source, "-o", alb, *options)
        for kind, source, more in (("source", self.source, options), ("file", alb, [])):
            folder = self.work / f"{name}-{kind}"
            run(self.build / "albert-convert", "-q", source, "-o", f"{folder}/", *more)
            yield alb, kind, folder

    def check_options(self, name, options):
        for alb, kind, folder in self.folders(name, options):
            with torch.no_grad():
                got = load(transformers.AutoModel, folder)(input_ids=self.ids).last_hidden_state[0]
            self.say(f"{name} from {kind}: hidden", relative(got, self.hidden(alb)), BOUND_INT8 if name == "int8" else BOUND)
            if name in LOSSLESS and (json.loads((folder / "config.json").read_text())["architectures"][0]).endswith("MaskedLM"):
                with torch.no_grad():
                    logits = [load(transformers.AutoModelForMaskedLM, f, f != self.source)(input_ids=self.ids).logits
                              for f in (folder, self.source)]
                self.say(f"{name} from {kind}: logits", relative(*logits), BOUND)
            if name == "exact" and (folder / "tokenizer.json").exists() or (folder / "vocab.txt").exists():
                self.check_tokenizer(name, kind, alb, folder)

    def check_tokenizer(self, name, kind, alb, folder):
        texts = (HERE / "texts.txt").read_text().splitlines()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        lines = run(self.build / "albert-run", "tokenize", alb, text=("\n".join(texts) + "\n").encode()).splitlines()
        wrong = sum(tokenizer(t)["input_ids"] != json.loads(line)["ids"] for t, line in zip(texts, lines))
        self.say(f"{name} from {kind}: texts with other ids", wrong, 0)


def main():
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    build = pathlib.Path(sys.argv[1]).resolve()
    sources = [pathlib.Path(p) for p in sys.argv[2:]] or sorted(p.parent for p in (HERE / "models").glob("*/config.json"))
    failed = 0
    for source in sources:
        with tempfile.TemporaryDirectory() as work:
            check = Check(build, source, pathlib.Path(work))
            for name, options in OPTIONS.items():
                if name == "groups" and check.config["num_hidden_layers"] % 2:
                    continue
                try:
                    check.check_options(name, options)
                except RuntimeError as error:
                    print(f"FAILED  {source.name}: {name}: {error}")
                    check.failed += 1
            print(f"{'FAILED' if check.failed else 'ok    '}  {source.name}", flush=True)
            failed += check.failed
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
