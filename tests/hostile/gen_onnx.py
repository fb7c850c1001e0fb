#!/usr/bin/env python3
"""gen_onnx.py OUT: bad ONNX files, one a rule, and valid twins; OUT/expect.tsv says what each must give."""

import os
import sys

from corpus import Corpus
from onnx_wire import (
    BOOL,
    FLOAT,
    FLOAT16,
    INT32,
    INT64,
    INT8,
    STRING,
    UINT8,
    attribute,
    data,
    external,
    f32,
    floats,
    function,
    graph,
    ints,
    model,
    node,
    num,
    operator,
    subgraph,
    tag,
    tensor,
    value,
    varint,
)

VECTOR = ((2,), floats(1, 2))
ADD = graph(
    [node("Add", ["a", "b"], ["c"])], [tensor("a", [2], floats(1, 2)), tensor("b", [2], floats(3, 4))], [], ["c"]
)


def one(c, name, status, message, content, **files):
    c.add(name, status, message, {"model.onnx": content, **files}, "model.onnx")


def ok(c, name, content, **files):
    one(c, f"ok-{name}", "OK", "", content, **files)


def wire(c):  # O01 to O05
    good = model(ADD)
    ok(c, "add", good)
    for i in range(1, 10):
        one(c, f"varint-cut-{i}", "TRUNCATED", "within a varint", b"\x08" + b"\x80" * i)
    one(c, "varint-11", "MALFORMED", "longer than 64 bits", b"\x08" + b"\x80" * 10 + b"\x01")
    one(c, "varint-65-bits", "MALFORMED", "longer than 64 bits", b"\x08" + b"\xff" * 9 + b"\x02")
    for n in (len(good), 1 << 31, 1 << 63, (1 << 64) - 1):
        one(c, f"length-{n}", "TRUNCATED", "bytes where", b"\x08\x08" + tag(7, 2) + varint(n) + b"abc")
    for i in range(1, len(good), 7):
        one(c, f"cut-{i}", "TRUNCATED", "", good[:i])
    one(c, "field-0", "MALFORMED", "number must be", good + b"\x00\x00")
    one(c, "field-2-29", "MALFORMED", "number must be", good + varint(1 << 32) + b"\x00")
    for wrong in (6, 7):
        one(c, f"wire-type-{wrong}", "MALFORMED", "wire type must", good + tag(30, wrong))
    one(c, "graph-as-number", "MALFORMED", "has wire type 0", num(1, 8) + num(7, 3))
    one(c, "version-as-bytes", "MALFORMED", "has wire type 2", data(1, "8") + data(7, ADD))
    one(c, "groups-deep", "LIMIT", "nested deeper than 100", good + tag(30, 3) * 100000)
    one(c, "group-open", "TRUNCATED", "", good + tag(30, 3) * 99)
    one(c, "group-ends", "MALFORMED", "was not begun", good + tag(30, 4))
    one(c, "group-other", "MALFORMED", "was not begun", good + tag(30, 3) + tag(31, 4))
    one(c, "group-known", "MALFORMED", "has wire type 3", num(1, 8) + tag(7, 3) + tag(7, 4))
    ok(c, "group", good + tag(30, 3) + num(1, 5) + data(2, "x") + tag(31, 3) + tag(31, 4) + tag(30, 4))
    ok(c, "unknown-fields", good + num(100, 7) + data(101, "x") + tag(102, 1) + bytes(8) + tag(103, 5) + bytes(4))
    ok(c, "scalar-twice", num(1, 3) + good)
    packed = data(1, varint(1) + varint(2)) + num(1, 1) + num(2, FLOAT) + data(8, "a") + data(9, floats(1, 2))
    ok(c, "packed-and-not", model(graph([node("Identity", ["a"], ["b"])], [packed], [], ["b"])))
    one(c, "graph-twice", "DUPLICATE", "two graphs", model(ADD, extra=data(7, ADD)))
    one(c, "empty-graph-missing", "MISSING", "no graph", num(1, 8) + data(8, num(2, 17)))


def counts(c):  # O06
    one(c, "empty-node", "MISSING", "no operator", model(b"\x0a\0"))
    one(c, "empty-nodes", "LIMIT", "more than", model(b"\x0a\0" * 2000000))
    one(c, "many-nodes", "LIMIT", "more than", model(data(1, data(4, "A")) * 400000))
    one(c, "many-inputs", "OK", "", model(graph([node("Max", [""] * 100000, [])])))
    one(
        c,
        "many-values",
        "LIMIT",
        "more than 524288 values",
        model(data(1, data(4, "A") + b"".join(data(2, f"v{i}") for i in range(600000)))),
    )
    many = b"".join(data(5, attribute(f"a{i}", i)) for i in range(257))
    one(c, "many-attributes", "LIMIT", "more than 256 attributes", model(graph([node("Neg", [], [], many)])))
    same = data(5, tensor("a", [0], b""))
    one(c, "same-initializer", "DUPLICATE", '"a" is defined twice', model(same * 100000))
    one(c, "many-dims", "LIMIT", "rank is above", model(graph([], [num(1, 1) * 1000000 + num(2, 1) + data(8, "a")])))
    ok(
        c,
        "chain",
        model(
            graph(
                [node("Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(5000)],
                [tensor("v0", [1], floats(1))],
                [],
                ["v5000"],
            )
        ),
    )


def names(c):  # O07
    bad = b"a\xff\xfe"
    one(c, "utf8-name", "MALFORMED", "not UTF-8", model(graph([data(4, "Neg") + data(3, bad)])))
    one(c, "utf8-value", "MALFORMED", "not UTF-8", model(graph([data(4, "Neg") + data(2, bad)])))
    one(c, "escape", "MISSING", "\\x1b[31m", model(graph([node("Neg", ["\x1b[31mred"], ["y"])], outputs=["y"])))
    one(
        c, "long-name", "MISSING", "nothing defines", model(graph([node("Neg", ["n" * 1000000], ["y"])], outputs=["y"]))
    )


def bad_tensor(c, name, status, message, content):
    one(c, f"tensor-{name}", status, message, model(graph([node("Identity", ["a"], ["b"])], [content], [], ["b"])))


def tensors(c):  # O08, O09
    bad_tensor(c, "negative", "MALFORMED", "dimension 0 is -1", tensor("a", [-1], b""))
    bad_tensor(c, "overflow", "OVERFLOW", "2^48", tensor("a", [1 << 32, 1 << 32], b""))
    bad_tensor(c, "wraps", "OVERFLOW", "2^48", tensor("a", [1 << 40, 1 << 40, 1 << 40], b""))
    bad_tensor(c, "huge", "LIMIT", "above 2^48", tensor("a", [(1 << 63) - 1], b""))
    bad_tensor(c, "huge-and-zero", "LIMIT", "above 2^48", tensor("a", [0, (1 << 63) - 1], b""))
    bad_tensor(c, "huge-empty", "SHAPE", "0 bytes of data", tensor("a", [1 << 40]))
    bad_tensor(c, "too-much", "SHAPE", "4096 bytes", tensor("a", [1], bytes(4096)))
    bad_tensor(c, "too-little", "SHAPE", "4 bytes", tensor("a", [2], bytes(4)))
    bad_tensor(c, "not-whole", "SHAPE", "7 bytes", tensor("a", [2], bytes(7)))
    bad_tensor(c, "two-places", "MALFORMED", "two places", tensor("a", [1], bytes(4), extra=data(4, floats(1))))
    bad_tensor(
        c, "two-typed", "MALFORMED", "two places", tensor("a", [1], extra=data(4, floats(1)) + data(7, varint(1)))
    )
    bad_tensor(c, "wrong-field", "MALFORMED", "another type's field", tensor("a", [1], extra=data(7, varint(1))))
    bad_tensor(c, "typed-count", "SHAPE", "2 elements where", tensor("a", [1], extra=data(4, floats(1, 2))))
    bad_tensor(c, "typed-cut", "MALFORMED", "end within one", tensor("a", [1], extra=data(4, bytes(5))))
    bad_tensor(c, "varints-cut", "SHAPE", "1 elements where", tensor("a", [2], dtype=INT64, extra=data(7, b"\1\x80")))
    bad_tensor(c, "rank", "LIMIT", "above the limit of 8", tensor("a", [1] * 9, bytes(4)))
    bad_tensor(c, "no-name", "MISSING", "no name", tensor("", [1], bytes(4)))
    bad_tensor(
        c, "segment", "UNSUPPORTED", "segments", tensor("a", [1], bytes(4), extra=data(3, num(1, 0) + num(2, 1)))
    )
    for number in (0, STRING, 14, 15, 17, 18, 21, 22, 23, 24, 25, 9999, 1 << 40):
        bad_tensor(c, f"type-{number}", "UNSUPPORTED", f"({number})", tensor("a", [1], bytes(4), dtype=number))
    one(c, "sparse", "UNSUPPORTED", "sparse initialisers", model(ADD + data(15, b"")))
    good = {
        "empty": tensor("a", [0], b""),
        "scalar": tensor("a", [], floats(3)),
        "typed": tensor("a", [1], extra=data(4, floats(1))),
        "ints": tensor("a", [3], dtype=INT64, extra=data(7, varint(1) + varint(-1) + varint(1 << 62))),
        "lone-ints": tensor("a", [2], dtype=INT32, extra=num(5, 1) + num(5, -2)),
        "halves": tensor("a", [2], dtype=FLOAT16, extra=data(5, varint(0x3C00) + varint(0xBC00))),
        "bools": tensor("a", [2], dtype=BOOL, extra=data(5, b"\0\1")),
        "bytes": tensor("a", [3], b"abc", dtype=UINT8),
        "lone-floats": tensor("a", [2], extra=f32(4, 1.0) + f32(4, 2.0)),
        "rank-8": tensor("a", [1] * 8, floats(1)),
        "long-varint": tensor("a", [1], dtype=INT64, extra=data(7, b"\x81\x80\x00")),
    }
    for name, content in good.items():
        ok(c, f"tensor-{name}", model(graph([node("Identity", ["a"], ["b"])], [content], [], ["b"])))


def elsewhere(c, name, status, message, dims=(2,), files=None, **entries):
    content = model(graph([node("Identity", ["a"], ["b"])], [external("a", dims, **entries)], [], ["b"]))
    c.add(
        f"external-{name}",
        status,
        message,
        {"model.onnx": content, **(files or {"data.bin": floats(1, 2, 3, 4)})},
        "model.onnx",
    )


def external_data(c):  # O10 to O13
    below = "not a path below"
    paths = [
        "../x",
        "a/../../x",
        "a/../data.bin",
        "/etc/passwd",
        "",
        ".",
        "..",
        "./data.bin",
        "a\0b",
        "C:\\x",
        "\\\\host\\x",
        "//x",
        "file:x",
        "*/_ORT_MEM_ADDR_/*",
        "a//b",
        "data.bin/",
        "d/" * 2500 + "x",
    ]
    for i, path in enumerate(paths):
        elsewhere(c, f"path-{i}", "MALFORMED", below, location=path)
    elsewhere(c, "missing", "IO", "No such file", location="nothing.bin")
    elsewhere(c, "no-location", "MALFORMED", "needs a location", offset="0")
    for i, text in enumerate(["-1", "", "1e3", " 1", "0x10", "18446744073709551616", "1" * 30, "+1", "1\0"]):
        elsewhere(c, f"offset-{i}", "MALFORMED", "must be numbers", location="data.bin", offset=text)
        elsewhere(c, f"length-{i}", "MALFORMED", "must be numbers", location="data.bin", length=text)
    elsewhere(c, "offset-beyond", "TRUNCATED", "are not in a file of 16", location="data.bin", offset="12")
    elsewhere(
        c, "offset-wraps", "TRUNCATED", "are not in a file of 16", location="data.bin", offset="18446744073709551615"
    )
    elsewhere(c, "length-other", "SHAPE", "not its shape's", location="data.bin", length="1000000000000000")
    elsewhere(c, "length-less", "SHAPE", "not its shape's", location="data.bin", length="4")
    elsewhere(c, "empty-file", "TRUNCATED", "in a file of 0", files={"data.bin": b""}, location="data.bin")
    both = external("a", [2], location="data.bin") + data(9, floats(1, 2))
    one(c, "external-and-raw", "MALFORMED", "two places", model(graph([], [both])), **{"data.bin": floats(1, 2)})
    twice = external("a", [2], location="data.bin") + data(13, data(1, "location") + data(2, "data.bin"))
    one(c, "external-twice", "DUPLICATE", "stands twice", model(graph([], [twice])), **{"data.bin": floats(1, 2)})
    one(
        c,
        "external-where",
        "MALFORMED",
        "data_location",
        model(graph([], [tensor("a", [2], floats(1, 2), extra=num(14, 2))])),
    )
    elsewhere(c, "ok", "OK", "", location="data.bin")
    elsewhere(c, "ok-offset", "OK", "", location="data.bin", offset="7", length="8")
    elsewhere(c, "ok-dots", "OK", "", files={"a..b": floats(1, 2)}, location="a..b")
    elsewhere(c, "ok-folder", "OK", "", files={"w/data.bin": floats(1, 2)}, location="w/data.bin")
    elsewhere(c, "ok-keys", "OK", "", location="data.bin", checksum="0", __class__="x")
    pair(c, "overlap", "MALFORMED", "overlaps (offset 4", 0, 4)
    pair(c, "overlap-tied", "MALFORMED", "overlaps (offset 4", 0, 0, 4)
    pair(c, "ok-tied", "OK", "", 0, 8, 0)
    links(c)


def pair(c, name, status, message, *places):
    """Tensors of two floats at these offsets of one file."""
    tensors_there = [external(f"t{i}", [2], location="data.bin", offset=str(o)) for i, o in enumerate(places)]
    content = {"data.bin": floats(1, 2, 3, 4)}
    c.add(f"external-{name}", status, message, {"model.onnx": model(graph([], tensors_there)), **content}, "model.onnx")


def links(c):  # O11
    def case(name, status, message, make):
        elsewhere(c, name, status, message, files={"here/x": floats(1, 2)}, location="data.bin")
        make(c.out / f"external-{name}")

    (c.out / "outside.bin").write_bytes(floats(1, 2))
    case("link-out", "MALFORMED", "not a path below", lambda d: os.symlink("../outside.bin", d / "data.bin"))
    case("link-absolute", "MALFORMED", "not a path below", lambda d: os.symlink("/dev/zero", d / "data.bin"))
    case("link-loop", "MALFORMED", "not a path below", lambda d: os.symlink("data.bin", d / "data.bin"))
    case("ok-link-in", "OK", "", lambda d: os.symlink("here/x", d / "data.bin"))
    case("ok-hard-link", "OK", "", lambda d: os.link(c.out / "outside.bin", d / "data.bin"))
    case("is-folder", "IO", "not a regular file", lambda d: (d / "data.bin").mkdir())
    case("is-fifo", "IO", "not a regular file", lambda d: os.mkfifo(d / "data.bin"))
    elsewhere(c, "parent-link", "MALFORMED", "not a path below", location="up/outside.bin")
    os.symlink("..", c.out / "external-parent-link" / "up")


def graphs(c):  # O14
    def case(name, status, message, nodes, **rest):
        one(c, f"graph-{name}", status, message, model(graph(nodes, **rest)))

    start = {"initializers": [tensor("a", [2], floats(1, 2))]}
    case(
        "cycle", "MALFORMED", "depends on itself", [node("Neg", ["y"], ["x"]), node("Neg", ["x"], ["y"])], outputs=["y"]
    )
    case("self-loop", "MALFORMED", "depends on itself", [node("Add", ["a", "x"], ["x"])], outputs=["x"], **start)
    case("input", "MISSING", 'nothing defines "b"', [node("Add", ["a", "b"], ["x"])], outputs=["x"], **start)
    case("producers", "DUPLICATE", '"x" is defined twice', [node("Neg", ["a"], ["x"])] * 2, outputs=["x"], **start)
    case("output", "MISSING", 'nothing defines "z"', [node("Neg", ["a"], ["x"])], outputs=["z"], **start)
    case(
        "capture",
        "MISSING",
        'nothing defines "q"',
        [node("If", ["a"], ["x"], data(5, subgraph("then_branch", graph([node("Neg", ["q"], ["p"])], outputs=["p"]))))],
        outputs=["x"],
        **start,
    )
    case("operator", "UNSUPPORTED", "not known", [node("Frobnicate", ["a"], ["x"])], outputs=["x"], **start)
    case("domain", "UNSUPPORTED", "not known", [node("Add", ["a", "a"], ["x"], domain="org.x")], outputs=["x"], **start)
    case("ok-unsorted", "OK", "", [node("Neg", ["x"], ["y"]), node("Neg", ["a"], ["x"])], outputs=["y"], **start)
    case("ok-dead-cycle", "OK", "", [node("Neg", ["y"], ["x"]), node("Neg", ["x"], ["y"])], outputs=["a"], **start)
    case("ok-nothing", "OK", "", [])
    nested = graph([node("Neg", ["a"], ["n0"])], outputs=["n0"])
    for depth in range(1, 2000):
        nested = graph(
            [node("If", ["a"], [f"n{depth}"], data(5, subgraph("then_branch", nested)))], outputs=[f"n{depth}"]
        )
        if depth == 3:
            condition = [tensor("a", [1], b"\1", dtype=BOOL)]
            one(
                c,
                "graph-nested-3",
                "UNSUPPORTED",
                "type bool",
                model(
                    graph([node("If", ["a"], ["x"], data(5, subgraph("then_branch", nested)))], condition, [], ["x"])
                ),
            )
    one(
        c,
        "graph-nested-deep",
        "LIMIT",
        "nested deeper than 16",
        model(graph([node("If", ["a"], ["x"], data(5, subgraph("then_branch", nested)))], **start, outputs=["x"])),
    )


def functions(c):
    call = graph([node("F0", ["a"], ["y"], domain="local")], [tensor("a", [2], floats(1, 2))], [], ["y"])
    local = [
        function(
            f"F{i}",
            ["x"],
            ["y"],
            [node(f"F{i + 1}", ["x"], ["m"], domain="local"), node(f"F{i + 1}", ["m"], ["y"], domain="local")],
        )
        for i in range(15)
    ]
    leaf = function("F15", ["x"], ["y"], [node("Neg", ["x"], ["y"])])
    ok(c, "function", model(call, functions=[function("F0", ["x"], ["y"], [node("Neg", ["x"], ["y"])])]))
    ok(c, "function-hands-on", model(call, functions=[function("F0", ["x"], ["x"], [])]))
    one(
        c,
        "function-recursion",
        "LIMIT",
        "deeper than 16",
        model(call, functions=[function("F0", ["x"], ["y"], [node("F0", ["x"], ["y"], domain="local")])]),
    )
    one(
        c,
        "function-bomb",
        "LIMIT",
        "more than",
        model(
            call,
            functions=[
                *local[:14],
                function(
                    "F14",
                    ["x"],
                    ["y"],
                    [
                        node("F15", ["x" if i == 0 else f"m{i}"], [f"m{i + 1}" if i < 63 else "y"], domain="local")
                        for i in range(64)
                    ],
                ),
                leaf,
            ],
        ),
    )
    scaled = [
        data(4, "LeakyRelu") + data(1, "x") + data(2, "y") + data(5, data(1, "alpha") + data(21, "a") + num(20, 1))
    ]
    softmax = node("Softmax", ["x"], ["y"], data(5, data(1, "axis") + data(21, "a") + num(20, 2)))
    default = data(11, attribute("a", 5))
    one(
        c,
        "function-default",
        "ARGUMENT",
        "axis 5",
        model(call, functions=[function("F0", ["x"], ["y"], [softmax]) + default]),
    )
    ok(c, "function-no-default", model(call, functions=[function("F0", ["x"], ["y"], [softmax])]))
    one(
        c,
        "function-operator",
        "UNSUPPORTED",
        "LeakyRelu",
        model(call, functions=[function("F0", ["x"], ["y"], scaled)]),
    )
    many = b"".join(data(11, attribute(f"a{i}", i)) for i in range(257))
    one(
        c,
        "function-defaults",
        "LIMIT",
        "more than 256",
        model(call, functions=[function("F0", ["x"], ["y"], [softmax]) + many]),
    )
    one(c, "function-open", "MISSING", "makes its output", model(call, functions=[function("F0", ["x"], ["y"], [])]))
    one(c, "function-twice", "DUPLICATE", "defined twice", model(call, functions=[leaf, leaf]))
    one(
        c,
        "function-inputs",
        "MALFORMED",
        "has 1 inputs",
        model(call, functions=[function("F0", [], ["y"], [node("Neg", ["x"], ["y"])])]),
    )
    one(
        c,
        "function-capture",
        "MISSING",
        'nothing defines "a"',
        model(call, functions=[function("F0", ["x"], ["y"], [node("Neg", ["a"], ["y"])])]),
    )
    one(
        c,
        "reference-outside",
        "MALFORMED",
        "outside of a function",
        model(graph([node("Neg", [], [], data(5, data(1, "q") + data(21, "r")))])),
    )


def attributes(c):  # O15
    def case(name, status, message, op, inputs, **named):
        one(c, f"attr-{name}", status, message, operator(op, inputs, **named))

    matrix = ((2, 3), floats(*range(6)))
    index = ((2,), ints(0, 5), INT64)
    case("axis", "ARGUMENT", "the-Softmax", "Softmax", [matrix], axis=(1 << 63) - 1)
    case("axis-low", "ARGUMENT", "axis", "Softmax", [matrix], axis=-(1 << 63))
    case("perm-twice", "DUPLICATE", "named twice", "Transpose", [matrix], perm=[0, 0])
    case("perm-range", "ARGUMENT", "axis 2", "Transpose", [matrix], perm=[0, 2])
    case("perm-count", "ARGUMENT", "perm has", "Transpose", [matrix], perm=[0])
    case("reshape-two", "SHAPE", "dimension -1", "Reshape", [matrix, ((2,), ints(-1, -1), INT64)])
    case("reshape-not", "SHAPE", "elements into", "Reshape", [matrix, ((2,), ints(4, -1), INT64)])
    case("reshape-wraps", "SHAPE", "", "Reshape", [matrix, ((2,), ints(1 << 62, 1 << 62), INT64)])
    case("reshape-copy", "SHAPE", "copies dimension", "Reshape", [matrix, ((3,), ints(0, 0, 0), INT64)])
    case("slice-step", "ARGUMENT", "step of 0", "Slice", [matrix] + [((1,), ints(v), INT64) for v in (0, 1, 0, 0)])
    case("slice-count", "MALFORMED", "equally many", "Slice", [matrix, index, ((1,), ints(0), INT64)])
    case("gather-range", "ARGUMENT", "index 5", "Gather", [matrix, index])
    case("gather-type", "MALFORMED", "indices must be", "Gather", [matrix, ((1,), floats(0))])
    case("gathernd-range", "ARGUMENT", "index 5", "GatherND", [matrix, ((1, 2), ints(0, 5), INT64)])
    case("elements-range", "ARGUMENT", "index 5", "GatherElements", [matrix, ((1, 2), ints(0, 5), INT64)])
    case("split-sum", "SHAPE", "do not sum", "Split", [VECTOR, ((2,), ints(1, 5), INT64)], outputs=2)
    case("split-negative", "SHAPE", "do not sum", "Split", [VECTOR, ((2,), ints(-1, 3), INT64)], outputs=2)
    case("matmul", "SHAPE", "columns times", "MatMul", [matrix, matrix])
    case("broadcast", "SHAPE", "broadcast", "Add", [matrix, ((2, 2), floats(*range(4)))])
    case("types", "MALFORMED", "types float and int64", "Add", [VECTOR, ((2,), ints(1, 2), INT64)])
    case("divide", "ARGUMENT", "division by 0", "Div", [((1,), ints(1), INT64), ((1,), ints(0), INT64)])
    case("inputs", "MALFORMED", "has 3 inputs", "Add", [VECTOR, VECTOR, VECTOR])
    case("left-out", "MISSING", "input 0 is left out", "Add", [None, VECTOR])
    case("cast-type", "UNSUPPORTED", "to type ? (99)", "Cast", [VECTOR], to=99)
    case("squeeze", "SHAPE", "not 1", "Squeeze", [matrix, ((1,), ints(0), INT64)])
    case("unsqueeze-rank", "LIMIT", "to rank 9", "Unsqueeze", [matrix, ((7,), ints(*range(7)), INT64)])
    case("einsum", "MALFORMED", "equation", "Einsum", [matrix], equation="ijk->i")
    case("einsum-name", "MALFORMED", "equation", "Einsum", [matrix], equation="ij->q")
    case(
        "heads",
        "ARGUMENT",
        "q_num_heads",
        "Attention",
        [((1, 2, 4), floats(*range(8)))] * 3,
        opset=23,
        q_num_heads=3,
        kv_num_heads=3,
    )
    case("quantize", "SHAPE", "scales do not fit", "DequantizeLinear", [((2, 3), bytes(6), INT8), ((2,), floats(1, 2))])
    case(
        "embed",
        "ARGUMENT",
        "id 5",
        "EmbedLayerNormalization",
        [
            ((1, 1), b"\5\0\0\0", INT32),
            None,
            ((2, 2), floats(*range(4))),
            ((2, 2), floats(*range(4))),
            None,
            VECTOR,
            VECTOR,
        ],
        domain="com.microsoft",
        outputs=2,
    )
    case(
        "ok-slice-low",
        "OK",
        "",
        "Slice",
        [matrix] + [((1,), ints(v), INT64) for v in (-(1 << 63), (1 << 63) - 1, 1, -(1 << 62))],
    )
    case("ok-empty-constant", "OK", "", "Identity", [((0,), b"")])
    case("ok-nan-epsilon", "OK", "", "LayerNormalization", [matrix, ((3,), floats(1, 1, 1))], epsilon=float("nan"))
    twice = node("Softmax", ["a"], ["b"], data(5, attribute("axis", 0)) * 2)
    one(c, "attr-twice", "DUPLICATE", "stands twice", model(graph([twice], [tensor("a", [1], floats(1))])))
    one(c, "attr-no-name", "MISSING", "has no name", model(graph([data(4, "Neg") + data(5, num(3, 1))])))
    one(
        c,
        "attr-constant",
        "OK",
        "",
        model(graph([node("Constant", [], ["b"], value=tensor("", [0], b""))], outputs=["b"])),
    )


def versions(c):  # O16
    one(c, "opset-none", "UNSUPPORTED", "which opset", model(ADD, None))
    for n in (0, -1, 25, 1 << 31, (1 << 63) - 1):
        one(c, f"opset-{n}", "UNSUPPORTED", "opset", model(ADD, n))
    one(c, "opset-twice", "DUPLICATE", "two opsets", model(ADD, extra=data(8, num(2, 17))))
    one(c, "opset-alias", "DUPLICATE", "two opsets", model(ADD, extra=data(8, data(1, "ai.onnx") + num(2, 17))))
    sequence = data(1, "s") + data(2, data(4, b""))
    one(c, "input-sequence", "UNSUPPORTED", "not a tensor", model(graph(inputs=[sequence])))
    one(c, "input-twice", "DUPLICATE", '"i" is defined twice', model(graph(inputs=["i", "i"])))
    ok(
        c,
        "input-initializer",
        model(graph([node("Neg", ["a"], ["b"])], [tensor("a", [2], floats(1, 2))], [value("a", FLOAT, [2])], ["b"])),
    )


def bombs(c):  # O17
    def case(name, op, inputs, **named):
        one(c, f"bomb-{name}", "LIMIT", "", operator(op, inputs, **named))

    big = ((2,), ints(1 << 24, 1 << 16), INT64)
    case("expand", "Expand", [((1,), floats(1)), big])
    case("tile", "Tile", [((1, 1), floats(1)), big])
    case("constant-of-shape", "ConstantOfShape", [big])
    case("range", "Range", [((), ints(0), INT64), ((), ints(1 << 40), INT64), ((), ints(1), INT64)])
    case("range-huge", "Range", [((), floats(0)), ((), floats(1e30)), ((), floats(1e-30))])
    case("onehot", "OneHot", [((1,), ints(1), INT64), ((), ints(1 << 40), INT64), VECTOR])
    case("outer", "MatMul", [((4096, 1), bytes(4 * 4096)), ((1, 4096), bytes(4 * 4096))])
    case("einsum", "Einsum", [((4096,), bytes(4 * 4096))] * 3, equation="i,j,k->i")
    doubling = [node("Concat", [f"v{i}", f"v{i}"], [f"v{i + 1}"], axis=0) for i in range(60)]
    one(c, "bomb-doubling", "LIMIT", "larger than", model(graph(doubling, [tensor("v0", [1], floats(1))], [], ["v60"])))
    for dims in ([1 << 48, 0], [0, 1 << 48], [1 << 47, 0, 1 << 47]):  # nothing, but many times
        shape = "x".join(map(str, dims))
        for op, more, named in (
            ("Transpose", [], {}),
            ("Concat", [], {"axis": 0}),
            ("Softmax", [], {"axis": 0}),
            ("Flatten", [], {}),
            ("ReduceSum", [], {}),
            ("Split", [], {"axis": 0}),
            ("Gather", [((1,), ints(0), INT64)], {"axis": len(dims) - 1}),
        ):
            if op != "Gather" or dims[-1]:  # that one would make 2^48 elements
                ok(c, f"nothing-{op}-{shape}", operator(op, [(dims, b"")] + more, **named))


def main(out):
    c = Corpus(out)
    for part in (wire, counts, names, tensors, external_data, graphs, functions, attributes, versions, bombs):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
