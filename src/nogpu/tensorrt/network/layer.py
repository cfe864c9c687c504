"""ILayer: what all layers have, and the properties by which a layer is told what to do.

A layer is a description. The network turns it into ONNX nodes (`_emit`) when somebody asks for a shape or builds, and
again after a property changed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import onnx_ir as ir

from nogpu.tensorrt.enumerations import DataType, Enumeration, LayerType
from nogpu.tensorrt.native import Made
from nogpu.tensorrt.network.emission import Emission
from nogpu.tensorrt.network.tensor import ITensor
from nogpu.tensorrt.reporting import Failure
from nogpu.tensorrt.weights import as_weights

if TYPE_CHECKING:
    from nogpu.tensorrt.network.definition import INetworkDefinition


class Parameter:
    """A property of a layer, kept as `convert` returns it; setting it makes the network look at the layer again."""

    def __init__(self, convert: Callable[[Any], Any], doc: str = "") -> None:
        self._convert = convert
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._slot = name, f"_{name}"

    def converted(self, value: Any) -> Any:
        """Return the value as the layer keeps it. Raises TypeError, as the bindings, for one of another type."""
        convert = self._convert
        if isinstance(convert, type) and issubclass(convert, Enumeration):
            if not isinstance(value, convert):
                raise TypeError(f"{self._name} is a member of trt.{convert.__name__}, not {value!r}")
            return value
        try:
            return operator.index(value) if convert is int else self._convert(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{self._name} cannot be {value!r}: {error}") from None

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return self if layer is None else getattr(layer, self._slot)

    def __set__(self, layer: Any, value: Any) -> None:
        object.__setattr__(layer, self._slot, self.converted(value))
        layer._network._changed(layer._number)


class Numbers(Parameter):
    """A property that holds weights: set Weights or an array, read a flat array."""

    def __init__(self, doc: str) -> None:
        super().__init__(as_weights, doc)

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return self if layer is None else getattr(layer, self._slot).numpy()


class ILayer(Made):
    """A layer of a network."""

    _kind: ClassVar[LayerType]
    _layer_type: LayerType
    _word: ClassVar[str] = ""  # as it stands in the name of a layer without one: "(Unnamed Layer* 0) [Convolution]"
    _output_count: ClassVar[int] = 1

    def _begin(self, network: INetworkDefinition, inputs: list[ITensor | None], **properties: Any) -> None:
        self._network, self._inputs = network, inputs
        self._number = len(network._layers)
        self._name = f"(Unnamed Layer* {self._number}) [{self._word}]"
        self._metadata = ""
        self._failure: Failure | None = None
        self._emission: Emission | None = None
        self._node: ir.Node | None = None  # only for layers that the parser read
        self._outputs: list[ITensor] = [ITensor._make(network, self, i, None) for i in range(self._output_count)]
        for name, value in properties.items():
            kind = getattr(type(self), name, None)
            object.__setattr__(self, f"_{name}", kind.converted(value) if isinstance(kind, Parameter) else value)
        network._layers.append(self)

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        """Add the layer's nodes; return its output values. Raises Failure."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The layer's name: it appears in messages, in the engine's layers and in profiles."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = str(value)
        self._network._renamed(self)

    @property
    def metadata(self) -> str:
        """Words of yours about the layer; the inspector shows them."""
        return self._metadata

    @metadata.setter
    def metadata(self, value: str) -> None:
        self._metadata = str(value)

    @property
    def type(self) -> LayerType:
        """What kind of layer this is."""
        return self._kind

    @property
    def num_inputs(self) -> int:
        """How many inputs the layer has."""
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        """How many outputs the layer has."""
        return len(self._outputs)

    @property
    def num_ranks(self) -> int:
        """On how many devices the layer runs: one."""
        return 1

    @num_ranks.setter
    def num_ranks(self, value: int) -> None:
        if value != 1:
            self._network._reporter.error("ILayer::setNbRanks", 3, "the CPU stand-in has one device")

    def get_input(self, index: int) -> ITensor | None:
        """Return an input tensor, or None when there is none of that number."""
        return self._inputs[index] if 0 <= index < len(self._inputs) else None

    def get_output(self, index: int) -> ITensor | None:
        """Return an output tensor, or None when there is none of that number."""
        return self._outputs[index] if 0 <= index < len(self._outputs) else None

    def get_output_type(self, index: int) -> DataType:
        """Return the element type of an output."""
        return self._outputs[index].dtype

    def set_input(self, index: int, tensor: ITensor) -> None:
        """Put another tensor in the place of an input, or add an optional one."""
        if index > len(self._inputs):
            self._inputs += [None] * (index - len(self._inputs))
        self._inputs[index : index + 1] = [tensor]
        if tensor._layer is not None and tensor._layer._number > self._number:
            self._network._tangled = True
        if self._node is not None:
            self._node.replace_input_with(index, tensor._value)
        self._network._changed(self._number)

    def _fail(self, text: str, code: int = 4, title: str = "") -> Failure:
        """Return the error that names this layer."""
        return Failure("ITensor::getDimensions", code, f"{self._name}: {text}", title)

    def _given(self, index: int) -> ITensor | None:
        return self._inputs[index] if index < len(self._inputs) else None

    def __repr__(self) -> str:
        return f"<tensorrt.{type(self).__name__} {self._name!r}>"


class ParsedLayer(ILayer):
    """A layer that the parser read: a view of its node. The node itself is already there."""

    _word = "Parsed"

    @property
    def type(self) -> LayerType:
        """What kind of layer this is."""
        return self._layer_type


def optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a conversion that lets None through."""
    return lambda value: None if value is None else convert(value)
