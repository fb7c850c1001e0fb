#!/usr/bin/env python3
"""The training of `albert-convert heal` in PyTorch, in a process of its own, for bench_heal.py.

    heal_torch.py TEACHER STUDENT TEXTS THREADS STEPS RATE SEED

Folders as transformers loads them; layers of STUDENT that have equal tensors share them. TEXTS has a text a line. Each
line on stdin is one training from the start, answered with one line of JSON: seconds and tokens of its steps, tokens
with padding, and the loss on texts held out before and after. The same texts in the same batches, the same loss, rate,
AdamW and clipping as ours; a batch is padded to its longest text. Nothing else is asked of PyTorch than is usual:
embeddings are frozen, the teacher runs without gradients, AdamW is the fused one.
"""
import json
import math
import pathlib
import sys
import time

import torch
import transformers

BATCH_TOKENS, HELD_STEP, HELD_TOKENS = 1024, 20, 4096  # tune/batches.c
POOLED_WEIGHT, LONGEST_GRADIENT, WARM_UP = 3.0, 1.0, 0.05  # tune/loss.c, tune/train.c, tune/adamw.c
ADAMW = {"betas": (0.9, 0.98), "eps": 1e-8, "fused": True}
DECAY = 0.01
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


def padded(batch):
    longest = max(map(len, batch))
    ids = torch.zeros(len(batch), longest, dtype=torch.int64)
    mask = torch.zeros(len(batch), longest, dtype=torch.int64)
    for row, text in enumerate(batch):
        ids[row, :len(text)] = torch.tensor(text)
        mask[row, :len(text)] = 1
    return ids, mask


# ---- models ----

def load(folder):
    model = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32)
    model.embeddings.requires_grad_(False)
    return model.eval()  # no dropout: the student is to compute what the teacher does


def tie_equal(model):
    """Parameters of layers that are equal become one."""
    first = {}
    for name, parameter in list(model.named_parameters()):
        if not parameter.requires_grad:
            continue
        key = (tuple(parameter.shape), parameter.detach().numpy().tobytes())
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, first.setdefault(key, parameter))


def loss_of(student, teacher, ids, mask):
    with torch.no_grad():
        want = teacher(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    have = student(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    real = mask.bool()
    states = 0
    for s, t in zip(have[1:], want[1:]):
        s, t = s[real], t[real]
        states = states + ((s - t).square().sum(1) / (t.square().sum(1) + 1e-12)).mean()
    weight = (mask / mask.sum(1, keepdim=True)).unsqueeze(2)
    cosines = torch.nn.functional.cosine_similarity((have[-1] * weight).sum(1), (want[-1] * weight).sum(1))
    return states / (len(have) - 1) + POOLED_WEIGHT * (1 - cosines.mean())


def held_loss(student, teacher, texts):
    """The mean over batches as ours sums them: by tokens and by texts; here all at once."""
    with torch.no_grad():
        return float(loss_of(student, teacher, *padded([texts[i] for i in held_out(texts)])))


def rate_at(rate, done):
    return rate * done / WARM_UP if done < WARM_UP else rate * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def optimizer_of(student):
    trained = [p for p in student.parameters() if p.requires_grad]
    return torch.optim.AdamW([{"params": [p for p in trained if p.dim() == 2], "weight_decay": DECAY},
                              {"params": [p for p in trained if p.dim() == 1], "weight_decay": 0.0}], **ADAMW)


def train(student, teacher, texts, steps, rate, seed):
    """Seconds, tokens, tokens with padding."""
    source, optimizer = batches(texts, seed), optimizer_of(student)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    tokens = filled = 0
    started = time.perf_counter()
    for step in range(steps):
        ids, mask = padded(next(source))
        loss = loss_of(student, teacher, ids, mask)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, LONGEST_GRADIENT)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(rate, (step + 0.5) / steps)
        optimizer.step()
        optimizer.zero_grad()
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
    teacher, student = load(teacher_folder), load(folder)
    tie_equal(student)
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
