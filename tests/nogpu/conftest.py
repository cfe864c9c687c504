"""What the tests of nogpu.cuda share: a context, and a place for the one thing that must not be tested: a real GPU."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pytest


def _stand_in() -> bool:
    try:
        return version("pycuda").endswith("+nogpu")
    except PackageNotFoundError:
        return False


if not _stand_in():
    collect_ignore_glob = ["test_*.py"]  # `pip install ./standins/pycuda` puts the stand-in there


@pytest.fixture(autouse=True, scope="session")
def context() -> Any:
    """A context for the whole run, as a notebook has it."""
    import pycuda.autoprimaryctx

    return pycuda.autoprimaryctx.context


@pytest.fixture
def run() -> Callable[..., None]:
    """Compile a source and run its kernel `k`: run(source, *arguments, block=..., grid=...)."""
    from pycuda.compiler import SourceModule

    def go(source: str, *arguments: Any, **launch: Any) -> None:
        extern = launch.pop("no_extern_c", False)
        kernel = SourceModule(source, no_extern_c=extern).get_function(launch.pop("name", "k"))
        kernel(*arguments, **{"block": (1, 1, 1), **launch})

    return go


@pytest.fixture
def values(run: Callable[..., None]) -> Callable[..., np.ndarray]:
    """Evaluate C++ expressions on the device: values("__popc(7)", dtype="i4") is array([3])."""

    def evaluate(*expressions: str, dtype: str = "f8", preamble: str = "") -> np.ndarray:
        import pycuda.driver as drv

        names = {"f8": "double", "f4": "float", "i4": "int", "u4": "unsigned", "i8": "long long",
                 "u8": "unsigned long long"}  # fmt: skip
        lines = "\n".join(f"out[{i}] = {expression};" for i, expression in enumerate(expressions))
        result = np.zeros(len(expressions), dtype)
        source = f'{preamble}\nextern "C" __global__ void k({names[dtype]}* out) {{\n{lines}\n}}'
        run(source, drv.Out(result), no_extern_c=True)
        return result

    return evaluate
