#!/usr/bin/env python3
"""Writes tests/e2e/expected: what PyTorch's transformers computes for the models of the end-to-end tests.

    make_expected.py [--models DIR] [NAME ...]     DIR holds what tools/fetch_models.sh brings (default: models)

Needs torch and transformers. f32, eager attention, one thread, one sequence at a time (no padding). README.md beside
this file describes the files. Models that are not there are left as they are. Models that answer questions need
transformers 4 (the last with that pipeline), those that rank need sentence-transformers; without, they are left too.
"""
import argparse
import functools
import importlib.util
import json
import pathlib

import numpy as np
import tokenizers
import torch
import transformers

from make_tiny_models import generator

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OTHER_HEADS = ("predictions.", "seq_relationship.", "pooler.", "classifier.", "qa_outputs.", "position_ids", "token_type_ids")
BOUND = 2e-5  # largest difference / largest magnitude of the array

TEXTS = (HERE / "texts.txt").read_text().split("\n")[:-1]
SHORT_TEXTS = ["the cat sat.", "The CAT, sat!", "a", "1 cat, 1 rat: the rat sat on the cat", "", "the [MASK] [SEP] sat",
               "\u00dcber na\u00efve caf\u00e9 1 the", "\u65e5\u672c the \u732b xyzzy", "cat\tcat\n the\u00a0cat  sat", "\U0001f600 the cat \U0001f408!",
               "the cat sat on the mat, " * 12]
TEXT_PAIRS = [("the cat sat", "on the mat."), ("a", ""), ("the rat, the rat and the cat " * 6, "the cat"), ("cat", "the mat " * 30),
              ("\u00dcber", "\u65e5\u672c sat")]
QUESTIONS = [("the cat?", "the cat sat on the mat, 1 rat."), ("a", "the"), ("the rat sat?", "The CAT sat; the cat SAT. the Cat sat"),
             ("the cat?", "the cat sat on a mat, 1 rat in the house. the rats and cats eat it, the cat is on, not in it. 1 dog, "
                          "two dogs, three rats: nothing at all, 1 house, no cat in sight. the end of it, the end."),
             ("on the mat, on it?", "\u00dcber \u65e5\u672c the cat sat\n\non naturally \U0001f408 unobtainable things, and the "
              "[SEP] came, \u00c9tude in the caf\u00e9 as often as not; \u00e9tude ETUDE it is"),
             ("s", "antidisestablishmentarianism electroencephalographically the cat inconsiderately sat unintentionally")]
QUERY, DOCUMENTS = "the cat sat?", ["the cat sat on the mat.", "a rat", "", "1 cat", "the cat sat on the mat, " * 12, "na\u00efve"]
HEADS = {"ForSequenceClassification": "classify", "ForTokenClassification": "ner", "ForQuestionAnswering": "qa"}

REACTION = "OB(O)c1ccccc1.Brc1ccncc1>>c1ccc(-c2ccncc2)cc[MASK]"


class Recorder:
    """Collects the arrays of one model; each knows its place in NAME.f32."""

    def __init__(self, name, folder):
        self.name, self.bytes = name, b""
        self.json = {"model": folder, "made_with": {"torch": torch.__version__.partition("+")[0],
                                                    "transformers": transformers.__version__,
                                                    "tokenizers": tokenizers.__version__},
                     "inputs": [], "checks": []}

    def input(self, **fields):
        self.json["inputs"].append(fields)
        return len(self.json["inputs"]) - 1

    def check(self, what, source, array, bound=BOUND, **fields):
        array = np.ascontiguousarray(array, dtype="<f4")
        self.json["checks"].append({"what": what, "input": source, "bound": bound, **fields, "offset": len(self.bytes),
                                    "shape": list(array.shape)})
        self.bytes += array.tobytes()

    def write(self):
        out = HERE / "expected"
        out.mkdir(exist_ok=True)
        lists = ("inputs", "checks")
        head = {k: v for k, v in self.json.items() if k not in lists}
        text = json.dumps(head)[:-1]
        for key in lists:
            text += f',\n"{key}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in self.json[key]) + "\n]"
        (out / f"{self.name}.json").write_text(text + "}\n")
        (out / f"{self.name}.f32").write_bytes(self.bytes)
        print(f"{self.name}: {len(self.json['checks'])} checks, {len(text) + len(self.bytes)} bytes")


def load(folder, kind):
    """The model as f32; fails when transformers misses or ignores a tensor that matters."""
    model, info = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                       output_loading_info=True)
    missing = [k for k in info["missing_keys"] if "pooler." not in k]
    unused = [k for k in info["unexpected_keys"] if not any(part in k for part in OTHER_HEADS)]
    if missing or unused or info["mismatched_keys"]:
        raise SystemExit(f"{folder}: missing {missing}, unused {unused}, mismatched {info['mismatched_keys']}")
    return model.eval()


def has_tensor(folder, part):
    index = folder / "model.safetensors.index.json"
    if index.exists():
        return any(part in name for name in json.loads(index.read_text())["weight_map"])
    with open(folder / "model.safetensors", "rb") as file:
        return part.encode() in file.read(int.from_bytes(file.read(8), "little"))


@torch.no_grad()
def forward(model, ids, types):
    out = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]), output_hidden_states=True)
    return {k: [x[0].numpy() for x in v] if k == "hidden_states" else v[0].numpy()
            for k, v in out.items() if k in ("last_hidden_state", "hidden_states", "pooler_output", "logits")}


def pool(hidden, kind):
    return {"mean": lambda: hidden.astype(np.float64).mean(axis=0), "cls": lambda: hidden[0],
            "max": lambda: hidden.max(axis=0)}[kind]()


def normalize(vector):
    return vector / max(float(np.linalg.norm(vector.astype(np.float64))), 1e-12)


def random_ids(name, length, vocab, types):
    rng = generator(f"{name} {length}")
    ids = [int(i) for i in rng.integers(0, vocab, length)]
    cuts = sorted(int(i) for i in rng.integers(0, length + 1, types - 1))
    return ids, [sum(i >= cut for cut in cuts) for i in range(length)]


def stated_pooling(folder):
    """(kind, normalized) of sentence-transformers' files; what it takes by default when there are none."""
    config = folder / "1_Pooling" / "config.json"
    if not config.exists():
        return "mean", False
    flags = json.loads(config.read_text())
    kind = next(k for k in ("cls", "mean", "max") if flags.get(f"pooling_mode_{k}_token" + "s" * (k != "cls")))
    return kind, "Normalize" in (folder / "modules.json").read_text()


def record_model(recorder, folder, lengths, layers_at, few_rows=10**9, logit_rows=10**9):
    """Encoder, pooler, pooled and MLM values for random ids of the given lengths."""
    config = json.loads((folder / "config.json").read_text())
    encoder = load(folder, transformers.AutoModel)
    mlm = load(folder, transformers.AutoModelForMaskedLM) if has_tensor(folder, "predictions.") else None
    for length in lengths:
        ids, types = random_ids(recorder.name, length, config["vocab_size"], config["type_vocab_size"])
        source = recorder.input(input_ids=ids, token_type_ids=types)
        out = forward(encoder, ids, types)
        record_encoder(recorder, source, out, folder, few_rows, length == layers_at)
        if mlm is not None:
            record_rows(recorder, "logits", source, forward(mlm, ids, types)["logits"], logit_rows)


def record_rows(recorder, what, source, array, limit):
    """All rows, or `limit` rows spread over the array with the first and the last; of wide rows every 31st number."""
    fields = {}
    if len(array) > limit:
        fields["rows"] = sorted({round(i * (len(array) - 1) / (limit - 1)) for i in range(limit)})
        array = array[fields["rows"]]
    if array.shape[1] > 2048:
        fields["column_step"] = 31
        array = array[:, ::31]
    recorder.check(what, source, array, **fields)


def record_encoder(recorder, source, out, folder, few_rows, with_layers):
    hidden = out["last_hidden_state"]
    record_rows(recorder, "hidden", source, hidden, few_rows)
    if not with_layers:
        return
    for layer, values in enumerate(out["hidden_states"]):
        recorder.check("layer", source, values, layer=layer)
    if "pooler_output" in out and has_tensor(folder, "pooler."):
        recorder.check("pooler", source, out["pooler_output"])
    for kind in ("mean", "cls", "max"):
        recorder.check("pool", source, pool(hidden, kind), pooling=kind)
    kind, normalized = stated_pooling(folder)
    vector = pool(hidden, kind)
    recorder.check("embed", source, normalize(vector) if normalized else vector)


def tiny(folder):
    recorder = Recorder(folder.name, str(folder.relative_to(ROOT)))
    config = json.loads((folder / "config.json").read_text())
    record_model(recorder, folder, lengths=(1, 2, 5, config["max_position_embeddings"]), layers_at=5)
    end = next((end for end in HEADS if config["architectures"][0].endswith(end)), None)
    if end:
        model = load(folder, getattr(transformers, config["architectures"][0]))
        record_head(recorder, HEADS[end], model)
        if (folder / "vocab.txt").exists():
            record_pipeline(recorder, folder, HEADS[end], model, config["max_position_embeddings"])
    return recorder


@torch.no_grad()
def record_head(recorder, task, model):
    """The logits of a head for every input."""
    for source, fields in enumerate(recorder.json["inputs"]):
        out = model(**{k: torch.tensor([fields[k]]) for k in ("input_ids", "token_type_ids")})
        logits = torch.stack((out["start_logits"], out["end_logits"]), -1) if task == "qa" else out["logits"]
        recorder.check("head", source, logits[0].numpy(), task=task)


def plain(value):
    """Without numpy's types; lists and dictionaries all the way down."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def record_pipeline(recorder, folder, task, model, longest):
    """What transformers' pipelines (and sentence-transformers' CrossEncoder) reply to texts."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, model_max_length=longest)

    def record(task, inputs, replies):
        recorder.json["checks"].append({"what": "pipeline", "task": task, "bound": BOUND, "inputs": inputs,
                                        "replies": plain(replies)})
    make = functools.partial(transformers.pipeline, model=model, tokenizer=tokenizer)
    if task == "classify":
        pipe = make("text-classification", top_k=None)
        pairs = [{"text": a, "text_pair": b} for a, b in TEXT_PAIRS]
        record("classify", SHORT_TEXTS, [pipe([text], truncation=True)[0] for text in SHORT_TEXTS])
        record("pairs", pairs, [pipe(pair, truncation=True) for pair in pairs])
        if model.config.num_labels == 1:
            record("rerank", [QUERY, *DOCUMENTS], rank(folder, longest))
    elif task == "ner":
        pipe = make("token-classification", aggregation_strategy="simple")
        record("ner", SHORT_TEXTS, [pipe(text) for text in SHORT_TEXTS])
    else:
        pipe = make("question-answering")
        questions = [{"question": q, "context": c} for q, c in QUESTIONS]
        record("qa", questions, [pipe(question=q, context=c) for q, c in QUESTIONS])


def rank(folder, longest):
    import sentence_transformers
    recorded = sentence_transformers.CrossEncoder(str(folder), max_length=longest, device="cpu").rank(QUERY, DOCUMENTS)
    return [{"index": r["corpus_id"], "score": float(r["score"])} for r in recorded]


def can_record(folder):
    """Whether the frameworks that are installed have what the model's expected values need."""
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    if name.endswith("ForQuestionAnswering"):
        return hasattr(transformers, "QuestionAnsweringPipeline")
    return "rerank" not in folder.name or importlib.util.find_spec("sentence_transformers") is not None


def albert_reactions(folder):
    recorder = Recorder(folder.name, "examples/albert-reactions")
    record_model(recorder, folder, lengths=(1, 2, 7, 31, 64, 128, 512), layers_at=7, few_rows=16, logit_rows=4)
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    mlm = load(folder, transformers.AutoModelForMaskedLM)
    record_masks(recorder, tokenizer, mlm, [REACTION, "CC(=O)O.OCC>>CC(=O)OC[MASK]", "C[MASK]Br.N#C[K]>>CC[MASK]#N"])
    record_top1(recorder, tokenizer, mlm, (HERE / "reactions.txt").read_text().split("\n")[:-1])
    return recorder


def record_masks(recorder, tokenizer, mlm, texts):
    """fill-mask: for every [MASK] the five best tokens and their probabilities."""
    for text in texts:
        encoding = tokenizer.encode(text)
        source = recorder.input(text=text, input_ids=encoding.ids, token_type_ids=encoding.type_ids)
        logits = forward(mlm, encoding.ids, encoding.type_ids)["logits"]
        rows = [i for i, token in enumerate(encoding.tokens) if token == "[MASK]"]
        best = [np.argsort(-logits[row], kind="stable")[:5].tolist() for row in rows]
        scores = torch.softmax(torch.tensor(logits[rows], dtype=torch.float64), dim=-1).numpy()
        recorder.check("logits", source, logits[rows], rows=rows)
        recorder.check("fill-mask", source, [[s[i] for i in b] for s, b in zip(scores, best)], tokens=best,
                       token_str=[[tokenizer.decode([i], skip_special_tokens=False) for i in b] for b in best])


def record_top1(recorder, tokenizer, mlm, texts):
    """One masked token a reaction: what stood there, and the token that the model finds best."""
    rows = []
    for number, text in enumerate(texts):
        encoding = tokenizer.encode(text)
        place = 1 + (number * 7919) % (len(encoding.ids) - 2)
        start, end = encoding.offsets[place]
        masked = tokenizer.encode(text[:start] + "[MASK]" + text[end:])
        logits = forward(mlm, masked.ids, masked.type_ids)["logits"][place]
        rows.append([text[:start] + "[MASK]" + text[end:], encoding.ids[place], int(logits.argmax())])
    recorder.json["checks"].append({"what": "top1", "bound": 0.01, "rows": rows,
                                    "right": sum(truth == best for _, truth, best in rows)})


def record_texts(recorder, folder, encoder, texts, bound, measure):
    """Sentence embeddings as sentence-transformers makes them, and the token ids."""
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    limit = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    kind, normalized = stated_pooling(folder)
    for text in texts:
        encoding = tokenizer.encode(text)
        source = recorder.input(text=text, input_ids=encoding.ids, token_type_ids=encoding.type_ids,
                                offsets=[list(pair) for pair in encoding.offsets], truncated=bool(encoding.overflowing))
        vector = pool(forward(encoder, encoding.ids, encoding.type_ids)["last_hidden_state"], kind)
        recorder.check("embed", source, normalize(vector) if normalized else vector, bound=bound, measure=measure)


def minilm(folder):
    recorder = Recorder(folder.name, "minilm-l6")
    record_model(recorder, folder, lengths=(1, 9, 200), layers_at=9, few_rows=4)
    record_texts(recorder, folder, load(folder, transformers.AutoModel), TEXTS, bound=2e-6, measure="absolute")
    return recorder


def agave(folder):
    recorder = Recorder(folder.name, "albert-agave")
    record_model(recorder, folder, lengths=(1, 6, 65, 1024), layers_at=6, few_rows=8, logit_rows=3)
    return recorder


def splade(folder):
    recorder = Recorder(folder.name, "bert-tiny-splade")
    record_model(recorder, folder, lengths=(1, 8, 512), layers_at=8, few_rows=8, logit_rows=2)
    return recorder


def models(real):
    """Name to a function that records it."""
    table = {folder.name: functools.partial(tiny, folder) if can_record(folder) else None
             for folder in sorted((HERE / "models").iterdir())}
    table["albert-reactions"] = functools.partial(albert_reactions, ROOT / "examples" / "albert-reactions")
    for name, record in (("minilm-l6", minilm), ("albert-agave", agave), ("bert-tiny-splade", splade)):
        table[name] = functools.partial(record, real / name) if (real / name).is_dir() else None
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "models")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    table = models(options.models)
    for name in options.names or table:
        if table[name] is None:
            print(f"{name}: not in {options.models}, or not for these frameworks: left as it is")
        else:
            table[name]().write()


if __name__ == "__main__":
    main()
