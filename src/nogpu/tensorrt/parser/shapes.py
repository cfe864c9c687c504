"""The type and the shape of what a node makes: ONNX's own inference per node, completed where shapes are computed.

ONNX's inference needs a shape tensor to be fully known; here part of it may be ("batch", 768), so Reshape, Expand and
the like have rules of their own on top of it. Called by `importing`, one node at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import onnx
import onnx_ir as ir

from nogpu.tensorrt.parser.problems import Refused, refuse
from nogpu.tensorrt.parser.shape_values import Array, ShapeValues, Size
from nogpu.tensorrt.parser.static_checks import attribute

Kind = ir.DataType
Typed = tuple[Kind, list[Size] | None]
BF16_BEYOND_ONNX = ("Einsum", "ReverseSequence", "TopK")  # NVIDIA takes BF16 here, ONNX's definition does not
DATA_LIMIT = 4096  # elements of a constant that are handed to ONNX's inference


def type_proto(kind: Kind, shape: list[Size] | None) -> onnx.TypeProto:
    """Return a tensor type as ONNX's inference wants it."""
    proto = onnx.TypeProto()
    proto.tensor_type.elem_type = int(kind)
    if shape is not None:
        proto.tensor_type.shape.SetInParent()
        for size in shape:
            dim = proto.tensor_type.shape.dim.add()
            if isinstance(size, str):
                dim.dim_param = size
            elif size is not None:
                dim.dim_value = size
    return proto


def typed(proto: onnx.TypeProto) -> Typed:
    """The reverse of `type_proto`."""
    tensor = proto.tensor_type
    if not proto.HasField("tensor_type"):
        raise refuse("UNSUPPORTED_NODE", "parseNode", "sequences, maps and optional values are not supported")
    if not tensor.HasField("shape"):
        return Kind(tensor.elem_type), None
    return Kind(tensor.elem_type), [
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in tensor.shape.dim
    ]


def infer(node: ir.Node, given: list[Typed | None], values: ShapeValues, opset: int, title: str) -> list[Typed]:
    """Return type and shape of each output of `node`, whose inputs have the types `given`.

    Raises Refused where ONNX's inference finds a contradiction, or where no shape can be told.
    """
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        raise refuse("UNSUPPORTED_NODE", "parseNode", f"there is no {node.op_type} in opset {opset}") from None
    if node.op_type in OWN:
        return [_own(node, given, values, title)]
    proto = ir.to_proto(node)
    proto.domain = ""
    types, data = {}, {}
    beyond = node.op_type in BF16_BEYOND_ONNX and given[0] is not None and given[0][0] == Kind.BFLOAT16
    for index, (value, kind) in enumerate(zip(node.inputs, given, strict=True)):
        if value is None or kind is None:
            continue
        proto.input[index] = f"in{index}"  # whatever the name in the file is
        types[f"in{index}"] = type_proto(Kind.FLOAT if beyond and kind[0] == Kind.BFLOAT16 else kind[0], kind[1])
        constant = _constant(value, kind, values)
        if constant is not None:
            data[f"in{index}"] = constant
    for index, _ in enumerate(proto.output):
        proto.output[index] = f"out{index}" if node.outputs[index].name else ""
    imports = [onnx.helper.make_opsetid("", opset)]
    try:
        made = onnx.shape_inference.infer_node_outputs(schema, proto, types, data, opset_imports=imports)
    except Exception as error:  # InferenceError, and what the C++ code throws at odd models
        raise _contradiction(title, error) from None
    result: list[Typed] = []
    for index, value in enumerate(node.outputs):
        name = f"out{index}"
        if not value.name:
            result.append((Kind.FLOAT, []))
            continue
        if name not in made or made[name].tensor_type.elem_type == 0:
            raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {title}\nthe type of its output cannot be told")
        made_kind, shape = typed(made[name])
        if beyond and made_kind == Kind.FLOAT:
            made_kind = Kind.BFLOAT16
        result.append((made_kind, _better(shape, _computed(node, given, values, index))))
    return result


def _own(node: ir.Node, given: list[Typed | None], values: ShapeValues, title: str) -> Typed:
    """Infer an operator for which ONNX's inference is not used at all (it aborts the process on sizes of 0)."""
    shape = _computed(node, given, values, 0)
    if shape is None or given[0] is None:
        raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {title}\nits inputs do not fit each other")
    return given[0][0], shape


def in_spite_of_it(node: ir.Node, given: list[Typed | None], values: ShapeValues) -> list[Typed] | None:
    """Return types and shapes for the few contradictions that NVIDIA's parser lets pass and its builder refuses."""
    if node.op_type not in ("Expand", "Split", "TopK") or given[0] is None or given[0][1] is None:
        return None
    shape = _computed(node, given, values, 0)
    lengths = values.numbers(node.inputs[1]) if node.op_type == "Split" and len(node.inputs) > 1 else None
    if shape is None or (node.op_type == "Split" and (lengths is None or len(lengths) != len(node.outputs))):
        return None
    made: list[Typed] = []
    for index, _ in enumerate(node.outputs):
        sizes = list(shape)
        if lengths is not None:
            sizes[int(attribute(node, "axis", 0))] = lengths[index]
        made.append((Kind.INT64 if node.op_type == "TopK" and index == 1 else given[0][0], sizes))
    return made


def _contradiction(title: str, error: Exception) -> Refused:
    text = str(error).split("(op_type:")[-1].split("): ", 1)[-1].strip() if "op_type" in str(error) else str(error)
    return refuse("INVALID_NODE", "parseNode", f"Invalid Node - {title}\n{text.splitlines()[0] if text else error!r}")


def _constant(value: ir.Value, kind: Typed, values: ShapeValues) -> onnx.TensorProto | None:
    """Return the input's value where it is small and fully known."""
    numbers = values.numbers(value)
    known = values.of(value)
    if numbers is None or known is None or len(numbers) > DATA_LIMIT:
        return None
    if kind[0] not in (Kind.INT64, Kind.INT32, Kind.FLOAT, Kind.BOOL, Kind.FLOAT16):
        return None
    return onnx.helper.make_tensor("", int(kind[0]), known.shape, numbers)


def _better(first: list[Size] | None, second: list[Size] | None) -> list[Size] | None:
    """Merge two answers about one shape: a number beats a name, a name beats nothing."""
    if first is None or second is None or len(first) != len(second):
        return second if first is None else first
    return [_better_size(a, b) for a, b in zip(first, second, strict=True)]


def _better_size(a: Size, b: Size) -> Size:
    return a if isinstance(a, int) or (a is not None and not isinstance(b, int)) else b


def _computed(node: ir.Node, given: list[Typed | None], values: ShapeValues, output: int) -> list[Size] | None:
    rule = RULES.get(node.op_type)
    if rule is None or (output > 0 and node.op_type not in ("Split", "TopK")):
        return None
    shapes = [kind[1] if kind is not None else None for kind in given]
    try:
        return rule(node, shapes, [values.of(value) for value in node.inputs])
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None


def _length(shape: list[Size] | None) -> int:
    """Return the length of a 1-D shape tensor. Raises LookupError when it is not known."""
    if shape is None or len(shape) != 1 or not isinstance(shape[0], int):
        raise LookupError
    return shape[0]


def _items(value: Array | None, shape: list[Size] | None) -> list[Any]:
    """Return the elements of a shape tensor, None for each that is unknown."""
    return list(value.flat) if value is not None else [None] * _length(shape)


def _reshape(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    wanted, data = _items(values[1], shapes[1]), shapes[0]
    keep = not attribute(node, "allowzero", 0)
    result: list[Size] = [data[i] if size == 0 and keep and data is not None else size for i, size in enumerate(wanted)]
    if -1 in result:
        place = result.index(-1)
        result[place] = _left_over(data, result[:place] + result[place + 1 :])
    return result


def _left_over(data: list[Size] | None, others: list[Size]) -> Size:
    """Return the size that -1 stands for: what the other sizes leave of the volume."""
    if data is None:
        return None
    have, used = list(data), list(others)
    for size in others:  # a dynamic size, or an unknown one that is the same on both sides, cancels
        if isinstance(size, str) and size in have:
            have.remove(size)
            used.remove(size)
    if all(isinstance(size, int) for size in used):
        names = [size for size in have if not isinstance(size, int)]
        volume = math.prod(size for size in have if isinstance(size, int))
        divisor = math.prod(size for size in used if isinstance(size, int))
        if not names and divisor:
            return volume // divisor
        if len(names) == 1 and divisor == volume:
            return names[0]
    return None


def _expand(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    wanted, data = _items(values[1], shapes[1]), shapes[0]
    if data is None:
        return None
    rank = max(len(wanted), len(data))
    left: list[Size] = [*[1] * (rank - len(data)), *data]
    right: list[Size] = [*[1] * (rank - len(wanted)), *wanted]
    return [_spread(a, b) for a, b in zip(left, right, strict=True)]


def _spread(size: Size, wanted: Size) -> Size:
    if size == 1 or (isinstance(size, int) and isinstance(wanted, int) and wanted != 1):
        return wanted
    return size if wanted == 1 or size == wanted or isinstance(size, int) else None


def _slice(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    data = shapes[0]
    if data is None:
        return None
    if any(len(shape or [0]) != 1 for shape in shapes[1:]):
        raise ValueError("starts, ends, axes and steps have one dimension")
    starts, ends = _items(values[1], shapes[1]), _items(values[2], shapes[2])
    axes: list[Any] = list(values[3].flat) if len(values) > 3 and values[3] is not None else list(range(len(starts)))
    steps = list(values[4].flat) if len(values) > 4 and values[4] is not None else [1] * len(starts)
    result = list(data)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        result[axis] = _cut(data[axis], start, end, step)
    return result


def _cut(size: Size, start: Any, end: Any, step: Any) -> Size:
    if start == 0 and step == 1 and (end == size or (isinstance(end, int) and end >= 2**31 - 1)):
        return size
    if start == 0 and step == 1 and isinstance(end, str):
        return end
    if isinstance(size, int) and all(isinstance(item, int) for item in (start, end, step)):
        return len(range(*slice(start, end, step).indices(size)))
    return None


def _resize(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    data = shapes[0]
    if data is None:
        return None
    axes = attribute(node, "axes") or range(len(data))
    result = list(data)
    if len(values) > 3 and node.inputs[3] is not None:
        for axis, size in zip(axes, _items(values[3], shapes[3]), strict=True):
            result[axis] = size
    else:
        for axis, scale in zip(axes, _items(values[2], shapes[2]), strict=True):
            size = data[axis]
            known = isinstance(size, int) and isinstance(scale, (int, float))
            result[axis] = size if scale == 1 else math.floor(size * scale) if known else None
    return result


def _tile(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    data = shapes[0]
    if data is None:
        return None
    repeats = _items(values[1], shapes[1])
    return [
        a if b == 1 else a * b if isinstance(a, int) and isinstance(b, int) else None
        for a, b in zip(data, repeats, strict=True)
    ]


def _pad(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    data = shapes[0]
    if data is None:
        return None
    axes: list[Any] = list(values[3].flat) if len(values) > 3 and values[3] is not None else list(range(len(data)))
    if len(values) > 3 and node.inputs[3] is not None and values[3] is None:
        return [None] * len(data)
    pads = _items(values[1], shapes[1])
    result = list(data)
    for place, axis in enumerate(axes):
        size, before, after = data[axis], pads[place], pads[place + len(axes)]
        known = all(isinstance(item, int) for item in (size, before, after))
        result[axis] = size if before == after == 0 else size + before + after if known else None
    return result


def _split(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    data = shapes[0]
    if data is None:
        return None
    result = list(data)
    result[int(attribute(node, "axis", 0))] = None
    return result


def _top_k(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    data = shapes[0]
    if data is None:
        return None
    result = list(data)
    result[int(attribute(node, "axis", -1))] = None if values[1] is None else values[1].item()
    return result


def _window(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    return [None if values[0] is None else values[0].item()]


def _same(node: ir.Node, shapes: list[list[Size] | None], values: list[Array | None]) -> list[Size] | None:
    return shapes[0]


Rule = Callable[[ir.Node, list[list[Size] | None], list[Array | None]], list[Size] | None]
OWN = frozenset({"Slice"})
RULES: dict[str, Rule] = {
    "Reshape": _reshape,
    "Expand": _expand,
    "ConstantOfShape": lambda node, shapes, values: _items(values[0], shapes[0]),
    "Slice": _slice,
    "Resize": _resize,
    "Tile": _tile,
    "Pad": _pad,
    "Split": _split,
    "TopK": _top_k,
    "Range": lambda node, shapes, values: [None],
    **dict.fromkeys(("Dropout", "GroupNormalization", "MeanVarianceNormalization", "RMSNormalization"), _same),
    **dict.fromkeys(("BlackmanWindow", "HammingWindow", "HannWindow"), _window),
    "HardSwish": _same,
    "Swish": _same,
}
