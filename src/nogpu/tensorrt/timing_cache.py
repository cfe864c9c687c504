"""The timing cache: which tactic won, and how long it took, for every region measured so far.

Serialised as a header (magic, version, device) and JSON, with a checksum. The entries are filled in by
`execution.compile`; another device's cache is refused unless you insist.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from typing import Any

from nogpu.tensorrt import version
from nogpu.tensorrt.host_memory import IHostMemory
from nogpu.tensorrt.native import Made, Native
from nogpu.tensorrt.reporting import Reporter

MAGIC = b"NGTC"
CHECK_BYTES = 32


def device() -> str:
    """Return what times depend on: the processor and how many threads there are."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} threads"


class TimingCacheKey(Made):
    """Names one measured region. `str()` of it can be parsed again."""

    def _begin(self, text: str) -> None:
        self._text = text

    @staticmethod
    def parse(text: str) -> TimingCacheKey:
        """Return the key of this text."""
        return TimingCacheKey._make(text)

    def __str__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimingCacheKey) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class TimingCacheValue(Native):
    """A tactic and its time."""

    def __init__(self, arg0: int, arg1: float) -> None:
        self._hash, self._milliseconds = int(arg0), float(arg1)

    @property
    def tacticHash(self) -> int:
        """The number of the tactic."""
        return self._hash

    @tacticHash.setter
    def tacticHash(self, value: int) -> None:
        self._hash = int(value)

    @property
    def timingMSec(self) -> float:
        """Its time in milliseconds of CPU time."""
        return self._milliseconds

    @timingMSec.setter
    def timingMSec(self, value: float) -> None:
        self._milliseconds = float(value)


class ITimingCache(Made):
    """A timing cache, made by `config.create_timing_cache(bytes)`."""

    def _begin(self, entries: dict[str, tuple[int, float]], where: str, reporter: Reporter) -> None:
        self._entries, self._device, self._reporter = entries, where, reporter

    @classmethod
    def _read(cls, data: bytes, reporter: Reporter) -> ITimingCache | None:
        if not data:
            return cls._make({}, device(), reporter)
        head = len(MAGIC) + CHECK_BYTES
        body = data[head:]
        if data[: len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != data[len(MAGIC) : head]:
            text = "the bytes are not a timing cache, or are damaged: use create_timing_cache(b'') for a new one"
            reporter.error("IBuilderConfig::createTimingCache", 3, text)
            return None
        content = json.loads(body)
        if content["version"] != version.VERSION:
            text = f"the timing cache was made by version {content['version']}, this is {version.VERSION}"
            reporter.error("IBuilderConfig::createTimingCache", 3, text)
            return None
        entries = {key: (int(tactic), float(time)) for key, (tactic, time) in content["entries"].items()}
        return cls._make(entries, content["device"], reporter)

    def _mismatch(self) -> str:
        here = device()
        return "" if self._device == here else f"it was made on {self._device}, this is {here}"

    def serialize(self) -> IHostMemory:
        """Return the cache as bytes."""
        content = {"version": version.VERSION, "device": self._device, "entries": self._entries}
        body = json.dumps(content, sort_keys=True).encode()
        return IHostMemory._make(MAGIC + hashlib.sha256(body).digest() + body)

    def combine(self, input_cache: ITimingCache, ignore_mismatch: bool) -> bool:
        """Take over another cache's entries; those that are here stay. False for one of another device."""
        if input_cache._device != self._device and not ignore_mismatch:
            self._reporter.error("ITimingCache::combine", 4, "the caches were made on different devices")
            return False
        for key, value in input_cache._entries.items():
            self._entries.setdefault(key, value)
        return True

    def reset(self) -> bool:
        """Empty the cache."""
        self._entries.clear()
        return True

    def queryKeys(self) -> list[TimingCacheKey]:
        """Return all keys."""
        return [TimingCacheKey._make(text) for text in self._entries]

    def query(self, key: TimingCacheKey) -> TimingCacheValue:
        """Return what is known of a key; a value with tactic 0 and a time of -1 where nothing is."""
        return TimingCacheValue(*self._entries.get(str(key), (0, -1.0)))

    def update(self, key: TimingCacheKey, value: TimingCacheValue) -> bool:
        """Change an entry; a time of NaN takes it away. False when there is no such key, or the value is not valid."""
        if str(key) not in self._entries:
            return False
        if math.isnan(value.timingMSec):
            del self._entries[str(key)]
        elif value.timingMSec < 0:
            return False
        else:
            self._entries[str(key)] = (value.tacticHash, value.timingMSec)
        return True


def entries_of(cache: Any) -> dict[str, tuple[int, float]]:
    """Return a cache's entries, to be changed in place; a fresh dict for None."""
    return {} if cache is None else cache._entries
