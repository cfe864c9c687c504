"""Dead code: nodes and weights from which no output can be reached."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common


def remove_dead_code(model: ir.Model) -> int:
    """Remove nodes and initializers that nobody uses; return how many nodes went."""
    before = len(model.graph)
    common.RemoveUnusedNodesPass()(model)
    return before - len(model.graph)
