"""Networks as torch exports them: NVIDIA's builder parses and builds them, and every tensor inside has our shape."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import onnx
import pytest
from test_parser import exported, image

from coursekit.nvidia import Question, nvidia_says_of_all
from nogpu.tensorrt.parser import read

pytestmark = pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx") is None, reason="pip install '.[rtx]'")


def networks() -> list[tuple[str, bytes]]:
    """Return small networks, exported with a dynamic batch."""
    import torch
    from small_networks import Detector, Transformer

    from coursekit.models import DigitNet

    digits, ids = torch.zeros(2, 1, 8, 8), torch.randint(0, 100, (2, 16))
    made: list[tuple[str, Any, Any, dict[str, Any]]] = [
        ("digitnet", DigitNet, digits, {}),
        ("digitnet without optimisation", DigitNet, digits, {"optimize": False}),
        ("detector", Detector, image(), {}),
        ("transformer", Transformer, ids, {"opset": 18}),
        ("transformer without optimisation", Transformer, ids, {"optimize": False}),
    ]
    return [(name, exported(make, example, **how)[0]) for name, make, example, how in made]


def tensors_in(log: list[tuple[str, str]]) -> dict[str, list[int]]:
    """Read the shapes that NVIDIA's parser logs: "conv [Conv] outputs: [y -> (1, 8)[FLOAT]], " and the like."""
    found = {}
    for _, text in log:
        outputs = re.match(r".* \[\w+\] outputs: (.*)", text)
        if outputs:
            for name, sizes, _ in re.findall(r"\[(.+?) -> \((.*?)\)\[(\w+)\]\]", outputs[1]):
                found[name] = [int(size) for size in sizes.split(",") if size.strip()]
    return found


def test_nvidia_builds_what_torch_exports_and_sees_the_shapes_that_we_see() -> None:
    made = networks()
    questions = []
    for _, data in made:
        given = onnx.ModelProto.FromString(data).graph.input[0]
        rest = tuple(size.dim_value for size in given.type.tensor_type.shape.dim[1:])
        questions.append(Question(data, [{given.name: ((1, *rest), (4, *rest), (8, *rest))}]))
    for (name, data), verdict in zip(made, nvidia_says_of_all(questions), strict=True):
        assert verdict.accepted, f"{name}: {verdict}"
        mine = read(data).model
        assert mine is not None, name
        theirs = tensors_in(verdict.log)
        compared = 0
        for node in mine.graph:
            for value in node.outputs:
                if value.name in theirs:
                    sizes = [size if isinstance(size, int) else -1 for size in value.shape or ()]
                    assert sizes == theirs[value.name], f"{name}: {value.name}"
                    compared += 1
        assert compared >= 7, name
