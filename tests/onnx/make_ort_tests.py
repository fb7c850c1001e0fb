#!/usr/bin/env python3
"""make_ort_tests.py OUT: node tests of com.microsoft operators, and of old forms of standard ones, as the ONNX project has them;
expected values are ONNX Runtime's. Needs onnx 1.16.2, onnxruntime 1.32 and numpy; what it wrote lies in tests/onnx/ort.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(7)


def floats(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def save(folder, kind, i, name, array):
    (folder / f"{kind}_{i}.pb").write_bytes(
        numpy_helper.from_array(np.ascontiguousarray(array), name).SerializeToString()
    )


def make(out, name, op, inputs, outputs=1, domain="com.microsoft", opset=17, **attributes):
    """inputs: arrays, None for one that is left out."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, domain=domain, **attributes)
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in zip(names, inputs)
        if n
    ]
    unknown = [onnx.ValueInfoProto(name=r) for r in results]
    graph = helper.make_graph([node], name, infos, unknown)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    )
    model.ir_version = 8
    feeds = {n: x for n, x in zip(names, inputs) if n}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run(None, feeds)
    del graph.output[:]
    graph.output.extend(
        helper.make_tensor_value_info(r, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for r, v in zip(results, values)
    )
    model.graph.CopyFrom(graph)
    folder = out / f"test_{name}" / "test_data_set_0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "model.onnx").write_bytes(model.SerializeToString())
    for i, (n, x) in enumerate(feeds.items()):
        save(folder, "input", i, n, x)
    for i, (n, v) in enumerate(zip(results, values)):
        save(folder, "output", i, n, v)


def int8(*shape, dtype=np.int8):
    low, high = (-128, 128) if dtype == np.int8 else (0, 256)
    return rng.integers(low, high, shape).astype(dtype)


def main(out):
    x, h = floats(2, 5, 8), 8
    make(out, "ms_gelu", "Gelu", [x])
    make(out, "ms_bias_gelu", "BiasGelu", [x, floats(h)])
    make(out, "ms_fast_gelu", "FastGelu", [x])
    make(out, "ms_fast_gelu_bias", "FastGelu", [x, floats(h)])
    make(out, "ms_quick_gelu", "QuickGelu", [x], alpha=1.5)
    make(out, "ms_skip_layer_norm", "SkipLayerNormalization", [x, floats(2, 5, 8), floats(h), floats(h)], epsilon=1e-5)
    make(
        out,
        "ms_skip_layer_norm_bias",
        "SkipLayerNormalization",
        [x, floats(2, 5, 8), floats(h), floats(h), floats(h)],
        epsilon=1e-5,
    )
    ids, segments = rng.integers(0, 20, (2, 5)).astype(np.int32), rng.integers(0, 2, (2, 5)).astype(np.int32)
    tables = [floats(20, h), floats(7, h), floats(2, h), floats(h), floats(h)]
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    make(out, "ms_embed_layer_norm", "EmbedLayerNormalization", [ids, segments, *tables, mask], 2, epsilon=1e-6)
    make(out, "ms_embed_layer_norm_sum", "EmbedLayerNormalization", [ids, segments, *tables], 3, epsilon=1e-6)
    no_segments = [ids, None, tables[0], tables[1], None, tables[3], tables[4]]
    make(out, "ms_embed_layer_norm_no_segments", "EmbedLayerNormalization", no_segments, 2)
    positions = np.array([[2, 3, 4, 5, 6]], np.int32)
    make(out, "ms_embed_layer_norm_positions", "EmbedLayerNormalization", [ids, segments, *tables, None, positions], 2)
    weights, bias = floats(h, 3 * h), floats(3 * h)
    make(out, "ms_attention", "Attention", [x, weights, bias], num_heads=2)
    make(out, "ms_attention_mask", "Attention", [x, weights, bias, mask], num_heads=2)
    make(out, "ms_attention_lengths", "Attention", [x, weights, bias, np.array([3, 5], np.int32)], num_heads=2)
    make(out, "ms_attention_causal", "Attention", [x, weights, bias], num_heads=4, unidirectional=1)
    make(out, "ms_attention_bias", "Attention", [x, weights, bias, None, None, floats(2, 2, 5, 5)], num_heads=2)
    make(
        out, "ms_attention_sizes", "Attention", [x, floats(h, 20), floats(20)], num_heads=2, qkv_hidden_sizes=[8, 8, 4]
    )
    make(out, "ms_attention_scale", "Attention", [x, weights, bias], num_heads=2, scale=0.25)
    q, k, v = floats(2, 5, 8), floats(2, 6, 8), floats(2, 6, 8)
    make(out, "ms_multi_head_attention", "MultiHeadAttention", [q, k, v], num_heads=2)
    make(out, "ms_multi_head_attention_bias", "MultiHeadAttention", [q, k, v, floats(24)], num_heads=2)
    keys = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], np.int32)
    make(out, "ms_multi_head_attention_mask", "MultiHeadAttention", [q, k, v, None, keys], num_heads=2)
    make(
        out,
        "ms_multi_head_attention_scores",
        "MultiHeadAttention",
        [q, k, v, None, None, floats(1, 2, 5, 6)],
        num_heads=2,
    )
    make(out, "ms_fused_matmul", "FusedMatMul", [floats(2, 3, 4), floats(2, 5, 4)], transB=1, alpha=0.5)
    make(out, "ms_fused_matmul_turned", "FusedMatMul", [floats(2, 4, 3), floats(4, 5)], transA=1)
    make(
        out,
        "ms_fused_matmul_batch",
        "FusedMatMul",
        [floats(3, 2, 4), floats(4, 2, 5)],
        transBatchA=1,
        transBatchB=1,
        transB=0,
    )
    make(out, "ms_transpose_matmul", "TransposeMatMul", [floats(3, 4), floats(5, 4)], transB=1)
    scale, zero = np.float32(0.02), np.array(130, np.uint8)
    make(
        out,
        "ms_matmul_integer_to_float",
        "MatMulIntegerToFloat",
        [int8(3, 8, dtype=np.uint8), int8(8, 4), np.array(scale), floats(4, scale=0.01), zero, int8(4), floats(4)],
    )
    make(
        out,
        "ms_matmul_integer_to_float_plain",
        "MatMulIntegerToFloat",
        [int8(2, 3, 8, dtype=np.uint8), int8(8, 4, dtype=np.uint8), np.array(scale), np.array(scale)],
    )
    make(
        out,
        "ms_dynamic_quantize_matmul",
        "DynamicQuantizeMatMul",
        [floats(2, 3, 8), int8(8, 4), np.array(scale), np.array(3, np.int8), floats(4)],
    )
    make(
        out,
        "ms_dynamic_quantize_matmul_columns",
        "DynamicQuantizeMatMul",
        [floats(3, 8), int8(8, 4), np.abs(floats(4))],
    )
    packed, scales = int8(6, 2, 8, dtype=np.uint8), floats(12)
    make(out, "ms_matmul_nbits", "MatMulNBits", [floats(3, 32), packed, scales], K=32, N=6, bits=4, block_size=16)
    make(
        out,
        "ms_matmul_nbits_zero",
        "MatMulNBits",
        [floats(3, 32), packed, scales, int8(6, dtype=np.uint8)],
        K=32,
        N=6,
        bits=4,
        block_size=16,
    )
    make(out, "ms_quantize_linear", "QuantizeLinear", [x, np.array(scale), zero])
    make(out, "ms_dequantize_linear", "DequantizeLinear", [int8(3, 4), np.abs(floats(4)), int8(4)], axis=1)
    make(
        out, "layer_norm_before_17", "LayerNormalization", [x, floats(h), floats(h)], domain="", opset=12, epsilon=1e-5
    )
    old_forms(out)


def old_forms(out):
    """Attributes that became inputs, axes that became single: what exporters before opset 13 wrote."""

    def old(name, op, inputs, opset, outputs=1, **attributes):
        make(out, f"old_{name}", op, inputs, outputs, domain="", opset=opset, **attributes)

    x = floats(2, 3, 4)
    for axis in (0, 1, 2, -1):
        old(f"softmax_{axis}".replace("-", "minus_"), "Softmax", [x], 11, axis=axis)
    old("softmax", "Softmax", [x], 11)
    old("log_softmax", "LogSoftmax", [x], 11, axis=1)
    old("slice", "Slice", [x], 9, starts=[0, 1], ends=[2, -1], axes=[0, 2])
    old("slice_no_axes", "Slice", [x], 9, starts=[1], ends=[1000])
    old("split", "Split", [x], 11, 2, axis=2, split=[1, 3])
    old("split_equal", "Split", [x], 11, 2, axis=2)
    old("squeeze", "Squeeze", [floats(1, 3, 1)], 11, axes=[0])
    old("unsqueeze", "Unsqueeze", [x], 11, axes=[0, 4])
    old("reduce_sum", "ReduceSum", [x], 11, axes=[1], keepdims=0)
    old("reduce_mean", "ReduceMean", [x], 17, axes=[-1])
    old("reduce_max", "ReduceMax", [x], 11)
    old("clip", "Clip", [x], 10, min=-0.5, max=0.5)
    old("clip_low", "Clip", [x], 10, min=0.0)
    old("dropout", "Dropout", [x], 10, ratio=0.5)
    old("dropout_7", "Dropout", [x], 7, ratio=0.5)
    old("gemm", "Gemm", [floats(3, 4), floats(5, 4), floats(5)], 9, transB=1, alpha=0.5, beta=2.0)
    old("flatten", "Flatten", [x], 9, axis=2)
    old("add_7", "Add", [x, floats(4)], 7)
    old("cast", "Cast", [x], 9, to=TensorProto.INT64)
    old("onehot", "OneHot", [np.array([0, -1, 2], np.int64), np.array(3, np.int64), np.array([0, 1], np.float32)], 9)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
