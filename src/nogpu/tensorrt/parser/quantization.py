"""QuantizeLinear and DequantizeLinear in the one form that TensorRT computes: symmetric, with a zero point of 0.

NVIDIA's parser takes a UINT8 or INT32 zero point of 0 for INT8 (with a warning), and quantises to INT8 where the file
says nothing; ONNX would say UINT8. Called by `importing`, `settle` before the node is checked, `check` afterwards.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.parser.layer_checks import Layer, volume
from nogpu.tensorrt.parser.operators import invalid_node
from nogpu.tensorrt.parser.opsets import Modernizer
from nogpu.tensorrt.parser.problems import unless
from nogpu.tensorrt.parser.static_checks import attribute

DataType = ir.DataType
OPERATORS = frozenset({"QuantizeLinear", "DequantizeLinear"})


def settle(node: ir.Node, modern: Modernizer) -> str:
    """Rewrite the node's zero point and scale where NVIDIA reads them otherwise than ONNX; return a warning or ""."""
    quantizes = node.op_type == "QuantizeLinear"
    scale = node.inputs[1] if len(node.inputs) > 1 else None
    zero = node.inputs[2] if len(node.inputs) > 2 else None
    numbers = scale.const_value if scale is not None else None
    data = node.inputs[0] if node.inputs else None
    floats = (DataType.FLOAT, DataType.FLOAT16)
    kind = data.dtype if data is not None else None
    if quantizes and numbers is not None and numbers.dtype in floats and kind in floats and numbers.dtype != kind:
        node.replace_input_with(1, modern.constant(node, "scale", numbers.numpy(), kind))
    if zero is None:
        if quantizes and not attribute(node, "output_dtype", 0) and numbers is not None:
            _put_zero(node, modern, numbers.numpy().shape)
        elif quantizes and not attribute(node, "output_dtype", 0):
            node.attributes["output_dtype"] = ir.AttrInt64("output_dtype", int(DataType.INT8))
        return ""
    held = zero.const_value
    if held is None or held.dtype not in (DataType.UINT8, DataType.INT32) or held.numpy().any():
        return ""
    if not quantizes and kind is not DataType.INT8:
        return ""  # stored as UINT8: refused later
    _put_zero(node, modern, held.numpy().shape)
    return (
        f"TensorRT supports QuantizeLinear/DequantizeLinear with {held.dtype.name} zero_point only on DLA. "
        "Defaulting to INT8 instead."
    )


def _put_zero(node: ir.Node, modern: Modernizer, shape: tuple[int, ...]) -> None:
    if len(node.inputs) < 3:
        node.resize_inputs(3)
    node.replace_input_with(2, modern.constant(node, "zero_point", np.zeros(shape, np.int8), DataType.INT8))


def check(layer: Layer) -> None:
    """Refuse what TensorRT does not quantise so; called after `settle`."""
    stored = _stored_type(layer)
    scale, shape = layer.weights(1), layer.shape(0)
    if stored is DataType.INT4 and layer.node.op_type == "DequantizeLinear" and all(isinstance(n, int) for n in shape):
        unless(
            volume(shape) % 2 == 0,
            "INVALID_NODE",
            "QuantDequantLinearHelper",
            "(inputSize % 2 == 0): 4-bit quantization requies an even number of elements.",
        )
    zero = layer.weights(2)
    if zero is not None and zero.dtype in (DataType.INT8, DataType.INT32, DataType.UINT8):
        unless(
            not zero.numpy().any(),
            "INVALID_NODE",
            "buildZeroPointTensor",
            "shiftIsAllZeros(zeroPoint): Non-zero zero point is not supported. Please set "
            "kENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA to enable asymmetric quantization if it is on DLA.",
        )
    if scale is not None and scale.dtype in (DataType.FLOAT, DataType.FLOAT16):
        unless(
            bool((scale.numpy() > 0).all()),
            "INVALID_NODE",
            "resolveScaleInput",
            "(scaleAllPositive || allowNegativeScale): Scale coefficients must all be positive",
        )
    if scale is not None and len(scale.shape) == 1 and not layer.attribute("block_size", 0):
        axis = layer.attribute("axis", 1)
        channels = shape[axis] if -len(shape) <= axis < len(shape) else None
        unless(
            scale.size in (1, channels) or not isinstance(channels, int),
            "INVALID_NODE",
            "validateScaleDimensions",
            "K == scaleSize: The number of scales is not equal to the number of output channels. "
            f"Number of output channels = {channels}, number of scales = {scale.size}.",
        )


def _stored_type(layer: Layer) -> DataType | None:
    """Return the type of the quantised side, if TensorRT has it."""
    small = (DataType.INT8, DataType.FLOAT8E4M3FN, DataType.INT4, DataType.FLOAT4E2M1)
    if layer.node.op_type == "DequantizeLinear":
        stored = layer.kinds[0]
        if stored is DataType.INT32:
            raise invalid_node(
                layer.name, f"{layer.name}: input has type Int32 but must have type FP8, FP4, Int4, Int8."
            )
        unless(
            stored in small,
            "UNSUPPORTED_NODE",
            "checkNotInvalidType",
            f"status.is_success(): Found unsupported input type of {stored.name if stored else ''}",
        )
        return stored
    written = layer.attribute("output_dtype", 0)
    stored = DataType(written) if written else layer.kinds[2] if layer.has(2) else DataType.INT8
    unless(
        stored in small or (stored is DataType.UINT8 and not written),
        "INVALID_NODE",
        "checkQuantizationDatatype",
        "dtype == DataType::kFP8 || dtype == DataType::kINT8 || dtype == DataType::kINT4 || dtype == DataType::kFP4: "
        f"{stored.name if stored else ''} is not a type to quantize to.",
    )
    return stored
