#!/usr/bin/env python3
"""docs/format.md against the code: message tables against format/alb.proto and the second reader's
schema, tables of values against base/*.def, section ids and limits against format/layout.h."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import read_format  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TYPES = {"uint32": "u32", "uint64": "u64", "sint64": "s64", "float": "f32", "string": "text"}
# Where the message tables stand: the heading before them, or the second column's head.
MESSAGES = ("Manifest", "Config", "Tensor", "ParameterSet", "Embedding", "Provenance", "Golden", "GoldenOutput",
            "Function", "Type", "Node", "Tokenizer", "TokenizerStage", "AddedToken", "TemplatePiece", "NamedToken")
INLINE = ("Prompt", "SourceFile")  # described in a sentence
problems = []


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as stream:
        return stream.read()


def check(condition, *message):
    if not condition:
        problems.append(" ".join(map(str, message)))


def proto_messages():
    found = {}
    for name, body in re.findall(r"^message (\w+) \{\n(.*?)^\}", read("format", "alb.proto"), re.M | re.S):
        fields = re.findall(r"^\s*(repeated )?(\w+) (\w+) = (\d+)", body, re.M)
        found[name] = {int(number): (label, TYPES.get(kind, kind) + ("[]" if repeated else ""))
                       for repeated, kind, label, number in fields}
    return found


def tables(document):
    """(heading, head row, rows) of each table, cells stripped."""
    heading, found, lines = "", [], document.split("\n")
    for i, line in enumerate(lines):
        if line.startswith("#"):
            heading = re.sub(r"^#+ [\d.]* ?", "", line)
        if line.startswith("| ---"):
            rows = []
            for row in lines[i + 1:]:
                if not row.startswith("|"):
                    break
                rows.append([cell.strip() for cell in row.strip("|").split("|")])
            found.append((heading, [cell.strip() for cell in lines[i - 1].strip("|").split("|")], rows))
    return found


def spec_messages(found):
    messages = {}
    for heading, head, rows in found:
        if head[0] == "field":
            name = head[1] if head[1] != "name" else heading.split(" ")[0]
            messages[name] = {int(row[0]): (row[1], row[2]) for row in rows}
    return messages


def values_of(name, macro):
    text = re.sub(r"/\*.*?\*/", "", read("base", name), flags=re.S)
    return {(int(value), label) for value, label in re.findall(macro + r'\(\w+, (\d+), "(\w+)"', text)}


def table_values(found, heading):
    return {(int(row[0]), row[1]) for where, _, rows in found if where == heading for row in rows}


def number(text):
    text = text.replace(" bytes", "").replace("MiB", "x 1048576").replace("^", "**").replace(" x ", " * ")
    return eval(text, {"__builtins__": {}})


def layout(name):
    text = re.sub(r"/\*.*?\*/|\(uint64_t\)", "", read("format", "layout.h"), flags=re.S)
    return eval(re.search(r"\b%s(?: =)? ([^,\n]+)" % name, text).group(1), {"__builtins__": {}})


def main():
    found = tables(read("docs", "format.md"))
    proto, spec = proto_messages(), spec_messages(found)
    check(set(spec) == set(MESSAGES), "messages of the document:", sorted(spec))
    for name in MESSAGES:
        check(spec.get(name) == proto.get(name), name, "differs: document", spec.get(name), "proto", proto.get(name))
    for name in MESSAGES + INLINE:
        check(read_format.SCHEMA[name] == proto[name], name, "differs between proto and the second reader")
    check(table_values(found, "Activations") == values_of("activation.def", "ALB_ACTIVATION"), "activations differ")
    check(table_values(found, "Poolings") == values_of("pooling.def", "ALB_POOLING"), "poolings differ")
    check(table_values(found, "Operators") == values_of("op.def", "ALB_OP"), "operators differ")
    dtypes = {(int(row[0]), row[1]) for _, head, rows in found if head[0] == "dtype" for row in rows}
    check(dtypes == values_of("dtype.def", "ALB_DTYPE"), "dtypes differ")
    limits = {row[0]: row[1] for heading, _, rows in found if heading == "Limits" for row in rows}
    for what, names in (("file, any stored or inflated blob", ["ALB_MAX_FILE_BYTES"]), ("sections", ["ALB_MAX_SECTIONS"]),
                        ("blobs, tensors, labels", ["ALB_MAX_BLOBS", "ALB_MAX_TENSORS", "ALB_MAX_LABELS"]),
                        ("manifest", ["ALB_MAX_MANIFEST_BYTES"]), ("charsmap", ["ALB_MAX_CHARSMAP_BYTES"]),
                        ("rank", ["ALB_MAX_TENSOR_RANK"]),
                        ("parameter sets", ["ALB_MAX_SETS"]), ("functions", ["ALB_MAX_FUNCTIONS"]),
                        ("nodes of a function with its calls written out", ["ALB_MAX_NODES"]),
                        ("nesting of calls", ["ALB_MAX_CALL_DEPTH"]), ("name", ["ALB_MAX_NAME_BYTES"])):
        for name in names:
            check(number(limits.get(what, "0")) == layout(name), "limit", what, limits.get(what), "is", layout(name))
    for problem in problems:
        print("check_spec.py:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
