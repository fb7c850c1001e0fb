"""ONNX files written by hand: the wire form of protobuf and the few messages that the corpus needs. Standard library only."""

import struct

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16 = 1, 2, 3, 6, 7, 8, 9, 10


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while True:
        byte, value = value & 127, value >> 7
        out += bytes([byte | (128 if value else 0)])
        if not value:
            return out


def tag(number, wire):
    return varint(number << 3 | wire)


def num(number, value):
    return tag(number, 0) + varint(value)


def data(number, content):
    content = content.encode() if isinstance(content, str) else content
    return tag(number, 2) + varint(len(content)) + content


def f32(number, value):
    return tag(number, 5) + struct.pack("<f", value)


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def ints(*values):
    return struct.pack(f"<{len(values)}q", *values)


def tensor(name, dims, raw=None, dtype=FLOAT, extra=b""):
    out = b"".join(num(1, d) for d in dims) + num(2, dtype)
    if name:
        out += data(8, name)
    return out + (data(9, raw) if raw is not None else b"") + extra


def external(name, dims, dtype=FLOAT, **entries):
    """A TensorProto whose data lies in another file."""
    out = tensor(name, dims, None, dtype) + num(14, 1)
    return out + b"".join(data(13, data(1, key) + data(2, value)) for key, value in entries.items())


def attribute(name, value):
    if isinstance(value, bytes):  # a tensor
        return data(1, name) + data(5, value) + num(20, 4)
    if isinstance(value, float):
        return data(1, name) + f32(2, value) + num(20, 1)
    if isinstance(value, int):
        return data(1, name) + num(3, value) + num(20, 2)
    if isinstance(value, str):
        return data(1, name) + data(4, value) + num(20, 3)
    return data(1, name) + b"".join(num(8, v) for v in value) + num(20, 7)


def subgraph(name, content):
    return data(1, name) + data(6, content) + num(20, 5)


def node(op, inputs, outputs, attributes=b"", domain="", **named):
    out = b"".join(data(1, x) for x in inputs) + b"".join(data(2, x) for x in outputs)
    out += data(3, f"the-{op}") + data(4, op) + (data(7, domain) if domain else b"")
    return out + b"".join(data(5, attribute(k, v)) for k, v in named.items()) + attributes


def value(name, dtype=FLOAT, dims=()):
    shape = b"".join(data(1, num(1, d) if isinstance(d, int) else data(2, d)) for d in dims)
    return data(1, name) + data(2, data(1, num(1, dtype) + data(2, shape)))


def graph(nodes=(), initializers=(), inputs=(), outputs=()):
    out = b"".join(data(1, n) for n in nodes) + data(2, "g") + b"".join(data(5, t) for t in initializers)
    out += b"".join(data(11, value(i) if isinstance(i, str) else i) for i in inputs)
    return out + b"".join(data(12, value(o) if isinstance(o, str) else o) for o in outputs)


def model(content, opset=17, functions=(), extra=b""):
    out = num(1, 8) + data(7, content)
    if opset is not None:
        out += data(8, num(2, opset))
    return out + b"".join(data(25, f) for f in functions) + extra


def function(name, inputs, outputs, nodes, domain="local", opset=17):
    out = data(1, name) + b"".join(data(4, i) for i in inputs) + b"".join(data(5, o) for o in outputs)
    out += b"".join(data(7, n) for n in nodes) + data(9, num(2, opset)) + data(9, data(1, domain) + num(2, 1))
    return out + data(10, domain)


def operator(op, inputs, outputs=1, domain="", opset=17, **named):
    """A model of one node on constants: inputs are (dims, raw, dtype), or None for one that is left out."""
    names = [f"x{i}" if t else "" for i, t in enumerate(inputs)]
    initializers = [tensor(n, t[0], t[1], t[2] if len(t) > 2 else FLOAT) for n, t in zip(names, inputs) if t]
    results = [f"y{i}" for i in range(outputs)]
    return model(graph([node(op, names, results, domain=domain, **named)], initializers, (), results), opset)
