"""Compile errors as a learner reads them, what is refused by name, and a cache that nothing hurts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pycuda.driver as drv
import pytest
from pycuda.compiler import SourceModule, compile

from nogpu.cuda import cache, compiler, cubin
from nogpu.cuda.toolchain import Toolchain

GOOD = "__global__ void k(int* a) { a[0] = 1; }"


def message(source: str, **options: object) -> str:
    with pytest.raises(drv.CompileError) as caught:
        SourceModule(source, **options)
    assert "nogpu" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a[i] = b[i];", 'error: identifier "b" is undefined'),
        ("a[i] = 1", 'error: expected a ";"'),
        ("int x = a[i].y;", "error"),
        ("a[i] = threadIdx.w;", "error"),
        ("float* p = a;", r'a value of type "int ?\*" cannot be used as a "float ?\*"'),
        ("const int c = 1; c = 2;", 'assignment of read-only variable|modifiable lvalue'),
        ("__shfl_sync(1);", "error"),
        ("Body b;", 'identifier "Body" is undefined'),
        ("int c = 1 i = 2;", 'error: expected a ";"'),
        ("a[0] = blockIdx * blockDim;", "matches? these operands"),
        ("return a;", "return value type does not match the function type"),
        ("a[0] = a[1] ** 2;", 'operand of "[*]" must be a pointer but has type "int"'),
    ],
)  # fmt: skip
def test_errors_are_on_the_learners_lines(line: str, says: str) -> None:
    text = message(f"__global__ void k(int* a) {{\n  int i = threadIdx.x;\n  {line}\n}}")
    assert "kernel.cu(3): error" in text and re.search(says, text), text
    assert f"  {line}" in text  # the line itself is shown


def test_a_brace_that_is_never_closed_is_told_on_the_learners_last_line() -> None:
    text = message("__global__ void k(int* a) {\n  if (a) {\n    a[0] = 1;  // }\n}\n")
    assert 'kernel.cu(4): error: expected a "}" at the end of the source' in text


def test_errors_behind_dynamic_shared_memory_keep_their_lines() -> None:
    text = message("__global__ void k(int* a) {\n  extern __shared__\n    int s[];\n  s[0] = oops;\n}")
    assert 'kernel.cu(4): error: identifier "oops" is undefined' in text


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("texture<float, 1> t;", "textures"),
        ("__global__ void k() { k<<<1, 1>>>(); }", "dynamic parallelism"),
        ('__global__ void k() { asm("mov.u32 %0, %laneid;"); }', "inline PTX"),
        ("__global__ void k() { wmma::fragment<int> f; }", "tensor-core"),
        ("__device__ curandStateSobol32* s;", "Sobol"),
        ("#include <thrust/sort.h>", "thrust"),
        ("#include <mma.h>", "tensor-core"),
        ("__global__ void k(int* a) { a[0] = __shfl_down(1, 2); }", "__shfl_down_sync"),
        ("#include <fstream>", "not a header that a kernel can include"),
        ("cudaGraph_t g;", "CUDA graphs"),
    ],
)
def test_what_is_left_out_is_refused_by_name(source: str, name: str) -> None:
    assert name in message(source, no_extern_c=True)


def test_words_in_comments_and_strings_are_not_refused() -> None:
    SourceModule('// asm texture<float> <<<\n__global__ void k() { printf("asm <<< wmma:: %d\\n", 1); }')


def test_own_headers_are_followed(tmp_path: Path) -> None:
    header = tmp_path / "mine.h"
    out = []
    for value in (3, 4):
        header.write_text(f"#define VALUE {value}\n__global__ void hidden(int* a) {{ a[0] = VALUE; }}\n")
        module = SourceModule('#include "mine.h"\n' + GOOD, include_dirs=[str(tmp_path)])
        memory = drv.managed_zeros(1, "i4", mem_flags=drv.mem_attach_flags.GLOBAL)
        module.get_function("hidden")(memory, block=(1, 1, 1))
        drv.Context.synchronize()
        out.append(int(memory[0]))
    assert out == [3, 4]


def test_a_call_to_nowhere_is_named() -> None:
    with pytest.raises(drv.CompileError, match=r"unresolved extern function.*missing"):
        SourceModule("int missing(int); __global__ void k(int* a) { a[0] = missing(1); }")


def test_ptx_is_refused_and_not_faked() -> None:
    with pytest.raises(drv.CompileError, match="no PTX"):
        compile(GOOD, target="ptx")


def test_cubins_of_others_are_refused() -> None:
    for image in (b"", b"\x7fELF" + b"\0" * 100, b".version 7.0 .target sm_75"):
        with pytest.raises(drv.LogicError, match="device kernel image is invalid"):
            drv.module_from_buffer(image)


def test_a_cubin_knows_its_source(tmp_path: Path) -> None:
    image = compiler.compile_cubin(GOOD, ("-DX=1",))
    assert cubin.unpack(image) == cubin.Origin(GOOD, ("-DX=1",))
    (tmp_path / "k.cubin").write_bytes(image)
    drv.module_from_file(str(tmp_path / "k.cubin"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOGPU_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_concurrent_writers_and_cut_files(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: cache.store("same", bytes(100_000)), range(40)))
    assert cache.load("same") == bytes(100_000) and not list(folder.glob(".new-*"))
    (folder / "same").write_bytes((folder / "same").read_bytes()[:5000])  # as after a crash or a full disk
    assert cache.load("same") is None and not (folder / "same").exists()


def test_a_deleted_folder_and_one_that_cannot_be(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store("a", b"1")
    shutil.rmtree(folder)
    assert cache.load("a") is None
    cache.store("a", b"2")
    assert cache.load("a") == b"2"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NOGPU_CACHE_DIR", str(tmp_path / "file" / "below"))
    cache.store("a", b"3")  # nothing can be kept there, and nothing happens
    assert cache.load("a") is None


def test_compiling_without_a_place_for_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NOGPU_CACHE_DIR", str(tmp_path / "file" / "below"))
    SourceModule(GOOD).get_function("k")


def test_compiling_where_the_compiler_finds_the_disk_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Toolchain.try_run

    def on_a_full_disk(self: Toolchain, arguments: Any, source: str) -> subprocess.CompletedProcess[str]:
        if "c++-header" in arguments:
            return subprocess.CompletedProcess([], 1, "", "fatal error: cannot write PCH file: No space left on device")
        return run(self, arguments, source)

    monkeypatch.setattr(Toolchain, "try_run", on_a_full_disk)
    SourceModule(GOOD).get_function("k")


@pytest.mark.full
def test_everything_is_built_by_several_processes_at_once(tmp_path: Path) -> None:
    code = "import pycuda.autoinit; from pycuda.compiler import SourceModule; " + \
        f"SourceModule({GOOD!r}).get_function('k')"  # fmt: skip
    environment = {**os.environ, "NOGPU_CACHE_DIR": str(tmp_path)}
    processes = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(4)]
    assert [process.wait(timeout=300) for process in processes] == [0] * 4


def test_a_kernel_named_like_a_function_of_the_c_library() -> None:
    """Where its overload can be told apart it is fine, elsewhere the message says what is the matter."""
    kernel = "__global__ void {}(float* a) {{ a[threadIdx.x] = 1; }}"
    ones = np.zeros(8, np.float32)
    SourceModule(kernel.format("div"), no_extern_c=True).get_function("_Z3divPf")(drv.Out(ones), block=(8, 1, 1))
    assert ones.all()
    with pytest.raises(drv.CompileError, match=r'\(2\): error: more than one function is called "pow"'):
        SourceModule("\n" + kernel.format("pow"), no_extern_c=True)
    assert re.search('more than one instance of .*overloaded function .*has "C" linkage', message(kernel.format("div")))
    assert '"index" has already been declared' in message("__device__ int index[3];")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("other(a);", "a __global__ function call must be configured: declare other as __device__"),
        ("if (i) other(a);", "a __global__ function call must be configured"),
        ("__shared__ int s[4] = {0};", "initializer not allowed for __shared__ variable"),
        ("__shared__ int n, m = 4;", "initializer not allowed for __shared__ variable"),
        ("__constant__ int c[4];", 'a "__constant__" variable declaration is not allowed inside a function body'),
        ("throw 1;", "device code does not support exception handling"),
        ("int n = 3; __shared__ int s[n];", 'the size of ("s"|an array) must be a constant'),
    ],
)
def test_what_only_nvcc_refuses(line: str, says: str) -> None:
    other = "__global__ void other(int* a) { a[0] = 1; }"
    text = message(f"{other}\n__global__ void k(int* a) {{ int i = threadIdx.x; i++;\n  {line}\n}}")
    assert "kernel.cu(3): error" in text and re.search(says, text), text


def test_kernels_that_cannot_be_launched() -> None:
    assert "must have a void return type" in message("__global__ int k(int* a) { return 1; }")
    assert "cannot have a reference parameter" in message("__global__ void k(int& a) { a = 1; }")


def test_what_looks_like_it_and_is_allowed() -> None:
    SourceModule(
        "#define SHARED __shared__\nint start = 5;\n#define CONSTANT __constant__\n"
        "struct Adder { int x; __device__ int add(int y) { return x + y; }\n"
        "  __device__ int twice() { return add(add(1)); } };\n"
        "__global__ void add(int* a);\n"
        "__global__ __launch_bounds__(64) void add(int* a) { __shared__ struct { int n; } s;\n"
        "  SHARED int t[2 == 2 ? 3 : 4];\n  if (s.n == t[0]) a[0] = Adder{1}.twice(); int sum(3); a[1] = sum; }\n"
        "__global__ void sum(int* a) { auto kernel = &add; a[0] = kernel != nullptr; }\n"
        "__device__ int max(int* a) { return a[0]; }\n"
        "__global__ void min(int* a) { a[0] = min(a[1], a[2]); if (a[0]) a[1] = a[0] + min(1, 2); }",
        no_extern_c=True,
    )
