"""Follow the small integer tensors that shapes are made of (Shape, Gather, Concat, ...), even where a size is unknown.

A value is a NumPy array of Python objects: a number, a bool, a str (the name of a dynamic dimension), or None (not
known before the network runs). Only tensors of at most LIMIT elements are followed. Called by `importing`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.parser.static_checks import attribute

LIMIT = 1024
# NVIDIA's parser folds these alone: what comes out of a Reshape or an Add of constants is no constant any more for it.
KEEP_WEIGHTS = frozenset({"Constant", "Identity", "Cast", "CastLike"})
Size = int | str | None
Array = np.ndarray[Any, np.dtype[np.object_]]


def array(items: Any, shape: tuple[int, ...] | None = None) -> Array:
    """Return an array of Python objects."""
    plain = np.asarray(items, dtype=object)
    return plain if shape is None else plain.reshape(shape)


class ShapeValues:
    """What is known of the small tensors of one model."""

    def __init__(self) -> None:
        self._known: dict[ir.Value, Array] = {}
        self._weights: set[ir.Value] = set()  # what NVIDIA's parser knows as weights

    def of(self, value: ir.Value | None) -> Array | None:
        """Return what is known of a value, or None."""
        if value is None:
            return None
        if value not in self._known and value.const_value is not None:
            constant = value.const_value
            if constant.size <= LIMIT and constant.dtype.bitwidth >= 8 and constant.dtype != ir.DataType.STRING:
                # float64 as a stop on the way: bfloat16 and float8 have no `tolist` of their own
                numbers = constant.numpy()
                plain = numbers if numbers.dtype.kind in "iufb" else numbers.astype(np.float64)
                self._known[value] = array(plain.tolist(), plain.shape)
        return self._known.get(value)

    def numbers(self, value: ir.Value | None) -> list[Any] | None:
        """Return the elements as a flat list when all of them are known numbers, else None."""
        known = self.of(value)
        if known is None or any(item is None or isinstance(item, str) for item in known.flat):
            return None
        return list(known.flat)

    def is_weights(self, value: ir.Value | None) -> bool:
        """Say whether a value is what NVIDIA's parser calls weights: an initializer, or one merely cast or renamed."""
        return value is not None and (value.const_value is not None or value in self._weights)

    def follow(self, node: ir.Node, sizes: list[list[Size] | None]) -> None:
        """Work out what the node makes of what is known. `sizes`: the shapes of its inputs."""
        if node.op_type in KEEP_WEIGHTS and all(self.is_weights(value) for value in node.inputs if value):
            self._weights.update(node.outputs)
        rule = RULES.get(node.op_type)
        if rule is None:
            return
        try:
            made = rule(node, [self.of(value) for value in node.inputs], sizes)
        except Exception:  # what cannot be worked out is not known: the checks of shapes come elsewhere
            return
        for value, known in zip(node.outputs, made if isinstance(made, list) else [made], strict=False):
            if known is not None and known.size <= LIMIT:
                self._known[value] = known


def _fits(item: Any) -> Any:
    """Return the item, or None where it left the range of int64 or is no finite number."""
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return None if isinstance(item, int) and abs(item) >= 2**63 else item


def _each(function: Callable[..., Any]) -> Callable[..., Array]:
    """Make an element-wise rule of a function of numbers; anything unknown gives unknown."""

    def one(*items: Any) -> Any:
        if any(item is None or isinstance(item, str) for item in items):
            return None
        try:
            return _fits(function(*items))
        except (ArithmeticError, ValueError):
            return None

    def rule(node: ir.Node, values: list[Array | None], sizes: Any) -> Array:
        given = [value for value in values if value is not None]
        if len(given) < len(values):
            raise LookupError
        result = given[0]
        if len(given) == 1:
            return _map(one, result)
        for other in given[1:]:
            result = _map(one, result, other)
        return result

    return rule


def _map(function: Callable[..., Any], *arrays: Array) -> Array:
    spread = np.broadcast_arrays(*arrays)
    items = [function(*together) for together in zip(*(one.flat for one in spread), strict=True)]
    return array(items, spread[0].shape)


def _divide(a: Any, b: Any) -> Any:
    if isinstance(a, float) or isinstance(b, float):
        return a / b
    quotient = abs(a) // abs(b)  # ONNX: integers are truncated towards zero
    return quotient if (a < 0) == (b < 0) else -quotient


def _keep_symbol(number: Callable[..., Any], neutral: int) -> Callable[..., Array]:
    """As `_each`, but the name of a dimension survives the neutral element (batch * 1 is batch)."""
    plain = _each(number)

    def rule(node: ir.Node, values: list[Array | None], sizes: Any) -> Array:
        left, right = values[0], values[-1]
        if len(values) == 2 and left is not None and right is not None:

            def one(a: Any, b: Any) -> Any:
                if isinstance(a, str) and b == neutral:
                    return a
                if isinstance(b, str) and a == neutral and number in (operator.add, operator.mul):
                    return b
                known = None not in (a, b) and not isinstance(a, str) and not isinstance(b, str)
                return _fits(number(a, b)) if known else None

            return _map(one, left, right)
        return plain(node, values, sizes)

    return rule


def _shape(node: ir.Node, values: Any, sizes: list[list[Size] | None]) -> Array | None:
    if sizes[0] is None:
        return None
    start, end = attribute(node, "start", 0), attribute(node, "end", len(sizes[0]))
    return array(sizes[0][start:end])


def _size(node: ir.Node, values: Any, sizes: list[list[Size] | None]) -> Array | None:
    if sizes[0] is None:
        return None
    known = [size for size in sizes[0] if isinstance(size, int)]
    return array([_fits(math.prod(known)) if len(known) == len(sizes[0]) else None], ())


def _cast(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    kind = ir.DataType(int(attribute(node, "to", 1)))
    to: Callable[[Any], Any] = float if kind.is_floating_point() else bool if kind == ir.DataType.BOOL else int
    if values[0] is None:
        return None
    symbols = kind in (ir.DataType.INT64, ir.DataType.INT32)
    return _map(
        lambda item: (item if symbols else None) if isinstance(item, str) or item is None else to(item), values[0]
    )


def _axes(value: Array | None) -> tuple[int, ...] | None:
    return None if value is None else tuple(int(item) for item in value.flat)


def _slice(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    data, starts, ends = values[0], values[1], values[2]
    if data is None or starts is None or ends is None:
        return None
    axes = _axes(values[3] if len(values) > 3 else None) or tuple(range(starts.size))
    steps = values[4] if len(values) > 4 and values[4] is not None else array([1] * starts.size)
    cut = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.flat, ends.flat, steps.flat, strict=True):
        cut[axis] = _python_slice(int(start), int(end), int(step), data.shape[axis])
    return data[tuple(cut)]


def _python_slice(start: int, end: int, step: int, size: int) -> slice:
    if step > 0:
        return slice(start, end, step)
    end = end + size if end < 0 else end
    return slice(start, None if end < 0 else end, step)


def _reshape(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    if values[0] is None or values[1] is None:
        return None
    wanted = [values[0].shape[i] if size == 0 else int(size) for i, size in enumerate(values[1].flat)]
    return values[0].reshape(wanted)


def _range(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    if any(value is None or value.item() is None or isinstance(value.item(), str) for value in values):
        return None
    first, last, step = (value.item() for value in values if value is not None)
    if not step or (last - first) / step > LIMIT:
        return None
    return array(np.arange(first, last, step).tolist())


def _constant(node: ir.Node, values: Any, sizes: Any) -> Array | None:
    for name in ("value_int", "value_float", "value_ints", "value_floats"):
        if name in node.attributes:
            found = attribute(node, name)
            return array(list(found) if isinstance(found, (list, tuple)) else [found], None if "s" in name[-1] else ())
    tensor = attribute(node, "value")
    if tensor is None or tensor.size > LIMIT or tensor.dtype.bitwidth < 8:
        return None
    numbers = tensor.numpy()
    plain = numbers if numbers.dtype.kind in "iufb" else numbers.astype(np.float64)
    return array(plain.tolist(), plain.shape)


def _filled(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    shape = values[0]
    if shape is None or math.prod(int(size) for size in shape.flat) > LIMIT:
        return None
    tensor = attribute(node, "value")
    item = tensor.numpy().reshape(-1)[0].item() if tensor is not None else 0.0
    return np.full(tuple(int(size) for size in shape.flat), item, dtype=object)


def _reduce(function: Callable[[Any, Any], Any]) -> Callable[..., Array | None]:
    def rule(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
        if values[0] is None or values[0].ndim != 1:
            return None
        items = list(values[0].flat)
        if any(item is None or isinstance(item, str) for item in items) or not items:
            result = None
        else:
            result = items[0]
            for item in items[1:]:
                result = _fits(function(result, item))
                if result is None:
                    break
        return array([result], (1,) if attribute(node, "keepdims", 1) else ())

    return rule


def _gather(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    if values[0] is None or values[1] is None:
        return None
    axis = int(attribute(node, "axis", 0))
    taken = np.take(values[0], np.asarray(values[1].tolist(), dtype=np.int64), axis=axis)
    return taken if isinstance(taken, np.ndarray) else array([taken], ())


def _concat(node: ir.Node, values: list[Array | None], sizes: list[list[Size] | None]) -> Array | None:
    parts = []
    for value, shape in zip(values, sizes, strict=True):
        if value is None:  # its length may be known all the same
            known = [size for size in shape or [None] if isinstance(size, int)]
            if shape is None or len(known) < len(shape) or math.prod(known) > LIMIT:
                return None
            value = np.full(tuple(known), None, dtype=object)
        parts.append(value)
    return np.concatenate(parts, axis=int(attribute(node, "axis", 0)))


def _unsqueeze(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    axes = _axes(values[1])
    return None if values[0] is None or axes is None else np.expand_dims(values[0], axes)


def _squeeze(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    return None if values[0] is None else np.squeeze(values[0], _axes(values[1]) if len(values) > 1 else None)


def _split(node: ir.Node, values: list[Array | None], sizes: Any) -> list[Array | None]:
    if values[0] is None:
        return []
    axis = int(attribute(node, "axis", 0))
    length = values[0].shape[axis]
    each = -(-length // len(node.outputs))
    lengths = _axes(values[1]) if len(values) > 1 else None
    lengths = lengths or tuple(min(each, length - each * i) for i in range(len(node.outputs)))
    return list(np.split(values[0], np.cumsum(lengths)[:-1], axis=axis))


def _expand(node: ir.Node, values: list[Array | None], sizes: Any) -> Array | None:
    shape = _axes(values[1])
    if values[0] is None or shape is None or math.prod(shape) > LIMIT:
        return None
    return np.broadcast_to(values[0], np.broadcast_shapes(values[0].shape, shape))


RULES: dict[str, Callable[..., Any]] = {
    "Shape": _shape,
    "Size": _size,
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Identity": lambda node, values, sizes: values[0],
    "Cast": _cast,
    "CastLike": lambda node, values, sizes: values[0],
    "Gather": _gather,
    "Concat": _concat,
    "Slice": _slice,
    "Reshape": _reshape,
    "Flatten": lambda node, values, sizes: None,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Split": _split,
    "Range": _range,
    "Expand": _expand,
    "Transpose": lambda node, values, sizes: (
        None if values[0] is None else values[0].transpose(attribute(node, "perm"))
    ),
    "Add": _keep_symbol(operator.add, 0),
    "Sub": _keep_symbol(operator.sub, 0),
    "Mul": _keep_symbol(operator.mul, 1),
    "Div": _keep_symbol(_divide, 1),
    "Mod": _each(lambda a, b: a % b),
    "Max": _each(max),
    "Min": _each(min),
    "Neg": _each(operator.neg),
    "Abs": _each(abs),
    "Floor": _each(lambda a: float(math.floor(a))),
    "Ceil": _each(lambda a: float(math.ceil(a))),
    "Sqrt": _each(math.sqrt),
    "Equal": _each(operator.eq),
    "Less": _each(operator.lt),
    "Greater": _each(operator.gt),
    "LessOrEqual": _each(operator.le),
    "GreaterOrEqual": _each(operator.ge),
    "And": _each(lambda a, b: a and b),
    "Or": _each(lambda a, b: a or b),
    "Not": _each(operator.not_),
    "Where": lambda node, values, sizes: _map(lambda c, a, b: None if c is None else a if c else b, *values),
    "ReduceProd": _reduce(operator.mul),
    "ReduceSum": _reduce(operator.add),
    "ReduceMax": _reduce(max),
    "ReduceMin": _reduce(min),
}
