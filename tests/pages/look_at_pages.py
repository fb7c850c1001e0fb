#!/usr/bin/env python3
"""Opens pages of --report in headless Chromium: light, dark, 400 pixels wide, on paper.

    look_at_pages.py BUILD_DIR [--keep FOLDER]

Makes a page of each kind from small models, among them one with hostile names, and fails when the console says anything,
anything is asked for beside the page, a page is wider than a narrow screen, text of a chart runs out of its picture, over other
text or is too pale to read, a chart can't be reached by the Tab key or has no description, or paper comes out empty. --keep
leaves pages, pictures and PDFs. Skipped (77) where there is no Chromium.
"""
import argparse
import base64
import os
import pathlib
import subprocess
import sys
import tempfile

import browser
import check_page

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODELS = ROOT / "tests" / "e2e" / "models"
HOSTILE = "<script>alert(1)</script>\"'&\u202e<img src=x onerror=alert(1)>"

LAYOUT = """(() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`is ${document.documentElement.scrollWidth} wide`);
  for (const svg of document.querySelectorAll('svg')) {
    const outer = svg.getBoundingClientRect(), name = svg.querySelector('title').textContent;
    const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent).map(t => [t, t.getBoundingClientRect()]);
    for (const [t, r] of texts) {
      if (r.left < outer.left - 6 || r.right > outer.right + 6 || r.top < outer.top - 2 || r.bottom > outer.bottom + 3)
        wrong.push(`${name}: "${t.textContent}" runs out of the chart`);
      for (const [u, s] of texts)
        if (u !== t && r.left + 1 < s.right && s.left + 1 < r.right && r.top + 4 < s.bottom && s.top + 4 < r.bottom)
          wrong.push(`${name}: "${t.textContent}" lies on "${u.textContent}"`);
    }
  }
  return wrong;
})()"""

# Contrast of text with what is behind it, by WCAG's formula; text on filled cells of a heat map is left out.
CONTRAST = """(() => {
  const canvas = getComputedStyle(document.documentElement).backgroundColor;
  const numbers = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = numbers(c).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                       return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
                        if (numbers(c)[3] !== 0) return c; } return canvas; };
  const wrong = new Set();
  for (const e of document.querySelectorAll('p,h1,h2,strong,dt,dd,td,th,summary,figcaption,svg text')) {
    if (e.classList.contains('on')) continue;
    const style = getComputedStyle(e), a = light(e.closest('svg') ? style.fill : style.color), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) wrong.add(`${e.tagName} "${e.textContent.slice(0, 20)}": contrast ${ratio.toFixed(2)}`);
  }
  return [...wrong];
})()"""

FOCUS = """(() => ({figures: document.querySelectorAll('figure').length,
  described: [...document.querySelectorAll('figure svg[role=img]')].filter(s => s.querySelector('desc').textContent.length > 9).length}))()"""


def run(command, folder, path, codes=(0,)):
    environment = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}")
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stderr}")
    return done.stdout


def make_texts(folder):
    words = [w for w in (MODELS / "bert-relu" / "vocab.txt").read_text().split("\n") if w and not w.startswith("[")]
    lines = [" ".join(words[i::7][:6]) for i in range(7)] * 4
    (folder / "texts.txt").write_text("\n".join(lines) + "\n")


def make_pages(folder, path):
    """Pages with their JSON beside them."""
    convert = [f"{path}/albert-convert"]
    make_texts(folder)
    (folder / HOSTILE.replace("/", "")).symlink_to(MODELS / "bert-classify")
    commands = {
        "lossy": ["bert-relu", "-o", "lossy.alb", "--share", "all", "--text", "texts.txt"],
        "lossless": ["albert-groups", "-o", "lossless.alb"],
        "onnx": ["bert-ner", "-o", "rounded.onnx", "--dtype", "int8", "--dry-run"],
    }
    for name, arguments in commands.items():
        source = str(MODELS / arguments[0])
        (folder / f"{name}.json").write_text(
            run([*convert, source, *arguments[1:], "--json", "--report", f"{name}.html"], folder, path))
    heal = ["heal", str(MODELS / "bert-relu"), "-o", "healed.alb", "--text", "texts.txt", "--steps", "400", "--lr", "0.003"]
    (folder / "healed.json").write_text(run([*convert, *heal, "--json", "--report", "healed.html"], folder, path))
    hostile = [HOSTILE.replace("/", ""), "-o", f"out-{HOSTILE.replace('/', '')}.alb"]
    (folder / "hostile.json").write_text(run([*convert, *hostile, "--json", "--report", "hostile.html"], folder, path))
    validate = ["validate", str(MODELS / "bert-relu"), "lossy.alb"]
    (folder / "failed.json").write_text(
        run([*convert, *validate, "--json", "--report", "failed.html"], folder, path, codes=(1,)))
    return ["lossy", "lossless", "onnx", "healed", "hostile", "failed"]


def media(b, scheme, kind=""):
    b.call("Emulation.setEmulatedMedia", media=kind, features=[{"name": "prefers-color-scheme", "value": scheme}])


def width(b, pixels):
    b.call("Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=False)


def keep_picture(b, target):
    if target:
        answer = b.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        pathlib.Path(target).write_bytes(base64.b64decode(answer["data"]))


def focus_reaches(b):
    """How many figures the Tab key comes to."""
    seen = set()
    for _ in range(200):
        for kind in ("rawKeyDown", "keyUp"):
            b.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        now = b.evaluate("(() => { const e = document.activeElement; return e === document.body ? null : "
                         "[e.tagName, e.getAttribute('aria-labelledby')].join(' '); })()")
        if now is None and seen:
            break
        if now and now.startswith("FIGURE"):
            seen.add(now)
    return len(seen)


def look(b, page, keep):
    """What is wrong with a page."""
    wrong = []
    keep = f"{keep}/{page.stem}" if keep else None
    for scheme, pixels in (("light", 1000), ("dark", 1000), ("light", 400)):
        media(b, scheme)
        width(b, pixels)
        b.load(page.as_uri())
        where = f"{scheme}, {pixels} pixels: "
        wrong += [where + w for w in b.complaints() + b.evaluate(LAYOUT) + b.evaluate(CONTRAST)]
        keep_picture(b, keep and f"{keep}-{scheme}-{pixels}.png")
    width(b, 1000)
    counts = b.evaluate(FOCUS)
    if not counts["figures"] or counts["described"] != counts["figures"] or focus_reaches(b) != counts["figures"]:
        wrong.append(f"of {counts['figures']} figures {counts['described']} are described, {focus_reaches(b)} reached by Tab")
    media(b, "dark", "print")
    wrong += [f"print: {w}" for w in b.evaluate(CONTRAST)]
    media(b, "light")
    pdf = base64.b64decode(b.call("Page.printToPDF", printBackground=False)["data"])
    if not pdf.startswith(b"%PDF") or len(pdf) < 8000:
        wrong.append("paper is empty")
    if keep:
        pathlib.Path(f"{keep}.pdf").write_bytes(pdf)
    return wrong + [f"print: {w}" for w in b.complaints()]


def check_the_checks(b, folder):
    """A page with each fault is found out, so that silence means something."""
    bad = folder / "bad.html"
    bad.write_text("<!doctype html><style>p{color:#ddd}</style><p>pale</p><img src='http://127.0.0.1:9/x.png'>"
                   "<script>console.error('x')</script><div style='width:3000px'>wide</div>"
                   "<svg viewBox='0 0 10 10' width=10><title>t</title><text x='100'>out</text></svg>")
    media(b, "light")
    width(b, 400)
    b.load(bad.as_uri())
    said = " ".join(b.complaints() + b.evaluate(LAYOUT) + b.evaluate(CONTRAST))
    return [f"a page that {w} is not found out" for w in ("asks for", "wide", "runs out", "contrast", "console")
            if w not in said and not (w == "console" and '"error"' in said)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    path = browser.find()
    if not path:
        print(f"skipped: no {' or '.join(browser.NAMES)} to look at pages with")
        return 77
    if arguments.keep:
        pathlib.Path(arguments.keep).mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory() as temporary, browser.Browser(path) as b:
        folder = pathlib.Path(temporary)
        results = {"the checks themselves": check_the_checks(b, folder)}
        for name in make_pages(folder, str(pathlib.Path(arguments.build).resolve())):
            page = folder / f"{name}.html"
            wrong, _ = check_page.check(page.read_text(), (folder / f"{name}.json").read_text(), ["measured", "parts"])
            results[name] = wrong + look(b, page, arguments.keep)
            if arguments.keep:
                (pathlib.Path(arguments.keep) / page.name).write_bytes(page.read_bytes())
    for name, wrong in results.items():
        print(f"{'FAIL' if wrong else 'ok  '} {name}")
        for line in wrong:
            print(f"     {line}")
        failed += bool(wrong)
    print(f"{len(results) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
