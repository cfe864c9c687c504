"""A kernel cannot touch the process that runs it: host constructs are refused when it is compiled, at the learner's line."""

# ruff: noqa: E501 - a kernel on one line each
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import nogpu
from nogpu.cuda import compiler
from nogpu.cuda.inspection.build import INSPECTING

KERNEL = "__global__ void k(int* out) { *out = 1; }\n"

# Each: the source, the line, and a part of what is said.
REFUSED = {
    "system": ('#include <stdlib.h>\n__global__ void k(int* out) {\n  *out = system("true");\n}', 3, "system"),
    "own declaration": ('extern "C" int system(const char*);\n' + KERNEL + "__device__ int f() { return system(0); }\n", 1, "system"),
    "fopen": ('#include <stdio.h>\n__global__ void k(int* out) { *out = fopen("/etc/passwd", "r") != 0; }', 2, "fopen"),
    "exec": ('extern "C" int execl(const char*, const char*, ...);\n__global__ void k(int* o) { *o = execl("a", "b", 0); }', 1, "execl"),
    "syscall": ('extern "C" long syscall(long, ...);\n__global__ void k(long* o) { *o = syscall(39); }', 1, "syscall"),
    "dlopen": ('extern "C" void* dlopen(const char*, int);\n__global__ void k(void** o) { *o = dlopen("x", 1); }', 1, "dlopen"),
    "getenv": ("#include <stdlib.h>\n\n__global__ void k(char** o) { *o = getenv(\"HOME\"); }", 3, "getenv"),
    "abort": ("#include <stdlib.h>\n__global__ void k(int* o) {\n\n  abort();\n}", 4, "abort"),
    "exit": ("#include <stdlib.h>\n__global__ void k(int* o) { exit(3); }", 2, "exit"),
    "data of the host": ("extern \"C\" char** environ;\n__global__ void k(char** o) { *o = environ[0]; }", 1, "environ"),
    "a function by its address": ("#include <stdlib.h>\n__global__ void k(int* o) { int (*f)(const char*) = system; *o = f(\"\"); }", 2, "system"),
    "static initialiser": ("__device__ int start();\nint value = start();\n__device__ int start() { return clock(); }\n" + KERNEL, 2, "dynamic initialization"),
    "constructor of a global": ("struct S { int x; __device__ S() { x = clock(); } };\n__device__ S s;\n" + KERNEL, 2, "dynamic initialization"),
    "constructor function": ("__attribute__((constructor)) static void first() { }\n" + KERNEL, 1, "start-up code"),
    "constructor function, spelled otherwise": ("[[gnu::constructor]] static void first() { }\n" + KERNEL, 1, "start-up code"),
    "constructor by a macro": ("#define A(x, y) x##y\n__attribute__((A(constr, uctor))) static void first() { static volatile int x; x = 1; }\n" + KERNEL, None, "start-up code"),
    "section": ('__attribute__((section(".init_array"))) void* p = 0;\n' + KERNEL, 1, "linker"),
    "inline assembly": ('__global__ void k(int* o) {\n  asm("nop");\n}', 2, "asm"),
    "inline assembly by a macro": ('#define A(x, y) x##y\n__global__ void k(int* o) {\n  A(__as, m__)("nop");\n}', None, "asm"),
    "inline assembly over two lines": ('__global__ void k(int* o) {\n  as\\\nm("nop");\n}', None, "asm"),
    "header outside the list": ("#include <fstream>\n" + KERNEL, 1, "fstream"),
    "file by its path": ('#include "/etc/passwd"\n' + KERNEL, 1, "absolute path"),
    "file by a way up": ("#include <../../etc/passwd>\n" + KERNEL, 1, "absolute path"),
    "include by a macro": ('#define FILE "/etc/passwd"\n#include FILE\n' + KERNEL, 2, "not written out"),
    "include by a digraph": ('%:include "/etc/passwd"\n' + KERNEL, 1, "absolute path"),
    "include after a comment": ('/* */ #include "/etc/passwd"\n' + KERNEL, 1, "absolute path"),
    "include around a comment": ('# /* */ include /* */ "/etc/passwd"\n' + KERNEL, 1, "absolute path"),
    "include over two lines": ('#inc\\\nlude "/etc/passwd"\n' + KERNEL, 1, "absolute path"),
    "raw string that hides assembly": ('__global__ void k(int* o) {\n  const char* s = R"(")"; asm("nop"); //"\n}', 2, "raw strings"),
    "the stand-in's own functions": ('extern "C" void nogpu_cancel();\n__global__ void k(int* o) { nogpu_cancel(); }', 1, "own names"),
    "renamed function": ("#pragma redefine_extname helper system\n" + KERNEL, 1, "rename"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("build", [compiler.FAST, INSPECTING], ids=lambda build: build.name)
def test_host_constructs_are_refused(name: str, build: compiler.Build) -> None:
    source, line, part = REFUSED[name]
    with pytest.raises(nogpu.CompileFailure) as failure:
        compiler.compile_cubin(source, (), build)
    assert part in str(failure.value)
    if line is not None:
        assert str(failure.value).startswith(f"kernel.cu({line}): error: "), str(failure.value)


def test_nothing_of_them_ran(tmp_path: Path) -> None:
    """Not even what runs when a module is loaded: it is never loaded."""
    mark = tmp_path / "mark"
    source = f'#include <stdio.h>\nstruct S {{ S() {{ fopen("{mark}", "w"); }} }};\nS s;\n' + KERNEL
    with pytest.raises(nogpu.CompileFailure):
        nogpu.inspect(source, "k", np.zeros(1, "i4"), block=1)
    assert not mark.exists()
    assert os.getpid()


def test_what_kernels_may_use_is_not_refused() -> None:
    """Mathematics, memory copies, wide integers, constant initialisers, printf, assert and malloc."""
    source = r"""
    #include <cmath>
    #include <cstdio>
    #include <cassert>
    __constant__ float weights[3] = {1, 2, 3};
    __device__ int counter = 5;
    struct Pair { int a; float b; };
    __device__ Pair pairs[2] = {{1, 2.0f}, {3, 4.0f}};
    __device__ double polynomial(double x) { return pow(x, 3.0) + tgamma(x) + fmod(x, 2.0) + erf(x) + rsqrt(x); }
    __global__ void k(double* out, long long* whole) {
      char text[8] = {0}, copy[8];
      memcpy(copy, text, 8);
      assert(copy[0] == 0);
      float s, c;
      sincosf(1.0f, &s, &c);
      int* own = (int*)malloc(sizeof(int));
      *own = 3;
      __int128 wide = (__int128)whole[0] * whole[1] / 7;
      *out = polynomial(2.5) + s + c + weights[1] + pairs[1].b + *own + (double)(long long)wide + sinf(1) + __expf(1);
      if (threadIdx.x == 99) printf("%f\n", *out);
      atomicAdd(&counter, 1);
      free(own);
    }"""
    out, whole = np.zeros(1), np.array([10**12, 10**12], "i8")
    report = nogpu.inspect(source, "k", out, whole, block=1)
    assert report.findings == [], str(report)
    assert out[0] != 0
