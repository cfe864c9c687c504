"""Shapes as the bindings have them: sequences of at most eight numbers, -1 where a dimension is not known yet."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from nogpu.tensorrt.native import Native

UNKNOWN = -1


class Dims(Native):
    """A shape. Compares equal to lists and tuples; may be indexed and sliced as they are."""

    MAX_DIMS: ClassVar[int] = 8
    __hash__ = None  # type: ignore[assignment]  # as the bindings: it can be changed

    def __init__(self, shape: Iterable[int] = ()) -> None:
        try:
            self._sizes = [operator.index(size) for size in shape]
        except TypeError:
            raise TypeError(f"{type(self).__name__}: a shape is a sequence of whole numbers, not {shape!r}") from None
        if len(self._sizes) > self.MAX_DIMS:
            raise ValueError(f"Input length {len(self._sizes)}. Max expected length is {self.MAX_DIMS}")

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self._sizes[index])
        try:
            return self._sizes[index]
        except IndexError:
            raise IndexError("Out of bounds") from None

    def __setitem__(self, index: Any, value: Any) -> None:
        self._sizes[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self._sizes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Dims, list, tuple)):
            return NotImplemented
        return self._sizes == list(other)

    def __repr__(self) -> str:
        return str(tuple(self._sizes))


class _Fixed(Dims):
    """A shape of a fixed number of dimensions, given one by one or as a sequence."""

    _count = 0

    def __init__(self, *dimensions: Any) -> None:
        shape = dimensions[0] if len(dimensions) == 1 else dimensions or (0,) * self._count
        super().__init__(shape)
        if len(self) != self._count:
            raise TypeError(f"{type(self).__name__} has {self._count} dimensions, {len(self)} were given")


class Dims2(_Fixed):
    """Two dimensions."""

    _count = 2

    def __init__(self, dim0: Any = 0, dim1: Any = None) -> None:
        super().__init__(*_given(dim0, dim1))


class DimsHW(Dims2):
    """Height and width."""

    def __init__(self, h: Any = 0, w: Any = None) -> None:
        super().__init__(h, w)

    @property
    def h(self) -> int:
        """The first dimension."""
        return self._sizes[0]

    @h.setter
    def h(self, value: int) -> None:
        self._sizes[0] = value

    @property
    def w(self) -> int:
        """The second dimension."""
        return self._sizes[1]

    @w.setter
    def w(self, value: int) -> None:
        self._sizes[1] = value


class Dims3(_Fixed):
    """Three dimensions."""

    _count = 3

    def __init__(self, dim0: Any = 0, dim1: Any = None, dim2: Any = None) -> None:
        super().__init__(*_given(dim0, dim1, dim2))


class Dims4(_Fixed):
    """Four dimensions."""

    _count = 4

    def __init__(self, dim0: Any = 0, dim1: Any = None, dim2: Any = None, dim3: Any = None) -> None:
        super().__init__(*_given(dim0, dim1, dim2, dim3))


class Permutation(Native):
    """An order of dimensions, for a shuffle's transposes. Always eight numbers long, as the real one; the rest is 0."""

    def __init__(self, order: Iterable[int] = ()) -> None:
        given = [operator.index(axis) for axis in order]
        if len(given) > Dims.MAX_DIMS:
            raise ValueError(f"Invalid length {len(given)}. Max expected length is {Dims.MAX_DIMS}")
        self._given = given
        self._order = given + [0] * (Dims.MAX_DIMS - len(given))

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> int:
        return self._order[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Permutation, list, tuple)) and self._order == Permutation(other)._order

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return str(tuple(self._order))


def _given(*dimensions: Any) -> tuple[Any, ...]:
    if all(size is None for size in dimensions[1:]):
        return (dimensions[0],) if not isinstance(dimensions[0], int) else (dimensions[0],) * len(dimensions)
    return dimensions


def permutation_of(order: Any, rank: int) -> tuple[int, ...]:
    """Return the first `rank` entries of a permutation; the identity when none was given."""
    if order is None or (isinstance(order, Permutation) and not order._given):
        return tuple(range(rank))
    return tuple(Permutation(order))[:rank]
