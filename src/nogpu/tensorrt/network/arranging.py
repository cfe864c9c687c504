"""Layers that move elements and compute nothing: shuffle, slice, gather, concatenation, resize, and the like."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.dims import Dims, Permutation, permutation_of
from nogpu.tensorrt.enumerations import (
    DataType,
    GatherMode,
    InterpolationMode,
    LayerType,
    ResizeCoordinateTransformation,
    ResizeRoundMode,
    ResizeSelector,
    SampleMode,
    ScatterMode,
)
from nogpu.tensorrt.native import not_implemented
from nogpu.tensorrt.network.emission import Emission, shape_of, sizes_of
from nogpu.tensorrt.network.layer import ILayer, Parameter, optional

IDENTITY = Permutation(range(8))


class IShuffleLayer(ILayer):
    """A transpose, then a new shape, then another transpose; each is optional. A second input is the new shape."""

    _kind, _word = LayerType.SHUFFLE, "Shuffle"
    first_transpose = Parameter(Permutation, "The order of dimensions before the reshape.")
    reshape_dims = Parameter(optional(Dims), "The new shape: -1 for what is left over, 0 for the same as before.")
    second_transpose = Parameter(Permutation, "The order of dimensions after the reshape.")
    zero_is_placeholder = Parameter(bool, "Whether 0 in the new shape means: the same as before.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        value = self._transpose(emission, inputs[0], self._first_transpose)
        keep = int(not self._zero_is_placeholder)
        if len(inputs) > 1 and inputs[1] is not None:
            value = emission.op("Reshape", value, emission.int64(inputs[1]), allowzero=keep)
        elif self._reshape_dims is not None:
            if sum(size == -1 for size in self._reshape_dims) > 1:
                text = f"reshape dimension with more than one -1 wildcard. Reshaping {list(shape_of(value))} to "
                raise self._fail(text + f"{list(self._reshape_dims)}.", 4, "Shape Error")
            value = emission.op("Reshape", value, emission.integers(*self._reshape_dims), allowzero=keep)
        value = self._transpose(emission, value, self._second_transpose)
        return [value if value is not inputs[0] else emission.op("Identity", value)]

    def _transpose(self, emission: Emission, value: Any, order: Any) -> Any:
        rank = len(shape_of(value))
        wanted = permutation_of(order, rank)
        if sorted(wanted) != list(range(rank)):
            raise self._fail(f"{list(wanted)} is no order of {rank} dimensions")
        return value if wanted == tuple(range(rank)) else emission.op("Transpose", value, perm=list(wanted))


class ISliceLayer(ILayer):
    """Elements from `start` on, `shape` many, `stride` apart; inputs 1 to 3 may give these at run time."""

    _kind, _word = LayerType.SLICE, "Slice"
    start = Parameter(optional(Dims), "The first index in each dimension.")
    shape = Parameter(optional(Dims), "How many elements in each dimension.")
    stride = Parameter(optional(Dims), "The distance between the elements in each dimension.")
    mode = Parameter(SampleMode, "What lies outside of the input.")
    axes = Parameter(optional(Dims), "The dimensions that the three are about; all where None.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        data = inputs[0]
        dynamic = [inputs[i] if i < len(inputs) else None for i in (1, 2, 3)]
        if any(value is not None for value in dynamic):
            return [self._at_run_time(emission, data, dynamic)]
        sizes = shape_of(data)
        axes = list(self._axes) if self._axes is not None else list(range(len(sizes)))
        starts, counts, strides = list(self._start), list(self._shape), list(self._stride)
        if not len(axes) == len(starts) == len(counts) == len(strides):
            raise self._fail("start, shape and stride must have one number for each dimension")
        if 0 in strides:  # one element again and again, which ONNX's Slice cannot
            return [self._by_index(emission, data, sizes, axes, starts, counts, strides)]
        if self._mode == SampleMode.STRICT_BOUNDS:
            self._check_bounds(sizes, axes, starts, counts, strides)
        else:
            return [self._beyond(emission, data, sizes, axes, starts, counts, strides)]
        ends = [self._end(a, n, s) for a, n, s in zip(starts, counts, strides, strict=True)]
        value = emission.op("Slice", data, *(emission.integers(*numbers) for numbers in (starts, ends, axes, strides)))
        made = sizes_of(value) or []
        for axis, count in zip(axes, counts, strict=True):
            made[axis] = count  # even where the input's size is not known: the layer promises it
        value.shape = ir.Shape(made)
        return [value]

    @staticmethod
    def _end(start: int, count: int, stride: int) -> int:
        last = start + (count - 1) * stride
        end = last + (1 if stride > 0 else -1) if count else start
        return end if end >= 0 else -(2**62)

    def _check_bounds(self, sizes: Any, axes: Any, starts: Any, counts: Any, strides: Any) -> None:
        for axis, start, count, stride in zip(axes, starts, counts, strides, strict=True):
            size, last = sizes[axis], start + (count - 1) * stride
            if size >= 0 and count and not (0 <= start < size and 0 <= last < size):
                raise self._fail(f"out of bounds slice, input dimensions = {list(sizes)}, start = {list(starts)}, "
                                 f"size = "
                                 f"{list(counts)}, stride = {list(strides)}.")  # fmt: skip

    def _at_run_time(self, emission: Emission, data: Any, dynamic: list[Any]) -> ir.Value:
        if self._mode != SampleMode.STRICT_BOUNDS:
            raise not_implemented(f"ISliceLayer with mode {self._mode.name} and run-time start, shape or stride")
        given = (self._start, self._shape, self._stride)
        start, count, stride = (
            emission.int64(value) if value is not None else emission.integers(*constant)
            for value, constant in zip(dynamic, given, strict=True)
        )
        end = emission.op("Add", start, emission.op("Mul", count, stride))
        # Backwards past the first element: to Slice, -1 would be the last one.
        before = emission.op("Less", end, emission.integers(0))
        end = emission.op("Where", before, emission.integers(-(2**62)), end)
        axes = list(self._axes) if self._axes is not None else list(range(len(shape_of(data))))
        return emission.op("Slice", data, start, end, emission.integers(*axes), stride)

    def _beyond(self, emission: Emission, data: Any, sizes: Any, axes: Any, *three: Any) -> ir.Value:
        if self._mode != SampleMode.FILL:
            return self._by_index(emission, data, sizes, axes, *three)
        filler = self._given(4)
        value = filler._value if filler is not None else None
        before, after = [0] * len(sizes), [0] * len(sizes)
        starts = list(three[0])
        for position, axis in enumerate(axes):
            size, start = sizes[axis], starts[position]
            if size < 0:
                raise not_implemented("ISliceLayer with mode FILL over a dynamic dimension")
            ends = (start, start + (three[1][position] - 1) * three[2][position])
            before[axis], after[axis] = max(0, -min(ends)), max(0, max(ends) - size + 1)
            starts[position] += before[axis]
        padded = emission.op("Pad", data, emission.integers(*before, *after), value, mode="constant")
        last = [self._end(a, n, s) for a, n, s in zip(starts, three[1], three[2], strict=True)]
        return emission.op("Slice", padded, *(emission.integers(*n) for n in (starts, last, axes, three[2])))

    def _by_index(
        self, emission: Emission, data: Any, sizes: Any, axes: Any, starts: Any, counts: Any, strides: Any
    ) -> ir.Value:
        for axis, start, count, stride in zip(axes, starts, counts, strides, strict=True):
            size = sizes[axis]
            if size < 0:
                raise not_implemented(f"ISliceLayer with mode {self._mode.name} over a dynamic dimension")
            index = start + stride * np.arange(count)
            if self._mode == SampleMode.WRAP:
                index %= size
            elif self._mode == SampleMode.REFLECT:
                period = max(2 * (size - 1), 1)
                index = np.abs((index + size - 1) % period - (size - 1))
            data = emission.op(
                "Gather", data, emission.constant(np.clip(index, 0, size - 1).astype(np.int64)), axis=axis
            )
        return data


class IGatherLayer(ILayer):
    """Elements of the first input at the indices of the second."""

    _kind, _word = LayerType.GATHER, "Gather"
    axis = Parameter(int, "The dimension that is indexed.")
    mode = Parameter(GatherMode, "DEFAULT, ELEMENT or ND.")
    num_elementwise_dims = Parameter(int, "How many leading dimensions go along.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        data, indices = inputs
        kind = datatypes.from_onnx(indices.dtype)
        if kind not in (DataType.INT32, DataType.INT64):
            raise self._fail(f"indices input has type {datatypes.word(kind)} but must have type Int64 or Int32.")
        if self._mode == GatherMode.ELEMENT:
            return [emission.op("GatherElements", data, indices, axis=self._axis)]
        if self._mode == GatherMode.ND:
            return [emission.op("GatherND", data, emission.int64(indices), batch_dims=self._num_elementwise_dims)]
        if self._num_elementwise_dims:
            return [self._along(emission, data, indices)]
        return [emission.op("Gather", data, indices, axis=self._axis)]

    def _along(self, emission: Emission, data: Any, indices: Any) -> ir.Value:
        """Return each leading element's own picks, by GatherND: the indexed dimension goes right behind those."""
        leading, rank, picked = self._num_elementwise_dims, len(shape_of(data)), len(shape_of(indices))
        axis = self._axis % rank
        if not leading <= axis or leading > picked:
            raise self._fail(f"axis {axis} must not be one of the {leading} leading dimensions that go along")
        others = [each for each in range(leading, rank) if each != axis]
        moved = emission.op("Transpose", data, perm=[*range(leading), axis, *others])
        lists = emission.op("Unsqueeze", emission.int64(indices), emission.integers(picked))
        found = emission.op("GatherND", moved, lists, batch_dims=leading)
        before = range(picked, picked + axis - leading)  # the dimensions between the leading ones and the indexed one
        order = [*range(leading), *before, *range(leading, picked), *range(before.stop, picked + rank - leading - 1)]
        return emission.op("Transpose", found, perm=order)


class IScatterLayer(ILayer):
    """The first input with the elements of the third put at the indices of the second."""

    _kind, _word = LayerType.SCATTER, "Scatter"
    axis = Parameter(int, "The dimension that is indexed, in mode ELEMENT.")
    mode = Parameter(ScatterMode, "ELEMENT or ND.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        data, indices, updates = inputs
        kind = datatypes.from_onnx(indices.dtype)
        if kind not in (DataType.INT32, DataType.INT64):
            raise self._fail(f"indices has type {datatypes.word(kind)} but must have type Int64 or Int32.")
        if self._mode == ScatterMode.ELEMENT:
            return [emission.op("ScatterElements", data, indices, updates, axis=self._axis)]
        return [emission.op("ScatterND", data, emission.int64(indices), updates)]


class IConcatenationLayer(ILayer):
    """Tensors one behind the other along `axis`."""

    _kind, _word = LayerType.CONCATENATION, "Concatenation"
    axis = Parameter(int, "The dimension along which the inputs are joined.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        kinds = [datatypes.from_onnx(value.dtype) for value in inputs]
        if len(set(kinds)) > 1:
            words = " and ".join(datatypes.word(kind) for kind in dict.fromkeys(kinds))
            raise self._fail(f"all concatenation inputs must have the same type, but they are of types {words}.")
        return [emission.op("Concat", *inputs, axis=self._axis)]


class IShapeLayer(ILayer):
    """The shape of the input, as a list of int64."""

    _kind, _word = LayerType.SHAPE, "Shape"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        return [emission.op("Shape", inputs[0])]


class ISqueezeLayer(ILayer):
    """Dimensions of size 1 taken away: those that the second input lists, or all."""

    _kind, _word = LayerType.SQUEEZE, "Squeeze"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        data, *axes = (value for value in inputs if value is not None)
        return [emission.op("Squeeze", data, *(emission.int64(value) for value in axes))]


class IUnsqueezeLayer(ILayer):
    """Dimensions of size 1 put in where the second input says."""

    _kind, _word = LayerType.UNSQUEEZE, "Unsqueeze"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        data, axes = inputs
        return [emission.op("Unsqueeze", data, emission.int64(axes))]


_MODES = {InterpolationMode.NEAREST: "nearest", InterpolationMode.LINEAR: "linear", InterpolationMode.CUBIC: "cubic"}
_COORDINATES = {
    ResizeCoordinateTransformation.ALIGN_CORNERS: "align_corners",
    ResizeCoordinateTransformation.ASYMMETRIC: "asymmetric",
    ResizeCoordinateTransformation.HALF_PIXEL: "half_pixel",
}
_ROUNDING = {
    ResizeRoundMode.HALF_UP: "round_prefer_ceil", ResizeRoundMode.HALF_DOWN: "round_prefer_floor",
    ResizeRoundMode.FLOOR: "floor", ResizeRoundMode.CEIL: "ceil",
}  # fmt: skip


class IResizeLayer(ILayer):
    """An image made larger or smaller: set `shape` or `scales`, or give the shape as second input."""

    _kind, _word = LayerType.RESIZE, "Resize"
    resize_mode = Parameter(InterpolationMode, "NEAREST, LINEAR or CUBIC.")
    coordinate_transformation = Parameter(ResizeCoordinateTransformation, "How coordinates correspond.")
    nearest_rounding = Parameter(ResizeRoundMode, "Which neighbour NEAREST takes.")
    selector_for_single_pixel = Parameter(ResizeSelector, "What is taken for an output of one pixel.")
    cubic_coeff = Parameter(float, "The coefficient of CUBIC.")
    exclude_outside = Parameter(bool, "Whether what lies outside has no weight.")

    _shape: Dims | None
    _scales: list[float]

    @property
    def shape(self) -> Dims | None:
        """The output's shape, or None."""
        return self._shape

    @shape.setter
    def shape(self, value: Any) -> None:
        self._shape, self._scales = Dims(value), []
        self._network._changed(self._number)

    @property
    def scales(self) -> list[float]:
        """The factor of each dimension, or an empty list."""
        return self._scales

    @scales.setter
    def scales(self, value: Any) -> None:
        self._scales, self._shape = [float(factor) for factor in value], None
        self._network._changed(self._number)

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        settings: dict[str, Any] = {
            "mode": _MODES[self._resize_mode],
            "coordinate_transformation_mode": _COORDINATES[self._coordinate_transformation],
        }
        if self._resize_mode == InterpolationMode.NEAREST:
            settings["nearest_mode"] = _ROUNDING[self._nearest_rounding]
        if self._resize_mode == InterpolationMode.CUBIC:
            settings |= {"cubic_coeff_a": self._cubic_coeff, "exclude_outside": int(self._exclude_outside)}
        if self._resize_mode == InterpolationMode.LINEAR and self._exclude_outside:
            raise not_implemented("IResizeLayer.exclude_outside with resize_mode LINEAR")
        size = emission.int64(inputs[1]) if len(inputs) > 1 and inputs[1] is not None else None
        if size is None and self._shape is not None:
            size = emission.integers(*self._shape)
        if size is not None:
            return [emission.op("Resize", inputs[0], None, None, size, **settings)]
        if not self._scales:
            return [emission.op("Identity", inputs[0])]
        return [
            emission.op("Resize", inputs[0], None, emission.constant(np.array(self._scales, np.float32)), **settings)
        ]
