"""The attacks once more with the grader run by an ordinary user, who has no spare user to give to a learner's code.

`make test` repeats those whose defence depends on who runs the grader, `make test-full` all; both rungs at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ordinary_user
import pytest

from coursegrade.sandbox.removal import remove

RUNGS = ("bubblewrap", "landlock")
DEPEND_ON_THE_USER = "(spying or killing or bomb or files)"
SECONDS = 1500


@pytest.fixture(
    scope="module", params=[DEPEND_ON_THE_USER, pytest.param("", marks=pytest.mark.full)], ids=["some", "all"]
)
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, tuple[int, str]]]:
    """The exit status and the words of a pytest on each rung, run by an ordinary user."""
    prefix = ordinary_user.prefix()
    if prefix is None:
        pytest.skip("no way to run Python as an ordinary user: it lies in a closed folder, or setpriv is missing")
    # Not below pytest's own folder for root: the next pytest that root starts closes that to everybody else.
    top = Path(tempfile.mkdtemp(prefix="course-as-user-"))
    top.chmod(0o755)
    try:
        started = {rung: _start([*prefix], rung, str(request.param), top) for rung in RUNGS}
        try:
            yield {
                rung: (process.wait(SECONDS), (top / f"{rung}.txt").read_text()) for rung, process in started.items()
            }
        finally:
            for process in started.values():
                process.kill()
                process.wait()
    finally:
        remove(top)


def _start(prefix: list[str], rung: str, chosen: str, top: Path) -> subprocess.Popen[bytes]:
    home = top / rung
    home.mkdir()
    os.chown(home, ordinary_user.USER, ordinary_user.USER)
    tests = Path(__file__).with_name("test_attacks.py")
    command = [*prefix, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", str(tests)]
    command += ["-k", f"{rung} and {chosen}" if chosen else rung]
    command += ["--basetemp", str(home / "tests"), "--rootdir", str(tests.parent)]
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    with (top / f"{rung}.txt").open("wb") as words:
        return subprocess.Popen(command, env=environment, cwd=home, stdout=words, stderr=subprocess.STDOUT)


@pytest.mark.skipif(os.getuid() != 0, reason="test_attacks.py itself runs as an ordinary user here")
@pytest.mark.parametrize("rung", RUNGS)
def test_attacks_with_the_grader_run_by_an_ordinary_user(rung: str, runs: dict[str, tuple[int, str]]) -> None:
    status, said = runs[rung]
    if status == 0 and "SKIPPED [" in said:
        pytest.skip(f"as an ordinary user: {said.strip().splitlines()[-1]}")
    assert status == 0, said[-6000:]
