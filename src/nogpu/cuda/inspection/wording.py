"""Turns what the runtime recorded of a defect into a `Finding` whose message a beginner understands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from . import library
from .buffers import Memory
from .library import ATOMIC, KINDS, WRITE, FindingRecord
from .report import Finding, Triple

TOOLS = {
    "race": "racecheck", "uninitialized": "initcheck", "divergent-barrier": "synccheck", "missing-lane": "synccheck",
    "deadlock": "synccheck", "early-exit": "synccheck",
}  # fmt: skip
OVERFLOWS = 1 << 20  # an index as far out, and FAR times as far as the array reaches, is no slip by one
FAR = 1000
OVERFLOW_HINT = (
    "So far out an index is often an int that has overflowed (beyond 2,147,483,647), or one that nobody has set: "
    "compute it as size_t or long long."
)
BAD_POINTER_HINT = "Check where the pointer comes from, and the index that is added to it."
LOCAL_ARRAY_HINT = " (Writing past a local array's end can change a pointer, too.)"


@dataclass
class Scene:
    """What all findings of a launch have in common."""

    source_lines: Sequence[str]
    block: Triple
    grid: Triple
    memories: Mapping[int, Memory]
    line_of_site: Callable[[int], int]
    host_pointer: Callable[[int], str]  # the argument that leads to an address of the host, or ""

    def text(self, line: int) -> str:
        """Return the text of a source line."""
        return self.source_lines[line - 1] if 0 < line <= len(self.source_lines) else ""

    def has_barrier_between(self, line: int, other: int) -> bool:
        """Say whether a __syncthreads() stands between two lines of the source, or in the later one."""
        first, last = sorted((line, other))
        return any("__syncthreads" in text for text in self.source_lines[first:last])

    def is_flat(self) -> bool:
        """Say whether blocks and grid have one dimension only."""
        return self.block[1:] == self.grid[1:] == (1, 1)

    def thread(self, linear: int) -> Triple:
        """Return the threadIdx of a thread's linear index."""
        x, y, _ = self.block
        return linear % x, linear // x % y, linear // (x * y)

    def block_at(self, linear: int) -> Triple:
        """Return the blockIdx of a block's linear index."""
        x, y, _ = self.grid
        return linear % x, linear // x % y, linear // (x * y)


def finding_of(record: FindingRecord, scene: Scene) -> Finding:
    """Return the finding that `record` tells of."""
    kind = KINDS[record.defect]
    if kind == "bad-address" and scene.host_pointer(record.address):
        kind = "host-pointer"
    line = record.line or scene.line_of_site(record.site)
    other_line = record.other_line or scene.line_of_site(record.other_site)
    memory = scene.memories.get(record.array)
    finding = Finding(
        tool=TOOLS.get(kind, "memcheck"),
        kind=kind,
        line=line,
        text=scene.text(line),
        other_line=other_line,
        other_text=scene.text(other_line),
        thread=scene.thread(record.thread),
        block=scene.block_at(record.block),
        array=memory.name if memory else "",
        index=element(record.offset, memory),
        count=int(record.count),
    )
    _SENTENCES[kind](finding, record, memory, scene)
    return finding


def element(offset: int, memory: Memory | None) -> int | None:
    """Return the index of the element at `offset` bytes."""
    return offset // memory.element_size if memory and memory.element_size else None


def who(finding: Finding, scene: Scene) -> str:
    """Return "thread (3,0,0)", with the block where there are several."""
    return name_thread(finding.thread, finding.block, scene)


def name_thread(thread: Triple | None, block: Triple | None, scene: Scene) -> str:
    """Return "thread (3,0,0) of block (1,0,0)"; the block only where there are several."""
    assert thread is not None and block is not None
    of = f" of block {triple(block)}" if scene.grid != (1, 1, 1) else ""
    return f"thread {triple(thread)}{of}"


def triple(numbers: Triple) -> str:
    """Return "(1,0,0)"."""
    return "({},{},{})".format(*numbers)


def verb(how: int) -> str:
    """Return what an access does, in a word."""
    return "updates (atomically)" if how & ATOMIC else "writes" if how & WRITE else "reads"


def place(finding: Finding, memory: Memory | None) -> str:
    """Return "x[100]", or the array with a distance in bytes where its elements are unknown."""
    if memory is None:
        return "memory"
    return f"{memory.name}[{finding.index}]" if finding.index is not None else memory.name


def _out_of_bounds(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    assert memory is not None
    if memory.space == library.HEAP:
        finding.message = (
            f"{who(finding, scene)} {verb(record.how)} byte {record.offset} from the start of {memory.name}"
        )
        finding.message += ", before it" if record.offset < 0 else ", behind its end"
        finding.hint = "Ask malloc for as many bytes as the loop touches: n * sizeof(float), not n."
        return
    what = place(finding, memory)
    if memory.size == 0:
        has = f"{memory.name} has no elements"
    elif memory.element_size:
        has = f"{memory.name} has {memory.elements} element{'s' * (memory.elements != 1)}"
        has += f", {memory.name}[0] to {memory.name}[{memory.elements - 1}]" if memory.elements > 1 else ""
    else:
        what, has = f"byte {record.offset} of {memory.name}", f"{memory.name} has {memory.size} bytes"
    finding.message = f"{who(finding, scene)} {verb(record.how)} {what}, and {has}"
    if memory.is_dynamic:
        finding.hint = (
            f"The launch gives {memory.size} bytes of dynamic shared memory: pass shared= the number of elements times "
            "their size in bytes."
        )
    elif finding.index is not None and finding.index < -OVERFLOWS:
        finding.hint = OVERFLOW_HINT
    elif record.offset < 0:
        finding.hint = (
            "The index is below 0: leave the first elements out, as with if (i > 0), or give them a value of their own."
        )
    elif finding.index is not None and finding.index > FAR * max(memory.elements, 1) and finding.index > OVERFLOWS:
        finding.hint = OVERFLOW_HINT
    elif scene.is_flat():
        finding.hint = "Compare the index with the array's size before you use it: if (i < n)."
    else:
        finding.hint = (
            "Compare row and column with the array's height and width before you use them; and see that neither they "
            "nor the grid's x and y are swapped: row * width + column."
        )


def _bad_address(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    what = "a null pointer" if record.address < 4096 else f"address {record.address:#x}, which is in no array"
    finding.message = f"{who(finding, scene)} {verb(record.how)} {what}"
    finding.hint = BAD_POINTER_HINT + (LOCAL_ARRAY_HINT if record.address >= 4096 else "")


def _host_pointer(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.array = scene.host_pointer(record.address)
    finding.message = (
        f"{who(finding, scene)} {verb(record.how)} through {finding.array}, which points to the host's memory: a GPU "
        "cannot see that"
    )
    finding.hint = "Copy the array to the device first, and pass the device's pointer."


def _use_after_free(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.message = f"{who(finding, scene)} {verb(record.how)} {place(finding, memory)}, which has been freed"
    finding.hint = "Free memory only after the last kernel that uses it; keep the Python object alive until then."


def _double_free(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.message = f"{who(finding, scene)} frees memory that is not allocated (or was freed before)"
    finding.hint = "Free each pointer that malloc (or new) returned once, by one thread."


def _misaligned(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    size = int(record.size)
    of = f" of {memory.name}" if memory else ""
    finding.message = (
        f"{who(finding, scene)} {verb(record.how)} {size} bytes at once from byte {record.offset}{of}, and the address "
        f"is no multiple of {size}"
    )
    finding.hint = (
        f"An access of {size} bytes (float2, float4, double ...) must begin at a multiple of {size} bytes: start it at "
        f"an element that is, or use the plain type."
    )


def _uninitialized(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.message = f"{who(finding, scene)} {verb(record.how)} {place(finding, memory)}, which nobody has written"
    if memory and memory.space == library.SHARED:
        finding.hint = "Shared memory starts with arbitrary values: have some thread write each element first."
    else:
        finding.hint = "Memory from mem_alloc (gpuarray.empty) has arbitrary values: fill it first, or copy to it."


def _race(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.other_thread = scene.thread(record.other_thread)
    finding.other_block = scene.block_at(record.other_block)
    across = finding.block != finding.other_block
    same_warp = not across and record.thread // 32 == record.other_thread // 32
    how, other_how = record.how, record.other_how
    # Nothing orders the two: told is the order that a reader of the source sees. Where a barrier stands between the
    # lines and the earlier line came second nevertheless, it is the next turn of a loop that comes too early.
    next_turn = False
    if finding.line < finding.other_line:
        next_turn = not across and scene.has_barrier_between(finding.line, finding.other_line)
        if not next_turn:
            _swap(finding)
            how, other_how = other_how, how
    here, there = who(finding, scene), triple(finding.other_thread)
    other = f"thread {there} of block {triple(finding.other_block)}" if across else f"thread {there}"
    did = "updated it (atomically)" if other_how & ATOMIC else "wrote it" if other_how & WRITE else "read it"
    at = "the same line" if finding.line == finding.other_line else f"line {finding.other_line}"
    if across:
        between = "and nothing orders the blocks of a launch"
    elif same_warp:
        between = "and neither a barrier nor __syncwarp() stands between"
    else:
        between = "and no barrier stands between"
    turn = " in the next turn of the loop" if next_turn else ""
    access = f"{verb(how)} {place(finding, memory)} at line {finding.line}{turn}"
    finding.message = f"{here} {access} after {other} {did} at {at}, {between}"
    same_line, same_thread = finding.line == finding.other_line, record.thread == record.other_thread
    if (how | other_how) & ATOMIC:
        hint = (
            "Atomic functions protect only from each other: make every access to it atomic, or put a barrier between."
        )
    elif same_line and _adds_up(finding.text, finding.array):
        hint = "If many threads add to one place, use an atomic function: atomicAdd(&x, value) for x += value."
        if across and same_thread and not re.search(r"\[[^\]]*\[", finding.text):  # not bins[x[i]]++
            hint += " If each was to have a place of its own: does the index lack blockIdx.x * blockDim.x?"
    elif same_line and not how & other_how & WRITE:
        if across or memory is None or memory.space != library.SHARED:
            hint = "Write the results to another array: no thread may overwrite what another still has to read."
        else:
            hint = (
                "Let all threads pass a __syncthreads() before the next step (at the end of the loop's body, outside "
                "of the if), or read into a variable, __syncthreads(), and then write."
            )
    elif across and how & WRITE and other_how & WRITE:
        hint = "Let each block write elements of its own, or combine with an atomic function such as atomicAdd."
        if same_line and same_thread:
            hint += " Does the index lack blockIdx.x * blockDim.x?"
    elif across:
        hint = (
            "What a block writes, another may read in the next launch only: make two kernels of it. (Or write, call "
            "__threadfence(), and announce it by an atomic function.)"
        )
    elif how & WRITE and other_how & WRITE:
        hint = "Only one of the values stays, and which one is chance: let each thread write its own, or use atomicAdd."
    elif next_turn:
        hint = "Put a second __syncthreads() at the loop's end: nobody may write before all have read."
    elif same_warp:
        hint = "Lanes of a warp do not run in step: put __syncwarp() or __syncthreads() between the two."
    else:
        hint = "Put __syncthreads() between the two, where every thread of the block passes it."
    finding.hint = hint


def _adds_up(text: str, array: str) -> bool:
    """Say whether a line such as `total += x[i]` changes an element, and reads no other element of the same array."""
    match = re.search(r"[-+*|&^]=|\+\+|--", text)
    if match is None:
        return False
    value = text[match.end() :].partition(";")[0] if match.group().endswith("=") else ""
    return not array or re.search(rf"\b{re.escape(array)}\b", value) is None


def _swap(finding: Finding) -> None:
    finding.line, finding.other_line = finding.other_line, finding.line
    finding.text, finding.other_text = finding.other_text, finding.text
    finding.thread, finding.other_thread = finding.other_thread, finding.thread
    finding.block, finding.other_block = finding.other_block, finding.block


def _divergent_barrier(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.other_thread = scene.thread(record.other_thread)
    finding.other_block = finding.block
    finding.message = (
        f"{who(finding, scene)} waits at the __syncthreads() of line {finding.line}, and thread "
        f"{triple(finding.other_thread)} of the same block at that of line {finding.other_line}"
    )
    finding.hint = (
        "All threads of a block must come to the same __syncthreads(): move it out of the if, or of the loop."
    )


def _early_exit(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.other_thread, finding.other_block = scene.thread(record.other_thread), finding.block
    of = f" of block {triple(finding.block)}" if scene.grid != (1, 1, 1) and finding.block else ""
    thread = f"thread {triple(finding.thread)}{of}" if finding.thread else "a thread"
    others = f" (and {record.count - 1} more)" if record.count > 1 else ""
    worked_on = finding.other_line if finding.other_line > finding.line else 0
    finding.other_line, finding.other_text = worked_on, scene.text(worked_on)
    if worked_on or record.how:  # it has missed the barrier and was still running
        finding.kind = "divergent-barrier"
        went = f"and goes on to line {worked_on}" if worked_on else "although it has passed it in an earlier turn"
        finding.message = (
            f"{thread}{others} never comes to the __syncthreads() of line {finding.line} at which the others of the "
            f"block wait, {went}"
        )
        finding.hint = (
            "All threads of a block must come to the same __syncthreads(): move it out of the if, or of the loop."
        )
        return
    finding.severity = "advice"
    finding.other_line, finding.other_text = 0, ""
    finding.message = (
        f"{thread}{others} ended before the __syncthreads() of line {finding.line}, at which the others wait"
    )
    finding.hint = (
        "Today's GPUs wait only for threads that have not ended, older ones hang: keep all threads to the last "
        "barrier, and put only the work into if (i < n)."
    )


def _missing_lane(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.other_thread, finding.other_block = scene.thread(record.other_thread), finding.block
    lane = record.other_thread % 32
    if record.other_thread == record.thread:
        finding.message = f"{who(finding, scene)} calls the warp function, and the mask does not name its lane, {lane}"
    elif record.how & WRITE:
        finding.message = (
            f"{who(finding, scene)} takes a value from lane {lane} of its warp, which does not take part: what it gets "
            "is undefined"
        )
    else:
        at = f": it waits at line {finding.other_line}" if finding.other_line else ""
        finding.message = (
            f"{who(finding, scene)} waits in a warp function for lane {lane}, which the mask names and which never "
            f"comes{at}"
        )
    finding.hint = (
        "Let all lanes that the mask names call the function together: take it out of the if, or name fewer lanes."
    )


def _deadlock(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.message = f"{who(finding, scene)} waits at line {finding.line} for threads of its block that never come"
    finding.hint = "All threads of a block must come to the same __syncthreads()."


def _leak(finding: Finding, record: FindingRecord, memory: Memory | None, scene: Scene) -> None:
    finding.severity, finding.thread, finding.block = "advice", None, None
    source = f"the malloc of line {finding.line} are" if finding.line else "new are"
    finding.message = f"{record.size} bytes from {source} never freed in this launch"
    finding.hint = "Free what malloc (or new) returned, unless a later kernel does: the device's heap has 8 MB."


_SENTENCES: dict[str, Callable[[Finding, FindingRecord, Memory | None, Scene], None]] = {
    "out-of-bounds": _out_of_bounds,
    "bad-address": _bad_address,
    "host-pointer": _host_pointer,
    "use-after-free": _use_after_free,
    "double-free": _double_free,
    "misaligned": _misaligned,
    "uninitialized": _uninitialized,
    "race": _race,
    "divergent-barrier": _divergent_barrier,
    "early-exit": _early_exit,
    "missing-lane": _missing_lane,
    "deadlock": _deadlock,
    "leak": _leak,
}
