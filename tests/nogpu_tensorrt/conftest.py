"""Every test begins as a process does: with no plugins registered."""

from __future__ import annotations

import pytest

from nogpu.tensorrt import plugin_registry


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_registry, "_registered", set())
