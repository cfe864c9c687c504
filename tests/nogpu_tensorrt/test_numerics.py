"""The optimizer changes no result beyond float rounding: whole networks before and after it, on random inputs.

Both forms run on ONNX Runtime with its own optimisations off, so that only ours are seen. Batch normalisation gets
random statistics: fresh ones (mean 0, variance 1, scale 1, shift 0) would hide a wrong fold.
"""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from small_networks import Detector, SsdLite, Transformer
from torch import nn

import coursekit  # noqa: F401  (before torchvision, beside a CPU build of torch)
from coursekit.models import DigitNet
from nogpu.tensorrt.optimizer import Optimized, optimize
from nogpu.tensorrt.parser import read
from nogpu.tensorrt.settings import Settings

ROUNDING = 2e-5  # of the largest element: some hundred float32 roundings, one behind the other


def computed(model: ir.Model, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the model's outputs, by ONNX Runtime's plain kernels."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    return session.run(None, inputs)


def same_before_and_after(data: bytes, inputs: dict[str, np.ndarray]) -> Optimized:
    """Parse and optimise the file, compare what it computes before and after, and return the optimised network."""
    reading = read(data)
    assert reading.model is not None, [str(error) for error in reading.errors]
    before = computed(reading.model, inputs)
    optimized = optimize(reading.model, Settings(), lambda severity, text: None)
    for one, two in zip(computed(optimized.model, inputs), before, strict=True):
        assert one.shape == two.shape and np.isfinite(two).all()
        assert np.abs(one - two).max() <= ROUNDING * max(np.abs(two).max(), 1e-3)
    return optimized


def networks(name: str) -> tuple[nn.Module, torch.Tensor]:
    """Return a network with random weights and statistics, and an input of it."""
    from torchvision import models
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt
    from torchvision.models.vision_transformer import VisionTransformer

    def googlenet() -> tuple[nn.Module, torch.Tensor]:
        return models.googlenet(weights=None, aux_logits=False, init_weights=False), torch.randn(2, 3, 64, 64)

    small: dict[str, Callable[[], tuple[nn.Module, torch.Tensor]]] = {
        "digitnet": lambda: (DigitNet(), torch.randn(2, 1, 8, 8)),
        "googlenet": googlenet,
        "detector": lambda: (Detector(), torch.randn(2, 3, 64, 64)),
        "ssdlite": lambda: (SsdLite(), torch.randn(2, 3, 128, 128)),
        "transformer": lambda: (Transformer(), torch.randint(0, 100, (2, 16))),
        "vit": lambda: (VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10), torch.randn(2, 3, 32, 32)),
        "convnext": lambda: (
            ConvNeXt([CNBlockConfig(16, 32, 2), CNBlockConfig(32, None, 2)], num_classes=10),
            torch.randn(2, 3, 32, 32),
        ),
    }
    torch.manual_seed(0)
    if name in small:
        network, example = small[name]()
    else:
        network = models.get_model_builder(name)(weights=None)
        example = torch.randn(2, 3, *((224, 224) if name == "vit_b_16" else (64, 64)))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.uniform_(parameter, -0.1, 0.1)
    return network.eval(), example


def exported(network: nn.Module, example: torch.Tensor, how: str) -> bytes:
    """Return the ONNX file of the network with a free batch, by torch's exporter ("new", "plain") or its former one.

    "former 14": opset 14 by the TorchScript exporter, where GELU and LayerNorm are written out and BatchNorm is kept.
    """
    kept, names = io.BytesIO(), {"input_names": ["x"], "output_names": ["y"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how.startswith("former"):
            free: dict[str, Any] = {
                "dynamic_axes": {"x": {0: "n"}},
                "dynamo": False,
                "opset_version": int(how.split()[1]),
            }
            torch.onnx.export(network, (example,), kept, training=torch.onnx.TrainingMode.PRESERVE, **names, **free)
            return kept.getvalue()
        batch = torch.export.Dim("batch", min=1, max=64)
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: batch},),
            verbose=False,
            optimize=how == "new",
            **names,
        )
    return program.model_proto.SerializeToString()


def check(name: str, how: str) -> Counter[str]:
    """Check a network and return how many nodes of each operator are left."""
    network, example = networks(name)
    optimized = same_before_and_after(exported(network, example, how), {"x": example.numpy()})
    return Counter(node.op_type for node in optimized.model.graph)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *(("digitnet", how) for how in ("new", "plain", "former 14")),
        *(("detector", how) for how in ("new", "former 14")),  # plain, its split is a sequence: NVIDIA has none
        *(("transformer", how) for how in ("new", "plain", "former 14")),
    ],
)
def test_small_networks(name: str, how: str) -> None:
    left = check(name, how)
    assert not left["BatchNormalization"] and not left["Erf"] and not left["Identity"] and not left["ReduceMean"]
    if name == "transformer":
        assert left["Gelu"] == 2 and left["LayerNormalization"] == 4


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit", "convnext"])
def test_classifiers(name: str) -> None:
    left = check(name, "former 14")
    assert not left["BatchNormalization"] and not left["Erf"] and not left["Pow"]


def test_the_branches_of_googlenet_become_one_convolution_each() -> None:
    network, example = networks("googlenet")
    optimized = same_before_and_after(exported(network, example, "former 14"), {"x": example.numpy()})
    merged = [layer for layer in optimized.layers if " || " in layer.name]
    assert len(merged) == 9, "each of its nine blocks starts with three convolutions of one by one"
    for layer in merged:
        assert layer.name.count(" || ") == 2 and len(layer.outputs) == 3 and len(layer.merged) == 9


@pytest.mark.full
@pytest.mark.parametrize("how", ["new", "former 14", "former 17"])
@pytest.mark.parametrize(
    "name",
    ["resnet50", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "regnet_y_400mf", "vit_b_16", "ssdlite"],
)
def test_large_networks(name: str, how: str) -> None:
    left = check(name, how)
    assert not left["BatchNormalization"] and not left["Erf"]


# Random graphs


class Random:
    """Builds a graph of random layers of what the optimizer looks for, on pictures (2, channels, height, width)."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw, self.data = data.draw, data
        self.rng = np.random.default_rng(self.draw(st.integers(0, 1000)))
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.values: list[tuple[str, tuple[int, ...]]] = [("x", (2, 4, 6, 6))]

    def one(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def numbers(self, array: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def random(self, *shape: int, low: float = -1, high: float = 1) -> str:
        return self.numbers(self.rng.uniform(low, high, shape).astype(np.float32))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], f"{kind}_{len(self.nodes)}", **attributes))
        return name

    def step(self) -> None:
        """Put a random layer behind a random value."""
        x, (n, c, h, w) = self.one(*self.values[-3:])
        kind = self.one(
            "Conv", "Conv", "Conv", "ConvTranspose", "BatchNormalization", "Scale", "Scale", "Activation", "Transpose",
            "Reshape", "Pad", "MatMul", "Gelu", "LayerNormalization", "Sum", "MaxPool",
        )  # fmt: skip
        shape = (n, c, h, w)
        if kind == "Conv":
            out, window, group = self.one(2, 4), self.one(1, 3), self.one(1, 1, 2 if c % 2 == 0 else 1)
            weight = self.random(out, c // group, window, window)
            bias = [self.random(out)] if self.one(True, False) else []
            x = self.node("Conv", x, weight, *bias, pads=[window // 2] * 4, group=group)
            shape = (n, out, h, w)
        elif kind == "ConvTranspose":
            x, shape = self.node("ConvTranspose", x, self.random(c, 4, 3, 3), pads=[1] * 4), (n, 4, h, w)
        elif kind == "BatchNormalization":
            parts = [self.random(c, low=0.5), self.random(c), self.random(c), self.random(c, low=0.5)]
            x = self.node("BatchNormalization", x, *parts)
        elif kind == "Scale":
            number = self.random(*self.one((1, c, 1, 1), (c, 1, 1), (1,), (w,), (h, w)), low=0.5, high=1.5)
            operator = self.one("Mul", "Add", "Sub", "Div")
            pair = (number, x) if operator in ("Mul", "Add") and self.one(True, False) else (x, number)
            x = self.node(operator, *pair)
        elif kind == "Activation":
            x = self.node(self.one("Relu", "Sigmoid", "Tanh", "Identity"), x)
        elif kind == "Transpose":
            order = self.one((0, 2, 3, 1), (0, 3, 1, 2), (0, 1, 3, 2), (0, 3, 2, 1))
            x, shape = self.node("Transpose", x, perm=list(order)), tuple(shape[axis] for axis in order)
        elif kind == "Reshape":
            flat = self.node("Flatten", x, axis=self.one(1, 2))
            x, shape = self.node("Reshape", flat, self.numbers(np.array([n, w, -1, h]))), (n, w, c, h)
        elif kind == "Pad":
            x = self.node("Pad", x, self.numbers(np.array([0, 0, 1, 0, 0, 0, 1, 0])))
            x = self.node("Conv", x, self.random(3, c, 3, 1))
            shape = (n, 3, h, w)
        elif kind == "MatMul":
            x = self.node("Add", self.node("MatMul", x, self.random(w, 5)), self.random(5))
            shape = (n, c, h, 5)
        elif kind == "Gelu":
            inner = self.node("Erf", self.node("Div", x, self.numbers(np.float32(2**0.5))))
            bell = self.node("Add", inner, self.numbers(np.float32(1)))
            x = self.node("Mul", self.node("Mul", x, bell), self.numbers(np.float32(0.5)))
        elif kind == "LayerNormalization":
            axes = self.numbers(np.array([-1]))
            d = self.node("Sub", x, self.node("ReduceMean", x, axes))
            square = self.node("Pow", d, self.numbers(np.float32(2)))
            variance = self.node("Add", self.node("ReduceMean", square, axes), self.numbers(np.float32(0.1)))
            y = self.node("Mul", self.node("Div", d, self.node("Sqrt", variance)), self.random(w))
            x = self.node("Add", y, self.random(w))
        elif kind == "Sum":
            others = [name for name, other in self.values if other == shape]
            x = self.node("Add", x, self.one(*others))
        else:
            x = self.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
        self.values.append((x, shape))

    def model(self) -> bytes:
        """Return the file; every value that nobody reads is an output."""
        read_by_others = {name for node in self.nodes for name in node.input}
        ends = [each for each in self.values[1:] if each[0] not in read_by_others]
        if self.one(True, False):
            ends = list(dict.fromkeys([*ends, self.one(*self.values[1:])]))
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 6, 6])
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name, _ in ends]
        graph = helper.make_graph(self.nodes, "random", [given], outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_random_graphs(data: st.DataObject) -> None:
    random = Random(data)
    for _ in range(data.draw(st.integers(1, 10))):
        random.step()
    x = random.rng.standard_normal((2, 4, 6, 6)).astype(np.float32)
    optimized = same_before_and_after(random.model(), {"x": x})
    known = {node.name for node in random.nodes}
    assert {name for layer in optimized.layers for name in layer.merged} <= known
