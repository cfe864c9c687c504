"""INT8 in integers: products between Q/DQ pairs on ONNX Runtime's 8-bit kernels, sums in 32-bit integers.

The graph of a plan has Q/DQ as TensorRT wants it: signed, symmetric. On x86, ONNX Runtime multiplies signed by signed
numbers twenty times slower than unsigned by signed ones (VNNI's instruction takes those), so when an engine is loaded,
activations become unsigned, with the zero point 128 in place of 0: the same integers 128 higher, saturated at the same
ends. CPUs without VNNI saturate sums of unsigned by signed products at 16 bits, which is wrong; `exact` tries it out,
and where it is so, weights become unsigned, too (that is summed in 32 bits everywhere).

What is not a product of an activation by constant weights, or has no Q/DQ pair, is computed on the dequantised numbers
in FP32. So is a convolution whose output is not quantised again: the products are exact there too, the sum as exact as
FP32 is. A bias is added in FP32 behind a matrix product, and as a 32-bit integer, in steps of the product of both
scales, in a convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnx import TensorProto, helper
from onnx_ir.passes import common

KERNELS = ("u8s8", "u8u8")  # activations by weights: unsigned by signed 8 bits, or both unsigned
MIDDLE = 128
CONTRIB = "com.microsoft"  # ONNX Runtime's own operators


def has_integers(graph: bytes) -> bool:
    """Say whether a serialized graph has Q/DQ at all."""
    return b"DequantizeLinear" in graph


def kernels() -> list[str]:
    """Return the kernels that compute exactly on this CPU."""
    return [kernel for kernel in KERNELS if exact(kernel)]


@lru_cache
def exact(kernel: str) -> bool:
    """Say whether this CPU multiplies such numbers without saturating on the way, by trying the largest ones."""
    kind, dtype = (TensorProto.INT8, np.int8) if kernel == "u8s8" else (TensorProto.UINT8, np.uint8)
    a, b = TensorProto.UINT8, kind
    values = [helper.make_tensor_value_info("a", a, ["m", 64]), helper.make_tensor_value_info("b", b, [64, 32])]
    result = helper.make_tensor_value_info("y", TensorProto.INT32, ["m", 32])
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "b"], ["y"])], "probe", values, [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    high = np.full((64, 32), np.iinfo(dtype).max, dtype)
    expected = 64 * 255 * int(high[0, 0])
    rows = (np.full((m, 64), 255, np.uint8) for m in (1, 8))
    return all((session.run(None, {"a": row, "b": high})[0] == expected).all() for row in rows)


def with_integer_kernels(graph: bytes, kernel: str) -> bytes:
    """Return the serialized graph with 8-bit kernels where it has Q/DQ around a product; as it is where it has none."""
    if not has_integers(graph):
        return graph
    model = ir.from_proto(onnx.load_model_from_string(graph))
    _shift_activations(model.graph)
    for node in list(model.graph):
        if node.op_type == "Conv":
            _convolve(model, node, kernel)
        elif node.op_type in ("Gemm", "MatMul"):
            _multiply(model, node, kernel)
    common.RemoveUnusedNodesPass()(model)
    return ir.to_proto(model).SerializeToString()


@dataclass(frozen=True)
class Dequantized:
    """What a DequantizeLinear reads."""

    value: ir.Value
    scale: np.ndarray  # () or (channels,) float32
    axis: int
    zero: int


def dequantized(value: ir.Value | None) -> Dequantized | None:
    """Return the 8-bit value and the constants behind a dequantised value; None where there are none of this form."""
    node = value.producer() if value is not None else None
    return _parameters(node) if node is not None and node.op_type == "DequantizeLinear" else None


def _parameters(node: ir.Node) -> Dequantized | None:
    """Return what a Q or DQ node is told, if its scale and zero point are constants, not in blocks."""
    scale = _constant(node.inputs[1])
    zero = _constant(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] is not None else np.zeros((), np.int8)
    if node.inputs[0] is None or scale is None or zero is None or scale.dtype != np.float32 or scale.ndim > 1:
        return None
    if "block_size" in node.attributes and node.attributes["block_size"].as_int():
        return None
    if not (zero == zero.flat[0]).all():
        return None
    axis = node.attributes["axis"].as_int() if "axis" in node.attributes else 1
    return Dequantized(node.inputs[0], scale.reshape(()) if scale.size == 1 else scale, axis, int(zero.flat[0]))


def _shift_activations(graph: ir.Graph) -> None:
    """Make activations unsigned: each Q to int8 with the zero point 0, and the DQs that read it."""
    for node in list(graph):
        if node.op_type != "QuantizeLinear" or node.outputs[0].dtype != ir.DataType.INT8:
            continue
        said, users = _parameters(node), [user for user, _ in node.outputs[0].uses()]
        if said is None or said.zero or said.scale.ndim or node.outputs[0].is_graph_output():
            continue
        if any(user.op_type != "DequantizeLinear" or _parameters(user) is None for user in users):
            continue
        if any(parameters.zero or parameters.scale.ndim for parameters in map(_parameters, users) if parameters):
            continue
        middle = constant(graph, "zero point 128", np.asarray(MIDDLE, np.uint8))
        for each in (node, *users):
            each.resize_inputs(3)
            each.replace_input_with(2, middle)
            each.attributes.pop("output_dtype", None)
        node.outputs[0].type = ir.TensorType(ir.DataType.UINT8)


def _convolve(model: ir.Model, node: ir.Node, kernel: str) -> None:
    """Put a QLinearConv in the place of DQ, Conv, perhaps Relu or Clip, and Q."""
    graph = model.graph
    x, weight = dequantized(node.inputs[0]), dequantized(node.inputs[1])
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    end = _sole_user(node.outputs[0])
    bounds = (-np.inf, np.inf)
    if end is not None and end.op_type in ("Relu", "Clip"):
        limits = _bounds(end)
        bounds, end = (limits, _sole_user(end.outputs[0])) if limits is not None else (bounds, None)
    if x is None or weight is None or end is None or end.op_type != "QuantizeLinear":
        return
    y, numbers, added = _parameters(end), _constant(weight.value), _constant(bias)
    if y is None or numbers is None or (bias is not None and added is None) or x.value.dtype != ir.DataType.UINT8:
        return
    if numbers.dtype != np.int8 or weight.zero or end.outputs[0].dtype != ir.DataType.UINT8 or y.scale.ndim:
        return
    if weight.scale.ndim and weight.axis != 0:
        return
    name = str(node.name)
    step = x.scale.astype(np.float64) * weight.scale
    inputs = [x.value, _scale(graph, x.scale), _zero(graph, x.zero), *_weights(graph, name, numbers, weight, kernel)]
    inputs += [_scale(graph, y.scale), _zero(graph, y.zero)]
    if added is not None:
        whole = np.clip(np.rint(added / step), -(2**31), 2**31 - 1).astype(np.int32)
        inputs.append(constant(graph, f"{name}.bias in steps", whole))
    made = ir.Node("", "QLinearConv", inputs, node.attributes.values(), name=name)
    made.outputs[0].type, made.outputs[0].shape = end.outputs[0].type, end.outputs[0].shape
    graph.insert_before(end, made)
    result = made.outputs[0]
    low, high = (np.clip(np.rint(limit / y.scale) + y.zero, 0, 255) for limit in bounds)
    if low > 0 or high < 255:
        ends = [constant(graph, f"level {int(each)}", np.asarray(each, np.uint8)) for each in (low, high)]
        clip = ir.node("Clip", [result, *ends], name=f"{name} clip")
        clip.outputs[0].type, clip.outputs[0].shape = end.outputs[0].type, end.outputs[0].shape
        graph.insert_before(end, clip)
        result = clip.outputs[0]
    end.outputs[0].replace_all_uses_with(result)


def _multiply(model: ir.Model, node: ir.Node, kernel: str) -> None:
    """Put ONNX Runtime's integer product with a float result in the place of DQ and a matrix product by weights."""
    graph = model.graph
    x, weight = dequantized(node.inputs[0]), dequantized(node.inputs[1])
    if x is None or weight is None or x.value.dtype != ir.DataType.UINT8:
        return
    numbers = _constant(weight.value)
    if numbers is None or numbers.dtype != np.int8 or numbers.ndim != 2 or weight.zero:
        return
    turned, bias = False, None
    if node.op_type == "Gemm":
        attributes = node.attributes
        if any(attributes[name].as_float() != 1 for name in ("alpha", "beta") if name in attributes):
            return
        if "transA" in attributes and attributes["transA"].as_int():
            return
        turned = "transB" in attributes and bool(attributes["transB"].as_int())
        bias = node.inputs[2] if len(node.inputs) > 2 else None
    if weight.scale.ndim and weight.axis % 2 != (0 if turned else 1):
        return
    columns = numbers.T if turned else numbers
    added = _constant(bias)
    if bias is not None and (added is None or added.ndim != 1 or len(added) != columns.shape[1]):
        return
    name = str(node.name)
    stored, scale, zero = _weights(graph, name, np.ascontiguousarray(columns), weight, kernel)
    inputs = [x.value, stored, _scale(graph, x.scale), scale, _zero(graph, x.zero), zero, bias]
    made = ir.node("MatMulIntegerToFloat", inputs, domain=CONTRIB, name=name)
    made.outputs[0].type, made.outputs[0].shape = node.outputs[0].type, node.outputs[0].shape
    model.opset_imports[CONTRIB] = 1
    graph.insert_before(node, made)
    output = node.outputs[0]
    made.outputs[0].name, output.name = output.name, f"{output.name} [dequantised]"
    output.replace_all_uses_with(made.outputs[0], replace_graph_outputs=True)


def _weights(
    graph: ir.Graph, name: str, numbers: np.ndarray, weight: Dequantized, kernel: str
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Return int8 weights as the kernel takes them: numbers, scale, zero point (as many as there are scales)."""
    if kernel == "u8u8":
        numbers = (numbers.astype(np.int16) + MIDDLE).astype(np.uint8)
    zeros = np.full(weight.scale.shape, MIDDLE if kernel == "u8u8" else 0, numbers.dtype)
    return (
        constant(graph, f"{name}.weight, {kernel}", numbers),
        constant(graph, f"{name}.weight scale", weight.scale),
        constant(graph, f"{name}.weight zero point", zeros),
    )


def _sole_user(value: ir.Value) -> ir.Node | None:
    users = [user for user, _ in value.uses()]
    return users[0] if len(users) == 1 and not value.is_graph_output() else None


def _bounds(node: ir.Node) -> tuple[float, float] | None:
    """Return the ends of a Relu or a Clip by constants."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    ends = []
    for place, default in ((1, -np.inf), (2, np.inf)):
        value = node.inputs[place] if len(node.inputs) > place else None
        number = np.asarray(default) if value is None else _constant(value)
        if number is None:
            return None
        ends.append(float(number))
    return ends[0], ends[1]


def _constant(value: ir.Value | None) -> np.ndarray | None:
    if value is None or value.const_value is None or not value.is_initializer():
        return None
    return value.const_value.numpy()


def _scale(graph: ir.Graph, scale: np.ndarray) -> ir.Value:
    return constant(graph, f"scale {float(scale)!r}", scale)


def _zero(graph: ir.Graph, zero: int) -> ir.Value:
    return constant(graph, f"zero point {zero}", np.asarray(zero, np.uint8))


def constant(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    """Return the graph's weight of this name; it is made where there is none."""
    if name not in graph.initializers:
        value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
        value.shape, value.type = ir.Shape(array.shape), ir.TensorType(ir.DataType.from_numpy(array.dtype))
        graph.register_initializer(value)
    return graph.initializers[name]


def fold_quantised_weights(model: ir.Model) -> None:
    """Quantise constant weights now, so that the plan has their 8 bits: FP32 -> Q becomes an int8 weight, in place."""
    for node in list(model.graph):
        if node.op_type != "QuantizeLinear" or node.outputs[0].dtype != ir.DataType.INT8:
            continue
        said, numbers = _parameters(node), _constant(node.inputs[0])
        if said is None or numbers is None or numbers.dtype != np.float32 or node.outputs[0].is_graph_output():
            continue
        stored = constant(model.graph, f"{said.value.name} [{node.name}]", _quantised(numbers, said))
        node.outputs[0].replace_all_uses_with(stored)
        model.graph.remove(node, safe=True)
    for name, weight in list(model.graph.initializers.items()):
        if not weight.uses() and not weight.is_graph_output():
            del model.graph.initializers[name]


def _quantised(numbers: np.ndarray, said: Dequantized) -> np.ndarray:
    shape = [1] * numbers.ndim
    if said.scale.ndim:
        shape[said.axis] = -1
    return np.clip(np.rint(numbers / said.scale.reshape(shape)) + said.zero, -128, 127).astype(np.int8)
