"""Objects that lab 01's checks build beside the learner's code. They know no reference answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def laid_out(images: Tensor, layout: Literal["contiguous", "transposed", "cropped"]) -> Tensor:
    """Return the same images (n, h, w) with other strides: contiguous, columns first, or a view into larger ones."""
    if layout == "transposed":
        return images.transpose(1, 2).contiguous().transpose(1, 2)
    if layout == "cropped":
        count, height, width = images.shape
        larger = torch.full((count, height + 3, 2 * width + 1), -1.0)
        window = larger[:, 2 : 2 + height, 1::2]
        window.copy_(images)
        return window
    return images.clone()


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def operations(function: Callable[..., object], *arguments: object) -> list[str]:
    """Return the names of the torch operations that a call performs: with a Python loop, more for more data."""
    with _Recorder() as recorder:
        function(*arguments)
    return recorder.names
