"""Engines for tests: a small classifier by the layer API, static or dynamic, and one that takes its time."""

from __future__ import annotations

from typing import Any

import numpy as np

import nogpu.tensorrt as trt

RNG = np.random.default_rng(3)
KERNEL = RNG.standard_normal((4, 1, 3, 3)).astype(np.float32)
WEIGHTS = RNG.standard_normal((10, 64)).astype(np.float32)
PROFILE = ((1, 1, 8, 8), (4, 1, 8, 8), (8, 1, 8, 8))


class Recorder(trt.ILogger):
    """A logger that keeps everything."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.said: list[tuple[str, str]] = []

    def log(self, severity: Any, msg: str) -> None:
        self.said.append((severity.name, msg))

    @property
    def errors(self) -> list[str]:
        return [msg for severity, msg in self.said if severity in ("ERROR", "INTERNAL_ERROR")]


def classifier(logger: Any, batch: int = -1) -> tuple[Any, Any, Any]:
    """Return builder, network and config of images (n, 1, 8, 8) -> logits (n, 10)."""
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    image = network.add_input("image", trt.float32, (batch, 1, 8, 8))
    conv = network.add_convolution_nd(image, 4, (3, 3), KERNEL, np.zeros(4, np.float32))
    conv.padding_nd, conv.name = (1, 1), "conv1"
    relu = network.add_activation(conv.get_output(0), trt.ActivationType.RELU)
    relu.name = "relu1"
    pool = network.add_pooling_nd(relu.get_output(0), trt.PoolingType.MAX, (2, 2))
    pool.stride_nd, pool.name = (2, 2), "pool1"
    flat = network.add_shuffle(pool.get_output(0))
    flat.reshape_dims, flat.name = (0, -1), "flatten"
    weights = network.add_constant((10, 64), WEIGHTS).get_output(0)
    layer = network.add_matrix_multiply(
        flat.get_output(0), trt.MatrixOperation.NONE, weights, trt.MatrixOperation.TRANSPOSE
    )
    layer.name = "classify"
    layer.get_output(0).name = "logits"
    network.mark_output(layer.get_output(0))
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # these tests compare with FP32
    config.builder_optimization_level = 0
    return builder, network, config


def logits(images: np.ndarray) -> np.ndarray:
    """Return what the classifier must say, by PyTorch."""
    import torch
    import torch.nn.functional as F

    hidden = F.max_pool2d(F.relu(F.conv2d(torch.from_numpy(images), torch.from_numpy(KERNEL), padding=1)), 2)
    return (hidden.flatten(1) @ torch.from_numpy(WEIGHTS).T).numpy()


def plan_of(logger: Any, *profiles: Any, batch: int = -1, **settings: Any) -> Any:
    """Return the classifier's plan."""
    builder, network, config = classifier(logger, batch)
    for name, value in settings.items():
        setattr(config, name, value)
    for shapes in profiles or (() if batch > 0 else (PROFILE,)):
        profile = builder.create_optimization_profile()
        profile.set_shape("image", *shapes)
        assert config.add_optimization_profile(profile) >= 0
    return builder.build_serialized_network(network, config)


def engine_of(logger: Any, *profiles: Any, **settings: Any) -> Any:
    """Return the classifier's engine."""
    return trt.Runtime(logger).deserialize_cuda_engine(plan_of(logger, *profiles, **settings))


def images(count: int, seed: int = 0) -> np.ndarray:
    """Return random images (count, 1, 8, 8)."""
    return np.random.default_rng(seed).standard_normal((count, 1, 8, 8)).astype(np.float32)


def slow_engine(logger: Any) -> Any:
    """Return an engine x (1, 1, 600, 600) -> y that multiplies matrices for some tens of milliseconds."""
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    value = network.add_input("x", trt.float32, (1, 1, 600, 600))
    for _ in range(12):
        product = network.add_matrix_multiply(value, trt.MatrixOperation.NONE, value, trt.MatrixOperation.NONE)
        value = network.add_activation(product.get_output(0), trt.ActivationType.TANH).get_output(0)
    value.name = "y"
    network.mark_output(value)
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # these tests compare with FP32
    config.builder_optimization_level = 0
    return trt.Runtime(logger).deserialize_cuda_engine(builder.build_serialized_network(network, config))


class Allocator(trt.IOutputAllocator):
    """Gives NumPy memory once the size is known."""

    def __init__(self) -> None:
        trt.IOutputAllocator.__init__(self)
        self.memory = np.empty(0, np.uint8)
        self.shape: tuple[int, ...] = ()

    def reallocate_output(self, tensor_name: str, memory: int, size: int, alignment: int) -> int:
        self.memory = np.empty(size, np.uint8)
        return self.memory.ctypes.data

    def notify_shape(self, tensor_name: str, shape: Any) -> None:
        self.shape = tuple(shape)
