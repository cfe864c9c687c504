"""Streams and events, and waiting for them: the only places where the outcome of asynchronous work comes to light.

The queues themselves are C++ (runtime_source/stream.cpp). Here: what keeps host memory alive while a copy is under
way, Ctrl-C while waiting, printing what kernels printed, and raising what went wrong in them.
"""

from __future__ import annotations

import atexit
import ctypes
import sys
import threading
from collections import deque
from typing import Any

from . import contexts
from .enumerations import event_flags
from .errors import Error, Result, cuda_error
from .faults import raise_pending
from .runtime import Fault, is_loaded, library

POLL_MILLISECONDS = 50  # how long Ctrl-C may have to wait
NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: not ordered with the default stream

_keeping: deque[tuple[int, int, Any]] = deque()  # (stream, ticket, what must live until then)
_keeping_lock = threading.Lock()


class Stream:
    """A queue of copies and kernels that run in order, beside the other streams and beside Python."""

    def __init__(self, flags: int = 0) -> None:
        contexts.require("cuStreamCreate")
        self.handle: int = library().nogpu_stream_create(0 if flags & NON_BLOCKING else 1)

    def synchronize(self) -> None:
        """Wait until all work in the stream is done; raise what went wrong."""
        wait(self.handle)
        finish("cuStreamSynchronize")

    def is_done(self) -> bool:
        """Say whether all work in the stream is done, without waiting."""
        submitted = library().nogpu_stream_submitted(self.handle)
        if not library().nogpu_stream_wait(self.handle, submitted, 0):
            return False
        finish("cuStreamQuery")
        return True

    def wait_for_event(self, event: Event) -> None:
        """Let the stream's later work wait until `event` has happened."""
        library().nogpu_stream_wait_event(self.handle, event.handle)

    def __del__(self) -> None:
        handle = getattr(self, "handle", None)
        if handle is not None and not sys.is_finalizing():
            library().nogpu_stream_destroy(handle)


class Event:
    """A mark in a stream. Times between two events are CPU time: they say nothing about a GPU."""

    def __init__(self, flags: int = 0) -> None:
        contexts.require("cuEventCreate")
        self.handle: int = library().nogpu_event_create()
        self._timing = not flags & event_flags.DISABLE_TIMING
        self._mark: tuple[int, int] | None = None

    def record(self, stream: Stream | None = None) -> Event:
        """Put the mark at the end of `stream`, the default stream when None."""
        contexts.require("cuEventRecord")
        handle = handle_of(stream)
        self._mark = (handle, library().nogpu_event_record(self.handle, handle))
        return self

    def synchronize(self) -> Event:
        """Wait until the mark is reached; raise what went wrong before."""
        if self._mark is not None:
            wait(*self._mark)
        finish("cuEventSynchronize")
        return self

    def query(self) -> bool:
        """Say whether the mark is reached."""
        return self._mark is None or bool(library().nogpu_stream_wait(*self._mark, 0))

    def time_since(self, earlier: Event) -> float:
        """Return the milliseconds of CPU time from `earlier` to this event. Both must have happened."""
        for event in (earlier, self):
            if event._mark is None or not event._timing:
                why = "an event was not recorded" if event._timing else "an event was made with DISABLE_TIMING"
                raise cuda_error("cuEventElapsedTime", Result.INVALID_HANDLE, why)
            if not event.query():
                raise cuda_error("cuEventElapsedTime", Result.NOT_READY, "call synchronize() on the later event first")
        times = [library().nogpu_event_nanoseconds(event.handle) for event in (earlier, self)]
        return (times[1] - times[0]) * 1e-6

    def time_till(self, later: Event) -> float:
        """Return the milliseconds of CPU time from this event to `later`."""
        return later.time_since(self)

    def ipc_handle(self) -> None:
        """Refuse: there is nobody to share the device with."""
        raise cuda_error("cuIpcGetEventHandle", Result.NOT_SUPPORTED, "the CPU stand-in shares nothing")

    def __del__(self) -> None:
        handle = getattr(self, "handle", None)
        if handle is not None and not sys.is_finalizing():
            library().nogpu_event_destroy(handle)


def handle_of(stream: Stream | None) -> int:
    """Return the runtime's stream: the default one for None."""
    if stream is None:
        return int(library().nogpu_stream_default())
    if not isinstance(stream, Stream):
        raise TypeError(f"stream must be a pycuda.driver.Stream or None, not {type(stream).__name__}")
    return stream.handle


def keep_until(stream: int, ticket: int, thing: Any) -> None:
    """Hold on to `thing`, memory that the task `ticket` of `stream` uses, until the task is done."""
    with _keeping_lock:
        _keeping.append((stream, ticket, thing))
        while _keeping and library().nogpu_stream_wait(_keeping[0][0], _keeping[0][1], 0):
            _keeping.popleft()


def wait(stream: int, ticket: int | None = None) -> None:
    """Wait for a task of `stream`, the last one by default. Ctrl-C ends the kernels that run and is raised."""
    runtime = library()
    if ticket is None:
        ticket = runtime.nogpu_stream_submitted(stream)
    try:
        while not runtime.nogpu_stream_wait(stream, ticket, POLL_MILLISECONDS):
            pass
    except KeyboardInterrupt:
        runtime.nogpu_cancel()
        runtime.nogpu_stream_wait(stream, ticket, 1000)
        runtime.nogpu_take_fault(ctypes.byref(Fault()))
        raise


def wait_all() -> None:
    """Wait for everything submitted so far, to every stream."""
    ticket = library().nogpu_gather()
    if ticket:
        wait(library().nogpu_stream_gathering(), ticket)


def synchronize_all(routine: str) -> None:
    """Wait for everything, show what was printed, raise what went wrong."""
    wait_all()
    with _keeping_lock:
        _keeping.clear()
    finish(routine)


def _leave() -> None:
    """Do at the program's end what CUDA does when the last context goes: finish the work, show what kernels printed."""
    if not is_loaded():
        return
    try:
        synchronize_all("cuCtxDestroy")
    except Error as error:  # in PyCUDA's words; nobody could catch it any more
        sys.stderr.write(f"PyCUDA WARNING: a clean-up operation failed (dead context maybe?)\n{error}\n")


atexit.register(_leave)


def finish(routine: str) -> None:
    """Show what kernels printed so far, then raise the first thing that went wrong in one, if any."""
    show_output()
    raise_pending(routine)


def show_output() -> None:
    """Write what kernels have printed to Python's standard output."""
    buffer = ctypes.create_string_buffer(1 << 16)
    dropped = ctypes.c_size_t()
    lost = 0
    while True:
        size = library().nogpu_take_output(buffer, len(buffer), ctypes.byref(dropped))
        lost += dropped.value
        if not size:
            break
        sys.stdout.write(buffer.raw[:size].decode(errors="replace"))
    if lost:
        sys.stdout.write(f"[printf buffer full: {lost} later prints are lost]\n")
