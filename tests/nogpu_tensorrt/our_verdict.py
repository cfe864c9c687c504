"""What nogpu.tensorrt's parser and builder say of a model of the corpus."""

from __future__ import annotations

from typing import Any

from corpus import Case, Said

import nogpu.tensorrt as trt


class Silent(trt.ILogger):
    """Keeps the errors, prints nothing."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.errors: list[str] = []

    def log(self, severity: Any, msg: str) -> None:
        if severity <= trt.ILogger.ERROR:
            self.errors.append(msg)


def ours(case: Case) -> Said:
    """Return what nogpu.tensorrt's parser and builder say."""
    logger = Silent()
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(case.model):
        error = parser.get_error(0)
        return Said("parse", error.code().name, error.node(), error.node_operator(), error.desc())
    tensors = [network.get_output(index) for index in range(network.num_outputs)]
    outputs = tuple((tensor.name, tensor.dtype.name, tuple(tensor.shape)) for tensor in tensors)
    config = builder.create_builder_config()
    for ranges in case.profiles:
        profile = builder.create_optimization_profile()
        for name, three in ranges.items():
            given = [network.get_input(i) for i in range(network.num_inputs) if network.get_input(i).name == name]
            if given and given[0].is_shape_tensor:
                profile.set_shape_input(name, *three)
            elif given:
                profile.set_shape(name, *three)
        config.add_optimization_profile(profile)
    if builder.build_serialized_network(network, config) is None:
        return Said("build", text=logger.errors[0] if logger.errors else "", outputs=outputs)
    return Said("accepted", outputs=outputs)
