"""What every learner's process needs to run CUDA C, compiled beforehand: nogpu's runtime and its device headers.

Compiling them takes seconds, so `sandbox.sandbox` has it done once, by a process that runs nothing of a learner's,
and gives each learner's process the result to read. What a learner's process compiles itself stays in its own folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CUDA = "cuda"  # the folder's name below a sandbox's scratch folder
COMPILED = ("runtime-*", "headers-*")
SECONDS = 300.0


class NotCompiled(Exception):
    """The CUDA files could not be made; the message is the compiler's or nogpu's last line."""


def provide(folder: Path, code_paths: list[str]) -> None:
    """Fill `folder`, for everybody to read; NotCompiled if there is no C++ compiler, say.

    They are kept in the grader's own cache for the next run, under a name that changes with nogpu's sources.
    """
    kept = _kept()
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".new-") as new:
            _compile(Path(new) / CUDA, code_paths)
            for old in kept.parent.glob("[0-9a-f]*"):
                shutil.rmtree(old, ignore_errors=True)
            try:
                (Path(new) / CUDA).replace(kept)
            except OSError:
                if not kept.is_dir():  # another grading process was quicker
                    raise
    for pattern in COMPILED:
        for path in kept.glob(pattern):
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, folder / path.name)
    for path in folder.rglob("*"):
        path.chmod(0o755)


def compile_here() -> None:
    """Compile into nogpu's cache folder: run by a process of its own, whose NOGPU_CACHE_DIR says where that is."""
    from nogpu.cuda import runtime
    from nogpu.cuda.compiler import FAST, compile_cubin
    from nogpu.cuda.inspection.build import INSPECTING

    runtime.build()
    for build in (FAST, INSPECTING):
        compile_cubin("__global__ void nothing() {}", build=build)


def _kept() -> Path:
    from nogpu.cuda import cache, settings
    from nogpu.cuda.toolchain import Toolchain

    try:
        compiler = Toolchain.find().identity
    except Exception as problem:  # PyCUDA's own kind of error, whichever PyCUDA is installed
        raise NotCompiled(str(problem)) from None
    sources = Path(settings.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in sorted(sources.rglob("*.[hcp]*")) if path.suffix != ".pyc"]
    return settings.cache_folder() / "grading" / cache.key(compiler, sys.version, *texts)


def _compile(folder: Path, code_paths: list[str]) -> None:
    program = f"import sys; sys.path[:0] = {code_paths!r}; import coursegrade.sandbox.cuda_files as c; c.compile_here()"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env={**os.environ, "NOGPU_CACHE_DIR": str(folder)},
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise NotCompiled((done.stderr.strip().splitlines() or ["the compiler said nothing"])[-1])
