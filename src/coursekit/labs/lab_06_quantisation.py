"""The checks of lab 06: scale and zero point, Q and DQ, three calibrators, per-channel weights, a whole network."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.data import load_digits
from coursekit.labs import onnx_files as files
from coursekit.labs.lab_06_entropy import check_entropy
from coursekit.labs.lab_06_networks import solved_network
from coursekit.labs.onnx_files import Array
from coursekit.student import Raised, Student

LAB = Lab("06", "lab_06_quantisation", "Quantisation")
# Labels, mean logit error, test digits. Over 60 seeds sound answers had at most 3 and 0.48, clipped ones at least 0.83.
BUDGET_FLIPPED, BUDGET_ERROR, BUDGET_DIGITS = 4, 0.6, 120


@LAB.task("6.1", "Scale and zero point", points=2, minutes=8, difficulty=2, importance=5, names=("int8_parameters",))
def check_parameters(student: Student, rng: np.random.Generator) -> None:
    a, b = rng.uniform(0.5, 2, 2).tolist()
    c = float(rng.uniform(3, 6))
    both_sides = [(-float(x), float(y)) for x, y in rng.uniform(0.3, 3, (8, 2))]
    for low, high in ((-a, c), (-c, b), (a, c), (-c, -b), (0.0, c), *both_sides):
        widened = min(low, 0.0), max(high, 0.0)
        for symmetric in (False, True):
            answer = student.call("int8_parameters", low, high, symmetric)
            _expect_pair(answer)
            case = f"for the range {low:.3f} to {high:.3f}, {symmetric = },"
            hint = _scale_hint(answer[0], low, high, symmetric)
            expect_close(answer[0], _scale(*widened, symmetric), f"The scale {case}", hint, rtol=1e-5)
            right = 0 if symmetric else round(-128 - widened[0] / _scale(*widened, False))
            got = answer[1]
            hint = "The zero point is the integer that stands for 0; `low` falls on −128."
            if got == right + 128:
                hint = "That would be right for uint8, whose lowest value is 0. int8 begins at −128."
            elif abs(got - right) == 1 and not symmetric:
                hint = "Round it to the nearest integer; `int()` cuts off."
            require(got == right, f"The zero point {case} should be {right}; it is {got}", hint)
    for symmetric in (False, True):
        hint = "Only zeros were seen: any scale will do, but not 0. The task asks for (1.0, 0)."
        try:
            answer = student.call("int8_parameters", 0.0, 0.0, symmetric)
        except Raised as error:
            raise Wrong(f"For the range 0 to 0 your code raised {error}", hint) from None
        _expect_pair(answer)
        require(tuple(answer) == (1.0, 0), f"For the range 0 to 0 you return {answer}", hint)


def _scale(low: float, high: float, symmetric: bool) -> float:
    return max(-low, high) / 127 if symmetric else (high - low) / 255


def _scale_hint(got: float, low: float, high: float, symmetric: bool) -> str:
    """Recognise the usual slips by the scale that they give."""
    zero_in = min(low, 0.0), max(high, 0.0)
    slips = {
        _scale(low, high, symmetric): "The range has to contain 0: widen it first, from 0.5…3 to 0…3, say.",
        (zero_in[1] - zero_in[0]) / 256: "256 values have 255 steps between them.",
        (zero_in[1] - zero_in[0]) / 254: "From −128 to 127 there are 255 steps.",
        (zero_in[1] - zero_in[0]) / 255: "That is the asymmetric scale: symmetric, the larger side falls on ±127.",
        max(-zero_in[0], zero_in[1]) / 128: "Symmetric int8 uses −127…127, so that +limit can be said too.",
        2 * max(-zero_in[0], zero_in[1]) / 255: "Symmetric int8 uses −127…127: 127 steps on each side of 0.",
        zero_in[1] / 127: "The range reaches as far as its larger side, which may be the negative one.",
    }
    if not symmetric and np.isclose(got, _scale(*zero_in, True)):
        return "That is the symmetric scale; asymmetric spreads 255 steps over the whole range."
    return next((hint for value, hint in slips.items() if np.isclose(got, value)), "Length of the range over steps.")


def _expect_pair(answer: Any) -> None:
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, f"int8_parameters should return the pair (scale, zero point); it returned {answer!r:.80}")
    whole = type(answer[1]) is int
    what = f"The zero point should be an int; it is of type {type(answer[1]).__name__}"
    require(whole, what, "First the scale, then the zero point: `round(x)` of a Python float is an int.")


@LAB.task("6.2", "There and back", points=2, minutes=8, difficulty=2, importance=5, names=("quantise", "dequantise"))
def check_quantise(student: Student, rng: np.random.Generator) -> None:
    scale = 0.25  # halves of it are exact, so that ties can be met
    for shape in ((4, 3, 5), (7,), (0, 3)):
        zero_point = int(rng.integers(20, 60)) * int(rng.choice([-1, 1]))
        values = (rng.integers(-400, 400, shape) * 0.125 + rng.choice([0, 0.03], shape)).astype(np.float32)
        if values.size == 7:
            values[:] = [0.125, -0.125, 0.375, -0.625, 1000.0, -1000.0, 0.0]
        got = student.call("quantise", values, scale, zero_point)
        exact = np.rint(values.astype(np.float64) / scale) + zero_point
        right = np.clip(exact, -128, 127).astype(np.int8)
        _expect_integers(got, right, values, scale, zero_point, exact)
        integers = rng.integers(-128, 128, shape).astype(np.int8)
        if integers.size:
            integers.flat[0] = -128 if zero_point > 0 else 127  # the difference leaves the range of int8
        back = student.call("dequantise", integers, scale, zero_point)
        expected = (scale * (integers.astype(np.float64) - zero_point)).astype(np.float32)
        hint = "scale × (q − zero_point), in float32."
        if isinstance(back, np.ndarray) and back.shape == expected.shape:
            wrapped = (integers.astype(np.int64) - zero_point + 128) % 256 - 128
            if integers.size and np.allclose(back, scale * wrapped) and not np.allclose(back, expected):
                hint = "int8 minus an integer is computed in int8 and wraps around beyond −128…127: convert first."
            elif np.allclose(back, scale * integers.astype(np.float64) - zero_point) and integers.size:
                hint = "Subtract the zero point first, then multiply."
            elif np.allclose(back, scale * (integers.astype(np.float64) + zero_point)) and integers.size:
                hint = "On the way back the zero point is subtracted."
        expect_close(back, expected, f"Your dequantised values for the zero point {zero_point}", hint, picture=False)


def _expect_integers(got: Any, right: Array, values: Array, scale: float, zero_point: int, exact: Array) -> None:
    hint = "Divide by the scale, round, add the zero point, clip to −128…127, then convert to int8."
    if isinstance(got, np.ndarray) and got.shape == right.shape and right.size:
        rounded = exact - zero_point
        ratio = values.astype(np.float64) / scale

        def clipped(numbers: Array) -> Array:
            return np.clip(numbers + zero_point, -128, 127)

        slips: list[tuple[Array, str]] = [
            ((exact.astype(np.int64) + 128) % 256 - 128, "What does not fit has wrapped around: clip before int8."),
            (clipped(np.trunc(ratio)), "Converting to int8 cuts off; round first."),
            (clipped(np.floor(ratio)), "`floor` goes to the next lower number, not to the nearest."),
            (clipped(np.rint(values * scale)), "Divide by the scale: it says how much one step is worth."),
            (clipped(np.floor(ratio + 0.5)), "A tie goes to the even neighbour, in ONNX as in `np.rint`."),
            (np.clip(rounded + zero_point, -127, 127), "int8 goes down to −128, and ONNX's QuantizeLinear uses it."),
            (np.clip(rounded, -128, 127), "The zero point is not added."),
            (np.clip(np.clip(rounded, -128, 127) + zero_point, -128, 127), "Clip last, after adding the zero point."),
            ((np.clip(rounded, -128, 127) + zero_point + 128) % 256 - 128, "Clip last, after adding the zero point."),
        ]
        if not np.array_equal(got, right):
            hint = next((said for wrong, said in slips if np.array_equal(got, wrong)), hint)
    what = f"Your integers for scale {scale}, zero point {zero_point}"
    expect_close(got, right, what, hint, rtol=0, atol=0, picture=False)


@LAB.task(
    "6.3",
    "Min-max and percentile",
    points=2,
    minutes=8,
    difficulty=2,
    importance=4,
    names=("minmax_limit", "percentile_limit"),
)
def check_limits(student: Student, rng: np.random.Generator) -> None:
    sizes = (int(rng.integers(40, 80)), 5, 0, int(rng.integers(100, 200)))
    batches = [(rng.standard_normal((n, 2, 3)) * rng.uniform(1, 4) - 0.5).astype(np.float32) for n in sizes]
    batches[0][3, 1, 2] = -np.abs(np.concatenate([batch.ravel() for batch in batches])).max() - 1  # the largest is < 0
    for given in (batches, batches[1:2]):
        every = np.concatenate([batch.ravel() for batch in given]).astype(np.float64)
        full = [batch for batch in given if batch.size]
        for percent in (None, 99.0, 90.0):
            name = "minmax_limit" if percent is None else "percentile_limit"
            try:
                got = student.call(name, given) if percent is None else student.call(name, given, percent)
            except Raised as error:
                if len(given) > 1 and ("zero-size" in error.text or "index -1" in error.text):
                    raise Wrong(f"One batch is empty, and {name} raised {error}", "Join the batches first.") from None
                raise

            def measure(values: Array, share: float | None = percent) -> float:
                return float(values.max() if share is None else np.percentile(values, share))

            right = measure(np.abs(every))
            slips = {
                measure(every): "The sign counts here: take absolute values first, a range has two ends.",
                measure(np.abs(full[-1].ravel())): "Only the last batch is in it.",
                measure(np.abs(full[0].ravel())): "Only the first batch is in it.",
                float(np.mean([measure(np.abs(b)) for b in full])): "A mean over batches is not the whole's: a batch "
                "of five counts as much as one of a hundred.",
                float(np.max([measure(np.abs(b)) for b in full])): "The largest of the batches' percentiles is not "
                "the percentile of all values.",
            }
            if percent is not None:
                slips[measure(np.abs(every), percent / 100)] = "`np.percentile` takes a percentage: 99.9, not 0.999."
            near = isinstance(got, float) and not np.isclose(got, right, rtol=1e-4)
            hints = [hint for value, hint in slips.items() if near and np.isclose(got, value, rtol=1e-5)]
            what = f"{name}({'' if percent is None else f'{percent:g} %, '}{len(given)} batches)"
            hint = hints[0] if hints else "All values of all batches together, by absolute value; a Python float."
            expect_close(got, right, what, hint, rtol=1e-4)


LAB.task(
    "6.4", "Entropy", points=4, minutes=20, difficulty=4, importance=3, names=("entropy_limit",)
)(check_entropy)  # fmt: skip


@LAB.task(
    "6.5", "One scale for each channel", points=3, minutes=12, difficulty=3, importance=5, names=("quantise_weight",)
)
def check_weight(student: Student, rng: np.random.Generator) -> None:
    uneven = 2.0 ** rng.permutation(np.arange(-3, 3))
    conv = (rng.standard_normal((6, 4, 3, 3)) * uneven.reshape(6, 1, 1, 1)).astype(np.float32)
    conv[1, 2, 0, 1] = -6 * np.abs(conv[1]).max()  # the largest of its channel is negative
    conv[4] = 0.0
    matrix = (rng.standard_normal((5, 6)) * uneven).astype(np.float32)
    square = (rng.standard_normal((6, 6)) * uneven).astype(np.float32)
    for weight, axis in ((conv, 0), (conv, None), (square, 1), (square, 0), (matrix, 1)):
        answer = student.call("quantise_weight", weight, axis)
        pair = isinstance(answer, tuple | list) and len(answer) == 2
        require(pair, f"quantise_weight should return (integers, scales); it returned {answer!r:.80}")
        integers, scales = answer
        case = f"for a weight of shape {weight.shape}, {axis = }"
        others = tuple(i for i in range(weight.ndim) if i != axis)
        limits = np.atleast_1d(np.abs(weight).max(axis=others if axis is not None else None)).astype(np.float64)
        expected = np.where(limits > 0, limits / 127, 1.0).astype(np.float32)
        expect_close(scales, expected, f"The scales {case}", _weight_hint(scales, weight, axis, expected), rtol=1e-5)
        shape = [1] * weight.ndim
        if axis is not None:
            shape[axis] = -1
        exact = weight.astype(np.float64) / expected.reshape(shape)
        right = np.rint(exact).astype(np.int8)
        hint = "Shape the scales so that they broadcast along `axis`: `scales.reshape(-1, 1, 1, 1)` for axis 0 of four."
        if isinstance(integers, np.ndarray) and integers.shape == right.shape:
            near = np.abs(integers - exact) < 0.501  # a tie may fall either way: float32 has rounded the scale, too
            right = np.where(near, integers, right).astype(np.int8)
            if not near.all() and (np.abs(integers.astype(np.int64)) <= np.abs(exact) + 1e-3).all():
                hint = "Converting to int8 cuts off; round first."
        expect_close(integers, right, f"The integers {case}", hint, rtol=0, atol=0, picture=False)


def _weight_hint(got: Any, weight: Array, axis: int | None, expected: Array) -> str:
    """Recognise the usual slips by the scales that they give."""
    if not isinstance(got, np.ndarray) or got.shape != expected.shape:
        return "One scale for each index of `axis`, as an array of shape (channels,); (1,) for the whole tensor."
    if not np.isfinite(got).all() or (got == 0).any():
        return "A channel of zeros has the limit 0, and 0 / 0 follows. The task asks for the scale 1 there."
    others = tuple(i for i in range(weight.ndim) if i != axis) if axis is not None else None
    used = np.atleast_1d(np.abs(weight).max(axis=others)) > 0
    if np.allclose(got[used], expected[used], rtol=1e-4):
        return "A channel of zeros: any scale would do, and the task asks for 1."
    limits = got[used].astype(np.float64) * 127
    signed = np.atleast_1d(weight.max(axis=others))
    if np.allclose(limits, signed[used], rtol=1e-4):
        return "The largest value by size may be negative: take `np.abs` first."
    if np.allclose(limits * 128 / 127, expected[used] * 127, rtol=1e-4):
        return "Symmetric int8 uses −127…127."
    if axis is not None and np.allclose(limits, np.abs(weight).max(), rtol=1e-4):
        return "All channels have got the whole tensor's scale."
    square = weight.ndim == 2 and weight.shape[0] == weight.shape[1]
    if square and np.allclose(limits, np.abs(weight).max(axis=axis), rtol=1e-4):
        return "That is the maximum along `axis`; the maximum over all *other* axes leaves one number for each channel."
    return "A channel's scale is its largest absolute value over 127."


@LAB.task(
    "6.6", "Static INT8 within a budget", points=5, minutes=20, difficulty=4, importance=5, names=("quantise_network",)
)
def check_network(student: Student, rng: np.random.Generator) -> None:
    network, digits = solved_network(rng), load_digits()
    calibration = digits.train.images.numpy()[rng.choice(len(digits.train), 256, replace=False)]
    spoilt = rng.choice(256, 5, replace=False)
    calibration[spoilt] *= 255
    answer = student.call("quantise_network", network.file(), calibration)
    what = f"quantise_network should return the file's content as bytes; it returned {answer!r:.60}"
    require(isinstance(answer, bytes), what, "`Path(target).read_bytes()`, before the folder is gone.")
    hint = "`quant_format=QuantFormat.QDQ` is the default, and what TensorRT reads."
    require(b"QLinearConv" not in answer, "The file holds QLinearConv: that is the QOperator form", hint)
    model = files.open_file(answer, "quantise_network")
    files.expect_signature(model, "images", TensorProto.FLOAT, "Quantising does not change what the file takes.")
    _expect_form(model.graph)
    images = digits.test.images[rng.choice(len(digits.test), BUDGET_DIGITS, replace=False)]
    expected, got = network.logits(images), files.compute(model, images.numpy())
    require(got.shape == expected.shape, f"The file's logits have the shape {got.shape}, not {expected.shape}")
    flipped, error = int((got.argmax(1) != expected.argmax(1)).sum()), float(np.abs(got - expected).mean())
    if flipped > BUDGET_FLIPPED or error > BUDGET_ERROR:
        what = (
            f"{flipped} of {BUDGET_DIGITS} labels are flipped (budget {BUDGET_FLIPPED}) and the logits are off by "
            f"{error:.2f} on average (budget {BUDGET_ERROR})"
        )
        largest = max(_activation_limits(model.graph), default=0.0)
        hint = "Compare the scales of the activations with what real digits give, layer by layer."
        if largest > 20 * float(np.abs(expected).max()):
            hint = "An activation's range is far too wide: a few calibration scans were never divided. Look at them."
        elif flipped <= BUDGET_DIGITS // 4:
            hint = "Good values are clipped. Better to leave the bad scans out than to cut every range short."
        raise Wrong(what, hint)


def _constants(graph: onnx.GraphProto) -> dict[str, Array]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _activation_limits(graph: onnx.GraphProto) -> list[float]:
    """Return 127 × the scale of each QuantizeLinear that quantises no weight."""
    constants = _constants(graph)
    nodes = [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] not in constants]
    return [127 * float(np.max(constants[node.input[1]])) for node in nodes if node.input[1] in constants]


def _expect_form(graph: onnx.GraphProto) -> None:
    """Demand Q/DQ as TensorRT takes it: symmetric int8 before each Conv and Gemm, their biases in float."""
    kinds = [node.op_type for node in graph.node]
    dynamic = sorted({"DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"} & set(kinds))
    what = f"The file holds {', '.join(dynamic)}: that is dynamic quantisation"
    require(not dynamic, what, "`quantize_static` with a calibration reader, or Q/DQ nodes by hand.")
    makers = {name: node for node in graph.node for name in node.output}
    constants = _constants(graph)
    working = [node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    counts = [sum(node.op_type == "Conv" for node in working), sum(node.op_type != "Conv" for node in working)]
    require(counts == [2, 1], f"The file has {counts[0]} Conv and {counts[1]} Gemm; the network has 2 and 1")
    for node in working:
        for index, role in enumerate(("data", "weight")):
            maker = makers.get(node.input[index])
            what = f"The {role} of {node.op_type} {node.name} comes in float, not from a DequantizeLinear"
            require(maker is not None and maker.op_type == "DequantizeLinear", what, "Q and DQ before both inputs.")
        bias = makers.get(node.input[2]) if len(node.input) > 2 else None
        what = f"The bias of {node.op_type} {node.name} is quantised"
        hint = 'TensorRT refuses that: `"QuantizeBias": False` among the extra options.'
        require(bias is None or bias.op_type != "DequantizeLinear", what, hint)
    for node in graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        zero = constants.get(node.input[2]) if len(node.input) > 2 else None
        what = f"{node.op_type} {node.name} has no constant zero point, so its integer type is unknown"
        require(zero is not None, what, "Give an int8 zero as its third input.")
        assert zero is not None
        what = f"{node.op_type} {node.name} uses {zero.dtype}, not int8"
        require(zero.dtype == np.int8, what, "`QuantType.QInt8` for activations and weights.")
        what = f"{node.op_type} {node.name} has the zero point {int(zero.flat[np.argmax(np.abs(zero))])}"
        hint = 'TensorRT wants 0: `"ActivationSymmetric": True` among the extra options.'
        require(not zero.any(), what, hint)
