"""GPU devices in the sandbox, with a stand-in node: only a notebook that uses CUDA gets it. It proves no real GPU."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_attacks import HONEST_POINTS, PATIENT, graded, notebook

from coursegrade.sandbox import gpu_devices
from coursegrade.sandbox.sandbox import SAFE, Sandbox, SandboxError, open_sandbox

OPENS = """
import os
print("GPUS", repr(os.environ.get("CUDA_VISIBLE_DEVICES")))
try:
    print("READ", open({node!r}, "rb", buffering=0).read(3))
except OSError as error:
    print("REFUSED", type(error).__name__)
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of /dev/zero's node under the name of a GPU's, in a folder in place of /dev."""
    folder = tmp_path / "dev"
    folder.mkdir()
    try:
        os.mknod(folder / "nvidia0", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        (folder / "nvidia0").chmod(0o666)
        (folder / "nvidia0").open("rb").close()
    except OSError as problem:
        pytest.skip(f"no device node can be made here: {problem}")
    (folder / "nvidiactl").symlink_to("/dev/sda")
    (folder / "nvidia-uvm").write_text("a file is no device")
    for place in (tmp_path, *tmp_path.parents[:2]):  # pytest closes its folders to other users
        place.chmod(0o755)
    monkeypatch.setattr(gpu_devices, "DEVICES", folder)
    return str(folder / "nvidia0")


@pytest.fixture(params=SAFE)
def sandbox(node: str, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = open_sandbox((request.param,))
    except SandboxError as problem:
        pytest.skip(str(problem))
    with opened:
        yield opened


def test_only_devices_are_found_and_no_links(node: str) -> None:
    assert gpu_devices.nodes() == (node,)


def test_a_notebook_with_cuda_gets_the_node_and_others_do_not(node: str, sandbox: Sandbox, tmp_path: Path) -> None:
    cell = OPENS.format(node=node)
    without = graded(notebook(tmp_path / "lab_01_a.ipynb", cell), sandbox, PATIENT)
    assert "GPUS ''" in without.log and "REFUSED" in without.log, without.log
    having = graded(notebook(tmp_path / "lab_01_b.ipynb", "# pycuda\n" + cell), sandbox, PATIENT)
    assert "GPUS None" in having.log and r"READ b'\x00\x00\x00'" in having.log, having.log
    assert without.score == having.score == HONEST_POINTS
