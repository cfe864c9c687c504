"""Turns a kernel's failure, recorded by the runtime, into the exception that a CUDA programmer knows.

On a GPU such a failure spoils the context for good. Here it is raised once, at the next call that waits, and then
forgotten: a notebook goes on.
"""

from __future__ import annotations

import ctypes
import sys

from .errors import Error, Result, cuda_error
from .runtime import Fault, FaultKind, library

_RESULTS = {
    FaultKind.ILLEGAL_ADDRESS: Result.ILLEGAL_ADDRESS,
    FaultKind.STACK_OVERFLOW: Result.LAUNCH_FAILED,
    FaultKind.ARITHMETIC: Result.LAUNCH_FAILED,
    FaultKind.TIMEOUT: Result.LAUNCH_TIMEOUT,
    FaultKind.ASSERTION: Result.ASSERT,
    FaultKind.DEADLOCK: Result.LAUNCH_TIMEOUT,
    FaultKind.OUT_OF_MEMORY: Result.LAUNCH_OUT_OF_RESOURCES,
    FaultKind.ILLEGAL_INSTRUCTION: Result.ILLEGAL_INSTRUCTION,
    FaultKind.TRAP: Result.LAUNCH_FAILED,
}


def raise_pending(routine: str) -> None:
    """Raise what went wrong in a kernel since the last call, if anything did, in the name of `routine`."""
    if not library().nogpu_fault_pending():
        return
    fault = Fault()
    if library().nogpu_take_fault(ctypes.byref(fault)):
        raise _exception(routine, fault)


def _exception(routine: str, fault: Fault) -> BaseException:
    kind = FaultKind(fault.kind)
    if kind == FaultKind.CANCELLED:
        return KeyboardInterrupt("a kernel was ended")
    kernel = fault.kernel.decode(errors="replace")
    message = fault.message.decode(errors="replace")
    where = f"thread {_triple(fault.thread)} of block {_triple(fault.block)}"
    if kind == FaultKind.TIMEOUT:
        advice = "an endless loop, or too much work? NOGPU_KERNEL_SECONDS sets the limit"
        detail = f"kernel {kernel}: {message}, in {where} among others: {advice}"
    elif kind == FaultKind.ILLEGAL_ADDRESS:
        detail = f"kernel {kernel}: {_address(fault.address)}, {where}"
    elif kind == FaultKind.ASSERTION:
        detail = f"{message}, {where}"
        sys.stderr.write(f"{message}, {where}\n")  # where CUDA writes it, too
    else:
        detail = f"kernel {kernel}: {message}, {where}"
    error: Error = cuda_error(routine, _RESULTS.get(kind, Result.LAUNCH_FAILED), detail)
    return error


def _address(address: int) -> str:
    if address < 4096:
        return f"address {address:#x}, a null pointer"
    if address == 0xFFFFFFFFFFFFFFFF or address >> 48:
        return "an address that cannot exist"
    return f"address {address:#x} is not device memory"


def _triple(numbers: ctypes.Array[ctypes.c_uint]) -> str:
    return "({}, {}, {})".format(*numbers)
