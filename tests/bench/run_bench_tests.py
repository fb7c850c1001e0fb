#!/usr/bin/env python3
"""The scripts of bench/ as far as they need no network, no peer and no clock: errors in arguments, texts, results, table,
chart, and our own engine's line protocol.

    run_bench_tests.py BUILD_DIR

Exit code: 0 all as expected, 1 not.
"""
import array
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import bench_heal  # noqa: E402
import bench_peers  # noqa: E402
import peer_engines  # noqa: E402
import peer_inputs  # noqa: E402
import peer_report  # noqa: E402

BUILD = pathlib.Path()
TINY = ROOT / "tests" / "e2e" / "models" / "bert-gelu"


def sample():
    return json.loads((HERE / "sample.json").read_text())


class Arguments(unittest.TestCase):
    def refused(self, *args):
        out = io.StringIO()
        with contextlib.redirect_stderr(out), self.assertRaises(SystemExit) as exit_:
            bench_peers.parse([str(a) for a in args])
        self.assertEqual(exit_.exception.code, 2)
        return out.getvalue()

    def test_refused(self):
        self.assertIn("required", self.refused())
        self.assertIn("none of bert-base, albert-base", self.refused(BUILD, "no-such-folder"))
        self.assertIn("no albert-convert there", self.refused(HERE, "bert-base"))
        self.assertIn("start at 1", self.refused(BUILD, "bert-base", "--rounds", 0))
        self.assertIn("start at 1", self.refused(BUILD, "bert-base", "--threads", 1, 0))
        self.assertIn("invalid choice", self.refused(BUILD, "bert-base", "--workloads", "3x3"))
        self.assertIn("invalid choice", self.refused(BUILD, "bert-base", "--engines", "no-such-engine"))

    def test_command_names_no_folders(self):
        args = bench_peers.parse([str(BUILD), "bert-base", "--venv", "/somewhere", "--threads", "2"])
        args.model_name = "bert-base"
        self.assertEqual(bench_peers.shown_command(args), "bench/bench_peers.py BUILD_DIR bert-base --workloads 1x16 1x128 "
                                                          "32x32 mixed --threads 2 --rounds 5 --seconds 0.5")

    def test_roofline_usage(self):
        self.assertEqual(subprocess.run([BUILD / "bench" / "roofline", "--no-such"], capture_output=True).returncode, 2)
        self.assertEqual(subprocess.run([BUILD / "bench" / "roofline", "--threads", "0"], capture_output=True).returncode, 2)


class Engines(unittest.TestCase):
    def test_table(self):
        names = [e.name for e in peer_engines.ENGINES]
        self.assertEqual(len(names), len(set(names)))
        pins = {}
        for package in (p for e in peer_engines.ENGINES for p in e.packages):
            name, version = package.split("==")
            self.assertEqual(pins.setdefault(name, version), version)
        for e in peer_engines.ENGINES:
            self.assertTrue(e.family == peer_engines.OURS or peer_engines.VERSION_OF[e.family] in pins)

    def test_stale(self):
        with tempfile.TemporaryDirectory() as folder:
            made, fixed, converter = (pathlib.Path(folder) / name for name in ("x.alb", "x.onnx", "albert-convert"))
            for number, path in enumerate((made, fixed, converter)):
                path.write_text("")
                os.utime(path, (number, number))
            self.assertEqual([bench_peers.stale(p, converter) for p in (made, fixed)], [True, False])
            os.utime(made, (9, 9))
            self.assertFalse(bench_peers.stale(made, converter))

    def test_what_lacks(self):
        have = {"torch": "2.13.0+cpu", "onnx": "1.0"}
        self.assertEqual(bench_peers.lacks(("torch==2.13.0", "onnx==1.23.2", "numpy==2.4.6"), have),
                         ["onnx==1.23.2", "numpy==2.4.6"])


class Texts(unittest.TestCase):
    def test_lengths(self):
        lengths = [length for length, _ in peer_inputs.stored_texts()]
        self.assertEqual(len(lengths), 256)
        self.assertGreaterEqual(min(lengths), 6)
        self.assertLessEqual(max(lengths), peer_inputs.LONGEST)
        self.assertAlmostEqual(sum(lengths) / 256, 40, delta=2)

    def test_inputs_of_a_model_without_tokenizer(self):
        with tempfile.TemporaryDirectory() as folder:
            source, path = pathlib.Path(folder), pathlib.Path(folder) / "inputs.txt"
            (source / "config.json").write_text('{"vocab_size": 1500}')
            peer_inputs.make_texts(source, path)
            found = {}
            for line in path.read_text().splitlines():
                name, *ids = line.split()
                self.assertTrue(all(0 <= int(i) < 1500 for i in ids))
                found.setdefault(name, []).append(len(ids))
        self.assertEqual({k: v for k, v in found.items() if k != "mixed"}, {"1x16": [16], "1x128": [128], "32x32": [32] * 32})
        self.assertEqual(found["mixed"], [length for length, _ in peer_inputs.stored_texts()])


class Report(unittest.TestCase):
    def test_table(self):
        text = peer_report.table(sample())
        rows = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]]
                for line in text.splitlines() if line.startswith("|")}
        self.assertEqual(rows["**albert f32**"], ["1.00 (1.20)", "2000 (1.50)", "1.25", "11.0", "6", "8", "0.9999"])
        self.assertEqual(rows["**albert int8**"], ["1.00 (0.80)", "not run", "", "5.0", "2", "3", "0.9985"])
        self.assertEqual(rows["ONNX Runtime f32 1.32.0"][:2], ["1.50 (0.80)", "not run"])
        self.assertEqual(rows["CTranslate2 int8 4.8.5"], ["can't", "can't", "", "", "", "", ""])
        self.assertIn("- CTranslate2 int8: not built: no loader for this model", text)
        self.assertIn("- OpenVINO int8: RuntimeError: out of memory", text)
        self.assertEqual(text.count("bench/bench_peers.py BUILD_DIR tiny"), 1)

    def test_groups_of_a_model_stand_together(self):
        rows = [{"model": m, "threads": t, "workload": "1x16", "engine": "albert-f32"} for m, t in (("b", 2), ("a", 1), ("b", 1))]
        self.assertEqual(peer_report.Results({"rows": rows, "starts": []}).groups, [("b", 1), ("b", 2), ("a", 1)])

    def test_chart(self):
        root = xml.etree.ElementTree.fromstring(peer_report.chart(sample()))
        space = {"s": "http://www.w3.org/2000/svg"}
        words = [t.text for t in root.findall("s:text", space)]
        bars = [r for r in root.findall("s:rect", space) if "height" in r.attrib and r.get("height") == "12"]
        self.assertEqual(len(bars), 7)  # one a measured row
        self.assertEqual((words.count("can't"), words.count("not run")), (3, 2))
        self.assertIn("5.0", words)  # 10064 tokens in 2000 ms
        right = max(float(r.get("x")) + float(r.get("width")) for r in bars)
        self.assertLess(right, float(root.get("width")))

    def test_written_beside(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "sample.json"
            path.write_text(json.dumps(sample()))
            done = subprocess.run([sys.executable, "-B", ROOT / "bench" / "peer_report.py", path])
            self.assertEqual(done.returncode, 0)
            self.assertEqual(sorted(p.name for p in path.parent.iterdir()), ["sample.json", "sample.md", "sample.svg"])


class Merging(unittest.TestCase):
    def test_rows(self):
        keys = ("model", "engine")
        old = [{"model": "a", "engine": "x", "ms": 1}, {"model": "a", "engine": "y", "ms": 2}]
        new = [{"model": "a", "engine": "y", "ms": 3}, {"model": "b", "engine": "x", "ms": 4}]
        self.assertEqual([r["ms"] for r in bench_peers.merge_rows(old, new, keys)], [1, 3, 4])

    def test_starts_add_up(self):
        key = {"model": "a", "threads": 1, "engine": "x"}
        merged = bench_peers.merge_starts([{**key, "load_ms": [5]}], [{**key, "load_ms": [7], "import_ms": 1}])
        self.assertEqual(merged, [{**key, "load_ms": [5, 7], "import_ms": 1}])
        merged = bench_peers.merge_starts([{**key, "load_ms": [1, 2, 3, 4, 5]}], [{**key, "load_ms": [6]}])
        self.assertEqual(merged, [{**key, "load_ms": [2, 3, 4, 5, 6]}])

    def test_summary(self):
        facts = bench_peers.summary([[1.0, 2.0, 3.0], [5.0], [2.5]])
        self.assertEqual((facts["median_ms"], facts["runs"]), (2.5, 5))
        self.assertNotIn("p99_ms", facts)
        self.assertEqual(bench_peers.summary([[float(i) for i in range(1, 201)]])["p99_ms"], 198)

    def test_cosine(self):
        self.assertAlmostEqual(bench_peers.cosine([3.0, 4.0], [4.0, 3.0]), 24 / 25)


class Heal(unittest.TestCase):
    def refused(self, *args):
        out = io.StringIO()
        with contextlib.redirect_stderr(out), self.assertRaises(SystemExit) as exit_:
            bench_heal.parse([str(a) for a in args])
        self.assertEqual(exit_.exception.code, 2)
        return out.getvalue()

    def test_refused(self):
        self.assertIn("not bert-base", self.refused(BUILD, "no-such-folder"))
        self.assertIn("no albert-convert there", self.refused(HERE, "bert-base"))
        self.assertIn("1 to 49", self.refused(BUILD, "bert-base", "--steps", 50))
        self.assertIn("start at 1", self.refused(BUILD, "bert-base", "--rounds", 0))
        self.assertIn("no such file", self.refused(BUILD, "bert-base", "--text", "no-such-file"))

    def test_command_names_no_folders(self):
        args = bench_heal.parse([str(BUILD), str(TINY), "--text", __file__, "--python", "/somewhere"])
        args.model_name = "tiny"
        self.assertEqual(bench_heal.shown_command(args), "bench/bench_heal.py BUILD_DIR tiny --share all --threads 1 2 --steps 20 "
                                                         "--rounds 3 --seed 1 --text run_bench_tests.py")

    def test_table(self):
        ours = [{"tokens": 100, "seconds": s, "loss_before": 2.0, "loss_after": 1.0} for s in (1.0, 2.0, 0.5)]
        torch = [{"tokens": 100, "seconds": s, "padded": 150, "loss_before": 2.0, "loss_after": 1.25} for s in (2.0, 2.0, 2.0)]
        row = {"model": "m", "texts": "t.txt", "share": "all", "threads": 2, "albert": bench_heal.summary(ours),
               "torch": bench_heal.summary(torch)}
        cells = [c.strip() for c in bench_heal.table({"rows": [row]}).splitlines()[2].split("|")[1:-1]]
        self.assertEqual(cells, ["m", "t.txt", "all", "2", "100", "50", "2.00 (1.00 to 4.00)", "50 %", "2.0000 to 1.0000",
                                 "2.0000 to 1.2500"])

    def test_our_side(self):
        """Steps, tokens and seconds of a real training."""
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            model, texts = ROOT / "tests" / "e2e" / "models" / "bert-relu", work / "t.txt"
            texts.write_text("".join(line + "\n" for line in (model / "vocab.txt").read_text().splitlines()[:40]))
            args = bench_heal.parse([str(BUILD), str(model), "--steps", "3", "--text", str(texts)])
            fold = bench_heal.make_fold(args, model, work)
            self.assertTrue((fold / "model.safetensors").exists())
            facts = bench_heal.Albert(args, model, bench_heal.make_texts(args, work), work, 1).train()
        self.assertEqual(facts["steps"], 3)
        self.assertGreater(facts["tokens"], 3)
        self.assertGreater(facts["seconds"], 0)


class OurEngine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.model, self.inputs = self.path / "tiny.alb", self.path / "inputs.txt"
        subprocess.run([BUILD / "albert-convert", "-q", TINY, "-o", self.model], check=True)
        self.inputs.write_text("one 2 5 7 3\nboth 2 9 3\nboth 2 5 7 3\n")

    def tearDown(self):
        self.folder.cleanup()

    def ask(self, model, *commands):
        done = subprocess.run([BUILD / "bench" / "peer_albert", model, "1", self.inputs], text=True, check=True,
                              input="".join(c + "\n" for c in commands), stdout=subprocess.PIPE)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_embeddings(self):
        one, both = self.path / "one", self.path / "both"
        replies = self.ask(self.model, "load", "run one 0 3", "run both 0 1", f"vectors one {one}", f"vectors both {both}",
                           "memory")
        self.assertEqual(len(replies[2]["times"]), 3)
        a, b = (array.array("f", p.read_bytes()) for p in (one, both))
        self.assertEqual(replies[5]["shape"], [2, len(a)])
        self.assertEqual(a, b[len(a):])  # alone and in a batch
        self.assertNotEqual(a, b[:len(a)])
        self.assertGreater(replies[6]["memory_mb"], 0)

    def test_errors(self):
        self.assertIn("error", self.ask(self.path / "none.alb", "load")[1])
        self.assertIn("error", self.ask(self.model, "load", "run none 0 1")[2])


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
