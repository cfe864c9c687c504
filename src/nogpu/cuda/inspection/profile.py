"""What a kernel asked of the memory system, in the terms of Nsight Compute: counted, not timed.

`Profile` is the part of a `Report` that lessons, checks and pictures read. It is plain data: profile_recording.py
fills it after an inspected launch. Every figure depends only on the kernel, its arguments and its launch, so it is the
same on every machine.

How the counts are made. The compiler of this machine makes the code, and the 32 lanes of a warp run one after the
other. Which of their executions of an instruction are one execution by the warp is decided afterwards: in a loop those
of the same turn, elsewhere the k-th ones since the last `__syncthreads()`. That is what hardware does in code without
branches, in branches (both sides are executed, one after the other), in branches within loops, and in loops that lanes
leave early. It differs where an inner loop has a different length in different lanes: a GPU lets the lanes meet again
at its end, here its turns are counted through, so that the requests and warp instructions are a lower bound. Each GPU
generation schedules such code its own way (CUDA C++ Programming Guide, "Independent Thread Scheduling").

A load or store is one instruction here as it is written in the source: `float4 v = a[i]` asks for 16 bytes at once
(clang++ takes such structs apart where their members are used one by one: use g++ for counts of vector loads).

Caches are not modelled: a sector that is asked for twice counts twice, as in the counters of the L1 cache's entrance.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .profile_table import html_table, rich_table

LANES = 32  # threads of a warp
SECTOR_BYTES = 32  # smallest piece of global memory that is moved
BANKS = 32  # of shared memory, each 4 bytes wide
WORD_BYTES = 4

Triple = tuple[int, int, int]


@dataclass
class Counters:
    """Counts of one source line, or of all lines together. All are whole numbers of the whole launch.

    A *request* is one execution of one load or store instruction by one warp, whichever of its lanes take part. A
    *sector* is an aligned piece of 32 bytes; a *wavefront* is what shared memory can serve at once. (Nsight Compute,
    "Kernel Profiling Guide", sections "Metrics Decoder" and "Memory Tables".)
    """

    global_load_requests: int = 0
    """Requests that load from global memory: l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum in Nsight Compute."""
    global_load_sectors: int = 0
    """Distinct sectors of each such request, added up: l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum. Four is the
    best for a full warp that loads 4 bytes a lane, 16 for 16 bytes a lane."""
    global_store_requests: int = 0
    """Requests that store to global memory: l1tex__t_requests_pipe_lsu_mem_global_op_st.sum."""
    global_store_sectors: int = 0
    """Distinct sectors of each such request, added up: l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum."""
    global_bytes_read: int = 0
    """Bytes that threads asked to load from global memory: each thread's own, also where lanes ask for the same."""
    global_bytes_written: int = 0
    """Bytes that threads asked to store to global memory."""
    shared_load_requests: int = 0
    """Requests that load from shared memory."""
    shared_load_wavefronts: int = 0
    """Wavefronts of these requests: l1tex__data_pipe_lsu_wavefronts_mem_shared_op_ld.sum. Address a lies in bank
    (a / 4) % 32; a request takes as many wavefronts as the bank that is asked for the most distinct 4-byte words. Lanes
    that ask for the same word are served together (broadcast). A request of 8 or 16 bytes a lane moves more than 128
    bytes: it is served in 2 or 4 phases, 16 or 8 lanes at a time, in half as many where the lanes of each pair (n, n^1)
    or of each pair (n, n^2) ask for the same address; the wavefronts of its phases add up. (CUDA C++ Programming Guide,
    "Shared Memory"; NVIDIA developer forum, "Unexpected shared memory bank conflict", topic 77228, for the phases.)"""
    shared_load_conflicts: int = 0
    """Of these wavefronts, those that only bank conflicts make necessary: one less than the wavefronts of each phase.
    l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_ld.sum."""
    shared_store_requests: int = 0
    """Requests that store to shared memory."""
    shared_store_wavefronts: int = 0
    """Wavefronts of these requests, counted as for loads; lanes that store to the same word count once."""
    shared_store_conflicts: int = 0
    """Of these wavefronts, those that only bank conflicts make necessary."""
    flops: int = 0
    """Floating-point operations of all threads, in any precision: +, −, ×, ÷ and square root count 1, a fused
    multiply-add 2, a call of a mathematical function such as expf 1. Comparisons, minimum, maximum, negation, absolute
    value and conversions count nothing, integer arithmetic neither. Counted in the compiled code: what the compiler
    leaves out because nobody needs it is not there."""
    global_atomics: int = 0
    """Atomic operations of all threads on global memory, one for each call of atomicAdd and its relatives. They are in
    none of the requests, sectors, wavefronts and bytes above, and their arithmetic is not in `flops`."""
    shared_atomics: int = 0
    """The same on shared memory."""
    barriers: int = 0
    """Times that a block passed a __syncthreads() (or __syncthreads_count, _and, _or)."""
    warp_instructions: int = 0
    """What warps executed: memory accesses, atomics, floating-point operations (a fused multiply-add is one) and, for
    the control flow, one for each basic block that is entered. Not a GPU's own instruction count: integer arithmetic is
    not in it."""
    thread_instructions: int = 0
    """The same, counted for each thread that takes part."""

    @property
    def load_sectors_per_request(self) -> float:
        """Sectors that one load request moves on average; 0.0 where nothing is loaded. Perfect for float32: 4."""
        return _ratio(self.global_load_sectors, self.global_load_requests)

    @property
    def store_sectors_per_request(self) -> float:
        """Sectors that one store request moves on average; 0.0 where nothing is stored. Perfect for float32: 4."""
        return _ratio(self.global_store_sectors, self.global_store_requests)

    @property
    def atomics(self) -> int:
        """Atomic operations of all threads, on global and shared memory."""
        return self.global_atomics + self.shared_atomics

    @property
    def dram_bytes(self) -> int:
        """Bytes of all sectors of all requests: what would be moved if no cache kept anything (32 × sectors)."""
        return SECTOR_BYTES * (self.global_load_sectors + self.global_store_sectors)

    @property
    def bank_conflicts(self) -> int:
        """Wavefronts of shared memory beyond what the same requests take at best."""
        return self.shared_load_conflicts + self.shared_store_conflicts

    @property
    def simt_efficiency(self) -> float:
        """Share of lanes that take part, on average over the warp instructions: 1.0 is no divergence and full warps.

        thread_instructions / (32 × warp_instructions): what smsp__thread_inst_executed_per_inst_executed.ratio / 32 is
        in Nsight Compute, over the instructions that are counted here. 1.0 where none is.
        """
        return self.thread_instructions / (LANES * self.warp_instructions) if self.warp_instructions else 1.0

    @property
    def arithmetic_intensity(self) -> float:
        """Floating-point operations for each byte of `dram_bytes` (the x axis of a roofline); 0.0 without memory."""
        return _ratio(self.flops, self.dram_bytes)

    def add(self, other: Counters) -> None:
        """Add another line's counts to these."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True)
class Access:
    """What one lane did in one request."""

    lane: int  # 0 to 31
    thread: Triple  # threadIdx
    array: str  # the parameter's or the variable's name; "" where unknown
    index: int | None  # element of the array, None where unknown
    address: int  # bytes
    size: int  # bytes
    is_write: bool
    space: str  # "global" or "shared"
    instruction: int = 0  # which of the line's memory instructions, from 0, in the order of the machine code
    is_atomic: bool = False


@dataclass(frozen=True)
class Array:
    """A piece of memory that the kernel can name: a parameter's array, or a shared variable."""

    name: str
    address: int
    size: int  # bytes
    element_size: int  # bytes
    space: str  # "global" or "shared"


@dataclass(frozen=True)
class Request:
    """One warp's one execution of one memory instruction, kept for pictures. `addresses` has None for absent lanes."""

    line: int
    instruction: int
    block: Triple
    warp: int
    occurrence: int
    size: int
    is_write: bool
    is_atomic: bool
    space: str
    addresses: tuple[int | None, ...]


@dataclass
class Profile:
    """The counts of an inspected launch: `total`, and `lines` by line number of the source.

    Only the first of several orders is counted. `exact` is False where an instruction ran so often between two barriers
    (more than 262,144 times in one thread) that its sectors were extrapolated from the first executions.
    """

    total: Counters = field(default_factory=Counters)
    lines: dict[int, Counters] = field(default_factory=dict)
    exact: bool = True
    block_size: Triple = (1, 1, 1)
    arrays: list[Array] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    source: str = field(default="", repr=False, compare=False)  # for display only: not in the plain form

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        yield rich_table(self, options.max_width)

    def _repr_html_(self) -> str:
        return html_table(self)

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=100, color_system=None).print(self)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n")

    def accesses(
        self, line: int, warp: int = 0, block: Triple = (0, 0, 0), occurrence: int = 0, instruction: int | None = None
    ) -> list[Access]:
        """Return what the lanes of one warp asked for at `line`, by instruction and lane.

        `occurrence` counts the warp's executions of each instruction, from 0. Kept are the first 8 of the first 8 warps
        of the first block, the last block and blocks with a finding. Raises LookupError, which says what there is.
        """
        at_line = [request for request in self.requests if request.line == line]
        if not at_line:
            known = ", ".join(str(number) for number in sorted({request.line for request in self.requests})) or "none"
            raise LookupError(f"no access to global or shared memory is kept for line {line}; lines that have: {known}")
        chosen = [
            request
            for request in at_line
            if (request.block, request.warp, request.occurrence) == (tuple(block), warp, occurrence)
            and instruction in (None, request.instruction)
        ]
        if not chosen:
            blocks = sorted({request.block for request in at_line})
            warps = sorted({request.warp for request in at_line})
            raise LookupError(
                f"nothing is kept of line {line} for block {tuple(block)}, warp {warp}, occurrence {occurrence}; kept "
                f"are blocks {', '.join(map(str, blocks))}, warps {', '.join(map(str, warps))}, occurrences 0 to "
                f"{max(request.occurrence for request in at_line)}"
            )
        return [
            self._access(request, lane, address)
            for request in sorted(chosen, key=lambda request: request.instruction)
            for lane, address in enumerate(request.addresses)
            if address is not None
        ]

    def _access(self, request: Request, lane: int, address: int) -> Access:
        array = self.array_at(address, request.space)
        index = None if array is None else (address - array.address) // array.element_size
        thread = thread_at(request.warp * LANES + lane, self.block_size)
        return Access(
            lane, thread, array.name if array else "", index, address, request.size, request.is_write, request.space,
            request.instruction, request.is_atomic,
        )  # fmt: skip

    def array_at(self, address: int, space: str) -> Array | None:
        """Return the array in which `address` lies, or None."""
        candidates = sorted((a for a in self.arrays if a.space == space), key=lambda array: array.address)
        place = bisect_right([array.address for array in candidates], address) - 1
        if place >= 0 and address < candidates[place].address + candidates[place].size:
            return candidates[place]
        return None

    def to_plain(self) -> dict[str, Any]:
        """Return the profile as None, bool, int, float, str, list and dict only."""
        return {
            "lines": [[line, _sparse(counters)] for line, counters in sorted(self.lines.items())],
            "exact": self.exact,
            "block_size": list(self.block_size),
            "arrays": [list(vars(array).values()) for array in self.arrays],
            "requests": [
                [*({**vars(request), "block": list(request.block), "addresses": _packed(request.addresses)}.values())]
                for request in self.requests
            ],
        }

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> Profile:
        """Return the profile that `to_plain` turned into `plain`."""
        lines = {int(line): Counters(**counts) for line, counts in plain["lines"]}
        names = [each.name for each in fields(Request)]
        requests = [Request(**dict(zip(names, row, strict=True))) for row in plain["requests"]]
        requests = [replace(each, block=_triple(each.block), addresses=_unpacked(each.addresses)) for each in requests]
        arrays = [Array(*row) for row in plain["arrays"]]
        block = _triple(plain["block_size"])
        return Profile(total_of(lines.values()), lines, bool(plain["exact"]), block, arrays, requests)


def total_of(counters: Iterable[Counters]) -> Counters:
    """Return the sum of all lines' counts."""
    total = Counters()
    for each in counters:
        total.add(each)
    return total


def thread_at(linear: int, block: Triple) -> Triple:
    """Return the threadIdx of the `linear`-th thread of a block of that size, x running fastest."""
    return linear % block[0], linear // block[0] % block[1], linear // (block[0] * block[1])


def _sparse(counters: Counters) -> dict[str, int]:
    return {name: value for name, value in asdict(counters).items() if value}


def _triple(values: Iterable[int]) -> Triple:
    x, y, z = values
    return x, y, z


def _packed(addresses: Sequence[int | None]) -> list[Any]:
    """Return a warp's addresses as runs of lanes, [first lane, address, step, lanes], where that is shorter."""
    runs: list[list[int]] = []
    for lane, address in enumerate(addresses):
        if address is None:
            continue
        last = runs[-1] if runs else [-2, 0, 0, 1]
        if lane == last[0] + last[3] and (last[3] == 1 or address == last[1] + last[2] * last[3]):
            last[2] = address - last[1] if last[3] == 1 else last[2]
            last[3] += 1
        else:
            runs.append([lane, address, 0, 1])
    return runs if 5 * len(runs) < len(addresses) else list(addresses)


def _unpacked(packed: Sequence[Any]) -> tuple[int | None, ...]:
    if len(packed) == LANES:
        return tuple(packed)
    addresses: list[int | None] = [None] * LANES
    for lane, address, step, lanes in packed:
        for k in range(lanes):
            addresses[lane + k] = address + step * k
    return tuple(addresses)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
