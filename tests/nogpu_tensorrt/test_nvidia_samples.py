"""The call sequences of NVIDIA's public Python samples (github.com/NVIDIA/TensorRT, release 11.0, July 2026).

In our own words; what they do by cuda.bindings is done by PyCUDA. The tests are named after the samples:
network_api_pytorch_mnist, onnx_resnet50, simple_progress_monitor, 1_run_onnx_with_tensorrt, the quickstart notebooks.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import coursekit  # noqa: F401  (before torchvision, beside a CPU build of torch)

trt = pytest.importorskip("tensorrt")
if not trt.__version__.endswith("+nogpu"):
    pytest.skip("the real TensorRT is installed", allow_module_level=True)
cuda = pytest.importorskip("pycuda.driver")

TRT_LOGGER = trt.Logger(trt.Logger.ERROR)


@pytest.fixture(autouse=True, scope="module")
def context() -> None:
    import pycuda.autoprimaryctx  # noqa: F401


# What all samples share: buffers by the engine's or a context's shapes, and one run


class HostDeviceMem:
    """Page-locked memory of the host and memory of the device of the same size."""

    def __init__(self, size: int, dtype: Any) -> None:
        self.host = cuda.pagelocked_empty(size, dtype)
        self.device = cuda.mem_alloc(self.host.nbytes)


def allocate_buffers(engine: Any, profile_idx: int | None = None) -> tuple[list[Any], list[Any], list[int]]:
    """Return inputs, outputs and addresses for the engine's shapes, or for the largest ones of a profile."""
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    shapes = {name: engine.get_tensor_shape(name) for name in names}
    if profile_idx is not None:
        asked = engine.create_execution_context()
        if engine.num_optimization_profiles > 1:
            stream = cuda.Stream()
            asked.set_optimization_profile_async(profile_idx, stream.handle)
            stream.synchronize()
        for name in names:
            if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
                asked.set_input_shape(name, engine.get_tensor_profile_shape(name, profile_idx)[-1])
        assert not asked.infer_shapes()  # nothing is missing
        shapes = {name: tuple(asked.get_tensor_shape(name)) for name in names}
    inputs, outputs, bindings = [], [], []
    for name, shape in shapes.items():
        if any(size < 0 for size in shape):
            raise ValueError(f"{name} has a dynamic shape, but no profile was specified")
        memory = HostDeviceMem(trt.volume(shape), np.dtype(trt.nptype(engine.get_tensor_dtype(name))))
        bindings.append(int(memory.device))
        (inputs if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT else outputs).append(memory)
    return inputs, outputs, bindings


def do_inference(context: Any, engine: Any, bindings: list[int], inputs: Any, outputs: Any, stream: Any) -> list[Any]:
    """Copy in, run, copy out, wait; return copies of what came out."""
    for i in range(engine.num_io_tensors):
        context.set_tensor_address(engine.get_tensor_name(i), bindings[i])
    for each in inputs:
        cuda.memcpy_htod_async(each.device, each.host, stream)
    assert context.execute_async_v3(stream_handle=stream.handle)
    for each in outputs:
        cuda.memcpy_dtoh_async(each.host, each.device, stream)
    stream.synchronize()
    return [each.host.copy() for each in outputs]


def onnx_file(network: nn.Module, example: torch.Tensor, path: Path, **free: Any) -> Path:
    kept = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"input_names": ["x"], "output_names": ["y"]}
        torch.onnx.export(network, (example,), kept, dynamo=False, **names, **free)
    path.write_bytes(kept.getvalue())
    return path


# network_api_pytorch_mnist


def mnist_network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )  # fmt: skip


def enlarged(images: np.ndarray) -> np.ndarray:
    """Return 28 x 28 pictures of the 8 x 8 digits: each pixel 3 x 3 times, and a margin."""
    return np.pad(np.kron(images, np.ones((1, 1, 3, 3), np.float32)), ((0, 0), (0, 0), (2, 2), (2, 2)))


@pytest.fixture(scope="module")
def trained() -> nn.Sequential:
    from coursekit.data import load_digits

    digits = load_digits()
    torch.manual_seed(0)
    network = mnist_network()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    images, labels = torch.from_numpy(enlarged(digits.train.images)), torch.as_tensor(digits.train.labels)
    for _ in range(2):
        for batch in torch.randperm(len(images)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    return network.eval()


def populate_network(network: Any, weights: dict[str, np.ndarray]) -> None:
    """Build the trained network layer by layer; fully connected layers as reshape, product, sum, reshape."""
    tensor = network.add_input(name="data", dtype=trt.float32, shape=(1, 1, 28, 28))

    def fully_connected(given: Any, w: np.ndarray, b: np.ndarray) -> Any:
        m, n = given.shape[0], b.size
        flat = network.add_shuffle(given)
        flat.reshape_dims = trt.Dims2(m, int(np.prod(given.shape) / m))
        kernel = network.add_constant(trt.Dims2(*w.shape), w)
        product = network.add_matrix_multiply(
            flat.get_output(0), trt.MatrixOperation.NONE, kernel.get_output(0), trt.MatrixOperation.TRANSPOSE
        )
        bias = network.add_constant(trt.Dims2(1, n), b)
        total = network.add_elementwise(product.get_output(0), bias.get_output(0), trt.ElementWiseOperation.SUM)
        out = network.add_shuffle(total.get_output(0))
        out.reshape_dims = trt.Dims4(m, n, 1, 1)
        return out

    for number, channels in ((0, 20), (2, 50)):
        w, b = weights[f"{number}.weight"], weights[f"{number}.bias"]
        convolution = network.add_convolution_nd(tensor, channels, (5, 5), w, b)
        convolution.stride_nd = (1, 1)
        pool = network.add_pooling_nd(input=convolution.get_output(0), type=trt.PoolingType.MAX, window_size=(2, 2))
        pool.stride_nd = trt.Dims2(2, 2)
        tensor = pool.get_output(0)
    hidden = fully_connected(tensor, weights["5.weight"], weights["5.bias"])
    relu = network.add_activation(input=hidden.get_output(0), type=trt.ActivationType.RELU)
    last = fully_connected(relu.get_output(0), weights["7.weight"], weights["7.bias"])
    last.get_output(0).name = "prob"
    network.mark_output(tensor=last.get_output(0))


def test_network_api_pytorch_mnist(trained: nn.Sequential) -> None:
    from coursekit.data import load_digits

    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 30)
    populate_network(network, {name: value.numpy() for name, value in trained.state_dict().items()})
    plan = builder.build_serialized_network(network, config)
    engine = trt.Runtime(TRT_LOGGER).deserialize_cuda_engine(plan)
    assert engine.num_layers < network.num_layers, "nothing was fused"

    inputs, outputs, bindings = allocate_buffers(engine)
    context, stream = engine.create_execution_context(), cuda.Stream()
    digits = load_digits().test
    count = 100
    images = enlarged(digits.images[:count])
    with torch.no_grad():
        wanted = trained(torch.from_numpy(images)).numpy()
    right = 0
    for image, label, expected in zip(images, digits.labels, wanted, strict=False):
        np.copyto(inputs[0].host, image.ravel())
        [output] = do_inference(context, engine, bindings, inputs, outputs, stream)
        right += int(np.argmax(output) == label)
        assert np.argmax(output) == np.argmax(expected)
    assert right >= 0.9 * count


# introductory_parser_samples/onnx_resnet50 and simple_progress_monitor


def build_engine_onnx(model_file: Path, monitor: Any = None) -> Any:
    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    config = builder.create_builder_config()
    if monitor is not None:
        config.progress_monitor = monitor
    parser = trt.OnnxParser(network, TRT_LOGGER)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 30)
    with model_file.open("rb") as model:
        if not parser.parse(model.read()):
            raise AssertionError([str(parser.get_error(index)) for index in range(parser.num_errors)])
    engine_bytes = builder.build_serialized_network(network, config)
    return None if engine_bytes is None else trt.Runtime(TRT_LOGGER).deserialize_cuda_engine(engine_bytes)


@pytest.mark.parametrize("name", ["resnet18", pytest.param("resnet50", marks=pytest.mark.full)])
def test_onnx_resnet50(name: str, tmp_path: Path) -> None:
    from torchvision import models

    torch.manual_seed(0)
    network = models.get_model_builder(name)(weights=None).eval()
    engine = build_engine_onnx(onnx_file(network, torch.zeros(1, 3, 224, 224), tmp_path / "model.onnx"))
    inputs, outputs, bindings = allocate_buffers(engine)
    context, stream = engine.create_execution_context(), cuda.Stream()
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    np.copyto(inputs[0].host, (picture.transpose(2, 0, 1).astype(np.float32).ravel() / 255.0 - 0.45) / 0.225)
    [scores] = do_inference(context, engine, bindings, inputs, outputs, stream)
    with torch.no_grad():
        wanted = network(torch.from_numpy(inputs[0].host.reshape(1, 3, 224, 224).copy())).numpy().ravel()
    assert scores.shape == (1000,) and np.argmax(scores) == np.argmax(wanted)
    np.testing.assert_allclose(scores, wanted, atol=5e-3 * np.abs(wanted).max())  # the engine computes in TF32


class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined,misc]
    """Keeps the phases that are open, as simple_progress_monitor does, and stops the build after `patience` steps."""

    def __init__(self, patience: int = 1000) -> None:
        trt.IProgressMonitor.__init__(self)
        self.open: dict[str, int] = {}
        self.deepest = self.steps = 0
        self.patience = patience

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        self.open[phase_name] = 0 if parent_phase is None else 1 + self.open[parent_phase]
        self.deepest = max(self.deepest, self.open[phase_name])

    def phase_finish(self, phase_name: str) -> None:
        del self.open[phase_name]

    def step_complete(self, phase_name: str, step: int) -> bool:
        assert phase_name in self.open
        self.steps += 1
        return self.steps < self.patience


def test_simple_progress_monitor(trained: nn.Sequential, tmp_path: Path) -> None:
    model = onnx_file(trained, torch.zeros(1, 1, 28, 28), tmp_path / "model.onnx")
    monitor = Monitor()
    assert build_engine_onnx(model, monitor) is not None
    assert not monitor.open and monitor.deepest >= 1 and monitor.steps >= 4
    stopped = Monitor(patience=2)
    assert build_engine_onnx(model, stopped) is None
    assert not stopped.open


# refactored/1_run_onnx_with_tensorrt


def test_run_onnx_with_tensorrt(tmp_path: Path) -> None:
    """An editable timing cache makes the second build give the very same plan."""
    from torchvision import models

    torch.manual_seed(0)
    network = models.mobilenet_v3_small(weights=None).eval()
    model = onnx_file(network, torch.zeros(1, 3, 64, 64), tmp_path / "model.onnx")

    def build(timing_cache: Any) -> tuple[Any, Any]:
        builder = trt.Builder(TRT_LOGGER)
        definition = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        assert trt.OnnxParser(definition, TRT_LOGGER).parse(model.read_bytes())
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 30)
        config.set_flag(trt.BuilderFlag.EDITABLE_TIMING_CACHE)
        timing_cache = timing_cache or config.create_timing_cache(b"")
        config.set_timing_cache(timing_cache, True)
        return builder.build_serialized_network(definition, config), timing_cache

    first, cache = build(None)
    second, cache = build(cache)
    assert np.array_equal(np.frombuffer(first, np.uint8), np.frombuffer(second, np.uint8))
    (tmp_path / "model.plan").write_bytes(first)
    with (tmp_path / "model.plan").open("rb") as file, trt.Runtime(TRT_LOGGER) as runtime:
        engine = runtime.deserialize_cuda_engine(file.read())
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    inputs, outputs, bindings = allocate_buffers(engine)
    np.copyto(inputs[0].host, x.ravel())
    [scores] = do_inference(engine.create_execution_context(), engine, bindings, inputs, outputs, cuda.Stream())
    with torch.no_grad():
        wanted = network(torch.from_numpy(x)).numpy().ravel()
    np.testing.assert_allclose(scores, wanted, atol=5e-3 * np.abs(wanted).max())


# detectron2/build_engine, sample_weight_stripping: what they ask of parser, network, profile and config


def test_a_dynamic_model_with_buffers_for_its_largest_shapes(trained: nn.Sequential, tmp_path: Path) -> None:
    free = {"dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}}
    model = onnx_file(trained, torch.zeros(2, 1, 28, 28), tmp_path / "model.onnx", **free)
    assert trt.init_libnvinfer_plugins(TRT_LOGGER, namespace="")
    with (
        trt.Builder(TRT_LOGGER) as builder,
        builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)) as network,
        trt.OnnxParser(network, TRT_LOGGER) as parser,
        builder.create_builder_config() as config,
    ):
        assert parser.parse(model.read_bytes())
        inputs = [network.get_input(i) for i in range(network.num_inputs)]
        outputs = [network.get_output(i) for i in range(network.num_outputs)]
        assert [(each.name, tuple(each.shape), each.dtype) for each in inputs] == [("x", (-1, 1, 28, 28), trt.float32)]
        assert [(each.name, tuple(each.shape)) for each in outputs] == [("y", (-1, 10))]
        for largest in (4, 16):
            profile = builder.create_optimization_profile()
            profile.set_shape("x", min=[1, 1, 28, 28], opt=[2, 1, 28, 28], max=[largest, 1, 28, 28])
            config.add_optimization_profile(profile)
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)
        engine_bytes = builder.build_serialized_network(network, config)
    engine = trt.Runtime(TRT_LOGGER).deserialize_cuda_engine(engine_bytes)
    with pytest.raises(ValueError, match="dynamic shape"):
        allocate_buffers(engine)
    for profile_idx, largest in enumerate((4, 16)):
        inputs, outputs, bindings = allocate_buffers(engine, profile_idx)
        assert inputs[0].host.size == largest * 784 and outputs[0].host.size == largest * 10
    context, stream = engine.create_execution_context(), cuda.Stream()
    assert context.set_optimization_profile_async(1, stream.handle)
    x = np.random.default_rng(0).standard_normal((16, 1, 28, 28)).astype(np.float32)
    assert context.set_input_shape("x", x.shape)
    np.copyto(inputs[0].host, x.ravel())
    [scores] = do_inference(context, engine, bindings, inputs, outputs, stream)
    with torch.no_grad():
        wanted = trained(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(scores.reshape(16, 10), wanted, atol=5e-3 * np.abs(wanted).max())


# What the samples use and this CPU stand-in has not: said by name


def test_what_the_samples_use_and_we_have_not_is_said_by_name() -> None:
    network = trt.Builder(TRT_LOGGER).create_network(0)
    with pytest.raises(NotImplementedError, match="add_loop"):  # 2_construct_network_with_layer_apis
        network.add_loop()


def test_the_quickstart_s_fp16_flag_is_of_an_older_release() -> None:
    """IntroNotebooks/onnx_helper.py of release 11.0 still sets it; 11 has no such flag."""
    with pytest.raises(AttributeError, match="FP16"):
        _ = trt.BuilderFlag.FP16
