#!/usr/bin/env python3
"""Makes the files that the engines of bench_peers.py run, one engine a call.

    peer_build.py ENGINE SOURCE WORK INPUTS ALBERT_CONVERT

SOURCE is a Hugging Face folder; the file of the engine's line in peer_engines.py comes into WORK, and stays there for the next
time. INPUTS (as for peer_worker.py) are the texts that OpenVINO's int8 is calibrated on.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

from peer_engines import ENGINES

CALIBRATION_TEXTS = 64


class Job:
    def __init__(self, name, source, work, inputs, convert):
        self.engine = next(e for e in ENGINES if e.name == name)
        self.source, self.work, self.convert = source, pathlib.Path(work), convert
        self.out = self.work / self.engine.file
        self.inputs = inputs

    def config(self):
        return json.loads((pathlib.Path(self.source) / "config.json").read_text())


def convert_ours(job, to, dtype):
    done = subprocess.run([job.convert, job.source, "-o", to, "--dtype", dtype, "-q"], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(lines[-1].replace(f"{to}: ", "").replace(f"{job.source}: ", ""))


def build_albert(job):
    convert_ours(job, job.out, job.engine.precision)


def build_llama(job):
    convert_ours(job, job.out, job.engine.precision)


def build_torch(job):
    job.out.symlink_to(os.path.abspath(job.source))


def export_onnx(job):
    """The encoder with mean pooling, [batch, length] both free; once for all engines that take ONNX."""
    path = job.work / "model.onnx"
    if path.exists():
        return path
    import torch
    import transformers
    model = transformers.AutoModel.from_pretrained(job.source, attn_implementation="eager").eval()

    class Embedder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
            mask = attention_mask.unsqueeze(-1).to(torch.float32)
            mean = (out.last_hidden_state * mask).sum(1) / mask.sum(1)
            return torch.nn.functional.normalize(mean, dim=1)

    names, ids = ["input_ids", "attention_mask", "token_type_ids"], torch.ones((2, 8), dtype=torch.int64)
    axes = {name: {0: "batch", 1: "length"} for name in names}
    torch.onnx.export(Embedder(), (ids, ids, ids * 0), str(path), input_names=names, output_names=["embedding"],
                      dynamic_axes={**axes, "embedding": {0: "batch"}}, opset_version=17, dynamo=False)
    return path


def optimized(job):
    """ONNX Runtime's own fusions for BERT."""
    path = job.work / "ort-f32.onnx"
    if not path.exists():
        from onnxruntime.transformers import optimizer
        config = job.config()
        model = optimizer.optimize_model(str(export_onnx(job)), model_type="bert", num_heads=config["num_attention_heads"],
                                         hidden_size=config["hidden_size"], opt_level=0)
        model.save_model_to_file(str(path))
    return path


def build_ort(job):
    path = optimized(job)
    if job.engine.precision == "int8":
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
        quantize_dynamic(str(path), str(job.out), per_channel=True, weight_type=QuantType.QInt8,
                         extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def calibration(job, names):
    import numpy

    from peer_worker import read_inputs
    for text in read_inputs(job.inputs)["mixed"][:CALIBRATION_TEXTS]:
        ids = numpy.array([text], dtype=numpy.int64)
        feed = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        yield {name: feed[name] for name in names}


def build_openvino(job):
    import openvino
    model = openvino.convert_model(str(export_onnx(job)))
    if job.engine.precision == "int8":
        import nncf
        names = [i.any_name for i in model.inputs]
        model = nncf.quantize(model, nncf.Dataset(list(calibration(job, names))), model_type=nncf.ModelType.TRANSFORMER,
                              subset_size=CALIBRATION_TEXTS)
    openvino.save_model(model, str(job.out), compress_to_fp16=False)


def build_ct2(job):
    import ctranslate2
    kind = {"f32": "float32", "int8": "int8"}[job.engine.precision]
    ctranslate2.converters.TransformersConverter(job.source).convert(str(job.out), quantization=kind, force=True)


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main():
    job = Job(*sys.argv[1:6])
    try:
        globals()["build_" + job.engine.family](job)
    except BaseException:
        remove(job.out)  # half a file would be taken for a whole one the next time
        raise


if __name__ == "__main__":
    main()
