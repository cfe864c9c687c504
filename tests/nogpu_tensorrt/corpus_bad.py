"""Models that NVIDIA's builder refuses: unsupported, mixed up, contradictory, malformed. None may crash anything."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from corpus_building import (
    BF16,
    BOOL,
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
from onnx import TensorProto, helper


def bad() -> Iterator[Case]:
    """Yield every bad model."""
    for name, made in _models():
        data, profiles = made if isinstance(made, tuple) else (made, [])
        yield Case(name, data, False, profiles)


def _models() -> Iterator[tuple[str, bytes | tuple[bytes, list[Ranges]]]]:
    yield from _unsupported()
    yield from _attributes()
    yield from _types()
    yield from _contradictions()
    yield from _dimensions()
    yield from _quantized()
    yield from _graphs()
    yield from _weights()
    yield from _at_build()


def _dimensions() -> Iterator[tuple[str, bytes | tuple[bytes, list[Ranges]]]]:
    yield "argmax_of_a_list", one("ArgMax", (5,), out=INT64, axis=0)
    yield "softmax_of_a_list", one("Softmax", (5,), axis=0)
    yield "lppool_over_one_dimension", one("LpPool", (1, 2, 9), kernel_shape=[3])
    ranges: list[Ranges] = [{"x": ((1, 2, 4, 4), (1, 2, 4, 4), (1, 2, 4, 4))}]
    kernel = ones("w", 2, 3, 3, 3)
    yield "deconvolution_of_unknown_channels", (one("ConvTranspose", (1, "c", 4, 4), [kernel]), ranges)
    yield "eye_like_of_unknown_size", (one("EyeLike", ("n", 4)), [{"x": ((1, 4), (4, 4), (4, 4))}])


def _unsupported() -> Iterator[tuple[str, bytes]]:
    for operator in ("Unique", "Det", "Compress", "BitwiseNot", "MaxUnpool", "SplitToSequence", "StringNormalizer"):
        yield f"unsupported_{operator.lower()}", one(operator)
    yield "unsupported_nonzero", one("NonZero", out=INT64)
    yield (
        "unsupported_convinteger",
        one("ConvInteger", kind=INT8, weights=[ones("w", 2, 3, 3, 3, kind=INT8)], out=INT32),
    )
    yield (
        "unsupported_dynamic_quantize_linear",
        model([node("DynamicQuantizeLinear", "x", "y s z")], [value("x")], [value("y", UINT8, None)]),
    )
    yield (
        "custom_operator",
        model(
            [node("MyOp", "x", "y", "my0", domain="my.domain")],
            [value("x")],
            [value("y")],
            imports=[helper.make_opsetid("", 20), helper.make_opsetid("my.domain", 1)],
        ),
    )
    yield (
        "custom_operator_without_import",
        model([node("MyOp", "x", "y", domain="my.domain")], [value("x")], [value("y")]),
    )
    yield "unknown_operator", one("Foo")
    yield (
        "machine_learning_operator",
        model(
            [node("Scaler", "x", "y", domain="ai.onnx.ml", scale=[1.0])],
            [value("x", FLOAT, (2, 1))],
            [value("y", FLOAT, None)],
            imports=[helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)],
        ),
    )
    three = [node("Unique", "x", "a", "first"), node("Foo", "a", "b", "second"), node("Det", "b", "y", "third")]
    yield "three_unsupported_operators", model(three, [value("x")], [value("y")])
    yield (
        "unsupported_operator_nobody_needs",
        model([node("Relu", "x", "y"), node("Det", "x", "d", "dead")], [value("x")], [value("y")]),
    )
    inner = graph([node("Det", "x", "t", "inner")], [], [value("t", FLOAT, None)])
    other = graph([node("Neg", "x", "e", "else")], [], [value("e")])
    decide = [node("If", "c", "y", then_branch=inner, else_branch=other)]
    yield "unsupported_operator_in_a_branch", model(decide, [value("x"), value("c", BOOL, ())], [value("y")])
    body = [node("Det", "a", "b", "inner")]
    function = helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 20)])
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    call = [node("Twice", "x", "y", "call", domain="own")]
    yield (
        "unsupported_operator_in_a_function",
        model(call, [value("x")], [value("y")], imports=imports, functions=[function]),
    )


def _attributes() -> Iterator[tuple[str, bytes]]:
    yield "max_pool_dilations", one("MaxPool", kernel_shape=[2, 2], dilations=[2, 2])
    yield "average_pool_dilations", one("AveragePool", kernel_shape=[2, 2], dilations=[2, 2])
    outputs = [value("y", FLOAT, None), value("i", INT64, None)]
    yield "max_pool_indices", model([node("MaxPool", "x", "y i", kernel_shape=[2, 2])], [value("x")], outputs)
    yield "lp_pool_p3", one("LpPool", kernel_shape=[2, 2], p=3)
    weights = [ones(name, 3) for name in ("scale", "bias", "mean", "variance")]
    yield "batch_normalization_training", one("BatchNormalization", weights=weights, training_mode=1)
    normal = [node("LayerNormalization", "x s b", "y m", axis=-1)]
    moments = [value("y", FLOAT, None), value("m", FLOAT, None)]
    yield "layer_normalization_mean", model(normal, [value("x", FLOAT, (2, 8))], moments, [ones("s", 8), ones("b", 8)])
    scales = [tensor("s", [1.0, 1.0, 2.0, 2.0])]
    resize = dict(weights=scales, inputs="x - s", mode="linear")
    yield "resize_tf_crop", one("Resize", **resize, coordinate_transformation_mode="tf_crop_and_resize")
    yield "resize_half_pixel_symmetric", one("Resize", **resize, coordinate_transformation_mode="half_pixel_symmetric")
    yield "resize_antialias", one("Resize", **resize, antialias=1)
    sizes = [tensor("s", [1, 3, 8, 6], INT64)]
    yield (
        "resize_keep_aspect_ratio",
        one("Resize", weights=sizes, inputs="x - - s", mode="linear", keep_aspect_ratio_policy="not_larger"),
    )
    yield "resize_scales_are_an_input", one("Resize", inputs="x - s", more=[value("s", FLOAT, (4,))])
    yield "scatter_nd_add", one("ScatterND", (4, 3), [tensor("i", [[1]], INT64), ones("u", 1, 3)], reduction="add")
    yield (
        "scatter_elements_add",
        one("ScatterElements", (4, 3), [tensor("i", [[1, 0, 2]], INT64), ones("u", 1, 3)], reduction="add"),
    )
    text = [node("Constant", "", "c", value_string="abc"), node("Relu", "x", "y")]
    yield "constant_string", model(text, [value("x")], [value("y")])
    yield (
        "lstm_input_forget",
        one("LSTM", (5, 2, 3), [ones("w", 1, 16, 3), ones("r", 1, 16, 4)], hidden_size=4, input_forget=1),
    )
    yield "dropout_in_training", one("Dropout", (2, 3), [tensor("r", 0.5)], more=[value("t", BOOL, ())], inputs="x r t")
    yield "cast_to_string", one("Cast", to=TensorProto.STRING, out=TensorProto.STRING)
    yield "cast_to_uint32", one("Cast", to=TensorProto.UINT32, out=TensorProto.UINT32)
    yield "reduce_axes_are_an_input", one("ReduceMean", more=[value("a", INT64, (1,))])
    axes = [tensor("a", [2, 3], INT64), tensor("s", [-1], INT64)]
    computed = [
        node("Reshape", "a s", "axes"),
        node("ReduceMean", "x axes", "y"),
    ]  # as torch exports it with optimize=False
    yield "reduce_axes_are_computed", model(computed, [value("x")], [value("y", FLOAT, None)], axes)
    yield "squeeze_axes_are_an_input", one("Squeeze", (1, 3), more=[value("a", INT64, (1,))])
    yield "concat_without_axis", one("Concat", (2, 3), more=[value("z", FLOAT, (2, 3))])
    for operator in ("Concat", "Softmax", "Gather", "Split", "ArgMax"):
        more = [tensor("i", [0], INT64)] if operator == "Gather" else []
        yield f"{operator.lower()}_axis_out_of_range", one(operator, (2, 3), more, axis=7)


def _types() -> Iterator[tuple[str, bytes]]:
    half = [value("z", HALF, (2, 3))]
    for operator in ("Add", "Mul", "Max", "Equal"):
        yield (
            f"{operator.lower()}_of_float_and_half",
            one(operator, (2, 3), more=half, out=BOOL if operator == "Equal" else FLOAT),
        )
    yield "add_of_float_and_half_constant", one("Add", (2, 3), [ones("w", 3, kind=HALF)])
    yield "mul_of_float_and_int64", one("Mul", (2, 3), more=[value("z", INT64, (2, 3))])
    yield "add_of_half_and_bfloat16", one("Add", (2, 3), kind=HALF, more=[value("z", BF16, (2, 3))], opset=22)
    yield "conv_of_float_and_half", one("Conv", weights=[ones("w", 2, 3, 3, 3, kind=HALF)])
    yield "matmul_of_float_and_half", one("MatMul", (2, 3), [ones("w", 3, 5, kind=HALF)])
    yield "concat_of_float_and_half", one("Concat", (2, 3), more=half, axis=0)
    yield "where_of_float_and_half", one("Where", (2, 3), kind=BOOL, more=[value("a", FLOAT, (2, 3)), *half], out=FLOAT)
    yield "where_condition_is_float", one("Where", (2, 3), more=[value("a", FLOAT, (2, 3)), value("b", FLOAT, (2, 3))])
    yield "add_of_bool", one("Add", (2, 3), kind=BOOL, more=[value("z", BOOL, (2, 3))])
    yield "and_of_float", one("And", (2, 3), more=[value("z", FLOAT, (2, 3))], out=BOOL)
    yield "relu_of_bool", one("Relu", kind=BOOL)
    yield "exp_of_int32", one("Exp", kind=INT32)
    yield "sigmoid_of_int64", one("Sigmoid", kind=INT64)
    yield "matmul_of_int32", one("MatMul", (2, 3), [ones("w", 3, 5, kind=INT32)], kind=INT32)
    for operator in ("Relu", "Transpose", "Add", "Concat", "MaxPool"):
        more = [value("z", UINT8)] if operator in ("Add", "Concat") else []
        attributes = {"Concat": {"axis": 0}, "MaxPool": {"kernel_shape": [2, 2]}}.get(operator, {})
        yield f"{operator.lower()}_of_uint8", one(operator, kind=UINT8, more=more, **attributes)
    middle = [node("Cast", "x", "u", to=UINT8), node("Cast", "u", "y", "back", to=FLOAT)]
    yield "uint8_in_the_middle", model(middle, [value("x")], [value("y")])
    for name, kind in (("uint32", TensorProto.UINT32), ("int16", TensorProto.INT16), ("string", TensorProto.STRING)):
        yield f"input_of_{name}", one("Identity", kind=kind)
    yield "mish_of_bfloat16", one("Mish", kind=BF16, opset=22)
    yield "mod_of_floats_with_integer_rule", one("Mod", (2, 3), [tensor("m", [3.0])], fmod=0)
    yes, no = (
        graph([node("Relu", "x", "t")], [], [value("t")]),
        graph([node("Cast", "x", "e", to=HALF)], [], [value("e", HALF)]),
    )
    decide = [node("If", "c", "y", then_branch=yes, else_branch=no)]
    yield "if_branches_of_two_types", model(decide, [value("x"), value("c", BOOL, ())], [value("y")])


def _contradictions() -> Iterator[tuple[str, bytes]]:
    yield "add_shapes_that_do_not_broadcast", one("Add", (2, 3), more=[value("z", FLOAT, (2, 4))])
    yield "matmul_shapes", one("MatMul", (2, 3), more=[value("z", FLOAT, (4, 2))])
    yield "gemm_shapes", one("Gemm", (2, 3), [ones("w", 4, 5)])
    yield "concat_shapes", one("Concat", (2, 3), more=[value("z", FLOAT, (4, 2))], axis=0)
    yield "concat_ranks", one("Concat", (2, 3), more=[value("z", FLOAT, (2, 3, 1))], axis=0)
    yield "conv_channels", one("Conv", weights=[ones("w", 2, 5, 3, 3)])
    yield "conv_groups", one("Conv", weights=[ones("w", 2, 1, 3, 3)], group=2)
    yield "conv_bias", one("Conv", weights=[ones("w", 2, 3, 3, 3), ones("b", 5)])
    yield "conv_kernel_larger_than_image", one("Conv", weights=[ones("w", 2, 3, 9, 9)])
    yield "conv_kernel_shape_attribute", one("Conv", weights=[ones("w", 2, 3, 3, 3)], kernel_shape=[5, 5])
    yield "conv_without_kernel", one("Conv")
    yield "reshape_to_another_volume", one("Reshape", (2, 3), [tensor("s", [7], INT64)])
    yield "reshape_with_two_wildcards", one("Reshape", (2, 3), [tensor("s", [-1, -1], INT64)])
    yield "reshape_indivisible", one("Reshape", (2, 3), [tensor("s", [-1, 4], INT64)])
    yield "transpose_repeats_an_axis", one("Transpose", (2, 3), perm=[0, 0])
    yield "transpose_too_many_axes", one("Transpose", (2, 3), perm=[0, 2, 1])
    yield "squeeze_of_a_size_above_1", one("Squeeze", (2, 3), [tensor("a", [0], INT64)])
    yield "max_pool_window_larger_than_image", one("MaxPool", kernel_shape=[9, 9])
    yield "expand_that_does_not_broadcast", one("Expand", (2, 3), [tensor("s", [2, 4], INT64)])
    yield "nine_dimensions_come_out", one("Unsqueeze", (1,) * 8, [tensor("a", [0], INT64)])
    yield "relu_without_input", model([node("Relu", "", "y")], [value("x")], [value("y")])
    yield "relu_of_nothing", model([node("Relu", "-", "y")], [value("x")], [value("y")])


def _quantized() -> Iterator[tuple[str, bytes]]:
    def pair(zero: onnx.TensorProto, scale: onnx.TensorProto) -> bytes:
        nodes = [node("QuantizeLinear", "x s z", "q", "quantize"), node("DequantizeLinear", "q s z", "y", "dequantize")]
        zero.name, scale.name = "z", "s"
        return model(nodes, [value("x")], [value("y", FLOAT, None)], [zero, scale])

    scale = tensor("s", 0.1)
    yield "quantize_zero_point_not_zero", pair(tensor("z", 3, INT8), scale)
    to_bytes = [node("QuantizeLinear", "x s", "q", output_dtype=UINT8), node("DequantizeLinear", "q s", "y")]
    yield "quantize_to_uint8", model(to_bytes, [value("x")], [value("y", FLOAT, None)], [scale], opset=21)
    per_channel = [node("QuantizeLinear", "x s z", "q", axis=1), node("DequantizeLinear", "q s z", "y", axis=1)]
    two = [tensor("s", [0.1, 0.2]), tensor("z", [0, 0], INT8)]
    yield (
        "quantize_with_two_scales_for_three_channels",
        model(per_channel, [value("x")], [value("y", FLOAT, None)], two),
    )
    bias = [node("DequantizeLinear", "b s z", "d"), node("Add", "x d", "y")]
    weights = [tensor("b", [1, 2, 3], INT32), scale, tensor("z", 0, INT32)]
    yield "bias_stored_as_int32", model(bias, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, None)], weights)
    yield "quantize_to_uint8_zero_point_128", pair(tensor("z", 128, UINT8), scale)
    yield "quantize_negative_scale", pair(tensor("z", 0, INT8), tensor("s", -0.1))
    yield "quantize_zero_scale", pair(tensor("z", 0, INT8), tensor("s", 0.0))
    weights = [ones("w", 3, 5, kind=UINT8), scale, tensor("z", 0, UINT8)]
    stored = [node("DequantizeLinear", "w s z", "d"), node("MatMul", "x d", "y")]
    yield "weights_stored_as_uint8", model(stored, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, None)], weights)
    linear = [tensor(n, v, k) for n, v, k in (("a", 0.1, FLOAT), ("b", 0, INT8))]
    mul = "x a b w a b a b"
    yield "qlinear_matmul", one("QLinearMatMul", (2, 3), [*linear, ones("w", 3, 5, kind=INT8)], kind=INT8, inputs=mul)


def _graphs() -> Iterator[tuple[str, bytes]]:
    yield "garbage", bytes(range(7, 255))
    whole = one("Conv", weights=[ones("w", 8, 3, 3, 3)])
    yield "truncated", whole[: len(whole) // 2]
    yield "nothing_at_all", b""
    cycle = [node("Add", "x b", "a", "first"), node("Relu", "a", "b", "second")]
    yield "cycle", model(cycle, [value("x")], [value("b")])
    yield "node_that_needs_itself", model([node("Add", "x y", "y")], [value("x")], [value("y")])
    yield "input_from_nowhere", model([node("Add", "x nowhere", "y")], [value("x")], [value("y")])
    yield "two_nodes_make_one_value", model([node("Relu", "x", "y"), node("Exp", "x", "y")], [value("x")], [value("y")])
    yield "node_overwrites_an_input", model([node("Relu", "x", "x")], [value("x")], [value("x")])
    yield "input_twice", model([node("Relu", "x", "y")], [value("x"), value("x")], [value("y")])
    yield "output_that_nobody_makes", model([node("Relu", "x", "a")], [value("x")], [value("zz")])
    yield "no_outputs", model([node("Relu", "x", "a")], [value("x")], [])
    yield "input_without_a_type", model([node("Relu", "x", "y")], [onnx.ValueInfoProto(name="x")], [value("y")])
    yield "nine_dimensions", one("Relu", (1,) * 9)
    yield "a_size_of_2_to_the_31", one("Relu", (2**31,))


def _weights() -> Iterator[tuple[str, bytes]]:
    def add(weight: onnx.TensorProto, *more: onnx.TensorProto) -> bytes:
        return model([node("Add", "x w", "y")], [value("x")], [value("y")], [weight, *more])

    def raw(dims: list[int], data: bytes = b"1234", kind: int = FLOAT) -> onnx.TensorProto:
        return TensorProto(name="w", data_type=kind, dims=dims, raw_data=data)

    yield "weights_too_short", add(raw([3]))
    yield "weights_of_a_negative_size", add(raw([-3]))
    yield "weights_of_a_huge_size", add(raw([2**40]))
    yield "weights_of_sizes_that_overflow", add(raw([2**32, 2**32]))
    yield "weights_of_an_unknown_type", add(raw([1], kind=99))
    yield "weights_of_uint32", add(raw([1], kind=TensorProto.UINT32))
    yield "weights_twice", add(ones("w", 1), ones("w", 1))
    yield (
        "unused_weights_of_int16",
        model([node("Relu", "x", "y")], [value("x")], [value("y")], [raw([2], kind=TensorProto.INT16)]),
    )
    for name, location in (("parent", "../w.bin"), ("absolute", "/etc/hostname"), ("missing", "w.bin"), ("empty", "")):
        weight = TensorProto(name="w", data_type=FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
        weight.external_data.add(key="location", value=location)
        yield f"external_weights_{name}", add(weight)


def _at_build() -> Iterator[tuple[str, bytes | tuple[bytes, list[Ranges]]]]:
    dynamic = one("Relu", ("batch", 3, 8, 8))
    yield "dynamic_without_a_profile", dynamic
    yield "profile_for_another_input", (dynamic, [{"z": ((1, 3, 8, 8),) * 3}])
    yield "profile_against_a_static_size", (dynamic, [{"x": ((1, 5, 8, 8), (4, 5, 8, 8), (8, 5, 8, 8))}])
    yield (
        "split_longer_than_the_axis",
        model(
            [node("Split", "x s", "a b", axis=0)],
            [value("x", FLOAT, (4, 3))],
            [value("a", FLOAT, None), value("b", FLOAT, None)],
            [tensor("s", [3, 3], INT64)],
        ),
    )
    yes, no = (
        graph([node("Relu", "x", "t")], [], [value("t")]),
        graph([node("Flatten", "x", "e")], [], [value("e", FLOAT, (1, 48))]),
    )
    decide = [node("If", "c", "y", then_branch=yes, else_branch=no)]
    yield "if_branches_of_two_ranks", model(decide, [value("x"), value("c", BOOL, ())], [value("y", FLOAT, None)])
    yield from _loops()
    outputs = [value("y", FLOAT, None), value("i", INT64, None)]
    for name, size, k in (("too_large", 9000, 5000), ("beyond_the_axis", 3, 5)):
        weights = [tensor("k", [k], INT64)]
        yield f"topk_{name}", model([node("TopK", "x k", "y i")], [value("x", FLOAT, (2, size))], outputs, weights)
    yield "int8_constant_outside_qdq", one("Add", (2, 3), [ones("w", 3, kind=INT8)], kind=INT8)


def _loops() -> Iterator[tuple[str, bytes]]:
    x, weights = value("x", FLOAT, (2, 3)), [tensor("n", 3, INT64), tensor("c", True, BOOL)]
    inside = [value("i", INT64, ()), value("go", BOOL, ()), value("v", FLOAT, (2, 3))]
    on = node("Identity", "go", "go_on", "keep")
    made = [value("go_on", BOOL, ()), value("w", FLOAT, None)]
    grow = graph([node("Concat", "v v", "w", "grow", axis=0), on], inside, made)
    yield (
        "loop_whose_value_grows",
        model([node("Loop", "n c x", "y", body=grow)], [x], [value("y", FLOAT, None)], weights),
    )
    each = [on, node("Neg", "v", "w", "negate"), node("Identity", "w", "out", "each")]
    collect = graph(each, inside, [*made, value("out", FLOAT, (2, 3))])
    both = [value("y", FLOAT, None), value("z", FLOAT, None)]
    yield (
        "loop_that_collects_without_a_limit",
        model([node("Loop", "- c x", "y z", body=collect)], [x], both, weights[1:]),
    )
    yield (
        "loop_without_the_condition_that_it_reads",
        model([node("Loop", "n - x", "y z", body=collect)], [x], both, weights[:1]),
    )
