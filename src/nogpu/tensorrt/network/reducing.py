"""Layers that combine elements along dimensions: matrix products, sums, softmax, top-k, normalizations."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.datatypes import FLOATING, word
from nogpu.tensorrt.enumerations import (
    CumulativeOperation,
    DataType,
    LayerType,
    MatrixOperation,
    ReduceOperation,
    TopKOperation,
)
from nogpu.tensorrt.network.emission import Emission, shape_of
from nogpu.tensorrt.network.layer import ILayer, Parameter

MAX_TOPK_K = 3840
_REDUCE = {
    ReduceOperation.SUM: "ReduceSum", ReduceOperation.PROD: "ReduceProd", ReduceOperation.MAX: "ReduceMax",
    ReduceOperation.MIN: "ReduceMin", ReduceOperation.AVG: "ReduceMean",
}  # fmt: skip


def axes_of(mask: int) -> list[int]:
    """Return the positions of the bits that are set: TensorRT writes a set of dimensions as a bit mask."""
    return [axis for axis in range(int(mask).bit_length()) if mask >> axis & 1]


class IMatrixMultiplyLayer(ILayer):
    """The matrix product over the last two dimensions; `op0` and `op1` transpose, or make a vector of, an input."""

    _kind, _word = LayerType.MATRIX_MULTIPLY, "Matrix Multiply"
    op0 = Parameter(MatrixOperation, "What is done with the first input.")
    op1 = Parameter(MatrixOperation, "What is done with the second input.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        kinds = [datatypes.from_onnx(value.dtype) for value in inputs]
        if kinds[0] != kinds[1]:
            raise self._fail(f"inputs must have the same type, but are of types {word(kinds[0])} and {word(kinds[1])}.")
        vectors = [op == MatrixOperation.VECTOR for op in (self._op0, self._op1)]
        ranks = [len(shape_of(value)) + vector for value, vector in zip(inputs, vectors, strict=True)]
        if ranks[0] != ranks[1]:
            raise self._fail(f"inputs must have the same number of dimensions, but have {ranks[0]} and {ranks[1]}.")
        left = self._matrix(emission, inputs[0], self._op0, -2)
        right = self._matrix(emission, inputs[1], self._op1, -1)
        product = emission.op("MatMul", left, right)
        single = [axis for axis, vector in zip((-2, -1), vectors, strict=True) if vector]
        return [emission.op("Squeeze", product, emission.integers(*single)) if single else product]

    @staticmethod
    def _matrix(emission: Emission, value: Any, operation: MatrixOperation, axis: int) -> Any:
        if operation == MatrixOperation.VECTOR:
            return emission.op("Unsqueeze", value, emission.integers(axis))
        if operation == MatrixOperation.TRANSPOSE:
            rank = len(shape_of(value))
            return emission.op("Transpose", value, perm=[*range(rank - 2), rank - 1, rank - 2])
        return value


class IReduceLayer(ILayer):
    """Sum, product, extreme or mean over the dimensions in the bit mask `axes`."""

    _kind, _word = LayerType.REDUCE, "Reduce"
    op = Parameter(ReduceOperation, "Which operation.")
    axes = Parameter(int, "The dimensions that go, as bits.")
    keep_dims = Parameter(bool, "Whether they stay as dimensions of size 1.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        axes, rank = axes_of(self._axes), len(shape_of(inputs[0]))
        if not axes:
            raise self._fail("no dimensions to be reduced", 3)
        if axes[-1] >= rank:
            text = f"invalid reduction dimension {axes[-1]} specified in reduceAxes for {rank} dimensional input"
            raise self._fail(text)
        if self._op not in _REDUCE:
            raise self._fail(f"{self._op.name} is no reduction")
        return [emission.op(_REDUCE[self._op], inputs[0], emission.integers(*axes), keepdims=int(self._keep_dims))]


class ISoftMaxLayer(ILayer):
    """Softmax along the one dimension in the bit mask `axes`."""

    _kind, _word = LayerType.SOFTMAX, "Softmax"

    @property
    def axes(self) -> int:
        """The dimension, as a bit. By default that of the channel: the third from the end, or the first."""
        if self._axes is not None:
            return self._axes
        tensor = self._inputs[0]
        rank = len(tensor.shape) if tensor is not None else 0
        return 1 << self._default(rank)

    @axes.setter
    def axes(self, value: int) -> None:
        if len(axes_of(value)) != 1:
            text = "Parameter check failed, condition: isSingleDimension(axes)."
            self._network._reporter.error("ISoftMaxLayer::setAxes", 3, text)
            return
        self._axes = int(value)
        self._network._changed(self._number)

    @staticmethod
    def _default(rank: int) -> int:
        return max(0, rank - 3)

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        kind = datatypes.from_onnx(inputs[0].dtype)
        if kind not in FLOATING:
            raise self._fail(f"input has type {word(kind)} but must have type Float, Half, or BFloat16.")
        rank = len(shape_of(inputs[0]))
        axis = axes_of(self._axes)[0] if self._axes is not None else self._default(rank)
        return [emission.op("Softmax", inputs[0], axis=axis)]


class ITopKLayer(ILayer):
    """The k largest or smallest values along one dimension, and where they were."""

    _kind, _word, _output_count = LayerType.TOPK, "TopK", 2
    op = Parameter(TopKOperation, "MAX or MIN.")
    k = Parameter(int, "How many.")
    axes = Parameter(int, "The dimension, as a bit.")
    indices_type = Parameter(DataType, "int32 or int64.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        axes, shape = axes_of(self._axes), shape_of(inputs[0])
        if len(shape) < 2:
            raise self._fail("at least 2 dimensions are required for input.", 3)
        if len(axes) != 1 or axes[0] >= len(shape):
            raise self._fail("reduceAxes must have exactly one bit set, for a dimension of the input")
        size = shape[axes[0]]
        given = inputs[1] if len(inputs) > 1 else None
        if given is None and 0 <= size < self._k:
            raise self._fail(f"K of {self._k} not consistent with axis {axes[0]} of length {size}.")
        if given is None:
            count = emission.integers(self._k)
        else:
            count = emission.op("Reshape", emission.int64(given), emission.integers(1))
        largest = int(self._op == TopKOperation.MAX)
        values, indices = emission.ops("TopK", inputs[0], count, outputs=2, axis=axes[0], largest=largest, sorted=1)
        if self._indices_type != DataType.INT64:
            indices = emission.op("Cast", indices, to=int(ir.DataType.INT32))
        return [values, indices]


class INormalizationLayer(ILayer):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, over the dimensions in the mask `axes`, or per group."""

    _kind, _word = LayerType.NORMALIZATION, "Normalization"
    axes = Parameter(int, "The dimensions of mean and variance, as bits.")
    epsilon = Parameter(float, "What is added to the variance.")
    num_groups = Parameter(int, "How many groups the channels make; then `axes` is about the rest.")

    @property
    def is_v2(self) -> bool:
        """Whether the layer was added by add_normalization_v2."""
        return self._is_v2

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        x, scale, bias = inputs
        kind, rank = datatypes.from_onnx(x.dtype), len(shape_of(x))
        if kind not in FLOATING:
            raise self._fail(f"input has type {word(kind)} but must have type Float, Half, or BFloat16.")
        axes = axes_of(self._axes)
        if self._num_groups > 1:
            channels = shape_of(x)[1]
            if channels < 0:
                raise self._fail("the number of channels must be known")
            flat = [self._per_channel(emission, value, channels) for value in (scale, bias)]
            return [emission.op("GroupNormalization", x, *flat, num_groups=self._num_groups, epsilon=self._epsilon)]
        last = list(range(rank - len(axes), rank))
        if axes == last and all(len(shape_of(value)) <= len(axes) for value in (scale, bias)):
            return [emission.op("LayerNormalization", x, scale, bias, axis=axes[0], epsilon=self._epsilon)]
        where = emission.integers(*axes)
        off = emission.op("Sub", x, emission.op("ReduceMean", x, where, keepdims=1))
        variance = emission.op("ReduceMean", emission.op("Mul", off, off), where, keepdims=1)
        root = emission.op("Sqrt", emission.op("Add", variance, emission.constant(np.array(self._epsilon), kind)))
        return [emission.op("Add", emission.op("Mul", emission.op("Div", off, root), scale), bias)]

    def _per_channel(self, emission: Emission, value: ir.Value, channels: int) -> ir.Value:
        """Return scale or bias as a list for all channels; add_normalization takes one number per group."""
        wanted, given = channels if self._is_v2 else self._num_groups, shape_of(value)
        if len(given) < 2 or given[1] != wanted:
            raise self._fail(
                "For instance/group normalization, the scale is expected to match the output at the channel dimension "
                f"1 with size {wanted}, but has shape {list(given)}"
            )
        if self._is_v2:
            return emission.op("Reshape", value, emission.integers(-1))
        groups = emission.op("Reshape", value, emission.integers(self._num_groups, 1))
        spread = emission.op("Expand", groups, emission.integers(1, channels // self._num_groups))
        return emission.op("Reshape", spread, emission.integers(-1))


class IEinsumLayer(ILayer):
    """Products and sums by an equation: "ij,jk->ik"."""

    _kind, _word = LayerType.EINSUM, "Einsum"
    equation = Parameter(str, "The equation.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        return [emission.op("Einsum", *inputs, equation=self._equation)]


class ICumulativeLayer(ILayer):
    """Running sums along the dimension that the second input names."""

    _kind, _word = LayerType.CUMULATIVE, "Cumulative"
    op = Parameter(CumulativeOperation, "SUM.")
    exclusive = Parameter(bool, "Whether an element is left out of its own sum.")
    reverse = Parameter(bool, "Whether it goes from the end.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        settings = {"exclusive": int(self._exclusive), "reverse": int(self._reverse)}
        return [emission.op("CumSum", *inputs, **settings)]


class ILRNLayer(ILayer):
    """Local response normalization over neighbouring channels."""

    _kind, _word = LayerType.LRN, "LRN"
    window_size = Parameter(int, "How many channels.")
    alpha = Parameter(float, "The factor.")
    beta = Parameter(float, "The exponent.")
    k = Parameter(float, "What is added.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        settings = {"size": self._window_size, "alpha": self._alpha, "beta": self._beta, "bias": self._k}
        return [emission.op("LRN", inputs[0], **settings)]
