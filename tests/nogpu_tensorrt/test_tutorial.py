"""The scripts that everybody writes first, through `import tensorrt` and PyCUDA: parse, build, save, load, run.

The build and run idioms are those of NVIDIA's public samples and of every tutorial since TensorRT 8.5, in our own
words; the memory calls are PyCUDA's throughout.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

trt = pytest.importorskip("tensorrt")
if not trt.__version__.endswith("+nogpu"):
    pytest.skip("the real TensorRT is installed", allow_module_level=True)
cuda = pytest.importorskip("pycuda.driver")


@pytest.fixture(autouse=True, scope="module")
def context() -> None:
    import pycuda.autoprimaryctx  # noqa: F401


class Net(nn.Module):
    """A small image classifier with what a ResNet is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.left = nn.Sequential(
            nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1)
        )
        self.last = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.first(x)
        hidden = torch.relu(hidden + self.left(hidden))
        return self.last(hidden.mean((2, 3)))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    net = Net()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    return net.eval()


def onnx_of(model: nn.Module, dynamic: bool) -> bytes:
    kept = io.BytesIO()
    axes = {"dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}}} if dynamic else {}
    torch.onnx.export(
        model, (torch.zeros(2, 3, 32, 32),), kept, input_names=["input"], output_names=["output"], dynamo=False, **axes
    )
    return kept.getvalue()


@pytest.fixture(scope="module")
def static_onnx(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("static") / "model.onnx"
    path.write_bytes(onnx_of(model, dynamic=False))
    return path


@pytest.fixture(scope="module")
def dynamic_onnx(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dynamic") / "model.onnx"
    path.write_bytes(onnx_of(model, dynamic=True))
    return path


def expected(model: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(x)).numpy()


def test_static_model_from_parse_to_result(model: nn.Module, static_onnx: Path, tmp_path: Path) -> None:
    TRT_LOGGER = trt.Logger(trt.Logger.WARNING)

    # Build
    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, TRT_LOGGER)
    with static_onnx.open("rb") as file:
        if not parser.parse(file.read()):
            for index in range(parser.num_errors):
                print(parser.get_error(index))
            raise AssertionError
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 30)
    serialized_engine = builder.build_serialized_network(network, config)
    with (tmp_path / "model.engine").open("wb") as file:
        file.write(serialized_engine)

    # Load
    runtime = trt.Runtime(TRT_LOGGER)
    with (tmp_path / "model.engine").open("rb") as file:
        engine = runtime.deserialize_cuda_engine(file.read())
    context = engine.create_execution_context()

    # Allocate, as the samples' allocate_buffers does
    stream = cuda.Stream()
    inputs, outputs, bindings = [], [], []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        size = trt.volume(engine.get_tensor_shape(name))
        dtype = trt.nptype(engine.get_tensor_dtype(name))
        host = cuda.pagelocked_empty(size, dtype)
        device = cuda.mem_alloc(host.nbytes)
        bindings.append(int(device))
        pair = (host, device)
        (inputs if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT else outputs).append(pair)
        context.set_tensor_address(name, int(device))

    # Run
    x = np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)
    np.copyto(inputs[0][0], x.ravel())
    for host, device in inputs:
        cuda.memcpy_htod_async(device, host, stream)
    context.execute_async_v3(stream_handle=stream.handle)
    for host, device in outputs:
        cuda.memcpy_dtoh_async(host, device, stream)
    stream.synchronize()
    np.testing.assert_allclose(outputs[0][0].reshape(2, 10), expected(model, x), rtol=1e-2, atol=2e-3)  # TF32

    # The same by execute_v2
    outputs[0][0][:] = 0
    assert context.execute_v2(bindings)
    cuda.memcpy_dtoh(outputs[0][0], outputs[0][1])
    np.testing.assert_allclose(outputs[0][0].reshape(2, 10), expected(model, x), rtol=1e-2, atol=2e-3)  # TF32


def test_dynamic_model_with_a_profile(model: nn.Module, dynamic_onnx: Path) -> None:
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse_from_file(str(dynamic_onnx))
    assert tuple(network.get_input(0).shape) == (-1, 3, 32, 32)
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    profile.set_shape("input", (1, 3, 32, 32), (4, 3, 32, 32), (8, 3, 32, 32))
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    context = engine.create_execution_context()
    stream = cuda.Stream()
    for batch in (1, 3, 8):
        x = np.random.default_rng(batch).standard_normal((batch, 3, 32, 32)).astype(np.float32)
        assert context.set_input_shape("input", x.shape)
        y = np.empty(tuple(context.get_tensor_shape("output")), trt.nptype(engine.get_tensor_dtype("output")))
        d_input, d_output = cuda.mem_alloc(x.nbytes), cuda.mem_alloc(y.nbytes)
        context.set_tensor_address("input", int(d_input))
        context.set_tensor_address("output", int(d_output))
        cuda.memcpy_htod_async(d_input, x, stream)
        assert context.execute_async_v3(stream.handle)
        cuda.memcpy_dtoh_async(y, d_output, stream)
        stream.synchronize()
        np.testing.assert_allclose(y, expected(model, x), rtol=1e-2, atol=2e-3)  # TF32
    assert not context.set_input_shape("input", (9, 3, 32, 32))


SCRIPT = """
import sys

import numpy as np
import pycuda.autoinit
import pycuda.driver as cuda
import tensorrt as trt

TRT_LOGGER = trt.Logger(trt.Logger.WARNING)


def build_engine(onnx_path, engine_path, shapes=None):
    with trt.Builder(TRT_LOGGER) as builder, builder.create_network(0) as network, trt.OnnxParser(
        network, TRT_LOGGER
    ) as parser:
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 30)
        with open(onnx_path, "rb") as model:
            if not parser.parse(model.read()):
                for error in range(parser.num_errors):
                    print(parser.get_error(error))
                sys.exit(1)
        if shapes:
            profile = builder.create_optimization_profile()
            profile.set_shape(network.get_input(0).name, *shapes)
            config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        with open(engine_path, "wb") as f:
            f.write(plan)


def load_engine(engine_path):
    with open(engine_path, "rb") as f, trt.Runtime(TRT_LOGGER) as runtime:
        return runtime.deserialize_cuda_engine(f.read())


def infer(engine, x):
    context = engine.create_execution_context()
    stream = cuda.Stream()
    buffers = {}
    for name in [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]:
        if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            context.set_input_shape(name, x.shape)
        shape = context.get_tensor_shape(name)
        host = cuda.pagelocked_empty(trt.volume(shape), trt.nptype(engine.get_tensor_dtype(name)))
        buffers[name] = host, cuda.mem_alloc(host.nbytes), shape
        context.set_tensor_address(name, int(buffers[name][1]))
    np.copyto(buffers["input"][0], x.ravel())
    cuda.memcpy_htod_async(buffers["input"][1], buffers["input"][0], stream)
    context.execute_async_v3(stream_handle=stream.handle)
    cuda.memcpy_dtoh_async(buffers["output"][0], buffers["output"][1], stream)
    stream.synchronize()
    return buffers["output"][0].reshape(buffers["output"][2])


onnx_path, engine_path, folder, *shapes = sys.argv[1:]
build_engine(onnx_path, engine_path, [tuple(map(int, shape.split("x"))) for shape in shapes])
engine = load_engine(engine_path)
np.save(folder + "/y.npy", infer(engine, np.load(folder + "/x.npy")))
"""


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_the_script_of_every_tutorial_as_a_program_of_its_own(
    model: nn.Module, static_onnx: Path, dynamic_onnx: Path, tmp_path: Path, dynamic: bool
) -> None:
    x = np.random.default_rng(7).standard_normal((5 if dynamic else 2, 3, 32, 32)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "infer.py").write_text(SCRIPT)
    shapes = [f"{batch}x3x32x32" for batch in (1, 4, 8)] if dynamic else []
    path = dynamic_onnx if dynamic else static_onnx
    arguments = [str(tmp_path / "infer.py"), str(path), str(tmp_path / "model.engine"), str(tmp_path), *shapes]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not done.stdout and "Traceback" not in done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected(model, x), rtol=2e-2, atol=5e-3)


def test_the_parser_s_errors_can_be_listed(tmp_path: Path) -> None:
    logger = trt.Logger(trt.Logger.INTERNAL_ERROR)
    builder = trt.Builder(logger)
    parser = trt.OnnxParser(builder.create_network(0), logger)
    assert not parser.parse(b"this is no model")
    assert parser.num_errors >= 1
    assert isinstance(parser.get_error(0).desc(), str)


def test_a_parsed_network_can_be_extended(model: nn.Module, static_onnx: Path) -> None:
    """Put a softmax and a top-1 behind a parsed model, with the layer API."""
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse_from_file(str(static_onnx))
    scores = network.get_output(0)
    network.unmark_output(scores)
    softmax = network.add_softmax(scores)
    softmax.axes = 1 << 1
    best = network.add_topk(softmax.get_output(0), trt.TopKOperation.MAX, 1, 1 << 1)
    best.get_output(0).name, best.get_output(1).name = "probability", "class"
    for index in range(2):
        network.mark_output(best.get_output(index))
    engine = builder.build_engine_with_config(network, builder.create_builder_config())
    x = np.random.default_rng(1).standard_normal((2, 3, 32, 32)).astype(np.float32)
    p, c = np.zeros((2, 1), np.float32), np.zeros((2, 1), np.int32)
    assert engine.create_execution_context().execute_v2([x.ctypes.data, p.ctypes.data, c.ctypes.data])
    wanted = torch.softmax(torch.from_numpy(expected(model, x)), 1).max(1)
    assert c.ravel().tolist() == wanted.indices.tolist()
    np.testing.assert_allclose(p.ravel(), wanted.values.numpy(), rtol=1e-3)


def test_a_batch_made_dynamic_after_parsing(model: nn.Module, static_onnx: Path) -> None:
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    trt.OnnxParser(network, logger).parse_from_file(str(static_onnx))
    network.get_input(0).shape = [-1, 3, 32, 32]
    assert tuple(network.get_output(0).shape) == (-1, 10)
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    profile.set_shape("input", (1, 3, 32, 32), (2, 3, 32, 32), (4, 3, 32, 32))
    config.add_optimization_profile(profile)
    context = builder.build_engine_with_config(network, config).create_execution_context()
    x, y = np.ones((3, 3, 32, 32), np.float32), np.zeros((3, 10), np.float32)
    assert context.set_input_shape("input", x.shape) and context.execute_v2([x.ctypes.data, y.ctypes.data])
    np.testing.assert_allclose(y, expected(model, x), rtol=1e-2, atol=2e-3)  # TF32


def test_digitnet_as_an_engine_is_as_accurate_as_in_pytorch(tmp_path: Path) -> None:
    from coursekit.data import load_digits
    from coursekit.models import DigitNet

    digits, net = load_digits(), DigitNet()
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    images, labels = (torch.as_tensor(part) for part in (digits.train.images, digits.train.labels))
    for _ in range(4):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
    net.eval()
    path = tmp_path / "digitnet.onnx"
    names = {"input_names": ["images"], "output_names": ["logits"]}
    torch.onnx.export(
        net, (images[:1],), str(path), dynamo=False, dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}}, **names
    )
    x = np.ascontiguousarray(digits.test.images, np.float32)

    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    assert trt.OnnxParser(network, logger).parse_from_file(str(path))
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # compared with FP32
    profile = builder.create_optimization_profile()
    profile.set_shape("images", (1, 1, 8, 8), (64, 1, 8, 8), (len(x), 1, 8, 8))
    config.add_optimization_profile(profile)
    context = builder.build_engine_with_config(network, config).create_execution_context()
    y = np.zeros((len(x), 10), np.float32)
    assert context.set_input_shape("images", x.shape) and context.execute_v2([x.ctypes.data, y.ctypes.data])
    with torch.no_grad():
        wanted = net(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(y, wanted, rtol=1e-3, atol=1e-3)
    assert (y.argmax(1) == wanted.argmax(1)).all()
    assert (y.argmax(1) == np.asarray(digits.test.labels)).mean() > 0.9
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(y, session.run(None, {"images": x})[0], rtol=1e-3, atol=1e-3)


def test_a_network_written_by_hand_with_pytorch_s_weights() -> None:
    """LeNet by the layer API: keyword arguments, Dims objects, fully connected layers as matrix products."""
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 12, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(192, 50), nn.ReLU(), nn.Linear(50, 10),
    ).eval()  # fmt: skip
    weights = {name: value.cpu().numpy() for name, value in net.state_dict().items()}
    builder = trt.Builder(trt.Logger(trt.Logger.WARNING))
    network = builder.create_network(0)
    tensor = network.add_input(name="data", dtype=trt.float32, shape=(1, 1, 28, 28))
    for number in (0, 2):
        kernel, bias = weights[f"{number}.weight"], weights[f"{number}.bias"]
        conv = network.add_convolution_nd(
            input=tensor, num_output_maps=len(bias), kernel_shape=(5, 5), kernel=kernel, bias=bias
        )
        conv.stride_nd = (1, 1)
        pool = network.add_pooling_nd(input=conv.get_output(0), type=trt.PoolingType.MAX, window_size=(2, 2))
        pool.stride_nd = trt.Dims2(2, 2)
        tensor = pool.get_output(0)
    for number in (5, 7):
        w, b = weights[f"{number}.weight"], weights[f"{number}.bias"]
        flat = network.add_shuffle(tensor)
        flat.reshape_dims = trt.Dims2(tensor.shape[0], int(np.prod(tensor.shape[1:])))
        constant = network.add_constant(trt.Dims2(*w.shape), w)
        product = network.add_matrix_multiply(
            flat.get_output(0), trt.MatrixOperation.NONE, constant.get_output(0), trt.MatrixOperation.TRANSPOSE
        )
        shift = network.add_constant(trt.Dims2(1, len(b)), b)
        total = network.add_elementwise(product.get_output(0), shift.get_output(0), trt.ElementWiseOperation.SUM)
        tensor = total.get_output(0)
        if number == 5:
            tensor = network.add_activation(input=tensor, type=trt.ActivationType.RELU).get_output(0)
    last = network.add_shuffle(tensor)
    last.reshape_dims = trt.Dims4(1, 10, 1, 1)
    last.get_output(0).name = "prob"
    network.mark_output(tensor=last.get_output(0))
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    with trt.Runtime(builder.logger) as runtime, runtime.deserialize_cuda_engine(plan) as engine:
        assert engine.num_layers < network.num_layers, "nothing was fused"
        with engine.create_execution_context() as run:
            x, y = np.random.default_rng(2).random((1, 1, 28, 28), np.float32), np.zeros((1, 10, 1, 1), np.float32)
            assert run.execute_v2(bindings=[x.ctypes.data, y.ctypes.data])
    np.testing.assert_allclose(y.reshape(1, 10), expected(net, x), rtol=1e-2, atol=2e-3)  # TF32


def test_a_script_of_tensorrt_7_is_told_line_by_line_what_to_write() -> None:
    """The way of old notebooks: each line that no longer works names its successor."""
    logger = trt.Logger(trt.Logger.WARNING)
    with trt.Builder(logger) as builder, builder.create_network() as network:
        for name, value, words in (
            ("max_workspace_size", 1 << 30, "set_memory_pool_limit"),
            ("fp16_mode", True, "convert it to FP16"),
            ("max_batch_size", 32, "optimization profile"),
        ):
            with pytest.raises(AttributeError, match=words):
                setattr(builder, name, value)
        with pytest.raises(AttributeError, match=r"build_serialized_network\(network, config\)"):
            builder.build_cuda_engine(network)


def test_the_plugin_registry_is_honest_and_empty() -> None:
    logger = trt.Logger(trt.Logger.WARNING)
    assert trt.init_libnvinfer_plugins(logger, namespace="")
    registry = trt.get_plugin_registry()
    assert registry.all_creators == [] and registry.get_creator("EfficientNMS_TRT", "1", "") is None
    with pytest.raises(NotImplementedError, match=r"IPluginRegistry\.register_creator"):
        registry.register_creator(object())
