"""The attacks once more with the grader run by an ordinary user, who has no spare user to give to a learner's code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ordinary_user
import pytest


@pytest.mark.skipif(os.getuid() != 0, reason="test_attacks.py itself runs as an ordinary user here")
@pytest.mark.parametrize("rung", ["bubblewrap", "landlock"])
def test_attacks_with_the_grader_run_by_an_ordinary_user(rung: str, tmp_path: Path) -> None:
    prefix = ordinary_user.prefix()
    if prefix is None:
        pytest.skip("no way to run Python as an ordinary user: it lies in a closed folder, or setpriv is missing")
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    os.chown(tmp_path, ordinary_user.USER, ordinary_user.USER)
    tests = Path(__file__).with_name("test_attacks.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", rung, "-rs", str(tests)]
    command += ["--basetemp", str(tmp_path / "tests"), "--rootdir", str(tests.parent)]
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*prefix, *command], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=1500, check=False
    )
    if done.returncode == 0 and "SKIPPED [" in done.stdout:
        pytest.skip(f"as an ordinary user: {done.stdout.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
