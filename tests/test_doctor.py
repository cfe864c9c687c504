"""The doctor tells the truth: about this machine, about a broken one, and about one with a GPU."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from coursekit import doctor, import_probe
from coursekit.doctor import Doctor, Row
from coursekit.import_probe import Probe
from nogpu.nvidia import Gpu, Toolkit

GPU = Gpu("NVIDIA GeForce RTX 4070", "580.95.05", 12282, (8, 9))
OLD_DRIVER = Gpu("NVIDIA GeForce RTX 4070", "550.54.14", 12282, (8, 9))


@pytest.fixture(scope="module")
def here() -> Doctor:
    return Doctor()


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def test_this_machine_can_run_the_course_or_the_row_says_why(here: Doctor) -> None:
    rows = by_name(here.rows)
    for name in ("torch", "torchvision", "onnx", "onnxscript", "netron", "jupyterlab", "Python", "C++ compiler"):
        assert rows[name].state == "ok", rows[name]
    for name in ("pycuda", "tensorrt", "GPU", "driver", "cores", "memory", "disk", "its providers"):
        assert name in rows
    assert "CPU" in rows["its providers"].found
    assert all(row.cure for row in here.rows if row.state != "ok")
    assert here.healthy


def test_every_fact_is_in_the_printed_table_and_in_the_notebook_s(here: Doctor) -> None:
    page = here._repr_html_()
    terminal = io.StringIO()
    Console(file=terminal, width=200).print(here)
    for row in here.rows:
        assert row.name in page and row.name in terminal.getvalue()
    assert here.verdict in page and here.verdict in terminal.getvalue()


def test_a_narrow_terminal_loses_no_word(here: Doctor) -> None:
    terminal = io.StringIO()
    Console(file=terminal, width=60).print(here)
    assert max(map(len, terminal.getvalue().splitlines())) <= 60
    assert "…" not in terminal.getvalue()


def test_one_failed_row_means_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    for state, status in (("ok", 0), ("warn", 0), ("fail", 1)):
        row = Row("torch <x>", state, "not [red]installed[/red]", "make setup")  # type: ignore[arg-type]
        monkeypatch.setattr(doctor, "checks", lambda row=row: [row])
        assert doctor.report(Console(file=io.StringIO())) == status
    assert "torch &lt;x&gt;" in Doctor()._repr_html_()
    assert "To mend: torch" in Doctor().verdict


def test_a_missing_library_fails_with_its_cure() -> None:
    row = doctor.library("no-such-distribution")
    assert (row.state, row.found) == ("fail", "not installed")
    assert "make setup" in row.cure


def test_a_version_outside_the_pins_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "2.9.1")
    row = doctor.library("torch", Probe(""))
    assert row.state == "warn" and "==2.13.*" in row.cure


def test_a_library_that_raises_or_dies_while_imported_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raises_oserror.py").write_text("raise OSError('libfoo.so.3: cannot open shared object file')\n")
    (tmp_path / "dies.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(import_probe, "TOGETHER", (("json", "raises_oserror"), ("dies",)))
    probes = import_probe.probe()
    assert probes["json"].fault == ""
    assert "libfoo.so.3" in probes["raises_oserror"].fault
    assert "exit status -11" in probes["dies"].fault
    assert doctor.library("torch", probes["dies"]).state == "fail"


def test_a_stand_in_a_real_package_and_an_absent_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(version: str | None, kind: str, gpu: Gpu | None) -> Row:
        monkeypatch.setattr(doctor, "_version", lambda name: version)
        monkeypatch.setattr(doctor.device, "origin", lambda name: kind)
        monkeypatch.setattr(doctor.paths, "root", lambda: tmp_path)
        return doctor.gpu_library("pycuda", gpu)

    assert look(None, "not installed", None).state == "ok"
    assert look("2026.1+nogpu", "CPU stand-in", None) == Row("pycuda", "ok", "2026.1+nogpu, the CPU stand-in")
    assert look("2026.1+nogpu", "CPU stand-in", GPU).state == "warn"
    assert look("2026.1", "real", None).state == "warn"
    assert look(None, "not installed", GPU).cure == "to use the GPU: make setup EXTRA=gpu"
    (tmp_path / "standins" / "pycuda").mkdir(parents=True)
    (tmp_path / "standins" / "pycuda" / "pyproject.toml").touch()
    assert look(None, "not installed", None).state == "fail"


def test_the_rows_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.nvidia, "find_toolkit", lambda: None)
    rows = by_name(doctor.graphics(GPU, torch_sees_it=True))
    assert (rows["GPU"].state, rows["GPU"].found) == ("ok", "NVIDIA GeForce RTX 4070, 12 GiB")
    assert rows["nvcc"].state == "warn"
    assert by_name(doctor.graphics(GPU, torch_sees_it=False))["GPU"].cure == "make setup EXTRA=gpu"
    assert "CUDA 13 needs 580" in by_name(doctor.graphics(OLD_DRIVER, torch_sees_it=False))["driver"].cure
    monkeypatch.setattr(doctor.nvidia, "find_toolkit", lambda: Toolkit(Path("/opt/cuda/bin/nvcc"), None))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert "/opt/cuda/bin" in by_name(doctor.graphics(GPU, torch_sees_it=True))["nvcc"].cure


def test_a_gpu_that_onnx_runtime_cannot_use_is_a_warning() -> None:
    assert doctor.providers(Probe("", ["CPUExecutionProvider"]), GPU).state == "warn"
    assert doctor.providers(Probe("", ["CPUExecutionProvider"]), None).state == "ok"
    assert doctor.providers(Probe("", ["CUDAExecutionProvider", "CPUExecutionProvider"]), GPU).found == "CUDA, CPU"
    assert doctor.providers(Probe("broken"), None).state == "fail"
