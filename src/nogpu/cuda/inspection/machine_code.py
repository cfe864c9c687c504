"""Finds the floating-point operations and the loops in the machine code of an inspecting build, by disassembling it.

The inspecting build calls the runtime at the beginning of each basic block; how often each block ran is known after a
launch. With the operations between one such call and the next, the profile has exact counts. Loops are jumps back: by
them the runtime knows in which turn a branch was taken. objdump disassembles: it comes with the linker that every
compiler here needs.
"""

from __future__ import annotations

import functools
import re
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..toolchain import Toolchain

TRACE = "__sanitizer_cov_trace_pc"
OWN_FILES = ("atomics.h", "kernel_table.h")  # what the device headers compute for themselves is not the learner's

_INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\t(\S+)\s*(.*)$")
_FUNCTION = re.compile(r"^([0-9a-f]+) <.*>:$")
_JUMP = re.compile(r"^(?:j\w+|b|b\.\w+|cbn?z|tbn?z)$")  # of x86 and of Arm; calls are none
_TARGET = re.compile(r"(?:^|[ ,])(?:0x)?([0-9a-f]+) <")
_FILE = re.compile(r"^(?:\S*/)?([\w.+-]+):\d+")
# Intel's manual, volume 2, and Arm's architecture reference: s and d are one value, p (x86) and vN.4s (Arm) several.
_X86 = re.compile(r"^v?(?P<name>add|sub|mul|div|sqrt|fn?m(?:add|sub)(?:132|213|231))(?P<packed>[sp])(?P<type>[sdh])$")
_ARM = re.compile(r"^(?P<name>fadd|fsub|fmul|fnmul|fdiv|fsqrt|fn?madd|fn?msub|fmla|fmls)$")
_MATHEMATICS = re.compile(
    r"<(?:__)?(?:exp|exp2|exp10|expm1|log|log2|log10|log1p|sin|cos|tan|sincos|sinh|cosh|tanh|asin|acos|atan|atan2|asinh"
    r"|acosh|atanh|pow|cbrt|hypot|erf|erfc|erfinv|tgamma|lgamma|fmod|fdim|remainder|sqrt|fma|j0|j1|y0|y1)f?(?:@plt)?>"
)


@dataclass(frozen=True)
class Operation:
    """A floating-point instruction, or the call of a mathematical function, at `address` of the module."""

    address: int
    flops: int


@dataclass(frozen=True)
class Loop:
    """A loop's machine code: from its first instruction to the jump back, and what its first block reports.

    `header` is the return address of the first call to the runtime in it. Addresses are those of the module.
    """

    begin: int
    end: int
    header: int


@dataclass(frozen=True)
class MachineCode:
    """The operations of each basic block, by the address that it reports, and the loops of a compiled module."""

    operations: dict[int, tuple[Operation, ...]]
    loops: tuple[Loop, ...]


@functools.lru_cache(maxsize=64)
def machine_code(image: bytes) -> MachineCode:
    """Return what is in the machine code of the module whose file is `image`."""
    blocks: dict[int, list[Operation]] = {}
    ends: dict[int, int] = {}  # of loops, by their beginning
    function, current = 0, None
    after_trace = own = False
    for line in _disassemble(image).splitlines():
        match = _INSTRUCTION.match(line)
        if match is None:
            if heading := _FUNCTION.match(line):
                function, current = int(heading[1], 16), None
            elif file := _FILE.match(line):
                own = file[1] in OWN_FILES
            continue
        address, mnemonic, operands = int(match[1], 16), match[2], match[3]
        if after_trace:
            current = blocks.setdefault(address, [])
        after_trace = TRACE in operands
        if (target := _jump_target(mnemonic, operands)) and function <= target <= address:
            ends[target] = address
        if current is not None and not after_trace and not own and (flops := _flops(mnemonic, operands)):
            current.append(Operation(address, flops))
    reports = sorted(blocks)
    loops = []
    for begin, end in ends.items():
        inside = [report for report in reports if begin < report <= end]
        if inside:
            loops.append(Loop(begin, end, inside[0]))
    return MachineCode({address: tuple(listed) for address, listed in blocks.items()}, tuple(loops))


def text_start(image: bytes) -> int:
    """Return the address, within the module, at which its executable segment begins (elf(5), "Program header")."""
    (table,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for index in range(count):
        kind, flags, _, address = struct.unpack_from("<IIQQ", image, table + index * size)
        if kind == 1 and flags & 1:  # PT_LOAD, PF_X
            return int(address)
    return 0


def _jump_target(mnemonic: str, operands: str) -> int | None:
    """Return where a jump leads, None for other instructions."""
    if not _JUMP.match(mnemonic):
        return None
    match = _TARGET.search(operands)
    return int(match[1], 16) if match else None


def _flops(mnemonic: str, operands: str) -> int:
    match = _X86.match(mnemonic)
    if match:
        width = 1
        if match["packed"] == "p":
            bits = 512 if "zmm" in operands else 256 if "ymm" in operands else 128
            width = bits // {"s": 32, "d": 64, "h": 16}[match["type"]]
        return width * (2 if match["name"].startswith("f") else 1)
    match = _ARM.match(mnemonic)
    if match:
        vector = re.search(r"v\d+\.(\d+)[hsd]", operands)
        return (int(vector[1]) if vector else 1) * (2 if re.match(r"fn?m(add|sub|la|ls)", mnemonic) else 1)
    return 1 if mnemonic in ("call", "bl", "jmp", "b") and _MATHEMATICS.search(operands) else 0


def _disassemble(image: bytes) -> str:
    with tempfile.NamedTemporaryFile(prefix="nogpu-", suffix=".so") as file:
        file.write(image)
        file.flush()
        command = [_program(), "-d", "-l", "--no-show-raw-insn", file.name]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, errors="replace")
        except FileNotFoundError:
            raise RuntimeError(
                "the profile needs objdump, and it is not installed: install binutils "
                "(Debian, Ubuntu: sudo apt install binutils)"
            ) from None
    if answer.returncode != 0:
        raise RuntimeError(f"objdump could not read a compiled kernel: {answer.stderr.strip()}")
    return answer.stdout


@functools.cache
def _program() -> str:
    """Return objdump's path: that of the compiler's own tools, where it names one."""
    answer = subprocess.run(
        [Toolchain.find().program, "-print-prog-name=objdump"], capture_output=True, text=True, check=False
    )
    path = answer.stdout.strip()
    return path if answer.returncode == 0 and path and Path(path).exists() else "objdump"
