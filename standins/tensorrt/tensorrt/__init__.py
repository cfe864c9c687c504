"""Stands where NVIDIA's TensorRT would be: its Python API, version 11.4, on the CPU.

Everything is `nogpu.tensorrt`; this only gives it the name that scripts import.
"""

try:
    import nogpu.tensorrt as _nogpu
except ModuleNotFoundError as missing:
    if not (missing.name or "").startswith("nogpu"):
        raise
    raise ImportError(
        "this tensorrt is the CPU stand-in of the course From Tensors to TensorRT, and the course is not installed "
        "here: run `make setup`, or uninstall tensorrt and install the real one"
    ) from None

from nogpu.tensorrt import *  # noqa: F403

__version__ = _nogpu.__version__
tensorrt = _nogpu  # the real package's compiled module: scripts write trt.tensorrt.DataType in annotations


def __getattr__(name: str) -> object:
    return getattr(_nogpu, name)  # names that are not there explain themselves
