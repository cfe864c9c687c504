"""Kernels in graded notebooks: right ones pass on each rung, hostile ones gain nothing and cost only their own task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_attacks import SMALL, left_of, notebook

from coursegrade.grading import judge as room
from coursegrade.grading.judge import LabResult, Limits, judge
from coursegrade.grading.reader import read
from coursegrade.sandbox.sandbox import LADDER, Sandbox, SandboxError, open_sandbox
from coursekit.checks import Lab, Wrong, expect_close
from coursekit.student import Raised, Student

QUICK = Limits(cell=30, question=5, task=10, lab=120)
PATIENT = Limits(cell=120, question=60, task=120, lab=400)  # where the machine is busy
DOUBLE = "__global__ void twice(float* x, int n) {{ int i = blockIdx.x * blockDim.x + threadIdx.x; {} }}"
RIGHT = DOUBLE.format("if (i < n) x[i] *= 2;")
KERNEL = Lab("98", "lab_98_kernels", "A lab for tests")


def task(number: str, name: str) -> None:
    def run(student: Student, rng: np.random.Generator) -> None:
        source = student.get(name)
        given = rng.random(100).astype(np.float32)
        x = given.copy()
        try:
            how = {"grid": 2, "block": 64, "orders": ("forward", "reverse"), "seconds": 1.0}
            report = student.inspect(source, "twice", x, np.int32(100), **how)
        except Raised as error:
            raise Wrong(f"{error.kind}: {error.text[:300]}") from None
        if report.errors:
            raise Wrong(f"{report.errors[0].kind}: {report.errors[0].message}")
        expect_close(x, 2 * given, "your array")

    KERNEL.task(number, name, points=1, minutes=1, difficulty=1, importance=1, names=(name,))(run)


task("98.1", "KERNEL")
task("98.2", "HONEST")


@KERNEL.task("98.3", "host code", points=1, minutes=1, difficulty=1, importance=1, names=("host",))
def host_code(student: Student, rng: np.random.Generator) -> None:
    x = rng.random(64).astype(np.float32)
    expect_close(student.call("host", x), 2 * x + 1, "your array")


HOST = f"""
import pycuda.autoprimaryctx
import pycuda.gpuarray as gpuarray
from pycuda.compiler import SourceModule
twice = SourceModule('''{RIGHT}''').get_function("twice")
def host(x):
    on_device = gpuarray.to_gpu(x)
    twice(on_device, __import__('numpy').int32(x.size), block=(64, 1, 1), grid=(1, 1))
    return (on_device + 1).get()
"""
HOSTILE = {
    "system": '#include <cstdlib>\n' + DOUBLE.format("system(\"touch @victim@\");"),
    "system, declared":
        'extern "C" int system(const char*);\n' + DOUBLE.format("if (i == 0) system(\"touch @victim@\");"),
    "a constructor": "int two;\nstruct S { S() { two = 2; } } s;\n" + DOUBLE.format("if (i < n) x[i] *= two;"),
    "a constructor function": "__attribute__((constructor)) void f() { *(int*)0 = 1; }\n" + RIGHT,
    "assembler": DOUBLE.format('asm("mov $60, %eax; syscall");'),
    "assembler at the top": 'asm(".incbin \\"/etc/passwd\\"");\n' + RIGHT,
    "a file included": '#include "/etc/passwd"\n' + RIGHT,
    "a file read": "#include <fstream>\n" + RIGHT,
    "a system call": 'extern "C" long syscall(long, ...);\n' + DOUBLE.format("syscall(60, 0);"),
    "itself included": "#include __FILE__\n" + RIGHT,
    "templates without end": "template<int n> struct T { static const int v = T<n + 1>::v + T<n + 2>::v; };\n"
    + DOUBLE.format("x[0] = T<0>::v;"),
    "a constant without end": "constexpr int f(int n) { int s = 0; while (true) s += n; return s; }\n"
    + DOUBLE.format("constexpr int v = f(1); x[0] = v;"),
    "an array without end": "__device__ char big[1ull << 38];\n" + DOUBLE.format("big[(size_t)i << 30] = 1;"),
    "an endless loop": DOUBLE.format("while (true) x[0] += 1;"),
    "an endless loop without accesses": DOUBLE.format("volatile int k = 0; while (true) k = k + 1;"),
    "memory": DOUBLE.format("for (;;) { char* p = (char*)malloc(1 << 26); for (int k = 1 << 26; k;) p[k -= 64] = 1; }"),
    "a wild pointer": DOUBLE.format("for (long k = -1000000000; k < 1000000000; k += 4096) ((char*)x)[k] = 7;"),
    "its own stack": "__device__ int f(int n) { volatile int a[1000]; a[n % 1000] = n; return f(n + 1) + a[0]; }\n"
    + DOUBLE.format("x[0] = f(0);"),
    "much printed": DOUBLE.format('for (long k = 0; k < 2000000; ++k) printf("%d xxxxxxxxxxxxxxxx\\n", i);'),
    "nothing": "",
    "many characters": "/" * 200_000,
    "no text": None,
}  # fmt: skip


@pytest.fixture(scope="module", params=LADDER)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = open_sandbox((request.param,), SMALL)
    except SandboxError as problem:
        pytest.skip(str(problem))
    with opened:
        yield opened


@pytest.fixture(autouse=True)
def lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "all_labs", lambda: {"98": KERNEL})


def graded(sandbox: Sandbox, folder: Path, *cells: str) -> LabResult:
    path = notebook(folder / "lab_98_kernels.ipynb", f"HONEST = '''{RIGHT}'''", *cells, course={"lab": "98"})
    result = judge(read(path), QUICK, sandbox)
    return result if result.outcomes[1].state == "passed" else judge(read(path), PATIENT, sandbox)


def test_right_kernels_and_host_code_pass(sandbox: Sandbox, tmp_path: Path) -> None:
    for _ in range(2):
        result = graded(sandbox, tmp_path, f"KERNEL = '''{RIGHT}'''", HOST)
        assert result.score == 3, [str(outcome) for outcome in result.outcomes]


def test_a_wrong_kernel_is_told_what_is_wrong(sandbox: Sandbox, tmp_path: Path) -> None:
    outside = RIGHT.replace("i < n", "i <= n")
    result = graded(sandbox, tmp_path, f"KERNEL = '''{outside}'''", HOST.replace("(64,", "(2000,"))
    assert "out-of-bounds" in result.outcomes[0].what and result.outcomes[1].state == "passed"
    assert result.outcomes[2].state != "passed"


def test_a_kernel_that_hangs_costs_its_own_task(sandbox: Sandbox, tmp_path: Path) -> None:
    hanging = HOST.replace("on_device = ", "import time; time.sleep(600)\n    on_device = ")
    result = graded(sandbox, tmp_path, f"KERNEL = '''{DOUBLE.format('while (true) x[0] += 1;')}'''", hanging)
    assert [outcome.state for outcome in result.outcomes] == ["failed", "passed", "failed"]


@pytest.mark.parametrize("sandbox", ["landlock", pytest.param("bubblewrap", marks=pytest.mark.full)], indirect=True)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_kernel_gains_nothing(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    source = HOSTILE[name]
    text = source.replace("@victim@", str(victim)) if source is not None else None
    result = graded(sandbox, tmp_path, f"KERNEL = {text!r}")
    assert result.score == 1, [str(outcome) for outcome in result.outcomes]
    assert result.outcomes[0].state == "failed" and result.outcomes[1].state == "passed"
    assert not victim.exists() and left_of(sandbox) == []
    assert len(str(result.outcomes[0])) < 4000 and "root:" not in str(result.outcomes[0])


@pytest.mark.parametrize("rung", ["bubblewrap", "landlock"])
def test_nobody_writes_what_others_run(rung: str, tmp_path: Path) -> None:
    try:
        opened = open_sandbox((rung,), SMALL)  # type: ignore[arg-type]
    except SandboxError as problem:
        pytest.skip(str(problem))
    spoil = """
import os, pathlib, nogpu
folder = pathlib.Path(os.environ["NOGPU_CACHE_DIR"])
for place in (*folder.iterdir(), *folder.resolve().parent.parent.glob("cuda/*")):
    for path in (place.resolve(), *place.resolve().rglob("*")):
        for way in (lambda: path.write_bytes(b"x"), lambda: path.unlink(), lambda: os.truncate(path, 0),
                    lambda: (path.parent / "x").write_bytes(b"x"), lambda: path.rename(path.parent / "y")):
            try: way(); print("STOLEN")
            except OSError: pass
(folder / "mine").write_text("mine")
"""
    with opened as sandbox:
        result = graded(sandbox, tmp_path, spoil, f"KERNEL = '''{RIGHT}'''")
        assert "STOLEN" not in result.log and result.score == 2, (result.log, [str(each) for each in result.outcomes])
        assert not list(sandbox.cuda.rglob("mine"))
        assert graded(sandbox, tmp_path, f"KERNEL = '''{RIGHT}'''", HOST).score == 3
