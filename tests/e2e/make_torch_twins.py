#!/usr/bin/env python3
"""Writes tests/e2e/twins: the weights of models in tests/e2e/models again, in every form that PyTorch has written them.

Needs torch and safetensors; made with torch 2.14.1. Keys of storages in legacy files are addresses, so that those files
differ from run to run. twins.json says which model each is a twin of.
"""
import json
import pathlib
import shutil
import zipfile

import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent


def zipped(state, folder):
    torch.save(state, folder / "pytorch_model.bin")


def legacy(state, folder):
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


def trained(state):
    """What a trainer saves: the model behind DistributedDataParallel, and Adam's state of two tensors."""
    names = list(state)
    parameters = [torch.nn.Parameter(state[n].clone()) for n in names[:2]]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    sum(p.sum() for p in parameters).backward()
    optimizer.step()
    return optimizer.state_dict()


def checkpoint(state, folder):
    wrapped = {f"module.{k}": v for k, v in state.items()}
    torch.save({"epoch": 3, "note": None, "model_state_dict": wrapped, "best": 0.5,
                "optimizer_state_dict": trained(state)}, folder / "checkpoint.pt")


def lightning(state, folder):
    """As PyTorch Lightning's .ckpt, and wrapped in another module; other parts of the model lie beside the encoder."""
    wrapped = {f"model.encoder_q.{k}": torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in state.items()}
    wrapped["model.head.weight"] = torch.ones(3, 2)
    torch.save({"epoch": 1, "global_step": 2, "pytorch-lightning_version": "2.0.0", "state_dict": wrapped,
                "loops": {"fit_loop": {"state_dict": {}}}, "callbacks": {}, "optimizer_states": [trained(state)],
                "lr_schedulers": [], "hyper_parameters": {"lr": 1e-3, "betas": (0.9, 0.999), "seed": 2**63}},
               folder / "last.ckpt")


def views(state, folder):
    """Matrices transposed, vectors as parts of one storage, the decoder tied, one vector with a stride of 2."""
    flat = torch.cat([torch.full((7,), -1.0)] + [v for v in state.values() if v.dim() == 1])
    out, at = {}, 7
    for name, value in state.items():
        if value.dim() == 1:
            out[name] = flat[at:at + len(value)]
            at += len(value)
        else:
            out[name] = value.t().contiguous().t()
    last = next(n for n in reversed(out) if out[n].dim() == 1)
    out[last] = torch.stack([state[last], state[last] + 1], 1)[:, 0]
    word = next(n for n in out if n.endswith("word_embeddings.weight"))
    out["cls.predictions.decoder.weight"] = out[word]
    torch.save(out, folder / "pytorch_model.bin")


def sharded(state, folder):
    names = sorted(state)
    weight_map = {n: f"pytorch_model-{i % 2 + 1:05}-of-00002.bin" for i, n in enumerate(names)}
    for file in sorted(set(weight_map.values())):
        torch.save({n: state[n] for n in names if weight_map[n] == file}, folder / file)
    index = {"metadata": {"total_size": sum(t.nbytes for t in state.values())}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


def rewrite(folder, change, method):
    """The archive again with entries changed, by another program than PyTorch."""
    path = folder / "pytorch_model.bin"
    with zipfile.ZipFile(path) as archive:
        entries = [(i.filename, archive.read(i)) for i in archive.infolist()]
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), change(name, content), method)


def deflated(state, folder):
    zipped(state, folder)
    rewrite(folder, lambda name, content: content, zipfile.ZIP_DEFLATED)


def big_endian(state, folder):
    """As on a big-endian machine: f64 weights."""
    assert all(v.dtype == torch.float64 for v in state.values())
    zipped(state, folder)

    def change(name, content):
        if name.endswith("/byteorder"):
            return b"big"
        if "/data/" not in name:
            return content
        return b"".join(content[i:i + 8][::-1] for i in range(0, len(content), 8))
    rewrite(folder, change, zipfile.ZIP_STORED)


# One line a twin: its name, the model, how it is written, the file that is the source ("." is the folder).
TWINS = [
    ("zip", "bert-gelu", zipped, "."),
    ("zip-mixed", "bert-mixed", zipped, "."),
    ("legacy", "bert-gelu", legacy, "."),
    ("legacy-mixed", "bert-mixed", legacy, "."),
    ("legacy-f16", "albert-f16", legacy, "pytorch_model.bin"),
    ("checkpoint", "albert-gelu-new", checkpoint, "checkpoint.pt"),
    ("lightning", "bert-equal-ffn", lightning, "last.ckpt"),
    ("views", "bert-all-equal", views, "."),
    ("sharded", "bert-equal-layers", sharded, "."),
    ("deflated", "bert-bf16", deflated, "."),
    ("big-endian", "bert-f64", big_endian, "."),
]


def main():
    torch.manual_seed(0)
    shutil.rmtree(HERE / "twins", ignore_errors=True)
    table = {}
    for name, model, write, source in TWINS:
        folder = HERE / "twins" / name
        folder.mkdir(parents=True)
        shutil.copy(HERE / "models" / model / "config.json", folder)
        write(load_file(HERE / "models" / model / "model.safetensors"), folder)
        table[f"twins/{name}/{source}".removesuffix("/.")] = f"models/{model}"
    (HERE / "twins.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
