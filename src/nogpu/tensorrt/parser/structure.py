"""Is this file a model at all? Deserialising, nesting, graph inputs, names, and the order of the nodes.

Works on the protobuf messages, before anything trusts them: what passes here can be made into an `onnx_ir` model.
Called by `reading`, first of all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError, Message

from nogpu.tensorrt.parser.datatypes import EVERY, DataType
from nogpu.tensorrt.parser.problems import Problem, Refused, refuse, unless

MAXIMUM_NESTING = 24  # of subgraphs and functions, as in NVIDIA's parser
MAXIMUM_RANK = 8  # nvinfer1::Dims::MAX_DIMS
MAXIMUM_SIZE = 2**31 - 1  # of one dimension: it is an int32 in the builder
MAXIMUM_NODES = 200_000  # of a model whose functions are written out; the largest networks have some thousands
INDEX, FUNCTION = "nogpu.index", "nogpu.function"  # metadata that a node carries while it is being read


def deserialize(data: bytes) -> onnx.ModelProto:
    """Return the protobuf message in `data`, or refuse. No bytes at all are a model without outputs, as for NVIDIA."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RecursionError, ValueError):  # ValueError: text that is not UTF-8
        text = "Assertion failed: model->ParseFromCodedStream(&codedInput): Failed to parse the ONNX model."
        raise refuse("MODEL_DESERIALIZE_FAILED", "deserializeOnnxModel", text) from None
    return model


def bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs that a node (If, Loop, Scan) carries."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def check_nesting(model: onnx.ModelProto) -> None:
    """Refuse subgraphs nested deeper than TensorRT allows; works without recursion."""
    waiting = [(node, 0) for node in model.graph.node]
    waiting += [(node, 0) for function in model.functions for node in function.node]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAXIMUM_NESTING:
            text = 'false && "ONNX graph contains nested structures that exceed the maximum allowed by TensorRT!"'
            raise refuse("UNSUPPORTED_GRAPH", "parseNode", f"Assertion failed: {text}")
        waiting += [(inner, depth + 1) for graph in bodies(node) for inner in graph.node]


def check_functions(model: onnx.ModelProto) -> None:
    """Refuse functions that call themselves, are nested too deep, or come to too many nodes when written out."""
    bodies_of = {(function.domain, function.name): list(function.node) for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: list[onnx.NodeProto], path: tuple[tuple[str, str], ...]) -> int:
        if len(path) > MAXIMUM_NESTING:
            text = 'false && "ONNX graph contains nested structures that exceed the maximum allowed by TensorRT!"'
            raise refuse("UNSUPPORTED_GRAPH", "parseNode", f"Assertion failed: {text}")
        total, waiting = 0, list(nodes)
        while waiting:
            node = waiting.pop()
            waiting += [inner for body in bodies(node) for inner in body.node]
            called = (node.domain, node.op_type)
            if called in path:
                raise refuse("INVALID_GRAPH", "parseGraph", f"the function {node.op_type} calls itself")
            if called in bodies_of and called not in sizes:
                sizes[called] = size(bodies_of[called], (*path, called))
            total += sizes.get(called, 1)
        return total

    if bodies_of and size(list(model.graph.node), ()) > MAXIMUM_NODES:
        text = f"the model's functions come to more than {MAXIMUM_NODES} nodes when they are written out"
        raise refuse("UNSUPPORTED_GRAPH", "parseGraph", text)


def number_nodes(model: onnx.ModelProto) -> None:
    """Write every node's place in the file, and the function that it stands in, into its metadata."""
    graphs: list[tuple[Message, str]] = [(model.graph, "")]
    graphs += [(function, function.name) for function in model.functions]
    while graphs:
        graph, function = graphs.pop()
        for index, node in enumerate(graph.node):
            del node.metadata_props[:]
            node.metadata_props.add(key=INDEX, value=str(index))
            node.metadata_props.add(key=FUNCTION, value=function)
            graphs += [(body, function) for body in bodies(node)]


def check_inputs(graph: onnx.GraphProto) -> None:
    """Refuse graph inputs that TensorRT cannot have: their types, ranks and sizes; names used twice."""
    with_values = {tensor.name for tensor in graph.initializer}
    seen: set[str] = set()
    for given in graph.input:
        if given.name in with_values:
            continue
        if given.name in seen:
            raise _duplicate(given.name)
        seen.add(given.name)
        _check_input(given)


def _check_input(given: onnx.ValueInfoProto) -> None:
    tensor = given.type.tensor_type
    known = given.type.HasField("tensor_type") and tensor.elem_type in _KNOWN
    try:
        unless(
            known,
            "UNSUPPORTED_NODE",
            "importInput",
            "convertDtype(onnxDtype.elem_type(), &trtDtype) && "
            '"Failed to convert ONNX date type to TensorRT data type."',
        )
        unless(
            len(tensor.shape.dim) <= MAXIMUM_RANK,
            "UNSUPPORTED_GRAPH",
            "importInput",
            "convertOnnxDims(onnxDtype.shape().dim(), trt_dims, namedDims) "
            '&& "Failed to convert ONNX dimensions to TensorRT dimensions."',
        )
        unless(
            all(size.dim_value <= MAXIMUM_SIZE for size in tensor.shape.dim),
            "UNSUPPORTED_NODE",
            "importInput",
            '*tensor && "Failed to add input to the network."',
        )
    except Refused as refused:
        problem = refused.problem
        raise Refused(Problem(problem.code, problem.description, function=problem.function, file=given.name)) from None


_KNOWN = {int(kind) for kind in EVERY} | {int(DataType.DOUBLE)}


def _duplicate(name: str) -> Refused:
    return refuse("INTERNAL_ERROR", "parse", f"ONNX graph has duplicate tensor name: {name}")


def sort_nodes(graph: onnx.GraphProto, outside: frozenset[str] = frozenset()) -> None:
    """Put the nodes of a graph, and of the graphs inside it, in an order in which each value comes before its uses.

    Refuses cycles and values that two nodes (or a node and an input) make. `outside`: names of the graphs around.
    """
    given = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    maker: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for name in node.output:
            if name and (name in maker or name in given):
                raise _unsorted()
            maker[name] = index
    needs = [{maker[name] for name in _names_used(node) if name in maker} for node in graph.node]
    if any(index in wanted for index, wanted in enumerate(needs)):
        raise _unsorted()
    order = _order(needs)
    if order != sorted(order):
        nodes = [graph.node[index] for index in order]
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
    inside = outside | given | set(maker)
    for node in graph.node:
        for body in bodies(node):
            sort_nodes(body, inside)


def _order(needs: list[set[int]]) -> list[int]:
    """Return the nodes' numbers in an order that meets their needs; those that are in order already stay so."""
    users: list[list[int]] = [[] for _ in needs]
    missing = [len(wanted) for wanted in needs]
    for index, wanted in enumerate(needs):
        for other in wanted:
            users[other].append(index)
    if all(other < index for index, wanted in enumerate(needs) for other in wanted):
        return list(range(len(needs)))
    ready = deque(index for index, count in enumerate(missing) if count == 0)
    order = []
    while ready:
        index = ready.popleft()
        order.append(index)
        for user in users[index]:
            missing[user] -= 1
            if missing[user] == 0:
                ready.append(user)
    if len(order) < len(needs):
        raise _unsorted()
    return order


def _names_used(node: onnx.NodeProto) -> set[str]:
    """Return the names that a node reads, those that the graphs inside it take from outside included."""
    used = {name for name in node.input if name}
    waiting = list(bodies(node))
    while waiting:
        graph = waiting.pop()
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        own |= {name for inner in graph.node for name in inner.output}
        used |= {name for inner in graph.node for name in inner.input if name and name not in own}
        used |= {value.name for value in graph.output if value.name not in own}
        waiting += [body for inner in graph.node for body in bodies(inner)]
    return used


def _unsorted() -> Refused:
    text = "toposort(graph.node(), &topoOrder, subgraphOuterDeps): Failed to sort the model topologically."
    return refuse("INVALID_GRAPH", "parseGraph", f"Assertion failed: {text}")
