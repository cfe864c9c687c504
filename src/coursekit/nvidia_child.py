"""The child process of `coursekit.nvidia`: gives one model after the other to NVIDIA's TensorRT-RTX builder.

Run as a script, `python nvidia_child.py FOLDER`: reads FOLDER/questions.json, appends one line of JSON per answered
model to FOLDER/answers.jsonl. It may crash in NVIDIA's code: that is why it is a process of its own, and why it
imports nothing of the course. Without a GPU nothing can be run here, only parsed and built.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import tensorrt_rtx as trt

# The plan is built for this architecture, since there is no GPU to ask: Ada, the newest that many laptops have.
ARCHITECTURE = "SM89"


class KeptLog(trt.ILogger):  # type: ignore[misc, unused-ignore]
    """Keeps every message as (severity, text)."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.messages: list[tuple[str, str]] = []

    def log(self, severity: Any, text: str) -> None:
        """Called by TensorRT-RTX."""
        self.messages.append((severity.name, text))


def fields(error: Any) -> dict[str, Any]:
    """Return what a ParserError says, as plain data."""
    return {
        "code": error.code().name,
        "description": error.desc(),
        "node": error.node(),
        "node_name": error.node_name(),
        "operator": error.node_operator(),
        "function": error.func(),
        "file": error.file(),
        "line": error.line(),
        "text": str(error),
    }


def set_range(profile: Any, tensor: Any, values: list[list[int]]) -> None:
    """Put one input's min, opt, max into the profile: shapes, or values where the input is a shape tensor."""
    if tensor.is_shape_tensor and len(tensor.shape) <= 1 and not any(size < 0 for size in tensor.shape):
        profile.set_shape_input(tensor.name, *values)
    else:
        profile.set_shape(tensor.name, *values)


def answer(question: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Parse and build one model."""
    started = time.perf_counter()
    log = KeptLog()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    said: dict[str, Any] = {"stage": "parse", "accepted": False, "errors": [], "inputs": [], "outputs": []}
    parsed = parser.parse((folder / question["model"]).read_bytes(), question["path"] or "")
    said["errors"] = [fields(parser.get_error(index)) for index in range(parser.num_errors)]
    if parsed:
        said["stage"] = "build"
        for side, count, tensor in (
            ("inputs", network.num_inputs, network.get_input),
            ("outputs", network.num_outputs, network.get_output),
        ):
            said[side] = [[tensor(i).name, tensor(i).dtype.name, list(tensor(i).shape)] for i in range(count)]
        if question["build"]:
            try:
                said["accepted"] = build(builder, network, question["profiles"])
            except (RuntimeError, TypeError) as error:  # a profile that it does not take at all
                log.messages.append(("ERROR", str(error)))
        else:
            said["stage"], said["accepted"] = "parse", True
    said["log"] = log.messages
    said["seconds"] = time.perf_counter() - started
    return said


def build(builder: Any, network: Any, profiles: list[dict[str, list[list[int]]]]) -> bool:
    """Build a plan for one architecture and say whether there is one."""
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.__members__[ARCHITECTURE], 0)
    tensors = {network.get_input(index).name: network.get_input(index) for index in range(network.num_inputs)}
    for ranges in profiles:
        profile = builder.create_optimization_profile()
        for name, values in ranges.items():
            if name in tensors:
                set_range(profile, tensors[name], values)
        config.add_optimization_profile(profile)
    return builder.build_serialized_network(network, config) is not None


def main() -> None:
    """Answer every question of the folder; a model that takes longer than it may ends the process by SIGALRM."""
    folder = Path(sys.argv[1])
    work = json.loads((folder / "questions.json").read_text())
    with (folder / "answers.jsonl").open("a") as answers:
        for question in work["questions"]:
            if hasattr(signal, "setitimer"):  # not on Windows: there the parent's own limit ends a hang
                signal.setitimer(signal.ITIMER_REAL, work["seconds"])
            said = answer(question, folder) | {"version": trt.__version__}
            answers.write(json.dumps(said) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
