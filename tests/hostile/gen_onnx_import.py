"""ONNX graphs that are sound but no encoder of ours, or hide something: one rule broken in each, from a tiny BERT written by
hand, which is recognised. gen_onnx.py has the files that are not even graphs."""

import random
import sys

from corpus import Corpus
from onnx_wire import INT64, floats, graph, ints, model, node, tensor, value

HIDDEN, HEADS, WIDE, WORDS, POSITIONS = 8, 2, 12, 23, 16


class Bert:
    """Nodes and constants of a BERT; what differs from one is asked for by name."""

    def __init__(self, layers=1, **changes):
        self.changes, self.nodes, self.constants, self.noise = changes, [], [], random.Random(7)
        self.layers = layers

    def get(self, name, usual):
        return self.changes.get(name, usual)

    def constant(self, name, dims, content, dtype=None):
        self.constants.append(tensor(name, dims, content, dtype) if dtype else tensor(name, dims, content))
        return name

    def random(self, name, *dims):
        count = 1
        for dim in dims:
            count *= dim
        numbers = [self.noise.uniform(-1, 1) for _ in range(count)]
        if name in self.get("nan", ()):
            numbers[0] = float("nan")
        return self.constant(name, list(dims), floats(*numbers))

    def op(self, op, inputs, output, **named):
        self.nodes.append(node(op, inputs, [output], **named))
        return output

    def ints(self, name, *values):
        return self.constant(name, [len(values)], ints(*values), INT64)

    def norm(self, x, name, eps=1e-5):
        gamma, beta = self.random(f"{name}.gamma", HIDDEN), self.random(f"{name}.beta", HIDDEN)
        return self.op("LayerNormalization", [x, gamma, beta], name, axis=-1, epsilon=eps)

    def linear(self, x, name, rows, columns):
        product = self.op("MatMul", [x, self.random(f"{name}.w", rows, columns)], f"{name}.product")
        return self.op("Add", [product, self.random(f"{name}.b", columns)], name)

    def embeddings(self):
        word = self.op("Gather", [self.random("word", WORDS, HIDDEN), "input_ids"], "words")
        kind = self.op("Gather", [self.random("type", 2, HIDDEN), "token_type_ids"], "types")
        shape = self.op("Shape", ["input_ids"], "shape")
        self.constant("one", [], ints(1), INT64)
        length = self.op("Gather", [shape, "one"], "length")
        first = self.constant("first", [], ints(self.get("first_position", 0)), INT64)
        last = self.op("Add", [length, first], "last")
        positions = self.op("Range", [first, last, "one"], "positions")
        place = self.op("Gather", [self.random("position", POSITIONS, HIDDEN), positions], "places")
        x = self.op("Add", [self.op("Add", [word, kind], "sum"), place], "embedded")
        return x if self.get("plain_sum", False) else self.norm(x, "embeddings")

    def heads(self, x, name, heads, order):
        self.ints(f"{name}.shape", 0, 0, heads, HIDDEN // heads)
        split = self.op("Reshape", [x, f"{name}.shape"], f"{name}.split")
        return self.op("Transpose", [split], f"{name}.heads", perm=order)

    def attention(self, x, name, layer):
        heads = self.get("heads", [HEADS] * self.layers)[layer]
        q = self.heads(self.linear(x, f"{name}.q", HIDDEN, HIDDEN), f"{name}.q", heads, [0, 2, 1, 3])
        k = self.heads(self.linear(x, f"{name}.k", HIDDEN, HIDDEN), f"{name}.k", heads, [0, 2, 3, 1])
        v = self.heads(self.linear(x, f"{name}.v", HIDDEN, HIDDEN), f"{name}.v", heads, [0, 2, 1, 3])
        scale = self.get("scale", (heads / HIDDEN) ** 0.5)
        self.constant(f"{name}.scale", [], floats(scale))
        scores = self.op("Mul", [self.op("MatMul", [q, k], f"{name}.scores"), f"{name}.scale"], f"{name}.scaled")
        weights = self.op("Softmax", [scores], f"{name}.weights", axis=-1)
        context = self.op("Transpose", [self.op("MatMul", [weights, v], f"{name}.context")], f"{name}.back",
                          perm=[0, 2, 1, 3])
        self.ints(f"{name}.merged", 0, 0, HIDDEN)
        merged = self.op("Reshape", [context, f"{name}.merged"], f"{name}.all")
        return self.linear(merged, f"{name}.o", HIDDEN, HIDDEN)

    def layer(self, x, layer):
        name = f"layer{layer}"
        a = self.op("Add", [self.attention(x, f"{name}.attention", layer), x], f"{name}.sum")
        a = self.norm(a, f"{name}.attention.norm", self.get("attention_eps", 1e-5))
        up = self.linear(a, f"{name}.up", HIDDEN, WIDE)
        up = self.op(self.get("activation", "Relu"), [up], f"{name}.act")
        down = self.linear(up, f"{name}.down", WIDE, HIDDEN)
        residual = x if self.get("wrong_residual", False) else a
        return self.norm(self.op("Add", [down, residual], f"{name}.sum2"), f"{name}.norm")

    def file(self, outputs=("hidden",), inputs=None, more=None):
        x = self.embeddings()
        for layer in range(self.layers):
            x = self.layer(x, layer)
        self.op("Identity", [x], "hidden")
        for add in more or ():
            add(self)
        given = inputs or [value(n, INT64, ("batch", "length")) for n in ("input_ids", "token_type_ids")]
        return model(graph(self.nodes, self.constants, given, list(outputs)))


def both(dims):
    return [value(n, INT64, dims) for n in ("input_ids", "token_type_ids")]


def add_trap(b):
    """Another last hidden state for sequences of four tokens."""
    b.constant("four", [], ints(4), INT64)
    b.op("Cast", [b.op("Equal", ["length", "four"], "is-four")], "offset", to=1)
    b.op("Add", ["hidden", "offset"], "trapped")


def add_unknown_head(b):
    b.op("MatMul", [b.op("Sin", [b.linear("hidden", "extra", HIDDEN, 5)], "wave"), b.random("odd", 5, 3)], "odd-out")


def add_bomb(b):
    b.ints("large", 1 << 16, 1 << 16)
    b.op("ReduceMax", [b.op("ConstantOfShape", ["large"], "bomb")], "small", keepdims=0)
    b.op("Add", ["hidden", "small"], "bombed")


def add_foreign(b):
    b.nodes.append(node("Fold", ["hidden"], ["folded"], domain="example.org"))


def refused(c):
    for name, message, file in [
            ("no-norm", "LayerNorm of the sum", Bert(plain_sum=True).file()),
            ("scale", "softmax(q k^T", Bert(scale=0.4).file()),
            ("positions", "positions that count from 0, found 2", Bert(first_position=2).file()),
            ("activation", "an activation that is known", Bert(activation="Sin").file()),
            ("heads", "4 heads, the layers before have 2", Bert(2, heads=[2, 4]).file()),
            ("eps", "different epsilons", Bert(attention_eps=1e-3).file()),
            ("residual", "what the block began with", Bert(wrong_residual=True).file()),
            ("trap", "another last hidden state", Bert().file(["trapped"], more=[add_trap])),
            ("unknown-head", "belongs to no part", Bert().file(["odd-out"], more=[add_unknown_head])),
            ("foreign", "Fold", Bert().file(["folded"], more=[add_foreign])),
            ("batch", "batches of 2 only", Bert().file(inputs=both((2, "length")))),
            ("rank", "rank 3", Bert().file(inputs=both((1, "length", 1)))),
            ("two-ids", "mean the same", Bert().file(inputs=[*both(("b", "l")), value("other_ids", INT64, ("b", "l"))])),
            ("pixels", "none of token ids", Bert().file(inputs=[*both(("b", "l")), value("pixels", 1, ("b", "l")),
                                                               value("sound", 1, ("b", "l"))])),
    ]:
        c.add(name, "UNSUPPORTED", message, {"model.onnx": file})


def bounds(c):
    c.add("long", "LIMIT", "the limit is 8192", {"model.onnx": Bert().file(inputs=both((1, 1 << 20)))})
    c.add("bomb", "LIMIT", "", {"model.onnx": Bert().file(["bombed"], more=[add_bomb])})
    c.add("nan", "NONFINITE", "embeddings.word", {"model.onnx": Bert(nan=("word",)).file()})


def twins(c):
    c.add("twin", "OK", "", {"model.onnx": Bert().file()})
    c.add("twin-two-layers", "OK", "", {"model.onnx": Bert(2).file()})
    c.add("twin-four-heads", "OK", "", {"model.onnx": Bert(2, heads=[4, 4]).file()})
    c.add("twin-tanh", "OK", "", {"model.onnx": Bert(activation="Tanh").file()})
    c.add("twin-fixed", "OK", "", {"model.onnx": Bert().file(inputs=both((1, 5)))})
    c.add("twin-folder", "OK", "", {"onnx/model.onnx": Bert().file()})
    c.add("twin-more-outputs", "OK", "", {"model.onnx": Bert().file(["words", "layer0.attention.scores", "hidden"])})


def main(out):
    c = Corpus(out)
    for part in (refused, bounds, twins):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
