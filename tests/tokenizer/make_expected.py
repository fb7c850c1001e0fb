#!/usr/bin/env python3
"""Writes tests/tokenizer/cases: small tokenizers, and what the `tokenizers` library makes of texts that are hard.

Needs tokenizers from PyPI; the version is in cases/made_with.txt. Running it again gives the same files.
A case is a folder with tokenizer.json (or vocab.txt and its companions) and expected.jsonl: a line a text, with
  text or hex (when it is not UTF-8), pair, max (0: no limit), bare (no special tokens), and the result:
  ids, types, offsets (start, end, start, end ...), decoded (special tokens left out) and raw (left in).
"""
import json
import pathlib
import shutil

import tokenizers
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASES = HERE / "cases"

# ---- texts ----

WORDS = """the of and to in a is that for it as was with be by on not he his but at are this have from or had an they
which one you were all her she there would their we him been has when who will no more if out so up said what its about
than into them can only other time new some could these two may first then do any like my now over such our man me even
most made after also did many off before must well back through years much where your way down should because long
each just state those people mr how too good world language model small layer weight token share file text run fast
convert embed walk talk play jump read write learn train test code number house water city river mountain green blue
un re pre dis over under inter ing ed er est ly ness less ful able tion ment ism ist ous ive al cafe naive resume uber
hello berlin tokyo don ' t ##s ##ing ##ed ##er ##est ##ly ##ness ##less ##ful ##able ##tion ##ment ##ism ##ist ##ous
##ive ##al ##e ##es ##en ##un ##re 1 2 3 10 100 1999 2024 ##0 ##1 ##2 ##3 ##4 ##5 ##6 ##7 ##8 ##9""".split()

PLAIN = [
    "", " ", "  \t\n ", "a", "Hello, world!", "The quick brown fox can't jump over the lazy dog's back...",
    "  leading and trailing  ", "tabs\tand\nlines\r\nand\x0bmore\x0cspace", "UPPER lower MiXeD CamelCase snake_case kebab-case",
    "1999-12-31 12:34:56.789 +01:00 $100,000.00 50% #1 @you", "http://example.org/path?query=1&other=2#part",
    "a.b,c;d:e!f?g(h)i[j]k{l}m<n>o\"p'q`r~s^t|u\\v/w*x+y=z-0_1", "e-mail: someone@example.org; don't, won't, it's",
]
ACCENTS = [
    "café naïve résumé über Ångström São Paulo", "cafe\u0301 nai\u0308ve re\u0301sume\u0301 A\u030angstro\u0308m",
    "İstanbul ISTANBUL ıstanbul i\u0307", "ΣΑΣ Σίσυφος ὈΔΥΣΣΕΎΣ ᾳ ῼ", "ß ẞ STRASSE straße", "ǅ ǈ ǋ Ǳ", "ﬁ ﬂ ﬀ ﬃ ﬄ ﬅ ﬆ ĳ Ŀ ŉ",
    "½ ² ③ Ⅷ ℃ ℡ ™ ㎏ ㏒ ﷺ", "a\u0328\u0301 a\u0301\u0328 q\u0307\u0323 q\u0323\u0307 \u1e69 s\u0323\u0307 s\u0307\u0323",
    "\u0301start with a mark", "\u0301\u0300\u0302", "x" + "\u0301" * 40 + "y", "Z\u0351\u036b\u0343a\u0335\u0321lgo\u0340",
    "ệ ế ừ Việt Nam tiếng", "Đặng Ł ł Ø ø Þ þ Æ æ Œ œ", "ё й Ё Й киïв ґ", "ά έ ή ΐ ΰ ώ",
]
SCRIPTS = [
    "東京都は日本の首都です。", "中文abc中文123", "北京大学，你好！", "한국어 가각 힣 \u1100\u1161\u11a8 \u1112\u1175\u11bc \u1100\u1161 \u11a8",
    "ひらがな カタカナ ﾊﾝｶｸ が か\u3099 ゞ", "\U00020000\U0002a6df\U0002f800 \uf900 \u3400", "مرحبا بالعالم العَرَبِيَّة", "שָׁלוֹם עולם",
    "हिन्दी क़ ड़ नमस्ते", "ไทย สวัสดี น้ำ", "தமிழ் கொ", "ᄒ\u1175ᆫ", "ࠀࠁ ᎠᎡ ꭰ Ა ა", "𐐀𐐨 𝐀𝐛𝟎 𝒜 ℌ", "١٢٣ १२३ ๑๒๓",
]
ODD = [
    "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\u1680h\u180ei", "soft\u00adhyphen zero\u200bwidth\u200cjoin\u200der \ufeffbom \u2060wj",
    "\u202eright to left\u202c \u2066isolate\u2069", "con\x00trol \x01\x02\x1b[31m \x7f\x80\x9f", "\ufffd replaced \ufffe\uffff \ue000 \U0010ffff \U000e0001",
    "👍 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 1️⃣ ❤️ ☺︎", "🙂a🙂b", "\u2018quoted\u2019 \u201cdouble\u201d \u00abguil\u00bb \u2013 \u2014 \u2026 \u00bf\u00a1 \u3001\u3002",
    "+ < = > ^ ` | ~ $ € £ ¥ © ® ° ± × ÷ ← ∞ √", "_under_ ‿tie⁀ ﹏", "w" * 100, "w" * 101, "é" * 100, "e\u0301" * 101,
    "x" * 99 + "中" + "y" * 101, "a" * 300 + " b", "##s ##ing s##s", "[UNK] [CLS]text[SEP] [MASK]. [mask] [ MASK ] [MASK][MASK] [PAD]",
    "\u1e9b\u0323 \u212b \u2126 \u0344 \u0f73 \u0958 \u2adc \ufb1d \U0001d15e \u0374 \u037e \u0387 \u1fef \u2000",
    "\U00011938 \U0001e030 \ua7f2 \U00010781 \U0001fbf0 \u32ff \u07fd\u0898 \u1c89 \ua7cb \U00010d50 \U00016ea0", "\u0345\u0334\u0301 a\u0345\u0334\u0301b",
]
BROKEN = [
    b"\xff", b"a\xc3", b"a\xc3 b", b"\xe4\xb8", b"\xe4\xb8\xadx\xe4", b"\xf0\x9f\x91", b"\xf0\x9f\x91 \x8d", b"\xc0\x80 \xe0\x80\x80 \xf0\x80\x80\x80",
    b"\xed\xa0\x80 \xed\xbf\xbf", b"\xf4\x90\x80\x80 \xf5\x80\x80\x80 \xfe\xff", b"ok \x80\xbf\x80 ok", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41",
    b"\xc3\x28 \xe2\x28\xa1 \xe2\x82\x28 \xf0\x28\x8c\xbc", b"caf\xe9 na\xefve",
]
SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O", "OB(O)c1ccccc1.Brc1ccncc1>>c1ccc(-c2ccncc2)cc[MASK]", "[Na+].[Cl-]", "N#N.[13CH4]%12C%12", "F/C=C\\F", "C[C@@H](N)C(=O)O",
    "", " ", "not a reaction!", "[unclosed", "]][[", "[é]C[中]", "BrBClC", "CX Y", "[CLS]C[SEP]",
]
TEXTS = PLAIN + ACCENTS + SCRIPTS + ODD + BROKEN
PAIRS = [("first text", "second text"), ("", ""), ("", "only the second"), ("only the first", ""), ("中文", "café e\u0301"), (" a [SEP] b ", "[MASK]"),
         ("one two three four five six seven eight", "1 2 3"), ("1 2 3", "one two three four five six seven eight"),
         ("a b c d e f g h i j k l", "m n o p q r s t u v w x y z"), ("the", "man " * 40), ("man " * 40, "the"), ("new " * 40, "time " * 41), ("new " * 41, "time " * 40),
         ("a b c d e " + "unlearnable" * 3, "a b c d e f g h i j")]
LONG = ["the man and the river in the new world", "中文" * 20, "unlearnable" * 5, "", "word " * 100, "[MASK] " * 30]

# ---- tokenizers ----


def vocabulary():
    letters = sorted({c for t in PLAIN + ACCENTS + SCRIPTS for c in t.lower()} | set("abcdefghijklmnopqrstuvwxyz0123456789.,:;!?'\"()[]-"))
    out = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for token in letters + ["##" + c for c in letters] + WORDS + [w for w in ("Hello", "The", "Berlin", "café", "über", "don't", "東京", "中文", "##ン")]:
        if token.strip() == token and token not in out and token.isprintable() and token != "é##":
            out.append(token)
    return out


VOCAB = vocabulary()
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
DECODER = {"type": "WordPiece", "prefix": "##", "cleanup": True}


def added(content, number=0, **flags):
    base = dict(id=number, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    return {**base, **flags}


def piece(name, type_id):
    return {"Sequence": {"id": name, "type_id": type_id}} if name in "AB" else {"SpecialToken": {"id": name, "type_id": type_id}}


def template(single, pair, tokens):
    return {"type": "TemplateProcessing", "single": [piece(*p) for p in single], "pair": [piece(*p) for p in pair],
            "special_tokens": {k: {"id": k, "ids": v, "tokens": [k] * len(v)} for k, v in tokens.items()}}


BERT_TEMPLATE = template([("[CLS]", 0), ("A", 0), ("[SEP]", 0)],
                         [("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 1), ("[SEP]", 1)], {"[CLS]": [2], "[SEP]": [3]})


def sequence(key, parts):
    return {"type": "Sequence", key: [p if isinstance(p, dict) else {"type": p} for p in parts]}


def normalizers(*parts):
    return sequence("normalizers", parts)


def splitters(*parts):
    return sequence("pretokenizers", parts)


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def wordpiece(normalizer=BERT, pre_tokenizer={"type": "BertPreTokenizer"}, post=BERT_TEMPLATE, more=(), decoder=DECODER, limit=100):
    tokens = [added(t, i) for i, t in enumerate(SPECIALS)] + list(more)
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post, "decoder": decoder,
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": limit, "vocab": {t: i for i, t in enumerate(VOCAB)}}}


def wordlevel(words, pre_tokenizer, normalizer=None, more=(), post=None):
    vocab = {t: i for i, t in enumerate(["[UNK]"] + list(dict.fromkeys(words)))}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(more), "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post, "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}}


MANY = [added("<b>", 9001, special=False), added("New York", 9002, special=False, normalized=True),
        added("yor", 9003, special=False, normalized=True), added("ing", 9004, special=False, single_word=True),
        added("<l>", 9005, lstrip=True), added("<r>", 9006, rstrip=True), added("<lr>", 9007, lstrip=True, rstrip=True),
        added("ÉTÉ", 9008, special=False, normalized=True), added("<b><b>", 9009, special=False),
        added("walk", 9010, special=False, single_word=True, normalized=True), added("中", 9011, special=False)]
MANY_TEXTS = ["a<b>c", "in new york city", "NEW YORK new  york", "york yor Yor", "walking ing walk talking-ing ing", "x <l> y", "x   <r>   y",
              "x  <lr>  y <lr><lr>  <lr> z", "<lr>", " <l>", "<r> ", "été ÉTÉ e\u0301te\u0301 Ete", "<b><b><b>", "<b ><B>", "中文 x中", "walk! _walk walk_ éwalk",
              "[MASK]<r>  [MASK] <l>[MASK]", "\u3000<lr>\u2003x", "<l>\x00<r>", "ing", "king ing\u0301", "", "<r>" * 3 + "  " * 3 + "<l>" * 3]
PATTERN_TEXTS = ["a-b--c---d", "-a-", "---", "", "don't stop", "x1y22z333", "abc", "AbC dEf", "é-中-🙂", "a\nb\n\nc", " - ", "ab12 \t34cd_ef", "½²①", "a\u0301b\u200dc"]
GPT = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

CASES_OF = {
    "bert": (wordpiece(), TEXTS, True),
    "bert-cased": (wordpiece({**BERT, "lowercase": False}), TEXTS, False),
    "bert-accents": (wordpiece({**BERT, "strip_accents": False}), ACCENTS + SCRIPTS + ODD, False),
    "bert-stripped": (wordpiece({**BERT, "lowercase": False, "strip_accents": True, "handle_chinese_chars": False}), TEXTS, False),
    "bert-unclean": (wordpiece({**BERT, "clean_text": False}), TEXTS, False),
    "bert-added": (wordpiece(more=MANY), MANY_TEXTS, True),
    "bert-processing": (wordpiece(post={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}), PLAIN[:6], True),
    "bare": (wordpiece(None, None, None, decoder={"type": "WordPiece", "prefix": "##", "cleanup": False}), PLAIN + ODD, True),
    "template": (wordpiece(post=template([("A", 1)], [("B", 2), ("[S]", 3), ("A", 0), ("[S]", 1)], {"[S]": [3, 2, 3]})), PLAIN[:6], True),
    "short-words": (wordpiece(limit=5), PLAIN + ACCENTS, False),
    "nfc": (wordpiece(normalizers("NFC", "Lowercase"), {"type": "Whitespace"}), ACCENTS + SCRIPTS + ODD, False),
    "nfd": (wordpiece(normalizers("NFD", "Lowercase", "StripAccents"), {"type": "WhitespaceSplit"}), ACCENTS + SCRIPTS + ODD, False),
    "nfkc": (wordpiece(normalizers("Lowercase", "NFKC"), {"type": "Whitespace"}), ACCENTS + SCRIPTS + ODD, False),
    "nfkd": (wordpiece(normalizers("NFKD", "StripAccents", "NFC"), splitters("WhitespaceSplit", "Punctuation")), ACCENTS + SCRIPTS + ODD, False),
    "replaced": (wordpiece(normalizers({"type": "Strip", "strip_left": True, "strip_right": True},
                                       {"type": "Replace", "pattern": {"String": "--"}, "content": " long dash "},
                                       {"type": "Replace", "pattern": {"String": "é"}, "content": ""},
                                       {"type": "Replace", "pattern": {"String": "."}, "content": "中"}, "Lowercase",
                                       {"type": "Strip", "strip_left": False, "strip_right": True})),
                 PLAIN + ["--", "a--b---c----", "ééé", "é", " é.é ", "...", "\u3000x\u3000"], False),
    "smiles": (json.loads((ROOT / "examples/albert-reactions/tokenizer.json").read_text()), SMILES, False),
    "letters": (wordlevel("abcdefghijklmnopqrstuvwxyz0123456789 -_'", split(".", "Isolated")), PATTERN_TEXTS, True),
    "gpt": (wordlevel([" stop", "don", "'t", "ab", "12", "a", " "], split(GPT, "Isolated")), PATTERN_TEXTS + PLAIN, False),
    "words": (wordlevel(WORDS, splitters("WhitespaceSplit", split(r"\d+|\w", "Removed", True), {"type": "Punctuation", "behavior": "Removed"})), PATTERN_TEXTS, False),
    "text-split": (wordlevel(["a", "b", "--", "-"], split("--", "MergedWithNext", False, "String")), PATTERN_TEXTS, False),
    "bounds": (wordlevel(["a", "don", "'"], split(r"\b|(?<=c)(?=-)|\h{2,}?z", "Isolated")), PATTERN_TEXTS, False),
    "lines": (wordlevel(["a", "b", "c", "\n"], split(r"^\w$|[^\S\n]+|\A-|\x{2d}{2}\z", "Contiguous")), PATTERN_TEXTS, False),
}
for name in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
    for invert in (False, True):
        CASES_OF[f"split-{name.lower()}{'-invert' * invert}"] = (
            wordlevel(["a", "b", "c", "d", "-", "--", "---", "a-", "b--"], split("-", name, invert)), PATTERN_TEXTS[:9], False)
    CASES_OF[f"punctuation-{name.lower()}"] = (wordlevel(["a", "b", "-"], {"type": "Punctuation", "behavior": name}), PATTERN_TEXTS[:9] + PLAIN[-2:], False)

# ---- files ----


def record(tokenizer, text, pair=None, limit=0, bare=False):
    data = text if isinstance(text, bytes) else text.encode()
    read = data.decode("utf-8", "replace")
    if limit:
        tokenizer.enable_truncation(limit)
    e = tokenizer.encode(read, pair, add_special_tokens=not bare)
    whole = e
    tokenizer.no_truncation()
    if limit:
        whole = tokenizer.encode(read, pair, add_special_tokens=not bare)
    out = {"hex": data.hex()} if isinstance(text, bytes) or "\0" in text else {"text": text}
    if pair is not None:
        out["pair"] = pair
    out |= {"max": limit, "bare": bare, "ids": e.ids, "types": e.type_ids, "offsets": [n for o in e.offsets for n in o],
            "truncated": len(whole.ids) > len(e.ids), "decoded": tokenizer.decode(e.ids), "raw": tokenizer.decode(e.ids, skip_special_tokens=False)}
    return json.dumps(out, ensure_ascii=True)


def write_case(name, spec, texts, pairs):
    folder = CASES / name
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False, indent=None), encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    lines = [record(tokenizer, t) for t in texts]
    if pairs:
        lines += [record(tokenizer, t, bare=True) for t in texts[:12]]
        lines += [record(tokenizer, a, b) for a, b in PAIRS] + [record(tokenizer, a, b, bare=True) for a, b in PAIRS]
        lines += [record(tokenizer, t, limit=n) for t in LONG for n in (5, 6, 7, 16)]
        lines += [record(tokenizer, t, limit=n, bare=True) for t in LONG for n in (1, 4, 16)]
        lines += [record(tokenizer, a, b, limit=n) for a, b in PAIRS for n in (7, 8, 9, 12, 13, 32)]
    (folder / "expected.jsonl").write_text("\n".join(lines) + "\n")


def main():
    shutil.rmtree(CASES, ignore_errors=True)
    for name, (spec, texts, pairs) in CASES_OF.items():
        write_case(name, spec, texts, pairs)
    (CASES / "made_with.txt").write_text(f"tokenizers {tokenizers.__version__}\n")


if __name__ == "__main__":
    main()
