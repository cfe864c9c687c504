"""The add_* methods of a network. What is wrong with a layer shows when a shape is asked for, or at build."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import (
    ActivationType,
    BoundingBoxFormat,
    CumulativeOperation,
    DataType,
    ElementWiseOperation,
    FillOperation,
    GatherMode,
    InterpolationMode,
    MatrixOperation,
    PoolingType,
    ReduceOperation,
    ResizeCoordinateTransformation,
    ResizeRoundMode,
    ResizeSelector,
    SampleMode,
    ScaleMode,
    ScatterMode,
    TopKOperation,
    UnaryOperation,
)
from nogpu.tensorrt.network import arranging, detecting, making, pointwise, quantizing, reducing, windows
from nogpu.tensorrt.network.tensor import ITensor
from nogpu.tensorrt.weights import as_weights

if TYPE_CHECKING:
    from nogpu.tensorrt.reporting import Reporter


class Adding:
    """The part of INetworkDefinition that adds layers."""

    _reporter: Reporter

    def _check(self, *tensors: Any) -> list[Any]:
        """Return the tensors. Raises TypeError for what is none of this network's tensors."""
        for tensor in tensors:
            if not isinstance(tensor, ITensor):
                raise TypeError(f"a layer's input is a tensorrt.ITensor (layer.get_output(0)), not {tensor!r}")
            if tensor._network is not self:
                raise ValueError(f"the tensor {tensor.name!r} belongs to another network")
        return list(tensors)

    def _window(self, method: str, size: Any, kind: str = "kernelSize") -> Dims | None:
        """Return a window's size; None, with NVIDIA's message, unless it has two or three dimensions."""
        window = Dims(size)
        if len(window) in (2, 3):
            return window
        text = f"Parameter check failed, condition: ({kind}).nbDims == 2 || ({kind}).nbDims == 3."
        self._reporter.error(f"INetworkDefinition::{method}", 3, text)
        return None

    def add_convolution_nd(
        self, input: ITensor, num_output_maps: int, kernel_shape: Any, kernel: Any, bias: Any = None
    ) -> windows.IConvolutionLayer | None:
        """Add a convolution. kernel: Weights or array of (maps, channels / groups, *kernel_shape); empty: an input."""
        window = self._window("addConvolutionNd", kernel_shape)
        return None if window is None else windows.IConvolutionLayer._make(
            self, self._check(input), num_output_maps=int(num_output_maps), window=window, kernel=as_weights(kernel),
            bias=as_weights(bias),
        )  # fmt: skip

    def add_deconvolution_nd(
        self, input: ITensor, num_output_maps: int, kernel_shape: Any, kernel: Any, bias: Any = None
    ) -> windows.IDeconvolutionLayer | None:
        """Add a transposed convolution. kernel: Weights or array of (channels, maps / groups, *kernel_shape)."""
        window = self._window("addDeconvolutionNd", kernel_shape)
        return None if window is None else windows.IDeconvolutionLayer._make(
            self, self._check(input), num_output_maps=int(num_output_maps), window=window, kernel=as_weights(kernel),
            bias=as_weights(bias),
        )  # fmt: skip

    def add_pooling_nd(self, input: ITensor, type: PoolingType, window_size: Any) -> windows.IPoolingLayer | None:
        """Add a pooling. The stride is 1 until you set `stride_nd`."""
        window = self._window("addPoolingNd", window_size, "windowSize")
        return None if window is None else windows.IPoolingLayer._make(
            self, self._check(input), type=PoolingType(type), window=window, blend_factor=0.0,
            average_count_excludes_padding=True,
        )  # fmt: skip

    def add_padding_nd(self, input: ITensor, pre_padding: Any, post_padding: Any) -> windows.IPaddingLayer:
        """Add zeros around the last two dimensions."""
        pads = {"pre_padding_nd": Dims(pre_padding), "post_padding_nd": Dims(post_padding)}
        return windows.IPaddingLayer._make(self, self._check(input), **pads)

    def add_activation(self, input: ITensor, type: ActivationType) -> pointwise.IActivationLayer:
        """Add an activation function."""
        alpha, beta = pointwise.DEFAULTS.get(type, (0.0, 0.0))
        return pointwise.IActivationLayer._make(self, self._check(input), type=type, alpha=alpha, beta=beta)

    def add_elementwise(
        self, input1: ITensor, input2: ITensor, op: ElementWiseOperation
    ) -> pointwise.IElementWiseLayer:
        """Add a function of two tensors."""
        return pointwise.IElementWiseLayer._make(self, self._check(input1, input2), op=op)

    def add_unary(self, input: ITensor, op: UnaryOperation) -> pointwise.IUnaryLayer:
        """Add a function of each element."""
        return pointwise.IUnaryLayer._make(self, self._check(input), op=op)

    def add_scale(
        self, input: ITensor, mode: ScaleMode, shift: Any = None, scale: Any = None, power: Any = None
    ) -> pointwise.IScaleLayer:
        """Add (x * scale + shift) ** power, with dimension 1 as the channel."""
        return self.add_scale_nd(input, mode, shift, scale, power, 1)

    def add_scale_nd(
        self, input: ITensor, mode: ScaleMode, shift: Any = None, scale: Any = None, power: Any = None,
        channel_axis: int = 1,
    ) -> pointwise.IScaleLayer:  # fmt: skip
        """Add (x * scale + shift) ** power."""
        numbers = {"shift": as_weights(shift), "scale": as_weights(scale), "power": as_weights(power)}
        axis = int(channel_axis)
        return pointwise.IScaleLayer._make(self, self._check(input), mode=mode, channel_axis=axis, **numbers)

    def add_parametric_relu(self, input: ITensor, slopes: ITensor) -> pointwise.IParametricReLULayer:
        """Add a ReLU with slopes for negative elements."""
        return pointwise.IParametricReLULayer._make(self, self._check(input, slopes))

    def add_cast(self, input: ITensor, to_type: DataType) -> pointwise.ICastLayer:
        """Add a change of the element type."""
        return pointwise.ICastLayer._make(self, self._check(input), to_type=to_type)

    def add_identity(self, input: ITensor) -> pointwise.IIdentityLayer:
        """Add a layer that changes nothing."""
        return pointwise.IIdentityLayer._make(self, self._check(input))

    def add_select(self, condition: ITensor, then_input: ITensor, else_input: ITensor) -> pointwise.ISelectLayer:
        """Add a choice per element."""
        return pointwise.ISelectLayer._make(self, self._check(condition, then_input, else_input))

    def add_shuffle(self, input: ITensor) -> arranging.IShuffleLayer:
        """Add a transpose and reshape: set its properties."""
        order = arranging.IDENTITY
        same = {"first_transpose": order, "reshape_dims": None, "second_transpose": order, "zero_is_placeholder": True}
        return arranging.IShuffleLayer._make(self, self._check(input), **same)

    def add_slice(self, input: ITensor, start: Any, shape: Any, stride: Any) -> arranging.ISliceLayer:
        """Add the cutting out of a part."""
        three = {"start": Dims(start), "shape": Dims(shape), "stride": Dims(stride)}
        mode = SampleMode.STRICT_BOUNDS
        return arranging.ISliceLayer._make(self, self._check(input), **three, mode=mode, axes=None)

    def add_gather(self, input: ITensor, indices: ITensor, axis: int) -> arranging.IGatherLayer:
        """Add the picking of elements along `axis`."""
        layer = self.add_gather_v2(input, indices, GatherMode.DEFAULT)
        layer.axis = int(axis)
        return layer

    def add_gather_v2(self, input: ITensor, indices: ITensor, mode: GatherMode) -> arranging.IGatherLayer:
        """Add the picking of elements."""
        pair = self._check(input, indices)
        return arranging.IGatherLayer._make(self, pair, mode=mode, axis=0, num_elementwise_dims=0)

    def add_scatter(
        self, data: ITensor, indices: ITensor, updates: ITensor, mode: ScatterMode
    ) -> arranging.IScatterLayer:
        """Add the putting of elements."""
        return arranging.IScatterLayer._make(self, self._check(data, indices, updates), mode=mode, axis=0)

    def add_concatenation(self, inputs: Sequence[ITensor]) -> arranging.IConcatenationLayer:
        """Add the joining of tensors, along dimension 1 (0 for lists, the third from the end otherwise) until set."""
        if isinstance(inputs, ITensor):
            raise TypeError("add_concatenation takes a list of tensors, not one")
        tensors = self._check(*inputs)
        try:
            axis = max(0, len(tensors[0].shape) - 3)
        except RuntimeError:
            axis = 1
        return arranging.IConcatenationLayer._make(self, tensors, axis=axis)

    def add_shape(self, input: ITensor) -> arranging.IShapeLayer:
        """Add the input's shape as a tensor."""
        return arranging.IShapeLayer._make(self, self._check(input))

    def add_squeeze(self, input: ITensor, axes: ITensor | None = None) -> arranging.ISqueezeLayer:
        """Add the taking away of dimensions of size 1."""
        return arranging.ISqueezeLayer._make(self, self._check(input, *([axes] if axes is not None else [])))

    def add_unsqueeze(self, input: ITensor, axes: ITensor) -> arranging.IUnsqueezeLayer:
        """Add dimensions of size 1."""
        return arranging.IUnsqueezeLayer._make(self, self._check(input, axes))

    def add_resize(self, input: ITensor) -> arranging.IResizeLayer:
        """Add a change of an image's size: set `shape` or `scales`."""
        start: dict[str, Any] = {
            "resize_mode": InterpolationMode.NEAREST, "nearest_rounding": ResizeRoundMode.FLOOR, "shape": None,
            "coordinate_transformation": ResizeCoordinateTransformation.ASYMMETRIC, "scales": [], "cubic_coeff": -0.75,
            "selector_for_single_pixel": ResizeSelector.FORMULA, "exclude_outside": False,
        }  # fmt: skip
        return arranging.IResizeLayer._make(self, self._check(input), **start)

    def add_matrix_multiply(
        self, input0: ITensor, op0: MatrixOperation, input1: ITensor, op1: MatrixOperation
    ) -> reducing.IMatrixMultiplyLayer:
        """Add a matrix product."""
        return reducing.IMatrixMultiplyLayer._make(self, self._check(input0, input1), op0=op0, op1=op1)

    def add_reduce(self, input: ITensor, op: ReduceOperation, axes: int, keep_dims: bool) -> reducing.IReduceLayer:
        """Add a reduction over the dimensions whose bits are set in `axes`."""
        return reducing.IReduceLayer._make(self, self._check(input), op=op, axes=int(axes), keep_dims=bool(keep_dims))

    def add_softmax(self, input: ITensor) -> reducing.ISoftMaxLayer:
        """Add a softmax: set `axes`."""
        return reducing.ISoftMaxLayer._make(self, self._check(input), axes=None)

    def add_topk(
        self, input: ITensor, op: TopKOperation, k: int, axes: int, indices_type: DataType = DataType.INT32
    ) -> reducing.ITopKLayer | None:
        """Add the k largest or smallest elements along the dimension whose bit is set in `axes`."""
        if not 0 <= int(k) <= reducing.MAX_TOPK_K:
            text = f"Parameter check failed, condition: (0) <= (k) && (k) < (kMAX_TOPK_K + 1). Invalid TopK K: {k}. "
            self._reporter.error(
                "INetworkDefinition::addTopK", 3, f"{text}Valid range of TopK K is [0, {reducing.MAX_TOPK_K + 1})."
            )
            return None
        facts = {"op": op, "k": int(k), "axes": int(axes), "indices_type": indices_type}
        return reducing.ITopKLayer._make(self, self._check(input), **facts)

    def add_normalization(
        self, input: ITensor, scale: ITensor, bias: ITensor, axesMask: int
    ) -> reducing.INormalizationLayer:  # fmt: skip
        """Add a normalization over the dimensions whose bits are set."""
        return self._normalization(input, scale, bias, axesMask, False)

    def add_normalization_v2(
        self, input: ITensor, scale: ITensor, bias: ITensor, axesMask: int
    ) -> reducing.INormalizationLayer:  # fmt: skip
        """Add a normalization over the dimensions whose bits are set."""
        return self._normalization(input, scale, bias, axesMask, True)

    def _normalization(self, input: Any, scale: Any, bias: Any, axes: int, is_v2: bool) -> Any:
        facts = {"axes": int(axes), "epsilon": 1e-5, "num_groups": 1, "is_v2": is_v2}
        return reducing.INormalizationLayer._make(self, self._check(input, scale, bias), **facts)

    def add_einsum(self, inputs: Sequence[ITensor], equation: str) -> reducing.IEinsumLayer:
        """Add products and sums by an equation."""
        return reducing.IEinsumLayer._make(self, self._check(*inputs), equation=str(equation))

    def add_cumulative(
        self, input: ITensor, axis: ITensor, op: CumulativeOperation, exclusive: bool, reverse: bool
    ) -> reducing.ICumulativeLayer:
        """Add running sums."""
        facts = {"op": op, "exclusive": bool(exclusive), "reverse": bool(reverse)}
        return reducing.ICumulativeLayer._make(self, self._check(input, axis), **facts)

    def add_lrn(self, input: ITensor, window: int, alpha: float, beta: float, k: float) -> reducing.ILRNLayer:
        """Add a local response normalization."""
        facts = {"window_size": int(window), "alpha": float(alpha), "beta": float(beta), "k": float(k)}
        return reducing.ILRNLayer._make(self, self._check(input), **facts)

    def add_quantize(self, input: ITensor, scale: ITensor, output_type: DataType) -> quantizing.IQuantizeLayer:
        """Add a quantization; for one scale per channel set `axis`."""
        facts = {"axis": -1, "to_type": output_type, "block_shape": None}
        return quantizing.IQuantizeLayer._make(self, self._check(input, scale), **facts)

    def add_dequantize(self, input: ITensor, scale: ITensor, output_type: DataType) -> quantizing.IDequantizeLayer:
        """Add a dequantization; for one scale per channel set `axis`."""
        facts = {"axis": -1, "to_type": output_type, "block_shape": None}
        return quantizing.IDequantizeLayer._make(self, self._check(input, scale), **facts)

    def add_constant(self, shape: Any, weights: Any) -> making.IConstantLayer:
        """Add numbers that do not change."""
        return making.IConstantLayer._make(self, [], shape=Dims(shape), weights=as_weights(weights))

    def add_fill(self, shape: Any, op: FillOperation, output_type: DataType = DataType.FLOAT) -> making.IFillLayer:
        """Add a tensor of evenly spaced or random numbers."""
        facts = {"operation": op, "to_type": output_type, "alpha": 0.0, "beta": 1.0}
        return making.IFillLayer._make(self, [], shape=Dims(shape), **facts)

    def add_one_hot(self, indices: ITensor, values: ITensor, depth: ITensor, axis: int) -> making.IOneHotLayer:
        """Add one-hot vectors."""
        return making.IOneHotLayer._make(self, self._check(indices, values, depth), axis=int(axis))

    def add_non_zero(self, input: ITensor, indices_type: DataType = DataType.INT32) -> making.INonZeroLayer:
        """Add the indices of what is not zero."""
        return making.INonZeroLayer._make(self, self._check(input), indices_type=indices_type)

    def add_nms(
        self,
        boxes: ITensor,
        scores: ITensor,
        max_output_boxes_per_class: ITensor,
        indices_type: DataType = DataType.INT32,
    ) -> detecting.INMSLayer:
        """Add a non-maximum suppression of boxes."""
        tensors = self._check(boxes, scores, max_output_boxes_per_class)
        facts = {"bounding_box_format": BoundingBoxFormat.CORNER_PAIRS, "topk_box_limit": 5000}
        return detecting.INMSLayer._make(self, tensors, indices_type=indices_type, **facts)

    def add_grid_sample(self, input: ITensor, grid: ITensor) -> making.IGridSampleLayer:
        """Add the sampling of an image at given positions."""
        facts = {"interpolation_mode": InterpolationMode.LINEAR, "sample_mode": SampleMode.FILL, "align_corners": False}
        return making.IGridSampleLayer._make(self, self._check(input, grid), **facts)

    def add_reverse_sequence(self, input: ITensor, sequence_lens: ITensor) -> making.IReverseSequenceLayer:
        """Add the reversal of sequences."""
        pair = self._check(input, sequence_lens)
        return making.IReverseSequenceLayer._make(self, pair, batch_axis=1, sequence_axis=0)
