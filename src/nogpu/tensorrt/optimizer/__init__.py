"""The optimizer: what the builder does to a network before it looks for tactics.

`optimize` rewrites the graph by passes, one function each, in this order, and then groups the nodes into the engine's
layers. A rewrite never changes a result beyond float rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from nogpu.tensorrt.enumerations import Severity
from nogpu.tensorrt.optimizer.batch_normalization import fold_batch_normalization
from nogpu.tensorrt.optimizer.constants import fold_constants
from nogpu.tensorrt.optimizer.dead_code import remove_dead_code
from nogpu.tensorrt.optimizer.grouping import group
from nogpu.tensorrt.optimizer.horizontal import merge_parallel_convolutions
from nogpu.tensorrt.optimizer.identities import remove_identities
from nogpu.tensorrt.optimizer.layers import Layer, Optimized
from nogpu.tensorrt.optimizer.outputs import compute_outputs
from nogpu.tensorrt.optimizer.padding import fold_padding
from nogpu.tensorrt.optimizer.patterns import fuse_bias, fuse_gelu, fuse_layer_normalization
from nogpu.tensorrt.optimizer.quantization import give_each_reader_its_dequantize, quantize_weights
from nogpu.tensorrt.optimizer.rearranging import join_reshapes, join_transposes
from nogpu.tensorrt.optimizer.scales import fold_scales
from nogpu.tensorrt.settings import Settings

__all__ = ["Layer", "Optimized", "optimize"]

Log = Callable[[Severity, str], Any]

PASSES: tuple[tuple[str, Callable[[ir.Model], int]], ...] = (
    ("ConstantFolding", fold_constants),
    ("WeightQuantization", quantize_weights),
    ("DeadCode", remove_dead_code),
    ("NoOps", remove_identities),
    ("TransposeFusion", join_transposes),
    ("ReshapeFusion", join_reshapes),
    ("DeadCode", remove_dead_code),
    ("NoOps", remove_identities),
    ("GeluFusion", fuse_gelu),
    ("LayerNormalizationFusion", fuse_layer_normalization),
    ("BiasFusion", fuse_bias),
    ("BatchNormalizationFusion", fold_batch_normalization),
    ("ScaleFusion", fold_scales),
    ("PaddingFusion", fold_padding),
    ("HorizontalFusion", merge_parallel_convolutions),
    ("DequantizeCloning", give_each_reader_its_dequantize),
    ("DeadCode", remove_dead_code),
    ("Outputs", compute_outputs),
)


def optimize(model: ir.Model, settings: Settings, log: Log) -> Optimized:
    """Rewrite `model` in place and return it with the layers of the engine. `log` hears what each pass did."""
    before = len(model.graph)
    for name, rewrite in PASSES:
        changed = rewrite(model)
        if changed:
            log(Severity.VERBOSE, f"{name}: {changed} node{'s' * (changed != 1)} changed, {len(model.graph)} left.")
    layers = group(model)
    for layer in layers:
        if len(layer.merged) > 1:
            log(Severity.VERBOSE, f"Fused {len(layer.merged)} nodes into one layer: {layer.name}")
    log(Severity.INFO, f"[GraphReduction] {before} nodes became {len(layers)} layers.")
    return Optimized(model, layers)
