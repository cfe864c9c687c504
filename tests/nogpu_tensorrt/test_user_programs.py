"""What users' own programs ran into: defaults that they rely on, forms that they write, mistakes that they make.

Numbers are compared with PyTorch and ONNX Runtime; defaults and refusals were read off NVIDIA's RTX builder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from corpus_building import BOOL, FLOAT, INT32, INT64, model, node, one, tensor, value
from engines import Recorder, engine_of, plan_of

import nogpu.tensorrt as trt
from nogpu.tensorrt import plan as plans

RNG = np.random.default_rng(5)


def ran(network: Any, inputs: dict[str, np.ndarray], logger: Recorder) -> list[np.ndarray]:
    """Build a static network, run it once, and return its outputs."""
    config = network.builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    config.builder_optimization_level = 0
    plan = network.builder.build_serialized_network(network, config)
    assert plan is not None, logger.errors
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    outputs = [
        np.zeros(tuple(engine.get_tensor_shape(name)), trt.nptype(engine.get_tensor_dtype(name)))
        for name in names
        if name not in inputs
    ]
    given = [np.ascontiguousarray(inputs[name]) for name in names if name in inputs]
    assert engine.create_execution_context().execute_v2([each.ctypes.data for each in (*given, *outputs)])
    return outputs


def parsed(content: bytes, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Run an ONNX model in an engine."""
    logger = Recorder()
    network = trt.Builder(logger).create_network(0)
    assert trt.OnnxParser(network, logger).parse(content), logger.errors
    return ran(network, inputs, logger)


def computed(add: Callable[[Any, Any], Any], array: np.ndarray) -> np.ndarray:
    """Run the one layer that `add(network, input)` adds."""
    logger = Recorder()
    network = trt.Builder(logger).create_network(0)
    layer = add(network, network.add_input("x", trt.float32, array.shape))
    network.mark_output(layer.get_output(0))
    return ran(network, {"x": array}, logger)[0]


def constant(network: Any, array: Any) -> Any:
    numbers = np.asarray(array)
    return network.add_constant(numbers.shape, numbers).get_output(0)


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        ("LEAKY_RELU", lambda x: F.leaky_relu(x, 0.01)),
        ("ELU", F.elu),
        ("SELU", F.selu),
        ("SOFTPLUS", F.softplus),
        ("CLIP", lambda x: x),
        ("HARD_SIGMOID", lambda x: (0.2 * x + 0.5).clamp(0, 1)),
        ("SCALED_TANH", torch.tanh),
        ("THRESHOLDED_RELU", lambda x: F.threshold(x, 1, 0)),
    ],
)
def test_an_activation_without_alpha_and_beta_has_those_of_tensorrt(kind: str, reference: Any) -> None:
    x = RNG.standard_normal((3, 7)).astype(np.float32) * 2
    ours = computed(lambda network, t: network.add_activation(t, trt.ActivationType.__members__[kind]), x)
    np.testing.assert_allclose(ours, reference(torch.from_numpy(x)).numpy(), atol=1e-6)


def test_a_slice_may_stand_still() -> None:
    x = RNG.standard_normal((5, 6)).astype(np.float32)
    ours = computed(lambda network, t: network.add_slice(t, (1, 0), (3, 6), (0, 1)), x)
    np.testing.assert_array_equal(ours, np.repeat(x[1:2], 3, 0))


def test_a_slice_given_at_run_time_may_go_backwards_to_the_first_element() -> None:
    def add(network: Any, t: Any) -> Any:
        layer = network.add_slice(t, (0, 0), (0, 0), (1, 1))
        for place, numbers in enumerate(([4, 5], [5, 3], [-1, -2]), 1):
            layer.set_input(place, constant(network, np.array(numbers, np.int64)))
        return layer

    x = RNG.standard_normal((5, 6)).astype(np.float32)
    logger = Recorder()
    network = trt.Builder(logger).create_network(0)
    layer = add(network, network.add_input("x", trt.float32, x.shape))
    network.mark_output(layer.get_output(0))
    np.testing.assert_array_equal(ran(network, {"x": x}, logger)[0], x[::-1, ::-2])


def test_the_first_group_normalization_takes_one_scale_for_each_group() -> None:
    x, scale, bias = (
        RNG.standard_normal(shape).astype(np.float32) for shape in ((2, 4, 3, 5), (1, 2, 1, 1), (1, 2, 1, 1))
    )

    def add(network: Any, t: Any) -> Any:
        layer = network.add_normalization(t, constant(network, scale), constant(network, bias), 0b1100)
        layer.num_groups = 2
        return layer

    spread = [torch.from_numpy(each.reshape(2).repeat(2)) for each in (scale, bias)]
    expected = F.group_norm(torch.from_numpy(x), 2, *spread)
    np.testing.assert_allclose(computed(add, x), expected.numpy(), atol=1e-5)
    scale = bias = np.ones((1, 4, 1, 1), np.float32)
    with pytest.raises(AssertionError, match="expected to match the output at the channel dimension 1 with size 2"):
        computed(add, x)


def test_every_network_is_strongly_typed_and_says_so() -> None:
    network = trt.Builder(Recorder()).create_network(0)
    assert network.get_flag(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED) and network.flags == 1


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda n, x: n.add_activation(x, "relu"), "member of trt.ActivationType, not 'relu'"),
        (lambda n, x: n.add_activation(x, 0), "member of trt.ActivationType, not 0"),
        (lambda n, x: n.add_cast(x, np.float16), "member of trt.DataType"),
        (lambda n, x: n.add_input("y", np.float32, (1,)), "a trt.DataType such as trt.float32"),
        (lambda n, x: n.add_constant((2,), [1, 2]), r"not list: write np.array"),
        (lambda n, x: n.add_constant((2,), np.ones(2)), r"float64: use .astype\(np.float32\)"),
        (lambda n, x: n.add_concatenation(x), "a list of tensors"),
        (lambda n, x: setattr(n.add_topk(x, trt.TopKOperation.MAX, 1, 2), "k", 2.5), "k cannot be 2.5"),
    ],
)
def test_a_wrong_argument_of_a_layer_is_refused_where_it_is_given(mistake: Any, words: str) -> None:
    network = trt.Builder(Recorder()).create_network(0)
    x = network.add_input("x", trt.float32, (2, 3))
    with pytest.raises(TypeError, match=words):
        mistake(network, x)


def test_topk_has_tensorrts_limits() -> None:
    logger = Recorder()
    network = trt.Builder(logger).create_network(0)
    assert network.add_topk(network.add_input("x", trt.float32, (2, 6000)), trt.TopKOperation.MAX, 5000, 2) is None
    assert "Invalid TopK K: 5000. Valid range of TopK K is [0, 3841)" in logger.errors[-1]
    layer = network.add_topk(network.add_input("list", trt.float32, (7,)), trt.TopKOperation.MAX, 3, 1)
    with pytest.raises(RuntimeError):
        layer.get_output(0).shape  # noqa: B018
    assert "at least 2 dimensions are required" in logger.errors[-1]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
def test_grid_sample_as_torch_exports_it_at_opset_16(mode: str) -> None:
    inputs = {
        "x": RNG.standard_normal((1, 3, 4, 4)).astype(np.float32),
        "grid": RNG.uniform(-1, 1, (1, 2, 5, 2)).astype(np.float32),
    }
    content = one("GridSample", more=[value("grid", FLOAT, (1, 2, 5, 2))], opset=16, mode=mode, align_corners=1)
    expected = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, inputs)[0]
    np.testing.assert_allclose(parsed(content, inputs)[0], expected, atol=1e-5)


def test_zeros_around_a_picture_are_in_the_maximum() -> None:
    nodes = [node("Pad", "x around", "wide", "pad"), node("MaxPool", "wide", "y", "pool", kernel_shape=[2, 2])]
    around = tensor("around", [0, 0, 1, 1, 0, 0, 1, 1], INT64)
    content = model(nodes, [value("x", FLOAT, (1, 2, 5, 5))], [value("y", FLOAT, (1, 2, 6, 6))], [around])
    x = -np.ones((1, 2, 5, 5), np.float32)
    expected = F.max_pool2d(F.pad(torch.from_numpy(x), (1, 1, 1, 1)), 2, 1)
    np.testing.assert_array_equal(parsed(content, {"x": x})[0], expected.numpy())


def test_a_choice_between_masks() -> None:
    masks = {name: RNG.random((3, 4)) > 0.5 for name in ("c", "a", "b")}
    nodes = [node("Not", "a", "not_a", "invert"), node("Where", "c not_a b", "y", "choose")]
    content = model(nodes, [value(name, BOOL, (3, 4)) for name in masks], [value("y", BOOL, (3, 4))])
    np.testing.assert_array_equal(parsed(content, masks)[0], np.where(masks["c"], ~masks["a"], masks["b"]))


def test_whole_numbers_in_relu_and_one_hot() -> None:
    numbers = np.array([[-3, 0, 5]])
    np.testing.assert_array_equal(parsed(one("Relu", (1, 3), kind=INT64), {"x": numbers})[0], [[0, 0, 5]])
    weights = [tensor("depth", 4, INT64), tensor("two", [0.0, 1.0])]
    content = one("OneHot", (3,), weights, INT32, out=FLOAT)
    ours = parsed(content, {"x": np.array([2, 0, 3], np.int32)})[0]
    np.testing.assert_array_equal(ours, np.eye(4, dtype=np.float32)[[2, 0, 3]])


def test_random_numbers_like_an_input_are_random() -> None:
    numbers = parsed(one("RandomNormalLike", (100, 100)), {"x": np.zeros((100, 100), np.float32)})[0]
    assert abs(numbers.mean()) < 0.1 and abs(numbers.std() - 1) < 0.1


def test_random_numbers_beside_a_product_that_may_be_tf32() -> None:
    logger = Recorder()
    network = trt.Builder(logger).create_network(0)
    nodes = [node("MatMul", "x w", "p", "product"), node("RandomUniformLike", "p", "y", "noise")]
    content = model(nodes, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, (2, 3))], [tensor("w", np.eye(3))])
    assert trt.OnnxParser(network, logger).parse(content)
    config = network.builder.create_builder_config()
    assert config.get_flag(trt.BuilderFlag.TF32)
    assert network.builder.build_serialized_network(network, config) is not None, logger.errors


def test_a_node_that_no_kernel_computes_is_refused_by_the_builder_and_by_name() -> None:
    logger = Recorder()
    network = trt.Builder(logger).create_network(0)
    content = one("SpaceToDepth", (1, 1, 4, 4), kind=INT32, blocksize=2)
    assert trt.OnnxParser(network, logger).parse(content)
    recorder = Errors()
    network.builder.error_recorder = recorder
    for level in (0, 3):
        config = network.builder.create_builder_config()
        config.builder_optimization_level = level
        assert network.builder.build_serialized_network(network, config) is None
        assert "Error Code 10" in logger.errors[-1] and "SpaceToDepth" in logger.errors[-1]
    assert recorder.codes == [trt.ErrorCodeTRT.UNSUPPORTED_STATE] * 2


class Errors(trt.IErrorRecorder):
    """Keeps the codes."""

    def __init__(self) -> None:
        trt.IErrorRecorder.__init__(self)
        self.codes: list[Any] = []

    def report_error(self, arg0: Any, arg1: str) -> bool:
        self.codes.append(arg0)
        return True


def test_a_recorded_error_has_the_number_that_its_message_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    logger, recorder = Recorder(), Errors()
    runtime = trt.Runtime(logger)
    runtime.error_recorder = recorder
    plan = bytes(plan_of(logger))
    monkeypatch.setattr(plans.version, "VERSION", "11.5.0")
    for content in (b"", b"no plan at all", plan):
        assert runtime.deserialize_cuda_engine(content) is None
    pairs = zip(recorder.codes, logger.errors, strict=True)
    assert all(f"Error Code {int(code)}:" in text for code, text in pairs)
    assert recorder.codes == [
        trt.ErrorCodeTRT.INVALID_ARGUMENT, trt.ErrorCodeTRT.UNSPECIFIED_ERROR, trt.ErrorCodeTRT.FAILED_INITIALIZATION,
    ]  # fmt: skip
    assert logger.errors[-1].endswith("got 11.4.0+nogpu, please rebuild.)")


def test_a_plan_from_a_gpu_is_told_from_garbage() -> None:
    logger = Recorder()
    assert trt.Runtime(logger).deserialize_cuda_engine(b"ftrt" + bytes(200)) is None
    assert "built by NVIDIA's TensorRT for a GPU" in logger.errors[-1] and "build it here again" in logger.errors[-1]
    assert trt.Runtime(logger).deserialize_cuda_engine(b"PK\x03\x04" + bytes(200)) is None
    assert "for a GPU" not in logger.errors[-1]


def test_what_could_be_set_in_older_releases_says_what_to_do() -> None:
    context = engine_of(Recorder()).create_execution_context()
    with pytest.raises(AttributeError, match="set_optimization_profile_async"):
        context.active_optimization_profile = 0
    with pytest.raises(AttributeError, match="add_cast"):
        trt.Builder(Recorder()).create_network(0).add_input("x", trt.float32, (1,)).dtype = trt.float16


def test_a_context_names_itself_and_refuses_wrong_types() -> None:
    logger = Recorder()
    engine = engine_of(logger)
    context = engine.create_execution_context()
    assert not context.set_input_shape("imgae", (1, 1, 8, 8)) and not context.set_tensor_address("imgae", 1)
    assert all(text.startswith("IExecutionContext::set") for text in logger.errors[-2:])
    with pytest.raises(TypeError, match="IOutputAllocator"):
        context.set_output_allocator("logits", 3)
    with pytest.raises(TypeError, match="ExecutionContextAllocationStrategy"):
        engine.create_execution_context(3)
    with pytest.raises(TypeError, match="whole numbers"):
        engine["image"]


def test_values_of_a_shape_tensor_outside_of_the_profile_are_refused() -> None:
    logger = Recorder()
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    inputs = [value("x", FLOAT, (12,)), value("sizes", INT64, (2,))]
    content = model([node("Reshape", "x sizes", "y")], inputs, [value("y", FLOAT, ("a", "b"))])
    assert trt.OnnxParser(network, logger).parse(content)
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    profile.set_shape_input("sizes", [1, 1], [3, 4], [6, 12])
    config.add_optimization_profile(profile)
    engine = trt.Runtime(logger).deserialize_cuda_engine(builder.build_serialized_network(network, config))
    context = engine.create_execution_context()
    x, sizes, y = np.arange(12, dtype=np.float32), np.array([6, 2]), np.zeros(12, np.float32)
    assert context.execute_v2([x.ctypes.data, sizes.ctypes.data, y.ctypes.data])
    sizes[:] = [12, 1]
    assert not context.execute_v2([x.ctypes.data, sizes.ctypes.data, y.ctypes.data])
    assert "Valid range for profile 0: [1, 1]..[6, 12]" in logger.errors[-1]


def test_shapes_that_do_not_fit_each_other_are_told_without_the_kernels_source() -> None:
    logger = Recorder()
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    a, b = (network.add_input(name, trt.float32, (-1, 3)) for name in "ab")
    network.mark_output(network.add_elementwise(a, b, trt.ElementWiseOperation.SUM).get_output(0))
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for name in "ab":
        profile.set_shape(name, (1, 3), (2, 3), (4, 3))
    config.add_optimization_profile(profile)
    engine = trt.Runtime(logger).deserialize_cuda_engine(builder.build_serialized_network(network, config))
    context = engine.create_execution_context()
    memory = np.zeros((4, 3), np.float32)
    assert context.set_input_shape("a", (2, 3)) and context.set_input_shape("b", (3, 3))
    assert not context.execute_v2([memory.ctypes.data] * 3)
    assert "2 by 3" in logger.errors[-1] and "onnxruntime_src" not in logger.errors[-1]
