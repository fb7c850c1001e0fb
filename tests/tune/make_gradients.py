#!/usr/bin/env python3
"""Writes tests/tune/gradients: what PyTorch's autograd gives for the loss that `albert-convert heal` makes smaller.

    make_gradients.py

Needs torch and transformers. The student is a model of tests/e2e/models; the teacher's states are made-up numbers, so that
nothing else has to be loaded. NAME.f32 holds little-endian f32; NAME.txt says what they are: a line "case MODEL POOLING HEAD",
one "loss VALUE", and for each array "ROLE LAYER OFFSET COUNT" (offset in numbers; the first layer that uses the array, 0 for
embeddings). tests/unit/test_gradients.c computes the same with ours. Of a model with a head, whose loss is what matters there, only
arrays of at most SMALL numbers are kept.
"""
import pathlib

import numpy
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent / "e2e" / "models"
SMALL = 64
LENGTHS = (7, 1, 12)
POOLED_WEIGHT = 3.0

# name, model, pooling, head
CASES = (("bert", "bert-gelu", "mean", "none"), ("albert", "albert-groups", "max", "none"), ("classify", "bert-classify", "cls", "classify"),
         ("multilabel", "bert-multilabel", "last", "independent"), ("rerank", "bert-rerank", "mean", "classify"),
         ("ner", "albert-ner", "mean", "ner"), ("qa", "albert-qa", "mean", "qa"))
CLASSES = {"none": "AutoModel", "classify": "AutoModelForSequenceClassification", "independent": "AutoModelForSequenceClassification",
           "ner": "AutoModelForTokenClassification", "qa": "AutoModelForQuestionAnswering"}

# What stands in names of parameters, and the role; {L}: the layer's part of the name.
BERT = {"embeddings.word_embeddings": "embeddings.word", "embeddings.position_embeddings": "embeddings.position",
        "embeddings.token_type_embeddings": "embeddings.type", "embeddings.LayerNorm": "embeddings.norm",
        "{L}.attention.self.query": "attention.query", "{L}.attention.self.key": "attention.key",
        "{L}.attention.self.value": "attention.value", "{L}.attention.output.dense": "attention.output",
        "{L}.attention.output.LayerNorm": "attention.norm", "{L}.intermediate.dense": "ffn.up", "{L}.output.dense": "ffn.down",
        "{L}.output.LayerNorm": "ffn.norm"}
ALBERT = {**{k: v for k, v in BERT.items() if not k.startswith("{L}")},
          "encoder.embedding_hidden_mapping_in": "embeddings.projection", "{L}.attention.query": "attention.query",
          "{L}.attention.key": "attention.key", "{L}.attention.value": "attention.value", "{L}.attention.dense": "attention.output",
          "{L}.attention.LayerNorm": "attention.norm", "{L}.ffn": "ffn.up", "{L}.ffn_output": "ffn.down",
          "{L}.full_layer_layer_norm": "ffn.norm"}


def roles(config):
    """{name of a parameter: (role, layer)}."""
    names, albert = {}, config.model_type == "albert"
    groups = config.num_hidden_groups if albert else config.num_hidden_layers
    for g in range(groups):
        layer = f"encoder.albert_layer_groups.{g}.albert_layers.0" if albert else f"encoder.layer.{g}"
        for pattern, role in (ALBERT if albert else BERT).items():
            for part in ("weight", "bias"):
                table = role in ("embeddings.word", "embeddings.position", "embeddings.type")
                first = g * config.num_hidden_layers // groups if "{L}" in pattern else 0
                names[f"{pattern.replace('{L}', layer)}.{part}"] = (role if table else f"{role}.{part}", first)
    return names


def made_up(state, count):
    """Numbers from -1 to 1 that 24 bits hold exactly."""
    i = numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(1000003 * state + 1)
    return ((i * numpy.uint64(2654435761) % numpy.uint64(1 << 32) >> numpy.uint64(8)).astype(numpy.float32) / 8388608.0 - 1).astype(numpy.float32)


def logits_of(model, head, hidden):
    """Of one text's last states [tokens, hidden]: distributions along the last axis."""
    base = model.base_model
    if head in ("classify", "independent"):
        pooled = base.pooler(hidden[None]) if model.config.model_type == "bert" else torch.tanh(base.pooler(hidden[:1]))
        return model.classifier(pooled)
    return model.qa_outputs(hidden).T if head == "qa" else model.classifier(hidden)


def distances(head, s, t):
    """Of each distribution."""
    if head == "independent":
        p, q = torch.sigmoid(t), torch.nn.functional.logsigmoid
        return (p * (q(t) - q(s)) + (1 - p) * (q(-t) - q(-s))).sum(1)
    if s.shape[1] == 1 and head == "classify":
        return (0.5 * (s - t).square() / (1 + t.square())).sum(1)
    return torch.nn.functional.kl_div(s.log_softmax(1), t.log_softmax(1), reduction="none", log_target=True).sum(1)


def pool(pooling, x):
    return {"mean": lambda: x.mean(0), "max": lambda: x.max(0).values, "cls": lambda: x[0], "last": lambda: x[-1]}[pooling]()


def inputs(config):
    at = 0
    for length in LENGTHS:
        i = torch.arange(at, at + length)
        at += length
        yield at - length, (i * 7 + 3) % config.vocab_size, (i % 3 == 0).long() % config.type_vocab_size


def loss_of(model, pooling, head):
    config, tokens = model.config, sum(LENGTHS)
    states = cosines = 0.0
    answers = []
    width = config.hidden_size
    teacher = [torch.tensor(made_up(l, tokens * width)).reshape(tokens, width) for l in range(config.num_hidden_layers + 1)]
    for at, ids, types in inputs(config):
        have = model.base_model(ids[None], token_type_ids=types[None], output_hidden_states=True).hidden_states[1:]
        want = [t[at:at + len(ids)] for t in teacher[1:]]
        have = [h[0] for h in have]
        for s, t in zip(have, want):
            states = states + ((s - t).square().sum(1) / t.square().sum(1)).sum() / tokens / len(have)
        cosines = cosines + torch.nn.functional.cosine_similarity(pool(pooling, have[-1]), pool(pooling, want[-1]), dim=0)
        if head != "none":
            answers.append(distances(head, logits_of(model, head, have[-1]), logits_of(model, head, want[-1]).detach()))
    loss = states + POOLED_WEIGHT * (1 - cosines / len(LENGTHS))
    return loss + torch.cat(answers).mean() if answers else loss


def make(name, folder, pooling, head):
    model = getattr(transformers, CLASSES[head]).from_pretrained(MODELS / folder, attn_implementation="eager", dtype=torch.float32).eval()
    loss = loss_of(model, pooling, head)
    loss.backward()
    lines, values, offset = [f"case {folder} {pooling} {head}", f"loss {loss.item():.9g}"], [], 0
    known = roles(model.config)
    for parameter, tensor in model.base_model.named_parameters():
        if parameter not in known or (head != "none" and tensor.numel() > SMALL):
            continue
        role, layer = known[parameter]
        lines.append(f"{role} {layer} {offset} {tensor.numel()}")
        values.append(tensor.grad.numpy().astype("<f4").ravel())
        offset += tensor.numel()
    (HERE / "gradients" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (HERE / "gradients" / f"{name}.f32").write_bytes(numpy.concatenate(values).tobytes())
    print(f"{name}: loss {loss.item():.6f}, {len(values)} arrays, {offset} numbers")


def main():
    torch.set_num_threads(1)
    for case in CASES:
        make(*case)


if __name__ == "__main__":
    main()
