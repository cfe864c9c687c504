"""Plans: saved, loaded, and refused where they are damaged."""

from __future__ import annotations

import numpy as np
import pytest
from engines import Recorder, images, logits, plan_of

import nogpu.tensorrt as trt
from nogpu.tensorrt import plan


@pytest.fixture(scope="module")
def content() -> bytes:
    return bytes(plan_of(Recorder(), batch=2))


def load(data: bytes) -> tuple[object, list[str]]:
    log = Recorder()
    return trt.Runtime(log).deserialize_cuda_engine(data), log.errors


def test_a_plan_survives_being_saved_and_loaded(content: bytes) -> None:
    engine, errors = load(content)
    assert errors == []
    assert bytes(engine.serialize()) == content
    x, y = images(2), np.zeros((2, 10), np.float32)
    assert engine.create_execution_context().execute_v2([x.ctypes.data, y.ctypes.data])
    np.testing.assert_allclose(y, logits(x), rtol=1e-4, atol=1e-4)


def test_each_damage_has_its_sentence(content: bytes) -> None:
    cases = {
        b"": "Cannot deserialize with an empty memory buffer",
        b"hello" * 50: "header.magicTag == kEXPECTED_MAGIC_TAG failed",
        content[:-1]: "plan.header.size == blobSize failed",
        content[:20]: "plan.header.size == blobSize failed",
        content + b"!": "plan.header.size == blobSize failed",
        content[:2000] + bytes([content[2000] ^ 1]) + content[2001:]: "The plan is damaged",
        content[:16] + b"10.16.1".ljust(32, b"\0") + content[48:]: "expecting library version 11.4.0+nogpu got 10.16.1",
    }
    for data, words in cases.items():
        engine, errors = load(data)
        assert engine is None
        assert len(errors) == 1 and words in errors[0], errors
        assert errors[0].startswith("IRuntime::deserializeCudaEngine: Error Code ")


def test_nonsense_with_a_right_checksum_is_refused_too(content: bytes) -> None:
    for sections in ({}, {"engine": b"{"}, {"engine": b"{}", "graph": b"", "tactic": b"{}"}):
        engine, errors = load(plan.pack(sections))
        assert engine is None and "cannot be read" in errors[0]


def test_other_things_than_bytes_are_refused() -> None:
    with pytest.raises(TypeError, match="the plan's bytes are expected, not str"):
        trt.Runtime(Recorder()).deserialize_cuda_engine("model.plan")
    with pytest.raises(TypeError, match="not NoneType"):
        trt.Runtime(Recorder()).deserialize_cuda_engine(None)


def fuzz(content: bytes, rounds: int) -> None:
    rng = np.random.default_rng(11)
    for _ in range(rounds):
        data = bytearray(content)
        for _ in range(int(rng.integers(1, 4))):
            kind, at = rng.integers(4), int(rng.integers(len(data)))
            if rng.random() < 0.4:
                at %= 120  # the header and the index are where it hurts
            if kind == 0:
                data[at] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                data[at : at + 8] = rng.bytes(8)
            elif kind == 2:
                del data[at : at + int(rng.integers(1, 50))]
            else:
                data[at:at] = rng.bytes(int(rng.integers(1, 50)))
        if bytes(data) != content:
            engine, errors = load(bytes(data))
            assert engine is None and errors


def test_damaged_plans_are_refused(content: bytes) -> None:
    fuzz(content, 500)


@pytest.mark.full
def test_many_damaged_plans_are_refused(content: bytes) -> None:
    fuzz(content, 10_000)
