"""Names, enumerations and signatures against the real TensorRT 11.4 bindings.

`bindings_11_4.json` is a listing of the real ones: names, members, numbers, parameter names. Where the bindings' wheel
can be had, the listing itself is compared with it: the wheel imports against empty libraries, which need no GPU.
"""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import nogpu.tensorrt as trt

LISTING = json.loads((Path(__file__).parent / "bindings_11_4.json").read_text())
CLASSES: dict[str, Any] = LISTING["classes"]
SPECIAL = {"__init__", "__enter__", "__exit__", "__getitem__", "__len__", "__iter__"}
NEVER = {"__init__"}  # pybind11 writes constructors in too many ways to compare them by name


@pytest.mark.parametrize("name", LISTING["enums"])
def test_enumerations_have_the_same_members_and_numbers(name: str) -> None:
    ours = getattr(trt, name)
    assert {member.name: int(member) for member in ours} == LISTING["enums"][name]


def test_severities() -> None:
    assert [int(s) for s in trt.ILogger.Severity] == [0, 1, 2, 3, 4]
    assert trt.Logger.Severity.VERBOSE is trt.Logger.VERBOSE
    assert trt.Logger.WARNING < trt.Logger.INFO


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_members(name: str) -> None:
    ours, real = getattr(trt, name), CLASSES[name]
    missing = [member for member in (*real["properties"], *real["methods"]) if not hasattr(ours, member)]
    assert missing == []
    for base in real["bases"]:
        assert issubclass(ours, getattr(trt, base)), f"{name} is no {base}"
    read_only = [m for m, settable in real["properties"].items() if settable and not _settable(ours, m)]
    assert read_only == []


def _settable(owner: type, name: str) -> bool:
    found = inspect.getattr_static(owner, name)
    return found.fset is not None if isinstance(found, property) else hasattr(type(found), "__set__")


METHODS = [
    (owner, method)
    for owner, facts in CLASSES.items()
    for method, overloads in facts["methods"].items()
    if overloads and method not in NEVER and not method.startswith("__")
]


@pytest.mark.parametrize(("owner", "method"), METHODS)
def test_methods_take_the_same_arguments_by_position_and_by_name(owner: str, method: str) -> None:
    ours = inspect.signature(getattr(getattr(trt, owner), method))
    for overload in CLASSES[owner]["methods"][method]:
        given = {
            {"in": "in_"}.get(name[0], name[0]): None for name in overload
        }  # no parameter of Python's is called "in"
        if method == "get_aliased_input":  # the bindings' own slip: its self is called an int
            continue
        if given and next(iter(given)) != "self" and "self" in ours.parameters:
            given = {"self": None, **given}
        if owner == "TimingCacheKey":
            given.pop("self", None)
        ours.bind(**given)  # by name; raises TypeError where it does not fit
        if method not in ("create_execution_context", "deserialize_cuda_engine"):  # overloads by type
            ours.bind(*[None] * len(overload))


@pytest.mark.parametrize("name", LISTING["functions"])
def test_functions(name: str) -> None:
    if name in ("common_enter", "common_exit", "_itemsize"):  # helpers of NVIDIA's Python file, not of its interface
        return
    assert callable(getattr(trt, name))


@pytest.mark.parametrize("name", LISTING["values"])
def test_type_names(name: str) -> None:
    assert repr(getattr(trt, name)) == LISTING["values"][name]


def test_everything_exported_is_in_tensorrt_11_4() -> None:
    real = {*LISTING["enums"], *CLASSES, *LISTING["functions"], *LISTING["values"], "__version__"}
    assert set(trt.__all__) <= real


def test_what_is_not_implemented_says_so_by_name() -> None:
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network, config = builder.create_network(0), builder.create_builder_config()
    with pytest.raises(NotImplementedError, match=r"tensorrt\.INetworkDefinition\.add_loop is in TensorRT 11\.4"):
        network.add_loop()
    with pytest.raises(NotImplementedError, match=r"BuilderFlag\.REFIT"):
        config.set_flag(trt.BuilderFlag.REFIT)
    with pytest.raises(NotImplementedError, match="IPluginV3"):
        type("Mine", (trt.IPluginV3,), {})()
    with pytest.raises(NotImplementedError, match="Refitter"):
        trt.Refitter(None, None)


def test_the_stand_in_is_a_distribution_named_tensorrt() -> None:
    tensorrt = pytest.importorskip("tensorrt")
    if not tensorrt.__version__.endswith("+nogpu"):
        pytest.skip("the real TensorRT is installed")
    assert tensorrt.Builder is trt.Builder
    assert tensorrt.__version__ == "11.4.0+nogpu"
    project = (Path(__file__).parents[2] / "standins" / "tensorrt" / "pyproject.toml").read_text()
    assert f'version = "{tensorrt.__version__}"' in project


READ_REAL = """
import ctypes, inspect, json, sys
for library in sys.argv[1:]:
    ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
import tensorrt_bindings as real
classes = {name: kind for name, kind in vars(real).items() if inspect.isclass(kind) and not name.startswith("_")}
listed = {name: kind for name, kind in classes.items() if hasattr(kind, "__members__")}
enums = {name: {k: int(v) for k, v in kind.__members__.items()} for name, kind in listed.items()}
words = {name: {member: str(getattr(kind, member).__doc__) for member in dir(kind)} for name, kind in classes.items()}
print(json.dumps([enums, words]))
"""


@pytest.mark.full
def test_the_listing_is_what_the_real_bindings_have(tmp_path: Path) -> None:
    enums, classes = _real_bindings(tmp_path)
    assert enums == LISTING["enums"]
    assert set(classes) == {*LISTING["enums"], *CLASSES}
    for name, facts in CLASSES.items():
        assert {*facts["properties"], *facts["methods"]} <= set(classes[name]), name
        for member, overloads in facts["methods"].items():
            for overload in overloads if member not in SPECIAL else ():
                line = r"\b" + member + r"\(" + ".*".join(re.escape(part[0]) for part in overload)
                assert re.search(line, classes[name][member]), f"{name}.{member}"


def _real_bindings(folder: Path) -> Any:
    """Return what the real bindings hold. They are read in a process of their own, over libraries without content."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    if subprocess.run([*command, "tensorrt_cu13_bindings==11.4.*"], capture_output=True).returncode:
        pytest.skip("the wheel of the real bindings cannot be fetched here")
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("there is no g++ for the empty libraries")
    zipfile.ZipFile(next(folder.glob("*.whl"))).extractall(folder)
    names = {
        "libnvinfer": "createInferBuilder_INTERNAL createInferRefitter_INTERNAL createInferRuntime_INTERNAL "
        "getBuilderPluginRegistry getPluginRegistry initLibNvInferPlugins",
        "libnvonnxparser": "createNvOnnxParserRefitter_INTERNAL createNvOnnxParser_INTERNAL getNvOnnxParserVersion",
        "libnvinfer_plugin": "",
    }
    libraries = []
    for library, functions in names.items():
        source = "".join(f'extern "C" void* {name}(...) {{ return 0; }}\n' for name in functions.split())
        target = folder / f"{library}.so.11"
        flags = ["-shared", "-fPIC", "-x", "c++", "-", f"-Wl,-soname,{target.name}", "-o", str(target)]
        subprocess.run([compiler, *flags], input=source, text=True, check=True)
        libraries.append(str(target))
    read = [sys.executable, "-c", READ_REAL, *libraries]
    done = subprocess.run(read, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
