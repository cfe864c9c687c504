"""Q/DQ: a convolution or product, the DequantizeLinears before it and the QuantizeLinear behind it are one layer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_optimizer import X, kinds, optimized, weights

import nogpu.tensorrt as trt

SCALES = "float s = {0.05}, float t = {0.02}, float u = {0.1}, int8 z = {0}"
QUANTIZED = f"""g (float[2,3,6,6] x) => (float[2,4,4,4] y) <{SCALES}>
    {{ qx = QuantizeLinear(x, s, z) dx = DequantizeLinear(qx, s, z)
       qw = QuantizeLinear(w, t, z) dw = DequantizeLinear(qw, t, z)
       c = Conv(dx, dw, b) r = Relu(c) qy = QuantizeLinear(r, u, z) y = DequantizeLinear(qy, u, z) }}"""
W = {"w": (4, 3, 3, 3), "b": (4,)}


def test_a_quantized_convolution_is_one_layer() -> None:
    result = optimized(QUANTIZED, weights(**W), x=X)
    assert [layer.name for layer in result.layers] == [
        "quantizelinear0",
        "w + quantizelinear2 + conv4 + relu5",
        "dequantizelinear7",
    ]
    middle = result.layers[1]
    assert middle.precision == "INT8" and middle.outputs[0]["dtype"] == "INT8"
    assert [each["name"] for each in middle.inputs] == ["qx"]
    assert sorted(middle.merged) == [
        "conv4", "dequantizelinear1", "dequantizelinear3", "quantizelinear2", "quantizelinear6", "relu5",
    ]  # fmt: skip


def test_quantised_weights_are_kept_as_bytes() -> None:
    result = optimized(QUANTIZED, weights(**W), x=X)
    kept = {value.name: value.const_value.numpy() for value in result.model.graph.initializers.values()}
    assert kept["w.int8"].dtype == np.int8 and "w" not in kept
    assert kinds(result).count("QuantizeLinear") == 2  # of the activations


@pytest.mark.parametrize(
    ("lead", "output"),
    [("Gemm(dx, dw, b)", "float[6,4]"), ("Gemm(dx, dw)", "float[6,4]"), ("MatMul(dx, dw)", "float[6,4]")],
)
def test_a_quantized_matrix_product_is_one_layer(lead: str, output: str) -> None:
    text = f"""g (float[6,6] x) => ({output} y) <{SCALES}>
        {{ qx = QuantizeLinear(x, s, z) dx = DequantizeLinear(qx, s, z)
           qw = QuantizeLinear(w, t, z) dw = DequantizeLinear(qw, t, z)
           c = {lead} qy = QuantizeLinear(c, u, z) y = DequantizeLinear(qy, u, z) }}"""
    result = optimized(text, weights(w=(6, 4), b=(4,)), x=X[0, 0])
    assert len(result.layers) == 3 and result.layers[1].precision == "INT8"


def test_a_residual_connection_between_quantized_convolutions() -> None:
    text = f"""g (float[2,3,6,6] x) => (float[2,3,6,6] y) <{SCALES}>
        {{ qx = QuantizeLinear(x, s, z) dx = DequantizeLinear(qx, s, z)
           qw = QuantizeLinear(w, t, z) dw = DequantizeLinear(qw, t, z)
           c = Conv<pads=[1,1,1,1]>(dx, dw) qc = QuantizeLinear(c, s, z) dc = DequantizeLinear(qc, s, z)
           e = Conv<pads=[1,1,1,1]>(dc, dw) a = Add(e, dx) r = Relu(a) qy = QuantizeLinear(r, u, z)
           y = DequantizeLinear(qy, u, z) }}"""
    result = optimized(text, weights(w=(3, 3, 3, 3)), x=X)
    names = [layer.name for layer in result.layers]
    assert names == [
        "quantizelinear0",
        "w + quantizelinear2 + conv4",
        "w + quantizelinear2 + conv7 + add8 + relu9",
        "dequantizelinear11",
    ]
    assert [each["name"] for each in result.layers[2].inputs] == ["qc", "qx"]


def test_each_reader_of_a_dequantized_tensor_has_a_copy() -> None:
    text = f"""g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[2,3,6,6] a) <{SCALES}>
        {{ qx = QuantizeLinear(x, s, z) dx = DequantizeLinear(qx, s, z)
           qw = QuantizeLinear(w, t, z) dw = DequantizeLinear(qw, t, z) y = Conv(dx, dw) a = Exp(dx) }}"""
    result = optimized(text, weights(w=(4, 3, 3, 3)), x=X)
    assert sorted(layer.type for layer in result.layers) == ["CaskConvolution", "Dequantize", "PointWiseV2", "Quantize"]
    assert [layer.precision for layer in result.layers if layer.type == "CaskConvolution"] == ["INT8"]


def test_weights_alone_do_not_make_a_layer_compute_in_int8() -> None:
    text = f"""g (float[2,3,6,6] x) => (float[2,4,4,4] y) <{SCALES}>
        {{ qw = QuantizeLinear(w, t, z) dw = DequantizeLinear(qw, t, z) y = Conv(x, dw) }}"""
    result = optimized(text, weights(w=(4, 3, 3, 3)), x=X)
    assert result.layers[-1].precision == "FLOAT"


def test_the_inspector_names_every_node_of_the_file() -> None:
    import onnx
    from onnx import parser

    model = parser.parse_model('<ir_version: 10, opset_import: ["": 22]> ' + QUANTIZED)
    model.graph.initializer.extend(weights(**W))
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    assert trt.OnnxParser(network, logger).parse(onnx.shape_inference.infer_shapes(model).SerializeToString())
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    engine = builder.build_engine_with_config(network, config)
    told = json.loads(engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON))
    words = [words for layer in told["Layers"] for words in layer["Metadata"].split("\x1e")]
    assert sorted(words) == sorted(f"[ONNX Layer: {node.name}]" for node in model.graph.node)
    assert told["Layers"][1]["Precision"] == "INT8"
