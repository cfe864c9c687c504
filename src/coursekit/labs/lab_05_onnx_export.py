"""The checks of lab 05: export, parity, an inventory, preprocessing inside the graph, a frozen `if` repaired."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.labs import onnx_files as files
from coursekit.labs.lab_05_fixtures import LinearNet, SmallNet
from coursekit.labs.onnx_files import Array
from coursekit.student import Raised, Student

LAB = Lab("05", "lab_05_onnx_export", "ONNX export")

FIXTURES = "coursekit.labs.lab_05_fixtures"


def _digits(rng: np.random.Generator, count: int) -> Tensor:
    """Return random images (count, 1, 8, 8) float32 in [0, 1], mostly paper, as the digits are."""
    return torch.from_numpy((rng.random((count, 1, 8, 8)) ** 3).astype(np.float32))


@LAB.task("5.1", "A file for any batch", points=3, minutes=10, difficulty=2, importance=5, names=("export_free_batch",))
def check_export(student: Student, rng: np.random.Generator) -> None:
    student.seed(int(rng.integers(2**31)))
    model = student.make(f"{FIXTURES}:SmallNet")
    reference = SmallNet()
    reference.load_state_dict(model.call("state_dict"))
    reference.eval()
    try:
        file = student.call("export_free_batch", model, _digits(rng, 2))
    except Raised as error:
        if "top-level keys must be the arg names" not in error.text:
            raise
        hint = 'Outputs do not belong there. A tuple in the order of the arguments always fits: `({0: "batch"},)`.'
        what = "`dynamic_shapes` as a dictionary has to name the arguments of the model's `forward`, all and no others"
        raise Wrong(what, hint) from None
    proto = files.open_file(file, "export_free_batch")
    hint = "`input_names`, `output_names` and `dynamic_shapes` of `torch.onnx.export` say all this."
    files.expect_signature(proto, "images", TensorProto.FLOAT, hint)
    hint = (
        "A module is born in training mode, where BatchNorm normalises by the batch at hand and Dropout drops: "
        "call `model.eval()` first."
    )
    for count in (2, 1, 5):
        images = _digits(rng, count)
        with torch.inference_mode():
            expected = reference(images).numpy()
        got = files.compute(proto, images.numpy())
        expect_close(got, expected, f"The file's logits for a batch of {count}", hint, rtol=1e-3, atol=1e-4)


@LAB.task("5.2", "A parity report", points=3, minutes=15, difficulty=2, importance=5, names=("parity_report",))
def check_parity(student: Student, rng: np.random.Generator) -> None:
    for count in (int(rng.integers(20, 60)), 1):
        weight, bias = files.normal(rng, 64, 10), files.normal(rng, 10)
        name = f"input_{rng.integers(100)}"
        nodes = [
            helper.make_node("Flatten", [name], ["flat"]),
            helper.make_node("Gemm", ["flat", "weight", "bias"], ["scores"]),
        ]
        weights = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]
        ends = [files.value_info(name, ["n", 1, 8, 8])], nodes, [files.value_info("scores", ["n", 10])], weights
        file = files.build_file(*ends)
        images = _digits(rng, count)
        logits = images.numpy().reshape(count, 64) @ weight + bias
        # What "PyTorch" said: mostly larger than the file, so that a missing abs() shows; a few labels flipped.
        above = np.where(rng.random((count, 10)) < 0.9, 0.1, -0.03).astype(np.float32)
        expected = logits + above * np.abs(files.normal(rng, count, 10))
        for index in rng.choice(count, count // 4, replace=False):
            second = np.argsort(expected[index])[-2]
            expected[index, second] = expected[index].max() + 0.3
        try:
            report = student.call("parity_report", file, images, torch.from_numpy(expected))
        except Raised as error:
            if "Required inputs" in error.text or "Invalid input name" in error.text:
                raise Wrong(
                    f'This file calls its input "{name}", and your code fed it by another name',
                    "Ask the session: `session.get_inputs()[0].name`.",
                ) from None
            raise
        _expect_report(report, np.asarray(logits), expected)


def _expect_report(report: Any, logits: Array, expected: Array) -> None:
    keys = ["agreement", "flipped", "max", "mean"]
    require(isinstance(report, dict), f"parity_report should return a dict; it returned a {type(report).__name__}")
    require(sorted(report) == keys, f"The report's keys should be {keys}; they are {sorted(report)}")
    signed, error = logits - expected, np.abs(logits - expected)
    unsigned = {"max": (signed.max(), -signed.min()), "mean": (signed.mean(), -signed.mean())}
    for key, right in (("max", float(error.max())), ("mean", float(error.mean()))):
        got = report[key]
        if isinstance(got, float) and abs(got - right) > 1e-3 and any(abs(got - x) < 1e-4 for x in unsigned[key]):
            what = f'"{key}" is {got:.4f}; the {key} of the absolute error is {right:.4f}'
            raise Wrong(what, "Errors of opposite sign cancel, and the largest may be negative: take `abs` first.")
        if len(error) > 1 and isinstance(got, float) and np.isclose(got, error.max(axis=1).mean(), rtol=1e-5):
            raise Wrong(
                '"mean" is the mean of each image\'s largest error', "Every logit counts alike: the mean over all."
            )
        hint = "It is one number, a float, over all images and logits."
        expect_close(got, right, f'The report\'s "{key}"', hint, rtol=1e-3)
    flipped = np.flatnonzero(logits.argmax(1) != expected.argmax(1)).tolist()
    got, share = report["agreement"], 1 - len(flipped) / len(error)
    if isinstance(got, float) and abs(got - np.isclose(logits, expected).mean()) < 1e-6 < abs(share - got):
        hint = "Agreement asks for the label: is the largest logit in the same place?"
        raise Wrong('"agreement" is the share of equal logits', hint)
    if isinstance(got, int | float) and got > 1:
        raise Wrong(f'"agreement" is {got:g}', "It is a share between 0 and 1, not a percentage or a count.")
    hint = "The share of images whose largest logit is in the same place."
    expect_close(got, share, 'The report\'s "agreement"', hint)
    got = report["flipped"]
    whole = isinstance(got, list) and all(type(index) is int for index in got)
    require(whole, '"flipped" should be a list of ints, the positions of the images', "`np.flatnonzero(mask).tolist()`")
    hint = "The positions in the batch, ascending, not the labels."
    require(got == flipped, f'"flipped" should be {flipped}; it is {got}', hint)


@LAB.task("5.3", "An inventory", points=3, minutes=15, difficulty=3, importance=3, names=("inventory",))
def check_inventory(student: Student, rng: np.random.Generator) -> None:
    file = files.nested_file(rng)
    answer = student.call("inventory", file)
    require(
        isinstance(answer, dict) and sorted(answer) == ["operators", "parameters"],
        'inventory should return a dict with the keys "operators" and "parameters"',
    )
    model = onnx.load_model_from_string(file)
    every = list(files.graphs(model.graph))
    floating = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
    tensors = [tensor for graph in every for tensor in graph.initializer]
    numbers = {tensor.name: int(np.prod(tensor.dims, dtype=np.int64)) for tensor in tensors}
    floats = [tensor for tensor in tensors if tensor.data_type in floating]
    operators, top = (Counter(n.op_type for g in graphs for n in g.node) for graphs in (every, every[:1]))
    inside = [attribute.g for node in model.graph.node for attribute in node.attribute if attribute.HasField("g")]
    two = Counter(node.op_type for graph in [model.graph, *inside] for node in graph.node)
    got = answer["operators"]
    require(isinstance(got, dict), '"operators" should be a dict from operator to count')
    if got in (top, two):
        raise Wrong(
            f"You count {sum(got.values())} nodes; there are {sum(operators.values())}",
            "An If holds whole graphs in its attributes, and those may hold an If: look at every depth.",
        )
    hint = "A node that holds graphs is a node, too." if got == operators - Counter(If=operators["If"]) else ""
    require(got == operators, f'"operators" should be {dict(sorted(operators.items()))}; it is {got}', hint)

    def total(some: list[TensorProto]) -> int:
        return sum(numbers[tensor.name] for tensor in some)

    mistakes = {
        total(
            tensors
        ): "You count whole numbers too, such as a Reshape's target shape: only floating point is a parameter.",
        len(floats): "That is the number of tensors: each holds as many numbers as its dimensions multiply to.",
        total(
            [t for t in floats if t in model.graph.initializer]
        ): "The graphs inside an If have weights of their own.",
        sum(
            len(t.raw_data) // 4 for t in floats
        ): "Numbers lie in `raw_data` or in `float_data`, 2, 4 or 8 bytes each: trust `dims`.",
        total([t for t in floats if t.data_type == TensorProto.FLOAT]): "float16 and double are floating point too.",
        total([t for t in floats if t.dims]): "A tensor without dimensions is a scalar: one number.",
    }
    count, right = answer["parameters"], total(floats)
    require(type(count) is int, f'"parameters" should be an int; it is of type {type(count).__name__}')
    hint = mistakes.get(count, "The floating-point numbers in the initialisers of all graphs.")
    require(count == right, f'"parameters" should be {right}; it is {count}', hint)


@LAB.task(
    "5.4", "Preprocessing inside", points=4, minutes=20, difficulty=4, importance=4, names=("bake_preprocessing",)
)
def check_bake(student: Student, rng: np.random.Generator) -> None:
    # Two nodes read the input: a linear classifier, and the brightest pixel, which is added to every logit.
    weight, bias = files.normal(rng, 64, 10), files.normal(rng, 10)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["scores"]),
        helper.make_node("GlobalMaxPool", ["images"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["brightest"]),
        helper.make_node("Add", ["scores", "brightest"], ["logits"]),
    ]
    weights = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]
    ends = [files.value_info("images", ["batch", 1, 8, 8])], nodes, [files.value_info("logits", ["batch", 10])], weights
    file = files.build_file(*ends)
    mean, std = float(rng.uniform(0.2, 0.4)), float(rng.uniform(0.5, 0.8))
    answer = student.call("bake_preprocessing", file, mean, std)
    model = files.open_file(answer, "bake_preprocessing")
    hint = (
        "The new input replaces the old one in `graph.inputs`; whatever read the old one reads the end of your chain."
    )
    files.expect_signature(model, "pixels", TensorProto.UINT8, hint)

    def logits(images: Array) -> Array:
        flat = images.reshape(len(images), 64)
        return (flat @ weight + bias + flat.max(axis=1, keepdims=True)).astype(np.float32)

    what = "The file computes other logits than the model on (pixels / 16 − mean) / std"
    for count in (3, 1):
        pixels = rng.integers(0, 17, (count, 1, 8, 8)).astype(np.uint8)
        got = files.compute(model, pixels)
        grey = pixels.astype(np.float32)
        mistakes = {
            "The pixels are divided as whole numbers: Cast to float first.": (pixels // 16 - mean) / std,
            "The grey levels 0–16 are not brought to 0–1: divide by 16 first.": (grey - mean) / std,
            "The order is turned round: first subtract the mean, then divide by std.": grey / 16 / std - mean,
            "mean and std are not used: the file computes the logits of pixels / 16.": grey / 16,
            "You multiply by std instead of dividing by it.": (grey / 16 - mean) * std,
            "This scanner's grey levels end at 16, not at 255: divide by 16.": (grey / 255 - mean) / std,
        }
        expected = logits((grey / 16 - mean) / std)
        for hint, images in mistakes.items():
            wrong = logits(images.astype(np.float32))
            if got.shape == wrong.shape and np.allclose(got, wrong, rtol=1e-3, atol=1e-3):
                raise Wrong(what, hint)
        hint = "Draw the file with `onnx_graph.draw`: does all that read the old input read the end of your chain now?"
        expect_close(got, expected, f"The file's logits for a batch of {count}", hint, rtol=1e-3, atol=1e-3)


@LAB.task("5.5", "A frozen `if`, repaired", points=4, minutes=20, difficulty=4, importance=5, names=("Upright",))
def check_upright(student: Student, rng: np.random.Generator) -> None:
    student.seed(int(rng.integers(2**31)))
    net = student.make(f"{FIXTURES}:LinearNet")
    reference = LinearNet()
    reference.load_state_dict(net.call("state_dict"))
    module = student.call("Upright", net, keep=True)
    board = torch.from_numpy((np.indices((8, 8)).sum(0) % 2).astype(np.float32)).reshape(1, 1, 8, 8)
    ink = _digits(rng, 4)
    batches = {
        "a batch as trained": ink,
        "an inverted batch": 1 - ink[:3],
        "a batch of both kinds": torch.cat([ink[:2], 1 - ink[2:], ink[:1]]),
        "one inverted image": 1 - ink[:1],
        "an image whose mean is exactly 0.5": board,
    }

    def expected(images: Tensor) -> Tensor:
        dark = images.mean(dim=(1, 2, 3), keepdim=True) > 0.5
        with torch.inference_mode():
            return reference(torch.where(dark, 1 - images, images))

    hints = {
        "a batch of both kinds": "Each image decides for itself: the mean over its own pixels, with `keepdim=True`.",
        "an image whose mean is exactly 0.5": "Only a mean above 0.5 inverts.",
    }
    for name, images in batches.items():
        hint = hints.get(name, "Inverting is 1 − image, and the network sees what comes out of it.")
        try:
            got = module.call("__call__", images)
        except Raised as error:
            if "must match the size" not in error.text:
                raise
            hint = "One answer per image has to fit four dimensions: (n, 1, 1, 1), by `keepdim=True`."
            raise Wrong(f"In PyTorch, for {name}, two shapes do not fit: {error}", hint) from None
        expect_close(got, expected(images), f"In PyTorch, your module's logits for {name}", hint, rtol=1e-3, atol=1e-4)
    try:
        file = student.make(f"{FIXTURES}:exported", module, _digits(rng, 3)).value()
    except Raised as error:
        raise _refusal(error) from None
    model = files.open_file(file, "the export")
    frozen = "In PyTorch it is right: what the example decided is in the file, not the decision."
    for name, images in batches.items():
        got = torch.from_numpy(files.compute(model, images.numpy()))
        expect_close(got, expected(images), f"Exported, your module's logits for {name}", frozen, rtol=1e-3, atol=1e-4)


def _refusal(error: Raised) -> Wrong:
    """Word what the exporter raised about the learner's module."""
    refused = "Your module is right in PyTorch, and the exporter refuses it: "
    if "data-dependent" in error.text:
        what = refused + "Python decides something from a tensor's values"
        hint = "At export there are no values. `if`, `bool()`, `.item()` need them; `torch.where` does not."
        return Wrong(what, hint)
    if "onstraints violated" in error.text or "specialized" in error.text:
        what = refused + "it holds for the example's batch size only"
        hint = (
            "A Python loop over the images is unrolled, once for each image of the example. Compute on the whole batch."
        )
        return Wrong(what, hint)
    hint = "Stay with torch operators on the whole batch: NumPy and Python see no values at export."
    return Wrong(f"{refused}{error}", hint)
