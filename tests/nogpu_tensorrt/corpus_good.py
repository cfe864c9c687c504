"""Models that NVIDIA's builder takes: every operator that the course's networks need, in all its forms."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from corpus_building import (
    BF16,
    BOOL,
    DOUBLE,
    FLOAT,
    HALF,
    INT8,
    INT32,
    INT64,
    UINT8,
    Case,
    Ranges,
    graph,
    model,
    node,
    one,
    ones,
    tensor,
    value,
)
from onnx import helper

ACTIVATIONS = (
    "Relu Sigmoid Tanh LeakyRelu Elu Selu HardSigmoid HardSwish Softplus Softsign Gelu Mish Celu ThresholdedRelu"
)
UNARY = (
    "Exp Log Sqrt Abs Neg Erf Ceil Floor Round Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Sign"
)
BINARY = "Add Sub Mul Div Pow Max Min"
COMPARISONS = "Equal Greater Less GreaterOrEqual LessOrEqual"
REDUCTIONS = "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp"
BATCH: list[Ranges] = [{"x": ((1, 3, 8, 8), (4, 3, 8, 8), (8, 3, 8, 8))}]


def good() -> Iterator[Case]:
    """Yield every good model."""
    for name, made in _models():
        data, profiles = made if isinstance(made, tuple) else (made, [])
        yield Case(name, data, True, profiles)


def _models() -> Iterator[tuple[str, bytes | tuple[bytes, list[Ranges]]]]:
    yield from _pointwise()
    yield from _layers()
    yield from _shapes()
    yield from _types()
    yield from _bfloat16_beyond_onnx()
    yield from _without_a_kernel_of_their_own()
    yield from _quantized()
    yield from _control_flow()
    yield from _forms()


def _pointwise() -> Iterator[tuple[str, bytes]]:
    for operator in ACTIVATIONS.split():
        yield operator.lower(), one(operator)
    for operator in UNARY.split():
        yield operator.lower(), one(operator)
    for operator in BINARY.split():
        yield f"{operator.lower()}_broadcast", one(operator, (2, 3, 4), [ones("w", 3, 1)])
    for operator in COMPARISONS.split():
        yield operator.lower(), one(operator, (2, 3), more=[value("z", FLOAT, (2, 3))], out=BOOL)
    for operator in ("And", "Or", "Xor"):
        yield operator.lower(), one(operator, (2, 3), kind=BOOL, more=[value("z", BOOL, (2, 3))])
    yield "not", one("Not", (2, 3), kind=BOOL)
    yield "clip", one("Clip", weights=[tensor("low", 0.0), tensor("high", 6.0)])
    yield "clip_no_minimum", one("Clip", weights=[tensor("high", 6.0)], inputs="x - high")
    yield "prelu", one("PRelu", weights=[ones("slope", 3, 1, 1)])
    yield (
        "where",
        one("Where", (2, 3), kind=BOOL, more=[value("a", FLOAT, (2, 3)), value("b", FLOAT, (1, 3))], out=FLOAT),
    )
    yield "sum_of_three", one("Sum", (2, 3), [ones("a", 3), ones("b", 1)])
    yield "mod_integers", one("Mod", (2, 3), [tensor("m", [3], INT64)], kind=INT64)
    yield "isnan", one("IsNaN", out=BOOL)


def _layers() -> Iterator[tuple[str, bytes]]:
    yield "conv", one("Conv", weights=[ones("w", 8, 3, 3, 3), ones("b", 8)], pads=[1, 1, 1, 1])
    yield (
        "conv_strided_grouped",
        one("Conv", (1, 4, 9, 9), [ones("w", 8, 1, 3, 3)], group=4, strides=[2, 2], dilations=[2, 2]),
    )
    yield "conv_same_upper", one("Conv", weights=[ones("w", 8, 3, 3, 3)], auto_pad="SAME_UPPER")
    yield "conv_1d", one("Conv", (1, 3, 16), [ones("w", 8, 3, 5)])
    yield "conv_3d", one("Conv", (1, 3, 5, 5, 5), [ones("w", 8, 3, 3, 3, 3)])
    yield "conv_kernel_is_an_input", one("Conv", more=[value("w", FLOAT, (8, 3, 3, 3))])
    yield "conv_transpose", one("ConvTranspose", weights=[ones("w", 3, 8, 2, 2)], strides=[2, 2])
    yield "max_pool", one("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    yield (
        "max_pool_padded_ceil",
        one("MaxPool", (1, 3, 7, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
    )
    yield "average_pool", one("AveragePool", kernel_shape=[2, 2], count_include_pad=1, pads=[1, 1, 1, 1])
    yield "global_average_pool", one("GlobalAveragePool")
    yield "global_max_pool", one("GlobalMaxPool")
    weights = [ones(name, 3) for name in ("scale", "bias", "mean", "variance")]
    yield "batch_normalization", one("BatchNormalization", weights=weights)
    yield "instance_normalization", one("InstanceNormalization", weights=weights[:2])
    yield "layer_normalization", one("LayerNormalization", (2, 5, 8), [ones("s", 8), ones("b", 8)], axis=-1)
    yield (
        "group_normalization",
        one("GroupNormalization", (1, 4, 3, 3), [ones("s", 4), ones("b", 4)], opset=21, num_groups=2),
    )
    yield "local_response_normalization", one("LRN", size=3)
    yield "gemm", one("Gemm", (2, 3), [ones("w", 5, 3), ones("b", 5)], transB=1)
    yield "gemm_alpha_beta", one("Gemm", (2, 3), [ones("w", 3, 5), ones("b", 1, 5)], alpha=0.5, beta=2.0)
    yield "matmul", one("MatMul", (2, 4, 3), [ones("w", 3, 5)])
    yield "matmul_batched", one("MatMul", (2, 4, 3, 5), more=[value("z", FLOAT, (1, 4, 5, 6))])
    yield "einsum", one("Einsum", (2, 3, 4), more=[value("z", FLOAT, (2, 4, 5))], equation="bij,bjk->bik")
    yield "softmax", one("Softmax", axis=1)
    yield "log_softmax", one("LogSoftmax", axis=-1)
    yield "dropout_in_inference", one("Dropout", weights=[tensor("ratio", 0.5)])
    for operator in REDUCTIONS.split():
        yield operator.lower(), one(operator, weights=[tensor("axes", [2, 3], INT64)], keepdims=0)
    yield "reduce_attribute_axes", one("ReduceMean", axes=[-1], opset=17)
    cast = [node("Cast", "a", "axes", to=INT64), node("ReduceMean", "x axes", "y")]
    yield "reduce_axes_are_cast", model(cast, [value("x")], [value("y", FLOAT, None)], [tensor("a", [2, 3], INT32)])
    yield "argmax", one("ArgMax", axis=1, keepdims=0, out=INT64)
    outputs = [value("y", FLOAT, None), value("i", INT64, None)]
    yield (
        "topk",
        model([node("TopK", "x k", "y i", axis=1)], [value("x", FLOAT, (2, 9))], outputs, [tensor("k", [3], INT64)]),
    )
    yield "cumsum", one("CumSum", (2, 5), [tensor("axis", 1, INT64)])
    yield "lstm", one("LSTM", (5, 2, 3), [ones("w", 1, 16, 3), ones("r", 1, 16, 4)], hidden_size=4)


def _shapes() -> Iterator[tuple[str, bytes | tuple[bytes, list[Ranges]]]]:
    yield "reshape", one("Reshape", weights=[tensor("s", [0, -1], INT64)])
    yield "flatten", one("Flatten", axis=1)
    yield "transpose", one("Transpose", perm=[0, 2, 3, 1])
    yield "squeeze", one("Squeeze", (1, 3, 1), [tensor("axes", [0], INT64)])
    computed = [node("Reshape", "a s", "axes"), node("Unsqueeze", "x axes", "y")]
    given = [tensor("a", [[0]], INT64), tensor("s", [-1], INT64)]
    yield "unsqueeze_axes_are_computed", model(computed, [value("x")], [value("y", FLOAT, None)], given)
    yield "unsqueeze", one("Unsqueeze", (2, 3), [tensor("axes", [0, -1], INT64)])
    yield "concat", one("Concat", (2, 3), more=[value("z", FLOAT, (2, 5))], axis=-1)
    parts = [value("a", FLOAT, None), value("b", FLOAT, None)]
    cut = [tensor("s", [1, 3], INT64)]
    yield "split", model([node("Split", "x s", "a b", axis=1)], [value("x", FLOAT, (2, 4))], parts, cut)
    yield "split_evenly", model([node("Split", "x", "a b", axis=1, num_outputs=2)], [value("x", FLOAT, (2, 4))], parts)
    limits = [
        tensor("start", [1], INT64),
        tensor("end", [-1], INT64),
        tensor("axes", [2], INT64),
        tensor("step", [2], INT64),
    ]
    yield "slice", one("Slice", (1, 3, 9), limits)
    backwards = [tensor(n, [v], INT64) for n, v in (("start", -1), ("end", -9), ("axes", 1), ("step", -1))]
    yield "slice_backwards", one("Slice", (1, 3, 9), backwards)
    yield "gather", one("Gather", (5, 4), [tensor("i", [0, 2], INT64)], axis=0)
    yield "embedding", one("Gather", (2, 6), [ones("table", 10, 4)], kind=INT64, inputs="table x", out=FLOAT)
    yield "gather_elements", one("GatherElements", (2, 3), [tensor("i", [[0, 1, 0]], INT64)], axis=0)
    yield "gather_nd", one("GatherND", (2, 3), [tensor("i", [[0, 1]], INT64)])
    yield "scatter_nd", one("ScatterND", (4, 3), [tensor("i", [[1]], INT64), ones("u", 1, 3)])
    yield "scatter_elements", one("ScatterElements", (4, 3), [tensor("i", [[1, 0, 2]], INT64), ones("u", 1, 3)])
    yield "expand", one("Expand", (3, 1), [tensor("s", [2, 1, 4], INT64)])
    yield "tile", one("Tile", (2, 3), [tensor("r", [1, 2], INT64)])
    yield "pad", one("Pad", weights=[tensor("p", [0, 0, 1, 1, 0, 0, 1, 1], INT64), tensor("v", 0.5)])
    yield "pad_reflect", one("Pad", weights=[tensor("p", [0, 0, 1, 1, 0, 0, 1, 1], INT64)], mode="reflect")
    yield "depth_to_space", one("DepthToSpace", (1, 8, 3, 3), blocksize=2)
    yield "space_to_depth", one("SpaceToDepth", (1, 2, 4, 4), blocksize=2)
    scales = [tensor("s", [1.0, 1.0, 2.0, 2.0])]
    yield (
        "resize_nearest",
        one(
            "Resize",
            weights=scales,
            inputs="x - s",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
    )
    sizes = [tensor("s", [1, 3, 8, 6], INT64)]
    yield "resize_linear_sizes", one("Resize", weights=sizes, inputs="x - - s", mode="linear")
    yield (
        "resize_align_corners",
        one("Resize", weights=scales, inputs="x - s", mode="linear", coordinate_transformation_mode="align_corners"),
    )
    yield "upsample_of_opset_9", one("Upsample", weights=scales, mode="nearest", opset=9)
    yield "shape_of_a_static_tensor", one("Shape", out=INT64)
    yield (
        "constant_of_shape",
        model(
            [node("ConstantOfShape", "s", "c", value=tensor("v", [2.0])), node("Add", "x c", "y")],
            [value("x", FLOAT, (2, 3))],
            [value("y", FLOAT, None)],
            [tensor("s", [2, 3], INT64)],
        ),
    )
    yield "one_hot", one("OneHot", (4,), [tensor("d", [5], INT64), tensor("v", [0.0, 1.0])], kind=INT64, out=FLOAT)
    yield "trilu", one("Trilu", (4, 4), upper=0)
    yield (
        "range_of_constants",
        model(
            [node("Range", "a b c", "r"), node("Add", "x r", "y")],
            [value("x", FLOAT, (2, 4))],
            [value("y", FLOAT, None)],
            [tensor("a", 0.0), tensor("b", 4.0), tensor("c", 1.0)],
        ),
    )
    dynamic = ("batch", 3, 8, 8)
    yield "dynamic_batch_conv", (one("Conv", dynamic, [ones("w", 8, 3, 3, 3)]), BATCH)
    yield "dynamic_batch_flatten_by_shape", (_flatten_by_shape(dynamic), BATCH)
    sizes_profile: list[Ranges] = [{"x": ((1, 3, 8, 8), (1, 3, 16, 16), (2, 3, 32, 32))}]
    yield (
        "dynamic_height_and_width",
        (one("MaxPool", ("n", 3, "h", "w"), kernel_shape=[2, 2], strides=[2, 2]), sizes_profile),
    )
    yield "two_profiles", (one("Relu", dynamic), [BATCH[0], {"x": ((16, 3, 8, 8), (16, 3, 8, 8), (32, 3, 8, 8))}])
    yield "resize_to_another_tensors_size", (_resize_to_other(), [{"x": ((1, 3, 4, 4),) * 3, "z": ((1, 3, 8, 8),) * 3}])
    expand = one("Expand", (1, 1), more=[value("s", INT64, (2,))])
    yield "shape_tensor_as_input", (expand, [{"s": ((1, 1), (2, 3), (6, 6))}])


def _flatten_by_shape(shape: tuple[int | str, ...]) -> bytes:
    nodes = [
        node("Shape", "x", "s", "shape"),
        node("Gather", "s zero", "n", "batch"),
        node("Unsqueeze", "n zero1", "n1", "batch1"),
        node("Concat", "n1 rest", "t", "target", axis=0),
        node("Reshape", "x t", "y", "flatten"),
    ]
    weights = [tensor("zero", 0, INT64), tensor("zero1", [0], INT64), tensor("rest", [-1], INT64)]
    return model(nodes, [value("x", FLOAT, shape)], [value("y", FLOAT, None)], weights)


def _resize_to_other() -> bytes:
    nodes = [
        node("Shape", "z", "s", "shape"),
        node(
            "Resize",
            "x - - s",
            "r",
            "resize",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        node("Add", "r z", "y", "add"),
    ]
    inputs = [value("x", FLOAT, (1, 3, "h", "w")), value("z", FLOAT, (1, 3, "k", "l"))]
    return model(nodes, inputs, [value("y", FLOAT, None)])


def _types() -> Iterator[tuple[str, bytes]]:
    for name, kind in (("half", HALF), ("bfloat16", BF16), ("double", DOUBLE)):
        yield f"conv_{name}", one("Conv", weights=[ones("w", 8, 3, 3, 3, kind=kind)], kind=kind, opset=22)
        yield f"gemm_{name}", one("Gemm", (2, 3), [ones("w", 3, 5, kind=kind)], kind=kind, opset=22)
        yield f"softmax_{name}", one("Softmax", kind=kind, opset=22)
    for name, kind in (("int32", INT32), ("int64", INT64)):
        yield f"add_{name}", one("Add", (2, 3), [tensor("w", [1, 2, 3], kind)], kind=kind)
    yield "bool_concat", one("Concat", (2, 3), kind=BOOL, more=[value("z", BOOL, (2, 3))], axis=0)
    for name, kind in (("half", HALF), ("int64", INT64), ("bool", BOOL), ("int32", INT32)):
        yield f"cast_to_{name}", one("Cast", (2, 3), to=kind, out=kind)
    yield "cast_input_from_uint8", one("Cast", (2, 3), kind=UINT8, to=FLOAT, out=FLOAT)
    yield "cast_output_to_uint8", one("Cast", (2, 3), to=UINT8, out=UINT8)
    mixed = [node("Cast", "x", "h", to=HALF), node("Mul", "h h", "m"), node("Cast", "m", "y", "back", to=FLOAT)]
    yield "half_in_the_middle", model(mixed, [value("x")], [value("y", FLOAT, None)])
    yield "pow_integer_exponent", one("Pow", (2, 3), [tensor("e", 2, INT64)])


def _without_a_kernel_of_their_own() -> Iterator[tuple[str, bytes]]:
    """Forms that ONNX Runtime's CPU kernels lack: execution.lowering says them in others."""
    yield "relu_of_int64", one("Relu", (2, 3), kind=INT64)
    more = [value("a", BOOL, (2, 3)), value("b", BOOL, (1, 3))]
    yield "where_of_truth_values", one("Where", (2, 3), kind=BOOL, more=more)
    numbers = [tensor("depth", 4, INT64), tensor("two", [0.0, 1.0])]
    yield "one_hot_of_int32", one("OneHot", (2,), numbers, INT32, out=FLOAT)
    yield "random_normal_like", one("RandomNormalLike", (2, 3))
    grid = [value("grid", FLOAT, (1, 2, 5, 2))]
    yield "grid_sample_bicubic_of_opset_16", one("GridSample", more=grid, opset=16, mode="bicubic")
    yield "grid_sample_bilinear_of_opset_16", one("GridSample", more=grid, opset=16)


def _quantized() -> Iterator[tuple[str, bytes]]:
    zero, scale = tensor("zero", 0, INT8), tensor("scale", 0.1)
    pair = [node("QuantizeLinear", "x scale zero", "q"), node("DequantizeLinear", "q scale zero", "y")]
    yield "quantize_dequantize", model(pair, [value("x")], [value("y", FLOAT, None)], [zero, scale])
    yield "quantized_conv", _quantized_conv(per_channel=False)
    yield "quantized_conv_per_channel", _quantized_conv(per_channel=True)
    stored = [node("DequantizeLinear", "wq scale zero", "w"), node("MatMul", "x w", "y")]
    weights = [ones("wq", 3, 5, kind=INT8), scale, zero]
    yield "weights_stored_as_int8", model(stored, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, None)], weights)
    by_type = [node("QuantizeLinear", "x scale", "q", output_dtype=INT8), node("DequantizeLinear", "q scale", "y")]
    yield "quantize_without_zero_point", model(by_type, [value("x")], [value("y", FLOAT, None)], [scale], opset=21)
    yield (
        "quantize_without_anything",
        model(
            [node("QuantizeLinear", "x scale", "q"), node("DequantizeLinear", "q scale", "y")],
            [value("x")],
            [value("y", FLOAT, None)],
            [scale],
        ),
    )
    yield (
        "quantize_uint8_zero_point_0",
        model(pair, [value("x")], [value("y", FLOAT, None)], [scale, tensor("zero", 0, UINT8)]),
    )
    yield (
        "quantize_channels",
        model(
            [node("QuantizeLinear", "x s z", "q", axis=1), node("DequantizeLinear", "q s z", "y", axis=1)],
            [value("x")],
            [value("y", FLOAT, None)],
            [tensor("s", [0.1, 0.2, 0.3]), tensor("z", [0, 0, 0], INT8)],
        ),
    )
    pooled = [node("QuantizeLinear", "x scale zero", "q"), node("MaxPool", "q", "p", kernel_shape=[2, 2])]
    pooled += [node("DequantizeLinear", "p scale zero", "y")]
    yield (
        "max_pool_between_quantize_and_dequantize",
        model(pooled, [value("x")], [value("y", FLOAT, None)], [zero, scale]),
    )
    half = [tensor("scale", 0.1, HALF), zero]
    yield "quantize_half", model(pair, [value("x", HALF)], [value("y", HALF, None)], half)


def _quantized_conv(per_channel: bool) -> bytes:
    scales = tensor("ws", [0.1] * 8 if per_channel else 0.1)
    zeros = tensor("wz", [0] * 8 if per_channel else 0, INT8)
    nodes = [
        node("QuantizeLinear", "x s z", "xq", "quantize"),
        node("DequantizeLinear", "xq s z", "xd", "dequantize"),
        node("QuantizeLinear", "w ws wz", "wq", "quantize_weights", axis=0),
        node("DequantizeLinear", "wq ws wz", "wd", "dequantize_weights", axis=0),
        node("Conv", "xd wd b", "c", "conv"),
        node("Relu", "c", "y", "relu"),
    ]
    weights = [tensor("s", 0.1), tensor("z", 0, INT8), ones("w", 8, 3, 3, 3), ones("b", 8), scales, zeros]
    return model(nodes, [value("x")], [value("y", FLOAT, None)], weights)


def _control_flow() -> Iterator[tuple[str, bytes]]:
    yes = graph([node("Relu", "x", "t", "then")], [], [value("t")])
    no = graph([node("Neg", "x", "e", "else")], [], [value("e")])
    decide = [node("If", "c", "y", then_branch=yes, else_branch=no)]
    yield "if", model(decide, [value("x"), value("c", BOOL, ())], [value("y")])
    constant = [tensor("c", True, BOOL)]
    yield "if_constant", model(decide, [value("x")], [value("y")], constant)
    flat = graph([node("Flatten", "x", "e", "flat")], [], [value("e", FLOAT, (1, 48))])
    other_rank = [node("If", "c", "y", then_branch=yes, else_branch=flat)]
    yield "if_constant_with_branches_of_two_ranks", model(other_rank, [value("x")], [value("y", FLOAT, None)], constant)
    half = graph([node("Cast", "x", "e", "half", to=HALF)], [], [value("e", HALF)])
    other_type = [node("If", "c", "y", then_branch=yes, else_branch=half)]
    never = [tensor("c", False, BOOL)]
    yield "if_constant_with_branches_of_two_types", model(other_type, [value("x")], [value("y", FLOAT, None)], never)
    step = [node("Add", "v one", "w", "add"), node("Identity", "go", "go_on", "keep")]
    inside = [value("i", INT64, ()), value("go", BOOL, ()), value("v", FLOAT, (2, 3))]
    body = graph(step, inside, [value("go_on", BOOL, ()), value("w", FLOAT, (2, 3))], [tensor("one", 1.0)])
    loop = [node("Loop", "n c x", "y", body=body)]
    outputs = [value("go_on", BOOL, ()), value("w", FLOAT, (2, 3)), value("out", FLOAT, (2, 3))]
    collect = graph([*step, node("Identity", "w", "out", "each")], inside, outputs, [tensor("one", 1.0)])
    both = [value("y", FLOAT, None), value("z", FLOAT, None)]
    gather = [node("Loop", "n c x", "y z", body=collect)]
    yield "loop_that_collects", model(gather, [value("x", FLOAT, (2, 3))], both, [tensor("n", 4, INT64), *constant])
    yield (
        "loop",
        model(loop, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, (2, 3))], [tensor("n", 4, INT64), *constant]),
    )


def _forms() -> Iterator[tuple[str, bytes | tuple[bytes, list[Ranges]]]]:
    for opset in (7, 9, 11, 13, 17, 18, 19, 21, 22, 23, 24):
        yield f"relu_opset_{opset}", one("Relu", opset=opset)
    yield "softmax_of_opset_11", one("Softmax", (2, 3, 4), axis=1, opset=11)
    yield "clip_of_opset_6", one("Clip", min=0.0, max=6.0, opset=9)
    yield "squeeze_of_opset_11", one("Squeeze", (1, 3), axes=[0], opset=11)
    yield "pad_of_opset_9", one("Pad", pads=[0, 0, 1, 1, 0, 0, 1, 1], opset=9)
    yield "slice_of_opset_9", one("Slice", (2, 6), starts=[1], ends=[5], axes=[1], opset=9)
    back = [node("Relu", "a", "y", "second"), node("Relu", "x", "a", "first")]
    yield "nodes_out_of_order", model(back, [value("x")], [value("y")])
    yield (
        "nodes_without_names",
        model(
            [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Exp", ["a"], ["y"])], [value("x")], [value("y")]
        ),
    )
    yield (
        "initializer_among_the_inputs",
        model([node("Add", "x w", "y")], [value("x"), value("w", FLOAT, (1,))], [value("y")], [ones("w", 1)]),
    )
    yield "unused_input", model([node("Relu", "x", "y")], [value("x"), value("z")], [value("y")])
    yield "unused_node", model([node("Relu", "x", "y"), node("Exp", "x", "z", "dead")], [value("x")], [value("y")])
    yield "input_is_an_output", model([node("Relu", "x", "y")], [value("x")], [value("x"), value("y")])
    yield (
        "declared_shape_is_wrong",
        model([node("Relu", "x", "y")], [value("x", FLOAT, (2, 3))], [value("y", FLOAT, (5, 7))]),
    )
    yield (
        "declared_type_is_wrong",
        model([node("Relu", "x", "y")], [value("x", FLOAT, (2, 3))], [value("y", HALF, (2, 3))]),
    )
    yield "attribute_that_relu_lacks", one("Relu", colour=3)
    yield (
        "constant_nodes",
        model(
            [node("Constant", "", "w", value=ones("v", 3, 5)), node("MatMul", "x w", "y")],
            [value("x", FLOAT, (2, 3))],
            [value("y", FLOAT, None)],
        ),
    )
    yield (
        "standard_operator_in_another_domain",
        model(
            [node("Gelu", "x", "y", domain="com.microsoft")],
            [value("x")],
            [value("y")],
            imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
        ),
    )
    function = helper.make_function(
        "own", "Twice", ["a"], ["b"], [node("Add", "a a", "b", "inner")], [helper.make_opsetid("", 20)]
    )
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    call = [node("Twice", "x", "t", "call", domain="own"), node("Relu", "t", "y")]
    yield "local_function", model(call, [value("x")], [value("y")], imports=imports, functions=[function])
    yield "eight_dimensions", one("Relu", (1, 2, 1, 2, 1, 2, 1, 2))
    yield "a_size_of_zero", one("Relu", (0, 3))
    yield "scalar", one("Exp", ())
    yield "residual_block", _residual_block()
    yield "attention_written_out", _attention()


def _residual_block() -> bytes:
    weights: list[onnx.TensorProto] = [ones("w1", 3, 3, 3, 3), ones("w2", 3, 3, 3, 3)]
    weights += [ones(name, 3) for name in ("s", "b", "m", "v")]
    nodes = [
        node("Conv", "x w1", "c1", "conv1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c1 s b m v", "n1", "bn1"),
        node("Relu", "n1", "r1", "relu1"),
        node("Conv", "r1 w2", "c2", "conv2", pads=[1, 1, 1, 1]),
        node("Add", "c2 x", "a", "add"),
        node("Relu", "a", "y", "relu2"),
    ]
    return model(nodes, [value("x")], [value("y")], weights)


def _bfloat16_beyond_onnx() -> Iterator[tuple[str, bytes]]:
    """Yield operators that NVIDIA takes in BF16 although ONNX's definitions have no BF16 at this opset."""
    yield "einsum_of_bfloat16", one("Einsum", (2, 3), kind=BF16, opset=22, equation="ij->ji")
    lengths = [tensor("l", [1, 2], INT64)]
    yield "reverse_sequence_of_bfloat16", one("ReverseSequence", (3, 2), lengths, kind=BF16, opset=22)
    outputs = [value("y", BF16, None), value("i", INT64, None)]
    top = model([node("TopK", "x k", "y i")], [value("x", BF16, (2, 9))], outputs, [tensor("k", [3], INT64)], 24)
    yield "topk_of_bfloat16", top


def _attention() -> bytes:
    weights = [ones("wq", 8, 8), ones("wk", 8, 8), ones("wv", 8, 8), tensor("scale", 0.35)]
    nodes = [
        *(node("MatMul", f"x w{which}", which, f"project_{which}") for which in "qkv"),
        node("Transpose", "k", "kt", "transpose", perm=[0, 2, 1]),
        node("MatMul", "q kt", "scores", "scores"),
        node("Mul", "scores scale", "scaled", "scale_scores"),
        node("Softmax", "scaled", "weights", "softmax", axis=-1),
        node("MatMul", "weights v", "y", "mix"),
    ]
    return model(nodes, [value("x", FLOAT, (2, 5, 8))], [value("y", FLOAT, None)], weights)
