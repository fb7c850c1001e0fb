#!/usr/bin/env python3
"""Writes tests/e2e/tensorflow: tiny models of tests/e2e/models as TensorFlow checkpoints, written by TensorFlow itself in
each of the ways that people have them. Needs tensorflow-cpu 2.21, tf-keras, transformers 4.44.2 and tf-models-official
(the last two for Keras' and the model garden's names):

    python3 tests/e2e/make_tf_checkpoints.py [FUNCTION ...]
"""
import json
import os
import pathlib
import shutil
import struct
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": ""}
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tensorflow"
tf1 = tf.compat.v1


def read_model(name):
    """config.json and name -> array of a model of tests/e2e/models."""
    folder = HERE / "models" / name
    data = (folder / "model.safetensors").read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + n]), data[8 + n:]
    header.pop("__metadata__", None)
    arrays = {}
    for tensor, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            continue
        arrays[tensor] = np.frombuffer(body[begin:end], "<f4").reshape(entry["shape"])
    return json.loads((folder / "config.json").read_text()), arrays


def strip(arrays):
    """The same without the prefix of the architecture."""
    return {k.removeprefix("bert.").removeprefix("albert."): v for k, v in arrays.items()}


def google_bert(arrays):
    """Google's names: kernels the other way round, slashes, gamma and beta."""
    out = {}
    for name, value in strip(arrays).items():
        name = name.replace("encoder.layer.", "encoder.layer_").replace(".", "/")
        if name in ("cls/predictions/bias", "cls/predictions/decoder/bias"):
            name = "cls/predictions/output_bias"
        elif name == "cls/predictions/decoder/weight":
            continue
        elif name.startswith("cls/seq_relationship"):
            name = "cls/seq_relationship/output_" + ("weights" if name.endswith("weight") else "bias")
        elif "LayerNorm" in name:
            name = name.replace("/weight", "/gamma").replace("/bias", "/beta")
        elif name.startswith("embeddings/"):
            name = name.removesuffix("/weight")
        elif name.endswith("/weight"):
            name, value = name.removesuffix("weight") + "kernel", value.T
        out[name if name.startswith("cls/") else "bert/" + name] = value
    return out


def google_albert(arrays):
    parts = {"attention.LayerNorm": "LayerNorm", "attention.dense": "attention_1/output/dense",
             "full_layer_layer_norm": "LayerNorm_1", "ffn": "ffn_1/intermediate/dense",
             "ffn_output": "ffn_1/intermediate/output/dense",
             **{f"attention.{p}": f"attention_1/self/{p}" for p in ("query", "key", "value")}}
    heads = {"predictions.dense": "cls/predictions/transform/dense", "pooler": "bert/pooler/dense",
             "predictions.LayerNorm": "cls/predictions/transform/LayerNorm"}
    out = {}
    for name, value in strip(arrays).items():
        stem, _, last = name.rpartition(".")
        if stem.startswith("encoder.albert_layer_groups."):
            _, _, group, _, inner, part = stem.split(".", 5)
            stem = f"bert/encoder/transformer/group_{group}/inner_group_{inner}/{parts[part]}"
        elif name == "predictions.bias":
            stem, last = "cls/predictions", "output_bias"
        elif name.startswith("predictions.decoder"):
            continue
        elif stem.startswith("embeddings.") and "LayerNorm" not in stem:
            stem, last = "bert/embeddings", stem.removeprefix("embeddings.")
        else:
            stem = heads.get(stem) or "bert/" + stem.replace(".", "/")
        if "LayerNorm" in stem:
            last = {"weight": "gamma", "bias": "beta"}[last]
        elif last == "weight":
            last, value = "kernel", value.T
        out[f"{stem}/{last}"] = value
    return out


def variable(name, value, **options):
    return tf1.get_variable(name, initializer=tf.constant(np.ascontiguousarray(value)), use_resource=False, **options)


def save_v1(path, build, **options):
    """What `build` makes in a graph of its own, saved as TensorFlow 1 does."""
    with tf.Graph().as_default():
        build()
        config = tf1.ConfigProto(device_count={"CPU": 3})
        with tf1.Session(config=config) as session:
            session.run(tf1.global_variables_initializer())
            tf1.train.Saver(**options).save(session, str(path), write_meta_graph=False)


def folder_of(name, config, config_name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if config_name != "config.json":
        config = {k: v for k, v in config.items() if k not in ("model_type", "architectures", "layer_norm_eps")}
    (folder / config_name).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    return folder


def bert_google():
    """Google's release: Adam's slots of some variables, a counter; no list of checkpoints."""
    config, arrays = read_model("bert-pretraining")
    folder = folder_of("bert-google", config, "bert_config.json")

    def build():
        for name, value in google_bert(arrays).items():
            variable(name, value)
            if "layer_1/attention/self" in name or "LayerNorm" in name:
                variable(name + "/adam_m", np.zeros_like(value))
                variable(name + "/adam_v", np.ones_like(value))
        tf1.train.get_or_create_global_step()
    save_v1(folder / "bert_model.ckpt", build)
    (folder / "checkpoint").unlink()


def bert_sharded():
    """Variables on three devices, a shard each; equal layers; found through the list of checkpoints."""
    config, arrays = read_model("bert-equal-layers")
    folder = folder_of("bert-sharded", config, "config.json")

    def build():
        for i, (name, value) in enumerate(google_bert(arrays).items()):
            with tf.device(f"/cpu:{i % 3}"):
                variable(name, value)
    save_v1(folder / "model.ckpt-7", build, sharded=True)
    (folder / "checkpoint").write_text('model_checkpoint_path: "/home/somebody/bert/model.ckpt-7"\n'
                                       'all_model_checkpoint_paths: "/home/somebody/bert/model.ckpt-7"\n')


def bert_partitioned():
    """Tables in parts of rows, most kernels in parts of columns."""
    config, arrays = read_model("bert-pretraining")
    folder = folder_of("bert-partitioned", config, "bert_config.json")

    def build():
        for name, value in google_bert(arrays).items():
            axis = 1 if "kernel" in name and "query" not in name else 0
            partitioner = tf1.fixed_size_partitioner(3, axis=axis) if min(value.shape) > 2 else None
            tf1.get_variable(name, shape=value.shape, use_resource=False, partitioner=partitioner,
                             initializer=lambda shape, dtype=None, partition_info=None, value=value: tf.constant(
                                 value if partition_info is None else value[tuple(
                                     slice(o, o + n) for o, n in zip(partition_info.var_offset, shape))]))
    save_v1(folder / "model.ckpt", build)
    (folder / "checkpoint").unlink()


def albert_google():
    config, arrays = read_model("albert-groups")
    folder = folder_of("albert-google", config, "albert_config.json")
    save_v1(folder / "model.ckpt-best", lambda: [variable(n, v) for n, v in google_albert(arrays).items()])
    (folder / "checkpoint").unlink()


def bert_paths():
    """An object-based checkpoint whose variables have no names: only the paths of its keys tell them apart."""
    config, arrays = read_model("bert-pretraining")
    folder = folder_of("bert-paths", config, "config.json")
    tf.train.Checkpoint(**{n: tf.Variable(v) for n, v in google_bert(arrays).items()}).write(str(folder / "model"))


def bert_saved_model():
    """A SavedModel: the checkpoint lies in its folder of variables, the configuration beside saved_model.pb, of which
    the beginning is kept."""
    config, arrays = read_model("bert-pretraining")
    folder = folder_of("bert-saved-model", config, "config.json")
    module = tf.Module()
    module.weights = [tf.Variable(v, name=n) for n, v in google_bert(arrays).items()]
    tf.saved_model.save(module, str(folder))
    shutil.rmtree(folder / "assets", ignore_errors=True)
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    (folder / "saved_model.pb").write_bytes((folder / "saved_model.pb").read_bytes()[:256])


def torch_name(name):
    """The name in `transformers` of PyTorch for one of its Keras models."""
    name = name.removesuffix(":0").split("/", 1)[1].replace("mlm___cls", "cls").replace("nsp___cls", "cls")
    name = name.replace("_._", "/").replace("/", ".")
    for old, new in (("gamma", "weight"), ("beta", "bias"), ("kernel", "weight"), ("embeddings", "weight")):
        if name.endswith("." + old):
            name = name.removesuffix(old) + new
    return name


def fill(variables, arrays):
    for v in variables:
        value = arrays[torch_name(v.name)]
        v.assign(value.T if "kernel" in v.name else value)


def bert_keras():
    """transformers' Keras model, saved with save_weights in TensorFlow's form; Adam's slots, too."""
    import transformers
    config, arrays = read_model("bert-pretraining")
    folder = folder_of("bert-keras", config, "config.json")
    model = transformers.TFBertForPreTraining(transformers.BertConfig(**config))
    model(model.dummy_inputs)
    fill(model.weights, arrays)
    model.save_weights(str(folder / "tf_weights"))
    (folder / "checkpoint").unlink()


def albert_keras():
    """The same of ALBERT, as tf.train.Checkpoint saves it beside an optimizer."""
    import tf_keras
    import transformers
    config, arrays = read_model("albert-gelu-new")
    folder = folder_of("albert-keras", config, "config.json")
    model = transformers.TFAlbertForMaskedLM(transformers.AlbertConfig(**config))
    model(model.dummy_inputs)
    arrays.setdefault("predictions.decoder.bias", arrays["predictions.bias"])
    fill(model.weights, arrays)
    adam = tf_keras.optimizers.legacy.Adam(1e-3)
    bias = [w for w in model.trainable_weights if "ffn/bias" in w.name]
    adam.apply_gradients((tf.zeros_like(w), w) for w in bias)
    fill(model.weights, arrays)
    tf.train.Checkpoint(model=model, optimizer=adam).save(str(folder / "ckpt"))


def bert_garden():
    """The TensorFlow model garden's BERT with its MLM head: heads are dimensions of their own."""
    from official.nlp.modeling import models, networks
    config, arrays = read_model("bert-pretraining")
    folder = folder_of("bert-garden", config, "bert_config.json")
    encoder = networks.BertEncoderV2(
        vocab_size=config["vocab_size"], hidden_size=config["hidden_size"], num_layers=config["num_hidden_layers"],
        num_attention_heads=config["num_attention_heads"], max_sequence_length=config["max_position_embeddings"],
        inner_dim=config["intermediate_size"], type_vocab_size=config["type_vocab_size"])
    model = models.BertPretrainerV2(encoder_network=encoder, mlm_activation=tf.nn.gelu)
    ids = tf.zeros([1, 3], tf.int32)
    model({"input_word_ids": ids, "input_mask": ids, "input_type_ids": ids, "masked_lm_positions": ids[:, :1]})
    renamed = {"word_embeddings/embeddings": "embeddings/word_embeddings", "self_attention/": "attention/self/",
               "position_embedding/embeddings": "embeddings/position_embeddings", "intermediate/": "intermediate/dense/",
               "type_embeddings/embeddings": "embeddings/token_type_embeddings", "pooler_transform": "pooler/dense",
               "embeddings/layer_norm": "embeddings/LayerNorm", "self_attention_layer_norm": "attention/output/LayerNorm",
               "output_layer_norm": "output/LayerNorm", "attention/self/attention_output": "attention/output/dense",
               "transformer/layer": "encoder/layer", "output_bias/bias": "output_bias"}
    values = google_bert(arrays)
    for v in model.variables:
        name = v.name.removesuffix(":0")
        name = name.removeprefix("bert_encoder_v2/").removeprefix("bert/")
        for old, new in renamed.items():
            name = name.replace(old, new)
        name = name.replace("/output/kernel", "/output/dense/kernel").replace("/output/bias", "/output/dense/bias")
        value = values.get("bert/" + name, values.get(name))
        v.assign(np.reshape(value, v.shape))
    tf.train.Checkpoint(encoder=encoder, masked_lm=model.masked_lm).write(str(folder / "bert_model.ckpt"))


def albert_garden():
    """The same of its ALBERT, whose one layer has no number; the variables alone, under their full names."""
    from official.nlp.modeling import models, networks
    config, arrays = read_model("albert-gelu-new")
    folder = folder_of("albert-garden", config, "config.json")
    encoder = networks.AlbertEncoder(
        vocab_size=config["vocab_size"], embedding_width=config["embedding_size"], hidden_size=config["hidden_size"],
        num_layers=config["num_hidden_layers"], num_attention_heads=config["num_attention_heads"],
        max_sequence_length=config["max_position_embeddings"], intermediate_size=config["intermediate_size"],
        type_vocab_size=config["type_vocab_size"])
    model = models.BertPretrainerV2(encoder_network=encoder, mlm_activation=tf.nn.gelu)
    ids = tf.zeros([1, 3], tf.int32)
    model({"input_word_ids": ids, "input_mask": ids, "input_type_ids": ids, "masked_lm_positions": ids[:, :1]})
    layer = "bert/encoder/transformer/group_0/inner_group_0/"
    renamed = {"word_embeddings/embeddings": "bert/embeddings/word_embeddings", "output_bias/bias": "output_bias",
               "position_embedding/embeddings": "bert/embeddings/position_embeddings",
               "type_embeddings/embeddings": "bert/embeddings/token_type_embeddings",
               "embeddings/layer_norm": "bert/embeddings/LayerNorm",
               "embedding_projection": "bert/encoder/embedding_hidden_mapping_in",
               "transformer/self_attention_layer_norm": layer + "LayerNorm",
               "transformer/self_attention/attention_output": layer + "attention_1/output/dense",
               "transformer/self_attention": layer + "attention_1/self",
               "transformer/output_layer_norm": layer + "LayerNorm_1", "bert/cls/": "cls/",
               "transformer/intermediate": layer + "ffn_1/intermediate/dense",
               "transformer/output": layer + "ffn_1/intermediate/output/dense"}
    values, kept = google_albert(arrays), []
    for v in model.variables:
        name = v.name.removesuffix(":0")
        for old, new in renamed.items():
            if old in name and not name.startswith(layer):
                name = name.replace(old, new)
        if not name.startswith("pooler"):
            v.assign(np.reshape(values[name], v.shape))
            kept.append(v)
    tf.train.Checkpoint(variables=kept).write(str(folder / "albert_model.ckpt"))


if __name__ == "__main__":
    for make in (bert_google, bert_sharded, bert_partitioned, albert_google, bert_paths, bert_saved_model, bert_keras,
                 albert_keras, bert_garden, albert_garden):
        if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
            continue
        make()
        name = make.__name__.replace("_", "-")
        print(name, sum(f.stat().st_size for f in (OUT / name).rglob("*") if f.is_file()))
