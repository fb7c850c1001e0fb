"""ONNX files read and run with the standard library alone: the wire format, the parts of onnx.proto that exports have,
and their operators in plain Python. Slow, obviously right, for models of the size of tests/e2e/models.
"""
import itertools
import math
import pathlib
import struct

# TensorProto.DataType: (name, struct code, bytes)
TYPES = {1: ("f32", "f", 4), 3: ("int8", "b", 1), 7: ("i64", "q", 8), 9: ("bool", "?", 1), 10: ("f16", "e", 2),
         16: ("bf16", "H", 2)}


# ---- the wire format ----

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise ValueError(f"a number longer than it need be at {at}")
            return value, at
        shift += 7


def fields(data):
    """{field: [values]} of a message; a number, or bytes, by its wire type. Fields must not run out of the message."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
            value -= (value >> 63) << 64
        elif key & 7 in (1, 5):
            size = 8 if key & 7 == 1 else 4
            value, at = bytes(data[at:at + size]), at + size
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise ValueError(f"field {key >> 3} runs out of its message")
        else:
            raise ValueError(f"wire type {key & 7}")
        found.setdefault(key >> 3, []).append(value)
    return found


def text(message, field, default=""):
    return bytes(message[field][0]).decode() if field in message else default


def texts(message, field):
    return [bytes(t).decode() for t in message.get(field, [])]


# ---- onnx.proto ----

class Tensor:
    def __init__(self, data, folder=None):
        message = fields(data)
        self.dims, self.name = tuple(message.get(1, [])), text(message, 8)
        self.dtype, code, size = TYPES[message[2][0]]
        entries = {text(e, 1): text(e, 2) for e in map(fields, message.get(13, []))}
        self.external = entries or None
        raw = bytes(message[9][0]) if 9 in message else b""
        if entries:
            begin = int(entries["offset"])
            raw = (folder / entries["location"]).read_bytes()[begin:begin + int(entries["length"])]
        if len(raw) != size * math.prod(self.dims):
            raise ValueError(f"{self.name}: {len(raw)} bytes for {self.dims} of {self.dtype}")
        self.raw, self.code = raw, code

    def array(self):
        values = list(struct.unpack(f"<{math.prod(self.dims)}{self.code}", self.raw))
        if self.dtype == "bf16":
            values = [struct.unpack("<f", struct.pack("<I", v << 16))[0] for v in values]
        return Array(self.dims, values)


class Node:
    def __init__(self, data):
        message = fields(data)
        self.inputs, self.outputs = texts(message, 1), texts(message, 2)
        self.name, self.op, self.domain = text(message, 3), text(message, 4), text(message, 7)
        self.attributes = dict(map(self.attribute, message.get(5, [])))

    @staticmethod
    def attribute(data):
        message = fields(data)
        kind = message[20][0]
        value = {1: lambda: struct.unpack("<f", message[2][0])[0], 2: lambda: message[3][0], 3: lambda: text(message, 4),
                 4: lambda: Tensor(message[5][0]), 7: lambda: list(message[8])}[kind]()
        return text(message, 1), value


class Function:
    def __init__(self, data):
        message = fields(data)
        self.name, self.inputs, self.outputs = text(message, 1), texts(message, 4), texts(message, 5)
        self.nodes, self.domain = list(map(Node, message.get(7, []))), text(message, 10)


def port(data):
    """(name, element type, dimensions: numbers or names)"""
    message = fields(data)
    tensor = fields(fields(message[2][0])[1][0])
    dims = [d[1][0] if 1 in d else text(d, 2) for d in map(fields, fields(tensor[2][0]).get(1, []))]
    return text(message, 1), TYPES[tensor[1][0]][0], dims


class Model:
    def __init__(self, path):
        path = pathlib.Path(path)
        message = fields(memoryview(path.read_bytes()))
        graph = fields(message[7][0])
        self.ir_version, self.producer = message[1][0], text(message, 2)
        self.opsets = {text(o, 1): o[2][0] for o in map(fields, message[8])}
        self.metadata = {text(e, 1): text(e, 2) for e in map(fields, message.get(14, []))}
        self.functions = {f.name: f for f in map(Function, message.get(25, []))}
        self.nodes = list(map(Node, graph[1]))
        self.initializers = {t.name: t for t in (Tensor(t, path.parent) for t in graph.get(5, []))}
        if len(self.initializers) != len(graph.get(5, [])):
            raise ValueError("two initializers have one name")
        self.inputs, self.outputs = list(map(port, graph[11])), list(map(port, graph[12]))

    def run(self, feed):
        """{output: Array} for {input: Array}"""
        values = {name: t.array() for name, t in self.initializers.items()} | feed
        self.run_nodes(self.nodes, values)
        return {name: values[name] for name, _, _ in self.outputs}

    def run_nodes(self, nodes, values):
        for node in nodes:
            given = [values[name] for name in node.inputs]
            if node.domain:
                inner = dict(zip(self.functions[node.op].inputs, given))
                self.run_nodes(self.functions[node.op].nodes, inner)
                made = [inner[name] for name in self.functions[node.op].outputs]
            else:
                made = OPERATORS[node.op](node.attributes, *given)
            for name, value in zip(node.outputs, made if isinstance(made, list) else [made]):
                if name in values:
                    raise ValueError(f"{name} is defined twice")
                values[name] = value


# ---- arrays ----

class Array:
    def __init__(self, dims, values):
        self.dims, self.values = tuple(dims), values
        if len(values) != math.prod(self.dims):
            raise ValueError(f"{len(values)} values for {self.dims}")

    def axis(self, axis):
        """(product of the sizes before, size, product of the sizes behind)"""
        axis %= max(len(self.dims), 1)
        return math.prod(self.dims[:axis]), self.dims[axis], math.prod(self.dims[axis + 1:])


def strides(dims):
    return [math.prod(dims[i + 1:]) for i in range(len(dims))]


def expand(array, dims):
    """The values of an array broadcast to dims."""
    own = (1,) * (len(dims) - len(array.dims)) + array.dims
    if own == tuple(dims):
        return array.values
    steps = [0 if n == 1 else s for n, s in zip(own, strides(own))]
    return [array.values[sum(i * s for i, s in zip(index, steps))] for index in itertools.product(*map(range, dims))]


def broadcast(*shapes):
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes))
    dims = []
    for sizes in columns:
        n = max(sizes)
        if any(s not in (1, n) for s in sizes):
            raise ValueError(f"shapes do not go together: {shapes}")
        dims.append(n)
    return tuple(dims)


def elementwise(function):
    def run(_, *arrays):
        dims = broadcast(*(a.dims for a in arrays))
        return Array(dims, list(map(function, *(expand(a, dims) for a in arrays))))
    return run


def transpose(array, perm):
    dims, steps = [array.dims[p] for p in perm], strides(array.dims)
    steps = [steps[p] for p in perm]
    return Array(dims, [array.values[sum(i * s for i, s in zip(index, steps))] for index in itertools.product(*map(range, dims))])


def matmul(a, b):
    rows, inner, columns = a.dims[-2], a.dims[-1], b.dims[-1]
    if b.dims[-2] != inner:
        raise ValueError(f"MatMul of {a.dims} and {b.dims}")
    batch = broadcast(a.dims[:-2], b.dims[:-2]) if len(a.dims) > 2 or len(b.dims) > 2 else ()
    x, y = expand(a, batch + a.dims[-2:]), expand(b, batch + b.dims[-2:])
    out = []
    for n in range(math.prod(batch)):
        block = [y[n * inner * columns + j:(n + 1) * inner * columns:columns] for j in range(columns)]
        for i in range(rows):
            row = x[(n * rows + i) * inner:(n * rows + i + 1) * inner]
            out += [sum(p * q for p, q in zip(row, column)) for column in block]
    return Array(batch + (rows, columns), out)


def reduce(function):
    def run(attributes, x, axes=None):
        axes = attributes["axes"] if axes is None else axes.values
        dims = [1 if i in [a % len(x.dims) for a in axes] else n for i, n in enumerate(x.dims)]
        steps = [0 if d == 1 else s for d, s in zip(dims, strides(dims))]
        groups = [[] for _ in range(math.prod(dims))]
        for index, value in zip(itertools.product(*map(range, x.dims)), x.values):
            groups[sum(i * s for i, s in zip(index, steps))].append(value)
        if not attributes.get("keepdims", 1):
            dims = [n for i, n in enumerate(x.dims) if i not in [a % len(x.dims) for a in axes]]
        return Array(dims, [function(g) for g in groups])
    return run


# ---- operators ----

def op_gather(attributes, table, ids):
    before, size, behind = table.axis(attributes.get("axis", 0))
    axis = attributes.get("axis", 0) % len(table.dims)
    out = []
    for b in range(before):
        for i in ids.values:
            if not -size <= i < size:
                raise ValueError(f"Gather of {i} from {size}")
            out += table.values[(b * size + i % size) * behind:(b * size + i % size + 1) * behind]
    return Array(table.dims[:axis] + ids.dims + table.dims[axis + 1:], out)


def op_layer_norm(attributes, x, gamma, beta):
    width, out = x.dims[-1], []
    for at in range(0, len(x.values), width):
        row = x.values[at:at + width]
        mean = sum(row) / width
        scale = 1 / math.sqrt(sum((v - mean) ** 2 for v in row) / width + attributes["epsilon"])
        out += [(v - mean) * scale * g + b for v, g, b in zip(row, gamma.values, beta.values)]
    return Array(x.dims, out)


def op_softmax(attributes, x):
    width, out = x.dims[-1], []
    if attributes.get("axis", -1) not in (-1, len(x.dims) - 1):
        raise ValueError("Softmax of another axis than the last")
    for at in range(0, len(x.values), width):
        row = x.values[at:at + width]
        powers = [math.exp(v - max(row)) for v in row]
        out += [p / sum(powers) for p in powers]
    return Array(x.dims, out)


def op_reshape(_, x, shape):
    dims = [x.dims[i] if n == 0 else n for i, n in enumerate(shape.values)]
    if -1 in dims:
        dims[dims.index(-1)] = len(x.values) // -math.prod(dims)
    return Array(dims, x.values)


def op_dequantize(attributes, x, scale):
    before, size, behind = x.axis(attributes.get("axis", 1))
    if scale.dims != (size,):
        raise ValueError(f"{scale.dims} scales for {x.dims}")
    return Array(x.dims, [v * scale.values[i // behind % size] for i, v in enumerate(x.values)])


def op_dynamic_quantize(_, x):
    low, high = min(0.0, *x.values), max(0.0, *x.values)
    scale = (high - low) / 255 or 1.0
    zero = min(255, max(0, round(-low / scale)))
    return [Array(x.dims, [min(255, max(0, round(v / scale) + zero)) for v in x.values]), Array((), [scale]), Array((), [zero])]


def op_gelu(attributes, x):
    if attributes.get("approximate", "none") == "tanh":
        return Array(x.dims, [v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ** 3))) for v in x.values])
    return Array(x.dims, [v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in x.values])


def op_cast(attributes, x):
    to = TYPES[attributes["to"]][0]
    return Array(x.dims, [{"f32": float, "i64": int, "bool": bool}[to](v) for v in x.values])


def op_unsqueeze(_, x, axes):
    rank = len(x.dims) + len(axes.values)
    places, dims = [a % rank for a in axes.values], list(x.dims)
    for place in sorted(places):
        dims.insert(place, 1)
    return Array(dims, x.values)


def op_squeeze(_, x, axes):
    places = [a % len(x.dims) for a in axes.values]
    return Array([n for i, n in enumerate(x.dims) if i not in places], x.values)


def op_shape(attributes, x):
    part = x.dims[attributes.get("start", 0):attributes.get("end", len(x.dims))]
    return Array((len(part),), list(part))


def op_concat(attributes, *parts):
    if any(len(p.dims) != 1 for p in parts):
        raise ValueError("Concat of more than vectors")
    values = [v for p in parts for v in p.values]
    return Array((len(values),), values)


def op_gemm(attributes, a, b):
    return matmul(a, transpose(b, (1, 0)) if attributes.get("transB") else b)


def op_gather_nd(attributes, x, index):
    size = math.prod(x.dims[2:])
    if attributes["batch_dims"] != 1 or index.dims != (x.dims[0], 1):
        raise ValueError("GatherND of another form")
    return Array((x.dims[0],) + x.dims[2:], [v for n, i in enumerate(index.values)
                                             for v in x.values[(n * x.dims[1] + i) * size:(n * x.dims[1] + i + 1) * size]])


def op_constant(attributes):
    return attributes["value"].array()


OPERATORS = {
    "Add": elementwise(lambda a, b: a + b), "Sub": elementwise(lambda a, b: a - b), "Mul": elementwise(lambda a, b: a * b),
    "Div": elementwise(lambda a, b: a / b), "Pow": elementwise(lambda a, b: a ** b), "Max": elementwise(max),
    "Erf": elementwise(math.erf), "Tanh": elementwise(math.tanh), "Sqrt": elementwise(math.sqrt),
    "Relu": elementwise(lambda v: max(v, 0.0)), "Sigmoid": elementwise(lambda v: 1 / (1 + math.exp(-v))),
    "Where": elementwise(lambda c, a, b: a if c else b), "Identity": elementwise(lambda v: v),
    "MatMul": lambda _, a, b: matmul(a, b), "Gemm": op_gemm,
    "MatMulInteger": lambda _, a, b, zero: matmul(Array(a.dims, [v - zero.values[0] for v in a.values]), b),
    "Transpose": lambda at, x: transpose(x, at.get("perm", tuple(reversed(range(len(x.dims)))))),
    "Range": lambda _, a, b, step: Array((len(range(a.values[0], b.values[0], step.values[0])),),
                                         list(range(a.values[0], b.values[0], step.values[0]))),
    "Gather": op_gather, "GatherND": op_gather_nd, "LayerNormalization": op_layer_norm, "Softmax": op_softmax,
    "Reshape": op_reshape, "DequantizeLinear": op_dequantize, "DynamicQuantizeLinear": op_dynamic_quantize, "Gelu": op_gelu,
    "Cast": op_cast, "Unsqueeze": op_unsqueeze, "Squeeze": op_squeeze, "Shape": op_shape, "Concat": op_concat,
    "Constant": op_constant, "ReduceSum": reduce(sum), "ReduceMax": reduce(max),
}
