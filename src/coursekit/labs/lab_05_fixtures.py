"""Objects that lab 05's checks build beside the learner's code. They know no reference answer."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import torch
from torch import Tensor, nn


class SmallNet(nn.Module):
    """A classifier with batch normalisation (of uneven statistics) and dropout: images (n, 1, 8, 8) to logits (n, 10).

    Fresh from the constructor it is in training mode, as every module is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 10))
        norm = self.features[1]
        assert isinstance(norm, nn.BatchNorm2d)
        with torch.no_grad():
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.2, 2.0)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images))


class LinearNet(nn.Module):
    """The simplest classifier: images (n, 1, 8, 8) to logits (n, 10), one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images.flatten(1))


def exported(module: nn.Module, example: Tensor) -> bytes:
    """Return the module as an ONNX file with a free batch; the exporter's exception if it refuses.

    With a strict `Dim`, what Python decided from the example's batch size is refused too, rather than frozen.
    """
    logging.getLogger("torch.fx.experimental.symbolic_shapes").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        shapes = ({0: torch.export.Dim("batch")},)
        captured = torch.export.export(module.eval(), (example,), dynamic_shapes=shapes)
        program = torch.onnx.export(captured, input_names=["images"], output_names=["logits"], verbose=False)
    assert program is not None
    return program.model_proto.SerializeToString()
