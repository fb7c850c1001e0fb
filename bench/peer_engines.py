"""The engines that bench_peers.py compares, one line each: facts only, nothing of theirs is imported here."""
import collections

# family: its class in peer_worker.py and its function in peer_build.py; precision: engines of one precision are compared.
Engine = collections.namedtuple("Engine", "name label family precision file packages")

COMMON = ("numpy==2.4.6", "tokenizers==0.23.3")
TORCH = ("torch==2.13.0", "transformers==5.24.0")
ONNX = TORCH + ("onnx==1.23.2",)
ORT = ONNX + ("onnxruntime==1.32.0", "sympy==1.14.0")
OPENVINO = ONNX + ("openvino==2026.4.1", "nncf==3.4.0")
CT2 = TORCH + ("ctranslate2==4.8.5",)
LLAMA = ("llama-cpp-python==0.3.36",)

ENGINES = (
    Engine("albert-f32", "albert f32", "albert", "f32", "f32.alb", ()),
    Engine("albert-int8", "albert int8", "albert", "int8", "int8.alb", ()),
    Engine("ort-f32", "ONNX Runtime f32", "ort", "f32", "ort-f32.onnx", ORT),
    Engine("ort-int8", "ONNX Runtime int8", "ort", "int8", "ort-int8.onnx", ORT),
    Engine("openvino-f32", "OpenVINO f32", "openvino", "f32", "openvino-f32.xml", OPENVINO),
    Engine("openvino-bf16", "OpenVINO bf16", "openvino", "bf16", "openvino-f32.xml", OPENVINO),
    Engine("openvino-int8", "OpenVINO int8", "openvino", "int8", "openvino-int8.xml", OPENVINO),
    Engine("ct2-f32", "CTranslate2 f32", "ct2", "f32", "ct2-f32", CT2),
    Engine("ct2-int8", "CTranslate2 int8", "ct2", "int8", "ct2-int8", CT2),
    Engine("llama-f32", "llama.cpp f32", "llama", "f32", "f32.gguf", LLAMA),
    Engine("llama-int8", "llama.cpp Q8_0", "llama", "int8", "int8.gguf", LLAMA),
    Engine("torch-f32", "PyTorch f32", "torch", "f32", "source", TORCH),
    Engine("torch-int8", "PyTorch int8", "torch", "int8", "source", TORCH),
)

# The package whose version stands in the table.
VERSION_OF = {"ort": "onnxruntime", "openvino": "openvino", "ct2": "ctranslate2", "llama": "llama-cpp-python", "torch": "torch"}
OURS = "albert"
BATCH = 32  # the peers sort texts by length and take so many at once
