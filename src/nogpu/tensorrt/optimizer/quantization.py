"""Q/DQ as the engine wants it: weights already quantised, and a DequantizeLinear of its own for each reader.

`grouping` then takes a convolution, its DequantizeLinears and the QuantizeLinear behind it as one layer.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from nogpu.tensorrt.optimizer.merging import constant, initializer, shown, stand_for

WEIGHTS = "nogpu.weights"  # metadata of a DequantizeLinear of weights: what they are called in the layer's name


def quantize_weights(model: ir.Model) -> int:
    """Compute each QuantizeLinear of constants now: the engine keeps one byte a weight; return how many went."""
    graph, done = model.graph, 0
    for node in list(graph):
        value, readers = node.outputs[0], [user for user, _ in node.outputs[0].uses()]
        if node.op_type != "QuantizeLinear" or value.is_graph_output() or value.dtype != ir.DataType.INT8:
            continue
        given = {str(each.name): constant(each) for each in node.inputs if each is not None}
        if any(array is None for array in given.values()):
            continue
        if any(reader.op_type != "DequantizeLinear" for reader in readers):
            continue
        weights = next(iter(given))
        [made] = ReferenceEvaluator(ir.to_proto(node)).run(None, given)
        kept = initializer(graph, f"{weights}.int8", np.asarray(made))
        kept.type, kept.shape = value.type, value.shape
        for reader in readers:
            stand_for(reader, node, reader)
            reader.metadata_props[WEIGHTS] = f"{weights} + {shown(node)}"
        value.replace_all_uses_with(kept)
        graph.remove(node, safe=True)
        done += 1
    return done


def give_each_reader_its_dequantize(model: ir.Model) -> int:
    """Let no two nodes read one DequantizeLinear; return how many copies were made (TensorRT: "..._clone_0")."""
    copies = 0
    for node in list(model.graph):
        if node.op_type != "DequantizeLinear":
            continue
        value = node.outputs[0]
        for number, (user, place) in enumerate(list(value.uses())[0 if value.is_graph_output() else 1 :]):
            twin = ir.node(node.op_type, node.inputs, node.attributes, name=f"{node.name}_clone_{number}")
            twin.metadata_props.update(node.metadata_props)
            stand_for(twin, node)
            made = twin.outputs[0]
            made.name, made.type, made.shape = f"{value.name}_clone_{number}", value.type, value.shape
            model.graph.insert_after(node, twin)
            user.replace_input_with(place, made)
            copies += 1
    return copies
