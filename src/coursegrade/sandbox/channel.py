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
MAX_MARKS = 10 * MAX_COUNT  # commas and brackets in one message: more would fill the memory before it is looked at
SPOKE = "something was written to the grader's own channel"
LOG_SIZE = 64 << 10  # bytes kept of what a learner's code printed
DTYPES = frozenset({f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}) | {
    "bool", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"
}  # fmt: skip


class ChannelError(Exception):
    """The other side closed, answered too late, or sent what is no message."""


class NotAMessage(ChannelError):
    """A line came that is no message; the next one may be."""


class OutOfTurn(ChannelError):
    """The other side spoke without being asked."""


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
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RuntimeError, MemoryError) as error:
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
    if dtype == "bool":  # other bytes than 0 and 1 would make values that are neither equal nor unequal to True
        data = (np.frombuffer(data, dtype="uint8") != 0).tobytes()
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


class Log:
    """The reading end of what a learner's code prints: the first part is kept, the rest is read and dropped."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.kept = bytearray()
        self.dropped = 0
        os.set_blocking(descriptor, False)

    def drain(self) -> bool:
        """Take what is there now; False when nothing more can come."""
        try:
            piece = os.read(self.descriptor, 1 << 20)
        except BlockingIOError:
            return True
        room = LOG_SIZE - len(self.kept)
        self.kept += piece[:room]
        self.dropped += max(len(piece) - room, 0)
        return bool(piece)

    def text(self) -> str:
        """Return what was kept, with a line that says how much was not."""
        text = self.kept.decode("utf-8", "replace")
        return text + (f"\n[{self.dropped:,} more bytes were printed]\n" if self.dropped else "")


class Channel:
    """Two file descriptors with a line of JSON per message; `log`, if given, is drained while an answer is awaited."""

    def __init__(self, read_from: int, write_to: int, log: Log | None = None) -> None:
        self.read_from, self.write_to, self.log = read_from, write_to, log
        self.buffer = bytearray()

    def send(self, message: dict[str, Any], seconds: float | None = None) -> None:
        """Write one message within `seconds`; ChannelError if the other side is gone, TooLate if it does not read."""
        self._write(json.dumps(message).encode() + b"\n", seconds)

    def write_apart(self, message: dict[str, Any], seconds: float | None = None) -> None:
        """As `send`, where half a message may have been left before: on a line of its own."""
        self._write(b"\n" + json.dumps(message).encode() + b"\n", seconds)

    def _write(self, data: bytes, seconds: float | None) -> None:
        view = memoryview(data)
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while view:
                wait = None if end is None else max(end - time.monotonic(), 0)
                if not select.select([], [self.write_to], [], wait)[1]:
                    raise TooLate(f"no message taken within {seconds:g} s")
                # a writable pipe takes this much at once
                view = view[os.write(self.write_to, view[: select.PIPE_BUF]) :]
        except OSError:
            raise ChannelError("the other side is gone") from None

    def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """Read one message, waiting at most `seconds`; TooLate or ChannelError if none comes."""
        line = self._line(None if seconds is None else time.monotonic() + seconds, seconds)
        if sum(line.count(mark) for mark in (b",", b"[", b"{")) > MAX_MARKS:
            raise NotAMessage("the message has too many parts")
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise NotAMessage("not a message") from None
        if not isinstance(message, dict):
            raise NotAMessage("not a message")
        return message

    def expect_silence(self) -> None:
        """OutOfTurn if there is more to read than the one answer that was asked for."""
        if self.buffer.strip(b"\n") or select.select([self.read_from], [], [], 0)[0]:
            raise OutOfTurn(SPOKE)

    def _line(self, end: float | None, seconds: float | None) -> bytes:
        """Return the next line that is not empty."""
        searched = 0
        while (stop := self.buffer.find(b"\n", searched)) <= 0:
            if stop == 0:
                self.buffer = self.buffer.lstrip(b"\n")
                searched = 0
                continue
            searched = len(self.buffer)
            if not self._wait(None if end is None else end - time.monotonic()):
                raise TooLate(f"no answer within {seconds:g} s")
            try:
                piece = os.read(self.read_from, 1 << 20)
            except OSError:
                piece = b""
            if not piece:
                raise ChannelError("the other side ended")
            self.buffer += piece
            if len(self.buffer) > MAX_LINE:
                raise ChannelError("the message is too large")
        line = bytes(self.buffer[:stop])
        del self.buffer[: stop + 1]
        return line

    def _wait(self, seconds: float | None) -> bool:
        """Wait until there is something to read, draining the log; False if nothing comes in time."""
        end = None if seconds is None else time.monotonic() + seconds
        open_log = self.log is not None
        while end is None or end > time.monotonic():
            watched = [self.read_from, *([self.log.descriptor] if self.log and open_log else [])]
            ready = select.select(watched, [], [], None if end is None else max(end - time.monotonic(), 0))[0]
            if self.read_from in ready:
                return True
            if ready and self.log:
                open_log = self.log.drain()
        return False

    def close(self) -> None:
        """Close our ends."""
        for descriptor in {self.read_from, self.write_to} | ({self.log.descriptor} if self.log else set()):
            os.close(descriptor)
