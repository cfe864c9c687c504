"""`nogpu.sanitizer()` and NOGPU_SANITIZE=1: every launch through the PyCUDA stand-in runs on the inspecting build.

While it is on, the driver tells a `Sanitizer` of allocations (memory.py), copies (copies.py) and launches (modules.py).
A launch with an error raises `pycuda.driver.LaunchError`, whose `findings` and `report` say what was found. Launches
wait until they are done, and freed memory is not handed out again for a while, so that its late use is seen.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .. import arena, settings, streams, watch
from ..errors import Error, LaunchError, LogicError, Result, cuda_error
from ..host_memory import page_locked
from . import library
from .buffers import END_OF_ADDRESSES, NEAR_NULL, Memory
from .grouping import in_order
from .kernel import InspectedModule, inspected_module
from .launch import Launch
from .report import Finding, Report, Triple

if TYPE_CHECKING:
    from ..modules import Function

QUARANTINE_BYTES = 64 << 20
TRACKED_BYTES = 16 << 20  # larger allocations count as written: noting each byte would take six times their memory
FIRST_HOST_RANGE = 3 << 20  # numbers of page-locked host arrays
FIRST_FAST_VARIABLE = 4 << 20  # numbers of the fast build's variables: pointers from get_global lead to them


class Sanitizer:
    """Watches the driver. One at a time; `watch.current()` has it."""

    def __init__(self, leak_check: bool = False) -> None:
        self.reports: list[Report] = []  # of the launches with findings, advice included
        self._leak_check = leak_check
        self._lock = library.one_at_a_time
        self._numbers: dict[int, int] = {}  # start of an allocation -> its number
        self._handles: dict[int, int] = {}  # start -> the runtime's array
        self._sizes: dict[int, int] = {}
        self._next = 0
        self._quarantine: deque[int] = deque()
        self._quarantined = 0
        self._before: set[int] = set()
        for start, size in arena.arena().allocations():
            self._know(start, size, written=not arena.arena().is_untouched(start))
            self._before.add(start)

    # --- what the driver tells ---------------------------------------------------------------------------------------

    def allocated(self, start: int, size: int) -> None:
        """Take note of new device memory, in which nothing is written yet."""
        with self._lock:
            self._know(start, size, written=False)

    def freed(self, start: int) -> None:
        """Keep freed memory aside, and give the oldest such memory back for good."""
        with self._lock:
            if start not in self._handles:
                arena.arena().free(start)
                return
            library.library().nogpu_free_array(self._handles[start])
            self._quarantine.append(start)
            self._quarantined += self._sizes[start]
            while self._quarantined > QUARANTINE_BYTES and self._quarantine:
                self._let_go()

    def freed_twice(self, error: Error) -> Error:
        """Return the driver's error with the finding that belongs to it."""
        message = "device memory is freed that was freed before"
        hint = "Call free() once, where the memory is not needed any more; or leave it to Python."
        finding = Finding("memcheck", "double-free", message=message, hint=hint)
        error.findings = [finding]  # type: ignore[attr-defined]
        return error

    def written(self, start: int, size: int) -> None:
        """Take note that the host has written to device memory."""
        library.library().nogpu_mark_written(start, size)

    def empty_quarantine(self) -> None:
        """Give all freed memory back: there is no other left."""
        with self._lock:
            while self._quarantine:
                self._let_go()

    def launch(
        self, function: Function, grid: Triple, block: Triple, arguments: bytes, shared: int, stream: int
    ) -> None:
        """Run a kernel on the inspecting build. Raises LaunchError with `findings` and `report` if there are errors."""
        with self._lock:
            streams.wait_all()
            origin = function.module.origin
            module = inspected_module(origin.source, origin.options)
            call = _Call(self, function, module, arguments)
            launch = Launch(module, function.source_name, block, grid, shared, call)
            call.variables_in()
            try:
                launch.run(settings.kernel_seconds(), with_profile=False, stream=stream, keep_heap=True)
            finally:
                call.variables_out()
                call.release()
            of_blocks = {variable.name for variable in module.shared}
            for finding in launch.findings:
                # Library code copies values around that it never uses; NVIDIA's initcheck looks at global memory only.
                if finding.kind == "uninitialized" and finding.array in of_blocks:
                    finding.severity = "advice"
            report = Report(function.source_name, module.source, block, grid, in_order(launch.findings))
            if report.findings:
                self.reports.append(report)
            if report.errors:
                raise _launch_error(report)

    # --- its end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Forget everything; with leak_check, raise LogicError for memory that was taken and is still held."""
        with self._lock:
            self.empty_quarantine()
            left = [start for start in self._handles if start not in self._before]
            for handle in self._handles.values():
                library.library().nogpu_forget_array(handle)
            self._handles.clear()
            if self._leak_check and left:
                raise _leak_error([self._sizes[start] for start in left])

    def number_of(self, start: int) -> int:
        """Return the number by which the runtime knows the allocation."""
        return self._numbers[start]

    def known(self) -> list[tuple[int, int, int]]:
        """Return (number, start, size) of every allocation, freed ones in quarantine included."""
        return [(self._numbers[start], start, self._sizes[start]) for start in self._handles]

    def _know(self, start: int, size: int, written: bool) -> None:
        self._next += 1
        self._numbers[start], self._sizes[start] = self._next, size
        self._handles[start] = library.library().nogpu_know_array(
            start, size, library.GLOBAL, self._next, arena.GAP, written or size > TRACKED_BYTES
        )

    def _let_go(self) -> None:
        start = self._quarantine.popleft()
        self._quarantined -= self._sizes.pop(start)
        library.library().nogpu_forget_array(self._handles.pop(start))
        del self._numbers[start]
        arena.arena().free(start)


class _Call:
    """The arguments of one launch through the driver, for `Launch`."""

    def __init__(self, sanitizer: Sanitizer, function: Function, module: InspectedModule, arguments: bytes) -> None:
        self._arguments = arguments
        self._function, self._module = function, module
        self._known: list[int] = []
        self.memories: dict[int, Memory] = {}
        for number, start, size in sanitizer.known():
            self.memories[number] = Memory("device memory", 0, size, library.GLOBAL, 0, start)
        self._pointers: list[tuple[int, str]] = []
        for want, text in zip(
            module.parameters(function.source_name), module.parameter_texts(function.source_name), strict=True
        ):
            if want.kind == "P":
                self._name(sanitizer, int.from_bytes(arguments[want.offset : want.offset + 8], "little"), text)
        self._know_host_memory()
        self._know_fast_variables()

    def _name(self, sanitizer: Sanitizer, pointer: int, text: object) -> None:
        """Give the allocation that `pointer` leads to the parameter's name and type."""
        for number, start, size in sanitizer.known():
            if start <= pointer < start + max(size, 1):
                item = int(text.pointee[1:] or 0)  # type: ignore[attr-defined]
                name = text.name  # type: ignore[attr-defined]
                self.memories[number] = Memory(name, item, size, library.GLOBAL, size // item if item else 0, start)
                return
        self._pointers.append((pointer, text.name))  # type: ignore[attr-defined]

    def _know_host_memory(self) -> None:
        """Page-locked host memory may be used by kernels, too."""
        for number, (start, end) in enumerate(page_locked.ranges(), FIRST_HOST_RANGE):
            if arena.arena().allocation_of(start) is None:
                self._know(number, Memory("host memory", 0, end - start, library.GLOBAL, 0, start), guard=0)

    def _know_fast_variables(self) -> None:
        for number, (name, (start, size)) in enumerate(self._function.module.variables().items(), FIRST_FAST_VARIABLE):
            if size:
                self._know(number, Memory(name, 0, size, library.GLOBAL, 0, start), guard=0)

    def _know(self, number: int, memory: Memory, guard: int) -> None:
        self.memories[number] = memory
        self._known.append(
            library.library().nogpu_know_array(memory.address, memory.size, library.GLOBAL, number, guard, True)
        )

    def packed(self) -> bytes:
        """Return the argument block as the driver has it."""
        return bytes(self._arguments)

    def host_pointer(self, address: int) -> str:
        """Return the name of the pointer argument that is no device memory and that `address` is near, or ""."""
        for pointer, name in self._pointers:
            if NEAR_NULL < pointer < END_OF_ADDRESSES and abs(address - pointer) < 1 << 30:
                return name
        return ""

    def variables_in(self) -> None:
        """Give the inspecting build's variables the values that the fast build's have."""
        self._copy_variables(into_inspected=True)

    def variables_out(self) -> None:
        """Hand the values back."""
        self._copy_variables(into_inspected=False)

    def _copy_variables(self, into_inspected: bool) -> None:
        inspected = self._module.variable_addresses()
        for name, (fast, size) in self._function.module.variables().items():
            is_constant = name in self._module.symbols.constants  # its memory cannot be written, and says the same
            if name in inspected and inspected[name][1] == size and not is_constant:
                there = inspected[name][0]
                ctypes.memmove(*((there, fast) if into_inspected else (fast, there)), size)

    def release(self) -> None:
        """Forget what was known for this launch only."""
        for handle in self._known:
            library.library().nogpu_forget_array(handle)


def _launch_error(report: Report) -> LaunchError:
    first = report.errors[0]
    more = f" (and {len(report.errors) - 1} more)" if len(report.errors) > 1 else ""
    line = f", line {first.line}" if first.line else ""
    text = f"the sanitizer found in kernel {report.kernel}: {first.kind}{line}: {first.message}{more}. {first.hint}"
    error = cuda_error("cuLaunchKernel", Result.LAUNCH_FAILED, text)
    assert isinstance(error, LaunchError)
    error.findings, error.report = report.findings, report  # type: ignore[attr-defined]
    return error


def _leak_error(sizes: Sequence[int]) -> LogicError:
    findings = [
        Finding("memcheck", "leak", message=f"{size} bytes of device memory are still held at the end",
                hint="Call free() on the allocation, or let the last name for it go (del).")
        for size in sizes
    ]  # fmt: skip
    error = cuda_error(
        "sanitizer", Result.INVALID_VALUE,
        f"{len(sizes)} allocation{'s' * (len(sizes) != 1)} ({sum(sizes)} bytes), made inside, still held at the end",
    )  # fmt: skip
    assert isinstance(error, LogicError)
    error.findings = findings  # type: ignore[attr-defined]
    return error


@contextmanager
def sanitizer(leak_check: bool = False) -> Iterator[Sanitizer]:
    """Inspect every launch through the PyCUDA stand-in inside the with block.

    The first launch with an error raises `pycuda.driver.LaunchError`; its `findings` and `report` tell more. With
    `leak_check`, device memory that was allocated inside and is still held at the end raises LogicError with
    `findings`. The object has `reports`: of all launches with findings, advice included. It cannot be nested.
    """
    if watch.current() is not None:
        raise ValueError("the sanitizer is on already")
    streams.wait_all()
    watcher = Sanitizer(leak_check)
    watch.set_current(watcher)
    try:
        yield watcher
    except BaseException:
        _end(watcher, quietly=True)
        raise
    _end(watcher)


def _end(watcher: Sanitizer, quietly: bool = False) -> None:
    watch.set_current(None)
    if quietly:
        watcher._leak_check = False
    watcher.close()
