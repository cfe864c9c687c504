"""Finds which attributes of `tensorrt` and `pycuda` a notebook's code uses, and which of them the real packages lack.

Names are followed as far as reading allows: through imports, assignments, calls whose result is known, `with`,
annotations, and the customary names of parameters (`engine`, `context`, …). What cannot be followed is not judged.

A kind is a string: "module tensorrt", "class tensorrt.Builder" (the class itself), "object tensorrt.Builder" (an
instance), "callable tensorrt.Builder.create_network". The real names come from nogpu_tensorrt/bindings_11_4.json,
real_names.json and PyCUDA's own Python layer, which is installed with the stand-in, too.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TENSORRT = json.loads((HERE / "nogpu_tensorrt" / "bindings_11_4.json").read_text())
RECORDED = json.loads((HERE / "real_names.json").read_text())
DRIVER: dict[str, list[str]] = RECORDED["pycuda._driver"]
# The bindings write these signatures as (*args, **kwargs), so the listing does not tell what comes back.
RETURNS: dict[str, str] = RECORDED["tensorrt returns"] | {
    "ICudaEngine.create_execution_context": "IExecutionContext",
    "Runtime.deserialize_cuda_engine": "ICudaEngine",
    "Builder.build_serialized_network": "IHostMemory",
}
PARAMETERS = {
    "engine": "ICudaEngine", "context": "IExecutionContext", "builder": "Builder", "network": "INetworkDefinition",
    "config": "IBuilderConfig", "parser": "OnnxParser", "runtime": "Runtime", "profile": "IOptimizationProfile",
}  # fmt: skip
SEVERITIES = {"Severity", "INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"}  # also names of ILogger itself
ALWAYS = {"__version__", "__name__", "__doc__", "__file__"}


class NotThere(LookupError):
    """The real package has no such name."""


def member(kind: str, name: str) -> str:
    """Return the kind of an attribute; "" where it is not known. NotThere if the real package has no such name."""
    what, _, full = kind.partition(" ")
    if name in ALWAYS or what not in ("module", "class", "object"):
        return ""
    if full.partition(".")[0] == "tensorrt":
        return _of_tensorrt_module(name) if what == "module" else _of_tensorrt_class(full.split(".", 1)[1], name)
    return _of_pycuda(what, full, name)


def _of_tensorrt_module(name: str) -> str:
    if name in TENSORRT["classes"] or name in TENSORRT["enums"]:
        return f"class tensorrt.{name}"
    if name in TENSORRT["functions"] or name in TENSORRT["values"]:
        return ""
    raise NotThere(f"tensorrt.{name}")


def _bases(owner: str) -> Iterator[str]:
    yield owner
    for base in TENSORRT["classes"].get(owner, {}).get("bases", ()):
        yield from _bases(base)


def _of_tensorrt_class(owner: str, name: str) -> str:
    if owner in TENSORRT["enums"]:
        if name in TENSORRT["enums"][owner] or name in ("name", "value", "__members__"):
            return f"object tensorrt.{owner}"
        raise NotThere(f"tensorrt.{owner}.{name}")
    for base in _bases(owner):
        facts = TENSORRT["classes"].get(base, {"methods": {}, "properties": {}})
        if name in facts["methods"]:
            return f"callable tensorrt.{base}.{name}"
        if name in facts["properties"]:
            return ""
    if "ILogger" in _bases(owner) and name in SEVERITIES:
        return ""
    raise NotThere(f"tensorrt.{owner}.{name}")


def _is_python_layer(value: Any) -> bool:
    """Say whether something is written in one of PyCUDA's own Python files, which the stand-in takes unchanged."""
    module = inspect.getmodule(value)
    place = getattr(module, "__name__", "")
    return place.startswith("pycuda.") and place != "pycuda._driver"


def _of_pycuda(what: str, full: str, name: str) -> str:
    found = importlib.import_module(full) if what == "module" else _pycuda_class(full)
    recorded = _recorded(found, what)
    value = inspect.getattr_static(found, name, None) if what != "module" else getattr(found, name, None)
    if what == "module" and value is None:
        try:
            importlib.import_module(f"{full}.{name}")
            return f"module {full}.{name}"
        except ImportError:
            pass
    in_python = name in vars(found) if recorded is None else _is_python_layer(value)
    if recorded is None and what != "module":
        in_python = hasattr(found, name) or _set_by_the_constructor(found, name)
    # PyCUDA's Device and Function answer for the attributes of their enumerations, in lower case.
    listed = {"Device": "device_attribute", "Function": "function_attribute"}.get(full.rpartition(".")[2], "")
    if name.islower() and name.upper() in DRIVER.get(listed, ()):
        return ""
    if not in_python and name not in (recorded or ()):
        raise NotThere(f"{full}.{name}")
    if inspect.isclass(value):
        return f"class {full}.{name}" if what == "module" else ""
    return f"callable {full}.{name}"


def _pycuda_class(full: str) -> Any:
    module, _, name = full.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _recorded(found: Any, what: str) -> list[str] | None:
    """Return the recorded names of something that C++ makes in a real PyCUDA; None for what is written in Python."""
    if what == "module":
        return DRIVER["module"] if found.__name__ in ("pycuda.driver", "pycuda.tools") else None
    names = [name for base in found.__mro__ for name in DRIVER.get(base.__name__, ())]
    return names if found.__name__ in DRIVER else None


def _set_by_the_constructor(found: Any, name: str) -> bool:
    ours = [base for base in found.__mro__ if base.__module__.startswith("pycuda.")]
    return any(f"self.{name} =" in inspect.getsource(base) for base in ours)


RESULTS = {  # of PyCUDA's functions and methods, where the result is followed further
    "pycuda.driver.mem_alloc": "pycuda.driver.DeviceAllocation",
    "pycuda.driver.to_device": "pycuda.driver.DeviceAllocation",
    "pycuda.compiler.SourceModule.get_function": "pycuda.driver.Function",
    "pycuda.driver.Context.get_device": "pycuda.driver.Device",
    "pycuda.gpuarray.to_gpu": "pycuda.gpuarray.GPUArray",
    "pycuda.gpuarray.zeros": "pycuda.gpuarray.GPUArray",
    "pycuda.gpuarray.empty": "pycuda.gpuarray.GPUArray",
    "pycuda.gpuarray.empty_like": "pycuda.gpuarray.GPUArray",
}


def called(kind: str) -> str:
    """Return the kind of what a call gives; "" where it is not known."""
    what, _, full = kind.partition(" ")
    if what in ("class", "returns"):
        return f"object {full}"
    if what == "callable" and full in RESULTS:
        return f"object {RESULTS[full]}"
    if what == "callable" and full.startswith("tensorrt."):
        result = RETURNS.get(full.removeprefix("tensorrt."), "")
        return f"object tensorrt.{result}" if result in TENSORRT["classes"] else ""
    return ""


class Reading(ast.NodeVisitor):
    """Reads one notebook's code from top to bottom. `missing` has (line, name) of what the real packages lack."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, set[str]]] = [{}]
        self.attributes: dict[str, set[str]] = {}  # of objects of the notebook's own classes, by name
        self.missing: list[tuple[int, str]] = []
        self.judged = 0

    def kinds(self, node: ast.expr | None) -> set[str]:
        """Return the kinds that an expression may have; an empty set where that is not known."""
        if isinstance(node, ast.Name):
            return next((scope[node.id] for scope in reversed(self.scopes) if node.id in scope), set())
        if isinstance(node, ast.Attribute):
            owners = self.kinds(node.value)
            return self._members(owners, node.attr) if owners else self.attributes.get(node.attr, set())
        if isinstance(node, ast.Call):
            return {called(kind) for kind in self.kinds(node.func)} - {""}
        if isinstance(node, ast.BoolOp):
            return set().union(*(self.kinds(value) for value in node.values))
        if isinstance(node, ast.IfExp):
            return self.kinds(node.body) | self.kinds(node.orelse)
        if isinstance(node, ast.NamedExpr):
            return self.kinds(node.value)
        return set()

    @staticmethod
    def _members(owners: set[str], name: str) -> set[str]:
        found = set()
        for owner in owners:
            try:
                found.add(member(owner, name))
            except NotThere:
                continue
        return found - {""}

    def bind(self, target: ast.expr, kinds: set[str]) -> None:
        """Remember what a name now is."""
        if isinstance(target, ast.Name):
            self.scopes[-1][target.id] = kinds
        elif isinstance(target, ast.Attribute) and kinds:
            self.attributes.setdefault(target.attr, set()).update(kinds)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.partition(".")[0] in ("tensorrt", "pycuda"):
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                self.scopes[-1][alias.asname or name] = {f"module {name}"}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if (node.module or "").partition(".")[0] in ("tensorrt", "pycuda"):
            for alias in node.names:
                kind = self._judge(f"module {node.module}", alias.name, node.lineno)
                self.scopes[-1][alias.asname or alias.name] = {kind} - {""}

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for part, value in zip(target.elts, node.value.elts, strict=False):
                    self.bind(part, self.kinds(value))
            elif isinstance(target, ast.Tuple):
                for part in target.elts:
                    self.bind(part, set())
            else:
                self.bind(target, self.kinds(node.value))

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, self.kinds(item.context_expr))
        for statement in node.body:
            self.visit(statement)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        for part in ast.walk(node.target):
            if isinstance(part, ast.Name):
                self.scopes[-1][part.id] = set()
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if re.search(r"_20\d\d$", node.name):  # `classify_2019` is shown as it was written in that year
            return
        known = any("module tensorrt" in kinds for scope in self.scopes for kinds in scope.values())
        scope: dict[str, set[str]] = {}
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            kinds = {kind.replace("class ", "object ", 1) for kind in self.kinds(argument.annotation)}
            if argument.annotation is not None:
                self.visit(argument.annotation)
            elif known and argument.arg in PARAMETERS:
                kinds = {f"object tensorrt.{PARAMETERS[argument.arg]}"}
            scope[argument.arg] = kinds
        self.scopes.append(scope)
        for statement in node.body:
            self.visit(statement)
        self.scopes.pop()
        result = {kind.replace("class ", "returns ", 1) for kind in self.kinds(node.returns)}
        self.scopes[-1][node.name] = result

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        owners = self.kinds(node.value)
        answers = [self._ask(owner, node.attr) for owner in owners]
        if answers:
            self.judged += 1
        if answers and not any(answer is None for answer in answers):
            self.missing.append((node.lineno, str(answers[0])))

    @staticmethod
    def _ask(owner: str, name: str) -> str | None:
        """Return None if the real package has the name, else the sentence that says so."""
        try:
            member(owner, name)
        except NotThere as error:
            return str(error)
        return None

    def _judge(self, owner: str, name: str, line: int) -> str:
        self.judged += 1
        try:
            return member(owner, name)
        except NotThere as error:
            self.missing.append((line, str(error)))
            return ""


def read(cells: list[str]) -> Reading:
    """Read a notebook's code cells in order. A cell that catches AttributeError may ask for names that are gone."""
    reading = Reading()
    for cell in cells:
        tree, before = ast.parse(cell), len(reading.missing)
        reading.visit(tree)
        caught = [
            ast.unparse(node.type) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type
        ]
        if any("AttributeError" in each for each in caught):
            del reading.missing[before:]
    return reading
