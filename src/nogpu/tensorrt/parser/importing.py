"""Walk through a model's nodes in order, as NVIDIA's parser does when it adds a layer for each, and give every value a
type and a shape, or say at which node that fails and why.

Called by `reading`, once the file is known to be a model. The pieces: `static_checks` (operator and attributes),
`opsets` (older forms), `operators` (types), `layer_checks` (shapes and constants), `shapes` (what comes out).
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from nogpu.tensorrt.parser import datatypes, layer_checks, opsets, quantization, shapes, static_checks
from nogpu.tensorrt.parser.layer_checks import Layer
from nogpu.tensorrt.parser.operators import check_types, invalid_node, node_name
from nogpu.tensorrt.parser.problems import Problem, Refused, refuse
from nogpu.tensorrt.parser.shape_values import ShapeValues, Size
from nogpu.tensorrt.parser.structure import FUNCTION, INDEX, MAXIMUM_RANK

DataType = ir.DataType
STANDARD = ("", "ai.onnx")


class Importer:
    """Goes through one model once. Afterwards `problems` is empty, or has what is wrong."""

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.problems: list[Problem] = []
        self.later: list[str] = []  # what NVIDIA refuses only when it builds: the builder is to report it
        self.warnings: list[str] = []
        self.values = ShapeValues()
        self.opset = opsets.target(model)
        self._modern = opsets.Modernizer(model, model.opset_imports.get("", 1))

    def run(self) -> None:
        """Import the main graph, then check that its outputs are there."""
        graph = self.model.graph
        for value in graph.inputs:
            # NVIDIA takes an input without a shape for a scalar, and any negative size for a dynamic one.
            sizes = _sizes(value) or []
            value.shape = ir.Shape([None if isinstance(size, int) and size < 0 else size for size in sizes])
        try:
            self._graph(graph, {*graph.inputs, *graph.initializers.values()})
            if not self.problems:
                self._outputs(graph)
        except Refused as refused:
            self.problems.append(refused.problem)

    def _graph(self, graph: ir.Graph, known: set[ir.Value]) -> None:
        for value in graph.initializers.values():
            constant = value.const_value
            if constant is not None:
                value.dtype, value.shape = constant.dtype, ir.Shape(tuple(constant.numpy().shape))
        for node in list(graph):
            try:
                self._checked(node, known)
            except Refused as refused:
                raise Refused(_at(refused.problem, node)) from None

    def _checked(self, node: ir.Node, known: set[ir.Value]) -> None:
        """Look at the operator and its attributes; unless something is wrong already, add the node's layer."""
        try:
            static_checks.check(node)
        except Refused as refused:
            self.problems.append(_at(refused.problem, node))
        if self.problems:  # types and shapes are lost from here on: only operators and attributes are looked at
            known.update(node.outputs)
        else:
            self._node(node, known)

    def _node(self, node: ir.Node, known: set[ir.Value]) -> None:
        for value in node.inputs:
            if value is not None and value not in known:
                text = "Assertion failed: (ctx->tensors().count(inputName)): Node input was not registered."
                raise refuse("INVALID_GRAPH", "parseNode", text)
        _tidy(node, self._modern.version)
        if node.op_type in quantization.OPERATORS:
            warning = quantization.settle(node, self._modern)
            self.warnings += [warning] if warning else []
        node.domain = ""
        for made in self._modern.rewrite(node):
            known.update(value for value in made.inputs if value is not None)
            self._layer(made, known)
            known.update(made.outputs)

    def _layer(self, node: ir.Node, known: set[ir.Value]) -> None:
        given = [None if value is None else (value.dtype or DataType.UNDEFINED, _sizes(value)) for value in node.inputs]
        layer = Layer(
            node,
            [None if one is None else one[0] for one in given],
            [None if one is None else one[1] for one in given],
            self.values,
        )
        check_types(node, layer.kinds)
        layer_checks.check(layer)
        if node.op_type in quantization.OPERATORS:
            quantization.check(layer)
        if node.op_type in ("If", "Loop", "Scan"):
            made = {"If": self._if, "Loop": self._loop, "Scan": self._scan}[node.op_type](node, known)
        else:
            made = self._infer(node, given, layer)
        if self.problems:  # found inside an If or a Loop
            return
        outputs = set(self.model.graph.outputs)
        for value, (kind, sizes) in zip(node.outputs, made, strict=False):
            if not value.name:
                continue
            self._settle(value, kind, sizes, layer.name)
            if kind is DataType.UINT8 and value not in outputs and node.op_type != "Constant":
                text = (
                    "Assertion failed: legalUINT8: TensorRT does not support UINT8 types for intermediate tensors. "
                    "For UINT8 quantization, the kIMPORT_UINT8_QUANTIZATION flag must be set. (DLA version >= 3.8 only)"
                )
                raise refuse("UNSUPPORTED_NODE", "parseNode", text)
        self.values.follow(node, layer.shapes)
        self._notice(node, layer)

    def _infer(self, node: ir.Node, given: list[shapes.Typed | None], layer: Layer) -> list[shapes.Typed]:
        try:
            return shapes.infer(node, given, self.values, self.opset, layer.name)
        except Refused as refused:
            made = shapes.in_spite_of_it(node, given, self.values)
            if made is None or "[ShapeInferenceError]" not in refused.problem.description:
                raise
            self.later.append(f"{layer.name}: {refused.problem.description.splitlines()[-1]}")
            return made

    def _settle(self, value: ir.Value, kind: DataType, sizes: list[Size] | None, name: str) -> None:
        """Write the inferred type and shape into a value (what the file declares does not count, as for NVIDIA)."""
        if sizes is None:
            raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {name}\nthe rank of its output cannot be told")
        if len(sizes) > MAXIMUM_RANK:
            raise invalid_node(
                name, f"{name}: at most {MAXIMUM_RANK} dimensions are supported, and {len(sizes)} come out"
            )
        for axis, size in enumerate(sizes):
            if isinstance(size, int) and size < 0:
                raise invalid_node(
                    name,
                    f"Tensor {value.name} has axis {axis} with inherently negative length. "
                    f"Proven upper bound is {size}. "
                    "Network must have an instance where axis has non-negative length.",
                )
        value.type, value.shape = ir.TensorType(kind), ir.Shape(sizes)

    def _if(self, node: ir.Node, known: set[ir.Value]) -> list[shapes.Typed]:
        branches = []
        for name in ("then_branch", "else_branch"):
            body = static_checks.attribute(node, name)
            if not isinstance(body, ir.Graph) or len(body.outputs) != len(node.outputs):
                raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {node_name(node)}")
            self._body(body, known)
            branches.append(body)
        decided = self.values.numbers(node.inputs[0])
        if decided is not None and self.values.is_weights(node.inputs[0]):
            taken = branches[0] if decided[0] else branches[1]
            return [(value.dtype or DataType.UNDEFINED, _sizes(value) or []) for value in taken.outputs]
        result: list[shapes.Typed] = []
        for left, right in zip(branches[0].outputs, branches[1].outputs, strict=True):
            a, b = _sizes(left) or [], _sizes(right) or []
            if left.dtype != right.dtype and left.dtype and right.dtype:
                layer = f"{node_name(node)}_OutputLayer"
                kinds = [datatypes.layer_name(left.dtype), datatypes.layer_name(right.dtype)]
                text = f"First input is of type {kinds[0]} but second input is of type {kinds[1]}."
                raise invalid_node(
                    node_name(node), f"{layer}: IConditionalOutputLayer must have inputs of same type. {text}"
                )
            if len(a) != len(b):
                self.later.append(
                    f"IConditionalOutputLayer {node_name(node)}_OutputLayer: Must have inputs with equal ranks "
                    f"when condition is not a build-time constant. Dimensions are {_plain(a)} and {_plain(b)}."
                )
                b = a
            merged = [x if x == y else None for x, y in zip(a, b, strict=True)]
            result.append((left.dtype or DataType.UNDEFINED, merged))
        return result

    def _loop(self, node: ir.Node, known: set[ir.Value]) -> list[shapes.Typed]:
        body = static_checks.attribute(node, "body")
        carried = list(node.inputs[2:])
        if not isinstance(body, ir.Graph) or len(body.inputs) != len(carried) + 2 or len(node.inputs) < 2:
            raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {node_name(node)}")
        starts: list[shapes.Typed] = [(DataType.INT64, []), (DataType.BOOL, [])]
        starts += [
            (v.dtype or DataType.UNDEFINED, _sizes(v)) if v is not None else (DataType.FLOAT, []) for v in carried
        ]
        if node.inputs[0] is None and len(body.outputs) > len(carried) + 1:
            text = (
                f"TensorRT cannot infer the shape of scan output {body.outputs[-1].name} since no trip limit was set."
            )
            raise refuse("UNSUPPORTED_NODE", "importLoop", f"Assertion failed: false: {text}")
        self._begin(body, starts)
        # As in NVIDIA's parser, a body may not read the condition of a loop that has none.
        self._body(body, known, {body.inputs[1]} if node.inputs[1] is None else set())
        trips = self.values.numbers(node.inputs[0])
        result: list[shapes.Typed] = []
        for index, value in enumerate(body.outputs[1:]):
            kind, sizes = value.dtype or DataType.UNDEFINED, _sizes(value) or []
            if index < len(carried):
                first = starts[index + 2][1] or []
                if len(first) != len(sizes):
                    raise invalid_node(node_name(node), f"{node_name(node)}: a carried value changes its rank")
                start = carried[index]
                self._same_shape(start.name if start is not None else "", first, value, sizes)
                result.append((kind, [a if a == b else None for a, b in zip(first, sizes, strict=True)]))
            else:
                result.append((kind, [trips[0] if trips else None, *sizes]))
        return result

    def _same_shape(self, name: str | None, first: list[Size], value: ir.Value, sizes: list[Size]) -> None:
        """Note down a carried value whose shape changes from one iteration to the next: NVIDIA refuses it at build."""
        pairs = zip(first, sizes, strict=True)
        if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs):
            self.later.append(
                f"IRecurrenceLayer must have inputs with same shape. First input {name} has shape {_plain(first)} "
                f"and second input {value.name} has shape {_plain(sizes)}."
            )

    def _scan(self, node: ir.Node, known: set[ir.Value]) -> list[shapes.Typed]:
        body, count = static_checks.attribute(node, "body"), static_checks.attribute(node, "num_scan_inputs")
        if not isinstance(body, ir.Graph) or not isinstance(count, int) or len(body.inputs) != len(node.inputs):
            raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {node_name(node)}")
        states = len(node.inputs) - count
        axes: list[int] = list(static_checks.attribute(node, "scan_input_axes") or [0] * count)
        starts: list[shapes.Typed] = []
        length: Size = None
        for index, value in enumerate(node.inputs):
            sizes = list((_sizes(value) if value is not None else None) or [])
            if index >= states and sizes:
                length = (
                    sizes.pop(axes[index - states]) if length is None else sizes.pop(axes[index - states]) and length
                )
            starts.append(((value.dtype if value is not None else None) or DataType.UNDEFINED, sizes))
        self._begin(body, starts)
        self._body(body, known)
        outputs = [(value.dtype or DataType.UNDEFINED, _sizes(value) or []) for value in body.outputs]
        return [(kind, sizes if i < states else [length, *sizes]) for i, (kind, sizes) in enumerate(outputs)]

    def _begin(self, body: ir.Graph, starts: list[shapes.Typed]) -> None:
        for value, (kind, sizes) in zip(body.inputs, starts, strict=True):
            value.type, value.shape = ir.TensorType(kind), ir.Shape(sizes or [])

    def _body(self, body: ir.Graph, known: set[ir.Value], hidden: set[ir.Value] | None = None) -> None:
        self._graph(body, (known | set(body.inputs) | set(body.initializers.values())) - (hidden or set()))

    def _notice(self, node: ir.Node, layer: Layer) -> None:
        """Note down what NVIDIA's builder will refuse although its parser does not."""
        if node.op_type == "TopK" and (layer.numbers(1) or [0])[0] > MAXIMUM_K:
            text = f"K exceeds the maximum value allowed ({MAXIMUM_K})."
            self.later.append(f"ITopKLayer {layer.name}: {layer.name}: {text}")
        if node.op_type == "Attention" and not _plain_attention(layer):
            self.later.append(f"{layer.name}: Attention operation was not supported by a dedicated kernel")
        if node.op_type in ("Cast", "CastLike"):
            self._small_types(node, layer)
        if node.op_type not in QUANTIZED_CONSTANTS:
            for index, value in enumerate(node.inputs):
                if value is not None and value.const_value is not None and layer.kinds[index] is DataType.INT8:
                    self.later.append(
                        f"Quantized constant ({value.name}) is only allowed before DQ or PLUGIN_V2 or kPLUGIN_V3 node. "
                        "If this constant is not intended as a quantized floating-point value, consider "
                        "using other data types."
                    )
        if node.op_type == "QuantizeLinear" and layer.has(2) and layer.weights(2) is None and layer.numbers(2) is None:
            self.later.append(
                f"IQuantizeLayer/IDequantizeLayer {layer.name} has `zero_point` which is not an initializer."
            )

    def _small_types(self, node: ir.Node, layer: Layer) -> None:
        """Types below 8 bits, and FP8, may enter and leave a network only through Q/DQ."""
        made = node.outputs[0].dtype
        if made in datatypes.SMALL and node.outputs[0] in set(self.model.graph.outputs):
            kind = datatypes.layer_name(made)
            self.later.append(
                f"Tensor {node.outputs[0].name} has datatype {kind} but is not produced by IQuantizeLayer."
            )
        given = layer.kinds[0]
        if given in datatypes.SMALL and node.inputs[0] in set(self.model.graph.inputs):
            name = node.inputs[0].name if node.inputs[0] is not None else ""
            kind = datatypes.layer_name(given)
            self.later.append(f"Tensor {name} has datatype {kind} but is not consumed by IDequantizeLayer.")

    def _outputs(self, graph: ir.Graph) -> None:
        here = {*graph.inputs, *graph.initializers.values()}
        for value in graph.outputs:
            if value.producer() is None and value not in here:
                raise refuse("INTERNAL_ERROR", "parse", "Trying to access weights or a null tensor!")


MAXIMUM_K = 3840
QUANTIZED_CONSTANTS = frozenset(
    {"DequantizeLinear", "QuantizeLinear", "Constant", "Identity", "Reshape", "Transpose", "Shape", "Size", "CastLike"}
)


def _plain_attention(layer: Layer) -> bool:
    """Say whether it is the one form of Attention for which NVIDIA's builder was seen to have a kernel."""
    heads = layer.attribute("q_num_heads"), layer.attribute("kv_num_heads")
    same = layer.shape(0)[-1:] == layer.shape(1)[-1:] == layer.shape(2)[-1:]
    three = len(layer.shape(0)) == 3 and len(layer.node.inputs) == 3
    return three and same and heads[0] == heads[1] and not layer.attribute("is_causal", 0)


def _at(problem: Problem, node: ir.Node) -> Problem:
    """Return the problem with the place of the node in the file."""
    index, function = int(node.metadata_props.get(INDEX, "-1")), node.metadata_props.get(FUNCTION, "")
    return problem.at(index, node.name or "", node.op_type, [function] if function else [])


def _sizes(value: ir.Value) -> list[Size] | None:
    """Return a value's shape as plain sizes: numbers, names, None."""
    if value.shape is None:
        return None
    return [size if isinstance(size, int) else size.value for size in value.shape]


def _plain(sizes: list[Size]) -> list[int]:
    return [size if isinstance(size, int) else -1 for size in sizes]


def _tidy(node: ir.Node, version: int) -> None:
    """Drop the inputs and attributes that the operator does not have: NVIDIA's parser never looks at them."""
    try:
        schema = onnx.defs.get_schema(node.op_type, version, "")
    except onnx.defs.SchemaError:
        return
    for name in [name for name in node.attributes if name not in schema.attributes]:
        del node.attributes[name]
    if len(node.inputs) > schema.max_input:
        node.resize_inputs(schema.max_input)
