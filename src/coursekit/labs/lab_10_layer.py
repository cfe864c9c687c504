"""Lab 10's layer in NumPy: random arrays for it, and what it should compute. All of lab 10's checks use it."""

from __future__ import annotations

import numpy as np


def layer(rng: np.random.Generator, rows: int, inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random x (rows, inputs), weight (outputs, inputs) and bias (outputs,), all float32."""
    shapes = ((rows, inputs), (outputs, inputs), (outputs,))
    x, weight, bias = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return x, weight, bias


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return x @ weight.T + bias in float64, before the ReLU."""
    return x.astype(np.float64) @ weight.T.astype(np.float64) + bias
