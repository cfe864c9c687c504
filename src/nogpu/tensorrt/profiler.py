"""Times of layers: set `context.profiler`, and each layer of each run is reported to it."""

from __future__ import annotations

from nogpu.tensorrt.native import Native


class IProfiler(Native):
    """Base of your own profiler: define `report_layer_time`."""

    def __init__(self) -> None:
        pass

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        """Take the time of one layer, in milliseconds of CPU time."""
        raise RuntimeError('Tried to call pure virtual function "IProfiler::report_layer_time"')


class Profiler(IProfiler):
    """Prints each layer's time."""

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        """Print one line."""
        print(f"{layer_name}: {ms:.6g}ms")
