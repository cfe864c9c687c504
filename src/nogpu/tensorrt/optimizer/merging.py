"""What every pass does to a graph: reads constants, adds new ones, and lets one node stand for several.

A node that stands for others carries their names, so that the engine inspector can still name each node of the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.network.emission import LAYER

MERGED = "nogpu.merged"  # a node's metadata: the names of the nodes that it stands for, one a line


def names_of(*nodes: ir.Node) -> list[str]:
    """Return the names of the original nodes that these nodes stand for, each once, in order."""
    told = [node.metadata_props.get(MERGED, shown(node)) for node in nodes]
    return list(dict.fromkeys(name for names in told for name in names.split("\n") if name))


def shown(node: ir.Node) -> str:
    """Return how the node is called in a layer's name: after the network's layer that it is a part of."""
    return str(node.metadata_props.get(LAYER, node.name))


def joined(form: str, nodes: Sequence[ir.Node], between: str = ", ") -> str:
    """Return a name of several nodes, e.g. "PWN(a, b)" for form "PWN({})"; of one, its own."""
    names = list(dict.fromkeys(shown(node) for node in nodes))
    return names[0] if len(names) == 1 else form.format(between.join(names))


def stand_for(node: ir.Node, *others: ir.Node) -> None:
    """Let `node` carry the names of `others` (itself among them, or it loses its own)."""
    node.metadata_props[MERGED] = "\n".join(names_of(*others))


def constant(value: ir.Value | None) -> np.ndarray | None:
    """Return a value's numbers where they are known when the engine is built, else None."""
    if value is None or value.const_value is None or value.is_graph_input():
        return None
    return value.const_value.numpy()


def initializer(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    """Add a constant to the graph; its name is made unique."""
    while name in graph.initializers:
        name += "_"
    value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    value.shape, value.dtype = ir.Shape(array.shape), ir.DataType.from_numpy(array.dtype)
    graph.register_initializer(value)
    return value


def is_private(value: ir.Value) -> bool:
    """Say whether exactly one input of one node reads the value, and the outside world does not."""
    return len(value.uses()) == 1 and not value.is_graph_output()


def replace(graph: ir.Graph, nodes: Sequence[ir.Node], new: ir.Node) -> None:
    """Put `new` in the place of `nodes`, whose last one made what `new` makes. `new` carries their names."""
    stand_for(new, *nodes)
    if len(nodes) == 1 and LAYER in nodes[0].metadata_props:
        new.metadata_props[LAYER] = nodes[0].metadata_props[LAYER]
    old, made = nodes[-1].outputs[0], new.outputs[0]
    made.name, made.type, made.shape = old.name, old.type, old.shape
    graph.insert_before(nodes[-1], new)
    old.replace_all_uses_with(made, replace_graph_outputs=True)
    graph.remove(nodes, safe=True)


def remove_after(graph: ir.Graph, node: ir.Node, gone: ir.Node) -> None:
    """Remove `gone`, whose work `node` before it now does; `node` makes its output from now on."""
    old, made = gone.outputs[0], node.outputs[0]
    stand_for(node, node, gone)
    made.name, made.type, made.shape = old.name, old.type, old.shape
    old.replace_all_uses_with(made, replace_graph_outputs=True)
    graph.remove(gone, safe=True)


def integer(node: ir.Node, name: str, default: int) -> int:
    """Return an integer attribute."""
    return int(node.attributes[name].as_int()) if name in node.attributes else default


def sizes(shape: ir.Shape | None) -> list[int | None] | None:
    """Return a shape as plain numbers, None for a size that is not known; None where not even the rank is."""
    return None if shape is None else [size if isinstance(size, int) else None for size in shape]
