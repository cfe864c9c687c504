"""Addresses that the user gives, made into arrays: device memory of the CUDA stand-in, or any memory of this process.

A GPU would fault on a wrong address, and so would this process; so an address is looked at first. Called by `context`.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import sys
from typing import Any

import numpy as np

_system = ctypes.CDLL(None, use_errno=True)
_system.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]


def device_bytes() -> int:
    """Return how much memory the device has: what the CUDA stand-in would offer."""
    from nogpu.cuda.arena import total_bytes

    return total_bytes()


def objection(address: int, size: int) -> str:
    """Say why `size` bytes at `address` cannot be used, or "" where they can."""
    if address <= 0:
        return "the address is 0"
    arena = sys.modules.get("nogpu.cuda.arena")
    device = getattr(arena, "_arena", None)
    if device is not None and device.base <= address < device.base + _reserved(device):
        found = device.allocation_of(address)
        if found is None:
            return f"{address:#x} is device memory that is not allocated (was it freed?)"
        left = found[0] + found[1] - address
        return f"{left} bytes are allocated there and {size} are needed" if left < size else ""
    if address % 4096 + size <= 4096 and _is_mapped(address, 1):
        return ""
    return "" if _is_mapped(address, max(size, 1)) else f"{address:#x} is no address of this process"


def view(address: int, shape: tuple[int, ...], kind: np.dtype[Any]) -> np.ndarray:
    """Return the memory at `address` as an array. Changes to the one are changes to the other."""
    count = int(np.prod(shape, dtype=np.int64))
    size = count * kind.itemsize
    if not size:
        return np.empty(shape, kind)
    return np.frombuffer(memoryview((ctypes.c_char * size).from_address(address)), kind, count).reshape(shape)


@functools.lru_cache(maxsize=1)
def _reserved(device: Any) -> int:
    """Return how many addresses the arena keeps apart for device memory: they never change."""
    with device._lock:
        ends = [start + size for start, size in device._sizes.items()]
        return max([*ends, *(start + size for start, size in device._taken.items())]) - device.base


def _is_mapped(address: int, size: int) -> bool:
    """Say whether the system has given this process these pages."""
    first = address // mmap.PAGESIZE * mmap.PAGESIZE
    pages = (address + size - first + mmap.PAGESIZE - 1) // mmap.PAGESIZE
    answer = ctypes.create_string_buffer(pages)
    return _system.mincore(first, pages * mmap.PAGESIZE, answer) == 0
