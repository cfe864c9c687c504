"""Turns what the C++ compiler says into what a CUDA programmer expects to read: nvcc's form and words, the learner's
own lines, and no names of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .rewrite import FILE_NAME, TABLE_NAME
from .source import closing, kernels, line_of, masked, needs_preprocessing

MAXIMUM_ERRORS = 10
_THE_LIBRARYS = "if it is not yours, the C library has it; choose another name"

_MESSAGE = re.compile(rf"^{re.escape(FILE_NAME)}:(\d+):(\d+): (?:fatal )?(error|note): (.*)$")

# What g++ and clang++ say, and what nvcc says of the same mistake.
_WORDS = (
    (r"[‘'](\w+)[’'] was not declared in this scope.*", r'identifier "\1" is undefined'),
    (r"use of undeclared identifier [‘'](\w+)[’'].*", r'identifier "\1" is undefined'),
    (r"[‘'](\w+)[’'] does not name a type.*", r'identifier "\1" is undefined (it is used as a type)'),
    (r"unknown type name [‘'](\w+)[’'].*", r'identifier "\1" is undefined (it is used as a type)'),
    (r"expected [‘'],[’'] or [‘'];[’'] before .*", r'expected a ";"'),
    (r"expected [‘']([^’']+)[’'] before .*", r'expected a "\1"'),
    (r"expected [‘']([^’']+)[’'] (?:after|at end of|to match).*", r'expected a "\1"'),
    (r"expected primary-expression before .*", r"expected an expression"),
    (r"expected expression", r"expected an expression"),
    (r"expected declaration before [‘']}[’'] token", r'expected a declaration: there is one "}" too many'),
    (r"no matching function for call to [‘']([\w:]+)\(.*", r'no instance of function "\1" matches the argument list'),
    (r"too few arguments to function [‘'](.*)[’']", r"too few arguments in function call (\1)"),
    (r"too many arguments to function [‘'](.*)[’']", r"too many arguments in function call (\1)"),
    (r"redeclaration of [‘'](.*)[’']", r'"\1" has already been declared in the current scope'),
    (r"redefinition of [‘'](.*)[’']", r'function "\1" has already been defined'),
    (r"conflicting declaration [‘'](.*)[’'] with .*", r'declaration is incompatible with an earlier one of "\1"'),
    (r"assignment of read-only (?:location|parameter|variable|reference).*", r"expression must be a modifiable lvalue"),
    (r"cannot assign to .* (?:const-qualified|const).*", r"expression must be a modifiable lvalue"),
    (r"cannot initialize .* of type [‘'](.*?)[’'] with an? .*of type [‘'](.*?)[’'].*",
     r'a value of type "\2" cannot be used as a "\1"'),
    (r"assigning to [‘'](.*?)[’'] from incompatible type [‘'](.*?)[’'].*",
     r'a value of type "\2" cannot be used as a "\1"'),
    (r"invalid conversion from [‘'](.*)[’'] to [‘'](.*)[’'].*",
     r'a value of type "\1" cannot be used as a "\2"'),
    (r"cannot convert [‘'](.*?)[’'] to [‘'](.*?)[’'].*", r'a value of type "\1" cannot be used as a "\2"'),
    (r"no match for [‘']operator(\S+)[’'] \(operand types.*", r'no operator "\1" matches these operands'),
    (r"invalid operands to binary expression.*", r"no operator matches these operands"),
    (r"return-statement with a value, in function returning [‘']void[’'].*",
     r"return value type does not match the function type"),
    (r"void function .* should not return a value.*", r"return value type does not match the function type"),
    (r"invalid type argument of unary [‘']\*[’'] \(have [‘'](.*)[’']\)",
     r'operand of "*" must be a pointer but has type "\1"'),
    (r"indirection requires pointer operand \([‘'](.*)[’'] invalid\)",
     r'operand of "*" must be a pointer but has type "\1"'),
    (r"conflicting declaration of C function [‘'].*?(\w+)\(.*",
     r'more than one instance of overloaded function "\1" has "C" linkage: ' + _THE_LIBRARYS),
    (r"conflicting types for [‘'](\w+)[’']",
     r'more than one instance of overloaded function "\1" has "C" linkage: ' + _THE_LIBRARYS),
    (r"functions that differ only in their return type cannot be overloaded.*",
     r'more than one instance of an overloaded function has "C" linkage: ' + _THE_LIBRARYS),
    (r"[‘'].*?(\w+)(?: \[.*)?[’'] redeclared as different kind of (?:entity|symbol)",
     r'"\1" has already been declared: ' + _THE_LIBRARYS),
    (r"redefinition of [‘'](\w+)[’'] as different kind of symbol",
     r'"\1" has already been declared: ' + _THE_LIBRARYS),
    (r"exception handling disabled.*", "device code does not support exception handling"),
    (r"cannot use [‘'](?:throw|try)[’'] with exceptions disabled", "device code does not support exception handling"),
    (r"storage size of [‘'](\w+)[’'] isn[’']t constant",
     r'the size of "\1" must be a constant: #define it, or const int'),
    (r"variable length array declaration.*", r"the size of an array must be a constant: #define it, or const int"),
    (r"request for member [‘'](\w+)[’'] in .*, which is of (?:non-class|pointer) type [‘'](.*?)[’'].*",
     r'expression must have class type but it has type "\2": it has no ".\1"'),
    (r"ISO C\+\+ forbids declaration of [‘'](\w+)[’'] with no type.*", r'explicit type is missing before "\1"'),
    (r"[‘'](\w+)[’'] is not a member of [‘'](\w+)[’'].*", r'namespace "\2" has no member "\1"'),
    (r"no member named [‘'](\w+)[’'] in namespace [‘'](\w+)[’'].*", r'namespace "\2" has no member "\1"'),
    (r"stray [‘']#[’'] in program", r'unrecognized token "#": a directive such as #pragma stands on a line of its own'),
    (r"call to .* declared with .*error.*?: (.*)", r"\1"),
    (r"[‘'].*[’'] has no member named [‘'](\w+)[’'].*", r'it has no member "\1"'),
    (r"invalid types [‘'](.*)\[.*[’'] for array subscript",
     r'expression must have pointer-to-object type, and this one is "\1"'),
)  # fmt: skip

_OUR_NAMES = (
    (r"nogpu_(?:context|running)\.(?:nogpu::ThreadContext::)?thread\b", "threadIdx"),
    (r"nogpu_(?:context|running)\.(?:nogpu::ThreadContext::)?block\b", "blockIdx"),
    (r"nogpu_(?:context|running)\.(?:nogpu::ThreadContext::)?block_size\b", "blockDim"),
    (r"nogpu_(?:context|running)\.(?:nogpu::ThreadContext::)?grid_size\b", "gridDim"),
    (r"\bnogpu_barrier\b", "__syncthreads"),
    (r"\bnogpu_printf\b", "printf"),
    (r"\bnogpu::shuffle_with\b", "__shfl_sync"),
    (r"\bnogpu::", ""),
)


def in_cuda_words(message: str) -> str:
    """Return a compiler's `message` with CUDA's names, in nvcc's words where the mistake is a common one."""
    for pattern, name in _OUR_NAMES:
        message = re.sub(pattern, name, message)
    for pattern, words in _WORDS:
        changed, times = re.subn(f"^{pattern}$", words, message)
        if times:
            return changed
    return message


def explain(stderr: str, source: str) -> str:
    """Return the errors that the compiler wrote to `stderr`, with the lines of `source` they are about.

    Messages about other places than the learner's source are shown only where there is nothing else.
    """
    found = []
    for line in stderr.splitlines():
        match = _MESSAGE.match(line)
        if match and match.group(3) == "error":
            found.append((int(match.group(1)), int(match.group(2)), in_cuda_words(match.group(4))))
    visible = masked(source)
    if not found and visible.count("{") > visible.count("}"):  # the compiler noticed in what follows the source: ours
        last = len(source.rstrip().splitlines())
        found = [(last, 0, 'expected a "}" at the end of the source: one "{" is still open')]
    found = found or _in_table(stderr, source)
    if not found:
        return "\n".join(in_cuda_words(line) for line in stderr.splitlines()[:20])
    lines = source.splitlines()
    texts = [_show(number, column, message, lines) for number, column, message in found[:MAXIMUM_ERRORS]]
    errors = len(found)
    texts.append(f"{errors} error{'s' * (errors != 1)} detected in the compilation of {FILE_NAME}.")
    return "\n".join(texts)


def _in_table(stderr: str, source: str) -> list[tuple[int, int, str]]:
    """Return the error of a kernel that cannot be told from other functions of its name, if stderr is about that."""
    match = re.search(rf"^{TABLE_NAME}:(\d+):", stderr, re.MULTILINE)
    known = [] if needs_preprocessing(source) else kernels(source)
    if match is None or not 0 <= int(match.group(1)) - 2 < len(known):
        return []
    name = known[int(match.group(1)) - 2].name
    visible = masked(source)
    plain = re.escape(name.partition("<")[0].rpartition("::")[2])
    found = re.search(rf"\b__global__\b([^;{{}}]*?)\b{plain}\s*(?:<[^;{{}}()]*>)?\s*\(", visible)
    if found is None:
        return []
    if not re.search(r"\bvoid\b", found.group(1) + visible[max(0, found.start() - 40) : found.start()]):
        says = "a __global__ function must have a void return type: write results to memory"
    elif "&" in visible[found.end() : closing(visible, found.end() - 1)]:
        says = "a __global__ function cannot have a reference parameter: pass a pointer, or the value"
    else:
        says = f'more than one function is called "{name}": the C library has it, or there are two; choose another name'
    return [(line_of(visible, found.start()), 0, says)]


def explain_refusals(refused: Sequence[tuple[int, str]], source: str) -> str:
    """Return the sentences of `refusals.find_refused` in the same form."""
    lines = source.splitlines()
    return "\n".join(_show(number, 0, sentence, lines) for number, sentence in refused)


def _show(number: int, column: int, message: str, lines: Sequence[str]) -> str:
    text = f"{FILE_NAME}({number}): error: {message}"
    if 1 <= number <= len(lines):
        line = lines[number - 1].expandtabs(8)
        text += f"\n    {line}"
        if column:
            text += "\n    " + " " * (len(lines[number - 1][: column - 1].expandtabs(8))) + "^"
    return text
