"""Objects that lab 03's checks build beside the learner's code. They know no reference answer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from coursekit.data import load_digits


class TinyNet(nn.Module):
    """A small classifier with batch normalisation and dropout, so that mode and random state matter.

    It remembers the size of the largest batch that it was given since the last `forget_batches`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest_batch = 0
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        self.largest_batch = max(self.largest_batch, len(images))
        return self.layers(images)

    def forget_batches(self) -> None:
        """Start counting anew."""
        self.largest_batch = 0


def sgd(model: nn.Module, learning_rate: float) -> torch.optim.SGD:
    """Return plain SGD over the model's parameters."""
    return torch.optim.SGD(model.parameters(), lr=learning_rate)


class Run:
    """A training run with everything that a checkpoint has to carry: momentum, a schedule, shuffling, dropout."""

    def __init__(self) -> None:
        self.model = TinyNet()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, milestones=[2], gamma=0.1)
        self.split = load_digits().train

    def epoch(self) -> None:
        """Train one epoch; order and dropout come from torch's global random state."""
        self.model.train()
        for batch in torch.randperm(256).split(64):
            loss = nn.functional.cross_entropy(self.model(self.split.images[batch]), self.split.labels[batch])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        self.schedule.step()

    def learning_rate(self) -> float:
        """Return the learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])


class TemporaryPath:
    """A path for one file in a folder of its own, which goes when this object goes."""

    def __init__(self, name: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / name)

    def exists(self) -> bool:
        """Say whether a file is there now."""
        return Path(self.path).is_file()
