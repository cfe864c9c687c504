"""The machinery of checks: outcomes, wording, and what a Student lets through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from coursekit import checks
from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.student import Handle, LocalStudent, Raised, Student

RNG = np.random.default_rng(0)


def outcome_of(function: Any, **namespace: Any) -> checks.Outcome:
    lab = Lab("99", "lab_99_test", "Test")
    facts = {"points": 2, "minutes": 1, "difficulty": 2, "importance": 5}
    lab.task("99.1", "A task", names=("answer",), **facts)(function)
    return lab.tasks["99.1"].run(LocalStudent(namespace), RNG)


def test_a_missing_name_and_a_stub_are_not_attempted() -> None:
    def stub() -> None:
        raise NotImplementedError()

    def function(student: Student, rng: Any) -> None:
        student.call("answer")

    assert "`answer` is not defined yet" in str(outcome_of(function))
    assert outcome_of(function, answer=stub).state == "not attempted"


def test_wrong_carries_what_and_hint_and_costs_all_points() -> None:
    def function(student: Student, rng: Any) -> None:
        raise Wrong("It is 3.", "Look at `x`.")

    outcome = outcome_of(function, answer=1)
    assert str(outcome) == "✗ 99.1 A task: failed, 0 of 2 points\n  It is 3.\n  Hint: Look at `x`."
    assert "<code>x</code>" in outcome._repr_html_()


def test_outcomes_escape_what_learners_write() -> None:
    def function(student: Student, rng: Any) -> None:
        require(False, "You returned <script>alert(1)</script>")

    assert "<script>" not in outcome_of(function, answer=1)._repr_html_()


def test_an_exception_of_the_learners_is_told_without_our_frames() -> None:
    def answer(x: Tensor) -> Any:  # noqa: F821
        return x.nonsense

    def function(student: Student, rng: Any) -> None:
        student.call("answer", torch.zeros(2))

    outcome = outcome_of(function, answer=answer)
    assert outcome.state == "failed"
    assert (
        "AttributeError: 'Tensor' object has no attribute 'nonsense', at the line `return x.nonsense`" in outcome.what
    )


def test_a_check_that_trips_over_a_strange_answer_is_a_failed_task() -> None:
    def function(student: Student, rng: Any) -> None:
        student.get("answer").shape  # noqa: B018

    outcome = outcome_of(function, answer="text")
    assert outcome.state == "failed" and "a form that the check cannot work with" in outcome.what


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (None, torch.zeros(2), "is a `return` missing?"),
        (np.zeros(2), torch.zeros(2), "should be a torch tensor"),
        (torch.zeros(3), torch.zeros(2), "should have the shape (2,); it has (3,)"),
        (torch.zeros(2).double(), torch.zeros(2), "should have the dtype float32; it has float64"),
        (
            torch.tensor([0.0, 2.0]),
            torch.tensor([0.0, 1.0]),
            "should be 1 at index (1,); it is 2 (1 of 2 values differ)",
        ),
        (torch.tensor([0.0, float("nan")]), torch.tensor([0.0, 1.0]), "it is nan"),
        (True, 1.0, "should be a number"),
        (2.0, 1.0, "should be 1; it is 2"),
    ],
)
def test_expect_close_names_the_difference(got: Any, expected: Any, says: str) -> None:
    with pytest.raises(Wrong) as wrong:
        expect_close(got, expected, "The answer")
    assert says in wrong.value.what


def test_expect_close_accepts_rounding_and_nan_where_expected() -> None:
    expect_close(torch.tensor([1.000001, float("nan")]), torch.tensor([1.0, float("nan")]), "The answer")


def test_a_student_gets_copies_and_gives_copies() -> None:
    namespace: dict[str, Any] = {"stored": torch.zeros(2)}
    exec("def spoil(x):\n    x += 1\n    return x", namespace)
    student = LocalStudent(namespace)
    mine = torch.zeros(3)
    assert student.call("spoil", mine).tolist() == [1, 1, 1] and mine.tolist() == [0, 0, 0]
    student.get("stored").add_(1)
    assert namespace["stored"].tolist() == [0, 0]


def test_live_objects_stay_behind_handles() -> None:
    namespace = {"model": torch.nn.Linear(2, 3), "pair": (torch.zeros(1), torch.nn.ReLU())}
    student = LocalStudent(namespace)
    model = student.get("model")
    assert isinstance(model, Handle) and model.type_name == "Linear"
    assert model.call("__call__", torch.zeros(1, 2)).shape == (1, 3)
    assert model.attribute("weight").shape == (3, 2) and model.attribute("bias.requires_grad") is True
    assert set(model.call("state_dict")) == {"weight", "bias"}
    tensor, relu = student.get("pair")
    assert isinstance(tensor, torch.Tensor) and isinstance(relu, Handle)


def test_keep_leaves_a_plain_value_where_it_is() -> None:
    student = LocalStudent({"x": torch.ones(2, 3, requires_grad=True).T})
    kept = student.get("x", keep=True)
    assert kept.call("stride") == (1, 3) and kept.attribute("requires_grad") is True
    assert kept.value().shape == (3, 2)


def test_make_builds_fixtures_of_the_course_and_torch_only() -> None:
    student = LocalStudent({})
    assert student.make("coursekit.models:DigitNet").type_name == "DigitNet"
    with pytest.raises(Raised, match="coursekit, torch and numpy only"):
        student.make("os:getcwd")


def test_an_unknown_task_gets_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    checks.check("3.77")
    assert 'there is no task "3.77"; there are 3.1, 3.2' in capsys.readouterr().out


def test_under_nbgrader_a_wrong_answer_also_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="not yet attempted"):
        checks.check("3.2")
