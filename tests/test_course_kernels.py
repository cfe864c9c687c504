"""Every kernel of lessons 00 and 07–10 and of their labs' solutions compiles with NVIDIA's compiler, for two GPUs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from coursegrade.lessons import notebooks
from coursekit.paths import root
from nogpu.cuda import nvrtc

NOTEBOOKS = sorted(
    path
    for folder, prefix in (("notebooks", ""), ("solutions", "lab_"))
    for number in ("00", "07", "08", "09", "10")
    for path in (root() / folder).glob(f"{prefix}{number}_*.ipynb")
)


def kernels_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (cell id, CUDA C text) for each string in the notebook's code that defines a kernel."""
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and "__global__" in node.value:
                    yield cell.id, node.value


@pytest.mark.skipif(nvrtc.find_library() is None, reason="the nvrtc extra is not installed")
@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nvidias_compiler_takes_every_kernel(path: Path, architecture: str) -> None:
    found = list(kernels_of(path))
    assert found, "the notebook has no kernel"
    for cell, source in found:
        opinion = nvrtc.ask(f'extern "C" {{\n{source}\n}}', [f"--gpu-architecture={architecture}"])
        assert opinion.ok and opinion.kernels, f"cell {cell}:\n{opinion.log}"
