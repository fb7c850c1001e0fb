#!/usr/bin/env python3
"""Times f32 encoders side by side with ONNX Runtime, round by round, on this machine.

    bench_ort.py BUILD_DIR MODEL_DIR [--lengths 1x128 ...] [--threads 1] [--rounds 5] [--seconds 1]

MODEL_DIR is a Hugging Face folder (BERT or ALBERT). Needs torch, transformers, onnx and onnxruntime from PyPI. The
engines take turns within a round, so a ratio holds where the machine's speed drifts; ratios are of medians.
"""
import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime
import torch
import transformers


def export(model_dir, path):
    model = transformers.AutoModel.from_pretrained(model_dir, attn_implementation="eager").eval()
    ids = torch.ones((2, 8), dtype=torch.int64)
    axes = {0: "batch", 1: "length"}

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state

    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(Encoder(), (ids, ids, ids * 0), str(path), input_names=names, output_names=["hidden"],
                      dynamic_axes={name: axes for name in names + ["hidden"]}, opset_version=17, dynamo=False)


def open_ort(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def time_ort(session, batch, length, seconds):
    ids = (numpy.arange(batch * length).reshape(batch, length) * 7919 % 500 + 5).astype(numpy.int64)
    feed = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
    feed = {i.name: feed[i.name] for i in session.get_inputs()}
    session.run(None, feed)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        session.run(None, feed)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def time_ours(program, model, lengths, threads, seconds):
    done = subprocess.run([program, "bench", model, "--lengths", lengths, "--threads", str(threads), "--seconds",
                           str(seconds), "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--lengths", nargs="*", default=["1x128", "1x16", "32x32"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        onnx, f32, int8 = (pathlib.Path(folder) / name for name in ("model.onnx", "f32.alb", "int8.alb"))
        export(args.model, onnx)
        for path, dtype in ((f32, "f32"), (int8, "int8")):
            subprocess.run([args.build / "albert-convert", args.model, "-o", path, "--dtype", dtype, "-q"], check=True)
        session = open_ort(onnx, args.threads)
        print(f"{args.model.name}, {args.threads} thread(s), {args.rounds} rounds; onnxruntime {onnxruntime.__version__}, "
              f"torch {torch.__version__}, {platform.machine()}")
        print(f"{'lengths':>8} {'ONNX Runtime f32':>17} {'f32':>10} {'int8':>10} {'f32 is':>9} {'int8 is':>9}")
        for lengths in args.lengths:
            batch, length = map(int, lengths.split("x"))
            rows = [(time_ort(session, batch, length, args.seconds),
                     time_ours(args.build / "albert-run", f32, lengths, args.threads, args.seconds),
                     time_ours(args.build / "albert-run", int8, lengths, args.threads, args.seconds))
                    for _ in range(args.rounds)]
            ort, ours, ours8 = (statistics.median(column) for column in zip(*rows))
            print(f"{lengths:>8} {ort:>14.2f} ms {ours:>7.2f} ms {ours8:>7.2f} ms {ort / ours:>7.2f} x {ort / ours8:>7.2f} x")


if __name__ == "__main__":
    main()
