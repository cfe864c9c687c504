"""Layers that slide a window over an image: convolution, deconvolution, pooling; and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.datatypes import word
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import LayerType, PaddingMode, PoolingType
from nogpu.tensorrt.network.emission import Emission, shape_of
from nogpu.tensorrt.network.layer import ILayer, Numbers, Parameter
from nogpu.tensorrt.weights import Weights

_AUTO_PAD = {PaddingMode.SAME_UPPER: "SAME_UPPER", PaddingMode.SAME_LOWER: "SAME_LOWER"}


class _Window(ILayer):
    """What convolution and pooling share: stride and padding."""

    def _begin(self, network: Any, inputs: Any, **properties: Any) -> None:
        rank = len(properties["window"])
        start = {
            "stride_nd": Dims([1] * rank), "pre_padding": Dims([0] * rank), "post_padding": Dims([0] * rank),
            "dilation_nd": Dims([1] * rank), "padding_mode": PaddingMode.EXPLICIT_ROUND_DOWN,
        }  # fmt: skip
        super()._begin(network, inputs, **start | properties)

    stride_nd = Parameter(Dims, "The step of the window in each dimension.")
    pre_padding = Parameter(Dims, "How many elements are added before, in each dimension.")
    post_padding = Parameter(Dims, "How many elements are added after, in each dimension.")
    padding_mode = Parameter(PaddingMode, "How the padding is found, and which way sizes are rounded.")

    @property
    def padding_nd(self) -> Dims:
        """The padding before and after, where they are the same."""
        return self._pre_padding

    @padding_nd.setter
    def padding_nd(self, value: Any) -> None:
        self._post_padding = Dims(value)
        self.pre_padding = value

    def _padding(self, image: ir.Value, transposed: bool = False) -> dict[str, Any]:
        """Return ONNX's attributes of stride, dilation and padding."""
        common = {"strides": list(self._stride_nd), "dilations": list(self._dilation_nd)}
        if self._padding_mode not in _AUTO_PAD:
            return common | {"pads": [*self._pre_padding, *self._post_padding]}
        if transposed or set(self._dilation_nd) == {1}:
            return common | {"auto_pad": _AUTO_PAD[self._padding_mode]}
        return common | {"pads": self._same(image)}  # ONNX Runtime's Conv takes no auto_pad with a dilation

    def _same(self, image: ir.Value) -> list[int]:
        """Return the padding with which size / stride, rounded up, comes out. Raises Failure for unknown sizes."""
        before, after = [], []
        for axis, size in enumerate(shape_of(image)[2:]):
            if size < 0:
                raise self._fail("SAME padding with a dilation needs known sizes of the image in this CPU stand-in")
            reach, stride = self._dilation_nd[axis] * (self._window[axis] - 1) + 1, self._stride_nd[axis]
            least, most = divmod(max((-(-size // stride) - 1) * stride + reach - size, 0), 2)
            upper = self._padding_mode == PaddingMode.SAME_UPPER
            before.append(least if upper else least + most)
            after.append(least + most if upper else least)
        return [*before, *after]

    def _as_image(self, emission: Emission, value: ir.Value) -> ir.Value:
        """Return the input with all dimensions before the channels' folded into one: TensorRT calls them the batch."""
        shape, rank = shape_of(value), len(self._window) + 2
        if len(shape) == rank:
            return value
        if len(shape) < rank or -1 in shape:
            text = f"a window of {rank - 2} dimensions needs an input of {rank} dimensions, or of more if all sizes are"
            raise self._fail(f"{text} known; the input has the shape {list(shape)}")
        return emission.op("Reshape", value, emission.integers(-1, *shape[len(shape) - rank + 1 :]))

    def _as_given(self, emission: Emission, value: ir.Value, given: ir.Value) -> ir.Value:
        """Return an output with the dimensions of the batch as the input has them."""
        batch = shape_of(given)[: len(shape_of(given)) - len(self._window) - 1]
        if len(batch) == 1:
            return value
        return emission.op("Reshape", value, emission.integers(*batch, *shape_of(value)[1:]))

    def _extra(self, image: ir.Value) -> list[int]:
        """Return the padding that rounding up needs beyond what was asked for. Raises Failure for unknown sizes."""
        extra = []
        for axis, size in enumerate(shape_of(image)[2:]):
            if size < 0:
                raise self._fail("EXPLICIT_ROUND_UP needs known sizes of the image in this CPU stand-in")
            reach = self._dilation_nd[axis] * (self._window[axis] - 1) + 1
            left = (size + self._pre_padding[axis] + self._post_padding[axis] - reach) % self._stride_nd[axis]
            extra.append((self._stride_nd[axis] - left) % self._stride_nd[axis])
        return extra


class _Filter(_Window):
    """What convolution and deconvolution share: kernel, bias, groups."""

    def _begin(self, network: Any, inputs: Any, **properties: Any) -> None:
        super()._begin(network, inputs, num_groups=1, **properties)

    num_output_maps = Parameter(int, "How many channels come out.")
    num_groups = Parameter(int, "In how many groups the channels are.")
    dilation_nd = Parameter(Dims, "The distance between the kernel's elements, in each dimension.")

    kernel = Numbers(
        "The kernel: (maps, channels / groups, ...) for a convolution, (channels, maps / groups, ...) else."
    )
    bias = Numbers("The bias, one number per output channel, or empty.")

    @property
    def kernel_size_nd(self) -> Dims:
        """The kernel's size in each dimension of the image."""
        return self._window

    @kernel_size_nd.setter
    def kernel_size_nd(self, value: Any) -> None:
        self._window = Dims(value)
        self._network._changed(self._number)

    def _weights(self, emission: Emission, inputs: list[Any], transposed: bool) -> list[ir.Value | None]:
        """Return kernel and bias as values: of the numbers given, or of the second and third input."""
        image = inputs[0]
        channels = shape_of(image)[1]
        kind = datatypes.from_onnx(image.dtype or ir.DataType.UNDEFINED)
        kernel = inputs[1] if len(inputs) > 1 else None
        bias = inputs[2] if len(inputs) > 2 else None
        if kernel is None:
            if channels < 0:
                raise self._fail("the number of input channels must be known")
            shape = (self._num_output_maps, channels // self._num_groups, *self._window)
            if transposed:
                shape = (channels, self._num_output_maps // self._num_groups, *self._window)
            self._check_kernel(kind, channels, datatypes.volume(shape))
            kernel = emission.constant(self._kernel.numpy().reshape(shape), role="kernel")
        if bias is None and self._bias.size:
            if self._bias.size != self._num_output_maps:
                text = f"bias weights has count {self._bias.size} but {self._num_output_maps} was expected"
                raise self._fail(text)
            bias = emission.constant(self._bias.numpy(), role="bias")
        return [kernel, bias]

    def _check_kernel(self, kind: Any, channels: int, expected: int) -> None:
        given: Weights = self._kernel
        if given.size != expected:
            size = ",".join(str(n) for n in self._window)
            product = "*".join(str(n) for n in self._window)
            raise self._fail(
                f"count of {given.size} weights in kernel, but kernel dimensions ({size}) with {channels} input "
                "channels, "
                f"{self._num_output_maps} output channels and {self._num_groups} groups were specified. "
                "Expected Weights "
                f"count is {channels} * {product} * {self._num_output_maps} / {self._num_groups} = {expected}"
            )
        if given.dtype != kind:
            interface = type(self).__name__
            raise self._fail(
                f"{interface} `input` and `kernel` must be of same type. `input` type is {word(kind)} but "
                "`kernel` is of "
                f"type {word(given.dtype)}."
            )


class IConvolutionLayer(_Filter):
    """A convolution."""

    _kind, _word = LayerType.CONVOLUTION, "Convolution"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        image = self._as_image(emission, inputs[0])
        kernel, bias = self._weights(emission, [image, *inputs[1:]], transposed=False)
        settings = self._padding(image)
        if self._padding_mode == PaddingMode.EXPLICIT_ROUND_UP:
            extra = self._extra(image)
            settings["pads"] = [*self._pre_padding, *(a + b for a, b in zip(self._post_padding, extra, strict=True))]
        settings |= {"group": self._num_groups, "kernel_shape": list(self._window)}
        made = emission.op("Conv", image, kernel, *([bias] if bias is not None else []), **settings)
        return [self._as_given(emission, made, inputs[0])]


class IDeconvolutionLayer(_Filter):
    """A transposed convolution."""

    _kind, _word = LayerType.DECONVOLUTION, "Deconvolution"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        image = self._as_image(emission, inputs[0])
        kernel, bias = self._weights(emission, [image, *inputs[1:]], transposed=True)
        settings = self._padding(image, transposed=True)
        settings |= {"group": self._num_groups, "kernel_shape": list(self._window)}
        made = emission.op("ConvTranspose", image, kernel, *([bias] if bias is not None else []), **settings)
        return [self._as_given(emission, made, inputs[0])]


class IPoolingLayer(_Window):
    """The largest or the mean value of each window."""

    _kind, _word = LayerType.POOLING, "Pooling"

    type = Parameter(PoolingType, "MAX, AVERAGE, or a blend of both.")
    blend_factor = Parameter(float, "The share of the mean in MAX_AVERAGE_BLEND.")
    average_count_excludes_padding = Parameter(bool, "Whether a mean leaves padded elements out of its count.")

    @property
    def window_size_nd(self) -> Dims:
        """The window's size in each dimension of the image."""
        return self._window

    @window_size_nd.setter
    def window_size_nd(self, value: Any) -> None:
        self._window = Dims(value)
        self._network._changed(self._number)

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        image = self._as_image(emission, inputs[0])
        return [self._as_given(emission, self._pooled(emission, image), inputs[0])]

    def _pooled(self, emission: Emission, image: ir.Value) -> ir.Value:
        settings = self._padding(image) | {"kernel_shape": list(self._window)}
        settings["ceil_mode"] = int(self._padding_mode == PaddingMode.EXPLICIT_ROUND_UP)
        means = settings | {"count_include_pad": int(not self._average_count_excludes_padding)}
        if self._type == PoolingType.MAX:
            return emission.op("MaxPool", image, **settings)
        mean = emission.op("AveragePool", image, **means)
        if self._type == PoolingType.AVERAGE:
            return mean
        kind = datatypes.from_onnx(image.dtype or ir.DataType.UNDEFINED)
        share = emission.constant(np.array(self._blend_factor), kind)
        rest = emission.constant(np.array(1 - self._blend_factor), kind)
        largest = emission.op("MaxPool", image, **settings)
        return emission.op("Add", emission.op("Mul", mean, share), emission.op("Mul", largest, rest))


class IPaddingLayer(ILayer):
    """Zeros around the last two dimensions; negative numbers cut off."""

    _kind, _word = LayerType.PADDING, "Padding"
    pre_padding_nd = Parameter(Dims, "How many elements are added before.")
    post_padding_nd = Parameter(Dims, "How many elements are added after.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        others = len(shape_of(inputs[0])) - len(self._pre_padding_nd)
        pads = [*[0] * others, *self._pre_padding_nd, *[0] * others, *self._post_padding_nd]
        return [emission.op("Pad", inputs[0], emission.integers(*pads), mode="constant")]
