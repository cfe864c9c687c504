"""How long each layer took: ONNX Runtime's times of its kernels, summed over the nodes that are one layer.

`compile` writes down which node belongs to which layer, `Executable` adds up when a context has a profiler. It is
measured without ONNX Runtime's own fusions, since a kernel that spans two layers would belong to neither: so the sum is
somewhat more than a run takes without a profiler. Rounding to a lower precision counts for the layer that reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx_ir as ir

from nogpu.tensorrt.optimizer.layers import Layer

LEVEL = "ENABLE_BASIC"  # ONNX Runtime's name: constants are folded, nodes stay themselves


def nodes_of_layers(model: ir.Model, layers: Sequence[Layer]) -> dict[str, list[str]]:
    """Return, by layer, the names of its nodes: what its outputs are made of, up to other layers' outputs."""
    producers = {str(output.name): node for node in model.graph for output in node.outputs}
    ends = {tensor["name"]: layer.name for layer in layers for tensor in layer.outputs}
    taken: set[str] = set()
    found: dict[str, list[str]] = {layer.name: [] for layer in layers}
    for layer in layers:
        waiting = [tensor["name"] for tensor in layer.outputs]
        while waiting:
            name = waiting.pop()
            node = producers.get(name)
            if node is None or str(node.name) in taken or ends.get(name, layer.name) != layer.name:
                continue
            taken.add(str(node.name))
            found[layer.name].append(str(node.name))
            waiting += [str(value.name) for value in node.inputs if value is not None]
    return found


def summed(events: Sequence[Mapping[str, Any]], layers: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return each layer's time in milliseconds from the events of ONNX Runtime's profile, of one run."""
    times = dict.fromkeys(layers, 0.0)
    owners = {node: layer for layer, nodes in layers.items() for node in nodes}
    for event in events:
        kernel = event["name"].removesuffix("_kernel_time")
        near = max((node for node in owners if kernel.startswith(node)), key=len, default="")
        owner = owners.get(near, kernel)  # a kernel of nobody's is told by its own name
        times[owner] = times.get(owner, 0.0) + event["dur"] / 1e3
    return times
