"""INetworkDefinition: inputs, layers and outputs, and the onnx_ir model that they amount to.

The model is kept up to date lazily: a change marks the layer and all after it as stale; whoever needs a shape, a type
or the model calls `_refresh`, and only the stale layers are turned into nodes again. The parser brings a whole model,
which `_adopt` takes over; layers may be added behind it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import DataType, NetworkDefinitionCreationFlag
from nogpu.tensorrt.native import Made, WithBlock, not_implemented
from nogpu.tensorrt.network import parsed
from nogpu.tensorrt.network.adding import Adding
from nogpu.tensorrt.network.emission import OPSET, Emission
from nogpu.tensorrt.network.layer import ILayer
from nogpu.tensorrt.network.refused import Refused
from nogpu.tensorrt.network.tensor import ITensor
from nogpu.tensorrt.parser.shape_values import ShapeValues
from nogpu.tensorrt.reporting import Failure, Reporter, Reporting

if TYPE_CHECKING:
    from nogpu.tensorrt.builder import Builder

IR_VERSION = 10


def in_order(layers: list[ILayer]) -> list[ILayer]:
    """Return the layers so that each comes after those whose outputs it uses."""
    waiting, ordered = dict.fromkeys(layers), []
    for layer in layers:
        path = [layer]
        while path:
            producers = [tensor._layer for tensor in path[-1]._inputs if tensor is not None]
            first = next((p for p in producers if p in waiting and p not in path), None)
            if first is not None:
                path.append(first)
                continue
            done = path.pop()
            if done in waiting:
                del waiting[done]
                ordered.append(done)
    return ordered


class INetworkDefinition(Adding, Refused, Made, WithBlock, Reporting):
    """A network, made by `builder.create_network()`."""

    UNNAMED = "dim:"  # begins the names of dynamic dimensions that nobody named

    def _begin(self, builder: Builder, reporter: Reporter, flags: int) -> None:
        self._builder, self._reporter = builder, reporter
        self._flags = flags | 1 << int(NetworkDefinitionCreationFlag.STRONGLY_TYPED)  # as every network of TensorRT 11
        graph = ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name="network")
        self._held = ir.Model(graph, ir_version=IR_VERSION)
        self._name = "Unnamed Network 0"
        self._inputs: list[ITensor] = []
        self._outputs: list[ITensor] = []
        self._shape_outputs: list[ITensor] = []
        self._layers: list[ILayer] = []
        self._fresh = 0  # how many layers are up to date
        self._outputs_fresh = True
        self._values = ShapeValues()
        self._tail: list[ir.Node] = []
        self._emitted: list[ILayer] = []  # in the order of the model's nodes
        self._tangled = False  # whether a layer gets something from one that was added after it

    # What there is

    @property
    def name(self) -> str:
        """The network's name; the engine keeps it."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = str(value)

    @property
    def builder(self) -> Builder:
        """The builder that made this network."""
        return self._builder

    @property
    def flags(self) -> int:
        """The creation flags, as bits."""
        return self._flags

    def get_flag(self, flag: NetworkDefinitionCreationFlag) -> bool:
        """Say whether a creation flag was given."""
        return bool(self._flags >> int(flag) & 1)

    @property
    def has_implicit_batch_dimension(self) -> bool:
        """Always False."""
        return False

    @property
    def num_inputs(self) -> int:
        """How many inputs there are."""
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        """How many outputs are marked."""
        return len(self._outputs)

    @property
    def num_layers(self) -> int:
        """How many layers there are."""
        return len(self._layers)

    def get_input(self, index: int) -> ITensor | None:
        """Return an input; None, with an error message, when there is none of that number."""
        return self._pick("getInput", self._inputs, index, "getNbInputs")

    def get_output(self, index: int) -> ITensor | None:
        """Return an output; None, with an error message, when there is none of that number."""
        return self._pick("getOutput", self._outputs, index, "getNbOutputs")

    def get_layer(self, index: int) -> ILayer | None:
        """Return a layer; None, with an error message, when there is none of that number."""
        return self._pick("getLayer", self._layers, index, "getNbLayers")

    def _pick(self, method: str, items: list[Any], index: int, count: str) -> Any:
        if 0 <= index < len(items):
            return items[index]
        text = f"Parameter check failed, condition: (0) <= (index) && (index) < ({count}()). Invalid index: {index}. "
        self._reporter.error(f"INetworkDefinition::{method}", 3, text + f"Valid range is [0, {len(items)}).")
        return None

    def __len__(self) -> int:
        return len(self._layers)

    def __getitem__(self, index: int) -> ILayer:
        if not -len(self._layers) <= index < len(self._layers):
            raise IndexError("Out of bounds")
        return self._layers[index]

    # Inputs and outputs

    def add_input(self, name: str, dtype: DataType, shape: Any) -> ITensor | None:
        """Add an input. -1 in the shape: known at run time only. None, with an error message, if it cannot be."""
        dims = Dims(shape)
        if any(size < -1 for size in dims):
            self._refuse_input("isValidDims(dims, false).")
            return None
        if any(name == tensor.name for tensor in self._inputs):
            self._refuse_input("inName != knownInput->getName().")
            return None
        value = ir.Value(name=name, type=ir.TensorType(datatypes.to_onnx(dtype)), shape=self._dimensions(name, dims))
        self._held.graph.inputs.append(value)
        tensor: ITensor = ITensor._make(self, None, 0, value)
        self._inputs.append(tensor)
        return tensor

    def _refuse_input(self, condition: str) -> None:
        self._reporter.error("INetworkDefinition::addInput", 3, f"Parameter check failed, condition: {condition}")

    def _dimensions(self, name: str, dims: Any, names: dict[int, str] | None = None) -> ir.Shape:
        known = names or {}
        unnamed = f"{self.UNNAMED}{name}."
        return ir.Shape([n if n >= 0 else known.get(axis, f"{unnamed}{axis}") for axis, n in enumerate(dims)])

    def _reshape_input(self, tensor: ITensor, dims: Dims) -> None:
        if tensor._value is not None:
            tensor._value.shape = self._dimensions(tensor.name, dims, tensor._dimension_names)
            self._changed(0)

    def mark_output(self, tensor: ITensor) -> None:
        """Make a tensor an output of the network."""
        self._check(tensor)
        if tensor in self._inputs:
            self._reporter.error(
                "INetworkDefinition::markOutput",
                4,
                f"Failed attempt to set a tensor {tensor.name} as network-level output. It was previously set as a "
                "network-level input. Tensor can't be both input and output at network level.",
            )
        elif tensor not in self._outputs:
            self._outputs.append(tensor)
            self._outputs_fresh = False

    def unmark_output(self, tensor: ITensor) -> None:
        """Make a tensor no output any more."""
        self._check(tensor)
        if tensor in self._outputs:
            self._outputs.remove(tensor)
            self._outputs_fresh = False
            return
        self._reporter.error(
            "INetworkDefinition::unmarkOutput",
            3,
            f"Failed attempt to unset a tensor {tensor.name} as a network-level output. It's currently not set as a "
            "network-level output.",
        )

    def mark_output_for_shapes(self, tensor: ITensor) -> bool:
        """Make a small tensor of whole numbers an output that is read on the host."""
        if tensor in self._inputs or tensor.dtype not in (DataType.INT32, DataType.INT64):
            return False
        self.mark_output(tensor)
        self._shape_outputs.append(tensor)
        return True

    def unmark_output_for_shapes(self, tensor: ITensor) -> bool:
        """Undo `mark_output_for_shapes`."""
        if tensor not in self._shape_outputs:
            return False
        self._shape_outputs.remove(tensor)
        self.unmark_output(tensor)
        return True

    def remove_tensor(self, tensor: ITensor) -> None:
        """Remove an input that no layer uses."""
        users = [layer for layer in self._layers if tensor in layer._inputs or tensor in layer._outputs]
        if users or tensor not in self._inputs:
            owner = users[0].name if users else "the network"
            text = f"Tensor {tensor.name} cannot be removed, because it is referenced by layer {owner}."
            self._reporter.error("INetworkDefinition::removeTensor", 4, text)
            return
        self._held.graph.inputs.pop(self._inputs.index(tensor))
        self._inputs.remove(tensor)

    # Keeping the model up to date

    @property
    def _model(self) -> ir.Model:
        """The network as a model, up to date. Raises Failure where a layer is not valid."""
        self._refresh()
        for layer in self._layers:
            if layer._failure is not None:
                raise layer._failure
        return self._held

    def _adopt(self, model: ir.Model) -> None:
        """Take over what the parser read. Raises NotImplementedError unless the network is empty."""
        if self._inputs or self._layers:
            raise not_implemented("OnnxParser.parse into a network that has inputs or layers", "parse first")
        self._held = model
        tensors: dict[ir.Value | None, ITensor] = {}
        for value in model.graph.inputs:
            tensors[value] = ITensor._make(self, None, 0, value)
            self._inputs.append(tensors[value])
        for node in model.graph:
            parsed.add_layer(self, node, tensors)
        for value in model.graph.outputs:
            if value not in tensors:
                tensors[value] = ITensor._make(self, None, 0, value)
        self._outputs = list(dict.fromkeys(tensors[value] for value in model.graph.outputs))
        self._fresh = len(self._layers)
        self._outputs_fresh = not any(tensor in self._inputs for tensor in self._outputs)
        self._name = model.graph.name or self._name

    def _changed(self, first: int) -> None:
        """Take note that the layers from number `first` on are stale."""
        self._fresh = 0 if self._tangled else min(self._fresh, first)

    def _renamed(self, layer: ILayer) -> None:
        if layer._node is not None:
            layer._node.name = layer._name
        else:
            self._changed(layer._number)

    def _rename(self, tensor: ITensor, name: str) -> None:
        others = [*self._inputs, *(output for layer in self._layers for output in layer._outputs)]
        if any(name == other.name for other in others if other is not tensor):
            text = f"Failed attempt to rename a tensor from {tensor.name} to {name} as the new name is already in use."
            self._reporter.error("ITensor::setName", 3, text)
            return
        tensor._name = name
        if tensor._value is not None:
            tensor._value.name = name
            self._outputs_fresh = False

    def _refresh(self) -> INetworkDefinition:
        """Bring all stale layers up to date. Returns the network itself."""
        if self._fresh < len(self._layers) or not self._outputs_fresh:
            self._withdraw()
            names = Counter(layer.name for layer in self._layers)
            for layer in in_order(self._layers[self._fresh :]):
                self._bring_in(layer, names[layer.name] == 1)
                self._emitted.append(layer)
            self._fresh = len(self._layers)
            self._put_outputs()
        return self

    def _withdraw(self) -> None:
        graph = self._held.graph
        graph.outputs.clear()
        for node in reversed(self._tail):
            graph.remove(node, safe=True)
        self._tail.clear()
        stale = [layer for layer in self._emitted if layer._number >= self._fresh]
        self._emitted = [layer for layer in self._emitted if layer._number < self._fresh]
        for layer in reversed(stale):
            if layer._emission is not None:
                layer._emission.withdraw()
                layer._emission = None

    def _bring_in(self, layer: ILayer, unique: bool) -> None:
        layer._failure = next((f for f in map(self._failure_of, filter(None, layer._inputs)) if f is not None), None)
        if layer._failure is not None:
            return
        try:
            if layer._node is not None:
                parsed.infer_again(layer._node, self._values, layer.name)
                return
            label = layer.name if unique else f"{layer.name}#{layer._number}"
            layer._emission = Emission(self._held.graph, self._values, layer.name, label)
            made = layer._emit(layer._emission, [tensor and tensor._value for tensor in layer._inputs])
            for tensor, value in zip(layer._outputs, made, strict=True):
                value.name = tensor.name if unique or tensor._name else f"{label}_output{tensor._index}"
                tensor._value = value
        except Failure as failure:
            layer._failure = failure

    def _failure_of(self, tensor: ITensor) -> Failure | None:
        return tensor._layer._failure if tensor._layer is not None else None

    def _put_outputs(self) -> None:
        """Tell the graph its outputs. A constant gets a node of its own, for it is none of a graph's outputs itself."""
        graph = self._held.graph
        for tensor in self._outputs:
            value = tensor._value
            if value is None or self._failure_of(tensor) is not None:
                continue
            if value.producer() is None:
                name = value.name
                value.name = f"{name}:constant"
                node = ir.node("Identity", [value], name=f"output {name}")
                node.outputs[0].name, node.outputs[0].type, node.outputs[0].shape = name, value.type, value.shape
                graph.append(node)
                self._tail.append(node)
                value = node.outputs[0]
            graph.outputs.append(value)
        self._outputs_fresh = True

    def _shape_input_names(self) -> tuple[str, ...]:
        """Return the names of inputs whose values decide shapes."""
        self._refresh()
        return parsed.shape_inputs(self._held.graph)
