"""Objects that lab 04's checks build beside the learner's code. They know no reference answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


class QueueDevice:
    """A device with a queue and a clock of its own: nothing here takes real time, so no load can disturb a check.

    `launch` places one order, which takes `order_cost` seconds, and returns; the work itself goes on for the next of
    `durations` (seconds). `synchronize` waits until all of it is done; `clock` tells the time. `backlog` seconds of
    somebody else's work are in the queue already.
    """

    def __init__(self, durations: list[float], order_cost: float, backlog: float, now: float) -> None:
        self.durations, self.order_cost, self.now = durations, order_cost, now
        self.busy_until = now + backlog
        self.launches = self.clock_readings = self.synchronizations = 0

    def launch(self) -> None:
        """Place an order and return at once."""
        self.now += self.order_cost
        duration = self.durations[min(self.launches, len(self.durations) - 1)]
        self.busy_until = max(self.now, self.busy_until) + duration
        self.launches += 1

    def synchronize(self) -> None:
        """Wait until the queue is empty."""
        self.synchronizations += 1
        self.now = max(self.now, self.busy_until)

    def clock(self) -> float:
        """Return the time in seconds."""
        self.clock_readings += 1
        return self.now


class ConvolutionAndNorm:
    """A Conv2d and the BatchNorm2d after it, in float64 and eval mode, with random numbers from `seed`."""

    def __init__(self, seed: int, channels: list[int], eps: float, **options: Any) -> None:
        generator = torch.Generator().manual_seed(seed)

        def draw(parameter: Tensor, low: float, high: float) -> None:
            with torch.no_grad():
                parameter.uniform_(low, high, generator=generator)

        kernel = tuple(options.pop("kernel_size"))
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        self.conv = nn.Conv2d(channels[0], channels[1], kernel, dtype=torch.float64, **settings)
        self.bn = nn.BatchNorm2d(channels[1], eps=eps, dtype=torch.float64).eval()
        for parameter in self.conv.parameters():
            draw(parameter, -1, 1)
        draw(self.bn.weight, 0.5, 2)
        draw(self.bn.bias, -1, 1)
        assert self.bn.running_mean is not None and self.bn.running_var is not None
        draw(self.bn.running_mean, -2, 2)
        draw(self.bn.running_var, 0.01, 2)


class WatchedNet(nn.Module):
    """A small net with BatchNorm that writes down how it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10))
        self.batch_sizes: list[int] = []
        self.recorded = False
        self.trained = False

    def train_once(self, images: Tensor) -> None:
        """Give BatchNorm statistics that differ from those of a fresh net, and leave the net in training mode."""
        self.layers(images)

    def forward(self, images: Tensor) -> Tensor:
        self.batch_sizes.append(len(images))
        self.recorded |= torch.is_grad_enabled()
        self.trained |= self.training
        return self.layers(images)


class CountedRun:
    """One call of `predict(model, images, batch_size)`: its `result`, and how many torch operations it took.

    `reductions` counts those that add up over all of `images`: means, sums, deviations.
    """

    def __init__(
        self, predict: Callable[[nn.Module, Tensor, int], Any], model: nn.Module, images: Tensor, batch_size: int
    ) -> None:
        with _Operations(images.numel()) as counted:
            self.result = predict(model, images, batch_size)
        self.operations, self.reductions = counted.operations, counted.reductions


class _Operations(TorchDispatchMode):
    REDUCTIONS = ("mean", "sum", "std", "var", "std_mean", "var_mean", "linalg_vector_norm")

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.operations, self.reductions = size, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        if func.overloadpacket.__name__ in self.REDUCTIONS and args[0].numel() == self.size:
            self.reductions += 1
        return func(*args, **(kwargs or {}))
