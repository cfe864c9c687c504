"""From the bytes of an ONNX file to a checked `onnx_ir` model, every value typed and shaped, or to a list of problems.

Called by `OnnxParser` (and by whoever wants the model without the parser's class around it). The model that comes out
has one opset (22, or 24 where it uses a younger operator), no functions of its own, no DOUBLE, and no external data.
Nothing that a file can contain makes this raise, hang, or allocate much more than the file's own size.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes import common as passes

from nogpu.tensorrt.parser import doubles, structure, weights
from nogpu.tensorrt.parser.importing import STANDARD, Importer
from nogpu.tensorrt.parser.operators import SUPPORTED
from nogpu.tensorrt.parser.problems import Problem, Refused

REFUSED_AT_BUILD = "nogpu.refused_at_build"  # in model.meta: messages that the builder reports and fails with


@dataclass(frozen=True)
class Reading:
    """What came out: `model` when nothing was refused, else None and the problems."""

    model: ir.Model | None
    errors: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read(data: bytes, folder: Path | None = None) -> Reading:
    """Read an ONNX file's bytes; `folder` is where its external data lies (None: it must have none)."""
    warnings: list[str] = []
    try:
        proto = structure.deserialize(data)
        warnings += _prepare(proto, folder)
        importer = Importer(_model(proto))
        importer.run()
    except Refused as refused:
        return Reading(None, [refused.problem], warnings)
    except (Exception, RecursionError) as error:  # a file that no check foresaw: refused all the same
        problem = Problem("INTERNAL_ERROR", f"{type(error).__name__}: {error}", function="parse", file="reading.py")
        return Reading(None, [problem], warnings)
    warnings += importer.warnings
    if importer.problems:
        return Reading(None, importer.problems, warnings)
    return Reading(_finish(importer), [], warnings)


def _prepare(proto: onnx.ModelProto, folder: Path | None) -> list[str]:
    """Check the protobuf messages and bring them into a form that can be trusted; return warnings."""
    structure.check_nesting(proto)
    structure.check_functions(proto)
    structure.check_inputs(proto.graph)
    weights.take_in(proto, folder)
    structure.number_nodes(proto)
    structure.sort_nodes(proto.graph)
    for function in proto.functions:
        structure.sort_nodes(onnx.GraphProto(node=function.node))
    return [doubles.WARNING] if doubles.to_floats(proto) else []


def _model(proto: onnx.ModelProto) -> ir.Model:
    """Make the model of the messages, with its functions written out in place."""
    functions = {(function.domain, function.name) for function in proto.functions}
    if not any(entry.domain in STANDARD for entry in proto.opset_import):
        proto.opset_import.add(domain="", version=max((entry.version for entry in proto.opset_import), default=1))
    _standard_names(proto.graph, functions)
    for function in proto.functions:
        _standard_names(function, functions)
    del proto.graph.value_info[:]
    with _quiet():
        model = ir.from_proto(proto)
        if model.functions:
            model = passes.InlinePass()(model).model
    model.functions.clear()
    inputs = [value for value in model.graph.inputs if value.name not in model.graph.initializers]
    model.graph.inputs[:] = inputs
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep `onnx_ir` from printing about a file what the parser is going to report in its own way."""
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _standard_names(graph: onnx.GraphProto | onnx.FunctionProto, functions: set[tuple[str, str]]) -> None:
    """Take an operator by its name alone, whatever its domain says, as NVIDIA's parser does."""
    for node in graph.node:
        if node.domain in STANDARD or (node.op_type in SUPPORTED and (node.domain, node.op_type) not in functions):
            node.domain = ""
        for body in structure.bodies(node):
            _standard_names(body, functions)


def _finish(importer: Importer) -> ir.Model:
    """Name what has no name, write down the opset, and take away what only reading needed."""
    model = importer.model
    model.opset_imports.clear()
    model.opset_imports[""] = importer.opset
    model.ir_version = 10
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for key in (structure.INDEX, structure.FUNCTION):
            node.metadata_props.pop(key, None)
    passes.NameFixPass()(model)
    model.meta[REFUSED_AT_BUILD] = list(importer.later)
    return model
