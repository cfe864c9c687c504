"""The checks of lab 12: rounding to a format, overflow found and cured, INT8 for TensorRT, a scan, a plan in budget."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.data import load_digits
from coursekit.labs import lab_12_networks as networks
from coursekit.labs import onnx_files as files
from coursekit.labs.engine_verdicts import engine_logits, expect_accepted
from coursekit.labs.lab_12_fixtures import PRECISIONS
from coursekit.labs.onnx_files import Array
from coursekit.number_formats import facts, to_tf32
from coursekit.student import Handle, Raised, Student

LAB = Lab("12", "lab_12_precision", "Precision")
ORACLES = {
    (5, 10): np.float16,
    (8, 7): ml_dtypes.bfloat16,
    (5, 2): ml_dtypes.float8_e5m2,
    (4, 3): ml_dtypes.float8_e4m3,
}


@LAB.task("12.1", "Round to any format", points=3, minutes=15, difficulty=3, importance=4, names=("round_to",))
def check_rounding(student: Student, rng: np.random.Generator) -> None:
    for exponent, fraction in (*ORACLES, (8, 10)):
        values = _numbers(rng, exponent, fraction)
        if (exponent, fraction) in ORACLES:
            with np.errstate(all="ignore"):
                right = values.astype(ORACLES[exponent, fraction]).astype(np.float32)
        else:
            right = to_tf32(values)
        got = student.call("round_to", values, exponent, fraction)
        name = {(5, 10): "FP16", (8, 7): "BF16", (8, 10): "TF32"}.get((exponent, fraction), "an FP8")
        hint = _rounding_hint(got, values, exponent, fraction)
        same = isinstance(got, np.ndarray) and got.shape == right.shape and got.dtype == right.dtype
        what = f"round_to(values, {exponent}, {fraction})"
        if not same:
            expect_close(got, right, what, hint, picture=False)
        wrong = ~((got == right) | (np.isnan(got) & np.isnan(right)))
        if wrong.any():
            place = int(np.argmax(wrong))
            facts_ = f"{values.flat[place]:.8g} should be {right.flat[place]:.8g}; it is {got.flat[place]:.8g}"
            raise Wrong(f"{what}: in {name}, {facts_} ({int(wrong.sum())} of {wrong.size} values differ)", hint)
    empty = student.call("round_to", np.zeros((0, 2), np.float32), 5, 10)
    expect_close(empty, np.zeros((0, 2), np.float32), "round_to of an empty array", "Shape and dtype stay.")


def _numbers(rng: np.random.Generator, exponent: int, fraction: int) -> Array:
    """Return numbers that tell the slips apart: ordinary ones, ties, subnormals, the largest's sides, specials."""
    largest, normal, smallest, step = facts(exponent, fraction)
    top = np.array([largest, largest * (1 + step / 8), largest * (1 + step / 3)])
    if exponent == 8:
        top = np.array([largest])
    reach = min(exponent, 6)
    ordinary = rng.standard_normal(40) * 2.0 ** rng.integers(-(2 ** (reach - 1)) + 3, 2 ** (reach - 1) - 3, 40)
    ties = (1 + (np.arange(8) + 0.5) * step) * 2.0 ** rng.integers(-3, 3, 8)
    tiny = smallest * np.concatenate([np.arange(6) + 0.5, rng.uniform(0, 20, 12)]) if exponent < 8 else [normal]
    beyond = np.array([4.0 * largest]) if exponent < 8 else np.array([np.inf])
    special = np.array([0.0, np.inf, -np.inf, np.nan])
    values = np.concatenate([special, top, -top, beyond, tiny, ties, -ties, ordinary])
    return values.astype(np.float32)[: 6 * (values.size // 6)].reshape(6, -1)


def _rounding_hint(got: Any, values: Array, exponent: int, fraction: int) -> str:
    """Recognise the usual slips by what they give."""
    hint = "Find each number's step first: 2 to the power (its exponent − fraction bits)."
    if not isinstance(got, np.ndarray) or got.shape != values.shape or got.dtype != np.float32:
        return "Return a float32 array of the same shape."
    largest, normal, smallest, _ = facts(exponent, fraction)
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        power = np.frexp(wide)[1] - 1
        lowest = np.round(np.log2(normal))
        free, bound = (2.0 ** (p - fraction) for p in (power, np.maximum(power, lowest)))
        double = 2.0 ** (np.maximum(power + 1, lowest) - fraction)

        def limited(rounded: Array) -> Array:
            return np.where(np.abs(rounded) > largest, np.copysign(np.inf, rounded), rounded)

        even = np.rint(wide / bound) * bound
        cases: list[tuple[Array, str]] = [
            (limited(np.trunc(wide / bound) * bound), "That cuts the digits off; round to the nearest."),
            (
                limited(np.sign(wide) * np.floor(np.abs(wide) / bound + 0.5) * bound),
                "A tie goes to the even neighbour, as `np.rint` does it.",
            ),
            (
                limited(np.rint(wide / free) * free),
                "Below the smallest normal number the step does not shrink any further: subnormals.",
            ),
            (
                limited(np.where(np.abs(wide) < normal, 0, even)),
                f"Below the smallest normal number there are subnormals, down to {smallest:.2g}; they are not all 0.",
            ),
            (
                limited(np.rint(wide / double) * double),
                "Twice the step: `np.frexp` counts from 0.5, so that a number's exponent is `k - 1`.",
            ),
            (
                np.where(np.abs(even) > largest, np.inf, even),
                "What is beyond −largest becomes −infinity: keep the sign.",
            ),
            (values.astype(np.float16), "That is FP16's rounding; the two counts of bits name another format."),
            (even, "What is beyond the largest number becomes infinite."),
            (np.clip(even, -largest, largest), "What is beyond the largest number becomes infinite, not the largest."),
            (
                np.where(np.abs(wide) > largest, np.copysign(np.inf, wide), even),
                "Round first, then compare with the largest: a number just above it still rounds down to it.",
            ),
        ]
        for wrong, said in cases:
            if np.array_equal(got, wrong.astype(np.float32), equal_nan=True):
                return said
    if (np.isnan(values) & ~np.isnan(got)).any():
        return "NaN stays NaN: a comparison with NaN is false."
    if (np.isinf(values) & ~np.isinf(got)).any():
        return "Infinity stays infinite."
    return hint


@LAB.task("12.2", "Who leaves FP16?", points=3, minutes=12, difficulty=3, importance=5, names=("overflowing",))
def check_overflowing(student: Student, rng: np.random.Generator) -> None:
    for loud_end in (False, True):
        file, right = networks.loud_file(rng, loud_end)
        images = (rng.random((7, 1, 8, 8)) * 0.4).astype(np.float32)
        images[-1, 0, 3, 5] = 1.0  # only the last image is as bright as that
        got = student.call("overflowing", file, images)
        strings = isinstance(got, list | tuple) and all(isinstance(name, str) for name in got)
        said = f"a value of type {got.type_name}" if isinstance(got, Handle) else f"{got!r:.80}"
        require(strings, f"overflowing should return a list of names; it returned {said}")
        if list(got) == right:
            continue
        graph = onnx.load_model_from_string(file).graph
        outputs, names = {o for node in graph.node for o in node.output}, [node.name for node in graph.node]
        values = _values(file, images)
        what = f"overflowing should name {right}; it names {list(got)}"
        if set(got) & outputs and not set(got) & set(names):
            raise Wrong(what, "Those are the values' names. The task asks for the nodes': `node.name`.")
        if sorted(got) == sorted(right):
            raise Wrong(what, "The right nodes, in another order: go through `graph.node`.")
        floats = {name: array for name, array in values.items() if array.dtype == np.float32}
        slips = (
            (
                [n for n in floats if floats[n].max() >= 65520],
                "Values far below zero leave FP16 as well: mind the sign.",
            ),
            (
                [n for n in floats if np.abs(floats[n][:1]).max() >= 65520],
                "A node may overflow for one of the images only. Look at all of them.",
            ),
        )
        for wrong, said in slips:
            require(list(got) != wrong, what, said)
        extra, missing = [n for n in got if n not in right], [n for n in right if n not in got]
        for name in extra:
            require(name in names, what, f"There is no node {name!r}.")
            require(name in floats, what, f"{name} puts out integers, which FP16 has nothing to do with.")
            peak = np.abs(floats[name]).max()
            border = 65504 < peak < 65520
            require(not border, what, f"{name} reaches {peak:,.0f}: rounded to FP16 that is 65,504, no overflow.")
        hint = "Look at each node's largest absolute value, not only at the output's."
        if loud_end and missing == [names[-1]]:
            hint = "It makes the graph's own output, which `infer_shapes` leaves out of its `value_info`."
        if missing:
            hint = f"{missing[0]} reaches {np.abs(floats[missing[0]]).max():,.0f} in size. {hint}"
        raise Wrong(what, hint)


def _values(file: bytes, images: Array) -> dict[str, Array]:
    """Return each node's output by the node's name."""
    model = onnx.load_model_from_string(file)
    inferred = onnx.shape_inference.infer_shapes(model)
    model.graph.output.extend(inferred.graph.value_info)
    file = model.SerializeToString()
    return {node.name: networks.run(file, images, node.output[0]) for node in model.graph.node}


@LAB.task("12.3", "FP16, with one layer in FP32", points=3, minutes=15, difficulty=3, importance=5, names=("to_fp16",))
def check_half(student: Student, rng: np.random.Generator) -> None:
    file = networks.normalised_file(rng)
    images = load_digits().test.images.numpy()[rng.choice(360, 64, replace=False)]
    peaks = {name: float(np.abs(values).max()) for name, values in _values(file, images).items()}
    model = files.open_file(student.call("to_fp16", file, peaks), "to_fp16")
    files.expect_signature(model, "images", TensorProto.FLOAT, "`keep_io_types=True`: nothing changes for the caller.")
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    read = [(node, kinds.get(name)) for node in model.graph.node for name in node.input[1:2]]
    weights = [kind for node, kind in read if node.op_type in ("Conv", "Gemm")]
    wide = sum(kind == TensorProto.FLOAT for kind in weights)
    what = f"{wide} of the {len(weights)} weights of Conv and Gemm are FP32"
    hint = "Keep only what has to stay: the layer that overflows, not the convolutions around it."
    if TensorProto.BFLOAT16 in weights:
        what, hint = (
            "The weights are BF16",
            "BF16 would cure the overflow, too, with three bits less; FP16 is asked for.",
        )
    require(all(kind == TensorProto.FLOAT16 for kind in weights) and len(weights) == 3, what, hint)
    expect_accepted(model, images[:1].shape)
    expected = networks.run(file, images)
    logits = engine_logits(model, images)
    bad = int((~np.isfinite(logits)).sum())
    error = float(np.sqrt(np.mean((logits - expected) ** 2) / np.mean(expected**2))) if not bad else np.inf
    same = len(np.unique(logits.argmax(axis=1))) == 1
    flipped = int((logits.argmax(axis=1) != expected.argmax(axis=1)).sum())
    if error > 0.01:
        seen = (
            f"{bad} logits are infinite or NaN"
            if bad
            else f"the logits are off by {error:.0%}, {flipped} labels flipped"
        )
        hint = "Compare layer by layer with `coursekit.compare_layers`."
        types = _types(model)
        short = [n for n in ("square", "mean", "root") if types.get(n) == TensorProto.FLOAT16]
        if short == ["root"]:
            hint = "The mean stays large, and whoever reads it gets it as FP16: keep going until the value fits again."
        elif short == ["mean", "root"] or (short and "square" not in short):
            hint = f"`square` is safe, but {' and '.join(short)} get what it puts out in FP16, where it does not fit."
        elif "square" in short:
            hint = "The squares still overflow." + (
                " One label for all images, and no NaN: look inside." if same else ""
            )
        raise Wrong(f"In the engine {seen}", hint)


def _types(model: onnx.ModelProto) -> dict[str, int]:
    """Return by node name the type of its output."""
    inferred = onnx.shape_inference.infer_shapes(model)
    kinds = {
        value.name: value.type.tensor_type.elem_type for value in (*inferred.graph.value_info, *model.graph.output)
    }
    return {node.name: kinds.get(node.output[0], 0) for node in model.graph.node}


# Over 40 seeds sound answers had at most 0.04 and 2 flipped labels; limits from 4 digits of half the ink 0.34 and more.
INT8_ERROR, INT8_FLIPPED, INT8_DIGITS = 0.15, 6, 120


@LAB.task("12.4", "INT8 that TensorRT fuses", points=4, minutes=20, difficulty=4, importance=5, names=("to_int8",))
def check_int8(student: Student, rng: np.random.Generator) -> None:
    digits = load_digits()
    calibration = digits.train.images.numpy()[rng.choice(len(digits.train), 128, replace=False)]
    for shortcut in (0, 1):
        file = networks.residual_file(rng, shortcut)
        answer = student.call("to_int8", file, calibration)
        model = files.open_file(answer, "to_int8")
        files.expect_signature(model, "images", TensorProto.FLOAT, "Quantising does not change what the file takes.")
        _expect_places(model.graph)
        share = len(answer) / len(file)
        hint = "Store each weight as int8, with a DequantizeLinear alone behind it: no QuantizeLinear, no float copy."
        require(share < 0.45, f"Your file has {share:.0%} of the FP32 file's bytes; 45 % is the limit", hint)
    expect_accepted(model, calibration[:1].shape)
    images = digits.test.images.numpy()[rng.choice(360, INT8_DIGITS, replace=False)]
    expected, got = networks.run(file, images), engine_logits(model, images)
    flipped = int((got.argmax(axis=1) != expected.argmax(axis=1)).sum())
    error = float(np.sqrt(np.mean((got - expected) ** 2) / np.mean(expected**2)))
    what = f"In the engine {flipped} of {INT8_DIGITS} labels are flipped and the logits are off by {error:.0%}"
    hint = "Compare each scale × 127 with the largest absolute value that calibration saw there."
    require(flipped <= INT8_FLIPPED and error <= INT8_ERROR, what, hint)


def _expect_places(graph: onnx.GraphProto) -> None:
    """Demand Q/DQ before data and weights, on the Add's shortcut, and nowhere else; symmetric int8, biases in float."""
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def dequantised(name: str) -> bool:
        return name in makers and makers[name].op_type == "DequantizeLinear"

    counts = [sum(node.op_type == kind for node in graph.node) for kind in ("Conv", "Gemm", "Add")]
    require(counts == [3, 1, 1], f"The file has {counts} Conv, Gemm and Add; the network has [3, 1, 1]")
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            for place, role in enumerate(("data", "weight")):
                what = f"The {role} of {node.name} comes in float, not from a DequantizeLinear"
                require(dequantised(node.input[place]), what, "Both inputs in 8 bits, or the layer computes in floats.")
            hint = "The bias stays in float: TensorRT refuses a quantised one."
            require(not dequantised(node.input[2]), f"The bias of {node.name} is quantised", hint)
        if node.op_type == "Relu":
            what = f"{node.name} reads from a DequantizeLinear: Q/DQ stands between it and what comes before"
            require(not dequantised(node.input[0]), what, "That splits what would be one fused layer.")
        if node.op_type == "Add":
            ends = [makers[name] for name in node.input]
            direct = [end.op_type == "Conv" for end in ends]
            quantised = [end.op_type == "DequantizeLinear" for end in ends]
            hint = "The Add's shortcut is the input not straight from a Conv; in a file it may be either."
            what = f"{node.name} reads its shortcut in float: the Add cannot join the convolution and read bytes"
            require(any(quantised), what, hint)
            what = f"Q/DQ stands between a Conv and {node.name}: the two cannot become one layer"
            require(any(direct), what, hint)
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = constants.get(node.input[2]) if len(node.input) > 2 else None
            what = f"{node.op_type} {node.name} has no constant zero point, so its integer type is unknown"
            require(zero is not None, what, "Give an int8 zero as its third input.")
            assert zero is not None
            require(zero.dtype == np.int8, f"{node.op_type} {node.name} uses {zero.dtype}", "TensorRT takes int8.")
            require(not zero.any(), f"{node.op_type} {node.name} has a zero point other than 0", "Symmetric: 0.")


@LAB.task("12.5", "Sensitivity scan", points=2, minutes=10, difficulty=2, importance=4, names=("sensitivity",))
def check_sensitivity(student: Student, rng: np.random.Generator) -> None:
    from coursekit.quantisation import activations, insert_qdq, minmax

    digits = load_digits()
    file = networks.uneven_file(rng)
    model = onnx.load_model_from_string(file)
    calibration = digits.train.images.numpy()[rng.choice(len(digits.train), 64, replace=False)]
    limits = {name: minmax(values) for name, values in activations(model, calibration).items()}
    images = digits.validation.images.numpy()[rng.choice(len(digits.validation), 96, replace=False)]
    got = student.call("sensitivity", file, limits, images)
    layers = [node.name for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    what = f"sensitivity should return a dict with the keys {layers}; it returned {got!r:.100}"
    require(isinstance(got, dict) and sorted(got) == sorted(layers), what, "A key for each Conv and Gemm: `node.name`.")
    floats = all(type(value) is float for value in got.values())
    require(floats, f"The values should be floats; the first is of type {type(next(iter(got.values()))).__name__}")
    exact = networks.run(file, images).astype(np.float64)

    def error(only: set[str]) -> tuple[float, float, float]:
        answer = networks.run(insert_qdq(model, limits, only).SerializeToString(), images)
        size = float(np.sqrt(np.mean((answer - exact) ** 2)))
        flips = float(np.mean(answer.argmax(1) != exact.argmax(1)))
        return size / float(np.sqrt(np.mean(exact**2))), size, flips

    alone = {name: error({name}) for name in layers}
    wrong = next((name for name in layers if not np.isclose(got[name], alone[name][0], rtol=0.02, atol=1e-6)), None)
    if wrong is None:
        return
    rest = error(set(layers) - {wrong})[0]
    so_far = error(set(layers[: layers.index(wrong) + 1]))[0]
    hint = "RMS of (logits − FP32 logits) over the RMS of the FP32 logits, with this layer alone in INT8."
    for seen, said in (
        (alone[wrong][1], "That is the error itself; divide it by the RMS of the FP32 logits."),
        (alone[wrong][2], "That is the share of flipped labels; the logits' error says more."),
        (so_far, f"That is the error with all layers up to {wrong} in INT8. Begin anew for each layer."),
        (rest, f"That is the error with every layer in INT8 but {wrong}. The scan asks for {wrong} alone."),
        (alone[wrong][0] ** 2, "That is the square of it: the root is missing."),
    ):
        if np.isclose(got[wrong], seen, rtol=0.02):
            hint = said
            break
    raise Wrong(f"The error of {wrong} should be {alone[wrong][0]:.4g}; it is {got[wrong]:.4g}", hint)


@LAB.task(
    "12.6", "A plan within two budgets", points=4, minutes=18, difficulty=4, importance=5, names=("precision_plan",)
)
def check_plan(student: Student, rng: np.random.Generator) -> None:
    for early in (True, False):
        facts_, trial, budgets = networks.trial(rng, early)
        made = student.make("coursekit.labs.lab_12_fixtures:Trial", *facts_)
        try:
            plan = student.call("precision_plan", made, *budgets)
        except Raised as raised:
            if raised.kind == "ValueError" and "empty" in raised.text:
                hint = "No change was left that fits: you went into a dead end. Try changes with FP32 and with FP16."
                raise Wrong(f"Your code raised {raised}", hint) from None
            raise
        valid = isinstance(plan, dict) and set(plan) == set(trial.layers) and set(plan.values()) <= set(PRECISIONS)
        what = f"precision_plan should return a dict with a precision for each layer; it returned {plan!r:.120}"
        require(valid, what, f'The keys are {trial.layers}, the values "FP32", "FP16" or "INT8".')
        error, size = trial.error(plan), trial.size(plan)
        short = " ".join(plan[name] for name in trial.layers)
        said = "infinite" if np.isinf(error) else f"{error:.1%}"
        what = f"Your plan ({short}): error {said} (budget {budgets[0]:.1%}), {size:,} bytes (budget {budgets[1]:,})"
        if error <= budgets[0] and size <= budgets[1]:
            continue
        hint = "Begin with all INT8, and spend bytes where they take away most of the error."
        if np.isinf(error):
            hint = "Something overflows in FP16. One layer needs FP32, another is too large for it."
        elif error > budgets[0] and size <= budgets[1]:
            hint = "A layer that INT8 spoils is left in INT8; there are bytes to spend."
        elif error <= budgets[0]:
            hint = "The error is fine; you spend too many bytes. Is FP16 enough for some of them?"
        raise Wrong(what, hint)
