"""Objects that lab 11's checks build beside the learner's code: engines, and what runs them. They know no answer."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

KEPT: list[Any] = []  # loggers, builders, parsers and runtimes: what they made must not outlive them


def _logger() -> Any:
    import pycuda.autoprimaryctx  # noqa: F401
    import tensorrt as trt

    class Silent(trt.ILogger):
        """Says nothing: the checks read results."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            pass

    if not KEPT:
        KEPT.append(Silent())
    return KEPT[0]


def plan_of(model: bytes, shapes: Mapping[str, Any]) -> bytes:
    """Return a plan of an ONNX model with one profile: input name -> (min, opt, max). RuntimeError if it fails."""
    logger = _logger()
    import tensorrt as trt

    builder = trt.Builder(logger)
    network, config, profile = (
        builder.create_network(), builder.create_builder_config(), builder.create_optimization_profile(),
    )  # fmt: skip
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise RuntimeError(str(parser.get_error(0)))
    for name, three in shapes.items():
        profile.set_shape(name, *three)
    config.add_optimization_profile(profile)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = 0  # the quickest build: nobody measures these engines
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise RuntimeError("the plan could not be built")
    return bytes(plan)


def engine_of(plan: bytes) -> Any:
    """Return the engine in a plan; None where TensorRT refuses it."""
    logger = _logger()
    import tensorrt as trt

    runtime = trt.Runtime(logger)
    KEPT.append(runtime)
    return runtime.deserialize_cuda_engine(plan)


def facts(engine: Any) -> dict[str, Any]:
    """Return what a check asks of an engine: its tensors, the first profile, and what the inspector says."""
    import tensorrt as trt

    kind = type(engine).__name__
    if kind != "ICudaEngine":
        return {"kind": kind}
    names = [engine.get_tensor_name(k) for k in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    return {
        "kind": kind,
        "inputs": inputs,
        "detailed": engine.profiling_verbosity == trt.ProfilingVerbosity.DETAILED,
        "profile": {name: [list(shape) for shape in engine.get_tensor_profile_shape(name, 0)] for name in inputs},
        "information": engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON),
    }


def network_facts(made: Any) -> dict[str, Any]:
    """Return what a check asks of what `parse_onnx` returned."""
    kinds = [type(each).__name__ for each in made] if isinstance(made, tuple) else [type(made).__name__]
    network = made[0] if isinstance(made, tuple) and made else made
    if type(network).__name__ != "INetworkDefinition":
        return {"kinds": kinds}
    ends = [network.get_input(k).name for k in range(network.num_inputs)]
    return {"kinds": kinds, "layers": network.num_layers, "inputs": ends, "outputs": network.num_outputs}


def run(engine: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Run an engine on contiguous arrays of its own types; {} where a shape is refused."""
    import pycuda.driver as cuda
    import tensorrt as trt

    context, stream = engine.create_execution_context(), cuda.Stream()
    if not all([context.set_input_shape(name, array.shape) for name, array in inputs.items()]):
        return {}
    device = {}
    for name, array in inputs.items():
        device[name] = cuda.mem_alloc(max(array.nbytes, 4))
        cuda.memcpy_htod(device[name], array)
        context.set_tensor_address(name, int(device[name]))
    results = {}
    for name in (engine.get_tensor_name(k) for k in range(engine.num_io_tensors)):
        if name not in inputs:
            shape, dtype = tuple(context.get_tensor_shape(name)), trt.nptype(engine.get_tensor_dtype(name))
            results[name] = np.zeros(shape, dtype)
            device[name] = cuda.mem_alloc(max(results[name].nbytes, 4))
            context.set_tensor_address(name, int(device[name]))
    context.execute_async_v3(stream.handle)
    stream.synchronize()
    for name, array in results.items():
        cuda.memcpy_dtoh(array, device[name])
    return results


class Folder:
    """A folder of the check's own, gone when the check is over."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lab-11-")

    def path(self, name: str) -> str:
        """Return the full path of a file in the folder."""
        return str(Path(self._folder.name) / name)

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None where there is no such file."""
        file = Path(self._folder.name) / name
        return file.read_bytes() if file.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        (Path(self._folder.name) / name).write_bytes(content)

    def names(self) -> list[str]:
        """Return the names of the files that are there."""
        return sorted(each.name for each in Path(self._folder.name).iterdir())
