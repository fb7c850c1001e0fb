#!/usr/bin/env python3
"""Trains a folded model to compute what its source computes, in PyTorch: what `albert-convert heal` does, for a GPU.

    albert-convert SOURCE/ -o folded/ --share ffn               # or all, attention, --groups 2 ...
    train_fold.py SOURCE/ folded/ trained/ --text lines.txt     # one text a line, no labels
    albert-convert trained/ -o model.alb                        # finds again what is shared, bit for bit

A folder has a tensor for every layer, also where layers share one. So equal tensors of one role become one parameter first,
and stay so; each layer's copy is written at the end. Only layers are trained: embeddings, heads and all other files of folded/
are in trained/ as they were. The loss is heal's: the distance between the hidden states of both models after each layer,
relative to the source's, and three times one less the cosine of a text's pooled vectors. One text in twenty is held out; the
result is what was best on those. Needs torch and transformers. SOURCE/ is a folder that transformers loads;
`albert-convert SOURCE -o folder/` makes one of anything else.
"""
import argparse
import copy
import json
import math
import pathlib
import random
import re
import shutil
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"
HELD_STEP, HELD_TOKENS, MEASURE = 20, 4096, 50
POOLED_WEIGHT, LONGEST_GRADIENT, WARM_UP, DECAY = 3.0, 1.0, 0.05, 0.01
ADAMW = {"betas": (0.9, 0.98), "eps": 1e-8, "fused": True}


def fail(message):
    sys.exit(f"train_fold.py: {message}")


# ---- texts ----

def read_json(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def read_texts(folder, path, config):
    """Token ids of the lines that are not empty, cut where sentence-transformers cuts them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    longest = min(tokenizer.model_max_length, config.max_position_embeddings,
                  read_json(folder / "sentence_bert_config.json").get("max_seq_length") or config.max_position_embeddings)
    lines = [line.rstrip("\r") for line in path.read_text(encoding="utf-8", errors="replace").split("\n")]
    return [tokenizer(line, truncation=True, max_length=longest)["input_ids"] for line in lines if line.strip()]


def hold_out(texts):
    """Texts to learn from and texts to measure with."""
    step = min(max(HELD_STEP, sum(map(len, texts)) // HELD_TOKENS + 1), len(texts))
    return [t for i, t in enumerate(texts) if i % step != step - 1], texts[step - 1::step]


def packed(texts, tokens):
    """Lists of texts that have `tokens` tokens together."""
    batch, have = [], 0
    for text in texts:
        batch.append(text)
        have += len(text)
        if have >= tokens:
            yield batch
            batch, have = [], 0
    if batch:
        yield batch


def endless(texts, tokens, seed):
    order = random.Random(seed)
    while True:
        yield from packed(order.sample(texts, len(texts)), tokens)


def padded(batch, device="cpu"):
    mask = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.int64)
    ids = torch.zeros_like(mask)
    for row, text in enumerate(batch):
        ids[row, :len(text)], mask[row, :len(text)] = torch.tensor(text), 1
    return ids.to(device), mask.to(device)


# ---- models ----

def load(folder):
    if not (folder / "config.json").exists():
        fail(f"{folder}: no folder with a config.json")
    try:
        model, info = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32,
                                                             local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        fail(f"{folder}: not loaded: {str(error).splitlines()[0]}")
    if info["missing_keys"]:
        fail(f"{folder}: tensors are missing: {', '.join(sorted(info['missing_keys']))}")
    return model.requires_grad_(False).eval()  # no dropout: it is to compute what the source does


def layers_of(model):
    encoder = getattr(model, "encoder", None)
    layers = getattr(encoder, "layer", getattr(encoder, "albert_layer_groups", None))
    if layers is None:
        fail(f"{model.config.model_type}: no BERT or ALBERT")
    return layers


def tie(layers):
    """Makes equal tensors of a role one parameter; returns the different ones of each role."""
    found = {}
    for name, parameter in list(layers.named_parameters()):
        owner, _, leaf = name.rpartition(".")
        different = found.setdefault(re.sub(r"\d+", "*", name), [])
        same = next((p for p in different if torch.equal(p, parameter)), None)
        if same is None:
            different.append(parameter)
        else:
            setattr(layers.get_submodule(owner), leaf, same)
    return found


def states(model, ids, mask):
    return model(ids, attention_mask=mask, output_hidden_states=True).hidden_states


def check_pair(teacher, student, text):
    """The number of layers; a fold of another model is refused."""
    for key in ("vocab_size", "hidden_size"):
        ours, theirs = getattr(student.config, key), getattr(teacher.config, key)
        if ours != theirs:
            fail(f"the fold is not of this source: {key} is {ours}, the source's is {theirs}")
    with torch.no_grad():
        have, want = (states(model, *padded([text])) for model in (student, teacher))
    if len(have) != len(want):
        fail(f"the fold is not of this source: it has {len(have) - 1} layers, the source {len(want) - 1}")
    if float((have[0] - want[0]).square().sum()) > 0.25 * float(want[0].square().sum()):
        fail("the fold is not of this source: its embeddings are others")
    return len(have) - 1


def pool(last, mask, pooling):
    if pooling == "cls":
        return last[:, 0]
    if pooling == "lasttoken":
        return last[torch.arange(len(last), device=last.device), mask.sum(1) - 1]
    if pooling == "max":
        return last.masked_fill(mask.unsqueeze(2) == 0, -math.inf).amax(1)
    return (last * (mask / mask.sum(1, keepdim=True)).unsqueeze(2)).sum(1)


def pooling_of(folder):
    config = read_json(folder / "1_Pooling" / "config.json")
    keys = {"pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_lasttoken": "lasttoken"}
    return config.get("pooling_mode") or next((name for key, name in keys.items() if config.get(key)), "mean")


# ---- training ----

def losses(student, teacher, batch, pooling="mean"):
    """The error of the states, mean over tokens and layers, and the mean cosine of the texts."""
    ids, mask = batch
    with torch.no_grad():
        want = states(teacher, ids, mask)
    have, real = states(student, ids, mask), mask.bool()
    error = 0
    for s, t in zip(have[1:], want[1:]):
        s, t = s[real], t[real]
        error = error + ((s - t).square().sum(1) / (t.square().sum(1) + 1e-12)).mean()
    cosines = torch.nn.functional.cosine_similarity(pool(have[-1], mask, pooling), pool(want[-1], mask, pooling))
    return error / (len(have) - 1), cosines.mean()


def total(error, cosine):
    return error + POOLED_WEIGHT * (1 - cosine)


def measure(student, teacher, batches, pooling):
    """Loss and cosine of all texts together."""
    error = cosine = tokens = texts = 0
    with torch.no_grad():
        for batch in batches:
            e, c = losses(student, teacher, batch, pooling)
            n, count = int(batch[1].sum()), len(batch[0])
            error, cosine, tokens, texts = error + float(e) * n, cosine + float(c) * count, tokens + n, texts + count
    return total(error / tokens, cosine / texts), cosine / texts


def rate_at(rate, done):
    """Up over the first twentieth, then down to zero along a cosine."""
    return rate * done / WARM_UP if done < WARM_UP else rate * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def optimizer_of(parameters):
    parameters = list(parameters)
    return torch.optim.AdamW([{"params": [p for p in parameters if p.dim() == 2], "weight_decay": DECAY},
                              {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}], **ADAMW)


def step(student, teacher, batch, pooling, optimizer, rate):
    loss = total(*losses(student, teacher, batch, pooling))
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], LONGEST_GRADIENT)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()


def train(student, teacher, learn, held, pooling, given):
    """Leaves the best weights in the student; returns loss and cosine on the texts held out, before and at best."""
    layers = layers_of(student).requires_grad_(True)
    optimizer = optimizer_of(layers.parameters())
    held = [padded(b, given.device) for b in packed(held, given.batch_tokens)]
    before = best = measure(student, teacher, held, pooling)
    kept = copy.deepcopy(layers.state_dict())
    for number, batch in zip(range(1, given.steps + 1), endless(learn, given.batch_tokens, given.seed)):
        rate = rate_at(given.lr, (number - 0.5) / given.steps)
        step(student, teacher, padded(batch, given.device), pooling, optimizer, rate)
        if number % MEASURE == 0 or number == given.steps:
            now = measure(student, teacher, held, pooling)
            print(f"step {number} of {given.steps}: held-out loss {now[0]:.4f}, cosine {now[1]:.4f}", file=sys.stderr, flush=True)
            if now[0] < best[0]:
                best, kept = now, copy.deepcopy(layers.state_dict())
    layers.load_state_dict(kept)
    return before, best


# ---- files ----

def save(model, folder, out):
    """The fold's folder with other layers; there whole or not at all."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
        new = pathlib.Path(beside) / out.name
        shutil.copytree(folder, new)
        tensors = load_file(new / WEIGHTS)
        for name, value in model.state_dict().items():
            if name.startswith("encoder."):
                stored = name if name in tensors else f"{model.base_model_prefix}.{name}"
                tensors[stored] = value.cpu().to(tensors[stored].dtype, copy=True).contiguous()
        save_file(tensors, new / WEIGHTS, metadata={"format": "pt"})
        new.rename(out)


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path, help="what was folded: a folder that transformers loads")
    parser.add_argument("folded", type=pathlib.Path, help="the fold, as albert-convert writes it")
    parser.add_argument("trained", type=pathlib.Path, help="the folder to write; must not be there")
    parser.add_argument("--text", type=pathlib.Path, required=True, help="UTF-8, a text a line")
    parser.add_argument("--steps", type=int, default=5000, help="how many batches to train (5000)")
    parser.add_argument("--batch-tokens", type=int, default=1024, help="tokens in a batch (1024)")
    parser.add_argument("--lr", type=float, default=2e-3, help="the highest rate (0.002)")
    parser.add_argument("--seed", type=int, default=1, help="which order the texts come in (1)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cuda where there is one, else cpu")
    given = parser.parse_args(argv)
    if given.steps < 1 or given.batch_tokens < 1 or not given.lr > 0:
        parser.error("--steps, --batch-tokens and --lr are more than 0")
    return given


def main(argv=None):
    given = parse(argv)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if given.trained.exists():
        fail(f"{given.trained}: is there already")
    if not (given.folded / WEIGHTS).exists():
        fail(f"{given.folded}: no {WEIGHTS} there, as albert-convert -o {given.folded}/ writes it")
    teacher, student = load(given.source), load(given.folded)
    try:
        texts = read_texts(given.source, given.text, teacher.config)
    except OSError as error:
        fail(f"{given.text}: {error.strerror or error}")
    if len(texts) < 2:
        fail(f"{given.text}: no texts: two lines at least are needed, one to learn from and one to measure with")
    layers = check_pair(teacher, student, texts[0])
    sets = {role: len(found) for role, found in tie(layers_of(student)).items() if found[0].dim() == 2}
    if min(sets.values()) == layers:
        fail(f"{given.folded}: no two layers share a matrix, so there is nothing to train; fold with --share all, attention or ffn")
    print("different matrices: " + ", ".join(f"{role.lstrip('*.')} {n}" for role, n in sets.items()), file=sys.stderr)
    if given.device.startswith("cuda"):
        torch.set_float32_matmul_precision("high")  # TF32
    learn, held = hold_out(texts)
    before, best = train(student.to(given.device), teacher.to(given.device), learn, held, pooling_of(given.source), given)
    save(student, given.folded, given.trained)
    print(f"{given.trained}: held-out loss {before[0]:.4f} to {best[0]:.4f}, cosine {before[1]:.4f} to {best[1]:.4f}")


if __name__ == "__main__":
    main()
