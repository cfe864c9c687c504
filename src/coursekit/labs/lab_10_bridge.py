"""The checks of lab 10: a linear + ReLU kernel, its way into PyTorch, and the same kernel in Triton."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.labs.kernel_checks import expect_at_most, kernel_source, run
from coursekit.labs.lab_10_digitnet import expect_swapped
from coursekit.labs.lab_10_layer import layer, linear
from coursekit.labs.lab_10_triton import expect_triton_kernel
from coursekit.student import Handle, Raised, Student

LAB = Lab("10", "lab_10_bridge", "Kernels meet PyTorch")
FIXTURES = "coursekit.labs.lab_10_fixtures"
SIZES = "Compare each index with its own limit: r with rows, o with outputs, k with inputs."
HINTS = {
    "out-of-bounds": f"{SIZES} Threads and places of a tile without an element bring 0.",
    "bad-address": SIZES,
    "race": "One barrier between filling the tiles and using them, one between using them and filling them again.",
    "uninitialized": "Every place of a tile has to be written before it is used; 0 where the matrix has ended.",
    "divergent-barrier": "All threads of a block have to reach each barrier, those without an output too.",
}


@LAB.task(
    "10.1", "Linear and ReLU in one kernel", points=4, minutes=20, difficulty=3, importance=5, names=("LINEAR_RELU",)
)
def check_kernel(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "LINEAR_RELU", "linear_relu")
    sizes = ((16, 16, 16), (1, 1, 1), (20, 37, 10), (33, int(rng.integers(17, 40)), 21), (40, 48, 32))
    for rows, inputs, outputs in sizes:
        arrays = layer(rng, rows, inputs, outputs)
        out = np.full((rows, outputs), np.nan, np.float32)
        grid = (-(-outputs // 16), -(-rows // 16))
        numbers = [np.int32(n) for n in (rows, inputs, outputs)]
        report = run(student, source, "linear_relu", out, *arrays, *numbers, grid=grid, block=(16, 16), hints=HINTS)
        exact = linear(*arrays)
        what = f"Your output for {rows} rows, {inputs} inputs, {outputs} outputs"
        expect_close(out, np.maximum(exact, 0).astype(np.float32), what, _kernel_hint(out, exact, *arrays), atol=1e-4)
    # The last launch, 3 × 2 blocks and 3 tiles: each tile loaded once by each block, and a bias for each thread.
    budget = 6 * (3 * 2 * 256 * 4 + 256 * 4)
    hint = "Each thread loads one element of x and one of weight into shared memory; then all use them 16 times."
    expect_at_most(report, "global_bytes_read", budget, "The bytes that your kernel reads from global memory", hint)
    hint = "Neighbouring threads (threadIdx.x) should load neighbours in memory: k runs along a row of weight, too."
    expect_at_most(report, "load_sectors_per_request", 5, "Your kernel's sectors per load request", hint)


def _kernel_hint(out: np.ndarray, exact: np.ndarray, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> str:
    """Recognise what the learner computed instead."""
    if np.isnan(out).any():
        return "Some elements were never written: blockIdx.x counts tiles of outputs, blockIdx.y tiles of rows."
    if np.allclose(out, exact, atol=1e-3):
        return "That is the linear layer; negative values have still to become 0."
    if np.allclose(out, np.maximum(exact - bias, 0), atol=1e-3):
        return "The bias is missing: each output o adds bias[o]."
    if np.allclose(out, np.maximum(exact - bias, 0) + bias, atol=1e-3):
        return "The bias comes before the ReLU: relu(sum + bias)."
    if out.shape == bias.shape * 2 and np.allclose(out, np.maximum(exact - bias + bias[:, None], 0), atol=1e-3):
        return "The bias belongs to the output o, not to the row r."
    if x.shape[1] == weight.shape[0] and np.allclose(out, np.maximum(linear(x, weight.T, bias), 0), atol=1e-3):
        return "That is x @ weight: output o needs *row* o of weight, so its tile is used along its rows, too."
    if x.shape[1] > 16 and np.allclose(out, np.maximum(linear(x[:, :16], weight[:, :16], bias), 0), atol=1e-3):
        return "That is the sum over the first 16 inputs only: go through all tiles, the last one included."
    return "Row r of x and row o of weight: out[r][o] is their dot product plus bias[o]; 0 if that is negative."


@LAB.task("10.2", "A launch for tensors", points=4, minutes=15, difficulty=2, importance=5, names=("run_on_tensors",))
def check_launch(student: Student, rng: np.random.Generator) -> None:
    for how in ("plain", "transposed", "gradients"):
        # A kernel of the check's own: nobody who does not launch it knows its two numbers.
        scale, shift = rng.uniform(1, 3, 2).astype(np.float32)
        arrays = layer(rng, *(int(rng.integers(*ends)) for ends in ((33, 48), (5, 16), (17, 32))))
        x, weight, bias = map(torch.from_numpy, arrays)
        kinds = (how, how, "plain" if how == "transposed" else how)
        given = [student.make(f"{FIXTURES}:placed", t, kind) for t, kind in zip((x, weight, bias), kinds, strict=True)]
        what = {"plain": "", "transposed": " for x and weight that are transposed in memory"}.get(
            how, " for tensors that want gradients"
        )
        try:
            result = student.call("run_on_tensors", _secret_kernel(scale, shift), *given, keep=True)
        except Raised as error:
            raise _launch_wrong(error, what) from None
        seen = student.make(f"{FIXTURES}:facts", result).value()
        require(
            seen["tensor"],
            f"`run_on_tensors` should return a tensor; it returned {result.type_name}",
            "Make the output with `x.new_empty(...)`, let the kernel write it, and return it.",
        )
        require(seen["here"], "The result should be on the device of x", "`x.new_empty` makes it there.")
        exact = scale * np.maximum(linear(*arrays), 0) + shift
        got = result.value()
        _expect_launched(got, exact, arrays, f"The result{what}")
    _expect_empty(student)
    _expect_refusal(student, rng)


def _secret_kernel(scale: float, shift: float) -> str:
    return f"""
__global__ void linear_relu(float* out, const float* x, const float* weight, const float* bias,
                            int rows, int inputs, int outputs) {{
  int o = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y * blockDim.y + threadIdx.y;
  if (r >= rows || o >= outputs || blockDim.x != 16 || blockDim.y != 16) return;
  float v = bias[o];
  for (int k = 0; k < inputs; ++k) v += x[r * inputs + k] * weight[o * inputs + k];
  out[r * outputs + o] = {scale:.8e}f * fmaxf(v, 0) + {shift:.8e}f;
}}
"""


def _launch_wrong(error: Raised, what: str) -> Exception:
    if error.kind == "NotImplementedError" and not error.text:
        return error
    hint = ""
    if "contiguous" in error.text:
        hint = "Call .contiguous() on every tensor that the kernel reads: it knows no strides."
    elif "requires grad" in error.text:
        hint = "Call .detach() before .numpy(): the kernel takes the values only."
    elif "invalid type on parameter" in error.text or "pack" in error.text:
        hint = "Numbers go to a kernel as np.int32, tensors by cuda.In and cuda.Out, or as they are on a GPU."
    return Wrong(f"`run_on_tensors`{what} raised {error}", hint)


def _expect_launched(got: object, exact: np.ndarray, arrays: tuple[np.ndarray, ...], what: str) -> None:
    hint = "The arguments: out, x, weight, bias, rows, inputs, outputs; blocks of 16 × 16; cuda.Out for what it writes."
    if isinstance(got, Tensor) and tuple(got.shape) == exact.shape:
        values = got.double().numpy()
        if np.allclose(values, np.maximum(linear(*arrays), 0), atol=1e-3):
            hint = "Those are another kernel's numbers: the `source` that is given has to be compiled and launched."
        else:
            right = np.isclose(values, exact, rtol=1e-3, atol=1e-3)
            if right[:16, :16].all():
                hint = "The first tile is right, others are not: round the grid up, outputs in x, rows in y."
            elif "transposed" in what:
                hint = "A kernel knows no strides: give it `.contiguous()` tensors."
    expect_close(got, torch.from_numpy(exact.astype(np.float32)), what, hint, rtol=1e-3, atol=1e-3)


def _expect_empty(student: Student) -> None:
    empty = [student.make(f"{FIXTURES}:placed", torch.zeros(shape)) for shape in ((0, 5), (3, 5), (3,))]
    try:
        got = student.call("run_on_tensors", _secret_kernel(1, 0), *empty)
    except Raised as error:
        raise Wrong(
            f"For x of the shape (0, 5) your function raised {error}",
            "No rows, no block: CUDA refuses an empty grid. Return the empty output before you launch.",
        ) from None
    expect_close(got, torch.zeros(0, 3), "The result for x of the shape (0, 5)")


def _expect_refusal(student: Student, rng: np.random.Generator) -> None:
    cases = {
        "x (4, 6) with weight (3, 5)": (torch.zeros(4, 6), torch.zeros(3, 5), torch.zeros(3)),
        "weight (3, 5) with a bias of 2": (torch.zeros(4, 5), torch.zeros(3, 5), torch.zeros(2)),
        "float64 tensors": tuple(torch.zeros(shape, dtype=torch.float64) for shape in ((4, 5), (3, 5), (3,))),
    }
    for name, tensors in cases.items():
        given = [student.make(f"{FIXTURES}:placed", tensor) for tensor in tensors]
        try:
            student.call("run_on_tensors", _secret_kernel(1, 0), *given)
        except Raised as error:
            require(
                error.kind == "ValueError", f"With {name} your function raised {error}", "A ValueError is asked for."
            )
        else:
            raise Wrong(
                f"With {name} your function returned a result",
                "The kernel would read beyond the end, or misread: compare shapes and dtypes, raise ValueError.",
            )


@LAB.task(
    "10.3",
    "An operator with gradients",
    points=4,
    minutes=20,
    difficulty=4,
    importance=4,
    names=("as_operator",),
    self_reported="torch.library.opcheck's answers",
)
def check_operator(student: Student, rng: np.random.Generator) -> None:
    factor = float(rng.uniform(1.003, 1.006))  # shows who computed, and is too small to matter to a gradient
    forward = student.make(f"{FIXTURES}:Layer", factor)
    name = f"lab10::linear_relu_{rng.integers(10**9)}"
    operator = student.call("as_operator", name, forward, keep=True)
    require(operator.type_name != "NoneType", "`as_operator` returned None", "Is a `return` missing?")
    arrays = layer(rng, *map(int, 4 + rng.permutation(5)[:3]))  # three different sizes
    x, weight, bias = map(torch.from_numpy, arrays)
    exact = torch.from_numpy(np.maximum(linear(*arrays), 0))
    got = student.call(operator, x, weight, bias)
    hint = "The operator should call `forward(x, weight, bias)` and return its result, unchanged."
    expect_close(got, (factor * exact).float(), "What your operator returns", hint, rtol=3e-4)
    _expect_registered(operator, name)
    _expect_gradients(student, operator, (x, weight, bias), rng)
    _expect_fake(student, operator, (x, weight, bias))
    answers = student.make(f"{FIXTURES}:operator_facts", operator, [x, weight, bias]).value()
    for test, answer in answers.items():
        require(
            answer == "SUCCESS",
            f"`torch.library.opcheck` says of {test}: {answer}",
            "Lesson 10, *An operator of PyTorch's own*.",
        )


def _expect_registered(operator: Handle, name: str) -> None:
    try:
        known = operator.attribute("_qualname")
    except Raised:
        known = None
    require(
        known == name,
        f"`as_operator` should return the operator `{name}`; it returned a {operator.type_name}",
        "Put `@torch.library.custom_op(name, mutates_args=())` on a function with type hints, and return that.",
    )


def _expect_gradients(student: Student, operator: Handle, inputs: tuple[Tensor, ...], rng: np.random.Generator) -> None:
    upstream = torch.from_numpy(rng.normal(size=(len(inputs[0]), len(inputs[1]))).astype(np.float32))
    leaves = [tensor.double().requires_grad_() for tensor in inputs]
    out = functional.linear(*leaves).relu()
    out.backward(upstream.double())
    try:
        got = student.make(f"{FIXTURES}:gradients", operator, list(inputs), upstream).value()
    except Raised as error:
        hint = "Register the formula: `operator.register_autograd(backward, setup_context=...)`."
        if "saved_tensors" in error.text or "to unpack" in error.text:
            hint = "What the formula needs is saved by a function that register_autograd is given as `setup_context=`."
        elif "does not require grad" not in error.text and "no autograd" not in error.text.lower():
            hint = "The formula returns one gradient for each input, in their order and of their shapes."
        raise Wrong(f"The backward pass raised {error}", hint) from None
    unmasked = [
        upstream.double() @ leaves[1].detach(),
        upstream.double().T @ leaves[0].detach(),
        upstream.double().sum(0),
    ]
    no_bias = torch.where(leaves[0].detach() @ leaves[1].detach().T > 0, upstream.double(), 0)
    without_bias = [no_bias @ leaves[1].detach(), no_bias.T @ leaves[0].detach(), no_bias.sum(0)]
    for place, (label, mine, leaf) in enumerate(zip(("x", "weight", "bias"), got, leaves, strict=True)):
        require(mine is not None, f"No gradient came to {label}", "Return one gradient for each input, in their order.")
        assert leaf.grad is not None
        hint = {
            "x": "With g the masked gradient: g @ weight.",
            "weight": "With g the masked gradient: g.T @ x, of weight's shape (outputs, inputs).",
            "bias": "The bias is added to every row: the sum of the masked gradient over the rows.",
        }[label]
        if tuple(mine.shape) == tuple(leaf.shape) and _alike(mine, unmasked[place]):
            hint = "That is the gradient without the ReLU: where the output is 0, nothing may come through."
        elif tuple(mine.shape) == tuple(leaf.shape) and _alike(mine, without_bias[place]):
            hint = "The mask lacks the bias: it is the *output* that is 0 or not, and the output can be saved."
        what = f"Your gradient of {label}"
        expect_close(mine, leaf.grad.float(), what, hint, rtol=2e-2, atol=1e-3)


def _alike(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a.double(), b, rtol=1e-2, atol=1e-3)


def _expect_fake(student: Student, operator: Handle, inputs: tuple[Tensor, ...]) -> None:
    try:
        fake = student.make(f"{FIXTURES}:fake_result", operator, list(inputs)).value()
    except Raised as error:
        raise Wrong(
            f"With fake tensors, which have shapes and no data, your operator raised {error}",
            "Register what comes out: `@operator.register_fake`, a function that returns `x.new_empty(rows, outputs)`.",
        ) from None
    right = [len(inputs[0]), len(inputs[1])]
    require(
        fake["shape"] == right and fake["dtype"] == "float32",
        f"Your fake says {tuple(fake['shape'])}, {fake['dtype']}; the real output is {tuple(right)}, float32",
        "The fake's shape comes from x's rows and weight's rows, its dtype from x.",
    )


@LAB.task("10.4", "DigitNet on your kernel", points=4, minutes=20, difficulty=4, importance=4, names=("swap",))
def check_swap(student: Student, rng: np.random.Generator) -> None:
    expect_swapped(student, rng)


@LAB.task(
    "10.5",
    "The same in Triton",
    points=4,
    minutes=15,
    difficulty=3,
    importance=3,
    names=("linear_relu_triton",),
    self_reported="that the kernel is Triton's",
)
def check_triton(student: Student, rng: np.random.Generator) -> None:
    expect_triton_kernel(student, rng)
