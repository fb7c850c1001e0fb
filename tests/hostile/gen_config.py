#!/usr/bin/env python3
"""gen_config.py OUT: bad configurations and models that do not fit theirs, and valid twins; OUT/expect.tsv says what
each must give."""

import json
import sys

from corpus import ALBERT, CONFIG, Corpus, model, safetensors

ABSENT = object()


def with_config(c, name, status, message, config, tensors=None, **files):
    c.add(name, status, message, {"config.json": config, "model.safetensors": safetensors(tensors or model()), **files})


def changed(base=CONFIG, **keys):
    return {k: v for k, v in {**base, **keys}.items() if v is not ABSENT}


def texts(c):
    good = json.dumps(CONFIG)
    for name, status, message, text in (
            ("empty", "TRUNCATED", "config.json: file is empty", ""), ("cut", "MALFORMED", "expected", good[:-1]),
            ("bom", "MALFORMED", "expected a value (offset 0)", "\ufeff" + good),
            ("list", "MALFORMED", "not an object", "[]"), ("null", "MALFORMED", "not an object", "null"),
            ("twice", "DUPLICATE", "duplicate object key", good[:-1] + ', "model_type": "bert"}'),
            ("nan", "MALFORMED", "expected a value", good.replace("12", "NaN")),
            ("overflow", "MALFORMED", "real number overflow", good.replace("12", "1e999")),
            ("deep", "LIMIT", "deeper than 64", good[:-1] + ', "x": ' + "[" * 100000),
            ("deep-objects", "LIMIT", "deeper than 64", '{"a":' * 100000),
            ("trailing", "MALFORMED", "something follows", good + "x"),
            ("comment", "MALFORMED", 'expected "', "{ // " + good[1:]),
            ("surrogate", "MALFORMED", "surrogate", good.replace("gelu", "\\ud800"))):
        with_config(c, f"text-{name}", status, message, text)
    with_config(c, "text-utf8", "MALFORMED", "unable to decode byte 0xff", good.encode().replace(b"gelu", b"\xff"))


def numbers(c):
    ranges = {"hidden_size": 65536, "num_attention_heads": 4096, "intermediate_size": 262144, "num_hidden_layers": 1024,
              "vocab_size": 1 << 24, "max_position_embeddings": 1 << 20, "type_vocab_size": 65536}
    for key, highest in ranges.items():
        for i, bad in enumerate((0, -1, highest + 1, 2**31, 2**32 + 8, 2**63 - 1, 1.5, "8", True, [8], {})):
            message = f'"{key}" is {json.dumps(bad, separators=(",", ":"))}, allowed: a whole number from 1 to {highest}'
            with_config(c, f"number-{key}-{i}", "MALFORMED", message, changed(**{key: bad}))
    for key, bad in (("pad_token_id", -1), ("pad_token_id", 2**25), ("embedding_size", 0), ("num_hidden_groups", 0),
                     ("num_hidden_groups", 1025), ("inner_group_num", 65)):
        with_config(c, f"number-{key}-{bad}", "MALFORMED", f'"{key}" is {bad}', changed(ALBERT, **{key: bad}))
    for i, bad in enumerate((0, -1e-5, 1, "1e-5", True, 1e-60)):
        with_config(c, f"eps-{i}", "MALFORMED", "layer_norm_eps", changed(layer_norm_eps=bad))
    with_config(c, "heads", "MALFORMED", '"num_attention_heads" 3 does not divide "hidden_size" 8',
                changed(num_attention_heads=3))
    with_config(c, "groups", "MALFORMED", "is above", changed(ALBERT, num_hidden_groups=5))
    with_config(c, "layers", "LIMIT", "65536 layers", changed(ALBERT, num_hidden_layers=1024, inner_group_num=64))
    with_config(c, "pad", "MALFORMED", '"pad_token_id" 12 is not below "vocab_size" 12', changed(pad_token_id=12))
    with_config(c, "shape-large", "SHAPE", "vocab_size 16777216", changed(vocab_size=1 << 24))


def names(c):
    for i, (status, message, keys) in enumerate((
            ("UNSUPPORTED", 'model_type "roberta" is not supported', {"model_type": "roberta"}),
            ("UNSUPPORTED", "no model_type", {"model_type": ABSENT}),
            ("UNSUPPORTED", "no model_type", {"model_type": 7}),
            ("UNSUPPORTED", "no model_type", {"model_type": ABSENT, "architectures": ["RobertaModel"]}),
            ("UNSUPPORTED", "\\x1b[31m", {"model_type": "\x1b[31m\n"}),
            ("UNSUPPORTED", 'hidden_act "mish"', {"hidden_act": "mish"}),
            ("MALFORMED", '"hidden_act" is 3', {"hidden_act": 3}),
            ("UNSUPPORTED", "relative_key", {"position_embedding_type": "relative_key"}),
            ("MALFORMED", '"position_embedding_type" is 1', {"position_embedding_type": 1}),
            ("UNSUPPORTED", "decoders", {"is_decoder": True}),
            ("UNSUPPORTED", "decoders", {"add_cross_attention": True}),
            ("MALFORMED", '"is_decoder" is "yes"', {"is_decoder": "yes"}),
            ("MALFORMED", '"tie_word_embeddings" is 1', {"tie_word_embeddings": 1}))):
        with_config(c, f"name-{i}", status, message, changed(**keys))


def tensors(c):
    full = model()
    query = "encoder.layer.1.attention.self.query.weight"

    def without(*names):
        return {k: v for k, v in full.items() if k not in names}

    def fits(name, status, message, changes, config=CONFIG):
        with_config(c, f"tensor-{name}", status, message, config, {**full, **changes})
    with_config(c, "tensor-missing", "MISSING", f"missing tensors (2): embeddings.LayerNorm.bias, {query}; "
                "unused tensors (2): classifier.bias, extra",
                CONFIG, {**without(query, "embeddings.LayerNorm.bias"), "classifier.bias": full["embeddings.LayerNorm.bias"],
                         "extra": ("U8", [1], b"a")})
    prefixed = {f"bert.{k}": v for k, v in full.items() if k != query}
    with_config(c, "tensor-missing-prefix", "MISSING", f"missing tensors (1): bert.{query}; unused tensors (0): none",
                CONFIG, prefixed)
    none = {"other": ("U8", [1], b"a")}
    with_config(c, "tensor-none", "MISSING", "missing tensors (37): embeddings.word", CONFIG, none)
    with_config(c, "tensor-none-many", "MISSING", "more; unused", changed(num_hidden_layers=1024), none)
    fits("rows", "SHAPE", "config.json makes it [vocab_size 12, hidden_size 8], found [11, 8]",
         {"embeddings.word_embeddings.weight": ("F32", [11, 8], bytes(11 * 8 * 4))})
    fits("rank", "SHAPE", "[hidden_size 8], found [1, 8]", {"embeddings.LayerNorm.bias": ("F32", [1, 8], bytes(32))})
    fits("turned", "SHAPE", "[intermediate_size 16, hidden_size 8], found [8, 16]",
         {"encoder.layer.0.intermediate.dense.weight": ("F32", [8, 16], bytes(512))})
    fits("integer", "UNSUPPORTED", "dtype i32", {"embeddings.LayerNorm.bias": ("I32", [8], bytes(32))})
    fits("layer-lost", "MALFORMED", "not to one of the 2 layers",
         {"encoder.layer.2.output.dense.bias": ("F32", [8], bytes(32))})
    fits("both-prefixes", "DUPLICATE", "with and without a prefix",
         {"bert.embeddings.LayerNorm.bias": ("F32", [8], bytes(range(32)))})
    head = {"cls.predictions.transform.dense.weight": ("F32", [8, 8], bytes(256))}
    fits("head-part", "MISSING", "missing tensors (4): cls.predictions.transform.dense.bias, "
         "cls.predictions.transform.LayerNorm.weight, cls.predictions.transform.LayerNorm.bias, cls.predictions.bias", head)
    fits("head-untied", "MISSING", "cls.predictions.decoder.weight", head, changed(tie_word_embeddings=False))
    fits("pooler-part", "MISSING", "missing tensors (1): pooler.dense.bias",
         {"pooler.dense.weight": ("F32", [8, 8], bytes(256))})


def heads(c):
    pooler = {"pooler.dense.weight": ("F32", [8, 8], bytes(256)), "pooler.dense.bias": ("F32", [8], bytes(32))}

    def linear(name, rows, columns=8):
        return {f"{name}.weight": ("F32", [rows, columns], bytes(rows * columns * 4)),
                f"{name}.bias": ("F32", [rows], bytes(rows * 4))}
    texts = model() | pooler | linear("classifier", 3)
    tokens = model() | linear("classifier", 3)
    answers = model() | linear("qa_outputs", 2)

    def case(name, status, message, tensors, **keys):
        with_config(c, f"head-{name}", status, message, changed(**keys), tensors)
    three = {"0": "a", "1": "b", "2": "c"}
    case("twin-texts", "OK", "", texts, id2label=three, architectures=["BertForSequenceClassification"])
    case("twin-tokens", "OK", "", tokens, id2label=three)
    case("twin-tokens-pooler", "OK", "", texts, architectures=["BertForTokenClassification"])
    case("twin-answers", "OK", "", answers, architectures=["BertForQuestionAnswering"])
    case("twin-choices", "OK", "", texts, architectures=["BertForMultipleChoice"], id2label={"0": "a"}, problem_type=7)
    case("twin-number", "OK", "", texts, id2label={"0": "a", "1": "b"}, num_labels=3)
    case("twin-unstated", "OK", "", texts)
    case("labels-few", "SHAPE", '"id2label" states 2 classes, the classifier has 3', texts, id2label={"0": "a", "1": "b"})
    case("labels-many", "SHAPE", '"id2label" states 4 classes, the classifier has 3', tokens, id2label={**three, "3": "d"})
    case("labels-odd", "MALFORMED", "no text for class 1 of 3", texts, id2label={"0": "a", "2": "c", "x": "b"})
    case("labels-number", "MALFORMED", "no text for class 2 of 3", texts, id2label={**three, "2": 2})
    case("labels-nul", "MALFORMED", "no text for class 0 of 3", texts, id2label={**three, "0": "a\0b"})
    case("number", "SHAPE", '"num_labels" states 2 classes', texts, num_labels=2)
    case("number-huge", "SHAPE", '"num_labels" states 9223372036854775807 classes', texts, num_labels=2**63 - 1)
    case("problem", "MALFORMED", '"problem_type" is "\\x1b[31m"', texts, problem_type="\x1b[31m")
    case("problem-number", "MALFORMED", '"problem_type" is "no text"', texts, problem_type=1)
    case("activation", "UNSUPPORTED", '"torch.nn.Tanh"', texts, sentence_transformers={"activation_fn": "torch.nn.Tanh"})
    case("no-pooler", "MISSING", "missing tensors (2): pooler.dense.weight, pooler.dense.bias", tokens,
         architectures=["BertForSequenceClassification"])
    case("no-bias", "MISSING", "missing tensors (1): classifier.bias",
         {k: v for k, v in texts.items() if k != "classifier.bias"})
    case("wide", "SHAPE", "[classes 3, hidden_size 8], found [3, 9]", model() | linear("classifier", 3, 9))
    case("vector", "SHAPE", "[classes 3, hidden_size 8], found [3]", {**texts, "classifier.weight": ("F32", [3], bytes(12))})
    case("no-classes", "LIMIT", "a classifier of 0 classes", model() | pooler | linear("classifier", 0))
    case("three-ends", "SHAPE", "[start and end 2, hidden_size 8], found [3, 8]", model() | linear("qa_outputs", 3))


def sentence(c):
    pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
               {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]

    def case(name, status, message, modules=modules, pooling=pooling, **files):
        extra = {"modules.json": modules, "1_Pooling/config.json": pooling, **files}
        extra = {k: v for k, v in extra.items() if v is not None}
        with_config(c, f"sentence-{name}", status, message, CONFIG, **extra)
    case("twin", "OK", "")
    case("twin-new", "OK", "", pooling={"embedding_dimension": 8, "pooling_mode": "cls"})
    case("twin-list", "OK", "", pooling={"pooling_mode": ["max"]})
    case("twin-prompts", "OK", "", **{"config_sentence_transformers.json": {"prompts": {"query": "q: "}}})
    case("two-modes", "UNSUPPORTED", "more than one pooling mode", pooling={**pooling, "pooling_mode_cls_token": True})
    case("mode", "UNSUPPORTED", '"weightedmean"', pooling={"pooling_mode_weightedmean_tokens": True})
    case("mode-new", "UNSUPPORTED", "pooling_mode", pooling={"pooling_mode": "other"})
    case("pooling-list", "MALFORMED", "not an object", pooling=[])
    case("pooling-missing", "MISSING", "1_Pooling/config.json is missing", pooling=None)
    case("dense", "UNSUPPORTED", "models.Dense", modules + [{"path": "2", "type": "sentence_transformers.models.Dense"}])
    case("path", "MALFORMED", "leads out of the folder", [{**modules[1], "path": "../x"}])
    case("path-absolute", "MALFORMED", "leads out of the folder", [{**modules[1], "path": "/etc"}])
    case("modules-object", "MALFORMED", "not a list", {})
    case("modules-number", "MALFORMED", "without a type", [7])
    case("pool-twice", "UNSUPPORTED", "more than one module pools", modules + modules[1:])
    for i, bad in enumerate((0, -1, 2**21, "8", 1.5)):
        case(f"length-{i}", "MALFORMED", "max_seq_length", **{"sentence_bert_config.json": {"max_seq_length": bad}})
    case("prompt", "MALFORMED", "is not a text", **{"config_sentence_transformers.json": {"prompts": {"q": 1}}})
    case("prompt-left-out", "UNSUPPORTED", "include_prompt", pooling={**pooling, "include_prompt": False},
         **{"config_sentence_transformers.json": {"prompts": {"q": "q"}}})


def twins(c):
    full = model()
    with_config(c, "twin-plain", "OK", "", CONFIG)
    with_config(c, "twin-nulls", "OK", "", changed(pad_token_id=None, is_decoder=None, position_embedding_type=None,
                                                   layer_norm_eps=None, id2label=None))
    with_config(c, "twin-architectures", "OK", "", changed(model_type=ABSENT, architectures=["BertModel"]))
    with_config(c, "twin-prefix", "OK", "", CONFIG, {f"bert.{k}": v for k, v in full.items()})
    with_config(c, "twin-gamma", "OK", "", CONFIG, {k.replace("LayerNorm.weight", "LayerNorm.gamma")
                                                    .replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in full.items()})
    ids = {"embeddings.position_ids": ("I64", [1, 8], bytes(64))}
    with_config(c, "twin-buffers", "OK", "", CONFIG, full | ids)
    with_config(c, "twin-head-leftover", "OK", "", CONFIG, {**full, "cls.predictions.bias": ("F32", [12], bytes(48))})
    with_config(c, "twin-both-prefixes", "OK", "", CONFIG, full | {f"bert.{k}": v for k, v in full.items()})
    with_config(c, "twin-labels", "OK", "", changed(id2label={"1": "b", "0": "a"}))
    with_config(c, "twin-labels-odd", "OK", "", changed(id2label={"7": "b", "x": 1}))
    with_config(c, "twin-albert", "OK", "", ALBERT, model(ALBERT))
    inner = changed(ALBERT, inner_group_num=2)
    with_config(c, "twin-albert-inner", "OK", "", inner, model(inner))
    deep = changed(ALBERT, num_hidden_layers=1024, num_hidden_groups=3)
    with_config(c, "twin-albert-deep", "OK", "", deep, model(deep))


def main(out):
    c = Corpus(out)
    for part in (texts, numbers, names, tensors, heads, sentence, twins):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
