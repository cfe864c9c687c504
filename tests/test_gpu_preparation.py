"""What a GPU will be asked to run is right before one is there: kernels inspected, programs read, tables made."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nogpu
from coursekit.recorded import LADDERS, MISSING, recorded

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "gpu"
RANDOM = np.random.default_rng(12)
F4, I4 = np.float32, np.int32
sys.path.insert(0, str(FOLDER))

import measure  # noqa: E402
import nsight  # noqa: E402
import planted  # noqa: E402
import results  # noqa: E402
import rungs  # noqa: E402
from rungs import Rung  # noqa: E402


def variants(found: list[Rung]) -> list[Any]:
    """Return one launch of each kernel and set of defines, as pytest's parameters; the first of each kernel always."""
    seen = {(rung.kernel, rung.defines): rung for rung in found}
    first = {rung.kernel: rung for rung in reversed(seen.values())}.values()
    marks = {id(rung): [] if rung in first else [pytest.mark.full] for rung in seen.values()}
    return [pytest.param(rung, id=f"{rung.kernel} {rung.variant}", marks=marks[id(rung)]) for rung in seen.values()]


def clean(rung: Rung, *arguments: Any) -> None:
    """Run a rung under the inspector and assert that no tool found anything."""
    source = (FOLDER / rung.file).read_text()
    report = nogpu.inspect(source, rung.kernel, *arguments, block=rung.block, grid=rung.grid, options=rung.options,
                           seconds=60.0)  # fmt: skip
    assert not report.errors, str(report)


# --- the kernels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", variants(rungs.copy(5000, 1)))
def test_copies(rung: Rung) -> None:
    x, y = RANDOM.random(5000, F4), np.full(5000, np.nan, F4)
    clean(rung, y, x, I4(5000))
    assert (x == y).all()


@pytest.mark.parametrize("rung", variants(rungs.transpose(128, 256, 1)))
def test_transposes(rung: Rung) -> None:
    x = RANDOM.random((128, 256), F4)
    y = np.full((256, 128), np.nan, F4)
    clean(rung, y, x, I4(128), I4(256))
    assert (y == x.T).all()


@pytest.mark.parametrize("rung", variants(rungs.reduction(5000, 1)))
def test_reductions(rung: Rung) -> None:
    x, total = RANDOM.integers(-4, 5, 5000).astype(F4), np.zeros(1, F4)
    clean(rung, total, x, I4(5000))
    assert total[0] == x.sum(dtype=np.float64)


@pytest.mark.parametrize("columns", [64, 520])
@pytest.mark.parametrize("rung", variants(rungs.softmax(5, 520, 1)))
def test_softmax(rung: Rung, columns: int) -> None:
    x = (10 * RANDOM.standard_normal((5, columns))).astype(F4)
    y = np.full_like(x, np.nan)
    clean(rung, y, x, I4(5), I4(columns))
    e = np.exp(x.astype(float) - x.max(1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("rung", variants(rungs.histogram(6000, 1)))
def test_histograms(rung: Rung) -> None:
    x, bins = RANDOM.integers(0, 256, 6000).astype(np.uint8), np.zeros(256, np.uint32)
    x[:3000] = 7  # what many threads count at once
    clean(rung, bins, x, I4(6000))
    assert (bins == np.bincount(x, minlength=256)).all()


@pytest.mark.parametrize("rung", variants(rungs.matmul(256, 1)))
def test_matrix_products(rung: Rung) -> None:
    tile = dict(rung.defines)
    m, n, k = (tile["BM"], 2 * tile["BN"], 3 * tile["BK"]) if tile else (64, 128, 48)
    grid = (2, 1) if tile else (m // 16, n // 16) if "across" in rung.kernel else (n // 16, m // 16)
    grid = (2, 1) if "blocked" in rung.kernel else grid
    a, b, c = RANDOM.random((m, k), F4), RANDOM.random((k, n), F4), np.full((m, n), np.nan, F4)
    launch = Rung(rung.name, rung.file, rung.kernel, rung.block, grid, rung.defines)
    clean(launch, c, a, b, *map(I4, (m, n, k)))
    np.testing.assert_allclose(c, a.astype(float) @ b, rtol=1e-5)


@pytest.mark.parametrize("tile", rungs.MATMUL_TILES[:2], ids=str)
def test_the_fast_product_asks_shared_memory_for_no_more_than_it_must(tile: tuple[int, ...]) -> None:
    bm, bn, bk, wm, wn, *_ = tile
    a, b, c = np.ones((bm, bk), F4), np.ones((bk, bn), F4), np.zeros((bm, bn), F4)
    threads = bm // wm * (bn // wn) * 32
    options = [f"-D{name}={value}" for name, value in zip(rungs.MATMUL_DEFINES, tile, strict=True)]
    report = nogpu.inspect((FOLDER / "matmul.cu").read_text(), "matmul", c, a, b, *map(I4, (bm, bn, bk)),
                           block=threads, grid=1, options=options, seconds=60.0)  # fmt: skip
    total = report.profile.total
    assert total.shared_load_wavefronts == 2 * total.shared_load_requests  # 16 bytes a lane, pairs of lanes agree
    assert total.shared_load_conflicts == 0 and total.load_sectors_per_request == 16
    assert total.flops == 2 * bm * bn * bk


@pytest.mark.parametrize("tile", [(32, 32, 128), (64, 64, 256), (128, 64, 256)], ids=str)
def test_the_swizzled_transpose_meets_no_bank_twice(tile: tuple[int, int, int]) -> None:
    options = [f"-D{name}={value}" for name, value in zip(("ROWS", "COLUMNS", "THREADS"), tile, strict=True)]
    x, y = np.ones((128, 128), F4), np.zeros((128, 128), F4)
    source, tiles = (FOLDER / "transpose.cu").read_text(), 128 * 128 // (tile[0] * tile[1])
    report = nogpu.inspect(source, "transpose_swizzled", y, x, I4(128), I4(128), block=tile[2], grid=tiles,
                           options=[*options, "-DGROUP=1"])  # fmt: skip
    total = report.profile.total
    assert total.bank_conflicts == 0
    assert total.load_sectors_per_request == total.store_sectors_per_request == 16


ALL = [*rungs.copy(2**20, 132), *rungs.transpose(2048, 2048, 132), *rungs.reduction(2**20, 132),
       *rungs.softmax(64, 4096, 132), *rungs.histogram(2**20, 132), *rungs.matmul(256, 132)]  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "chosen"),
    [("sm_90", "one of each"), *(pytest.param(arch, "all", marks=pytest.mark.full) for arch in ("sm_75", "sm_90"))],
)
def test_nvrtc_compiles_the_rungs_without_spills(architecture: str, chosen: str) -> None:
    nvrtc = pytest.importorskip("nogpu.cuda.nvrtc")
    if nvrtc.find_library() is None:
        pytest.skip("NVIDIA's compiler is not installed: pip install '.[nvrtc]'")
    asked = {(rung.file, rung.defines) for rung in ALL}
    for file, defines in sorted(asked if chosen == "all" else dict(sorted(asked)).items()):
        if file == "matmul.cu" and architecture == "sm_75":
            continue  # its tiles are chosen for Hopper's registers and shared memory
        options = [f"-D{name}={value}" for name, value in defines]
        opinion = nvrtc.ask((FOLDER / file).read_text(), options, architecture)
        assert opinion.ok and opinion.kernels, opinion.log
        spilt = [kernel.name for kernel in opinion.kernels if kernel.spill_store_bytes or kernel.stack_bytes]
        assert not spilt, (file, defines, spilt)
        assert max(kernel.shared_bytes for kernel in opinion.kernels) <= 48 * 1024


# --- the programs around them -------------------------------------------------------------------------------------

MEMCHECK = """========= COMPUTE-SANITIZER
========= Invalid __global__ read of size 4 bytes
=========     at k+0x70 in kernel.cu:5
=========     by thread (8,0,0) in block (1,0,0)
=========     Address 0x7f0a2ba000a0 is out of bounds
=========     and is 1 bytes after the nearest allocation at 0x7f0a2ba00000 of size 160 bytes
=========
========= ERROR SUMMARY: 2 errors
"""
RACECHECK = """========= COMPUTE-SANITIZER
========= Error: Race reported between Write access at k(float *)+0x90 in kernel.cu:5
=========     and Read access at k(float *)+0xd0 in kernel.cu:7 [128 hazards]
=========
========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)
"""
INITCHECK = """========= COMPUTE-SANITIZER
========= Uninitialized __global__ memory read of size 4 bytes
=========     at k(float *)+0x40 in kernel.cu:3
========= ERROR SUMMARY: 32 errors
"""
SYNCCHECK = """========= COMPUTE-SANITIZER
========= Barrier error detected. Divergent thread(s) in block
=========     at k(float *)+0xa0 in kernel.cu:7
=========     by thread (0,0,0) in block (0,0,0)
========= ERROR SUMMARY: 1 error
"""
SILENT = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"


@pytest.mark.parametrize(
    ("code", "said", "name", "line", "errors"),
    [
        (99, MEMCHECK, "found", 5, 2),
        (99, RACECHECK, "found", 5, 1),
        (99, INITCHECK, "found", 3, 32),
        (99, SYNCCHECK, "found", 7, 1),
        (0, SILENT, "silent", None, 0),
        (0, "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n", "silent", None, 0),
        (4, SILENT, "CUDA error", None, 0),
        (None, "========= COMPUTE-SANITIZER\n", "stopped", None, None),
        (None, SYNCCHECK.partition("========= ERROR")[0], "found", 7, None),
        (1, "========= Error: Device not supported. Please refer to ...\n", "tool failed", None, None),
    ],
)  # fmt: skip
def test_compute_sanitizers_words_are_understood(code: int, said: str, name: str, line: Any, errors: Any) -> None:
    found = planted.verdict(code, said)
    assert (found["verdict"], found["line"], found["errors"]) == (name, line, errors)


def test_a_program_that_hangs_is_stopped_with_what_it_started() -> None:
    code, said = planted.run_limited(["sh", "-c", "echo begun; sleep 60 & wait"], 1.0)
    assert code is None and "begun" in said
    assert planted.run_limited(["sh", "-c", "exit 99"], 10.0)[0] == 99


NCU_ROW = (
    '"0","4242","case","127.0.0.1","k","1","7","(256, 1, 1)","(4, 1, 1)","0","9.0","Command line profiler metrics",'
)
NCU = """==PROF== Connected to process 4242 (/tmp/case)
==PROF== Profiling "k" - 0: 0%....50%....100% - 3 passes
==PROF== Disconnected from process 4242
"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size","Device","CC",\
"Section Name","Metric Name","Metric Unit","Metric Value"
""" + "".join(f"{NCU_ROW}{row}\n" for row in (
    '"l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum","","32"',
    '"smsp__sass_thread_inst_executed_op_ffma_pred_on.sum","inst","1,024"',
    '"smsp__sass_thread_inst_executed_op_fadd_pred_on.sum","inst","100"',
    '"smsp__sass_thread_inst_executed_op_fmul_pred_on.sum","inst","0"',
    '"smsp__thread_inst_executed_per_inst_executed.ratio","","28.8"',
    '"l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum","sector","n/a"',
))  # fmt: skip


def test_ncus_csv_is_understood() -> None:
    found = nsight.derived(nsight.read_ncu(NCU))
    assert found["global_load_requests"] == 32 and found["flops"] == 2 * 1024 + 100
    assert found["simt_efficiency"] == pytest.approx(0.9) and "global_load_sectors" not in found
    with pytest.raises(RuntimeError, match="no counters"):
        nsight.read_ncu("==ERROR== The user does not have permission to access NVIDIA GPU Performance Counters")


def test_a_metric_that_ncu_lacks_is_asked_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    missing, asked = nsight.METRICS["dadd"], []

    def ncu(command: list[str], seconds: float) -> tuple[int, str]:
        asked.append(command[command.index("--metrics") + 1])
        return (1, f"==ERROR== Failed to find metric {missing}\n") if missing in asked[-1] else (0, NCU)

    monkeypatch.setattr(nsight, "run_limited", ncu)
    assert nsight.counted(Path("case"))["flops"] == 2148
    assert len(asked) == 2 and nsight.METRICS["ffma"] in asked[1]


def test_every_planted_kernel_becomes_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(planted.TESTS)
    monkeypatch.setattr(planted.shutil, "which", lambda name: None)  # building them takes a minute
    from sanitizer_cases import CASES

    rows = [planted._checked(case, mended, True) for case in CASES for mended in (0, 1)]
    assert len(rows) == 2 * len(CASES) > 100 and all(row["program_characters"] > 300 for row in rows)


# --- files and tables ---------------------------------------------------------------------------------------------


def sampled(key: str, ladder: str, rung: str, rate: float, unit: str = "B/s", **more: Any) -> dict[str, Any]:
    median = 8 * 2**28 / rate * 1e3
    return {key: {"ladder": ladder, "rung": rung, "variant": "", "median": median, "rate": rate, "unit": unit,
                  "milliseconds": [median]} | more}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with made-up files in the form that measure.py writes."""
    machine = {"gpu": "NVIDIA Imagined, 1.2.3, 1 MiB", "nvcc": "Cuda compilation tools, release 13.0, V13.0.88",
               "torch": "2.11.0", "python": "3.12.3"}  # fmt: skip
    items = {
        **sampled("copy: torch", "copy", "torch", 4e12, reference=True),
        **sampled("copy: driver's copy", "copy", "driver's copy", 3.9e12, reference=True),
        **sampled("transpose: torch", "transpose", "torch", 2e12, reference=True),
        **sampled("transpose: naive", "transpose", "naive", 1e12),
        **sampled("transpose: f (a)", "transpose", "float4", 3.6e12, variant="a"),
        **sampled("transpose: f (b)", "transpose", "float4", 3.8e12, variant="b"),
        "transpose: f (c)": {"error": "ValueError: wrong"},
        **sampled("matmul: cuBLAS", "matmul", "cuBLAS", 5e13, "FLOP/s", reference=True),
        **sampled("matmul: x", "matmul", "warp tiles", 4.5e13, "FLOP/s"),
    }
    found = {"verdict": "found", "line": 5}
    wrong = {"case": "off by one", "mended": False, "nogpu": "memcheck", "kind": "out-of-bounds", "line": 5}
    silent: dict[str, Any] = {tool: {"verdict": "silent", "line": None} for tool in planted.CHECKERS}
    planted_items = {
        "off by one (planted)": wrong | silent | {"memcheck": found},
        "off by one (mended)": wrong | silent | {"mended": True, "initcheck": found},
    }
    counts = dict.fromkeys(nsight.COMPARED, 100.0)
    profile_items = {"test_a_copy": {"nogpu": counts, "ncu": counts | {"flops": 104.0, "global_load_sectors": 99.0}}}
    timing = {"network": "ResNet-18", "batch": 8}
    pytorch_items = {"a": timing | {"way": "eager", "median": 4.0}, "b": timing | {"way": "CUDA graph", "median": 1.0}}
    files = {"ladders": items, "planted": planted_items, "profile": profile_items, "pytorch": pytorch_items,
             "lessons": {"notebooks/07.ipynb": {"seconds": 12.0}}}  # fmt: skip
    for name, content in files.items():
        file = {"schema": 1, "name": name, "machine": machine, "command": "python x", "date": "2001-02-03T04:05:06"}
        (tmp_path / f"{name}.json").write_text(json.dumps(file | {"items": content}))
    return tmp_path


def test_a_recorded_ladder_shows_each_rungs_fastest_variant(folder: Path) -> None:
    found = recorded("transpose", folder)
    assert [rung.label for rung in found.rungs] == ["naive", "float4 (b)", "torch"]
    assert [round(rung.share, 3) for rung in found.rungs] == [0.25, 0.95, 0.5]
    shown = str(found)
    assert "NVIDIA Imagined, driver 1.2.3, 2001-02-03" in shown and "3,800" in shown and "95%" in shown
    assert "<caption>" in found._repr_html_() and "float4 (b)" in found._repr_html_()
    assert "share of cuBLAS" in str(recorded("matmul", folder)) and "90%" in str(recorded("matmul", folder))


def test_what_is_not_recorded_is_said(tmp_path: Path, folder: Path) -> None:
    assert str(recorded("softmax", folder)) == MISSING == str(recorded("copy", tmp_path / "none"))
    with pytest.raises(ValueError, match="choose one of copy, transpose"):
        recorded("transposition")
    content = json.loads((folder / "ladders.json").read_text())
    content["machine"]["emulated"] = True
    (folder / "ladders.json").write_text(json.dumps(content))
    assert str(recorded("copy", folder)) == MISSING


def test_a_lessons_cell_shows_the_recorded_row(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = tmp_path / "course"
    (course / "notebooks").mkdir(parents=True)
    (course / "data").mkdir()
    monkeypatch.setenv("COURSE_ROOT", str(course))
    assert str(recorded("copy")) == MISSING
    (course / "data" / "measurements").symlink_to(folder)
    assert "driver's copy" in str(recorded("copy"))


@pytest.mark.parametrize("lesson", ["08_memory", "09_cooperation", "10_kernels_meet_pytorch"])
def test_the_kernel_lessons_show_ladders_that_are_measured(lesson: str) -> None:
    notebook = json.loads((ROOT / "notebooks" / f"{lesson}.ipynb").read_text())
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    shown = re.findall(r"recorded\(\"(\w+)\"\)", code)
    measured = re.findall(r"for each in \((.*)\)\}", (FOLDER / "ladders.py").read_text())[0].split(", ")
    assert shown and set(shown) <= set(LADDERS) == set(measured)


def test_tables_are_made_of_the_files(folder: Path) -> None:
    made = subprocess.run([sys.executable, FOLDER / "tables.py", folder], capture_output=True, text=True, check=True)
    text = made.stdout
    assert (
        "| float4 (b) |" in text and "Best of ours: 95.0%." in text and "- transpose: f (c): ValueError: wrong" in text
    )
    assert "| off by one | memcheck: out-of-bounds, line 5 | found, line 5 | silent | silent + found | silent |" in text
    assert "initcheck: found 0 of 1; spoke up on 1 of 1" in text
    assert "9 of 10 counters of 1 kernels agree within 2%" in text and "**100, 104**" in text
    assert "| CUDA graph | 1 (4.00×) |" in text and "| notebooks/07.ipynb | 12 |" in text
    empty = subprocess.run([sys.executable, FOLDER / "tables.py", folder / "none"], capture_output=True, text=True)
    assert empty.returncode and "has no measurements" in empty.stderr


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    calls: list[str] = []
    first = results.Results(tmp_path, "steps", dry_run=True)
    first.add("a", lambda: calls.append("a") or {"x": 1})  # type: ignore[func-returns-value]
    first.add("b", lambda: {"x": 1 / 0})
    again = results.Results(tmp_path, "steps", dry_run=True, only="b")
    assert not again.lacks("a") and again.lacks("b") and again.wants("b: ") and not again.wants("a: ")
    again.add("a", lambda: calls.append("a again") or {})  # type: ignore[func-returns-value]
    again.add("b", lambda: {"x": 2})
    content = json.loads((tmp_path / "steps.json").read_text())
    assert calls == ["a"] and content["items"] == {"a": {"x": 1}, "b": {"x": 2}}
    assert results.read(tmp_path) == {}  # emulated
    with pytest.raises(ValueError, match="another folder"):
        results.Results(tmp_path / "measurements", "steps", dry_run=True)


def test_files_go_on_with_another_driver_but_not_with_another_gpu(tmp_path: Path, monkeypatch: Any) -> None:
    for gpu in ("A, 1.0, 9 MiB", "A, 1.1, 9 MiB", "A, 1.1, 9 MiB"):
        monkeypatch.setattr(results, "machine", lambda gpu=gpu: {"gpu": gpu})
        results.Results(tmp_path, "steps", dry_run=False).add(gpu, lambda: {"x": 1})
    content = json.loads((tmp_path / "steps.json").read_text())
    assert content["also"] == [{"gpu": "A, 1.1, 9 MiB"}] and len(content["items"]) == 2
    monkeypatch.setattr(results, "machine", lambda: {"gpu": "B, 1.0, 9 MiB"})
    with pytest.raises(ValueError, match="another GPU"):
        results.Results(tmp_path, "steps", dry_run=False)


def test_the_dry_run_of_a_ladder_runs_the_measuring_code(tmp_path: Path) -> None:
    command = [sys.executable, FOLDER / "measure.py", "ladders", "--dry-run", "--only", "softmax: ", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    items = json.loads((tmp_path / "ladders.json").read_text())["items"]
    assert len(items) >= 7 and not [item for item in items.values() if "error" in item]


def test_the_calls_in_the_readme_fit_and_name_steps_that_exist() -> None:
    calls = [line.strip() for line in (FOLDER / "README.md").read_text().splitlines() if "bare_machine.sh &&" in line]
    assert len(calls) >= 4
    for call in calls:
        assert len(call) <= 2000
        steps = re.findall(r"measure (\d+) (\w+)", call)
        assert {step for _, step in steps} <= set(measure.STEPS) and sum(int(limit) for limit, _ in steps) < 600
        subprocess.run(["bash", "-n", "-c", call], check=True)
    subprocess.run(["bash", "-n", FOLDER / "bare_machine.sh"], check=True)
