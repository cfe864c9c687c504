"""The sanitizer on launches through PyCUDA: `with nogpu.sanitizer()` and NOGPU_SANITIZE=1."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import nogpu

drv = pytest.importorskip("pycuda.driver")
gpuarray = pytest.importorskip("pycuda.gpuarray")

SOURCE = """
__constant__ float factors[2];
__device__ int launches;
__global__ void add(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] += factors[0];
  if (i == 0) launches += 1;
}
__global__ void own(float* x) {
  int i = threadIdx.x;
  x[i] = 1;
}
"""


@pytest.fixture(scope="module")
def module() -> Any:
    from pycuda.compiler import SourceModule

    return SourceModule(SOURCE)


def found(error: Any) -> Any:
    """Return the first finding of a LaunchError."""
    assert error.value.report.findings == error.value.findings
    return error.value.findings[0]


def test_out_of_bounds_names_the_parameter(module: Any) -> None:
    x = gpuarray.zeros(40, np.float32)
    with nogpu.sanitizer(), pytest.raises(drv.LaunchError, match=r"out-of-bounds, line 6.*x\[40\]") as error:
        module.get_function("add")(x.gpudata, np.int32(41), block=(64, 1, 1))
    finding = found(error)
    assert (finding.kind, finding.line, finding.thread, finding.index) == ("out-of-bounds", 6, (40, 0, 0), 40)


def test_correct_launches_do_their_work(module: Any) -> None:
    address, _ = module.get_global("factors")
    drv.memcpy_htod(address, np.array([3, 4], np.float32))
    counter, size = module.get_global("launches")
    drv.memset_d32(counter, 0, size // 4)
    with nogpu.sanitizer() as watcher:
        x = gpuarray.zeros(40, np.float32)
        for _ in range(3):
            module.get_function("add")(x.gpudata, np.int32(40), block=(64, 1, 1))
        assert (x.get() == 9).all()
        values = np.arange(5000, dtype=np.float32)
        y = gpuarray.to_gpu(values)
        assert gpuarray.sum(y * 2 + 1).get() == pytest.approx((values * 2 + 1).sum(), rel=1e-5)
        assert watcher.reports == []
    launches = np.zeros(1, np.int32)
    drv.memcpy_dtoh(launches, counter)
    assert launches[0] == 3, "the module's variables are those of the ordinary build"


def test_memory_that_nobody_wrote(module: Any) -> None:
    with nogpu.sanitizer():
        x = gpuarray.empty(40, np.float32)
        with pytest.raises(drv.LaunchError) as error:
            module.get_function("add")(x.gpudata, np.int32(40), block=(64, 1, 1))
        assert found(error).kind == "uninitialized"
        x.fill(0)
        module.get_function("add")(x.gpudata, np.int32(40), block=(64, 1, 1))
        half = gpuarray.empty(64, np.float32)
        drv.memcpy_htod(int(half.gpudata) + 128, np.zeros(32, np.float32))
        module.get_function("add")(np.uintp(int(half.gpudata) + 128), np.int32(32), block=(64, 1, 1))
        with pytest.raises(drv.LaunchError) as error:
            module.get_function("add")(half.gpudata, np.int32(64), block=(64, 1, 1))
        assert found(error).index == 0


def test_shared_memory_that_nobody_wrote_is_advice_here() -> None:
    """Library code copies such values and never uses them (PyCUDA's scan does); nogpu.inspect calls it an error."""
    from pycuda.compiler import SourceModule

    source = "__global__ void k(float* x) { __shared__ float s[32]; x[threadIdx.x] = s[threadIdx.x]; }"
    with nogpu.sanitizer() as watcher:
        x = gpuarray.zeros(32, np.float32)
        SourceModule(source).get_function("k")(x.gpudata, block=(32, 1, 1))
    assert [finding.kind for finding in watcher.reports[0].advice] == ["uninitialized"]
    assert not nogpu.inspect(source, "k", np.zeros(32, np.float32), block=32).ok


def test_freed_memory(module: Any) -> None:
    with nogpu.sanitizer():
        x = gpuarray.zeros(40, np.float32)
        pointer = np.uintp(int(x.gpudata))
        x.gpudata.free()
        again = [gpuarray.zeros(40, np.float32) for _ in range(20)]  # none of them gets the freed addresses
        with pytest.raises(drv.LaunchError) as error:
            module.get_function("own")(pointer, block=(32, 1, 1))
        finding = found(error)
        assert (finding.kind, finding.line, finding.array) == ("use-after-free", 11, "x")
        assert len(again) == 20
        with pytest.raises(drv.LogicError, match="freed before") as twice:
            x.gpudata.free()
        assert twice.value.findings[0].kind == "double-free"


def test_host_pointer(module: Any) -> None:
    host = np.zeros(40, np.float32)
    with nogpu.sanitizer(), pytest.raises(drv.LaunchError) as error:
        module.get_function("own")(np.uintp(host.ctypes.data), block=(32, 1, 1))
    assert (found(error).kind, found(error).line, found(error).array) == ("host-pointer", 11, "x")
    assert (host == 0).all()


def test_page_locked_and_managed_memory_may_be_used(module: Any) -> None:
    with nogpu.sanitizer():
        locked = drv.pagelocked_zeros(40, np.float32, mem_flags=drv.host_alloc_flags.DEVICEMAP)
        module.get_function("own")(np.uintp(locked.base.get_device_pointer()), block=(32, 1, 1))
        assert locked[:32].sum() == 32
        managed = drv.managed_empty(40, np.float32, mem_flags=drv.mem_attach_flags.GLOBAL)
        managed[:] = 1
        module.get_function("add")(np.uintp(managed.base.get_device_pointer()), np.int32(40), block=(64, 1, 1))


def test_constants_virtual_functions_and_what_kernels_keep_are_no_defect() -> None:
    """Memory that cannot be written is not copied between the builds; a kernel's malloc is there for the next one."""
    from pycuda.compiler import SourceModule

    module = SourceModule(
        '__constant__ const int steps[2] = {3, 4}; const char* const names[2] = {"a", "b"};\n'
        "struct Base { __device__ virtual int value() const { return steps[0]; } };\n"
        "struct Other : Base { int* own; __device__ int value() const override { return own[0] + names[1][0]; } };\n"
        "__device__ Other* kept;\n"
        'extern "C" __global__ void keep() { kept = new Other; kept->own = (int*)malloc(4); kept->own[0] = 1; }\n'
        'extern "C" __global__ void use(int* out) { Base base; out[0] = base.value();\n'
        "  out[1] = ((Base*)kept)->value(); free(kept->own); delete kept; }",
        no_extern_c=True,
    )
    out = np.zeros(2, np.int32)
    with nogpu.sanitizer() as watcher:
        module.get_function("keep")(block=(1, 1, 1))
        module.get_function("use")(drv.Out(out), block=(1, 1, 1))
    assert out.tolist() == [3, 1 + ord("b")]
    kinds = {finding.kind for report in watcher.reports for finding in report.findings}
    assert kinds == {"leak"}  # advice, of the first


def test_leak() -> None:
    with pytest.raises(drv.LogicError, match="100 bytes") as error, nogpu.sanitizer(leak_check=True):
        left = drv.mem_alloc(100)
    assert [finding.kind for finding in error.value.findings] == ["leak"]
    left.free()
    with nogpu.sanitizer(leak_check=True):
        left = drv.mem_alloc(100)
        left.free()
        gpuarray.zeros(10, np.float32)


def test_it_is_off_afterwards(module: Any) -> None:
    with nogpu.sanitizer(), pytest.raises(ValueError, match="on already"), nogpu.sanitizer():
        pass
    x = gpuarray.empty(40, np.float32)
    module.get_function("add")(x.gpudata, np.int32(40), block=(64, 1, 1))
    x.get()


def test_environment_variable() -> None:
    program = f"""
import numpy as np, pycuda.autoprimaryctx, pycuda.driver as drv
from pycuda.compiler import SourceModule
try:
    SourceModule({SOURCE!r}).get_function("own")(drv.mem_alloc(80), block=(32, 1, 1))
    drv.Context.synchronize()
except drv.LaunchError as error:
    print(error.findings[0].kind, error.findings[0].line, error.findings[0].index)
"""
    for value, expected in (("1", "out-of-bounds 11 20"), ("0", "")):
        answer = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "NOGPU_SANITIZE": value}
        )
        assert answer.stdout.strip() == expected, answer.stderr
