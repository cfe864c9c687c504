"""The distribution named pycuda: what it is made of, and its one clear sentence when it cannot be made."""

from __future__ import annotations

import importlib.util
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "standins" / "pycuda"


@pytest.fixture
def backend() -> Any:
    spec = importlib.util.spec_from_file_location("build_backend", FOLDER / "build_backend.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_installed_says_that_it_is_a_stand_in() -> None:
    assert distribution("pycuda").version == "2026.1+nogpu"
    names = {Path(str(file)).name for file in distribution("pycuda").files or []}
    assert {"driver.py", "gpuarray.py", "pycuda-complex.hpp", "_driver.py", "_pvt_struct.py"} <= names


def test_only_the_two_c_extensions_are_ours() -> None:
    assert sorted(path.name for path in (FOLDER / "overlay").rglob("*.py")) == ["_driver.py", "_pvt_struct.py"]


def test_another_file_is_refused(backend: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / backend.SDIST).write_bytes(b"something else")
    monkeypatch.setenv("NOGPU_PYCUDA_SDIST", str(tmp_path / backend.SDIST))
    with pytest.raises(SystemExit, match=r"is not the file that .* was made with .*: nothing was installed\.$"):
        backend.build_wheel(str(tmp_path))
    assert not list(tmp_path.glob("*.whl"))


def test_a_missing_file_and_no_network(backend: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOGPU_PYCUDA_SDIST", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match="there is no such file"):
        backend.build_wheel(str(tmp_path))
    monkeypatch.delenv("NOGPU_PYCUDA_SDIST")
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for pycuda==2026.1\n")
    monkeypatch.setattr(backend.subprocess, "run", lambda *args, **kwargs: failed)
    with pytest.raises(SystemExit, match=r"could not be fetched from the package index .*No matching distribution"):
        backend.build_wheel(str(tmp_path))
