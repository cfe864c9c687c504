"""Q/DQ for ONNX models with a free choice of layers, places and limits: lesson 06's functions, for lesson and lab 12.

For the tool that does it in one call see `coursekit.precision.to_int8`; here the learner decides each step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

Array = np.ndarray[Any, Any]
PROBED = ("Conv", "Gemm", "Add", "Relu")
WEIGHTED = {"Conv": (0, 1), "Gemm": (0, 1)}


def activations(model: onnx.ModelProto, inputs: Array) -> dict[str, Array]:
    """Return, by name, every value that enters a Conv, Gemm, Add or Relu of an FP32 model for these inputs.

    The model has one input; `inputs` is the array for it, examples along the first axis.
    """
    import onnxruntime

    probe = onnx.ModelProto.FromString(model.SerializeToString())
    (source,) = (value.name for value in model.graph.input)
    weights = {tensor.name for tensor in model.graph.initializer}
    names = {name for node in model.graph.node if node.op_type in PROBED for name in node.input}
    found = sorted(names - weights - {source})
    outputs = {value.name for value in model.graph.output}
    kind = onnx.TensorProto.FLOAT
    probe.graph.output.extend(onnx.helper.make_tensor_value_info(n, kind, None) for n in found if n not in outputs)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    return {source: inputs, **dict(zip(found, session.run(found, {source: inputs}), strict=True))}


def insert_qdq(
    model: onnx.ModelProto,
    limits: Mapping[str, float],
    only: Collection[str] | None = None,
    places: Mapping[str, Collection[int]] = WEIGHTED,
) -> onnx.ModelProto:
    """Return an FP32 model with INT8 inputs for the nodes named in `only` (None: all).

    places: by operator, which of its inputs; by default data and weight of each convolution and matrix product.
    limits: by value name, the largest absolute value of each activation's symmetric range. Data gets a Q and a DQ;
    weights are stored as int8 with one scale per output channel and get a DQ alone. Zero points are 0, biases stay.
    Raises KeyError for an activation without a limit.
    """
    result = ir.from_proto(model)
    graph = result.graph

    def constant(name: str, array: Array) -> ir.Value:
        if name not in graph.initializers:
            graph.register_initializer(ir.val(name, const_value=ir.tensor(array, name=name)))
        return graph.initializers[name]

    quantised: dict[str, ir.Value] = {}  # by the name of the float value: one Q serves all its readers
    for node in [node for node in graph if node.op_type in places and (only is None or node.name in only)]:
        for place in places[node.op_type]:
            value = node.inputs[place]
            assert value is not None
            name = str(value.name)
            if value.const_value is not None:
                weight = value.const_value.numpy()
                largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
                scale = (np.where(largest > 0, largest, 127) / 127).astype(np.float32)
                ruler = constant(f"{name}_scale", scale), constant(f"{name}_zero", np.zeros(len(weight), np.int8))
                source = constant(f"{name}_int8", np.rint(weight.T / scale).T.astype(np.int8))
            else:
                ruler = (
                    constant(f"{name}_scale", np.array(limits[name] / 127, np.float32)),
                    constant("int8_zero", np.array(0, np.int8)),
                )
                if name not in quantised:
                    quantise = ir.node("QuantizeLinear", [value, *ruler], name=f"Q {name}")
                    graph.insert_before(node, quantise)
                    quantised[name] = quantise.outputs[0]
                source = quantised[name]
            back = ir.node("DequantizeLinear", [source, *ruler], {"axis": 0}, name=f"DQ {name} for {node.name}")
            graph.insert_before(node, back)
            node.replace_input_with(place, back.outputs[0])
    for name in [name for name, value in graph.initializers.items() if not value.uses()]:
        del graph.initializers[name]
    return ir.to_proto(result)


def minmax(values: Array) -> float:
    """Return the largest absolute value."""
    return float(np.abs(values).max())


def percentile(values: Array, share: float = 99.9) -> float:
    """Return the limit that `share` per cent of the absolute values stay below."""
    return float(np.percentile(np.abs(values), share))


def entropy(values: Array, bins: int = 1024, levels: int = 128) -> float:
    """Return the limit whose quantised histogram has the least Kullback-Leibler divergence from the real one.

    Zeros are left out, cuts tried from `levels` bins on in steps of 16 (Migacz, GTC 2017; lesson 06 takes it apart).
    """
    magnitudes = np.abs(values[values != 0])
    counts, edges = np.histogram(magnitudes, bins, range=(0, float(magnitudes.max())))
    best = (np.inf, float(edges[-1]))
    for cut in range(levels, bins + 1, 16):
        real, merged = counts[:cut].astype(float), np.arange(cut) * levels // cut
        filled = real > 0
        share = np.bincount(merged, real, levels) / np.maximum(np.bincount(merged, filled, levels), 1)
        quantised = np.where(filled, share[merged], 0.0)
        real[-1] += counts[cut:].sum()
        p, q = real / real.sum(), quantised / max(quantised.sum(), 1)
        with np.errstate(divide="ignore"):  # a clipped share where nothing was before: infinitely different
            divergence = float(np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0])))
        best = min(best, (divergence, float(edges[cut])))
    return best[1]
