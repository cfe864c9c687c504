"""The errors of the CUDA driver: its result codes, and the exception classes that PyCUDA makes of them.

Every room of this package raises through `cuda_error`. Codes and texts are those of cuda.h (`cuGetErrorString`);
which exception class a code becomes is PyCUDA's rule (`translate_cuda_error` in its wrap_cudadrv.cpp).
"""

from __future__ import annotations

from enum import IntEnum


class Error(Exception):
    """Any failure of the CUDA driver."""


class MemoryError(Error):
    """The device has not enough memory."""


class LogicError(Error):
    """The program asked for something that makes no sense: most mistakes end here."""


class LaunchError(Error):
    """A kernel failed while it ran, or could not be started with these resources."""


class RuntimeError(Error):
    """The state of the machine or of a stream does not allow the call."""


for _class in (Error, MemoryError, LogicError, LaunchError, RuntimeError):
    _class.__module__ = "pycuda._driver"  # where PyCUDA's users know them


class Result(IntEnum):
    """CUresult: what went wrong."""

    INVALID_VALUE = 1
    OUT_OF_MEMORY = 2
    NOT_INITIALIZED = 3
    NO_DEVICE = 100
    INVALID_DEVICE = 101
    INVALID_IMAGE = 200
    INVALID_CONTEXT = 201
    NO_BINARY_FOR_GPU = 209
    FILE_NOT_FOUND = 301
    INVALID_HANDLE = 400
    NOT_FOUND = 500
    NOT_READY = 600
    ILLEGAL_ADDRESS = 700
    LAUNCH_OUT_OF_RESOURCES = 701
    LAUNCH_TIMEOUT = 702
    ASSERT = 710
    ILLEGAL_INSTRUCTION = 715
    LAUNCH_FAILED = 719
    NOT_SUPPORTED = 801
    UNKNOWN = 999


TEXTS = {
    Result.INVALID_VALUE: "invalid argument",
    Result.OUT_OF_MEMORY: "out of memory",
    Result.NOT_INITIALIZED: "initialization error",
    Result.NO_DEVICE: "no CUDA-capable device is detected",
    Result.INVALID_DEVICE: "invalid device ordinal",
    Result.INVALID_IMAGE: "device kernel image is invalid",
    Result.INVALID_CONTEXT: "invalid device context",
    Result.NO_BINARY_FOR_GPU: "no kernel image is available for execution on the device",
    Result.FILE_NOT_FOUND: "file not found",
    Result.INVALID_HANDLE: "invalid resource handle",
    Result.NOT_FOUND: "named symbol not found",
    Result.NOT_READY: "device not ready",
    Result.ILLEGAL_ADDRESS: "an illegal memory access was encountered",
    Result.LAUNCH_OUT_OF_RESOURCES: "too many resources requested for launch",
    Result.LAUNCH_TIMEOUT: "the launch timed out and was terminated",
    Result.ASSERT: "device-side assert triggered",
    Result.ILLEGAL_INSTRUCTION: "an illegal instruction was encountered",
    Result.LAUNCH_FAILED: "unspecified launch failure",
    Result.NOT_SUPPORTED: "operation not supported",
    Result.UNKNOWN: "unknown error",
}

CLASSES: dict[Result, type[Error]] = {
    Result.OUT_OF_MEMORY: MemoryError,
    Result.LAUNCH_FAILED: LaunchError,
    Result.LAUNCH_OUT_OF_RESOURCES: LaunchError,
    Result.LAUNCH_TIMEOUT: LaunchError,
    Result.NO_DEVICE: RuntimeError,
    Result.NO_BINARY_FOR_GPU: RuntimeError,
    Result.FILE_NOT_FOUND: RuntimeError,
    Result.NOT_READY: RuntimeError,
    Result.UNKNOWN: Error,
}


def cuda_error(routine: str, result: Result, detail: str = "") -> Error:
    """Return the exception that PyCUDA raises when `routine`, a function of the CUDA driver, answers `result`.

    Its text is PyCUDA's, "cuMemAlloc failed: out of memory", and ` - detail` where there is more to say.
    """
    text = f"{routine} failed: {TEXTS[result]}"
    return CLASSES.get(result, LogicError)(f"{text} - {detail}" if detail else text)


def not_supported(what: str, instead: str) -> Error:
    """Return the error for a part of CUDA that the CPU stand-in leaves out; `instead` says what to do."""
    return cuda_error(what, Result.NOT_SUPPORTED, f"the CPU stand-in leaves this out: {instead}")
