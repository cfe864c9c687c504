"""Engines and contexts: shapes, profiles, addresses, streams, threads, profilers. PyCUDA is the CUDA stand-in's."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines import PROFILE, RNG, Allocator, Recorder, engine_of, images, logits, slow_engine

import nogpu.tensorrt as trt

FOLDER = Path(__file__).parent


@pytest.fixture
def log() -> Recorder:
    return Recorder()


@pytest.fixture
def cuda() -> Any:
    """PyCUDA's driver, with a context."""
    driver = pytest.importorskip("pycuda.driver")
    if not version("pycuda").endswith("+nogpu"):
        pytest.skip("the real PyCUDA is installed")
    import pycuda.autoprimaryctx  # noqa: F401

    return driver


def run(context: Any, x: np.ndarray) -> np.ndarray:
    """Run with host memory, synchronously."""
    assert context.set_input_shape("image", x.shape)
    y = np.zeros(tuple(context.get_tensor_shape("logits")), np.float32)
    assert context.execute_v2([x.ctypes.data, y.ctypes.data])
    return y


def test_what_an_engine_says_of_itself(log: Recorder) -> None:
    engine = engine_of(log)
    assert (
        [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        == ["image", "logits"]
        == [engine[0], engine[1]]
    )
    assert [engine.get_tensor_mode(name) for name in ("image", "logits")] == [
        trt.TensorIOMode.INPUT,
        trt.TensorIOMode.OUTPUT,
    ]
    assert tuple(engine.get_tensor_shape("image")) == (-1, 1, 8, 8)
    assert engine.get_tensor_dtype("logits") == trt.float32
    assert engine.get_tensor_location("image") == trt.TensorLocation.DEVICE
    assert [tuple(shape) for shape in engine.get_tensor_profile_shape("image", 0)] == list(PROFILE)
    assert engine.num_optimization_profiles == 1
    assert not engine.refittable and not engine.is_shape_inference_io("image")
    assert engine.get_tensor_mode("images") == trt.TensorIOMode.NONE
    assert "Given invalid tensor name: images" in log.errors[-1]
    assert engine.get_tensor_name(7) is None
    with pytest.raises(NotImplementedError, match="weight_streaming"):
        engine.weight_streaming_budget_v2 = 5


def test_shapes_in_and_out_of_the_profile(log: Recorder) -> None:
    context = engine_of(log).create_execution_context()
    assert context.infer_shapes() == ["image"]
    assert tuple(context.get_tensor_shape("logits")) == (-1, 10)
    assert context.set_input_shape("image", (3, 1, 8, 8))
    assert context.infer_shapes() == [] and context.all_binding_shapes_specified
    assert tuple(context.get_tensor_shape("logits")) == (3, 10)
    assert tuple(context.get_tensor_strides("image")) == (64, 64, 8, 1)
    assert context.get_max_output_size("logits") == 8 * 10 * 4
    assert context.set_input_shape("image", trt.Dims4(9, 1, 8, 8)) is False
    assert (
        "does not satisfy any optimization profiles. Valid range for profile 0: [1,1,8,8]..[8,1,8,8]" in log.errors[-1]
    )
    assert context.set_input_shape("image", [3, 1, 8, 7]) is False
    assert (
        "Static dimension mismatch while setting input shape for image. Set dimensions are [3,1,8,7]." in log.errors[-1]
    )
    assert context.set_input_shape("image", (3, 8)) is False
    assert context.set_input_shape("logits", (3, 10)) is False
    assert context.set_input_shape("images", (3, 10)) is False
    assert tuple(context.get_tensor_shape("image")) == (3, 1, 8, 8), "what is refused changes nothing"


def test_two_profiles(log: Recorder) -> None:
    large = ((16, 1, 8, 8), (32, 1, 8, 8), (64, 1, 8, 8))
    engine = engine_of(log, PROFILE, large)
    context = engine.create_execution_context()
    assert engine.num_optimization_profiles == 2 and context.active_optimization_profile == 0
    np.testing.assert_allclose(run(context, images(3)), logits(images(3)), rtol=1e-4, atol=1e-4)
    assert not context.set_input_shape("image", (20, 1, 8, 8))
    assert context.set_optimization_profile_async(1, 0)
    assert context.infer_shapes() == ["image"]
    assert not context.set_input_shape("image", (3, 1, 8, 8))
    assert "profile 1: [16,1,8,8]..[64,1,8,8]" in log.errors[-1]
    np.testing.assert_allclose(run(context, images(20)), logits(images(20)), rtol=1e-4, atol=1e-4)
    assert not context.set_optimization_profile_async(2, 0)
    assert context.active_optimization_profile == 1


def test_missing_and_wrong_addresses_are_errors_by_name(log: Recorder, cuda: Any) -> None:
    context = engine_of(log).create_execution_context()
    stream = cuda.Stream()
    assert context.execute_async_v3(stream.handle) is False
    assert "The shape is not set of input image" in log.errors[-1]
    context.set_input_shape("image", (2, 1, 8, 8))
    assert context.execute_async_v3(stream.handle) is False
    assert "Neither address or allocator is set for input tensor image" in log.errors[-1]
    x, y = cuda.mem_alloc(2 * 64 * 4), cuda.mem_alloc(2 * 10 * 4)
    context.set_tensor_address("image", int(x))
    assert context.execute_async_v3(stream.handle) is False
    assert "Neither address or allocator is set for output tensor logits" in log.errors[-1]
    context.set_tensor_address("logits", int(y) + 4)
    assert context.execute_async_v3(stream.handle) is False
    assert "tensor logits: 76 bytes are allocated there and 80 are needed" in log.errors[-1]
    context.set_tensor_address("logits", int(y))
    assert context.execute_async_v3(stream.handle) is True
    y.free()
    assert context.execute_async_v3(stream.handle) is False
    assert "tensor logits" in log.errors[-1] and "was it freed?" in log.errors[-1]
    context.set_tensor_address("logits", 12345)
    assert context.execute_async_v3(stream.handle) is False
    assert "is no address of this process" in log.errors[-1]
    assert context.set_tensor_address("label", int(x)) is False
    assert context.execute_async_v3(987654) is False and "is no stream" in log.errors[-1]
    assert context.execute_v2([int(x)]) is False and "2 bindings are needed" in log.errors[-1]
    stream.synchronize()


def test_things_that_are_no_addresses_and_no_streams(log: Recorder, cuda: Any) -> None:
    context = engine_of(log).create_execution_context()
    for wrong in (np.zeros(3), 1.5, "0x10", None):
        with pytest.raises(TypeError, match="an address is a number"):
            context.set_tensor_address("image", wrong)
    with pytest.raises(TypeError, match=r"pass stream\.handle"):
        context.execute_async_v3(cuda.Stream())
    memory = cuda.mem_alloc(4)
    context.set_tensor_address("image", memory)  # as the bindings, anything that int() takes
    assert context.get_tensor_address("image") == int(memory)


def test_an_output_is_not_there_before_the_stream_is_synchronized(log: Recorder, cuda: Any) -> None:
    engine, stream = slow_engine(log), cuda.Stream()
    context = engine.create_execution_context()
    x = cuda.pagelocked_empty((1, 1, 600, 600), np.float32)
    x[:] = RNG.standard_normal(x.shape)
    y = cuda.pagelocked_zeros(x.shape, np.float32)
    device_x, device_y = cuda.mem_alloc(x.nbytes), cuda.mem_alloc(y.nbytes)
    context.set_tensor_address("x", int(device_x))
    context.set_tensor_address("y", int(device_y))
    before, after = cuda.Event(), cuda.Event()
    before.record(stream)
    cuda.memcpy_htod_async(device_x, x, stream)
    assert context.execute_async_v3(stream.handle)
    cuda.memcpy_dtoh_async(y, device_y, stream)
    after.record(stream)
    assert not y.any() and not stream.is_done() and not after.query(), "the call came back before the work was done"
    stream.synchronize()
    assert y.any() and stream.is_done()
    assert after.time_since(before) > 1
    again = np.zeros_like(y)
    assert context.execute_v2([x.ctypes.data, again.ctypes.data])
    np.testing.assert_array_equal(y, again)


def test_copies_runs_and_kernels_keep_their_order(log: Recorder, cuda: Any) -> None:
    from pycuda.compiler import SourceModule

    source = """__global__ void twice(float *x, int n) {
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) x[i] *= 2;
    }"""
    twice = SourceModule(source).get_function("twice")
    context, stream, x = engine_of(log).create_execution_context(), cuda.Stream(), images(4)
    y = cuda.pagelocked_zeros((4, 10), np.float32)
    device_x, device_y = cuda.mem_alloc(x.nbytes), cuda.mem_alloc(y.nbytes)
    context.set_input_shape("image", x.shape)
    context.set_tensor_address("image", int(device_x))
    context.set_tensor_address("logits", int(device_y))
    cuda.memcpy_htod_async(device_x, x, stream)
    twice(device_x, np.int32(x.size), block=(256, 1, 1), grid=(1, 1), stream=stream)
    context.execute_async_v3(stream.handle)
    twice(device_y, np.int32(y.size), block=(64, 1, 1), grid=(1, 1), stream=stream)
    cuda.memcpy_dtoh_async(y, device_y, stream)
    stream.synchronize()
    np.testing.assert_allclose(y, 2 * logits(2 * x), rtol=1e-4, atol=1e-4)


def test_the_default_stream_warns_once(log: Recorder) -> None:
    context, x, y = engine_of(log).create_execution_context(), images(2), np.zeros((2, 10), np.float32)
    context.set_input_shape("image", x.shape)
    context.set_tensor_address("image", x.ctypes.data)
    context.set_tensor_address("logits", y.ctypes.data)
    assert context.execute_async_v3(0) and context.execute_async_v3(0)
    assert sum("Using default stream in enqueueV3()" in text for _, text in log.said) == 1


def test_memory_of_torch(log: Recorder) -> None:
    import torch

    context, x, y = engine_of(log).create_execution_context(), torch.from_numpy(images(5)), torch.zeros(5, 10)
    context.set_input_shape("image", tuple(x.shape))
    assert context.execute_v2([x.data_ptr(), y.data_ptr()])
    np.testing.assert_allclose(y.numpy(), logits(x.numpy()), rtol=1e-4, atol=1e-4)


def test_several_contexts_in_several_threads(log: Recorder, cuda: Any) -> None:
    engine = engine_of(log)
    wrong: list[str] = []

    def work(number: int) -> None:
        context = engine.create_execution_context()
        for step in range(30):
            x = images(1 + (number + step) % 8, seed=100 * number + step)
            if not np.allclose(run(context, x), logits(x), rtol=1e-3, atol=1e-3):
                wrong.append(f"thread {number}, step {step}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and log.errors == []


class Times(trt.IProfiler):
    """Keeps the layers' times."""

    def __init__(self) -> None:
        trt.IProfiler.__init__(self)
        self.kept: list[tuple[str, float]] = []

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        self.kept.append((layer_name, ms))


def test_a_profiler_hears_of_every_layer(log: Recorder) -> None:
    context, x = engine_of(log).create_execution_context(), images(2)
    context.profiler = times = Times()
    np.testing.assert_allclose(run(context, x), logits(x), rtol=1e-4, atol=1e-4)
    assert times.kept and all(ms >= 0 for _, ms in times.kept)
    count = len(times.kept)
    context.enqueue_emits_profile = False
    run(context, x)
    assert len(times.kept) == count
    assert context.report_to_profiler() and len(times.kept) == 2 * count
    assert not context.report_to_profiler()


def test_an_output_allocator_serves_outputs_whose_size_only_the_run_tells(log: Recorder) -> None:
    builder = trt.Builder(log)
    network = builder.create_network(0)
    layer = network.add_non_zero(network.add_input("x", trt.float32, (2, 3)))
    layer.get_output(0).name = "where"
    network.mark_output(layer.get_output(0))
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    engine = trt.Runtime(log).deserialize_cuda_engine(plan)
    context, allocator = engine.create_execution_context(), Allocator()
    assert tuple(engine.get_tensor_shape("where")) == (2, -1)
    x = np.array([[0, 1, 0], [2, 0, 3]], np.float32)
    context.set_tensor_address("x", x.ctypes.data)
    assert context.set_output_allocator("where", allocator)
    assert context.execute_async_v3(0)  # has heard the shape when this returns, as in TensorRT
    assert allocator.shape == (2, 3)
    assert tuple(context.get_tensor_shape("where")) == (2, -1)  # the allocator alone is told
    assert allocator.memory.view(np.int32).reshape(2, 3).tolist() == [[0, 1, 1], [1, 0, 2]]


def test_an_output_allocator_is_asked_on_the_calling_thread(cuda: Any, log: Recorder) -> None:
    """It may allocate device memory there: a stream's thread has no context."""
    builder = trt.Builder(log)
    network = builder.create_network(0)
    layer = network.add_non_zero(network.add_input("x", trt.float32, (2, 3)))
    network.mark_output(layer.get_output(0))
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    context = trt.Runtime(log).deserialize_cuda_engine(plan).create_execution_context()
    held: list[Any] = []

    class OnTheDevice(Allocator):
        def reallocate_output(self, tensor_name: str, memory: int, size: int, alignment: int) -> int:
            held.append(cuda.mem_alloc(size))
            return int(held[-1])

    allocator, x, stream = OnTheDevice(), np.array([[0, 1, 0], [2, 0, 3]], np.float32), cuda.Stream()
    context.set_tensor_address("x", x.ctypes.data)
    assert context.set_output_allocator(layer.get_output(0).name, allocator)
    assert context.execute_async_v3(stream.handle), log.errors
    found = np.empty(allocator.shape, np.int32)
    cuda.memcpy_dtoh(found, held[-1])
    assert found.tolist() == [[0, 1, 1], [1, 0, 2]]


def test_no_allocator_is_what_there_is(log: Recorder) -> None:
    builder, runtime = trt.Builder(log), trt.Runtime(log)
    builder.gpu_allocator = runtime.gpu_allocator = None
    with pytest.raises(NotImplementedError, match="gpu_allocator"):
        runtime.gpu_allocator = object()


def test_without_pycuda_at_all() -> None:
    """In a process of its own that has never seen CUDA."""
    script = """
import sys
import numpy as np
from engines import Recorder, engine_of, images, logits
engine = engine_of(Recorder())
context = engine.create_execution_context()
x, y = images(3), np.zeros((3, 10), np.float32)
context.set_input_shape("image", x.shape)
assert context.execute_v2([x.ctypes.data, y.ctypes.data])
np.testing.assert_allclose(y, logits(x), rtol=1e-4, atol=1e-4)
y[:] = 0
context.set_tensor_address("image", x.ctypes.data)
context.set_tensor_address("logits", y.ctypes.data)
assert context.execute_async_v3(0) and y.any()
assert "pycuda" not in sys.modules and "nogpu.cuda.runtime" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_process_may_end_while_work_is_under_way(cuda: Any) -> None:
    script = """
import numpy as np, pycuda.autoprimaryctx, pycuda.driver as cuda
from engines import Recorder, slow_engine
engine, stream = slow_engine(Recorder()), cuda.Stream()
context = engine.create_execution_context()
x, y = np.ones((600, 600), np.float32), np.ones((600, 600), np.float32)
context.set_tensor_address("x", x.ctypes.data)
context.set_tensor_address("y", y.ctypes.data)
for _ in range(3):
    assert context.execute_async_v3(stream.handle)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=FOLDER, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_nothing_leaks_over_many_runs(log: Recorder, cuda: Any) -> None:
    context, stream, x = engine_of(log).create_execution_context(), cuda.Stream(), images(8)
    y = cuda.pagelocked_empty((8, 10), np.float32)
    device_x, device_y = cuda.mem_alloc(x.nbytes), cuda.mem_alloc(y.nbytes)

    def runs(count: int) -> None:
        for step in range(count):
            context.set_input_shape("image", (1 + step % 8, 1, 8, 8))
            context.set_tensor_address("image", int(device_x))
            context.set_tensor_address("logits", int(device_y))
            assert context.execute_async_v3(stream.handle)
        stream.synchronize()

    runs(200)
    gc.collect()
    from nogpu.cuda import host_calls

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs(2000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert host_calls._waiting == {}
    assert grown < 8 << 10, f"{grown} KiB more after 2,000 runs"


def test_a_shape_tensor_decides_an_output_s_shape(log: Recorder) -> None:
    builder = trt.Builder(log)
    network = builder.create_network(0)
    x, sizes = network.add_input("x", trt.float32, (4, 6)), network.add_input("sizes", trt.int64, (2,))
    layer = network.add_shuffle(x)
    layer.set_input(1, sizes)
    layer.get_output(0).name = "y"
    network.mark_output(layer.get_output(0))
    assert sizes.is_shape_tensor and not x.is_shape_tensor
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    assert builder.build_serialized_network(network, config) is None
    profile.set_shape_input("sizes", [1, 1], [4, 6], [24, 24])
    config.add_optimization_profile(profile)
    engine = builder.build_engine_with_config(network, config)
    assert engine.is_shape_inference_io("sizes") and engine.get_tensor_location("sizes") == trt.TensorLocation.HOST
    assert engine.get_tensor_profile_values("sizes", 0) == [[1, 1], [4, 6], [24, 24]]
    context = engine.create_execution_context()
    assert context.infer_shapes() == ["sizes"]
    given, source, target = np.array([8, 3]), np.arange(24, dtype=np.float32), np.zeros((8, 3), np.float32)
    context.set_tensor_address("sizes", given.ctypes.data)
    assert context.infer_shapes() == [] and tuple(context.get_tensor_shape("y")) == (8, 3)
    assert context.execute_v2([source.ctypes.data, given.ctypes.data, target.ctypes.data])
    assert target.ravel().tolist() == source.tolist()


def test_sixteen_bit_tensors_and_a_network_that_the_build_leaves_alone(log: Recorder) -> None:
    builder = trt.Builder(log)
    network = builder.create_network(0)
    x = network.add_input("x", trt.float16, (3,))
    square = network.add_elementwise(x, x, trt.ElementWiseOperation.PROD).get_output(0)
    network.mark_output(square)
    network.mark_output(network.add_cast(square, trt.bfloat16).get_output(0))
    for _ in range(2):  # the second build finds the same network
        engine = builder.build_engine_with_config(network, builder.create_builder_config())
        assert [engine.get_tensor_dtype(engine[i]) for i in range(3)] == [trt.float16, trt.float16, trt.bfloat16]
        assert [network.get_output(i).dtype for i in range(2)] == [trt.float16, trt.bfloat16]
        given = np.array([300, 2, 0.1], np.float16)
        half, brain = np.zeros(3, np.float16), np.zeros(3, np.uint16)
        assert engine.create_execution_context().execute_v2([given.ctypes.data, half.ctypes.data, brain.ctypes.data])
        assert half[0] == np.inf and half[1:].tolist() == (given[1:] * given[1:]).tolist()
        assert (brain[:2].astype(np.uint32) << 16).view(np.float32).tolist() == [np.inf, 4.0]
