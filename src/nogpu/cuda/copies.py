"""Copies between host and device in every direction, and filling memory.

All of them go through the streams, so that their order is CUDA's. A copy without `_async` waits; an asynchronous one
waits, too, unless the host memory is page-locked (CUDA's rule: "Asynchronous" in the API's "synchronization
behavior" chapter).
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from . import arena, contexts, watch
from .addresses import require_copyable
from .errors import Result, cuda_error
from .host_memory import page_locked
from .runtime import Rectangle, library
from .streams import Stream, finish, handle_of, keep_until, wait

FROM_DEVICE, TO_DEVICE = (True, False), (False, True)


def host_range(thing: Any, writable: bool) -> tuple[int, int, Any]:
    """Return (address, bytes, what keeps it alive) of a contiguous host buffer.

    Raises ValueError for one that is not contiguous, TypeError for what is no buffer, as Python's buffer protocol does.
    """
    if isinstance(thing, np.ndarray) and not (thing.flags.c_contiguous or thing.flags.f_contiguous):
        raise ValueError("ndarray is not contiguous")
    if isinstance(thing, np.ndarray) and (thing.flags.writeable or not writable):
        return thing.ctypes.data, thing.nbytes, thing
    view = memoryview(thing)
    if not view.contiguous:
        raise ValueError("memoryview: underlying buffer is not contiguous")
    if writable and view.readonly:
        raise ValueError("the destination of a copy is read-only")
    if not view.nbytes:
        return 0, 0, thing
    array = np.frombuffer(view if view.ndim == 1 and view.format == "B" else _bytes_view(thing, view), np.uint8)
    return array.ctypes.data, view.nbytes, array


def _host_start(thing: Any, writable: bool) -> tuple[int, bool, Any]:
    """Return where a host buffer starts, for a copy with pitches of its own: an array need not be contiguous."""
    if isinstance(thing, np.ndarray) and (thing.flags.writeable or not writable):
        return thing.ctypes.data, True, thing
    address, _, keep = host_range(thing, writable)
    return address, True, keep


def _bytes_view(thing: Any, view: memoryview) -> Any:
    try:
        return view.cast("B")
    except (TypeError, ValueError):  # scalars of NumPy, and formats that memoryview does not know
        return np.asarray(thing).tobytes() if view.readonly else np.asarray(thing).view(np.uint8)


def _submit(
    stream: Stream | None,
    routine: str,
    rectangle: Rectangle,
    unsure: tuple[bool, bool],
    keep: Any,
    synchronous: bool,
) -> None:
    """Queue the copy; wait for it where `synchronous`, else keep `keep` alive until it is done.

    `unsure` says of the source and of the destination whether it has to be checked: a whole host buffer need not be.
    """
    contexts.require(routine)
    for checked, start, extent, writes in (
        (unsure[0], rectangle.source, _read(rectangle), False),
        (unsure[1], rectangle.destination, _written(rectangle), True),
    ):
        if checked:
            require_copyable(routine, start or 0, extent, writes)
    _tell_of_write(rectangle)
    handle = handle_of(stream)
    ticket = library().nogpu_copy(handle, ctypes.byref(rectangle))
    if synchronous:
        wait(handle, ticket)
        finish(routine)
    else:
        keep_until(handle, ticket, keep)


def _read(rectangle: Rectangle) -> int:
    return _extent(rectangle, rectangle.source_pitch, rectangle.source_slice)


def _written(rectangle: Rectangle, item: int = 1) -> int:
    return _extent(rectangle, rectangle.destination_pitch, rectangle.destination_slice, item)


def _extent(rectangle: Rectangle, pitch: int, slices: int, item: int = 1) -> int:
    """Return the bytes from a side's first to its last: rows may have gaps between them."""
    if not rectangle.width or not rectangle.height or not rectangle.depth:
        return 0
    return (rectangle.depth - 1) * slices + (rectangle.height - 1) * pitch + rectangle.width * item


def _holds(thing: Any, start: int, extent: int) -> bool:
    """Say whether `thing` is an array that has the `extent` bytes from `start` on."""
    if not isinstance(thing, np.ndarray) or not (thing.flags.c_contiguous or thing.flags.f_contiguous):
        return False
    return bool(thing.ctypes.data <= start and start + extent <= thing.ctypes.data + thing.nbytes)


def _tell_of_write(rectangle: Rectangle, item: int = 1) -> None:
    """Tell who watches that device memory gets contents."""
    start = rectangle.destination or 0
    arena.arena().touch(start)
    watcher = watch.current()
    if watcher is not None:
        watcher.written(start, _written(rectangle, item))


def _line(destination: int, source: int, size: int) -> Rectangle:
    return Rectangle(destination, source, size, size, size, size, size, 1, 1)


def memcpy_htod(dest: Any, src: Any) -> None:
    """Copy the host buffer `src` to the device address `dest`; return when it is done."""
    address, size, keep = host_range(src, writable=False)
    _submit(None, "cuMemcpyHtoD", _line(int(dest), address, size), TO_DEVICE, keep, synchronous=True)


def memcpy_htod_async(dest: Any, src: Any, stream: Stream | None = None) -> None:
    """The same in `stream`; from page-locked memory it does not wait: leave `src` alone until it is done."""
    address, size, keep = host_range(src, writable=False)
    waits = not page_locked.contain(address, size)
    _submit(stream, "cuMemcpyHtoDAsync", _line(int(dest), address, size), TO_DEVICE, keep, waits)


def memcpy_dtoh(dest: Any, src: Any) -> None:
    """Copy from the device address `src` into the writable host buffer `dest`; return when it is done."""
    address, size, keep = host_range(dest, writable=True)
    _submit(None, "cuMemcpyDtoH", _line(address, int(src), size), FROM_DEVICE, keep, synchronous=True)


def memcpy_dtoh_async(dest: Any, src: Any, stream: Stream | None = None) -> None:
    """The same in `stream`; into page-locked memory it does not wait: synchronise before you read `dest`."""
    address, size, keep = host_range(dest, writable=True)
    waits = not page_locked.contain(address, size)
    _submit(stream, "cuMemcpyDtoHAsync", _line(address, int(src), size), FROM_DEVICE, keep, waits)


def memcpy_dtod(dest: Any, src: Any, size: int) -> None:
    """Copy `size` bytes from device to device. Asynchronous with respect to Python, as in CUDA."""
    _submit(None, "cuMemcpyDtoD", _line(int(dest), int(src), size), (True, True), (dest, src), synchronous=False)


def memcpy_dtod_async(dest: Any, src: Any, size: int, stream: Stream | None = None) -> None:
    """The same in `stream`."""
    _submit(stream, "cuMemcpyDtoDAsync", _line(int(dest), int(src), size), (True, True), (dest, src), synchronous=False)


def memcpy_peer(dest: Any, src: Any, size: int, dest_context: Any = None, src_context: Any = None) -> None:
    """Copy between contexts: all are on the same device here."""
    memcpy_dtod(dest, src, size)


def memcpy_peer_async(
    dest: Any, src: Any, size: int, dest_context: Any = None, src_context: Any = None, stream: Stream | None = None
) -> None:
    """The same in `stream`."""
    memcpy_dtod_async(dest, src, size, stream)


def _fill(routine: str, dest: Any, pitch: int, data: int, width: int, height: int, size: int, stream: Any) -> None:
    contexts.require(routine)
    value = int(data)
    if not 0 <= value < 1 << 8 * size:
        raise OverflowError(f"{routine}: {data} does not fit into {8 * size} unsigned bits")
    rectangle = Rectangle(int(dest), 0, pitch, 0, 0, 0, width, height, 1)
    require_copyable(routine, int(dest), _written(rectangle, size), writes=True)
    _tell_of_write(rectangle, size)
    handle = handle_of(stream)
    ticket = library().nogpu_fill(handle, ctypes.byref(rectangle), value, size)
    keep_until(handle, ticket, dest)


def memset_d8(dest: Any, data: int, size: int) -> None:
    """Set `size` bytes at `dest` to `data`."""
    _fill("cuMemsetD8", dest, 0, data, size, 1, 1, None)


def memset_d16(dest: Any, data: int, size: int) -> None:
    """Set `size` 16-bit numbers at `dest` to `data`."""
    _fill("cuMemsetD16", dest, 0, data, size, 1, 2, None)


def memset_d32(dest: Any, data: int, size: int) -> None:
    """Set `size` 32-bit numbers at `dest` to `data`."""
    _fill("cuMemsetD32", dest, 0, data, size, 1, 4, None)


def memset_d8_async(dest: Any, data: int, size: int, stream: Stream | None = None) -> None:
    """`memset_d8` in `stream`."""
    _fill("cuMemsetD8Async", dest, 0, data, size, 1, 1, stream)


def memset_d16_async(dest: Any, data: int, size: int, stream: Stream | None = None) -> None:
    """`memset_d16` in `stream`."""
    _fill("cuMemsetD16Async", dest, 0, data, size, 1, 2, stream)


def memset_d32_async(dest: Any, data: int, size: int, stream: Stream | None = None) -> None:
    """`memset_d32` in `stream`."""
    _fill("cuMemsetD32Async", dest, 0, data, size, 1, 4, stream)


def memset_d2d8(dest: Any, pitch: int, data: int, width: int, height: int) -> None:
    """Set `height` rows of `width` bytes; rows start `pitch` bytes apart."""
    _fill("cuMemsetD2D8", dest, pitch, data, width, height, 1, None)


def memset_d2d16(dest: Any, pitch: int, data: int, width: int, height: int) -> None:
    """The same with 16-bit numbers."""
    _fill("cuMemsetD2D16", dest, pitch, data, width, height, 2, None)


def memset_d2d32(dest: Any, pitch: int, data: int, width: int, height: int) -> None:
    """The same with 32-bit numbers."""
    _fill("cuMemsetD2D32", dest, pitch, data, width, height, 4, None)


def memset_d2d8_async(dest: Any, pitch: int, data: int, width: int, height: int, stream: Stream | None = None) -> None:
    """`memset_d2d8` in `stream`."""
    _fill("cuMemsetD2D8Async", dest, pitch, data, width, height, 1, stream)


def memset_d2d16_async(dest: Any, pitch: int, data: int, width: int, height: int, stream: Stream | None = None) -> None:
    """`memset_d2d16` in `stream`."""
    _fill("cuMemsetD2D16Async", dest, pitch, data, width, height, 2, stream)


def memset_d2d32_async(dest: Any, pitch: int, data: int, width: int, height: int, stream: Stream | None = None) -> None:
    """`memset_d2d32` in `stream`."""
    _fill("cuMemsetD2D32Async", dest, pitch, data, width, height, 4, stream)


class Memcpy2D:
    """A copy of a rectangle: `height` rows of `width_in_bytes`, with a pitch and a start on each side."""

    _routine = "cuMemcpy2D"

    def __init__(self) -> None:
        self.src_x_in_bytes = self.src_y = self.src_pitch = self.src_z = self.src_height = 0
        self.dst_x_in_bytes = self.dst_y = self.dst_pitch = self.dst_z = self.dst_height = 0
        self.width_in_bytes = self.height = 0
        self.depth = 1
        self._source: tuple[int, bool, Any] | None = None  # (address, on the host, what keeps it alive)
        self._destination: tuple[int, bool, Any] | None = None

    def set_src_host(self, buffer: Any) -> None:
        """Copy from a host buffer."""
        self._source = _host_start(buffer, writable=False)

    def set_dst_host(self, buffer: Any) -> None:
        """Copy into a host buffer."""
        self._destination = _host_start(buffer, writable=True)

    set_src_unified = set_src_host
    set_dst_unified = set_dst_host

    def set_src_device(self, pointer: Any) -> None:
        """Copy from device memory."""
        self._source = (int(pointer), False, pointer)

    def set_dst_device(self, pointer: Any) -> None:
        """Copy into device memory."""
        self._destination = (int(pointer), False, pointer)

    def set_src_array(self, array: Any) -> None:
        """Refuse: CUDA arrays are for textures."""
        raise cuda_error(self._routine, Result.NOT_SUPPORTED, "the CPU stand-in has no CUDA arrays: use device memory")

    set_dst_array = set_src_array

    def __call__(self, stream: Stream | None = None, *, aligned: bool = False) -> None:
        """Copy; in a stream it waits only where host memory is not page-locked. `aligned` means nothing here."""
        if isinstance(stream, bool):  # PyCUDA's Memcpy2D also takes `aligned` as its first argument
            stream = None
        if self._source is None or self._destination is None:
            raise cuda_error(self._routine, Result.INVALID_VALUE, "set a source and a destination first")
        rectangle = self._rectangle()
        waits = stream is None or not all(
            page_locked.contain(address, self.width_in_bytes)
            for address, on_host, _ in (self._source, self._destination)
            if on_host
        )
        unsure = (
            not _holds(self._source[2], rectangle.source, _read(rectangle)),
            not _holds(self._destination[2], rectangle.destination, _written(rectangle)),
        )
        _submit(stream, self._routine, rectangle, unsure, (self._source[2], self._destination[2]), waits)

    def _rectangle(self) -> Rectangle:
        assert self._source is not None and self._destination is not None
        source_pitch = self.src_pitch or self.width_in_bytes
        destination_pitch = self.dst_pitch or self.width_in_bytes
        for pitch, side in ((source_pitch, "source"), (destination_pitch, "destination")):
            if pitch < self.width_in_bytes and self.height > 1:
                raise cuda_error(
                    self._routine, Result.INVALID_VALUE, f"the {side}'s pitch, {pitch}, is less than the width, "
                    f"{self.width_in_bytes}",
                )  # fmt: skip
        source_slice = source_pitch * (self.src_height or self.height)
        destination_slice = destination_pitch * (self.dst_height or self.height)
        source = self._source[0] + self.src_z * source_slice + self.src_y * source_pitch + self.src_x_in_bytes
        destination = (
            self._destination[0] + self.dst_z * destination_slice + self.dst_y * destination_pitch + self.dst_x_in_bytes
        )
        return Rectangle(
            destination, source, destination_pitch, source_pitch, destination_slice, source_slice,
            self.width_in_bytes, self.height, self.depth,
        )  # fmt: skip


class Memcpy3D(Memcpy2D):
    """A copy of a box: `depth` rectangles, `src_height` and `dst_height` rows apart."""

    _routine = "cuMemcpy3D"


class Memcpy3DPeer(Memcpy3D):
    """The same between contexts: all are on the same device here."""

    _routine = "cuMemcpy3DPeer"

    def set_src_context(self, context: Any) -> None:
        """Take note of nothing."""

    def set_dst_context(self, context: Any) -> None:
        """Take note of nothing."""
