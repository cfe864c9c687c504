"""The driver: devices, contexts, memory, copies, streams, events, launches and their errors, as PyCUDA shows them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pycuda.driver as drv
import pycuda.gpuarray as gpuarray
import pytest
from pycuda.compiler import SourceModule

from nogpu.cuda.arena import arena

SLOW = r"""
__global__ void slow(int* a, int rounds) {
  unsigned x = a[0];
  for (int i = 0; i < rounds; i++) for (int j = 0; j < 1000; j++) x = x * 1664525u + 1013904223u;
  a[1] = x; a[0] += 1;
}
__global__ void types(double d, int i, float* p, char c) { p[0] = d + i + c; }
__global__ void big(float* a) { a[blockIdx.y * gridDim.x + blockIdx.x] = 1; }
"""
ROUNDS = 200_000  # some tenths of a second


@pytest.fixture(scope="module")
def module() -> Any:
    return SourceModule(SLOW)


def test_the_device_says_what_it_is() -> None:
    device = drv.Device(0)
    assert drv.Device.count() == 1 and "CPU stand-in" in device.name()
    assert device.compute_capability() == (7, 5) and device.warp_size == 32
    attributes = device.get_attributes()
    assert attributes[drv.device_attribute.MAX_THREADS_PER_BLOCK] == 1024
    assert drv.get_version() >= (12, 0, 0)
    with pytest.raises(drv.LogicError, match="invalid device ordinal"):
        drv.Device(1)


def test_no_context_is_an_error() -> None:
    found: list[Exception] = []

    def without_context() -> None:
        for call in (lambda: drv.mem_alloc(8), drv.Context.synchronize, drv.Stream, drv.Context.pop):
            try:
                call()
            except drv.LogicError as error:
                found.append(error)

    thread = threading.Thread(target=without_context)
    thread.start()
    thread.join()
    assert len(found) == 4 and all("invalid device context" in str(error) for error in found)


def test_before_init_there_is_nothing() -> None:
    code = "import pycuda.driver as d\ntry: d.Device(0)\nexcept d.LogicError as e: print(e)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.startswith("cuDeviceGet failed: initialization error")


def test_what_kernels_print_and_do_wrong_is_shown_at_the_end_even_if_nobody_waits() -> None:
    code = """
import numpy, pycuda.autoinit
from pycuda.compiler import SourceModule
source = '__global__ void f(int* p) { printf("hello from %d\\\\n", threadIdx.x); if (p) *p = 1; }'
kernel = SourceModule(source).get_function("f")
kernel(numpy.uintp(ADDRESS), block=(2, 1, 1))
"""
    for address, warning in ((0, ""), (64, "cuCtxDestroy failed: an illegal memory access was encountered")):
        answer = subprocess.run(
            [sys.executable, "-c", code.replace("ADDRESS", str(address))], capture_output=True, text=True
        )
        assert answer.returncode == 0 and answer.stdout.startswith("hello from 0\n")
        assert warning in answer.stderr and bool(warning) == bool(answer.stderr)


def test_enumerations_are_shown_as_by_pycuda() -> None:
    names = {str(which): value for which, value in drv.Device(0).get_attributes().items()}
    assert names["WARP_SIZE"] == 32 and "MULTIPROCESSOR_COUNT" in names
    assert repr(drv.device_attribute.WARP_SIZE) == "pycuda._driver.device_attribute.WARP_SIZE"
    flags = drv.host_alloc_flags
    assert str(flags.PORTABLE) == "PORTABLE" and int(flags.PORTABLE | flags.DEVICEMAP) == 3


def test_copies_in_every_direction() -> None:
    a = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    source, target = drv.to_device(a), drv.mem_alloc(a.nbytes)
    drv.memcpy_dtod(target, source, a.nbytes)
    assert np.array_equal(drv.from_device_like(target, a), a)
    assert np.array_equal(drv.from_device(int(target) + 20, (5,), np.float32), a.ravel()[5:10])
    with pytest.raises(ValueError, match="not contiguous"):
        drv.memcpy_htod(target, a[:, ::2])
    with pytest.raises(ValueError):
        drv.memcpy_dtoh(b"12345678", target)


def test_rectangles_and_boxes() -> None:
    a = np.arange(24, dtype=np.int32).reshape(4, 6)
    memory, pitch = drv.mem_alloc_pitch(24, 4, 4)
    copy = drv.Memcpy2D()
    copy.set_src_host(a)
    copy.set_dst_device(memory)
    copy.width_in_bytes = copy.src_pitch = 24
    copy.dst_pitch, copy.height = pitch, 4
    copy(aligned=True)
    back = np.zeros((2, 3), np.int32)
    copy = drv.Memcpy2D()
    copy.set_src_device(memory)
    copy.src_x_in_bytes, copy.src_y, copy.src_pitch = 8, 1, pitch
    copy.set_dst_host(back)
    copy.width_in_bytes = copy.dst_pitch = 12
    copy.height = 2
    copy(aligned=False)
    assert np.array_equal(back, a[1:3, 2:5])

    box = np.arange(60, dtype=np.int32).reshape(3, 4, 5)
    flat, part = drv.to_device(box), np.zeros((2, 2, 3), np.int32)
    copy3d = drv.Memcpy3D()
    copy3d.set_src_device(flat)
    copy3d.src_x_in_bytes, copy3d.src_y, copy3d.src_z, copy3d.src_pitch, copy3d.src_height = 4, 1, 1, 20, 4
    copy3d.set_dst_host(part)
    copy3d.dst_pitch, copy3d.dst_height = 12, 2
    copy3d.width_in_bytes, copy3d.height, copy3d.depth = 12, 2, 2
    copy3d()
    assert np.array_equal(part, box[1:3, 1:3, 1:4])


def test_memset() -> None:
    memory, out = drv.mem_alloc(64), np.zeros(16, np.uint32)
    drv.memset_d32(memory, 0xDEADBEEF, 16)
    drv.memset_d16(memory, 0x1234, 2)
    drv.memset_d8(int(memory) + 4, 7, 3)
    drv.memset_d2d32(int(memory) + 8, 16, 5, 2, 3)
    drv.memcpy_dtoh(out, memory)
    assert list(out[:8]) == [0x12341234, 0xDE070707, 5, 5, 0xDEADBEEF, 0xDEADBEEF, 5, 5]
    with pytest.raises(OverflowError):
        drv.memset_d8(memory, 256, 1)


def test_memory_is_given_back() -> None:
    before = arena().used
    allocation = drv.mem_alloc(1 << 20)
    assert drv.mem_get_address_range(int(allocation) + 5) == (int(allocation), 1 << 20)
    allocation.free()
    with pytest.raises(drv.LogicError, match="invalid resource handle"):
        allocation.free()
    for _ in range(200):
        drv.mem_alloc(1 << 24)
    assert arena().used == before


def test_managed_and_page_locked_arrays() -> None:
    kernel = SourceModule("__global__ void k(float* a) { a[threadIdx.x] *= 2; }").get_function("k")
    managed = drv.managed_zeros((4,), np.float32, mem_flags=drv.mem_attach_flags.GLOBAL)
    managed[:] = [1, 2, 3, 4]
    kernel(managed, block=(4, 1, 1))
    drv.Context.synchronize()
    assert list(managed) == [2, 4, 6, 8]
    locked = drv.pagelocked_zeros((4,), np.float32, mem_flags=drv.host_alloc_flags.DEVICEMAP)
    locked[:] = 3
    kernel(np.intp(locked.base.get_device_pointer()), block=(4, 1, 1))
    drv.Context.synchronize()
    assert list(locked) == [6] * 4
    fortran = drv.pagelocked_empty((3, 5), np.complex64, order="F")
    assert fortran.flags.f_contiguous and fortran.shape == (3, 5)
    registered = drv.register_host_memory(drv.aligned_zeros((100,), np.float64))
    registered.base.unregister()


def test_pools() -> None:
    from pycuda.tools import DeviceMemoryPool, PageLockedMemoryPool

    pool = DeviceMemoryPool()
    a = gpuarray.to_gpu(np.arange(1000), allocator=pool.allocate)
    assert (a + a).get()[-1] == 1998 and pool.active_blocks == 1
    del a
    assert pool.active_blocks == 0 and pool.held_blocks >= 1
    pool.stop_holding()
    assert pool.held_blocks == 0 and pool.managed_bytes == 0
    assert PageLockedMemoryPool().allocate((3, 4), np.float32).shape == (3, 4)


def test_launches_are_asynchronous_and_streams_keep_their_order(module: Any) -> None:
    slow = module.get_function("slow")
    stream, done = drv.Stream(), drv.Event()
    host = drv.pagelocked_zeros(2, np.int32)
    memory = drv.mem_alloc(8)
    drv.memset_d32(memory, 0, 2)
    start = time.perf_counter()
    slow(memory, np.int32(ROUNDS), block=(1, 1, 1), stream=stream)
    drv.memcpy_dtoh_async(host, memory, stream)
    done.record(stream)
    queued = time.perf_counter() - start
    assert not stream.is_done() and not done.query() and host[0] == 0  # it is not there yet
    with pytest.raises(drv.RuntimeError, match="device not ready"):
        done.time_since(drv.Event().record(stream))
    stream.synchronize()
    assert host[0] == 1 and done.query() and queued < time.perf_counter() - start


def test_an_event_makes_one_stream_wait_for_another(module: Any) -> None:
    slow = module.get_function("slow")
    first, second, begin, end = drv.Stream(1), drv.Stream(1), drv.Event(), drv.Event()
    memory, host = drv.mem_alloc(8), drv.pagelocked_zeros(2, np.int32)
    drv.memset_d32(memory, 0, 2)
    drv.Context.synchronize()
    begin.record(first)
    slow(memory, np.int32(ROUNDS), block=(1, 1, 1), stream=first)
    end.record(first)
    second.wait_for_event(end)
    drv.memcpy_dtoh_async(host, memory, second)
    second.synchronize()
    assert host[0] == 1 and end.time_since(begin) == pytest.approx(begin.time_till(end)) and end.time_since(begin) > 1


def test_the_default_stream_waits_for_the_others(module: Any) -> None:
    memory, host = drv.mem_alloc(8), np.zeros(2, np.int32)
    drv.memset_d32(memory, 0, 2)
    module.get_function("slow")(memory, np.int32(ROUNDS), block=(1, 1, 1), stream=drv.Stream())
    drv.memcpy_dtoh(host, memory)
    assert host[0] == 1


def test_time_of_a_kernel(module: Any) -> None:
    slow, memory = module.get_function("slow"), drv.mem_alloc(8)
    assert slow(memory, np.int32(1000), block=(1, 1, 1), time_kernel=True) > 0
    slow.prepare("Pi")
    assert slow.prepared_timed_call((1, 1), (1, 1, 1), memory, 1000)() > 0
    stream = drv.Stream()
    slow.prepared_async_call((1, 1), (1, 1, 1), stream, memory, 1000)
    stream.synchronize()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((np.float32(1), np.int32(1), "p", np.int8(1)), r"argument 0 .* is float32, and the kernel takes double"),
        ((np.float64(1), np.int64(1), "p", np.int8(1)), r"argument 1 .* is int64, and the kernel takes int"),
        ((np.float64(1), np.float32(1), "p", np.int8(1)), r"argument 1 .* is float32, and the kernel takes int"),
        ((np.float64(1), np.int32(1), np.zeros(4, "f4"), np.int8(1)), r"argument 2 .* host memory.*drv.In"),
        ((np.float64(1), np.int32(1), np.float64(1), np.int8(1)), r"argument 2 .* the kernel takes a pointer"),
        ((np.float64(1), "p", np.int32(1), np.int8(1)), r"argument 1 .* is a device pointer, and the kernel takes int"),
        ((np.float64(1), np.int32(1), "p"), r"takes 4 arguments and was given 3"),
    ],
)
def test_arguments_that_do_not_fit_are_named(module: Any, arguments: tuple[Any, ...], says: str) -> None:
    memory = drv.mem_alloc(64)
    given = [memory if isinstance(argument, str) else argument for argument in arguments]
    with pytest.raises(drv.LogicError, match=f"cuLaunchKernel failed: invalid argument - kernel types.*{says}"):
        module.get_function("types")(*given, block=(1, 1, 1))
    module.get_function("types")(np.float64(1), np.uint32(2), memory, np.int8(3), block=(1, 1, 1))
    assert drv.from_device(memory, 1, np.float32)[0] == 6


def test_shapes_that_a_gpu_would_refuse(module: Any) -> None:
    kernel, memory = module.get_function("big"), drv.mem_alloc(4 * 70000)
    for block in ((1025, 1, 1), (32, 64, 1), (1, 1, 65), (0, 1, 1)):
        with pytest.raises(drv.LogicError, match="invalid argument"):
            kernel(memory, block=block)
    for grid in ((1, 65536), (0, 1)):
        with pytest.raises(drv.LogicError, match="invalid argument"):
            kernel(memory, block=(1, 1, 1), grid=grid)
    kernel(memory, block=(1, 1, 1), grid=(70000, 1))


def test_arrays_of_others_by_their_interface() -> None:
    class Foreign:
        def __init__(self, array: gpuarray.GPUArray) -> None:
            self.__cuda_array_interface__ = array.__cuda_array_interface__

    a = gpuarray.to_gpu(np.arange(4, dtype=np.float32))
    assert a.__cuda_array_interface__["data"][0] == int(a.gpudata)
    SourceModule("__global__ void k(float* a) { a[threadIdx.x] += 1; }").get_function("k")(Foreign(a), block=(4, 1, 1))
    assert list(a.get()) == [1, 2, 3, 4]


def test_the_rest_of_pycuda() -> None:
    from pycuda import cumath
    from pycuda.elementwise import ElementwiseKernel
    from pycuda.reduction import ReductionKernel
    from pycuda.scan import InclusiveScanKernel

    x = np.random.default_rng(0).random(5000).astype(np.float32)
    a = gpuarray.to_gpu(x)
    np.testing.assert_allclose(cumath.sin(a).get(), np.sin(x), rtol=1e-6)
    b = gpuarray.empty_like(a)
    ElementwiseKernel("float* y, float* x, float k", "y[i] = k * x[i] + 1")(b, a, 3)
    np.testing.assert_allclose(b.get(), 3 * x + 1, rtol=1e-6)
    norm = ReductionKernel(np.float32, "0", "a + b", map_expr="x[i] * x[i]", arguments="float* x")
    np.testing.assert_allclose(norm(a).get(), (x.astype("f8") ** 2).sum(), rtol=1e-5)
    n = gpuarray.to_gpu(np.arange(5000, dtype=np.int32))
    assert np.array_equal(InclusiveScanKernel(np.int32, "a+b")(n).get(), np.cumsum(np.arange(5000)))


def test_textures_and_their_like_are_refused_by_name() -> None:
    for refused in (drv.TextureReference, drv.SurfaceReference, drv.Linker, lambda: drv.Array(drv.ArrayDescriptor())):
        with pytest.raises(drv.LogicError, match="operation not supported"):
            refused()


def test_numpy_integers_are_refused_where_pycudas_cpp_refuses_them() -> None:
    kernel = SourceModule("__global__ void k() {}").get_function("k")
    for shape in (
        {"block": (np.int64(32), 1, 1)},
        {"block": (32, 1, 1), "grid": (np.int32(2), 1)},
        {"block": (32, 1, 1), "shared": np.int64(4)},
    ):
        with pytest.raises(TypeError, match=r"numpy.int.*Python's int"):
            kernel(**shape)
    with pytest.raises(TypeError, match=r"number of bytes is a numpy.int64"):
        drv.mem_alloc(np.prod([4, 8]))
    with pytest.raises(ValueError, match="three numbers"):
        kernel(block=(32,))
