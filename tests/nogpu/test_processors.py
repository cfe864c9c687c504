"""What must hold on x86-64 and on arm64 alike, and is not the same there by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pycuda.driver as drv
import pytest
from pycuda.compiler import SourceModule

from nogpu.cuda import faults
from nogpu.cuda.elf import Symbols
from nogpu.cuda.toolchain import Toolchain


def test_a_char_has_a_sign(values: Callable[..., np.ndarray]) -> None:
    assert list(values("(char)200", "(char)127", "(int)(char)-1", dtype="i4")) == [-56, 127, -1]


def test_divisors_of_every_integer_type_are_tested() -> None:
    body = "{ a[0] = (int)((T)7 / (T)a[1]); }"
    names = ("int", "unsigned", "short", "long long", "unsigned long long")
    module = SourceModule("\n".join(
        f"__global__ void {operation}{i}(int* a) {body.replace('T', name).replace('/', sign)}"
        for i, name in enumerate(names) for operation, sign in (("divide", "/"), ("rest", "%"))
    ))  # fmt: skip
    memory = drv.mem_alloc(8)
    drv.memset_d32(memory, 0, 2)
    for i in range(len(names)):
        for operation in ("divide", "rest"):
            with pytest.raises(drv.Error, match=r"division by zero.*thread \(0, 0, 0\)"):
                module.get_function(f"{operation}{i}")(memory, block=(1, 1, 1))
                drv.Context.synchronize()


def test_what_the_compiler_turns_into_a_trap_is_a_fault(run: Callable[..., None]) -> None:
    with pytest.raises(drv.Error, match="cannot be executed"):
        run("__global__ void k() { if (threadIdx.x == 0) __builtin_trap(); }")
        drv.Context.synchronize()


def test_addresses_of_an_arm_process_can_exist() -> None:
    assert "is not device memory" in faults._address(0xFFFF_8A00_0000)  # 48 bits; x86 uses 47
    assert "cannot exist" in faults._address(0xFFAD_0000_0000_BEEF)


def test_marks_in_a_compiled_module_are_no_shared_variables(tmp_path: Path) -> None:
    toolchain, module = Toolchain.find(), tmp_path / "module.so"
    source = """  // the mark: as Arm's assembler sets them
        asm(".section .tbss,\\"awT\\",%nobits\\n.type mark,%tls_object\\nmark:\\n.text");
        extern "C" { __thread int shared; int* k() { return &shared; } }"""
    answer = toolchain.try_run(["-shared", "-nostdlib", "-fPIC", "-x", "c++", "-", "-o", str(module)], source)
    assert answer.returncode == 0, answer.stderr
    assert Symbols(module.read_bytes()).thread_local == {"shared": 4}
