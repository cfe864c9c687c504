"""Lab 07's checks: a grid-stride loop, the host's side of a launch, two picture kernels, four kernels to repair.

Kernels come as strings of CUDA C and run in `student.inspect`; of the learner's Python only `add_scaled` is called,
with a kernel of the check's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.labs.kernel_checks import kernel_source, run
from coursekit.labs.lab_07_pictures import (
    Mistake,
    blur_mistakes,
    grey,
    grey_mistakes,
    letter,
    mirror_mistakes,
    window_means,
)
from coursekit.plots import difference
from coursekit.student import Raised, Student

COMPILED = "coursekit.labs.lab_07_fixtures:compiled"
LAB = Lab("07", "lab_07_first_kernels", "First kernels")


def expect_array(got: np.ndarray, expected: np.ndarray, what: str, mistakes: Sequence[Mistake], hint: str) -> None:
    """Raise Wrong unless `got` is `expected` (bytes to within 1 level); a known mistake is named."""
    room = 1.0 if expected.dtype == np.uint8 else 1e-4
    if _close(got, expected, room):
        return
    for values, name, advice in mistakes:
        if _close(got, values, room) and not _close(values, expected, room):
            raise Wrong(f"{what}: {name}", advice, lambda: difference(got, expected))
    expect_close(got.astype(np.float64), expected.astype(np.float64), what, hint, rtol=1e-4, atol=room)


def _close(a: np.ndarray, b: np.ndarray, room: float) -> bool:
    return a.shape == b.shape and np.allclose(a.astype(np.float64), b.astype(np.float64), rtol=1e-4, atol=room)


def _blocks(size: int, block: int) -> int:
    return max(1, -(-size // block))


@LAB.task("7.1", "SAXPY in any grid", points=3, minutes=12, difficulty=2, importance=5, names=("SAXPY",))
def check_saxpy(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "SAXPY", "saxpy")
    n = int(rng.integers(400, 900)) * 2 + 1
    for count, grid, block, orders in (
        (n, 40, 64, ("forward",)),  # more threads than elements
        (n, 3, 96, ("forward", "reverse", "shuffled")),  # fewer, and no multiple
        (n, 1, 32, ("forward",)),
        (1, 2, 32, ("forward",)),
        (0, 1, 32, ("forward",)),
    ):
        _try_saxpy(student, source, rng, count, grid, block, orders)


def _try_saxpy(
    student: Student, source: str, rng: np.random.Generator, n: int, grid: int, block: int, orders: tuple[str, ...]
) -> None:
    a = np.float32(rng.uniform(1.5, 3))
    x, y = (rng.uniform(1, 2, n).astype(np.float32) for _ in range(2))
    before, expected, threads = y.copy(), a * x + y, grid * block
    hints = {
        "race": "Two threads work on the same element. The stride has to be the number of all threads of the launch, "
        "and the start has to differ for every thread of every block.",
        "out-of-bounds": "Valid indices are 0 to n - 1. A `for` loop goes on as long as its condition holds: i < n.",
    }
    run(student, source, "saxpy", np.int32(n), a, x, y, grid=grid, block=block, orders=orders, hints=hints)
    what = f"y after saxpy of {n} elements in {grid} block{'s' * (grid > 1)} of {block} threads"
    once = np.where(np.arange(n) < threads, expected, before)
    expect_array(
        y, expected, what,
        [
            (once, f"only the first {threads} elements, one for each thread, have changed",
             "Let each thread go on: a `for` loop that adds the number of all threads to i as long as i < n."),
            (np.trunc(expected), "what stands behind the point is lost",
             "An int keeps whole numbers only: variables that hold a product or a sum are float."),
            (a * x, "it is a·x; the y that was there is lost", "SAXPY adds: y[i] = a * x[i] + y[i]."),
            (before, "nothing has changed", "Does the loop's condition hold at the start? It says when to go on."),
        ],
        "Each element from 0 to n - 1 has to be changed exactly once.",
    )  # fmt: skip


@LAB.task("7.2", "The host's side", points=3, minutes=15, difficulty=2, importance=5, names=("add_scaled",))
def check_host(student: Student, rng: np.random.Generator) -> None:
    for n in (int(rng.integers(3, 30)), int(rng.integers(1100, 1900)) * 2 + 1, 1, 100_003):
        _try_host(student, rng, n, np.float32)
    _try_host(student, rng, int(rng.integers(30, 60)), np.float64)
    empty = np.zeros(0, np.float32)
    try:
        got = student.call("add_scaled", student.make(COMPILED, _shifted(0), "add_scaled"), 2.0, empty, empty)
    except Raised as error:
        raise Wrong(
            f"With empty arrays your function raised {error}",
            "No block, no byte: CUDA refuses both. Return an empty array before you allocate anything.",
        ) from None
    expect_close(got, empty, "The result for empty arrays")


def _shifted(shift: float) -> str:
    """Return a kernel with the task's parameters; who does not launch it does not know its `shift`."""
    return f"""
__global__ void add_scaled(float a, const float *x, const float *y, float *result, int n) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) result[i] = a * x[i] + y[i] + {shift:.8e}f;
}}
"""


def _try_host(student: Student, rng: np.random.Generator, n: int, dtype: type) -> None:
    a = float(rng.uniform(1.5, 3))
    shift = float(np.float32(rng.uniform(3, 5)))
    x: np.ndarray = rng.uniform(1, 2, n).astype(dtype)
    y: np.ndarray = rng.uniform(1, 2, n).astype(dtype)
    what = f"With {n} element{'s' * (n > 1)} of {np.dtype(dtype).name}"
    try:
        got = student.call("add_scaled", student.make(COMPILED, _shifted(shift), "add_scaled"), a, x, y)
    except Raised as error:
        if error.kind == "NotImplementedError":
            raise  # not attempted yet
        raise Wrong(f"{what} your function raised {error}", _host_hint(error.text)) from None
    require(
        isinstance(got, np.ndarray),
        f"{what} your function should return a NumPy array; it returned a value of type "
        f"{getattr(got, 'type_name', type(got).__name__)}",
        "A gpuarray comes to the host by `.get()`; with `cuda.Out` return the array that you gave.",
    )
    plain = np.float32(a) * x.astype(np.float32) + y.astype(np.float32)
    expected = plain + np.float32(shift)
    require(
        got.shape == expected.shape,
        f"{what} the result should have the shape {expected.shape}; it has {got.shape}",
    )
    require(
        got.dtype == np.float32,
        f"{what} the result should be float32; it is {got.dtype}",
        "Make the result with `np.empty(..., dtype=np.float32)`.",
    )
    wrong = np.flatnonzero(~np.isclose(got, expected, rtol=1e-4))
    if len(wrong) == 0:
        return
    if np.allclose(got, plain, rtol=1e-4):
        raise Wrong(
            f"{what} the result is a·x + y, and the kernel that was given computes something else",
            "Launch the `kernel` that your function is given; the check brings one of its own.",
        )
    if dtype is np.float64:
        raise Wrong(
            f"{what} the result is wrong ({got[0]:.6g} instead of {expected[0]:.6g} at index 0)",
            "The kernel takes float32: convert the inputs with `.astype(np.float32)` before they are copied.",
        )
    if np.allclose(got, np.float32(a) * y + x + shift, rtol=1e-4):
        raise Wrong(
            f"{what} x and y have changed places", "The kernel's parameters come in the order a, x, y, result, n."
        )
    if wrong[0] > 0 and len(wrong) == n - wrong[0]:
        raise Wrong(
            f"{what} the results from index {wrong[0]} to the end were not computed",
            "There have to be enough threads: blocks of one size, and their number n / size rounded up, not down.",
        )
    expect_close(got, expected, f"{what} the result", "Did every element get its thread, and did the result come back?")


def _host_hint(text: str) -> str:
    advice = (
        ("must be an iterable", "`block=` takes three numbers, such as (256, 1, 1), and `grid=` two or three."),
        ("Python's int", "`/` gives a float: the number of blocks is `-(-n // 256)`, rounded up and whole."),
        (
            "host memory",
            "The kernel cannot see the host's arrays: hand them over by cuda.In and cuda.Out, or copy them.",
        ),
        ("threads", "A block has at most 1,024 threads: keep its size fixed and let the number of blocks grow with n."),
        ("parameter", "Scalars need their C type: `np.float32(a)` for a float, `np.int32(n)` for an int."),
        ("takes", "Scalars need their C type: `np.float32(a)` for a float, `np.int32(n)` for an int."),
    )
    return next(
        (hint for sign, hint in advice if sign in text), "Copy in, launch, copy out: lesson 07, sections 2 and 5."
    )


@LAB.task("7.3", "Colour to grey", points=3, minutes=12, difficulty=2, importance=4, names=("GREY",))
def check_grey(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "GREY", "grey")
    width, height = int(rng.integers(35, 46)), int(rng.integers(18, 30))
    for w, h, orders in ((width, height, ("forward", "shuffled")), (height, width, ("forward",)), (1, 1, ("forward",))):
        colours = [letter(rng, h, w) for _ in range(3)]
        _try_grey(student, source, (255 * np.stack(colours, axis=2)).astype(np.uint8), orders)
    _try_grey(student, source, np.full((3, 5, 3), 255, np.uint8), ("forward",))


def _try_grey(student: Student, source: str, rgb: np.ndarray, orders: tuple[str, ...]) -> None:
    height, width, _ = rgb.shape
    got = np.full((height, width), 7, np.uint8)
    original = rgb.copy()
    hints = {
        "out-of-bounds": "Both directions need a guard, x < width and y < height. Pixel (x, y) has its red byte in rgb "
        "at 3 * (y * width + x), and its one byte in out at y * width + x.",
        "race": "Two threads write the same byte of the result: pixel (x, y) is at y * width + x.",
    }
    size = (np.int32(width), np.int32(height))
    grid = (_blocks(width, 16), _blocks(height, 8))
    run(student, source, "grey", rgb, got, *size, grid=grid, block=(16, 8), orders=orders, hints=hints)
    exact = grey(original)
    what = f"The grey picture of {width} × {height} pixels"
    hint = "Add up in float, round once, at the end, and write out[y * width + x]."
    expect_array(got, np.rint(exact).astype(np.uint8), what, grey_mistakes(original, untouched=7), hint)
    sure = np.abs(exact - np.floor(exact) - 0.5) > 1e-3  # elsewhere float32 may round the other way
    cut = sure & (got != np.rint(exact))
    require(
        not cut.any(),
        f"{what}: {int(cut.sum())} of {cut.size} pixels are one level off, such as {exact[cut][:1]} given as "
        f"{got[cut][:1]}",
        "Turning a float into an unsigned char cuts off what is behind the point: add 0.5f before.",
    )


@LAB.task("7.4", "Box blur", points=4, minutes=20, difficulty=4, importance=4, names=("BLUR",))
def check_blur(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "BLUR", "blur")
    width, height = int(rng.integers(21, 30)), int(rng.integers(10, 19))
    for w, h, radius, orders in (
        (width, height, 2, ("forward", "shuffled")),
        (height, width, 1, ("forward",)),
        (width, height, 0, ("forward",)),
        (3, 2, 4, ("forward",)),  # the window is larger than the picture
        (1, 1, 1, ("forward",)),
    ):
        _try_blur(student, source, rng.uniform(0.2, 1, (h, w)).astype(np.float32), radius, orders)


def _try_blur(student: Student, source: str, image: np.ndarray, radius: int, orders: tuple[str, ...]) -> None:
    height, width = image.shape
    got, original = np.full_like(image, -1), image.copy()
    hints = {
        "out-of-bounds": "No pixel outside the picture may be read or written: check columns against 0 and width, and "
        "rows against 0 and height, each by itself.",
        "race": "The picture that is read must not be written in the same launch: `out` is there for the result.",
        "uninitialized": "A variable in C holds anything until you give it a value: `float sum = 0;`.",
        "division-by-zero": "The window always contains the pixel itself: count it.",
    }
    size = (np.int32(width), np.int32(height), np.int32(radius))
    grid = (_blocks(width, 8), _blocks(height, 8))
    run(student, source, "blur", image, got, *size, grid=grid, block=(8, 8), orders=orders, hints=hints)
    hint = (
        "Add the rows y - radius to y + radius and the columns x - radius to x + radius that are in the picture, row 0 "
        "and column 0 among them, and count each."
    )
    if not np.isfinite(got).all():
        hint = "A variable in C holds anything, NaN as well, until you give it a value: `float sum = 0;`."
    expect_array(
        got,
        window_means(original, radius).astype(np.float32),
        f"The blurred picture of {width} × {height} pixels with radius {radius}",
        blur_mistakes(original, radius, untouched=-1),
        hint,
    )


@LAB.task(
    "7.5", "Repair: two that the sanitizer finds", points=3, minutes=10, difficulty=2, importance=5,
    names=("REVERSE", "DIFFERENCE"),
)  # fmt: skip
def check_found(student: Student, rng: np.random.Generator) -> None:
    reverse = kernel_source(student, "REVERSE", "reverse")
    difference = kernel_source(student, "DIFFERENCE", "difference")
    for n in (int(rng.integers(100, 150)) * 2 + 1, 1, 0):
        x = rng.uniform(-1, 1, n).astype(np.float32)
        original, out, grid = x.copy(), np.full(n, 9, np.float32), _blocks(n, 64)
        run(
            student, reverse, "reverse", x, out, np.int32(n), grid=grid, block=64,
            hints={"out-of-bounds": "Where does element 0 go? Its place is the last valid index."},
        )  # fmt: skip
        what = f"`reverse` of {n} elements"
        expect_array(out, original[::-1], what, [(original, "nothing is reversed", "out[i] is x[n - 1 - i].")],
                     "Element i belongs at n - 1 - i, and all n elements have to be written.")  # fmt: skip

        x, out = original.copy(), np.full(n, 9, np.float32)
        run(
            student, difference, "difference", x, out, np.int32(n), grid=grid, block=64,
            hints={
                "race": "A thread reads what its neighbour writes in the same launch, and nobody knows who comes "
                "first. Is the same number to be had from an array that no thread writes?",
                "order-dependence": "The result depends on which thread comes first: read only what no thread writes.",
            },
        )  # fmt: skip
        before = np.concatenate([np.zeros(min(n, 1), np.float32), original[:-1]])
        expect_array(
            out, original - before, f"`difference` of {n} elements",
            [(before - original, "all signs are turned", "out[i] is x[i] - x[i - 1].")],
            "out[0] is x[0]; every other out[i] is x[i] - x[i - 1].",
        )  # fmt: skip


@LAB.task(
    "7.6", "Repair: two that no tool finds", points=3, minutes=10, difficulty=3, importance=4, names=("MIRROR", "FADE")
)
def check_not_found(student: Student, rng: np.random.Generator) -> None:
    mirror, fade = kernel_source(student, "MIRROR", "mirror"), kernel_source(student, "FADE", "fade")
    for width, height in ((29, 12), (13, 21), (8, 8), (1, 3)):
        picture = letter(rng, height, width)
        original, out = picture.copy(), np.full_like(picture, -1)
        grid = (_blocks(width, 8), _blocks(height, 8))
        hints = {
            "out-of-bounds": "Column x comes from column width - 1 - x of the same row, which begins at y * width."
        }
        size = (np.int32(width), np.int32(height))
        run(student, mirror, "mirror", picture, out, *size, grid=grid, block=(8, 8), hints=hints)
        expect_array(
            out, original[:, ::-1], f"`mirror` of {width} × {height} pixels", mirror_mistakes(original),
            "out(x, y) is in(width - 1 - x, y).",
        )  # fmt: skip

    n = int(rng.integers(150, 200))
    for percent in (100, 0, int(rng.integers(40, 60)), int(rng.integers(1, 10))):
        levels = rng.integers(0, 256, n, dtype=np.uint8)
        levels[:2] = 255
        wide, faded = levels.astype(np.int64), np.full(n, 77, np.uint8)
        run(
            student, fade, "fade", levels, faded, np.int32(percent), np.int32(n), grid=_blocks(n, 64), block=64,
            hints={"division-by-zero": "percent may be 0: divide by 100, not by percent."},
        )  # fmt: skip
        expect_array(
            faded, (wide * percent // 100).astype(np.uint8), f"`fade` to {percent} percent",
            [
                (wide * (percent // 100), "everything is black",
                 "Both numbers of `percent / 100` are whole, so the result is cut to a whole number: 0 below 100."),
                (wide // 100 * percent, "only three levels of grey are left",
                 "Dividing first cuts off: multiply first, then divide."),
                ((wide * percent % 256) // 100, "bright levels have gone round at 256",
                 "Keep the product in an int; it does not fit an unsigned char."),
            ],
            "out[i] is in[i] * percent / 100.",
        )  # fmt: skip
