"""TF32: how Tensor Cores read FP32 numbers in convolutions and matrix products: FP32's range, 10 mantissa bits.

TensorRT allows itself TF32 from the start (BuilderFlag.TF32), and GPUs since Ampere have it. So has this emulation:
weights are rounded once, when the engine is built, other factors while it runs, by four cheap operations on their
bits. That costs 8 % of a ResNet-18's time and 17 % of a ResNet-50's on one thread: on a CPU, TF32 is a little slower
than FP32, as every emulated precision is. Sums are kept in FP32. Recurrent layers are computed in FP32, and so is a
model with one of rounding.ONLY_UP_TO_21.

To the nearest, ties away from zero: PTX's `cvt.rna.tf32.f32` (NVIDIA, PTX ISA, "cvt").
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

FACTORS = {"Conv": (0, 1), "ConvTranspose": (0, 1), "Gemm": (0, 1), "MatMul": (0, 1)}
HALF, KEPT = 0x1000, -0x2000  # half a step of the last bit that is kept; the bits that are
OPSET = 26  # the first with BitCast
DEQUANTIZED = "DequantizeLinear"  # a product of integers is INT8's affair


def round_factors(model: ir.Model) -> None:
    """Round both factors of every FP32 convolution and matrix product of the model, bodies included, in place."""
    done: dict[int, ir.Value] = {}
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        places = FACTORS.get(node.op_type, ())
        factors = [node.inputs[place] for place in places]
        if not factors or any(each is None or each.dtype != ir.DataType.FLOAT for each in factors):
            continue
        if all(_made_by(each, DEQUANTIZED) for each in factors):
            continue
        for place, value in zip(places, factors, strict=True):
            assert value is not None
            if id(value) not in done:
                done[id(value)] = _rounded(model, value)
            node.replace_input_with(place, done[id(value)])
    for name, weight in list(model.graph.initializers.items()):
        if not weight.uses() and not weight.is_graph_output():
            del model.graph.initializers[name]


def to_tf32(array: np.ndarray) -> np.ndarray:
    """Return float32 numbers rounded to 10 mantissa bits."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32) + np.uint32(HALF)
    bits &= np.uint32(0xFFFFE000)
    rounded = bits.view(np.float32)
    return np.where(np.isnan(array), array, rounded) if np.isnan(array).any() else rounded


def _made_by(value: ir.Value | None, kind: str) -> bool:
    producer = value.producer() if value is not None else None
    return producer is not None and producer.op_type == kind


def _rounded(model: ir.Model, value: ir.Value) -> ir.Value:
    """Return the value's rounded form: a weight that was rounded now, or what four nodes behind the value compute."""
    if value.const_value is not None and value.is_initializer():
        return _constant(model, f"{value.name} [TF32]", to_tf32(value.const_value.numpy()))
    producer = value.producer()
    graph = value.graph
    assert graph is not None
    bits = ir.node("BitCast", [value], {"to": int(ir.DataType.INT32)})
    up = ir.node("Add", [bits.outputs[0], _integer(model, HALF)])
    cut = ir.node("BitwiseAnd", [up.outputs[0], _integer(model, KEPT)])
    back = ir.node("BitCast", [cut.outputs[0]], {"to": int(ir.DataType.FLOAT)})
    nodes = (bits, up, cut, back)
    for number, node in enumerate(nodes):
        node.name = f"{value.name} to TF32, {number + 1} of 4"
        output = node.outputs[0]
        output.name, output.shape = node.name, value.shape
        output.type = ir.TensorType(ir.DataType.FLOAT if node is back else ir.DataType.INT32)
    first = next(iter(graph), None)
    if producer is not None:
        graph.insert_after(producer, nodes)
    elif first is not None:
        graph.insert_before(first, nodes)
    model.opset_imports[""] = max(model.opset_imports.get("", OPSET), OPSET)
    return back.outputs[0]


def _integer(model: ir.Model, number: int) -> ir.Value:
    return _constant(model, f"TF32 {number}", np.asarray(number, np.int32))


def _constant(model: ir.Model, name: str, array: np.ndarray) -> ir.Value:
    weights = model.graph.initializers
    if name not in weights:
        value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
        value.shape, value.type = ir.Shape(array.shape), ir.TensorType(ir.DataType.from_numpy(array.dtype))
        model.graph.register_initializer(value)
    return weights[name]
