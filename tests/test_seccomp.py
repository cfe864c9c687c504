"""The system call filter's tables agree with the kernel's headers, and its program is well formed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coursegrade.sandbox.seccomp import program
from coursegrade.sandbox.system_calls import NUMBERS

HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}


@pytest.mark.parametrize("machine", NUMBERS)
def test_numbers_are_the_kernels(machine: str) -> None:
    header = Path(HEADERS[machine])
    if not header.is_file():
        pytest.skip(f"there is no {header}: the package linux-libc-dev is not installed")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text(encoding="utf-8")))
    assert {name: int(found[name]) for name in NUMBERS[machine] if name in found} == {
        name: number for name, number in NUMBERS[machine].items() if name in found
    }
    assert len(set(NUMBERS[machine]) & set(found)) > 100


@pytest.mark.parametrize("machine", NUMBERS)
@pytest.mark.parametrize("own_process", [None, 4711])
def test_every_jump_stays_in_the_program_and_every_way_ends(machine: str, own_process: int | None) -> None:
    lines = program(machine, own_process)
    assert len(lines) < 4096  # the kernel's limit
    for place, line in enumerate(lines):
        if line.code & 0x07 == 0x05:  # a jump
            assert place + 1 + max(line.if_true, line.if_false) < len(lines)
    assert lines[-1].code == 0x06
