"""A kernel that goes wrong becomes an exception with thread and block, and the next kernel runs as if nothing was."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pycuda.driver as drv
import pytest
from pycuda.compiler import SourceModule

FAULTS = r"""
__global__ void store(float* a) { a[threadIdx.x] = 1; }
__global__ void far(float* a) { if (threadIdx.x == 5 && blockIdx.x == 1) a[1ull << 40] = 1; }
__global__ void after_barrier(float* a) { __syncthreads(); if (threadIdx.x == 40) *(float*)8 = 1; __syncthreads(); }
__global__ void divide(int* a, int by) { a[threadIdx.x] = 7 / by; }
__device__ __noinline__ int deep(int n, int* a) { int v[64]; v[n & 63] = n; return deep(n + 1, a) + v[a[0] & 63]; }
__global__ void recurse(int* a) { a[1] = deep(0, a); }
__global__ void check(int* a) { assert(threadIdx.x < 3 && "too many threads"); }
__global__ void trap(int* a) { __trap(); }
__global__ void endless(int* a) { for (;;) a[threadIdx.x]++; }
__global__ void endless_barrier(int* a) { for (;;) __syncthreads(); }
__global__ void wait_for_nobody(int* a) { while (atomicAdd(a, 0) == 0) ; }
__global__ void missing_lane(int* a) {
  if (threadIdx.x < 16) a[0] = __shfl_down_sync(0xffffffff, 1, 1);
  else __syncthreads();
}
"""


@pytest.fixture(scope="module")
def faulty() -> Any:
    return SourceModule(FAULTS)


@pytest.fixture
def device() -> Any:
    memory = drv.mem_alloc(4096)
    drv.memset_d32(memory, 0, 1024)
    return memory


def fails(module: Any, name: str, *arguments: Any) -> Exception:
    with pytest.raises(drv.Error) as caught:
        module.get_function(name)(*arguments, block=(64, 1, 1), grid=(4, 1))
        drv.Context.synchronize()
    good = np.zeros(64, np.float32)
    module.get_function("store")(drv.Out(good), block=(64, 1, 1))
    assert good.all()  # the process and the device are well
    return caught.value


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("far", drv.LogicError, r"illegal memory access.*kernel far.*thread \(5, 0, 0\) of block \(1, 0, 0\)"),
        ("after_barrier", drv.LogicError, r"null pointer, thread \(40, 0, 0\) of block"),
        ("recurse", drv.LaunchError, "endless recursion"),
        ("check", drv.LogicError, r"device-side assert.*kernel.cu:8: .*too many threads.*thread \(3, 0, 0\)"),
        ("trap", drv.LaunchError, r"__trap\(\)"),
        ("missing_lane", drv.LaunchError, r"line 14 waits for lane 16 .* barrier in line 15"),
    ],
)
def test_a_fault_is_named(faulty: Any, device: Any, name: str, kind: type, says: str) -> None:
    error = fails(faulty, name, device)
    assert isinstance(error, kind)
    assert re.search(says, str(error)), error


def test_null_and_impossible_pointers(faulty: Any) -> None:
    assert "null pointer" in str(fails(faulty, "store", np.uintp(0)))
    assert "cannot exist" in str(fails(faulty, "store", np.uintp(0xDEAD_0000_0000_BEEF)))


def test_division_by_zero(faulty: Any, device: Any) -> None:
    assert "division by zero" in str(fails(faulty, "divide", device, np.int32(0)))


@pytest.mark.parametrize("name", ["endless", "endless_barrier", "wait_for_nobody"])
def test_the_watchdog_ends_what_does_not_end(
    faulty: Any, device: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOGPU_KERNEL_SECONDS", "0.3")
    start = time.perf_counter()
    error = fails(faulty, name, device)
    assert isinstance(error, drv.LaunchError) and "timed out" in str(error) and "thread (" in str(error)
    assert time.perf_counter() - start < 20


def test_control_c_ends_a_kernel(faulty: Any, device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOGPU_KERNEL_SECONDS", "0")
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        faulty.get_function("endless")(device, block=(64, 1, 1), grid=(4, 1))
        drv.Context.synchronize()
    drv.Context.synchronize()


def test_a_fault_of_python_itself_still_kills_it() -> None:
    code = "import pycuda.autoinit, pycuda.driver as d, ctypes; d.mem_alloc(8); ctypes.string_at(0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == -signal.SIGSEGV


def test_writing_past_the_end_does_not_hurt_python(run: Callable[..., None]) -> None:
    out = np.zeros(16, np.float32)
    run("__global__ void k(float* a) { for (int i = 0; i < 64; i++) a[i] = i; }", drv.Out(out))
    assert np.array_equal(out, np.arange(16))


def test_memory_is_bounded_by_the_machine() -> None:
    free, total = drv.mem_get_info()
    assert 0 < free <= total
    with pytest.raises(drv.MemoryError, match=r"cuMemAlloc failed: out of memory - .* MiB asked for"):
        drv.mem_alloc(total + 1)
    with pytest.raises(drv.LogicError):
        drv.mem_alloc(0)


def test_use_from_many_threads() -> None:
    device = drv.Context.get_device()

    def work(seed: int) -> bool:
        context = device.make_context()
        try:
            source = f"__global__ void k(int* a) {{ a[threadIdx.x] = threadIdx.x * {seed % 4}; __syncthreads(); }}"
            kernel, out = SourceModule(source).get_function("k"), np.zeros(128, np.int32)
            for _ in range(5):
                kernel(drv.Out(out), block=(128, 1, 1), stream=drv.Stream())
            return np.array_equal(out, np.arange(128) * (seed % 4))
        finally:
            context.pop()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(24)))


def test_after_a_fork_it_says_so() -> None:
    code = """
import os, pycuda.autoinit, pycuda.driver as drv
memory = drv.mem_alloc(8)
drv.memset_d8(memory, 0, 8)
if os.fork() == 0:
    try:
        drv.memset_d8(memory, 0, 8)
    except drv.LogicError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "does not survive a fork" in answer.stdout, answer.stderr


def test_waiting_by_looking_lets_others_run(run: Callable[..., None]) -> None:
    out, flag = np.zeros(1, np.int32), np.zeros(1, np.int32)
    run(
        "__global__ void k(volatile int* flag, int* out) {\n"
        "  if (threadIdx.x == 0) { while (*flag == 0) ; *out = 7; } else if (threadIdx.x == 33) *flag = 1; }",
        drv.InOut(flag),
        drv.Out(out),
        block=(64, 1, 1),
    )
    assert out[0] == 7


@pytest.mark.parametrize(
    ("copy", "says"),
    [
        (lambda memory, host: drv.memcpy_htod(0, host), "cuMemcpyHtoD failed: invalid argument - a null pointer"),
        (lambda memory, host: drv.memcpy_dtoh(host, 0x7000), "0x7000 is no device memory"),
        (lambda memory, host: drv.memcpy_dtod(memory, 1 << 60, 8), "is no device memory"),
        (lambda memory, host: drv.memset_d8(1 << 46, 0, 8), "is no device memory"),
        (lambda memory, host: drv.memcpy_htod(memory, np.zeros(5000, np.uint8)), "touches 5000 bytes.* has 4096"),
        (lambda memory, host: drv.memcpy_dtoh(host, int(memory) + 4090), "touches 8 bytes from byte 4090 on"),
        (lambda memory, host: drv.memset_d32(memory, 0, 1025), "touches 4100 bytes"),
        (lambda memory, host: drv.memcpy_dtoh(host, int(memory) + 4096), "no device memory any more, or never was"),
    ],
)
def test_a_copy_to_a_wrong_address_is_an_error(device: Any, copy: Callable[..., None], says: str) -> None:
    with pytest.raises(drv.LogicError, match=says):
        copy(device, np.zeros(2, np.float32))


def test_a_rectangle_that_does_not_fit_is_an_error(device: Any) -> None:
    copy = drv.Memcpy2D()
    copy.set_src_host(np.zeros((8, 8), np.float32))
    copy.set_dst_device(device)
    copy.width_in_bytes = copy.src_pitch = 32
    copy.dst_pitch, copy.height = 1024, 8
    with pytest.raises(drv.LogicError, match="touches 7200 bytes, and the device memory has 4096"):
        copy(aligned=True)
    copy.dst_pitch = 512
    copy(aligned=True)


HEAP = r"""
__device__ int* kept;
__global__ void twice(int* a) { int* own = (int*)malloc(8); free(own); free(own); }
__global__ void foreign(int* a) { free(a); }
__global__ void deleted(int* a) { kept = new int[4]; delete[] kept; delete[] kept; }
__global__ void print(int* a) { printf("%s\n", (char*)77); }
__global__ void keep(int* a) { kept = new int[4]; kept[3] = 7; }
__global__ void give_back(int* a) { a[0] = kept[3]; delete[] kept; }
__global__ void large(int* a) { void* own = malloc(9 << 20); a[0] = own == nullptr; free(own); }
"""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("twice", "free.. of what malloc has not returned, or of what was freed before"),
        ("foreign", "free.. of what malloc has not returned"),
        ("deleted", "free.. of what malloc has not returned"),
        ("print", "address 0x4[0d], a null pointer"),  # arm64 reads strings from a multiple of 16 on
    ],
)
def test_a_wrong_free_or_string_is_the_kernels_fault(device: Any, name: str, says: str) -> None:
    with pytest.raises(drv.Error, match=says):
        SourceModule(HEAP).get_function(name)(device, block=(1, 1, 1))
        drv.Context.synchronize()


def test_the_heap_of_kernels_is_as_large_as_cudas_and_outlives_a_launch(device: Any) -> None:
    module, out = SourceModule(HEAP), np.zeros(1, np.int32)
    module.get_function("keep")(device, block=(1, 1, 1))
    module.get_function("give_back")(drv.Out(out), block=(1, 1, 1))
    assert out[0] == 7
    before = drv.Context.get_limit(drv.limit.MALLOC_HEAP_SIZE)
    for size, expected in ((before, 1), (32 << 20, 0)):
        drv.Context.set_limit(drv.limit.MALLOC_HEAP_SIZE, size)
        module.get_function("large")(drv.InOut(out), block=(1, 1, 1))
        assert out[0] == expected
    drv.Context.set_limit(drv.limit.MALLOC_HEAP_SIZE, before)
