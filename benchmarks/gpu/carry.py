"""Collect the wheels that a GPU machine without a network lacks: PyCUDA, built here, and what carried.txt names.

    python3.12 benchmarks/gpu/carry.py .gpu

Run it by a Python of the GPU machine's version (its wheel is for that one), on Linux with a C++ compiler and pip.
Neither a GPU nor CUDA's toolkit is needed: NVIDIA's headers come as wheels, and a stub stands in for the driver's
library while linking. Nothing that it makes is committed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PYCUDA = "2026.1"
# CUDA 13.0, that of the machine's driver: headers, the runtime to link with, and what the headers include.
HEADERS = ("nvidia-cuda-runtime==13.0.*", "nvidia-cuda-crt==13.0.*", "nvidia-cuda-cccl==13.0.*",
           "nvidia-cuda-profiler-api==13.0.*")  # fmt: skip
LIMIT = 60 * 2**20  # bytes; the repository itself travels too, within 64 MiB


def main() -> None:
    """Fill <folder>/wheels, and say what lies there."""
    wheels = Path(sys.argv[1]).resolve() / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    if not list(wheels.glob("pycuda-*.whl")):
        with tempfile.TemporaryDirectory() as folder:
            build_pycuda(Path(folder), wheels)
    for old in set(wheels.glob("*.whl")) - set(wheels.glob("pycuda-*.whl")):
        old.unlink()  # of two versions of a package, pip would take none
    listed = Path(__file__).with_name("carried.txt")
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "-d", wheels, "-r", listed)  # fmt: skip
    found = sorted(wheels.glob("*.whl"))
    for wheel in found:
        print(f"{wheel.stat().st_size / 1e6:7.2f} MB  {wheel.name}")
    total = sum(wheel.stat().st_size for wheel in found)
    print(f"{total / 1e6:7.2f} MB  {len(found)} wheels")
    if total > LIMIT:
        raise SystemExit(f"{total} bytes of wheels; at most {LIMIT} can travel: take some out of carried.txt.")


def build_pycuda(folder: Path, wheels: Path) -> None:
    """Build PyCUDA's wheel from its sdist against NVIDIA's headers; `folder` is for what is thrown away."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "setuptools", "wheel", "numpy")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "site", *HEADERS)
    toolkit, cu13 = folder / "toolkit", folder / "site" / "nvidia" / "cu13"
    (toolkit / "lib64").mkdir(parents=True)
    (toolkit / "include").symlink_to(cu13 / "include")
    (toolkit / "lib64" / "libcudart.so").symlink_to(cu13 / "lib" / "libcudart.so.13")
    # Only its name counts: the loader asks for libcuda.so.1, which the driver brings. It is not shipped.
    run("gcc", "-shared", "-fPIC", "-x", "c", "-", "-Wl,-soname,libcuda.so.1", "-o", toolkit / "lib64" / "libcuda.so",
        text="int cuInit(unsigned flags) { return 100; }")  # fmt: skip
    run(python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary=:all:",
        "-d", folder, f"pycuda=={PYCUDA}")  # fmt: skip
    run("tar", "xf", folder / f"pycuda-{PYCUDA}.tar.gz", "-C", folder)
    sources = folder / f"pycuda-{PYCUDA}"
    run(python, "configure.py", f"--cuda-root={toolkit}", f"--cudadrv-lib-dir={toolkit / 'lib64'}",
        f"--cudart-lib-dir={toolkit / 'lib64'}", "--no-cuda-enable-curand", at=sources)  # fmt: skip
    run(python, "-m", "pip", "wheel", "--quiet", ".", "--no-deps", "--no-build-isolation", "-w", wheels, at=sources)


def run(*command: str | Path, at: Path | None = None, text: str | None = None) -> None:
    """Run a command; leave with its words where it fails."""
    done = subprocess.run([str(word) for word in command], cwd=at, input=text, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


if __name__ == "__main__":
    main()
