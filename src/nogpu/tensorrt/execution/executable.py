"""A loaded engine's graph: says which shapes come out, and computes into the memory that it is given."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from nogpu.tensorrt.execution.layer_times import LEVEL, summed
from nogpu.tensorrt.execution.sessions import bind, open_session
from nogpu.tensorrt.execution.tactics import prepared

SMALL = 1024  # elements: an initializer up to this size may decide a shape; larger ones are weights
Shape = tuple[int, ...]


class Executable:
    """One graph with one tactic. `clone()` gives each context, and so each thread, bindings of its own."""

    def __init__(self, graph: bytes, tactic: Mapping[str, Any], layers: Mapping[str, list[str]] | None = None) -> None:
        self._graph, self.tactic, self._layers = graph, dict(tactic), layers or {}
        self._session = open_session(prepared(graph, tactic), tactic)
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._outputs = [each.name for each in self._session.get_outputs()]
        self._skeleton: onnx.ModelProto | None = None
        self._shapes: dict[tuple[Any, ...], dict[str, Shape]] = {}
        self._lock = threading.Lock()
        self._bound: tuple[tuple[Any, ...], Any] | None = None

    def clone(self) -> Executable:
        """Return another that shares the session, with bindings of its own."""
        twin = object.__new__(Executable)
        twin.__dict__.update(self.__dict__)
        twin._bound = None
        return twin

    def output_shapes(
        self, shapes: Mapping[str, Shape], values: Mapping[str, np.ndarray] | None = None
    ) -> dict[str, Shape]:
        """Return the outputs' shapes for inputs of these shapes; -1 for a size that only the run will tell.

        `values` has the values of inputs that decide shapes.
        """
        values = values or {}
        key = (*sorted(shapes.items()), *((name, array.tobytes()) for name, array in sorted(values.items())))
        with self._lock:
            if key not in self._shapes:
                if len(self._shapes) > 256:
                    self._shapes.clear()
                self._shapes[key] = self._infer(shapes, values)
            return self._shapes[key]

    def _infer(self, shapes: Mapping[str, Shape], values: Mapping[str, np.ndarray]) -> dict[str, Shape]:
        if self._skeleton is None:
            self._skeleton = _without_weights(onnx.load_model_from_string(self._graph))
        model = onnx.ModelProto()
        model.CopyFrom(self._skeleton)
        graph = model.graph
        for value in list(graph.input):
            if value.name in values:
                graph.initializer.append(numpy_helper.from_array(np.asarray(values[value.name]), value.name))
                graph.input.remove(value)
            elif value.name in shapes:
                value.type.tensor_type.shape.CopyFrom(
                    onnx.TensorShapeProto(
                        dim=[onnx.TensorShapeProto.Dimension(dim_value=n) for n in shapes[value.name]]
                    )
                )
        declared = {value.name: _sizes(value) for value in graph.output}
        for value in graph.output:
            value.type.tensor_type.ClearField("shape")
        del graph.value_info[:]
        found = _output_sizes(model)
        # ONNX's inference loses track in some computations of shapes (Shape, Squeeze, Concat, as exporters write them).
        if any(shape is None or -1 in shape for shape in found.values()):
            found = _output_sizes(_with_shapes_computed(model))
        return {name: _known(shape, declared[name]) for name, shape in found.items()}

    def run(
        self,
        inputs: Mapping[str, np.ndarray],
        outputs: dict[str, Any],
        profiler: Callable[[str, float], Any] | None = None,
    ) -> None:
        """Compute. Arrays are used where they lie; an output given as None is put into `outputs` as a new array."""
        if profiler is not None:
            self._run_profiled(inputs, outputs, profiler)
            return
        if any(array is None for array in outputs.values()):
            self._store(self._compute(self._session, inputs, outputs), outputs)
            return
        key = tuple((name, array.ctypes.data, array.shape) for name, array in (*inputs.items(), *outputs.items()))
        if self._bound is None or self._bound[0] != key:
            self._bound = (key, bind(self._session, inputs, outputs))
        self._session.run_with_iobinding(self._bound[1])

    def _compute(self, session: Any, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, Any]) -> list[np.ndarray]:
        """Run once and return all outputs, those without an array of their own as new ones."""
        known = {name: array for name, array in outputs.items() if array is not None}
        binding = bind(session, inputs, known)
        session.run_with_iobinding(binding)
        made = dict(zip(self._outputs, binding.get_outputs(), strict=True))
        return [known[name] if name in known else made[name].numpy() for name in self._outputs]

    def _run_profiled(
        self, inputs: Mapping[str, np.ndarray], outputs: dict[str, Any], profiler: Callable[[str, float], Any]
    ) -> None:
        """Run once with ONNX Runtime's profiler and report each layer's time in milliseconds."""
        plain = self.tactic | {"level": LEVEL}
        with tempfile.TemporaryDirectory(prefix="nogpu-profile-") as folder:
            session = open_session(prepared(self._graph, plain), plain, str(Path(folder) / "run"))
            self._compute(session, inputs, outputs)
            self._store(self._compute(session, inputs, outputs), outputs)
            events = json.loads(Path(session.end_profiling()).read_text())
        nodes = [each for each in events if each.get("cat") == "Node" and each["name"].endswith("_kernel_time")]
        for layer, milliseconds in summed(nodes[len(nodes) // 2 :], self._layers).items():
            profiler(layer, milliseconds)

    def _store(self, computed: list[np.ndarray], outputs: dict[str, Any]) -> None:
        for name, array in zip(self._outputs, computed, strict=True):
            if outputs.get(name) is None:
                outputs[name] = array


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its large initializers as inputs of known shape: what shape inference needs is small."""
    light = onnx.ModelProto()
    light.CopyFrom(model)
    del light.graph.initializer[:]
    for tensor in model.graph.initializer:
        if int(np.prod(tensor.dims)) <= SMALL:
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    return light


def _output_sizes(model: onnx.ModelProto) -> dict[str, Shape | None]:
    """Return what ONNX infers of the outputs' shapes; -1 for a size, None for a rank that it cannot tell."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return {value.name: _sizes(value) for value in inferred.graph.output}


def _sizes(value: onnx.ValueInfoProto) -> Shape | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(size.dim_value if size.HasField("dim_value") else -1 for size in tensor.shape.dim)


def _known(inferred: Shape | None, declared: Shape | None) -> Shape:
    """Return the inferred shape; what is not known of it (of a Loop's value, say) as the plan declares it."""
    if inferred is None or declared is None or len(inferred) != len(declared):
        return declared or () if inferred is None else inferred
    return tuple(size if size != -1 else other for size, other in zip(inferred, declared, strict=True))


def _with_shapes_computed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with everything computed that depends on the inputs' shapes alone."""
    from onnxscript.optimizer import fold_constants

    folded = ir.from_proto(model)
    fold_constants(folded, onnx_shape_inference=True, input_size_limit=SMALL, output_size_limit=SMALL)
    return ir.to_proto(folded)
