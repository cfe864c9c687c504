"""The course's data: 1,797 real handwritten digits, shipped in data/digits.npz (see data/DATA.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coursekit.paths import data_dir

if TYPE_CHECKING:
    import torch

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """One part of the data: images (n, 1, 8, 8) float32 in [0, 1], labels (n,) int64 in 0..9."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split(images {tuple(self.images.shape)} float32, labels {tuple(self.labels.shape)} int64)"


@dataclass(frozen=True)
class Digits:
    """The three parts of a fixed split, drawn once, ten classes in equal shares (1,077 / 360 / 360 digits)."""

    train: Split
    validation: Split
    test: Split


def load_digits() -> Digits:
    """Return the digits, split the same way on every machine. Fresh tensors at each call, on the CPU."""
    import torch

    with np.load(data_dir() / "digits.npz", allow_pickle=False) as file:
        images, labels, part = file["images"], file["labels"], file["split"]

    def take(number: int) -> Split:
        chosen = part == number
        pixels = images[chosen].astype(np.float32) / 16  # the files' grey levels are counts from 0 to 16
        return Split(torch.from_numpy(pixels[:, None]), torch.from_numpy(labels[chosen].astype(np.int64)))

    return Digits(*(take(number) for number in range(len(SPLITS))))
