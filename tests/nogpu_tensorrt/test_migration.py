"""Old names: AttributeError, with what to write today."""

from __future__ import annotations

from typing import Any

import pytest
from engines import Recorder, classifier, engine_of

import nogpu.tensorrt as trt
from nogpu.tensorrt import migration

READS = {
    "BuilderFlag.FP16": (trt.BuilderFlag, "strongly typed.*convert it to FP16"),
    "BuilderFlag.INT8": (trt.BuilderFlag, "QuantizeLinear/DequantizeLinear"),
    "NetworkDefinitionCreationFlag.EXPLICIT_BATCH": (trt.NetworkDefinitionCreationFlag, r"create_network\(0\)"),
    "tensorrt.IInt8EntropyCalibrator2": (trt, "calibration is gone"),
    "tensorrt.UffParser": (trt, "ONNX"),
}


@pytest.mark.parametrize("name", READS)
def test_names_of_the_module(name: str) -> None:
    owner, words = READS[name]
    with pytest.raises(AttributeError, match=words):
        getattr(owner, name.rsplit(".", 1)[1])


def test_names_of_objects() -> None:
    log = Recorder()
    builder, network, config = classifier(log)
    engine = engine_of(log)
    context = engine.create_execution_context()
    old: list[tuple[Any, str, str]] = [
        (builder, "build_cuda_engine", "build_serialized_network"),
        (builder, "platform_has_fast_fp16", "only GPUs that have it"),
        (engine, "num_bindings", "num_io_tensors"),
        (engine, "get_binding_shape", r"get_tensor_shape\(name\)"),
        (engine, "binding_is_input", "get_tensor_mode"),
        (engine, "device_memory_size", "device_memory_size_v2"),
        (context, "execute_async_v2", "execute_async_v3"),
        (context, "execute", "execute_v2"),
        (context, "set_binding_shape", "set_input_shape"),
        (network.get_layer(0), "precision", "add_cast"),
        (network.get_input(0), "dynamic_range", "calibration is gone"),
        (network, "add_fully_connected", "add_matrix_multiply"),
        (config, "max_workspace_size", "set_memory_pool_limit"),
    ]
    for owner, name, words in old:
        with pytest.raises(AttributeError, match=words):
            getattr(owner, name)
    for owner, name, words in (
        (builder, "max_batch_size", "dimension"),
        (config, "max_workspace_size", "set_memory_pool"),
    ):
        with pytest.raises(AttributeError, match=words):
            setattr(owner, name, 1)
    with pytest.raises(AttributeError, match=r"IBuilderConfig has no attribute 'max_workspaces'\."):
        config.max_workspaces = 1


def test_no_advice_for_names_that_exist() -> None:
    for owner, names in migration._OLD.items():
        kind = trt if owner == "tensorrt" else getattr(trt, owner)
        listed = set(trt.__all__) if owner == "tensorrt" else set(dir(kind))
        assert not listed & set(names), owner
