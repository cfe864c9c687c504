"""The narrow channel between the judge and a learner's process: one line of JSON each way, plain values only.

What crosses is listed in `coursekit.student`. The judge decodes by building fresh plain values from text and bytes,
with limits on size, depth and count; nothing is ever unpickled, and nothing of the learner's is executed.
"""

from __future__ import annotations

import base64
import json
import math
import os
import select
import time
from typing import Any

import numpy as np

from coursekit.student import Handle, copy_plain, is_plain

MAX_LINE = 64 << 20  # bytes of one message
MAX_DEPTH = 12
MAX_COUNT = 100_000  # values in one message
DTYPES = frozenset({f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}) | {
    "bool", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"
}  # fmt: skip


class ChannelError(Exception):
    """The other side closed, answered too late, or sent what is no message."""


class TooLate(ChannelError):
    """The other side did not answer within its time."""


def encode(value: Any) -> Any:
    """Return `value` as JSON-ready data: every value a small dict that names its type."""
    import torch

    if value is None or type(value) in (bool, str):
        return {"type": type(value).__name__, "is": value}
    if type(value) is int:
        return {"type": "int", "is": str(value)}
    if type(value) is float:
        return {"type": "float", "is": value.hex()}
    if type(value) is bytes:
        return {"type": "bytes", "is": base64.b64encode(value).decode()}
    if type(value) in (list, tuple):
        return {"type": type(value).__name__, "is": [encode(item) for item in value]}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"type": "dict", "is": {key: encode(item) for key, item in value.items()}}
    if isinstance(value, Handle):
        return {"type": "Handle", "is": value.number, "of": value.type_name[:80]}
    if is_plain(value):
        value = copy_plain(value)
        kind = "ndarray"
        shape = list(value.shape)
        if isinstance(value, torch.Tensor):
            kind, dtype = "Tensor", str(value.dtype).removeprefix("torch.")
            data = value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
        else:
            dtype, data = value.dtype.name, np.ascontiguousarray(value).tobytes()
        return {"type": kind, "dtype": dtype, "shape": shape, "is": base64.b64encode(data).decode()}
    raise TypeError(f"a value of type {type(value).__name__} does not cross between the judge and a learner's process")


def decode(message: Any) -> Any:
    """Build the value that `encode` described; ChannelError for anything else."""
    try:
        return _decode(message, MAX_DEPTH, [MAX_COUNT])
    except ChannelError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ChannelError(f"not a plain value: {error}") from None


def _decode(message: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth == 0 or left[0] < 0:
        raise ChannelError("the value is nested too deeply or has too many parts")
    kind, content = message["type"], message["is"]
    if kind in ("NoneType", "bool", "str"):
        if type(content).__name__ != kind:
            raise ChannelError(f"not a {kind}")
        return content
    if kind == "int":
        if len(content) > 4000:
            raise ChannelError("the int has too many digits")
        return int(content)
    if kind == "float":
        return float.fromhex(content)
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind == "list":
        return [_decode(item, depth - 1, left) for item in content]
    if kind == "tuple":
        return tuple(_decode(item, depth - 1, left) for item in content)
    if kind == "dict":
        return {str(key): _decode(item, depth - 1, left) for key, item in content.items()}
    if kind == "Handle":
        return Handle(int(content), str(message["of"])[:80])
    if kind in ("ndarray", "Tensor"):
        return _decode_array(kind, message["dtype"], message["shape"], base64.b64decode(content, validate=True))
    raise ChannelError(f"a value of the unknown type {str(kind)[:40]}")


def _decode_array(kind: str, dtype: str, shape: list[int], data: bytes) -> Any:
    import torch

    if dtype not in DTYPES or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 16:
        raise ChannelError("an array of an unknown dtype or shape")
    if kind == "ndarray":
        if math.prod(shape) * np.dtype(dtype).itemsize != len(data):
            raise ChannelError("an array whose bytes do not fit its shape")
        return np.frombuffer(data, dtype=dtype).reshape(shape).copy()
    torch_dtype = getattr(torch, dtype)
    if math.prod(shape) * torch_dtype.itemsize != len(data):
        raise ChannelError("a tensor whose bytes do not fit its shape")
    if not data:
        return torch.empty(shape, dtype=torch_dtype)
    return torch.frombuffer(bytearray(data), dtype=torch_dtype).reshape(shape)


class Channel:
    """Two file descriptors with a line of JSON per message."""

    def __init__(self, read_from: int, write_to: int) -> None:
        self.read_from, self.write_to = read_from, write_to
        self.buffer = bytearray()

    def send(self, message: dict[str, Any], seconds: float | None = None) -> None:
        """Write one message within `seconds`; ChannelError if the other side is gone, TooLate if it does not read."""
        view = memoryview(json.dumps(message).encode() + b"\n")
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while view:
                wait = None if end is None else max(end - time.monotonic(), 0)
                if not select.select([], [self.write_to], [], wait)[1]:
                    raise TooLate(f"no message taken within {seconds:g} s")
                view = view[
                    os.write(self.write_to, view[: select.PIPE_BUF]) :
                ]  # a writable pipe takes this much at once
        except OSError:
            raise ChannelError("the other side is gone") from None

    def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """Read one message, waiting at most `seconds`; TooLate or ChannelError if none comes."""
        end = None if seconds is None else time.monotonic() + seconds
        searched = 0
        while (stop := self.buffer.find(b"\n", searched)) < 0:
            searched = len(self.buffer)
            wait = None if end is None else end - time.monotonic()
            if wait is not None and (wait <= 0 or not select.select([self.read_from], [], [], wait)[0]):
                raise TooLate(f"no answer within {seconds:g} s")
            piece = os.read(self.read_from, 1 << 20)
            if not piece:
                raise ChannelError("the other side ended")
            self.buffer += piece
            if len(self.buffer) > MAX_LINE:
                raise ChannelError("the message is too large")
        line = bytes(self.buffer[:stop])
        del self.buffer[: stop + 1]
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise ChannelError("not a message") from None
        if not isinstance(message, dict):
            raise ChannelError("not a message")
        return message

    def close(self) -> None:
        """Close both ends of ours."""
        for descriptor in (self.read_from, self.write_to):
            os.close(descriptor)
