"""Runs a learner's CUDA kernel for a check and turns what is wrong with it into a `Wrong` with line, hint and picture.

Labs 07 to 10 call it. Each hands over the CUDA C text that the learner assigned to a name; nothing here executes
any Python of theirs. What a task is about (the right values, a budget of sectors) stays in the lab's own module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import nogpu
from coursekit.checks import Wrong
from coursekit.student import Raised, Student

COMPILE_HINTS = (  # what the compiler says, and what a Python programmer may not know
    (r'expected a "\("', "In C the condition of an `if` and the three parts of a `for` stand in parentheses."),
    (r'expected a "}"', "Every `{` needs its `}`: indentation means nothing in C."),
    (
        r'expected a ";"',
        "Every statement ends with `;`, and `;` separates the three parts of a `for`. A missing one is noticed late: "
        "look at the line above, too.",
    ),
    (
        r'identifier "(len|range|print|np|math|True|False|None)" is undefined',
        "That is Python's; C does not know it. A pointer has no length: the kernel's parameters say how much there is.",
    ),
    (r'identifier "\w+" is undefined', "Is it spelt right, and was it declared with a type before (`int i = ...;`)?"),
    (r"preprocessing directive", "A comment begins with `//` in C."),
    (r'operator "\[\]" matches', "A struct such as float4 has no index; its parts are .x, .y, .z and .w."),
    (r"pointer-to-object", "A pointer takes one index: element (x, y) of a picture is at [y * width + x]."),
    (r"these operands", "`threadIdx`, `blockIdx`, `blockDim` and `gridDim` have parts: .x, .y and .z."),
    (r"return value type", "A kernel is `void`: it returns nothing and writes its results into arrays."),
    (r"modifiable lvalue", "What is declared `const` may be read only."),
    (r"must be a pointer but has type", "C has no `**`: multiply, or call powf()."),
)
ENDLESS = (
    "Can what the loop's condition tests change in the loop? Without braces a loop repeats only the one statement "
    "below it."
)
ORDER = (
    "Either a thread relies on what another did before it, which CUDA does not promise, or a variable was never given "
    "a value (`float sum;`) and holds something else each time."
)
PARAMETERS = "Keep the kernel's parameters, their order and their types as the task gives them."
HINTS = {"wrong-dtype": PARAMETERS, "endless": ENDLESS, "order-dependence": ORDER}  # where a lab has none of its own
ORDERS = ("forward", "reverse", "shuffled")  # a kernel that is right in one order of its threads only is wrong


def kernel_source(student: Student, name: str, kernel: str) -> str:
    """Return the CUDA C text that the learner assigned to `name`; Wrong unless it is a str that defines `kernel`."""
    source = student.get(name)
    if not isinstance(source, str):
        kind = getattr(source, "type_name", type(source).__name__)
        raise Wrong(
            f"`{name}` should be a string of CUDA C; it is of type {kind}",
            'Assign the text of the kernel, in triple quotes: `NAME = """__global__ void ..."""`.',
        )
    if not re.search(rf"__global__[^;{{]*\b{re.escape(kernel)}\s*\(", source):
        raise Wrong(
            f"`{name}` defines no kernel named `{kernel}`",
            f"Its first line begins with `__global__ void {kernel}(`: the check looks the kernel up by that name.",
        )
    return source


def run(
    student: Student,
    source: str,
    kernel: str,
    *arguments: Any,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    shared: int = 0,
    options: tuple[str, ...] = (),
    orders: tuple[str, ...] = ORDERS,
    hints: Mapping[str, str] | None = None,
    seconds: float = 5.0,
) -> Any:
    """Run `kernel` once per order under the sanitizer and return its Report; arrays are changed in place.

    `arguments` are NumPy arrays and NumPy scalars of the kernel's own types. `hints` replaces the sanitizer's advice
    (and HINTS) by the lab's own, by kind of finding ("out-of-bounds", "race"). Raises Wrong where the source does not
    compile, the arguments do not fit the kernel's parameters, or the sanitizer reports an error: with the message, the
    line and a picture of the accesses.
    """
    how = {"grid": grid, "block": block, "shared": shared, "options": options, "orders": orders, "seconds": seconds}
    try:
        report = student.inspect(source, kernel, *arguments, **how)
    except nogpu.CompileFailure as failure:
        raise does_not_compile(str(failure), source) from None
    except Raised as error:
        if error.kind == "CompileFailure":
            raise does_not_compile(error.text, source) from None
        raise does_not_start(kernel, error.text) from None
    except (TypeError, ValueError, LookupError) as error:
        if isinstance(error, KeyError | IndexError):
            raise  # a fault of ours, none of the learner's
        raise does_not_start(kernel, str(error)) from None
    if report.errors:
        raise found(report, {**HINTS, **(hints or {})})
    return report


def found(report: Any, hints: Mapping[str, str]) -> Wrong:
    """Return the Wrong for a report's first error: what the sanitizer says, the line, a picture of the accesses."""
    finding = report.errors[0]
    line = f" Line {finding.line}: `{finding.text.strip()}`." if finding.line and finding.text.strip() else ""
    message = finding.message.rstrip(".")
    more = f" (and {len(report.errors) - 1} more)" if len(report.errors) > 1 else ""
    launch = launch_text(report.grid, report.block)
    what = f"`{report.kernel}` in {launch}: {finding.tool} reports {finding.kind}{more}: {message}.{line}"
    has_a_place = finding.thread is not None or finding.index is not None  # else a picture of the launch says nothing
    return Wrong(what, hints.get(finding.kind, finding.hint), picture_of(report, finding) if has_a_place else None)


def picture_of(report: Any, finding: Any = None) -> Callable[[], Any]:
    """Return a function that draws what a finding is about (drawn only where someone looks)."""

    def draw() -> Any:
        from coursekit.kernel_pictures import draw_finding

        return draw_finding(report, finding)

    return draw


def does_not_compile(text: str, source: str) -> Wrong:
    """Return the Wrong for a source that the compiler refuses: the first error, with its line."""
    match = re.search(r"\((\d+)\): (?:error: )?(.*)", text)
    if match is None:
        return Wrong(f"Your kernel does not compile: {text.strip().splitlines()[0] if text.strip() else 'no message'}")
    number, message = int(match[1]), match[2].strip()
    lines = source.splitlines()
    line = f", at `{lines[number - 1].strip()}`" if 0 < number <= len(lines) else ""
    hints = [advice for pattern, advice in COMPILE_HINTS if re.search(pattern, message)]
    hint = (hints or ["Read the first error only: later ones are often its consequences."])[0]
    return Wrong(f"Your kernel does not compile: line {number}: {message}{line}", hint)


def does_not_start(kernel: str, text: str) -> Wrong:
    """Return the Wrong for a kernel whose parameters are not those that the task states."""
    return Wrong(f"`{kernel}` could not be launched: {text.strip().rstrip('.')}", PARAMETERS)


def launch_text(grid: int | tuple[int, ...], block: int | tuple[int, ...]) -> str:
    """Return a launch in words: "4 blocks of 128 threads", "2 × 3 blocks of 16 × 16 threads"."""
    blocks, threads = _size(grid), _size(block)
    return f"{blocks} block{'s' * (blocks != '1')} of {threads} thread{'s' * (threads != '1')}"


def expect_at_most(report: Any, counter: str, limit: float, what: str, hint: str) -> None:
    """Raise Wrong unless a counter of the report's profile, total over all lines, is at most `limit`.

    `counter` names a field or property of `Counters` ("load_sectors_per_request"); `what` begins the sentence ("Your
    copy's sectors per load request"). The message names the line where it is largest; the picture shows its accesses.
    """
    value = getattr(report.profile.total, counter)
    if value <= limit:
        return
    lines = report.profile.lines
    worst = max(lines, key=lambda number: getattr(lines[number], counter), default=None)
    text = report.source.splitlines()[worst - 1].strip() if worst else ""
    where = f"; most at line {worst}: `{text}`" if worst else ""
    of_banks = counter == "bank_conflicts"
    picture = _picture_of_line(report, worst, of_banks)
    raise Wrong(f"{what}: {value:g}, and at most {limit:g} is asked for{where}", hint, picture)


def _picture_of_line(report: Any, line: int | None, of_banks: bool) -> Callable[[], Any] | None:
    if line is None:
        return None

    def draw() -> Any:
        from coursekit.kernel_pictures import draw_banks, draw_warp

        return (draw_banks if of_banks else draw_warp)(report, line=line)

    return draw


def _size(value: int | tuple[int, ...]) -> str:
    sizes = [value] if isinstance(value, int) else list(value)
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    return " × ".join(str(size) for size in sizes)
