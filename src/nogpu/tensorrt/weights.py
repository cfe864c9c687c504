"""Weights: numbers that a network's layers hold, given as NumPy arrays or as an address."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.enumerations import DataType
from nogpu.tensorrt.native import Native

HALF_BYTES = (DataType.INT4, DataType.FP4)


class Weights(Native):
    """A flat list of numbers of one type. Made of an array, of (type, address, count), or empty."""

    def __init__(self, type: Any = DataType.FLOAT, ptr: int = 0, count: int = 0, *, a: Any = None) -> None:
        array = type if isinstance(type, np.ndarray) else a
        if array is not None:
            self._array = np.ascontiguousarray(array)
            self._type = datatypes.from_numpy(self._array.dtype)
        elif isinstance(type, DataType):
            self._type = type
            self._array = _read(int(ptr), int(count), type)
        else:
            raise TypeError(f"Weights are made of a numpy array or of a tensorrt.DataType, not {type!r}")

    @property
    def dtype(self) -> DataType:
        """The type of the numbers."""
        return self._type

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(self._array.size)

    @property
    def nbytes(self) -> int:
        """How many bytes they take: two of 4 bits share one."""
        return (self.size + 1) // 2 if self._type in HALF_BYTES else int(self._array.nbytes)

    def numpy(self) -> np.ndarray:
        """Return the numbers as a flat array."""
        return self._array.reshape(-1)

    def __len__(self) -> int:
        return self.size


def _read(address: int, count: int, kind: DataType) -> np.ndarray:
    """Return `count` numbers that lie at an address; of 4 bits, the first of two is the lower half of their byte."""
    stored = datatypes.storage(kind)
    if not count:
        return np.empty(0, stored)
    if kind not in HALF_BYTES:
        return np.frombuffer(memoryview((ctypes.c_char * (count * stored.itemsize)).from_address(address)), stored)
    packed = np.frombuffer(memoryview((ctypes.c_char * ((count + 1) // 2)).from_address(address)), np.uint8)
    halves = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)[:count]
    return halves.view(stored) if kind == DataType.FP4 else halves.astype(np.int8).astype(stored)


def as_weights(given: Any, like: DataType = DataType.FLOAT) -> Weights:
    """Return `given` (Weights, an array, None for no numbers) as Weights. Raises TypeError for other things."""
    if given is None:
        return Weights(like)
    if isinstance(given, Weights):
        return given
    if hasattr(given, "detach"):
        raise TypeError("weights are numpy arrays: call .detach().cpu().numpy() on the torch tensor")
    if not isinstance(given, (np.ndarray, np.generic)):
        kind = type(given).__name__
        raise TypeError(f"weights are numpy arrays or trt.Weights, not {kind}: write np.array(..., np.float32)")
    return Weights(np.asarray(given))
