"""Builds a wheel named pycuda: PyCUDA's own Python files, unchanged, over the CPU stand-in for its C++ extension.

The project contains nothing of PyCUDA: this PEP 517 backend takes its source distribution from the package index,
checks it against a hash, and lays its Python files into a wheel beside the few of `overlay/`. For a machine without
network, NOGPU_PYCUDA_SDIST names the file pycuda-2026.1.tar.gz. Called by pip.
"""

from __future__ import annotations

import base64
import email
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

NAME, RELEASE = "pycuda", "2026.1"
VERSION = f"{RELEASE}+nogpu"
SDIST = f"{NAME}-{RELEASE}.tar.gz"
SHA256 = "759516160628ba06f32ce7e563e3f5b9214691dc9528a03ea99ea1073f4e14ba"
OVERLAY = Path(__file__).parent / "overlay"
DIST_INFO = f"{NAME}-{VERSION}.dist-info"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip file: the same input makes the same wheel


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None) -> str:
    """Write the wheel into `wheel_directory` and return its name."""
    with tempfile.TemporaryDirectory() as folder:
        files = _python_files(_sdist(Path(folder)))
    metadata = files.pop("PKG-INFO")
    for path in sorted(OVERLAY.rglob("*.py")):
        files[path.relative_to(OVERLAY).as_posix()] = path.read_bytes()
    files[f"{DIST_INFO}/METADATA"] = _metadata(metadata)
    files[f"{DIST_INFO}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: nogpu\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{DIST_INFO}/RECORD"] = _record(files)
    wheel = f"{NAME}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), content, zipfile.ZIP_DEFLATED)
    return wheel


build_editable = build_wheel


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    """Refuse: there is nothing here to distribute."""
    raise SystemExit("The pycuda stand-in is installed from its folder, it has no source distribution.")


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:
    """Return nothing beyond what pyproject.toml names."""
    return []


get_requires_for_build_editable = get_requires_for_build_wheel


def _sdist(folder: Path) -> Path:
    """Return PyCUDA's source distribution, fetched into `folder`, with its hash checked."""
    given = os.environ.get("NOGPU_PYCUDA_SDIST", "")
    if given:
        path = Path(given)
        if not path.is_file():
            raise SystemExit(f"NOGPU_PYCUDA_SDIST is {given}: there is no such file. Name {SDIST}.")
    else:
        path = folder / SDIST
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
        command += ["--no-binary", ":all:", "--dest", str(folder), f"{NAME}=={RELEASE}"]
        # What pip told this backend about itself would confuse the pip inside.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("_PYPROJECT_HOOKS")}
        answer = subprocess.run(command, capture_output=True, text=True, env=environment)
        if answer.returncode != 0 or not path.is_file():
            errors = [line for line in answer.stderr.splitlines() if line.lower().startswith("error")]
            reason = errors[-1] if errors else "no reason given"
            raise SystemExit(
                f"PyCUDA {RELEASE} could not be fetched from the package index ({reason}): connect to the network, "
                f"or set NOGPU_PYCUDA_SDIST to a {SDIST} that you have."
            )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(
            f"{path.name} is not the file that this course was made with (SHA-256 {found[:16]}…, expected "
            f"{SHA256[:16]}…): nothing was installed."
        )
    return path


def _python_files(sdist: Path) -> dict[str, bytes]:
    """Return the Python package and its device headers by their names in the wheel, and PKG-INFO."""
    files = {}
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            name = member.name.partition("/")[2]
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            if name == "PKG-INFO" or (name.startswith("pycuda/") and name.endswith((".py", ".hpp", ".typed"))):
                files[name] = content.read()
    return files


def _metadata(pkg_info: bytes) -> bytes:
    """Return PyCUDA's own metadata with our version."""
    message = email.message_from_bytes(pkg_info)
    message.replace_header("Version", VERSION)
    message.replace_header("Summary", "PyCUDA's Python layer over a CPU stand-in for the CUDA driver")
    return message.as_bytes()


def _record(files: dict[str, bytes]) -> bytes:
    """Return the wheel's list of files with hashes (PEP 376)."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{DIST_INFO}/RECORD,,", ""]).encode()
