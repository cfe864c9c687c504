"""What crosses between judge and learner arrives as it was; anything else is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursegrade.sandbox.channel import ChannelError, decode, encode

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


@given(VALUES)
def test_plain_values_survive_the_crossing(value: Any) -> None:
    assert same(decode(json.loads(json.dumps(encode(value)))), value)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.complex64]
)
@pytest.mark.parametrize("shape", [(), (0, 3), (4,), (2, 3, 5)])
def test_tensors_keep_dtype_shape_and_bits(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (torch.randn(shape) * 10).to(dtype)
    arrived = decode(encode(tensor))
    assert arrived.dtype == dtype and arrived.shape == shape and torch.equal(arrived, tensor)


@pytest.mark.parametrize(
    "array", [np.arange(6).reshape(2, 3).T, np.array(2.5), np.zeros((0, 2), np.uint8), np.array([True])]
)
def test_arrays_keep_dtype_shape_and_values(array: np.ndarray) -> None:
    arrived = decode(encode(array))
    assert arrived.dtype == array.dtype and arrived.shape == array.shape and (arrived == array).all()


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, lambda: 0, np.array([object()]), np.array(["text"])])
def test_what_is_not_plain_does_not_leave(value: object) -> None:
    with pytest.raises(TypeError, match="does not cross"):
        encode(value)


@pytest.mark.parametrize(
    "message",
    [
        None,
        3,
        {"type": "int"},
        {"type": "int", "is": "9" * 5000},
        {"type": "int", "is": "x"},
        {"type": "bool", "is": 1},
        {"type": "object", "is": ""},
        {"type": "ndarray", "dtype": "object", "shape": [1], "is": "AAAAAAAAAAA="},
        {"type": "ndarray", "dtype": "float32", "shape": [1 << 40], "is": ""},
        {"type": "Tensor", "dtype": "float32", "shape": [-1], "is": ""},
        {"type": "Tensor", "dtype": "Tensor", "shape": [0], "is": ""},
        {"type": "bytes", "is": "not base64!"},
    ],
)
def test_a_forged_message_is_refused(message: Any) -> None:
    with pytest.raises(ChannelError):
        decode(message)


def test_a_bool_that_is_neither_true_nor_false_arrives_as_true() -> None:
    twos = torch.full((4,), 2, dtype=torch.uint8)
    for value in (twos.view(torch.bool), twos.numpy().view(bool)):
        assert bool((decode(encode(value)) == True).all())  # noqa: E712


def test_depth_and_count_are_limited() -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    with pytest.raises(ChannelError, match="nested too deeply"):
        decode(encode(deep))
    with pytest.raises(ChannelError, match="too many parts"):
        decode(encode([0] * 200_000))
