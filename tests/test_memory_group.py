"""The cgroup around a sandbox. No cgroup is made here: a folder stands in for the kernel's, so what the kernel would do
with the limit is not proven, only that a sandbox asks for it, starts in it, and does without where there is none.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_attacks import HONEST_POINTS, PATIENT, graded, notebook

from coursegrade.sandbox import memory_group
from coursegrade.sandbox.confinement import Caps
from coursegrade.sandbox.sandbox import open_sandbox


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a group whose children may have limits; ours is one of them."""
    slice_ = tmp_path / "cgroup" / "user.slice"
    (slice_ / "terminal.scope").mkdir(parents=True)
    (slice_ / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (tmp_path / "own").write_text("4:memory:/old\n0::/user.slice/terminal.scope\n")
    monkeypatch.setattr(memory_group, "MOUNT", tmp_path / "cgroup")
    monkeypatch.setattr(memory_group, "OWN", tmp_path / "own")
    return slice_


def test_a_sandbox_starts_in_its_group(parent: Path, tmp_path: Path) -> None:
    with open_sandbox(caps=Caps(memory=2 << 30)) as sandbox:
        group = next(parent.glob("course-grade-*"))
        assert (group / "memory.max").read_text() == str(3 << 30)
        assert (group / "cgroup.procs").read_text() == "0\n"  # "whoever writes this", who then became the nursery
        assert graded(notebook(tmp_path / "lab_01_x.ipynb"), sandbox, PATIENT).score == HONEST_POINTS


def test_a_group_goes_when_it_is_closed(parent: Path) -> None:
    group = memory_group.make(1 << 30)
    assert group is not None
    for file in group.folder.iterdir():  # in a real one these are no files to remove
        file.unlink()
    group.close()
    assert list(parent.glob("course-grade-*")) == []


@pytest.mark.parametrize("why", ["no memory controller", "not ours", "no version 2", "no file"])
def test_no_group_where_none_can_be_made(why: str, parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if why == "no memory controller":
        (parent / "cgroup.subtree_control").write_text("cpu pids\n")
    elif why == "not ours":
        if os.getuid() == 0:
            pytest.skip("root may write anywhere")
        parent.chmod(0o555)
    elif why == "no version 2":
        memory_group.OWN.write_text("4:memory:/x\n")
    else:
        monkeypatch.setattr(memory_group, "OWN", parent / "missing")
    assert memory_group.make(1 << 30) is None
    assert list(parent.glob("course-grade-*")) == []
