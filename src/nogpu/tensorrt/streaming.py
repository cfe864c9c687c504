"""Plans by way of your own streams: IStreamWriter takes a plan in pieces, IStreamReaderV2 gives one.

For plans too large for one piece of memory on a GPU machine; here they only show that your classes are right.
"""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt import plan
from nogpu.tensorrt.native import Native
from nogpu.tensorrt.reporting import Failure

PIECE = 1 << 20  # bytes that a writer gets at once


class IStreamWriter(Native):
    """Base of your own writer: define `write(self, data)`, which takes bytes and returns how many it has written."""

    def __init__(self) -> None:
        pass

    def write(self, data: Any, size: int) -> int:
        """Refuse: it is for your class to define."""
        raise NotImplementedError(f"{type(self).__name__} must define write(self, data) -> number of bytes written")


class IStreamReaderV2(Native):
    """Base of your own reader: define `read(self, num_bytes, stream)` and `seek(self, offset, where)`."""

    def __init__(self) -> None:
        pass

    def read(self, destination: Any, num_bytes: int, stream: int) -> Any:
        """Refuse: it is for your class to define."""
        raise NotImplementedError(f"{type(self).__name__} must define read(self, num_bytes, stream) -> bytes")

    def seek(self, offset: int, where: Any) -> bool:
        """Refuse: it is for your class to define."""
        raise NotImplementedError(f"{type(self).__name__} must define seek(self, offset, where) -> bool")


def write_plan(writer: Any, content: bytes) -> None:
    """Give the plan to the writer, a piece at a time. Raises Failure where it does not take all of a piece."""
    for start in range(0, len(content), PIECE):
        piece = content[start : start + PIECE]
        written = writer.write(piece)
        if written != len(piece):
            text = f"{type(writer).__name__}.write returned {written!r} for a piece of {len(piece)} bytes"
            raise Failure("IBuilder::buildSerializedNetworkToStream", 3, f"{text}: it must return what it has written")


def read_plan(reader: Any) -> bytes:
    """Return the plan that the reader gives, as much of it as there is."""
    head = _read(reader, plan.HEAD_BYTES)
    return head + _read(reader, plan.size_of(head) - len(head))


def _read(reader: Any, count: int) -> bytes:
    """Read until `count` bytes are there, or the reader has no more."""
    content = bytearray()
    while len(content) < count:
        piece = memoryview(reader.read(count - len(content), 0)).cast("B")
        if not len(piece):
            break
        content += piece[: count - len(content)]
    return bytes(content)
