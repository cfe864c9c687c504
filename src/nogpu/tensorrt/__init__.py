"""TensorRT 11.4's Python API on the CPU: parse or define a network, build a plan, load it, run it, look inside.

Behind `import tensorrt` where there is no GPU (standins/tensorrt). A build's way:

    builder, config, profiles   what the user asks for
    parser/, network/           the network, as an onnx_ir model
    network_checks              whether it may be built
    optimizer/, execution/      fused layers; tactics, chosen by time, with true rounding per precision
    plan                        the engine as bytes
    runtime, engine, context, enqueue    loading and running it, on the CUDA stand-in's streams
    inspector, profiler, timing_cache, progress    what can be known about it

Names that an older TensorRT had say what to write today (`migration`); names that 11.4 has and this has not raise
NotImplementedError (`unsupported`).
"""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt import enumerations, migration, unsupported
from nogpu.tensorrt.builder import Builder
from nogpu.tensorrt.config import IBuilderConfig
from nogpu.tensorrt.context import IExecutionContext
from nogpu.tensorrt.datatypes import (
    bfloat16,
    bool_,
    e8m0,
    float16,
    float32,
    fp4,
    fp8,
    int4,
    int8,
    int32,
    int64,
    nptype,
    uint8,
    volume,
)
from nogpu.tensorrt.dims import Dims, Dims2, Dims3, Dims4, DimsHW, Permutation
from nogpu.tensorrt.engine import ICudaEngine, IRuntimeConfig, ISerializationConfig
from nogpu.tensorrt.host_memory import IHostMemory
from nogpu.tensorrt.inspector import EngineInspector
from nogpu.tensorrt.logger import ILogger, Logger
from nogpu.tensorrt.network import arranging, detecting, making, pointwise, quantizing, reducing, windows
from nogpu.tensorrt.network.definition import INetworkDefinition
from nogpu.tensorrt.network.layer import ILayer
from nogpu.tensorrt.network.tensor import ITensor
from nogpu.tensorrt.output_allocator import IOutputAllocator
from nogpu.tensorrt.parser.onnx_parser import OnnxParser, ParserError
from nogpu.tensorrt.plugin_registry import (
    IPluginRegistry,
    get_builder_plugin_registry,
    get_nv_onnx_parser_version,
    get_plugin_registry,
    init_libnvinfer_plugins,
)
from nogpu.tensorrt.profiler import IProfiler, Profiler
from nogpu.tensorrt.profiles import IOptimizationProfile
from nogpu.tensorrt.progress import IProgressMonitor
from nogpu.tensorrt.reporting import IErrorRecorder
from nogpu.tensorrt.runtime import Runtime
from nogpu.tensorrt.streaming import IStreamReaderV2, IStreamWriter
from nogpu.tensorrt.timing_cache import ITimingCache, TimingCacheKey, TimingCacheValue
from nogpu.tensorrt.version import VERSION as __version__
from nogpu.tensorrt.weights import Weights

bool = bool_

_layers = {
    name: kind
    for room in (arranging, detecting, making, pointwise, quantizing, reducing, windows)
    for name, kind in vars(room).items()
    if isinstance(kind, type) and issubclass(kind, ILayer) and name.startswith("I")
}
_enumerations = {
    name: kind
    for name, kind in vars(enumerations).items()
    if isinstance(kind, type) and issubclass(kind, enumerations.Enumeration) and name not in ("Enumeration", "Severity")
}
globals().update(_layers | _enumerations | unsupported.CLASSES)

__all__ = [
    "Builder",
    "Dims",
    "Dims2",
    "Dims3",
    "Dims4",
    "DimsHW",
    "EngineInspector",
    "IBuilderConfig",
    "ICudaEngine",
    "IErrorRecorder",
    "IExecutionContext",
    "IHostMemory",
    "ILayer",
    "ILogger",
    "INetworkDefinition",
    "IOptimizationProfile",
    "IOutputAllocator",
    "IPluginRegistry",
    "IProfiler",
    "IProgressMonitor",
    "IRuntimeConfig",
    "ISerializationConfig",
    "IStreamReaderV2",
    "IStreamWriter",
    "ITensor",
    "ITimingCache",
    "Logger",
    "OnnxParser",
    "ParserError",
    "Permutation",
    "Profiler",
    "Runtime",
    "TimingCacheKey",
    "TimingCacheValue",
    "Weights",
    "__version__",
    "bfloat16",
    "bool",
    "e8m0",
    "float16",
    "float32",
    "fp4",
    "fp8",
    "get_builder_plugin_registry",
    "get_nv_onnx_parser_version",
    "get_plugin_registry",
    "init_libnvinfer_plugins",
    "int4",
    "int8",
    "int32",
    "int64",
    "nptype",
    "uint8",
    "volume",
]  # fmt: skip
__all__ += [*_layers, *_enumerations, *unsupported.CLASSES]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise migration.missing("tensorrt", name)
