#!/usr/bin/env python3
"""Prints sentences to heal with, one a line: of .csv files the first two columns (STS-B), each text once; of other files
the sentences of each paragraph (WikiText's, where a full stop stands between spaces).

    heal_texts.py FILE... [--without FILE.csv] > lines.txt

--without leaves out the texts of a file that measures.
"""
import argparse
import csv
import pathlib
import re

SHORTEST = 21  # characters of a paragraph's sentence: shorter ones are headings and scraps


def cells(path):
    rows = csv.reader(pathlib.Path(path).read_text(encoding="utf-8").splitlines())
    return list(dict.fromkeys(cell.strip() for row in rows for cell in row[:2]))


def sentences(path):
    paragraphs = (line.strip() for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines())
    return [s for p in paragraphs if not p.startswith("=") for s in re.split(r"(?<= \.) ", p) if len(s) >= SHORTEST]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--without")
    args = parser.parse_args()
    left_out = {" ".join(text.split()) for text in cells(args.without)} if args.without else set()
    for path in args.files:
        for text in cells(path) if path.endswith(".csv") else sentences(path):
            if text and text not in left_out:
                print(text)


if __name__ == "__main__":
    main()
