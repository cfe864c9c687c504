"""Memory pools: freed blocks are kept and handed out again, because asking the driver is slow on a GPU.

The bins are those of PyCUDA's documentation: sizes that share their leading bits share a bin. `bin_number` and
`alloc_size` show the rule.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from . import contexts
from .errors import MemoryError as CudaMemoryError
from .errors import Result, cuda_error
from .host_memory import PagelockedHostAllocation, order_of, pagelocked_empty, shape_of, size_of
from .memory import DeviceAllocation, Pointer

LEADING_BITS = 4  # of a size that name its bin, behind the first


def bitlog2(value: int) -> int:
    """Return the position of the highest bit that is set; 0 for 0."""
    return max(int(value).bit_length() - 1, 0)


def _shift(value: int, by: int) -> int:
    return value << by if by >= 0 else value >> -by


class _Pool:
    """Blocks by bins: those in use, and those held to be used again."""

    def __init__(self) -> None:
        self._held: dict[int, list[Any]] = {}
        self._holding = True
        self._lock = threading.RLock()
        self.active_blocks = self.active_bytes = self.managed_bytes = 0

    @property
    def held_blocks(self) -> int:
        """How many blocks wait to be used again."""
        return sum(len(blocks) for blocks in self._held.values())

    @staticmethod
    def bin_number(size: int) -> int:
        """Return the bin of blocks of `size` bytes."""
        exponent = bitlog2(size)
        return exponent << LEADING_BITS | _shift(size, LEADING_BITS - exponent) & (1 << LEADING_BITS) - 1

    @staticmethod
    def alloc_size(bin_number: int) -> int:
        """Return the bytes of the blocks in a bin: the largest size that belongs there."""
        shift = (bin_number >> LEADING_BITS) - LEADING_BITS
        head = _shift(1 << LEADING_BITS | bin_number & (1 << LEADING_BITS) - 1, shift)
        return head | max(_shift(1, shift) - 1, 0)

    def free_held(self) -> None:
        """Give all blocks that wait back to the driver."""
        with self._lock:
            for number, blocks in self._held.items():
                self.managed_bytes -= self.alloc_size(number) * len(blocks)
            self._held.clear()

    def stop_holding(self) -> None:
        """Give them back, and from now on each block as soon as it is freed."""
        self._holding = False
        self.free_held()

    def _new_block(self, size: int) -> Any:
        raise NotImplementedError

    def _take(self, size: int) -> Any:
        number = self.bin_number(size)
        with self._lock:
            blocks = self._held.get(number)
            if blocks:
                block = blocks.pop()
            else:
                try:
                    block = self._new_block(self.alloc_size(number))
                except CudaMemoryError:
                    self.free_held()  # what waits may be what is missing
                    block = self._new_block(self.alloc_size(number))
                self.managed_bytes += self.alloc_size(number)
            self.active_blocks += 1
            self.active_bytes += size
            return block

    def _give_back(self, block: Any, size: int) -> None:
        number = self.bin_number(size)
        with self._lock:
            self.active_blocks -= 1
            self.active_bytes -= size
            if self._holding:
                self._held.setdefault(number, []).append(block)
            else:
                self.managed_bytes -= self.alloc_size(number)


class _Pooled:
    """A block in use; it goes back to its pool with the object, or by `free()`."""

    def __init__(self, pool: _Pool, size: int) -> None:
        self._block: Any = None
        self._pool, self._size = pool, size
        self._block = pool._take(size)

    def free(self) -> None:
        """Give the block back to the pool."""
        if self._block is None:
            raise cuda_error("pooled_device_allocation::free", Result.INVALID_HANDLE, "this memory was freed before")
        block, self._block = self._block, None
        self._pool._give_back(block, self._size)

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        if getattr(self, "_block", None) is not None:
            self.free()


class PooledDeviceAllocation(_Pooled, Pointer):
    """Device memory from a pool."""

    def _address(self) -> int:
        if self._block is None:
            raise cuda_error("pooled_device_allocation", Result.INVALID_HANDLE, "this memory was freed")
        return int(self._block)

    def __bool__(self) -> bool:
        return True


class PooledHostAllocation(_Pooled, PagelockedHostAllocation):
    """Page-locked host memory from a pool: the base of the pool's arrays."""

    def free(self) -> None:
        """Give the block back to the pool."""
        _Pooled.free(self)

    def get_device_pointer(self) -> int:
        """Return the address that kernels may use."""
        return int(self._block.ctypes.data)

    __del__ = _Pooled.__del__


class DeviceMemoryPool(_Pool):
    """A pool of device memory; `allocate` can be given to gpuarray as its allocator."""

    def __init__(self) -> None:
        super().__init__()
        contexts.require("DeviceMemoryPool")

    def _new_block(self, size: int) -> DeviceAllocation:
        return DeviceAllocation(max(size, 1))

    def allocate(self, size: int) -> PooledDeviceAllocation:
        """Return `size` bytes of device memory."""
        return PooledDeviceAllocation(self, int(size))


class PageLockedAllocator:
    """Says with which flags a `PageLockedMemoryPool` takes its memory."""

    def __init__(self, flags: int = 0) -> None:
        self.flags = flags


class PageLockedMemoryPool(_Pool):
    """A pool of page-locked host memory."""

    def __init__(self, allocator: PageLockedAllocator | None = None) -> None:
        super().__init__()
        self._flags = allocator.flags if allocator else 0

    def _new_block(self, size: int) -> np.ndarray:
        return pagelocked_empty(max(size, 1), np.uint8, mem_flags=self._flags)

    def allocate(self, shape: Any, dtype: Any, order: str = "C") -> np.ndarray:
        """Return an array in page-locked memory of the pool."""
        wanted, kind = shape_of(shape), np.dtype(dtype)
        allocation = PooledHostAllocation(self, size_of(wanted, kind))
        return allocation._array(allocation.get_device_pointer(), wanted, kind, order_of(order))
