"""What TensorRT would say to a learner's ONNX file: the stand-in's parser and builder, and NVIDIA's where it is there.

Used by the checks of lab 12. The stand-in judges on every machine, also on one with a GPU, so that a check's answer
does not depend on the machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from coursekit.checks import Wrong, require
from coursekit.labs.onnx_files import Array

LARGEST_BATCH = 128


def expect_accepted(model: onnx.ModelProto, shape: tuple[int, ...], name: str = "images") -> None:
    """Demand that the file parses and builds, by the stand-in and, with the extra `rtx`, by NVIDIA's builder.

    shape: of one example, batch first; the profile goes from 1 to LARGEST_BATCH of them.
    """
    file = model.SerializeToString()
    ranges = [(count, *shape[1:]) for count in (1, 8, LARGEST_BATCH)]
    said = _stand_in_refuses(file, name, ranges)
    require(not said, f"TensorRT's parser refuses the file: {said[:220]}", "Types must match; Casts mark the borders.")
    from coursekit.nvidia import BuilderMissing, nvidia_says

    try:
        verdict = nvidia_says(file, {name: ranges}, seconds=30)
    except BuilderMissing:
        return
    if not verdict.accepted and verdict.stage != "crash":
        said = " ".join(verdict.errors[0].split())[:220]
        raise Wrong(f"NVIDIA's own builder refuses the file: {said}", "`coursekit.nvidia_says(file)` tells you more.")


def _stand_in_refuses(file: bytes, name: str, ranges: list[tuple[int, ...]]) -> str:
    """Return why the stand-in does not build the file; "" if it does."""
    import nogpu.tensorrt as trt

    class Listener(trt.ILogger):
        """Keeps errors, prints nothing."""

        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            """Called by the builder."""
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(text)

    listener = Listener()
    builder = trt.Builder(listener)
    network = builder.create_network(0)
    assert network is not None
    parser = trt.OnnxParser(network, listener)
    if not parser.parse(file):
        return " ".join(str(parser.get_error(0)).split())
    config = builder.create_builder_config()
    config.builder_optimization_level = 0  # nothing is timed
    profile = builder.create_optimization_profile()
    profile.set_shape(name, *ranges)
    config.add_optimization_profile(profile)
    if builder.build_serialized_network(network, config) is None:
        return " ".join((listener.errors or ["it was not built"])[0].split())
    return ""


def engine_logits(model: onnx.ModelProto, images: Array) -> Array:
    """Return the logits (n, 10) as an engine computes them in the file's precisions; Wrong if there are none."""
    from nogpu.tensorrt.execution.layer_values import layer_values

    (name,) = (value.name for value in model.graph.input)
    with np.errstate(all="ignore"):
        found = layer_values(model.SerializeToString(), {name: images})
    logits = [value.array for value in found if value.array.shape == (len(images), 10)]
    require(logits, f"No layer of the file puts out logits of the shape ({len(images)}, 10)")
    answer: Array = logits[-1]
    return answer
