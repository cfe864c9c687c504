"""Outputs that nothing computes any more: a constant, or an input handed through. Each gets a node of its own."""

from __future__ import annotations

import onnx_ir as ir


def compute_outputs(model: ir.Model) -> int:
    """Put an Identity before each output that is a weight or an input of the graph; return how many were put."""
    added = 0
    for place, value in enumerate(list(model.graph.outputs)):
        if value.producer() is not None:
            continue
        node = ir.node("Identity", [value], name=f"{value.name} [output]")
        output = node.outputs[0]
        output.type, output.shape = value.type, value.shape
        if not value.is_graph_input():  # the output keeps its name, the weight gets another
            name = value.name
            model.graph.initializers.pop(str(name), None)
            value.name = f"{name} [constant]"
            model.graph.register_initializer(value)
            output.name = name
        model.graph.append(node)
        model.graph.outputs[place] = output
        added += 1
    return added
