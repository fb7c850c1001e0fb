#!/usr/bin/env python3
"""gen_torch.py OUT: PyTorch files whose pickles or storages are bad, one per rule, and odd but valid twins;
OUT/expect.tsv says what each must give. No pickle here does anything when it is loaded: names stand for what they would
call, with an argument without effect."""

import struct
import sys

import pickles as p
from corpus import CONFIG, Corpus, model
from pickles import (APPEND, APPENDS, BUILD, EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE, FALSE, MARK, NONE, PERSID, REDUCE, SETITEM,
                     SETITEMS, STOP, TRUE, TUPLE, Entry, archive, glob, mapping, number, ordered, pickled, storage, tensor, text, tup)

BODY, DATA = p.state(model())

# What attack tools and their detectors' tests name; and names that come close to the allowed ones.
NAMES = """os system|posix system|nt system|os popen|os execve|os.path join|subprocess Popen|subprocess call|subprocess run
subprocess check_output|builtins eval|builtins exec|builtins compile|builtins getattr|builtins open|builtins __import__
__builtin__ eval|__builtin__ apply|sys modules|sys exit|socket create_connection|socket socket|requests.api get
urllib.request urlopen|http.client HTTPSConnection|webbrowser open|shutil rmtree|shutil copy|runpy _run_code|runpy run_path
pickle loads|_pickle loads|cPickle loads|marshal loads|types CodeType|types FunctionType|operator attrgetter|operator methodcaller
functools partial|importlib import_module|pty spawn|pdb run|bdb Bdb|timeit timeit|code InteractiveConsole|ctypes CDLL
asyncio.unix_events _UnixSubprocessTransport._start|multiprocessing.util spawnv_passfds|torch.hub load|torch load|torch.jit load
torch._dynamo.guards GuardBuilder.get|torch.utils.cpp_extension load|torch.utils.model_zoo load_url|torch.storage _load_from_bytes
torch._inductor.codecache compile_file|torch.serialization load|torch._tensor _rebuild_from_type_v2|torch.package PackageImporter
torch.fx.experimental.symbolic_shapes ShapeEnv.evaluate_guards_expression|torch.distributed.rpc rpc_sync|numpy load
numpy.testing._private.utils runstring|numpy.core.multiarray _reconstruct|joblib load|dill loads|cloudpickle loads|uuid _get_command_stdout
argparse Namespace|transformers.models.bert.modeling_bert BertModel|collections defaultdict|collections Counter|torch device
torch float32|torch ComplexFloatStorage|torch.storage UntypedStorage|torch._utils _rebuild_sparse_tensor|torch.cuda FloatStorage
torch._utils _rebuild_tensor_v3|torch._utils _rebuild_tensor_v2.x|torch._utils. _rebuild_tensor_v2|torch._utils.x _rebuild_tensor_v2
torch._Utils _rebuild_tensor_v2|torch._utils  _rebuild_tensor_v2|t\u043erch._utils _rebuild_tensor_v2|collections OrderedDict.|
 collections OrderedDict|collections.abc OrderedDict|torch._utils _rebuild_tensor_v2\x00|torch._utils\r _rebuild_tensor_v2"""


def one(c, name, status, message, pickle, data=None, **files):
    entries = p.entries(pickle, DATA if data is None else data)
    c.add(name, status, message, {"pytorch_model.bin": archive(entries), "config.json": CONFIG, **files})


def body(c, name, status, message, content, data=None):
    one(c, name, status, message, pickled(content), data)


def opcode(name):
    return f"pickle: {name}: "


def globals_(c):
    for i, pair in enumerate(NAMES.replace("\n", "|").split("|")):
        module, _, name = pair.rpartition(" ")
        shown = f"{module}.{name}".replace("\x00", "").replace("\r", "\\x0d")
        body(c, f"global-{i}", "UNSUPPORTED", f"names {shown}", glob(module, name) + tup(text("true")) + REDUCE)
    body(c, "global-alone", "UNSUPPORTED", "names os.system", glob("os", "system"))
    body(c, "global-in-optimizer", "UNSUPPORTED", "names os.system",
         mapping({"state_dict": BODY, "optimizer": glob("os", "system")}))
    body(c, "global-build", "UNSUPPORTED", "names os.system", glob("os", "system") + EMPTY_DICT + BUILD)
    body(c, "global-cut", "TRUNCATED", "GLOBAL: the pickle ends inside it", b"cos\nsystem")
    body(c, "global-long", "TRUNCATED", "GLOBAL", b"c" + b"x" * 100000)
    body(c, "global-called-storage", "MALFORMED", "a type of storage is called",
         glob("torch", "FloatStorage") + EMPTY_TUPLE + REDUCE)
    body(c, "global-called-text", "MALFORMED", "REDUCE: is not on a name and a tuple", text("os.system") + EMPTY_TUPLE + REDUCE)
    body(c, "global-called-list", "MALFORMED", "REDUCE: is not on", glob("collections", "OrderedDict") + EMPTY_LIST + REDUCE)
    body(c, "global-called-tensor", "MALFORMED", "REDUCE: is not on", tensor([4]) + EMPTY_TUPLE + REDUCE)
    body(c, "global-arguments", "UNSUPPORTED", "an OrderedDict of arguments",
         glob("collections", "OrderedDict") + tup(EMPTY_LIST) + REDUCE)


def opcodes(c):
    refused = {b"2": "DUP", b"F": "FLOAT", b"I": "INT", b"L": "LONG", b"P": "PERSID", b"S": "STRING", b"V": "UNICODE",
               b"d": "DICT", b"g": "GET", b"i": "INST", b"l": "LIST", b"o": "OBJ", b"p": "PUT", b"T": "BINSTRING",
               b"B": "BINBYTES", b"C": "SHORT_BINBYTES", b"\x81": "NEWOBJ", b"\x82": "EXT1", b"\x83": "EXT2", b"\x84": "EXT4",
               b"\x8c": "SHORT_BINUNICODE", b"\x8d": "BINUNICODE8", b"\x8e": "BINBYTES8", b"\x8f": "EMPTY_SET",
               b"\x90": "ADDITEMS", b"\x91": "FROZENSET", b"\x92": "NEWOBJ_EX", b"\x93": "STACK_GLOBAL", b"\x94": "MEMOIZE",
               b"\x95": "FRAME", b"\x96": "BYTEARRAY8", b"\x97": "NEXT_BUFFER", b"\x98": "READONLY_BUFFER", b"\x80": "PROTO"}
    for code, name in refused.items():
        body(c, f"opcode-{name}", "UNSUPPORTED", opcode(name), text("os") + text("system") + code + b"\xff" * 8)
    for code in (0, 1, 0x7F, 0x99, 0xFF):
        body(c, f"opcode-{code:02x}", "MALFORMED", f"0x{code:02x} is no opcode", bytes([code]))
    for version in (0, 1, 3, 4, 5, 255):
        one(c, f"protocol-{version}", "UNSUPPORTED", f"protocol {version} is not supported", b"\x80" + bytes([version]) + BODY + STOP)
    for i, old in enumerate((b"(dp0\nS'a'\nI1\ns.", b"}.", b"cos\nsystem\n(S'true'\ntR.", b"..")):
        one(c, f"protocol-none-{i}", "UNSUPPORTED", "not with protocol 2", old)
    needs = {"POP": b"0", "TUPLE1": b"\x85", "TUPLE2": b"N\x86", "TUPLE3": b"NN\x87", "APPEND": b"N" + APPEND,
             "SETITEM": EMPTY_DICT + SETITEM, "REDUCE": EMPTY_TUPLE + REDUCE, "BUILD": EMPTY_DICT + BUILD, "BINPERSID": PERSID,
             "BINPUT": b"q\0", "LONG_BINPUT": b"r\0\0\0\0", "APPENDS": MARK + APPENDS, "SETITEMS": MARK + SETITEMS}
    for name, content in needs.items():
        body(c, f"stack-{name}", "MALFORMED", opcode(name) + "needs more values", content)
        if not content.startswith(MARK):  # past a mark
            body(c, f"stack-mark-{name}", "MALFORMED", opcode(name) + "needs more values", b"NNNN" + MARK + content)
    for name, code in (("TUPLE", TUPLE), ("APPENDS", APPENDS), ("SETITEMS", SETITEMS), ("POP_MARK", b"1")):
        body(c, f"mark-{name}", "MALFORMED", opcode(name) + "there is no mark", EMPTY_LIST + NONE + code)
    body(c, "stack-two", "MALFORMED", "something else than one value", BODY + BODY)
    body(c, "stack-none", "MALFORMED", "something else than one value", b"")
    body(c, "stack-marked", "MALFORMED", "something else than one value", MARK + BODY)


def memo(c):
    for i, content in enumerate((b"h\0", b"j\0\0\0\0", b"j\xff\xff\xff\xff", b"Nq\0h\1")):
        body(c, f"memo-{i}", "MALFORMED", "memo entry is not set", content)
    for i, content in enumerate((b"Nr\xff\xff\xff\xff", b"Nq\1", b"Nq\0q\2")):
        body(c, f"memo-gap-{i}", "MALFORMED", "do not follow one another", content)


def lengths(c):
    for name, content in (("BINUNICODE", b"X\xff\xff\xff\xff"), ("SHORT_BINSTRING", b"U\5abc"), ("BININT", b"J\1"),
                          ("BININT2", b"M"), ("BINFLOAT", b"G123"), ("LONG1", b"\x8a\xffabc"), ("LONG4", b"\x8b\xff\xff\xff\x7f"),
                          ("LONG_BINPUT", b"Nr\0"), ("BINGET", b"h")):
        one(c, f"cut-{name}", "TRUNCATED", opcode(name) + "the pickle ends inside it", b"\x80\2" + content)
    one(c, "cut-LONG4-negative", "MALFORMED", "a negative length", b"\x80\2\x8b\0\0\0\x80.")
    for i, content in enumerate((b"", b"\x80")):
        one(c, f"cut-empty-{i}", "TRUNCATED", "bytes are none", content)
    one(c, "cut-no-stop", "TRUNCATED", "ends without STOP", b"\x80\2" + BODY)
    one(c, "cut-stop-first", "MALFORMED", "STOP: the stack holds", b"\x80\2.")
    for n in (1, 1000):
        one(c, f"behind-{n}", "MALFORMED", f"{n} bytes follow its end", pickled(BODY) + b"." * n)


def nesting(c):
    body(c, "deep-tuples", "LIMIT", "nested deeper than 64", b"N" + b"\x85" * 1_000_000)
    body(c, "deep-lists", "LIMIT", "nested deeper than 64", EMPTY_LIST * 100_000 + APPEND * 99_999)
    body(c, "deep-64", "LIMIT", "nested deeper", b"N" + b"\x85" * 65)
    body(c, "deep-dicts", "LIMIT", "nested deeper", (EMPTY_DICT + text("a")) * 1000 + NONE + SETITEM * 1000)
    contains = "it would contain itself"
    body(c, "cycle-list", "MALFORMED", contains, EMPTY_LIST + b"q\0h\0" + APPEND)
    body(c, "cycle-dict", "MALFORMED", contains, EMPTY_DICT + b"q\0" + text("a") + b"h\0" + SETITEM)
    body(c, "cycle-tuple", "MALFORMED", contains, EMPTY_LIST + b"q\0h\0\x85" + APPEND)
    body(c, "cycle-later", "MALFORMED", "changed after it was used: it", EMPTY_LIST + b"q\0\x85q\1" + b"h\0h\1" + APPEND)
    doubled = b"Nq\0" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60))
    body(c, "twin-doubled", "OK", "", mapping({"deep": MARK + doubled + b"h\x3c" + TUPLE, "state_dict": BODY}))
    body(c, "deep-doubled", "LIMIT", "nested deeper", MARK + b"Nq\0" + b"".join(
        b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(100)) + TUPLE)
    body(c, "many-popped", "LIMIT", "more than 2097152 values", b"K\0010" * 2_100_000)
    body(c, "many-stack", "LIMIT", "on the stack", b"N" * 1_050_000)
    body(c, "many-marks", "LIMIT", "marks", MARK * 1_050_000)
    body(c, "many-items", "LIMIT", "more than 2097152 values", EMPTY_LIST + (MARK + b"N" * 1000 + APPENDS) * 2200)
    part = mapping({f"{i}": NONE for i in range(1000)})
    shared = mapping({"0": part + b"q\0"} | {str(i): b"h\0" for i in range(1, 5000)})
    body(c, "many-parts-one", "DUPLICATE", "one dict stands under two names", shared)
    body(c, "many-parts", "LIMIT", "more than 256 dicts", mapping({str(i): EMPTY_DICT for i in range(5000)}))


def types(c):
    dict_, list_, t = EMPTY_DICT, EMPTY_LIST, tensor([4])
    for name, content, message in (
            ("setitem-tensor", t + text("a") + NONE + SETITEM, "SETITEM: is not on a dict"),
            ("setitems-tensor", t + MARK + text("a") + NONE + SETITEMS, "SETITEMS: is not on a dict"),
            ("setitem-list", list_ + text("a") + NONE + SETITEM, "SETITEM: is not on a dict"),
            ("append-dict", dict_ + NONE + APPEND, "APPEND: is not on a list"),
            ("appends-dict", dict_ + MARK + NONE + APPENDS, "APPENDS: is not on a list"),
            ("append-ordered", ordered() + NONE + APPEND, "APPEND: is not on a list"),
            ("append-tuple", EMPTY_TUPLE + NONE + APPEND, "APPEND: is not on a list"),
            ("build-dict", dict_ + mapping({"_metadata": dict_}) + BUILD, "BUILD: attributes other"),
            ("build-other", ordered() + mapping({"__class__": dict_}) + BUILD, "BUILD: attributes other"),
            ("build-two", ordered() + mapping({"_metadata": dict_, "x": dict_}) + BUILD, "BUILD: attributes other"),
            ("build-tuple", ordered() + tup(NONE, dict_) + BUILD, "BUILD: attributes other"),
            ("build-tensor", t + mapping({"_metadata": dict_}) + BUILD, "BUILD: is not on a dict"),
            ("build-none", ordered() + NONE + BUILD, "BUILD: attributes other"),
            ("odd", dict_ + MARK + text("a") + SETITEMS, "SETITEMS: a key without a value"),
            ("key-list", dict_ + list_ + NONE + SETITEM, "SETITEM: a list or dict as a key"),
            ("key-dict", dict_ + MARK + dict_ + NONE + SETITEMS, "SETITEMS: a list or dict as a key")):
        body(c, f"type-{name}", "MALFORMED", opcode(message.split(":")[0]) + message.split(": ")[1], content)


def storages(c):
    def held(name, message, content, status="MALFORMED"):
        body(c, f"storage-{name}", status, message, mapping({"a": tensor([4], content)}))
    f32, wrong = glob("torch", "FloatStorage"), "is not a storage's type"
    parts = [text("storage"), f32, text("0"), text("cpu"), number(4)]
    held("four", wrong, tup(*parts[:4]) + PERSID)
    held("seven", wrong, tup(*parts, NONE, NONE) + PERSID)
    held("list", wrong, EMPTY_LIST + MARK + b"".join(parts) + APPENDS + PERSID)
    held("text", wrong, text("0") + PERSID)
    for i, bad in enumerate((text("module"), text("FloatStorage"), number(0), NONE, text("4"))):
        held(f"part-{i}", wrong, tup(*parts[:i], bad, *parts[i + 1:]) + PERSID)
    held("global", wrong, tup(parts[0], glob("collections", "OrderedDict"), *parts[2:]) + PERSID)
    for i, key in enumerate(("../../x", "a", "", "0/1", "0 ", "-1", "0" * 21, "\u0661", "0\0")):
        held(f"key-{i}", "key is not a number", storage(key))
    for i, count in enumerate((-1, 2**48 + 1, 2**63 - 1)):
        held(f"count-{i}", "not from 0 to 2^48", storage(count=count))
    held("count-large", wrong, storage(count=2**63))
    held("view", "views another", storage(more=tup(text("1"), number(0), number(4))), "UNSUPPORTED")
    for name, other in (("dtype", storage(dtype="I32")), ("count", storage(count=5))):
        body(c, f"storage-twice-{name}", "MALFORMED", "storage 0 is described twice",
             mapping({"a": tensor([4]), "b": tensor([4], other)}), {"0": bytes(16)})
    for name, size in (("short", 15), ("long", 17), ("none", 0)):
        body(c, f"storage-size-{name}", "MALFORMED", f"4 elements of f32 need 16 bytes, found {size}", mapping({"a": tensor([4])}),
             {"0": bytes(size)})
    body(c, "storage-missing", "MISSING", "storage 77 is not in the archive", mapping({"a": tensor([4], storage("77"))}))


def views(c):
    def view(name, status, message, *arguments, **keys):
        body(c, f"view-{name}", status, message, mapping({"a": tensor(*arguments, **keys)}), {"0": bytes(16)})
    four = storage()
    view("offset-negative", "MALFORMED", "is negative", [4], four, -1)
    view("size-negative", "MALFORMED", "is negative", [-4], four, stride=[1])
    view("stride-negative", "MALFORMED", "is negative", [4], four, stride=[-1])
    view("ranks", "MALFORMED", "not as many strides as sizes", [4], four, stride=[1, 1])
    view("rank-9", "LIMIT", "rank above 8", [1] * 9, four, stride=[1] * 9)
    for i, (shape, offset, stride) in enumerate((([5], 0, [1]), ([4], 1, [1]), ([1], 4, [1]), ([2], 0, [4]), ([2, 2], 2, [1, 2]),
                                                 ([], 4, []), ([2], 2**62, [1]), ([2], 0, [2**62]))):
        view(f"beyond-{i}", "MALFORMED", "leaves its storage of 4 elements", shape, four, offset, stride=stride)
    view("overflow", "OVERFLOW", "strides overflow", [2**40], four, stride=[2**40])
    view("overflow-sum", "OVERFLOW", "strides overflow", [3, 2**40], four, stride=[2**63 - 1, 1])
    view("large", "LIMIT", "2^48", [2**49], four, stride=[1])
    view("expanded", "UNSUPPORTED", "lie over one another", [2**40, 4], four, stride=[0, 1])
    view("expanded-all", "UNSUPPORTED", "lie over one another", [2**40], four, stride=[0])
    view("overlapping", "UNSUPPORTED", "lie over one another", [3, 2], four, stride=[1, 1])
    view("overlapping-3", "UNSUPPORTED", "lie over one another", [2, 2, 2], four, stride=[2, 1, 1])
    for name, arguments in (("three", tup(four, number(0), tup(number(4)))), ("eight", tup(four, *[NONE] * 7)),
                            ("no-storage", tup(NONE, number(0), tup(number(4)), tup(number(1)))), ("none", EMPTY_TUPLE)):
        body(c, f"view-arguments-{name}", "MALFORMED", "a tensor of something else", mapping(
            {"a": glob("torch._utils", "_rebuild_tensor_v2") + arguments + REDUCE}))
    for name, arguments in (("offset", tup(four, NONE, tup(number(4)), tup(number(1)))),
                            ("sizes", tup(four, number(0), number(4), tup(number(1)))),
                            ("strides", tup(four, number(0), tup(number(4)), tup(text("1")))),
                            ("bool", tup(four, number(0), tup(TRUE), tup(number(1))))):
        body(c, f"view-type-{name}", "MALFORMED", "are not numbers", mapping(
            {"a": glob("torch._utils", "_rebuild_tensor") + arguments + REDUCE}))
    view("metadata", "UNSUPPORTED", "a tensor with metadata", [4], four, more=mapping({"neg": TRUE}))
    held = storage(count=16384)
    many = {f"t{i}": tensor([16384], held) for i in range(20)} | {f"s{i}": tensor([8192], held, stride=[2]) for i in range(12)}
    body(c, "view-copies", "LIMIT", "too many transposed or strided", mapping(many), {"0": bytes(65536)})
    body(c, "view-size-text", "MALFORMED", "a torch.Size of something else",
         mapping({"a": glob("torch", "Size") + tup(tup(text("4"))) + REDUCE}))
    body(c, "view-parameter", "MALFORMED", "a parameter of something else",
         mapping({"a": glob("torch._utils", "_rebuild_parameter") + tup(NONE, TRUE, ordered()) + REDUCE}))


def states(c):
    none = "holds no state dict (a dict of tensors): its keys are "
    for name, content in (("list", EMPTY_LIST + MARK + tensor([4]) + APPENDS), ("tensor", tensor([4])), ("none", NONE),
                          ("tuple", tup(tensor([4])))):
        body(c, f"state-{name}", "UNSUPPORTED", "holds something else than a state dict", content)
    body(c, "state-empty", "UNSUPPORTED", none + "no texts", EMPTY_DICT)
    body(c, "state-keys", "UNSUPPORTED", none + "epoch, args", mapping({"epoch": number(3), "args": NONE}))
    body(c, "state-empty-wrapped", "UNSUPPORTED", none + "state_dict", mapping({"state_dict": EMPTY_DICT}))
    body(c, "state-text", "UNSUPPORTED", none + "state_dict", mapping({"state_dict": text("a")}))
    body(c, "state-number-key", "MALFORMED", "name is not a text", EMPTY_DICT + number(3) + tensor([4]) + SETITEM, {"0": bytes(16)})
    twice = BODY[:-1] + text("embeddings.LayerNorm.bias") + tensor([8], storage("4", count=8)) + SETITEMS
    body(c, "state-twice", "DUPLICATE", '"embeddings.LayerNorm.bias" stands twice', twice)
    for name, key in (("empty", ""), ("nul", "a\0b"), ("long", "n" * 4097), ("utf8", b"\xff")):
        body(c, f"state-name-{name}", "MALFORMED", "1 to 4096 bytes of UTF-8", EMPTY_DICT + text(key) + tensor([4]) + SETITEM, {"0": bytes(16)})
    body(c, "state-parts", "MISSING", "unused tensors (2): nli.weight, polarity.weight", mapping(
        {"nli": mapping({"weight": tensor([4])}, ordered()), "polarity": mapping({"weight": tensor([4]), "n": NONE}), "dim": number(5)}),
        {"0": bytes(16)})


def containers(c):
    def zip_(name, status, message, entries):
        c.add(name, status, message, {"pytorch_model.bin": archive(entries), "config.json": CONFIG})
    good = p.entries(pickled(BODY), DATA)
    zip_("zip-other", "UNSUPPORTED", "without NAME/data.pkl", [Entry("word/document.xml", b"<x/>")])
    zip_("zip-npz", "UNSUPPORTED", "without NAME/data.pkl", [Entry("arr_0.npy", b"\x93NUMPY")])
    zip_("zip-root", "UNSUPPORTED", "without NAME/data.pkl", [Entry("data.pkl", pickled(BODY))])
    zip_("zip-deep", "UNSUPPORTED", "without NAME/data.pkl", [Entry("a/b/data.pkl", pickled(BODY))])
    zip_("zip-two", "DUPLICATE", "two files data.pkl", good + [Entry("other/data.pkl", pickled(BODY))])
    zip_("zip-case", "MISSING", "storage 0 is not", [Entry(e.name.replace("data/0", "DATA/0"), e.content) for e in good])
    zip_("zip-long", "LIMIT", "very long name", p.entries(pickled(BODY), DATA, root="n" * 401))
    zip_("twin-zip-name", "OK", "", p.entries(pickled(BODY), DATA, root="n" * 400))
    zip_("zip-script", "UNSUPPORTED", "TorchScript", good + [Entry("archive/constants.pkl", pickled(EMPTY_TUPLE)),
                                                              Entry("archive/code/__torch__.py", b"class X: pass")])
    for name, status, message, content in (("big-junk", "MALFORMED", 'byteorder is "middle"', b"middle"),
                                           ("empty", "MALFORMED", 'byteorder is ""', b""),
                                           ("newline", "MALFORMED", "byteorder is", b"little\n"),
                                           ("large", "LIMIT", "byteorder has 1000000 bytes", b"l" * 1_000_000)):
        zip_(f"byteorder-{name}", status, message, [good[0], Entry("archive/byteorder", content)] + good[2:])
    zip_("twin-byteorder-none", "OK", "", [good[0]] + good[2:])
    swapped = [Entry(e.name, b"".join(e.content[i:i + 4][::-1] for i in range(0, len(e.content), 4)) if "/data/" in e.name
                     else e.content) for e in good]
    swapped[1] = Entry("archive/byteorder", b"big")
    zip_("twin-byteorder-big", "OK", "", swapped)
    large = Entry("archive/data.pkl", bytes(65 << 20), method=8)
    zip_("zip-pickle-large", "LIMIT", "data.pkl has more than", [large] + good[1:])


def legacies(c):
    sizes = {k: len(v) // 4 for k, v in DATA.items()}
    good = pickled(BODY)

    def old(name, status, message, *arguments, **keys):
        content = arguments[0] if arguments else p.legacy(good, keys.pop("data", DATA), keys.pop("sizes", sizes), **keys)
        c.add(f"legacy-{name}", status, message, {"pytorch_model.bin": content, "config.json": CONFIG})
    full = p.legacy(good, DATA, sizes)
    old("twin", "OK", "")
    old("twin-order", "OK", "", keys=list(reversed(DATA)))
    old("cut-head", "TRUNCATED", "the file is cut", full[:18])
    old("protocol", "UNSUPPORTED", "another protocol than 1001", head=p.LEGACY_HEAD[:-3] + b"\xea\3.")
    begin = len(p.LEGACY_HEAD)
    for name, cut, message in (("machine", begin + 5, "machine: pickle"), ("object", begin + len(p.machine()) + 9, "object: pickle"),
                               ("keys", begin + len(p.machine()) + len(good) + 9, "storages: pickle")):
        old(f"cut-{name}", "TRUNCATED", message, full[:cut])
    last = list(DATA)[-1]
    old("cut-storage", "TRUNCATED", f"storage {last}: the file ends inside it", full[:-1])
    old("cut-before", "TRUNCATED", f"storage {last}: the file ends before it", full[:-len(DATA[last]) - 1])
    old("behind", "MALFORMED", "1 bytes follow the last storage", full + b"x")
    old("big", "UNSUPPORTED", "big-endian machine", about=p.machine(FALSE))
    for i, about in enumerate((pickled(NONE), pickled(EMPTY_DICT), pickled(mapping({"little_endian": number(1)})))):
        old(f"machine-{i}", "MALFORMED", "does not say what machine", about=about)
    old("size-less", "MALFORMED", "storage 0: 95 elements, but its tensors say 96", sizes={**sizes, "0": 95})
    old("size-huge", "MALFORMED", "storage 0: 18446744073709551615 elements", sizes={**sizes, "0": 2**64 - 1})
    old("key-twice", "DUPLICATE", "storage 0 stands twice", keys=["0"] + list(DATA))
    old("key-unknown", "MALFORMED", "storage 77: no tensor says what it is", keys=["77"] + list(DATA))
    old("key-missing", "MISSING", "its storage is not in the file", keys=list(DATA)[:-1])
    old("keys-number", "MALFORMED", "key is not a text",
        p.LEGACY_HEAD + p.machine() + good + pickled(EMPTY_LIST + number(5) + APPEND))
    old("keys-dict", "MALFORMED", "no list of storages", p.LEGACY_HEAD + p.machine() + good + pickled(EMPTY_DICT))
    old("global", "UNSUPPORTED", "object: pickle: names os.system",
        p.LEGACY_HEAD + p.machine() + pickled(glob("os", "system") + tup(text("true")) + REDUCE))
    far = pickled(mapping({"a": tensor([2**40], storage("1", count=2**40))}))
    old("far", "TRUNCATED", "storage 1: the file ends inside it", p.legacy(far, {"1": b""}, {"1": 2**40}))


def twins(c):
    def twin(name, content, data=None):
        body(c, f"twin-{name}", "OK", "", content, data)
    twin("plain", BODY)
    twin("metadata", BODY + mapping({"_metadata": mapping({"": mapping({"version": number(1)})}, ordered())}) + BUILD)
    for key in ("state_dict", "model_state_dict", "model", "module"):
        twin(key, mapping({"epoch": number(3), key: BODY, "loss": b"G" + bytes(8), "none": NONE}))
    twin("nested", mapping({"state_dict": mapping({"model": BODY})}))
    twin("optimizer", mapping({"optimizer": mapping({"state": EMPTY_DICT + number(0) + mapping({"exp_avg": tensor([9], storage("999", count=9))}) +
                                                     SETITEM}), "state_dict": BODY, "step": tensor([], storage("998", count=1))}))
    twin("mixed", BODY[:-1] + text("steps") + number(2**70) + text("name") + text("x") + text("no") + NONE + text("list") +
         EMPTY_LIST + SETITEMS)
    twin("shared", mapping({"a": EMPTY_LIST + b"q\0", "b": b"h\0", "c": mapping({"d": b"h\0"}), "state_dict": BODY}))
    twin("python2", BODY[:-1] + b"U\4name" + b"U\1x" + SETITEMS)
    tensors, extra = model(), {}
    items = {}
    for i, (name, (dtype, shape, content)) in enumerate(tensors.items()):
        held = storage(str(i), dtype, len(content) // 4, device="cuda:0")
        flipped = shape[::-1] if len(shape) == 2 else shape
        items[name] = tensor(shape, held, stride=[1, flipped[-1]] if len(shape) == 2 else None)
        extra[str(i)] = content
    twin("transposed", mapping(items, ordered()), extra)
    flat, items = b"\xff" * 4, {}
    total = 1 + sum(len(content) // 4 for _, _, content in tensors.values())
    for name, (dtype, shape, content) in tensors.items():
        items[name] = tensor(shape, storage("5", count=total), len(flat) // 4)
        flat += content
    twin("one-storage", mapping(items), {"5": flat})
    twin("old-function", mapping({k: v for k, v in zip(tensors, [
        tensor(shape, storage(str(i), count=len(content) // 4), function=("torch._utils", "_rebuild_tensor"))
        for i, (_, shape, content) in enumerate(tensors.values())])}))
    twin("parameters", mapping({name: glob("torch._utils", "_rebuild_parameter") + tup(
        tensor(shape, storage(str(i), count=len(content) // 4)), TRUE, ordered()) + REDUCE
        for i, (name, (_, shape, content)) in enumerate(tensors.items())}))
    empty = BODY[:-1] + text("none") + tensor([0, 5], storage("99", "I64", 0)) + text("scalar") + tensor([], storage("0", count=96)) + \
        text("ones") + tensor([1, 1, 2], storage("0", count=96), stride=[0, 77, 1]) + SETITEMS
    twin("shapes", empty)
    for dtype, name in p.STORAGES.items():
        width = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}.get(dtype, 1)
        twin(name, BODY[:-1] + text("x") + tensor([3], storage("99", dtype, 3)) + SETITEMS, {**DATA, "99": bytes(3 * width)})
    pairs = list(model().items())
    shards = {"a.bin": pairs[:20], "b.bin": pairs[20:]}
    files = {}
    for name, part in shards.items():
        part_body, part_data = p.state(dict(part))
        files[name] = archive(p.entries(pickled(part_body), part_data))
    place = {tensor_name: name for name, part in shards.items() for tensor_name, _ in part}
    c.add("twin-shards", "OK", "", {**files, "config.json": CONFIG, "pytorch_model.bin.index.json": {"weight_map": place}})
    c.add("twin-beside", "OK", "", {"config.json": CONFIG, "x.pt": archive(p.entries(pickled(BODY), DATA)),
                                    "pytorch_model.bin": b"nothing"}, "x.pt")


def heavy(c):
    """Large and slow if anything is worse than linear."""
    parts = glob("torch._utils", "_rebuild_tensor_v2") + b"q\0000" + storage() + b"q\0010" + ordered() + b"q\0020"
    each = b"h\0" + tup(b"h\1", number(0), tup(number(4)), tup(number(1)), FALSE, b"h\2") + REDUCE
    many = b"".join(text(f"{i:07}") + each for i in range(80_000))
    body(c, "heavy-tensors", "MISSING", "and 75904 more", parts + EMPTY_DICT + MARK + many + SETITEMS, {"0": bytes(16)})
    keys = "".join(str(i % 10) for i in range(20))
    some = b"".join(text(f"{i:07}") + tensor([1], storage(keys[:12] + f"{i:08}", count=1)) for i in range(20_000))
    body(c, "heavy-storages", "MISSING", "is not in the archive", EMPTY_DICT + MARK + some + SETITEMS)


def nonfinite(c):
    tensors = model()
    name = "embeddings.LayerNorm.bias"
    tensors[name] = ("F32", [8], struct.pack("<8f", 1, 2, float("nan"), 4, 5, 6, 7, 8))
    content, data = p.state(tensors)
    body(c, "nonfinite", "NONFINITE", f'"{name}": 1 of 8 values', content, data)


def main(out):
    c = Corpus(out)
    for part in (globals_, opcodes, memo, lengths, nesting, types, storages, views, states, containers, legacies, twins, heavy, nonfinite):
        part(c)
    c.write_table()


if __name__ == "__main__":
    main(sys.argv[1])
