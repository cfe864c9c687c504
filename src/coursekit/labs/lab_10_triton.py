"""The check of lab 10.5: linear + ReLU in Triton, on arrays whose surroundings are watched. lab_10_bridge calls it."""

from __future__ import annotations

import numpy as np
import torch

from coursekit.checks import Wrong, expect_close, require
from coursekit.labs.lab_10_layer import layer, linear
from coursekit.student import Handle, Raised, Student

RUN = "coursekit.labs.lab_10_fixtures:TritonRun"


def expect_triton_kernel(student: Student, rng: np.random.Generator) -> None:
    """Raise Wrong unless `linear_relu_triton` is a Triton kernel that computes the layer and stays in its arrays."""
    kernel = student.get("linear_relu_triton", keep=True)
    if kernel.type_name == "WithoutTriton":
        raise Wrong(
            "Triton is not installed on this machine, so your kernel cannot run here",
            "Triton has builds for Linux only: run this lab's 10.5 on Linux, or on Windows in WSL2, where the course's "
            "set-up brings it. The other tasks do not need it.",
        )
    require(
        kernel.type_name in ("InterpretedFunction", "JITFunction"),
        f"`linear_relu_triton` should be a Triton kernel; it is of type {kernel.type_name}",
        "Put `@triton.jit` above the function.",
    )
    for rows, inputs, outputs, block in ((16, 16, 16, 16), (20, 37, 10, 16), (5, int(rng.integers(33, 60)), 40, 32)):
        arrays = layer(rng, rows, inputs, outputs)
        _expect_layer(student, kernel, arrays, block)


def _expect_layer(student: Student, kernel: Handle, arrays: tuple[np.ndarray, ...], block: int) -> None:
    x, weight, bias = arrays
    case = f"{len(x)} rows, {x.shape[1]} inputs, {len(weight)} outputs and BLOCK = {block}"
    try:
        run = student.make(RUN, kernel, *map(torch.from_numpy, arrays), block)
    except Raised as error:
        hint = (
            "Are the parameters in the task's order? tl.dot takes (r, k) and (k, o); a mask has its tile's shape; and "
            "only Python's arithmetic and the functions of tl work in a kernel."
        )
        raise Wrong(f"With {case} your kernel raised {error}", hint) from None
    got, exact = run.attribute("out"), linear(x, weight, bias)
    hint = _hint(got.numpy(), exact, x, weight, bias, block)
    if run.attribute("reads_outside"):
        hint = "What lies around the arrays changes your output: a load without its mask read it."
    right = torch.from_numpy(np.maximum(exact, 0)).float()
    expect_close(got, right, f"Your output for {case}", hint, atol=1e-3, rtol=1e-3)
    require(
        run.attribute("walls_hold"),
        f"With {case} your kernel wrote outside of out",
        "The store needs a mask: (r < rows) & (o < outputs).",
    )
    require(
        not run.attribute("reads_outside"),
        f"With {case} your output is right, but it depends on memory around the arrays",
        "A load without its mask read it: compare r with rows, o with outputs and k with inputs.",
    )


def _hint(out: np.ndarray, exact: np.ndarray, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, block: int) -> str:
    """Recognise what the learner's kernel computed instead."""
    if np.isnan(out).all():
        return "Nothing was written into out: are the parameters in the task's order, out first?"
    if np.isnan(out).any():
        return (
            "Some outputs were never written: program_id(0) counts tiles of outputs, program_id(1) tiles of rows; "
            "without a mask a store writes into the next row."
        )
    if np.allclose(out, exact, atol=1e-3):
        return "That is the linear layer; negative values have still to become 0: tl.maximum."
    if np.allclose(out, np.maximum(exact - bias, 0), atol=1e-3):
        return "The bias is missing: load a row of it, and add it to every row of the tile."
    tiles = -(-x.shape[1] // block)
    if tiles > 1 and np.allclose(out, np.maximum(exact + (tiles - 1) * bias, 0), atol=1e-3):
        return "The bias came in once for each tile: add it behind the loop."
    if x.shape[1] == len(weight) and np.allclose(out, np.maximum(linear(x, weight.T, bias), 0), atol=1e-3):
        return "That is x @ weight: output o needs *row* o of weight, which begins at o * inputs."
    if np.allclose(out, np.maximum(linear(x[:, :block], weight[:, :block], bias), 0), atol=1e-3):
        return "That is the first tile of the inputs only: loop over the inputs in steps of BLOCK and add up."
    return "program_id(0) counts tiles of outputs, program_id(1) tiles of rows; an address is row · width + column."
