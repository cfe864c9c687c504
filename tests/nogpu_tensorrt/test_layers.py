"""Every layer of the layer API: numbers against PyTorch, shapes, names and refusals against NVIDIA's RTX builder."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from layer_programs import PROGRAMS, build, facts

import nogpu.tensorrt as trt


def run(builder: Any, network: Any, inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Build, load and run; return the outputs."""
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None
    engine = trt.Runtime(builder.logger).deserialize_cuda_engine(plan)
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    outputs = [
        np.zeros(tuple(engine.get_tensor_shape(name)), trt.nptype(engine.get_tensor_dtype(name)))
        for name in names[len(inputs) :]
    ]
    given = [np.ascontiguousarray(array) for array in inputs]
    assert engine.create_execution_context().execute_v2([array.ctypes.data for array in (*given, *outputs)])
    return outputs


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.reference is not None])
def test_a_layer_computes_what_pytorch_computes(name: str) -> None:
    program = PROGRAMS[name]
    builder, network, layer = build(trt, program)
    assert program.reference is not None
    expected = program.reference(*(torch.from_numpy(array.copy()) for array in program.inputs))
    expected = expected if isinstance(expected, tuple) else (expected,)
    for index, (ours, theirs) in enumerate(zip(run(builder, network, program.inputs), expected, strict=True)):
        assert ours.shape == tuple(theirs.shape) == tuple(layer.get_output(index).shape)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=program.tolerance, atol=program.tolerance)


@pytest.fixture(scope="module")
def nvidia() -> dict[str, object]:
    """What NVIDIA's RTX builder says of each layer; asked in a process of its own."""
    if importlib.util.find_spec("tensorrt_rtx") is None:
        pytest.skip("needs the extra [rtx]")
    done = subprocess.run(
        [sys.executable, "layer_programs.py"], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_layer_looks_as_in_nvidia_s_builder(name: str, nvidia: dict[str, object]) -> None:
    assert facts(trt, PROGRAMS[name]) == nvidia[name]


class Messages(trt.ILogger):
    """Keeps what is said."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.said: list[str] = []

    def log(self, severity: Any, msg: str) -> None:
        if severity <= trt.Logger.WARNING:
            self.said.append(msg)


@pytest.fixture
def messages() -> Messages:
    return Messages()


@pytest.fixture
def network(messages: Messages) -> Any:
    return trt.Builder(messages).create_network(0)


X = (-1, 3, 8, 8)

REFUSED = {
    "mixed types": (
        lambda n, x: n.add_elementwise(x, n.add_input("h", trt.float16, X), trt.ElementWiseOperation.SUM),
        "ElementWiseOperation SUM must have same input types. But they are of types Float and Half.",
    ),
    "different ranks": (
        lambda n, x: n.add_elementwise(x, n.add_input("q", trt.float32, (5, 5)), trt.ElementWiseOperation.SUM),
        "Assertion x.nbDims == y.nbDims failed.",
    ),
    "kernel too small": (
        lambda n, x: n.add_convolution_nd(x, 4, (3, 3), np.ones((4, 2, 3, 3), np.float32)),
        "count of 72 weights in kernel, but kernel dimensions (3,3) with 3 input channels, 4 output channels "
        "and 1 groups "
        "were specified. Expected Weights count is 3 * 3*3 * 4 / 1 = 108",
    ),
    "kernel of another type": (
        lambda n, x: n.add_convolution_nd(x, 4, (3, 3), np.ones((4, 3, 3, 3), np.float16)),
        "`input` and `kernel` must be of same type. `input` type is Float but `kernel` is of type Half.",
    ),
    "not a boolean": (
        lambda n, x: n.add_unary(x, trt.UnaryOperation.NOT),
        "input has type Float but must have type Bool.",
    ),
    "no dimensions": (lambda n, x: n.add_reduce(x, trt.ReduceOperation.SUM, 0, True), "no dimensions to be reduced"),
    "a dimension too many": (
        lambda n, x: n.add_reduce(x, trt.ReduceOperation.SUM, 1 << 6, True),
        "invalid reduction dimension 6 specified in reduceAxes for 4 dimensional input",
    ),
    "k too large": (
        lambda n, x: n.add_topk(x, trt.TopKOperation.MAX, 20, 2),
        "K of 20 not consistent with axis 1 of length 3.",
    ),
    "weights missing": (
        lambda n, x: n.add_constant((2, 2), np.ones(3, np.float32)),
        "constant weights has count 3 but 4 was expected",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_nvidia_refuses_is_refused_in_its_words(case: str, network: Any, messages: Messages) -> None:
    add, words = REFUSED[case]
    layer = add(network, network.add_input("x", trt.float32, X))
    with pytest.raises(RuntimeError, match="Could not get tensor shape"):
        print(layer.get_output(0).shape)
    assert words in messages.said[-1]
    network.mark_output(layer.get_output(0))
    assert network.builder.build_serialized_network(network, network.builder.create_builder_config()) is None
    assert messages.said[-1].startswith("IBuilder::buildSerializedNetwork: Error Code") and words in messages.said[-1]


def test_a_changed_property_changes_all_that_follows(network: Any) -> None:
    x = network.add_input("x", trt.float32, X)
    conv = network.add_convolution_nd(x, 4, (3, 3), np.ones((4, 3, 3, 3), np.float32))
    pool = network.add_pooling_nd(conv.get_output(0), trt.PoolingType.MAX, (2, 2))
    pool.stride_nd = (2, 2)
    assert tuple(pool.get_output(0).shape) == (-1, 4, 3, 3)
    conv.padding_nd = (1, 1)
    assert tuple(pool.get_output(0).shape) == (-1, 4, 4, 4)
    x.shape = (2, 3, 16, 16)
    assert tuple(pool.get_output(0).shape) == (2, 4, 8, 8)
    other = network.add_input("y", trt.float32, (5, 3, 4, 4))
    conv.set_input(0, other)
    assert tuple(pool.get_output(0).shape) == (5, 4, 2, 2)


def test_a_shape_that_is_computed_is_followed(network: Any) -> None:
    x = network.add_input("x", trt.float32, X)
    sizes = network.add_shape(x).get_output(0)
    batch = network.add_slice(sizes, (0,), (1,), (1,)).get_output(0)
    rest = network.add_constant((1,), np.array([192], np.int64)).get_output(0)
    shuffle = network.add_shuffle(x)
    shuffle.set_input(1, network.add_concatenation([batch, rest]).get_output(0))
    assert tuple(shuffle.get_output(0).shape) == (-1, 192)
    x.shape = (4, 3, 8, 8)
    assert tuple(shuffle.get_output(0).shape) == (4, 192)


def test_names(network: Any, messages: Messages) -> None:
    x = network.add_input("x", trt.float32, X)
    layer = network.add_identity(x)
    assert (layer.name, layer.get_output(0).name) == (
        "(Unnamed Layer* 0) [Identity]",
        "(Unnamed Layer* 0) [Identity]_output",
    )
    layer.name = "same"
    assert layer.get_output(0).name == "same_output"
    layer.get_output(0).name = "x"
    assert "the new name is already in use" in messages.said[-1]
    again = network.add_identity(x)
    again.name = "same"  # two layers of one name: no tensor gets lost
    for one in (layer, again):
        network.mark_output(one.get_output(0))
    assert len({value.name for value in network._model.graph.outputs}) == 2
    assert network.add_input("x", trt.float32, X) is None
    network.mark_output(x)
    assert "Tensor can't be both input and output at network level" in messages.said[-1]
    assert network.num_outputs == 2


def test_weights_of_four_bits_lie_two_to_a_byte(network: Any) -> None:
    packed = np.array([0x10, 0xF7, 0x08], np.uint8)
    weights = trt.Weights(trt.int4, packed.ctypes.data, 5)
    assert weights.numpy().astype(int).tolist() == [0, 1, 7, -1, -8]
    assert (len(weights), weights.nbytes) == (5, 3)
    assert trt.Weights(trt.fp4, packed.ctypes.data, 4).numpy().astype(float).tolist() == [0, 0.5, 6, -6]


def test_exclude_outside_has_no_meaning_for_the_nearest_pixel(network: Any) -> None:
    layer = network.add_resize(network.add_input("image", trt.float32, (1, 1, 2, 2)))
    layer.scales, layer.exclude_outside = (1, 1, 2, 2), True
    network.mark_output(layer.get_output(0))
    image = np.array([[[[1, 2], [3, 4]]]], np.float32)
    assert run(network.builder, network, (image,))[0][0, 0, 0].tolist() == [1, 1, 2, 2]


def test_a_list_as_a_sequence_s_start_changes_nothing_and_is_told(network: Any, messages: Messages) -> None:
    layer = network.add_fill((4,), trt.FillOperation.LINSPACE)
    layer.alpha = [1000]
    assert layer.alpha == 0 and "[1000] changes nothing" in messages.said[-1]
    assert not layer.is_alpha_beta_int64()
    layer.alpha = 1000
    assert layer.is_alpha_beta_int64()


def test_a_constant_can_be_an_output(network: Any) -> None:
    network.add_input("x", trt.float32, (1,))
    layer = network.add_constant((3,), np.arange(3, dtype=np.float32))
    layer.get_output(0).name = "numbers"
    network.mark_output(layer.get_output(0))
    [numbers] = run(network.builder, network, (np.zeros(1, np.float32),))
    assert numbers.tolist() == [0, 1, 2]
    assert layer.get_output(0).name == "numbers" and tuple(layer.get_output(0).shape) == (3,)


def test_tensors_of_another_network_and_other_things_are_refused(network: Any) -> None:
    x = network.add_input("x", trt.float32, X)
    with pytest.raises(ValueError, match="belongs to another network"):
        network.builder.create_network(0).add_identity(x)
    with pytest.raises(TypeError, match=r"a layer's input is a tensorrt\.ITensor"):
        network.add_identity(network.add_identity(x))
