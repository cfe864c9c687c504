"""`coursekit.nvidia_says`: what it answers where NVIDIA's RTX builder is there, and where it is not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from corpus import as_said, bad, disputed, good, recorded
from corpus_building import Case, one, ones

import coursekit
from coursekit import nvidia
from coursekit.nvidia import BuilderMissing, Question, Verdict, nvidia_says, nvidia_says_of_all

needs_rtx = pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx") is None, reason="pip install '.[rtx]'")
CASES = {case.name: case for case in (*good(), *bad(), *disputed())}


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BuilderMissing, match=r"pip install '\.\[rtx\]'"):
        nvidia_says(b"")


def test_the_course_offers_it_under_its_own_name() -> None:
    assert coursekit.nvidia_says is nvidia_says


@needs_rtx
def test_a_good_model_is_parsed_and_built_and_never_said_to_run() -> None:
    case = CASES["dynamic_batch_conv"]
    verdict = nvidia_says(case.model, case.profiles[0])
    assert verdict.accepted and verdict.stage == "build" and not verdict.errors
    assert verdict.inputs == [["x", "FLOAT", [-1, 3, 8, 8]]] and verdict.outputs == [["y", "FLOAT", [-1, 8, 6, 6]]]
    assert "TensorRT-RTX" in str(verdict) and "parsed and built" in str(verdict) and "was not run" in str(verdict)
    assert "tensorrt_rtx" not in sys.modules


@needs_rtx
def test_a_refused_model_comes_with_the_parsers_words() -> None:
    verdict = nvidia_says(CASES["custom_operator"].model)
    assert not verdict.accepted and verdict.stage == "parse"
    assert "Plugin not found" in verdict.errors[0] and "refused it while parsing" in str(verdict)
    assert verdict.details[0]["node_name"] == "my0" and verdict.details[0]["code"] == "INVALID_NODE"


@needs_rtx
def test_several_errors_stand_below_each_other_and_the_missing_driver_is_not_one_of_them() -> None:
    told = str(nvidia_says(CASES["three_unsupported_operators"].model)).splitlines()
    assert len(told) == 4 and all(line.startswith("  In node") for line in told[1:])
    mixed = nvidia_says(CASES["add_of_float_and_half"].model)
    assert "ElementWiseOperation SUM" in str(mixed) and "driver" not in str(mixed)


@needs_rtx
def test_a_model_without_a_profile_is_parsed_and_not_built() -> None:
    verdict = nvidia_says(CASES["dynamic_without_a_profile"].model)
    assert verdict.stage == "build" and not verdict.accepted and "no optimization profile" in verdict.errors[0]


@needs_rtx
def test_a_crash_in_the_builder_is_reported_and_the_next_model_is_answered() -> None:
    names = ("relu", "relu_without_output", "function_that_calls_itself", "conv")
    verdicts = nvidia_says_of_all([Question(CASES[name].model) for name in names])
    assert [verdict.stage for verdict in verdicts] == ["build", "crash", "crash", "build"]
    assert "SIGSEGV" in verdicts[1].errors[0] and "broke down" in str(verdicts[1])


@needs_rtx
@pytest.mark.skipif(sys.platform == "win32", reason="there the parent's limit for all models counts")
def test_a_model_that_takes_too_long_is_given_up() -> None:
    verdict = nvidia_says(one("Conv", (8, 64, 64, 64), [ones("w", 64, 64, 3, 3)]), seconds=0.001)
    assert verdict.stage == "crash" and "no answer within 0.001 s" in verdict.errors[0]


@needs_rtx
def test_a_file_with_weights_beside_it_is_found_by_its_path(tmp_path: Path) -> None:
    from test_parser import with_external_data

    (tmp_path / "w.bin").write_bytes(bytes(12))
    (tmp_path / "model.onnx").write_bytes(with_external_data("w.bin"))
    assert nvidia_says(tmp_path / "model.onnx").accepted
    assert not nvidia_says((tmp_path / "model.onnx").read_bytes()).accepted


def test_how_a_process_ended_is_told_in_one_sentence() -> None:
    assert nvidia._death(-11, "", 5) == "its process was ended by SIGSEGV"
    assert "ImportError: no" in nvidia._death(1, "Traceback\nImportError: no", 5)
    told = str(Verdict(False, "crash", ["it gave no answer within 5 s"]))
    assert told.startswith("NVIDIA's TensorRT-RTX builder (on the CPU) broke down")


def test_the_record_names_nvidias_own_crashes_as_crashes() -> None:
    verdicts = recorded()["verdicts"]
    assert as_said(verdicts["relu_without_output"]).stage == "crash"
    assert isinstance(CASES["relu_without_output"], Case)
