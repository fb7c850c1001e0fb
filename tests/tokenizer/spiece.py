"""SentencePiece models without its library: the protobuf message read and written, and the tokenizer.json that is
published for ALBERT made of one (standard library only)."""
import base64
import struct

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, value):
    """A field: an int is a varint, a float an f32, bytes and text are bytes."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def piece(text, score=0.0, kind=None):
    return field(1, field(1, text) + field(2, float(score)) + (b"" if kind is None else field(3, kind)))


def model(pieces, trainer=b"", normalizer=b""):
    """A ModelProto of (text, score, type) and the fields of trainer_spec and normalizer_spec."""
    out = b"".join(piece(*p) for p in pieces)
    return out + field(2, trainer) + field(3, normalizer)


def fields(data):
    at = 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte, at = data[at], at + 1
            n, shift = n | (byte & 127) << shift, shift + 7
            if byte < 128:
                return n

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            yield tag >> 3, number()
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or number()
            yield tag >> 3, data[at:at + size]
            at += size


def read(data):
    """(text, score) of the pieces, and the character map."""
    pieces, charsmap = [], b""
    for number, value in fields(data):
        if number == 1:
            parts = dict(fields(value))
            pieces.append((parts[1].decode(), struct.unpack("<f", parts.get(2, bytes(4)))[0]))
        if number == 3:
            charsmap = dict(fields(value)).get(2, b"")
    return pieces, charsmap


SPECIALS = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")


def added(i, text):
    return {"id": i, "content": text, "single_word": False, "lstrip": text == "[MASK]", "rstrip": False,
            "normalized": False, "special": True}


def albert_json(data, lower=True, keep_accents=False):
    """The tokenizer.json of ALBERT for a spiece.model: as transformers' AlbertConverter made the published one."""
    pieces, charsmap = read(data)
    scores = [(t, s - 100 if t[-1] == "," and t[-2:-1].isdigit() else s) for t, s in pieces]
    steps = [{"type": "Replace", "pattern": {"String": q}, "content": '"'} for q in ("``", "''")]
    steps += [{"type": "NFKD"}, {"type": "StripAccents"}] * (not keep_accents) + [{"type": "Lowercase"}] * lower
    if charsmap:
        steps.append({"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()})
    steps.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    ids = {text: i for i, (text, _) in enumerate(pieces)}

    def special(text, kind):
        return {"SpecialToken": {"id": text, "type_id": kind}}

    def sequence(name, kind):
        return {"Sequence": {"id": name, "type_id": kind}}

    single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    template = {"type": "TemplateProcessing", "single": single,
                "pair": single + [sequence("B", 1), special("[SEP]", 1)],
                "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [added(ids[t], t) for t in SPECIALS],
            "normalizer": {"type": "Sequence", "normalizers": steps},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
            "post_processor": template, "decoder": metaspace,
            "model": {"type": "Unigram", "unk_id": ids["<unk>"], "vocab": scores, "byte_fallback": False}}


# ---- character maps ----

def charsmap(replacements):
    """A character map of {key: replacement}: the double array (in blocks of 256 units) and the texts."""
    texts, places = b"", {}
    for text in replacements.values():
        if text not in places:
            places[text] = len(texts)
            texts += text.encode() + b"\0"
    trie = {}
    for key, text in replacements.items():
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[0] = places[text]
    units, taken = [0] * 256, {0}

    def place(unit, node):
        """Gives a node's children their units; byte 0 is its value."""
        base = next(base for base in range(1, 1 << 20) if not any(base ^ byte in taken for byte in node))
        while base | 255 >= len(units):
            units.extend([0] * 256)
        units[unit] |= (base ^ unit) << 10 | (0 in node) << 8
        taken.update(base ^ byte for byte in node)
        for byte, child in node.items():
            units[base ^ byte] = child | 1 << 31 if byte == 0 else byte
        for byte, child in node.items():
            if byte:
                place(base ^ byte, child)

    place(0, trie)
    return struct.pack("<I%dI" % len(units), 4 * len(units), *units) + texts
