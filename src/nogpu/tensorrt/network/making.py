"""Layers that make tensors: constants, number sequences, one-hot vectors, indices of what is not zero, sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import DataType, FillOperation, InterpolationMode, LayerType, SampleMode
from nogpu.tensorrt.native import not_implemented
from nogpu.tensorrt.network.emission import Emission, shape_of
from nogpu.tensorrt.network.layer import ILayer, Numbers, Parameter, optional


class IConstantLayer(ILayer):
    """Numbers that do not change."""

    _kind, _word = LayerType.CONSTANT, "Constant"
    shape = Parameter(Dims, "The tensor's shape.")

    weights = Numbers("The numbers.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        expected = datatypes.volume(self._shape)
        if self._weights.size != expected:
            raise self._fail(f"constant weights has count {self._weights.size} but {expected} was expected")
        return [emission.constant(self._weights.numpy().reshape(tuple(self._shape)), role="weights")]


class IFillLayer(ILayer):
    """A tensor filled with evenly spaced or random numbers. `alpha`, `beta`: start and step, or the range."""

    _kind, _word = LayerType.FILL, "Fill"
    shape = Parameter(optional(Dims), "The tensor's shape.")
    operation = Parameter(FillOperation, "LINSPACE, RANDOM_UNIFORM or RANDOM_NORMAL.")
    alpha = Parameter(float, "Start, least value, or mean.")
    beta = Parameter(float, "Step, largest value, or standard deviation.")
    to_type = Parameter(DataType, "The element type.")

    def is_alpha_beta_int64(self) -> bool:
        """Say whether start and step are whole numbers of 64 bits."""
        return self._to_type == DataType.INT64

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        if any(value is not None for value in inputs):
            raise not_implemented("IFillLayer with inputs", "its shape, alpha and beta must be constants")
        shape, kind = tuple(self._shape), self._to_type
        if self._operation == FillOperation.LINSPACE:
            numbers = self._alpha + self._beta * np.arange(datatypes.volume(shape), dtype=np.float64)
            return [emission.op("Identity", emission.constant(numbers.reshape(shape), kind))]
        target = int(datatypes.to_onnx(kind))
        if self._operation == FillOperation.RANDOM_UNIFORM:
            return [emission.op("RandomUniform", low=self._alpha, high=self._beta, shape=list(shape), dtype=target)]
        return [emission.op("RandomNormal", mean=self._alpha, scale=self._beta, shape=list(shape), dtype=target)]


class IOneHotLayer(ILayer):
    """One-hot vectors along `axis` for the indices of the first input."""

    _kind, _word = LayerType.ONE_HOT, "OneHot"
    axis = Parameter(int, "Where the new dimension goes.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        indices, values, depth = inputs
        return [emission.op("OneHot", indices, depth, values, axis=self._axis)]


class INonZeroLayer(ILayer):
    """The indices of the elements that are not zero: one column each. How many is known only after a run."""

    _kind, _word = LayerType.NON_ZERO, "NonZero"
    indices_type = Parameter(DataType, "int32 or int64.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        found = emission.op("NonZero", inputs[0])
        if self._indices_type == DataType.INT64:
            return [found]
        return [emission.op("Cast", found, to=int(ir.DataType.INT32))]


class IGridSampleLayer(ILayer):
    """The image's values at the positions of the grid, -1 to 1."""

    _kind, _word = LayerType.GRID_SAMPLE, "GridSample"
    interpolation_mode = Parameter(InterpolationMode, "NEAREST, LINEAR or CUBIC.")
    align_corners = Parameter(bool, "Whether -1 and 1 are the middles of the corner pixels.")
    sample_mode = Parameter(SampleMode, "What lies outside: FILL, CLAMP or REFLECT.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        padding = {SampleMode.FILL: "zeros", SampleMode.CLAMP: "border", SampleMode.REFLECT: "reflection"}
        if self._sample_mode not in padding:
            raise self._fail(f"sample mode {self._sample_mode.name} is not supported")
        settings = {
            "mode": self._interpolation_mode.name.lower(),
            "padding_mode": padding[self._sample_mode],
            "align_corners": int(self._align_corners),
        }
        return [emission.op("GridSample", *inputs, **settings)]


class IReverseSequenceLayer(ILayer):
    """The first elements of each sequence in reverse order; the second input says how many."""

    _kind, _word = LayerType.REVERSE_SEQUENCE, "ReverseSequence"
    batch_axis = Parameter(int, "The dimension of the sequences.")
    sequence_axis = Parameter(int, "The dimension of the steps.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        lengths = inputs[1]
        if lengths.dtype != ir.DataType.INT64:
            lengths = emission.op("Cast", lengths, to=int(ir.DataType.INT64))
        axes = {"batch_axis": self._batch_axis, "time_axis": self._sequence_axis}
        if len(shape_of(lengths)) != 1:
            raise self._fail("sequence_lens must have one dimension")
        return [emission.op("ReverseSequence", inputs[0], lengths, **axes)]
