"""Compiles CUDA C for the CPU: what nvcc is to PyCUDA. The real PyCUDA calls `compile_plain` with its own arguments.

Source → refusals → rewrite → C++ compiler with our precompiled device headers → shared object → cubin, kept in the
cache. There are two builds of one source: the fast one made here, and the sanitizer's inspecting one; a `Build` says
what differs.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import cache, cubin, diagnostics, host_wall, nvcc_rules, refusals, rewrite, settings
from . import source as cuda_source
from .runtime import DEVICE_HEADERS
from .toolchain import Toolchain

RULES = ("host_wall", "refusals", "nvcc_rules", "rewrite", "source")  # modules that a compiled kernel depends on
HEADER = "nogpu_device.h"
INCLUDES = DEVICE_HEADERS / "include"

LANGUAGE = (
    *("-fPIC", "-w", "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing", "-ftemplate-depth=256"),
    "-fcheck-new",  # on a device, `new` gives null where there is no room
)
LINK = ("-shared", "-nostdlib", "-Wl,-Bsymbolic")  # or a kernel named like a function of libm is replaced by that
# Code without barriers among the threads of a warp relies on `volatile`: each such access is reported to the runtime,
# which lets the other lanes catch up. (GCC's manual, tsan-distinguish-volatile; libtsan itself is not linked.)
VOLATILE = (
    "-fsanitize=thread",
    *("--param", "tsan-distinguish-volatile=1"),
    *("--param", "tsan-instrument-func-entry-exit=0"),
)


@dataclass(frozen=True)
class Build:
    """How one of the two builds of a source is compiled: its flags, and whether memory accesses are reported.

    `prepare` changes the object file before it is linked.
    """

    name: str
    flags: tuple[str, ...]
    gcc_flags: tuple[str, ...] = ()
    clang_flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    reports_accesses: bool = False
    prepare: Callable[[bytes], bytes] | None = None


FAST = Build("fast", ("-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"))


class CompileFailure(Exception):
    """The source does not compile; the text says why, in nvcc's form."""


def compile_plain(
    source: str, options: Sequence[str], keep: bool, nvcc: str, cache_dir: str | bool | None, target: str = "cubin"
) -> bytes:
    """Stand in for `pycuda.compiler.compile_plain`: return the cubin of `source`.

    `options` are nvcc's. `cache_dir` false means: compile anew; else our own cache folder is used, not PyCUDA's.
    `keep` and `nvcc` mean nothing here. Raises `pycuda.driver.CompileError`, also for the target "ptx".
    """
    from pycuda.driver import CompileError

    if target == "ptx":
        raise CompileError(
            "nogpu compiles for the CPU and has no PTX: `pip install .[nvrtc]` brings NVIDIA's compiler", []
        )
    try:
        return compile_cubin(source, tuple(options), use_cache=cache_dir is not False)
    except CompileFailure as failure:
        raise CompileError(f"{rewrite.FILE_NAME} does not compile", [], stderr=str(failure)) from None


def compile_cubin(source: str, options: tuple[str, ...] = (), build: Build = FAST, use_cache: bool = True) -> bytes:
    """Return the compiled form of the CUDA C `source`. Raises CompileFailure."""
    toolchain = Toolchain.find()
    wishes = Options.read(options)
    name = f"{cache.key(build.name, source, *options, *wishes.contents(source), _device_key(toolchain, build))}.cubin"
    stored = cache.load(name) if use_cache else None
    if stored is not None:
        return stored
    own = rewrite.own_text(source)
    refused = refusals.find_refused(own, wishes.folders, INCLUDES, in_extern_c=own != source)
    if not refused and refusals.needs_second_look(own):
        joined = refusals.without_splices(own)
        refused = refusals.find_refused(joined, wishes.folders, INCLUDES)
        refused = refused or refusals.find_refused_words(_put_together(toolchain, joined))
    refused = refused or nvcc_rules.find_violations(own)
    if refused:
        raise CompileFailure(diagnostics.explain_refusals(refused, own))
    reports = build.reports_accesses or "volatile" in cuda_source.masked(source)
    text = rewrite.to_cpp(source, wishes.macros, lambda s: _preprocess(toolchain, wishes, s))
    with tempfile.TemporaryDirectory(prefix="nogpu-") as folder:
        result = Path(folder) / "module.so"
        _compile(toolchain, build, wishes, reports, text, own, result)
        image = result.read_bytes()
        trespasses = host_wall.find_trespasses(image, own, has_own_start=reports)
        if trespasses:
            raise CompileFailure(diagnostics.explain_refusals(trespasses, own))
        made = cubin.pack(image, cubin.Origin(source, options))
    cache.store(name, made)
    return made


@dataclass(frozen=True)
class Options:
    """nvcc's options, as far as they mean something here; the others tune what only a GPU has, and are ignored."""

    macros: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    standard: str = "gnu++17"

    @staticmethod
    def read(options: Sequence[str]) -> Options:
        """Read nvcc's `options`: -D, -I and -std, in one word or two."""
        macros, folders, standard = [], [], "gnu++17"
        words = iter(options)
        for word in words:
            for prefix in ("-D", "--define-macro=", "-I", "--include-path=", "-std=", "--std="):
                if word.startswith(prefix):
                    value = word[len(prefix) :] or next(words, "")
                    if "-D" in prefix or "macro" in prefix:
                        macros.append(value)
                    elif "std" not in prefix:
                        folders.append(Path(value))
                    elif value in ("c++20", "c++23"):  # older ones are contained in C++17, which the headers need
                        standard = value.replace("c++", "gnu++")
                    break
        return Options(tuple(macros), tuple(folders), standard)

    def contents(self, source: str) -> list[str]:
        """Return the texts of the learner's own headers: a change in one is a change of the module."""
        texts, seen, waiting = [], set(), [source]
        while waiting:
            for _, name, _ in cuda_source.includes(waiting.pop()):
                for folder in self.folders:
                    path = folder / name
                    if path not in seen and path.is_file():
                        seen.add(path)
                        text = path.read_text(errors="replace")
                        texts.append(text)
                        waiting.append(text)
        return texts


def _flags(toolchain: Toolchain, build: Build, standard: str, reports: bool) -> list[str]:
    flags = [f"-std={standard}", *LANGUAGE, *toolchain.jump_flags, *toolchain.cpu_flags, *build.flags]
    if toolchain.is_clang:
        flags.append("-Wno-invalid-constexpr")  # PyCUDA's complex numbers have a constexpr that calls log
    else:
        # Symbols of inline functions would otherwise be shared by all modules of the process.
        flags += ["-fno-gnu-unique", "-fno-semantic-interposition"]
    flags += build.clang_flags if toolchain.is_clang else build.gcc_flags
    if reports:
        flags += VOLATILE if not toolchain.is_clang else ["-fsanitize=thread", "-mllvm", "-tsan-distinguish-volatile"]
    return flags


def _compile(
    toolchain: Toolchain, build: Build, wishes: Options, reports: bool, text: str, own: str, result: Path
) -> None:
    flags = _flags(toolchain, build, wishes.standard, reports)
    folders = [f"-I{folder}" for folder in (INCLUDES, DEVICE_HEADERS, *wishes.folders)]
    command = [*flags, *_header(toolchain, flags), *folders, "-x", "c++", "-"]
    if not reports:
        answer = toolchain.try_run([*command, *LINK, "-o", str(result)], text)
    else:  # in two steps, for the linker would add libtsan
        thing = result.with_suffix(".o")
        answer = toolchain.try_run([*command, "-c", "-o", str(thing)], text)
        if answer.returncode == 0:
            if build.prepare is not None:
                thing.write_bytes(build.prepare(thing.read_bytes()))
            answer = toolchain.try_run([*LINK, *build.link_flags, str(thing), "-o", str(result)], "")
    if answer.returncode != 0:
        raise CompileFailure(diagnostics.explain(answer.stderr, own))


def _header(toolchain: Toolchain, flags: Sequence[str]) -> list[str]:
    """Return the options that put the device headers first: precompiled, or as they are where that cannot be kept."""
    folder = settings.cache_folder() / f"headers-{cache.key(_headers_text(), toolchain.identity, *flags)}"
    precompiled = folder / (f"{HEADER}.pch" if toolchain.is_clang else f"{HEADER}.gch")
    try:
        if not precompiled.exists():
            header = folder / HEADER
            with cache.new_file(header) as path:  # read instead, should the compiler not like the precompiled one
                path.write_text(f'#include "{DEVICE_HEADERS / HEADER}"\n')
            with cache.new_file(precompiled) as path:
                toolchain.run(
                    [*flags, f"-I{DEVICE_HEADERS}", "-x", "c++-header", str(header), "-o", str(path)],
                    "",
                    "the precompiled device headers",
                )
    except OSError:
        return ["-include", str(DEVICE_HEADERS / HEADER)]
    return ["-include-pch", str(precompiled)] if toolchain.is_clang else ["-include", str(folder / HEADER)]


def _preprocess(toolchain: Toolchain, wishes: Options, source: str) -> str:
    """Return `source` after the preprocessor, without the headers of CUDA and the C library: kernels can be seen."""
    folders = [f"-I{folder}" for folder in wishes.folders]
    macros = [f"-D{macro}" for macro in wishes.macros]
    known = {name for _, name, quoted in cuda_source.includes(source) if not quoted}
    lines = [
        "" if any(f"<{name}>" in line for name in known) and line.lstrip().startswith("#") else line
        for line in source.splitlines()
    ]
    builtin = ["-D__CUDACC__=1", "-D__NVCC__=1", "-D__CUDA_ARCH__=750", "-D__CUDACC_VER_MAJOR__=13"]
    answer = toolchain.try_run(["-E", "-P", "-w", "-x", "c++", *folders, *macros, *builtin, "-"], "\n".join(lines))
    return answer.stdout if answer.returncode == 0 else source


def _put_together(toolchain: Toolchain, own: str) -> str:
    """Return the learner's own text after the preprocessor, without any header."""
    lines = ["" if re.match(r"\s*(?:#|%:)\s*include", line) else line for line in own.splitlines()]
    answer = toolchain.try_run(["-E", "-w", "-x", "c++", "-"], "\n".join(lines))
    return answer.stdout


_headers_cache: dict[str, str] = {}


def _headers_text() -> str:
    if "text" not in _headers_cache:
        # What was compiled under other rules, or written otherwise, is not used.
        rules = (Path(__file__).with_name(f"{name}.py") for name in RULES)
        headers = (path for path in sorted(DEVICE_HEADERS.rglob("*")) if path.is_file())
        _headers_cache["text"] = "".join(path.read_text() for path in (*headers, *rules))
    return _headers_cache["text"]


def _device_key(toolchain: Toolchain, build: Build) -> str:
    flags = (*build.flags, *build.gcc_flags, *build.clang_flags, *build.link_flags)
    return cache.key(_headers_text(), toolchain.identity, *flags, *LANGUAGE, *LINK, *VOLATILE)
