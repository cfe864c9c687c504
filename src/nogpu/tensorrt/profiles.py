"""Optimization profiles: for each dynamic input the smallest, the most usual and the largest shape.

A profile belongs to no network until the build, so only its own consistency is known here; the rest is in
`network_checks`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.native import Made

Triple = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # minimum, optimum, maximum


class IOptimizationProfile(Made):
    """One profile, made by `builder.create_optimization_profile()`."""

    def _begin(self) -> None:
        self._shapes: dict[str, Triple] = {}
        self._values: dict[str, Triple] = {}
        self._extra_memory_target = 1.0
        self._profile_stream = 0

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        """Set the three shapes of the input tensor of this name. Raises ValueError when they cannot be right."""
        three = (tuple(Dims(min)), tuple(Dims(opt)), tuple(Dims(max)))
        if any(size < 0 for shape in three for size in shape):
            raise ValueError(f"Profile shapes of {input} must be known, every dimension 0 or more: {three}")
        self._shapes[input] = three

    def get_shape(self, input: str) -> list[Dims]:
        """Return the three shapes; an empty list when they were not set."""
        return [Dims(shape) for shape in self._shapes.get(input, ())]

    def set_shape_input(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        """Set the three lists of values of a shape tensor."""
        self._values[input] = (_integers(min), _integers(opt), _integers(max))

    def get_shape_input(self, input: str) -> list[list[int]]:
        """Return the three lists of values; an empty list when they were not set."""
        return [list(values) for values in self._values.get(input, ())]

    @property
    def extra_memory_target(self) -> float:
        """How much of the memory that would be best this profile may take, 0 to 1: taken note of."""
        return self._extra_memory_target

    @extra_memory_target.setter
    def extra_memory_target(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"extra_memory_target lies between 0.0 and 1.0, not at {value}")
        self._extra_memory_target = float(value)

    @property
    def profile_stream(self) -> int:
        """The stream on which a GPU would measure this profile: taken note of."""
        return self._profile_stream

    @profile_stream.setter
    def profile_stream(self, handle: int) -> None:
        self._profile_stream = int(handle)

    def __bool__(self) -> bool:
        return not self._out_of_order()

    def _out_of_order(self) -> list[str]:
        """Return the names of inputs whose shapes are not min <= opt <= max."""
        wrong = []
        for name, (least, usual, most) in (self._shapes | self._values).items():
            sizes = zip(least, usual, most, strict=False)
            if not len(least) == len(usual) == len(most) or not all(a <= b <= c for a, b, c in sizes):
                wrong.append(name)
        return wrong

    def _copy(self) -> IOptimizationProfile:
        other: IOptimizationProfile = IOptimizationProfile._make()
        other._shapes, other._values = dict(self._shapes), dict(self._values)
        other._extra_memory_target, other._profile_stream = self._extra_memory_target, self._profile_stream
        return other


def _integers(values: Sequence[int]) -> tuple[int, ...]:
    return tuple(operator.index(value) for value in values)
