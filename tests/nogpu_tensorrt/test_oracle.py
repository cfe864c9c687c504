"""nogpu.tensorrt against NVIDIA's own builder: over the whole corpus, what NVIDIA takes or refuses is taken or refused.

Everywhere against the recorded verdicts; where the extra `rtx` is installed, against the builder itself too.
"""

from __future__ import annotations

import importlib.util
from collections import Counter

import onnx
import pytest
from corpus import REASONS, Case, Said, all_cases, as_said, bad, digest, disputed, good, recorded
from our_verdict import ours
from record_verdicts import entry

from coursekit.nvidia import Question, nvidia_says_of_all
from nogpu.tensorrt.parser import REFUSED_AT_BUILD, read

RECORD = recorded()
VERDICTS = RECORD["verdicts"]
needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason="NVIDIA's RTX builder is not installed: pip install '.[rtx]'",
)


def cases(*groups: list[Case]) -> list[object]:
    return [pytest.param(case, id=case.name) for group in groups for case in group]


def test_the_corpus_is_large_enough_and_every_model_has_a_name_of_its_own() -> None:
    assert len(list(good())) >= 60 and len(list(bad())) >= 60
    assert max(Counter(case.name for case in all_cases()).values()) == 1


def test_the_record_is_of_this_corpus_and_says_whose_it_is() -> None:
    assert RECORD["builder"].startswith("NVIDIA TensorRT-RTX 1.") and RECORD["date"]
    stale = [case.name for case in all_cases() if VERDICTS.get(case.name, {}).get("model") != digest(case)]
    assert not stale, f"changed since it was recorded (run record_verdicts.py): {stale}"
    assert set(VERDICTS) == {case.name for case in all_cases()}


@pytest.mark.parametrize("case", cases(list(good()), list(bad())))
def test_we_say_what_nvidia_said(case: Case) -> None:
    nvidia, mine = as_said(VERDICTS[case.name]), ours(case)
    assert (nvidia.stage == "accepted") == case.good, "the corpus has this model in the wrong group"
    assert mine.agrees_with(nvidia), f"NVIDIA: {nvidia}\nnogpu:  {mine}"


@pytest.mark.parametrize("case", cases(list(good())))
def test_our_networks_outputs_have_nvidias_types_and_shapes(case: Case) -> None:
    assert ours(case).outputs == as_said(VERDICTS[case.name]).outputs


@pytest.mark.parametrize("case", cases(list(disputed())))
def test_the_list_of_differences_is_true_and_gives_reasons(case: Case) -> None:
    nvidia, mine = as_said(VERDICTS[case.name]), ours(case)
    assert len(REASONS[case.name]) > 30
    assert not mine.agrees_with(nvidia), "they agree now: move this model to the good or the bad ones"
    assert (mine.stage == "accepted") == case.good


def test_every_reason_belongs_to_a_model() -> None:
    assert set(REASONS) == {case.name for case in disputed()}


def test_a_verdict_of_another_kind_would_be_noticed() -> None:
    refused = Said("parse", "INVALID_NODE", 2, "Conv")
    assert refused.agrees_with(Said("parse", "INVALID_NODE", 2, "Conv", "in other words"))
    for other in (
        Said("accepted"),
        Said("build"),
        Said("parse", "UNSUPPORTED_NODE", 2, "Conv"),
        Said("parse", "INVALID_NODE", 3, "Conv"),
        Said("parse", "INVALID_NODE", 2, "Gemm"),
    ):
        assert not refused.agrees_with(other)


@needs_rtx
def test_nvidias_builder_still_says_what_was_recorded() -> None:
    everything = all_cases()
    verdicts = nvidia_says_of_all([Question(case.model, case.profiles) for case in everything], seconds=60)
    changed = {}
    for case, verdict in zip(everything, verdicts, strict=True):
        now, then = as_said(entry(case, verdict)), as_said(VERDICTS[case.name])
        if (now.stage, now.code, now.node, now.operator) != (then.stage, then.code, then.node, then.operator):
            changed[case.name] = (then, now)
    assert not changed


@needs_rtx
@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_onnxs_own_node_tests_are_taken_and_refused_as_by_nvidia() -> None:
    from onnx.backend.test.case.node import collect_testcases

    models = {case.name: case.model for case in collect_testcases(None) if case.model is not None}
    static = {name: model for name, model in models.items() if not _has_shape_inputs(model)}
    assert len(static) > 1000
    verdicts = nvidia_says_of_all([Question(model.SerializeToString()) for model in static.values()], seconds=60)
    differ = {}
    for (name, model), verdict in zip(static.items(), verdicts, strict=True):
        reading = read(model.SerializeToString())
        accepted = reading.model is not None and not reading.model.meta[REFUSED_AT_BUILD]
        unprofiled = any("no optimization profile" in error for error in verdict.errors)
        if verdict.stage != "crash" and not unprofiled and accepted != verdict.accepted:
            differ[name] = verdict.errors
    print(f"{len(differ)} of {len(static)} differ: {sorted(differ)}")
    assert len(differ) < 0.03 * len(static)


def _has_shape_inputs(model: onnx.ModelProto) -> bool:
    """Say whether small integers come in as inputs: those would need a profile each."""
    integers = (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
    types = [given.type.tensor_type for given in model.graph.input[1:]]
    return any(kind.elem_type in integers and len(kind.shape.dim) <= 1 for kind in types)
