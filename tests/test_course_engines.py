"""The course's engines against the real thing, as far as that goes without a GPU.

Every model that lessons 11 to 13 and their solved labs build is shown to NVIDIA's own builder (TensorRT-RTX, extra
`rtx`), and every attribute of `tensorrt` and `pycuda` that a notebook uses is looked up among the real packages'.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import nbformat
import pytest
from used_names import read

from coursegrade.lessons import notebooks
from coursegrade.lessons.execution import execute
from coursekit.device import origin
from coursekit.nvidia import Question, nvidia_says_of_all
from coursekit.paths import root

ALL = [*notebooks.lessons(root()), *notebooks.solutions(root())]
BUILDING = [path for path in ALL if path.stem.removeprefix("lab_")[:2] in ("11", "12", "13")]


CUDA_AND_ENGINES = ("07", "08", "09", "10", "11", "12", "13")


def code_of(path: Path) -> list[str]:
    return [cell.source for cell in notebooks.read(path).cells if cell.cell_type == "code"]


USING = [path for path in ALL if any("tensorrt" in cell or "pycuda" in cell for cell in code_of(path))]


@pytest.mark.parametrize("path", USING, ids=lambda path: path.stem)
def test_every_name_of_tensorrt_and_pycuda_exists_in_the_real_packages(path: Path) -> None:
    assert read(code_of(path)).missing == []


@pytest.mark.parametrize(
    "path", [path for path in USING if path.stem[:2] in CUDA_AND_ENGINES], ids=lambda path: path.stem
)
def test_the_reading_follows_the_lessons_names_and_does_not_pass_by(path: Path) -> None:
    assert read(code_of(path)).judged >= 10


IMPORTS = """
import pycuda.driver as cuda, pycuda.gpuarray as gpuarray, tensorrt as trt
from pycuda.compiler import SourceModule
logger = trt.Logger(trt.Logger.ERROR)
builder = trt.Builder(logger)
"""


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("trt.BuilderFlag.FP16", "tensorrt.BuilderFlag.FP16"),
        ("trt.IInt8EntropyCalibrator2", "tensorrt.IInt8EntropyCalibrator2"),
        ("builder.max_batch_size = 4", "tensorrt.Builder.max_batch_size"),
        (
            "network = builder.create_network()\nnetwork.add_fully_connected",
            "tensorrt.INetworkDefinition.add_fully_connected",
        ),
        ("def f(engine):\n    return engine.num_bindings", "tensorrt.ICudaEngine.num_bindings"),
        ("def f(a: trt.IExecutionContext):\n    a.execute_async", "tensorrt.IExecutionContext.execute_async"),
        ("with trt.Runtime(logger) as r:\n    r.load", "tensorrt.Runtime.load"),
        (
            "class A:\n    def __init__(self, plan):\n        e = trt.Runtime(logger).deserialize_cuda_engine(plan)\n"
            "        self.work = e.create_execution_context()\na = A(b'')\na.work.get_binding_shape",
            "tensorrt.IExecutionContext.get_binding_shape",
        ),
        ("cuda.mem_allocate(4)", "pycuda.driver.mem_allocate"),
        ("stream = cuda.Stream()\nstream.wait()", "pycuda.driver.Stream.wait"),
        ("cuda.compile_plain", "pycuda.driver.compile_plain"),  # the stand-in has it, PyCUDA has not
        ("gpuarray.to_gpu([1]).cpu()", "pycuda.gpuarray.GPUArray.cpu"),
        ("SourceModule('').get_kernel('f')", "pycuda.compiler.SourceModule.get_kernel"),
        ("from pycuda.tools import MemoryPool", "pycuda.tools.MemoryPool"),
        ("cuda.Device(0).warp", "pycuda.driver.Device.warp"),
    ],
)
def test_planted_names_are_found(line: str, name: str) -> None:
    assert [found for _, found in read([IMPORTS, line]).missing] == [name]


@pytest.mark.parametrize(
    "line",
    [
        "builder.create_builder_config().set_flag(trt.BuilderFlag.TF32)",
        "cuda.Device(0).multiprocessor_count, cuda.Context.get_device().name()",
        "s = cuda.Stream()\ns.handle, s.is_done(), cuda.pagelocked_empty, cuda.InOut, cuda.LogicError",
        "SourceModule('').get_global('x')\nSourceModule('').get_function('f').num_regs",
        "(gpuarray.zeros(3, 'f') + 1).get()\ngpuarray.arange",
        "try:\n    trt.BuilderFlag.FP16\nexcept AttributeError as error:\n    print(error)",
        "def run_2019(engine):\n    return engine.num_bindings",
        "class Log(trt.ILogger):\n    def log(self, severity, message):\n        int(severity) <= trt.ILogger.WARNING",
    ],
)
def test_real_names_are_let_through(line: str) -> None:
    assert read([IMPORTS, line]).missing == []


# Runs in front of the notebook's own cells and keeps every ONNX file that was parsed and then built, with its profiles.
RECORDER = """
import functools as _functools, hashlib as _hashlib, json as _json, pathlib as _pathlib, tensorrt as _tensorrt

_folder, _files = _pathlib.Path({folder!r}), []


def _reads(method, content):
    @_functools.wraps(method)
    def parse(self, *arguments, **keywords):
        done = method(self, *arguments, **keywords)
        if done:
            _files.append((self._network, content(*arguments, **keywords)))
        return done
    return parse


def _builds(method):
    @_functools.wraps(method)
    def build(self, network, config, *arguments, **keywords):
        plan = method(self, network, config, *arguments, **keywords)
        content = next((content for parsed, content in reversed(_files) if parsed is network), None)
        if plan is not None and content is not None:
            profiles = [profile._shapes | profile._values for profile in config._profiles]
            name = _hashlib.sha256(content + repr(profiles).encode()).hexdigest()[:16]
            (_folder / (name + ".onnx")).write_bytes(content)
            (_folder / (name + ".json")).write_text(_json.dumps(profiles))
        return plan
    return build


_parser, _builder = _tensorrt.OnnxParser, _tensorrt.Builder
_parser.parse = _reads(_parser.parse, lambda model, path=None: bytes(model))
_parser.parse_from_file = _reads(_parser.parse_from_file, lambda file: _pathlib.Path(file).read_bytes())
_builder.build_serialized_network = _builds(_builder.build_serialized_network)
"""


@pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx") is None, reason="pip install '.[rtx]'")
@pytest.mark.skipif(origin("tensorrt") != "CPU stand-in", reason="the recorder looks into the stand-in")
@pytest.mark.parametrize("path", BUILDING, ids=lambda path: path.stem)
def test_nvidias_builder_takes_every_model_that_is_built(path: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("notebooks", "labs", "data"):
        (tmp_path / name).symlink_to(root() / name)
    notebook = notebooks.read(path)
    recorder = nbformat.v4.new_code_cell(RECORDER.replace("{folder!r}", repr(str(kept))))
    notebook.cells.insert(0, recorder)
    done = execute(notebook, tmp_path / "notebooks", {"COURSE_ROOT": str(tmp_path)}, 600.0, lambda cell: None)
    assert done.failure is None, done.failure
    files = sorted(kept.glob("*.onnx"))
    assert files, "the notebook builds no engine from an ONNX file"
    questions = [Question(file.read_bytes(), json.loads(file.with_suffix(".json").read_text())) for file in files]
    verdicts = nvidia_says_of_all(questions)
    assert [str(verdict) for verdict in verdicts if not verdict.accepted] == []
