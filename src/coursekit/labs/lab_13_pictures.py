"""The picture that lab 13's first check shows beside a wrong answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import BLUE, ORANGE

Triple = Sequence[int]


def draw_profiles(requests: np.ndarray[Any, Any], got: Sequence[Triple], expected: Sequence[Triple]) -> Any:
    """Draw the share of the images by batch size, and below it the learner's profiles and the expected ones.

    `requests` (n,) counts requests by batch size; a profile is (min, opt, max): a line with a diamond at opt.
    """
    images = requests * np.arange(len(requests))
    share = 100 * images / max(images.sum(), 1)
    figure, axis = plt.subplots(figsize=(8, 3.6))
    axis.bar(np.arange(len(requests)), share, color=BLUE)
    looks = ((got, "yours", ORANGE, "-", -0.12), (expected, "expected", "black", "--", -0.24))
    for triples, label, color, line, place in looks:
        height = place * share.max()
        for number, (least, opt, most) in enumerate(triples):
            name = label if number == 0 else None
            axis.plot([least, most], [height, height], linestyle=line, marker="|", color=color, label=name)
            axis.plot([opt], [height], marker="D", color=color)
    axis.set(title="Images by batch size, and the profiles", xlabel="batch size", ylabel="share of the images (%)")
    axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick <= 1.1 * share.max()])
    axis.legend()
    return figure
