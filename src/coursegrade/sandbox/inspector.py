"""The process that compiles and inspects a learner's CUDA kernels for the judge, with nothing of their Python in it.

`sandbox.nursery` forks it, confines it and calls `serve`; `grading.inspection` is the judge's side. It lives
for the time of one task. Sources and arrays come in, the report and the changed arrays go out, all by copy.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from coursegrade.sandbox.channel import Channel, ChannelError, decode, encode

MOST_TEXT = 20_000  # characters of a compiler's complaint


def serve(channel: Channel) -> None:
    """Inspect what the judge sends until it closes the channel or this process is ended from outside."""
    channel.send({"ready": True})
    while True:
        try:
            request = channel.receive()
        except ChannelError:
            return
        channel.send(_answer(request))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    import nogpu

    source, kernel, arguments, launch = decode(request["inspect"])
    given = [value[()] if isinstance(value, np.ndarray) and value.shape == () else value for value in arguments]
    try:
        report = nogpu.inspect(source, kernel, *given, **launch)
    except Exception as error:
        return {"raised": [type(error).__name__, str(error)[:MOST_TEXT], ""]}
    arrays = [value for value in given if isinstance(value, np.ndarray)]
    return {"value": encode([json.dumps(report.to_plain()), arrays])}
