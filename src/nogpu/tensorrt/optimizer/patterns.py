"""Subgraphs that are one operation: GELU written out, LayerNormalization written out, a matrix product with its bias.

The patterns are onnxscript's: a function of operators, matched against the graph in every order of Add and Mul.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import OrValue, RewriteRule

from nogpu.tensorrt.optimizer.merging import constant, integer, joined, replace, sizes

FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE)
Build = Callable[[dict[str, Any], list[ir.Node]], ir.Node | None]


def fuse_gelu(model: ir.Model) -> int:
    """Put one Gelu in the place of x/2 · (1 + erf(x/√2)), or of its approximation by tanh; return how many there are.

    (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.)
    """
    return _fuse(model, _ERF, partial(_gelu, "none")) + _fuse(model, _TANH, partial(_gelu, "tanh"))


def fuse_layer_normalization(model: ir.Model) -> int:
    """Put one LayerNormalization in the place of mean, difference, variance, division; return how many there are."""
    return _fuse(model, _NORMS, _layer_normalization)


def fuse_bias(model: ir.Model) -> int:
    """Put one Gemm in the place of a product of matrices and the Add of a bias; return how many there are."""
    return _fuse(model, _BIAS, _gemm)


def _fuse(model: ir.Model, rules: Sequence[RewriteRule], build: Build) -> int:
    """Replace each place of the graph that one of the rules matches by the node that `build` makes of it."""
    graph, fused = model.graph, 0
    for node in reversed(list(graph)):  # the largest patterns end last
        for rule in rules if node.graph is graph else ():
            match = rule.match(model, graph, node, check_nodes_are_removable=True)
            if not match:
                continue
            order = {id(each): place for place, each in enumerate(graph)}
            nodes = sorted(match.nodes, key=lambda each: order[id(each)])
            new = build(dict(match.bindings), nodes) if nodes[-1] is node else None
            if new is not None:
                replace(graph, nodes, new)
                fused += 1
                break
    return fused


def _both(operator: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """Return the pattern of an operator whose inputs may stand in either order."""
    return OrValue([operator(a, b), operator(b, a)])


def _product(op: Any, a: Any, b: Any) -> Any:
    return _both(op.Mul, a, b)


def _erf_bell(op: Any, x: Any) -> Any:
    scaled = OrValue([op.Div(x, math.sqrt(2)), op.Mul(x, math.sqrt(0.5)), op.Mul(math.sqrt(0.5), x)])
    return _both(op.Add, op.Erf(scaled), 1.0)


def _tanh_bell(op: Any, x: Any) -> Any:
    cube = OrValue([op.Pow(x, 3.0), _product(op, op.Mul(x, x), x)])
    inner = _both(op.Add, x, _product(op, cube, 0.044715))
    return _both(op.Add, op.Tanh(_product(op, inner, math.sqrt(2 / math.pi))), 1.0)


def _halves(bell: Callable[[Any, Any], Any]) -> list[RewriteRule]:
    """Return the rules for x · bell / 2, wherever the half stands."""
    return _rules(
        lambda op, x: op.Mul(_product(op, x, bell(op, x)), 0.5),
        lambda op, x: op.Mul(0.5, _product(op, x, bell(op, x))),
        lambda op, x: op.Mul(_product(op, x, 0.5), bell(op, x)),
        lambda op, x: op.Mul(bell(op, x), _product(op, x, 0.5)),
        lambda op, x: op.Mul(x, _product(op, bell(op, x), 0.5)),
        lambda op, x: op.Mul(_product(op, bell(op, x), 0.5), x),
    )


def _norm(op: Any, x: Any, epsilon: Any, axes: Any, same_axes: Any) -> Any:
    difference = op.Sub(x, op.ReduceMean(x, axes))
    square = OrValue([op.Pow(difference, 2.0), op.Mul(difference, difference)])
    deviation = op.Sqrt(_both(op.Add, op.ReduceMean(square, same_axes), epsilon))
    return OrValue([op.Div(difference, deviation), _product(op, difference, op.Reciprocal(deviation))])


def _rules(*patterns: Callable[..., Any]) -> list[RewriteRule]:
    return [RewriteRule(each, lambda op, **_: None) for each in patterns]


_ERF, _TANH = _halves(_erf_bell), _halves(_tanh_bell)
_NORMS = _rules(
    lambda op, x, scale, epsilon, axes, same_axes, bias: op.Add(
        _product(op, _norm(op, x, epsilon, axes, same_axes), scale), bias
    ),
    lambda op, x, scale, epsilon, axes, same_axes, bias: op.Add(
        bias, _product(op, _norm(op, x, epsilon, axes, same_axes), scale)
    ),
    lambda op, x, scale, epsilon, axes, same_axes: op.Mul(_norm(op, x, epsilon, axes, same_axes), scale),
    lambda op, x, scale, epsilon, axes, same_axes: op.Mul(scale, _norm(op, x, epsilon, axes, same_axes)),
)
_BIAS = _rules(
    lambda op, x, weight, bias: op.Add(op.MatMul(x, weight), bias),
    lambda op, x, weight, bias: op.Add(bias, op.MatMul(x, weight)),
)


def _gelu(how: str, found: dict[str, Any], nodes: list[ir.Node]) -> ir.Node | None:
    if found["x"].dtype not in FLOATS:
        return None
    return ir.node("Gelu", [found["x"]], {"approximate": how}, name=joined("PWN({})", nodes))


def _layer_normalization(found: dict[str, Any], nodes: list[ir.Node]) -> ir.Node | None:
    x, shape = found["x"], sizes(found["x"].shape)
    axes, same = constant(found["axes"]), constant(found["same_axes"])
    scale, epsilon, bias = (constant(found.get(name)) for name in ("scale", "epsilon", "bias"))
    if shape is None or axes is None or scale is None or epsilon is None or epsilon.size != 1 or x.dtype not in FLOATS:
        return None
    if same is None or axes.tolist() != same.tolist():
        return None
    last = list(range(len(shape)))[-axes.size :]
    if sorted(axis % len(shape) for axis in axes.reshape(-1).tolist()) != last or list(scale.shape) != shape[last[0] :]:
        return None
    if any(not integer(node, "keepdims", 1) for node in nodes):
        return None
    if "bias" in found and (bias is None or bias.shape != scale.shape):
        return None
    inputs = [found[name] for name in ("x", "scale", "bias") if name in found]
    attributes = {"axis": -len(last), "epsilon": float(epsilon.reshape(-1)[0])}
    name = joined("{{ForeignNode[{}]}}", [nodes[0], nodes[-1]], "...")
    return ir.node("LayerNormalization", inputs, attributes, name=name)


def _gemm(found: dict[str, Any], nodes: list[ir.Node]) -> ir.Node | None:
    x, weight, bias = found["x"], constant(found["weight"]), constant(found["bias"])
    if weight is None or bias is None or weight.ndim != 2 or x.dtype not in FLOATS or len(x.shape or ()) != 2:
        return None
    if bias.ndim > 2 or bias.size not in (1, weight.shape[1]) or bias.size != (bias.shape or (1,))[-1]:
        return None
    return ir.node("Gemm", [x, found["weight"], found["bias"]], name=joined("{}", nodes, " + "))
