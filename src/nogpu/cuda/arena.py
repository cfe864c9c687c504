"""Device memory: one stretch of addresses of its own, and which parts of it are taken.

Apart from Python's memory, so that a kernel that writes past an array's end cannot harm the interpreter: between two
allocations lie at least 256 bytes, and outside all of them most addresses fault. Bounded by what the machine has.
Called by `memory`; thread-safe.
"""

from __future__ import annotations

import bisect
import ctypes
import mmap
import os
import threading
from ctypes import c_int, c_long, c_size_t, c_void_p
from pathlib import Path

from . import settings
from .errors import Result, cuda_error

ALIGNMENT = 256  # cuMemAlloc's
GAP = 256
RETURN_TO_SYSTEM = 1 << 20  # freed stretches from this size on give their pages back
SPREADS = (4, 2, 1)  # addresses reserved for each byte of memory: room for fragments, where the system allows it
STEP = 2 << 20  # addresses become usable in steps of this; beyond, a wild pointer faults
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

_RESERVE_ONLY = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
_FAILED = 2**64 - 1  # MAP_FAILED

_system = ctypes.CDLL(None, use_errno=True)
_system.mmap.restype = c_void_p
_system.mmap.argtypes = [c_void_p, c_size_t, c_int, c_int, c_int, c_long]
_system.mprotect.argtypes = [c_void_p, c_size_t, c_int]
_system.madvise.argtypes = [c_void_p, c_size_t, c_int]


class Arena:
    """A reserved stretch of addresses, handed out first fit."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0
        self._lock = threading.RLock()  # freeing happens in destructors, at any moment
        for spread in SPREADS:
            size = -(-capacity * spread // STEP) * STEP
            base = _system.mmap(None, size, 0, _RESERVE_ONLY, -1, 0)
            if base not in (None, _FAILED):
                break
        else:
            raise cuda_error("cuInit", Result.OUT_OF_MEMORY, "no addresses could be reserved")
        self.base: int = base
        self._end = base + size
        self._usable_end = base
        self._starts = [self.base]  # of the free stretches, sorted; with their sizes
        self._sizes = {self.base: size}
        self._taken: dict[int, int] = {}  # address -> bytes asked for
        self._taken_starts: list[int] = []  # the same addresses, sorted
        self._untouched: set[int] = set()  # of them, those to which nobody has written: the sanitizer asks

    def allocate(self, size: int) -> int | None:
        """Return the address of `size` new bytes, or None when they are more than there is."""
        stretch = _stretch(size)
        with self._lock:
            if self.used + size > self.capacity:
                return None
            for index, start in enumerate(self._starts):
                free = self._sizes[start]
                if free >= stretch:
                    if not self._make_usable(start + stretch):
                        return None
                    del self._sizes[start]
                    if free > stretch:
                        self._starts[index] = start + stretch
                        self._sizes[start + stretch] = free - stretch
                    else:
                        del self._starts[index]
                    self._taken[start] = size
                    bisect.insort(self._taken_starts, start)
                    self._untouched.add(start)
                    self.used += size
                    return start
        return None

    def free(self, address: int) -> None:
        """Give back what `allocate` returned. Raises LogicError for any other address."""
        with self._lock:
            if address not in self._taken:
                raise cuda_error("cuMemFree", Result.INVALID_VALUE, f"{address:#x} is no allocation (freed twice?)")
            size = self._taken.pop(address)
            del self._taken_starts[bisect.bisect_left(self._taken_starts, address)]
            self._untouched.discard(address)
            self.used -= size
            stretch = _stretch(size)
            if stretch >= RETURN_TO_SYSTEM:
                _system.madvise(*_whole_pages(address, stretch), mmap.MADV_DONTNEED)
            index = bisect.bisect(self._starts, address)
            if index < len(self._starts) and self._starts[index] == address + stretch:  # join with the one behind
                stretch += self._sizes.pop(self._starts.pop(index))
            if index and self._starts[index - 1] + self._sizes[self._starts[index - 1]] == address:  # and before
                self._sizes[self._starts[index - 1]] += stretch
            else:
                self._starts.insert(index, address)
                self._sizes[address] = stretch

    def allocation_of(self, address: int) -> tuple[int, int] | None:
        """Return (start, size) of the allocation that `address` lies in, or None."""
        with self._lock:
            index = bisect.bisect(self._taken_starts, address) - 1
            start = self._taken_starts[index] if index >= 0 else 0
            size = self._taken.get(start, 0)
        return (start, size) if start <= address < start + size else None

    def contains(self, address: int) -> bool:
        """Say whether `address` is the device's, taken or not."""
        return self.base <= address < self._end

    def allocations(self) -> list[tuple[int, int]]:
        """Return (start, size) of all allocations."""
        with self._lock:
            return list(self._taken.items())

    def touch(self, address: int | None = None) -> None:
        """Take note that somebody writes at `address`, or (None) perhaps anywhere."""
        if not self._untouched:
            return
        with self._lock:
            if address in self._taken:
                self._untouched.discard(address)
            else:  # inside an allocation: not worth a search
                self._untouched.clear()

    def is_untouched(self, start: int) -> bool:
        """Say whether nobody has written to the allocation that begins at `start`."""
        return start in self._untouched

    def _make_usable(self, end: int) -> bool:
        """Let kernels touch all addresses below `end`; say whether the system agreed."""
        if end > self._usable_end:
            size = -(-(end - self._usable_end) // STEP) * STEP
            if _system.mprotect(self._usable_end, size, mmap.PROT_READ | mmap.PROT_WRITE) != 0:
                return False
            self._usable_end += size
        return True


def _whole_pages(address: int, stretch: int) -> tuple[int, int]:
    first = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
    return first, (address + stretch) // mmap.PAGESIZE * mmap.PAGESIZE - first


def _stretch(size: int) -> int:
    return (max(size, 1) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT + GAP


_arena: Arena | None = None
_lock = threading.Lock()


def arena() -> Arena:
    """Return the device's memory, reserved at the first call."""
    global _arena
    if _arena is None:
        with _lock:
            if _arena is None:
                _arena = Arena(total_bytes())
    return _arena


def total_bytes() -> int:
    """Return how many bytes device memory may take: half of what the machine (or its container) has, or as set."""
    if _arena is not None:
        return _arena.capacity
    asked = settings.memory_megabytes()
    return int(asked * 2**20) if asked > 0 else _machine_bytes() // 2


def free_bytes() -> int:
    """Return how many bytes can be allocated now, by the device's bound and by what the machine has left."""
    left = arena().capacity - arena().used
    return max(0, min(left, _available_bytes()))


def _machine_bytes() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CGROUP_LIMITS:
        try:
            total = min(total, int(path.read_text()))
        except (OSError, ValueError):
            continue
    return total


def _available_bytes() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return _machine_bytes()
