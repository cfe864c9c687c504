"""CPU stand-ins for the CUDA driver and for TensorRT.

This is the ground floor: it knows nothing of the course. `coursekit` and `coursegrade` build on it. Importing it loads
nothing: set-up does so before any library is installed. Names are looked up when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nogpu.cuda.compiler import CompileFailure
    from nogpu.cuda.inspection.inspect import inspect
    from nogpu.cuda.inspection.report import Finding, Report
    from nogpu.cuda.inspection.sanitizer import sanitizer

__all__ = ["CompileFailure", "Finding", "Report", "inspect", "sanitizer"]

_PLACES = {
    "CompileFailure": "nogpu.cuda.compiler",
    "Finding": "nogpu.cuda.inspection.report",
    "Report": "nogpu.cuda.inspection.report",
    "inspect": "nogpu.cuda.inspection.inspect",
    "sanitizer": "nogpu.cuda.inspection.sanitizer",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_PLACES[name]), name)
