"""The inspecting build: the same source as the fast build's, compiled so that every memory access calls the runtime.

-fsanitize=thread makes the calls; libtsan is not linked, the runtime has functions of the same names (accesses.cpp).
-fsanitize-coverage=trace-pc adds one call for each basic block, for the profile.
"""

from __future__ import annotations

from ..compiler import Build
from .redzones import widen

INSPECTING = Build(
    "inspecting",
    ("-O1", "-g1", "-gdwarf-4", "-DNOGPU_INSPECTING", "-fno-math-errno", "-fno-trapping-math", "-fdata-sections"),
    # An access keeps its own call and its own line: none are joined, moved or made from others.
    gcc_flags=(
        "-fsanitize-coverage=trace-pc",
        "-fno-thread-jumps", "-fno-crossjumping", "-fno-tree-vectorize", "-fno-tree-loop-distribute-patterns",
        "-fno-store-merging", "-fno-tree-sra", "-fno-ipa-icf", "-fno-tree-tail-merge", "-fno-jump-tables",
        "-fno-tree-bit-ccp",  # or an address that is seen to be misaligned is reported as a range of bytes
    ),
    clang_flags=(
        "-fno-finite-loops",  # or an endless loop that computes nothing is left out
        "-fsanitize-coverage=bb,no-prune,trace-pc",
        "-fno-vectorize", "-fno-slp-vectorize", "-mllvm", "-tsan-instrument-read-before-write",
        "-mllvm", "-tsan-instrument-func-entry-exit=0",
        # or branches become selections that compute both sides
        "-mllvm", "-phi-node-folding-threshold=0", "-mllvm", "-two-entry-phi-node-folding-threshold=0",
    ),
    # copies that the compiler makes of structures, and those that the learner calls for, are accesses, too
    link_flags=("-Wl,--wrap=memcpy", "-Wl,--wrap=memmove", "-Wl,--wrap=memset"),
    reports_accesses=True,
    prepare=widen,
)  # fmt: skip
