"""The ONNX models of lab 11's checks, as bytes, with fresh names and weights, and what they compute, in NumPy.

All have a free batch. `lab_11_engine` gives them to the learner's code; a test asks NVIDIA's builder whether it takes
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray
Arrays = Mapping[str, Array]
Ends = tuple[int, list[int]]  # an input or output: type, and shape after the batch
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "Relu": lambda value: np.maximum(value, 0),
    "Abs": np.abs,
    "Neg": np.negative,
    "Tanh": np.tanh,
}


@dataclass(frozen=True)
class Model:
    """A model: its file, each input's shape after the batch, and a function from inputs to outputs, by names."""

    file: bytes
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    expected: Callable[[Arrays], dict[str, Array]]

    def shapes(self, least: int, best: int, most: int) -> dict[str, tuple[tuple[int, ...], ...]]:
        """Return an optimisation profile for these batches, for `profile.set_shape(name, *three)`."""
        return {name: tuple((n, *rest) for n in (least, best, most)) for name, rest in self.inputs.items()}

    def batch(self, rng: np.random.Generator, n: int) -> dict[str, Array]:
        """Return random inputs for a batch of n."""
        return {name: rng.uniform(-1, 1, (n, *rest)).astype(np.float32) for name, rest in self.inputs.items()}


def word(rng: np.random.Generator) -> str:
    """Return a name that nobody guesses."""
    return "".join(rng.choice(list("abcdefghkmnprstuvwxz"), 6))


def _file(
    nodes: list[onnx.NodeProto], inputs: dict[str, Ends], outputs: dict[str, Ends], weights: dict[str, Array]
) -> bytes:
    def described(values: dict[str, Ends]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, kind, ["batch", *rest]) for name, (kind, rest) in values.items()]

    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "lab", described(inputs), described(outputs), held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def two_inputs(rng: np.random.Generator, width: int = 0, depth: int = 1) -> Model:
    """Return y = relu((a + b) W …) with `depth` products, and each row's largest column: float32 and int64."""
    width = width or int(rng.integers(5, 9))
    a, b, y, label = (word(rng) for _ in range(4))
    matrix = (rng.normal(size=(width, width)) * np.sqrt(2 / width)).astype(np.float32)
    nodes, last = [helper.make_node("Add", [a, b], ["sum"], name=f"add_{word(rng)}")], "sum"
    for k in range(depth):
        after = y if k == depth - 1 else f"after{k}"
        nodes.append(helper.make_node("MatMul", [last, "matrix"], [f"product{k}"], name=f"product{k}_{word(rng)}"))
        nodes.append(helper.make_node("Relu", [f"product{k}"], [after], name=f"relu{k}_{word(rng)}"))
        last = after
    nodes.append(helper.make_node("ArgMax", [y], [label], name=f"largest_{word(rng)}", axis=1, keepdims=0))
    flat: Ends = (TensorProto.FLOAT, [width])
    rows: Ends = (TensorProto.INT64, [])

    def expected(inputs: Arrays) -> dict[str, Array]:
        value = inputs[a].astype(np.float64) + inputs[b]
        exact = matrix.astype(np.float64)
        for _ in range(depth):
            value = np.maximum(value @ exact, 0)
        return {y: value.astype(np.float32), label: value.argmax(axis=1)}

    file = _file(nodes, {a: flat, b: flat}, {y: flat, label: rows}, {"matrix": matrix})
    return Model(file, {a: (width,), b: (width,)}, (y, label), expected)


def classifier(rng: np.random.Generator, activations: tuple[str, ...] = ("Relu",), norm: bool = True) -> Model:
    """Return convolution, BatchNorm, activations, the mean over the picture, and a linear layer."""
    side, channels, classes = int(rng.integers(4, 7)), int(rng.integers(3, 6)), int(rng.integers(3, 6))
    x, y = word(rng), word(rng)
    weights = {
        "kernel": rng.normal(size=(channels, 1, 3, 3)).astype(np.float32),
        "linear": rng.normal(size=(channels, classes)).astype(np.float32),
        "offset": rng.normal(size=classes).astype(np.float32),
    }
    if norm:
        for name in ("gamma", "beta", "mean", "variance"):
            weights[name] = rng.uniform(0.5, 1.5, channels).astype(np.float32)
    nodes = [
        helper.make_node("Conv", [x, "kernel"], ["v0"], name=f"conv_{word(rng)}", pads=[1] * 4, kernel_shape=[3, 3])
    ]
    steps = ([("BatchNormalization", ["gamma", "beta", "mean", "variance"])] if norm else []) + [
        (kind, []) for kind in activations
    ]
    for k, (kind, extra) in enumerate(steps):
        name = f"{kind.lower()}_{word(rng)}"
        nodes.append(helper.make_node(kind, [f"v{k}", *extra], [f"v{k + 1}"], name=name))
    nodes.append(helper.make_node("GlobalAveragePool", [f"v{len(steps)}"], ["pooled"], name=f"pool_{word(rng)}"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], name=f"flat_{word(rng)}", axis=1))
    nodes.append(helper.make_node("Gemm", ["flat", "linear", "offset"], [y], name=f"gemm_{word(rng)}"))

    def expected(inputs: Arrays) -> dict[str, Array]:
        return {y: _classified(inputs[x], weights, activations, norm)}

    start: Ends = (TensorProto.FLOAT, [1, side, side])
    file = _file(nodes, {x: start}, {y: (TensorProto.FLOAT, [classes])}, weights)
    return Model(file, {x: (1, side, side)}, (y,), expected)


def _classified(images: Array, weights: dict[str, Array], activations: tuple[str, ...], norm: bool) -> Array:
    padded = np.pad(images.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    value = np.einsum("nchwij,ocij->nohw", windows, weights["kernel"].astype(np.float64))
    if norm:
        scale = weights["gamma"] / np.sqrt(weights["variance"] + 1e-5)
        shift = weights["beta"] - weights["mean"] * scale
        value = value * scale[:, None, None] + shift[:, None, None]
    for kind in activations:
        value = ACTIVATIONS[kind](value)
    return (value.mean(axis=(2, 3)) @ weights["linear"] + weights["offset"]).astype(np.float32)


def with_unknown_operators(rng: np.random.Generator, count: int) -> tuple[bytes, list[str]]:
    """Return a model in which `count` operators are unknown to everybody, and the names of their nodes."""
    made = [f"step_{word(rng)}" for _ in range(count)]
    nodes = []
    for k, name in enumerate(made):
        nodes.append(helper.make_node("Abs", [f"v{2 * k}"], [f"v{2 * k + 1}"], name=f"fine_{word(rng)}"))
        kind = f"Odd{word(rng).title()}"
        nodes.append(helper.make_node(kind, [f"v{2 * k + 1}"], [f"v{2 * k + 2}"], name=name, domain="example.org"))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 4]) for n in ("v0", f"v{2 * count}")]
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("example.org", 1)]
    graph = helper.make_graph(nodes, "odd", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString(), made


def with_mixed_types(rng: np.random.Generator) -> tuple[bytes, str]:
    """Return a model that adds whole numbers to floats, and the name of that node."""
    name = f"sum_{word(rng)}"
    values = (("x", TensorProto.FLOAT), ("n", TensorProto.INT32), ("y", TensorProto.FLOAT))
    ends = [helper.make_tensor_value_info(each, kind, [4]) for each, kind in values]
    graph = helper.make_graph([helper.make_node("Add", ["x", "n"], ["y"], name=name)], "mixed", ends[:2], ends[2:])
    imports = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString(), name
