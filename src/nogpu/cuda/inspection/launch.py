"""One launch on the inspecting build: prepared, run, and its records read. inspect.py and sanitizer.py use it."""

from __future__ import annotations

import ctypes
from typing import Protocol

from .. import streams
from . import library, profile_recording
from .buffers import Memory
from .faults import take_fault
from .kernel import InspectedModule
from .library import FindingRecord
from .profile import Array, Profile
from .report import Finding, Triple
from .wording import Scene, finding_of

FIRST_SHARED = 1 << 20  # numbers of shared variables; those of the module's other variables follow
FIRST_VARIABLE = 2 << 20
HEAP_NUMBER = 1 << 24  # HEAP_ID in heap.cpp
_SPACES = {library.GLOBAL: "global", library.SHARED: "shared"}


class Arguments(Protocol):
    """Where the launch's arguments lie, and what the runtime's numbers for arrays mean."""

    memories: dict[int, Memory]

    def packed(self) -> bytes:
        """Return the argument block."""

    def host_pointer(self, address: int) -> str:
        """Return the name of the argument that is a host pointer and leads to `address`, or ""."""


class Launch:
    """Runs `kernel` once; afterwards `findings` and `profile` say what happened."""

    def __init__(
        self, module: InspectedModule, kernel: str, block: Triple, grid: Triple, shared: int, arguments: Arguments
    ) -> None:
        self.module, self.kernel, self.block, self.grid, self.shared = module, kernel, block, grid, shared
        self.arguments = arguments
        self.memories = dict(arguments.memories)
        self.memories[HEAP_NUMBER] = Memory("memory from malloc", 0, 0, library.HEAP, 0)
        self.findings: list[Finding] = []
        self.dropped = 0
        self.profile: Profile | None = None

    def run(
        self,
        seconds: float,
        order: int = 0,
        with_profile: bool = True,
        stream: int | None = None,
        keep_heap: bool = False,
    ) -> None:
        """Launch and wait. `order` is 0 for forward, 1 reverse, 2 shuffled; `seconds` 0 for no limit.

        With `keep_heap`, what the kernel has from malloc is there for the next such launch.
        """
        runtime = library.library()
        handle = runtime.nogpu_inspection_new()
        if keep_heap:
            runtime.nogpu_inspection_keep_heap(handle)
        known = self._know_variables()
        try:
            self._know_shared(handle)
            if with_profile:
                profile_recording.want(self.module)
            packed = self.arguments.packed()
            entry = self.module.entry(self.kernel)
            stream = stream or runtime.nogpu_stream_default()
            ticket = runtime.nogpu_inspection_launch(
                handle, stream, ctypes.addressof(entry), packed, len(packed),
                (ctypes.c_uint * 3)(*self.grid), (ctypes.c_uint * 3)(*self.block), self.shared, seconds, order,
            )  # fmt: skip
            streams.wait(stream, ticket)
            streams.show_output()
            self._read(handle)
            if with_profile:
                self.profile = profile_recording.collect(self.module, self._arrays(handle), self.block, self.grid)
        finally:
            for variable in known:
                runtime.nogpu_forget_array(variable)
            runtime.nogpu_inspection_delete(handle)

    def _know_shared(self, handle: int) -> None:
        for number, variable in enumerate(self.module.shared, FIRST_SHARED):
            size = variable.size or self.shared
            self.memories[number] = Memory.of_variable(
                variable.name, variable.element_size, size, library.SHARED, is_dynamic=not variable.size
            )
            library.library().nogpu_inspection_shared(handle, variable.offset, size, number)

    def _know_variables(self) -> list[int]:
        handles = []
        for number, variable in enumerate(self.module.variables, FIRST_VARIABLE):
            self.memories[number] = Memory.of_variable(
                variable.name, variable.element_size, variable.size, variable.space
            )
            address = self.module.base + variable.offset
            self.memories[number].address = address
            handles.append(
                library.library().nogpu_know_array(address, variable.size, variable.space, number, variable.guard, True)
            )
        return handles

    def _arrays(self, handle: int) -> list[Array]:
        """Return every array with the address that it had in this launch."""
        arrays = []
        for number, memory in self.memories.items():
            space = _SPACES.get(memory.space)
            if space == "shared":
                memory.address = library.library().nogpu_inspection_address(handle, number)
            if space and memory.address and memory.size:
                arrays.append(Array(memory.name, memory.address, memory.size, memory.element_size or 1, space))
        return arrays

    def _read(self, handle: int) -> None:
        runtime = library.library()
        first = ctypes.POINTER(FindingRecord)()
        count = runtime.nogpu_inspection_findings(handle, ctypes.byref(first))
        records = [first[i] for i in range(count)]
        how = ctypes.c_uint32()
        last_site = runtime.nogpu_inspection_last_site(handle, ctypes.byref(how))
        stopped_at = runtime.nogpu_inspection_stopped_at(handle) + 1  # of() wants the address behind
        sites = {last_site} | {record.site for record in records} | {record.other_site for record in records}
        offsets = {site: runtime.nogpu_inspection_site(handle, site) for site in sites if site}
        last_block = runtime.nogpu_inspection_last_block(handle)
        lines = self.module.lines.of(offsets.values())
        scene = Scene(
            self.module.source.splitlines(), self.block, self.grid, self.memories,
            lambda site: lines[offsets[site]] if site else 0, self.arguments.host_pointer,
        )  # fmt: skip
        self.findings += [finding_of(record, scene) for record in records]
        # Some instructions have no line of their own: the ones before them have.
        nearby = [place - back for place in (stopped_at, last_block) for back in range(0, 64, 4) if place > back]
        found = self.module.lines.of(nearby) if runtime.nogpu_fault_pending() else {}
        stopped_line = next((found[place] for place in nearby if found.get(place)), 0)
        fault = take_fault(scene, stopped_line, last_site, how.value)
        if fault is not None:
            self.findings.append(fault)
        self.dropped = runtime.nogpu_inspection_dropped(handle)
