"""Whether a network may be built with a config, in NVIDIA's order and words; and what the engine will say of itself.

Called by `builder`. NVIDIA's messages were read off its RTX builder and its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.config import IBuilderConfig
from nogpu.tensorrt.enumerations import DataType
from nogpu.tensorrt.network.definition import INetworkDefinition
from nogpu.tensorrt.network.emission import shape_of
from nogpu.tensorrt.parser import REFUSED_AT_BUILD
from nogpu.tensorrt.profiles import IOptimizationProfile, Triple
from nogpu.tensorrt.reporting import Failure

WHERE = "IBuilder::buildSerializedNetwork"
Profiles = list[Mapping[str, Triple]]


def check(network: INetworkDefinition, config: IBuilderConfig) -> tuple[ir.Model, Profiles]:
    """Return the network's model and, for each profile, every input's shapes. Raises Failure."""
    if not network.num_outputs:
        raise Failure(WHERE, 4, "Network must have at least one output.")
    try:
        model = network._model
    except Failure as failure:
        raise Failure(WHERE, failure.code, failure.text, failure.title) from None
    refused = list(model.meta.get(REFUSED_AT_BUILD, ()))
    for message in refused[:-1]:
        network._reporter.error(WHERE, 4, message)
    if refused:
        raise Failure(WHERE, 4, refused[-1])
    inputs = {value.name or "": shape_of(value) for value in model.graph.inputs}
    shape_inputs = network._shape_input_names()
    dynamic = any(-1 in shape for shape in inputs.values()) or bool(shape_inputs)
    if dynamic and not config._profiles:
        raise Failure(WHERE, 4, "Network has dynamic or shape inputs, but no optimization profile has been defined.")
    profiles: list[IOptimizationProfile | None] = [*config._profiles] or [None]
    return model, [_check_profile(inputs, shape_inputs, profile, k) for k, profile in enumerate(profiles)]


def _check_profile(
    inputs: dict[str, tuple[int, ...]], shape_inputs: tuple[str, ...], profile: IOptimizationProfile | None, number: int
) -> dict[str, Triple]:
    result = {}
    for name, shape in inputs.items():
        given = profile._shapes.get(name) if profile is not None else None
        if given is None:
            if -1 in shape:
                raise Failure(WHERE, 4, f"Dynamic input tensor {name} is missing dimensions in profile {number}.")
            given = (shape, shape, shape)
        result[name] = given
        if len(given[0]) != len(shape):
            text = f"Dynamic-shaped input tensor {name} has {len(shape)} dimensions but profile {number} has "
            raise Failure(WHERE, 4, text + f"{len(given[0])} dimensions.")
        for axis, size in enumerate(shape):
            least, usual, most = (three[axis] for three in given)
            if size != -1 and not least == usual == most == size:
                raise Failure(
                    WHERE,
                    4,
                    f"Dimension mismatch for tensor {name} and profile {number}. At dimension axis {axis}, profile has "
                    f"min={least}, opt={usual}, max={most} but tensor has {size}.",
                )
    for name in shape_inputs:
        if profile is None or name not in profile._values:
            raise Failure(WHERE, 4, f"Shape input tensor {name} is missing values in profile {number}.")
    return result


def engine_facts(
    network: INetworkDefinition, model: ir.Model, profiles: Profiles, config: IBuilderConfig
) -> dict[str, Any]:
    """Return what the engine knows of itself, as plain data for the plan."""
    shape_inputs = set(network._shape_input_names())
    shape_outputs = {tensor.name for tensor in network._shape_outputs}
    tensors = [_tensor(value, "INPUT", shape_inputs) for value in model.graph.inputs]
    tensors += [_tensor(value, "OUTPUT", shape_outputs) for value in model.graph.outputs]
    weights = sum(v.const_value.nbytes for v in model.graph.initializers.values() if v.const_value is not None)
    return {
        "name": network.name,
        "tensors": tensors,
        "profiles": [{name: [list(shape) for shape in three] for name, three in each.items()} for each in profiles],
        "values": [{name: [list(v) for v in three] for name, three in p._values.items()} for p in config._profiles],
        "verbosity": config.profiling_verbosity.name,
        "capability": config.engine_capability.name,
        "tactic_sources": config.get_tactic_sources(),
        "weights_bytes": int(weights),
    }


def _tensor(value: ir.Value, mode: str, for_shapes: set[str]) -> dict[str, Any]:
    kind: DataType = datatypes.from_onnx(value.dtype or ir.DataType.UNDEFINED)
    facts = {"name": value.name, "mode": mode, "dtype": kind.name, "shape": list(shape_of(value))}
    return facts | {"for_shapes": value.name in for_shapes}
