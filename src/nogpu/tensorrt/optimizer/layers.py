"""What the optimizer hands on: a graph, and the engine's layers as plain data (the inspector shows them)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir


@dataclass
class Layer:
    """One layer of the engine: one or more nodes that run as one."""

    name: str  # TensorRT's form: "conv1 + relu1", "PWN(a, b)"
    type: str
    inputs: list[dict[str, Any]]  # name, dtype, shape
    outputs: list[dict[str, Any]]
    merged: list[str] = field(default_factory=list)  # the names of its nodes, in order
    precision: str = "FLOAT"
    metadata: Any = ""


@dataclass
class Optimized:
    """The rewritten graph and its layers, in the order in which they run."""

    model: ir.Model
    layers: list[Layer]
