"""A class graded by a real Dask cluster on this machine: every submission once, also when a worker is killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from test_attacks import notebook
from test_batch import ONE_HOT, rows

from coursegrade.grading import batch

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
WORKERS = 3


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and its workers, each a process of its own and none with a nanny that would start it anew."""
    known = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    scheduler = subprocess.Popen([*dask, "--no-dashboard", "--scheduler-file", str(known)], **quiet)  # type: ignore[call-overload]
    workers = []
    try:
        end = time.monotonic() + 60
        while not known.exists() and time.monotonic() < end:
            time.sleep(0.1)
        for _ in range(WORKERS):
            line = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(known), "--no-nanny"]
            line += ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(tmp_path)]
            workers.append(subprocess.Popen(line, **quiet))  # type: ignore[call-overload]
        yield json.loads(known.read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_cluster_grades_all_though_a_worker_dies(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, workers = cluster
    for number in range(12):
        (tmp_path / "class" / f"s{number:02}").mkdir(parents=True)
        cell = f"import time\ntime.sleep(1)  # {number}\n{ONE_HOT if number % 2 else ''}"
        notebook(tmp_path / "class" / f"s{number:02}" / "lab_01_x.ipynb", cell)
    (tmp_path / "class" / "s12").mkdir()
    (tmp_path / "class" / "s12" / "lab_01_x.ipynb").symlink_to("/etc/passwd")
    command = [sys.executable, "-m", "coursegrade", "grade", "--submissions", str(tmp_path / "class")]
    command += ["--out", str(tmp_path / "out"), "--scheduler", address]
    grading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 120
    while len(list((tmp_path / "out").glob("s*/*/report.json"))) < 3 and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(workers[0].pid, signal.SIGKILL)
    said, _ = grading.communicate(timeout=300)
    assert grading.returncode == 0, said
    found = rows(tmp_path / "out")
    assert [row["id"] for row in found] == [f"s{number:02}" for number in range(13)]
    assert [row["score"] for row in found] == [*["3", "6"] * 6, "0"]
    assert {row["status"] for row in found[:12]} == {"ok"} and found[12]["status"] == "rejected"
    assert "feedback" not in said or "Traceback" not in said


def test_no_cluster_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "class" / "a").mkdir(parents=True)
    notebook(tmp_path / "class" / "a" / "lab_01_x.ipynb")
    console = Console(record=True, width=200, file=io.StringIO())
    assert batch.grade_all(tmp_path / "class", tmp_path / "out", 1, False, console, None, "nonsense") == 1
    assert "Nothing was graded" in console.export_text()
