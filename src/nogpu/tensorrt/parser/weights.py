"""The weights of a model: do the bytes fit the shape, and may they be read from where the file says they lie?

External data is read only from regular files inside the model's own folder: an absolute path, `..`, or a symbolic link
that leads out is refused, and nothing is allocated before sizes have been compared. Called by `reading`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx

from nogpu.tensorrt.parser.datatypes import EVERY, DataType
from nogpu.tensorrt.parser.problems import Problem, Refused, refuse
from nogpu.tensorrt.parser.structure import bodies

_KNOWN = {int(kind) for kind in EVERY} | {int(DataType.DOUBLE)}
# Where values lie that are not raw bytes, and how many of them make one element (complex types are not taken at all).
_TYPED_FIELDS = {
    **{int(DataType.FLOAT): "float_data", int(DataType.DOUBLE): "double_data", int(DataType.INT64): "int64_data"},
    **dict.fromkeys((int(kind) for kind in EVERY - {DataType.FLOAT, DataType.INT64}), "int32_data"),
}


def take_in(model: onnx.ModelProto, folder: Path | None) -> None:
    """Check every weight of the model and read the external ones in, or refuse. `folder`: None for bytes alone."""
    names: set[str] = set()
    for tensor in model.graph.initializer:
        if tensor.name in names:
            raise _refuse_initializer(f"ONNX graph has duplicate tensor name: {tensor.name}")
        names.add(tensor.name)
        try:
            check(tensor, folder)
        except ValueError as error:
            raise _not_imported(tensor.name, str(error)) from None
    for tensor in _other_tensors(model):
        try:
            check(tensor, folder)
        except ValueError as error:
            raise _not_imported(tensor.name, str(error)) from None


def check(tensor: onnx.TensorProto, folder: Path | None) -> None:
    """Make sure that a tensor's data fits its type and shape, reading it in when it lies in a file of its own.

    Raises ValueError with one sentence.
    """
    if tensor.data_type not in _KNOWN:
        raise ValueError(f"its element type, number {tensor.data_type}, is not one that TensorRT takes")
    if tensor.HasField("segment"):
        raise ValueError("it is stored in segments")
    if any(size < 0 for size in tensor.dims):
        raise ValueError(f"its shape {list(tensor.dims)} has a negative size")
    count = math.prod(tensor.dims)
    wanted = math.ceil(count * DataType(tensor.data_type).bitwidth / 8)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor.raw_data = _read_external(tensor, wanted, folder)
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != wanted:
            raise ValueError(f"it has {len(tensor.raw_data)} bytes where its shape and type need {wanted}")
        for name in ("float_data", "double_data", "int32_data", "int64_data", "uint64_data", "string_data"):
            tensor.ClearField(name)
        return
    values = len(getattr(tensor, _TYPED_FIELDS[tensor.data_type]))
    packed = math.ceil(count * DataType(tensor.data_type).bitwidth / 8) if _is_packed(tensor.data_type) else count
    if values not in (count, packed):
        raise ValueError(f"it has {values} values where its shape needs {count}")


def _is_packed(kind: int) -> bool:
    return DataType(kind).bitwidth < 8


def _read_external(tensor: onnx.TensorProto, wanted: int, folder: Path | None) -> bytes:
    """Return the bytes of a tensor that is stored outside the model file."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise ValueError(f"its data lies in {location!r}, and the model's own path was not given")
    path = inside(folder, location)
    try:
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or wanted)
    except ValueError:
        raise ValueError(f"offset and length of its external data are not numbers: {entries}") from None
    if length != wanted or offset < 0 or offset + length > path.stat().st_size:
        raise ValueError(f"{location!r} has no {wanted} bytes for it at offset {offset}")
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def inside(folder: Path, location: str) -> Path:
    """Return the file that `location` names below `folder`. Raises ValueError when it is not a file there."""
    parts = (PurePosixPath(location), PureWindowsPath(location))
    if not location or any(part.is_absolute() or part.drive or ".." in part.parts for part in parts):
        raise ValueError(f"{location!r} is not a plain path inside the model's folder")
    home = folder.resolve()
    try:
        path = (home / location).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # missing, a loop of links, a zero byte in the name
        raise ValueError(f"there is no file {location!r} beside the model") from None
    if not path.is_relative_to(home) or not path.is_file():
        raise ValueError(f"{location!r} leads out of the model's folder, or is not a file")
    return path


def _other_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors of attributes and of inner graphs. Sparse ones are refused."""
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    sparse = bool(model.graph.sparse_initializer)
    while nodes:
        node = nodes.pop()
        for attribute in node.attribute:
            sparse = sparse or attribute.HasField("sparse_tensor") or bool(attribute.sparse_tensors)
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for body in bodies(node):
            yield from body.initializer
            nodes += body.node
    if sparse:
        raise _refuse_initializer("sparse tensors are not supported")


def _refuse_initializer(text: str) -> Refused:
    return refuse("INVALID_GRAPH", "importInitializers", f"Failed to import initializer: {text}")


def _not_imported(name: str, reason: str) -> Refused:
    inner = Problem(
        "UNSUPPORTED_NODE",
        "Assertion failed: ctx->getWeightsContext().convertOnnxWeights(initializer, &weights): "
        f"Failed to import initializer: {name} ({reason})",
        function="importInitializers",
    )
    return _refuse_initializer(f"In node -1 with name:  and operator:  {inner}")
