"""Objects that lab 13's checks build beside the learner's code: plans, a counting build. They know no reference answer.

Whatever touches TensorRT or PyCUDA stays on this side, so that the judge never reads a plan of a learner's.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def plan(model: bytes, profiles: Sequence[Sequence[Sequence[int]]]) -> bytes:
    """Return the plan of a model with one input, with these profiles of (min, opt, max) shapes, built in a hurry."""
    import tensorrt as trt

    logger = trt.Logger(trt.Logger.INTERNAL_ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network()
    if not trt.OnnxParser(network, logger).parse(model):
        raise ValueError("the check's own model was not parsed")
    config = builder.create_builder_config()
    config.builder_optimization_level = 0
    for shapes in profiles:
        profile = builder.create_optimization_profile()
        profile.set_shape(network.get_input(0).name, *(tuple(shape) for shape in shapes))
        config.add_optimization_profile(profile)
    return bytes(builder.build_serialized_network(network, config))


class Loaded:
    """A plan of the learner's as TensorRT sees it. ValueError if TensorRT does not take it."""

    def __init__(self, plan: Any) -> None:
        import pycuda.autoprimaryctx  # noqa: F401
        import tensorrt as trt

        self.engine = None
        if isinstance(plan, bytes):
            runtime = trt.Runtime(trt.Logger(trt.Logger.INTERNAL_ERROR))
            self.engine = runtime.deserialize_cuda_engine(plan)
        if self.engine is None:
            raise ValueError(f"TensorRT does not take what was returned as a plan ({type(plan).__name__})")
        self.name = str(self.engine.get_tensor_name(0))

    def profiles(self) -> list[list[list[int]]]:
        """Return for each profile the min, opt and max shapes of the input."""
        assert self.engine is not None
        count = self.engine.num_optimization_profiles
        triples = [self.engine.get_tensor_profile_shape(self.name, number) for number in range(count)]
        return [[[int(size) for size in shape] for shape in triple] for triple in triples]

    def logits(self, number: int, batch: Array) -> Array | None:
        """Run a batch under a profile and return the output; None if the context refuses its shape."""
        import pycuda.driver as cuda

        assert self.engine is not None
        context, stream = self.engine.create_execution_context(), cuda.Stream()
        context.set_optimization_profile_async(number, stream.handle)
        if not context.set_input_shape(self.name, batch.shape):
            return None
        output = str(self.engine.get_tensor_name(1))
        out = np.zeros(tuple(context.get_tensor_shape(output)), np.float32)
        inside, outside = cuda.to_device(np.ascontiguousarray(batch)), cuda.mem_alloc(out.nbytes)
        context.set_tensor_address(self.name, int(inside))
        context.set_tensor_address(output, int(outside))
        context.execute_async_v3(stream.handle)
        cuda.memcpy_dtoh_async(out, outside, stream)
        stream.synchronize()
        return out


class Build:
    """Stands for a build: returns bytes that differ from call to call, and counts."""

    def __init__(self, seed: int) -> None:
        self.seed, self.count, self.last = seed, 0, b""

    def __call__(self, model: bytes, options: dict[str, Any]) -> bytes:
        if not isinstance(model, bytes) or not isinstance(options, dict):
            raise TypeError(f"build takes (model, options), not ({type(model).__name__}, {type(options).__name__})")
        self.count += 1
        digest = hashlib.sha256(model + repr((self.seed, self.count)).encode())
        self.last = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big")).bytes(4000)
        return self.last


class Plans:
    """A folder for a learner's cache, which goes when this object goes, and what can happen to the files in it."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name

    def _files(self) -> list[Path]:
        return sorted(file for file in Path(self.path).rglob("*") if file.is_file() and file.stat().st_size >= 4000)

    def names(self) -> list[str]:
        """Return the names of the files that are as large as a plan."""
        return [file.name for file in self._files()]

    def forgeable(self) -> str:
        """Return the name of a file that begins or ends with a plain SHA-256 of the rest, with or without its name."""
        for file in self._files():
            content = file.read_bytes()
            for seal, rest in ((content[:32], content[32:]), (content[-32:], content[:-32])):
                for name in (b"", file.name.encode(), file.stem.encode()):
                    if seal in (hashlib.sha256(name + rest).digest(), hashlib.sha256(rest + name).digest()):
                        return file.name
        return ""

    def damage(self, how: str) -> None:
        """Do one of these to every plan: "truncated", "empty", "a flipped bit", "exchanged" (files swap contents)."""
        change: dict[str, Callable[[bytes], bytes]] = {
            "truncated": lambda content: content[:-100],
            "empty": lambda content: b"",
            "a flipped bit": lambda content: content[:2500] + bytes([content[2500] ^ 4]) + content[2501:],
        }
        files = self._files()
        contents = [file.read_bytes() for file in files]
        changed = contents[1:] + contents[:1] if how == "exchanged" else [change[how](each) for each in contents]
        for file, content in zip(files, changed, strict=True):
            file.write_bytes(content)
