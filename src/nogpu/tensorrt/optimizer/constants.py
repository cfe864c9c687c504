"""Constant folding: what does not depend on an input is computed once, when the engine is built."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript.optimizer import fold_constants as fold

KEPT = {"QuantizeLinear", "DequantizeLinear"}  # Q/DQ says how to compute: folded away, INT8 would be lost
LARGEST_INPUT, LARGEST_OUTPUT = 1 << 20, 1 << 24  # elements


def fold_constants(model: ir.Model) -> int:
    """Replace constant subgraphs by initializers; return how many nodes went. (onnxscript's evaluator.)"""
    before = len(model.graph)
    fold(
        model,
        onnx_shape_inference=False,
        input_size_limit=LARGEST_INPUT,
        output_size_limit=LARGEST_OUTPUT,
        should_fold=lambda node: False if node.op_type in KEPT else None,
    )
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    return before - len(model.graph)
