"""Which element types NVIDIA's parser knows, what it calls them, and which of them each operator takes.

The table was read off the answers of NVIDIA's TensorRT-RTX 1.7.1 parser and builder to one small model per operator and
type (ONNX's own node tests, retyped); tests/nogpu_tensorrt keeps the two in step. Asked by `operators`.
"""

from __future__ import annotations

import onnx_ir as ir

DataType = ir.DataType

# ONNX type -> (as in a layer's message, as in the parser's own message)
NAMES: dict[DataType, tuple[str, str]] = {
    DataType.FLOAT: ("Float", "FLOAT"),
    DataType.DOUBLE: ("Float", "FLOAT"),  # taken as FLOAT: see doubles.py
    DataType.FLOAT16: ("Half", "HALF"),
    DataType.BFLOAT16: ("BFloat16", "BF16"),
    DataType.INT8: ("Int8", "INT8"),
    DataType.INT32: ("Int32", "INT32"),
    DataType.INT64: ("Int64", "INT64"),
    DataType.BOOL: ("Bool", "BOOL"),
    DataType.UINT8: ("UInt8", "UINT8"),
    DataType.FLOAT8E4M3FN: ("FP8", "FP8"),
    DataType.INT4: ("Int4", "INT4"),
    DataType.FLOAT4E2M1: ("FP4", "FP4"),
    DataType.FLOAT8E8M0: ("E8M0", "E8M0"),
}

FLOATS = frozenset({DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16})
INTEGERS = frozenset({DataType.INT32, DataType.INT64})
BYTE = frozenset({DataType.INT8})
SMALL = frozenset({DataType.FLOAT8E4M3FN, DataType.INT4, DataType.FLOAT4E2M1, DataType.FLOAT8E8M0})
BOOL = frozenset({DataType.BOOL})
NUMBERS = FLOATS | INTEGERS | BYTE
ANY = NUMBERS | BOOL | SMALL
EVERY = ANY | {DataType.UINT8}

# What an operator's first input may be. Operators that are not listed take NUMBERS and BOOL.
FIRST_INPUT: dict[str, frozenset[DataType]] = {
    **dict.fromkeys(("And", "Or", "Xor", "Not"), BOOL),
    **dict.fromkeys(("If", "Loop", "Scan"), EVERY),
    **dict.fromkeys(("Cast", "CastLike", "Identity", "Shape", "Size", "Equal", "DequantizeLinear"), EVERY),
    **dict.fromkeys(("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Concat"), ANY),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "Pow"), NUMBERS),
    **dict.fromkeys(("Greater", "Less", "GreaterOrEqual", "LessOrEqual"), NUMBERS),
    **dict.fromkeys(("Abs", "Neg", "Sign", "Shrink", "ArgMax", "ArgMin", "TopK", "ReduceMax", "ReduceMin"), NUMBERS),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), NUMBERS),
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceProd", "ReduceL1", "ReduceSumSquare", "Clip"), FLOATS | INTEGERS
    ),
    "Range": INTEGERS | {DataType.FLOAT},
    "Relu": FLOATS | BYTE | {DataType.INT64},
    "MaxPool": FLOATS | BYTE,
    "QuantizeLinear": FLOATS,
    **dict.fromkeys(("ReduceL2", "ReduceLogSum", "ReduceLogSumExp"), FLOATS),
    **dict.fromkeys(("Mish", "LpNormalization", "ConvTranspose", "GRU"), FLOATS - {DataType.BFLOAT16}),
    "HardSwish": (FLOATS - {DataType.BFLOAT16}) | BYTE,
    **dict.fromkeys(
        (
            *(
                "AveragePool",
                "BatchNormalization",
                "Celu",
                "Conv",
                "CumSum",
                "Dropout",
                "Einsum",
                "Elu",
                "Gelu",
                "Gemm",
            ),
            *("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GridSample", "GroupNormalization", "HardSigmoid"),
            *("Hardmax", "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LSTM", "LayerNormalization", "LeakyRelu"),
            *("LogSoftmax", "LpPool", "MatMul", "MeanVarianceNormalization", "PRelu", "RMSNormalization", "RNN"),
            *("Resize", "RotaryEmbedding", "Selu", "Sigmoid", "Softmax", "Softplus", "Softsign", "Swish", "Tanh"),
            *("ThresholdedRelu", "Upsample", "Attention"),
        ),
        FLOATS,
    ),
}
FIRST_INPUT["CumSum"] = FIRST_INPUT["Mod"] = FLOATS | INTEGERS

# How NVIDIA names the layer of an operator in its messages.
UNARY = {
    **{name: name.upper() for name in ("Abs", "Neg", "Sign", "Exp", "Log", "Sqrt", "Ceil", "Floor", "Erf", "Round")},
    **{name: name.upper() for name in ("Sin", "Cos", "Tan", "Sinh", "Cosh", "Asin", "Acos", "Atan")},
    **{name: name.upper() for name in ("Asinh", "Acosh", "Atanh", "Not")},
    "Reciprocal": "RECIP",
}
ELEMENTWISE = {
    **{"Add": "SUM", "Sum": "SUM", "Mean": "SUM", "Sub": "SUB", "Mul": "PROD", "Div": "DIV", "Pow": "POW"},
    **{"Max": "MAX", "Min": "MIN", "Mod": "DIV", "And": "AND", "Or": "OR", "Xor": "XOR"},
    **{"Equal": "EQUAL", "Greater": "GREATER", "Less": "LESS", "GreaterOrEqual": "GREATER", "LessOrEqual": "LESS"},
}
FIRST_INPUT.update(dict.fromkeys(set(UNARY) - {"Abs", "Neg", "Sign", "Not"}, FLOATS))
ACTIVATIONS = frozenset(
    {"Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "Softsign", "LeakyRelu", "HardSigmoid", "MaxPool"}
)
SHUFFLES = frozenset({"Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"})


def layer_name(kind: DataType) -> str:
    """Return the type's name as TensorRT's layers write it: "Half"."""
    return NAMES[kind][0] if kind in NAMES else kind.name


def parser_name(kind: DataType) -> str:
    """Return the type's name as NVIDIA's parser writes it: "HALF"."""
    return NAMES[kind][1] if kind in NAMES else kind.name
