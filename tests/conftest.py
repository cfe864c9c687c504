"""Every test runs without a window, and as a program's run rather than a reader's."""

import importlib
import os
import signal

os.environ["MPLBACKEND"] = "agg"
os.environ["COURSE_HEADLESS"] = "1"
os.environ["TRITON_INTERPRET"] = "1"  # lab 10; Triton reads it once, and whichever test comes first may import it
signal.signal(signal.SIGINT, signal.default_int_handler)  # or children of a shell's background job ignore Ctrl-C
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # or waiting threads burn the cores that others need

# Beside a CPU build of torch, torchvision's image.so fails to load. A failed load of a library with thread-local
# variables leaves a gap that glibc (2.36, dl-tls.c: _dl_add_to_slotinfo) stumbles over, and the process ends, if a
# multiple of 64 others with such variables were loaded before: every CUDA kernel with shared memory is one. So
# torchvision comes first; coursekit before it mends its import.
for name in ("coursekit", "torchvision"):
    importlib.import_module(name)
