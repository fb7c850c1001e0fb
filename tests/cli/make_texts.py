#!/usr/bin/env python3
"""make_texts.py VOCAB.TXT: sixty lines of one to eight words of a vocabulary, the same each time."""
import sys

words = [w for w in open(sys.argv[1], encoding="utf-8").read().split("\n") if w.isascii() and w.isalpha()]
for i in range(60):
    print(" ".join(words[(7 * i + 3 * j * j + i * j) % len(words)] for j in range(1 + i * 5 % 8)))
