"""What NVIDIA's parser refuses by looking at a node's operator and attributes alone, before it knows any shape.

All the nodes of a model are looked at, so one parse may report several of these. Texts and codes are those of NVIDIA's
TensorRT-RTX 1.7.1 parser. Called by `importing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from nogpu.tensorrt.parser.datatypes import EVERY, DataType
from nogpu.tensorrt.parser.operators import FROM_PLUGINS, NO_PLUGIN, REFUSED, SUPPORTED
from nogpu.tensorrt.parser.problems import Refused, refuse
from nogpu.tensorrt.plugin_registry import registered_operators

Check = Callable[[ir.Node], Refused | None]


def attribute(node: ir.Node, name: str, default: Any = None) -> Any:
    """Return the value of a node's attribute, or the default. Strings are str, lists are tuples."""
    found = node.attributes.get(name)
    if found is None or found.is_ref():
        return default
    return found.value


def check(node: ir.Node) -> None:
    """Refuse the node for its operator or its attributes."""
    operator = node.op_type
    if operator in REFUSED:
        raise refuse("UNSUPPORTED_NODE", f"check{operator}", "false")
    if operator in FROM_PLUGINS and operator not in registered_operators():
        text = f"Assertion failed: creator: {operator} plugin was not found in plugin registry."
        code = "INVALID_NODE" if operator in ("LinearAttention", "CausalConvWithState") else "UNSUPPORTED_NODE"
        raise refuse(code, f"import{operator}", text)
    if operator not in SUPPORTED | FROM_PLUGINS:
        raise refuse("INVALID_NODE", "checkFallbackPluginImporter", NO_PLUGIN)
    refused = CHECKS[operator](node) if operator in CHECKS else None
    if refused is not None:
        raise refused


def _pooling(node: ir.Node) -> Refused | None:
    if node.op_type == "LpPool" and attribute(node, "p", 2) not in (1, 2):
        text = '(p == 1 || p == 2) && "Only L1 and L2 normalization are supported."'
        return refuse("UNSUPPORTED_NODE", "checkLpPool", text)
    if any(size != 1 for size in attribute(node, "dilations", ()) or ()):
        text = '(dilations[i] == 1) && "This version of TensorRT does not support dilations other than 1."'
        return refuse("UNSUPPORTED_NODE", "poolingCheckHelper", text)
    return _one_output(node) if node.op_type == "MaxPool" else None


def _one_output(node: ir.Node) -> Refused | None:
    """Refuse a second output that is named (an empty name is no output)."""
    if any(value.name for value in node.outputs[1:]):
        text = f"This version of TensorRT doesn't support mode than 1 outputs for {node.op_type} nodes!"
        return refuse("UNSUPPORTED_NODE", "emptyOutputChecker", text)
    return None


def _batch_normalization(node: ir.Node) -> Refused | None:
    if attribute(node, "training_mode", 0):
        text = '!isTraining && "This version of TensorRT does not support training_mode == 1 in BatchNormalization."'
        return refuse("UNSUPPORTED_NODE", "checkBatchNormalization", text)
    return None


def _cast(node: ir.Node) -> Refused | None:
    if DataType(attribute(node, "to", 0)) not in EVERY | {DataType.DOUBLE}:
        text = 'convertDtype(onnxType, &newType) && "Unsupported data type for the Cast operator!"'
        return refuse("INVALID_NODE", "checkCast", text)
    return None


def _resize(node: ir.Node) -> Refused | None:
    modes = ("align_corners", "tf_half_pixel_for_nn", "pytorch_half_pixel", "half_pixel", "asymmetric")
    if attribute(node, "coordinate_transformation_mode", "half_pixel") not in modes:
        condition = " || ".join(f'transformationMode == "{mode}"' for mode in modes)
        known = "half_pixel, pytorch_half_pixel, tf_half_pixel_for_nn, asymmetric and align_corners"
        text = f'({condition}) && "TensorRT only supports {known} transformation modes!"'
        return refuse("UNSUPPORTED_NODE", "checkResize", text)
    if attribute(node, "antialias", 0):
        text = '(antialias == 0) && "Antialiasing is not supported currently."'
        return refuse("UNSUPPORTED_NODE_ATTR", "checkResize", text)
    if attribute(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        words = "Only `stretch` is supported currently as `keep_aspect_ratio_policy`."
        text = f'(keep_aspect_ratio_policy == "stretch") && "{words}"'
        return refuse("UNSUPPORTED_NODE_ATTR", "checkResize", text)
    return None


def _constant(node: ir.Node) -> Refused | None:
    if any(name in node.attributes for name in ("sparse_value", "value_string", "value_strings")):
        text = (
            '(!attrs.contains("sparse_value")) && (!attrs.contains("value_string")) && '
            '(!attrs.contains("value_strings")) && "This version of TensorRT does not support the '
            'sparse_value, value_string and value_strings attributes."'
        )
        return refuse("UNSUPPORTED_NODE", "checkConstant", text)
    return None


def _random(node: ir.Node) -> Refused | None:
    kinds = (None, DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16)
    kind = attribute(node, "dtype")
    if (DataType(kind) if kind is not None else None) not in kinds:
        which = "Normal" if "Normal" in node.op_type else "Uniform"
        return refuse("INVALID_VALUE", f"random{which}CheckHelper", f"Unsupported data type in random{which}")
    return None


def _attention(node: ir.Node) -> Refused | None:
    if attribute(node, "softcap", 0.0):
        text = 'softcap == 0.0 && "Setting softcap is not supported in TensorRT Attention."'
        return refuse("UNSUPPORTED_NODE", "checkAttention", text)
    if "softmax_precision" in node.attributes:
        text = '!hasSoftmaxPrecision && "Setting softmax precision is not supported in TensorRT Attention."'
        return refuse("UNSUPPORTED_NODE", "checkAttention", text)
    if any(value.name for value in node.outputs[1:]):
        text = "Assertion failed: node.output().size() == 1: TensorRT only supports Attention nodes with one output."
        return refuse("INVALID_NODE", "importAttention", text)
    return None


def _scatter(node: ir.Node) -> Refused | None:
    if attribute(node, "reduction", "none") == "none":
        return None
    if node.op_type == "ScatterND":
        text = 'Assertion failed: mode == "none": ScatterND with reduction is not supported.'
        return refuse("UNSUPPORTED_NODE_ATTR", "importScatterND", text)
    return refuse("UNSUPPORTED_NODE_ATTR", "importScatterElements", "Unsupported reduction type")


def _recurrent(node: ir.Node) -> Refused | None:
    if attribute(node, "input_forget", 0):
        text = f'inputForget == 0 && "Coupled input/forget is unsupported in the {node.op_type} converter"'
        return refuse("UNSUPPORTED_NODE", f"check{node.op_type}", text)
    return None


CHECKS: dict[str, Check] = {
    **dict.fromkeys(("AveragePool", "MaxPool", "LpPool"), _pooling),
    **dict.fromkeys(("LayerNormalization",), _one_output),
    **dict.fromkeys(("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"), _random),
    **dict.fromkeys(("ScatterND", "ScatterElements", "Scatter"), _scatter),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Resize": _resize,
    "Constant": _constant,
    "Attention": _attention,
}
