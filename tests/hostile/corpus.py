"""What the generators of the hostile corpus share: a small valid model, safetensors files, and cases as folders."""

import json
import struct
from pathlib import Path

CONFIG = {"model_type": "bert", "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16,
          "num_hidden_layers": 2, "vocab_size": 12, "max_position_embeddings": 8, "type_vocab_size": 2,
          "hidden_act": "gelu"}
ALBERT = {**CONFIG, "model_type": "albert", "embedding_size": 4, "num_hidden_layers": 4, "num_hidden_groups": 2}
WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


def shapes(config):
    """Name to shape of an encoder's tensors, as transformers calls them."""
    h, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    albert = config["model_type"] == "albert"
    e = config["embedding_size"] if albert else h
    out = {"embeddings.word_embeddings.weight": [v, e],
           "embeddings.position_embeddings.weight": [config["max_position_embeddings"], e],
           "embeddings.token_type_embeddings.weight": [config["type_vocab_size"], e],
           "embeddings.LayerNorm.weight": [e], "embeddings.LayerNorm.bias": [e]}
    parts = {"attention.self.query": [h, h], "attention.self.key": [h, h], "attention.self.value": [h, h],
             "attention.output.dense": [h, h], "attention.output.LayerNorm": [h], "intermediate.dense": [f, h],
             "output.dense": [h, f], "output.LayerNorm": [h]}
    layers = [f"encoder.layer.{i}." for i in range(config["num_hidden_layers"])]
    if albert:
        out |= {"encoder.embedding_hidden_mapping_in.weight": [h, e], "encoder.embedding_hidden_mapping_in.bias": [h]}
        parts = {"attention.query": [h, h], "attention.key": [h, h], "attention.value": [h, h],
                 "attention.dense": [h, h], "attention.LayerNorm": [h], "ffn": [f, h], "ffn_output": [h, f],
                 "full_layer_layer_norm": [h]}
        layers = [f"encoder.albert_layer_groups.{g}.albert_layers.{i}."
                  for g in range(config.get("num_hidden_groups", 1)) for i in range(config.get("inner_group_num", 1))]
    for layer in layers:
        for part, shape in parts.items():
            out |= {f"{layer}{part}.weight": shape, f"{layer}{part}.bias": shape[:1]}
    return out


def elements(shape):
    n = 1
    for dim in shape:
        n *= dim
    return n


def model(config=CONFIG, dtype="F32"):
    """Name to (dtype, shape, bytes); every tensor has other bytes."""
    out = {}
    for i, (name, shape) in enumerate(shapes(config).items()):
        out[name] = (dtype, shape, bytes([i % 100]) * (elements(shape) * WIDTHS[dtype]))
    return out


def container(header, data=b""):
    """A safetensors file of a header (text, bytes or a tree) and data."""
    if isinstance(header, dict):
        header = json.dumps(header)
    if isinstance(header, str):
        header = header.encode()
    return struct.pack("<Q", len(header)) + header + data


def header_of(tensors):
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return header, data


def safetensors(tensors, metadata=None):
    header, data = header_of(tensors)
    if metadata is not None:
        header = {"__metadata__": metadata, **header}
    return container(header, data)


class Corpus:
    """Cases are folders OUT/NAME; what each must give is returned by cases()."""

    def __init__(self, out):
        self.out, self.expected = Path(out), []

    def add(self, name, status, message, files, source="."):
        folder = self.out / name
        folder.mkdir(parents=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            if isinstance(content, (dict, list)):
                content = json.dumps(content)
            (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
        self.expected.append((f"{name}/{source}", status, message))

    def note(self, path, status, message):
        """A case whose file is there already."""
        self.expected.append((path, status, message))

    def write_table(self):
        lines = ["\t".join(case) for case in self.expected]
        (self.out / "expect.tsv").write_text("\n".join(lines) + "\n")
