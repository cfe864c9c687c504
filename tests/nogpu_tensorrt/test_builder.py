"""The builder: what it refuses, and in which words; profiles, flags, progress, error recorders, timing caches."""

from __future__ import annotations

from typing import Any

import pytest
from engines import PROFILE, Recorder, classifier, engine_of, plan_of

import nogpu.tensorrt as trt

START = "IBuilder::buildSerializedNetwork: Error Code 4: API Usage Error ("


@pytest.fixture
def log() -> Recorder:
    return Recorder()


def refused(log: Recorder, *shapes: Any, name: str = "image") -> str:
    """Build the classifier with one profile of these shapes; return the last error."""
    builder, network, config = classifier(log)
    profile = builder.create_optimization_profile()
    if shapes:
        profile.set_shape(name, *shapes)
    config.add_optimization_profile(profile)
    assert builder.build_serialized_network(network, config) is None
    return log.errors[-1]


def test_without_an_output(log: Recorder) -> None:
    builder = trt.Builder(log)
    assert builder.build_serialized_network(builder.create_network(0), builder.create_builder_config()) is None
    assert log.errors == [START + "Network must have at least one output.)"]


def test_without_a_profile(log: Recorder) -> None:
    builder, network, config = classifier(log)
    assert builder.build_serialized_network(network, config) is None
    words = "Network has dynamic or shape inputs, but no optimization profile has been defined."
    assert log.errors == [START + words + ")"]
    assert not builder.is_network_supported(network, config)


def test_profiles_that_do_not_fit(log: Recorder) -> None:
    assert refused(log) == START + "Dynamic input tensor image is missing dimensions in profile 0.)"
    assert (
        refused(log, *PROFILE, name="picture")
        == START + "Dynamic input tensor image is missing dimensions in profile 0.)"
    )
    wide = [(n, 1, 8, 5) for n in (1, 2, 3)]
    assert refused(log, *wide) == (
        START
        + "Dimension mismatch for tensor image and profile 0. At dimension axis 3, profile has min=5, opt=5, max=5 but "
        "tensor has 8.)"
    )
    flat = [(n, 1, 8) for n in (1, 2, 3)]
    assert (
        refused(log, *flat)
        == START + "Dynamic-shaped input tensor image has 4 dimensions but profile 0 has 3 dimensions.)"
    )


def test_a_profile_out_of_order(log: Recorder) -> None:
    builder, _, config = classifier(log)
    profile = builder.create_optimization_profile()
    profile.set_shape("image", (4, 1, 8, 8), (2, 1, 8, 8), (8, 1, 8, 8))
    assert not profile
    assert config.add_optimization_profile(profile) == -1
    assert "ensure that the optimization profiles satisfy MIN<=OPT<=MAX" in log.errors[0]
    assert config.num_optimization_profiles == 0
    with pytest.raises(ValueError, match="must be known"):
        profile.set_shape("image", (-1, 1, 8, 8), (2, 1, 8, 8), (8, 1, 8, 8))


def test_a_profile_gives_back_what_was_set() -> None:
    builder, _, config = classifier(Recorder())
    profile = builder.create_optimization_profile()
    assert profile.get_shape("image") == []
    profile.set_shape("image", *PROFILE)
    assert [tuple(shape) for shape in profile.get_shape("image")] == list(PROFILE)
    assert [config.add_optimization_profile(profile) for _ in range(2)] == [0, 1]


def test_settings() -> None:
    config = trt.Builder(Recorder()).create_builder_config()
    assert config.get_flag(trt.BuilderFlag.TF32) and config.flags == 1 << int(trt.BuilderFlag.TF32)
    config.clear_flag(trt.BuilderFlag.TF32)
    assert config.flags == 0
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 20)
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 1 << 20
    with pytest.raises(TypeError):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, -1)
    config.builder_optimization_level = 9
    assert config.builder_optimization_level == 5
    with pytest.raises(TypeError):
        config.profiling_verbosity = "DETAILED"
    config.max_aux_streams = 2  # taken note of
    assert config.max_aux_streams == 2
    config.reset()
    assert config.max_aux_streams == -1 and config.get_flag(trt.BuilderFlag.TF32)


def test_the_plan_is_a_buffer_and_nothing_more(log: Recorder) -> None:
    plan = plan_of(log)
    assert plan.nbytes == len(bytes(plan)) == memoryview(plan).nbytes > 1000
    assert plan.dtype == trt.int8
    with pytest.raises(TypeError, match="nbytes"):
        len(plan)
    with pytest.raises(TypeError, match="not subscriptable"):
        plan[0]
    with pytest.raises(TypeError, match="No constructor"):
        trt.IHostMemory()


class Errors(trt.IErrorRecorder):
    """Keeps errors, as NVIDIA's samples do it."""

    def __init__(self) -> None:
        trt.IErrorRecorder.__init__(self)
        self.kept: list[tuple[Any, str]] = []

    def num_errors(self) -> int:
        return len(self.kept)

    def report_error(self, code: Any, description: str) -> bool:
        self.kept.append((code, description))
        return False

    def clear(self) -> None:
        self.kept.clear()


def test_an_error_recorder_hears_of_errors_and_is_inherited(log: Recorder) -> None:
    builder = trt.Builder(log)
    builder.error_recorder = errors = Errors()
    network = builder.create_network(0)
    assert network.error_recorder is errors
    builder.build_serialized_network(network, builder.create_builder_config())
    assert errors.num_errors() == 1
    assert isinstance(errors.kept[0][0], trt.ErrorCodeTRT)
    network.add_input("x", trt.float32, (1,))
    network.add_input("x", trt.float32, (1,))
    assert errors.num_errors() == 2
    with pytest.raises(TypeError):
        builder.error_recorder = object()


class Progress(trt.IProgressMonitor):
    """Keeps what happened; stops after so many steps."""

    def __init__(self, steps: int = 1000) -> None:
        trt.IProgressMonitor.__init__(self)
        self.events: list[tuple[Any, ...]] = []
        self.left = steps

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        self.events.append(("start", phase_name, parent_phase, num_steps))

    def step_complete(self, phase_name: str, step: int) -> bool:
        self.events.append(("step", phase_name, step))
        self.left -= 1
        return self.left > 0

    def phase_finish(self, phase_name: str) -> None:
        self.events.append(("finish", phase_name))


def test_a_progress_monitor_hears_of_all_phases_and_can_stop_the_build(log: Recorder) -> None:
    monitor = Progress()
    assert plan_of(log, progress_monitor=monitor) is not None
    started = [event[1] for event in monitor.events if event[0] == "start"]
    assert sorted(started) == sorted(event[1] for event in monitor.events if event[0] == "finish")
    assert monitor.events[0] == ("start", "Building Engine", None, len(started) - 1)
    assert all(event[2] == "Building Engine" for event in monitor.events[1:] if event[0] == "start")
    for _, name, parent, steps in [event for event in monitor.events if event[0] == "start"]:
        done = [event[2] for event in monitor.events if event[:2] == ("step", name)]
        assert done == list(range(steps)), (name, parent)
    stopping = Progress(2)
    assert plan_of(log, progress_monitor=stopping) is None
    assert "cancelled" in log.errors[-1]
    assert stopping.events[-1] == ("finish", "Building Engine")


def test_a_timing_cache_is_filled_kept_and_checked(log: Recorder) -> None:
    builder, network, config = classifier(log, batch=1)
    config.builder_optimization_level = 3  # at 0 nothing is timed
    cache = config.create_timing_cache(b"")
    assert config.set_timing_cache(cache, False)
    assert builder.build_serialized_network(network, config) is not None
    keys = cache.queryKeys()
    assert keys and cache.query(keys[0]).timingMSec > 0
    stored = bytes(cache.serialize())
    again = config.create_timing_cache(stored)
    assert [str(key) for key in again.queryKeys()] == sorted(str(key) for key in keys)
    assert again.combine(cache, False)
    assert config.create_timing_cache(stored[:-1]) is None
    assert config.create_timing_cache(b"nonsense") is None
    assert "not a timing cache" in log.errors[-1]
    again._device = "another machine"
    elsewhere = config.create_timing_cache(bytes(again.serialize()))
    assert not config.set_timing_cache(elsewhere, False)
    assert config.set_timing_cache(elsewhere, True)
    key = trt.TimingCacheKey.parse(str(keys[0]))
    assert cache.update(key, trt.TimingCacheValue(5, 1.5)) and cache.query(key).tacticHash == 5
    assert cache.update(key, trt.TimingCacheValue(5, float("nan"))) and not cache.update(
        key, trt.TimingCacheValue(5, 1.0)
    )
    assert cache.reset() and cache.queryKeys() == []


def test_a_logger_whose_constructor_was_not_called_is_refused() -> None:
    class Forgetful(trt.ILogger):
        def __init__(self) -> None:
            pass

    with pytest.raises(TypeError, match=r"call trt\.ILogger\.__init__"):
        trt.Builder(Forgetful())
    with pytest.raises(TypeError, match="incompatible constructor arguments"):
        trt.Builder("x")


def test_the_logger_prints_as_nvidia_s(capsys: pytest.CaptureFixture[str]) -> None:
    logger = trt.Logger(trt.Logger.INFO)
    logger.log(trt.Logger.INFO, "hello")
    logger.log(trt.Logger.VERBOSE, "not this")
    logger.min_severity = trt.Logger.ERROR
    logger.log(trt.Logger.WARNING, "nor this")
    said = capsys.readouterr().err
    assert said.endswith("[TRT] [I] hello\n") and said.count("\n") == 1


def test_what_the_inspector_tells(log: Recorder) -> None:
    import json

    engine = engine_of(log, profiling_verbosity=trt.ProfilingVerbosity.DETAILED)
    inspector = engine.create_engine_inspector()
    told = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
    names = [layer["Name"] for layer in told["Layers"]]
    assert len(names) == engine.num_layers and "conv1 + relu1" in names
    wanted = {"Name", "LayerType", "Inputs", "Outputs", "TacticName", "StreamId", "Metadata"}
    assert all(wanted <= set(layer) for layer in told["Layers"])
    tensors = {tensor["Name"]: tensor for tensor in told["I/O Tensors"]}
    assert tensors["image"]["ProfileInfo"][0]["MaxShape"] == [8, 1, 8, 8]
    assert tensors["logits"]["IOMode"] == "Output" and tensors["logits"]["Dimensions"] == [-1, 10]
    line = inspector.get_layer_information(names.index("conv1 + relu1"), trt.LayerInformationFormat.ONELINE)
    assert line.startswith("Layer(") and "conv1 + relu1" in line
    names_only = engine_of(log).create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    assert json.loads(names_only)["Layers"] == names
