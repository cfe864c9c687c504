"""What lab 12's check gives to the learner's code. It knows no reference answer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
PRECISIONS = {"FP32": 4, "FP16": 2, "INT8": 1}  # bytes of a weight


class Trial:
    """A small network of matrix products and ReLUs that can be computed in any plan of precisions.

    layers: names, in order. A plan is a dict from each layer's name to "FP32", "FP16" or "INT8".
    """

    def __init__(self, seed: int, widths: list[int], uneven: list[int], loud: int) -> None:
        rng = np.random.default_rng(seed)
        self.layers = [f"layer{k}" for k in range(len(widths) - 1)]
        self._weights = [
            rng.standard_normal((a, b)).astype(np.float32) * np.float32((2 / a) ** 0.5) for a, b in pairwise(widths)
        ]
        for place in uneven:  # the layer before writes channels of very different size, this one undoes it
            count = widths[place]
            factor = rng.permutation(2.0 ** np.linspace(-5, 5, count)).astype(np.float32)
            self._weights[place - 1] = self._weights[place - 1] * factor
            self._weights[place] = self._weights[place] / factor[:, None]
        self._weights[loud] = self._weights[loud] * np.float32(2.0**17)
        self._weights[loud + 1] = self._weights[loud + 1] * np.float32(2.0**-17)
        self._inputs = np.abs(rng.standard_normal((96, widths[0]))).astype(np.float32)
        self._exact = self._run(dict.fromkeys(self.layers, "FP32"))

    def size(self, plan: dict[str, str]) -> int:
        """Return the bytes of all weights in this plan."""
        self._expect(plan)
        return sum(
            weight.size * PRECISIONS[plan[name]] for name, weight in zip(self.layers, self._weights, strict=True)
        )

    def error(self, plan: dict[str, str]) -> float:
        """Return the RMS error of the output over its RMS value; infinity where something overflowed."""
        self._expect(plan)
        with np.errstate(all="ignore"):
            error = float(np.sqrt(np.mean((self._run(plan) - self._exact) ** 2) / np.mean(self._exact**2)))
        return error if np.isfinite(error) else float("inf")

    def _expect(self, plan: dict[str, str]) -> None:
        if not isinstance(plan, dict) or set(plan) != set(self.layers) or not set(plan.values()) <= set(PRECISIONS):
            raise ValueError(f"a plan is a dict with a precision of {list(PRECISIONS)} for each of {self.layers}")

    def _run(self, plan: dict[str, str]) -> Array:
        value = self._inputs
        with np.errstate(all="ignore"):
            for place, (name, weight) in enumerate(zip(self.layers, self._weights, strict=True)):
                value = _product(value, weight, plan[name])
                if place < len(self.layers) - 1:
                    value = np.maximum(value, 0)
        return value.astype(np.float64)


def _product(value: Array, weight: Array, precision: str) -> Array:
    """Return value @ weight with inputs (and for FP16 the output) rounded to the precision; sums are FP32."""
    if precision == "FP16":
        short: Array = value.astype(np.float16).astype(np.float32) @ weight.astype(np.float16).astype(np.float32)
        return short.astype(np.float16).astype(np.float32)
    if precision == "INT8":
        value = _on_ruler(value, np.abs(value).max() / np.float32(127))
        weight = _on_ruler(weight, np.abs(weight).max(axis=0) / np.float32(127))
    product: Array = value @ weight
    return product


def _on_ruler(value: Array, scale: Any) -> Array:
    return np.rint(value / scale) * scale
