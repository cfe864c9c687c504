"""Opens ONNX Runtime sessions as a tactic says. `tactics` times them, `executable` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import onnxruntime as ort
from onnx import TensorProto

_TYPES = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(bool)": np.bool_,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8,
    "tensor(bfloat16)": ml_dtypes.bfloat16,
}  # fmt: skip
# ONNX Runtime 1.31 moves zeros around a picture into a MaxPool behind them, which pads with minus infinity. Padding in
# front of a convolution is the optimizer's own business (optimizer.padding).
WRONG = ["Pad_Fusion"]


def open_session(graph: bytes, tactic: Mapping[str, Any], profile_prefix: str = "") -> ort.InferenceSession:
    """Return a session on the CPU for the serialized model `graph`."""
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_{tactic['level']}")
    options.intra_op_num_threads = int(tactic["threads"])  # 0: as many as this machine has
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if tactic["threads"] == 1 else "1")
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # `integers` says what Q/DQ becomes
    if profile_prefix:
        options.enable_profiling, options.profile_file_prefix = True, profile_prefix
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=WRONG)


def random_inputs(
    session: ort.InferenceSession, shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return inputs to time a session with: the given shapes, 1 where a size is free and none is given."""
    inputs = {}
    for each in session.get_inputs():
        shape = shapes.get(each.name) or tuple(size if isinstance(size, int) else 1 for size in each.shape)
        kind = np.dtype(_TYPES.get(each.type, np.float32))
        values = np.ones(shape) if kind.kind in "biu" else rng.standard_normal(shape)
        inputs[each.name] = np.asarray(values).astype(kind)
    return inputs


def bind(session: ort.InferenceSession, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> Any:
    """Return a binding of the session to these arrays' memory; an output without an array gets memory at each run."""
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_input(name, "cpu", 0, _element_type(array), array.shape, array.ctypes.data)
    for each in session.get_outputs():
        if each.name in outputs:
            array = outputs[each.name]
            binding.bind_output(each.name, "cpu", 0, _element_type(array), array.shape, array.ctypes.data)
        else:
            binding.bind_output(each.name, "cpu")
    return binding


def _element_type(array: np.ndarray) -> Any:
    return TensorProto.BFLOAT16 if array.dtype == ml_dtypes.bfloat16 else array.dtype.type
