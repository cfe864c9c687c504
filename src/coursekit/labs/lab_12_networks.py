"""Networks for the checks of lab 12: ONNX files of small classifiers of real digits, fresh each time, without training.

Their convolutions are random; the last layer is solved by least squares for the training digits, so that labels and
logits mean something. The last task's network is a Trial, of matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from coursekit.data import load_digits
from coursekit.labs.lab_12_fixtures import Trial
from coursekit.labs.onnx_files import IR_VERSION, OPSET, Array

LOGIT = 10.0  # what the least squares aim at: this for the digit's own class, minus this for the others
FREE: list[Any] = ["batch", 1, 8, 8]


@dataclass
class Sketch:
    """An ONNX graph in the making: nodes and weights, each node with one output."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, name: str = "", target: str = "", **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        target = target or f"value_{len(self.nodes)}"
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [target], name=name, **attributes))
        return target

    def constant(self, array: Array, kind: str = "weight") -> str:
        """Register a weight and return its name."""
        name = f"{kind}_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def conv(self, source: str, inside: int, outside: int, gain: float = 1.0) -> str:
        """Append a random 3×3 convolution that keeps the size of the image."""
        weight = self.rng.standard_normal((outside, inside, 3, 3)) * (2 / (9 * inside)) ** 0.5 * gain
        bias = self.rng.standard_normal(outside) * 0.1 * gain
        names = [self.constant(array.astype(np.float32)) for array in (weight, bias)]
        return self.add("Conv", source, *names, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def file(self, output: str, dims: list[Any]) -> bytes:
        """Return the graph as a checked ONNX file with the input `images` and one output."""
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in (("images", FREE), (output, dims))]
        graph = helper.make_graph(self.nodes, "lab", ends[:1], ends[1:], self.weights)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def solved(self, features: str) -> bytes:
        """Append the classifier that fits the training digits best, and return the file: images to logits."""
        train = load_digits().train
        inputs = run(self.file(features, ["batch", "n"]), train.images.numpy()).astype(np.float64)
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
        targets = LOGIT * (2 * np.eye(10)[train.labels.numpy()] - 1)
        ridge = 0.003 * np.mean(inputs**2) * len(inputs) * np.eye(inputs.shape[1])
        solution = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ targets).astype(np.float32)
        names = [self.constant(array) for array in (np.ascontiguousarray(solution[:-1].T), solution[-1].copy())]
        logits = self.add("Gemm", features, *names, target="logits", transB=1)
        return self.file(logits, ["batch", 10])


def run(file: bytes, images: Array, output: str | None = None) -> Array:
    """Return an output of an FP32 file (the first, by default) for images (n, 1, 8, 8)."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    answer: Array = session.run([output] if output else None, {session.get_inputs()[0].name: images})[0]
    return answer


def pooled(sketch: Sketch, source: str) -> str:
    """Append a max-pool and a Flatten, and return the features' name."""
    return sketch.add("Flatten", sketch.add("MaxPool", source, kernel_shape=[2, 2], strides=[2, 2]))


def normalised_file(rng: np.random.Generator) -> bytes:
    """Return a classifier that divides its first activations by their root mean square: the squares leave FP16."""
    sketch = Sketch(rng)
    first = sketch.add("Relu", sketch.conv("images", 1, 12, gain=float(rng.uniform(1500, 3000))))
    square = sketch.add("Mul", first, first, name="square")
    axes = sketch.constant(np.array([1, 2, 3], np.int64), "axes")
    mean = sketch.add("ReduceMean", square, axes, name="mean", keepdims=1)
    normed = sketch.add("Div", first, sketch.add("Sqrt", mean, name="root"), name="divide")
    return sketch.solved(pooled(sketch, sketch.add("Relu", sketch.conv(normed, 12, 24))))


def residual_file(rng: np.random.Generator, shortcut: int) -> bytes:
    """Return a classifier with a residual Add, whose shortcut is its first (0) or its second (1) input."""
    sketch = Sketch(rng)
    first = sketch.add("Relu", sketch.conv("images", 1, 16))
    inner = sketch.add("Relu", sketch.conv(first, 16, 16))
    second = sketch.conv(inner, 16, 16)
    ends = [first, second] if shortcut == 0 else [second, first]
    return sketch.solved(pooled(sketch, sketch.add("Relu", sketch.add("Add", *ends))))


def uneven_file(rng: np.random.Generator) -> bytes:
    """Return a chain of four convolutions, one of them fed with channels of very different size."""
    sketch = Sketch(rng)
    value, inside = "images", 1
    for outside in (8, 12, 16, 16):
        value, inside = sketch.add("Relu", sketch.conv(value, inside, outside)), outside
    convolutions = [node for node in sketch.nodes if node.op_type == "Conv"]
    place = int(rng.integers(1, 4))
    weights = {tensor.name: tensor for tensor in sketch.weights}
    before, bias, after = (
        convolutions[place - 1].input[1],
        convolutions[place - 1].input[2],
        convolutions[place].input[1],
    )
    count = weights[bias].dims[0]
    factor = rng.permutation(2.0 ** np.linspace(-5, 5, count)).astype(np.float32)
    scalings = {before: factor.reshape(-1, 1, 1, 1), bias: factor, after: 1 / factor.reshape(1, -1, 1, 1)}
    for name, scaling in scalings.items():
        weights[name].CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights[name]) * scaling, name))
    return sketch.solved(pooled(sketch, value))


def loud_file(rng: np.random.Generator, loud_end: bool) -> tuple[bytes, list[str]]:
    """Return a file of elementwise layers and the names of those whose output leaves FP16, for images up to 1.

    Among them: one that ends just below the border, one far below zero, one of integers, one that overflows and comes
    back, one with an output beyond the border for a single pixel; with `loud_end` the maker of the graph's output.
    """
    sketch = Sketch(rng)
    number = iter(rng.permutation(np.arange(100, 999)).tolist())

    def times(source: str, factor: float, loud: bool) -> str:
        name = f"scale_{next(number)}"
        if loud:
            names.append(name)
        return sketch.add("Mul", source, sketch.constant(np.array(factor, np.float32)), name=name)

    names: list[str] = []
    branches = []
    for factor, loud in (
        (65510.0, False),
        (-float(rng.uniform(70e3, 150e3)), True),
        (float(rng.uniform(3e5, 9e5)), True),
    ):
        value = times("images", factor, loud)
        branches.append(times(value, 1 / factor, False))
    counts = sketch.add("Cast", sketch.constant(np.array([90_000.0], np.float32)), name=f"count_{next(number)}", to=7)
    back = sketch.add(
        "Cast", sketch.add("Sign", counts, name=f"sign_{next(number)}"), name=f"back_{next(number)}", to=1
    )
    branches.append(sketch.add("Mul", "images", back, name=f"scale_{next(number)}"))
    root = float(rng.uniform(300, 600))
    wide = times("images", root, False)
    square = f"square_{next(number)}"
    names.append(square)
    value = sketch.add("Mul", wide, wide, name=square)
    branches.append(sketch.add("Sqrt", value, name=f"root_{next(number)}"))
    total = branches[0]
    for branch in branches[1:]:
        total = sketch.add("Add", total, branch, name=f"sum_{next(number)}")
    if loud_end:
        total = times(total, 1e6, True)
    order = {node.name: place for place, node in enumerate(sketch.nodes)}
    return sketch.file(total, FREE), sorted(names, key=lambda name: order[name])


def trial(rng: np.random.Generator, early: bool) -> tuple[tuple[Any, ...], Trial, tuple[float, int]]:
    """Return a network's facts, the network, and two budgets that are met by taking the best change again and again.

    One large layer that INT8 spoils; one small one that INT8 spoils and FP16 overflows in. One network in six hundred
    leads the best change into a dead end, which is no fault of an answer's.
    """
    middle = [80, 104, 88, 56, 48, 64] if early else [72, 48, 56, 80, 104, 88]
    large, small = (2, 5) if early else (5, 2)
    while True:
        widths = [int(rng.choice([56, 64])), *middle, 10]
        facts_ = (int(rng.integers(1 << 30)), widths, [large, small], small - 1)
        made = Trial(*facts_)
        wanted = dict.fromkeys(made.layers, "INT8") | {f"layer{large}": "FP16", f"layer{small}": "FP32"}
        budgets = 1.3 * made.error(wanted), int(1.02 * made.size(wanted))
        if _best_change_leads_there(made, *budgets):
            return facts_, made, budgets


def _best_change_leads_there(made: Trial, error_budget: float, size_budget: int) -> bool:
    plan = dict.fromkeys(made.layers, "INT8")
    for _ in made.layers:
        if made.error(plan) <= error_budget:
            return True
        changes = [plan | {layer: kind} for layer in made.layers for kind in ("FP16", "FP32")]
        plan = min((each for each in changes if made.size(each) <= size_budget), key=made.error, default=plan)
    return made.error(plan) <= error_budget
