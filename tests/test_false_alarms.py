"""What is right is not failed: solutions on every rung, again and again, and right answers of unusual kinds."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_attacks import PATIENT, graded, notebook

from coursegrade.grading.judge import Limits, Session
from coursegrade.grading.reader import read
from coursegrade.sandbox.sandbox import LADDER, Sandbox, SandboxError, open_sandbox
from coursekit.checks import Lab, all_labs
from coursekit.paths import root

LABS = list(all_labs().values())
RIGHT = "rows = torch.zeros(*labels.shape, classes)\n    return rows.scatter_(-1, labels.long()[..., None], 1.0)"


@pytest.fixture(scope="module", params=LADDER)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = open_sandbox((request.param,))
    except SandboxError as problem:
        pytest.skip(str(problem))
    with opened:
        yield opened


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_a_solution_scores_full_marks_with_other_inputs_each_time(lab: Lab, sandbox: Sandbox) -> None:
    assert_full_marks(lab, sandbox, 5)


@pytest.mark.full
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_a_solution_scores_full_marks_twenty_times(lab: Lab, sandbox: Sandbox) -> None:
    for _ in range(4):
        assert_full_marks(lab, sandbox, 5)


def assert_full_marks(lab: Lab, sandbox: Sandbox, rounds: int) -> None:
    """Run a solution's cells once, then ask all its tasks, with fresh random inputs in each round."""
    session = Session(read(root() / "solutions" / f"{lab.name}.ipynb"), Limits(lab=1200), sandbox, b"")
    try:
        for number in range(rounds):
            session.key = bytes([number]) + secrets.token_bytes(15)
            outcomes = [session.decide(task) for task in lab.tasks.values()]
            assert sum(outcome.earned for outcome in outcomes) == lab.points, [str(outcome) for outcome in outcomes]
        assert session.unasked == 0
    finally:
        session.close()


@pytest.mark.parametrize(
    "cell",
    [
        f"import sys\ndef one_hot(labels, classes):\n    print('a word', file=sys.stderr)\n    {RIGHT}",
        f"def one_hot(labels, classes):\n    print('x' * 200_000)\n    {RIGHT}",
        "import time\nfirst = [2.0]\ndef one_hot(labels, classes):\n    time.sleep(first.pop() if first else 0)\n"
        f"    {RIGHT}",
        "def one_hot(labels, classes):\n    flat = torch.zeros(labels.numel() * classes)\n"
        "    places = torch.arange(labels.numel()) * classes + labels.reshape(-1).long()\n"
        "    return flat.scatter(0, places, 1.0).reshape(*labels.shape, classes)",
        f"import warnings\ndef one_hot(labels, classes):\n    warnings.warn('careful')\n    {RIGHT}",
        f"from coursekit.checks import check\ndef one_hot(labels, classes):\n    {RIGHT}\ncheck('1.3'); print(1)",
        f"%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\n"
        f"def one_hot(labels, classes):\n    {RIGHT}",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(3,), daemon=True).start()\n"
        f"torch.set_num_threads(2)\n(torch.randn(300, 300) @ torch.randn(300, 300)).sum()\n"
        f"def one_hot(labels, classes):\n    (torch.randn(300, 300) @ torch.randn(300, 300)).sum()\n    {RIGHT}",
        "from torch.utils.data import DataLoader, TensorDataset\n"
        "batches = list(DataLoader(TensorDataset(torch.ones(8, 2)), 4, num_workers=2))\nassert len(batches) == 2\n"
        f"def one_hot(labels, classes):\n    {RIGHT}",
        "from pathlib import Path\nimport tempfile\nPath('mine.txt').write_text('x')\n"
        f"torch.save(torch.ones(3), tempfile.mkdtemp() + '/t.pt')\ndef one_hot(labels, classes):\n    {RIGHT}",
    ],
    ids=["stderr", "much output", "slow at first", "another way", "a warning", "check beside it", "a plot", "threads",
         "loader processes", "files of its own"],
)  # fmt: skip
def test_a_right_answer_of_an_unusual_kind_passes(cell: str, sandbox: Sandbox, tmp_path: Path) -> None:
    result = graded(notebook(tmp_path / "lab_01_x.ipynb", cell), sandbox, PATIENT)
    states = {outcome.task.number: outcome.state for outcome in result.outcomes}
    assert (states["1.3"], states["1.5"]) == ("passed", "passed"), [str(each) for each in result.outcomes]
