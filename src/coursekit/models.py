"""DigitNet, the one model that travels through the whole course, and the function that trains it in seconds."""

from __future__ import annotations

import io
import os
from pathlib import Path

import torch
from torch import Tensor, nn

from coursekit.data import Split, load_digits
from coursekit.paths import build_dir

CHECKPOINT = "digitnet.pt"


class DigitNet(nn.Module):
    """A small convolutional network: (n, 1, 8, 8) float images in, (n, 10) logits out. 18,418 parameters.

    Two blocks of convolution, batch normalisation and ReLU, a 2×2 max-pool after the second, then one linear
    layer: small enough to train on a laptop, and with everything that export, fusion and quantisation act on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 24, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Conv2d(24, 48, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(48),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(48 * 4 * 4, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (n, 10) float for images (n, 1, 8, 8) float in [0, 1]."""
        return self.classifier(self.features(images).flatten(1))


@torch.inference_mode()
def accuracy(model: nn.Module, split: Split) -> float:
    """Return the share of `split` that `model` labels right, in [0, 1], on the device the model is on."""
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    predictions = model(split.images.to(device)).argmax(dim=1).cpu()
    model.train(training)
    return (predictions == split.labels).double().mean().item()


def train(model: nn.Module, split: Split, *, epochs: int = 30, batch_size: int = 64, seed: int = 0) -> None:
    """Train `model` in place on `split`: Adam with a one-cycle learning rate, each batch shifted by at most a pixel.

    Lesson 03 builds such a loop step by step; this is the short form for lessons that only need its result.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    steps = -(-len(split) // batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * steps)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(split), generator=generator).split(batch_size):
            down, right = torch.randint(-1, 2, (2,), generator=generator).tolist()
            images = _shifted(split.images[batch], down, right).to(device)
            loss = nn.functional.cross_entropy(model(images), split.labels[batch].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()


def _shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Move the ink of (n, 1, 8, 8) images by whole pixels, filling with paper (0)."""
    return nn.functional.pad(images, (1, 1, 1, 1))[..., 1 - down : 9 - down, 1 - right : 9 - right]


def save(model: DigitNet, path: Path | None = None) -> Path:
    """Write the model's weights to `path` (build/digitnet.pt by default), whole or not at all, and return the path."""
    target = path or build_dir() / CHECKPOINT
    unfinished = target.with_suffix(f".{os.getpid()}.unfinished")
    content = io.BytesIO()  # by way of memory: torch.save would write the unfinished file's name into the file
    torch.save(model.state_dict(), content)
    unfinished.write_bytes(content.getvalue())
    unfinished.replace(target)
    return target


def trained_digitnet() -> DigitNet:
    """Return a trained DigitNet in eval mode on the CPU: lesson 03's from build/, or one trained now in seconds."""
    model = DigitNet()
    path = build_dir() / CHECKPOINT
    if path.exists():
        try:
            model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
            return model.eval()
        except Exception as error:  # torch.load raises many kinds for a damaged file
            print(f"{path.name} in build/ cannot be used ({type(error).__name__}); training DigitNet again.")
    digits = load_digits()
    print("Training DigitNet first (lesson 03 shows how; about ten seconds) …", end=" ", flush=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DigitNet()
        train(model, digits.train)
    save(model)
    print(f"test accuracy {accuracy(model, digits.test):.1%}, kept in build/{CHECKPOINT}")
    return model.eval()
