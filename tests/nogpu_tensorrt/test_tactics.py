"""Tactics: timed at every profile's best shapes, remembered in the timing cache, named in the log with the reason."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from engines import Recorder, classifier

import nogpu.tensorrt as trt
from nogpu.tensorrt import plan, timing_cache
from nogpu.tensorrt.execution import tactics

PROFILES = (((1, 1, 8, 8), (2, 1, 8, 8), (4, 1, 8, 8)), ((1, 1, 8, 8), (32, 1, 8, 8), (64, 1, 8, 8)))


def built(
    cache: bytes | None = b"", profiles: Any = PROFILES[:1], flags: Any = (), **settings: Any
) -> tuple[Any, list[tuple[str, str]], bytes]:
    """Build the small classifier; return the plan, what the builder logged, and the timing cache's bytes."""
    logger = Recorder()
    builder, network, config = classifier(logger)
    config.builder_optimization_level = 3
    for name, value in settings.items():
        setattr(config, name, value)
    for flag in flags:
        config.set_flag(flag)
    if cache is not None:
        config.set_timing_cache(config.create_timing_cache(cache), ignore_mismatch=False)
    for shapes in profiles:
        profile = builder.create_optimization_profile()
        profile.set_shape("image", *shapes)
        config.add_optimization_profile(profile)
    content = builder.build_serialized_network(network, config)
    kept = b"" if config.get_timing_cache() is None else bytes(config.get_timing_cache().serialize())
    return content, logger.said, kept


def chosen(content: Any) -> dict[str, Any]:
    """Return the tactic in a plan."""
    return json.loads(plan.unpack(bytes(content))["tactic"])


def timed(said: list[tuple[str, str]]) -> list[str]:
    """Return the log's lines of measurements."""
    return [text for severity, text in said if severity == "VERBOSE" and text.startswith("Tactic Name:")]


def test_at_least_two_tactics_are_timed_and_the_quickest_is_named_with_the_reason() -> None:
    content, said, _ = built()
    lines = timed(said)
    assert len(lines) >= 2 and not any("from the timing cache" in line for line in lines)
    times = {line.split()[2]: float(line.rsplit("Time: ", 1)[1]) for line in lines}
    assert chosen(content)["name"] == min(times, key=lambda name: times[name])
    (told,) = [text for severity, text in said if severity == "INFO" and text.startswith("Fastest Tactic:")]
    assert chosen(content)["name"] in told and "times as quick as" in told


def test_a_second_build_reads_its_times_from_the_serialised_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _, kept = built()

    def refuse(*_: Any) -> Any:
        raise AssertionError("a session was opened, although every time is known")

    monkeypatch.setattr(tactics, "open_session", refuse)
    second, said, again = built(kept)
    assert chosen(second) == chosen(first) and again == kept
    assert all("(from the timing cache)" in line for line in timed(said)) and timed(said)


def test_new_weights_are_not_timed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import engines

    _, _, kept = built()
    monkeypatch.setattr(engines, "WEIGHTS", engines.WEIGHTS * np.float32(2))
    _, said, again = built(kept)
    assert all("(from the timing cache)" in line for line in timed(said)) and again == kept


def test_every_profile_is_timed_at_its_best_shapes() -> None:
    _, one, _ = built()
    content, both, kept = built(profiles=PROFILES)
    assert len(timed(both)) == 2 * len(timed(one))
    runners = [text for _, text in both if text.startswith("--------------- Timing Runner")]
    assert len(runners) == 2 and "2x1x8x8" in runners[0] and "32x1x8x8" in runners[1]
    config = trt.Builder(Recorder()).create_builder_config()
    keys = [str(key) for key in config.create_timing_cache(kept).queryKeys()]
    assert len(keys) == len(timed(both)) and sum("(32, 1, 8, 8)" in key for key in keys) == len(keys) // 2
    # A tactic that is slow on one profile loses, even where it is the quickest on the other.
    name = chosen(content)["name"]
    cache = config.create_timing_cache(kept)
    for key in cache.queryKeys():
        value = cache.query(key)
        value.timingMSec = 1e6 if f" {name} " in str(key) and "(32, 1" in str(key) else 1.0
        assert cache.update(key, value)
    slow, _, _ = built(bytes(cache.serialize()), profiles=PROFILES)
    assert chosen(slow)["name"] != name


def test_the_threads_are_those_of_the_machine_that_loads() -> None:
    threads = {tactic["name"]: tactic["threads"] for tactic in tactics.tactics(tactics.Settings())}
    assert set(threads.values()) <= {0, 1} and threads["blocked_channels"] == 0


def test_a_cache_of_another_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, kept = built()
    monkeypatch.setattr(timing_cache, "device", lambda: "another CPU, 64 threads")
    logger = Recorder()
    config = trt.Builder(logger).create_builder_config()
    cache = config.create_timing_cache(kept)
    assert cache is not None and not config.set_timing_cache(cache, ignore_mismatch=False)
    assert config.set_timing_cache(cache, ignore_mismatch=True)
    assert config.create_timing_cache(b"NGTC" + kept[10:]) is None and logger.errors


def test_a_miss_is_an_error_where_the_config_says_so() -> None:
    flag = trt.BuilderFlag.ERROR_ON_TIMING_CACHE_MISS
    content, said, kept = built(flags=[flag])
    assert content is None and any("ERROR_ON_TIMING_CACHE_MISS" in text for level, text in said if level == "ERROR")
    _, _, kept = built()
    assert built(kept, flags=[flag])[0] is not None


def test_one_tactic_is_not_timed() -> None:
    content, said, _ = built(builder_optimization_level=0)
    assert content is not None and not timed(said)
    content, said, _ = built(max_num_tactics=1)
    assert content is not None and not timed(said)


def test_the_second_build_is_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    """With timing made slow enough to be seen above the noise of a busy machine."""
    run = tactics._time

    def slow(*arguments: Any) -> None:
        if arguments[1]:
            time.sleep(1.0)
        run(*arguments)

    monkeypatch.setattr(tactics, "_time", slow)
    start = time.perf_counter()
    _, _, kept = built()
    middle = time.perf_counter()
    built(kept)
    assert time.perf_counter() - middle < (middle - start) - 0.5
