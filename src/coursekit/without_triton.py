"""Names for `triton` and `triton.language` where there is no Triton, so that lab 10's notebook still runs.

Triton has builds for Linux only. On another system the lab imports `triton` and `tl` from here: a kernel can be
defined, and the check of task 10.5 says why it cannot be run. Nothing here computes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class WithoutTriton:
    """A kernel that was written where there is no Triton: it keeps the function, and cannot be launched."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __getitem__(self, grid: Any) -> Callable[..., Any]:
        raise RuntimeError("Triton is not installed on this machine (it has builds for Linux only): nothing can launch")


triton = SimpleNamespace(jit=WithoutTriton)
tl = SimpleNamespace(constexpr=int)  # the one name that a kernel's definition needs; its body never runs
