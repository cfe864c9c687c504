"""Precision on whole networks: DigitNet on the real test digits, ResNets with random weights, against float64.

The reference runs the ONNX graph node by node in PyTorch's float64 and rounds where a layer ends. Bounds on the
relative error of the logits (RMS of the error / RMS of the logits):

            to the rounded reference              to float64 without rounding
            DigitNet   ResNet-18   ResNet-50      DigitNet   ResNet-18   ResNet-50
    FP32      1e-5       1e-5        1e-5           1e-5       1e-5        1e-5
    TF32      2e-4       1e-3        2e-3           1e-3       2e-3        4e-3
    FP16      3e-4       1e-3        3e-3           1e-3       2e-3        5e-3
    BF16      3e-3       8e-3        2e-2           8e-3       1.5e-2      4e-2
    INT8      5e-3       5e-2        1e-1           2e-2       6e-2        1.2e-1

Roundings that fall to the other side, since FP32's sums are not float64's, add up over fifty layers: so the rounded
reference is not met better than the unrounded one there.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from test_precision import HALVES, computed

import coursekit  # noqa: F401 (mends torchvision beside a CPU torch)
from coursekit.data import load_digits
from coursekit.models import trained_digitnet
from coursekit.precision import to_half, to_int8
from nogpu.tensorrt.execution.tensor_float import to_tf32

KINDS = ("FP32", "TF32", "FP16", "BF16", "INT8")
DIGITNET = {"TF32": (2e-4, 1e-3), "FP16": (3e-4, 1e-3), "BF16": (3e-3, 8e-3), "INT8": (5e-3, 2e-2)}
RESNET_18 = {"TF32": (1e-3, 2e-3), "FP16": (1e-3, 2e-3), "BF16": (8e-3, 1.5e-2), "INT8": (5e-2, 6e-2)}
RESNET_50 = {"TF32": (2e-3, 4e-3), "FP16": (3e-3, 5e-3), "BF16": (2e-2, 4e-2), "INT8": (1e-1, 1.2e-1)}
FP32 = (1e-5, 1e-5)
FACTORS = ("Conv", "Gemm", "MatMul")


def exported(model: torch.nn.Module, example: torch.Tensor, **options: Any) -> onnx.ModelProto:
    """Return the model as torch exports it."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(model, (example,), dynamo=True, verbose=False, input_names=["x"], **options)
        assert program is not None
        program.save(content)
    return onnx.load_model_from_string(content.getvalue())


def in_precision(model: onnx.ModelProto, kind: str, examples: np.ndarray) -> onnx.ModelProto:
    """Return the FP32 model in another precision."""
    if kind in HALVES:
        return to_half(model, kind=kind)
    return to_int8(model, examples) if kind == "INT8" else model


def reference(model: onnx.ModelProto, x: np.ndarray, kind: str) -> np.ndarray:
    """Run the FP32 or Q/DQ graph in float64; FP16 and BF16 are rounded where a layer ends, TF32 at its factors."""
    graph, readers = model.graph, {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)

    def short(value: torch.Tensor) -> torch.Tensor:
        return value.float().to(HALVES[kind]).double() if kind in HALVES else value

    def factor(value: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(to_tf32(value.float().numpy())).double() if kind == "TF32" else value

    values = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    values = {name: short(value.double()) if value.dtype.is_floating_point else value for name, value in values.items()}
    values["x"] = short(torch.from_numpy(x).double())
    for node in graph.node:
        inputs = [values[name] for name in node.input]
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type in FACTORS:
            inputs[:2] = [factor(each) for each in inputs[:2]]
        output = evaluated(node.op_type, inputs, attributes)
        fused = node.op_type in (*FACTORS, "Add") and readers.get(node.output[0], []) in (["Relu"], ["Add"])
        values[node.output[0]] = output if fused or not output.dtype.is_floating_point else short(output)
    return values[graph.output[0].name].numpy()


def evaluated(kind: str, x: list[torch.Tensor], attributes: dict[str, Any]) -> torch.Tensor:
    """Return what one node computes."""
    f = torch.nn.functional
    if kind == "Conv":
        pads = attributes.get("pads", [0, 0, 0, 0])
        return f.conv2d(x[0], x[1], x[2] if len(x) > 2 else None, attributes.get("strides", 1), pads[:2])
    if kind == "Gemm":
        return x[0] @ (x[1].T if attributes.get("transB") else x[1]) + x[2]
    if kind == "MaxPool":
        pads = attributes.get("pads", [0, 0, 0, 0])
        return f.max_pool2d(x[0], attributes["kernel_shape"], attributes["strides"], pads[:2])
    if kind == "ReduceMean":
        return x[0].mean(x[1].tolist(), keepdim=bool(attributes.get("keepdims", 1)))
    if kind == "Reshape":
        return x[0].reshape([size if size else x[0].shape[k] for k, size in enumerate(x[1].tolist())])
    if kind in ("QuantizeLinear", "DequantizeLinear"):
        scale = x[1].reshape([-1] + [1] * (x[0].ndim - 1)) if x[1].numel() > 1 else x[1]
        if kind == "DequantizeLinear":
            return x[0].double() * scale
        return (x[0].float() / scale.float()).round().clamp(-128, 127).to(torch.int8)
    if kind in ("Relu", "Add"):
        return x[0].relu() if kind == "Relu" else x[0] + x[1]
    raise NotImplementedError(f"the reference has no {kind}")


def relative(one: np.ndarray, other: np.ndarray) -> float:
    """Return the RMS of the difference over the RMS of the second."""
    return float(np.sqrt(((one - other) ** 2).mean() / (other**2).mean()))


@pytest.fixture(scope="module")
def digitnet() -> onnx.ModelProto:
    """DigitNet, trained, with a free batch."""
    shapes = ({0: torch.export.Dim("n")},)
    return exported(trained_digitnet(), torch.rand(2, 1, 8, 8), dynamic_shapes=shapes)


@pytest.mark.parametrize("kind", KINDS)
def test_digitnet_on_the_real_test_digits(digitnet: onnx.ModelProto, kind: str) -> None:
    digits = load_digits()
    x, labels = digits.test.images.numpy(), digits.test.labels.numpy()
    model = in_precision(digitnet, kind, digits.train.images[:256].numpy())
    (logits,) = computed(model, {"x": x}, tf32=kind == "TF32")
    exact = reference(digitnet, x, "FP32")
    error, wide = relative(logits, reference(model if kind == "INT8" else digitnet, x, kind)), relative(logits, exact)
    flips = int((logits.argmax(1) != exact.argmax(1)).sum())
    right = float((logits.argmax(1) == labels).mean())
    bounds = DIGITNET.get(kind, FP32)
    assert error < bounds[0] and wide < bounds[1]
    assert right > 0.97 and flips <= {"INT8": 2, "BF16": 1}.get(kind, 0)  # a net trained anew may have a close call
    if kind != "FP32":
        assert wide > 1e-4


def resnet(name: str, size: int) -> onnx.ModelProto:
    """Return a ResNet with random weights whose BatchNorms have seen something, for one image."""
    import torchvision

    torch.manual_seed(0)
    net = getattr(torchvision.models, name)(weights=None)
    with torch.no_grad():
        for _ in range(2):
            net(torch.randn(4, 3, size, size))
    return exported(net.eval(), torch.randn(1, 3, size, size))


def agrees(model: onnx.ModelProto, kind: str, size: int, bounds: tuple[float, float]) -> None:
    """Check a ResNet in one precision."""
    rng = np.random.default_rng(0)
    x, examples = (rng.standard_normal((n, 3, size, size)).astype(np.float32) for n in (1, 4))
    form = in_precision(model, kind, examples)
    (logits,) = computed(form, {"x": x}, tf32=kind == "TF32")
    exact = reference(model, x, "FP32")
    errors = relative(logits, reference(form if kind == "INT8" else model, x, kind)), relative(logits, exact)
    assert errors[0] < bounds[0] and errors[1] < bounds[1], errors
    first, second = np.sort(exact.ravel())[[-1, -2]]
    assert logits.argmax() == exact.argmax() or first - second < 2 * np.abs(logits - exact).max()


@pytest.fixture(scope="module")
def resnet18() -> onnx.ModelProto:
    """ResNet-18 for an image of 96×96."""
    return resnet("resnet18", 96)


@pytest.mark.parametrize("kind", KINDS)
def test_resnet_18_agrees(resnet18: onnx.ModelProto, kind: str) -> None:
    agrees(resnet18, kind, 96, RESNET_18.get(kind, FP32))


@pytest.mark.full
def test_resnet_50_agrees() -> None:
    model = resnet("resnet50", 224)
    for kind in KINDS:
        agrees(model, kind, 224, RESNET_50.get(kind, FP32))
