"""Quantize and dequantize: the explicit way to INT8. Scales are constants; the zero point is always 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.datatypes import FLOATING, volume, word
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import DataType, LayerType
from nogpu.tensorrt.network.emission import Emission, shape_of
from nogpu.tensorrt.network.layer import ILayer, Parameter, optional

_QUANTIZED = (DataType.INT8, DataType.FP8, DataType.INT4)


class _Scaled(ILayer):
    """What both share: the axis of the scales, the type that comes out."""

    axis = Parameter(int, "The dimension with one scale per element; -1: one scale for all.")
    to_type = Parameter(DataType, "The element type that comes out.")
    block_shape = Parameter(optional(Dims), "The shape of a block with one scale.")

    def _scale(self, emission: Emission, inputs: list[Any]) -> tuple[ir.Value, ir.Value, dict[str, Any]]:
        """Return the scale as ONNX wants it, a zero point of 0, and the axis attribute."""
        scale, count = inputs[1], volume(shape_of(inputs[1]))
        if count < 0:
            raise self._fail("the scale must have a known shape")
        axis: dict[str, Any] = {}
        if count == 1 and self._axis == -1:
            if shape_of(scale):
                scale = emission.op("Reshape", scale, emission.constant(np.empty(0, np.int64)))
        elif self._axis == -1:
            raise self._fail("ScaleMode is illegal.", 2, "API Usage Error")
        else:
            axis = {"axis": self._axis}
        kind = self._to_type if isinstance(self, IQuantizeLayer) else datatypes.from_onnx(inputs[0].dtype)
        zeros = np.zeros(() if not axis else (count,), datatypes.storage(kind))
        return scale, emission.constant(zeros), axis


class IQuantizeLayer(_Scaled):
    """round(x / scale), kept within the type's range; halves go to the even number."""

    _kind, _word = LayerType.QUANTIZE, "Quantize"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        kind = datatypes.from_onnx(inputs[0].dtype)
        if kind not in FLOATING:
            raise self._fail(f"input has type {word(kind)} but must have type Float, Half, or BFloat16.")
        if self._to_type not in _QUANTIZED:
            raise self._fail(f"output type {word(self._to_type)} is not a quantized type")
        scale, zero, axis = self._scale(emission, inputs)
        return [emission.op("QuantizeLinear", inputs[0], scale, zero, **axis)]


class IDequantizeLayer(_Scaled):
    """x * scale."""

    _kind, _word = LayerType.DEQUANTIZE, "Dequantize"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        kind = datatypes.from_onnx(inputs[0].dtype)
        if kind not in _QUANTIZED:
            raise self._fail(f"input has type {word(kind)} but must have type Int8, FP8, or Int4.")
        scale, zero, axis = self._scale(emission, inputs)
        value = emission.op("DequantizeLinear", inputs[0], scale, zero, **axis)
        wanted = datatypes.to_onnx(self._to_type)
        return [value if value.dtype == wanted else emission.op("Cast", value, to=int(wanted))]
