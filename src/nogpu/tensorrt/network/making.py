"""Layers that make tensors: constants, number sequences, one-hot vectors, indices of what is not zero, sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import DataType, FillOperation, InterpolationMode, LayerType, SampleMode
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


class _Number(Parameter):
    """A number, whole or not. A list changes nothing, as in TensorRT, which does not say so."""

    def __init__(self, doc: str) -> None:
        super().__init__(lambda value: int(value) if isinstance(value, int) else float(value), doc)

    def __set__(self, layer: Any, value: Any) -> None:
        if isinstance(value, Sequence):
            text = f"{layer.name}: alpha and beta are numbers: {value!r} changes nothing. Give several steps by "
            layer._network._reporter.warn(text + "set_input(2, tensor).")
        else:
            super().__set__(layer, value)


class IFillLayer(ILayer):
    """A tensor filled with evenly spaced or random numbers. `alpha`, `beta`: start and step, or the range.

    Inputs 0 to 2 may give shape, alpha and beta at run time; then LINSPACE has a step for each dimension.
    """

    _kind, _word = LayerType.FILL, "Fill"
    shape = Parameter(optional(Dims), "The tensor's shape.")
    operation = Parameter(FillOperation, "LINSPACE, RANDOM_UNIFORM or RANDOM_NORMAL.")
    alpha = _Number("Start, least value, or mean.")
    beta = _Number("Step, largest value, or standard deviation.")
    to_type = Parameter(DataType, "The element type.")

    def is_alpha_beta_int64(self) -> bool:
        """Say whether start and step are whole numbers of 64 bits."""
        return isinstance(self._alpha, int) or isinstance(self._beta, int)

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        if any(value is not None for value in inputs):
            return [self._at_run_time(emission, *inputs, *[None] * (3 - len(inputs)))]
        shape, kind = tuple(self._shape), self._to_type
        if self._operation == FillOperation.LINSPACE:
            numbers = self._alpha + self._beta * np.arange(datatypes.volume(shape), dtype=np.float64)
            return [emission.op("Identity", emission.constant(numbers.reshape(shape), kind))]
        target = int(datatypes.to_onnx(kind))
        if self._operation == FillOperation.RANDOM_UNIFORM:
            low, high = float(self._alpha), float(self._beta)
            return [emission.op("RandomUniform", low=low, high=high, shape=list(shape), dtype=target)]
        mean, scale = float(self._alpha), float(self._beta)
        return [emission.op("RandomNormal", mean=mean, scale=scale, shape=list(shape), dtype=target)]

    def _at_run_time(self, emission: Emission, shape: Any, alpha: Any, beta: Any) -> ir.Value:
        sizes = emission.integers(*self._shape) if shape is None else emission.int64(shape)
        alpha = emission.constant(np.array(self._alpha), self._to_type) if alpha is None else alpha
        beta = emission.constant(np.array(self._beta), self._to_type) if beta is None else beta
        if self._operation == FillOperation.LINSPACE:
            return self._sequence(emission, sizes, alpha, beta)
        filled = emission.op("Expand", emission.constant(np.zeros(()), self._to_type), sizes)
        if self._operation == FillOperation.RANDOM_NORMAL:
            return emission.op("Add", emission.op("Mul", emission.op("RandomNormalLike", filled), beta), alpha)
        width = emission.op("Sub", beta, alpha)
        return emission.op("Add", emission.op("Mul", emission.op("RandomUniformLike", filled), width), alpha)

    def _sequence(self, emission: Emission, sizes: Any, alpha: Any, steps: Any) -> ir.Value:
        """Return alpha + the sum over all dimensions of index * step."""
        rank, zero, one = shape_of(sizes)[0], *(emission.constant(np.array(n)) for n in (0, 1))
        if rank < 0 or (shape_of(steps) or (1,)) != (rank,):
            text = f"LINSPACE needs one step for each dimension: {rank} of them, and beta has the shape "
            raise self._fail(text + f"{list(shape_of(steps))}")
        total, kind = alpha, int(datatypes.to_onnx(self._to_type))
        for axis in range(rank):
            number = emission.constant(np.array(axis))
            index = emission.op("Range", zero, emission.op("Gather", sizes, number), one)
            step = emission.op("Gather", steps, number) if shape_of(steps) else steps
            part = emission.op("Mul", emission.op("Cast", index, to=kind), step)
            inner = emission.integers(*range(1, rank - axis)) if axis < rank - 1 else None
            total = emission.op("Add", total, part if inner is None else emission.op("Unsqueeze", part, inner))
        return total


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
        lengths = emission.int64(inputs[1])
        axes = {"batch_axis": self._batch_axis, "time_axis": self._sequence_axis}
        if len(shape_of(lengths)) != 1:
            raise self._fail("sequence_lens must have one dimension")
        return [emission.op("ReverseSequence", inputs[0], lengths, **axes)]
