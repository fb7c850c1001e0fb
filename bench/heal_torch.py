#!/usr/bin/env python3
"""The training of `albert-convert heal` in PyTorch, in a process of its own, for bench_heal.py.

    heal_torch.py TEACHER STUDENT TEXTS THREADS STEPS RATE SEED

What is trained is what examples/train_fold.py trains, in heal's batches and order. TEXTS has a text a line. Each
line on stdin is one training from the start, answered with one line of JSON: seconds and tokens of its steps, tokens
with padding, and the loss on texts held out before and after. The same texts in the same batches, the same loss, rate,
AdamW and clipping as ours; a batch is padded to its longest text. Nothing else is asked of PyTorch than is usual:
embeddings are frozen, the teacher runs without gradients, AdamW is the fused one.
"""
import json
import pathlib
import sys
import time

import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "examples"))
import train_fold

BATCH_TOKENS, HELD_STEP, HELD_TOKENS = 1024, 20, 4096  # tune/batches.c
WORD = (1 << 64) - 1


# ---- texts and batches, as tune/batches.c makes them ----

def splitmix(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & WORD
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & WORD
        yield z ^ z >> 31


def held_out(texts):
    step = min(max(HELD_STEP, sum(map(len, texts)) // HELD_TOKENS + 1), len(texts))
    return list(range(step - 1, len(texts), step))


def shuffled(train, seed, epoch):
    order, random = list(train), splitmix((seed * 0x2545F4914F6CDD1D + epoch) & WORD)
    for i in range(len(order), 1, -1):
        j = next(random) % i
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def batches(texts, seed):
    """Lists of texts with BATCH_TOKENS together, for ever; none goes over the end of an epoch."""
    held = set(held_out(texts))
    train = [i for i in range(len(texts)) if i not in held]
    for epoch in range(1 << 30):
        batch, tokens = [], 0
        for i in shuffled(train, seed, epoch):
            batch.append(texts[i])
            tokens += len(texts[i])
            if tokens >= BATCH_TOKENS:
                yield batch
                batch, tokens = [], 0
        if batch:
            yield batch


# ---- the two models ----

def held_loss(student, teacher, texts):
    """The mean over batches as ours sums them: by tokens and by texts; here all at once."""
    with torch.no_grad():
        return float(train_fold.total(*train_fold.losses(student, teacher, train_fold.padded([texts[i] for i in held_out(texts)]))))


def train(student, teacher, texts, steps, rate, seed):
    """Seconds, tokens, tokens with padding."""
    source, optimizer = batches(texts, seed), train_fold.optimizer_of(train_fold.layers_of(student).parameters())
    tokens = filled = 0
    started = time.perf_counter()
    for step in range(steps):
        ids, mask = train_fold.padded(next(source))
        train_fold.step(student, teacher, (ids, mask), "mean", optimizer, train_fold.rate_at(rate, (step + 0.5) / steps))
        tokens += int(mask.sum())
        filled += mask.numel()
    return time.perf_counter() - started, tokens, filled


def read_texts(tokenizer, path, longest):
    lines = [line.rstrip("\r") for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n")]
    return [tokenizer(line, truncation=True, max_length=longest)["input_ids"] for line in lines if line]


def main():
    teacher_folder, folder, path, threads, steps, rate, seed = sys.argv[1:]
    torch.set_num_threads(int(threads))
    tokenizer = transformers.AutoTokenizer.from_pretrained(teacher_folder)
    teacher, student = train_fold.load(pathlib.Path(teacher_folder)), train_fold.load(pathlib.Path(folder))
    train_fold.tie(train_fold.layers_of(student).requires_grad_(True))
    texts = read_texts(tokenizer, path, teacher.config.max_position_embeddings)
    start = {name: value.clone() for name, value in student.state_dict().items()}
    train(student, teacher, texts, 2, 0.0, int(seed))  # warm
    print(json.dumps({"torch": torch.__version__, "transformers": transformers.__version__}), flush=True)
    for _ in sys.stdin:
        student.load_state_dict(start)
        before = held_loss(student, teacher, texts)
        seconds, tokens, filled = train(student, teacher, texts, int(steps), float(rate), int(seed))
        print(json.dumps({"seconds": seconds, "tokens": tokens, "padded": filled, "loss_before": before,
                          "loss_after": held_loss(student, teacher, texts)}), flush=True)


if __name__ == "__main__":
    main()
