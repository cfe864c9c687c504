"""Host memory that the driver knows: page-locked, registered, aligned and managed arrays.

Only from and to page-locked memory are asynchronous copies asynchronous, as with CUDA; `page_locked` says which that
is. Each kind is a NumPy array whose base is one of PyCUDA's allocation objects.
"""

from __future__ import annotations

import bisect
import mmap
import threading
from typing import Any

import numpy as np

from . import contexts, watch
from .errors import Result, cuda_error
from .memory import DeviceAllocation


class AddressRanges:
    """Stretches of addresses."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._starts: list[int] = []
        self._ends: dict[int, int] = {}

    def add(self, start: int, size: int) -> None:
        with self._lock:
            if start not in self._ends:
                bisect.insort(self._starts, start)
            self._ends[start] = start + size

    def remove(self, start: int) -> None:
        with self._lock:
            if self._ends.pop(start, None) is not None:
                self._starts.remove(start)

    def ranges(self) -> list[tuple[int, int]]:
        """Return (start, end) of each."""
        with self._lock:
            return sorted(self._ends.items())

    def contain(self, start: int, size: int) -> bool:
        """Say whether one of them has the `size` bytes from `start` on."""
        with self._lock:
            index = bisect.bisect(self._starts, start) - 1
            return index >= 0 and start + size <= self._ends[self._starts[index]]


page_locked = AddressRanges()  # only from and to these are copies asynchronous


class _ArrayBase:
    """Something that NumPy arrays can lie over: they keep it as their base, and it keeps the memory."""

    _interface: dict[str, Any]

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._interface

    def _array(self, start: int, shape: tuple[int, ...], dtype: np.dtype, order: str) -> np.ndarray:
        self._interface = {
            "version": 3,
            "shape": shape,
            "strides": _strides(shape, dtype.itemsize, order),
            "typestr": dtype.str,
            "descr": dtype.descr,
            "data": (start, False),
        }
        return np.asarray(self)


class ManagedAllocation(_ArrayBase, DeviceAllocation):
    """Memory that kernels and Python share: the base of arrays from `managed_empty`."""

    def get_device_pointer(self) -> int:
        """Return the address, the same on both sides."""
        return int(self)

    def attach(self, mem_flags: int, stream: Any = None) -> None:
        """Do nothing: on a CPU both sides may always look."""

    def free(self) -> None:
        """Give the memory back; arrays over it must not be used any more."""
        page_locked.remove(int(self))
        super().free()


class HostPointer(_ArrayBase):
    """Host memory known to the driver."""

    def __init__(self, start: int, owner: Any, flags: int = 0) -> None:
        self._start: int | None = start
        self._owner, self._flags = owner, flags

    def get_device_pointer(self) -> int:
        """Return the address that kernels may use: the same as the host's."""
        if self._start is None:
            raise cuda_error("cuMemHostGetDevicePointer", Result.INVALID_HANDLE, "this memory was freed")
        return self._start

    def _release(self, routine: str) -> None:
        if self._start is None:
            raise cuda_error(routine, Result.INVALID_HANDLE, "this memory was freed before")
        page_locked.remove(self._start)
        self._start = None

    def __del__(self) -> None:
        if getattr(self, "_start", None) is not None and page_locked is not None:  # None when Python is at its end
            self._release("")


class PagelockedHostAllocation(HostPointer):
    """The base of arrays from `pagelocked_empty`."""

    def free(self) -> None:
        """Give the memory up. It goes when no array uses it any more."""
        self._release("pagelocked_host_allocation::free")

    def get_flags(self) -> int:
        """Return the `host_alloc_flags`."""
        return self._flags


class AlignedHostAllocation(HostPointer):
    """The base of arrays from `aligned_empty`."""

    def free(self) -> None:
        """Give the memory up. It goes when no array uses it any more."""
        self._release("aligned_host_allocation::free")


class RegisteredHostMemory(HostPointer):
    """The base of arrays from `register_host_memory`."""

    @property
    def base(self) -> Any:
        """Return the array that was registered."""
        return self._owner

    def unregister(self) -> None:
        """End the memory's being page-locked."""
        self._release("registered_host_memory::free")


HostAllocation = PagelockedHostAllocation


def pagelocked_empty(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
    """Return an array in page-locked memory: asynchronous copies from and to it are asynchronous indeed."""
    contexts.require("cuMemHostAlloc")
    wanted, kind = shape_of(shape), np.dtype(dtype)
    size = size_of(wanted, kind)
    memory = np.frombuffer(mmap.mmap(-1, max(size, 1)), np.uint8)
    start = memory.ctypes.data
    page_locked.add(start, size)
    return PagelockedHostAllocation(start, memory, mem_flags)._array(start, wanted, kind, order_of(order))


def aligned_empty(shape: Any, dtype: Any, order: str = "C", alignment: int = 4096) -> np.ndarray:
    """Return an array in host memory that starts at a multiple of `alignment` bytes, fit for `register_host_memory`."""
    wanted, kind = shape_of(shape), np.dtype(dtype)
    memory = np.empty(size_of(wanted, kind) + alignment, np.uint8)
    start = memory.ctypes.data + -memory.ctypes.data % alignment
    return AlignedHostAllocation(start, memory)._array(start, wanted, kind, order_of(order))


def managed_empty(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
    """Return an array in managed memory: Python and kernels use it in turn, without copies."""
    wanted, kind = shape_of(shape), np.dtype(dtype)
    size = size_of(wanted, kind)
    allocation = ManagedAllocation(max(size, 1))
    page_locked.add(int(allocation), size)
    watcher = watch.current()
    if watcher is not None:  # Python writes to it unseen
        watcher.written(int(allocation), size)
    return allocation._array(int(allocation), wanted, kind, order_of(order))


def register_host_memory(ary: np.ndarray, flags: int = 0) -> np.ndarray:
    """Return a view of `ary` whose memory counts as page-locked."""
    contexts.require("cuMemHostRegister")
    if not isinstance(ary, np.ndarray):
        raise cuda_error("register_host_memory", Result.INVALID_VALUE, "ary argument is not a numpy array")
    if not (ary.flags.c_contiguous or ary.flags.f_contiguous):
        raise cuda_error("register_host_memory", Result.INVALID_VALUE, "ary argument is not contiguous")
    start = ary.ctypes.data
    page_locked.add(start, ary.nbytes)
    order = "C" if ary.flags.c_contiguous else "F"
    return RegisteredHostMemory(start, ary, flags)._array(start, ary.shape, ary.dtype, order)


def shape_of(shape: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in shape) if np.iterable(shape) else (int(shape),)


def size_of(shape: tuple[int, ...], dtype: np.dtype) -> int:
    size = dtype.itemsize
    for n in shape:
        size *= n
    return size


def order_of(order: str) -> str:
    if order not in ("C", "F"):
        raise cuda_error("numpy_empty", Result.INVALID_VALUE, f"order is 'C' or 'F', not {order!r}")
    return order


def _strides(shape: tuple[int, ...], itemsize: int, order: str) -> tuple[int, ...]:
    strides, step = [], itemsize
    for n in reversed(shape) if order == "C" else shape:
        strides.append(step)
        step *= n
    return tuple(reversed(strides)) if order == "C" else tuple(strides)
