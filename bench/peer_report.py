#!/usr/bin/env python3
"""Results of bench_peers.py as a table and a chart.

    peer_report.py RESULTS.json        writes RESULTS.md and RESULTS.svg beside it
"""
import json
import pathlib
import statistics
import sys
from xml.sax.saxutils import escape

from peer_engines import ENGINES, OURS, VERSION_OF

BY_NAME = {e.name: e for e in ENGINES}


def is_ours(name):
    return BY_NAME[name].family == OURS


def unique(values):
    return list(dict.fromkeys(values))


def median(values):
    return statistics.median(values) if values else None


def percentile(values, share):
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1) + 0.5)]


class Results:
    """Look-ups in the JSON object: rows of (model, threads, workload, engine) and starts of (model, threads, engine)."""

    def __init__(self, data):
        self.data = data
        self.rows = {(r["model"], r["threads"], r["workload"], r["engine"]): r for r in data["rows"]}
        self.starts = {(s["model"], s["threads"], s["engine"]): s for s in data["starts"]}
        models = unique(r["model"] for r in data["rows"])
        self.groups = sorted({(r["model"], r["threads"]) for r in data["rows"]}, key=lambda g: (models.index(g[0]), g[1]))

    def workloads(self, group):
        return unique(r["workload"] for r in self.data["rows"] if (r["model"], r["threads"]) == group)

    def engines(self, group):
        known = {e for model, threads, e in self.starts if (model, threads) == group}
        return [e.name for e in ENGINES if e.name in known]

    def ms(self, group, workload, engine):
        return self.rows.get((*group, workload, engine), {}).get("median_ms")

    def best_peer(self, group, workload, precision):
        times = [self.ms(group, workload, e.name) for e in ENGINES if e.precision == precision and not is_ours(e.name)]
        return min((t for t in times if t), default=None)

    def ratio(self, group, workload, engine):
        """How many times as fast as the best peer of the same precision."""
        ms, best = self.ms(group, workload, engine), self.best_peer(group, workload, BY_NAME[engine].precision)
        return best / ms if ms and best else None

    def version(self, engine):
        family = BY_NAME[engine].family
        return self.data["versions"].get(VERSION_OF.get(family, family), "")


# ---- the table ----

def number(value, form, none=""):
    return none if value is None else format(value, form)


def no_time(results, group, workload, engine):
    failed = "error" in results.starts[(*group, engine)] or "error" in results.rows.get((*group, workload, engine), {})
    return "can't" if failed else "not run"


def time_cell(results, group, workload, engine):
    ms, ratio = results.ms(group, workload, engine), results.ratio(group, workload, engine)
    if ms is None:
        return no_time(results, group, workload, engine)
    text = f"{ms:.2f}" if ms < 1000 else f"{ms:.0f}"
    return f"{text} ({ratio:.2f})" if ratio else text


def tail(results, group, engine):
    row = results.rows.get((*group, "1x16", engine), {})
    return row["p99_ms"] / row["median_ms"] if row.get("p99_ms") else None


def cosine(results, group, engine):
    found = [results.rows.get((*group, w, engine), {}).get("cosine_min") for w in results.workloads(group)]
    return min((c for c in found if c is not None), default=None)


def why_not(results, group, engine):
    start = results.starts[(*group, engine)]
    errors = [results.rows.get((*group, w, engine), {}).get("error") for w in results.workloads(group)]
    return start.get("error") or next((e for e in errors if e), None)


def cells(results, group, engine):
    label = BY_NAME[engine].label
    start, workloads = results.starts[(*group, engine)], results.workloads(group)
    times = [time_cell(results, group, w, engine) for w in workloads]
    rest = [number(tail(results, group, engine), ".2f"), number(median(start.get("memory_mb", [])), ".1f"),
            number(median(start.get("load_ms", [])), ".0f"), number(median(start.get("answer_ms", [])), ".0f"),
            number(cosine(results, group, engine), ".4f")]
    return [f"**{label}**" if is_ours(engine) else f"{label} {results.version(engine)}"] + times + rest


def group_table(results, group):
    model, threads = group
    workloads = results.workloads(group)
    head = ["engine"] + [f"{w}, ms" for w in workloads]
    head += ["p99 / median, 1x16", "memory, MB", "load, ms", "first answer, ms", "lowest cosine"]
    lines = [f"## {model}, {threads} thread{'s' if threads > 1 else ''}", "", "| " + " | ".join(head) + " |",
             "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(cells(results, group, e)) + " |" for e in results.engines(group)]
    notes = [(BY_NAME[e].label, why_not(results, group, e)) for e in results.engines(group)]
    lines += [""] + [f"- {label}: {reason}" for label, reason in notes if reason]
    return "\n".join(lines).rstrip() + "\n"


HEADER = """# {name}

{cpu}; {cores} cores; {flags}; {system}. {versions}.

Median milliseconds of a call; in brackets how many times as fast as the best peer of the same precision (above 1: faster than
all of them). Memory: the most above the process's own before the model was loaded, after 1x16 and 1x128. First answer: loading
and the first 1x16. Lowest cosine: of any text's embedding with that of ours in f32.
[docs/performance.md](../../docs/performance.md) says how it is measured. Made by

```
{commands}
```

![chart]({name}.svg)
"""


def table(data):
    results, machine = Results(data), data["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in sorted(data["versions"].items()))
    text = HEADER.format(name=data["name"], cpu=machine["cpu"], cores=machine["cores"], flags=machine["flags"],
                         system=machine["system"], versions=versions, commands="\n".join(unique(data["commands"])))
    return text + "\n" + "\n".join(group_table(results, g) for g in results.groups)


# ---- the chart: a row of panels for every model and number of threads, a panel for every workload ----

COLOURS = {"f32": "#8a94a3", "bf16": "#b9a26a", "int8": "#7fa79a"}
OUR_COLOURS = {"f32": "#1f4fa3", "bf16": "#8a5a00", "int8": "#0b7a55"}
LABELS, PANEL, BAR, TOP, GAP, MARGIN = 150, 200, 16, 46, 26, 14


def svg_text(x, y, text, size=11, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}">'
            f"{escape(text)}</text>")


def tokens_per_second(results, group, workload, engine):
    row = results.rows.get((*group, workload, engine), {})
    return row["tokens"] / row["median_ms"] * 1000 if row.get("median_ms") else None


def panel(results, group, workload, engines, x, y):
    speeds = [tokens_per_second(results, group, workload, e) for e in engines]
    most = max((s for s in speeds if s), default=1)
    digits = 1 if most > 5000 else 2
    out = [svg_text(x, y - 6, f"{workload}, thousand tokens/s", 11, weight="bold")]
    for i, (engine, speed) in enumerate(zip(engines, speeds)):
        top, colours = y + i * BAR, OUR_COLOURS if is_ours(engine) else COLOURS
        if not speed:
            out.append(svg_text(x, top + 12, no_time(results, group, workload, engine), 10))
            continue
        width = speed / most * (PANEL - 56)
        out.append(f'<rect x="{x}" y="{top + 2}" width="{width:.1f}" height="{BAR - 4}" '
                   f'fill="{colours[BY_NAME[engine].precision]}"/>')
        out.append(svg_text(x + width + 4, top + 12, f"{speed / 1000:.{digits}f}", 10))
    return out


def chart_row(results, group, y):
    engines, workloads = results.engines(group), results.workloads(group)
    out = [svg_text(MARGIN, y + 12, f"{group[0]}, {group[1]} thread{'s' if group[1] > 1 else ''}", 14, weight="bold")]
    for i, e in enumerate(engines):
        weight = "bold" if is_ours(e) else "normal"
        out.append(svg_text(MARGIN + LABELS - 8, y + TOP + i * BAR + 12, BY_NAME[e].label, 11, "end", weight))
    for i, workload in enumerate(workloads):
        out += panel(results, group, workload, engines, MARGIN + LABELS + i * PANEL, y + TOP)
    return out, y + TOP + len(engines) * BAR + GAP


def chart(data):
    results, y, body = Results(data), MARGIN, []
    for group in results.groups:
        lines, y = chart_row(results, group, y)
        body += lines
    width = 2 * MARGIN + LABELS + PANEL * max((len(results.workloads(g)) for g in results.groups), default=0)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
            'font-family="sans-serif" fill="#222">')
    return "\n".join([head, f'<rect width="{width}" height="{y}" fill="#fff"/>', *body, "</svg>", ""])


def write(path, data):
    path.with_suffix(".md").write_text(table(data))
    path.with_suffix(".svg").write_text(chart(data))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = pathlib.Path(sys.argv[1])
    write(path, json.loads(path.read_text()))


if __name__ == "__main__":
    main()
