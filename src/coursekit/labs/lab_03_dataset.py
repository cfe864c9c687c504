"""Lab 03's check of the data set that augments (3.1). `lab_03_training_loop` registers it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.checks import Wrong, expect_close, require
from coursekit.student import Student


def check_dataset(student: Student, rng: np.random.Generator) -> None:
    """Lab 03, task 3.1: length, types, all nine shifts and nothing else, the stored images untouched."""
    count = int(rng.integers(5, 20))
    images = torch.from_numpy(rng.uniform(0.1, 1, (count, 1, 8, 8)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, 10, count))
    plain = student.call("ShiftedDigits", images, labels, augment=False, keep=True)
    require(plain.call("__len__") == count, f"len() of a data set of {count} images is {plain.call('__len__')}")
    index = int(rng.integers(count))
    item = plain.call("__getitem__", index)
    require(
        isinstance(item, tuple | list) and len(item) == 2,
        f"An item should be the pair (image, label); it is of type {type(item).__name__}",
    )
    expect_close(item[0], images[index], f"The image of item {index} with augment=False", atol=0, rtol=0)
    require(
        type(item[1]) is int,
        "The label should be an int, so that a DataLoader batches labels as int64",
        "`int(labels[index])` turns a tensor of one element into a number.",
    )
    require(item[1] == labels[index], f"Item {index} has the label {item[1]} but should have {int(labels[index])}")

    shifted = student.call("ShiftedDigits", images, labels, augment=True, keep=True)
    expected = {(down, right): shifted_image(images[index], down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
    seen = set()
    last: Tensor | None = None
    for _ in range(150):
        image, label = shifted.call("__getitem__", index)
        require(label == labels[index], "The label changed with augment=True: a shifted 3 is still a 3")
        try:
            seen.add(_which_shift(image, images[index], expected))
        except Wrong:
            if last is not None and _is_shift_of(image, last):
                what = "An augmented image is the one before, moved once more: the stored image itself was changed"
                raise Wrong(
                    what, "`self.images[index]` is a view: write nothing into it, return a new tensor."
                ) from None
            raise
        last = image
    require(
        seen != {(0, 0)},
        "With augment=True every image comes back unmoved",
        "Keep `augment` in `__init__`, look at it in `__getitem__`, and hand over the moved image, not the stored one.",
    )
    require(
        len(seen) > 1,
        "Item after item comes back with the same shift",
        "Draw a new shift inside `__getitem__`, not once in `__init__`.",
    )
    missing = sorted(set(expected) - seen)
    require(
        not missing,
        f"In 150 draws the shifts {missing} (down, right) never came",
        "`torch.randint(low, high)` never returns `high`. Draw from `torch.randint(-1, 2, (2,))`: one number per axis.",
    )
    again = plain.call("__getitem__", index)
    expect_close(again[0], images[index], "A data set's own image, after drawing shifted ones,", atol=0, rtol=0)


def shifted_image(image: Tensor, down: int, right: int) -> Tensor:
    """Return images (..., 8, 8) moved by up to a pixel, paper (0) coming in from outside."""
    return nn.functional.pad(image, (1, 1, 1, 1))[..., 1 - down : 9 - down, 1 - right : 9 - right]


def _is_shift_of(image: object, other: Tensor) -> bool:
    places = (shifted_image(other, down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
    return isinstance(image, Tensor) and any(torch.equal(image, place) for place in places)


def _which_shift(image: object, original: Tensor, expected: dict[tuple[int, int], Tensor]) -> tuple[int, int]:
    if not isinstance(image, Tensor) or image.shape != (1, 8, 8):
        expect_close(image, original, "An augmented image")
    for shift, wanted in expected.items():
        if torch.equal(image, wanted):  # type: ignore[arg-type]
            return shift
    for down, right in expected:
        if torch.equal(image, original.roll((down, right), (1, 2))):  # type: ignore[arg-type]
            raise Wrong(
                "A shifted image has ink that left on one side and came back on the other",
                "`torch.roll` wraps around. Pad with paper (0) and cut an 8×8 window instead.",
            )
    raise Wrong(
        "An augmented image is not its original moved by -1, 0 or 1 pixels down and right, filled with 0",
        "Pad one pixel of 0 on each side, then cut an 8×8 window that starts at 0, 1 or 2.",
    )
