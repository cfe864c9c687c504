"""What ended an inspected kernel from outside (a signal, the watchdog) as a `Finding`."""

from __future__ import annotations

import ctypes

from ..runtime import Fault, FaultKind
from .library import ATOMIC, VOLATILE, library
from .report import Finding
from .wording import BAD_POINTER_HINT, LOCAL_ARRAY_HINT, Scene, name_thread

_KINDS = {
    FaultKind.ILLEGAL_ADDRESS: "bad-address",
    FaultKind.STACK_OVERFLOW: "stack-overflow",
    FaultKind.ARITHMETIC: "division-by-zero",
    FaultKind.TIMEOUT: "endless",
    FaultKind.ASSERTION: "assert",
    FaultKind.TRAP: "assert",
    FaultKind.ILLEGAL_INSTRUCTION: "bad-address",
    FaultKind.OUT_OF_MEMORY: "stack-overflow",
}
_HINTS = {
    "bad-address": BAD_POINTER_HINT,
    "stack-overflow": "End the recursion, or move the large local array to shared or global memory.",
    "division-by-zero": "Test the divisor first. A GPU gives some number here and goes on: you would not notice.",
    "endless": "Look at the loop's condition: can what it tests change in the loop?",
    "deadlock": "On a GPU this may hang for good. Let the thread that waits and the one that is waited for not depend "
    "on which of them runs first; threads of a block wait for each other with __syncthreads().",
    "assert": "The condition in assert(...) was false: print its parts with printf to see why.",
}


def take_fault(scene: Scene, stopped_at: int, last_site: int, last_how: int) -> Finding | None:
    """Return the finding for the fault that the runtime holds, if it does; KeyboardInterrupt if the learner ended it.

    `stopped_at` is the line where the kernel was when the signal came, 0 if unknown; `last_site` its last access.
    """
    fault = Fault()
    if not library().nogpu_fault_pending() or not library().nogpu_take_fault(ctypes.byref(fault)):
        return None
    kind = FaultKind(fault.kind)
    if kind == FaultKind.CANCELLED:
        raise KeyboardInterrupt("the inspected kernel was ended")
    name = _KINDS.get(kind, "bad-address")
    message = fault.message.decode(errors="replace")
    line = stopped_at or scene.line_of_site(last_site)
    if kind == FaultKind.TIMEOUT and last_how & (ATOMIC | VOLATILE):
        name, line = "deadlock", scene.line_of_site(last_site) or line
    if name == "assert":
        line = _line_of_assertion(message)
    finding = Finding(
        tool="synccheck" if name in ("deadlock", "endless") else "memcheck",
        kind=name,
        line=line,
        text=scene.text(line),
        thread=_triple(fault.thread),
        block=_triple(fault.block),
        hint=_HINTS[name],
    )
    if kind == FaultKind.ILLEGAL_ADDRESS and fault.address >= 4096:
        finding.hint += LOCAL_ARRAY_HINT
    at = f" at line {line}" if line else ""
    who = name_thread(finding.thread, finding.block, scene)
    finding.message = {
        "bad-address": f"{who} uses {_address(fault.address)}",
        "stack-overflow": f"{who} has used up its stack: endless recursion, or local arrays that are too large",
        "division-by-zero": f"{who} divides a whole number by zero",
        "endless": f"the kernel was {message}, and was ended; {who} was in the loop{at}",
        "deadlock": f"the kernel was {message}, and was ended; {who} waits here for another thread, "
        "which does not come to the point where it would let it go",
        "assert": f"{who}: {message}",
    }[name]
    return finding


def _triple(numbers: ctypes.Array[ctypes.c_uint]) -> tuple[int, int, int]:
    return numbers[0], numbers[1], numbers[2]


def _address(address: int) -> str:
    return "a null pointer" if address < 4096 else f"address {address:#x}, which is in no array"


def _line_of_assertion(message: str) -> int:
    parts = message.split(":")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
