"""Element types: TensorRT's beside NumPy's and ONNX's, their sizes, and how messages call them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.enumerations import DataType

float32 = DataType.FLOAT
float16 = DataType.HALF
bfloat16 = DataType.BF16
int8 = DataType.INT8
int32 = DataType.INT32
int64 = DataType.INT64
bool_ = DataType.BOOL
uint8 = DataType.UINT8
fp8 = DataType.FP8
int4 = DataType.INT4
fp4 = DataType.FP4
e8m0 = DataType.E8M0

_NUMPY = {
    float32: np.float32, float16: np.float16, int8: np.int8, int32: np.int32, int64: np.int64, bool_: np.bool_,
    uint8: np.uint8,
}  # fmt: skip
_ONNX = {
    float32: ir.DataType.FLOAT, float16: ir.DataType.FLOAT16, bfloat16: ir.DataType.BFLOAT16, int8: ir.DataType.INT8,
    int32: ir.DataType.INT32, int64: ir.DataType.INT64, bool_: ir.DataType.BOOL, uint8: ir.DataType.UINT8,
    fp8: ir.DataType.FLOAT8E4M3FN, int4: ir.DataType.INT4, fp4: ir.DataType.FLOAT4E2M1,
}  # fmt: skip
_FROM_ONNX = {theirs: ours for ours, theirs in _ONNX.items()}
_WORDS = {
    float32: "Float", float16: "Half", bfloat16: "BFloat16", int8: "Int8", int32: "Int32", int64: "Int64",
    bool_: "Bool", uint8: "UInt8", fp8: "FP8", int4: "Int4", fp4: "FP4", DataType.E8M0: "E8M0",
}  # fmt: skip
FLOATING = (float32, float16, bfloat16)


def nptype(trt_type: DataType) -> Any:
    """Return NumPy's type for a TensorRT type. Raises TypeError where NumPy has none (bfloat16, fp8, …)."""
    if trt_type in _NUMPY:
        return _NUMPY[trt_type]
    raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")


def storage(kind: DataType) -> np.dtype[Any]:
    """Return the NumPy type that holds such elements in memory: for bfloat16 and fp8 the one of ml_dtypes."""
    if kind in _NUMPY:
        return np.dtype(_NUMPY[kind])
    return np.dtype(to_onnx(kind).numpy())


def to_onnx(kind: DataType) -> ir.DataType:
    """Return ONNX's type. Raises TypeError where it has none."""
    if not isinstance(kind, DataType):
        raise TypeError(f"an element type is a trt.DataType such as trt.float32, not {kind!r}")
    if kind not in _ONNX:
        raise TypeError(f"ONNX has no element type for {kind}")
    return _ONNX[kind]


def from_onnx(kind: ir.DataType) -> DataType:
    """Return TensorRT's type for one of ONNX's. Raises TypeError for a type that TensorRT does not have."""
    if kind not in _FROM_ONNX:
        raise TypeError(f"TensorRT has no element type for ONNX's {kind.name}")
    return _FROM_ONNX[kind]


def from_numpy(kind: np.dtype[Any]) -> DataType:
    """Return TensorRT's type for one of NumPy's. Raises TypeError for a type that TensorRT does not have."""
    for ours, theirs in _NUMPY.items():
        if np.dtype(theirs) == kind:
            return ours
    try:
        return from_onnx(ir.DataType.from_numpy(kind))
    except TypeError:
        cure = ": use .astype(np.float32)" if kind == np.float64 else ""
        raise TypeError(f"Could not convert NumPy datatype to TensorRT datatype: {kind}{cure}") from None


def word(kind: DataType) -> str:
    """Return the type as NVIDIA's messages write it: "Float"."""
    return _WORDS[kind]


def volume(iterable: Iterable[int]) -> int:
    """Return the product of the numbers, the count of a shape's elements; 1 for an empty shape."""
    product = 1
    for size in iterable:
        product *= size
    return product
