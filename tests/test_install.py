"""The set-up script: every way that it can fail ends in one sentence, and nothing half-done is taken for good.

The tests run the real script on a small checkout. Where a whole set-up would take minutes, .venv/bin/python is a shell
script that answers for pip with words that the real pip was seen to say; one test asks the real pip.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from coursegrade.setup import install, pip_log, prerequisites, setup_record
from coursegrade.setup.prerequisites import Trouble
from nogpu import nvidia

ROOT = Path(__file__).resolve().parents[1]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

INSTALLS = 'echo "Collecting torch==2.13.*"\necho "Installing collected packages: torch, onnx"\n'
REFUSED = (
    'echo "WARNING: Retrying (Retry(total=0)) after connection broken by NewConnectionError: [Errno 111]"\n'
    'echo "ERROR: Could not find a version that satisfies the requirement torch==2.13.* (from versions: none)"\n'
    'echo "ERROR: No matching distribution found for torch==2.13.*"\nexit 1\n'
)
FULL = INSTALLS + (
    'echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"\nexit 1\n'
)


def answer(checkout: Path, pip: str) -> None:
    """Put a .venv into `checkout` whose Python is a script that runs `pip` in place of pip."""
    program = checkout / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True, exist_ok=True)
    (checkout / ".venv" / "pyvenv.cfg").write_text(f"version = {VERSION}.0\n")
    program.write_text(f'#!/bin/sh\n[ "$2" = coursegrade ] && {{ echo "the doctor"; exit 0; }}\n{pip}')
    program.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout of the set-up's own files, on a machine without a GPU."""
    monkeypatch.setattr(install, "find_gpu", lambda: None)
    skip = shutil.ignore_patterns("__pycache__")
    for package in ("coursegrade", "nogpu"):
        shutil.copytree(ROOT / "src" / package, tmp_path / "src" / package, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def script(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", str(checkout / "src/coursegrade/setup/install.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=300)


def finished(checkout: Path) -> bool:
    state = setup_record.read_state(checkout / ".venv")
    return state is not None and state.fingerprint != ""


def test_the_script_needs_no_library_and_speaks_of_no_traceback(checkout: Path) -> None:
    done = script(checkout, "--help")  # -S: without site-packages
    assert done.returncode == 0
    assert "--torch-index" in done.stdout


@pytest.mark.parametrize("version", [(2, 7), (3, 8), (3, 10), (3, 14)])
def test_a_python_too_old_or_too_new_is_named(version: tuple[int, int]) -> None:
    with pytest.raises(Trouble, match=rf"Python {version[0]}\.{version[1]} .* runs on Python 3\.11 to 3\.13"):
        prerequisites.check_python(ROOT, version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_the_pythons_of_the_course_pass(version: tuple[int, int]) -> None:
    prerequisites.check_python(ROOT, version)


def test_without_a_compiler_it_says_how_to_get_one_and_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = script(checkout, PATH=str(tmp_path / "empty"), CXX="")
    assert done.returncode == 1
    assert "No C++ compiler" in done.stderr and "apt install g++" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv").exists()


def test_without_the_venv_module_it_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # what a Debian without python3-venv answers
    with pytest.raises(Trouble, match=rf"apt install python{VERSION}-venv"):
        prerequisites.check_venv_module()


def test_too_little_disk_is_said_before_anything_is_made(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3.2e9))
    assert install.main([], checkout) == 1
    assert "3.2 GB free and the set-up needs 4 GB" in capsys.readouterr().err
    assert not (checkout / ".venv" / "bin").exists()


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, exist_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert install.main([], checkout) == 1
    assert "cannot be written to: take the course to a folder of your own" in capsys.readouterr().err


def test_a_finished_set_up_is_quick_and_runs_nothing(checkout: Path) -> None:
    answer(checkout, INSTALLS)
    first = script(checkout, "--extra", "cpu")
    assert first.returncode == 0, first.stderr
    assert first.stdout.rstrip().endswith("the doctor")
    assert finished(checkout)
    answer(checkout, "exit 9\n")
    times = []
    for _ in range(3):
        start = time.monotonic()
        again = script(checkout)
        times.append(time.monotonic() - start)
        assert again.returncode == 0 and "nothing has changed" in again.stdout
    assert min(times) < 0.5
    assert script(checkout, "--quiet").stdout == ""


def test_dev_is_added_once_and_then_kept(checkout: Path) -> None:
    record = 'echo "$@" >> pip-calls\n' + INSTALLS
    answer(checkout, record)
    for arguments in (["--extra", "cpu"], ["--dev"], ["--dev"], []):
        assert script(checkout, *arguments).returncode == 0
    calls = (checkout / "pip-calls").read_text().splitlines()
    assert [call.split()[-1] for call in calls] == [".[cpu]", ".[cpu,dev]"]


@pytest.mark.parametrize(
    ("pip", "sentence"),
    [(REFUSED, "could not be reached while looking for torch"), (FULL, "The disk is full"), ("exit 3\n", "status 3")],
)
def test_a_failed_pip_is_one_sentence_and_is_not_taken_for_good(checkout: Path, pip: str, sentence: str) -> None:
    answer(checkout, pip)
    done = script(checkout, "--extra", "cpu")
    assert done.returncode == 1
    assert sentence in done.stderr and done.stderr.count("\n") == 1
    assert not finished(checkout)


def test_after_a_failure_the_next_run_starts_from_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(checkout, FULL)
    (checkout / ".venv" / "half-installed").write_text("a package without its end")
    assert install.main(["--extra", "cpu"], checkout) == 1
    monkeypatch.setattr(install, "create", lambda venv: answer(checkout, INSTALLS))
    assert install.main([], checkout) == 0
    assert finished(checkout)
    assert not (checkout / ".venv" / "half-installed").exists()


def test_an_addition_that_never_began_leaves_the_finished_set_up_alone(checkout: Path) -> None:
    answer(checkout, INSTALLS)
    assert script(checkout, "--extra", "cpu").returncode == 0
    answer(checkout, REFUSED)  # offline now
    assert script(checkout, "--dev").returncode == 1
    assert script(checkout).stdout.startswith("Everything is set up")
    answer(checkout, FULL)  # this one broke off while writing
    assert script(checkout, "--dev").returncode == 1
    assert not finished(checkout)


def test_the_real_pip_without_a_network(checkout: Path) -> None:
    done = script(
        checkout, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="",
        PIP_CONFIG_FILE=os.devnull, PIP_RETRIES="0", PIP_NO_CACHE_DIR="1",
    )  # fmt: skip
    assert done.returncode == 1
    assert "package index could not be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert not finished(checkout)
    assert "$ " in (checkout / "build" / "setup.log").read_text()


def test_ctrl_c_stops_pip_too_and_is_not_taken_for_good(checkout: Path) -> None:
    answer(checkout, INSTALLS + "echo $$ > pip-pid\nexec sleep 60\n")
    command = [sys.executable, str(checkout / "src/coursegrade/setup/install.py"), "--extra", "cpu"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not (checkout / "pip-pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert said.strip() == "Set-up: Stopped. `make setup` takes it up again."
    assert not finished(checkout)
    assert not Path("/proc", (checkout / "pip-pid").read_text().strip()).exists()


def test_a_second_set_up_waits_for_the_first(checkout: Path) -> None:
    answer(checkout, INSTALLS)
    with (checkout / ".venv" / "setup.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        command = [sys.executable, str(checkout / "src/coursegrade/setup/install.py"), "--extra", "cpu"]
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert "waiting for it" in second.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=0.5)
        choices = setup_record.Choices("cpu", "", False, VERSION)  # the first one finishes
        state = setup_record.State(choices, str(checkout), setup_record.fingerprint(checkout, choices))
        setup_record.write_state(checkout / ".venv", state)
    rest, _ = second.communicate(timeout=20)
    assert second.returncode == 0
    assert rest == ""  # nothing left to do


def test_a_copied_or_moved_checkout_is_built_afresh(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(checkout, INSTALLS)
    assert install.main(["--extra", "cpu"], checkout) == 0
    other = checkout.with_name(checkout.name + " moved")
    checkout.rename(other)
    made: list[Path] = []
    monkeypatch.setattr(install, "create", lambda venv: made.append(venv) or answer(other, INSTALLS))
    assert install.main([], other) == 0
    assert made == [other / ".venv"]


def test_a_strange_venv_that_does_not_work_is_not_deleted(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "thesis.txt").write_text("do not lose this")
    assert install.main(["--extra", "cpu"], checkout) == 1
    assert "move it away" in capsys.readouterr().err
    assert (checkout / ".venv" / "thesis.txt").read_text() == "do not lose this"


def test_what_counts_for_the_fingerprint(checkout: Path) -> None:
    choices = setup_record.Choices("cpu", "", False, VERSION)
    pyproject = checkout / "pyproject.toml"
    seen = {setup_record.fingerprint(checkout, choices)}

    pyproject.write_text(pyproject.read_text().replace("line-length = 120", "line-length = 100"))
    assert setup_record.fingerprint(checkout, choices) in seen, "ruff's settings need no new set-up"

    def is_new() -> bool:
        before = len(seen)
        seen.add(setup_record.fingerprint(checkout, choices))
        return len(seen) > before

    pyproject.write_text(pyproject.read_text().replace("onnx~=1.23", "onnx~=1.24"))
    assert is_new()
    stand_in = checkout / "standins" / "pycuda"
    stand_in.mkdir(parents=True)
    (stand_in / "pyproject.toml").write_text("[project]\n")
    assert is_new()
    (stand_in / "pyproject.toml").write_text("[project]\nname = 'pycuda'\n")
    assert is_new()


def test_stand_ins_are_installed_where_they_exist_but_never_over_a_real_package(checkout: Path) -> None:
    for name in ("pycuda", "tensorrt"):
        (checkout / "standins" / name).mkdir(parents=True)
        (checkout / "standins" / name / "pyproject.toml").write_text("[project]\n")
    packages = checkout / ".venv" / "lib" / f"python{VERSION}" / "site-packages"
    (packages / "pycuda-2026.1.dist-info").mkdir(parents=True)
    (packages / "tensorrt-11.4.0+nogpu.dist-info").mkdir()

    def ends(extra: str) -> list[str]:
        commands = install.pip_commands(checkout, checkout / ".venv", setup_record.Choices(extra, "", False, VERSION))
        return commands[-1][commands[-1].index("-e") + 1 :]

    assert ends("cpu") == [".[cpu]", "./standins/tensorrt"]
    assert ends("gpu") == [".[gpu]"]


def test_torch_comes_first_and_alone_from_its_own_index(checkout: Path) -> None:
    choices = setup_record.Choices("cpu", "file:///wheels", False, VERSION)
    first, second = install.pip_commands(checkout, checkout / ".venv", choices)
    assert first[-4:-2] == ["--index-url", "file:///wheels"]
    assert [pin.split("=")[0] for pin in first[-2:]] == ["torch", "torchvision"]
    assert "--index-url" not in second


def smi(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put an nvidia-smi that answers `text` first on PATH."""
    program = folder / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("line", "objection", "extra"),
    [
        ("NVIDIA GeForce RTX 4070, 580.95.05, 12282, 8.9", "", "gpu"),
        ("NVIDIA GeForce RTX 4070, 550.54.14, 12282, 8.9", "driver is 550.54.14 and CUDA 13 needs 580", "gpu"),
        ("NVIDIA GeForce GTX 1060, 580.95.05, 6144, 6.1", "compute capability 6.1 and CUDA 13 needs 7.5", "cpu"),
    ],
)
def test_what_nvidia_smi_says_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, objection: str, extra: str
) -> None:
    smi(tmp_path, monkeypatch, f"echo '{line}'")
    gpu = nvidia.find_gpu()
    assert gpu is not None and gpu.memory_mib > 6000
    assert objection in gpu.objection() and bool(objection) == bool(gpu.objection())
    monkeypatch.setattr(install, "find_gpu", lambda: gpu)
    assert install.detect_extra(install.Voice()) == extra


def test_an_nvidia_smi_without_a_gpu_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, "echo 'NVIDIA-SMI has failed because it could not communicate'; exit 9")
    monkeypatch.setattr(nvidia, "DEVICE_NODES", (str(tmp_path / "no-such-node"),))
    assert nvidia.find_gpu() is None


def test_a_gpu_with_nothing_to_compile_against_is_told_every_cure_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites, "find_toolkit", lambda: None)
    gpu = nvidia.Gpu("NVIDIA GeForce RTX 4070", "550.54.14", 12282, (8, 9))
    with pytest.raises(Trouble) as trouble:
        prerequisites.check_gpu(gpu)
    for words in ("CUDA 13 needs 580", "nvcc was not found", "make setup EXTRA=cpu"):
        assert words in str(trouble.value)


@pytest.mark.parametrize(
    ("log", "status", "words"),
    [
        ("connection broken by 'ProxyError('Cannot connect to proxy.', ...)'", 1, "could not be reached"),
        (
            "ERROR: Could not find a version that satisfies the requirement torch==2.13.* (from versions: 2.2.0)\n"
            "ERROR: No matching distribution found for torch==2.13.*",
            1,
            "has no torch==2.13.* for this Python",
        ),
        ("ERROR: Failed building wheel for pycuda", 1, "PyCUDA could not be compiled"),
        ("Installing collected packages: torch", -9, "memory ran out"),
        ("ERROR: something that nobody has seen", 1, "something that nobody has seen"),
    ],
)
def test_pip_s_words_become_a_cause(log: str, status: int, words: str) -> None:
    assert words in pip_log.diagnose(log, status)


def test_pip_s_words_become_progress() -> None:
    assert pip_log.stage("Collecting torch==2.13.*") == "looking up torch"
    assert pip_log.stage("  Downloading onnxruntime-1.31.1-cp311-cp311-x86_64.whl (23.8 MB)") == (
        "downloading onnxruntime (23.8 MB)"
    )
    assert pip_log.stage("  Downloading rich-15.0.0-py3-none-any.whl.metadata (18 kB)") is None
    assert pip_log.stage("Installing collected packages: a, b, c") == "writing 3 packages into .venv"
    assert pip_log.stage("Requirement already satisfied: numpy") is None
