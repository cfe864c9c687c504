"""Show a model file in Netron inside a notebook: a server on this machine's loopback address, framed in the page.

The server is a thread of the notebook's kernel and ends with it. In a headless run (`make run`, tests) no frame is
drawn, since its page would outlive the server; the caller goes on either way.
"""

from __future__ import annotations

import logging
import os
import re
from html import escape
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
OWN_COOKIES = "<script>Object.defineProperty(document, 'cookie', {get: () => 'consent=asked', set: () => {}});</script>"


def headless() -> bool:
    """Say whether the notebook is run by a program rather than read by a person (COURSE_HEADLESS is set)."""
    return bool(os.environ.get("COURSE_HEADLESS"))


def show(path: str | os.PathLike[str], *, height: int = 520, port: int = 0, beside: str = "") -> None:
    """Serve the model file at `path` with Netron and frame it in the notebook, `height` pixels high.

    port: the loopback port, 0 for any free one; beside: text to show left of the graph, a torch model's `str()`, say.
    FileNotFoundError if there is no such file; where no server can be started, a sentence says so and the notebook
    goes on.
    """
    from IPython.display import HTML, IFrame, display

    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"no model file at {file}: run the cell that writes it first")
    if headless():
        if beside:
            print(beside, end="\n\n")
        print(f"Netron shows {file.name} here when you open this notebook in JupyterLab.")
        return
    try:
        url = serve(file, port=port)
    except OSError as error:
        print(f"Netron could not be started ({error}). In a terminal, `netron {file.name}` shows the same model.")
        return
    print(f"Netron shows {file.name} at {url}. On a remote machine, forward that port or open the file on netron.app.")
    frame = IFrame(url, width="100%", height=height)
    text = f'<pre style="margin: 0; overflow: auto; white-space: pre; flex: 0 0 40%">{escape(beside)}</pre>'
    page = f'<div style="display: flex; height: {height}px">{text}{frame._repr_html_()}</div>'
    display(HTML(page) if beside else frame)


def serve(path: Path, *, port: int = 0) -> str:
    """Start a Netron server for `path` and return its address; OSError if the port is taken."""
    import netron.server

    if port:
        _refuse_taken(port)  # netron itself would fail only inside a log message
    root = logging.getLogger()
    silence = logging.NullHandler()
    root.addHandler(silence)  # or netron would turn on every library's INFO messages
    try:
        host, actual = netron.server.serve(str(path), address=(LOOPBACK, port))
    finally:
        root.removeHandler(silence)
    # netron keeps the model on its handler class, so a second server would change what the first one shows.
    for thread in netron.server._threads((host, actual)):
        thread.server.RequestHandlerClass = _private(thread.server.RequestHandlerClass)
    return f"http://{host}:{actual}"


def _refuse_taken(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise OSError(f"port {port} is taken") from error


def _private(handler: Any) -> type:
    """Return netron's request handler with a page that keeps to itself: it shows the model at once and calls nobody.

    As shipped, the page looks up where you are, asks for consent to cookies, reports its use, and half a year after its
    release shows nothing but a request to update (netron 9.3: browser.js, `view`). Version 0.0.0 marks a developer's
    copy, which reports nothing; without a date it has no age; it reads its consent from a cookie jar of its own.
    """

    class Handler(handler):
        content = handler.content

        def _write(self, status_code: int, content_type: str | None, content: bytes | None) -> None:
            if content_type == "text/html" and content:
                page = re.sub('(<meta name="version" content=)"[^"]*"', r'\1"0.0.0"', content.decode())
                page = re.sub('<meta name="date" content="[^"]*">', "", page)
                page = page.replace("script-src 'self'", "script-src 'self'; connect-src 'self'", 1)
                content = page.replace("<head>", f"<head>{OWN_COOKIES}", 1).encode()
            super()._write(status_code, content_type, content)

    return Handler
