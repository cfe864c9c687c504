"""Bytes that the library hands out: plans and timing caches. Usable wherever Python wants a buffer."""

from __future__ import annotations

from typing import Any, NoReturn

from nogpu.tensorrt.enumerations import DataType
from nogpu.tensorrt.native import WithBlock


class IHostMemory(WithBlock, bytes):
    """Bytes with `nbytes` and `dtype`: write them to a file, or give them to `deserialize_cuda_engine`.

    It inherits from bytes only for the buffer protocol, which Python 3.11 offers no other way. What the real class
    does not have (`len()`, indexing) is refused here too, so that a script runs on both.
    """

    def __new__(cls, *_arguments: Any, **_named: Any) -> IHostMemory:
        raise TypeError("tensorrt.IHostMemory: No constructor defined!")

    @classmethod
    def _make(cls, content: bytes) -> IHostMemory:
        return bytes.__new__(cls, content)

    @property
    def nbytes(self) -> int:
        """How many bytes there are."""
        return bytes.__len__(self)

    @property
    def dtype(self) -> DataType:
        """The type of the elements: bytes."""
        return DataType.INT8

    def __len__(self) -> NoReturn:
        raise TypeError("object of type 'tensorrt.IHostMemory' has no len(): use .nbytes")

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: Any) -> NoReturn:
        raise TypeError("'tensorrt.IHostMemory' object is not subscriptable: use bytes(...) or memoryview(...)")

    def __repr__(self) -> str:
        return f"<tensorrt.IHostMemory, {self.nbytes} bytes>"

    __str__ = __repr__
