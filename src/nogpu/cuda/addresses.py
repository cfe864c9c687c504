"""Says whether a copy may touch the addresses that it names, so that a wrong one is CUDA's error and no crash.

Asked by copies.py for the device's side of every copy. Device memory is known to the byte. Other addresses are fine as
long as the process has memory there: page-locked arrays, constants, tensors that another library made.
"""

from __future__ import annotations

from pathlib import Path

from . import arena
from .errors import Result, cuda_error
from .host_memory import AddressRanges, page_locked

MAPPINGS = Path("/proc/self/maps")  # proc(5)

variables = AddressRanges()  # of modules, those that can be written: a shortcut, for reading MAPPINGS is slow


def require_copyable(routine: str, address: int, size: int, writes: bool) -> None:
    """Raise LogicError, as CUDA does, unless a copy may read (or write) the `size` bytes from `address` on."""
    if size <= 0:
        return
    memory = arena.arena()
    if memory.contains(address):
        found = memory.allocation_of(address)
        if found is None:
            raise cuda_error(routine, Result.INVALID_VALUE, f"{address:#x} is no device memory any more, or never was")
        start, length = found
        if address + size > start + length:
            behind = f" from byte {address - start} on" if address > start else ""
            raise cuda_error(
                routine, Result.INVALID_VALUE, f"this touches {size} bytes{behind}, and the device memory has {length}"
            )
    elif not (
        variables.contain(address, size)
        or page_locked.contain(address, size)
        or _is_mapped(address, address + size, "w" if writes else "r")
    ):
        what = "a null pointer" if address < 4096 else f"{address:#x} is no device memory"
        raise cuda_error(routine, Result.INVALID_VALUE, what)


def _is_mapped(start: int, end: int, letter: str) -> bool:
    """Say whether the process may read ("r") or write ("w") everything from `start` to `end`."""
    try:
        lines = MAPPINGS.read_text().splitlines()
    except OSError:  # no such file on this system: nothing is known
        return True
    for line in lines:
        bounds, permissions = line.split(maxsplit=2)[:2]
        first, last = (int(bound, 16) for bound in bounds.split("-"))
        if first <= start < last and letter in permissions:
            if end <= last:
                return True
            start = last
    return False
