#!/usr/bin/env python3
"""Checks a page of --report against the JSON that came with it, without a browser.

    check_page.py PAGE.html REPORT.json [KEY ...]

Every number with a data-key is, digit for digit, the one that the JSON has there, and the JSON inside the page is the same
text. Of the keys named (default: all of the JSON), every number is on the page, counts of 0 aside. Elements are closed, nothing
is loaded from anywhere, no script is there, and each chart has a caption, a title, a description and a place in the order of
focus.
"""
import html.parser
import json
import pathlib
import sys

VOID = {"meta"}
LOADERS = {"script", "link", "img", "iframe", "object", "embed", "base", "video", "audio", "image", "use", "form"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.numbers, self.ids = [], [], [], set()
        self.texts, self.json, self.charts = {}, "", 0

    def handle_startendtag(self, tag, attributes):
        self.element(tag, dict(attributes))

    def handle_starttag(self, tag, attributes):
        self.element(tag, dict(attributes))
        if tag not in VOID:
            self.open.append((tag, dict(attributes)))

    def element(self, tag, a):
        if tag in LOADERS or any(key in a for key in ("src", "href", "srcset", "data", "xlink:href")) or any(k.startswith("on") for k in a):
            self.wrong.append(f"<{tag} {a}> loads or runs something")
        if "data-key" in a:
            self.numbers.append((a["data-key"], a["data-value"]))
        if "id" in a:
            if a["id"] in self.ids:
                self.wrong.append(f"id {a['id']} is there twice")
            self.ids.add(a["id"])
        if tag == "figure":
            self.charts += 1
            if a.get("tabindex") != "0" or "aria-labelledby" not in a:
                self.wrong.append("a figure can't be focused or has no caption")
        if tag == "svg":
            names = a.get("aria-labelledby", "").split()
            if a.get("role") != "img" or len(names) != 2:
                self.wrong.append("an svg has no title and description")

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append(f"</{tag}> closes {self.open[-1:]}, line {self.getpos()[0]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1][1].get("id") == "json":
            self.json += data


def numbers_of(value, path=""):
    """(key, text) of each number of a JSON document that was read with its numbers left as texts."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers_of(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers_of(item, f"{path}.{i}")
    elif isinstance(value, Number):
        yield path, str(value)
    elif value is None:
        yield path, "null"


class Number(str):
    """A number as it was written."""


def check(page_text, json_text, wanted):
    page = Page()
    page.feed(page_text)
    page.close()
    wrong = page.wrong + [f"<{tag}> is not closed" for tag, _ in page.open]
    there = dict(numbers_of(json.loads(json_text, parse_int=Number, parse_float=Number)))
    if page.json != json_text:
        wrong.append("the JSON inside the page is another one")
    for key, value in page.numbers:
        if there.get(key) != value:
            wrong.append(f"{key} is {value} on the page, {there.get(key)} in the JSON")
    shown = {key for key, _ in page.numbers}
    for key, value in there.items():
        asked = not wanted or any(key == w or key.startswith(w + ".") for w in wanted)
        empty = value == "null" or (value == "0" and ".histogram." in key)
        if asked and not empty and "histogram_edges" not in key and key not in shown:
            wrong.append(f"{key} = {value} is not on the page")
    if "default-src 'none'" not in page_text or "@import" in page_text or "url(" in page_text:
        wrong.append("the page may load something")
    return wrong, page


def main(arguments):
    page_text = pathlib.Path(arguments[0]).read_text(encoding="utf-8")
    json_text = pathlib.Path(arguments[1]).read_text(encoding="utf-8")
    wrong, page = check(page_text, json_text, arguments[2:])
    for line in wrong:
        print(line)
    print(f"{page.charts} charts, {len(page.numbers)} numbers, {len(wrong)} wrong")
    return 1 if wrong or not page.numbers else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
