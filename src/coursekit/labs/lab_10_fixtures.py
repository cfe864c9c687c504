"""Objects that lab 10's checks build beside the learner's code. They know no reference answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from coursekit.device import torch_device
from coursekit.models import DigitNet


def placed(values: Tensor, how: str = "plain") -> Tensor:
    """Return `values` as a tensor on the course's device: "plain", "transposed" in memory, or one that wants gradients.

    All three are equal to `values`; they differ in strides or in `requires_grad`.
    """
    tensor = values.to(torch_device())
    if how == "transposed":
        return tensor.t().contiguous().t()
    return tensor.requires_grad_() if how == "gradients" else tensor


def facts(tensor: Any) -> dict[str, Any]:
    """Return what a check asks of a result besides its values."""
    is_tensor = isinstance(tensor, torch.Tensor)
    device = tensor.device.type if is_tensor else ""
    return {"tensor": is_tensor, "here": device == torch_device().type, "grad": is_tensor and tensor.requires_grad}


class Layer:
    """A stand-in for the learner's kernel function: `factor` times relu(x @ weight.T + bias), counting its calls.

    The factor, which only the check knows, shows in every number that came this way.
    """

    def __init__(self, factor: float) -> None:
        self.factor, self.calls = factor, 0

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        self.calls += 1
        shapes = [tuple(tensor.shape) for tensor in (x, weight, bias)]
        if [len(shape) for shape in shapes] != [2, 2, 1]:
            raise ValueError(
                f"linear_relu takes x (rows, inputs), weight (outputs, inputs), bias (outputs,), not {shapes}"
            )
        with torch.no_grad():
            return self.factor * torch.relu(x @ weight.t() + bias)


def gradients(operator: Callable[..., Tensor], inputs: Sequence[Tensor], upstream: Tensor) -> list[Tensor | None]:
    """Call the operator on leaves, send `upstream` back, and return the leaves' gradients (None where none came)."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    operator(*leaves).backward(upstream)
    return [None if leaf.grad is None else leaf.grad.clone() for leaf in leaves]


def fake_result(operator: Callable[..., Tensor], inputs: Sequence[Tensor]) -> dict[str, Any]:
    """Call the operator on fake tensors, which have shapes and no data, and describe what comes out."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode() as mode:
        result = operator(*(mode.from_tensor(tensor) for tensor in inputs))
    return {"shape": list(result.shape), "dtype": str(result.dtype).removeprefix("torch.")}


def operator_facts(operator: Any, inputs: Sequence[Tensor]) -> dict[str, str]:
    """Return torch.library.opcheck's answers by test: "SUCCESS", or the first line of what it says."""
    leaves = tuple(tensor.clone().requires_grad_() for tensor in inputs)
    answers = torch.library.opcheck(operator, leaves, raise_exception=False)
    return {name: str(answer).strip().splitlines()[0] for name, answer in answers.items()}


def digitnet(state: dict[str, Tensor]) -> DigitNet:
    """Return a DigitNet in eval mode with these weights and statistics."""
    model = DigitNet()
    model.load_state_dict(state)
    return model.eval()


class TritonRun:
    """Launches of a Triton kernel for linear + ReLU, on arrays that lie between walls of values not their own.

    `out` is the result (rows, outputs), NaN where nothing was written. `walls_hold` says whether the memory around it
    is untouched. `reads_outside` says whether the result depends on what the walls of the inputs are made of: NaN
    in one launch, which no multiplication by 0 hides, 0 in the other. (NaN alone would not show every read: Triton's
    `maximum` returns its other operand where one is NaN, so on a GPU the ReLU makes 0 of it.)
    """

    WALL = 4096  # elements on each side: more than a tile of 32 × 32 reaches beyond the lab's arrays

    def __init__(self, kernel: Any, x: Tensor, weight: Tensor, bias: Tensor, block: int) -> None:
        self.out, self.walls_hold = self._launch(kernel, (x, weight, bias), block, float("nan"))
        again, _ = self._launch(kernel, (x, weight, bias), block, 0.0)
        self.reads_outside = not torch.equal(self.out.nan_to_num(-1.0), again.nan_to_num(-1.0))

    def _launch(
        self, kernel: Any, given: tuple[Tensor, Tensor, Tensor], block: int, wall: float
    ) -> tuple[Tensor, bool]:
        """Launch once; return the output, and whether its walls still stand."""
        (rows, inputs), outputs = given[0].shape, given[1].shape[0]
        arrays = [self._walled(tensor, wall)[1] for tensor in given]
        memory, out = self._walled(torch.full((rows, outputs), float("nan")), float("nan"))
        grid = (-(-outputs // block), -(-rows // block))
        kernel[grid](out, *arrays, rows, inputs, outputs, BLOCK=block)
        result = out.clone()
        out.fill_(float("nan"))
        return result, bool(torch.isnan(memory).all())

    def _walled(self, values: Tensor, wall: float) -> tuple[Tensor, Tensor]:
        memory = torch.full((values.numel() + 2 * self.WALL,), wall, device=torch_device())
        inside = memory[self.WALL : self.WALL + values.numel()].view(values.shape)
        inside.copy_(values)
        return memory, inside
