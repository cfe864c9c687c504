"""Damaged notebooks and damaged messages, by the hundred: the judge never crashes, and every notebook gets its row."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_attacks import notebook

from coursegrade.grading.gradebook import write
from coursegrade.grading.grading_process import LazySandbox, Order, grade_one
from coursegrade.grading.judge import Limits
from coursegrade.grading.submissions import Found
from coursegrade.sandbox.channel import Channel, ChannelError, decode, encode
from coursegrade.sandbox.sandbox import SAFE, SandboxError, open_sandbox

NOTEBOOKS, MESSAGES = 300, 2000
FULL = 5000
ODD: list[Any] = [None, True, -1, 0, 1e308, "", "x" * 5000, "\ud800", [], {}, [[]], {"cells": 1}, 10**30, "03", "../.."]
QUICK = Limits(cell=3, question=3, task=6, lab=30)


def damaged(value: Any, chance: random.Random) -> Any:
    """Return a copy of JSON data with one part removed, doubled, or put in another's place."""
    text = json.loads(json.dumps(value))
    node, parents = text, []
    while isinstance(node, dict | list) and node and chance.random() < 0.85:
        key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        parents.append((node, key))
        node = node[key]
    if not parents:
        return chance.choice(ODD)
    parent, key = parents[-1]
    action = chance.randrange(4)
    if action == 0:
        del parent[key]
    elif action == 1 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif action == 2 and isinstance(parent[key], str) and parent[key]:
        place = chance.randrange(len(parent[key]))
        parent[key] = parent[key][:place] + chance.choice("\x00(:=\"'\n\\é]}") + parent[key][place + 1 :]
    else:
        parent[key] = chance.choice(ODD)
    return text


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with some cut off, turned or put in."""
    place = chance.randrange(len(data) + 1)
    return chance.choice(
        [
            data[:place],
            data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :],
            data[:place] + b"\xff\x00{" + data,
        ]
    )


@pytest.mark.parametrize("count", [NOTEBOOKS, pytest.param(FULL, marks=pytest.mark.full)])
def test_every_damaged_notebook_gets_its_row(count: int, tmp_path: Path) -> None:
    try:
        with open_sandbox(SAFE) as proven:
            rung = proven.rung
    except SandboxError as problem:
        pytest.skip(str(problem))
    chance = random.Random(count)
    cells = [
        "value = 1",
        "def one_hot(labels, classes):\n    return torch.zeros(*labels.shape, classes)",
        "print(value)",
    ]
    source = json.loads(notebook(tmp_path / "source.ipynb", *cells).read_text(encoding="utf-8"))
    sandbox, order, rows = LazySandbox(rung), Order(rung, "ab", str(tmp_path / "out")), []
    try:
        for number in range(count):
            document = source
            for _ in range(chance.randrange(1, 4)):
                document = damaged(document, chance)
            data = json.dumps(document).encode()
            path = tmp_path / "lab_01_x.ipynb"
            path.write_bytes(spoilt(data, chance) if chance.random() < 0.2 else data)
            rows.append(grade_one(Found(f"s{number}", "lab_01_x", path), order, sandbox, QUICK))
    finally:
        sandbox.close()
    assert len(rows) == count and {row.status for row in rows} <= {"ok", "partial", "rejected"}
    assert {"ok", "rejected"} <= {row.status for row in rows}
    assert all(0 <= row.score <= 18 for row in rows)
    write(tmp_path / "scores.csv", rows)
    assert (tmp_path / "scores.csv").read_text(encoding="utf-8-sig").count("\n") == count + 1


VALUES: list[Any] = [
    1, 2.5, "text", b"bytes", [1, [2.0, None]], (True, "x"), {"a": {"b": 3}},
    np.arange(6).reshape(2, 3), torch.ones(2, 3), torch.zeros(0, 4), torch.ones(3, dtype=torch.bfloat16),
]  # fmt: skip


@pytest.mark.parametrize("count", [MESSAGES, pytest.param(FULL, marks=pytest.mark.full)])
def test_damaged_messages_are_values_or_refused(count: int) -> None:
    import os

    chance = random.Random(count)
    refused = 0
    for _ in range(count):
        message = {"value": encode(chance.choice(VALUES))}
        for _ in range(chance.randrange(1, 4)):
            message = damaged(message, chance)
        data = json.dumps(message).encode()
        data = spoilt(data, chance) if chance.random() < 0.5 else data
        read_from, write_to = os.pipe()
        channel = Channel(read_from, write_to)
        os.write(write_to, data[:60_000] + b"\n")
        try:
            decode(channel.receive(0.01).get("value"))  # all that will come is in the pipe
        except ChannelError:
            refused += 1
        finally:
            channel.close()
    assert 0 < refused < count
