"""Every test runs without a window, and as a program's run rather than a reader's."""

import os

os.environ["MPLBACKEND"] = "agg"
os.environ["COURSE_HEADLESS"] = "1"
