#!/usr/bin/env python3
"""make_related_layers.py SOURCE OUT rounded|permuted|changed|turned|low-rank: a BERT whose layer 1 is its layer 0 rounded to f16, with the
neurons of its FFN in reverse order, so with one number of the last neuron changed, so with the numbers of each head in
another basis (query and key by one rotation, value and output by another), or with a product of rank 2 added to each matrix
(biases and norms then stay)."""
import json
import pathlib
import shutil
import struct
import sys


def read(path):
    data = path.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return {k: (v["shape"], list(struct.unpack(f"<{(v['data_offsets'][1] - v['data_offsets'][0]) // 4}f",
            data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]])))
            for k, v in header.items() if v["dtype"] == "F32"}


def write(path, tensors):
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(packed)]}
        body += packed
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def reverse(name, shape, values):
    if ".intermediate." in name:
        width = len(values) // shape[0]
        return [v for j in reversed(range(shape[0])) for v in values[j * width:(j + 1) * width]]
    if ".output.dense.weight" in name and ".attention." not in name:
        return [v for r in range(shape[0]) for v in reversed(values[r * shape[1]:(r + 1) * shape[1]])]
    return values


def rotate(pairs, c, s):
    """Rows 2i and 2i + 1 become their rotation by one angle."""
    out = []
    for a, b in zip(pairs[::2], pairs[1::2]):
        out += [[c * x - s * y for x, y in zip(a, b)], [s * x + c * y for x, y in zip(a, b)]]
    return out


def turn(name, shape, values):
    """Heads have an even width, so that pairs of rows (of columns, in the output) lie in one head."""
    if ".attention." not in name or "LayerNorm" in name or name.endswith("output.dense.bias"):
        return values
    width = len(values) // shape[0]
    rows = [values[i * width:(i + 1) * width] for i in range(shape[0])]
    if ".output." in name:
        columns = rotate([list(c) for c in zip(*rows)], 0.6, 0.8)
        rows = [list(r) for r in zip(*columns)]
    else:
        rows = rotate(rows, 0.6, 0.8) if ".value." in name else rotate(rows, 0.8, -0.6)
    return [v for row in rows for v in row]


def add_product(shape, values):
    rows, columns = shape
    left = [[((r * 7 + k * 3) % 11 - 5) / 16 for k in range(2)] for r in range(rows)]
    right = [[((c * 5 + k * 2) % 13 - 6) / 16 for c in range(columns)] for k in range(2)]
    return [values[r * columns + c] + sum(left[r][k] * right[k][c] for k in range(2))
            for r in range(rows) for c in range(columns)]


def main(source, out, how):
    shutil.copytree(source, out)
    tensors = read(pathlib.Path(out) / "model.safetensors")
    for name, (shape, values) in list(tensors.items()):
        if "layer.0." not in name:
            continue
        if how == "low-rank":
            if len(shape) < 2:
                continue
            values = add_product(shape, values)
        elif how == "rounded":
            values = [struct.unpack("<e", struct.pack("<e", v))[0] for v in values]
        else:
            values = reverse(name, shape, values)
        if how == "turned":
            values = turn(name, shape, values)
        if how == "changed" and "intermediate.dense.weight" in name:
            values[0] += 1.0
        tensors[name.replace("layer.0.", "layer.1.")] = (shape, values)
    write(pathlib.Path(out) / "model.safetensors", tensors)


main(*sys.argv[1:])
