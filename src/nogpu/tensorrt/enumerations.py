"""The enumerations of TensorRT 11.4: the same members with the same numbers, read off the real bindings.

They behave as the real ones: `int(member)` is the number, a member is equal only to itself, and a member that an older
TensorRT had says in its AttributeError what to use today.
"""

from __future__ import annotations

import enum
from typing import Any

from nogpu.tensorrt import migration

ITEM_BITS = {"FLOAT": 32, "INT32": 32, "HALF": 16, "BF16": 16, "INT64": 64, "INT4": 4, "FP4": 4}  # the others: 8


class _Members(enum.EnumMeta):
    """Lets a missing member explain itself."""

    def __getattr__(cls, name: str) -> Any:
        members = cls.__dict__.get("_member_map_", {})
        if name in members:
            return members[name]
        if name.startswith("_"):
            raise AttributeError(name)
        raise migration.missing(cls.__name__, name)


class Enumeration(enum.Enum, metaclass=_Members):
    """Base of all enumerations here: has a number, as the bindings' enumerations have."""

    def __int__(self) -> int:
        return int(self.value)

    __index__ = __int__
    __hash__ = enum.Enum.__hash__


class APILanguage(Enumeration):
    CPP, PYTHON = range(2)


class ActivationType(Enumeration):
    RELU, SIGMOID, TANH, LEAKY_RELU, ELU, SELU, SOFTSIGN, SOFTPLUS, CLIP, HARD_SIGMOID, SCALED_TANH = range(11)
    THRESHOLDED_RELU, GELU_ERF, GELU_TANH = range(11, 14)


class AllocatorFlag(Enumeration):
    RESIZABLE = 0


class AttentionIOForm(Enumeration):
    PADDED_BHND, PACKED_NHD = range(2)


class AttentionNormalizationOp(Enumeration):
    NONE, SOFTMAX = range(2)


class BoundingBoxFormat(Enumeration):
    CORNER_PAIRS, CENTER_SIZES = range(2)


class BuilderFlag(Enumeration):
    DEBUG, GPU_FALLBACK, REFIT, DISABLE_TIMING_CACHE, TF32, SPARSE_WEIGHTS, SAFETY_SCOPE = range(2, 9)
    DIRECT_IO, VERSION_COMPATIBLE, EXCLUDE_LEAN_RUNTIME = range(11, 14)
    ERROR_ON_TIMING_CACHE_MISS = 15
    DISABLE_COMPILATION_CACHE, STRIP_PLAN, REFIT_IDENTICAL, WEIGHT_STREAMING = range(17, 21)
    REFIT_INDIVIDUAL, STRICT_NANS, MONITOR_MEMORY = range(22, 25)
    EDITABLE_TIMING_CACHE, DISTRIBUTIVE_INDEPENDENCE = range(26, 28)


class CausalMaskKind(Enumeration):
    NONE, UPPER_LEFT, LOWER_RIGHT = range(3)


class CollectiveOperation(Enumeration):
    ALL_REDUCE, ALL_GATHER, BROADCAST, REDUCE, REDUCE_SCATTER, ALL_TO_ALL, GATHER, SCATTER = range(8)


class CumulativeOperation(Enumeration):
    SUM = 0


class DLAWorkspaceAllocationStrategy(Enumeration):
    DEFAULT, SHARED_STATIC = range(2)


class DataType(Enumeration):
    FLOAT, HALF, INT8, INT32, BOOL, UINT8, FP8, BF16, INT64, INT4, FP4, E8M0 = range(12)

    @property
    def itemsize(self) -> float:
        """The size of one element in bytes; half a byte for the 4-bit types."""
        bits = ITEM_BITS.get(self.name, 8)
        return bits / 8 if bits < 8 else bits // 8


class DeviceType(Enumeration):
    GPU, DLA = range(2)


class DimensionOperation(Enumeration):
    SUM, PROD, MAX, MIN, SUB, EQUAL, LESS, FLOOR_DIV, CEIL_DIV = range(9)


class Severity(Enumeration):
    """How bad a message is: `ILogger.Severity`. Ordered, the worst first."""

    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

    def __lt__(self, other: Any) -> bool:
        return int(self) < int(other)

    def __le__(self, other: Any) -> bool:
        return int(self) <= int(other)

    def __gt__(self, other: Any) -> bool:
        return int(self) > int(other)

    def __ge__(self, other: Any) -> bool:
        return int(self) >= int(other)


class ElementWiseOperation(Enumeration):
    SUM, PROD, MAX, MIN, SUB, DIV, POW, FLOOR_DIV, AND, OR, XOR, EQUAL, GREATER, LESS = range(14)


class EngineCapability(Enumeration):
    STANDARD, SAFETY, DLA_STANDALONE = range(3)


class EngineStat(Enumeration):
    TOTAL_WEIGHTS_SIZE, STRIPPED_WEIGHTS_SIZE = range(2)


class ErrorCode(Enumeration):
    SUCCESS, INTERNAL_ERROR, MEM_ALLOC_FAILED, MODEL_DESERIALIZE_FAILED, INVALID_VALUE = range(5)
    INVALID_GRAPH, INVALID_NODE, UNSUPPORTED_GRAPH, UNSUPPORTED_NODE, UNSUPPORTED_NODE_ATTR = range(5, 10)
    UNSUPPORTED_NODE_INPUT, UNSUPPORTED_NODE_DATATYPE, UNSUPPORTED_NODE_DYNAMIC = range(10, 13)
    UNSUPPORTED_NODE_SHAPE, REFIT_FAILED = range(13, 15)


class ErrorCodeTRT(Enumeration):
    SUCCESS, UNSPECIFIED_ERROR, INTERNAL_ERROR, INVALID_ARGUMENT, INVALID_CONFIG, FAILED_ALLOCATION = range(6)
    FAILED_INITIALIZATION, FAILED_EXECUTION, FAILED_COMPUTATION, INVALID_STATE = range(6, 10)
    UNSUPPORTED_STATE = 10


class ExecutionContextAllocationStrategy(Enumeration):
    STATIC, ON_PROFILE_CHANGE, USER_MANAGED = range(3)


class FillOperation(Enumeration):
    LINSPACE, RANDOM_UNIFORM, RANDOM_NORMAL = range(3)


class GatherMode(Enumeration):
    DEFAULT, ELEMENT, ND = range(3)


class HardwareCompatibilityLevel(Enumeration):
    NONE, AMPERE_PLUS, SAME_COMPUTE_CAPABILITY = range(3)


class InterpolationMode(Enumeration):
    NEAREST, LINEAR, CUBIC = range(3)


class KVCacheMode(Enumeration):
    LINEAR = 0


class LayerInformationFormat(Enumeration):
    ONELINE, JSON = range(2)


class LayerType(Enumeration):
    CONVOLUTION, CAST, ACTIVATION, POOLING, LRN, SCALE, SOFTMAX, DECONVOLUTION, CONCATENATION = range(9)
    ELEMENTWISE, PLUGIN, UNARY, PADDING, SHUFFLE, REDUCE, TOPK, GATHER, MATRIX_MULTIPLY = range(9, 18)
    RAGGED_SOFTMAX, CONSTANT, IDENTITY, PLUGIN_V2, SLICE, SHAPE, PARAMETRIC_RELU, RESIZE = range(18, 26)
    TRIP_LIMIT, RECURRENCE, ITERATOR, LOOP_OUTPUT, SELECT, FILL, QUANTIZE, DEQUANTIZE = range(26, 34)
    CONDITION, CONDITIONAL_INPUT, CONDITIONAL_OUTPUT, SCATTER, EINSUM, ASSERTION, ONE_HOT = range(34, 41)
    NON_ZERO, GRID_SAMPLE, NMS, REVERSE_SEQUENCE, NORMALIZATION, PLUGIN_V3, SQUEEZE, UNSQUEEZE = range(41, 49)
    CUMULATIVE, DYNAMIC_QUANTIZE, ATTENTION_INPUT, ATTENTION_OUTPUT, ROTARY_EMBEDDING = range(49, 54)
    KV_CACHE_UPDATE, MOE, DIST_COLLECTIVE = range(54, 57)


class LoopOutput(Enumeration):
    LAST_VALUE, CONCATENATE, REVERSE = range(3)


class MatrixOperation(Enumeration):
    NONE, TRANSPOSE, VECTOR = range(3)


class MemoryPoolType(Enumeration):
    WORKSPACE, DLA_MANAGED_SRAM, DLA_LOCAL_DRAM, DLA_GLOBAL_DRAM, TACTIC_DRAM, TACTIC_SHARED_MEMORY = range(6)


class MoEActType(Enumeration):
    NONE, SILU = range(2)


class NetworkDefinitionCreationFlag(Enumeration):
    STRONGLY_TYPED, PREFER_JIT_PYTHON_PLUGINS, PREFER_AOT_PYTHON_PLUGINS = range(3)


class OnnxParserFlag(Enumeration):
    NATIVE_INSTANCENORM, ENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA, REPORT_CAPABILITY_DLA = range(3)
    ENABLE_PLUGIN_OVERRIDE, ADJUST_FOR_DLA = range(3, 5)


class PaddingMode(Enumeration):
    EXPLICIT_ROUND_DOWN, EXPLICIT_ROUND_UP, SAME_UPPER, SAME_LOWER = range(4)


class PluginArgDataType(Enumeration):
    INT8, INT16, INT32 = range(3)


class PluginArgType(Enumeration):
    INT = 0


class PluginCapabilityType(Enumeration):
    CORE, BUILD, RUNTIME = range(3)


class PluginCreatorVersion(Enumeration):
    V1 = 0
    V1_PYTHON = 64


class PluginFieldType(Enumeration):
    FLOAT16, FLOAT32, FLOAT64, INT8, INT16, INT32, CHAR, DIMS, UNKNOWN, BF16, INT64, FP8, INT4, FP4 = range(14)


class PoolingType(Enumeration):
    MAX, AVERAGE, MAX_AVERAGE_BLEND = range(3)


class PreviewFeature(Enumeration):
    ALIASED_PLUGIN_IO_10_03, RUNTIME_ACTIVATION_RESIZE_10_10 = range(2)


class ProfilingVerbosity(Enumeration):
    LAYER_NAMES_ONLY, NONE, DETAILED = range(3)


class QuickPluginCreationRequest(Enumeration):
    UNKNOWN, PREFER_JIT, PREFER_AOT, STRICT_JIT, STRICT_AOT = range(5)


class ReduceOperation(Enumeration):
    SUM, PROD, MAX, MIN, AVG, NONE = range(6)


class ResizeCoordinateTransformation(Enumeration):
    ALIGN_CORNERS, ASYMMETRIC, HALF_PIXEL = range(3)


class ResizeRoundMode(Enumeration):
    HALF_UP, HALF_DOWN, FLOOR, CEIL = range(4)


class ResizeSelector(Enumeration):
    FORMULA, UPPER = range(2)


class RuntimePlatform(Enumeration):
    SAME_AS_BUILD, WINDOWS_AMD64 = range(2)


class SampleMode(Enumeration):
    STRICT_BOUNDS, WRAP, CLAMP, FILL, REFLECT = range(5)


class ScaleMode(Enumeration):
    UNIFORM, CHANNEL, ELEMENTWISE = range(3)


class ScatterMode(Enumeration):
    ELEMENT, ND = range(2)


class SeekPosition(Enumeration):
    SET, CUR, END = range(3)


class SerializationFlag(Enumeration):
    EXCLUDE_WEIGHTS, EXCLUDE_LEAN_RUNTIME, INCLUDE_REFIT = range(3)


class TacticSource(Enumeration):
    EDGE_MASK_CONVOLUTIONS, JIT_CONVOLUTIONS = range(2)


class TempfileControlFlag(Enumeration):
    ALLOW_IN_MEMORY_FILES, ALLOW_TEMPORARY_FILES = range(2)


class TensorFormat(Enumeration):
    LINEAR, CHW2, HWC8, CHW4, CHW16, CHW32, DHWC8, CDHW32, HWC, DLA_LINEAR, DLA_HWC4, HWC16, DHWC = range(13)


class TensorIOMode(Enumeration):
    NONE, INPUT, OUTPUT = range(3)


class TensorLocation(Enumeration):
    DEVICE, HOST = range(2)


class TensorRTPhase(Enumeration):
    BUILD, RUNTIME = range(2)


class TilingOptimizationLevel(Enumeration):
    NONE, FAST, MODERATE, FULL = range(4)


class TopKOperation(Enumeration):
    MAX, MIN = range(2)


class TripLimit(Enumeration):
    COUNT, WHILE = range(2)


class UnaryOperation(Enumeration):
    EXP, LOG, SQRT, RECIP, ABS, NEG, SIN, COS, TAN, SINH, COSH, ASIN, ACOS, ATAN, ASINH, ACOSH = range(16)
    ATANH, CEIL, FLOOR, ERF, NOT, SIGN, ROUND, ISINF, ISNAN = range(16, 25)


class WeightsRole(Enumeration):
    KERNEL, BIAS, SHIFT, SCALE, CONSTANT, ANY = range(6)
