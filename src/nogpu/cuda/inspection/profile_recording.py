"""Turns what the runtime wrote down during an inspected launch (runtime_source/profile.cpp) into a Profile.

`want` before the launch, `collect` after it, while nothing else has been launched.
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Sequence
from ctypes import POINTER, c_int, c_size_t, c_uint8, c_uint16, c_uint32, c_uint64
from typing import Any

from . import library
from .kernel import InspectedModule
from .machine_code import machine_code, text_start
from .profile import LANES, Array, Counters, Profile, Request, Triple, thread_at, total_of

LOAD, STORE, ATOMIC = range(3)  # SiteKind in profile.h


class Tally(ctypes.Structure):
    """`Tally` in profile.h: one instruction, or the beginning of one basic block."""

    _fields_ = (
        ("offset", c_uint64),
        ("threads", c_uint64),
        ("warps", c_uint64),
        ("units", c_uint64),
        ("conflicts", c_uint64),
        ("bytes", c_uint32),
        ("kind", c_uint8),
        ("shared", c_uint8),
        ("estimated", c_uint8),
        ("block", c_uint16),
    )


class KeptRequest(ctypes.Structure):
    """`KeptRequest` in profile.h."""

    _fields_ = (
        ("offset", c_uint64),
        ("address", c_uint64 * LANES),
        ("block", c_uint64),
        ("warp", c_uint32),
        ("occurrence", c_uint32),
        ("lanes", c_uint32),
        ("bytes", c_uint32),
        ("kind", c_uint8),
        ("shared", c_uint8),
    )


def want(module: InspectedModule) -> None:
    """Have the next inspected launch counted, which runs a kernel of `module`."""
    text = text_start(module.image)
    loops = machine_code(module.image).loops
    numbers = [address - text for loop in loops for address in (loop.begin, loop.end, loop.header)]
    function = library.library().nogpu_profile_want
    function.restype, function.argtypes = None, [POINTER(c_uint64), c_size_t]
    function((c_uint64 * len(numbers))(*numbers), len(loops))


def collect(module: InspectedModule, arrays: Sequence[Array], block: Triple, grid: Triple) -> Profile:
    """Return the profile of the last counted launch, which ran a kernel of `module` on `arrays`."""
    runtime = library.library()
    image, lines = module.image, module.lines
    text = text_start(image)
    accesses = [tally for tally in _read(runtime.nogpu_profile_accesses, Tally) if tally.bytes]
    basic_blocks = [tally for tally in _read(runtime.nogpu_profile_basic_blocks, Tally) if tally.threads]
    code = machine_code(image).operations
    computing = {operation.address: operation for listed in code.values() for operation in listed}
    # `lines` takes the address behind a call, which is what the runtime gives; of other instructions, one byte in.
    places = {tally.offset: text + tally.offset for tally in (*accesses, *basic_blocks)}
    at = lines.of([*places.values(), *(address + 1 for address in computing)])
    line_of = {offset: at[place] for offset, place in places.items()}
    counted: defaultdict[int, Counters] = defaultdict(Counters)
    for tally in accesses:
        _add_access(counted[line_of[tally.offset]], tally)
    for tally in basic_blocks:
        _add_execution(counted[line_of[tally.offset]], tally)
        for operation in code.get(text + tally.offset, ()):
            counters = counted[at[operation.address + 1]]
            counters.flops += operation.flops * tally.threads
            _add_execution(counters, tally)
    for line, times in _barriers(runtime).items():
        counted[line].barriers += times
    counted.pop(0, None)  # code of the device headers' own
    order = _instruction_numbers([tally.offset for tally in accesses], line_of)
    requests = [
        _request(kept, line_of[kept.offset], order[kept.offset], grid)
        for kept in _read(runtime.nogpu_profile_requests, KeptRequest)
        if line_of.get(kept.offset)
    ]
    profile = Profile(
        total_of(counted.values()),
        {line: counted[line] for line in sorted(counted)},
        not any(tally.estimated for tally in accesses),
        block,
        list(arrays),
        requests,
        module.source,
    )
    return _from_bank_0(profile)


def _add_access(counters: Counters, tally: Tally) -> None:
    _add_execution(counters, tally)
    if tally.kind == ATOMIC:
        if tally.shared:
            counters.shared_atomics += tally.threads
        else:
            counters.global_atomics += tally.threads
    elif tally.shared and tally.kind == LOAD:
        counters.shared_load_requests += tally.warps
        counters.shared_load_wavefronts += tally.units
        counters.shared_load_conflicts += tally.conflicts
    elif tally.shared:
        counters.shared_store_requests += tally.warps
        counters.shared_store_wavefronts += tally.units
        counters.shared_store_conflicts += tally.conflicts
    elif tally.kind == LOAD:
        counters.global_load_requests += tally.warps
        counters.global_load_sectors += tally.units
        counters.global_bytes_read += tally.threads * tally.bytes
    else:
        counters.global_store_requests += tally.warps
        counters.global_store_sectors += tally.units
        counters.global_bytes_written += tally.threads * tally.bytes


def _add_execution(counters: Counters, tally: Tally) -> None:
    counters.thread_instructions += tally.threads
    counters.warp_instructions += tally.warps


def _instruction_numbers(offsets: Sequence[int], line_of: dict[int, int]) -> dict[int, int]:
    """Number the memory instructions of each line, in the order of the machine code."""
    numbers: dict[int, int] = {}
    seen: defaultdict[int, int] = defaultdict(int)
    for offset in sorted(set(offsets)):
        line = line_of[offset]
        numbers[offset] = seen[line]
        seen[line] += 1
    return numbers


def _request(kept: KeptRequest, line: int, instruction: int, grid: Triple) -> Request:
    return Request(
        line=line,
        instruction=instruction,
        block=thread_at(kept.block, grid),
        warp=kept.warp,
        occurrence=kept.occurrence,
        size=kept.bytes,
        is_write=kept.kind != LOAD,
        is_atomic=kept.kind == ATOMIC,
        space="shared" if kept.shared else "global",
        addresses=tuple(kept.address[lane] if kept.lanes >> lane & 1 else None for lane in range(LANES)),
    )


def _from_bank_0(profile: Profile) -> Profile:
    """Let shared memory begin at address 0, as it does for a block on a GPU: the first array starts in bank 0."""
    shared = [array for array in profile.arrays if array.space == "shared"]
    if not shared:
        return profile
    start = min(array.address for array in shared)
    profile.arrays = [
        Array(a.name, a.address - start, a.size, a.element_size, a.space) if a.space == "shared" else a
        for a in profile.arrays
    ]
    profile.requests = [
        Request(**{**vars(r), "addresses": tuple(None if a is None else a - start for a in r.addresses)})
        if r.space == "shared"
        else r
        for r in profile.requests
    ]
    return profile


def _barriers(runtime: Any) -> dict[int, int]:
    function = runtime.nogpu_profile_barriers
    function.restype, function.argtypes = c_size_t, [POINTER(c_int), POINTER(c_uint64), c_size_t]
    count = function(None, None, 0)
    lines, times = (c_int * count)(), (c_uint64 * count)()
    function(lines, times, count)
    return dict(zip(lines, times, strict=True))


def _read(function: Any, record: type[ctypes.Structure]) -> list[Any]:
    function.restype, function.argtypes = c_size_t, [POINTER(record), c_size_t]
    count = function(None, 0)
    records = (record * count)()
    function(records, count)
    return list(records)
