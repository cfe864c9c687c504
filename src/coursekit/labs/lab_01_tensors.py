"""Lab 01's checks: distances, windows, one-hot, attention weights, and a dtype bug that raises nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.data import load_digits
from coursekit.student import Handle, Raised, Student

LAB = Lab("01", "lab_01_tensors", "Tensors")
FIXTURES = "coursekit.labs.lab_01_fixtures"
MISFIT = ("must match the size of tensor", "cannot be multiplied", "to match, but got", "same number of dimensions")
PUT_IN_A_DIMENSION = "`None` in an index puts in a dimension of length 1, and broadcasting stretches it."


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def _lengths(rng: np.random.Generator, count: int, low: int = 2, high: int = 9) -> list[int]:
    """Draw lengths that all differ, so that a swapped dimension shows."""
    return [int(n) for n in rng.choice(np.arange(low, high), count, replace=False)]


def _call(student: Student, name: str, *arguments: Any, hint: str) -> Any:
    """Call the learner's function; if the shapes inside it do not fit, say so with a hint."""
    try:
        return student.call(name, *arguments)
    except Raised as error:
        if any(part in error.text for part in MISFIT):
            raise Wrong(f"Inside `{name}` two shapes do not fit: {error}", hint) from None
        raise


def _name_mistake(got: object, expected: Tensor, mistakes: Sequence[tuple[Tensor, str, str]]) -> None:
    """Raise Wrong for the first (result, what, hint) whose result is what the learner's function gave."""
    if not isinstance(got, Tensor):
        return
    for result, what, hint in mistakes:
        same_shape = got.shape == result.shape
        if same_shape and not _alike(result, expected) and _alike(got, result):
            raise Wrong(what, hint)


def _alike(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-5, equal_nan=True)


def _operations(student: Student, name: str, *arguments: Any) -> list[str]:
    names = student.make(f"{FIXTURES}:operations", student.get(name, keep=True), *arguments).value()
    return [str(each) for each in names] if isinstance(names, list) else []


def _expect_no_loop(student: Student, name: str, small: tuple[Any, ...], large: tuple[Any, ...], hint: str) -> None:
    """Raise Wrong if the number of torch operations grows with the data: that is a loop in Python."""
    few, many = (len(_operations(student, name, *arguments)) for arguments in (small, large))
    require(
        many <= few + 5,
        f"`{name}` performed {few} torch operations on a small input and {many} on a larger one: it loops in Python",
        hint,
    )


@LAB.task(
    "1.1", "All distances at once", points=4, minutes=15, difficulty=2, importance=5,
    names=("pairwise_distances",), self_reported="the names of the torch operations",
)  # fmt: skip
def check_distances(student: Student, rng: np.random.Generator) -> None:
    name, hint = "pairwise_distances", "Broadcast (n, 1, d) with (1, m, d): " + PUT_IN_A_DIMENSION
    n, m, d = _lengths(rng, 3)
    a, b = _normal(rng, n, d), _normal(rng, m, d)
    expected = _distances(a, b)
    got = _call(student, name, a, b, hint=hint)
    differences = a[:, None] - b
    _name_mistake(
        got,
        expected,
        [
            (expected**2, "These are the squared distances", "A Euclidean distance is the root of a sum of squares."),
            (differences.abs().sum(2), "These are sums of absolute differences", "Square the differences instead."),
            (expected.T, f"Rows and columns are swapped, ({m}, {n})", "Row i belongs to the point `a[i]`."),
            (
                (differences**2).mean(2) ** 0.5,
                "These are roots of a mean of squares",
                "Add the squares up, do not average.",
            ),
            (differences.sum(2).abs(), "Differences have cancelled each other", "Square before you add up."),
        ],
    )
    if isinstance(got, Tensor) and got.shape == (n, m, d):
        raise Wrong(f"The result has the shape ({n}, {m}, {d})", "Add the squares up over the last dimension.")
    if isinstance(got, Tensor) and tuple(got.shape) in ((n, d), (m, d)):
        raise Wrong(
            f"The sum ran over points: the shape is {tuple(got.shape)}", "Add up over the coordinates, `dim=-1`."
        )
    expect_close(got, expected, "The distances", hint)

    digits = load_digits().validation.images.flatten(1)[torch.from_numpy(rng.choice(300, 12, replace=False))]
    far = digits + 100
    got = student.call(name, far, far[:7])
    hint = "Subtract first, then square: in a² + b² − 2ab large numbers cancel, and `float32` has lost the rest."
    require(not _has_nan(got), "For points far from zero some distances came out as nan", hint)
    what = "With 100 added to each pixel of real digits a distance"
    expect_close(got, _distances(far, far[:7]), what, hint, rtol=1e-3, atol=1e-3)

    got = student.call(name, a.double(), b.double())
    expect_close(got, expected.double(), "For float64 points the result", "Make no tensor of a fixed dtype.")
    got = _call(student, name, a[:0], b, hint="With no points in `a` the result has the shape (0, m).")
    expect_close(got, expected[:0], "For no points in `a` the result")
    large = (_normal(rng, 30, d), _normal(rng, 25, d))
    _expect_no_loop(student, name, (a[:2], b[:2]), large, "One broadcast subtraction gives all differences.")
    require(
        not any("cdist" in each for each in _operations(student, name, a, b)),
        "`torch.cdist` did the work",
        "It is the function that you are rebuilding: use subtraction, squares, a sum and a root.",
    )


def _distances(a: Tensor, b: Tensor) -> Tensor:
    exact = torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return exact.to(a.dtype)


def _has_nan(value: object) -> bool:
    return isinstance(value, Tensor) and bool(value.isnan().any())


@LAB.task(
    "1.2", "Sliding windows", points=4, minutes=20, difficulty=4, importance=4,
    names=("sliding_windows",), self_reported="the address of the windows' storage",
)  # fmt: skip
def check_windows(student: Student, rng: np.random.Generator) -> None:
    count, height, width = 2, *_lengths(rng, 2, 5, 10)
    pixels = torch.arange(count * height * width).reshape(count, height, width).float()  # each pixel has its number
    for size in (3, 1, min(height, width)):
        _expect_windows(student, pixels, size, "contiguous", "")
    take = "Take the strides from the images: `images.stride(0)`, `images.stride(1)`, `images.stride(2)`."
    _expect_windows(
        student, pixels, 3, "transposed", "For images with columns in one piece the windows are wrong", take
    )
    take += " These images do not begin at place 0 of their storage: name no offset, and `as_strided` keeps theirs."
    _expect_windows(
        student, pixels, 3, "cropped", "For images that are cut from larger ones the windows are wrong", take
    )


def _expect_windows(student: Student, pixels: Tensor, size: int, layout: str, what: str, hint: str = "") -> None:
    images = student.make(f"{FIXTURES}:laid_out", pixels, layout)
    try:
        windows = student.call("sliding_windows", images, size, keep=True)
    except Raised as error:
        if "out of bounds" not in error.text:
            raise
        count, height, width = pixels.shape
        hint = "Count the places where a window can begin: the last one ends at the last pixel."
        if str([count, height - size + 1, width - size + 1, size, size]) in error.text:
            hint = (
                "The shape is right, so the strides are not: from one window to the next it is one pixel, not `size`."
            )
        raise Wrong("Your windows would read beyond the end of the storage", hint) from None
    got = windows.value() if isinstance(windows, Handle) else windows
    expected = pixels.unfold(1, size, 1).unfold(2, size, 1)
    if isinstance(got, Tensor) and got.shape == expected.shape and what and not torch.equal(got, expected):
        raise Wrong(what, hint, _wrong_window(got, expected))
    count, height, width = pixels.shape
    if isinstance(got, Tensor) and got.shape == (count, height - size, width - size, size, size):
        raise Wrong(
            f"The last row and the last column of windows are missing: the shape is {tuple(got.shape)}",
            f"In {height} pixels a window of {size} can begin at 0 … {height - size}: at {height - size + 1} places.",
        )
    if isinstance(got, Tensor) and got.shape == expected.shape and not torch.equal(got, expected):
        if torch.equal(got, expected.transpose(3, 4)):
            what, hint = "Each window is transposed", "The 4th stride steps down inside a window, the 5th steps right."
        else:
            what = "The windows do not show the right pixels"
            hint = "A step along dimension 1 or 3 is a pixel down, along 2 or 4 a pixel right, along 0 an image on."
        raise Wrong(what, hint, _wrong_window(got, expected))
    hint = "The shape is (n, h − size + 1, w − size + 1, size, size)."
    expect_close(got, expected, "The windows", hint, atol=0, rtol=0)
    assert isinstance(windows, Handle)
    hint = "`stack`, `cat` and `clone` copy; so do `contiguous` and `reshape` where the numbers do not lie in order."
    what = "The windows are right, but they show a copy of the images"
    require(images.call("data_ptr") == windows.call("data_ptr"), what, hint)


def _wrong_window(got: Tensor, expected: Tensor) -> Callable[[], Any]:
    """Draw the first window that is wrong beside the right one; the pixels carry their numbers."""

    def draw() -> Any:
        from coursekit.plots import annotated_matrix, plt

        k, i, j = (int(n) for n in (got != expected).any(4).any(3).nonzero()[0])
        size = got.shape[3]
        figure, axes = plt.subplots(1, 2, figsize=(1.4 * size + 5, 0.6 * size + 1.2))
        annotated_matrix(got[k, i, j], title=f"your result[{k}, {i}, {j}]", ax=axes[0])
        annotated_matrix(expected[k, i, j], title=f"images[{k}, {i}:{i + size}, {j}:{j + size}]", ax=axes[1])
        return figure

    return draw


@LAB.task(
    "1.3", "One-hot by scatter", points=3, minutes=10, difficulty=2, importance=4,
    names=("one_hot",), self_reported="the names of the torch operations",
)  # fmt: skip
def check_one_hot(student: Student, rng: np.random.Generator) -> None:
    n, classes = int(rng.integers(4, 9)), int(rng.integers(11, 15))
    labels = torch.from_numpy(rng.integers(0, 10, n))  # the last classes never occur
    got = _one_hot(student, labels, classes, "")
    if isinstance(got, Tensor) and got.shape == (n, int(labels.max()) + 1):
        raise Wrong(
            f"The result has {got.shape[1]} columns; {classes} classes were asked for",
            "A class that does not occur in this batch has its column all the same: `classes` says how many.",
        )
    if isinstance(got, Tensor) and got.shape == (classes, n):
        raise Wrong("Rows and columns are swapped", "One row per label, one column per class.")
    expect_close(got, _rows(labels, classes), "The one-hot rows", "One 1 per row, in the column of its label; float32.")
    for dtype in (torch.uint8, torch.int32):
        words = f"For {str(dtype).removeprefix('torch.')} labels"
        got = _one_hot(student, labels.to(dtype), classes, f"{words}: ")
        expect_close(got, _rows(labels, classes), f"{words} the result")
    shape = _lengths(rng, 3)
    label_map = torch.from_numpy(rng.integers(0, classes, shape))
    got = _one_hot(student, label_map, classes, f"For a label map of the shape {tuple(shape)}: ")
    hint = "The class dimension is the last one: index with `[..., None]` and scatter along −1."
    expect_close(got, _rows(label_map, classes), f"For a label map of the shape {tuple(shape)} the result", hint)
    got = _one_hot(student, labels[:0], classes, "For no labels at all: ")
    expect_close(got, _rows(labels[:0], classes), "For no labels at all the result")
    hint = "One call of `scatter_` writes all the ones."
    _expect_no_loop(student, "one_hot", (labels[:2], classes), (labels.repeat(5), classes), hint)
    require(
        any("scatter" in each for each in _operations(student, "one_hot", labels, classes)),
        "The numbers are right, but no scatter wrote them",
        "Start from zeros and let `scatter_` write the ones: it touches n places, a comparison all n × classes.",
    )


def _rows(labels: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(labels.long(), classes).float()


def _one_hot(student: Student, labels: Tensor, classes: int, when: str) -> Any:
    try:
        return student.call("one_hot", labels, classes)
    except Raised as error:
        said, text = f"{when}`one_hot` raised {error}", error.text
        if "dtype int32/int64" in text:
            raise Wrong(said, "An index of scatter has to be int64: `.long()`.") from None
        if labels.ndim > 1:
            raise Wrong(said, "Labels have any shape: `torch.zeros(*labels.shape, classes)`.") from None
        if "same number of dimensions" in text:
            raise Wrong(said, "The index needs as many dimensions as the result: `[..., None]`.") from None
        raise


@LAB.task(
    "1.4", "Attention weights", points=4, minutes=15, difficulty=3, importance=5,
    names=("attention_weights",), self_reported="the names of the torch operations",
)  # fmt: skip
def check_attention(student: Student, rng: np.random.Generator) -> None:
    name, hint = "attention_weights", "Transpose the last two dimensions of the keys only: `transpose(-2, -1)`."
    b, h, n, m, d = _lengths(rng, 5)
    queries, keys = _normal(rng, b, h, n, d), _normal(rng, b, h, m, d)
    allowed = torch.from_numpy(rng.random((n, m)) < 0.6)
    allowed[torch.arange(n), torch.from_numpy(rng.integers(0, m, n))] = True  # nobody has nothing to look at
    allowed[0, 0], allowed[0, 1] = True, False
    expected = _weights(queries, keys, allowed)
    got = _call(student, name, queries, keys, allowed, hint=hint)
    _name_mistake(got, expected, _attention_mistakes(queries, keys, allowed))
    expect_close(got, expected, "The weights", "Products, over √d, −∞ where not allowed, softmax over the keys.")
    if bool((got[..., ~allowed] != 0).any()):
        raise Wrong("A place that is not allowed has a small weight", "Only −∞ gives exactly 0: `float('-inf')`.")

    loud = _weights(60 * queries, keys, allowed)
    got = _call(student, name, 60 * queries, keys, allowed, hint=hint)
    require(
        not _has_nan(got),
        "For large scores some weights came out as nan",
        "`exp` of a large number is infinite, and ∞/∞ is nan. `softmax` subtracts the maximum first.",
    )
    expect_close(got, loud, "For large scores the weights", rtol=1e-3, atol=1e-4)
    one = torch.ones(1, 1, dtype=torch.bool)
    got = _call(student, name, queries[:1, :1, :1], keys[:1, :1, :1], one, hint=hint)
    expect_close(got, torch.ones(1, 1, 1, 1), "With a single key the only weight")
    every = torch.ones(4, 5, dtype=torch.bool)
    small, large = ((_normal(rng, k, k, 4, 3), _normal(rng, k, k, 5, 3), every) for k in (1, 6))
    _expect_no_loop(student, name, small, large, "`@` takes all dimensions before the last two as a batch.")


def _weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    scores = torch.einsum("bhnd,bhmd->bhnm", queries.double(), keys.double()) / queries.shape[-1] ** 0.5
    powers = (scores - scores.where(allowed, scores.new_tensor(-1e30)).amax(-1, keepdim=True)).exp() * allowed
    return (powers / powers.sum(-1, keepdim=True)).float()


def _attention_mistakes(queries: Tensor, keys: Tensor, allowed: Tensor) -> list[tuple[Tensor, str, str]]:
    d, plain = queries.shape[-1], torch.einsum("bhnd,bhmd->bhnm", queries, keys)
    scores, hidden = plain / d**0.5, ~allowed
    reshaped = queries @ keys.reshape(*keys.shape[:2], d, -1) / d**0.5
    masked_by_reshape = reshaped.masked_fill(hidden, float("-inf"))
    masked = scores.masked_fill(hidden, float("-inf"))
    return [
        (
            plain.masked_fill(hidden, float("-inf")).softmax(-1),
            "The weights are those of scores that were not divided by √d",
            f"Divide the products by the root of the queries' last length, here √{d}.",
        ),
        (
            (plain / d).masked_fill(hidden, float("-inf")).softmax(-1),
            "The scores were divided by d",
            "Divide by the root of d, not by d.",
        ),
        (
            masked.softmax(-2),
            "The weights sum to 1 over the queries, not over the keys",
            "Each query shares out 1 over the keys: softmax over the last dimension.",
        ),
        (
            scores.softmax(-1) * allowed,
            "The rows do not sum to 1: the mask was applied after the softmax",
            "Take the places that are not allowed out of the race before the softmax: give them the score −∞.",
        ),
        (
            scores.masked_fill(allowed, float("-inf")).softmax(-1),
            "The mask works the wrong way round",
            "`masked_fill` fills where its mask is True; `allowed` is True elsewhere. `~` turns a mask round.",
        ),
        (
            scores.masked_fill(hidden, 0).softmax(-1),
            "Places that are not allowed took part with the score 0",
            "exp(0) is 1, not 0. The score that gives the weight 0 is −∞.",
        ),
        (
            scores.softmax(-1),
            "The mask was not used",
            "Where `allowed` is False the weight is 0. (`masked_fill` returns a new tensor: keep what it returns.)",
        ),
        (
            masked_by_reshape.softmax(-1),
            "The keys were cut into other lengths, not turned round",
            "`reshape` keeps the reading order; `transpose(-2, -1)` exchanges the last two dimensions.",
        ),
        (masked, "These are scores, not weights", "A softmax turns them into shares that sum to 1."),
    ]


@LAB.task("1.5", "The silent dtype bug", points=3, minutes=12, difficulty=2, importance=5, names=("motion",))
def check_motion(student: Student, rng: np.random.Generator) -> None:
    noise = torch.from_numpy(rng.integers(0, 256, (int(rng.integers(4, 8)), 5, 7), dtype=np.uint8))
    digit = load_digits().test.images[int(rng.integers(360)), 0]
    fading = torch.stack([(digit * level).to(torch.uint8) for level in (255, 254, 250, 200, 0)])
    for clip, words in ((noise, "a clip of noise"), (fading, "a digit that fades")):
        frames = clip.numpy().astype(np.int64)
        exact = torch.from_numpy(np.abs(np.diff(frames, axis=0)).mean((1, 2)))
        expected = exact.float()
        got = _call(student, "motion", clip, hint="Neighbours are `clip[1:]` and `clip[:-1]`: both have t − 1 frames.")
        if isinstance(got, Tensor) and not got.is_floating_point() and _alike(got.float(), exact.to(got.dtype).float()):
            hint = "`dtype=clip.dtype` makes a tensor that cannot hold a fraction. Return float32."
            raise Wrong(f"The result has the dtype {str(got.dtype).removeprefix('torch.')}", hint)
        _name_mistake(got, expected, _motion_mistakes(clip))
        hint = "It is the mean of |difference| over all pixels, in grey levels, float32."
        expect_close(got, expected, f"The motion in {words}", hint, rtol=1e-3)
    alone = "It has no neighbour: the result has the shape (0,)."
    try:
        got = student.call("motion", noise[:1])
    except Raised as error:
        raise Wrong(f"For a single frame your code raised {error}", alone) from None
    expect_close(got, torch.zeros(0), "For a single frame the result", alone)


def _motion_mistakes(clip: Tensor) -> list[tuple[Tensor, str, str]]:
    wrapped, true = clip[1:] - clip[:-1], clip[1:].float() - clip[:-1].float()
    small, dims = clip.to(torch.int8), (1, 2)
    went_round = "The differences went round: pixels that darken by 1 count as 255"
    make_room = "In uint8, 3 − 5 is 254. Make room for negative numbers before you subtract."
    cancel, inside = "Brighter and darker pixels cancel each other", "Take the absolute difference before the mean."
    int8, too_small = "The grey levels went round", "int8 ends at 127: a grey level of 200 does not fit."
    return [
        (wrapped.float().mean(dims), went_round, make_room),
        (true.mean(dims), cancel, inside),
        (true.mean(dims).abs(), cancel, inside),
        (
            (true.abs() / 255).mean(dims),
            "The motion is in shares of 255",
            "Return grey levels, as they are in the clip.",
        ),
        ((true**2).mean(dims), "These are means of squares", "Take absolute values, not squares."),
        (true.abs().sum(dims), "These are sums over the pixels", "A mean does not grow with the image."),
        ((small[1:] - small[:-1]).abs().float().mean(dims), int8, too_small),
        ((small[1:] - small[:-1]).float().abs().mean(dims), int8, too_small),
        ((small[1:].float() - small[:-1].float()).abs().mean(dims), int8, too_small),
    ]
