"""Find the NVIDIA GPU, its driver, and the CUDA toolkit, by looking at the machine and without importing torch.

Called by the set-up, which runs before any library is installed, and by the doctor. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

# CUDA 13, which the course's torch, ONNX Runtime and TensorRT are built for, needs both (CUDA 13.0 release notes).
MINIMUM_DRIVER = 580
MINIMUM_CAPABILITY = (7, 5)

WSL_NVIDIA_SMI = Path("/usr/lib/wsl/lib/nvidia-smi")  # where Windows puts it for WSL2; not always on PATH
DEVICE_NODES = ("/dev/nvidia0", "/dev/nvidiactl", "/proc/driver/nvidia/version")
TOOLKIT_VARIABLES = ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")


@dataclass(frozen=True)
class Gpu:
    """The first NVIDIA GPU of this machine. `driver` is "" when the driver is there but does not answer."""

    name: str
    driver: str = ""  # "580.95.05"
    memory_mib: int = 0
    capability: tuple[int, int] = (0, 0)  # (8, 9) on an RTX 4070

    def objection(self) -> str:
        """Say in one sentence why the course's CUDA 13 libraries cannot use this GPU; "" when they can."""
        if not self.driver:
            return f"{self.name}: the driver does not answer (try `nvidia-smi`); reboot, or install it anew"
        if self.capability < MINIMUM_CAPABILITY:
            have, need = (".".join(map(str, pair)) for pair in (self.capability, MINIMUM_CAPABILITY))
            return f"{self.name} has compute capability {have} and CUDA 13 needs {need}: it cannot be used"
        if int(self.driver.split(".")[0]) < MINIMUM_DRIVER:
            return f"{self.name}: its driver is {self.driver} and CUDA 13 needs {MINIMUM_DRIVER} or newer: update it"
        return ""


def find_gpu() -> Gpu | None:
    """Return the first NVIDIA GPU, or None when this machine shows none. Takes well under a second."""
    program = shutil.which("nvidia-smi") or (str(WSL_NVIDIA_SMI) if WSL_NVIDIA_SMI.exists() else None)
    if program is not None:
        fields = "name,driver_version,memory.total,compute_cap"
        question = [program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(question, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            answer = None
        if answer is not None and answer.returncode == 0 and answer.stdout.strip():
            return _read(answer.stdout.strip().splitlines()[0])
    if any(Path(node).exists() for node in DEVICE_NODES):
        return Gpu("NVIDIA GPU")
    return None


def _read(line: str) -> Gpu:
    """Read one line such as `NVIDIA GeForce RTX 4070, 580.95.05, 12282, 8.9`; a field may be `[N/A]`."""
    name, driver, memory, capability = (field.strip() for field in line.rsplit(",", 3))
    major, _, minor = capability.partition(".")
    return Gpu(
        name=name,
        driver=driver if driver[:1].isdigit() else "",
        memory_mib=int(memory) if memory.isdigit() else 0,
        capability=(int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0),
    )


@dataclass(frozen=True)
class Toolkit:
    """The CUDA toolkit: the compiler, and the folder of its headers (None when cuda.h is not there)."""

    nvcc: Path
    headers: Path | None


def find_toolkit() -> Toolkit | None:
    """Return the CUDA toolkit that has an nvcc, or None.

    CUDA_HOME, CUDA_PATH and CUDA_ROOT are tried first, then PATH, then /usr/local/cuda.
    """
    homes = [Path(os.environ[name]) for name in TOOLKIT_VARIABLES if os.environ.get(name)]
    on_path = shutil.which("nvcc")
    candidates = [home / "bin" / "nvcc" for home in homes]
    candidates += [Path(on_path)] if on_path else []
    candidates += [Path("/usr/local/cuda/bin/nvcc")]
    for nvcc in candidates:
        if nvcc.is_file() and os.access(nvcc, os.X_OK):
            return Toolkit(nvcc, _headers([*homes, nvcc.resolve().parents[1], Path("/usr/local/cuda")]))
    return None


def _headers(homes: list[Path]) -> Path | None:
    for home in [*homes, Path("/usr")]:  # Debian's nvidia-cuda-toolkit puts cuda.h in /usr/include
        for folder in (home / "include", home / "targets" / "x86_64-linux" / "include"):
            if (folder / "cuda.h").is_file():
                return folder
    return None
