"""The checks of lab 11: the way from an ONNX file to answers, and what happened to the network on that way.

Models and their names are fresh in each run. Results are compared with NumPy's, with a tolerance that allows TF32.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.labs import lab_11_models as models
from coursekit.labs.lab_11_models import Array, Model
from coursekit.student import Handle, Raised, Student

LAB = Lab("11", "lab_11_engine", "An engine")
FIXTURES = "coursekit.labs.lab_11_fixtures"
TELLS = "what the engine tells of itself"
NO_PROFILE = "The builder returned None: a free batch needs a profile, for each input, by the input's real name."


def _made(student: Student, name: str, *arguments: Any) -> Any:
    """Return what a fixture's function gives, as a copy."""
    return student.make(f"{FIXTURES}:{name}", *arguments).value()


def _engine(student: Student, model: Model, most: int = 8) -> Handle:
    plan = _made(student, "plan_of", model.file, model.shapes(1, min(4, most), most))
    return student.make(f"{FIXTURES}:engine_of", plan)


def _expect_results(got: Any, model: Model, inputs: dict[str, Array], what: str, hint: str) -> None:
    """Demand the model's outputs for these inputs, float ones within TF32's error."""
    expected = model.expected(inputs)
    for name in model.outputs:
        # Inputs and weights are of size 1, and so is TF32's error, even where ReLU leaves only small outputs.
        want, size = expected[name], max(float(abs(expected[name]).max(initial=0)), 0.5)
        if want.dtype.kind == "i":  # the largest column: where two are nearly equal, either will do
            scores = np.sort(expected[model.outputs[0]], axis=1)
            clear = scores[:, -1] - scores[:, -2] > 0.02 * float(abs(scores).max(initial=0))
            want = np.where(clear, want, got[name]) if np.shape(got[name]) == want.shape else want
        expect_close(got[name], want, f"{what}, output {name},", hint, rtol=0.01, atol=0.01 * size, picture=False)


@LAB.task("11.1", "Parse, and report every error", points=3, minutes=10, difficulty=2, importance=5,
          names=("parse_onnx",), self_reported="the kinds of the objects that it returns")  # fmt: skip
def check_parse(student: Student, rng: np.random.Generator) -> None:
    for model in (models.classifier(rng), models.two_inputs(rng)):
        facts = _made(student, "network_facts", _parsed(student, model.file))
        _expect_network(facts, model)
    for count in (1, 3, 2):
        file, nodes = models.with_unknown_operators(rng, count)
        error = _refusal(student, file, f"a model with {count} unknown operator{'s' * (count > 1)}")
        named = [node for node in nodes if node in error.text]
        what = f"Of {count} node{'s' * (count > 1)} that cannot be parsed, your error names {len(named)}"
        hint = "Put the parser's errors into the exception's text."
        if named:
            hint = "`parser.num_errors` says how many errors there are; get them all and put them into the message."
        elif "Plugin not found" in error.text:
            hint = "`error.desc()` says what is wrong, but not where: `str(error)` names the node as well."
        require(len(named) == count, what, hint)
        hint = "`str(error)`, or `error.desc()`, says what the parser found wrong with the node."
        require("Plugin not found" in error.text, "Your error names the nodes, but not what is wrong with them", hint)
    file, node = models.with_mixed_types(rng)
    require(
        node in _refusal(student, file, "a model that adds int32 to float32").text, f"Your error does not name {node}"
    )
    _refusal(student, rng.bytes(60), "60 random bytes")


def _parsed(student: Student, file: bytes) -> Handle:
    """Return what `parse_onnx` returns for a file that can be parsed; Wrong if it raises ValueError."""
    try:
        made: Handle = student.call("parse_onnx", file, keep=True)
    except Raised as error:
        if error.kind != "ValueError":
            raise
        hint = "`parser.parse` returns True when all went well: raise only when it returns False."
        raise Wrong(f"For a model that can be parsed, your code raised {error}", hint) from None
    return made


def _expect_network(facts: dict[str, Any], model: Model) -> None:
    if facts["kinds"] == ["INetworkDefinition"]:
        raise Wrong(
            "You return the network alone",
            "The parser owns the weights, and goes when your function ends: return (network, parser).",
        )
    what = f"You should return (network, parser); you return {' and '.join(facts['kinds'])}"
    hint = "Is a `return` missing?" if facts["kinds"] == ["NoneType"] else "`return network, parser`"
    require(facts["kinds"] == ["INetworkDefinition", "OnnxParser"], what, hint)
    what = f"Your network has the inputs {facts['inputs']} and {facts['outputs']} outputs"
    hint = "Give the network to the parser before it parses: `trt.OnnxParser(network, logger)`."
    require(facts["inputs"] == list(model.inputs) and facts["outputs"] == len(model.outputs), what, hint)


def _refusal(student: Student, file: bytes, what: str) -> Raised:
    """Return the ValueError that `parse_onnx` raises for a file; Wrong for anything else."""
    try:
        student.call("parse_onnx", file, keep=True)
    except Raised as error:
        if error.kind == "NotImplementedError" and not error.text:
            raise
        hint = "The task asks for a ValueError with the parser's words."
        require(error.kind == "ValueError", f"For {what}, you raise {error.kind}: {error.text[:100]}", hint)
        return error
    raise Wrong(
        f"For {what}, you return something, as if all were well",
        "`parser.parse` raises nothing: it returns False, and your function has to look at that.",
    )


@LAB.task("11.2", "Build", points=4, minutes=15, difficulty=3, importance=5, names=("build_plan",), self_reported=TELLS)
def check_build(student: Student, rng: np.random.Generator) -> None:
    for model in (models.two_inputs(rng), models.classifier(rng)):
        least, best, most = 2, int(rng.integers(3, 6)), int(rng.integers(6, 9))
        shapes = model.shapes(least, best, most)
        plan = _built(student, model, shapes)
        engine = student.make(f"{FIXTURES}:engine_of", plan)
        facts = _made(student, "facts", engine)
        require(facts["kind"] == "ICudaEngine", "TensorRT does not load what you return", "Return the plan's bytes.")
        expected = {name: [list(shape) for shape in three] for name, three in shapes.items()}
        _expect_profile(facts["profile"], expected)
        hint = "`config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED`, before the build."
        require(facts["detailed"], "The engine's inspector knows only the names of its layers", hint)
        inputs = model.batch(rng, most)
        _expect_results(_made(student, "run", engine, inputs), model, inputs, "Your engine's result", "")
    model = models.two_inputs(rng)
    incomplete = dict(list(model.shapes(1, 2, 3).items())[:1])
    try:
        student.call("build_plan", model.file, incomplete)
    except Raised as error:
        what = f"For a profile that lacks an input, you raise {error.kind}: {error.text[:100]}"
        hint = "Look at what `build_serialized_network` returns before you use it: None says that it failed."
        if error.kind == "ValueError":
            hint = "The task asks for RuntimeError."
        require(error.kind == "RuntimeError", what, hint)
        return
    raise Wrong(
        "For a profile that lacks an input, you raise nothing", "The builder returned None: raise RuntimeError."
    )


def _built(student: Student, model: Model, shapes: Any) -> bytes:
    try:
        plan = student.call("build_plan", model.file, shapes)
    except Raised as error:
        if error.kind == "KeyError":
            raise Wrong(f"Your code raised {error}", "The inputs' names are the keys of `shapes`.") from None
        if error.kind == "RuntimeError" or "NoneType" in error.text:
            hint = (
                "No plan: is the model parsed, has each input its min ≤ opt ≤ max, and the config the profile, one for "
                "all inputs? Ask `heard()`."
            )
            raise Wrong(f"Your code raised {error}, for a model that can be built", hint) from None
        raise
    kind = getattr(plan, "type_name", type(plan).__name__)
    hint = "`bytes(plan)` copies what IHostMemory holds."
    if kind == "ICudaEngine":
        hint = "That is the loaded engine; the plan is what `build_serialized_network` returns."
    require(isinstance(plan, bytes), f"build_plan should return bytes; it returned a value of type {kind}", hint)
    return plan


def _expect_profile(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, three in expected.items():
        got = found.get(name, [])
        if got == three:
            continue
        what = f"The profile of {name} should be {three}; it is {got}"
        hint = "One `profile.set_shape(name, *shapes[name])` for each input."
        if len(got) == 3 and got[0] == got[1] == got[2]:
            hint = "All three are the same shape, so the engine takes no other batch."
        raise Wrong(what, hint)


@LAB.task("11.3", "Save and load", points=3, minutes=10, difficulty=2, importance=5,
          names=("save_plan", "load_engine"), self_reported=TELLS)  # fmt: skip
def check_save_and_load(student: Student, rng: np.random.Generator) -> None:
    model = models.classifier(rng)
    plan = _made(student, "plan_of", model.file, model.shapes(1, 2, 4))
    folder, name = student.make(f"{FIXTURES}:Folder"), f"{models.word(rng)}.plan"
    path = folder.call("path", name)
    student.call("save_plan", plan, path)
    written = folder.call("read", name)
    hint = f"Write to exactly the path that you are given; the folder has {folder.call('names')}."
    require(written is not None, f"After save_plan there is no file {name}", hint)
    what = f"The file has {len(written or b'')} bytes, the plan {len(plan)}, and they are not the same"
    require(written == plan, what, "A plan is bytes: write it as it is, in binary.")
    older = f"{models.word(rng)}.plan"
    folder.call("write", older, rng.bytes(2 * len(plan)))
    student.call("save_plan", plan, folder.call("path", older))
    what = f"After save_plan into a file that was there before, it has {len(folder.call('read', older) or b'')} bytes"
    hint = f"The plan has {len(plan)}: nothing of the older file may stay."
    require(folder.call("read", older) == plan, what, hint)

    engine = student.call("load_engine", path, keep=True)
    kind = engine.type_name
    hint = "`runtime.deserialize_cuda_engine(bytes)` makes an engine of the file's bytes; return it."
    require(kind == "ICudaEngine", f"load_engine should return an engine; it returned a value of type {kind}", hint)
    inputs = model.batch(rng, 3)
    _expect_results(_made(student, "run", engine, inputs), model, inputs, "The loaded engine's result", "")

    # Damaged in ways that a disk or a colleague can think of; the last is another file altogether.
    cut = plan[: int(len(plan) * rng.uniform(0.3, 0.9))]
    for what, content in (("cut off", cut), ("empty", b""), ("an ONNX file", model.file), ("missing", None)):
        other = f"{models.word(rng)}.plan"
        if content is not None:
            folder.call("write", other, content)
        _expect_refusal(student, folder.call("path", other), other, what)


def _expect_refusal(student: Student, path: str, name: str, what: str) -> None:
    try:
        engine = student.call("load_engine", path, keep=True)
    except Raised as error:
        hint = "The task asks for ValueError in each case: catch what `open` raises, or ask first."
        require(error.kind == "ValueError", f"For a file that is {what}, you raise {error.kind}", hint)
        hint = "Whoever reads the message at night wants to know which file: put the path into it."
        require(name in error.text, f"For a file that is {what}, your message does not name the file", hint)
        return
    hint = "`deserialize_cuda_engine` raises nothing; it returns None, and the reason goes to the logger."
    raise Wrong(f"For a file that is {what}, load_engine returns a value of type {engine.type_name}", hint)


@LAB.task("11.4", "Run", points=4, minutes=25, difficulty=4, importance=5, names=("Session",))
def check_session(student: Student, rng: np.random.Generator) -> None:
    model = models.two_inputs(rng)
    session = _session(student, _engine(student, model), 6)
    for n in (4, 1, 6, 2):
        inputs = model.batch(rng, n)
        what = f"For a batch of {n}, your result"
        got = _results(session, inputs, model)
        _expect_types(got, model, inputs, what)
        _expect_results(got, model, inputs, what, _run_hint(got, model, inputs))
        if n == 4:  # early, since an answer that was not waited for may be right by luck below
            _expect_waiting(student, rng)
    inputs = model.batch(rng, 3)
    turned = {name: np.asfortranarray(array) for name, array in inputs.items()}
    double = {name: array.astype(np.float64) for name, array in inputs.items()}
    hint = "The engine reads one row after the other, in its own type: `np.ascontiguousarray(array, dtype)` first."
    _expect_results(_results(session, turned, model), model, inputs, "For arrays in Fortran's order, your result", hint)
    _expect_results(_results(session, double, model), model, inputs, "For float64 arrays, your result", hint)
    _expect_own_memory(student, session, model, rng)
    hint = (
        "There is memory for `largest` rows only: compare before you copy, look at what `set_input_shape` returns, and "
        "raise ValueError."
    )
    for n, what in ((7, "larger than `largest`"), (9, "that the engine's profile does not allow")):
        try:
            session.call("__call__", model.batch(rng, n))
        except Raised as error:
            require(error.kind == "ValueError", f"For a batch {what}, you raise {error}", hint)
        else:
            raise Wrong(f"For a batch {what}, you raise nothing", hint)


def _session(student: Student, engine: Handle, largest: int) -> Handle:
    try:
        return student.call("Session", engine, largest, keep=True)
    except Raised as error:
        raise _explained(error) from None


def _explained(error: Raised) -> Exception:
    """Return what to raise for an exception in a Session."""
    if error.kind == "NotImplementedError" and not error.text:
        return error
    hint = "Names, shapes and types are the engine's: ask it for them."
    if "negative" in error.text or "invalid argument" in error.text:
        hint = "-1 is no size: set the input shapes of the context, then ask the context for shapes, not the engine."
    return Wrong(f"Your code raised {error}", hint)


def _results(session: Handle, inputs: dict[str, Array], model: Model) -> dict[str, Any]:
    try:
        got = session.call("__call__", inputs)
    except Raised as error:
        raise _explained(error) from None
    kind = getattr(got, "type_name", type(got).__name__)
    what = f"Calling a Session should return a dict; it returned a value of type {kind}"
    require(isinstance(got, dict), what, "Keyed by the outputs' names: `{name: array, …}`.")
    what = f"The dict should have the outputs {sorted(model.outputs)}; it has {sorted(got)}"
    require(sorted(got) == sorted(model.outputs), what, "One entry for each output of the engine, by its name.")
    return got


def _expect_types(got: dict[str, Any], model: Model, inputs: dict[str, Array], what: str) -> None:
    for name, want in model.expected(inputs).items():
        array = got[name]
        kind = getattr(array, "type_name", type(array).__name__)
        require(isinstance(array, np.ndarray), f"{what}, output {name}, should be an array; it is of type {kind}")
        hint = "`trt.nptype(engine.get_tensor_dtype(name))` is the type of each output; not all are float32."
        require(array.dtype == want.dtype, f"{what}, output {name}, should be {want.dtype}; it is {array.dtype}", hint)
        hint = "Only the batch that came in has results: the rest of the memory is from earlier calls."
        if array.ndim != want.ndim:
            hint = "`context.get_tensor_shape(name)`, after the input shapes are set, is the output's shape."
        require(
            array.shape == want.shape,
            f"{what}, output {name}, should have the shape {want.shape}; it has {array.shape}",
            hint,
        )


def _run_hint(got: dict[str, Any], model: Model, inputs: dict[str, Array]) -> str:
    first, second = inputs
    scores = got[model.outputs[0]]
    if not np.any(scores):
        return "All zeros: was the run enqueued (what did `execute_async_v3` return?), and did you wait for the stream?"
    for name, other in ((first, second), (second, first)):
        twice = model.expected({first: inputs[name], second: inputs[name]})[model.outputs[0]]
        if np.allclose(scores, twice, rtol=0.02, atol=0.02):
            return f"It is what comes out if {other} has the values of {name}: does each input have memory of its own?"
    return (
        "Each tensor by its name: its shape set, memory of its own, its address, its array copied there. Then: did "
        "`execute_async_v3` return True, and did you wait for the stream?"
    )


def _expect_own_memory(student: Student, session: Handle, model: Model, rng: np.random.Generator) -> None:
    before, after = model.batch(rng, 3), model.batch(rng, 3)
    kept = session.call("__call__", before, keep=True)
    session.call("__call__", after)
    hint = "The arrays that you return are overwritten by the next call: return copies, or new arrays."
    _expect_results(kept.value(), model, before, "After a second call, the first call's result", hint)


def _expect_waiting(student: Student, rng: np.random.Generator) -> None:
    """Let an engine work so long that a result which was not waited for cannot be there.

    A copy into NumPy's own, pageable memory waits by itself, as with real CUDA: forgetting then does no harm.
    """
    model = models.two_inputs(rng, width=1024, depth=12)
    session = _session(student, _engine(student, model, 64), 64)
    for _ in range(2):
        inputs = model.batch(rng, 64)
        got = _results(session, inputs, model)
        hint = "The calls only put work into the stream: wait for the stream, by `synchronize()`, before you return."
        _expect_results(got, model, inputs, "For an engine that works for a while, your result", hint)


@LAB.task(
    "11.5",
    "Name the fusions",
    points=3,
    minutes=15,
    difficulty=3,
    importance=4,
    names=("fusions",),
    self_reported=TELLS,
)
def check_fusions(student: Student, rng: np.random.Generator) -> None:
    kinds: tuple[tuple[tuple[str, ...], bool], ...] = (
        (("Relu",), True),
        (("Abs", "Neg"), True),
        (("Tanh",), False),
        ((), False),
    )
    for activations, norm in kinds:
        model = models.classifier(rng, activations, norm)
        engine = _engine(student, model)
        got = student.call("fusions", engine)
        kind = getattr(got, "type_name", type(got).__name__)
        what = f"fusions should return a dict; it returned a value of type {kind}"
        require(isinstance(got, dict), what, "A layer's name, and the list of its nodes' names.")
        _expect_fusions(got, _made(student, "facts", engine)["information"])


def _expect_fusions(got: dict[str, Any], information: str) -> None:
    """Compare with the inspector's own word on the very same engine: another device may merge other nodes."""
    layers = {layer["Name"]: layer for layer in json.loads(information)["Layers"]}
    nodes = {
        name: re.findall(r"\[ONNX Layer: ([^\]]*)\]", str(each.get("Metadata", ""))) for name, each in layers.items()
    }
    expected = {name: found for name, found in nodes.items() if len(found) > 1}
    strange = [name for name in got if name not in layers]
    what = f"{(strange or [''])[0]!r} is no layer of the engine"
    require(not strange, what, "The dict's keys are the layers' names: the inspector's `Name`, unchanged.")
    single = [name for name in got if name in layers and name not in expected]
    what = f"{(single or [''])[0]!r} is made of a single node: nothing was merged"
    require(not single, what, "Leave out layers with fewer than two nodes.")
    for name, found in expected.items():
        hint = "A layer may hold several nodes although its name shows one or none: a BatchNorm leaves no trace there."
        require(name in got, f"Your answer lacks the layer {name!r}, made of {found}", hint)
        mine = got[name]
        said = f"a value of type {mine.type_name}" if isinstance(mine, Handle) else mine
        what = f"The layer {name!r} is made of {found}; you say {said}"
        hint = "`Metadata` lists the ONNX nodes: `[ONNX Layer: NAME]`, one after the other."
        if isinstance(mine, list) and set(mine) < set(found):
            hint = "The name does not say it all: what was folded away stands in `Metadata` only."
        elif isinstance(mine, list) and len(mine) == 1:
            hint = "Take the text apart: one string for each node."
        require(isinstance(mine, list) and sorted(map(str, mine)) == sorted(found), what, hint)


@LAB.task("11.6", "A script from 2019", points=3, minutes=15, difficulty=3, importance=4, names=("classify",))
def check_migration(student: Student, rng: np.random.Generator) -> None:
    for n in (int(rng.integers(3, 8)), 1, 20):
        model = models.classifier(rng)
        inputs = model.batch(rng, n)
        (batch,) = inputs.values()
        got = _classified(student, model.file, batch)
        want = model.expected(inputs)[model.outputs[0]]
        if isinstance(got, np.ndarray) and got.shape == want.shape:
            hint = (
                "Either the engine did not run (what does `execute_async_v3` return?), or it read and wrote elsewhere: "
                "each tensor needs the address of its own buffer."
            )
        else:
            hint = "The result has a row for each image: after `set_input_shape`, the context knows the shape."
        atol = 0.01 * float(abs(want).max())
        expect_close(got, want, f"Your answer for {n} images", hint, rtol=0.01, atol=atol, picture=False)


_OLD = {
    "has no attribute": "That name is of TensorRT 8. The message, or the lesson's table, says what it is called today.",
    "negative": "-1 is the free batch: set the context's input shape, and ask the context, not the engine.",
    "invalid argument": "-1 is the free batch: set the context's input shape, and ask the context, not the engine.",
    "NoneType": NO_PROFILE,
    "incompatible function arguments": NO_PROFILE,
}


def _classified(student: Student, file: bytes, batch: Array) -> Any:
    try:
        return student.call("classify", file, batch)
    except Raised as error:
        hint = next((hint for words, hint in _OLD.items() if words in error.text), "")
        if not hint:
            raise
        raise Wrong(f"For {len(batch)} images, your code raised {error}", hint) from None
