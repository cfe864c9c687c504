"""The cache of compiled things: a folder of files named by a hash of everything that went into them.

Written so that nothing can hurt it: a file appears whole or not at all (written beside, then renamed), two writers of
the same file write the same thing, a deleted folder is made anew, and what cannot be written is simply not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import settings

MAXIMUM_BYTES = 512 << 20  # then the files that were not used for the longest time go
TRIM_EVERY = 64  # looked at when a new file's hash falls on it


def key(*parts: str) -> str:
    """Return a name for the combination of `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]


def load(name: str) -> bytes | None:
    """Return what was stored under `name`, or None. A file that was cut short by a crash counts as absent."""
    path = settings.cache_folder() / name
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    digest, data = stored[:32], stored[32:]
    if hashlib.sha256(data).digest() != digest:
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return data


def store(name: str, data: bytes) -> None:
    """Keep `data` under `name` if the disk allows it."""
    target = settings.cache_folder() / name
    with contextlib.suppress(OSError):
        with new_file(target) as path:
            path.write_bytes(hashlib.sha256(data).digest() + data)
        if int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % TRIM_EVERY == 0:
            _trim()


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a path to write to; when the block ends well, the file becomes `target` in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-", suffix=target.suffix)
    os.close(handle)
    path = Path(name)
    try:
        yield path
        path.replace(target)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _trim() -> None:
    files = []
    for path in settings.cache_folder().glob("*.cubin"):
        with contextlib.suppress(OSError):
            facts = path.stat()
            files.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= MAXIMUM_BYTES:
            break
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
