#!/usr/bin/env python3
"""Writes the tiny random-weight models of tests/e2e/models: one per way in which BERT and ALBERT checkpoints differ.

Needs torch, transformers, safetensors (make_expected.py names the versions in what it writes). The weights come from
numpy's PCG64 seeded by the model's and the tensor's name, so running it again gives the same bytes.
"""
import hashlib
import json
import pathlib
import shutil
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = {
    "BertModel": (transformers.BertConfig, transformers.BertModel),
    "BertForMaskedLM": (transformers.BertConfig, transformers.BertForMaskedLM),
    "BertForPreTraining": (transformers.BertConfig, transformers.BertForPreTraining),
    "BertForSequenceClassification": (transformers.BertConfig, transformers.BertForSequenceClassification),
    "BertForTokenClassification": (transformers.BertConfig, transformers.BertForTokenClassification),
    "BertForQuestionAnswering": (transformers.BertConfig, transformers.BertForQuestionAnswering),
    "AlbertForSequenceClassification": (transformers.AlbertConfig, transformers.AlbertForSequenceClassification),
    "AlbertForTokenClassification": (transformers.AlbertConfig, transformers.AlbertForTokenClassification),
    "AlbertForQuestionAnswering": (transformers.AlbertConfig, transformers.AlbertForQuestionAnswering),
    "AlbertModel": (transformers.AlbertConfig, transformers.AlbertModel),
    "AlbertForMaskedLM": (transformers.AlbertConfig, transformers.AlbertForMaskedLM),
}
BERT = dict(hidden_size=24, num_attention_heads=2, intermediate_size=40, num_hidden_layers=2, vocab_size=60,
            max_position_embeddings=40, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12)
ALBERT = dict(BERT, embedding_size=20, num_hidden_layers=4, num_hidden_groups=1, inner_group_num=1)
ODD = dict(hidden_size=36, num_attention_heads=3, intermediate_size=50)
ENTITIES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
HEAD = dict(BERT, hidden_size=16, intermediate_size=24, hidden_act="relu")
SMALL = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=4)

# One line a model: name, class, configuration, and what is special about the file:
#   decoder   tied: in the file, equal to the word embeddings; untied: its own; absent: not in the file
#   dtype     of all tensors, or "mixed"; shards: number of files; equal: layers and part that are copies
#   gamma     LayerNorm tensors under TensorFlow's names; buffers: position_ids and such lie in the file
#   pooling   sentence-transformers files beside it; vocab: a WordPiece vocabulary
#   labels    the classes of a head; none: config.json says nothing, which means two
#   config    what config.json says besides; pooler: the file has one that the class has not
MODELS = [
    ("bert-gelu", "BertForMaskedLM", BERT, dict(decoder="tied", buffers=True)),
    ("bert-gelu-new", "BertModel", dict(BERT, **ODD, hidden_act="gelu_new", type_vocab_size=1, num_hidden_layers=1), {}),
    ("bert-gelu-pytorch-tanh", "BertForMaskedLM", dict(BERT, hidden_act="gelu_pytorch_tanh"),
     dict(decoder="absent", gamma=True)),
    ("bert-relu", "BertModel", dict(BERT, hidden_act="relu", type_vocab_size=3, layer_norm_eps=1e-5),
     dict(pooling="cls", vocab=True, buffers=True)),
    ("bert-silu", "BertForMaskedLM", dict(BERT, hidden_act="silu", tie_word_embeddings=False), dict(decoder="untied")),
    ("bert-odd", "BertModel", dict(BERT, hidden_size=35, num_attention_heads=5, intermediate_size=51, vocab_size=61,
                                   max_position_embeddings=37, num_hidden_layers=1), dict(pooling="max+normalize")),
    ("bert-f16", "BertModel", dict(BERT, **ODD), dict(dtype="f16")),
    ("bert-bf16", "BertModel", dict(BERT, **ODD), dict(dtype="bf16", gamma=True)),
    ("bert-f64", "BertModel", dict(BERT, **dict(SMALL, num_hidden_layers=2), hidden_act="relu"), dict(dtype="f64")),
    ("bert-mixed", "BertForMaskedLM", BERT, dict(dtype="mixed", decoder="absent")),
    ("bert-sharded", "BertForMaskedLM", BERT, dict(shards=3, decoder="tied")),
    ("bert-pretraining", "BertForPreTraining", dict(BERT, **SMALL), dict(decoder="absent")),
    ("bert-equal-layers", "BertModel", dict(BERT, **SMALL), dict(equal=[(1, 2, "")])),
    ("bert-equal-ffn", "BertModel", dict(BERT, **SMALL), dict(equal=[(0, 2, "ffn"), (1, 3, "ffn")])),
    ("bert-equal-attention", "BertModel", dict(BERT, **SMALL), dict(equal=[(0, 3, "attention")])),
    ("bert-all-equal", "BertModel", dict(BERT, **SMALL), dict(equal=[(0, 1, ""), (0, 2, ""), (0, 3, "")])),
    ("albert-gelu-new", "AlbertForMaskedLM", dict(ALBERT, **ODD, hidden_act="gelu_new"), dict(decoder="absent")),
    ("albert-groups", "AlbertModel", dict(ALBERT, num_hidden_groups=2, type_vocab_size=3), {}),
    ("albert-inner", "AlbertForMaskedLM", dict(ALBERT, hidden_size=18, intermediate_size=30, num_hidden_groups=2,
                                               inner_group_num=2, embedding_size=12), dict(decoder="tied")),
    ("bert-classify", "BertForSequenceClassification", HEAD, dict(labels=["bad", "so-so", "good"], vocab=True)),
    ("bert-multilabel", "BertForSequenceClassification", HEAD, dict(labels=["LABEL_0", "x", "y", "z"], vocab=True,
                                                                     config={"problem_type": "multi_label_classification"})),
    ("bert-rerank", "BertForSequenceClassification", HEAD, dict(labels=["LABEL_0"], vocab=True)),
    ("bert-rerank-identity", "BertForSequenceClassification", HEAD, dict(
        labels=["LABEL_0"], vocab=True,
        config={"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.0.1"}})),
    ("bert-ner", "BertForTokenClassification", HEAD, dict(labels=ENTITIES, vocab=True, pooler=True)),
    ("bert-qa", "BertForQuestionAnswering", HEAD, dict(vocab=True)),
    ("albert-classify", "AlbertForSequenceClassification", dict(ALBERT, **ODD), {}),
    ("albert-ner", "AlbertForTokenClassification", dict(ALBERT, **ODD), dict(labels=["O", "B-X", "I-X"])),
    ("albert-qa", "AlbertForQuestionAnswering", dict(ALBERT, **ODD), {}),
    ("albert-f16", "AlbertModel", dict(ALBERT, **ODD, hidden_act="relu", type_vocab_size=1), dict(dtype="f16")),
]

DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}


def generator(text):
    """Random numbers that depend on a text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed))


def random_tensor(model, name, shape):
    """Weights large enough that attention is far from uniform and activations far from linear."""
    values = generator(f"{model}/{name}").standard_normal(shape)
    if name.endswith("LayerNorm.weight") or name.endswith("layer_norm.weight"):
        return torch.tensor(1 + 0.3 * values)
    if len(shape) == 1:
        return torch.tensor(0.2 * values)
    if "embeddings" in name or name.startswith(("classifier", "qa_outputs")):
        return torch.tensor(0.7 * values)
    return torch.tensor(values * 1.3 / np.sqrt(shape[-1]))


def in_part(rest, part):
    """Whether the tensor "attention.self.key.bias" (what follows "layer.N") belongs to a part."""
    if part == "ffn":
        return not rest.startswith("attention.")
    return rest.startswith("attention.") if part == "attention" else True


def copy_parts(state, equal):
    for source, target, part in equal:
        for name in list(state):
            head, mark, rest = name.partition(f"layer.{target}.")
            if mark and in_part(rest, part):
                state[name] = state[f"{head}layer.{source}.{rest}"]


def dtype_of(name, special):
    kind = special.get("dtype", "f32")
    if kind != "mixed":
        return DTYPES[kind]
    return list(DTYPES.values())[hashlib.sha256(name.encode()).digest()[0] % 4]


def head_config(special):
    """What config.json says of the classes."""
    labels = special.get("labels", [])
    id2label = {"id2label": {str(i): label for i, label in enumerate(labels)}} if labels else {}
    return dict(special.get("config", {}), **id2label)


def make_state(name, class_name, settings, special):
    config_class, model_class = CLASSES[class_name]
    model = model_class(config_class(**settings, **head_config(special)))
    state = {k: random_tensor(name, k, tuple(v.shape)) for k, v in model.named_parameters(remove_duplicate=True)}
    copy_parts(state, special.get("equal", []))
    state = {k: v.to(dtype_of(k, special)).contiguous().clone() for k, v in state.items()}
    if "O" in special.get("labels", []):  # other classes get their share of the tokens
        state["classifier.bias"][0] -= 4
    if special.get("pooler"):
        for kind, shape in (("weight", (settings["hidden_size"],) * 2), ("bias", (settings["hidden_size"],))):
            state[f"bert.pooler.dense.{kind}"] = random_tensor(name, f"bert.pooler.dense.{kind}", shape).float()
    word = next(k for k in state if k.endswith("word_embeddings.weight"))
    decoder = "predictions.decoder" if class_name.startswith("Albert") else "cls.predictions.decoder"
    kind = special.get("decoder")
    if kind:
        state[f"{decoder}.bias"] = state[decoder.replace("decoder", "bias")].clone()
    if kind == "tied":
        state[f"{decoder}.weight"] = state[word].clone()
    elif kind == "absent":
        state.pop(f"{decoder}.weight", None)
        state.pop(f"{decoder}.bias")
    if special.get("buffers"):
        prefix = word[:-len("word_embeddings.weight")]
        positions = settings["max_position_embeddings"]
        state[prefix + "position_ids"] = torch.arange(positions).unsqueeze(0)
        state[prefix + "token_type_ids"] = torch.zeros((1, positions), dtype=torch.int64)
    if special.get("gamma"):
        state = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
                 for k, v in state.items()}
    return state


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_weights(folder, state, shards):
    names = sorted(state)
    if shards == 1:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    files = [f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
    weight_map = {name: files[i % shards] for i, name in enumerate(names)}
    for file in files:
        part = {n: state[n] for n in names if weight_map[n] == file}
        save_file(part, folder / file, metadata={"format": "pt"})
    total = sum(t.numel() * t.element_size() for t in state.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


def write_pooling(folder, settings, pooling):
    kinds = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    kind, _, normalize = pooling.partition("+")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
               {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    if normalize:
        modules.append({"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"})
    write_json(folder / "modules.json", modules)
    write_json(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": settings["hidden_size"],
        **{f"pooling_mode_{v}": k == kind for k, v in kinds.items()}, "pooling_mode_mean_sqrt_len_tokens": False})
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": settings["max_position_embeddings"] - 2,
                                                      "do_lower_case": False})


def write_vocab(folder, size):
    """A vocabulary for lower-case English letters, digits and a few pieces, padded with unused entries."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = list("abcdefghijklmnopqrstuvwxyz") + [f"##{c}" for c in "aeiourstn"] + ["the", "cat", "sat", ".", ",", "1"]
    words = special + pieces
    words += [f"[unused{i}]" for i in range(size - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True,
                                                  "strip_accents": None, "tokenize_chinese_chars": True,
                                                  "model_max_length": 512})


def make(name, class_name, settings, special):
    folder = HERE / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model_type = "albert" if class_name.startswith("Albert") else "bert"
    write_json(folder / "config.json", dict(settings, architectures=[class_name], model_type=model_type,
                                             **head_config(special)))
    write_weights(folder, make_state(name, class_name, settings, special), special.get("shards", 1))
    if "pooling" in special:
        write_pooling(folder, settings, special["pooling"])
    if special.get("vocab"):
        write_vocab(folder, settings["vocab_size"])
    print(name, sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()))


if __name__ == "__main__":
    for model in MODELS:
        if not sys.argv[1:] or model[0] in sys.argv[1:]:
            make(*model)
