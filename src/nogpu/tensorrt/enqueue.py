"""How a context runs: everything is checked first, then the work goes into the stream, and the call returns.

On the CUDA stand-in's streams the stream's own thread does the work, in order with copies and kernels; where CUDA is
not in use at all, the call itself does it.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nogpu.tensorrt.datatypes import volume
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.memory import objection, view
from nogpu.tensorrt.output_allocator import allocate
from nogpu.tensorrt.reporting import Failure

if TYPE_CHECKING:
    from nogpu.tensorrt.context import IExecutionContext

_DEFAULT_STREAM = (
    "Using default stream in enqueueV3() may lead to performance issues due to additional calls to "
    "cudaStreamSynchronize() by TensorRT to ensure correct synchronization. Please use non-default stream instead."
)


class Enqueue:
    """The part of IExecutionContext that runs the engine."""

    def execute_async_v3(self: Any, stream_handle: int) -> bool:
        """Put a run into the stream (`stream.handle`) and return: the outputs are there once it is synchronized.

        False, with a message, when an input has no shape, or a tensor has no usable address.
        """
        where = "IExecutionContext::enqueueV3"
        if not hasattr(stream_handle, "__index__"):
            raise TypeError(f"stream_handle is a number, not {type(stream_handle).__name__}: pass stream.handle")
        handle = operator.index(stream_handle)
        if handle == 0 and not self._warned:
            self._warned = True
            self._reporter.warn(_DEFAULT_STREAM)
        try:
            if not _stream_exists(handle):
                raise Failure(where, 1, f"invalid resource handle: {handle:#x} is no stream", "Cuda Runtime")
            run = _prepare(self, where, self._addresses, handle)
            reports = self._waits_for_profile()
            done = _submit(handle, run.work, reports or bool(run.late)) and _deliver(self, where, run)
        except Failure as failure:
            failure.report_to(self._reporter)
            return False
        if self._consumed_event and "nogpu.cuda.runtime" in sys.modules:
            _record(self._consumed_event, handle)
        if reports:
            self.report_to_profiler()
        return done

    def execute_v2(self: Any, bindings: Sequence[int]) -> bool:
        """Run now. bindings: the addresses of all inputs and outputs, in the engine's order."""
        where = "IExecutionContext::executeV2"
        names = self._engine._names
        if len(bindings) != len(names):
            text = (
                f"Parameter check failed: {len(names)} bindings are needed, one per tensor ({', '.join(names)}), and "
            )
            self._reporter.error(where, 3, text + f"{len(bindings)} were given.")
            return False
        try:
            addresses = {name: int(address) for name, address in zip(names, bindings, strict=True)}
            run = _prepare(self, where, addresses, 0)
            done = _submit(0, run.work, True) and _deliver(self, where, run)
        except Failure as failure:
            failure.report_to(self._reporter)
            return False
        if self._waits_for_profile():
            self.report_to_profiler()
        return done

    def _waits_for_profile(self: Any) -> bool:
        return self._profiler is not None and self._emits_profile


@dataclass
class _Run:
    """One run: the stream's work, and outputs whose size only the run tells (None until then).

    Those are delivered by the call itself, which waits for them: in TensorRT, too, an allocator is asked on the thread
    that enqueues and has heard the shape when the call returns.
    """

    work: Callable[[], bool]
    late: dict[str, np.ndarray | None]
    addresses: dict[str, int]
    stream: int


def _prepare(context: IExecutionContext, where: str, addresses: dict[str, int], stream: int) -> _Run:
    """Return the work of one run, after every check that can be made beforehand. Raises Failure."""
    inputs, outputs = _views(context, where, addresses, stream)
    late: dict[str, np.ndarray | None] = {name: None for name, array in outputs.items() if array is None}
    executable, profiler, reporter = context._executable, context._profiler, context._reporter
    timings: list[tuple[str, float]] = []
    context._timings = timings
    listener = None if profiler is None else lambda name, milliseconds: timings.append((name, milliseconds))

    def work() -> bool:
        try:
            made = outputs if not late else dict(outputs)
            executable.run(inputs, made, listener)
            late.update((name, made[name]) for name in late)
            return True
        except Exception as error:  # in a stream's thread: nobody would hear it
            reporter.error(where, 7, f"The engine failed while it ran: {_words(error)}")
        return False

    return _Run(work, late, dict(addresses), stream)


def _views(context: IExecutionContext, where: str, addresses: dict[str, int], stream: int) -> tuple[Any, Any]:
    """Return arrays over the memory of inputs and outputs (None for an output of unknown size). Raises Failure."""
    kept = context._views
    if kept is not None and kept[0] == addresses:
        for name, (address, size) in kept[3].items():
            _check_memory(where, name, address, size)
        return kept[1], kept[2]
    missing = [name for name in context._inputs if name not in context._shapes]
    if missing:
        text = "Parameter check failed, condition: allInputDimensionsSpecified(routine). The shape is not set of input "
        raise Failure(where, 3, text + f"{', '.join(missing)}: call set_input_shape first.")
    for name in context._inputs:
        _require_address(where, "input", name, addresses)
    checked: dict[str, tuple[int, int]] = {}
    inputs = {name: _view(context, where, name, context._shapes[name], addresses, checked) for name in context._inputs}
    _check_values(context, where, addresses)
    shapes = context._output_shapes(addresses)
    outputs: dict[str, np.ndarray | None] = {}
    for name in context._engine._names[len(context._inputs) :]:
        shape = tuple(shapes[name])
        allocator = context._allocators.get(name)
        if allocator is None:
            _require_address(where, "output", name, addresses)
        if volume(shape) < 0 or -1 in shape:
            outputs[name] = None
            continue
        given = addresses
        if allocator is not None:
            size = int(volume(shape)) * context._storage(name).itemsize
            address = allocate(allocator, name, addresses.get(name, 0), size, stream)
            allocator.notify_shape(name, Dims(shape))
            given = {name: address}
            _require_address(where, "output", name, given)
        outputs[name] = _view(context, where, name, shape, given, checked)
    if not context._allocators and not context._shape_tensors():
        context._views = (dict(addresses), inputs, outputs, checked)
    return inputs, outputs


def _words(error: Exception) -> str:
    """Return an error's words in one line, without the places in ONNX Runtime's source that its kernels name."""
    return re.sub(r"\S*onnxruntime_src/\S+:\d+\s+", "", " ".join(str(error).split())) or type(error).__name__


def _check_values(context: IExecutionContext, where: str, addresses: dict[str, int]) -> None:
    """Refuse values of shape tensors that lie outside of the active profile. Raises Failure."""
    engine, profile = context._engine, context._profile
    for name in context._shape_tensors():
        given = view(addresses[name], context._shapes[name], context._storage(name)).reshape(-1).tolist()
        known = engine._facts["values"][profile].get(name)
        if known is not None and not all(a <= each <= b for a, each, b in zip(known[0], given, known[2], strict=False)):
            text = (
                f"Set values {given} of shape tensor {name} do not satisfy any optimization profiles. Valid range for "
            )
            raise Failure(where, 3, f"{text}profile {profile}: {known[0]}..{known[2]}.")


def _view(
    context: IExecutionContext, where: str, name: str, shape: tuple[int, ...], addresses: dict[str, int], checked: Any
) -> np.ndarray:
    kind = context._storage(name)
    size = volume(shape) * kind.itemsize
    checked[name] = (addresses[name], size)
    _check_memory(where, name, addresses[name], size)
    return view(addresses[name], shape, kind)


def _require_address(where: str, what: str, name: str, addresses: dict[str, int]) -> None:
    if not addresses.get(name):
        raise Failure(
            where,
            3,
            "Parameter check failed, condition: mContext.profileObliviousBindings.at(profileObliviousIndex) || "
            "getPtrOrNull(mOutputAllocators, profileObliviousIndex). Neither address or allocator is set for "
            f"{what} tensor "
            f"{name}. Call setOutputAllocator, setTensorAddress or setInputTensorAddress before enqueue/execute.",
        )


def _check_memory(where: str, name: str, address: int, size: int) -> None:
    problem = objection(address, size)
    if problem:
        raise Failure(
            where, 1, f"an illegal memory access would be encountered at tensor {name}: {problem}", "Cuda Runtime"
        )


def _deliver(context: IExecutionContext, where: str, run: _Run) -> bool:
    """Put the outputs of a size that is known only now where the user wants them. Raises Failure."""
    for name, array in run.late.items():
        assert array is not None
        address, allocator = run.addresses.get(name, 0), context._allocators.get(name)
        if allocator is not None:
            address = allocate(allocator, name, address, array.nbytes, run.stream)
            allocator.notify_shape(name, Dims(array.shape))
        _check_memory(where, name, address, array.nbytes)
        view(address, array.shape, array.dtype)[...] = array
    return True


def _cuda_in_use() -> bool:
    """Say whether the CUDA stand-in has been used in this process: then its streams have the order of things."""
    runtime = sys.modules.get("nogpu.cuda.runtime")
    return runtime is not None and runtime._library is not None


def _stream_exists(handle: int) -> bool:
    if not _cuda_in_use():
        return handle == 0
    from nogpu.cuda import host_calls

    return host_calls.exists(handle)


def _submit(handle: int, work: Callable[[], bool], synchronous: bool) -> bool:
    """Have the work done by the stream; say whether it succeeded (True when nobody waits for it)."""
    if not _cuda_in_use():
        return work()
    from nogpu.cuda import host_calls, streams

    results: list[bool] = []
    stream, ticket = host_calls.submit(handle, lambda: results.append(work()))
    if not synchronous:
        return True
    streams.wait(stream, ticket)
    return results[0]


def _record(event: int, handle: int) -> None:
    from nogpu.cuda.runtime import library

    library().nogpu_event_record(event, handle or library().nogpu_stream_default())
