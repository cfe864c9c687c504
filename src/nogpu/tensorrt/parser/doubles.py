"""TensorRT has no FP64: NVIDIA's parser takes DOUBLE as FLOAT, everywhere in the model, and says so in a warning.

Called by `reading` on the protobuf messages, before the model is made of them.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from nogpu.tensorrt.parser.structure import bodies

WARNING = (
    "Your ONNX model has been generated with double-typed weights, while TensorRT does not natively support double. "
    "Attempting to cast down to float."
)
# Attributes whose number names an element type.
TYPE_ATTRIBUTES = frozenset({"to", "dtype", "output_dtype", "stash_type", "softmax_precision"})


def to_floats(model: onnx.ModelProto) -> bool:
    """Make every DOUBLE of the model a FLOAT (what is beyond its range, its largest); say whether there was any."""
    found = False
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if nodes:
            node = nodes.pop()
            found |= _in_attributes(node)
            graphs += bodies(node)
            continue
        graph = graphs.pop()
        nodes += graph.node
        for tensor in graph.initializer:
            found |= _in_tensor(tensor)
        for value in (*graph.input, *graph.output):
            if value.type.tensor_type.elem_type == TensorProto.DOUBLE:
                value.type.tensor_type.elem_type = TensorProto.FLOAT
                found = True
    return found


def _in_attributes(node: onnx.NodeProto) -> bool:
    found = False
    for attribute in node.attribute:
        if attribute.name in TYPE_ATTRIBUTES and attribute.i == TensorProto.DOUBLE:
            attribute.i = TensorProto.FLOAT
            found = True
        if attribute.HasField("t"):
            found |= _in_tensor(attribute.t)
    return found


def _in_tensor(tensor: onnx.TensorProto) -> bool:
    if tensor.data_type != TensorProto.DOUBLE:
        return False
    limit = np.finfo(np.float32).max
    numbers = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(numbers.clip(-limit, limit).astype(np.float32), tensor.name))
    return True
