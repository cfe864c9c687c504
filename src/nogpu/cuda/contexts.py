"""Contexts: each CPU thread has a stack of them, and nearly every call wants one to be current.

Nothing is kept in a context here but the rule itself, that there must be one: programs that forget it would fail on a
GPU. Modules, memory and streams live as long as somebody holds them.
"""

from __future__ import annotations

import itertools
import threading

from . import devices
from .devices import Device
from .enumerations import func_cache, limit, shared_config
from .errors import Result, cuda_error
from .runtime import library

API_VERSION = 13000

_numbers = itertools.count(1)


class _Stack(threading.local):
    def __init__(self) -> None:
        self.contexts: list[Context] = []


_stack = _Stack()
_primary: Context | None = None
_lock = threading.Lock()

_LIMITS = {
    limit.STACK_SIZE: 512 << 10,
    limit.PRINTF_FIFO_SIZE: 1 << 20,
    limit.MALLOC_HEAP_SIZE: 8 << 20,
}


def require(routine: str) -> Context:
    """Return the calling thread's current context; LogicError where there is none."""
    if not _stack.contexts:
        devices.require_init(routine)
        raise cuda_error(
            routine,
            Result.INVALID_CONTEXT,
            "this thread has no current context: import pycuda.autoinit, or call Device(0).make_context()",
        )
    return _stack.contexts[-1]


class Context:
    """A context of the device, made by `Device.make_context()`."""

    def __init__(self, device: Device, flags: int = 0) -> None:
        self._device = device
        self._flags = flags
        self._uses = 1
        self.handle = next(_numbers)

    def push(self) -> None:
        """Make this the calling thread's current context."""
        self._require_alive("cuCtxPushCurrent")
        _stack.contexts.append(self)

    @staticmethod
    def pop() -> None:
        """Take the current context off the calling thread's stack; the one below is current then."""
        require("context::pop")
        _stack.contexts.pop()

    def detach(self) -> None:
        """Give up the context; with the last user it is gone."""
        self._require_alive("cuCtxDetach")
        self._uses -= 1
        if self._uses == 0:
            while self in _stack.contexts:
                _stack.contexts.remove(self)

    @staticmethod
    def attach(flags: int = 0) -> Context:
        """Return the current context, with one user more."""
        context = require("cuCtxAttach")
        context._uses += 1
        return context

    @staticmethod
    def get_device() -> Device:
        """Return the current context's device."""
        return require("cuCtxGetDevice")._device

    @staticmethod
    def get_current() -> Context | None:
        """Return the current context, or None."""
        return _stack.contexts[-1] if _stack.contexts else None

    @staticmethod
    def synchronize() -> None:
        """Wait until everything launched so far is done; raise what went wrong in it."""
        from .streams import synchronize_all

        require("cuCtxSynchronize")
        synchronize_all("cuCtxSynchronize")

    @staticmethod
    def set_limit(which: int, value: int) -> None:
        """Set the size of the heap for malloc in kernels; of the others take note: they are fixed here."""
        require("cuCtxSetLimit")
        _LIMITS[limit(which)] = value
        if which == limit.MALLOC_HEAP_SIZE:
            library().nogpu_set_heap_limit(value)

    @staticmethod
    def get_limit(which: int) -> int:
        """Return a limit, in bytes."""
        require("cuCtxGetLimit")
        return _LIMITS.get(limit(which), 0)

    @staticmethod
    def get_cache_config() -> int:
        """Return PREFER_NONE: the CPU's caches cannot be configured."""
        return func_cache.PREFER_NONE

    @staticmethod
    def set_cache_config(configuration: int) -> None:
        """Do nothing: a wish about the GPU's caches does not change results."""

    @staticmethod
    def get_shared_config() -> int:
        """Return the banks' width as on every GPU of today: four bytes."""
        return shared_config.FOUR_BYTE_BANK_SIZE

    @staticmethod
    def set_shared_config(configuration: int) -> None:
        """Do nothing: a wish about shared memory's banks does not change results."""

    def get_api_version(self) -> int:
        """Return the version of the API."""
        return API_VERSION

    @staticmethod
    def enable_peer_access(peer: Context, flags: int = 0) -> None:
        """Do nothing: every context is on the same device."""
        require("cuCtxEnablePeerAccess")

    @staticmethod
    def disable_peer_access(peer: Context) -> None:
        """Do nothing."""
        require("cuCtxDisablePeerAccess")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Context) and self.handle == other.handle

    def __hash__(self) -> int:
        return hash(self.handle)

    def _require_alive(self, routine: str) -> None:
        if self._uses == 0:
            raise cuda_error(routine, Result.INVALID_CONTEXT, "the context was detached: make a new one")


def primary_context(device: Device) -> Context:
    """Return the one context that all users of the device share."""
    global _primary
    with _lock:
        if _primary is None or _primary._uses == 0:
            _primary = Context(device)
        else:
            _primary._uses += 1
        return _primary
