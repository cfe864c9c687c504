"""`course grade --scheduler ADDRESS`: the same batch on the workers of a Dask cluster (extra `cluster`).

A worker gets a notebook's bytes and returns the row and the two files of that submission, so the machines need no
common disk. Every worker grades in a sandbox of its own and refuses where none holds. Called by `batch`.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from coursegrade.grading.gradebook import Row
from coursegrade.grading.grading_process import LazySandbox, Order, grade_one, lost_row
from coursegrade.grading.reader import Unreadable, read
from coursegrade.grading.report import write_whole
from coursegrade.grading.submissions import Found
from coursegrade.sandbox.sandbox import SAFE, open_sandbox

FILES = ("report.json", "feedback.html")
CURE = "--scheduler needs dask.distributed: pip install '.[cluster]'"


class NoCluster(Exception):
    """The cluster cannot be used; the message says why."""


@dataclass(frozen=True)
class Parcel:
    """One submission on its way to a worker."""

    student: str
    name: str
    file: str  # the notebook's own name
    data: bytes
    order: Order
    checks: tuple[tuple[str, bytes], ...]  # the instructor's private modules


def graded_on_cluster(found: list[Found], order: Order, address: str) -> Iterator[tuple[Found, Row]]:
    """Have every submission graded by the cluster at `address`; yield each with its row, as they are done.

    NoCluster if there is none. A submission whose worker dies is given to another one, three times at most.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise NoCluster(CURE) from None
    try:
        client = Client(address, timeout="20s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as problem:
        raise NoCluster(f"no Dask scheduler answers at {address}: {problem}") from None
    checks = _modules(order.private_checks)
    with client:
        waiting: dict[Any, Found] = {}
        futures = []
        unused = LazySandbox(order.rung)  # what cannot be read needs no sandbox, and never starts this one
        for each in found:
            try:
                data = _bytes(each)
            except Unreadable:
                yield each, grade_one(each, order, unused)
                continue
            parcel = Parcel(each.student, each.name, each.path.name, data, order, checks)
            future = client.submit(grade_parcel, parcel, pure=False, retries=0)
            waiting[future.key] = each
            futures.append(future)
        for future in as_completed(futures, loop=client.loop):
            each = waiting.pop(future.key)
            try:
                row = _unpacked(future.result(), order)
            except Exception as problem:  # whatever a worker or the network died of
                said = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
                row = lost_row(each, order, f"the cluster lost this submission: {said}")
            future.release()
            yield each, row


def _bytes(each: Found) -> bytes:
    read(each.path)  # refuses links, devices, what is too large and what is no notebook
    return each.path.read_bytes()


def _modules(folder: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((path.name, path.read_bytes()) for path in sorted(Path(folder).glob("*.py"))) if folder else ()


def _unpacked(answer: dict[str, Any], order: Order) -> Row:
    folder = Path(order.out) / answer["student"] / answer["name"]
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        write_whole(folder / name, answer["files"][name])
    return Row(**answer["row"])


_own = threading.local()


def grade_parcel(parcel: Parcel) -> dict[str, Any]:
    """Grade one submission on a worker; SandboxError where no sandbox holds there. Runs on the cluster."""
    with tempfile.TemporaryDirectory(prefix="course-parcel-") as place:
        top = Path(place)
        notebook = top / "in" / parcel.file
        notebook.parent.mkdir()
        notebook.write_bytes(parcel.data)
        order = replace(parcel.order, out=str(top / "out"))
        if parcel.checks:
            # under their own hash: modules of the same content are loaded once
            order = replace(order, private_checks=str(_kept_checks(parcel)))
        row = grade_one(Found(parcel.student, parcel.name, notebook), order, _sandbox(parcel.order))
        folder = top / "out" / parcel.student / parcel.name
        files = {name: (folder / name).read_text(encoding="utf-8") for name in FILES}
    return {"student": parcel.student, "name": parcel.name, "row": asdict(row), "files": files}


def _kept_checks(parcel: Parcel) -> Path:
    folders: dict[str, tempfile.TemporaryDirectory[str]] = vars(_own).setdefault("folders", {})
    if parcel.order.version not in folders:
        folders[parcel.order.version] = tempfile.TemporaryDirectory(prefix="course-checks-")
        for name, data in parcel.checks:
            (Path(folders[parcel.order.version].name) / name).write_bytes(data)
    return Path(folders[parcel.order.version].name)


def _sandbox(order: Order) -> LazySandbox:
    """Return this worker thread's sandbox, on the batch's rung; the first proves that it holds on this machine."""
    known: dict[str, LazySandbox] = vars(_own).setdefault("sandboxes", {})
    if order.rung not in known:
        sandbox = LazySandbox(order.rung)
        if order.rung in SAFE:
            sandbox.started = open_sandbox((order.rung,))
        known[order.rung] = sandbox
    return known[order.rung]
