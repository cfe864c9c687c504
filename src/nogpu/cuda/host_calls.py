"""Python functions as work in a stream: done by the stream's thread, in order with its copies and kernels.

Called by `nogpu.tensorrt`, whose engines run that way. Needs no context of its own: the stream has been made in one.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable

from . import runtime

_numbers = itertools.count(1)
_waiting: dict[int, Callable[[], None]] = {}
_lock = threading.Lock()


def exists(handle: int) -> bool:
    """Say whether `handle` is a stream of this process (0: the default stream)."""
    return handle == 0 or bool(runtime.library().nogpu_stream_exists(handle))


def submit(handle: int, work: Callable[[], None]) -> tuple[int, int]:
    """Put `work` at the end of the stream (0: the default one); return (stream, ticket) for `streams.wait`.

    `work` runs in another thread. It must not raise: there is nobody to hear it. All of it is done before Python shuts
    down, by `streams`.
    """
    library = runtime.library()
    stream = handle or int(library.nogpu_stream_default())
    number = next(_numbers)
    with _lock:
        _waiting[number] = work
    return stream, int(library.nogpu_host_call(stream, ctypes.cast(_call, ctypes.c_void_p), number))


@ctypes.CFUNCTYPE(None, ctypes.c_uint64)
def _call(number: int) -> None:
    with _lock:
        work = _waiting.pop(number)
    work()
