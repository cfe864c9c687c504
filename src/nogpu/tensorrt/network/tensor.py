"""ITensor: what flows between layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import DataType, TensorLocation
from nogpu.tensorrt.native import Made
from nogpu.tensorrt.network.emission import shape_of

if TYPE_CHECKING:
    from nogpu.tensorrt.network.definition import INetworkDefinition
    from nogpu.tensorrt.network.layer import ILayer

ALL_FORMATS = (1 << 13) - 1


class ITensor(Made):
    """A tensor of a network. Its type and shape follow from the layers before it, whenever they are asked for."""

    def _begin(self, network: INetworkDefinition, layer: ILayer | None, index: int, value: ir.Value | None) -> None:
        self._network, self._layer, self._index, self._value = network, layer, index, value
        self._name = (value.name or "") if value is not None else ""
        self._location = TensorLocation.DEVICE
        self._formats = ALL_FORMATS
        self._dimension_names: dict[int, str] = {}

    @property
    def name(self) -> str:
        """The tensor's name; from its layer's name until you set one. Unique among inputs and outputs."""
        if self._name or self._layer is None:
            return self._name
        suffix = f" ({self._index})" if self._index else ""
        return f"{self._layer.name}_output{suffix}"

    @name.setter
    def name(self, value: str) -> None:
        self._network._rename(self, value)

    @property
    def dtype(self) -> DataType:
        """The type of the elements. RuntimeError where the network is not valid up to here."""
        return datatypes.from_onnx(self._known("type").dtype or ir.DataType.UNDEFINED)

    @property
    def shape(self) -> Dims:
        """The shape, -1 where a size is not known yet. Inputs only can be given another one."""
        return Dims(shape_of(self._known("shape")))

    @shape.setter
    def shape(self, value: Any) -> None:
        if not self.is_network_input:
            text = "Parameter check failed, condition: isNetworkInput()."
            self._network._reporter.error("ITensor::setDimensions", 3, text)
            return
        self._network._reshape_input(self, Dims(value))

    def _known(self, what: str) -> ir.Value:
        """Return the value in the model, up to date. Raises RuntimeError when it cannot be worked out."""
        failure = self._network._refresh()._failure_of(self)
        if failure is not None or self._value is None:
            if failure is not None:
                failure.report_to(self._network._reporter)
            raise RuntimeError(f"Could not get tensor {what}.")
        return self._value

    @property
    def is_network_input(self) -> bool:
        """Whether this is an input of the network."""
        return self in self._network._inputs

    @property
    def is_network_output(self) -> bool:
        """Whether this was marked as an output of the network."""
        return self in self._network._outputs

    @property
    def is_shape_tensor(self) -> bool:
        """Whether the tensor's values decide shapes."""
        return self in self._network._shape_outputs or self.name in self._network._shape_input_names()

    @property
    def is_execution_tensor(self) -> bool:
        """Whether the tensor is computed with, beyond shapes."""
        return not self.is_shape_tensor

    @property
    def broadcast_across_batch(self) -> bool:
        """Always False, since there is no implicit batch."""
        return False

    @broadcast_across_batch.setter
    def broadcast_across_batch(self, value: bool) -> None:
        self._network._reporter.warn("broadcast_across_batch has no effect: there is no implicit batch.")

    @property
    def location(self) -> TensorLocation:
        """Where the tensor lies: taken note of."""
        return self._location

    @location.setter
    def location(self, value: TensorLocation) -> None:
        self._location = value

    @property
    def allowed_formats(self) -> int:
        """A bit for each memory layout that is allowed; only LINEAR is ever used here."""
        return self._formats

    @allowed_formats.setter
    def allowed_formats(self, value: int) -> None:
        self._formats = int(value)

    def get_dimension_name(self, index: int) -> str | None:
        """Return the name of an input's dimension, or None."""
        if index in self._dimension_names:
            return self._dimension_names[index]
        shape = self._value.shape if self._value is not None else None
        size = shape[index] if shape is not None and index < len(shape) else None
        name = size.value if isinstance(size, ir.SymbolicDim) else None
        return None if name is None or name.startswith(self._network.UNNAMED) else name

    def set_dimension_name(self, index: int, name: str) -> None:
        """Name a dimension of an input: dynamic dimensions of one name are equal."""
        if self.is_network_input:
            self._dimension_names[index] = name
            self._network._reshape_input(self, self.shape)

    def __repr__(self) -> str:
        return f"<tensorrt.ITensor {self.name!r}>"
