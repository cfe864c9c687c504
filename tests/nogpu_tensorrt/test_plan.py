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


class Writer(trt.IStreamWriter):
    def __init__(self, at_most: int = 1 << 30) -> None:
        trt.IStreamWriter.__init__(self)
        self.content, self.at_most = b"", at_most

    def write(self, data: bytes) -> int:
        self.content += data[: self.at_most]
        return min(len(data), self.at_most)


class Reader(trt.IStreamReaderV2):
    """Gives a plan in pieces of at most 1000 bytes."""

    def __init__(self, content: bytes) -> None:
        trt.IStreamReaderV2.__init__(self)
        self.content, self.position = content, 0

    def read(self, num_bytes: int, stream: int) -> bytes:
        piece = self.content[self.position : self.position + min(num_bytes, 1000)]
        self.position += len(piece)
        return piece

    def seek(self, offset: int, where: trt.SeekPosition) -> bool:
        self.position = offset
        return True


def test_a_plan_goes_through_streams_of_your_own() -> None:
    log = Recorder()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    layer = network.add_identity(network.add_input("x", trt.float32, (4,)))
    network.mark_output(layer.get_output(0))
    writer = Writer()
    assert builder.build_serialized_network_to_stream(network, builder.create_builder_config(), writer)
    for engine in (
        trt.Runtime(log).deserialize_cuda_engine(Reader(writer.content)),
        trt.Runtime(log).deserialize_cuda_engine(stream_reader_v2=Reader(writer.content)),
        trt.Runtime(log).deserialize_cuda_engine(writer.content),
    ):
        assert engine is not None and engine[0] == "x"
    assert not builder.build_serialized_network_to_stream(network, builder.create_builder_config(), Writer(5))
    assert "Writer.write returned 5 for a piece of" in log.errors[-1]
    assert trt.Runtime(log).deserialize_cuda_engine(Reader(writer.content[:-1])) is None
    assert "header.size == blobSize failed" in log.errors[-1]
    assert trt.Runtime(log).deserialize_cuda_engine(Reader(b"")) is None
    with pytest.raises(TypeError, match="a subclass of trt"):
        builder.build_serialized_network_to_stream(network, builder.create_builder_config(), open)
    with pytest.raises(NotImplementedError, match="must define write"):
        trt.IStreamWriter().write(b"", 0)


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
