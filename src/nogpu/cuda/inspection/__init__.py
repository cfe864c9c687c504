"""The sanitizer and the profile: what is wrong with a kernel, and what it costs, found by running it on the CPU.

inspect.py      `nogpu.inspect`: one kernel, one launch, a Report
sanitizer.py    `nogpu.sanitizer`: every launch through the PyCUDA stand-in
build.py        the second build of a source, which reports every memory access; redzones.py serves it
kernel.py       a source so compiled: its kernels, variables and lines (lines.py), its parameters (signature.py)
buffers.py      arguments: device memory with guards around it
library.py      the C++ side (runtime_source/inspection.h), for ctypes
wording.py      records in words: Finding; report.py shows them
profile.py      requests, sectors, bank conflicts, divergence
"""
