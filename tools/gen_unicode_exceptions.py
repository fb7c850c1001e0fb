#!/usr/bin/env python3
"""Writes runtime/tokenizer/unicode_exceptions.def: where the Unicode tables of the `tokenizers` library differ from
utf8proc's. That library has tables of several Unicode versions, old and new, so each fact is asked of it, for every
code point.

usage: gen_unicode_exceptions.py > runtime/tokenizer/unicode_exceptions.def     (about a minute)
Needs tokenizers from PyPI and libutf8proc.so; the file names the versions that it was made with.
"""
import ctypes
import struct
import sys

import tokenizers
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P

CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co".split()
CODE_POINTS = [c for c in range(0x80, 0x110000) if not 0xd800 <= c < 0xe000]
WHITE, CONTROL, PUNCTUATION, NONSPACING, MARK, WORD, CJK = (1 << i for i in range(7))
NAMES = {WHITE: "WHITE", CONTROL: "CONTROL", PUNCTUATION: "PUNCTUATION", NONSPACING: "NONSPACING", MARK: "MARK",
         WORD: "WORD", CJK: "CJK"}
COMPAT, DECOMPOSE = 4, 16  # utf8proc_option_t


class Property(ctypes.Structure):
    _fields_ = ([(name, ctypes.c_int16) for name in ("category", "combining_class", "bidi_class", "decomp_type")] +
                [(f"mapping{i}", ctypes.c_uint16) for i in range(6)] +
                [("flags", ctypes.c_uint, 8), ("boundclass", ctypes.c_uint, 8)])


UTF8PROC = ctypes.CDLL("libutf8proc.so.2")
UTF8PROC.utf8proc_unicode_version.restype = ctypes.c_char_p
UTF8PROC.utf8proc_get_property.restype = ctypes.POINTER(Property)
NFD, NFKD = N.NFD(), N.NFKD()


def category(c):
    return CATEGORIES[UTF8PROC.utf8proc_category(c)]


def combining_class(c):
    return UTF8PROC.utf8proc_get_property(c).contents.combining_class


def decomposition(c, options):
    to = (ctypes.c_int32 * 40)()
    bound = ctypes.c_int(0)
    n = UTF8PROC.utf8proc_decompose_char(c, to, 40, options, ctypes.byref(bound))
    return "".join(map(chr, to[:n]))


def is_white(c):
    return c in (0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000) or 0x2000 <= c <= 0x200a


def is_cjk(c):
    blocks = ((0x4e00, 0x9fff), (0x3400, 0x4dbf), (0x20000, 0x2a6df), (0x2a700, 0x2b73f), (0x2b740, 0x2b81f),
              (0x2b920, 0x2ceaf), (0xf900, 0xfaff), (0x2f800, 0x2fa1f))
    return any(first <= c <= last for first, last in blocks)


def our_class(c):
    """What unicode.c makes of utf8proc's category."""
    k = category(c)
    return ((WHITE if is_white(c) else 0) | (CJK if is_cjk(c) else 0) | (CONTROL if k in ("Cc", "Cf", "Co") else 0) |
            (PUNCTUATION if k[0] == "P" else 0) | (NONSPACING if k == "Mn" else 0) | (MARK if k[0] == "M" else 0) |
            (WORD if k[0] in "LM" or k in ("Nd", "Nl", "Pc") else 0))


def bert(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return N.BertNormalizer(**{**off, **options})


CLEAN, CHINESE, ACCENTS = bert(clean_text=True), bert(handle_chinese_chars=True), bert(strip_accents=True)
MARKS, SPACES, PUNCT, WORDS = N.StripAccents(), P.WhitespaceSplit(), P.Punctuation(), P.Whitespace()


def their_class(c):
    text = "a" + chr(c) + "b"
    decomposes = NFD.normalize_str(chr(c)) != chr(c)  # then nobody asks for its own mark class below
    nonspacing = our_class(c) & NONSPACING if decomposes else NONSPACING * (ACCENTS.normalize_str(text) == "ab")
    control = CONTROL * (CLEAN.normalize_str(text) == "ab" and c != 0xfffd)
    return (nonspacing | control | WHITE * (len(SPACES.pre_tokenize_str(text)) == 2) |
            CJK * (CHINESE.normalize_str(text) != text) | PUNCTUATION * (len(PUNCT.pre_tokenize_str(text)) == 3) |
            MARK * (MARKS.normalize_str(text) == "ab") | WORD * (len(WORDS.pre_tokenize_str(text)) == 1))


def sorts_before(a, b):
    """Whether their normalization puts mark a before mark b."""
    return NFD.normalize_str("x" + chr(b) + chr(a)) == "x" + chr(a) + chr(b)


LOWEST, HIGHEST = 0x334, 0x345  # marks of the first and the last class


def has_order(c):
    return c in (LOWEST, HIGHEST) or sorts_before(c, HIGHEST) or sorts_before(LOWEST, c)


def check_order(c, witnesses):
    """Fails when a mark that they do order has another class than utf8proc's."""
    for k, w in witnesses.items():
        if w != c and (sorts_before(c, w), sorts_before(w, c)) != (combining_class(c) < k, combining_class(c) > k):
            sys.exit(f"U+{c:04X}: combining class is not {combining_class(c)}; this script must learn about it")


def unnormalized():
    """Characters that their normalization leaves alone and puts nowhere."""
    out, witnesses = [], {}
    for c in CODE_POINTS:
        theirs = NFD.normalize_str(chr(c)), NFKD.normalize_str(chr(c))
        same = theirs == (decomposition(c, DECOMPOSE), decomposition(c, DECOMPOSE | COMPAT))
        if not same and theirs != (chr(c), chr(c)):
            sys.exit(f"U+{c:04X}: another decomposition; this script must learn about it")
        single = theirs[0] == chr(c)
        ordered = single and has_order(c)
        if ordered and not combining_class(c):
            sys.exit(f"U+{c:04X}: has a combining class; this script must learn about it")
        if ordered:
            witnesses.setdefault(combining_class(c), c)
        if not same or (single and combining_class(c) and not ordered):
            out.append(c)
    left = set(out)
    for c in CODE_POINTS:
        if combining_class(c) and c not in left and NFD.normalize_str(chr(c)) == chr(c):
            check_order(c, witnesses)
    return out


def lower_cases():
    lowercase, out = N.Lowercase(), []
    for c in CODE_POINTS:
        theirs = lowercase.normalize_str(chr(c))
        if c == 0x130 and theirs == "i\u0307":
            continue  # in the code
        if len(theirs) != 1:
            sys.exit(f"U+{c:04X}: lower case of several characters; this script must learn about it")
        if ord(theirs) != UTF8PROC.utf8proc_tolower(c):
            out.append((c, ord(theirs)))
    return out


def every_byte_a_key():
    """A table of SentencePiece in which each byte is a key with the text "X": a cluster of less than 6 bytes becomes
    one X, of others each character does."""
    units = [0] * 1024
    units[0] = 256 << 10
    for byte in range(1, 256):
        at, value = 256 ^ byte, 512 + byte
        units[at], units[value] = byte | 1 << 8 | (at ^ value) << 10, 1 << 31
    return struct.pack("<1025I", 4096, *units) + b"X\0"


OTHER, CR, LF, CONTROL_CLASS, EXTEND = 1, 2, 3, 4, 5  # utf8proc_boundclass_t
SPACINGMARK, PREPEND, ZWJ = 12, 13, 14
BOUND_NAMES = {OTHER: "OTHER", CONTROL_CLASS: "CONTROL", EXTEND: "EXTEND", SPACINGMARK: "SPACINGMARK", PREPEND: "PREPEND"}


def clusters():
    """Grapheme classes that differ, with the properties of rule GB9c (which utf8proc does not have)."""
    table, out = N.Precompiled(every_byte_a_key()), []

    def count(*text):
        return len(table.normalize_str("".join(t if isinstance(t, str) else chr(t) for t in text)))

    for c in CODE_POINTS:
        ours = UTF8PROC.utf8proc_get_property(c).contents.boundclass
        extends, prepends = count("a", c) == 1, count(c, "a") == 1
        long = len(chr(c).encode()) >= 3
        consonant = long and not prepends and count(c, 0x94d, 0x937, 0x301) == 4
        linker = long and not prepends and count(0x915, c, 0x937, 0x301) == 4
        theirs = ours
        if extends != (ours in (EXTEND, SPACINGMARK, ZWJ)):
            theirs = EXTEND if extends else OTHER
        if prepends != (ours == PREPEND):
            theirs = PREPEND if prepends else OTHER
        control = count(c, 0x301) == 2
        if not long or len(chr(c).encode()) == 3:
            if control != (ours in (CR, LF, CONTROL_CLASS)):
                theirs = CONTROL_CLASS if control else OTHER
        if theirs != ours or consonant or linker:
            out.append((c, " | ".join([f"UTF8PROC_BOUNDCLASS_{BOUND_NAMES[theirs]}"] + ["CONSONANT"] * consonant +
                                      ["LINKER"] * linker)))
    return out


def runs(items, follows):
    out = []
    for item in items:
        if out and follows(out[-1][-1], item):
            out[-1].append(item)
        else:
            out.append([item])
    return out


def main():
    classes = [(c, their_class(c)) for c in CODE_POINTS]
    classes = [(c, k) for c, k in classes if k != our_class(c)]
    print(f"""/* Where the Unicode tables of the `tokenizers` library differ from utf8proc's. Made by
 * tools/gen_unicode_exceptions.py from tokenizers {tokenizers.__version__} and utf8proc of Unicode {UTF8PROC.utf8proc_unicode_version().decode()}; not to be edited.
 * ALB_CLASS(first, last, class): what these characters are. ALB_UNNORMALIZED(first, last): they have no decomposition
 * and no combining class. ALB_LOWER(first, last, to): lower cases, the first's and on. ALB_GRAPHEME(first, last, class):
 * classes of grapheme clusters that differ, and those with a part in rule GB9c. */
#ifndef ALB_CLASS
#define ALB_CLASS(first, last, class)
#endif
#ifndef ALB_UNNORMALIZED
#define ALB_UNNORMALIZED(first, last)
#endif
#ifndef ALB_LOWER
#define ALB_LOWER(first, last, to)
#endif
#ifndef ALB_GRAPHEME
#define ALB_GRAPHEME(first, last, class)
#endif
/* clang-format off */""")
    for run in runs(classes, lambda a, b: b == (a[0] + 1, a[1])):
        names = " | ".join(f"ALB_UNI_{NAMES[1 << i]}" for i in range(7) if run[0][1] >> i & 1)
        print(f"ALB_CLASS(0x{run[0][0]:x}, 0x{run[-1][0]:x}, {names or 0})")
    for run in runs(unnormalized(), lambda a, b: b == a + 1):
        print(f"ALB_UNNORMALIZED(0x{run[0]:x}, 0x{run[-1]:x})")
    for run in runs(lower_cases(), lambda a, b: b == (a[0] + 1, a[1] + 1)):
        print(f"ALB_LOWER(0x{run[0][0]:x}, 0x{run[-1][0]:x}, 0x{run[0][1]:x})")
    for run in runs(clusters(), lambda a, b: b == (a[0] + 1, a[1])):
        print(f"ALB_GRAPHEME(0x{run[0][0]:x}, 0x{run[-1][0]:x}, {run[0][1]})")
    print("/* clang-format on */\n#undef ALB_CLASS\n#undef ALB_UNNORMALIZED\n#undef ALB_LOWER\n#undef ALB_GRAPHEME")


if __name__ == "__main__":
    main()
