"""TensorRT's OnnxParser and ParserError: the class around `read` that fills a network and keeps what went wrong."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from nogpu.tensorrt.enumerations import ErrorCode, OnnxParserFlag, Severity
from nogpu.tensorrt.logger import ILogger, require_logger
from nogpu.tensorrt.native import Made, Native
from nogpu.tensorrt.parser.datatypes import parser_name
from nogpu.tensorrt.parser.operators import SUPPORTED, node_name
from nogpu.tensorrt.parser.problems import Problem, Refused
from nogpu.tensorrt.parser.reading import Reading, read
from nogpu.tensorrt.parser.structure import deserialize
from nogpu.tensorrt.plugin_registry import registered_operators


class ParserError(Made):
    """One thing that the parser refused; `print` it, or ask for its parts."""

    _problem: Problem

    def _begin(self, problem: Problem) -> None:
        self._problem = problem

    def code(self) -> ErrorCode:
        """Return what kind of error it is."""
        return ErrorCode[self._problem.code]

    def desc(self) -> str:
        """Return the description."""
        return self._problem.description

    def file(self) -> str:
        """Return the source file that refused (of this stand-in; for a refused input its name, as in TensorRT)."""
        return self._problem.file

    def func(self) -> str:
        """Return the name of the check, as NVIDIA's parser names it."""
        return self._problem.function

    def line(self) -> int:
        """Return the line in that source file."""
        return self._problem.line

    def node(self) -> int:
        """Return the index of the node in its graph; -1 when the error is not about a node."""
        return self._problem.node

    def node_name(self) -> str:
        """Return the node's name."""
        return self._problem.node_name

    def node_operator(self) -> str:
        """Return the node's operator."""
        return self._problem.operator

    def local_function_stack(self) -> list[str]:
        """Return the model-local function that the node stands in, as a list of one; [] outside any function."""
        return list(self._problem.local_functions)

    def local_function_stack_size(self) -> int:
        """Return the length of `local_function_stack`."""
        return len(self._problem.local_functions)

    def __str__(self) -> str:
        problem = self._problem
        text = f"({problem.function}): {problem.code}: {problem.description}"
        if problem.code == "MODEL_DESERIALIZE_FAILED":
            return text
        return f"In node {problem.node} with name: {problem.node_name} and operator: {problem.operator} {text}"

    __repr__ = __str__


class OnnxParser(Native):
    """Reads an ONNX file into a network. When `parse` returns False, look at `num_errors` and `get_error`."""

    def __init__(self, network: Any, logger: ILogger) -> None:
        self._logger = require_logger(logger, "OnnxParser")
        if not hasattr(network, "_adopt"):
            raise TypeError(
                f"OnnxParser(): incompatible constructor arguments: a network that builder.create_network "
                f"made is expected, {network!r} was given"
            )
        self._network = network
        self._errors: list[Problem] = []
        self._flags = 1 << int(OnnxParserFlag.NATIVE_INSTANCENORM)
        self._loaded: onnx.ModelProto | None = None
        self._folder: Path | None = None
        self._parsed = False
        self._subgraphs: list[tuple[list[int], bool]] = []

    def __enter__(self) -> OnnxParser:
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        pass

    @property
    def num_errors(self) -> int:
        """How many errors there are since the last `clear_errors`."""
        return len(self._errors)

    def get_error(self, index: int) -> ParserError | None:
        """Return an error, or None (and one more error) when there is none with that index."""
        if 0 <= index < len(self._errors):
            return ParserError._make(self._errors[index])
        size = len(self._errors)
        self._fail(
            Problem("INTERNAL_ERROR", f"get_error: there is no error {index}, there are {size}", function="getError")
        )
        return None

    def clear_errors(self) -> None:
        """Forget the errors."""
        self._errors.clear()

    def parse(self, model: Any, path: str | None = None) -> bool:
        """Read a model from bytes; `path` is the file that they came from, needed when weights lie beside it."""
        return self._parse(_bytes(model, "parse"), Path(path).parent if path else None)

    def parse_from_file(self, model: str) -> bool:
        """Read a model from a file; weights in files of their own are looked for in its folder."""
        file = Path(model)
        if not file.is_file():
            text = "Input file cannot be found, or is not a regular file: "
            check = "Assertion failed: stat(onnxModelFile, &sb) == 0 && S_ISREG(sb.st_mode): "
            self._fail(Problem("INVALID_VALUE", f"{check}{text}{model}", function="parseFromFile"))
            return False
        return self._parse(file.read_bytes(), file.parent)

    def load_model_proto(self, model: Any, path: str | None = None) -> bool:
        """Take a model in without parsing it: `load_initializer` may follow, then `parse_model_proto`."""
        if self._loaded is not None or self._parsed:
            self._fail(_again())
            return False
        try:
            self._loaded = deserialize(_bytes(model, "load_model_proto"))
        except Refused as refused:
            self._fail(refused.problem)
            return False
        self._folder = Path(path).parent if path else None
        return True

    def load_initializer(self, name: str, data: int, size: int) -> bool:
        """Give the loaded model the bytes of one initializer: `size` bytes from the address `data` on."""
        found = [t for t in self._loaded.graph.initializer if t.name == name] if self._loaded is not None else []
        if not found:
            text = f"the loaded model has no initializer {name!r}"
            self._fail(Problem("INVALID_VALUE", text, function="loadInitializer"))
            return False
        found[0].ClearField("external_data")
        found[0].data_location = onnx.TensorProto.DEFAULT
        found[0].raw_data = ctypes.string_at(int(data), int(size))
        return True

    def parse_model_proto(self) -> bool:
        """Parse the model that `load_model_proto` took in."""
        if self._loaded is None:
            self._fail(
                Problem(
                    "INVALID_VALUE", "no model has been loaded: call load_model_proto first", function="parseModelProto"
                )
            )
            return False
        return self._parse(self._loaded.SerializeToString(), self._folder)

    def supports_operator(self, op_name: str) -> bool:
        """Say whether the parser has the operator in at least one form."""
        return op_name in SUPPORTED | registered_operators()

    def supports_model_v2(self, model: Any, path: str | None = None) -> bool:
        """Say whether the model would parse; then `num_subgraphs` and the like tell which parts of it would."""
        data = _bytes(model, "supports_model_v2")
        reading = read(data, Path(path).parent if path else None)
        for problem in reading.errors:
            self._fail(problem)
        self._subgraphs = _parts(data, reading)
        return reading.model is not None

    @property
    def num_subgraphs(self) -> int:
        """How many parts `supports_model_v2` cut the model into."""
        return len(self._subgraphs)

    def is_subgraph_supported(self, index: int) -> bool:
        """Say whether a part would parse."""
        return self._subgraphs[index][1]

    def get_subgraph_nodes(self, index: int) -> list[int]:
        """Return the indices of a part's nodes in the file."""
        return list(self._subgraphs[index][0])

    def get_used_vc_plugin_libraries(self) -> list[str]:
        """Return the plugin libraries that the model needs: none, there are no plugins here."""
        return []

    def get_layer_output_tensor(self, name: str, i: int) -> Any:
        """Return output `i` of the layer that was made of the node `name`; None when there is no such layer."""
        for layer in self._network:
            if layer.name == name and 0 <= i < layer.num_outputs:
                return layer.get_output(i)
        return None

    @property
    def flags(self) -> int:
        """The flags, as bits."""
        return self._flags

    @flags.setter
    def flags(self, flags: int) -> None:
        self._flags = int(flags)

    def set_flag(self, flag: OnnxParserFlag) -> None:
        """Set a flag."""
        self._flags |= 1 << int(flag)

    def clear_flag(self, flag: OnnxParserFlag) -> None:
        """Clear a flag."""
        self._flags &= ~(1 << int(flag))

    def get_flag(self, flag: OnnxParserFlag) -> bool:
        """Say whether a flag is set."""
        return bool(self._flags & 1 << int(flag))

    def set_builder_config(self, builder_config: Any) -> bool:
        """Take a builder configuration (only DLA, which is not here, would look at it)."""
        return builder_config is not None

    def _parse(self, data: bytes, folder: Path | None) -> bool:
        if self._parsed:
            self._fail(_again())
            return False
        reading = read(data, folder)
        for text in reading.warnings:
            self._logger.log(Severity.WARNING, text)
        if reading.model is None:
            for problem in reading.errors:
                self._fail(problem)
            return False
        self._parsed = True
        self._tell(reading.model)
        self._network._adopt(reading.model)
        return True

    def _fail(self, problem: Problem) -> None:
        """Keep an error and log it as NVIDIA's parser does."""
        self._errors.append(problem)
        say = self._logger.log
        if problem.node >= 0:
            say(
                Severity.ERROR,
                f'While parsing node number {problem.node} [{problem.operator} -> "{problem.node_name}"]:',
            )
            say(Severity.ERROR, f"--- Begin node ---\nNode name: {problem.node_name}")
            say(Severity.ERROR, "--- End node ---")
        code = ErrorCode[problem.code].value
        place = f"{problem.file}:{problem.line}" if problem.file else "onnx_parser.py"
        say(Severity.ERROR, f"ERROR: {place} In function {problem.function}:\n[{code}] {problem.description}")

    def _tell(self, model: ir.Model) -> None:
        """Log what was read: the file's header, then each node with the shapes that came out."""
        rule = "-" * 64
        for line in (
            rule,
            f"ONNX IR version:  {model.ir_version}",
            f"Opset version:    {model.opset_imports.get('', 0)} (converted to this one while reading)",
            f"Producer name:    {model.producer_name or ''}",
            f"Producer version: {model.producer_version or ''}",
            rule,
        ):
            self._logger.log(Severity.INFO, line)
        for value in model.graph.inputs:
            self._logger.log(Severity.VERBOSE, f"Adding network input: {_written(value)}")
        for node in model.graph:
            outputs = "".join(f"[{_written(value)}], " for value in node.outputs)
            self._logger.log(Severity.VERBOSE, f"{node_name(node)} [{node.op_type}] outputs: {outputs}")


def _written(value: ir.Value) -> str:
    sizes = ", ".join(str(size) if isinstance(size, int) else "-1" for size in value.shape or ())
    return f"{value.name} -> ({sizes})[{parser_name(value.dtype) if value.dtype else ''}]"


def _again() -> Problem:
    text = "Assertion failed: model->ByteSizeLong() == 0: A model was previously parsed!"
    return Problem("MODEL_DESERIALIZE_FAILED", text, function="deserializeOnnxModel")


def _bytes(model: Any, method: str) -> bytes:
    """Return the bytes of a buffer. Raises TypeError, as the bindings, for anything else."""
    try:
        return bytes(memoryview(model))
    except TypeError:
        raise TypeError(
            f"{method}(): incompatible function arguments: the bytes of an ONNX file are expected, "
            f"{type(model).__name__} "
            "was given; for a file's name there is parse_from_file"
        ) from None


def _parts(data: bytes, reading: Reading) -> list[tuple[list[int], bool]]:
    """Cut a model at the nodes that were refused; what follows a node whose shapes are lost counts as refused."""
    try:
        count = len(deserialize(data).graph.node)
    except Refused:
        return []
    bad = {problem.node for problem in reading.errors if not problem.local_functions}
    if reading.model is None and (not bad or -1 in bad):
        return [(list(range(count)), False)]
    lost = min((p.node for p in reading.errors if p.function == "parseNode"), default=count)
    parts: list[tuple[list[int], bool]] = []
    for index in range(count):
        good = index not in bad and index < lost
        if parts and parts[-1][1] == good:
            parts[-1][0].append(index)
        else:
            parts.append(([index], good))
    return parts
