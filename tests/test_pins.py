"""The versions are written down once for pip and once for conda, and the range of Pythons once more for make."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
FROM_CONDA = {"pycuda"}  # compiled by conda-forge, so not in the pip part


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def environment() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def pins(lines: list[str]) -> dict[str, SpecifierSet]:
    return {requirement.name: requirement.specifier for requirement in map(Requirement, lines)}


def pip_part(conda: dict[str, Any]) -> list[str]:
    return next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))


def disagreements(project: dict[str, Any], conda: dict[str, Any]) -> list[str]:
    """Return each library that pyproject.toml (with the gpu extra) and environment.yml do not pin alike."""
    wanted = pins(project["project"]["dependencies"] + project["project"]["optional-dependencies"]["gpu"])
    given = pins([line for line in pip_part(conda) if not line.startswith("-")])
    wanted = {name: pin for name, pin in wanted.items() if name not in FROM_CONDA}
    return sorted(name for name in wanted | given if wanted.get(name) != given.get(name))


def test_conda_and_pip_pin_the_same_versions() -> None:
    assert disagreements(pyproject(), environment()) == []


@pytest.mark.parametrize(
    ("old", "new", "drifted"),
    [
        ("torch==2.13.*", "torch==2.14.*", ["torch"]),
        ("      - netron~=9.3\n", "", ["netron"]),
        ("- tensorrt~=11.4", "- tensorrt~=10.4", ["tensorrt"]),
        ("- psutil", "- scipy>=1\n      - psutil", ["scipy"]),
    ],
)
def test_a_drift_would_be_seen(old: str, new: str, drifted: list[str]) -> None:
    text = (ROOT / "environment.yml").read_text()
    assert old in text
    assert disagreements(pyproject(), yaml.safe_load(text.replace(old, new))) == drifted


def test_conda_brings_pycuda_and_a_python_that_the_course_takes() -> None:
    conda = [entry for entry in environment()["dependencies"] if isinstance(entry, str)]
    (python,) = (entry.split("=")[1] for entry in conda if entry.startswith("python="))
    assert SpecifierSet(pyproject()["project"]["requires-python"]).contains(python)
    (pycuda,) = (Requirement(entry).specifier for entry in conda if entry.startswith("pycuda"))
    (pip_pycuda,) = (pin for name, pin in pins(pyproject()["project"]["optional-dependencies"]["gpu"]).items()
                     if name in FROM_CONDA)  # fmt: skip
    lowest = next(iter(pip_pycuda)).version
    assert pycuda.contains(lowest), f"conda's range {pycuda} must hold pip's {lowest}"
    assert "-e ." in pip_part(environment())


def test_make_looks_for_the_pythons_that_the_project_asks_for() -> None:
    makefile = (ROOT / "Makefile").read_text()
    bounds = re.search(r"\((3), (\d+)\) <= sys\.version_info\[:2\] < \((3), (\d+)\)", makefile)
    assert bounds
    assert pyproject()["project"]["requires-python"] == ">={}.{},<{}.{}".format(*bounds.groups())


def test_torch_and_torchvision_are_a_pair() -> None:
    """A torchvision 0.N is built for one torch 2.M, and M = N - 15 since torch 2.0 (0.15)."""
    wanted = pins(pyproject()["project"]["dependencies"])
    torch, torchvision = (re.search(r"(\d+)\.(\d+)", str(wanted[name])) for name in ("torch", "torchvision"))
    assert torch and torchvision
    assert int(torchvision[2]) == int(torch[2]) + 15
