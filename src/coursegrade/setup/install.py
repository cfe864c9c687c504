"""Build .venv: the one place that turns a fresh checkout into a course that runs.

The Makefile runs this file as a script, with the system's Python, before any library exists; so it uses the standard
library and the neighbours that do the same. What it knows of a set-up is kept in .venv/setup.json: the choices
made, and a fingerprint of everything that matters, written last. No fingerprint means that the set-up did not finish,
and the next run starts afresh. Everything that can go wrong ends in a `Trouble`: what happened and what to do.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import platform
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # src/, so that no module here hides one of Python's own

from coursegrade.setup import pip_log
from coursegrade.setup.prerequisites import (
    Trouble,
    check_compiler,
    check_disk,
    check_gpu,
    check_python,
    check_venv_module,
)
from coursegrade.setup.setup_record import (
    Choices,
    State,
    fingerprint,
    installed_version,
    project_facts,
    python_of,
    read_state,
    stand_in_folders,
    write_state,
)
from nogpu.nvidia import find_gpu, find_toolkit

ROOT = Path(__file__).resolve().parents[3]
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"  # the Python that runs this
NEEDED_GB = {"cpu": 4, "gpu": 15}  # free disk for a fresh set-up, downloads included
OURS = ("setup.json", "setup.lock")  # what stays in .venv when it is built afresh


class Voice:
    """Says what is going on: one live line on a terminal, a few plain lines anywhere else."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.start = time.monotonic()
        self.said: set[str] = set()

    def say(self, text: str) -> None:
        print(("\r\033[K" if self.terminal else "") + text, flush=True)

    def live(self, text: str) -> None:
        """Show `text` with the time since the start; elsewhere than on a terminal only the long steps, once each."""
        if self.terminal:
            seconds = int(time.monotonic() - self.start)
            line = f"  {seconds // 60}:{seconds % 60:02d}  {text}"
            print("\r\033[K" + line[: shutil.get_terminal_size().columns - 1], end="", flush=True)
        elif text not in self.said and re.search(r"\d{3,}\.?\d* MB|^writing|does not answer", text):
            self.said.add(text)
            print(f"  {text}", flush=True)


def detect_extra(voice: Voice) -> str:
    """Return "gpu" when there is a GPU that CUDA 13 supports, else "cpu", and say which."""
    gpu = find_gpu()
    if gpu is None:
        voice.say("No NVIDIA GPU found: setting up for the CPU, where every lesson runs.")
        return "cpu"
    if gpu.capability != (0, 0) and "compute capability" in gpu.objection():
        voice.say(f"{gpu.objection()}; setting up for the CPU, where every lesson runs.")
        return "cpu"
    voice.say(f"Found a GPU: {gpu.name}. Setting up for it (`make setup EXTRA=cpu` goes without).")
    return "gpu"


@contextlib.contextmanager
def lock(venv: Path, voice: Voice) -> Iterator[None]:
    """Let one set-up at a time work on `venv`. The system releases the lock when this process ends, however it ends."""
    import fcntl

    venv.mkdir(exist_ok=True)
    with (venv / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            voice.say("Another set-up is at work in this folder: waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # some network file systems have no locks; go on as if alone
        yield


def empty(venv: Path) -> None:
    """Remove everything in `venv` but the set-up's own two files."""
    for entry in venv.iterdir():
        if entry.name not in OURS:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def create(venv: Path) -> None:
    """Make an empty virtual environment, from the Python that runs this (or the one beneath it)."""
    base = sys.executable if sys.prefix == sys.base_prefix else getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", str(venv)], capture_output=True, text=True, env=pip_environment(venv))
    if made.returncode:
        words = " ".join((made.stdout + made.stderr).split())
        raise Trouble(f"`{base} -m venv` failed: {words[-400:]}")


def pip_environment(venv: Path) -> dict[str, str]:
    """Return the environment for pip: nothing that would make it install elsewhere or read another Python's files."""
    unwanted = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__")
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment |= {"PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    environment.setdefault("TMPDIR", str(venv / "tmp"))  # the disk that was checked, rather than a small /tmp
    toolkit = find_toolkit()
    if toolkit is not None:
        environment["PATH"] = f"{toolkit.nvcc.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return environment


def pip_commands(root: Path, venv: Path, choices: Choices) -> list[list[str]]:
    """Return the pip calls that fill `venv`: torch from its own index first when one is given, then everything."""
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install"]
    pip += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    commands = []
    if choices.torch_index:
        pins = [pin for pin in project_facts(root)["project"]["dependencies"] if pin.startswith("torch")]
        commands.append([*pip, "--no-deps", "--index-url", choices.torch_index, *pins])
    extras = [choices.extra] + (["dev"] if choices.dev else [])
    command = [*pip, "-e", f".[{','.join(extras)}]"]
    if choices.extra == "cpu":
        for folder in stand_in_folders(root):
            there = installed_version(venv, folder.name)
            if there is None or there.endswith("+nogpu"):  # never over a real one
                command.append(f"./standins/{folder.name}")
    return [*commands, command]


def run_pip(command: list[str], root: Path, environment: dict[str, str], voice: Voice) -> tuple[int, str]:
    """Run pip in `root`, its words going to build/setup.log; return its exit status and what it said."""
    lines: queue.Queue[str | None] = queue.Queue()
    said: list[str] = []
    with (root / "build" / "setup.log").open("a") as log:
        log.write(f"$ {' '.join(command)}\n")
        pip = subprocess.Popen(
            command, cwd=root, env=environment, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

        def read() -> None:
            for line in pip.stdout or ():
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        doing = "starting pip"
        try:
            while True:
                voice.live(doing)
                try:
                    line = lines.get(timeout=0.5)
                except queue.Empty:
                    continue
                if line is None:
                    return pip.wait(), "".join(said)
                log.write(line)
                said.append(line)
                doing = pip_log.stage(line) or doing
        except BaseException:  # Ctrl-C above all: pip must not go on behind our back
            pip.terminate()
            try:
                pip.wait(timeout=10)
            except subprocess.TimeoutExpired:
                pip.kill()
                pip.wait()
            raise


def fill(root: Path, venv: Path, choices: Choices, before: State | None, voice: Voice) -> None:
    """Install everything. When pip stops before it changed anything, a set-up that was complete stays complete."""
    log = root / "build" / "setup.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(f"{time.strftime('%Y-%m-%d %H:%M:%S')} Python {platform.python_version()} {platform.platform()}\n")
    (venv / "tmp").mkdir(exist_ok=True)
    environment = pip_environment(venv)
    try:
        for command in pip_commands(root, venv, choices):
            status, said = run_pip(command, root, environment, voice)
            if status:
                raise Trouble(pip_log.diagnose(said, status))
    except BaseException:
        if before is not None and not pip_log.changed_anything(log.read_text(errors="replace")):
            write_state(venv, before)
        raise
    finally:
        shutil.rmtree(venv / "tmp", ignore_errors=True)


def decide(asked: argparse.Namespace, venv: Path, state: State | None, voice: Voice | None) -> Choices | None:
    """Return the choices for this run: what was asked for, else what was chosen before, else what the machine has.

    Without a `voice` nothing is looked for: None then means that the machine has to be asked.
    """
    kept = state.choices if state else None
    extra = asked.extra or (kept.extra if kept else "")
    index = asked.torch_index or (kept.torch_index if kept else "")
    if not extra:
        if voice is None:
            return None
        extra = detect_extra(voice)
    return Choices(
        extra=extra,
        torch_index="" if index == "default" else index,
        dev=asked.dev or (kept.dev if kept else False),
        python=RUNNING if asked.use_this_python else python_of(venv) or RUNNING,
    )


def is_complete(root: Path, choices: Choices | None, state: State | None) -> bool:
    """Say whether .venv is finished and is what `choices` ask for. Fast: it runs nothing."""
    if state is None or choices is None or not python_of(root / ".venv"):
        return False
    return state.fingerprint == fingerprint(root, choices)


def must_start_afresh(root: Path, choices: Choices, state: State | None) -> bool:
    """Say whether .venv cannot be built upon: absent, unfinished, moved, or made for other choices.

    A .venv that is not ours is built upon when its Python will do; Trouble otherwise: we do not delete it.
    """
    venv = root / ".venv"
    there = python_of(venv)
    if state is None:
        if not any(entry.name not in OURS for entry in venv.iterdir()):
            return True
        if not fits(root, there):
            found = f"has Python {there}" if there else "has no Python that runs"
            raise Trouble(f"{venv} was not made by this set-up and {found}: move it away, then `make setup` again.")
        return False
    unusable = not state.fingerprint or not fits(root, there) or state.root != str(root)
    return unusable or replace(choices, dev=state.choices.dev) != state.choices


def fits(root: Path, version: str) -> bool:
    """Say whether "3.12" is a Python that the course runs on."""
    try:
        check_python(root, tuple(map(int, version.split("."))))
    except (Trouble, ValueError):
        return False
    return True


def clear(root: Path, choices: Choices, state: State | None, voice: Voice) -> None:
    """Make room for a fresh .venv, saying why when something is lost. A finished one goes only if the disk has room."""
    venv, needed = root / ".venv", NEEDED_GB[choices.extra]
    if state is not None and state.fingerprint:
        check_disk(root, needed)
        voice.say("The choices changed, or the folder moved: building .venv afresh.")
        write_state(venv, replace(state, fingerprint=""))
        empty(venv)
        return
    if state is not None:
        voice.say("An earlier set-up did not finish: starting afresh (what pip downloaded is kept in its cache).")
    empty(venv)
    check_disk(root, needed)


def say_how_large(choices: Choices, voice: Voice) -> None:
    """Tell a learner without a GPU, before the download starts, that there is a smaller PyTorch."""
    if choices.extra == "cpu" and not choices.torch_index and sys.platform == "linux":
        voice.say(
            "On Linux, the package index's PyTorch is the CUDA build: gigabytes that a CPU does not use.\n"
            "The README says how to take the smaller CPU build instead (TORCH_INDEX)."
        )


def set_up(asked: argparse.Namespace, root: Path = ROOT) -> int:
    """Do what is missing, and return the exit status: the doctor's when something was installed, else 0."""
    check_python(root, sys.version_info[:2])
    venv = root / ".venv"
    state = read_state(venv)
    if is_complete(root, decide(asked, venv, state, None), state):
        if not asked.quiet:
            print("Everything is set up, and nothing has changed since. (`make doctor` shows what is here.)")
        return 0
    voice = Voice()
    check_compiler()
    with lock(venv, voice):
        state = read_state(venv)  # another set-up may have finished while we waited
        choices = decide(asked, venv, state, voice)
        assert choices is not None
        if is_complete(root, choices, state):
            return 0
        if choices.extra == "gpu":
            check_gpu(find_gpu())
        afresh = must_start_afresh(root, choices, state)
        if afresh:
            choices = replace(choices, python=RUNNING)
            check_venv_module()
            clear(root, choices, state, voice)
            say_how_large(choices, voice)
        write_state(venv, State(choices, str(root)))
        if afresh:
            voice.say(f"Making .venv with Python {platform.python_version()}.")
            create(venv)
        if choices.torch_index:
            voice.say(f"PyTorch comes from {choices.torch_index} (back to the ordinary one: TORCH_INDEX=default).")
        voice.say("Installing the course's libraries (pip's own words go to build/setup.log).")
        fill(root, venv, choices, None if afresh else state, voice)
        write_state(venv, State(choices, str(root), fingerprint(root, choices)))
    voice.say(f"Set up in {time.monotonic() - voice.start:.0f} s.")
    return subprocess.run([str(venv / "bin" / "python"), "-m", "coursegrade", "doctor"], cwd=root).returncode


def stop(signum: int, frame: object) -> NoReturn:
    """Treat a closed terminal or a polite kill like Ctrl-C, so that pip is stopped too."""
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the set-up from the command line; return the exit status. Never a traceback for a learner's machine."""
    parser = argparse.ArgumentParser(prog="install.py", description="Set up the course in .venv (`make setup`).")
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    parser.add_argument("--quiet", action="store_true", help="say nothing when there is nothing to do")
    parser.add_argument("--use-this-python", action="store_true", help="build .venv anew if it has another Python")
    parser.add_argument("--extra", choices=["", "cpu", "gpu"], default="", help="default: look for a GPU")
    parser.add_argument("--torch-index", default="", help="where torch and torchvision come from; or: default")
    asked = parser.parse_args(arguments)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)
    try:
        return set_up(asked, root)
    except Trouble as trouble:
        message, status = str(trouble), 1
    except KeyboardInterrupt:
        message, status = "Stopped. `make setup` takes it up again.", 130
    except OSError as error:
        message, status = explain(error, root), 1
    print(("\r\033[K" if sys.stdout.isatty() else "") + f"Set-up: {message}", file=sys.stderr, flush=True)
    return status


def explain(error: OSError, root: Path) -> str:
    """Return one sentence for a system error that no check foresaw."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full: free some space, then `make setup` again."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{root} cannot be written to: take the course to a folder of your own, then `make setup` again."
    return f"{error}. When that is mended, `make setup` again."


if __name__ == "__main__":
    sys.exit(main())
