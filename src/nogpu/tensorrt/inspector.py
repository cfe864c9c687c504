"""EngineInspector: what the engine's layers are, as text or as JSON with NVIDIA's keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nogpu.tensorrt.enumerations import DataType, LayerInformationFormat, ProfilingVerbosity
from nogpu.tensorrt.native import Made
from nogpu.tensorrt.reporting import Reporting

if TYPE_CHECKING:
    from nogpu.tensorrt.engine import ICudaEngine

_TYPE_WORDS = {"FLOAT": "Float", "HALF": "Half", "BF16": "BFloat16", "UINT8": "UInt8"}


class EngineInspector(Made, Reporting):
    """Tells about an engine: names only, unless it was built with `profiling_verbosity = DETAILED`."""

    def _begin(self, engine: ICudaEngine) -> None:
        self._engine, self._reporter = engine, engine._reporter.inherit()
        self._context: Any = None

    @property
    def execution_context(self) -> Any:
        """The context whose shapes are shown; None: the engine's own."""
        return self._context

    @execution_context.setter
    def execution_context(self, context: Any) -> None:
        self._context = context

    def get_engine_information(self, format: LayerInformationFormat) -> str:
        """Return all layers, and what goes in and out."""
        layers = self._engine._facts["layers"]
        if format == LayerInformationFormat.ONELINE:
            lines = ["Layers:", *(self._line(layer) for layer in layers), "", "Bindings:"]
            return "\n".join([*lines, *self._engine._names]) + "\n"
        tensors = [self._tensor(tensor) for tensor in self._engine._facts["tensors"]]
        return json.dumps({"Layers": [self._layer(layer) for layer in layers], "I/O Tensors": tensors}, indent=2)

    def get_layer_information(self, layer_index: int, format: LayerInformationFormat) -> str:
        """Return one layer."""
        layers = self._engine._facts["layers"]
        if not 0 <= layer_index < len(layers):
            text = f"Parameter check failed: layer {layer_index} is not one of {len(layers)}."
            self._reporter.error("IEngineInspector::getLayerInformation", 3, text)
            return ""
        layer = layers[layer_index]
        if format == LayerInformationFormat.ONELINE:
            return self._line(layer) + "\n"
        return json.dumps(self._layer(layer), indent=2)

    def _verbosity(self) -> ProfilingVerbosity:
        return self._engine.profiling_verbosity

    def _layer(self, layer: dict[str, Any]) -> Any:
        if self._verbosity() == ProfilingVerbosity.NONE:
            return ""
        if self._verbosity() == ProfilingVerbosity.LAYER_NAMES_ONLY:
            return layer["name"]
        facts = {
            "Name": layer["name"],
            "LayerType": layer["type"],
            "Inputs": [_described(tensor) for tensor in layer["inputs"]],
            "Outputs": [_described(tensor) for tensor in layer["outputs"]],
            "Precision": layer["precision"],
        }
        more = layer["metadata"]
        extra = more if isinstance(more, dict) else {"Metadata": more}
        return facts | {"TacticName": "", "StreamId": 0, "Metadata": ""} | extra

    def _line(self, layer: dict[str, Any]) -> str:
        facts = self._layer(layer)
        if isinstance(facts, str):
            return facts
        ends = [
            ", ".join(f"{t['Name']} ({t['Format/Datatype']}{t['Dimensions']})" for t in facts[side])
            for side in ("Inputs", "Outputs")
        ]
        return f"Layer({facts['LayerType']}): {facts['Name']}, Tactic: {facts['TacticName']}, {ends[0]} -> {ends[1]}"

    def _tensor(self, tensor: dict[str, Any]) -> dict[str, Any]:
        name = tensor["name"]
        shape = tensor["shape"] if self._context is None else list(self._context.get_tensor_shape(name))
        facts: dict[str, Any] = {
            "Name": name,
            "IOMode": tensor["mode"].capitalize(),
            "DataType": _word(tensor["dtype"]),
            "Dimensions": shape,
            "Location": "Host" if tensor["for_shapes"] else "Device",
            "IsShapeInferenceIO": tensor["for_shapes"],
        }
        profiles = [each[name] for each in self._engine._facts["profiles"] if name in each]
        if profiles:
            facts["ProfileInfo"] = [
                {"MinShape": a, "OptShape": b, "MaxShape": c, "Format": "Linear"} for a, b, c in profiles
            ]
        return facts


def _described(tensor: Any) -> dict[str, Any]:
    if isinstance(tensor, str):
        tensor = {"name": tensor}
    known = {str(key).lower(): value for key, value in tensor.items()}
    kind = known.get("dtype", known.get("format/datatype", ""))
    shape = known.get("shape", known.get("dimensions", []))
    return {"Name": known["name"], "Location": "Device", "Dimensions": shape, "Format/Datatype": _word(kind)}


def _word(kind: Any) -> str:
    name = kind.name if isinstance(kind, DataType) else str(kind)
    return _TYPE_WORDS.get(name, name if not name.isupper() else name.capitalize())
