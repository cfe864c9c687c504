"""Every test runs without a window, and as a program's run rather than a reader's."""

import os

os.environ["MPLBACKEND"] = "agg"
os.environ["COURSE_HEADLESS"] = "1"
os.environ["TRITON_INTERPRET"] = "1"  # lab 10; Triton reads it once, and whichever test comes first may import it
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # or waiting threads burn the cores that others need
