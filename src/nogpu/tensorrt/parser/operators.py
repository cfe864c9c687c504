"""The operators: which ones NVIDIA's parser has, and what it says of an element type that one of them does not take.

Called by `static_checks` (is it there at all?) and `importing` (may it have these types?).
"""

from __future__ import annotations

import onnx_ir as ir

from nogpu.tensorrt.parser import datatypes
from nogpu.tensorrt.parser.datatypes import DataType, layer_name, parser_name
from nogpu.tensorrt.parser.problems import refuse, unless
from nogpu.tensorrt.plugin_registry import STANDARD_OPERATORS

# The operators that were accepted by NVIDIA's TensorRT-RTX 1.7.1 parser in at least one form.
_SUPPORTED = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization
    BlackmanWindow Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum
    DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather
    GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
    GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If InstanceNormalization
    IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool
    MatMul Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not OneHot Or PRelu Pad Pow
    QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range
    Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Relu Reshape Resize ReverseSequence RotaryEmbedding Round Scan Scatter ScatterElements ScatterND
    Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub
    Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
SUPPORTED = frozenset(_SUPPORTED.split())

# Known to NVIDIA's parser, and refused by it always.
_REFUSED = """
    AffineGrid Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im Compress
    ConcatFromSequence ConvInteger DFT Det DynamicQuantizeLinear ImageDecoder MatMulInteger MaxRoiPool MaxUnpool
    MelWeightMatrix Multinomial NegativeLogLikelihoodLoss Optional OptionalGetElement OptionalHasElement QLinearConv
    QLinearMatMul RegexFullMatch STFT SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
    SequenceLength SequenceMap SoftmaxCrossEntropyLoss SplitToSequence StringConcat StringNormalizer StringSplit
    TensorScatter TfIdfVectorizer Unique
"""
REFUSED = frozenset(_REFUSED.split())

# NVIDIA's parser makes these from plugins.
FROM_PLUGINS = STANDARD_OPERATORS | {"CausalConvWithState", "DeformConv", "LinearAttention"}

# All but ReduceSum, which had its axes as an input before the others.
REDUCTIONS = tuple(
    f"Reduce{kind}" for kind in ("Max", "Mean", "Min", "Prod", "SumSquare", "L1", "L2", "LogSum", "LogSumExp")
)

# Whose inputs must all be of one type (the element-wise operators and Where have rules of their own).
ONE_TYPE = frozenset(
    {"Conv", "ConvTranspose", "MatMul", "Gemm", "Concat", "Einsum", "PRelu"}
    | {"LayerNormalization", "GroupNormalization", "InstanceNormalization"}
)

NO_PLUGIN = 'creator && "Plugin not found, are the plugin name, version, and namespace correct?"'


def check_types(node: ir.Node, kinds: list[DataType | None]) -> None:
    """Refuse a node whose inputs have types that its layer does not take, or that differ where they must not."""
    operator = node.op_type
    given = [kind for kind in kinds if kind is not None]
    if not given:
        return
    if operator in datatypes.ELEMENTWISE:
        _check_elementwise(operator, node_name(node), given)
        return
    first = given[0]
    if first not in datatypes.FIRST_INPUT.get(operator, datatypes.NUMBERS | datatypes.BOOL):
        _refuse_type(operator, node_name(node), first)
    _check_same(operator, node_name(node), kinds)


def node_name(node: ir.Node) -> str:
    """Return what NVIDIA calls a node in its messages: its name, or one made of its first output's."""
    return node.name or f"node_of_{node.outputs[0].name if node.outputs else ''}"


def invalid_node(name: str, text: str, kind: str = "API Usage Error") -> Exception:
    """Return the refusal that NVIDIA's parser makes of an error of the layer that it has just added."""
    return refuse(
        "INVALID_NODE", "parseNode", f"Invalid Node - {name}\nITensor::getDimensions: Error Code 4: {kind} ({text})"
    )


def _refuse_type(operator: str, name: str, kind: DataType) -> None:
    if operator in datatypes.UNARY:
        raise refuse(
            "UNSUPPORTED_NODE",
            "unaryHelper",
            "Assertion failed: validUnaryType: This version of TensorRT does not support the given operator "
            f"{datatypes.UNARY[operator]} with the given input data type {parser_name(kind)}.",
        )
    if operator in datatypes.ACTIVATIONS:
        wanted = "Float, Half, BFloat16, FP8, E8M0, FP4, Int4, or Int8"
        raise invalid_node(name, f"{name}: input has type {layer_name(kind)} but must have type {wanted}.")
    if operator in datatypes.SHUFFLES:
        wanted = "Float, Half, BFloat16, FP8, E8M0, FP4, Int4, Int8, Int64, Int32, or Bool"
        raise invalid_node(name, f"{name}: first input has type {layer_name(kind)} but must have type {wanted}.")
    if operator == "QuantizeLinear":
        wanted = "Float, Half, or BFloat16"
        raise invalid_node(name, f"{name}: input has type {layer_name(kind)} but must have type {wanted}.")
    if operator in ("Clip", "HardSwish", "Mish", "Range", "Shrink", "Celu") and kind is not DataType.UINT8:
        raise refuse(
            "UNSUPPORTED_NODE",
            f"import{operator}",
            f"Assertion failed: {operator} does not take this type in this version of TensorRT. "
            f"The current type is {parser_name(kind)}.",
        )
    raise refuse(
        "UNSUPPORTED_NODE",
        "checkNotInvalidType",
        f"Assertion failed: status.is_success(): Found unsupported input type of {parser_name(kind)}",
    )


def _check_elementwise(operator: str, name: str, kinds: list[DataType]) -> None:
    operation = datatypes.ELEMENTWISE[operator]
    any_bool = DataType.BOOL in kinds
    if operation in ("AND", "OR", "XOR"):
        unless(
            all(kind is DataType.BOOL for kind in kinds),
            "UNSUPPORTED_NODE",
            "elementwiseCheck",
            f"Elementwise layer only supports operator {operation} and the given inputs with type BOOL.",
        )
        return
    if operation != "EQUAL":
        unless(
            not any_bool,
            "UNSUPPORTED_NODE",
            "elementwiseCheck",
            f"Elementwise layer does not support operator {operation} and the given inputs with type BOOL.",
        )
    layer = f"{name}: ElementWiseOperation {operation}"
    if len(set(kinds)) > 1 and operator != "Pow":
        differing = next(kind for kind in kinds if kind is not kinds[0])
        pair = f"{layer_name(kinds[0])} and {layer_name(differing)}"
        raise invalid_node(name, f"{layer} must have same input types. But they are of types {pair}.")
    if kinds[0] not in datatypes.FIRST_INPUT[operator]:
        raise invalid_node(
            name,
            f"{layer} requires inputs with type kFLOAT, kHALF, kBF16, kFP8, or kINT8, kINT32, or kINT64. "
            f"But type is {layer_name(kinds[0])}.",
        )


def _check_same(operator: str, name: str, kinds: list[DataType | None]) -> None:
    """Refuse inputs of different types where a layer wants one type; the words are the layer's."""
    first = kinds[0]
    others = kinds[1:] if operator in ONE_TYPE else []
    if operator == "Where" and len(kinds) == 3:
        if first is not DataType.BOOL:
            given = layer_name(first or DataType.UNDEFINED)
            raise invalid_node(name, f"{name}: condition input has type {given} but must have type Bool.")
        first, others = kinds[1], kinds[2:]
    wrong = next(((i, kind) for i, kind in enumerate(others, 1) if kind is not None and kind is not first), None)
    if first is None or wrong is None:
        return
    index, other_kind = wrong
    a, b = layer_name(first), layer_name(other_kind)
    texts = {
        "MatMul": f"{name}: IMatrixMultiplyLayer must have same input types. "
        f"`A` is of type {a} and `B` is of type {b}.",
        "Concat": f"{name}: IConcatenationLayer `inputs` must all be of the same type. "
        f"inputs[{index}] is of type {b} but inputs[0] is of type {a}.",
        "Where": f"{name}: ISelectLayer must have `thenInput` and `elseInput` of same types but has {a} and {b}.",
    }
    texts["Gemm"] = texts["MatMul"]
    layer = "IDeconvolutionLayer" if operator == "ConvTranspose" else "IConvolutionLayer"
    what = "kernel" if index == 1 else "bias"
    convolution = (
        f"{name}: {layer} `input` and `{what}` must be of same type. `input` type is {a} but `{what}` is of type {b}."
    )
    other = f"{name}: the inputs of {operator} must be of the same type. They are {a} and {b}."
    raise invalid_node(name, texts.get(operator, convolution if "Conv" in operator else other))
