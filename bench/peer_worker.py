#!/usr/bin/env python3
"""One engine in a process of its own, for bench_peers.py.

    peer_worker.py ENGINE MODEL THREADS INPUTS

Takes a command a line on stdin and answers with one line of JSON on stdout:
    load                        reads the model
    run WORKLOAD SECONDS LEAST  embeds the texts of a workload again and again: the milliseconds of each time
    vectors WORKLOAD FILE       writes the last embeddings of a workload as little-endian f32, in the order of the texts
    memory                      megabytes over those before loading, the most so far
INPUTS has a line "WORKLOAD id id ..." for every text. What is asked of every engine is the same: token ids in,
sentence embeddings (pooled, of length 1) out. Sorting, padding and the arrays that an engine takes are made before the clock
starts.
"""
import ctypes
import gc
import json
import pathlib
import sys
import time

import numpy

from peer_engines import BATCH, ENGINES

LONG_MS = 300  # a run that takes longer needs no run before it to warm up: it counts


def now_ms():
    return 1000 * time.perf_counter()


def read_inputs(path):
    """Lines "WORKLOAD id id ...", one a text: {workload: [[id ...] ...]}."""
    texts = {}
    for line in pathlib.Path(path).read_text().splitlines():
        workload, *ids = line.split()
        texts.setdefault(workload, []).append([int(i) for i in ids])
    return texts


def padded(texts):
    """Token ids [count, longest] and lengths [count]."""
    lengths = numpy.array([len(t) for t in texts], dtype=numpy.int32)
    ids = numpy.zeros((len(texts), lengths.max()), dtype=numpy.int64)
    for row, text in zip(ids, texts):
        row[:len(text)] = text
    return ids, lengths


def unit_mean(hidden, lengths):
    """Mean of the first `lengths` rows, of length 1."""
    if (lengths == hidden.shape[1]).all():
        mean = hidden.mean(axis=1)
    else:
        mask = numpy.arange(hidden.shape[1])[None, :] < lengths[:, None]
        mean = numpy.einsum("bsh,bs->bh", hidden, mask.astype(numpy.float32)) / lengths[:, None]
    return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)


class Padded:
    """What engines have in common that take padded batches; `order` sorts by length."""

    def batches(self, texts):
        return [texts[i:i + BATCH] for i in range(0, len(texts), BATCH)]

    def prepare(self, texts):
        return padded(texts)


class Ort(Padded):
    def __init__(self, path, threads, precision):
        import onnxruntime
        self.onnxruntime, self.path, self.threads = onnxruntime, path, threads

    def load(self):
        options = self.onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        self.session = self.onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        self.names = [i.name for i in self.session.get_inputs()]

    def prepare(self, texts):
        ids, lengths = padded(texts)
        mask = (numpy.arange(ids.shape[1])[None, :] < lengths[:, None]).astype(numpy.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        return {name: feed[name] for name in self.names}

    def embed(self, feed):
        return self.session.run(None, feed)[0]


class Openvino(Ort):
    def __init__(self, path, threads, precision):
        import openvino
        self.openvino, self.path, self.threads, self.precision = openvino, path, threads, precision

    def load(self):
        hints = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": self.threads,
                 "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32"}
        model = self.openvino.Core().compile_model(self.path, "CPU", hints)
        self.request = model.create_infer_request()
        self.names = [i.any_name for i in model.inputs]

    def embed(self, feed):
        self.request.infer(feed, share_inputs=True)
        return self.request.get_output_tensor(0).data.copy()


class Ct2(Padded):
    def __init__(self, path, threads, precision):
        import ctranslate2
        self.ctranslate2, self.path, self.threads, self.precision = ctranslate2, path, threads, precision

    def load(self):
        kind = {"f32": "float32", "int8": "int8"}[self.precision]
        self.encoder = self.ctranslate2.Encoder(self.path, device="cpu", compute_type=kind, inter_threads=1,
                                                intra_threads=self.threads)

    def prepare(self, texts):
        ids, lengths = padded(texts)
        view = self.ctranslate2.StorageView.from_array
        return view(ids.astype(numpy.int32)), view(lengths), lengths

    def embed(self, batch):
        ids, lengths, counts = batch
        out = self.encoder.forward_batch(ids, lengths)  # no type ids: zeros
        return unit_mean(numpy.asarray(out.last_hidden_state), counts)


class Torch(Padded):
    def __init__(self, path, threads, precision):
        import torch
        import transformers
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(threads)
        self.torch, self.transformers, self.path, self.precision = torch, transformers, path, precision

    def load(self):
        self.model = self.transformers.AutoModel.from_pretrained(self.path).eval()
        if self.precision == "int8":
            self.model = self.torch.ao.quantization.quantize_dynamic(self.model, {self.torch.nn.Linear}, self.torch.qint8)

    def prepare(self, texts):
        ids, lengths = padded(texts)
        mask = (numpy.arange(ids.shape[1])[None, :] < lengths[:, None]).astype(numpy.int64)
        return {"input_ids": self.torch.from_numpy(ids), "attention_mask": self.torch.from_numpy(mask)}

    def embed(self, batch):
        with self.torch.inference_mode():
            hidden, mask = self.model(**batch).last_hidden_state, batch["attention_mask"].unsqueeze(-1)
            mean = (hidden * mask).sum(1) / mask.sum(1)
            return self.torch.nn.functional.normalize(mean, dim=1).numpy()


class Llama:
    """llama.cpp packs sequences: as many as 512 tokens hold at once."""
    TOKENS = 512

    def __init__(self, path, threads, precision):
        import llama_cpp
        self.llama, self.path, self.threads = llama_cpp, path, threads
        quiet = llama_cpp.llama_log_callback(lambda *_: None)
        self.keep = quiet
        llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))

    def load(self):
        self.model = self.llama.llama_model_load_from_file(self.path.encode(), self.llama.llama_model_default_params())
        if not self.model:
            raise RuntimeError("llama.cpp can't load the model")
        options = self.llama.llama_context_default_params()
        options.embeddings, options.pooling_type = True, self.llama.LLAMA_POOLING_TYPE_MEAN
        options.n_ctx = options.n_batch = options.n_ubatch = self.TOKENS
        options.n_seq_max, options.n_threads, options.n_threads_batch = BATCH, self.threads, self.threads
        options.kv_unified = True
        self.context = self.llama.llama_init_from_model(self.model, options)
        self.width = self.llama.llama_model_n_embd(self.model)

    def batches(self, texts):
        made, tokens = [], self.TOKENS + 1
        for text in texts:
            if tokens + len(text) > self.TOKENS or len(made[-1]) == BATCH:
                made.append([])
                tokens = 0
            made[-1].append(text)
            tokens += len(text)
        return made

    def prepare(self, texts):
        batch, at = self.llama.llama_batch_init(self.TOKENS, 0, 1), 0
        for s, text in enumerate(texts):
            for p, token in enumerate(text):
                batch.token[at], batch.pos[at], batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = token, p, 1, s, 1
                at += 1
        batch.n_tokens = at
        return batch, len(texts)

    def embed(self, prepared):
        batch, count = prepared
        if self.llama.llama_encode(self.context, batch):
            raise RuntimeError("llama.cpp can't run the batch")
        rows = [numpy.ctypeslib.as_array(self.llama.llama_get_embeddings_seq(self.context, s), (self.width,))
                for s in range(count)]
        out = numpy.stack(rows)
        return out / numpy.linalg.norm(out, axis=1, keepdims=True)


CLASSES = {"ort": Ort, "openvino": Openvino, "ct2": Ct2, "llama": Llama, "torch": Torch}


def status_kb(key):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


class Worker:
    def __init__(self, name, path, threads, inputs):
        engine = next(e for e in ENGINES if e.name == name)
        self.texts = read_inputs(inputs)
        start = now_ms()
        self.engine = CLASSES[engine.family](path, int(threads), engine.precision)
        self.import_ms, self.ready, self.last = now_ms() - start, {}, {}
        gc.collect()
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak so far was the imports'
        self.base_kb = status_kb("VmRSS")

    def load(self):
        start = now_ms()
        self.engine.load()
        return {"load_ms": now_ms() - start, "import_ms": self.import_ms}

    def prepared(self, workload):
        if workload not in self.ready:
            order = sorted(range(len(self.texts[workload])), key=lambda i: len(self.texts[workload][i]))
            batches = self.engine.batches([self.texts[workload][i] for i in order])
            self.ready[workload] = order, [self.engine.prepare(b) for b in batches]
        return self.ready[workload]

    def once(self, workload):
        batches = self.prepared(workload)[1]
        start = now_ms()
        self.last[workload] = [self.engine.embed(b) for b in batches]
        return now_ms() - start

    def run(self, workload, seconds, least):
        first = self.once(workload)
        times = [first] if first > LONG_MS else []
        end = now_ms() + 1000 * float(seconds)
        while len(times) < int(least) or now_ms() < end:
            times.append(self.once(workload))
        return {"first_ms": first, "times": times}

    def vectors(self, workload, path):
        order, out = self.prepared(workload)[0], numpy.concatenate(self.last[workload])
        back = numpy.empty_like(out)
        back[order] = out
        back.astype("<f4").tofile(path)
        return {"shape": list(out.shape)}

    def memory(self):
        return {"memory_mb": (status_kb("VmHWM") - self.base_kb) / 1000, "base_mb": self.base_kb / 1000}


def answer(worker, words):
    try:
        return getattr(worker, words[0])(*words[1:])
    except Exception as error:  # whatever an engine throws is a line of the table, not the end of the run
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}


def main():
    worker = None
    try:
        worker = Worker(*sys.argv[1:5])
        print(json.dumps({"ready": True}), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}), flush=True)
        return
    for line in sys.stdin:
        print(json.dumps(answer(worker, line.split())), flush=True)


if __name__ == "__main__":
    main()
