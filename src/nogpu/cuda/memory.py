"""Device memory as PyCUDA's objects: allocations that free themselves, and what else has a device address.

Addresses are real: a device pointer is an address of this process, in the arena of `arena.py`.
"""

from __future__ import annotations

import ctypes
import gc
import sys

from . import arena, contexts, runtime, streams, watch
from .arguments import python_int
from .errors import Result, cuda_error

PITCH = 512  # rows of mem_alloc_pitch start at multiples of this, as on today's GPUs


class Pointer:
    """Something with a device address: usable wherever CUDA wants a pointer."""

    def _address(self) -> int:
        raise NotImplementedError

    def __int__(self) -> int:
        return self._address()

    __index__ = __int__

    def as_buffer(self, size: int, offset: int = 0) -> ctypes.Array[ctypes.c_char]:
        """Return `size` bytes from `offset` on as a writable buffer."""
        return (ctypes.c_char * size).from_address(self._address() + offset)


class PointerHolderBase(Pointer):
    """Base for a learner's own classes that hold a device pointer: they define `get_pointer`."""

    def get_pointer(self) -> int:
        """Return the device address."""
        raise NotImplementedError("a subclass of PointerHolderBase defines get_pointer()")

    def _address(self) -> int:
        return int(self.get_pointer())


class DeviceAllocation(Pointer):
    """Bytes of device memory, freed with the object or by `free()`."""

    def __init__(self, size: int) -> None:
        self._start: int | None = None  # first, for __del__ runs even where this raises
        self._start = take(size, "cuMemAlloc")
        self._context = contexts.Context.get_current()

    def _address(self) -> int:
        if self._start is None:
            raise cuda_error("device_allocation", Result.INVALID_HANDLE, "this memory was freed")
        return self._start

    def free(self) -> None:
        """Give the memory back, once what was launched before is done. A second time is an error."""
        start, self._start = self._address_to_free(), None
        give_back(start)

    def _address_to_free(self) -> int:
        if self._start is None:
            error = cuda_error("device_allocation::free", Result.INVALID_HANDLE, "this memory was freed before")
            watcher = watch.current()
            raise error if watcher is None else watcher.freed_twice(error)
        return self._start

    def __del__(self) -> None:
        if getattr(self, "_start", None) is not None:
            self.free()


def take(size: int, routine: str) -> int:
    """Return the address of `size` new bytes. Raises MemoryError when there are not enough."""
    contexts.require(routine)
    size = int(size)
    if size <= 0:
        raise cuda_error(routine, Result.INVALID_VALUE, f"{size} bytes cannot be allocated")
    watcher = watch.current()
    for attempt in (1, 2):
        address = arena.arena().allocate(size) if size <= arena.free_bytes() else None
        if address is not None:
            if watcher is not None:
                watcher.allocated(address, size)
            return address
        if attempt == 1:
            gc.collect()  # arrays that only a reference cycle keeps
            if watcher is not None:
                watcher.empty_quarantine()
    wanted, free, total = (n / 2**20 for n in (size, arena.free_bytes(), arena.total_bytes()))
    raise cuda_error(routine, Result.OUT_OF_MEMORY, f"{wanted:.1f} MiB asked for, {free:.1f} of {total:.1f} MiB free")


def give_back(address: int) -> None:
    """Free `address`. As cuMemFree it waits first, for kernels may still use the memory."""
    if runtime.was_forked() or sys.is_finalizing():
        return
    streams.wait_all()
    watcher = watch.current()
    if watcher is not None:
        watcher.freed(address)
    else:
        arena.arena().free(address)


def mem_alloc(bytes: int) -> DeviceAllocation:
    """Return `bytes` bytes of device memory, not initialised."""
    return DeviceAllocation(python_int(bytes, "the number of bytes"))


def mem_alloc_pitch(width: int, height: int, access_size: int) -> tuple[DeviceAllocation, int]:
    """Return memory for `height` rows of `width` bytes, and the distance between rows in bytes."""
    if access_size not in (4, 8, 16):
        raise cuda_error("cuMemAllocPitch", Result.INVALID_VALUE, f"access_size is 4, 8 or 16, not {access_size}")
    pitch = -(-width // PITCH) * PITCH
    return DeviceAllocation(pitch * height), pitch


def mem_get_info() -> tuple[int, int]:
    """Return (free, total) bytes of device memory."""
    contexts.require("cuMemGetInfo")
    return arena.free_bytes(), arena.total_bytes()


def mem_get_address_range(pointer: int) -> tuple[int, int]:
    """Return (start, size) of the allocation that `pointer` lies in."""
    found = arena.arena().allocation_of(int(pointer))
    if found is None:
        raise cuda_error("cuMemGetAddressRange", Result.INVALID_VALUE, f"{int(pointer):#x} is not device memory")
    return found
