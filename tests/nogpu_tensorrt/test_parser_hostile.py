"""Files that are broken or built to do harm: the parser answers with errors; it never crashes, hangs, reads outside the
model's folder, or allocates much more than the file's own size."""

from __future__ import annotations

import os
import random
import time
import tracemalloc
from pathlib import Path

import onnx
import pytest
from corpus import bad, disputed, good
from corpus_building import BOOL, FLOAT, INT64, graph, model, node, one, ones, tensor, value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from test_parser import with_external_data

from nogpu.tensorrt.parser import Reading, read

GOOD = [case.model for case in good()]
# A few models that between them have every kind of message: nested graphs, functions, attributes, weights, Q/DQ.
SEEDS = [case.model for case in good() if case.name in {
    "if", "loop", "local_function", "quantized_conv_per_channel", "attention_written_out", "residual_block", "topk",
    "lstm", "dynamic_batch_flatten_by_shape", "resize_linear_sizes", "constant_nodes", "slice", "split",
    "softmax_of_opset_11", "pad",
}]  # fmt: skip
ODD = [0, 1, -1, 2, 7, 255, 2**31 - 1, 2**31, -(2**31), 2**40, 2**63 - 1, -(2**63)]
PATIENCE = 10.0  # seconds that one reading may take on a busy machine; an honest one of these takes milliseconds


def survives(data: bytes, folder: Path | None = None) -> Reading:
    """Read, and check the promise: either a model or at least one error with a code, within reasonable time."""
    started = time.perf_counter()
    reading = read(data, folder)
    assert time.perf_counter() - started < PATIENCE
    assert (reading.model is None) == bool(reading.errors)
    assert all(error.code and error.description for error in reading.errors)
    return reading


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Bytes of a good model, some of them flipped, cut out, doubled, or mixed with another model's."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(1, 16))
        match draw(st.sampled_from(("flip", "cut", "double", "random", "mix", "end"))):
            case "flip" if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[place : place + length]
            case "double":
                data[place:place] = data[place : place + length]
            case "random":
                data[place : place + length] = draw(st.binary(min_size=length, max_size=length))
            case "mix":
                other = draw(st.sampled_from(SEEDS))
                data[place:] = other[len(other) * place // max(1, len(data)) :]
            case "end":
                del data[place:]
    return bytes(data)


def altered(data: bytes, seed: int) -> bytes:
    """Return a model that is still a valid message, with a few numbers and names exchanged for odd ones."""
    rng = random.Random(seed)
    proto = onnx.ModelProto.FromString(data)
    graphs = [proto.graph, *(a.g for n in proto.graph.node for a in n.attribute if a.HasField("g"))]
    for _ in range(rng.randint(1, 4)):
        nodes = [n for g in graphs for n in g.node]
        if not nodes:
            break
        chosen = rng.choice(nodes)
        names = [name for n in nodes for name in (*n.input, *n.output)] + ["", "nowhere"]
        match rng.randrange(9):
            case 0 if chosen.input:
                chosen.input[rng.randrange(len(chosen.input))] = rng.choice(names)
            case 1 if chosen.output:
                chosen.output[rng.randrange(len(chosen.output))] = rng.choice(names)
            case 2:
                chosen.op_type = rng.choice(
                    [n.op_type for n in nodes] + ["Reshape", "Split", "Tile", "Loop", "Pad", "Range"]
                )
            case 3 if chosen.attribute:
                attribute = rng.choice(chosen.attribute)
                attribute.i = rng.choice(ODD)
                if attribute.ints:
                    attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(ODD)
            case 4 if chosen.attribute:
                attribute = rng.choice(chosen.attribute)
                attribute.type = rng.choice([1, 2, 3, 4, 5, 6, 7, 8])
            case 5 if proto.graph.initializer:
                weight = rng.choice(proto.graph.initializer)
                if weight.dims and rng.random() < 0.5:
                    weight.dims[rng.randrange(len(weight.dims))] = rng.choice(ODD)
                elif weight.data_type == INT64 and weight.raw_data:
                    numbers = [rng.choice(ODD) for _ in range(len(weight.raw_data) // 8)]
                    weight.raw_data = b"".join(number.to_bytes(8, "little", signed=True) for number in numbers)
                else:
                    weight.data_type = rng.choice([1, 6, 7, 9, 10, 99])
            case 6:
                shape = rng.choice(proto.graph.input).type.tensor_type.shape
                if shape.dim:
                    shape.dim[rng.randrange(len(shape.dim))].dim_value = rng.choice(ODD)
            case 7:
                proto.opset_import[0].version = rng.choice([1, 6, 9, 11, 13, 18, 22, 27, 999, -1])
            case 8:
                chosen.attribute.append(helper.make_attribute("axes", [rng.choice(ODD)]))
    return bytes(proto.SerializeToString())


@given(mutated())
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_mutated_bytes(data: bytes) -> None:
    survives(data)


def test_odd_numbers_and_names_in_valid_messages() -> None:
    for seed in range(300):
        survives(altered(SEEDS[seed % len(SEEDS)], seed))


@pytest.mark.full
@given(mutated())
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_bytes_for_long(data: bytes) -> None:
    survives(data)


@pytest.mark.full
def test_odd_numbers_and_names_for_long() -> None:
    for seed in range(20_000):
        survives(altered(GOOD[seed % len(GOOD)], seed))


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"hello", b"\x08" * 100, os.urandom(1000), b"\xff" * 10_000, b"PK\x03\x04"]
)
def test_what_is_no_model(data: bytes) -> None:
    reading = survives(data)
    assert reading.model is None or not list(reading.model.graph)


def test_every_prefix_of_a_model() -> None:
    whole = one("Conv", (1, 1, 4, 4), [ones("w", 1, 1, 2, 2)])
    for end in range(len(whole)):
        survives(whole[:end])


def test_huge_sizes_allocate_nothing() -> None:
    huge = [one("Relu", (2**31 - 1, 2**31 - 1)), one("ConstantOfShape", (2,), kind=INT64, out=FLOAT)]
    huge += [
        one("Expand", (1,), [tensor("s", [2**40, 2**20], INT64)]),
        one("Tile", (9,), [tensor("r", [2**60], INT64)]),
    ]
    huge += [
        one("Pad", (4,), [tensor("p", [2**62, 2**62], INT64)]),
        one("OneHot", (9,), [tensor("d", 2**50, INT64), ones("v", 2)], kind=INT64),
    ]
    fill = [node("ConstantOfShape", "s", "c"), node("Add", "x c", "y")]
    huge.append(model(fill, [value("x", FLOAT, (1,))], [value("y", FLOAT, None)], [tensor("s", [2**31, 2**31], INT64)]))
    count = [node("Range", "a b c", "r"), node("Add", "x r", "y")]
    ends = [tensor("a", 0, INT64), tensor("b", 2**62, INT64), tensor("c", 1, INT64)]
    huge.append(model(count, [value("x", INT64, (1,))], [value("y", INT64, None)], ends))
    for operator in ("Expand", "Reshape", "Tile", "ConstantOfShape"):
        more = [value("s", INT64, (2**31 - 1,))]
        huge.append(one(operator, (1, 1), more=more, inputs="s" if operator == "ConstantOfShape" else None))
    huge.append(one("Split", (2, 4), num_outputs=2**31 - 1))
    weight = TensorProto(name="w", data_type=FLOAT, dims=[2**33], raw_data=b"1234")
    huge.append(model([node("Add", "x w", "y")], [value("x")], [value("y")], [weight]))
    read(huge[0])
    tracemalloc.start()
    for data in huge:
        survives(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def test_squaring_a_number_again_and_again_does_not_hang() -> None:
    nodes = [node("Mul", f"v{i} v{i}", f"v{i + 1}", f"square{i}") for i in range(200)]
    nodes += [node("Reshape", "x v200", "y")]
    survives(model(nodes, [value("x", FLOAT, (4,))], [value("y", FLOAT, None)], [tensor("v0", [3], INT64)]))


def deep(levels: int) -> bytes:
    """Return an If inside an If inside an If ..."""
    body = graph([node("Relu", "x", "out")], [], [value("out")])
    for level in range(levels):
        other = graph([node("Neg", "x", f"e{level}")], [], [value(f"e{level}")])
        inside = node("If", "c", f"o{level}", f"if{level}", then_branch=body, else_branch=other)
        body = graph([inside], [], [value(f"o{level}")])
    other = graph([node("Neg", "x", "e")], [], [value("e")])
    last = node("If", "c", "y", then_branch=body, else_branch=other)
    return model([last], [value("x"), value("c", BOOL, ())], [value("y")])


def test_deep_nesting() -> None:
    assert survives(deep(10)).model is not None
    for levels in (26, 30):
        assert survives(deep(levels)).errors[0].code in ("UNSUPPORTED_GRAPH", "MODEL_DESERIALIZE_FAILED")
    # Deeper than any library would write it: the bytes of a graph in an attribute in a node, ten thousand times.
    data = b""
    for _ in range(10_000):
        data = b"\x0a" + varint(len(data)) + data
    assert survives(b"\x3a" + varint(len(data)) + data).errors or len(data) > 0


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def test_many_nodes_in_the_worst_order_take_seconds_at_most() -> None:
    count = 3000
    nodes = [node("Relu", f"v{i}", f"v{i + 1}", f"n{i}") for i in reversed(range(count))]
    data = model(nodes, [value("v0", FLOAT, (2,))], [value(f"v{count}", FLOAT, None)])
    assert survives(data).model is not None


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/hostname", "sub/../../w.bin", "..\\w.bin", "C:\\w.bin", "", ".", "w\0.bin", "sub"]
)
def test_external_data_outside_the_folder_is_refused(location: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(64))
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    reading = survives(with_external_data(location), home)
    assert reading.errors[0].code == "INVALID_GRAPH" and "initializer: w" in reading.errors[0].description


def test_external_data_behind_symbolic_links_is_refused(tmp_path: Path) -> None:
    secret, home = tmp_path / "secret.bin", tmp_path / "home"
    secret.write_bytes(bytes(64))
    home.mkdir()
    (home / "link.bin").symlink_to(secret)
    (home / "folder").symlink_to(tmp_path)
    (home / "loop").symlink_to(home / "loop")
    for location in ("link.bin", "folder/secret.bin", "loop"):
        assert survives(with_external_data(location), home).model is None


@pytest.mark.parametrize(("offset", "length"), [(60, 12), (-4, 12), (0, 8), (0, 2**40), (2**62, 12)])
def test_external_data_of_the_wrong_extent_is_refused(offset: int, length: int, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(64))
    assert survives(with_external_data("w.bin", offset, length), tmp_path).model is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_as_external_data_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.bin")
    assert survives(with_external_data("w.bin"), tmp_path).model is None


def test_functions_that_call_each_other_for_ever() -> None:
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    functions = [
        helper.make_function("own", name, ["a"], ["b"], [node(other, "a", "b", domain="own")], opsets)
        for name, other in (("Ping", "Pong"), ("Pong", "Ping"))
    ]
    call = [node("Ping", "x", "y", domain="own")]
    reading = survives(model(call, [value("x")], [value("y")], imports=opsets, functions=functions))
    assert reading.errors[0].code == "INVALID_GRAPH"


def test_functions_that_double_at_each_level_stay_bounded() -> None:
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    functions = [helper.make_function("own", "F0", ["a"], ["b"], [node("Relu", "a", "b")], opsets)]
    for level in range(1, 40):
        calls = [node(f"F{level - 1}", "a", "c", "c", domain="own"), node(f"F{level - 1}", "c", "b", "b", domain="own")]
        functions.append(helper.make_function("own", f"F{level}", ["a"], ["b"], calls, opsets))
    call = [node("F39", "x", "y", domain="own")]
    reading = survives(model(call, [value("x")], [value("y")], imports=opsets, functions=functions))
    assert reading.errors[0].code == "UNSUPPORTED_GRAPH"


def test_the_corpus_of_bad_models_survives_every_single_bit_flip_of_one_of_them() -> None:
    data = next(case.model for case in disputed() if case.name == "function_that_calls_itself")
    for place in range(len(data)):
        survives(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    for case in bad():
        survives(case.model)
