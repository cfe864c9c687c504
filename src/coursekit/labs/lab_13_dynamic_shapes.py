"""The checks of lab 13: profiles from traffic, several in one engine, refusals, a server, and a cache of plans."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.labs.lab_13_models import Array, classifier, elementwise
from coursekit.labs.lab_13_pictures import draw_profiles
from coursekit.student import Handle, Raised, Student

LAB = Lab("13", "lab_13_dynamic_shapes", "Dynamic shapes and production")
FIXTURES = "coursekit.labs.lab_13_fixtures"
Triple = tuple[int, int, int]


def _half(counts: Array) -> int:
    """Return the smallest index up to which at least half of the counts lie."""
    return int(np.argmax(2 * np.cumsum(counts) >= counts.sum()))


def _profiles(requests: Array, border: int, opt: Any) -> list[Triple]:
    """Return a profile for each group of sizes that occur, `opt` choosing in the group's histogram."""
    found = []
    sizes = np.arange(len(requests))
    for inside in ((sizes >= 1) & (sizes <= border), sizes > border):
        group = np.where(inside, requests, 0)
        if group.any():
            seen = np.flatnonzero(group)
            found.append((int(seen[0]), int(opt(group)), int(seen[-1])))
    return found


def _images(group: Array) -> Array:
    return group * np.arange(len(group))


@LAB.task(
    "13.1", "Profiles from a histogram", points=3, minutes=12, difficulty=2, importance=4, names=("profiles_for",)
)
def check_profiles(student: Student, rng: np.random.Generator) -> None:
    large = rng.integers(1, 50, 20)
    day = _day(rng)
    histograms = {
        "a day of small and large batches": (day, 5),
        "a day with requests of no images": (np.concatenate([[900], day[1:]]), 5),
        "a day on which the border's own size occurs": (day, 4),
        "seventeen images, eight of them in small requests": (np.array([0, 5, 0, 1, 0, 0, 0, 0, 0, 1]), 9),
        "one size only": (np.eye(9, dtype=np.int64)[4] * 7, 6),
        "traffic above the border only": (np.concatenate([np.zeros(5, np.int64), large]), 4),
        "two sizes that share the images equally": (np.array([0, 0, 6, 0, 3, 0, 0]), 6),
    }
    for name, (requests, border) in histograms.items():
        expected = _profiles(requests, border, lambda group: _half(_images(group)))
        got = student.call("profiles_for", requests.astype(np.int64), border)
        _judge_profiles(name, requests, border, expected, got)


def _day(rng: np.random.Generator) -> Array:
    """Return a day of small and large batches, on which each usual mistake gives another opt for the large ones."""
    while True:
        large = np.concatenate([[200, 120], rng.integers(1, 50, 18), [90, 60]])
        day = np.concatenate([[0, 0], rng.integers(200, 250, 3), [0, 0, 0, 0], large, [0, 0, 0]])
        group = np.where(np.arange(len(day)) > 5, day, 0)
        if len({int(opt(group)) for opt in (_half, np.argmax, _middle, _mean, lambda g: _half(_images(g)))}) == 5:
            return day


def _judge_profiles(name: str, requests: Array, border: int, expected: list[Triple], got: Any) -> None:
    what = f"For {name} (border {border})"
    form = "Return a list with one tuple (min, opt, max) of ints for each group that has requests."
    right = isinstance(got, list) and all(isinstance(each, tuple | list) and len(each) == 3 for each in got)
    require(right, f"{what}, `profiles_for` returned {str(got)[:80]}", form)
    triples = [tuple(int(size) for size in each) for each in got]
    if triples == expected:
        return

    def picture() -> Any:
        return draw_profiles(requests, triples, expected)

    what = f"{what}, the profiles should be {expected}; they are {triples}"
    if len(triples) != len(expected):
        raise Wrong(what, "A group in which nobody asked for anything gets no profile.", picture)
    if any(each[0] == 0 for each in triples):
        raise Wrong(what, "A request of 0 images needs no engine: entry 0 of the histogram does not count.", picture)
    ends = [(a, c) for a, _, c in triples] == [(a, c) for a, _, c in expected]
    if not ends:
        if [(a, c) for a, _, c in triples] == [(a, c) for a, _, c in _profiles(requests, border - 1, _middle)]:
            raise Wrong(what, "The border's own size belongs to the small group: up to it, and above it.", picture)
        hint = "min and max are the smallest and largest size *that occur* in the group, not the array's ends."
        raise Wrong(what, hint, picture)
    mistakes = {
        "Your opt halves the requests; a request of 30 images is 30 images' work: halve the images.": _half,
        "Your opt is the most frequent size. Asked for is the size up to which half of the images lie.": np.argmax,
        "Your opt lies in the middle between min and max, whatever the traffic is.": _middle,
        "Your opt is the mean size of the requests. Asked for is the size up to which half of the images lie.": _mean,
        "Exactly half of the images is enough: the smallest size with *at least* half of them up to it.": _above_half,
        "Half of an odd number is no whole one: 8 of 17 images are less than half of them.": _below_half,
    }
    for hint, opt in mistakes.items():
        if triples == _profiles(requests, border, opt):
            raise Wrong(what, hint, picture)
    raise Wrong(what, "Multiply the histogram by the sizes, add up from the left, and stop at half.", picture)


def _middle(group: Array) -> int:
    seen = np.flatnonzero(group)
    return int(seen[0] + seen[-1]) // 2


def _mean(group: Array) -> int:
    return round(float(np.average(np.arange(len(group)), weights=group)))


def _above_half(group: Array) -> int:
    counts = _images(group)
    return int(np.argmax(2 * np.cumsum(counts) > counts.sum()))


def _below_half(group: Array) -> int:
    counts = _images(group)
    return int(np.argmax(np.cumsum(counts) >= counts.sum() // 2))


def _batch(rng: np.random.Generator, count: int, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal((count, *shape)).astype(np.float32)


@LAB.task(
    "13.2", "Two profiles in one engine", points=4, minutes=15, difficulty=2, importance=5, names=("build_engine",)
)
def check_build(student: Student, rng: np.random.Generator) -> None:
    cases = [
        ("images", (1, 8, 8), [(1, 1, 4), (6, 8, 32)]),
        ("signal", (3, 5), [(2, 3, 5), (1, 1, 1), (7, int(rng.integers(8, 16)), 20)]),
    ]
    for name, shape, sizes in cases:
        model, compute = classifier(rng, name, shape, 16)
        content = _plan(student, model, sizes, f"the input {name} of shape (batch, {', '.join(map(str, shape))})")
        try:
            loaded = student.make(f"{FIXTURES}:Loaded", content)
        except Raised as error:
            hint = "Return `bytes(plan)` of what `build_serialized_network` gave."
            raise Wrong(f"Your plan cannot be loaded: {error.text}", hint) from None
        _judge_ranges(loaded.call("profiles"), sizes, shape)
        for number, (least, _, most) in enumerate(sizes):
            for count in (least, most):
                batch = _batch(rng, count, shape)
                got = loaded.call("logits", number, batch)
                what = f"The logits of {count} inputs under profile {number}"
                require(got is not None, f"Your engine refuses {count} inputs under profile {number}")
                expect_close(got, compute(batch), what, "Was the whole network parsed?", rtol=1e-2, atol=1e-2)
    _expect_build_refusals(student, rng)


def _plan(student: Student, model: bytes, sizes: list[Triple], what: str) -> Handle:
    try:
        content = student.call("build_engine", model, [list(each) for each in sizes], keep=True)
    except Raised as error:
        if error.kind == "NotImplementedError":
            raise  # the task is not begun yet
        hint = "Name and shape belong to the model: `network.get_input(0)` knows them."
        raise Wrong(f"For {what} your code raised {error}", hint) from None
    require(
        content.type_name == "bytes",
        f"`build_engine` should return bytes; for {what} it returned {content.type_name}",
        "None means that the build failed; an IHostMemory becomes bytes by `bytes(...)`.",
    )
    return content


def _judge_ranges(seen: list[Any], sizes: list[Triple], shape: tuple[int, ...]) -> None:
    wanted = [[[size, *shape] for size in each] for each in sizes]
    if seen == wanted:
        return
    what = f"The engine should have {len(wanted)} profiles, of batches {[list(each) for each in sizes]}; it has "
    batches = [[each[0] for each in triple] for triple in seen]
    what += f"{len(seen)}, of batches {batches}"
    if len(seen) == 1 and seen[0] == wanted[-1]:
        raise Wrong(what, "One profile object was overwritten: `create_optimization_profile` anew for each profile.")
    if len(seen) < len(wanted):
        raise Wrong(what, "Each profile has to be added to the config: `add_optimization_profile` within the loop.")
    if len(seen) == len(wanted) and all(each == seen[-1] for each in seen):
        raise Wrong(what, "All profiles are the same one: create a new profile object for each.")
    if sorted(batches) == sorted(list(each) for each in sizes):
        raise Wrong(what, "The right profiles in another order: their numbers follow the order in which you add them.")
    if batches != [list(each) for each in sizes]:
        raise Wrong(what, "`set_shape` takes min, opt and max in this order.")
    raise Wrong(
        f"The shapes of your profiles are {seen}; they should be {wanted}", "All dimensions but the batch stay."
    )


def _expect_build_refusals(student: Student, rng: np.random.Generator) -> None:
    model, _ = classifier(rng, "images", (1, 8, 8), 16)
    cases = {
        "a model that is no ONNX file": (
            b"this is no model",
            [[1, 2, 4]],
            "`parse` returns False and does not raise: look at its answer.",
        ),
        "two profiles, the second with min 4, opt 2, max 8": (
            model,
            [[1, 1, 2], [4, 2, 8]],
            "`add_optimization_profile` returns -1 for a profile that is not min <= opt <= max, and the build goes on "
            "without it.",
        ),
        "a free batch and no profile": (
            model,
            [],
            "`build_serialized_network` returns None when it fails: look at its answer.",
        ),
    }
    for what, (content, sizes, hint) in cases.items():
        try:
            answer = student.call("build_engine", content, sizes, keep=True)
        except Raised as error:
            said = f"Given {what}, `build_engine` should raise ValueError; it raised {error}"
            if error.kind == "RuntimeError":
                hint = "The task asks for ValueError in all three cases."
            require(error.kind == "ValueError", said, hint)
            continue
        raise Wrong(f"Given {what}, `build_engine` should raise ValueError; it returned {answer.type_name}", hint)


@LAB.task(
    "13.3", "Who takes this shape?", points=3, minutes=10, difficulty=2, importance=3, names=("accepting_profiles",)
)
def check_accepting(student: Student, rng: np.random.Generator) -> None:
    features, far = int(rng.integers(3, 7)), int(rng.integers(40, 60))
    ranges = [((1, 1), (4, 16)), ((1, 8), (3, far)), ((5, 4), (32, 4))]  # (batch, length), least and most
    shapes = [[[*least, features], [*most, features], [*most, features]] for least, most in ranges]
    name = str(rng.choice(["sentences", "tokens"]))
    content = student.make(f"{FIXTURES}:plan", elementwise(name, ["batch", "length", features]), shapes).value()
    questions = {
        (2, 10, features): "",
        (2, 17, features): "",
        (6, 5, features): "",
        (3, far, features): "Both ends belong to the range.",
        (1, 1, features): "Both ends belong to the range.",
        (5, 4, features): "Both ends belong to the range.",
        (4, 20, features): "An empty list says that no profile takes it.",
        (2, 10, features + 1): "A dimension that is not free has min = max in each profile, and has to fit as well.",
        (2, 10): "A shape with another number of dimensions fits nowhere: `zip` stops at the shorter one.",
        (2, 10, features, 1): "A shape with another number of dimensions fits nowhere: `zip` stops at the shorter one.",
    }
    for shape, hint in questions.items():
        expected = [
            number
            for number, (least, most) in enumerate(ranges)
            if len(shape) == 3
            and all(a <= n <= b for a, n, b in zip((*least, features), shape, (*most, features), strict=True))
        ]
        got = student.call("accepting_profiles", content, shape)
        if got == expected:
            continue
        said = f"a value of type {got.type_name}" if isinstance(got, Handle) else str(got)[:60]
        what = f"The profiles {ranges} × {features} take the shape {shape} in {expected}; you say {said}"
        first = expected[:1]
        if got == (first[0] if first else None) or (got == first and len(expected) > 1):
            raise Wrong(what, "All profiles that take it are asked for, as a list of their numbers.")
        if not hint and got == [k for k, (a, b) in enumerate(ranges) if a[0] <= shape[0] <= b[0]]:
            raise Wrong(what, "You compare the batch only: every dimension has to lie in its range.")
        raise Wrong(what, hint or "Every dimension has to lie between min and max of the same profile.")


@LAB.task(
    "13.4", "A server that refuses", points=5, minutes=22, difficulty=4, importance=5, names=("Server",),
    self_reported="which profile was active",
)  # fmt: skip
def check_server(student: Student, rng: np.random.Generator) -> None:
    # Wide, so that a run takes milliseconds: an answer returned before it has ended is a wrong one.
    model, compute = classifier(rng, "images", (1, 8, 8), 24_576)
    gap = [(1, 1, 4), (6, 8, 16)]
    overlap = [(1, 16, 24), (1, 2, 9)]
    _serve(student, rng, model, compute, gap, [2, 9, 1, 16, 6, 4], {5: 0, 17: 1, 0: 0})
    _serve(student, rng, model, compute, overlap, [3, 20, 8, 9, 10, 1], {25: 1})


def _serve(
    student: Student, rng: np.random.Generator, model: bytes, compute: Any, sizes: list[Triple], order: list[int],
    outside: dict[int, int],
) -> None:  # fmt: skip
    """Send batches of the sizes in `order`, then some that fit nowhere, then the first again."""
    shapes = [[[n, 1, 8, 8] for n in each] for each in sizes]
    server = student.call("Server", student.make(f"{FIXTURES}:plan", model, shapes), keep=True)
    ranges = " and ".join(f"{a} to {c} (opt {b})" for a, b, c in sizes)

    def send(count: int) -> None:
        batch = _batch(rng, count, (1, 8, 8))
        what = f"With profiles of {ranges}, your answer for {count} images after others"
        try:
            got = server.call("__call__", batch)
        except Raised as error:
            hint = "A switch forgets shapes, and a batch may need another profile than the last: set both each time."
            if error.kind == "LogicError":  # CUDA's: a copy beyond the memory's end
                hint = "Allocate once, and enough for the largest batch of every profile."
            raise Wrong(f"With profiles of {ranges}, a batch of {count} raised {error}", hint) from None
        expected = compute(batch)
        if isinstance(got, np.ndarray) and got.ndim == 2 and len(got) < count:
            raise Wrong(f"{what} has {len(got)} rows", "A batch is answered whole or refused, never cut off.")
        hint = (
            "In this order: choose the profile, set the shape, copy in, run, copy back, synchronise, return; look at "
            "each answer. Each tensor needs its address, and memory that is large enough for every profile."
        )
        expect_close(got, expected, what, hint, rtol=1e-2, atol=1e-2, picture=False)
        fitting = [k for k, (a, _, c) in enumerate(sizes) if a <= count <= c]
        nearest = min(fitting, key=lambda k: abs(sizes[k][1] - count))
        active = _active(server)
        what = (
            f"With profiles of {ranges}, {count} images should run under profile {nearest}; profile {active} was active"
        )
        require(
            active == nearest, what, "Where several profiles take a batch, the one with the nearest opt is asked for."
        )

    for count in order:
        send(count)
    wrong = [(count, (1, 8, 8)) for count in outside] + [(2, (1, 8, 9))]
    for count, shape in wrong:
        _expect_refusal(server, _batch(rng, count, shape), sizes, ranges)
        send(order[0])


def _active(server: Handle) -> int:
    """Return the number of the profile that the server's one context uses."""
    try:
        return int(server.attribute("context.active_optimization_profile"))
    except Raised as error:
        hint = "The task asks for one context, as `self.context`: the check asks it which profile is active."
        raise Wrong(f"`server.context` is no context: {error}", hint) from None


def _expect_refusal(server: Handle, batch: Array, sizes: list[Triple], ranges: str) -> None:
    what = f"With profiles of {ranges}, a batch of shape {batch.shape}"
    try:
        server.call("__call__", batch)
    except Raised as error:
        said = f"{what} should be refused with ValueError; it raised {error}"
        require(error.kind == "ValueError", said, "Decide before anything is copied, and raise ValueError yourself.")
        if batch.shape[1:] == (1, 8, 8):
            named = all(str(size) in error.text for a, _, c in sizes for size in (a, c))
            hint = "Whoever reads the message wants to know what would be taken: name min and max of every profile."
            require(named, f'{what} is refused, but the message "{error.text[:90]}" does not name the ranges', hint)
        return
    hint = "`set_input_shape` says False and the context keeps its old shape: raise ValueError instead of going on."
    raise Wrong(f"{what} fits no profile, and it was answered", hint)


@LAB.task("13.5", "A cache of plans", points=5, minutes=20, difficulty=3, importance=5, names=("PlanCache",))
def check_cache(student: Student, rng: np.random.Generator) -> None:
    plans, build = student.make(f"{FIXTURES}:Plans"), student.make(f"{FIXTURES}:Build", int(rng.integers(2**31)))
    path = plans.attribute("path")
    around = {"tensorrt": "11.4.0", "device": "NVIDIA L4", "capability": "8.9"}
    secret, model = rng.bytes(16), rng.bytes(500)
    options = {"profiles": [[1, 1, 4], [5, 16, 64]], "level": 3}
    kept: dict[str, bytes] = {}

    def ask(what: str, built: bool, hint: str, **changed: Any) -> None:
        """Ask a fresh cache, as after a restart, and require that it built, or did not."""
        given = {"around": around, "secret": secret, "model": model, "options": options} | changed
        cache = student.call("PlanCache", path, given["around"], given["secret"], keep=True)
        before = build.attribute("count")
        try:
            got = cache.call("get", given["model"], given["options"], build)
        except Raised as error:
            if error.kind == "NotImplementedError":
                raise
            raise Wrong(f"{what}: your cache raised {error}", hint) from None
        times = build.attribute("count") - before
        if times != built:
            did = "built nothing" if not times else "built" if times == 1 else f"built {times} times"
            raise Wrong(
                f"{what}: your cache {did}, and should have {'built once' if built else 'taken its plan'}", hint
            )
        key = repr(sorted((name, repr(sorted(v.items()) if isinstance(v, dict) else v)) for name, v in given.items()))
        if built:
            kept[key] = build.attribute("last")
        said = f"{what}: `get` should return the plan, {len(kept[key])} bytes; it returned {_of(got)}"
        require(got == kept[key], said, hint if not built else "Return exactly what `build` returned, as bytes.")

    hint = "Nothing is kept yet: build, keep it, return it. JSON holds no bytes: `hashlib.sha256(model).hexdigest()`."
    ask("The first time", True, hint)
    by_hash = [name for name in plans.call("names") if re.fullmatch(r"-?\d{1,20}", name.split(".")[0])]
    hint = "Python's `hash` of text or bytes differs from process to process; take `hashlib.sha256(...).hexdigest()`."
    what = f"Your file {(by_hash or [''])[0]} is named by a small number: after a real restart nobody would find it"
    require(not by_hash, what, hint)
    forgeable = plans.call("forgeable")
    what = f"The file {forgeable} is sealed by a SHA-256 that anybody can compute"
    hint = "Whoever can write the file can write a plain hash beside it: seal with `hmac` and the secret."
    require(not forgeable, what, hint)
    ask("Again, after a restart", False, "A new PlanCache on the same folder should find the plan: keep it in a file.")
    turned = dict(reversed(options.items()))
    hint = "The same options in another order are the same options: `json.dumps(..., sort_keys=True)`."
    ask("The same options, written in another order", False, hint, options=turned)
    changes: dict[str, dict[str, Any]] = {
        "Other profiles": {"options": options | {"profiles": [[1, 1, 4], [5, 32, 64]]}},
        "Another level": {"options": options | {"level": 5}},
        "TensorRT 11.5.0": {"around": around | {"tensorrt": "11.5.0"}},
        "Another GPU": {"around": around | {"device": "NVIDIA T4", "capability": "7.5"}},
        "A model with one other byte": {"model": model[:-1] + bytes([model[-1] ^ 1])},
    }
    for what, changed in changes.items():
        (part,) = changed
        name = {"options": "the options", "around": "the surroundings", "model": "the model's content"}[part]
        ask(what, True, f"A plan belongs to what it was built from: {name} must be part of its name.", **changed)
    hint = "Going back to something built before needs no build: one file for each, none overwritten or deleted."
    ask("Back to the first model and options", False, hint)
    ask("Back to the other profiles", False, hint, **changes["Other profiles"])
    damages = {
        "truncated": "All files cut short",
        "empty": "All files emptied",
        "a flipped bit": "A bit flipped in all files",
    }
    for how, said in damages.items():
        plans.call("damage", how)
        hint = (
            "A file may not be what you wrote: look at the seal before you return its plan, and build if it is broken."
        )
        ask(said, True, hint)
        ask(f"{said}, asked for again", False, "After a rebuild the whole plan should be in the file again.")
    ask("The other profiles, damaged before", True, "Each damaged plan is built again.", **changes["Other profiles"])
    plans.call("damage", "exchanged")
    hint = "A whole, sealed plan under another plan's name is the wrong plan: seal the name together with the content."
    ask("Two files exchanged", True, hint)
    hint = "Whoever can write the file can write a plain hash beside it: seal with `hmac` and the secret."
    ask("A plan that was sealed with another secret", True, hint, secret=rng.bytes(16))


def _of(got: Any) -> str:
    if isinstance(got, bytes):
        return f"{len(got)} other bytes"
    return f"a value of type {getattr(got, 'type_name', type(got).__name__)}"
