"""Networks for the checks of lab 06: a small classifier of real digits, fresh each time and ready without training.

The convolutions are random, the classifier is solved by least squares: right for nine digits in ten and more, in a
tenth of a second, so that flipped labels mean something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from coursekit.data import load_digits
from coursekit.labs import onnx_files as files
from coursekit.labs.onnx_files import Array

LOGIT = 10.0  # what the least squares aim at: this for the digit's own class, minus this for the others


@dataclass(frozen=True)
class Network:
    """Two convolutions with ReLU, a max-pool and a linear layer, images (n, 1, 8, 8) to logits (n, 10)."""

    layers: nn.Sequential

    def logits(self, images: Tensor) -> Array:
        """Return the logits (n, 10) float32, computed by torch."""
        with torch.inference_mode():
            answer: Array = self.layers(images).numpy()
        return answer

    def file(self) -> bytes:
        """Return the network as an ONNX file with the input `images`, the output `logits` and a free batch."""
        nodes, weights, value = [], [], "images"
        for index, layer in enumerate(self.layers):
            target = "logits" if index == len(self.layers) - 1 else f"value_{index}"
            names = [value]
            for kind, tensor in layer.named_parameters():
                names.append(f"{kind}_{index}")
                weights.append(numpy_helper.from_array(tensor.detach().numpy(), names[-1]))
            operator, options = _operator(layer)
            nodes.append(helper.make_node(operator, names, [target], name=f"{operator}_{index}", **options))
            value = target
        ends = files.value_info("images", ["batch", 1, 8, 8]), files.value_info("logits", ["batch", 10])
        return files.build_file([ends[0]], nodes, [ends[1]], weights)


def _operator(layer: nn.Module) -> tuple[str, dict[str, Any]]:
    """Return the ONNX operator that computes the layer, and its attributes."""
    operators: dict[type, tuple[str, dict[str, Any]]] = {
        nn.Conv2d: ("Conv", {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}),
        nn.ReLU: ("Relu", {}),
        nn.MaxPool2d: ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        nn.Flatten: ("Flatten", {}),
        nn.Linear: ("Gemm", {"transB": 1}),
    }
    return operators[type(layer)]


def solved_network(rng: np.random.Generator) -> Network:
    """Return a network with random convolutions and the least-squares classifier for the training digits."""
    layers = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * 4 * 4, 10),
    )
    train = load_digits().train
    with torch.inference_mode():
        for layer in (layers[0], layers[2]):
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            fan_in = layer.weight[0].numel()
            layer.weight.copy_(_normal(rng, *layer.weight.shape) * (2 / fan_in) ** 0.5)
            layer.bias.copy_(_normal(rng, len(layer.bias)) * 0.1)
        features = layers[:-1](train.images).double()
        ones = torch.ones(len(features), 1, dtype=torch.float64)
        targets = LOGIT * (2 * nn.functional.one_hot(train.labels, 10).double() - 1)
        inputs = torch.cat([features, ones], dim=1)
        ridge = 1.0 * torch.eye(inputs.shape[1], dtype=torch.float64)
        solution = torch.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ targets).float()
        classifier = layers[-1]
        assert isinstance(classifier, nn.Linear)
        classifier.weight.copy_(solution[:-1].T)
        classifier.bias.copy_(solution[-1])
    return Network(layers.eval())


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
